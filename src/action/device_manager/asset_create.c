/* asset_create.c - a new asset of a model.
 * The commit carries that engine and model are still what they were when the asset was made from
 * them.
 */
#include "action/device_manager/asset.h"
#include "action/device_manager/rules.h"
#include "store/names.h"

bool kdm_dm_home_of(struct kdm_tx *tx, struct kdm_str engine, struct kdm_dm_home *ret_home)
{
    kdm_tx_set_target(tx, engine, kdm_dm_collection_name(KDM_DM_ASSETS));
    return kdm_dm_tenant_collection(tx, engine, KDM_DM_ASSETS, &ret_home->assets)
           && kdm_dm_tenant_collection(tx, engine, KDM_DM_HISTORY, &ret_home->history);
}

bool kdm_dm_home(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_dm_home *ret_home)
{
    return kdm_dm_home_of(tx, kdm_args_str(args, KDM_ARG_ENGINE_ID), ret_home);
}

struct kdm_str kdm_dm_asset_id(struct kdm_arena *arena, struct kdm_str model,
                               struct kdm_str reference)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, model.len + reference.len + 1);
    kdm_buf_put(&buf, model);
    kdm_buf_char(&buf, '-');
    kdm_buf_put(&buf, reference);
    return kdm_buf_str(&buf);
}

bool kdm_dm_asset_additions(struct kdm_tx *tx, const struct kdm_dm_home *home,
                            struct kdm_str additions)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str inside;

    if (kdm_str_none(additions))
        return true;
    inside = kdm_json_set_path(arena, kdm_json_parse(arena, KDM_STR("{}")),
                               KDM_STR("properties.asset"), additions);
    return kdm_source_extend_mapping(tx, home->assets, additions)
           && kdm_source_extend_mapping(tx, home->history, inside);
}

bool kdm_dm_metadata_check(struct kdm_arena *arena, struct kdm_val metadata,
                           struct kdm_failure *ret_failure)
{
    if (kdm_val_count(metadata) <= KDM_DM_MAX_KEYS)
        return true;
    kdm_failure_set(ret_failure, arena, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                    KDM_PROPS(KDM_STR("Metadata can't have more than 5000 members.")));
    return false;
}

bool kdm_dm_metadata_bounded(struct kdm_tx *tx, struct kdm_val metadata)
{
    struct kdm_failure failure;

    if (kdm_dm_metadata_check(kdm_tx_arena(tx), metadata, &failure))
        return true;
    kdm_tx_fail_with(tx, &failure);
    return false;
}

/* Each slot of the model, without a value yet. */
static void put_slots(struct kdm_buf *buf, struct kdm_arena *arena,
                      const struct kdm_dm_model *model)
{
    struct kdm_val measures = kdm_val_get(model->content, KDM_STR("measures"));
    struct kdm_val_iter it;
    struct kdm_val measure;

    kdm_buf_char(buf, '{');
    for (kdm_elements(&it, measures); kdm_element_next(&it, &measure);) {
        struct kdm_str name = kdm_val_str(arena, kdm_val_get(measure, KDM_STR("name")));

        if (kdm_str_none(name))
            continue;
        kdm_json_put_name(buf, name);
        kdm_buf_lit(buf, "null");
    }
    kdm_buf_char(buf, '}');
}

struct kdm_str kdm_dm_asset_source(struct kdm_arena *arena, const struct kdm_dm_model *model,
                                   struct kdm_str reference, struct kdm_val metadata)
{
    struct kdm_val defaults = kdm_val_get(model->content, KDM_STR("defaultMetadata"));
    struct kdm_val locales = kdm_val_get(model->content, KDM_STR("locales"));
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 512);
    kdm_buf_lit(&buf, "{\"groups\":[],\"lastMeasuredAt\":null,\"linkedDevices\":[],\"measures\":");
    put_slots(&buf, arena, model);
    kdm_buf_lit(&buf, ",\"metadata\":");
    kdm_buf_put(&buf,
                kdm_dm_metadata_created(arena, kdm_dm_model_mappings(model), defaults, metadata));
    kdm_buf_lit(&buf, ",\"model\":");
    kdm_json_put_str(&buf, model->name);
    kdm_buf_lit(&buf, ",\"modelLocales\":");
    kdm_buf_put(&buf,
                kdm_val_type(locales) == KDM_JSON_OBJECT ? kdm_val_text(locales) : KDM_STR("{}"));
    kdm_buf_lit(&buf, ",\"reference\":");
    kdm_json_put_str(&buf, reference);
    kdm_buf_lit(&buf, ",\"softTenant\":[]}");
    return kdm_buf_str(&buf);
}

struct kdm_dm_asset_new *kdm_dm_asset_new(struct kdm_tx *tx, const struct kdm_dm_home *home,
                                          struct kdm_str id, struct kdm_str source,
                                          struct kdm_failure *ret_failure)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_dm_asset_new *asset = kdm_arena_alloc(arena, sizeof(*asset));
    struct kdm_val val = kdm_json_parse(arena, source);
    struct kdm_val metadata = kdm_val_get(val, KDM_STR("metadata"));
    int64_t now = kdm_tx_now(tx);

    if (!kdm_doc_id_check(arena, id, ret_failure)
        || !kdm_dm_asset_check(arena, home, val, &asset->additions, ret_failure))
        return NULL;
    asset->text = kdm_tx_with_info(tx, val, kdm_dm_info_created(tx, KDM_DM_USER, now));
    asset->history = kdm_dm_history_entry(
        tx, id, now, kdm_dm_metadata_event(arena, kdm_dm_paths(arena, metadata)), asset->text);
    return asset;
}

/* NULL: wait, or it failed. */
static struct kdm_dm_asset_new *get_new(struct kdm_tx *tx, const struct kdm_args *args,
                                        const struct kdm_dm_home *home,
                                        const struct kdm_dm_model *model, struct kdm_str id)
{
    static const char key[] = "asset create";
    struct kdm_dm_asset_new *asset = kdm_tx_kept(tx, key);
    struct kdm_failure failure;
    struct kdm_str source;

    if (asset != NULL)
        return asset;
    source = kdm_dm_asset_source(args->arena, model, kdm_args_str(args, KDM_ARG_BODY_REFERENCE),
                                 kdm_args_val(args, KDM_ARG_BODY_METADATA));
    if (!kdm_dm_generic_document(tx, KDM_DM_BEFORE_WRITE, home->assets, id, 0, &source))
        return NULL;
    asset = kdm_dm_asset_new(tx, home, id, source, &failure);
    if (asset != NULL)
        kdm_tx_keep(tx, key, asset);
    else
        kdm_tx_fail_with(tx, &failure);
    return asset;
}

enum kdm_outcome kdm_dm_asset_create(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str engine_id = kdm_args_str(args, KDM_ARG_ENGINE_ID), shown;
    struct kdm_str id = kdm_dm_asset_id(args->arena, kdm_args_str(args, KDM_ARG_BODY_MODEL),
                                        kdm_args_str(args, KDM_ARG_BODY_REFERENCE));
    struct kdm_dm_engine engine;
    struct kdm_dm_model model;
    struct kdm_dm_home home;
    struct kdm_dm_asset_new *asset;

    if (kdm_args_str(args, KDM_ARG_BODY_REFERENCE).len == 0)
        return kdm_tx_fail(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT,
                           KDM_PROPS(KDM_STR("body.reference")));
    if (!kdm_dm_metadata_bounded(tx, kdm_args_val(args, KDM_ARG_BODY_METADATA))
        || !kdm_dm_engine(tx, engine_id, &engine)
        || !kdm_dm_model(tx, KDM_DM_ASSET, kdm_args_str(args, KDM_ARG_BODY_MODEL), engine.group,
                         &model)
        || !kdm_dm_home(tx, args, &home))
        return KDM_WAIT;
    asset = get_new(tx, args, &home, &model, id);
    if (asset == NULL || !kdm_dm_asset_additions(tx, &home, asset->additions))
        return KDM_WAIT;
    kdm_tx_create(tx, home.assets, id, asset->text, 0);
    kdm_tx_create(tx, home.history, kdm_tx_id(tx, KDM_STR("history")), asset->history, 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    shown = asset->text;
    if (!kdm_dm_generic_document(tx, KDM_DM_AFTER_WRITE, home.assets, id, 1, &shown))
        return KDM_WAIT;
    return kdm_document_reply(tx, id, shown, 0);
}

enum kdm_outcome kdm_dm_assets_create(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_dm_asset_create(tx, args);
}
