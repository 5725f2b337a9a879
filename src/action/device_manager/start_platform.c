/* start_platform.c - see start_platform.h. */
#include "action/device_manager/start_platform.h"
#include "action/device_manager/dm.h"
#include "action/device_manager/mappings.h"
#include "action/kuzzle/collection_definition.h"

void kdm_dm_register_jobs(struct kdm_tx_engine *engine)
{
    kdm_job_register(engine, KDM_DM_JOB_KIND, kdm_dm_model_job_chunk);
    kdm_job_register(engine, KDM_DM_FREE_JOB_KIND, kdm_dm_free_job_chunk);
    kdm_job_register(engine, KDM_DM_LOCALES_JOB_KIND, kdm_dm_locales_job_chunk);
    kdm_job_register(engine, KDM_DM_DELETE_JOB_KIND, kdm_dm_delete_job_chunk);
}

/* --- collections ----------------------------------------------------------------------------- */

/* Stages a collection of the platform; false: wait, or its mapping can't become what it is to be.
 */
static bool stage_collection(struct kdm_tx *tx, struct kdm_str name, struct kdm_str mappings,
                             struct kdm_str settings)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    const struct kdm_context *server = kdm_server_of(tx);
    const struct kdm_common_mapping common = { .dynamic = server->common_dynamic,
                                               .properties = server->common_properties };
    struct kdm_val mapping_val = kdm_json_parse(arena, mappings),
                   settings_val = kdm_json_parse(arena, settings);
    struct kdm_collection *old;
    struct kdm_failure failure;
    struct kdm_str definition;
    bool changed = true, valid;

    if (!kdm_tx_find_collection(tx, kdm_dm_platform(tx), name, &old))
        return false;
    if (old == NULL)
        valid =
            kdm_definition_create(arena, &common, mapping_val, settings_val, &definition, &failure);
    else
        valid = kdm_definition_update(arena, old->mapping, old->definition, mapping_val,
                                      settings_val, &definition, &changed, &failure);
    if (!valid)
        kdm_tx_fail_with(tx, &failure);
    else if (changed)
        kdm_tx_set_collection(tx, kdm_dm_platform(tx), name, old, definition);
    return valid;
}

static bool stage_fixed(struct kdm_tx *tx, const struct kdm_dm_additions *additions,
                        struct kdm_str name, enum kdm_dm_fixed which)
{
    return stage_collection(tx, name, kdm_dm_fixed_mappings(kdm_tx_arena(tx), additions, which),
                            kdm_dm_fixed_settings(additions, which));
}

/* The devices' base; the models' part follows when the models can be read. */
static bool stage_devices(struct kdm_tx *tx, const struct kdm_dm_additions *additions)
{
    const struct kdm_dm_models none = { .count = 0 };

    return stage_collection(
        tx, KDM_STR("devices"),
        kdm_dm_compose(kdm_tx_arena(tx), additions, &none, KDM_DM_COMMONS, KDM_DM_DEVICES),
        kdm_dm_settings(additions, KDM_DM_DEVICES));
}

static enum kdm_outcome make_collections(struct kdm_tx *tx, void *ctx)
{
    const struct kdm_dm_additions additions = kdm_dm_additions(tx);
    struct kdm_str config = kdm_server_of(tx)->device_manager.config_collection;
    bool exists, all;

    (void)ctx;
    if (!kdm_tx_index(tx, kdm_dm_platform(tx), &exists))
        return KDM_WAIT;
    if (!exists)
        kdm_tx_create_index(tx, kdm_dm_platform(tx)); /* before what lies in it */
    all = stage_fixed(tx, &additions, config, KDM_DM_PLATFORM_CONFIG);
    all = stage_fixed(tx, &additions, KDM_STR("models"), KDM_DM_MODELS) && all;
    all = stage_fixed(tx, &additions, KDM_STR("payloads"), KDM_DM_PAYLOADS) && all;
    all = stage_devices(tx, &additions) && all;
    if (!all)
        return KDM_WAIT;
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

/* --- documents ------------------------------------------------------------------------------- */

/* Is it what is stored already, whoever wrote it and when? */
static bool is_stored(struct kdm_tx *tx, struct kdm_doc *doc, struct kdm_val source)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str bare;

    if (doc == NULL)
        return false;
    bare = kdm_json_set(arena, kdm_doc_source(tx, doc), KDM_STR("_kuzzle_info"), KDM_STR_NONE);
    return kdm_val_equal(arena, kdm_json_parse(arena, bare), source);
}

static void stage_builtins(struct kdm_tx *tx, struct kdm_collection *models)
{
    for (size_t i = 0; i < kdm_dm_builtin_count; i++) {
        const struct kdm_dm_builtin *builtin = &kdm_dm_builtins[i];
        struct kdm_val source = kdm_json_parse(kdm_tx_arena(tx), builtin->source);
        struct kdm_str text =
            kdm_tx_with_info(tx, source, kdm_dm_info_replaced(tx, KDM_DM_NOBODY, kdm_tx_now(tx)));
        struct kdm_doc *doc;

        if (!kdm_tx_read(tx, models, builtin->id, &doc) || is_stored(tx, doc, source))
            continue;
        if (doc == NULL)
            kdm_tx_create(tx, models, builtin->id, text, 0);
        else
            kdm_tx_write(tx, models, doc, text, KDM_CHANGE_REPLACE, KDM_STR_NONE, 0);
    }
}

static bool read_builtins(struct kdm_tx *tx, struct kdm_collection *models)
{
    struct kdm_doc *ignored;
    bool all = true;

    for (size_t i = 0; i < kdm_dm_builtin_count; i++)
        all = kdm_tx_read(tx, models, kdm_dm_builtins[i].id, &ignored) && all;
    return all;
}

/* The document stays as it is once it is there: an administrator may have changed it. */
static bool stage_config(struct kdm_tx *tx)
{
    const struct kdm_str id = KDM_STR("plugin--device-manager");
    struct kdm_collection *config;
    struct kdm_doc *doc;

    if (!kdm_dm_config_collection(tx, &config) || !kdm_tx_read(tx, config, id, &doc))
        return false;
    if (doc == NULL)
        kdm_tx_create(tx, config, id,
                      kdm_tx_with_info(
                          tx,
                          kdm_json_parse(kdm_tx_arena(tx),
                                         KDM_STR("{\"type\":\"device-manager\",\"device-manager\":"
                                                 "{\"provisioningStrategy\":\"auto\"}}")),
                          kdm_dm_info_created(tx, KDM_DM_NOBODY, kdm_tx_now(tx))),
                      0);
    return true;
}

static enum kdm_outcome make_documents(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *models;
    bool all;

    (void)ctx;
    if (!kdm_dm_models_collection(tx, &models))
        return KDM_WAIT;
    all = read_builtins(tx, models);
    all = stage_config(tx) && all;
    if (!all)
        return KDM_WAIT;
    stage_builtins(tx, models);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

/* --- mappings -------------------------------------------------------------------------------- */

/* The platform's devices at once; the tenants by a job that the start does not wait for. */
static enum kdm_outcome apply_models(struct kdm_tx *tx, void *ctx)
{
    struct kdm_dm_engines engines;
    struct kdm_dm_models models;

    (void)ctx;
    if (!kdm_dm_models(tx, false, &models) || !kdm_dm_engines(tx, &engines)
        || !kdm_dm_refit_platform(tx, kdm_dm_refit_create(tx, &models)))
        return KDM_WAIT;
    if (kdm_server_of(tx)->device_manager.auto_update && engines.count > 0)
        kdm_dm_model_job(tx, &(struct kdm_str_list){ .count = 0 }, KDM_STR_NONE);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

kdm_tx_fn *const kdm_dm_start_steps[] = { make_collections, make_documents, apply_models,
                                          kdm_dm_start_rights };
const size_t kdm_dm_start_step_count = sizeof(kdm_dm_start_steps) / sizeof(kdm_dm_start_steps[0]);
