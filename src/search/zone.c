/* zone.c - see zone.h. */
#include "search/zone.h"
#include <glib.h>

#define DAY_S       86400
#define FIRST_S     -2208988800 /* 1900 */
#define LAST_S      4102444800  /* 2100 */
#define MAX_CHANGES 2000
#define MAX_NAME    64

struct change {
    int64_t from_ms, offset_ms;
};

struct kdm_zone {
    struct change *changes; /* sorted; the first holds for all before it too */
    size_t count;
};

/* --- making one ------------------------------------------------------------------------------- */

static bool two_digits(struct kdm_str text, size_t at, int *ret_number)
{
    if (at + 2 > text.len || text.ptr[at] < '0' || text.ptr[at] > '9' || text.ptr[at + 1] < '0'
        || text.ptr[at + 1] > '9')
        return false;
    *ret_number = (text.ptr[at] - '0') * 10 + text.ptr[at + 1] - '0';
    return true;
}

/* "+02:00", "-0330", "+02" */
static bool read_offset(struct kdm_str text, int64_t *ret_ms)
{
    int hours = 0, minutes = 0;
    size_t at = 3;

    if (text.len < 3 || (text.ptr[0] != '+' && text.ptr[0] != '-') || !two_digits(text, 1, &hours))
        return false;
    if (at < text.len && text.ptr[at] == ':')
        at++;
    if (at < text.len && (!two_digits(text, at, &minutes) || at + 2 != text.len))
        return false;
    if (hours > 18 || minutes > 59 || (text.len == 4 && at == 4))
        return false;
    *ret_ms = (hours * 60 + minutes) * (int64_t)60000 * (text.ptr[0] == '-' ? -1 : 1);
    return true;
}

static const struct kdm_zone *fixed(struct kdm_arena *arena, int64_t offset_ms)
{
    struct kdm_zone *zone = kdm_arena_alloc(arena, sizeof(*zone));

    zone->changes = kdm_arena_alloc(arena, sizeof(*zone->changes));
    zone->changes[0] = (struct change){ 0, offset_ms };
    zone->count = 1;
    return zone;
}

/* A name becomes a path below the system's zones: nothing that could leave it. */
static bool is_name(struct kdm_str name)
{
    if (name.len == 0 || name.len > MAX_NAME || !g_ascii_isalpha(name.ptr[0]))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!g_ascii_isalnum(name.ptr[i]) && memchr("_-+/", name.ptr[i], 4) == NULL)
            return false;
    return true;
}

/* The first second in (from, to] whose interval is not that of `from`. */
static int64_t find_change(GTimeZone *system, int64_t from, int64_t to)
{
    int same = g_time_zone_find_interval(system, G_TIME_TYPE_UNIVERSAL, from);

    while (to - from > 1) {
        int64_t middle = from + (to - from) / 2;

        if (g_time_zone_find_interval(system, G_TIME_TYPE_UNIVERSAL, middle) == same)
            from = middle;
        else
            to = middle;
    }
    return to;
}

static void add_change(struct kdm_zone *zone, GTimeZone *system, int64_t at_s, int interval)
{
    int64_t offset_ms = (int64_t)g_time_zone_get_offset(system, interval) * 1000;

    if (zone->count == MAX_CHANGES
        || (zone->count > 0 && zone->changes[zone->count - 1].offset_ms == offset_ms))
        return;
    zone->changes[zone->count++] = (struct change){ at_s * 1000, offset_ms };
}

static const struct kdm_zone *tabulate(struct kdm_arena *arena, GTimeZone *system)
{
    const int64_t stride = 20 * DAY_S; /* no zone changes and changes back within it unseen */
    struct kdm_zone *zone = kdm_arena_zalloc(arena, sizeof(*zone));
    int before = g_time_zone_find_interval(system, G_TIME_TYPE_UNIVERSAL, FIRST_S);

    zone->changes = kdm_arena_alloc(arena, MAX_CHANGES * sizeof(*zone->changes));
    add_change(zone, system, FIRST_S, before);
    for (int64_t at = FIRST_S; at < LAST_S;) {
        int64_t next = at + stride;
        int now = g_time_zone_find_interval(system, G_TIME_TYPE_UNIVERSAL, next);

        if (now != before) {
            next = find_change(system, at, next);
            now = g_time_zone_find_interval(system, G_TIME_TYPE_UNIVERSAL, next);
            add_change(zone, system, next, now);
        }
        before = now;
        at = next;
    }
    return zone;
}

bool kdm_zone_find(struct kdm_arena *arena, struct kdm_str name, const struct kdm_zone **ret_zone)
{
    static const char *const utc[] = { "Z", "z", "UTC", "GMT", "UT" };
    GTimeZone *system;
    int64_t offset_ms;

    for (size_t i = 0; i < sizeof(utc) / sizeof(utc[0]); i++)
        if (kdm_str_eq(name, kdm_str_of(utc[i]))) {
            *ret_zone = NULL;
            return true;
        }
    if (read_offset(name, &offset_ms)) {
        *ret_zone = offset_ms == 0 ? NULL : fixed(arena, offset_ms);
        return true;
    }
    if (!is_name(name))
        return false;
    system = g_time_zone_new_identifier(kdm_arena_copy(arena, name).ptr);
    if (system == NULL)
        return false;
    *ret_zone = tabulate(arena, system);
    g_time_zone_unref(system);
    return true;
}

/* --- using it --------------------------------------------------------------------------------- */

int64_t kdm_zone_offset(const struct kdm_zone *zone, int64_t utc_ms)
{
    size_t low = 0, high;

    if (zone == NULL)
        return 0;
    for (high = zone->count; high - low > 1;) {
        size_t middle = (low + high) / 2;

        if (zone->changes[middle].from_ms <= utc_ms)
            low = middle;
        else
            high = middle;
    }
    return zone->changes[low].offset_ms;
}

int64_t kdm_zone_to_utc(const struct kdm_zone *zone, int64_t local_ms)
{
    const int64_t day_ms = (int64_t)DAY_S * 1000;
    int64_t before, after;

    if (zone == NULL)
        return local_ms;
    before = kdm_zone_offset(zone, local_ms - day_ms);
    after = kdm_zone_offset(zone, local_ms + day_ms);
    if (before != after && kdm_zone_offset(zone, local_ms - before) != before
        && kdm_zone_offset(zone, local_ms - after) == after)
        return local_ms - after;
    return local_ms - before;
}
