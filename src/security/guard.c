/* guard.c - what the API asks (api/auth.h), and what makes the guard forget. */
#include "security/guard.h"
#include "base/clock.h"
#include "base/log.h"
#include "security/local.h"
#include "security/model.h"
#include "security/token.h"
#include "store/feed.h"

#include <stdlib.h>

#define SILENT_MS    2000 /* so long the feed may be silent */
#define TICK_MS      250
#define RECHECKS     256 /* sessions that are read again at once */
#define MAX_SESSIONS 20000

bool kdm_guard_fresh(const struct kdm_security *security)
{
    return (int64_t)uv_now(security->loop) - *security->heard_until < SILENT_MS;
}

/* --- who asks ------------------------------------------------------------------------------- */

void kdm_guard_give(struct kdm_user *user, struct kdm_session *session, struct kdm_rights *rights)
{
    user->rights = kdm_rights_ref(rights);
    user->session = session;
    if (session == NULL)
        return; /* anonymous, as the API has it */
    kdm_session_ref(session);
    user->id = session->user->kuid;
}

static enum kdm_auth_outcome authenticate_anonymous(struct kdm_security *security,
                                                    struct kdm_auth_call *call)
{
    struct kdm_rights *rights = security->anonymous.rights;

    if (rights == NULL || !(kdm_guard_fresh(security) || call->harmless))
        return kdm_load_start(security, call);
    kdm_guard_give(call->user, NULL, rights);
    return KDM_AUTH_GOOD;
}

/* Most requests of a connection bring the token that the one before brought. */
static struct kdm_session *find_session(struct kdm_security *security,
                                        const struct kdm_auth_call *call)
{
    struct kdm_peer *peer = call->user->peer;

    if (peer != NULL && peer->session != NULL && kdm_str_eq(peer->session->text, call->token))
        return peer->session;
    return kdm_session_find(security->sessions, call->token);
}

static enum kdm_auth_outcome authenticate(void *self, struct kdm_auth_call *call)
{
    struct kdm_security *security = self;
    struct kdm_session *session;

    if (kdm_str_none(call->token))
        return authenticate_anonymous(security, call);
    session = find_session(security, call);
    if (session == NULL || !session->verified || session->user->rights == NULL
        || !kdm_guard_fresh(security)
        || (session->expires_at >= 0 && kdm_clock_ms() >= session->expires_at))
        return kdm_load_start(security, call);
    kdm_guard_give(call->user, session, session->user->rights);
    if (call->user->peer != NULL)
        kdm_session_link(session, call->user->peer);
    return KDM_AUTH_GOOD;
}

static void cancel(void *self, struct kdm_auth_call *call)
{
    kdm_load_cancel(self, call);
}

static void release(void *self, struct kdm_user *user)
{
    (void)self;
    kdm_rights_unref(user->rights);
    if (user->session != NULL)
        kdm_session_unref(user->session);
}

static void gone(void *self, struct kdm_peer *peer)
{
    (void)self;
    kdm_session_unlink(peer);
}

/* --- may they ------------------------------------------------------------------------------- */

static bool is(const struct kdm_ask *ask, struct kdm_str controller, struct kdm_str action)
{
    return kdm_str_eq(ask->controller, controller) && kdm_str_eq(ask->action, action);
}

/* Over HTTP the targets are text. What is none is for the action to refuse. */
static struct kdm_val targets_of(const struct kdm_auth_question *question)
{
    struct kdm_val targets = question->ask->targets;
    struct kdm_json *doc;

    if (kdm_val_type(targets) != KDM_JSON_STRING)
        return targets;
    doc = kdm_arena_alloc(question->arena, sizeof(*doc));
    if (!kdm_json_scan(question->arena, kdm_val_str(question->arena, targets), doc, NULL))
        return KDM_VAL_NONE;
    return kdm_json_root(doc);
}

static bool takes_targets(const struct kdm_action *action)
{
    if (action == NULL)
        return true;
    for (size_t i = 0; i < action->arg_count; i++) {
        if (strcmp(action->args[i].name, "targets") == 0)
            return true;
    }
    return false;
}

static bool allowed(const struct kdm_security *security, const struct kdm_user *user,
                    const struct kdm_auth_question *question)
{
    const struct kdm_ask *ask = question->ask;
    struct kdm_rights_question asked = { .action = question->action,
                                         .controller = ask->controller,
                                         .name = ask->action,
                                         .index = ask->index,
                                         .collection = ask->collection,
                                         .arena = question->arena };

    if (!kdm_val_none(ask->targets) && takes_targets(question->action))
        asked.targets = targets_of(question);
    if (security->options.strict_tenants)
        asked.tenant = kdm_val_get(ask->payload, KDM_STR("engineId"));
    return kdm_rights_allow(user->rights, &asked);
}

static bool refuse(const struct kdm_auth_question *question, const struct kdm_user *user,
                   struct kdm_failure *ret_failure)
{
    const struct kdm_ask *ask = question->ask;

    if (kdm_str_eq(user->id, KDM_ANONYMOUS))
        kdm_failure_set(ret_failure, question->arena, KDM_ERR_SECURITY_RIGHTS_UNAUTHORIZED,
                        KDM_PROPS(ask->controller, ask->action));
    else
        kdm_failure_set(ret_failure, question->arena, KDM_ERR_SECURITY_RIGHTS_FORBIDDEN,
                        KDM_PROPS(ask->controller, ask->action, user->id));
    return false;
}

/* One more in this second; false when that is too many. limit 0: none is too many. */
static bool count(struct sec_user *counted, int64_t second, int64_t limit)
{
    if (limit == 0)
        return true;
    if (counted->second != second) {
        counted->second = second;
        counted->count = 0;
    }
    return ++counted->count <= limit;
}

static bool login_in_time(const struct kdm_security *security, struct kdm_user *user,
                          int64_t second)
{
    struct kdm_peer *peer = user->peer;
    int64_t limit = security->options.logins_per_second;

    if (peer == NULL || limit == 0)
        return true;
    if (peer->login_second != second) {
        peer->login_second = second;
        peer->logins = 0;
    }
    return ++peer->logins <= limit;
}

static bool in_time(struct kdm_security *security, struct kdm_user *user,
                    const struct kdm_auth_question *question, struct kdm_failure *ret_failure)
{
    int64_t second = (int64_t)uv_now(security->loop) / 1000;
    int64_t limit = kdm_rights_limit(user->rights);
    struct sec_user *counted = user->session != NULL ? user->session->user : &security->anonymous;

    if (is(question->ask, KDM_STR("auth"), KDM_STR("login"))) {
        if (login_in_time(security, user, second))
            return true;
        kdm_failure_set(ret_failure, question->arena, KDM_ERR_API_PROCESS_TOO_MANY_LOGINS_REQUESTS,
                        NULL, 0);
        return false;
    }
    if (limit == 0
        || (user->session != NULL && is(question->ask, KDM_STR("auth"), KDM_STR("logout")))
        || count(counted, second, limit))
        return true;
    kdm_failure_set(ret_failure, question->arena, KDM_ERR_API_PROCESS_TOO_MANY_REQUESTS, NULL, 0);
    return false;
}

/* Who holds a token may always give it back; his cookie is not looked at before (kuzzle-protocol.md
 * 7). */
static bool ends_its_cookie(const struct kdm_user *user, const struct kdm_ask *ask)
{
    return !kdm_str_none(user->judged) && is(ask, KDM_STR("auth"), KDM_STR("logout"));
}

static bool authorise(void *self, struct kdm_user *user, const struct kdm_auth_question *question,
                      struct kdm_failure *ret_failure)
{
    struct kdm_security *security = self;

    if (!allowed(security, user, question) && !ends_its_cookie(user, question->ask))
        return refuse(question, user, ret_failure);
    return in_time(security, user, question, ret_failure);
}

/* --- changes -------------------------------------------------------------------------------- */

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

static void drop_secret(struct kdm_security *security)
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
    drop_secret(security);
    kdm_sessions_doubt(security->sessions);
}

static bool is_collection(struct kdm_str name, enum kdm_security_collection which)
{
    return kdm_str_eq(name, kdm_security_name(which));
}

void kdm_guard_change(void *ctx, struct kdm_str collection, struct kdm_str id, struct kdm_str text)
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
    kdm_guard_change(ctx, change->collection, change->id, change->text);
}

static void on_gap(void *ctx, struct kdm_str index)
{
    if (kdm_str_none(index) || kdm_str_eq(index, KDM_PRIVATE_INDEX))
        doubt_everything(ctx);
}

/* --- time ----------------------------------------------------------------------------------- */

/* Connections of a session that may be none any more are not to wait for their next request to be
 * told. */
static void recheck(struct kdm_security *security)
{
    struct kdm_session *session;

    if (!kdm_guard_fresh(security))
        return;
    if (security->prepared && security->anonymous.rights == NULL && security->rechecks == 0)
        kdm_load_anonymous(security);
    while (security->rechecks < RECHECKS
           && (session = kdm_sessions_doubted(security->sessions)) != NULL) {
        session->rechecking = true;
        kdm_load_again(security, session);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct kdm_security *security = timer->data;

    kdm_sessions_expire(security->sessions, kdm_clock_ms());
    recheck(security);
    if (security->prepared)
        kdm_sweep_go_on(security);
}

/* --- life ----------------------------------------------------------------------------------- */

static void follow(struct kdm_security *security, struct kdm_store *store)
{
    struct kdm_feed_listener listener = { .ctx = security, .on_change = on_feed, .on_gap = on_gap };

    kdm_feed_listen(store, &listener);
    kdm_feed_follow(store, KDM_PRIVATE_INDEX);
    security->heard_until = kdm_feed_heard_until(store, KDM_PRIVATE_INDEX);
    kdm_tx_engine_watch(security->engine, KDM_PRIVATE_INDEX, kdm_guard_change, security);
}

struct kdm_security *kdm_security_create(uv_loop_t *loop, struct kdm_tx_engine *engine,
                                         struct kdm_store *store,
                                         const struct kdm_security_options *options,
                                         char **ret_error)
{
    struct kdm_security *security = kdm_zalloc(sizeof(*security));
    struct kdm_hash_seed seed;

    if (!kdm_local_check_options(options->local, ret_error)) {
        free(security);
        return NULL;
    }
    security->loop = loop;
    security->engine = engine;
    security->options = *options;
    security->guard = (struct kdm_guard){ .self = security,
                                          .authenticate = authenticate,
                                          .cancel = cancel,
                                          .authorise = authorise,
                                          .release = release,
                                          .gone = gone };
    kdm_random_fill(kdm_store_random(store), &seed, sizeof(seed));
    security->sessions = kdm_sessions_create(
        &seed, options->max_sessions == 0 ? MAX_SESSIONS : options->max_sessions);
    security->brute = kdm_brute_create(&seed);
    security->anonymous.kuid = KDM_ANONYMOUS;
    kdm_arena_init(&security->sweep_arena, 16384);
    security->sweep_cursor = KDM_STR("0");
    follow(security, store);
    uv_timer_init(loop, &security->tick);
    security->tick.data = security;
    uv_timer_start(&security->tick, on_tick, TICK_MS, TICK_MS);
    uv_unref((uv_handle_t *)&security->tick);
    return security;
}

static void on_tick_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void kdm_security_destroy(struct kdm_security *security)
{
    if (security == NULL)
        return;
    kdm_prepare_stop(security);
    kdm_sweep_stop(security);
    kdm_loads_stop(security);
    kdm_tx_engine_watch(security->engine, KDM_STR_NONE, NULL, NULL);
    kdm_sessions_destroy(security->sessions);
    kdm_rights_unref(security->anonymous.rights);
    kdm_brute_destroy(security->brute);
    drop_secret(security);
    uv_close((uv_handle_t *)&security->tick, on_tick_closed);
}

const struct kdm_guard *kdm_security_guard(struct kdm_security *security)
{
    return &security->guard;
}

const struct kdm_security_options *kdm_security_options(const struct kdm_security *security)
{
    return &security->options;
}

void kdm_security_on_token_end(struct kdm_security *security, kdm_token_end_fn *fn, void *ctx)
{
    kdm_sessions_on_end(security->sessions, fn, ctx);
}

/* --- for actions ---------------------------------------------------------------------------- */

static struct kdm_val name_val(struct kdm_tx *tx, struct kdm_str name)
{
    struct kdm_buf buf;

    if (kdm_str_none(name))
        return KDM_VAL_NONE;
    kdm_buf_init(&buf, kdm_tx_arena(tx), name.len + 8);
    kdm_json_put_str(&buf, name);
    return kdm_json_parse(kdm_tx_arena(tx), kdm_buf_str(&buf));
}

bool kdm_security_may(struct kdm_tx *tx, struct kdm_str controller, struct kdm_str action,
                      struct kdm_str index, struct kdm_str collection)
{
    const struct kdm_user *user = kdm_tx_origin(tx)->user;
    bool controller_known;
    struct kdm_rights_question question = { .controller = controller,
                                            .name = action,
                                            .index = name_val(tx, index),
                                            .collection = name_val(tx, collection),
                                            .arena = kdm_tx_arena(tx) };

    if (user == NULL || user->rights == NULL)
        return true;
    question.action =
        kdm_security_options_of(tx)->protocol->find(controller, action, &controller_known);
    return kdm_rights_allow(user->rights, &question);
}

bool kdm_security_assert_known(struct kdm_tx *tx)
{
    const struct kdm_tx_origin *origin = kdm_tx_origin(tx);

    if (origin->user != NULL && origin->user->session != NULL
        && !kdm_str_eq(origin->user->id, KDM_ANONYMOUS))
        return true;
    kdm_tx_fail(tx, KDM_ERR_SECURITY_RIGHTS_UNAUTHORIZED,
                KDM_PROPS(origin->controller, origin->action));
    return false;
}

/* --- what a login leaves with its connection ------------------------------------------------ */

static struct kdm_peer *peer_of(struct kdm_tx *tx)
{
    const struct kdm_user *user = kdm_tx_origin(tx)->user;

    return user == NULL ? NULL : user->peer;
}

bool kdm_security_lasting_token(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_token *ret_token)
{
    static const char name[] = "lasting token";
    struct kdm_peer *peer = peer_of(tx);
    struct kdm_session *session = peer == NULL ? NULL : peer->session;
    struct kdm_token *kept = kdm_tx_kept(tx, name);

    if (kept == NULL) {
        kept = kdm_arena_zalloc(kdm_tx_arena(tx), sizeof(*kept));
        if (session != NULL && kdm_str_eq(session->user->kuid, kuid) && !kdm_str_none(session->text)
            && (session->ttl_ms < 0 || session->id.ptr[0] == 'k'))
            *kept = (struct kdm_token){ .text = kdm_arena_copy(kdm_tx_arena(tx), session->text),
                                        .expires_at = session->expires_at,
                                        .ttl_ms = session->ttl_ms };
        kdm_tx_keep(tx, name, kept);
    }
    *ret_token = *kept;
    return !kdm_str_none(kept->text);
}

void kdm_security_take_token(struct kdm_tx *tx, struct kdm_str kuid, const struct kdm_token *token)
{
    struct kdm_peer *peer = peer_of(tx);
    struct kdm_security *security = kdm_security_of(tx);
    const struct kdm_verdict verdict = {
        .id = kdm_arena_printf(kdm_tx_arena(tx), "t" KDM_FMT, KDM_ARG(token->jti)),
        .text = token->text,
        .kuid = kuid,
        .expires_at = token->expires_at,
        .ttl_ms = token->ttl_ms,
        .generation = (uint64_t)token->generation,
    };
    struct kdm_session *session;

    if (peer == NULL)
        return;
    session = kdm_session_learn(security->sessions, &verdict);
    if (peer->session != NULL && kdm_str_eq(peer->session->user->kuid, kuid))
        kdm_session_move(peer->session, session);
    else
        kdm_session_link(session, peer);
}

void kdm_security_leave_token(struct kdm_tx *tx)
{
    struct kdm_peer *peer = peer_of(tx);

    if (peer != NULL)
        kdm_session_unlink(peer);
}

bool kdm_security_session(struct kdm_tx *tx, struct kdm_verdict *ret_verdict)
{
    const struct kdm_user *user = kdm_tx_origin(tx)->user;

    if (user == NULL || user->session == NULL)
        return false;
    *ret_verdict = (struct kdm_verdict){ .id = user->session->id,
                                         .text = user->session->text,
                                         .kuid = user->session->user->kuid,
                                         .expires_at = user->session->expires_at,
                                         .ttl_ms = user->session->ttl_ms,
                                         .generation = user->session->generation };
    return true;
}
