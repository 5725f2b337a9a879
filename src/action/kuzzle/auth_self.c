/* auth_self.c - whoever asks, about himself: his user, his rights, his credentials. */
#include "action/kuzzle/auth.h"
#include "action/kuzzle/security.h"
#include "security/local.h"
#include "security/model.h"
#include "security/token.h"

struct kdm_str kdm_auth_caller(struct kdm_tx *tx)
{
    struct kdm_str kuid = kdm_tx_origin(tx)->kuid;

    return kdm_str_none(kuid) ? KDM_ANONYMOUS : kuid;
}

/* --- the user ------------------------------------------------------------------------------- */

enum kdm_outcome kdm_auth_get_current_user(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str kuid = kdm_auth_caller(tx);
    struct kdm_val source;
    struct kdm_buf buf;
    size_t count;

    (void)args;
    kdm_buf_init(&buf, kdm_tx_arena(tx), 256);
    if (!kdm_user_get(tx, kuid, &source))
        return KDM_WAIT;
    kdm_buf_lit(&buf, "{\"_id\":");
    kdm_json_put_str(&buf, kuid);
    kdm_buf_lit(&buf, ",\"_source\":");
    kdm_buf_put(&buf, kdm_val_text(source));
    kdm_buf_lit(&buf, ",\"strategies\":");
    if (!kdm_strategies_of(tx, kuid, &buf, &count))
        return KDM_WAIT;
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

static bool forbid(struct kdm_tx *tx, struct kdm_val body, const char *name)
{
    if (kdm_val_none(kdm_val_get(body, kdm_str_of(name))))
        return true;
    kdm_tx_fail(tx, KDM_ERR_API_ASSERT_FORBIDDEN_ARGUMENT,
                KDM_PROPS(kdm_arena_printf(kdm_tx_arena(tx), "body.%s", name)));
    return false;
}

enum kdm_outcome kdm_auth_update_self(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str kuid = kdm_auth_caller(tx);
    struct kdm_collection *users;
    struct kdm_doc *doc;

    if (!kdm_security_assert_known(tx) || !forbid(tx, args->body, "_id")
        || !forbid(tx, args->body, "profileIds")
        || !kdm_security_collection(tx, KDM_SECURITY_USERS, &users)
        || !kdm_tx_claim(tx, users, kuid, &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return kdm_tx_fail(tx, KDM_ERR_SECURITY_USER_NOT_FOUND, KDM_PROPS(kuid));
    return kdm_security_change_user(tx, users, doc, args->body, KDM_STR("body.profileIds"));
}

/* --- rights --------------------------------------------------------------------------------- */

enum kdm_outcome kdm_auth_get_my_rights(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str_list profiles;
    struct kdm_val source;
    struct kdm_str result;

    (void)args;
    if (!kdm_user_get(tx, kdm_auth_caller(tx), &source))
        return KDM_WAIT;
    profiles = kdm_user_profiles(kdm_tx_arena(tx), source);
    if (!kdm_rights_list(tx, &profiles, &result))
        return KDM_WAIT;
    return kdm_tx_reply(tx, result);
}

enum kdm_outcome kdm_auth_check_rights(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val source;
    bool allowed;

    if (!kdm_user_get(tx, kdm_auth_caller(tx), &source)
        || !kdm_rights_check_payload(tx, source, args->body, &allowed))
        return KDM_WAIT;
    return kdm_tx_reply(tx,
                        allowed ? KDM_STR("{\"allowed\":true}") : KDM_STR("{\"allowed\":false}"));
}

/* --- credentials ---------------------------------------------------------------------------- */

static bool my_strategy(struct kdm_tx *tx, const struct kdm_args *args,
                        const struct kdm_strategy **ret_strategy)
{
    return kdm_security_assert_known(tx)
           && kdm_strategy_get(tx, kdm_args_str(args, KDM_ARG_STRATEGY), ret_strategy);
}

enum kdm_outcome kdm_auth_create_my_credentials(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;
    struct kdm_str info;

    if (!my_strategy(tx, args, &strategy)
        || !strategy->create(tx, kdm_auth_caller(tx), args->body, &info) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, info);
}

enum kdm_outcome kdm_auth_update_my_credentials(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;
    struct kdm_str info;

    if (!my_strategy(tx, args, &strategy)
        || !kdm_local_check_current(tx, kdm_auth_caller(tx), args->body)
        || !strategy->update(tx, kdm_auth_caller(tx), args->body, &info) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, info);
}

enum kdm_outcome kdm_auth_delete_my_credentials(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;

    if (!my_strategy(tx, args, &strategy)
        || !kdm_local_check_current(tx, kdm_auth_caller(tx), args->body)
        || !strategy->remove(tx, kdm_auth_caller(tx)) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_reply_acknowledged(tx);
}

enum kdm_outcome kdm_auth_get_my_credentials(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;
    struct kdm_str info;

    if (!my_strategy(tx, args, &strategy) || !strategy->info(tx, kdm_auth_caller(tx), &info))
        return KDM_WAIT;
    return kdm_tx_reply(tx, info);
}

enum kdm_outcome kdm_auth_credentials_exist(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;
    bool there;

    if (!my_strategy(tx, args, &strategy) || !strategy->exists(tx, kdm_auth_caller(tx), &there))
        return KDM_WAIT;
    return kdm_tx_reply(tx, there ? KDM_STR("true") : KDM_STR("false"));
}

enum kdm_outcome kdm_auth_validate_my_credentials(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;

    if (!my_strategy(tx, args, &strategy)
        || !strategy->validate(tx, kdm_auth_caller(tx), args->body, false))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

enum kdm_outcome kdm_auth_get_strategies(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_buf buf;

    (void)args;
    kdm_buf_init(&buf, kdm_tx_arena(tx), 32);
    kdm_buf_char(&buf, '[');
    for (size_t i = 0; kdm_strategies[i] != NULL; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        kdm_json_put_str(&buf, kdm_str_of(kdm_strategies[i]->name));
    }
    kdm_buf_char(&buf, ']');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* --- API keys ------------------------------------------------------------------------------- */

enum kdm_outcome kdm_auth_create_api_key(struct kdm_tx *tx, const struct kdm_args *args)
{
    int64_t max_ttl_ms = kdm_security_options(kdm_server_of(tx)->guard)->api_key_max_ttl_ms, ttl_ms;
    struct kdm_str result;

    if (!kdm_token_ttl(tx, kdm_args_val(args, KDM_ARG_EXPIRES_IN), -1, max_ttl_ms, &ttl_ms)
        || !kdm_token_assert_current(tx)
        || !kdm_api_key_create(tx, kdm_auth_caller(tx), kdm_args_str(args, KDM_ARG__ID),
                               kdm_args_str(args, KDM_ARG_BODY_DESCRIPTION), ttl_ms, &result)
        || !kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, result);
}

enum kdm_outcome kdm_auth_delete_api_key(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID);

    if (!kdm_api_key_delete(tx, kdm_auth_caller(tx), id) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, kdm_json_pair(kdm_tx_arena(tx), "_id", id));
}

enum kdm_outcome kdm_auth_search_api_keys(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_security_reply_api_keys(tx, args, kdm_auth_caller(tx));
}
