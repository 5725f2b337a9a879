/* start.h - what must stand before the first request: the collections that actions rest on. */
#ifndef KDM_ACTION_START_H
#define KDM_ACTION_START_H

#include "tx/job.h"

/* error NULL: done; else one line, lent. */
typedef void kdm_actions_started_fn(void *ctx, const char *error);

struct kdm_start;

/* Registers the kinds of jobs and makes what is missing (device-manager.md 3), in transactions of
 * its own; the store is ready. `done` is called once, from the loop, and the start is gone then.
 * Loop thread. */
struct kdm_start *kdm_actions_start(struct kdm_tx_engine *engine, kdm_actions_started_fn *done,
                                    void *ctx);

/* Step `number` of the start: a transaction of its own, which commits, and which finds nothing to
 * do where all is there. NULL behind the last. For what empties the database while the server runs.
 */
kdm_tx_fn *kdm_start_step(size_t number);

/* Ends a start that is not done: `done` is not called any more. Before the engine is destroyed.
 * NULL is fine. */
void kdm_actions_stop(struct kdm_start *start);

#endif
