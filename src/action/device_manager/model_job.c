/* model_job.c - what follows from a written model (reference device-manager.md 6.5 and 6.6).
 * First the mappings of all tenants, then, for an asset model, the metadata of its assets in the
 * tenants of its group: all of them. Every chunk is one commit with the place behind it; an asset
 * that has its history entry of this job is done, so a chunk that is repeated writes nothing twice.
 * It follows the models as they are when it runs, so of two writes in a row the later one is what
 * stays. State: {"phase":"mappings","after":"<index>"}, then
 * {"phase":"assets","model":n,"engine":"<index>","walk":..}: which of the models, the tenant, and
 * how far its assets are done.
 */
#include "action/device_manager/dm.h"
#include "action/device_manager/rules.h"
#include "action/walk.h"
#include "base/hash.h"

#define CHUNK_ENGINES       16
#define CHUNK_EMPTY_ENGINES 32
#define CHUNK_BYTES         (KDM_COMMIT_MAX_BYTES / 2)

struct kdm_str kdm_dm_model_job(struct kdm_tx *tx, const struct kdm_str_list *asset_models,
                                struct kdm_str renames)
{
    struct kdm_buf args;

    kdm_buf_init(&args, kdm_tx_arena(tx), 128);
    kdm_buf_lit(&args, "{\"run\":");
    kdm_json_put_str(&args, kdm_tx_id(tx, KDM_STR("dm-model run")));
    kdm_buf_lit(&args, ",\"assets\":[");
    for (size_t i = 0; i < asset_models->count; i++) {
        if (i > 0)
            kdm_buf_char(&args, ',');
        kdm_json_put_str(&args, asset_models->items[i]);
    }
    kdm_buf_char(&args, ']');
    if (!kdm_str_none(renames)) {
        kdm_buf_lit(&args, ",\"renames\":");
        kdm_buf_put(&args, renames);
    }
    kdm_buf_char(&args, '}');
    return kdm_tx_job(tx, KDM_DM_JOB_KIND, kdm_buf_str(&args));
}

static struct kdm_str text_of(struct kdm_tx *tx, struct kdm_val object, const char *name)
{
    return kdm_val_str(kdm_tx_arena(tx), kdm_val_get(object, kdm_str_of(name)));
}

static enum kdm_outcome commit_chunk(struct kdm_tx *tx)
{
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

static enum kdm_outcome finish(struct kdm_tx *tx)
{
    kdm_tx_job_finish(tx);
    return commit_chunk(tx);
}

/* Where a job stands among the assets. */
struct place {
    int64_t model;         /* of args.assets: whose assets are being done */
    struct kdm_str engine; /* being done; "" before the first */
    struct kdm_walk walk;
};

static void set_assets_state(struct kdm_tx *tx, const struct place *place)
{
    struct kdm_buf state;

    kdm_buf_init(&state, kdm_tx_arena(tx), 256);
    kdm_buf_printf(&state,
                   "{\"phase\":\"assets\",\"model\":%lld,\"engine\":", (long long)place->model);
    kdm_json_put_str(&state, place->engine);
    kdm_buf_char(&state, ',');
    kdm_walk_put(&state, &place->walk);
    kdm_buf_char(&state, '}');
    kdm_tx_job_state(tx, kdm_buf_str(&state));
}

static struct place read_place(struct kdm_tx *tx, struct kdm_val state)
{
    int64_t model = 0;

    kdm_val_int64(kdm_val_get(state, KDM_STR("model")), &model);
    return (struct place){ .model = model,
                           .engine = text_of(tx, state, "engine"),
                           .walk = kdm_walk_read(tx, state) };
}

/* --- mappings -------------------------------------------------------------------------------- */

static void set_mappings_state(struct kdm_tx *tx, struct kdm_str after)
{
    struct kdm_buf state;

    kdm_buf_init(&state, kdm_tx_arena(tx), 192);
    kdm_buf_lit(&state, "{\"phase\":\"mappings\",\"after\":");
    kdm_json_put_str(&state, after);
    kdm_buf_char(&state, '}');
    kdm_tx_job_state(tx, kdm_buf_str(&state));
}

static enum kdm_outcome mappings_chunk(struct kdm_tx *tx, struct kdm_val args, struct kdm_val state)
{
    struct kdm_str after = text_of(tx, state, "after");
    struct kdm_dm_engines engines;
    struct kdm_dm_models models;
    struct kdm_dm_refit *refit;
    size_t first = 0, last;
    bool all = true;

    if (!kdm_dm_engines(tx, &engines) || !kdm_dm_models(tx, false, &models))
        return KDM_WAIT;
    while (!kdm_str_none(after) && first < engines.count
           && kdm_str_cmp(engines.items[first].index, after) <= 0)
        first++;
    last = engines.count - first > CHUNK_ENGINES ? first + CHUNK_ENGINES : engines.count;
    refit = kdm_dm_refit_create(tx, &models);
    if (kdm_val_null(state))
        all = kdm_dm_refit_platform(tx, refit);
    for (size_t i = first; i < last; i++)
        all = kdm_dm_refit_engine(tx, refit, &engines.items[i]) && all;
    if (!all)
        return KDM_WAIT;
    if (last < engines.count)
        set_mappings_state(tx, engines.items[last - 1].index);
    else if (kdm_val_count(kdm_val_get(args, KDM_STR("assets"))) == 0)
        kdm_tx_job_finish(tx);
    else
        set_assets_state(tx, &(struct place){ .engine = KDM_STR(""), .walk = kdm_walk_begin() });
    return commit_chunk(tx);
}

/* --- assets ---------------------------------------------------------------------------------- */

/* false: wait. */
static bool find_next(struct kdm_tx *tx, struct kdm_collection *assets, struct kdm_str model,
                      struct place *place)
{
    struct kdm_str *name = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(*name));

    *name = model;
    return kdm_walk_find(tx, assets, kdm_dm_is_of_model, name, &place->walk);
}

/* What a chunk of assets is about. */
struct propagation {
    struct kdm_tx *tx;
    struct kdm_str run, engine;
    struct kdm_dm_model model;
    struct kdm_val renames; /* {"old":"new"}, or NONE */
    struct kdm_collection *assets, *history;
};

/* The same for the same run and asset on every node, so a repeated chunk finds it. */
static struct kdm_str history_id(const struct propagation *all, struct kdm_str asset_id)
{
    static const struct kdm_hash_seed seeds[2] = { { 0x6b646d2d6d6f6465, 0x6c2d686973746f72 },
                                                   { 0x792d6f662d616e2d, 0x61737365742d6964 } };
    struct kdm_str key =
        kdm_arena_printf(kdm_tx_arena(all->tx), KDM_FMT "/" KDM_FMT "/" KDM_FMT, KDM_ARG(all->run),
                         KDM_ARG(all->engine), KDM_ARG(asset_id));

    return kdm_arena_printf(kdm_tx_arena(all->tx), "m%016llx%016llx",
                            (unsigned long long)kdm_hash(&seeds[0], key),
                            (unsigned long long)kdm_hash(&seeds[1], key));
}

/* The metadata with the values of renamed ones under their new names. */
static struct kdm_val renamed(const struct propagation *all, struct kdm_val metadata)
{
    struct kdm_arena *arena = kdm_tx_arena(all->tx);
    struct kdm_str text = kdm_val_text(metadata);
    struct kdm_val_iter it;
    struct kdm_val old, now;

    if (kdm_val_count(all->renames) == 0 || kdm_val_type(metadata) != KDM_JSON_OBJECT)
        return metadata;
    for (kdm_members(&it, all->renames); kdm_member_next(&it, &old, &now);) {
        struct kdm_val value = kdm_val_get(metadata, kdm_val_str(arena, old));

        if (!kdm_val_null(value))
            text = kdm_json_set(arena, kdm_json_parse(arena, text), kdm_val_str(arena, now),
                                kdm_json_canonical(arena, value));
    }
    return kdm_json_parse(arena, text);
}

/* The asset with its metadata brought up to the model, by nobody (the core's mReplace: no date of
 * an update). */
static struct kdm_str propagated(const struct propagation *all, struct kdm_val old, int64_t date,
                                 struct kdm_str *ret_metadata)
{
    struct kdm_arena *arena = kdm_tx_arena(all->tx);
    struct kdm_val defaults = kdm_val_get(all->model.content, KDM_STR("defaultMetadata"));
    struct kdm_str text;

    *ret_metadata = kdm_dm_metadata_propagated(arena, kdm_dm_model_mappings(&all->model), defaults,
                                               renamed(all, kdm_val_get(old, KDM_STR("metadata"))));
    text = kdm_json_set(arena, old, KDM_STR("metadata"), *ret_metadata);
    return kdm_tx_with_info(all->tx, kdm_json_parse(arena, text),
                            kdm_dm_info_created(all->tx, KDM_DM_NOBODY, date));
}

/* Stages an asset and its history entry; returns the bytes they take. */
static size_t stage_asset(const struct propagation *all, struct kdm_doc *asset)
{
    struct kdm_tx *tx = all->tx;
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val old = kdm_doc_source(tx, asset);
    int64_t date = kdm_dm_date(tx, old);
    struct kdm_str metadata, text = propagated(all, old, date, &metadata), entry;

    entry = kdm_dm_history_entry(
        tx, asset->id, date,
        kdm_dm_metadata_event(arena, kdm_dm_paths(arena, kdm_json_parse(arena, metadata))), text);
    kdm_tx_write(tx, all->assets, asset, text, KDM_CHANGE_REPLACE, KDM_STR_NONE, 0);
    kdm_tx_create(tx, all->history, history_id(all, asset->id), entry, 0);
    return text.len + entry.len;
}

/* false: wait. */
static bool read_assets(const struct propagation *all, const struct kdm_walk *walk)
{
    bool read = kdm_walk_fetch(all->tx, all->assets, walk);
    struct kdm_doc *ignored;

    for (size_t i = 0; i < walk->ids.count && i < KDM_WALK_CHUNK; i++)
        read = kdm_tx_read_unchecked(all->tx, all->history, history_id(all, walk->ids.items[i]),
                                     &ignored)
               && read;
    return read;
}

/* Stages as many of the ids as one commit takes; returns how many those are. Unchecked reads
 * suffice: each write carries the state it was made from. */
static size_t stage_assets(struct propagation *all, const struct kdm_str_list *ids)
{
    size_t bytes = 0, done;

    for (done = 0; done < ids->count && done < KDM_WALK_CHUNK && bytes < CHUNK_BYTES; done++) {
        struct kdm_doc *asset = NULL, *entry = NULL;
        struct kdm_str id = ids->items[done];

        if (kdm_tx_read_unchecked(all->tx, all->history, history_id(all, id), &entry)
            && entry == NULL && kdm_tx_read_unchecked(all->tx, all->assets, id, &asset)
            && asset != NULL && kdm_dm_is_of_model(&all->model.name, id, kdm_doc_source(all->tx, asset))) {
            if (bytes > 0 && bytes + 4 * asset->text.len > 2 * CHUNK_BYTES)
                break;
            bytes += stage_asset(all, asset);
        }
    }
    return done;
}

/* The first tenant behind place->engine whose assets follow the model; NULL: none is left. */
static const struct kdm_dm_engine *next_engine(const struct kdm_dm_engines *engines,
                                               struct kdm_str model_group,
                                               const struct place *place)
{
    for (size_t i = 0; i < engines->count; i++) {
        const struct kdm_dm_engine *engine = &engines->items[i];

        if (kdm_dm_group_sees(engine->group, model_group)
            && kdm_str_cmp(engine->index, place->engine) > 0)
            return engine;
    }
    return NULL;
}

/* The tenant's two collections; *ret_there false when it has gone meanwhile. */
static bool find_collections(struct propagation *all, bool *ret_there)
{
    if (!kdm_tx_find_collection(all->tx, all->engine, kdm_dm_collection_name(KDM_DM_ASSETS),
                                &all->assets)
        || !kdm_tx_find_collection(all->tx, all->engine, kdm_dm_collection_name(KDM_DM_HISTORY),
                                   &all->history))
        return false;
    *ret_there = all->assets != NULL && all->history != NULL;
    return true;
}

static bool next_place(struct kdm_tx *tx, const struct kdm_dm_model *model, struct place *place,
                       bool *ret_end)
{
    const struct kdm_dm_engine *engine;
    struct kdm_dm_engines engines;

    *ret_end = false;
    if (place->engine.len > 0 && !kdm_walk_over(&place->walk))
        return true;
    if (!kdm_dm_engines(tx, &engines))
        return false;
    engine = next_engine(&engines, model->group, place);
    *ret_end = engine == NULL;
    if (engine != NULL)
        *place = (struct place){ .model = place->model,
                                 .engine = engine->index,
                                 .walk = kdm_walk_begin() };
    return true;
}

/* false: wait, or the model has gone: *ret_found false. */
static bool find_model(struct kdm_tx *tx, struct kdm_str name, bool *ret_found,
                       struct kdm_dm_model *ret_model)
{
    struct kdm_str id = kdm_dm_model_id(kdm_tx_arena(tx), KDM_DM_ASSET, name);
    struct kdm_collection *models;
    struct kdm_doc *doc;

    /* Checked: of two jobs that meet in an asset, the one with the older model must not come last.
     */
    if (!kdm_dm_models_collection(tx, &models) || !kdm_tx_read(tx, models, id, &doc))
        return false;
    *ret_found =
        doc != NULL
        && kdm_dm_model_read(kdm_tx_arena(tx), id, doc->text, kdm_doc_source(tx, doc), ret_model);
    return true;
}

/* Goes on to the next assets there are, past tenants that have none; after many of those, or pages,
 * the chunk ends with nothing to do but to note how far it came. *ret_end: nothing is left. false:
 * wait. */
static bool find_work(struct propagation *all, struct place *place, bool *ret_end)
{
    bool there;

    for (int passed = 0; passed < CHUNK_EMPTY_ENGINES; passed++) {
        if (!next_place(all->tx, &all->model, place, ret_end))
            return false;
        if (*ret_end)
            return true;
        all->engine = place->engine;
        if (!find_collections(all, &there))
            return false;
        if (!there)
            kdm_walk_end(&place->walk);
        else if (!find_next(all->tx, all->assets, all->model.name, place))
            return false;
        if (!kdm_walk_over(&place->walk))
            return true;
    }
    return true;
}

/* The model whose turn it is; none: all are done. */
static struct kdm_str model_name(struct kdm_tx *tx, struct kdm_val args, int64_t number)
{
    struct kdm_val_iter it;
    struct kdm_val name;

    for (kdm_elements(&it, kdm_val_get(args, KDM_STR("assets"))); kdm_element_next(&it, &name);) {
        if (number-- == 0)
            return kdm_val_str(kdm_tx_arena(tx), name);
    }
    return KDM_STR_NONE;
}

/* The assets of one model are done: on with the next. */
static enum kdm_outcome next_model(struct kdm_tx *tx, struct kdm_val args, int64_t number)
{
    const struct place place = { .model = number + 1,
                                 .engine = KDM_STR(""),
                                 .walk = kdm_walk_begin() };

    if (kdm_str_none(model_name(tx, args, number + 1)))
        return finish(tx);
    set_assets_state(tx, &place);
    return commit_chunk(tx);
}

static enum kdm_outcome assets_chunk(struct kdm_tx *tx, struct kdm_val args, struct kdm_val state)
{
    struct propagation all = { .tx = tx,
                               .run = text_of(tx, args, "run"),
                               .renames = kdm_val_get(args, KDM_STR("renames")) };
    struct place place = read_place(tx, state);
    struct kdm_str name = model_name(tx, args, place.model);
    bool found, end;

    if (kdm_str_none(name))
        return finish(tx);
    if (!find_model(tx, name, &found, &all.model))
        return KDM_WAIT;
    if (!found)
        return next_model(tx, args, place.model); /* deleted meanwhile */
    if (!find_work(&all, &place, &end))
        return KDM_WAIT;
    if (end)
        return next_model(tx, args, place.model);
    if (!read_assets(&all, &place.walk))
        return KDM_WAIT;
    kdm_walk_done(&place.walk, stage_assets(&all, &place.walk.ids));
    set_assets_state(tx, &place);
    return commit_chunk(tx);
}

enum kdm_outcome kdm_dm_model_job_chunk(struct kdm_tx *tx, struct kdm_val args,
                                        struct kdm_val state)
{
    if (kdm_val_str_eq(kdm_val_get(state, KDM_STR("phase")), KDM_STR("assets")))
        return assets_chunk(tx, args, state);
    return mappings_chunk(tx, args, state);
}
