/* write_rules.c - see write_rules.h. So far only the device manager has a say. */
#include "action/write_rules.h"
#include "action/device_manager/dm.h"

bool kdm_write_ruled(struct kdm_tx *tx, const struct kdm_collection *collection)
{
    return kdm_dm_is_models(tx, collection);
}

bool kdm_write_allowed(struct kdm_tx *tx, const struct kdm_collection *collection,
                       const struct kdm_write_item *items, size_t count)
{
    return !kdm_dm_is_models(tx, collection) || kdm_dm_check_core_writes(tx, items, count);
}

bool kdm_write_follow(struct kdm_tx *tx, const struct kdm_collection *collection)
{
    if (!kdm_dm_is_models(tx, collection))
        return false;
    kdm_dm_model_job(tx, &(struct kdm_str_list){ .count = 0 }, KDM_STR_NONE); /* in the background: nobody waits for it */
    return true;
}

struct kdm_str kdm_write_new_id(struct kdm_tx *tx, struct kdm_str collection, struct kdm_val source,
                                struct kdm_str name)
{
    struct kdm_str id = kdm_dm_config_id(tx, collection, source);

    return kdm_str_none(id) ? kdm_tx_id(tx, name) : id;
}
