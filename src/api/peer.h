/* peer.h - between the edge (net/) and the API: who asks, and how replies reach them.
 * net/ owns a peer: one per WebSocket connection, and one per HTTP request. It calls kdm_api_*();
 * the API calls the peer's ops. A peer may go away at any time (kdm_api_gone): its requests are then
 * cut loose, what they already sent to the store goes on, nothing is sent any more. Loop thread only.
 */
#ifndef KDM_API_PEER_H
#define KDM_API_PEER_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

struct kdm_api;
struct kdm_peer;
struct kdm_member; /* realtime/hub.h */
struct kdm_request;
struct kdm_session;

struct kdm_http_header {
    struct kdm_str name, value;
};

/* What HTTP needs beside a JSON text. All lent for the call. */
struct kdm_http_response {
    int status;
    struct kdm_str body;         /* empty: no body */
    struct kdm_str request_id;   /* X-Kuzzle-Request-Id; none: the peer's id */
    const struct kdm_http_header *headers; /* further ones: set by the action, CORS, ..; a Content-Type takes the place
                                              of application/json */
    size_t header_count;
};

struct kdm_peer_ops {
    /* WebSocket: queues one text message (copied); many of one loop turn leave in one write. */
    void (*send)(struct kdm_peer *peer, struct kdm_str text);
    /* HTTP: the one reply of this peer (copied), also to HEAD, whose body net/ keeps back. net/ adds Content-Length, Connection, Content-Encoding,
     * X-Kuzzle-Node and the Access-Control headers. After it the peer is still net's to end. */
    void (*respond)(struct kdm_peer *peer, const struct kdm_http_response *response);
    /* HTTP, in the place of respond(): a reply whose body comes in pieces (response->body is not looked at), each copied.
     * piece() returns false when enough waits for the client to take it: then no more before kdm_api_room(). end() is
     * called once behind the last piece; `whole` false: the rest can't be had, and the connection is broken off, so
     * that the client can't take what it has for all of it. */
    void (*begin)(struct kdm_peer *peer, const struct kdm_http_response *response);
    bool (*piece)(struct kdm_peer *peer, struct kdm_str bytes);
    void (*end)(struct kdm_peer *peer, bool whole);
    /* WebSocket: bytes that wait for the client to read. */
    size_t (*queued)(struct kdm_peer *peer);
};

struct kdm_peer {
    const struct kdm_peer_ops *ops;
    const char *protocol;         /* "websocket" or "http" */
    struct kdm_str origin;        /* Origin header of the request or the upgrade; none: absent */
    struct kdm_str cookie;        /* Cookie header, likewise */
    char id[KDM_UUID_LEN];        /* connection id */
    struct kdm_request *requests; /* the API's: those in flight */
    size_t in_flight;             /* the API's: how many they are; net/ reads no more while they are too many */
    struct kdm_member *member;    /* the API's: its subscriptions; NULL: it never had any */
    struct kdm_session *session;  /* the guard's: of the token that was used last; NULL: none */
    struct kdm_peer *session_prev, *session_next; /* the guard's: others of the same */
    int64_t login_second, logins; /* the guard's: how often somebody logged in over it */
};

/* One HTTP request, read completely, decompressed, within limits. All lent for the call. */
struct kdm_http_request {
    struct kdm_str verb;  /* "GET" */
    struct kdm_str path;  /* "/index/collection/id", raw: still percent-encoded */
    struct kdm_str query; /* "a=1&b", raw: still percent-encoded; empty when absent */
    struct kdm_str content_type, authorization, volatile_json, request_id;
    const struct kdm_http_header *headers; /* all of them, for doors (door.h) */
    size_t header_count;
    struct kdm_str body; /* JSON, whatever content_type says: net/ turns forms into it; empty: none */
};

/* A WebSocket message, pings excepted. `text` is lent and may be changed or gone after the call. An empty one is
 * ignored. */
void kdm_api_message(struct kdm_api *api, struct kdm_peer *peer, struct kdm_str text);

/* An HTTP request on a fresh HTTP peer. Exactly one respond(), or begin() up to end(), follows, now or later, unless the peer goes. */
void kdm_api_http(struct kdm_api *api, struct kdm_peer *peer, const struct kdm_http_request *request);

/* The client has taken most of what piece() said was enough. */
void kdm_api_room(struct kdm_api *api, struct kdm_peer *peer);

/* Is the request for another vendor's API (door.h)? Then its content need not be of a type that Kuzzle takes. */
bool kdm_api_is_foreign(struct kdm_api *api, struct kdm_arena *arena, struct kdm_str verb, struct kdm_str path);

/* For a foreign request that net/ refuses: the body and the status that tell it. */
void kdm_api_put_refusal(struct kdm_api *api, struct kdm_arena *arena, struct kdm_str verb, struct kdm_str path,
                         const struct kdm_failure *failure, struct kdm_buf *body, int *ret_status);

/* The peer is about to be freed. */
void kdm_api_gone(struct kdm_api *api, struct kdm_peer *peer);

#endif
