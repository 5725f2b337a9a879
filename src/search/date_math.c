/* date_math.c - see date_math.h. Months and years move in the calendar, the rest in milliseconds.
 */
#include "search/date_math.h"

#define DAY_MS 86400000

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* 0: not a unit of fixed length. */
static int64_t unit_ms(char unit)
{
    switch (unit) {
    case 's':
        return 1000;
    case 'm':
        return 60000;
    case 'h':
    case 'H':
        return 3600000;
    case 'd':
        return DAY_MS;
    case 'w':
        return 7 * (int64_t)DAY_MS;
    default:
        return 0;
    }
}

static int last_day(int64_t year, int month)
{
    int64_t next = month == 12 ? kdm_date_days(year + 1, 1, 1) : kdm_date_days(year, month + 1, 1);

    return (int)(next - kdm_date_days(year, month, 1));
}

/* The same day of another month, or its last one. */
static int64_t add_months(int64_t ms, int64_t months)
{
    int64_t days = floor_div(ms, DAY_MS), year, total;
    int month, day;

    kdm_date_civil(days, &year, &month, &day);
    total = year * 12 + month - 1 + months;
    year = floor_div(total, 12);
    month = (int)(total - year * 12) + 1;
    if (day > last_day(year, month))
        day = last_day(year, month);
    return kdm_date_days(year, month, day) * DAY_MS + (ms - days * DAY_MS);
}

static bool add(int64_t *ms, int64_t amount, char unit)
{
    int64_t step = unit_ms(unit), sum;

    if (unit == 'M' || unit == 'y') {
        if (amount > 120000 || amount < -120000 || *ms > INT64_MAX / 4 || *ms < INT64_MIN / 4)
            return false;
        *ms = add_months(*ms, unit == 'y' ? amount * 12 : amount);
        return true;
    }
    if (step == 0 || __builtin_mul_overflow(amount, step, &step)
        || __builtin_add_overflow(*ms, step, &sum))
        return false;
    *ms = sum;
    return true;
}

/* The first millisecond of the unit that holds `ms`. Weeks begin on Monday. */
static bool round_down(int64_t *ms, char unit)
{
    int64_t step = unit_ms(unit), days = floor_div(*ms, DAY_MS), year;
    int month, day;

    if (unit == 'w') {
        *ms = (days - ((days + 3) % 7 + 7) % 7) * DAY_MS;
        return true;
    }
    if (step != 0) {
        *ms = floor_div(*ms, step) * step;
        return true;
    }
    if ((unit != 'M' && unit != 'y') || *ms > INT64_MAX / 4 || *ms < INT64_MIN / 4)
        return false;
    kdm_date_civil(days, &year, &month, &day);
    *ms = kdm_date_days(year, unit == 'y' ? 1 : month, 1) * DAY_MS;
    return true;
}

/* Hours and less pass everywhere alike; days and more are the zone's. */
static bool is_calendar(char unit)
{
    return unit_ms(unit) == 0 || unit_ms(unit) >= DAY_MS;
}

static bool add_in(const struct kdm_zone *zone, int64_t *ms, int64_t amount, char unit)
{
    int64_t local = *ms + kdm_zone_offset(zone, *ms);

    if (zone == NULL || !is_calendar(unit))
        return add(ms, amount, unit);
    if (!add(&local, amount, unit))
        return false;
    *ms = kdm_zone_to_utc(zone, local);
    return true;
}

static bool round_to(const struct kdm_zone *zone, int64_t *ms, char unit, bool up)
{
    int64_t offset = kdm_zone_offset(zone, *ms), local = *ms + offset;

    if (!round_down(&local, unit))
        return false;
    if (up && !add(&local, 1, unit))
        return false;
    *ms = is_calendar(unit) ? kdm_zone_to_utc(zone, local) : local - offset;
    *ms -= up;
    return true;
}

/* "+1d-2h/d" */
static bool apply(struct kdm_str math, bool up, const struct kdm_zone *zone, int64_t *ms)
{
    size_t at = 0;

    while (at < math.len) {
        char operation = math.ptr[at++];
        int64_t amount = 0;
        size_t digits = 0;

        for (; at < math.len && math.ptr[at] >= '0' && math.ptr[at] <= '9'; at++, digits++)
            if (digits < 10)
                amount = amount * 10 + (math.ptr[at] - '0');
        if (at == math.len || digits > 9)
            return false;
        if (operation == '/') {
            if ((digits > 0 && amount != 1) || !round_to(zone, ms, math.ptr[at++], up))
                return false;
            continue;
        }
        if (digits == 0)
            amount = 1;
        if ((operation != '+' && operation != '-')
            || !add_in(zone, ms, operation == '-' ? -amount : amount, math.ptr[at++]))
            return false;
    }
    return true;
}

static bool parse(const struct kdm_date_format *format, struct kdm_str text, bool round_up,
                  const struct kdm_zone *zone, int64_t *ret_ms)
{
    bool local;

    if (!kdm_date_parse_local(format, text, round_up, ret_ms, &local))
        return false;
    if (local)
        *ret_ms = kdm_zone_to_utc(zone, *ret_ms);
    return true;
}

bool kdm_date_math(const struct kdm_date_format *format, struct kdm_str text, int64_t now_ms,
                   bool round_up, const struct kdm_zone *zone, int64_t *ret_ms)
{
    const char *bars = text.len < 2 ? NULL : memmem(text.ptr, text.len, "||", 2);
    int64_t ms = now_ms;
    size_t at;

    if (kdm_str_starts(text, KDM_STR("now"))) {
        if (!apply(kdm_str_from(text, 3), round_up, zone, &ms))
            return false;
    } else if (bars == NULL) {
        if (!parse(format, text, round_up, zone, &ms))
            return false;
    } else {
        at = (size_t)(bars - text.ptr);
        if (!parse(format, (struct kdm_str){ text.ptr, at }, false, zone, &ms)
            || !apply(kdm_str_from(text, at + 2), round_up, zone, &ms))
            return false;
    }
    *ret_ms = ms;
    return true;
}
