/* schema.h - is it a JSON schema of draft-07? Pure. */
#ifndef KDM_ACTION_DEVICE_MANAGER_SCHEMA_H
#define KDM_ACTION_DEVICE_MANAGER_SCHEMA_H

#include "json/json.h"

/* What the meta-schema of draft-07 refuses of `schema`, as AJV tells it:
 * [{"instancePath","schemaPath","keyword","params", "message"}]. None when it is a schema; NONE is
 * one. Only the first failure is told. */
struct kdm_str kdm_dm_schema_errors(struct kdm_arena *arena, struct kdm_val schema);

#endif
