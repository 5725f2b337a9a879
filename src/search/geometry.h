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

/* Inside or on the border; edges are straight in degrees; closed by itself. */
bool kdm_geo_in_polygon(struct kdm_point point, const struct kdm_point *points, size_t count);

#endif
