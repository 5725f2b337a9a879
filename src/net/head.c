/* head.c - see head.h. */
#include "net/head.h"

#include <ctype.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct kdm_str trim(struct kdm_str s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = kdm_str_from(s, 1);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Cuts off and returns what stands before the first `mark` that is not inside quotes. */
static struct kdm_str next_part(struct kdm_str *rest, char mark)
{
    struct kdm_str part = { .ptr = rest->ptr, .len = 0 };
    bool quoted = false;

    while (part.len < rest->len && (quoted || rest->ptr[part.len] != mark)) {
        if (rest->ptr[part.len] == '"')
            quoted = !quoted;
        else if (quoted && rest->ptr[part.len] == '\\' && part.len + 1 < rest->len)
            part.len++;
        part.len++;
    }
    *rest = kdm_str_from(*rest, part.len < rest->len ? part.len + 1 : part.len);
    return trim(part);
}

bool kdm_head_next_item(struct kdm_str *list, struct kdm_str *ret_item)
{
    while (list->len > 0) {
        *ret_item = next_part(list, ',');
        if (ret_item->len > 0)
            return true;
    }
    return false;
}

struct kdm_str kdm_head_item(struct kdm_str list, size_t n)
{
    struct kdm_str item;

    while (kdm_head_next_item(&list, &item)) {
        if (n-- == 0)
            return item;
    }
    return KDM_STR_NONE;
}

struct kdm_str kdm_head_main(struct kdm_str value)
{
    return next_part(&value, ';');
}

struct kdm_str kdm_head_params(struct kdm_str value)
{
    next_part(&value, ';');
    return value;
}

static struct kdm_str unquote(struct kdm_arena *arena, struct kdm_str value)
{
    char *plain;
    size_t len = 0;

    if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"')
        return value;
    plain = kdm_arena_alloc(arena, value.len);
    for (size_t i = 1; i + 1 < value.len; i++) {
        if (value.ptr[i] == '\\' && i + 2 < value.len)
            i++;
        plain[len++] = value.ptr[i];
    }
    return (struct kdm_str){ .ptr = plain, .len = len };
}

bool kdm_head_next_parameter(struct kdm_arena *arena, struct kdm_str *params,
                             struct kdm_str *ret_name, struct kdm_str *ret_value)
{
    struct kdm_str rest;
    bool valued;

    if (params->len == 0)
        return false;
    rest = next_part(params, ';');
    valued = memchr(rest.ptr, '=', rest.len) != NULL;
    *ret_name = next_part(&rest, '=');
    *ret_value = valued ? unquote(arena, trim(rest)) : KDM_STR_NONE;
    return true;
}

struct kdm_str kdm_head_parameter(struct kdm_arena *arena, struct kdm_str value,
                                  struct kdm_str name)
{
    struct kdm_str params = kdm_head_params(value), own, found;

    while (kdm_head_next_parameter(arena, &params, &own, &found)) {
        if (kdm_str_eq_nocase(own, name))
            return kdm_str_none(found) ? KDM_STR("") : found;
    }
    return KDM_STR_NONE;
}

enum kdm_media kdm_head_media(struct kdm_str content_type)
{
    struct kdm_str type = kdm_head_main(content_type);

    if (type.len == 0 || kdm_str_eq_nocase(type, KDM_STR("application/json")))
        return KDM_MEDIA_JSON;
    if (kdm_str_eq_nocase(type, KDM_STR("application/x-www-form-urlencoded")))
        return KDM_MEDIA_FORM;
    if (kdm_str_eq_nocase(type, KDM_STR("multipart/form-data")))
        return KDM_MEDIA_MULTIPART;
    return KDM_MEDIA_OTHER;
}

enum kdm_coding kdm_head_coding(struct kdm_str item)
{
    if (kdm_str_eq_nocase(item, KDM_STR("identity")))
        return KDM_CODING_IDENTITY;
    if (kdm_str_eq_nocase(item, KDM_STR("gzip")))
        return KDM_CODING_GZIP;
    if (kdm_str_eq_nocase(item, KDM_STR("deflate")))
        return KDM_CODING_DEFLATE;
    return KDM_CODING_UNKNOWN;
}

const char *kdm_head_coding_name(enum kdm_coding coding)
{
    static const char *const names[] = { "identity", "gzip", "deflate", "" };

    return names[coding];
}

/* "0.85" as 850, no q as 0, "0" or anything else that is none as -1. */
static int thousandths(struct kdm_str q)
{
    int value = 0, scale = 1000;

    if (kdm_str_none(q))
        return 0;
    for (size_t i = 0; i < q.len && scale > 0; i++) {
        if (q.ptr[i] == '.' && i == 1)
            continue;
        if (q.ptr[i] < '0' || q.ptr[i] > '9')
            return -1;
        value += (q.ptr[i] - '0') * scale;
        scale /= 10;
    }
    return value == 0 ? -1 : value;
}

enum kdm_coding kdm_head_accepted(struct kdm_str accept_encoding)
{
    enum kdm_coding best = KDM_CODING_IDENTITY;
    int best_q = -1;

    while (accept_encoding.len > 0) {
        struct kdm_str item = next_part(&accept_encoding, ',');
        enum kdm_coding coding = kdm_head_coding(next_part(&item, ';'));
        struct kdm_str name = next_part(&item, '=');
        int q = thousandths(kdm_str_eq_nocase(name, KDM_STR("q")) ? trim(item) : KDM_STR_NONE);

        if (coding == KDM_CODING_UNKNOWN || q < 0)
            continue;
        if (q > best_q || (q == best_q && coding == KDM_CODING_GZIP)) {
            best = coding;
            best_q = q;
        }
    }
    return best;
}

bool kdm_head_length(struct kdm_str value, size_t max, size_t *ret_value)
{
    size_t length = 0;

    if (value.len == 0)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return false;
        if (length <= max)
            length = length * 10 + (size_t)(value.ptr[i] - '0');
    }
    *ret_value = length <= max ? length : max + 1;
    return length <= max;
}

bool kdm_head_origin_allowed(struct kdm_str list, struct kdm_str origin)
{
    while (list.len > 0) {
        struct kdm_str item = next_part(&list, ',');

        if (kdm_str_eq(item, KDM_STR("*")) || kdm_str_eq_nocase(item, origin))
            return true;
    }
    return false;
}

bool kdm_head_is_clean(struct kdm_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool kdm_head_is_token(struct kdm_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (!isalnum((unsigned char)text.ptr[i])
            && memchr("!#$%&'*+-.^_`|~", text.ptr[i], 15) == NULL)
            return false;
    }
    return text.len > 0;
}

void kdm_head_put(struct kdm_buf *buf, struct kdm_str name, struct kdm_str value)
{
    if (kdm_str_none(value) || !kdm_head_is_clean(value) || !kdm_head_is_clean(name))
        return;
    kdm_buf_put(buf, name);
    kdm_buf_lit(buf, ": ");
    kdm_buf_put(buf, value);
    kdm_buf_lit(buf, "\r\n");
}
