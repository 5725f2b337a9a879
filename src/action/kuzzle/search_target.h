/* search_target.h - the collections that a search goes over: `index` and `collection`, or
 * `targets`. */
#ifndef KDM_ACTION_KUZZLE_SEARCH_TARGET_H
#define KDM_ACTION_KUZZLE_SEARCH_TARGET_H

#include "action/kuzzle/target.h"

struct kdm_search_targets {
    struct kdm_collection **items;
    size_t count;
};

/* They are all there. false: wait, or the transaction has failed: names that could mean several,
 * wrong targets, the two 412s. */
bool kdm_search_targets(struct kdm_tx *tx, const struct kdm_args *args,
                        struct kdm_search_targets *ret_targets);

#endif
