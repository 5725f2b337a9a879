/* geometry.h - distances and areas on the globe. Pure, any thread. */
#ifndef KDM_SEARCH_GEOMETRY_H
#define KDM_SEARCH_GEOMETRY_H

#include "store/mapping_value.h"

/* Metres on a sphere of 6371008.7714 m, as Elasticsearch measures. */
double kdm_geo_sphere(struct kdm_point a, struct kdm_point b);

/* Metres on the WGS84 ellipsoid in Andoyer's first order, as Koncorde measures. */
double kdm_geo_ellipsoid(struct kdm_point a, struct kdm_point b);

/* Inside or on the border. A box whose left is greater than its right crosses the antimeridian. */
bool kdm_geo_in_box(struct kdm_point point, struct kdm_point top_left,
                    struct kdm_point bottom_right);

/* Boxes as their top left and bottom right corners. Have they a place in common, borders too; does
 * the second hold the first? */
bool kdm_geo_boxes_meet(const struct kdm_point a[2], const struct kdm_point b[2]);
bool kdm_geo_box_within(const struct kdm_point inner[2], const struct kdm_point outer[2]);

/* Inside or on the border; edges are straight in degrees; closed by itself. */
bool kdm_geo_in_polygon(struct kdm_point point, const struct kdm_point *points, size_t count);

/* The same with edges along great circles, the shorter way round, as Koncorde has them. No pole may
 * lie inside. */
bool kdm_geo_in_great_polygon(struct kdm_point point, const struct kdm_point *points, size_t count);

/* Degrees from the equator beyond which the great circle between two points less than 180 degrees
 * of longitude apart does not go. */
double kdm_geo_great_reach(struct kdm_point a, struct kdm_point b);

#endif
