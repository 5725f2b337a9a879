/* request.c - a request's life: taken from the pool, run step by step, ended exactly once.
 * A step that waits leaves the request to whoever it waits for; kdm_request_resume() brings it
 * back, from the loop or from inside the step itself (then only the outcome is noted and the runner
 * goes on when the step returns, so the stack never grows with the number of steps).
 */
#include "api/request.h"
#include "base/log.h"
#include <stddef.h>
#include <stdlib.h>

#define ARENA_CHUNK 16384u
#define POOL_MAX    256u

static struct kdm_request *from_pool(struct kdm_api *api)
{
    struct kdm_request *request = api->pool;

    if (request == NULL) {
        request = kdm_zalloc(sizeof(*request));
        kdm_arena_init(&request->arena, ARENA_CHUNK);
        request->api = api;
        return request;
    }
    api->pool = request->next;
    api->pooled--;
    return request;
}

static void to_pool(struct kdm_api *api, struct kdm_request *request)
{
    if (api->pooled == POOL_MAX) {
        kdm_arena_fini(&request->arena);
        free(request);
        return;
    }
    kdm_arena_reset(&request->arena);
    request->next = api->pool;
    api->pool = request;
    api->pooled++;
}

static void clear(struct kdm_request *request)
{
    size_t from = offsetof(struct kdm_request, doc);

    memset((char *)request + from, 0, offsetof(struct kdm_request, args) - from);
}

static void link_to(struct kdm_request *request, struct kdm_peer *peer)
{
    request->peer = peer;
    request->previous = NULL;
    request->next = peer->requests;
    if (request->next != NULL)
        request->next->previous = request;
    peer->requests = request;
    peer->in_flight++;
}

static void unlink_from_peer(struct kdm_request *request)
{
    if (request->peer == NULL)
        return;
    if (request->previous != NULL)
        request->previous->next = request->next;
    else
        request->peer->requests = request->next;
    if (request->next != NULL)
        request->next->previous = request->previous;
    request->peer->in_flight--;
    request->peer = NULL;
}

static enum kdm_stats_protocol protocol_of(const struct kdm_peer *peer, bool is_http)
{
    if (is_http)
        return KDM_STATS_HTTP;
    return peer->protocol[0] == 'w' ? KDM_STATS_WEBSOCKET : KDM_STATS_INTERNAL;
}

struct kdm_request *kdm_request_start(struct kdm_api *api, struct kdm_peer *peer, bool is_http)
{
    struct kdm_request *request = from_pool(api);

    clear(request);
    link_to(request, peer);
    request->is_http = is_http;
    request->status = 200;
    request->deadline_ms = (int64_t)uv_now(api->loop) + api->options.request_timeout_ms;
    request->protocol = (uint8_t)protocol_of(peer, is_http);
    kdm_stats_begin(api->stats, request->protocol);
    api->in_flight++;
    return request;
}

void kdm_request_weigh(struct kdm_request *request)
{
    size_t size = kdm_arena_size(&request->arena);

    request->weight = size <= ARENA_CHUNK ? 0 : size - ARENA_CHUNK;
    request->api->bytes_in_flight += request->weight;
}

static void end(struct kdm_request *request)
{
    struct kdm_api *api = request->api;
    const struct kdm_guard *guard = api->options.guard;

    if (request->event_run != NULL)
        kdm_bus_cancel(request->event_run);
    if (request->auth.ticket != NULL)
        guard->cancel(guard->self, &request->auth);
    kdm_request_stream_over(request);
    if (request->tx != NULL)
        kdm_tx_release(request->tx);
    if (request->identified)
        guard->release(guard->self, &request->user);
    unlink_from_peer(request);
    kdm_stats_end(api->stats, request->protocol, request->answered, request->failure.err != KDM_OK);
    api->in_flight--;
    api->bytes_in_flight -= request->weight;
    to_pool(api, request);
}

/* What clients sent is left out: it may hold anything. */
static void log_failure(const struct kdm_request *request)
{
    if (request->failure.err != KDM_OK)
        kdm_log_debug("a request failed in step %s: %s", kdm_request_steps[request->step].name,
                      kdm_err_row(request->failure.err)->name);
}

static void advance(struct kdm_request *request, enum kdm_step_result result)
{
    if (result == KDM_STEP_DONE)
        log_failure(request);
    request->step++;
    if (result == KDM_STEP_DONE) {
        while (request->step < kdm_request_step_count && !kdm_request_steps[request->step].closing)
            request->step++;
    }
}

static enum kdm_step_result run_step(struct kdm_request *request)
{
    const struct kdm_step *step = &kdm_request_steps[request->step];

    return step->kuzzle && request->door != NULL ? KDM_STEP_NEXT : step->run(request);
}

void kdm_request_run(struct kdm_request *request)
{
    request->running = true;
    while (request->step < kdm_request_step_count && request->peer != NULL) {
        enum kdm_step_result result = run_step(request);

        if (result == KDM_STEP_WAIT && request->peer != NULL) {
            request->running = false;
            return;
        }
        advance(request, result);
    }
    end(request);
}

void kdm_request_resume(struct kdm_request *request, enum kdm_step_result result)
{
    if (request->running) {
        request->woken = (uint8_t)result;
        return;
    }
    advance(request, result);
    kdm_request_run(request);
}

void kdm_request_cancel(struct kdm_request *request)
{
    unlink_from_peer(request);
    if (!request->running)
        end(request);
}
