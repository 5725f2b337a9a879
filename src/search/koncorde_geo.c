/* koncorde_geo.c - points and distances as Koncorde writes them. */
#include "search/koncorde.h"
#include "store/unicode.h"
#include <math.h>

static bool degrees(struct kdm_arena *arena, struct kdm_val value, double *ret_degrees)
{
    struct kdm_str text = kdm_scalar_text(arena, value);
    struct kdm_number number;

    if (kdm_val_type(value) != KDM_JSON_NUMBER && kdm_val_type(value) != KDM_JSON_STRING)
        return false;
    if (!kdm_number_parse(text, &number))
        return false;
    *ret_degrees = number.d;
    return true;
}

static bool string_point(struct kdm_str text, struct kdm_point *ret_point)
{
    const char *comma = text.len == 0 ? NULL : memchr(text.ptr, ',', text.len);
    struct kdm_number lat, lon;
    size_t at;

    if (comma == NULL) {
        if (text.len < 4)
            return false;
        if (text.len > 12)
            text.len = 12;
        return kdm_geohash(text, ret_point);
    }
    at = (size_t)(comma - text.ptr);
    if (!kdm_number_parse(kdm_str_trimmed((struct kdm_str){ text.ptr, at }), &lat)
        || !kdm_number_parse(kdm_str_trimmed(kdm_str_from(text, at + 1)), &lon))
        return false;
    *ret_point = (struct kdm_point){ .lat = lat.d, .lon = lon.d };
    return true;
}

bool kdm_koncorde_point(struct kdm_arena *arena, struct kdm_val value, struct kdm_point *ret_point)
{
    struct kdm_val inner, lat, lon;
    struct kdm_point point;
    struct kdm_val_iter it;

    switch (kdm_val_type(value)) {
    case KDM_JSON_STRING:
        return string_point(kdm_val_str(arena, value), ret_point);
    case KDM_JSON_ARRAY:
        kdm_elements(&it, value);
        if (kdm_val_count(value) != 2 || !kdm_element_next(&it, &lat)
            || !kdm_element_next(&it, &lon))
            return false;
        break;
    case KDM_JSON_OBJECT:
        inner = kdm_val_get(value, KDM_STR("latLon"));
        if (kdm_val_none(inner))
            inner = kdm_val_get(value, KDM_STR("lat_lon"));
        if (!kdm_val_none(inner))
            return kdm_koncorde_point(arena, inner, ret_point);
        lat = kdm_val_get(value, KDM_STR("lat"));
        lon = kdm_val_get(value, KDM_STR("lon"));
        break;
    default:
        return false;
    }
    if (!degrees(arena, lat, &point.lat) || !degrees(arena, lon, &point.lon))
        return false;
    *ret_point = point;
    return true;
}

/* --- distances -------------------------------------------------------------------------------- */

struct unit {
    const char *name;
    double factor;
};

static const struct unit bases[] = {
    { "m", 1 },          { "meter", 1 },       { "meters", 1 },     { "ft", 0.3048 },
    { "feet", 0.3048 },  { "in", 0.0254 },     { "inch", 0.0254 },  { "inches", 0.0254 },
    { "yd", 0.9144 },    { "yard", 0.9144 },   { "yards", 0.9144 }, { "mi", 1609.34 },
    { "mile", 1609.34 }, { "miles", 1609.34 },
};

static const struct unit prefixes[] = {
    { "", 1 },         { "yotta", 1e24 }, { "zetta", 1e21 }, { "exa", 1e18 },    { "peta", 1e15 },
    { "tera", 1e12 },  { "giga", 1e9 },   { "mega", 1e6 },   { "kilo", 1e3 },    { "hecto", 1e2 },
    { "deca", 10 },    { "deka", 10 },    { "deci", 0.1 },   { "centi", 0.01 },  { "milli", 1e-3 },
    { "micro", 1e-6 }, { "nano", 1e-9 },  { "pico", 1e-12 }, { "femto", 1e-15 }, { "atto", 1e-18 },
    { "k", 1e3 },      { "h", 1e2 },      { "da", 10 },      { "d", 0.1 },       { "c", 0.01 },
    { "m", 1e-3 },     { "mu", 1e-6 },    { "n", 1e-9 },     { "p", 1e-12 },     { "f", 1e-15 },
    { "g", 1e9 },      { "t", 1e12 },
};

static bool find_unit(struct kdm_str text, double *ret_factor)
{
    for (size_t p = 0; p < sizeof(prefixes) / sizeof(prefixes[0]); p++) {
        struct kdm_str prefix = kdm_str_of(prefixes[p].name), rest;

        if (!kdm_str_starts(text, prefix))
            continue;
        rest = kdm_str_from(text, prefix.len);
        for (size_t b = 0; b < sizeof(bases) / sizeof(bases[0]); b++) {
            if (!kdm_str_eq(rest, kdm_str_of(bases[b].name)))
                continue;
            *ret_factor = prefixes[p].factor * bases[b].factor;
            return true;
        }
    }
    return false;
}

bool kdm_koncorde_distance(struct kdm_str text, double *ret_metres)
{
    char number[40], unit[32];
    size_t digits = 0, letters = 0;
    struct kdm_number value;
    double factor;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '-' || c == ' ')
            continue;
        if (letters == 0 && ((c >= '0' && c <= '9') || c == '.' || c == ',')) {
            if (digits >= sizeof(number))
                return false;
            number[digits++] = c == ',' ? '.' : c;
        } else if (letters < sizeof(unit) && (unsigned char)c < 0x80
                   && kdm_unicode_letter((unsigned char)c)) {
            unit[letters++] = (char)kdm_unicode_lower((unsigned char)c);
        } else {
            return false;
        }
    }
    if (!kdm_number_parse((struct kdm_str){ number, digits }, &value))
        return false;
    if (!find_unit((struct kdm_str){ unit, letters }, &factor)) {
        if (letters < 2 || unit[letters - 1] != 's'
            || !find_unit((struct kdm_str){ unit, letters - 1 }, &factor))
            return false;
    }
    /* To the micrometre, which is as exactly as a filter's canonical text can say it. */
    *ret_metres = round(value.d * factor * 1e6) / 1e6;
    return true;
}
