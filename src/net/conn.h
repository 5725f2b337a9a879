/* conn.h - one accepted connection, and what the files of net/ share. Private to net/.
 * A connection begins as HTTP; an upgrade makes it a WebSocket for good. It is freed when lws says
 * that its wsi is (LWS_CALLBACK_WSI_DESTROY) and nowhere else; `wsi` is NULL as soon as it is
 * closed. Nothing is closed inside a call of the API: that only marks, and the flush of the loop
 * turn acts.
 */
#ifndef KDM_NET_CONN_H
#define KDM_NET_CONN_H

#include "net/net.h"

#include "net/wheel.h"
#include <libwebsockets.h>

struct kdm_exchange;
struct kdm_listeners;

enum kdm_conn_kind { KDM_CONN_HTTP, KDM_CONN_WEBSOCKET };

struct kdm_conn {
    struct kdm_peer peer; /* WebSocket only: an HTTP request has its own (struct kdm_exchange) */
    struct kdm_net *net;
    struct lws *wsi;              /* NULL: closed */
    struct kdm_conn *prev, *next; /* all connections */
    struct kdm_conn *next_dirty;
    struct kdm_wheel_entry due; /* when something must have happened: see kdm_conn_due() */
    struct kdm_buf out;         /* bytes ready to send; ptr NULL when there are none */
    size_t sent;                /* of out: already handed over */
    size_t in_lws;     /* handed to lws, which could not send all of it yet (upper bound) */
    struct kdm_buf in; /* message put together from pieces; ptr NULL when there is none */
    struct kdm_exchange *exchange; /* HTTP: the request being read or answered */
    int64_t rate_frame;            /* rate limit: the second it counts in, and how many came */
    int rate_count;
    uint16_t close_code; /* WebSocket: not 0 while it is being closed with it */
    bool close_said;     /* lws sends the close frame, or waits for the answer to it */
    uint8_t kind;        /* enum kdm_conn_kind */
    bool dirty;          /* on the dirty list */
    bool paused;         /* reading is off */
    bool told;           /* the API knows it as gone (or never knew it) */
    bool doomed;         /* to be ended by the flush */
    bool lingering;      /* HTTP: all is said; waits for the client to have read it */
};

struct kdm_net {
    uv_loop_t *loop;
    struct kdm_api *api;
    struct kdm_net_options options; /* texts are the owner's copies in `arena` */
    struct kdm_arena arena;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct kdm_listeners *listeners;
    struct kdm_wheel wheel;
    struct kdm_conn *all, *dirty;
    struct kdm_random random;
    struct kdm_buf spare[32]; /* empty out buffers, so that the steady state allocates nothing */
    int spares;
    size_t connections;
    int port;
    size_t queued; /* bytes in all out buffers and in lws */
    struct kdm_net_counts counts;
    size_t big_freed; /* bytes of large buffers freed since memory was last given back */
    int64_t big_freed_at;
    int64_t refused_logged; /* when "too many connections" was last logged */
    char subprotocol[64];   /* what the upgrade at hand asks for: see ws.c */
    uv_prepare_t flush;
    uv_idle_t wake; /* active while something is dirty: keeps the loop from sleeping on it */
    uv_timer_t tick;
    int handles;     /* of the three above, not closed yet */
    int quiet_ticks; /* while closing: ticks since the last connection went */
    bool closing;
};

/* --- conn.c */

/* A connection for the accepted socket `fd`, which it takes. */
void kdm_conn_accept(struct kdm_net *net, int fd);
/* Its wsi is closed: tells the API. */
void kdm_conn_closed(struct kdm_conn *conn);
void kdm_conn_free(struct kdm_conn *conn);
/* Has the flush of this loop turn look at it. */
void kdm_conn_mark(struct kdm_conn *conn);
/* Ends it without further words; from the flush, not now. */
void kdm_conn_doom(struct kdm_conn *conn);
/* Sets when it is due: kdm_conn_expired() will be called then. 0: never. */
void kdm_conn_due(struct kdm_conn *conn, int64_t after_ms);
void kdm_conn_expired(struct kdm_conn *conn);
/* Reading off or on. */
void kdm_conn_pause(struct kdm_conn *conn, bool pause);
/* The out buffer, with room for `room` more. */
struct kdm_buf *kdm_conn_out(struct kdm_conn *conn, size_t room);
/* Gives the out buffer back when all of it was handed over. */
void kdm_conn_out_done(struct kdm_conn *conn);
/* Ends a heap buffer that held a message. */
void kdm_conn_drop(struct kdm_net *net, struct kdm_buf *buf);
/* What waits for this client to read. */
size_t kdm_conn_queued(const struct kdm_conn *conn);
/* ms since the client last sent anything, as the kernel knows it. */
int64_t kdm_conn_silent_ms(const struct kdm_conn *conn);

/* --- ws.c: the lws callbacks of a WebSocket; their results are lws's (-1: close) */

int kdm_ws_upgrade(struct kdm_conn *conn, char *upgrade);
int kdm_ws_open(struct kdm_conn *conn);
int kdm_ws_receive(struct kdm_conn *conn, char *bytes, size_t len);
int kdm_ws_writeable(struct kdm_conn *conn);
void kdm_ws_flush(struct kdm_conn *conn);
void kdm_ws_close(struct kdm_conn *conn, uint16_t code);
void kdm_ws_goodbye(struct kdm_conn *conn);
void kdm_ws_expired(struct kdm_conn *conn);

/* --- http.c: the same of HTTP */

int kdm_http_head(struct kdm_conn *conn);
int kdm_http_body(struct kdm_conn *conn, const char *bytes, size_t len);
int kdm_http_body_end(struct kdm_conn *conn);
int kdm_http_stray(struct kdm_conn *conn, const char *bytes, size_t len);
void kdm_http_flush(struct kdm_conn *conn);
void kdm_http_expired(struct kdm_conn *conn);
void kdm_http_gone(struct kdm_conn *conn);

#endif
