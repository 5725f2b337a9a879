/* own_server.c - posix_spawn, and hiredis's blocking calls, for there is no loop yet (or no more).
 */
#include "redis/own_server.h"

#include "base/arena.h"
#include "redis/redis.h"
#include "redis/reply.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

/* Where the child finds its lock; all descriptors above it are closed. */
#define LOCK_FD 3

static const char *appendfsync_of(enum kdm_durability durability)
{
    switch (durability) {
    case KDM_DURABILITY_EVERYSEC:
        return "everysec";
    case KDM_DURABILITY_NO:
        return "no";
    case KDM_DURABILITY_ALWAYS:
        break;
    }
    return "always";
}

/* posix_spawn wants argv of `char *`; it writes to none of them. */
static int exec_redis(const struct kdm_own_place *place, enum kdm_durability durability,
                      const char *log, const char *pid_file,
                      const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
                      pid_t *ret_pid)
{
    const char *const argv[] = { "redis-server",
                                 "--port",
                                 "0",
                                 "--unixsocket",
                                 place->socket,
                                 "--unixsocketperm",
                                 "700",
                                 "--dir",
                                 place->dir,
                                 "--pidfile",
                                 pid_file,
                                 "--logfile",
                                 log,
                                 "--daemonize",
                                 "no",
                                 "--protected-mode",
                                 "no",
                                 "--timeout",
                                 "0",
                                 "--save",
                                 "",
                                 "--appendonly",
                                 "yes",
                                 "--appendfsync",
                                 appendfsync_of(durability),
                                 "--aof-load-truncated",
                                 "yes",
                                 "--auto-aof-rewrite-percentage",
                                 "100",
                                 "--auto-aof-rewrite-min-size",
                                 "64mb",
                                 "--maxmemory-policy",
                                 "noeviction",
                                 NULL };

    return posix_spawnp(ret_pid, argv[0], actions, attr, (char *const *)argv, environ);
}

/* Standard input is nothing, both outputs go to the log (Redis writes there what is wrong with its
 * configuration), the lock is inherited. */
static void set_descriptors(posix_spawn_file_actions_t *actions, const char *log, int lock)
{
    posix_spawn_file_actions_init(actions);
    /* First: `lock` may be one of the three below. */
    posix_spawn_file_actions_adddup2(actions, lock, LOCK_FD);
    posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND,
                                     0600);
    posix_spawn_file_actions_adddup2(actions, STDOUT_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(actions, LOCK_FD + 1);
}

static void set_attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_init(attr);
    posix_spawnattr_setsigmask(attr, &none);
    posix_spawnattr_setsigdefault(attr, &all);
    posix_spawnattr_setflags(attr,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static void explain(int err, char **ret_error)
{
    int len = err == ENOENT
                  ? asprintf(ret_error, "redis-server is not in PATH: install Redis 6.2 "
                                        "or later, or name one with --redis URL")
                  : asprintf(ret_error, "redis-server can't be started: %s", strerror(err));

    if (len < 0)
        kdm_oom(0);
}

bool kdm_own_server_spawn(const struct kdm_own_place *place, enum kdm_durability durability,
                          int lock, pid_t *ret_pid, char **ret_error)
{
    char *log = kdm_own_place_path(place, "redis.log");
    char *pid_file = kdm_own_place_path(place, "redis.pid");
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int err;

    set_descriptors(&actions, log, lock);
    set_attributes(&attr);
    err = exec_redis(place, durability, log, pid_file, &actions, &attr, ret_pid);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    close(lock);
    free(log);
    free(pid_file);
    if (err != 0)
        explain(err, ret_error);
    return err == 0;
}

/* NULL when nobody answers there. Free with redisFree(). */
static redisContext *talk_to(const struct kdm_own_place *place, int timeout_ms)
{
    struct timeval timeout = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
    redisContext *context = redisConnectUnixWithTimeout(place->socket, timeout);

    if (context != NULL && (context->err != 0 || redisSetTimeout(context, timeout) != REDIS_OK)) {
        redisFree(context);
        context = NULL;
    }
    return context;
}

static pid_t read_pid(redisContext *context)
{
    redisReply *reply = redisCommand(context, "INFO server");
    long long pid = 0;

    if (reply != NULL && reply->type == REDIS_REPLY_STRING)
        kdm_str_int64(kdm_redis_info_field(kdm_reply_str(reply), "process_id"), &pid);
    freeReplyObject(reply);
    return pid > 1 ? (pid_t)pid : 0;
}

static bool works_in(redisContext *context, const char *dir)
{
    redisReply *reply = redisCommand(context, "CONFIG GET dir");
    bool same = reply != NULL && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2
                && kdm_str_eq(kdm_reply_str(reply->element[1]), kdm_str_of(dir));

    freeReplyObject(reply);
    return same;
}

static bool is_in_pid_file(const struct kdm_own_place *place, pid_t pid)
{
    char *path = kdm_own_place_path(place, "redis.pid");
    FILE *file = fopen(path, "re");
    long noted = 0;
    bool same;

    free(path);
    if (file == NULL)
        return false;
    same = fscanf(file, "%ld", &noted) == 1 && noted == (long)pid;
    fclose(file);
    return same;
}

pid_t kdm_own_server_identify(const struct kdm_own_place *place, int timeout_ms)
{
    redisContext *context = talk_to(place, timeout_ms);
    pid_t pid;

    if (context == NULL)
        return 0;
    pid = read_pid(context);
    if (pid != 0 && (!works_in(context, place->dir) || !is_in_pid_file(place, pid)))
        pid = 0;
    redisFree(context);
    return pid;
}

bool kdm_own_server_set_durability(const struct kdm_own_place *place,
                                   enum kdm_durability durability, int timeout_ms)
{
    redisContext *context = talk_to(place, timeout_ms);
    redisReply *reply;
    bool done;

    if (context == NULL)
        return false;
    reply = redisCommand(context, "CONFIG SET appendfsync %s", appendfsync_of(durability));
    done = reply != NULL && reply->type == REDIS_REPLY_STATUS;
    freeReplyObject(reply);
    redisFree(context);
    return done;
}

bool kdm_own_server_shutdown(const struct kdm_own_place *place, int timeout_ms)
{
    redisContext *context = talk_to(place, timeout_ms);
    redisReply *reply;
    bool taken;

    if (context == NULL)
        return false;
    /* NOSAVE speaks of snapshots: the AOF is flushed and synced all the same. No answer but the
     * end of the connection means yes. */
    reply = redisCommand(context, "SHUTDOWN NOSAVE");
    taken = reply == NULL && context->err == REDIS_ERR_EOF;
    freeReplyObject(reply);
    redisFree(context);
    return taken;
}
