/* by_query.h - what writes by a query share: the query, asked of each document twice. First to
 * find it, then of the document as it is read for the write: what changed meanwhile is not written
 * unless it still matches. Loop thread only.
 */
#ifndef KDM_ACTION_KUZZLE_BY_QUERY_H
#define KDM_ACTION_KUZZLE_BY_QUERY_H

#include "search/search.h"
#include "tx/job.h"

/* Lives as long as the transaction. */
struct kdm_by_query {
    struct kdm_arena *arena;
    struct kdm_query *query;
    struct kdm_failure failure; /* of a match: given up */
};

/* NULL: the transaction has failed. `query` NONE: everything. */
struct kdm_by_query *kdm_by_query_make(struct kdm_tx *tx, const struct kdm_collection *collection,
                                       struct kdm_val query, enum kdm_search_lang lang,
                                       int64_t now_ms);

/* For kdm_tx_scan_page(); its context is the struct kdm_by_query. */
bool kdm_by_query_accepts(void *ctx, struct kdm_str id, struct kdm_val source);

/* Does a document match as it was read now? A query that gives up makes `failure` and matches nothing. */
bool kdm_by_query_matches(struct kdm_tx *tx, struct kdm_by_query *by, struct kdm_doc *doc);

/* Those of `ids` that match as they are now; all are read before the first is waited for. false:
 * wait, or the transaction has failed. */
bool kdm_by_query_read(struct kdm_tx *tx, struct kdm_by_query *by,
                       struct kdm_collection *collection, const struct kdm_str_list *ids,
                       struct kdm_doc_list *ret_docs);

/* The kinds of jobs of bulk:deleteByQuery and bulk:updateByQuery; before any job runs. */
void kdm_bulk_register_jobs(struct kdm_tx_engine *engine);

#endif
