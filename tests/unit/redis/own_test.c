/* own_test.c - the Redis that kdmd starts itself: who holds it, who finds it again, how it ends. */
#include "redis/own.h"

#include "redis/redis.h"
#include "server.h"
#include <sys/stat.h>

#define LONG_MS 20000

static char dir[64];
static uv_loop_t loop;
static pid_t other; /* another kdmd */

static struct kdm_own_redis *start_in(const char *data_dir)
{
    char *error = NULL;
    struct kdm_own_redis *own = kdm_own_redis_start(&loop, data_dir, KDM_DURABILITY_ALWAYS, &error);

    ck_assert_msg(own != NULL, "%s", error);
    return own;
}

static void assert_no_start(const char *data_dir, const char *because)
{
    char *error = NULL;

    ck_assert_ptr_null(kdm_own_redis_start(&loop, data_dir, KDM_DURABILITY_ALWAYS, &error));
    ck_assert_msg(strstr(error, because) != NULL, "%s", error);
    ck_assert_ptr_null(strchr(error, '\n'));
    free(error);
}

static const char *socket_of(const struct kdm_own_redis *own)
{
    return kdm_own_redis_url(own) + strlen("unix:");
}

/* The text of a reply to `command`, in a buffer that the next call overwrites. Waits for a Redis
 * that reads its data. */
static const char *text_of(const char *socket, const char *command)
{
    static char text[8192];

    for (int i = 0; i < 500; i++) {
        redisReply *reply = ask(socket, command);

        text[0] = '\0';
        if (reply != NULL && reply->type == REDIS_REPLY_ARRAY)
            snprintf(text, sizeof text, "%s", reply->element[1]->str);
        else if (reply != NULL && reply->str != NULL)
            snprintf(text, sizeof text, "%s", reply->str);
        freeReplyObject(reply);
        if (strncmp(text, "LOADING", 7) != 0)
            break;
        nap(10);
    }
    return text;
}

static pid_t pid_of(const char *socket)
{
    const char *at = strstr(text_of(socket, "INFO server"), "process_id:");

    return at == NULL ? 0 : (pid_t)strtol(at + 11, NULL, 10);
}

static bool has_ended(pid_t pid)
{
    for (int i = 0; i < 500; i++) {
        if (kill(pid, 0) != 0)
            return true;
        waitpid(pid, NULL, WNOHANG); /* we may be its subreaper */
        nap(10);
    }
    return false;
}

static void set_up(void)
{
    signal(SIGPIPE, SIG_IGN); /* own.h asks for it */
    make_temp_dir(dir);
    uv_loop_init(&loop);
    /* A Redis whose kdmd was killed comes to us, so that we see it end. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void tear_down(void)
{
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

START_TEST(it_starts_and_stops)
{
    struct kdm_own_redis *own = start_in(dir);
    const char *socket = socket_of(own);
    struct stat status;
    pid_t pid = pid_of(socket);

    ck_assert_int_gt(pid, 1);
    ck_assert_str_eq(text_of(socket, "CONFIG GET appendonly"), "yes");
    ck_assert_str_eq(text_of(socket, "CONFIG GET appendfsync"), "always");
    ck_assert_str_eq(text_of(socket, "CONFIG GET save"), "");
    ck_assert_str_eq(text_of(socket, "CONFIG GET maxmemory-policy"), "noeviction");
    ck_assert_str_eq(text_of(socket, "CONFIG GET port"), "0");
    ck_assert_int_eq(stat(socket, &status), 0);
    ck_assert_int_eq(status.st_mode & 077, 0);
    ck_assert_int_eq(getsid(pid), pid); /* out of reach of our terminal's Ctrl-C */
    kdm_own_redis_stop(own, 5000);
    ck_assert(has_ended(pid));
}
END_TEST

START_TEST(what_was_written_is_there_after_a_stop)
{
    struct kdm_own_redis *own = start_in(dir);

    tell(socket_of(own), "SET k value");
    kdm_own_redis_stop(own, 5000);
    own = start_in(dir);
    ck_assert_str_eq(text_of(socket_of(own), "GET k"), "value");
    kdm_own_redis_stop(own, 5000);
}
END_TEST

START_TEST(durability_is_as_asked)
{
    char *error = NULL;
    struct kdm_own_redis *own = kdm_own_redis_start(&loop, dir, KDM_DURABILITY_EVERYSEC, &error);

    ck_assert_ptr_nonnull(own);
    ck_assert_str_eq(text_of(socket_of(own), "CONFIG GET appendfsync"), "everysec");
    kdm_own_redis_stop(own, 5000);
}
END_TEST

START_TEST(a_missing_directory_is_made)
{
    char path[128];
    struct stat status;
    struct kdm_own_redis *own;

    snprintf(path, sizeof path, "%s/a b/\"c'", dir); /* and no character of it is special */
    own = start_in(path);
    tell(socket_of(own), "PING");
    kdm_own_redis_stop(own, 5000);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0700);
}
END_TEST

START_TEST(two_can_not_share_a_directory)
{
    struct kdm_own_redis *own = start_in(dir);
    char pid[32];

    snprintf(pid, sizeof pid, "process %d)", getpid());
    assert_no_start(dir, "in use by another kdmd");
    assert_no_start(dir, pid);
    tell(socket_of(own), "PING");
    kdm_own_redis_stop(own, 5000);
}
END_TEST

START_TEST(a_directory_that_can_not_be_used_is_told)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/file", dir);
    file = fopen(path, "w");
    fclose(file);
    assert_no_start(path, "Not a directory");
    assert_no_start("/proc/nothing/here", "/proc/nothing/here");
    assert_no_start("", "No such file");
}
END_TEST

START_TEST(a_missing_redis_server_is_told)
{
    setenv("PATH", dir, 1);
    assert_no_start(dir, "redis-server is not in PATH");
    setenv("PATH", "/usr/bin:/bin", 1);
}
END_TEST

START_TEST(a_redis_that_ends_at_start_is_told_with_its_last_line)
{
    char path[128];
    FILE *script;

    snprintf(path, sizeof path, "%s/redis-server", dir);
    script = fopen(path, "w");
    fputs("#!/bin/sh\necho first\necho no memory left >&2\nexit 1\n", script);
    fchmod(fileno(script), 0755);
    fclose(script);
    setenv("PATH", dir, 1);
    assert_no_start(dir, "ended at its start: no memory left");
    setenv("PATH", "/usr/bin:/bin", 1);
}
END_TEST

START_TEST(a_long_path_gets_a_socket_elsewhere)
{
    char path[400];
    struct kdm_own_redis *own;
    struct stat status;
    char private_dir[108];

    snprintf(path, sizeof path, "%s/%0150d/%0100d", dir, 1, 2);
    own = start_in(path);
    ck_assert_uint_le(strlen(socket_of(own)), 107);
    snprintf(private_dir, sizeof private_dir, "%s", socket_of(own));
    *strrchr(private_dir, '/') = '\0';
    ck_assert_int_eq(stat(private_dir, &status), 0);
    ck_assert_int_eq(status.st_mode & 077, 0);
    ck_assert_str_eq(text_of(socket_of(own), "CONFIG GET dir"), path);
    kdm_own_redis_stop(own, 5000);
    ck_assert_int_ne(stat(private_dir, &status), 0);
    own = start_in(path);
    tell(socket_of(own), "PING");
    kdm_own_redis_stop(own, 5000);
}
END_TEST

/* Starts another process that starts an own Redis in `data_dir`, writes to it and waits to be
 * killed. Returns that Redis's process. */
static pid_t start_other(const char *data_dir)
{
    int ready[2];
    pid_t left;

    ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
    other = fork();
    if (other == 0) {
        uv_loop_t own_loop;
        struct kdm_own_redis *own;
        char *error = NULL;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        uv_loop_init(&own_loop);
        own = kdm_own_redis_start(&own_loop, data_dir, KDM_DURABILITY_NO, &error);
        if (own == NULL)
            _exit(1);
        tell(socket_of(own), "SET by other");
        left = pid_of(socket_of(own));
        if (write(ready[1], &left, sizeof left) == sizeof left)
            nap(60000);
        _exit(0);
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &left, sizeof left), sizeof left);
    close(ready[0]);
    return left;
}

static void kill_other(void)
{
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
}

static void adopt_in(const char *data_dir)
{
    struct kdm_own_redis *own;
    pid_t left = start_other(data_dir);

    assert_no_start(data_dir, "in use by another kdmd");
    kill_other();
    own = start_in(data_dir);
    ck_assert_int_eq(pid_of(socket_of(own)), left);
    ck_assert_str_eq(text_of(socket_of(own), "GET by"), "other");
    ck_assert_str_eq(text_of(socket_of(own), "CONFIG GET appendfsync"), "always");
    kdm_own_redis_stop(own, 5000);
    ck_assert(has_ended(left));
}

START_TEST(what_a_killed_kdmd_left_is_adopted)
{
    adopt_in(dir);
    adopt_in(dir); /* one that found the first one's files */
}
END_TEST

START_TEST(adoption_finds_the_socket_of_a_long_path)
{
    char path[400];

    snprintf(path, sizeof path, "%s/%0150d/%0100d", dir, 1, 2);
    adopt_in(path);
}
END_TEST

START_TEST(a_left_over_redis_of_another_directory_is_not_adopted)
{
    struct server stranger;
    char socket[128];
    struct kdm_own_redis *own;

    server_open(&stranger, "--loglevel", "warning");
    snprintf(socket, sizeof socket, "%s/redis.sock", dir);
    ck_assert_int_eq(symlink(stranger.socket, socket), 0);
    own = start_in(dir); /* its own takes the socket's place */
    ck_assert_int_ne(pid_of(socket_of(own)), stranger.pid);
    kdm_own_redis_stop(own, 5000);
    tell(stranger.socket, "PING");
    server_kill(&stranger);
}
END_TEST

static void comes_back(struct kdm_own_redis *own)
{
    pid_t first = pid_of(socket_of(own)), second = 0;
    int64_t start = kdm_clock_monotonic_ms();

    ck_assert_str_eq(text_of(socket_of(own), "SET k kept"), "OK");
    kill(first, SIGKILL);
    while ((second == 0 || second == first) && kdm_clock_monotonic_ms() - start < LONG_MS) {
        turn_for(&loop, 20);
        second = pid_of(socket_of(own));
    }
    ck_assert_int_ne(second, 0);
    ck_assert_int_ne(second, first);
    ck_assert_str_eq(text_of(socket_of(own), "GET k"), "kept");
}

START_TEST(a_killed_redis_is_started_again)
{
    struct kdm_own_redis *own = start_in(dir);

    comes_back(own);
    comes_back(own);
    kdm_own_redis_stop(own, 5000);
}
END_TEST

START_TEST(an_adopted_redis_that_is_killed_is_started_again)
{
    struct kdm_own_redis *own;

    start_other(dir);
    kill_other();
    own = start_in(dir);
    comes_back(own);
    kdm_own_redis_stop(own, 5000);
}
END_TEST

START_TEST(a_stopped_redis_that_does_not_answer_is_killed_in_time)
{
    struct kdm_own_redis *own = start_in(dir);
    pid_t pid = pid_of(socket_of(own));
    int64_t start = kdm_clock_monotonic_ms();

    kill(pid, SIGSTOP);
    kdm_own_redis_stop(own, 300);
    ck_assert_int_lt(kdm_clock_monotonic_ms() - start, 2500); /* and not the 5 s of the others */
    ck_assert(has_ended(pid));
}
END_TEST

START_TEST(a_dead_redis_can_be_stopped)
{
    struct kdm_own_redis *own = start_in(dir);

    kill(pid_of(socket_of(own)), SIGKILL);
    kdm_own_redis_stop(own, 1000);
    kdm_own_redis_stop(NULL, 1000);
}
END_TEST

static int ready_count;

static void on_ready(void *ctx, struct kdm_str run_id)
{
    (void)ctx, (void)run_id;
    ready_count++;
}

START_TEST(a_connection_follows_a_restart)
{
    struct kdm_redis_events events = { .on_ready = on_ready };
    struct kdm_own_redis *own = start_in(dir);
    char *error = NULL;
    struct kdm_redis *redis =
        kdm_redis_open(&loop, kdm_own_redis_url(own), NULL, 0, &events, &error);

    ready_count = 0;
    turn_until(&loop, &ready_count, 1, LONG_MS);
    ck_assert_int_eq(ready_count, 1);
    kill(pid_of(socket_of(own)), SIGKILL);
    turn_until(&loop, &ready_count, 2, LONG_MS);
    ck_assert_int_eq(ready_count, 2);
    kdm_redis_close(redis);
    kdm_own_redis_stop(own, 5000);
}
END_TEST

static void add_all(TCase *tests)
{
    tcase_add_test(tests, it_starts_and_stops);
    tcase_add_test(tests, what_was_written_is_there_after_a_stop);
    tcase_add_test(tests, durability_is_as_asked);
    tcase_add_test(tests, a_missing_directory_is_made);
    tcase_add_test(tests, two_can_not_share_a_directory);
    tcase_add_test(tests, a_directory_that_can_not_be_used_is_told);
    tcase_add_test(tests, a_missing_redis_server_is_told);
    tcase_add_test(tests, a_redis_that_ends_at_start_is_told_with_its_last_line);
    tcase_add_test(tests, a_long_path_gets_a_socket_elsewhere);
    tcase_add_test(tests, what_a_killed_kdmd_left_is_adopted);
    tcase_add_test(tests, adoption_finds_the_socket_of_a_long_path);
    tcase_add_test(tests, a_left_over_redis_of_another_directory_is_not_adopted);
    tcase_add_test(tests, a_killed_redis_is_started_again);
    tcase_add_test(tests, an_adopted_redis_that_is_killed_is_started_again);
    tcase_add_test(tests, a_stopped_redis_that_does_not_answer_is_killed_in_time);
    tcase_add_test(tests, a_dead_redis_can_be_stopped);
    tcase_add_test(tests, a_connection_follows_a_restart);
}

int main(void)
{
    Suite *suite = suite_create("redis/own");
    TCase *tests = tcase_create("own Redis");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    add_all(tests);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
