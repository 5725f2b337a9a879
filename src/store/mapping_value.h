/* mapping_value.h - a document's value as its field's type reads it.
 * The check before a write and the evaluation of a query both read values here, so what is accepted
 * and what is found can't drift apart. Pure functions, any thread; the arena only holds strings
 * that had to be unescaped.
 */
#ifndef KDM_STORE_MAPPING_VALUE_H
#define KDM_STORE_MAPPING_VALUE_H

#include "store/mapping.h"

/* A number without loss: whole ones within 64 bits exactly, all others as double. */
struct kdm_number {
    bool whole;
    int64_t i; /* when whole */
    double d;  /* always, rounded when it must be */
};

struct kdm_number kdm_number_int(int64_t value);
struct kdm_number kdm_number_double(double value);
/* By value, exactly also between a whole one and a double; <0, 0, >0. */
int kdm_number_cmp(struct kdm_number a, struct kdm_number b);
/* A JSON number's text, or the same written in a string. false when it is none or beyond double
 * range. */
bool kdm_number_parse(struct kdm_str text, struct kdm_number *ret_number);

/* --- keys ------------------------------------------------------------------------------------ */

/* What a value is compared by: text for keyword, ip (16 bytes) and the like, a number for numeric
 * fields, dates (ms since 1970) and booleans (0, 1). */
struct kdm_key {
    bool is_text;
    struct kdm_str text;
    struct kdm_number number;
};

/* Text before numbers, then by value: a total order. */
int kdm_key_cmp(const struct kdm_key *a, const struct kdm_key *b);

enum kdm_key_result {
    KDM_KEY_OK,
    KDM_KEY_NONE, /* nothing to be found here: "" for a boolean, longer than ignore_above, .. */
    KDM_KEY_BAD   /* not of the field's type */
};

/* The key of one scalar of a document. Types without keys (text, objects, geo) give the text of a
 * keyword for text, else BAD. */
enum kdm_key_result kdm_field_key(const struct kdm_field *field, struct kdm_arena *arena,
                                  struct kdm_val value, struct kdm_key *ret_key);

/* A scalar's characters: a string's own, "12" of 12, "true" of true. None for null and the rest. */
struct kdm_str kdm_scalar_text(struct kdm_arena *arena, struct kdm_val value);

/* --- dates ------------------------------------------------------------------------------------ */

struct kdm_date_format;

/* The format of a date field that names none: strict_date_optional_time||epoch_millis. Static. */
const struct kdm_date_format *kdm_date_format_default(void);

/* Compiles "yyyy-MM-dd||epoch_millis": names of Elasticsearch's formats and patterns, tried in
 * order. The result is in `arena`. NULL when one of them is unknown or not supported. */
const struct kdm_date_format *kdm_date_format_create(struct kdm_arena *arena, struct kdm_str text);

/* How dates are written: the first of its formats as a pattern in letters of Java's, where 'f' is a
 * fraction, 'Q' a zone as ISO writes it and brackets hold what may be left out; "epoch_millis",
 * "epoch_second"; none: in full as ISO-8601 has it. Lent. */
struct kdm_str kdm_date_format_pattern(const struct kdm_date_format *format);

/* false when no format reads all of `text`. `round_up` fills what is not given of hour, minute,
 * second and millisecond with its last value instead of its first. */
bool kdm_date_parse(const struct kdm_date_format *format, struct kdm_str text, bool round_up,
                    int64_t *ret_ms);

/* The same, and *ret_local tells whether the text names no offset from UTC, so that it may be meant
 * as local time of somewhere. */
bool kdm_date_parse_local(const struct kdm_date_format *format, struct kdm_str text, bool round_up,
                          int64_t *ret_ms, bool *ret_local);

/* Is `text` what dynamic mapping takes for a date: ISO-8601 with at least a day? */
bool kdm_date_detect(struct kdm_str text);

/* Days since 1970-01-01 of a day of the Gregorian calendar, and back. */
int64_t kdm_date_days(int64_t year, int month, int day);
void kdm_date_civil(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);

/* --- points and addresses ------------------------------------------------------------------------
 */

struct kdm_point {
    double lat, lon;
};

/* One point in Elasticsearch's notations: {"lat","lon"}, "lat,lon", geohash, [lon,lat] or "POINT
 * (lon lat)", GeoJSON {"type":"Point","coordinates":[lon,lat]} too. false also beyond +-90 and
 * +-180. */
bool kdm_geo_point(struct kdm_arena *arena, struct kdm_val value, struct kdm_point *ret_point);

/* The same as a corner of a box: of a geohash it is the corner of its cell. */
bool kdm_geo_corner(struct kdm_arena *arena, struct kdm_val value, bool north, bool west,
                    struct kdm_point *ret_point);

/* The point that a document's value is in a geo_point field: null is the field's null_value. */
bool kdm_field_point(const struct kdm_field *field, struct kdm_arena *arena, struct kdm_val value,
                     struct kdm_point *ret_point);

/* The box around a shape in GeoJSON or well-known text: its top left and bottom right corners; the
 * left is east of the right when an envelope crosses the antimeridian. false: it is no shape, or a
 * collection of none. */
bool kdm_geo_shape_box(struct kdm_arena *arena, struct kdm_val value, struct kdm_point ret_box[2]);

bool kdm_geo_shape_valid(struct kdm_arena *arena, struct kdm_val value);

/* The middle of a geohash's cell. */
bool kdm_geohash(struct kdm_str text, struct kdm_point *ret_point);

/* Two (or three) numbers: does this array stand for one point, not for a list of points? */
bool kdm_geo_is_pair(struct kdm_val array);

/* IPv4 (as ::ffff:a.b.c.d) or IPv6, 16 bytes in network order. */
bool kdm_ip_parse(struct kdm_str text, unsigned char ret_bytes[16]);

#endif
