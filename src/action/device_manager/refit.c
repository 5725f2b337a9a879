/* refit.c - the mappings of tenants brought up to the models.
 * A model may not be written when a tenant's mapping would refuse it, so that is tried first, on
 * what every tenant has now; the change itself follows in a job, tenant by tenant. A mapping that
 * changed in between and now refuses is logged and left as it is: the models are the record, and
 * the next write tries again.
 */
#include "action/device_manager/dm.h"
#include "action/kuzzle/collection_definition.h"
#include "base/log.h"

/* What came of one mapping text; most tenants of a group have the same one. */
struct fitted {
    struct fitted *next;
    enum kdm_dm_collection which;
    struct kdm_str group;
    struct kdm_str from; /* the definition it was tried on; none: a new collection */
    struct kdm_dm_fit fit;
};

struct composed {
    struct composed *next;
    enum kdm_dm_collection which;
    struct kdm_str group;
    struct kdm_val mappings;
};

struct kdm_dm_refit {
    struct kdm_arena *arena;
    struct kdm_common_mapping common;
    struct kdm_dm_additions additions;
    struct kdm_dm_models models;
    struct composed *composed;
    struct fitted *fitted;
};

struct kdm_dm_refit *kdm_dm_refit_create(struct kdm_tx *tx, const struct kdm_dm_models *models)
{
    const struct kdm_context *server = kdm_server_of(tx);
    struct kdm_dm_refit *refit = kdm_arena_zalloc(kdm_tx_arena(tx), sizeof(*refit));

    refit->arena = kdm_tx_arena(tx);
    refit->common.dynamic = server->common_dynamic;
    refit->common.properties = server->common_properties;
    refit->additions = kdm_dm_additions(tx);
    refit->models = *models;
    return refit;
}

/* The groups of tenants differ in assets only. */
static struct kdm_str group_for(enum kdm_dm_collection which, struct kdm_str group)
{
    return which == KDM_DM_DEVICES || which == KDM_DM_GROUPS ? KDM_STR("") : group;
}

static struct kdm_val mappings_of(struct kdm_dm_refit *refit, enum kdm_dm_collection which,
                                  struct kdm_str group)
{
    struct composed *composed = refit->composed;

    while (composed != NULL && !(composed->which == which && kdm_str_eq(composed->group, group)))
        composed = composed->next;
    if (composed == NULL) {
        composed = kdm_arena_alloc(refit->arena, sizeof(*composed));
        *composed = (struct composed){ .next = refit->composed, .which = which, .group = group };
        composed->mappings =
            kdm_json_parse(refit->arena, kdm_dm_compose(refit->arena, &refit->additions,
                                                        &refit->models, group, which));
        refit->composed = composed;
    }
    return composed->mappings;
}

static void fit(struct kdm_dm_refit *refit, enum kdm_dm_collection which, struct kdm_str group,
                const struct kdm_collection *collection, struct kdm_dm_fit *ret_fit)
{
    struct kdm_val settings =
        kdm_json_parse(refit->arena, kdm_dm_settings(&refit->additions, which));
    struct kdm_val mappings = mappings_of(refit, which, group);

    if (collection == NULL) {
        ret_fit->changed = kdm_definition_create(refit->arena, &refit->common, mappings, settings,
                                                 &ret_fit->definition, &ret_fit->failure);
        return;
    }
    if (!kdm_definition_update(refit->arena, collection->mapping, collection->definition, mappings,
                               settings, &ret_fit->definition, &ret_fit->changed,
                               &ret_fit->failure))
        ret_fit->changed = false;
}

const struct kdm_dm_fit *kdm_dm_refit(struct kdm_dm_refit *refit, enum kdm_dm_collection which,
                                      struct kdm_str group, const struct kdm_collection *collection)
{
    struct kdm_str from = collection == NULL ? KDM_STR_NONE : collection->definition;
    struct fitted *fitted = refit->fitted;

    group = group_for(which, group);
    while (fitted != NULL
           && !(fitted->which == which && kdm_str_eq(fitted->group, group)
                && kdm_str_none(fitted->from) == kdm_str_none(from)
                && kdm_str_eq(fitted->from, from)))
        fitted = fitted->next;
    if (fitted == NULL) {
        fitted = kdm_arena_zalloc(refit->arena, sizeof(*fitted));
        fitted->next = refit->fitted;
        fitted->which = which;
        fitted->group = group;
        fitted->from = kdm_arena_copy(refit->arena, from);
        fit(refit, which, group, collection, &fitted->fit);
        refit->fitted = fitted;
    }
    return &fitted->fit;
}

enum kdm_outcome kdm_dm_collection_failed(struct kdm_tx *tx, struct kdm_str collection,
                                          struct kdm_str index, const struct kdm_failure *failure)
{
    return kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_ENGINE_COLLECTION_FAILED,
                       KDM_PROPS(collection, index, failure->message));
}

/* --- all tenants ----------------------------------------------------------------------------- */

static struct kdm_collection *collection_in(const struct kdm_collection_list *list,
                                            enum kdm_dm_collection which)
{
    for (size_t i = 0; i < list->count; i++) {
        if (kdm_str_eq(list->items[i]->name, kdm_dm_collection_name(which)))
            return list->items[i];
    }
    return NULL;
}

static bool engine_accepts(struct kdm_tx *tx, struct kdm_dm_refit *refit,
                           const struct kdm_dm_engine *engine,
                           const struct kdm_collection_list *list)
{
    for (int which = 0; which < KDM_DM_COLLECTION_COUNT; which++) {
        struct kdm_collection *collection = collection_in(list, (enum kdm_dm_collection)which);
        const struct kdm_dm_fit *tried =
            kdm_dm_refit(refit, (enum kdm_dm_collection)which, engine->group, collection);

        if (tried->failure.err != KDM_OK) {
            kdm_dm_collection_failed(tx, kdm_dm_collection_name((enum kdm_dm_collection)which),
                                     engine->index, &tried->failure);
            return false;
        }
    }
    return true;
}

static bool platform_accepts(struct kdm_tx *tx, struct kdm_dm_refit *refit)
{
    struct kdm_collection *devices;
    const struct kdm_dm_fit *tried;

    if (!kdm_tx_collection(tx, kdm_dm_platform(tx), KDM_STR("devices"), &devices))
        return false;
    tried = kdm_dm_refit(refit, KDM_DM_DEVICES, KDM_DM_COMMONS, devices);
    if (tried->failure.err != KDM_OK)
        kdm_dm_collection_failed(tx, KDM_STR("devices"), kdm_dm_platform(tx), &tried->failure);
    return tried->failure.err == KDM_OK;
}

/* Could there be a tenant with these models? Tells of mappings that are wrong in themselves when
 * there is no tenant yet to refuse them. */
static bool valid_at_all(struct kdm_tx *tx, struct kdm_dm_refit *refit)
{
    for (size_t i = 0; i < refit->models.count; i++) {
        struct kdm_str group = refit->models.items[i].group;

        for (int which = 0; which < KDM_DM_COLLECTION_COUNT; which++) {
            const struct kdm_dm_fit *tried =
                kdm_dm_refit(refit, (enum kdm_dm_collection)which,
                             kdm_str_none(group) ? KDM_DM_COMMONS : group, NULL);

            if (tried->failure.err != KDM_OK) {
                kdm_tx_fail_with(tx, &tried->failure);
                return false;
            }
        }
    }
    return true;
}

bool kdm_dm_refit_possible(struct kdm_tx *tx, struct kdm_dm_refit *refit)
{
    struct kdm_dm_engines engines;
    struct kdm_collection_list *lists;
    bool all = true, exists;

    if (!kdm_dm_engines(tx, &engines))
        return false;
    lists = kdm_arena_zalloc(refit->arena, engines.count * sizeof(*lists) + 1);
    for (size_t i = 0; i < engines.count; i++)
        all = kdm_tx_collection_list(tx, engines.items[i].index, &exists, &lists[i]) && all;
    if (!all || !platform_accepts(tx, refit))
        return false;
    for (size_t i = 0; i < engines.count; i++) {
        if (!engine_accepts(tx, refit, &engines.items[i], &lists[i]))
            return false;
    }
    return valid_at_all(tx, refit);
}

/* --- doing it -------------------------------------------------------------------------------- */

static void stage(struct kdm_tx *tx, struct kdm_dm_refit *refit, enum kdm_dm_collection which,
                  struct kdm_str group, struct kdm_collection *collection)
{
    const struct kdm_dm_fit *fitting = kdm_dm_refit(refit, which, group, collection);

    if (fitting->failure.err != KDM_OK)
        kdm_log_error("mapping of " KDM_FMT ":" KDM_FMT " does not follow the models: " KDM_FMT,
                      KDM_ARG(collection->index->name), KDM_ARG(collection->name),
                      KDM_ARG(fitting->failure.message));
    else if (fitting->changed)
        kdm_tx_set_collection(tx, collection->index->name, collection->name, collection,
                              fitting->definition);
}

/* From memory where this node knows them: what is out of date is found out by the commit. */
bool kdm_dm_refit_engine(struct kdm_tx *tx, struct kdm_dm_refit *refit,
                         const struct kdm_dm_engine *engine)
{
    struct kdm_collection *collections[KDM_DM_COLLECTION_COUNT];
    bool all = true;

    for (int which = 0; which < KDM_DM_COLLECTION_COUNT; which++)
        all = kdm_tx_find_collection(tx, engine->index,
                                     kdm_dm_collection_name((enum kdm_dm_collection)which),
                                     &collections[which])
              && all;
    for (int which = 0; all && which < KDM_DM_COLLECTION_COUNT; which++) {
        if (collections[which] != NULL) /* one that a client deleted: until engine:update */
            stage(tx, refit, (enum kdm_dm_collection)which, engine->group, collections[which]);
    }
    return all;
}

bool kdm_dm_refit_platform(struct kdm_tx *tx, struct kdm_dm_refit *refit)
{
    struct kdm_collection *devices;

    if (!kdm_tx_collection(tx, kdm_dm_platform(tx), KDM_STR("devices"), &devices)
        || !kdm_tx_refresh_collection(tx, kdm_dm_platform(tx), KDM_STR("devices")))
        return false;
    stage(tx, refit, KDM_DM_DEVICES, KDM_DM_COMMONS, devices);
    return true;
}
