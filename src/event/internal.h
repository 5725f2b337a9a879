/* internal.h - what the files of event/ share.
 * bus.c: the bus and its events; listen.c: patterns and who listens; call.c: one handler at work;
 * run.c: a triggered event on its way through its pipes.
 */
#ifndef KDM_EVENT_INTERNAL_H
#define KDM_EVENT_INTERNAL_H

#include "event/bus.h"
#include <sys/queue.h>

/* A text with several holders: the run, the call at work, and calls that outlive their run. */
struct kdm_event_text {
    unsigned holders;
    size_t len;
    char bytes[]; /* with a NUL behind it */
};

struct kdm_event_text *kdm_event_text_create(struct kdm_str s); /* NULL for none */
struct kdm_event_text *kdm_event_text_hold(struct kdm_event_text *text);
void kdm_event_text_release(struct kdm_event_text *text); /* NULL is fine */
struct kdm_str kdm_event_text_str(const struct kdm_event_text *text);

enum kind { PIPE, HOOK, KIND_COUNT };

/* The order in which listeners of one event run. */
enum rank { RANK_EXACT, RANK_PREFIX, RANK_SCOPE, RANK_COUNT };

/* What a pattern listens to: an event's whole name, or all names of a scope with a beginning. */
struct pattern {
    enum rank rank;
    struct kdm_str scope;  /* RANK_EXACT: the whole name */
    struct kdm_str prefix; /* "before", "after" or empty */
};

struct listener {
    struct pattern pattern; /* its texts are in pattern_text */
    kdm_handler_fn *fn;
    void *self;
    char *pattern_text, *owner;
};

struct listener_list {
    struct listener **items;
    size_t count, cap;
};

struct kdm_event {
    struct kdm_event_text *name;
    struct listener_list listeners[KIND_COUNT]; /* borrowed from the bus, in running order */
};

LIST_HEAD(run_list, kdm_event_run);
TAILQ_HEAD(call_list, kdm_event_call);

struct kdm_bus {
    struct kdm_table *events;                   /* struct kdm_event by name */
    struct listener_list listeners[KIND_COUNT]; /* owned, as they came */
    struct run_list waiting;                    /* runs whose handler has not ended its call yet */
    struct call_list resting;                   /* ended calls, the longest ended first */
    size_t resting_count;
    struct call_list abandoned; /* calls that outlive their run, the oldest first */
    size_t abandoned_count;
};

/* Fills in who listens to a new event. */
void kdm_event_collect(struct kdm_bus *bus, struct kdm_event *event);
void kdm_listeners_fini(struct kdm_bus *bus);

enum call_state {
    CALL_ENDED,
    CALL_PIPE,      /* its run waits for it */
    CALL_HOOK,      /* ends when its handler returns */
    CALL_ABANDONED, /* its run has gone; its texts stay until the handler ends it */
};

/* Where a call came from and what it shows. Texts are borrowed. */
struct call_start {
    struct kdm_event *event;
    struct kdm_event_text *payload, *id;
    int attempt;
    void *origin;
};

struct kdm_event_call *kdm_call_create(struct kdm_bus *bus, enum call_state state,
                                       const struct call_start *start,
                                       const struct listener *listener, struct kdm_event_run *run);
/* The call shows nothing any more. Its memory stays for a while, see call.c. */
void kdm_call_end(struct kdm_event_call *call);
/* Its run goes without waiting for it. */
void kdm_call_abandon(struct kdm_event_call *call);
void kdm_calls_fini(struct kdm_bus *bus);

/* Runs one handler after the other over the same payload. */
void kdm_call_hooks(struct kdm_bus *bus, const struct call_start *start);

/* A pipe's handler has ended its call. `payload` NULL: as it was. Both take their texts. */
void kdm_run_next(struct kdm_event_run *run, struct kdm_event_text *payload);
void kdm_run_fail(struct kdm_event_run *run, int status, struct kdm_event_text *id,
                  struct kdm_event_text *message);
void kdm_runs_fini(struct kdm_bus *bus);

#endif
