/* stream.c - sends a result piece by piece, as it is made (tx/run.h).
 * The next piece is asked for when the peer has room, so what is held of it is a piece or two,
 * and the list of what was found. Its time is not the request's: each piece has as much, and how
 * long a client may take for one is the edge's to say. From the first byte on a failure has no
 * place in the reply any more: the connection is broken off.
 */
#include "api/request.h"
#include "base/clock.h"
#include "base/log.h"

/* Of all streams together: a client may be as slow as it likes, and each hit takes about 130 bytes.
 * One may always be sent. */
#define HITS_MOST (4u << 20)

bool kdm_request_is_stream(const struct kdm_request *request)
{
    return request->is_http && request->acted && request->failure.err == KDM_OK
           && kdm_tx_is_stream(request->tx);
}

bool kdm_request_admit_stream(struct kdm_request *request)
{
    struct kdm_api *api = request->api;
    size_t hits;

    if (!kdm_request_is_stream(request))
        return true;
    hits = kdm_tx_stream_left(request->tx);
    if (api->stream_hits > 0 && api->stream_hits + hits > HITS_MOST) {
        kdm_failure_set(&request->failure, &request->arena, KDM_ERR_API_PROCESS_OVERLOADED, NULL,
                        0);
        return false;
    }
    request->stream_hits = hits;
    api->stream_hits += hits;
    return true;
}

void kdm_request_stream_over(struct kdm_request *request)
{
    request->api->stream_hits -= request->stream_hits;
    request->stream_hits = 0;
}

static void give_up(struct kdm_request *request, enum kdm_err err)
{
    kdm_log_warn("%s:%s: broken off, %zu documents before its end: %s", request->action->controller,
                 request->action->action, kdm_tx_stream_left(request->tx), kdm_err_row(err)->name);
    kdm_failure_set(&request->failure, &request->arena, err, NULL, 0);
    request->peer->ops->end(request->peer, false);
    kdm_request_resume(request, KDM_STEP_DONE);
}

static void go_on(struct kdm_request *request);

static void on_piece(void *ctx, enum kdm_err err, struct kdm_str piece)
{
    struct kdm_request *request = ctx;

    if (err != KDM_OK) {
        give_up(request, err);
        return;
    }
    request->full = !request->peer->ops->piece(request->peer, piece);
    go_on(request);
}

/* Ends, or asks for the next piece, unless the peer has enough. */
static void go_on(struct kdm_request *request)
{
    struct kdm_api *api = request->api;

    if (kdm_tx_stream_left(request->tx) == 0) {
        request->peer->ops->end(request->peer, true);
        kdm_request_resume(request, KDM_STEP_NEXT);
    } else if (!request->full) {
        kdm_tx_stream_next(request->tx, kdm_clock_monotonic_ms() + api->options.request_timeout_ms,
                           on_piece, request);
    }
}

enum kdm_step_result kdm_request_send_stream(struct kdm_request *request)
{
    struct kdm_peer *peer = request->peer;

    request->woken = KDM_STEP_WAIT;
    request->full = !peer->ops->piece(peer, kdm_tx_stream_head(request->tx));
    go_on(request);
    return (enum kdm_step_result)request->woken;
}

void kdm_request_room(struct kdm_request *request)
{
    if (!request->sending || !request->full)
        return;
    request->full = false;
    go_on(request);
}
