/* limit_commit.c - the least that a document:create can cost: frame -> the commit script -> reply.
 *
 *   limit_commit PORT SOCKET commit.lua
 *
 * The arguments are those of one document:create of kdmd (src/store/commit.lua names them),
 * formatted beforehand but for the commit's number, the id and the text; keys of an index that kdmd
 * has never heard of, so that nobody follows it. The frame's last member is the body, which becomes
 * the text with a _kuzzle_info at its end.
 */
#include "limit_redis.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INFO                                                                                       \
    ",\"_kuzzle_info\":{\"author\":\"-1\",\"createdAt\":1700000000000,\"updatedAt\":null,"         \
    "\"updater\":null}}"
#define META  "kdm:{0123456789abcdef0123456789abcdef}:m"
#define CHECK "0123456789abcdefghij 1"

enum place {
    EVALSHA,
    SHA,
    KEYS,
    KEY_META,
    KEY_CATALOGUE,
    KEY_FEED,
    KEY_DOCS,
    INDEXES,
    FIELD,
    NUMBER,
    MODE,
    NAME,
    ENVELOPE,
    FEED_LIMIT,
    CHECKS,
    CHECK_FIELD,
    CHECK_TEXT,
    OPS,
    OP,
    TOKEN,
    KEY,
    ID,
    EXPECT,
    COLLECTION,
    VERSION,
    CHANGE,
    NOTIFY,
    CHANGED,
    TEXT,
    ARG_COUNT
};

static redisAsyncContext *redis;
static unsigned long number;
static const char *args[ARG_COUNT] = {
    [EVALSHA] = "EVALSHA",
    [KEYS] = "4",
    [KEY_META] = META,
    [KEY_CATALOGUE] = "kdm:{0123456789abcdef0123456789abcdef}:k",
    [KEY_FEED] = "kdm:{0123456789abcdef0123456789abcdef}:f",
    [KEY_DOCS] = "kdm:{0123456789abcdef0123456789abcdef}:d:0123456789abcdefghij",
    [INDEXES] = "1",
    [MODE] = "a",
    [NAME] = "limit",
    [ENVELOPE] = "{\"requestId\":\"12345678\",\"controller\":\"document\",\"action\":\"create\","
                 "\"protocol\":\"websocket\",\"timestamp\":1700000000000}",
    [FEED_LIMIT] = "20000",
    [CHECKS] = "1",
    [CHECK_FIELD] = "c:docs",
    [CHECK_TEXT] = CHECK,
    [OPS] = "1",
    [OP] = "w",
    [TOKEN] = "0",
    [KEY] = "4",
    [EXPECT] = "",
    [COLLECTION] = "docs",
    [VERSION] = "1",
    [CHANGE] = "c",
    [NOTIFY] = "+",
    [CHANGED] = "",
};
static size_t lens[ARG_COUNT];

static struct edge_part put(enum place place, struct edge_part text)
{
    args[place] = text.ptr;
    lens[place] = text.len;
    return text;
}

/* What is remembered of a request until its commit is done: id and source are part of the reply. */
struct commit {
    struct limit_request *request;
    char id[32], text[2048];
    size_t id_len, text_len;
};

static void on_reply(redisAsyncContext *context, void *answer, void *ctx)
{
    struct commit *commit = ctx;
    struct limit_request *request = commit->request;
    struct edge_part id = { request->id, request->id_len };

    (void)context;
    limit_redis_check(answer, REDIS_REPLY_INTEGER);
    edge_reply_parts(
        request->session,
        (struct edge_part[]){
            EDGE_LIT("{\"requestId\":\""),
            id,
            EDGE_LIT("\",\"room\":\""),
            id,
            EDGE_LIT("\",\"status\":200,\"error\":null,\"result\":{\"_id\":\""),
            { commit->id, commit->id_len },
            EDGE_LIT("\",\"_version\":1,\"_source\":"),
            { commit->text, commit->text_len },
            EDGE_LIT("},\"action\":\"create\",\"controller\":\"document\",\"index\":\"bench\","
                     "\"collection\":\"created\",\"headers\":{},"
                     "\"node\":\"knode-quiet-limit-12345\",\"volatile\":null}") },
        9);
    limit_request_end(request);
    free(commit);
}

static struct commit *commit_of(const char *text, size_t len)
{
    /* ..,"body":{..}} */
    const char *body = memmem(text, len, "\"body\":", 7);
    struct commit *commit = malloc(sizeof(*commit));
    size_t kept;

    if (commit == NULL || body == NULL)
        edge_die("a frame without a body");
    body += 7;
    kept = (size_t)(text + len - body) - 2; /* without its brace and the frame's */
    if (kept + sizeof(INFO) > sizeof(commit->text))
        edge_die("a body too large");
    memcpy(commit->text, body, kept);
    memcpy(commit->text + kept, INFO, sizeof(INFO) - 1);
    commit->text_len = kept + sizeof(INFO) - 1;
    return commit;
}

static void on_frame(struct edge_session *session, const char *text, size_t len)
{
    struct commit *commit = commit_of(text, len);
    char field[48], digits[24];

    commit->request = limit_request_begin(session, edge_request_id(text, len));
    number++;
    commit->id_len = (size_t)snprintf(commit->id, sizeof(commit->id), "limit%lu", number);
    put(FIELD, (struct edge_part){ field, (size_t)snprintf(field, sizeof(field),
                                                           "k:knode-quiet-limit-12345.%u",
                                                           commit->request->slot) });
    put(NUMBER,
        (struct edge_part){ digits, (size_t)snprintf(digits, sizeof(digits), "%lu", number) });
    put(ID, (struct edge_part){ commit->id, commit->id_len });
    put(TEXT, (struct edge_part){ commit->text, commit->text_len });
    redisAsyncCommandArgv(redis, on_reply, commit, ARG_COUNT, args, lens);
}

static redisReply *command(redisContext *context, const char *format, const char *text, int type)
{
    redisReply *reply = redisCommand(context, format, text);

    limit_redis_check(reply, type);
    return reply;
}

/* Loads the script, and makes the index with one empty collection. */
static void prepare(const char *socket, const char *script)
{
    static char sha[41], text[65536];
    redisContext *context = redisConnectUnix(socket);
    FILE *file = fopen(script, "r");
    redisReply *reply;

    if (context == NULL || context->err != 0 || file == NULL)
        edge_die(script);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    reply = command(context, "SCRIPT LOAD %s", text, REDIS_REPLY_STRING);
    snprintf(sha, sizeof(sha), "%s", reply->str);
    freeReplyObject(reply);
    freeReplyObject(command(context, "UNLINK %s", args[KEY_DOCS], REDIS_REPLY_INTEGER));
    freeReplyObject(command(context, "HSET " META " i 0123456789abcdefghij c:docs %s", CHECK,
                            REDIS_REPLY_INTEGER));
    redisFree(context);
    args[SHA] = sha;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        edge_die("usage: limit_commit PORT SOCKET commit.lua");
    prepare(argv[2], argv[3]);
    for (int i = 0; i < ARG_COUNT; i++)
        lens[i] = args[i] != NULL ? strlen(args[i]) : 0;
    /* Above any that an earlier run has left in a slot: the script takes a smaller one for a late command. */
    number = (unsigned long)time(NULL) * 1000000;
    redis = limit_redis_open(uv_default_loop(), argv[2]);
    edge_run(uv_default_loop(), (int)strtol(argv[1], NULL, 10), on_frame);
    return 0;
}
