/* api.c - what all requests share, and the doors they come in by. */
#include "api/api.h"
#include "api/envelope.h"
#include "api/request.h"
#include "api/subscriber.h"
#include <stdlib.h>

#define MAX_IN_FLIGHT 50000u
#define MAX_BYTES     ((size_t)1 << 30)
#define TIMEOUT_MS    60000

/* --- create and destroy ------------------------------------------------------------------- */

size_t kdm_api_row_count(const struct kdm_api_options *options)
{
    size_t count = options->protocol->action_rows + 1;

    for (size_t i = 0; i < options->door_count; i++) {
        const struct kdm_door_table *table = options->doors[i].table;
        size_t end = table->actions[table->action_count - 1].number + 1u;

        if (count < end)
            count = end;
    }
    return count;
}

static void prepare_row(struct kdm_api *api, const struct kdm_action *action)
{
    struct kdm_api_row *row = &api->rows[action->number];
    struct kdm_buf buf;

    kdm_buf_init(&buf, &api->arena, 96);
    kdm_reply_names(&buf, kdm_str_of(action->controller), kdm_str_of(action->action));
    row->names = kdm_buf_str(&buf);
}

static void prepare_rows(struct kdm_api *api)
{
    const struct kdm_api_options *options = &api->options;

    api->rows = kdm_arena_zalloc(&api->arena, kdm_api_row_count(options) * sizeof(*api->rows));
    for (size_t i = 0; i < options->protocol->action_count; i++) {
        KDM_ASSERT(options->protocol->actions[i].number == i);
        prepare_row(api, &options->protocol->actions[i]);
    }
    for (size_t i = 0; i < options->door_count; i++) {
        const struct kdm_door_table *table = options->doors[i].table;

        for (size_t k = 0; k < table->action_count; k++)
            prepare_row(api, &table->actions[k]);
    }
}

static void take_options(struct kdm_api *api, const struct kdm_api_options *options)
{
    api->options = *options;
    if (api->options.max_in_flight == 0)
        api->options.max_in_flight = MAX_IN_FLIGHT;
    if (api->options.max_bytes_in_flight == 0)
        api->options.max_bytes_in_flight = MAX_BYTES;
    if (api->options.request_timeout_ms == 0)
        api->options.request_timeout_ms = TIMEOUT_MS;
    api->node_json = kdm_json_quoted(&api->arena, options->node);
}

static struct kdm_stats *start_stats(uv_loop_t *loop, const struct kdm_api_options *options)
{
    struct kdm_stats_options stats = {
        .enabled = options->stats,
        .interval_ms = options->stats_interval_ms,
        .ttl_ms = options->stats_ttl_ms,
    };

    if (options->context != NULL) {
        stats.connections = options->context->connections;
        stats.ctx = options->context->connections_ctx;
    }
    return kdm_stats_create(loop, &stats);
}

struct kdm_api *kdm_api_create(uv_loop_t *loop, struct kdm_tx_engine *engine, struct kdm_bus *bus,
                               const struct kdm_api_options *options)
{
    struct kdm_api *api = kdm_zalloc(sizeof(*api));

    api->loop = loop;
    api->engine = engine;
    api->bus = bus;
    kdm_arena_init(&api->arena, 16384);
    take_options(api, options);
    prepare_rows(api);
    api->events = kdm_events_create(bus, &api->options);
    api->router = kdm_router_create(options->protocol->routes, options->protocol->route_count);
    api->doors = kdm_doors_create(options->doors, options->door_count);
    api->origins = kdm_origins_create(options->allow_origin, options->allow_origin_regexp);
    api->stats = start_stats(loop, options);
    if (options->context != NULL) {
        options->context->api = api;
        options->context->stats = api->stats;
    }
    return api;
}

static void free_pool(struct kdm_api *api)
{
    while (api->pool != NULL) {
        struct kdm_request *request = api->pool;

        api->pool = request->next;
        kdm_arena_fini(&request->arena);
        free(request);
    }
}

void kdm_api_destroy(struct kdm_api *api)
{
    if (api == NULL)
        return;
    KDM_ASSERT(api->in_flight == 0);
    free_pool(api);
    kdm_stats_destroy(api->stats);
    kdm_origins_destroy(api->origins);
    kdm_doors_destroy(api->doors);
    kdm_router_destroy(api->router);
    kdm_events_destroy(api->events);
    kdm_buf_fini(&api->reply);
    kdm_arena_fini(&api->arena);
    free(api);
}

/* --- doors -------------------------------------------------------------------------------- */

static struct kdm_request *start_message(struct kdm_api *api, struct kdm_peer *peer,
                                         struct kdm_str text)
{
    struct kdm_request *request = kdm_request_start(api, peer, false);

    /* Copied before it is scanned: the request may outlive the frame, and the scan points into the
     * text. */
    request->text = kdm_arena_copy(&request->arena, text);
    return request;
}

void kdm_api_message(struct kdm_api *api, struct kdm_peer *peer, struct kdm_str text)
{
    if (text.len > 0)
        kdm_request_run(start_message(api, peer, text));
}

void kdm_api_message_nested(struct kdm_api *api, struct kdm_peer *peer, struct kdm_str text,
                            struct kdm_tx *parent)
{
    struct kdm_request *request = start_message(api, peer, text);

    request->nested = true;
    request->silent = true; /* unless it says otherwise, once it is decoded */
    request->parent = parent;
    kdm_request_run(request);
}

void kdm_api_http(struct kdm_api *api, struct kdm_peer *peer,
                  const struct kdm_http_request *request)
{
    struct kdm_request *started = kdm_request_start(api, peer, true);

    started->http_request = request;
    kdm_request_run(started);
}

bool kdm_api_is_foreign(struct kdm_api *api, struct kdm_arena *arena, struct kdm_str verb,
                        struct kdm_str path)
{
    struct kdm_route_match match;

    return kdm_doors_find(api->doors, arena, verb, path, &match) != NULL;
}

void kdm_api_put_refusal(struct kdm_api *api, struct kdm_arena *arena, struct kdm_str verb,
                         struct kdm_str path, const struct kdm_failure *failure,
                         struct kdm_buf *body, int *ret_status)
{
    struct kdm_door_call *call = kdm_arena_zalloc(arena, sizeof(*call));
    char *id = kdm_arena_alloc(arena, KDM_UUID_LEN);
    struct kdm_route_match match;

    kdm_uuid(&api->random, id);
    call->request_id = (struct kdm_str){ .ptr = id, .len = KDM_UUID_LEN };
    call->door = kdm_doors_find(api->doors, arena, verb, path, &match);
    KDM_ASSERT(call->door != NULL);
    call->door->put_failure(call, failure, arena, body, ret_status);
    kdm_door_log(call, "at the edge", *ret_status);
}

void kdm_api_room(struct kdm_api *api, struct kdm_peer *peer)
{
    (void)api;
    if (peer->requests != NULL) /* of HTTP there is one */
        kdm_request_room(peer->requests);
}

void kdm_api_gone(struct kdm_api *api, struct kdm_peer *peer)
{
    while (peer->requests != NULL)
        kdm_request_cancel(peer->requests);
    kdm_subscriber_gone(peer);
    if (peer->session != NULL)
        api->options.guard->gone(api->options.guard->self, peer);
}

/* --- running and ending ------------------------------------------------------------------- */

void kdm_api_drain(struct kdm_api *api)
{
    api->draining = true;
}

size_t kdm_api_running(const struct kdm_api *api)
{
    return api->in_flight;
}

bool kdm_api_ready(const struct kdm_api *api)
{
    if (api->draining || api->in_flight >= api->options.max_in_flight
        || api->bytes_in_flight >= api->options.max_bytes_in_flight)
        return false;
    return api->options.ready == NULL || api->options.ready(api->options.ready_ctx);
}
