/* mapping_check.c - may this document be stored under this mapping?
 * Runs for every write, so it walks the scanned text once, finds each member's field by hash, and
 * decides the usual cases by the JSON type alone. Only what is left goes through kdm_field_key(),
 * which is also what search reads values with. A path is written only for the text of a failure.
 */
#include "store/mapping_internal.h"

#define MAX_TERM                                                                                   \
    32766            /* bytes of a keyword that can be searched; Lucene's limit, clients know it */
#define MAX_SHOWN 64 /* bytes of a bad value in the text of its failure */

struct check {
    struct kdm_arena *arena;
    const struct kdm_mapping_place *place;
    struct kdm_failure *failure;
    bool additions; /* something is to be taken up by a dynamic object */
};

static bool check_value(struct check *check, const struct kdm_field *field, struct kdm_val value);
static bool check_object(struct check *check, const struct kdm_field *object, struct kdm_val value);

/* --- failures -------------------------------------------------------------------------------- */

/* The value's beginning, cut between characters. */
static struct kdm_str shown(struct kdm_val value)
{
    struct kdm_str text = kdm_val_text(value);

    if (text.len <= MAX_SHOWN)
        return text;
    text.len = MAX_SHOWN;
    while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80)
        text.len--;
    return text;
}

static bool bad_request(struct check *check, struct kdm_str text)
{
    kdm_failure_set(check->failure, check->arena, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                    KDM_PROPS(text));
    return false;
}

static bool bad_value(struct check *check, const struct kdm_field *field, struct kdm_val value)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, check->arena, 128);
    kdm_buf_lit(&buf, "The field \"");
    kdm_buf_put(&buf, field->path);
    kdm_buf_lit(&buf, "\" is of type ");
    kdm_buf_put(&buf, kdm_str_of(kdm_field_type_name(field->type)));
    kdm_buf_lit(&buf, " and cannot hold ");
    kdm_buf_put(&buf, shown(value));
    kdm_buf_char(&buf, '.');
    return bad_request(check, kdm_buf_str(&buf));
}

static bool undeclared(struct check *check, struct kdm_str name)
{
    kdm_failure_set(check->failure, check->arena, KDM_ERR_SERVICES_STORAGE_STRICT_MAPPING_REJECTION,
                    KDM_PROPS(name, check->place->index, check->place->collection));
    return false;
}

/* --- scalars ---------------------------------------------------------------------------------- */

/* A whole number so short that it fits the type whatever its digits. */
static bool surely_whole(const struct kdm_field *field, const struct kdm_json_node *node)
{
    static const uint8_t digits[KDM_FIELD_TYPE_COUNT] = {
        [KDM_FIELD_LONG] = 18,      [KDM_FIELD_INTEGER] = 9,  [KDM_FIELD_SHORT] = 4,
        [KDM_FIELD_BYTE] = 2,       [KDM_FIELD_DOUBLE] = 200, [KDM_FIELD_FLOAT] = 37,
        [KDM_FIELD_HALF_FLOAT] = 4,
    };

    return (node->flags & KDM_JSON_INTEGER) != 0 && node->len <= digits[field->type];
}

/* ms since 1970 in the default format: five digits or more, so that it isn't a year. */
static bool surely_epoch(const struct kdm_field *field, const struct kdm_json_node *node)
{
    return field->format == kdm_date_format_default() && (node->flags & KDM_JSON_INTEGER) != 0
           && node->len > 5 && node->len <= 15;
}

static bool usual_scalar(const struct kdm_field *field, struct kdm_val value)
{
    const struct kdm_json_node *node = kdm_val_node(value);
    enum kdm_json_type json = (enum kdm_json_type)node->type;

    switch ((enum kdm_field_type)field->type) {
    case KDM_FIELD_KEYWORD:
        return json != KDM_JSON_STRING || node->len <= MAX_TERM;
    case KDM_FIELD_TEXT:
        return true;
    case KDM_FIELD_DOUBLE:
        return json == KDM_JSON_NUMBER;
    case KDM_FIELD_LONG:
    case KDM_FIELD_INTEGER:
    case KDM_FIELD_SHORT:
    case KDM_FIELD_BYTE:
    case KDM_FIELD_FLOAT:
    case KDM_FIELD_HALF_FLOAT:
        return json == KDM_JSON_NUMBER && surely_whole(field, node);
    case KDM_FIELD_DATE:
        return json == KDM_JSON_NUMBER && surely_epoch(field, node);
    case KDM_FIELD_BOOLEAN:
        return json == KDM_JSON_TRUE || json == KDM_JSON_FALSE;
    default:
        return false;
    }
}

/* A keyword that is not cut off by ignore_above must be short enough to be indexed. */
static bool keyword_fits(const struct kdm_field *field, const struct kdm_key *key)
{
    return !key->is_text || field->type != KDM_FIELD_KEYWORD || !field->indexed
           || key->text.len <= MAX_TERM;
}

static bool check_scalar(struct check *check, const struct kdm_field *field, struct kdm_val value)
{
    struct kdm_point point;
    struct kdm_key key;
    bool fits;

    if (usual_scalar(field, value))
        return true;
    switch ((enum kdm_field_type)field->type) {
    case KDM_FIELD_GEO_POINT:
        fits = kdm_geo_point(check->arena, value, &point);
        break;
    case KDM_FIELD_GEO_SHAPE:
        fits = kdm_geo_shape_valid(check->arena, value);
        break;
    case KDM_FIELD_BINARY:
        fits = kdm_val_type(value) == KDM_JSON_STRING;
        break;
    case KDM_FIELD_FLATTENED:
    case KDM_FIELD_OBJECT:
    case KDM_FIELD_NESTED:
    case KDM_FIELD_ALIAS:
        return bad_value(check, field, value);
    default:
        key.is_text = false;
        switch (kdm_field_key(field, check->arena, value, &key)) {
        case KDM_KEY_OK:
            if (keyword_fits(field, &key))
                return true;
            return bad_value(check, field, value);
        case KDM_KEY_NONE:
            return true;
        default:
            fits = false;
        }
    }
    return fits || field->ignore_malformed || bad_value(check, field, value);
}

/* --- values ------------------------------------------------------------------------------------
 */

static bool check_elements(struct check *check, const struct kdm_field *field, struct kdm_val array)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    for (kdm_elements(&it, array); kdm_element_next(&it, &element);)
        if (!check_value(check, field, element))
            return false;
    return true;
}

static bool check_sub_fields(struct check *check, const struct kdm_field *field,
                             struct kdm_val value)
{
    for (uint32_t i = 0; i < field->field_count; i++)
        if (!check_scalar(check, field->fields[i], value))
            return false;
    return true;
}

static bool check_leaf_object(struct check *check, const struct kdm_field *field,
                              struct kdm_val value)
{
    struct kdm_point point;

    if (field->type == KDM_FIELD_FLATTENED)
        return true;
    if (field->type == KDM_FIELD_GEO_POINT && kdm_geo_point(check->arena, value, &point))
        return true;
    if (field->type == KDM_FIELD_GEO_SHAPE && kdm_geo_shape_valid(check->arena, value))
        return true;
    if (kdm_field_takes_object(field) && field->ignore_malformed)
        return true;
    return bad_value(check, field, value);
}

static bool check_value(struct check *check, const struct kdm_field *field, struct kdm_val value)
{
    bool object = field->type == KDM_FIELD_OBJECT || field->type == KDM_FIELD_NESTED;

    switch (kdm_val_type(value)) {
    case KDM_JSON_NONE:
    case KDM_JSON_NULL:
        return true;
    case KDM_JSON_ARRAY:
        if (field->type == KDM_FIELD_GEO_POINT && kdm_geo_is_pair(value))
            return check_scalar(check, field, value);
        return check_elements(check, field, value);
    case KDM_JSON_OBJECT:
        return object ? check_object(check, field, value) : check_leaf_object(check, field, value);
    default:
        return check_scalar(check, field, value)
               && (field->field_count == 0 || check_sub_fields(check, field, value));
    }
}

/* --- members -------------------------------------------------------------------------------------
 */

/* A name that Elasticsearch could not make a path of: "", "a.", ".a", "a..b". */
static bool name_is_path(struct kdm_str name)
{
    bool empty = true; /* the part so far */

    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '.' && empty)
            return false;
        empty = name.ptr[i] == '.';
    }
    return !empty;
}

static bool check_unmapped(struct check *check, const struct kdm_field *object, struct kdm_str name)
{
    switch ((enum kdm_dynamic)object->dynamic) {
    case KDM_DYNAMIC_STRICT:
        return undeclared(check, name);
    case KDM_DYNAMIC_TRUE:
        if (!name_is_path(name))
            return bad_request(check, kdm_arena_printf(check->arena,
                                                       "\"" KDM_FMT "\" cannot be a field's name.",
                                                       KDM_ARG(name)));
        check->additions = true;
        return true;
    default:
        return true;
    }
}

static bool check_member(struct check *check, const struct kdm_field *object, struct kdm_str name,
                         struct kdm_val value);

/* "a.b": the object path, part by part (the members of an object may be written so). */
static bool check_dotted(struct check *check, const struct kdm_field *object, struct kdm_str name,
                         struct kdm_val value)
{
    const char *dot = memchr(name.ptr, '.', name.len);
    struct kdm_str head = { name.ptr, (size_t)(dot - name.ptr) };
    const struct kdm_field *child = kdm_field_child(object, head);

    if (child == NULL || !name_is_path(name))
        return check_unmapped(
            check, object,
            child == NULL && head.len > 0 && object->dynamic == KDM_DYNAMIC_STRICT ? head : name);
    if (child->type == KDM_FIELD_FLATTENED)
        return true;
    if (child->type != KDM_FIELD_OBJECT && child->type != KDM_FIELD_NESTED)
        return bad_value(check, child, value);
    return !child->enabled || check_member(check, child, kdm_str_from(name, head.len + 1), value);
}

static bool check_member(struct check *check, const struct kdm_field *object, struct kdm_str name,
                         struct kdm_val value)
{
    const struct kdm_field *child = kdm_field_child(object, name);

    if (child != NULL)
        return !child->enabled || check_value(check, child, value);
    if (name.len > 0 && memchr(name.ptr, '.', name.len) != NULL)
        return check_dotted(check, object, name, value);
    return check_unmapped(check, object, name);
}

static bool check_object(struct check *check, const struct kdm_field *object, struct kdm_val value)
{
    struct kdm_val_iter it;
    struct kdm_val name, member;

    for (kdm_members(&it, value); kdm_member_next(&it, &name, &member);)
        if (!check_member(check, object, kdm_val_str(check->arena, name), member))
            return false;
    return true;
}

static bool check_root(struct check *check, const struct kdm_field *root, struct kdm_val document)
{
    struct kdm_val_iter it;
    struct kdm_val name, member;

    for (kdm_members(&it, document); kdm_member_next(&it, &name, &member);) {
        struct kdm_str text = kdm_val_str(check->arena, name);

        if (text.len == KDM_KUZZLE_INFO_NAME.len && kdm_str_eq(text, KDM_KUZZLE_INFO_NAME))
            continue;
        if (!check_member(check, root, text, member))
            return false;
    }
    return true;
}

/* Infers what is new, and checks the document against the mapping it will have: the same document
 * may hold the new field twice, with values of two types. */
static bool take_up(struct check *check, const struct kdm_mapping *mapping, struct kdm_val document,
                    struct kdm_str *ret_additions)
{
    struct kdm_str additions, text;
    struct kdm_mapping *extended;
    bool changed, fits;

    if (!kdm_mapping_infer(mapping, check->arena, document, &additions, check->failure)
        || !kdm_mapping_merge(mapping, check->arena, kdm_json_parse(check->arena, additions), &text,
                              &changed, check->failure))
        return false;
    if (!changed)
        return true;
    extended = kdm_mapping_create(check->arena, kdm_json_parse(check->arena, text), check->failure);
    if (extended == NULL)
        return false;
    fits = check_root(check, kdm_mapping_root(extended), document);
    kdm_mapping_unref(extended);
    if (fits)
        *ret_additions = additions;
    return fits;
}

bool kdm_mapping_check(const struct kdm_mapping *mapping, struct kdm_arena *arena,
                       struct kdm_val document, const struct kdm_mapping_place *place,
                       struct kdm_str *ret_additions, struct kdm_failure *ret_failure)
{
    struct check check = { .arena = arena, .place = place, .failure = ret_failure };

    *ret_additions = KDM_STR_NONE;
    if (kdm_val_type(document) != KDM_JSON_OBJECT)
        return bad_request(&check, KDM_STR("A document must be an object."));
    if (!check_root(&check, kdm_mapping_root(mapping), document))
        return false;
    return !check.additions || take_up(&check, mapping, document, ret_additions);
}
