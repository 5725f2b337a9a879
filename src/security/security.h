/* security.h - who asks and what he may do, kept at hand.
 * What tokens, users, profiles and roles say is read from Redis once and then kept, verified and
 * compiled, so that a request pays for two looks into tables. It is dropped when it changes: what
 * this node commits before the one who asked for it has a reply, what others commit when the change
 * feed tells, within 100 ms. When nothing has been heard from the feed for two seconds nothing kept
 * is believed: Redis is asked, and when it does not answer the request is refused. Loop thread
 * only.
 */
#ifndef KDM_SECURITY_SECURITY_H
#define KDM_SECURITY_SECURITY_H

#include "api/auth.h"
#include "tx/run.h"

struct kdm_peer;
struct kdm_security;
struct kdm_token;
struct kdm_verdict;

/* Why a connection's token is no longer good. */
enum kdm_token_end { KDM_TOKEN_EXPIRED, KDM_TOKEN_REVOKED };

/* A connection has lost its token. It stays open; what it has subscribed to is to end, with a
 * notification "TokenExpired" before when it has expired (kuzzle-protocol.md 8.4). */
typedef void kdm_token_end_fn(void *ctx, struct kdm_peer *peer, enum kdm_token_end why);

struct kdm_security_options {
    const struct kdm_protocol *protocol; /* lent */
    bool strict_tenants;                 /* security.strictTenants */
    bool cookies;                        /* http.cookieAuthentication */
    int64_t logins_per_second;           /* limits.loginsPerSecond, a connection; 0: no limit */
    size_t max_sessions; /* tokens that are kept though no connection uses them; 0: 20000 */

    /* For tokens; see config/config.h */
    const char *token_algorithm;
    struct kdm_str token_secret; /* none: the stored one */
    int64_t token_ttl_ms, token_max_ttl_ms, token_grace_ms, api_key_max_ttl_ms;

    const json_t *local; /* plugins.kuzzle-plugin-auth-passport-local, or NULL; lent */
};

/* Before the store is ready: it follows the feed. NULL with *ret_error (to be freed) when the
 * options make no sense. */
struct kdm_security *kdm_security_create(uv_loop_t *loop, struct kdm_tx_engine *engine,
                                         struct kdm_store *store,
                                         const struct kdm_security_options *options,
                                         char **ret_error);
/* Before the engine; no request runs any more. NULL is fine. */
void kdm_security_destroy(struct kdm_security *security);

/* What a start tells of. */
struct kdm_security_state {
    bool wide_open;    /* whoever comes may give himself every right */
    bool admin_exists; /* only looked at when it is wide open */
    const char *error; /* NULL: none; lent */
};
typedef void kdm_security_prepared_fn(void *ctx, const struct kdm_security_state *state);

/* Reads what a first request needs, when the collections are there (layout.h). fn is called once,
 * from the loop, unless the security is destroyed before. */
void kdm_security_prepare(struct kdm_security *security, kdm_security_prepared_fn *fn, void *ctx);

/* What the API asks; lives as long as the security. */
const struct kdm_guard *kdm_security_guard(struct kdm_security *security);

const struct kdm_security_options *kdm_security_options(const struct kdm_security *security);

/* Who is to be told of connections that lose their token. One listener. */
void kdm_security_on_token_end(struct kdm_security *security, kdm_token_end_fn *fn, void *ctx);

/* --- for actions: what is known of who asks ----------------------------------------------- */

/* May whoever asks call this action on this index and collection (none: about none)? For actions
 * whose reply hangs on it (index:mDelete, realtime:list). True for the server itself. */
bool kdm_security_may(struct kdm_tx *tx, struct kdm_str controller, struct kdm_str action,
                      struct kdm_str index, struct kdm_str collection);

/* Is it somebody? Fails with 401 security.rights.unauthorized for anonymous. */
bool kdm_security_assert_known(struct kdm_tx *tx);

/* The token that the request brought (verify.h); false: none. Lent for the request. */
bool kdm_security_session(struct kdm_tx *tx, struct kdm_verdict *ret_verdict);

/* Has the connection a token of this user's already that lasts (an API key, or one without end)?
 * Then a login gives that one. */
bool kdm_security_lasting_token(struct kdm_tx *tx, struct kdm_str kuid,
                                struct kdm_token *ret_token);
/* After the commit that made it: the connection, and those that shared its old token, have this one
 * now, and are told of its end. Again is no harm. */
void kdm_security_take_token(struct kdm_tx *tx, struct kdm_str kuid, const struct kdm_token *token);
/* The connection gives its token up by itself: it is not to be told, and keeps what it has
 * subscribed to. */
void kdm_security_leave_token(struct kdm_tx *tx);

#endif
