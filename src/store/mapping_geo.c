/* mapping_geo.c - points in all notations of Elasticsearch. */
#include "store/mapping_internal.h"
#include <math.h>

static bool make_point(double lat, double lon, struct kdm_point *ret_point)
{
    if (!(fabs(lat) <= 90) || !(fabs(lon) <= 180))
        return false;
    *ret_point = (struct kdm_point){ .lat = lat, .lon = lon };
    return true;
}

static bool text_degrees(struct kdm_str text, double *ret_degrees)
{
    struct kdm_number number;

    if (!kdm_number_parse(kdm_str_trimmed(text), &number))
        return false;
    *ret_degrees = number.d;
    return true;
}

/* A number, or a string that holds one. */
static bool degrees(struct kdm_arena *arena, struct kdm_val value, double *ret_degrees)
{
    if (kdm_val_type(value) == KDM_JSON_STRING)
        return text_degrees(kdm_val_str(arena, value), ret_degrees);
    return kdm_val_double(value, ret_degrees);
}

/* [0]: longitudes, [1]: latitudes */
struct cell {
    double low[2], high[2];
};

static bool read_geohash(struct kdm_str text, struct cell *ret_cell)
{
    static const char digits[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    struct cell cell = { .low = { -180, -90 }, .high = { 180, 90 } };
    int axis = 0;

    if (text.len == 0 || text.len > 12)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? (char)(text.ptr[i] + 32) : text.ptr[i];
        const char *found = c == '\0' ? NULL : strchr(digits, c);

        if (found == NULL)
            return false;
        for (int bit = 4; bit >= 0; bit--, axis = !axis) {
            double middle = (cell.low[axis] + cell.high[axis]) / 2;

            if ((found - digits) >> bit & 1)
                cell.low[axis] = middle;
            else
                cell.high[axis] = middle;
        }
    }
    *ret_cell = cell;
    return true;
}

bool kdm_geohash(struct kdm_str text, struct kdm_point *ret_point)
{
    struct cell cell;

    return read_geohash(text, &cell)
           && make_point((cell.low[1] + cell.high[1]) / 2, (cell.low[0] + cell.high[0]) / 2,
                         ret_point);
}

/* "POINT (lon lat)", any case, a third number is ignored. */
static bool wkt_point(struct kdm_str text, struct kdm_point *ret_point)
{
    double values[3];
    size_t count = 0;

    if (text.len < 5 || strncasecmp(text.ptr, "point", 5) != 0)
        return false;
    text = kdm_str_trimmed(kdm_str_from(text, 5));
    if (text.len < 2 || text.ptr[0] != '(' || text.ptr[text.len - 1] != ')')
        return false;
    text = kdm_str_trimmed((struct kdm_str){ text.ptr + 1, text.len - 2 });
    while (text.len > 0 && count < 3) {
        const char *blank = memchr(text.ptr, ' ', text.len);
        size_t len = blank == NULL ? text.len : (size_t)(blank - text.ptr);

        if (!text_degrees((struct kdm_str){ text.ptr, len }, &values[count++]))
            return false;
        text = kdm_str_trimmed(kdm_str_from(text, len));
    }
    return text.len == 0 && count >= 2 && make_point(values[1], values[0], ret_point);
}

static bool string_point(struct kdm_str text, struct kdm_point *ret_point)
{
    const char *comma = text.len == 0 ? NULL : memchr(text.ptr, ',', text.len);
    double lat, lon;
    size_t at;

    if (wkt_point(text, ret_point))
        return true;
    if (comma == NULL)
        return kdm_geohash(text, ret_point);
    at = (size_t)(comma - text.ptr);
    return text_degrees((struct kdm_str){ text.ptr, at }, &lat)
           && text_degrees(kdm_str_from(text, at + 1), &lon) && make_point(lat, lon, ret_point);
}

bool kdm_geo_read_pair(struct kdm_val value, double *ret_lon, double *ret_lat)
{
    struct kdm_val_iter it;
    struct kdm_val element;
    double numbers[3];
    size_t count = 0;

    if (kdm_val_type(value) != KDM_JSON_ARRAY || kdm_val_count(value) < 2
        || kdm_val_count(value) > 3)
        return false;
    for (kdm_elements(&it, value); kdm_element_next(&it, &element);)
        if (!kdm_val_double(element, &numbers[count++]))
            return false;
    *ret_lon = numbers[0];
    *ret_lat = numbers[1];
    return true;
}

static bool pair_point(struct kdm_val pair, struct kdm_point *ret_point)
{
    double lon, lat;

    return kdm_geo_read_pair(pair, &lon, &lat) && make_point(lat, lon, ret_point);
}

static bool object_point(struct kdm_arena *arena, struct kdm_val object,
                         struct kdm_point *ret_point)
{
    struct kdm_val geohash = kdm_val_get(object, KDM_STR("geohash"));
    double lat, lon;

    if (kdm_val_count(object) == 1 && kdm_val_type(geohash) == KDM_JSON_STRING)
        return kdm_geohash(kdm_val_str(arena, geohash), ret_point);
    if (kdm_val_count(object) != 2)
        return false;
    if (kdm_val_str_eq(kdm_val_get(object, KDM_STR("type")), KDM_STR("Point")))
        return pair_point(kdm_val_get(object, KDM_STR("coordinates")), ret_point);
    return degrees(arena, kdm_val_get(object, KDM_STR("lat")), &lat)
           && degrees(arena, kdm_val_get(object, KDM_STR("lon")), &lon)
           && make_point(lat, lon, ret_point);
}

bool kdm_geo_is_pair(struct kdm_val array)
{
    struct kdm_val_iter it;
    struct kdm_val value;

    if (kdm_val_type(array) != KDM_JSON_ARRAY)
        return false;
    kdm_elements(&it, array);
    return kdm_element_next(&it, &value) && kdm_val_type(value) == KDM_JSON_NUMBER;
}

bool kdm_geo_point(struct kdm_arena *arena, struct kdm_val value, struct kdm_point *ret_point)
{
    switch (kdm_val_type(value)) {
    case KDM_JSON_STRING:
        return string_point(kdm_val_str(arena, value), ret_point);
    case KDM_JSON_ARRAY:
        return pair_point(value, ret_point);
    case KDM_JSON_OBJECT:
        return object_point(arena, value, ret_point);
    default:
        return false;
    }
}

bool kdm_geo_corner(struct kdm_arena *arena, struct kdm_val value, bool north, bool west,
                    struct kdm_point *ret_point)
{
    struct kdm_val geohash = kdm_val_get(value, KDM_STR("geohash"));
    struct kdm_str text = kdm_val_str(arena, kdm_val_none(geohash) ? value : geohash);
    struct cell cell;

    if (kdm_str_none(text) || !read_geohash(text, &cell))
        return kdm_geo_point(arena, value, ret_point);
    return make_point(north ? cell.high[1] : cell.low[1], west ? cell.low[0] : cell.high[0],
                      ret_point);
}

bool kdm_field_point(const struct kdm_field *field, struct kdm_arena *arena, struct kdm_val value,
                     struct kdm_point *ret_point)
{
    if (kdm_val_type(value) == KDM_JSON_NULL && !kdm_val_none(value)
        && !kdm_str_none(field->null_value))
        value = kdm_json_parse(arena, field->null_value);
    return kdm_geo_point(arena, value, ret_point);
}
