/* ask.c - a plugin's requests to the API, as the plugin sees them (requests.c: as the API does).
 * Each gets its reply exactly once and never from inside, so that a plugin need not be ready for it
 * before it has asked; and also when kdmd ends, so that what a plugin keeps for the reply can be
 * freed.
 */
#include "base/arena.h"
#include "plugin/internal.h"
#include <stdio.h>
#include <stdlib.h>

struct kdm_plugin_ask {
    LIST_ENTRY(kdm_plugin_ask) link; /* in host->asks */
    struct kdm_host *host;           /* NULL: the plugin has had its reply */
    kdm_host_reply *on_reply;
    void *arg;
    bool inside; /* still inside kdm_host_request() */
    char *reply; /* that came so early */
};

/* Gives the plugin its reply. */
static void tell(struct kdm_plugin_ask *ask, const char *reply)
{
    struct kdm_host *host = ask->host;

    LIST_REMOVE(ask, link);
    ask->host = NULL;
    if (host->state != HOST_GONE)
        ask->on_reply(ask->arg, reply);
}

static void deliver(void *arg)
{
    struct kdm_plugin_ask *ask = arg;

    if (ask->host != NULL)
        tell(ask, ask->reply);
    free(ask->reply);
    free(ask);
}

static void on_reply(void *done_ctx, struct kdm_str reply_json)
{
    struct kdm_plugin_ask *ask = done_ctx;

    ask->reply = kdm_plugin_copy(reply_json);
    if (!ask->inside)
        deliver(ask);
}

/* Where nobody wants the reply. */
static void ignore_reply(void *arg, const char *reply)
{
    (void)arg;
    (void)reply;
}

void kdm_host_request(struct kdm_host *host, struct kdm_event_call *call, const char *request,
                      kdm_host_reply *plugin_on_reply, void *arg)
{
    const struct kdm_plugin_services *services = &host->native->services;
    struct kdm_plugin_ask *ask = kdm_zalloc(sizeof(*ask));

    ask->host = host;
    ask->on_reply = plugin_on_reply != NULL ? plugin_on_reply : ignore_reply;
    ask->arg = arg;
    ask->inside = true;
    LIST_INSERT_HEAD(&host->asks, ask, link);
    services->request(services->ctx, call, kdm_str_of(request), on_reply, ask);
    ask->inside = false;
    if (ask->reply != NULL)
        kdm_plugin_post(host->native, NULL, deliver, ask);
}

/* Those asked meanwhile are not answered, or a plugin that tries again would keep us here. */
void kdm_plugin_end_requests(struct kdm_host *host)
{
    const struct kdm_err_row *row = kdm_err_row(KDM_ERR_API_PROCESS_SHUTTING_DOWN);
    struct kdm_plugin_asks asks = LIST_HEAD_INITIALIZER(asks);
    struct kdm_plugin_ask *ask;
    char reply[512];

    snprintf(
        reply, sizeof(reply),
        "{\"status\":%d,\"error\":{\"id\":\"%s\",\"code\":%u,\"message\":\"%s\",\"status\":%d},"
        "\"result\":null}",
        row->status, row->id, row->code, row->text, row->status);
    while ((ask = LIST_FIRST(&host->asks)) != NULL) {
        LIST_REMOVE(ask, link);
        LIST_INSERT_HEAD(&asks, ask, link);
    }
    while ((ask = LIST_FIRST(&asks)) != NULL)
        tell(ask, reply);
}
