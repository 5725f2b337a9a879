/* koncorde.c - Koncorde filters into the query tree, for searches and for realtime.
 * "not" is carried down to the leaves while parsing (De Morgan), because Koncorde negates leaves by
 * rules of their own: a bad point matches neither a circle nor its negation. In a search the leaves
 * that Elasticsearch has become its clauses, so that they compare by the mapping; the rest stays
 * Koncorde's.
 */
#include "search/koncorde.h"
#include "search/parse.h"
#include <stdlib.h>

#define MAX_MATCH_ELEMENTS 100

struct koncorde {
    struct kdm_query_parser *parser;
    bool search;
    size_t conditions, max_conditions;
};

typedef struct kdm_query *keyword_fn(struct koncorde *koncorde, struct kdm_str keyword,
                                     struct kdm_val value, bool negated);

static keyword_fn and_, or_, not_, bool_, equals, in, ids, exists, missing, range, regexp, match,
    select_, nothing, geo_distance, geo_distance_range, geo_bounding_box, geo_polygon;

static const struct {
    const char *name;
    keyword_fn *parse;
    bool leaf;
} keywords[] = {
    { "and", and_, false },
    { "or", or_, false },
    { "not", not_, false },
    { "bool", bool_, false },
    { "equals", equals, true },
    { "in", in, false }, /* counts its values itself */
    { "ids", ids, false },
    { "exists", exists, true },
    { "missing", missing, true },
    { "range", range, true },
    { "regexp", regexp, true },
    { "match", match, true },
    { "select", select_, true },
    { "nothing", nothing, true },
    { "geoDistance", geo_distance, true },
    { "geoDistanceRange", geo_distance_range, true },
    { "geoBoundingBox", geo_bounding_box, true },
    { "geoPolygon", geo_polygon, true },
};

/* --- failures and helpers --------------------------------------------------------------------- */

static struct kdm_query *fail(struct koncorde *koncorde, struct kdm_str where, const char *reason)
{
    struct kdm_query_parser *parser = koncorde->parser;
    struct kdm_buf buf;

    kdm_buf_init(&buf, parser->arena, 128);
    kdm_buf_char(&buf, '"');
    kdm_buf_put(&buf, kdm_str_of(kdm_query_shown(parser, where)));
    kdm_buf_lit(&buf, "\": ");
    kdm_buf_put(&buf, kdm_str_of(reason));
    kdm_failure_set(parser->failure, parser->arena,
                    koncorde->search ? KDM_ERR_SERVICES_KONCORDE_ELASTIC_TRANSLATION_ERROR
                                     : KDM_ERR_API_ASSERT_KONCORDE_DSL_ERROR,
                    KDM_PROPS(kdm_buf_str(&buf)));
    return NULL;
}

static bool count_conditions(struct koncorde *koncorde, struct kdm_str where, size_t more)
{
    koncorde->conditions += more;
    if (koncorde->conditions <= koncorde->max_conditions)
        return true;
    fail(koncorde, where, "the filter has too many conditions");
    return false;
}

static struct kdm_query *negated_if(struct koncorde *koncorde, struct kdm_query *query,
                                    bool negated)
{
    return query != NULL && negated ? kdm_query_not(koncorde->parser, query) : query;
}

static struct kdm_query *leaf(struct koncorde *koncorde, enum kdm_query_kind kind,
                              struct kdm_str path, bool negated)
{
    struct kdm_query *query = kdm_query_new(koncorde->parser, kind);

    query->path = path;
    query->negated = negated;
    return query;
}

static bool is_scalar(struct kdm_val value)
{
    return kdm_val_type(value) >= KDM_JSON_NULL && kdm_val_type(value) <= KDM_JSON_STRING;
}

/* An object with exactly one member: {field: value}. */
static bool one_member(struct koncorde *koncorde, struct kdm_str keyword, struct kdm_val value,
                       struct kdm_str *ret_name, struct kdm_val *ret_value)
{
    struct kdm_val_iter it;
    struct kdm_val name;

    kdm_members(&it, value);
    if (kdm_val_type(value) != KDM_JSON_OBJECT || kdm_val_count(value) != 1
        || !kdm_member_next(&it, &name, ret_value)) {
        fail(koncorde, keyword, "must be an object with exactly one field");
        return false;
    }
    *ret_name = kdm_val_str(koncorde->parser->arena, name);
    return true;
}

static struct kdm_query *parse(struct koncorde *koncorde, struct kdm_str where,
                               struct kdm_val filter, bool negated)
{
    struct kdm_query_parser *parser = koncorde->parser;
    struct kdm_val_iter it;
    struct kdm_val name, value;
    struct kdm_str keyword;

    kdm_members(&it, filter);
    if (kdm_val_type(filter) != KDM_JSON_OBJECT || kdm_val_count(filter) != 1
        || !kdm_member_next(&it, &name, &value))
        return fail(koncorde, where, "a filter must be an object with exactly one keyword");
    keyword = kdm_val_str(parser->arena, name);
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (!kdm_str_eq(keyword, kdm_str_of(keywords[i].name)))
            continue;
        if (keywords[i].leaf && !count_conditions(koncorde, keyword, 1))
            return NULL;
        return keywords[i].parse(koncorde, keyword, value, negated);
    }
    if (!koncorde->search)
        return fail(koncorde, keyword, "is not a keyword of Koncorde");
    kdm_failure_set(parser->failure, parser->arena, KDM_ERR_SERVICES_STORAGE_UNKNOWN_QUERY_KEYWORD,
                    KDM_PROPS(keyword));
    return NULL;
}

static struct kdm_query *parse_root(struct koncorde *koncorde, struct kdm_val filter)
{
    if (kdm_val_null(filter)
        || (kdm_val_type(filter) == KDM_JSON_OBJECT && kdm_val_count(filter) == 0))
        return kdm_query_new(koncorde->parser, KDM_QUERY_ALL);
    return parse(koncorde, KDM_STR("filter"), filter, false);
}

struct kdm_query *kdm_query_parse_koncorde(struct kdm_query_parser *parser, struct kdm_val filter)
{
    struct koncorde koncorde = { .parser = parser,
                                 .search = true,
                                 .max_conditions = KDM_QUERY_MAX_TERMS };

    return parse_root(&koncorde, filter);
}

struct kdm_query *kdm_query_parse_filter(struct kdm_query_parser *parser, struct kdm_val filter,
                                         size_t max_conditions)
{
    struct koncorde koncorde = { .parser = parser, .max_conditions = max_conditions };

    return parse_root(&koncorde, filter);
}

/* --- operators -------------------------------------------------------------------------------- */

/* All of `filters`, or any of them; each negated when `negated`. */
static struct kdm_query *group(struct koncorde *koncorde, struct kdm_str keyword,
                               struct kdm_val filters, bool all, bool negated)
{
    struct kdm_query *query = kdm_query_new(koncorde->parser, KDM_QUERY_BOOL);
    struct kdm_query_list *list = all ? &query->filter : &query->should;
    struct kdm_val_iter it;
    struct kdm_val filter;

    if (kdm_val_type(filters) != KDM_JSON_ARRAY || kdm_val_count(filters) == 0)
        return fail(koncorde, keyword, "must be an array that is not empty");
    query->minimum = all ? 0 : 1;
    for (kdm_elements(&it, filters); kdm_element_next(&it, &filter);) {
        struct kdm_query *one = NULL;

        if (!koncorde->search || kdm_query_count(koncorde->parser, keyword))
            one = parse(koncorde, keyword, filter, negated);
        if (one == NULL)
            return NULL;
        kdm_query_add(koncorde->parser, list, one);
    }
    return query;
}

static struct kdm_query *and_(struct koncorde *koncorde, struct kdm_str keyword,
                              struct kdm_val value, bool negated)
{
    return group(koncorde, keyword, value, !negated, negated);
}

static struct kdm_query *or_(struct koncorde *koncorde, struct kdm_str keyword,
                             struct kdm_val value, bool negated)
{
    return group(koncorde, keyword, value, negated, negated);
}

static struct kdm_query *not_(struct koncorde *koncorde, struct kdm_str keyword,
                              struct kdm_val value, bool negated)
{
    return parse(koncorde, keyword, value, !negated);
}

/* AND(must), NOT OR(must_not), OR(should), NOT AND(should_not), all at once. */
static struct kdm_query *bool_(struct koncorde *koncorde, struct kdm_str keyword,
                               struct kdm_val value, bool negated)
{
    static const struct {
        const char *name;
        bool all, negated;
    } parts[] = { { "must", true, false },
                  { "must_not", true, true },
                  { "should", false, false },
                  { "should_not", false, true } };
    struct kdm_query_parser *parser = koncorde->parser;
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOL);
    size_t known = 0;

    if (koncorde->search) {
        kdm_failure_set(parser->failure, parser->arena,
                        KDM_ERR_API_ASSERT_KONCORDE_RESTRICTED_KEYWORD,
                        KDM_PROPS(KDM_STR("operator"), keyword));
        return NULL;
    }
    query->minimum = negated ? 1 : 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        struct kdm_str name = kdm_str_of(parts[i].name);
        struct kdm_val filters = kdm_val_get(value, name);
        struct kdm_query *one;

        if (kdm_val_none(filters))
            continue;
        known++;
        if (i == 0 && kdm_val_type(filters) == KDM_JSON_OBJECT)
            one = parse(koncorde, name, filters, negated);
        else
            one = group(koncorde, name, filters, parts[i].all != negated,
                        parts[i].negated != negated);
        if (one == NULL)
            return NULL;
        kdm_query_add(parser, negated ? &query->should : &query->filter, one);
    }
    if (kdm_val_type(value) != KDM_JSON_OBJECT || known == 0 || kdm_val_count(value) != known)
        return fail(koncorde, keyword, "takes must, must_not, should and should_not");
    return query;
}

/* --- values ----------------------------------------------------------------------------------- */

/* In a search: terms on the mapped field. */
static struct kdm_query *terms(struct koncorde *koncorde, struct kdm_str keyword,
                               struct kdm_str path, const struct kdm_val *values, size_t count,
                               bool negated)
{
    struct kdm_query_parser *parser = koncorde->parser;
    const struct kdm_field *field;
    struct kdm_query *query;

    if (!kdm_query_leaf(parser, keyword, path, &field))
        return NULL;
    if (field == NULL)
        return negated_if(koncorde, kdm_query_new(parser, KDM_QUERY_NONE), negated);
    query = kdm_query_any(parser, keyword, field, values, count);
    return query == NULL ? NULL : negated_if(koncorde, query, negated);
}

static struct kdm_query *equal_leaf(struct koncorde *koncorde, struct kdm_str path,
                                    struct kdm_val value, bool negated)
{
    struct kdm_query *query = leaf(koncorde, KDM_QUERY_K_EQUALS, path, negated);

    query->value = value;
    return query;
}

static struct kdm_query *equals(struct koncorde *koncorde, struct kdm_str keyword,
                                struct kdm_val value, bool negated)
{
    struct kdm_str path;
    struct kdm_val expected;

    if (!one_member(koncorde, keyword, value, &path, &expected))
        return NULL;
    if (!is_scalar(expected))
        return fail(koncorde, path, "equals needs a string, a number, a boolean or null");
    if (koncorde->search)
        return terms(koncorde, keyword, path, &expected, 1, negated);
    return equal_leaf(koncorde, path, expected, negated);
}

/* The values of `array`, all strings unless in a search; NULL with a failure. */
static struct kdm_val *scalars(struct koncorde *koncorde, struct kdm_str where,
                               struct kdm_val array)
{
    struct kdm_val *values = NULL, value;
    struct kdm_val_iter it;
    size_t count = 0;

    if (kdm_val_type(array) != KDM_JSON_ARRAY || kdm_val_count(array) == 0) {
        fail(koncorde, where, "must be an array that is not empty");
        return NULL;
    }
    if (!count_conditions(koncorde, where, kdm_val_count(array)))
        return NULL;
    values = kdm_arena_alloc(koncorde->parser->arena, kdm_val_count(array) * sizeof(*values));
    for (kdm_elements(&it, array); kdm_element_next(&it, &value);) {
        if (koncorde->search ? !is_scalar(value) : kdm_val_type(value) != KDM_JSON_STRING) {
            fail(koncorde, where, "must be an array of strings");
            return NULL;
        }
        values[count++] = value;
    }
    return values;
}

/* Any of `values`, in realtime. */
static struct kdm_query *equal_any(struct koncorde *koncorde, struct kdm_str path,
                                   const struct kdm_val *values, size_t count, bool negated)
{
    struct kdm_query *query = kdm_query_new(koncorde->parser, KDM_QUERY_BOOL);

    query->minimum = negated ? 0 : 1;
    for (size_t i = 0; i < count; i++)
        kdm_query_add(koncorde->parser, negated ? &query->filter : &query->should,
                      equal_leaf(koncorde, path, values[i], negated));
    return query;
}

static struct kdm_query *in(struct koncorde *koncorde, struct kdm_str keyword, struct kdm_val value,
                            bool negated)
{
    struct kdm_val array, *values;
    struct kdm_str path;

    if (!one_member(koncorde, keyword, value, &path, &array))
        return NULL;
    values = scalars(koncorde, path, array);
    if (values == NULL)
        return NULL;
    if (koncorde->search)
        return terms(koncorde, keyword, path, values, kdm_val_count(array), negated);
    return equal_any(koncorde, path, values, kdm_val_count(array), negated);
}

static struct kdm_query *ids(struct koncorde *koncorde, struct kdm_str keyword,
                             struct kdm_val value, bool negated)
{
    struct kdm_val array, *values;
    struct kdm_str name;

    if (!one_member(koncorde, keyword, value, &name, &array))
        return NULL;
    if (!kdm_str_eq(name, KDM_STR("values")))
        return fail(koncorde, keyword, "needs \"values\"");
    values = scalars(koncorde, name, array);
    if (values == NULL)
        return NULL;
    if (koncorde->search)
        return terms(koncorde, keyword, KDM_STR("_id"), values, kdm_val_count(array), negated);
    return equal_any(koncorde, KDM_STR("_id"), values, kdm_val_count(array), negated);
}

/* --- exists, missing -------------------------------------------------------------------------- */

/* Where the brackets of "path[value]" begin; text.len when it is only a path: a bracket that stands
 * first, or behind a backslash, belongs to the name. */
static size_t find_brackets(struct kdm_str text)
{
    if (text.len == 0 || text.ptr[text.len - 1] != ']')
        return text.len;
    for (size_t i = 1; i < text.len; i++)
        if (text.ptr[i] == '[' && text.ptr[i - 1] != '\\')
            return i;
    return text.len;
}

/* Takes "a\[b\][1]" apart: the path without escapes, and the JSON in the brackets (none: no
 * brackets). */
static bool split_exists(struct kdm_arena *arena, struct kdm_str text, struct kdm_str *ret_path,
                         struct kdm_str *ret_value)
{
    size_t end = find_brackets(text);
    struct kdm_buf path;

    kdm_buf_init(&path, arena, text.len + 1);
    for (size_t i = 0; i < end; i++) {
        if (text.ptr[i] == '\\' && i + 1 < end
            && (text.ptr[i + 1] == '[' || text.ptr[i + 1] == ']'))
            i++;
        kdm_buf_char(&path, text.ptr[i]);
    }
    *ret_path = kdm_buf_str(&path);
    *ret_value =
        end == text.len ? KDM_STR_NONE : (struct kdm_str){ text.ptr + end + 1, text.len - end - 2 };
    return path.len > 0;
}

static struct kdm_query *exists_in_search(struct koncorde *koncorde, struct kdm_str keyword,
                                          struct kdm_str path, const struct kdm_val *value,
                                          bool negated)
{
    struct kdm_query_parser *parser = koncorde->parser;
    const struct kdm_field *field;
    struct kdm_query *query;

    if (value != NULL)
        return terms(koncorde, keyword, path, value, 1, negated);
    if (!kdm_query_field(parser, keyword, path, &field))
        return NULL;
    query = kdm_query_new(parser, field == NULL ? KDM_QUERY_NONE : KDM_QUERY_EXISTS);
    query->field = field;
    return negated_if(koncorde, query, negated);
}

static struct kdm_query *exists(struct koncorde *koncorde, struct kdm_str keyword,
                                struct kdm_val value, bool negated)
{
    struct kdm_arena *arena = koncorde->parser->arena;
    struct kdm_str text, path, json;
    struct kdm_json *doc;
    struct kdm_val wanted;
    struct kdm_query *query;

    if (kdm_val_type(value) == KDM_JSON_OBJECT && kdm_val_count(value) == 1)
        value = kdm_val_get(value, KDM_STR("field"));
    text = kdm_val_str(arena, value);
    if (kdm_str_none(text) || !split_exists(arena, text, &path, &json))
        return fail(koncorde, keyword, "needs the name of a field");
    if (kdm_str_none(json)) {
        if (koncorde->search)
            return exists_in_search(koncorde, keyword, path, NULL, negated);
        return leaf(koncorde, KDM_QUERY_K_EXISTS, path, negated);
    }
    doc = kdm_arena_alloc(arena, sizeof(*doc));
    if (!kdm_json_scan(arena, json, doc, NULL))
        return fail(koncorde, text, "the brackets must hold one JSON value");
    wanted = kdm_json_root(doc);
    if (!is_scalar(wanted)) /* no element is the same object or array */
        return koncorde->search ? fail(koncorde, text, "the brackets must hold one JSON scalar")
                                : nothing(koncorde, keyword, value, negated);
    if (koncorde->search)
        return exists_in_search(koncorde, keyword, path, &wanted, negated);
    query = leaf(koncorde, KDM_QUERY_K_CONTAINS, path, negated);
    query->value = wanted;
    return query;
}

static struct kdm_query *missing(struct koncorde *koncorde, struct kdm_str keyword,
                                 struct kdm_val value, bool negated)
{
    return exists(koncorde, keyword, value, !negated);
}

/* --- range, regexp, match, select, nothing ---------------------------------------------------- */

static bool read_bound(struct koncorde *koncorde, struct kdm_str path, struct kdm_val name,
                       struct kdm_val value, struct kdm_query *query)
{
    bool low = kdm_val_str_eq(name, KDM_STR("gt")) || kdm_val_str_eq(name, KDM_STR("gte"));
    bool open = kdm_val_str_eq(name, KDM_STR("gt")) || kdm_val_str_eq(name, KDM_STR("lt"));

    if (!low && !kdm_val_str_eq(name, KDM_STR("lt")) && !kdm_val_str_eq(name, KDM_STR("lte")))
        return fail(koncorde, path, "range takes gt, gte, lt and lte") != NULL;
    if (kdm_val_type(value) != KDM_JSON_NUMBER
        || !kdm_number_parse(kdm_val_text(value), &query->keys[low ? 0 : 1].number))
        return fail(koncorde, path, "a bound must be a number") != NULL;
    if (low ? query->has_low : query->has_high)
        return fail(koncorde, path, "range takes one lower and one upper bound") != NULL;
    if (low) {
        query->has_low = true;
        query->open_low = open;
    } else {
        query->has_high = true;
        query->open_high = open;
    }
    return true;
}

static struct kdm_query *range(struct koncorde *koncorde, struct kdm_str keyword,
                               struct kdm_val value, bool negated)
{
    struct kdm_query *query;
    struct kdm_val bounds, name, bound;
    struct kdm_val_iter it;
    struct kdm_str path;

    if (!one_member(koncorde, keyword, value, &path, &bounds))
        return NULL;
    if (kdm_val_type(bounds) != KDM_JSON_OBJECT || kdm_val_count(bounds) == 0)
        return fail(koncorde, path, "range needs at least one bound");
    if (koncorde->search)
        return negated_if(koncorde, kdm_clause_range(koncorde->parser, keyword, value), negated);
    query = leaf(koncorde, KDM_QUERY_K_RANGE, path, negated);
    query->keys = kdm_arena_zalloc(koncorde->parser->arena, 2 * sizeof(*query->keys));
    for (kdm_members(&it, bounds); kdm_member_next(&it, &name, &bound);)
        if (!read_bound(koncorde, path, name, bound, query))
            return NULL;
    if (query->has_low && query->has_high
        && kdm_number_cmp(query->keys[0].number, query->keys[1].number) >= 0)
        return fail(koncorde, path, "the upper bound must be greater than the lower one");
    return query;
}

/* A leaf that a search asks of each element of an array, and whose negation is its complement. */
static struct kdm_query *of_elements(struct koncorde *koncorde, struct kdm_query *query)
{
    bool negated = query->negated;

    query->elements = true;
    query->negated = false;
    return negated_if(koncorde, query, negated);
}

/* Keywords are asked as they are indexed, like "equals" asks them; what has no such index by path:
 * whole texts, not their words. */
static struct kdm_query *regexp_in_search(struct koncorde *koncorde, struct kdm_str keyword,
                                          struct kdm_query *leaf)
{
    struct kdm_query *query;
    const struct kdm_field *field;

    if (!kdm_query_field(koncorde->parser, keyword, leaf->path, &field))
        return NULL;
    if (field == NULL || (field->type != KDM_FIELD_KEYWORD && field->type != KDM_FIELD_FLATTENED)) {
        if (field != NULL && field->source_count > 0)
            leaf->path = field->sources[0]; /* "name.text" stands at "name" */
        return of_elements(koncorde, leaf);
    }
    query = kdm_query_new(koncorde->parser, KDM_QUERY_REGEXP);
    query->field = field;
    query->regexp = leaf->regexp;
    return negated_if(koncorde, query, leaf->negated);
}

static struct kdm_query *regexp(struct koncorde *koncorde, struct kdm_str keyword,
                                struct kdm_val value, bool negated)
{
    struct kdm_arena *arena = koncorde->parser->arena;
    struct kdm_str path, pattern, flags = KDM_STR_NONE, reason = KDM_STR_NONE;
    struct kdm_query *query;
    struct kdm_val form;

    if (!one_member(koncorde, keyword, value, &path, &form))
        return NULL;
    pattern = kdm_val_str(arena, form);
    if (kdm_val_type(form) == KDM_JSON_OBJECT) {
        struct kdm_val given = kdm_val_get(form, KDM_STR("flags"));
        size_t known = 1 + !kdm_val_none(given);

        pattern = kdm_val_str(arena, kdm_val_get(form, KDM_STR("value")));
        flags = kdm_val_str(arena, given);
        if (kdm_val_count(form) != known || (known == 2 && kdm_str_none(flags)))
            return fail(koncorde, path, "regexp takes \"value\" and \"flags\"");
    }
    if (kdm_str_none(pattern))
        return fail(koncorde, path, "regexp needs a pattern");
    query = leaf(koncorde, KDM_QUERY_K_REGEXP, path, negated);
    query->text = pattern;
    query->flags = flags;
    query->regexp = kdm_regexp_re2(arena, pattern, flags, &reason);
    if (query->regexp == NULL)
        return fail(koncorde, path, kdm_query_shown(koncorde->parser, reason));
    return koncorde->search ? regexp_in_search(koncorde, keyword, query) : query;
}

/* Arrays are compared element by element with those of documents: they must be short. */
static bool arrays_are_short(struct kdm_val value)
{
    struct kdm_val_iter it;
    struct kdm_val name, inner;

    if (kdm_val_type(value) == KDM_JSON_ARRAY && kdm_val_count(value) > MAX_MATCH_ELEMENTS)
        return false;
    for (kdm_elements(&it, value); kdm_element_next(&it, &inner);)
        if (!arrays_are_short(inner))
            return false;
    if (kdm_val_type(value) == KDM_JSON_OBJECT)
        for (kdm_members(&it, value); kdm_member_next(&it, &name, &inner);)
            if (!arrays_are_short(inner))
                return false;
    return true;
}

/* Each member by itself: the root's names are paths, and scalars are compared as "equals" does. */
static struct kdm_query *match(struct koncorde *koncorde, struct kdm_str keyword,
                               struct kdm_val value, bool negated)
{
    struct kdm_query_parser *parser = koncorde->parser;
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOL);
    struct kdm_val_iter it;
    struct kdm_val name, member;

    if (kdm_val_type(value) != KDM_JSON_OBJECT || kdm_val_count(value) == 0)
        return fail(koncorde, keyword, "must be an object that is not empty");
    if (!arrays_are_short(value))
        return fail(koncorde, keyword, "has an array of more than 100 elements");
    query->minimum = negated ? 1 : 0;
    for (kdm_members(&it, value); kdm_member_next(&it, &name, &member);) {
        struct kdm_query *one =
            leaf(koncorde, is_scalar(member) ? KDM_QUERY_K_EQUALS : KDM_QUERY_K_MATCH,
                 kdm_val_str(parser->arena, name), negated);

        if (koncorde->search && !kdm_query_count(parser, keyword))
            return NULL;
        one->value = member;
        if (koncorde->search && one->kind == KDM_QUERY_K_EQUALS)
            one = of_elements(koncorde, one);
        kdm_query_add(parser, negated ? &query->should : &query->filter, one);
    }
    return query;
}

static struct kdm_query *select_(struct koncorde *koncorde, struct kdm_str keyword,
                                 struct kdm_val value, bool negated)
{
    struct kdm_str path =
        kdm_val_str(koncorde->parser->arena, kdm_val_get(value, KDM_STR("field")));
    struct kdm_val filter = kdm_val_get(value, KDM_STR("query"));
    bool search = koncorde->search;
    struct kdm_query *query;

    if (kdm_str_none(path) || kdm_val_none(filter) || kdm_val_count(value) != 3)
        return fail(koncorde, keyword, "takes \"field\", \"index\" and \"query\"");
    query = leaf(koncorde, KDM_QUERY_K_SELECT, path, false);
    if (!kdm_val_int64(kdm_val_get(value, KDM_STR("index")), &query->index))
        return fail(koncorde, path, "\"index\" must be a whole number");
    if (negated)
        return fail(koncorde, path, "select can't be negated");
    koncorde->search = false; /* its query is about one value, which no mapping knows */
    query->child = parse(koncorde, keyword, filter, false);
    koncorde->search = search;
    return query->child == NULL ? NULL : query;
}

static struct kdm_query *nothing(struct koncorde *koncorde, struct kdm_str keyword,
                                 struct kdm_val value, bool negated)
{
    (void)keyword;
    (void)value;
    return kdm_query_new(koncorde->parser, negated ? KDM_QUERY_ALL : KDM_QUERY_NONE);
}

/* --- places ----------------------------------------------------------------------------------- */

/* A leaf on `path` with room for points: by the mapping in a search, else by path. */
static struct kdm_query *geo_leaf(struct koncorde *koncorde, struct kdm_str keyword,
                                  struct kdm_str path, enum kdm_query_kind mapped,
                                  enum kdm_query_kind by_path, size_t points, bool negated)
{
    struct kdm_query_parser *parser = koncorde->parser;
    struct kdm_query *query = leaf(koncorde, by_path, path, negated);

    query->points = kdm_arena_zalloc(parser->arena, points * sizeof(*query->points));
    query->point_count = points;
    if (!koncorde->search)
        return query;
    query->kind = (uint8_t)mapped;
    query->negated = false;
    if (!kdm_query_field(parser, keyword, path, &query->field))
        return NULL;
    if (query->field == NULL || query->field->type != KDM_FIELD_GEO_POINT)
        return fail(koncorde, path, "is not mapped as geo_point");
    return query;
}

static struct kdm_query *geo_done(struct koncorde *koncorde, struct kdm_query *query, bool negated)
{
    return negated_if(koncorde, query, negated && koncorde->search);
}

/* The member that is none of `names` (NULL-terminated) is the field. */
static bool geo_field(struct koncorde *koncorde, struct kdm_str keyword, struct kdm_val value,
                      const char *const *names, struct kdm_str *ret_path, struct kdm_val *ret_value)
{
    struct kdm_val_iter it;
    struct kdm_val name, member;
    size_t expected = 1;

    *ret_path = KDM_STR_NONE;
    while (names[expected - 1] != NULL)
        expected++;
    for (kdm_members(&it, value); kdm_member_next(&it, &name, &member);) {
        bool known = false;

        for (size_t i = 0; names[i] != NULL && !known; i++)
            known = kdm_val_str_eq(name, kdm_str_of(names[i]));
        if (known)
            continue;
        *ret_path = kdm_val_str(koncorde->parser->arena, name);
        *ret_value = member;
    }
    if (!kdm_str_none(*ret_path) && kdm_val_count(value) == expected)
        return true;
    fail(koncorde, keyword, "must be an object with one field and its parameters");
    return false;
}

static bool distance(struct koncorde *koncorde, struct kdm_val value, const char *name,
                     double *ret_metres)
{
    struct kdm_str text =
        kdm_val_str(koncorde->parser->arena, kdm_val_get(value, kdm_str_of(name)));

    if (!kdm_str_none(text) && kdm_koncorde_distance(text, ret_metres))
        return true;
    fail(koncorde, kdm_str_of(name), "must be a distance like \"10km\"");
    return false;
}

static struct kdm_query *circle(struct koncorde *koncorde, struct kdm_str keyword,
                                struct kdm_val value, const char *const *names, bool negated)
{
    struct kdm_query *query;
    struct kdm_str path;
    struct kdm_val center;

    if (!geo_field(koncorde, keyword, value, names, &path, &center))
        return NULL;
    query = geo_leaf(koncorde, keyword, path, KDM_QUERY_GEO_DISTANCE, KDM_QUERY_K_GEO_DISTANCE, 1,
                     negated);
    if (query == NULL)
        return NULL;
    if (!kdm_koncorde_point(koncorde->parser->arena, center, &query->points[0]))
        return fail(koncorde, path, "is not a point");
    return query;
}

static struct kdm_query *geo_distance(struct koncorde *koncorde, struct kdm_str keyword,
                                      struct kdm_val value, bool negated)
{
    static const char *const names[] = { "distance", NULL };
    struct kdm_query *query = circle(koncorde, keyword, value, names, negated);

    if (query == NULL || !distance(koncorde, value, "distance", &query->far))
        return NULL;
    return geo_done(koncorde, query, negated);
}

static struct kdm_query *geo_distance_range(struct koncorde *koncorde, struct kdm_str keyword,
                                            struct kdm_val value, bool negated)
{
    static const char *const names[] = { "from", "to", NULL };
    struct kdm_query *query = circle(koncorde, keyword, value, names, negated);

    if (query == NULL || !distance(koncorde, value, "from", &query->near)
        || !distance(koncorde, value, "to", &query->far))
        return NULL;
    if (query->near >= query->far)
        return fail(koncorde, keyword, "\"from\" must be less than \"to\"");
    return geo_done(koncorde, query, negated);
}

static bool edge(struct koncorde *koncorde, struct kdm_val box, const char *name,
                 double *ret_degrees)
{
    struct kdm_str text =
        kdm_scalar_text(koncorde->parser->arena, kdm_val_get(box, kdm_str_of(name)));
    struct kdm_number number;

    if (kdm_str_none(text) || !kdm_number_parse(text, &number))
        return false;
    *ret_degrees = number.d;
    return true;
}

static struct kdm_val either(struct kdm_val box, const char *a, const char *b)
{
    struct kdm_val value = kdm_val_get(box, kdm_str_of(a));

    return kdm_val_none(value) ? kdm_val_get(box, kdm_str_of(b)) : value;
}

static struct kdm_query *geo_bounding_box(struct koncorde *koncorde, struct kdm_str keyword,
                                          struct kdm_val value, bool negated)
{
    struct kdm_arena *arena = koncorde->parser->arena;
    struct kdm_query *query;
    struct kdm_point *points;
    struct kdm_str path;
    struct kdm_val box;

    if (!one_member(koncorde, keyword, value, &path, &box))
        return NULL;
    query = geo_leaf(koncorde, keyword, path, KDM_QUERY_GEO_BOX, KDM_QUERY_K_GEO_BOX, 2, negated);
    if (query == NULL)
        return NULL;
    points = query->points;
    if (!(edge(koncorde, box, "top", &points[0].lat) && edge(koncorde, box, "left", &points[0].lon)
          && edge(koncorde, box, "bottom", &points[1].lat)
          && edge(koncorde, box, "right", &points[1].lon))
        && !(kdm_koncorde_point(arena, either(box, "topLeft", "top_left"), &points[0])
             && kdm_koncorde_point(arena, either(box, "bottomRight", "bottom_right"), &points[1])))
        return fail(koncorde, path,
                    "needs top, left, bottom and right, or topLeft and bottomRight");
    if (points[0].lat <= points[1].lat || points[1].lon <= points[0].lon)
        return fail(koncorde, path, "the box has no area");
    return geo_done(koncorde, query, negated);
}

static struct kdm_query *geo_polygon(struct koncorde *koncorde, struct kdm_str keyword,
                                     struct kdm_val value, bool negated)
{
    struct kdm_query *query;
    struct kdm_val form, points, point;
    struct kdm_val_iter it;
    struct kdm_str path;
    size_t count = 0;

    if (!one_member(koncorde, keyword, value, &path, &form))
        return NULL;
    points = kdm_val_get(form, KDM_STR("points"));
    if (kdm_val_type(points) != KDM_JSON_ARRAY || kdm_val_count(points) < 3
        || kdm_val_count(points) > 10000)
        return fail(koncorde, path, "needs \"points\": an array of at least 3");
    query = geo_leaf(koncorde, keyword, path, KDM_QUERY_GEO_POLYGON, KDM_QUERY_K_GEO_POLYGON,
                     kdm_val_count(points), negated);
    if (query == NULL)
        return NULL;
    for (kdm_elements(&it, points); kdm_element_next(&it, &point);)
        if (!kdm_koncorde_point(koncorde->parser->arena, point, &query->points[count++]))
            return fail(koncorde, path, "one of its points is none");
    return geo_done(koncorde, query, negated);
}
