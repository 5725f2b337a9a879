/* enos_model.c - models told: the attributes that an asset must satisfy (reference dialects.md
 * 3.10). */
#include "action/device_manager/family.h"
#include "dialect/enos.h"
#include "doors.gen.h"
#include "store/names.h"

static const char *type_name(enum kdm_dm_attribute type)
{
    switch (type) {
    case KDM_DM_ATTRIBUTE_STRING:
        return "STRING";
    case KDM_DM_ATTRIBUTE_ENUM:
        return "ENUM";
    case KDM_DM_ATTRIBUTE_INT:
        return "INT";
    case KDM_DM_ATTRIBUTE_FLOAT:
        return "FLOAT";
    case KDM_DM_ATTRIBUTE_DOUBLE:
        return "DOUBLE";
    case KDM_DM_ATTRIBUTE_BOOL:
        return "BOOL";
    case KDM_DM_ATTRIBUTE_TIMESTAMP:
        return "TIMESTAMP";
    case KDM_DM_ATTRIBUTE_STRUCT:
        return "STRUCT";
    case KDM_DM_ATTRIBUTE_ANY:
        break;
    }
    return "STRING";
}

/* "en" of the core answers for "en_US", and so on; others keep their names. */
static struct kdm_str locale_of(struct kdm_str core)
{
    if (kdm_str_eq(core, KDM_STR("en")))
        return KDM_STR("en_US");
    return kdm_str_eq(core, KDM_STR("fr")) ? KDM_STR("fr_FR") : core;
}

/* {"defaultValue","i18nValue"} out of {"en": {"friendlyName", "description"}}. */
static void put_name(struct kdm_buf *buf, struct kdm_arena *arena, struct kdm_val locales,
                     struct kdm_str absent)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    kdm_buf_lit(buf, "{\"defaultValue\":");
    kdm_json_put_str(buf, absent);
    kdm_buf_lit(buf, ",\"i18nValue\":{");
    for (kdm_members(&it, locales); kdm_member_next(&it, &name, &value);) {
        struct kdm_val text = kdm_val_get(value, KDM_STR("friendlyName"));

        if (kdm_val_type(text) != KDM_JSON_STRING)
            continue;
        kdm_json_put_name(buf, locale_of(kdm_val_str(arena, name)));
        kdm_buf_put(buf, kdm_val_text(text));
    }
    kdm_buf_lit(buf, "}}");
}

/* What goes beyond the type, as a JSON text within JSON. */
static struct kdm_str definition_of(struct kdm_arena *arena, const struct kdm_dm_model *model,
                                    struct kdm_str key, struct kdm_val details)
{
    struct kdm_val values =
        kdm_val_get(kdm_val_get(details, KDM_STR("editorHint")), KDM_STR("values"));

    if (kdm_dm_attribute_type(model, key) == KDM_DM_ATTRIBUTE_ENUM)
        return kdm_arena_printf(arena, "{\"values\":" KDM_FMT "}", KDM_ARG(kdm_val_text(values)));
    if (kdm_dm_attribute_type(model, key) == KDM_DM_ATTRIBUTE_STRING)
        return KDM_STR("{\"length\":1024}");
    return KDM_STR("{}");
}

static void put_attribute(struct kdm_buf *buf, struct kdm_arena *arena,
                          const struct kdm_dm_model *model, struct kdm_str key)
{
    struct kdm_val details =
        kdm_val_get(kdm_val_get(model->content, KDM_STR("metadataDetails")), key);

    kdm_json_put_name(buf, key);
    kdm_buf_lit(buf, "{\"identifier\":");
    kdm_json_put_str(buf, key);
    kdm_buf_lit(buf, ",\"name\":");
    put_name(buf, arena, kdm_val_get(details, KDM_STR("locales")), key);
    kdm_buf_lit(buf, ",\"desc\":null,\"dataType\":");
    kdm_json_put_str(buf, kdm_str_of(type_name(kdm_dm_attribute_type(model, key))));
    kdm_buf_lit(buf, ",\"dataDefinition\":");
    kdm_json_put_str(buf, definition_of(arena, model, key, details));
    kdm_buf_lit(buf, ",\"unit\":null}");
}

static void put_attributes(struct kdm_buf *buf, struct kdm_arena *arena,
                           const struct kdm_dm_model *model)
{
    struct kdm_val_iter it;
    struct kdm_val name, mapping;

    kdm_buf_lit(buf, ",\"attributes\":{");
    for (kdm_members(&it, kdm_dm_model_mappings(model)); kdm_member_next(&it, &name, &mapping);)
        put_attribute(buf, arena, model, kdm_val_str(arena, name));
    kdm_buf_char(buf, '}');
}

static void put_measurepoints(struct kdm_buf *buf, struct kdm_arena *arena,
                              const struct kdm_dm_model *model)
{
    struct kdm_val_iter it;
    struct kdm_val measure;

    kdm_buf_lit(buf, ",\"measurepoints\":{");
    for (kdm_elements(&it, kdm_val_get(model->content, KDM_STR("measures")));
         kdm_element_next(&it, &measure);) {
        struct kdm_str name = kdm_val_str(arena, kdm_val_get(measure, KDM_STR("name")));
        struct kdm_val type = kdm_val_get(measure, KDM_STR("type"));

        if (kdm_str_none(name) || kdm_val_type(type) != KDM_JSON_STRING)
            continue;
        kdm_json_put_name(buf, name);
        kdm_buf_lit(buf, "{\"identifier\":");
        kdm_json_put_str(buf, name);
        kdm_buf_lit(buf, ",\"name\":");
        put_name(buf, arena, KDM_VAL_NONE, name);
        kdm_buf_lit(buf, ",\"dataType\":\"STRUCT\",\"measureType\":");
        kdm_buf_put(buf, kdm_val_text(type));
        kdm_buf_char(buf, '}');
    }
    kdm_buf_char(buf, '}');
}

bool kdm_enos_model_path(struct kdm_tx *tx, const struct kdm_dm_model *model,
                         struct kdm_str *ret_path)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_dm_models models;
    struct kdm_str name;

    *ret_path = kdm_arena_printf(arena, "/" KDM_FMT, KDM_ARG(model->name));
    if (kdm_val_none(model->source) || kdm_str_none(kdm_dm_parent_of(arena, model)))
        return true;
    if (!kdm_dm_models(tx, false, &models))
        return false;
    for (size_t i = 0; i < KDM_DM_FAMILY_DEPTH && model != NULL; i++) {
        name = kdm_dm_parent_of(arena, model);
        model = kdm_str_none(name) ? NULL : kdm_dm_model_find(&models, KDM_DM_ASSET, name);
        if (model != NULL)
            *ret_path =
                kdm_arena_printf(arena, "/" KDM_FMT KDM_FMT, KDM_ARG(name), KDM_ARG(*ret_path));
    }
    return true;
}

static struct kdm_str describe(struct kdm_arena *arena, struct kdm_str org,
                               const struct kdm_dm_model *model, struct kdm_str path)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 1024);
    kdm_buf_lit(&buf, "{\"modelId\":");
    kdm_json_put_str(&buf, model->name);
    kdm_buf_lit(&buf, ",\"modelIdPath\":");
    kdm_json_put_str(&buf, path);
    kdm_buf_lit(&buf, ",\"orgId\":");
    kdm_json_put_str(&buf, org);
    kdm_buf_lit(&buf, ",\"name\":");
    put_name(&buf, arena, kdm_val_get(model->content, KDM_STR("locales")), model->name);
    kdm_buf_lit(&buf, ",\"desc\":null,\"category\":null,\"tags\":{}");
    put_attributes(&buf, arena, model);
    put_measurepoints(&buf, arena, model);
    kdm_buf_lit(&buf, ",\"services\":{},\"events\":{}}");
    return kdm_buf_str(&buf);
}

enum kdm_outcome kdm_enos_get_model(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const char *const actions[] = { "get", NULL };
    struct kdm_str org, name = kdm_enos_query(args, "modelId"), path;
    struct kdm_dm_engine engine;
    struct kdm_dm_model model;
    bool known = false, found = false;
    size_t action;

    if (!kdm_enos_enter(tx, args, actions, &org, &action))
        return KDM_DONE;
    if (kdm_str_none(name))
        return kdm_enos_bad(tx, args, "modelId");
    if (kdm_name_valid(org) && !kdm_dm_engine_find(tx, org, &known, &engine))
        return KDM_WAIT;
    if (known && !kdm_dm_model_seen(tx, KDM_DM_ASSET, name, engine.group, &found, &model))
        return KDM_WAIT;
    if (!found)
        return kdm_enos_reply(tx, args, KDM_ENOS_NO_MODEL, KDM_STR("modelId"), KDM_STR_NONE);
    if (!kdm_enos_model_path(tx, &model, &path))
        return KDM_WAIT;
    return kdm_enos_reply(tx, args, KDM_ENOS_OK, KDM_STR_NONE,
                          describe(args->arena, org, &model, path));
}
