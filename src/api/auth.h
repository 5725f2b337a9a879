/* auth.h - who asks, and may they.
 * Which token a request brings is looked at here; whose it is and what that user may do is the guard's to say, the
 * layer security/, which stands behind api/ in link order and so comes as a table of calls. Without one (tests
 * of api/ alone) everybody is anonymous and may do everything. Loop thread only.
 */
#ifndef KDM_API_AUTH_H
#define KDM_API_AUTH_H

#include "api/action.h"
#include "api/decode.h"

struct kdm_peer;
struct kdm_rights;
struct kdm_session;

/* What a request shows of who makes it. */
struct kdm_credentials {
    struct kdm_str jwt;    /* none: not given */
    struct kdm_str cookie; /* the Cookie header; none: absent */
    bool cookie_auth;      /* the request's cookieAuth */
    bool cookies_enabled;  /* http.cookieAuthentication */
    struct kdm_str controller, action;
};

/* The token that is to be verified. Texts are slices of the credentials. */
struct kdm_auth_token {
    struct kdm_str text;   /* none: anonymous */
    struct kdm_str judged; /* a cookie's that its action judges itself (auth:checkToken, ..), or none */
};

/* Finds it; false with *ret_failure set when the credentials contradict themselves (reference kuzzle-protocol.md 7). */
bool kdm_auth_token(const struct kdm_credentials *credentials, struct kdm_arena *arena,
                    struct kdm_auth_token *ret_token, struct kdm_failure *ret_failure);

/* Who asks, for as long as the request runs. */
struct kdm_user {
    struct kdm_str id;           /* kuid; "-1": anonymous */
    struct kdm_peer *peer;       /* over which; NULL when it is one request's only */
    struct kdm_str judged;       /* see kdm_auth_token */
    struct kdm_session *session; /* of its token, referenced; NULL: anonymous. The guard's */
    struct kdm_rights *rights;   /* referenced; NULL: there is no guard, or a plugin asks: everything. The guard's */
};

enum kdm_auth_outcome {
    KDM_AUTH_GOOD, /* *user is set */
    KDM_AUTH_BAD,  /* *failure is set */
    KDM_AUTH_WAIT, /* `done` follows, from the loop, unless it is cancelled */
};

/* One question whose a token is. Part of its request. */
struct kdm_auth_call {
    struct kdm_str token; /* none: anonymous */
    bool harmless;        /* nothing stored is shown or changed: an older answer will do when Redis is away */
    struct kdm_arena *arena;
    int64_t deadline_ms;  /* monotonic */
    struct kdm_user *user;
    struct kdm_failure *failure;
    void (*done)(struct kdm_auth_call *call, bool good);
    void *ticket; /* the guard's while it waits */
};

/* One question whether a user may. */
struct kdm_auth_question {
    const struct kdm_action *action; /* NULL: not of our table */
    const struct kdm_ask *ask;
    struct kdm_arena *arena;
};

struct kdm_guard {
    void *self;
    enum kdm_auth_outcome (*authenticate)(void *self, struct kdm_auth_call *call);
    /* What waits has lost its request. */
    void (*cancel)(void *self, struct kdm_auth_call *call);
    /* Asked before it is known whether the action exists. false: *ret_failure is set. */
    bool (*authorise)(void *self, struct kdm_user *user, const struct kdm_auth_question *question,
                      struct kdm_failure *ret_failure);
    /* The request of a user that authenticate() gave has ended. */
    void (*release)(void *self, struct kdm_user *user);
    /* A peer with a session is about to be freed. */
    void (*gone)(void *self, struct kdm_peer *peer);
};

#endif
