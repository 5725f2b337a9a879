/* target.c - see target.h. */
#include "action/kuzzle/target.h"

bool kdm_index_is_private(struct kdm_str index)
{
    return index.len > 0 && index.ptr[0] == '%';
}

enum kdm_outcome kdm_target_unknown_index(struct kdm_tx *tx, struct kdm_str index)
{
    return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_UNKNOWN_INDEX, KDM_PROPS(index));
}

bool kdm_target_collection(struct kdm_tx *tx, const struct kdm_args *args,
                           struct kdm_collection **ret_collection)
{
    struct kdm_str index = kdm_args_str(args, KDM_ARG_INDEX);

    if (kdm_index_is_private(index)) {
        kdm_target_unknown_index(tx, index);
        return false;
    }
    return kdm_tx_collection(tx, index, kdm_args_str(args, KDM_ARG_COLLECTION), ret_collection);
}

bool kdm_target_fresh(struct kdm_tx *tx, const struct kdm_args *args,
                      struct kdm_collection **ret_collection)
{
    return kdm_target_collection(tx, args, ret_collection)
           && kdm_tx_refresh_collection(tx, kdm_args_str(args, KDM_ARG_INDEX),
                                        kdm_args_str(args, KDM_ARG_COLLECTION));
}

enum kdm_outcome kdm_reply_acknowledged(struct kdm_tx *tx)
{
    return kdm_tx_reply(tx, KDM_STR("{\"acknowledged\":true}"));
}

const struct kdm_context *kdm_server_of(struct kdm_tx *tx)
{
    return kdm_tx_context(tx);
}
