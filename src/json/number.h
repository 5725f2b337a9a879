/* number.h - private to json/: exact decimals. A number keeps its digits as text; here it is
 * taken apart without rounding, so that "is it whole", "does it fit" and "is it the same" are exact
 * and cost nothing that grows with hostile digits beyond reading them once.
 */
#ifndef KDM_JSON_NUMBER_H
#define KDM_JSON_NUMBER_H

#include "base/str.h"
#include <stdint.h>

/* value = digits * 10^scale, where the digits stand in the text from `first`, a '.' perhaps among
 * them; neither the first nor the last digit is 0. Zero has no digits. */
struct kdm_decimal {
    bool negative;
    const char *first;
    size_t digits;
    int64_t scale;
};

/* `text` must be a number by JSON's grammar. */
void kdm_decimal_read(struct kdm_decimal *ret_decimal, struct kdm_str text);

/* Would it round to an infinite double? */
bool kdm_decimal_too_large(const struct kdm_decimal *decimal);

/* The nearest double. */
double kdm_decimal_double(const struct kdm_decimal *decimal);

/* false when it is not whole or does not fit. */
bool kdm_decimal_int64(const struct kdm_decimal *decimal, int64_t *ret_value);

bool kdm_decimal_equal(const struct kdm_decimal *a, const struct kdm_decimal *b);

#endif
