/* specification_shape.c - geometric shapes in GeoJSON's notation, with Elasticsearch's two own. */
#include "action/kuzzle/specification_private.h"

/* Coordinates are points in lists in lists: how deep, and what the innermost list must be. */
struct shape {
    const char *name;
    int depth;    /* 0: one point */
    size_t least; /* points of the innermost list */
    size_t most;  /* 0: any */
    bool closed;  /* its first point is its last */
};

enum { CIRCLE = 7, COLLECTION = 8 };

static const struct shape shapes[] = {
    { "point", 0, 0, 0, false },
    { "multipoint", 1, 1, 0, false },
    { "linestring", 1, 2, 0, false },
    { "multilinestring", 2, 2, 0, false },
    { "polygon", 2, 4, 0, true },
    { "multipolygon", 3, 4, 0, true },
    { "envelope", 1, 2, 2, false },
    [CIRCLE] = { "circle", 0, 0, 0, false },
    [COLLECTION] = { "geometrycollection", 0, 0, 0, false },
};
#define SHAPE_COUNT (sizeof(shapes) / sizeof(shapes[0]))

static const struct shape *find_shape(struct kdm_str name)
{
    for (size_t i = 0; i < SHAPE_COUNT; i++)
        if (strlen(shapes[i].name) == name.len
            && strncasecmp(shapes[i].name, name.ptr, name.len) == 0)
            return &shapes[i];
    return NULL;
}

unsigned kdm_spec_shape(struct kdm_str name)
{
    const struct shape *shape = kdm_str_none(name) ? NULL : find_shape(name);

    return shape == NULL ? 0 : 1u << (shape - shapes);
}

static bool is_point(struct kdm_arena *arena, struct kdm_val value, struct kdm_point *ret_point)
{
    return kdm_val_type(value) == KDM_JSON_ARRAY && kdm_geo_point(arena, value, ret_point);
}

static bool is_line(struct kdm_arena *arena, struct kdm_val list, const struct shape *shape)
{
    struct kdm_point first = { 0 }, last = { 0 };
    size_t count = 0;
    struct kdm_val_iter it;
    struct kdm_val item;

    if (kdm_val_type(list) != KDM_JSON_ARRAY)
        return false;
    for (kdm_elements(&it, list); kdm_element_next(&it, &item); count++) {
        if (!is_point(arena, item, &last))
            return false;
        if (count == 0)
            first = last;
    }
    if (count < shape->least || (shape->most > 0 && count > shape->most))
        return false;
    return !shape->closed || (first.lat == last.lat && first.lon == last.lon);
}

static bool has_coordinates(struct kdm_arena *arena, struct kdm_val value,
                            const struct shape *shape, int depth)
{
    struct kdm_point point;
    struct kdm_val_iter it;
    struct kdm_val item;

    if (depth == 0)
        return is_point(arena, value, &point);
    if (depth == 1)
        return is_line(arena, value, shape);
    if (kdm_val_type(value) != KDM_JSON_ARRAY || kdm_val_count(value) == 0)
        return false;
    for (kdm_elements(&it, value); kdm_element_next(&it, &item);)
        if (!has_coordinates(arena, item, shape, depth - 1))
            return false;
    return true;
}

/* 200, "200" or "200m". */
static bool is_radius(struct kdm_arena *arena, struct kdm_val value)
{
    struct kdm_str text = kdm_scalar_text(arena, value);
    struct kdm_number number;

    while (text.len > 0 && (text.ptr[text.len - 1] | 32) >= 'a'
           && (text.ptr[text.len - 1] | 32) <= 'z')
        text.len--;
    return kdm_number_parse(text, &number) && number.d > 0;
}

static bool all_shapes(struct kdm_arena *arena, struct kdm_val geometries)
{
    struct kdm_val_iter it;
    struct kdm_val item;

    if (kdm_val_type(geometries) != KDM_JSON_ARRAY)
        return false;
    for (kdm_elements(&it, geometries); kdm_element_next(&it, &item);)
        if (!kdm_spec_is_shape(arena, item, KDM_SPEC_ALL_SHAPES))
            return false;
    return true;
}

bool kdm_spec_is_shape(struct kdm_arena *arena, struct kdm_val value, unsigned allowed)
{
    struct kdm_str name = kdm_val_str(arena, kdm_val_get(value, KDM_STR("type")));
    const struct shape *shape = kdm_str_none(name) ? NULL : find_shape(name);

    if (shape == NULL || !(allowed & 1u << (shape - shapes)))
        return false;
    if (shape == &shapes[COLLECTION])
        return all_shapes(arena, kdm_val_get(value, KDM_STR("geometries")));
    if (shape == &shapes[CIRCLE] && !is_radius(arena, kdm_val_get(value, KDM_STR("radius"))))
        return false;
    return has_coordinates(arena, kdm_val_get(value, KDM_STR("coordinates")), shape, shape->depth);
}
