/* start_platform.h - what the device manager needs before the first request (reference
 * device-manager.md 3). */
#ifndef KDM_ACTION_DEVICE_MANAGER_START_PLATFORM_H
#define KDM_ACTION_DEVICE_MANAGER_START_PLATFORM_H

#include "tx/run.h"

/* Each a transaction of its own, in this order, because a document can only be put into a
 * collection that is there. Each writes only what is missing, so that a start where nothing is
 * missing is a few reads, and of nodes that start at once the later ones find it done. */
extern kdm_tx_fn *const kdm_dm_start_steps[];
extern const size_t kdm_dm_start_step_count;

/* One of them, in a file of its own: the roles that the device manager brings. */
enum kdm_outcome kdm_dm_start_rights(struct kdm_tx *tx, void *ctx);

/* Before any job runs. */
void kdm_dm_register_jobs(struct kdm_tx_engine *engine);

#endif
