/* dsl_query_string.c - query_string: Lucene's query language in one string.
 * Words, "phrases"~2, field:, AND OR NOT && || ! + -, parentheses, wild*ca?ds, /regexps/, fuzzy~1,
 * [a TO b}, >=a, boost^2, _exists_:field, \ before anything. As in Lucene, AND and OR have no
 * precedence: AND makes its two neighbours required. Words that stand beside each other without an
 * operator are read together, so that each field's analyzer sees them as one text.
 */
#include "search/dsl_string.h"

#define BLANKS   " \t\r\n"
#define SPECIALS "()\"^~:[]{}"

enum occurs { SHOULD, MUST, MUST_NOT };
enum joint { NO_JOINT, AND, OR };

struct entry {
    struct kdm_query *query;
    enum occurs occurs;
    struct entry *previous;
};

static struct kdm_query *parse_list(struct kdm_string *string,
                                    const struct kdm_text_fields *fields);

static struct kdm_query *fail(struct kdm_string *string, const char *text)
{
    return kdm_query_fail(string->parser, string->clause, "%s, at \"%s\"", text,
                          kdm_query_shown(string->parser, string->text));
}

/* --- reading characters ----------------------------------------------------------------------- */

static char ahead(const struct kdm_string *string)
{
    return string->text.len == 0 ? '\0' : string->text.ptr[0];
}

static bool at_end(const struct kdm_string *string)
{
    return string->text.len == 0;
}

static void skip(struct kdm_string *string, size_t bytes)
{
    string->text = kdm_str_from(string->text, bytes);
}

static bool is_in(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static void skip_blanks(struct kdm_string *string)
{
    while (is_in(ahead(string), BLANKS))
        skip(string, 1);
}

static bool take(struct kdm_string *string, char c)
{
    if (at_end(string) || ahead(string) != c)
        return false;
    skip(string, 1);
    return true;
}

/* A word as it stands, escapes and all; empty: none is here. `also`: characters that end it
 * besides. */
static struct kdm_str read_raw(struct kdm_string *string, const char *also)
{
    struct kdm_str raw = { string->text.ptr, 0 };

    while (raw.len < string->text.len) {
        char c = raw.ptr[raw.len];

        if (c == '\\') {
            if (raw.len + 1 == string->text.len)
                break; /* nothing to escape: left there, and refused */
            raw.len += 2;
            continue;
        }
        if (is_in(c, BLANKS) || is_in(c, also))
            break;
        raw.len++;
    }
    skip(string, raw.len);
    return raw;
}

/* Without the backslashes before what they escape. */
static struct kdm_str unescaped(struct kdm_string *string, struct kdm_str raw)
{
    struct kdm_buf buf;

    if (raw.len == 0 || memchr(raw.ptr, '\\', raw.len) == NULL)
        return raw;
    kdm_buf_init(&buf, string->parser->arena, raw.len);
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] == '\\' && i + 1 < raw.len)
            i++;
        kdm_buf_char(&buf, raw.ptr[i]);
    }
    return kdm_buf_str(&buf);
}

static bool has_wildcard(struct kdm_str raw)
{
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] == '\\')
            i++;
        else if (raw.ptr[i] == '*' || raw.ptr[i] == '?')
            return true;
    }
    return false;
}

static enum joint joint_of(struct kdm_str raw)
{
    if (kdm_str_eq(raw, KDM_STR("AND")) || kdm_str_eq(raw, KDM_STR("&&")))
        return AND;
    if (kdm_str_eq(raw, KDM_STR("OR")) || kdm_str_eq(raw, KDM_STR("||")))
        return OR;
    return NO_JOINT;
}

/* --- behind a word ---------------------------------------------------------------------------- */

/* Digits and a dot; empty when there are none. */
static struct kdm_str read_number(struct kdm_string *string)
{
    struct kdm_str number = { string->text.ptr, 0 };

    while (number.len < string->text.len && is_in(number.ptr[number.len], "0123456789."))
        number.len++;
    skip(string, number.len);
    return number;
}

/* "^2" */
static struct kdm_query *boosted(struct kdm_string *string, struct kdm_query *query)
{
    struct kdm_number boost;

    if (query == NULL || !take(string, '^'))
        return query;
    if (!kdm_number_parse(read_number(string), &boost))
        return fail(string, "a number must stand behind \"^\"");
    query->boost *= (float)boost.d;
    return query;
}

/* "~", "~1"; the older "~0.8" means as many edits as leave that much of the word. */
static bool read_fuzziness(struct kdm_string *string, struct kdm_str word,
                           struct kdm_fuzziness *fuzziness)
{
    struct kdm_str text = read_number(string);
    struct kdm_number number;

    *fuzziness = string->options.fuzziness;
    if (text.len == 0)
        return true;
    if (!kdm_number_parse(text, &number))
        return false;
    fuzziness->automatic = false;
    if (number.d >= 1 || number.d == 0)
        fuzziness->edits =
            number.d > KDM_FUZZY_MAX_EDITS ? KDM_FUZZY_MAX_EDITS : (unsigned)number.d;
    else
        fuzziness->edits = (unsigned)((1 - number.d) * (double)word.len);
    return true;
}

/* --- phrases ---------------------------------------------------------------------------------- */

static bool read_quoted(struct kdm_string *string, char quote, struct kdm_str *ret_raw)
{
    struct kdm_str raw;

    skip(string, 1);
    raw = (struct kdm_str){ string->text.ptr, 0 };
    while (raw.len < string->text.len && raw.ptr[raw.len] != quote)
        raw.len += raw.ptr[raw.len] == '\\' ? 2 : 1;
    if (raw.len >= string->text.len)
        return fail(string, "a quotation is not closed") != NULL;
    skip(string, raw.len + 1);
    *ret_raw = raw;
    return true;
}

static struct kdm_query *phrase(struct kdm_string *string, const struct kdm_text_fields *fields)
{
    struct kdm_text_options options = string->options;
    struct kdm_str raw;
    struct kdm_number slop;

    if (!read_quoted(string, '"', &raw))
        return NULL;
    options.how = KDM_TEXT_PHRASE;
    if (!kdm_str_none(string->quote_analyzer))
        options.analyzer = string->quote_analyzer;
    options.fuzziness.given = false;
    if (take(string, '~')) {
        if (!kdm_number_parse(read_number(string), &slop) || slop.d > 100000)
            return fail(string, "a number must stand behind \"~\"");
        options.slop = (uint32_t)slop.d;
    }
    return kdm_string_words(string, fields, unescaped(string, raw), &options);
}

/* --- patterns --------------------------------------------------------------------------------- */

struct asked {
    struct kdm_str text;
    bool lenient;
    struct kdm_bound low, high;
};

static struct kdm_query *wildcard_on(struct kdm_string *string, const struct kdm_field *field,
                                     void *ctx)
{
    const struct asked *asked = ctx;
    struct kdm_query *query = NULL;

    if (!kdm_string_takes_pattern(string, field, asked->lenient, &query))
        return query;
    query = kdm_query_new(string->parser, KDM_QUERY_WILDCARD);
    query->field = field;
    query->text = kdm_string_normal(string, field, asked->text);
    return query;
}

static struct kdm_query *exists_on(struct kdm_string *string, const struct kdm_field *field,
                                   void *ctx)
{
    (void)ctx;
    return kdm_exists_query(string->parser, string->clause, field->path);
}

static struct kdm_query *wildcard(struct kdm_string *string, const struct kdm_text_fields *fields,
                                  struct kdm_str raw)
{
    struct asked asked = { .text = raw, .lenient = fields->lenient };

    if (kdm_str_eq(raw, KDM_STR("*")))
        return fields->lenient ? kdm_query_new(string->parser, KDM_QUERY_ALL)
                               : kdm_string_each(string, fields, exists_on, NULL);
    if (raw.len > KDM_QUERY_MAX_WILDCARD)
        return fail(string, "a pattern is too long");
    return kdm_string_each(string, fields, wildcard_on, &asked);
}

static struct kdm_query *regexp_on(struct kdm_string *string, const struct kdm_field *field,
                                   void *ctx)
{
    const struct asked *asked = ctx;
    struct kdm_str reason = KDM_STR_NONE;
    struct kdm_query *query = NULL;

    if (!kdm_string_takes_pattern(string, field, asked->lenient, &query))
        return query;
    query = kdm_query_new(string->parser, KDM_QUERY_REGEXP);
    query->field = field;
    query->regexp = kdm_regexp_lucene(string->parser->arena, asked->text, false, &reason);
    if (query->regexp != NULL)
        return query;
    return kdm_query_fail(string->parser, string->clause, "\"%s\": %s",
                          kdm_query_shown(string->parser, asked->text),
                          kdm_query_shown(string->parser, reason));
}

static struct kdm_query *regexp(struct kdm_string *string, const struct kdm_text_fields *fields)
{
    struct asked asked = { .lenient = fields->lenient };

    if (!read_quoted(string, '/', &asked.text))
        return NULL;
    return kdm_string_each(string, fields, regexp_on, &asked);
}

/* --- ranges ----------------------------------------------------------------------------------- */

static struct kdm_query *range_on(struct kdm_string *string, const struct kdm_field *field,
                                  void *ctx)
{
    const struct asked *asked = ctx;
    struct kdm_query *query = kdm_range_query(string->parser, string->clause, field, &asked->low,
                                              &asked->high, &string->reading);

    if (query != NULL || !(asked->lenient || string->options.lenient))
        return query;
    *string->parser->failure = (struct kdm_failure){ 0 };
    return kdm_query_new(string->parser, KDM_QUERY_NONE);
}

/* A bound within brackets: a word, a quotation, or `*` for none. */
static bool read_bound(struct kdm_string *string, struct kdm_val *ret_value)
{
    struct kdm_str raw;

    skip_blanks(string);
    if (ahead(string) == '"') {
        if (!read_quoted(string, '"', &raw))
            return false;
    } else {
        raw = read_raw(string, "]}");
        if (raw.len == 0)
            return fail(string, "a range needs two bounds") != NULL;
        if (kdm_str_eq(raw, KDM_STR("*")))
            return true;
    }
    *ret_value = kdm_text_value(string->parser->arena, unescaped(string, raw));
    return true;
}

static struct kdm_query *range(struct kdm_string *string, const struct kdm_text_fields *fields)
{
    struct asked asked = { .lenient = fields->lenient };

    asked.low.open = ahead(string) == '{';
    skip(string, 1);
    if (!read_bound(string, &asked.low.value))
        return NULL;
    skip_blanks(string);
    if (!kdm_str_eq(read_raw(string, "]}"), KDM_STR("TO")))
        return fail(string, "\"TO\" must stand between the bounds of a range");
    if (!read_bound(string, &asked.high.value))
        return NULL;
    skip_blanks(string);
    asked.high.open = ahead(string) == '}';
    if (!take(string, '}') && !take(string, ']'))
        return fail(string, "a range is not closed");
    return kdm_string_each(string, fields, range_on, &asked);
}

/* ">=5": true when it was one. */
static bool one_sided(struct kdm_string *string, const struct kdm_text_fields *fields,
                      struct kdm_query **ret_query)
{
    struct asked asked = { .lenient = fields->lenient };
    bool low = ahead(string) == '>';
    struct kdm_bound *bound = low ? &asked.low : &asked.high;
    struct kdm_str raw;

    if (!low && ahead(string) != '<')
        return false;
    skip(string, 1);
    bound->open = !take(string, '=');
    skip_blanks(string);
    if (ahead(string) == '"') {
        if (!read_quoted(string, '"', &raw)) {
            *ret_query = NULL;
            return true;
        }
    } else {
        raw = read_raw(string, "()\"^~[]{}");
    }
    bound->value = kdm_text_value(string->parser->arena, unescaped(string, raw));
    *ret_query = raw.len == 0 ? fail(string, "a bound is missing")
                              : kdm_string_each(string, fields, range_on, &asked);
    return true;
}

/* --- clauses ---------------------------------------------------------------------------------- */

static struct kdm_query *group(struct kdm_string *string, const struct kdm_text_fields *fields)
{
    struct kdm_query *query;

    if (++string->depth > KDM_STRING_MAX_DEPTH)
        return fail(string, "parentheses lie too deep");
    skip(string, 1);
    query = parse_list(string, fields);
    string->depth--;
    if (query == NULL)
        return NULL;
    return take(string, ')') ? query : fail(string, "a parenthesis is not closed");
}

/* A word, with what stands behind it. */
static struct kdm_query *word(struct kdm_string *string, const struct kdm_text_fields *fields,
                              struct kdm_str raw)
{
    struct kdm_text_options options = string->options;
    struct kdm_str text = unescaped(string, raw);
    struct kdm_fuzziness fuzziness;

    if (has_wildcard(raw))
        return wildcard(string, fields, raw);
    if (take(string, '~'))
        return read_fuzziness(string, text, &fuzziness)
                   ? kdm_string_fuzzy(string, fields, text, &fuzziness)
                   : fail(string, "a number must stand behind \"~\"");
    options.fuzziness.given = false;
    return kdm_string_words(string, fields, text, &options);
}

/* What may stand behind "field:". */
static struct kdm_query *value(struct kdm_string *string, const struct kdm_text_fields *fields)
{
    struct kdm_query *query;
    struct kdm_str raw;

    switch (ahead(string)) {
    case '(':
        return group(string, fields);
    case '"':
        return phrase(string, fields);
    case '[':
    case '{':
        return range(string, fields);
    case '/':
        return regexp(string, fields);
    default:
        break;
    }
    if (one_sided(string, fields, &query))
        return query;
    raw = read_raw(string, SPECIALS);
    if (raw.len == 0)
        return fail(string,
                    at_end(string) ? "something is missing at the end" : "this can't stand here");
    return word(string, fields, raw);
}

static struct kdm_query *exists(struct kdm_string *string)
{
    struct kdm_str raw = read_raw(string, SPECIALS);

    if (raw.len == 0)
        return fail(string, "\"_exists_\" needs a field");
    return kdm_exists_query(string->parser, string->clause, unescaped(string, raw));
}

/* A "*" that is all of a word. */
static bool is_star(struct kdm_str text)
{
    return text.len > 0 && text.ptr[0] == '*'
           && (text.len == 1 || is_in(text.ptr[1], BLANKS SPECIALS));
}

/* [field:]value[^boost] */
static struct kdm_query *clause(struct kdm_string *string, const struct kdm_text_fields *fields)
{
    struct kdm_str before = string->text, name = read_raw(string, SPECIALS);
    struct kdm_text_fields named;

    if (name.len == 0 || !take(string, ':')) {
        string->text = before;
        return boosted(string, value(string, fields));
    }
    skip_blanks(string);
    if (kdm_str_eq(name, KDM_STR("_exists_")))
        return boosted(string, exists(string));
    if (kdm_str_eq(name, KDM_STR("*")) && is_star(string->text)) {
        skip(string, 1);
        return boosted(string, kdm_query_new(string->parser, KDM_QUERY_ALL));
    }
    if (!kdm_text_fields_named(string->parser, string->clause, unescaped(string, name), &named))
        return NULL;
    return boosted(string, value(string, &named));
}

/* Words that only blanks part, as one text; none: the next clause is not two such words. */
static struct kdm_str plain_words(struct kdm_string *string)
{
    struct kdm_str begin = string->text, before;
    struct kdm_buf buf;
    size_t words = 0;

    kdm_buf_init(&buf, string->parser->arena, 64);
    for (before = begin;; before = string->text) {
        struct kdm_str raw, behind, next;

        skip_blanks(string);
        if (is_in(ahead(string), "+-!<>/"))
            break;
        raw = read_raw(string, SPECIALS);
        behind = string->text;
        skip_blanks(string);
        next = read_raw(string, SPECIALS);
        string->text = behind;
        if (raw.len == 0 || has_wildcard(raw) || joint_of(raw) != NO_JOINT
            || kdm_str_eq(raw, KDM_STR("NOT")) || is_in(ahead(string), ":^~\\")
            || joint_of(next) != NO_JOINT)
            break;
        if (words++ > 0)
            kdm_buf_char(&buf, ' ');
        kdm_buf_put(&buf, unescaped(string, raw));
    }
    string->text = words > 1 ? before : begin;
    return words > 1 ? kdm_buf_str(&buf) : KDM_STR_NONE;
}

/* --- lists ------------------------------------------------------------------------------------ */

static enum joint read_joint(struct kdm_string *string)
{
    struct kdm_str before = string->text;
    enum joint joint = joint_of(read_raw(string, SPECIALS));

    if (joint == NO_JOINT)
        string->text = before;
    else
        skip_blanks(string);
    return joint;
}

/* "+", "-", "!", "NOT"; SHOULD: none of them. */
static enum occurs read_modifier(struct kdm_string *string)
{
    struct kdm_str before = string->text;

    if (take(string, '+'))
        return MUST;
    if (take(string, '-') || take(string, '!'))
        return MUST_NOT;
    if (kdm_str_eq(read_raw(string, SPECIALS), KDM_STR("NOT"))
        && is_in(ahead(string), BLANKS "(")) {
        skip_blanks(string);
        return MUST_NOT;
    }
    string->text = before;
    return SHOULD;
}

static enum occurs occurs_as(const struct kdm_string *string, enum joint joint,
                             enum occurs modifier)
{
    if (modifier == MUST_NOT)
        return MUST_NOT;
    if (string->options.all)
        return joint == OR ? SHOULD : MUST;
    return joint == AND ? MUST : modifier;
}

/* What stands before a joint is changed by it. */
static void join_previous(const struct kdm_string *string, struct entry *previous, enum joint joint)
{
    if (previous == NULL || previous->occurs == MUST_NOT)
        return;
    if (joint == AND)
        previous->occurs = MUST;
    else if (joint == OR && string->options.all)
        previous->occurs = SHOULD;
}

static struct kdm_query *combined(struct kdm_string *string, const struct entry *last)
{
    struct kdm_query *query;

    if (last != NULL && last->previous == NULL && last->occurs != MUST_NOT)
        return last->query;
    query = kdm_query_new(string->parser, KDM_QUERY_BOOL);
    for (; last != NULL; last = last->previous)
        kdm_query_add(string->parser,
                      last->occurs == MUST     ? &query->must
                      : last->occurs == SHOULD ? &query->should
                                               : &query->must_not,
                      last->query);
    query->minimum = query->must.count == 0 && query->should.count > 0;
    return query;
}

static bool next_entry(struct kdm_string *string, const struct kdm_text_fields *fields,
                       struct entry **last)
{
    struct entry *entry = kdm_arena_zalloc(string->parser->arena, sizeof(*entry));
    enum joint joint = read_joint(string);
    enum occurs modifier = read_modifier(string);
    struct kdm_str words = KDM_STR_NONE;

    if (*last == NULL && joint != NO_JOINT)
        return fail(string, "an operator can't stand at the begin") != NULL;
    skip_blanks(string);
    if (at_end(string) || ahead(string) == ')')
        return fail(string, "something is missing behind an operator") != NULL;
    if (joint == NO_JOINT && modifier == SHOULD)
        words = plain_words(string);
    if (kdm_str_none(words)) {
        entry->query = clause(string, fields);
    } else {
        struct kdm_text_options options = string->options;

        options.fuzziness.given = false;
        entry->query = kdm_string_words(string, fields, words, &options);
    }
    join_previous(string, *last, joint);
    entry->occurs = occurs_as(string, joint, modifier);
    entry->previous = *last;
    *last = entry;
    return entry->query != NULL && kdm_query_count(string->parser, string->clause);
}

/* Up to a closing parenthesis or the end. */
static struct kdm_query *parse_list(struct kdm_string *string, const struct kdm_text_fields *fields)
{
    struct entry *last = NULL;

    for (skip_blanks(string); !at_end(string) && ahead(string) != ')'; skip_blanks(string))
        if (!next_entry(string, fields, &last))
            return NULL;
    if (last == NULL)
        return string->depth > 0 ? fail(string, "parentheses hold nothing")
                                 : kdm_query_new(string->parser, KDM_QUERY_NONE);
    return combined(string, last);
}

/* --- the clause ------------------------------------------------------------------------------- */

static bool is_word(struct kdm_str text, struct kdm_str word)
{
    return text.len == word.len && strncasecmp(text.ptr, word.ptr, word.len) == 0;
}

/* What stands between two words that have nothing between them. */
static bool default_joint(struct kdm_string *string, struct kdm_val body)
{
    struct kdm_val param = kdm_val_get(body, KDM_STR("default_operator"));
    struct kdm_str joint = kdm_val_str(string->parser->arena, param);

    if (is_word(joint, KDM_STR("and")))
        string->options.all = true;
    else if (!kdm_val_null(param) && !is_word(joint, KDM_STR("or")))
        return kdm_query_fail(string->parser, string->clause,
                              "\"default_operator\" must be \"and\" or \"or\"")
               != NULL;
    return true;
}

static bool no_suffix(struct kdm_string *string, struct kdm_val body)
{
    struct kdm_val suffix = kdm_val_get(body, KDM_STR("quote_field_suffix"));

    return kdm_val_null(suffix) || kdm_val_str_eq(suffix, KDM_STR(""))
           || kdm_query_fail(string->parser, string->clause,
                             "\"quote_field_suffix\" is not supported")
                  != NULL;
}

static bool read_params(struct kdm_string *string, struct kdm_val body)
{
    struct kdm_query_parser *parser = string->parser;
    struct kdm_str absent = kdm_val_str(parser->arena, kdm_val_get(body, KDM_STR("default_field")));
    double slop = 0, tie_breaker = 0, prefix = 0;
    bool swaps = true;

    if (!kdm_text_options(parser, string->clause, body, &string->options)
        || !kdm_query_analyzer(parser, string->clause, body, "quote_analyzer",
                               &string->quote_analyzer)
        || !kdm_query_number_param(parser, string->clause, body, "phrase_slop", 0, 100000, &slop)
        || !kdm_query_number_param(parser, string->clause, body, "tie_breaker", 0, 1, &tie_breaker)
        || !kdm_query_number_param(parser, string->clause, body, "fuzzy_prefix_length", 0, 1e6,
                                   &prefix)
        || !kdm_query_bool_param(parser, string->clause, body, "fuzzy_transpositions", &swaps)
        || !kdm_text_fields(parser, string->clause, kdm_val_get(body, KDM_STR("fields")), absent,
                            &string->fields)
        || !kdm_query_zone(parser, string->clause, body, &string->reading.zone)
        || !no_suffix(string, body) || !default_joint(string, body))
        return false;
    if (!kdm_text_type(kdm_val_get(body, KDM_STR("type")), &string->type, &string->options.how))
        return kdm_query_fail(parser, string->clause, "this \"type\" is not known") != NULL;
    string->minimum = string->options.minimum;
    string->options.minimum = KDM_VAL_NONE;
    string->options.slop = (uint32_t)slop;
    string->tie_breaker = (float)tie_breaker;
    if (!string->options.fuzziness.given)
        string->options.fuzziness =
            (struct kdm_fuzziness){ .given = true, .automatic = true, .low = 3, .high = 6 };
    string->options.fuzziness.prefix = (size_t)prefix;
    string->options.fuzziness.no_swaps = !swaps;
    return true;
}

struct kdm_query *kdm_clause_query_string(struct kdm_query_parser *parser, struct kdm_str clause,
                                          struct kdm_val body)
{
    static const char *const known[] = { "query",
                                         "default_field",
                                         "fields",
                                         "type",
                                         "default_operator",
                                         "analyzer",
                                         "quote_analyzer",
                                         "quote_field_suffix",
                                         "allow_leading_wildcard",
                                         "analyze_wildcard",
                                         "auto_generate_synonyms_phrase_query",
                                         "enable_position_increments",
                                         "fuzziness",
                                         "fuzzy_max_expansions",
                                         "fuzzy_prefix_length",
                                         "fuzzy_rewrite",
                                         "fuzzy_transpositions",
                                         "lenient",
                                         "max_determinized_states",
                                         "minimum_should_match",
                                         "phrase_slop",
                                         "rewrite",
                                         "tie_breaker",
                                         "time_zone",
                                         NULL };
    struct kdm_string string = { .parser = parser, .clause = clause, .options = { .boost = 1 } };
    struct kdm_query *query;

    if (!kdm_query_params(parser, clause, body, known, &string.options.boost)
        || !read_params(&string, body))
        return NULL;
    string.text = kdm_val_str(parser->arena, kdm_val_get(body, KDM_STR("query")));
    if (kdm_str_none(string.text))
        return kdm_query_fail(parser, clause, "needs \"query\": a text");
    if (string.text.len > KDM_STRING_MAX_LENGTH)
        return kdm_query_fail(parser, clause, "can't be longer than %d bytes",
                              KDM_STRING_MAX_LENGTH);
    query = parse_list(&string, &string.fields);
    if (query != NULL && !at_end(&string))
        return fail(&string, "a parenthesis was not opened");
    return kdm_string_finish(&string, query);
}
