/* find.c - a search, step by step, on the loop.
 * 1. Redis is asked where each collection stands. Searches that begin in the same turn of the loop
 *    share one question: it leaves when they have all begun.
 * 2. Each part waits at its view until that has got there.
 * 3. A worker searches (workers.c, search.c). When it turns out that the search orders or counts by
 *    a field that is still being filled it begins again, and waits at the view until that is done.
 * 4. The sources of the page are fetched (fetch.c). When a hit turns out to be none any more it all
 *    begins again; the third time the hit is left out and not counted.
 */
#include "base/clock.h"
#include "projector/internal.h"
#include <stdlib.h>

#define TRIES 3
#define SPARE 64 /* finds that are kept for later */

/* --- a question ----------------------------------------------------------------------------------
 */

/* Parts that want to know where the collection of a view stands. */
struct view_ask {
    struct kdm_view *view;
    struct kdm_find_part *parts;
    struct view_ask *next, **link; /* of those that can still be joined; link NULL: it can't */
};

static void free_find(struct kdm_find *find);
static void go_on(struct kdm_find *find);

/* Something that the find waited for is there. */
static void one_less(struct kdm_find *find)
{
    find->waits--;
    go_on(find);
}

void kdm_find_stale(struct kdm_find_part *part)
{
    part->find->try.stale = true;
    one_less(part->find);
}

void kdm_find_reached(struct kdm_find_part *part)
{
    one_less(part->find);
}

/* The part and Redis agree on what the collection is. */
static void wait_at(struct kdm_view *view, struct kdm_find_part *part, struct kdm_str counter)
{
    long long sequence = 0;

    (void)kdm_str_int64(counter, &sequence);
    part->sequence = (uint64_t)sequence;
    part->found->counter = kdm_arena_copy(&part->find->arena, counter);
    if (part->found->collection->mapping_version > view->collection->mapping_version)
        kdm_build_remap(view, part->found->collection);
    if (!kdm_view_reached(view, part)) {
        kdm_view_wait(view, part);
        return;
    }
    part->edition = kdm_edition_ref(view->edition);
    kdm_find_reached(part);
}

static void take_answer(struct kdm_view *view, struct kdm_find_part *part, enum kdm_err err,
                        const struct kdm_str *values)
{
    if (err != KDM_OK)
        part->find->try.err = err;
    if (err != KDM_OK || part->find->fn == NULL)
        one_less(part->find);
    else if (view->dropped || kdm_str_none(values[1])
             || !kdm_str_eq(values[1], part->found->collection->check))
        kdm_find_stale(part);
    else
        wait_at(view, part, values[2]);
}

/* It leaves now, or has ended: nobody joins it any more. */
static void close_ask(struct view_ask *ask)
{
    if (ask->link == NULL)
        return;
    *ask->link = ask->next;
    if (ask->next != NULL)
        ask->next->link = ask->link;
    ask->link = NULL;
    ask->view->ask = NULL;
}

static void on_state(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct view_ask *ask = ctx;
    struct kdm_view *view = ask->view;

    close_ask(ask);
    if (err == KDM_OK && count < 3)
        err = KDM_ERR_CORE_FATAL_UNEXPECTED_ERROR;
    for (struct kdm_find_part *part = ask->parts, *next; part != NULL; part = next) {
        next = part->next;
        take_answer(view, part, err, values);
    }
    free(ask);
    view->answers--;
    kdm_view_reap(view);
}

static struct view_ask *open_ask(struct kdm_view *view, int64_t deadline_ms)
{
    struct kdm_projector *projector = view->watched->projector;
    struct view_ask *ask = kdm_zalloc(sizeof(*ask));

    ask->view = view;
    ask->next = projector->asks;
    ask->link = &projector->asks;
    if (ask->next != NULL)
        ask->next->link = &ask->next;
    projector->asks = ask;
    view->ask = ask;
    view->answers++;
    kdm_store_state(projector->store, view->collection, deadline_ms, on_state, ask);
    return ask;
}

void kdm_find_end_turn(struct kdm_projector *projector)
{
    while (projector->asks != NULL)
        close_ask(projector->asks);
}

static void ask_where(struct kdm_find *find)
{
    find->waits++; /* not done before all have been asked */
    for (size_t i = 0; i < find->part_count; i++) {
        struct kdm_find_part *part = &find->parts[i];
        struct kdm_view *view = kdm_view_of(find->projector, part->found->collection);
        struct view_ask *ask =
            view->ask != NULL ? view->ask : open_ask(view, find->request.deadline_ms);

        part->next = ask->parts;
        ask->parts = part;
        find->waits++;
        find->watched = view->watched;
    }
    find->waits--;
}

/* --- ending --------------------------------------------------------------------------------------
 */

static void tell_all(struct kdm_projector *projector)
{
    struct kdm_find *find = projector->ended, *next;

    projector->ended = NULL;
    projector->ended_end = &projector->ended;
    for (; find != NULL; find = next) {
        next = find->next_waiting;
        find->telling = true; /* it may be released from inside */
        if (find->fn != NULL)
            find->fn(find->ctx, &find->try.result);
        find->telling = false;
        find->told = true;
        if (find->fn == NULL && find->waits == 0)
            free_find(find);
    }
}

static void on_teller(uv_idle_t *teller)
{
    uv_idle_stop(teller);
    tell_all(teller->data);
}

/* Not from inside whatever made it end, but before the loop sleeps. */
static void tell_later(struct kdm_find *find)
{
    struct kdm_projector *projector = find->projector;

    find->ended = true;
    find->next_waiting = NULL;
    *projector->ended_end = find;
    projector->ended_end = &find->next_waiting;
    uv_idle_start(&projector->teller, on_teller);
}

static void fail(struct kdm_find *find, enum kdm_err err)
{
    find->try.result.outcome = KDM_FIND_FAILED;
    kdm_failure_set(&find->try.result.failure, &find->arena, err, NULL, 0);
    tell_later(find);
}

static void give_editions_back(struct kdm_find *find)
{
    for (size_t i = 0; i < find->part_count; i++) {
        kdm_edition_unref(find->projector, find->parts[i].edition);
        find->parts[i].edition = NULL;
    }
}

/* Hits that are none any more leave; the others move up. */
static void leave_out_lost(struct kdm_find *find)
{
    struct kdm_found *found = &find->try.result.found;
    size_t kept = 0;

    if (find->try.lost == 0)
        return;
    for (size_t i = 0; i < found->hit_count; i++)
        if (i >= found->page_count || !kdm_str_none(found->hits[i].source))
            found->hits[kept++] = found->hits[i];
    found->hit_count -= find->try.lost;
    found->page_count -= find->try.lost;
    found->total -= find->try.lost;
}

static void begin(struct kdm_find *find)
{
    give_editions_back(find);
    find->try = (struct find_try){ 0 };
    kdm_arena_reset(&find->arena);
    ask_where(find);
}

void kdm_find_fetched(struct kdm_find *find)
{
    one_less(find);
}

/* It waits for its view, past its deadline. */
static void give_up(struct kdm_find *find)
{
    const struct kdm_view *view = NULL;

    for (size_t i = 0; i < find->part_count; i++) {
        if (find->parts[i].view == NULL)
            continue;
        view = find->parts[i].view;
        kdm_view_leave(&find->parts[i]);
        find->waits--;
    }
    if (view == NULL)
        return; /* Redis is asked: that has the same deadline */
    find->try.result.outcome = KDM_FIND_FAILED;
    kdm_failure_set(
        &find->try.result.failure, &find->arena, KDM_ERR_SERVICES_STORAGE_SEARCH_NOT_READY,
        KDM_PROPS(view->watched->name, view->collection->name,
                  kdm_arena_printf(&find->arena, "%llu", (unsigned long long)view->documents)));
    tell_later(find);
}

/* After the last thing that it waited for. */
static void go_on(struct kdm_find *find)
{
    bool searched = find->try.result.found.parts != NULL;

    if (find->waits > 0 || find->away || (find->ended && !find->told))
        return;
    if (find->fn == NULL) { /* also one that was told and released before all answers had come */
        free_find(find);
    } else if (find->ended) {
        return;
    } else if (find->try.stale) {
        find->try.result.outcome = KDM_FIND_STALE;
        tell_later(find);
    } else if (find->try.err != KDM_OK) {
        fail(find, find->try.err);
    } else if (!searched) {
        find->away = true;
        kdm_workers_send(find->projector->workers, find);
    } else if (find->try.lost > 0 && ++find->tries < TRIES) {
        begin(find);
    } else {
        leave_out_lost(find);
        tell_later(find);
    }
}

void kdm_find_searched(struct kdm_find *find)
{
    struct kdm_projector *projector = find->projector;

    find->away = false;
    if (projector->stopped)
        return;
    projector->searches++;
    give_editions_back(find);
    if (find->fn == NULL)
        free_find(find);
    else if (find->try.unfilled)
        begin(find);
    else if (find->try.result.outcome == KDM_FIND_FAILED)
        tell_later(find);
    else
        kdm_fetch_sources(find);
}

void kdm_find_sweep(struct kdm_projector *projector, int64_t now_ms)
{
    for (struct kdm_find *find = projector->finds; find != NULL; find = find->next)
        if (now_ms >= find->request.deadline_ms && !find->away && !find->ended && find->fn != NULL)
            give_up(find);
}

/* --- life ----------------------------------------------------------------------------------------
 */

static void copy_request(struct kdm_find *find, const struct kdm_find_request *request)
{
    find->request = *request;
    find->request.collections = NULL;
    find->request.body = kdm_arena_copy(&find->texts, request->body);
    find->request.filter = kdm_arena_copy(&find->texts, request->filter);
    find->part_count = request->count;
    find->parts = kdm_arena_zalloc(&find->texts, request->count * sizeof(*find->parts));
    find->found_parts = kdm_arena_zalloc(&find->texts, request->count * sizeof(*find->found_parts));
    for (size_t i = 0; i < request->count; i++) {
        find->parts[i].find = find;
        find->parts[i].found = &find->found_parts[i];
        find->found_parts[i].collection = kdm_collection_ref(request->collections[i]);
    }
}

/* Its arenas keep a chunk each, so a search allocates little in the steady state. */
static struct kdm_find *take_find(struct kdm_projector *projector)
{
    struct kdm_find *find = projector->spare, kept;

    if (find == NULL) {
        find = kdm_zalloc(sizeof(*find));
        kdm_arena_init(&find->texts, 1024);
        kdm_arena_init(&find->arena, 16384);
        kdm_arena_init(&find->scratch, 16384);
        return find;
    }
    projector->spare = find->next;
    projector->spare_count--;
    kept = *find;
    memset(find, 0, sizeof(*find));
    find->texts = kept.texts;
    find->arena = kept.arena;
    find->scratch = kept.scratch;
    return find;
}

static void give_find(struct kdm_projector *projector, struct kdm_find *find)
{
    if (projector->spare_count < SPARE && !projector->stopped) {
        kdm_arena_reset(&find->texts);
        kdm_arena_reset(&find->arena);
        kdm_arena_reset(&find->scratch);
        find->next = projector->spare;
        projector->spare = find;
        projector->spare_count++;
        return;
    }
    kdm_arena_fini(&find->texts);
    kdm_arena_fini(&find->arena);
    kdm_arena_fini(&find->scratch);
    free(find);
}

struct kdm_find *kdm_find_start(struct kdm_projector *projector,
                                const struct kdm_find_request *request, kdm_find_fn *fn, void *ctx)
{
    struct kdm_find *find = take_find(projector);

    find->projector = projector;
    find->fn = fn;
    find->ctx = ctx;
    copy_request(find, request);
    find->next = projector->finds;
    find->link = &projector->finds;
    if (find->next != NULL)
        find->next->link = &find->next;
    projector->finds = find;
    projector->find_count++;
    begin(find);
    return find;
}

static void free_find(struct kdm_find *find)
{
    *find->link = find->next;
    if (find->next != NULL)
        find->next->link = find->link;
    find->projector->find_count--;
    give_editions_back(find);
    for (size_t i = 0; i < find->part_count; i++)
        kdm_collection_unref(find->found_parts[i].collection);
    give_find(find->projector, find);
}

void kdm_find_release(struct kdm_find *find)
{
    if (find == NULL)
        return;
    find->fn = NULL;
    atomic_store_explicit(&find->cancelled, true, memory_order_relaxed);
    for (size_t i = 0; i < find->part_count; i++)
        if (find->parts[i].view != NULL) {
            kdm_view_leave(&find->parts[i]);
            find->waits--;
        }
    if (find->waits == 0 && !find->away && !find->telling && (!find->ended || find->told))
        free_find(find);
}

void kdm_find_free_all(struct kdm_projector *projector)
{
    while (projector->finds != NULL)
        free_find(projector->finds);
    for (struct kdm_find *find = projector->spare, *next; find != NULL; find = next) {
        next = find->next;
        give_find(projector, find); /* it has stopped: frees */
    }
}
