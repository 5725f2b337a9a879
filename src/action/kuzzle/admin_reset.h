/* admin_reset.h - the jobs behind admin:resetDatabase and admin:resetSecurity. */
#ifndef KDM_ACTION_KUZZLE_ADMIN_RESET_H
#define KDM_ACTION_KUZZLE_ADMIN_RESET_H

#include "tx/job.h"

/* Before any job runs. */
void kdm_admin_register_jobs(struct kdm_tx_engine *engine);

#endif
