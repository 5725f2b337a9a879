/* work.c - what takes too long for the loop, on the thread pool.
 * At most so many run at once as leave the machine some room for the loop, the others stand in
 * line, and when the line is long nobody joins it any more. An answer is remembered with the input
 * it was computed from, like a pipe's: a run with another input asks again.
 */
#include "tx/tx_private.h"

#include <stdlib.h>

#define RUNNING_MAX 2
#define WAITING_MAX 64

struct tx_work {
    struct kdm_tx_engine *engine;
    struct tx_work *next; /* in line */
    uv_work_t request;
    struct tx_op *op;
    kdm_tx_work_fn *fn;
    struct kdm_str input; /* owned; may hold a password */
    struct kdm_buf answer;
};

static void free_work(struct tx_work *work)
{
    explicit_bzero((char *)work->input.ptr, work->input.len);
    free((char *)work->input.ptr);
    if (work->answer.len > 0)
        explicit_bzero(work->answer.ptr, work->answer.len);
    kdm_buf_fini(&work->answer);
    free(work);
}

/* On a thread of the pool: sees nothing but the work. */
static void do_work(uv_work_t *request)
{
    struct tx_work *work = request->data;

    work->fn(work->input, &work->answer);
}

static void start_next(struct kdm_tx_engine *engine);

static void on_worked(uv_work_t *request, int status)
{
    struct tx_work *work = request->data;
    struct kdm_tx_engine *engine = work->engine;
    struct tx_fact *fact = work->op->target;
    struct kdm_tx *tx = kdm_tx_op_end(work->op);

    engine->work_running--;
    if (tx != NULL) {
        if (status != 0)
            kdm_tx_fail(tx, KDM_ERR_API_PROCESS_SHUTTING_DOWN, NULL, 0);
        fact->done = true;
        fact->answer = kdm_arena_copy(tx->arena, kdm_buf_str(&work->answer));
    }
    free_work(work);
    start_next(engine);
    if (tx != NULL)
        kdm_tx_settled(tx);
    kdm_tx_engine_close_one(engine);
}

static struct tx_work *take_first(struct kdm_tx_engine *engine)
{
    struct tx_work *work = engine->work_first;

    engine->work_first = work->next;
    if (engine->work_first == NULL)
        engine->work_end = &engine->work_first;
    engine->work_waiting--;
    return work;
}

/* Nobody waits for it any more. */
static void drop(struct tx_work *work)
{
    kdm_tx_op_end(work->op);
    free_work(work);
}

static void start_next(struct kdm_tx_engine *engine)
{
    while (engine->work_running < RUNNING_MAX && engine->work_first != NULL) {
        struct tx_work *work = take_first(engine);

        if (work->op->tx == NULL) {
            drop(work);
            continue;
        }
        engine->work_running++;
        engine->open_handles++; /* the engine lives until it is back */
        work->request.data = work;
        uv_queue_work(engine->loop, &work->request, do_work, on_worked);
    }
}

void kdm_tx_work_fini(struct kdm_tx_engine *engine)
{
    while (engine->work_first != NULL)
        drop(take_first(engine));
}

static void queue(struct kdm_tx *tx, struct tx_fact *fact, kdm_tx_work_fn *fn, struct kdm_str input)
{
    struct kdm_tx_engine *engine = tx->engine;
    struct tx_work *work = kdm_zalloc(sizeof(*work));

    work->engine = engine;
    work->fn = fn;
    work->input = kdm_heap_copy(input);
    kdm_buf_init(&work->answer, NULL, 256);
    work->op = kdm_tx_op_begin(tx, fact);
    *engine->work_end = work;
    engine->work_end = &work->next;
    engine->work_waiting++;
    start_next(engine);
}

bool kdm_tx_work(struct kdm_tx *tx, struct kdm_str name, kdm_tx_work_fn *fn, struct kdm_str input,
                 struct kdm_str *ret_answer)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_WORK, name, KDM_STR(""));

    if (fact == NULL)
        fact = kdm_tx_fact_add(tx, FACT_WORK, name, KDM_STR(""));
    else if (fact->done && kdm_str_eq(fact->text, input)) {
        *ret_answer = fact->answer;
        return true;
    } else if (!fact->done) {
        return false;
    }
    if (tx->engine->work_waiting >= WAITING_MAX) {
        kdm_tx_fail(tx, KDM_ERR_API_PROCESS_OVERLOADED, NULL, 0);
        return false;
    }
    fact->done = false;
    fact->text = kdm_arena_copy(tx->arena, input);
    queue(tx, fact, fn, input);
    return false;
}
