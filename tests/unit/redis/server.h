/* server.h - a Redis of the test's own, on a Unix socket in a directory of its own, and a loop that
 * turns until something has happened. For tests only: everything aborts on failure.
 */
#ifndef KDM_TESTS_REDIS_SERVER_H
#define KDM_TESTS_REDIS_SERVER_H

#include "../tempdir.h"
#include "base/clock.h"
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <uv.h>

#define UNUSED_FN __attribute__((unused)) static

struct server {
    char dir[64], socket[80], url[96];
    pid_t pid;
};

UNUSED_FN void nap(int ms)
{
    nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L }, NULL);
}

/* One command on a connection of its own, blocking; freeReplyObject() the result. NULL: no answer.
 */
UNUSED_FN redisReply *ask(const char *socket, const char *command)
{
    redisContext *context = redisConnectUnix(socket);
    redisReply *reply = context->err == 0 ? redisCommand(context, command) : NULL;

    redisFree(context);
    return reply;
}

UNUSED_FN void tell(const char *socket, const char *command)
{
    redisReply *reply = ask(socket, command);

    /* One that was started a moment ago may still be reading its file. */
    for (int i = 0; i < 200 && reply != NULL && reply->type == REDIS_REPLY_ERROR
                    && strncmp(reply->str, "LOADING", 7) == 0;
         i++) {
        freeReplyObject(reply);
        nap(10);
        reply = ask(socket, command);
    }

    ck_assert_ptr_nonnull(reply);
    ck_assert_int_ne(reply->type, REDIS_REPLY_ERROR);
    freeReplyObject(reply);
}

UNUSED_FN void server_start(struct server *server, const char *option, const char *value)
{
    server->pid = fork();
    ck_assert_int_ge(server->pid, 0);
    if (server->pid == 0) {
        int null = open("/dev/null", O_RDWR);

        dup2(null, 1);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails */
        execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", server->socket,
               "--dir", server->dir, "--save", "", option, value, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 500; i++) {
        redisReply *reply = ask(server->socket, "PING");

        if (reply != NULL) {
            freeReplyObject(reply);
            return;
        }
        nap(10);
    }
    ck_abort_msg("redis-server did not start");
}

UNUSED_FN void server_open(struct server *server, const char *option, const char *value)
{
    signal(SIGPIPE, SIG_IGN); /* as kdmd has it: hiredis writes to a Redis that has just been killed */
    make_temp_dir(server->dir);
    snprintf(server->socket, sizeof server->socket, "%s/s", server->dir);
    snprintf(server->url, sizeof server->url, "unix:%s", server->socket);
    server_start(server, option, value);
}

UNUSED_FN void server_kill(struct server *server)
{
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

UNUSED_FN void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

/* Turns the loop until `*flag` is at least `value`, or `ms` have gone by. */
UNUSED_FN void turn_until(uv_loop_t *loop, const int *flag, int value, int ms)
{
    int64_t deadline = kdm_clock_monotonic_ms() + ms;
    uv_timer_t tick;

    uv_timer_init(loop, &tick);
    uv_timer_start(&tick, on_tick, 5, 5);
    while (*flag < value && kdm_clock_monotonic_ms() < deadline)
        uv_run(loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

UNUSED_FN void turn_for(uv_loop_t *loop, int ms)
{
    const int never = 0;

    turn_until(loop, &never, 1, ms);
}

#endif
