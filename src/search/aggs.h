/* aggs.h - aggregations over the documents that a search matched.
 * Parsed once from the request's "aggs", fed chunk by chunk by kdm_projection_search(), which
 * leaves the result as Elasticsearch's JSON. Values are read from columns; a document counts once a
 * bucket, and everything is exact, cardinality and percentiles too. What is collected and what is
 * answered are both bounded.
 */
#ifndef KDM_SEARCH_AGGS_H
#define KDM_SEARCH_AGGS_H

#include "search/query.h"

#define KDM_AGGS_MAX           256 /* aggregations of a request */
#define KDM_AGGS_MAX_DEPTH     16
#define KDM_AGGS_MAX_BUCKETS   65536      /* in an answer */
#define KDM_AGGS_MAX_COLLECTED (1u << 20) /* buckets before the best are chosen */
#define KDM_AGGS_MAX_VALUES    (8u << 20) /* kept for percentiles and cardinality */

struct kdm_aggs;

/* `definition` is the value of "aggs" or "aggregations"; everything is in `arena`. NULL with
 * *ret_failure: unexpected_bad_request that names the aggregation. For one search. */
struct kdm_aggs *kdm_aggs_parse(struct kdm_arena *arena, const struct kdm_mapping *mapping,
                                struct kdm_val definition, int64_t now_ms,
                                struct kdm_failure *ret_failure);

/* What the search found: {"name":{..},..}. none before it ran. top_hits has sources when the
 * search can fetch them. */
struct kdm_str kdm_aggs_text(const struct kdm_aggs *aggs);

#endif
