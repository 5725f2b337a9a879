/* dsl_text.c - clauses about words: match, match_phrase, match_phrase_prefix, multi_match.
 * On a field that is not text they compare whole values, as Elasticsearch does.
 */
#include "search/parse.h"
#include <stdlib.h>

enum how { ANY, PHRASE, PHRASE_PREFIX };

struct options {
    enum how how;
    bool all;     /* operator and */
    bool lenient; /* a value that the field can't read matches nothing instead of failing */
    bool zero_terms_all;
    struct kdm_val minimum; /* minimum_should_match */
    struct kdm_val analyzer;
    float boost;
};

static const char *const match_params[] = { "query",
                                            "operator",
                                            "minimum_should_match",
                                            "analyzer",
                                            "lenient",
                                            "zero_terms_query",
                                            "fuzziness",
                                            "prefix_length",
                                            "max_expansions",
                                            "slop",
                                            "fuzzy_transpositions",
                                            "auto_generate_synonyms_phrase_query",
                                            NULL };

static bool refuse(struct kdm_query_parser *parser, struct kdm_str clause, const char *text)
{
    kdm_query_fail(parser, clause, "%s", text);
    return false;
}

/* What we would have to ignore is refused instead. */
static bool check_unsupported(struct kdm_query_parser *parser, struct kdm_str clause,
                              struct kdm_val params)
{
    struct kdm_val slop = kdm_val_get(params, KDM_STR("slop"));
    struct kdm_str fuzziness =
        kdm_scalar_text(parser->arena, kdm_val_get(params, KDM_STR("fuzziness")));
    int64_t number;

    if (!kdm_str_none(fuzziness) && !kdm_str_eq(fuzziness, KDM_STR("0")))
        return refuse(parser, clause, "\"fuzziness\" is not supported yet");
    if (!kdm_val_none(slop) && (!kdm_val_int64(slop, &number) || number != 0))
        return refuse(parser, clause, "\"slop\" is not supported yet");
    return true;
}

static bool read_options(struct kdm_query_parser *parser, struct kdm_str clause,
                         struct kdm_val params, struct options *options)
{
    struct kdm_str joint = kdm_val_str(parser->arena, kdm_val_get(params, KDM_STR("operator")));
    struct kdm_val analyzer = kdm_val_get(params, KDM_STR("analyzer"));
    enum kdm_analyzer ignored = KDM_ANALYZER_STANDARD;

    if (!check_unsupported(parser, clause, params)
        || !kdm_query_bool_param(parser, clause, params, "lenient", &options->lenient))
        return false;
    if (joint.len == 3 && strncasecmp(joint.ptr, "and", 3) == 0)
        options->all = true;
    else if (!kdm_str_none(joint) && (joint.len != 2 || strncasecmp(joint.ptr, "or", 2) != 0))
        return refuse(parser, clause, "\"operator\" must be \"and\" or \"or\"");
    if (!kdm_val_none(analyzer)
        && !kdm_analyzer_find(kdm_val_str(parser->arena, analyzer), &ignored))
        return refuse(parser, clause, "the \"analyzer\" is not known");
    options->analyzer = analyzer;
    options->minimum = kdm_val_get(params, KDM_STR("minimum_should_match"));
    options->zero_terms_all =
        kdm_val_str_eq(kdm_val_get(params, KDM_STR("zero_terms_query")), KDM_STR("all"));
    return true;
}

/* A field that is not text: one value. */
static struct kdm_query *whole_value(struct kdm_query_parser *parser, struct kdm_str clause,
                                     const struct kdm_field *field, struct kdm_val value,
                                     const struct options *options)
{
    struct kdm_key *key = kdm_arena_alloc(parser->arena, sizeof(*key));
    struct kdm_query *query;
    bool strings = field->type == KDM_FIELD_KEYWORD || field->type == KDM_FIELD_FLATTENED;

    if (field->type < KDM_FIELD_KEYWORD || field->type == KDM_FIELD_GEO_POINT
        || field->type == KDM_FIELD_GEO_SHAPE || field->type == KDM_FIELD_BINARY
        || (options->how == PHRASE_PREFIX && !strings)) {
        if (options->lenient)
            return kdm_query_new(parser, KDM_QUERY_NONE);
        return kdm_query_fail(parser, clause, "can't be used on the field \"%s\"",
                              kdm_query_shown(parser, field->path));
    }
    if (!kdm_query_key(parser, clause, field, value, false, NULL, key)) {
        if (!options->lenient)
            return NULL;
        *parser->failure = (struct kdm_failure){ 0 };
        return kdm_query_new(parser, KDM_QUERY_NONE);
    }
    if (options->how == PHRASE_PREFIX) {
        query = kdm_query_new(parser, KDM_QUERY_PREFIX);
        query->field = field;
        query->text = key->text;
    } else {
        query = kdm_query_terms(parser, field, key, 1);
    }
    query->boost = options->boost;
    return query;
}

static bool set_minimum(struct kdm_query_parser *parser, struct kdm_str clause,
                        const struct options *options, struct kdm_query *query)
{
    query->minimum = options->all ? query->tokens.count : 1;
    if (options->all || kdm_val_none(options->minimum))
        return true;
    if (!kdm_query_minimum(parser, options->minimum, query->tokens.count, &query->minimum))
        return refuse(parser, clause, "\"minimum_should_match\" must be a number or a percentage");
    if (query->minimum == 0)
        query->minimum = 1;
    return true;
}

static struct kdm_query *on_text(struct kdm_query_parser *parser, struct kdm_str clause,
                                 const struct kdm_field *field, struct kdm_str text,
                                 const struct options *options)
{
    struct kdm_query *query =
        kdm_query_new(parser, options->how == ANY ? KDM_QUERY_MATCH : KDM_QUERY_PHRASE);
    enum kdm_analyzer analyzer = (enum kdm_analyzer)field->search_analyzer;

    if (!kdm_val_none(options->analyzer))
        kdm_analyzer_find(kdm_val_str(parser->arena, options->analyzer), &analyzer);
    query->field = field;
    query->boost = options->boost;
    query->last_is_prefix = options->how == PHRASE_PREFIX;
    query->tokens = kdm_analyze(parser->arena, analyzer, text);
    if (query->tokens.count > KDM_QUERY_MAX_CLAUSES)
        return kdm_query_fail(parser, clause, "has more than %d words", KDM_QUERY_MAX_CLAUSES);
    if (query->tokens.count == 0)
        return kdm_query_new(parser, options->zero_terms_all ? KDM_QUERY_ALL : KDM_QUERY_NONE);
    return set_minimum(parser, clause, options, query) ? query : NULL;
}

/* One field and one value, whatever their types. */
static struct kdm_query *on_field(struct kdm_query_parser *parser, struct kdm_str clause,
                                  const struct kdm_field *field, struct kdm_val value,
                                  const struct options *options)
{
    struct kdm_str text = kdm_scalar_text(parser->arena, value);

    if (field == NULL)
        return kdm_query_new(parser, KDM_QUERY_NONE);
    if (kdm_str_none(text))
        return kdm_query_fail(parser, clause, "needs a text, a number or a boolean");
    if (field->type == KDM_FIELD_TEXT)
        return on_text(parser, clause, field, text, options);
    return whole_value(parser, clause, field, value, options);
}

static struct kdm_query *single(struct kdm_query_parser *parser, struct kdm_str clause,
                                struct kdm_val body, enum how how)
{
    struct options options = { .how = how, .boost = 1 };
    const struct kdm_field *field;
    struct kdm_val_iter it;
    struct kdm_val name, value, params = KDM_VAL_NONE;

    kdm_members(&it, body);
    if (kdm_val_count(body) != 1 || !kdm_member_next(&it, &name, &value))
        return kdm_query_fail(parser, clause, "takes exactly one field");
    if (kdm_val_type(value) == KDM_JSON_OBJECT) {
        params = value;
        value = kdm_val_get(params, KDM_STR("query"));
    }
    if (!kdm_query_params(parser, clause, params, match_params, &options.boost)
        || !read_options(parser, clause, params, &options)
        || !kdm_query_field(parser, clause, kdm_val_str(parser->arena, name), &field))
        return NULL;
    if (kdm_str_none(kdm_scalar_text(parser->arena, value)))
        return kdm_query_fail(parser, clause, "needs a text, a number or a boolean");
    return on_field(parser, clause, field, value, &options);
}

struct kdm_query *kdm_clause_match(struct kdm_query_parser *parser, struct kdm_str clause,
                                   struct kdm_val body)
{
    return single(parser, clause, body, ANY);
}

struct kdm_query *kdm_clause_match_phrase(struct kdm_query_parser *parser, struct kdm_str clause,
                                          struct kdm_val body)
{
    return single(parser, clause, body, PHRASE);
}

struct kdm_query *kdm_clause_match_phrase_prefix(struct kdm_query_parser *parser,
                                                 struct kdm_str clause, struct kdm_val body)
{
    return single(parser, clause, body, PHRASE_PREFIX);
}

/* --- multi_match -------------------------------------------------------------------------------
 */

struct fields {
    const struct kdm_field **items;
    float *boosts;
    size_t count, room;
};

static bool add_field(struct kdm_query_parser *parser, struct kdm_str clause, struct fields *fields,
                      const struct kdm_field *field, float boost)
{
    for (size_t i = 0; i < fields->count; i++)
        if (fields->items[i] == field)
            return true;
    if (fields->count == KDM_QUERY_MAX_CLAUSES)
        return refuse(parser, clause, "names more than 1024 fields");
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
                         struct fields *fields, const struct kdm_field *object,
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
static bool add_named(struct kdm_query_parser *parser, struct kdm_str clause, struct fields *fields,
                      struct kdm_str name, bool *lenient)
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
        *lenient |= kdm_str_eq(name, KDM_STR("*"));
        return parser->mapping == NULL
               || add_matching(parser, clause, fields, kdm_mapping_root(parser->mapping), name,
                               (float)boost.d);
    }
    if (!kdm_query_field(parser, clause, name, &field))
        return false;
    return field == NULL || add_field(parser, clause, fields, field, (float)boost.d);
}

static bool read_fields(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val body,
                        struct fields *fields, bool *lenient)
{
    struct kdm_val names = kdm_val_get(body, KDM_STR("fields")), name;
    struct kdm_val_iter it;

    fields->items = kdm_arena_alloc(parser->arena, KDM_QUERY_MAX_CLAUSES * sizeof(*fields->items));
    fields->boosts =
        kdm_arena_alloc(parser->arena, KDM_QUERY_MAX_CLAUSES * sizeof(*fields->boosts));
    if (kdm_val_null(names) || (kdm_val_type(names) == KDM_JSON_ARRAY && kdm_val_count(names) == 0))
        return add_named(parser, clause, fields, KDM_STR("*"), lenient);
    if (kdm_val_type(names) == KDM_JSON_STRING)
        return add_named(parser, clause, fields, kdm_val_str(parser->arena, names), lenient);
    if (kdm_val_type(names) != KDM_JSON_ARRAY || kdm_val_count(names) > KDM_QUERY_MAX_CLAUSES)
        return refuse(parser, clause, "\"fields\" must be an array of names");
    for (kdm_elements(&it, names); kdm_element_next(&it, &name);) {
        if (kdm_val_type(name) != KDM_JSON_STRING)
            return refuse(parser, clause, "\"fields\" must be an array of names");
        if (!add_named(parser, clause, fields, kdm_val_str(parser->arena, name), lenient))
            return false;
    }
    return true;
}

static struct kdm_query *any_field(struct kdm_query_parser *parser, struct kdm_str clause,
                                   const struct fields *fields, struct kdm_val value,
                                   struct options *options)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOL);

    query->minimum = 1;
    for (size_t i = 0; i < fields->count; i++) {
        struct kdm_query *one;

        options->boost = fields->boosts[i];
        one = on_field(parser, clause, fields->items[i], value, options);
        if (one == NULL)
            return NULL;
        kdm_query_add(parser, &query->should, one);
    }
    return query;
}

/* Each word in any of the fields, as if they were one. */
static struct kdm_query *across_fields(struct kdm_query_parser *parser, struct kdm_str clause,
                                       const struct fields *fields, struct kdm_str text,
                                       struct options *options)
{
    struct kdm_tokens words = kdm_analyze(parser->arena, KDM_ANALYZER_STANDARD, text);
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOL);

    if (words.count == 0)
        return kdm_query_new(parser, options->zero_terms_all ? KDM_QUERY_ALL : KDM_QUERY_NONE);
    if (words.count * fields->count > KDM_QUERY_MAX_CLAUSES)
        return kdm_query_fail(parser, clause, "has too many words and fields");
    options->lenient = true; /* a word alone need not be a number */
    for (size_t i = 0; i < words.count; i++) {
        struct kdm_buf buf;
        struct kdm_query *word;

        kdm_buf_init(&buf, parser->arena, words.items[i].len + 2);
        kdm_json_put_str(&buf, words.items[i]);
        word = any_field(parser, clause, fields, kdm_json_parse(parser->arena, kdm_buf_str(&buf)),
                         options);
        if (word == NULL)
            return NULL;
        kdm_query_add(parser, &query->must, word);
    }
    return query;
}

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
                                         "prefix_length",
                                         "max_expansions",
                                         "slop",
                                         "fields",
                                         "type",
                                         "tie_breaker",
                                         NULL };
    struct options options = { .how = ANY, .boost = 1 };
    struct kdm_val type = kdm_val_get(body, KDM_STR("type"));
    struct kdm_val value = kdm_val_get(body, KDM_STR("query"));
    struct kdm_str text = kdm_scalar_text(parser->arena, value);
    struct kdm_query *query;
    struct fields fields = { 0 };
    bool lenient = false;
    float boost = 1;

    if (!kdm_query_params(parser, clause, body, known, &boost)
        || !read_options(parser, clause, body, &options)
        || !read_fields(parser, clause, body, &fields, &lenient))
        return NULL;
    if (kdm_str_none(text))
        return kdm_query_fail(parser, clause, "needs \"query\": a text, a number or a boolean");
    options.lenient |= lenient;
    if (kdm_val_str_eq(type, KDM_STR("phrase")))
        options.how = PHRASE;
    else if (kdm_val_str_eq(type, KDM_STR("phrase_prefix")))
        options.how = PHRASE_PREFIX;
    else if (!kdm_val_none(type) && !kdm_val_str_eq(type, KDM_STR("best_fields"))
             && !kdm_val_str_eq(type, KDM_STR("most_fields"))
             && !kdm_val_str_eq(type, KDM_STR("cross_fields")))
        return kdm_query_fail(parser, clause, "this \"type\" is not supported");
    if (kdm_val_str_eq(type, KDM_STR("cross_fields")) && options.all)
        query = across_fields(parser, clause, &fields, text, &options);
    else
        query = any_field(parser, clause, &fields, value, &options);
    if (query != NULL)
        query->boost = boost;
    return query;
}
