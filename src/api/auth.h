/* auth.h - who asks, and may they.
 * The one place where tokens, cookies and rights are decided. There are no users yet: nobody can
 * have been given a token, so every token is invalid, and the anonymous user may do everything.
 * Pure functions, any thread.
 */
#ifndef KDM_API_AUTH_H
#define KDM_API_AUTH_H

#include "api/action.h"

/* What a request shows of who makes it. */
struct kdm_credentials {
    struct kdm_str jwt;    /* none: not given */
    struct kdm_str cookie; /* the Cookie header; none: absent */
    bool cookie_auth;      /* the request's cookieAuth */
    bool cookies_enabled;  /* http.cookieAuthentication */
    struct kdm_str controller, action;
};

struct kdm_user {
    struct kdm_str id; /* kuid; "-1": anonymous */
};

/* Fills *ret_user; false with *ret_failure set when the credentials are not good (reference
 * kuzzle-protocol.md 7). */
bool kdm_auth_authenticate(const struct kdm_credentials *credentials, struct kdm_arena *arena,
                           struct kdm_user *ret_user, struct kdm_failure *ret_failure);

/* May the user call this action? Asked before it is known whether the action exists. */
bool kdm_auth_authorise(const struct kdm_user *user, struct kdm_str controller,
                        struct kdm_str action, struct kdm_arena *arena,
                        struct kdm_failure *ret_failure);

#endif
