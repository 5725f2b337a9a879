/* dsl_fields.c - one text on several fields: multi_match, and what the query strings share with it.
 */
#include "search/text.h"

static bool refuse(struct kdm_query_parser *parser, struct kdm_str clause, const char *text)
{
    kdm_query_fail(parser, clause, "%s", text);
    return false;
}

/* --- naming them ------------------------------------------------------------------------------ */

static void make_room(struct kdm_query_parser *parser, struct kdm_text_fields *fields)
{
    fields->items =
        kdm_arena_more(parser->arena, fields->items, fields->count, sizeof(*fields->items));
    fields->boosts =
        kdm_arena_more(parser->arena, fields->boosts, fields->count, sizeof(*fields->boosts));
}

static bool add_field(struct kdm_query_parser *parser, struct kdm_str clause,
                      struct kdm_text_fields *fields, const struct kdm_field *field, float boost)
{
    for (size_t i = 0; i < fields->count; i++)
        if (fields->items[i] == field)
            return true;
    if (fields->count == KDM_QUERY_MAX_CLAUSES)
        return refuse(parser, clause, "names more than 1024 fields");
    make_room(parser, fields);
    fields->items[fields->count] = field;
    fields->boosts[fields->count++] = boost;
    return true;
}

/* What a pattern can mean: fields with words or values, not those that a query can't be compared
 * with. */
static bool is_searchable(const struct kdm_field *field)
{
    return field->indexed && field->type >= KDM_FIELD_KEYWORD && field->type != KDM_FIELD_GEO_POINT
           && field->type != KDM_FIELD_GEO_SHAPE && field->type != KDM_FIELD_BINARY;
}

static bool add_matching(struct kdm_query_parser *parser, struct kdm_str clause,
                         struct kdm_text_fields *fields, const struct kdm_field *object,
                         struct kdm_str pattern, float boost)
{
    for (uint32_t i = 0; i < object->child_count + object->field_count; i++) {
        const struct kdm_field *field =
            i < object->child_count ? object->children[i] : object->fields[i - object->child_count];

        if (!field->enabled || kdm_str_eq(field->path, KDM_STR("_kuzzle_info")))
            continue;
        if (is_searchable(field) && kdm_wildcard_match(pattern, field->path)
            && !add_field(parser, clause, fields, field, boost))
            return false;
        if (!add_matching(parser, clause, fields, field, pattern, boost))
            return false;
    }
    return true;
}

/* "name", "name^2", "name.*" */
static bool add_named(struct kdm_query_parser *parser, struct kdm_str clause,
                      struct kdm_text_fields *fields, struct kdm_str name)
{
    const char *caret = name.len == 0 ? NULL : memrchr(name.ptr, '^', name.len);
    const struct kdm_field *field;
    struct kdm_number boost = kdm_number_int(1);

    if (caret != NULL) {
        size_t at = (size_t)(caret - name.ptr);

        if (!kdm_number_parse(kdm_str_from(name, at + 1), &boost) || boost.d < 0)
            return refuse(parser, clause, "a field's boost must be a number");
        name.len = at;
    }
    if (name.len > 0 && memchr(name.ptr, '*', name.len) != NULL) {
        fields->lenient |= kdm_str_eq(name, KDM_STR("*"));
        return parser->mapping == NULL
               || add_matching(parser, clause, fields, kdm_mapping_root(parser->mapping), name,
                               (float)boost.d);
    }
    if (!kdm_query_leaf(parser, clause, name, &field))
        return false;
    return field == NULL || add_field(parser, clause, fields, field, (float)boost.d);
}

bool kdm_text_fields_named(struct kdm_query_parser *parser, struct kdm_str clause,
                           struct kdm_str name, struct kdm_text_fields *ret_fields)
{
    *ret_fields = (struct kdm_text_fields){ 0 };
    return add_named(parser, clause, ret_fields, name);
}

bool kdm_text_fields(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val names,
                     struct kdm_str absent, struct kdm_text_fields *ret_fields)
{
    struct kdm_val_iter it;
    struct kdm_val name;

    *ret_fields = (struct kdm_text_fields){ 0 };
    if (kdm_val_null(names) || (kdm_val_type(names) == KDM_JSON_ARRAY && kdm_val_count(names) == 0))
        return add_named(parser, clause, ret_fields, kdm_str_none(absent) ? KDM_STR("*") : absent);
    if (kdm_val_type(names) == KDM_JSON_STRING)
        return add_named(parser, clause, ret_fields, kdm_val_str(parser->arena, names));
    if (kdm_val_type(names) != KDM_JSON_ARRAY || kdm_val_count(names) > KDM_QUERY_MAX_CLAUSES)
        return refuse(parser, clause, "\"fields\" must be an array of names");
    for (kdm_elements(&it, names); kdm_element_next(&it, &name);) {
        if (kdm_val_type(name) != KDM_JSON_STRING)
            return refuse(parser, clause, "\"fields\" must be an array of names");
        if (!add_named(parser, clause, ret_fields, kdm_val_str(parser->arena, name)))
            return false;
    }
    return true;
}

/* --- asking them ------------------------------------------------------------------------------ */

bool kdm_text_type(struct kdm_val name, enum kdm_text_type *type, enum kdm_text_how *how)
{
    static const struct {
        const char *name;
        enum kdm_text_type type;
        enum kdm_text_how how;
    } types[] = {
        { "best_fields", KDM_TEXT_BEST, KDM_TEXT_ANY },
        { "most_fields", KDM_TEXT_MOST, KDM_TEXT_ANY },
        { "cross_fields", KDM_TEXT_ACROSS, KDM_TEXT_ANY },
        { "phrase", KDM_TEXT_BEST, KDM_TEXT_PHRASE },
        { "phrase_prefix", KDM_TEXT_BEST, KDM_TEXT_PHRASE_PREFIX },
        { "bool_prefix", KDM_TEXT_MOST, KDM_TEXT_BOOL_PREFIX },
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (!kdm_val_str_eq(name, kdm_str_of(types[i].name)))
            continue;
        *type = types[i].type;
        *how = types[i].how;
        return true;
    }
    return kdm_val_none(name);
}

struct kdm_val kdm_text_value(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, text.len + 2);
    kdm_json_put_str(&buf, text);
    return kdm_json_parse(arena, kdm_buf_str(&buf));
}

static struct kdm_query *any_field(struct kdm_query_parser *parser, struct kdm_str clause,
                                   const struct kdm_text_fields *fields, struct kdm_val value,
                                   const struct kdm_text_options *options)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOL);

    query->minimum = 1;
    for (size_t i = 0; i < fields->count; i++) {
        struct kdm_text_options own = *options;
        struct kdm_query *one;

        own.boost *= fields->boosts[i];
        one = kdm_text_on_field(parser, clause, fields->items[i], value, &own);
        if (one == NULL || !kdm_query_count(parser, clause))
            return NULL;
        kdm_query_add(parser, &query->should, one);
    }
    return query;
}

static struct kdm_query *best_field(struct kdm_query_parser *parser, struct kdm_str clause,
                                    const struct kdm_text_fields *fields, float tie_breaker,
                                    struct kdm_val value, const struct kdm_text_options *options)
{
    struct kdm_query *query = any_field(parser, clause, fields, value, options);

    if (query == NULL || query->should.count == 1)
        return query == NULL ? NULL : query->should.items[0];
    query->best_only = true;
    query->factor = tie_breaker;
    return query;
}

/* Words are split as the standard analyzer does; each field then reads them in its own way. */
static struct kdm_query *across_fields(struct kdm_query_parser *parser, struct kdm_str clause,
                                       const struct kdm_text_fields *fields, float tie_breaker,
                                       struct kdm_str text, const struct kdm_text_options *options)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOL);
    struct kdm_text_options own = *options;
    enum kdm_analyzer analyzer = KDM_ANALYZER_STANDARD;
    struct kdm_tokens words;

    if (!kdm_str_none(options->analyzer))
        kdm_analyzer_find(options->analyzer, &analyzer);
    words = kdm_analyze(parser->arena, analyzer, text);
    if (words.count == 0)
        return kdm_query_new(parser, options->zero_terms_all ? KDM_QUERY_ALL : KDM_QUERY_NONE);
    own.minimum = KDM_VAL_NONE;
    own.lenient = true; /* a word alone need not be a number */
    for (size_t i = 0; i < words.count; i++) {
        struct kdm_query *word = best_field(parser, clause, fields, tie_breaker,
                                            kdm_text_value(parser->arena, words.items[i]), &own);

        if (word == NULL)
            return NULL;
        kdm_query_add(parser, &query->should, word);
    }
    return kdm_text_minimum(parser, clause, options, words.count, &query->minimum) ? query : NULL;
}

struct kdm_query *kdm_text_on_fields(struct kdm_query_parser *parser, struct kdm_str clause,
                                     const struct kdm_text_fields *fields, enum kdm_text_type type,
                                     float tie_breaker, struct kdm_val value,
                                     const struct kdm_text_options *options)
{
    struct kdm_text_options own = *options;

    own.lenient |= fields->lenient;
    if (fields->count == 0)
        return kdm_query_new(parser, KDM_QUERY_NONE);
    switch (type) {
    case KDM_TEXT_BEST:
        return best_field(parser, clause, fields, tie_breaker, value, &own);
    case KDM_TEXT_MOST:
        return any_field(parser, clause, fields, value, &own);
    default:
        return across_fields(parser, clause, fields, tie_breaker,
                             kdm_scalar_text(parser->arena, value), &own);
    }
}

/* --- multi_match ------------------------------------------------------------------------------ */

struct kdm_query *kdm_clause_multi_match(struct kdm_query_parser *parser, struct kdm_str clause,
                                         struct kdm_val body)
{
    static const char *const known[] = { "query",
                                         "operator",
                                         "minimum_should_match",
                                         "analyzer",
                                         "lenient",
                                         "zero_terms_query",
                                         "fuzziness",
                                         "fuzzy_transpositions",
                                         "fuzzy_rewrite",
                                         "prefix_length",
                                         "max_expansions",
                                         "slop",
                                         "fields",
                                         "type",
                                         "tie_breaker",
                                         "auto_generate_synonyms_phrase_query",
                                         NULL };
    struct kdm_text_options options = { .how = KDM_TEXT_ANY, .boost = 1 };
    struct kdm_val type = kdm_val_get(body, KDM_STR("type"));
    struct kdm_val value = kdm_val_get(body, KDM_STR("query"));
    enum kdm_text_type kind = KDM_TEXT_BEST;
    struct kdm_text_fields fields;
    double tie_breaker;

    if (!kdm_query_params(parser, clause, body, known, &options.boost)
        || !kdm_text_options(parser, clause, body, &options)
        || !kdm_text_fields(parser, clause, kdm_val_get(body, KDM_STR("fields")), KDM_STR_NONE,
                            &fields))
        return NULL;
    if (kdm_str_none(kdm_scalar_text(parser->arena, value)))
        return kdm_query_fail(parser, clause, "needs \"query\": a text, a number or a boolean");
    if (!kdm_text_type(type, &kind, &options.how))
        return kdm_query_fail(parser, clause, "this \"type\" is not known");
    if (options.fuzziness.given && (options.how != KDM_TEXT_ANY || kind == KDM_TEXT_ACROSS))
        return kdm_query_fail(parser, clause, "\"fuzziness\" is not allowed with this \"type\"");
    tie_breaker = kind == KDM_TEXT_MOST ? 1 : 0;
    if (!kdm_query_number_param(parser, clause, body, "tie_breaker", 0, 1, &tie_breaker))
        return NULL;
    return kdm_text_on_fields(parser, clause, &fields, kind, (float)tie_breaker, value, &options);
}
