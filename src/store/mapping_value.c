/* mapping_value.c - numbers, scalars and keys.
 * A whole number is never turned into a double on its way, so that 64-bit ids compare exactly.
 */
#include "store/mapping_internal.h"
#include "store/unicode.h"
#include <arpa/inet.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#define TWO_63 9223372036854775808.0

/* --- numbers --------------------------------------------------------------------------- */

struct kdm_number kdm_number_int(int64_t value)
{
    return (struct kdm_number){ .whole = true, .i = value, .d = (double)value };
}

struct kdm_number kdm_number_double(double value)
{
    struct kdm_number number = { .d = value };

    if (value >= -TWO_63 && value < TWO_63 && trunc(value) == value) {
        number.whole = true;
        number.i = (int64_t)value;
    }
    return number;
}

/* A double that is not whole, or lies beyond 64 bits. */
static int compare_int_double(int64_t a, double b)
{
    int64_t whole;

    if (b >= TWO_63)
        return -1;
    if (b < -TWO_63)
        return 1;
    whole = (int64_t)b; /* towards zero */
    if (a != whole)
        return a < whole ? -1 : 1;
    return (b < (double)whole) - (b > (double)whole);
}

int kdm_number_cmp(struct kdm_number a, struct kdm_number b)
{
    if (a.whole && b.whole)
        return (a.i > b.i) - (a.i < b.i);
    if (a.whole)
        return compare_int_double(a.i, b.d);
    if (b.whole)
        return -compare_int_double(b.i, a.d);
    return (a.d > b.d) - (a.d < b.d);
}

static size_t skip_digits(struct kdm_str text, size_t at)
{
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
        at++;
    return at;
}

/* Sign, digits with one dot, exponent; no blanks, no hexadecimal, no "nan". */
static bool is_number(struct kdm_str text)
{
    size_t at = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    size_t start = at, digits;

    at = skip_digits(text, at);
    digits = at - start;
    if (at < text.len && text.ptr[at] == '.') {
        start = at + 1;
        at = skip_digits(text, start);
        digits += at - start;
    }
    if (digits == 0)
        return false;
    if (at < text.len && (text.ptr[at] == 'e' || text.ptr[at] == 'E')) {
        at++;
        at += at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+');
        start = at;
        at = skip_digits(text, at);
        if (at == start)
            return false;
    }
    return at == text.len;
}

bool kdm_number_parse(struct kdm_str text, struct kdm_number *ret_number)
{
    char copy[400];
    long long whole;
    double value;

    if (kdm_str_int64(text, &whole)) {
        *ret_number = kdm_number_int(whole);
        return true;
    }
    if (text.len >= sizeof(copy) || !is_number(text))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    value = strtod(copy, NULL);
    if (!isfinite(value))
        return false;
    *ret_number = kdm_number_double(value);
    return true;
}

/* --- scalars ------------------------------------------------------------------------------ */

struct kdm_str kdm_scalar_text(struct kdm_arena *arena, struct kdm_val value)
{
    switch (kdm_val_type(value)) {
    case KDM_JSON_STRING:
        return kdm_val_str(arena, value);
    case KDM_JSON_NUMBER:
    case KDM_JSON_TRUE:
    case KDM_JSON_FALSE:
        return kdm_val_text(value);
    default:
        return KDM_STR_NONE;
    }
}

int kdm_key_cmp(const struct kdm_key *a, const struct kdm_key *b)
{
    if (a->is_text != b->is_text)
        return a->is_text ? -1 : 1;
    return a->is_text ? kdm_str_cmp(a->text, b->text) : kdm_number_cmp(a->number, b->number);
}

/* --- keys --------------------------------------------------------------------------------- */

static enum kdm_key_result number_key(struct kdm_number number, struct kdm_key *ret_key)
{
    *ret_key = (struct kdm_key){ .number = number };
    return KDM_KEY_OK;
}

static enum kdm_key_result text_key(struct kdm_str text, struct kdm_key *ret_key)
{
    *ret_key = (struct kdm_key){ .is_text = true, .text = text };
    return KDM_KEY_OK;
}

/* A JSON number, or a string that holds one where the field coerces. */
static enum kdm_key_result read_number(const struct kdm_field *field, struct kdm_arena *arena,
                                       struct kdm_val value, struct kdm_number *ret_number)
{
    struct kdm_str text;

    if (kdm_val_type(value) == KDM_JSON_NUMBER) {
        if (kdm_number_parse(kdm_val_text(value), ret_number))
            return KDM_KEY_OK;
        return kdm_val_double(value, &ret_number->d)
                   ? (*ret_number = kdm_number_double(ret_number->d), KDM_KEY_OK)
                   : KDM_KEY_BAD;
    }
    if (kdm_val_type(value) != KDM_JSON_STRING || !field->coerce)
        return KDM_KEY_BAD;
    text = kdm_val_str(arena, value);
    if (text.len == 0)
        return KDM_KEY_NONE;
    return kdm_number_parse(text, ret_number) ? KDM_KEY_OK : KDM_KEY_BAD;
}

static enum kdm_key_result whole_key(const struct kdm_field *field, struct kdm_number number,
                                     struct kdm_key *ret_key)
{
    static const int bits[] = { [KDM_FIELD_LONG] = 63,
                                [KDM_FIELD_INTEGER] = 31,
                                [KDM_FIELD_SHORT] = 15,
                                [KDM_FIELD_BYTE] = 7 };
    int64_t limit;

    if (!number.whole && field->coerce)
        number = kdm_number_double(trunc(number.d));
    if (!number.whole)
        return KDM_KEY_BAD;
    if (field->type != KDM_FIELD_LONG) {
        limit = (int64_t)1 << bits[field->type];
        if (number.i < -limit || number.i >= limit)
            return KDM_KEY_BAD;
    }
    return number_key(number, ret_key);
}

/* Compared as it is kept: a float has 24 bits, a scaled_float a whole number of steps. */
static enum kdm_key_result real_key(const struct kdm_field *field, struct kdm_number number,
                                    struct kdm_key *ret_key)
{
    double value = number.d;

    switch (field->type) {
    case KDM_FIELD_FLOAT:
        if (fabs(value) > FLT_MAX)
            return KDM_KEY_BAD;
        return number_key(kdm_number_double((double)(float)value), ret_key);
    case KDM_FIELD_HALF_FLOAT:
        if (fabs(value) >= 65520)
            return KDM_KEY_BAD;
        return number_key(kdm_number_double((double)(float)value), ret_key);
    case KDM_FIELD_SCALED_FLOAT:
        value = round(value * field->scaling_factor);
        if (!(fabs(value) < TWO_63))
            return KDM_KEY_BAD;
        return number_key(kdm_number_double(value / field->scaling_factor), ret_key);
    default: /* what 53 bits hold of it, like the column */
        return number_key(kdm_number_double(value), ret_key);
    }
}

static enum kdm_key_result date_key(const struct kdm_field *field, struct kdm_arena *arena,
                                    struct kdm_val value, struct kdm_key *ret_key)
{
    int64_t ms;

    if (kdm_val_type(value) != KDM_JSON_NUMBER && kdm_val_type(value) != KDM_JSON_STRING)
        return KDM_KEY_BAD;
    if (!kdm_date_parse(field->format, kdm_scalar_text(arena, value), false, &ms))
        return KDM_KEY_BAD;
    return number_key(kdm_number_int(ms), ret_key);
}

static enum kdm_key_result boolean_key(struct kdm_val value, struct kdm_key *ret_key)
{
    enum kdm_json_type type = kdm_val_type(value);

    if (type == KDM_JSON_TRUE || kdm_val_str_eq(value, KDM_STR("true")))
        return number_key(kdm_number_int(1), ret_key);
    if (type == KDM_JSON_FALSE || kdm_val_str_eq(value, KDM_STR("false"))
        || kdm_val_str_eq(value, KDM_STR("")))
        return number_key(kdm_number_int(0), ret_key);
    return KDM_KEY_BAD;
}

static struct kdm_str lower_case(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, text.len + 8);
    while (text.len > 0) {
        uint32_t point = kdm_unicode_lower(kdm_utf8_next(&text));

        buf.len += kdm_utf8_put(kdm_buf_room(&buf, 4), point);
    }
    return kdm_buf_str(&buf);
}

static enum kdm_key_result keyword_key(const struct kdm_field *field, struct kdm_arena *arena,
                                       struct kdm_val value, struct kdm_key *ret_key)
{
    struct kdm_str text = kdm_scalar_text(arena, value);

    if (kdm_str_none(text))
        return KDM_KEY_BAD;
    if (text.len > field->ignore_above && kdm_utf8_count(text) > field->ignore_above)
        return KDM_KEY_NONE;
    return text_key(field->lowercase ? lower_case(arena, text) : text, ret_key);
}

static enum kdm_key_result ip_key(struct kdm_arena *arena, struct kdm_val value,
                                  struct kdm_key *ret_key)
{
    unsigned char bytes[16];

    if (kdm_val_type(value) != KDM_JSON_STRING || !kdm_ip_parse(kdm_val_str(arena, value), bytes))
        return KDM_KEY_BAD;
    return text_key(kdm_arena_copy(arena, (struct kdm_str){ (const char *)bytes, 16 }), ret_key);
}

enum kdm_key_result kdm_field_key(const struct kdm_field *field, struct kdm_arena *arena,
                                  struct kdm_val value, struct kdm_key *ret_key)
{
    struct kdm_number number;
    enum kdm_key_result result;

    if (kdm_val_null(value)) {
        if (kdm_str_none(field->null_value) || kdm_val_none(value))
            return KDM_KEY_NONE;
        value = kdm_json_parse(arena, field->null_value);
    }
    switch ((enum kdm_field_type)field->type) {
    case KDM_FIELD_KEYWORD:
    case KDM_FIELD_TEXT:
    case KDM_FIELD_FLATTENED:
        return keyword_key(field, arena, value, ret_key);
    case KDM_FIELD_LONG:
    case KDM_FIELD_INTEGER:
    case KDM_FIELD_SHORT:
    case KDM_FIELD_BYTE:
        result = read_number(field, arena, value, &number);
        return result == KDM_KEY_OK ? whole_key(field, number, ret_key) : result;
    case KDM_FIELD_DOUBLE:
    case KDM_FIELD_FLOAT:
    case KDM_FIELD_HALF_FLOAT:
    case KDM_FIELD_SCALED_FLOAT:
        result = read_number(field, arena, value, &number);
        return result == KDM_KEY_OK ? real_key(field, number, ret_key) : result;
    case KDM_FIELD_DATE:
        return date_key(field, arena, value, ret_key);
    case KDM_FIELD_BOOLEAN:
        return boolean_key(value, ret_key);
    case KDM_FIELD_IP:
        return ip_key(arena, value, ret_key);
    default:
        return KDM_KEY_BAD;
    }
}

/* --- addresses ---------------------------------------------------------------------------- */

bool kdm_ip_parse(struct kdm_str text, unsigned char ret_bytes[16])
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    char copy[INET6_ADDRSTRLEN];
    unsigned char bytes[16];

    if (text.len >= sizeof(copy) || (text.len > 0 && memchr(text.ptr, 0, text.len) != NULL))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, bytes + 12) == 1)
        memcpy(bytes, mapped, sizeof(mapped));
    else if (inet_pton(AF_INET6, copy, bytes) != 1)
        return false;
    memcpy(ret_bytes, bytes, sizeof(bytes));
    return true;
}
