/* build.c - a view from what Redis holds.
 * First the feed's place must be known; then Redis is asked where the collection stands (the
 * view's base); then it is scanned page by page. What the feed tells above the base goes to the
 * indexer among the pages: whichever of two states of a document is later wins by its sequence, and
 * what was deleted is remembered until the scan is over. When a mapping grows, the projection gets
 * its new columns at once and a second scan fills them.
 */
#include "base/clock.h"
#include "base/log.h"
#include "projector/internal.h"
#include <stdlib.h>

#define ASK_MS     5000 /* of Redis; when it does not answer it is asked again */
#define MOST_PAGES 8    /* on their way to the indexer */
#define TELL_MS    2000
#define LONG_MS    1000
#define LARGE      100000 /* documents; the end of such a build is told too */

/* An answer comes back with the build that asked: a later one does not want it. */
struct build_ask {
    struct kdm_view *view;
    uint64_t build;
};

static struct build_ask *begin_ask(struct kdm_view *view)
{
    struct build_ask *ask = kdm_malloc(sizeof(*ask));

    *ask = (struct build_ask){ .view = view, .build = view->build };
    view->answers++;
    return ask;
}

/* NULL: nobody wants the answer any more. */
static struct kdm_view *end_ask(struct build_ask *ask)
{
    struct kdm_view *view = ask->view;
    bool wanted = !view->dropped && view->build == ask->build;

    free(ask);
    view->answers--;
    if (wanted)
        return view;
    kdm_view_reap(view);
    return NULL;
}

/* Only views that are being read need a look now and then. */
static void set_scan(struct kdm_view *view, enum scan_state scan)
{
    struct kdm_projector *projector = view->watched->projector;

    projector->scanning += (scan != SCAN_NONE) - (view->scan != SCAN_NONE);
    view->scan = scan;
}

/* --- scanning ------------------------------------------------------------------------------------
 */

/* All pages are on their way. While a new mapping is too it is not known yet whether they fill it.
 */
static void conclude(struct kdm_view *view)
{
    if (view->scan != SCAN_READ || view->remaps > 0)
        return;
    if (view->fill_again) {
        kdm_build_scan(view);
        return;
    }
    set_scan(view, SCAN_NONE);
    kdm_view_flush(view, false);
    kdm_view_send(view, kdm_batch_create(view->edition, BATCH_FILLED));
}

static void on_page(void *ctx, enum kdm_err err, uint64_t next_cursor, const struct kdm_str *values,
                    size_t count)
{
    struct kdm_view *view = end_ask(ctx);
    struct kdm_stored stored;
    struct batch *batch;

    if (view == NULL)
        return;
    view->asked = false;
    if (kdm_store_epoch(view->watched->projector->store) != view->epoch) {
        kdm_build_scan(view); /* another Redis, or the same restarted */
        return;
    }
    if (err != KDM_OK)
        return; /* the timer asks again */
    batch = kdm_batch_create(view->edition, BATCH_PAGE);
    for (size_t i = 0; i + 1 < count; i += 2)
        if (kdm_stored_parse(values[i + 1], &stored))
            kdm_batch_add(batch, values[i], stored.text, stored.sequence);
    view->documents += count / 2;
    view->cursor = next_cursor;
    view->pages++;
    kdm_view_send(view, batch);
    if (next_cursor == 0)
        set_scan(view, SCAN_READ);
    conclude(view);
    kdm_build_go_on(view);
}

void kdm_build_go_on(struct kdm_view *view)
{
    if (view->scan != SCAN_READING || view->asked || view->pages >= MOST_PAGES)
        return;
    view->asked = true;
    kdm_store_scan(view->watched->projector->store, view->collection, view->cursor,
                   kdm_clock_monotonic_ms() + ASK_MS, on_page, begin_ask(view));
}

void kdm_build_scan(struct kdm_view *view)
{
    view->cursor = 0;
    view->documents = 0;
    set_scan(view, SCAN_READING);
    view->epoch = kdm_store_epoch(view->watched->projector->store);
    view->fill_again = false;
    view->began_ms = view->told_ms = kdm_clock_monotonic_ms();
    kdm_build_go_on(view);
}

/* --- beginning -----------------------------------------------------------------------------------
 */

/* Another mapping version is no other collection: the searches that come bring it along. */
static bool is_same(const struct kdm_view *view, struct kdm_str check)
{
    struct kdm_str incarnation = view->collection->incarnation;

    return check.len > incarnation.len && kdm_str_starts(check, incarnation)
           && check.ptr[incarnation.len] == ' ';
}

static void on_state(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct kdm_view *view = end_ask(ctx);
    long long sequence = 0;

    if (view == NULL)
        return;
    view->asked = false;
    if (err != KDM_OK)
        return; /* the timer asks again */
    if (count < 3 || !is_same(view, values[1])) {
        kdm_view_drop(view);
        return;
    }
    (void)kdm_str_int64(values[0], &sequence);
    view->base = (uint64_t)sequence;
    view->state = VIEW_SCANNING;
    kdm_build_scan(view);
}

static void ask_state(struct kdm_view *view)
{
    view->asked = true;
    kdm_store_state(view->watched->projector->store, view->collection,
                    kdm_clock_monotonic_ms() + ASK_MS, on_state, begin_ask(view));
}

void kdm_build_start(struct kdm_view *view)
{
    struct kdm_feed_place place;

    view->build++;
    view->asked = view->fill_again = view->unfilled = false;
    set_scan(view, SCAN_NONE);
    view->state = VIEW_UNPLACED;
    if (!kdm_feed_place(view->watched->projector->store, view->watched->name, &place)) {
        kdm_view_stir(view);
        return;
    }
    view->watched->place = place.sequence;
    view->state = VIEW_ASKING;
    view->watched->projector->builds++;
    ask_state(view);
}

/* --- new fields ----------------------------------------------------------------------------------
 */

void kdm_build_remap(struct kdm_view *view, struct kdm_collection *collection)
{
    struct batch *batch = kdm_batch_create(view->edition, BATCH_REMAP);

    kdm_collection_ref(collection);
    kdm_collection_unref(view->collection);
    view->collection = collection;
    batch->mapping = kdm_mapping_ref(collection->mapping);
    view->remaps++;
    view->unfilled = true;
    kdm_view_flush(view, false);
    kdm_view_send(view, batch);
}

/* What a scan under way has read already does not fill the newest fields: another one follows. */
static void remapped(struct kdm_view *view, bool filling)
{
    view->remaps--;
    if (view->state < VIEW_SCANNING)
        return; /* the scan is still to come, and fills them */
    if (filling && view->scan == SCAN_NONE)
        kdm_build_scan(view);
    else if (filling)
        view->fill_again = true;
    if (!filling && view->remaps == 0 && view->scan == SCAN_NONE)
        view->unfilled = false;
    conclude(view);
    kdm_view_wake(view);
}

/* --- what the indexer says -----------------------------------------------------------------------
 */

static void finish(struct kdm_view *view)
{
    int64_t spent = kdm_clock_monotonic_ms() - view->began_ms;

    if (view->documents >= LARGE)
        kdm_log_info("search: " KDM_FMT "/" KDM_FMT " is there: %llu documents in %lld ms",
                     KDM_ARG(view->watched->name), KDM_ARG(view->collection->name),
                     (unsigned long long)view->documents, (long long)spent);
    if (view->state != VIEW_READY)
        view->watched->projector->building--;
    view->state = VIEW_READY;
    view->unfilled = view->remaps > 0 || view->scan != SCAN_NONE;
    kdm_view_wake(view);
}

void kdm_build_applied(struct kdm_view *view, const struct batch *batch)
{
    switch (batch->kind) {
    case BATCH_PAGE:
        view->pages--;
        kdm_build_go_on(view);
        break;
    case BATCH_REMAP:
        remapped(view, batch->filling);
        break;
    case BATCH_FILLED:
        finish(view);
        break;
    default:
        break;
    }
}

void kdm_build_stop(struct kdm_view *view)
{
    view->build++;
    set_scan(view, SCAN_NONE);
}

/* --- now and then --------------------------------------------------------------------------------
 */

static void tell_progress(struct kdm_view *view, int64_t now_ms)
{
    if (now_ms - view->told_ms < TELL_MS)
        return;
    view->told_ms = now_ms;
    kdm_log_info("search: reading " KDM_FMT "/" KDM_FMT ": %llu documents so far",
                 KDM_ARG(view->watched->name), KDM_ARG(view->collection->name),
                 (unsigned long long)view->documents);
}

bool kdm_build_is_long(const struct kdm_view *view, int64_t now_ms)
{
    return view->state == VIEW_SCANNING && now_ms - view->began_ms > LONG_MS;
}

void kdm_build_tick(struct kdm_view *view, int64_t now_ms)
{
    if (view->state == VIEW_ASKING && !view->asked)
        ask_state(view);
    if (view->scan != SCAN_READING)
        return;
    tell_progress(view, now_ms);
    kdm_build_go_on(view);
}
