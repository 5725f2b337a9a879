/* pieces.c - a reply whose length is not known when it begins.
 * HTTP/1.1: chunks (RFC 9112, 7.1). HTTP/1.0 has none: there the end of the connection is the end
 * of the reply, so one that is broken off must not end like one that is whole: until all is sent,
 * the connection's end is a reset. The same for both versions, and however it comes to its end.
 * Pieces are not compressed: what is large would keep the loop for long.
 */
#include "net/exchange.h"

#include "net/response.h"
#include <sys/socket.h>

/* Enough for the client to take; and when it has taken so much of it that it may have more. */
#define ENOUGH (128u << 10)
#define ROOM   (32u << 10)

static void reset_at_end(struct kdm_conn *conn, bool on)
{
    struct linger linger = { .l_onoff = on, .l_linger = 0 };

    setsockopt(lws_get_socket_fd(conn->wsi), SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    conn->resets = on;
}

void kdm_pieces_begin(struct kdm_peer *peer, const struct kdm_http_response *response)
{
    struct kdm_exchange *exchange = kdm_exchange_of(peer);
    struct kdm_conn *conn = exchange->conn;
    struct kdm_response_frame frame = {
        .options = &conn->net->options,
        .constant = conn->net->constant_headers,
        .peer = peer,
        .coding = KDM_CODING_IDENTITY,
        .framing = exchange->reader.http_1_0 ? KDM_FRAMING_END : KDM_FRAMING_CHUNKS,
    };
    struct kdm_buf *out = kdm_conn_put(conn, 1024);
    size_t before = out->len;

    KDM_ASSERT(exchange->stage == STAGE_ASKED);
    if (exchange->reader.http_1_0)
        exchange->last = true;
    frame.last = exchange->last || conn->ended;
    kdm_response_put_head(out, &frame, response);
    kdm_conn_put_done(conn, before);
    exchange->stage = STAGE_PIECES;
    reset_at_end(conn, true);
    kdm_conn_due(conn, KDM_HTTP_SEND_MS);
}

bool kdm_pieces_put(struct kdm_peer *peer, struct kdm_str bytes)
{
    struct kdm_exchange *exchange = kdm_exchange_of(peer);
    struct kdm_conn *conn = exchange->conn;
    struct kdm_buf *out = kdm_conn_put(conn, bytes.len + 32);
    size_t before = out->len;

    if (bytes.len > 0) { /* an empty chunk would be the last */
        if (!exchange->reader.http_1_0)
            kdm_buf_printf(out, "%zx\r\n", bytes.len);
        kdm_buf_put(out, bytes);
        if (!exchange->reader.http_1_0)
            kdm_buf_lit(out, "\r\n");
    }
    kdm_conn_put_done(conn, before);
    exchange->full = kdm_conn_queued(conn) >= ENOUGH;
    return !exchange->full;
}

void kdm_pieces_end(struct kdm_peer *peer, bool whole)
{
    struct kdm_exchange *exchange = kdm_exchange_of(peer);
    struct kdm_conn *conn = exchange->conn;

    if (!whole) {
        kdm_conn_doom(conn);
        return;
    }
    if (!exchange->reader.http_1_0) {
        kdm_conn_put_text(conn, KDM_STR("0\r\n\r\n"));
        reset_at_end(conn, false);
    }
    exchange->full = false;
    exchange->stage = STAGE_ANSWERED;
    kdm_conn_mark(conn);
}

bool kdm_pieces_waiting(const struct kdm_conn *conn)
{
    return conn->exchange != NULL && conn->exchange->stage == STAGE_PIECES
           && kdm_conn_queued(conn) == 0;
}

void kdm_pieces_flush(struct kdm_conn *conn)
{
    struct kdm_exchange *exchange = conn->exchange;

    if (conn->doomed || exchange == NULL || !exchange->full || kdm_conn_queued(conn) > ROOM)
        return;
    exchange->full = false;
    kdm_api_room(conn->net->api, &exchange->peer);
}

void kdm_pieces_sent(struct kdm_conn *conn)
{
    if (conn->resets)
        reset_at_end(conn, false);
}
