/* sort_distance.c - how far a document's places are from where it was asked. */
#include "search/geometry.h"
#include "search/search_internal.h"
#include <math.h>
#include <stdlib.h>

#define MAX_POINTS 100

static bool fail(struct kdm_query_parser *parser, const char *text)
{
    return kdm_query_fail(parser, KDM_STR("_geo_distance"), "%s", text) != NULL;
}

/* --- parsing ---------------------------------------------------------------------------------- */

static bool add_point(struct kdm_query_parser *parser, struct kdm_val value, struct kdm_sort *sort)
{
    if (sort->point_count == MAX_POINTS)
        return fail(parser, "can't have more than 100 points");
    return kdm_geo_point(parser->arena, value, &sort->points[sort->point_count++])
           || fail(parser, "one of its points is none");
}

/* One point in any notation, or an array of them. */
static bool read_points(struct kdm_query_parser *parser, struct kdm_val value,
                        struct kdm_sort *sort)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    sort->points = kdm_arena_alloc(parser->arena, MAX_POINTS * sizeof(*sort->points));
    if (kdm_val_type(value) != KDM_JSON_ARRAY || kdm_geo_is_pair(value))
        return add_point(parser, value, sort);
    for (kdm_elements(&it, value); kdm_element_next(&it, &element);)
        if (!add_point(parser, element, sort))
            return false;
    return sort->point_count > 0 || fail(parser, "needs a point");
}

/* The member that is no parameter is the field. */
static bool read_place(struct kdm_query_parser *parser, struct kdm_val body, bool unmapped,
                       struct kdm_sort *sort)
{
    static const char *const params[] = { "order",
                                          "unit",
                                          "mode",
                                          "distance_type",
                                          "ignore_unmapped",
                                          "unmapped_type",
                                          "validation_method" };
    struct kdm_str path = KDM_STR_NONE;
    struct kdm_val_iter it;
    struct kdm_val name, value, points = KDM_VAL_NONE;

    for (kdm_members(&it, body); kdm_member_next(&it, &name, &value);) {
        bool param = false;

        for (size_t i = 0; i < sizeof(params) / sizeof(params[0]); i++)
            param |= kdm_val_str_eq(name, kdm_str_of(params[i]));
        if (param)
            continue;
        if (!kdm_str_none(path))
            return kdm_query_fail(parser, KDM_STR("_geo_distance"), "does not support \"%s\"",
                                  kdm_query_shown(parser, kdm_val_str(parser->arena, name)))
                   != NULL;
        path = kdm_val_str(parser->arena, name);
        points = value;
    }
    if (kdm_str_none(path))
        return fail(parser, "needs a field");
    sort->field = parser->mapping == NULL ? NULL : kdm_mapping_find(parser->mapping, path);
    if (sort->field == NULL ? !unmapped : sort->field->type != KDM_FIELD_GEO_POINT)
        return kdm_query_fail(parser, KDM_STR("_geo_distance"),
                              "the field \"%s\" is not mapped as a geo_point",
                              kdm_query_shown(parser, path))
               != NULL;
    return read_points(parser, points, sort);
}

bool kdm_sort_distance_parse(struct kdm_query_parser *parser, struct kdm_val body,
                             struct kdm_sort *sort)
{
    struct kdm_val order = kdm_val_get(body, KDM_STR("order"));
    struct kdm_val mode = kdm_val_get(body, KDM_STR("mode"));
    struct kdm_val unit = kdm_val_get(body, KDM_STR("unit"));
    struct kdm_val type = kdm_val_get(body, KDM_STR("distance_type"));
    bool unmapped = !kdm_val_null(kdm_val_get(body, KDM_STR("unmapped_type")));
    struct kdm_buf one;

    if (kdm_val_type(body) != KDM_JSON_OBJECT)
        return fail(parser, "must be an object");
    if (!kdm_query_bool_param(parser, KDM_STR("_geo_distance"), body, "ignore_unmapped", &unmapped)
        || !read_place(parser, body, unmapped, sort)
        || (!kdm_val_null(order) && !kdm_sort_order_parse(parser, order, sort)))
        return false;
    sort->kind = KDM_SORT_DISTANCE;
    sort->missing_first = sort->descending; /* what is nowhere is infinitely far */
    sort->mode = sort->descending ? KDM_MODE_MAX : KDM_MODE_MIN;
    if (!kdm_val_null(mode) && !kdm_sort_mode_parse(parser, mode, sort))
        return false;
    if (sort->mode == KDM_MODE_SUM)
        return fail(parser, "the mode \"sum\" is not for distances");
    if (!kdm_val_null(type) && !kdm_val_str_eq(type, KDM_STR("arc"))
        && !kdm_val_str_eq(type, KDM_STR("plane")))
        return fail(parser, "\"distance_type\" must be \"arc\" or \"plane\"");
    kdm_buf_init(&one, parser->arena, 32);
    kdm_buf_char(&one, '1');
    if (!kdm_val_null(unit))
        kdm_buf_put(&one, kdm_scalar_text(parser->arena, unit));
    return kdm_geo_metres(kdm_buf_str(&one), &sort->unit)
           || fail(parser, "the \"unit\" is not known");
}

/* --- measuring -------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(const struct kdm_sort *sort, const struct kdm_point *points, size_t count)
{
    size_t all = count * sort->point_count, at = 0;
    double *distances = kdm_malloc(all * sizeof(*distances)), middle;

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < sort->point_count; j++)
            distances[at++] = kdm_geo_sphere(points[i], sort->points[j]);
    qsort(distances, all, sizeof(*distances), compare);
    middle = (distances[(all - 1) / 2] + distances[all / 2]) / 2;
    free(distances);
    return middle;
}

/* From each of its places to each point, and of all these what the mode says. */
double kdm_sort_distance(const struct kdm_sort *sort, const struct kdm_point *points, size_t count)
{
    double least = INFINITY, most = 0, sum = 0;

    if (sort->mode == KDM_MODE_MEDIAN)
        return median(sort, points, count) / sort->unit;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < sort->point_count; j++) {
            double distance = kdm_geo_sphere(points[i], sort->points[j]);

            least = fmin(least, distance);
            most = fmax(most, distance);
            sum += distance;
        }
    if (sort->mode == KDM_MODE_AVG)
        return sum / (double)(count * sort->point_count) / sort->unit;
    return (sort->mode == KDM_MODE_MAX ? most : least) / sort->unit;
}
