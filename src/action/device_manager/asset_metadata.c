/* asset_metadata.c - single metadata values replaced. */
#include "action/device_manager/asset.h"
#include "action/device_manager/rules.h"

/* May a model of that group give keys to assets of the tenant? Upstream takes the group from the
 * tenant's name, the text between its first two dashes; what the tenant's document says is as good.
 */
static bool group_fits(struct kdm_str index, const struct kdm_dm_engine *engine,
                       struct kdm_str model_group)
{
    const char *first = memchr(index.ptr, '-', index.len), *second;
    struct kdm_str named;

    if (kdm_dm_group_sees(engine->group, model_group))
        return true;
    if (first == NULL)
        return false;
    named = kdm_str_from(index, (size_t)(first - index.ptr) + 1);
    second = named.len == 0 ? NULL : memchr(named.ptr, '-', named.len);
    if (second != NULL)
        named.len = (size_t)(second - named.ptr);
    return kdm_str_eq(named, model_group);
}

/* The model of an asset as its tenant sees it; false: wait, or 404. */
static bool model_of(struct kdm_tx *tx, struct kdm_str index, struct kdm_val asset,
                     struct kdm_dm_model *ret_model)
{
    struct kdm_str name = kdm_val_str(kdm_tx_arena(tx), kdm_val_get(asset, KDM_STR("model")));
    struct kdm_dm_engine engine = { .group = KDM_STR("") };
    bool found;

    if (kdm_str_none(name))
        name = KDM_STR("");
    if (!kdm_dm_engine_find(tx, index, &found, &engine)
        || !kdm_dm_model(tx, KDM_DM_ASSET, name, KDM_STR_NONE, ret_model))
        return false;
    if (!found)
        engine.group = KDM_DM_COMMONS;
    if (group_fits(index, &engine, ret_model->group))
        return true;
    kdm_tx_fail(tx, kdm_dm_unknown_model(KDM_DM_ASSET), KDM_PROPS(name));
    return false;
}

/* What pipes made of asset and metadata; both texts are replaced. */
static bool fire_before(struct kdm_tx *tx, struct kdm_doc *asset, struct kdm_str *source,
                        struct kdm_str *metadata)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str payload, answer;
    struct kdm_val event, changed;

    if (!kdm_tx_listened(tx, KDM_DM_ASSET_UPDATE_BEFORE))
        return true;
    payload = kdm_dm_asset_event(
        arena, kdm_dm_document(arena, asset->id, *source, asset->version), *metadata,
        kdm_arena_printf(arena, "{\"metadata\":" KDM_FMT "}", KDM_ARG(*metadata)), KDM_STR_NONE);
    if (!kdm_tx_pipe(tx, KDM_DM_ASSET_UPDATE_BEFORE, KDM_STR(""), payload, &answer))
        return false;
    event = kdm_dm_answer(tx, answer);
    if (kdm_val_type(event) != KDM_JSON_OBJECT) {
        kdm_dm_bad_answer(tx, KDM_DM_ASSET_UPDATE_BEFORE);
        return false;
    }
    changed = kdm_val_path(event, KDM_STR("asset._source"));
    if (kdm_val_type(changed) == KDM_JSON_OBJECT)
        *source = kdm_json_canonical(arena, changed);
    changed = kdm_val_get(event, KDM_STR("metadata"));
    if (kdm_val_type(changed) == KDM_JSON_OBJECT)
        *metadata = kdm_json_canonical(arena, changed);
    return true;
}

static bool fire_after(struct kdm_tx *tx, struct kdm_str id, struct kdm_str source, int64_t version,
                       struct kdm_str metadata)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str payload, answer;

    if (!kdm_tx_listened(tx, KDM_DM_ASSET_UPDATE_AFTER))
        return true;
    payload = kdm_dm_asset_event(
        arena, kdm_dm_document(arena, id, source, version), metadata,
        kdm_arena_printf(arena, "{\"metadata\":" KDM_FMT "}", KDM_ARG(metadata)), KDM_STR_NONE);
    return kdm_tx_pipe(tx, KDM_DM_ASSET_UPDATE_AFTER, KDM_STR(""), payload, &answer);
}

/* The replaced asset; kept over replays. */
struct replaced {
    struct kdm_str text, history, metadata, additions;
};

static struct replaced *make_replaced(struct kdm_tx *tx, const struct kdm_dm_home *home,
                                      struct kdm_doc *asset, struct kdm_str source, int64_t date,
                                      struct kdm_str metadata)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct replaced *replaced = kdm_arena_zalloc(arena, sizeof(*replaced));
    struct kdm_val whole = kdm_json_parse(
        arena, kdm_dm_next_etag(arena, kdm_doc_source(tx, asset), source));
    struct kdm_failure failure;

    if (!kdm_source_check(arena, home->assets, home->assets->mapping, whole, &replaced->additions,
                          &failure)) {
        kdm_tx_fail_with(tx, &failure);
        return NULL;
    }
    replaced->metadata = metadata;
    replaced->text = kdm_tx_with_info(tx, whole, kdm_dm_info_replaced(tx, KDM_DM_NOBODY, date));
    replaced->history = kdm_dm_history_entry(
        tx, asset->id, date,
        kdm_dm_metadata_event(arena, kdm_dm_paths(arena, kdm_json_parse(arena, metadata))),
        replaced->text);
    return replaced;
}

/* NULL: wait, or it failed. */
static struct replaced *get_replaced(struct kdm_tx *tx, const struct kdm_args *args,
                                     const struct kdm_dm_home *home, struct kdm_doc *asset,
                                     struct kdm_str source)
{
    static const char key[] = "asset replaceMetadata";
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct replaced *replaced = kdm_tx_kept(tx, key);
    struct kdm_str metadata = kdm_json_canonical(arena, kdm_args_val(args, KDM_ARG_BODY_METADATA)),
                   merged;
    struct kdm_dm_model model;
    struct kdm_val whole;

    if (replaced != NULL)
        return replaced;
    if (!fire_before(tx, asset, &source, &metadata))
        return NULL;
    whole = kdm_json_parse(arena, source);
    if (!model_of(tx, kdm_args_str(args, KDM_ARG_ENGINE_ID), whole, &model))
        return NULL;
    merged = kdm_dm_metadata_replaced(arena, kdm_dm_model_mappings(&model),
                                      kdm_val_get(whole, KDM_STR("metadata")),
                                      kdm_json_parse(arena, metadata));
    source = kdm_json_set(arena, whole, KDM_STR("metadata"), merged);
    if (!kdm_dm_generic_document(tx, KDM_DM_BEFORE_WRITE, home->assets, asset->id, 0, &source))
        return NULL;
    replaced = make_replaced(tx, home, asset, source, kdm_dm_date(tx, kdm_doc_source(tx, asset)),
                             metadata);
    if (replaced != NULL)
        kdm_tx_keep(tx, key, replaced);
    return replaced;
}

enum kdm_outcome kdm_dm_assets_replace_metadata(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct replaced *replaced;
    struct kdm_dm_home home;
    struct kdm_str id, shown;
    struct kdm_doc *asset;
    int64_t version;

    if (!kdm_dm_metadata_bounded(tx, kdm_args_val(args, KDM_ARG_BODY_METADATA))
        || !kdm_document_id(tx, args, &id) || !kdm_dm_home(tx, args, &home)
        || !kdm_dm_get(tx, home.assets, id, true, &asset, &shown))
        return KDM_WAIT;
    replaced = get_replaced(tx, args, &home, asset, shown);
    if (replaced == NULL || !kdm_dm_asset_additions(tx, &home, replaced->additions))
        return KDM_WAIT;
    kdm_tx_write(tx, home.assets, asset, replaced->text, KDM_CHANGE_REPLACE, KDM_STR_NONE, 0);
    kdm_tx_create(tx, home.history, kdm_tx_id(tx, KDM_STR("history")), replaced->history, 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    version = kdm_tx_written(tx, home.assets, asset->id)->version;
    shown = replaced->text;
    if (!kdm_dm_generic_document(tx, KDM_DM_AFTER_WRITE, home.assets, asset->id, version, &shown)
        || !fire_after(tx, asset->id, shown, version, replaced->metadata))
        return KDM_WAIT;
    return kdm_document_reply(tx, asset->id, shown, 0);
}
