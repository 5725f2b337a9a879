/* store.c - see store.h. */
#include "dialect/store.h"
#include "action/kuzzle/collection_stage.h"

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
