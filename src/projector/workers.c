/* workers.c - the threads that search, and whose turn it is.
 * The loop puts a search into the inbox. Workers sort what is there into the queues of its indexes,
 * which take turns, and go on from one search to the next by themselves: nobody is woken for what
 * a worker that is awake will find. The mutex is the workers' own: the loop never touches it.
 */
#include "projector/internal.h"
#include <pthread.h>
#include <sched.h>
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
    pthread_mutex_t mutex;            /* of the queues */
    struct watched *line, **line_end; /* indexes that have something queued, in turn */
    sem_t work;
    atomic_uint sleepers; /* workers that sleep, or are about to, and that nobody has woken yet */
    atomic_uint searching;
    atomic_bool stopping;
    unsigned count;
    pthread_t threads[MOST];
};

/* --- queues: under the mutex ---------------------------------------------------------------------
 */

static void get_in_line(struct kdm_workers *workers, struct watched *watched)
{
    if (watched->work.in_line || watched->work.queued == NULL)
        return;
    watched->work.in_line = true;
    watched->work.next_in_line = NULL;
    *workers->line_end = watched;
    workers->line_end = &watched->work.next_in_line;
}

static void sort_inbox(struct kdm_workers *workers)
{
    struct kdm_letter *letter = kdm_mailbox_take(&workers->inbox), *next;

    for (; letter != NULL; letter = next) {
        struct kdm_find *find = (struct kdm_find *)letter;
        struct watched *watched = find->watched;

        next = letter->next;
        letter->next = NULL;
        *watched->work.queued_end = letter;
        watched->work.queued_end = &letter->next;
        get_in_line(workers, watched);
    }
}

/* One worker is left for other indexes. */
static bool may_search(const struct kdm_workers *workers, const struct watched *watched)
{
    return watched->work.searching < workers->count - 1;
}

/* The link to the index whose turn it is; to NULL: none. */
static struct watched **whose_turn(struct kdm_workers *workers)
{
    struct watched **link = &workers->line;

    while (*link != NULL && !may_search(workers, *link))
        link = &(*link)->work.next_in_line;
    return link;
}

static struct kdm_find *next_queued(struct kdm_workers *workers)
{
    struct watched **link = whose_turn(workers), *watched = *link;
    struct kdm_letter *letter;

    if (watched == NULL)
        return NULL;
    *link = watched->work.next_in_line;
    if (*link == NULL)
        workers->line_end = link;
    letter = watched->work.queued;
    watched->work.queued = letter->next;
    if (watched->work.queued == NULL)
        watched->work.queued_end = &watched->work.queued;
    watched->work.in_line = false;
    get_in_line(workers, watched);
    watched->work.searching++;
    return (struct kdm_find *)letter;
}

/* --- sleeping ------------------------------------------------------------------------------------
 */

/* Takes one of the sleepers off the count. */
static bool claim_sleeper(struct kdm_workers *workers)
{
    unsigned sleepers = atomic_load(&workers->sleepers);

    while (sleepers > 0)
        if (atomic_compare_exchange_weak(&workers->sleepers, &sleepers, sleepers - 1))
            return true;
    return false;
}

static void wake_one(struct kdm_workers *workers)
{
    if (claim_sleeper(workers))
        sem_post(&workers->work);
}

/* Whoever puts something into the inbox looks for sleepers behind that; whoever goes to sleep looks
 * into the inbox once it is counted: one of them sees the other. */
static void sleep_for_work(struct kdm_workers *workers)
{
    atomic_fetch_add(&workers->sleepers, 1);
    if ((atomic_load(&workers->inbox.newest) != NULL || atomic_load(&workers->stopping))
        && claim_sleeper(workers))
        return;
    kdm_wait_for(&workers->work);
}

/* --- threads -------------------------------------------------------------------------------------
 */

/* `done`: the index that the worker has just searched, or NULL. Another worker is woken for what
 * this one leaves. */
static struct kdm_find *next_find(struct kdm_workers *workers, struct watched *done)
{
    struct kdm_find *find;
    bool more;

    pthread_mutex_lock(&workers->mutex);
    if (done != NULL)
        done->work.searching--;
    sort_inbox(workers);
    find = next_queued(workers);
    more = find != NULL && *whose_turn(workers) != NULL;
    pthread_mutex_unlock(&workers->mutex);
    if (more)
        wake_one(workers);
    return find;
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

/* The find is the loop's again when it is posted. */
static struct watched *search(struct kdm_workers *workers, struct kdm_find *find)
{
    struct watched *watched = find->watched;

    atomic_fetch_add_explicit(&workers->searching, 1, memory_order_relaxed);
    kdm_find_search(find);
    atomic_fetch_sub_explicit(&workers->searching, 1, memory_order_relaxed);
    kdm_projector_post(workers->projector, &find->letter, LETTER_FIND);
    return watched;
}

static void *run(void *arg)
{
    struct kdm_workers *workers = arg;
    struct watched *done = NULL;
    struct kdm_find *find;

    pthread_setname_np(pthread_self(), "kdm-search");
    give_way();
    while (!atomic_load_explicit(&workers->stopping, memory_order_relaxed)) {
        find = next_find(workers, done);
        done = NULL;
        if (find != NULL)
            done = search(workers, find);
        else
            sleep_for_work(workers);
    }
    return NULL;
}

struct kdm_workers *kdm_workers_create(struct kdm_projector *projector)
{
    struct kdm_workers *workers = kdm_zalloc(sizeof(*workers));
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    workers->projector = projector;
    workers->count = cores < FEWEST ? FEWEST : cores > MOST ? MOST : (unsigned)cores;
    workers->line_end = &workers->line;
    pthread_mutex_init(&workers->mutex, NULL);
    sem_init(&workers->work, 0, 0);
    for (unsigned i = 0; i < workers->count; i++)
        KDM_ASSERT(pthread_create(&workers->threads[i], NULL, run, workers) == 0);
    return workers;
}

size_t kdm_workers_searching(const struct kdm_workers *workers)
{
    return atomic_load_explicit(&workers->searching, memory_order_relaxed);
}

void kdm_workers_send(struct kdm_workers *workers, struct kdm_find *find)
{
    kdm_mailbox_put(&workers->inbox, &find->letter);
    atomic_thread_fence(memory_order_seq_cst);
    wake_one(workers);
}

/* What no worker has begun goes back to the loop. */
static void send_back(struct kdm_workers *workers)
{
    sort_inbox(workers);
    for (struct watched *watched = workers->line; watched != NULL;
         watched = watched->work.next_in_line)
        for (struct kdm_letter *letter = watched->work.queued, *next; letter != NULL;
             letter = next) {
            next = letter->next;
            kdm_projector_post(workers->projector, letter, LETTER_FIND);
        }
}

void kdm_workers_stop(struct kdm_workers *workers)
{
    atomic_store(&workers->stopping, true);
    for (unsigned i = 0; i < workers->count; i++)
        sem_post(&workers->work);
    for (unsigned i = 0; i < workers->count; i++)
        while (pthread_tryjoin_np(workers->threads[i], NULL) != 0) {
            kdm_projector_read(workers->projector); /* it may be asking for texts */
            nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        }
    send_back(workers);
    kdm_projector_read(workers->projector);
}

void kdm_workers_destroy(struct kdm_workers *workers)
{
    pthread_mutex_destroy(&workers->mutex);
    sem_destroy(&workers->work);
    free(workers);
}
