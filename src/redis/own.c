/* own.c - the life of an own Redis: start or adopt, watch, start again, stop.
 * A child is waited for; an adopted one is alive while redis.lock is held, for its process id may
 * have been reused, or stay as a zombie under a careless init. A timer looks ten times a second,
 * which costs next to nothing and leaves SIGCHLD to others.
 */
#include "redis/own.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "redis/own_place.h"
#include "redis/own_server.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MAX_MS   10000
#define TALK_MAX_MS    1000
#define WATCH_MS       100
#define PAUSE_FIRST_MS 100
#define PAUSE_LAST_MS  10000
#define LIVED_WELL_MS  30000 /* having lived so long, its end starts no longer pause */
#define KILL_MAX_MS    2000

struct kdm_own_redis {
    struct kdm_own_place place;
    enum kdm_durability durability;
    pid_t pid;     /* 0: none */
    bool is_child; /* else it was adopted */
    int64_t started_ms, retry_ms, pause_ms;
    uv_timer_t watcher;
};

static void nap(int ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000L }, NULL);
}

static bool fail(char **ret_error, const char *what, const char *detail)
{
    if (asprintf(ret_error, "%s%s", what, detail) < 0)
        kdm_oom(0);
    return false;
}

/* false once its process has ended; then pid is 0 and *ret_status says how (-1: not known). */
static bool is_alive(struct kdm_own_redis *own, int *ret_status)
{
    *ret_status = -1;
    if (own->pid == 0)
        return false;
    if (own->is_child) {
        int status = -1;
        pid_t ended = waitpid(own->pid, &status, WNOHANG);

        if (ended == 0 || (ended < 0 && errno == EINTR))
            return true;
        if (ended == own->pid)
            *ret_status = status;
    } else {
        int lock = kdm_own_place_lock_redis(&own->place);

        if (lock < 0)
            return true;
        close(lock);
    }
    own->pid = 0;
    return false;
}

/* Starts redis-server unless another one lives; then own->pid stays 0 and that is no error. */
static bool spawn(struct kdm_own_redis *own, char **ret_error)
{
    int lock = kdm_own_place_lock_redis(&own->place);

    if (lock < 0 && errno == EWOULDBLOCK)
        return true;
    if (lock < 0)
        return fail(ret_error, "redis.lock in the data directory: ", strerror(errno));
    if (!kdm_own_server_spawn(&own->place, own->durability, lock, &own->pid, ret_error))
        return false;
    own->is_child = true;
    own->started_ms = kdm_clock_monotonic_ms();
    return true;
}

static void adopt(struct kdm_own_redis *own, pid_t pid)
{
    own->pid = pid;
    own->is_child = false;
    own->started_ms = kdm_clock_monotonic_ms();
    kdm_log_info("own Redis: adopted process %ld, left over from an earlier kdmd", (long)pid);
    if (!kdm_own_server_set_durability(&own->place, own->durability, TALK_MAX_MS))
        kdm_log_warn("own Redis: could not set its appendfsync");
}

static bool fail_to_start(struct kdm_own_redis *own, char **ret_error)
{
    char *line = kdm_own_place_last_log_line(&own->place);

    fail(ret_error, "redis-server ended at its start: ", line);
    free(line);
    return false;
}

/* Goes on until a Redis answers: the one that was started here, or one that was found. */
static bool start_or_adopt(struct kdm_own_redis *own, char **ret_error)
{
    int64_t deadline_ms = kdm_clock_monotonic_ms() + START_MAX_MS;
    int status;

    while (kdm_clock_monotonic_ms() < deadline_ms) {
        pid_t answers;

        if (own->pid == 0 && !spawn(own, ret_error))
            return false;
        if (own->pid != 0 && !is_alive(own, &status))
            return fail_to_start(own, ret_error);
        answers = kdm_own_server_identify(&own->place, TALK_MAX_MS);
        if (answers != 0 && own->pid == 0)
            adopt(own, answers);
        if (answers != 0 && answers == own->pid)
            return true;
        nap(10);
    }
    return fail(ret_error,
                own->pid != 0
                    ? "redis-server does not answer within 10 s; see redis.log in "
                    : "a Redis that an earlier kdmd left behind does not answer; stop it, "
                      "it works in ",
                own->place.dir);
}

/* true when it has ended within `timeout_ms`. */
static bool wait_for_end(struct kdm_own_redis *own, int timeout_ms)
{
    int64_t deadline_ms = kdm_clock_monotonic_ms() + timeout_ms;
    int status;

    while (is_alive(own, &status)) {
        if (kdm_clock_monotonic_ms() >= deadline_ms)
            return false;
        nap(2);
    }
    return true;
}

static void end_process(struct kdm_own_redis *own, int timeout_ms)
{
    int64_t start_ms = kdm_clock_monotonic_ms();
    int status, left_ms;

    if (!is_alive(own, &status))
        return;
    if (!kdm_own_server_shutdown(&own->place, timeout_ms > 0 ? timeout_ms : 1)
        && is_alive(own, &status))
        kill(own->pid, SIGTERM);
    left_ms = timeout_ms - (int)(kdm_clock_monotonic_ms() - start_ms);
    if (wait_for_end(own, left_ms))
        return;
    kdm_log_warn("own Redis: did not stop within %d ms; killed", timeout_ms);
    kill(own->pid, SIGKILL);
    wait_for_end(own, KILL_MAX_MS);
}

static void log_end(const struct kdm_own_redis *own, int status)
{
    if (status >= 0 && WIFSIGNALED(status))
        kdm_log_warn("own Redis: killed by signal %d; starting it again", WTERMSIG(status));
    else if (status >= 0)
        kdm_log_warn("own Redis: ended with status %d, see %s/redis.log; starting it again",
                     WEXITSTATUS(status), own->place.dir);
    else
        kdm_log_warn("own Redis: ended; starting it again");
}

static void plan_restart(struct kdm_own_redis *own, int64_t now_ms)
{
    if (now_ms - own->started_ms > LIVED_WELL_MS)
        own->pause_ms = PAUSE_FIRST_MS;
    own->retry_ms = now_ms + own->pause_ms;
    own->pause_ms = own->pause_ms * 2 > PAUSE_LAST_MS ? PAUSE_LAST_MS : own->pause_ms * 2;
}

static void on_watch(uv_timer_t *timer)
{
    struct kdm_own_redis *own = timer->data;
    int64_t now_ms = kdm_clock_monotonic_ms();
    char *error = NULL;
    int status;

    if (own->pid != 0) {
        if (is_alive(own, &status))
            return;
        log_end(own, status);
        plan_restart(own, now_ms);
    }
    if (now_ms < own->retry_ms)
        return;
    if (!spawn(own, &error)) {
        kdm_log_error("own Redis: %s", error);
        free(error);
        plan_restart(own, now_ms);
    }
}

struct kdm_own_redis *kdm_own_redis_start(uv_loop_t *loop, const char *data_dir,
                                          enum kdm_durability durability, char **ret_error)
{
    struct kdm_own_redis *own = kdm_zalloc(sizeof *own);

    own->durability = durability;
    own->pause_ms = PAUSE_FIRST_MS;
    if (!kdm_own_place_enter(&own->place, data_dir, ret_error)) {
        free(own);
        return NULL;
    }
    if (!start_or_adopt(own, ret_error)) {
        end_process(own, TALK_MAX_MS);
        kdm_own_place_leave(&own->place);
        free(own);
        return NULL;
    }
    uv_timer_init(loop, &own->watcher);
    own->watcher.data = own;
    uv_timer_start(&own->watcher, on_watch, WATCH_MS, WATCH_MS);
    uv_unref((uv_handle_t *)&own->watcher);
    return own;
}

const char *kdm_own_redis_url(const struct kdm_own_redis *own)
{
    return own->place.url;
}

static void on_watcher_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void kdm_own_redis_stop(struct kdm_own_redis *own, int timeout_ms)
{
    if (own == NULL)
        return;
    end_process(own, timeout_ms);
    kdm_own_place_leave(&own->place);
    uv_close((uv_handle_t *)&own->watcher, on_watcher_closed);
}
