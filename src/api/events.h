/* events.h - what listeners hear of requests: private to api/.
 * <controller>:before<Action> and :after<Action> are pipes that may change the arguments and the
 * result, :error<Action> is a hook; request:onAuthorized and request:onSuccess are pipes,
 * request:onUnauthorized and request:onError hooks. All get the request as one JSON object:
 *   {"id", "timestamp", "status", "error", "result",
 *    "input":{"controller","action","args":{..},"body","volatile"},
 *    "context":{"connection":{"id","protocol"},"user":{"_id"}}}
 * Nothing of it is built when nobody listens. Loop thread only.
 */
#ifndef KDM_API_EVENTS_H
#define KDM_API_EVENTS_H

#include "api/step.h"
#include "event/bus.h"

struct kdm_events;
struct kdm_protocol;

/* The events of one action, interned. */
struct kdm_action_events {
    struct kdm_event *before, *after, *error;
};

struct kdm_events {
    struct kdm_bus *bus;
    struct kdm_action_events *actions; /* by number */
    struct kdm_event *authorized, *unauthorized, *success, *error;
};

struct kdm_api_options;

struct kdm_events *kdm_events_create(struct kdm_bus *bus, const struct kdm_api_options *options);
/* NULL is fine. */
void kdm_events_destroy(struct kdm_events *events);

/* Runs an event's pipes over the request, then its hooks. What the pipes made of the arguments
 * (before the action) or of result and status (after it) is taken over. `event` may be NULL:
 * nothing. */
enum kdm_step_result kdm_events_pipe(struct kdm_request *request, struct kdm_event *event);

/* Runs an event's hooks. Neither does anything for a silent request. */
void kdm_events_hook(struct kdm_request *request, struct kdm_event *event);

#endif
