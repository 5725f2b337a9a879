/* security_credentials.c - credentials of the strategies, as an administrator sees them. What they
 * are is the strategy's business (security/strategy.h).
 */
#include "action/kuzzle/security.h"
#include "security/strategy.h"

/* The strategy that the request names, and the user, who must be there. */
static bool read_target(struct kdm_tx *tx, const struct kdm_args *args,
                        const struct kdm_strategy **ret_strategy)
{
    struct kdm_doc *user;

    if (!kdm_strategy_get(tx, kdm_args_str(args, KDM_ARG_STRATEGY), ret_strategy)
        || !kdm_security_read(tx, KDM_SECURITY_USERS, kdm_args_str(args, KDM_ARG__ID), &user))
        return false;
    if (user == NULL)
        kdm_tx_fail(tx, KDM_ERR_SECURITY_USER_NOT_FOUND,
                    KDM_PROPS(kdm_args_str(args, KDM_ARG__ID)));
    return user != NULL;
}

static enum kdm_outcome commit(struct kdm_tx *tx, const struct kdm_args *args,
                               struct kdm_str result)
{
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    kdm_security_log(tx, "user", kdm_args_str(args, KDM_ARG__ID));
    return kdm_tx_reply(tx, result);
}

static enum kdm_outcome store(struct kdm_tx *tx, const struct kdm_args *args, bool update)
{
    struct kdm_str kuid = kdm_args_str(args, KDM_ARG__ID), info;
    const struct kdm_strategy *strategy;

    if (!read_target(tx, args, &strategy)
        || !(update ? strategy->update : strategy->create)(tx, kuid, args->body, &info))
        return KDM_WAIT;
    return commit(tx, args, info);
}

enum kdm_outcome kdm_security_create_credentials(struct kdm_tx *tx, const struct kdm_args *args)
{
    return store(tx, args, false);
}

enum kdm_outcome kdm_security_update_credentials(struct kdm_tx *tx, const struct kdm_args *args)
{
    return store(tx, args, true);
}

/* Of a user who has gone too: that is how leftovers of a restored database are removed. */
enum kdm_outcome kdm_security_delete_credentials(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;

    if (!kdm_strategy_get(tx, kdm_args_str(args, KDM_ARG_STRATEGY), &strategy)
        || !strategy->remove(tx, kdm_args_str(args, KDM_ARG__ID)))
        return KDM_WAIT;
    return commit(tx, args, KDM_STR("{\"acknowledged\":true}"));
}

/* --- looking ------------------------------------------------------------------------------- */

enum kdm_outcome kdm_security_has_credentials(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;
    bool exists;

    if (!kdm_strategy_get(tx, kdm_args_str(args, KDM_ARG_STRATEGY), &strategy)
        || !strategy->exists(tx, kdm_args_str(args, KDM_ARG__ID), &exists))
        return KDM_WAIT;
    return kdm_tx_reply(tx, exists ? KDM_STR("true") : KDM_STR("false"));
}

enum kdm_outcome kdm_security_validate_credentials(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;

    if (!kdm_strategy_get(tx, kdm_args_str(args, KDM_ARG_STRATEGY), &strategy)
        || !strategy->validate(tx, kdm_args_str(args, KDM_ARG__ID), args->body, false))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

enum kdm_outcome kdm_security_get_credentials(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;
    struct kdm_str info;

    if (!kdm_strategy_get(tx, kdm_args_str(args, KDM_ARG_STRATEGY), &strategy)
        || !strategy->info(tx, kdm_args_str(args, KDM_ARG__ID), &info))
        return KDM_WAIT;
    return kdm_tx_reply(tx, info);
}

enum kdm_outcome kdm_security_get_credentials_by_id(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;
    struct kdm_str info;

    if (!kdm_strategy_get(tx, kdm_args_str(args, KDM_ARG_STRATEGY), &strategy)
        || !strategy->by_id(tx, kdm_args_str(args, KDM_ARG__ID), &info))
        return KDM_WAIT;
    return kdm_tx_reply(tx, info);
}

/* --- fields -------------------------------------------------------------------------------- */

enum kdm_outcome kdm_security_get_credential_fields(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;

    return kdm_strategy_get(tx, kdm_args_str(args, KDM_ARG_STRATEGY), &strategy)
               ? kdm_tx_reply(tx, kdm_str_of(strategy->fields_json))
               : KDM_WAIT;
}

enum kdm_outcome kdm_security_get_all_credential_fields(struct kdm_tx *tx,
                                                        const struct kdm_args *args)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, 128);
    kdm_buf_char(&buf, '{');
    for (const struct kdm_strategy *const *strategy = kdm_strategies; *strategy != NULL;
         strategy++) {
        kdm_json_put_name(&buf, kdm_str_of((*strategy)->name));
        kdm_buf_put(&buf, kdm_str_of((*strategy)->fields_json));
    }
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}
