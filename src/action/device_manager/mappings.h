/* mappings.h - the fixed part of the device manager's mappings, as JSON texts (reference
 * device-manager.md 4), and the measure types that are always there. Pure data.
 */
#ifndef KDM_ACTION_DEVICE_MANAGER_MAPPINGS_H
#define KDM_ACTION_DEVICE_MANAGER_MAPPINGS_H

#include "action/device_manager/compose.h"
#include "store/mapping.h"

struct kdm_str kdm_dm_base(enum kdm_dm_collection which);
struct kdm_str kdm_dm_fixed_base(enum kdm_dm_fixed which);
/* A measure that is part of an asset or a device; models fill `values`. */
struct kdm_str kdm_dm_embedded_measure_base(void);
struct kdm_str kdm_dm_kuzzle_info_base(void);

/* Documents of the built-in measure models, without _kuzzle_info. */
struct kdm_dm_builtin {
    struct kdm_str id, source;
};
extern const struct kdm_dm_builtin kdm_dm_builtins[];
extern const size_t kdm_dm_builtin_count;

#endif
