/* family.h - asset models that inherit from others (reference dialects.md 4.9, 5 F7).
 * A model with a parent is stored flattened: its member `asset` holds what it inherits and what is
 * its own, so that everything else - mappings, checks, new assets - sees one model. Beside it, in
 * its member `dialect`, stand the parent's name and what is its own alone. Pure functions over an
 * arena, any thread.
 */
#ifndef KDM_ACTION_DEVICE_MANAGER_FAMILY_H
#define KDM_ACTION_DEVICE_MANAGER_FAMILY_H

#include "action/device_manager/compose.h"

#define KDM_DM_FAMILY_DEPTH 32
/* Descendants that follow one write; they are one commit. */
#define KDM_DM_FAMILY_MAX 200

/* The name of its parent; none when it has none. */
struct kdm_str kdm_dm_parent_of(struct kdm_arena *arena, const struct kdm_dm_model *model);

/* The model's own part in the place of the whole, without the parent: what a change is merged into.
 * JSON text of a models document. */
struct kdm_str kdm_dm_own_source(struct kdm_arena *arena, const struct kdm_dm_model *model);

enum kdm_dm_family_result {
    KDM_DM_FAMILY_OK,
    KDM_DM_FAMILY_NO_PARENT, /* *ret_detail: its name */
    KDM_DM_FAMILY_CLASH,     /* it redefines what it inherits; *ret_detail: the name */
    KDM_DM_FAMILY_TOO_DEEP,
};

/* `own`, a models document that says what is the model's own, with what it inherits from `parent`;
 * *ret_source is the document to be stored. parent none: `own` as it is. */
enum kdm_dm_family_result kdm_dm_flatten(struct kdm_arena *arena,
                                         const struct kdm_dm_models *models, struct kdm_str parent,
                                         struct kdm_val own, struct kdm_val *ret_source,
                                         struct kdm_str *ret_detail);

/* How many models stand above this one, itself included; more than KDM_DM_FAMILY_DEPTH in a circle
 * that a client made by writing documents. */
size_t kdm_dm_depth(struct kdm_arena *arena, const struct kdm_dm_models *models,
                    struct kdm_str name);

/* The names of the models that inherit from this one, the nearest first. */
struct kdm_str_list kdm_dm_descendants(struct kdm_arena *arena, const struct kdm_dm_models *models,
                                       struct kdm_str name);

#endif
