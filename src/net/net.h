/* net.h - the edge: one port for WebSocket and HTTP, plain or all of it in TLS, on libwebsockets
 * over our uv loop. Own listening sockets, really bound to the address asked for, handed to lws one
 * accepted connection at a time (design section 8). Everything from outside is bounded here:
 * message size, what is buffered for a client that does not read, headers, body, idle time, UTF-8.
 * Loop thread only.
 */
#ifndef KDM_NET_NET_H
#define KDM_NET_NET_H

#include "api/peer.h"
#include <uv.h>

struct kdm_net;

struct kdm_net_options {
    const char *host; /* address or name to bind; NULL: all, both families */
    int port;         /* 0: any free one, see kdm_net_port() */
    size_t
        max_message; /* bytes, server.maxRequestSize; a longer message closes with 1009, HTTP 413 */
    size_t max_queued;   /* bytes waiting for a client that does not read; beyond it 1013 (default 8
                            MiB) */
    size_t max_requests; /* in flight of one WebSocket; it is not read while there are so many
                            (default 1000) */
    int idle_timeout_ms; /* no data from the client; WebSocket 60000 */
    int rate_limit;      /* messages a second and connection, 0: none */
    int max_encoding_layers; /* http.maxEncodingLayers, 3 */
    size_t max_connections;
    bool allow_compression;     /* http.allowCompression: HTTP replies, gzip or deflate as asked */
    bool websocket_compression; /* permessage-deflate, default off */
    const char *allow_origin;   /* http.accessControlAllowOrigin, default "*" */
    const char *allow_headers, *allow_methods; /* NULL: kuzzle-protocol.md 5.5 */
    bool cookies;                              /* Access-Control-Allow-Credentials */
    const char *tls_cert, *tls_key;            /* PEM files; both or neither (NULL): plain */
    struct kdm_str node;                       /* X-Kuzzle-Node */
};

/* Binds and listens. NULL with one line in *ret_error (free() it) when the port is busy, the
 * address can't be bound, or the certificate is no good. `api` gets every message; both must
 * outlive it. */
struct kdm_net *kdm_net_open(uv_loop_t *loop, struct kdm_api *api,
                             const struct kdm_net_options *options, char **ret_error);

int kdm_net_port(const struct kdm_net *net);

/* Reads certificate and key again: for connections from now on. False, with one line in *ret_error
 * (free() it), when they are no good: the old ones stay. Nothing to do without TLS. */
bool kdm_net_reload_tls(struct kdm_net *net, char **ret_error);

/* Stops accepting; connections go on. */
void kdm_net_stop_accepting(struct kdm_net *net);

/* Bytes still queued for clients: for a drain. */
size_t kdm_net_queued(const struct kdm_net *net);

/* Connections now: for server:metrics. */
struct kdm_net_counts {
    size_t websocket, http;
    uint64_t accepted, closed_slow, closed_oversize;
};
void kdm_net_counts(const struct kdm_net *net, struct kdm_net_counts *ret_counts);

/* Closes all connections (WebSocket 1001); the API hears of each peer's end before this returns,
 * and nothing after it. Frees when the loop has closed its handles: let it run on. Not to be called
 * from within a call of the API. NULL is fine. */
void kdm_net_close(struct kdm_net *net);

#endif
