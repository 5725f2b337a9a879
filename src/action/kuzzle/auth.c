/* auth.c - tokens: given at a login, exchanged, checked, revoked. What is behind them is
 * security/'s. */
#include "action/kuzzle/auth.h"
#include "security/model.h"
#include "security/strategy.h"
#include "security/token.h"
#include "security/verify.h"
#include "store/names.h"

#include <time.h>

/* --- cookies -------------------------------------------------------------------------------- */

static bool wants_cookie(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_security_options(kdm_server_of(tx)->guard)->cookies
           && kdm_args_bool(args, KDM_ARG_COOKIE_AUTH);
}

static void set_cookie(struct kdm_tx *tx, const struct kdm_token *token)
{
    time_t end = (time_t)(token->expires_at / 1000);
    struct tm parts;
    char expires[48] = "";

    if (token->expires_at >= 0 && gmtime_r(&end, &parts) != NULL)
        strftime(expires, sizeof(expires), " Expires=%a, %d %b %Y %H:%M:%S GMT;", &parts);
    kdm_tx_set_header(tx, KDM_STR("set-cookie"),
                      kdm_arena_printf(kdm_tx_arena(tx),
                                       "authToken=" KDM_FMT "; Path=/;%s HttpOnly; SameSite=Strict",
                                       KDM_ARG(token->text), expires));
}

/* --- giving --------------------------------------------------------------------------------- */

static bool take_ttl(struct kdm_tx *tx, const struct kdm_args *args, int64_t *ret_ttl_ms)
{
    const struct kdm_security_options *options = kdm_security_options(kdm_server_of(tx)->guard);

    return kdm_token_ttl(tx, kdm_args_val(args, KDM_ARG_EXPIRES_IN), options->token_ttl_ms,
                         options->token_max_ttl_ms, ret_ttl_ms);
}

static enum kdm_outcome send_token(struct kdm_tx *tx, struct kdm_str kuid,
                                   const struct kdm_token *token, bool cookie)
{
    if (cookie)
        set_cookie(tx, token);
    return kdm_tx_reply(tx, kdm_token_login_result(tx, kuid, token, !cookie));
}

enum kdm_outcome kdm_auth_give_token(struct kdm_tx *tx, struct kdm_str kuid, int64_t ttl_ms,
                                     bool cookie)
{
    struct kdm_token token;

    if (!kdm_token_create(tx, KDM_STR("login"), kuid, ttl_ms, false, &token) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    kdm_security_take_token(tx, kuid, &token);
    return send_token(tx, kuid, &token, cookie);
}

/* Whoever listens may refuse, or write down who came. */
static bool tell_login(struct kdm_tx *tx, struct kdm_str kuid, const struct kdm_strategy *strategy)
{
    struct kdm_str payload;
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 96);
    kdm_buf_lit(&buf, "{\"strategy\":");
    kdm_json_put_str(&buf, kdm_str_of(strategy->name));
    kdm_buf_lit(&buf, ",\"content\":{\"_id\":");
    kdm_json_put_str(&buf, kuid);
    kdm_buf_lit(&buf, "}}");
    return kdm_tx_pipe(tx, KDM_STR("auth:strategyAuthenticated"), KDM_STR(""), kdm_buf_str(&buf),
                       &payload);
}

enum kdm_outcome kdm_auth_login(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_strategy *strategy;
    struct kdm_token lasting;
    struct kdm_str kuid;
    int64_t ttl_ms;

    if (!kdm_strategy_get(tx, kdm_args_str(args, KDM_ARG_STRATEGY), &strategy)
        || !strategy->verify(tx, args->body, args->envelope, &kuid)
        || !tell_login(tx, kuid, strategy))
        return KDM_WAIT;
    if (kdm_security_lasting_token(tx, kuid, &lasting))
        return send_token(tx, kuid, &lasting, wants_cookie(tx, args));
    if (!take_ttl(tx, args, &ttl_ms))
        return KDM_WAIT;
    return kdm_auth_give_token(tx, kuid, ttl_ms, wants_cookie(tx, args));
}

enum kdm_outcome kdm_auth_refresh_token(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_verdict verdict;
    struct kdm_token token;
    int64_t ttl_ms;

    if (!kdm_security_assert_known(tx))
        return KDM_WAIT;
    KDM_ASSERT(kdm_security_session(tx, &verdict));
    if (verdict.id.ptr[0] == 'k')
        return kdm_tx_fail(tx, KDM_ERR_SECURITY_TOKEN_REFRESH_FORBIDDEN,
                           KDM_PROPS(KDM_STR("API Key")));
    if (verdict.ttl_ms < 0)
        return kdm_tx_fail(tx, KDM_ERR_SECURITY_TOKEN_REFRESH_FORBIDDEN,
                           KDM_PROPS(KDM_STR("Token with infinite TTL")));
    if (!take_ttl(tx, args, &ttl_ms) || !kdm_token_assert_current(tx)
        || !kdm_token_refresh(tx, &verdict, ttl_ms, &token) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    kdm_security_take_token(tx, verdict.kuid, &token);
    return send_token(tx, verdict.kuid, &token, wants_cookie(tx, args));
}

/* -1, "-1", and whatever else (-1.0, "-1ms") would make a token that never ends. */
static bool is_endless(struct kdm_arena *arena, struct kdm_val val)
{
    double number;
    int64_t ms;

    if (kdm_val_double(val, &number))
        return number <= -1;
    return kdm_val_type(val) == KDM_JSON_STRING && kdm_duration_parse(kdm_val_str(arena, val), &ms)
           && ms < 0;
}

enum kdm_outcome kdm_auth_create_token(struct kdm_tx *tx, const struct kdm_args *args)
{
    bool single_use = kdm_args_bool(args, KDM_ARG_SINGLE_USE);
    struct kdm_token token;
    struct kdm_buf buf;
    int64_t ttl_ms;

    if (is_endless(kdm_tx_arena(tx), kdm_args_val(args, KDM_ARG_EXPIRES_IN)))
        return kdm_tx_fail(tx, KDM_ERR_SECURITY_TOKEN_INVALID_EXPIRATION,
                           KDM_PROPS(KDM_STR("expiresIn")));
    if (!take_ttl(tx, args, &ttl_ms) || !kdm_token_assert_current(tx)
        || !kdm_token_create(tx, KDM_STR("token"), kdm_auth_caller(tx), ttl_ms, single_use, &token)
        || !kdm_tx_commit(tx))
        return KDM_WAIT;
    kdm_buf_init(&buf, kdm_tx_arena(tx), 384);
    kdm_buf_printf(&buf,
                   "{\"expiresAt\":%lld,\"singleUse\":%s,\"token\":", (long long)token.expires_at,
                   single_use ? "true" : "false");
    kdm_json_put_str(&buf, token.text);
    kdm_buf_printf(&buf, ",\"ttl\":%lld}", (long long)ttl_ms);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* --- taking back ---------------------------------------------------------------------------- */

/* The token that a logout ends: the request's, or with cookieAuth the cookie's, which nobody has
 * looked at yet. *ret_found false: there is none. */
static bool find_token(struct kdm_tx *tx, struct kdm_verdict *ret_verdict, bool *ret_found)
{
    const struct kdm_user *user = kdm_tx_origin(tx)->user;

    *ret_found = kdm_security_session(tx, ret_verdict);
    if (*ret_found || user == NULL || kdm_str_none(user->judged))
        return true;
    return kdm_token_verify(tx, user->judged, ret_verdict, ret_found);
}

static bool end_token(struct kdm_tx *tx, const struct kdm_verdict *token, bool all)
{
    if (kdm_str_eq(token->kuid, KDM_ANONYMOUS))
        return true;
    if (all)
        return kdm_tokens_revoke(tx, token->kuid, false);
    return token->id.ptr[0] == 'k' || kdm_token_revoke(tx, kdm_str_from(token->id, 1));
}

enum kdm_outcome kdm_auth_logout(struct kdm_tx *tx, const struct kdm_args *args)
{
    bool cookies = kdm_security_options(kdm_server_of(tx)->guard)->cookies, found;
    struct kdm_verdict token;

    if (!wants_cookie(tx, args) && !kdm_security_assert_known(tx))
        return KDM_WAIT;
    if (!find_token(tx, &token, &found)
        || (found && !end_token(tx, &token, kdm_args_bool(args, KDM_ARG_GLOBAL))))
        return KDM_WAIT;
    kdm_security_leave_token(tx);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    if (wants_cookie(tx, args) || (cookies && args->http))
        kdm_tx_set_header(tx, KDM_STR("set-cookie"),
                          KDM_STR("authToken=null; Path=/; HttpOnly; SameSite=Strict"));
    return kdm_reply_acknowledged(tx);
}

/* --- checking ------------------------------------------------------------------------------- */

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

static enum kdm_outcome check(struct kdm_tx *tx, struct kdm_str text)
{
    struct kdm_verdict verdict;
    struct kdm_buf buf;
    bool good;

    if (!kdm_token_verify(tx, text, &verdict, &good)
        || (good && verdict.single_use && !kdm_tx_commit(tx)))
        return KDM_WAIT;
    if (!good)
        return reply_invalid(tx);
    kdm_buf_init(&buf, kdm_tx_arena(tx), 96);
    kdm_buf_printf(&buf, "{\"expiresAt\":%lld,\"kuid\":", (long long)verdict.expires_at);
    kdm_json_put_str(&buf, verdict.kuid);
    kdm_buf_lit(&buf, ",\"valid\":true}");
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_auth_check_token(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_user *user = kdm_tx_origin(tx)->user;
    struct kdm_val token = kdm_args_val(args, KDM_ARG_BODY_TOKEN);
    struct kdm_str text = KDM_STR_NONE;

    if (!kdm_val_null(token) && kdm_val_type(token) != KDM_JSON_STRING)
        return kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_TYPE,
                           KDM_PROPS(KDM_STR("body.token"), KDM_STR("string")));
    if (wants_cookie(tx, args))
        text = user == NULL ? KDM_STR_NONE : user->judged;
    else if (!kdm_val_null(token))
        text = kdm_val_str(kdm_tx_arena(tx), token);
    if (text.len == 0)
        return kdm_tx_reply(tx, KDM_STR("{\"expiresAt\":null,\"kuid\":\"-1\",\"valid\":true}"));
    return check(tx, text);
}
