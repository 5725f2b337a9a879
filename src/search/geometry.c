/* geometry.c - see geometry.h. */
#include "search/geometry.h"
#include <math.h>

#define RADIANS(degrees) ((degrees) * (M_PI / 180))
#define SPHERE           6371008.7714
#define AXIS             6378137.0
#define FLATTENING       (1 / 298.257223563)

static double half_angle(struct kdm_point a, struct kdm_point b)
{
    double lat = sin(RADIANS(b.lat - a.lat) / 2), lon = sin(RADIANS(b.lon - a.lon) / 2);
    double h = lat * lat + cos(RADIANS(a.lat)) * cos(RADIANS(b.lat)) * lon * lon;

    return asin(sqrt(fmin(1, h)));
}

double kdm_geo_sphere(struct kdm_point a, struct kdm_point b)
{
    return 2 * SPHERE * half_angle(a, b);
}

double kdm_geo_ellipsoid(struct kdm_point a, struct kdm_point b)
{
    double f = RADIANS((a.lat + b.lat) / 2), g = RADIANS((a.lat - b.lat) / 2);
    double l = RADIANS((a.lon - b.lon) / 2);
    double sin2_g = sin(g) * sin(g), cos2_g = cos(g) * cos(g);
    double sin2_f = sin(f) * sin(f), cos2_f = cos(f) * cos(f);
    double sin2_l = sin(l) * sin(l), cos2_l = cos(l) * cos(l);
    double s = sin2_g * cos2_l + cos2_f * sin2_l, c = cos2_g * cos2_l + sin2_f * sin2_l;
    double omega, r;

    if (s <= 0)
        return 0;
    if (c <= 0) /* opposite ends of the globe: half a meridian */
        return 20003931.4586;
    omega = atan(sqrt(s / c));
    r = sqrt(s * c) / omega;
    return 2 * omega * AXIS
           * (1 + FLATTENING * (3 * r - 1) / (2 * c) * sin2_f * cos2_g
              - FLATTENING * (3 * r + 1) / (2 * s) * cos2_f * sin2_g);
}

bool kdm_geo_in_box(struct kdm_point point, struct kdm_point top_left,
                    struct kdm_point bottom_right)
{
    if (point.lat > top_left.lat || point.lat < bottom_right.lat)
        return false;
    if (top_left.lon <= bottom_right.lon)
        return point.lon >= top_left.lon && point.lon <= bottom_right.lon;
    return point.lon >= top_left.lon || point.lon <= bottom_right.lon;
}

static bool on_edge(struct kdm_point p, struct kdm_point a, struct kdm_point b)
{
    double cross = (b.lon - a.lon) * (p.lat - a.lat) - (b.lat - a.lat) * (p.lon - a.lon);

    return fabs(cross) < 1e-12 && p.lon >= fmin(a.lon, b.lon) && p.lon <= fmax(a.lon, b.lon)
           && p.lat >= fmin(a.lat, b.lat) && p.lat <= fmax(a.lat, b.lat);
}

bool kdm_geo_in_polygon(struct kdm_point point, const struct kdm_point *points, size_t count)
{
    bool inside = false;

    for (size_t i = 0, j = count - 1; i < count; j = i++) {
        struct kdm_point a = points[i], b = points[j];

        if (on_edge(point, a, b))
            return true;
        if ((a.lat > point.lat) != (b.lat > point.lat)
            && point.lon < (b.lon - a.lon) * (point.lat - a.lat) / (b.lat - a.lat) + a.lon)
            inside = !inside;
    }
    return inside;
}

/* --- boxes ------------------------------------------------------------------------------------ */

struct stretch {
    double west, east;
};

/* A box over the antimeridian has two stretches of longitudes. */
static int stretches(const struct kdm_point box[2], struct stretch ret_parts[2])
{
    ret_parts[0] = (struct stretch){ box[0].lon, box[1].lon };
    if (box[0].lon <= box[1].lon)
        return 1;
    ret_parts[0].east = 180;
    ret_parts[1] = (struct stretch){ -180, box[1].lon };
    return 2;
}

bool kdm_geo_boxes_meet(const struct kdm_point a[2], const struct kdm_point b[2])
{
    struct stretch as[2], bs[2];
    int a_count = stretches(a, as), b_count = stretches(b, bs);

    if (a[1].lat > b[0].lat || b[1].lat > a[0].lat)
        return false;
    for (int i = 0; i < a_count; i++)
        for (int j = 0; j < b_count; j++)
            if (as[i].west <= bs[j].east && bs[j].west <= as[i].east)
                return true;
    return false;
}

bool kdm_geo_box_within(const struct kdm_point inner[2], const struct kdm_point outer[2])
{
    struct stretch is[2], os[2];
    int i_count = stretches(inner, is), o_count = stretches(outer, os);

    if (inner[0].lat > outer[0].lat || inner[1].lat < outer[1].lat)
        return false;
    for (int i = 0; i < i_count; i++) {
        bool held = false;

        for (int j = 0; j < o_count; j++)
            held |= is[i].west >= os[j].west && is[i].east <= os[j].east;
        if (!held)
            return false;
    }
    return true;
}

/* --- edges along great circles ------------------------------------------------------------ */

/* Degrees of longitude from a to b the shorter way, eastwards positive. */
static double eastwards(double from, double to)
{
    double degrees = remainder(to - from, 360);

    return degrees == -180 ? 180 : degrees;
}

/* The latitude of the great circle through a and b, `span` degrees apart, `at` degrees east of a.
 */
static double great_latitude(struct kdm_point a, struct kdm_point b, double span, double at)
{
    double tangent =
        tan(RADIANS(a.lat)) * sin(RADIANS(span - at)) + tan(RADIANS(b.lat)) * sin(RADIANS(at));

    return atan(tangent / sin(RADIANS(span))) / RADIANS(1);
}

/* Edges that the meridian north of the point crosses: inside, more of them lead one way than the
 * other, also where a polygon crosses itself. */
bool kdm_geo_in_great_polygon(struct kdm_point point, const struct kdm_point *points, size_t count)
{
    int winding = 0;

    for (size_t i = 0, j = count - 1; i < count; j = i++) {
        struct kdm_point a = points[j], b = points[i];
        double span = eastwards(a.lon, b.lon), at = eastwards(a.lon, point.lon), lat;

        if (span == 0) {
            if (at == 0 && point.lat >= fmin(a.lat, b.lat) && point.lat <= fmax(a.lat, b.lat))
                return true;
            continue;
        }
        if (span > 0 ? at < 0 || at > span : at > 0 || at < span)
            continue;
        lat = at == 0 ? a.lat : at == span ? b.lat : great_latitude(a, b, span, at);
        if (fabs(lat - point.lat) < 1e-12)
            return true;
        /* An edge holds its western end, so that the meridian of a corner counts once. */
        if (lat > point.lat && at != (span > 0 ? span : 0))
            winding += span > 0 ? 1 : -1;
    }
    return winding != 0;
}

double kdm_geo_great_reach(struct kdm_point a, struct kdm_point b)
{
    double lat = fmax(fabs(a.lat), fabs(b.lat)), span = fabs(eastwards(a.lon, b.lon));

    if (lat >= 90 || span >= 180)
        return 90;
    return atan(tan(RADIANS(lat)) / cos(RADIANS(span / 2))) / RADIANS(1);
}
