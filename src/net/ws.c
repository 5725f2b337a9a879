/* ws.c - WebSocket connections: messages out of frames, pings, the closing handshake, limits.
 * Frames are read by frame.c where they lie; see conn.h for how bytes come and go.
 */
#include "net/conn.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "net/bare.h"
#include "net/squeeze.h"
#include "net/upgrade.h"
#include "store/unicode.h"
#include <stdlib.h>

#define CLOSING_MS 5000

/* As for HTTP: below it packing saves nothing, above it takes too long for the loop. */
#define SQUEEZE_MIN 1024u
#define SQUEEZE_MAX (256u << 10)

enum {
    CLOSE_GOING_AWAY = 1001,
    CLOSE_BROKEN = 1002,
    CLOSE_NONE_GIVEN = 1005,
    CLOSE_NO_TEXT = 1007,
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

void kdm_ws_open(struct kdm_conn *conn, const struct kdm_upgrade *upgrade, struct kdm_str origin,
                 struct kdm_str cookie)
{
    struct kdm_net *net = conn->net;

    conn->kind = KDM_CONN_WEBSOCKET;
    conn->told = false;
    conn->window = upgrade->squeeze ? upgrade->window : 0;
    kdm_frame_reader_init(&conn->frames, net->options.max_message, upgrade->squeeze);
    conn->peer.ops = &websocket_ops;
    conn->peer.protocol = "websocket";
    conn->peer.origin = kdm_heap_copy(origin);
    conn->peer.cookie = kdm_heap_copy(cookie);
    kdm_uuid(&net->random, conn->peer.id);
    net->counts.http--;
    net->counts.websocket++;
    kdm_conn_due(conn, net->options.idle_timeout_ms);
}

/* --- sending --------------------------------------------------------------------------- */

static void drop_slow(struct kdm_conn *conn)
{
    kdm_log_warn("net: closing " KDM_FMT ": it does not read, %zu bytes wait for it",
                 (int)sizeof(conn->peer.id), conn->peer.id, kdm_conn_queued(conn));
    conn->net->counts.closed_slow++;
    kdm_conn_drop_out(conn);
    kdm_ws_close(conn, CLOSE_TRY_LATER);
}

/* May `len` bytes more be said to this client? */
static bool may_send(struct kdm_conn *conn, size_t len)
{
    size_t max = conn->net->options.max_queued;

    if (conn->wsi == NULL || conn->close_code != 0 || conn->doomed)
        return false;
    if (kdm_conn_queued(conn) + len <= max)
        return true;
    kdm_conn_write(conn); /* many replies in one turn are no reason to close: is it really slow? */
    if (conn->doomed || kdm_conn_queued(conn) == 0 || kdm_conn_queued(conn) + len <= max)
        return !conn->doomed;
    drop_slow(conn);
    return false;
}

static void send_squeezed(struct kdm_conn *conn, struct kdm_str text)
{
    struct kdm_buf packed, *out;
    size_t before;

    kdm_buf_init(&packed, NULL, text.len / 2 + 64);
    kdm_squeeze_pack(conn->window, text, &packed);
    out = kdm_conn_put(conn, packed.len + KDM_FRAME_HEAD_MAX);
    before = out->len;
    kdm_frame_put(out, KDM_FRAME_TEXT_SQUEEZED, kdm_buf_str(&packed));
    kdm_conn_put_done(conn, before);
    kdm_buf_fini(&packed);
}

static void send_text(struct kdm_peer *peer, struct kdm_str text)
{
    struct kdm_conn *conn = conn_of(peer);
    struct kdm_buf *out;
    size_t before;

    if (!may_send(conn, text.len))
        return;
    if (conn->window != 0 && text.len >= SQUEEZE_MIN && text.len <= SQUEEZE_MAX) {
        send_squeezed(conn, text);
        return;
    }
    out = kdm_conn_put(conn, text.len + KDM_FRAME_HEAD_MAX);
    before = out->len;
    kdm_frame_put(out, KDM_FRAME_TEXT, text);
    kdm_conn_put_done(conn, before);
}

static size_t queued(struct kdm_peer *peer)
{
    return kdm_conn_queued(conn_of(peer));
}

static void send_control(struct kdm_conn *conn, uint8_t first, struct kdm_str payload)
{
    struct kdm_buf *out = kdm_conn_put(conn, KDM_FRAME_CONTROL_MAX + KDM_FRAME_HEAD_MAX);
    size_t before = out->len;

    kdm_frame_put(out, first, payload);
    kdm_conn_put_done(conn, before);
}

/* --- closing --------------------------------------------------------------------------- */

static void say_close(struct kdm_conn *conn, uint16_t code)
{
    char payload[] = { (char)(code >> 8), (char)code };

    conn->close_code = code;
    send_control(conn, KDM_FRAME_CLOSE,
                 (struct kdm_str){ .ptr = payload, .len = code == CLOSE_NONE_GIVEN ? 0 : 2 });
}

/* What still comes is only looked through for the client's own close, which ends the connection, as
 * its absence does after a while. */
void kdm_ws_close(struct kdm_conn *conn, uint16_t code)
{
    if (conn->close_code != 0)
        return;
    kdm_conn_drop(conn->net, &conn->message);
    kdm_frame_reader_unlimit(&conn->frames);
    say_close(conn, code);
    kdm_conn_due(conn, CLOSING_MS);
}

/* Nothing behind this can be understood, so the client's own close is not waited for. */
static void fail(struct kdm_conn *conn, uint16_t code)
{
    kdm_ws_close(conn, code);
    conn->last = true;
    kdm_conn_mark(conn);
}

/* The client's close: answered with its own code, behind what was queued before. */
static void on_close(struct kdm_conn *conn, struct kdm_str payload)
{
    uint16_t code = kdm_frame_close_code(payload);

    if (conn->close_code == 0 && code == 0) {
        fail(conn, CLOSE_BROKEN);
        return;
    }
    if (conn->close_code == 0) {
        say_close(conn, code);
        kdm_conn_due(conn, CLOSING_MS);
    }
    conn->last = true;
    kdm_conn_mark(conn);
}

/* The whole server stops: the close frame goes out now or never. */
void kdm_ws_goodbye(struct kdm_conn *conn)
{
    if (conn->close_code == 0)
        say_close(conn, CLOSE_GOING_AWAY);
    kdm_conn_write(conn);
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

/* One whole message. */
static void deliver(struct kdm_conn *conn, struct kdm_str text)
{
    if (conn->frames.opcode == KDM_OPCODE_TEXT && !kdm_utf8_valid(text))
        fail(conn, CLOSE_NO_TEXT);
    else if (text.len == 0)
        return;
    else if (kdm_frame_is_ping(text))
        send_text(&conn->peer, KDM_STR("{\"p\":2}"));
    else if (over_rate(conn))
        refuse_rate(conn);
    else
        kdm_api_message(conn->net->api, &conn->peer, text);
}

static void too_large(struct kdm_conn *conn)
{
    conn->net->counts.closed_oversize++;
    kdm_ws_close(conn, CLOSE_TOO_BIG);
}

static void unpack_and_deliver(struct kdm_conn *conn, struct kdm_str message)
{
    struct kdm_buf plain;

    switch (kdm_squeeze_unpack(message, conn->net->options.max_message, &plain)) {
    case KDM_CODEC_TOO_LARGE:
        too_large(conn);
        break;
    case KDM_CODEC_BROKEN:
        fail(conn, CLOSE_NO_TEXT);
        break;
    case KDM_CODEC_OK:
        deliver(conn, kdm_buf_str(&plain));
        kdm_conn_drop(conn->net, &plain);
    }
}

/* A piece of a message. Room is made for as much as its frame has announced, within the limit. */
static void on_data(struct kdm_conn *conn)
{
    struct kdm_frame_reader *frames = &conn->frames;
    struct kdm_str message = frames->piece;
    struct kdm_buf pieces = conn->message;

    if (conn->close_code != 0)
        return;
    if (!frames->ends || pieces.ptr != NULL) {
        if (pieces.ptr == NULL)
            kdm_buf_init(&pieces, NULL, message.len + (size_t)frames->rest);
        kdm_buf_put(&pieces, message);
        message = kdm_buf_str(&pieces);
    }
    conn->message = (struct kdm_buf){ .ptr = NULL };
    if (!frames->ends) {
        conn->message = pieces;
        return;
    }
    if (frames->squeezed)
        unpack_and_deliver(conn, message);
    else
        deliver(conn, message);
    kdm_conn_drop(conn->net, &pieces);
}

static void on_control(struct kdm_conn *conn)
{
    struct kdm_frame_reader *frames = &conn->frames;

    if (frames->opcode == KDM_OPCODE_CLOSE)
        on_close(conn, frames->piece);
    else if (frames->opcode == KDM_OPCODE_PING && conn->close_code == 0)
        send_control(conn, KDM_FRAME_PONG, frames->piece);
}

/* Sending in between keeps a batch of requests with large replies from piling them up here. */
static bool may_take(struct kdm_conn *conn)
{
    if (conn->last || conn->doomed)
        return false;
    if (conn->close_code != 0 || !kdm_conn_is_behind(conn))
        return true;
    kdm_conn_write(conn);
    return !conn->doomed && !kdm_conn_is_behind(conn);
}

size_t kdm_ws_take(struct kdm_conn *conn, struct kdm_str bytes)
{
    struct kdm_str rest = bytes;

    while (rest.len > 0 && may_take(conn)) {
        switch (kdm_frame_read(&conn->frames, &rest)) {
        case KDM_FRAME_MORE:
            break;
        case KDM_FRAME_DATA:
            on_data(conn);
            break;
        case KDM_FRAME_CONTROL:
            on_control(conn);
            break;
        case KDM_FRAME_TOO_LARGE:
            too_large(conn);
            break;
        case KDM_FRAME_BROKEN:
            fail(conn, CLOSE_BROKEN);
            break;
        }
    }
    return bytes.len - rest.len;
}
