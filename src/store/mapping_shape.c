/* mapping_shape.c - what space a shape takes: the box around it.
 * GeoJSON and well-known text, each by one recursive reading that only widens a box. A shape is
 * matched by its box, so nothing else of it is kept.
 */
#include "store/mapping_internal.h"
#include <math.h>

#define MAX_NESTED 20      /* collections and brackets within each other */
#define DEGREE     111195. /* metres, for circles */

struct box {
    double north, west, south, east;
    bool crosses; /* the antimeridian: an envelope from east to west */
    bool any;
};

static bool widen(struct box *box, double lon, double lat)
{
    if (!(fabs(lat) <= 90) || !(fabs(lon) <= 180))
        return false;
    if (box->crosses) { /* something else beside it: all the way round */
        box->west = -180;
        box->east = 180;
        box->crosses = false;
    }
    if (!box->any)
        *box = (struct box){ .north = lat, .west = lon, .south = lat, .east = lon, .any = true };
    box->north = fmax(box->north, lat);
    box->south = fmin(box->south, lat);
    box->west = fmin(box->west, lon);
    box->east = fmax(box->east, lon);
    return true;
}

/* The edges as they are given. */
static bool put_envelope(struct box *box, double west, double east, double north, double south)
{
    bool first = !box->any;

    if (north < south || !widen(box, west, north) || !widen(box, east, south))
        return false;
    if (west > east) {
        box->west = first ? west : -180;
        box->east = first ? east : 180;
        box->crosses = first;
    }
    return true;
}

/* --- GeoJSON ------------------------------------------------------------------------------------
 */

/* Coordinates `levels` brackets deep: 0 is one place. */
static bool read_coordinates(struct kdm_val value, int levels, struct box *box)
{
    struct kdm_val_iter it;
    struct kdm_val element;
    double lon, lat;

    if (kdm_val_type(value) != KDM_JSON_ARRAY)
        return false;
    if (levels == 0)
        return kdm_geo_read_pair(value, &lon, &lat) && widen(box, lon, lat);
    for (kdm_elements(&it, value); kdm_element_next(&it, &element);)
        if (!read_coordinates(element, levels - 1, box))
            return false;
    return kdm_val_count(value) > 0;
}

static bool read_envelope(struct kdm_val value, struct box *box)
{
    struct kdm_val_iter it;
    struct kdm_val first, second;
    double west, north, east, south;

    if (kdm_val_type(value) != KDM_JSON_ARRAY || kdm_val_count(value) != 2)
        return false;
    kdm_elements(&it, value);
    kdm_element_next(&it, &first);
    kdm_element_next(&it, &second);
    return kdm_geo_read_pair(first, &west, &north) && kdm_geo_read_pair(second, &east, &south)
           && put_envelope(box, west, east, north, south);
}

/* "10km", "10m", 10 */
static bool read_radius(struct kdm_arena *arena, struct kdm_val value, double *ret_metres)
{
    struct kdm_str text = kdm_scalar_text(arena, value);
    struct kdm_number number;
    double unit = 1;

    if (kdm_str_none(text) || text.len == 0)
        return false;
    if (text.len > 2 && memcmp(text.ptr + text.len - 2, "km", 2) == 0) {
        unit = 1000;
        text.len -= 2;
    } else if (text.ptr[text.len - 1] == 'm') {
        text.len--;
    }
    if (!kdm_number_parse(text, &number) || number.d < 0)
        return false;
    *ret_metres = number.d * unit;
    return true;
}

static bool read_circle(struct kdm_arena *arena, struct kdm_val object, struct box *box)
{
    double lon, lat, metres, high, wide;

    if (!kdm_geo_read_pair(kdm_val_get(object, KDM_STR("coordinates")), &lon, &lat)
        || !read_radius(arena, kdm_val_get(object, KDM_STR("radius")), &metres)
        || !widen(box, lon, lat))
        return false;
    high = metres / DEGREE;
    wide = fabs(lat) + high < 89 ? high / cos((fabs(lat) + high) * (M_PI / 180)) : 360;
    return widen(box, fmax(lon - wide, -180), fmax(lat - high, -90))
           && widen(box, fmin(lon + wide, 180), fmin(lat + high, 90));
}

static bool is_type(struct kdm_str type, const char *name)
{
    return type.len == strlen(name) && strncasecmp(type.ptr, name, type.len) == 0;
}

static bool read_object(struct kdm_arena *arena, struct kdm_val object, int depth, struct box *box)
{
    static const struct {
        const char *name;
        int levels;
    } types[] = { { "point", 0 },      { "linestring", 1 },      { "polygon", 2 },
                  { "multipoint", 1 }, { "multilinestring", 2 }, { "multipolygon", 3 } };
    struct kdm_str type = kdm_val_str(arena, kdm_val_get(object, KDM_STR("type")));
    struct kdm_val coordinates = kdm_val_get(object, KDM_STR("coordinates"));
    struct kdm_val geometries = kdm_val_get(object, KDM_STR("geometries")), element;
    struct kdm_val_iter it;

    if (kdm_str_none(type) || depth > MAX_NESTED)
        return false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (is_type(type, types[i].name))
            return read_coordinates(coordinates, types[i].levels, box);
    if (is_type(type, "envelope"))
        return read_envelope(coordinates, box);
    if (is_type(type, "circle"))
        return read_circle(arena, object, box);
    if (!is_type(type, "geometrycollection") || kdm_val_type(geometries) != KDM_JSON_ARRAY)
        return false;
    for (kdm_elements(&it, geometries); kdm_element_next(&it, &element);)
        if (!read_object(arena, element, depth + 1, box))
            return false;
    return true;
}

/* --- well-known text ----------------------------------------------------------------------------
 */

static void skip_blanks(struct kdm_str *text)
{
    while (text->len > 0 && memchr(" \t\r\n", text->ptr[0], 4) != NULL)
        *text = kdm_str_from(*text, 1);
}

static bool take(struct kdm_str *text, char c)
{
    skip_blanks(text);
    if (text->len == 0 || text->ptr[0] != c)
        return false;
    *text = kdm_str_from(*text, 1);
    return true;
}

static bool take_number(struct kdm_str *text, double *ret_number)
{
    struct kdm_str digits;
    struct kdm_number number;

    skip_blanks(text);
    digits = (struct kdm_str){ text->ptr, 0 };
    while (digits.len < text->len && digits.ptr[digits.len] != '\0'
           && strchr("+-.0123456789eE", digits.ptr[digits.len]) != NULL)
        digits.len++;
    if (!kdm_number_parse(digits, &number))
        return false;
    *text = kdm_str_from(*text, digits.len);
    *ret_number = number.d;
    return true;
}

/* "lon lat" with a height that is passed over, "lon lat, lon lat", or these in brackets. */
static bool take_places(struct kdm_str *text, int depth, struct box *box)
{
    if (depth > MAX_NESTED)
        return false;
    do {
        double lon, lat, height;

        if (take(text, '(')) {
            if (!take_places(text, depth + 1, box) || !take(text, ')'))
                return false;
        } else if (!take_number(text, &lon) || !take_number(text, &lat) || !widen(box, lon, lat)) {
            return false;
        } else {
            take_number(text, &height);
        }
    } while (take(text, ','));
    return true;
}

static bool take_word(struct kdm_str *text, const char *word)
{
    size_t len = strlen(word);

    skip_blanks(text);
    if (text->len < len || strncasecmp(text->ptr, word, len) != 0)
        return false;
    *text = kdm_str_from(*text, len);
    return true;
}

static bool take_envelope(struct kdm_str *text, struct box *box)
{
    double west, east, north, south;

    return take(text, '(') && take_number(text, &west) && take(text, ',')
           && take_number(text, &east) && take(text, ',') && take_number(text, &north)
           && take(text, ',') && take_number(text, &south) && take(text, ')')
           && put_envelope(box, west, east, north, south);
}

static bool take_shape(struct kdm_str *text, int depth, struct box *box)
{
    static const char *const names[] = { "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON",
                                         "POINT",      "LINESTRING",      "POLYGON" };

    if (depth > MAX_NESTED)
        return false;
    if (take_word(text, "BBOX") || take_word(text, "ENVELOPE"))
        return take_envelope(text, box);
    if (take_word(text, "GEOMETRYCOLLECTION")) {
        if (!take(text, '('))
            return false;
        do {
            if (!take_shape(text, depth + 1, box))
                return false;
        } while (take(text, ','));
        return take(text, ')');
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (take_word(text, names[i]))
            return take(text, '(') && take_places(text, 0, box) && take(text, ')');
    return false;
}

static bool read_shape(struct kdm_arena *arena, struct kdm_val value, struct box *box)
{
    struct kdm_str text;

    if (kdm_val_type(value) == KDM_JSON_OBJECT)
        return read_object(arena, value, 0, box);
    if (kdm_val_type(value) != KDM_JSON_STRING)
        return false;
    text = kdm_val_str(arena, value);
    if (!take_shape(&text, 0, box))
        return false;
    skip_blanks(&text);
    return text.len == 0;
}

bool kdm_geo_shape_valid(struct kdm_arena *arena, struct kdm_val value)
{
    struct box box = { .any = false };

    return read_shape(arena, value, &box);
}

bool kdm_geo_shape_box(struct kdm_arena *arena, struct kdm_val value, struct kdm_point ret_box[2])
{
    struct box box = { .any = false };

    if (!read_shape(arena, value, &box) || !box.any)
        return false;
    ret_box[0] = (struct kdm_point){ .lat = box.north, .lon = box.west };
    ret_box[1] = (struct kdm_point){ .lat = box.south, .lon = box.east };
    return true;
}
