/* http.c - HTTP requests on a connection of lws.
 * lws reads the head and hands out the body; it answers nothing for us. One request of a connection
 * is handled at a time: reading is off from the moment the API is asked until its answer has left,
 * so a client that pipelines waits in its own socket buffer.
 *
 * Replies are written to the socket here, not through lws_write(): what the socket does not take
 * would be buffered by lws, and an HTTP connection of lws 4.1 can't wait for "writable" while its
 * reading is off, nor keep reading off without spinning on input it does not take in that state. So
 * when something is left over, a second descriptor of the socket is watched for it. (With TLS this
 * is the one place to change.)
 */
#include "net/conn.h"

#include "base/log.h"
#include "net/bare.h"
#include "net/codec.h"
#include "net/form.h"
#include "net/head.h"
#include "json/json.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* All headers together; longer gets a 431. */
#define HEAD_MAX (16u << 10)

/* Replies below this fit one packet anyway: encoding them costs time and saves none. */
#define ENCODE_MIN 1024u
/* Encoding runs on the loop at about 100 MB/s, so it is left off where others would wait for it. */
#define ENCODE_MAX (256u << 10)

#define BODY_MS    60000 /* for a whole body, however slowly it drips in */
#define SEND_MS    30000 /* for a client to take more of its reply */
#define DISCARD_MS 5000  /* for the rest of a body that we have refused already */
#define LINGER_MS                                                                                  \
    1000 /* between our end and the socket's, so that a reply is not cut off by a reset */

/* lws repeats the end of a body once a turn while it has more input and our answer has not left;
 * more often than this it has lost itself (see is_own_head). */
#define ENDS_MAX 1000

#define ALLOW_METHODS "GET,POST,PUT,PATCH,DELETE,OPTIONS,HEAD"
#define ALLOW_HEADERS                                                                              \
    "Content-Type, Access-Control-Allow-Headers, Authorization, X-Requested-With, "                \
    "Content-Encoding, Content-Length, X-Kuzzle-Volatile"

enum stage {
    STAGE_BODY,    /* the body comes in */
    STAGE_ASKED,   /* the API works on it */
    STAGE_ANSWERED /* the reply is in the out buffer */
};

/* Waits for the socket to take more of a reply. */
struct waiter {
    uv_poll_t poll;
    struct kdm_conn *conn;
    int fd;
};

/* One request and its reply. */
struct kdm_exchange {
    struct kdm_peer peer;
    struct kdm_conn *conn;
    struct kdm_arena arena;
    struct kdm_http_request request;
    struct kdm_str accept_encoding, content_encoding;
    struct kdm_buf body;   /* ptr NULL: none */
    size_t length;         /* of the body, as announced */
    size_t got;            /* of it */
    struct waiter *waiter; /* NULL: none needed */
    uint8_t stage;         /* enum stage */
    bool head_only;        /* HEAD */
    bool known;            /* the API has this peer */
    int ends;              /* how often lws has said that the body is complete */
    bool body_ended;
    bool gave_up; /* answered without it: the rest is read and thrown away for a while */
    bool last;    /* close the connection after it */
};

static void respond(struct kdm_peer *peer, const struct kdm_http_response *response);

static const struct kdm_peer_ops http_ops = { .send = NULL, .respond = respond };

/* --- replies --------------------------------------------------------------------------- */

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 204, "No Content" },
        { 206, "Partial Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 304, "Not Modified" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 411, "Length Required" },
        { 412, "Precondition Failed" },
        { 413, "Payload Too Large" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Status";
}

/* A header line; a value with a line end in it would be more than one, so it is left out. */
static void put_header(struct kdm_buf *out, struct kdm_str name, struct kdm_str value)
{
    if (kdm_str_none(value) || !kdm_head_is_clean(value) || !kdm_head_is_clean(name))
        return;
    kdm_buf_put(out, name);
    kdm_buf_lit(out, ": ");
    kdm_buf_put(out, value);
    kdm_buf_lit(out, "\r\n");
}

static struct kdm_str or_default(const char *text, struct kdm_str otherwise)
{
    return text == NULL ? otherwise : kdm_str_of(text);
}

static bool has_header(const struct kdm_http_response *response, struct kdm_str name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (kdm_head_same(response->headers[i].name, name))
            return true;
    }
    return false;
}

static void put_cors(struct kdm_buf *out, const struct kdm_exchange *exchange,
                     const struct kdm_http_response *response)
{
    const struct kdm_net_options *options = &exchange->conn->net->options;
    struct kdm_str origin = exchange->peer.origin;

    put_header(out, KDM_STR("Access-Control-Allow-Headers"),
               or_default(options->allow_headers, KDM_STR(ALLOW_HEADERS)));
    put_header(out, KDM_STR("Access-Control-Allow-Methods"),
               or_default(options->allow_methods, KDM_STR(ALLOW_METHODS)));
    if (options->cookies)
        put_header(out, KDM_STR("Access-Control-Allow-Credentials"), KDM_STR("true"));
    if (kdm_str_none(origin) || has_header(response, KDM_STR("Access-Control-Allow-Origin"))
        || !kdm_head_origin_allowed(kdm_str_of(options->allow_origin), origin))
        return;
    put_header(out, KDM_STR("Access-Control-Allow-Origin"), origin);
    put_header(out, KDM_STR("Vary"), KDM_STR("Origin"));
}

static void put_head(struct kdm_buf *out, const struct kdm_exchange *exchange,
                     const struct kdm_http_response *response, enum kdm_coding coding,
                     size_t length)
{
    const struct kdm_net_options *options = &exchange->conn->net->options;

    kdm_buf_printf(out, "HTTP/1.1 %d %s\r\n", response->status, reason_of(response->status));
    if (!has_header(response, KDM_STR("Content-Type")))
        put_header(out, KDM_STR("Content-Type"), KDM_STR("application/json"));
    kdm_buf_printf(out, "Content-Length: %zu\r\n", length);
    put_header(out, KDM_STR("Connection"),
               exchange->last ? KDM_STR("close") : KDM_STR("keep-alive"));
    put_header(out, KDM_STR("Content-Encoding"), kdm_str_of(kdm_head_coding_name(coding)));
    put_header(out, KDM_STR("Accept-Encoding"),
               options->allow_compression ? KDM_STR("gzip,deflate,identity") : KDM_STR("identity"));
    put_header(out, KDM_STR("X-Kuzzle-Node"), options->node);
    put_header(out, KDM_STR("X-Kuzzle-Request-Id"),
               kdm_str_none(response->request_id)
                   ? (struct kdm_str){ exchange->peer.id, sizeof(exchange->peer.id) }
                   : response->request_id);
    put_cors(out, exchange, response);
    for (size_t i = 0; i < response->header_count; i++)
        put_header(out, response->headers[i].name, response->headers[i].value);
    kdm_buf_lit(out, "\r\n");
}

static enum kdm_coding reply_coding(const struct kdm_exchange *exchange, size_t length)
{
    if (!exchange->conn->net->options.allow_compression || length < ENCODE_MIN
        || length > ENCODE_MAX)
        return KDM_CODING_IDENTITY;
    return kdm_head_accepted(exchange->accept_encoding);
}

/* Writes the reply into the out buffer; it leaves with the flush of this loop turn. */
static void answer(struct kdm_exchange *exchange, const struct kdm_http_response *response,
                   bool may_encode)
{
    struct kdm_conn *conn = exchange->conn;
    struct kdm_str body = response->body;
    enum kdm_coding coding = may_encode ? reply_coding(exchange, body.len) : KDM_CODING_IDENTITY;
    struct kdm_buf encoded = { .ptr = NULL };
    struct kdm_buf *out;
    size_t before;

    if (coding != KDM_CODING_IDENTITY) {
        kdm_buf_init(&encoded, NULL, body.len / 2 + 64);
        kdm_codec_encode(coding, body, &encoded);
        body = kdm_buf_str(&encoded);
    }
    out = kdm_conn_out(conn, body.len + 1024);
    before = out->len;
    put_head(out, exchange, response, coding, body.len);
    if (!exchange->head_only)
        kdm_buf_put(out, body);
    conn->net->queued += out->len - before;
    if (coding != KDM_CODING_IDENTITY)
        kdm_buf_fini(&encoded);
    exchange->stage = STAGE_ANSWERED;
    kdm_conn_mark(conn);
}

static void respond(struct kdm_peer *peer, const struct kdm_http_response *response)
{
    struct kdm_exchange *exchange =
        (struct kdm_exchange *)((char *)peer - offsetof(struct kdm_exchange, peer));

    if (exchange->stage == STAGE_ASKED)
        answer(exchange, response, true);
}

/* Answers with a bare error object: the request never gets to the API. Its body, if it still comes,
 * is discarded (see kdm_http_body). `status` 0: the error's own. */
static void refuse(struct kdm_exchange *exchange, enum kdm_err err, struct kdm_str prop, int status)
{
    struct kdm_http_header any = { .name = KDM_STR("Access-Control-Allow-Origin"),
                                   .value = KDM_STR("*") };
    struct kdm_http_response response = { .request_id = exchange->request.request_id };
    struct kdm_failure failure;
    struct kdm_buf text;

    if (!exchange->body_ended && exchange->length > 0)
        exchange->last = true; /* what follows its body could not be told from it for sure */
    kdm_failure_set(&failure, &exchange->arena, err, &prop, kdm_str_none(prop) ? 0 : 1);
    if (status != 0)
        failure.status = (uint16_t)status;
    kdm_buf_init(&text, &exchange->arena, 256);
    kdm_bare_put(&text, &failure);
    response.status = failure.status;
    response.body = kdm_buf_str(&text);
    if (strcmp(exchange->conn->net->options.allow_origin, "*") == 0) {
        response.headers = &any;
        response.header_count = 1;
    }
    answer(exchange, &response, false);
}

/* --- reading the head ------------------------------------------------------------------ */

/* The headers that lws does not know are found by name, with the colon. */
static struct kdm_str custom_header(struct kdm_exchange *exchange, const char *name)
{
    struct lws *wsi = exchange->conn->wsi;
    int len = lws_hdr_custom_length(wsi, name, (int)strlen(name));
    char *text;

    if (len < 0)
        return KDM_STR_NONE;
    text = kdm_arena_alloc(&exchange->arena, (size_t)len + 1);
    if (lws_hdr_custom_copy(wsi, text, len + 1, name, (int)strlen(name)) < 0)
        return KDM_STR_NONE;
    return (struct kdm_str){ .ptr = text, .len = strlen(text) };
}

static struct kdm_str header(struct kdm_exchange *exchange, enum lws_token_indexes token)
{
    struct lws *wsi = exchange->conn->wsi;
    int len = lws_hdr_total_length(wsi, token);
    char *text;

    if (len <= 0)
        return KDM_STR_NONE;
    text = kdm_arena_alloc(&exchange->arena, (size_t)len + 1);
    if (lws_hdr_copy(wsi, text, len + 1, token) < 0)
        return KDM_STR_NONE;
    return (struct kdm_str){ .ptr = text, .len = strlen(text) };
}

/* One of the pieces lws has cut a token into; none behind the last. */
static struct kdm_str fragment(struct kdm_exchange *exchange, enum lws_token_indexes token, int n)
{
    struct lws *wsi = exchange->conn->wsi;
    int len = lws_hdr_fragment_length(wsi, token, n);
    char *text = kdm_arena_alloc(&exchange->arena, (size_t)len + 1);

    if (lws_hdr_copy_fragment(wsi, text, len + 1, token, n) < 0)
        return KDM_STR_NONE;
    return (struct kdm_str){ .ptr = text, .len = (size_t)len };
}

static const struct {
    const char *verb;
    enum lws_token_indexes token;
} verbs[] = {
    { "GET", WSI_TOKEN_GET_URI },         { "POST", WSI_TOKEN_POST_URI },
    { "PUT", WSI_TOKEN_PUT_URI },         { "PATCH", WSI_TOKEN_PATCH_URI },
    { "DELETE", WSI_TOKEN_DELETE_URI },   { "HEAD", WSI_TOKEN_HEAD_URI },
    { "OPTIONS", WSI_TOKEN_OPTIONS_URI },
};

/* lws decodes the path and cuts it at '&' and ';', which are ordinary there: joined again. */
static void read_target(struct kdm_exchange *exchange)
{
    struct kdm_http_request *request = &exchange->request;
    struct kdm_buf path, query;
    struct kdm_str part;
    size_t verb = 0;

    while (verb + 1 < sizeof(verbs) / sizeof(verbs[0])
           && lws_hdr_total_length(exchange->conn->wsi, verbs[verb].token) == 0)
        verb++;
    request->verb = kdm_str_of(verbs[verb].verb);
    kdm_buf_init(&path, &exchange->arena, 128);
    for (int i = 0; !kdm_str_none(part = fragment(exchange, verbs[verb].token, i)); i++) {
        if (i > 0)
            kdm_buf_char(&path, '&');
        kdm_buf_put(&path, part);
    }
    request->path = kdm_buf_str(&path);
    kdm_buf_init(&query, &exchange->arena, 128);
    for (int i = 0; !kdm_str_none(part = fragment(exchange, WSI_TOKEN_HTTP_URI_ARGS, i)); i++)
        kdm_head_put_query(&query, part);
    request->query = kdm_buf_str(&query);
}

static void read_headers(struct kdm_exchange *exchange)
{
    struct kdm_http_request *request = &exchange->request;

    read_target(exchange);
    request->content_type = header(exchange, WSI_TOKEN_HTTP_CONTENT_TYPE);
    request->authorization = header(exchange, WSI_TOKEN_HTTP_AUTHORIZATION);
    request->volatile_json = custom_header(exchange, "x-kuzzle-volatile:");
    request->request_id = custom_header(exchange, "x-kuzzle-request-id:");
    exchange->peer.origin = header(exchange, WSI_TOKEN_ORIGIN);
    exchange->peer.cookie = header(exchange, WSI_TOKEN_HTTP_COOKIE);
    exchange->accept_encoding = header(exchange, WSI_TOKEN_HTTP_ACCEPT_ENCODING);
    exchange->content_encoding = header(exchange, WSI_TOKEN_HTTP_CONTENT_ENCODING);
    exchange->head_only = kdm_str_eq(request->verb, KDM_STR("HEAD"));
}

static size_t head_size(const struct kdm_exchange *exchange)
{
    const struct kdm_http_request *request = &exchange->request;
    size_t size = request->volatile_json.len + request->request_id.len + request->path.len
                  + request->query.len;

    for (int token = WSI_TOKEN_HOST; token < WSI_TOKEN_COUNT; token++)
        size += (size_t)lws_hdr_total_length(exchange->conn->wsi, (enum lws_token_indexes)token);
    return size;
}

/* lws takes a POST, PUT or PATCH without Content-Length for one with a body of 100 MB. We know it
 * has none, but lws would take the next request for it: so there must be no next one. */
static bool lws_waits_for_body(struct kdm_exchange *exchange)
{
    struct kdm_str verb = exchange->request.verb;

    return kdm_str_eq(verb, KDM_STR("POST")) || kdm_str_eq(verb, KDM_STR("PUT"))
           || kdm_str_eq(verb, KDM_STR("PATCH"));
}

/* Learns how long the body is. KDM_OK, or what to refuse the request with. */
static enum kdm_err read_length(struct kdm_exchange *exchange, int *ret_status)
{
    struct kdm_str length = header(exchange, WSI_TOKEN_HTTP_CONTENT_LENGTH);
    size_t max = exchange->conn->net->options.max_message;

    *ret_status = 0;
    if (!kdm_str_none(header(exchange, WSI_TOKEN_HTTP_TRANSFER_ENCODING))) {
        exchange->last = true; /* where its body ends nobody here can tell */
        *ret_status = 411;
        return KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR;
    }
    if (kdm_str_none(length)) {
        exchange->last |= lws_waits_for_body(exchange);
        return KDM_OK;
    }
    if (kdm_head_length(length, max, &exchange->length))
        return KDM_OK;
    if (exchange->length > max)
        return KDM_ERR_NETWORK_HTTP_REQUEST_TOO_LARGE;
    exchange->last = true; /* no number, or two of them */
    return KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR;
}

/* Content-Encoding: are all layers known and not too many? */
static enum kdm_err check_encodings(const struct kdm_exchange *exchange, struct kdm_str *ret_prop)
{
    const struct kdm_net_options *options = &exchange->conn->net->options;
    struct kdm_str item;
    size_t n = 0;

    for (; !kdm_str_none(item = kdm_head_item(exchange->content_encoding, n)); n++) {
        enum kdm_coding coding = kdm_head_coding(item);

        if (n == (size_t)options->max_encoding_layers)
            return KDM_ERR_NETWORK_HTTP_TOO_MANY_ENCODINGS;
        if (coding == KDM_CODING_UNKNOWN
            || (coding != KDM_CODING_IDENTITY && !options->allow_compression)) {
            *ret_prop = item;
            return KDM_ERR_NETWORK_HTTP_UNSUPPORTED_COMPRESSION;
        }
    }
    return KDM_OK;
}

static enum kdm_err check_content(struct kdm_exchange *exchange, struct kdm_str *ret_prop)
{
    struct kdm_str type = exchange->request.content_type;
    struct kdm_str charset = kdm_head_parameter(&exchange->arena, type, KDM_STR("charset"));

    if (kdm_head_media(type) == KDM_MEDIA_OTHER) {
        *ret_prop = type;
        return KDM_ERR_NETWORK_HTTP_UNSUPPORTED_CONTENT;
    }
    if (!kdm_str_none(charset) && !kdm_head_same(charset, KDM_STR("utf-8"))
        && !kdm_head_same(charset, KDM_STR("utf8"))) {
        *ret_prop = charset;
        return KDM_ERR_NETWORK_HTTP_UNSUPPORTED_CHARSET;
    }
    return check_encodings(exchange, ret_prop);
}

/* Everything that can be said without the body. True: refused. */
static bool refuse_head(struct kdm_exchange *exchange)
{
    struct kdm_str prop = KDM_STR("content length");
    int status = 0;
    enum kdm_err err;

    if (head_size(exchange) > HEAD_MAX) {
        exchange->last = true;
        refuse(exchange, KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR, KDM_STR("headers too large"), 431);
        return true;
    }
    err = read_length(exchange, &status);
    if (err == KDM_OK)
        err = check_content(exchange, &prop);
    if (err == KDM_OK)
        return false;
    if (err == KDM_ERR_NETWORK_HTTP_REQUEST_TOO_LARGE
        || err == KDM_ERR_NETWORK_HTTP_TOO_MANY_ENCODINGS)
        prop = KDM_STR_NONE;
    refuse(exchange, err, prop, status);
    return true;
}

/* --- the request is there ---------------------------------------------------------------- */

/* Takes the layers off the body, the last one first. False: refused. */
static bool decode_body(struct kdm_exchange *exchange)
{
    size_t layers = 0;

    while (!kdm_str_none(kdm_head_item(exchange->content_encoding, layers)))
        layers++;
    while (layers-- > 0) {
        enum kdm_coding coding = kdm_head_coding(kdm_head_item(exchange->content_encoding, layers));
        const char *reason = "incorrect data";
        struct kdm_buf plain;

        if (coding == KDM_CODING_IDENTITY)
            continue;
        switch (kdm_codec_decode(coding, kdm_buf_str(&exchange->body),
                                 exchange->conn->net->options.max_message, &plain, &reason)) {
        case KDM_CODEC_TOO_LARGE:
            refuse(exchange, KDM_ERR_NETWORK_HTTP_REQUEST_TOO_LARGE, KDM_STR_NONE, 0);
            return false;
        case KDM_CODEC_BROKEN:
            refuse(exchange, KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR, kdm_str_of(reason), 0);
            return false;
        case KDM_CODEC_OK:
            kdm_buf_fini(&exchange->body);
            exchange->body = plain;
        }
    }
    return true;
}

/* A form becomes JSON text: from here on all bodies are the same. False: refused. */
static bool convert_form(struct kdm_exchange *exchange)
{
    enum kdm_media media = kdm_head_media(exchange->request.content_type);
    struct kdm_str body = kdm_buf_str(&exchange->body);
    const char *reason = NULL;
    struct kdm_buf json;
    bool ok;

    if (media == KDM_MEDIA_JSON || body.len == 0)
        return true;
    kdm_buf_init(&json, NULL, body.len + body.len / 2 + 64);
    if (media == KDM_MEDIA_FORM)
        ok = kdm_form_urlencoded(&exchange->arena, body, &json, &reason);
    else
        ok = kdm_form_multipart(&exchange->arena, exchange->request.content_type, body, &json,
                                &reason);
    if (!ok) {
        kdm_buf_fini(&json);
        refuse(exchange, KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR, kdm_str_of(reason), 0);
        return false;
    }
    kdm_buf_fini(&exchange->body);
    exchange->body = json;
    return true;
}

/* A preflight, or a client that asks what it may do: not the API's business. */
static void answer_options(struct kdm_exchange *exchange)
{
    struct kdm_http_response response = { .status = 200,
                                          .request_id = exchange->request.request_id };

    answer(exchange, &response, false);
}

static void ask_api(struct kdm_exchange *exchange)
{
    struct kdm_conn *conn = exchange->conn;

    lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0); /* the API has a deadline of its own */
    kdm_conn_due(conn, 0);
    if (kdm_str_eq(exchange->request.verb, KDM_STR("OPTIONS"))) {
        answer_options(exchange);
        return;
    }
    if (exchange->body.ptr != NULL && (!decode_body(exchange) || !convert_form(exchange)))
        return;
    exchange->request.body = kdm_buf_str(&exchange->body);
    exchange->stage = STAGE_ASKED;
    exchange->known = true;
    kdm_api_http(conn->net->api, &exchange->peer, &exchange->request);
    if (exchange->stage == STAGE_ASKED)
        kdm_conn_pause(conn, true);
}

/* Sends what the socket takes; false when the connection is broken. */
static bool send_some(struct kdm_conn *conn)
{
    while (conn->sent < conn->out.len) {
        ssize_t n = send(lws_get_socket_fd(conn->wsi), conn->out.ptr + conn->sent,
                         conn->out.len - conn->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK;
        conn->sent += (size_t)n;
        conn->net->queued -= (size_t)n;
    }
    return true;
}

/* --- callbacks of lws ------------------------------------------------------------------ */

static struct kdm_exchange *begin(struct kdm_conn *conn)
{
    struct kdm_exchange *exchange = kdm_zalloc(sizeof(*exchange));

    kdm_http_gone(conn);
    exchange->conn = conn;
    exchange->peer.ops = &http_ops;
    exchange->peer.protocol = "http";
    kdm_uuid(&conn->net->random, exchange->peer.id);
    kdm_arena_init(&exchange->arena, 2048);
    conn->exchange = exchange;
    return exchange;
}

/* Told to wait for "100 Continue"? lws does not answer that. */
static void say_continue(struct kdm_exchange *exchange)
{
    struct kdm_conn *conn = exchange->conn;
    struct kdm_buf *out;
    struct kdm_str line = KDM_STR("HTTP/1.1 100 Continue\r\n\r\n");

    if (!kdm_head_same(header(exchange, WSI_TOKEN_HTTP_EXPECT), KDM_STR("100-continue")))
        return;
    out = kdm_conn_out(conn, line.len);
    kdm_buf_put(out, line);
    conn->net->queued += line.len;
    kdm_conn_mark(conn);
}

int kdm_http_head(struct kdm_conn *conn)
{
    struct kdm_exchange *exchange = begin(conn);

    read_headers(exchange);
    if (refuse_head(exchange)) {
        /* A client that waits for a "continue" won't send the body any more: then it would be
         * missing. */
        if (!kdm_str_none(header(exchange, WSI_TOKEN_HTTP_EXPECT)))
            exchange->last = true;
        return 0;
    }
    if (exchange->length == 0) {
        ask_api(exchange);
        return 0;
    }
    kdm_buf_init(&exchange->body, NULL, exchange->length);
    kdm_conn_due(conn, BODY_MS);
    say_continue(exchange);
    return 0;
}

/* lws 4.1 reads the head of a pipelined request from its own buffer, then takes the same bytes for
 * the start of the body, and then, with the body complete and bytes left over, tells us of that end
 * again and again, for ever, until it is told to close. Nothing else begins like a request line, so
 * the first can be told; such a client is sent away rather than misunderstood. */
static bool is_own_head(const struct kdm_exchange *exchange, struct kdm_str bytes)
{
    struct kdm_str verb = exchange->request.verb;
    size_t len =
        bytes.len < verb.len ? bytes.len : verb.len; /* a body can be shorter than the verb */

    return memcmp(bytes.ptr, verb.ptr, len) == 0
           && (bytes.len <= verb.len || bytes.ptr[verb.len] == ' ');
}

static int refuse_pipelined(struct kdm_exchange *exchange)
{
    struct kdm_conn *conn = exchange->conn;

    if (exchange->stage == STAGE_BODY) {
        exchange->last = true;
        refuse(exchange, KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR,
               KDM_STR("a request with a body can't be pipelined"), 0);
    }
    send_some(conn); /* now: lws closes when this callback returns */
    return -1;
}

int kdm_http_body(struct kdm_conn *conn, const char *bytes, size_t len)
{
    struct kdm_exchange *exchange = conn->exchange;
    struct kdm_str chunk = { .ptr = bytes, .len = len };

    if (exchange == NULL || len == 0)
        return 0;
    if (exchange->got == 0 && is_own_head(exchange, chunk))
        return refuse_pipelined(exchange);
    exchange->got += len;
    if (exchange->stage == STAGE_BODY && exchange->got <= exchange->length)
        kdm_buf_put(&exchange->body, chunk);
    return 0;
}

int kdm_http_body_end(struct kdm_conn *conn)
{
    struct kdm_exchange *exchange = conn->exchange;

    if (exchange == NULL || ++exchange->ends > ENDS_MAX)
        return -1;
    if (exchange->body_ended)
        return 0;
    exchange->body_ended = true;
    if (exchange->length == 0) /* asked already: lws says so of an empty body too */
        return 0;
    if (exchange->stage == STAGE_BODY)
        ask_api(exchange);
    else if (exchange->stage == STAGE_ANSWERED)
        kdm_conn_mark(conn); /* refused earlier; now it may be completed */
    return 0;
}

/* What lws can't read as HTTP: a verb it does not know, or no HTTP at all. */
int kdm_http_stray(struct kdm_conn *conn, const char *bytes, size_t len)
{
    struct kdm_exchange *exchange;
    struct kdm_str verb = { .ptr = bytes, .len = 0 };

    if (conn->exchange != NULL || conn->lingering)
        return 0; /* more of the same */
    while (verb.len < len && verb.len < 20 && bytes[verb.len] >= 'A' && bytes[verb.len] <= 'Z')
        verb.len++;
    exchange = begin(conn);
    exchange->last = true;
    refuse(exchange, KDM_ERR_NETWORK_HTTP_UNSUPPORTED_VERB, kdm_arena_copy(&exchange->arena, verb),
           0);
    return 0;
}

/* --- sending and ending ---------------------------------------------------------------- */

static void on_writable(uv_poll_t *poll, int status, int events)
{
    (void)status; /* an error shows at the next send() */
    (void)events;
    kdm_conn_mark(((struct waiter *)poll->data)->conn);
}

static void on_waiter_closed(uv_handle_t *poll)
{
    free(poll->data);
}

static void stop_waiting(struct kdm_exchange *exchange)
{
    struct waiter *waiter = exchange->waiter;

    if (waiter == NULL)
        return;
    exchange->waiter = NULL;
    uv_poll_stop(&waiter->poll);
    close(waiter->fd);
    uv_close((uv_handle_t *)&waiter->poll, on_waiter_closed);
}

/* False: no descriptor for it. */
static bool wait_writable(struct kdm_exchange *exchange)
{
    struct kdm_conn *conn = exchange->conn;
    struct waiter *waiter;
    int fd;

    kdm_conn_due(conn, SEND_MS);
    if (exchange->waiter != NULL)
        return true;
    fd = fcntl(lws_get_socket_fd(conn->wsi), F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return false;
    waiter = kdm_zalloc(sizeof(*waiter));
    waiter->conn = conn;
    waiter->fd = fd;
    uv_poll_init(conn->net->loop, &waiter->poll, fd);
    waiter->poll.data = waiter;
    uv_poll_start(&waiter->poll, UV_WRITABLE, on_writable);
    exchange->waiter = waiter;
    return true;
}

void kdm_http_gone(struct kdm_conn *conn)
{
    struct kdm_exchange *exchange = conn->exchange;

    if (exchange == NULL)
        return;
    conn->exchange = NULL;
    stop_waiting(exchange);
    if (exchange->known)
        kdm_api_gone(conn->net->api, &exchange->peer);
    kdm_conn_drop(conn->net, &exchange->body);
    kdm_arena_fini(&exchange->arena);
    free(exchange);
}

/* Our side is closed first and the socket a little later: closed at once, with input that nobody
 * read, it would reset the connection and the client might lose the reply. */
static void linger(struct kdm_conn *conn)
{
    conn->lingering = true;
    shutdown(lws_get_socket_fd(conn->wsi), SHUT_WR);
    kdm_conn_due(conn, LINGER_MS);
}

/* The reply has left. */
static void complete(struct kdm_conn *conn)
{
    struct kdm_exchange *exchange = conn->exchange;

    if (exchange->last && exchange->length > 0 && !exchange->body_ended && !exchange->gave_up) {
        exchange->gave_up = true; /* many clients read a reply only when they have sent all */
        kdm_conn_due(conn, DISCARD_MS);
        return;
    }
    if (exchange->last) {
        kdm_http_gone(conn);
        linger(conn);
        return;
    }
    kdm_http_gone(conn);
    kdm_conn_pause(conn, false);
    if (lws_http_transaction_completed(conn->wsi)) {
        kdm_conn_doom(conn);
        return;
    }
    lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0); /* ours costs less: see wheel.h */
    kdm_conn_due(conn, conn->net->options.idle_timeout_ms);
}

void kdm_http_flush(struct kdm_conn *conn)
{
    bool broken = !send_some(conn);
    bool left = conn->sent < conn->out.len;

    kdm_conn_out_done(conn);
    if (broken || (left && conn->exchange == NULL)) {
        kdm_conn_doom(conn);
        return;
    }
    if (left) {
        if (!wait_writable(conn->exchange))
            kdm_conn_doom(conn);
        return;
    }
    if (conn->exchange != NULL && conn->exchange->stage == STAGE_ANSWERED) {
        stop_waiting(conn->exchange);
        complete(conn);
    }
}

void kdm_http_expired(struct kdm_conn *conn)
{
    kdm_conn_doom(conn);
}
