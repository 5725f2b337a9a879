/* broken_refuses.c - for the loader's tests: registers, asks, sets a timer, posts, and then
 * refuses. */
#include <kdm/plugin.h>
#include <stdlib.h>

static void on_event(void *self, struct kdm_event_call *call)
{
    (void)self, (void)call;
    abort();
}

static void on_later(void *arg)
{
    (void)arg;
    abort();
}

static void on_reply(void *arg, const char *reply)
{
    (void)arg, (void)reply;
    abort();
}

static int load(struct kdm_host *host, const char *config, void **ret_self)
{
    (void)config, (void)ret_self;
    kdm_host_pipe(host, "test:*", on_event);
    kdm_host_after(host, 0, on_later, NULL);
    kdm_host_post(host, on_later, NULL);
    kdm_host_request(host, NULL, "{}", on_reply, NULL);
    return 7;
}

KDM_PLUGIN(.name = "broken-refuses", .load = load);
