/* dsl.c - Elasticsearch's query DSL: the table of clauses, and those that hold other clauses.
 * A clause that Elasticsearch has and we have not is refused by name; one that nobody has is
 * unknown_query_keyword. Nothing is ever skipped.
 */
#include "search/search_internal.h"

static kdm_clause_fn match_all, match_none, bool_clause, nested, constant_score, dis_max, boosting,
    not_yet;

static const struct {
    const char *name;
    kdm_clause_fn *parse;
} clauses[] = {
    { "match_all", match_all },
    { "match_none", match_none },
    { "bool", bool_clause },
    { "nested", nested },
    { "constant_score", constant_score },
    { "dis_max", dis_max },
    { "boosting", boosting },
    { "term", kdm_clause_term },
    { "terms", kdm_clause_terms },
    { "range", kdm_clause_range },
    { "exists", kdm_clause_exists },
    { "ids", kdm_clause_ids },
    { "prefix", kdm_clause_prefix },
    { "wildcard", kdm_clause_wildcard },
    { "regexp", kdm_clause_regexp },
    { "match", kdm_clause_match },
    { "match_phrase", kdm_clause_match_phrase },
    { "match_phrase_prefix", kdm_clause_match_phrase_prefix },
    { "multi_match", kdm_clause_multi_match },
    { "geo_distance", kdm_clause_geo_distance },
    { "geo_bounding_box", kdm_clause_geo_bounding_box },
    { "geo_polygon", kdm_clause_geo_polygon },
    { "geo_shape", kdm_clause_geo_shape },
    { "match_bool_prefix", kdm_clause_match_bool_prefix },
    { "fuzzy", kdm_clause_fuzzy },
    { "query_string", kdm_clause_query_string },
    { "simple_query_string", kdm_clause_simple_query_string },
    { "function_score", not_yet },
    { "terms_set", not_yet },
    { "common", not_yet },
    { "combined_fields", not_yet },
    { "intervals", not_yet },
    { "more_like_this", not_yet },
    { "script", not_yet },
    { "script_score", not_yet },
    { "rank_feature", not_yet },
    { "distance_feature", not_yet },
    { "has_child", not_yet },
    { "has_parent", not_yet },
    { "parent_id", not_yet },
    { "percolate", not_yet },
    { "pinned", not_yet },
    { "wrapper", not_yet },
    { "shape", not_yet },
    { "type", not_yet },
    { "span_term", not_yet },
    { "span_near", not_yet },
    { "span_or", not_yet },
    { "span_not", not_yet },
    { "span_first", not_yet },
    { "span_containing", not_yet },
    { "span_within", not_yet },
    { "span_multi", not_yet },
};

static struct kdm_query *not_yet(struct kdm_query_parser *parser, struct kdm_str clause,
                                 struct kdm_val body)
{
    (void)body;
    return kdm_query_fail(parser, clause, "this clause is not supported yet");
}

static struct kdm_query *unknown(struct kdm_query_parser *parser, struct kdm_str name)
{
    kdm_failure_set(parser->failure, parser->arena, KDM_ERR_SERVICES_STORAGE_UNKNOWN_QUERY_KEYWORD,
                    KDM_PROPS(name));
    return NULL;
}

/* One clause: an object with one member. */
static struct kdm_query *parse_clause(struct kdm_query_parser *parser, struct kdm_str where,
                                      struct kdm_val query)
{
    struct kdm_val_iter it;
    struct kdm_val name, body, second;
    struct kdm_str clause;

    if (kdm_val_type(query) != KDM_JSON_OBJECT)
        return kdm_query_fail(parser, where, "a clause must be an object");
    kdm_members(&it, query);
    if (!kdm_member_next(&it, &name, &body))
        return kdm_query_fail(parser, where, "a clause can't be empty");
    clause = kdm_val_str(parser->arena, name);
    if (!kdm_query_count(parser, clause))
        return NULL;
    for (size_t i = 0; i < sizeof(clauses) / sizeof(clauses[0]); i++) {
        if (!kdm_str_eq(clause, kdm_str_of(clauses[i].name)))
            continue;
        if (kdm_member_next(&it, &second, &(struct kdm_val){ 0 }))
            return kdm_query_fail(parser, clause,
                                  "stands beside \"%s\": one clause is allowed here",
                                  kdm_query_shown(parser, kdm_val_str(parser->arena, second)));
        if (kdm_val_type(body) != KDM_JSON_OBJECT)
            return kdm_query_fail(parser, clause, "must be an object");
        return clauses[i].parse(parser, clause, body);
    }
    return unknown(parser, clause);
}

struct kdm_query *kdm_query_parse_dsl(struct kdm_query_parser *parser, struct kdm_val query)
{
    if (kdm_val_null(query)
        || (kdm_val_type(query) == KDM_JSON_OBJECT && kdm_val_count(query) == 0))
        return kdm_query_new(parser, KDM_QUERY_ALL);
    return parse_clause(parser, KDM_STR("query"), query);
}

/* --- everything and nothing ------------------------------------------------------------------- */

static const char *const no_params[] = { NULL };

static struct kdm_query *match_all(struct kdm_query_parser *parser, struct kdm_str clause,
                                   struct kdm_val body)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_ALL);

    return kdm_query_params(parser, clause, body, no_params, &query->boost) ? query : NULL;
}

static struct kdm_query *match_none(struct kdm_query_parser *parser, struct kdm_str clause,
                                    struct kdm_val body)
{
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_NONE);

    return kdm_query_params(parser, clause, body, no_params, &query->boost) ? query : NULL;
}

/* --- bool ------------------------------------------------------------------------------------- */

/* One clause or a list of them. */
static bool parse_list(struct kdm_query_parser *parser, struct kdm_str where, struct kdm_val value,
                       struct kdm_query_list *list)
{
    struct kdm_val_iter it;
    struct kdm_val element;
    struct kdm_query *query;

    if (kdm_val_type(value) == KDM_JSON_ARRAY) {
        for (kdm_elements(&it, value); kdm_element_next(&it, &element);) {
            query = parse_clause(parser, where, element);
            if (query == NULL)
                return false;
            kdm_query_add(parser, list, query);
        }
        return true;
    }
    query = parse_clause(parser, where, value);
    if (query != NULL)
        kdm_query_add(parser, list, query);
    return query != NULL;
}

/* Without a clause that must match one of those that should does, whatever the minimum. */
static bool parse_minimum(struct kdm_query_parser *parser, struct kdm_str clause,
                          struct kdm_val body, struct kdm_query *query)
{
    struct kdm_val given = kdm_val_get(body, KDM_STR("minimum_should_match"));
    size_t least = query->must.count + query->filter.count == 0, minimum = 0;

    if (!kdm_val_null(given)
        && !kdm_query_minimum(parser, clause, given, query->should.count, &minimum))
        return false;
    if (query->should.count > 0)
        query->minimum = minimum > least ? minimum : least;
    return true;
}

static struct kdm_query *bool_clause(struct kdm_query_parser *parser, struct kdm_str clause,
                                     struct kdm_val body)
{
    static const char *const known[] = {
        "must", "filter", "should", "must_not", "minimum_should_match", "adjust_pure_negative", NULL
    };
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOL);
    struct {
        struct kdm_str name;
        struct kdm_query_list *list;
    } lists[] = { { KDM_STR("must"), &query->must },
                  { KDM_STR("filter"), &query->filter },
                  { KDM_STR("should"), &query->should },
                  { KDM_STR("must_not"), &query->must_not } };

    if (!kdm_query_params(parser, clause, body, known, &query->boost))
        return NULL;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct kdm_val value = kdm_val_get(body, lists[i].name);

        if (!kdm_val_none(value) && !parse_list(parser, lists[i].name, value, lists[i].list))
            return NULL;
    }
    return parse_minimum(parser, clause, body, query) ? query : NULL;
}

/* --- wrappers --------------------------------------------------------------------------------- */

static struct kdm_query *parse_member(struct kdm_query_parser *parser, struct kdm_str clause,
                                      struct kdm_val body, struct kdm_str name)
{
    struct kdm_val value = kdm_val_get(body, name);

    if (kdm_val_none(value))
        return kdm_query_fail(parser, clause, "needs \"%s\"", name.ptr);
    return parse_clause(parser, clause, value);
}

static struct kdm_query *constant_score(struct kdm_query_parser *parser, struct kdm_str clause,
                                        struct kdm_val body)
{
    static const char *const known[] = { "filter", NULL };
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_CONSTANT);

    if (!kdm_query_params(parser, clause, body, known, &query->boost))
        return NULL;
    query->child = parse_member(parser, clause, body, KDM_STR("filter"));
    return query->child == NULL ? NULL : query;
}

/* Any of them; the best one scores. */
static struct kdm_query *dis_max(struct kdm_query_parser *parser, struct kdm_str clause,
                                 struct kdm_val body)
{
    static const char *const known[] = { "queries", "tie_breaker", NULL };
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOL);
    struct kdm_val queries = kdm_val_get(body, KDM_STR("queries"));
    double tie_breaker = 0;

    if (!kdm_query_params(parser, clause, body, known, &query->boost)
        || !kdm_query_number_param(parser, clause, body, "tie_breaker", 0, 1, &tie_breaker))
        return NULL;
    if (kdm_val_count(queries) == 0)
        return kdm_query_fail(parser, clause, "needs \"queries\"");
    query->minimum = 1;
    query->best_only = true;
    query->factor = (float)tie_breaker;
    return parse_list(parser, clause, queries, &query->should) ? query : NULL;
}

/* What is "negative" only lowers scores. */
static struct kdm_query *boosting(struct kdm_query_parser *parser, struct kdm_str clause,
                                  struct kdm_val body)
{
    static const char *const known[] = { "positive", "negative", "negative_boost", NULL };
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_BOOSTING);
    double factor = -1;

    if (!kdm_query_params(parser, clause, body, known, &query->boost)
        || !kdm_query_number_param(parser, clause, body, "negative_boost", 0, 1e9, &factor))
        return NULL;
    if (factor < 0)
        return kdm_query_fail(parser, clause, "needs \"negative_boost\"");
    query->factor = (float)factor;
    query->negative = parse_member(parser, clause, body, KDM_STR("negative"));
    query->child =
        query->negative == NULL ? NULL : parse_member(parser, clause, body, KDM_STR("positive"));
    return query->child == NULL ? NULL : query;
}

static bool read_score_mode(struct kdm_query_parser *parser, struct kdm_str clause,
                            struct kdm_val body, struct kdm_query *query)
{
    static const char *const names[] = { "avg", "sum", "min", "max", "none" };
    struct kdm_val given = kdm_val_get(body, KDM_STR("score_mode"));

    if (kdm_val_null(given))
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (kdm_val_str_eq(given, kdm_str_of(names[i]))) {
            query->mode = (uint8_t)i;
            return true;
        }
    return kdm_query_fail(parser, clause, "\"score_mode\" must be avg, sum, min, max or none")
           != NULL;
}

static struct kdm_query *nested(struct kdm_query_parser *parser, struct kdm_str clause,
                                struct kdm_val body)
{
    static const char *const known[] = { "path",       "query", "score_mode", "ignore_unmapped",
                                         "inner_hits", NULL };
    struct kdm_query *query = kdm_query_new(parser, KDM_QUERY_NESTED);
    struct kdm_nested_list *inner = parser->inner;
    struct kdm_str path = kdm_val_str(parser->arena, kdm_val_get(body, KDM_STR("path")));
    bool ignore_unmapped = false;

    if (!kdm_query_params(parser, clause, body, known, &query->boost)
        || !kdm_query_bool_param(parser, clause, body, "ignore_unmapped", &ignore_unmapped)
        || !read_score_mode(parser, clause, body, query))
        return NULL;
    if (kdm_str_none(path))
        return kdm_query_fail(parser, clause, "needs \"path\"");
    query->field = parser->mapping == NULL ? NULL : kdm_mapping_find(parser->mapping, path);
    parser->inner = NULL; /* only the outermost objects are shown */
    query->child = parse_member(parser, clause, body, KDM_STR("query"));
    parser->inner = inner;
    if (query->child == NULL)
        return NULL;
    if (query->field != NULL && query->field->type == KDM_FIELD_NESTED)
        return kdm_nested_hits_parse(parser, body, query) ? query : NULL;
    if (ignore_unmapped)
        return kdm_query_new(parser, KDM_QUERY_NONE);
    return kdm_query_fail(parser, clause, "there is no nested field at \"%s\"",
                          kdm_query_shown(parser, path));
}
