/* asset_upsert_many.c - many assets made or changed by one request (reference dialects.md 5, F1).
 * Each asset is stored together with its history entry or refused by itself. What a request says of
 * one asset at several places is merged first, as if it had been sent one after the other. Assets
 * are committed in chunks that fit one commit; chunks share no asset, so one that is stored needs
 * no second look when a later one loses a race.
 */
#include "action/device_manager/asset.h"
#include "base/hash.h"

#define CHUNK_ASSETS (KDM_COMMIT_MAX_WRITES / 2 - 10) /* two writes each, and the mappings' */
#define CHUNK_BYTES  (KDM_COMMIT_MAX_BYTES / 2) /* of assets; history entries hold them again */

/* One asset. */
struct unit {
    struct kdm_str id, reference, model_name;
    uint64_t hash;           /* of the id */
    size_t first;            /* of its items: it is the one that makes the asset */
    struct kdm_val metadata; /* of all its items, merged */
    struct kdm_val dialect;  /* likewise: members of `dialect`, or NONE */
    struct kdm_dm_model model;
    struct kdm_dm_asset_new *made;      /* it is new */
    struct kdm_dm_asset_change *change; /* or it is there, */
    struct kdm_doc *doc;                /* namely so */
    struct kdm_failure failure;         /* err not KDM_OK: refused */
    bool known;                         /* the model was given */
    bool decided;
};

/* Kept over replays until a race is lost. */
struct plan {
    struct unit *units;
    size_t unit_count;
    uint32_t *unit_of_item;
    uint32_t *slots; /* of units by hash: place + 1, 0: free */
    size_t slot_count;
};

struct many {
    struct kdm_tx *tx;
    struct kdm_dm_home home;
    struct kdm_dm_engine engine;
    struct plan *plan;
};

/* --- what is asked --------------------------------------------------------------------------- */

static uint32_t *slot_of(const struct plan *plan, uint64_t hash, struct kdm_str id)
{
    size_t at = hash % plan->slot_count;

    while (plan->slots[at] != 0) {
        const struct unit *unit = &plan->units[plan->slots[at] - 1];

        if (unit->hash == hash && kdm_str_eq(unit->id, id))
            break;
        at = (at + 1) % plan->slot_count;
    }
    return &plan->slots[at];
}

static void merge_item(struct kdm_arena *arena, struct unit *unit,
                       const struct kdm_dm_upsert_item *item)
{
    if (kdm_val_null(unit->metadata))
        unit->metadata = item->metadata;
    else if (!kdm_val_null(item->metadata))
        unit->metadata =
            kdm_json_parse(arena, kdm_json_merge(arena, unit->metadata, item->metadata));
    if (kdm_val_none(unit->dialect))
        unit->dialect = item->dialect;
    else if (!kdm_val_none(item->dialect))
        unit->dialect = kdm_json_parse(arena, kdm_json_assign(arena, unit->dialect, item->dialect));
}

static void add_item(struct kdm_arena *arena, struct plan *plan, const struct kdm_hash_seed *seed,
                     const struct kdm_dm_upsert_item *item, size_t number)
{
    struct kdm_str id = kdm_dm_asset_id(arena, item->model, item->reference);
    uint64_t hash = kdm_hash(seed, id);
    uint32_t *slot = slot_of(plan, hash, id);

    if (*slot == 0) {
        plan->units[plan->unit_count] = (struct unit){
            .id = id,
            .hash = hash,
            .first = number,
            .reference = item->reference,
            .model_name = item->model,
            .known = item->known != NULL,
        };
        if (item->known != NULL)
            plan->units[plan->unit_count].model = *item->known;
        *slot = (uint32_t)++plan->unit_count;
    }
    plan->unit_of_item[number] = *slot - 1;
    merge_item(arena, &plan->units[*slot - 1], item);
}

static struct plan *make_plan(struct kdm_tx *tx, const struct kdm_dm_upsert_item *items,
                              size_t count)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct plan *plan = kdm_arena_zalloc(arena, sizeof(*plan));
    struct kdm_hash_seed seed;

    kdm_source_hash_seed(tx, &seed);
    plan->units = kdm_arena_alloc(arena, (count + 1) * sizeof(*plan->units));
    plan->unit_of_item = kdm_arena_alloc(arena, (count + 1) * sizeof(*plan->unit_of_item));
    plan->slot_count = 2 * count + 1;
    plan->slots = kdm_arena_zalloc(arena, plan->slot_count * sizeof(*plan->slots));
    for (size_t i = 0; i < count; i++)
        add_item(arena, plan, &seed, &items[i], i);
    return plan;
}

/* The model of each asset; neighbours mostly have the same one. false: wait. */
static bool find_models(const struct many *many)
{
    struct plan *plan = many->plan;
    bool all = true, found = false;

    for (size_t i = 0; i < plan->unit_count; i++) {
        struct unit *unit = &plan->units[i];

        if (unit->known)
            continue;
        if (i > 0 && all && kdm_str_eq(unit[-1].model_name, unit->model_name)) {
            unit->model = unit[-1].model;
            unit->failure = unit[-1].failure;
            continue;
        }
        if (!kdm_dm_model_seen(many->tx, KDM_DM_ASSET, unit->model_name, many->engine.group, &found,
                               &unit->model))
            all = false;
        else if (!found)
            kdm_failure_set(&unit->failure, kdm_tx_arena(many->tx),
                            kdm_dm_unknown_model(KDM_DM_ASSET), KDM_PROPS(unit->model_name));
    }
    return all;
}

/* false: wait, or it failed. */
static bool get_plan(struct many *many, const struct kdm_dm_upsert_item *items, size_t count)
{
    static const char key[] = "upsert many";

    many->plan = kdm_tx_kept(many->tx, key);
    if (many->plan != NULL)
        return true;
    many->plan = make_plan(many->tx, items, count);
    if (!find_models(many))
        return false;
    kdm_tx_keep(many->tx, key, many->plan);
    return true;
}

/* --- deciding -------------------------------------------------------------------------------- */

static bool decide_new(struct many *many, struct unit *unit)
{
    struct kdm_arena *arena = kdm_tx_arena(many->tx);
    struct kdm_str source =
        kdm_dm_asset_source(arena, &unit->model, unit->reference, unit->metadata);
    struct kdm_str dialect = kdm_dm_dialect_with(arena, KDM_STR_NONE, unit->dialect);

    if (!kdm_str_none(dialect))
        source = kdm_json_set(arena, kdm_json_parse(arena, source), KDM_STR("dialect"), dialect);
    if (!kdm_dm_generic_document(many->tx, KDM_DM_BEFORE_WRITE, many->home.assets, unit->id, 0,
                                 &source))
        return false;
    unit->made = kdm_dm_asset_new(many->tx, &many->home, unit->id, source, &unit->failure);
    return true;
}

static struct kdm_str changes_of(struct kdm_arena *arena, const struct unit *unit)
{
    struct kdm_str metadata =
        kdm_val_null(unit->metadata) ? KDM_STR("{}") : kdm_json_canonical(arena, unit->metadata);

    return kdm_arena_printf(arena, "{\"metadata\":" KDM_FMT "}", KDM_ARG(metadata));
}

static bool decide_change(struct many *many, struct unit *unit)
{
    struct kdm_str changes = changes_of(kdm_tx_arena(many->tx), unit);

    if (!kdm_dm_asset_update_before(many->tx, unit->doc, unit->doc->text, &changes)
        || !kdm_dm_generic_document(many->tx, KDM_DM_BEFORE_UPDATE, many->home.assets, unit->id, 0,
                                    &changes))
        return false;
    unit->change = kdm_dm_asset_change(many->tx, &many->home, unit->doc, changes, unit->dialect,
                                       &unit->failure);
    return true;
}

/* false: wait. */
static bool decide_unit(struct many *many, struct unit *unit)
{
    if (unit->decided || unit->failure.err != KDM_OK)
        return true;
    if (!kdm_dm_metadata_check(kdm_tx_arena(many->tx), unit->metadata, &unit->failure))
        return true;
    if (!kdm_tx_read(many->tx, many->home.assets, unit->id, &unit->doc))
        return false;
    unit->decided = unit->doc == NULL ? decide_new(many, unit) : decide_change(many, unit);
    return unit->decided;
}

/* --- storing --------------------------------------------------------------------------------- */

static size_t size_of(const struct unit *unit)
{
    return unit->made != NULL     ? unit->made->text.len
           : unit->change != NULL ? unit->change->text.len
                                  : 0;
}

static bool stage_unit(struct many *many, const struct unit *unit)
{
    struct kdm_str entry =
        kdm_arena_printf(kdm_tx_arena(many->tx), "history " KDM_FMT, KDM_ARG(unit->id));

    if (unit->failure.err != KDM_OK)
        return true;
    if (!kdm_dm_asset_additions(many->tx, &many->home,
                                unit->made != NULL ? unit->made->additions
                                                   : unit->change->additions))
        return false;
    if (unit->made != NULL)
        kdm_tx_create(many->tx, many->home.assets, unit->id, unit->made->text, 0);
    else
        kdm_tx_write(many->tx, many->home.assets, unit->doc, unit->change->text, KDM_CHANGE_UPDATE,
                     unit->change->changed, 0);
    kdm_tx_create(many->tx, many->home.history, kdm_tx_id(many->tx, entry),
                  unit->made != NULL ? unit->made->history : unit->change->history, 0);
    return true;
}

/* Is there nothing left to do for it? */
static bool is_settled(const struct many *many, const struct unit *unit)
{
    return unit->failure.err != KDM_OK
           || kdm_tx_written(many->tx, many->home.assets, unit->id) != NULL;
}

/* Decides on as many units as fit one commit; false: wait. */
static bool decide_chunk(struct many *many, struct unit *units, size_t left, size_t *ret_count)
{
    size_t most = left < CHUNK_ASSETS ? left : CHUNK_ASSETS, bytes = 0, count = 0;
    bool all = true;

    for (size_t i = 0; i < most; i++) {
        if (!is_settled(many, &units[i]))
            kdm_tx_want(many->tx, many->home.assets, units[i].id);
    }
    for (size_t i = 0; i < most; i++)
        all = decide_unit(many, &units[i]) && all;
    while (count < most && (count == 0 || bytes + size_of(&units[count]) <= CHUNK_BYTES))
        bytes += size_of(&units[count++]);
    *ret_count = count;
    return all;
}

static bool store_chunk(struct many *many, const struct unit *units, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!stage_unit(many, &units[i]))
            return false;
    }
    return kdm_tx_commit(many->tx);
}

/* false: wait, or one refused. */
static bool fire_after(struct many *many, const struct unit *unit)
{
    const struct kdm_written *written = kdm_tx_written(many->tx, many->home.assets, unit->id);
    struct kdm_str shown;

    if (written == NULL || (unit->made == NULL && unit->change == NULL))
        return true;
    if (unit->made != NULL) {
        shown = unit->made->text;
        return kdm_dm_generic_document(many->tx, KDM_DM_AFTER_WRITE, many->home.assets, unit->id,
                                       written->version, &shown);
    }
    shown = unit->change->text;
    return kdm_dm_generic_document(many->tx, KDM_DM_AFTER_UPDATE, many->home.assets, unit->id,
                                   written->version, &shown)
           && kdm_dm_asset_update_after(many->tx, unit->change, unit->id, shown, written->version);
}

/* What earlier runs have committed is passed over: which units that was is told by the units. */
static bool store_all(struct many *many)
{
    struct plan *plan = many->plan;
    size_t at = 0, count;

    while (kdm_tx_commit_made(many->tx))
        kdm_tx_commit(many->tx);
    while (at < plan->unit_count) {
        if (is_settled(many, &plan->units[at])) {
            at++;
            continue;
        }
        if (!decide_chunk(many, &plan->units[at], plan->unit_count - at, &count)
            || !store_chunk(many, &plan->units[at], count))
            return false;
        at += count;
    }
    return true;
}

/* Pipes and hooks, once all is stored. */
static bool tell_all(struct many *many)
{
    struct plan *plan = many->plan;

    for (size_t i = 0; i < plan->unit_count; i++) {
        if (!fire_after(many, &plan->units[i]))
            return false;
    }
    return true;
}

bool kdm_dm_upsert_many(struct kdm_tx *tx, const struct kdm_dm_engine *engine,
                        const struct kdm_dm_upsert_item *items, size_t count,
                        struct kdm_dm_upserted *ret_results)
{
    struct many many = { .tx = tx, .engine = *engine };

    if (!kdm_dm_home_of(tx, engine->index, &many.home) || !get_plan(&many, items, count)
        || !store_all(&many) || !tell_all(&many))
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct unit *unit = &many.plan->units[many.plan->unit_of_item[i]];
        const struct kdm_written *written = kdm_tx_written(tx, many.home.assets, unit->id);

        ret_results[i] = (struct kdm_dm_upserted){ .id = unit->id, .failure = unit->failure };
        if (written != NULL) {
            ret_results[i].version = written->version;
            ret_results[i].created = written->created && unit->first == i;
        }
    }
    return true;
}

/* --- device-manager/assets:mUpsert ------------------------------------------------------------ */

/* false: it can't be stored, for what *ret_failure says. */
static bool read_item(struct kdm_arena *arena, struct kdm_val given, size_t number,
                      struct kdm_dm_upsert_item *ret_item, struct kdm_failure *ret_failure)
{
    const char *wrong = NULL, *expected = "string";
    struct kdm_str where;

    ret_item->model = kdm_val_str(arena, kdm_val_get(given, KDM_STR("model")));
    ret_item->reference = kdm_val_str(arena, kdm_val_get(given, KDM_STR("reference")));
    ret_item->metadata = kdm_val_get(given, KDM_STR("metadata"));
    if (kdm_val_type(given) != KDM_JSON_OBJECT)
        wrong = "", expected = "object";
    else if (kdm_str_none(ret_item->model))
        wrong = ".model";
    else if (kdm_str_none(ret_item->reference))
        wrong = ".reference";
    else if (!kdm_val_null(ret_item->metadata)
             && kdm_val_type(ret_item->metadata) != KDM_JSON_OBJECT)
        wrong = ".metadata", expected = "object";
    where =
        kdm_arena_printf(arena, "body.assets[%zu]%s", number, wrong == NULL ? ".reference" : wrong);
    if (wrong != NULL)
        kdm_failure_set(ret_failure, arena, KDM_ERR_API_ASSERT_INVALID_TYPE,
                        KDM_PROPS(where, kdm_str_of(expected)));
    else if (ret_item->reference.len == 0)
        kdm_failure_set(ret_failure, arena, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, KDM_PROPS(where));
    else
        return true;
    return false;
}

/* What is asked: the items that can be stored, and for the others why they can't. */
struct wanted {
    struct kdm_dm_upsert_item *items;
    size_t count;
    size_t *places;                  /* of the items in the request */
    struct kdm_dm_upserted *results; /* of all that is in the request */
    size_t result_count;
};

static void read_items(struct kdm_arena *arena, struct kdm_val assets, struct wanted *wanted)
{
    size_t most = kdm_val_count(assets) + 1;
    struct kdm_val_iter it;
    struct kdm_val given;

    wanted->items = kdm_arena_zalloc(arena, most * sizeof(*wanted->items));
    wanted->places = kdm_arena_alloc(arena, most * sizeof(*wanted->places));
    wanted->results = kdm_arena_zalloc(arena, most * sizeof(*wanted->results));
    for (kdm_elements(&it, assets); kdm_element_next(&it, &given); wanted->result_count++) {
        struct kdm_dm_upserted *result = &wanted->results[wanted->result_count];

        result->id = KDM_STR_NONE;
        if (!read_item(arena, given, wanted->result_count, &wanted->items[wanted->count],
                       &result->failure))
            continue;
        wanted->places[wanted->count++] = wanted->result_count;
    }
}

static void put_result(struct kdm_buf *successes, struct kdm_buf *errors, size_t number,
                       const struct kdm_dm_upserted *result)
{
    bool refused = result->failure.err != KDM_OK;
    struct kdm_buf *buf = refused ? errors : successes;

    if (buf->len > 0)
        kdm_buf_char(buf, ',');
    kdm_buf_lit(buf, "{\"_id\":");
    if (kdm_str_none(result->id))
        kdm_buf_lit(buf, "null");
    else
        kdm_json_put_str(buf, result->id);
    if (refused) {
        kdm_buf_lit(buf, ",\"index\":");
        kdm_buf_int(buf, (int64_t)number);
        kdm_buf_lit(buf, ",\"reason\":");
        kdm_json_put_str(buf, result->failure.message);
        kdm_buf_lit(buf, ",\"status\":");
        kdm_buf_int(buf, result->failure.status);
    } else {
        kdm_buf_put(buf, result->created ? KDM_STR(",\"created\":true,\"_version\":")
                                         : KDM_STR(",\"created\":false,\"_version\":"));
        kdm_buf_int(buf, result->version);
    }
    kdm_buf_char(buf, '}');
}

enum kdm_outcome kdm_dm_assets_m_upsert(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct wanted wanted = { .count = 0 };
    struct kdm_dm_upserted *stored;
    struct kdm_buf successes, errors;
    struct kdm_dm_engine engine;

    read_items(args->arena, kdm_args_val(args, KDM_ARG_BODY_ASSETS), &wanted);
    stored = kdm_arena_alloc(args->arena, (wanted.count + 1) * sizeof(*stored));
    if (!kdm_dm_engine(tx, kdm_args_str(args, KDM_ARG_ENGINE_ID), &engine)
        || !kdm_dm_upsert_many(tx, &engine, wanted.items, wanted.count, stored))
        return KDM_WAIT;
    for (size_t i = 0; i < wanted.count; i++)
        wanted.results[wanted.places[i]] = stored[i];
    kdm_buf_init(&successes, args->arena, wanted.count * 64 + 64);
    kdm_buf_init(&errors, args->arena, 64);
    for (size_t i = 0; i < wanted.result_count; i++)
        put_result(&successes, &errors, i, &wanted.results[i]);
    return kdm_multi_reply(tx, args, kdm_buf_str(&errors), 0, kdm_buf_str(&successes));
}
