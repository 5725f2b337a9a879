/* auth.c - who is asking. There are no users yet: whoever asks is anonymous, and anonymous may do
 * everything (api/auth.h). A request that brings a token never gets here, so only a token in a body
 * is to be judged.
 */
#include "action/kuzzle/target.h"

/* No token can be valid, since none was ever given out. */
static enum kdm_outcome reply_invalid(struct kdm_tx *tx)
{
    struct kdm_failure failure;
    struct kdm_buf buf;

    kdm_failure_set(&failure, kdm_tx_arena(tx), KDM_ERR_SECURITY_TOKEN_INVALID, NULL, 0);
    kdm_buf_init(&buf, kdm_tx_arena(tx), 96);
    kdm_buf_lit(&buf, "{\"state\":");
    kdm_json_put_str(&buf, failure.message);
    kdm_buf_lit(&buf, ",\"valid\":false}");
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_auth_check_token(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val token = kdm_args_val(args, KDM_ARG_BODY_TOKEN);

    if (!kdm_val_null(token) && kdm_val_type(token) != KDM_JSON_STRING)
        return kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_TYPE,
                           KDM_PROPS(KDM_STR("body.token"), KDM_STR("string")));
    if (kdm_val_null(token) || kdm_val_str_eq(token, KDM_STR("")))
        return kdm_tx_reply(tx, KDM_STR("{\"expiresAt\":null,\"kuid\":\"-1\",\"valid\":true}"));
    return reply_invalid(tx);
}

enum kdm_outcome kdm_auth_get_current_user(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return kdm_tx_reply(tx, KDM_STR("{\"_id\":\"-1\",\"_source\":{\"name\":\"Anonymous\","
                                    "\"profileIds\":[\"anonymous\"]},\"strategies\":[]}"));
}

enum kdm_outcome kdm_auth_get_my_rights(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return kdm_tx_reply(tx, KDM_STR("{\"hits\":[{\"action\":\"*\",\"collection\":\"*\","
                                    "\"controller\":\"*\",\"index\":\"*\",\"value\":\"allowed\"}],"
                                    "\"total\":1}"));
}
