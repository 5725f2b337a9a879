/* job.c - running jobs.
 * A record in kdm:jobs: {"kind","args","state","lease"}. The owner renews the lease with every chunk it
 * commits; a record whose lease is over belongs to whoever finds it. Two nodes that run one job by mistake do
 * no harm: chunks are idempotent and each is one commit.
 */
#include "tx/tx_private.h"

#include <inttypes.h>
#include <stdlib.h>

#define LEASE_MS         10000
#define RESUME_EVERY_MS  5000
#define CHUNK_TIMEOUT_MS 30000
#define RETRY_MS         500 /* doubled at each failure in a row */
#define RETRY_MAX_MS     8000
#define TRIES            5 /* of a chunk that is refused; one that Redis or time fails is tried for ever */

struct job_kind {
    struct job_kind *next;
    const char *kind;
    kdm_job_fn *fn;
};

struct tx_job {
    struct kdm_tx_engine *engine;
    struct job_kind *kind;
    struct kdm_str id, args, state; /* owned; JSON texts */
    struct kdm_arena arena;         /* of the running chunk */
    struct kdm_tx *tx;
    uv_timer_t timer; /* the pause before a failed chunk is tried again */
    int failures; /* in a row */
    bool stopped, giving_up;
    bool has_result; /* done: `state` is what it ended with */
};

static struct kdm_str dup_str(struct kdm_str s)
{
    char *text = kdm_malloc(s.len + 1);

    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    return (struct kdm_str){ text, s.len };
}

/* --- kinds ---------------------------------------------------------------------------------- */

void kdm_job_register(struct kdm_tx_engine *engine, const char *kind, kdm_job_fn *fn)
{
    struct job_kind *entry = kdm_malloc(sizeof(*entry));

    *entry = (struct job_kind){ .next = engine->job_kinds, .kind = kind, .fn = fn };
    engine->job_kinds = entry;
}

static struct job_kind *find_kind(struct kdm_tx_engine *engine, struct kdm_str kind)
{
    struct job_kind *entry = engine->job_kinds;

    while (entry != NULL && !kdm_str_eq(kdm_str_of(entry->kind), kind))
        entry = entry->next;
    return entry;
}

/* --- records ---------------------------------------------------------------------------------- */

static struct kdm_str record(struct kdm_tx *tx, struct kdm_str kind, struct kdm_str args, struct kdm_str state)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, tx->arena, args.len + state.len + 96);
    kdm_buf_lit(&buf, "{\"kind\":");
    kdm_json_put_str(&buf, kind);
    kdm_buf_lit(&buf, ",\"args\":");
    kdm_buf_put(&buf, args);
    kdm_buf_lit(&buf, ",\"state\":");
    kdm_buf_put(&buf, state);
    kdm_buf_lit(&buf, ",\"lease\":");
    kdm_buf_int(&buf, kdm_tx_now(tx) + LEASE_MS);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_tx_job(struct kdm_tx *tx, const char *kind, struct kdm_str args_json)
{
    struct kdm_str name = kdm_str_of(kind);
    struct kdm_str id = kdm_tx_id(tx, name);

    KDM_ASSERT(find_kind(tx->engine, name) != NULL);
    kdm_tx_catalogue_write(tx, &(struct tx_catalogue_write){ .kind = JOB,
                                                             .name = id,
                                                             .text = record(tx, name, args_json,
                                                                            KDM_STR("null")) });
    return id;
}

/* --- running ---------------------------------------------------------------------------------- */

static void run_chunk(struct tx_job *job);

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void job_free(struct tx_job *job)
{
    free((char *)job->id.ptr);
    free((char *)job->args.ptr);
    free((char *)job->state.ptr);
    kdm_arena_fini(&job->arena);
    uv_close((uv_handle_t *)&job->timer, on_closed);
}

/* Those who wait for it go on. */
static void tell(struct kdm_tx_engine *engine, struct kdm_str id, bool done, struct kdm_str result)
{
    bool found = true;

    while (found) {
        found = false;
        for (struct kdm_tx *tx = engine->running; tx != NULL && !found; tx = tx->next) {
            struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_JOB, id, KDM_STR(""));

            if (fact == NULL || fact->done)
                continue;
            fact->done = found = true;
            fact->number = done;
            fact->answer = kdm_arena_copy(tx->arena, result);
            kdm_tx_settled(tx); /* changes the list */
        }
    }
}

static void finish(struct tx_job *job)
{
    struct kdm_tx_engine *engine = job->engine;

    kdm_table_remove(engine->jobs, job->id);
    tell(engine, job->id, !job->giving_up, job->has_result ? job->state : KDM_STR_NONE);
    job_free(job);
}

static void on_pause_over(uv_timer_t *timer)
{
    run_chunk(timer->data);
}

/* How long to wait before the chunk is tried again. What is refused time and again - its collection may be gone - will
 * be refused for ever: then its record is removed, and what it has done stays. */
static uint64_t retry_after(struct tx_job *job, const struct kdm_failure *failure)
{
    uint64_t pause = RETRY_MS;

    job->failures++;
    kdm_log_warn("job %s " KDM_FMT ": " KDM_FMT, job->kind->kind, KDM_ARG(job->id), KDM_ARG(failure->message));
    if (job->failures >= TRIES && failure->status < 500 && !job->giving_up) {
        kdm_log_error("job %s " KDM_FMT " is given up", job->kind->kind, KDM_ARG(job->id));
        job->giving_up = true;
    }
    for (int i = 1; i < job->failures && pause < RETRY_MAX_MS; i++)
        pause *= 2;
    return pause;
}

static void on_chunk(struct kdm_tx *tx, void *ctx)
{
    struct tx_job *job = ctx;
    const struct kdm_failure *failure = kdm_tx_failure(tx);
    bool failed = failure->err != KDM_OK, over = tx->job_gone || (tx->job_finished && !failed);
    uint64_t pause = 0;

    if (failed && !over) {
        pause = retry_after(job, failure);
    } else if (over && !failed && !kdm_str_none(tx->job_result)) {
        free((char *)job->state.ptr);
        job->state = dup_str(tx->job_result);
        job->has_result = true;
    } else if (!over) {
        job->failures = 0;
        if (!kdm_str_none(tx->job_state)) {
            free((char *)job->state.ptr);
            job->state = dup_str(tx->job_state);
        }
    }
    job->tx = NULL;
    kdm_tx_release(tx);
    if (job->stopped)
        return;
    if (over)
        finish(job);
    else
        uv_timer_start(&job->timer, on_pause_over, pause, 0);
}

/* The last transaction of a job that is given up. */
static enum kdm_outcome remove_record(struct kdm_tx *tx)
{
    kdm_tx_job_finish(tx);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR_NONE);
}

static enum kdm_outcome chunk(struct kdm_tx *tx, void *ctx)
{
    struct tx_job *job = ctx;

    job->tx = tx;
    tx->job_id = job->id;
    if (job->giving_up)
        return remove_record(tx);
    return job->kind->fn(tx, kdm_json_parse(tx->arena, job->args), kdm_json_parse(tx->arena, job->state));
}

static void run_chunk(struct tx_job *job)
{
    struct kdm_tx_start start = { .arena = &job->arena,
                                  .deadline_ms = kdm_clock_monotonic_ms() + CHUNK_TIMEOUT_MS,
                                  .fn = chunk,
                                  .done = on_chunk,
                                  .ctx = job };

    kdm_arena_reset(&job->arena);
    start.origin.controller = KDM_STR("job");
    start.origin.action = kdm_str_of(job->kind->kind);
    start.origin.protocol = "funnel";
    start.origin.timestamp = kdm_clock_ms();
    kdm_tx_run(job->engine, &start);
}

static void start_job(struct kdm_tx_engine *engine, struct kdm_str id, struct kdm_str kind, struct kdm_str args,
                      struct kdm_str state)
{
    struct job_kind *entry = find_kind(engine, kind);
    struct tx_job *job;

    if (entry == NULL || kdm_table_get(engine->jobs, id) != NULL)
        return;
    job = kdm_zalloc(sizeof(*job));
    job->engine = engine;
    job->kind = entry;
    job->id = dup_str(id);
    job->args = dup_str(args);
    job->state = dup_str(state);
    kdm_arena_init(&job->arena, 16384);
    kdm_table_put(engine->jobs, job->id, job);
    uv_timer_init(engine->loop, &job->timer);
    job->timer.data = job;
    uv_timer_start(&job->timer, on_pause_over, 0, 0); /* not inside the transaction that made it */
}

/* --- a chunk's own calls ------------------------------------------------------------------------ */

static void stage_record(struct kdm_tx *tx, struct kdm_str text)
{
    kdm_tx_catalogue_write(tx, &(struct tx_catalogue_write){ .kind = JOB, .name = tx->job_id, .text = text });
}

void kdm_tx_job_state(struct kdm_tx *tx, struct kdm_str state_json)
{
    struct tx_job *job = kdm_table_get(tx->engine->jobs, tx->job_id);

    KDM_ASSERT(job != NULL);
    tx->job_state = state_json;
    stage_record(tx, record(tx, kdm_str_of(job->kind->kind), job->args, state_json));
}

void kdm_tx_job_finish(struct kdm_tx *tx)
{
    tx->job_finished = true;
    stage_record(tx, KDM_STR(""));
}

void kdm_tx_job_finish_with(struct kdm_tx *tx, struct kdm_str result)
{
    kdm_tx_job_finish(tx);
    tx->job_result = result;
}

/* --- those who wait ------------------------------------------------------------------------------ */

bool kdm_tx_await_job(struct kdm_tx *tx, struct kdm_str job_id, bool *ret_done)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_JOB, job_id, KDM_STR(""));

    if (fact == NULL) {
        fact = kdm_tx_fact_add(tx, FACT_JOB, job_id, KDM_STR(""));
        fact->done = kdm_table_get(tx->engine->jobs, job_id) == NULL;
        fact->number = fact->done;
        if (!fact->done)
            tx->waits++;
    }
    if (fact->done)
        *ret_done = fact->number != 0;
    return fact->done;
}

struct kdm_str kdm_tx_job_result(struct kdm_tx *tx, struct kdm_str job_id)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_JOB, job_id, KDM_STR(""));

    return fact == NULL ? KDM_STR_NONE : fact->answer;
}

void kdm_tx_jobs_start(struct kdm_tx *tx)
{
    for (uint32_t i = 0; i < tx->catalogue_count; i++) {
        const struct tx_catalogue_write *write = &tx->catalogue_writes[i];
        struct kdm_val json;

        if (write->kind != JOB || kdm_str_eq(write->name, tx->job_id))
            continue;
        json = kdm_json_parse(tx->arena, write->text);
        start_job(tx->engine, write->name,
                  kdm_val_str(tx->arena, kdm_val_get(json, KDM_STR("kind"))),
                  kdm_val_text(kdm_val_get(json, KDM_STR("args"))), KDM_STR("null"));
    }
}

/* --- taking over ----------------------------------------------------------------------------------- */

static void on_records(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct kdm_tx_engine *engine = ctx;
    struct kdm_arena arena;
    struct kdm_json doc;
    int64_t lease;

    if (err != KDM_OK)
        return;
    kdm_arena_init(&arena, 4096);
    for (size_t i = 0; i + 1 < count; i += 2) {
        struct kdm_val json;

        kdm_arena_reset(&arena);
        if (!kdm_json_scan(&arena, values[i + 1], &doc, NULL))
            continue;
        json = kdm_json_root(&doc);
        if (kdm_val_int64(kdm_val_get(json, KDM_STR("lease")), &lease) && lease > kdm_clock_ms())
            continue;
        kdm_log_info("job " KDM_FMT " has no living owner: resumed here", KDM_ARG(values[i]));
        start_job(engine, values[i], kdm_val_str(&arena, kdm_val_get(json, KDM_STR("kind"))),
                  kdm_val_text(kdm_val_get(json, KDM_STR("args"))),
                  kdm_val_text(kdm_val_get(json, KDM_STR("state"))));
    }
    kdm_arena_fini(&arena);
}

static void look(uv_timer_t *timer)
{
    struct kdm_tx_engine *engine = timer->data;

    if (kdm_store_ready(engine->store))
        kdm_store_jobs(engine->store, kdm_clock_monotonic_ms() + RESUME_EVERY_MS, on_records, engine);
}

void kdm_jobs_resume(struct kdm_tx_engine *engine)
{
    uv_timer_start(&engine->resume, look, 0, RESUME_EVERY_MS);
    uv_unref((uv_handle_t *)&engine->resume);
}

size_t kdm_jobs_running(const struct kdm_tx_engine *engine)
{
    return kdm_table_count(engine->jobs);
}

void kdm_tx_jobs_fini(struct kdm_tx_engine *engine)
{
    struct kdm_str key;
    void *value;

    for (size_t cursor = 0; kdm_table_next(engine->jobs, &cursor, &key, &value);) {
        struct tx_job *job = value;

        job->stopped = true; /* its record stays: another node, or the next start, goes on with it */
        kdm_tx_release(job->tx);
        job_free(job);
    }
    kdm_table_destroy(engine->jobs, NULL);
    for (struct job_kind *kind = engine->job_kinds, *next; kind != NULL; kind = next) {
        next = kind->next;
        free(kind);
    }
}
