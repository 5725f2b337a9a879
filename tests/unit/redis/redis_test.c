/* redis_test.c - a connection against a real Redis that comes and goes. */
#include "redis/redis.h"

#include "server.h"
#include <sys/socket.h>
#include <sys/un.h>

#define LONG_MS 20000
#define SECOND  1000

static const struct kdm_redis_script script_join = {
    .name = "join",
    .text = "return KEYS[1] .. ':' .. ARGV[1] .. ':' .. #KEYS .. ':' .. #ARGV",
    .len = 64,
    .sha1 = "bb96c32d83c54c1ef21b9c6d3d2c2f2f32d1f0c5",
};

/* A client is known by its address, and in `order` by its letter. */
static char client_a[] = "a", client_b[] = "b";
static struct server server;
static uv_loop_t loop;
static struct kdm_redis *redis;

/* What the events told. */
static struct {
    int ready, lost, messages;
    char run_id[64], reason[320], channel[64], payload[64];
} seen;

/* What the callbacks told. */
static struct {
    int count, ok, unsent, lost, calls_inside;
    bool inside; /* set around calls, in which no callback may come */
    char text[256], order[64];
    size_t len;
    int type;
} answers;

static void on_ready(void *ctx, struct kdm_str run_id)
{
    (void)ctx;
    seen.ready++;
    snprintf(seen.run_id, sizeof seen.run_id, KDM_FMT, KDM_ARG(run_id));
}

static void on_lost(void *ctx, const char *reason)
{
    (void)ctx;
    seen.lost++;
    snprintf(seen.reason, sizeof seen.reason, "%s", reason);
}

static void on_message(void *ctx, struct kdm_str channel, struct kdm_str payload)
{
    (void)ctx;
    seen.messages++;
    snprintf(seen.channel, sizeof seen.channel, KDM_FMT, KDM_ARG(channel));
    snprintf(seen.payload, sizeof seen.payload, KDM_FMT, KDM_ARG(payload));
}

static const struct kdm_redis_events events = { .on_ready = on_ready,
                                                .on_lost = on_lost,
                                                .on_message = on_message };

static void on_answer(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct kdm_str text = kdm_reply_str(reply);

    if (ctx != NULL && strlen(answers.order) < sizeof answers.order - 1)
        strncat(answers.order, ctx, 1);
    answers.count++;
    answers.calls_inside += answers.inside;
    answers.ok += outcome == KDM_REDIS_OK;
    answers.unsent += outcome == KDM_REDIS_UNSENT;
    answers.lost += outcome == KDM_REDIS_LOST;
    ck_assert((reply != NULL) == (outcome == KDM_REDIS_OK));
    answers.type = reply != NULL ? reply->type : 0;
    answers.len = text.len;
    snprintf(answers.text, sizeof answers.text, KDM_FMT, KDM_ARG(text));
}

static void send_for(const char *ctx, int64_t wait_ms, size_t count, const struct kdm_str *args)
{
    answers.inside = true;
    kdm_redis_command(redis, args, count, kdm_clock_monotonic_ms() + wait_ms, on_answer,
                      (char *)ctx);
    answers.inside = false;
}

#define SEND(ctx, wait_ms, ...)                                                                    \
    send_for((ctx), (wait_ms), sizeof((struct kdm_str[]){ __VA_ARGS__ }) / sizeof(struct kdm_str), \
             (struct kdm_str[]){ __VA_ARGS__ })

static void open_url(const char *url, const struct kdm_redis_script *const *scripts, size_t count)
{
    char *error = NULL;

    redis = kdm_redis_open(&loop, url, scripts, count, &events, &error);
    ck_assert_msg(redis != NULL, "%s", error);
}

static void open_ready(void)
{
    open_url(server.url, NULL, 0);
    turn_until(&loop, &seen.ready, 1, LONG_MS);
    ck_assert(kdm_redis_ready(redis));
}

static void set_up(void)
{
    memset(&seen, 0, sizeof seen);
    memset(&answers, 0, sizeof answers);
    redis = NULL;
    uv_loop_init(&loop);
    server_open(&server, "--loglevel", "warning");
}

static void tear_down(void)
{
    kdm_redis_close(redis);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ck_assert_int_eq(answers.calls_inside, 0);
    server_kill(&server);
}

START_TEST(answers_come_in_order)
{
    open_ready();
    SEND("a", SECOND, KDM_STR("SET"), KDM_STR("k"), KDM_STR("1"));
    SEND("b", SECOND, KDM_STR("INCR"), KDM_STR("k"));
    SEND("c", SECOND, KDM_STR("NOSUCHCOMMAND"));
    SEND("d", SECOND, KDM_STR("GET"), KDM_STR("k"));
    turn_until(&loop, &answers.count, 4, LONG_MS);
    ck_assert_str_eq(answers.order, "abcd");
    ck_assert_int_eq(answers.ok, 4); /* an error of Redis is an answer */
    ck_assert_str_eq(answers.text, "2");
}
END_TEST

START_TEST(commands_wait_for_the_connection)
{
    open_url(server.url, NULL, 0);
    SEND("a", SECOND, KDM_STR("PING"));
    ck_assert(!kdm_redis_ready(redis));
    turn_until(&loop, &answers.count, 1, LONG_MS);
    ck_assert_int_eq(answers.ok, 1);
    ck_assert_str_eq(answers.text, "PONG");
    ck_assert_uint_eq(strlen(seen.run_id), 40);
}
END_TEST

START_TEST(texts_are_binary_and_may_be_empty)
{
    struct kdm_str value = KDM_STR("a\0b\r\n$5\r\n\xff");

    open_ready();
    SEND("a", SECOND, KDM_STR("SET"), KDM_STR("k\0k"), value);
    SEND("b", SECOND, KDM_STR("GET"), KDM_STR("k\0k"));
    turn_until(&loop, &answers.count, 2, LONG_MS);
    ck_assert_uint_eq(answers.len, value.len);
    SEND("c", SECOND, KDM_STR("ECHO"), KDM_STR(""));
    turn_until(&loop, &answers.count, 3, LONG_MS);
    ck_assert_int_eq(answers.type, REDIS_REPLY_STRING);
    ck_assert_uint_eq(answers.len, 0);
    SEND("d", SECOND, KDM_STR("GET"), KDM_STR("k"));
    turn_until(&loop, &answers.count, 4, LONG_MS);
    ck_assert_int_eq(answers.type, REDIS_REPLY_NIL);
}
END_TEST

static void on_big(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct kdm_str *expected = ctx;

    ck_assert_int_eq(outcome, KDM_REDIS_OK);
    ck_assert(kdm_str_eq(kdm_reply_str(reply), *expected));
    ck_assert_int_eq(reply->str[reply->len], '\0');
    answers.count++;
}

START_TEST(a_value_may_have_a_mebibyte)
{
    struct kdm_str value = { .len = 1024 * 1024 + 17 };
    char *bytes = kdm_malloc(value.len);
    struct kdm_str get[] = { KDM_STR("GET"), KDM_STR("big") };

    for (size_t i = 0; i < value.len; i++)
        bytes[i] = (char)(i * 31 + i / 255);
    value.ptr = bytes;
    open_ready();
    SEND("a", LONG_MS, KDM_STR("SET"), KDM_STR("big"), value);
    for (int i = 0; i < 20; i++)
        kdm_redis_command(redis, get, 2, kdm_clock_monotonic_ms() + LONG_MS, on_big, &value);
    turn_until(&loop, &answers.count, 21, LONG_MS);
    ck_assert_int_eq(answers.count, 21);
    free(bytes);
}
END_TEST

static void on_nested(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    (void)ctx;
    answers.count++;
    ck_assert_int_eq(outcome, KDM_REDIS_OK);
    ck_assert_int_eq(reply->type, REDIS_REPLY_ARRAY);
    ck_assert_uint_eq(reply->elements, 4);
    ck_assert_int_eq(reply->element[0]->integer, -7);
    ck_assert_str_eq(reply->element[1]->str, "text");
    ck_assert_uint_eq(reply->element[2]->elements, 1);
    ck_assert_str_eq(reply->element[2]->element[0]->str, "deep");
    ck_assert_uint_eq(reply->element[3]->elements, 0);
}

START_TEST(arrays_come_as_trees)
{
    struct kdm_str args[] = { KDM_STR("EVAL"), KDM_STR("return {-7,'text',{'deep'},{}}"),
                              KDM_STR("0") };

    open_ready();
    kdm_redis_command(redis, args, 3, kdm_clock_monotonic_ms() + SECOND, on_nested, NULL);
    turn_until(&loop, &answers.count, 1, LONG_MS);
    ck_assert_int_eq(answers.count, 1);
}
END_TEST

START_TEST(a_deadline_ends_a_command_as_lost_and_its_late_answer_is_dropped)
{
    open_ready();
    kill(server.pid, SIGSTOP);
    SEND("a", 100, KDM_STR("ECHO"), KDM_STR("late"));
    SEND("b", LONG_MS, KDM_STR("ECHO"), KDM_STR("patient"));
    turn_until(&loop, &answers.count, 1, 2 * SECOND);
    ck_assert_int_eq(answers.lost, 1);
    kill(server.pid, SIGCONT);
    turn_until(&loop, &answers.count, 2, LONG_MS);
    ck_assert_str_eq(answers.order, "ab");
    ck_assert_str_eq(answers.text, "patient");
    ck_assert_int_eq(answers.ok, 1);
}
END_TEST

START_TEST(a_deadline_without_a_connection_is_unsent_and_never_sent)
{
    redisReply *reply;

    open_ready();
    server_kill(&server);
    turn_until(&loop, &seen.lost, 1, LONG_MS);
    SEND("a", 100, KDM_STR("SET"), KDM_STR("ghost"), KDM_STR("1"));
    SEND("b", LONG_MS, KDM_STR("SET"), KDM_STR("waits"), KDM_STR("1"));
    turn_until(&loop, &answers.count, 1, 2 * SECOND);
    ck_assert_int_eq(answers.unsent, 1);
    server_start(&server, "--loglevel", "warning");
    turn_until(&loop, &answers.count, 2, LONG_MS);
    ck_assert_int_eq(answers.ok, 1);
    reply = ask(server.socket, "EXISTS ghost");
    ck_assert_int_eq(reply->integer, 0);
    freeReplyObject(reply);
}
END_TEST

START_TEST(when_redis_dies_what_was_written_is_lost_and_each_is_told_once)
{
    open_ready();
    kill(server.pid, SIGSTOP); /* takes bytes, answers nothing */
    for (int i = 0; i < 1000; i++)
        SEND(NULL, LONG_MS, KDM_STR("INCR"), KDM_STR("n"));
    turn_for(&loop, 50);
    server_kill(&server);
    turn_until(&loop, &seen.lost, 1, LONG_MS);
    turn_until(&loop, &answers.count, 1000, SECOND);
    ck_assert_int_eq(answers.lost, 1000);
    for (int i = 0; i < 10; i++)
        SEND(NULL, 200, KDM_STR("INCR"), KDM_STR("n"));
    turn_until(&loop, &answers.count, 1010, SECOND);
    turn_for(&loop, 100);
    ck_assert_int_eq(answers.count, 1010);
    ck_assert_int_eq(answers.unsent, 10);
}
END_TEST

START_TEST(what_the_socket_did_not_take_survives_a_dead_redis)
{
    size_t len = (size_t)8 * 1024 * 1024;
    char *value = kdm_zalloc(len);

    open_ready();
    kill(server.pid, SIGSTOP);
    SEND("a", LONG_MS, KDM_STR("SET"), KDM_STR("big"), { .ptr = value, .len = len });
    SEND("b", LONG_MS, KDM_STR("ECHO"), KDM_STR("after"));
    turn_for(&loop, 50);
    server_kill(&server);
    turn_until(&loop, &answers.count, 1, LONG_MS);
    ck_assert_int_eq(answers.lost, 1); /* written in part */
    server_start(&server, "--loglevel", "warning");
    turn_until(&loop, &answers.count, 2, LONG_MS);
    ck_assert_str_eq(answers.order, "ab");
    ck_assert_str_eq(answers.text, "after");
    free(value);
}
END_TEST

START_TEST(a_restarted_redis_has_another_run_id)
{
    char first[64];

    open_ready();
    memcpy(first, seen.run_id, sizeof first);
    server_kill(&server);
    turn_until(&loop, &seen.lost, 1, LONG_MS);
    ck_assert(!kdm_redis_ready(redis));
    ck_assert_ptr_nonnull(strstr(kdm_redis_last_error(redis), server.socket));
    server_start(&server, "--loglevel", "warning");
    turn_until(&loop, &seen.ready, 2, LONG_MS);
    ck_assert_int_eq(seen.ready, 2);
    ck_assert_int_eq(seen.lost, 1);
    ck_assert_str_ne(seen.run_id, first);
    ck_assert_ptr_null(kdm_redis_last_error(redis));
}
END_TEST

START_TEST(a_killed_connection_comes_back_with_the_same_run_id)
{
    char first[64];

    open_ready();
    memcpy(first, seen.run_id, sizeof first);
    tell(server.socket, "CLIENT KILL TYPE normal");
    turn_until(&loop, &seen.ready, 2, LONG_MS);
    ck_assert_str_eq(seen.run_id, first);
}
END_TEST

START_TEST(an_evicting_redis_is_refused)
{
    tell(server.socket, "CONFIG SET maxmemory-policy allkeys-lru");
    open_url(server.url, NULL, 0);
    turn_until(&loop, &seen.lost, 1, LONG_MS);
    ck_assert(kdm_redis_refused(redis));
    ck_assert_int_eq(seen.ready, 0);
    ck_assert_ptr_nonnull(strstr(kdm_redis_last_error(redis), "allkeys-lru"));
    ck_assert_str_eq(kdm_redis_last_error(redis), seen.reason);
    tell(server.socket, "CONFIG SET maxmemory-policy noeviction");
    turn_until(&loop, &seen.ready, 1, LONG_MS); /* it is looked at again */
    ck_assert(!kdm_redis_refused(redis));
    ck_assert_int_eq(seen.lost, 1);
}
END_TEST

START_TEST(the_password_of_the_url_is_used)
{
    char url[160];

    tell(server.socket, "CONFIG SET requirepass geheim");
    open_url(server.url, NULL, 0); /* without one */
    turn_until(&loop, &seen.lost, 1, LONG_MS);
    ck_assert(kdm_redis_refused(redis));
    ck_assert_ptr_nonnull(strstr(seen.reason, "NOAUTH"));
    kdm_redis_close(redis);

    /* A Unix URL has no place for a password, so this goes by TCP. */
    snprintf(url, sizeof url, "redis://:falsch@127.0.0.1:1");
    open_url(url, NULL, 0);
    turn_for(&loop, 100);
    ck_assert(!kdm_redis_refused(redis)); /* nobody there is no refusal */
    ck_assert_ptr_nonnull(kdm_redis_last_error(redis));
    ck_assert_ptr_null(strstr(kdm_redis_last_error(redis), "falsch"));
}
END_TEST

/* A port that was free a moment ago. */
static int open_tcp(void)
{
    for (int port = 20000 + getpid() % 20000, i = 0; i < 50; i++, port++) {
        char command[64];
        redisReply *reply;
        bool taken;

        snprintf(command, sizeof command, "CONFIG SET port %d", port);
        reply = ask(server.socket, command);
        taken = reply != NULL && reply->type != REDIS_REPLY_ERROR;
        freeReplyObject(reply);
        if (taken)
            return port;
    }
    ck_abort_msg("no free port");
}

START_TEST(tcp_with_password_and_database)
{
    char url[160];
    int port = open_tcp();

    tell(server.socket, "CONFIG SET requirepass ge:he@im");
    snprintf(url, sizeof url, "redis://:falsch@localhost:%d/3", port);
    open_url(url, NULL, 0);
    turn_until(&loop, &seen.lost, 1, LONG_MS);
    ck_assert(kdm_redis_refused(redis));
    ck_assert_ptr_nonnull(strstr(seen.reason, "WRONGPASS"));
    kdm_redis_close(redis);

    snprintf(url, sizeof url, "redis://default:ge%%3Ahe%%40im@localhost:%d/3", port);
    open_url(url, NULL, 0);
    SEND("a", SECOND, KDM_STR("CLIENT"), KDM_STR("INFO"));
    turn_until(&loop, &answers.count, 1, LONG_MS);
    ck_assert_int_eq(answers.ok, 1);
    ck_assert_ptr_nonnull(strstr(answers.text, " db=3 "));
}
END_TEST

START_TEST(a_database_that_does_not_exist_is_refused)
{
    char url[160];

    snprintf(url, sizeof url, "%s?db=4000", server.url);
    open_url(url, NULL, 0);
    turn_until(&loop, &seen.lost, 1, LONG_MS);
    ck_assert(kdm_redis_refused(redis));
    ck_assert_ptr_nonnull(strstr(seen.reason, "SELECT"));
}
END_TEST

START_TEST(an_url_that_can_not_be_used_is_refused_at_once)
{
    char *error = NULL;

    ck_assert_ptr_null(kdm_redis_open(&loop, "rediss://h", NULL, 0, NULL, &error));
    ck_assert_ptr_nonnull(error);
    free(error);
}
END_TEST

/* The SHA-1 that Redis gives the script; embed-lua does this at build time. */
static struct kdm_redis_script with_sha1(struct kdm_redis_script script)
{
    char command[256];
    redisReply *reply;
    redisContext *context = redisConnectUnix(server.socket);

    script.len = strlen(script.text);
    reply = redisCommand(context, "SCRIPT LOAD %s", script.text);
    snprintf(command, sizeof command, "%s", reply->str);
    memcpy(script.sha1, command, sizeof script.sha1);
    freeReplyObject(reply);
    redisFree(context);
    tell(server.socket, "SCRIPT FLUSH");
    return script;
}

static void eval(char *ctx, const struct kdm_redis_script *script)
{
    struct kdm_str args[] = { KDM_STR("key"), KDM_STR("arg"), KDM_STR("more") };

    kdm_redis_eval(redis, script, args, 1, 3, kdm_clock_monotonic_ms() + SECOND, on_answer, ctx);
}

START_TEST(scripts_are_loaded_at_connect)
{
    struct kdm_redis_script script = with_sha1(script_join);
    const struct kdm_redis_script *scripts[] = { &script };

    open_url(server.url, scripts, 1);
    eval(client_a, &script);
    turn_until(&loop, &answers.count, 1, LONG_MS);
    ck_assert_str_eq(answers.text, "key:arg:1:2");
}
END_TEST

START_TEST(a_flushed_script_is_loaded_again)
{
    struct kdm_redis_script script = with_sha1(script_join);
    const struct kdm_redis_script *scripts[] = { &script };
    redisReply *reply;

    open_url(server.url, scripts, 1);
    turn_until(&loop, &seen.ready, 1, LONG_MS);
    for (int round = 1; round <= 2; round++) {
        tell(server.socket, "SCRIPT FLUSH");
        tell(server.socket, "CONFIG RESETSTAT");
        for (int i = 0; i < 100; i++)
            eval(client_a, &script);
        turn_until(&loop, &answers.count, 100 * round, LONG_MS);
        ck_assert_int_eq(answers.ok, 100 * round);
        ck_assert_str_eq(answers.text, "key:arg:1:2");
        reply = ask(server.socket, "INFO commandstats"); /* once for all of them */
        ck_assert_ptr_nonnull(strstr(reply->str, "cmdstat_script|load:calls=1,"));
        freeReplyObject(reply);
    }
}
END_TEST

START_TEST(a_wrong_sha1_is_refused)
{
    struct kdm_redis_script script = script_join;
    const struct kdm_redis_script *scripts[] = { &script };

    script.len = strlen(script.text);
    open_url(server.url, scripts, 1);
    turn_until(&loop, &seen.lost, 1, LONG_MS);
    ck_assert(kdm_redis_refused(redis));
    ck_assert_ptr_nonnull(strstr(seen.reason, "join"));
}
END_TEST

START_TEST(subscriptions_last_over_reconnects)
{
    redisReply *reply;

    open_url(server.url, NULL, 0);
    kdm_redis_subscribe(redis, KDM_STR("bell"));
    turn_until(&loop, &seen.ready, 1, LONG_MS);
    kdm_redis_subscribe(redis, KDM_STR("second")); /* while connected */
    turn_for(&loop, 100);
    tell(server.socket, "PUBLISH bell one");
    turn_until(&loop, &seen.messages, 1, LONG_MS);
    ck_assert_str_eq(seen.channel, "bell");
    ck_assert_str_eq(seen.payload, "one");

    tell(server.socket, "CLIENT KILL TYPE pubsub");
    turn_until(&loop, &seen.ready, 2, LONG_MS);
    reply = ask(server.socket, "PUBLISH second two"); /* subscribed before it is ready */
    ck_assert_int_eq(reply->integer, 1);
    freeReplyObject(reply);
    tell(server.socket, "PUBLISH bell three");
    turn_until(&loop, &seen.messages, 3, LONG_MS);
    ck_assert_str_eq(seen.payload, "three");
    ck_assert_int_eq(seen.lost, 1);
}
END_TEST

START_TEST(a_forgotten_client_is_not_called_back)
{
    open_ready();
    SEND(client_a, SECOND, KDM_STR("INCR"), KDM_STR("n"));
    SEND(client_b, SECOND, KDM_STR("INCR"), KDM_STR("n"));
    kdm_redis_forget(redis, client_a);
    turn_until(&loop, &answers.count, 1, LONG_MS);
    turn_for(&loop, 20);
    ck_assert_str_eq(answers.order, "b");
    SEND(client_a, SECOND, KDM_STR("GET"), KDM_STR("n"));
    turn_until(&loop, &answers.count, 2, LONG_MS);
    ck_assert_str_eq(answers.text, "2"); /* what was forgotten has run */
}
END_TEST

START_TEST(closing_ends_what_is_pending)
{
    open_ready();
    kill(server.pid, SIGSTOP);
    SEND("a", LONG_MS, KDM_STR("PING"));
    turn_for(&loop, 20);
    SEND("b", LONG_MS, KDM_STR("PING"));
    kdm_redis_close(redis);
    redis = NULL;
    ck_assert_int_eq(answers.lost, 1);
    ck_assert_int_eq(answers.unsent, 1);
    ck_assert_str_eq(answers.order, "ab");
    turn_for(&loop, 20);
    ck_assert_int_eq(answers.count, 2);
    ck_assert_int_eq(seen.lost, 0);
}
END_TEST

static void close_in_callback(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    on_answer(ctx, outcome, reply);
    kdm_redis_close(redis);
}

START_TEST(a_callback_may_close_the_connection)
{
    struct kdm_str ping[] = { KDM_STR("PING") };
    int64_t deadline;

    open_ready();
    deadline = kdm_clock_monotonic_ms() + SECOND;
    kdm_redis_command(redis, ping, 1, deadline, close_in_callback, client_a);
    kdm_redis_command(redis, ping, 1, deadline, close_in_callback, client_b);
    turn_until(&loop, &answers.count, 2, LONG_MS);
    redis = NULL;
    ck_assert_str_eq(answers.order, "ab");
    ck_assert_int_eq(answers.ok, 1);
    ck_assert_int_eq(answers.lost, 1);
}
END_TEST

static void send_in_callback(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    on_answer(ctx, outcome, reply);
    SEND("z", LONG_MS, KDM_STR("PING"));
}

START_TEST(a_command_sent_while_closing_ends_too)
{
    struct kdm_str ping[] = { KDM_STR("PING") };

    open_url(server.url, NULL, 0);
    kdm_redis_command(redis, ping, 1, kdm_clock_monotonic_ms() + SECOND, send_in_callback,
                      client_a);
    kdm_redis_close(redis);
    redis = NULL;
    ck_assert_str_eq(answers.order, "az");
    ck_assert_int_eq(answers.unsent, 2);
}
END_TEST

static void send_in_prepare(uv_prepare_t *late)
{
    if (late->data == NULL)
        return;
    late->data = NULL;
    SEND("a", SECOND, KDM_STR("PING"));
}

START_TEST(a_command_from_a_late_prepare_does_not_wait_for_the_next_event)
{
    uv_prepare_t late;
    int64_t start;

    /* Started before ours, so libuv runs it after ours. */
    uv_prepare_init(&loop, &late);
    late.data = NULL;
    uv_prepare_start(&late, send_in_prepare);
    open_ready();
    late.data = &late;
    start = kdm_clock_monotonic_ms();
    while (answers.count == 0 && kdm_clock_monotonic_ms() < start + SECOND)
        uv_run(&loop, UV_RUN_ONCE); /* no timer of ours turns it */
    ck_assert_int_eq(answers.ok, 1);
    ck_assert_int_lt(kdm_clock_monotonic_ms() - start, 40);
    uv_close((uv_handle_t *)&late, NULL);
    turn_for(&loop, 10);
}
END_TEST

START_TEST(beyond_the_bound_commands_end_unsent_at_once)
{
    size_t len = (size_t)16 * 1024 * 1024;
    char *value = kdm_zalloc(len);

    server_kill(&server);
    open_url(server.url, NULL, 0);
    for (int i = 0; i < 5; i++)
        SEND(i < 3 ? "w" : "x", LONG_MS, KDM_STR("SET"), KDM_STR("k"),
             { .ptr = value, .len = len });
    ck_assert_int_eq(answers.count, 0);
    turn_for(&loop, 20);
    ck_assert_str_eq(answers.order, "xx");
    ck_assert_int_eq(answers.unsent, 2);
    free(value);
}
END_TEST

enum { CHAOS_COMMANDS = 30000 };
static unsigned char told[CHAOS_COMMANDS];

static void on_told(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    (*(unsigned char *)ctx)++;
    on_answer(NULL, outcome, reply);
}

/* Redis dies and connections are cut while commands go on; some deadlines are short. In the end
 * Redis has done all that was OK and nothing that was UNSENT. */
START_TEST(through_all_disturbances_outcomes_are_exact)
{
    struct kdm_str incr[] = { KDM_STR("INCR"), KDM_STR("n") };
    int next = 0;
    redisReply *reply;
    long long n;

    server_kill(&server);
    server_start(&server, "--appendonly", "yes");
    open_ready();
    for (int turn = 0; next < CHAOS_COMMANDS; turn++) {
        for (int i = 0; i < 100; i++, next++)
            kdm_redis_command(redis, incr, 2,
                              kdm_clock_monotonic_ms() + (next % 7 == 0 ? 5 : LONG_MS), on_told,
                              &told[next]);
        if (turn % 60 == 28) /* time to be connected again */
            turn_for(&loop, 120);
        if (turn % 60 == 29) /* takes bytes, answers nothing */
            kill(server.pid, SIGSTOP);
        uv_run(&loop, UV_RUN_NOWAIT);
        if (turn % 60 == 30) {
            server_kill(&server);
            turn_for(&loop, 70);
        } else if (turn % 60 == 40) {
            server_start(&server, "--appendonly", "yes");
        } else if (turn % 20 == 10 && server.pid != 0) {
            freeReplyObject(ask(server.socket, "CLIENT KILL TYPE normal"));
        }
    }
    turn_until(&loop, &answers.count, CHAOS_COMMANDS, LONG_MS);
    for (int i = 0; i < CHAOS_COMMANDS; i++)
        ck_assert_int_eq(told[i], 1);
    reply = ask(server.socket, "GET n");
    n = strtoll(reply->str, NULL, 10);
    freeReplyObject(reply);
    ck_assert_int_gt(answers.lost, 0);
    ck_assert_int_gt(answers.unsent, 0);
    ck_assert_int_ge(n, answers.ok);
    ck_assert_int_le(n, answers.ok + answers.lost);
}
END_TEST

/* A server that says `text` to whoever connects, and to each thing it is told. */
static pid_t fake_server(const char *path, const char *text)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    pid_t pid;

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int i = 0; i < 1000; i++) {
            int fd = accept(listener, NULL, NULL);
            char bytes[4096];

            while (read(fd, bytes, sizeof bytes) > 0 && write(fd, text, strlen(text)) > 0)
                ;
            close(fd);
        }
        _exit(0);
    }
    close(listener);
    return pid;
}

static void meet_fake(const char *says, const char *reason, bool refused)
{
    char path[96], url[112];
    pid_t pid;

    snprintf(path, sizeof path, "%s/fake", server.dir);
    snprintf(url, sizeof url, "unix:%s", path);
    unlink(path);
    pid = fake_server(path, says);
    open_url(url, NULL, 0);
    turn_for(&loop, 100);
    ck_assert_msg(kdm_redis_last_error(redis) != NULL, "%s", says);
    ck_assert_msg(strstr(kdm_redis_last_error(redis), reason) != NULL, "%s",
                  kdm_redis_last_error(redis));
    ck_assert_int_eq(kdm_redis_refused(redis), refused);
    ck_assert_int_eq(seen.ready, 0);
    kdm_redis_close(redis);
    redis = NULL;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

START_TEST(what_is_no_usable_redis_is_told)
{
    meet_fake("HTTP/1.1 400 Bad Request\r\n\r\n", "Protocol error", false);
    meet_fake("*2\r\n*1000000000\r\n", "ut of memory", false);
    meet_fake("-ERR max number of clients reached\r\n", "max number", false);
    meet_fake("-DENIED protected mode\r\n", "DENIED", true);
    meet_fake("$23\r\nredis_version:6.0.16\r\n\r\n\r\n", "6.2 or later", true);
    meet_fake("$66\r\nredis_version:7.0.15\r\nredis_mode:cluster\r\n"
              "maxmemory_policy:none\r\n\r\n\r\n",
              "cluster", true);
    meet_fake("$22\r\nredis_version:7.0.15\r\n\r\n", "maxmemory-policy", true);
}
END_TEST

START_TEST(a_loading_redis_is_waited_for)
{
    char path[96], url[112];
    pid_t pid;

    snprintf(path, sizeof path, "%s/fake", server.dir);
    snprintf(url, sizeof url, "unix:%s", path);
    pid = fake_server(path, "$63\r\nredis_version:7.0.15\r\nmaxmemory_policy:noeviction\r\n"
                            "loading:1\r\n\r\n");
    open_url(url, NULL, 0);
    SEND("a", 300, KDM_STR("PING"));
    turn_until(&loop, &answers.count, 1, SECOND);
    ck_assert_int_eq(answers.unsent, 1);
    ck_assert_int_eq(seen.ready, 0);
    ck_assert(!kdm_redis_refused(redis));
    ck_assert_ptr_null(kdm_redis_last_error(redis));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
END_TEST

static void add_all(TCase *tests)
{
    tcase_add_test(tests, answers_come_in_order);
    tcase_add_test(tests, commands_wait_for_the_connection);
    tcase_add_test(tests, texts_are_binary_and_may_be_empty);
    tcase_add_test(tests, a_value_may_have_a_mebibyte);
    tcase_add_test(tests, arrays_come_as_trees);
    tcase_add_test(tests, a_deadline_ends_a_command_as_lost_and_its_late_answer_is_dropped);
    tcase_add_test(tests, a_deadline_without_a_connection_is_unsent_and_never_sent);
    tcase_add_test(tests, when_redis_dies_what_was_written_is_lost_and_each_is_told_once);
    tcase_add_test(tests, what_the_socket_did_not_take_survives_a_dead_redis);
    tcase_add_test(tests, a_restarted_redis_has_another_run_id);
    tcase_add_test(tests, a_killed_connection_comes_back_with_the_same_run_id);
    tcase_add_test(tests, an_evicting_redis_is_refused);
    tcase_add_test(tests, the_password_of_the_url_is_used);
    tcase_add_test(tests, tcp_with_password_and_database);
    tcase_add_test(tests, a_database_that_does_not_exist_is_refused);
    tcase_add_test(tests, an_url_that_can_not_be_used_is_refused_at_once);
    tcase_add_test(tests, scripts_are_loaded_at_connect);
    tcase_add_test(tests, a_flushed_script_is_loaded_again);
    tcase_add_test(tests, a_wrong_sha1_is_refused);
    tcase_add_test(tests, subscriptions_last_over_reconnects);
    tcase_add_test(tests, a_forgotten_client_is_not_called_back);
    tcase_add_test(tests, closing_ends_what_is_pending);
    tcase_add_test(tests, a_callback_may_close_the_connection);
    tcase_add_test(tests, a_command_sent_while_closing_ends_too);
    tcase_add_test(tests, a_command_from_a_late_prepare_does_not_wait_for_the_next_event);
    tcase_add_test(tests, beyond_the_bound_commands_end_unsent_at_once);
    tcase_add_test(tests, through_all_disturbances_outcomes_are_exact);
    tcase_add_test(tests, what_is_no_usable_redis_is_told);
    tcase_add_test(tests, a_loading_redis_is_waited_for);
}

int main(void)
{
    Suite *suite = suite_create("redis/redis");
    TCase *tests = tcase_create("connection");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 40);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    add_all(tests);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
