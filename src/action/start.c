/* start.c - see start.h. One transaction after the other; the first that fails ends the start. */
#include "action/start.h"
#include "action/device_manager/start_platform.h"
#include "action/kuzzle/admin_reset.h"
#include "action/kuzzle/by_query.h"
#include "action/kuzzle/private_index.h"
#include "action/kuzzle/reindex.h"
#include "action/kuzzle/security_delete.h"
#include "base/clock.h"
#include "security/layout.h"
#include "tx/run.h"

#include <stdlib.h>

#define STEP_TIMEOUT_MS 30000

struct kdm_start {
    struct kdm_tx_engine *engine;
    struct kdm_tx *tx; /* of the step at hand */
    struct kdm_arena arena;
    size_t step;
    kdm_actions_started_fn *done;
    void *ctx;
};

static void next_step(struct kdm_start *start);

static void end(struct kdm_start *start, const char *error)
{
    start->done(start->ctx, error);
    kdm_actions_stop(start);
}

static void on_step(struct kdm_tx *tx, void *ctx)
{
    struct kdm_start *start = ctx;
    const struct kdm_failure *failure = kdm_tx_failure(tx);
    bool failed = failure->err != KDM_OK;
    struct kdm_str error = KDM_STR_NONE;

    if (failed)
        error = kdm_arena_printf(&start->arena, "the server's own collections: " KDM_FMT,
                                 KDM_ARG(failure->message));
    start->tx = NULL;
    kdm_tx_release(tx);
    start->step++;
    if (failed)
        end(start, error.ptr);
    else
        next_step(start);
}

static kdm_tx_fn *const own_steps[] = { kdm_private_make, kdm_security_make, kdm_security_fill };
static const size_t own_step_count = sizeof(own_steps) / sizeof(own_steps[0]);

kdm_tx_fn *kdm_start_step(size_t number)
{
    if (number < own_step_count)
        return own_steps[number];
    number -= own_step_count;
    return number < kdm_dm_start_step_count ? kdm_dm_start_steps[number] : NULL;
}

static enum kdm_outcome run_step(struct kdm_tx *tx, void *ctx)
{
    struct kdm_start *start = ctx;

    start->tx = tx;
    return kdm_start_step(start->step)(tx, NULL);
}

static void next_step(struct kdm_start *start)
{
    struct kdm_tx_start run = { .arena = &start->arena,
                                .deadline_ms = kdm_clock_monotonic_ms() + STEP_TIMEOUT_MS,
                                .fn = run_step,
                                .done = on_step,
                                .ctx = start };

    if (kdm_start_step(start->step) == NULL) {
        end(start, NULL);
        return;
    }
    run.origin.controller = KDM_STR("start");
    run.origin.action =
        start->step < own_step_count ? KDM_STR("kuzzle") : KDM_STR("device-manager");
    run.origin.protocol = "funnel";
    run.origin.timestamp = kdm_clock_ms();
    kdm_tx_run(start->engine, &run);
}

struct kdm_start *kdm_actions_start(struct kdm_tx_engine *engine, kdm_actions_started_fn *done,
                                    void *ctx)
{
    struct kdm_start *start = kdm_zalloc(sizeof(*start));

    kdm_admin_register_jobs(engine);
    kdm_bulk_register_jobs(engine);
    kdm_reindex_register_job(engine);
    kdm_security_register_jobs(engine);
    kdm_dm_register_jobs(engine);
    *start = (struct kdm_start){ .engine = engine, .done = done, .ctx = ctx };
    kdm_arena_init(&start->arena, 65536);
    next_step(start);
    return start;
}

void kdm_actions_stop(struct kdm_start *start)
{
    if (start == NULL)
        return;
    kdm_tx_release(start->tx);
    kdm_arena_fini(&start->arena);
    free(start);
}
