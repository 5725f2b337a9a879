/* collection_stage.c - see collection_stage.h. */
#include "action/kuzzle/collection_stage.h"
#include "action/kuzzle/collection_definition.h"
#include "action/kuzzle/index.h"
#include "action/kuzzle/specified.h"
#include "store/names.h"

static struct kdm_val given(struct kdm_val body, struct kdm_str name)
{
    struct kdm_val value = kdm_val_get(body, name);

    return kdm_val_null(value) ? KDM_VAL_NONE : value;
}

struct kdm_collection_wish kdm_collection_wish_of(struct kdm_val body)
{
    struct kdm_collection_wish wish = { .mappings = given(body, KDM_STR("mappings")),
                                        .settings = given(body, KDM_STR("settings")) };

    if (kdm_val_none(wish.mappings) && kdm_val_none(wish.settings))
        wish.mappings = body;
    return wish;
}

bool kdm_collection_stage_update(struct kdm_tx *tx, struct kdm_collection *collection,
                                 const struct kdm_collection_wish *wish,
                                 struct kdm_str *ret_definition)
{
    struct kdm_failure failure;
    bool changed;

    if (!kdm_definition_update(kdm_tx_arena(tx), collection->mapping, collection->definition,
                               wish->mappings, wish->settings, ret_definition, &changed,
                               &failure)) {
        kdm_tx_fail_with(tx, &failure);
        return false;
    }
    if (changed)
        kdm_tx_set_collection(tx, collection->index->name, collection->name, collection,
                              *ret_definition);
    return true;
}

static bool make_definition(struct kdm_tx *tx, const struct kdm_collection_wish *wish,
                            struct kdm_str *ret_definition)
{
    const struct kdm_context *server = kdm_server_of(tx);
    const struct kdm_common_mapping common = { .dynamic = server->common_dynamic,
                                               .properties = server->common_properties };
    struct kdm_failure failure;

    if (kdm_definition_create(kdm_tx_arena(tx), &common, wish->mappings, wish->settings,
                              ret_definition, &failure))
        return true;
    kdm_tx_fail_with(tx, &failure);
    return false;
}

static bool stage_new(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name,
                      const struct kdm_collection_wish *wish)
{
    struct kdm_doc *specifications; /* they may be there before it */
    struct kdm_str definition;
    bool index_exists, complete;

    complete = kdm_specified_document(tx, index, name, &specifications);
    if (!kdm_tx_index(tx, index, &index_exists) || !complete)
        return false;
    if ((!index_exists && !kdm_index_may_be_made(tx, index))
        || !make_definition(tx, wish, &definition))
        return false;
    if (!index_exists)
        kdm_tx_create_index(tx, index);
    kdm_tx_set_collection(
        tx, index, name, NULL,
        kdm_specified_definition(kdm_tx_arena(tx), definition, specifications == NULL));
    return true;
}

static bool names_valid(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name)
{
    enum kdm_err err = kdm_name_check_index(index);

    if (err != KDM_OK) {
        kdm_tx_fail(tx, err, KDM_PROPS(index));
        return false;
    }
    err = kdm_name_check_collection(name);
    if (err != KDM_OK)
        kdm_tx_fail(tx, err, KDM_PROPS(name));
    return err == KDM_OK;
}

bool kdm_collection_stage(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name,
                          const struct kdm_collection_wish *wish)
{
    struct kdm_collection *collection;
    struct kdm_str definition;

    if (!names_valid(tx, index, name) || !kdm_tx_find_collection(tx, index, name, &collection)
        || !kdm_tx_refresh_collection(tx, index, name))
        return false;
    return collection == NULL ? stage_new(tx, index, name, wish)
                              : kdm_collection_stage_update(tx, collection, wish, &definition);
}
