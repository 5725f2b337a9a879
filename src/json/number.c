/* number.c - decimals taken apart, and made into int64 and double. */
#include "json/number.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* An exponent beyond this is as good as infinite, and sums with a length stay far from overflow. */
#define EXPONENT_MAX 10000000000000LL

/* More significant digits than these can only say "a little more": the longest exact midpoint
 * between two doubles has 768. */
#define DIGITS_MAX 770u

static int64_t read_exponent(const char *at, const char *end)
{
    bool negative = *at == '-';
    int64_t value = 0;

    if (*at == '-' || *at == '+')
        at++;
    for (; at < end; at++) {
        if (value < EXPONENT_MAX)
            value = value * 10 + (*at - '0');
    }
    return negative ? -value : value;
}

void kdm_decimal_read(struct kdm_decimal *ret_decimal, struct kdm_str text)
{
    const char *at = text.ptr, *end = text.ptr + text.len;
    struct kdm_decimal d = { .negative = *at == '-' };
    bool fraction = false;
    size_t zeros = 0; /* at the end of what was read of the digits */

    for (at += d.negative; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        d.scale -= fraction;
        if (d.first == NULL && *at == '0')
            continue;
        if (d.first == NULL)
            d.first = at;
        d.digits++;
        zeros = *at == '0' ? zeros + 1 : 0;
    }
    d.digits -= zeros;
    d.scale += (int64_t)zeros;
    if (at < end)
        d.scale += read_exponent(at + 1, end);
    if (d.digits == 0)
        d.scale = 0;
    *ret_decimal = d;
}

/* Writes at most DIGITS_MAX digits and the exponent as strtod reads them. */
static void write_digits(const struct kdm_decimal *d, char text[DIGITS_MAX + 32])
{
    size_t kept = d->digits < DIGITS_MAX ? d->digits : DIGITS_MAX;
    int64_t scale = d->scale + (int64_t)(d->digits - kept);
    char *out = text;
    const char *at = d->first;

    for (size_t left = kept; left > 0; at++) {
        if (*at != '.') {
            *out++ = *at;
            left--;
        }
    }
    if (kept < d->digits) { /* what was cut off is not nothing */
        *out++ = '1';
        scale--;
    }
    snprintf(out, 31, "e%lld", (long long)scale);
}

static double slow_double(const struct kdm_decimal *d)
{
    char text[DIGITS_MAX + 32];

    write_digits(d, text);
    return strtod(text, NULL);
}

bool kdm_decimal_too_large(const struct kdm_decimal *d)
{
    int64_t magnitude = d->scale + (int64_t)d->digits - 1; /* 1 <= value / 10^magnitude < 10 */

    if (d->digits == 0 || magnitude < 308)
        return false;
    return magnitude > 308 || isinf(slow_double(d));
}

/* Fewer than 16 digits; exact. */
static int64_t small_digits(const struct kdm_decimal *d)
{
    int64_t value = 0;
    const char *at = d->first;

    for (size_t left = d->digits; left > 0; at++) {
        if (*at != '.') {
            value = value * 10 + (*at - '0');
            left--;
        }
    }
    return value;
}

double kdm_decimal_double(const struct kdm_decimal *d)
{
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                     1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                     1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    double value = 0;

    if (d->digits > 0 && d->digits <= 15 && d->scale >= -22 && d->scale <= 22) {
        /* Both operands are exact, so the one rounding is the right one. */
        value = (double)small_digits(d);
        value = d->scale < 0 ? value / powers[-d->scale] : value * powers[d->scale];
    } else if (d->digits > 0) {
        value = slow_double(d);
    }
    return d->negative ? -value : value;
}

bool kdm_decimal_int64(const struct kdm_decimal *d, int64_t *ret_value)
{
    const char *at = d->first;
    int64_t value = 0; /* counts downwards: the most negative number has no positive twin */

    if (d->scale < 0 || d->scale + (int64_t)d->digits > 19)
        return false;
    for (size_t left = d->digits + (size_t)d->scale; left > 0;) {
        int digit = 0;

        if (left > (size_t)d->scale) {
            if (*at == '.') {
                at++;
                continue;
            }
            digit = *at++ - '0';
        }
        if (__builtin_mul_overflow(value, 10, &value)
            || __builtin_sub_overflow(value, digit, &value))
            return false;
        left--;
    }
    if (!d->negative && value == INT64_MIN)
        return false;
    *ret_value = d->negative ? value : -value;
    return true;
}

bool kdm_decimal_equal(const struct kdm_decimal *a, const struct kdm_decimal *b)
{
    const char *left = a->first, *right = b->first;

    if (a->digits != b->digits || a->scale != b->scale)
        return false;
    if (a->digits > 0 && a->negative != b->negative)
        return false;
    for (size_t i = 0; i < a->digits; i++) {
        left += *left == '.';
        right += *right == '.';
        if (*left++ != *right++)
            return false;
    }
    return true;
}
