/* projector.c - see projector.h. Life, letters, figures, and what is built at start. */
#include "base/clock.h"
#include "projector/internal.h"
#include <stdlib.h>

#define TICK_MS 100

/* --- letters -------------------------------------------------------------------------------------
 */

void kdm_projector_post(struct kdm_projector *projector, struct kdm_letter *letter, int kind)
{
    letter->kind = kind;
    kdm_mailbox_put(&projector->inbox, letter);
    uv_async_send(&projector->bell);
}

void kdm_projector_read(struct kdm_projector *projector)
{
    struct kdm_letter *letter = kdm_mailbox_take(&projector->inbox);

    while (letter != NULL) {
        struct kdm_letter *next = letter->next;

        switch (letter->kind) {
        case LETTER_BATCH:
            kdm_view_applied(projector, (struct batch *)letter);
            break;
        case LETTER_FIND:
            kdm_find_searched((struct kdm_find *)letter);
            break;
        default:
            kdm_fetch_texts((struct fetch *)letter);
        }
        letter = next;
    }
}

static void on_bell(uv_async_t *bell)
{
    kdm_projector_read(bell->data);
}

static void on_turn(uv_prepare_t *turn)
{
    kdm_find_end_turn(turn->data);
}

static void tick_views(struct kdm_projector *projector, int64_t now_ms)
{
    struct kdm_str name;
    void *value;

    for (size_t cursor = 0; kdm_table_next(projector->watched, &cursor, &name, &value);)
        for (struct kdm_view *view = ((struct watched *)value)->views; view != NULL;
             view = view->next) {
            kdm_build_tick(view, now_ms);
            projector->ready &= !kdm_build_is_long(view, now_ms);
        }
}

static void on_tick(uv_timer_t *timer)
{
    struct kdm_projector *projector = timer->data;
    int64_t now_ms = kdm_clock_monotonic_ms();

    kdm_find_sweep(projector, now_ms);
    projector->ready = true;
    if (projector->building + projector->scanning > 0)
        tick_views(projector, now_ms);
    kdm_warm_up_go_on(projector);
}

/* --- life ----------------------------------------------------------------------------------------
 */

static void init_handles(struct kdm_projector *projector)
{
    uv_loop_t *loop = projector->loop;

    uv_async_init(loop, &projector->bell, on_bell);
    uv_prepare_init(loop, &projector->turn);
    uv_idle_init(loop, &projector->teller);
    uv_timer_init(loop, &projector->timer);
    projector->bell.data = projector->turn.data = projector->teller.data = projector->timer.data =
        projector;
    projector->open_handles = 4;
    uv_prepare_start(&projector->turn, on_turn);
    uv_timer_start(&projector->timer, on_tick, TICK_MS, TICK_MS);
    uv_unref((uv_handle_t *)&projector->bell);
    uv_unref((uv_handle_t *)&projector->turn);
    uv_unref((uv_handle_t *)&projector->timer);
}

struct kdm_projector *kdm_projector_create(uv_loop_t *loop, struct kdm_store *store)
{
    struct kdm_projector *projector = kdm_zalloc(sizeof(*projector));

    projector->loop = loop;
    projector->store = store;
    projector->ended_end = &projector->ended;
    projector->ready = true;
    kdm_random_fill(kdm_store_random(store), &projector->seed, sizeof(projector->seed));
    projector->watched = kdm_table_create(&projector->seed);
    init_handles(projector);
    projector->indexer = kdm_indexer_create(projector);
    projector->workers = kdm_workers_create(projector);
    kdm_views_listen(projector);
    return projector;
}

void kdm_projector_stop(struct kdm_projector *projector)
{
    if (projector == NULL)
        return;
    projector->stopped = true;
    for (struct kdm_find *find = projector->finds; find != NULL; find = find->next) {
        find->fn = NULL;
        atomic_store_explicit(&find->cancelled, true, memory_order_relaxed);
    }
    kdm_warm_up_stop(projector);
    kdm_fetch_abandon(projector);
    kdm_indexer_stop(projector->indexer); /* first: no letter of its is read while it runs, for the
                                             last one would have the edition destroyed under it */
    kdm_workers_stop(projector->workers);
    kdm_projector_read(projector);
    uv_prepare_stop(&projector->turn);
    uv_idle_stop(&projector->teller);
    uv_timer_stop(&projector->timer);
}

static void on_closed(uv_handle_t *handle)
{
    struct kdm_projector *projector = handle->data;

    if (--projector->open_handles == 0)
        free(projector);
}

void kdm_projector_destroy(struct kdm_projector *projector)
{
    if (projector == NULL)
        return;
    kdm_find_free_all(projector);
    kdm_table_destroy(projector->watched, kdm_watched_free);
    kdm_indexer_destroy(projector->indexer);
    kdm_workers_destroy(projector->workers);
    uv_close((uv_handle_t *)&projector->bell, on_closed);
    uv_close((uv_handle_t *)&projector->turn, on_closed);
    uv_close((uv_handle_t *)&projector->teller, on_closed);
    uv_close((uv_handle_t *)&projector->timer, on_closed);
}

/* --- figures -------------------------------------------------------------------------------------
 */

bool kdm_projector_crowded(const struct kdm_projector *projector, struct kdm_str index)
{
    const struct watched *watched = kdm_watched_find(projector, index);

    return watched != NULL && watched->views != NULL
           && (watched->crowded || watched->paused
               || kdm_feed_behind(projector->store, index) > KDM_PROJECTOR_BEHIND_BYTES);
}

void kdm_projector_on_room(struct kdm_projector *projector, kdm_projector_room_fn *fn, void *ctx)
{
    projector->on_room = fn;
    projector->room_ctx = ctx;
}

bool kdm_projector_ready(const struct kdm_projector *projector)
{
    return projector->ready;
}

static void count_views(const struct watched *watched, int64_t now_ms,
                        struct kdm_projector_counts *counts)
{
    for (const struct kdm_view *view = watched->views; view != NULL; view = view->next) {
        const struct kdm_edition *edition = view->edition;
        int64_t lag_ms = edition->oldest_ms == 0 ? 0 : now_ms - edition->oldest_ms;

        counts->views++;
        counts->building += view->state != VIEW_READY;
        counts->documents += atomic_load_explicit(&edition->documents, memory_order_relaxed);
        counts->bytes += atomic_load_explicit(&edition->bytes, memory_order_relaxed);
        if (lag_ms > counts->lag_ms)
            counts->lag_ms = lag_ms;
    }
}

void kdm_projector_counts(const struct kdm_projector *projector,
                          struct kdm_projector_counts *ret_counts)
{
    int64_t now_ms = kdm_clock_monotonic_ms();
    size_t searching = kdm_workers_searching(projector->workers);
    struct kdm_projector_counts counts = { .builds = projector->builds,
                                           .searches = projector->searches,
                                           .searching = searching,
                                           .waiting = projector->find_count - searching,
                                           .queued_bytes = projector->queued_bytes };
    struct kdm_str name;
    void *value;

    for (size_t cursor = 0; kdm_table_next(projector->watched, &cursor, &name, &value);)
        count_views(value, now_ms, &counts);
    *ret_counts = counts;
}
