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

static void write_envelope(struct kdm_request *request, struct kdm_buf *buf)
{
    struct kdm_reply reply = {
        .names = names_of(request),
        .request_id = request->ask.request_id_json,
        .node = request->api->node_json,
        .index = request->index,
        .collection = request->collection,
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

static void write_body(struct kdm_request *request, struct kdm_buf *buf)
{
    if (request->http.bare)
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

/* NULL: the reply is no file. */
static const struct kdm_tx_file *file_of(const struct kdm_request *request)
{
    return request->acted && request->failure.err == KDM_OK ? kdm_tx_file(request->tx) : NULL;
}

/* Names of indexes and collections have no quotes and no line ends. */
static void respond_file(struct kdm_request *request, const struct kdm_tx_file *file)
{
    struct kdm_http_header disposition = {
        .name = KDM_STR("Content-Disposition"),
        .value = kdm_arena_printf(&request->arena, "attachment; filename=\"" KDM_FMT "\"",
                                  KDM_ARG(file->name)),
    };
    struct kdm_http_response response = { .status = request->status,
                                          .body = file->text,
                                          .content_type = file->content_type,
                                          .request_id = request->ask.request_id,
                                          .headers = &disposition,
                                          .header_count = 1 };

    request->peer->ops->respond(request->peer, &response);
}

static void respond(struct kdm_request *request, struct kdm_buf *buf)
{
    struct kdm_http_header any_origin = { .name = KDM_STR("Access-Control-Allow-Origin"),
                                          .value = KDM_STR("*") };
    struct kdm_http_response response = {
        .status = request->failure.err == KDM_OK ? request->status : request->failure.status,
        .request_id = request->ask.request_id,
    };

    write_body(request, buf);
    response.body = pretty(request, kdm_buf_str(buf));
    /* As the edge's own bare errors: they are answered before anybody looked at the origin. */
    if (request->http.bare && kdm_origins_all(request->api->origins)) {
        response.headers = &any_origin;
        response.header_count = 1;
    }
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
    if (request->is_http && file_of(request) != NULL) {
        respond_file(request, file_of(request));
        return;
    }
    buf = take_buffer(api);
    if (buf.ptr == NULL)
        kdm_buf_init(&buf, NULL, 4096);
    if (request->is_http)
        respond(request, &buf);
    else
        send_message(request, &buf);
    give_back(api, &buf);
}
