/* aggs_format.c - keys and values of aggregations as text: dates, booleans, and numbers by the
 * patterns of Java's DecimalFormat. Pure.
 */
#include "search/aggs_internal.h"
#include <math.h>
#include <stdio.h>

#define MOST_FRACTION 40
#define MOST_MS       9.0e18 /* zones are added */

struct pattern {
    struct kdm_str prefix, suffix; /* quotes in them, too */
    size_t zeros;                  /* digits before the point, at least */
    size_t group;                  /* of so many digits; 0: none */
    size_t least, most;            /* digits behind the point */
    bool percent;
};

/* --- patterns --------------------------------------------------------------------------------- */

static bool is_digit_sign(char c)
{
    return c == '#' || c == '0' || c == ',' || c == '.';
}

/* What stands as it is, with quotes, up to the digits or to the end. false: it has a sign that we
 * don't read, or a quote without its other. */
static bool read_affix(struct kdm_str *rest, struct kdm_str *affix, bool *percent)
{
    bool quoted = false;

    *affix = (struct kdm_str){ rest->ptr, 0 };
    for (; rest->len > 0 && (quoted || !is_digit_sign(rest->ptr[0])); affix->len++) {
        char c = rest->ptr[0];

        quoted ^= c == '\'';
        if (!quoted && (c == ';' || c == 'E' || (unsigned char)c >= 0x80))
            return false;
        *percent |= !quoted && c == '%';
        *rest = kdm_str_from(*rest, 1);
    }
    return !quoted;
}

/* "#,##0": hashes, then zeros. */
static bool read_whole(struct kdm_str *rest, struct pattern *pattern, size_t *ret_digits)
{
    size_t digits = 0, comma = 0;
    bool grouped = false;

    for (; rest->len > 0 && rest->ptr[0] != '.' && is_digit_sign(rest->ptr[0]);
         *rest = kdm_str_from(*rest, 1)) {
        if (rest->ptr[0] == ',') {
            grouped = true;
            comma = digits;
            continue;
        }
        if (rest->ptr[0] == '#' && pattern->zeros > 0)
            return false;
        pattern->zeros += rest->ptr[0] == '0';
        digits++;
    }
    pattern->group = grouped ? digits - comma : 0;
    *ret_digits = digits;
    return !grouped || pattern->group > 0;
}

/* ".00##": zeros, then hashes. */
static bool read_fraction(struct kdm_str *rest, struct pattern *pattern)
{
    *rest = kdm_str_from(*rest, 1);
    for (; rest->len > 0 && is_digit_sign(rest->ptr[0]); *rest = kdm_str_from(*rest, 1)) {
        bool zero = rest->ptr[0] == '0';

        if ((!zero && rest->ptr[0] != '#') || (zero && pattern->least < pattern->most))
            return false;
        pattern->least += zero;
        pattern->most++;
    }
    return pattern->most <= MOST_FRACTION;
}

static bool read_pattern(struct kdm_str text, struct pattern *ret_pattern)
{
    struct pattern pattern = { .percent = false };
    size_t whole = 0;

    if (!read_affix(&text, &pattern.prefix, &pattern.percent)
        || !read_whole(&text, &pattern, &whole))
        return false;
    if (text.len > 0 && text.ptr[0] == '.') {
        if (!read_fraction(&text, &pattern))
            return false;
        /* Hashes alone: one digit is shown nevertheless. */
        if (pattern.zeros + pattern.least == 0 && whole > 0)
            pattern.zeros = 1;
        else if (pattern.zeros + pattern.least == 0)
            pattern.least = pattern.most > 0;
    }
    if (whole + pattern.most == 0 || pattern.zeros > MOST_FRACTION
        || !read_affix(&text, &pattern.suffix, &pattern.percent) || text.len > 0)
        return false;
    *ret_pattern = pattern;
    return true;
}

bool kdm_agg_number_pattern(struct kdm_str pattern)
{
    struct pattern read;

    return read_pattern(pattern, &read);
}

/* --- numbers ---------------------------------------------------------------------------------- */

/* Two quotes are one. */
static void put_affix(struct kdm_buf *buf, struct kdm_str affix)
{
    for (size_t i = 0; i < affix.len; i++) {
        if (affix.ptr[i] != '\'')
            kdm_buf_char(buf, affix.ptr[i]);
        else if (i + 1 < affix.len && affix.ptr[i + 1] == '\'')
            kdm_buf_char(buf, affix.ptr[i++]);
    }
}

static void put_whole(struct kdm_buf *buf, const struct pattern *pattern, struct kdm_str digits)
{
    size_t count = digits.len > pattern->zeros ? digits.len : pattern->zeros;

    for (size_t left = count; left > 0; left--) {
        kdm_buf_char(buf, left > digits.len ? '0' : digits.ptr[digits.len - left]);
        if (pattern->group > 0 && left > 1 && (left - 1) % pattern->group == 0)
            kdm_buf_char(buf, ',');
    }
}

static void put_number(struct kdm_buf *buf, const struct pattern *pattern, double value)
{
    char text[400]; /* the greatest double has 309 digits before the point */
    size_t fraction = pattern->most;
    struct kdm_str whole;
    const char *behind;

    value *= pattern->percent ? 100 : 1;
    if (!isfinite(value))
        value = copysign(1.7976931348623157e308, value);
    snprintf(text, sizeof(text), "%.*f", (int)pattern->most, fabs(value));
    whole = (struct kdm_str){ text, strcspn(text, ".") };
    behind = text + whole.len + 1;
    while (fraction > pattern->least && behind[fraction - 1] == '0')
        fraction--;
    if (whole.len == 1 && text[0] == '0' && (fraction > 0 || pattern->zeros > 0))
        whole.len = 0;
    if (signbit(value))
        kdm_buf_char(buf, '-');
    put_affix(buf, pattern->prefix);
    put_whole(buf, pattern, whole);
    if (fraction > 0) {
        kdm_buf_char(buf, '.');
        kdm_buf_put(buf, (struct kdm_str){ behind, fraction });
    }
    put_affix(buf, pattern->suffix);
}

/* --- all of it -------------------------------------------------------------------------------- */

bool kdm_agg_has_text(const struct kdm_agg *agg)
{
    return agg->field != NULL
           && (agg->field->type == KDM_FIELD_DATE || agg->field->type == KDM_FIELD_BOOLEAN
               || !kdm_str_none(agg->format));
}

void kdm_agg_put_text(struct kdm_buf *buf, const struct kdm_agg *agg, double value)
{
    struct pattern pattern;

    if (agg->field->type == KDM_FIELD_DATE)
        kdm_agg_put_date(buf, agg->format, (int64_t)fmax(-MOST_MS, fmin(MOST_MS, value)),
                         agg->zone);
    else if (agg->field->type == KDM_FIELD_BOOLEAN)
        kdm_buf_put(buf, value != 0 ? KDM_STR("true") : KDM_STR("false"));
    else if (read_pattern(agg->format, &pattern))
        put_number(buf, &pattern, value);
}
