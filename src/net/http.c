/* http.c - HTTP requests: from bytes to the API. Replies are in reply.c and pieces.c.
 * One request of a connection is handled at a time: a client that pipelines gets its replies in
 * order, and what it has sent behind the request at hand waits (see conn.h).
 */
#include "net/conn.h"

#include "net/content.h"
#include "net/exchange.h"
#include "net/upgrade.h"
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define HEAD_MS 10000 /* for a whole head, however slowly it drips in */
#define BODY_MS 60000 /* for a whole body, likewise */

#define IDLE_EXCHANGES 64

static void respond(struct kdm_peer *peer, const struct kdm_http_response *response)
{
    struct kdm_exchange *exchange = kdm_exchange_of(peer);

    if (exchange->stage == STAGE_ASKED)
        kdm_reply(exchange, response, true);
}

static const struct kdm_peer_ops http_ops = {
    .respond = respond,
    .begin = kdm_pieces_begin,
    .piece = kdm_pieces_put,
    .end = kdm_pieces_end,
};

/* --- begin and end ----------------------------------------------------------------------- */

static struct kdm_exchange *new_exchange(struct kdm_net *net)
{
    struct kdm_exchange *exchange = net->idle_exchanges;

    if (exchange == NULL) {
        exchange = kdm_zalloc(sizeof(*exchange));
        kdm_arena_init(&exchange->arena, 2048);
        return exchange;
    }
    net->idle_exchanges = exchange->next_idle;
    net->idle_exchange_count--;
    return exchange;
}

static struct kdm_exchange *begin(struct kdm_conn *conn)
{
    struct kdm_exchange *exchange = new_exchange(conn->net);
    struct kdm_arena arena = exchange->arena;

    *exchange = (struct kdm_exchange){ .conn = conn, .arena = arena };
    exchange->peer.ops = &http_ops;
    exchange->peer.protocol = "http";
    kdm_uuid(&conn->net->random, exchange->peer.id);
    kdm_reader_begin(&exchange->reader, &exchange->arena, conn->net->options.max_message);
    conn->exchange = exchange;
    return exchange;
}

static void free_exchange(struct kdm_exchange *exchange)
{
    kdm_arena_fini(&exchange->arena);
    free(exchange);
}

void kdm_http_gone(struct kdm_conn *conn)
{
    struct kdm_exchange *exchange = conn->exchange;
    struct kdm_net *net = conn->net;

    if (exchange == NULL)
        return;
    conn->exchange = NULL;
    if (exchange->known)
        kdm_api_gone(net->api, &exchange->peer);
    kdm_conn_drop(net, &exchange->reader.store);
    kdm_conn_drop(net, &exchange->converted);
    if (net->idle_exchange_count == IDLE_EXCHANGES) {
        free_exchange(exchange);
        return;
    }
    kdm_arena_reset(&exchange->arena);
    exchange->next_idle = net->idle_exchanges;
    net->idle_exchanges = exchange;
    net->idle_exchange_count++;
}

void kdm_http_free_idle(struct kdm_net *net)
{
    while (net->idle_exchanges != NULL) {
        struct kdm_exchange *exchange = net->idle_exchanges;

        net->idle_exchanges = exchange->next_idle;
        free_exchange(exchange);
    }
}

/* The reply is on its way: the connection is free for the next request, or ends. */
static void end_exchange(struct kdm_conn *conn)
{
    bool last = conn->exchange->last || conn->ended;

    kdm_http_gone(conn);
    conn->last = last;
    kdm_conn_due(conn,
                 kdm_conn_queued(conn) > 0 ? KDM_HTTP_SEND_MS : conn->net->options.idle_timeout_ms);
}

/* The same for what was refused. */
static void turn_away(struct kdm_exchange *exchange, int status, const char *reason)
{
    kdm_refuse_bytes(exchange, status, reason);
    end_exchange(exchange->conn);
}

/* --- the request is there ---------------------------------------------------------------- */

/* False: refused. */
static bool read_content(struct kdm_exchange *exchange)
{
    struct kdm_str prop = KDM_STR_NONE;
    enum kdm_err err;

    if (exchange->reader.body.len == 0)
        return true;
    err = kdm_content_read(&exchange->arena, &exchange->reader, &exchange->conn->net->options,
                           &exchange->converted, &exchange->request.body, &prop);
    if (err != KDM_OK)
        kdm_refuse(exchange, err, prop);
    return err == KDM_OK;
}

static void ask_api(struct kdm_exchange *exchange)
{
    struct kdm_conn *conn = exchange->conn;
    struct kdm_http_request *request = &exchange->request;
    const struct kdm_str *headers = exchange->reader.headers;

    request->verb = exchange->reader.verb;
    request->path = exchange->reader.path;
    request->query = exchange->reader.query;
    request->content_type = headers[KDM_HEADER_CONTENT_TYPE];
    request->authorization = headers[KDM_HEADER_AUTHORIZATION];
    request->volatile_json = headers[KDM_HEADER_VOLATILE];
    request->request_id = headers[KDM_HEADER_REQUEST_ID];
    request->headers = exchange->reader.all;
    request->header_count = exchange->reader.all_count;
    request->body = exchange->reader.body;
    if (!read_content(exchange))
        return;
    kdm_conn_due(conn, 0); /* the API has a deadline of its own */
    exchange->stage = STAGE_ASKED;
    exchange->known = true;
    kdm_api_http(conn->net->api, &exchange->peer, request);
}

/* All of it has been read. */
static void act(struct kdm_exchange *exchange)
{
    struct kdm_conn *conn = exchange->conn;

    exchange->read = true;
    exchange->waiting = false;
    if (kdm_str_eq(exchange->reader.verb, KDM_STR("OPTIONS")))
        kdm_reply_options(exchange);
    else
        ask_api(exchange);
    if (exchange->stage == STAGE_ANSWERED)
        end_exchange(conn);
}

/* --- reading ------------------------------------------------------------------------------- */

static void wait_for_more(struct kdm_exchange *exchange, int64_t ms)
{
    if (exchange->waiting)
        return; /* the deadline is for all of it */
    exchange->waiting = true;
    kdm_conn_due(exchange->conn, ms);
}

/* Becomes a WebSocket, or not. True: the request is dealt with. */
static bool upgrade(struct kdm_exchange *exchange)
{
    struct kdm_conn *conn = exchange->conn;
    struct kdm_upgrade upgrade;

    switch (kdm_upgrade_check(&exchange->arena, &exchange->reader,
                              conn->net->options.websocket_compression, &upgrade)) {
    case KDM_UPGRADE_NONE:
        return false;
    case KDM_UPGRADE_REFUSED:
        exchange->last = true;
        turn_away(exchange, upgrade.status, upgrade.reason);
        return true;
    case KDM_UPGRADE_TAKEN:
        break;
    }
    kdm_conn_put_text(conn, kdm_buf_str(&upgrade.head));
    kdm_ws_open(conn, &upgrade, exchange->peer.origin, exchange->peer.cookie);
    kdm_http_gone(conn);
    return true;
}

/* The head is complete. */
static void on_head(struct kdm_exchange *exchange)
{
    struct kdm_conn *conn = exchange->conn;
    struct kdm_str prop = KDM_STR_NONE;
    enum kdm_err err;

    exchange->waiting = false;
    exchange->last = !exchange->reader.keep_alive;
    exchange->peer.origin = exchange->reader.headers[KDM_HEADER_ORIGIN];
    exchange->peer.cookie = exchange->reader.headers[KDM_HEADER_COOKIE];
    exchange->read = !exchange->reader.has_body;
    if (upgrade(exchange))
        return;
    err = kdm_content_check(&exchange->arena, &exchange->reader, &conn->net->options,
                            kdm_exchange_is_foreign(exchange), &prop);
    if (err != KDM_OK) {
        kdm_refuse(exchange, err, prop);
        end_exchange(conn);
    } else if (exchange->reader.has_body) {
        exchange->stage = STAGE_BODY;
        kdm_reply_continue(exchange);
        wait_for_more(exchange, BODY_MS);
    } else {
        act(exchange);
    }
}

/* Nothing behind what is wrong can be understood. */
static size_t refuse_rest(struct kdm_exchange *exchange, struct kdm_str bytes)
{
    turn_away(exchange, exchange->reader.status, exchange->reader.reason);
    return bytes.len;
}

static size_t take_head(struct kdm_exchange *exchange, struct kdm_str bytes)
{
    size_t taken = 0;

    switch (kdm_reader_head(&exchange->reader, bytes, &taken)) {
    case KDM_READER_MORE:
        wait_for_more(exchange, HEAD_MS);
        return 0;
    case KDM_READER_DONE:
        on_head(exchange);
        return taken;
    case KDM_READER_REFUSED:
        break;
    }
    return refuse_rest(exchange, bytes);
}

static size_t take_body(struct kdm_exchange *exchange, struct kdm_str bytes)
{
    size_t taken;

    switch (kdm_reader_body(&exchange->reader, bytes, &taken)) {
    case KDM_READER_MORE:
        return taken;
    case KDM_READER_DONE:
        act(exchange);
        return taken;
    case KDM_READER_REFUSED:
        break;
    }
    return refuse_rest(exchange, bytes);
}

/* Line ends between requests, which some clients send behind a body (RFC 9112, 2.2), begin none. */
static size_t line_ends(struct kdm_str bytes)
{
    size_t n = 0;

    while (n < bytes.len && (bytes.ptr[n] == '\r' || bytes.ptr[n] == '\n'))
        n++;
    return n;
}

size_t kdm_http_take(struct kdm_conn *conn, struct kdm_str bytes)
{
    if (conn->exchange == NULL) {
        size_t n = line_ends(bytes);

        if (n > 0)
            return n;
        if (kdm_conn_is_behind(conn))
            return 0;
        begin(conn);
    }
    switch (conn->exchange->stage) {
    case STAGE_HEAD:
        return take_head(conn->exchange, bytes);
    case STAGE_BODY:
        return take_body(conn->exchange, bytes);
    default:
        return 0;
    }
}

bool kdm_http_is_blocked(const struct kdm_conn *conn)
{
    return conn->exchange == NULL || conn->exchange->stage != STAGE_HEAD;
}

bool kdm_http_is_asked(const struct kdm_conn *conn)
{
    return conn->exchange != NULL
           && (conn->exchange->stage == STAGE_ASKED || conn->exchange->stage == STAGE_PIECES);
}

void kdm_http_cut_off(struct kdm_conn *conn)
{
    if (conn->exchange != NULL && conn->exchange->waiting)
        turn_away(conn->exchange, 400, "the request was cut off");
}

void kdm_http_refuse_plain(struct kdm_conn *conn)
{
    turn_away(begin(conn), 400, "TLS is spoken here: use https or wss");
}

void kdm_http_flush(struct kdm_conn *conn)
{
    if (conn->exchange != NULL && conn->exchange->stage == STAGE_ANSWERED)
        end_exchange(conn);
}

/* Has the client taken any of its reply since this was asked last? */
static bool reads_on(struct kdm_conn *conn)
{
    int in_kernel = 0;
    size_t unread;

    if (kdm_conn_queued(conn) == 0
        || ioctl(lws_get_socket_fd(conn->wsi), SIOCOUTQ, &in_kernel) != 0)
        return false;
    unread = kdm_conn_queued(conn) + (size_t)in_kernel;
    if (unread == conn->unread)
        return false;
    conn->unread = unread;
    return true;
}

/* A request that does not come to its end is told so; a connection without one just ends. */
void kdm_http_expired(struct kdm_conn *conn)
{
    if (conn->exchange != NULL && conn->exchange->waiting) {
        turn_away(conn->exchange, 408, "the request has not come to its end in time");
    } else if (reads_on(conn) || kdm_pieces_waiting(conn)) {
        kdm_conn_due(conn, KDM_HTTP_SEND_MS);
    } else {
        kdm_conn_doom(conn);
    }
}
