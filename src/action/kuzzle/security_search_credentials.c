/* security_search_credentials.c - security:searchUsersByCredentials.
 * There is one strategy, "local", and of its credentials the username may be searched for, and
 * whose they are; a query that looks for anything else is refused, so nobody sorts or compares
 * their way to a hash.
 */
#include "action/kuzzle/security.h"
#include "action/search.h"
#include "security/strategy.h"

/* Is it one of these? The list ends with none. */
static bool is_one_of(struct kdm_val name, const struct kdm_str *names)
{
    while (!kdm_str_none(*names) && !kdm_val_str_eq(name, *names))
        names++;
    return !kdm_str_none(*names);
}

static bool is_field(struct kdm_val name)
{
    static const struct kdm_str fields[] = { KDM_STR("username"), KDM_STR("kuid"), KDM_STR_NONE };

    return is_one_of(name, fields);
}

static bool refuse(struct kdm_tx *tx, enum kdm_err err, struct kdm_val name)
{
    struct kdm_str text = kdm_val_str(kdm_tx_arena(tx), name);

    kdm_tx_fail(tx, err, KDM_PROPS(kdm_str_none(text) ? kdm_val_text(name) : text));
    return false;
}

/* --- the query ----------------------------------------------------------------------------- */

/* What a query may be made of. Koncorde has the same words for less than Kuzzle gives it: what is
 * left is what becomes one of the other language's. */
struct grammar {
    struct kdm_str leaves[5]; /* {"<leaf>":{"<field>":..}} */
    struct kdm_str joints[4]; /* {"<joint>":<queries>} */
    struct kdm_str parts[5];  /* {"bool":{"<part>":<queries>}} */
};

static const struct grammar *grammar_of(enum kdm_search_lang lang)
{
    static const struct grammar elasticsearch = {
        .leaves = { KDM_STR("match"), KDM_STR("prefix"), KDM_STR("term"), KDM_STR("terms") },
        .parts = { KDM_STR("must"), KDM_STR("must_not"), KDM_STR("should"), KDM_STR("filter") },
    };
    static const struct grammar koncorde = {
        .leaves = { KDM_STR("equals"), KDM_STR("in") },
        .joints = { KDM_STR("and"), KDM_STR("or"), KDM_STR("not") },
        .parts = { KDM_STR("must"), KDM_STR("must_not"), KDM_STR("should"), KDM_STR("should_not") },
    };

    return lang == KDM_LANG_KONCORDE ? &koncorde : &elasticsearch;
}

static bool check_query(struct kdm_tx *tx, const struct grammar *grammar, struct kdm_val query);

/* One clause, or several in an array. */
static bool check_queries(struct kdm_tx *tx, const struct grammar *grammar, struct kdm_val queries)
{
    struct kdm_val_iter it;
    struct kdm_val query;

    if (kdm_val_type(queries) != KDM_JSON_ARRAY)
        return check_query(tx, grammar, queries);
    for (kdm_elements(&it, queries); kdm_element_next(&it, &query);)
        if (!check_query(tx, grammar, query))
            return false;
    return true;
}

static bool check_bool(struct kdm_tx *tx, const struct grammar *grammar, struct kdm_val clause)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, clause); kdm_member_next(&it, &name, &value);) {
        if (kdm_val_str_eq(name, KDM_STR("minimum_should_match")))
            continue;
        if (!is_one_of(name, grammar->parts))
            return refuse(tx, KDM_ERR_SECURITY_LOCAL_SEARCH_CLAUSE, name);
        if (!check_queries(tx, grammar, value))
            return false;
    }
    return true;
}

static bool check_fields(struct kdm_tx *tx, struct kdm_val clause)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, clause); kdm_member_next(&it, &name, &value);)
        if (!is_field(name))
            return refuse(tx, KDM_ERR_SECURITY_LOCAL_SEARCH_FIELD, name);
    return true;
}

static bool check_clause(struct kdm_tx *tx, const struct grammar *grammar, struct kdm_val name,
                         struct kdm_val value)
{
    if (kdm_val_str_eq(name, KDM_STR("bool")))
        return check_bool(tx, grammar, value);
    if (is_one_of(name, grammar->joints))
        return check_queries(tx, grammar, value);
    return is_one_of(name, grammar->leaves)
               ? check_fields(tx, value)
               : refuse(tx, KDM_ERR_SECURITY_LOCAL_SEARCH_CLAUSE, name);
}

/* What is no clause at all the search itself refuses. */
static bool check_query(struct kdm_tx *tx, const struct grammar *grammar, struct kdm_val query)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, query); kdm_member_next(&it, &name, &value);)
        if (!check_clause(tx, grammar, name, value))
            return false;
    return true;
}

/* --- the order ----------------------------------------------------------------------------- */

/* "field" or {"field": ..}. */
static bool check_sort(struct kdm_tx *tx, struct kdm_val sort)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_type(sort) == KDM_JSON_STRING)
        return is_field(sort) || refuse(tx, KDM_ERR_SECURITY_LOCAL_SORT_FIELD, sort);
    for (kdm_members(&it, sort); kdm_member_next(&it, &name, &value);)
        if (!is_field(name))
            return refuse(tx, KDM_ERR_SECURITY_LOCAL_SORT_FIELD, name);
    return true;
}

static bool check_sorts(struct kdm_tx *tx, struct kdm_val sorts)
{
    struct kdm_val_iter it;
    struct kdm_val sort;

    if (kdm_val_type(sorts) != KDM_JSON_ARRAY)
        return check_sort(tx, sorts);
    for (kdm_elements(&it, sorts); kdm_element_next(&it, &sort);)
        if (!check_sort(tx, sort))
            return false;
    return true;
}

static bool check_body(struct kdm_tx *tx, enum kdm_search_lang lang, struct kdm_val body)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, body); kdm_member_next(&it, &name, &value);) {
        if (kdm_val_str_eq(name, KDM_STR("query"))) {
            if (!check_query(tx, grammar_of(lang), value))
                return false;
        } else if (!kdm_val_str_eq(name, KDM_STR("sort"))) {
            return refuse(tx, KDM_ERR_SERVICES_STORAGE_INVALID_SEARCH_QUERY, name);
        } else if (!check_sorts(tx, value)) {
            return false;
        }
    }
    return true;
}

/* --- the action ---------------------------------------------------------------------------- */

static void put_hit(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_hit *hit)
{
    struct kdm_val source = kdm_json_parse(kdm_tx_arena(tx), hit->source);

    kdm_buf_lit(buf, "{\"username\":");
    kdm_buf_put(buf, kdm_val_text(kdm_val_get(source, KDM_STR("username"))));
    kdm_buf_lit(buf, ",\"kuid\":");
    kdm_buf_put(buf, kdm_val_text(kdm_val_get(source, KDM_STR("kuid"))));
    kdm_buf_char(buf, '}');
}

enum kdm_outcome kdm_security_search_users_by_credentials(struct kdm_tx *tx,
                                                          const struct kdm_args *args)
{
    struct kdm_find_request request = kdm_search_request(args, args->body);
    const struct kdm_strategy *strategy;
    struct kdm_collection *collection;
    const struct kdm_found *found;
    struct kdm_buf buf;

    request.lang = kdm_search_lang_of(args);
    request.collections = &collection;
    request.count = 1;

    if (!kdm_strategy_get(tx, kdm_args_str(args, KDM_ARG_STRATEGY), &strategy)
        || !kdm_search_size_allowed(tx, 0, request.size)
        || !check_body(tx, request.lang, args->body)
        || !kdm_security_collection(tx, KDM_SECURITY_LOCAL_USERS, &collection)
        || !kdm_tx_find(tx, KDM_STR("credentials"), false, &request, &found))
        return KDM_WAIT;
    kdm_buf_init(&buf, args->arena, 512);
    kdm_buf_lit(&buf, "{\"hits\":[");
    for (size_t i = 0; i < found->page_count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        put_hit(tx, &buf, &found->hits[i]);
    }
    kdm_buf_printf(&buf, "],\"total\":%llu}", (unsigned long long)found->total);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}
