/* collapse.c - "collapse" of a request, with its "inner_hits"; and what a group is. */
#include "search/search_internal.h"

static bool fail(struct kdm_query_parser *parser, const char *text, struct kdm_str name)
{
    kdm_query_fail(parser, KDM_STR("collapse"), "%s: \"%s\"", text, kdm_query_shown(parser, name));
    return false;
}

/* --- inner hits ------------------------------------------------------------------------------- */

/* One, or an array of them. */
static bool parse_all_inner(struct kdm_query_parser *parser, struct kdm_val value,
                            struct kdm_search *search)
{
    bool several = kdm_val_type(value) == KDM_JSON_ARRAY;
    size_t count = several ? kdm_val_count(value) : 1;
    struct kdm_str field = search->collapse->field->path;
    struct kdm_inner_hits *inner;
    struct kdm_val_iter it;
    struct kdm_val one;

    if (kdm_val_null(value))
        return true;
    if (count > KDM_SEARCH_MAX_INNER)
        return fail(parser, "there are more than 8 of", KDM_STR("inner_hits"));
    inner = kdm_arena_zalloc(parser->arena, (count + 1) * sizeof(*inner));
    search->inner = inner;
    search->inner_count = count;
    if (!several)
        return kdm_inner_hits_parse(parser, value, field, inner);
    for (kdm_elements(&it, value); kdm_element_next(&it, &one);)
        if (!kdm_inner_hits_parse(parser, one, field, inner++))
            return false;
    return true;
}

/* --- collapse --------------------------------------------------------------------------------- */

static bool parse_field(struct kdm_query_parser *parser, struct kdm_str name,
                        struct kdm_search *search)
{
    struct kdm_sort *collapse = kdm_arena_zalloc(parser->arena, sizeof(*collapse));

    collapse->field = parser->mapping == NULL ? NULL : kdm_mapping_find(parser->mapping, name);
    if (collapse->field == NULL || !kdm_sort_suits(collapse->field))
        return fail(parser, "hits can't be collapsed on", name);
    if (!kdm_sort_alike(parser, name))
        return false;
    if (search->after != NULL
        && (search->sort_count != 1 || search->sorts[0].field != collapse->field))
        return fail(parser, "unless it is the only sort key \"search_after\" can't be used with",
                    name);
    search->collapse = collapse;
    return true;
}

bool kdm_collapse_parse(struct kdm_query_parser *parser, struct kdm_val body,
                        struct kdm_search *search)
{
    static const char *const known[] = { "field", "inner_hits", "max_concurrent_group_searches",
                                         NULL };
    struct kdm_val value = kdm_val_get(body, KDM_STR("collapse"));
    struct kdm_str name = kdm_val_str(parser->arena, kdm_val_get(value, KDM_STR("field")));
    float boost;

    if (kdm_val_null(value))
        return true;
    if (kdm_val_type(value) != KDM_JSON_OBJECT || kdm_str_none(name))
        return kdm_query_fail(parser, KDM_STR("collapse"), "needs a \"field\"") != NULL;
    return kdm_query_params(parser, KDM_STR("collapse"), value, known, &boost)
           && parse_field(parser, name, search)
           && parse_all_inner(parser, kdm_val_get(value, KDM_STR("inner_hits")), search);
}

/* --- groups ----------------------------------------------------------------------------------- */

/* Hits without a value are a group too. */
struct kdm_query *kdm_search_group(struct kdm_arena *arena, const struct kdm_sort *collapse,
                                   const struct kdm_sort_value *value)
{
    struct kdm_query_parser maker = { .arena = arena };
    struct kdm_query *query;
    struct kdm_key *key;

    if (!value->missing) {
        key = kdm_arena_alloc(arena, sizeof(*key));
        *key = value->key;
        return kdm_query_terms(&maker, collapse->field, key, 1);
    }
    query = kdm_query_new(&maker, KDM_QUERY_EXISTS);
    query->field = collapse->field;
    return kdm_query_not(&maker, query);
}
