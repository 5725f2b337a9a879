/* dialect.h - three other vendors' APIs onto the same assets (reference dialects.md).
 * Each is a door of the API (api/door.h): it reads its own syntax, calls the device manager's
 * functions in a transaction, and tells the outcome in its own words. None touches the store, so
 * what changes by one is seen by all others and by Kuzzle's clients. Made at start from the
 * configuration, read-only after.
 */
#ifndef KDM_DIALECT_DIALECT_H
#define KDM_DIALECT_DIALECT_H

#include "api/door.h"
#include <jansson.h>

struct kdm_dialects;

/* What the configuration says below `dialects`; objects, lent for the call; NULL: nothing. */
struct kdm_dialect_options {
    const json_t *actionhub, *enos, *mindsphere;
};

/* NULL with one line in *ret_error (free() it) when a member is unknown or not what it must be. */
struct kdm_dialects *kdm_dialects_create(const struct kdm_dialect_options *options,
                                         char **ret_error);
/* NULL is fine. */
void kdm_dialects_destroy(struct kdm_dialects *dialects);

/* Those that are switched on, for struct kdm_api_options; live as long as `dialects`. */
const struct kdm_door *kdm_dialects_doors(const struct kdm_dialects *dialects, size_t *ret_count);

#endif
