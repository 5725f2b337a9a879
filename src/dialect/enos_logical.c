/* enos_logical.c - logical assets made, changed and removed (reference dialects.md 3.9). */
#include "dialect/enos.h"
#include "doors.gen.h"
#include "store/names.h"

#define REFERENCE_LEN 8 /* the shape of the vendor's own ids */

/* --- create ---------------------------------------------------------------------------------- */

static bool find_model(struct kdm_tx *tx, struct kdm_str org, struct kdm_str name,
                       bool *ret_org_known, bool *ret_found, struct kdm_dm_model *ret_model)
{
    struct kdm_dm_engine engine;

    *ret_found = false;
    if (!kdm_dm_engine_find(tx, org, ret_org_known, &engine))
        return false;
    return !*ret_org_known
           || kdm_dm_model_seen(tx, KDM_DM_ASSET, name, engine.group, ret_found, ret_model);
}

static struct kdm_str new_reference(struct kdm_tx *tx)
{
    struct kdm_str id = kdm_tx_id(tx, KDM_STR("logical asset"));
    char *text = kdm_arena_alloc(kdm_tx_arena(tx), REFERENCE_LEN);

    /* Letters and digits alone: the two other characters of an id become digits. */
    for (size_t i = 0; i < REFERENCE_LEN; i++)
        text[i] = id.ptr[i] == '-' ? '0' : id.ptr[i] == '_' ? '1' : id.ptr[i];
    return (struct kdm_str){ .ptr = text, .len = REFERENCE_LEN };
}

static enum kdm_outcome create(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str org)
{
    struct kdm_val asset = kdm_enos_body(tx, args, "assetInstance");
    struct kdm_str name = kdm_val_str(args->arena, kdm_val_get(asset, KDM_STR("modelId"))), id;
    struct kdm_dm_edited edited;
    struct kdm_dm_model model;
    struct kdm_dm_home home;
    struct kdm_dm_edit edit;
    bool known, found;

    if (kdm_val_none(asset) || !kdm_enos_read_edit(tx, args, asset, KDM_ENOS_PATCH, &edit))
        return KDM_DONE;
    if (name.len == 0)
        return kdm_enos_bad(tx, args, "modelId");
    if (kdm_val_null(edit.identity.name) || kdm_val_null(edit.identity.timezone))
        return kdm_enos_bad(tx, args, kdm_val_null(edit.identity.name) ? "name" : "timezone");
    if (!kdm_name_valid(org))
        return kdm_enos_bad(tx, args, "orgId");
    if (!find_model(tx, org, name, &known, &found, &model))
        return KDM_WAIT;
    if (!known)
        return kdm_enos_bad(tx, args, "orgId");
    if (!found)
        return kdm_enos_reply(tx, args, KDM_ENOS_NO_MODEL, KDM_STR("modelId"), KDM_STR_NONE);
    if (!kdm_dm_home_of(tx, org, &home)
        || !kdm_dm_asset_make(tx, &home, &model, new_reference(tx), &edit, &id, &edited))
        return KDM_WAIT;
    if (edited.refused != KDM_DM_EDIT_FITS)
        return kdm_enos_refuse(tx, args, &edited, KDM_ENOS_CREATE_INVALID);
    return kdm_enos_reply(tx, args, KDM_ENOS_OK, KDM_STR_NONE, kdm_json_quoted(args->arena, id));
}

/* --- update ---------------------------------------------------------------------------------- */

/* As a whole it needs a name and a time zone here. */
static enum kdm_outcome update(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str org)
{
    static const struct kdm_enos_update how = { .member = "assetUpdateVo",
                                                .whole = KDM_ENOS_OVERWRITE,
                                                .missing = KDM_ENOS_NO_LOGICAL_ASSET,
                                                .invalid = KDM_ENOS_LOGICAL_INVALID };

    return kdm_enos_update(tx, args, org, &how);
}

/* --- delete ---------------------------------------------------------------------------------- */

/* In the body, or as a query argument. */
static struct kdm_str id_to_delete(const struct kdm_args *args)
{
    struct kdm_json *doc = kdm_arena_alloc(args->arena, sizeof(*doc));
    struct kdm_str id = kdm_enos_query(args, "assetId");

    if (!kdm_str_none(id) || !kdm_json_scan(args->arena, args->call->body, doc, NULL))
        return id;
    return kdm_val_str(args->arena, kdm_val_get(kdm_json_root(doc), KDM_STR("assetId")));
}

static enum kdm_outcome delete_asset(struct kdm_tx *tx, const struct kdm_args *args,
                                     struct kdm_str org)
{
    struct kdm_str id = id_to_delete(args);
    struct kdm_dm_home home;
    struct kdm_doc *stored;

    if (id.len == 0)
        return kdm_enos_bad(tx, args, "assetId");
    if (!kdm_enos_find(tx, org, id, true, &home, &stored))
        return KDM_WAIT;
    if (stored == NULL)
        return kdm_enos_reply(tx, args, KDM_ENOS_NO_LOGICAL_ASSET, KDM_STR_NONE, KDM_STR_NONE);
    if (!kdm_dm_asset_delete(tx, org, &home, stored))
        return KDM_WAIT;
    return kdm_enos_reply(tx, args, KDM_ENOS_OK, KDM_STR_NONE, KDM_STR_NONE);
}

enum kdm_outcome kdm_enos_logical_assets(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const char *const actions[] = { "create", "update", "delete", NULL };
    static enum kdm_outcome (*const operations[])(struct kdm_tx *, const struct kdm_args *,
                                                  struct kdm_str) = { create, update,
                                                                      delete_asset };
    struct kdm_str org;
    size_t action;

    return kdm_enos_enter(tx, args, actions, &org, &action) ? operations[action](tx, args, org)
                                                            : KDM_DONE;
}
