/* mindsphere_aspects.c - operations on aspect types (reference dialects.md 4.12). On an update
 * variables are only added, and texts only get longer. The asset types that use one follow: their
 * models are written with it.
 */
#include "dialect/mindsphere.h"
#include "doors.gen.h"
#include "store/unicode.h"

#define NAME_LONGEST        128
#define DESCRIPTION_LONGEST 2048

/* --- bodies ----------------------------------------------------------------------------------- */

/* A text that never changes once it is stored. */
static void put_fixed(struct kdm_ms_errors *errors, const struct kdm_ms_target *target,
                      struct kdm_val body, const char *name, struct kdm_buf *buf)
{
    struct kdm_val given = kdm_val_get(body, kdm_str_of(name));
    struct kdm_str text = kdm_val_str(errors->arena, given);
    bool category = strcmp(name, "category") == 0;

    if (kdm_val_null(given))
        kdm_ms_error(errors, KDM_MS_MISSING_BODY, "%s: it is needed", name);
    else if (category && !kdm_str_eq(text, KDM_STR("static"))
             && !kdm_str_eq(text, KDM_STR("dynamic")))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "category: static or dynamic is expected");
    else if (kdm_str_none(text) || text.len == 0 || kdm_utf8_count(text) > NAME_LONGEST)
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "%s: a text of 1 to 128 characters is expected",
                     name);
    else if (target->type != NULL
             && !kdm_val_str_eq(kdm_val_get(target->type->block, kdm_str_of(name)), text))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "%s: it can not be changed", name);
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_json_put_str(buf, kdm_str_none(text) ? KDM_STR("") : text);
}

static void put_description(struct kdm_ms_errors *errors, struct kdm_val body, struct kdm_buf *buf)
{
    struct kdm_val val = kdm_val_get(body, KDM_STR("description"));
    struct kdm_str text = kdm_val_str(errors->arena, val);

    if (!kdm_val_null(val) && (kdm_str_none(text) || kdm_utf8_count(text) > DESCRIPTION_LONGEST))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY,
                     "description: a text of at most 2048 characters is expected");
    kdm_json_put_name(buf, KDM_STR("description"));
    if (kdm_str_none(text))
        kdm_buf_lit(buf, "null");
    else
        kdm_json_put_str(buf, text);
}

/* The block that a body makes of the type, as JSON text. */
static struct kdm_str read_body(struct kdm_ms_errors *errors, const struct kdm_ms_target *target,
                                struct kdm_val body)
{
    bool dynamic = kdm_val_str_eq(kdm_val_get(body, KDM_STR("category")), KDM_STR("dynamic"));
    struct kdm_val old = target->type == NULL
                             ? KDM_VAL_NONE
                             : kdm_val_get(target->type->block, KDM_STR("variables"));
    struct kdm_val scope = kdm_val_get(body, KDM_STR("scope"));
    struct kdm_buf buf;

    if (!kdm_val_null(scope) && !kdm_val_str_eq(scope, KDM_STR("private"))
        && !kdm_val_str_eq(scope, KDM_STR("public")))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "scope: private or public is expected");
    if (kdm_val_null(kdm_val_get(body, KDM_STR("variables"))))
        kdm_ms_error(errors, KDM_MS_MISSING_BODY, "variables: they are needed");
    kdm_buf_init(&buf, errors->arena, kdm_val_text(body).len + 256);
    kdm_buf_lit(&buf, "{\"id\":");
    kdm_json_put_str(&buf, target->id);
    kdm_buf_lit(&buf, ",\"tenantId\":");
    kdm_json_put_str(&buf, target->caller.tenant);
    kdm_buf_printf(&buf, ",\"etag\":%lld",
                   target->type == NULL ? 0LL : (long long)target->type->etag + 1);
    put_fixed(errors, target, body, "name", &buf);
    put_fixed(errors, target, body, "category", &buf);
    put_description(errors, body, &buf);
    kdm_json_put_name(&buf, KDM_STR("variables"));
    kdm_buf_put(&buf, kdm_ms_read_variables(
                          errors, kdm_val_get(body, KDM_STR("variables")), old, KDM_VAL_NONE,
                          dynamic ? KDM_MS_DYNAMIC_VARIABLE : KDM_MS_STATIC_VARIABLE, true));
    if (target->type != NULL)
        kdm_ms_put_member(&buf, target->type->block, "sharedWith", "[]");
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* --- storing --------------------------------------------------------------------------------- */

static struct kdm_str model_source(const struct kdm_ms_target *target, struct kdm_str block,
                                   struct kdm_str name)
{
    struct kdm_arena *arena = target->world.arena;
    struct kdm_val variables = kdm_val_get(kdm_json_parse(arena, block), KDM_STR("variables"));
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, block.len * 2 + 256);
    kdm_buf_lit(&buf, "{\"type\":\"measure\",\"measure\":{\"type\":");
    kdm_json_put_str(&buf, name);
    kdm_buf_lit(&buf, ",\"valuesMappings\":{");
    kdm_ms_put_mappings(arena, &buf, variables);
    kdm_buf_lit(&buf, "},\"validationSchema\":{},\"valuesDetails\":{},\"locales\":{}},"
                      "\"dialect\":{\"mindsphere\":");
    kdm_buf_put(&buf, block);
    kdm_buf_lit(&buf, "}}");
    return kdm_buf_str(&buf);
}

static bool uses(const struct kdm_ms_target *target, const struct kdm_ms_type *type)
{
    struct kdm_val_iter it;
    struct kdm_val aspect;

    for (kdm_elements(&it, kdm_val_get(type->block, KDM_STR("aspects")));
         kdm_element_next(&it, &aspect);) {
        if (kdm_val_str_eq(kdm_val_get(aspect, KDM_STR("aspectTypeId")), target->id))
            return true;
    }
    return false;
}

/* The asset types whose mappings hold a static aspect of this type, as they will be. */
static struct kdm_str_list follow(const struct kdm_ms_target *target,
                                  const struct kdm_dm_model *aspect, struct kdm_str **ret_names)
{
    struct kdm_arena *arena = target->world.arena;
    struct kdm_str_list sources = { .count = 0 };
    struct kdm_ms_world world;

    KDM_ASSERT(kdm_ms_world_with(&target->world, aspect, &world) != NULL);
    sources.items = kdm_arena_alloc(arena, (world.assets.count + 1) * sizeof(struct kdm_str));
    *ret_names = kdm_arena_alloc(arena, (world.assets.count + 1) * sizeof(struct kdm_str));
    for (size_t i = 0; i < world.assets.count; i++) {
        const struct kdm_ms_type *type = &world.assets.items[i];

        if (type->model == NULL || !uses(target, type))
            continue;
        (*ret_names)[sources.count] = type->model->name;
        sources.items[sources.count++] = kdm_ms_model_source(&world, kdm_val_text(type->block),
                                                             type->model->name, type->model->group);
    }
    return sources;
}

static enum kdm_outcome reply(struct kdm_tx *tx, const struct kdm_ms_target *target,
                              const struct kdm_dm_model *model, bool created)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str location = KDM_STR_NONE;
    const struct kdm_ms_type *type;
    struct kdm_ms_world world;
    struct kdm_buf buf;

    type = kdm_ms_world_with(&target->world, model, &world);
    KDM_ASSERT(type != NULL);
    kdm_buf_init(&buf, arena, 1024);
    kdm_ms_put_aspect_type(&target->caller, type, &buf);
    if (created)
        location = kdm_ms_href(arena, &target->caller, "aspecttypes", target->id);
    return kdm_ms_reply_versioned(tx, created ? 201 : 200, type->etag, location, kdm_buf_str(&buf));
}

static enum kdm_outcome write_body(struct kdm_tx *tx, const struct kdm_args *args,
                                   struct kdm_ms_target *target, struct kdm_val body)
{
    struct kdm_arena *arena = args->arena;
    struct kdm_str name = kdm_ms_model_name(&target->world, KDM_DM_MEASURE, target->id), *names;
    struct kdm_dm_model_wish wish = { .kind = KDM_DM_MEASURE, .name = name };
    struct kdm_str_list sources;
    struct kdm_dm_engine engine;
    struct kdm_ms_errors errors;
    struct kdm_dm_model model;
    struct kdm_str block;

    kdm_ms_errors_init(&errors, arena);
    block = read_body(&errors, target, body);
    if (errors.count > 0)
        return kdm_ms_refuse(tx, args, &errors);
    wish.source = model_source(target, block, name);
    if (!kdm_dm_model_read(arena, kdm_dm_model_id(arena, KDM_DM_MEASURE, name), wish.source,
                           kdm_json_parse(arena, wish.source), &model))
        return kdm_ms_fail(tx, args, KDM_MS_INTERNAL, "internal error");
    sources = follow(target, &model, &names);
    if (!kdm_dm_ensure_engine(tx, target->caller.tenant, KDM_DM_COMMONS, &engine)
        || !kdm_dm_put_models(tx, &wish, names, sources.items, sources.count, NULL))
        return KDM_WAIT;
    return reply(tx, target, &model, target->type == NULL);
}

/* --- operations ------------------------------------------------------------------------------- */

enum kdm_outcome kdm_mindsphere_put_aspect_type(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_ms_target target;
    struct kdm_val body;
    bool done;

    if (!kdm_ms_target_to_write(tx, args, KDM_DM_MEASURE, true, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (!kdm_ms_body(tx, args, &body))
        return KDM_DONE;
    return write_body(tx, args, &target, body);
}

enum kdm_outcome kdm_mindsphere_patch_aspect_type(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_ms_target target;
    struct kdm_val patch;
    struct kdm_str body;
    bool done;

    if (!kdm_ms_target_to_write(tx, args, KDM_DM_MEASURE, false, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (!kdm_ms_body(tx, args, &patch))
        return KDM_DONE;
    body = kdm_json_merge(args->arena, target.type->block, patch);
    return write_body(tx, args, &target, kdm_json_parse(args->arena, body));
}

enum kdm_outcome kdm_mindsphere_get_aspect_type(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_ms_target target;
    struct kdm_buf buf;
    bool done;

    if (!kdm_ms_target_to_read(tx, args, KDM_DM_MEASURE, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    kdm_buf_init(&buf, args->arena, 1024);
    kdm_ms_put_aspect_type(&target.caller, target.type, &buf);
    return kdm_ms_reply_versioned(tx, 200, target.type->etag, KDM_STR_NONE, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_mindsphere_delete_aspect_type(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_ms_target target;
    bool done;

    if (!kdm_ms_target_to_write(tx, args, KDM_DM_MEASURE, false, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    for (size_t i = 0; i < target.world.assets.count; i++) {
        if (uses(&target, &target.world.assets.items[i]))
            return kdm_ms_fail(tx, args, KDM_MS_CONFLICT, "an asset type uses it: " KDM_FMT,
                               KDM_ARG(target.world.assets.items[i].id));
    }
    if (!kdm_dm_remove_model(tx, target.type->model->id))
        return KDM_WAIT;
    return kdm_ms_reply_deleted(tx);
}
