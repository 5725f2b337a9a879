/* search.h - how actions search and show what they find.
 * Every search goes through kdm_tx_find(); here is what requests for searches and their replies
 * have in common. Loop thread only.
 */
#ifndef KDM_ACTION_SEARCH_H
#define KDM_ACTION_SEARCH_H

#include "actions.gen.h"
#include "projector/projector.h"
#include "tx/tx.h"

/* `lang` of the request. */
enum kdm_search_lang kdm_search_lang_of(const struct kdm_args *args);

/* A search for a page with its sources: body, from and size as the request has them. The caller
 * adds collections and lang. */
struct kdm_find_request kdm_search_request(const struct kdm_args *args, struct kdm_val body);

/* false: more than limits.documentsFetchCount are asked for, the transaction has failed. */
bool kdm_search_size_allowed(struct kdm_tx *tx, int64_t from, int64_t size);

/* {"_id","_score","_source","index","collection"}; of a collection of the server's own without the
 * last two. The hit has its source, its owner is a struct kdm_found_part. */
void kdm_search_put_hit(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_hit *hit);

/* About how many bytes the hits of the page take. */
size_t kdm_search_hits_size(const struct kdm_found *found);

/* The hits of the page as elements of an array. */
void kdm_search_put_hits(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_found *found);

/* ,"aggregations":{..} when some were asked for; behind another member of the reply. */
void kdm_search_put_aggregations(struct kdm_buf *buf, const struct kdm_found *found);

#endif
