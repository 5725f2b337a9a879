/* response.c - see response.h. */
#include "net/response.h"

#define ALLOW_METHODS "GET,POST,PUT,PATCH,DELETE,OPTIONS,HEAD"
#define ALLOW_HEADERS                                                                              \
    "Content-Type, Access-Control-Allow-Headers, Authorization, X-Requested-With, "                \
    "Content-Encoding, Content-Length, X-Kuzzle-Volatile"

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
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 412, "Precondition Failed" },
        { 413, "Payload Too Large" },
        { 414, "URI Too Long" },
        { 422, "Unprocessable Content" },
        { 426, "Upgrade Required" },
        { 428, "Precondition Required" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Status";
}

static struct kdm_str or_default(const char *text, struct kdm_str otherwise)
{
    return text == NULL ? otherwise : kdm_str_of(text);
}

static bool has_header(const struct kdm_http_response *response, struct kdm_str name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (kdm_str_eq_nocase(response->headers[i].name, name))
            return true;
    }
    return false;
}

struct kdm_str kdm_response_constant(struct kdm_arena *arena, const struct kdm_net_options *options)
{
    struct kdm_buf lines;

    kdm_buf_init(&lines, arena, 512);
    kdm_head_put(&lines, KDM_STR("Accept-Encoding"),
                 options->allow_compression ? KDM_STR("gzip,deflate,identity")
                                            : KDM_STR("identity"));
    kdm_head_put(&lines, KDM_STR("X-Kuzzle-Node"), options->node);
    kdm_head_put(&lines, KDM_STR("Access-Control-Allow-Headers"),
                 or_default(options->allow_headers, KDM_STR(ALLOW_HEADERS)));
    kdm_head_put(&lines, KDM_STR("Access-Control-Allow-Methods"),
                 or_default(options->allow_methods, KDM_STR(ALLOW_METHODS)));
    if (options->cookies)
        kdm_head_put(&lines, KDM_STR("Access-Control-Allow-Credentials"), KDM_STR("true"));
    return kdm_buf_str(&lines);
}

static void put_origin(struct kdm_buf *out, const struct kdm_response_frame *frame,
                       const struct kdm_http_response *response)
{
    struct kdm_str origin = frame->peer->origin;

    if (kdm_str_none(origin) || has_header(response, KDM_STR("Access-Control-Allow-Origin"))
        || !kdm_head_origin_allowed(kdm_str_of(frame->options->allow_origin), origin))
        return;
    kdm_head_put(out, KDM_STR("Access-Control-Allow-Origin"), origin);
    kdm_head_put(out, KDM_STR("Vary"), KDM_STR("Origin"));
}

static void put_framing(struct kdm_buf *out, const struct kdm_response_frame *frame)
{
    switch (frame->framing) {
    case KDM_FRAMING_LENGTH:
        kdm_buf_lit(out, "\r\nContent-Length: ");
        kdm_buf_int(out, (int64_t)frame->length);
        break;
    case KDM_FRAMING_CHUNKS:
        kdm_buf_lit(out, "\r\nTransfer-Encoding: chunked");
        break;
    case KDM_FRAMING_END:
        break;
    }
}

void kdm_response_put_head(struct kdm_buf *out, const struct kdm_response_frame *frame,
                           const struct kdm_http_response *response)
{
    kdm_buf_lit(out, "HTTP/1.1 ");
    kdm_buf_int(out, response->status);
    kdm_buf_char(out, ' ');
    kdm_buf_put(out, kdm_str_of(reason_of(response->status)));
    if (response->status != 204) /* it has none: RFC 9110 8.6 */
        put_framing(out, frame);
    kdm_buf_lit(out, "\r\nContent-Encoding: ");
    kdm_buf_put(out, kdm_str_of(kdm_head_coding_name(frame->coding)));
    kdm_buf_put(out, frame->last ? KDM_STR("\r\nConnection: close\r\n")
                                 : KDM_STR("\r\nConnection: keep-alive\r\n"));
    if (!has_header(response, KDM_STR("Content-Type")))
        kdm_buf_lit(out, "Content-Type: application/json\r\n");
    kdm_buf_put(out, frame->constant);
    kdm_head_put(out, KDM_STR("X-Kuzzle-Request-Id"),
                 kdm_str_none(response->request_id)
                     ? (struct kdm_str){ frame->peer->id, sizeof(frame->peer->id) }
                     : response->request_id);
    put_origin(out, frame, response);
    for (size_t i = 0; i < response->header_count; i++)
        kdm_head_put(out, response->headers[i].name, response->headers[i].value);
    kdm_buf_lit(out, "\r\n");
}
