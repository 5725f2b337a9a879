/* security_api_key.c - API keys of a user, as an administrator sees them. */
#include "action/kuzzle/security.h"
#include "security/token.h"

enum kdm_outcome kdm_security_create_api_key(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str kuid = kdm_args_str(args, KDM_ARG_USER_ID), result;
    struct kdm_doc *user;
    int64_t ttl_ms;

    if (!kdm_security_read(tx, KDM_SECURITY_USERS, kuid, &user))
        return KDM_WAIT;
    if (user == NULL)
        return kdm_tx_fail(tx, KDM_ERR_SECURITY_USER_NOT_FOUND, KDM_PROPS(kuid));
    /* An administrator is not bound by apiKey.maxTTL. */
    if (!kdm_token_ttl(tx, kdm_args_val(args, KDM_ARG_EXPIRES_IN), -1, -1, &ttl_ms)
        || !kdm_api_key_create(tx, kuid, kdm_args_str(args, KDM_ARG__ID),
                               kdm_args_str(args, KDM_ARG_BODY_DESCRIPTION), ttl_ms, &result)
        || !kdm_tx_commit(tx))
        return KDM_WAIT;
    kdm_security_log(tx, "user", kuid);
    return kdm_tx_reply(tx, result);
}

enum kdm_outcome kdm_security_delete_api_key(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID);

    return kdm_api_key_delete(tx, kdm_args_str(args, KDM_ARG_USER_ID), id)
               ? kdm_security_commit_end(tx, "API key", id)
               : KDM_WAIT;
}
