/* request.h - a request on its way: private to api/.
 * Pooled with its arena, so that a request allocates nothing from the heap in the steady state.
 * Owned by the API from its start to its end; the peer's list only lets it be cut loose. While it
 * waits, whoever it waits for holds it as a context and is told (released, cancelled) when it ends
 * first. Loop thread only.
 */
#ifndef KDM_API_REQUEST_H
#define KDM_API_REQUEST_H

#include "api/api.h"
#include "api/auth.h"
#include "api/decode.h"
#include "api/events.h"
#include "api/http.h"
#include "api/origin.h"
#include "api/step.h"

/* In the order of the way; kdm_request_run() runs them. */
extern const struct kdm_step kdm_request_steps[];
extern const size_t kdm_request_step_count;

struct kdm_request {
    struct kdm_api *api;
    struct kdm_peer *peer;               /* NULL once it has gone */
    struct kdm_request *previous, *next; /* in peer->requests, or in the pool */
    struct kdm_arena arena;

    /* From here on cleared for each request. */
    struct kdm_json doc;                         /* WebSocket: the message */
    const struct kdm_http_request *http_request; /* until it is decoded */
    struct kdm_str text;                         /* WebSocket: the message, in the arena */
    struct kdm_http_ask http;                    /* HTTP: what it asks for */
    const struct kdm_door *door;                 /* it came in by another vendor's API; or NULL */
    const struct kdm_door_call *call;            /* then */
    struct kdm_str allow; /* the verbs of its path, which its own is none of; or none */
    struct kdm_ask ask;
    struct kdm_user user;
    struct kdm_auth_call auth;       /* while it waits to know the user */
    const struct kdm_action *action; /* NULL: not known (yet) */
    struct kdm_tx *tx, *parent;
    struct kdm_event_run *event_run;  /* the pipe it waits for */
    struct kdm_failure failure;       /* err KDM_OK: none */
    struct kdm_str told;              /* what the running pipes were given */
    struct kdm_str result;            /* as JSON; none: no result member */
    struct kdm_str index, collection; /* of the reply, as JSON; none: no member */
    int64_t deadline_ms, timestamp;
    size_t stream_hits; /* what it counts for in api->stream_hits */
    size_t weight; /* what it held when it was decoded, beyond what every request does */
    int status;
    uint8_t step;
    uint8_t protocol; /* enum kdm_stats_protocol */
    uint8_t woken;    /* enum kdm_step_result: what a wait ended with inside its own step */
    bool running, is_http, nested, acted, answered;
    bool sending;         /* a stream, in pieces: see stream.c */
    bool full;            /* then: the peer has enough for now */
    bool silent;          /* fires no events: a plugin's own, see kdm_api_message_nested() */
    bool named;           /* the client knows its request id */
    bool controller_known;
    bool identified; /* its user is the guard's */
    struct kdm_args args; /* its values are set by the check alone */
};

/* A fresh request of this peer, in its list. */
struct kdm_request *kdm_request_start(struct kdm_api *api, struct kdm_peer *peer, bool is_http);

/* Counts what it holds now that it is decoded: a message of 1 MiB may take ten times as much. */
void kdm_request_weigh(struct kdm_request *request);

/* Runs its steps until one waits or all are done; then it is gone. */
void kdm_request_run(struct kdm_request *request);

/* The wait of the present step has ended; `result` is NEXT or DONE. */
void kdm_request_resume(struct kdm_request *request, enum kdm_step_result result);

/* The client has gone: it is never answered. What was sent to the store goes on. */
void kdm_request_cancel(struct kdm_request *request);

/* Its reply, to the peer: the last step (reply.c). */
void kdm_request_reply(struct kdm_request *request);

/* A request whose result is made while it is sent (tx/run.h): see stream.c. */
bool kdm_request_is_stream(const struct kdm_request *request);
/* Fails it when streams under way hold too much already. */
bool kdm_request_admit_stream(struct kdm_request *request);
/* Sends it. NEXT or DONE: at once; else WAIT. */
enum kdm_step_result kdm_request_send_stream(struct kdm_request *request);
/* The peer has room again. */
void kdm_request_room(struct kdm_request *request);
/* It ends: gives back what it counts for. */
void kdm_request_stream_over(struct kdm_request *request);

/* What all requests of a process share. */
struct kdm_api {
    uv_loop_t *loop;
    struct kdm_tx_engine *engine;
    struct kdm_bus *bus;
    struct kdm_api_options options;
    struct kdm_events *events;
    struct kdm_router *router;
    struct kdm_doors *doors;
    struct kdm_origins *origins;
    struct kdm_stats *stats;
    struct kdm_api_row *rows; /* by an action's number */
    struct kdm_str node_json;
    struct kdm_arena arena; /* for the texts above; lives as long as the API */
    struct kdm_random random;
    struct kdm_buf reply;     /* replies are written here, one after the other */
    struct kdm_request *pool; /* a list by `next` */
    size_t pooled, in_flight, bytes_in_flight;
    size_t stream_hits; /* that streams under way began with */
    bool draining, overloaded;
};

/* What is worked out once for each action. */
struct kdm_api_row {
    struct kdm_str names; /* of its replies: kdm_reply_names() */
};

/* How many numbers of actions there are, with those behind doors. */
size_t kdm_api_row_count(const struct kdm_api_options *options);

#endif
