/* indexer.c - the one thread that changes projections.
 * It works through what is to be done in turns: each projection that has changes gets a slice of
 * time; one that is being searched is passed over and tried again soon. A slice is short because
 * searches of that projection wait meanwhile.
 */
#include "base/clock.h"
#include "projector/internal.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#define SLICE_US      1000
#define SLICE_RECORDS 16     /* between two looks at the clock, .. */
#define SLICE_BYTES   16384  /* ..or so many */
#define HELD_PAUSE_NS 100000 /* when all that has work is being searched */
#define MEASURE_MS    60000  /* adding up what a projection occupies takes a while */

struct kdm_indexer {
    struct kdm_projector *projector;
    struct kdm_mailbox inbox;
    sem_t work;
    pthread_t thread;
    atomic_bool stopping;
    struct kdm_edition *active, **active_end; /* those with something to do */
    struct kdm_arena scratch;
};

/* --- batches -------------------------------------------------------------------------------------
 */

struct batch *kdm_batch_create(struct kdm_edition *edition, enum batch_kind kind)
{
    struct batch *batch = kdm_zalloc(sizeof(*batch));

    batch->kind = kind;
    batch->edition = kind == BATCH_DESTROY ? edition : kdm_edition_ref(edition);
    return batch;
}

void kdm_batch_destroy(struct batch *batch)
{
    kdm_mapping_unref(batch->mapping);
    free(batch->records);
    free(batch);
}

void kdm_batch_add(struct batch *batch, struct kdm_str id, struct kdm_str text, uint64_t sequence)
{
    struct record record = { .sequence = sequence,
                             .id_len = (uint32_t)id.len,
                             .text_len = (uint32_t)text.len,
                             .gone = kdm_str_none(text) };
    size_t size = sizeof(record) + id.len + text.len;
    char *at;

    if (batch->len + size > batch->room) {
        batch->room += size > batch->room ? size : batch->room; /* many hold but one */
        batch->records = kdm_realloc(batch->records, batch->room);
    }
    at = batch->records + batch->len;
    memcpy(at, &record, sizeof(record));
    memcpy(at + sizeof(record), id.ptr, id.len);
    if (text.len > 0)
        memcpy(at + sizeof(record) + id.len, text.ptr, text.len);
    batch->len += size;
    batch->sequence = sequence;
}

/* --- editions ------------------------------------------------------------------------------------
 */

struct kdm_edition *kdm_edition_ref(struct kdm_edition *edition)
{
    edition->refs++;
    return edition;
}

static void destroy_edition(struct kdm_edition *edition)
{
    kdm_projection_destroy(edition->projection);
    free(edition);
}

void kdm_edition_unref(struct kdm_projector *projector, struct kdm_edition *edition)
{
    if (edition == NULL || --edition->refs > 0)
        return;
    if (projector->stopped)
        destroy_edition(edition);
    else
        kdm_indexer_send(projector->indexer, kdm_batch_create(edition, BATCH_DESTROY));
}

/* --- applying ------------------------------------------------------------------------------------
 */

static void apply_record(struct kdm_indexer *indexer, struct batch *batch)
{
    struct kdm_projection *projection = batch->edition->projection;
    const char *at = batch->records + batch->done;
    struct kdm_str id, text;
    struct record record;

    memcpy(&record, at, sizeof(record));
    id = (struct kdm_str){ at + sizeof(record), record.id_len };
    text = (struct kdm_str){ id.ptr + id.len, record.text_len };
    kdm_arena_reset(&indexer->scratch);
    if (record.gone)
        kdm_projection_remove(projection, id, record.sequence);
    else if (batch->kind == BATCH_PAGE)
        kdm_projection_fill(projection, &indexer->scratch, id,
                            kdm_json_parse(&indexer->scratch, text), record.sequence);
    else
        kdm_projection_put(projection, &indexer->scratch, id,
                           kdm_json_parse(&indexer->scratch, text), record.sequence);
    batch->done += sizeof(record) + id.len + text.len;
}

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* As much of the batch as there is time for; true: all of it. */
static bool apply_some(struct kdm_indexer *indexer, struct batch *batch, int64_t until_us)
{
    while (batch->done < batch->len) {
        size_t end =
            batch->len - batch->done < SLICE_BYTES ? batch->len : batch->done + SLICE_BYTES;

        for (int i = 0; i < SLICE_RECORDS && batch->done < end; i++)
            apply_record(indexer, batch);
        if (batch->done < batch->len && now_us() >= until_us)
            return false;
    }
    return true;
}

static void finish_batch(struct batch *batch)
{
    struct kdm_edition *edition = batch->edition;

    if (batch->kind == BATCH_REMAP) {
        batch->filling = kdm_projection_remap(edition->projection, batch->mapping);
    } else if (batch->kind == BATCH_FILLED) {
        kdm_projection_filled(edition->projection);
        edition->built = true;
    } else if (batch->kind == BATCH_CHANGES && edition->built) {
        /* Changes come in order and no scan is under way. */
        kdm_projection_forget(edition->projection, batch->through);
    }
}

/* Walking the postings needs no turn: only this thread changes them. */
static void measure(struct kdm_edition *edition, bool now)
{
    int64_t now_ms = kdm_clock_monotonic_ms();

    atomic_store_explicit(&edition->documents, kdm_projection_count(edition->projection),
                          memory_order_relaxed);
    if (!now && now_ms - edition->measured_ms < MEASURE_MS)
        return;
    edition->measured_ms = now_ms;
    atomic_store_explicit(&edition->bytes, kdm_projection_memory(edition->projection),
                          memory_order_relaxed);
}

/* A slice for one projection; false: it is being searched. */
static bool work_on(struct kdm_indexer *indexer, struct kdm_edition *edition)
{
    struct batch *batch, *finished = NULL, **end = &finished;
    bool filled = false;
    int64_t until_us;

    if (!kdm_projection_try_write(edition->projection))
        return false;
    until_us = now_us() + SLICE_US;
    while ((batch = edition->todo) != NULL && apply_some(indexer, batch, until_us)) {
        finish_batch(batch);
        filled |= batch->kind == BATCH_FILLED;
        edition->todo = (struct batch *)batch->letter.next;
        *end = batch;
        end = (struct batch **)&batch->letter.next;
        *end = NULL;
        if (now_us() >= until_us)
            break;
    }
    kdm_projection_end_write(edition->projection);
    if (edition->todo == NULL)
        edition->todo_end = &edition->todo;
    measure(edition, filled);
    while ((batch = finished) != NULL) {
        finished = (struct batch *)batch->letter.next;
        kdm_projector_post(indexer->projector, &batch->letter, LETTER_BATCH);
    }
    return true;
}

/* --- turns ---------------------------------------------------------------------------------------
 */

static void activate(struct kdm_indexer *indexer, struct kdm_edition *edition)
{
    edition->active = true;
    edition->next_active = NULL;
    *indexer->active_end = edition;
    indexer->active_end = &edition->next_active;
}

static void sort_in(struct kdm_indexer *indexer)
{
    struct kdm_letter *letter = kdm_mailbox_take(&indexer->inbox);

    while (letter != NULL) {
        struct batch *batch = (struct batch *)letter;
        struct kdm_edition *edition = batch->edition;

        letter = letter->next;
        batch->letter.next = NULL;
        *edition->todo_end = batch;
        edition->todo_end = (struct batch **)&batch->letter.next;
        if (!edition->active)
            activate(indexer, edition);
    }
}

static bool is_over(const struct kdm_edition *edition)
{
    return edition->todo != NULL && edition->todo->kind == BATCH_DESTROY;
}

/* Each that has something to do once; false: none of them could be changed. */
static bool take_turns(struct kdm_indexer *indexer)
{
    struct kdm_edition *edition = indexer->active;
    bool any = false;

    indexer->active = NULL;
    indexer->active_end = &indexer->active;
    while (edition != NULL) {
        struct kdm_edition *next = edition->next_active;

        edition->active = false;
        if (is_over(edition)) {
            kdm_batch_destroy(edition->todo);
            destroy_edition(edition);
            any = true;
        } else {
            any |= work_on(indexer, edition);
            if (edition->todo != NULL)
                activate(indexer, edition);
        }
        edition = next;
    }
    return any;
}

static void rest(struct kdm_indexer *indexer)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += HELD_PAUSE_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)sem_timedwait(&indexer->work, &until);
}

static void *run(void *arg)
{
    struct kdm_indexer *indexer = arg;

    pthread_setname_np(pthread_self(), "kdm-indexer");
    while (!atomic_load_explicit(&indexer->stopping, memory_order_relaxed)) {
        sort_in(indexer);
        if (indexer->active == NULL)
            kdm_wait_for(&indexer->work);
        else if (!take_turns(indexer))
            rest(indexer);
    }
    return NULL;
}

void kdm_indexer_send(struct kdm_indexer *indexer, struct batch *batch)
{
    kdm_mailbox_put(&indexer->inbox, &batch->letter);
    sem_post(&indexer->work);
}

/* --- life ----------------------------------------------------------------------------------------
 */

struct kdm_indexer *kdm_indexer_create(struct kdm_projector *projector)
{
    struct kdm_indexer *indexer = kdm_zalloc(sizeof(*indexer));

    indexer->projector = projector;
    indexer->active_end = &indexer->active;
    kdm_arena_init(&indexer->scratch, 65536);
    sem_init(&indexer->work, 0, 0);
    KDM_ASSERT(pthread_create(&indexer->thread, NULL, run, indexer) == 0);
    return indexer;
}

/* The thread has ended: what it did not come to goes back. */
static void give_back(struct kdm_indexer *indexer)
{
    sort_in(indexer);
    for (struct kdm_edition *edition = indexer->active, *next; edition != NULL; edition = next) {
        next = edition->next_active;
        edition->active = false;
        for (struct batch *batch = edition->todo, *behind; batch != NULL; batch = behind) {
            behind = (struct batch *)batch->letter.next;
            if (batch->kind != BATCH_DESTROY) {
                kdm_projector_post(indexer->projector, &batch->letter, LETTER_BATCH);
                continue;
            }
            kdm_batch_destroy(batch);
            destroy_edition(edition);
        }
    }
}

void kdm_indexer_stop(struct kdm_indexer *indexer)
{
    atomic_store_explicit(&indexer->stopping, true, memory_order_relaxed);
    sem_post(&indexer->work);
    pthread_join(indexer->thread, NULL);
    give_back(indexer);
}

void kdm_indexer_destroy(struct kdm_indexer *indexer)
{
    kdm_arena_fini(&indexer->scratch);
    sem_destroy(&indexer->work);
    free(indexer);
}
