/* exchange.h - one HTTP request and its reply: what http.c, reply.c and pieces.c share. */
#ifndef KDM_NET_EXCHANGE_H
#define KDM_NET_EXCHANGE_H

#include "net/conn.h"
#include "net/reader.h"

#define KDM_HTTP_SEND_MS 30000 /* for a client to take any more of its reply */

enum stage {
    STAGE_HEAD,    /* the head comes in */
    STAGE_BODY,    /* the body comes in */
    STAGE_ASKED,   /* the API works on it */
    STAGE_PIECES,  /* the reply has begun, more pieces of it follow */
    STAGE_ANSWERED /* the reply is in the out buffer */
};

struct kdm_exchange {
    struct kdm_peer peer;
    struct kdm_conn *conn;
    struct kdm_arena arena;
    struct kdm_reader reader;
    struct kdm_http_request request;
    struct kdm_buf converted;       /* what was made of the body; ptr NULL: nothing */
    uint8_t stage;                  /* enum stage */
    bool waiting;                   /* more of it is waited for, with a deadline */
    bool read;                      /* all of it was read: the next bytes are another request */
    bool known;                     /* the API has this peer */
    bool last;                      /* the connection ends with it */
    bool full;                      /* the API waits for room for the next piece */
    struct kdm_exchange *next_idle; /* in net's list of idle ones */
};

static inline struct kdm_exchange *kdm_exchange_of(struct kdm_peer *peer)
{
    return (struct kdm_exchange *)((char *)peer - offsetof(struct kdm_exchange, peer));
}

/* For another vendor's API? See kdm_api_is_foreign(). */
bool kdm_exchange_is_foreign(struct kdm_exchange *exchange);

/* --- reply.c: into the out buffer; it leaves with the flush of this loop turn */

/* Answers. `may_encode`: packed, if the client takes that. */
void kdm_reply(struct kdm_exchange *exchange, const struct kdm_http_response *response,
               bool may_encode);
/* A preflight, or a client that asks what it may do: not the API's business. */
void kdm_reply_options(struct kdm_exchange *exchange);
/* "Go on": to a client that waits for that before it sends its body. */
void kdm_reply_continue(struct kdm_exchange *exchange);
/* An error, bare, for what never gets to the API. */
void kdm_refuse(struct kdm_exchange *exchange, enum kdm_err err, struct kdm_str prop);
/* What is no request, or can't be taken as one. `reason` NULL: its verb. */
void kdm_refuse_bytes(struct kdm_exchange *exchange, int status, const char *reason);

/* --- pieces.c: ops of the peer (api/peer.h) */

void kdm_pieces_begin(struct kdm_peer *peer, const struct kdm_http_response *response);
bool kdm_pieces_put(struct kdm_peer *peer, struct kdm_str bytes);
void kdm_pieces_end(struct kdm_peer *peer, bool whole);
/* Is it the API that the client waits for? */
bool kdm_pieces_waiting(const struct kdm_conn *conn);

#endif
