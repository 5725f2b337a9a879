/* query.c - see query.h. */
#include "api/query.h"
#include "base/hex.h"

static bool escape_at(struct kdm_str s, size_t i)
{
    return s.ptr[i] == '%' && s.len - i >= 3 && kdm_hex_digit(s.ptr[i + 1]) >= 0
           && kdm_hex_digit(s.ptr[i + 2]) >= 0;
}

static bool has(struct kdm_str s, char c)
{
    return s.len > 0 && memchr(s.ptr, c, s.len) != NULL;
}

static struct kdm_str decode(struct kdm_arena *arena, struct kdm_str s, bool plus_is_blank)
{
    char *text;
    size_t len = 0;

    if (!has(s, '%') && !(plus_is_blank && has(s, '+')))
        return s;
    text = kdm_arena_alloc(arena, s.len);
    for (size_t i = 0; i < s.len; i++) {
        if (escape_at(s, i)) {
            text[len++] = (char)(kdm_hex_digit(s.ptr[i + 1]) * 16 + kdm_hex_digit(s.ptr[i + 2]));
            i += 2;
        } else {
            text[len++] = s.ptr[i] == '+' && plus_is_blank ? ' ' : s.ptr[i];
        }
    }
    return (struct kdm_str){ .ptr = text, .len = len };
}

struct kdm_str kdm_percent_decode(struct kdm_arena *arena, struct kdm_str text)
{
    return decode(arena, text, false);
}

void kdm_percent_encode(struct kdm_buf *buf, struct kdm_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
            || c == '.' || c == '_' || c == '~')
            kdm_buf_char(buf, (char)c);
        else
            kdm_buf_printf(buf, "%%%02X", c);
    }
}

static struct kdm_query_pair decode_pair(struct kdm_arena *arena, struct kdm_str pair)
{
    const char *equals = memchr(pair.ptr, '=', pair.len);
    size_t len = equals == NULL ? pair.len : (size_t)(equals - pair.ptr);
    struct kdm_query_pair decoded = { .used = false };

    decoded.name = decode(arena, (struct kdm_str){ .ptr = pair.ptr, .len = len }, true);
    decoded.value = equals == NULL ? KDM_STR("") : decode(arena, kdm_str_from(pair, len + 1), true);
    return decoded;
}

/* Pairs that are not empty ("&&" has none). */
static bool next_pair(struct kdm_str *text, struct kdm_str *ret_pair)
{
    while (text->len > 0) {
        const char *end = memchr(text->ptr, '&', text->len);
        size_t len = end == NULL ? text->len : (size_t)(end - text->ptr);

        *ret_pair = (struct kdm_str){ .ptr = text->ptr, .len = len };
        *text = kdm_str_from(*text, end == NULL ? len : len + 1);
        if (len > 0)
            return true;
    }
    return false;
}

bool kdm_query_parse(struct kdm_arena *arena, struct kdm_str text, struct kdm_query_args *ret_query)
{
    struct kdm_str rest = text, pair;
    size_t count = 0;

    while (next_pair(&rest, &pair))
        count++;
    if (count > KDM_QUERY_MAX)
        return false;
    ret_query->pairs = kdm_arena_alloc(arena, (count + 1) * sizeof(*ret_query->pairs));
    ret_query->count = 0;
    while (next_pair(&text, &pair))
        ret_query->pairs[ret_query->count++] = decode_pair(arena, pair);
    return true;
}

struct kdm_str kdm_query_get(const struct kdm_query_args *query, struct kdm_str name)
{
    for (size_t i = 0; i < query->count; i++) {
        if (kdm_str_eq(query->pairs[i].name, name))
            return query->pairs[i].value;
    }
    return KDM_STR_NONE;
}
