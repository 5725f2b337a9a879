/* mindsphere_asset.h - assets behind the MindSphere door (reference dialects.md 4.12 to 4.14).
 *   mindsphere_asset_body.c      bodies read (pure)
 *   mindsphere_asset_resource.c  assets told (pure)
 *   mindsphere_asset_filter.c    filters and orders of lists as queries (pure)
 *   mindsphere_assets.c          operations
 * An asset is one of the core whose model is a type of this door; its id here is the core's
 * reference. Variables are metadata, everything else stands in its member `dialect`. A variable
 * that was never set is null in the core and shows the default that its type has now. Private to
 * dialect/. Loop thread only.
 */
#ifndef KDM_DIALECT_MINDSPHERE_ASSET_H
#define KDM_DIALECT_MINDSPHERE_ASSET_H

#include "action/device_manager/asset.h"
#include "dialect/mindsphere.h"

/* An asset that is there. */
struct kdm_ms_asset {
    struct kdm_str id;     /* here: the core's reference */
    struct kdm_val source; /* of the document */
    int64_t etag;
    const struct kdm_ms_type *type;
};

/* The asset of a document; false: its model is no type, or it has no reference. `version` of the
 * document: what its etag is counted by until it has one of its own. */
bool kdm_ms_asset_of(const struct kdm_ms_world *world, struct kdm_val source, int64_t version,
                     struct kdm_ms_asset *ret_asset);
bool kdm_ms_has_etag(struct kdm_val source);

/* The id of the asset above all others of a tenant, which is stored nowhere. */
struct kdm_str kdm_ms_root_id(struct kdm_arena *arena, struct kdm_str tenant);

/* --- bodies ------------------------------------------------------------------------------------
 */

struct kdm_ms_asset_read {
    const struct kdm_ms_world *world;
    const struct kdm_ms_caller *caller;
    const struct kdm_ms_type *type;   /* NULL: it is created, of none that there is */
    const struct kdm_ms_asset *asset; /* as it is; NULL: it is created */
};
/* Reads a complete body into what is to be made of the asset. What is wrong becomes errors. */
void kdm_ms_read_asset(struct kdm_ms_errors *errors, const struct kdm_ms_asset_read *read,
                       struct kdm_val body, struct kdm_dm_edit *ret_edit);

/* --- telling -----------------------------------------------------------------------------------
 */

void kdm_ms_put_asset(const struct kdm_ms_world *world, const struct kdm_ms_caller *caller,
                      const struct kdm_ms_asset *asset, struct kdm_buf *buf);
void kdm_ms_put_root(const struct kdm_ms_caller *caller, struct kdm_arena *arena,
                     struct kdm_buf *buf);
/* The asset as a body that would put it back: what a patch is merged into. */
struct kdm_str kdm_ms_asset_body(const struct kdm_ms_world *world,
                                 const struct kdm_ms_asset *asset);

/* --- lists -------------------------------------------------------------------------------------
 */

/* The body of a search for the assets that the caller sees and that pass the filter (NONE: all), in
 * the order of the query's `sort`. What is wrong with the filter becomes errors. */
struct kdm_str kdm_ms_asset_search(struct kdm_ms_errors *errors, const struct kdm_ms_world *world,
                                   const struct kdm_ms_caller *caller, struct kdm_val filter,
                                   struct kdm_str sort);

#endif
