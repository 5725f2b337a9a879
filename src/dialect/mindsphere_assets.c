/* mindsphere_assets.c - operations on assets (reference dialects.md 4.12). The order of checks is:
 * token, visibility, preconditions, body.
 */
#include "dialect/mindsphere_asset.h"
#include "dialect/tenant.h"
#include "doors.gen.h"
#include "projector/projector.h"
#include "store/names.h"
#include "store/unicode.h"

/* --- what the operations share ------------------------------------------------------------------
 */

/* An operation on one asset. */
struct target {
    struct kdm_ms_caller caller;
    struct kdm_ms_world world;
    struct kdm_dm_home home; /* assets NULL: there is no such tenant */
    struct kdm_str id;
    struct kdm_doc *doc; /* NULL: there is no such asset */
    struct kdm_ms_asset asset;
};

/* The documents of assets with this id that the caller sees: at most two, of which more than one is
 * no answer. References of different models may be the same when another door made them. */
static bool find_documents(struct kdm_tx *tx, const struct target *target, struct kdm_str id,
                           const struct kdm_found **ret_found)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_find_request request = { .collections = &target->home.assets,
                                        .count = 1,
                                        .size = 2 };
    struct kdm_ms_errors errors;

    kdm_ms_errors_init(&errors, arena);
    request.body = kdm_ms_asset_search(&errors, &target->world, &target->caller,
                                       kdm_json_parse(arena, kdm_json_pair(arena, "assetId", id)),
                                       KDM_STR_NONE);
    return kdm_tx_find(tx, kdm_arena_printf(arena, "asset " KDM_FMT, KDM_ARG(id)), false, &request,
                       ret_found);
}

/* Ids of other doors are texts as well, but none is endless or broken. */
static bool is_id(struct kdm_str id)
{
    return id.len > 0 && id.len <= KDM_DOC_ID_MAX && kdm_utf8_valid(id);
}

/* Tenant, types, and the asset. false: wait, or the transaction has its reply. */
static bool find_target(struct kdm_tx *tx, const struct kdm_args *args, bool writes,
                        struct target *target, bool *ret_done)
{
    bool (*read)(struct kdm_tx *, struct kdm_collection *, struct kdm_str, struct kdm_doc **) =
        writes ? kdm_tx_claim : kdm_tx_read;
    const struct kdm_found *found;

    *target = (struct target){ .id = kdm_door_param(args->call, KDM_STR("id")) };
    *ret_done = true;
    if (!kdm_ms_enter(tx, args, KDM_STR_NONE, &target->caller))
        return false;
    *ret_done = false;
    if (!kdm_ms_read_world(tx, &target->caller, false, &target->world)
        || !kdm_dialect_find_home(tx, target->caller.tenant, &target->home))
        return false;
    if (target->home.assets == NULL || !is_id(target->id))
        return true;
    if (!find_documents(tx, target, target->id, &found))
        return false;
    if (found->hit_count > 1) {
        *ret_done = true;
        kdm_ms_fail(tx, args, KDM_MS_CONFLICT, "several assets have the reference " KDM_FMT,
                    KDM_ARG(target->id));
        return false;
    }
    if (found->hit_count == 0)
        return true;
    if (!read(tx, target->home.assets, found->hits[0].id, &target->doc))
        return false;
    if (target->doc != NULL
        && !kdm_ms_asset_of(&target->world, kdm_doc_source(tx, target->doc), target->doc->version,
                            &target->asset))
        target->doc = NULL;
    return true;
}

static bool is_root(struct kdm_arena *arena, const struct target *target)
{
    return kdm_str_eq(target->id, kdm_ms_root_id(arena, target->caller.tenant));
}

/* The same, and it may be changed. */
static bool find_to_change(struct kdm_tx *tx, const struct kdm_args *args, struct target *target,
                           bool *ret_done)
{
    if (!find_target(tx, args, true, target, ret_done))
        return false;
    *ret_done = true;
    if (is_root(args->arena, target)) {
        kdm_ms_fail(tx, args, KDM_MS_FORBIDDEN, "the root can not be changed");
        return false;
    }
    if (target->doc == NULL) {
        kdm_ms_fail(tx, args, KDM_MS_NO_MATCH, "there is no asset " KDM_FMT, KDM_ARG(target->id));
        return false;
    }
    return kdm_ms_may_lock(tx, args, target->asset.etag, false);
}

static enum kdm_outcome reply(struct kdm_tx *tx, const struct target *target, int status,
                              const struct kdm_ms_asset *asset)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str location = KDM_STR_NONE;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 1024);
    kdm_ms_put_asset(&target->world, &target->caller, asset, &buf);
    if (status == 201)
        location = kdm_ms_href(arena, &target->caller, "assets", asset->id);
    return kdm_ms_reply_versioned(tx, status, asset->etag, location, kdm_buf_str(&buf));
}

/* The asset as an edit has left it; *refused: the core found what this door did not look for. */
static enum kdm_outcome reply_edited(struct kdm_tx *tx, const struct kdm_args *args,
                                     const struct target *target, int status,
                                     const struct kdm_dm_edited *edited)
{
    struct kdm_ms_asset asset;

    if (edited->refused != KDM_DM_EDIT_FITS)
        return kdm_ms_fail(tx, args, KDM_MS_INVALID_BODY, KDM_FMT ": expected " KDM_FMT,
                           KDM_ARG(edited->mismatch.path), KDM_ARG(edited->mismatch.expected));
    if (!kdm_ms_asset_of(&target->world, kdm_json_parse(args->arena, edited->text), edited->version,
                         &asset))
        return kdm_ms_fail(tx, args, KDM_MS_INTERNAL, "internal error");
    return reply(tx, target, status, &asset);
}

static bool check_files(struct kdm_tx *tx, struct kdm_ms_errors *errors,
                        const struct target *target, const struct kdm_dm_edit *edit)
{
    return kdm_ms_check_files(tx, errors, target->caller.tenant,
                              kdm_val_get(edit->dialect, KDM_STR("fileAssignments")));
}

/* --- create ------------------------------------------------------------------------------------
 */

/* A type that assets can be made of; NULL with an error. */
static const struct kdm_ms_type *read_type(struct kdm_ms_errors *errors,
                                           const struct target *target, struct kdm_val body)
{
    struct kdm_val val = kdm_val_get(body, KDM_STR("typeId"));
    struct kdm_str id = kdm_val_str(errors->arena, val);
    const struct kdm_ms_type *type = NULL;

    if (kdm_val_null(val))
        kdm_ms_error(errors, KDM_MS_MISSING_BODY, "typeId: it is needed");
    else if (!kdm_str_none(id))
        type = kdm_ms_find(&target->world.assets, id);
    if (!kdm_val_null(val)
        && (type == NULL || !kdm_ms_visible(&target->world, type, &target->caller)))
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "typeId: there is no " KDM_FMT,
                     KDM_ARG(kdm_str_none(id) ? KDM_STR("such type") : id));
    else if (type != NULL
             && kdm_val_type(kdm_val_get(type->block, KDM_STR("instantiable"))) != KDM_JSON_TRUE)
        kdm_ms_error(errors, KDM_MS_INVALID_BODY, "typeId: " KDM_FMT " is not instantiable",
                     KDM_ARG(id));
    return type;
}

/* The parent must be there, and still when the asset is stored. false: wait. */
static bool check_parent(struct kdm_tx *tx, struct kdm_ms_errors *errors, struct target *target,
                         struct kdm_val body)
{
    struct kdm_val val = kdm_val_get(body, KDM_STR("parentId"));
    struct kdm_str id = kdm_val_str(errors->arena, val);
    const struct kdm_found *found;
    struct kdm_doc *parent;

    if (kdm_val_null(val)) {
        kdm_ms_error(errors, KDM_MS_MISSING_BODY, "parentId: it is needed");
        return true;
    }
    if (!kdm_str_none(id) && kdm_str_eq(id, kdm_ms_root_id(errors->arena, target->caller.tenant)))
        return true;
    if (target->home.assets != NULL && !kdm_str_none(id) && is_id(id)) {
        if (!find_documents(tx, target, id, &found))
            return false;
        if (found->hit_count > 0
            && !kdm_tx_read(tx, target->home.assets, found->hits[0].id, &parent))
            return false;
        if (found->hit_count > 0 && parent != NULL)
            return true;
    }
    kdm_ms_error(errors, KDM_MS_INVALID_BODY, "parentId: there is no asset " KDM_FMT,
                 KDM_ARG(kdm_str_none(id) ? KDM_STR("") : id));
    return true;
}

/* A model of the core's for one of its types, which has none of its own. */
static struct kdm_str core_source(struct kdm_arena *arena, struct kdm_str name)
{
    return kdm_arena_printf(arena,
                            "{\"type\":\"asset\",\"engineGroup\":\"commons\",\"asset\":{\"model\":"
                            "\"" KDM_FMT "\",\"metadataMappings\":{},\"defaultMetadata\":{},"
                            "\"metadataDetails\":{},\"metadataGroups\":{},\"measures\":[],"
                            "\"tooltipModels\":{},\"locales\":{}}}",
                            KDM_ARG(name));
}

/* Tenant and model; commits as often in every run. */
static bool ensure(struct kdm_tx *tx, struct target *target, const struct kdm_ms_type *type,
                   struct kdm_dm_model *ret_model)
{
    struct kdm_str name = kdm_ms_asset_model(kdm_tx_arena(tx), type);
    struct kdm_dm_engine engine;

    if (type->model == NULL) {
        if (!kdm_dm_ensure_asset_model(tx, name, core_source(kdm_tx_arena(tx), name), ret_model))
            return false;
    } else if (!kdm_dm_model(tx, KDM_DM_ASSET, name, KDM_STR_NONE, ret_model)) {
        return false;
    }
    return kdm_dm_ensure_engine(tx, target->caller.tenant, KDM_DM_COMMONS, &engine)
           && kdm_dm_ensure_fit(tx, &engine, ret_model)
           && kdm_dm_home_of(tx, target->caller.tenant, &target->home);
}

static enum kdm_outcome create(struct kdm_tx *tx, const struct kdm_args *args,
                               struct target *target, const struct kdm_ms_type *type,
                               const struct kdm_dm_edit *edit)
{
    struct kdm_str reference = kdm_ms_new_id(tx, KDM_STR("mindsphere asset")), id;
    struct kdm_dm_edited edited;
    struct kdm_dm_model model;

    if (!ensure(tx, target, type, &model)
        || !kdm_dm_asset_make(tx, &target->home, &model, reference, edit, &id, &edited))
        return KDM_WAIT;
    return reply_edited(tx, args, target, 201, &edited);
}

enum kdm_outcome kdm_mindsphere_post_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_ms_asset_read read = { .asset = NULL };
    struct kdm_ms_errors errors;
    struct target target = { 0 };
    struct kdm_dm_edit edit;
    struct kdm_val body;

    if (!kdm_ms_enter(tx, args, KDM_STR_NONE, &target.caller))
        return KDM_DONE;
    if (!kdm_ms_read_world(tx, &target.caller, false, &target.world)
        || !kdm_dialect_find_home(tx, target.caller.tenant, &target.home))
        return KDM_WAIT;
    if (!kdm_ms_body(tx, args, &body))
        return KDM_DONE;
    kdm_ms_errors_init(&errors, args->arena);
    read.world = &target.world;
    read.caller = &target.caller;
    read.type = read_type(&errors, &target, body);
    if (!check_parent(tx, &errors, &target, body))
        return KDM_WAIT;
    kdm_ms_read_asset(&errors, &read, body, &edit);
    if (!check_files(tx, &errors, &target, &edit))
        return KDM_WAIT;
    if (errors.count > 0)
        return kdm_ms_refuse(tx, args, &errors);
    return create(tx, args, &target, read.type, &edit);
}

/* --- change ------------------------------------------------------------------------------------
 */

static enum kdm_outcome write_body(struct kdm_tx *tx, const struct kdm_args *args,
                                   struct target *target, struct kdm_val body)
{
    const struct kdm_ms_asset_read read = { .world = &target->world,
                                            .caller = &target->caller,
                                            .type = target->asset.type,
                                            .asset = &target->asset };
    struct kdm_ms_errors errors;
    struct kdm_dm_edited edited;
    struct kdm_dm_edit edit;

    kdm_ms_errors_init(&errors, args->arena);
    kdm_ms_read_asset(&errors, &read, body, &edit);
    if (!check_files(tx, &errors, target, &edit))
        return KDM_WAIT;
    if (errors.count > 0)
        return kdm_ms_refuse(tx, args, &errors);
    if (!kdm_dm_asset_edit(tx, &target->home, target->doc, &edit, &edited))
        return KDM_WAIT;
    return reply_edited(tx, args, target, 200, &edited);
}

static enum kdm_outcome change(struct kdm_tx *tx, const struct kdm_args *args, bool patches)
{
    struct target target;
    struct kdm_val body;
    bool done;

    if (!find_to_change(tx, args, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (!kdm_ms_body(tx, args, &body))
        return KDM_DONE;
    if (patches) {
        struct kdm_str own = kdm_ms_asset_body(&target.world, &target.asset);

        body = kdm_json_parse(args->arena,
                              kdm_json_merge(args->arena, kdm_json_parse(args->arena, own), body));
    }
    return write_body(tx, args, &target, body);
}

enum kdm_outcome kdm_mindsphere_put_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    return change(tx, args, false);
}

enum kdm_outcome kdm_mindsphere_patch_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    return change(tx, args, true);
}

/* --- delete ------------------------------------------------------------------------------------
 */

enum kdm_outcome kdm_mindsphere_delete_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct target target;
    bool done, parent;

    if (!find_to_change(tx, args, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (!kdm_dialect_any_asset(tx, target.caller.tenant, KDM_STR("children"), true,
                               "dialect.parentId", target.asset.id, &parent))
        return KDM_WAIT;
    if (parent)
        return kdm_ms_fail(tx, args, KDM_MS_CONFLICT, "there are assets below it");
    if (!kdm_dm_asset_delete(tx, target.caller.tenant, &target.home, target.doc))
        return KDM_WAIT;
    return kdm_ms_reply_deleted(tx);
}

/* --- read --------------------------------------------------------------------------------------
 */

static enum kdm_outcome reply_root(struct kdm_tx *tx, const struct kdm_ms_caller *caller)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 512);
    kdm_ms_put_root(caller, kdm_tx_arena(tx), &buf);
    return kdm_ms_reply_versioned(tx, 200, 0, KDM_STR_NONE, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_mindsphere_get_root_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_ms_caller caller;

    return kdm_ms_enter(tx, args, KDM_STR_NONE, &caller) ? reply_root(tx, &caller) : KDM_DONE;
}

enum kdm_outcome kdm_mindsphere_get_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct target target;
    bool done;

    if (!find_target(tx, args, false, &target, &done))
        return done ? KDM_DONE : KDM_WAIT;
    if (is_root(args->arena, &target))
        return reply_root(tx, &target.caller);
    if (target.doc == NULL)
        return kdm_ms_fail(tx, args, KDM_MS_NO_MATCH, "there is no asset " KDM_FMT,
                           KDM_ARG(target.id));
    if (kdm_ms_not_modified(tx, args, target.asset.etag))
        return KDM_DONE;
    return reply(tx, &target, 200, &target.asset);
}

/* --- list --------------------------------------------------------------------------------------
 */

/* Those that another door made have no etag of their own; their version counts. false: wait. */
static bool put_hits(struct kdm_tx *tx, const struct target *target, const struct kdm_found *found,
                     struct kdm_buf *buf)
{
    struct kdm_ms_asset asset;
    struct kdm_doc *doc;
    bool all = true;

    for (size_t i = 0; i < found->page_count; i++) {
        struct kdm_val source = kdm_json_parse(target->world.arena, found->hits[i].source);
        int64_t version = 1;

        if (!kdm_ms_has_etag(source)) {
            if (!kdm_tx_read_unchecked(tx, target->home.assets, found->hits[i].id, &doc)) {
                all = false; /* the others are asked for as well */
                continue;
            }
            version = doc == NULL ? 1 : doc->version;
        }
        if (!kdm_ms_asset_of(&target->world, source, version, &asset))
            continue;
        kdm_json_put_comma(buf);
        kdm_ms_put_asset(&target->world, &target->caller, &asset, buf);
    }
    return all;
}

enum kdm_outcome kdm_mindsphere_list_assets(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct target target = { 0 };
    const struct kdm_found *found;
    struct kdm_ms_errors errors;
    struct kdm_ms_page page;
    struct kdm_val filter;
    struct kdm_str search;
    struct kdm_buf buf;
    bool too_far;

    if (!kdm_ms_enter(tx, args, KDM_STR_NONE, &target.caller))
        return KDM_DONE;
    kdm_ms_errors_init(&errors, args->arena);
    kdm_ms_read_page(&errors, args, &page);
    filter = kdm_ms_read_filter(&errors, args);
    if (!kdm_ms_read_world(tx, &target.caller, false, &target.world)
        || !kdm_dialect_find_home(tx, target.caller.tenant, &target.home))
        return KDM_WAIT;
    search = kdm_ms_asset_search(&errors, &target.world, &target.caller, filter,
                                 kdm_query_get(&args->call->query, KDM_STR("sort")));
    if (errors.count > 0)
        return kdm_ms_refuse(tx, args, &errors);
    if (!kdm_dialect_find_page(tx, target.home.assets, search, page.number * page.size, page.size,
                               &found, &too_far))
        return KDM_WAIT;
    if (too_far)
        return kdm_ms_fail(tx, args, KDM_MS_INVALID_PARAMETER,
                           "page: only the first %d assets can be listed", KDM_DIALECT_REACH);
    kdm_buf_init(&buf, args->arena, 4096);
    kdm_buf_lit(&buf, "{\"_embedded\":{\"assets\":[");
    if (!put_hits(tx, &target, found, &buf))
        return KDM_WAIT;
    kdm_buf_lit(&buf, "]}");
    kdm_ms_put_page(args, &target.caller, "assets", &page, (size_t)found->total, &buf);
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}
