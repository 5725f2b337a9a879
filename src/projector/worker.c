/* worker.c - the threads that search.
 * The loop posts a search and raises the semaphore; whoever wakes takes the oldest. The mutex is
 * the workers' own: the loop never touches it. A search that must look at documents asks the loop
 * to fetch their texts and sleeps meanwhile.
 */
#include "projector/internal.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FEWEST   3 /* one that computes, one that waits for texts, one for the others */
#define MOST     16
#define NICE     5
#define SLICE_NS 100000

struct kdm_workers {
    struct kdm_projector *projector;
    struct kdm_mailbox inbox;
    pthread_mutex_t mutex; /* of `first` */
    struct kdm_letter *first;
    sem_t work;
    atomic_bool stopping;
    unsigned count;
    pthread_t threads[MOST];
};

/* --- texts ---------------------------------------------------------------------------------------
 */

static void wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0 && errno == EINTR)
        ;
}

/* The searching thread holds nothing meanwhile (projection.h). */
static bool fetch_texts(void *ctx, struct kdm_arena *arena, const struct kdm_str *ids,
                        struct kdm_str *ret_texts, size_t count)
{
    struct kdm_find_part *part = ctx;
    struct fetch *fetch = kdm_zalloc(sizeof(*fetch));
    bool done_well;

    fetch->part = part;
    fetch->ids = ids;
    fetch->count = count;
    fetch->texts = kdm_arena_zalloc(arena, count * sizeof(*fetch->texts) + 1);
    sem_init(&fetch->done, 0, 0);
    kdm_projector_post(part->find->projector, &fetch->letter, LETTER_FETCH);
    wait_for(&fetch->done);
    if (fetch->abandoned)
        return false;
    done_well = fetch->done_well;
    for (size_t i = 0; done_well && i < count; i++)
        ret_texts[i] = kdm_arena_copy(arena, fetch->texts[i]);
    sem_destroy(&fetch->done);
    free(fetch->bytes);
    free(fetch);
    return done_well;
}

/* --- parsing -------------------------------------------------------------------------------------
 */

static struct kdm_val parse_text(struct kdm_find *find, struct kdm_str text)
{
    return kdm_str_none(text) ? KDM_VAL_NONE : kdm_json_parse(&find->arena, text);
}

static struct kdm_search *parse_search(struct kdm_find *find, const struct kdm_mapping *mapping)
{
    const struct kdm_find_request *request = &find->request;
    const struct kdm_search_request asked = { .body = parse_text(find, request->body),
                                              .lang = request->lang,
                                              .from = request->from,
                                              .size = request->size,
                                              .now_ms = request->now_ms,
                                              .aggregates = request->aggregates };
    struct kdm_search *search;

    if (!request->bare)
        return kdm_search_create(&find->arena, mapping, &asked, &find->try.result.failure);
    search = kdm_arena_zalloc(&find->arena, sizeof(*search));
    search->query = kdm_search_query(&find->arena, mapping, asked.body, asked.lang, asked.now_ms,
                                     &find->try.result.failure);
    search->size = request->size > 0 ? request->size : 0;
    return search->query != NULL ? search : NULL;
}

/* Each collection's mapping says what the query means there. */
static bool parse_part(struct kdm_find *find, struct kdm_find_part *part)
{
    const struct kdm_mapping *mapping = part->found->collection->mapping;
    struct kdm_query *filter;

    part->search = parse_search(find, mapping);
    if (part->search == NULL)
        return false;
    part->found->search = part->search;
    part->query = part->search->query;
    if (kdm_str_none(find->request.filter))
        return true;
    filter =
        kdm_search_query(&find->arena, mapping, parse_text(find, find->request.filter),
                         KDM_LANG_ELASTICSEARCH, find->request.now_ms, &find->try.result.failure);
    if (filter == NULL)
        return false;
    part->query = kdm_search_narrow(&find->arena, part->query, filter);
    return true;
}

/* --- searching -----------------------------------------------------------------------------------
 */

static void fail_with(struct kdm_find *find, enum kdm_err err, struct kdm_str text)
{
    kdm_failure_set(&find->try.result.failure, &find->arena, err, KDM_PROPS(text));
}

static bool succeeded(struct kdm_find *find, enum kdm_projection_result result)
{
    switch (result) {
    case KDM_PROJECTION_OK:
        return true;
    case KDM_PROJECTION_TOO_COSTLY:
        fail_with(find, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                  KDM_STR("[regexp] the expression takes too many steps on a document"));
        return false;
    case KDM_PROJECTION_TOO_MANY_BUCKETS:
        fail_with(find, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                  KDM_STR("[aggs] there are too many buckets, or values to remember"));
        return false;
    case KDM_PROJECTION_NEEDS_TEXT:
    case KDM_PROJECTION_CANCELLED:
        break;
    }
    fail_with(find, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED, KDM_STR(""));
    return false;
}

/* Of several collections each gives what may be on the page; then they are put together. */
static bool search_part(struct kdm_find *find, struct kdm_find_part *part, int64_t from,
                        int64_t size)
{
    struct kdm_search order = *part->search;
    struct kdm_projection_search asked = { .query = part->query,
                                           .search = &order,
                                           .aggs = order.aggs,
                                           .post_filter = order.post_filter,
                                           .fetch = fetch_texts,
                                           .ctx = part,
                                           .cancelled = &find->cancelled };

    order.from = from;
    order.size = size;
    if (!succeeded(find, kdm_projection_search(part->edition->projection, &find->arena,
                                               &find->scratch, &asked, &part->page)))
        return false;
    for (size_t i = 0; i < part->page.count; i++)
        part->page.hits[i].owner = part->found;
    find->try.result.found.total += part->page.total;
    if (order.aggs != NULL)
        find->try.result.found.aggregations = kdm_aggs_text(order.aggs);
    return true;
}

static void merge(struct kdm_find *find, int64_t from, int64_t size)
{
    struct kdm_search order = *find->parts[0].search;
    struct kdm_found *found = &find->try.result.found;
    size_t count = 0, first;

    for (size_t i = 0; i < find->part_count; i++)
        count += find->parts[i].page.count;
    found->hits = kdm_arena_alloc(&find->arena, (count + 1) * sizeof(*found->hits));
    count = 0;
    for (size_t i = 0; i < find->part_count; i++) {
        const struct kdm_projection_page *page = &find->parts[i].page;

        if (page->count > 0)
            memcpy(found->hits + count, page->hits, page->count * sizeof(*page->hits));
        count += page->count;
    }
    order.from = from;
    order.size = size;
    found->hit_count = kdm_search_page(&order, found->hits, count, &first);
    found->hits += first;
}

static bool search_all(struct kdm_find *find)
{
    const struct kdm_search *first = find->parts[0].search;
    int64_t from = first->from, size = first->size;
    struct kdm_found *found = &find->try.result.found;

    if (find->request.all) {
        from = 0;
        size = KDM_FIND_MOST + 1;
    }
    if (find->part_count == 1) {
        if (!search_part(find, &find->parts[0], from, size))
            return false;
        found->hits = find->parts[0].page.hits;
        found->hit_count = find->parts[0].page.count;
        return true;
    }
    for (size_t i = 0; i < find->part_count; i++)
        if (!search_part(find, &find->parts[i], 0, from + size))
            return false;
    merge(find, from, size);
    return true;
}

static bool run_search(struct kdm_find *find)
{
    struct kdm_found *found = &find->try.result.found;

    for (size_t i = 0; i < find->part_count; i++)
        if (!parse_part(find, &find->parts[i]))
            return false;
    if (find->part_count > 1 && find->parts[0].search->aggs != NULL) {
        fail_with(find, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                  KDM_STR("[aggs] can't be asked of several collections at once"));
        return false;
    }
    if (!search_all(find))
        return false;
    if (found->hit_count > KDM_FIND_MOST) {
        fail_with(find, KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED, KDM_STR(""));
        return false;
    }
    found->page_count = found->hit_count;
    if (find->request.all && found->page_count > (size_t)find->parts[0].search->size)
        found->page_count = (size_t)find->parts[0].search->size;
    found->parts = find->found_parts;
    found->part_count = find->part_count;
    return true;
}

/* The pages behind the first. There may be a hundred thousand: this is not for the loop. */
static void make_pages(struct kdm_find *find)
{
    struct kdm_found *found = &find->try.result.found;
    size_t size = found->page_count, rest = found->hit_count - size, at = size;
    struct kdm_str *pages;

    if (find->request.pages == NULL || size == 0)
        return;
    pages = kdm_arena_alloc(&find->arena, (rest / size + 1) * sizeof(*pages));
    for (size_t count; rest > 0; at += count) {
        count = rest < size ? rest : size;
        rest -= count;
        pages[found->pages_count++] =
            find->request.pages(&find->arena, found, found->hits + at, count, rest);
    }
    found->pages = pages;
}

static void search(struct kdm_find *find)
{
    bool found = run_search(find);

    if (found)
        make_pages(find);
    find->try.result.outcome = found ? KDM_FIND_FOUND : KDM_FIND_FAILED;
}

/* --- threads -------------------------------------------------------------------------------------
 */

static struct kdm_find *next_find(struct kdm_workers *workers)
{
    struct kdm_letter *letter;

    pthread_mutex_lock(&workers->mutex);
    if (workers->first == NULL)
        workers->first = kdm_mailbox_take(&workers->inbox);
    letter = workers->first;
    if (letter != NULL)
        workers->first = letter->next;
    pthread_mutex_unlock(&workers->mutex);
    return (struct kdm_find *)letter;
}

/* What computes for long is not to delay the loop, Redis, or the kernel's writing of its file,
 * where there are few cores. Linux 6.12 and later can be told how long a thread may go on when
 * others wait; glibc does not know the call. Without it there is the priority alone. */
static void give_way(void)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period;
    } attr = { .size = sizeof(attr), .policy = SCHED_OTHER, .nice = NICE, .runtime = SLICE_NS };

    if (syscall(SYS_sched_setattr, 0, &attr, 0) != 0)
        (void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
}

static void *run(void *arg)
{
    struct kdm_workers *workers = arg;
    struct kdm_find *find;

    pthread_setname_np(pthread_self(), "kdm-search");
    give_way();
    for (;;) {
        wait_for(&workers->work);
        if (atomic_load_explicit(&workers->stopping, memory_order_relaxed))
            return NULL;
        find = next_find(workers);
        KDM_ASSERT(find != NULL);
        search(find);
        kdm_projector_post(workers->projector, &find->letter, LETTER_FIND);
    }
}

struct kdm_workers *kdm_workers_create(struct kdm_projector *projector)
{
    struct kdm_workers *workers = kdm_zalloc(sizeof(*workers));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    workers->projector = projector;
    workers->count = cores < FEWEST ? FEWEST : cores > MOST ? MOST : (unsigned)cores;
    pthread_mutex_init(&workers->mutex, NULL);
    sem_init(&workers->work, 0, 0);
    for (unsigned i = 0; i < workers->count; i++)
        KDM_ASSERT(pthread_create(&workers->threads[i], NULL, run, workers) == 0);
    return workers;
}

unsigned kdm_workers_count(const struct kdm_workers *workers)
{
    return workers->count;
}

void kdm_workers_send(struct kdm_workers *workers, struct kdm_find *find)
{
    kdm_mailbox_put(&workers->inbox, &find->letter);
    sem_post(&workers->work);
}

/* Searches that no worker has begun come back as they are. */
void kdm_workers_stop(struct kdm_workers *workers)
{
    struct kdm_find *find;

    atomic_store_explicit(&workers->stopping, true, memory_order_relaxed);
    for (unsigned i = 0; i < workers->count; i++)
        sem_post(&workers->work);
    for (unsigned i = 0; i < workers->count; i++)
        while (pthread_tryjoin_np(workers->threads[i], NULL) != 0) {
            kdm_projector_read(workers->projector); /* it may be asking for texts */
            nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        }
    while ((find = next_find(workers)) != NULL)
        kdm_projector_post(workers->projector, &find->letter, LETTER_FIND);
    kdm_projector_read(workers->projector);
}

void kdm_workers_destroy(struct kdm_workers *workers)
{
    pthread_mutex_destroy(&workers->mutex);
    sem_destroy(&workers->work);
    free(workers);
}
