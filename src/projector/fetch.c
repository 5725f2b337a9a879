/* fetch.c - what Redis holds of documents, for searches.
 * Sources of the hits that are shown, at once or later; and texts that a worker must look at
 * because columns can't prove what its query asks.
 */
#include "base/clock.h"
#include "projector/internal.h"
#include <stdlib.h>

#define SLICE 1000 /* sources in one round trip */

/* --- texts for a worker ----------------------------------------------------------------------- */

static void answer(struct fetch *fetch, bool done_well)
{
    fetch->done_well = done_well;
    sem_post(&fetch->done); /* from here on it is the worker's */
}

static void unlink_fetch(struct fetch *fetch)
{
    *fetch->link = fetch->next;
    if (fetch->next != NULL)
        fetch->next->link = fetch->link;
}

static void copy_texts(struct fetch *fetch, const struct kdm_str *values, size_t count)
{
    struct kdm_stored stored;
    size_t bytes = 0, at = 0;

    for (size_t i = 0; i < count; i++)
        bytes += values[i].len;
    fetch->bytes = kdm_malloc(bytes + 1);
    for (size_t i = 0; i < count && i < fetch->count; i++) {
        if (kdm_str_none(values[i]) || !kdm_stored_parse(values[i], &stored))
            continue;
        memcpy(fetch->bytes + at, stored.text.ptr, stored.text.len);
        fetch->texts[i] = (struct kdm_str){ fetch->bytes + at, stored.text.len };
        at += stored.text.len;
    }
}

static void on_texts(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct fetch *fetch = ctx;

    if (fetch->abandoned) {
        sem_destroy(&fetch->done);
        free(fetch);
        return;
    }
    unlink_fetch(fetch);
    if (err == KDM_OK)
        copy_texts(fetch, values, count);
    answer(fetch, err == KDM_OK);
}

void kdm_fetch_texts(struct fetch *fetch)
{
    struct kdm_find *find = fetch->part->find;
    struct kdm_projector *projector = find->projector;

    if (projector->stopped || atomic_load_explicit(&find->cancelled, memory_order_relaxed)) {
        answer(fetch, false);
        return;
    }
    fetch->next = projector->fetches;
    fetch->link = &projector->fetches;
    if (fetch->next != NULL)
        fetch->next->link = &fetch->next;
    projector->fetches = fetch;
    kdm_store_get(projector->store, fetch->part->found->collection, fetch->ids, fetch->count,
                  find->request.deadline_ms, on_texts, fetch);
}

void kdm_fetch_abandon(struct kdm_projector *projector)
{
    struct fetch *fetch = projector->fetches, *next;

    projector->fetches = NULL;
    for (; fetch != NULL; fetch = next) {
        next = fetch->next;
        fetch->abandoned = true;
        answer(fetch, false);
    }
}

/* --- sources of hits -------------------------------------------------------------------------- */

bool kdm_find_matches(struct kdm_find *find, const struct kdm_query *query, struct kdm_str id,
                      struct kdm_str text)
{
    struct kdm_failure failure;

    kdm_arena_reset(&find->scratch);
    return kdm_search_matches(query, &find->arena, &find->scratch, id,
                              kdm_json_parse(&find->scratch, text), NULL, &failure)
           && failure.err == KDM_OK;
}

/* Changed since it was projected: does it match still? */
static bool still_matches(struct kdm_find *find, const struct kdm_find_part *part,
                          struct kdm_str id, struct kdm_str text)
{
    return kdm_find_matches(find, part->query, id, text)
           && (part->search->post_filter == NULL
               || kdm_find_matches(find, part->search->post_filter, id, text));
}

static void fetch_slice(struct kdm_find *find, struct kdm_find_part *part);

static void take_source(struct kdm_find *find, const struct kdm_find_part *part,
                        struct kdm_hit *hit, struct kdm_str value)
{
    struct kdm_stored stored;

    if (kdm_str_none(value) || !kdm_stored_parse(value, &stored)
        || (stored.sequence != hit->sequence && !still_matches(find, part, hit->id, stored.text))) {
        find->try.lost++;
        return;
    }
    find->try.bytes += stored.text.len;
    hit->source = kdm_arena_copy(&find->arena, stored.text);
    hit->sequence = stored.sequence;
}

/* Many sources are fetched a slice at a time: Redis answers others in between, and what comes is
 * counted before more is asked for. */
static void on_sources(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct kdm_find_part *part = ctx;
    struct kdm_find *find = part->find;
    struct kdm_found *found = &find->try.result.found;

    if (err != KDM_OK)
        find->try.err = err;
    for (size_t i = 0; err == KDM_OK && i < count; part->fetched++)
        if (found->hits[part->fetched].owner == part->found)
            take_source(find, part, &found->hits[part->fetched], values[i++]);
    if (find->try.bytes > KDM_FIND_MOST_BYTES)
        find->try.err = KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED;
    if (find->try.err == KDM_OK && find->fn != NULL)
        fetch_slice(find, part);
    kdm_find_fetched(find);
}

static void fetch_slice(struct kdm_find *find, struct kdm_find_part *part)
{
    const struct kdm_found *found = &find->try.result.found;
    struct kdm_str ids[SLICE];
    size_t count = 0;

    for (size_t i = part->fetched; i < found->page_count && count < SLICE; i++)
        if (found->hits[i].owner == part->found)
            ids[count++] = found->hits[i].id;
    if (count == 0)
        return;
    find->waits++;
    kdm_store_get(find->projector->store, part->found->collection, ids, count,
                  find->request.deadline_ms, on_sources, part);
}

void kdm_fetch_sources(struct kdm_find *find)
{
    find->waits++; /* until all have been asked for */
    for (size_t i = 0; i < find->part_count && find->request.sources; i++) {
        find->parts[i].fetched = 0;
        fetch_slice(find, &find->parts[i]);
    }
    kdm_find_fetched(find);
}

/* --- sources, later --------------------------------------------------------------------------- */

static struct kdm_str source_now(struct kdm_find *find, const struct kdm_hit *hit,
                                 struct kdm_str value)
{
    const struct kdm_found_part *owner = hit->owner;
    struct kdm_stored stored;

    if (kdm_str_none(value) || !kdm_stored_parse(value, &stored)
        || (stored.sequence != hit->sequence
            && !still_matches(find, &find->parts[owner - find->found_parts], hit->id, stored.text)))
        return KDM_STR_NONE;
    return stored.text;
}

static void on_later_sources(void *ctx, enum kdm_err err, const struct kdm_str *values,
                             size_t count)
{
    struct kdm_find *find = ctx;
    const struct kdm_hit *hits = find->try.result.found.hits + find->later.first;
    struct kdm_str sources[KDM_FIND_SOURCES_MOST];

    find->waits--;
    if (find->fn == NULL) { /* released meanwhile */
        kdm_find_release(find);
        return;
    }
    if (err == KDM_OK && count != find->later.count)
        err = KDM_ERR_CORE_FATAL_UNEXPECTED_ERROR;
    for (size_t i = 0; err == KDM_OK && i < count; i++)
        sources[i] = source_now(find, &hits[i], values[i]);
    find->later.fn(find->later.ctx, err, hits, sources, err == KDM_OK ? count : 0);
}

void kdm_find_sources(struct kdm_find *find, size_t first, size_t most, int64_t deadline_ms,
                      kdm_find_sources_fn *fn, void *ctx)
{
    const struct kdm_found *found = &find->try.result.found;
    const struct kdm_found_part *owner = found->hits[first].owner;
    struct kdm_str ids[KDM_FIND_SOURCES_MOST];
    size_t count = 0;

    KDM_ASSERT(find->ended && find->waits == 0 && most > 0 && first < found->hit_count);
    while (count < most && count < KDM_FIND_SOURCES_MOST && first + count < found->hit_count
           && found->hits[first + count].owner == owner) {
        ids[count] = found->hits[first + count].id;
        count++;
    }
    find->later.first = first;
    find->later.count = count;
    find->later.fn = fn;
    find->later.ctx = ctx;
    find->waits++;
    kdm_store_get(find->projector->store, owner->collection, ids, count, deadline_ms,
                  on_later_sources, find);
}
