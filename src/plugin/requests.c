/* requests.c - a plugin's request is a request like any other, from a peer that lives as long as it.
 * The API still holds the peer when it has sent the reply, so a peer that is done is freed at a later request.
 */
#include "plugin/requests.h"

#include <stdlib.h>

struct funnel {
    struct kdm_peer peer; /* first: what the API knows */
    struct funnel *prev, *next;
    struct kdm_plugin_requests *requests;
    kdm_plugin_reply_fn *done;
    void *done_ctx;
};

struct kdm_plugin_requests {
    struct kdm_api *api;
    struct kdm_tx_engine *engine;
    struct funnel *running, *ended;
};

static void finish(struct funnel *funnel, struct kdm_str reply)
{
    struct kdm_plugin_requests *requests = funnel->requests;

    if (funnel->prev != NULL)
        funnel->prev->next = funnel->next;
    else
        requests->running = funnel->next;
    if (funnel->next != NULL)
        funnel->next->prev = funnel->prev;
    funnel->next = requests->ended;
    requests->ended = funnel;
    funnel->done(funnel->done_ctx, reply);
}

static void on_reply(struct kdm_peer *peer, struct kdm_str text)
{
    finish((struct funnel *)peer, text);
}

static void free_ended(struct kdm_plugin_requests *requests)
{
    struct funnel **link = &requests->ended;

    while (*link != NULL) {
        struct funnel *funnel = *link;

        if (funnel->peer.requests != NULL) { /* its reply is being sent further up the stack */
            link = &funnel->next;
            continue;
        }
        *link = funnel->next;
        free(funnel);
    }
}

static void request(void *ctx, struct kdm_event_call *parent, struct kdm_str request_json,
                    kdm_plugin_reply_fn *done, void *done_ctx)
{
    static const struct kdm_peer_ops ops = { .send = on_reply };
    struct kdm_plugin_requests *requests = ctx;
    struct kdm_tx *parent_tx = parent == NULL ? NULL : kdm_tx_of_call(requests->engine, parent);
    struct funnel *funnel = kdm_zalloc(sizeof(*funnel));

    free_ended(requests);
    funnel->peer.ops = &ops;
    funnel->peer.protocol = "funnel";
    memset(funnel->peer.id, '0', sizeof(funnel->peer.id));
    funnel->requests = requests;
    funnel->done = done;
    funnel->done_ctx = done_ctx;
    funnel->next = requests->running;
    if (funnel->next != NULL)
        funnel->next->prev = funnel;
    requests->running = funnel;
    kdm_api_message_nested(requests->api, &funnel->peer, request_json, parent_tx);
}

struct kdm_plugin_requests *kdm_plugin_requests_create(struct kdm_api *api, struct kdm_tx_engine *engine,
                                                       struct kdm_plugin_services *ret_services)
{
    struct kdm_plugin_requests *requests = kdm_zalloc(sizeof(*requests));

    requests->api = api;
    requests->engine = engine;
    *ret_services = (struct kdm_plugin_services){ .ctx = requests, .request = request };
    return requests;
}

void kdm_plugin_requests_stop(struct kdm_plugin_requests *requests)
{
    if (requests == NULL)
        return;
    while (requests->running != NULL) {
        struct funnel *funnel = requests->running;

        kdm_api_gone(requests->api, &funnel->peer);
        finish(funnel, KDM_STR("{\"status\":503,\"error\":{\"status\":503,\"message\":\"kdmd is stopping.\"},"
                               "\"result\":null}"));
    }
}

void kdm_plugin_requests_destroy(struct kdm_plugin_requests *requests)
{
    if (requests == NULL)
        return;
    kdm_plugin_requests_stop(requests);
    free_ended(requests);
    free(requests);
}
