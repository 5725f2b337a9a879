/* asset_locales.c - updateModelLocales: the texts of a model copied to its assets in all tenants.
 * A job does it and the reply waits for it. Every chunk is one commit with the place behind it, so
 * no asset is done half; to copy the same texts again changes no text. The job follows the model as
 * it is when it runs. State: {"engine":"<index>","walk":..,"told":[..],"successes":[..]}: the
 * tenant being done, how far, what will be told of those before, and of this one.
 */
#include "action/device_manager/asset.h"
#include "action/device_manager/rules.h"
#include "action/walk.h"

#define CHUNK_ENGINES 32 /* passed by one chunk when they have no such assets */
#define CHUNK_BYTES   (KDM_COMMIT_MAX_BYTES / 2)
/* Every chunk writes what will be told; assets beyond that are updated and not told. */
#define TOLD_BYTES (256u << 10)

struct copying {
    struct kdm_tx *tx;
    struct kdm_str model; /* its name */
    struct kdm_val locales;
    struct kdm_collection *assets; /* of the tenant */
    struct kdm_str engine;         /* the tenant; "" before the first */
    struct kdm_walk walk;
    struct kdm_str told, successes; /* JSON arrays */
};

static struct kdm_str text_of(struct kdm_tx *tx, struct kdm_val object, const char *name)
{
    return kdm_val_str(kdm_tx_arena(tx), kdm_val_get(object, kdm_str_of(name)));
}

/* --- state ----------------------------------------------------------------------------------- */

static struct kdm_str array_of(struct kdm_val state, const char *name)
{
    struct kdm_val array = kdm_val_get(state, kdm_str_of(name));

    return kdm_val_type(array) == KDM_JSON_ARRAY ? kdm_val_text(array) : KDM_STR("[]");
}

static struct copying read_state(struct kdm_tx *tx, struct kdm_val args, struct kdm_val state)
{
    struct copying copying = { .tx = tx,
                               .model = text_of(tx, args, "model"),
                               .engine = text_of(tx, state, "engine"),
                               .walk = kdm_walk_read(tx, state),
                               .told = array_of(state, "told"),
                               .successes = array_of(state, "successes") };

    if (kdm_str_none(copying.engine))
        copying.engine = KDM_STR("");
    return copying;
}

static void set_state(const struct copying *copying)
{
    struct kdm_buf state;

    kdm_buf_init(&state, kdm_tx_arena(copying->tx), copying->told.len + 1024);
    kdm_buf_lit(&state, "{\"engine\":");
    kdm_json_put_str(&state, copying->engine);
    kdm_buf_char(&state, ',');
    kdm_walk_put(&state, &copying->walk);
    kdm_buf_lit(&state, ",\"told\":");
    kdm_buf_put(&state, copying->told);
    kdm_buf_lit(&state, ",\"successes\":");
    kdm_buf_put(&state, copying->successes);
    kdm_buf_char(&state, '}');
    kdm_tx_job_state(copying->tx, kdm_buf_str(&state));
}

/* --- what will be told ----------------------------------------------------------------------- */

/* Makes `buf` the array without its end. */
static void reopen(struct kdm_buf *buf, struct kdm_arena *arena, struct kdm_str array)
{
    kdm_buf_init(buf, arena, array.len + 256);
    kdm_buf_put(buf, array);
    buf->len--;
}

static void next_element(struct kdm_buf *buf)
{
    if (buf->len > 1)
        kdm_buf_char(buf, ',');
}

static void tell_asset(const struct copying *copying, struct kdm_buf *successes,
                       const struct kdm_doc *asset)
{
    if (copying->told.len + successes->len > TOLD_BYTES)
        return;
    next_element(successes);
    kdm_buf_lit(successes, "{\"_id\":");
    kdm_json_put_str(successes, asset->id);
    kdm_buf_lit(successes, ",\"_version\":");
    kdm_buf_int(successes, asset->version + 1); /* written on this state or not at all */
    kdm_buf_lit(successes, ",\"status\":200}");
}

static void tell_tenant(struct copying *copying)
{
    struct kdm_buf buf;

    reopen(&buf, kdm_tx_arena(copying->tx), copying->told);
    next_element(&buf);
    kdm_buf_lit(&buf, "{\"engineIndex\":");
    kdm_json_put_str(&buf, copying->engine);
    kdm_buf_lit(&buf, ",\"result\":{\"errors\":[],\"successes\":");
    kdm_buf_put(&buf, copying->successes);
    kdm_buf_lit(&buf, "}}]");
    copying->told = kdm_buf_str(&buf);
    copying->successes = KDM_STR("[]");
}

/* --- the job --------------------------------------------------------------------------------- */

static struct kdm_str with_locales(struct kdm_tx *tx, struct kdm_val old, struct kdm_val locales)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val present = kdm_val_get(old, KDM_STR("modelLocales"));
    struct kdm_str merged = kdm_val_type(present) == KDM_JSON_OBJECT
                                ? kdm_json_merge(arena, present, locales)
                                : kdm_val_text(locales);
    struct kdm_str text = kdm_json_set(arena, old, KDM_STR("modelLocales"), merged);

    return kdm_tx_with_info(tx, kdm_json_parse(arena, text),
                            kdm_dm_info_updated(tx, KDM_DM_NOBODY, kdm_dm_date(tx, old), old));
}

/* Stages as many of the ids as one commit takes; returns how many of them are done. They were
 * fetched; what is of another model by now is left alone. */
static size_t stage_assets(struct copying *copying)
{
    const struct kdm_str_list *ids = &copying->walk.ids;
    struct kdm_tx *tx = copying->tx;
    struct kdm_buf successes;
    size_t bytes = 0, done;

    reopen(&successes, kdm_tx_arena(tx), copying->successes);
    for (done = 0; done < ids->count && done < KDM_WALK_CHUNK; done++) {
        struct kdm_doc *asset;
        struct kdm_str text;

        if (!kdm_tx_read_unchecked(tx, copying->assets, ids->items[done], &asset) || asset == NULL
            || !kdm_dm_is_of_model(&copying->model, asset->id, kdm_doc_source(tx, asset)))
            continue;
        text = with_locales(tx, kdm_doc_source(tx, asset), copying->locales);
        if (bytes > 0 && bytes + text.len > CHUNK_BYTES)
            break;
        bytes += text.len;
        kdm_tx_write(tx, copying->assets, asset, text, KDM_CHANGE_UPDATE,
                     KDM_STR("[\"modelLocales\"]"), 0);
        tell_asset(copying, &successes, asset);
    }
    kdm_buf_char(&successes, ']');
    copying->successes = kdm_buf_str(&successes);
    return done;
}

/* Goes on to the tenant behind this one; false: there is none. */
static bool next_tenant(struct copying *copying, const struct kdm_dm_engines *engines)
{
    if (copying->engine.len > 0)
        tell_tenant(copying);
    for (size_t i = 0; i < engines->count; i++) {
        if (kdm_str_cmp(engines->items[i].index, copying->engine) > 0) {
            copying->engine = engines->items[i].index;
            copying->walk = kdm_walk_begin();
            return true;
        }
    }
    return false;
}

/* Looks for assets in the tenant. false: wait. */
static bool find_assets(struct copying *copying)
{
    struct kdm_str *model = kdm_arena_alloc(kdm_tx_arena(copying->tx), sizeof(*model));

    *model = copying->model; /* the scan keeps it longer than this run */
    if (!kdm_tx_find_collection(copying->tx, copying->engine, kdm_dm_collection_name(KDM_DM_ASSETS),
                                &copying->assets))
        return false;
    if (copying->assets == NULL) {
        kdm_walk_end(&copying->walk);
        return true;
    }
    return kdm_walk_find(copying->tx, copying->assets, kdm_dm_is_of_model, model, &copying->walk);
}

/* Goes on to the next assets there are, past a bounded number of tenants. *ret_end: nothing is
 * left. false: wait. */
static bool find_work(struct copying *copying, bool *ret_end)
{
    struct kdm_dm_engines engines;

    *ret_end = false;
    if (!kdm_dm_engines(copying->tx, &engines))
        return false;
    for (int passed = 0; passed < CHUNK_ENGINES; passed++) {
        if (copying->engine.len == 0 || kdm_walk_over(&copying->walk))
            *ret_end = !next_tenant(copying, &engines);
        if (*ret_end)
            return true;
        if (!find_assets(copying))
            return false;
        if (!kdm_walk_over(&copying->walk))
            return kdm_walk_fetch(copying->tx, copying->assets, &copying->walk);
    }
    return true;
}

/* The locales of the model; NONE: there is no such model. Checked: of two jobs that meet in an
 * asset the one with the older texts must not come last. false: wait. */
static bool find_locales(struct kdm_tx *tx, struct kdm_str name, struct kdm_val *ret_locales)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str id = kdm_dm_model_id(arena, KDM_DM_ASSET, name);
    struct kdm_collection *models;
    struct kdm_dm_model model;
    struct kdm_doc *doc;

    *ret_locales = KDM_VAL_NONE;
    if (!kdm_dm_models_collection(tx, &models) || !kdm_tx_read(tx, models, id, &doc))
        return false;
    if (doc == NULL || !kdm_dm_model_read(arena, id, doc->text, kdm_doc_source(tx, doc), &model))
        return true;
    *ret_locales = kdm_val_get(model.content, KDM_STR("locales"));
    if (kdm_val_type(*ret_locales) != KDM_JSON_OBJECT)
        *ret_locales = kdm_json_parse(arena, KDM_STR("{}"));
    return true;
}

enum kdm_outcome kdm_dm_locales_job_chunk(struct kdm_tx *tx, struct kdm_val args,
                                          struct kdm_val state)
{
    struct copying copying = read_state(tx, args, state);
    bool end = false;

    if (!find_locales(tx, copying.model, &copying.locales))
        return KDM_WAIT;
    if (kdm_val_none(copying.locales))
        end = true; /* deleted meanwhile */
    else if (!find_work(&copying, &end))
        return KDM_WAIT;
    if (end) {
        kdm_tx_job_finish_with(tx, copying.told);
    } else {
        kdm_walk_done(&copying.walk, stage_assets(&copying));
        set_state(&copying);
    }
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

/* --- the request ----------------------------------------------------------------------------- */

/* What is wrong is told as upstream tells it. */
enum kdm_outcome kdm_dm_assets_update_model_locales(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str name = kdm_args_str(args, KDM_ARG_MODEL), job, told;
    struct kdm_dm_engines engines;
    struct kdm_val locales;

    if (!find_locales(tx, name, &locales) || !kdm_dm_engines(tx, &engines))
        return KDM_WAIT;
    if (kdm_val_none(locales) || engines.count == 0)
        return kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_LOCALES_RESULT_IS_ERROR, NULL, 0);
    job = kdm_tx_job(tx, KDM_DM_LOCALES_JOB_KIND, kdm_json_pair(args->arena, "model", name));
    return kdm_tx_commit(tx) && kdm_tx_complete_job(tx, job, &told) ? kdm_tx_reply(tx, told)
                                                                    : KDM_WAIT;
}
