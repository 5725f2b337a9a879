/* server.h - what the actions of the controller `server` share. Loop thread only. */
#ifndef KDM_ACTION_KUZZLE_SERVER_H
#define KDM_ACTION_KUZZLE_SERVER_H

#include "action/kuzzle/target.h"

/* The server whose API this is, and the search whose query language it takes: what clients compare.
 */
#define KDM_KUZZLE_VERSION  "2.56.0"
#define KDM_STORAGE_VERSION "7.17.0"

/* Writes figures of this moment (clock, counters, memory). */
typedef void kdm_snapshot_fn(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_buf *buf);

/* Replies with what `fn` writes; in a replay with the same again, so that the action stays pure. */
enum kdm_outcome kdm_reply_snapshot(struct kdm_tx *tx, const struct kdm_args *args,
                                    kdm_snapshot_fn *fn);

/* Members of "kuzzle" in server:info about this process: application, memory, system, uptime,
 * version. */
void kdm_put_process(struct kdm_buf *buf, const struct kdm_context *server);

/* What server:metrics shows. */
kdm_snapshot_fn kdm_put_metrics;

#endif
