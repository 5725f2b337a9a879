/* target.h - the index and the collection that a request names.
 * What the server keeps for itself (users, roles, ..) is stored in indexes whose names begin with
 * '%', which no index of a client can have, so the two can't clash. Everything a client names goes
 * through here, so nothing of the server's own can be reached by naming it. Loop thread only.
 */
#ifndef KDM_ACTION_KUZZLE_TARGET_H
#define KDM_ACTION_KUZZLE_TARGET_H

#include "actions.gen.h"
#include "api/context.h"

/* Is it an index of the server's own? For a client there is none such. */
bool kdm_index_is_private(struct kdm_str index);

/* The collection that `index` and `collection` of the request name. false: wait, or the transaction
 * has failed with one of the two 412s. */
bool kdm_target_collection(struct kdm_tx *tx, const struct kdm_args *args,
                           struct kdm_collection **ret_collection);

/* The same as Redis has it now, not as this process remembers it. */
bool kdm_target_fresh(struct kdm_tx *tx, const struct kdm_args *args,
                      struct kdm_collection **ret_collection);

/* Fails with the 412 of an index that is not there. */
enum kdm_outcome kdm_target_unknown_index(struct kdm_tx *tx, struct kdm_str index);

/* {"acknowledged":true} */
enum kdm_outcome kdm_reply_acknowledged(struct kdm_tx *tx);

/* The server as a whole. */
const struct kdm_context *kdm_server_of(struct kdm_tx *tx);

#endif
