/* redis.h - one connection to Redis on the loop.
 * Commands are pipelined: those of one loop turn leave in one write, from a uv_prepare.
 * Each command's callback is called exactly once, from the loop and never inside the call
 * that sent it, also when Redis goes away (KDM_ERR_SERVICES_CACHE_NOT_CONNECTED) or the
 * deadline passes first; an answer that comes later is dropped. Reconnects by itself with a
 * growing pause (50 ms to 1 s). hiredis parses; its async half is not used (see link.c).
 * Loop thread only.
 */
#ifndef KDM_REDIS_REDIS_H
#define KDM_REDIS_REDIS_H

#include "base/arena.h"
#include "base/err.h"
#include <hiredis/hiredis.h>
#include <stdint.h>
#include <uv.h>

struct kdm_redis;

/* How a command ended, as seen from here. */
enum kdm_redis_outcome {
    KDM_REDIS_OK,     /* reply is there; it may be an error reply (type REDIS_REPLY_ERROR) */
    KDM_REDIS_UNSENT, /* it certainly did not reach Redis: safe to say "not done" */
    KDM_REDIS_LOST,   /* the connection ended or the deadline passed before the answer came: unknown
                       */
};

/* `reply` is lent until the call returns; NULL unless KDM_REDIS_OK. */
typedef void kdm_redis_fn(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply);

/* A Lua script, embedded at build time from src/.../NAME.lua. */
struct kdm_redis_script {
    const char *name;
    const char *text;
    size_t len;
    char sha1[41];
};

/* What the owner wants to hear; each may be NULL. Called from the loop. */
struct kdm_redis_events {
    void *ctx;
    /* Connected and checked (a Redis that is loading is not ready yet). `run_id` is Redis's own; it
     * differs from the last one when Redis was restarted or another one took its place. */
    void (*on_ready)(void *ctx, struct kdm_str run_id);
    /* The connection ended after it was ready, or Redis was refused (see kdm_redis_refused()). */
    void (*on_lost)(void *ctx, const char *reason);
    /* A message of a channel that was subscribed with kdm_redis_subscribe(). */
    void (*on_message)(void *ctx, struct kdm_str channel, struct kdm_str payload);
};

/* Opens a connection to `url`: redis://[[user]:password@]host[:port][/db] or unix:/path[?db=N].
 * Returns NULL and writes one line to *ret_error (free() it) for a URL that can't be used (rediss:,
 * sentinel and cluster URLs among them); a Redis that is down is found out later. Copies `url` and
 * `events`; `scripts` must outlive the connection. They are loaded at each connect. */
struct kdm_redis *kdm_redis_open(uv_loop_t *loop, const char *url,
                                 const struct kdm_redis_script *const *scripts, size_t script_count,
                                 const struct kdm_redis_events *events, char **ret_error);

/* Ends what is pending (LOST or UNSENT, called back before this returns; no callback or event comes
 * later), closes, frees once its handles are closed. NULL is fine. */
void kdm_redis_close(struct kdm_redis *redis);

bool kdm_redis_ready(const struct kdm_redis *redis);

/* The last attempt met a Redis that kdm can't work with (password, version, maxmemory-policy, ..).
 * It is tried again once a second; at start the caller should rather end with the last error. */
bool kdm_redis_refused(const struct kdm_redis *redis);

/* Why there is no connection, with its address, one line; NULL when there is one or none was tried
 * yet. Lent until the loop turns. */
const char *kdm_redis_last_error(const struct kdm_redis *redis);

/* Sends a command; argument texts are copied before the call returns. `fn` may be NULL. While Redis
 * is away the command waits for it until its deadline (monotonic ms, see base/clock.h; seen to
 * within 50 ms), then ends as UNSENT and is never sent; pending bytes are bounded (64 MiB), beyond
 * the bound it ends as UNSENT at once (from the loop). */
void kdm_redis_command(struct kdm_redis *redis, const struct kdm_str *args, size_t count,
                       int64_t deadline_ms, kdm_redis_fn *fn, void *ctx);

/* EVALSHA of a script given at open; args = keys, then arguments. On NOSCRIPT the scripts are
 * loaded and it is sent once more, then behind commands that were sent after it. */
void kdm_redis_eval(struct kdm_redis *redis, const struct kdm_redis_script *script,
                    const struct kdm_str *args, size_t key_count, size_t count, int64_t deadline_ms,
                    kdm_redis_fn *fn, void *ctx);

/* Subscribes this connection to a channel; lasts over reconnects. A connection that subscribes is
 * used for nothing else (RESP2). */
void kdm_redis_subscribe(struct kdm_redis *redis, struct kdm_str channel);
/* Takes it back; the connection keeps one channel at least. false: not just now, while it is away. */
bool kdm_redis_unsubscribe(struct kdm_redis *redis, struct kdm_str channel);

/* Takes back the commands with this callback that have not left yet: they end as UNSENT, from the
 * loop. In on_ready that is all that waited for a connection. */
void kdm_redis_withdraw(struct kdm_redis *redis, kdm_redis_fn *fn);

/* Forgets the callbacks of `ctx`: its commands run on, their answers are dropped. */
void kdm_redis_forget(struct kdm_redis *redis, void *ctx);

/* The text of a string, status or error reply; none for nil and others. */
static inline struct kdm_str kdm_reply_str(const redisReply *reply)
{
    if (reply == NULL || reply->str == NULL)
        return KDM_STR_NONE;
    return (struct kdm_str){ .ptr = reply->str, .len = (size_t)reply->len };
}

#endif
