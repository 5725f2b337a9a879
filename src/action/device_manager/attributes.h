/* attributes.h - are metadata what the asset's model says? (reference dialects.md 3.5, 5 F2)
 * A mapping alone takes numbers as text and says nothing of what must be there. Pure functions over
 * an arena, any thread.
 */
#ifndef KDM_ACTION_DEVICE_MANAGER_ATTRIBUTES_H
#define KDM_ACTION_DEVICE_MANAGER_ATTRIBUTES_H

#include "action/device_manager/compose.h"

/* The first thing that is not as it must be. */
struct kdm_dm_mismatch {
    struct kdm_str path;     /* "metadata.place.lat" */
    struct kdm_str expected; /* "a number" */
};

/* The types of attributes, by the names that EnOS has for them. */
enum kdm_dm_attribute {
    KDM_DM_ATTRIBUTE_STRING,
    KDM_DM_ATTRIBUTE_ENUM,
    KDM_DM_ATTRIBUTE_INT,
    KDM_DM_ATTRIBUTE_FLOAT,
    KDM_DM_ATTRIBUTE_DOUBLE,
    KDM_DM_ATTRIBUTE_BOOL,
    KDM_DM_ATTRIBUTE_TIMESTAMP,
    KDM_DM_ATTRIBUTE_STRUCT,
    KDM_DM_ATTRIBUTE_ANY,
};

/* The type of the attribute `key` of a model, as its mapping and its editor hint say. */
enum kdm_dm_attribute kdm_dm_attribute_type(const struct kdm_dm_model *model, struct kdm_str key);

/* Checks `metadata` (an object) against the model. Partial: each key must be mapped and its value
 * of its type; null, and an empty text where no text is expected, clear it. Whole: every key of the
 * model must be there besides, and not be null. *ret_metadata: what is to be stored, as JSON text
 * (cleared ones null). false: *ret_mismatch is filled. */
bool kdm_dm_attributes_check(struct kdm_arena *arena, const struct kdm_dm_model *model,
                             struct kdm_val metadata, bool whole, struct kdm_str *ret_metadata,
                             struct kdm_dm_mismatch *ret_mismatch);

#endif
