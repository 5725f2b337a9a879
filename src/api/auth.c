/* auth.c - see auth.h. A request may bring a token in two ways, as `jwt` or in the cookie
 * `authToken`; bringing both is refused rather than one preferred, since they may belong to two
 * users.
 */
#include "api/auth.h"

/* The cookie `authToken`: none when it is absent, empty or "null" (how a logout leaves it). */
static struct kdm_str cookie_token(struct kdm_str cookies)
{
    while (cookies.len > 0) {
        const char *end = memchr(cookies.ptr, ';', cookies.len);
        size_t len = end == NULL ? cookies.len : (size_t)(end - cookies.ptr);
        struct kdm_str pair = kdm_str_trimmed((struct kdm_str){ .ptr = cookies.ptr, .len = len });

        if (kdm_str_starts(pair, KDM_STR("authToken="))) {
            struct kdm_str token = kdm_str_from(pair, sizeof("authToken=") - 1);

            return token.len == 0 || kdm_str_eq(token, KDM_STR("null")) ? KDM_STR_NONE : token;
        }
        cookies = kdm_str_from(cookies, end == NULL ? len : len + 1);
    }
    return KDM_STR_NONE;
}

static bool well_formed(struct kdm_str cookies)
{
    for (size_t i = 0; i < cookies.len; i++) {
        if ((unsigned char)cookies.ptr[i] < 0x20 || cookies.ptr[i] == 0x7f)
            return false;
    }
    return true;
}

/* These three look at the cookie themselves. */
static bool judges_its_cookie(const struct kdm_credentials *credentials)
{
    return credentials->cookie_auth && kdm_str_eq(credentials->controller, KDM_STR("auth"))
           && (kdm_str_eq(credentials->action, KDM_STR("login"))
               || kdm_str_eq(credentials->action, KDM_STR("checkToken"))
               || kdm_str_eq(credentials->action, KDM_STR("logout")));
}

static bool refuse(struct kdm_arena *arena, enum kdm_err err, struct kdm_failure *ret_failure)
{
    kdm_failure_set(ret_failure, arena, err, NULL, 0);
    return false;
}

bool kdm_auth_token(const struct kdm_credentials *credentials, struct kdm_arena *arena,
                    struct kdm_auth_token *ret_token, struct kdm_failure *ret_failure)
{
    struct kdm_str cookie = KDM_STR_NONE;

    if (credentials->cookie_auth && !credentials->cookies_enabled)
        return refuse(arena, KDM_ERR_SECURITY_COOKIE_UNSUPPORTED, ret_failure);
    if (credentials->cookies_enabled && !kdm_str_none(credentials->cookie)) {
        if (!well_formed(credentials->cookie))
            return refuse(arena, KDM_ERR_SECURITY_COOKIE_INVALID, ret_failure);
        cookie = cookie_token(credentials->cookie);
    }
    if (!kdm_str_none(cookie) && !kdm_str_none(credentials->jwt)) {
        kdm_failure_set(ret_failure, arena, KDM_ERR_SECURITY_TOKEN_VERIFICATION_ERROR,
                        KDM_PROPS(KDM_STR("a token and an authentication cookie were both given")));
        return false;
    }
    *ret_token = (struct kdm_auth_token){ .text = credentials->jwt, .judged = KDM_STR_NONE };
    if (!kdm_str_none(cookie) && judges_its_cookie(credentials))
        ret_token->judged = cookie;
    else if (!kdm_str_none(cookie))
        ret_token->text = cookie;
    return true;
}
