/* route.c - nodes in one array, children as sibling lists by number.
 * Parameters are positions in the trie; their names come from the route that was reached, because
 * two routes may call the same place differently (":index" and ":engineId").
 */
#include "api/route.h"
#include "api/query.h"
#include "base/log.h"
#include <stdlib.h>

#define NONE UINT32_MAX

struct node {
    struct kdm_str literal; /* none: the parameter of its parent */
    uint32_t sibling, literals, parameter;
    const struct kdm_route *route;
};

static const char *const verbs[] = { "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD" };
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

struct kdm_router {
    struct node *nodes;
    uint32_t count, cap;
    uint32_t roots[VERBS];
};

/* Takes the next non-empty segment off the path; false at its end. */
static bool next_segment(struct kdm_str *path, struct kdm_str *ret_segment)
{
    size_t len = 0;

    while (path->len > 0 && path->ptr[0] == '/')
        *path = kdm_str_from(*path, 1);
    if (path->len == 0)
        return false;
    while (len < path->len && path->ptr[len] != '/')
        len++;
    *ret_segment = (struct kdm_str){ .ptr = path->ptr, .len = len };
    *path = kdm_str_from(*path, len);
    return true;
}

static uint32_t new_node(struct kdm_router *router, struct kdm_str literal)
{
    if (router->count == router->cap) {
        router->cap = router->cap == 0 ? 64 : router->cap * 2;
        router->nodes = kdm_realloc(router->nodes, router->cap * sizeof(*router->nodes));
    }
    router->nodes[router->count] = (struct node){
        .literal = literal, .sibling = NONE, .literals = NONE, .parameter = NONE, .route = NULL
    };
    return router->count++;
}

static uint32_t find_literal(const struct kdm_router *router, uint32_t parent,
                             struct kdm_str segment)
{
    uint32_t at = router->nodes[parent].literals;

    while (at != NONE && !kdm_str_eq(router->nodes[at].literal, segment))
        at = router->nodes[at].sibling;
    return at;
}

static uint32_t grow_child(struct kdm_router *router, uint32_t parent, struct kdm_str segment)
{
    bool parameter = segment.ptr[0] == ':';
    uint32_t child =
        parameter ? router->nodes[parent].parameter : find_literal(router, parent, segment);

    if (child != NONE)
        return child;
    child = new_node(router, parameter ? KDM_STR_NONE : segment);
    if (parameter) {
        router->nodes[parent].parameter = child;
    } else {
        router->nodes[child].sibling = router->nodes[parent].literals;
        router->nodes[parent].literals = child;
    }
    return child;
}

static size_t verb_number(struct kdm_str verb)
{
    size_t i = 0;

    while (i < VERBS && !kdm_str_eq(verb, kdm_str_of(verbs[i])))
        i++;
    return i;
}

static void add_route(struct kdm_router *router, const struct kdm_route *route)
{
    struct kdm_str path = kdm_str_of(route->path), segment;
    size_t verb = verb_number(kdm_str_of(route->verb)), params = 0;
    uint32_t at;

    KDM_ASSERT(verb < VERBS);
    at = router->roots[verb];
    while (next_segment(&path, &segment)) {
        params += segment.ptr[0] == ':';
        at = grow_child(router, at, segment);
    }
    KDM_ASSERT(params <= KDM_ROUTE_PARAMS_MAX);
    if (router->nodes[at].route == NULL)
        router->nodes[at].route = route;
    else
        kdm_log_warn("route %s %s is hidden by %s", route->verb, route->path,
                     router->nodes[at].route->path);
}

struct kdm_router *kdm_router_create(const struct kdm_route *routes, size_t count)
{
    struct kdm_router *router = kdm_zalloc(sizeof(*router));

    for (size_t i = 0; i < VERBS; i++)
        router->roots[i] = new_node(router, KDM_STR_NONE);
    for (size_t i = 0; i < count; i++)
        add_route(router, &routes[i]);
    return router;
}

void kdm_router_destroy(struct kdm_router *router)
{
    if (router == NULL)
        return;
    free(router->nodes);
    free(router);
}

/* The route's own names for the places that were filled. */
static void name_params(struct kdm_route_match *match)
{
    struct kdm_str path = kdm_str_of(match->route->path), segment;
    size_t i = 0;

    while (next_segment(&path, &segment)) {
        if (segment.ptr[0] == ':')
            match->names[i++] = kdm_str_from(segment, 1);
    }
}

/* Fills in all of *ret_match but the names. */
static bool find_route(const struct kdm_router *router, struct kdm_arena *arena, size_t verb,
                       struct kdm_str path, struct kdm_route_match *ret_match)
{
    uint32_t at = router->roots[verb];
    struct kdm_str segment;

    ret_match->param_count = 0;
    while (next_segment(&path, &segment)) {
        uint32_t child;

        segment = kdm_percent_decode(arena, segment);
        child = find_literal(router, at, segment);
        if (child == NONE) {
            child = router->nodes[at].parameter;
            if (child == NONE)
                return false;
            ret_match->values[ret_match->param_count++] = segment;
        }
        at = child;
    }
    ret_match->route = router->nodes[at].route;
    return ret_match->route != NULL;
}

bool kdm_router_find(const struct kdm_router *router, struct kdm_arena *arena, struct kdm_str verb,
                     struct kdm_str path, struct kdm_route_match *ret_match)
{
    size_t number = verb_number(verb);

    if (number == VERBS || !find_route(router, arena, number, path, ret_match))
        return false;
    name_params(ret_match);
    return true;
}

struct kdm_str kdm_router_verbs(const struct kdm_router *router, struct kdm_arena *arena,
                                struct kdm_str path)
{
    struct kdm_route_match match;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 64);
    for (size_t i = 0; i < VERBS; i++) {
        if (!find_route(router, arena, i, path, &match))
            continue;
        if (buf.len > 0)
            kdm_buf_lit(&buf, ", ");
        kdm_buf_put(&buf, kdm_str_of(verbs[i]));
    }
    return buf.len == 0 ? KDM_STR_NONE : kdm_buf_str(&buf);
}

bool kdm_router_knows_verb(struct kdm_str verb)
{
    return verb_number(verb) < VERBS;
}
