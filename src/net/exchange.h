/* exchange.h - one HTTP request and its reply: what http.c and pieces.c share. */
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
    bool foreign;                   /* for another vendor's API: see kdm_api_is_foreign() */
    bool full;                      /* the API waits for room for the next piece */
    struct kdm_exchange *next_idle; /* in net's list of idle ones */
};

static inline struct kdm_exchange *kdm_exchange_of(struct kdm_peer *peer)
{
    return (struct kdm_exchange *)((char *)peer - offsetof(struct kdm_exchange, peer));
}

/* --- pieces.c: ops of the peer (api/peer.h) */

void kdm_pieces_begin(struct kdm_peer *peer, const struct kdm_http_response *response);
bool kdm_pieces_put(struct kdm_peer *peer, struct kdm_str bytes);
void kdm_pieces_end(struct kdm_peer *peer, bool whole);
/* Is it the API that the client waits for? */
bool kdm_pieces_waiting(const struct kdm_conn *conn);

#endif
