/* tenant.h - a program, an organization or a tenant of a dialect, which is a tenant's index of the
 * core. Private to dialect/. Loop thread only. */
#ifndef KDM_DIALECT_TENANT_H
#define KDM_DIALECT_TENANT_H

#include "action/device_manager/asset.h"

/* Where the tenant's assets live; assets NULL: there is no such tenant. false: wait, or it failed.
 */
bool kdm_dialect_find_home(struct kdm_tx *tx, struct kdm_str tenant, struct kdm_dm_home *ret_home);

/* Has an asset of the tenant's this text in the field? `checked`: the commit fails when one has
 * been written meanwhile. `name`: of the search within the transaction. false: wait, or it failed.
 */
bool kdm_dialect_any_asset(struct kdm_tx *tx, struct kdm_str tenant, struct kdm_str name,
                           bool checked, const char *field, struct kdm_str text, bool *ret_any);

/* The collection of the tenant, made with this mapping (JSON text) when it is not there; the index
 * too. Commits once in every run, also when there is nothing to do. false: wait, or it failed. */
bool kdm_dialect_ensure_collection(struct kdm_tx *tx, struct kdm_str tenant, struct kdm_str name,
                                   struct kdm_str mapping, struct kdm_collection **ret_collection);

/* The assets of this collection (NULL: nothing is found) that `body` searches for, in its order,
 * `size` of them from place `from` on, with their sources; past the end there are none.
 * *ret_too_far: there are some, but behind the KDM_DIALECT_REACH first, which no page goes beyond.
 * false: wait, or it failed. */
#define KDM_DIALECT_REACH (1 << 20)
bool kdm_dialect_find_page(struct kdm_tx *tx, struct kdm_collection *assets, struct kdm_str body,
                           int64_t from, int64_t size, const struct kdm_found **ret_found,
                           bool *ret_too_far);

#endif
