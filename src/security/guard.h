/* guard.h - the guard at work: private to security/. Loop thread only. */
#ifndef KDM_SECURITY_GUARD_H
#define KDM_SECURITY_GUARD_H

#include "security/brute.h"
#include "security/internal.h"
#include "security/session.h"

struct sec_load;
struct sec_prepare;

struct kdm_security {
    uv_loop_t *loop;
    struct kdm_tx_engine *engine;
    struct kdm_security_options options;
    struct kdm_guard guard;
    struct kdm_sessions *sessions;
    struct sec_user anonymous;
    const int64_t *heard_until; /* the feed's */
    struct sec_load *loads;     /* under way */
    size_t rechecks;            /* of these nobody's */
    struct kdm_brute *brute;
    struct kdm_str secret; /* the stored one once it was read; owned */
    uv_timer_t tick;
    struct sec_prepare *prepare; /* under way */
    struct kdm_tx *sweep;        /* of tokens that are over */
    struct kdm_arena sweep_arena;
    struct kdm_str sweep_cursor;
    int64_t swept_ms;
    bool sweep_ended;
    bool prepared;
};

struct kdm_guard kdm_guard_calls(struct kdm_security *security);

/* Is what is kept as fresh as promised? */
bool kdm_guard_fresh(const struct kdm_security *security);

/* Hands out what is kept. session NULL: anonymous. */
void kdm_guard_give(struct kdm_user *user, struct kdm_session *session, struct kdm_rights *rights);

/* Reads the call's token, its user and his rights from Redis. */
enum kdm_auth_outcome kdm_load_start(struct kdm_security *security, struct kdm_auth_call *call);
void kdm_load_cancel(struct kdm_auth_call *call);
/* Reads anonymous' rights ahead of the first request. */
void kdm_load_anonymous(struct kdm_security *security);
/* Reads a session again for the connections that use it. */
void kdm_load_again(struct kdm_security *security, struct kdm_session *session);
/* Ends those that nobody waits for. */
void kdm_loads_stop(struct kdm_security *security);
/* What was read may be out of date: of everybody (none), or of one user or token. */
void kdm_loads_outdate(struct kdm_security *security, struct kdm_str kuid, struct kdm_str id);

/* Hears of changes from now on. */
void kdm_guard_follow(struct kdm_security *security, struct kdm_store *store);

/* What was read of the secret is kept until its document changes. */
void kdm_guard_keep_secret(struct kdm_security *security, struct kdm_str secret);
void kdm_guard_drop_secret(struct kdm_security *security);

/* A load has ended: is that what the start waits for? */
void kdm_prepare_go_on(struct kdm_security *security);
void kdm_prepare_stop(struct kdm_security *security);

/* Removes tokens whose time is over, page by page. */
void kdm_sweep_go_on(struct kdm_security *security);
void kdm_sweep_stop(struct kdm_security *security);

#endif
