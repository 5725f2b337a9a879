/* queue_test.c - LOST and UNSENT to the byte, without a socket. */
#include "redis/queue.h"

#include <check.h>
#include <stdint.h>
#include <stdlib.h>

static struct kdm_redis_queue queue;

static void note(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    (void)ctx, (void)outcome, (void)reply;
}

static void set_up(void)
{
    kdm_redis_queue_init(&queue);
}

static void tear_down(void)
{
    kdm_redis_queue_fini(&queue);
}

/* Queues ECHO <text> for client `n`. */
static bool push_text(intptr_t n, const char *text, int64_t deadline_ms)
{
    struct kdm_redis_queued command = { .fn = note, .ctx = (void *)n, .deadline_ms = deadline_ms };
    struct kdm_str args[] = { KDM_STR("ECHO"), kdm_str_of(text) };

    return kdm_redis_queue_push(&queue, &command, NULL, 0, args, 2);
}

static void write_bytes(size_t n)
{
    kdm_redis_queue_wrote(&queue, n);
}

static void write_all(void)
{
    write_bytes(kdm_redis_queue_unsent(&queue).len);
}

static void assert_ended(intptr_t n, enum kdm_redis_outcome outcome)
{
    struct kdm_redis_ended ended;

    ck_assert(kdm_redis_queue_next_ended(&queue, &ended));
    ck_assert_int_eq((intptr_t)ended.ctx, n);
    ck_assert_int_eq(ended.outcome, outcome);
}

static void assert_none_ended(void)
{
    struct kdm_redis_ended ended;

    ck_assert(!kdm_redis_queue_next_ended(&queue, &ended));
}

static void assert_unsent(const char *expected)
{
    struct kdm_str unsent = kdm_redis_queue_unsent(&queue);

    ck_assert_msg(kdm_str_eq(unsent, kdm_str_of(expected)), "unsent: " KDM_FMT, KDM_ARG(unsent));
}

START_TEST(a_command_becomes_resp)
{
    struct kdm_str head[] = { KDM_STR("A") }, args[] = { KDM_STR("0123456789"), KDM_STR("") };
    struct kdm_redis_queued command = { .fn = note };

    ck_assert(kdm_redis_queue_push(&queue, &command, head, 1, args, 2));
    assert_unsent("*3\r\n$1\r\nA\r\n$10\r\n0123456789\r\n$0\r\n\r\n");
}
END_TEST

START_TEST(answers_belong_to_commands_in_order)
{
    struct kdm_redis_queued command;

    push_text(1, "a", 100);
    push_text(2, "b", 100);
    ck_assert(!kdm_redis_queue_pop(&queue, &command)); /* nothing was written yet */
    write_all();
    ck_assert(kdm_redis_queue_pop(&queue, &command));
    ck_assert_int_eq((intptr_t)command.ctx, 1);
    ck_assert(kdm_redis_queue_pop(&queue, &command));
    ck_assert_int_eq((intptr_t)command.ctx, 2);
    ck_assert(!kdm_redis_queue_pop(&queue, &command));
}
END_TEST

START_TEST(one_written_byte_makes_a_command_lost)
{
    push_text(1, "a", 100);
    push_text(2, "b", 100);
    push_text(3, "c", 100);
    write_bytes(kdm_redis_queue_unsent(&queue).len / 3 + 1);
    kdm_redis_queue_disconnect(&queue);
    assert_ended(1, KDM_REDIS_LOST);
    assert_ended(2, KDM_REDIS_LOST);
    assert_none_ended();
    assert_unsent("*2\r\n$4\r\nECHO\r\n$1\r\nc\r\n");
    kdm_redis_queue_end_all(&queue);
    assert_ended(3, KDM_REDIS_UNSENT);
    assert_none_ended();
}
END_TEST

START_TEST(what_expires_unwritten_never_leaves)
{
    push_text(1, "a", 10);
    push_text(2, "b", 100);
    push_text(3, "c", 10);
    push_text(4, "d", 100);
    kdm_redis_queue_expire(&queue, 9);
    assert_none_ended();
    kdm_redis_queue_expire(&queue, 10);
    assert_ended(1, KDM_REDIS_UNSENT);
    assert_ended(3, KDM_REDIS_UNSENT);
    assert_none_ended();
    assert_unsent("*2\r\n$4\r\nECHO\r\n$1\r\nb\r\n*2\r\n$4\r\nECHO\r\n$1\r\nd\r\n");
}
END_TEST

START_TEST(what_expires_half_written_leaves_whole)
{
    struct kdm_redis_queued command;

    push_text(1, "a", 10);
    push_text(2, "b", 10);
    push_text(3, "c", 100);
    write_bytes(3);
    kdm_redis_queue_expire(&queue, 50);
    assert_ended(1, KDM_REDIS_LOST);
    assert_ended(2, KDM_REDIS_UNSENT);
    assert_unsent("\n$4\r\nECHO\r\n$1\r\na\r\n*2\r\n$4\r\nECHO\r\n$1\r\nc\r\n");
    write_all();
    ck_assert(kdm_redis_queue_pop(&queue, &command)); /* the late answer of the first */
    ck_assert_ptr_null(command.fn);
    ck_assert(kdm_redis_queue_pop(&queue, &command));
    ck_assert_int_eq((intptr_t)command.ctx, 3);
}
END_TEST

START_TEST(an_expired_command_is_told_once)
{
    push_text(1, "a", 10);
    write_all();
    kdm_redis_queue_expire(&queue, 20);
    assert_ended(1, KDM_REDIS_LOST);
    kdm_redis_queue_expire(&queue, 30);
    kdm_redis_queue_disconnect(&queue);
    assert_none_ended();
}
END_TEST

START_TEST(a_forgotten_command_still_leaves)
{
    push_text(1, "a", 100);
    push_text(2, "b", 10);
    push_text(3, "c", 10);
    kdm_redis_queue_forget(&queue, (void *)1);
    kdm_redis_queue_expire(&queue, 10);
    kdm_redis_queue_forget(&queue, (void *)3); /* has ended, was not told yet */
    assert_ended(2, KDM_REDIS_UNSENT);
    assert_none_ended();
    assert_unsent("*2\r\n$4\r\nECHO\r\n$1\r\na\r\n");
    write_all();
    kdm_redis_queue_disconnect(&queue);
    assert_none_ended();
}
END_TEST

START_TEST(beyond_the_bound_a_command_ends_unsent)
{
    size_t len = (size_t)1024 * 1024;
    char *text = kdm_zalloc(len + 1);
    intptr_t n = 0;

    memset(text, 'x', len);
    while (push_text(n, text, 100))
        n++;
    ck_assert_int_ge(n, 60);
    ck_assert_int_le(n, 64);
    assert_ended(n, KDM_REDIS_UNSENT);
    kdm_redis_queue_end_all(&queue);
    for (intptr_t i = 0; i < n; i++)
        assert_ended(i, KDM_REDIS_UNSENT);
    assert_none_ended();
    ck_assert_uint_le(queue.bytes.cap, 1024 * 1024); /* and the memory is given back */
    free(text);
}
END_TEST

START_TEST(commands_that_keep_ending_take_no_more_and_more_memory)
{
    struct kdm_redis_queued command = { .fn = note, .deadline_ms = 100 };
    const struct kdm_str too_long = { .ptr = "", .len = SIZE_MAX };

    for (intptr_t n = 0; n < 10000; n++) {
        command.ctx = (void *)n;
        ck_assert(!kdm_redis_queue_push(&queue, &command, NULL, 0, &too_long, 1));
        if (n >= 40) /* there are always some that nobody was told of */
            assert_ended(n - 40, KDM_REDIS_UNSENT);
    }
    ck_assert_uint_le(queue.ended_size, 256);
}
END_TEST

START_TEST(a_repeated_command_goes_to_the_end_once)
{
    static const struct kdm_redis_script script = { .name = "s" };
    struct kdm_redis_queued command = {
        .fn = note, .ctx = (void *)1, .deadline_ms = 100, .script = &script
    };
    struct kdm_str args[] = { KDM_STR("EVALSHA") };

    kdm_redis_queue_push(&queue, &command, NULL, 0, args, 1);
    push_text(2, "b", 100);
    write_all();
    kdm_redis_queue_repeat(&queue);
    assert_unsent("*1\r\n$7\r\nEVALSHA\r\n");
    write_all();
    ck_assert(kdm_redis_queue_pop(&queue, &command));
    ck_assert_int_eq((intptr_t)command.ctx, 2);
    ck_assert(kdm_redis_queue_pop(&queue, &command));
    ck_assert_int_eq((intptr_t)command.ctx, 1);
    ck_assert_ptr_null(command.script);
}
END_TEST

/* Against a model that keeps each command apart: what was written stays a run of whole commands,
 * and each ends exactly once. */
START_TEST(a_random_life_ends_each_command_once)
{
    enum { COMMANDS = 20000 };
    static unsigned char told[COMMANDS];
    struct kdm_redis_queued command;
    struct kdm_redis_ended ended;
    int64_t now = 0;
    intptr_t next = 0;

    memset(told, 0, sizeof told);
    srand(7);
    while (next < COMMANDS || queue.count > 0) {
        int what = rand() % 100;

        now++;
        if (what < 50 && next < COMMANDS)
            ck_assert(push_text(next, "some text", now + rand() % 40)), next++;
        else if (what < 70)
            write_bytes((size_t)rand() % (kdm_redis_queue_unsent(&queue).len + 1));
        else if (what < 95 && kdm_redis_queue_pop(&queue, &command))
            told[(intptr_t)command.ctx] += command.fn != NULL;
        else if (what < 96)
            kdm_redis_queue_disconnect(&queue);
        else
            kdm_redis_queue_expire(&queue, now);
        while (kdm_redis_queue_next_ended(&queue, &ended))
            told[(intptr_t)ended.ctx]++;
        if (queue.sent == queue.kept && queue.count > 0)
            ck_assert(kdm_str_starts(kdm_redis_queue_unsent(&queue), KDM_STR("*2\r\n$4\r\nECHO")));
    }
    for (int i = 0; i < COMMANDS; i++)
        ck_assert_msg(told[i] == 1, "%d: %d", i, told[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redis/queue");
    TCase *tests = tcase_create("queue");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_command_becomes_resp);
    tcase_add_test(tests, answers_belong_to_commands_in_order);
    tcase_add_test(tests, one_written_byte_makes_a_command_lost);
    tcase_add_test(tests, what_expires_unwritten_never_leaves);
    tcase_add_test(tests, what_expires_half_written_leaves_whole);
    tcase_add_test(tests, an_expired_command_is_told_once);
    tcase_add_test(tests, a_forgotten_command_still_leaves);
    tcase_add_test(tests, beyond_the_bound_a_command_ends_unsent);
    tcase_add_test(tests, commands_that_keep_ending_take_no_more_and_more_memory);
    tcase_add_test(tests, a_repeated_command_goes_to_the_end_once);
    tcase_add_test(tests, a_random_life_ends_each_command_once);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
