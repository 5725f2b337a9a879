/* feed.c - the follower: one more connection that hears the doorbell, and reads of the feeds that rang.
 * A feed's entries carry the index's sequence and every commit adds one to it, so an entry that is missing shows.
 */
#include "store/feed.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/store_private.h"

#include <stdio.h>
#include <stdlib.h>

#define COMPARE_MS     1000
#define READ_BYTES     (256 * 1024) /* of a feed at a time, about */
#define READ_ENTRIES   256          /* at most */
#define READ_TIMEOUT_MS 5000
#define CATALOGUE_BELL "kdm:bell"

/* One followed index. */
struct followed {
    struct kdm_follower *follower;
    struct kdm_index *index; /* lent: the store's never go */
    uint64_t position;       /* sequence of the last entry that was delivered */
    uint64_t heard;          /* the greatest that is known to exist */
    unsigned entries;        /* how many to read at a time */
    bool positioned, reading;
    bool late; /* its position could not be taken at once: what came before then was not heard */
};

struct kdm_follower {
    struct kdm_store *store;
    struct kdm_redis *bell;
    uv_timer_t timer;
    struct kdm_table *followed; /* by meta key, which is what rings -> struct followed */
    struct kdm_feed_listener *listeners;
    size_t listener_count;
    bool closing;
};

static void read_more(struct followed *followed);

/* --- telling ------------------------------------------------------------------------------ */

static void tell_gap(struct kdm_follower *follower, struct kdm_str index)
{
    for (size_t i = 0; i < follower->listener_count; i++)
        follower->listeners[i].on_gap(follower->listeners[i].ctx, index);
}

static void tell(struct kdm_follower *follower, const struct kdm_feed_change *change)
{
    for (size_t i = 0; i < follower->listener_count; i++)
        follower->listeners[i].on_change(follower->listeners[i].ctx, change);
}

/* The word of `s` that ends at the next blank; *s goes behind the blank. */
static struct kdm_str word(struct kdm_str *s)
{
    const char *blank = memchr(s->ptr, ' ', s->len);
    size_t len = blank == NULL ? s->len : (size_t)(blank - s->ptr);
    struct kdm_str found = { s->ptr, len };

    *s = kdm_str_from(*s, blank == NULL ? len : len + 1);
    return found;
}

/* An entry's fields as commit.lua writes them: "e" and the envelope, then for each document
 * "<change><+|-> <version> <collection> <id>", text, changed paths, value before; for the catalogue
 * "<what> <collection>" and a text. */
static void deliver(struct followed *followed, uint64_t sequence, const redisReply *fields)
{
    struct kdm_feed_change base = { .index = followed->index->name, .sequence = sequence };

    if (fields->elements >= 2)
        base.envelope = kdm_reply_str(fields->element[1]);
    for (size_t f = 2; f + 1 < fields->elements;) {
        struct kdm_feed_change change = base;
        struct kdm_str head = kdm_reply_str(fields->element[f]);
        long long version = 0;

        if (head.len == 0)
            return;
        change.what = head.ptr[0];
        if (strchr("crud", change.what) == NULL) {
            word(&head);
            change.collection = change.what == 'i' || change.what == 'I' ? KDM_STR_NONE : head;
            tell(followed->follower, &change);
            f += 2;
            continue;
        }
        if (f + 3 >= fields->elements)
            return;
        change.notify = head.len > 1 && head.ptr[1] == '+';
        word(&head);
        kdm_str_int64(word(&head), &version);
        change.version = version;
        change.collection = word(&head);
        change.id = head;
        if (change.what != 'd')
            change.text = kdm_reply_str(fields->element[f + 1]);
        if (fields->element[f + 2]->len > 0)
            change.changed = kdm_reply_str(fields->element[f + 2]);
        if (fields->element[f + 3]->len > 0)
            change.previous = kdm_reply_str(fields->element[f + 3]);
        tell(followed->follower, &change);
        f += 4;
    }
}

/* --- reading ------------------------------------------------------------------------------ */

static size_t size_of(const redisReply *fields)
{
    size_t bytes = 0;

    for (size_t f = 0; f < fields->elements; f++)
        bytes += (size_t)fields->element[f]->len;
    return bytes;
}

static void on_entries(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct followed *followed = ctx;
    size_t count, bytes = 0;

    followed->reading = false;
    if (followed->follower->closing || kdm_store_error_of(outcome, reply) != KDM_OK
        || reply->type != REDIS_REPLY_ARRAY)
        return; /* the next ring, or the comparison, tries again */
    count = reply->elements;
    for (size_t i = 0; i < count; i++) {
        uint64_t sequence = strtoull(reply->element[i]->element[0]->str, NULL, 10);

        bytes += size_of(reply->element[i]->element[1]);
        if (sequence <= followed->position)
            continue;
        if (sequence != followed->position + 1)
            tell_gap(followed->follower, followed->index->name); /* cut off by the feed's limit */
        followed->position = sequence;
        deliver(followed, sequence, reply->element[i]->element[1]);
    }
    if (bytes < READ_BYTES / 2 && followed->entries < READ_ENTRIES)
        followed->entries *= 2;
    else if (bytes > READ_BYTES && followed->entries > 1)
        followed->entries /= 2;
    if (count == 0 && followed->heard > followed->position) {
        tell_gap(followed->follower, followed->index->name);
        followed->position = followed->heard;
    }
    if (followed->heard > followed->position)
        read_more(followed);
}

static void read_more(struct followed *followed)
{
    struct kdm_store *store = followed->follower->store;
    char from[40], entries[16];
    struct kdm_str args[] = { KDM_STR("XRANGE"), followed->index->feed_key, KDM_STR_NONE, KDM_STR("+"),
                              KDM_STR("COUNT"),  KDM_STR_NONE };
    int len = snprintf(from, sizeof(from), "%llu-0", (unsigned long long)followed->position + 1);
    int entries_len = snprintf(entries, sizeof(entries), "%u", followed->entries);

    if (followed->reading || !followed->positioned)
        return;
    followed->reading = true;
    args[2] = (struct kdm_str){ from, (size_t)len };
    args[5] = (struct kdm_str){ entries, (size_t)entries_len };
    kdm_redis_command(store->redis, args, 6, kdm_clock_monotonic_ms() + READ_TIMEOUT_MS, on_entries, followed);
}

static void heard(struct followed *followed, uint64_t sequence)
{
    if (sequence > followed->heard)
        followed->heard = sequence;
    if (followed->heard > followed->position)
        read_more(followed);
}

/* --- comparing ------------------------------------------------------------------------------ */

static void on_sequence(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct followed *followed = ctx;
    uint64_t sequence;

    if (followed->follower->closing)
        return;
    if (kdm_store_error_of(outcome, reply) != KDM_OK) {
        followed->late = followed->late || !followed->positioned;
        return; /* compared again in a second */
    }
    sequence = reply->type == REDIS_REPLY_STRING ? strtoull(reply->str, NULL, 10) : 0;
    if (!followed->positioned || sequence < followed->position) {
        /* The first look; or Redis has gone backwards: what was delivered may never have happened. */
        bool gap = followed->positioned || followed->late;

        followed->positioned = true;
        followed->late = false;
        followed->position = followed->heard = sequence;
        if (gap)
            tell_gap(followed->follower, followed->index->name);
        return;
    }
    heard(followed, sequence);
}

static void compare(struct followed *followed)
{
    struct kdm_str args[] = { KDM_STR("HGET"), followed->index->meta_key, KDM_STR("q") };

    kdm_redis_command(followed->follower->store->redis, args, 3,
                      kdm_clock_monotonic_ms() + READ_TIMEOUT_MS, on_sequence, followed);
}

static void compare_all(uv_timer_t *timer)
{
    struct kdm_follower *follower = timer->data;
    struct kdm_str key;
    void *value;

    if (!kdm_redis_ready(follower->store->redis))
        return;
    for (size_t cursor = 0; kdm_table_next(follower->followed, &cursor, &key, &value);)
        compare(value);
}

/* --- the doorbell ---------------------------------------------------------------------------- */

/* Collections of an index whose catalogue changed somewhere: asked for again when they are needed. */
static void forget_index(struct kdm_store *store, struct kdm_str name)
{
    struct kdm_str key, names[64];
    void *value;
    size_t count;

    do {
        count = 0;
        for (size_t cursor = 0; count < 64 && kdm_table_next(store->collections, &cursor, &key, &value);) {
            struct kdm_collection *collection = value;

            if (kdm_str_eq(collection->index->name, name))
                names[count++] = collection->name;
        }
        for (size_t i = 0; i < count; i++)
            kdm_store_forget(store, name, names[i]);
    } while (count == 64);
}

static void on_bell(void *ctx, struct kdm_str channel, struct kdm_str payload)
{
    struct kdm_follower *follower = ctx;
    struct followed *followed;
    long long sequence;

    if (kdm_str_eq(channel, KDM_STR(CATALOGUE_BELL))) {
        forget_index(follower->store, payload);
        return;
    }
    followed = kdm_table_get(follower->followed, channel);
    if (followed != NULL && kdm_str_int64(payload, &sequence))
        heard(followed, (uint64_t)sequence);
}

/* The subscriptions are back: what was rung meanwhile is found by comparing; what changed in the catalogue can't
 * be, so it is forgotten. */
static void on_bell_ready(void *ctx, struct kdm_str run_id)
{
    struct kdm_follower *follower = ctx;

    (void)run_id;
    kdm_store_forget_all(follower->store);
    compare_all(&follower->timer);
}

/* --- life ------------------------------------------------------------------------------------ */

void kdm_feed_listen(struct kdm_store *store, const struct kdm_feed_listener *listener)
{
    struct kdm_follower *follower = store->follower;

    follower->listeners =
        kdm_realloc(follower->listeners, (follower->listener_count + 1) * sizeof(*listener));
    follower->listeners[follower->listener_count++] = *listener;
}

void kdm_feed_follow(struct kdm_store *store, struct kdm_str index)
{
    struct kdm_follower *follower = store->follower;
    struct kdm_index *entry = kdm_store_index(store, index);
    struct followed *followed;

    if (kdm_table_get(follower->followed, entry->meta_key) != NULL)
        return;
    followed = kdm_zalloc(sizeof(*followed));
    followed->follower = follower;
    followed->index = entry;
    followed->entries = 16;
    kdm_table_put(follower->followed, entry->meta_key, followed);
    kdm_redis_subscribe(follower->bell, entry->meta_key);
    compare(followed);
}

void kdm_follower_reset(struct kdm_follower *follower)
{
    struct kdm_str key;
    void *value;

    for (size_t cursor = 0; kdm_table_next(follower->followed, &cursor, &key, &value);) {
        struct followed *followed = value;

        followed->positioned = false;
        compare(followed);
    }
    tell_gap(follower, KDM_STR_NONE);
}

struct kdm_follower *kdm_follower_create(struct kdm_store *store, const char *redis_url)
{
    struct kdm_follower *follower = kdm_zalloc(sizeof(*follower));
    struct kdm_redis_events events = { .ctx = follower, .on_ready = on_bell_ready, .on_message = on_bell };
    struct kdm_hash_seed seed;
    char *error = NULL;

    kdm_random_fill(store->random, &seed, sizeof(seed));
    follower->store = store;
    follower->followed = kdm_table_create(&seed);
    uv_timer_init(store->loop, &follower->timer);
    follower->timer.data = follower;
    uv_timer_start(&follower->timer, compare_all, COMPARE_MS, COMPARE_MS);
    uv_unref((uv_handle_t *)&follower->timer);
    follower->bell = kdm_redis_open(store->loop, redis_url, NULL, 0, &events, &error);
    free(error); /* the store's own connection has the same URL and tells the same error */
    if (follower->bell != NULL)
        kdm_redis_subscribe(follower->bell, KDM_STR(CATALOGUE_BELL));
    return follower;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct kdm_follower *follower = handle->data;

    kdm_table_destroy(follower->followed, free);
    free(follower->listeners);
    free(follower);
}

void kdm_follower_destroy(struct kdm_follower *follower)
{
    if (follower == NULL)
        return;
    follower->closing = true;
    kdm_redis_close(follower->bell);
    uv_close((uv_handle_t *)&follower->timer, on_timer_closed);
}
