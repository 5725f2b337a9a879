/* run.c - a triggered event on its way through its pipes.
 * One loop drives a run: a handler that ends its call at once only lets the loop go on, so that a
 * thousand such handlers take no more stack than one. A handler that does not leaves the run
 * waiting, and whoever ends the call later enters the loop again.
 */
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "event/internal.h"
#include <inttypes.h>
#include <stdlib.h>

struct kdm_event_run {
    struct kdm_bus *bus;
    LIST_ENTRY(kdm_event_run) link; /* in bus->waiting (or among the expired) while not driven */
    struct call_start start;        /* its texts are owned here */
    size_t next;                    /* the pipe that comes next */
    struct kdm_event_call *call;    /* the handler at work; NULL: none */
    bool driven;                    /* drive() is on the stack and will see what changed */
    bool cancelled, failed;
    int status; /* this and the next two: of the failure */
    struct kdm_event_text *fail_id, *fail_message;
    int64_t started_ms, deadline_ms;
    kdm_event_done_fn *done;
    void *ctx;
};

static void free_run(struct kdm_event_run *run)
{
    kdm_event_text_release(run->start.payload);
    kdm_event_text_release(run->start.id);
    kdm_event_text_release(run->fail_id);
    kdm_event_text_release(run->fail_message);
    free(run);
}

/* Tells how it ended, unless nobody wants to know any more; frees the run. */
static void finish(struct kdm_event_run *run)
{
    struct kdm_event_result result = { .failed = run->failed,
                                       .payload = kdm_event_text_str(run->start.payload),
                                       .status = run->status,
                                       .id = kdm_event_text_str(run->fail_id),
                                       .message = kdm_event_text_str(run->fail_message) };

    if (!run->cancelled)
        run->done(run->ctx, &result);
    free_run(run);
}

static void call_next_pipe(struct kdm_event_run *run)
{
    const struct listener *pipe = run->start.event->listeners[PIPE].items[run->next++];

    run->call = kdm_call_create(run->bus, CALL_PIPE, &run->start, pipe, run);
    pipe->fn(pipe->self, run->call);
}

static bool over(const struct kdm_event_run *run)
{
    return run->failed || run->cancelled;
}

/* Goes on until a handler waits (false) or the run is over and gone (true). */
static bool drive(struct kdm_event_run *run)
{
    run->driven = true;
    while (!over(run) && run->next < run->start.event->listeners[PIPE].count) {
        call_next_pipe(run);
        if (run->call != NULL) {
            run->driven = false;
            LIST_INSERT_HEAD(&run->bus->waiting, run, link);
            return false;
        }
    }
    if (!over(run))
        kdm_call_hooks(run->bus, &run->start);
    finish(run);
    return true;
}

/* The call of a pipe has ended. */
static void resume(struct kdm_event_run *run)
{
    run->call = NULL;
    if (run->driven)
        return;
    LIST_REMOVE(run, link);
    drive(run);
}

void kdm_run_next(struct kdm_event_run *run, struct kdm_event_text *payload)
{
    if (payload != NULL) {
        kdm_event_text_release(run->start.payload);
        run->start.payload = payload;
    }
    resume(run);
}

static void set_failure(struct kdm_event_run *run, int status, struct kdm_event_text *id,
                        struct kdm_event_text *message)
{
    run->failed = true;
    run->status = status;
    run->fail_id = id;
    run->fail_message = message;
}

void kdm_run_fail(struct kdm_event_run *run, int status, struct kdm_event_text *id,
                  struct kdm_event_text *message)
{
    set_failure(run, status, id, message);
    resume(run);
}

struct kdm_event_run *kdm_bus_pipe(struct kdm_bus *bus, struct kdm_event *event,
                                   struct kdm_str payload, struct kdm_str event_id, int attempt,
                                   void *origin, int64_t deadline_ms, kdm_event_done_fn *done,
                                   void *ctx)
{
    struct kdm_event_run *run;

    if (!kdm_event_has_pipes(event) && !kdm_event_has_hooks(event)) {
        done(ctx, &(struct kdm_event_result){ .payload = payload });
        return NULL;
    }
    run = kdm_zalloc(sizeof(*run));
    run->bus = bus;
    run->start = (struct call_start){ .event = event,
                                      .payload = kdm_event_text_create(payload),
                                      .id = kdm_event_text_create(event_id),
                                      .attempt = attempt,
                                      .origin = origin };
    run->started_ms = kdm_clock_monotonic_ms();
    run->deadline_ms = deadline_ms;
    run->done = done;
    run->ctx = ctx;
    return drive(run) ? NULL : run;
}

void kdm_bus_hook(struct kdm_bus *bus, struct kdm_event *event, struct kdm_str payload,
                  struct kdm_str event_id, void *origin)
{
    struct call_start start = { .event = event, .attempt = 1, .origin = origin };

    if (!kdm_event_has_hooks(event))
        return;
    start.payload = kdm_event_text_create(payload);
    start.id = kdm_event_text_create(event_id);
    kdm_call_hooks(bus, &start);
    kdm_event_text_release(start.payload);
    kdm_event_text_release(start.id);
}

void kdm_bus_cancel(struct kdm_event_run *run)
{
    run->cancelled = true;
    run->start.origin = NULL;
    if (run->call != NULL)
        kdm_call_abandon(run->call);
    run->call = NULL;
    if (run->driven)
        return; /* drive() frees it */
    LIST_REMOVE(run, link);
    free_run(run);
}

/* Ends a waiting run, which is in no list any more, with the failure of its deadline. */
static void time_out(struct kdm_event_run *run)
{
    const char *owner = kdm_call_owner(run->call);
    struct kdm_str event = kdm_event_name(run->start.event);
    struct kdm_failure failure;
    struct kdm_arena arena;

    kdm_arena_init(&arena, 1024);
    kdm_failure_set(
        &failure, &arena, KDM_ERR_PLUGIN_RUNTIME_PIPE_TIMEOUT,
        KDM_PROPS(kdm_str_of(owner), event,
                  kdm_arena_printf(&arena, "%" PRId64, run->deadline_ms - run->started_ms)));
    kdm_log_warn("event: " KDM_FMT, KDM_ARG(failure.message));
    set_failure(run, failure.status,
                kdm_event_text_create(kdm_str_of(kdm_err_row(failure.err)->id)),
                kdm_event_text_create(failure.message));
    kdm_arena_fini(&arena);
    kdm_call_abandon(run->call);
    run->call = NULL;
    finish(run);
}

/* Those that are due are put aside first: what done does may start and cancel others. */
void kdm_bus_sweep(struct kdm_bus *bus, int64_t now_ms)
{
    struct run_list expired = LIST_HEAD_INITIALIZER(expired);
    struct kdm_event_run *run, *following;

    for (run = LIST_FIRST(&bus->waiting); run != NULL; run = following) {
        following = LIST_NEXT(run, link);
        if (run->deadline_ms > now_ms)
            continue;
        LIST_REMOVE(run, link);
        LIST_INSERT_HEAD(&expired, run, link);
    }
    while ((run = LIST_FIRST(&expired)) != NULL) {
        LIST_REMOVE(run, link);
        time_out(run);
    }
}

void kdm_runs_fini(struct kdm_bus *bus)
{
    struct kdm_event_run *run;

    while ((run = LIST_FIRST(&bus->waiting)) != NULL)
        kdm_bus_cancel(run);
}
