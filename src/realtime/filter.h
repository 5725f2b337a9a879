/* filter.h - a Koncorde filter in its canonical form, and the id of the room of all who want it.
 * Filters that mean the same get the same id, on every node and after every restart: "not" is
 * carried down to the leaves, operands are flattened, sorted and freed of what says nothing new,
 * and small filters are brought to the one form that all propositionally equal ones share
 * (filter_normal.h). Beyond the bounds of that work equality of ids is best effort, as it is
 * upstream (reference koncorde.md 5). The form is itself a Koncorde filter, so it can be stored and
 * parsed again on another node, with the same id. Pure functions over an arena, any thread.
 */
#ifndef KDM_REALTIME_FILTER_H
#define KDM_REALTIME_FILTER_H

#include "search/query.h"

#define KDM_ROOM_ID_LEN 64

struct kdm_filter_limits {
    size_t conditions; /* limits.subscriptionConditionsCount */
    size_t minterms;   /* limits.subscriptionMinterms; 0: no limit */
};

enum kdm_filter_op {
    KDM_FILTER_ALL,  /* every document */
    KDM_FILTER_NONE, /* no document */
    KDM_FILTER_LEAF,
    KDM_FILTER_AND,
    KDM_FILTER_OR
};

/* A node of the normalised tree. ALL and NONE stand only alone; AND holds no AND, OR no OR;
 * children are sorted by text, each once. */
struct kdm_filter_node {
    enum kdm_filter_op op;
    const struct kdm_query *leaf; /* LEAF: a K_ node, negated or not */
    struct kdm_filter_node *const *children;
    size_t count;
    struct kdm_str text; /* as a Koncorde filter, canonical */
};

struct kdm_filter {
    char id[KDM_ROOM_ID_LEN]; /* lower-case hex, no NUL */
    struct kdm_str index, collection;
    struct kdm_str text; /* the root's: parsed again (without limits) it gives the same id */
    const struct kdm_filter_node *root;
};

/* Parses and normalises `filter`, which is borrowed as long as the result lives. `limits` NULL:
 * none (for texts of our own). NULL with *failure: koncorde_dsl_error. */
const struct kdm_filter *kdm_filter_parse(struct kdm_arena *arena,
                                          const struct kdm_filter_limits *limits,
                                          struct kdm_str index, struct kdm_str collection,
                                          struct kdm_val filter, struct kdm_failure *failure);

#endif
