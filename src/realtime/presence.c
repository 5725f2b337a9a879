/* presence.c - telling what this node has. See presence.h; asking is in presence_ask.c. */
#include "base/clock.h"
#include "base/log.h"
#include "realtime/presence_private.h"
#include "redis_scripts.gen.h"

#include <stdio.h>
#include <stdlib.h>

#define RENEW_MS        2000
#define TELL_TIMEOUT_MS 5000
#define BATCH_ROOMS     100
#define BATCH_BYTES     (512u * 1024)
#define ARGS_OF_ROOM    5

/* Somebody who waits until a change is told. */
struct waiter {
    struct waiter *next;
    uint32_t connections; /* of this node, when it changed */
    kdm_presence_told_fn *fn;
    void *ctx;
};

struct told_room {
    char id[KDM_ROOM_ID_LEN];
    struct kdm_str names,
        filter; /* "<index> <collection>"; slices of one allocation, names first */
    uint32_t connections;
    bool wants_users;
    bool told;    /* Redis holds it, as far as is known */
    bool changed; /* since it was told; then it is in the list of those */
    struct told_room *next_changed;
    struct told_room *next_in_batch; /* it may change again while it is being told */
    struct waiter *waiters;          /* for the next batch, newest first */
    struct waiter *underway;         /* for the batch on its way */
    uint32_t sent;                   /* connections in that batch */
};

/* --- what is to be told ---------------------------------------------------------------------- */

static void mark_changed(struct kdm_presence *presence, struct told_room *room)
{
    if (room->changed)
        return;
    room->changed = true;
    room->next_changed = NULL;
    if (presence->changed == NULL)
        presence->changed = room;
    else
        presence->last_changed->next_changed = room;
    presence->last_changed = room;
}

static struct told_room *take_changed(struct kdm_presence *presence)
{
    struct told_room *room = presence->changed;

    presence->changed = room->next_changed;
    room->changed = false;
    return room;
}

static void free_room(void *value)
{
    struct told_room *room = value;

    free((char *)room->names.ptr);
    free(room);
}

static struct kdm_str id_of(const struct told_room *room)
{
    return (struct kdm_str){ .ptr = room->id, .len = KDM_ROOM_ID_LEN };
}

static struct told_room *need_room(struct kdm_presence *presence,
                                   const struct kdm_presence_room *from)
{
    struct told_room *room =
        kdm_table_get(presence->rooms, (struct kdm_str){ from->id, KDM_ROOM_ID_LEN });
    struct kdm_buf text;

    if (room != NULL)
        return room;
    room = kdm_zalloc(sizeof(*room));
    memcpy(room->id, from->id, sizeof(room->id));
    kdm_buf_init(&text, NULL, from->index.len + from->collection.len + from->filter.len + 1);
    kdm_buf_put(&text, from->index);
    kdm_buf_char(&text, ' ');
    kdm_buf_put(&text, from->collection);
    room->names = kdm_buf_str(&text);
    kdm_buf_put(&text, from->filter);
    room->names.ptr = text.ptr;
    room->filter = kdm_str_from(kdm_buf_str(&text), room->names.len);
    kdm_table_put(presence->rooms, id_of(room), room);
    return room;
}

/* --- what was told --------------------------------------------------------------------------- */

static struct waiter *reversed(struct waiter *waiters)
{
    struct waiter *oldest = NULL, *next;

    for (; waiters != NULL; waiters = next) {
        next = waiters->next;
        waiters->next = oldest;
        oldest = waiters;
    }
    return oldest;
}

static void settle(struct waiter *waiters, enum kdm_err err, uint64_t others, bool wants_users)
{
    struct waiter *next;

    for (struct waiter *at = reversed(waiters); at != NULL; at = next) {
        next = at->next;
        at->fn(at->ctx, err, others + at->connections, wants_users);
        free(at);
    }
}

/* Nobody is in it any more and Redis knows: forgotten. */
static void forget_if_gone(struct kdm_presence *presence, struct told_room *room)
{
    if (room->connections > 0 || room->changed || room->told || room->waiters != NULL)
        return;
    kdm_table_remove(presence->rooms, id_of(room));
    free_room(room);
}

/* A room that was told, as far as it was. */
static void end_room(struct kdm_presence *presence, struct told_room *room,
                     enum kdm_redis_outcome outcome, uint64_t others, bool wants_users)
{
    struct waiter *waiters = room->underway;
    bool ok = outcome == KDM_REDIS_OK;

    room->underway = NULL;
    if (ok) {
        presence->told_rooms += (room->sent > 0) - room->told;
        room->told = room->sent > 0;
    } else if (outcome == KDM_REDIS_LOST || room->connections > 0 || room->told) {
        mark_changed(presence, room); /* lost: it may have been done all the same */
    }
    forget_if_gone(presence, room);
    settle(waiters, ok ? KDM_OK : KDM_ERR_SERVICES_CACHE_NOT_CONNECTED, others, wants_users);
}

/* Redis can't be reached: nobody need wait until it can, and what it never heard of is forgotten.
 */
static void fail_changed(struct kdm_presence *presence)
{
    struct told_room *next, *room = presence->changed;

    presence->changed = NULL;
    for (; room != NULL; room = next) {
        struct waiter *waiters = room->waiters;

        next = room->next_changed; /* still marked: nobody frees it meanwhile */
        room->waiters = NULL;
        room->changed = false;
        if (room->connections > 0 || room->told)
            mark_changed(presence, room);
        forget_if_gone(presence, room);
        settle(waiters, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED, 0, false);
    }
}

static struct told_room *take_batch(struct kdm_presence *presence)
{
    struct told_room *batch = presence->batch;

    presence->batch = NULL;
    return batch;
}

static void send_asks(struct kdm_presence *presence)
{
    struct kdm_presence_ask *next, *ask = presence->asks;

    presence->asks = NULL;
    for (; ask != NULL; ask = next) {
        next = ask->next;
        ask->send(presence, ask);
    }
}

/* What was sent is done before it in Redis, so only what could not be sent yet is waited for. */
void kdm_presence_queue(struct kdm_presence *presence, struct kdm_presence_ask *ask)
{
    if (presence->changed == NULL || !presence->busy) {
        ask->send(presence, ask);
        return;
    }
    ask->next = NULL;
    if (presence->asks == NULL)
        presence->asks = ask;
    else
        presence->last_ask->next = ask;
    presence->last_ask = ask;
}

/* Redis has lost what it was told, or took this node for dead meanwhile. Not more often than the
 * lease is renewed, should another node have this one's name. */
static void tell_all_again(struct kdm_presence *presence)
{
    struct kdm_str unlink[] = { KDM_STR("UNLINK"), presence->counts_key,
                                presence->definitions_key };
    int64_t now = kdm_clock_monotonic_ms();
    struct kdm_str key;
    void *value;

    if (now - presence->told_again_ms < RENEW_MS)
        return;
    presence->told_again_ms = now;
    kdm_redis_command(presence->redis, unlink, 3, now + TELL_TIMEOUT_MS, NULL, NULL);
    for (size_t cursor = 0; kdm_table_next(presence->rooms, &cursor, &key, &value);) {
        struct told_room *room = value;

        if (room->told)
            mark_changed(presence, room);
        room->told = false;
    }
    presence->told_rooms = 0;
}

static void flush(struct kdm_presence *presence);

static void on_told(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct kdm_presence *presence = ctx;
    struct told_room *next, *room = take_batch(presence);
    bool ok;

    if (outcome == KDM_REDIS_OK && reply->type != REDIS_REPLY_ARRAY)
        outcome = KDM_REDIS_LOST; /* refused: it is full, or its scripts were taken away */
    ok = outcome == KDM_REDIS_OK;
    /* Still busy: whoever is told here may change rooms of this batch that are not ended yet. */
    for (size_t i = 1; room != NULL; room = next, i += 2) {
        bool told = ok && i + 1 < reply->elements;

        next = room->next_in_batch;
        end_room(presence, room, told || !ok ? outcome : KDM_REDIS_LOST,
                 told ? (uint64_t)reply->element[i]->integer : 0,
                 told && reply->element[i + 1]->integer != 0);
    }
    presence->busy = false;
    if (!ok)
        fail_changed(presence); /* the next renewal tries again */
    else if ((size_t)reply->element[0]->integer != presence->told_rooms)
        tell_all_again(presence);
    if (ok && presence->changed != NULL)
        flush(presence);
    if (!ok || presence->changed == NULL)
        send_asks(presence);
}

/* --- telling --------------------------------------------------------------------------------- */

static struct kdm_str copy_decimal(struct kdm_arena *arena, uint64_t number)
{
    return kdm_arena_printf(arena, "%llu", (unsigned long long)number);
}

/* As many rooms as one command takes. */
static size_t put_batch(struct kdm_presence *presence, struct kdm_arena *arena,
                        struct kdm_str *args)
{
    struct told_room **end = &presence->batch;
    size_t count = 0, bytes = 0;

    while (presence->changed != NULL && count < BATCH_ROOMS * ARGS_OF_ROOM && bytes < BATCH_BYTES) {
        struct told_room *room = take_changed(presence);

        *end = room;
        end = &room->next_in_batch;
        room->next_in_batch = NULL;
        room->sent = room->connections;
        room->underway = room->waiters;
        room->waiters = NULL;
        bytes += room->names.len + room->filter.len + KDM_ROOM_ID_LEN;
        args[count++] = id_of(room);
        args[count++] = copy_decimal(arena, room->connections);
        args[count++] = room->wants_users ? KDM_STR("1") : KDM_STR("0");
        args[count++] = room->names;
        args[count++] = room->filter;
    }
    return count;
}

static void flush(struct kdm_presence *presence)
{
    struct kdm_str args[6 + BATCH_ROOMS * ARGS_OF_ROOM];
    struct kdm_arena arena;
    size_t count;

    if (presence->busy || presence->withdrawn)
        return;
    kdm_arena_init(&arena, 4096);
    args[0] = KDM_STR(PRESENCE_NODES_KEY);
    args[1] = presence->counts_key;
    args[2] = presence->definitions_key;
    args[3] = presence->node;
    args[4] = copy_decimal(&arena, KDM_PRESENCE_LEASE_MS);
    args[5] = KDM_STR(PRESENCE_COUNTS_PREFIX);
    count = 6 + put_batch(presence, &arena, args + 6);
    presence->busy = true;
    kdm_redis_eval(presence->redis, &kdm_script_presence_put, args, 3, count,
                   kdm_clock_monotonic_ms() + TELL_TIMEOUT_MS, on_told, presence);
    kdm_arena_fini(&arena);
}

void kdm_presence_tell(struct kdm_presence *presence, const struct kdm_presence_room *from,
                       kdm_presence_told_fn *fn, void *ctx)
{
    struct told_room *room = need_room(presence, from);
    struct waiter *waiter = kdm_malloc(sizeof(*waiter));

    *waiter = (struct waiter){
        .next = room->waiters, .connections = from->connections, .fn = fn, .ctx = ctx
    };
    room->waiters = waiter;
    room->connections = from->connections;
    room->wants_users = from->wants_users;
    mark_changed(presence, room);
    flush(presence);
}

/* --- life ---------------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
    struct kdm_presence *presence = timer->data;

    if (kdm_redis_ready(presence->redis))
        flush(presence);
}

static void on_ready(void *ctx, struct kdm_str run_id)
{
    (void)run_id;
    flush(ctx);
}

static struct kdm_str own_key(struct kdm_arena *arena, const char *prefix, struct kdm_str node)
{
    return kdm_arena_printf(arena, "%s" KDM_FMT, prefix, KDM_ARG(node));
}

struct kdm_presence *kdm_presence_create(uv_loop_t *loop, const char *redis_url,
                                         struct kdm_str node, struct kdm_random *random,
                                         char **ret_error)
{
    static const struct kdm_redis_script *const scripts[] = { &kdm_script_presence_put,
                                                              &kdm_script_presence_find,
                                                              &kdm_script_presence_nodes };
    struct kdm_presence *presence = kdm_zalloc(sizeof(*presence));
    struct kdm_redis_events events = { .ctx = presence, .on_ready = on_ready };
    struct kdm_hash_seed seed;

    kdm_random_fill(random, &seed, sizeof(seed));
    kdm_arena_init(&presence->arena, 512);
    presence->node = kdm_arena_copy(&presence->arena, node);
    presence->counts_key = own_key(&presence->arena, PRESENCE_COUNTS_PREFIX, node);
    presence->definitions_key = own_key(&presence->arena, PRESENCE_DEFINITIONS_PREFIX, node);
    presence->rooms = kdm_table_create(&seed);
    uv_timer_init(loop, &presence->timer);
    presence->timer.data = presence;
    presence->redis = kdm_redis_open(loop, redis_url, scripts, sizeof(scripts) / sizeof(scripts[0]),
                                     &events, ret_error);
    if (presence->redis == NULL) {
        kdm_presence_destroy(presence);
        return NULL;
    }
    uv_timer_start(&presence->timer, on_timer, RENEW_MS, RENEW_MS);
    uv_unref((uv_handle_t *)&presence->timer);
    return presence;
}

void kdm_presence_withdraw(struct kdm_presence *presence)
{
    struct kdm_str del[] = { KDM_STR("UNLINK"), presence->counts_key, presence->definitions_key };
    struct kdm_str rem[] = { KDM_STR("ZREM"), KDM_STR(PRESENCE_NODES_KEY), presence->node };
    int64_t deadline_ms = kdm_clock_monotonic_ms() + TELL_TIMEOUT_MS;

    presence->withdrawn = true;
    kdm_redis_command(presence->redis, del, 3, deadline_ms, NULL, NULL);
    kdm_redis_command(presence->redis, rem, 3, deadline_ms, NULL, NULL);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct kdm_presence *presence = handle->data;

    kdm_table_destroy(presence->rooms, free_room);
    kdm_arena_fini(&presence->arena);
    free(presence);
}

void kdm_presence_destroy(struct kdm_presence *presence)
{
    struct kdm_str key;
    void *value;

    if (presence == NULL)
        return;
    presence->withdrawn = true;
    kdm_redis_close(presence->redis); /* ends the batch on its way */
    for (size_t cursor = 0; kdm_table_next(presence->rooms, &cursor, &key, &value);) {
        struct told_room *room = value;
        struct waiter *waiters = room->waiters;

        room->waiters = NULL;
        settle(waiters, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED, 0, false);
    }
    uv_close((uv_handle_t *)&presence->timer, on_timer_closed);
}
