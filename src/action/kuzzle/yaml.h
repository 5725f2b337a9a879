/* yaml.h - JSON as YAML 1.2 in block style. Pure, any thread. */
#ifndef KDM_ACTION_KUZZLE_YAML_H
#define KDM_ACTION_KUZZLE_YAML_H

#include "json/json.h"

/* A whole document, with a line end at its end. */
void kdm_yaml_put(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val val);

#endif
