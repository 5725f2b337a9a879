/* scroll.c - see scroll.h. Pages are sent in several calls, so that a long cursor never holds Redis's
 * only thread for more than a moment. */
#include "store/scroll.h"
#include "redis_scripts.gen.h"
#include "store/store_private.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH_TEXTS 500
#define BATCH_BYTES (256u << 10)
#define KEYS        3
#define FIXED       (KEYS + 5)

/* Waits for the answers to all calls of one cursor. */
struct opening {
    kdm_store_values_fn *fn;
    void *ctx;
    size_t calls; /* not answered yet */
    enum kdm_err err;
};

static void on_put(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct opening *opening = ctx;
    enum kdm_err err = kdm_store_error_of(outcome, reply);

    if (err == KDM_OK && (reply->type != REDIS_REPLY_INTEGER || reply->integer != 1))
        err = KDM_ERR_SERVICES_STORAGE_TOO_MANY_OPERATIONS;
    if (opening->err == KDM_OK)
        opening->err = err;
    if (--opening->calls > 0)
        return;
    opening->fn(opening->ctx, opening->err, NULL, 0);
    free(opening);
}

static struct kdm_str number_text(char *space, size_t size, int64_t value)
{
    return (struct kdm_str){ space, (size_t)snprintf(space, size, "%lld", (long long)value) };
}

static struct kdm_str list_key(char *space, size_t size, struct kdm_str key)
{
    return (struct kdm_str){ space, (size_t)snprintf(space, size, "kdm:{scroll}:" KDM_FMT,
                                                     KDM_ARG(key)) };
}

/* The head is text 0. */
static struct kdm_str text_of(const struct kdm_scroll *scroll, size_t number)
{
    return number == 0 ? scroll->head : scroll->pages[number - 1];
}

/* Sends what one call takes of the texts from `first` on; returns the first that is left. */
static size_t send_batch(struct kdm_store *store, const struct kdm_scroll *scroll, size_t first,
                         int64_t deadline_ms, struct opening *opening)
{
    char name[KDM_SCROLL_KEY_MAX + 32], ttl[24], open[24], bytes[24];
    struct kdm_str args[FIXED + BATCH_TEXTS];
    size_t count = 0, size = 0;

    args[0] = list_key(name, sizeof(name), scroll->key);
    args[1] = KDM_STR("kdm:{scroll}");
    args[2] = KDM_STR("kdm:{scroll}#");
    args[3] = scroll->key;
    args[4] = number_text(ttl, sizeof(ttl), scroll->ttl_ms);
    args[5] = number_text(open, sizeof(open), KDM_SCROLL_MAX_OPEN);
    args[6] = number_text(bytes, sizeof(bytes), KDM_SCROLL_MAX_BYTES);
    args[7] = first == 0 ? KDM_STR("1") : KDM_STR("0");
    while (first + count <= scroll->page_count && count < BATCH_TEXTS
           && (count == 0 || size < BATCH_BYTES)) {
        args[FIXED + count] = text_of(scroll, first + count);
        size += args[FIXED + count].len;
        count++;
    }
    opening->calls++;
    kdm_redis_eval(store->redis, &kdm_script_scroll_put, args, KEYS, FIXED + count, deadline_ms,
                   on_put, opening);
    return first + count;
}

void kdm_store_scroll_open(struct kdm_store *store, const struct kdm_scroll *scroll,
                           int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx)
{
    struct opening *opening = kdm_zalloc(sizeof(*opening));

    KDM_ASSERT(scroll->key.len <= KDM_SCROLL_KEY_MAX);
    opening->fn = fn;
    opening->ctx = ctx;
    for (size_t next = 0; next <= scroll->page_count;)
        next = send_batch(store, scroll, next, deadline_ms, opening);
}

/* --- the next page ------------------------------------------------------------------------- */

struct turning {
    kdm_store_values_fn *fn;
    void *ctx;
};

static void on_next(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct turning *turning = ctx;
    enum kdm_err err = kdm_store_error_of(outcome, reply);
    struct kdm_str values[2] = { KDM_STR_NONE, KDM_STR_NONE };
    size_t count = 0;

    if (err == KDM_OK && reply->type == REDIS_REPLY_ARRAY) {
        for (count = 0; count < reply->elements && count < 2; count++)
            values[count] = kdm_reply_str(reply->element[count]);
        if (count == 1)
            count = 2; /* Lua ends a list at its first false */
    }
    turning->fn(turning->ctx, err, values, count);
    free(turning);
}

void kdm_store_scroll_next(struct kdm_store *store, struct kdm_str key, int64_t ttl_ms,
                           int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx)
{
    struct turning *turning = kdm_malloc(sizeof(*turning));
    char name[KDM_SCROLL_KEY_MAX + 32], ttl[24];
    struct kdm_str args[KEYS + 2];

    KDM_ASSERT(key.len <= KDM_SCROLL_KEY_MAX);
    *turning = (struct turning){ .fn = fn, .ctx = ctx };
    args[0] = list_key(name, sizeof(name), key);
    args[1] = KDM_STR("kdm:{scroll}");
    args[2] = KDM_STR("kdm:{scroll}#");
    args[3] = key;
    args[4] = number_text(ttl, sizeof(ttl), ttl_ms);
    kdm_redis_eval(store->redis, &kdm_script_scroll_next, args, KEYS, KEYS + 2, deadline_ms, on_next,
                   turning);
}
