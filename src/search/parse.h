/* parse.h - what the files that parse queries share; private to search/. */
#ifndef KDM_SEARCH_PARSE_H
#define KDM_SEARCH_PARSE_H

#include "search/date_math.h"
#include "search/query.h"

#define KDM_QUERY_MAX_WILDCARD     1000        /* bytes of a pattern; its work grows with it */
#define KDM_QUERY_MAX_OWN_WILDCARD (64u << 10) /* of the server's own, all but its stars literal   \
                                                */

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
/* The same for what is asked of values: NULL for objects too, which have none of their own. */
bool kdm_query_leaf(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_str name,
                    const struct kdm_field **ret_field);

/* What the collections that are searched together have at this name; parser->peers is not NULL.
 * Those whose values are of one kind (texts, numbers, dates, ..) can be ordered and counted
 * together. */
const struct kdm_peer_field *kdm_query_peers(struct kdm_query_parser *parser, struct kdm_str name);
/* Are its numbers not all whole ones? */
bool kdm_field_real(const struct kdm_field *field);

/* A query's value typed for a field. `reading` NULL: as the field says, in UTC. */
bool kdm_query_key(struct kdm_query_parser *parser, struct kdm_str clause,
                   const struct kdm_field *field, struct kdm_val value, bool round_up,
                   const struct kdm_date_reading *reading, struct kdm_key *ret_key);

/* One value on a field: TERMS, or for a network ("10.0.0.0/8") on an ip the RANGE of its addresses.
 * NULL with a failure. */
struct kdm_query *kdm_query_value(struct kdm_query_parser *parser, struct kdm_str clause,
                                  const struct kdm_field *field, struct kdm_val value);
/* Any of several values likewise, with a clause for each network. */
struct kdm_query *kdm_query_any(struct kdm_query_parser *parser, struct kdm_str clause,
                                const struct kdm_field *field, const struct kdm_val *values,
                                size_t count);

/* "time_zone" of params; *ret_zone NULL: none is named, or UTC. false with a failure. */
bool kdm_query_zone(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val params,
                    const struct kdm_zone **ret_zone);

/* A side of a range; NONE and null: it has no end. */
struct kdm_bound {
    struct kdm_val value;
    bool open; /* the value itself is outside */
};

struct kdm_query *kdm_range_query(struct kdm_query_parser *parser, struct kdm_str clause,
                                  const struct kdm_field *field, const struct kdm_bound *low,
                                  const struct kdm_bound *high,
                                  const struct kdm_date_reading *reading);
struct kdm_query *kdm_exists_query(struct kdm_query_parser *parser, struct kdm_str clause,
                                   struct kdm_str path);

/* A member of `params` that may be absent; false with a failure when it has another type. */
bool kdm_query_bool_param(struct kdm_query_parser *parser, struct kdm_str clause,
                          struct kdm_val params, const char *name, bool *value);
bool kdm_query_number_param(struct kdm_query_parser *parser, struct kdm_str clause,
                            struct kdm_val params, const char *name, double least, double most,
                            double *number);
/* Only members in `known` (NULL-terminated), "boost" and "_name" may be there; reads the boost. */
bool kdm_query_params(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val params,
                      const char *const *known, float *ret_boost);

/* TERMS on one field; sorts `keys`. */
struct kdm_query *kdm_query_terms(struct kdm_query_parser *parser, const struct kdm_field *field,
                                  struct kdm_key *keys, size_t count);

typedef struct kdm_query *kdm_clause_fn(struct kdm_query_parser *parser, struct kdm_str clause,
                                        struct kdm_val body);

kdm_clause_fn kdm_clause_term, kdm_clause_terms, kdm_clause_range, kdm_clause_exists,
    kdm_clause_ids, kdm_clause_prefix, kdm_clause_wildcard, kdm_clause_regexp, kdm_clause_fuzzy;
kdm_clause_fn kdm_clause_match, kdm_clause_match_phrase, kdm_clause_match_phrase_prefix,
    kdm_clause_match_bool_prefix, kdm_clause_multi_match, kdm_clause_query_string,
    kdm_clause_simple_query_string;
kdm_clause_fn kdm_clause_geo_distance, kdm_clause_geo_bounding_box, kdm_clause_geo_polygon,
    kdm_clause_geo_shape;

/* minimum_should_match of `count` clauses: "3", "-1", "75%", "-25%", "2<75% 9<-3". It may be more
 * than there are. false with a failure: it is none of them. */
bool kdm_query_minimum(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val value,
                       size_t count, size_t *ret_minimum);

/* "10km" in metres, Elasticsearch's units; a bare number is metres. */
bool kdm_geo_metres(struct kdm_str text, double *ret_metres);

#endif
