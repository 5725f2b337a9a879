/* koncorde.h - Koncorde's own notions of points and distances; private to search/. */
#ifndef KDM_SEARCH_KONCORDE_H
#define KDM_SEARCH_KONCORDE_H

#include "search/query.h"

/* [lat, lon], "lat, lon", geohash, {lat, lon}, {latLon: any of them}; no range check (koncorde.md
 * 3). */
bool kdm_koncorde_point(struct kdm_arena *arena, struct kdm_val value, struct kdm_point *ret_point);

/* "1 km", "3 258,55 Ft": a number with a unit, metric prefixes on any of them. */
bool kdm_koncorde_distance(struct kdm_str text, double *ret_metres);

/* A K_ leaf against a document, its negation included. */
bool kdm_koncorde_match(const struct kdm_query *query, struct kdm_arena *scratch,
                        const struct kdm_query_document *document,
                        const struct kdm_query **too_costly);

#endif
