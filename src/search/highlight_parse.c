/* highlight_parse.c - "highlight" of a request. Which fields are meant is decided here, from the
 * mapping, so that a hit costs only their texts. */
#include "search/highlight.h"
#include "search/search_internal.h"

#define MAX_TAG 200

struct parse {
    struct kdm_query_parser *query;
    struct kdm_highlight *highlight;
};

static bool fail(struct parse *parse, const char *text, struct kdm_str what)
{
    return kdm_query_fail(parse->query, KDM_STR("highlight"), "%s \"%s\"", text,
                          kdm_query_shown(parse->query, what))
           != NULL;
}

/* --- options ---------------------------------------------------------------------------------- */

static bool count_option(struct parse *parse, struct kdm_val params, const char *name,
                         int64_t *count)
{
    double number = (double)*count;

    if (!kdm_query_number_param(parse->query, KDM_STR("highlight"), params, name, 0, 1e6, &number))
        return false;
    *count = (int64_t)number;
    return true;
}

/* An array of tags, of which the first is used; a string is one too. */
static bool tag_option(struct parse *parse, struct kdm_val params, const char *name,
                       struct kdm_str *tag)
{
    struct kdm_val value = kdm_val_get(params, kdm_str_of(name)), first = value;
    struct kdm_val_iter it;

    if (kdm_val_null(value))
        return true;
    if (kdm_val_type(value) == KDM_JSON_ARRAY) {
        kdm_elements(&it, value);
        if (!kdm_element_next(&it, &first))
            return fail(parse, "needs an array of tags for", kdm_str_of(name));
    }
    *tag = kdm_val_str(parse->query->arena, first);
    return (!kdm_str_none(*tag) && tag->len <= MAX_TAG)
           || fail(parse, "needs an array of tags for", kdm_str_of(name));
}

/* One of two words; *second: it is the second. */
static bool word_option(struct parse *parse, struct kdm_val params, const char *name,
                        const char *first, const char *second, bool *is_second)
{
    struct kdm_val value = kdm_val_get(params, kdm_str_of(name));

    if (kdm_val_null(value))
        return true;
    *is_second = kdm_val_str_eq(value, kdm_str_of(second));
    return *is_second || kdm_val_str_eq(value, kdm_str_of(first))
           || fail(parse, "the value is not supported of", kdm_str_of(name));
}

static bool known_type(struct parse *parse, struct kdm_val params)
{
    static const char *const types[] = { "unified", "plain", "fvh" };
    struct kdm_val type = kdm_val_get(params, KDM_STR("type"));

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (kdm_val_str_eq(type, kdm_str_of(types[i])))
            return true;
    return kdm_val_null(type) || fail(parse, "is not known: the type", kdm_val_text(type));
}

static bool read_options(struct parse *parse, struct kdm_val params,
                         struct kdm_highlight_options *options)
{
    static const char *const known[] = { "fields",
                                         "pre_tags",
                                         "post_tags",
                                         "fragment_size",
                                         "number_of_fragments",
                                         "no_match_size",
                                         "require_field_match",
                                         "order",
                                         "encoder",
                                         "type",
                                         "tags_schema",
                                         "boundary_scanner",
                                         "boundary_scanner_locale",
                                         "boundary_chars",
                                         "boundary_max_scan",
                                         "fragmenter",
                                         "max_analyzed_offset",
                                         "phrase_limit",
                                         "force_source",
                                         NULL };
    bool own_fields = !options->any_field, styled = false;
    float boost;

    if (kdm_val_type(params) != KDM_JSON_OBJECT)
        return fail(parse, "must be an object:", kdm_val_text(params));
    if (!kdm_query_params(parse->query, KDM_STR("highlight"), params, known, &boost)
        || !known_type(parse, params)
        || !word_option(parse, params, "tags_schema", "default", "styled", &styled))
        return false;
    if (styled) {
        options->before = KDM_STR("<em class=\"hlt1\">");
        options->after = KDM_STR("</em>");
    }
    if (!tag_option(parse, params, "pre_tags", &options->before)
        || !tag_option(parse, params, "post_tags", &options->after)
        || !count_option(parse, params, "fragment_size", &options->fragment_size)
        || !count_option(parse, params, "number_of_fragments", &options->fragments)
        || !count_option(parse, params, "no_match_size", &options->no_match_size)
        || !word_option(parse, params, "order", "none", "score", &options->by_score)
        || !word_option(parse, params, "encoder", "default", "html", &options->html)
        || !kdm_query_bool_param(parse->query, KDM_STR("highlight"), params, "require_field_match",
                                 &own_fields))
        return false;
    options->any_field = !own_fields;
    return true;
}

/* --- fields ----------------------------------------------------------------------------------- */

static bool add_field(struct parse *parse, const struct kdm_field *field,
                      const struct kdm_highlight_options *options)
{
    struct kdm_highlight *highlight = parse->highlight;

    if (field->type != KDM_FIELD_TEXT && field->type != KDM_FIELD_KEYWORD)
        return true;
    for (size_t i = 0; i < highlight->count; i++)
        if (highlight->fields[i].field == field)
            return true;
    if (highlight->count == KDM_HIGHLIGHT_MAX_FIELDS)
        return fail(parse, "can't have more fields than", KDM_STR("256"));
    highlight->fields[highlight->count++] = (struct kdm_highlight_field){ field, *options };
    return true;
}

static bool add_matching(struct parse *parse, const struct kdm_field *object,
                         struct kdm_str pattern, const struct kdm_highlight_options *options)
{
    for (uint32_t i = 0; i < object->child_count + object->field_count; i++) {
        const struct kdm_field *field =
            i < object->child_count ? object->children[i] : object->fields[i - object->child_count];

        if (!field->enabled || kdm_str_eq(field->path, KDM_STR("_kuzzle_info")))
            continue;
        if ((kdm_wildcard_match(pattern, field->path) && !add_field(parse, field, options))
            || !add_matching(parse, field, pattern, options))
            return false;
    }
    return true;
}

/* A name that is not mapped shows nothing, as in Elasticsearch. */
static bool read_field(struct parse *parse, struct kdm_val name, struct kdm_val params,
                       const struct kdm_highlight_options *common)
{
    struct kdm_str text = kdm_val_str(parse->query->arena, name);
    struct kdm_highlight_options options = *common;
    const struct kdm_mapping *mapping = parse->query->mapping;
    const struct kdm_field *field;

    if (!read_options(parse, params, &options))
        return false;
    if (mapping == NULL)
        return true;
    if (text.len > 0 && memchr(text.ptr, '*', text.len) != NULL)
        return add_matching(parse, kdm_mapping_root(mapping), text, &options);
    field = kdm_mapping_find(mapping, text);
    return field == NULL || add_field(parse, field, &options);
}

static bool read_fields(struct parse *parse, struct kdm_val fields,
                        const struct kdm_highlight_options *common)
{
    struct kdm_val_iter all, it;
    struct kdm_val element, name, params;

    if (kdm_val_none(fields))
        return true; /* nothing to highlight in */
    if (kdm_val_type(fields) == KDM_JSON_OBJECT) {
        for (kdm_members(&it, fields); kdm_member_next(&it, &name, &params);)
            if (!read_field(parse, name, params, common))
                return false;
        return true;
    }
    if (kdm_val_type(fields) != KDM_JSON_ARRAY)
        return fail(parse, "needs an object of", KDM_STR("fields"));
    for (kdm_elements(&all, fields); kdm_element_next(&all, &element);) {
        if (kdm_val_type(element) != KDM_JSON_OBJECT)
            return fail(parse, "needs objects in", KDM_STR("fields"));
        for (kdm_members(&it, element); kdm_member_next(&it, &name, &params);)
            if (!read_field(parse, name, params, common))
                return false;
    }
    return true;
}

bool kdm_highlight_parse(struct kdm_query_parser *parser, struct kdm_val body,
                         struct kdm_search *search)
{
    struct kdm_val value = kdm_val_get(body, KDM_STR("highlight"));
    struct kdm_highlight *highlight;
    struct parse parse = { .query = parser };
    struct kdm_highlight_options options = {
        .before = KDM_STR("<em>"), .after = KDM_STR("</em>"), .fragment_size = 100, .fragments = 5
    };

    if (kdm_val_null(value))
        return true;
    highlight = parse.highlight = kdm_arena_zalloc(parser->arena, sizeof(*highlight));
    highlight->query = search->query;
    highlight->fields =
        kdm_arena_alloc(parser->arena, KDM_HIGHLIGHT_MAX_FIELDS * sizeof(*highlight->fields));
    if (!read_options(&parse, value, &options)
        || !read_fields(&parse, kdm_val_get(value, KDM_STR("fields")), &options))
        return false;
    search->highlight = highlight;
    return true;
}
