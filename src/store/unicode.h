/* unicode.h - the little of Unicode that names and text analysis need.
 * Locale-independent, unlike towlower(). Tables are of Unicode 14, simple one-to-one mappings only.
 * Pure functions, any thread.
 */
#ifndef KDM_STORE_UNICODE_H
#define KDM_STORE_UNICODE_H

#include "base/str.h"
#include <stdint.h>

/* Takes the first code point of `text`, which must be valid UTF-8 and not empty; moves *text behind
 * it. */
uint32_t kdm_utf8_next(struct kdm_str *text);

/* Writes 1 to 4 bytes, returns how many. */
size_t kdm_utf8_put(char *ret_bytes, uint32_t point);

/* Is `text` valid UTF-8: no overlong forms, no surrogates, nothing beyond U+10FFFF? */
bool kdm_utf8_valid(struct kdm_str text);

/* How many code points valid UTF-8 holds. */
size_t kdm_utf8_count(struct kdm_str text);

/* The lower-case letter of `point`, itself when it has none. */
uint32_t kdm_unicode_lower(uint32_t point);

/* A letter (with combining marks), a digit of any script, an ideograph written without blanks. */
bool kdm_unicode_letter(uint32_t point);
bool kdm_unicode_digit(uint32_t point);
bool kdm_unicode_ideograph(uint32_t point);
bool kdm_unicode_space(uint32_t point);

#endif
