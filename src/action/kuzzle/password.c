/* password.c - the controller of the strategy "local": new passwords for those who forgot theirs.
 */
#include "action/kuzzle/auth.h"
#include "security/local.h"

enum kdm_outcome
kdm_kuzzle_plugin_auth_passport_local_password_get_reset_password_token(struct kdm_tx *tx,
                                                                        const struct kdm_args *args)
{
    struct kdm_str token;

    if (!kdm_local_reset_token(tx, kdm_args_str(args, KDM_ARG__ID), &token))
        return KDM_WAIT;
    return kdm_tx_reply(tx, kdm_json_pair(kdm_tx_arena(tx), "resetToken", token));
}

enum kdm_outcome kdm_kuzzle_plugin_auth_passport_local_password_reset(struct kdm_tx *tx,
                                                                      const struct kdm_args *args)
{
    const struct kdm_security_options *options = kdm_security_options(kdm_server_of(tx)->guard);
    struct kdm_str kuid;

    if (!kdm_local_reset(tx, kdm_args_str(args, KDM_ARG_BODY_TOKEN),
                         kdm_args_str(args, KDM_ARG_BODY_PASSWORD), &kuid))
        return KDM_WAIT;
    return kdm_auth_give_token(tx, kuid, options->token_ttl_ms, false);
}
