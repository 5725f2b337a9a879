/* bare.h - failures that net/ itself tells a client, as JSON text. Pure functions. */
#ifndef KDM_NET_BARE_H
#define KDM_NET_BARE_H

#include "base/buf.h"
#include "base/err.h"

/* The bare error object of an HTTP request that never became one of the API
 * (kuzzle-protocol.md 5.1). */
void kdm_bare_put(struct kdm_buf *buf, const struct kdm_failure *failure);

/* A whole response that holds only a failure, as on a WebSocket, without a room: no SDK waits for
 * it. */
void kdm_bare_put_reply(struct kdm_buf *buf, const struct kdm_failure *failure,
                        struct kdm_str request_id, struct kdm_str node);

#endif
