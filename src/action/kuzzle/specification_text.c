/* specification_text.c - mail addresses, URLs and IP addresses as clients write them in fields.
 * What the usual validators of web servers take: a name with a dot in it, no local names.
 */
#include "action/kuzzle/specification_private.h"

#define EMAIL_LOCAL_MAX 64
#define NAME_MAX_BYTES  253
#define LABEL_MAX       63
#define URL_MAX         2083

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static struct kdm_str before(struct kdm_str text, size_t n)
{
    return (struct kdm_str){ .ptr = text.ptr, .len = n };
}

/* Where `c` stands for the first time; text.len: nowhere. */
static size_t find(struct kdm_str text, char c)
{
    const char *found = text.len == 0 ? NULL : memchr(text.ptr, c, text.len);

    return found == NULL ? text.len : (size_t)(found - text.ptr);
}

static bool is_label(struct kdm_str label)
{
    if (label.len == 0 || label.len > LABEL_MAX || label.ptr[0] == '-'
        || label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!is_letter(label.ptr[i]) && !is_digit(label.ptr[i]) && label.ptr[i] != '-')
            return false;
    return true;
}

/* "a.example": at least two labels, the last one of letters. */
static bool is_domain(struct kdm_str name)
{
    size_t labels = 0;
    struct kdm_str label;

    if (name.len > NAME_MAX_BYTES)
        return false;
    for (;;) {
        label = before(name, find(name, '.'));
        if (!is_label(label))
            return false;
        labels++;
        if (label.len == name.len)
            break;
        name = kdm_str_from(name, label.len + 1);
    }
    for (size_t i = 0; i < label.len; i++)
        if (is_digit(label.ptr[i]) && !kdm_str_starts(label, KDM_STR("xn--")))
            return false;
    return labels > 1 && label.len > 1;
}

bool kdm_spec_is_ip(struct kdm_str text)
{
    unsigned char bytes[16];

    return kdm_ip_parse(text, bytes);
}

bool kdm_spec_is_email(struct kdm_str text)
{
    static const char others[] = "!#$%&'*+-/=?^_`{|}~.";
    size_t at = find(text, '@');

    if (at == 0 || at == text.len || at > EMAIL_LOCAL_MAX || text.ptr[0] == '.'
        || text.ptr[at - 1] == '.')
        return false;
    for (size_t i = 0; i < at; i++) {
        char c = text.ptr[i];

        if (!is_letter(c) && !is_digit(c) && (c == '\0' || strchr(others, c) == NULL))
            return false;
        if (c == '.' && text.ptr[i + 1] == '.')
            return false;
    }
    return is_domain(kdm_str_from(text, at + 1));
}

static bool is_port(struct kdm_str text)
{
    long long port;

    return kdm_str_int64(text, &port) && port >= 1 && port <= 65535;
}

/* "name", "1.2.3.4" or "[::1]", with ":port" or without. */
static bool is_host(struct kdm_str host)
{
    size_t end = host.len > 0 && host.ptr[0] == '[' ? find(host, ']') + 1 : find(host, ':');
    struct kdm_str name, rest;

    if (end > host.len)
        return false;
    name = before(host, end);
    rest = kdm_str_from(host, end);
    if (rest.len > 0 && (rest.ptr[0] != ':' || !is_port(kdm_str_from(rest, 1))))
        return false;
    if (name.len > 1 && name.ptr[0] == '[')
        return kdm_spec_is_ip(before(kdm_str_from(name, 1), name.len - 2));
    return is_domain(name) || kdm_spec_is_ip(name);
}

/* Behind the scheme, when there is one: it may be left out. *ret_rest begins with the host or with
 * who logs in. */
static bool take_scheme(struct kdm_str text, struct kdm_str *ret_rest)
{
    static const struct kdm_str schemes[] = { KDM_STR("http://"), KDM_STR("https://"),
                                              KDM_STR("ftp://") };

    *ret_rest = text;
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (text.len >= schemes[i].len
            && strncasecmp(text.ptr, schemes[i].ptr, schemes[i].len) == 0) {
            *ret_rest = kdm_str_from(text, schemes[i].len);
            return true;
        }
    }
    for (size_t i = 0; i + 2 < text.len; i++)
        if (memcmp(text.ptr + i, "://", 3) == 0)
            return find(text, '?') < i || find(text, '/') < i; /* part of what it asks for */
    return true;
}

bool kdm_spec_is_url(struct kdm_str text)
{
    struct kdm_str rest;
    size_t end;

    if (text.len == 0 || text.len > URL_MAX || kdm_str_starts(text, KDM_STR("mailto:")))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == '<' || text.ptr[i] == '>')
            return false;
    if (!take_scheme(text, &rest))
        return false;
    for (end = 0; end < rest.len && strchr("/?#", rest.ptr[end]) == NULL; end++)
        ;
    rest = before(rest, end);
    if (find(rest, '@') < rest.len)
        rest = kdm_str_from(rest, find(rest, '@') + 1);
    return is_host(rest);
}
