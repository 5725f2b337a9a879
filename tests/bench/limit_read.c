/* limit_read.c - the least that a document:get can cost: frame -> pipelined HGET -> spliced reply.
 *
 *   limit_read PORT SOCKET KEY
 *
 * KEY is the hash that kdmd stores the documents in, so Redis does exactly what it does for kdmd.
 * The request id is the frame's first member and the document's id its last: nothing is parsed. The
 * reply has the members, and so the size, of kdmd's.
 */
#include "limit_redis.h"
#include <stdlib.h>
#include <string.h>

static redisAsyncContext *redis;
static struct edge_part key;

/* The text after the second blank of "<sequence> <version> <json>". */
static struct edge_part text_of(const redisReply *reply)
{
    const char *end = reply->str + reply->len, *at = memchr(reply->str, ' ', (size_t)reply->len);

    at = at == NULL ? NULL : memchr(at + 1, ' ', (size_t)(end - at - 1));
    return at == NULL ? (struct edge_part){ "null", 4 }
                      : (struct edge_part){ at + 1, (size_t)(end - at - 1) };
}

static void on_reply(redisAsyncContext *context, void *answer, void *ctx)
{
    struct limit_request *request = ctx;
    struct edge_part id = { request->id, request->id_len };

    (void)context;
    limit_redis_check(answer, REDIS_REPLY_STRING);
    edge_reply_parts(
        request->session,
        (struct edge_part[]){
            EDGE_LIT("{\"requestId\":\""), id, EDGE_LIT("\",\"room\":\""), id,
            EDGE_LIT(
                "\",\"status\":200,\"error\":null,\"result\":{\"_id\":\"doc-12345\",\"_version\":1,"
                "\"_source\":"),
            text_of(answer),
            EDGE_LIT(
                "},\"action\":\"get\",\"controller\":\"document\",\"index\":\"bench\","
                "\"collection\":\"docs300\",\"headers\":{},\"node\":\"knode-quiet-limit-12345\","
                "\"volatile\":null}") },
        7);
    limit_request_end(request);
}

static void on_frame(struct edge_session *session, const char *text, size_t len)
{
    /* ..,"_id":"doc-12345"} */
    const char *end = text + len - 2, *id = len > 2 ? memrchr(text, '"', len - 2) : NULL;
    const char *argv[] = { "HGET", key.ptr, id + 1 };
    size_t lens[] = { 4, key.len, (size_t)(end - id - 1) };

    if (id == NULL)
        edge_die("a frame without an id");
    redisAsyncCommandArgv(redis, on_reply, limit_request_begin(session, edge_request_id(text, len)),
                          3, argv, lens);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        edge_die("usage: limit_read PORT SOCKET KEY");
    redis = limit_redis_open(uv_default_loop(), argv[2]);
    key = (struct edge_part){ argv[3], strlen(argv[3]) };
    edge_run(uv_default_loop(), (int)strtol(argv[1], NULL, 10), on_frame);
    return 0;
}
