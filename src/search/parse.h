/* parse.h - what the files that parse queries share; private to search/. */
#ifndef KDM_SEARCH_PARSE_H
#define KDM_SEARCH_PARSE_H

#include "search/query.h"

struct kdm_query *kdm_query_new(struct kdm_query_parser *parser, enum kdm_query_kind kind);
/* `child` in a BOOL that excludes it. */
struct kdm_query *kdm_query_not(struct kdm_query_parser *parser, struct kdm_query *child);
void kdm_query_add(struct kdm_query_parser *parser, struct kdm_query_list *list,
                   struct kdm_query *query);

/* unexpected_bad_request: "failed to create query: [<clause>] <text>". Returns NULL, to be
 * returned. */
struct kdm_query *kdm_query_fail(struct kdm_query_parser *parser, struct kdm_str clause,
                                 const char *format, ...) __attribute__((format(printf, 3, 4)));

/* What a client wrote, for kdm_query_fail(): NUL-terminated, cut to 100 bytes between characters.
 */
const char *kdm_query_shown(struct kdm_query_parser *parser, struct kdm_str text);

/* Counts one clause; false with a failure beyond the limit. */
bool kdm_query_count(struct kdm_query_parser *parser, struct kdm_str clause);

/* The field that a query names, _id and keys of flattened fields too; *ret_field NULL: not mapped,
 * matches nothing. false with a failure: it can't be searched. */
bool kdm_query_field(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_str name,
                     const struct kdm_field **ret_field);

/* A query's value typed for a field. `format` NULL: the field's own. */
bool kdm_query_key(struct kdm_query_parser *parser, struct kdm_str clause,
                   const struct kdm_field *field, struct kdm_val value, bool round_up,
                   const struct kdm_date_format *format, struct kdm_key *ret_key);

/* A member of `params` that may be absent; false with a failure when it has another type. */
bool kdm_query_bool_param(struct kdm_query_parser *parser, struct kdm_str clause,
                          struct kdm_val params, const char *name, bool *value);
/* Only members in `known` (NULL-terminated), "boost" and "_name" may be there; reads the boost. */
bool kdm_query_params(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val params,
                      const char *const *known, float *ret_boost);

/* TERMS on one field; sorts `keys`. */
struct kdm_query *kdm_query_terms(struct kdm_query_parser *parser, const struct kdm_field *field,
                                  struct kdm_key *keys, size_t count);

typedef struct kdm_query *kdm_clause_fn(struct kdm_query_parser *parser, struct kdm_str clause,
                                        struct kdm_val body);

kdm_clause_fn kdm_clause_term, kdm_clause_terms, kdm_clause_range, kdm_clause_exists,
    kdm_clause_ids, kdm_clause_prefix, kdm_clause_wildcard, kdm_clause_regexp;
kdm_clause_fn kdm_clause_match, kdm_clause_match_phrase, kdm_clause_match_phrase_prefix,
    kdm_clause_multi_match;
kdm_clause_fn kdm_clause_geo_distance, kdm_clause_geo_bounding_box, kdm_clause_geo_polygon;

/* "3", "-1", "75%" of `count`, never beyond it; false: it is none of them. */
bool kdm_query_minimum(struct kdm_query_parser *parser, struct kdm_val value, size_t count,
                       size_t *ret_minimum);

/* "10km" in metres, Elasticsearch's units; a bare number is metres. */
bool kdm_geo_metres(struct kdm_str text, double *ret_metres);

#endif
