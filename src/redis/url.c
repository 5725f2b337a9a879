/* url.c - the two URL forms, cut by hand.
 * A path is taken as it stands (only "?db=" ends it), so that a data directory may hold any
 * character but '?'. Errors never repeat the URL: it may hold a password.
 */
#include "redis/url.h"
#include "base/hex.h"

#include "base/arena.h"
#include "base/buf.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>

#define PORT_DEFAULT 6379
#define DB_MAX       65535

static bool fail(char **ret_error, const char *what)
{
    if (asprintf(ret_error, "the Redis URL can't be used: %s", what) < 0)
        kdm_oom(0);
    return false;
}

static char *copy(struct kdm_str s)
{
    return (char *)kdm_heap_copy(s).ptr;
}

/* Cuts `s` at the first `mark`: what stood before it is returned, the rest stays in *s. Without a
 * mark nothing is cut and none is returned. */
static struct kdm_str cut(struct kdm_str *s, char mark)
{
    const char *at = s->len > 0 ? memchr(s->ptr, mark, s->len) : NULL;
    struct kdm_str before = KDM_STR_NONE;

    if (at != NULL) {
        before = (struct kdm_str){ .ptr = s->ptr, .len = (size_t)(at - s->ptr) };
        *s = kdm_str_from(*s, before.len + 1);
    }
    return before;
}

static bool read_number(struct kdm_str s, int least, int most, int *ret_value)
{
    long long value;

    if (!kdm_str_int64(s, &value) || value < least || value > most)
        return false;
    *ret_value = (int)value;
    return true;
}

/* A copy of `s` with %XX decoded; NULL for a broken escape or %00, which no C string can hold. */
static char *decode(struct kdm_str s)
{
    char *text = copy(s), *to = text;

    for (size_t i = 0; i < s.len; i++) {
        int value = (unsigned char)s.ptr[i];

        if (value == '%') {
            int high = i + 2 < s.len ? kdm_hex_digit(s.ptr[i + 1]) : -1;
            int low = i + 2 < s.len ? kdm_hex_digit(s.ptr[i + 2]) : -1;

            value = high < 0 || low < 0 ? 0 : high * 16 + low;
            i += 2;
        }
        if (value == 0) {
            free(text);
            return NULL;
        }
        *to++ = (char)value;
    }
    *to = '\0';
    return text;
}

static bool parse_unix(struct kdm_str rest, struct kdm_redis_url *url, char **ret_error)
{
    struct kdm_str path = cut(&rest, '?');

    if (kdm_str_none(path))
        path = rest;
    else if (!kdm_str_starts(rest, KDM_STR("db="))
             || !read_number(kdm_str_from(rest, 3), 0, DB_MAX, &url->db))
        return fail(ret_error, "behind unix:/path only ?db=NUMBER may follow");
    if (path.len == 0 || path.ptr[0] != '/')
        return fail(ret_error, "unix: needs an absolute path");
    if (path.len >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return fail(ret_error, "the path of the Unix socket is over 107 bytes");
    url->path = copy(path);
    url->name = copy(path);
    return true;
}

static bool parse_login(struct kdm_str login, struct kdm_redis_url *url, char **ret_error)
{
    struct kdm_str user = cut(&login, ':');

    if (kdm_str_none(user))
        return fail(ret_error, "before '@' there must be :password or user:password");
    if (user.len > 0 && (url->user = decode(user)) == NULL)
        return fail(ret_error, "the user name is not properly percent-encoded");
    if (login.len == 0)
        return fail(ret_error, "the password is empty");
    if ((url->password = decode(login)) == NULL)
        return fail(ret_error, "the password is not properly percent-encoded");
    return true;
}

/* host, host:port, [v6] or [v6]:port. */
static bool parse_address(struct kdm_str address, struct kdm_redis_url *url, char **ret_error)
{
    struct kdm_str host = address, port = KDM_STR_NONE;

    if (address.len > 0 && address.ptr[0] == '[') {
        address = kdm_str_from(address, 1);
        host = cut(&address, ']');
        if (kdm_str_none(host) || (address.len > 0 && address.ptr[0] != ':'))
            return fail(ret_error, "'[' without its ']'");
        if (address.len > 0)
            port = kdm_str_from(address, 1);
    } else {
        struct kdm_str before = cut(&address, ':');

        if (!kdm_str_none(before)) {
            host = before;
            port = address;
        }
    }
    if (host.len == 0)
        return fail(ret_error, "it names no host");
    url->port = PORT_DEFAULT;
    if (!kdm_str_none(port) && !read_number(port, 1, 65535, &url->port))
        return fail(ret_error, "the port is no number from 1 to 65535");
    url->host = copy(host);
    if (asprintf(&url->name, KDM_FMT ":%d", KDM_ARG(host), url->port) < 0)
        kdm_oom(0);
    return true;
}

static bool parse_tcp(struct kdm_str rest, struct kdm_redis_url *url, char **ret_error)
{
    const char *at = rest.len > 0 ? memrchr(rest.ptr, '@', rest.len) : NULL;
    struct kdm_str address;

    if (at != NULL) {
        size_t len = (size_t)(at - rest.ptr);

        if (!parse_login((struct kdm_str){ .ptr = rest.ptr, .len = len }, url, ret_error))
            return false;
        rest = kdm_str_from(rest, len + 1);
    }
    if (rest.len > 0 && memchr(rest.ptr, ',', rest.len) != NULL)
        return fail(ret_error, "it names several hosts; Redis Cluster is not supported yet");
    address = cut(&rest, '/');
    if (kdm_str_none(address))
        address = rest;
    else if (rest.len > 0 && !read_number(rest, 0, DB_MAX, &url->db))
        return fail(ret_error, "the database is no number");
    return parse_address(address, url, ret_error);
}

static bool parse(struct kdm_str text, struct kdm_redis_url *url, char **ret_error)
{
    struct kdm_str rest = text, scheme = cut(&rest, ':');

    if (kdm_str_none(scheme))
        return fail(ret_error, "it is neither redis://host:port nor unix:/path");
    if (kdm_str_eq(scheme, KDM_STR("unix"))) {
        if (kdm_str_starts(rest, KDM_STR("//")))
            rest = kdm_str_from(rest, 2);
        return parse_unix(rest, url, ret_error);
    }
    if (kdm_str_eq(scheme, KDM_STR("rediss")))
        return fail(ret_error, "rediss: (TLS) is not supported; use redis: or unix:");
    if (memmem(scheme.ptr, scheme.len, "sentinel", 8) != NULL)
        return fail(ret_error, "Redis Sentinel is not supported yet; name one Redis");
    if (memmem(scheme.ptr, scheme.len, "cluster", 7) != NULL)
        return fail(ret_error, "Redis Cluster is not supported yet; name one Redis");
    if (!kdm_str_eq(scheme, KDM_STR("redis")) || !kdm_str_starts(rest, KDM_STR("//")))
        return fail(ret_error, "it is neither redis://host:port nor unix:/path");
    return parse_tcp(kdm_str_from(rest, 2), url, ret_error);
}

bool kdm_redis_url_parse(const char *text, struct kdm_redis_url *ret_url, char **ret_error)
{
    struct kdm_redis_url url = { 0 };

    if (!parse(kdm_str_of(text), &url, ret_error)) {
        kdm_redis_url_fini(&url);
        return false;
    }
    *ret_url = url;
    return true;
}

void kdm_redis_url_fini(struct kdm_redis_url *url)
{
    free(url->path);
    free(url->host);
    free(url->user);
    free(url->password);
    free(url->name);
    *url = (struct kdm_redis_url){ 0 };
}
