/* str.h - a slice of text: a pointer and a length, owned by somebody else.
 * Nearly all text in kdm is a slice of a frame, a reply of Redis or an arena, so
 * it is not NUL-terminated and may hold U+0000. Pure functions, any thread.
 */
#ifndef KDM_BASE_STR_H
#define KDM_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct kdm_str {
    const char *ptr; /* NULL: there is no text, which differs from the empty text */
    size_t len;      /* bytes */
};

#define KDM_STR(literal) ((struct kdm_str){ .ptr = (literal), .len = sizeof(literal) - 1 })
#define KDM_STR_NONE     ((struct kdm_str){ .ptr = NULL, .len = 0 })

/* For printf: kdm_log_info("no index " KDM_FMT, KDM_ARG(name)). */
#define KDM_FMT    "%.*s"
#define KDM_ARG(s) (int)(s).len, (s).ptr

static inline bool kdm_str_none(struct kdm_str s)
{
    return s.ptr == NULL;
}

static inline struct kdm_str kdm_str_of(const char *cstr)
{
    return cstr == NULL ? KDM_STR_NONE : (struct kdm_str){ .ptr = cstr, .len = strlen(cstr) };
}

static inline bool kdm_str_eq(struct kdm_str a, struct kdm_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool kdm_str_starts(struct kdm_str s, struct kdm_str prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* The rest of `s` behind its first `n` bytes; n <= s.len. */
static inline struct kdm_str kdm_str_from(struct kdm_str s, size_t n)
{
    return (struct kdm_str){ .ptr = s.ptr + n, .len = s.len - n };
}

/* The word at the beginning of *rest, up to a blank or the end; *rest goes behind the blank. */
struct kdm_str kdm_str_word(struct kdm_str *rest);

/* Without the blanks at both its ends. */
struct kdm_str kdm_str_trimmed(struct kdm_str s);

/* Byte order, shorter first when one is the other's beginning; <0, 0, >0. */
int kdm_str_cmp(struct kdm_str a, struct kdm_str b);

/* The same with A-Z and a-z alike, and no other letters; whether a part, which may be empty, is
 * anywhere in the text. */
bool kdm_str_eq_nocase(struct kdm_str a, struct kdm_str b);
bool kdm_str_starts_nocase(struct kdm_str s, struct kdm_str prefix);
bool kdm_str_contains_nocase(struct kdm_str s, struct kdm_str part);

/* Reads a whole decimal integer ("-12", no blanks, no '+'). false when it is none or
 * does not fit; *ret_value then stays untouched. */
bool kdm_str_int64(struct kdm_str s, long long *ret_value);

/* Writes the digits of `value` so that the last one stands before `end`; returns the first one. */
#define KDM_DECIMAL_MAX 20
static inline char *kdm_decimal_before(char *end, uint64_t value)
{
    do
        *--end = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    return end;
}

/* Writes the bytes as twice as many lower-case hexadecimal digits. */
void kdm_hex(const unsigned char *bytes, size_t len, char *ret_digits);

/* How many characters must be put in, left out, replaced or swapped with their neighbour to make
 * `b` of `a`: what tells a slip of the hand. Only their first 127 bytes count. */
unsigned kdm_str_distance(struct kdm_str a, struct kdm_str b);

#endif
