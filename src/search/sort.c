/* sort.c - "sort" and "search_after" of a request. */
#include "search/search_internal.h"

/* --- parsing ---------------------------------------------------------------------------------- */

static bool fail(struct kdm_query_parser *parser, const char *text, struct kdm_str name)
{
    kdm_query_fail(parser, KDM_STR("sort"), "%s: \"%s\"", text, kdm_query_shown(parser, name));
    return false;
}

bool kdm_sort_order_parse(struct kdm_query_parser *parser, struct kdm_val value,
                          struct kdm_sort *sort)
{
    struct kdm_str order = kdm_val_str(parser->arena, value);

    if (order.len == 3 && strncasecmp(order.ptr, "asc", 3) == 0)
        sort->descending = false;
    else if (order.len == 4 && strncasecmp(order.ptr, "desc", 4) == 0)
        sort->descending = true;
    else
        return fail(parser, "the order must be asc or desc, not", kdm_val_text(value));
    return true;
}

bool kdm_sort_mode_parse(struct kdm_query_parser *parser, struct kdm_val value,
                         struct kdm_sort *sort)
{
    static const char *const names[] = { "min", "max", "sum", "avg", "median" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!kdm_val_str_eq(value, kdm_str_of(names[i])))
            continue;
        sort->mode = (enum kdm_sort_mode)i;
        return true;
    }
    return fail(parser, "the mode is not known", kdm_val_text(value));
}

static bool parse_missing(struct kdm_query_parser *parser, struct kdm_val value,
                          struct kdm_sort *sort)
{
    struct kdm_key *key;

    if (kdm_val_null(value) || kdm_val_str_eq(value, KDM_STR("_last")))
        return true;
    if (kdm_val_str_eq(value, KDM_STR("_first"))) {
        sort->missing_first = true;
        return true;
    }
    if (sort->field == NULL)
        return true;
    key = kdm_arena_alloc(parser->arena, sizeof(*key));
    sort->missing = key;
    return kdm_query_key(parser, KDM_STR("sort"), sort->field, value, false, NULL, key);
}

bool kdm_sort_suits(const struct kdm_field *field)
{
    return field->type >= KDM_FIELD_KEYWORD && field->type <= KDM_FIELD_IP && field->doc_values
           && field->type != KDM_FIELD_TEXT && field->type != KDM_FIELD_GEO_POINT
           && field->type != KDM_FIELD_GEO_SHAPE;
}

bool kdm_sort_alike(struct kdm_query_parser *parser, struct kdm_str name)
{
    return parser->peers == NULL || kdm_query_peers(parser, name)->alike
           || fail(parser, "the collections have different types of the field", name);
}

/* Is it something in a flattened field, which queries find and orders don't? */
static bool is_part(struct kdm_query_parser *parser, struct kdm_str name)
{
    struct kdm_query_parser asking = *parser;
    const struct kdm_field *field;
    struct kdm_failure ignored;

    asking.failure = &ignored;
    return kdm_query_field(&asking, KDM_STR("sort"), name, &field) && field != NULL;
}

static bool resolve(struct kdm_query_parser *parser, struct kdm_str name, bool unmapped,
                    struct kdm_sort *sort)
{
    if (kdm_str_eq(name, KDM_STR("_score"))) {
        sort->kind = KDM_SORT_SCORE;
        sort->descending = true;
        return true;
    }
    if (kdm_str_eq(name, KDM_STR("_doc"))) {
        sort->kind = KDM_SORT_DOC;
        return true;
    }
    if (kdm_str_eq(name, KDM_STR("_script")))
        return fail(parser, "this order is not supported", name);
    sort->kind = kdm_str_eq(name, KDM_STR("_id")) ? KDM_SORT_ID : KDM_SORT_FIELD;
    if (sort->kind == KDM_SORT_ID) {
        sort->field = &kdm_query_id;
        return true;
    }
    sort->field = parser->mapping == NULL ? NULL : kdm_mapping_find(parser->mapping, name);
    if (sort->field == NULL && is_part(parser, name))
        return fail(parser, "a part of a flattened field can't be sorted by", name);
    if (sort->field == NULL)
        return unmapped
               || fail(parser, "the field is not mapped, so nothing can be sorted by it", name);
    if (!kdm_sort_suits(sort->field))
        return fail(parser, "this type of field can't be sorted by", name);
    return kdm_sort_alike(parser, name);
}

/* {path}: the field is of those objects, and the values of all of them are the document's. */
static bool parse_nested(struct kdm_query_parser *parser, struct kdm_val value,
                         struct kdm_sort *sort)
{
    static const char *const known[] = { "path", NULL };
    struct kdm_str path = kdm_val_str(parser->arena, kdm_val_get(value, KDM_STR("path")));
    float boost;

    if (kdm_val_null(value))
        return true;
    if (kdm_val_type(value) != KDM_JSON_OBJECT
        || !kdm_query_params(parser, KDM_STR("sort.nested"), value, known, &boost))
        return kdm_val_type(value) == KDM_JSON_OBJECT
                   ? false
                   : fail(parser, "\"nested\" must be an object, not", kdm_val_text(value));
    if (kdm_str_none(path))
        return fail(parser, "\"nested\" needs a path", KDM_STR(""));
    if (sort->field == NULL)
        return true;
    sort->nested = sort->field->nested;
    if (sort->nested == NULL || !kdm_str_eq(sort->nested->path, path))
        return fail(parser, "the field is not of nested objects at", path);
    return true;
}

/* Only numbers have a sum or a middle. */
static bool mode_suits(struct kdm_query_parser *parser, const struct kdm_sort *sort)
{
    if (sort->mode <= KDM_MODE_MAX || sort->field == NULL
        || (sort->field->type >= KDM_FIELD_LONG && sort->field->type <= KDM_FIELD_BOOLEAN))
        return true;
    return fail(parser, "this mode is only for numbers, not for", sort->field->path);
}

/* {order, missing, mode, unmapped_type, ..}, or the order alone. */
static bool parse_options(struct kdm_query_parser *parser, struct kdm_str name,
                          struct kdm_val value, struct kdm_sort *sort)
{
    static const char *const known[] = { "order",  "missing",      "mode",   "unmapped_type",
                                         "format", "numeric_type", "nested", NULL };
    bool object = kdm_val_type(value) == KDM_JSON_OBJECT;
    struct kdm_val order = object ? kdm_val_get(value, KDM_STR("order")) : value;
    struct kdm_val mode = kdm_val_get(value, KDM_STR("mode"));
    float boost;

    if (kdm_str_eq(name, KDM_STR("_geo_distance")))
        return kdm_sort_distance_parse(parser, value, sort);
    if (object && !kdm_query_params(parser, KDM_STR("sort"), value, known, &boost))
        return false;
    if (!resolve(parser, name, !kdm_val_null(kdm_val_get(value, KDM_STR("unmapped_type"))), sort)
        || (!kdm_val_none(order) && !kdm_sort_order_parse(parser, order, sort)))
        return false;
    sort->mode = sort->descending ? KDM_MODE_MAX : KDM_MODE_MIN;
    return (kdm_val_null(mode) || kdm_sort_mode_parse(parser, mode, sort))
           && mode_suits(parser, sort)
           && parse_nested(parser, kdm_val_get(value, KDM_STR("nested")), sort)
           && parse_missing(parser, kdm_val_get(value, KDM_STR("missing")), sort);
}

static struct kdm_sort *new_sort(struct kdm_query_parser *parser, struct kdm_search *search)
{
    if (search->sort_count < KDM_SEARCH_MAX_SORTS)
        return &search->sorts[search->sort_count++];
    kdm_query_fail(parser, KDM_STR("sort"), "can't have more than %d keys", KDM_SEARCH_MAX_SORTS);
    return NULL;
}

/* "name", or {name: options, ..}. */
static bool parse_sort(struct kdm_query_parser *parser, struct kdm_val value,
                       struct kdm_search *search)
{
    struct kdm_val_iter it;
    struct kdm_val name, options;
    struct kdm_sort *sort;

    if (kdm_val_type(value) == KDM_JSON_STRING) {
        sort = new_sort(parser, search);
        return sort != NULL
               && parse_options(parser, kdm_val_str(parser->arena, value), KDM_VAL_NONE, sort);
    }
    if (kdm_val_type(value) != KDM_JSON_OBJECT)
        return fail(parser, "a key must be a name or an object", kdm_val_text(value));
    for (kdm_members(&it, value); kdm_member_next(&it, &name, &options);) {
        sort = new_sort(parser, search);
        if (sort == NULL || !parse_options(parser, kdm_val_str(parser->arena, name), options, sort))
            return false;
    }
    return true;
}

/* --- search_after ----------------------------------------------------------------------------- */

static bool parse_after_value(struct kdm_query_parser *parser, const struct kdm_sort *sort,
                              struct kdm_val value, struct kdm_sort_value *after)
{
    struct kdm_number number;

    if (kdm_val_type(value) == KDM_JSON_NULL) {
        after->missing = true;
        return true;
    }
    if (sort->field != NULL && sort->kind != KDM_SORT_DISTANCE)
        return kdm_query_key(parser, KDM_STR("search_after"), sort->field, value, false, NULL,
                             &after->key);
    if (!kdm_number_parse(kdm_val_text(value), &number))
        return kdm_query_fail(parser, KDM_STR("search_after"), "needs a number here") != NULL;
    after->key = (struct kdm_key){ .number = number };
    return true;
}

static bool parse_after(struct kdm_query_parser *parser, struct kdm_val body,
                        struct kdm_search *search)
{
    struct kdm_val values = kdm_val_get(body, KDM_STR("search_after")), value;
    struct kdm_sort_value *after;
    struct kdm_val_iter it;
    size_t count = 0;

    if (kdm_val_null(values))
        return true;
    if (kdm_val_type(values) != KDM_JSON_ARRAY || kdm_val_count(values) != search->sort_count
        || search->sort_count == 0)
        return kdm_query_fail(parser, KDM_STR("search_after"), "needs one value for each sort key")
               != NULL;
    if (search->from != 0)
        return kdm_query_fail(parser, KDM_STR("search_after"), "can't be used with \"from\"")
               != NULL;
    after = kdm_arena_zalloc(parser->arena, search->sort_count * sizeof(*after));
    for (kdm_elements(&it, values); kdm_element_next(&it, &value); count++)
        if (!parse_after_value(parser, &search->sorts[count], value, &after[count]))
            return false;
    search->after = after;
    return true;
}

bool kdm_sort_parse(struct kdm_query_parser *parser, struct kdm_val body, struct kdm_search *search)
{
    struct kdm_val value = kdm_val_get(body, KDM_STR("sort")), element;
    struct kdm_val_iter it;

    search->sorts = kdm_arena_zalloc(parser->arena, KDM_SEARCH_MAX_SORTS * sizeof(*search->sorts));
    if (kdm_val_type(value) == KDM_JSON_ARRAY) {
        for (kdm_elements(&it, value); kdm_element_next(&it, &element);)
            if (!parse_sort(parser, element, search))
                return false;
    } else if (!kdm_val_null(value) && !parse_sort(parser, value, search)) {
        return false;
    }
    search->by_score = search->sort_count == 0;
    for (size_t i = 0; i < search->sort_count; i++)
        search->by_score |= search->sorts[i].kind == KDM_SORT_SCORE;
    return parse_after(parser, body, search);
}
