/* specification_types.c - the types of fields: their options, and which values they take. */
#include "action/kuzzle/specification_private.h"
#include <math.h>

bool kdm_spec_listed(const char *list, struct kdm_str name)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ",");

        if (kdm_str_eq((struct kdm_str){ list, len }, name))
            return true;
        list += list[len] == ',' ? len + 1 : len;
    }
    return false;
}

/* --- options ------------------------------------------------------------------------------- */

static void wrong_option(struct kdm_spec_reader *reader, const struct kdm_spec_field *field,
                         const char *option, const char *expected)
{
    struct kdm_str place =
        kdm_arena_printf(reader->arena, KDM_FMT ".typeOptions.%s", KDM_ARG(field->path), option);

    kdm_spec_error(reader, KDM_ERR_VALIDATION_ASSERT_INVALID_TYPE,
                   KDM_PROPS(place, kdm_str_of(expected)));
}

static bool read_flag(struct kdm_spec_reader *reader, const struct kdm_spec_field *field,
                      struct kdm_val options, const char *name)
{
    enum kdm_json_type type = kdm_val_type(kdm_val_get(options, kdm_str_of(name)));

    if (type != KDM_JSON_NONE && type != KDM_JSON_TRUE && type != KDM_JSON_FALSE)
        wrong_option(reader, field, name, "boolean");
    return type == KDM_JSON_TRUE;
}

static void read_not_empty(struct kdm_spec_reader *reader, struct kdm_spec_field *field,
                           struct kdm_val options)
{
    field->not_empty = read_flag(reader, field, options, "notEmpty");
}

static void read_strict(struct kdm_spec_reader *reader, struct kdm_spec_field *field,
                        struct kdm_val options)
{
    field->strict = read_flag(reader, field, options, "strict");
}

/* A bound as a number, or as a date when `dates`. */
static bool read_bound(struct kdm_spec_reader *reader, struct kdm_val bound, bool dates,
                       bool *ret_now, struct kdm_number *ret_number)
{
    struct kdm_str text = kdm_scalar_text(reader->arena, bound);
    int64_t ms;

    if (!dates)
        return kdm_val_type(bound) == KDM_JSON_NUMBER && kdm_number_parse(text, ret_number);
    *ret_now = kdm_val_str_eq(bound, KDM_STR("NOW"));
    if (*ret_now)
        return true;
    if (kdm_str_none(text) || !kdm_date_parse(kdm_date_format_default(), text, false, &ms))
        return false;
    *ret_number = kdm_number_int(ms);
    return true;
}

static void check_range(struct kdm_spec_reader *reader, const struct kdm_spec_field *field,
                        const char *option, struct kdm_val low, struct kdm_val high)
{
    const struct kdm_spec_range *range = &field->range;

    if (!range->has_low || !range->has_high || range->low_is_now || range->high_is_now
        || kdm_number_cmp(range->low, range->high) <= 0)
        return;
    kdm_spec_error(reader, KDM_ERR_VALIDATION_ASSERT_INVALID_RANGE,
                   KDM_PROPS(kdm_arena_printf(reader->arena, KDM_FMT ".typeOptions.%s",
                                              KDM_ARG(field->path), option),
                             kdm_val_text(low), kdm_val_text(high)));
}

/* {min?, max?} under `option`. */
static void read_bounds(struct kdm_spec_reader *reader, struct kdm_spec_field *field,
                        struct kdm_val options, const char *option, bool dates)
{
    struct kdm_val range = kdm_val_get(options, kdm_str_of(option));
    struct kdm_val low = kdm_val_get(range, KDM_STR("min"));
    struct kdm_val high = kdm_val_get(range, KDM_STR("max"));
    struct kdm_spec_range *out = &field->range;
    const char *expected = dates ? "{min?, max?} of dates" : "{min?, max?} of numbers";

    if (kdm_val_none(range))
        return;
    out->has_low = !kdm_val_none(low);
    out->has_high = !kdm_val_none(high);
    if (kdm_val_type(range) != KDM_JSON_OBJECT
        || kdm_val_count(range) != (uint32_t)out->has_low + (uint32_t)out->has_high
        || (out->has_low && !read_bound(reader, low, dates, &out->low_is_now, &out->low))
        || (out->has_high && !read_bound(reader, high, dates, &out->high_is_now, &out->high))) {
        out->has_low = out->has_high = false;
        wrong_option(reader, field, option, expected);
        return;
    }
    check_range(reader, field, option, low, high);
}

static void read_number_range(struct kdm_spec_reader *reader, struct kdm_spec_field *field,
                              struct kdm_val options)
{
    read_bounds(reader, field, options, "range", false);
}

static void read_length(struct kdm_spec_reader *reader, struct kdm_spec_field *field,
                        struct kdm_val options)
{
    read_bounds(reader, field, options, "length", false);
}

/* The names of formats, joined as Elasticsearch joins them; those that are unknown are told. */
static struct kdm_str join_formats(struct kdm_spec_reader *reader, struct kdm_val formats)
{
    struct kdm_buf joined, unknown;
    struct kdm_val_iter it;
    struct kdm_val item;

    kdm_buf_init(&joined, reader->arena, 64);
    kdm_buf_init(&unknown, reader->arena, 64);
    for (kdm_elements(&it, formats); kdm_element_next(&it, &item);) {
        struct kdm_str name = kdm_val_str(reader->arena, item);
        bool known = !kdm_str_none(name) && kdm_date_format_create(reader->arena, name) != NULL;
        struct kdm_buf *out = known ? &joined : &unknown;

        if (out->len > 0)
            kdm_buf_put(out, known ? KDM_STR("||") : KDM_STR(", "));
        kdm_buf_put(out, known ? name : kdm_val_text(item));
    }
    if (unknown.len > 0)
        kdm_spec_error(reader, KDM_ERR_VALIDATION_TYPES_INVALID_DATE_FORMAT,
                       KDM_PROPS(kdm_buf_str(&unknown)));
    return kdm_buf_str(&joined);
}

static void read_date(struct kdm_spec_reader *reader, struct kdm_spec_field *field,
                      struct kdm_val options)
{
    struct kdm_val formats = kdm_val_get(options, KDM_STR("formats"));
    struct kdm_str joined = KDM_STR("epoch_millis");

    if (!kdm_val_none(formats)) {
        if (kdm_val_type(formats) == KDM_JSON_ARRAY && kdm_val_count(formats) > 0)
            joined = join_formats(reader, formats);
        else
            wrong_option(reader, field, "formats", "array of names of date formats");
    }
    field->formats =
        joined.len > 0 ? kdm_date_format_create(reader->arena, joined) : kdm_date_format_default();
    read_bounds(reader, field, options, "range", true);
}

static void read_values(struct kdm_spec_reader *reader, struct kdm_spec_field *field,
                        struct kdm_val options)
{
    struct kdm_val values = kdm_val_get(options, KDM_STR("values"));
    struct kdm_val_iter it;
    struct kdm_val item;

    if (kdm_val_none(values)) {
        kdm_spec_error(reader, KDM_ERR_VALIDATION_TYPES_MISSING_ENUM_VALUES, NULL, 0);
        return;
    }
    field->values.items =
        kdm_arena_alloc(reader->arena, (kdm_val_count(values) + 1) * sizeof(struct kdm_str));
    for (kdm_elements(&it, values); kdm_element_next(&it, &item);) {
        if (kdm_val_type(item) == KDM_JSON_STRING)
            field->values.items[field->values.count++] = kdm_val_str(reader->arena, item);
    }
    if (kdm_val_type(values) != KDM_JSON_ARRAY || field->values.count == 0
        || field->values.count != kdm_val_count(values))
        wrong_option(reader, field, "values", "array of strings, not empty");
}

static void read_shapes(struct kdm_spec_reader *reader, struct kdm_spec_field *field,
                        struct kdm_val options)
{
    struct kdm_val names = kdm_val_get(options, KDM_STR("shapeTypes"));
    struct kdm_val_iter it;
    struct kdm_val item;

    field->shapes = kdm_val_none(names) ? KDM_SPEC_ALL_SHAPES : 0;
    if (kdm_val_none(names))
        return;
    if (kdm_val_type(names) != KDM_JSON_ARRAY || kdm_val_count(names) == 0) {
        wrong_option(reader, field, "shapeTypes", "array of names of shapes, not empty");
        return;
    }
    for (kdm_elements(&it, names); kdm_element_next(&it, &item);) {
        unsigned shape = kdm_spec_shape(kdm_val_str(reader->arena, item));

        field->shapes |= shape;
        if (shape == 0)
            kdm_spec_error(reader, KDM_ERR_VALIDATION_TYPES_INVALID_GEOSHAPE,
                           KDM_PROPS(kdm_val_text(item)));
    }
}

/* --- values -------------------------------------------------------------------------------- */

static struct kdm_number now_of(const struct kdm_spec_value *value)
{
    return kdm_number_int(value->now_ms);
}

static bool in_range(const struct kdm_spec_range *range, const struct kdm_spec_value *value,
                     struct kdm_number number)
{
    struct kdm_number low = range->low_is_now ? now_of(value) : range->low;
    struct kdm_number high = range->high_is_now ? now_of(value) : range->high;

    return (!range->has_low || kdm_number_cmp(number, low) >= 0)
           && (!range->has_high || kdm_number_cmp(number, high) <= 0);
}

static const char *refuse_nothing(const struct kdm_spec_field *field,
                                  const struct kdm_spec_value *value)
{
    (void)field;
    (void)value;
    return NULL;
}

static const char *refuse_boolean(const struct kdm_spec_field *field,
                                  const struct kdm_spec_value *value)
{
    enum kdm_json_type type = kdm_val_type(value->val);

    (void)field;
    return type == KDM_JSON_TRUE || type == KDM_JSON_FALSE ? NULL : "The field must be a boolean.";
}

static const char *refuse_date(const struct kdm_spec_field *field,
                               const struct kdm_spec_value *value)
{
    enum kdm_json_type type = kdm_val_type(value->val);
    struct kdm_str text = kdm_scalar_text(value->arena, value->val);
    int64_t ms;

    if ((type != KDM_JSON_STRING && type != KDM_JSON_NUMBER)
        || !kdm_date_parse(field->formats, text, false, &ms))
        return "The field must be a date in one of the formats that are allowed.";
    return in_range(&field->range, value, kdm_number_int(ms)) ? NULL
                                                              : "The date is out of its range.";
}

/* Of the types that are texts with a form. */
static const char *refuse_text(const struct kdm_spec_field *field,
                               const struct kdm_spec_value *value, bool (*is)(struct kdm_str text),
                               const char *otherwise)
{
    struct kdm_str text = kdm_val_str(value->arena, value->val);

    if (kdm_val_type(value->val) != KDM_JSON_STRING)
        return "The field must be a string.";
    if (text.len == 0)
        return field->not_empty ? "The field must not be empty." : NULL;
    return is(text) ? NULL : otherwise;
}

static const char *refuse_email(const struct kdm_spec_field *field,
                                const struct kdm_spec_value *value)
{
    return refuse_text(field, value, kdm_spec_is_email, "The field must be an email address.");
}

static const char *refuse_url(const struct kdm_spec_field *field,
                              const struct kdm_spec_value *value)
{
    return refuse_text(field, value, kdm_spec_is_url, "The field must be a URL.");
}

static const char *refuse_ip(const struct kdm_spec_field *field, const struct kdm_spec_value *value)
{
    return refuse_text(field, value, kdm_spec_is_ip, "The field must be an IP address.");
}

static const char *refuse_enum(const struct kdm_spec_field *field,
                               const struct kdm_spec_value *value)
{
    struct kdm_str text = kdm_val_str(value->arena, value->val);

    if (kdm_val_type(value->val) != KDM_JSON_STRING)
        return "The field must be a string.";
    for (size_t i = 0; i < field->values.count; i++)
        if (kdm_str_eq(field->values.items[i], text))
            return NULL;
    return "The field must be one of the values that are allowed.";
}

static const char *refuse_geo_point(const struct kdm_spec_field *field,
                                    const struct kdm_spec_value *value)
{
    struct kdm_point point;

    (void)field;
    return kdm_geo_point(value->arena, value->val, &point) ? NULL
                                                           : "The field must be a geo-point.";
}

static const char *refuse_geo_shape(const struct kdm_spec_field *field,
                                    const struct kdm_spec_value *value)
{
    return kdm_spec_is_shape(value->arena, value->val, field->shapes)
               ? NULL
               : "The field must be a shape of one of the types that are allowed.";
}

static const char *refuse_number(const struct kdm_spec_field *field,
                                 const struct kdm_spec_value *value)
{
    struct kdm_number number;

    if (kdm_val_type(value->val) != KDM_JSON_NUMBER
        || !kdm_number_parse(kdm_val_text(value->val), &number))
        return "The field must be a number.";
    return in_range(&field->range, value, number) ? NULL : "The number is out of its range.";
}

static const char *refuse_integer(const struct kdm_spec_field *field,
                                  const struct kdm_spec_value *value)
{
    struct kdm_number number;

    if (kdm_val_type(value->val) != KDM_JSON_NUMBER
        || !kdm_number_parse(kdm_val_text(value->val), &number)
        || (!number.whole && floor(number.d) != number.d))
        return "The field must be an integer.";
    return in_range(&field->range, value, number) ? NULL : "The number is out of its range.";
}

static const char *refuse_object(const struct kdm_spec_field *field,
                                 const struct kdm_spec_value *value)
{
    (void)field;
    return kdm_val_type(value->val) == KDM_JSON_OBJECT ? NULL : "The field must be an object.";
}

/* In UTF-16 units, as JavaScript counts. */
static int64_t length_of(struct kdm_str text)
{
    int64_t units = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        units += (c & 0xc0) != 0x80; /* where a character begins */
        units += c >= 0xf0;          /* beyond 16 bits: two */
    }
    return units;
}

static const char *refuse_string(const struct kdm_spec_field *field,
                                 const struct kdm_spec_value *value)
{
    if (kdm_val_type(value->val) != KDM_JSON_STRING)
        return "The field must be a string.";
    if (!field->range.has_low && !field->range.has_high)
        return NULL;
    return in_range(&field->range, value,
                    kdm_number_int(length_of(kdm_val_str(value->arena, value->val))))
               ? NULL
               : "The string is too short or too long.";
}

/* --- the table ----------------------------------------------------------------------------- */

static const struct kdm_spec_type types[] = {
    { "anything", "", true, false, NULL, refuse_nothing },
    { "boolean", "", false, false, NULL, refuse_boolean },
    { "date", "range,formats", false, false, read_date, refuse_date },
    { "email", "notEmpty", false, false, read_not_empty, refuse_email },
    { "enum", "values", false, false, read_values, refuse_enum },
    { "geo_point", "", true, false, NULL, refuse_geo_point },
    { "geo_shape", "shapeTypes", false, false, read_shapes, refuse_geo_shape },
    { "integer", "range", false, false, read_number_range, refuse_integer },
    { "ip_address", "notEmpty", false, false, read_not_empty, refuse_ip },
    { "numeric", "range", false, false, read_number_range, refuse_number },
    { "object", "strict", false, true, read_strict, refuse_object },
    { "string", "length", false, false, read_length, refuse_string },
    { "url", "notEmpty", false, false, read_not_empty, refuse_url },
};

const struct kdm_spec_type *kdm_spec_type_find(struct kdm_str name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (kdm_str_eq(kdm_str_of(types[i].name), name))
            return &types[i];
    return NULL;
}
