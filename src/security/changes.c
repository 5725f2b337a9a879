/* changes.c - what makes the guard forget: documents of the private index that change, by this
 * node's commits and by the feed. What this node commits comes twice, which changes nothing. */
#include "security/guard.h"
#include "store/feed.h"

#include <stdlib.h>

/* A refreshed token says when it ends, and which one its connections have from now on. */
static void change_token(struct kdm_security *security, struct kdm_session *session,
                         struct kdm_val source)
{
    struct kdm_val successor;
    struct kdm_arena arena;
    struct kdm_str id;

    kdm_val_int64(kdm_val_get(source, KDM_STR("expiresAt")), &session->expires_at);
    kdm_arena_init(&arena, 1024);
    successor = kdm_val_get(source, KDM_STR("next"));
    id = kdm_val_str(&arena, kdm_val_get(successor, KDM_STR("id")));
    if (id.len > 0) {
        struct kdm_verdict verdict = { .id = kdm_arena_printf(&arena, "t" KDM_FMT, KDM_ARG(id)),
                                       .kuid = session->user->kuid };
        int64_t generation = 0;

        kdm_val_int64(kdm_val_get(successor, KDM_STR("expiresAt")), &verdict.expires_at);
        kdm_val_int64(kdm_val_get(successor, KDM_STR("ttl")), &verdict.ttl_ms);
        kdm_val_int64(kdm_val_get(successor, KDM_STR("generation")), &generation);
        verdict.generation = (uint64_t)generation;
        kdm_session_move(session, kdm_session_learn(security->sessions, &verdict));
    }
    kdm_arena_fini(&arena);
}

static void on_token(struct kdm_security *security, char kind, struct kdm_str id,
                     struct kdm_str text)
{
    struct kdm_arena arena;
    struct kdm_session *session;
    struct kdm_str key;

    kdm_arena_init(&arena, 1024);
    key = kdm_arena_printf(&arena, "%c" KDM_FMT, kind, KDM_ARG(id));
    session = kdm_session_by_id(security->sessions, key);
    kdm_loads_outdate(security, KDM_STR_NONE, key);
    if (session != NULL && kdm_str_none(text)) {
        kdm_session_end(session, KDM_TOKEN_REVOKED);
    } else if (session != NULL && kind == 't') {
        kdm_session_ref(session); /* what is learned may push it out */
        change_token(security, session, kdm_json_parse(&arena, text));
        kdm_session_unref(session);
    } else if (session != NULL) {
        session->verified = false; /* a key of the same id was made anew */
    }
    kdm_arena_fini(&arena);
}

/* What is older than its user's generation is dead. */
static void on_generation(struct kdm_security *security, struct kdm_str kuid, struct kdm_str text)
{
    struct sec_user *user = kdm_session_user(security->sessions, kuid);
    int64_t tokens = 0, keys = 0;
    struct kdm_arena arena;
    struct kdm_val source;

    kdm_loads_outdate(security, kuid, KDM_STR_NONE);
    if (user == NULL || kdm_str_none(text))
        return;
    kdm_arena_init(&arena, 512);
    source = kdm_json_parse(&arena, text);
    kdm_val_int64(kdm_val_get(source, KDM_STR("tokens")), &tokens);
    kdm_val_int64(kdm_val_get(source, KDM_STR("apiKeys")), &keys);
    kdm_arena_fini(&arena);
    for (struct kdm_session *session = user->sessions; session != NULL;) {
        int64_t least = session->id.ptr[0] == 'k' ? keys : tokens;

        if ((int64_t)session->generation >= least) {
            session = session->user_next;
            continue;
        }
        kdm_session_end(session, KDM_TOKEN_REVOKED);
        /* The last one takes its user along; who was told may have ended others. */
        user = kdm_session_user(security->sessions, kuid);
        session = user == NULL ? NULL : user->sessions;
    }
}

static void on_user(struct kdm_security *security, struct kdm_str kuid)
{
    struct sec_user *user = kdm_session_user(security->sessions, kuid);

    kdm_loads_outdate(security, kuid, KDM_STR_NONE);
    if (user == NULL)
        return;
    kdm_rights_unref(user->rights);
    user->rights = NULL;
    for (struct kdm_session *session = user->sessions; session != NULL;
         session = session->user_next)
        session->verified = false; /* he may be gone */
}

static void on_rights(struct kdm_security *security)
{
    kdm_loads_outdate(security, KDM_STR_NONE, KDM_STR_NONE);
    kdm_sessions_drop_rights(security->sessions);
    kdm_rights_unref(security->anonymous.rights);
    security->anonymous.rights = NULL;
}

void kdm_guard_keep_secret(struct kdm_security *security, struct kdm_str secret)
{
    char *copy;

    if (!kdm_str_none(security->secret) || secret.len == 0)
        return;
    copy = kdm_malloc(secret.len);
    memcpy(copy, secret.ptr, secret.len);
    security->secret = (struct kdm_str){ copy, secret.len };
}

void kdm_guard_drop_secret(struct kdm_security *security)
{
    if (kdm_str_none(security->secret))
        return;
    explicit_bzero((char *)security->secret.ptr, security->secret.len);
    free((char *)security->secret.ptr);
    security->secret = KDM_STR_NONE;
}

static void doubt_everything(struct kdm_security *security)
{
    on_rights(security);
    kdm_guard_drop_secret(security);
    kdm_sessions_doubt(security->sessions);
}

static bool is_collection(struct kdm_str name, enum kdm_security_collection which)
{
    return kdm_str_eq(name, kdm_security_name(which));
}

static void on_change(void *ctx, struct kdm_str collection, struct kdm_str id, struct kdm_str text)
{
    struct kdm_security *security = ctx;

    if (kdm_str_none(id)) {
        doubt_everything(security); /* all of a collection, or of the index */
        return;
    }
    if (is_collection(collection, KDM_SECURITY_TOKENS))
        on_token(security, 't', id, text);
    else if (is_collection(collection, KDM_SECURITY_API_KEYS))
        on_token(security, 'k', id, text);
    else if (is_collection(collection, KDM_SECURITY_GENERATIONS))
        on_generation(security, id, text);
    else if (is_collection(collection, KDM_SECURITY_USERS))
        on_user(security, id);
    else if (is_collection(collection, KDM_SECURITY_PROFILES)
             || is_collection(collection, KDM_SECURITY_ROLES))
        on_rights(security);
    else if (is_collection(collection, KDM_SECURITY_CONFIG))
        doubt_everything(security);
}

/* From the feed: what this node committed itself comes a second time, which changes nothing. */
static void on_feed(void *ctx, const struct kdm_feed_change *change)
{
    if (!kdm_str_eq(change->index, KDM_PRIVATE_INDEX) || change->what == 'k' || change->what == 'i')
        return;
    on_change(ctx, change->collection, change->id, change->text);
}

static void on_gap(void *ctx, struct kdm_str index)
{
    if (kdm_str_none(index) || kdm_str_eq(index, KDM_PRIVATE_INDEX))
        doubt_everything(ctx);
}

void kdm_guard_follow(struct kdm_security *security, struct kdm_store *store)
{
    struct kdm_feed_listener listener = { .ctx = security, .on_change = on_feed, .on_gap = on_gap };

    kdm_feed_listen(store, &listener);
    kdm_feed_follow(store, KDM_PRIVATE_INDEX);
    security->heard_until = kdm_feed_heard_until(store, KDM_PRIVATE_INDEX);
    kdm_tx_engine_watch(security->engine, KDM_PRIVATE_INDEX, on_change, security);
}
