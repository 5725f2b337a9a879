/* door.c - see door.h. */
#include "api/door.h"
#include "base/log.h"
#include "store/unicode.h"
#include <stdlib.h>

struct kdm_doors {
    size_t count;
    struct entry {
        const struct kdm_door *door;
        struct kdm_router *router;
    } entries[];
};

struct kdm_doors *kdm_doors_create(const struct kdm_door *doors, size_t count)
{
    struct kdm_doors *all = kdm_zalloc(sizeof(*all) + count * sizeof(all->entries[0]));

    all->count = count;
    for (size_t i = 0; i < count; i++) {
        all->entries[i].door = &doors[i];
        all->entries[i].router =
            kdm_router_create(doors[i].table->routes, doors[i].table->route_count);
    }
    return all;
}

void kdm_doors_destroy(struct kdm_doors *doors)
{
    if (doors == NULL)
        return;
    for (size_t i = 0; i < doors->count; i++)
        kdm_router_destroy(doors->entries[i].router);
    free(doors);
}

/* Is it at or below the prefix? Then *ret_below is what is behind it. */
static bool is_below(struct kdm_str prefix, struct kdm_str path, struct kdm_str *ret_below)
{
    if (path.len < prefix.len || memcmp(path.ptr, prefix.ptr, prefix.len) != 0)
        return false;
    *ret_below = kdm_str_from(path, prefix.len);
    return ret_below->len == 0 || ret_below->ptr[0] == '/';
}

const struct kdm_door *kdm_doors_find(const struct kdm_doors *doors, struct kdm_arena *arena,
                                      struct kdm_str verb, struct kdm_str path,
                                      struct kdm_route_match *ret_match)
{
    for (size_t i = 0; i < doors->count; i++) {
        const struct entry *entry = &doors->entries[i];
        struct kdm_str below;

        if (!is_below(entry->door->prefix, path, &below))
            continue;
        ret_match->route = NULL;
        if (kdm_router_find(entry->router, arena, verb, below, ret_match)
            || entry->door->owns_prefix)
            return entry->door;
    }
    return NULL;
}

const struct kdm_door *kdm_doors_of_path(const struct kdm_doors *doors, struct kdm_arena *arena,
                                         struct kdm_str path, struct kdm_str *ret_verbs)
{
    for (size_t i = 0; i < doors->count; i++) {
        const struct entry *entry = &doors->entries[i];
        struct kdm_str below, verbs;

        if (!is_below(entry->door->prefix, path, &below))
            continue;
        verbs = kdm_router_verbs(entry->router, arena, below);
        if (kdm_str_none(verbs))
            continue;
        *ret_verbs = verbs;
        return entry->door;
    }
    return NULL;
}

static const struct kdm_http_header *copy_headers(struct kdm_arena *arena,
                                                  const struct kdm_http_request *request)
{
    struct kdm_http_header *headers =
        kdm_arena_alloc(arena, (request->header_count + 1) * sizeof(*headers));

    for (size_t i = 0; i < request->header_count; i++) {
        headers[i].name = kdm_arena_copy(arena, request->headers[i].name);
        headers[i].value = kdm_arena_copy(arena, request->headers[i].value);
    }
    return headers;
}

/* What is decoded may be any bytes; operations put it into JSON. */
static bool is_text(const struct kdm_door_call *call)
{
    bool is = true;

    for (size_t i = 0; i < call->param_count; i++)
        is = is && kdm_utf8_valid(call->values[i]);
    for (size_t i = 0; i < call->query.count; i++)
        is = is && kdm_utf8_valid(call->query.pairs[i].name)
             && kdm_utf8_valid(call->query.pairs[i].value);
    return is;
}

const char *kdm_door_read(struct kdm_arena *arena, const struct kdm_door *door,
                          const struct kdm_route_match *match,
                          const struct kdm_http_request *request, struct kdm_door_call *ret_call)
{
    ret_call->routed = true;
    ret_call->door = door;
    ret_call->verb = kdm_arena_copy(arena, request->verb);
    ret_call->param_count = match->param_count;
    for (size_t i = 0; i < match->param_count; i++) {
        ret_call->names[i] = match->names[i];
        ret_call->values[i] = kdm_arena_copy(arena, match->values[i]);
    }
    ret_call->content_type = kdm_arena_copy(arena, request->content_type);
    ret_call->body = kdm_arena_copy(arena, request->body);
    ret_call->headers = copy_headers(arena, request);
    ret_call->header_count = request->header_count;
    if (!kdm_query_parse(arena, kdm_arena_copy(arena, request->query), &ret_call->query))
        return "too many query arguments";
    return is_text(ret_call) ? NULL : "path and query must be UTF-8";
}

void kdm_door_log(const struct kdm_door_call *call, const char *operation, int status)
{
    if (status >= 400)
        kdm_log_info("%s: request " KDM_FMT " (%s) was answered with %d", call->door->table->name,
                     KDM_ARG(call->request_id), operation, status);
}

struct kdm_str kdm_door_reason(const struct kdm_failure *failure)
{
    if (failure->err == KDM_ERR_NETWORK_HTTP_URL_NOT_FOUND)
        return KDM_STR("there is no such path");
    if (failure->err == KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR && failure->prop_count > 0)
        return failure->props[0];
    return failure->message;
}

struct kdm_str kdm_door_header(const struct kdm_door_call *call, struct kdm_str name)
{
    for (size_t i = 0; i < call->header_count; i++) {
        if (kdm_str_eq_nocase(call->headers[i].name, name))
            return call->headers[i].value;
    }
    return KDM_STR_NONE;
}

bool kdm_door_is_json(const struct kdm_door_call *call)
{
    struct kdm_str type = call->content_type;
    const char *end = type.len == 0 ? NULL : memchr(type.ptr, ';', type.len);

    if (end != NULL)
        type.len = (size_t)(end - type.ptr);
    return type.len == 0 || kdm_str_contains_nocase(type, KDM_STR("json"));
}

struct kdm_str kdm_door_param(const struct kdm_door_call *call, struct kdm_str name)
{
    for (size_t i = 0; i < call->param_count; i++) {
        if (kdm_str_eq(call->names[i], name))
            return call->values[i];
    }
    return KDM_STR_NONE;
}
