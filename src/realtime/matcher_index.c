/* matcher_index.c - watched conditions at a path, each where a value finds it. */
#include "realtime/matcher_internal.h"
#include <stdlib.h>

/* --- paths where no value is needed ---------------------------------------------------------- */

static bool holds_without_value(const struct kdm_path *path)
{
    return path->missing != NULL || path->negated.count > 0;
}

static void note_absent(struct kdm_space *space, struct kdm_path *path)
{
    if (space->absent_count == space->absent_room) {
        space->absent_room = space->absent_room == 0 ? 4 : 2 * space->absent_room;
        space->absent = kdm_realloc(space->absent, space->absent_room * sizeof(struct kdm_path *));
    }
    path->place = space->absent_count;
    space->absent[space->absent_count++] = path;
}

static void forget_absent(struct kdm_space *space, struct kdm_path *path)
{
    struct kdm_path *last = space->absent[--space->absent_count];

    space->absent[path->place] = last;
    last->place = path->place;
}

static void file_negated(struct kdm_space *space, struct kdm_condition *condition)
{
    struct kdm_path *path = condition->path;
    bool noted = holds_without_value(path);

    if (condition->kind == KDM_QUERY_K_EXISTS)
        path->missing = condition;
    else
        kdm_condition_list_add(&path->negated, condition);
    if (!noted)
        note_absent(space, path);
}

static void unfile_negated(struct kdm_space *space, struct kdm_condition *condition)
{
    struct kdm_path *path = condition->path;

    if (condition->kind == KDM_QUERY_K_EXISTS)
        path->missing = NULL;
    else
        kdm_condition_list_remove(&path->negated, condition);
    if (!holds_without_value(path))
        forget_absent(space, path);
}

/* --- filing ----------------------------------------------------------------------------------- */

static uint64_t value_hash(const struct kdm_condition *condition)
{
    return ((const struct kdm_value_condition *)condition)->value.hash;
}

void kdm_path_file(struct kdm_space *space, struct kdm_condition *condition)
{
    struct kdm_path *path = condition->path;

    if (condition->negated) {
        file_negated(space, condition);
        return;
    }
    switch ((enum kdm_query_kind)condition->kind) {
    case KDM_QUERY_K_EXISTS:
        path->exists = condition;
        break;
    case KDM_QUERY_K_EQUALS:
        kdm_slots_add(&path->equals, value_hash(condition), condition);
        break;
    case KDM_QUERY_K_CONTAINS:
        kdm_slots_add(&path->elements, value_hash(condition), condition);
        break;
    case KDM_QUERY_K_RANGE:
        kdm_ranges_add(&path->ranges, (struct kdm_range_condition *)condition);
        break;
    case KDM_QUERY_K_REGEXP:
        kdm_patterns_add(&path->patterns, (struct kdm_leaf_condition *)condition);
        break;
    case KDM_QUERY_K_GEO_DISTANCE:
    case KDM_QUERY_K_GEO_BOX:
    case KDM_QUERY_K_GEO_POLYGON:
        kdm_places_add(&path->places, (struct kdm_leaf_condition *)condition);
        break;
    default:
        kdm_condition_list_add(&path->others, condition);
    }
}

void kdm_path_unfile(struct kdm_space *space, struct kdm_condition *condition)
{
    struct kdm_path *path = condition->path;

    if (condition->negated) {
        unfile_negated(space, condition);
        return;
    }
    switch ((enum kdm_query_kind)condition->kind) {
    case KDM_QUERY_K_EXISTS:
        path->exists = NULL;
        break;
    case KDM_QUERY_K_EQUALS:
        kdm_slots_remove(&path->equals, value_hash(condition), condition);
        break;
    case KDM_QUERY_K_CONTAINS:
        kdm_slots_remove(&path->elements, value_hash(condition), condition);
        break;
    case KDM_QUERY_K_RANGE:
        kdm_ranges_remove(&path->ranges, (struct kdm_range_condition *)condition);
        break;
    case KDM_QUERY_K_REGEXP:
        kdm_patterns_remove(&path->patterns, (struct kdm_leaf_condition *)condition);
        break;
    case KDM_QUERY_K_GEO_DISTANCE:
    case KDM_QUERY_K_GEO_BOX:
    case KDM_QUERY_K_GEO_POLYGON:
        kdm_places_remove(&path->places, (struct kdm_leaf_condition *)condition);
        break;
    default:
        kdm_condition_list_remove(&path->others, condition);
    }
}

/* --- waking ----------------------------------------------------------------------------------- */

static struct kdm_value_condition *find_value(const struct kdm_slots *slots,
                                              const struct kdm_scalar *scalar)
{
    uint32_t at = kdm_slots_home(slots, scalar->hash);
    struct kdm_value_condition *condition;

    while ((condition = kdm_slots_next(slots, scalar->hash, &at)) != NULL)
        if (kdm_scalar_same(&condition->value, scalar))
            return condition;
    return NULL;
}

static void wake_elements(struct kdm_matching *run, const struct kdm_path *path)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    for (kdm_elements(&it, path->value); kdm_element_next(&it, &element);) {
        struct kdm_value_condition *condition;
        struct kdm_scalar scalar;

        kdm_scalar_read(&run->matcher->seed, run->arena, element, &scalar);
        if (scalar.type == KDM_JSON_NONE)
            continue;
        condition = find_value(&path->elements, &scalar);
        if (condition != NULL)
            kdm_condition_wake(run, &condition->base);
    }
}

static void wake_scalar(struct kdm_matching *run, struct kdm_path *path)
{
    const struct kdm_scalar *scalar;

    if (path->equals.count == 0 && path->ranges == NULL && path->patterns == NULL)
        return;
    scalar = kdm_path_scalar(run, path);
    if (path->equals.count > 0) {
        struct kdm_value_condition *equal = find_value(&path->equals, scalar);

        if (equal != NULL)
            kdm_condition_wake(run, &equal->base);
    }
    if (path->ranges != NULL && scalar->type == KDM_JSON_NUMBER)
        kdm_ranges_wake(run, path->ranges, scalar->number);
    if (path->patterns != NULL && scalar->type == KDM_JSON_STRING)
        kdm_patterns_wake(run, path->patterns, scalar->text);
}

static void wake_asked(struct kdm_matching *run, const struct kdm_condition_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (kdm_condition_holds(run, list->items[i]))
            kdm_condition_wake(run, list->items[i]);
}

void kdm_path_wake(struct kdm_matching *run, struct kdm_path *path)
{
    enum kdm_json_type type = kdm_val_type(path->value);

    if (path->exists != NULL)
        kdm_condition_wake(run, path->exists);
    if (type <= KDM_JSON_STRING)
        wake_scalar(run, path);
    else if (type == KDM_JSON_ARRAY && path->elements.count > 0)
        wake_elements(run, path);
    if (path->places != NULL && !kdm_path_falsy(run, path)) {
        const struct kdm_point *point = kdm_path_place(run, path);

        if (point != NULL)
            kdm_places_wake(run, path->places, *point);
    }
    wake_asked(run, &path->others);
    wake_asked(run, &path->negated);
}

void kdm_path_wake_absent(struct kdm_matching *run, struct kdm_path *path)
{
    if (path->missing != NULL)
        kdm_condition_wake(run, path->missing);
    for (uint32_t i = 0; i < path->negated.count; i++)
        kdm_condition_wake(run, path->negated.items[i]);
}
