/* start.h - what must stand before the first request: the collections that actions rest on. */
#ifndef KDM_ACTION_START_H
#define KDM_ACTION_START_H

#include "api/context.h"
#include "tx/job.h"

/* error NULL: done; else one line, lent. */
typedef void kdm_actions_started_fn(void *ctx, const char *error);

/* Registers the kinds of jobs and makes what is missing (device-manager.md 3), in transactions of
 * its own; the store is ready. `done` is called once, from the loop or inside. Loop thread. */
void kdm_actions_start(struct kdm_tx_engine *engine, const struct kdm_context *context,
                       kdm_actions_started_fn *done, void *ctx);

#endif
