/* models_share.c - which tenants see a model of MindSphere's beside its own (reference dialects.md
 * 4.8). That API has no operation for it, so it is an action for administrators. What a model maps
 * does not change by it: nothing follows in tenants, and its etag stays.
 */
#include "action/device_manager/dm.h"
#include "actions.gen.h"
#include "store/names.h"

#define TENANTS_MAX 1000

static bool are_tenants(struct kdm_arena *arena, struct kdm_val tenants)
{
    struct kdm_val_iter it;
    struct kdm_val tenant;

    for (kdm_elements(&it, tenants); kdm_element_next(&it, &tenant);) {
        struct kdm_str name = kdm_val_str(arena, tenant);

        if (kdm_str_none(name) || kdm_name_check_index(name) != KDM_OK)
            return false;
    }
    return kdm_val_count(tenants) <= TENANTS_MAX;
}

enum kdm_outcome kdm_dm_models_share(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val tenants = kdm_args_val(args, KDM_ARG_BODY_TENANTS);
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID), text;
    struct kdm_collection *models;
    struct kdm_doc *doc;
    struct kdm_val old;

    if (!are_tenants(args->arena, tenants))
        return kdm_tx_fail(
            tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
            KDM_PROPS(KDM_STR("body.tenants"), KDM_STR("at most 1000 names of indexes")));
    if (!kdm_dm_models_collection(tx, &models))
        return KDM_WAIT;
    kdm_tx_set_target(tx, models->index->name, models->name);
    if (!kdm_tx_claim(tx, models, id, &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_NOT_FOUND,
                           KDM_PROPS(id, models->index->name, models->name));
    old = kdm_doc_source(tx, doc);
    if (kdm_val_type(kdm_val_path(old, KDM_STR("dialect.mindsphere"))) != KDM_JSON_OBJECT)
        return kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
                           KDM_PROPS(KDM_STR("_id"), KDM_STR("a model with dialect.mindsphere")));
    text = kdm_json_set_path(args->arena, old, KDM_STR("dialect.mindsphere.sharedWith"),
                             kdm_json_canonical(args->arena, tenants));
    text = kdm_tx_with_info(tx, kdm_json_parse(args->arena, text), kdm_tx_info_updated(tx, old));
    kdm_tx_write(tx, models, doc, text, KDM_CHANGE_UPDATE, KDM_STR("[\"dialect\"]"), 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_document_reply(tx, id, text, kdm_tx_written(tx, models, id)->version);
}
