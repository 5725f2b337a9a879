/* collection_definition.h - what a collection is made of: mapping and settings as one JSON text,
 * {"mappings":{..},"settings":{..}}.
 * Settings are Elasticsearch's. Nothing here depends on them, but clients write them and read them
 * back: known ones are kept, unknown ones are refused as a storage would. Pure functions, any
 * thread.
 */
#ifndef KDM_ACTION_KUZZLE_COLLECTION_DEFINITION_H
#define KDM_ACTION_KUZZLE_COLLECTION_DEFINITION_H

#include "store/mapping.h"

/* What every new mapping has beside its own (services.storageEngine.commonMapping). */
struct kdm_common_mapping {
    struct kdm_str dynamic;    /* "false", "true", "strict" */
    struct kdm_str properties; /* a JSON object; they win over the client's */
};

/* Of a new collection. mappings and settings: objects or NONE. The text is in `arena`. */
bool kdm_definition_create(struct kdm_arena *arena, const struct kdm_common_mapping *common,
                           struct kdm_val mappings, struct kdm_val settings,
                           struct kdm_str *ret_definition, struct kdm_failure *ret_failure);

/* `definition`, whose mapping is `mapping`, with mappings and settings merged in. *ret_changed: do
 * they change anything? */
bool kdm_definition_update(struct kdm_arena *arena, const struct kdm_mapping *mapping,
                           struct kdm_str definition, struct kdm_val mappings,
                           struct kdm_val settings, struct kdm_str *ret_definition,
                           bool *ret_changed, struct kdm_failure *ret_failure);

/* What collection:getSettings shows of the settings (an object, or NONE): all values as texts, with
 * those that every collection has. */
void kdm_settings_show(struct kdm_arena *arena, struct kdm_val settings, struct kdm_buf *buf);

#endif
