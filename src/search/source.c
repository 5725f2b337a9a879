/* source.c - which part of a document a hit shows.
 * A pattern includes what it names and all below it, `*` stands for any characters, dots too.
 * Objects that are only on the way to something included stay, those in which nothing is left do
 * not.
 */
#include "search/search_internal.h"

#define MAX_PATTERNS 1000

/* --- parsing ---------------------------------------------------------------------------------- */

static bool add_pattern(struct kdm_query_parser *parser, struct kdm_str name, struct kdm_val value,
                        struct kdm_str **patterns, size_t *count)
{
    if (kdm_val_type(value) != KDM_JSON_STRING || *count >= MAX_PATTERNS) {
        kdm_query_fail(parser, name, "must be a pattern or an array of patterns");
        return false;
    }
    if (*patterns == NULL)
        *patterns = kdm_arena_alloc(parser->arena, MAX_PATTERNS * sizeof(**patterns));
    (*patterns)[(*count)++] = kdm_val_str(parser->arena, value);
    return true;
}

static bool add_patterns(struct kdm_query_parser *parser, struct kdm_str name, struct kdm_val value,
                         struct kdm_str **patterns, size_t *count)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    if (kdm_val_null(value))
        return true;
    if (kdm_val_type(value) != KDM_JSON_ARRAY)
        return add_pattern(parser, name, value, patterns, count);
    for (kdm_elements(&it, value); kdm_element_next(&it, &element);)
        if (!add_pattern(parser, name, element, patterns, count))
            return false;
    return true;
}

static bool add_both(struct kdm_query_parser *parser, struct kdm_val object, const char *includes,
                     const char *excludes, struct kdm_source_filter *filter)
{
    return add_patterns(parser, kdm_str_of(includes), kdm_val_get(object, kdm_str_of(includes)),
                        &filter->includes, &filter->include_count)
           && add_patterns(parser, kdm_str_of(excludes), kdm_val_get(object, kdm_str_of(excludes)),
                           &filter->excludes, &filter->exclude_count);
}

static bool parse_object(struct kdm_query_parser *parser, struct kdm_val object,
                         struct kdm_source_filter *filter)
{
    static const char *const known[] = { "includes", "include", "excludes", "exclude" };
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);) {
        bool found = false;

        for (size_t i = 0; i < 4; i++)
            found |= kdm_val_str_eq(name, kdm_str_of(known[i]));
        if (!found) {
            kdm_query_fail(parser, KDM_STR("_source"), "takes \"includes\" and \"excludes\"");
            return false;
        }
    }
    return add_both(parser, object, "includes", "excludes", filter)
           && add_both(parser, object, "include", "exclude", filter);
}

bool kdm_source_parse(struct kdm_query_parser *parser, struct kdm_val body,
                      struct kdm_source_filter *filter)
{
    struct kdm_val value = kdm_val_get(body, KDM_STR("_source"));
    bool parsed = true;

    if (kdm_val_type(value) == KDM_JSON_FALSE)
        filter->none = true;
    else if (kdm_val_type(value) == KDM_JSON_OBJECT)
        parsed = parse_object(parser, value, filter);
    else if (kdm_val_type(value) != KDM_JSON_TRUE)
        parsed = add_patterns(parser, KDM_STR("_source"), value, &filter->includes,
                              &filter->include_count);
    return parsed && add_both(parser, body, "_source_includes", "_source_excludes", filter);
}

/* --- filtering -------------------------------------------------------------------------------- */

struct filtering {
    const struct kdm_source_filter *filter;
    struct kdm_arena *scratch;
    struct kdm_buf *out;
};

static bool matches_any(const struct kdm_str *patterns, size_t count, struct kdm_str path)
{
    for (size_t i = 0; i < count; i++)
        if (kdm_wildcard_match(patterns[i], path))
            return true;
    return false;
}

static bool put_value(struct filtering *filtering, struct kdm_str path, struct kdm_val value,
                      bool included);

/* The members that stay, with commas; returns how many. */
static size_t put_members(struct filtering *filtering, struct kdm_str path, struct kdm_val object,
                          bool included)
{
    const struct kdm_source_filter *filter = filtering->filter;
    struct kdm_buf *out = filtering->out;
    struct kdm_val_iter it;
    struct kdm_val name, value;
    size_t count = 0;

    for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);) {
        struct kdm_str text = kdm_val_str(filtering->scratch, name), full;
        size_t before = out->len;
        struct kdm_buf buf;
        bool whole;

        kdm_buf_init(&buf, filtering->scratch, path.len + text.len + 1);
        kdm_buf_put(&buf, path);
        if (path.len > 0)
            kdm_buf_char(&buf, '.');
        kdm_buf_put(&buf, text);
        full = kdm_buf_str(&buf);
        if (matches_any(filter->excludes, filter->exclude_count, full))
            continue;
        whole = included || matches_any(filter->includes, filter->include_count, full);
        if (count > 0)
            kdm_buf_char(out, ',');
        kdm_buf_put(out, kdm_val_text(name));
        kdm_buf_char(out, ':');
        if (put_value(filtering, full, value, whole))
            count++;
        else
            out->len = before;
    }
    return count;
}

/* false: nothing of it stays, and nothing useful was written. */
static bool put_value(struct filtering *filtering, struct kdm_str path, struct kdm_val value,
                      bool included)
{
    struct kdm_buf *out = filtering->out;
    struct kdm_val_iter it;
    struct kdm_val element;
    size_t count = 0;

    if (included
        && (filtering->filter->exclude_count == 0 || kdm_val_type(value) < KDM_JSON_ARRAY)) {
        kdm_buf_put(out, kdm_val_text(value));
        return true;
    }
    switch (kdm_val_type(value)) {
    case KDM_JSON_OBJECT:
        kdm_buf_char(out, '{');
        count = put_members(filtering, path, value, included);
        kdm_buf_char(out, '}');
        return included || count > 0;
    case KDM_JSON_ARRAY:
        kdm_buf_char(out, '[');
        for (kdm_elements(&it, value); kdm_element_next(&it, &element);) {
            size_t before = out->len;

            if (count > 0)
                kdm_buf_char(out, ',');
            if (put_value(filtering, path, element, included))
                count++;
            else
                out->len = before;
        }
        kdm_buf_char(out, ']');
        return included || count > 0;
    default:
        return false;
    }
}

bool kdm_search_source(const struct kdm_search *search, struct kdm_arena *scratch,
                       struct kdm_val source, struct kdm_buf *buf)
{
    struct filtering filtering = { &search->source, scratch, buf };
    struct kdm_str base = search->source.base;
    bool included;

    if (search->source.none)
        return false;
    if (search->source.include_count + search->source.exclude_count == 0) {
        kdm_buf_put(buf, kdm_val_text(source));
        return true;
    }
    included = search->source.include_count == 0
               || (base.len > 0
                   && matches_any(search->source.includes, search->source.include_count, base));
    kdm_buf_char(buf, '{');
    put_members(&filtering, base, source, included);
    kdm_buf_char(buf, '}');
    return true;
}
