/* bus.c - the bus itself: its events, interned by name.
 * Each event knows its listeners in running order, so that asking "does anybody listen?" - which
 * every action does - is one lookup, and none for who keeps the event.
 */
#include "base/arena.h"
#include "event/internal.h"
#include <stdlib.h>

struct kdm_bus *kdm_bus_create(const struct kdm_hash_seed *seed)
{
    struct kdm_bus *bus = kdm_zalloc(sizeof(*bus));

    bus->events = kdm_table_create(seed);
    LIST_INIT(&bus->waiting);
    TAILQ_INIT(&bus->resting);
    TAILQ_INIT(&bus->abandoned);
    return bus;
}

static void free_event(void *value)
{
    struct kdm_event *event = value;

    for (int kind = 0; kind < KIND_COUNT; kind++)
        free(event->listeners[kind].items);
    kdm_event_text_release(event->name);
    free(event);
}

void kdm_bus_destroy(struct kdm_bus *bus)
{
    if (bus == NULL)
        return;
    kdm_runs_fini(bus);
    kdm_calls_fini(bus);
    kdm_table_destroy(bus->events, free_event);
    kdm_listeners_fini(bus);
    free(bus);
}

struct kdm_event *kdm_bus_event(struct kdm_bus *bus, struct kdm_str name)
{
    struct kdm_event *event = kdm_table_get(bus->events, name);

    if (event != NULL)
        return event;
    event = kdm_zalloc(sizeof(*event));
    event->name = kdm_event_text_create(name);
    kdm_event_collect(bus, event);
    kdm_table_put(bus->events, name, event);
    return event;
}

struct kdm_str kdm_event_name(const struct kdm_event *event)
{
    return kdm_event_text_str(event->name);
}

bool kdm_event_has_pipes(const struct kdm_event *event)
{
    return event->listeners[PIPE].count > 0;
}

bool kdm_event_has_hooks(const struct kdm_event *event)
{
    return event->listeners[HOOK].count > 0;
}

struct kdm_event_text *kdm_event_text_create(struct kdm_str s)
{
    struct kdm_event_text *text;

    if (kdm_str_none(s))
        return NULL;
    text = kdm_malloc(sizeof(*text) + s.len + 1);
    text->holders = 1;
    text->len = s.len;
    memcpy(text->bytes, s.ptr, s.len);
    text->bytes[s.len] = '\0';
    return text;
}

struct kdm_event_text *kdm_event_text_hold(struct kdm_event_text *text)
{
    if (text != NULL)
        text->holders++;
    return text;
}

void kdm_event_text_release(struct kdm_event_text *text)
{
    if (text != NULL && --text->holders == 0)
        free(text);
}

struct kdm_str kdm_event_text_str(const struct kdm_event_text *text)
{
    if (text == NULL)
        return KDM_STR_NONE;
    return (struct kdm_str){ .ptr = text->bytes, .len = text->len };
}
