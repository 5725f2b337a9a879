/* model_check.c - may this model be stored beside those there are (reference
 * device-manager.md 6.4)? models:write* asks, and so does whoever writes a model as an ordinary
 * document: a client's document:* into the platform's models. Those are checked here only for what
 * would harm tenants; what they hold beside that is the client's business.
 */
#include "action/device_manager/dm.h"
#include "action/write_rules.h"

static bool is_twin(const struct kdm_dm_model *model)
{
    return model->kind == KDM_DM_ASSET || model->kind == KDM_DM_DEVICE;
}

/* What is no measure of a model at all: told by its place. */
static bool check_measure_shape(struct kdm_tx *tx, struct kdm_val measure, size_t number)
{
    struct kdm_str place = kdm_arena_printf(kdm_tx_arena(tx), "measures[%zu]", number);
    struct kdm_val type = kdm_val_get(measure, KDM_STR("type"));

    if (kdm_val_type(measure) != KDM_JSON_OBJECT) {
        kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_TYPE, KDM_PROPS(place, KDM_STR("object")));
        return false;
    }
    if (kdm_val_none(type) || kdm_val_type(type) == KDM_JSON_STRING)
        return true;
    kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_TYPE,
                KDM_PROPS(kdm_arena_printf(kdm_tx_arena(tx), KDM_FMT ".type", KDM_ARG(place)),
                          KDM_STR("string")));
    return false;
}

/* A twin without measures has none of an unknown type. */
static bool check_measure_types(struct kdm_tx *tx, const struct kdm_dm_models *models,
                                const struct kdm_dm_model *model)
{
    struct kdm_val_iter it;
    struct kdm_val measure;
    size_t number = 0;

    if (!is_twin(model))
        return true;
    for (kdm_elements(&it, kdm_val_get(model->content, KDM_STR("measures")));
         kdm_element_next(&it, &measure);) {
        struct kdm_str type = kdm_val_str(kdm_tx_arena(tx), kdm_val_get(measure, KDM_STR("type")));

        if (!check_measure_shape(tx, measure, number++))
            return false;
        if (!kdm_str_none(type) && kdm_dm_model_find(models, KDM_DM_MEASURE, type) != NULL)
            continue;
        kdm_tx_fail(tx,
                    model->kind == KDM_DM_ASSET
                        ? KDM_ERR_DEVICE_MANAGER_UNKNOWN_MEASURE_IN_ASSET_MODEL
                        : KDM_ERR_DEVICE_MANAGER_UNKNOWN_MEASURE_IN_DEVICE_MODEL,
                    KDM_PROPS(kdm_str_none(type) ? KDM_STR("undefined") : type, model->name));
        return false;
    }
    return true;
}

static bool check_conflicts(struct kdm_tx *tx, const struct kdm_dm_models *models,
                            const struct kdm_dm_model *model, enum kdm_err err)
{
    struct kdm_str chunks = kdm_dm_conflicts(kdm_tx_arena(tx), models, model);
    struct kdm_failure failure;

    if (kdm_str_none(chunks))
        return true;
    kdm_failure_set(&failure, kdm_tx_arena(tx), err, NULL, 0);
    failure.extra = kdm_arena_printf(kdm_tx_arena(tx), "\"chunks\":" KDM_FMT, KDM_ARG(chunks));
    kdm_tx_fail_with(tx, &failure);
    return false;
}

bool kdm_dm_check_model(struct kdm_tx *tx, const struct kdm_dm_models *models,
                        const struct kdm_dm_model *model, enum kdm_err conflicts)
{
    return check_measure_types(tx, models, model) && check_conflicts(tx, models, model, conflicts);
}

/* --- written as documents -------------------------------------------------------------------- */

bool kdm_dm_is_models(struct kdm_tx *tx, const struct kdm_collection *collection)
{
    return kdm_str_eq(collection->name, KDM_STR("models"))
           && kdm_str_eq(collection->index->name, kdm_dm_platform(tx));
}

/* Is it a model, and one that others will meet? Changes that don't tell a type are not looked at,
 * as upstream does; neither is what is so large that it is passed over everywhere. */
static bool read_item(struct kdm_tx *tx, const struct kdm_write_item *item,
                      struct kdm_dm_model *ret_model)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);

    return !kdm_val_null(kdm_val_get(item->sent, KDM_STR("type")))
           && kdm_dm_model_read(arena, item->id, item->stored, kdm_json_parse(arena, item->stored),
                                ret_model)
           && kdm_dm_model_bounded(ret_model);
}

bool kdm_dm_check_core_writes(struct kdm_tx *tx, const struct kdm_write_item *items, size_t count)
{
    static const enum kdm_err errors[] = {
        [KDM_DM_ASSET] = KDM_ERR_DEVICE_MANAGER_NEW_ASSET_MAPPINGS_CONFLICTS,
        [KDM_DM_DEVICE] = KDM_ERR_DEVICE_MANAGER_NEW_DEVICE_MAPPINGS_CONFLICTS,
        [KDM_DM_GROUP] = KDM_ERR_DEVICE_MANAGER_NEW_GROUP_MAPPINGS_CONFLICTS,
        [KDM_DM_MEASURE] = KDM_ERR_DEVICE_MANAGER_NEW_MEASURE_MAPPINGS_CONFLICTS,
    };
    struct kdm_dm_models stored, all;
    struct kdm_dm_model model;

    if (!kdm_dm_models(tx, true, &stored))
        return false;
    all.count = stored.count;
    all.items = kdm_arena_alloc(kdm_tx_arena(tx), (stored.count + count) * sizeof(model) + 1);
    memcpy(all.items, stored.items, stored.count * sizeof(model));
    for (size_t i = 0; i < count; i++) {
        if (!read_item(tx, &items[i], &model))
            continue;
        if (!kdm_dm_check_model(tx, &all, &model, errors[model.kind]))
            return false;
        all.items[all.count++] = model; /* the next ones must agree with it too */
    }
    return true;
}
