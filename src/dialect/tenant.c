/* tenant.c - see tenant.h. */
#include "dialect/tenant.h"
#include "action/kuzzle/collection_stage.h"
#include "projector/projector.h"
#include "store/names.h"

bool kdm_dialect_find_home(struct kdm_tx *tx, struct kdm_str tenant, struct kdm_dm_home *ret_home)
{
    struct kdm_dm_engine engine;
    bool found = false;

    *ret_home = (struct kdm_dm_home){ 0 };
    if (kdm_name_valid(tenant) && !kdm_dm_engine_find(tx, tenant, &found, &engine))
        return false;
    return !found || kdm_dm_home_of(tx, tenant, ret_home);
}

bool kdm_dialect_any_asset(struct kdm_tx *tx, struct kdm_str tenant, struct kdm_str name,
                           bool checked, const char *field, struct kdm_str text, bool *ret_any)
{
    struct kdm_collection *assets;
    struct kdm_find_request request = { .collections = &assets, .count = 1, .bare = true };
    struct kdm_arena *arena = kdm_tx_arena(tx);
    const struct kdm_found *found;

    if (!kdm_tx_find_collection(tx, tenant, kdm_dm_collection_name(KDM_DM_ASSETS), &assets))
        return false;
    *ret_any = false;
    if (assets == NULL)
        return true;
    request.body = kdm_arena_printf(arena, "{\"term\":" KDM_FMT "}",
                                    KDM_ARG(kdm_json_pair(arena, field, text)));
    if (!kdm_tx_find(tx, name, checked, &request, &found))
        return false;
    *ret_any = found->total > 0;
    return true;
}

_Static_assert(KDM_DIALECT_REACH <= KDM_FIND_MOST, "a page is found by one search");

bool kdm_dialect_find_page(struct kdm_tx *tx, struct kdm_collection *assets, struct kdm_str body,
                           int64_t from, int64_t size, const struct kdm_found **ret_found,
                           bool *ret_too_far)
{
    static const struct kdm_found none = { .total = 0 };
    bool reached = from < KDM_DIALECT_REACH;
    int64_t left = KDM_DIALECT_REACH - from;
    struct kdm_find_request request = { .collections = &assets,
                                        .count = 1,
                                        .body = body,
                                        .deep = true,
                                        .sources = true,
                                        .from = reached ? from : 0,
                                        .size = !reached      ? 0
                                                : size < left ? size
                                                              : left };

    *ret_found = &none;
    if (assets != NULL && !kdm_tx_find(tx, KDM_STR("page of assets"), false, &request, ret_found))
        return false;
    *ret_too_far = request.size < size && (*ret_found)->total > (uint64_t)(from + request.size);
    return true;
}

bool kdm_dialect_ensure_collection(struct kdm_tx *tx, struct kdm_str tenant, struct kdm_str name,
                                   struct kdm_str mapping, struct kdm_collection **ret_collection)
{
    const struct kdm_collection_wish wish = { .mappings =
                                                  kdm_json_parse(kdm_tx_arena(tx), mapping) };

    if (kdm_tx_commit_made(tx))
        kdm_tx_relearn(tx, tenant);
    else if (!kdm_tx_find_collection(tx, tenant, name, ret_collection)
             || (*ret_collection == NULL && !kdm_collection_stage(tx, tenant, name, &wish)))
        return false;
    return kdm_tx_commit(tx) && kdm_tx_find_collection(tx, tenant, name, ret_collection);
}
