/* mapping_date.c - dates read by format.
 * Elasticsearch's named formats are written here as patterns of the same small language that
 * clients may write, with optional parts in brackets, so one reader serves all. What nearly every
 * document holds, the full ISO form, is read by hand first.
 *
 * Two letters are ours and not a client's: 'f' is a fraction of 1 to 9 digits, 'Q' a zone as ISO
 * writes it.
 */
#include "store/mapping_internal.h"
#include <math.h>

#define MAX_FORMATS    20
#define MAX_PATTERN    100
#define MAX_OPTIONAL   16 /* brackets within brackets */
#define ISO_PATTERN    "yyyy[-MM[-dd['T'[HH[:mm[:ss[.f][,f]]]][Q]]]]"
#define CLIENT_LETTERS "yuMdDHhmsSaEXxZzV"

struct format {
    enum { PATTERN, EPOCH_MS, EPOCH_S } kind;
    bool lenient; /* one digit is enough where the pattern has two */
    bool iso;     /* strict_date_optional_time: worth the short cut */
    struct kdm_str pattern;
};

struct kdm_date_format {
    size_t count;
    struct format formats[MAX_FORMATS];
};

/* --- the calendar ------------------------------------------------------------------------- */

int64_t kdm_date_days(int64_t year, int month, int day)
{
    int64_t era, of_era, of_year;

    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    of_era = year - era * 400;
    of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void kdm_date_civil(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    int64_t era, of_era, year_of_era, of_year, mp;

    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    of_era = days - era * 146097;
    year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    mp = (5 * of_year + 2) / 153;
    *ret_day = (int)(of_year - (153 * mp + 2) / 5 + 1);
    *ret_month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

static int days_in_month(int64_t year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* --- reading by pattern -------------------------------------------------------------------- */

struct parts {
    int year, month, day, day_of_year; /* -1: not given */
    int hour, minute, second, ms;
    int half; /* of the day: 0 am, 1 pm */
    int offset_minutes;
    bool zoned; /* the text names its offset */
};

struct reader {
    struct kdm_str pattern, text;
    size_t p, t; /* how far both are read */
    bool lenient;
    struct parts parts;
};

/* Between `least` and `most` digits. */
static bool take_digits(struct reader *reader, size_t least, size_t most, int *ret_value)
{
    size_t count = 0;
    int value = 0;

    while (count < most && reader->t < reader->text.len) {
        int digit = reader->text.ptr[reader->t] - '0';

        if (digit < 0 || digit > 9)
            break;
        value = value * 10 + digit;
        reader->t++;
        count++;
    }
    if (count < least)
        return false;
    *ret_value = value;
    return true;
}

static bool take_fraction(struct reader *reader, size_t least, size_t most)
{
    static const int scale[] = { 0, 100, 10, 1 };
    size_t start = reader->t, len, used;
    int ignored, ms = 0;

    if (!take_digits(reader, least, most, &ignored))
        return false;
    len = reader->t - start;
    used = len < 3 ? len : 3;
    reader->t = start;
    take_digits(reader, used, used, &ms);
    reader->t = start + len;
    reader->parts.ms = ms * scale[used];
    return true;
}

static bool take_text(struct reader *reader, const char *word)
{
    size_t len = strlen(word);

    if (reader->text.len - reader->t < len
        || strncasecmp(reader->text.ptr + reader->t, word, len) != 0)
        return false;
    reader->t += len;
    return true;
}

/* "Z", "UTC", "GMT", "+02", "+0200", "+02:00". */
static bool take_zone(struct reader *reader)
{
    int sign, hours, minutes = 0;

    if (take_text(reader, "Z") || take_text(reader, "UTC") || take_text(reader, "GMT")) {
        reader->parts.offset_minutes = 0;
        reader->parts.zoned = true;
        return true;
    }
    if (reader->t >= reader->text.len
        || (reader->text.ptr[reader->t] != '+' && reader->text.ptr[reader->t] != '-'))
        return false;
    sign = reader->text.ptr[reader->t++] == '-' ? -1 : 1;
    if (!take_digits(reader, 2, 2, &hours))
        return false;
    if (reader->t < reader->text.len && reader->text.ptr[reader->t] == ':') {
        reader->t++;
        if (!take_digits(reader, 2, 2, &minutes))
            return false;
    } else {
        take_digits(reader, 2, 2, &minutes);
    }
    if (hours > 18 || minutes > 59)
        return false;
    reader->parts.offset_minutes = sign * (hours * 60 + minutes);
    reader->parts.zoned = true;
    return true;
}

/* A name's number from 0; the full name first, since it begins with the short one. */
static bool take_name(struct reader *reader, const char *const *names, int count, int *ret_value)
{
    for (int i = 0; i < count; i++) {
        char brief[4] = { names[i][0], names[i][1], names[i][2], '\0' };

        if (!take_text(reader, names[i]) && !take_text(reader, brief))
            continue;
        *ret_value = i;
        return true;
    }
    return false;
}

static bool take_month_name(struct reader *reader)
{
    static const char *const names[] = { "January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December" };
    int month;

    if (!take_name(reader, names, 12, &month))
        return false;
    reader->parts.month = month + 1;
    return true;
}

static bool take_weekday(struct reader *reader)
{
    static const char *const names[] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
                                         "Friday", "Saturday", "Sunday" };
    int ignored;

    return take_name(reader, names, 7, &ignored);
}

static bool take_half(struct reader *reader)
{
    if (take_text(reader, "AM"))
        reader->parts.half = 0;
    else if (take_text(reader, "PM"))
        reader->parts.half = 1;
    else
        return false;
    return true;
}

static bool take_year(struct reader *reader, size_t letters)
{
    struct parts *parts = &reader->parts;

    if (letters == 2) {
        if (!take_digits(reader, 2, 2, &parts->year))
            return false;
        parts->year += 2000;
        return true;
    }
    return take_digits(reader, letters == 1 || reader->lenient ? 1 : 4, 4, &parts->year);
}

static bool take_field(struct reader *reader, char letter, size_t letters)
{
    struct parts *parts = &reader->parts;
    size_t least = letters == 1 || reader->lenient ? 1 : 2;

    switch (letter) {
    case 'y':
    case 'u':
        return take_year(reader, letters);
    case 'M':
        return letters >= 3 ? take_month_name(reader)
                            : take_digits(reader, least, 2, &parts->month);
    case 'd':
        return take_digits(reader, least, 2, &parts->day);
    case 'D':
        return take_digits(reader, letters, 3, &parts->day_of_year);
    case 'H':
    case 'h':
        return take_digits(reader, least, 2, &parts->hour);
    case 'm':
        return take_digits(reader, least, 2, &parts->minute);
    case 's':
        return take_digits(reader, least, 2, &parts->second);
    case 'S':
        return take_fraction(reader, letters, letters);
    case 'f':
        return take_fraction(reader, 1, 9);
    case 'a':
        return take_half(reader);
    case 'E':
        return take_weekday(reader);
    default:
        return take_zone(reader);
    }
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool take_literal(struct reader *reader, char c)
{
    if (reader->t >= reader->text.len || reader->text.ptr[reader->t] != c)
        return false;
    reader->t++;
    return true;
}

/* 'T', '' or 'at': p stands on the first quote. */
static bool take_quoted(struct reader *reader)
{
    size_t p = reader->p + 1;
    bool empty = true;

    for (; reader->pattern.ptr[p] != '\''; p++, empty = false)
        if (!take_literal(reader, reader->pattern.ptr[p]))
            return false;
    reader->p = p + 1;
    return empty ? take_literal(reader, '\'') : true;
}

/* Where the bracket that is open at `p` (behind its '[') closes. */
static size_t closing(struct kdm_str pattern, size_t p)
{
    bool quoted = false;

    for (int depth = 1; p < pattern.len; p++) {
        if (pattern.ptr[p] == '\'')
            quoted = !quoted;
        else if (!quoted && pattern.ptr[p] == '[')
            depth++;
        else if (!quoted && pattern.ptr[p] == ']' && --depth == 0)
            break;
    }
    return p;
}

/* Reads up to the pattern's end or the bracket that closes it. */
static bool take_pattern(struct reader *reader)
{
    while (reader->p < reader->pattern.len) {
        char c = reader->pattern.ptr[reader->p];
        size_t start = reader->p;

        if (c == ']')
            return true;
        if (c == '[') {
            size_t end = closing(reader->pattern, reader->p + 1);
            struct reader before = *reader;

            reader->p++;
            if (!take_pattern(reader))
                *reader = before;
            reader->p = end + 1;
        } else if (c == '\'') {
            if (!take_quoted(reader))
                return false;
        } else if (is_letter(c)) {
            while (reader->p < reader->pattern.len && reader->pattern.ptr[reader->p] == c)
                reader->p++;
            if (!take_field(reader, c, reader->p - start))
                return false;
        } else {
            reader->p++;
            if (!take_literal(reader, c))
                return false;
        }
    }
    return true;
}

/* --- from parts to milliseconds -------------------------------------------------------------- */

static int given(int value, int otherwise)
{
    return value >= 0 ? value : otherwise;
}

static bool take_half_into_hour(struct parts *parts)
{
    if (parts->half < 0)
        return true;
    if (parts->hour < 1 || parts->hour > 12)
        return false;
    parts->hour = parts->hour % 12 + parts->half * 12;
    return true;
}

static bool assemble(struct parts *parts, bool round_up, int64_t *ret_ms)
{
    int year = given(parts->year, 1970), month = given(parts->month, 1), day = given(parts->day, 1);
    int hour, minute, second, ms;
    int64_t days;

    if (!take_half_into_hour(parts))
        return false;
    hour = given(parts->hour, round_up ? 23 : 0);
    minute = given(parts->minute, round_up ? 59 : 0);
    second = given(parts->second, round_up ? 59 : 0);
    ms = given(parts->ms, round_up ? 999 : 0);
    if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23
        || minute > 59 || second > 59)
        return false;
    days = kdm_date_days(year, month, day);
    if (parts->day_of_year >= 0) {
        if (parts->day_of_year < 1 || parts->day_of_year > 365 + (days_in_month(year, 2) == 29))
            return false;
        days = kdm_date_days(year, 1, 1) + parts->day_of_year - 1;
    }
    *ret_ms =
        ((days * 24 + hour) * 60 + minute - parts->offset_minutes) * 60000 + second * 1000 + ms;
    return true;
}

static bool parse_pattern(const struct format *format, struct kdm_str text, bool round_up,
                          int64_t *ret_ms, bool *ret_local)
{
    struct reader reader = { .pattern = format->pattern,
                             .text = text,
                             .lenient = format->lenient,
                             .parts = { -1, -1, -1, -1, -1, -1, -1, -1, -1, 0 } };

    if (!take_pattern(&reader) || reader.t != text.len
        || !assemble(&reader.parts, round_up, ret_ms))
        return false;
    *ret_local = !reader.parts.zoned;
    return true;
}

static int two_digits(const char *p)
{
    unsigned tens = (unsigned)(p[0] - '0'), ones = (unsigned)(p[1] - '0');

    return tens > 9 || ones > 9 ? -1 : (int)(tens * 10 + ones);
}

/* "2020-01-02T03:04:05Z", with three more digits or without: what most documents hold. */
static bool parse_full_iso(struct kdm_str text, int64_t *ret_ms)
{
    const char *p = text.ptr;
    int century, year, ms_high, ms_low = 0;
    struct parts parts = { .day_of_year = -1, .half = -1 };

    if ((text.len != 20 && text.len != 24) || p[4] != '-' || p[7] != '-' || p[10] != 'T'
        || p[13] != ':' || p[16] != ':' || p[text.len - 1] != 'Z')
        return false;
    century = two_digits(p);
    year = two_digits(p + 2);
    parts.year = century * 100 + year;
    parts.month = two_digits(p + 5);
    parts.day = two_digits(p + 8);
    parts.hour = two_digits(p + 11);
    parts.minute = two_digits(p + 14);
    parts.second = two_digits(p + 17);
    if (text.len == 24) {
        ms_high = two_digits(p + 20);
        ms_low = p[22] >= '0' && p[22] <= '9' ? p[22] - '0' : -1;
        if (p[19] != '.' || ms_high < 0 || ms_low < 0)
            return false;
        parts.ms = ms_high * 10 + ms_low;
    }
    if ((century | year | parts.month | parts.day | parts.hour | parts.minute | parts.second) < 0)
        return false;
    return assemble(&parts, false, ret_ms);
}

static bool parse_epoch(struct kdm_str text, int64_t scale, int64_t *ret_ms)
{
    struct kdm_number number;
    double ms;

    if (!kdm_number_parse(text, &number))
        return false;
    if (number.whole)
        return !__builtin_mul_overflow(number.i, scale, ret_ms);
    ms = floor(number.d * (double)scale);
    if (!(fabs(ms) < 9e18))
        return false;
    *ret_ms = (int64_t)ms;
    return true;
}

bool kdm_date_parse(const struct kdm_date_format *format, struct kdm_str text, bool round_up,
                    int64_t *ret_ms)
{
    bool ignored;

    return kdm_date_parse_local(format, text, round_up, ret_ms, &ignored);
}

bool kdm_date_parse_local(const struct kdm_date_format *format, struct kdm_str text, bool round_up,
                          int64_t *ret_ms, bool *ret_local)
{
    for (size_t i = 0; i < format->count; i++) {
        const struct format *one = &format->formats[i];
        bool read, local = false;
        int64_t ms;

        if (one->kind == EPOCH_MS)
            read = parse_epoch(text, 1, &ms);
        else if (one->kind == EPOCH_S)
            read = parse_epoch(text, 1000, &ms);
        else
            read = (one->iso && parse_full_iso(text, &ms))
                   || parse_pattern(one, text, round_up, &ms, &local);
        if (!read)
            continue;
        *ret_ms = ms;
        *ret_local = local;
        return true;
    }
    return false;
}

bool kdm_date_detect(struct kdm_str text)
{
    int64_t ms;

    return text.len >= 10 && text.ptr[4] == '-' && text.ptr[7] == '-'
           && kdm_date_parse(kdm_date_format_default(), text, false, &ms);
}

/* --- formats -----------------------------------------------------------------------------------
 */

static const struct {
    const char *name;
    const char *pattern;
} named[] = {
    { "date_optional_time", ISO_PATTERN },
    { "date_optional_time_nanos", ISO_PATTERN },
    { "iso8601", ISO_PATTERN },
    { "date_time", "yyyy-MM-dd'T'HH:mm:ss.fQ" },
    { "date_time_no_millis", "yyyy-MM-dd'T'HH:mm:ssQ" },
    { "date", "yyyy-MM-dd" },
    { "year_month_day", "yyyy-MM-dd" },
    { "year_month", "yyyy-MM" },
    { "year", "yyyy" },
    { "date_hour", "yyyy-MM-dd'T'HH" },
    { "date_hour_minute", "yyyy-MM-dd'T'HH:mm" },
    { "date_hour_minute_second", "yyyy-MM-dd'T'HH:mm:ss" },
    { "date_hour_minute_second_millis", "yyyy-MM-dd'T'HH:mm:ss.f" },
    { "date_hour_minute_second_fraction", "yyyy-MM-dd'T'HH:mm:ss.f" },
    { "hour", "HH" },
    { "hour_minute", "HH:mm" },
    { "hour_minute_second", "HH:mm:ss" },
    { "hour_minute_second_millis", "HH:mm:ss.f" },
    { "hour_minute_second_fraction", "HH:mm:ss.f" },
    { "time", "HH:mm:ss.fQ" },
    { "time_no_millis", "HH:mm:ssQ" },
    { "t_time", "'T'HH:mm:ss.fQ" },
    { "t_time_no_millis", "'T'HH:mm:ssQ" },
    { "ordinal_date", "yyyy-DDD" },
    { "ordinal_date_time", "yyyy-DDD'T'HH:mm:ss.fQ" },
    { "ordinal_date_time_no_millis", "yyyy-DDD'T'HH:mm:ssQ" },
    { "basic_date", "yyyyMMdd" },
    { "basic_date_time", "yyyyMMdd'T'HHmmss.fQ" },
    { "basic_date_time_no_millis", "yyyyMMdd'T'HHmmssQ" },
    { "basic_ordinal_date", "yyyyDDD" },
    { "basic_time", "HHmmss.fQ" },
    { "basic_time_no_millis", "HHmmssQ" },
    { "basic_t_time", "'T'HHmmss.fQ" },
    { "basic_t_time_no_millis", "'T'HHmmssQ" },
};

const struct kdm_date_format *kdm_date_format_default(void)
{
    static const struct kdm_date_format format = {
        .count = 2,
        .formats = { { .kind = PATTERN,
                       .iso = true,
                       .pattern = { ISO_PATTERN, sizeof(ISO_PATTERN) - 1 } },
                     { .kind = EPOCH_MS } },
    };

    return &format;
}

/* Brackets and quotes in order, no letter that we don't read. */
static bool pattern_valid(struct kdm_str pattern)
{
    int depth = 0;
    bool quoted = false, letters = false;

    if (pattern.len > MAX_PATTERN)
        return false;
    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.ptr[i];

        if (c == '\'')
            quoted = !quoted;
        if (quoted || c == '\'')
            continue;
        depth += (c == '[') - (c == ']');
        if (depth < 0 || depth > MAX_OPTIONAL || c == '\0')
            return false;
        if (is_letter(c) && strchr(CLIENT_LETTERS, c) == NULL)
            return false;
        letters |= is_letter(c);
    }
    return depth == 0 && !quoted && letters;
}

static bool read_format(struct kdm_str text, struct format *ret_format)
{
    struct kdm_str name = text;
    bool strict = kdm_str_starts(text, KDM_STR("strict_"));

    *ret_format = (struct format){ .kind = PATTERN };
    if (kdm_str_eq(text, KDM_STR("epoch_millis")) || kdm_str_eq(text, KDM_STR("epoch_second"))) {
        ret_format->kind = text.len == 12 && text.ptr[6] == 'm' ? EPOCH_MS : EPOCH_S;
        return true;
    }
    if (strict)
        name = kdm_str_from(text, 7);
    for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
        if (!kdm_str_eq(name, kdm_str_of(named[i].name)))
            continue;
        ret_format->pattern = kdm_str_of(named[i].pattern);
        ret_format->lenient = !strict && !kdm_str_starts(name, KDM_STR("basic_"))
                              && !kdm_str_eq(name, KDM_STR("iso8601"));
        ret_format->iso = strict && kdm_str_starts(name, KDM_STR("date_optional_time"));
        return true;
    }
    ret_format->pattern = text;
    return pattern_valid(text);
}

const struct kdm_date_format *kdm_date_format_create(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_date_format *format = kdm_arena_zalloc(arena, sizeof(*format));
    struct kdm_str rest = kdm_arena_copy(arena, text);

    while (format->count < MAX_FORMATS) {
        const char *bars = rest.len < 2 ? NULL : memmem(rest.ptr, rest.len, "||", 2);
        struct kdm_str one = { rest.ptr, bars == NULL ? rest.len : (size_t)(bars - rest.ptr) };

        if (!read_format(one, &format->formats[format->count++]))
            return NULL;
        if (bars == NULL)
            return format;
        rest = kdm_str_from(rest, one.len + 2);
    }
    return NULL;
}

struct kdm_str kdm_date_format_pattern(const struct kdm_date_format *format)
{
    const struct format *first = &format->formats[0];

    if (first->kind != PATTERN)
        return first->kind == EPOCH_MS ? KDM_STR("epoch_millis") : KDM_STR("epoch_second");
    return kdm_str_eq(first->pattern, KDM_STR(ISO_PATTERN)) ? KDM_STR_NONE : first->pattern;
}
