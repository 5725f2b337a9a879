/* engine.c - tenants: an index becomes one with its collections and its document in one commit.
 * The collections are shaped by the models, so the commit also carries that no model was written
 * since they were read; a model that is written later finds the tenant. Deleting one leaves its
 * index and its `config` collection.
 */
#include "action/device_manager/dm.h"
#include "action/kuzzle/collection_definition.h"
#include "action/kuzzle/index.h"
#include "action/walk.h"
#include "store/names.h"

#define FREE_BYTES (KDM_COMMIT_MAX_BYTES / 2) /* of the devices in one commit */

static struct kdm_str group_of(const struct kdm_args *args)
{
    return kdm_args_has(args, KDM_ARG_GROUP) ? kdm_args_str(args, KDM_ARG_GROUP) : KDM_DM_COMMONS;
}

static enum kdm_outcome reply_collections(struct kdm_tx *tx, struct kdm_str index, bool config)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 160);
    kdm_buf_lit(&buf, "{\"collections\":[");
    if (config)
        kdm_buf_lit(&buf, "\"config\",");
    for (int which = 0; which < KDM_DM_COLLECTION_COUNT; which++) {
        if (which > 0)
            kdm_buf_char(&buf, ',');
        kdm_json_put_str(&buf, kdm_dm_collection_name((enum kdm_dm_collection)which));
    }
    kdm_buf_lit(&buf, "],\"index\":");
    kdm_json_put_str(&buf, index);
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* --- making and updating --------------------------------------------------------------------- */

/* The tenant's own `config`: empty and strict, for the application. */
static bool stage_config(struct kdm_tx *tx, struct kdm_str index)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    const struct kdm_context *server = kdm_server_of(tx);
    const struct kdm_common_mapping common = { .dynamic = server->common_dynamic,
                                               .properties = server->common_properties };
    const struct kdm_dm_additions additions = kdm_dm_additions(tx);
    struct kdm_val mappings =
        kdm_json_parse(arena, kdm_dm_fixed_mappings(arena, &additions, KDM_DM_ENGINE_CONFIG));
    struct kdm_val settings =
        kdm_json_parse(arena, kdm_dm_fixed_settings(&additions, KDM_DM_ENGINE_CONFIG));
    struct kdm_collection *old;
    struct kdm_failure failure;
    struct kdm_str definition;
    bool changed = true, valid;

    if (!kdm_tx_find_collection(tx, index, KDM_STR("config"), &old))
        return false;
    if (old == NULL)
        valid = kdm_definition_create(arena, &common, mappings, settings, &definition, &failure);
    else
        valid = kdm_definition_update(arena, old->mapping, old->definition, mappings, settings,
                                      &definition, &changed, &failure);
    if (!valid)
        kdm_dm_collection_failed(tx, KDM_STR("config"), index, &failure);
    else if (changed)
        kdm_tx_set_collection(tx, index, KDM_STR("config"), old, definition);
    return valid;
}

static bool stage_collection(struct kdm_tx *tx, struct kdm_dm_refit *refit,
                             const struct kdm_dm_engine *engine, enum kdm_dm_collection which)
{
    struct kdm_str name = kdm_dm_collection_name(which);
    const struct kdm_dm_fit *fit;
    struct kdm_collection *old;

    if (!kdm_tx_find_collection(tx, engine->index, name, &old))
        return false;
    fit = kdm_dm_refit(refit, which, engine->group, old);
    if (fit->failure.err != KDM_OK) {
        kdm_dm_collection_failed(tx, name, engine->index, &fit->failure);
        return false;
    }
    if (fit->changed)
        kdm_tx_set_collection(tx, engine->index, name, old, fit->definition);
    return true;
}

static bool stage_collections(struct kdm_tx *tx, const struct kdm_dm_engine *engine)
{
    struct kdm_dm_models models;
    struct kdm_dm_refit *refit;
    struct kdm_collection *ignored;
    bool all = true;

    /* Asked for all at once; afterwards each is there. */
    for (int which = 0; which < KDM_DM_COLLECTION_COUNT; which++)
        all =
            kdm_tx_find_collection(tx, engine->index,
                                   kdm_dm_collection_name((enum kdm_dm_collection)which), &ignored)
            && all;
    if (!kdm_dm_models(tx, true, &models) || !all || !stage_config(tx, engine->index))
        return false;
    refit = kdm_dm_refit_create(tx, &models);
    for (int which = 0; which < KDM_DM_COLLECTION_COUNT; which++) {
        if (!stage_collection(tx, refit, engine, (enum kdm_dm_collection)which))
            return false;
    }
    return true;
}

static struct kdm_str engine_document(struct kdm_tx *tx, const struct kdm_dm_engine *engine)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 256);
    kdm_buf_lit(&buf, "{\"type\":\"engine-device-manager\",\"engine\":{\"group\":");
    kdm_json_put_str(&buf, engine->group);
    kdm_buf_lit(&buf, ",\"index\":");
    kdm_json_put_str(&buf, engine->index);
    kdm_buf_lit(&buf, ",\"name\":\"device-manager\"},\"_kuzzle_info\":");
    kdm_buf_put(&buf, kdm_dm_info_created(tx, KDM_DM_NOBODY, kdm_tx_now(tx)));
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static bool stage_index(struct kdm_tx *tx, struct kdm_str index)
{
    enum kdm_err err = kdm_name_check_index(index);
    bool exists;

    if (err != KDM_OK) {
        kdm_tx_fail(tx, err, KDM_PROPS(index));
        return false;
    }
    if (!kdm_tx_index(tx, index, &exists))
        return false;
    if (!exists && !kdm_index_may_be_made(tx, index))
        return false;
    if (!exists)
        kdm_tx_create_index(tx, index);
    return true;
}

/* Index, collections and document in one commit. false: wait, or it failed. */
static bool make_engine(struct kdm_tx *tx, const struct kdm_dm_engine *engine)
{
    struct kdm_collection *config;

    if (!kdm_dm_config_collection(tx, &config) || !stage_index(tx, engine->index)
        || !stage_collections(tx, engine))
        return false;
    kdm_tx_create(tx, config, kdm_dm_engine_id(kdm_tx_arena(tx), engine->index),
                  engine_document(tx, engine), 0);
    return kdm_tx_commit(tx);
}

bool kdm_dm_ensure_engine(struct kdm_tx *tx, struct kdm_str index, struct kdm_str group,
                          struct kdm_dm_engine *ret_engine)
{
    struct kdm_dm_engine engine = { .index = index, .group = group };
    struct kdm_collection *config;
    bool found;

    if (kdm_str_eq(index, kdm_dm_platform(tx))) {
        kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_ENGINE_MISSING, KDM_PROPS(index));
        return false;
    }
    if (!kdm_dm_config_collection(tx, &config)
        || !kdm_dm_engine_find(tx, index, &found, ret_engine))
        return false;
    if (found)
        return kdm_tx_commit(tx); /* of nothing: commits are counted */
    *ret_engine = engine;
    if (kdm_tx_written(tx, config, kdm_dm_engine_id(kdm_tx_arena(tx), index)) == NULL)
        return make_engine(tx, &engine);
    kdm_tx_relearn(tx, index);
    return kdm_tx_commit(tx);
}

/* Does the collection map all metadata of the model? */
static bool maps(struct kdm_arena *arena, const struct kdm_collection *collection,
                 const struct kdm_dm_model *model)
{
    const struct kdm_field *metadata =
        kdm_field_child(kdm_mapping_root(collection->mapping), KDM_STR("metadata"));
    struct kdm_val_iter it;
    struct kdm_val name, mapping;

    for (kdm_members(&it, kdm_dm_model_mappings(model)); kdm_member_next(&it, &name, &mapping);) {
        if (metadata == NULL || kdm_field_child(metadata, kdm_val_str(arena, name)) == NULL)
            return false;
    }
    return true;
}

static bool refresh(struct kdm_tx *tx, struct kdm_str index)
{
    bool assets = kdm_tx_refresh_collection(tx, index, kdm_dm_collection_name(KDM_DM_ASSETS));

    return kdm_tx_refresh_collection(tx, index, kdm_dm_collection_name(KDM_DM_HISTORY)) && assets;
}

bool kdm_dm_ensure_fit(struct kdm_tx *tx, const struct kdm_dm_engine *engine,
                       const struct kdm_dm_model *model)
{
    struct kdm_collection *assets;
    struct kdm_dm_models models;

    if (!kdm_dm_tenant_collection(tx, engine->index, KDM_DM_ASSETS, &assets))
        return false;
    if (!maps(kdm_tx_arena(tx), assets, model)) {
        if (kdm_tx_commit_made(tx))
            return kdm_tx_commit(tx) && refresh(tx, engine->index);
        if (!kdm_dm_models(tx, true, &models)
            || !kdm_dm_refit_engine(tx, kdm_dm_refit_create(tx, &models), engine))
            return false;
    }
    return kdm_tx_commit(tx);
}

enum kdm_outcome kdm_dm_engine_create(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_dm_engine known,
        engine = { .index = kdm_args_str(args, KDM_ARG_INDEX), .group = group_of(args) };
    bool found;

    /* Its own collections bear the same names: an engine there would be deleted together with them.
     */
    if (kdm_str_eq(engine.index, kdm_dm_platform(tx)))
        return kdm_tx_fail(
            tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
            KDM_PROPS(KDM_STR("index"), KDM_STR("another index than the platform's")));
    if (!kdm_dm_engine_find(tx, engine.index, &found, &known))
        return KDM_WAIT;
    if (found)
        return kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_ENGINE_EXISTS, KDM_PROPS(engine.index));
    if (!make_engine(tx, &engine))
        return KDM_WAIT;
    return reply_collections(tx, engine.index, true);
}

enum kdm_outcome kdm_dm_engine_update(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_dm_engine known,
        engine = { .index = kdm_args_str(args, KDM_ARG_INDEX), .group = group_of(args) };
    bool found;

    if (!kdm_dm_engine_find(tx, engine.index, &found, &known))
        return KDM_WAIT;
    if (!found)
        return kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_ENGINE_MISSING, KDM_PROPS(engine.index));
    /* Its index may have been deleted on its own: then it is made again. */
    if (!stage_index(tx, engine.index) || !stage_collections(tx, &engine) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    return reply_collections(tx, engine.index, false);
}

/* --- deleting -------------------------------------------------------------------------------- */

static bool stage_deletion(struct kdm_tx *tx, struct kdm_str index)
{
    struct kdm_collection *collections[KDM_DM_COLLECTION_COUNT];
    bool all = true;

    for (int which = 0; which < KDM_DM_COLLECTION_COUNT; which++)
        all =
            kdm_tx_find_collection(tx, index, kdm_dm_collection_name((enum kdm_dm_collection)which),
                                   &collections[which])
            && all;
    for (int which = 0; all && which < KDM_DM_COLLECTION_COUNT; which++) {
        if (collections[which] != NULL)
            kdm_tx_delete_collection(tx, collections[which]);
    }
    return all;
}

enum kdm_outcome kdm_dm_engine_delete(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str index = kdm_args_str(args, KDM_ARG_INDEX), job;
    struct kdm_collection *config;
    struct kdm_doc *doc;
    bool done;

    if (!kdm_dm_config_collection(tx, &config)
        || !kdm_tx_read(tx, config, kdm_dm_engine_id(kdm_tx_arena(tx), index), &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_ENGINE_MISSING, KDM_PROPS(index));
    if (!stage_deletion(tx, index))
        return KDM_WAIT;
    kdm_tx_delete(tx, config, doc->id, doc, 0);
    job = kdm_tx_job(tx, KDM_DM_FREE_JOB_KIND, kdm_json_pair(args->arena, "index", index));
    if (!kdm_tx_commit(tx) || !kdm_tx_await_job(tx, job, &done))
        return KDM_WAIT;
    return reply_collections(tx, index, false);
}

static bool is_attached(void *ctx, struct kdm_str id, struct kdm_val source)
{
    (void)id;
    return kdm_val_str_eq(kdm_val_get(source, KDM_STR("engineId")), *(struct kdm_str *)ctx);
}

static struct kdm_str freed(struct kdm_tx *tx, struct kdm_doc *device)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val old = kdm_doc_source(tx, device);
    struct kdm_str text = kdm_json_merge(
        arena, old, kdm_json_parse(arena, KDM_STR("{\"engineId\":null,\"assetId\":null}")));

    return kdm_tx_with_info(tx, kdm_json_parse(arena, text),
                            kdm_dm_info_updated(tx, KDM_DM_NOBODY, kdm_tx_now(tx), old));
}

/* Stages those of the ids that are attached still, as many as one commit takes; returns how many of
 * the ids are done. They were fetched. */
static size_t stage_freed(struct kdm_tx *tx, struct kdm_collection *devices,
                          const struct kdm_str_list *ids, struct kdm_str index)
{
    size_t bytes = 0, done;

    for (done = 0; done < ids->count && done < KDM_WALK_CHUNK; done++) {
        struct kdm_doc *doc;
        struct kdm_str text;

        if (!kdm_tx_read_unchecked(tx, devices, ids->items[done], &doc) || doc == NULL
            || !is_attached(&index, doc->id, kdm_doc_source(tx, doc)))
            continue;
        text = freed(tx, doc);
        if (bytes > 0 && bytes + text.len > FREE_BYTES)
            break;
        bytes += text.len;
        kdm_tx_write(tx, devices, doc, text, KDM_CHANGE_UPDATE,
                     KDM_STR("[\"engineId\",\"assetId\"]"), 0);
    }
    return done;
}

static void set_free_state(struct kdm_tx *tx, const struct kdm_walk *walk)
{
    struct kdm_buf state;

    kdm_buf_init(&state, kdm_tx_arena(tx), 256);
    kdm_buf_char(&state, '{');
    kdm_walk_put(&state, walk);
    kdm_buf_char(&state, '}');
    kdm_tx_job_state(tx, kdm_buf_str(&state));
}

/* State: {"walk":..} over the platform's devices. */
enum kdm_outcome kdm_dm_free_job_chunk(struct kdm_tx *tx, struct kdm_val args, struct kdm_val state)
{
    struct kdm_str *index = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(*index));
    struct kdm_walk walk = kdm_walk_read(tx, state);
    struct kdm_collection *devices;
    struct kdm_dm_engine engine;
    bool found;

    *index = kdm_val_str(kdm_tx_arena(tx), kdm_val_get(args, KDM_STR("index")));
    if (!kdm_tx_collection(tx, kdm_dm_platform(tx), KDM_STR("devices"), &devices)
        || !kdm_dm_engine_find(tx, *index, &found, &engine))
        return KDM_WAIT;
    if (!found) { /* made again meanwhile: its devices are its own */
        if (!kdm_walk_find(tx, devices, is_attached, index, &walk)
            || !kdm_walk_fetch(tx, devices, &walk))
            return KDM_WAIT;
        kdm_walk_done(&walk, stage_freed(tx, devices, &walk.ids, *index));
    }
    if (found || kdm_walk_over(&walk))
        kdm_tx_job_finish(tx);
    else
        set_free_state(tx, &walk);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

/* --- looking --------------------------------------------------------------------------------- */

enum kdm_outcome kdm_dm_engine_exists(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_dm_engine engine;
    bool found;

    if (!kdm_dm_engine_find(tx, kdm_args_str(args, KDM_ARG_INDEX), &found, &engine))
        return KDM_WAIT;
    return kdm_tx_reply(tx, found ? KDM_STR("{\"exists\":true}") : KDM_STR("{\"exists\":false}"));
}

enum kdm_outcome kdm_dm_engine_list(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_dm_engines engines;
    struct kdm_buf buf;

    if (!kdm_dm_engines(tx, &engines))
        return KDM_WAIT;
    kdm_buf_init(&buf, args->arena, 64 + engines.count * 96);
    kdm_buf_lit(&buf, "{\"engines\":[");
    for (size_t i = 0; i < engines.count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        kdm_buf_put(&buf, kdm_json_canonical(args->arena, engines.items[i].source));
    }
    kdm_buf_lit(&buf, "]}");
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}
