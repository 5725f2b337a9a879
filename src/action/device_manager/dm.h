/* dm.h - what the actions of the device manager share.
 *   mappings.c       base mappings and built-in models, as data
 *   compose.c        mappings of collections out of models (pure)
 *   rules.c          rules of models and assets (pure)
 *   schema.c         is it a JSON schema? (pure)
 *   platform.c       platform index, models, engines
 *   refit.c          the mappings of all tenants brought up to the models
 *   info.c           _kuzzle_info of writes that nobody makes, and their dates
 *   events.c         generic:document:* and device-manager:asset:update:*
 *   engine.c         controller device-manager/engine
 *   model_check.c    may a model stand beside the others?
 *   models_write.c, models_read.c, model_job.c
 *   asset*.c         controller device-manager/assets
 * Loop thread only.
 */
#ifndef KDM_ACTION_DEVICE_MANAGER_DM_H
#define KDM_ACTION_DEVICE_MANAGER_DM_H

#include "action/device_manager/compose.h"
#include "action/kuzzle/document.h"
#include "tx/job.h"

#define KDM_DM_COMMONS KDM_STR("commons")

/* --- platform -------------------------------------------------------------------------------- */

/* Name of the platform index. */
struct kdm_str kdm_dm_platform(struct kdm_tx *tx);
/* What the configuration adds to mappings; scanned into the arena. */
struct kdm_dm_additions kdm_dm_additions(struct kdm_tx *tx);

bool kdm_dm_models_collection(struct kdm_tx *tx, struct kdm_collection **ret_collection);
bool kdm_dm_config_collection(struct kdm_tx *tx, struct kdm_collection **ret_collection);

/* All models, by id. `checked`: the commit fails when one was written since. */
bool kdm_dm_models(struct kdm_tx *tx, bool checked, struct kdm_dm_models *ret_models);

/* "model-<kind>-<name>" */
struct kdm_str kdm_dm_model_id(struct kdm_arena *arena, enum kdm_dm_kind kind, struct kdm_str name);
/* The model of that name; false: wait, or it failed with "Unknown .. model". Checked at commit.
 * `group` none: any; else it must be seen by tenants of that group. */
bool kdm_dm_model(struct kdm_tx *tx, enum kdm_dm_kind kind, struct kdm_str name,
                  struct kdm_str group, struct kdm_dm_model *ret_model);
/* The same, but *ret_found false instead of a failure. */
bool kdm_dm_model_seen(struct kdm_tx *tx, enum kdm_dm_kind kind, struct kdm_str name,
                       struct kdm_str group, bool *ret_found, struct kdm_dm_model *ret_model);
/* Makes an asset model when there is none of that name; the mappings of all tenants follow.
 * `source` as a models document, right beyond doubt. Commits once in every run, also when there is
 * nothing to do. false: wait, or it failed. */
bool kdm_dm_ensure_asset_model(struct kdm_tx *tx, struct kdm_str name, struct kdm_str source,
                               struct kdm_dm_model *ret_model);
/* A model to be stored, `source` what is its own as a models document without _kuzzle_info; made by
 * another vendor's door, whose names and defaults are right. */
struct kdm_dm_model_wish {
    enum kdm_dm_kind kind;
    struct kdm_str name, source;
    struct kdm_str parent;  /* asset models: the name of the one it inherits from; or none */
    struct kdm_str renames; /* {"old":"new"}: metadata whose values move; or none */
};
/* Checks and stores it, what inherits from it with it, in one commit, and waits for what follows in
 * tenants. false: wait, or it failed, with a 409 when mappings contradict each other. *ret_model: as
 * it is stored; ret_model may be NULL. */
bool kdm_dm_put_model(struct kdm_tx *tx, const struct kdm_dm_model_wish *model,
                      const struct kdm_dm_model **ret_model);
/* The same, and other asset models in the same commit: each as what is its own. */
bool kdm_dm_put_models(struct kdm_tx *tx, const struct kdm_dm_model_wish *model,
                       const struct kdm_str *more_names, const struct kdm_str *more_sources,
                       size_t more_count, const struct kdm_dm_model **ret_model);
/* Deletes a model from which none inherits, in one commit. false: wait, or it failed. */
bool kdm_dm_remove_model(struct kdm_tx *tx, struct kdm_str id);
/* The error that names a model nobody knows. */
enum kdm_err kdm_dm_unknown_model(enum kdm_dm_kind kind);

/* May the model stand beside `models`? false: it failed, with `conflicts` when their mappings
 * contradict each other (6.4). */
bool kdm_dm_check_model(struct kdm_tx *tx, const struct kdm_dm_models *models,
                        const struct kdm_dm_model *model, enum kdm_err conflicts);

/* --- documents that clients write themselves (action/write_rules.h) -------------------------- */

struct kdm_write_item;

/* Are the documents of the collection models? */
bool kdm_dm_is_models(struct kdm_tx *tx, const struct kdm_collection *collection);
/* Those of the items that are models must agree with all there are, and with each other. Checked at
 * commit. false: wait, or it failed. */
bool kdm_dm_check_core_writes(struct kdm_tx *tx, const struct kdm_write_item *items, size_t count);

/* The id of a new document of a collection of configurations: "<type>--<its name>". None when it
 * has no such id: the collection, the type or the name is another. */
struct kdm_str kdm_dm_config_id(struct kdm_tx *tx, struct kdm_str collection,
                                struct kdm_val source);

/* --- engines --------------------------------------------------------------------------------- */

struct kdm_dm_engine {
    struct kdm_str index, group;
    struct kdm_val source; /* the member `engine` of its document */
};

struct kdm_dm_engines {
    struct kdm_dm_engine *items; /* by index */
    size_t count;
};

/* "engine-device-manager--<index>" */
struct kdm_str kdm_dm_engine_id(struct kdm_arena *arena, struct kdm_str index);
/* The engine of that index, *ret_found false when it is none. Checked at commit. */
bool kdm_dm_engine_find(struct kdm_tx *tx, struct kdm_str index, bool *ret_found,
                        struct kdm_dm_engine *ret_engine);
/* The same, but fails with the 404 of its document. */
bool kdm_dm_engine(struct kdm_tx *tx, struct kdm_str index, struct kdm_dm_engine *ret_engine);
/* Has its document fetched along with what is asked for next: it will be needed. */
void kdm_dm_engine_want(struct kdm_tx *tx, struct kdm_str index);
/* Makes the index an engine when it is none. Commits once in every run, also when there is nothing
 * to do. false: wait, or it failed. */
bool kdm_dm_ensure_engine(struct kdm_tx *tx, struct kdm_str index, struct kdm_str group,
                          struct kdm_dm_engine *ret_engine);
/* A model that another request has just made reaches tenants by a job: when it has not reached this
 * one, it does so now. Commits once in every run. false: wait, or it failed. */
bool kdm_dm_ensure_fit(struct kdm_tx *tx, const struct kdm_dm_engine *engine,
                       const struct kdm_dm_model *model);
/* All of them; not checked at commit. */
bool kdm_dm_engines(struct kdm_tx *tx, struct kdm_dm_engines *ret_engines);

/* A collection of a tenant that a client names; 412 when it is not there. */
bool kdm_dm_tenant_collection(struct kdm_tx *tx, struct kdm_str index, enum kdm_dm_collection which,
                              struct kdm_collection **ret_collection);

/* --- mappings of tenants --------------------------------------------------------------------- */

/* The five collections of a tenant under the models, and for `platform` the devices of the
 * platform. Remembers per group what it composed, so that thousands of tenants in the same state
 * cost one composition. */
struct kdm_dm_refit;

struct kdm_dm_refit *kdm_dm_refit_create(struct kdm_tx *tx, const struct kdm_dm_models *models);

/* A collection as it should be. */
struct kdm_dm_fit {
    bool changed;
    struct kdm_str definition;  /* changed: what it should become */
    struct kdm_failure failure; /* err not KDM_OK: its mapping can't become that */
};
/* collection NULL: a new one. Lent. */
const struct kdm_dm_fit *kdm_dm_refit(struct kdm_dm_refit *refit, enum kdm_dm_collection which,
                                      struct kdm_str group,
                                      const struct kdm_collection *collection);

/* "Failed to create the collection [..] for engine [..]: .." */
enum kdm_outcome kdm_dm_collection_failed(struct kdm_tx *tx, struct kdm_str collection,
                                          struct kdm_str index, const struct kdm_failure *failure);

/* Would the mappings of all tenants and of the platform's devices accept the models? Writes
 * nothing. false: wait, or it failed with engine_collection_failed. */
bool kdm_dm_refit_possible(struct kdm_tx *tx, struct kdm_dm_refit *refit);

/* Stages what must change in an engine's collections, or in the platform's devices. What can't
 * change is logged and left. false: wait. */
bool kdm_dm_refit_engine(struct kdm_tx *tx, struct kdm_dm_refit *refit,
                         const struct kdm_dm_engine *engine);
bool kdm_dm_refit_platform(struct kdm_tx *tx, struct kdm_dm_refit *refit);

/* Is it an asset of the model whose name, a struct kdm_str, `ctx` is? For kdm_tx_scan() and walks. */
bool kdm_dm_is_of_model(void *ctx, struct kdm_str id, struct kdm_val source);

/* --- job ------------------------------------------------------------------------------------- */

#define KDM_DM_JOB_KIND "dm-model"

/* Stages the job that brings all tenants up to the models, and the assets of these models. One in
 * a transaction. `renames`: {"old":"new"}, metadata whose values move; or none. */
struct kdm_str kdm_dm_model_job(struct kdm_tx *tx, const struct kdm_str_list *asset_models,
                                struct kdm_str renames);
enum kdm_outcome kdm_dm_model_job_chunk(struct kdm_tx *tx, struct kdm_val args,
                                        struct kdm_val state);

/* Takes the devices of an engine that was deleted back to the platform. */
#define KDM_DM_FREE_JOB_KIND "dm-free-devices"
enum kdm_outcome kdm_dm_free_job_chunk(struct kdm_tx *tx, struct kdm_val args,
                                       struct kdm_val state);

/* Copies the texts of an asset model to its assets, for updateModelLocales. */
#define KDM_DM_LOCALES_JOB_KIND "dm-locales"
enum kdm_outcome kdm_dm_locales_job_chunk(struct kdm_tx *tx, struct kdm_val args,
                                          struct kdm_val state);

/* Deletes an asset of more devices than one commit frees. */
#define KDM_DM_DELETE_JOB_KIND "dm-delete-asset"
enum kdm_outcome kdm_dm_delete_job_chunk(struct kdm_tx *tx, struct kdm_val args,
                                         struct kdm_val state);

/* --- _kuzzle_info ---------------------------------------------------------------------------- */

/* The date of a write that follows the state `old` (a source, or NONE): now, or just after the date
 * of that state when the clock is not past it. So the states of an asset, and with them the entries
 * of its history, always have strictly increasing dates, whichever node wrote them. */
int64_t kdm_dm_date(struct kdm_tx *tx, struct kdm_val old);

/* Who is told as author and updater: the caller, or nobody (reference device-manager.md 5). */
enum kdm_dm_author { KDM_DM_USER, KDM_DM_NOBODY };

struct kdm_str kdm_dm_info_created(struct kdm_tx *tx, enum kdm_dm_author author, int64_t date);
struct kdm_str kdm_dm_info_replaced(struct kdm_tx *tx, enum kdm_dm_author author, int64_t date);
struct kdm_str kdm_dm_info_updated(struct kdm_tx *tx, enum kdm_dm_author author, int64_t date,
                                   struct kdm_val old);
/* The same by this user, none: nobody. For jobs, which go on for whoever began them. */
struct kdm_str kdm_dm_info_updated_by(struct kdm_tx *tx, struct kdm_str kuid, int64_t date,
                                      struct kdm_val old);

/* --- history --------------------------------------------------------------------------------- */

/* {"id":..,"timestamp":..,"event":<event>,"asset":<asset>,"_kuzzle_info":..}; event and asset are
 * JSON texts. */
struct kdm_str kdm_dm_history_entry(struct kdm_tx *tx, struct kdm_str asset_id, int64_t date,
                                    struct kdm_str event, struct kdm_str asset);
/* {"name":"metadata","metadata":{"names":<paths>}} */
struct kdm_str kdm_dm_metadata_event(struct kdm_arena *arena, struct kdm_str paths);

/* --- events ---------------------------------------------------------------------------------- */

#define KDM_DM_BEFORE_GET    KDM_STR("generic:document:beforeGet")
#define KDM_DM_AFTER_GET     KDM_STR("generic:document:afterGet")
#define KDM_DM_BEFORE_WRITE  KDM_STR("generic:document:beforeWrite")
#define KDM_DM_AFTER_WRITE   KDM_STR("generic:document:afterWrite")
#define KDM_DM_BEFORE_UPDATE KDM_STR("generic:document:beforeUpdate")
#define KDM_DM_AFTER_UPDATE  KDM_STR("generic:document:afterUpdate")
#define KDM_DM_BEFORE_DELETE KDM_STR("generic:document:beforeDelete")
#define KDM_DM_AFTER_DELETE  KDM_STR("generic:document:afterDelete")
#define KDM_DM_BEFORE_SEARCH KDM_STR("generic:document:beforeSearch")
#define KDM_DM_AFTER_SEARCH  KDM_STR("generic:document:afterSearch")

/* One of these: payload
 * {"documents":<documents>,"request":{"controller","action","index","collection"}}; what the pipes
 * made of `documents` comes back. `name` tells apart two in one action. false: wait. */
bool kdm_dm_generic(struct kdm_tx *tx, struct kdm_str event, struct kdm_str name,
                    const struct kdm_collection *collection, struct kdm_str documents,
                    struct kdm_val *ret_documents);

/* What a pipe answered, scanned; NONE when it is no JSON. Then, or when members are missing: fails
 * with a 500. */
struct kdm_val kdm_dm_answer(struct kdm_tx *tx, struct kdm_str answer);
enum kdm_outcome kdm_dm_bad_answer(struct kdm_tx *tx, struct kdm_str event);

/* Reads an asset (or whatever) with the get events: beforeGet may change the id, afterGet what is
 * shown. Fails with 404. `claim`: it will be written. *ret_shown: JSON text of its source as the
 * events leave it. */
bool kdm_dm_get(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id, bool claim,
                struct kdm_doc **ret_doc, struct kdm_str *ret_shown);

/* {"_id":..,"_source":..}, with _version when it is not 0. */
struct kdm_str kdm_dm_document(struct kdm_arena *arena, struct kdm_str id, struct kdm_str source,
                               int64_t version);

/* One document through such an event; *source is replaced by what came back, none stays none.
 * version 0: not told. */
bool kdm_dm_generic_document(struct kdm_tx *tx, struct kdm_str event,
                             const struct kdm_collection *collection, struct kdm_str id,
                             int64_t version, struct kdm_str *source);

/* --- searches -------------------------------------------------------------------------------- */

struct kdm_found;
/* {"hits":[..],"aggregations"?,"total":..,"fetched":..} */
void kdm_dm_put_found(struct kdm_tx *tx, const struct kdm_found *found, struct kdm_buf *buf);

#endif
