/* model_job.c - what follows from a written model (reference device-manager.md 6.5 and 6.6).
 * First the mappings of all tenants, then, for an asset model, the metadata of its assets in the
 * tenants of its group: all of them. Every chunk is one commit with the place behind it; an asset
 * that has its history entry of this job is done, so a chunk that is repeated writes nothing twice.
 * It follows the models as they are when it runs, so of two writes in a row the later one is what
 * stays. State: {"phase":"mappings","after":"<index>"}, then
 * {"phase":"assets","engine":"<index>","ids":[..],"after":"<id>"}: the ids that come next and the
 * last one that the scan looked at, so that one scan serves many chunks.
 */
#include "action/device_manager/dm.h"
#include "action/device_manager/rules.h"
#include "base/hash.h"

#define CHUNK_ENGINES       16
#define WINDOW_ASSETS       2000  /* whose ids one scan finds */
#define WINDOW_BYTES        32768 /* that these ids take in the job's record */
#define CHUNK_ASSETS        200
#define CHUNK_EMPTY_ENGINES 32
#define CHUNK_BYTES         (KDM_COMMIT_MAX_BYTES / 2)

struct kdm_str kdm_dm_model_job(struct kdm_tx *tx, struct kdm_str asset_model)
{
    struct kdm_buf args;

    kdm_buf_init(&args, kdm_tx_arena(tx), 128);
    kdm_buf_lit(&args, "{\"run\":");
    kdm_json_put_str(&args, kdm_tx_id(tx, KDM_STR("dm-model run")));
    if (!kdm_str_none(asset_model)) {
        kdm_buf_lit(&args, ",\"asset\":");
        kdm_json_put_str(&args, asset_model);
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
    struct kdm_str engine;   /* being done; "" before the first */
    struct kdm_str_list ids; /* what is left of those that a scan found */
    struct kdm_str after;    /* the next scan begins behind it */
    bool engine_done;        /* there is nothing behind it */
};

static void set_assets_state(struct kdm_tx *tx, const struct place *place)
{
    struct kdm_buf state;

    kdm_buf_init(&state, kdm_tx_arena(tx), 256);
    kdm_buf_lit(&state, "{\"phase\":\"assets\",\"engine\":");
    kdm_json_put_str(&state, place->engine);
    kdm_buf_lit(&state, ",\"after\":");
    kdm_json_put_str(&state, place->after);
    kdm_buf_lit(&state, ",\"ids\":[");
    for (size_t i = 0; i < place->ids.count; i++) {
        if (i > 0)
            kdm_buf_char(&state, ',');
        kdm_json_put_str(&state, place->ids.items[i]);
    }
    kdm_buf_put(&state,
                place->engine_done ? KDM_STR("],\"done\":true}") : KDM_STR("],\"done\":false}"));
    kdm_tx_job_state(tx, kdm_buf_str(&state));
}

static struct place read_place(struct kdm_tx *tx, struct kdm_val state)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val ids = kdm_val_get(state, KDM_STR("ids")), id;
    struct place place = { .engine = text_of(tx, state, "engine"),
                           .after = text_of(tx, state, "after") };
    struct kdm_val_iter it;

    place.engine_done = kdm_val_type(kdm_val_get(state, KDM_STR("done"))) == KDM_JSON_TRUE;
    place.ids.items = kdm_arena_alloc(arena, kdm_val_count(ids) * sizeof(struct kdm_str) + 1);
    for (kdm_elements(&it, ids); kdm_element_next(&it, &id);)
        place.ids.items[place.ids.count++] = kdm_val_str(arena, id);
    return place;
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
    else if (kdm_val_none(kdm_val_get(args, KDM_STR("asset"))))
        kdm_tx_job_finish(tx);
    else
        set_assets_state(tx, &(struct place){ .engine = KDM_STR(""), .after = KDM_STR("") });
    return commit_chunk(tx);
}

/* --- assets ---------------------------------------------------------------------------------- */

/* Filters a scan down to about those ids that come next: the smallest beyond `after` that it has
 * met so far. What it lets through in between is of no harm; the list that a scan gives is sorted.
 */
struct next_filter {
    struct kdm_arena *arena;
    struct kdm_str model, after;
    struct kdm_str ids[WINDOW_ASSETS]; /* sorted */
    size_t count;
};

/* Where `id` belongs among the ids. */
static size_t place_of(const struct next_filter *filter, struct kdm_str id)
{
    size_t low = 0, high = filter->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (kdm_str_cmp(filter->ids[middle], id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_next(void *ctx, struct kdm_str id, struct kdm_val source)
{
    struct next_filter *filter = ctx;
    size_t at;

    if (kdm_str_cmp(id, filter->after) <= 0
        || !kdm_val_str_eq(kdm_val_get(source, KDM_STR("model")), filter->model))
        return false;
    at = place_of(filter, id);
    if (at == WINDOW_ASSETS)
        return false;
    if (at < filter->count && kdm_str_eq(filter->ids[at], id))
        return true;
    if (filter->count < WINDOW_ASSETS)
        filter->count++;
    memmove(&filter->ids[at + 1], &filter->ids[at],
            (filter->count - at - 1) * sizeof(filter->ids[0]));
    filter->ids[at] = kdm_arena_copy(filter->arena, id);
    return true;
}

/* Fills place->ids with what comes behind place->after. false: wait. */
static bool find_next(struct kdm_tx *tx, struct kdm_collection *assets, struct kdm_str model,
                      struct place *place)
{
    struct next_filter *filter = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(*filter));
    struct kdm_doc_list docs;
    size_t bytes = 0, count = 0;

    filter->arena = kdm_tx_arena(tx);
    filter->model = model;
    filter->after = place->after;
    filter->count = 0;
    if (!kdm_tx_scan(tx, KDM_STR("assets"), assets, false, is_next, filter, &docs))
        return false;
    while (count < docs.count && count < WINDOW_ASSETS && bytes < WINDOW_BYTES)
        bytes += docs.items[count++]->id.len + 3;
    place->ids.items = kdm_arena_alloc(kdm_tx_arena(tx), count * sizeof(struct kdm_str) + 1);
    place->ids.count = count;
    for (size_t i = 0; i < count; i++)
        place->ids.items[i] = docs.items[i]->id;
    place->engine_done = count == docs.count;
    if (count > 0)
        place->after = docs.items[count - 1]->id;
    return true;
}

/* What a chunk of assets is about. */
struct propagation {
    struct kdm_tx *tx;
    struct kdm_str run, engine;
    struct kdm_dm_model model;
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

/* The asset with its metadata brought up to the model, by nobody (the core's mReplace: no date of
 * an update). */
static struct kdm_str propagated(const struct propagation *all, struct kdm_val old, int64_t date,
                                 struct kdm_str *ret_metadata)
{
    struct kdm_arena *arena = kdm_tx_arena(all->tx);
    struct kdm_val defaults = kdm_val_get(all->model.content, KDM_STR("defaultMetadata"));
    struct kdm_str text;

    *ret_metadata = kdm_dm_metadata_propagated(arena, kdm_dm_model_mappings(&all->model), defaults,
                                               kdm_val_get(old, KDM_STR("metadata")));
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
static bool read_assets(const struct propagation *all, const struct kdm_str_list *ids)
{
    struct kdm_doc *ignored;
    bool read = true;

    for (size_t i = 0; i < ids->count && i < CHUNK_ASSETS; i++) {
        read = kdm_tx_read_unchecked(all->tx, all->assets, ids->items[i], &ignored) && read;
        read =
            kdm_tx_read_unchecked(all->tx, all->history, history_id(all, ids->items[i]), &ignored)
            && read;
    }
    return read;
}

/* Stages as many of the ids as one commit takes; returns how many those are. Unchecked reads
 * suffice: each write carries the state it was made from. */
static size_t stage_assets(const struct propagation *all, const struct kdm_str_list *ids)
{
    size_t bytes = 0, done;

    for (done = 0; done < ids->count && done < CHUNK_ASSETS && bytes < CHUNK_BYTES; done++) {
        struct kdm_doc *asset = NULL, *entry = NULL;
        struct kdm_str id = ids->items[done];

        if (kdm_tx_read_unchecked(all->tx, all->history, history_id(all, id), &entry)
            && entry == NULL && kdm_tx_read_unchecked(all->tx, all->assets, id, &asset)
            && asset != NULL) {
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
    if (place->ids.count > 0 || (place->engine.len > 0 && !place->engine_done))
        return true;
    if (!kdm_dm_engines(tx, &engines))
        return false;
    engine = next_engine(&engines, model->group, place);
    *ret_end = engine == NULL;
    if (engine != NULL)
        *place = (struct place){ .engine = engine->index, .after = KDM_STR("") };
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

/* Goes on to the next assets there are, past tenants that have none; after many of those the chunk
 * ends with nothing to do but to note how far it came. *ret_end: nothing is left. false: wait. */
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
            place->engine_done = true;
        else if (place->ids.count == 0 && !find_next(all->tx, all->assets, all->model.name, place))
            return false;
        if (place->ids.count > 0)
            return true;
    }
    return true;
}

static enum kdm_outcome assets_chunk(struct kdm_tx *tx, struct kdm_val args, struct kdm_val state)
{
    struct propagation all = { .tx = tx, .run = text_of(tx, args, "run") };
    struct place place = read_place(tx, state);
    bool found, end;
    size_t done;

    if (!find_model(tx, text_of(tx, args, "asset"), &found, &all.model))
        return KDM_WAIT;
    if (!found)
        return finish(tx); /* deleted meanwhile */
    if (!find_work(&all, &place, &end))
        return KDM_WAIT;
    if (end)
        return finish(tx);
    if (!read_assets(&all, &place.ids))
        return KDM_WAIT;
    done = stage_assets(&all, &place.ids);
    place.ids.items += done;
    place.ids.count -= done;
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
