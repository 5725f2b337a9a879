/* job.c - running jobs.
 * A record in kdm:jobs: {"owner","step","lease","kind","args","state"}. Every commit of a chunk raises the step, and checks
 * that the record still has the owner and the step that the chunk began with (its "head"): so of two nodes that run one job
 * by mistake only one gets on, and a state never goes back. The owner renews the lease every few seconds, also while a chunk
 * runs; a record whose lease is over, or whose owner is known to be dead, is claimed by who finds it, with a commit of its
 * own.
 */
#include "tx/tx_private.h"

#include <inttypes.h>
#include <stdlib.h>

#define LEASE_MS         10000
#define RESUME_EVERY_MS  3000 /* looks for records without an owner, and renews leases */
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
    struct kdm_str head;            /* owned; what the record begins with now */
    uint64_t step;                  /* of it */
    struct kdm_arena arena;         /* of the running chunk */
    struct kdm_tx *tx;
    uv_timer_t timer; /* the pause before a failed chunk is tried again */
    int failures; /* in a row */
    bool stopped, giving_up;
    bool claimed;    /* the record is ours */
    bool has_result; /* done: `state` is what it ended with */
};

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

static struct kdm_str head_of(struct kdm_arena *arena, struct kdm_str owner, uint64_t step)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, owner.len + 64);
    kdm_buf_lit(&buf, "{\"owner\":");
    kdm_json_put_str(&buf, owner);
    kdm_buf_printf(&buf, ",\"step\":%" PRIu64 ",", step);
    return kdm_buf_str(&buf);
}

struct content {
    struct kdm_str kind, args, state; /* state: JSON text */
};

/* Of a job that is ours. */
static struct kdm_str record(struct kdm_arena *arena, struct kdm_str head, int64_t now_ms, const struct content *content)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, head.len + content->args.len + content->state.len + 96);
    kdm_buf_put(&buf, head);
    kdm_buf_lit(&buf, "\"lease\":");
    kdm_buf_int(&buf, now_ms + LEASE_MS);
    kdm_buf_lit(&buf, ",\"kind\":");
    kdm_json_put_str(&buf, content->kind);
    kdm_buf_lit(&buf, ",\"args\":");
    kdm_buf_put(&buf, content->args);
    kdm_buf_lit(&buf, ",\"state\":");
    kdm_buf_put(&buf, content->state);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_tx_job(struct kdm_tx *tx, const char *kind, struct kdm_str args_json)
{
    struct content content = { .kind = kdm_str_of(kind), .args = args_json, .state = KDM_STR("null") };
    struct kdm_str id = kdm_tx_id(tx, content.kind);
    struct kdm_str head = head_of(tx->arena, kdm_store_node(tx->engine->store), 0);

    KDM_ASSERT(find_kind(tx->engine, content.kind) != NULL);
    kdm_tx_catalogue_write(tx, &(struct tx_catalogue_write){
                                   .kind = JOB, .name = id, .text = record(tx->arena, head, kdm_tx_now(tx), &content) });
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
    free((char *)job->head.ptr);
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

/* `done`: else another node goes on with it, or nobody does. */
static void finish(struct tx_job *job, bool done)
{
    struct kdm_tx_engine *engine = job->engine;

    kdm_table_remove(engine->jobs, job->id);
    tell(engine, job->id, done && !job->giving_up, job->has_result ? job->state : KDM_STR_NONE);
    job_free(job);
}

static void replace(struct kdm_str *text, struct kdm_str with)
{
    struct kdm_str copy = kdm_heap_copy(with);

    free((char *)text->ptr);
    *text = copy;
}

/* The next step is done, and its record is ours. */
static void step_on(struct tx_job *job)
{
    struct kdm_arena arena;

    kdm_arena_init(&arena, 256);
    replace(&job->head, head_of(&arena, kdm_store_node(job->engine->store), ++job->step));
    kdm_arena_fini(&arena);
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
    bool failed = failure->err != KDM_OK, taken = tx->job_taken;
    bool over = taken || tx->job_gone || (tx->job_finished && !failed);
    uint64_t pause = 0;

    if (failed && !over) {
        pause = retry_after(job, failure);
    } else if (over && !failed && !kdm_str_none(tx->job_result)) {
        replace(&job->state, tx->job_result);
        job->has_result = true;
    } else if (!over) {
        job->failures = 0;
        if (!kdm_str_none(tx->job_state)) {
            replace(&job->state, tx->job_state);
            step_on(job);
        }
    }
    job->tx = NULL;
    kdm_tx_release(tx);
    if (job->stopped)
        return;
    if (over)
        finish(job, !taken);
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
    tx->job_head = job->head;
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

/* What a record says, lent to its text's scan. */
struct found {
    struct kdm_str id, head;
    struct content content;
    uint64_t step;
};

/* NULL: of no kind that this node knows, or it runs here already. */
static struct tx_job *job_create(struct kdm_tx_engine *engine, const struct found *found)
{
    struct job_kind *entry = find_kind(engine, found->content.kind);
    struct tx_job *job;

    if (entry == NULL || kdm_table_get(engine->jobs, found->id) != NULL)
        return NULL;
    job = kdm_zalloc(sizeof(*job));
    job->engine = engine;
    job->kind = entry;
    job->id = kdm_heap_copy(found->id);
    job->args = kdm_heap_copy(found->content.args);
    job->state = kdm_heap_copy(found->content.state);
    job->head = kdm_heap_copy(found->head);
    job->step = found->step;
    kdm_arena_init(&job->arena, 16384);
    kdm_table_put(engine->jobs, job->id, job);
    uv_timer_init(engine->loop, &job->timer);
    job->timer.data = job;
    return job;
}

static struct found read_record(struct kdm_arena *arena, struct kdm_str id, struct kdm_val json)
{
    struct found found = { .id = id,
                           .content = { .kind = kdm_val_str(arena, kdm_val_get(json, KDM_STR("kind"))),
                                        .args = kdm_val_text(kdm_val_get(json, KDM_STR("args"))),
                                        .state = kdm_val_text(kdm_val_get(json, KDM_STR("state"))) } };
    int64_t step = 0;

    (void)kdm_val_int64(kdm_val_get(json, KDM_STR("step")), &step);
    found.step = (uint64_t)step;
    found.head = head_of(arena, kdm_val_str(arena, kdm_val_get(json, KDM_STR("owner"))), found.step);
    return found;
}

/* --- a chunk's own calls ------------------------------------------------------------------------ */

static void stage_record(struct kdm_tx *tx, struct kdm_str text)
{
    kdm_tx_catalogue_write(tx, &(struct tx_catalogue_write){ .kind = JOB, .name = tx->job_id, .text = text });
}

void kdm_tx_job_state(struct kdm_tx *tx, struct kdm_str state_json)
{
    struct tx_job *job = kdm_table_get(tx->engine->jobs, tx->job_id);
    struct kdm_str head;

    KDM_ASSERT(job != NULL);
    head = head_of(tx->arena, kdm_store_node(tx->engine->store), job->step + 1);
    tx->job_state = state_json;
    stage_record(tx, record(tx->arena, head, kdm_tx_now(tx),
                            &(struct content){ kdm_str_of(job->kind->kind), job->args, state_json }));
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

bool kdm_tx_complete_job(struct kdm_tx *tx, struct kdm_str job_id, struct kdm_str *ret_result)
{
    struct kdm_str result;
    bool done;

    if (!kdm_tx_await_job(tx, job_id, &done))
        return false;
    result = kdm_tx_fact_find(tx, FACT_JOB, job_id, KDM_STR(""))->answer;
    if (!done || (ret_result != NULL && kdm_str_none(result))) {
        kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_JOB_GOES_ON, KDM_PROPS(job_id));
        return false;
    }
    if (ret_result != NULL)
        *ret_result = result;
    return true;
}

/* Not inside the transaction that made it. */
static void begin(struct tx_job *job)
{
    job->claimed = true;
    uv_timer_start(&job->timer, on_pause_over, 0, 0);
}

void kdm_tx_jobs_start(struct kdm_tx *tx)
{
    for (uint32_t i = 0; i < tx->catalogue_count; i++) {
        const struct tx_catalogue_write *write = &tx->catalogue_writes[i];
        struct found found;
        struct tx_job *job;

        if (write->kind != JOB || kdm_str_eq(write->name, tx->job_id))
            continue;
        found = read_record(tx->arena, write->name, kdm_json_parse(tx->arena, write->text));
        job = job_create(tx->engine, &found);
        if (job != NULL)
            begin(job);
    }
}

/* --- leases and taking over ---------------------------------------------------------------------- */

/* Stores the record with a new lease under `head`, if it still is as we know it. */
static void send_record(struct tx_job *job, struct kdm_str head, kdm_commit_fn *fn)
{
    struct kdm_store *store = job->engine->store;
    struct kdm_commit *commit = kdm_commit_create(store, KDM_COMMIT_ALL);
    struct content content = { kdm_str_of(job->kind->kind), job->args, job->state };
    struct kdm_arena arena;

    kdm_arena_init(&arena, 1024);
    kdm_commit_job(commit, KDM_STR("%kdm"), job->id, job->head, record(&arena, head, kdm_clock_ms(), &content));
    kdm_arena_fini(&arena);
    kdm_commit_send(commit, kdm_clock_monotonic_ms() + RESUME_EVERY_MS, fn, job);
}

static void on_claimed(void *ctx, const struct kdm_commit_result *result)
{
    struct tx_job *job = ctx;

    if (result->outcome != KDM_COMMITTED) {
        finish(job, false); /* another one has it, or we find it again */
        return;
    }
    kdm_log_info("job %s " KDM_FMT " has no living owner: resumed here", job->kind->kind, KDM_ARG(job->id));
    step_on(job);
    job->claimed = true;
    run_chunk(job);
}

static void claim(struct tx_job *job)
{
    struct kdm_arena arena;

    kdm_arena_init(&arena, 256);
    send_record(job, head_of(&arena, kdm_store_node(job->engine->store), job->step + 1), on_claimed);
    kdm_arena_fini(&arena);
}

/* Whether it worked does not matter: when it did not, the chunk's own commit tells. */
static void renew_leases(struct kdm_tx_engine *engine)
{
    struct kdm_str key;
    void *value;

    for (size_t cursor = 0; kdm_table_next(engine->jobs, &cursor, &key, &value);) {
        struct tx_job *job = value;

        if (job->claimed)
            send_record(job, job->head, NULL);
    }
}

/* Has the record an owner that lives? On a Redis of our own nobody else works. */
static bool is_owned(const struct kdm_tx_engine *engine, struct kdm_val json)
{
    bool ours = kdm_val_str_eq(kdm_val_get(json, KDM_STR("owner")), kdm_store_node(engine->store));
    int64_t lease;

    return (ours || !engine->alone) && kdm_val_int64(kdm_val_get(json, KDM_STR("lease")), &lease)
           && lease > kdm_clock_ms();
}

static void on_records(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct kdm_tx_engine *engine = ctx;
    struct kdm_arena arena;
    struct kdm_json doc;

    if (err != KDM_OK)
        return;
    kdm_arena_init(&arena, 4096);
    for (size_t i = 0; i + 1 < count; i += 2) {
        struct found found;
        struct tx_job *job;

        kdm_arena_reset(&arena);
        if (!kdm_json_scan(&arena, values[i + 1], &doc, NULL) || is_owned(engine, kdm_json_root(&doc)))
            continue;
        found = read_record(&arena, values[i], kdm_json_root(&doc));
        job = job_create(engine, &found);
        if (job != NULL)
            claim(job);
    }
    kdm_arena_fini(&arena);
}

static void look(uv_timer_t *timer)
{
    struct kdm_tx_engine *engine = timer->data;

    if (!kdm_store_ready(engine->store))
        return;
    renew_leases(engine);
    kdm_store_jobs(engine->store, kdm_clock_monotonic_ms() + RESUME_EVERY_MS, on_records, engine);
}

void kdm_jobs_resume(struct kdm_tx_engine *engine, bool alone)
{
    engine->alone = alone;
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
        kdm_commit_forget(engine->store, job);
        kdm_tx_release(job->tx);
        job_free(job);
    }
    kdm_table_destroy(engine->jobs, NULL);
    for (struct job_kind *kind = engine->job_kinds, *next; kind != NULL; kind = next) {
        next = kind->next;
        free(kind);
    }
}
