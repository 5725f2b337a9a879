/* reply.c - what an HTTP request is answered with: the API's response, or a refusal of ours. */
#include "net/exchange.h"

#include "net/bare.h"
#include "net/codec.h"
#include "net/response.h"

/* Replies below this fit one packet anyway: encoding them costs time and saves none. */
#define ENCODE_MIN 1024u
/* Encoding runs on the loop at about 100 MB/s, so it is left off where others would wait for it. */
#define ENCODE_MAX (256u << 10)

static enum kdm_coding reply_coding(const struct kdm_exchange *exchange, size_t length)
{
    if (!exchange->conn->net->options.allow_compression || length < ENCODE_MIN
        || length > ENCODE_MAX)
        return KDM_CODING_IDENTITY;
    return kdm_head_accepted(exchange->reader.headers[KDM_HEADER_ACCEPT_ENCODING]);
}

void kdm_reply(struct kdm_exchange *exchange, const struct kdm_http_response *response,
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

bool kdm_exchange_is_foreign(struct kdm_exchange *exchange)
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
    if (kdm_exchange_is_foreign(exchange)) /* also when the head was refused before anybody asked */
        kdm_api_put_refusal(exchange->conn->net->api, &exchange->arena, exchange->reader.verb,
                            exchange->reader.path, &failure, &text, &response.status);
    else
        kdm_bare_put(&text, &failure);
    response.body = kdm_buf_str(&text);
    if (strcmp(exchange->conn->net->options.allow_origin, "*") == 0) {
        response.headers = &any;
        response.header_count = 1;
    }
    kdm_reply(exchange, &response, false);
}

void kdm_refuse(struct kdm_exchange *exchange, enum kdm_err err, struct kdm_str prop)
{
    refuse_with(exchange, err, prop, 0);
}

void kdm_refuse_bytes(struct kdm_exchange *exchange, int status, const char *reason)
{
    if (reason == NULL)
        kdm_refuse(exchange, KDM_ERR_NETWORK_HTTP_UNSUPPORTED_VERB, exchange->reader.verb);
    else if (status == 413)
        kdm_refuse(exchange, KDM_ERR_NETWORK_HTTP_REQUEST_TOO_LARGE, KDM_STR_NONE);
    else
        refuse_with(exchange, KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR, kdm_str_of(reason), status);
}

void kdm_reply_options(struct kdm_exchange *exchange)
{
    struct kdm_http_response response = { .status = 200,
                                          .request_id =
                                              exchange->reader.headers[KDM_HEADER_REQUEST_ID] };

    kdm_reply(exchange, &response, false);
}

void kdm_reply_continue(struct kdm_exchange *exchange)
{
    struct kdm_str expected = exchange->reader.headers[KDM_HEADER_EXPECT];

    if (!exchange->reader.http_1_0 && kdm_str_eq_nocase(expected, KDM_STR("100-continue")))
        kdm_conn_put_text(exchange->conn, KDM_STR("HTTP/1.1 100 Continue\r\n\r\n"));
}
