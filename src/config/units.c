/* units.c - sizes and durations.
 * Decimals are read by hand: strtod would follow the locale and take "0x10", "inf" and
 * texts that are not NUL-terminated where they should end.
 */
#include "config/units.h"
#include <math.h>

#define UNITS_MAX 9007199254740992.0 /* 2^53: what JSON can carry exactly */

struct unit {
    const char *name;
    double factor;
};

static const struct unit sizes[] = {
    { "", 1 },          { "b", 1 },          { "k", 1024.0 },       { "kb", 1024.0 },
    { "m", 1048576.0 }, { "mb", 1048576.0 }, { "g", 1073741824.0 }, { "gb", 1073741824.0 },
};

#define SECOND 1000.0
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define YEAR   (365.25 * DAY)

static const struct unit durations[] = {
    { "", 1 },
    { "ms", 1 },
    { "msec", 1 },
    { "msecs", 1 },
    { "millisecond", 1 },
    { "milliseconds", 1 },
    { "s", SECOND },
    { "sec", SECOND },
    { "secs", SECOND },
    { "second", SECOND },
    { "seconds", SECOND },
    { "m", MINUTE },
    { "min", MINUTE },
    { "mins", MINUTE },
    { "minute", MINUTE },
    { "minutes", MINUTE },
    { "h", HOUR },
    { "hr", HOUR },
    { "hrs", HOUR },
    { "hour", HOUR },
    { "hours", HOUR },
    { "d", DAY },
    { "day", DAY },
    { "days", DAY },
    { "w", 7 * DAY },
    { "week", 7 * DAY },
    { "weeks", 7 * DAY },
    { "y", YEAR },
    { "yr", YEAR },
    { "yrs", YEAR },
    { "year", YEAR },
    { "years", YEAR },
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Takes "-12.5" from the front of *text. */
static bool take_number(struct kdm_str *text, double *ret_number)
{
    bool negative = text->len > 0 && text->ptr[0] == '-';
    double number = 0, place = 1;
    size_t at = negative, digits = 0;

    for (; at < text->len && is_digit(text->ptr[at]); at++, digits++)
        number = number * 10 + (text->ptr[at] - '0');
    if (at < text->len && text->ptr[at] == '.') {
        for (at++; at < text->len && is_digit(text->ptr[at]); at++, digits++)
            number += (text->ptr[at] - '0') * (place /= 10);
    }
    if (digits == 0)
        return false;
    *text = kdm_str_from(*text, at);
    *ret_number = negative ? -number : number;
    return true;
}

static bool same_word(struct kdm_str text, const char *word)
{
    if (text.len != strlen(word))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (lower(text.ptr[i]) != word[i])
            return false;
    }
    return true;
}

static bool read_quantity(struct kdm_str text, const struct unit *units, size_t count,
                          int64_t *ret_value)
{
    double number;

    text = kdm_str_trimmed(text);
    if (!take_number(&text, &number))
        return false;
    text = kdm_str_trimmed(text);
    for (size_t i = 0; i < count; i++) {
        if (!same_word(text, units[i].name))
            continue;
        number = nearbyint(number * units[i].factor);
        if (!(fabs(number) <= UNITS_MAX))
            return false;
        *ret_value = (int64_t)number;
        return true;
    }
    return false;
}

bool kdm_units_size(struct kdm_str text, int64_t *ret_bytes)
{
    return read_quantity(text, sizes, sizeof(sizes) / sizeof(sizes[0]), ret_bytes);
}

bool kdm_units_duration(struct kdm_str text, int64_t *ret_ms)
{
    return read_quantity(text, durations, sizeof(durations) / sizeof(durations[0]), ret_ms);
}
