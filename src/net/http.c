/* http.c - HTTP requests: from bytes to the API, and its reply to bytes.
 * One request of a connection is handled at a time: a client that pipelines gets its replies in
 * order, and what it has sent behind the request at hand waits (see conn.h).
 */
#include "net/conn.h"

#include "base/log.h"
#include "net/bare.h"
#include "net/codec.h"
#include "net/exchange.h"
#include "net/form.h"
#include "net/response.h"
#include "net/upgrade.h"
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>

/* Replies below this fit one packet anyway: encoding them costs time and saves none. */
#define ENCODE_MIN 1024u
/* Encoding runs on the loop at about 100 MB/s, so it is left off where others would wait for it. */
#define ENCODE_MAX (256u << 10)

#define HEAD_MS 10000 /* for a whole head, however slowly it drips in */
#define BODY_MS 60000 /* for a whole body, likewise */

#define IDLE_EXCHANGES 64

static void respond(struct kdm_peer *peer, const struct kdm_http_response *response);

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

/* --- replies --------------------------------------------------------------------------- */

static enum kdm_coding reply_coding(const struct kdm_exchange *exchange, size_t length)
{
    if (!exchange->conn->net->options.allow_compression || length < ENCODE_MIN
        || length > ENCODE_MAX)
        return KDM_CODING_IDENTITY;
    return kdm_head_accepted(exchange->reader.headers[KDM_HEADER_ACCEPT_ENCODING]);
}

/* Writes the reply into the out buffer; it leaves with the flush of this loop turn. */
static void answer(struct kdm_exchange *exchange, const struct kdm_http_response *response,
                   bool may_encode)
{
    struct kdm_str body = response->body;
    struct kdm_response_frame frame = {
        .options = &exchange->conn->net->options,
        .constant = exchange->conn->net->constant_headers,
        .peer = &exchange->peer,
        .coding = may_encode ? reply_coding(exchange, body.len) : KDM_CODING_IDENTITY,
        .last = exchange->last || exchange->conn->ended,
    };
    struct kdm_buf encoded = { .ptr = NULL }, *out;
    size_t before;

    if (frame.coding != KDM_CODING_IDENTITY) {
        kdm_buf_init(&encoded, NULL, body.len / 2 + 64);
        kdm_codec_encode(frame.coding, body, &encoded);
        body = kdm_buf_str(&encoded);
    }
    frame.length = body.len;
    out = kdm_conn_put(exchange->conn, body.len + 1024);
    before = out->len;
    kdm_response_put_head(out, &frame, response);
    if (!kdm_str_eq(exchange->reader.verb, KDM_STR("HEAD")))
        kdm_buf_put(out, body);
    kdm_conn_put_done(exchange->conn, before);
    kdm_buf_fini(&encoded);
    exchange->stage = STAGE_ANSWERED;
}

static void respond(struct kdm_peer *peer, const struct kdm_http_response *response)
{
    struct kdm_exchange *exchange = kdm_exchange_of(peer);

    if (exchange->stage == STAGE_ASKED)
        answer(exchange, response, true);
}

/* For another vendor's API? */
static bool is_foreign(struct kdm_exchange *exchange)
{
    const struct kdm_reader *reader = &exchange->reader;

    return !kdm_str_none(reader->path)
           && kdm_api_is_foreign(exchange->conn->net->api, &exchange->arena, reader->verb,
                                 reader->path);
}

/* Answers with a bare error object: the request never gets to the API, and, since what follows it
 * is its body or can't be told from it, the connection ends. `status` 0: the error's own. */
static void refuse_with(struct kdm_exchange *exchange, enum kdm_err err, struct kdm_str prop,
                        int status)
{
    struct kdm_http_header any = { .name = KDM_STR("Access-Control-Allow-Origin"),
                                   .value = KDM_STR("*") };
    struct kdm_http_response response = { .request_id =
                                              exchange->reader.headers[KDM_HEADER_REQUEST_ID] };
    struct kdm_failure failure;
    struct kdm_buf text;

    if (!exchange->read)
        exchange->last = true;
    kdm_failure_set(&failure, &exchange->arena, err, &prop, kdm_str_none(prop) ? 0 : 1);
    if (status != 0)
        failure.status = (uint16_t)status;
    kdm_buf_init(&text, &exchange->arena, 256);
    response.status = failure.status;
    if (is_foreign(exchange)) /* also when the head was refused before anybody asked */
        kdm_api_put_refusal(exchange->conn->net->api, &exchange->arena, exchange->reader.verb,
                            exchange->reader.path, &failure, &text, &response.status);
    else
        kdm_bare_put(&text, &failure);
    response.body = kdm_buf_str(&text);
    if (strcmp(exchange->conn->net->options.allow_origin, "*") == 0) {
        response.headers = &any;
        response.header_count = 1;
    }
    answer(exchange, &response, false);
}

static void refuse(struct kdm_exchange *exchange, enum kdm_err err, struct kdm_str prop)
{
    refuse_with(exchange, err, prop, 0);
}

/* What is no request, or can't be taken as one. */
static void refuse_bytes(struct kdm_exchange *exchange, int status, const char *reason)
{
    if (reason == NULL)
        refuse(exchange, KDM_ERR_NETWORK_HTTP_UNSUPPORTED_VERB, exchange->reader.verb);
    else if (status == 413)
        refuse(exchange, KDM_ERR_NETWORK_HTTP_REQUEST_TOO_LARGE, KDM_STR_NONE);
    else
        refuse_with(exchange, KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR, kdm_str_of(reason), status);
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

/* --- content ----------------------------------------------------------------------------- */

/* Content-Encoding: are all layers known and not too many? */
static enum kdm_err check_encodings(const struct kdm_exchange *exchange, struct kdm_str *ret_prop)
{
    const struct kdm_net_options *options = &exchange->conn->net->options;
    struct kdm_str layers = exchange->reader.headers[KDM_HEADER_CONTENT_ENCODING], item;
    int n = 0;

    for (; kdm_head_next_item(&layers, &item); n++) {
        enum kdm_coding coding = kdm_head_coding(item);

        if (n == options->max_encoding_layers)
            return KDM_ERR_NETWORK_HTTP_TOO_MANY_ENCODINGS;
        if (coding == KDM_CODING_UNKNOWN
            || (coding != KDM_CODING_IDENTITY && !options->allow_compression)) {
            *ret_prop = item;
            return KDM_ERR_NETWORK_HTTP_UNSUPPORTED_COMPRESSION;
        }
    }
    return KDM_OK;
}

/* Everything that can be said without the body. */
static enum kdm_err check_content(struct kdm_exchange *exchange, struct kdm_str *ret_prop)
{
    struct kdm_str type = exchange->reader.headers[KDM_HEADER_CONTENT_TYPE];
    struct kdm_str charset = kdm_head_parameter(&exchange->arena, type, KDM_STR("charset"));

    if (kdm_head_media(type) == KDM_MEDIA_OTHER && !exchange->foreign) {
        *ret_prop = type;
        return KDM_ERR_NETWORK_HTTP_UNSUPPORTED_CONTENT;
    }
    if (!kdm_str_none(charset) && !kdm_str_eq_nocase(charset, KDM_STR("utf-8"))
        && !kdm_str_eq_nocase(charset, KDM_STR("utf8"))) {
        *ret_prop = charset;
        return KDM_ERR_NETWORK_HTTP_UNSUPPORTED_CHARSET;
    }
    return check_encodings(exchange, ret_prop);
}

/* The body is `text` from now on, which it takes. */
static void replace_body(struct kdm_exchange *exchange, struct kdm_buf text)
{
    kdm_conn_drop(exchange->conn->net, &exchange->converted);
    exchange->converted = text;
    exchange->request.body = kdm_buf_str(&text);
}

/* Takes the layers off the body, the last one first. False: refused. */
static bool decode_body(struct kdm_exchange *exchange)
{
    struct kdm_str codings = exchange->reader.headers[KDM_HEADER_CONTENT_ENCODING];
    size_t layers = 0;

    while (!kdm_str_none(kdm_head_item(codings, layers)))
        layers++;
    while (layers-- > 0) {
        enum kdm_coding coding = kdm_head_coding(kdm_head_item(codings, layers));
        const char *reason = "incorrect data";
        struct kdm_buf plain;

        if (coding == KDM_CODING_IDENTITY)
            continue;
        switch (kdm_codec_decode(coding, exchange->request.body,
                                 exchange->conn->net->options.max_message, &plain, &reason)) {
        case KDM_CODEC_TOO_LARGE:
            refuse(exchange, KDM_ERR_NETWORK_HTTP_REQUEST_TOO_LARGE, KDM_STR_NONE);
            return false;
        case KDM_CODEC_BROKEN:
            refuse(exchange, KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR, kdm_str_of(reason));
            return false;
        case KDM_CODEC_OK:
            replace_body(exchange, plain);
        }
    }
    return true;
}

/* A form becomes JSON text: from here on all bodies are the same. False: refused. */
static bool convert_form(struct kdm_exchange *exchange)
{
    enum kdm_media media = kdm_head_media(exchange->request.content_type);
    struct kdm_str body = exchange->request.body;
    const char *reason = NULL;
    struct kdm_buf json;
    bool ok;

    if (media == KDM_MEDIA_JSON || media == KDM_MEDIA_OTHER || body.len == 0)
        return true;
    kdm_buf_init(&json, NULL, body.len + body.len / 2 + 64);
    if (media == KDM_MEDIA_FORM)
        ok = kdm_form_urlencoded(&exchange->arena, body, &json, &reason);
    else
        ok = kdm_form_multipart(&exchange->arena, exchange->request.content_type, body, &json,
                                &reason);
    if (!ok) {
        kdm_buf_fini(&json);
        refuse(exchange, KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR, kdm_str_of(reason));
        return false;
    }
    replace_body(exchange, json);
    return true;
}

/* --- the request is there ---------------------------------------------------------------- */

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
    if (request->body.len > 0 && (!decode_body(exchange) || !convert_form(exchange)))
        return;
    kdm_conn_due(conn, 0); /* the API has a deadline of its own */
    exchange->stage = STAGE_ASKED;
    exchange->known = true;
    kdm_api_http(conn->net->api, &exchange->peer, request);
}

/* A preflight, or a client that asks what it may do: not the API's business. */
static void answer_options(struct kdm_exchange *exchange)
{
    struct kdm_http_response response = { .status = 200,
                                          .request_id =
                                              exchange->reader.headers[KDM_HEADER_REQUEST_ID] };

    answer(exchange, &response, false);
}

/* All of it has been read. */
static void act(struct kdm_exchange *exchange)
{
    struct kdm_conn *conn = exchange->conn;

    exchange->read = true;
    exchange->waiting = false;
    if (kdm_str_eq(exchange->reader.verb, KDM_STR("OPTIONS")))
        answer_options(exchange);
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

static void say_continue(struct kdm_exchange *exchange)
{
    struct kdm_str line = KDM_STR("HTTP/1.1 100 Continue\r\n\r\n");
    struct kdm_buf *out;
    size_t before;

    if (exchange->reader.http_1_0
        || !kdm_str_eq_nocase(exchange->reader.headers[KDM_HEADER_EXPECT], KDM_STR("100-continue")))
        return;
    out = kdm_conn_put(exchange->conn, line.len);
    before = out->len;
    kdm_buf_put(out, line);
    kdm_conn_put_done(exchange->conn, before);
}

/* Becomes a WebSocket, or not. True: the request is dealt with. */
static bool upgrade(struct kdm_exchange *exchange)
{
    struct kdm_conn *conn = exchange->conn;
    struct kdm_upgrade upgrade;
    struct kdm_buf *out;
    size_t before;

    switch (kdm_upgrade_check(&exchange->arena, &exchange->reader,
                              conn->net->options.websocket_compression, &upgrade)) {
    case KDM_UPGRADE_NONE:
        return false;
    case KDM_UPGRADE_REFUSED:
        exchange->last = true;
        refuse_bytes(exchange, upgrade.status, upgrade.reason);
        end_exchange(conn);
        return true;
    case KDM_UPGRADE_TAKEN:
        break;
    }
    out = kdm_conn_put(conn, upgrade.head.len);
    before = out->len;
    kdm_buf_put(out, kdm_buf_str(&upgrade.head));
    kdm_conn_put_done(conn, before);
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
    exchange->foreign = is_foreign(exchange);
    err = check_content(exchange, &prop);
    if (err != KDM_OK) {
        refuse(exchange, err, prop);
        end_exchange(conn);
    } else if (exchange->reader.has_body) {
        exchange->stage = STAGE_BODY;
        say_continue(exchange);
        wait_for_more(exchange, BODY_MS);
    } else {
        act(exchange);
    }
}

static size_t take_head(struct kdm_exchange *exchange, struct kdm_str bytes)
{
    struct kdm_conn *conn = exchange->conn;
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
    refuse_bytes(exchange, exchange->reader.status, exchange->reader.reason);
    end_exchange(conn);
    return bytes.len;
}

static size_t take_body(struct kdm_exchange *exchange, struct kdm_str bytes)
{
    struct kdm_conn *conn = exchange->conn;
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
    refuse_bytes(exchange, exchange->reader.status, exchange->reader.reason);
    end_exchange(conn);
    return bytes.len;
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
    if (conn->exchange == NULL || !conn->exchange->waiting)
        return;
    refuse_bytes(conn->exchange, 400, "the request was cut off");
    end_exchange(conn);
}

void kdm_http_refuse_plain(struct kdm_conn *conn)
{
    refuse_bytes(begin(conn), 400, "TLS is spoken here: use https or wss");
    end_exchange(conn);
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
        refuse_bytes(conn->exchange, 408, "the request has not come to its end in time");
        end_exchange(conn);
    } else if (reads_on(conn) || kdm_pieces_waiting(conn)) {
        kdm_conn_due(conn, KDM_HTTP_SEND_MS);
    } else {
        kdm_conn_doom(conn);
    }
}
