/* search_plan.h - one search over one or several collections: what matches, in which order, and how
 * a hit is told. Every document of the collections is looked at. That is exact and sees every write
 * at once; an index over the fields (design section 6) is to answer the same questions without
 * reading all. Loop thread only.
 */
#ifndef KDM_ACTION_KUZZLE_SEARCH_PLAN_H
#define KDM_ACTION_KUZZLE_SEARCH_PLAN_H

#include "action/kuzzle/target.h"
#include "search/search.h"

/* A search in one collection. It lives as long as the transaction: the scan calls it from the loop.
 */
struct kdm_plan_part {
    struct kdm_arena *arena; /* the transaction's */
    struct kdm_collection *collection;
    struct kdm_search *search;
    struct kdm_failure failure; /* of a match: the search is given up */
    struct kdm_doc_list docs;   /* that matched */
};

struct kdm_plan {
    struct kdm_plan_part *parts;
    size_t count;
};

/* Parsed for each collection, since its mapping says what a query means; once a transaction. NULL:
 * the transaction has failed. */
struct kdm_plan *kdm_plan_make(struct kdm_tx *tx, struct kdm_collection *const *collections,
                               size_t count, const struct kdm_search_request *request);

/* Fills docs of each part. false: wait, or the transaction has failed. */
bool kdm_plan_find(struct kdm_tx *tx, struct kdm_plan *plan);

/* What was found, in the order that was asked for. */
struct kdm_ranking {
    struct kdm_hit *hits; /* all; owner is the part */
    size_t total;
    size_t first, count; /* the page */
};
/* false: the transaction has failed. */
bool kdm_plan_rank(struct kdm_tx *tx, const struct kdm_plan *plan, struct kdm_ranking *ret_ranking);

/* {"_id","_score","_source","index","collection"}; of a collection of the server's own without the
 * last two. */
void kdm_plan_put_hit(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_hit *hit);

/* --- what requests for searches share ------------------------------------------------------- */

/* `lang` of the request. */
enum kdm_search_lang kdm_search_lang_of(const struct kdm_args *args);

/* false: more than limits.documentsFetchCount are asked for, the transaction has failed. */
bool kdm_search_size_allowed(struct kdm_tx *tx, int64_t from, int64_t size);

#endif
