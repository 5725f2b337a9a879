/* str.c - what is too long to be inlined into str.h. */
#include "base/str.h"
#include <limits.h>

struct kdm_str kdm_str_word(struct kdm_str *rest)
{
    const char *blank = rest->len == 0 ? NULL : memchr(rest->ptr, ' ', rest->len);
    struct kdm_str word = *rest;

    if (blank == NULL) {
        *rest = kdm_str_from(*rest, rest->len);
        return word;
    }
    word.len = (size_t)(blank - rest->ptr);
    *rest = kdm_str_from(*rest, word.len + 1);
    return word;
}

struct kdm_str kdm_str_trimmed(struct kdm_str s)
{
    while (s.len > 0 && s.ptr[0] == ' ')
        s = kdm_str_from(s, 1);
    while (s.len > 0 && s.ptr[s.len - 1] == ' ')
        s.len--;
    return s;
}

int kdm_str_cmp(struct kdm_str a, struct kdm_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* strncasecmp() ends at U+0000, which a text may hold. */
bool kdm_str_starts_nocase(struct kdm_str s, struct kdm_str prefix)
{
    size_t i = 0;

    if (s.len < prefix.len)
        return false;
    while (i < prefix.len && lower(s.ptr[i]) == lower(prefix.ptr[i]))
        i++;
    return i == prefix.len;
}

bool kdm_str_eq_nocase(struct kdm_str a, struct kdm_str b)
{
    return a.len == b.len && kdm_str_starts_nocase(a, b);
}

bool kdm_str_contains_nocase(struct kdm_str s, struct kdm_str part)
{
    while (s.len > part.len && !kdm_str_starts_nocase(s, part))
        s = kdm_str_from(s, 1);
    return kdm_str_starts_nocase(s, part);
}

/* Counts downwards from zero, because the most negative number has no positive twin. */
bool kdm_str_int64(struct kdm_str s, long long *ret_value)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    struct kdm_str digits = negative ? kdm_str_from(s, 1) : s;
    long long value = 0;

    if (digits.len == 0)
        return false;
    for (size_t i = 0; i < digits.len; i++) {
        int digit = digits.ptr[i] - '0';

        if (digit < 0 || digit > 9)
            return false;
        if (__builtin_mul_overflow(value, 10, &value)
            || __builtin_sub_overflow(value, digit, &value))
            return false;
    }
    if (!negative && value == LLONG_MIN)
        return false;
    *ret_value = negative ? value : -value;
    return true;
}

void kdm_hex(const unsigned char *bytes, size_t len, char *ret_digits)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        ret_digits[2 * i] = digits[bytes[i] >> 4];
        ret_digits[2 * i + 1] = digits[bytes[i] & 15];
    }
}

#define DISTANCE_MAX_LEN 127

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned kdm_str_distance(struct kdm_str a, struct kdm_str b)
{
    unsigned rows[3][DISTANCE_MAX_LEN + 1]; /* two rows back is needed for swapped neighbours */

    a.len = a.len > DISTANCE_MAX_LEN ? DISTANCE_MAX_LEN : a.len;
    b.len = b.len > DISTANCE_MAX_LEN ? DISTANCE_MAX_LEN : b.len;
    for (unsigned j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned *row = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];

        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned differs = a.ptr[i - 1] != b.ptr[j - 1];

            row[j] = least(before[j - 1] + differs, least(before[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                row[j] = least(row[j], earlier[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}
