/* aggs.h - aggregations over the documents that a search matched.
 * Parsed once from the request's "aggs", fed chunk by chunk by kdm_projection_search(), which
 * leaves the result as Elasticsearch's JSON. Values are read from columns; a document counts once a
 * bucket, and everything is exact, cardinality and percentiles too. What is collected and what is
 * answered are both bounded.
 */
#ifndef KDM_SEARCH_AGGS_H
#define KDM_SEARCH_AGGS_H

#include "search/projection.h"

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

/* Several collections: each is searched with its own parsed `aggs` and the same `total`
 * (kdm_projection_search), which takes in what they collect and then answers once for all of them.
 * Each was parsed with the mappings of all (kdm_search_request), so that they mean the same. */

/* An empty total of what `aggs`, which no search has used yet, asks. In `arena` but for what grows
 * with what it takes in; that is freed with kdm_aggs_destroy_total(). */
struct kdm_aggs *kdm_aggs_total(struct kdm_arena *arena, const struct kdm_aggs *aggs);
/* Makes its text, in `arena`, of all it took in; holds no projection, fetches sources of top_hits
 * as the searches would. Once. */
enum kdm_projection_result kdm_aggs_answer(struct kdm_aggs *total, struct kdm_arena *arena,
                                           struct kdm_arena *scratch);
/* NULL is fine. */
void kdm_aggs_destroy_total(struct kdm_aggs *total);

/* What the search found: {"name":{..},..}. none before it ran. top_hits has sources when the
 * search can fetch them. */
struct kdm_str kdm_aggs_text(const struct kdm_aggs *aggs);

#endif
