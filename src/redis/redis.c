/* redis.c - the life of a connection: pause, connect, hello, ready, lost, and again.
 * All it knows about commands is in queue.c, about sockets in link.c, about what is said first in
 * hello.c. Here is what happens when.
 * A uv_prepare flushes right before the loop sleeps. A command may also be queued by somebody
 * else's prepare, after ours has run; so an idle handle is active from the first queued command
 * until the flush, and keeps the loop from sleeping on it.
 */
#include "redis/redis.h"

#include "base/clock.h"
#include "base/log.h"
#include "redis/hello.h"
#include "redis/link.h"
#include "redis/queue.h"
#include "redis/reply.h"
#include "redis/url.h"
#include <stdio.h>
#include <stdlib.h>

#define PAUSE_FIRST_MS 50
#define PAUSE_LAST_MS  1000
#define CONNECT_MAX_MS 5000 /* from the first packet to the last reply of the hello */
#define LOADING_ASK_MS 100
#define SWEEP_MS       50
#define HANDLES        4
#define ARENA_CHUNK    ((size_t)64 * 1024)

/* hiredis moves the rest of its buffer to the front after each 1,024 bytes of replies, so it is
 * fed in small steps. */
#define FEED_SIZE ((size_t)4096)

enum state {
    STATE_PAUSED,     /* `pacer` starts the next attempt */
    STATE_CONNECTING, /* `pacer` ends it */
    STATE_GREETING,   /* the same */
    STATE_LOADING,    /* greeting; `pacer` asks again */
    STATE_READY
};

struct kdm_redis {
    uv_loop_t *loop;
    struct kdm_redis_url url;
    const struct kdm_redis_script *const *scripts;
    size_t script_count;
    struct kdm_redis_events events;

    enum state state;
    int64_t pause_ms;
    bool refused;
    char last_error[320];

    struct kdm_redis_link *link;
    struct kdm_redis_hello hello; /* while there is a link; its `out` also carries SUBSCRIBE */
    redisReader *reader;
    struct kdm_arena replies;
    struct kdm_redis_queue queue;
    uint64_t reloaded_at; /* what was queued before this position needs no SCRIPT LOAD again */
    struct kdm_str *channels;
    size_t channel_count, channels_asked;

    uv_prepare_t flusher;
    uv_idle_t waker;
    uv_timer_t pacer, sweeper;
    bool dirty, sweeping, closing;
    bool was_ready; /* once at least */
    unsigned open_handles, busy; /* busy: frames of ours on the stack */
};

static void on_pace(uv_timer_t *timer);
static void on_wake(uv_idle_t *idle);

static void free_when_done(struct kdm_redis *redis)
{
    if (redis->open_handles > 0 || redis->busy > 0)
        return;
    for (size_t i = 0; i < redis->channel_count; i++)
        free((char *)redis->channels[i].ptr);
    free(redis->channels);
    if (redis->reader != NULL)
        redisReaderFree(redis->reader);
    kdm_arena_fini(&redis->replies);
    kdm_redis_queue_fini(&redis->queue);
    kdm_redis_url_fini(&redis->url);
    free(redis);
}

/* Each callback of the loop is between enter() and leave(): the owner may close us in any event. */
static struct kdm_redis *enter(void *data)
{
    struct kdm_redis *redis = data;

    redis->busy++;
    return redis;
}

static void leave(struct kdm_redis *redis)
{
    redis->busy--;
    free_when_done(redis);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct kdm_redis *redis = handle->data;

    redis->open_handles--;
    free_when_done(redis);
}

/* Makes the loop come round without sleeping: for the flush, or to deliver what has ended. */
static void wake(struct kdm_redis *redis)
{
    if (!redis->closing)
        uv_idle_start(&redis->waker, on_wake);
}

static void mark_dirty(struct kdm_redis *redis)
{
    if (redis->dirty)
        return;
    redis->dirty = true;
    wake(redis);
}

static void pace(struct kdm_redis *redis, enum state state, int64_t after_ms)
{
    redis->state = state;
    /* The loop's time stands still in a long turn; the pause counts from now. */
    uv_update_time(redis->loop);
    uv_timer_start(&redis->pacer, on_pace, (uint64_t)after_ms, 0);
}

/* A failure that was logged is not logged again at each attempt. Until the first connection stands it is the owner's
 * to tell: several connections go to one Redis, and a start that fails says why in one line. */
static void note_failure(struct kdm_redis *redis, const char *reason)
{
    char text[sizeof redis->last_error];

    snprintf(text, sizeof text, "%s: %s", redis->url.name, reason);
    if (strcmp(text, redis->last_error) == 0)
        return;
    memcpy(redis->last_error, text, sizeof text);
    kdm_log_write(redis->was_ready ? KDM_LOG_WARN : KDM_LOG_DEBUG, "redis %s", text);
}

static void drop_link(struct kdm_redis *redis)
{
    if (redis->link == NULL)
        return;
    kdm_redis_link_close(redis->link);
    redis->link = NULL;
    kdm_redis_hello_fini(&redis->hello);
}

/* Gives this connection up; the next attempt follows after a pause. `reason` may lie in the link or
 * the hello. */
static void disconnect(struct kdm_redis *redis, const char *reason, bool refused)
{
    bool tell = redis->state == STATE_READY || (refused && !redis->refused);

    note_failure(redis, reason);
    drop_link(redis);
    kdm_redis_queue_disconnect(&redis->queue);
    redis->reloaded_at = 0;
    redis->refused = refused;
    if (redis->queue.ended_count > 0)
        wake(redis);
    pace(redis, STATE_PAUSED, refused ? PAUSE_LAST_MS : redis->pause_ms);
    redis->pause_ms = redis->pause_ms * 2 > PAUSE_LAST_MS ? PAUSE_LAST_MS : redis->pause_ms * 2;
    if (tell && redis->events.on_lost != NULL)
        redis->events.on_lost(redis->events.ctx, redis->last_error);
}

/* --- writing -------------------------------------------------------------------------------- */

/* Writes the hello and later SUBSCRIBEs. true when nothing of them is left. */
static bool flush_hello(struct kdm_redis *redis)
{
    struct kdm_buf *out = &redis->hello.out;
    size_t n;

    if (out->len == 0)
        return true;
    n = kdm_redis_link_write(redis->link, out->ptr, out->len);
    memmove(out->ptr, out->ptr + n, out->len - n);
    out->len -= n;
    return out->len == 0;
}

static void flush(struct kdm_redis *redis)
{
    struct kdm_str unsent;

    if (redis->link == NULL || !flush_hello(redis) || redis->state != STATE_READY)
        return;
    unsent = kdm_redis_queue_unsent(&redis->queue);
    if (unsent.len > 0)
        kdm_redis_queue_wrote(&redis->queue,
                              kdm_redis_link_write(redis->link, unsent.ptr, unsent.len));
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct kdm_redis *redis = prepare->data;

    if (!redis->dirty)
        return;
    redis->dirty = false;
    if (redis->queue.ended_count == 0)
        uv_idle_stop(&redis->waker);
    flush(redis);
}

/* --- replies -------------------------------------------------------------------------------- */

/* Messages come unasked for, also between the replies of a hello. */
static bool take_message(struct kdm_redis *redis, const redisReply *reply)
{
    if (redis->channel_count == 0 || reply->type != REDIS_REPLY_ARRAY || reply->elements != 3
        || !kdm_str_eq(kdm_reply_str(reply->element[0]), KDM_STR("message")))
        return false;
    if (redis->events.on_message != NULL)
        redis->events.on_message(redis->events.ctx, kdm_reply_str(reply->element[1]),
                                 kdm_reply_str(reply->element[2]));
    return true;
}

static void ask_channels(struct kdm_redis *redis)
{
    while (redis->channels_asked < redis->channel_count) {
        struct kdm_str args[] = { KDM_STR("SUBSCRIBE"), redis->channels[redis->channels_asked++] };

        kdm_redis_encode(&redis->hello.out, args, 2, NULL, 0);
    }
    mark_dirty(redis);
}

static void become_ready(struct kdm_redis *redis)
{
    struct kdm_str run_id = kdm_str_of(redis->hello.run_id);

    uv_timer_stop(&redis->pacer);
    redis->state = STATE_READY;
    redis->pause_ms = PAUSE_FIRST_MS;
    redis->refused = false;
    redis->last_error[0] = '\0';
    ask_channels(redis);
    kdm_log_write(redis->was_ready ? KDM_LOG_INFO : KDM_LOG_DEBUG, "redis %s: connected", redis->url.name);
    redis->was_ready = true;
    if (redis->events.on_ready != NULL)
        redis->events.on_ready(redis->events.ctx, run_id);
}

static void take_hello_reply(struct kdm_redis *redis, const redisReply *reply)
{
    switch (kdm_redis_hello_reply(&redis->hello, reply)) {
    case KDM_REDIS_HELLO_MORE:
        mark_dirty(redis);
        break;
    case KDM_REDIS_HELLO_LOADING:
        pace(redis, STATE_LOADING, LOADING_ASK_MS);
        break;
    case KDM_REDIS_HELLO_DONE:
        become_ready(redis);
        break;
    case KDM_REDIS_HELLO_REFUSED:
        disconnect(redis, redis->hello.error, true);
        break;
    case KDM_REDIS_HELLO_FAILED:
        disconnect(redis, redis->hello.error, false);
        break;
    }
}

/* Repeats the oldest command, an EVALSHA, after its script was loaded again. One load serves all
 * commands that were queued before it. */
static void repeat_oldest(struct kdm_redis *redis, const struct kdm_redis_queued *oldest)
{
    if (oldest->at >= redis->reloaded_at) {
        for (size_t i = 0; i < redis->script_count; i++) {
            const struct kdm_redis_script *script = redis->scripts[i];
            struct kdm_redis_queued load = { .deadline_ms = INT64_MAX };
            struct kdm_str args[] = { KDM_STR("SCRIPT"),
                                      KDM_STR("LOAD"),
                                      { .ptr = script->text, .len = script->len } };

            kdm_redis_queue_push(&redis->queue, &load, args, 3, NULL, 0);
        }
        redis->reloaded_at = kdm_redis_queue_end(&redis->queue);
    }
    kdm_redis_queue_repeat(&redis->queue);
    mark_dirty(redis);
}

static void take_answer(struct kdm_redis *redis, const redisReply *reply)
{
    const struct kdm_redis_queued *oldest = kdm_redis_queue_oldest(&redis->queue);
    struct kdm_redis_queued command;

    if (oldest != NULL && oldest->script != NULL && reply->type == REDIS_REPLY_ERROR
        && kdm_str_starts(kdm_reply_str(reply), KDM_STR("NOSCRIPT"))) {
        repeat_oldest(redis, oldest);
    } else if (kdm_redis_queue_pop(&redis->queue, &command)) {
        if (command.fn != NULL)
            command.fn(command.ctx, KDM_REDIS_OK, reply);
    } else if (redis->channel_count == 0) {
        disconnect(redis, reply->type == REDIS_REPLY_ERROR ? reply->str : "unexpected answer",
                   false);
    } /* else the confirmation of a SUBSCRIBE */
}

/* Takes the replies that are complete. false when the connection ended meanwhile. */
static bool take_replies(struct kdm_redis *redis)
{
    for (;;) {
        void *reply = NULL;

        if (redisReaderGetReply(redis->reader, &reply) != REDIS_OK) {
            disconnect(redis, redis->reader->errstr, false);
            return false;
        }
        if (reply == NULL)
            return true;
        if (take_message(redis, reply))
            ;
        else if (redis->state == STATE_READY)
            take_answer(redis, reply);
        else
            take_hello_reply(redis, reply);
        if (redis->link == NULL)
            return false;
        kdm_arena_reset(&redis->replies);
    }
}

/* --- events of the loop ---------------------------------------------------------------------- */

static void on_bytes(void *ctx, struct kdm_str bytes)
{
    struct kdm_redis *redis = enter(ctx);

    while (bytes.len > 0) {
        size_t step = bytes.len < FEED_SIZE ? bytes.len : FEED_SIZE;

        redisReaderFeed(redis->reader, bytes.ptr, step);
        if (!take_replies(redis))
            break;
        bytes = kdm_str_from(bytes, step);
    }
    leave(redis);
}

static void on_up(void *ctx)
{
    struct kdm_redis *redis = ctx;

    redis->state = STATE_GREETING;
    flush(redis);
}

static void on_writable(void *ctx)
{
    flush(ctx);
}

static void on_down(void *ctx, const char *reason)
{
    struct kdm_redis *redis = enter(ctx);

    disconnect(redis, reason, false);
    leave(redis);
}

static void start_connect(struct kdm_redis *redis)
{
    const struct kdm_redis_link_events events = { .ctx = redis,
                                                  .on_up = on_up,
                                                  .on_bytes = on_bytes,
                                                  .on_writable = on_writable,
                                                  .on_down = on_down };
    const struct kdm_redis_hello_plan plan = { .url = &redis->url,
                                               .scripts = redis->scripts,
                                               .script_count = redis->script_count,
                                               .channels = redis->channels,
                                               .channel_count = redis->channel_count };

    /* A new parser: the old one may hold half a reply. */
    if (redis->reader != NULL)
        redisReaderFree(redis->reader);
    kdm_arena_reset(&redis->replies);
    redis->reader = kdm_redis_reader_create(&redis->replies);
    kdm_redis_hello_init(&redis->hello, &plan);
    redis->channels_asked = redis->channel_count;
    redis->link = kdm_redis_link_open(redis->loop, &redis->url, &events);
    pace(redis, STATE_CONNECTING, CONNECT_MAX_MS);
}

static void on_pace(uv_timer_t *timer)
{
    struct kdm_redis *redis = enter(timer->data);

    switch (redis->state) {
    case STATE_PAUSED:
        start_connect(redis);
        break;
    case STATE_CONNECTING:
    case STATE_GREETING:
        disconnect(redis, "no answer in time", false);
        break;
    case STATE_LOADING:
        kdm_redis_hello_again(&redis->hello);
        pace(redis, STATE_GREETING, CONNECT_MAX_MS);
        mark_dirty(redis);
        break;
    case STATE_READY:
        break;
    }
    leave(redis);
}

/* Tells those whose commands ended without an answer; what ends meanwhile waits for the next turn.
 */
static void on_wake(uv_idle_t *idle)
{
    struct kdm_redis *redis = enter(idle->data);
    size_t most = redis->queue.ended_count;
    struct kdm_redis_ended ended;

    while (most-- > 0 && kdm_redis_queue_next_ended(&redis->queue, &ended))
        ended.fn(ended.ctx, ended.outcome, NULL);
    if (!redis->closing && !redis->dirty && redis->queue.ended_count == 0)
        uv_idle_stop(&redis->waker);
    leave(redis);
}

static void on_sweep(uv_timer_t *timer)
{
    struct kdm_redis *redis = timer->data;

    if (redis->queue.count == 0) {
        redis->sweeping = false;
        uv_timer_stop(timer);
        return;
    }
    kdm_redis_queue_expire(&redis->queue, kdm_clock_monotonic_ms());
    if (redis->queue.ended_count > 0)
        wake(redis);
}

/* --- the outside ------------------------------------------------------------------------------ */

static void init_handles(struct kdm_redis *redis)
{
    uv_prepare_init(redis->loop, &redis->flusher);
    uv_idle_init(redis->loop, &redis->waker);
    uv_timer_init(redis->loop, &redis->pacer);
    uv_timer_init(redis->loop, &redis->sweeper);
    redis->flusher.data = redis->waker.data = redis->pacer.data = redis->sweeper.data = redis;
    redis->open_handles = HANDLES;
    uv_prepare_start(&redis->flusher, on_prepare);
}

struct kdm_redis *kdm_redis_open(uv_loop_t *loop, const char *url,
                                 const struct kdm_redis_script *const *scripts, size_t script_count,
                                 const struct kdm_redis_events *events, char **ret_error)
{
    struct kdm_redis_url parsed;
    struct kdm_redis *redis;

    if (!kdm_redis_url_parse(url, &parsed, ret_error))
        return NULL;
    redis = kdm_zalloc(sizeof *redis);
    redis->loop = loop;
    redis->url = parsed;
    redis->scripts = scripts;
    redis->script_count = script_count;
    if (events != NULL)
        redis->events = *events;
    redis->pause_ms = PAUSE_FIRST_MS;
    kdm_arena_init(&redis->replies, ARENA_CHUNK);
    kdm_redis_queue_init(&redis->queue);
    init_handles(redis);
    pace(redis, STATE_PAUSED, 0);
    return redis;
}

void kdm_redis_close(struct kdm_redis *redis)
{
    struct kdm_redis_ended ended;

    if (redis == NULL || redis->closing)
        return;
    redis->busy++;
    redis->closing = true;
    redis->state = STATE_PAUSED;
    drop_link(redis);
    kdm_redis_queue_end_all(&redis->queue);
    while (kdm_redis_queue_next_ended(&redis->queue, &ended))
        ended.fn(ended.ctx, ended.outcome, NULL);
    uv_close((uv_handle_t *)&redis->flusher, on_handle_closed);
    uv_close((uv_handle_t *)&redis->waker, on_handle_closed);
    uv_close((uv_handle_t *)&redis->pacer, on_handle_closed);
    uv_close((uv_handle_t *)&redis->sweeper, on_handle_closed);
    leave(redis);
}

bool kdm_redis_ready(const struct kdm_redis *redis)
{
    return redis->state == STATE_READY;
}

bool kdm_redis_refused(const struct kdm_redis *redis)
{
    return redis->refused;
}

const char *kdm_redis_last_error(const struct kdm_redis *redis)
{
    return redis->last_error[0] == '\0' ? NULL : redis->last_error;
}

static void push(struct kdm_redis *redis, const struct kdm_redis_queued *command,
                 const struct kdm_str *head, size_t head_count, const struct kdm_str *args,
                 size_t arg_count)
{
    KDM_ASSERT(redis->channel_count == 0);
    if (!kdm_redis_queue_push(&redis->queue, command, head, head_count, args, arg_count)) {
        wake(redis);
        return;
    }
    if (redis->closing) { /* sent by a callback that kdm_redis_close() is calling */
        kdm_redis_queue_end_all(&redis->queue);
        return;
    }
    mark_dirty(redis);
    if (!redis->sweeping) {
        redis->sweeping = true;
        uv_timer_start(&redis->sweeper, on_sweep, SWEEP_MS, SWEEP_MS);
    }
}

void kdm_redis_command(struct kdm_redis *redis, const struct kdm_str *args, size_t count,
                       int64_t deadline_ms, kdm_redis_fn *fn, void *ctx)
{
    struct kdm_redis_queued command = { .fn = fn, .ctx = ctx, .deadline_ms = deadline_ms };

    push(redis, &command, NULL, 0, args, count);
}

void kdm_redis_eval(struct kdm_redis *redis, const struct kdm_redis_script *script,
                    const struct kdm_str *args, size_t key_count, size_t count, int64_t deadline_ms,
                    kdm_redis_fn *fn, void *ctx)
{
    struct kdm_redis_queued command = {
        .fn = fn, .ctx = ctx, .deadline_ms = deadline_ms, .script = script
    };
    char keys[24];
    int keys_len = snprintf(keys, sizeof keys, "%zu", key_count);
    struct kdm_str head[] = { KDM_STR("EVALSHA"),
                              { .ptr = script->sha1, .len = sizeof script->sha1 - 1 },
                              { .ptr = keys, .len = (size_t)keys_len } };

    push(redis, &command, head, 3, args, count);
}

void kdm_redis_subscribe(struct kdm_redis *redis, struct kdm_str channel)
{
    KDM_ASSERT(redis->queue.count == 0);
    redis->channels =
        kdm_realloc(redis->channels, (redis->channel_count + 1) * sizeof *redis->channels);
    redis->channels[redis->channel_count++] = kdm_heap_copy(channel);
    /* The hello may still have to ask for those it was made with. */
    redis->hello.plan.channels = redis->channels;
    if (redis->state == STATE_READY)
        ask_channels(redis);
}

bool kdm_redis_unsubscribe(struct kdm_redis *redis, struct kdm_str channel)
{
    struct kdm_str args[] = { KDM_STR("UNSUBSCRIBE"), channel };
    size_t i = 0;

    /* While a hello is under way it counts the confirmations of those it was made with. */
    if (redis->state != STATE_READY || redis->channels_asked < redis->channel_count)
        return false;
    while (i < redis->channel_count && !kdm_str_eq(redis->channels[i], channel))
        i++;
    KDM_ASSERT(i < redis->channel_count);
    kdm_redis_encode(&redis->hello.out, args, 2, NULL, 0);
    free((char *)redis->channels[i].ptr);
    redis->channels[i] = redis->channels[--redis->channel_count];
    redis->channels_asked = redis->channel_count;
    mark_dirty(redis);
    return true;
}

void kdm_redis_withdraw(struct kdm_redis *redis, kdm_redis_fn *fn)
{
    kdm_redis_queue_withdraw(&redis->queue, fn);
    if (redis->queue.ended_count > 0)
        wake(redis);
}

void kdm_redis_forget(struct kdm_redis *redis, void *ctx)
{
    kdm_redis_queue_forget(&redis->queue, ctx);
}
