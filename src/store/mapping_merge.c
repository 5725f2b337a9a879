/* mapping_merge.c - a client's mapping checked, merged into the existing one and written
 * canonically. Making a mapping is merging it into nothing, so there is one walk for creating,
 * updating and loading, and what it writes it would accept again unchanged. Values of the update
 * are checked on the way; `current` was written by this walk and is only copied.
 */
#include "store/mapping_internal.h"
#include <math.h>

#define MAX_FIELDS 5000 /* definitions in one mapping; Elasticsearch stops at 1,000 */
#define MAX_DOTTED 256  /* names with dots in one update: each is a merge of its own */

struct merge {
    struct kdm_arena *arena;
    struct kdm_failure *failure;
    uint32_t fields, dotted;
};

static bool put_properties(struct merge *merge, struct kdm_str path, struct kdm_str place,
                           struct kdm_val current, struct kdm_val update, struct kdm_buf *buf,
                           size_t *ret_count);

/* --- failures --------------------------------------------------------------------------- */

static bool fail1(struct merge *merge, enum kdm_err err, struct kdm_str prop)
{
    kdm_failure_set(merge->failure, merge->arena, err, KDM_PROPS(prop));
    return false;
}

static bool fail2(struct merge *merge, enum kdm_err err, struct kdm_str a, struct kdm_str b)
{
    kdm_failure_set(merge->failure, merge->arena, err, KDM_PROPS(a, b));
    return false;
}

static struct kdm_str joined(struct merge *merge, struct kdm_str path, struct kdm_str name)
{
    struct kdm_buf buf;

    if (path.len == 0)
        return name;
    kdm_buf_init(&buf, merge->arena, path.len + name.len + 1);
    kdm_buf_put(&buf, path);
    kdm_buf_char(&buf, '.');
    kdm_buf_put(&buf, name);
    return kdm_buf_str(&buf);
}

static bool bad_property(struct merge *merge, struct kdm_str path, struct kdm_str name)
{
    return fail1(merge, KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, joined(merge, path, name));
}

static bool cannot_change(struct merge *merge, struct kdm_str path)
{
    return fail1(merge, KDM_ERR_SERVICES_STORAGE_CANNOT_CHANGE_MAPPING, path);
}

/* --- leaves ------------------------------------------------------------------------------ */

/* null_value must be what a document may hold there; a field of that type alone tells. */
static bool null_value_fits(struct merge *merge, const struct kdm_type_row *type,
                            struct kdm_val definition, struct kdm_val value)
{
    struct kdm_field field = { .type = type->type, .coerce = true, .ignore_above = UINT32_MAX };
    struct kdm_val scaling = kdm_val_get(definition, KDM_STR("scaling_factor"));
    struct kdm_val format = kdm_val_get(definition, KDM_STR("format"));
    struct kdm_point point;
    struct kdm_key key;

    if (kdm_val_type(value) == KDM_JSON_NULL || type->type == KDM_FIELD_FLATTENED)
        return true;
    if (type->type == KDM_FIELD_GEO_POINT)
        return kdm_geo_point(merge->arena, value, &point);
    field.format = kdm_date_format_default();
    if (kdm_val_type(format) == KDM_JSON_STRING)
        field.format = kdm_date_format_create(merge->arena, kdm_val_str(merge->arena, format));
    if (!kdm_val_double(scaling, &field.scaling_factor))
        field.scaling_factor = 1;
    return field.format != NULL && kdm_field_key(&field, merge->arena, value, &key) != KDM_KEY_BAD;
}

static bool strings_valid(struct kdm_val value)
{
    struct kdm_val_iter it;
    struct kdm_val item;

    if (kdm_val_type(value) == KDM_JSON_STRING)
        return true;
    if (kdm_val_type(value) != KDM_JSON_ARRAY)
        return false;
    for (kdm_elements(&it, value); kdm_element_next(&it, &item);)
        if (kdm_val_type(item) != KDM_JSON_STRING)
            return false;
    return true;
}

static bool is_bool(struct kdm_val value)
{
    return kdm_val_type(value) == KDM_JSON_TRUE || kdm_val_type(value) == KDM_JSON_FALSE
           || kdm_val_str_eq(value, KDM_STR("true")) || kdm_val_str_eq(value, KDM_STR("false"));
}

static bool param_valid(struct merge *merge, const struct kdm_type_row *type,
                        const struct kdm_param_row *param, struct kdm_val definition,
                        struct kdm_val value)
{
    enum kdm_json_type json = kdm_val_type(value);
    struct kdm_str text = kdm_val_str(merge->arena, value);
    enum kdm_analyzer analyzer;
    int64_t whole;

    switch ((enum kdm_param_kind)param->kind) {
    case KDM_PARAM_BOOL:
        return is_bool(value);
    case KDM_PARAM_STRING:
        return json == KDM_JSON_STRING;
    case KDM_PARAM_NUMBER:
        return json == KDM_JSON_NUMBER;
    case KDM_PARAM_COUNT:
        return kdm_val_int64(value, &whole) && whole >= 0 && whole <= INT32_MAX;
    case KDM_PARAM_OBJECT:
    case KDM_PARAM_FIELDS:
        return json == KDM_JSON_OBJECT;
    case KDM_PARAM_STRINGS:
        return strings_valid(value);
    case KDM_PARAM_SCALAR:
        return null_value_fits(merge, type, definition, value);
    case KDM_PARAM_FORMAT:
        return json == KDM_JSON_STRING && kdm_date_format_create(merge->arena, text) != NULL;
    case KDM_PARAM_ANALYZER:
        return json == KDM_JSON_STRING && kdm_analyzer_find(text, &analyzer);
    case KDM_PARAM_NORMALIZER:
        return json == KDM_JSON_STRING && kdm_str_eq(text, KDM_STR("lowercase"));
    case KDM_PARAM_ANY:
        return true;
    }
    return false;
}

static bool check_leaf_params(struct merge *merge, struct kdm_str path,
                              const struct kdm_type_row *type, struct kdm_val update)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, update); kdm_member_next(&it, &name, &value);) {
        struct kdm_str param_name = kdm_val_str(merge->arena, name);
        const struct kdm_param_row *param;

        if (kdm_str_eq(param_name, KDM_STR("type")))
            continue;
        param = kdm_param_find(param_name);
        if (param == NULL || (param->types & type->params) == 0)
            return fail2(merge, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_PROPERTIES, param_name, path);
        if (!param_valid(merge, type, param, update, value))
            return bad_property(merge, path, param_name);
    }
    return true;
}

/* What only makes sense together: an alias needs its path, scaled_float its factor. */
static bool check_required_params(struct merge *merge, struct kdm_str path,
                                  const struct kdm_type_row *type, struct kdm_val current,
                                  struct kdm_val update)
{
    struct kdm_val scaling = kdm_val_get(update, KDM_STR("scaling_factor"));
    double factor;

    if (type->type == KDM_FIELD_ALIAS && kdm_val_none(current)
        && kdm_val_none(kdm_val_get(update, KDM_STR("path"))))
        return bad_property(merge, path, KDM_STR("path"));
    if (type->type != KDM_FIELD_SCALED_FLOAT || (kdm_val_none(scaling) && !kdm_val_none(current)))
        return true;
    if (!kdm_val_double(scaling, &factor) || !(factor > 0) || !isfinite(factor))
        return bad_property(merge, path, KDM_STR("scaling_factor"));
    return true;
}

static bool put_fields(struct merge *merge, struct kdm_str path, struct kdm_val current,
                       struct kdm_val update, struct kdm_buf *buf)
{
    size_t count;

    kdm_json_put_name(buf, KDM_STR("fields"));
    kdm_buf_char(buf, '{');
    if (!put_properties(merge, path, joined(merge, path, KDM_STR("fields")), current, update, buf,
                        &count))
        return false;
    kdm_buf_char(buf, '}');
    return true;
}

/* Members of the existing definition, each replaced by the update's where it may be. */
static bool put_current_params(struct merge *merge, struct kdm_str path, struct kdm_val current,
                               struct kdm_val update, struct kdm_buf *buf)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, current); kdm_member_next(&it, &name, &value);) {
        struct kdm_str param_name = kdm_val_str(merge->arena, name);
        struct kdm_val given = kdm_val_get(update, param_name);
        const struct kdm_param_row *param = kdm_param_find(param_name);

        if (param != NULL && param->kind == KDM_PARAM_FIELDS) {
            if (!put_fields(merge, path, value, given, buf))
                return false;
            continue;
        }
        if (!kdm_val_none(given) && !kdm_val_equal(merge->arena, value, given)) {
            if (param == NULL || !param->updatable)
                return cannot_change(merge, path);
            value = given;
        }
        kdm_json_put_name(buf, param_name);
        kdm_buf_put(buf, kdm_val_text(value));
    }
    return true;
}

/* Parameters that the existing definition does not have; only updatable ones may come later. */
static bool put_new_params(struct merge *merge, struct kdm_str path, struct kdm_val current,
                           struct kdm_val update, struct kdm_buf *buf)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, update); kdm_member_next(&it, &name, &value);) {
        struct kdm_str param_name = kdm_val_str(merge->arena, name);
        const struct kdm_param_row *param = kdm_param_find(param_name);

        if (!kdm_val_none(kdm_val_get(current, param_name)))
            continue;
        if (!kdm_val_none(current) && (param == NULL || !param->updatable))
            return cannot_change(merge, path);
        if (param != NULL && param->kind == KDM_PARAM_FIELDS) {
            if (!put_fields(merge, path, KDM_VAL_NONE, value, buf))
                return false;
            continue;
        }
        kdm_json_put_name(buf, param_name);
        kdm_buf_put(buf, kdm_val_text(value));
    }
    return true;
}

static bool put_leaf(struct merge *merge, struct kdm_str path, const struct kdm_type_row *type,
                     struct kdm_val current, struct kdm_val update, struct kdm_buf *buf)
{
    if (!check_leaf_params(merge, path, type, update)
        || !check_required_params(merge, path, type, current, update))
        return false;
    kdm_buf_char(buf, '{');
    if (!put_current_params(merge, path, current, update, buf)
        || !put_new_params(merge, path, current, update, buf))
        return false;
    kdm_buf_char(buf, '}');
    return true;
}

/* --- objects ------------------------------------------------------------------------------- */

static bool check_object_members(struct merge *merge, struct kdm_str place, struct kdm_val update)
{
    static const char *const known[] = { "type",  "properties",        "dynamic",        "enabled",
                                         "_meta", "include_in_parent", "include_in_root" };
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, update); kdm_member_next(&it, &name, &value);) {
        bool found = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && !found; i++)
            found = kdm_val_str_eq(name, kdm_str_of(known[i]));
        if (!found)
            return fail2(merge, KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING,
                         joined(merge, place, kdm_val_str(merge->arena, name)),
                         KDM_STR("An object takes \"properties\", \"dynamic\", \"_meta\", \"type\" "
                                 "and \"enabled\"."));
    }
    return true;
}

static bool put_dynamic(struct merge *merge, struct kdm_str place, struct kdm_val current,
                        struct kdm_val update, struct kdm_buf *buf)
{
    struct kdm_val value = kdm_val_get(update, KDM_STR("dynamic"));
    enum kdm_dynamic dynamic;

    if (kdm_val_none(value))
        value = kdm_val_get(current, KDM_STR("dynamic"));
    if (kdm_val_none(value))
        return true;
    if (!kdm_dynamic_find(value, &dynamic))
        return fail2(merge, KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING,
                     joined(merge, place, KDM_STR("dynamic")),
                     KDM_STR("It must be \"true\", \"false\" or \"strict\"."));
    kdm_json_put_name(buf, KDM_STR("dynamic"));
    kdm_json_put_str(buf, kdm_str_of(kdm_dynamic_name(dynamic)));
    return true;
}

/* A flag of an object that can't change once it is there; `absent` is what it means when it is not.
 */
static bool put_object_flag(struct merge *merge, struct kdm_str path, struct kdm_str name,
                            bool absent, struct kdm_val current, struct kdm_val update,
                            struct kdm_buf *buf)
{
    struct kdm_val was = kdm_val_get(current, name), given = kdm_val_get(update, name);
    bool before = kdm_val_none(was) ? absent : kdm_val_type(was) == KDM_JSON_TRUE;
    bool after = before;

    if (!kdm_val_none(given)) {
        if (!is_bool(given))
            return bad_property(merge, path, name);
        after = kdm_val_type(given) == KDM_JSON_TRUE || kdm_val_str_eq(given, KDM_STR("true"));
    }
    if (!kdm_val_none(current) && after != before)
        return cannot_change(merge, path);
    if (after == absent)
        return true;
    kdm_json_put_name(buf, name);
    kdm_buf_put(buf, after ? KDM_STR("true") : KDM_STR("false"));
    return true;
}

/* The newer one of two `_meta`, when there is any. */
static bool put_meta(struct merge *merge, struct kdm_str path, struct kdm_val current,
                     struct kdm_val update, struct kdm_buf *buf)
{
    struct kdm_val meta = kdm_val_get(update, KDM_STR("_meta"));

    if (kdm_val_none(meta))
        meta = kdm_val_get(current, KDM_STR("_meta"));
    if (kdm_val_none(meta))
        return true;
    if (kdm_val_type(meta) != KDM_JSON_OBJECT)
        return bad_property(merge, path, KDM_STR("_meta"));
    kdm_json_put_name(buf, KDM_STR("_meta"));
    kdm_buf_put(buf, kdm_val_text(meta));
    return true;
}

static bool properties_of(struct merge *merge, struct kdm_str path, struct kdm_val definition,
                          struct kdm_val *ret_properties)
{
    *ret_properties = kdm_val_get(definition, KDM_STR("properties"));
    if (kdm_val_none(*ret_properties) || kdm_val_type(*ret_properties) == KDM_JSON_OBJECT)
        return true;
    return bad_property(merge, path, KDM_STR("properties"));
}

/* As Elasticsearch shows it: the type is named when it is nested or when there are no properties.
 */
static bool put_object(struct merge *merge, struct kdm_str path, struct kdm_str place, bool nested,
                       struct kdm_val current, struct kdm_val update, struct kdm_buf *buf)
{
    struct kdm_val properties;
    struct kdm_buf inside;
    size_t count = 0;

    if (!check_object_members(merge, place, update)
        || !properties_of(merge, path, update, &properties))
        return false;
    kdm_buf_init(&inside, merge->arena, 256);
    if (!put_properties(merge, path, joined(merge, place, KDM_STR("properties")),
                        kdm_val_get(current, KDM_STR("properties")), properties, &inside, &count))
        return false;
    kdm_buf_char(buf, '{');
    if (nested)
        kdm_buf_lit(buf, "\"type\":\"nested\"");
    else if (count == 0)
        kdm_buf_lit(buf, "\"type\":\"object\"");
    if (!put_dynamic(merge, place, current, update, buf)
        || !put_object_flag(merge, path, KDM_STR("enabled"), true, current, update, buf)
        || !put_object_flag(merge, path, KDM_STR("include_in_parent"), false, current, update, buf)
        || !put_object_flag(merge, path, KDM_STR("include_in_root"), false, current, update, buf)
        || !put_meta(merge, path, current, update, buf))
        return false;
    if (count > 0) {
        kdm_json_put_name(buf, KDM_STR("properties"));
        kdm_buf_char(buf, '{');
        kdm_buf_put(buf, kdm_buf_str(&inside));
        kdm_buf_char(buf, '}');
    }
    kdm_buf_char(buf, '}');
    return true;
}

/* --- definitions ------------------------------------------------------------------------------ */

/* The type that a definition names, or that its members show; NULL with a failure: none. */
static const struct kdm_type_row *type_of(struct merge *merge, struct kdm_str path,
                                          struct kdm_val definition)
{
    struct kdm_val type = kdm_val_get(definition, KDM_STR("type"));
    const struct kdm_type_row *row;

    if (kdm_val_none(type)) {
        if (kdm_val_none(kdm_val_get(definition, KDM_STR("properties")))
            && kdm_val_none(kdm_val_get(definition, KDM_STR("enabled")))
            && kdm_val_none(kdm_val_get(definition, KDM_STR("dynamic")))) {
            bad_property(merge, path, KDM_STR("type"));
            return NULL;
        }
        return kdm_type_find(KDM_STR("object"));
    }
    if (kdm_val_type(type) != KDM_JSON_STRING) {
        bad_property(merge, path, KDM_STR("type"));
        return NULL;
    }
    row = kdm_type_find(kdm_val_str(merge->arena, type));
    if (row == NULL)
        fail2(merge, KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING_TYPE, path,
              kdm_val_str(merge->arena, type));
    return row;
}

static bool is_object_type(const struct kdm_type_row *type)
{
    return type->type == KDM_FIELD_OBJECT || type->type == KDM_FIELD_NESTED;
}

static bool too_many_fields(struct merge *merge)
{
    return fail1(
        merge, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
        kdm_arena_printf(merge->arena, "A mapping can't have more than %d fields.", MAX_FIELDS));
}

static bool put_definition(struct merge *merge, struct kdm_str path, struct kdm_str place,
                           struct kdm_val current, struct kdm_val update, struct kdm_buf *buf)
{
    const struct kdm_type_row *type;

    if (++merge->fields > MAX_FIELDS)
        return too_many_fields(merge);
    if (kdm_val_none(update)) {
        kdm_buf_put(buf, kdm_val_text(current));
        return true;
    }
    if (kdm_val_type(update) != KDM_JSON_OBJECT)
        return fail1(merge, KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, path);
    type = type_of(merge, path, update);
    if (type == NULL)
        return false;
    if (!kdm_val_none(current)) {
        const struct kdm_type_row *was = type_of(merge, path, current);

        if (was == NULL)
            return false;
        if (was->type != type->type)
            return cannot_change(merge, path);
    }
    if (is_object_type(type))
        return put_object(merge, path, place, type->type == KDM_FIELD_NESTED, current, update, buf);
    return put_leaf(merge, path, type, current, update, buf);
}

static struct kdm_str name_of(struct merge *merge, struct kdm_val name)
{
    return kdm_val_str(merge->arena, name);
}

static bool has_dot(struct kdm_str name)
{
    return name.len > 0 && memchr(name.ptr, '.', name.len) != NULL;
}

/* Is `name` the server's own field, which no client defines? */
static bool is_ours(struct kdm_str path, struct kdm_str place, struct kdm_str name)
{
    return path.len == 0 && kdm_str_eq(place, KDM_STR("properties"))
           && kdm_str_eq(name, KDM_KUZZLE_INFO_NAME);
}

static bool put_plain_members(struct merge *merge, struct kdm_str path, struct kdm_str place,
                              struct kdm_val current, struct kdm_val update, bool only_new,
                              struct kdm_buf *buf, size_t *count)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, only_new ? update : current); kdm_member_next(&it, &name, &value);) {
        struct kdm_str field = name_of(merge, name);
        struct kdm_val was = only_new ? KDM_VAL_NONE : value;
        struct kdm_val given = only_new ? value : kdm_val_get(update, field);

        if (only_new && (has_dot(field) || !kdm_val_none(kdm_val_get(current, field))))
            continue;
        if (is_ours(path, place, field))
            continue;
        if (field.len == 0)
            return bad_property(merge, place, KDM_STR("\"\""));
        if ((*count)++ > 0)
            kdm_buf_char(buf, ',');
        kdm_json_put_str(buf, field);
        kdm_buf_char(buf, ':');
        if (!put_definition(merge, joined(merge, path, field), joined(merge, place, field), was,
                            given, buf))
            return false;
    }
    return true;
}

/* `text` indexed; NONE when what dotted names unfolded to lies too deep for JSON. */
static struct kdm_val scanned(struct merge *merge, struct kdm_str text)
{
    struct kdm_json *doc = kdm_arena_alloc(merge->arena, sizeof(*doc));

    if (!kdm_json_scan(merge->arena, text, doc, NULL))
        return KDM_VAL_NONE;
    return kdm_json_root(doc);
}

/* {"a.b": X} as {"a":{"properties":{"b": X}}}: the object that a dotted name means. */
static struct kdm_val unfolded(struct merge *merge, struct kdm_str name, struct kdm_val value)
{
    struct kdm_buf buf;
    size_t levels = 0;

    kdm_buf_init(&buf, merge->arena, 128 + name.len);
    kdm_buf_char(&buf, '{');
    for (;;) {
        const char *dot = memchr(name.ptr, '.', name.len);
        struct kdm_str head = { name.ptr, dot == NULL ? name.len : (size_t)(dot - name.ptr) };

        kdm_json_put_str(&buf, head);
        if (dot == NULL)
            break;
        kdm_buf_lit(&buf, ":{\"properties\":{");
        name = kdm_str_from(name, head.len + 1);
        levels++;
    }
    kdm_buf_char(&buf, ':');
    kdm_buf_put(&buf, kdm_val_text(value));
    for (; levels > 0; levels--)
        kdm_buf_lit(&buf, "}}");
    kdm_buf_char(&buf, '}');
    return scanned(merge, kdm_buf_str(&buf));
}

static size_t dots_in(struct kdm_str name)
{
    size_t dots = 0;

    for (size_t i = 0; i < name.len; i++)
        dots += name.ptr[i] == '.';
    return dots;
}

/* Merges the members of `update` whose names have dots into what is written so far, one after the
 * other. */
static bool fold_dotted(struct merge *merge, struct kdm_str path, struct kdm_str place,
                        struct kdm_val update, struct kdm_buf *buf, size_t start, size_t *count)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, update); kdm_member_next(&it, &name, &value);) {
        struct kdm_str field = name_of(merge, name);
        struct kdm_val current, addition;
        struct kdm_buf whole;

        if (!has_dot(field))
            continue;
        if (++merge->dotted > MAX_DOTTED || dots_in(field) > 20)
            return bad_property(merge, place, field);
        kdm_buf_init(&whole, merge->arena, buf->len - start + 2);
        kdm_buf_char(&whole, '{');
        kdm_buf_put(&whole, (struct kdm_str){ buf->ptr + start, buf->len - start });
        kdm_buf_char(&whole, '}');
        current = scanned(merge, kdm_buf_str(&whole));
        addition = unfolded(merge, field, value);
        if (kdm_val_none(current) || kdm_val_none(addition))
            return bad_property(merge, place, field);
        buf->len = start;
        *count = 0;
        if (!put_properties(merge, path, place, current, addition, buf, count))
            return false;
    }
    return true;
}

/* Writes the members (no braces) of a `properties` or `fields` object. `path` is the field's,
 * `place` the whole way through the definition, for the texts of failures. */
static bool put_properties(struct merge *merge, struct kdm_str path, struct kdm_str place,
                           struct kdm_val current, struct kdm_val update, struct kdm_buf *buf,
                           size_t *ret_count)
{
    size_t start = buf->len;

    *ret_count = 0;
    if (kdm_val_count(update) > MAX_FIELDS)
        return too_many_fields(merge);
    return put_plain_members(merge, path, place, current, update, false, buf, ret_count)
           && put_plain_members(merge, path, place, current, update, true, buf, ret_count)
           && fold_dotted(merge, path, place, update, buf, start, ret_count);
}

/* --- the root -----------------------------------------------------------------------------------
 */

static bool check_root(struct merge *merge, struct kdm_val update)
{
    static const char *const known[] = { "properties", "_meta", "dynamic", "dynamic_templates" };
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_none(update))
        return true;
    if (kdm_val_type(update) != KDM_JSON_OBJECT)
        return fail1(merge, KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, KDM_STR("mappings"));
    for (kdm_members(&it, update); kdm_member_next(&it, &name, &value);) {
        bool found = false;

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]) && !found; i++)
            found = kdm_val_str_eq(name, kdm_str_of(known[i]));
        if (!found)
            return fail2(merge, KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING, name_of(merge, name),
                         KDM_STR("A mapping has \"properties\", \"_meta\", \"dynamic\" and "
                                 "\"dynamic_templates\"."));
    }
    return true;
}

bool kdm_definition_merge(struct kdm_arena *arena, struct kdm_val current, struct kdm_val update,
                          struct kdm_str *ret_text, struct kdm_failure *ret_failure)
{
    struct merge merge = { .arena = arena, .failure = ret_failure };
    struct kdm_val properties;
    struct kdm_buf buf;
    size_t count;

    if (!kdm_val_none(update))
        update = kdm_json_parse(arena, kdm_json_canonical(arena, update));
    if (!check_root(&merge, update) || !properties_of(&merge, KDM_STR(""), update, &properties))
        return false;
    kdm_buf_init(&buf, arena, 512);
    kdm_buf_char(&buf, '{');
    if (!put_dynamic(&merge, KDM_STR(""), current, update, &buf))
        return false;
    if (buf.len == 1)
        kdm_buf_lit(&buf, "\"dynamic\":\"false\"");
    if (!put_meta(&merge, KDM_STR(""), current, update, &buf))
        return false;
    kdm_buf_lit(&buf, ",\"properties\":{");
    if (!put_properties(&merge, KDM_STR(""), KDM_STR("properties"),
                        kdm_val_get(current, KDM_STR("properties")), properties, &buf, &count))
        return false;
    kdm_buf_lit(&buf, "}}");
    if (kdm_val_none(scanned(&merge, kdm_buf_str(&buf))))
        return bad_property(&merge, KDM_STR(""), KDM_STR("properties"));
    *ret_text = kdm_buf_str(&buf);
    return true;
}

bool kdm_mapping_merge(const struct kdm_mapping *mapping, struct kdm_arena *arena,
                       struct kdm_val update, struct kdm_str *ret_text, bool *ret_changed,
                       struct kdm_failure *ret_failure)
{
    struct kdm_str was = kdm_mapping_text(mapping), text;

    if (!kdm_definition_merge(arena, kdm_json_parse(arena, was), update, &text, ret_failure))
        return false;
    *ret_changed = !kdm_str_eq(was, text);
    *ret_text = text;
    return true;
}
