/* api.h - from a received text to its reply.
 * Everything a request meets on its way stands in one array of named steps (request.c). The edge
 * hands texts in by peer.h and gets replies by the peer's ops; replies come in the order in which
 * requests end, exactly one each, unless the peer has gone. Loop thread only.
 */
#ifndef KDM_API_API_H
#define KDM_API_API_H

#include "api/action.h"
#include "api/auth.h"
#include "api/context.h"
#include "api/door.h"
#include "api/peer.h"
#include "event/bus.h"
#include "tx/run.h"

struct kdm_api_options {
    const struct kdm_protocol *protocol; /* lent */
    struct kdm_context *context;         /* lent; its api and stats are set */
    struct kdm_str node;                 /* lent */
    size_t max_in_flight;                /* requests at once, beyond it 503; 0: 50000 */
    size_t max_bytes_in_flight;          /* what large ones may hold together; 0: 1 GiB */
    int64_t request_timeout_ms;          /* 0: 60 s */
    const char *allow_origin;            /* "*" or a comma list; NULL: all */
    bool allow_origin_regexp;
    const struct kdm_door *doors; /* other vendors' APIs; lent */
    size_t door_count;
    bool strict_sdk_version;
    bool cookie_authentication;
    const struct kdm_guard *guard; /* lent; NULL: nobody is asked who he is */
    bool stats;
    int64_t stats_interval_ms, stats_ttl_ms; /* 0: 10 s and one hour */
    /* Can requests be served, for GET /_ready? NULL: always. */
    bool (*ready)(void *ctx);
    void *ready_ctx;
};

struct kdm_api *kdm_api_create(uv_loop_t *loop, struct kdm_tx_engine *engine, struct kdm_bus *bus,
                               const struct kdm_api_options *options);
/* All peers must have gone (kdm_net_close()). NULL is fine. */
void kdm_api_destroy(struct kdm_api *api);

/* A request that a pipe's handler makes over a peer of its own (protocol "funnel"): `parent` is the
 * transaction it was called from (kdm_tx_of_call()), or NULL. It is neither refused for overload
 * nor in a drain, since what already runs may be waiting for it. Its API events are fired only when
 * it has "triggerEvents":true, so that a listener may ask for what it listens to. */
void kdm_api_message_nested(struct kdm_api *api, struct kdm_peer *peer, struct kdm_str text,
                            struct kdm_tx *parent);

/* From now on new requests are refused (503 api.process.shutting_down); those that run go on. */
void kdm_api_drain(struct kdm_api *api);

/* Requests that have not been answered yet. A drain is over when there are none. */
size_t kdm_api_running(const struct kdm_api *api);

/* Would a new request be taken? */
bool kdm_api_ready(const struct kdm_api *api);

#endif
