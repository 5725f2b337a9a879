/* dsl_simple_string.c - simple_query_string: a language that no text is an error in.
 * word, "phrase"~2, pre*, fuzzy~1, -not, a + b, a | b, ( ), \ before anything. Operators join from
 * left to right: `a + b | c` is (a and b) or c.
 */
#include "search/dsl_string.h"

enum {
    F_AND = 1,
    F_ESCAPE = 2,
    F_FUZZY = 4,
    F_NEAR = 8,
    F_NOT = 16,
    F_OR = 32,
    F_PHRASE = 64,
    F_PRECEDENCE = 128,
    F_PREFIX = 256,
    F_WHITESPACE = 512,
    F_ALL = 1023
};

enum joint { NO_JOINT, AND, OR };

struct simple {
    struct kdm_string string;
    unsigned flags;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool on(const struct simple *simple, unsigned flag)
{
    return (simple->flags & flag) != 0;
}

static char at(struct kdm_str text, size_t i)
{
    return i < text.len ? text.ptr[i] : '\0';
}

static void skip(struct simple *simple, size_t bytes)
{
    simple->string.text = kdm_str_from(simple->string.text, bytes);
}

/* --- words ------------------------------------------------------------------------------------ */

/* "~2" up to a blank or the end; how many bytes, 0: it is not one. */
static size_t tilde(struct kdm_str text, size_t from, unsigned *ret_number)
{
    size_t i = from + 1;
    unsigned number = 0;

    if (at(text, from) != '~')
        return 0;
    for (; at(text, i) >= '0' && at(text, i) <= '9'; i++)
        if (number < 100000)
            number = number * 10 + (unsigned)(at(text, i) - '0');
    if (i < text.len && !is_blank(at(text, i)) && strchr("()|+\"", at(text, i)) == NULL)
        return 0;
    *ret_number = number;
    return i - from;
}

static bool ends_word(const struct simple *simple, char c)
{
    return (c == '"' && on(simple, F_PHRASE)) || (c == '|' && on(simple, F_OR))
           || (c == '+' && on(simple, F_AND))
           || ((c == '(' || c == ')') && on(simple, F_PRECEDENCE))
           || (is_blank(c) && on(simple, F_WHITESPACE));
}

static struct kdm_query *phrase(struct simple *simple, size_t end)
{
    struct kdm_text_options options = simple->string.options;
    struct kdm_str text = simple->string.text;
    struct kdm_buf buf;
    unsigned slop = 0;
    size_t behind = on(simple, F_NEAR) ? tilde(text, end + 1, &slop) : 0;

    kdm_buf_init(&buf, simple->string.parser->arena, end);
    for (size_t i = 1; i < end; i++) {
        if (at(text, i) == '\\' && on(simple, F_ESCAPE))
            i++;
        kdm_buf_char(&buf, at(text, i));
    }
    skip(simple, end + 1 + behind);
    options.how = KDM_TEXT_PHRASE;
    options.slop = slop;
    return kdm_string_words(&simple->string, &simple->string.fields, kdm_buf_str(&buf), &options);
}

/* The quotation's end; 0: none. */
static size_t phrase_end(const struct simple *simple)
{
    struct kdm_str text = simple->string.text;

    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] == '\\' && on(simple, F_ESCAPE))
            i++;
        else if (text.ptr[i] == '"')
            return i;
    }
    return 0;
}

static struct kdm_query *word(struct simple *simple)
{
    struct kdm_string *string = &simple->string;
    struct kdm_fuzziness fuzziness = string->options.fuzziness;
    struct kdm_str text = string->text;
    struct kdm_buf buf;
    unsigned edits = 0;
    size_t i = 0, behind = 0;
    bool prefix = false;

    kdm_buf_init(&buf, string->parser->arena, 32);
    for (; i < text.len && (i == 0 || !ends_word(simple, text.ptr[i])); i++) {
        if (text.ptr[i] == '\\' && on(simple, F_ESCAPE)) {
            if (++i < text.len)
                kdm_buf_char(&buf, text.ptr[i]);
            continue;
        }
        if (buf.len > 0 && on(simple, F_FUZZY) && (behind = tilde(text, i, &edits)) > 0)
            break;
        prefix = text.ptr[i] == '*' && buf.len > 0 && on(simple, F_PREFIX)
                 && (i + 1 == text.len || ends_word(simple, text.ptr[i + 1]));
        if (!prefix)
            kdm_buf_char(&buf, text.ptr[i]);
    }
    skip(simple, i + behind > text.len ? text.len : i + behind);
    if (!kdm_query_count(string->parser, string->clause))
        return NULL;
    if (prefix)
        return kdm_string_prefix(string, &string->fields, kdm_buf_str(&buf));
    if (behind > 0) {
        fuzziness.given = true;
        fuzziness.edits = edits > KDM_FUZZY_MAX_EDITS || behind == 1 ? KDM_FUZZY_MAX_EDITS : edits;
        return kdm_string_fuzzy(string, &string->fields, kdm_buf_str(&buf), &fuzziness);
    }
    return kdm_string_words(string, &string->fields, kdm_buf_str(&buf), &string->options);
}

/* --- lists ------------------------------------------------------------------------------------ */

static struct kdm_query *parse_list(struct simple *simple);

/* Word, phrase or parentheses. */
static struct kdm_query *operand(struct simple *simple)
{
    struct kdm_string *string = &simple->string;
    char c = at(string->text, 0);
    size_t end;

    if (c == '"' && on(simple, F_PHRASE) && (end = phrase_end(simple)) > 0)
        return phrase(simple, end);
    if (c == '(' && on(simple, F_PRECEDENCE)) {
        struct kdm_query *query;

        if (++string->depth > KDM_STRING_MAX_DEPTH)
            return kdm_query_fail(string->parser, string->clause, "parentheses lie too deep");
        skip(simple, 1);
        query = parse_list(simple);
        string->depth--;
        if (at(string->text, 0) == ')')
            skip(simple, 1);
        return query;
    }
    return word(simple);
}

/* Blanks, joints and minus signs before an operand; what can't be one is passed over. */
static enum joint read_joint(struct simple *simple, bool *ret_not)
{
    enum joint joint = NO_JOINT;

    *ret_not = false;
    for (; simple->string.text.len > 0; skip(simple, 1)) {
        char c = at(simple->string.text, 0);

        if (c == '+' && on(simple, F_AND))
            joint = AND;
        else if (c == '|' && on(simple, F_OR))
            joint = OR;
        else if (c == '-' && on(simple, F_NOT))
            *ret_not = !*ret_not;
        else if (c == ')' && on(simple, F_PRECEDENCE) && simple->string.depth == 0)
            continue;
        else if (c == '"' && on(simple, F_PHRASE) && phrase_end(simple) == 0)
            continue;
        else if (!is_blank(c))
            break;
    }
    return joint;
}

/* One more operand of the same operator, or of a new one above what there is. */
static struct kdm_query *join(struct simple *simple, struct kdm_query *left, enum joint last,
                              enum joint joint, struct kdm_query *right)
{
    struct kdm_query_parser *parser = simple->string.parser;

    if (left == NULL)
        return right;
    if (last != joint) {
        struct kdm_query *both = kdm_query_new(parser, KDM_QUERY_BOOL);

        both->minimum = joint == OR;
        kdm_query_add(parser, joint == AND ? &both->must : &both->should, left);
        left = both;
    }
    kdm_query_add(parser, joint == AND ? &left->must : &left->should, right);
    return left;
}

static struct kdm_query *parse_list(struct simple *simple)
{
    struct kdm_string *string = &simple->string;
    enum joint standard = string->options.all ? AND : OR, last = NO_JOINT, joint;
    struct kdm_query *query = NULL;
    bool negated;

    for (;;) {
        struct kdm_query *one;

        joint = read_joint(simple, &negated);
        if (joint == NO_JOINT)
            joint = standard;
        if (string->text.len == 0 || (at(string->text, 0) == ')' && on(simple, F_PRECEDENCE)))
            break;
        one = operand(simple);
        if (one == NULL || !kdm_query_count(string->parser, string->clause))
            return NULL;
        if (negated)
            one = kdm_query_not(string->parser, one);
        query = join(simple, query, last, joint, one);
        last = query == one ? NO_JOINT : joint;
    }
    return query == NULL ? kdm_query_new(string->parser, KDM_QUERY_NONE) : query;
}

/* --- the clause ------------------------------------------------------------------------------- */

static bool read_flag(struct kdm_str name, unsigned *flags)
{
    static const struct {
        const char *name;
        unsigned flag;
    } names[] = { { "ALL", F_ALL },
                  { "AND", F_AND },
                  { "ESCAPE", F_ESCAPE },
                  { "FUZZY", F_FUZZY },
                  { "NEAR", F_NEAR },
                  { "NONE", 0 },
                  { "NOT", F_NOT },
                  { "OR", F_OR },
                  { "PHRASE", F_PHRASE },
                  { "PREFIX", F_PREFIX },
                  { "PRECEDENCE", F_PRECEDENCE },
                  { "SLOP", F_NEAR },
                  { "WHITESPACE", F_WHITESPACE } };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (kdm_str_eq(name, kdm_str_of(names[i].name))) {
            *flags |= names[i].flag;
            return true;
        }
    return false;
}

/* "OR|AND|PREFIX", or the sum of their bits as Elasticsearch numbers them, of which only -1 (all)
 * is taken. */
static bool read_flags(struct simple *simple, struct kdm_val value)
{
    struct kdm_query_parser *parser = simple->string.parser;
    struct kdm_str names = kdm_val_str(parser->arena, value);
    int64_t bits;

    simple->flags = F_ALL;
    if (kdm_val_null(value) || (kdm_val_int64(value, &bits) && bits == -1))
        return true;
    simple->flags = 0;
    while (names.len > 0) {
        const char *bar = memchr(names.ptr, '|', names.len);
        struct kdm_str name = { names.ptr, bar == NULL ? names.len : (size_t)(bar - names.ptr) };

        if (!read_flag(name, &simple->flags))
            break;
        names = kdm_str_from(names, bar == NULL ? name.len : name.len + 1);
        if (names.len == 0)
            return true;
    }
    return kdm_query_fail(parser, simple->string.clause, "the \"flags\" are not understood")
           != NULL;
}

static bool read_params(struct simple *simple, struct kdm_val body)
{
    struct kdm_string *string = &simple->string;
    struct kdm_query_parser *parser = string->parser;
    struct kdm_val suffix = kdm_val_get(body, KDM_STR("quote_field_suffix"));
    struct kdm_val given = kdm_val_get(body, KDM_STR("default_operator"));
    struct kdm_str joint = kdm_val_str(parser->arena, given);
    double prefix = 0, expansions = 1;
    bool swaps = true;

    if (!kdm_text_options(parser, string->clause, body, &string->options)
        || !kdm_query_number_param(parser, string->clause, body, "fuzzy_prefix_length", 0, 1e6,
                                   &prefix)
        || !kdm_query_number_param(parser, string->clause, body, "fuzzy_max_expansions", 1, 1e9,
                                   &expansions)
        || !kdm_query_bool_param(parser, string->clause, body, "fuzzy_transpositions", &swaps)
        || !kdm_text_fields(parser, string->clause, kdm_val_get(body, KDM_STR("fields")),
                            KDM_STR_NONE, &string->fields)
        || !read_flags(simple, kdm_val_get(body, KDM_STR("flags"))))
        return false;
    if (!kdm_val_null(suffix) && !kdm_val_str_eq(suffix, KDM_STR("")))
        return kdm_query_fail(parser, string->clause, "\"quote_field_suffix\" is not supported")
               != NULL;
    if (joint.len == 3 && strncasecmp(joint.ptr, "and", 3) == 0)
        string->options.all = true;
    else if (!kdm_val_null(given) && (joint.len != 2 || strncasecmp(joint.ptr, "or", 2) != 0))
        return kdm_query_fail(parser, string->clause,
                              "\"default_operator\" must be \"and\" or \"or\"")
               != NULL;
    string->minimum = string->options.minimum;
    string->options.minimum = KDM_VAL_NONE;
    string->type = KDM_TEXT_MOST;
    string->options.fuzziness =
        (struct kdm_fuzziness){ .prefix = (size_t)prefix, .no_swaps = !swaps };
    return true;
}

struct kdm_query *kdm_clause_simple_query_string(struct kdm_query_parser *parser,
                                                 struct kdm_str clause, struct kdm_val body)
{
    static const char *const known[] = { "query",
                                         "fields",
                                         "default_operator",
                                         "flags",
                                         "analyzer",
                                         "analyze_wildcard",
                                         "auto_generate_synonyms_phrase_query",
                                         "fuzzy_max_expansions",
                                         "fuzzy_prefix_length",
                                         "fuzzy_transpositions",
                                         "lenient",
                                         "minimum_should_match",
                                         "quote_field_suffix",
                                         NULL };
    struct simple simple = { .string = { .parser = parser, .clause = clause } };

    simple.string.options.boost = 1;
    if (!kdm_query_params(parser, clause, body, known, &simple.string.options.boost)
        || !read_params(&simple, body))
        return NULL;
    simple.string.text = kdm_val_str(parser->arena, kdm_val_get(body, KDM_STR("query")));
    if (kdm_str_none(simple.string.text))
        return kdm_query_fail(parser, clause, "needs \"query\": a text");
    if (simple.string.text.len > KDM_STRING_MAX_LENGTH)
        return kdm_query_fail(parser, clause, "can't be longer than %d bytes",
                              KDM_STRING_MAX_LENGTH);
    return kdm_string_finish(&simple.string, parse_list(&simple));
}
