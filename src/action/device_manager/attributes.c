/* attributes.c - see attributes.h. */
#include "action/device_manager/attributes.h"
#include <float.h>
#include <math.h>

#define TEXT_MAX 1024 /* bytes */

struct check {
    struct kdm_arena *arena;
    struct kdm_val details; /* metadataDetails */
    bool whole;
    struct kdm_dm_mismatch *mismatch;
};

/* --- types ----------------------------------------------------------------------------------- */

struct type {
    const char *name; /* of the mapping */
    enum kdm_dm_attribute attribute;
    int64_t least, most; /* whole numbers */
};

static const struct type types[] = {
    { "keyword", KDM_DM_ATTRIBUTE_STRING, 0, 0 },
    { "text", KDM_DM_ATTRIBUTE_STRING, 0, 0 },
    { "byte", KDM_DM_ATTRIBUTE_INT, INT8_MIN, INT8_MAX },
    { "short", KDM_DM_ATTRIBUTE_INT, INT16_MIN, INT16_MAX },
    { "integer", KDM_DM_ATTRIBUTE_INT, INT32_MIN, INT32_MAX },
    { "long", KDM_DM_ATTRIBUTE_INT, INT64_MIN, INT64_MAX },
    { "half_float", KDM_DM_ATTRIBUTE_FLOAT, 0, 0 },
    { "float", KDM_DM_ATTRIBUTE_FLOAT, 0, 0 },
    { "scaled_float", KDM_DM_ATTRIBUTE_DOUBLE, 0, 0 },
    { "double", KDM_DM_ATTRIBUTE_DOUBLE, 0, 0 },
    { "boolean", KDM_DM_ATTRIBUTE_BOOL, 0, 0 },
    { "date", KDM_DM_ATTRIBUTE_TIMESTAMP, 0, 0 },
    { "geo_point", KDM_DM_ATTRIBUTE_STRUCT, 0, 0 },
    { "object", KDM_DM_ATTRIBUTE_STRUCT, 0, 0 },
    { "nested", KDM_DM_ATTRIBUTE_STRUCT, 0, 0 },
};

static const struct type structure = { "object", KDM_DM_ATTRIBUTE_STRUCT, 0, 0 };
static const struct type any = { "", KDM_DM_ATTRIBUTE_ANY, 0, 0 };

static const struct type *type_of(struct kdm_val mapping)
{
    struct kdm_val name = kdm_val_get(mapping, KDM_STR("type"));

    if (kdm_val_none(name) && !kdm_val_none(kdm_val_get(mapping, KDM_STR("properties"))))
        return &structure;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (kdm_val_str_eq(name, kdm_str_of(types[i].name)))
            return &types[i];
    }
    return &any;
}

/* The values an attribute may have; NONE: any. */
static struct kdm_val choices_of(struct kdm_val details, struct kdm_str key)
{
    struct kdm_val hint = kdm_val_get(kdm_val_get(details, key), KDM_STR("editorHint"));

    if (!kdm_val_str_eq(kdm_val_get(hint, KDM_STR("type")), KDM_STR("optionSelector"))
        || kdm_val_type(kdm_val_get(hint, KDM_STR("customValueAllowed"))) == KDM_JSON_TRUE)
        return KDM_VAL_NONE;
    return kdm_val_get(hint, KDM_STR("values"));
}

enum kdm_dm_attribute kdm_dm_attribute_type(const struct kdm_dm_model *model, struct kdm_str key)
{
    struct kdm_val mapping = kdm_val_get(kdm_dm_model_mappings(model), key);
    struct kdm_val details = kdm_val_get(model->content, KDM_STR("metadataDetails"));
    enum kdm_dm_attribute attribute = type_of(mapping)->attribute;

    if (attribute == KDM_DM_ATTRIBUTE_STRING
        && kdm_val_type(choices_of(details, key)) == KDM_JSON_ARRAY)
        return KDM_DM_ATTRIBUTE_ENUM;
    return attribute;
}

/* --- values ---------------------------------------------------------------------------------- */

static bool refuse(const struct check *check, struct kdm_str path, const char *expected)
{
    *check->mismatch = (struct kdm_dm_mismatch){ .path = path, .expected = kdm_str_of(expected) };
    return false;
}

static struct kdm_str below(const struct check *check, struct kdm_str path, struct kdm_str key)
{
    return kdm_arena_printf(check->arena, KDM_FMT "." KDM_FMT, KDM_ARG(path), KDM_ARG(key));
}

static bool is_number_within(struct kdm_val val, double most)
{
    double number;

    return kdm_val_double(val, &number) && fabs(number) <= most;
}

static bool is_one_of(struct kdm_arena *arena, struct kdm_val choices, struct kdm_val val)
{
    struct kdm_val_iter it;
    struct kdm_val choice;

    if (kdm_val_type(choices) != KDM_JSON_ARRAY)
        return true;
    for (kdm_elements(&it, choices); kdm_element_next(&it, &choice);) {
        if (kdm_val_equal(arena, choice, val))
            return true;
    }
    return false;
}

static bool check_text(const struct check *check, struct kdm_str path, struct kdm_val choices,
                       struct kdm_val val)
{
    struct kdm_str text = kdm_val_str(check->arena, val);

    if (kdm_str_none(text) || text.len == 0 || text.len > TEXT_MAX)
        return refuse(check, path, "a text of 1 to 1024 bytes");
    return is_one_of(check->arena, choices, val)
           || refuse(check, path, "one of the values of the model");
}

static bool check_whole_number(const struct check *check, struct kdm_str path,
                               const struct type *type, struct kdm_val val)
{
    int64_t number;

    return (kdm_val_int64(val, &number) && number >= type->least && number <= type->most)
           || refuse(check, path,
                     kdm_arena_printf(check->arena, "a whole number from %lld to %lld",
                                      (long long)type->least, (long long)type->most)
                         .ptr);
}

static bool check_value(const struct check *check, struct kdm_str path, struct kdm_val mapping,
                        struct kdm_val choices, struct kdm_val val);

static bool check_struct(const struct check *check, struct kdm_str path, struct kdm_val mapping,
                         struct kdm_val val)
{
    struct kdm_val properties = kdm_val_get(mapping, KDM_STR("properties"));
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_none(properties)) /* a geo_point, or free: the mapping says the rest */
        return true;
    if (kdm_val_type(val) != KDM_JSON_OBJECT)
        return refuse(check, path, "an object");
    for (kdm_members(&it, val); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(check->arena, name);
        struct kdm_val inner = kdm_val_get(properties, key);

        if (kdm_val_none(inner))
            return refuse(check, below(check, path, key), "a member of the model");
        if (!check_value(check, below(check, path, key), inner, KDM_VAL_NONE, value))
            return false;
    }
    return true;
}

static bool check_single(const struct check *check, struct kdm_str path, struct kdm_val mapping,
                         struct kdm_val choices, struct kdm_val val)
{
    const struct type *type = type_of(mapping);

    switch (type->attribute) {
    case KDM_DM_ATTRIBUTE_STRING:
    case KDM_DM_ATTRIBUTE_ENUM:
        return check_text(check, path, choices, val);
    case KDM_DM_ATTRIBUTE_INT:
        return check_whole_number(check, path, type, val);
    case KDM_DM_ATTRIBUTE_FLOAT:
        return is_number_within(val, (double)FLT_MAX) || refuse(check, path, "a number");
    case KDM_DM_ATTRIBUTE_DOUBLE:
        return is_number_within(val, DBL_MAX) || refuse(check, path, "a number");
    case KDM_DM_ATTRIBUTE_BOOL:
        return kdm_val_type(val) == KDM_JSON_TRUE || kdm_val_type(val) == KDM_JSON_FALSE
               || refuse(check, path, "true or false");
    case KDM_DM_ATTRIBUTE_TIMESTAMP:
        return kdm_val_type(val) == KDM_JSON_STRING || kdm_val_int64(val, &(int64_t){ 0 })
               || refuse(check, path, "milliseconds, or an ISO 8601 text");
    case KDM_DM_ATTRIBUTE_STRUCT:
        return check_struct(check, path, mapping, val);
    case KDM_DM_ATTRIBUTE_ANY:
        break;
    }
    return true;
}

/* A mapping does not say "array": where one value may stand, several may. */
static bool check_value(const struct check *check, struct kdm_str path, struct kdm_val mapping,
                        struct kdm_val choices, struct kdm_val val)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    if (kdm_val_null(val))
        return !check->whole || refuse(check, path, "a value");
    if (kdm_val_type(val) != KDM_JSON_ARRAY || type_of(mapping)->attribute == KDM_DM_ATTRIBUTE_ANY
        || kdm_val_str_eq(kdm_val_get(mapping, KDM_STR("type")), KDM_STR("geo_point")))
        return check_single(check, path, mapping, choices, val);
    for (kdm_elements(&it, val); kdm_element_next(&it, &element);) {
        if (!check_single(check, path, mapping, choices, element))
            return false;
    }
    return true;
}

/* --- metadata -------------------------------------------------------------------------------- */

/* In a partial update an empty text is a blank, except where a text is expected. */
static bool is_blank(const struct check *check, struct kdm_val mapping, struct kdm_val val)
{
    return !check->whole && kdm_val_str_eq(val, KDM_STR(""))
           && type_of(mapping)->attribute != KDM_DM_ATTRIBUTE_STRING;
}

static bool check_all_there(const struct check *check, struct kdm_val mappings,
                            struct kdm_val metadata)
{
    struct kdm_val_iter it;
    struct kdm_val name, mapping;

    for (kdm_members(&it, mappings); kdm_member_next(&it, &name, &mapping);) {
        struct kdm_str key = kdm_val_str(check->arena, name);

        if (kdm_val_null(kdm_val_get(metadata, key)))
            return refuse(check, below(check, KDM_STR("metadata"), key), "a value");
    }
    return true;
}

bool kdm_dm_attributes_check(struct kdm_arena *arena, const struct kdm_dm_model *model,
                             struct kdm_val metadata, bool whole, struct kdm_str *ret_metadata,
                             struct kdm_dm_mismatch *ret_mismatch)
{
    struct kdm_val mappings = kdm_dm_model_mappings(model);
    const struct check check = { .arena = arena,
                                 .details = kdm_val_get(model->content, KDM_STR("metadataDetails")),
                                 .whole = whole,
                                 .mismatch = ret_mismatch };
    struct kdm_val_iter it;
    struct kdm_val name, value;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, kdm_val_text(metadata).len + 16);
    kdm_buf_char(&buf, '{');
    for (kdm_members(&it, metadata); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(arena, name);
        struct kdm_val mapping = kdm_val_get(mappings, key);
        bool blank = is_blank(&check, mapping, value);

        if (kdm_val_none(mapping))
            return refuse(&check, below(&check, KDM_STR("metadata"), key),
                          "an attribute of the model");
        if (!blank
            && !check_value(&check, below(&check, KDM_STR("metadata"), key), mapping,
                            choices_of(check.details, key), value))
            return false;
        kdm_json_put_name(&buf, key);
        kdm_buf_put(&buf, blank ? KDM_STR("null") : kdm_json_canonical(arena, value));
    }
    kdm_buf_char(&buf, '}');
    *ret_metadata = kdm_buf_str(&buf);
    return !whole || check_all_there(&check, mappings, metadata);
}
