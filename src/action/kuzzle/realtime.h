/* realtime.h - rooms as actions see them. Loop thread only. */
#ifndef KDM_ACTION_KUZZLE_REALTIME_H
#define KDM_ACTION_KUZZLE_REALTIME_H

#include "action/kuzzle/target.h"
#include "realtime/hub.h"

/* {index:{collection:{room:connections}}} of all nodes, in order of names. false: wait, or the
 * transaction has failed because Redis can't be reached. */
bool kdm_realtime_rooms(struct kdm_tx *tx, struct kdm_val *ret_rooms);

#endif
