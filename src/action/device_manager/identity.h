/* identity.h - what an asset is called: localised name, description, time zone and tags.
 * They stand in the asset's member `dialect` (reference dialects.md 1.4, 3.3 to 3.7), which is
 * absent while nothing is set. Pure functions over an arena, any thread.
 */
#ifndef KDM_ACTION_DEVICE_MANAGER_IDENTITY_H
#define KDM_ACTION_DEVICE_MANAGER_IDENTITY_H

#include "action/device_manager/attributes.h"

/* What is to become of it; NONE: not given. */
struct kdm_dm_identity_edit {
    struct kdm_val name;        /* {"default": "..", "locales": {"en_US": ".."}} */
    struct kdm_val description; /* string */
    struct kdm_val timezone;    /* "+08:00", "Asia/Shanghai" */
    struct kdm_val tags;        /* {"key": "value"}; merged key by key unless `whole` */
    struct kdm_val remove_tags; /* ["key"] */
    bool whole;                 /* what is not given loses its value */
};

/* The member `dialect` of an asset after the edit, as JSON text; none: it is to be absent. `old`:
 * as it is now, or NONE. In a partial edit null means "not given". false: *ret_mismatch is filled,
 * its path below the edit: "tags.year". */
bool kdm_dm_identity_apply(struct kdm_arena *arena, struct kdm_val old,
                           const struct kdm_dm_identity_edit *edit, struct kdm_str *ret_dialect,
                           struct kdm_dm_mismatch *ret_mismatch);

/* `text`, an asset as it becomes, with the version that other vendors' clients lock on one higher
 * than in `old`; as it is when the asset has none (reference dialects.md 1.4). */
struct kdm_str kdm_dm_next_etag(struct kdm_arena *arena, struct kdm_val old, struct kdm_str text);

#endif
