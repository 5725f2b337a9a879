/* listen_test.c - which listeners an event has, and in which order they run. */
#include "base/buf.h"
#include "event/bus.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const struct kdm_hash_seed seed = { 1, 2 };
static struct kdm_bus *bus;
static struct kdm_buf heard; /* the labels of the listeners that ran, in order */

static void set_up(void)
{
    bus = kdm_bus_create(&seed);
    kdm_buf_init(&heard, NULL, 64);
}

static void tear_down(void)
{
    kdm_bus_destroy(bus);
    kdm_buf_fini(&heard);
}

static void hear_pipe(void *self, struct kdm_event_call *call)
{
    kdm_buf_printf(&heard, "%s ", (const char *)self);
    kdm_call_next(call, KDM_STR_NONE);
}

static void hear_hook(void *self, struct kdm_event_call *call)
{
    (void)call;
    kdm_buf_printf(&heard, "%s ", (const char *)self);
}

static void ignore_result(void *ctx, const struct kdm_event_result *result)
{
    (void)ctx;
    (void)result;
}

/* Listens to `pattern` under the name `label`. */
static bool pipe_as(const char *pattern, const char *label)
{
    return kdm_bus_on_pipe(bus, kdm_str_of(pattern), hear_pipe, (void *)label, "test");
}

/* The same, under its own name. */
static bool pipe_on(const char *pattern)
{
    return pipe_as(pattern, pattern);
}

static bool hook_on(const char *pattern)
{
    return kdm_bus_on_hook(bus, kdm_str_of(pattern), hear_hook, (void *)pattern, "test");
}

/* Which listeners heard of `event`: their labels, each followed by a blank. */
static const char *trigger(const char *event)
{
    heard.len = 0;
    ck_assert_ptr_null(kdm_bus_pipe(bus, kdm_bus_event(bus, kdm_str_of(event)), KDM_STR("{}"),
                                    KDM_STR("id"), 1, NULL, INT64_MAX, ignore_result, NULL));
    kdm_buf_char(&heard, '\0');
    return heard.ptr;
}

START_TEST(an_event_is_the_same_one_at_every_ask)
{
    struct kdm_event *event = kdm_bus_event(bus, KDM_STR("a:b"));

    ck_assert_ptr_eq(kdm_bus_event(bus, KDM_STR("a:b")), event);
    ck_assert_ptr_ne(kdm_bus_event(bus, KDM_STR("a:c")), event);
    ck_assert(kdm_str_eq(kdm_event_name(event), KDM_STR("a:b")));
}
END_TEST

START_TEST(an_event_follows_registrations_made_after_it)
{
    struct kdm_event *event = kdm_bus_event(bus, KDM_STR("document:beforeCreate"));
    struct kdm_event *other = kdm_bus_event(bus, KDM_STR("document:afterCreate"));

    ck_assert(!kdm_event_has_pipes(event));
    pipe_on("document:before*");
    ck_assert(kdm_event_has_pipes(event));
    ck_assert(!kdm_event_has_hooks(event));
    hook_on("document:*");
    ck_assert(kdm_event_has_hooks(event));
    ck_assert(!kdm_event_has_pipes(other));
    ck_assert(kdm_event_has_hooks(other));
}
END_TEST

START_TEST(exact_listeners_run_first_then_prefixes_then_the_whole_scope)
{
    kdm_bus_event(bus, KDM_STR("document:beforeCreate")); /* sorts in later ones too */
    pipe_on("document:*");
    pipe_on("document:before*");
    pipe_on("document:beforeCreate");
    pipe_on("document:after*");
    hook_on("document:*");
    ck_assert_str_eq(trigger("document:beforeCreate"),
                     "document:beforeCreate document:before* document:* document:* ");
    ck_assert_str_eq(trigger("document:afterCreate"), "document:after* document:* document:* ");
    ck_assert_str_eq(trigger("document:errorCreate"), "document:* document:* ");
}
END_TEST

START_TEST(listeners_of_one_rank_run_in_order_of_registration)
{
    pipe_as("a:*", "1");
    pipe_as("a:*", "2");
    pipe_as("a:*", "3");
    ck_assert_str_eq(trigger("a:b"), "1 2 3 ");
}
END_TEST

START_TEST(a_scope_is_everything_before_the_last_colon)
{
    pipe_on("device-manager:measures:process:before*");
    pipe_on("device-manager:measures:process:*");
    pipe_on("device-manager:measures:*");
    pipe_on("device-manager:*");
    ck_assert_str_eq(trigger("device-manager:measures:process:before"),
                     "device-manager:measures:process:before* device-manager:measures:process:* ");
    ck_assert_str_eq(trigger("device-manager:measures:process:sourceBefore"),
                     "device-manager:measures:process:* ");
    ck_assert_str_eq(trigger("engine:t:device-manager:measures:process:before"), "");
    ck_assert_str_eq(trigger("device-manager:measures"), "device-manager:* ");
}
END_TEST

START_TEST(an_event_without_scope_has_exact_listeners_only)
{
    pipe_on("kuzzleStart");
    pipe_on("a:*");
    ck_assert_str_eq(trigger("kuzzleStart"), "kuzzleStart ");
    ck_assert_str_eq(trigger("a"), "");
    ck_assert_str_eq(trigger(""), "");
}
END_TEST

START_TEST(what_is_no_pattern_is_refused)
{
    static const char *const bad[] = { "",     "*",    "before*",   ":*",       ":before*",
                                       "a*",   "a:b*", "a:*b",      "a:**",     "*:a",
                                       "a*:*", "*:*",  "a:Before*", "a:befor*", "a:be*fore*" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(!pipe_on(bad[i]), "pipe on \"%s\"", bad[i]);
        ck_assert_msg(!hook_on(bad[i]), "hook on \"%s\"", bad[i]);
        ck_assert(!kdm_bus_is_pattern(kdm_str_of(bad[i])));
    }
    ck_assert(!kdm_bus_is_pattern(KDM_STR_NONE));
    ck_assert(kdm_bus_is_pattern(KDM_STR("a:b:after*")));
}
END_TEST

START_TEST(texts_of_a_registration_are_copied)
{
    char pattern[] = "a:before*";

    pipe_as(pattern, "ran");
    memset(pattern, 'x', sizeof(pattern));
    ck_assert_str_eq(trigger("a:beforeUpdate"), "ran ");
}
END_TEST

START_TEST(many_events_and_listeners_find_each_other)
{
    char name[32];

    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "scope-%d:*", i % 20);
        ck_assert(pipe_as(name, "."));
        snprintf(name, sizeof(name), "scope-%d:event", i);
        kdm_bus_event(bus, kdm_str_of(name));
    }
    ck_assert_str_eq(trigger("scope-7:event"), ". . . . . . . . . . ");
    ck_assert_str_eq(trigger("scope-20:event"), "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("event/listen");
    TCase *tcase = tcase_create("listen");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, an_event_is_the_same_one_at_every_ask);
    tcase_add_test(tcase, an_event_follows_registrations_made_after_it);
    tcase_add_test(tcase, exact_listeners_run_first_then_prefixes_then_the_whole_scope);
    tcase_add_test(tcase, listeners_of_one_rank_run_in_order_of_registration);
    tcase_add_test(tcase, a_scope_is_everything_before_the_last_colon);
    tcase_add_test(tcase, an_event_without_scope_has_exact_listeners_only);
    tcase_add_test(tcase, what_is_no_pattern_is_refused);
    tcase_add_test(tcase, texts_of_a_registration_are_copied);
    tcase_add_test(tcase, many_events_and_listeners_find_each_other);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
