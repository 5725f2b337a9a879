/* aggs_date.c - intervals of the calendar, and dates as text. Pure. */
#include "search/aggs_internal.h"
#include <stdio.h>

#define DAY_MS  86400000
#define HOUR_MS 3600000

static int64_t floor_to(int64_t value, int64_t step)
{
    int64_t rest = value % step;

    return value - (rest < 0 ? rest + step : rest);
}

static int64_t days_of(int64_t ms)
{
    return floor_to(ms, DAY_MS) / DAY_MS;
}

/* The first day of the month `months` behind that of `day`, within its step of 1, 3 or 12. */
static int64_t month_begin(int64_t day, int step, int steps)
{
    int64_t year, index;
    int month, day_of_month;

    kdm_date_civil(day, &year, &month, &day_of_month);
    index = floor_to(year * 12 + month - 1, step) + (int64_t)step * steps;
    year = floor_to(index, 12) / 12;
    return kdm_date_days(year, (int)(index - year * 12) + 1, 1);
}

static int64_t fixed_step(const struct kdm_agg *agg)
{
    switch (agg->calendar) {
    case KDM_CALENDAR_SECOND:
        return 1000;
    case KDM_CALENDAR_MINUTE:
        return 60000;
    case KDM_CALENDAR_HOUR:
        return 3600000;
    case KDM_CALENDAR_DAY:
        return DAY_MS;
    case KDM_CALENDAR_WEEK:
        return 7 * (int64_t)DAY_MS;
    default:
        return (int64_t)agg->interval;
    }
}

static int months_of(const struct kdm_agg *agg)
{
    return agg->calendar == KDM_CALENDAR_MONTH ? 1 : agg->calendar == KDM_CALENDAR_QUARTER ? 3 : 12;
}

/* Longer intervals begin where the zone's clock shows it. Of an hour and less there are two of the
 * same name when the clock is set back: each is its own. */
static int64_t to_utc(const struct kdm_agg *agg, int64_t local, int64_t offset)
{
    if (agg->calendar < KDM_CALENDAR_MONTH && fixed_step(agg) <= HOUR_MS)
        return local - offset;
    return kdm_zone_to_utc(agg->zone, local);
}

int64_t kdm_agg_floor(const struct kdm_agg *agg, int64_t ms)
{
    int64_t shifted = ms - (int64_t)agg->offset;
    int64_t offset = kdm_zone_offset(agg->zone, shifted), local = shifted + offset, begin;

    if (agg->calendar >= KDM_CALENDAR_MONTH)
        begin = month_begin(days_of(local), months_of(agg), 0) * DAY_MS;
    else if (agg->calendar == KDM_CALENDAR_WEEK) /* 1970-01-05 was a Monday */
        begin = floor_to(local - 4 * (int64_t)DAY_MS, 7 * (int64_t)DAY_MS) + 4 * (int64_t)DAY_MS;
    else
        begin = floor_to(local, fixed_step(agg));
    return to_utc(agg, begin, offset) + (int64_t)agg->offset;
}

int64_t kdm_agg_next(const struct kdm_agg *agg, int64_t begin)
{
    int64_t shifted = begin - (int64_t)agg->offset;
    int64_t offset = kdm_zone_offset(agg->zone, shifted), local = shifted + offset;

    if (agg->calendar >= KDM_CALENDAR_MONTH)
        local = month_begin(days_of(local), months_of(agg), 1) * DAY_MS;
    else
        local += fixed_step(agg);
    local = to_utc(agg, local, offset) + (int64_t)agg->offset;
    return local > begin ? local : begin + fixed_step(agg); /* whatever a zone has done */
}

/* --- as clients write them
 * ------------------------------------------------------------------------ */

bool kdm_agg_fixed_interval(struct kdm_str text, double *ret_ms)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = { { "ms", 1 }, { "s", 1e3 }, { "m", 6e4 }, { "h", 3.6e6 }, { "d", 8.64e7 } };
    size_t digits = 0;
    long long number;

    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    if (!kdm_str_int64((struct kdm_str){ text.ptr, digits }, &number) || number < 1
        || number > 1000000000)
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (kdm_str_eq(kdm_str_from(text, digits), kdm_str_of(units[i].unit))) {
            *ret_ms = units[i].ms * (double)number;
            return true;
        }
    return false;
}

bool kdm_agg_calendar_interval(struct kdm_str text, enum kdm_calendar *ret_calendar)
{
    static const struct {
        const char *name, *brief;
        enum kdm_calendar calendar;
    } names[] = {
        { "second", "1s", KDM_CALENDAR_SECOND },   { "minute", "1m", KDM_CALENDAR_MINUTE },
        { "hour", "1h", KDM_CALENDAR_HOUR },       { "day", "1d", KDM_CALENDAR_DAY },
        { "week", "1w", KDM_CALENDAR_WEEK },       { "month", "1M", KDM_CALENDAR_MONTH },
        { "quarter", "1q", KDM_CALENDAR_QUARTER }, { "year", "1y", KDM_CALENDAR_YEAR }
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (kdm_str_eq(text, kdm_str_of(names[i].name))
            || kdm_str_eq(text, kdm_str_of(names[i].brief))) {
            *ret_calendar = names[i].calendar;
            return true;
        }
    return false;
}

/* --- as text
 * --------------------------------------------------------------------------------------- */

/* A run of one letter, or of quoted text, from the pattern's begin. */
static struct kdm_str next_piece(struct kdm_str *pattern)
{
    struct kdm_str piece = { pattern->ptr, 1 };

    if (piece.ptr[0] == '\'') {
        const char *end =
            pattern->len < 2 ? NULL : memchr(pattern->ptr + 1, '\'', pattern->len - 1);

        piece.len = end == NULL ? pattern->len : (size_t)(end - pattern->ptr) + 1;
    } else {
        while (piece.len < pattern->len && pattern->ptr[piece.len] == piece.ptr[0])
            piece.len++;
    }
    *pattern = kdm_str_from(*pattern, piece.len);
    return piece;
}

bool kdm_agg_date_pattern(struct kdm_str pattern)
{
    if (kdm_str_none(pattern) || kdm_str_starts(pattern, KDM_STR("epoch_")))
        return true;
    while (pattern.len > 0) {
        struct kdm_str piece = next_piece(&pattern);
        char c = piece.ptr[0];

        if (((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
            && (strchr("yuMdDHhmsSaEXxZfQ", c) == NULL || piece.len > 9))
            return false;
    }
    return true;
}

static void put_padded(struct kdm_buf *buf, int64_t value, size_t width)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%0*lld", (int)width, (long long)value);

    kdm_buf_put(buf, (struct kdm_str){ text, len > 0 ? (size_t)len : 0 });
}

/* "+01:00", without the colon unless `colon`, without minutes that are none if `brief`. */
static void put_offset(struct kdm_buf *buf, int64_t zone_ms, bool colon, bool brief)
{
    int64_t minutes = zone_ms / 60000;

    kdm_buf_char(buf, minutes < 0 ? '-' : '+');
    minutes = minutes < 0 ? -minutes : minutes;
    put_padded(buf, minutes / 60, 2);
    if (brief && minutes % 60 == 0)
        return;
    if (colon)
        kdm_buf_char(buf, ':');
    put_padded(buf, minutes % 60, 2);
}

static void put_zone(struct kdm_buf *buf, struct kdm_str piece, int64_t zone_ms)
{
    char letter = piece.ptr[0];

    if (letter == 'Z' && piece.len < 4)
        put_offset(buf, zone_ms, false, false);
    else if (letter != 'x' && zone_ms == 0)
        kdm_buf_char(buf, 'Z');
    else if (letter == 'Q' || letter == 'Z')
        put_offset(buf, zone_ms, true, false);
    else
        put_offset(buf, zone_ms, piece.len % 2 == 1, piece.len == 1);
}

/* Three letters are a name's beginning, four all of it. */
static void put_word(struct kdm_buf *buf, const char *name, size_t letters)
{
    struct kdm_str text = kdm_str_of(name);

    if (letters < 4)
        text.len = 3;
    kdm_buf_put(buf, text);
}

static void put_month(struct kdm_buf *buf, int month, size_t letters)
{
    static const char *const names[] = { "January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December" };

    if (letters < 3)
        put_padded(buf, month, letters);
    else
        put_word(buf, names[month - 1], letters);
}

static void put_weekday(struct kdm_buf *buf, int64_t day, size_t letters)
{
    static const char *const names[] = { "Thursday", "Friday",  "Saturday", "Sunday",
                                         "Monday",   "Tuesday", "Wednesday" }; /* from 1970 on */

    put_word(buf, names[day - floor_to(day, 7)], letters);
}

/* Two letters are the last two digits. */
static void put_year(struct kdm_buf *buf, int64_t year, size_t letters)
{
    put_padded(buf, letters == 2 ? year - floor_to(year, 100) : year, letters);
}

/* A fraction of a second, cut to the digits that are asked for. */
static void put_fraction(struct kdm_buf *buf, int64_t ms, size_t digits)
{
    char text[16];

    snprintf(text, sizeof(text), "%03d000000", (int)ms);
    kdm_buf_put(buf, (struct kdm_str){ text, digits });
}

static void put_hour(struct kdm_buf *buf, int64_t hour, struct kdm_str piece)
{
    if (piece.ptr[0] == 'h')
        hour = (hour + 11) % 12 + 1;
    put_padded(buf, hour, piece.len);
}

static void put_piece(struct kdm_buf *buf, struct kdm_str piece, int64_t local, int64_t zone_ms)
{
    int64_t day = days_of(local), in_day = local - day * DAY_MS, year;
    int month, day_of_month;

    kdm_date_civil(day, &year, &month, &day_of_month);
    switch (piece.ptr[0]) {
    case 'y':
    case 'u':
        put_year(buf, year, piece.len);
        break;
    case 'M':
        put_month(buf, month, piece.len);
        break;
    case 'd':
        put_padded(buf, day_of_month, piece.len);
        break;
    case 'D':
        put_padded(buf, day - kdm_date_days(year, 1, 1) + 1, piece.len);
        break;
    case 'E':
        put_weekday(buf, day, piece.len);
        break;
    case 'a':
        kdm_buf_put(buf, in_day < DAY_MS / 2 ? KDM_STR("AM") : KDM_STR("PM"));
        break;
    case 'H':
    case 'h':
        put_hour(buf, in_day / HOUR_MS, piece);
        break;
    case 'm':
        put_padded(buf, in_day / 60000 % 60, piece.len);
        break;
    case 's':
        put_padded(buf, in_day / 1000 % 60, piece.len);
        break;
    case 'S':
    case 'f':
        put_fraction(buf, in_day % 1000, piece.ptr[0] == 'f' ? 3 : piece.len);
        break;
    case 'X':
    case 'x':
    case 'Z':
    case 'Q':
        put_zone(buf, piece, zone_ms);
        break;
    case '\'':
        kdm_buf_put(buf, piece.len == 2 ? KDM_STR("'")
                                        : (struct kdm_str){ piece.ptr + 1, piece.len - 2 });
        break;
    case '[':
    case ']': /* what may be left out is there */
        break;
    default:
        kdm_buf_put(buf, piece);
    }
}

void kdm_agg_put_date(struct kdm_buf *buf, struct kdm_str pattern, int64_t ms,
                      const struct kdm_zone *zone)
{
    int64_t zone_ms = kdm_zone_offset(zone, ms);

    if (kdm_str_eq(pattern, KDM_STR("epoch_millis"))) {
        kdm_buf_int(buf, ms);
        return;
    }
    if (kdm_str_eq(pattern, KDM_STR("epoch_second"))) {
        kdm_buf_int(buf, floor_to(ms, 1000) / 1000);
        return;
    }
    if (kdm_str_none(pattern))
        pattern = KDM_STR("yyyy-MM-dd'T'HH:mm:ss.fQ");
    while (pattern.len > 0)
        put_piece(buf, next_piece(&pattern), ms + zone_ms, zone_ms);
}
