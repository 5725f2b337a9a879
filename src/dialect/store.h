/* store.h - collections that dialects have of their own in a tenant. Private to dialect/. Loop
 * thread only. */
#ifndef KDM_DIALECT_STORE_H
#define KDM_DIALECT_STORE_H

#include "tx/tx.h"

/* The collection of the tenant, made with this mapping (JSON text) when it is not there; the index
 * too. Commits once in every run, also when there is nothing to do. false: wait, or it failed. */
bool kdm_dialect_ensure_collection(struct kdm_tx *tx, struct kdm_str tenant, struct kdm_str name,
                                   struct kdm_str mapping, struct kdm_collection **ret_collection);

#endif
