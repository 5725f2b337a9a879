/* search.c - the body of a search, member by member.
 * Three kinds of members: those that are built, those that Elasticsearch knows and we refuse by
 * name until they are, and those that Kuzzle does not let through.
 */
#include "search/aggs.h"
#include "search/search_internal.h"
#include <stdlib.h>

/* --- members ---------------------------------------------------------------------------------- */

static bool fail_prop(struct kdm_query_parser *parser, enum kdm_err err, struct kdm_str prop)
{
    kdm_failure_set(parser->failure, parser->arena, err, KDM_PROPS(prop));
    return false;
}

static bool is_one_of(struct kdm_val name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (kdm_val_str_eq(name, kdm_str_of(*names)))
            return true;
    return false;
}

/* null, {} */
static bool is_empty(struct kdm_val value)
{
    return kdm_val_null(value)
           || (kdm_val_type(value) == KDM_JSON_OBJECT && kdm_val_count(value) == 0);
}

/* Nothing was asked: {}, [], false, null. */
static bool asks_nothing(struct kdm_val value)
{
    enum kdm_json_type type = kdm_val_type(value);

    return type <= KDM_JSON_FALSE || (type >= KDM_JSON_ARRAY && kdm_val_count(value) == 0);
}

static bool check_members(struct kdm_query_parser *parser, struct kdm_val body, bool aggregates)
{
    static const char *const built[] = { "query",
                                         "sort",
                                         "from",
                                         "size",
                                         "search_after",
                                         "_source",
                                         "_source_includes",
                                         "_source_excludes",
                                         "post_filter",
                                         "_name",
                                         "search_timeout",
                                         "collapse",
                                         "highlight",
                                         NULL };
    static const char *const aggs[] = { "aggregations", "aggs", NULL };
    static const char *const never[] = { "explain", "fields", "suggest", NULL };
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, body); kdm_member_next(&it, &name, &value);) {
        struct kdm_str text = kdm_val_str(parser->arena, name);

        if (is_one_of(name, built) || (aggregates && is_one_of(name, aggs)))
            continue;
        if (!is_one_of(name, never) && !is_one_of(name, aggs))
            return fail_prop(parser, KDM_ERR_SERVICES_STORAGE_INVALID_SEARCH_QUERY, text);
        if (!asks_nothing(value)) {
            kdm_query_fail(parser, text, "is not supported");
            return false;
        }
    }
    return true;
}

/* --- scripts ---------------------------------------------------------------------------------- */

/* Only stored scripts, by "id" and "params", get past this (and then fail as not supported). */
static bool script_is_stored(struct kdm_val script)
{
    static const char *const allowed[] = { "id", "params", NULL };
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_type(script) != KDM_JSON_OBJECT)
        return false;
    for (kdm_members(&it, script); kdm_member_next(&it, &name, &value);)
        if (!is_one_of(name, allowed))
            return false;
    return true;
}

static struct kdm_str below(struct kdm_query_parser *parser, struct kdm_str path,
                            struct kdm_str name)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, parser->arena, path.len + name.len + 1);
    kdm_buf_put(&buf, path);
    if (path.len > 0)
        kdm_buf_char(&buf, '.');
    kdm_buf_put(&buf, name);
    return kdm_buf_str(&buf);
}

/* A link of the way down, so that a path is only written for a failure. */
struct place {
    const struct place *up;
    struct kdm_val name;
};

static struct kdm_str path_of(struct kdm_query_parser *parser, const struct place *place)
{
    if (place == NULL)
        return KDM_STR("");
    return below(parser, path_of(parser, place->up), kdm_val_str(parser->arena, place->name));
}

static bool check_scripts(struct kdm_query_parser *parser, const struct place *up,
                          struct kdm_val value)
{
    static const char *const scripts[] = { "script", "_script", NULL };
    struct kdm_val_iter it;
    struct kdm_val name, inner;

    if (kdm_val_type(value) == KDM_JSON_ARRAY)
        for (kdm_elements(&it, value); kdm_element_next(&it, &inner);)
            if (!check_scripts(parser, up, inner))
                return false;
    if (kdm_val_type(value) != KDM_JSON_OBJECT)
        return true;
    for (kdm_members(&it, value); kdm_member_next(&it, &name, &inner);) {
        struct place place = { up, name };

        if (is_one_of(name, scripts) && !script_is_stored(inner))
            return fail_prop(parser, KDM_ERR_SERVICES_STORAGE_INVALID_QUERY_KEYWORD,
                             path_of(parser, &place));
        if (!check_scripts(parser, &place, inner))
            return false;
    }
    return true;
}

/* --- the window ------------------------------------------------------------------------------- */

bool kdm_search_count_parse(struct kdm_query_parser *parser, struct kdm_val body, const char *name,
                            int64_t given, int64_t absent, int64_t *ret_count)
{
    struct kdm_val value = kdm_val_get(body, kdm_str_of(name));

    *ret_count = given >= 0 ? given : absent;
    if (given < -1 || (!kdm_val_null(value) && (!kdm_val_int64(value, &absent) || absent < 0))) {
        kdm_query_fail(parser, kdm_str_of(name), "must be a whole number that is not negative");
        return false;
    }
    if (given < 0)
        *ret_count = absent;
    return true;
}

static bool read_window(struct kdm_query_parser *parser, const struct kdm_search_request *request,
                        struct kdm_search *search)
{
    int64_t most = request->window > 0 ? request->window : KDM_SEARCH_WINDOW;

    if (!kdm_search_count_parse(parser, request->body, "from", request->from, 0, &search->from)
        || !kdm_search_count_parse(parser, request->body, "size", request->size, 10, &search->size))
        return false;
    if (search->from <= most && search->size <= most && search->from + search->size <= most)
        return true;
    kdm_query_fail(parser, KDM_STR("from + size"),
                   "must be at most %lld; use scroll or search_after", (long long)most);
    return false;
}

/* --- all of it -------------------------------------------------------------------------------- */

static struct kdm_query *parse_query(struct kdm_query_parser *parser, struct kdm_val query,
                                     enum kdm_search_lang lang)
{
    return lang == KDM_LANG_KONCORDE ? kdm_query_parse_koncorde(parser, query)
                                     : kdm_query_parse_dsl(parser, query);
}

/* "aggs" and "aggregations" are the same. */
static bool parse_aggs(struct kdm_query_parser *parser, struct kdm_val body,
                       struct kdm_search *search)
{
    struct kdm_val brief = kdm_val_get(body, KDM_STR("aggs"));
    struct kdm_val full = kdm_val_get(body, KDM_STR("aggregations"));

    if (!kdm_val_null(brief) && !kdm_val_null(full))
        return kdm_query_fail(parser, KDM_STR("aggs"), "stands beside \"aggregations\"") != NULL;
    if (kdm_val_null(brief))
        brief = full;
    if (is_empty(brief))
        return true;
    search->aggs = kdm_aggs_read(parser, brief);
    return search->aggs != NULL;
}

/* post_filter narrows the hits behind the aggregations; without any it is one more filter. */
static bool add_post_filter(struct kdm_query_parser *parser, struct kdm_val body,
                            struct kdm_search *search)
{
    struct kdm_val filter = kdm_val_get(body, KDM_STR("post_filter"));
    struct kdm_query *both, *second;

    if (is_empty(filter))
        return true;
    second = kdm_query_parse_dsl(parser, filter);
    if (second == NULL)
        return false;
    if (search->aggs != NULL) {
        search->post_filter = second;
        return true;
    }
    both = kdm_query_new(parser, KDM_QUERY_BOOL);
    kdm_query_add(parser, &both->must, search->query);
    kdm_query_add(parser, &both->filter, second);
    search->query = both;
    return true;
}

static void keep_nested(struct kdm_query_parser *parser, const struct kdm_nested_list *list,
                        struct kdm_search *search)
{
    struct kdm_nested_hits **items;

    if (list->count == 0)
        return;
    items = kdm_arena_alloc(parser->arena, list->count * sizeof(*items));
    memcpy(items, list->items, list->count * sizeof(*items));
    search->nested = items;
    search->nested_count = list->count;
}

struct kdm_search *kdm_search_create(struct kdm_arena *arena, const struct kdm_mapping *mapping,
                                     const struct kdm_search_request *request,
                                     struct kdm_failure *ret_failure)
{
    struct kdm_query_parser parser = { .arena = arena,
                                       .mapping = mapping,
                                       .peers = request->peers,
                                       .failure = ret_failure,
                                       .own = request->window > 0,
                                       .now_ms = request->now_ms };
    struct kdm_search *search = kdm_arena_zalloc(arena, sizeof(*search));
    struct kdm_nested_list nested = { .count = 0 };
    struct kdm_val body = request->body;

    if (!kdm_val_null(body) && kdm_val_type(body) != KDM_JSON_OBJECT) {
        kdm_query_fail(&parser, KDM_STR("body"), "must be an object");
        return NULL;
    }
    if (!check_members(&parser, body, request->aggregates) || !check_scripts(&parser, NULL, body)
        || !read_window(&parser, request, search))
        return NULL;
    parser.inner = &nested;
    search->query = parse_query(&parser, kdm_val_get(body, KDM_STR("query")), request->lang);
    parser.inner = NULL;
    keep_nested(&parser, &nested, search);
    if (search->query == NULL || !kdm_highlight_parse(&parser, body, search)
        || !parse_aggs(&parser, body, search) || !add_post_filter(&parser, body, search)
        || !kdm_sort_parse(&parser, body, search)
        || !kdm_source_parse(&parser, body, &search->source)
        || !kdm_collapse_parse(&parser, body, search) || !kdm_inner_hits_check(&parser, search))
        return NULL;
    return search;
}

struct kdm_query *kdm_search_query(struct kdm_arena *arena, const struct kdm_mapping *mapping,
                                   struct kdm_val query, enum kdm_search_lang lang, int64_t now_ms,
                                   struct kdm_failure *ret_failure)
{
    struct kdm_query_parser parser = {
        .arena = arena, .mapping = mapping, .failure = ret_failure, .now_ms = now_ms
    };

    return check_scripts(&parser, NULL, query) ? parse_query(&parser, query, lang) : NULL;
}

struct kdm_query *kdm_search_narrow(struct kdm_arena *arena, struct kdm_query *query,
                                    struct kdm_query *filter)
{
    struct kdm_query *both = kdm_arena_zalloc(arena, sizeof(*both));
    struct kdm_query **items = kdm_arena_alloc(arena, 2 * sizeof(struct kdm_query *));

    items[0] = query;
    items[1] = filter;
    both->kind = KDM_QUERY_BOOL;
    both->boost = 1;
    both->must = (struct kdm_query_list){ .items = &items[0], .count = 1 };
    both->filter = (struct kdm_query_list){ .items = &items[1], .count = 1 };
    return both;
}

bool kdm_search_matches(const struct kdm_query *query, struct kdm_arena *arena,
                        struct kdm_arena *scratch, struct kdm_str id, struct kdm_val source,
                        float *ret_score, struct kdm_failure *ret_failure)
{
    struct kdm_query_document document = { .id = id, .source = source };
    const struct kdm_query *too_costly = NULL;
    bool matched = kdm_query_match(query, scratch, &document, ret_score, &too_costly);

    ret_failure->err = KDM_OK;
    if (too_costly == NULL)
        return matched;
    kdm_failure_set(
        ret_failure, arena, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
        KDM_PROPS(KDM_STR("[regexp] the expression takes too many steps on a document")));
    return false;
}
