/* matcher_place.c - areas on the globe at one path.
 * A grid of several scales: an area is filed at the scale whose cells are as large as it is, so in
 * at most four cells, and a point looks at one cell of each scale that is in use. What does not fit
 * (areas near a pole, over the 180th meridian or beyond the usual degrees) is asked always.
 */
#include "realtime/matcher_internal.h"
#include "search/geometry.h"
#include <math.h>
#include <stdlib.h>

#define SCALES  24
#define RADIANS (M_PI / 180)

struct cell {
    uint64_t key;
    struct kdm_leaf_condition **items;
    uint32_t count, room;
};

struct kdm_places {
    struct kdm_slots cells; /* struct cell by key */
    uint32_t used[SCALES];  /* conditions filed at each scale */
    struct kdm_condition_list wide;
};

struct box {
    double top, left, bottom, right;
};

/* The cells of one scale that a box touches. */
struct cover {
    bool wide; /* none: it is to be asked always */
    unsigned scale;
    uint32_t x0, x1, y0, y1;
};

/* --- boxes ------------------------------------------------------------------------------------ */

static struct box box_of_points(const struct kdm_point *points, size_t count)
{
    struct box box = { points[0].lat, points[0].lon, points[0].lat, points[0].lon };

    for (size_t i = 1; i < count; i++) {
        box.top = fmax(box.top, points[i].lat);
        box.bottom = fmin(box.bottom, points[i].lat);
        box.left = fmin(box.left, points[i].lon);
        box.right = fmax(box.right, points[i].lon);
    }
    return box;
}

/* A little larger than the circle, since the Earth is flatter than the sphere we reckon on here. */
static struct box box_of_circle(struct kdm_point centre, double metres)
{
    double angle = metres / 6356752 * 1.01 + 1e-7; /* radians seen from the centre of the Earth */
    double lat = angle / RADIANS, lon = 360;

    if (fabs(centre.lat) + lat < 89.9)
        lon = asin(fmin(1, sin(angle) / cos(centre.lat * RADIANS))) / RADIANS * 1.01;
    return (struct box){ centre.lat + lat, centre.lon - lon, centre.lat - lat, centre.lon + lon };
}

/* A polygon's edges are great circles, which lie nearer to the pole than their ends. */
static struct box box_of_polygon(const struct kdm_point *points, size_t count)
{
    struct box box = box_of_points(points, count);

    for (size_t i = 0, j = count - 1; i < count; j = i++) {
        double reach = kdm_geo_great_reach(points[j], points[i]);

        if (fabs(points[j].lon - points[i].lon) >= 180) /* it goes round the other side */
            reach = 360;
        if (points[i].lat > 0 || points[j].lat > 0 || reach > 90)
            box.top = fmax(box.top, reach);
        if (points[i].lat < 0 || points[j].lat < 0)
            box.bottom = fmin(box.bottom, -reach);
    }
    return box;
}

static struct box box_of(const struct kdm_query *leaf)
{
    switch (leaf->kind) {
    case KDM_QUERY_K_GEO_DISTANCE:
        return box_of_circle(leaf->points[0], fmin(leaf->far, 1e7));
    case KDM_QUERY_K_GEO_BOX:
        return box_of_points(leaf->points, leaf->point_count);
    default:
        return box_of_polygon(leaf->points, leaf->point_count);
    }
}

static bool usual(struct kdm_point point)
{
    return fabs(point.lat) <= 90 && fabs(point.lon) <= 180;
}

static double cell_size(unsigned scale)
{
    return 360.0 / (double)(1u << scale);
}

static uint32_t cell_of(double degrees, double origin, unsigned scale)
{
    return (uint32_t)floor((degrees - origin) / cell_size(scale));
}

static struct cover cover_of(const struct kdm_query *leaf)
{
    struct box box = box_of(leaf);
    double size = fmax(box.top - box.bottom, box.right - box.left) + 2e-9;
    struct cover cover = { .wide = true };

    box.top += 1e-9; /* the border belongs to it, whatever rounding says */
    box.bottom -= 1e-9;
    box.left -= 1e-9;
    box.right += 1e-9;
    if (!(box.top <= 90 && box.bottom >= -90 && box.left >= -180 && box.right <= 180)
        || (leaf->kind == KDM_QUERY_K_GEO_DISTANCE && leaf->far > 5e6))
        return cover;
    cover.wide = false;
    while (cover.scale + 1 < SCALES && cell_size(cover.scale + 1) >= size)
        cover.scale++;
    cover.x0 = cell_of(box.left, -180, cover.scale);
    cover.x1 = cell_of(box.right, -180, cover.scale);
    cover.y0 = cell_of(box.bottom, -90, cover.scale);
    cover.y1 = cell_of(box.top, -90, cover.scale);
    return cover;
}

/* --- cells ------------------------------------------------------------------------------------ */

static uint64_t key_of(unsigned scale, uint32_t x, uint32_t y)
{
    return (uint64_t)scale << 58 | (uint64_t)x << 29 | y;
}

static struct cell *find(const struct kdm_places *places, uint64_t key)
{
    uint32_t at = kdm_slots_home(&places->cells, key);

    return kdm_slots_next(&places->cells, key, &at); /* the hash is the key */
}

static void add_to_cell(struct kdm_places *places, uint64_t key,
                        struct kdm_leaf_condition *condition)
{
    struct cell *cell = find(places, key);

    if (cell == NULL) {
        cell = kdm_zalloc(sizeof(*cell));
        cell->key = key;
        kdm_slots_add(&places->cells, key, cell);
    }
    if (cell->count == cell->room) {
        cell->room = cell->room == 0 ? 2 : 2 * cell->room;
        cell->items = kdm_realloc(cell->items, cell->room * sizeof(*cell->items));
    }
    cell->items[cell->count++] = condition;
}

static void remove_from_cell(struct kdm_places *places, uint64_t key,
                             const struct kdm_leaf_condition *condition)
{
    struct cell *cell = find(places, key);
    uint32_t at = 0;

    while (cell->items[at] != condition)
        at++;
    cell->items[at] = cell->items[--cell->count];
    if (cell->count > 0)
        return;
    kdm_slots_remove(&places->cells, key, cell);
    free(cell->items);
    free(cell);
}

void kdm_places_add(struct kdm_places **places, struct kdm_leaf_condition *condition)
{
    struct cover cover = cover_of(condition->leaf);

    if (*places == NULL)
        *places = kdm_zalloc(sizeof(**places));
    if (cover.wide) {
        kdm_condition_list_add(&(*places)->wide, &condition->base);
        return;
    }
    for (uint32_t x = cover.x0; x <= cover.x1; x++)
        for (uint32_t y = cover.y0; y <= cover.y1; y++)
            add_to_cell(*places, key_of(cover.scale, x, y), condition);
    (*places)->used[cover.scale]++;
}

void kdm_places_remove(struct kdm_places **places, struct kdm_leaf_condition *condition)
{
    struct cover cover = cover_of(condition->leaf);

    if (cover.wide) {
        kdm_condition_list_remove(&(*places)->wide, &condition->base);
    } else {
        for (uint32_t x = cover.x0; x <= cover.x1; x++)
            for (uint32_t y = cover.y0; y <= cover.y1; y++)
                remove_from_cell(*places, key_of(cover.scale, x, y), condition);
        (*places)->used[cover.scale]--;
    }
    if ((*places)->wide.count == 0 && (*places)->cells.count == 0) {
        free(*places);
        *places = NULL;
    }
}

/* --- waking ----------------------------------------------------------------------------------- */

static void wake_cell(struct kdm_matching *run, const struct cell *cell)
{
    for (uint32_t i = 0; i < cell->count; i++)
        if (kdm_condition_holds(run, &cell->items[i]->base))
            kdm_condition_wake(run, &cell->items[i]->base);
}

/* Degrees that no map has may still be near something: 362 is 2. */
static void wake_all_cells(struct kdm_matching *run, const struct kdm_places *places)
{
    if (places->cells.count == 0)
        return;
    for (uint32_t i = 0; i <= places->cells.mask; i++)
        if (places->cells.slots[i].item != NULL)
            wake_cell(run, places->cells.slots[i].item);
}

void kdm_places_wake(struct kdm_matching *run, struct kdm_places *places, struct kdm_point point)
{
    for (uint32_t i = 0; i < places->wide.count; i++)
        if (kdm_condition_holds(run, places->wide.items[i]))
            kdm_condition_wake(run, places->wide.items[i]);
    if (!usual(point)) {
        wake_all_cells(run, places);
        return;
    }
    for (unsigned scale = 0; scale < SCALES; scale++) {
        const struct cell *cell;

        if (places->used[scale] == 0)
            continue;
        cell = find(places,
                    key_of(scale, cell_of(point.lon, -180, scale), cell_of(point.lat, -90, scale)));
        if (cell != NULL)
            wake_cell(run, cell);
    }
}
