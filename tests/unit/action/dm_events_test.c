/* dm_events_test.c - who listens to changes of assets, and what listeners may do (rule R3 of
 * device-manager.md 18.2, device-manager-events.md 2 and 3). Real Redis, no socket: requests go
 * straight to their actions.
 */
#include "../tx/world.h"
#include "action/start.h"
#include "api/context.h"
#include "api/action.h"
#include "api/args.h"
#include "tx/run.h"

static uv_loop_t loop;
static struct server redis;
static struct node node;
static struct kdm_context context;

/* --- a node that has started ----------------------------------------------------------------- */

static void on_started(void *ctx, const char *error)
{
    ck_assert_msg(error == NULL, "%s", error);
    *(int *)ctx = 1;
}

static void node_begin(void)
{
    struct kdm_store_options options = { .redis_url = redis.url,
                                         .node = KDM_STR("node-a"),
                                         .feed_max_bytes = 64 << 20,
                                         .feed_max_age_ms = 3600000 };
    struct kdm_hash_seed seed = { 1, 2 };
    char *error = NULL;
    int started = 0;

    memset(&node, 0, sizeof(node));
    context = (struct kdm_context){ .common_dynamic = KDM_STR("false"),
                                    .common_properties = KDM_STR("{}") };
    context.device_manager =
        (struct kdm_context_device_manager){ .admin_index = KDM_STR("device-manager"),
                                             .config_collection = KDM_STR("config"),
                                             .engine_collections = KDM_STR("{}"),
                                             .admin_collections = KDM_STR("{}"),
                                             .auto_update = true };
    context.security = (struct kdm_context_security){
        .default_role = KDM_STR("{\"controllers\":{\"*\":{\"actions\":{\"*\":true}}}}"),
        .standard_roles = KDM_STR("{}"),
        .standard_profiles = KDM_STR("{}"),
        .restricted_profiles = KDM_STR("[]")
    };
    node.store = kdm_store_open(&loop, &options, &node.random, &error);
    ck_assert_ptr_nonnull(node.store);
    node.bus = kdm_bus_create(&seed);
    node.engine = kdm_tx_engine_create(&loop, node.store, node.bus, &context);
    node.projector = kdm_projector_create(&loop, node.store);
    kdm_tx_search_with(node.engine, node.projector);
    for (int i = 0; i < 3000 && !kdm_store_ready(node.store); i++) {
        uv_run(&loop, UV_RUN_NOWAIT);
        nap(1);
    }
    kdm_actions_start(node.engine, on_started, &started);
    turn_until(&loop, &started, 1, 10000);
    ck_assert(started);
}

/* --- requests -------------------------------------------------------------------------------- */

struct call {
    struct run run;
    struct kdm_json doc;
    struct kdm_ask ask;
    struct kdm_args args;
    struct kdm_arena arena; /* of the request itself */
};

static enum kdm_outcome run_action(struct kdm_tx *tx, void *ctx)
{
    const struct call *call = ctx;

    return call->args.action->run(tx, &call->args);
}

/* A request as a client would send it, up to its action. */
static void call_begin(struct call *call, const char *text)
{
    struct kdm_payload payload = { 0 };
    struct kdm_failure failure;
    bool known;

    memset(call, 0, sizeof(*call));
    kdm_arena_init(&call->arena, 4096);
    ck_assert(kdm_json_scan(&call->arena, kdm_str_of(text), &call->doc, NULL));
    payload.root = kdm_json_root(&call->doc);
    ck_assert(kdm_decode(&call->arena, &payload, &call->ask, &failure));
    call->args.arena = &call->arena;
    call->args.action = kdm_action_find(call->ask.controller, call->ask.action, &known);
    ck_assert_ptr_nonnull(call->args.action);
    ck_assert(kdm_args_check(&call->args, &call->ask, &failure));
    run_begin(&call->run, &node, run_action, call);
}

static void call_end(struct call *call)
{
    run_end(&call->run, &loop);
    kdm_arena_fini(&call->arena);
}

static struct call last;

/* The result's text, kept until the next call. */
static const char *result(const char *text)
{
    call_begin(&last, text);
    call_end(&last);
    ck_assert_msg(last.run.err == KDM_OK, "%s: %s", text, last.run.message);
    return last.run.result;
}

static const char *failure(const char *text)
{
    call_begin(&last, text);
    call_end(&last);
    ck_assert_msg(last.run.err != KDM_OK, "%s succeeded: %s", text, last.run.result);
    return last.run.message;
}

static void assert_has(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no %s in %s", part, text);
}

/* --- listeners ------------------------------------------------------------------------------- */

struct listener {
    const char *answer; /* NULL: as it was */
    int refuse;         /* a status: the call is failed with it */
    int calls;
    char heard[4096], event[128];
    struct kdm_event_call *held; /* with `hold` the call ends when the test says so */
    bool hold;
};

static void on_call(void *self, struct kdm_event_call *call)
{
    struct listener *listener = self;

    listener->calls++;
    snprintf(listener->heard, sizeof(listener->heard), KDM_FMT, KDM_ARG(kdm_call_payload(call)));
    snprintf(listener->event, sizeof(listener->event), KDM_FMT, KDM_ARG(kdm_call_event(call)));
    if (listener->refuse != 0)
        kdm_call_fail(call, listener->refuse, KDM_STR("my.own.id"), KDM_STR("not today"));
    else if (listener->hold)
        listener->held = call;
    else
        kdm_call_next(call, kdm_str_of(listener->answer));
}

static void listen_to(struct listener *listener, const char *event)
{
    ck_assert(kdm_bus_on_pipe(node.bus, kdm_str_of(event), on_call, listener, "test"));
}

#define BEFORE "device-manager:asset:update:before"
#define AFTER  "device-manager:asset:update:after"
#define UPDATE(body)                                                                               \
    "{\"controller\":\"device-manager/"                                                            \
    "assets\",\"action\":\"update\",\"engineId\":\"t\",\"_id\":\"Box-1\","                         \
    "\"body\":" body "}"
#define OLD_UPDATE(body)                                                                           \
    "{\"controller\":\"device-manager/"                                                            \
    "asset\",\"action\":\"update\",\"index\":\"t\",\"_id\":\"Box-1\","                             \
    "\"body\":" body "}"
#define GET                                                                                        \
    "{\"controller\":\"device-manager/"                                                            \
    "assets\",\"action\":\"get\",\"engineId\":\"t\",\"_id\":\"Box-1\"}"

static void setup(void)
{
    uv_loop_init(&loop);
    server_open(&redis, NULL, NULL);
    node_begin();
    result("{\"controller\":\"device-manager/engine\",\"action\":\"create\",\"index\":\"t\"}");
    result("{\"controller\":\"device-manager/"
           "models\",\"action\":\"writeAsset\",\"body\":{\"engineGroup\":\"commons\","
           "\"model\":\"Box\",\"metadataMappings\":{\"a\":{\"type\":\"integer\"},\"b\":{\"type\":"
           "\"integer\"}}}}");
    result("{\"controller\":\"device-manager/"
           "assets\",\"action\":\"create\",\"engineId\":\"t\",\"body\":{\"model\":"
           "\"Box\",\"reference\":\"1\",\"metadata\":{\"a\":1}}}");
}

static void teardown(void)
{
    node_stop(&node);
    for (int i = 0; i < 100 && uv_run(&loop, UV_RUN_NOWAIT) != 0; i++)
        nap(1);
    server_kill(&redis);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

/* --- asset:update ---------------------------------------------------------------------------- */

START_TEST(before_hears_of_the_stored_asset_and_after_of_the_new_one)
{
    struct listener before = { 0 }, after = { 0 };

    listen_to(&before, BEFORE);
    listen_to(&after, AFTER);
    result(UPDATE("{\"metadata\":{\"b\":2}}"));
    ck_assert_int_eq(before.calls, 1);
    ck_assert_int_eq(after.calls, 1);
    assert_has(before.heard, "{\"asset\":{\"_id\":\"Box-1\",\"_source\":{");
    assert_has(before.heard, "\"metadata\":{\"a\":1,\"b\":null}");
    assert_has(before.heard,
               "\"_version\":1},\"metadata\":{\"b\":2},\"updates\":{\"metadata\":{\"b\":2}}}");
    assert_has(after.heard, "\"metadata\":{\"a\":1,\"b\":2}");
    assert_has(after.heard, "\"_version\":2},\"metadata\":{\"b\":2},\"updates\":{\"metadata\":{"
                            "\"b\":2}},\"previous\":{");
}
END_TEST

START_TEST(what_before_makes_of_metadata_is_applied)
{
    struct listener before = {
        .answer = "{\"metadata\":{\"a\":7},\"updates\":{\"metadata\":{\"b\":2}}}"
    };

    listen_to(&before, BEFORE);
    assert_has(result(UPDATE("{\"metadata\":{\"b\":2}}")), "\"metadata\":{\"a\":7,\"b\":null}");
}
END_TEST

START_TEST(what_before_makes_of_updates_wins)
{
    struct listener before = { .answer = "{\"metadata\":{\"a\":7},\"updates\":{\"metadata\":{\"b\":"
                                         "9},\"softTenant\":[\"x\"],\"_kuzzle_info\":1}}" };
    const char *text;

    listen_to(&before, BEFORE);
    text = result(UPDATE("{\"metadata\":{\"b\":2}}"));
    assert_has(text, "\"metadata\":{\"a\":1,\"b\":9}");
    assert_has(text, "\"softTenant\":[\"x\"]");
}
END_TEST

START_TEST(metadata_can_be_added_to_an_update_that_has_none)
{
    struct listener before = {
        .answer = "{\"metadata\":{\"a\":5},\"updates\":{\"softTenant\":[\"y\"]}}"
    };
    const char *text;

    listen_to(&before, BEFORE);
    text = result(OLD_UPDATE("{\"softTenant\":[\"y\"]}"));
    assert_has(text, "\"softTenant\":[\"y\"]");
    assert_has(text, "\"metadata\":{\"a\":5}");
    assert_has(result(GET), "\"metadata\":{\"a\":5,\"b\":null}");
}
END_TEST

START_TEST(what_listeners_add_is_checked_like_the_rest)
{
    struct listener before = { .answer = "{\"metadata\":{\"unknown\":5}}" };

    listen_to(&before, BEFORE);
    assert_has(failure(UPDATE("{\"metadata\":{\"b\":2}}")), "unknown");
    assert_has(result(GET), "\"b\":null");
}
END_TEST

START_TEST(a_before_that_refuses_stops_everything)
{
    struct listener before = { .refuse = 403 }, after = { 0 };

    listen_to(&before, BEFORE);
    listen_to(&after, AFTER);
    assert_has(failure(UPDATE("{\"metadata\":{\"b\":2}}")), "not today");
    ck_assert_int_eq(last.run.status, 403);
    ck_assert_int_eq(after.calls, 0);
    assert_has(result(GET), "\"b\":null");
}
END_TEST

START_TEST(an_after_that_refuses_fails_the_request_but_the_asset_is_stored)
{
    struct listener after = { .refuse = 418 };

    listen_to(&after, AFTER);
    assert_has(failure(UPDATE("{\"metadata\":{\"b\":2}}")), "not today");
    assert_has(result(GET), "\"b\":2");
}
END_TEST

START_TEST(an_answer_that_is_no_event_is_an_error_and_no_crash)
{
    struct listener before = { .answer = "no JSON" };

    listen_to(&before, BEFORE);
    failure(UPDATE("{\"metadata\":{\"b\":2}}"));
    ck_assert_int_eq(last.run.status, 500);
    before.answer = "[]";
    failure(UPDATE("{\"metadata\":{\"b\":2}}"));
    ck_assert_int_eq(last.run.status, 500);
    before.answer = "{}"; /* says nothing about the update: it stays as it was */
    assert_has(result(UPDATE("{\"metadata\":{\"b\":2}}")), "\"b\":2");
}
END_TEST

START_TEST(a_race_that_is_lost_while_before_waits_runs_it_again_with_the_new_asset)
{
    struct listener before = { .hold = true };
    struct call slow;

    listen_to(&before, BEFORE);
    call_begin(&slow, UPDATE("{\"metadata\":{\"b\":2}}"));
    turn_until(&loop, &before.calls, 1, 5000);
    ck_assert_int_eq(before.calls, 1);
    /* Another writer that is not in line: the core's own update. */
    result("{\"controller\":\"document\",\"action\":\"createOrReplace\",\"index\":\"t\","
           "\"collection\":\"assets\",\"_id\":\"Box-1\",\"body\":"
           "{\"model\":\"Box\",\"reference\":\"1\",\"metadata\":{\"a\":50,\"b\":null}}}");
    before.hold = false;
    kdm_call_next(before.held, KDM_STR_NONE);
    call_end(&slow);
    ck_assert_msg(slow.run.err == KDM_OK, "%s", slow.run.message);
    ck_assert_int_eq(before.calls, 2);
    assert_has(before.heard, "\"a\":50");
    assert_has(result(GET), "\"metadata\":{\"a\":50,\"b\":2}");
}
END_TEST

START_TEST(upsert_fires_only_when_it_updates)
{
    struct listener before = { 0 };
    static const char ask[] = "{\"controller\":\"device-manager/"
                              "assets\",\"action\":\"upsert\",\"engineId\":\"t\",\"body\":"
                              "{\"model\":\"Box\",\"reference\":\"2\",\"metadata\":{\"a\":3}}}";

    listen_to(&before, BEFORE);
    result(ask);
    ck_assert_int_eq(before.calls, 0);
    result(ask);
    ck_assert_int_eq(before.calls, 1);
}
END_TEST

START_TEST(replace_metadata_stores_asset_and_metadata_as_before_returns_them)
{
    struct listener before = {
        .answer =
            "{\"asset\":{\"_id\":\"Box-1\",\"_source\":{\"model\":\"Box\",\"reference\":\"1\","
            "\"softTenant\":[\"z\"],\"metadata\":{\"a\":1}}},\"metadata\":{\"b\":8}}"
    };
    struct listener after = { 0 };
    const char *text;

    listen_to(&before, BEFORE);
    listen_to(&after, AFTER);
    text = result("{\"controller\":\"device-manager/"
                  "assets\",\"action\":\"replaceMetadata\",\"engineId\":\"t\",\"_id\":"
                  "\"Box-1\",\"body\":{\"metadata\":{\"a\":2}}}");
    assert_has(text, "\"softTenant\":[\"z\"]");
    assert_has(text, "\"metadata\":{\"a\":1,\"b\":8}");
    ck_assert_int_eq(after.calls, 1);
}
END_TEST

/* --- generic events -------------------------------------------------------------------------- */

START_TEST(generic_events_surround_get_and_update)
{
    struct listener before_get = { 0 }, after_get = { 0 }, before_update = { 0 },
                    after_update = { 0 };
    const char *text;

    listen_to(&before_get, "generic:document:beforeGet");
    listen_to(&after_get, "generic:document:afterGet");
    listen_to(&before_update, "generic:document:beforeUpdate");
    listen_to(&after_update, "generic:document:afterUpdate");
    before_update.answer =
        "{\"documents\":[{\"_id\":\"Box-1\",\"_source\":{\"metadata\":{\"b\":6}}}]}";
    after_update.answer = "{\"documents\":[{\"_id\":\"Box-1\",\"_source\":{\"shown\":true}}]}";
    text = result(UPDATE("{\"metadata\":{\"b\":2}}"));
    assert_has(text, "\"_source\":{\"shown\":true}");
    assert_has(before_get.heard, "{\"documents\":[{\"_id\":\"Box-1\"}],\"request\":{");
    assert_has(before_get.heard, "\"index\":\"t\",\"collection\":\"assets\"");
    assert_has(after_get.heard, "\"metadata\":{\"a\":1,\"b\":null}");
    assert_has(before_update.heard, "\"_source\":{\"metadata\":{\"b\":2}}");
    assert_has(after_update.heard, "\"metadata\":{\"a\":1,\"b\":6}");
    before_get.answer = after_get.answer = NULL;
    assert_has(result(GET), "\"b\":6");
}
END_TEST

START_TEST(before_get_may_ask_for_another_asset)
{
    struct listener before = { .answer = "{\"documents\":[{\"_id\":\"Box-1\"}]}" };

    listen_to(&before, "generic:document:beforeGet");
    assert_has(result("{\"controller\":\"device-manager/"
                      "assets\",\"action\":\"get\",\"engineId\":\"t\",\"_id\":\"Other\"}"),
               "\"_id\":\"Box-1\"");
}
END_TEST

START_TEST(before_write_may_change_a_new_asset)
{
    struct listener before = {
        .answer = "{\"documents\":[{\"_source\":{\"model\":\"Box\",\"metadata\":{\"a\":11}}}]}"
    };

    listen_to(&before, "generic:document:beforeWrite");
    result("{\"controller\":\"device-manager/"
           "assets\",\"action\":\"create\",\"engineId\":\"t\",\"body\":{\"model\":"
           "\"Box\",\"reference\":\"9\"}}");
    assert_has(before.heard, "\"reference\":\"9\"");
    assert_has(result("{\"controller\":\"device-manager/"
                      "assets\",\"action\":\"get\",\"engineId\":\"t\",\"_id\":\"Box-9\"}"),
               "{\"model\":\"Box\",\"metadata\":{\"a\":11},\"_kuzzle_info\"");
}
END_TEST

START_TEST(patterns_hear_generic_events_of_deletions_and_searches)
{
    struct listener all = { 0 };

    listen_to(&all, "generic:document:after*");
    result("{\"controller\":\"device-manager/assets\",\"action\":\"search\",\"engineId\":\"t\"}");
    ck_assert_str_eq(all.event, "generic:document:afterSearch");
    assert_has(all.heard, "\"total\":1,\"fetched\":1");
    result("{\"controller\":\"device-manager/"
           "assets\",\"action\":\"delete\",\"engineId\":\"t\",\"_id\":\"Box-1\"}");
    ck_assert_str_eq(all.event, "generic:document:afterDelete");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dm_events");
    TCase *tc = tcase_create("events");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, before_hears_of_the_stored_asset_and_after_of_the_new_one);
    tcase_add_test(tc, what_before_makes_of_metadata_is_applied);
    tcase_add_test(tc, what_before_makes_of_updates_wins);
    tcase_add_test(tc, metadata_can_be_added_to_an_update_that_has_none);
    tcase_add_test(tc, what_listeners_add_is_checked_like_the_rest);
    tcase_add_test(tc, a_before_that_refuses_stops_everything);
    tcase_add_test(tc, an_after_that_refuses_fails_the_request_but_the_asset_is_stored);
    tcase_add_test(tc, an_answer_that_is_no_event_is_an_error_and_no_crash);
    tcase_add_test(tc, a_race_that_is_lost_while_before_waits_runs_it_again_with_the_new_asset);
    tcase_add_test(tc, upsert_fires_only_when_it_updates);
    tcase_add_test(tc, replace_metadata_stores_asset_and_metadata_as_before_returns_them);
    tcase_add_test(tc, generic_events_surround_get_and_update);
    tcase_add_test(tc, before_get_may_ask_for_another_asset);
    tcase_add_test(tc, before_write_may_change_a_new_asset);
    tcase_add_test(tc, patterns_hear_generic_events_of_deletions_and_searches);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
