/* http.h - an HTTP request as a payload.
 * Path parameters and the query string become a payload's members, as strings; headers and body are
 * put in their places beside it (decode.h), so that from here on HTTP and WebSocket go the same
 * way. POST /_query brings a whole payload in its body. Pure functions over an arena, any thread.
 */
#ifndef KDM_API_HTTP_H
#define KDM_API_HTTP_H

#include "api/decode.h"
#include "api/peer.h"
#include "api/route.h"

enum kdm_http_kind {
    KDM_HTTP_ACTION, /* a route's action */
    KDM_HTTP_QUERY,  /* POST /_query: typed as strictly as a WebSocket message */
    KDM_HTTP_HEALTH, /* GET /_healthcheck, HEAD /: 200 */
    KDM_HTTP_READY,  /* GET /_ready */
};

struct kdm_http_ask {
    enum kdm_http_kind kind;
    struct kdm_payload payload; /* payload.request_id is always there */
    bool pretty;
    bool bare; /* a failure is answered with the error object alone */
};

/* Copies what it keeps of the request into the arena. `connection_id` names the request when no
 * header does. On failure *ret_failure is set and *ret_ask holds what could be read. */
bool kdm_http_decode(struct kdm_arena *arena, const struct kdm_router *router,
                     const struct kdm_action *actions, const struct kdm_http_request *request,
                     struct kdm_str connection_id, struct kdm_http_ask *ret_ask,
                     struct kdm_failure *ret_failure);

#endif
