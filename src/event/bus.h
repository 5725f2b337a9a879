/* bus.h - hooks and pipes: how code outside an action takes part in it.
 * A pipe runs before the operation goes on: it may wait, change the payload or refuse. A hook hears
 * of what happened and is not waited for. Who listens (native plugins, later the application host) is
 * not the bus's business. Pipes of one event run one after the other, each receiving what the one before
 * returned; exact listeners first, then "scope:before*" / "scope:after*", then "scope:*", where scope is
 * everything before the last ':' (device-manager-events.md 1). Payloads are JSON texts.
 * Handlers are at-least-once: after a lost race an action may trigger the same event again, with the same
 * event id and a higher attempt. Loop thread only.
 */
#ifndef KDM_EVENT_BUS_H
#define KDM_EVENT_BUS_H

#include "base/err.h"
#include "base/hash.h"

struct kdm_bus;
struct kdm_event;      /* an event name with its listeners, interned: cheap to keep and to ask */
struct kdm_event_call; /* one pipe or hook being run */

struct kdm_bus *kdm_bus_create(const struct kdm_hash_seed *seed);
/* Calls that still run are dropped: their done functions are not called. NULL is fine. */
void kdm_bus_destroy(struct kdm_bus *bus);

/* Does anybody listen to anything at all? While not, an event's name need not even be looked up. */
bool kdm_bus_listened(const struct kdm_bus *bus);

/* The event of that name, made at the first ask; lives as long as the bus. */
struct kdm_event *kdm_bus_event(struct kdm_bus *bus, struct kdm_str name);
struct kdm_str kdm_event_name(const struct kdm_event *event);

/* Has it listeners? When not, payloads need not be built. Follows later registrations. */
bool kdm_event_has_pipes(const struct kdm_event *event);
bool kdm_event_has_hooks(const struct kdm_event *event);

/* A handler. A pipe must end its call exactly once, at once or later, with kdm_call_next() or
 * kdm_call_fail(); a hook's call ends by itself when its handler returns. */
typedef void kdm_handler_fn(void *self, struct kdm_event_call *call);

/* `pattern`: an event name, or "scope:*", "scope:before*", "scope:after*". Returns false when it is none.
 * `owner` names the listener in the log (copied). */
bool kdm_bus_on_pipe(struct kdm_bus *bus, struct kdm_str pattern, kdm_handler_fn *fn, void *self,
                     const char *owner);
bool kdm_bus_on_hook(struct kdm_bus *bus, struct kdm_str pattern, kdm_handler_fn *fn, void *self,
                     const char *owner);

/* Is it a pattern? */
bool kdm_bus_is_pattern(struct kdm_str pattern);

/* What a handler may see; texts are lent until the handler ends the call, also when the run has gone
 * meanwhile, and have a NUL behind them. A call that has ended shows nothing. */
struct kdm_str kdm_call_event(const struct kdm_event_call *call);
struct kdm_str kdm_call_payload(const struct kdm_event_call *call); /* JSON text */
struct kdm_str kdm_call_id(const struct kdm_event_call *call);      /* stable over attempts */
int kdm_call_attempt(const struct kdm_event_call *call);            /* 1, 2, .. */
/* The trigger's `origin`: an opaque reference by which requests made from the handler know their
 * parent (tx/nested.h). NULL once nobody waits for the call any more: it has ended, or its run was
 * cancelled or is past its deadline. */
void *kdm_call_origin(const struct kdm_event_call *call);
/* Who listens, for the log. */
const char *kdm_call_owner(const struct kdm_event_call *call);

/* Ends a pipe's call: the next listener gets `payload` (copied), or what this one got when none. Ending a
 * call again, or a hook's, is logged and ignored; ending one whose run has gone does nothing. */
void kdm_call_next(struct kdm_event_call *call, struct kdm_str payload);

/* Ends a pipe's call and the whole operation with this error (copied). `id` none: a bare error. A status
 * that is no error (400 to 599) becomes 500. */
void kdm_call_fail(struct kdm_event_call *call, int status, struct kdm_str id, struct kdm_str message);

/* How a triggered pipe ended. payload: what the last listener returned, lent until done returns. */
struct kdm_event_result {
    bool failed;
    struct kdm_str payload;
    int status;
    struct kdm_str id, message;
};
typedef void kdm_event_done_fn(void *ctx, const struct kdm_event_result *result);

/* Runs the event's pipes over `payload` (copied), then its hooks, then `done`: from inside this call when no
 * handler waited. Returns a run that kdm_bus_cancel() takes until done was called (then it is gone), or NULL
 * when done was called inside. `deadline_ms` (monotonic): a pipe that has not ended by then is a failure of
 * status 504; its late end is ignored. */
struct kdm_event_run *kdm_bus_pipe(struct kdm_bus *bus, struct kdm_event *event, struct kdm_str payload,
                                   struct kdm_str event_id, int attempt, void *origin,
                                   int64_t deadline_ms, kdm_event_done_fn *done, void *ctx);

/* The one who waits has gone: done is not called any more. */
void kdm_bus_cancel(struct kdm_event_run *run);

/* Runs the event's hooks; they get their own copy. */
void kdm_bus_hook(struct kdm_bus *bus, struct kdm_event *event, struct kdm_str payload,
                  struct kdm_str event_id, void *origin);

/* To be called now and then by the loop's owner: ends runs past their deadline. */
void kdm_bus_sweep(struct kdm_bus *bus, int64_t now_ms);

#endif
