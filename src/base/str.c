/* str.c - what is too long to be inlined into str.h. */
#include "base/str.h"
#include <limits.h>

int kdm_str_cmp(struct kdm_str a, struct kdm_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.ptr, b.ptr, common);

    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
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
