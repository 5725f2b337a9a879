/* search_target.c - see search_target.h. */
#include "action/kuzzle/search_target.h"
#include "store/names.h"

#define MOST_TARGETS 500 /* collections that one search may name; each is read, and searched */

/* What the targets come to while they are read. */
struct builder {
    struct kdm_tx *tx;
    const struct kdm_args *args;
    struct kdm_search_targets targets;
    size_t named;  /* also those named twice, and those that are not here yet */
    bool complete; /* false: at least one collection is still being asked for */
};

/* Named twice, a collection is searched once. */
static bool has(const struct builder *builder, const struct kdm_collection *collection)
{
    for (size_t i = 0; i < builder->targets.count; i++)
        if (builder->targets.items[i] == collection)
            return true;
    return false;
}

/* Asks for the collection and goes on with the others when it is not here yet. */
static bool add(struct builder *builder, struct kdm_str index, struct kdm_str name)
{
    struct kdm_search_targets *targets = &builder->targets;
    struct kdm_collection *collection;

    if (builder->named++ == MOST_TARGETS) {
        kdm_tx_fail(builder->tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
                    KDM_PROPS(KDM_STR("targets"), KDM_STR("at most 500 collections")));
        return false;
    }
    if (kdm_index_is_private(index)) {
        kdm_target_unknown_index(builder->tx, index);
        return false;
    }
    if (!kdm_tx_collection(builder->tx, index, name, &collection)) {
        builder->complete = false;
        return kdm_tx_failure(builder->tx)->err == KDM_OK;
    }
    if (has(builder, collection))
        return true;
    targets->items = kdm_arena_more(builder->args->arena, targets->items, targets->count,
                                    sizeof(struct kdm_collection *));
    targets->items[targets->count++] = collection;
    return true;
}

/* --- one index, one collection ---------------------------------------------------------------- */

static bool given(struct builder *builder, enum kdm_arg id, struct kdm_str name,
                  struct kdm_str *ret_value)
{
    if (!kdm_args_has(builder->args, id)) {
        kdm_tx_fail(builder->tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, KDM_PROPS(name));
        return false;
    }
    *ret_value = kdm_args_str(builder->args, id);
    return true;
}

static bool add_named(struct builder *builder)
{
    struct kdm_str index, collection;

    if (!given(builder, KDM_ARG_INDEX, KDM_STR("index"), &index)
        || !given(builder, KDM_ARG_COLLECTION, KDM_STR("collection"), &collection))
        return false;
    if (kdm_name_is_pattern(index) || kdm_name_is_pattern(collection)) {
        kdm_tx_fail(builder->tx, KDM_ERR_SERVICES_STORAGE_INVALID_MULTI_INDEX_COLLECTION_USAGE,
                    NULL, 0);
        return false;
    }
    return add(builder, index, collection);
}

/* --- targets ---------------------------------------------------------------------------------- */

static bool fail(struct builder *builder, enum kdm_err err, struct kdm_str path,
                 const char *expected)
{
    struct kdm_str props[2] = { path, kdm_str_of(expected) };

    kdm_tx_fail(builder->tx, err, props, expected == NULL ? 1 : 2);
    return false;
}

/* A name at `path`, which is no pattern. */
static bool read_name(struct builder *builder, struct kdm_val val, struct kdm_str path,
                      struct kdm_str *ret_name)
{
    struct kdm_str name = kdm_val_str(builder->args->arena, val);

    if (kdm_val_null(val))
        return fail(builder, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, path, NULL);
    if (kdm_str_none(name))
        return fail(builder, KDM_ERR_API_ASSERT_INVALID_TYPE, path, "string");
    if (kdm_name_is_pattern(name)) {
        kdm_tx_fail(builder->tx, KDM_ERR_SERVICES_STORAGE_INVALID_TARGET_FORMAT,
                    KDM_PROPS(path, name));
        return false;
    }
    *ret_name = name;
    return true;
}

static bool add_target(struct builder *builder, struct kdm_val target, size_t number)
{
    struct kdm_arena *arena = builder->args->arena;
    struct kdm_val collections = kdm_val_get(target, KDM_STR("collections")), item;
    struct kdm_str path = kdm_arena_printf(arena, "targets[%zu].collections", number);
    struct kdm_str index, name;
    struct kdm_val_iter it;

    if (kdm_val_type(target) != KDM_JSON_OBJECT)
        return fail(builder, KDM_ERR_API_ASSERT_INVALID_TYPE,
                    kdm_arena_printf(arena, "targets[%zu]", number), "object");
    if (!read_name(builder, kdm_val_get(target, KDM_STR("index")),
                   kdm_arena_printf(arena, "targets[%zu].index", number), &index))
        return false;
    if (kdm_val_null(collections))
        return fail(builder, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, path, NULL);
    if (kdm_val_type(collections) != KDM_JSON_ARRAY)
        return fail(builder, KDM_ERR_API_ASSERT_INVALID_TYPE, path, "array");
    if (kdm_val_count(collections) == 0)
        return fail(builder, KDM_ERR_API_ASSERT_EMPTY_ARGUMENT, path, NULL);
    for (kdm_elements(&it, collections); kdm_element_next(&it, &item);)
        if (!read_name(builder, item, path, &name) || !add(builder, index, name))
            return false;
    return true;
}

static bool add_targets(struct builder *builder, struct kdm_val targets)
{
    struct kdm_val_iter it;
    struct kdm_val target;
    size_t number = 0;

    if (kdm_val_count(targets) == 0)
        return fail(builder, KDM_ERR_API_ASSERT_EMPTY_ARGUMENT, KDM_STR("targets"), NULL);
    for (kdm_elements(&it, targets); kdm_element_next(&it, &target);)
        if (!add_target(builder, target, number++))
            return false;
    return true;
}

bool kdm_search_targets(struct kdm_tx *tx, const struct kdm_args *args,
                        struct kdm_search_targets *ret_targets)
{
    struct builder builder = { .tx = tx, .args = args, .complete = true };
    struct kdm_val targets = kdm_args_val(args, KDM_ARG_TARGETS);
    bool named = kdm_args_has(args, KDM_ARG_INDEX) || kdm_args_has(args, KDM_ARG_COLLECTION);
    bool good = kdm_val_none(targets) || (named && kdm_val_count(targets) == 0)
                    ? add_named(&builder)
                    : add_targets(&builder, targets);

    if (!good || !builder.complete)
        return false;
    *ret_targets = builder.targets;
    return true;
}
