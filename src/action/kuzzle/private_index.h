/* private_index.h - what the server keeps for itself beside the documents of clients.
 * It lies in an index that no client can name (target.h). Loop thread only.
 */
#ifndef KDM_ACTION_KUZZLE_PRIVATE_INDEX_H
#define KDM_ACTION_KUZZLE_PRIVATE_INDEX_H

#include "action/kuzzle/target.h"

/* The collection of specifications; NULL when nobody has made it yet. Its state is checked at
 * commit. */
bool kdm_private_specifications(struct kdm_tx *tx, struct kdm_collection **ret_collection);

/* Makes what is missing; a step of the start. */
enum kdm_outcome kdm_private_make(struct kdm_tx *tx, void *ctx);

#endif
