/* http_request.c - any HTTP request: what is decoded is a payload, what is refused is told in valid
 * JSON. The input's lines are verb, path, query string, content type, authorization, volatile data
 * and request id; the rest is the body.
 */
#include "api/args.h"
#include "api/envelope.h"
#include "api/http.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char *const values[] = { "red", "green", NULL };
static const struct kdm_arg_row rows[] = {
    { KDM_ARG_INDEX, "index", KDM_ARG_TYPE_STRING, KDM_ARG_REQUIRED, NULL, NULL, "string" },
    { KDM_ARG_COLLECTION, "collection", KDM_ARG_TYPE_STRING, 0, NULL, "body.collection", "string" },
    { KDM_ARG__ID, "_id", KDM_ARG_TYPE_STRING, 0, NULL, "name", "string" },
    { KDM_ARG_SIZE, "size", KDM_ARG_TYPE_INTEGER, 0, NULL, NULL, "integer" },
    { KDM_ARG_FROM, "from", KDM_ARG_TYPE_NUMBER, 0, NULL, NULL, "number" },
    { KDM_ARG_SILENT, "silent", KDM_ARG_TYPE_BOOLEAN, 0, NULL, NULL, "boolean" },
    { KDM_ARG_TARGETS, "targets", KDM_ARG_TYPE_ARRAY, 0, NULL, NULL, "array" },
    { KDM_ARG_IDS, "ids", KDM_ARG_TYPE_STRINGS, 0, NULL, NULL, "array" },
    { KDM_ARG_REFRESH, "refresh", KDM_ARG_TYPE_REFRESH, 0, NULL, NULL, NULL },
    { KDM_ARG_LANG, "lang", KDM_ARG_TYPE_ENUM, 0, values, NULL, NULL },
    { KDM_ARG_BODY_METADATA, "body.metadata", KDM_ARG_TYPE_OBJECT, KDM_ARG_BODY, NULL, NULL,
      "object" },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const struct kdm_action actions[] = {
    { "test", "echo", "test", "echo", "", NULL, rows, ROWS, 0, 0 },
    { "test", "body", "test", "body", "", NULL, rows, ROWS, KDM_ACTION_BODY, 1 },
};
static const struct kdm_route routes[] = {
    { "GET", "/", 0 },
    { "GET", "/:index/_echo", 0 },
    { "POST", "/:index/:collection/_body", 1 },
    { "PUT", "/:index/:_id", 1 },
};

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static struct kdm_str take_line(struct kdm_str *rest)
{
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, '\n', rest->len);
    size_t len = end == NULL ? rest->len : (size_t)(end - rest->ptr);
    struct kdm_str line = { .ptr = rest->ptr, .len = len };

    *rest = kdm_str_from(*rest, end == NULL ? len : len + 1);
    return line;
}

static void must_be_json(struct kdm_arena *arena, const struct kdm_buf *buf, const char *what)
{
    struct kdm_json doc;

    must(kdm_json_scan(arena, kdm_buf_str(buf), &doc, NULL), what);
}

static void refused(struct kdm_arena *arena, const struct kdm_failure *failure)
{
    struct kdm_buf buf;

    must(failure->err != KDM_OK, "a refusal says why");
    kdm_buf_init(&buf, arena, 256);
    kdm_failure_write(&buf, failure);
    must_be_json(arena, &buf, "an error is JSON");
}

static void read_all(const struct kdm_args *args)
{
    struct kdm_str_list list = kdm_args_strings(args, KDM_ARG_IDS);

    for (size_t i = 0; i < list.count; i++)
        must(list.items[i].ptr != NULL, "a string of a list is there");
    must(!kdm_str_none(kdm_args_str(args, KDM_ARG_INDEX)), "a required argument is there");
    (void)kdm_args_int(args, KDM_ARG_SIZE, 10);
    (void)kdm_args_int(args, KDM_ARG_FROM, 0);
    (void)kdm_args_double(args, KDM_ARG_FROM, 0);
    (void)kdm_args_bool(args, KDM_ARG_SILENT);
    (void)kdm_args_val(args, KDM_ARG_TARGETS);
}

static void check(struct kdm_arena *arena, const struct kdm_http_ask *http)
{
    struct kdm_failure failure = { .err = KDM_OK };
    struct kdm_args args = { .action = &actions[1],
                             .arena = arena,
                             .http = http->kind == KDM_HTTP_ACTION };
    struct kdm_ask ask;

    if (!kdm_decode(arena, &http->payload, &ask, &failure)) {
        refused(arena, &failure);
        return;
    }
    if (kdm_str_eq(ask.action, KDM_STR("echo")))
        args.action = &actions[0];
    if (kdm_args_check(&args, &ask, &failure))
        read_all(&args);
    else
        refused(arena, &failure);
}

static void check_request_id(struct kdm_str id)
{
    must(id.len > 0, "a request has an id");
    for (size_t i = 0; i < id.len; i++)
        must(id.ptr[i] >= 0x20 && id.ptr[i] < 0x7f, "an id may stand in a header");
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct kdm_router *router;
    struct kdm_str rest = { .ptr = size == 0 ? "" : (const char *)data, .len = size };
    struct kdm_failure failure = { .err = KDM_OK };
    struct kdm_http_request request;
    struct kdm_http_ask ask;
    struct kdm_arena arena;

    if (router == NULL)
        router = kdm_router_create(routes, sizeof(routes) / sizeof(routes[0]));
    request.verb = take_line(&rest);
    request.path = take_line(&rest);
    request.query = take_line(&rest);
    request.content_type = take_line(&rest);
    request.authorization = take_line(&rest);
    request.volatile_json = take_line(&rest);
    request.request_id = take_line(&rest);
    request.body = rest;
    kdm_arena_init(&arena, 4096);
    if (!kdm_http_decode(&arena, router, actions, &request, KDM_STR("connection"), &ask, &failure))
        refused(&arena, &failure);
    else if (ask.kind == KDM_HTTP_ACTION || ask.kind == KDM_HTTP_QUERY)
        check(&arena, &ask);
    check_request_id(ask.payload.request_id);
    kdm_arena_fini(&arena);
    return 0;
}
