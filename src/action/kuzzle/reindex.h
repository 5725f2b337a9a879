/* reindex.h - documents that were stored before their collection's mapping was dynamic. */
#ifndef KDM_ACTION_KUZZLE_REINDEX_H
#define KDM_ACTION_KUZZLE_REINDEX_H

#include "tx/job.h"

/* Stages a job that has the mapping take up what documents hold; it starts with the commit and goes
 * on by itself. Loop thread. */
void kdm_reindex(struct kdm_tx *tx, const struct kdm_collection *collection);

/* Before any job runs. */
void kdm_reindex_register_job(struct kdm_tx_engine *engine);

#endif
