/* schema.c - see schema.h. The meta-schema is small enough to be a table: what each keyword's value
 * must be. */
#include "action/device_manager/schema.h"

#include <math.h>
#include <stdlib.h>

enum shape {
    IS_ANY,
    IS_STRING,
    IS_NUMBER,
    IS_POSITIVE,
    IS_COUNT, /* a whole number, not negative */
    IS_BOOLEAN,
    IS_SCHEMA,
    IS_SCHEMAS,           /* at least one */
    IS_SCHEMA_OR_SCHEMAS, /* items */
    IS_SCHEMA_MAP,
    IS_STRINGS, /* each once, may be none */
    IS_VALUES,  /* any array: enum */
    IS_TYPES,   /* "string" or several of these */
    IS_DEPENDENCIES,
};

static const struct {
    const char *keyword;
    enum shape shape;
} keywords[] = {
    { "$id", IS_STRING },
    { "$schema", IS_STRING },
    { "$ref", IS_STRING },
    { "$comment", IS_STRING },
    { "title", IS_STRING },
    { "description", IS_STRING },
    { "default", IS_ANY },
    { "readOnly", IS_BOOLEAN },
    { "examples", IS_VALUES },
    { "multipleOf", IS_POSITIVE },
    { "maximum", IS_NUMBER },
    { "exclusiveMaximum", IS_NUMBER },
    { "minimum", IS_NUMBER },
    { "exclusiveMinimum", IS_NUMBER },
    { "maxLength", IS_COUNT },
    { "minLength", IS_COUNT },
    { "pattern", IS_STRING },
    { "additionalItems", IS_SCHEMA },
    { "items", IS_SCHEMA_OR_SCHEMAS },
    { "maxItems", IS_COUNT },
    { "minItems", IS_COUNT },
    { "uniqueItems", IS_BOOLEAN },
    { "contains", IS_SCHEMA },
    { "maxProperties", IS_COUNT },
    { "minProperties", IS_COUNT },
    { "required", IS_STRINGS },
    { "additionalProperties", IS_SCHEMA },
    { "definitions", IS_SCHEMA_MAP },
    { "properties", IS_SCHEMA_MAP },
    { "patternProperties", IS_SCHEMA_MAP },
    { "dependencies", IS_DEPENDENCIES },
    { "propertyNames", IS_SCHEMA },
    { "const", IS_ANY },
    { "enum", IS_VALUES },
    { "type", IS_TYPES },
    { "format", IS_STRING },
    { "contentMediaType", IS_STRING },
    { "contentEncoding", IS_STRING },
    { "if", IS_SCHEMA },
    { "then", IS_SCHEMA },
    { "else", IS_SCHEMA },
    { "allOf", IS_SCHEMAS },
    { "anyOf", IS_SCHEMAS },
    { "oneOf", IS_SCHEMAS },
    { "not", IS_SCHEMA },
};

struct check {
    struct kdm_arena *arena;
    struct kdm_str errors; /* none: nothing found */
};

/* Where in the schema we are; written out only when there is something to tell, because a hostile
 * schema has a long name above many small ones. */
struct place {
    const struct place *up; /* NULL: the root, whose step does not count */
    struct kdm_str step;
};

static bool check_schema(struct check *check, struct kdm_val schema, const struct place *place);

/* --- telling --------------------------------------------------------------------------------- */

/* The place as a JSON pointer. */
static void put_place(struct kdm_buf *buf, const struct place *place)
{
    if (place->up == NULL)
        return;
    put_place(buf, place->up);
    kdm_buf_char(buf, '/');
    for (size_t i = 0; i < place->step.len; i++) {
        if (place->step.ptr[i] == '~')
            kdm_buf_lit(buf, "~0");
        else if (place->step.ptr[i] == '/')
            kdm_buf_lit(buf, "~1");
        else
            kdm_buf_char(buf, place->step.ptr[i]);
    }
}

static bool fail(struct check *check, const struct place *place, const char *keyword,
                 const char *schema_path, const char *params, const char *message)
{
    struct kdm_buf path, buf;

    kdm_buf_init(&path, check->arena, 64);
    put_place(&path, place);
    kdm_buf_init(&buf, check->arena, path.len + 192);
    kdm_buf_lit(&buf, "[{\"instancePath\":");
    kdm_json_put_str(&buf, kdm_buf_str(&path));
    kdm_buf_printf(&buf,
                   ",\"schemaPath\":\"%s\",\"keyword\":\"%s\",\"params\":{%s},\"message\":\"%s\"}]",
                   schema_path, keyword, params, message);
    check->errors = kdm_buf_str(&buf);
    return false;
}

static bool fail_type(struct check *check, const struct place *place, const char *type)
{
    const char *params = kdm_arena_printf(check->arena, "\"type\":\"%s\"", type).ptr;

    return fail(check, place, "type", "#/type", params,
                kdm_arena_printf(check->arena, "must be %s", type).ptr);
}

/* --- lists ----------------------------------------------------------------------------------- */

static struct kdm_str number_step(struct check *check, size_t number)
{
    return kdm_arena_printf(check->arena, "%zu", number);
}

static bool check_schemas(struct check *check, struct kdm_val list, const struct place *place)
{
    struct kdm_val_iter it;
    struct kdm_val item;
    size_t number = 0;

    if (kdm_val_type(list) != KDM_JSON_ARRAY)
        return fail_type(check, place, "array");
    if (kdm_val_count(list) == 0)
        return fail(check, place, "minItems", "#/definitions/schemaArray/minItems", "\"limit\":1",
                    "must NOT have fewer than 1 items");
    for (kdm_elements(&it, list); kdm_element_next(&it, &item); number++) {
        const struct place at = { place, number_step(check, number) };

        if (!check_schema(check, item, &at))
            return false;
    }
    return true;
}

static int by_text(const void *a, const void *b)
{
    return kdm_str_cmp(*(const struct kdm_str *)a, *(const struct kdm_str *)b);
}

static bool check_strings(struct check *check, struct kdm_val list, const struct place *place)
{
    struct kdm_str *texts;
    struct kdm_val_iter it;
    struct kdm_val item;
    size_t count = 0;

    if (kdm_val_type(list) != KDM_JSON_ARRAY)
        return fail_type(check, place, "array");
    texts = kdm_arena_alloc(check->arena, (kdm_val_count(list) + 1) * sizeof(*texts));
    for (kdm_elements(&it, list); kdm_element_next(&it, &item);) {
        if (kdm_val_type(item) != KDM_JSON_STRING) {
            const struct place at = { place, number_step(check, count) };

            return fail_type(check, &at, "string");
        }
        texts[count++] = kdm_val_str(check->arena, item);
    }
    qsort(texts, count, sizeof(*texts), by_text);
    for (size_t i = 1; i < count; i++) {
        if (kdm_str_eq(texts[i], texts[i - 1]))
            return fail(check, place, "uniqueItems", "#/definitions/stringArray/uniqueItems", "",
                        "must NOT have duplicate items");
    }
    return true;
}

static bool is_type_name(struct kdm_val val)
{
    static const char *const names[] = { "array",  "boolean", "integer", "null",
                                         "number", "object",  "string" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (kdm_val_str_eq(val, kdm_str_of(names[i])))
            return true;
    }
    return false;
}

static bool check_types(struct check *check, struct kdm_val types, const struct place *place)
{
    struct kdm_val_iter it;
    struct kdm_val type;
    bool valid = is_type_name(types);

    if (kdm_val_type(types) == KDM_JSON_ARRAY && kdm_val_count(types) > 0) {
        valid = true;
        for (kdm_elements(&it, types); kdm_element_next(&it, &type);)
            valid = valid && is_type_name(type);
        if (valid)
            return check_strings(check, types, place);
    }
    return valid
           || fail(check, place, "anyOf", "#/properties/type/anyOf", "",
                   "must match a schema in anyOf");
}

static bool check_map(struct check *check, struct kdm_val map, const struct place *place,
                      bool names_too)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_type(map) != KDM_JSON_OBJECT)
        return fail_type(check, place, "object");
    for (kdm_members(&it, map); kdm_member_next(&it, &name, &value);) {
        const struct place at = { place, kdm_val_str(check->arena, name) };
        bool names = names_too && kdm_val_type(value) == KDM_JSON_ARRAY;

        if (!(names ? check_strings(check, value, &at) : check_schema(check, value, &at)))
            return false;
    }
    return true;
}

/* --- values ---------------------------------------------------------------------------------- */

static bool check_number(struct check *check, struct kdm_val val, const struct place *place,
                         enum shape shape)
{
    double number;

    if (!kdm_val_double(val, &number))
        return fail_type(check, place, shape == IS_COUNT ? "integer" : "number");
    if (shape == IS_COUNT && floor(number) != number)
        return fail_type(check, place, "integer");
    if (shape == IS_COUNT && number < 0)
        return fail(check, place, "minimum", "#/definitions/nonNegativeInteger/minimum",
                    "\"comparison\":\">=\",\"limit\":0", "must be >= 0");
    if (shape == IS_POSITIVE && number <= 0)
        return fail(check, place, "exclusiveMinimum", "#/properties/multipleOf/exclusiveMinimum",
                    "\"comparison\":\">\",\"limit\":0", "must be > 0");
    return true;
}

static bool check_value(struct check *check, struct kdm_val val, const struct place *place,
                        enum shape shape)
{
    enum kdm_json_type type = kdm_val_type(val);

    switch (shape) {
    case IS_ANY:
        return true;
    case IS_STRING:
        return type == KDM_JSON_STRING || fail_type(check, place, "string");
    case IS_BOOLEAN:
        return type == KDM_JSON_TRUE || type == KDM_JSON_FALSE
               || fail_type(check, place, "boolean");
    case IS_NUMBER:
    case IS_POSITIVE:
    case IS_COUNT:
        return check_number(check, val, place, shape);
    case IS_SCHEMA:
        return check_schema(check, val, place);
    case IS_SCHEMAS:
        return check_schemas(check, val, place);
    case IS_SCHEMA_OR_SCHEMAS:
        return type == KDM_JSON_ARRAY ? check_schemas(check, val, place)
                                      : check_schema(check, val, place);
    case IS_SCHEMA_MAP:
        return check_map(check, val, place, false);
    case IS_DEPENDENCIES:
        return check_map(check, val, place, true);
    case IS_STRINGS:
        return check_strings(check, val, place);
    case IS_VALUES:
        return type == KDM_JSON_ARRAY || fail_type(check, place, "array");
    case IS_TYPES:
        return check_types(check, val, place);
    }
    return true;
}

/* Keywords that nobody knows say nothing. */
static bool check_schema(struct check *check, struct kdm_val schema, const struct place *place)
{
    enum kdm_json_type type = kdm_val_type(schema);

    if (type == KDM_JSON_TRUE || type == KDM_JSON_FALSE)
        return true;
    if (type != KDM_JSON_OBJECT)
        return fail(check, place, "type", "#/type", "\"type\":[\"object\",\"boolean\"]",
                    "must be object,boolean");
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        const struct place at = { place, kdm_str_of(keywords[i].keyword) };
        struct kdm_val value = kdm_val_get(schema, at.step);

        if (!kdm_val_none(value) && !check_value(check, value, &at, keywords[i].shape))
            return false;
    }
    return true;
}

struct kdm_str kdm_dm_schema_errors(struct kdm_arena *arena, struct kdm_val schema)
{
    struct check check = { .arena = arena, .errors = KDM_STR_NONE };
    const struct place root = { .up = NULL };

    if (!kdm_val_none(schema))
        (void)check_schema(&check, schema, &root);
    return check.errors;
}
