/* call.c - events on their way into a plugin and back.
 * What a plugin returns is checked here, once: behind this border a payload is canonical JSON,
 * whoever listened to the event.
 */
#include "base/arena.h"
#include "base/log.h"
#include "event/bus.h"
#include "plugin/internal.h"

void kdm_plugin_on_call(void *self, struct kdm_event_call *call)
{
    struct listener *listener = self;

    if (listener->host->state == HOST_RUNNING)
        listener->handler(listener->host->self, call);
    else if (listener->is_pipe)
        kdm_call_next(call, KDM_STR_NONE);
}

static const char *or_empty(struct kdm_str s)
{
    return kdm_str_none(s) ? "" : s.ptr; /* texts of calls have a NUL behind them */
}

const char *kdm_host_event(const struct kdm_event_call *call)
{
    return or_empty(kdm_call_event(call));
}

const char *kdm_host_payload(const struct kdm_event_call *call)
{
    return or_empty(kdm_call_payload(call));
}

const char *kdm_host_event_id(const struct kdm_event_call *call)
{
    return or_empty(kdm_call_id(call));
}

int kdm_host_attempt(const struct kdm_event_call *call)
{
    return kdm_call_attempt(call);
}

/* The plugin has made a mistake: says which, to the log and to whoever waits. */
static void fail_unexpectedly(struct kdm_event_call *call, struct kdm_arena *arena,
                              struct kdm_str reason)
{
    struct kdm_failure failure;

    kdm_log_error("plugin %s: on " KDM_FMT ": " KDM_FMT, kdm_call_owner(call),
                  KDM_ARG(kdm_call_event(call)), KDM_ARG(reason));
    kdm_failure_set(&failure, arena, KDM_ERR_PLUGIN_RUNTIME_UNEXPECTED_ERROR, KDM_PROPS(reason));
    kdm_call_fail(call, failure.status, kdm_str_of(kdm_err_row(failure.err)->id), failure.message);
}

void kdm_host_next(struct kdm_event_call *call, const char *payload)
{
    struct kdm_str checked = KDM_STR_NONE, reason = KDM_STR_NONE;
    struct kdm_arena arena;

    kdm_arena_init(&arena, 4096);
    if (payload != NULL)
        checked = kdm_plugin_check_json(&arena, kdm_str_of(payload), &reason);
    if (kdm_str_none(reason))
        kdm_call_next(call, checked);
    else
        fail_unexpectedly(call, &arena, reason);
    kdm_arena_fini(&arena);
}

void kdm_host_fail(struct kdm_event_call *call, int status, const char *id, const char *message)
{
    struct kdm_str own_message = kdm_str_of(message == NULL ? "" : message);
    struct kdm_arena arena;

    kdm_arena_init(&arena, 1024);
    if (kdm_plugin_is_utf8(&arena, own_message)
        && (id == NULL || kdm_plugin_is_utf8(&arena, kdm_str_of(id))))
        kdm_call_fail(call, status, kdm_str_of(id), own_message);
    else
        fail_unexpectedly(call, &arena, KDM_STR("it failed with a text that is not UTF-8"));
    kdm_arena_fini(&arena);
}
