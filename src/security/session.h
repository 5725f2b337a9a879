/* session.h - tokens that are known to be good, and what hangs on them: private to security/.
 * A session is one token or API key that was verified here. Its user is shared by all sessions of
 * that user; the compiled rights by all users of the same profiles. A session lives while a request
 * or a connection uses it, and as one of the most recently used. Nothing here asks Redis. Loop
 * thread only.
 */
#ifndef KDM_SECURITY_SESSION_H
#define KDM_SECURITY_SESSION_H

#include "api/peer.h"
#include "base/hash.h"
#include "security/rights.h"
#include "security/security.h"
#include "security/verify.h"

struct kdm_sessions;
struct sec_user;

struct kdm_session {
    struct kdm_sessions *owner;
    struct sec_user *user;
    struct kdm_session *user_prev, *user_next; /* of the same user */
    struct kdm_session *prev, *next;           /* by last use, the latest first; or linked ones */
    struct kdm_str id;      /* "t<jti>" of a token, "k<key id>" of an API key; owned */
    struct kdm_str text;    /* the token; none: it was only heard of; owned */
    struct kdm_peer *peers; /* connections that used it last */
    int64_t expires_at;     /* wall clock ms; -1: never */
    int64_t ttl_ms;
    uint64_t generation;
    unsigned refs;   /* requests */
    bool verified;   /* what is kept may be believed */
    bool rechecking; /* it is being read again */
    bool ended;      /* out of all tables; lives for its requests only */
};

/* What is known of a user. */
struct sec_user {
    struct kdm_str kuid; /* owned */
    struct kdm_session *sessions;
    unsigned refs;             /* sessions, ended ones that a request still uses too */
    struct kdm_rights *rights; /* NULL: to be read (again) */
    int64_t second, count;     /* requests of this second, for rateLimit */
};

struct kdm_sessions *kdm_sessions_create(const struct kdm_hash_seed *seed, size_t max_idle);
void kdm_sessions_destroy(struct kdm_sessions *sessions);
void kdm_sessions_on_end(struct kdm_sessions *sessions, kdm_token_end_fn *fn, void *ctx);

/* By the token's text; NULL: not known. */
struct kdm_session *kdm_session_find(struct kdm_sessions *sessions, struct kdm_str text);
struct kdm_session *kdm_session_by_id(struct kdm_sessions *sessions, struct kdm_str id);
/* The session of a verified token, made or brought up to date; texts are copied. */
struct kdm_session *kdm_session_learn(struct kdm_sessions *sessions,
                                      const struct kdm_verdict *verdict);
/* A user that has sessions; NULL else. */
struct sec_user *kdm_session_user(struct kdm_sessions *sessions, struct kdm_str kuid);

struct kdm_session *kdm_session_ref(struct kdm_session *session);
void kdm_session_unref(struct kdm_session *session);

/* The connection has used it: it is told when the session ends. */
void kdm_session_link(struct kdm_session *session, struct kdm_peer *peer);
void kdm_session_unlink(struct kdm_peer *peer); /* one without a session is fine */
/* All connections of the one belong to the other from now on. */
void kdm_session_move(struct kdm_session *from, struct kdm_session *to);

/* Its connections are told and unlinked; it is forgotten. */
void kdm_session_end(struct kdm_session *session, enum kdm_token_end why);
/* Ends those whose time is over. */
void kdm_sessions_expire(struct kdm_sessions *sessions, int64_t now_ms);

/* Nothing that is kept may be believed until it is read again. */
void kdm_sessions_doubt(struct kdm_sessions *sessions);
/* A session that connections use and that is to be read again; NULL: none. */
struct kdm_session *kdm_sessions_doubted(struct kdm_sessions *sessions);

/* Rights changed: users' are to be read again. */
void kdm_sessions_drop_rights(struct kdm_sessions *sessions);
/* Rights of users with these profiles (their ids, as JSON); NULL: to be read. */
struct kdm_rights *kdm_sessions_rights(struct kdm_sessions *sessions, struct kdm_str profiles);
void kdm_sessions_keep_rights(struct kdm_sessions *sessions, struct kdm_str profiles,
                              struct kdm_rights *rights);

#endif
