/* native_test.c - the loader and the plugin interface, with real shared objects and a pretended
 * API. */
#include "../tempdir.h"
#include "base/clock.h"
#include "base/log.h"
#include "event/bus.h"
#include "kdm/plugin.h"
#include "plugin/native.h"
#include "json/json.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define UPDATE_BEFORE "device-manager:asset:update:before"
#define UPDATE_AFTER  "device-manager:asset:update:after"
#define PATIENCE_MS   5000

static uv_loop_t loop;
static struct kdm_bus *bus;
static struct kdm_native *native;
static json_t *configs;
static char *error;
static int origin; /* its address is what calls come from */

/* The pretended API: notes the request and answers at once or when told. */
static struct {
    int count;
    bool later;
    char request[1024];
    void *parent_origin;
    const char *reply;
    kdm_plugin_reply_fn *done;
    void *done_ctx;
} api;

static void on_request(void *ctx, struct kdm_event_call *parent, struct kdm_str request_json,
                       kdm_plugin_reply_fn *done, void *done_ctx)
{
    ck_assert_ptr_eq(ctx, &api);
    api.count++;
    snprintf(api.request, sizeof(api.request), KDM_FMT, KDM_ARG(request_json));
    api.parent_origin = parent == NULL ? NULL : kdm_call_origin(parent);
    api.done = done;
    api.done_ctx = done_ctx;
    if (!api.later)
        done(done_ctx, kdm_str_of(api.reply));
}

static void answer(void)
{
    api.done(api.done_ctx, kdm_str_of(api.reply));
}

/* What became of the triggered pipe. */
static struct {
    int count;
    bool failed;
    int status;
    char payload[512], id[64], message[512];
} told;

static void on_done(void *ctx, const struct kdm_event_result *result)
{
    (void)ctx;
    told.count++;
    told.failed = result->failed;
    told.status = result->status;
    snprintf(told.payload, sizeof(told.payload), KDM_FMT, KDM_ARG(result->payload));
    snprintf(told.id, sizeof(told.id), KDM_FMT, KDM_ARG(result->id));
    snprintf(told.message, sizeof(told.message), KDM_FMT, KDM_ARG(result->message));
}

static void set_up(void)
{
    static const struct kdm_hash_seed seed = { 5, 6 };
    static const struct kdm_plugin_services services = { .ctx = &api, .request = on_request };

    memset(&api, 0, sizeof(api));
    memset(&told, 0, sizeof(told));
    api.reply = "{\"status\":200,\"error\":null,\"result\":{}}";
    error = NULL;
    configs = json_object();
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    bus = kdm_bus_create(&seed);
    native = kdm_native_create(&loop, bus, &services);
    ck_assert_ptr_nonnull(native);
}

static void tear_down(void)
{
    kdm_native_stop(native);
    kdm_bus_destroy(bus);
    kdm_native_destroy(native);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    json_decref(configs);
    free(error);
}

/* Turns the loop until the pipe has ended. */
static void run_until_told(int count)
{
    int64_t end = kdm_clock_monotonic_ms() + PATIENCE_MS;

    while (told.count < count && kdm_clock_monotonic_ms() < end) {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(500);
    }
    ck_assert_int_eq(told.count, count);
}

static void turn_loop(int ms)
{
    int64_t end = kdm_clock_monotonic_ms() + ms;

    do {
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(500);
    } while (kdm_clock_monotonic_ms() < end);
}

static void configure(const char *name, const char *config)
{
    json_t *tree = json_loads(config, 0, NULL);

    ck_assert_ptr_nonnull(tree);
    json_object_set_new(configs, name, tree);
}

static bool load_file(const char *name)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s.so", KDM_TEST_PLUGINS, name);
    free(error);
    error = NULL;
    return kdm_native_load(native, path, configs, &error);
}

static void load_well(const char *name)
{
    ck_assert_msg(load_file(name), "%s", error);
    ck_assert_ptr_null(error);
}

/* Triggers `event`; true when its pipes had ended on return. */
static bool trigger(const char *event, const char *payload)
{
    return kdm_bus_pipe(bus, kdm_bus_event(bus, kdm_str_of(event)), kdm_str_of(payload),
                        KDM_STR("event-1"), 1, &origin, INT64_MAX, on_done, NULL)
           == NULL;
}

/* An update that tells the awkward plugin what to do. */
static bool order(const char *what)
{
    char payload[256];

    snprintf(payload, sizeof(payload),
             "{\"asset\":{\"_id\":\"a1\"},\"metadata\":{\"weight\":1,\"awkward\":\"%s\"}}", what);
    return trigger(UPDATE_BEFORE, payload);
}

#define WITHOUT_ORDER "{\"asset\":{\"_id\":\"a1\"},\"metadata\":{\"weight\":1}}"

/* --- loading ------------------------------------------------------------------------------- */

/* The file is refused with one line that names it and holds `part`. */
static void check_refused(const char *name, const char *part)
{
    ck_assert_msg(!load_file(name), "%s was loaded", name);
    ck_assert_ptr_nonnull(error);
    ck_assert_msg(strstr(error, name) != NULL, "%s", error);
    ck_assert_msg(strstr(error, part) != NULL, "%s", error);
    ck_assert_ptr_null(strchr(error, '\n'));
    ck_assert_ptr_null(kdm_native_name(native, 0));
}

START_TEST(a_plugin_is_loaded_and_listed_by_its_name)
{
    ck_assert_ptr_null(kdm_native_name(native, 0));
    load_well("enrich");
    load_well("awkward");
    ck_assert_str_eq(kdm_native_name(native, 0), "enrich");
    ck_assert_str_eq(kdm_native_name(native, 1), "awkward");
    ck_assert_ptr_null(kdm_native_name(native, 2));
}
END_TEST

START_TEST(what_is_no_plugin_is_refused_with_a_clear_line)
{
    check_refused("missing", "No such file");
    check_refused("broken_row", "no KDM_PLUGIN");
    check_refused("broken_abi", "interface 2, this kdmd has 1");
    check_refused("broken_name", "lower case");
    check_refused("broken_load", "no load function");
    check_refused("broken_symbol", "kdm_host_from_the_future");
}
END_TEST

START_TEST(a_file_that_is_no_shared_object_is_refused)
{
    char dir[32], path[48], wanted[64];
    FILE *file;

    make_temp_dir(dir);
    snprintf(path, sizeof(path), "%s/text", dir);
    snprintf(wanted, sizeof(wanted), "plugin %s", path);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs("text\n", file);
    fclose(file);
    ck_assert(!kdm_native_load(native, path, configs, &error));
    ck_assert_ptr_nonnull(strstr(error, wanted));
}
END_TEST

START_TEST(a_bare_name_is_a_file_here_and_no_library_of_the_system)
{
    ck_assert(!kdm_native_load(native, "libm.so.6", configs, &error));
    ck_assert_ptr_nonnull(strstr(error, "No such file"));
}
END_TEST

START_TEST(a_plugin_that_refuses_leaves_nothing_behind)
{
    check_refused("broken_refuses", "\"broken-refuses\" refused to load (7)");
    ck_assert_int_eq(api.count, 1);
    ck_assert(!kdm_event_has_pipes(kdm_bus_event(bus, KDM_STR("test:event"))));
    turn_loop(5); /* its timer, its post and the reply to its request would abort */
}
END_TEST

START_TEST(a_name_is_taken_once)
{
    load_well("enrich");
    ck_assert(!load_file("enrich"));
    ck_assert_ptr_nonnull(strstr(error, "already a plugin \"enrich\""));
    ck_assert_ptr_null(kdm_native_name(native, 1));
}
END_TEST

START_TEST(a_bad_pattern_makes_the_loading_fail)
{
    configure("awkward", "{\"event\":\"device-*\"}");
    check_refused("awkward", "listens to \"device-*\", which is no event pattern");
}
END_TEST

START_TEST(a_plugin_needs_no_configuration)
{
    free(error);
    error = NULL;
    ck_assert(kdm_native_load(native, KDM_TEST_PLUGINS "/enrich.so", NULL, &error));
    ck_assert(trigger(UPDATE_BEFORE, WITHOUT_ORDER));
    ck_assert_str_eq(told.payload, "{\"asset\":{\"_id\":\"a1\"},\"metadata\":{\"weight\":1,"
                                   "\"lastEditor\":\"enrich\"}}");
}
END_TEST

/* --- the enrich plugin --------------------------------------------------------------------- */

START_TEST(a_pipe_enriches_the_metadata_as_configured)
{
    configure("enrich", "{\"member\":\"edited.by\",\"value\":\"Zoë \\\"Z\\\"\"}");
    load_well("enrich");
    ck_assert(trigger(UPDATE_BEFORE, WITHOUT_ORDER));
    ck_assert_str_eq(told.payload, "{\"asset\":{\"_id\":\"a1\"},\"metadata\":{\"weight\":1,"
                                   "\"edited\":{\"by\":\"Zoë \\\"Z\\\"\"}}}");
    ck_assert_int_eq(api.count, 0);
}
END_TEST

START_TEST(an_after_pipe_stores_a_document_within_its_operation)
{
    configure("enrich", "{\"index\":\"tenant-a\",\"collection\":\"edits\"}");
    load_well("enrich");
    api.later = true;
    ck_assert(!trigger(UPDATE_AFTER, WITHOUT_ORDER));
    ck_assert_int_eq(api.count, 1);
    ck_assert_ptr_eq(api.parent_origin, &origin);
    ck_assert_str_eq(
        api.request,
        "{\"controller\":\"document\",\"action\":\"create\",\"body\":{\"assetId\":\"a1\","
        "\"metadata\":{\"weight\":1},\"eventId\":\"event-1\"},\"index\":\"tenant-a\","
        "\"collection\":\"edits\"}");
    answer();
    ck_assert_int_eq(told.count, 1);
    ck_assert(!told.failed);
    ck_assert_str_eq(told.payload, WITHOUT_ORDER);
}
END_TEST

START_TEST(a_reply_that_is_there_at_once_never_comes_from_inside)
{
    configure("enrich", "{\"index\":\"tenant-a\",\"collection\":\"edits\"}");
    load_well("enrich");
    api.reply = "{\"status\":412,\"error\":{\"message\":\"no such index\"}}";
    ck_assert(!trigger(UPDATE_AFTER, WITHOUT_ORDER));
    run_until_told(1);
    ck_assert(!told.failed);
}
END_TEST

START_TEST(a_plugin_without_target_stores_nothing)
{
    load_well("enrich");
    ck_assert(trigger(UPDATE_AFTER, WITHOUT_ORDER));
    ck_assert_int_eq(api.count, 0);
    ck_assert_str_eq(told.payload, WITHOUT_ORDER);
}
END_TEST

/* --- the awkward plugin -------------------------------------------------------------------- */

START_TEST(a_delayed_pipe_goes_on_later)
{
    int64_t begin = kdm_clock_monotonic_ms();

    load_well("awkward");
    ck_assert(!order("delay 30"));
    run_until_told(1);
    ck_assert_int_ge(kdm_clock_monotonic_ms() - begin, 25);
    ck_assert_str_eq(told.payload, WITHOUT_ORDER);
}
END_TEST

START_TEST(fifty_delayed_pipes_wait_side_by_side)
{
    int64_t begin = kdm_clock_monotonic_ms();

    load_well("awkward");
    for (int i = 0; i < 50; i++)
        ck_assert(!order("delay 50"));
    run_until_told(50);
    ck_assert_int_lt(kdm_clock_monotonic_ms() - begin, 1000);
}
END_TEST

START_TEST(a_refusal_carries_status_id_and_message)
{
    load_well("awkward");
    ck_assert(order("refuse"));
    ck_assert(told.failed);
    ck_assert_int_eq(told.status, 403);
    ck_assert_str_eq(told.id, "awkward.refused");
    ck_assert_str_eq(told.message, "The awkward plugin refuses.");
}
END_TEST

START_TEST(returning_nothing_changes_nothing)
{
    load_well("awkward");
    ck_assert(order("nothing"));
    ck_assert(!told.failed);
    ck_assert_ptr_nonnull(strstr(told.payload, "\"awkward\":\"nothing\""));
}
END_TEST

START_TEST(garbage_is_a_500_that_names_the_reason)
{
    load_well("awkward");
    ck_assert(order("garbage"));
    ck_assert(told.failed);
    ck_assert_int_eq(told.status, 500);
    ck_assert_str_eq(told.id, "plugin.runtime.unexpected_error");
    ck_assert_ptr_nonnull(strstr(told.message, "no JSON"));
}
END_TEST

START_TEST(a_refusal_that_is_no_text_is_a_500)
{
    load_well("awkward");
    ck_assert(order("scrawl"));
    ck_assert(told.failed);
    ck_assert_int_eq(told.status, 500);
    ck_assert_ptr_nonnull(strstr(told.message, "not UTF-8"));
}
END_TEST

START_TEST(listening_is_for_load_alone)
{
    load_well("awkward");
    ck_assert(order("listen"));
    ck_assert(!told.failed);
}
END_TEST

START_TEST(a_hook_hears_of_events_and_may_ask_the_api)
{
    configure("awkward", "{\"hook\":\"document:after*\"}");
    load_well("awkward");
    ck_assert(trigger("document:afterDelete", "{}"));
    ck_assert_int_eq(api.count, 1);
    ck_assert_str_eq(api.request, "{\"controller\":\"server\",\"action\":\"now\","
                                  "\"volatile\":{\"event\":\"document:afterDelete\"}}");
    turn_loop(2);
    kdm_bus_hook(bus, kdm_bus_event(bus, KDM_STR("document:afterGet")), KDM_STR("[]"), KDM_STR("e"),
                 NULL);
    ck_assert_int_eq(api.count, 2);
    ck_assert_ptr_null(api.parent_origin);
}
END_TEST

START_TEST(ending_a_call_twice_or_late_counts_once)
{
    load_well("awkward");
    ck_assert(order("twice"));
    ck_assert_int_eq(told.count, 1);
    ck_assert(!told.failed);
    ck_assert(order("late 5"));
    turn_loop(20);
    ck_assert_int_eq(told.count, 2);
}
END_TEST

START_TEST(a_forgotten_call_ends_with_its_deadline)
{
    load_well("awkward");
    ck_assert(!order("forget"));
    turn_loop(5);
    ck_assert_int_eq(told.count, 0);
    kdm_bus_sweep(bus, INT64_MAX);
    ck_assert_int_eq(told.count, 1);
    ck_assert_int_eq(told.status, 504);
}
END_TEST

START_TEST(another_thread_comes_back_to_the_loop)
{
    load_well("awkward");
    ck_assert(!order("thread"));
    run_until_told(1);
    ck_assert_str_eq(told.payload, WITHOUT_ORDER);
}
END_TEST

START_TEST(many_threads_come_back_to_the_loop)
{
    load_well("awkward");
    for (int i = 0; i < 40; i++)
        order("thread");
    run_until_told(40);
}
END_TEST

START_TEST(a_nested_request_knows_its_parent_and_does_not_nest_again)
{
    configure("awkward", "{\"nested\":{\"weight\":42}}");
    load_well("awkward");
    api.later = true;
    ck_assert(!order("nested tenant-a"));
    ck_assert_int_eq(api.count, 1);
    ck_assert_ptr_eq(api.parent_origin, &origin);
    ck_assert_ptr_nonnull(strstr(api.request, "\"engineId\":\"tenant-a\",\"_id\":\"a1\","
                                              "\"body\":{\"metadata\":{\"weight\":42}}"));
    ck_assert(order("nested tenant-a")); /* as the nested update would trigger it */
    ck_assert_int_eq(api.count, 1);
    ck_assert_int_eq(told.count, 1);
    answer();
    ck_assert_int_eq(told.count, 2);
    ck_assert_str_eq(told.payload, WITHOUT_ORDER);
}
END_TEST

START_TEST(a_standing_order_comes_from_the_configuration)
{
    configure("awkward", "{\"do\":\"refuse\",\"event\":\"document:before*\"}");
    load_well("awkward");
    ck_assert(trigger("document:beforeCreate", "{}"));
    ck_assert_int_eq(told.status, 403);
    ck_assert(trigger("document:afterCreate", "{}"));
    ck_assert(!told.failed);
}
END_TEST

START_TEST(two_plugins_share_an_event_in_order_of_loading)
{
    load_well("enrich");
    load_well("awkward");
    ck_assert(!order("delay 1"));
    run_until_told(1);
    ck_assert_str_eq(told.payload, "{\"asset\":{\"_id\":\"a1\"},\"metadata\":{\"weight\":1,"
                                   "\"lastEditor\":\"enrich\"}}");
}
END_TEST

/* --- stopping ------------------------------------------------------------------------------ */

START_TEST(after_the_stop_events_pass_by)
{
    load_well("awkward");
    kdm_native_stop(native);
    ck_assert(order("refuse"));
    ck_assert(!told.failed);
    ck_assert_ptr_nonnull(strstr(told.payload, "refuse"));
    kdm_native_stop(native);
}
END_TEST

START_TEST(a_request_on_its_way_is_answered_by_the_stop)
{
    configure("enrich", "{\"index\":\"i\",\"collection\":\"c\"}");
    load_well("enrich");
    api.later = true;
    ck_assert(!trigger(UPDATE_AFTER, WITHOUT_ORDER));
    kdm_native_stop(native);
    ck_assert_int_eq(told.count, 1); /* the operation goes on without the trace */
    ck_assert(!told.failed);
    answer(); /* too late: nobody hears it */
    ck_assert_int_eq(told.count, 1);
}
END_TEST

START_TEST(a_reply_that_waited_for_the_loop_is_given_by_the_stop)
{
    configure("enrich", "{\"index\":\"i\",\"collection\":\"c\"}");
    load_well("enrich");
    ck_assert(!trigger(UPDATE_AFTER, WITHOUT_ORDER));
    kdm_native_stop(native);
    ck_assert_int_eq(told.count, 1);
}
END_TEST

START_TEST(a_reply_after_the_deadline_does_no_harm)
{
    load_well("awkward");
    api.later = true;
    ck_assert(!order("nested tenant-a"));
    kdm_bus_sweep(bus, INT64_MAX);
    ck_assert_int_eq(told.status, 504);
    answer();
    ck_assert_int_eq(told.count, 1);
}
END_TEST

/* --- a little JSON ------------------------------------------------------------------------- */

static void check_get(const char *json, const char *path, const char *expected)
{
    char *found = kdm_host_json_get(json, path);

    if (expected == NULL)
        ck_assert_ptr_null(found);
    else
        ck_assert_pstr_eq(found, expected);
    free(found);
}

START_TEST(json_get_finds_strings_and_other_values)
{
    static const char json[] = "{\"a\":{\"b\":\"x\\u00e9\\n\",\"n\":1.50,\"o\":{\"p\": [1, 2]}},"
                               "\"nul\":\"a\\u0000b\",\"e\":\"\",\"z\":null}";

    check_get(json, "a.b", "xé\n");
    check_get(json, "a.n", "1.50");
    check_get(json, "a.o.p", "[1, 2]");
    check_get(json, "e", "");
    check_get(json, "z", "null");
    check_get(json, "nul", NULL);
    check_get(json, "a.c", NULL);
    check_get(json, "", NULL);
    check_get("[1", "a", NULL);
    check_get("[1]", "a", NULL);
    check_get("", "a", NULL);
}
END_TEST

static void check_set(const char *json, const char *path, const char *value, const char *expected)
{
    char *changed = kdm_host_json_set(json, path, value);

    if (expected == NULL)
        ck_assert_ptr_null(changed);
    else
        ck_assert_pstr_eq(changed, expected);
    free(changed);
}

START_TEST(json_set_sets_makes_and_removes)
{
    check_set("{\"a\":1}", "a", "[2]", "{\"a\":[2]}");
    check_set("{\"a\":1}", "b.c", "{\"d\": true}", "{\"a\":1,\"b\":{\"c\":{\"d\":true}}}");
    check_set("{\"a\":1,\"b\":{\"c\":2}}", "b.c", NULL, "{\"a\":1,\"b\":{}}");
    check_set("{\"a\":1}", "x.y", NULL, "{\"a\":1}");
    check_set("{\"a\":1}", "a", "oops", NULL);
    check_set("[1]", "a", "1", NULL);
    check_set("oops", "a", "1", NULL);
}
END_TEST

START_TEST(json_quote_escapes_and_refuses_what_is_not_utf8)
{
    char *quoted = kdm_host_json_quote("a\"\\\n\x01é");

    ck_assert_pstr_eq(quoted, "\"a\\\"\\\\\\n\\u0001é\"");
    free(quoted);
    ck_assert_ptr_null(kdm_host_json_quote("\xff"));
}
END_TEST

static TCase *loading(void)
{
    TCase *tcase = tcase_create("loading");

    tcase_add_test(tcase, a_plugin_is_loaded_and_listed_by_its_name);
    tcase_add_test(tcase, what_is_no_plugin_is_refused_with_a_clear_line);
    tcase_add_test(tcase, a_file_that_is_no_shared_object_is_refused);
    tcase_add_test(tcase, a_bare_name_is_a_file_here_and_no_library_of_the_system);
    tcase_add_test(tcase, a_plugin_that_refuses_leaves_nothing_behind);
    tcase_add_test(tcase, a_name_is_taken_once);
    tcase_add_test(tcase, a_bad_pattern_makes_the_loading_fail);
    tcase_add_test(tcase, a_plugin_needs_no_configuration);
    return tcase;
}

static TCase *running(void)
{
    TCase *tcase = tcase_create("running");

    tcase_add_test(tcase, a_pipe_enriches_the_metadata_as_configured);
    tcase_add_test(tcase, an_after_pipe_stores_a_document_within_its_operation);
    tcase_add_test(tcase, a_reply_that_is_there_at_once_never_comes_from_inside);
    tcase_add_test(tcase, a_plugin_without_target_stores_nothing);
    tcase_add_test(tcase, a_delayed_pipe_goes_on_later);
    tcase_add_test(tcase, fifty_delayed_pipes_wait_side_by_side);
    tcase_add_test(tcase, a_refusal_carries_status_id_and_message);
    tcase_add_test(tcase, returning_nothing_changes_nothing);
    tcase_add_test(tcase, garbage_is_a_500_that_names_the_reason);
    tcase_add_test(tcase, a_refusal_that_is_no_text_is_a_500);
    tcase_add_test(tcase, listening_is_for_load_alone);
    tcase_add_test(tcase, a_hook_hears_of_events_and_may_ask_the_api);
    tcase_add_test(tcase, ending_a_call_twice_or_late_counts_once);
    tcase_add_test(tcase, a_forgotten_call_ends_with_its_deadline);
    tcase_add_test(tcase, another_thread_comes_back_to_the_loop);
    tcase_add_test(tcase, many_threads_come_back_to_the_loop);
    tcase_add_test(tcase, a_nested_request_knows_its_parent_and_does_not_nest_again);
    tcase_add_test(tcase, a_standing_order_comes_from_the_configuration);
    tcase_add_test(tcase, two_plugins_share_an_event_in_order_of_loading);
    return tcase;
}

static TCase *stopping(void)
{
    TCase *tcase = tcase_create("stopping");

    tcase_add_test(tcase, after_the_stop_events_pass_by);
    tcase_add_test(tcase, a_request_on_its_way_is_answered_by_the_stop);
    tcase_add_test(tcase, a_reply_that_waited_for_the_loop_is_given_by_the_stop);
    tcase_add_test(tcase, a_reply_after_the_deadline_does_no_harm);
    return tcase;
}

static TCase *json(void)
{
    TCase *tcase = tcase_create("json");

    tcase_add_test(tcase, json_get_finds_strings_and_other_values);
    tcase_add_test(tcase, json_set_sets_makes_and_removes);
    tcase_add_test(tcase, json_quote_escapes_and_refuses_what_is_not_utf8);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("plugin/native");
    TCase *tcases[] = { loading(), running(), stopping(), json() };
    SRunner *runner;
    int failed;

    kdm_log_set_level(KDM_LOG_ERROR + 1);
    for (size_t i = 0; i < sizeof(tcases) / sizeof(tcases[0]); i++) {
        tcase_add_checked_fixture(tcases[i], set_up, tear_down);
        suite_add_tcase(suite, tcases[i]);
    }
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
