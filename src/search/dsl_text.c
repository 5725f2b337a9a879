/* dsl_text.c - clauses about words of one field: match, match_phrase, match_phrase_prefix,
 * match_bool_prefix. On a field that is not text they compare whole values, as Elasticsearch does.
 */
#include "search/text.h"
#include "store/unicode.h"

#define MAX_SLOP 100000

static bool refuse(struct kdm_query_parser *parser, struct kdm_str clause, const char *text)
{
    kdm_query_fail(parser, clause, "%s", text);
    return false;
}

/* --- fuzziness -------------------------------------------------------------------------------- */

static bool parse_automatic(struct kdm_str text, struct kdm_fuzziness *fuzziness)
{
    const char *comma;
    long long low, high;
    size_t at;

    if (text.len < 4 || strncasecmp(text.ptr, "AUTO", 4) != 0)
        return false;
    fuzziness->automatic = true;
    fuzziness->low = 3;
    fuzziness->high = 6;
    if (text.len == 4)
        return true;
    text = kdm_str_from(text, 5);
    comma = text.len == 0 ? NULL : memchr(text.ptr, ',', text.len);
    if (text.ptr[-1] != ':' || comma == NULL)
        return false;
    at = (size_t)(comma - text.ptr);
    if (!kdm_str_int64((struct kdm_str){ text.ptr, at }, &low)
        || !kdm_str_int64(kdm_str_from(text, at + 1), &high) || low < 0 || high < low
        || high > KDM_FUZZY_MAX_WORD)
        return false;
    fuzziness->low = (size_t)low;
    fuzziness->high = (size_t)high;
    return true;
}

bool kdm_fuzziness_parse(struct kdm_query_parser *parser, struct kdm_str clause,
                         struct kdm_str text, struct kdm_fuzziness *fuzziness)
{
    struct kdm_number number;

    fuzziness->given = true;
    fuzziness->automatic = false;
    if (parse_automatic(text, fuzziness))
        return true;
    if (!kdm_number_parse(text, &number) || !number.whole || number.i < 0
        || number.i > KDM_FUZZY_MAX_EDITS)
        return refuse(parser, clause, "\"fuzziness\" must be AUTO, AUTO:low,high, 0, 1 or 2");
    fuzziness->edits = (unsigned)number.i;
    return true;
}

unsigned kdm_fuzziness_edits(const struct kdm_fuzziness *fuzziness, struct kdm_str word)
{
    size_t length;

    if (!fuzziness->given || !fuzziness->automatic)
        return fuzziness->given ? fuzziness->edits : 0;
    length = kdm_utf8_count(word);
    return length < fuzziness->low ? 0 : length < fuzziness->high ? 1 : 2;
}

struct kdm_query *kdm_fuzzy_query(struct kdm_query_parser *parser, const struct kdm_field *field,
                                  struct kdm_str word, const struct kdm_fuzziness *fuzziness)
{
    struct kdm_key *key = kdm_arena_alloc(parser->arena, sizeof(*key));
    unsigned edits = kdm_fuzziness_edits(fuzziness, word);
    struct kdm_query *query;

    if (edits == 0) {
        *key = (struct kdm_key){ .is_text = true, .text = word };
        query = kdm_query_terms(parser, field, key, 1);
        query->weighed = field != &kdm_query_id;
        return query;
    }
    query = kdm_query_new(parser, KDM_QUERY_FUZZY);
    query->field = field;
    query->fuzzy =
        kdm_fuzzy_create(parser->arena, word, edits, fuzziness->prefix, !fuzziness->no_swaps);
    return query;
}

/* --- options ---------------------------------------------------------------------------------- */

static bool read_fuzziness(struct kdm_query_parser *parser, struct kdm_str clause,
                           struct kdm_val params, struct kdm_fuzziness *fuzziness)
{
    struct kdm_str text = kdm_scalar_text(parser->arena, kdm_val_get(params, KDM_STR("fuzziness")));
    double prefix = 0, ignored = 1;
    bool swaps = true;

    if (!kdm_str_none(text) && !kdm_fuzziness_parse(parser, clause, text, fuzziness))
        return false;
    if (!kdm_query_number_param(parser, clause, params, "prefix_length", 0, 1e6, &prefix)
        || !kdm_query_number_param(parser, clause, params, "max_expansions", 1, 1e9, &ignored)
        || !kdm_query_bool_param(parser, clause, params, "fuzzy_transpositions", &swaps))
        return false;
    fuzziness->prefix = (size_t)prefix;
    fuzziness->no_swaps = !swaps;
    return true;
}

bool kdm_query_analyzer(struct kdm_query_parser *parser, struct kdm_str clause,
                        struct kdm_val params, const char *name, struct kdm_str *ret_analyzer)
{
    struct kdm_val value = kdm_val_get(params, kdm_str_of(name));
    enum kdm_analyzer ignored;

    *ret_analyzer = kdm_val_str(parser->arena, value);
    if (kdm_val_null(value) || kdm_analyzer_find(*ret_analyzer, &ignored))
        return true;
    return kdm_query_fail(parser, clause, "the \"%s\" is not known", name) != NULL;
}

bool kdm_text_options(struct kdm_query_parser *parser, struct kdm_str clause, struct kdm_val params,
                      struct kdm_text_options *options)
{
    struct kdm_str joint = kdm_val_str(parser->arena, kdm_val_get(params, KDM_STR("operator")));
    double slop = 0;

    if (!read_fuzziness(parser, clause, params, &options->fuzziness)
        || !kdm_query_analyzer(parser, clause, params, "analyzer", &options->analyzer)
        || !kdm_query_number_param(parser, clause, params, "slop", 0, MAX_SLOP, &slop)
        || !kdm_query_bool_param(parser, clause, params, "lenient", &options->lenient))
        return false;
    options->slop = (uint32_t)slop;
    if (joint.len == 3 && strncasecmp(joint.ptr, "and", 3) == 0)
        options->all = true;
    else if (!kdm_val_null(kdm_val_get(params, KDM_STR("operator")))
             && (joint.len != 2 || strncasecmp(joint.ptr, "or", 2) != 0))
        return refuse(parser, clause, "\"operator\" must be \"and\" or \"or\"");
    options->minimum = kdm_val_get(params, KDM_STR("minimum_should_match"));
    options->zero_terms_all =
        kdm_val_str_eq(kdm_val_get(params, KDM_STR("zero_terms_query")), KDM_STR("all"));
    return true;
}

/* --- one field -------------------------------------------------------------------------------- */

static struct kdm_query *refuse_field(struct kdm_query_parser *parser, struct kdm_str clause,
                                      const struct kdm_field *field,
                                      const struct kdm_text_options *options)
{
    if (options->lenient)
        return kdm_query_new(parser, KDM_QUERY_NONE);
    return kdm_query_fail(parser, clause, "can't be used on the field \"%s\"",
                          kdm_query_shown(parser, field->path));
}

static struct kdm_query *prefix_query(struct kdm_query_parser *parser,
                                      const struct kdm_field *field, struct kdm_str text)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_PREFIX);

    query->field = field;
    query->text = text;
    return query;
}

/* A field that is not text: one value. */
static struct kdm_query *whole_value(struct kdm_query_parser *parser, struct kdm_str clause,
                                     const struct kdm_field *field, struct kdm_val value,
                                     const struct kdm_text_options *options)
{
    struct kdm_query *query;
    bool strings = field->type == KDM_FIELD_KEYWORD || field->type == KDM_FIELD_FLATTENED;
    bool prefix = options->how == KDM_TEXT_PHRASE_PREFIX || options->how == KDM_TEXT_BOOL_PREFIX;

    if (field->type < KDM_FIELD_KEYWORD || field->type == KDM_FIELD_GEO_POINT
        || field->type == KDM_FIELD_GEO_SHAPE || field->type == KDM_FIELD_BINARY
        || ((prefix || options->fuzziness.given) && !strings))
        return refuse_field(parser, clause, field, options);
    query = kdm_query_value(parser, clause, field, value);
    if (query == NULL) {
        if (!options->lenient)
            return NULL;
        *parser->failure = (struct kdm_failure){ 0 };
        return kdm_query_new(parser, KDM_QUERY_NONE);
    }
    if (prefix)
        query = prefix_query(parser, field, query->keys[0].text);
    else if (options->fuzziness.given)
        query = kdm_fuzzy_query(parser, field, query->keys[0].text, &options->fuzziness);
    query->boost = options->boost;
    return query;
}

bool kdm_text_minimum(struct kdm_query_parser *parser, struct kdm_str clause,
                      const struct kdm_text_options *options, size_t count, size_t *ret_minimum)
{
    size_t minimum = options->all ? count : 1;

    if (!options->all && !kdm_val_null(options->minimum)
        && !kdm_query_minimum(parser, clause, options->minimum, count, &minimum))
        return false;
    *ret_minimum = minimum == 0 || count == 1 ? 1 : minimum;
    return true;
}

/* Words that are not all compared as they are: a clause each. */
static struct kdm_query *word_by_word(struct kdm_query_parser *parser, struct kdm_str clause,
                                      const struct kdm_field *field, struct kdm_tokens words,
                                      const struct kdm_text_options *options)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOL);

    query->boost = options->boost;
    for (size_t i = 0; i < words.count; i++) {
        bool last = i + 1 == words.count;

        kdm_query_add(parser, &query->should,
                      last && options->how == KDM_TEXT_BOOL_PREFIX
                          ? prefix_query(parser, field, words.items[i])
                          : kdm_fuzzy_query(parser, field, words.items[i], &options->fuzziness));
        if (!kdm_query_count(parser, clause))
            return NULL;
    }
    return kdm_text_minimum(parser, clause, options, words.count, &query->minimum) ? query : NULL;
}

static bool is_plain(const struct kdm_tokens *words, const struct kdm_text_options *options)
{
    if (options->how == KDM_TEXT_BOOL_PREFIX)
        return false;
    for (size_t i = 0; i < words->count; i++)
        if (kdm_fuzziness_edits(&options->fuzziness, words->items[i]) > 0)
            return false;
    return true;
}

static struct kdm_query *on_text(struct kdm_query_parser *parser, struct kdm_str clause,
                                 const struct kdm_field *field, struct kdm_str text,
                                 const struct kdm_text_options *options)
{
    enum kdm_analyzer analyzer = (enum kdm_analyzer)field->search_analyzer;
    bool phrase = options->how == KDM_TEXT_PHRASE || options->how == KDM_TEXT_PHRASE_PREFIX;
    struct kdm_tokens words;
    struct kdm_query *query;

    if (!kdm_str_none(options->analyzer))
        kdm_analyzer_find(options->analyzer, &analyzer);
    words = kdm_analyze(parser->arena, analyzer, text);
    if (words.count > KDM_QUERY_MAX_CLAUSES)
        return kdm_query_fail(parser, clause, "has more than %d words", KDM_QUERY_MAX_CLAUSES);
    if (words.count == 0)
        return kdm_query_new(parser, options->zero_terms_all ? KDM_QUERY_ALL : KDM_QUERY_NONE);
    if (!phrase && !is_plain(&words, options))
        return word_by_word(parser, clause, field, words, options);
    query = kdm_query_new(parser, phrase ? KDM_QUERY_PHRASE : KDM_QUERY_MATCH);
    query->field = field;
    query->boost = options->boost;
    query->last_is_prefix = options->how == KDM_TEXT_PHRASE_PREFIX;
    query->slop = options->slop;
    query->tokens = words;
    return kdm_text_minimum(parser, clause, options, words.count, &query->minimum) ? query : NULL;
}

struct kdm_query *kdm_text_on_field(struct kdm_query_parser *parser, struct kdm_str clause,
                                    const struct kdm_field *field, struct kdm_val value,
                                    const struct kdm_text_options *options)
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

/* --- the clauses ------------------------------------------------------------------------------ */

static struct kdm_query *single(struct kdm_query_parser *parser, struct kdm_str clause,
                                struct kdm_val body, enum kdm_text_how how,
                                const char *const *known)
{
    struct kdm_text_options options = { .how = how, .boost = 1 };
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
    if (!kdm_query_params(parser, clause, params, known, &options.boost)
        || !kdm_text_options(parser, clause, params, &options)
        || !kdm_query_leaf(parser, clause, kdm_val_str(parser->arena, name), &field))
        return NULL;
    if (kdm_str_none(kdm_scalar_text(parser->arena, value)))
        return kdm_query_fail(parser, clause, "needs a text, a number or a boolean");
    return kdm_text_on_field(parser, clause, field, value, &options);
}

#define WORDS "query", "analyzer", "zero_terms_query"
#define FUZZY                                                                                      \
    "fuzziness", "prefix_length", "max_expansions", "fuzzy_transpositions", "fuzzy_rewrite"
#define COUNTS "operator", "minimum_should_match"

struct kdm_query *kdm_clause_match(struct kdm_query_parser *parser, struct kdm_str clause,
                                   struct kdm_val body)
{
    static const char *const known[] = {
        WORDS, COUNTS, FUZZY, "lenient", "auto_generate_synonyms_phrase_query", NULL
    };

    return single(parser, clause, body, KDM_TEXT_ANY, known);
}

struct kdm_query *kdm_clause_match_phrase(struct kdm_query_parser *parser, struct kdm_str clause,
                                          struct kdm_val body)
{
    static const char *const known[] = { WORDS, "slop", NULL };

    return single(parser, clause, body, KDM_TEXT_PHRASE, known);
}

struct kdm_query *kdm_clause_match_phrase_prefix(struct kdm_query_parser *parser,
                                                 struct kdm_str clause, struct kdm_val body)
{
    static const char *const known[] = { WORDS, "slop", "max_expansions", NULL };

    return single(parser, clause, body, KDM_TEXT_PHRASE_PREFIX, known);
}

struct kdm_query *kdm_clause_match_bool_prefix(struct kdm_query_parser *parser,
                                               struct kdm_str clause, struct kdm_val body)
{
    static const char *const known[] = { WORDS, COUNTS, FUZZY, NULL };

    return single(parser, clause, body, KDM_TEXT_BOOL_PREFIX, known);
}
