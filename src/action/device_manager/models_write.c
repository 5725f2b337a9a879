/* models_write.c - models written: asset, device, group and measure models.
 * A model shapes the mappings of all tenants, so a write is decided on all models there are and
 * commits only when none was written meanwhile. Whether every tenant's mapping would take it is
 * found out before: upstream stores the model first and then fails half way. What follows from it -
 * mappings of tenants, metadata of assets - is a job that commits together with the model; the
 * reply waits for it.
 */
#include "action/device_manager/dm.h"
#include "action/device_manager/rules.h"
#include "action/device_manager/schema.h"
#include "store/names.h"

/* What a request wants to become of a model. */
struct wish {
    enum kdm_dm_kind kind;
    struct kdm_str name;
    struct kdm_str source;  /* without _kuzzle_info */
    enum kdm_err conflicts; /* what conflicts are told as */
    struct kdm_doc *old;    /* updates: the document that is replaced; NULL: create or replace */
    struct kdm_str asset_model; /* its assets follow; or none */
};

/* --- checks ---------------------------------------------------------------------------------- */

static bool check_name(struct kdm_tx *tx, enum kdm_dm_kind kind, struct kdm_str name)
{
    static const enum kdm_err errors[] = {
        [KDM_DM_ASSET] = KDM_ERR_DEVICE_MANAGER_ASSET_MODEL_NOT_PASCAL,
        [KDM_DM_DEVICE] = KDM_ERR_DEVICE_MANAGER_DEVICE_MODEL_NOT_PASCAL,
        [KDM_DM_GROUP] = KDM_ERR_DEVICE_MANAGER_GROUP_MODEL_NOT_PASCAL,
    };

    if (kdm_dm_name_is_pascal(name))
        return true;
    kdm_tx_fail(tx, errors[kind], KDM_PROPS(name));
    return false;
}

static struct kdm_str strings_text(struct kdm_arena *arena, const char *member,
                                   const struct kdm_str_list *strings)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 128);
    kdm_json_put_str(&buf, kdm_str_of(member));
    kdm_buf_lit(&buf, ":[");
    for (size_t i = 0; i < strings->count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        kdm_json_put_str(&buf, strings->items[i]);
    }
    kdm_buf_char(&buf, ']');
    return kdm_buf_str(&buf);
}

static bool check_measure_names(struct kdm_tx *tx, enum kdm_err err, struct kdm_val measures)
{
    struct kdm_str_list twice = kdm_dm_duplicate_names(kdm_tx_arena(tx), measures);
    struct kdm_failure failure;

    if (twice.count == 0)
        return true;
    kdm_failure_set(&failure, kdm_tx_arena(tx), err, NULL, 0);
    failure.extra = strings_text(kdm_tx_arena(tx), "duplicates", &twice);
    kdm_tx_fail_with(tx, &failure);
    return false;
}

static bool check_defaults(struct kdm_tx *tx, struct kdm_val mappings, struct kdm_val defaults)
{
    struct kdm_str unmapped;

    if (kdm_dm_defaults_mapped(kdm_tx_arena(tx), mappings, defaults, &unmapped))
        return true;
    kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_DEFAULT_NOT_MAPPED, KDM_PROPS(unmapped));
    return false;
}

static bool check_size(struct kdm_tx *tx, const struct kdm_dm_model *model)
{
    struct kdm_val defaults = kdm_val_get(model->content, KDM_STR("defaultMetadata"));

    if (kdm_dm_model_bounded(model)
        && kdm_dm_dotted_keys(kdm_tx_arena(tx), defaults) <= KDM_DM_MAX_DOTTED)
        return true;
    kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                KDM_PROPS(KDM_STR("A model can't have more than 5000 fields, 1000 measures and 256 "
                                  "defaults that are given by path.")));
    return false;
}

static bool check_document(struct kdm_tx *tx, const struct kdm_collection *collection,
                           const struct kdm_dm_model *model)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_failure failure;
    struct kdm_str additions;

    if (kdm_doc_id_check(arena, model->id, &failure)
        && kdm_source_check(arena, collection, collection->mapping, model->source, &additions,
                            &failure))
        return true;
    kdm_tx_fail_with(tx, &failure);
    return false;
}

/* --- writing --------------------------------------------------------------------------------- */

/* A wish that passed all checks; kept over replays. */
struct plan {
    struct kdm_str id, text;
};

static struct kdm_str with_info(struct kdm_tx *tx, const struct wish *wish,
                                const struct kdm_dm_model *model)
{
    int64_t now = kdm_tx_now(tx);

    return kdm_tx_with_info(tx, model->source,
                            wish->old == NULL ? kdm_dm_info_replaced(tx, KDM_DM_NOBODY, now)
                                              : kdm_dm_info_updated(tx, KDM_DM_USER, now,
                                                                    kdm_doc_source(tx, wish->old)));
}

/* NULL: wait, or it failed. */
static struct plan *decide(struct kdm_tx *tx, const struct wish *wish,
                           const struct kdm_collection *collection)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str id = kdm_dm_model_id(arena, wish->kind, wish->name);
    struct kdm_dm_models models, with;
    struct kdm_dm_model model;
    struct plan *plan;

    if (!kdm_dm_models(tx, true, &models)
        || !kdm_dm_model_read(arena, id, wish->source, kdm_json_parse(arena, wish->source), &model)
        || !check_size(tx, &model) || !kdm_dm_check_model(tx, &models, &model, wish->conflicts)
        || !check_document(tx, collection, &model))
        return NULL;
    with = kdm_dm_models_with(arena, &models, &model);
    if (!kdm_dm_refit_possible(tx, kdm_dm_refit_create(tx, &with)))
        return NULL;
    plan = kdm_arena_alloc(arena, sizeof(*plan));
    *plan = (struct plan){ .id = id, .text = with_info(tx, wish, &model) };
    return plan;
}

/* Checks, commits and waits for what follows. false: wait, or it failed. */
static bool write_model(struct kdm_tx *tx, const struct wish *wish, struct plan **ret_plan,
                        struct kdm_collection **ret_collection)
{
    static const char key[] = "model write";
    struct plan *plan = kdm_tx_kept(tx, key);
    struct kdm_str job;
    bool done;

    if (!kdm_dm_models_collection(tx, ret_collection))
        return false;
    if (plan == NULL) {
        plan = decide(tx, wish, *ret_collection);
        if (plan == NULL)
            return false;
        kdm_tx_keep(tx, key, plan);
    }
    if (wish->old == NULL)
        kdm_tx_put(tx, *ret_collection, plan->id, plan->text, 0);
    else
        kdm_tx_write(tx, *ret_collection, wish->old, plan->text, KDM_CHANGE_UPDATE, KDM_STR_NONE,
                     0);
    job = kdm_dm_model_job(tx, wish->asset_model);
    *ret_plan = plan;
    return kdm_tx_commit(tx)
           && kdm_tx_await_job(tx, job, &done); /* one that takes longer goes on by itself */
}

static enum kdm_outcome write_and_reply(struct kdm_tx *tx, const struct wish *wish)
{
    struct kdm_collection *collection;
    const struct kdm_written *written;
    struct plan *plan;

    if (!write_model(tx, wish, &plan, &collection))
        return KDM_WAIT;
    written = kdm_tx_written(tx, collection, plan->id);
    return kdm_document_reply_created(tx, plan->id, plan->text, written->version, written->created);
}

bool kdm_dm_ensure_asset_model(struct kdm_tx *tx, struct kdm_str name, struct kdm_str source)
{
    struct wish wish = { .kind = KDM_DM_ASSET,
                         .name = name,
                         .source = source,
                         .conflicts = KDM_ERR_DEVICE_MANAGER_NEW_ASSET_MAPPINGS_CONFLICTS,
                         .asset_model = name };
    struct kdm_collection *collection;
    struct kdm_dm_model model;
    struct plan *plan;
    bool found;

    if (!kdm_dm_models_collection(tx, &collection)
        || !kdm_dm_model_seen(tx, KDM_DM_ASSET, name, KDM_STR_NONE, &found, &model))
        return false;
    if (found
        && kdm_tx_written(tx, collection, kdm_dm_model_id(kdm_tx_arena(tx), KDM_DM_ASSET, name))
               == NULL)
        return kdm_tx_commit(tx); /* of nothing: commits are counted */
    return write_model(tx, &wish, &plan, &collection);
}

/* --- what requests say ----------------------------------------------------------------------- */

static void put_val(struct kdm_buf *buf, struct kdm_arena *arena, const char *name,
                    struct kdm_val val, struct kdm_str absent)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_put(buf, kdm_val_none(val) ? absent : kdm_json_canonical(arena, val));
}

static void put_text(struct kdm_buf *buf, const char *name, struct kdm_str text)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_json_put_str(buf, text);
}

/* defaultMetadata is what they are stored as, and taken for them when they are absent. */
static struct kdm_val defaults_of(const struct kdm_args *args)
{
    return kdm_args_val(args, kdm_args_has(args, KDM_ARG_BODY_DEFAULT_VALUES)
                                  ? KDM_ARG_BODY_DEFAULT_VALUES
                                  : KDM_ARG_BODY_DEFAULT_METADATA);
}

/* The members that asset, device and group models share. */
static void put_metadata(struct kdm_buf *buf, const struct kdm_args *args)
{
    put_val(buf, args->arena, "metadataMappings",
            kdm_args_val(args, KDM_ARG_BODY_METADATA_MAPPINGS), KDM_STR("{}"));
    put_val(buf, args->arena, "defaultMetadata", defaults_of(args), KDM_STR("{}"));
    put_val(buf, args->arena, "metadataDetails", kdm_args_val(args, KDM_ARG_BODY_METADATA_DETAILS),
            KDM_STR("{}"));
    put_val(buf, args->arena, "metadataGroups", kdm_args_val(args, KDM_ARG_BODY_METADATA_GROUPS),
            KDM_STR("{}"));
}

/* {"type":..,["engineGroup":..,]"<kind>":{"model":.. : what every model but a measure's begins
 * with. */
static void open_source(struct kdm_buf *buf, const struct kdm_args *args, enum kdm_dm_kind kind,
                        struct kdm_str name, struct kdm_str group)
{
    kdm_buf_init(buf, args->arena, kdm_val_text(args->body).len + 256);
    kdm_buf_char(buf, '{');
    put_text(buf, "type", kdm_dm_kind_name(kind));
    if (!kdm_str_none(group))
        put_text(buf, "engineGroup", group);
    kdm_json_put_name(buf, kdm_dm_kind_name(kind));
    kdm_buf_char(buf, '{');
    put_text(buf, "model", name);
}

static struct kdm_str asset_source(const struct kdm_args *args, struct kdm_str name)
{
    struct kdm_buf buf;

    open_source(&buf, args, KDM_DM_ASSET, name, kdm_args_str(args, KDM_ARG_BODY_ENGINE_GROUP));
    put_metadata(&buf, args);
    put_val(&buf, args->arena, "measures", kdm_args_val(args, KDM_ARG_BODY_MEASURES),
            KDM_STR("[]"));
    put_val(&buf, args->arena, "tooltipModels", kdm_args_val(args, KDM_ARG_BODY_TOOLTIP_MODELS),
            KDM_STR("{}"));
    put_val(&buf, args->arena, "locales", kdm_args_val(args, KDM_ARG_BODY_LOCALES), KDM_STR("{}"));
    kdm_buf_lit(&buf, "}}");
    return kdm_buf_str(&buf);
}

enum kdm_outcome kdm_dm_models_write_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct wish wish = { .kind = KDM_DM_ASSET,
                         .name = kdm_args_str(args, KDM_ARG_BODY_MODEL),
                         .conflicts = KDM_ERR_DEVICE_MANAGER_NEW_ASSET_MAPPINGS_CONFLICTS };

    if (!check_name(tx, KDM_DM_ASSET, wish.name)
        || !check_measure_names(tx, KDM_ERR_DEVICE_MANAGER_ASSET_MEASURE_NAMES_DUPLICATES,
                                kdm_args_val(args, KDM_ARG_BODY_MEASURES))
        || !check_defaults(tx, kdm_args_val(args, KDM_ARG_BODY_METADATA_MAPPINGS),
                           defaults_of(args)))
        return KDM_WAIT;
    wish.source = asset_source(args, wish.name);
    wish.asset_model = wish.name;
    return write_and_reply(tx, &wish);
}

enum kdm_outcome kdm_dm_models_write_device(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct wish wish = { .kind = KDM_DM_DEVICE,
                         .name = kdm_args_str(args, KDM_ARG_BODY_MODEL),
                         .conflicts = KDM_ERR_DEVICE_MANAGER_NEW_DEVICE_MAPPINGS_CONFLICTS };
    struct kdm_buf buf;

    if (!check_name(tx, KDM_DM_DEVICE, wish.name)
        || !check_measure_names(tx, KDM_ERR_DEVICE_MANAGER_DEVICE_MEASURE_NAMES_DUPLICATES,
                                kdm_args_val(args, KDM_ARG_BODY_MEASURES)))
        return KDM_WAIT;
    open_source(&buf, args, KDM_DM_DEVICE, wish.name, KDM_STR_NONE);
    put_metadata(&buf, args);
    put_val(&buf, args->arena, "measures", kdm_args_val(args, KDM_ARG_BODY_MEASURES),
            KDM_STR("[]"));
    kdm_buf_lit(&buf, "}}");
    wish.source = kdm_buf_str(&buf);
    return write_and_reply(tx, &wish);
}

enum kdm_outcome kdm_dm_models_write_group(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct wish wish = { .kind = KDM_DM_GROUP,
                         .name = kdm_args_str(args, KDM_ARG_BODY_MODEL),
                         .conflicts = KDM_ERR_DEVICE_MANAGER_NEW_GROUP_MAPPINGS_CONFLICTS };
    struct kdm_buf buf;

    if (!check_name(tx, KDM_DM_GROUP, wish.name))
        return KDM_WAIT;
    open_source(&buf, args, KDM_DM_GROUP, wish.name, kdm_args_str(args, KDM_ARG_BODY_ENGINE_GROUP));
    put_metadata(&buf, args);
    kdm_buf_lit(&buf, "}}");
    wish.source = kdm_buf_str(&buf);
    return write_and_reply(tx, &wish);
}

/* --- measures -------------------------------------------------------------------------------- */

static bool check_schema(struct kdm_tx *tx, struct kdm_val schema)
{
    struct kdm_str errors = kdm_dm_schema_errors(kdm_tx_arena(tx), schema);
    struct kdm_failure failure;

    if (kdm_str_none(errors))
        return true;
    kdm_failure_set(&failure, kdm_tx_arena(tx), KDM_ERR_DEVICE_MANAGER_SCHEMA_VALIDATION, NULL, 0);
    failure.extra =
        kdm_arena_printf(kdm_tx_arena(tx), "\"schemaErrors\":" KDM_FMT, KDM_ARG(errors));
    kdm_tx_fail_with(tx, &failure);
    return false;
}

/* Conflicts between measures are told with the text of assets, as upstream does. */
enum kdm_outcome kdm_dm_models_write_measure(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct wish wish = { .kind = KDM_DM_MEASURE,
                         .name = kdm_args_str(args, KDM_ARG_BODY_TYPE),
                         .conflicts = KDM_ERR_DEVICE_MANAGER_NEW_ASSET_MAPPINGS_CONFLICTS };
    struct kdm_val schema = kdm_args_val(args, KDM_ARG_BODY_VALIDATION_SCHEMA);
    struct kdm_buf buf;

    if (!check_schema(tx, schema))
        return KDM_WAIT;
    kdm_buf_init(&buf, args->arena, kdm_val_text(args->body).len + 192);
    kdm_buf_lit(&buf, "{\"type\":\"measure\",\"measure\":{");
    put_text(&buf, "type", wish.name);
    put_val(&buf, args->arena, "valuesMappings", kdm_args_val(args, KDM_ARG_BODY_VALUES_MAPPINGS),
            KDM_STR("{}"));
    put_val(&buf, args->arena, "validationSchema", schema, KDM_STR("{}"));
    put_val(&buf, args->arena, "valuesDetails", kdm_args_val(args, KDM_ARG_BODY_VALUES_DETAILS),
            KDM_STR("{}"));
    put_val(&buf, args->arena, "locales", kdm_args_val(args, KDM_ARG_BODY_LOCALES), KDM_STR("{}"));
    kdm_buf_lit(&buf, "}}");
    wish.source = kdm_buf_str(&buf);
    return write_and_reply(tx, &wish);
}

/* --- updateAsset ----------------------------------------------------------------------------- */

static void put_if_given(struct kdm_buf *buf, const struct kdm_args *args, const char *name,
                         struct kdm_val val)
{
    if (!kdm_val_none(val))
        put_val(buf, args->arena, name, val, KDM_STR_NONE);
}

/* The changes as a partial document. An empty list of measures means: keep them. */
static struct kdm_str asset_changes(const struct kdm_args *args)
{
    struct kdm_val measures = kdm_args_val(args, KDM_ARG_BODY_MEASURES);
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, kdm_val_text(args->body).len + 192);
    kdm_buf_char(&buf, '{');
    put_text(&buf, "engineGroup", kdm_args_str(args, KDM_ARG_ENGINE_GROUP));
    kdm_buf_lit(&buf, ",\"asset\":{");
    put_if_given(&buf, args, "metadataMappings",
                 kdm_args_val(args, KDM_ARG_BODY_METADATA_MAPPINGS));
    put_if_given(&buf, args, "defaultMetadata", defaults_of(args));
    put_if_given(&buf, args, "metadataDetails", kdm_args_val(args, KDM_ARG_BODY_METADATA_DETAILS));
    put_if_given(&buf, args, "metadataGroups", kdm_args_val(args, KDM_ARG_BODY_METADATA_GROUPS));
    put_if_given(&buf, args, "locales", kdm_args_val(args, KDM_ARG_BODY_LOCALES));
    put_val(&buf, args->arena, "tooltipModels", kdm_args_val(args, KDM_ARG_BODY_TOOLTIP_MODELS),
            KDM_STR("{}"));
    if (kdm_val_count(measures) > 0)
        put_val(&buf, args->arena, "measures", measures, KDM_STR_NONE);
    kdm_buf_lit(&buf, "}}");
    return kdm_buf_str(&buf);
}

/* The stored model with the changes; its tooltip models are not merged but replaced. */
static struct kdm_str updated_source(struct kdm_arena *arena, struct kdm_val old,
                                     struct kdm_str changes)
{
    struct kdm_str bare =
        kdm_json_set_path(arena, old, KDM_STR("asset.tooltipModels"), KDM_STR_NONE);

    bare = kdm_json_set(arena, kdm_json_parse(arena, bare), KDM_STR("_kuzzle_info"), KDM_STR_NONE);
    return kdm_json_merge(arena, kdm_json_parse(arena, bare), kdm_json_parse(arena, changes));
}

enum kdm_outcome kdm_dm_models_update_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct wish wish = { .kind = KDM_DM_ASSET,
                         .name = kdm_args_str(args, KDM_ARG_MODEL),
                         .conflicts = KDM_ERR_DEVICE_MANAGER_ASSET_MAPPINGS_CONFLICTS };
    struct kdm_str changes, shown;
    struct kdm_collection *collection;
    struct kdm_dm_model model;
    struct plan *plan;

    if (!check_name(tx, KDM_DM_ASSET, wish.name)
        || !check_defaults(tx, kdm_args_val(args, KDM_ARG_BODY_METADATA_MAPPINGS),
                           defaults_of(args))
        || !kdm_dm_models_collection(tx, &collection))
        return KDM_WAIT;
    kdm_tx_set_target(tx, collection->index->name, collection->name);
    if (!kdm_dm_model(tx, KDM_DM_ASSET, wish.name, kdm_args_str(args, KDM_ARG_ENGINE_GROUP), &model)
        || !kdm_tx_read(tx, collection, model.id, &wish.old))
        return KDM_WAIT;
    changes = asset_changes(args);
    if (!kdm_dm_generic_document(tx, KDM_DM_BEFORE_UPDATE, collection, model.id, 0, &changes))
        return KDM_WAIT;
    wish.source = updated_source(args->arena, model.source, changes);
    wish.asset_model = wish.name;
    if (!write_model(tx, &wish, &plan, &collection))
        return KDM_WAIT;
    shown = plan->text;
    if (!kdm_dm_generic_document(tx, KDM_DM_AFTER_UPDATE, collection, plan->id,
                                 kdm_tx_written(tx, collection, plan->id)->version, &shown))
        return KDM_WAIT;
    return kdm_document_reply(tx, plan->id, shown,
                              kdm_tx_written(tx, collection, plan->id)->version);
}

/* --- delete ---------------------------------------------------------------------------------- */

/* Any model's id is taken, as upstream does. Mappings only grow: nothing follows. */
static enum kdm_outcome delete_model(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;
    struct kdm_str id;

    if (!kdm_document_id(tx, args, &id) || !kdm_dm_models_collection(tx, &collection))
        return KDM_WAIT;
    if (kdm_tx_known_absent(tx, collection, id))
        return kdm_document_not_found(tx, collection, id);
    kdm_tx_delete(tx, collection, id, NULL, 0);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

enum kdm_outcome kdm_dm_models_delete_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    return delete_model(tx, args);
}

enum kdm_outcome kdm_dm_models_delete_device(struct kdm_tx *tx, const struct kdm_args *args)
{
    return delete_model(tx, args);
}

enum kdm_outcome kdm_dm_models_delete_group(struct kdm_tx *tx, const struct kdm_args *args)
{
    return delete_model(tx, args);
}

enum kdm_outcome kdm_dm_models_delete_measure(struct kdm_tx *tx, const struct kdm_args *args)
{
    return delete_model(tx, args);
}
