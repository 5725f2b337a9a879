/* compose.h - the mappings of the device manager's collections (reference device-manager.md 4).
 * Base mappings are fixed, the configuration adds to them, models fill metadata and measures. Pure
 * functions over an arena; results are JSON texts {"dynamic":..,"properties":{..}}, not yet
 * validated: a model may hold anything.
 */
#ifndef KDM_ACTION_DEVICE_MANAGER_COMPOSE_H
#define KDM_ACTION_DEVICE_MANAGER_COMPOSE_H

#include "json/json.h"

/* --- models ---------------------------------------------------------------------------------- */

enum kdm_dm_kind { KDM_DM_ASSET, KDM_DM_DEVICE, KDM_DM_GROUP, KDM_DM_MEASURE, KDM_DM_KIND_COUNT };

/* "asset"; what `type` says and the content's member is called. */
struct kdm_str kdm_dm_kind_name(enum kdm_dm_kind kind);

/* A document of <platform>/models taken apart. */
struct kdm_dm_model {
    enum kdm_dm_kind kind;
    struct kdm_str id, text; /* of the document */
    struct kdm_val source, content;
    struct kdm_str name;  /* of a measure: its type */
    struct kdm_str group; /* asset, group */
    struct kdm_val block; /* dialect.mindsphere, what that door knows of it; NONE: nothing */
};

struct kdm_dm_models {
    struct kdm_dm_model *items; /* by id, which is the order in which they are composed */
    size_t count;
};

/* false: not a model (a client may write any document there). */
bool kdm_dm_model_read(struct kdm_arena *arena, struct kdm_str id, struct kdm_str text,
                       struct kdm_val source, struct kdm_dm_model *ret_model);

/* Could a collection hold its mappings and slots? What is far beyond that is not even composed. */
bool kdm_dm_model_bounded(const struct kdm_dm_model *model);

/* metadataMappings, or valuesMappings of a measure; NONE when it has none. */
struct kdm_val kdm_dm_model_mappings(const struct kdm_dm_model *model);

/* NULL when there is none of that name. */
const struct kdm_dm_model *kdm_dm_model_find(const struct kdm_dm_models *models,
                                             enum kdm_dm_kind kind, struct kdm_str name);

/* `models` with `model` in the place of the one with its id, or at its own place. */
struct kdm_dm_models kdm_dm_models_with(struct kdm_arena *arena, const struct kdm_dm_models *models,
                                        const struct kdm_dm_model *model);

/* Is a model of that group seen by tenants of `group`? */
bool kdm_dm_group_sees(struct kdm_str group, struct kdm_str model_group);

/* Where the incoming model contradicts stored ones of its kind (6.4), its own former version among
 * them: the chunks as a JSON array, none when there are none. */
struct kdm_str kdm_dm_conflicts(struct kdm_arena *arena, const struct kdm_dm_models *stored,
                                const struct kdm_dm_model *incoming);

/* --- collections ----------------------------------------------------------------------------- */

/* Those of a tenant that models shape. */
enum kdm_dm_collection {
    KDM_DM_ASSETS,
    KDM_DM_HISTORY,
    KDM_DM_GROUPS,
    KDM_DM_DEVICES,
    KDM_DM_MEASURES,
    KDM_DM_COLLECTION_COUNT
};

/* "assets", "assets-history", .. */
struct kdm_str kdm_dm_collection_name(enum kdm_dm_collection which);

/* Those that models do not shape. */
enum kdm_dm_fixed { KDM_DM_ENGINE_CONFIG, KDM_DM_PLATFORM_CONFIG, KDM_DM_MODELS, KDM_DM_PAYLOADS };

/* `engine_collections` and `admin_collections`: what the configuration adds, by its own names. */
struct kdm_dm_additions {
    struct kdm_val engine_collections, admin_collections;
};

struct kdm_str kdm_dm_fixed_mappings(struct kdm_arena *arena,
                                     const struct kdm_dm_additions *additions,
                                     enum kdm_dm_fixed which);

/* Settings that the configuration gives to new collections, "{}" when it gives none. */
struct kdm_str kdm_dm_fixed_settings(const struct kdm_dm_additions *additions,
                                     enum kdm_dm_fixed which);
struct kdm_str kdm_dm_settings(const struct kdm_dm_additions *additions,
                               enum kdm_dm_collection which);

/* The mappings of a tenant's collection in an engine group. Those of DEVICES are the platform's
 * too. */
struct kdm_str kdm_dm_compose(struct kdm_arena *arena, const struct kdm_dm_additions *additions,
                              const struct kdm_dm_models *models, struct kdm_str group,
                              enum kdm_dm_collection which);

#endif
