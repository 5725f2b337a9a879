/* strategy.c - see strategy.h: the table of them. */
#include "security/local.h"

const struct kdm_strategy *const kdm_strategies[] = { &kdm_strategy_local, NULL };

bool kdm_strategy_get(struct kdm_tx *tx, struct kdm_str name,
                      const struct kdm_strategy **ret_strategy)
{
    for (size_t i = 0; kdm_strategies[i] != NULL; i++) {
        if (kdm_str_eq(name, kdm_str_of(kdm_strategies[i]->name))) {
            *ret_strategy = kdm_strategies[i];
            return true;
        }
    }
    kdm_tx_fail(tx, KDM_ERR_SECURITY_CREDENTIALS_UNKNOWN_STRATEGY, KDM_PROPS(name));
    return false;
}

bool kdm_strategies_remove_all(struct kdm_tx *tx, struct kdm_str kuid)
{
    for (size_t i = 0; kdm_strategies[i] != NULL; i++) {
        bool there;

        if (!kdm_strategies[i]->exists(tx, kuid, &there)
            || (there && !kdm_strategies[i]->remove(tx, kuid)))
            return false;
    }
    return true;
}

bool kdm_strategies_of(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_buf *buf,
                       size_t *ret_count)
{
    size_t count = 0;

    kdm_buf_char(buf, '[');
    for (size_t i = 0; kdm_strategies[i] != NULL; i++) {
        bool there;

        if (!kdm_strategies[i]->exists(tx, kuid, &there))
            return false;
        if (!there)
            continue;
        if (count++ > 0)
            kdm_buf_char(buf, ',');
        kdm_json_put_str(buf, kdm_str_of(kdm_strategies[i]->name));
    }
    kdm_buf_char(buf, ']');
    *ret_count = count;
    return true;
}
