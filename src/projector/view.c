/* view.c - what is projected, and how it hears of changes.
 * Views are found by name. One that meets another incarnation of its collection is dropped, and so
 * is one whose collection's end the feed tells. What the feed told before the view's scan began is
 * in the scan and not looked at: by its base a new view can't mistake the end of its predecessor
 * for its own.
 */
#include "base/clock.h"
#include "base/log.h"
#include "projector/internal.h"
#include <stdlib.h>

/* Bytes on their way to the indexer. Long before a feed is paused the node's own writes wait, so
 * that what the feed holds is not cut off behind the back of the one that reads it. */
#define CROWDED_INDEX (4u << 20)
#define ROOM_OF_INDEX (32u << 20)
#define ROOM_OF_ALL   (64u << 20)
#define BATCH_BYTES   (64u << 10)

/* --- indexes -------------------------------------------------------------------------------------
 */

struct watched *kdm_watched_find(const struct kdm_projector *projector, struct kdm_str index)
{
    return kdm_table_get(projector->watched, index);
}

/* Stays as long as the process. */
static struct watched *watched_of(struct kdm_projector *projector, struct kdm_index *index)
{
    struct watched *watched = kdm_watched_find(projector, index->name);

    if (watched != NULL)
        return watched;
    watched = kdm_zalloc(sizeof(*watched));
    watched->projector = projector;
    watched->index = kdm_index_ref(index);
    watched->name = index->name;
    watched->by_name = kdm_table_create(&projector->seed);
    watched->work.queued_end = &watched->work.queued;
    kdm_table_put(projector->watched, index->name, watched);
    return watched;
}

static void tell_room(struct kdm_projector *projector)
{
    if (projector->on_room != NULL)
        projector->on_room(projector->room_ctx);
}

static void pause_feed(struct watched *watched)
{
    watched->paused = true;
    watched->projector->paused++;
    kdm_feed_pause(watched->projector->store, watched->name);
}

static bool has_room(const struct watched *watched)
{
    return watched->queued_bytes <= ROOM_OF_INDEX / 2
           && watched->projector->queued_bytes <= ROOM_OF_ALL / 2;
}

static void resume_feeds(struct kdm_projector *projector)
{
    struct kdm_str name;
    void *value;

    bool any = false;

    for (size_t cursor = 0;
         projector->paused > 0 && kdm_table_next(projector->watched, &cursor, &name, &value);) {
        struct watched *watched = value;

        if (!watched->paused || !has_room(watched))
            continue;
        watched->paused = false;
        projector->paused--;
        kdm_feed_resume(projector->store, watched->name);
        any = true;
    }
    if (any)
        tell_room(projector);
}

void kdm_watched_load(struct watched *watched, size_t more)
{
    struct kdm_projector *projector = watched->projector;

    watched->queued_bytes += more;
    projector->queued_bytes += more;
    watched->crowded |= watched->queued_bytes > CROWDED_INDEX;
    if (!watched->paused
        && (watched->queued_bytes > ROOM_OF_INDEX || projector->queued_bytes > ROOM_OF_ALL))
        pause_feed(watched);
}

void kdm_watched_unload(struct watched *watched, size_t less)
{
    watched->queued_bytes -= less;
    watched->projector->queued_bytes -= less;
    if (watched->crowded && watched->queued_bytes <= CROWDED_INDEX / 2) {
        watched->crowded = false;
        tell_room(watched->projector);
    }
    if (watched->projector->paused > 0)
        resume_feeds(watched->projector);
}

/* --- views ---------------------------------------------------------------------------------------
 */

/* An index may have thousands of views, of which a commit concerns few. */
void kdm_view_stir(struct kdm_view *view)
{
    struct watched *watched = view->watched;

    if (view->restless_link != NULL)
        return;
    view->next_restless = watched->restless;
    view->restless_link = &watched->restless;
    if (view->next_restless != NULL)
        view->next_restless->restless_link = &view->next_restless;
    watched->restless = view;
}

static void calm(struct kdm_view *view)
{
    if (view->restless_link == NULL)
        return;
    *view->restless_link = view->next_restless;
    if (view->next_restless != NULL)
        view->next_restless->restless_link = view->restless_link;
    view->restless_link = NULL;
}

static struct kdm_edition *new_edition(struct kdm_view *view)
{
    struct kdm_edition *edition = kdm_zalloc(sizeof(*edition));

    edition->projection =
        kdm_projection_create(view->collection->mapping, &view->watched->projector->seed);
    edition->watched = view->watched;
    edition->view = view;
    edition->todo_end = &edition->todo;
    return kdm_edition_ref(edition);
}

static struct kdm_view *new_view(struct watched *watched, struct kdm_collection *collection)
{
    struct kdm_view *view = kdm_zalloc(sizeof(*view));

    view->watched = watched;
    view->collection = kdm_collection_ref(collection);
    view->waiting_end = &view->waiting;
    view->edition = new_edition(view);
    view->next = watched->views;
    view->link = &watched->views;
    if (view->next != NULL)
        view->next->link = &view->next;
    watched->views = view;
    kdm_table_put(watched->by_name, collection->name, view);
    watched->projector->views++;
    watched->projector->building++;
    kdm_feed_follow(watched->projector->store, watched->name);
    kdm_build_start(view);
    return view;
}

struct kdm_view *kdm_view_of(struct kdm_projector *projector, struct kdm_collection *collection)
{
    struct watched *watched = watched_of(projector, collection->index);
    struct kdm_view *view = kdm_table_get(watched->by_name, collection->name);

    if (view != NULL && !kdm_str_eq(view->collection->incarnation, collection->incarnation)) {
        kdm_view_drop(view);
        view = NULL;
    }
    return view != NULL ? view : new_view(watched, collection);
}

/* Takes the list first: whoever hears of it may come back at once. */
static void send_away(struct kdm_view *view)
{
    struct kdm_find_part *part = view->waiting, *next;

    view->waiting = NULL;
    view->waiting_end = &view->waiting;
    for (; part != NULL; part = next) {
        next = part->next;
        part->view = NULL;
        kdm_find_stale(part);
    }
}

static void forget_edition(struct kdm_view *view)
{
    struct kdm_edition *edition = view->edition;

    if (view->open != NULL) {
        kdm_batch_destroy(view->open);
        kdm_edition_unref(view->watched->projector, edition);
    }
    view->open = NULL;
    view->edition = NULL;
    view->pages = view->remaps = 0;
    edition->view = NULL;
    kdm_edition_unref(view->watched->projector, edition);
}

void kdm_view_drop(struct kdm_view *view)
{
    struct kdm_projector *projector = view->watched->projector;

    if (view->dropped)
        return;
    view->dropped = true;
    kdm_build_stop(view);
    *view->link = view->next;
    if (view->next != NULL)
        view->next->link = view->link;
    kdm_table_remove(view->watched->by_name, view->collection->name);
    calm(view);
    projector->views--;
    if (view->state != VIEW_READY)
        projector->building--;
    kdm_feed_unfollow(projector->store, view->watched->name);
    forget_edition(view);
    view->answers++; /* not while others are told */
    send_away(view);
    view->answers--;
    kdm_view_reap(view);
}

void kdm_view_reap(struct kdm_view *view)
{
    if (!view->dropped || view->answers > 0)
        return;
    kdm_collection_unref(view->collection);
    free(view);
}

/* What is held may be wrong: a new edition. */
static void begin_anew(struct kdm_view *view)
{
    kdm_log_info("search: " KDM_FMT "/" KDM_FMT " is made anew: changes may have been missed",
                 KDM_ARG(view->watched->name), KDM_ARG(view->collection->name));
    forget_edition(view);
    view->edition = new_edition(view);
    if (view->state == VIEW_READY)
        view->watched->projector->building++;
    kdm_build_start(view);
    send_away(view);
}

/* --- waiting -------------------------------------------------------------------------------------
 */

bool kdm_view_reached(const struct kdm_view *view, const struct kdm_find_part *part)
{
    const struct kdm_edition *edition = view->edition;
    uint64_t sequence = part->sequence;

    if (view->remaps > 0 || (view->unfilled && part->whole))
        return false;
    return view->state == VIEW_READY && view->watched->place >= sequence
           && kdm_feed_certain(view->watched->projector->store, view->watched->name)
           && view->open == NULL
           && (edition->applied >= edition->queued || edition->applied >= sequence);
}

void kdm_view_wait(struct kdm_view *view, struct kdm_find_part *part)
{
    part->view = view;
    part->next = NULL;
    *view->waiting_end = part;
    view->waiting_end = &part->next;
    kdm_view_stir(view);
    if (view->watched->place < part->sequence)
        kdm_feed_heard(view->watched->projector->store, view->watched->name, part->sequence);
}

void kdm_view_leave(struct kdm_find_part *part)
{
    struct kdm_view *view = part->view;
    struct kdm_find_part **link = &view->waiting;

    while (*link != part)
        link = &(*link)->next;
    *link = part->next;
    if (part->next == NULL)
        view->waiting_end = link;
    part->view = NULL;
}

void kdm_view_wake(struct kdm_view *view)
{
    struct kdm_find_part *part = view->waiting, *next, *ready = NULL, **end = &ready;

    view->waiting = NULL;
    view->waiting_end = &view->waiting;
    for (; part != NULL; part = next) {
        next = part->next;
        if (!kdm_view_reached(view, part)) {
            kdm_view_wait(view, part);
            continue;
        }
        part->next = NULL;
        *end = part;
        end = &part->next;
    }
    for (part = ready; part != NULL; part = next) {
        next = part->next;
        part->view = NULL;
        part->edition = kdm_edition_ref(view->edition);
        kdm_find_reached(part);
    }
}

/* --- changes -------------------------------------------------------------------------------------
 */

void kdm_view_send(struct kdm_view *view, struct batch *batch)
{
    kdm_watched_load(view->watched, batch->len);
    kdm_indexer_send(view->watched->projector->indexer, batch);
}

static struct batch *open_batch(struct kdm_view *view)
{
    if (view->open == NULL) {
        view->open = kdm_batch_create(view->edition, BATCH_CHANGES);
        view->open->since_ms = kdm_clock_monotonic_ms();
        view->open->sequence = view->edition->queued;
        kdm_view_stir(view);
    }
    return view->open;
}

void kdm_view_flush(struct kdm_view *view, bool whole)
{
    struct kdm_edition *edition = view->edition;
    struct batch *batch;

    if (view->open == NULL && !(whole && edition->sent < edition->queued))
        return;
    batch = open_batch(view); /* an empty one tells that there is no more */
    view->open = NULL;
    batch->through = whole ? batch->sequence : batch->sequence - 1;
    edition->queued = batch->sequence;
    edition->sent = batch->through;
    if (edition->oldest_ms == 0)
        edition->oldest_ms = batch->since_ms;
    kdm_view_send(view, batch);
}

static void take_document(struct kdm_view *view, const struct kdm_feed_change *change)
{
    if (view->state < VIEW_SCANNING || change->sequence <= view->base)
        return;
    kdm_batch_add(open_batch(view), change->id, change->text, change->sequence);
    if (view->open->len >= BATCH_BYTES)
        kdm_view_flush(view, false);
}

static void drop_all(struct watched *watched, uint64_t sequence)
{
    for (struct kdm_view *view = watched->views, *next; view != NULL; view = next) {
        next = view->next;
        if (view->state >= VIEW_SCANNING && sequence > view->base)
            kdm_view_drop(view);
    }
}

static void on_change(void *ctx, const struct kdm_feed_change *change)
{
    struct watched *watched = kdm_watched_find(ctx, change->index);
    struct kdm_view *view;

    if (watched == NULL)
        return;
    if (change->what == 'I') {
        drop_all(watched, change->sequence);
        return;
    }
    view = kdm_str_none(change->collection) ? NULL
                                            : kdm_table_get(watched->by_name, change->collection);
    if (view == NULL)
        return;
    if (strchr("crud", change->what) != NULL)
        take_document(view, change);
    else if ((change->what == 'C' || change->what == 'T') && view->state >= VIEW_SCANNING
             && change->sequence > view->base)
        kdm_view_drop(view);
}

static void on_place(void *ctx, struct kdm_str index, uint64_t sequence)
{
    struct watched *watched = kdm_watched_find(ctx, index);
    struct kdm_view *taken, *view;

    if (watched == NULL)
        return;
    watched->place = sequence;
    taken = watched->restless; /* those that are restless again wait for the next time */
    watched->restless = NULL;
    if (taken != NULL)
        taken->restless_link = &taken;
    while ((view = taken) != NULL) {
        calm(view);
        if (view->state == VIEW_UNPLACED)
            kdm_build_start(view);
        kdm_view_flush(view, true);
        if (view->waiting != NULL)
            kdm_view_wake(view);
    }
}

static void on_gap(void *ctx, struct kdm_str index)
{
    struct watched *watched = kdm_watched_find(ctx, index);

    for (struct kdm_view *view = watched == NULL ? NULL : watched->views, *next; view != NULL;
         view = next) {
        next = view->next;
        begin_anew(view);
    }
}

void kdm_views_listen(struct kdm_projector *projector)
{
    kdm_feed_listen(projector->store, &(struct kdm_feed_listener){ .ctx = projector,
                                                                   .on_change = on_change,
                                                                   .on_gap = on_gap,
                                                                   .on_place = on_place });
}

void kdm_watched_free(void *value)
{
    struct watched *watched = value;

    for (struct kdm_view *view = watched->views, *next; view != NULL; view = next) {
        next = view->next;
        forget_edition(view);
        kdm_collection_unref(view->collection);
        free(view);
    }
    kdm_table_destroy(watched->by_name, NULL);
    kdm_index_unref(watched->index);
    free(watched);
}

/* --- what the indexer says -----------------------------------------------------------------------
 */

static void changes_applied(struct kdm_view *view, const struct batch *batch)
{
    struct kdm_edition *edition = view->edition;

    edition->applied = batch->through;
    edition->oldest_ms = edition->applied < edition->queued ? batch->since_ms : 0;
    if (view->waiting != NULL)
        kdm_view_wake(view);
}

void kdm_view_applied(struct kdm_projector *projector, struct batch *batch)
{
    struct kdm_edition *edition = batch->edition;
    struct kdm_view *view = edition->view;

    kdm_watched_unload(edition->watched, batch->len);
    if (view != NULL && !projector->stopped) {
        if (batch->kind == BATCH_CHANGES)
            changes_applied(view, batch);
        else
            kdm_build_applied(view, batch);
    }
    kdm_batch_destroy(batch);
    kdm_edition_unref(projector, edition);
}
