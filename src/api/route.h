/* route.h - from a verb and a path to an action.
 * A trie over path segments, built once from the table of routes. A literal segment wins over a
 * parameter and nothing is tried again when that leads nowhere, as on the wire (reference
 * kuzzle-protocol.md 5.3). Read-only once built, then any thread.
 */
#ifndef KDM_API_ROUTE_H
#define KDM_API_ROUTE_H

#include "api/action.h"

#define KDM_ROUTE_PARAMS_MAX 16

struct kdm_router;

/* Borrows the routes. Of two routes with the same verb and shape the first counts, with a line in
 * the log. */
struct kdm_router *kdm_router_create(const struct kdm_route *routes, size_t count);
/* NULL is fine. */
void kdm_router_destroy(struct kdm_router *router);

/* Names are slices of the route; values of the path, or decoded texts in the arena. */
struct kdm_route_match {
    const struct kdm_route *route;
    size_t param_count;
    struct kdm_str names[KDM_ROUTE_PARAMS_MAX], values[KDM_ROUTE_PARAMS_MAX];
};

/* `path` is raw: it is split at its slashes and each segment decoded then, so that "%2F" is a
 * character of an id. '+' is one anyway. false: no route leads there. Empty segments and a slash at
 * the end do not count. */
bool kdm_router_find(const struct kdm_router *router, struct kdm_arena *arena, struct kdm_str verb,
                     struct kdm_str path, struct kdm_route_match *ret_match);

/* The verbs by which a route leads there: "GET, POST"; none: by no verb one does. */
struct kdm_str kdm_router_verbs(const struct kdm_router *router, struct kdm_arena *arena,
                                struct kdm_str path);

/* GET, POST, PUT, PATCH, DELETE, HEAD. */
bool kdm_router_knows_verb(struct kdm_str verb);

#endif
