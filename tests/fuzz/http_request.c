/* http_request.c - any bytes as HTTP requests, one behind the other: what is read does not depend
 * on how the bytes were cut, what is decoded is a payload, what is refused is told in valid JSON,
 * and an upgrade is answered with one head.
 */
#include "api/args.h"
#include "api/envelope.h"
#include "api/http.h"
#include "net/head.h"
#include "net/reader.h"
#include "net/upgrade.h"
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

/* --- reading ---------------------------------------------------------------------------------- */

#define BODY_MAX 3000u

/* One request read. */
struct outcome {
    struct kdm_reader reader;
    struct kdm_arena arena;
    enum kdm_reader_result result;
    size_t taken;
};

/* Reads one request off `bytes`, of which first `cut` are there, then cut more, and so on. */
static void read_cut(struct outcome *outcome, struct kdm_str bytes, size_t cut)
{
    size_t there = 0, head = 0, taken = 0;

    kdm_arena_init(&outcome->arena, 4096);
    kdm_reader_begin(&outcome->reader, &outcome->arena, BODY_MAX);
    outcome->result = KDM_READER_MORE;
    while (outcome->result == KDM_READER_MORE && there < bytes.len) {
        there = bytes.len - there < cut ? bytes.len : there + cut;
        outcome->result = kdm_reader_head(
            &outcome->reader, (struct kdm_str){ .ptr = bytes.ptr, .len = there }, &head);
    }
    outcome->taken = head;
    if (outcome->result != KDM_READER_DONE || !outcome->reader.has_body)
        return;
    outcome->result = KDM_READER_MORE;
    while (outcome->result == KDM_READER_MORE && (outcome->taken < there || there < bytes.len)) {
        if (outcome->taken == there)
            there = bytes.len - there < cut ? bytes.len : there + cut;
        outcome->result = kdm_reader_body(
            &outcome->reader,
            (struct kdm_str){ .ptr = bytes.ptr + outcome->taken, .len = there - outcome->taken },
            &taken);
        outcome->taken += taken;
    }
}

static void forget(struct outcome *outcome)
{
    kdm_reader_end(&outcome->reader);
    kdm_arena_fini(&outcome->arena);
}

static void must_be_same(const struct outcome *a, const struct outcome *b)
{
    must(a->result == b->result, "the result does not depend on cuts");
    must(kdm_str_eq(a->reader.verb, b->reader.verb), "nor does the verb");
    must(a->reader.status == b->reader.status, "nor does the status of a refusal");
    if (a->result != KDM_READER_DONE)
        return;
    must(a->taken == b->taken, "nor does where it ends");
    must(kdm_str_eq(a->reader.path, b->reader.path), "nor does the path");
    must(kdm_str_eq(a->reader.query, b->reader.query), "nor does the query string");
    must(a->reader.keep_alive == b->reader.keep_alive, "nor does keep-alive");
    must(kdm_str_eq(a->reader.body, b->reader.body), "nor does the body");
    for (int i = 0; i < KDM_HEADERS; i++)
        must(kdm_str_none(a->reader.headers[i]) == kdm_str_none(b->reader.headers[i])
                 && kdm_str_eq(a->reader.headers[i], b->reader.headers[i]),
             "nor do headers");
}

static void check_upgrade(struct outcome *outcome)
{
    struct kdm_upgrade upgrade;
    struct kdm_str head;

    if (kdm_upgrade_check(&outcome->arena, &outcome->reader, true, &upgrade) != KDM_UPGRADE_TAKEN)
        return;
    head = kdm_buf_str(&upgrade.head);
    must((const char *)memmem(head.ptr, head.len, "\r\n\r\n", 4) == head.ptr + head.len - 4,
         "an answer to an upgrade is one head");
}

static void decode(struct outcome *outcome)
{
    static struct kdm_router *router;
    const struct kdm_reader *reader = &outcome->reader;
    const struct kdm_http_request request = {
        .verb = reader->verb,
        .path = reader->path,
        .query = reader->query,
        .content_type = reader->headers[KDM_HEADER_CONTENT_TYPE],
        .authorization = reader->headers[KDM_HEADER_AUTHORIZATION],
        .volatile_json = reader->headers[KDM_HEADER_VOLATILE],
        .request_id = reader->headers[KDM_HEADER_REQUEST_ID],
        .body = reader->body,
    };
    struct kdm_failure failure = { .err = KDM_OK };
    struct kdm_http_ask ask;

    if (router == NULL)
        router = kdm_router_create(routes, sizeof(routes) / sizeof(routes[0]));
    if (!kdm_http_decode(&outcome->arena, router, actions, &request, KDM_STR("connection"), &ask,
                         &failure))
        refused(&outcome->arena, &failure);
    else if (ask.kind == KDM_HTTP_ACTION || ask.kind == KDM_HTTP_QUERY)
        check(&outcome->arena, &ask);
    check_request_id(ask.payload.request_id);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static const size_t cuts[] = { 1, 7, 100 };
    struct kdm_str rest = { .ptr = size == 0 ? "" : (const char *)data, .len = size };
    bool more;

    do {
        struct outcome whole, cut;

        read_cut(&whole, rest, rest.len);
        read_cut(&cut, rest, cuts[rest.len % 3]);
        must_be_same(&whole, &cut);
        more = whole.result == KDM_READER_DONE;
        rest = kdm_str_from(rest, more ? whole.taken : 0);
        if (more) {
            check_upgrade(&whole);
            decode(&cut);
        }
        forget(&whole);
        forget(&cut);
    } while (more && rest.len > 0);
    return 0;
}
