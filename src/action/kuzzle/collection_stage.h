/* collection_stage.h - making collections and changing their mappings and settings.
 * A change of a mapping is committed against the mapping it was merged into, so two that come at
 * once are merged one after the other, whichever nodes they reach. Documents that are there are not
 * checked again. All stage; the caller commits. Loop thread only.
 */
#ifndef KDM_ACTION_KUZZLE_COLLECTION_STAGE_H
#define KDM_ACTION_KUZZLE_COLLECTION_STAGE_H

#include "action/kuzzle/target.h"

/* What a request wants a collection to be; either may be NONE. */
struct kdm_collection_wish {
    struct kdm_val mappings, settings;
};

/* {mappings?, settings?}, or a bare mapping as older clients send it. */
struct kdm_collection_wish kdm_collection_wish_of(struct kdm_val body);

/* A collection that is made, with its index, when it is missing, else changed. false: wait, or the
 * transaction has failed: no names, no mapping, a mapping that this one can't become. */
bool kdm_collection_stage(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name,
                          const struct kdm_collection_wish *wish);

/* The same of one that is there. *ret_definition: what it then is. */
bool kdm_collection_stage_update(struct kdm_tx *tx, struct kdm_collection *collection,
                                 const struct kdm_collection_wish *wish,
                                 struct kdm_str *ret_definition);

#endif
