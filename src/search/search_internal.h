/* search_internal.h - parts of a search request; private to search/. */
#ifndef KDM_SEARCH_SEARCH_INTERNAL_H
#define KDM_SEARCH_SEARCH_INTERNAL_H

#include "search/parse.h"
#include "search/search.h"

/* body.sort and body.search_after into `search`; false with the parser's failure. */
bool kdm_sort_parse(struct kdm_query_parser *parser, struct kdm_val body,
                    struct kdm_search *search);

/* "_geo_distance" of a sort; `body` is its value. */
bool kdm_sort_distance_parse(struct kdm_query_parser *parser, struct kdm_val body,
                             struct kdm_sort *sort);
/* "asc" or "desc"; "min" to "median". */
bool kdm_sort_order_parse(struct kdm_query_parser *parser, struct kdm_val value,
                          struct kdm_sort *sort);
bool kdm_sort_mode_parse(struct kdm_query_parser *parser, struct kdm_val value,
                         struct kdm_sort *sort);

/* May hits be ordered by it? */
bool kdm_sort_suits(const struct kdm_field *field);

/* Has the field called `name` values of one kind in all collections that are searched together?
 * Numbers of one and texts of another have no order. false with a failure. */
bool kdm_sort_alike(struct kdm_query_parser *parser, struct kdm_str name);

/* "from" or "size": `given` with the request (-1: not), else body's, else `absent`. */
bool kdm_search_count_parse(struct kdm_query_parser *parser, struct kdm_val body, const char *name,
                            int64_t given, int64_t absent, int64_t *ret_count);

/* An object of inner_hits: its order and page. `name` when it has none. */
bool kdm_inner_hits_parse(struct kdm_query_parser *parser, struct kdm_val value,
                          struct kdm_str name, struct kdm_inner_hits *inner);

/* Those of nested queries, as they are met. */
struct kdm_nested_list {
    struct kdm_nested_hits *items[KDM_SEARCH_MAX_INNER];
    size_t count;
};

/* The inner_hits of a nested query, if `body` has any, into parser->inner. */
bool kdm_nested_hits_parse(struct kdm_query_parser *parser, struct kdm_val body,
                           const struct kdm_query *query);

/* Are all names different, and is it not too much for a page? */
bool kdm_inner_hits_check(struct kdm_query_parser *parser, const struct kdm_search *search);

/* Reads what `hit` is sorted by from one of the objects of `nested`. */
void kdm_search_object_values(const struct kdm_search *order, const struct kdm_field *nested,
                              struct kdm_arena *arena, struct kdm_val object, struct kdm_hit *hit);

/* body.collapse into `search`. */
bool kdm_collapse_parse(struct kdm_query_parser *parser, struct kdm_val body,
                        struct kdm_search *search);

/* body.highlight into `search`, whose query is there already. */
bool kdm_highlight_parse(struct kdm_query_parser *parser, struct kdm_val body,
                         struct kdm_search *search);

/* The value of "aggs"; see kdm_aggs_parse(). */
struct kdm_aggs *kdm_aggs_read(const struct kdm_query_parser *parser, struct kdm_val definition);

/* body._source, _source_includes, _source_excludes. */
bool kdm_source_parse(struct kdm_query_parser *parser, struct kdm_val body,
                      struct kdm_source_filter *filter);

#endif
