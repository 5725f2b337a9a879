/* listen.c - patterns, and who listens to what (device-manager-events.md 1).
 * Registrations are few and come at start, triggers are many: so the work is done here. A
 * registration rebuilds the lists of the events it concerns, and a trigger walks a ready list.
 */
#include "base/arena.h"
#include "event/internal.h"
#include <stdlib.h>

/* Where the name behind the scope begins: after the last ':'; 0: there is no scope. */
static size_t scope_end(struct kdm_str name)
{
    size_t at = name.len;

    while (at > 0 && name.ptr[at - 1] != ':')
        at--;
    return at;
}

static bool has_star(struct kdm_str s)
{
    return s.len > 0 && memchr(s.ptr, '*', s.len) != NULL;
}

/* false when `text` is neither an event name nor one of the three wildcards. */
static bool parse_pattern(struct kdm_str text, struct pattern *ret_pattern)
{
    size_t at = scope_end(text);
    struct kdm_str name, scope;

    if (text.len == 0)
        return false;
    if (!has_star(text)) {
        *ret_pattern = (struct pattern){ .rank = RANK_EXACT, .scope = text };
        return true;
    }
    if (at < 2) /* no scope, or an empty one */
        return false;
    scope = (struct kdm_str){ .ptr = text.ptr, .len = at - 1 };
    name = kdm_str_from(text, at);
    if (has_star(scope) || name.ptr[name.len - 1] != '*')
        return false;
    name.len--;
    if (name.len > 0 && !kdm_str_eq(name, KDM_STR("before")) && !kdm_str_eq(name, KDM_STR("after")))
        return false;
    *ret_pattern = (struct pattern){ .rank = name.len > 0 ? RANK_PREFIX : RANK_SCOPE,
                                     .scope = scope,
                                     .prefix = name };
    return true;
}

bool kdm_bus_is_pattern(struct kdm_str pattern)
{
    struct pattern parsed;

    return parse_pattern(pattern, &parsed);
}

static bool matches(const struct pattern *pattern, struct kdm_str event)
{
    size_t at = scope_end(event);

    if (pattern->rank == RANK_EXACT)
        return kdm_str_eq(pattern->scope, event);
    return at > 0 && kdm_str_eq(pattern->scope, (struct kdm_str){ .ptr = event.ptr, .len = at - 1 })
           && kdm_str_starts(kdm_str_from(event, at), pattern->prefix);
}

static void append(struct listener_list *list, struct listener *listener)
{
    if (list->count == list->cap) {
        list->cap = list->cap == 0 ? 4 : list->cap * 2;
        list->items = kdm_realloc(list->items, list->cap * sizeof(*list->items));
    }
    list->items[list->count++] = listener;
}

static void collect_kind(const struct kdm_bus *bus, struct kdm_event *event, enum kind kind)
{
    const struct listener_list *all = &bus->listeners[kind];

    event->listeners[kind].count = 0;
    for (int rank = 0; rank < RANK_COUNT; rank++) {
        for (size_t i = 0; i < all->count; i++) {
            const struct pattern *pattern = &all->items[i]->pattern;

            if ((int)pattern->rank == rank && matches(pattern, kdm_event_text_str(event->name)))
                append(&event->listeners[kind], all->items[i]);
        }
    }
}

void kdm_event_collect(struct kdm_bus *bus, struct kdm_event *event)
{
    for (int kind = 0; kind < KIND_COUNT; kind++)
        collect_kind(bus, event, (enum kind)kind);
}

static bool add_listener(struct kdm_bus *bus, enum kind kind, struct kdm_str text,
                         kdm_handler_fn *fn, void *self, const char *owner)
{
    struct pattern pattern;
    struct listener *listener;
    struct kdm_str name;
    void *event;

    if (!parse_pattern(text, &pattern))
        return false;
    listener = kdm_zalloc(sizeof(*listener));
    listener->fn = fn;
    listener->self = self;
    listener->owner = (char *)kdm_heap_copy(kdm_str_of(owner)).ptr;
    listener->pattern_text = (char *)kdm_heap_copy(text).ptr;
    parse_pattern((struct kdm_str){ .ptr = listener->pattern_text, .len = text.len },
                  &listener->pattern);
    append(&bus->listeners[kind], listener);
    for (size_t cursor = 0; kdm_table_next(bus->events, &cursor, &name, &event);) {
        if (matches(&pattern, name))
            collect_kind(bus, event, kind);
    }
    return true;
}

bool kdm_bus_on_pipe(struct kdm_bus *bus, struct kdm_str pattern, kdm_handler_fn *fn, void *self,
                     const char *owner)
{
    return add_listener(bus, PIPE, pattern, fn, self, owner);
}

bool kdm_bus_on_hook(struct kdm_bus *bus, struct kdm_str pattern, kdm_handler_fn *fn, void *self,
                     const char *owner)
{
    return add_listener(bus, HOOK, pattern, fn, self, owner);
}

bool kdm_bus_listened(const struct kdm_bus *bus)
{
    return bus->listeners[PIPE].count > 0 || bus->listeners[HOOK].count > 0;
}

void kdm_listeners_fini(struct kdm_bus *bus)
{
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        struct listener_list *list = &bus->listeners[kind];

        for (size_t i = 0; i < list->count; i++) {
            free(list->items[i]->pattern_text);
            free(list->items[i]->owner);
            free(list->items[i]);
        }
        free(list->items);
    }
}
