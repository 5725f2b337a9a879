/* actionhub_assets.c - POST /assets: assets of a program added or updated (reference dialects.md
 * 2.2 and 2.7). A program is a tenant, its assets are those of one built-in model.
 */
#include "action/device_manager/asset.h"
#include "base/log.h"
#include "dialect/actionhub.h"
#include "doors.gen.h"
#include "store/names.h"

static const struct kdm_str model_source = KDM_STR(
    "{\"type\":\"asset\",\"engineGroup\":\"commons\",\"asset\":{\"model\":\"ActionHubAsset\","
    "\"metadataMappings\":{\"name\":{\"type\":\"keyword\"},\"labels\":{\"type\":\"keyword\"}},"
    "\"defaultMetadata\":{\"labels\":[]},\"metadataDetails\":{},\"metadataGroups\":{},"
    "\"measures\":[],\"tooltipModels\":{},\"locales\":{}}}");

/* --- an asset as the core has it -------------------------------------------------------------- */

static struct kdm_val metadata_of(struct kdm_arena *arena, const struct kdm_actionhub_asset *asset)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 64 + kdm_val_text(asset->labels).len);
    kdm_buf_char(&buf, '{');
    if (!kdm_val_none(asset->name)) {
        kdm_json_put_name(&buf, KDM_STR("name"));
        kdm_buf_put(&buf, kdm_val_text(asset->name));
    }
    if (!kdm_val_none(asset->labels)) {
        kdm_json_put_name(&buf, KDM_STR("labels"));
        kdm_buf_put(&buf, kdm_actionhub_strings(arena, asset->labels));
    }
    kdm_buf_char(&buf, '}');
    return kdm_json_parse(arena, kdm_buf_str(&buf));
}

/* The metadata hold the labels that are strings. With others among them, which no search may find,
 * all of them stand in `dialect` once more. */
static struct kdm_val dialect_of(struct kdm_arena *arena, const struct kdm_actionhub_asset *asset)
{
    struct kdm_str all;

    if (kdm_val_none(asset->labels))
        return KDM_VAL_NONE;
    all = kdm_json_canonical(arena, asset->labels);
    if (kdm_val_null(asset->labels) || kdm_str_eq(all, kdm_actionhub_strings(arena, asset->labels)))
        return kdm_json_parse(arena, KDM_STR("{\"labels\":null}"));
    return kdm_json_parse(arena, kdm_arena_printf(arena, "{\"labels\":" KDM_FMT "}", KDM_ARG(all)));
}

/* --- storing --------------------------------------------------------------------------------- */

/* Model and program are made when they are not there yet; a program only while everybody may. */
static bool ensure_program(struct kdm_tx *tx, const struct kdm_actionhub_caller *caller,
                           struct kdm_dm_model *ret_model, struct kdm_dm_engine *ret_engine)
{
    if (!kdm_dm_ensure_asset_model(tx, KDM_ACTIONHUB_MODEL, model_source, ret_model))
        return false;
    if (!(caller->anybody ? kdm_dm_ensure_engine(tx, caller->program, KDM_DM_COMMONS, ret_engine)
                          : kdm_dm_engine(tx, caller->program, ret_engine)))
        return false;
    return kdm_dm_ensure_fit(tx, ret_engine, ret_model);
}

/* What a request asks for, once it is known to be right; kept over replays. */
struct wish {
    struct kdm_dm_model *model; /* of all of them */
    struct kdm_dm_upsert_item *items;
    size_t count;
};

static struct wish *make_wish(struct kdm_arena *arena, const struct kdm_actionhub_assets *assets)
{
    struct wish *wish = kdm_arena_alloc(arena, sizeof(*wish));

    wish->model = kdm_arena_zalloc(arena, sizeof(*wish->model));
    wish->count = assets->count;
    wish->items = kdm_arena_alloc(arena, (assets->count + 1) * sizeof(*wish->items));
    for (size_t i = 0; i < assets->count; i++)
        wish->items[i] =
            (struct kdm_dm_upsert_item){ .known = wish->model,
                                         .model = KDM_ACTIONHUB_MODEL,
                                         .reference = assets->items[i].id,
                                         .metadata = metadata_of(arena, &assets->items[i]),
                                         .dialect = dialect_of(arena, &assets->items[i]) };
    return wish;
}

/* NULL: it is not right, and the transaction has its reply. */
static struct wish *read_wish(struct kdm_tx *tx, const struct kdm_args *args,
                              struct kdm_actionhub_issues *issues)
{
    static const char key[] = "actionhub assets";
    struct wish *wish = kdm_tx_kept(tx, key);
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_actionhub_assets assets;
    struct kdm_val body;

    if (wish != NULL)
        return wish;
    body = kdm_actionhub_body(arena, args->call, issues);
    if (!kdm_val_none(body))
        kdm_actionhub_read_assets(arena, body, &assets, issues);
    if (issues->count > 0) {
        kdm_actionhub_refuse(tx, issues);
        return NULL;
    }
    wish = make_wish(arena, &assets);
    kdm_tx_keep(tx, key, wish);
    return wish;
}

/* The reply has no place for single assets: one that could not be stored is an error of all. */
static enum kdm_outcome reply(struct kdm_tx *tx, const struct kdm_dm_upserted *results,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (results[i].failure.err == KDM_OK)
            continue;
        kdm_log_error("actionhub: asset %zu of %zu was not stored: %s", i, count,
                      kdm_err_row(results[i].failure.err)->name);
        return kdm_actionhub_detail(tx, 500, KDM_STR("Internal Server Error"));
    }
    return kdm_tx_reply(tx, KDM_STR("{\"result\":\"success\"}"));
}

enum kdm_outcome kdm_actionhub_upsert_assets(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_actionhub_caller caller;
    struct kdm_actionhub_issues issues;
    struct kdm_dm_upserted *results;
    struct kdm_dm_engine engine;
    enum kdm_outcome outcome;
    struct wish *wish;

    if (!kdm_actionhub_enter_program(tx, args, &caller, &issues, &outcome))
        return outcome;
    wish = read_wish(tx, args, &issues);
    if (wish == NULL)
        return KDM_DONE;
    if (!kdm_name_valid(caller.program))
        return kdm_actionhub_detail(tx, 404, KDM_STR("Program not found"));
    results = kdm_arena_alloc(args->arena, (wish->count + 1) * sizeof(*results));
    if (!ensure_program(tx, &caller, wish->model, &engine)
        || !kdm_dm_upsert_many(tx, &engine, wish->items, wish->count, results))
        return KDM_WAIT;
    return reply(tx, results, wish->count);
}
