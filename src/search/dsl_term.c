/* dsl_term.c - clauses about exact values: term, terms, range, exists, ids, prefix, wildcard,
 * regexp, fuzzy. */
#include "search/text.h"
#include <stdlib.h>

/* {field: value} or {field: {params}}, beside which boost and _name may stand. */
struct target {
    struct kdm_str name;
    const struct kdm_field *field; /* NULL: not mapped */
    struct kdm_val value;          /* what was asked for */
    struct kdm_val params;         /* NONE in the short form */
};

static bool is_common_param(struct kdm_val name)
{
    return kdm_val_str_eq(name, KDM_STR("boost")) || kdm_val_str_eq(name, KDM_STR("_name"));
}

/* The one member that is a field. */
static bool find_target(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val body,
                        struct target *ret_target, float *boost)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;
    double number;

    *ret_target = (struct target){ .name = KDM_STR_NONE };
    for (kdm_members(&it, body); kdm_member_next(&it, &name, &value);) {
        if (is_common_param(name) && kdm_val_count(body) > 1) {
            if (kdm_val_str_eq(name, KDM_STR("boost")) && kdm_val_double(value, &number))
                *boost = (float)number;
            continue;
        }
        if (!kdm_str_none(ret_target->name))
            return kdm_query_fail(parser, clause, "takes one field, not \"%s\" too",
                                  kdm_query_shown(parser, kdm_val_str(parser->arena, name)))
                   != NULL;
        ret_target->name = kdm_val_str(parser->arena, name);
        ret_target->value = value;
    }
    if (kdm_str_none(ret_target->name))
        return kdm_query_fail(parser, clause, "needs a field") != NULL;
    return kdm_query_leaf(parser, clause, ret_target->name, &ret_target->field);
}

/* The long form's value is `member`; `known` are its other parameters. */
static bool read_target(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val body,
                        const char *member, const char *const *known, struct target *ret_target,
                        float *boost)
{
    if (!find_target(parser, clause, body, ret_target, boost))
        return false;
    if (kdm_val_type(ret_target->value) != KDM_JSON_OBJECT)
        return true;
    ret_target->params = ret_target->value;
    ret_target->value = kdm_val_get(ret_target->params, kdm_str_of(member));
    if (!kdm_query_params(parser, clause, ret_target->params, known, boost))
        return false;
    if (kdm_val_none(ret_target->value))
        return kdm_query_fail(parser, clause, "needs \"%s\"", member) != NULL;
    return true;
}

static struct kdm_query *none(struct kdm_query_parser *parser)
{
    return kdm_query_new(parser, KDM_QUERY_NONE);
}

/* Fields whose values are compared whole or by token. */
static bool has_terms(struct kdm_query_parser *parser, struct kdm_str clause,
                      const struct kdm_field *field)
{
    if (field->type >= KDM_FIELD_KEYWORD && field->type != KDM_FIELD_GEO_POINT
        && field->type != KDM_FIELD_GEO_SHAPE && field->type != KDM_FIELD_BINARY)
        return true;
    kdm_query_fail(parser, clause, "can't be used on the field \"%s\" of type %s",
                   kdm_query_shown(parser, field->path),
                   kdm_field_type_name((enum kdm_field_type)field->type));
    return false;
}

/* --- term, terms ----------------------------------------------------------------------------- */

struct kdm_query *kdm_clause_term(struct kdm_query_parser *parser, struct kdm_str clause,
                                  struct kdm_val body)
{
    static const char *const known[] = { "value", "case_insensitive", NULL };
    struct kdm_query *query;
    struct target target;
    float boost = 1;
    bool fold = false;

    if (!read_target(parser, clause, body, "value", known, &target, &boost)
        || !kdm_query_bool_param(parser, clause, target.params, "case_insensitive", &fold))
        return NULL;
    if (kdm_val_null(target.value) || kdm_val_type(target.value) >= KDM_JSON_ARRAY)
        return kdm_query_fail(parser, clause, "needs one value for \"%s\"",
                              kdm_query_shown(parser, target.name));
    if (target.field == NULL)
        return none(parser);
    if (!has_terms(parser, clause, target.field))
        return NULL;
    query = kdm_query_value(parser, clause, target.field, target.value);
    if (query == NULL)
        return NULL;
    query->boost = boost;
    query->fold = fold && query->kind == KDM_QUERY_TERMS && query->keys[0].is_text;
    query->weighed = query->weighed && !query->fold;
    if (query->fold)
        query->keys[0].text = kdm_lower_case(parser->arena, query->keys[0].text);
    return query;
}

struct kdm_query *kdm_clause_terms(struct kdm_query_parser *parser, struct kdm_str clause,
                                   struct kdm_val body)
{
    struct kdm_query *query;
    struct kdm_val *values;
    struct kdm_val_iter it;
    struct target target;
    size_t count = 0;
    float boost = 1;

    if (!find_target(parser, clause, body, &target, &boost))
        return NULL;
    if (kdm_val_type(target.value) != KDM_JSON_ARRAY)
        return kdm_query_fail(parser, clause, "needs an array of values for \"%s\"",
                              kdm_query_shown(parser, target.name));
    if (kdm_val_count(target.value) > KDM_QUERY_MAX_TERMS)
        return kdm_query_fail(parser, clause, "can't have more than %d values",
                              KDM_QUERY_MAX_TERMS);
    if (target.field == NULL)
        return none(parser);
    if (!has_terms(parser, clause, target.field))
        return NULL;
    values = kdm_arena_alloc(parser->arena, (kdm_val_count(target.value) + 1) * sizeof(*values));
    for (kdm_elements(&it, target.value); kdm_element_next(&it, &values[count]);)
        count++;
    query = kdm_query_any(parser, clause, target.field, values, count);
    if (query != NULL)
        query->boost = boost;
    return query;
}

struct kdm_query *kdm_clause_ids(struct kdm_query_parser *parser, struct kdm_str clause,
                                 struct kdm_val body)
{
    static const char *const known[] = { "values", "type", NULL };
    struct kdm_val values = kdm_val_get(body, KDM_STR("values")), value;
    struct kdm_query *query;
    struct kdm_key *keys;
    struct kdm_val_iter it;
    float boost = 1;
    size_t count = 0;

    if (!kdm_query_params(parser, clause, body, known, &boost))
        return NULL;
    if (kdm_val_type(values) != KDM_JSON_ARRAY && kdm_val_type(values) != KDM_JSON_STRING)
        return kdm_query_fail(parser, clause, "needs an array of \"values\"");
    if (kdm_val_count(values) > KDM_QUERY_MAX_TERMS)
        return kdm_query_fail(parser, clause, "can't have more than %d values",
                              KDM_QUERY_MAX_TERMS);
    keys = kdm_arena_alloc(parser->arena, (kdm_val_count(values) + 1) * sizeof(*keys));
    if (kdm_val_type(values) == KDM_JSON_STRING
        && !kdm_query_key(parser, clause, &kdm_query_id, values, false, NULL, &keys[count++]))
        return NULL;
    for (kdm_elements(&it, values); kdm_element_next(&it, &value);)
        if (!kdm_query_key(parser, clause, &kdm_query_id, value, false, NULL, &keys[count++]))
            return NULL;
    query = kdm_query_terms(parser, &kdm_query_id, keys, count);
    query->boost = boost;
    return query;
}

/* --- range ------------------------------------------------------------------------------------ */

/* gt, gte and the older from/include_lower; null is open to that side. */
static bool read_bounds(struct kdm_query_parser *parser, struct kdm_str clause,
                        struct kdm_val params, struct kdm_bound *low, struct kdm_bound *high)
{
    bool include_lower = true, include_upper = true;
    struct {
        const char *name;
        struct kdm_bound *bound;
        bool open;
    } members[] = { { "from", low, false }, { "gte", low, false },  { "gt", low, true },
                    { "to", high, false },  { "lte", high, false }, { "lt", high, true } };

    if (!kdm_query_bool_param(parser, clause, params, "include_lower", &include_lower)
        || !kdm_query_bool_param(parser, clause, params, "include_upper", &include_upper))
        return false;
    members[0].open = !include_lower;
    members[3].open = !include_upper;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct kdm_val value = kdm_val_get(params, kdm_str_of(members[i].name));

        if (!kdm_val_none(value))
            *members[i].bound = (struct kdm_bound){ value, members[i].open };
    }
    return true;
}

static bool read_format(struct kdm_query_parser *parser, struct kdm_str clause,
                        struct kdm_val params, const struct kdm_date_format **ret_format)
{
    struct kdm_val format = kdm_val_get(params, KDM_STR("format"));

    *ret_format = NULL;
    if (kdm_val_null(format))
        return true;
    if (kdm_val_type(format) == KDM_JSON_STRING)
        *ret_format = kdm_date_format_create(parser->arena, kdm_val_str(parser->arena, format));
    if (*ret_format != NULL)
        return true;
    return kdm_query_fail(parser, clause, "the \"format\" can't be understood") != NULL;
}

struct kdm_query *kdm_range_query(struct kdm_query_parser *parser, struct kdm_str clause,
                                  const struct kdm_field *field, const struct kdm_bound *low,
                                  const struct kdm_bound *high,
                                  const struct kdm_date_reading *reading)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_RANGE);

    if (!has_terms(parser, clause, field))
        return NULL;
    query->field = field;
    query->keys = kdm_arena_zalloc(parser->arena, 2 * sizeof(*query->keys));
    query->has_low = !kdm_val_null(low->value);
    query->has_high = !kdm_val_null(high->value);
    query->open_low = low->open;
    query->open_high = high->open;
    /* "gt" a day begins behind its last millisecond, "lt" a day ends before its first. */
    if ((query->has_low
         && !kdm_query_key(parser, clause, field, low->value, low->open, reading, &query->keys[0]))
        || (query->has_high
            && !kdm_query_key(parser, clause, field, high->value, !high->open, reading,
                              &query->keys[1])))
        return NULL;
    return query;
}

struct kdm_query *kdm_clause_range(struct kdm_query_parser *parser, struct kdm_str clause,
                                   struct kdm_val body)
{
    static const char *const known[] = {
        "gt",     "gte",       "lt",       "lte", "from", "to", "include_lower", "include_upper",
        "format", "time_zone", "relation", NULL
    };
    struct kdm_bound low = { KDM_VAL_NONE, false }, high = { KDM_VAL_NONE, false };
    struct kdm_date_reading reading;
    struct kdm_query *query;
    struct target target;
    float boost = 1;

    if (!find_target(parser, clause, body, &target, &boost))
        return NULL;
    if (kdm_val_type(target.value) != KDM_JSON_OBJECT)
        return kdm_query_fail(parser, clause, "needs an object of bounds for \"%s\"",
                              kdm_query_shown(parser, target.name));
    if (!kdm_query_params(parser, clause, target.value, known, &boost)
        || !read_bounds(parser, clause, target.value, &low, &high)
        || !kdm_query_zone(parser, clause, target.value, &reading.zone)
        || !read_format(parser, clause, target.value, &reading.format))
        return NULL;
    if (target.field == NULL)
        return none(parser);
    query = kdm_range_query(parser, clause, target.field, &low, &high, &reading);
    if (query != NULL)
        query->boost = boost;
    return query;
}

/* --- exists ----------------------------------------------------------------------------------- */

/* Adds the fields below `object` whose path fits. */
static bool add_existing(struct kdm_query_parser *parser, struct kdm_str clause,
                         const struct kdm_field *object, struct kdm_str pattern,
                         struct kdm_query_list *list)
{
    for (uint32_t i = 0; i < object->child_count + object->field_count; i++) {
        const struct kdm_field *field =
            i < object->child_count ? object->children[i] : object->fields[i - object->child_count];
        struct kdm_query *query;

        if (!field->enabled)
            continue;
        if (field->type > KDM_FIELD_ALIAS && kdm_wildcard_match(pattern, field->path)) {
            query = kdm_query_new(parser, KDM_QUERY_EXISTS);
            query->field = field;
            if (!kdm_query_count(parser, clause))
                return false;
            kdm_query_add(parser, list, query);
        }
        if (!add_existing(parser, clause, field, pattern, list))
            return false;
    }
    return true;
}

/* Any field of a pattern like "obj.*". */
static struct kdm_query *any_exists(struct kdm_query_parser *parser, struct kdm_str clause,
                                    struct kdm_str pattern)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOL);

    query->minimum = 1;
    query->best_only = true; /* however many a document has, it scores once */
    if (parser->mapping == NULL)
        return query;
    return add_existing(parser, clause, kdm_mapping_root(parser->mapping), pattern, &query->should)
               ? query
               : NULL;
}

struct kdm_query *kdm_exists_query(struct kdm_query_parser *parser, struct kdm_str clause,
                                   struct kdm_str path)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_EXISTS);

    /* Unlike other clauses, a field that is not indexed still exists. */
    query->field = kdm_str_eq(path, KDM_STR("_id")) ? &kdm_query_id
                   : parser->mapping == NULL        ? NULL
                                                    : kdm_mapping_find(parser->mapping, path);
    if (query->field == NULL && path.len > 0 && memchr(path.ptr, '*', path.len) != NULL)
        return any_exists(parser, clause, path);
    if (query->field == NULL && !kdm_query_field(parser, clause, path, &query->field))
        return NULL;
    for (const struct kdm_field *at = query->field; at != NULL; at = at->parent)
        if (!at->enabled)
            return none(parser);
    return query->field == NULL ? none(parser) : query;
}

struct kdm_query *kdm_clause_exists(struct kdm_query_parser *parser, struct kdm_str clause,
                                    struct kdm_val body)
{
    static const char *const known[] = { "field", NULL };
    struct kdm_str path = kdm_val_str(parser->arena, kdm_val_get(body, KDM_STR("field")));
    struct kdm_query *query;
    float boost = 1;

    if (!kdm_query_params(parser, clause, body, known, &boost))
        return NULL;
    if (kdm_str_none(path))
        return kdm_query_fail(parser, clause, "needs the name of a \"field\"");
    query = kdm_exists_query(parser, clause, path);
    if (query != NULL)
        query->boost = boost;
    return query;
}

/* --- patterns --------------------------------------------------------------------------------- */

/* prefix, wildcard, regexp and fuzzy share their form; *ret_text is the pattern, *ret_params (may
 * be NULL) what stands beside it. */
static struct kdm_query *pattern_query(struct kdm_query_parser *parser, struct kdm_str clause,
                                       struct kdm_val body, const char *member,
                                       const char *const *known, enum kdm_query_kind kind,
                                       struct kdm_str *ret_text, struct kdm_val *ret_params)
{
    struct kdm_query *query = kdm_query_new(parser, kind);
    struct target target;

    if (!read_target(parser, clause, body, member, known, &target, &query->boost)
        || !kdm_query_bool_param(parser, clause, target.params, "case_insensitive", &query->fold))
        return NULL;
    if (ret_params != NULL)
        *ret_params = target.params;
    *ret_text = kdm_scalar_text(parser->arena, target.value);
    if (kdm_str_none(*ret_text))
        return kdm_query_fail(parser, clause, "needs a text for \"%s\"",
                              kdm_query_shown(parser, target.name));
    query->field = target.field;
    if (query->field != NULL && query->field->type != KDM_FIELD_KEYWORD
        && query->field->type != KDM_FIELD_TEXT && query->field->type != KDM_FIELD_FLATTENED)
        return kdm_query_fail(parser, clause, "can only be used on keyword and text, not on \"%s\"",
                              kdm_query_shown(parser, target.name));
    if ((query->fold || (query->field != NULL && query->field->lowercase))
        && kind != KDM_QUERY_REGEXP)
        *ret_text = kdm_lower_case(parser->arena, *ret_text);
    return query;
}

struct kdm_query *kdm_clause_prefix(struct kdm_query_parser *parser, struct kdm_str clause,
                                    struct kdm_val body)
{
    static const char *const known[] = { "value", "case_insensitive", "rewrite", NULL };
    struct kdm_str text = KDM_STR_NONE;
    struct kdm_query *query =
        pattern_query(parser, clause, body, "value", known, KDM_QUERY_PREFIX, &text, NULL);

    if (query == NULL)
        return NULL;
    query->text = text;
    return query->field == NULL ? none(parser) : query;
}

struct kdm_query *kdm_clause_wildcard(struct kdm_query_parser *parser, struct kdm_str clause,
                                      struct kdm_val body)
{
    static const char *const known[] = { "value", "wildcard", "case_insensitive", "rewrite", NULL };
    struct kdm_val_iter it;
    struct kdm_val name, value = KDM_VAL_NONE;
    struct kdm_str text = KDM_STR_NONE;
    struct kdm_query *query;

    kdm_members(&it, body);
    kdm_member_next(&it, &name, &value);
    query =
        pattern_query(parser, clause, body,
                      kdm_val_none(kdm_val_get(value, KDM_STR("wildcard"))) ? "value" : "wildcard",
                      known, KDM_QUERY_WILDCARD, &text, NULL);
    if (query == NULL)
        return NULL;
    if (text.len > (parser->own ? KDM_QUERY_MAX_OWN_WILDCARD : KDM_QUERY_MAX_WILDCARD))
        return kdm_query_fail(parser, clause, "can't be longer than %d bytes",
                              KDM_QUERY_MAX_WILDCARD);
    query->text = text;
    return query->field == NULL ? none(parser) : query;
}

struct kdm_query *kdm_clause_regexp(struct kdm_query_parser *parser, struct kdm_str clause,
                                    struct kdm_val body)
{
    static const char *const known[] = {
        "value", "flags", "case_insensitive", "rewrite", "max_determinized_states", NULL
    };
    struct kdm_str text = KDM_STR_NONE, reason = KDM_STR_NONE;
    struct kdm_query *query =
        pattern_query(parser, clause, body, "value", known, KDM_QUERY_REGEXP, &text, NULL);

    if (query == NULL)
        return NULL;
    query->regexp = kdm_regexp_lucene(parser->arena, text, query->fold, &reason);
    if (query->regexp == NULL)
        return kdm_query_fail(parser, clause, "\"%s\": %s", kdm_query_shown(parser, text),
                              kdm_query_shown(parser, reason));
    return query->field == NULL ? none(parser) : query;
}

struct kdm_query *kdm_clause_fuzzy(struct kdm_query_parser *parser, struct kdm_str clause,
                                   struct kdm_val body)
{
    static const char *const known[] = {
        "value", "fuzziness", "prefix_length", "max_expansions", "transpositions", "rewrite", NULL
    };
    struct kdm_fuzziness fuzziness = { .given = true, .automatic = true, .low = 3, .high = 6 };
    struct kdm_str text = KDM_STR_NONE, given;
    struct kdm_val params = KDM_VAL_NONE;
    struct kdm_query *query =
        pattern_query(parser, clause, body, "value", known, KDM_QUERY_FUZZY, &text, &params);
    struct kdm_query *made;
    double prefix = 0, expansions = 1;
    bool swaps = true;

    if (query == NULL)
        return NULL;
    given = kdm_scalar_text(parser->arena, kdm_val_get(params, KDM_STR("fuzziness")));
    if ((!kdm_str_none(given) && !kdm_fuzziness_parse(parser, clause, given, &fuzziness))
        || !kdm_query_number_param(parser, clause, params, "prefix_length", 0, 1e6, &prefix)
        || !kdm_query_number_param(parser, clause, params, "max_expansions", 1, 1e9, &expansions)
        || !kdm_query_bool_param(parser, clause, params, "transpositions", &swaps))
        return NULL;
    if (query->field == NULL)
        return none(parser);
    fuzziness.prefix = (size_t)prefix;
    fuzziness.no_swaps = !swaps;
    made = kdm_fuzzy_query(parser, query->field, text, &fuzziness);
    made->boost = query->boost;
    return made;
}
