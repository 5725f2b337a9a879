/* mindsphere_asset_filter.c - filters and orders of lists of assets as a search of the core's
 * (reference dialects.md 4.11): there may be any number of assets, so it is not the door that looks
 * at each. Conditions on types are decided here, where inheritance is known. Pure functions.
 */
#include "dialect/mindsphere_asset.h"
#include "dialect/query.h"

#define DEPTH_MAX    16
#define TEXT_LONGEST 256 /* bytes that are looked for in a field */

struct translator {
    struct kdm_ms_errors *errors;
    const struct kdm_ms_world *world;
    const struct kdm_ms_caller *caller;
    struct kdm_buf *buf;
};

/* What filters and orders name, and where it stands in an asset. */
static const struct field {
    const char *name, *path;
} fields[] = {
    { "assetId", "reference" },
    { "id", "reference" },
    { "name", "dialect.name.default" },
    { "description", "dialect.description" },
    { "externalId", "dialect.externalId" },
    { "parentId", "dialect.parentId" },
    { "timezone", "dialect.timezone" },
    { "twinType", "dialect.twinType" },
};

static const struct field *find_field(struct kdm_str name)
{
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (kdm_str_eq(name, kdm_str_of(fields[i].name)))
            return &fields[i];
    }
    return NULL;
}

static void malformed(const struct translator *translator, const char *what)
{
    kdm_ms_error(translator->errors, KDM_MS_INVALID_PARAMETER, "filter: %s", what);
    kdm_buf_lit(translator->buf, "{\"match_none\":{}}");
}

/* --- conditions on types ------------------------------------------------------------------------
 */

/* Does the type, or with `inherits` one above it, satisfy the condition? */
static bool type_passes(const struct translator *translator, const struct kdm_ms_type *type,
                        struct kdm_val condition, bool inherits)
{
    struct kdm_arena *arena = translator->errors->arena;
    struct kdm_val filter = kdm_json_parse(
        arena, kdm_arena_printf(arena, "{\"id\":" KDM_FMT "}", KDM_ARG(kdm_val_text(condition))));
    struct kdm_ms_chain chain;

    kdm_ms_chain(translator->world, type, &chain);
    for (size_t i = inherits ? 0 : chain.count - 1; i < chain.count; i++) {
        if (kdm_ms_passes(translator->errors, filter, chain.items[i]->block))
            return true;
    }
    return false;
}

/* The models of the types that the caller sees; condition NONE: all of them. */
static void put_models(const struct translator *translator, struct kdm_val condition, bool inherits)
{
    const struct kdm_ms_world *world = translator->world;

    kdm_buf_lit(translator->buf, "{\"terms\":{\"model\":[");
    for (size_t i = 0; i < world->assets.count; i++) {
        const struct kdm_ms_type *type = &world->assets.items[i];

        if (!kdm_ms_visible(world, type, translator->caller)
            || (!kdm_val_none(condition) && !type_passes(translator, type, condition, inherits)))
            continue;
        kdm_json_put_comma(translator->buf);
        kdm_json_put_str(translator->buf, kdm_ms_asset_model(world->arena, type));
    }
    kdm_buf_lit(translator->buf, "]}}");
}

/* --- conditions on fields -----------------------------------------------------------------------
 */

static void put_clause(const struct translator *translator, const char *kind, struct kdm_str path,
                       struct kdm_str value)
{
    kdm_buf_printf(translator->buf, "{\"%s\":{", kind);
    kdm_json_put_str(translator->buf, path);
    kdm_buf_char(translator->buf, ':');
    kdm_buf_put(translator->buf, value);
    kdm_buf_lit(translator->buf, "}}");
}

/* Not given at all: null; the root for a parent. */
static void put_missing(const struct translator *translator, struct kdm_str path)
{
    kdm_buf_lit(translator->buf, "{\"bool\":{\"must_not\":[{\"exists\":{\"field\":");
    kdm_json_put_str(translator->buf, path);
    kdm_buf_lit(translator->buf, "}}]}}");
}

static bool is_root(const struct translator *translator, struct kdm_str path, struct kdm_val value)
{
    return kdm_str_eq(path, KDM_STR("dialect.parentId"))
           && kdm_val_str_eq(value,
                             kdm_ms_root_id(translator->errors->arena, translator->caller->tenant));
}

static void put_equal(const struct translator *translator, struct kdm_str path,
                      struct kdm_val value)
{
    if (kdm_val_null(value)) {
        put_missing(translator, path);
    } else if (kdm_val_type(value) != KDM_JSON_STRING) {
        malformed(translator, "a text is expected");
    } else if (is_root(translator, path, value)) {
        kdm_buf_lit(translator->buf, "{\"bool\":{\"minimum_should_match\":1,\"should\":[");
        put_clause(translator, "term", path, kdm_val_text(value));
        kdm_buf_char(translator->buf, ',');
        put_missing(translator, path);
        kdm_buf_lit(translator->buf, "]}}");
    } else {
        put_clause(translator, "term", path, kdm_val_text(value));
    }
}

static void put_in(const struct translator *translator, struct kdm_str path,
                   struct kdm_val argument)
{
    struct kdm_val list = kdm_val_type(argument) == KDM_JSON_OBJECT
                              ? kdm_val_get(argument, KDM_STR("value"))
                              : argument;
    struct kdm_val_iter it;
    struct kdm_val one;

    if (kdm_val_type(list) != KDM_JSON_ARRAY) {
        malformed(translator, "in needs {\"value\": [..]}");
        return;
    }
    kdm_buf_lit(translator->buf, "{\"bool\":{\"minimum_should_match\":1,\"should\":[");
    for (kdm_elements(&it, list); kdm_element_next(&it, &one);) {
        kdm_json_put_comma(translator->buf);
        put_equal(translator, path, one);
    }
    kdm_buf_lit(translator->buf, "]}}");
}

static void put_pattern(const struct translator *translator, struct kdm_str path,
                        struct kdm_str text, bool inside)
{
    kdm_buf_lit(translator->buf, "{\"wildcard\":{");
    kdm_json_put_str(translator->buf, path);
    kdm_buf_char(translator->buf, ':');
    kdm_dialect_put_pattern(translator->buf, text, inside);
    kdm_buf_lit(translator->buf, "}}");
}

static void put_condition(const struct translator *translator, struct kdm_str path,
                          struct kdm_val condition, int depth);

/* The members of an object each by itself, or the elements of an array. */
static void put_each(const struct translator *translator, struct kdm_str path, struct kdm_val list,
                     int depth);

static void put_text_function(const struct translator *translator, struct kdm_str function,
                              struct kdm_str path, struct kdm_val argument)
{
    struct kdm_str text = kdm_val_str(translator->errors->arena, argument);

    if (kdm_str_none(text) || text.len > TEXT_LONGEST)
        malformed(translator, "a text of at most 256 bytes is expected");
    else if (kdm_str_eq(function, KDM_STR("startsWith")))
        put_clause(translator, "prefix", path, kdm_val_text(argument));
    else if (kdm_str_eq(function, KDM_STR("endsWith")))
        put_pattern(translator, path, text, false);
    else if (kdm_str_eq(function, KDM_STR("contains")))
        put_pattern(translator, path, text, true);
    else
        malformed(translator, "there is no such function for this field");
}

static void put_function(const struct translator *translator, struct kdm_str function,
                         struct kdm_str path, struct kdm_val argument, int depth)
{
    if (kdm_str_eq(function, KDM_STR("eq"))) {
        put_equal(translator, path, argument);
    } else if (kdm_str_eq(function, KDM_STR("in"))) {
        put_in(translator, path, argument);
    } else if (kdm_str_eq(function, KDM_STR("not"))) {
        kdm_buf_lit(translator->buf, "{\"bool\":{\"must_not\":[");
        put_condition(translator, path, argument, depth + 1);
        kdm_buf_lit(translator->buf, "]}}");
    } else if (kdm_str_eq(function, KDM_STR("or"))) {
        kdm_buf_lit(translator->buf, "{\"bool\":{\"minimum_should_match\":1,\"should\":[");
        put_each(translator, path, argument, depth);
        kdm_buf_lit(translator->buf, "]}}");
    } else if (kdm_str_eq(function, KDM_STR("and"))) {
        kdm_buf_lit(translator->buf, "{\"bool\":{\"filter\":[");
        put_each(translator, path, argument, depth);
        kdm_buf_lit(translator->buf, "]}}");
    } else {
        put_text_function(translator, function, path, argument);
    }
}

static void put_each(const struct translator *translator, struct kdm_str path, struct kdm_val list,
                     int depth)
{
    struct kdm_arena *arena = translator->errors->arena;
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_type(list) == KDM_JSON_ARRAY) {
        for (kdm_elements(&it, list); kdm_element_next(&it, &value);) {
            kdm_json_put_comma(translator->buf);
            put_condition(translator, path, value, depth + 1);
        }
        return;
    }
    if (kdm_val_type(list) != KDM_JSON_OBJECT)
        malformed(translator, "or and and need an object or an array");
    for (kdm_members(&it, list); kdm_member_next(&it, &name, &value);) {
        kdm_json_put_comma(translator->buf);
        put_function(translator, kdm_val_str(arena, name), path, value, depth + 1);
    }
}

/* A plain value means eq; an object holds functions, all of which must hold. */
static void put_condition(const struct translator *translator, struct kdm_str path,
                          struct kdm_val condition, int depth)
{
    if (depth > DEPTH_MAX) {
        malformed(translator, "it is too deep");
    } else if (kdm_val_type(condition) != KDM_JSON_OBJECT) {
        put_equal(translator, path, condition);
    } else {
        kdm_buf_lit(translator->buf, "{\"bool\":{\"filter\":[");
        put_each(translator, path, condition, depth);
        kdm_buf_lit(translator->buf, "]}}");
    }
}

/* --- filters ------------------------------------------------------------------------------------
 */

static void put_filter(const struct translator *translator, struct kdm_val filter, int depth);

/* All assets of a search are of one tenant: a condition on it lets all pass, or none. */
static void put_tenant(const struct translator *translator, struct kdm_val condition)
{
    struct kdm_arena *arena = translator->errors->arena;
    struct kdm_val filter =
        kdm_json_parse(arena, kdm_arena_printf(arena, "{\"tenantId\":" KDM_FMT "}",
                                               KDM_ARG(kdm_val_text(condition))));
    struct kdm_val tenant =
        kdm_json_parse(arena, kdm_json_pair(arena, "tenantId", translator->caller->tenant));

    kdm_buf_put(translator->buf, kdm_ms_passes(translator->errors, filter, tenant)
                                     ? KDM_STR("{\"match_all\":{}}")
                                     : KDM_STR("{\"match_none\":{}}"));
}

/* One member of a filter. Names that nobody knows are passed over. */
static void put_field(const struct translator *translator, struct kdm_str name,
                      struct kdm_val value)
{
    const struct field *field = find_field(name);

    if (kdm_str_eq(name, KDM_STR("typeId")) || kdm_str_eq(name, KDM_STR("hasType")))
        put_models(translator, value, kdm_str_eq(name, KDM_STR("hasType")));
    else if (kdm_str_eq(name, KDM_STR("tenantId")))
        put_tenant(translator, value);
    else if (field == NULL)
        kdm_buf_lit(translator->buf, "{\"match_all\":{}}");
    else
        put_condition(translator, kdm_str_of(field->path), value, 0);
}

/* The members of an object, or the elements of an array, each as a clause. */
static void put_filters(const struct translator *translator, struct kdm_val list, int depth)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_type(list) == KDM_JSON_ARRAY) {
        for (kdm_elements(&it, list); kdm_element_next(&it, &value);) {
            kdm_json_put_comma(translator->buf);
            put_filter(translator, value, depth + 1);
        }
        return;
    }
    if (kdm_val_type(list) != KDM_JSON_OBJECT)
        malformed(translator, "or and and need an object or an array");
    for (kdm_members(&it, list); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(translator->errors->arena, name);

        kdm_json_put_comma(translator->buf);
        if (kdm_str_eq(key, KDM_STR("not"))) {
            kdm_buf_lit(translator->buf, "{\"bool\":{\"must_not\":[");
            put_filter(translator, value, depth + 1);
            kdm_buf_lit(translator->buf, "]}}");
        } else if (kdm_str_eq(key, KDM_STR("or")) || kdm_str_eq(key, KDM_STR("and"))) {
            kdm_buf_put(translator->buf,
                        key.len == 2 ? KDM_STR("{\"bool\":{\"minimum_should_match\":1,\"should\":[")
                                     : KDM_STR("{\"bool\":{\"filter\":["));
            put_filters(translator, value, depth + 1);
            kdm_buf_lit(translator->buf, "]}}");
        } else {
            put_field(translator, key, value);
        }
    }
}

static void put_filter(const struct translator *translator, struct kdm_val filter, int depth)
{
    if (depth > DEPTH_MAX || kdm_val_type(filter) != KDM_JSON_OBJECT) {
        malformed(translator, "an object of at most 16 levels is expected");
        return;
    }
    kdm_buf_lit(translator->buf, "{\"bool\":{\"filter\":[");
    put_filters(translator, filter, depth);
    kdm_buf_lit(translator->buf, "]}}");
}

/* "name,desc", "DESC"; by id otherwise. */
static void put_sort(struct kdm_buf *buf, struct kdm_str sort)
{
    const char *order = kdm_ms_sorts_down(sort) ? "desc" : "asc";

    kdm_buf_lit(buf, ",\"sort\":[");
    if (kdm_ms_sorts_by_name(sort))
        kdm_buf_printf(
            buf, "{\"dialect.name.default\":{\"order\":\"%s\",\"unmapped_type\":\"keyword\"}},",
            order);
    kdm_buf_printf(buf, "{\"reference\":{\"order\":\"%s\",\"unmapped_type\":\"keyword\"}}]", order);
}

struct kdm_str kdm_ms_asset_search(struct kdm_ms_errors *errors, const struct kdm_ms_world *world,
                                   const struct kdm_ms_caller *caller, struct kdm_val filter,
                                   struct kdm_str sort)
{
    struct kdm_buf buf;
    const struct translator translator = {
        .errors = errors, .world = world, .caller = caller, .buf = &buf
    };

    kdm_buf_init(&buf, errors->arena, 512);
    kdm_buf_lit(&buf, "{\"query\":{\"bool\":{\"filter\":[");
    put_models(&translator, KDM_VAL_NONE, false);
    if (!kdm_val_none(filter)) {
        kdm_buf_char(&buf, ',');
        put_filter(&translator, filter, 0);
    }
    kdm_buf_lit(&buf, "]}}");
    put_sort(&buf, kdm_str_none(sort) ? KDM_STR("") : sort);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}
