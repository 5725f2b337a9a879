/* koncorde.h - Koncorde's own notions: points and distances, paths, and how its leaves compare.
 * Pure, over an arena; used by search/ and by the realtime matcher. */
#ifndef KDM_SEARCH_KONCORDE_H
#define KDM_SEARCH_KONCORDE_H

#include "search/query.h"

/* [lat, lon], "lat, lon", geohash, {lat, lon}, {latLon: any of them}; no range check (koncorde.md
 * 3). */
bool kdm_koncorde_point(struct kdm_arena *arena, struct kdm_val value, struct kdm_point *ret_point);

/* "1 km", "3 258,55 Ft": a number with a unit, metric prefixes on any of them. */
bool kdm_koncorde_distance(struct kdm_str text, double *ret_metres);

/* Is the number within the bounds of a K_RANGE leaf? Its negation is not looked at. */
bool kdm_koncorde_in_range(const struct kdm_query *query, struct kdm_number number);

/* Is the point in the area of a K_GEO_ leaf? Its negation is not looked at. */
bool kdm_koncorde_inside(const struct kdm_query *query, struct kdm_point point);

/* The value at a dotted path through plain objects; arrays are never entered. A member that is
 * itself called "a.b" counts too; of several the last in the text. */
struct kdm_val kdm_koncorde_value(struct kdm_arena *scratch, struct kdm_val object,
                                  struct kdm_str path);

/* The document's id as a value, for filters on "_id". None: none. */
struct kdm_val kdm_koncorde_id(struct kdm_arena *scratch, struct kdm_str id);

/* A K_ leaf against the value at its path (NONE: there is none), its negation included.
 * *too_costly as in kdm_query_match(). */
bool kdm_koncorde_leaf(const struct kdm_query *query, struct kdm_arena *scratch,
                       struct kdm_val value, const struct kdm_query **too_costly);

/* The same against a document. */
bool kdm_koncorde_match(const struct kdm_query *query, struct kdm_arena *scratch,
                        const struct kdm_query_document *document,
                        const struct kdm_query **too_costly);

#endif
