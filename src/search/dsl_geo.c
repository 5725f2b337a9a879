/* dsl_geo.c - clauses about places: geo_distance, geo_bounding_box, geo_polygon, geo_shape. */
#include "search/parse.h"
#include <math.h>

bool kdm_geo_metres(struct kdm_str text, double *ret_metres)
{
    static const struct {
        const char *name;
        double metres;
    } units[] = { { "", 1 },
                  { "m", 1 },
                  { "meters", 1 },
                  { "km", 1000 },
                  { "kilometers", 1000 },
                  { "cm", 0.01 },
                  { "centimeters", 0.01 },
                  { "mm", 0.001 },
                  { "millimeters", 0.001 },
                  { "mi", 1609.344 },
                  { "miles", 1609.344 },
                  { "yd", 0.9144 },
                  { "yards", 0.9144 },
                  { "ft", 0.3048 },
                  { "feet", 0.3048 },
                  { "in", 0.0254 },
                  { "inch", 0.0254 },
                  { "nmi", 1852 },
                  { "NM", 1852 },
                  { "nauticalmiles", 1852 } };
    struct kdm_number number;
    size_t digits = 0;

    while (digits < text.len && strchr("0123456789.+-", text.ptr[digits]) != NULL
           && text.ptr[digits] != '\0')
        digits++;
    if (!kdm_number_parse((struct kdm_str){ text.ptr, digits }, &number) || number.d < 0)
        return false;
    text = kdm_str_from(text, digits);
    while (text.len > 0 && text.ptr[0] == ' ')
        text = kdm_str_from(text, 1);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!kdm_str_eq(text, kdm_str_of(units[i].name)))
            continue;
        *ret_metres = number.d * units[i].metres;
        return true;
    }
    return false;
}

struct place {
    struct kdm_str name;
    const struct kdm_field *field; /* NULL: not mapped */
    struct kdm_val value;
};

/* `shapes`: the field may be a geo_shape. The member that is neither a parameter in `known` nor a
 * common one is the field. */
static bool read_place(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val body,
                       const char *const *known, bool shapes, struct place *ret_place, float *boost)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;
    bool ignored = false;
    double number;

    *ret_place = (struct place){ .name = KDM_STR_NONE };
    for (kdm_members(&it, body); kdm_member_next(&it, &name, &value);) {
        bool param = kdm_val_str_eq(name, KDM_STR("_name"));

        if (kdm_val_str_eq(name, KDM_STR("boost")) && kdm_val_double(value, &number)) {
            *boost = (float)number;
            param = true;
        }
        for (size_t i = 0; known[i] != NULL && !param; i++)
            param = kdm_val_str_eq(name, kdm_str_of(known[i]));
        if (param)
            continue;
        if (!kdm_str_none(ret_place->name))
            return kdm_query_fail(parser, clause, "does not support \"%s\"",
                                  kdm_query_shown(parser, kdm_val_str(parser->arena, name)))
                   != NULL;
        ret_place->name = kdm_val_str(parser->arena, name);
        ret_place->value = value;
    }
    if (kdm_str_none(ret_place->name))
        return kdm_query_fail(parser, clause, "needs a field") != NULL;
    if (!kdm_query_bool_param(parser, clause, body, "ignore_unmapped", &ignored)
        || !kdm_query_field(parser, clause, ret_place->name, &ret_place->field))
        return false;
    if (ret_place->field == NULL && !ignored)
        return kdm_query_fail(parser, clause, "the field \"%s\" is not mapped",
                              kdm_query_shown(parser, ret_place->name))
               != NULL;
    if (ret_place->field == NULL || ret_place->field->type == KDM_FIELD_GEO_POINT
        || (shapes && ret_place->field->type == KDM_FIELD_GEO_SHAPE))
        return true;
    return kdm_query_fail(parser, clause, "the field \"%s\" is not a geo_point",
                          kdm_query_shown(parser, ret_place->name))
           != NULL;
}

static struct kdm_query *geo_query(struct kdm_query_parser *parser, enum kdm_query_kind kind,
                                   const struct place *place, size_t points, float boost)
{
    struct kdm_query *query = kdm_query_new(parser, place->field == NULL ? KDM_QUERY_NONE : kind);

    query->field = place->field;
    query->boost = boost;
    query->points = kdm_arena_zalloc(parser->arena, (points + 1) * sizeof(*query->points));
    query->point_count = points;
    return query;
}

struct kdm_query *kdm_clause_geo_distance(struct kdm_query_parser *parser, struct kdm_str clause,
                                          struct kdm_val body)
{
    static const char *const known[] = { "distance",          "distance_type",   "unit",
                                         "validation_method", "ignore_unmapped", NULL };
    struct kdm_str distance =
        kdm_scalar_text(parser->arena, kdm_val_get(body, KDM_STR("distance")));
    struct kdm_str unit = kdm_val_str(parser->arena, kdm_val_get(body, KDM_STR("unit")));
    struct kdm_query *query;
    struct place place;
    float boost = 1;
    struct kdm_number number;

    if (!read_place(parser, clause, body, known, false, &place, &boost))
        return NULL;
    query = geo_query(parser, KDM_QUERY_GEO_DISTANCE, &place, 1, boost);
    if (!kdm_geo_point(parser->arena, place.value, &query->points[0]))
        return kdm_query_fail(parser, clause, "\"%s\" needs a point",
                              kdm_query_shown(parser, place.name));
    if (!kdm_str_none(unit) && !kdm_str_none(distance) && kdm_number_parse(distance, &number))
        distance =
            kdm_arena_printf(parser->arena, KDM_FMT KDM_FMT, KDM_ARG(distance), KDM_ARG(unit));
    if (kdm_str_none(distance) || !kdm_geo_metres(distance, &query->far))
        return kdm_query_fail(parser, clause, "needs a \"distance\" like \"10km\"");
    return query;
}

static bool edge(struct kdm_query_parser *parser, struct kdm_val box, const char *name,
                 double *ret_degrees)
{
    struct kdm_number number;
    struct kdm_str text = kdm_scalar_text(parser->arena, kdm_val_get(box, kdm_str_of(name)));

    if (kdm_str_none(text) || !kdm_number_parse(text, &number))
        return false;
    *ret_degrees = number.d;
    return true;
}

/* "top_left" and the like. */
static bool corner(struct kdm_query_parser *parser, struct kdm_val box, const char *name,
                   const char *alias, struct kdm_point *ret_point)
{
    struct kdm_val value = kdm_val_get(box, kdm_str_of(name));

    if (kdm_val_none(value))
        value = kdm_val_get(box, kdm_str_of(alias));
    return !kdm_val_none(value)
           && kdm_geo_corner(parser->arena, value, name[0] == 't',
                             strcmp(strchr(name, '_'), "_left") == 0, ret_point);
}

/* "BBOX (minlon, maxlon, maxlat, minlat)" */
static bool read_wkt(struct kdm_query_parser *parser, struct kdm_val text, struct kdm_point *points)
{
    struct kdm_str begin = kdm_str_trimmed(kdm_val_str(parser->arena, text));

    return begin.len > 4 && strncasecmp(begin.ptr, "BBOX", 4) == 0
           && kdm_geo_shape_box(parser->arena, text, points);
}

/* Two opposite corners, four edges, or well-known text. */
static bool read_box(struct kdm_query_parser *parser, struct kdm_val box, struct kdm_point *points)
{
    struct kdm_point a, b;

    if (kdm_val_count(box) == 1)
        return read_wkt(parser, kdm_val_get(box, KDM_STR("wkt")), points);
    if (kdm_val_count(box) == 2 && corner(parser, box, "top_left", "topLeft", &points[0])
        && corner(parser, box, "bottom_right", "bottomRight", &points[1]))
        return true;
    if (kdm_val_count(box) == 2 && corner(parser, box, "top_right", "topRight", &a)
        && corner(parser, box, "bottom_left", "bottomLeft", &b)) {
        points[0] = (struct kdm_point){ .lat = a.lat, .lon = b.lon };
        points[1] = (struct kdm_point){ .lat = b.lat, .lon = a.lon };
        return true;
    }
    return kdm_val_count(box) == 4 && edge(parser, box, "top", &points[0].lat)
           && edge(parser, box, "left", &points[0].lon)
           && edge(parser, box, "bottom", &points[1].lat)
           && edge(parser, box, "right", &points[1].lon);
}

struct kdm_query *kdm_clause_geo_bounding_box(struct kdm_query_parser *parser,
                                              struct kdm_str clause, struct kdm_val body)
{
    static const char *const known[] = { "type", "validation_method", "ignore_unmapped", NULL };
    struct kdm_query *query;
    struct place place;
    float boost = 1;

    if (!read_place(parser, clause, body, known, false, &place, &boost))
        return NULL;
    query = geo_query(parser, KDM_QUERY_GEO_BOX, &place, 2, boost);
    if (!read_box(parser, place.value, query->points))
        return kdm_query_fail(parser, clause,
                              "\"%s\" needs two opposite corners, four edges or \"wkt\"",
                              kdm_query_shown(parser, place.name));
    if (query->points[0].lat < query->points[1].lat)
        return kdm_query_fail(parser, clause, "the box's top lies below its bottom");
    return query;
}

struct kdm_query *kdm_clause_geo_polygon(struct kdm_query_parser *parser, struct kdm_str clause,
                                         struct kdm_val body)
{
    static const char *const known[] = { "validation_method", "ignore_unmapped", NULL };
    struct kdm_val points, value;
    struct kdm_query *query;
    struct kdm_val_iter it;
    struct place place;
    float boost = 1;
    size_t count = 0;

    if (!read_place(parser, clause, body, known, false, &place, &boost))
        return NULL;
    points = kdm_val_get(place.value, KDM_STR("points"));
    if (kdm_val_type(points) != KDM_JSON_ARRAY || kdm_val_count(points) < 3
        || kdm_val_count(points) > 10000 || kdm_val_count(place.value) != 1)
        return kdm_query_fail(parser, clause, "needs \"points\": an array of at least 3");
    query = geo_query(parser, KDM_QUERY_GEO_POLYGON, &place, kdm_val_count(points), boost);
    for (kdm_elements(&it, points); kdm_element_next(&it, &value);)
        if (!kdm_geo_point(parser->arena, value, &query->points[count++]))
            return kdm_query_fail(parser, clause, "one of its \"points\" is none");
    return query;
}

static bool read_relation(struct kdm_query_parser *parser, struct kdm_str clause,
                          struct kdm_val value, struct kdm_query *query)
{
    static const char *const names[] = { "intersects", "disjoint", "within", "contains" };
    struct kdm_str name = kdm_val_str(parser->arena, value);

    if (kdm_val_null(value))
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (name.len == strlen(names[i]) && strncasecmp(name.ptr, names[i], name.len) == 0) {
            query->relation = (uint8_t)i;
            return true;
        }
    return kdm_query_fail(parser, clause, "the \"relation\" is not known") != NULL;
}

struct kdm_query *kdm_clause_geo_shape(struct kdm_query_parser *parser, struct kdm_str clause,
                                       struct kdm_val body)
{
    static const char *const known[] = { "ignore_unmapped", NULL };
    static const char *const inner[] = { "shape", "relation", NULL };
    struct kdm_query *query;
    struct place place;
    float boost = 1;

    if (!read_place(parser, clause, body, known, true, &place, &boost))
        return NULL;
    if (kdm_val_type(place.value) != KDM_JSON_OBJECT)
        return kdm_query_fail(parser, clause, "\"%s\" needs an object with a \"shape\"",
                              kdm_query_shown(parser, place.name));
    query = geo_query(parser, KDM_QUERY_GEO_SHAPE, &place, 2, boost);
    if (!kdm_query_params(parser, clause, place.value, inner, &query->boost)
        || !read_relation(parser, clause, kdm_val_get(place.value, KDM_STR("relation")), query))
        return NULL;
    if (!kdm_geo_shape_box(parser->arena, kdm_val_get(place.value, KDM_STR("shape")),
                           query->points))
        return kdm_query_fail(parser, clause, "\"%s\" needs a \"shape\"",
                              kdm_query_shown(parser, place.name));
    return query;
}
