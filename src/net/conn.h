/* conn.h - one accepted connection, and what the files of net/ share. Private to net/.
 * A connection begins as HTTP; an upgrade makes it a WebSocket for good. It is freed when lws says
 * that its wsi is (LWS_CALLBACK_WSI_DESTROY) and nowhere else; `wsi` is NULL as soon as it is
 * closed. Nothing is closed inside a call of the API: that only marks, and the flush of the loop
 * turn acts.
 *
 * Receiving: what arrives is taken apart where it lies. What can't be taken yet (half a head, a
 * pipelined request whose turn has not come, frames of a client that does not read) waits in `in`,
 * and while that is so reading is off, but for half a head. So at most one read of the socket
 * waits there.
 *
 * Sending: all is appended to `out`, and the flush hands it to lws in one write. What the kernel
 * does not take lws keeps and sends first; while it keeps something (lws_partial_buffered, a test
 * of a pointer) nothing more is handed over, so at most WRITE_MAX, or one message, waits there and
 * the rest here, where it is counted. Each write to a WebSocket ends at the end of a frame, so that
 * a queue can be dropped between any two of them.
 */
#ifndef KDM_NET_CONN_H
#define KDM_NET_CONN_H

#include "net/net.h"

#include "net/frame.h"
#include "net/tls.h"
#include "net/wheel.h"
#include <libwebsockets.h>

struct kdm_exchange;
struct kdm_listeners;
struct kdm_upgrade;

enum kdm_conn_kind { KDM_CONN_HTTP, KDM_CONN_WEBSOCKET };

struct kdm_conn {
    struct kdm_peer peer; /* WebSocket only: an HTTP request has its own (struct kdm_exchange) */
    struct kdm_net *net;
    struct lws *wsi;              /* NULL: closed */
    struct kdm_conn *prev, *next; /* all connections */
    struct kdm_conn *next_dirty;
    struct kdm_wheel_entry due; /* when something must have happened: see kdm_conn_due() */
    struct kdm_buf in;          /* received and not taken yet; ptr NULL when there is nothing */
    size_t taken;               /* of in */
    struct kdm_buf out;         /* bytes ready to send; ptr NULL when there are none */
    size_t sent;                /* of out: already handed over */
    size_t no_frames;           /* of out, behind `sent`: bytes before the first frame */
    size_t in_lws; /* handed to lws, which could not send all of it yet (upper bound) */

    /* HTTP */
    struct kdm_exchange *exchange; /* the request being read or answered */
    size_t unread;                 /* of replies, when that was last looked at */

    /* WebSocket */
    struct kdm_frame_reader frames;
    struct kdm_buf message; /* put together from pieces; ptr NULL when there is none */
    int window;             /* permessage-deflate: of what we send; 0: not agreed on */
    int64_t rate_frame;     /* rate limit: the second it counts in, and how many came */
    int rate_count;
    uint16_t close_code; /* not 0 while it is being closed with it */

    uint8_t kind;   /* enum kdm_conn_kind */
    bool begun;     /* something was received */
    bool dirty;     /* on the dirty list */
    bool paused;    /* reading is off */
    bool told;      /* the API knows it as gone (or never knew it) */
    bool last;      /* ends when what is in `out` has been sent */
    bool ended;     /* the client has ended its side: only replies are still to come */
    bool resets;    /* its end is a reset: see pieces.c */
    bool lingering; /* all is said; waits for the client to have read it */
    bool doomed;    /* to be ended by the flush */
};

struct kdm_net {
    uv_loop_t *loop;
    struct kdm_api *api;
    struct kdm_net_options options; /* texts are the owner's copies in `arena` */
    struct kdm_arena arena;
    struct kdm_str constant_headers; /* of replies, in `arena` */
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct kdm_tls *tls; /* NULL: none */
    struct kdm_listeners *listeners;
    struct kdm_wheel wheel;
    struct kdm_conn *all, *dirty;
    struct kdm_random random;
    struct kdm_buf spare[32]; /* empty out buffers, so that the steady state allocates nothing */
    int spares;
    struct kdm_exchange *idle_exchanges; /* likewise */
    int idle_exchange_count;
    size_t connections;
    int port;
    size_t queued; /* bytes in all out buffers and in lws */
    struct kdm_net_counts counts;
    size_t big_freed; /* bytes of large buffers freed since memory was last given back */
    int64_t big_freed_at;
    int64_t refused_logged; /* when "too many connections" was last logged */
    uv_prepare_t flush;
    uv_idle_t wake; /* active while something is dirty: keeps the loop from sleeping on it */
    uv_timer_t tick;
    int handles;     /* of the three above, not closed yet */
    int quiet_ticks; /* while closing: ticks since the last connection went */
    bool closing;
};

/* --- conn.c: life */

/* A connection for the accepted socket `fd`, which it takes. */
void kdm_conn_accept(struct kdm_net *net, int fd);
/* Its wsi is closed: tells the API, unless the client waits for a reply. */
void kdm_conn_closed(struct kdm_conn *conn);
void kdm_conn_free(struct kdm_conn *conn);
/* Has the flush of this loop turn look at it. */
void kdm_conn_mark(struct kdm_conn *conn);
/* What the flush does. */
void kdm_conn_flush(struct kdm_conn *conn);
/* Ends it without further words; from the flush, not now. */
void kdm_conn_doom(struct kdm_conn *conn);
/* Sets when it is due: kdm_conn_expired() will be called then. 0: never. */
void kdm_conn_due(struct kdm_conn *conn, int64_t after_ms);
void kdm_conn_expired(struct kdm_conn *conn);
/* ms since the client last sent anything, as the kernel knows it. */
int64_t kdm_conn_silent_ms(const struct kdm_conn *conn);
/* Ends a heap buffer that held a message. */
void kdm_conn_drop(struct kdm_net *net, struct kdm_buf *buf);

/* --- conn.c: bytes */

/* The socket had these. */
void kdm_conn_receive(struct kdm_conn *conn, char *bytes, size_t len);
/* Has this client so much on its way, either way, that further requests have to wait? */
bool kdm_conn_is_behind(const struct kdm_conn *conn);
/* The out buffer, with room for `room` more. kdm_conn_put_done() when it has been written to, with
 * its length before. */
struct kdm_buf *kdm_conn_put(struct kdm_conn *conn, size_t room);
void kdm_conn_put_done(struct kdm_conn *conn, size_t before);
void kdm_conn_put_text(struct kdm_conn *conn, struct kdm_str text);
/* Sends what can be sent now. */
void kdm_conn_write(struct kdm_conn *conn);
/* Forgets the frames that have not been handed over yet. */
void kdm_conn_drop_out(struct kdm_conn *conn);
/* What waits for this client to read. */
size_t kdm_conn_queued(const struct kdm_conn *conn);

/* --- http.c */

/* Takes what it can of `bytes`; returns how many. The rest is given again, with more behind it, or
 * when a reply has made room. */
size_t kdm_http_take(struct kdm_conn *conn, struct kdm_str bytes);
/* Not in the middle of a head, which is the one thing that more bytes can help. */
bool kdm_http_is_blocked(const struct kdm_conn *conn);
/* Is the API working on a request? */
bool kdm_http_is_asked(const struct kdm_conn *conn);
/* Nothing more will come: refuses a request that has not come to its end. */
void kdm_http_cut_off(struct kdm_conn *conn);
/* A plain request where TLS is spoken. */
void kdm_http_refuse_plain(struct kdm_conn *conn);
/* Ends an exchange that was answered. */
void kdm_http_flush(struct kdm_conn *conn);
void kdm_http_expired(struct kdm_conn *conn);
void kdm_http_gone(struct kdm_conn *conn);
void kdm_http_free_idle(struct kdm_net *net);

/* --- pieces.c */

/* Has the API go on with a reply in pieces when there is room. */
void kdm_pieces_flush(struct kdm_conn *conn);
/* All replies are sent, and the connection ends with them. */
void kdm_pieces_sent(struct kdm_conn *conn);

/* --- ws.c */

/* The connection has become a WebSocket; origin and cookie are copied. */
void kdm_ws_open(struct kdm_conn *conn, const struct kdm_upgrade *upgrade, struct kdm_str origin,
                 struct kdm_str cookie);
size_t kdm_ws_take(struct kdm_conn *conn, struct kdm_str bytes);
void kdm_ws_close(struct kdm_conn *conn, uint16_t code);
void kdm_ws_goodbye(struct kdm_conn *conn);
void kdm_ws_expired(struct kdm_conn *conn);

#endif
