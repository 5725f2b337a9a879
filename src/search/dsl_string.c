/* dsl_string.c - see dsl_string.h. */
#include "search/dsl_string.h"

struct kdm_query *kdm_string_each(struct kdm_string *string, const struct kdm_text_fields *fields,
                                  kdm_field_query_fn *fn, void *ctx)
{
    struct kdm_query *query = kdm_query_new(string->parser, KDM_QUERY_BOOL);

    query->minimum = 1;
    query->best_only = true;
    query->factor = string->tie_breaker;
    for (size_t i = 0; i < fields->count; i++) {
        struct kdm_query *one = fn(string, fields->items[i], ctx);

        if (one == NULL || !kdm_query_count(string->parser, string->clause))
            return NULL;
        one->boost *= fields->boosts[i];
        kdm_query_add(string->parser, &query->should, one);
    }
    return query->should.count == 1 ? query->should.items[0] : query;
}

struct kdm_query *kdm_string_words(struct kdm_string *string, const struct kdm_text_fields *fields,
                                   struct kdm_str text, const struct kdm_text_options *options)
{
    if (!kdm_query_count(string->parser, string->clause))
        return NULL;
    return kdm_text_on_fields(string->parser, string->clause, fields, string->type,
                              string->tie_breaker, kdm_text_value(string->parser->arena, text),
                              options);
}

/* --- patterns --------------------------------------------------------------------------------- */

bool kdm_string_takes_pattern(struct kdm_string *string, const struct kdm_field *field,
                              bool lenient, struct kdm_query **ret_query)
{
    if (field->type == KDM_FIELD_KEYWORD || field->type == KDM_FIELD_TEXT
        || field->type == KDM_FIELD_FLATTENED)
        return true;
    *ret_query = lenient || string->options.lenient
                     ? kdm_query_new(string->parser, KDM_QUERY_NONE)
                     : kdm_query_fail(string->parser, string->clause,
                                      "patterns can't be used on the field \"%s\"",
                                      kdm_query_shown(string->parser, field->path));
    return false;
}

struct kdm_str kdm_string_normal(struct kdm_string *string, const struct kdm_field *field,
                                 struct kdm_str text)
{
    bool keeps = field->type != KDM_FIELD_TEXT || field->analyzer == KDM_ANALYZER_KEYWORD
                 || field->analyzer == KDM_ANALYZER_WHITESPACE;

    return keeps && !field->lowercase ? text : kdm_lower_case(string->parser->arena, text);
}

struct pattern {
    struct kdm_str text;
    bool lenient;
    const struct kdm_fuzziness *fuzziness;
};

static struct kdm_query *prefix_on(struct kdm_string *string, const struct kdm_field *field,
                                   void *ctx)
{
    const struct pattern *pattern = ctx;
    struct kdm_query *query = NULL;

    if (!kdm_string_takes_pattern(string, field, pattern->lenient, &query))
        return query;
    query = kdm_query_new(string->parser, KDM_QUERY_PREFIX);
    query->field = field;
    query->text = kdm_string_normal(string, field, pattern->text);
    return query;
}

struct kdm_query *kdm_string_prefix(struct kdm_string *string, const struct kdm_text_fields *fields,
                                    struct kdm_str text)
{
    struct pattern pattern = { .text = text, .lenient = fields->lenient };

    return kdm_string_each(string, fields, prefix_on, &pattern);
}

static struct kdm_query *fuzzy_on(struct kdm_string *string, const struct kdm_field *field,
                                  void *ctx)
{
    const struct pattern *pattern = ctx;
    struct kdm_query *query = NULL;

    if (!kdm_string_takes_pattern(string, field, pattern->lenient, &query))
        return query;
    return kdm_fuzzy_query(string->parser, field, kdm_string_normal(string, field, pattern->text),
                           pattern->fuzziness);
}

struct kdm_query *kdm_string_fuzzy(struct kdm_string *string, const struct kdm_text_fields *fields,
                                   struct kdm_str text, const struct kdm_fuzziness *fuzziness)
{
    struct pattern pattern = { .text = text, .lenient = fields->lenient, .fuzziness = fuzziness };

    return kdm_string_each(string, fields, fuzzy_on, &pattern);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Clauses that may match, or the words, when there are several, of the one text that it all is. */
static size_t optional_count(const struct kdm_query *query)
{
    if (query->kind == KDM_QUERY_MATCH)
        return query->tokens.count == 1 ? 0 : query->tokens.count;
    return query->kind == KDM_QUERY_BOOL && !query->best_only ? query->should.count : 0;
}

struct kdm_query *kdm_string_finish(struct kdm_string *string, struct kdm_query *query)
{
    size_t minimum, count;

    if (query == NULL)
        return NULL;
    count = optional_count(query);
    if (count > 0 && !string->options.all && !kdm_val_null(string->minimum)) {
        if (!kdm_query_minimum(string->parser, string->clause, string->minimum, count, &minimum))
            return NULL;
        if (minimum > query->minimum)
            query->minimum = minimum;
    }
    query->boost *= string->options.boost;
    return query;
}
