/* world.h - a node for tests: a loop, a Redis of the test's own, store, bus and engine. Two nodes may share one
 * Redis. For tests only: everything aborts on failure.
 */
#ifndef KDM_TESTS_TX_WORLD_H
#define KDM_TESTS_TX_WORLD_H

#include "projector/projector.h"
#include "../redis/server.h"
#include "tx/job.h"

struct node {
    struct kdm_random random;
    struct kdm_store *store;
    struct kdm_projector *projector;
    struct kdm_bus *bus;
    struct kdm_tx_engine *engine;
    struct kdm_arena arena;
    int context; /* what kdm_tx_context() points to */
};

/* One transaction that a test runs and waits for. */
struct run {
    struct kdm_arena arena;
    struct kdm_tx *tx;
    kdm_tx_fn *fn;
    void *ctx;
    int done;
    int runs; /* how often the function ran */
    enum kdm_err err;
    int status;
    char result[4096], message[512];
};

UNUSED_FN void node_start(struct node *node, uv_loop_t *loop, const char *url, const char *name)
{
    struct kdm_store_options options = { .redis_url = url, .node = kdm_str_of(name),
                                         .feed_max_bytes = 64 << 20, .feed_max_age_ms = 3600000 };
    struct kdm_hash_seed seed = { 1, 2 };
    char *error = NULL;

    memset(node, 0, sizeof(*node));
    node->store = kdm_store_open(loop, &options, &node->random, &error);
    ck_assert_ptr_nonnull(node->store);
    node->bus = kdm_bus_create(&seed);
    node->engine = kdm_tx_engine_create(loop, node->store, node->bus, &node->context);
    node->projector = kdm_projector_create(loop, node->store);
    kdm_tx_search_with(node->engine, node->projector);
    for (int i = 0; i < 3000 && !kdm_store_ready(node->store); i++) {
        uv_run(loop, UV_RUN_NOWAIT);
        nap(1);
    }
    ck_assert(kdm_store_ready(node->store));
}

UNUSED_FN void node_stop(struct node *node)
{
    kdm_tx_engine_destroy(node->engine);
    kdm_projector_stop(node->projector);
    kdm_store_close(node->store);
    kdm_projector_destroy(node->projector);
    kdm_bus_destroy(node->bus);
}

static void on_run_done(struct kdm_tx *tx, void *ctx)
{
    struct run *run = ctx;
    const struct kdm_failure *failure = kdm_tx_failure(tx);

    run->done = 1;
    run->err = failure->err;
    run->status = failure->err != KDM_OK ? failure->status : kdm_tx_status(tx);
    snprintf(run->message, sizeof(run->message), KDM_FMT, KDM_ARG(failure->message));
    snprintf(run->result, sizeof(run->result), KDM_FMT, KDM_ARG(kdm_tx_result(tx)));
}

static enum kdm_outcome run_fn(struct kdm_tx *tx, void *ctx)
{
    struct run *run = ctx;

    run->runs++;
    return run->fn(tx, run->ctx);
}

UNUSED_FN void run_begin_in(struct run *run, struct node *node, kdm_tx_fn *fn, const void *ctx, int timeout_ms,
                            struct kdm_tx *parent)
{
    struct kdm_tx_start start = { .arena = &run->arena,
                                  .deadline_ms = kdm_clock_monotonic_ms() + timeout_ms,
                                  .parent = parent,
                                  .fn = run_fn,
                                  .done = on_run_done,
                                  .ctx = run };

    memset(run, 0, sizeof(*run));
    kdm_arena_init(&run->arena, 4096);
    run->fn = fn;
    run->ctx = (void *)ctx; /* what a test gives it is only read */
    start.origin.kuid = KDM_STR("-1");
    start.origin.controller = KDM_STR("document");
    start.origin.action = KDM_STR("test");
    start.origin.protocol = "websocket";
    start.origin.timestamp = kdm_clock_ms();
    run->tx = kdm_tx_run(node->engine, &start);
}

UNUSED_FN void run_begin(struct run *run, struct node *node, kdm_tx_fn *fn, const void *ctx)
{
    run_begin_in(run, node, fn, ctx, 10000, NULL);
}

UNUSED_FN void run_end(struct run *run, uv_loop_t *loop)
{
    turn_until(loop, &run->done, 1, 12000);
    ck_assert_msg(run->done, "the transaction did not end");
    kdm_tx_release(run->tx);
    kdm_arena_fini(&run->arena);
}

/* Runs it and waits. */
UNUSED_FN void run_now(struct run *run, struct node *node, uv_loop_t *loop, kdm_tx_fn *fn, const void *ctx)
{
    run_begin(run, node, fn, ctx);
    run_end(run, loop);
}

#endif
