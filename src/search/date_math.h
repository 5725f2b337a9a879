/* date_math.h - "now-1d/d", "2020-01-01||+1M/M" and plain dates, as range queries write them. Pure.
 */
#ifndef KDM_SEARCH_DATE_MATH_H
#define KDM_SEARCH_DATE_MATH_H

#include "search/zone.h"
#include "store/mapping_value.h"

/* How dates of a query are read; all zero: as the field's own, in UTC. */
struct kdm_date_reading {
    const struct kdm_date_format *format; /* NULL: the field's own */
    const struct kdm_zone *zone;          /* of what names no offset, and of rounding */
};

/* Days, weeks, months and years are those of the zone's calendar. `round_up`: to the last
 * millisecond of what is rounded to or left out. false: not a date. */
bool kdm_date_math(const struct kdm_date_format *format, struct kdm_str text, int64_t now_ms,
                   bool round_up, const struct kdm_zone *zone, int64_t *ret_ms);

#endif
