/* tx.c - life of a transaction, and the runner that runs its function again and again.
 * A run ends in one of three ways: done, failed, or waiting for what was asked for during it. Commits are sent
 * here, after the run, so that in a debug build the run can be repeated and compared before anything leaves.
 */
#include "tx/tx_private.h"

#include <stdlib.h>

#define SWEEP_MS 50
/* Past its deadline, for what was asked of Redis to end by itself. */
#define ASKED_GRACE_MS 1000
/* A function that waits for nothing it asked for would run for ever: our own bug. */
#define RUNS_WITHOUT_WAIT 100000

/* --- things on their way ------------------------------------------------------------------ */

struct tx_op *kdm_tx_op_begin(struct kdm_tx *tx, void *target)
{
    struct tx_op *op = tx->engine->free_ops;

    if (op == NULL)
        op = kdm_malloc(sizeof(*op));
    else
        tx->engine->free_ops = op->next;
    *op = (struct tx_op){ .engine = tx->engine, .tx = tx, .next = tx->ops, .target = target };
    if (tx->ops != NULL)
        tx->ops->prev = op;
    tx->ops = op;
    tx->waits++;
    return op;
}

static void op_unlink(struct tx_op *op)
{
    if (op->prev != NULL)
        op->prev->next = op->next;
    else
        op->tx->ops = op->next;
    if (op->next != NULL)
        op->next->prev = op->prev;
}

struct kdm_tx *kdm_tx_op_end(struct tx_op *op)
{
    struct kdm_tx *tx = op->tx;

    if (tx != NULL)
        op_unlink(op);
    op->next = op->engine->free_ops;
    op->engine->free_ops = op;
    return tx;
}

struct kdm_tx *kdm_tx_op_answered(struct tx_op *op, enum kdm_err err)
{
    struct kdm_tx *tx = kdm_tx_op_end(op);

    if (tx != NULL && err != KDM_OK)
        kdm_tx_fail(tx, err, NULL, 0);
    return tx;
}

static void on_wake(uv_idle_t *idle)
{
    struct kdm_tx_engine *engine = idle->data;
    struct tx_op *ready = engine->ready;

    engine->ready = NULL;
    uv_idle_stop(idle);
    while (ready != NULL) {
        struct tx_op *op = ready;
        struct kdm_tx *tx;

        ready = op->next_ready;
        tx = kdm_tx_op_end(op);
        if (tx != NULL)
            kdm_tx_settled(tx);
    }
}

void kdm_tx_settle_soon(struct kdm_tx *tx)
{
    struct tx_op *op = kdm_tx_op_begin(tx, NULL); /* waits for one thing more.. */

    tx->waits--; /* ..in place of what has come */
    kdm_tx_op_ready(op);
}

void kdm_tx_op_ready(struct tx_op *op)
{
    struct kdm_tx_engine *engine = op->engine;

    op->next_ready = engine->ready;
    engine->ready = op;
    uv_idle_start(&engine->waker, on_wake);
}

/* --- ending ------------------------------------------------------------------------------- */

static void cut_loose(struct kdm_tx *tx)
{
    while (tx->ops != NULL) {
        struct tx_op *op = tx->ops;

        op_unlink(op);
        op->tx = NULL; /* whoever answers frees it */
    }
    tx->waits = 0;
    kdm_tx_queue_leave(tx, NULL);
    while (tx->children != NULL) {
        struct kdm_tx *child = tx->children;

        tx->children = child->sibling_next;
        child->parent = NULL;
        child->sibling_prev = child->sibling_next = NULL;
    }
    if (tx->parent != NULL) {
        if (tx->sibling_prev != NULL)
            tx->sibling_prev->sibling_next = tx->sibling_next;
        else
            tx->parent->children = tx->sibling_next;
        if (tx->sibling_next != NULL)
            tx->sibling_next->sibling_prev = tx->sibling_prev;
        tx->parent = NULL;
    }
    kdm_tx_facts_fini(tx);
}

static void unlink_running(struct kdm_tx *tx)
{
    struct kdm_tx_engine *engine = tx->engine;

    if (tx->prev != NULL)
        tx->prev->next = tx->next;
    else
        engine->running = tx->next;
    if (tx->next != NULL)
        tx->next->prev = tx->prev;
    if (engine->sweep_next == tx)
        engine->sweep_next = tx->next;
    engine->counts.running--;
}

static void end(struct kdm_tx *tx)
{
    tx->ended = true;
    if (tx->stream != NULL && tx->failure.err == KDM_OK)
        kdm_tx_stream_keep(tx);
    cut_loose(tx);
    unlink_running(tx);
    tx->start.done(tx, tx->start.ctx);
}

static void recycle(struct kdm_tx *tx)
{
    tx->next = tx->engine->free_txs;
    tx->engine->free_txs = tx;
}

void kdm_tx_release(struct kdm_tx *tx)
{
    if (tx == NULL)
        return;
    if (!tx->ended) {
        tx->ended = true;
        cut_loose(tx);
        unlink_running(tx);
    }
    kdm_tx_stream_fini(tx);
    if (tx->in_run)
        tx->dropped = true; /* the runner is still on the stack: it recycles */
    else
        recycle(tx);
}

/* --- running ------------------------------------------------------------------------------ */

static void begin_run(struct kdm_tx *tx)
{
    tx->write_count = 0;
    kdm_doc_map_clear(&tx->write_map);
    tx->catalogue_count = 0;
    tx->commit_at = 0;
    tx->commit_wanted = false;
    tx->result = KDM_STR_NONE;
    tx->file = KDM_STR_NONE;
    tx->stream = NULL;
    tx->header_count = 0;
    tx->status = 200;
    tx->target_index = tx->target_collection = KDM_STR_NONE;
    tx->on_replied = NULL;
    tx->job_state = KDM_STR_NONE;
    tx->job_result = KDM_STR_NONE;
    tx->job_finished = false;
}

static enum kdm_outcome run_once(struct kdm_tx *tx)
{
    begin_run(tx);
    return tx->start.fn(tx, tx->start.ctx);
}

#ifdef KDM_DEBUG_REPLAY
/* Runs the function a second time over the same memory: what it stages and replies must not differ, or it has
 * a side effect or reads something that is not the transaction's. */
static void check_pure(struct kdm_tx *tx, enum kdm_outcome outcome)
{
    bool wanted = tx->commit_wanted;
    uint64_t staged = kdm_tx_staged_digest(tx);
    struct kdm_str result = tx->result;

    if (tx->failure.err != KDM_OK || tx->waits > 0 || tx->wanted > 0)
        return;
    KDM_ASSERT(run_once(tx) == outcome);
    KDM_ASSERT(tx->commit_wanted == wanted);
    KDM_ASSERT(kdm_tx_staged_digest(tx) == staged);
    KDM_ASSERT(kdm_str_eq(tx->result, result));
}
#else
static void check_pure(struct kdm_tx *tx, enum kdm_outcome outcome)
{
    (void)tx;
    (void)outcome;
}
#endif

static void run(struct kdm_tx *tx)
{
    enum kdm_outcome outcome;
    unsigned runs = 0;

    tx->in_run = true;
    for (;;) {
        KDM_ASSERT(++runs < RUNS_WITHOUT_WAIT);
        outcome = run_once(tx);
        if (tx->ended)
            break; /* a client left while its action ran */
        if (tx->failure.err != KDM_OK || outcome == KDM_DONE) {
            if (outcome == KDM_DONE)
                check_pure(tx, outcome);
            end(tx);
            break;
        }
        if (tx->wanted > 0) {
            kdm_tx_memory_send(tx);
        } else if (tx->commit_wanted && tx->waits == 0) {
            check_pure(tx, outcome);
            kdm_tx_commit_send(tx);
        }
        if (tx->waits > 0)
            break;
    }
    tx->in_run = false;
    if (tx->dropped)
        recycle(tx);
}

void kdm_tx_settled(struct kdm_tx *tx)
{
    tx->waits--;
    if (tx->waits > 0 || tx->in_run || tx->ended)
        return;
    if (tx->failure.err != KDM_OK)
        end(tx);
    else
        run(tx);
}

void kdm_tx_start_over(struct kdm_tx *tx)
{
    kdm_tx_memory_drop(tx);
    kdm_tx_facts_drop(tx, true, true);
    kdm_tx_forget_kept(tx);
    tx->epoch = kdm_store_epoch(tx->engine->store);
}

struct kdm_tx *kdm_tx_run(struct kdm_tx_engine *engine, const struct kdm_tx_start *start)
{
    struct kdm_tx *tx = engine->free_txs;

    if (tx == NULL)
        tx = kdm_malloc(sizeof(*tx));
    else
        engine->free_txs = tx->next;
    memset(tx, 0, sizeof(*tx));
    tx->engine = engine;
    tx->start = *start;
    tx->arena = start->arena;
    tx->serial = ++engine->serial;
    tx->epoch = kdm_store_epoch(engine->store);
    tx->now = kdm_clock_ms(); /* not the origin's timestamp: that one is the client's to choose */
    tx->facts_end = &tx->facts;
    tx->status = 200;
    tx->next = engine->running;
    if (engine->running != NULL)
        engine->running->prev = tx;
    engine->running = tx;
    engine->counts.running++;
    if (start->parent != NULL) {
        tx->parent = start->parent;
        tx->sibling_next = start->parent->children;
        if (tx->sibling_next != NULL)
            tx->sibling_next->sibling_prev = tx;
        start->parent->children = tx;
    }
    run(tx);
    return tx;
}

/* --- engine ------------------------------------------------------------------------------- */

static struct tx_fact *awaited_job(struct kdm_tx *tx)
{
    struct tx_fact *fact = tx->facts;

    while (fact != NULL && !(fact->kind == FACT_JOB && !fact->done))
        fact = fact->next;
    return fact;
}

static bool pipe_runs(const struct kdm_tx *tx)
{
    const struct tx_fact *fact = tx->facts;

    while (fact != NULL && fact->run == NULL)
        fact = fact->next;
    return fact != NULL;
}

/* Ends it when it has outlived its deadline. What Redis was asked has the same deadline and tells its own end, a commit
 * soon after it: there a silent Redis is a 503, not a 504. */
static void check_deadline(struct kdm_tx *tx, int64_t now)
{
    struct tx_fact *job = awaited_job(tx);
    bool asks_redis = tx->ops != NULL && tx->queued == NULL && !pipe_runs(tx);

    if (job != NULL && now >= tx->start.deadline_ms - 10 * SWEEP_MS) {
        job->done = true; /* it goes on by itself: facts.number stays 0, "not yet" */
        kdm_tx_settled(tx);
        return;
    }
    if (now < tx->start.deadline_ms + (asks_redis ? ASKED_GRACE_MS : 0) || tx->committing || tx->in_run)
        return;
    if (kdm_store_ready(tx->engine->store)) {
        struct kdm_str ms = kdm_arena_printf(tx->arena, "%lld", (long long)(now - tx->start.deadline_ms));

        kdm_tx_fail(tx, KDM_ERR_API_PROCESS_DEADLINE, &ms, 1);
    } else {
        kdm_tx_fail(tx, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED, NULL, 0);
    }
    end(tx);
}

/* What ends may take others along or start new ones, so the next one is kept where unlink_running() sees it. */
static void sweep(uv_timer_t *timer)
{
    struct kdm_tx_engine *engine = timer->data;
    int64_t now = kdm_clock_monotonic_ms();

    kdm_bus_sweep(engine->bus, now); /* first: it knows which pipe was too slow */
    kdm_tx_let_go(engine);
    engine->sweep_next = engine->running;
    while (engine->sweep_next != NULL) {
        struct kdm_tx *tx = engine->sweep_next;

        engine->sweep_next = tx->next;
        check_deadline(tx, now);
    }
}

struct kdm_tx_engine *kdm_tx_engine_create(uv_loop_t *loop, struct kdm_store *store, struct kdm_bus *bus,
                                           void *context)
{
    struct kdm_tx_engine *engine = kdm_zalloc(sizeof(*engine));

    engine->loop = loop;
    engine->store = store;
    engine->bus = bus;
    engine->context = context;
    kdm_random_fill(kdm_store_random(store), &engine->seed, sizeof(engine->seed));
    engine->places = kdm_table_create(&engine->seed);
    engine->jobs = kdm_table_create(&engine->seed);
    uv_timer_init(loop, &engine->sweep);
    uv_timer_init(loop, &engine->resume);
    uv_idle_init(loop, &engine->waker);
    engine->sweep.data = engine->resume.data = engine->waker.data = engine;
    engine->open_handles = 3;
    engine->work_end = &engine->work_first;
    uv_timer_start(&engine->sweep, sweep, SWEEP_MS, SWEEP_MS);
    uv_unref((uv_handle_t *)&engine->sweep);
    return engine;
}

static void free_ops(struct tx_op *op)
{
    for (struct tx_op *next; op != NULL; op = next) {
        next = op->next;
        free(op);
    }
}

/* Only now: what was on its way for transactions that had ended may have been answered since. */
void kdm_tx_engine_close_one(struct kdm_tx_engine *engine)
{
    if (--engine->open_handles > 0)
        return;
    free_ops(engine->free_ops);
    free(engine);
}

static void on_handle_closed(uv_handle_t *handle)
{
    kdm_tx_engine_close_one(handle->data);
}

void kdm_tx_engine_destroy(struct kdm_tx_engine *engine)
{
    if (engine == NULL)
        return;
    kdm_tx_jobs_fini(engine);
    kdm_tx_work_fini(engine);
    KDM_ASSERT(engine->running == NULL);
    if (engine->projector != NULL)
        kdm_projector_on_room(engine->projector, NULL, NULL);
    kdm_tx_let_go(engine);
    while (engine->ready != NULL) {
        struct tx_op *op = engine->ready;

        engine->ready = op->next_ready;
        kdm_tx_op_end(op);
    }
    kdm_table_destroy(engine->places, NULL);
    kdm_tx_residents_fini(engine);
    for (struct kdm_tx *tx = engine->free_txs, *next; tx != NULL; tx = next) {
        next = tx->next;
        free(tx);
    }
    uv_close((uv_handle_t *)&engine->sweep, on_handle_closed);
    uv_close((uv_handle_t *)&engine->resume, on_handle_closed);
    uv_close((uv_handle_t *)&engine->waker, on_handle_closed);
}

void kdm_tx_engine_watch(struct kdm_tx_engine *engine, struct kdm_str index, kdm_tx_watch_fn *fn, void *ctx)
{
    engine->watched = index;
    engine->watch = fn;
    engine->watch_ctx = ctx;
}

void kdm_tx_counts(const struct kdm_tx_engine *engine, struct kdm_tx_counts *ret_counts)
{
    *ret_counts = engine->counts;
    ret_counts->working = engine->work_running;
}

struct kdm_tx *kdm_tx_of_call(struct kdm_tx_engine *engine, const struct kdm_event_call *call)
{
    uint64_t serial = (uint64_t)(uintptr_t)kdm_call_origin(call);

    for (struct kdm_tx *tx = engine->running; tx != NULL; tx = tx->next) {
        if (tx->serial == serial)
            return tx;
    }
    return NULL;
}

/* --- what actions see --------------------------------------------------------------------------- */

const struct kdm_tx_origin *kdm_tx_origin(const struct kdm_tx *tx)
{
    return &tx->start.origin;
}

struct kdm_arena *kdm_tx_arena(struct kdm_tx *tx)
{
    return tx->arena;
}

int64_t kdm_tx_now(const struct kdm_tx *tx)
{
    return tx->now;
}

void *kdm_tx_context(const struct kdm_tx *tx)
{
    return tx->engine->context;
}

/* Not drawn when it is asked for but derived from a secret of the transaction, so that a replay gets the same. */
struct kdm_str kdm_tx_id(struct kdm_tx *tx, struct kdm_str name)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *text = kdm_arena_alloc(tx->arena, KDM_DOC_ID_LEN);
    uint64_t halves[2];

    if (!tx->id_seeded) {
        kdm_random_fill(kdm_store_random(tx->engine->store), tx->id_seed, sizeof(tx->id_seed));
        tx->id_seeded = true;
    }
    halves[0] = kdm_hash(&(struct kdm_hash_seed){ tx->id_seed[0], tx->id_seed[1] }, name);
    halves[1] = kdm_hash(&(struct kdm_hash_seed){ tx->id_seed[1] ^ halves[0], tx->id_seed[0] }, name);
    for (int i = 0; i < KDM_DOC_ID_LEN; i++)
        text[i] = digits[(halves[i / 10] >> (6 * (i % 10))) & 63];
    text[0] = digits[(halves[0] & 63) % 62]; /* never '-' or '_' */
    return (struct kdm_str){ text, KDM_DOC_ID_LEN };
}

enum kdm_outcome kdm_tx_fail(struct kdm_tx *tx, enum kdm_err err, const struct kdm_str *props, size_t count)
{
    if (tx->failure.err == KDM_OK)
        kdm_failure_set(&tx->failure, tx->arena, err, props, count);
    return KDM_WAIT;
}

enum kdm_outcome kdm_tx_fail_with(struct kdm_tx *tx, const struct kdm_failure *failure)
{
    if (tx->failure.err == KDM_OK)
        tx->failure = *failure;
    return KDM_WAIT;
}

const struct kdm_failure *kdm_tx_failure(const struct kdm_tx *tx)
{
    return &tx->failure;
}

enum kdm_outcome kdm_tx_reply(struct kdm_tx *tx, struct kdm_str result)
{
    tx->result = result;
    return KDM_DONE;
}

enum kdm_outcome kdm_tx_reply_file(struct kdm_tx *tx, struct kdm_str text)
{
    tx->file = text;
    return kdm_tx_reply(tx, KDM_STR("null"));
}

void kdm_tx_set_header(struct kdm_tx *tx, struct kdm_str name, struct kdm_str value)
{
    unsigned i = 0;

    while (i < tx->header_count && !kdm_str_eq(tx->headers[i].name, name))
        i++;
    KDM_ASSERT(i < KDM_TX_HEADERS);
    tx->headers[i] = (struct kdm_tx_header){ .name = name, .value = value };
    tx->header_count += i == tx->header_count;
}

void kdm_tx_set_status(struct kdm_tx *tx, int status)
{
    tx->status = status;
}

void kdm_tx_set_target(struct kdm_tx *tx, struct kdm_str index, struct kdm_str collection)
{
    tx->target_index = index;
    tx->target_collection = collection;
}

void kdm_tx_log(struct kdm_tx *tx, struct kdm_str line)
{
    if (kdm_tx_fact_find(tx, FACT_LOGGED, line, KDM_STR("")) != NULL)
        return;
    kdm_tx_fact_add(tx, FACT_LOGGED, line, KDM_STR(""));
    kdm_log_info(KDM_FMT, KDM_ARG(line));
}

struct kdm_str kdm_tx_result(const struct kdm_tx *tx)
{
    return tx->result;
}

struct kdm_str kdm_tx_file(const struct kdm_tx *tx)
{
    return tx->file;
}

size_t kdm_tx_headers(const struct kdm_tx *tx, const struct kdm_tx_header **ret_headers)
{
    *ret_headers = tx->headers;
    return tx->header_count;
}

int kdm_tx_status(const struct kdm_tx *tx)
{
    return tx->status;
}

struct kdm_str kdm_tx_target_index(const struct kdm_tx *tx)
{
    return tx->target_index;
}

struct kdm_str kdm_tx_target_collection(const struct kdm_tx *tx)
{
    return tx->target_collection;
}

void *kdm_tx_kept(struct kdm_tx *tx, const char *name)
{
    for (unsigned i = 0; i < tx->kept_count; i++) {
        if (tx->kept[i].name == name)
            return tx->kept[i].value;
    }
    return NULL;
}

void kdm_tx_keep(struct kdm_tx *tx, const char *name, void *value)
{
    KDM_ASSERT(tx->kept_count < sizeof(tx->kept) / sizeof(tx->kept[0]));
    tx->kept[tx->kept_count].name = name;
    tx->kept[tx->kept_count++].value = value;
}

void kdm_tx_forget_kept(struct kdm_tx *tx)
{
    tx->kept_count = 0;
}
