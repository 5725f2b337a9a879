/* ws.c - WebSocket connections.
 * lws parses frames and answers pings and closes; messages, limits and all sending are ours.
 *
 * Sending: a message is appended, framed, to the connection's out buffer, and the flush of the loop
 * turn hands all of it to lws in one write that lws does not look into (LWS_WRITE_HTTP on a
 * WebSocket goes to the socket as it is). What the kernel does not take, lws keeps and sends first,
 * so its own pongs and close frames always come between our frames: each write ends at the end of
 * one. While lws keeps something (lws_partial_buffered, a test of a pointer) nothing more is handed
 * over, so at most WRITE_MAX, or one message, waits there and the rest here, where it is counted.
 */
#include "net/conn.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "net/bare.h"
#include "net/frame.h"
#include "net/head.h"
#include <stdlib.h>

#define WRITE_MAX  (256u << 10)
#define CLOSING_MS 5000

enum {
    CLOSE_GOING_AWAY = 1001,
    CLOSE_TOO_BIG = 1009,
    CLOSE_TRY_LATER = 1013,
    CLOSE_IDLE = 1011 /* what the protocol's servers close with when they force it */
};

static void send_text(struct kdm_peer *peer, struct kdm_str text);
static size_t queued(struct kdm_peer *peer);

static const struct kdm_peer_ops websocket_ops = { .send = send_text, .queued = queued };

static struct kdm_conn *conn_of(struct kdm_peer *peer)
{
    return (struct kdm_conn *)((char *)peer - offsetof(struct kdm_conn, peer));
}

/* --- upgrade --------------------------------------------------------------------------- */

/* lws accepts only subprotocols it finds by name in the vhost's table, and echoes that name. Any
 * name is fine with us, so protocols[1] bears the one that is asked for right now: lws looks it up
 * and writes its answer before anything else can happen on this loop. Longer than 63 characters, or
 * no token: lws refuses. */
static void name_subprotocol(struct kdm_conn *conn)
{
    char list[sizeof(conn->net->subprotocol) * 2];
    struct kdm_str first = KDM_STR_NONE;

    if (lws_hdr_copy(conn->wsi, list, sizeof(list), WSI_TOKEN_PROTOCOL) > 0)
        first = kdm_head_item(kdm_str_of(list), 0);
    if (first.len == 0 || first.len >= sizeof(conn->net->subprotocol))
        return;
    memcpy(conn->net->subprotocol, first.ptr, first.len);
    conn->net->subprotocol[first.len] = '\0';
}

/* A copy of a request header on the heap; none when it is absent. */
static struct kdm_str copy_header(struct kdm_conn *conn, enum lws_token_indexes token)
{
    int len = lws_hdr_total_length(conn->wsi, token);
    char *copy;

    if (len <= 0)
        return KDM_STR_NONE;
    copy = kdm_malloc((size_t)len + 1);
    if (lws_hdr_copy(conn->wsi, copy, len + 1, token) < 0)
        len = 0;
    return (struct kdm_str){ .ptr = copy, .len = (size_t)len };
}

int kdm_ws_upgrade(struct kdm_conn *conn, char *upgrade)
{
    /* lws has refused and ended the request already when it doesn't know the protocol; its header
     * is gone. */
    if (lws_hdr_total_length(conn->wsi, WSI_TOKEN_UPGRADE) == 0)
        return -1;
    if (strcasecmp(upgrade, "websocket") != 0) {
        /* h2c: a server that does not want it answers as if it had not been asked (RFC 7540 3.2),
         * and some HTTP clients ask always. lws decides by this text after us. */
        upgrade[0] = '-';
        return 0;
    }
    name_subprotocol(conn);
    free((char *)conn->peer.origin.ptr);
    free((char *)conn->peer.cookie.ptr);
    conn->peer.origin = copy_header(conn, WSI_TOKEN_ORIGIN);
    conn->peer.cookie = copy_header(conn, WSI_TOKEN_HTTP_COOKIE);
    return 0;
}

int kdm_ws_open(struct kdm_conn *conn)
{
    struct kdm_net *net = conn->net;

    kdm_http_gone(conn);
    conn->kind = KDM_CONN_WEBSOCKET;
    conn->told = false;
    conn->peer.ops = &websocket_ops;
    conn->peer.protocol = "websocket";
    kdm_uuid(&net->random, conn->peer.id);
    net->counts.http--;
    net->counts.websocket++;
    kdm_conn_due(conn, net->options.idle_timeout_ms);
    return 0;
}

/* --- receiving ------------------------------------------------------------------------- */

/* Tells the client that its message was not looked at: the shape of a response, without a room. */
static void refuse_rate(struct kdm_conn *conn)
{
    struct kdm_arena arena;
    struct kdm_failure failure;
    struct kdm_buf text;
    char id[KDM_UUID_LEN];

    kdm_arena_init(&arena, 1024);
    kdm_uuid(&conn->net->random, id);
    kdm_failure_set(&failure, &arena, KDM_ERR_NETWORK_WEBSOCKET_RATELIMIT_EXCEEDED, NULL, 0);
    kdm_buf_init(&text, &arena, 512);
    kdm_bare_put_reply(&text, &failure, (struct kdm_str){ .ptr = id, .len = sizeof(id) },
                       conn->net->options.node);
    send_text(&conn->peer, kdm_buf_str(&text));
    kdm_arena_fini(&arena);
}

static bool over_rate(struct kdm_conn *conn)
{
    int64_t second = (int64_t)uv_now(conn->net->loop) / 1000;

    if (conn->net->options.rate_limit <= 0)
        return false;
    if (conn->rate_frame != second) {
        conn->rate_frame = second;
        conn->rate_count = 0;
    }
    return ++conn->rate_count > conn->net->options.rate_limit;
}

/* Above this many bytes waiting for the client, its requests wait too. */
static size_t pause_mark(const struct kdm_net *net)
{
    return net->options.max_queued / 8;
}

/* Has the client so much on its way that it is not listened to for now? `part`: of what is allowed,
 * 1 is all of it. */
static bool is_over(const struct kdm_conn *conn, size_t part)
{
    return kdm_conn_queued(conn) > pause_mark(conn->net) / part
           || conn->peer.in_flight >= conn->net->options.max_requests / part + (part > 1);
}

static void send_out(struct kdm_conn *conn);

static void deliver(struct kdm_conn *conn, struct kdm_str text)
{
    if (text.len == 0)
        return;
    if (kdm_frame_is_ping(text))
        send_text(&conn->peer, KDM_STR("{\"p\":2}"));
    else if (over_rate(conn))
        refuse_rate(conn);
    else
        kdm_api_message(conn->net->api, &conn->peer, text);
    if (conn->close_code == 0 && is_over(conn, 1))
        send_out(conn); /* pauses when that does not help */
}

/* A message in pieces. Room is made for as much as its frame has announced, within the limit. */
static void collect(struct kdm_conn *conn, const char *bytes, size_t len, size_t more)
{
    if (conn->in.ptr == NULL)
        kdm_buf_init(&conn->in, NULL, len + more);
    kdm_buf_put(&conn->in, (struct kdm_str){ .ptr = bytes, .len = len });
}

int kdm_ws_receive(struct kdm_conn *conn, char *bytes, size_t len)
{
    size_t more = lws_remaining_packet_payload(conn->wsi);
    size_t max = conn->net->options.max_message;

    if (conn->close_code != 0)
        return 0;
    if (more > max || conn->in.len + len + more > max) {
        conn->net->counts.closed_oversize++;
        kdm_conn_drop(conn->net, &conn->in);
        kdm_ws_close(conn, CLOSE_TOO_BIG);
        return 0;
    }
    if (!lws_is_final_fragment(conn->wsi)) {
        collect(conn, bytes, len, more);
        /* On libuv, lws goes on unpacking a compressed message only when something happens. */
        if (more == 0 && conn->net->options.websocket_compression)
            lws_callback_on_writable(conn->wsi);
        return 0;
    }
    if (conn->in.len == 0) { /* all of it in one piece: no copy */
        deliver(conn, (struct kdm_str){ .ptr = bytes, .len = len });
        return 0;
    }
    collect(conn, bytes, len, 0);
    deliver(conn, kdm_buf_str(&conn->in));
    kdm_conn_drop(conn->net, &conn->in);
    return 0;
}

/* --- sending --------------------------------------------------------------------------- */

static void drop_slow(struct kdm_conn *conn)
{
    kdm_log_warn("net: closing " KDM_FMT ": it does not read, %zu bytes wait for it",
                 (int)sizeof(conn->peer.id), conn->peer.id, kdm_conn_queued(conn));
    conn->net->counts.closed_slow++;
    kdm_ws_close(conn, CLOSE_TRY_LATER);
}

static void send_text(struct kdm_peer *peer, struct kdm_str text)
{
    struct kdm_conn *conn = conn_of(peer);
    size_t before;

    if (conn->wsi == NULL || conn->close_code != 0 || conn->doomed)
        return;
    if (kdm_conn_queued(conn) + text.len > conn->net->options.max_queued) {
        send_out(conn); /* many replies in one turn are no reason to close: is it really slow? */
        if (kdm_conn_queued(conn) > 0
            && kdm_conn_queued(conn) + text.len > conn->net->options.max_queued) {
            drop_slow(conn);
            return;
        }
    }
    kdm_conn_out(conn, text.len + KDM_FRAME_HEAD_MAX);
    before = conn->out.len;
    kdm_frame_put(&conn->out, text);
    conn->net->queued += conn->out.len - before;
    kdm_conn_mark(conn);
}

static size_t queued(struct kdm_peer *peer)
{
    return kdm_conn_queued(conn_of(peer));
}

/* Notes what lws got rid of since. */
static bool lws_is_busy(struct kdm_conn *conn)
{
    if (lws_partial_buffered(conn->wsi))
        return true;
    conn->net->queued -= conn->in_lws;
    conn->in_lws = 0;
    return false;
}

/* Drops what was sent from the front of a long queue. */
static void compact(struct kdm_conn *conn)
{
    if (conn->sent < conn->out.len / 2 || conn->sent < WRITE_MAX)
        return;
    memmove(conn->out.ptr, conn->out.ptr + conn->sent, conn->out.len - conn->sent);
    conn->out.len -= conn->sent;
    conn->sent = 0;
}

static void write_out(struct kdm_conn *conn)
{
    while (conn->sent < conn->out.len && !lws_is_busy(conn)) {
        struct kdm_str rest = kdm_str_from(kdm_buf_str(&conn->out), conn->sent);
        size_t n = kdm_frame_cut(rest, WRITE_MAX);

        if (lws_write(conn->wsi, (unsigned char *)rest.ptr, n, LWS_WRITE_HTTP) < 0) {
            kdm_conn_doom(conn);
            return;
        }
        conn->sent += n;
        conn->in_lws = n;
    }
    lws_is_busy(conn);
    compact(conn);
    kdm_conn_out_done(conn);
}

/* Sends what there is to send, and stops or goes on reading by what is left. */
static void send_out(struct kdm_conn *conn)
{
    write_out(conn);
    if (is_over(conn, 1))
        kdm_conn_pause(conn, true);
    else if (!is_over(conn, 2))
        kdm_conn_pause(conn, false);
}

/* --- closing --------------------------------------------------------------------------- */

/* lws sends a close frame only when it keeps nothing unsent, and drops it otherwise. So a close
 * waits, with what was queued here dropped and everything received ignored, until lws is through,
 * or until it has taken too long. */
void kdm_ws_close(struct kdm_conn *conn, uint16_t code)
{
    struct kdm_net *net = conn->net;

    if (conn->close_code != 0)
        return;
    conn->close_code = code;
    net->queued -= conn->out.len - conn->sent;
    conn->sent = conn->out.len;
    kdm_conn_out_done(conn);
    kdm_conn_due(conn, CLOSING_MS);
    kdm_conn_pause(conn, false); /* to hear the client's own close */
    kdm_conn_mark(conn);
}

/* Has lws say the close and wait for the client's. Not from a callback by returning -1: Debian's
 * lws closes twice then, as a test of itself, and the second time is not polite. */
static void say_close(struct kdm_conn *conn)
{
    if (conn->close_said || lws_is_busy(conn))
        return; /* "writeable" comes when it no longer is */
    conn->close_said = true;
    lws_close_reason(conn->wsi, (enum lws_close_status)conn->close_code, NULL, 0);
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
}

void kdm_ws_flush(struct kdm_conn *conn)
{
    if (conn->close_code == 0)
        send_out(conn);
    else
        say_close(conn);
}

int kdm_ws_writeable(struct kdm_conn *conn)
{
    kdm_conn_mark(conn);
    return 0;
}

/* The whole server stops: the close frame goes out now or never. */
void kdm_ws_goodbye(struct kdm_conn *conn)
{
    unsigned char frame[] = { 0x88, 2, CLOSE_GOING_AWAY >> 8, CLOSE_GOING_AWAY & 0xff };

    if (conn->close_code != 0)
        return;
    write_out(conn);
    if (conn->sent == conn->out.len)
        lws_write(conn->wsi, frame, sizeof(frame), LWS_WRITE_HTTP);
}

void kdm_ws_expired(struct kdm_conn *conn)
{
    int64_t idle = conn->net->options.idle_timeout_ms;
    int64_t silent;

    if (conn->close_code != 0) {
        kdm_conn_doom(conn);
        return;
    }
    silent = kdm_conn_silent_ms(conn);
    if (silent < idle)
        kdm_conn_due(conn, idle - silent);
    else
        kdm_ws_close(conn, CLOSE_IDLE);
}
