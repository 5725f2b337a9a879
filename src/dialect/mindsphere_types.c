/* mindsphere_types.c - operations on asset types (reference dialects.md 4.3 to 4.12). */
#include "dialect/mindsphere.h"
#include "dialect/tenant.h"
#include "doors.gen.h"

/* --- storing --------------------------------------------------------------------------------- */

/* Aspects that keep their id and change their name: "old":"new", for the assets' metadata. */
static void put_renamed_aspects(const struct kdm_ms_target *target, struct kdm_val block,
                                struct kdm_buf *buf)
{
    struct kdm_arena *arena = target->world.arena;
    struct kdm_val aspects = kdm_val_get(block, KDM_STR("aspects")), old;
    struct kdm_ms_index index;
    struct kdm_val_iter it;

    if (target->type == NULL)
        return;
    kdm_ms_index(arena, &aspects, 1, "aspectId", &index);
    for (kdm_elements(&it, kdm_val_get(target->type->block, KDM_STR("aspects")));
         kdm_element_next(&it, &old);) {
        struct kdm_str id = kdm_val_str(arena, kdm_val_get(old, KDM_STR("aspectId")));
        struct kdm_str before = kdm_val_str(arena, kdm_val_get(old, KDM_STR("name")));
        struct kdm_val name = kdm_val_get(kdm_ms_index_get(&index, id), KDM_STR("name"));

        if (kdm_val_none(name) || kdm_val_str_eq(name, before))
            continue;
        kdm_json_put_name(buf, before);
        kdm_buf_put(buf, kdm_val_text(name));
    }
}

/* The name of the parent's model; none: a type of the core, which has none. */
static struct kdm_str parent_model(const struct kdm_ms_world *world, struct kdm_str parent)
{
    const struct kdm_ms_type *type = kdm_ms_find(&world->assets, parent);

    return type == NULL || type->model == NULL ? KDM_STR_NONE : type->model->name;
}

/* What a request makes of a type; kept over replays, so that after the commit nothing is read
 * again. */
struct draft {
    struct kdm_ms_wish wish;
    struct kdm_dm_model_wish model; /* source none: not made yet */
};

/* Reads a complete body. NULL: wait, or the transaction has its reply; *ret_done tells which. */
static struct draft *read_draft(struct kdm_tx *tx, const struct kdm_args *args,
                                const struct kdm_ms_target *target, const struct kdm_ms_type *as,
                                struct kdm_val body, struct kdm_str renames, bool *ret_done)
{
    struct kdm_arena *arena = args->arena;
    struct draft *draft = kdm_arena_zalloc(arena, sizeof(*draft));
    struct kdm_ms_errors errors;
    struct kdm_val block;
    struct kdm_buf all;

    *ret_done = false;
    kdm_ms_errors_init(&errors, arena);
    kdm_ms_read_type(&errors, tx, &target->world, &target->caller, target->id, as, body,
                     &draft->wish);
    block = kdm_json_parse(arena, draft->wish.block);
    if (!kdm_ms_check_files(tx, &errors, target->caller.tenant,
                            kdm_val_get(block, KDM_STR("fileAssignments"))))
        return NULL;
    *ret_done = true;
    if (errors.count > 0) {
        kdm_ms_refuse(tx, args, &errors);
        return NULL;
    }
    kdm_buf_init(&all, arena, renames.len + 128);
    kdm_buf_char(&all, '{');
    kdm_buf_put(&all, renames);
    put_renamed_aspects(target, block, &all);
    kdm_buf_char(&all, '}');
    draft->model = (struct kdm_dm_model_wish){
        .kind = KDM_DM_ASSET,
        .name = kdm_ms_model_name(&target->world, KDM_DM_ASSET, target->id),
        .parent = parent_model(&target->world, draft->wish.parent),
        .renames = kdm_buf_str(&all),
    };
    return draft;
}

/* The type as it has been stored, in the world as it is since. */
static enum kdm_outcome reply(struct kdm_tx *tx, const struct kdm_ms_target *target,
                              const struct kdm_dm_model *model)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str location = KDM_STR_NONE;
    const struct kdm_ms_type *type;
    struct kdm_ms_world world;
    struct kdm_buf buf;

    type = kdm_ms_world_with(&target->world, model, &world);
    KDM_ASSERT(type != NULL);
    kdm_buf_init(&buf, arena, model->text.len + 1024);
    kdm_ms_put_type(&world, &target->caller, type, target->caller.exploded, &buf);
    if (target->type == NULL)
        location = kdm_ms_href(arena, &target->caller, "assettypes", target->id);
    return kdm_ms_reply_versioned(tx, target->type == NULL ? 201 : 200, type->etag, location,
                                  kdm_buf_str(&buf));
}

/* Reads a complete body, stores what it says and replies with the resource. `renames`: members of
 * an object. */
static enum kdm_outcome write_body(struct kdm_tx *tx, const struct kdm_args *args,
                                   const struct kdm_ms_target *target, const struct kdm_ms_type *as,
                                   struct kdm_val body, struct kdm_str renames)
{
    static const char key[] = "mindsphere draft";
    struct draft *draft = kdm_tx_kept(tx, key);
    const struct kdm_dm_model *model;
    struct kdm_dm_engine engine;
    bool done;

    if (draft == NULL) {
        draft = read_draft(tx, args, target, as, body, renames, &done);
        if (draft == NULL)
            return done ? KDM_DONE : KDM_WAIT;
        kdm_tx_keep(tx, key, draft);
    }
    if (!kdm_dm_ensure_engine(tx, target->caller.tenant, KDM_DM_COMMONS, &engine))
        return KDM_WAIT;
    if (kdm_str_none(draft->model.source))
        draft->model.source =
            kdm_ms_model_source(&target->world, draft->wish.block, draft->model.name, engine.group);
    if (!kdm_dm_put_model(tx, &draft->model, &model))
        return KDM_WAIT;
    return reply(tx, target, model);
}

/* --- put, get, delete ---------------------------------------------------------------------------
 */

enum kdm_outcome kdm_mindsphere_put_asset_type(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_ms_target target;
    struct kdm_val body;
    bool done;

    if (!kdm_ms_target_to_write(tx, args, KDM_DM_ASSET, true, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (!kdm_ms_body(tx, args, &body))
        return KDM_DONE;
    return write_body(tx, args, &target, target.type, body, KDM_STR(""));
}

enum kdm_outcome kdm_mindsphere_get_asset_type(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_ms_target target;
    struct kdm_buf buf;
    bool done;

    if (!kdm_ms_target_to_read(tx, args, KDM_DM_ASSET, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    kdm_buf_init(&buf, args->arena, 2048);
    kdm_ms_put_type(&target.world, &target.caller, target.type, target.caller.exploded, &buf);
    return kdm_ms_reply_versioned(tx, 200, target.type->etag, KDM_STR_NONE, kdm_buf_str(&buf));
}

static bool has_children(const struct kdm_ms_target *target)
{
    for (size_t i = 0; i < target->world.assets.count; i++) {
        if (kdm_str_eq(target->world.assets.items[i].parent, target->id))
            return true;
    }
    return false;
}

enum kdm_outcome kdm_mindsphere_delete_asset_type(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_ms_target target;
    bool done, used;

    if (!kdm_ms_target_to_write(tx, args, KDM_DM_ASSET, false, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (has_children(&target))
        return kdm_ms_fail(tx, args, KDM_MS_CONFLICT, "other types inherit from it");
    if (!kdm_dialect_any_asset(tx, target.caller.tenant, KDM_STR("assets of the type"), true,
                               "model", target.type->model->name, &used))
        return KDM_WAIT;
    if (used)
        return kdm_ms_fail(tx, args, KDM_MS_CONFLICT, "there are assets of this type");
    if (!kdm_dm_remove_model(tx, target.type->model->id))
        return KDM_WAIT;
    return kdm_ms_reply_deleted(tx);
}

/* --- patch ----------------------------------------------------------------------------------- */

/* The type's own representation, as a body that would put it back. */
static struct kdm_str own_body(struct kdm_arena *arena, const struct kdm_ms_type *type,
                               bool with_files)
{
    static const struct kdm_str left_out[] = { KDM_STR("id"), KDM_STR("tenantId"), KDM_STR("etag"),
                                               KDM_STR("sharedWith"), KDM_STR("fileAssignments") };
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, kdm_val_text(type->block).len + 2);
    kdm_buf_char(&buf, '{');
    kdm_json_put_members_except(&buf, type->block, left_out, with_files ? 4 : 5);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

enum kdm_outcome kdm_mindsphere_patch_asset_type(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_ms_target target;
    struct kdm_val patch;
    struct kdm_str body;
    bool done;

    if (!kdm_ms_target_to_write(tx, args, KDM_DM_ASSET, false, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (!kdm_ms_body(tx, args, &patch))
        return KDM_DONE;
    /* File assignments that a patch does not name are deleted; null is the same as absent. */
    body = kdm_json_merge(
        args->arena, kdm_json_parse(args->arena, own_body(args->arena, target.type, false)), patch);
    return write_body(tx, args, &target, target.type, kdm_json_parse(args->arena, body),
                      KDM_STR(""));
}

/* --- variables renamed and edited ----------------------------------------------------------------
 */

/* One variable with what the patch says of it. */
static struct kdm_str edited(struct kdm_arena *arena, struct kdm_val variable, struct kdm_val edit)
{
    static const char *const members[] = { "name", "unit", "length", "defaultValue" };
    struct kdm_str text = kdm_val_text(variable);

    for (size_t i = 0; i < 4; i++) {
        struct kdm_val val = kdm_val_get(edit, kdm_str_of(members[i]));

        if (!kdm_val_none(val))
            text = kdm_json_set(arena, kdm_json_parse(arena, text), kdm_str_of(members[i]),
                                kdm_json_canonical(arena, val));
    }
    return text;
}

/* A block with its variables passed through the patch: as they shall be, or, names_only, as they
 * were under their new names, which is what the new ones are held against. */
static struct kdm_str with_variables(struct kdm_arena *arena, struct kdm_val block,
                                     struct kdm_val patch, bool names_only)
{
    struct kdm_val_iter it;
    struct kdm_val variable;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, kdm_val_text(block).len + 256);
    kdm_buf_char(&buf, '[');
    for (kdm_elements(&it, kdm_val_get(block, KDM_STR("variables")));
         kdm_element_next(&it, &variable);) {
        struct kdm_str name = kdm_val_str(arena, kdm_val_get(variable, KDM_STR("name")));
        struct kdm_val edit = kdm_val_get(patch, name);
        struct kdm_val given = kdm_val_get(edit, KDM_STR("name"));

        if (buf.len > 1)
            kdm_buf_char(&buf, ',');
        if (!names_only)
            kdm_buf_put(&buf, edited(arena, variable, edit));
        else if (kdm_val_type(given) == KDM_JSON_STRING)
            kdm_buf_put(&buf, kdm_json_set(arena, variable, KDM_STR("name"), kdm_val_text(given)));
        else
            kdm_buf_put(&buf, kdm_val_text(variable));
    }
    kdm_buf_char(&buf, ']');
    return kdm_json_set(arena, block, KDM_STR("variables"), kdm_buf_str(&buf));
}

/* "old":"new", for all that get another name. What is wrong becomes errors. */
static void read_renames(struct kdm_ms_errors *errors, struct kdm_val block, struct kdm_val patch,
                         struct kdm_buf *buf)
{
    struct kdm_val variables = kdm_val_get(block, KDM_STR("variables")), name, edit;
    struct kdm_ms_index index;
    struct kdm_val_iter it;

    kdm_ms_index(errors->arena, &variables, 1, "name", &index);
    kdm_buf_char(buf, '{');
    for (kdm_members(&it, patch); kdm_member_next(&it, &name, &edit);) {
        struct kdm_str old = kdm_val_str(errors->arena, name);
        struct kdm_val given = kdm_val_get(edit, KDM_STR("name"));

        if (kdm_val_none(kdm_ms_index_get(&index, old)))
            kdm_ms_error(errors, KDM_MS_NO_MATCH, "there is no variable " KDM_FMT, KDM_ARG(old));
        else if (kdm_val_type(edit) != KDM_JSON_OBJECT)
            kdm_ms_error(errors, KDM_MS_INVALID_BODY, KDM_FMT ": an object is expected",
                         KDM_ARG(old));
        if (kdm_val_type(given) != KDM_JSON_STRING || kdm_val_str_eq(given, old))
            continue;
        kdm_json_put_name(buf, old);
        kdm_buf_put(buf, kdm_val_text(given));
    }
}

enum kdm_outcome kdm_mindsphere_patch_variables(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_arena *arena = args->arena;
    struct kdm_ms_type renamed;
    struct kdm_ms_target target;
    struct kdm_val patch;
    struct kdm_ms_errors errors;
    struct kdm_buf renames;
    bool done;

    if (!kdm_ms_target_to_write(tx, args, KDM_DM_ASSET, false, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (!kdm_ms_body(tx, args, &patch))
        return KDM_DONE;
    patch = kdm_json_parse(arena, kdm_json_canonical(arena, patch)); /* a name stands once */
    kdm_buf_init(&renames, arena, 128);
    kdm_ms_errors_init(&errors, arena);
    read_renames(&errors, target.type->block, patch, &renames);
    if (errors.count > 0)
        return kdm_ms_refuse(tx, args, &errors);
    renamed = *target.type;
    renamed.block = kdm_json_parse(arena, with_variables(arena, target.type->block, patch, true));
    return write_body(
        tx, args, &target, &renamed,
        kdm_json_parse(arena, with_variables(arena, target.type->block, patch, false)),
        kdm_str_from(kdm_buf_str(&renames), 1));
}

/* --- file assignments ----------------------------------------------------------------------------
 */

/* The stored assignments without `key`, and with `file` for it unless that is none. */
static struct kdm_str with_file(struct kdm_arena *arena, struct kdm_val block, struct kdm_str key,
                                struct kdm_str file, bool *ret_found)
{
    struct kdm_val_iter it;
    struct kdm_val entry;
    struct kdm_buf buf;

    *ret_found = false;
    kdm_buf_init(&buf, arena, 256);
    kdm_buf_char(&buf, '[');
    for (kdm_elements(&it, kdm_val_get(block, KDM_STR("fileAssignments")));
         kdm_element_next(&it, &entry);) {
        if (kdm_val_str_eq(kdm_val_get(entry, KDM_STR("key")), key)) {
            *ret_found = true;
            continue;
        }
        if (buf.len > 1)
            kdm_buf_char(&buf, ',');
        kdm_buf_put(&buf, kdm_val_text(entry));
    }
    if (!kdm_str_none(file)) {
        if (buf.len > 1)
            kdm_buf_char(&buf, ',');
        kdm_buf_lit(&buf, "{\"key\":");
        kdm_json_put_str(&buf, key);
        kdm_buf_lit(&buf, ",\"fileId\":");
        kdm_json_put_str(&buf, file);
        kdm_buf_char(&buf, '}');
    }
    kdm_buf_char(&buf, ']');
    return kdm_buf_str(&buf);
}

static enum kdm_outcome write_files(struct kdm_tx *tx, const struct kdm_args *args,
                                    struct kdm_ms_target *target, struct kdm_str files)
{
    struct kdm_str body = kdm_json_set(
        args->arena, kdm_json_parse(args->arena, own_body(args->arena, target->type, true)),
        KDM_STR("fileAssignments"), files);

    return write_body(tx, args, target, target->type, kdm_json_parse(args->arena, body),
                      KDM_STR(""));
}

enum kdm_outcome kdm_mindsphere_put_file_assignment(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str key = kdm_door_param(args->call, KDM_STR("key")), file;
    struct kdm_ms_target target;
    struct kdm_val body;
    bool done, found;

    if (!kdm_ms_target_to_write(tx, args, KDM_DM_ASSET, false, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (!kdm_ms_body(tx, args, &body))
        return KDM_DONE;
    file = kdm_val_str(args->arena, kdm_val_get(body, KDM_STR("fileId")));
    if (kdm_str_none(file))
        return kdm_ms_fail(tx, args, KDM_MS_MISSING_BODY, "fileId: it is needed");
    return write_files(tx, args, &target,
                       with_file(args->arena, target.type->block, key, file, &found));
}

enum kdm_outcome kdm_mindsphere_delete_file_assignment(struct kdm_tx *tx,
                                                       const struct kdm_args *args)
{
    struct kdm_str key = kdm_door_param(args->call, KDM_STR("key")), files;
    struct kdm_ms_target target;
    bool done, found;

    if (!kdm_ms_target_to_write(tx, args, KDM_DM_ASSET, false, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    files = with_file(args->arena, target.type->block, key, KDM_STR_NONE, &found);
    if (!found)
        return kdm_ms_fail(tx, args, KDM_MS_NO_MATCH, "there is no file assignment " KDM_FMT,
                           KDM_ARG(key));
    return write_files(tx, args, &target, files);
}
