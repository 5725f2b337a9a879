/* foreign.h - what MindSphere knows of an asset model beside its mappings (reference dialects.md
 * 1.4, 4.14): units, lengths, which text may be searched. It stands in the model's member
 * `dialect.mindsphere`. Pure functions over an arena, any thread.
 */
#ifndef KDM_ACTION_DEVICE_MANAGER_FOREIGN_H
#define KDM_ACTION_DEVICE_MANAGER_FOREIGN_H

#include "json/json.h"

/* The type of a mapping for the data type of a variable, and back; none when there is none. */
struct kdm_str kdm_dm_mapping_type(struct kdm_str data_type);
struct kdm_str kdm_dm_data_type(struct kdm_str mapping_type);

/* The block after a client of another door has written the model: its variables are those that
 * `source` (a models document with the model's own part) maps now, what was known of them is kept,
 * and its version is one higher. JSON text. */
struct kdm_str kdm_dm_foreign_refreshed(struct kdm_arena *arena, struct kdm_val block,
                                        struct kdm_val source);

#endif
