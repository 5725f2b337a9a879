/* write.c - putting JSON into a buffer. */
#include "json/write.h"
#include "json/chars.h"
#include "json/name.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- strings and names ------------------------------------------------------------------ */

static void put_escape(struct kdm_buf *buf, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    static const char shorts[] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\' };

    if (shorts[c] != 0) {
        kdm_buf_char(buf, '\\');
        kdm_buf_char(buf, shorts[c]);
        return;
    }
    kdm_buf_lit(buf, "\\u00");
    kdm_buf_char(buf, hex[c >> 4]);
    kdm_buf_char(buf, hex[c & 15]);
}

void kdm_json_put_str(struct kdm_buf *buf, struct kdm_str s)
{
    const char *from = s.ptr, *at = s.ptr, *end = s.ptr + s.len;

    kdm_buf_char(buf, '"');
    while (s.len > 0 && (at = kdm_json_skip_ordinary(at, end)) < end) {
        if ((unsigned char)*at >= 0x80) {
            at++;
            continue;
        }
        kdm_buf_put(buf, (struct kdm_str){ .ptr = from, .len = (size_t)(at - from) });
        put_escape(buf, (unsigned char)*at);
        from = ++at;
    }
    kdm_buf_put(buf, (struct kdm_str){ .ptr = from, .len = (size_t)(end - from) });
    kdm_buf_char(buf, '"');
}

void kdm_json_put_comma(struct kdm_buf *buf)
{
    char last = buf->len == 0 ? '{' : buf->ptr[buf->len - 1];

    if (last != '{' && last != '[')
        kdm_buf_char(buf, ',');
}

struct kdm_str kdm_json_quoted(struct kdm_arena *arena, struct kdm_str s)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, s.len + 8);
    kdm_json_put_str(&buf, s);
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_json_pair(struct kdm_arena *arena, const char *name, struct kdm_str s)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, s.len + strlen(name) + 16);
    kdm_buf_printf(&buf, "{\"%s\":", name);
    kdm_json_put_str(&buf, s);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

void kdm_json_put_strings(struct kdm_buf *buf, const struct kdm_str_list *strings)
{
    kdm_buf_char(buf, '[');
    for (size_t i = 0; i < strings->count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        kdm_json_put_str(buf, strings->items[i]);
    }
    kdm_buf_char(buf, ']');
}

void kdm_json_put_name(struct kdm_buf *buf, struct kdm_str name)
{
    kdm_json_put_comma(buf);
    kdm_json_put_str(buf, name);
    kdm_buf_char(buf, ':');
}

void kdm_json_put_member_name(struct kdm_buf *buf, struct kdm_val name)
{
    kdm_json_put_comma(buf);
    kdm_buf_put(buf, kdm_val_text(name));
    kdm_buf_char(buf, ':');
}

/* --- doubles ---------------------------------------------------------------------------- */

/* Writes the fewest digits that read back as `value` (> 0), without the point; *ret_exponent is the
 * power of ten of the first. Returns how many. */
static int shortest_digits(double value, char ret_digits[20], int *ret_exponent)
{
    char text[32];
    int digits = value < DBL_MIN ? 0 : 14; /* subnormals have few */

    do { /* 17 always do */
        digits++;
        snprintf(text, sizeof(text), "%.*e", digits - 1, value);
    } while (digits < 17 && strtod(text, NULL) != value);
    ret_digits[0] = text[0];
    memcpy(ret_digits + 1, text + 2, (size_t)digits - 1);
    *ret_exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    while (digits > 1 && ret_digits[digits - 1] == '0')
        digits--;
    return digits;
}

static void put_zeros(struct kdm_buf *buf, int count)
{
    for (; count > 0; count--)
        kdm_buf_char(buf, '0');
}

static void put_digits(struct kdm_buf *buf, const char *digits, int count)
{
    kdm_buf_put(buf, (struct kdm_str){ .ptr = digits, .len = (size_t)count });
}

/* Lays the digits out as JavaScript does: plain between 1e-7 and 1e21, else with an exponent. */
static void put_layout(struct kdm_buf *buf, const char *digits, int count, int exponent)
{
    if (exponent >= 21 || exponent < -6) {
        put_digits(buf, digits, 1);
        if (count > 1)
            kdm_buf_char(buf, '.');
        put_digits(buf, digits + 1, count - 1);
        kdm_buf_printf(buf, "e%+d", exponent);
    } else if (exponent < 0) {
        kdm_buf_lit(buf, "0.");
        put_zeros(buf, -exponent - 1);
        put_digits(buf, digits, count);
    } else if (count <= exponent + 1) {
        put_digits(buf, digits, count);
        put_zeros(buf, exponent + 1 - count);
    } else {
        put_digits(buf, digits, exponent + 1);
        kdm_buf_char(buf, '.');
        put_digits(buf, digits + exponent + 1, count - exponent - 1);
    }
}

/* What JavaScript would print, because clients compare with that: 1e21, 0.1, 100, 5e-7; null for
 * what is no number. */
void kdm_json_put_double(struct kdm_buf *buf, double value)
{
    char digits[20];
    int count, exponent;

    if (!isfinite(value)) {
        kdm_buf_lit(buf, "null");
        return;
    }
    if (fabs(value) < 1e15 && value == (double)(int64_t)value) {
        kdm_buf_int(buf, (int64_t)value);
        return;
    }
    if (value < 0)
        kdm_buf_char(buf, '-');
    count = shortest_digits(fabs(value), digits, &exponent);
    put_layout(buf, digits, count, exponent);
}

/* --- values ----------------------------------------------------------------------------- */

static void put_canonical_object(struct kdm_buf *buf, struct kdm_arena *scratch,
                                 struct kdm_val object)
{
    struct kdm_json_member_iter it;
    struct kdm_val name, value;

    kdm_buf_char(buf, '{');
    kdm_json_resolved(&it, scratch, object);
    while (kdm_json_resolved_next(&it, &name, &value)) {
        kdm_json_put_member_name(buf, name);
        kdm_json_put_canonical(buf, scratch, value);
    }
    kdm_buf_char(buf, '}');
}

static void put_canonical_array(struct kdm_buf *buf, struct kdm_arena *scratch,
                                struct kdm_val array)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    kdm_buf_char(buf, '[');
    kdm_elements(&it, array);
    while (kdm_element_next(&it, &element)) {
        kdm_json_put_comma(buf);
        kdm_json_put_canonical(buf, scratch, element);
    }
    kdm_buf_char(buf, ']');
}

void kdm_json_put_canonical(struct kdm_buf *buf, struct kdm_arena *scratch, struct kdm_val val)
{
    if (kdm_json_clean(val))
        kdm_buf_put(buf, kdm_val_text(val));
    else if (kdm_val_type(val) == KDM_JSON_OBJECT)
        put_canonical_object(buf, scratch, val);
    else
        put_canonical_array(buf, scratch, val);
}

static bool is_one_of(struct kdm_val name, const struct kdm_str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (kdm_val_str_eq(name, names[i]))
            return true;
    }
    return false;
}

size_t kdm_json_put_members_except(struct kdm_buf *buf, struct kdm_val object,
                                   const struct kdm_str *skip, size_t skip_count)
{
    struct kdm_json_member_iter it;
    struct kdm_val name, value;
    struct kdm_arena scratch;
    size_t written = 0;

    kdm_arena_init(&scratch, 4096); /* takes nothing unless there are duplicates */
    kdm_json_resolved(&it, &scratch, object);
    while (kdm_json_resolved_next(&it, &name, &value)) {
        if (is_one_of(name, skip, skip_count))
            continue;
        if (written++ > 0)
            kdm_buf_char(buf, ',');
        kdm_buf_put(buf, kdm_val_text(name));
        kdm_buf_char(buf, ':');
        kdm_json_put_canonical(buf, &scratch, value);
    }
    kdm_arena_fini(&scratch);
    return written;
}

/* --- pretty ----------------------------------------------------------------------------- */

static void put_line(struct kdm_buf *buf, int blanks)
{
    kdm_buf_char(buf, '\n');
    memset(kdm_buf_room(buf, (size_t)blanks), ' ', (size_t)blanks);
    buf->len += (size_t)blanks;
}

static void put_pretty(struct kdm_buf *buf, struct kdm_arena *scratch, struct kdm_val val,
                       int indent, int level)
{
    bool object = kdm_val_type(val) == KDM_JSON_OBJECT;
    struct kdm_json_member_iter members;
    struct kdm_val_iter elements;
    struct kdm_val name, value;

    if (kdm_val_count(val) == 0) { /* {} and [] too */
        kdm_json_put_canonical(buf, scratch, val);
        return;
    }
    kdm_buf_char(buf, object ? '{' : '[');
    kdm_json_resolved(&members, scratch, val);
    kdm_elements(&elements, val);
    while (object ? kdm_json_resolved_next(&members, &name, &value)
                  : kdm_element_next(&elements, &value)) {
        kdm_json_put_comma(buf);
        put_line(buf, indent * (level + 1));
        if (object) {
            kdm_buf_put(buf, kdm_val_text(name));
            kdm_buf_lit(buf, ": ");
        }
        put_pretty(buf, scratch, value, indent, level + 1);
    }
    put_line(buf, indent * level);
    kdm_buf_char(buf, object ? '}' : ']');
}

struct kdm_str kdm_json_pretty(struct kdm_arena *arena, struct kdm_val val, int indent)
{
    struct kdm_buf buf;

    if (kdm_val_none(val))
        return KDM_STR_NONE;
    kdm_buf_init(&buf, arena, kdm_val_text(val).len * 2);
    put_pretty(&buf, arena, val, indent < 0 ? 0 : indent, 0);
    return kdm_buf_str(&buf);
}
