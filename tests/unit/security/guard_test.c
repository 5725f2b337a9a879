/* guard_test.c - the guard over a Redis of the test's own: what is kept, what is read again, what
 * is told. */
#include "../redis/server.h"
#include "base/clock.h"
#include "projector/projector.h"
#include "security/guard.h"
#include "security/model.h"
#include "security/token.h"
#include "../suite.h"
#include <stdlib.h>

#define ALL "{\"controllers\":{\"*\":{\"actions\":{\"*\":true}}}}"

static uv_loop_t loop;
static struct server redis;
static struct kdm_random random_source;
static struct kdm_store *store;
static struct kdm_bus *bus;
static struct kdm_tx_engine *engine;
static struct kdm_projector *projector;
static struct kdm_security *security;
static struct kdm_context context;
static struct kdm_arena arena;
static struct kdm_peer peer;

/* --- transactions -------------------------------------------------------------------------------
 */

struct run {
    kdm_tx_fn *fn;
    void *ctx;
    int done;
    enum kdm_err err;
};

static enum kdm_outcome run_fn(struct kdm_tx *tx, void *ctx)
{
    struct run *run = ctx;

    return run->fn(tx, run->ctx);
}

static void on_run_done(struct kdm_tx *tx, void *ctx)
{
    struct run *run = ctx;

    run->err = kdm_tx_failure(tx)->err;
    run->done = 1;
}

static struct kdm_tx *begin(struct run *run)
{
    struct kdm_tx_start start = { .arena = &arena,
                                  .deadline_ms = kdm_clock_monotonic_ms() + 10000,
                                  .fn = run_fn,
                                  .done = on_run_done,
                                  .ctx = run };

    start.origin.kuid = KDM_STR("-1");
    start.origin.protocol = "funnel";
    return kdm_tx_run(engine, &start);
}

static void must_run(kdm_tx_fn *fn, void *ctx)
{
    struct run run = { .fn = fn, .ctx = ctx };
    struct kdm_tx *tx = begin(&run);

    turn_until(&loop, &run.done, 1, 10000);
    ck_assert_int_eq(run.done, 1);
    ck_assert_int_eq(run.err, KDM_OK);
    kdm_tx_release(tx);
}

/* Puts a document; text NULL: deletes it. */
struct put {
    enum kdm_security_collection which;
    const char *id, *text;
};

static enum kdm_outcome put_fn(struct kdm_tx *tx, void *ctx)
{
    const struct put *put = ctx;
    struct kdm_collection *collection;
    struct kdm_doc *doc;

    if (!kdm_security_collection(tx, put->which, &collection)
        || !kdm_tx_read(tx, collection, kdm_str_of(put->id), &doc))
        return KDM_WAIT;
    if (put->text != NULL)
        kdm_tx_put(tx, collection, kdm_str_of(put->id), kdm_str_of(put->text), 0);
    else if (doc != NULL)
        kdm_tx_delete(tx, collection, kdm_str_of(put->id), doc, 0);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

static void put(enum kdm_security_collection which, const char *id, const char *text)
{
    struct put document = { which, id, text };

    must_run(put_fn, &document);
}

static void add_user(const char *kuid, const char *role)
{
    put(KDM_SECURITY_ROLES, kuid, role);
    put(KDM_SECURITY_PROFILES, kuid,
        kdm_arena_printf(&arena, "{\"policies\":[{\"roleId\":\"%s\"}]}", kuid).ptr);
    put(KDM_SECURITY_USERS, kuid, kdm_arena_printf(&arena, "{\"profileIds\":[\"%s\"]}", kuid).ptr);
}

struct make {
    const char *kuid;
    int64_t ttl_ms;
    bool single_use;
    struct kdm_token token;
};

static enum kdm_outcome make_fn(struct kdm_tx *tx, void *ctx)
{
    struct make *make = ctx;

    if (!kdm_token_create(tx, KDM_STR("t"), kdm_str_of(make->kuid), make->ttl_ms, make->single_use,
                          &make->token)
        || !kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR_NONE);
}

static struct kdm_token make_token(const char *kuid, int64_t ttl_ms, bool single_use)
{
    struct make make = { .kuid = kuid, .ttl_ms = ttl_ms, .single_use = single_use };

    must_run(make_fn, &make);
    return make.token;
}

/* --- asking -------------------------------------------------------------------------------------
 */

struct ask {
    struct kdm_auth_call call;
    struct kdm_user user;
    struct kdm_failure failure;
    int done;
    bool good;
};

static void on_answer(struct kdm_auth_call *call, bool good)
{
    struct ask *ask = (struct ask *)call;

    ck_assert_int_eq(ask->done, 0);
    ask->good = good;
    ask->done = 1;
}

/* GOOD and BAD are answered at once. */
static enum kdm_auth_outcome ask_for(struct ask *ask, struct kdm_str token)
{
    const struct kdm_guard *guard = kdm_security_guard(security);

    *ask = (struct ask){ .user = { .id = KDM_STR("-1"), .peer = &peer } };
    ask->call = (struct kdm_auth_call){ .token = token,
                                        .arena = &arena,
                                        .deadline_ms = kdm_clock_monotonic_ms() + 10000,
                                        .user = &ask->user,
                                        .failure = &ask->failure,
                                        .done = on_answer };
    return guard->authenticate(guard->self, &ask->call);
}

static void give_back(struct ask *ask)
{
    const struct kdm_guard *guard = kdm_security_guard(security);

    guard->release(guard->self, &ask->user);
}

/* Is it good, at once or later? What was given is given back. */
static bool is_good(struct kdm_str token, const char *kuid)
{
    struct ask ask;
    enum kdm_auth_outcome outcome = ask_for(&ask, token);

    if (outcome == KDM_AUTH_WAIT) {
        turn_until(&loop, &ask.done, 1, 10000);
        ck_assert_int_eq(ask.done, 1);
        outcome = ask.good ? KDM_AUTH_GOOD : KDM_AUTH_BAD;
    }
    if (outcome == KDM_AUTH_BAD) {
        ck_assert_int_eq(ask.failure.err, KDM_ERR_SECURITY_TOKEN_INVALID);
        return false;
    }
    ck_assert(kdm_str_eq(ask.user.id, kdm_str_of(kuid)));
    give_back(&ask);
    return true;
}

static bool is_known(struct kdm_str token)
{
    struct ask ask;
    enum kdm_auth_outcome outcome = ask_for(&ask, token);

    if (outcome == KDM_AUTH_WAIT)
        kdm_security_guard(security)->cancel(security, &ask.call);
    if (outcome == KDM_AUTH_GOOD)
        give_back(&ask);
    return outcome == KDM_AUTH_GOOD;
}

static bool may(struct ask *ask, const char *controller, const char *action)
{
    const struct kdm_ask request = { .controller = kdm_str_of(controller),
                                     .action = kdm_str_of(action) };
    const struct kdm_auth_question question = { .ask = &request, .arena = &arena };

    return kdm_security_guard(security)->authorise(security, &ask->user, &question, &ask->failure);
}

/* May its user do it, by what is known or what is read? */
static bool token_may(struct kdm_str token, const char *controller, const char *action)
{
    struct ask ask;
    bool allowed;

    if (ask_for(&ask, token) == KDM_AUTH_WAIT)
        turn_until(&loop, &ask.done, 1, 10000);
    ck_assert_ptr_nonnull(ask.user.rights);
    allowed = may(&ask, controller, action);
    give_back(&ask);
    return allowed;
}

/* --- the world ----------------------------------------------------------------------------------
 */

static const struct kdm_action *find_action(struct kdm_str controller, struct kdm_str action,
                                            bool *ret_known)
{
    (void)controller;
    (void)action;
    *ret_known = false;
    return NULL;
}

static const struct kdm_protocol protocol = { .find = find_action };
static struct kdm_security_state state;
static int prepared;

static void on_prepared(void *ctx, const struct kdm_security_state *found)
{
    (void)ctx;
    state = *found;
    prepared = 1;
}

static void start_node(void)
{
    struct kdm_store_options options = { .redis_url = redis.url,
                                         .node = KDM_STR("node"),
                                         .feed_max_bytes = 64 << 20,
                                         .feed_max_age_ms = 3600000 };
    const struct kdm_security_options rules = { .protocol = &protocol,
                                                .token_algorithm = "HS256",
                                                .token_max_ttl_ms = -1,
                                                .api_key_max_ttl_ms = -1,
                                                .token_grace_ms = 1000 };
    struct kdm_hash_seed seed = { 1, 2 };
    char *error = NULL;

    store = kdm_store_open(&loop, &options, &random_source, &error);
    bus = kdm_bus_create(&seed);
    engine = kdm_tx_engine_create(&loop, store, bus, &context);
    projector = kdm_projector_create(&loop, store);
    kdm_tx_search_with(engine, projector);
    security = kdm_security_create(&loop, engine, store, &rules, &error);
    ck_assert_ptr_nonnull(security);
    context.guard = security;
    context.security.default_role = KDM_STR(ALL);
    context.security.standard_roles = context.security.standard_profiles = KDM_STR("{}");
    for (int i = 0; i < 3000 && !kdm_store_ready(store); i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        nap(1);
    }
    must_run(kdm_security_make, NULL);
    must_run(kdm_security_fill, NULL);
    prepared = 0;
    kdm_security_prepare(security, on_prepared, NULL);
    turn_until(&loop, &prepared, 1, 5000);
    ck_assert_ptr_null(state.error);
}

static void stop_node(void)
{
    kdm_session_unlink(&peer);
    kdm_security_destroy(security);
    kdm_tx_engine_destroy(engine);
    kdm_projector_stop(projector);
    kdm_store_close(store);
    kdm_projector_destroy(projector);
    kdm_bus_destroy(bus);
    for (int i = 0; i < 100 && uv_run(&loop, UV_RUN_NOWAIT) != 0; i++)
        nap(1);
}

static void set_up(void)
{
    kdm_json_seed(1, 2);
    uv_loop_init(&loop);
    kdm_arena_init(&arena, 65536);
    memset(&peer, 0, sizeof(peer));
    server_open(&redis, NULL, NULL);
    start_node();
}

static void tear_down(void)
{
    stop_node();
    server_kill(&redis);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    kdm_arena_fini(&arena);
}

/* --- tests --------------------------------------------------------------------------------------
 */

START_TEST(a_new_server_is_wide_open_and_says_so)
{
    struct ask ask;

    ck_assert(state.wide_open && !state.admin_exists);
    ck_assert_int_eq(ask_for(&ask, KDM_STR_NONE),
                     KDM_AUTH_GOOD); /* known before the first request */
    ck_assert(may(&ask, "anything", "at all"));
    give_back(&ask);
    put(KDM_SECURITY_USERS, "root", "{\"profileIds\":[\"admin\"]}");
    stop_node();
    start_node();
    ck_assert(state.wide_open && state.admin_exists);
}
END_TEST

START_TEST(a_token_is_read_once)
{
    struct kdm_token token;

    add_user("me", ALL);
    token = make_token("me", 60000, false);
    ck_assert(!is_known(token.text));
    ck_assert(is_good(token.text, "me"));
    ck_assert(is_known(token.text));
    ck_assert_ptr_eq(peer.session, kdm_session_find(security->sessions, token.text));
}
END_TEST

START_TEST(a_restart_keeps_tokens)
{
    struct kdm_token token;

    add_user("me", ALL);
    token = make_token("me", 60000, false);
    stop_node();
    start_node();
    ck_assert(is_good(token.text, "me"));
}
END_TEST

static enum kdm_outcome revoke_fn(struct kdm_tx *tx, void *ctx)
{
    if (!kdm_tokens_revoke(tx, kdm_str_of(ctx), true) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR_NONE);
}

START_TEST(what_is_revoked_is_forgotten_with_the_commit)
{
    struct kdm_token first, second;

    add_user("me", ALL);
    add_user("you", ALL);
    first = make_token("me", 60000, false);
    second = make_token("you", 60000, false);
    ck_assert(is_good(first.text, "me"));
    ck_assert(is_good(second.text, "you"));
    must_run(revoke_fn, (void *)"me");
    ck_assert(!is_known(first.text));
    ck_assert(is_known(second.text));
    ck_assert(!is_good(first.text, "me"));
    put(KDM_SECURITY_TOKENS, kdm_arena_copy(&arena, second.jti).ptr, NULL);
    ck_assert(!is_known(second.text));
    ck_assert(!is_good(second.text, "you"));
    ck_assert(is_good(make_token("me", 60000, false).text, "me"));
}
END_TEST

START_TEST(a_user_who_is_gone_has_no_token)
{
    struct kdm_token token;

    add_user("me", ALL);
    token = make_token("me", 60000, false);
    ck_assert(is_good(token.text, "me"));
    put(KDM_SECURITY_USERS, "me", NULL);
    ck_assert(!is_good(token.text, "me"));
}
END_TEST

START_TEST(rights_follow_roles_profiles_and_users)
{
    struct kdm_token token;

    add_user("me", ALL);
    token = make_token("me", 60000, false);
    ck_assert(token_may(token.text, "a", "b"));
    put(KDM_SECURITY_ROLES, "me", "{\"controllers\":{\"a\":{\"actions\":{\"c\":true}}}}");
    ck_assert(!token_may(token.text, "a", "b"));
    ck_assert(token_may(token.text, "a", "c"));
    put(KDM_SECURITY_PROFILES, "me",
        "{\"policies\":[{\"roleId\":\"admin\"},{\"roleId\":\"gone\"}]}");
    ck_assert(token_may(token.text, "a", "b"));
    put(KDM_SECURITY_USERS, "me", "{\"profileIds\":[\"gone\"]}");
    ck_assert(!token_may(token.text, "a", "b"));
}
END_TEST

START_TEST(users_of_the_same_profiles_share_their_rights)
{
    struct ask first, second;
    struct kdm_str mine, yours;

    add_user("me", ALL);
    put(KDM_SECURITY_USERS, "you", "{\"profileIds\":[\"me\"]}");
    mine = make_token("me", 60000, false).text;
    yours = make_token("you", 60000, false).text;
    ck_assert(is_good(mine, "me") && is_good(yours, "you"));
    ck_assert_int_eq(ask_for(&first, mine), KDM_AUTH_GOOD);
    ck_assert_int_eq(ask_for(&second, yours), KDM_AUTH_GOOD);
    ck_assert_ptr_eq(first.user.rights, second.user.rights);
    give_back(&first);
    give_back(&second);
}
END_TEST

/* The change is committed after the first answers of Redis are in and before the last. */
START_TEST(what_changes_while_it_is_read_is_read_again)
{
    struct put change = { KDM_SECURITY_ROLES, "me",
                          "{\"controllers\":{\"a\":{\"actions\":{\"b\":false}}}}" };
    struct kdm_str token;

    add_user("me", ALL);
    token = make_token("me", 60000, false).text;
    for (int turns = 0; turns < 12; turns++) {
        struct run run = { .fn = put_fn, .ctx = &change };
        struct ask ask;
        struct kdm_tx *tx;
        enum kdm_auth_outcome outcome;

        put(KDM_SECURITY_ROLES, "me", ALL);
        outcome = ask_for(&ask, token);
        for (int i = 0; i < turns; i++)
            uv_run(&loop, UV_RUN_NOWAIT);
        tx = begin(&run);
        turn_until(&loop, &run.done, 1, 10000);
        if (outcome == KDM_AUTH_WAIT)
            turn_until(&loop, &ask.done, 1, 10000);
        give_back(&ask);
        kdm_tx_release(tx);
        ck_assert_msg(!token_may(token, "a", "b"), "%d turns", turns);
    }
}
END_TEST

START_TEST(who_leaves_while_it_is_read_is_not_answered)
{
    struct kdm_str token;

    add_user("me", ALL);
    token = make_token("me", 60000, false).text;
    for (int turns = 0; turns < 8; turns++) {
        struct ask ask;

        put(KDM_SECURITY_USERS, "me", "{\"profileIds\":[\"me\"]}");
        if (ask_for(&ask, token) == KDM_AUTH_GOOD) {
            give_back(&ask);
            continue;
        }
        for (int i = 0; i < turns && !ask.done; i++)
            uv_run(&loop, UV_RUN_NOWAIT);
        if (ask.done)
            give_back(&ask);
        else
            kdm_security_guard(security)->cancel(security, &ask.call);
    }
    ck_assert(is_good(token, "me"));
}
END_TEST

START_TEST(a_token_for_one_use_is_good_for_one)
{
    struct kdm_str token;

    add_user("me", ALL);
    token = make_token("me", 60000, true).text;
    ck_assert(is_good(token, "me"));
    ck_assert(!is_good(token, "me"));
}
END_TEST

static char ends[64];

static void on_token_end(void *ctx, struct kdm_peer *told, enum kdm_token_end why)
{
    (void)ctx;
    ck_assert_ptr_eq(told, &peer);
    strcat(ends, why == KDM_TOKEN_EXPIRED ? "expired " : "revoked ");
}

START_TEST(a_connection_is_told_when_its_token_ends)
{
    ends[0] = '\0';
    kdm_security_on_token_end(security, on_token_end, NULL);
    add_user("me", ALL);
    ck_assert(is_good(make_token("me", 1000, false).text, "me"));
    turn_for(&loop, 1400);
    ck_assert_str_eq(ends, "expired ");
    ck_assert(is_good(make_token("me", 60000, false).text, "me"));
    put(KDM_SECURITY_USERS, "me", NULL); /* it is read again without a request */
    turn_for(&loop, 700);
    ck_assert_str_eq(ends, "expired revoked ");
}
END_TEST

static enum kdm_outcome count_fn(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *tokens;
    struct kdm_doc_list list;

    if (!kdm_security_collection(tx, KDM_SECURITY_TOKENS, &tokens)
        || !kdm_tx_scan(tx, KDM_STR("all"), tokens, false, NULL, NULL, &list))
        return KDM_WAIT;
    *(size_t *)ctx = list.count;
    return kdm_tx_reply(tx, KDM_STR_NONE);
}

START_TEST(tokens_that_are_over_are_swept)
{
    size_t left = 0;

    add_user("me", ALL);
    for (int i = 0; i < 300; i++) {
        const char *id = kdm_arena_printf(&arena, "old-%d", i).ptr;

        put(KDM_SECURITY_TOKENS, id,
            "{\"userId\":\"me\",\"expiresAt\":1000,\"ttl\":1000,\"generation\":0}");
    }
    put(KDM_SECURITY_TOKENS, "lasts",
        "{\"userId\":\"me\",\"expiresAt\":-1,\"ttl\":-1,\"generation\":0}");
    make_token("me", 1000, false);
    stop_node();
    start_node(); /* a node sweeps soon after its start */
    turn_for(&loop, 1500);
    must_run(count_fn, &left);
    ck_assert_uint_eq(left, 2);
}
END_TEST

START_TEST(revoked_tokens_without_an_end_are_swept_too)
{
    struct kdm_token alive;
    size_t left = 0;

    add_user("me", ALL);
    for (int i = 0; i < 5; i++)
        make_token("me", -1, false);
    must_run(revoke_fn, (void *)"me");
    alive = make_token("me", -1, false);
    must_run(count_fn, &left);
    ck_assert_uint_eq(left, 6);
    stop_node();
    start_node();
    turn_for(&loop, 1500);
    must_run(count_fn, &left);
    ck_assert_uint_eq(left, 1);
    ck_assert(is_good(alive.text, "me"));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_new_server_is_wide_open_and_says_so,
        a_token_is_read_once,
        a_restart_keeps_tokens,
        what_is_revoked_is_forgotten_with_the_commit,
        a_user_who_is_gone_has_no_token,
        rights_follow_roles_profiles_and_users,
        users_of_the_same_profiles_share_their_rights,
        what_changes_while_it_is_read_is_read_again,
        who_leaves_while_it_is_read_is_not_answered,
        a_token_for_one_use_is_good_for_one,
        a_connection_is_told_when_its_token_ends,
        tokens_that_are_over_are_swept,
        revoked_tokens_without_an_end_are_swept_too,
    };

    return RUN("guard", tests, set_up, tear_down);
}
