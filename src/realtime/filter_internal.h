/* filter_internal.h - parts of normalising a filter; private to realtime/. */
#ifndef KDM_REALTIME_FILTER_INTERNAL_H
#define KDM_REALTIME_FILTER_INTERNAL_H

#include "realtime/filter.h"

/* A leaf as a Koncorde filter. `inner`: of a select, the text of its normalised query. */
struct kdm_str kdm_filter_leaf_text(struct kdm_arena *arena, const struct kdm_query *leaf,
                                    struct kdm_str inner);

/* A JSON value so that equal ones have the same text: members sorted, each once, numbers in their
 * shortest form, strings escaped one way. */
void kdm_filter_put_value(struct kdm_buf *buf, struct kdm_val value);

/* "and" or "or" of `children`, which the group takes and sorts: without what is neutral, each once,
 * NONE or ALL when one of them decides it. Operands must not be groups of the same kind. */
struct kdm_filter_node *kdm_filter_group(struct kdm_arena *arena, enum kdm_filter_op op,
                                         struct kdm_filter_node **children, size_t count);

/* --- filter_relate.c: of two leaves with different texts ---------------------------------- */

/* Whenever `a` holds, `b` does. */
bool kdm_filter_implies(const struct kdm_query *a, const struct kdm_query *b);
/* They never hold together. */
bool kdm_filter_excludes(const struct kdm_query *a, const struct kdm_query *b);
/* Is `not` written as the negation of `plain`? */
bool kdm_filter_denies(const struct kdm_filter_node * not, const struct kdm_filter_node *plain);
/* One of them always holds, never both. */
bool kdm_filter_complements(const struct kdm_filter_node *a, const struct kdm_filter_node *b);

#endif
