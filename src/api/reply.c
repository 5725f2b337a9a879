/* reply.c - a request's outcome as the text its peer sends.
 * Written into one buffer that all requests use in turn. Sending may start another request of our
 * own (a plugin's peer is called directly), so the buffer is taken away while it is lent out.
 */
#include "api/envelope.h"
#include "api/request.h"

/* A reply larger than this gives its buffer back, so that one export does not keep its memory for
 * good. */
#define BUFFER_KEPT 262144u

static struct kdm_buf take_buffer(struct kdm_api *api)
{
    struct kdm_buf buf = api->reply;

    api->reply = (struct kdm_buf){ 0 };
    buf.len = 0;
    return buf;
}

static void give_back(struct kdm_api *api, struct kdm_buf *buf)
{
    if (api->reply.ptr == NULL && buf->cap <= BUFFER_KEPT)
        api->reply = *buf;
    else
        kdm_buf_fini(buf);
}

/* The names in the reply: an action's as it calls itself, else what was asked for. */
static struct kdm_str names_of(struct kdm_request *request)
{
    struct kdm_buf buf;

    if (request->action != NULL)
        return request->api->rows[request->action->number].names;
    kdm_buf_init(&buf, &request->arena, 128);
    kdm_reply_names(&buf, request->ask.controller, request->ask.action);
    return kdm_buf_str(&buf);
}

static bool omits_result(const struct kdm_request *request)
{
    return request->action != NULL && (request->action->flags & KDM_ACTION_VOID);
}

/* Those that the action has set; a failed one's have no meaning. */
static size_t headers_of(const struct kdm_request *request,
                         const struct kdm_tx_header **ret_headers)
{
    return request->acted && request->failure.err == KDM_OK
               ? kdm_tx_headers(request->tx, ret_headers)
               : 0;
}

/* For the envelope; none when there are none. A cookie is nothing for scripts to see. */
static struct kdm_str headers_json(struct kdm_request *request)
{
    const struct kdm_tx_header *headers = NULL;
    size_t count = headers_of(request, &headers);
    struct kdm_buf buf;

    if (count == 0)
        return KDM_STR_NONE;
    kdm_buf_init(&buf, &request->arena, 128);
    kdm_buf_char(&buf, '{');
    for (size_t i = 0; i < count; i++) {
        if (kdm_str_eq(headers[i].name, KDM_STR("set-cookie")))
            continue;
        kdm_json_put_name(&buf, headers[i].name);
        kdm_json_put_str(&buf, headers[i].value);
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static void write_envelope(struct kdm_request *request, struct kdm_buf *buf)
{
    struct kdm_reply reply = {
        .names = names_of(request),
        .request_id = request->ask.request_id_json,
        .node = request->api->node_json,
        .index = request->index,
        .collection = request->collection,
        .headers = headers_json(request),
        .volatile_data = kdm_val_text(request->ask.volatile_data),
        .result = omits_result(request) ? KDM_STR_NONE : request->result,
        .failure = request->failure.err == KDM_OK ? NULL : &request->failure,
        .status = request->status,
        .room = !request->is_http && request->named,
    };

    if (request->action == NULL && reply.failure == NULL)
        reply.result = KDM_STR("null"); /* the health routes */
    kdm_reply_write(buf, &reply);
}

static bool is_raw(const struct kdm_request *request)
{
    return request->failure.err == KDM_OK && request->action != NULL
           && (request->action->flags & KDM_ACTION_RAW);
}

/* Over HTTP a raw text goes without quotes, and null is an empty body. */
static void write_raw_body(struct kdm_request *request, struct kdm_buf *buf)
{
    if (request->result.len > 0 && request->result.ptr[0] == '"')
        kdm_buf_put(buf,
                    kdm_val_str(&request->arena, kdm_json_parse(&request->arena, request->result)));
    else if (!kdm_str_eq(request->result, KDM_STR("null")))
        kdm_buf_put(buf, request->result);
}

/* In the words of the vendor whose API it came in by. */
static void write_door_failure(struct kdm_request *request, struct kdm_buf *buf)
{
    int status = request->failure.status;

    request->door->put_failure(request->call, &request->failure, &request->arena, buf, &status);
    request->failure.status = (uint16_t)status;
}

static void write_body(struct kdm_request *request, struct kdm_buf *buf)
{
    if (request->door != NULL && request->failure.err != KDM_OK)
        write_door_failure(request, buf);
    else if (request->http.bare)
        kdm_failure_write(buf, &request->failure);
    else if (is_raw(request))
        write_raw_body(request, buf);
    else
        write_envelope(request, buf);
}

static struct kdm_str pretty(struct kdm_request *request, struct kdm_str body)
{
    struct kdm_json doc;

    /* A raw text need not be JSON. */
    if (!request->http.pretty || body.len == 0 || !kdm_json_scan(&request->arena, body, &doc, NULL))
        return body;
    return kdm_json_pretty(&request->arena, kdm_json_root(&doc), 2);
}

static bool is_file(const struct kdm_request *request)
{
    return request->is_http && request->acted && request->failure.err == KDM_OK
           && !kdm_str_none(kdm_tx_file(request->tx));
}

/* At most the action's, and one of CORS or about verbs. */
#define HEADERS_MAX (KDM_TX_HEADERS + 1)

static size_t http_headers(const struct kdm_request *request, struct kdm_http_header *headers)
{
    const struct kdm_tx_header *set = NULL;
    size_t count = headers_of(request, &set);

    for (size_t i = 0; i < count; i++)
        headers[i] = (struct kdm_http_header){ .name = set[i].name, .value = set[i].value };
    /* As the edge's own bare errors: they are answered before anybody looked at the origin. */
    if (request->http.bare && kdm_origins_all(request->api->origins))
        headers[count++] = (struct kdm_http_header){ .name = KDM_STR("Access-Control-Allow-Origin"),
                                                     .value = KDM_STR("*") };
    else if (!kdm_str_none(request->allow))
        headers[count++] =
            (struct kdm_http_header){ .name = KDM_STR("Allow"), .value = request->allow };
    return count;
}

static void respond(struct kdm_request *request, struct kdm_str body)
{
    struct kdm_http_header headers[HEADERS_MAX];
    struct kdm_http_response response = {
        .status = request->failure.err == KDM_OK ? request->status : request->failure.status,
        .body = body,
        .request_id = request->ask.request_id,
        .headers = headers,
        .header_count = http_headers(request, headers),
    };

    if (request->door != NULL)
        kdm_door_log(request->call,
                     request->action == NULL ? "without an operation" : request->action->action,
                     response.status);
    request->sending = kdm_request_is_stream(request);
    if (request->sending)
        request->peer->ops->begin(request->peer, &response);
    else
        request->peer->ops->respond(request->peer, &response);
}

static void send_message(struct kdm_request *request, struct kdm_buf *buf)
{
    if (is_raw(request))
        kdm_reply_write_raw(buf, request->result, request->ask.request_id_json);
    else
        write_envelope(request, buf);
    request->peer->ops->send(request->peer, kdm_buf_str(buf));
}

void kdm_request_reply(struct kdm_request *request)
{
    struct kdm_api *api = request->api;
    struct kdm_buf buf;

    request->answered = true;
    if (kdm_request_is_stream(request)) {
        respond(request, KDM_STR_NONE);
        return;
    }
    if (is_file(request)) {
        respond(request, kdm_tx_file(request->tx));
        return;
    }
    buf = take_buffer(api);
    if (buf.ptr == NULL)
        kdm_buf_init(&buf, NULL, 4096);
    if (request->is_http) {
        write_body(request, &buf);
        respond(request, pretty(request, kdm_buf_str(&buf)));
    } else {
        send_message(request, &buf);
    }
    give_back(api, &buf);
}
