/* asset.h - what the actions of assets share.
 *   asset_create.c    create, and upsert of one that is not there
 *   asset_update.c    update, upsert
 *   asset_metadata.c  replaceMetadata
 *   asset_locales.c   updateModelLocales
 *   asset_delete.c    delete
 *   asset_read.c      get, search
 * Every change of an asset commits together with its history entry.
 */
#ifndef KDM_ACTION_DEVICE_MANAGER_ASSET_H
#define KDM_ACTION_DEVICE_MANAGER_ASSET_H

#include "action/device_manager/dm.h"

#define KDM_DM_ASSET_UPDATE_BEFORE KDM_STR("device-manager:asset:update:before")
#define KDM_DM_ASSET_UPDATE_AFTER  KDM_STR("device-manager:asset:update:after")

/* The tenant's collections that an asset lives in. */
struct kdm_dm_home {
    struct kdm_collection *assets, *history;
};

/* The tenant that the request names (engineId, or index); the reply will name it and `assets`.
 * false: wait, or 412. */
bool kdm_dm_home(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_dm_home *ret_home);

/* May it be stored? Stages what a dynamic part of the mapping takes up, in both collections. false:
 * it failed. */
bool kdm_dm_asset_additions(struct kdm_tx *tx, const struct kdm_dm_home *home,
                            struct kdm_str additions);

/* More metadata than any mapping holds is refused before it is merged with anything. */
bool kdm_dm_metadata_bounded(struct kdm_tx *tx, struct kdm_val metadata);

/* "<model>-<reference>" of the request's body. */
struct kdm_str kdm_dm_asset_id(const struct kdm_args *args);

/* create, also of upsert. */
enum kdm_outcome kdm_dm_asset_create(struct kdm_tx *tx, const struct kdm_args *args);

/* {"asset":{..},"metadata":..,"updates":..[,"previous":{..}]}; asset and previous are documents. */
struct kdm_str kdm_dm_asset_event(struct kdm_arena *arena, struct kdm_str asset,
                                  struct kdm_str metadata, struct kdm_str updates,
                                  struct kdm_str previous);

#endif
