/* call.c - one handler at work.
 * Handlers are other people's code. One may end its call twice, or long after the run was cut off
 * by its deadline; neither may bring the server down. So a call's memory is never given back while
 * the bus lives: an ended call rests, is known as ended, and is used again only after RESTING
 * others have ended. And a call whose run has gone keeps its texts, which its handler may still be
 * reading, until the handler ends it; only a handler that abandons call after call loses the
 * oldest.
 */
#include "base/arena.h"
#include "base/log.h"
#include "event/internal.h"
#include <stdlib.h>

#define RESTING       1024
#define MAX_ABANDONED 1024

struct kdm_event_call {
    struct kdm_bus *bus;
    TAILQ_ENTRY(kdm_event_call) link; /* in bus->resting or bus->abandoned */
    enum call_state state;
    const struct kdm_event *event; /* this and the next stay for the log when it has ended */
    const struct listener *listener;
    struct kdm_event_run *run; /* CALL_PIPE only */
    struct kdm_event_text *payload, *id;
    int attempt;
    void *origin;
};

static struct kdm_event_call *take_memory(struct kdm_bus *bus)
{
    struct kdm_event_call *call = TAILQ_FIRST(&bus->resting);

    if (bus->resting_count < RESTING)
        return kdm_zalloc(sizeof(*call));
    TAILQ_REMOVE(&bus->resting, call, link);
    bus->resting_count--;
    return call;
}

struct kdm_event_call *kdm_call_create(struct kdm_bus *bus, enum call_state state,
                                       const struct call_start *start,
                                       const struct listener *listener, struct kdm_event_run *run)
{
    struct kdm_event_call *call = take_memory(bus);

    *call = (struct kdm_event_call){ .bus = bus,
                                     .state = state,
                                     .event = start->event,
                                     .listener = listener,
                                     .run = run,
                                     .payload = kdm_event_text_hold(start->payload),
                                     .id = kdm_event_text_hold(start->id),
                                     .attempt = start->attempt,
                                     .origin = start->origin };
    return call;
}

static void drop_texts(struct kdm_event_call *call)
{
    kdm_event_text_release(call->payload);
    kdm_event_text_release(call->id);
    call->payload = call->id = NULL;
}

void kdm_call_end(struct kdm_event_call *call)
{
    struct kdm_bus *bus = call->bus;

    if (call->state == CALL_ABANDONED) {
        TAILQ_REMOVE(&bus->abandoned, call, link);
        bus->abandoned_count--;
    }
    drop_texts(call);
    call->state = CALL_ENDED;
    call->run = NULL;
    call->origin = NULL;
    call->attempt = 0;
    TAILQ_INSERT_TAIL(&bus->resting, call, link);
    bus->resting_count++;
}

void kdm_call_abandon(struct kdm_event_call *call)
{
    struct kdm_bus *bus = call->bus;

    call->state = CALL_ABANDONED;
    call->run = NULL;
    call->origin = NULL;
    TAILQ_INSERT_TAIL(&bus->abandoned, call, link);
    if (++bus->abandoned_count > MAX_ABANDONED) {
        struct kdm_event_call *oldest = TAILQ_FIRST(&bus->abandoned);

        kdm_log_warn("event: %s never ended its call of " KDM_FMT, oldest->listener->owner,
                     KDM_ARG(kdm_event_name(oldest->event)));
        kdm_call_end(oldest);
    }
}

static void free_calls(struct call_list *list)
{
    struct kdm_event_call *call;

    while ((call = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, call, link);
        drop_texts(call);
        free(call);
    }
}

void kdm_calls_fini(struct kdm_bus *bus)
{
    free_calls(&bus->abandoned);
    free_calls(&bus->resting);
}

void kdm_call_hooks(struct kdm_bus *bus, const struct call_start *start)
{
    const struct listener_list *hooks = &start->event->listeners[HOOK];

    for (size_t i = 0; i < hooks->count; i++) {
        const struct listener *hook = hooks->items[i];
        struct kdm_event_call *call = kdm_call_create(bus, CALL_HOOK, start, hook, NULL);

        hook->fn(hook->self, call);
        kdm_call_end(call);
    }
}

struct kdm_str kdm_call_event(const struct kdm_event_call *call)
{
    return call->state == CALL_ENDED ? KDM_STR_NONE : kdm_event_name(call->event);
}

struct kdm_str kdm_call_payload(const struct kdm_event_call *call)
{
    return kdm_event_text_str(call->payload);
}

struct kdm_str kdm_call_id(const struct kdm_event_call *call)
{
    return kdm_event_text_str(call->id);
}

int kdm_call_attempt(const struct kdm_event_call *call)
{
    return call->attempt;
}

void *kdm_call_origin(const struct kdm_event_call *call)
{
    return call->origin;
}

const char *kdm_call_owner(const struct kdm_event_call *call)
{
    return call->listener->owner;
}

/* Ends the call. Returns the run that waits for it, or NULL when none does: then all is done. */
static struct kdm_event_run *end_by_handler(struct kdm_event_call *call)
{
    struct kdm_event_run *run = call->run;

    if (call->state == CALL_PIPE || call->state == CALL_ABANDONED) {
        kdm_call_end(call);
        return run;
    }
    kdm_log_error("event: %s ended a call of " KDM_FMT " %s; ignored", call->listener->owner,
                  KDM_ARG(kdm_event_name(call->event)),
                  call->state == CALL_HOOK ? "that is a hook" : "that has ended");
    return NULL;
}

void kdm_call_next(struct kdm_event_call *call, struct kdm_str payload)
{
    struct kdm_event_text *next =
        kdm_event_text_create(payload); /* first: it may be a piece of the old one */
    struct kdm_event_run *run = end_by_handler(call);

    if (run == NULL)
        kdm_event_text_release(next);
    else
        kdm_run_next(run, next);
}

void kdm_call_fail(struct kdm_event_call *call, int status, struct kdm_str id,
                   struct kdm_str message)
{
    struct kdm_event_text *own_id = kdm_event_text_create(id);
    struct kdm_event_text *own_message = kdm_event_text_create(message);
    struct kdm_event_run *run = end_by_handler(call);

    if (run == NULL) {
        kdm_event_text_release(own_id);
        kdm_event_text_release(own_message);
        return;
    }
    kdm_run_fail(run, status >= 400 && status <= 599 ? status : 500, own_id, own_message);
}
