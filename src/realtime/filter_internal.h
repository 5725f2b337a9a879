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

#endif
