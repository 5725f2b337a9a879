/* feed.c - the follower: one more connection that hears the doorbell, and reads of the feeds that
 * rang. */
#include "store/feed.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/feed_private.h"

#include <stdlib.h>

#define COMPARE_MS     1000
#define SWEEP_MAX      64 /* a second */
#define CATALOGUE_BELL "kdm:bell"

static void read_more(struct kdm_followed *followed);

/* --- telling --------------------------------------------------------------------------------- */

static void tell_gap(struct kdm_follower *follower, struct kdm_str index)
{
    for (size_t i = 0; i < follower->listener_count; i++)
        follower->listeners[i].on_gap(follower->listeners[i].ctx, index);
}

static void tell_followed(struct kdm_follower *follower, struct kdm_str index)
{
    for (size_t i = 0; i < follower->listener_count; i++) {
        if (follower->listeners[i].on_followed != NULL)
            follower->listeners[i].on_followed(follower->listeners[i].ctx, index);
    }
}

void kdm_followed_told(const struct kdm_followed *followed)
{
    const struct kdm_follower *follower = followed->follower;

    for (size_t i = 0; i < follower->listener_count; i++) {
        if (follower->listeners[i].on_place != NULL)
            follower->listeners[i].on_place(follower->listeners[i].ctx, followed->index->name,
                                            followed->place.sequence);
    }
}

void kdm_follower_tell(void *ctx, const struct kdm_feed_change *change)
{
    struct kdm_follower *follower = ctx;

    for (size_t i = 0; i < follower->listener_count; i++)
        follower->listeners[i].on_change(follower->listeners[i].ctx, change);
}

/* --- reading --------------------------------------------------------------------------------- */

/* All that was there at the last comparison has been told. */
static void note_heard(struct kdm_followed *followed)
{
    if (followed->positioned && !followed->doubt && followed->place.sequence >= followed->compared
        && followed->heard_until < followed->compared_ms)
        followed->heard_until = followed->compared_ms;
}

static void note_compared(struct kdm_followed *followed, uint64_t sequence)
{
    followed->compared = sequence;
    followed->compared_ms = followed->asking_ms;
    followed->asking_ms = 0;
}

/* Goes on at this place; what lies between was not told. */
static void skip_to(struct kdm_followed *followed, struct kdm_feed_place place)
{
    followed->place = place;
    followed->doubt = false;
    tell_gap(followed->follower, followed->index->name);
    kdm_followed_told(followed);
}

static void on_entry(struct kdm_followed *followed, const struct kdm_feed_entry *entry)
{
    struct kdm_feed_place place = { .sequence = entry->sequence,
                                    .digest = kdm_feed_entry_digest(entry) };

    if (entry->sequence <= followed->place.sequence)
        return;
    if (entry->sequence != followed->place.sequence + 1)
        tell_gap(followed->follower, followed->index->name); /* cut off by the feed's limit */
    followed->place = place;
    kdm_feed_entry_tell(entry, kdm_follower_tell, followed->follower);
}

/* Redis has another memory: is the last entry that was told the same in it? Its tail may be lost,
 * never its middle, so then all before it is the same too. */
static bool still_holds(const struct kdm_followed *followed, const redisReply *entries)
{
    struct kdm_feed_entry first;

    if (followed->place.sequence == 0)
        return true;
    if (entries->elements == 0 || followed->place.digest == 0)
        return false;
    first = kdm_feed_entry(followed->index->name, entries, 0);
    return first.sequence == followed->place.sequence
           && kdm_feed_entry_digest(&first) == followed->place.digest;
}

static void take_entries(struct kdm_followed *followed, const redisReply *entries)
{
    size_t bytes = 0;

    for (size_t i = 0; i < entries->elements; i++) {
        struct kdm_feed_entry entry = kdm_feed_entry(followed->index->name, entries, i);

        bytes += kdm_feed_entry_size(&entry);
        on_entry(followed, &entry);
    }
    followed->entries = kdm_feed_entries_next(followed->entries, bytes);
    kdm_followed_told(followed);
}

static void on_entries(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct kdm_followed *followed = ctx;

    followed->asked--;
    followed->reading = false;
    if (followed->follower->closing || kdm_store_error_of(outcome, reply) != KDM_OK
        || reply->type != REDIS_REPLY_ARRAY)
        return; /* the next ring, or the comparison, tries again */
    if (followed->doubt && !followed->verifies) {
        read_more(followed); /* it was asked for before there was a doubt, and can't settle it */
        return;
    }
    if (followed->doubt && !still_holds(followed, reply)) {
        skip_to(followed, (struct kdm_feed_place){ .sequence = followed->heard });
        return;
    }
    followed->doubt = false;
    take_entries(followed, reply);
    if (reply->elements == 0 && followed->heard > followed->place.sequence)
        skip_to(followed, (struct kdm_feed_place){ .sequence = followed->heard });
    note_heard(followed);
    if (followed->heard > followed->place.sequence)
        read_more(followed);
}

static void read_more(struct kdm_followed *followed)
{
    uint64_t from = followed->place.sequence + (followed->doubt ? 0 : 1);

    if (followed->reading || !followed->positioned || followed->pauses > 0)
        return;
    followed->reading = true;
    followed->verifies = followed->doubt;
    followed->asked++;
    kdm_feed_ask(followed->follower->store, followed->index, from, followed->entries,
                 kdm_clock_monotonic_ms() + FEED_READ_TIMEOUT_MS, on_entries, followed);
}

void kdm_followed_heard(struct kdm_followed *followed, uint64_t sequence)
{
    if (sequence > followed->heard)
        followed->heard = sequence;
    if (followed->heard > followed->place.sequence)
        read_more(followed);
}

/* --- taking a position, and comparing -------------------------------------------------------- */

/* The last entry of the feed: the following begins behind it, unless the index's sequence, which is
 * asked for next, has gone on meanwhile or the feed holds nothing any more. */
static void on_last_entry(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct kdm_followed *followed = ctx;
    struct kdm_feed_entry last;

    followed->asked--;
    if (followed->follower->closing || followed->positioned
        || kdm_store_error_of(outcome, reply) != KDM_OK || reply->type != REDIS_REPLY_ARRAY
        || reply->elements == 0)
        return;
    last = kdm_feed_entry(followed->index->name, reply, 0);
    followed->place = (struct kdm_feed_place){ .sequence = last.sequence,
                                               .digest = kdm_feed_entry_digest(&last) };
}

/* The first look. */
static void take_position(struct kdm_followed *followed, uint64_t sequence)
{
    bool late = followed->late;

    if (followed->place.sequence != sequence)
        followed->place = (struct kdm_feed_place){ .sequence = sequence };
    followed->positioned = true;
    followed->late = false;
    followed->heard = sequence;
    if (late)
        tell_gap(followed->follower, followed->index->name);
    tell_followed(followed->follower, followed->index->name);
    kdm_followed_told(followed);
    kdm_followed_heard(followed, sequence);
}

static void on_sequence(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct kdm_followed *followed = ctx;
    uint64_t sequence;

    followed->asked--;
    if (followed->follower->closing)
        return;
    if (kdm_store_error_of(outcome, reply) != KDM_OK) {
        followed->asking_ms = 0;
        followed->late = followed->late || !followed->positioned;
        return; /* compared again in a second */
    }
    sequence = reply->type == REDIS_REPLY_STRING ? strtoull(reply->str, NULL, 10) : 0;
    note_compared(followed, sequence);
    if (!followed->positioned) {
        take_position(followed, sequence);
    } else if (sequence < followed->place.sequence) {
        /* Redis has gone backwards: what was told may never have happened. */
        followed->heard = sequence;
        skip_to(followed, (struct kdm_feed_place){ .sequence = sequence });
    } else if (followed->doubt) {
        followed->heard = sequence;
        read_more(followed);
    } else {
        kdm_followed_heard(followed, sequence);
    }
    note_heard(followed);
}

static void compare(struct kdm_followed *followed)
{
    struct kdm_redis *redis = followed->follower->store->redis;
    int64_t deadline_ms = kdm_clock_monotonic_ms() + FEED_READ_TIMEOUT_MS;
    struct kdm_str last[] = { KDM_STR("XREVRANGE"), followed->index->feed_key, KDM_STR("+"),
                              KDM_STR("-"),         KDM_STR("COUNT"),          KDM_STR("1") };
    struct kdm_str sequence[] = { KDM_STR("HGET"), followed->index->meta_key, KDM_STR("q") };

    if (!followed->positioned) {
        followed->asked++;
        kdm_redis_command(redis, last, 6, deadline_ms, on_last_entry, followed);
    }
    if (followed->asking_ms == 0)
        followed->asking_ms = kdm_clock_monotonic_ms();
    followed->asked++;
    kdm_redis_command(redis, sequence, 3, deadline_ms, on_sequence, followed);
}

/* Nobody follows it any more and nothing is on its way for it. */
static bool is_over(const struct kdm_followed *followed)
{
    return followed->follows == 0 && followed->asked == 0 && followed->pauses == 0;
}

/* One that is over is removed here, never under the feet of a listener. */
static bool sweep_one(struct kdm_follower *follower)
{
    struct kdm_str key;
    void *value;

    for (size_t cursor = 0; kdm_table_next(follower->followed, &cursor, &key, &value);) {
        struct kdm_followed *followed = value;

        if (is_over(followed) && kdm_redis_unsubscribe(follower->bell, key)) {
            kdm_table_remove(follower->followed, followed->index->meta_key);
            followed->index->followed = NULL;
            free(followed);
            return true;
        }
    }
    return false;
}

static void compare_all(uv_timer_t *timer)
{
    struct kdm_follower *follower = timer->data;
    struct kdm_str key;
    void *value;

    for (int i = 0; i < SWEEP_MAX && sweep_one(follower); i++)
        ;
    kdm_store_sweep(follower->store);
    if (!kdm_redis_ready(follower->store->redis))
        return;
    for (size_t cursor = 0; kdm_table_next(follower->followed, &cursor, &key, &value);)
        compare(value);
}

/* --- the doorbell ---------------------------------------------------------------------------- */

/* Collections of an index whose catalogue changed somewhere: asked for again when they are needed.
 */
static void forget_index(struct kdm_store *store, struct kdm_str name)
{
    struct kdm_str key, names[64];
    void *value;
    size_t count;

    do {
        count = 0;
        for (size_t cursor = 0;
             count < 64 && kdm_table_next(store->collections, &cursor, &key, &value);) {
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
    struct kdm_followed *followed;
    long long sequence;

    if (kdm_str_eq(channel, KDM_STR(CATALOGUE_BELL))) {
        forget_index(follower->store, payload);
        return;
    }
    followed = kdm_table_get(follower->followed, channel);
    if (followed != NULL && kdm_str_int64(payload, &sequence))
        kdm_followed_heard(followed, (uint64_t)sequence);
}

/* The subscriptions are back: what was rung meanwhile is found by comparing; what changed in the
 * catalogue can't be, so it is forgotten. */
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
    struct kdm_followed *followed = entry->followed;

    if (followed != NULL) {
        followed->follows++;
        return;
    }
    followed = kdm_zalloc(sizeof(*followed));
    followed->follower = follower;
    followed->index = entry;
    followed->follows = 1;
    followed->entries = 16;
    entry->followed = followed;
    kdm_table_put(follower->followed, entry->meta_key, followed);
    kdm_redis_subscribe(follower->bell, entry->meta_key);
    compare(followed);
}

const int64_t *kdm_feed_heard_until(struct kdm_store *store, struct kdm_str index)
{
    struct kdm_followed *followed = kdm_store_index(store, index)->followed;

    KDM_ASSERT(followed != NULL);
    return &followed->heard_until;
}

void kdm_feed_unfollow(struct kdm_store *store, struct kdm_str index)
{
    struct kdm_followed *followed = kdm_store_index(store, index)->followed;

    KDM_ASSERT(followed != NULL && followed->follows > 0);
    followed->follows--;
}

bool kdm_feed_place(struct kdm_store *store, struct kdm_str index, struct kdm_feed_place *ret_place)
{
    const struct kdm_followed *followed = kdm_store_index(store, index)->followed;

    if (followed == NULL || !followed->positioned)
        return false;
    *ret_place = followed->place;
    return true;
}

bool kdm_feed_certain(struct kdm_store *store, struct kdm_str index)
{
    const struct kdm_followed *followed = kdm_store_index(store, index)->followed;

    return followed != NULL && followed->positioned && !followed->doubt;
}

void kdm_feed_heard(struct kdm_store *store, struct kdm_str index, uint64_t sequence)
{
    struct kdm_followed *followed = kdm_store_index(store, index)->followed;

    if (followed != NULL && followed->positioned && !followed->doubt)
        kdm_followed_heard(followed, sequence);
}

void kdm_feed_pause(struct kdm_store *store, struct kdm_str index)
{
    struct kdm_followed *followed = kdm_store_index(store, index)->followed;

    KDM_ASSERT(followed != NULL);
    followed->pauses++;
}

void kdm_feed_resume(struct kdm_store *store, struct kdm_str index)
{
    struct kdm_followed *followed = kdm_store_index(store, index)->followed;

    KDM_ASSERT(followed != NULL && followed->pauses > 0);
    if (--followed->pauses == 0 && followed->heard > followed->place.sequence)
        read_more(followed);
}

size_t kdm_feed_behind(struct kdm_store *store, struct kdm_str index)
{
    const struct kdm_followed *followed = kdm_store_index(store, index)->followed;

    if (followed == NULL || !followed->positioned
        || followed->heard <= followed->place.sequence)
        return 0;
    return (size_t)(followed->heard - followed->place.sequence)
           * (followed->index->entry_bytes + 64);
}

void kdm_follower_reset(struct kdm_follower *follower)
{
    struct kdm_str key;
    void *value;

    for (size_t cursor = 0; kdm_table_next(follower->followed, &cursor, &key, &value);) {
        struct kdm_followed *followed = value;

        followed->doubt = followed->positioned;
        compare(followed);
    }
}

struct kdm_follower *kdm_follower_create(struct kdm_store *store, const char *redis_url)
{
    struct kdm_follower *follower = kdm_zalloc(sizeof(*follower));
    struct kdm_redis_events events = { .ctx = follower,
                                       .on_ready = on_bell_ready,
                                       .on_message = on_bell };
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
