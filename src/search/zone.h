/* zone.h - time zones: "Europe/Paris", "+02:00", "UTC".
 * A zone is a table of its offsets made once from the system's tzdata (by GLib, which reads it for
 * any zone on any thread, unlike libc), from 1900 to 2100; outside of that the nearest offset
 * holds. Pure once made, any thread.
 */
#ifndef KDM_SEARCH_ZONE_H
#define KDM_SEARCH_ZONE_H

#include "base/arena.h"
#include <stdint.h>

struct kdm_zone; /* immutable, in its arena; NULL stands for UTC in all calls */

/* false: there is none of that name. */
bool kdm_zone_find(struct kdm_arena *arena, struct kdm_str name, const struct kdm_zone **ret_zone);

/* What must be added to UTC for the local time; all in milliseconds. */
int64_t kdm_zone_offset(const struct kdm_zone *zone, int64_t utc_ms);

/* The moment at which clocks show `local_ms`: the earlier one when they show it twice; when they
 * leap over it, as if they had not leapt yet. */
int64_t kdm_zone_to_utc(const struct kdm_zone *zone, int64_t local_ms);

#endif
