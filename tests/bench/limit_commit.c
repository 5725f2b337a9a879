/* limit_commit.c - the least that a document:create can cost: frame -> the commit script -> reply.
 *
 *   limit_commit PORT SOCKET commit.lua [2]
 *
 * The arguments are those of one document:create of kdmd (src/store/commit.lua names them),
 * formatted beforehand but for the commit's number, the id and the text; keys of an index that kdmd
 * has never heard of, so that nobody follows it. The frame's last member is the body, which becomes
 * the text with a _kuzzle_info at its end. With 2 the commit is what an assets:update makes of
 * Redis's work: one of 10,000 documents replaced, and a history entry, of fixed texts.
 */
#include "limit_redis.h"
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY(name)   "kdm:{0123456789abcdef0123456789abcdef}:" name
#define INCARNATION "0123456789abcdefghij"
#define CHECK       INCARNATION " 1"
#define NODE        "knode-quiet-limit-12345"
#define INFO(created)                                                                              \
    "\"_kuzzle_info\":{\"author\":\"-1\",\"createdAt\":" created                                   \
    ",\"updatedAt\":null,\"updater\":null}}"
#define ASSET                                                                                      \
    "{\"groups\":[],\"lastMeasuredAt\":null,\"linkedDevices\":[],"                                 \
    "\"measures\":{\"temperatureExt\":null},\"metadata\":{\"weight\":1,\"height\":7},"             \
    "\"model\":\"Container\",\"modelLocales\":{},\"reference\":\"bench7535\",\"softTenant\":[],"   \
    "\"_kuzzle_info\":{\"author\":\"-1\",\"createdAt\":1795299990108,"                             \
    "\"updatedAt\":1795299993051,\"updater\":\"-1\"}}"
#define HISTORY                                                                                    \
    "{\"id\":\"Container-bench7535\",\"timestamp\":1795299993051,\"event\":{\"name\":"             \
    "\"metadata\","                                                                                \
    "\"metadata\":{\"names\":[\"weight\",\"height\"]}},\"asset\":" ASSET "," INFO("1795299993051")
#define ASSETS 10000

/* The command, and the places in it that differ from one commit to the next. */
static struct {
    const char *args[64];
    size_t lens[64];
    int count;
    int field, number, id, text, history_id;
} command;

static redisAsyncContext *redis;
static unsigned long number;

/* What is remembered of a request until its commit is done: id and source are part of the reply. */
struct commit {
    struct limit_request *request;
    char id[32], text[2048];
    size_t id_len, text_len;
};

static int add(const char *text)
{
    command.args[command.count] = text;
    command.lens[command.count] = strlen(text);
    return command.count++;
}

static void add_all(const char *const *texts)
{
    for (; *texts != NULL; texts++)
        add(*texts);
}
#define ADD(...) add_all((const char *const[]){ __VA_ARGS__, NULL })

static void set(int place, const char *text, size_t len)
{
    command.args[place] = text;
    command.lens[place] = len;
}

static void build(const char *sha, bool two)
{
    ADD("EVALSHA", sha, two ? "5" : "4", KEY("m"), KEY("k"), KEY("f"), KEY("d:" INCARNATION));
    if (two)
        add(KEY("d:h" INCARNATION));
    add("1");
    command.field = add("");
    command.number = add("");
    ADD("a", "limit",
        "{\"requestId\":\"12345678\",\"controller\":\"document\",\"action\":\"create\","
        "\"protocol\":\"websocket\",\"user\":\"-1\",\"timestamp\":1700000000000}",
        two ? "8800" : "20000", two ? "2" : "1", "c:docs", CHECK);
    if (two)
        ADD("c:docs-history", CHECK);
    ADD(two ? "2" : "1", "w", "0", "4");
    command.id = add("");
    ADD(two ? "*" : "", "docs", "1", two ? "u" : "c", "+",
        two ? "[\"metadata.weight\",\"metadata.height\"]" : "");
    command.text = add(ASSET);
    if (!two)
        return;
    ADD("w", "1", "5");
    command.history_id = add("");
    ADD("", "docs-history", "1", "c", "+", "", HISTORY);
}

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
                     "\"collection\":\"created\",\"headers\":{},\"node\":\"" NODE "\","
                     "\"volatile\":null}") },
        9);
    limit_request_end(request);
    free(commit);
}

/* The text of ..,"body":{..}} with a _kuzzle_info; an asset's is what it is. */
static void put_text(struct commit *commit, const char *text, size_t len)
{
    static const char info[] = "," INFO("1700000000000");
    const char *body = memmem(text, len, "\"body\":", 7);
    size_t kept;

    if (command.history_id != 0) {
        memcpy(commit->text, ASSET, sizeof(ASSET) - 1);
        commit->text_len = sizeof(ASSET) - 1;
        return;
    }
    if (body == NULL)
        edge_die("a frame without a body");
    body += 7;
    kept = (size_t)(text + len - body) - 2; /* without its brace and the frame's */
    if (kept + sizeof(info) > sizeof(commit->text))
        edge_die("a body too large");
    memcpy(commit->text, body, kept);
    memcpy(commit->text + kept, info, sizeof(info) - 1);
    commit->text_len = kept + sizeof(info) - 1;
}

static void on_frame(struct edge_session *session, const char *text, size_t len)
{
    struct commit *commit = malloc(sizeof(*commit));
    char field[48], digits[24], history_id[32];

    if (commit == NULL)
        edge_die("memory");
    put_text(commit, text, len);
    commit->request = limit_request_begin(session, edge_request_id(text, len));
    number++;
    commit->id_len = (size_t)snprintf(commit->id, sizeof(commit->id), "limit%lu",
                                      command.history_id != 0 ? number % ASSETS : number);
    set(command.field, field,
        (size_t)snprintf(field, sizeof(field), "k:" NODE "-%d.%u", command.history_id,
                         commit->request->slot));
    set(command.number, digits, (size_t)snprintf(digits, sizeof(digits), "%lu", number));
    set(command.id, commit->id, commit->id_len);
    set(command.text, commit->text, commit->text_len);
    if (command.history_id != 0)
        set(command.history_id, history_id,
            (size_t)snprintf(history_id, sizeof(history_id), "entry%lu", number));
    redisAsyncCommandArgv(redis, on_reply, commit, command.count, command.args, command.lens);
}

static redisReply *ask(redisContext *context, int type, const char *format, const char *text)
{
    redisReply *reply = redisCommand(context, format, text);

    limit_redis_check(reply, type);
    return reply;
}

/* Loads the script and makes an index with two collections. */
static void prepare(const char *socket, const char *script, bool two)
{
    static char sha[41], text[65536];
    redisContext *context = redisConnectUnix(socket);
    FILE *file = fopen(script, "r");
    redisReply *reply;

    if (context == NULL || context->err != 0 || file == NULL)
        edge_die(script);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    reply = ask(context, REDIS_REPLY_STRING, "SCRIPT LOAD %s", text);
    snprintf(sha, sizeof(sha), "%s", reply->str);
    freeReplyObject(reply);
    freeReplyObject(ask(context, REDIS_REPLY_INTEGER, "HSET " KEY("m") " i %s", INCARNATION));
    freeReplyObject(ask(context, REDIS_REPLY_INTEGER, "HSET " KEY("m") " c:docs %s", CHECK));
    freeReplyObject(
        ask(context, REDIS_REPLY_INTEGER, "HSET " KEY("m") " c:docs-history %s", CHECK));
    redisFree(context);
    build(sha, two);
}

int main(int argc, char **argv)
{
    if (argc < 4)
        edge_die("usage: limit_commit PORT SOCKET commit.lua [2]");
    prepare(argv[2], argv[3], argc > 4);
    /* Above any that an earlier run has left in a slot: the script takes a smaller one for a late
     * command. */
    number = (unsigned long)time(NULL) * 1000000;
    redis = limit_redis_open(uv_default_loop(), argv[2]);
    edge_run(uv_default_loop(), (int)strtol(argv[1], NULL, 10), on_frame);
    return 0;
}
