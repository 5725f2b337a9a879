/* janitor.c - now and then: says that this node lives, and tidies up what nobody needs any more.
 * Any node may do it for all, at any time: what tidy.lua does is safe to do twice. A node counts as gone when it has
 * not been heard of for an hour, far longer than any deadline, so no commit of it can still be asked about.
 */
#include "base/clock.h"
#include "base/log.h"
#include "redis_scripts.gen.h"
#include "store/store_private.h"

#include <stdio.h>
#include <stdlib.h>

#define EVERY_MS   60000
#define GONE_MS    3600000
#define TIMEOUT_MS 30000
#define NODES_KEY  "kdm:nodes"
#define GONE_MAX   1000

struct kdm_janitor {
    struct kdm_store *store;
    uv_timer_t timer;
    struct kdm_str gone[GONE_MAX]; /* owned */
    size_t gone_count;
    bool busy, closing;
};

static struct kdm_str decimal(char *space, size_t size, int64_t value)
{
    return (struct kdm_str){ space, (size_t)snprintf(space, size, "%lld", (long long)value) };
}

static void forget_gone(struct kdm_janitor *janitor)
{
    while (janitor->gone_count > 0)
        free((char *)janitor->gone[--janitor->gone_count].ptr);
}

/* --- step 3: each index, and the nodes that were tidied away ----------------------------------- */

static void tidy_index(struct kdm_janitor *janitor, struct kdm_str name)
{
    struct kdm_store *store = janitor->store;
    struct kdm_index *index = kdm_catalogue_index(name);
    struct kdm_str args[4 + GONE_MAX];
    char now[24], age[24];

    args[0] = index->meta_key;
    args[1] = index->feed_key;
    args[2] = decimal(now, sizeof(now), kdm_clock_ms());
    args[3] = decimal(age, sizeof(age), store->feed_max_age_ms);
    if (janitor->gone_count > 0)
        memcpy(args + 4, janitor->gone, janitor->gone_count * sizeof(*args));
    kdm_redis_eval(store->redis, &kdm_script_tidy, args, 2, 4 + janitor->gone_count,
                   kdm_clock_monotonic_ms() + TIMEOUT_MS, NULL, NULL);
    kdm_index_unref(index);
}

static void on_indexes(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct kdm_janitor *janitor = ctx;
    struct kdm_str args[2 + GONE_MAX] = { KDM_STR("ZREM"), KDM_STR(NODES_KEY) };

    janitor->busy = false;
    if (janitor->closing || err != KDM_OK)
        return;
    for (size_t i = 0; i < count; i++)
        tidy_index(janitor, values[i]);
    if (janitor->gone_count > 0) {
        memcpy(args + 2, janitor->gone, janitor->gone_count * sizeof(*args));
        kdm_redis_command(janitor->store->redis, args, 2 + janitor->gone_count,
                          kdm_clock_monotonic_ms() + TIMEOUT_MS, NULL, NULL);
    }
}

/* --- step 2: who is gone ------------------------------------------------------------------------- */

static void on_gone(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct kdm_janitor *janitor = ctx;

    janitor->busy = false;
    if (janitor->closing || kdm_store_error_of(outcome, reply) != KDM_OK)
        return;
    for (size_t i = 0; i < reply->elements && i < GONE_MAX; i++)
        janitor->gone[janitor->gone_count++] = kdm_heap_copy(kdm_reply_str(reply->element[i]));
    janitor->busy = true;
    kdm_store_list_indexes(janitor->store, kdm_clock_monotonic_ms() + TIMEOUT_MS, on_indexes, janitor);
}

/* --- step 1: this one lives ------------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer)
{
    struct kdm_janitor *janitor = timer->data;
    struct kdm_store *store = janitor->store;
    int64_t deadline = kdm_clock_monotonic_ms() + TIMEOUT_MS;
    char now[24], limit[24];
    struct kdm_str lives[] = { KDM_STR("ZADD"), KDM_STR(NODES_KEY), decimal(now, sizeof(now), kdm_clock_ms()),
                               store->node };
    struct kdm_str gone[] = { KDM_STR("ZRANGEBYSCORE"), KDM_STR(NODES_KEY), KDM_STR("-inf"),
                              decimal(limit, sizeof(limit), kdm_clock_ms() - GONE_MS) };

    if (janitor->busy || !kdm_redis_ready(store->redis))
        return;
    forget_gone(janitor);
    janitor->busy = true;
    kdm_redis_command(store->redis, lives, 4, deadline, NULL, NULL);
    kdm_redis_command(store->redis, gone, 4, deadline, on_gone, janitor);
}

struct kdm_janitor *kdm_janitor_create(struct kdm_store *store)
{
    struct kdm_janitor *janitor = kdm_zalloc(sizeof(*janitor));

    janitor->store = store;
    uv_timer_init(store->loop, &janitor->timer);
    janitor->timer.data = janitor;
    uv_timer_start(&janitor->timer, on_timer, 1000, EVERY_MS);
    uv_unref((uv_handle_t *)&janitor->timer);
    return janitor;
}

void kdm_janitor_stop(struct kdm_janitor *janitor)
{
    if (janitor != NULL)
        janitor->closing = true;
}

static void on_closed(uv_handle_t *handle)
{
    forget_gone(handle->data);
    free(handle->data);
}

void kdm_janitor_destroy(struct kdm_janitor *janitor)
{
    if (janitor != NULL)
        uv_close((uv_handle_t *)&janitor->timer, on_closed);
}
