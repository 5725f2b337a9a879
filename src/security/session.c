/* session.c - see session.h. Sessions that connections use stand in one list, which is walked for
 * expiry; the others in a second one by their last use, whose end is forgotten when it grows too
 * long. */
#include "security/session.h"
#include <stdlib.h>

#define RIGHTS_MAX 10000 /* sets of profiles; then all are compiled anew */

struct session_list {
    struct kdm_session *first, *last;
    size_t count;
};

struct kdm_sessions {
    struct kdm_table *by_text, *by_id, *users, *rights;
    struct kdm_hash_seed seed;
    struct session_list linked, idle;
    size_t max_idle;
    kdm_token_end_fn *on_end;
    void *on_end_ctx;
};

/* --- lists ---------------------------------------------------------------------------------- */

static struct session_list *list_of(struct kdm_session *session)
{
    return session->peers != NULL ? &session->owner->linked : &session->owner->idle;
}

static void put_first(struct kdm_session *session)
{
    struct session_list *list = list_of(session);

    session->prev = NULL;
    session->next = list->first;
    if (list->first != NULL)
        list->first->prev = session;
    else
        list->last = session;
    list->first = session;
    list->count++;
}

static void take_out(struct kdm_session *session)
{
    struct session_list *list = list_of(session);

    if (session->prev != NULL)
        session->prev->next = session->next;
    else
        list->first = session->next;
    if (session->next != NULL)
        session->next->prev = session->prev;
    else
        list->last = session->prev;
    list->count--;
}

/* --- users ---------------------------------------------------------------------------------- */

static struct kdm_str own(struct kdm_str s)
{
    char *copy = kdm_malloc(s.len + 1);

    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return (struct kdm_str){ copy, s.len };
}

static struct sec_user *user_ref(struct kdm_sessions *sessions, struct kdm_str kuid)
{
    struct sec_user *user = kdm_table_get(sessions->users, kuid);

    if (user == NULL) {
        user = kdm_zalloc(sizeof(*user));
        user->kuid = own(kuid);
        kdm_table_put(sessions->users, kuid, user);
    }
    user->refs++;
    return user;
}

static void free_user(struct sec_user *user)
{
    kdm_rights_unref(user->rights);
    free((char *)user->kuid.ptr);
    free(user);
}

static void user_unref(struct kdm_sessions *sessions, struct sec_user *user)
{
    if (--user->refs > 0)
        return;
    kdm_table_remove(sessions->users, user->kuid);
    free_user(user);
}

static void join_user(struct kdm_session *session)
{
    session->user_prev = NULL;
    session->user_next = session->user->sessions;
    if (session->user_next != NULL)
        session->user_next->user_prev = session;
    session->user->sessions = session;
}

static void leave_user(struct kdm_session *session)
{
    if (session->user_prev != NULL)
        session->user_prev->user_next = session->user_next;
    else
        session->user->sessions = session->user_next;
    if (session->user_next != NULL)
        session->user_next->user_prev = session->user_prev;
}

struct sec_user *kdm_session_user(struct kdm_sessions *sessions, struct kdm_str kuid)
{
    return kdm_table_get(sessions->users, kuid);
}

/* --- life ----------------------------------------------------------------------------------- */

static void free_session(struct kdm_session *session)
{
    user_unref(session->owner, session->user);
    free((char *)session->id.ptr);
    if (!kdm_str_none(session->text))
        explicit_bzero((char *)session->text.ptr, session->text.len);
    free((char *)session->text.ptr);
    free(session);
}

/* Out of everything; who uses it may go on until it is done. It has no peers any more. */
static void forget(struct kdm_session *session)
{
    struct kdm_sessions *sessions = session->owner;

    KDM_ASSERT(session->peers == NULL && !session->ended);
    take_out(session);
    leave_user(session);
    kdm_table_remove(sessions->by_id, session->id);
    if (!kdm_str_none(session->text))
        kdm_table_remove(sessions->by_text, session->text);
    session->ended = true;
    if (session->refs == 0)
        free_session(session);
}

static void forget_oldest(struct kdm_sessions *sessions)
{
    while (sessions->idle.count > sessions->max_idle && sessions->idle.last->refs == 0)
        forget(sessions->idle.last);
}

struct kdm_session *kdm_session_ref(struct kdm_session *session)
{
    session->refs++;
    return session;
}

void kdm_session_unref(struct kdm_session *session)
{
    if (--session->refs == 0 && session->ended)
        free_session(session);
}

struct kdm_sessions *kdm_sessions_create(const struct kdm_hash_seed *seed, size_t max_idle)
{
    struct kdm_sessions *sessions = kdm_zalloc(sizeof(*sessions));

    sessions->seed = *seed;
    sessions->max_idle = max_idle;
    sessions->by_text = kdm_table_create(seed);
    sessions->by_id = kdm_table_create(seed);
    sessions->users = kdm_table_create(seed);
    sessions->rights = kdm_table_create(seed);
    return sessions;
}

void kdm_sessions_on_end(struct kdm_sessions *sessions, kdm_token_end_fn *fn, void *ctx)
{
    sessions->on_end = fn;
    sessions->on_end_ctx = ctx;
}

static void free_rights(void *rights)
{
    kdm_rights_unref(rights);
}

void kdm_sessions_destroy(struct kdm_sessions *sessions)
{
    if (sessions == NULL)
        return;
    sessions->on_end = NULL;
    while (sessions->linked.first != NULL)
        kdm_session_end(sessions->linked.first, KDM_TOKEN_REVOKED);
    while (sessions->idle.first != NULL)
        forget(sessions->idle.first);
    kdm_table_destroy(sessions->by_text, NULL);
    kdm_table_destroy(sessions->by_id, NULL);
    KDM_ASSERT(kdm_table_count(sessions->users) == 0);
    kdm_table_destroy(sessions->users, NULL);
    kdm_table_destroy(sessions->rights, free_rights);
    free(sessions);
}

/* --- finding and learning ------------------------------------------------------------------- */

struct kdm_session *kdm_session_find(struct kdm_sessions *sessions, struct kdm_str text)
{
    struct kdm_session *session = kdm_table_get(sessions->by_text, text);

    if (session != NULL && session->peers == NULL && session->prev != NULL) {
        take_out(session);
        put_first(session);
    }
    return session;
}

struct kdm_session *kdm_session_by_id(struct kdm_sessions *sessions, struct kdm_str id)
{
    return kdm_table_get(sessions->by_id, id);
}

static struct kdm_session *make(struct kdm_sessions *sessions, const struct kdm_verdict *verdict)
{
    struct kdm_session *session = kdm_zalloc(sizeof(*session));

    session->owner = sessions;
    session->id = own(verdict->id);
    session->user = user_ref(sessions, verdict->kuid);
    join_user(session);
    put_first(session);
    kdm_table_put(sessions->by_id, session->id, session);
    return session;
}

/* Two tokens of one id: a key was deleted and made again. The older one is not good any more. */
static bool is_another(const struct kdm_session *session, const struct kdm_verdict *verdict)
{
    return !kdm_str_eq(session->user->kuid, verdict->kuid)
           || (!kdm_str_none(session->text) && !kdm_str_none(verdict->text)
               && !kdm_str_eq(session->text, verdict->text));
}

struct kdm_session *kdm_session_learn(struct kdm_sessions *sessions,
                                      const struct kdm_verdict *verdict)
{
    struct kdm_session *session = kdm_session_by_id(sessions, verdict->id);

    if (session != NULL && is_another(session, verdict)) {
        kdm_session_end(session, KDM_TOKEN_REVOKED);
        session = NULL;
    }
    if (session == NULL)
        session = make(sessions, verdict);
    if (kdm_str_none(session->text) && !kdm_str_none(verdict->text)) {
        session->text = own(verdict->text);
        kdm_table_put(sessions->by_text, session->text, session);
    }
    session->expires_at = verdict->expires_at;
    session->ttl_ms = verdict->ttl_ms;
    session->generation = verdict->generation;
    session->verified = true;
    session->rechecking = false;
    session->refs++;
    forget_oldest(sessions);
    session->refs--;
    return session;
}

/* --- connections ---------------------------------------------------------------------------- */

void kdm_session_unlink(struct kdm_peer *peer)
{
    struct kdm_session *session = peer->session;

    if (session == NULL)
        return;
    take_out(session);
    if (peer->session_prev != NULL)
        peer->session_prev->session_next = peer->session_next;
    else
        session->peers = peer->session_next;
    if (peer->session_next != NULL)
        peer->session_next->session_prev = peer->session_prev;
    peer->session = NULL;
    peer->session_prev = peer->session_next = NULL;
    put_first(session);
}

void kdm_session_link(struct kdm_session *session, struct kdm_peer *peer)
{
    if (peer->session == session || session->ended)
        return;
    kdm_session_unlink(peer);
    take_out(session);
    peer->session = session;
    peer->session_next = session->peers;
    if (session->peers != NULL)
        session->peers->session_prev = peer;
    session->peers = peer;
    put_first(session);
}

void kdm_session_move(struct kdm_session *from, struct kdm_session *to)
{
    while (from != to && from->peers != NULL)
        kdm_session_link(to, from->peers);
}

void kdm_session_end(struct kdm_session *session, enum kdm_token_end why)
{
    struct kdm_sessions *sessions = session->owner;

    kdm_session_ref(session);
    while (session->peers != NULL) {
        struct kdm_peer *peer = session->peers;

        kdm_session_unlink(peer);
        if (sessions->on_end != NULL)
            sessions->on_end(sessions->on_end_ctx, peer, why);
    }
    if (!session->ended)
        forget(session);
    kdm_session_unref(session);
}

void kdm_sessions_expire(struct kdm_sessions *sessions, int64_t now_ms)
{
    struct kdm_session *session = sessions->linked.first;

    while (session != NULL) {
        struct kdm_session *next = session->next;

        if (session->expires_at >= 0 && now_ms >= session->expires_at) {
            kdm_session_end(session, KDM_TOKEN_EXPIRED);
            next = sessions->linked.first; /* who was told may have ended others */
        }
        session = next;
    }
}

/* --- doubt ---------------------------------------------------------------------------------- */

static void doubt(struct session_list *list)
{
    for (struct kdm_session *session = list->first; session != NULL; session = session->next)
        session->verified = session->rechecking = false;
}

void kdm_sessions_doubt(struct kdm_sessions *sessions)
{
    doubt(&sessions->linked);
    doubt(&sessions->idle);
    kdm_sessions_drop_rights(sessions);
}

struct kdm_session *kdm_sessions_doubted(struct kdm_sessions *sessions)
{
    struct kdm_session *session = sessions->linked.first;

    while (session != NULL
           && (session->verified || session->rechecking || kdm_str_none(session->text)))
        session = session->next;
    return session;
}

/* --- rights --------------------------------------------------------------------------------- */

void kdm_sessions_drop_rights(struct kdm_sessions *sessions)
{
    struct kdm_str key;
    void *value;

    for (size_t cursor = 0; kdm_table_next(sessions->users, &cursor, &key, &value);) {
        struct sec_user *user = value;

        kdm_rights_unref(user->rights);
        user->rights = NULL;
    }
    kdm_table_destroy(sessions->rights, free_rights);
    sessions->rights = kdm_table_create(&sessions->seed);
}

struct kdm_rights *kdm_sessions_rights(struct kdm_sessions *sessions, struct kdm_str profiles)
{
    return kdm_table_get(sessions->rights, profiles);
}

void kdm_sessions_keep_rights(struct kdm_sessions *sessions, struct kdm_str profiles,
                              struct kdm_rights *rights)
{
    if (kdm_table_count(sessions->rights) >= RIGHTS_MAX) {
        kdm_table_destroy(sessions->rights, free_rights);
        sessions->rights = kdm_table_create(&sessions->seed);
    }
    kdm_rights_unref(kdm_table_put(sessions->rights, profiles, kdm_rights_ref(rights)));
}
