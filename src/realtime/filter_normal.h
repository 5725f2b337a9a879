/* filter_normal.h - the one form of small filters; private to realtime/.
 * A filter is written as an "or" of "and"s of which none can be shortened or left out (its prime
 * implicants, found by consensus): all filters that follow from each other by the rules of logic,
 * and by what filter_relate.c knows of conditions, get the same one. That form may be exponentially
 * large, so it is bounded; larger filters keep the form that they were simplified to.
 */
#ifndef KDM_REALTIME_FILTER_NORMAL_H
#define KDM_REALTIME_FILTER_NORMAL_H

#include "realtime/filter_internal.h"

/* The form of `root`, or NULL when it is too large. */
struct kdm_filter_node *kdm_filter_normal(struct kdm_arena *arena, struct kdm_filter_node *root);

#endif
