/* search_internal.h - parts of a search request; private to search/. */
#ifndef KDM_SEARCH_SEARCH_INTERNAL_H
#define KDM_SEARCH_SEARCH_INTERNAL_H

#include "search/parse.h"
#include "search/search.h"

/* body.sort and body.search_after into `search`; false with the parser's failure. */
bool kdm_sort_parse(struct kdm_query_parser *parser, struct kdm_val body,
                    struct kdm_search *search);

/* body._source, _source_includes, _source_excludes. */
bool kdm_source_parse(struct kdm_query_parser *parser, struct kdm_val body,
                      struct kdm_source_filter *filter);

#endif
