/* scan_search.h - a search that reads the whole collection.
 * Until the projection of the search issue answers searches, every document is read and asked. What
 * the caller sees is what it will see then: hits in order, their page, and the total. Loop thread
 * only.
 */
#ifndef KDM_ACTION_SCAN_SEARCH_H
#define KDM_ACTION_SCAN_SEARCH_H

#include "search/search.h"
#include "tx/tx.h"

struct kdm_scan_search {
    struct kdm_str name; /* tells apart two searches of one transaction */
    struct kdm_collection *collection;
    struct kdm_search_request request;
    kdm_tx_match_fn *accepts; /* what must hold beside the query, or NULL; pure */
    void *ctx;                /* of accepts; lives as long as the transaction */
};

struct kdm_scan_found {
    const struct kdm_search *search;
    struct kdm_hit *hits; /* the page; owner is the struct kdm_doc */
    size_t count;
    size_t total;
};

/* false: wait, or the transaction has failed with what is wrong in the query. */
bool kdm_scan_search(struct kdm_tx *tx, const struct kdm_scan_search *ask,
                     struct kdm_scan_found *ret_found);

/* The hits as elements of an array: {"_id","_score","_source","index","collection"}. */
void kdm_scan_put_hits(struct kdm_tx *tx, const struct kdm_scan_search *ask,
                       const struct kdm_scan_found *found, struct kdm_buf *buf);

#endif
