/* asset_metadata.c - single metadata values replaced, and the texts of models copied to their
 * assets. */
#include "action/device_manager/asset.h"
#include "action/device_manager/rules.h"

/* --- replaceMetadata ------------------------------------------------------------------------- */

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
    struct kdm_val whole = kdm_json_parse(arena, source);
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

/* --- updateModelLocales ---------------------------------------------------------------------- */

static bool is_of_model(void *ctx, struct kdm_str id, struct kdm_val source)
{
    (void)id;
    return kdm_val_str_eq(kdm_val_get(source, KDM_STR("model")), *(struct kdm_str *)ctx);
}

/* A tenant's assets of the model. */
struct tenant {
    struct kdm_str index;
    struct kdm_collection *assets; /* NULL: it has none */
    struct kdm_doc_list docs;
};

/* Asks for all tenants' assets at once. false: wait. */
static bool find_tenants(struct kdm_tx *tx, struct kdm_str *model,
                         const struct kdm_dm_engines *engines, struct tenant *tenants)
{
    bool all = true;

    for (size_t i = 0; i < engines->count; i++) {
        struct tenant *tenant = &tenants[i];

        tenant->index = engines->items[i].index;
        if (!kdm_tx_find_collection(tx, tenant->index, kdm_dm_collection_name(KDM_DM_ASSETS),
                                    &tenant->assets))
            all = false;
        else if (tenant->assets != NULL)
            all = kdm_tx_scan(tx, KDM_STR("locales"), tenant->assets, false, is_of_model, model,
                              &tenant->docs)
                  && all;
    }
    return all;
}

static struct kdm_str with_locales(struct kdm_tx *tx, struct kdm_doc *asset, struct kdm_val locales)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val old = kdm_doc_source(tx, asset);
    struct kdm_val present = kdm_val_get(old, KDM_STR("modelLocales"));
    struct kdm_str merged = kdm_val_type(present) == KDM_JSON_OBJECT
                                ? kdm_json_merge(arena, present, locales)
                                : kdm_val_text(locales);
    struct kdm_str text = kdm_json_set(arena, old, KDM_STR("modelLocales"), merged);

    return kdm_tx_with_info(tx, kdm_json_parse(arena, text),
                            kdm_dm_info_updated(tx, KDM_DM_NOBODY, kdm_dm_date(tx, old), old));
}

/* Stages all assets of a tenant. The scan's documents are read again, so that a lost race is
 * learned. */
static bool stage_tenant(struct kdm_tx *tx, const struct tenant *tenant, struct kdm_val locales)
{
    struct kdm_doc *asset;
    bool all = true;

    for (size_t i = 0; i < tenant->docs.count; i++)
        all = kdm_tx_read_unchecked(tx, tenant->assets, tenant->docs.items[i]->id, &asset) && all;
    for (size_t i = 0; all && i < tenant->docs.count; i++) {
        if (kdm_tx_read_unchecked(tx, tenant->assets, tenant->docs.items[i]->id, &asset)
            && asset != NULL)
            kdm_tx_write(tx, tenant->assets, asset, with_locales(tx, asset, locales),
                         KDM_CHANGE_UPDATE, KDM_STR("[\"modelLocales\"]"), 0);
    }
    return all;
}

static void put_tenant(struct kdm_tx *tx, const struct tenant *tenant, struct kdm_buf *buf)
{
    bool first = true;

    kdm_buf_lit(buf, "{\"engineIndex\":");
    kdm_json_put_str(buf, tenant->index);
    kdm_buf_lit(buf, ",\"result\":{\"errors\":[],\"successes\":[");
    for (size_t i = 0; i < tenant->docs.count; i++) {
        const struct kdm_written *written =
            kdm_tx_written(tx, tenant->assets, tenant->docs.items[i]->id);

        if (written == NULL)
            continue; /* deleted meanwhile */
        if (!first)
            kdm_buf_char(buf, ',');
        first = false;
        kdm_buf_lit(buf, "{\"_id\":");
        kdm_json_put_str(buf, tenant->docs.items[i]->id);
        kdm_buf_lit(buf, ",\"_version\":");
        kdm_buf_int(buf, written->version);
        kdm_buf_lit(buf, ",\"status\":200}");
    }
    kdm_buf_lit(buf, "]}}");
}

static enum kdm_outcome reply_tenants(struct kdm_tx *tx, const struct tenant *tenants, size_t count)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 1024);
    kdm_buf_char(&buf, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        put_tenant(tx, &tenants[i], &buf);
    }
    kdm_buf_char(&buf, ']');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* Asset by asset, not all or nothing: it is upstream's update by query. What is wrong is told as
 * upstream tells it. */
enum kdm_outcome kdm_dm_assets_update_model_locales(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str *name = kdm_arena_alloc(args->arena, sizeof(*name));
    struct kdm_dm_engines engines;
    struct kdm_collection *models;
    struct kdm_dm_model model;
    struct tenant *tenants;
    struct kdm_doc *doc;
    struct kdm_val locales;
    bool all = true;

    *name = kdm_args_str(args, KDM_ARG_MODEL);
    if (!kdm_dm_models_collection(tx, &models)
        || !kdm_tx_read_unchecked(tx, models, kdm_dm_model_id(args->arena, KDM_DM_ASSET, *name),
                                  &doc)
        || !kdm_dm_engines(tx, &engines))
        return KDM_WAIT;
    if (doc == NULL || engines.count == 0
        || !kdm_dm_model_read(args->arena, doc->id, doc->text, kdm_doc_source(tx, doc), &model))
        return kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_LOCALES_RESULT_IS_ERROR, NULL, 0);
    locales = kdm_val_get(model.content, KDM_STR("locales"));
    if (kdm_val_type(locales) != KDM_JSON_OBJECT)
        locales = kdm_json_parse(args->arena, KDM_STR("{}"));
    tenants = kdm_arena_zalloc(args->arena, engines.count * sizeof(*tenants));
    if (!find_tenants(tx, name, &engines, tenants))
        return KDM_WAIT;
    for (size_t i = 0; i < engines.count; i++)
        all = stage_tenant(tx, &tenants[i], locales) && all;
    if (!all || !kdm_tx_commit_each(tx))
        return KDM_WAIT;
    return reply_tenants(tx, tenants, engines.count);
}
