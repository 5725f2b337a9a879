/* asset.h - what the actions of assets share.
 *   asset_create.c    create, and upsert of one that is not there
 *   asset_update.c    update, upsert
 *   asset_upsert_many.c  mUpsert
 *   asset_edit.c      edit, replace: strictly by the model
 *   asset_dialect.c   the member `dialect`
 *   asset_metadata.c  replaceMetadata
 *   asset_locales.c   updateModelLocales
 *   asset_delete.c    delete
 *   asset_read.c      get, search
 * Every change of an asset commits together with its history entry.
 */
#ifndef KDM_ACTION_DEVICE_MANAGER_ASSET_H
#define KDM_ACTION_DEVICE_MANAGER_ASSET_H

#include "action/device_manager/dm.h"
#include "action/device_manager/identity.h"

#define KDM_DM_ASSET_UPDATE_BEFORE KDM_STR("device-manager:asset:update:before")
#define KDM_DM_ASSET_UPDATE_AFTER  KDM_STR("device-manager:asset:update:after")

/* The tenant's collections that an asset lives in. */
struct kdm_dm_home {
    struct kdm_collection *assets, *history;
};

/* The tenant that the request names (engineId, or index); the reply will name it and `assets`.
 * false: wait, or 412. */
bool kdm_dm_home(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_dm_home *ret_home);
bool kdm_dm_home_of(struct kdm_tx *tx, struct kdm_str engine, struct kdm_dm_home *ret_home);

/* May it be stored? Stages what a dynamic part of the mapping takes up, in both collections. false:
 * it failed. */
bool kdm_dm_asset_additions(struct kdm_tx *tx, const struct kdm_dm_home *home,
                            struct kdm_str additions);

/* More metadata than any mapping holds is refused before it is merged with anything. */
bool kdm_dm_metadata_bounded(struct kdm_tx *tx, struct kdm_val metadata);

bool kdm_dm_metadata_check(struct kdm_arena *arena, struct kdm_val metadata,
                           struct kdm_failure *ret_failure);

/* --- the member `dialect` ----------------------------------------------------------------------
 */

/* Of an asset's source, as JSON text; none: it has none. */
struct kdm_str kdm_dm_dialect_of(struct kdm_val source);
/* `dialect` (none: absent) with these members in it, without those that are null; none: empty. */
struct kdm_str kdm_dm_dialect_with(struct kdm_arena *arena, struct kdm_str dialect,
                                   struct kdm_val members);
/* May the whole asset be stored? *ret_additions: to the mapping, or none; its `dialect` too. */
bool kdm_dm_asset_check(struct kdm_arena *arena, const struct kdm_dm_home *home,
                        struct kdm_val source, struct kdm_str *ret_additions,
                        struct kdm_failure *ret_failure);
/* To the additions that the rest of an asset needs, what its `dialect` needs. */
void kdm_dm_dialect_learn(struct kdm_arena *arena, const struct kdm_dm_home *home,
                          struct kdm_val source, struct kdm_str *additions);

/* --- making and changing -----------------------------------------------------------------------
 */

/* "<model>-<reference>" */
struct kdm_str kdm_dm_asset_id(struct kdm_arena *arena, struct kdm_str model,
                               struct kdm_str reference);

/* The source of a new asset of the model, without its _kuzzle_info. Pure. */
struct kdm_str kdm_dm_asset_source(struct kdm_arena *arena, const struct kdm_dm_model *model,
                                   struct kdm_str reference, struct kdm_val metadata);

/* A new asset made ready to be stored. */
struct kdm_dm_asset_new {
    struct kdm_str text, history; /* the asset, and its history entry */
    struct kdm_str additions;     /* to the mapping, or none */
};
/* NULL: it may not be stored. */
struct kdm_dm_asset_new *kdm_dm_asset_new(struct kdm_tx *tx, const struct kdm_dm_home *home,
                                          struct kdm_str id, struct kdm_str source,
                                          struct kdm_failure *ret_failure);

/* A change of an asset, made ready to be stored. */
struct kdm_dm_asset_change {
    struct kdm_str changes;   /* as applied: a partial asset */
    struct kdm_str text;      /* the asset afterwards */
    struct kdm_str shown;     /* the changes with the new _kuzzle_info */
    struct kdm_str history;   /* its entry */
    struct kdm_str changed;   /* paths, for _updatedFields */
    struct kdm_str additions; /* to the mapping, or none */
    struct kdm_str before; /* the asset as a document, for the event after; none: nobody listens */
};
/* `changes` (a partial asset, JSON text) merged into the asset, and `dialect` (members of its
 * `dialect`, null: to be absent; NONE: it stays) put there. NULL: the result may not be stored. */
struct kdm_dm_asset_change *kdm_dm_asset_change(struct kdm_tx *tx, const struct kdm_dm_home *home,
                                                struct kdm_doc *asset, struct kdm_str changes,
                                                struct kdm_val dialect,
                                                struct kdm_failure *ret_failure);

/* device-manager:asset:update:before, which may change the changes; `shown`: the asset's source as
 * it was read. false: wait, or it failed. */
bool kdm_dm_asset_update_before(struct kdm_tx *tx, struct kdm_doc *asset, struct kdm_str shown,
                                struct kdm_str *changes);
/* device-manager:asset:update:after. */
bool kdm_dm_asset_update_after(struct kdm_tx *tx, const struct kdm_dm_asset_change *change,
                               struct kdm_str id, struct kdm_str shown, int64_t version);

/* One asset that is to be made, or whose metadata are to be merged. */
struct kdm_dm_upsert_item {
    const struct kdm_dm_model *known; /* its model when the caller has it; or NULL */
    struct kdm_str model, reference;
    struct kdm_val metadata; /* an object, null or absent */
    struct kdm_val dialect;  /* members of the asset's `dialect`; null: to be absent. Or NONE */
};
struct kdm_dm_upserted {
    struct kdm_str id;
    struct kdm_failure failure; /* err not KDM_OK: why it was not stored */
    int64_t version;
    bool created;
};
/* Stores them in several commits, each asset with its history entry or not at all; results stand in
 * the order of the items, their texts in the arena. Must be the last of an action that commits.
 * false: wait, or the transaction has failed. */
bool kdm_dm_upsert_many(struct kdm_tx *tx, const struct kdm_dm_engine *engine,
                        const struct kdm_dm_upsert_item *items, size_t count,
                        struct kdm_dm_upserted *ret_results);

/* An asset changed strictly by its model. */
struct kdm_dm_edit {
    struct kdm_val metadata; /* null or NONE: not given */
    /* whole: metadata must hold every attribute of the model, and what is not given is cleared */
    struct kdm_dm_identity_edit identity;
    bool merges;            /* metadata are merged also when the identity is given as a whole */
    struct kdm_val dialect; /* more members of the asset's `dialect`, taken as they are; null: to be
                               absent. NONE: those that are there stay */
};
enum kdm_dm_edit_part { KDM_DM_EDIT_FITS, KDM_DM_EDIT_METADATA, KDM_DM_EDIT_IDENTITY };
struct kdm_dm_edited {
    enum kdm_dm_edit_part refused; /* which part is not as it must be; nothing is written then */
    struct kdm_dm_mismatch mismatch;
    struct kdm_str text; /* the asset afterwards */
    int64_t version;
};
/* Verifies and stores it, with its history and its events; an edit that changes nothing writes
 * nothing. false: wait, or it failed (its model is gone). */
bool kdm_dm_asset_edit(struct kdm_tx *tx, const struct kdm_dm_home *home, struct kdm_doc *asset,
                       const struct kdm_dm_edit *edit, struct kdm_dm_edited *ret_edited);
/* A new asset of the model, what is given verified in the same way, the model's defaults for the
 * rest. *ret_id: "<model>-<reference>". false: wait, or it failed (it is there already). */
bool kdm_dm_asset_make(struct kdm_tx *tx, const struct kdm_dm_home *home,
                       const struct kdm_dm_model *model, struct kdm_str reference,
                       const struct kdm_dm_edit *edit, struct kdm_str *ret_id,
                       struct kdm_dm_edited *ret_edited);

/* Deletes an asset that was claimed, with its links to devices. false: wait, or it failed. */
bool kdm_dm_asset_delete(struct kdm_tx *tx, struct kdm_str engine, const struct kdm_dm_home *home,
                         struct kdm_doc *asset);

/* create, also of upsert. */
enum kdm_outcome kdm_dm_asset_create(struct kdm_tx *tx, const struct kdm_args *args);

/* {"asset":{..},"metadata":..,"updates":..[,"previous":{..}]}; asset and previous are documents. */
struct kdm_str kdm_dm_asset_event(struct kdm_arena *arena, struct kdm_str asset,
                                  struct kdm_str metadata, struct kdm_str updates,
                                  struct kdm_str previous);

#endif
