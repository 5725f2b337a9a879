/* run_test.c - triggered events on their way: pipes that wait, change, refuse, vanish or misbehave.
 */
#include "base/arena.h"
#include "base/log.h"
#include "event/bus.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define DEADLINE 1000

static const struct kdm_hash_seed seed = { 3, 4 };
static struct kdm_bus *bus;
static struct kdm_event *event;

/* What done was told last. */
static struct {
    int count;
    bool failed;
    int status;
    char payload[256], id[64], message[256];
} told;

static void copy_to(char *to, size_t room, struct kdm_str s)
{
    snprintf(to, room, KDM_FMT, s.ptr == NULL ? 6 : (int)s.len, s.ptr == NULL ? "(none)" : s.ptr);
}

static void on_done(void *ctx, const struct kdm_event_result *result)
{
    ck_assert_ptr_eq(ctx, &told);
    told.count++;
    told.failed = result->failed;
    told.status = result->status;
    copy_to(told.payload, sizeof(told.payload), result->payload);
    copy_to(told.id, sizeof(told.id), result->id);
    copy_to(told.message, sizeof(told.message), result->message);
}

static void set_up(void)
{
    memset(&told, 0, sizeof(told));
    bus = kdm_bus_create(&seed);
    event = kdm_bus_event(bus, KDM_STR("scope:before"));
}

static void tear_down(void)
{
    kdm_bus_destroy(bus);
}

static void on_pipe(kdm_handler_fn *fn, const void *self)
{
    ck_assert(kdm_bus_on_pipe(bus, KDM_STR("scope:before"), fn, (void *)self, "tester"));
}

static void on_hook(kdm_handler_fn *fn, const void *self)
{
    ck_assert(kdm_bus_on_hook(bus, KDM_STR("scope:before"), fn, (void *)self, "tester"));
}

static struct kdm_event_run *trigger_with(void *origin, int attempt)
{
    char payload[] = "{\"n\":0}", id[] = "event-1";
    struct kdm_event_run *run = kdm_bus_pipe(bus, event, kdm_str_of(payload), kdm_str_of(id),
                                             attempt, origin, DEADLINE, on_done, &told);

    memset(payload, 'x', sizeof(payload) - 1); /* both were copied */
    memset(id, 'x', sizeof(id) - 1);
    return run;
}

static struct kdm_event_run *trigger(void)
{
    return trigger_with(NULL, 1);
}

/* --- handlers ------------------------------------------------------------------------------ */

/* Answers with the text it was registered with. */
static void say(void *self, struct kdm_event_call *call)
{
    kdm_call_next(call, kdm_str_of(self));
}

static void pass(void *self, struct kdm_event_call *call)
{
    (void)self;
    kdm_call_next(call, KDM_STR_NONE);
}

static void refuse(void *self, struct kdm_event_call *call)
{
    (void)self;
    kdm_call_fail(call, 403, KDM_STR("my.error"), KDM_STR("not you"));
}

/* Keeps its call for later. */
static void hold(void *self, struct kdm_event_call *call)
{
    *(struct kdm_event_call **)self = call;
}

static void count(void *self, struct kdm_event_call *call)
{
    (*(int *)self)++;
    kdm_call_next(call, KDM_STR_NONE);
}

/* Notes what it got. */
static void note(void *self, struct kdm_event_call *call)
{
    copy_to(self, 64, kdm_call_payload(call));
}

/* --- the plain ways ------------------------------------------------------------------------ */

START_TEST(an_event_without_listeners_gives_its_payload_back)
{
    ck_assert_ptr_null(trigger());
    ck_assert_int_eq(told.count, 1);
    ck_assert(!told.failed);
    ck_assert_str_eq(told.payload, "{\"n\":0}");
}
END_TEST

START_TEST(each_pipe_receives_what_the_one_before_returned)
{
    char seen[64];

    on_pipe(say, "{\"n\":1}");
    on_pipe(pass, NULL);
    on_pipe(say, "{\"n\":2}");
    on_hook(note, seen);
    ck_assert_ptr_null(trigger());
    ck_assert_int_eq(told.count, 1);
    ck_assert_str_eq(told.payload, "{\"n\":2}");
    ck_assert_str_eq(seen, "{\"n\":2}");
}
END_TEST

static void return_piece(void *self, struct kdm_event_call *call)
{
    struct kdm_str payload = kdm_call_payload(call);

    (void)self;
    kdm_call_next(call, (struct kdm_str){ .ptr = payload.ptr + 1, .len = 3 });
}

START_TEST(a_pipe_may_return_a_piece_of_what_it_got)
{
    on_pipe(return_piece, NULL);
    trigger();
    ck_assert_str_eq(told.payload, "\"n\"");
}
END_TEST

START_TEST(a_refusal_ends_the_operation_and_is_no_news_for_hooks)
{
    char seen[64] = "nothing";
    int later = 0;

    on_pipe(refuse, NULL);
    on_pipe(count, &later);
    on_hook(note, seen);
    ck_assert_ptr_null(trigger());
    ck_assert_int_eq(told.count, 1);
    ck_assert(told.failed);
    ck_assert_int_eq(told.status, 403);
    ck_assert_str_eq(told.id, "my.error");
    ck_assert_str_eq(told.message, "not you");
    ck_assert_int_eq(later, 0);
    ck_assert_str_eq(seen, "nothing");
}
END_TEST

static void refuse_with(void *self, struct kdm_event_call *call)
{
    kdm_call_fail(call, *(int *)self, KDM_STR_NONE, KDM_STR("no"));
}

START_TEST(a_refusal_with_a_status_that_is_no_error_is_a_500)
{
    int statuses[] = { 200, -1, 600, 399 }, status = 0;

    on_pipe(refuse_with, &status);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        status = statuses[i];
        trigger();
        ck_assert_int_eq(told.status, 500);
    }
    ck_assert_str_eq(told.id, "(none)");
    status = 599;
    trigger();
    ck_assert_int_eq(told.status, 599);
}
END_TEST

static void check_call(void *self, struct kdm_event_call *call)
{
    ck_assert(kdm_str_eq(kdm_call_event(call), KDM_STR("scope:before")));
    ck_assert(kdm_str_eq(kdm_call_payload(call), KDM_STR("{\"n\":0}")));
    ck_assert_str_eq(kdm_call_id(call).ptr, "event-1"); /* a NUL is behind it */
    ck_assert_int_eq(kdm_call_attempt(call), 3);
    ck_assert_ptr_eq(kdm_call_origin(call), self);
    ck_assert_str_eq(kdm_call_owner(call), "tester");
    kdm_call_next(call, KDM_STR_NONE);
}

START_TEST(a_handler_sees_the_event_its_id_the_attempt_and_the_origin)
{
    int origin = 0;

    on_pipe(check_call, &origin);
    trigger_with(&origin, 3);
    ck_assert_int_eq(told.count, 1);
}
END_TEST

static void see_hook(void *self, struct kdm_event_call *call)
{
    (*(int *)self)++;
    ck_assert_int_eq(kdm_call_attempt(call), 1);
    ck_assert_ptr_eq(kdm_call_origin(call), self);
    ck_assert(kdm_str_eq(kdm_call_payload(call), KDM_STR("[1]")));
    ck_assert(kdm_str_eq(kdm_call_id(call), KDM_STR("e")));
}

START_TEST(a_hook_trigger_tells_every_hook_and_no_pipe)
{
    int heard = 0, piped = 0;

    on_hook(see_hook, &heard);
    on_hook(see_hook, &heard);
    on_pipe(count, &piped);
    kdm_bus_hook(bus, event, KDM_STR("[1]"), KDM_STR("e"), &heard);
    kdm_bus_hook(bus, kdm_bus_event(bus, KDM_STR("a:b")), KDM_STR("1"), KDM_STR("e"), NULL);
    ck_assert_int_eq(heard, 2);
    ck_assert_int_eq(piped, 0);
}
END_TEST

/* --- waiting ------------------------------------------------------------------------------- */

START_TEST(a_pipe_may_end_its_call_later)
{
    struct kdm_event_call *call = NULL;
    int later = 0;

    on_pipe(hold, &call);
    on_pipe(count, &later);
    ck_assert_ptr_nonnull(trigger());
    ck_assert_int_eq(told.count, 0);
    ck_assert_int_eq(later, 0);
    kdm_call_next(call, KDM_STR("{\"n\":9}"));
    ck_assert_int_eq(told.count, 1);
    ck_assert_int_eq(later, 1);
    ck_assert_str_eq(told.payload, "{\"n\":9}");
}
END_TEST

START_TEST(a_pipe_may_refuse_later)
{
    struct kdm_event_call *call = NULL;

    on_pipe(hold, &call);
    trigger();
    kdm_call_fail(call, 412, KDM_STR_NONE, KDM_STR_NONE);
    ck_assert_int_eq(told.count, 1);
    ck_assert_int_eq(told.status, 412);
    ck_assert_str_eq(told.message, "(none)");
}
END_TEST

START_TEST(two_pipes_may_wait_one_after_the_other)
{
    struct kdm_event_call *first = NULL, *second = NULL;

    on_pipe(hold, &first);
    on_pipe(hold, &second);
    trigger();
    kdm_call_next(first, KDM_STR("1"));
    ck_assert_int_eq(told.count, 0);
    ck_assert(kdm_str_eq(kdm_call_payload(second), KDM_STR("1")));
    kdm_call_next(second, KDM_STR("2"));
    ck_assert_int_eq(told.count, 1);
    ck_assert_str_eq(told.payload, "2");
}
END_TEST

START_TEST(runs_of_one_event_do_not_disturb_each_other)
{
    struct kdm_event_call *call = NULL, *calls[3];

    on_pipe(hold, &call);
    for (int i = 0; i < 3; i++) {
        trigger();
        calls[i] = call;
    }
    kdm_call_next(calls[1], KDM_STR("1"));
    ck_assert_str_eq(told.payload, "1");
    kdm_call_next(calls[2], KDM_STR("2"));
    ck_assert_str_eq(told.payload, "2");
    kdm_call_next(calls[0], KDM_STR("0"));
    ck_assert_str_eq(told.payload, "0");
    ck_assert_int_eq(told.count, 3);
}
END_TEST

START_TEST(many_pipes_that_end_at_once_take_no_stack)
{
    int ran = 0;

    for (int i = 0; i < 100000; i++)
        kdm_bus_on_pipe(bus, KDM_STR("many:*"), count, &ran, "tester");
    event = kdm_bus_event(bus, KDM_STR("many:pipes"));
    trigger();
    ck_assert_int_eq(ran, 100000);
    ck_assert_int_eq(told.count, 1);
}
END_TEST

static void trigger_inner(void *self, struct kdm_event_call *call)
{
    (void)self;
    ck_assert_ptr_null(kdm_bus_pipe(bus, kdm_bus_event(bus, KDM_STR("inner:event")), KDM_STR("7"),
                                    KDM_STR("inner"), 1, NULL, DEADLINE, on_done, &told));
    kdm_call_next(call, kdm_str_of(told.payload));
}

START_TEST(a_handler_may_trigger_another_event)
{
    ck_assert(kdm_bus_on_pipe(bus, KDM_STR("inner:*"), say, (void *)"8", "tester"));
    on_pipe(trigger_inner, NULL);
    trigger();
    ck_assert_int_eq(told.count, 2);
    ck_assert_str_eq(told.payload, "8");
}
END_TEST

/* --- misbehaviour -------------------------------------------------------------------------- */

static void end_twice(void *self, struct kdm_event_call *call)
{
    (void)self;
    kdm_call_next(call, KDM_STR("1"));
    kdm_call_next(call, KDM_STR("2"));
    kdm_call_fail(call, 500, KDM_STR_NONE, KDM_STR("3"));
}

START_TEST(a_call_that_is_ended_twice_counts_once)
{
    int later = 0;

    on_pipe(end_twice, NULL);
    on_pipe(count, &later);
    trigger();
    ck_assert_int_eq(told.count, 1);
    ck_assert_int_eq(later, 1);
    ck_assert(!told.failed);
    ck_assert_str_eq(told.payload, "1");
}
END_TEST

START_TEST(a_call_ended_again_long_after_is_still_known)
{
    struct kdm_event_call *call = NULL, *stale;

    on_pipe(hold, &call);
    trigger();
    stale = call;
    kdm_call_next(stale, KDM_STR_NONE);
    for (int i = 0; i < 1000; i++) {
        trigger();
        kdm_call_next(stale, KDM_STR("stale"));
        ck_assert_int_eq(told.count, i + 1);
        kdm_call_next(call, KDM_STR_NONE);
    }
    ck_assert_str_eq(told.payload, "{\"n\":0}");
}
END_TEST

START_TEST(a_call_that_has_ended_shows_nothing)
{
    struct kdm_event_call *call = NULL;
    int origin = 0;

    on_pipe(hold, &call);
    trigger_with(&origin, 2);
    ck_assert_ptr_eq(kdm_call_origin(call), &origin);
    kdm_call_next(call, KDM_STR_NONE);
    ck_assert(kdm_str_none(kdm_call_event(call)));
    ck_assert(kdm_str_none(kdm_call_payload(call)));
    ck_assert(kdm_str_none(kdm_call_id(call)));
    ck_assert_int_eq(kdm_call_attempt(call), 0);
    ck_assert_ptr_null(kdm_call_origin(call));
}
END_TEST

START_TEST(a_hook_that_ends_its_call_changes_nothing)
{
    char seen[64];

    on_hook(say, "changed");
    on_hook(refuse, NULL);
    on_hook(note, seen);
    trigger();
    ck_assert_int_eq(told.count, 1);
    ck_assert(!told.failed);
    ck_assert_str_eq(told.payload, "{\"n\":0}");
    ck_assert_str_eq(seen, "{\"n\":0}");
}
END_TEST

START_TEST(a_hook_that_keeps_its_call_finds_it_ended)
{
    struct kdm_event_call *call = NULL;

    on_hook(hold, &call);
    trigger();
    ck_assert(kdm_str_none(kdm_call_payload(call)));
    kdm_call_next(call, KDM_STR("late"));
    ck_assert_int_eq(told.count, 1);
}
END_TEST

/* --- deadlines and leaving ----------------------------------------------------------------- */

START_TEST(a_pipe_past_its_deadline_is_a_504)
{
    struct kdm_event_call *call = NULL;
    char seen[64] = "nothing";

    on_pipe(hold, &call);
    on_hook(note, seen);
    trigger();
    kdm_bus_sweep(bus, DEADLINE - 1);
    ck_assert_int_eq(told.count, 0);
    kdm_bus_sweep(bus, DEADLINE);
    ck_assert_int_eq(told.count, 1);
    ck_assert(told.failed);
    ck_assert_int_eq(told.status, 504);
    ck_assert_str_eq(told.id, "plugin.runtime.pipe_timeout");
    ck_assert_ptr_nonnull(strstr(told.message, "tester"));
    ck_assert_ptr_nonnull(strstr(told.message, "scope:before"));
    ck_assert_str_eq(seen, "nothing");
    kdm_bus_sweep(bus, DEADLINE + 1);
    ck_assert_int_eq(told.count, 1);
}
END_TEST

START_TEST(a_late_end_is_ignored_and_its_texts_last_until_then)
{
    struct kdm_event_call *call = NULL;
    struct kdm_str payload;

    on_pipe(hold, &call);
    trigger_with(&told, 1);
    payload = kdm_call_payload(call);
    kdm_bus_sweep(bus, DEADLINE);
    ck_assert(kdm_str_eq(payload, KDM_STR("{\"n\":0}")));
    ck_assert(kdm_str_eq(kdm_call_payload(call), payload));
    ck_assert_ptr_null(kdm_call_origin(call));
    kdm_call_next(call, KDM_STR("late"));
    kdm_call_next(call, KDM_STR("late again"));
    ck_assert_int_eq(told.count, 1);
}
END_TEST

START_TEST(a_cancelled_run_is_not_told_and_its_handler_may_still_end_its_call)
{
    struct kdm_event_call *call = NULL;
    int later = 0;

    on_pipe(hold, &call);
    on_pipe(count, &later);
    kdm_bus_cancel(trigger_with(&told, 1));
    ck_assert(kdm_str_eq(kdm_call_id(call), KDM_STR("event-1")));
    ck_assert_ptr_null(kdm_call_origin(call));
    kdm_call_fail(call, 400, KDM_STR_NONE, KDM_STR_NONE);
    kdm_bus_sweep(bus, INT64_MAX);
    ck_assert_int_eq(told.count, 0);
    ck_assert_int_eq(later, 0);
}
END_TEST

static void cancel_run(void *self, struct kdm_event_call *call)
{
    kdm_bus_cancel(*(struct kdm_event_run **)self);
    kdm_call_next(call, KDM_STR("gone"));
}

START_TEST(a_run_may_be_cancelled_from_within_a_handler)
{
    struct kdm_event_call *call = NULL;
    struct kdm_event_run *run = NULL;
    int later = 0;

    on_pipe(hold, &call);
    on_pipe(cancel_run, &run);
    on_pipe(count, &later);
    run = trigger();
    kdm_call_next(call, KDM_STR_NONE);
    ck_assert_int_eq(told.count, 0);
    ck_assert_int_eq(later, 0);
}
END_TEST

static void cancel_from_hook(void *self, struct kdm_event_call *call)
{
    (void)call;
    kdm_bus_cancel(*(struct kdm_event_run **)self);
}

static void check_no_origin(void *self, struct kdm_event_call *call)
{
    (*(int *)self)++;
    ck_assert_ptr_null(kdm_call_origin(call));
}

START_TEST(a_run_may_be_cancelled_from_within_a_hook)
{
    struct kdm_event_call *call = NULL;
    struct kdm_event_run *run = NULL;
    int heard = 0;

    on_pipe(hold, &call);
    on_hook(cancel_from_hook, &run);
    on_hook(check_no_origin, &heard);
    run = trigger_with(&told, 1);
    kdm_call_next(call, KDM_STR_NONE);
    ck_assert_int_eq(told.count, 0);
    ck_assert_int_eq(heard, 1);
}
END_TEST

static void cancel_other(void *ctx, const struct kdm_event_result *result)
{
    struct kdm_event_run **other = ctx;

    ck_assert(result->failed);
    if (*other != NULL)
        kdm_bus_cancel(*other);
    *other = NULL;
}

START_TEST(one_that_times_out_may_cancel_another_that_is_due_too)
{
    struct kdm_event_call *call = NULL;
    struct kdm_event_run *first = NULL, *second = NULL;

    on_pipe(hold, &call);
    first = kdm_bus_pipe(bus, event, KDM_STR("1"), KDM_STR("1"), 1, NULL, 5, cancel_other, &second);
    second = kdm_bus_pipe(bus, event, KDM_STR("2"), KDM_STR("2"), 1, NULL, 5, cancel_other, &first);
    kdm_bus_sweep(bus, 5);
    ck_assert((first == NULL) != (second == NULL)); /* whoever came first has cancelled the other */
}
END_TEST

static void trigger_again(void *ctx, const struct kdm_event_result *result)
{
    (void)result;
    if (++*(int *)ctx < 3)
        kdm_bus_pipe(bus, event, KDM_STR("1"), KDM_STR("1"), 1, NULL, 5, trigger_again, ctx);
}

START_TEST(one_that_times_out_may_trigger_anew)
{
    struct kdm_event_call *call = NULL;
    int done = 0;

    on_pipe(hold, &call);
    kdm_bus_pipe(bus, event, KDM_STR("1"), KDM_STR("1"), 1, NULL, 5, trigger_again, &done);
    kdm_bus_sweep(bus, 5);
    ck_assert_int_eq(done, 1); /* the new one waits for the next sweep: no endless loop */
    kdm_bus_sweep(bus, 5);
    ck_assert_int_eq(done, 2);
    kdm_bus_sweep(bus, 5);
    ck_assert_int_eq(done, 3);
}
END_TEST

START_TEST(handlers_that_never_end_their_calls_do_not_fill_the_memory)
{
    struct kdm_event_call *call = NULL, *first;

    on_pipe(hold, &call);
    trigger();
    first = call;
    for (int i = 0; i < 1500; i++) {
        kdm_bus_sweep(bus, DEADLINE);
        trigger();
    }
    ck_assert_int_eq(told.count, 1500);
    ck_assert(kdm_str_none(kdm_call_payload(first))); /* the oldest were given up */
    kdm_call_next(call, KDM_STR_NONE);
    ck_assert_int_eq(told.count, 1501);
}
END_TEST

START_TEST(destroying_the_bus_drops_what_still_runs)
{
    struct kdm_event_call *call = NULL;

    on_pipe(hold, &call);
    trigger();
    trigger();
    kdm_bus_sweep(bus, DEADLINE);
    trigger();
    kdm_bus_destroy(bus);
    bus = NULL;
    ck_assert_int_eq(told.count, 2);
}
END_TEST

static TCase *plain(void)
{
    TCase *tcase = tcase_create("plain");

    tcase_add_test(tcase, an_event_without_listeners_gives_its_payload_back);
    tcase_add_test(tcase, each_pipe_receives_what_the_one_before_returned);
    tcase_add_test(tcase, a_pipe_may_return_a_piece_of_what_it_got);
    tcase_add_test(tcase, a_refusal_ends_the_operation_and_is_no_news_for_hooks);
    tcase_add_test(tcase, a_refusal_with_a_status_that_is_no_error_is_a_500);
    tcase_add_test(tcase, a_handler_sees_the_event_its_id_the_attempt_and_the_origin);
    tcase_add_test(tcase, a_hook_trigger_tells_every_hook_and_no_pipe);
    tcase_add_test(tcase, a_pipe_may_end_its_call_later);
    tcase_add_test(tcase, a_pipe_may_refuse_later);
    tcase_add_test(tcase, two_pipes_may_wait_one_after_the_other);
    tcase_add_test(tcase, runs_of_one_event_do_not_disturb_each_other);
    tcase_add_test(tcase, many_pipes_that_end_at_once_take_no_stack);
    tcase_add_test(tcase, a_handler_may_trigger_another_event);
    return tcase;
}

static TCase *hostile(void)
{
    TCase *tcase = tcase_create("hostile");

    tcase_add_test(tcase, a_call_that_is_ended_twice_counts_once);
    tcase_add_test(tcase, a_call_ended_again_long_after_is_still_known);
    tcase_add_test(tcase, a_call_that_has_ended_shows_nothing);
    tcase_add_test(tcase, a_hook_that_ends_its_call_changes_nothing);
    tcase_add_test(tcase, a_hook_that_keeps_its_call_finds_it_ended);
    tcase_add_test(tcase, a_pipe_past_its_deadline_is_a_504);
    tcase_add_test(tcase, a_late_end_is_ignored_and_its_texts_last_until_then);
    tcase_add_test(tcase, a_cancelled_run_is_not_told_and_its_handler_may_still_end_its_call);
    tcase_add_test(tcase, a_run_may_be_cancelled_from_within_a_handler);
    tcase_add_test(tcase, a_run_may_be_cancelled_from_within_a_hook);
    tcase_add_test(tcase, one_that_times_out_may_cancel_another_that_is_due_too);
    tcase_add_test(tcase, one_that_times_out_may_trigger_anew);
    tcase_add_test(tcase, handlers_that_never_end_their_calls_do_not_fill_the_memory);
    tcase_add_test(tcase, destroying_the_bus_drops_what_still_runs);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("event/run");
    TCase *tcases[] = { plain(), hostile() };
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
