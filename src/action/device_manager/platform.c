/* platform.c - what is common to all tenants: models and the list of engines. */
#include "action/device_manager/dm.h"
#include "action/device_manager/rules.h"
#include "base/log.h"
#include "store/names.h"

static const struct kdm_context_device_manager *settings(struct kdm_tx *tx)
{
    return &kdm_server_of(tx)->device_manager;
}

struct kdm_str kdm_dm_platform(struct kdm_tx *tx)
{
    return settings(tx)->admin_index;
}

struct kdm_dm_additions kdm_dm_additions(struct kdm_tx *tx)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);

    return (struct kdm_dm_additions){
        .engine_collections = kdm_json_parse(arena, settings(tx)->engine_collections),
        .admin_collections = kdm_json_parse(arena, settings(tx)->admin_collections),
    };
}

bool kdm_dm_models_collection(struct kdm_tx *tx, struct kdm_collection **ret_collection)
{
    return kdm_tx_collection(tx, kdm_dm_platform(tx), KDM_STR("models"), ret_collection);
}

bool kdm_dm_config_collection(struct kdm_tx *tx, struct kdm_collection **ret_collection)
{
    return kdm_tx_collection(tx, kdm_dm_platform(tx), settings(tx)->config_collection,
                             ret_collection);
}

/* --- models ---------------------------------------------------------------------------------- */

/* Of all models together, as text. Within it everything that is composed of them can be scanned. */
#define MODELS_MAX_BYTES (4u << 20)

/* A model as it is held beside its document. */
struct held_model {
    struct kdm_dm_model model;
    size_t bytes;   /* of its mappings */
    bool too_large; /* no mapping could hold it */
};

/* NULL: it is none. A client may write what it likes into the collection. */
static const void *make_model(struct kdm_arena *arena, const struct kdm_doc *doc)
{
    struct held_model *held = kdm_arena_zalloc(arena, sizeof(*held));

    if (!kdm_dm_model_read(arena, doc->id, doc->text, doc->source, &held->model))
        return NULL;
    held->bytes = kdm_val_text(kdm_dm_model_mappings(&held->model)).len;
    held->too_large = !kdm_dm_model_bounded(&held->model);
    return held;
}

/* What no mapping could hold is passed over. */
static bool takes_part(const struct held_model *held, size_t *bytes)
{
    *bytes += held->bytes;
    if (*bytes <= MODELS_MAX_BYTES && !held->too_large)
        return true;
    kdm_log_error("model " KDM_FMT " is too large: passed over", KDM_ARG(held->model.id));
    return false;
}

static struct kdm_dm_models *read_models(struct kdm_tx *tx, const struct kdm_doc_list *docs)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_dm_models *models = kdm_arena_zalloc(arena, sizeof(*models));
    size_t bytes = 0;

    models->items = kdm_arena_alloc(arena, docs->count * sizeof(*models->items) + 1);
    for (size_t i = 0; i < docs->count; i++) {
        const struct held_model *held = docs->items[i]->made;

        if (held != NULL && takes_part(held, &bytes))
            models->items[models->count++] = held->model;
    }
    return models;
}

bool kdm_dm_models(struct kdm_tx *tx, bool checked, struct kdm_dm_models *ret_models)
{
    static const char key[] = "models";
    struct kdm_dm_models *models = kdm_tx_kept(tx, key);
    struct kdm_collection *collection;
    struct kdm_doc_list docs;

    if (models == NULL) {
        if (!kdm_dm_models_collection(tx, &collection)
            || !kdm_tx_all(tx, collection, checked, make_model, &docs))
            return false;
        models = read_models(tx, &docs);
        kdm_tx_keep(tx, key, models);
    }
    *ret_models = *models;
    return true;
}

struct kdm_str kdm_dm_model_id(struct kdm_arena *arena, enum kdm_dm_kind kind, struct kdm_str name)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, name.len + 16);
    kdm_buf_lit(&buf, "model-");
    kdm_buf_put(&buf, kdm_dm_kind_name(kind));
    kdm_buf_char(&buf, '-');
    kdm_buf_put(&buf, name);
    return kdm_buf_str(&buf);
}

enum kdm_err kdm_dm_unknown_model(enum kdm_dm_kind kind)
{
    static const enum kdm_err errors[] = {
        [KDM_DM_ASSET] = KDM_ERR_DEVICE_MANAGER_UNKNOWN_ASSET_MODEL,
        [KDM_DM_DEVICE] = KDM_ERR_DEVICE_MANAGER_UNKNOWN_DEVICE_MODEL,
        [KDM_DM_GROUP] = KDM_ERR_DEVICE_MANAGER_UNKNOWN_GROUP_MODEL,
        [KDM_DM_MEASURE] = KDM_ERR_DEVICE_MANAGER_UNKNOWN_MEASURE_TYPE,
    };

    return errors[kind];
}

bool kdm_dm_model_seen(struct kdm_tx *tx, enum kdm_dm_kind kind, struct kdm_str name,
                       struct kdm_str group, bool *ret_found, struct kdm_dm_model *ret_model)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_collection *collection;
    struct kdm_doc *doc;
    struct kdm_str id = kdm_dm_model_id(arena, kind, name);

    if (!kdm_dm_models_collection(tx, &collection) || !kdm_tx_read(tx, collection, id, &doc))
        return false;
    *ret_found = doc != NULL
                 && kdm_dm_model_read(arena, id, doc->text, kdm_doc_source(tx, doc), ret_model)
                 && ret_model->kind == kind
                 && (kdm_str_none(group) || kdm_dm_group_sees(group, ret_model->group));
    return true;
}

bool kdm_dm_model(struct kdm_tx *tx, enum kdm_dm_kind kind, struct kdm_str name,
                  struct kdm_str group, struct kdm_dm_model *ret_model)
{
    bool found;

    if (!kdm_dm_model_seen(tx, kind, name, group, &found, ret_model))
        return false;
    if (!found)
        kdm_tx_fail(tx, kdm_dm_unknown_model(kind), KDM_PROPS(name));
    return found;
}

/* --- configurations -------------------------------------------------------------------------- */

struct kdm_str kdm_dm_config_id(struct kdm_tx *tx, struct kdm_str collection, struct kdm_val source)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str type = kdm_val_str(arena, kdm_val_get(source, KDM_STR("type"))), name, id;
    struct kdm_failure failure;

    if (!kdm_str_eq(collection, settings(tx)->config_collection)
        || (!kdm_str_eq(type, KDM_STR("device-manager")) && !kdm_str_eq(type, KDM_STR("engine"))))
        return KDM_STR_NONE;
    name = kdm_val_str(arena, kdm_val_get(kdm_val_get(source, type), KDM_STR("name")));
    if (kdm_str_none(name))
        name = kdm_val_str(arena, kdm_val_get(source, KDM_STR("name")));
    if (kdm_str_none(name))
        return KDM_STR_NONE;
    id = kdm_arena_printf(arena, KDM_FMT "--" KDM_FMT, KDM_ARG(type),
                          KDM_ARG(kdm_dm_kebab_case(arena, name)));
    return kdm_doc_id_check(arena, id, &failure) ? id : KDM_STR_NONE;
}

/* --- engines --------------------------------------------------------------------------------- */

struct kdm_str kdm_dm_engine_id(struct kdm_arena *arena, struct kdm_str index)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, index.len + 32);
    kdm_buf_lit(&buf, "engine-device-manager--");
    kdm_buf_put(&buf, index);
    return kdm_buf_str(&buf);
}

static bool read_engine(struct kdm_arena *arena, struct kdm_val source,
                        struct kdm_dm_engine *ret_engine)
{
    struct kdm_val engine = kdm_val_get(source, KDM_STR("engine"));

    *ret_engine = (struct kdm_dm_engine){ .source = engine };
    ret_engine->index = kdm_val_str(arena, kdm_val_get(engine, KDM_STR("index")));
    ret_engine->group = kdm_val_str(arena, kdm_val_get(engine, KDM_STR("group")));
    if (kdm_str_none(ret_engine->group))
        ret_engine->group = KDM_DM_COMMONS;
    return kdm_val_str_eq(kdm_val_get(source, KDM_STR("type")), KDM_STR("engine-device-manager"))
           && !kdm_str_none(ret_engine->index) && !kdm_index_is_private(ret_engine->index);
}

void kdm_dm_engine_want(struct kdm_tx *tx, struct kdm_str index)
{
    struct kdm_collection *collection;

    if (kdm_dm_config_collection(tx, &collection))
        kdm_tx_want(tx, collection, kdm_dm_engine_id(kdm_tx_arena(tx), index));
}

bool kdm_dm_engine_find(struct kdm_tx *tx, struct kdm_str index, bool *ret_found,
                        struct kdm_dm_engine *ret_engine)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_collection *collection;
    struct kdm_doc *doc;

    if (!kdm_dm_config_collection(tx, &collection)
        || !kdm_tx_read(tx, collection, kdm_dm_engine_id(arena, index), &doc))
        return false;
    *ret_found = doc != NULL && read_engine(arena, kdm_doc_source(tx, doc), ret_engine);
    return true;
}

bool kdm_dm_engine(struct kdm_tx *tx, struct kdm_str index, struct kdm_dm_engine *ret_engine)
{
    struct kdm_collection *collection;
    bool found;

    if (!kdm_dm_engine_find(tx, index, &found, ret_engine))
        return false;
    if (!found && kdm_dm_config_collection(tx, &collection))
        kdm_document_not_found(tx, collection, kdm_dm_engine_id(kdm_tx_arena(tx), index));
    return found;
}

static bool is_engine(void *ctx, struct kdm_str id, struct kdm_val source)
{
    (void)ctx;
    (void)id;
    return kdm_val_str_eq(kdm_val_get(source, KDM_STR("type")), KDM_STR("engine-device-manager"));
}

static struct kdm_dm_engines *read_engines(struct kdm_tx *tx, const struct kdm_doc_list *docs)
{
    struct kdm_dm_engines *engines = kdm_arena_zalloc(kdm_tx_arena(tx), sizeof(*engines));

    engines->items = kdm_arena_alloc(kdm_tx_arena(tx), docs->count * sizeof(*engines->items) + 1);
    for (size_t i = 0; i < docs->count; i++) {
        struct kdm_val source = kdm_doc_source(tx, docs->items[i]);

        if (read_engine(kdm_tx_arena(tx), source, &engines->items[engines->count]))
            engines->count++;
    }
    return engines;
}

bool kdm_dm_engines(struct kdm_tx *tx, struct kdm_dm_engines *ret_engines)
{
    static const char key[] = "engines";
    struct kdm_dm_engines *engines = kdm_tx_kept(tx, key);
    struct kdm_collection *collection;
    struct kdm_doc_list docs;

    if (engines == NULL) {
        if (!kdm_dm_config_collection(tx, &collection)
            || !kdm_tx_scan(tx, KDM_STR(key), collection, false, is_engine, NULL, &docs))
            return false;
        engines = read_engines(tx, &docs);
        kdm_tx_keep(tx, key, engines);
    }
    *ret_engines = *engines;
    return true;
}

bool kdm_dm_tenant_collection(struct kdm_tx *tx, struct kdm_str index, enum kdm_dm_collection which,
                              struct kdm_collection **ret_collection)
{
    if (kdm_index_is_private(index)) {
        kdm_target_unknown_index(tx, index);
        return false;
    }
    return kdm_tx_collection(tx, index, kdm_dm_collection_name(which), ret_collection);
}
