/* job.h - work larger than one commit (design section 2).
 * The deciding write commits together with a job record. The node that committed runs the job at once; a
 * record whose owner has died is resumed by any node. A job is a sequence of chunks, each one transaction
 * that commits its documents and the record's new state together, so a chunk is done or not done, never half,
 * and may be repeated. Loop thread only.
 */
#ifndef KDM_TX_JOB_H
#define KDM_TX_JOB_H

#include "tx/run.h"

/* One chunk. `args` is what kdm_tx_job() was given, `state` what the chunk before left (NONE at the first). Stages
 * the chunk's writes, calls kdm_tx_job_state() with the state behind it, commits, returns kdm_tx_reply(). When
 * nothing is left: kdm_tx_job_finish() instead of a state. */
typedef enum kdm_outcome kdm_job_fn(struct kdm_tx *tx, struct kdm_val args, struct kdm_val state);

void kdm_tx_job_state(struct kdm_tx *tx, struct kdm_str state_json);
void kdm_tx_job_finish(struct kdm_tx *tx);
/* The same, and leaves a text for those who wait for the job on this node. */
void kdm_tx_job_finish_with(struct kdm_tx *tx, struct kdm_str result);

/* Registers a kind; before any job runs. `kind` is static. */
void kdm_job_register(struct kdm_tx_engine *engine, const char *kind, kdm_job_fn *fn);

/* Looks for records without a living owner and resumes them, and renews the leases of those that run here; once the store is
 * ready, then every few seconds. `alone`: no other node works on this Redis, so whoever else owns a record is dead. */
void kdm_jobs_resume(struct kdm_tx_engine *engine, bool alone);

/* Jobs that are known and not done, for server:metrics. */
size_t kdm_jobs_running(const struct kdm_tx_engine *engine);

#endif
