/* index.h - what making an index asks for. */
#ifndef KDM_ACTION_KUZZLE_INDEX_H
#define KDM_ACTION_KUZZLE_INDEX_H

#include "action/kuzzle/target.h"

/* May an index of this valid name be made? false: the transaction has failed, because Kuzzle has a
 * private index of that name. Ours lie elsewhere (target.h), but data is to be movable between the
 * two. */
bool kdm_index_may_be_made(struct kdm_tx *tx, struct kdm_str index);

#endif
