/* feed_read.c - what an index's feed still holds behind a place. See feed.h. */
#include "store/feed_private.h"

#include <stdlib.h>

struct feed_read {
    struct kdm_index *index; /* one reference */
    struct kdm_feed_place place;
    unsigned entries;
    kdm_feed_change_fn *fn;
    kdm_feed_page_fn *done;
    void *ctx;
};

static void finish(struct feed_read *read, const struct kdm_feed_page *page)
{
    kdm_feed_page_fn *done = read->done;
    void *ctx = read->ctx;

    kdm_index_unref(read->index);
    free(read);
    done(ctx, page);
}

/* Nothing was ever committed, as far as is known here. An empty feed alone does not say so: it may
 * have been cut off. */
static bool is_new(const struct kdm_index *index)
{
    return index->followed == NULL || index->followed->place.sequence == 0;
}

/* The page begins with the entry before the place, so that it can be known again. At the beginning
 * of the feed there is none. */
static bool begins_at(const struct feed_read *read, const redisReply *entries)
{
    struct kdm_feed_entry first;

    if (entries->elements == 0)
        return read->place.sequence == 0 && is_new(read->index);
    first = kdm_feed_entry(read->index->name, entries, 0);
    if (read->place.digest == 0 && first.sequence == read->place.sequence + 1)
        return true; /* the entry before the place may be cut off: nothing could be compared */
    return first.sequence == read->place.sequence
           && (read->place.digest == 0 || kdm_feed_entry_digest(&first) == read->place.digest);
}

/* Those of the place's own entry that lie behind it. */
static void tell_rest(void *ctx, const struct kdm_feed_change *change)
{
    const struct feed_read *read = ctx;

    if (change->number >= read->place.part)
        read->fn(read->ctx, change);
}

static struct kdm_feed_place tell_page(struct feed_read *read, const redisReply *entries)
{
    struct kdm_feed_place place = read->place;

    for (size_t i = 0; i < entries->elements; i++) {
        struct kdm_feed_entry entry = kdm_feed_entry(read->index->name, entries, i);

        if (entry.sequence > read->place.sequence)
            kdm_feed_entry_tell(&entry, read->fn, read->ctx);
        else if (entry.sequence == read->place.sequence && read->place.part > 0)
            kdm_feed_entry_tell(&entry, tell_rest, read);
        place = (struct kdm_feed_place){ .sequence = entry.sequence,
                                         .digest = kdm_feed_entry_digest(&entry) };
    }
    return place;
}

static void on_page(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct feed_read *read = ctx;
    struct kdm_feed_page page = { .err = kdm_store_error_of(outcome, reply), .next = read->place };

    if (page.err == KDM_OK)
        page.gap = !begins_at(read, reply);
    if (page.err == KDM_OK && !page.gap && read->fn != NULL) {
        page.next = tell_page(read, reply);
        page.more = reply->elements == read->entries;
    }
    finish(read, &page);
}

void kdm_feed_read(struct kdm_store *store, struct kdm_str index,
                   const struct kdm_feed_place *place, int64_t deadline_ms, kdm_feed_change_fn *fn,
                   kdm_feed_page_fn *done, void *ctx)
{
    struct feed_read *read = kdm_malloc(sizeof(*read));
    unsigned entries = 2 + FEED_READ_BYTES / 1024;

    *read = (struct feed_read){ .index = kdm_index_ref(kdm_store_index(store, index)),
                                .place = *place,
                                .fn = fn,
                                .done = done,
                                .ctx = ctx };
    if (read->index->entry_bytes > 1024)
        entries = 2 + FEED_READ_BYTES / read->index->entry_bytes;
    read->entries = fn == NULL ? 1 : entries;
    kdm_feed_ask(store, read->index, place->sequence, read->entries, deadline_ms, on_page, read);
}
