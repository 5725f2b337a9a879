/* lost_test.c - commits whose answers are lost: each is done once or never, and what is told is what happened.
 * The feed is the witness: each text that is written is one of a kind.
 */
#include "proxy.h"
#include "redis_scripts.gen.h"
#include "world.h"

static uv_loop_t loop;
static struct server redis;
static struct proxy proxy;
static struct node node;
static redisContext *direct;
static struct kdm_collection *docs;

static void setup(void)
{
    uv_loop_init(&loop);
    server_open(&redis, NULL, NULL);
    proxy_open(&proxy, &redis, 17);
    node_start(&node, &loop, proxy.url, "node-a");
    direct = look_in(&redis);
    docs = have_collection(&node, "tenant", "assets");
    create_doc(&node, docs, "there", "{}");
}

static void teardown(void)
{
    kdm_collection_unref(docs);
    redisFree(direct);
    node_stop(&node);
    loop_end(&loop);
    proxy_close(&proxy);
    server_kill(&redis);
}

/* --- writers: each of its own document, one commit after the other ----------------------------- */

enum kind { CAS, BLIND, EACH, KINDS };

struct told {
    enum kdm_commit_outcome outcome;
    enum kind kind;
    int64_t version;     /* of a blind one: as told */
    char previous[64];   /* the same */
    int seen;            /* how often the feed has it */
};

struct writer {
    char id[16];
    enum kind kind;
    int number, started, ended;
    uint64_t sequence; /* CAS: of the last write */
    bool present;
    int64_t version;
    struct told *told;
};

static int running, left, ended;
static int timeout_ms;

static void write_next(struct writer *writer);

static void on_written(void *ctx, const struct kdm_commit_result *result)
{
    struct writer *writer = ctx;
    struct told *told = &writer->told[writer->ended++];

    ck_assert_int_eq(writer->started, writer->ended); /* once each */
    told->outcome = result->outcome;
    told->kind = writer->kind;
    if (result->outcome == KDM_COMMITTED) {
        writer->sequence = result->sequences[0].sequence;
        writer->present = true;
        writer->version++;
        if (writer->kind != CAS) {
            const struct kdm_commit_item *item = result->items;

            ck_assert_uint_eq(result->item_count, writer->kind == EACH ? 3 : 1);
            for (size_t i = 0; i < result->item_count; i++) {
                ck_assert(result->items[i].conflict == (result->items[i].token != 0));
                if (result->items[i].token == 0)
                    item = &result->items[i];
            }
            told->version = item->version;
            snprintf(told->previous, sizeof(told->previous), KDM_FMT, KDM_ARG(item->value));
        }
    }
    ended++;
    running--;
    if (left > 0)
        write_next(writer);
}

static void write_next(struct writer *writer)
{
    struct kdm_commit *commit =
        kdm_commit_create(node.store, writer->kind == EACH ? KDM_COMMIT_EACH : KDM_COMMIT_ALL);
    char text[48];

    snprintf(text, sizeof(text), "{\"w\":%d,\"n\":%d}", writer->number, writer->started);
    if (writer->kind == EACH) /* between two that are left out */
        put(commit, docs, "there", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 1);
    if (writer->kind != CAS)
        put(commit, docs, writer->id, text, KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
    else if (!writer->present)
        put(commit, docs, writer->id, text, KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    else
        put(commit, docs, writer->id, text, KDM_EXPECT_SEQUENCE, writer->sequence, writer->version + 1,
            KDM_CHANGE_UPDATE, 0);
    if (writer->kind == EACH)
        put(commit, docs, "not there", "{}", KDM_EXPECT_PRESENT, 0, 0, KDM_CHANGE_REPLACE, 2);
    writer->started++;
    left--;
    running++;
    kdm_commit_send(commit, kdm_clock_monotonic_ms() + timeout_ms, on_written, writer);
}

/* What the feed says of each text: how often it is there, and for blind ones version and value before. */
static void witness(struct writer *writers)
{
    redisReply *entries = redisCommand(direct, "XRANGE %s - +", z(docs->index->feed_key));

    ck_assert_int_eq(entries->type, REDIS_REPLY_ARRAY);
    for (size_t e = 0; e < entries->elements; e++) {
        redisReply *fields = entries->element[e]->element[1];

        for (size_t f = 2; f + 3 < fields->elements; f += 4) {
            int number, n;
            struct told *told;

            if (sscanf(fields->element[f + 1]->str, "{\"w\":%d,\"n\":%d}", &number, &n) != 2)
                continue;
            told = &writers[number].told[n];
            told->seen++;
            if (told->outcome == KDM_COMMITTED && told->kind != CAS) {
                ck_assert_int_eq(told->version, strtoll(fields->element[f]->str + 2, NULL, 10));
                ck_assert_str_eq(told->previous, fields->element[f + 3]->str);
            }
        }
    }
    freeReplyObject(entries);
}

struct tally {
    int committed, refused, conflict, unknown;
};

static struct tally run_writers(int writer_count, int commits)
{
    struct writer *writers = kdm_zalloc((size_t)writer_count * sizeof(*writers));
    struct tally tally = { 0 };

    running = ended = 0;
    left = commits;
    for (int i = 0; i < writer_count; i++) {
        snprintf(writers[i].id, sizeof(writers[i].id), "d%d", i);
        writers[i].number = i;
        writers[i].kind = (enum kind)(i % KINDS);
        writers[i].told = kdm_zalloc((size_t)commits * sizeof(struct told));
        write_next(&writers[i]);
    }
    turn_until(&loop, &ended, commits, 100000);
    proxy.control->one_in = 0;
    nap(200); /* what comes late has come */
    ck_assert_int_eq(ended, commits);
    witness(writers);
    for (int i = 0; i < writer_count; i++) {
        for (int n = 0; n < writers[i].ended; n++) {
            const struct told *told = &writers[i].told[n];

            switch (told->outcome) {
            case KDM_COMMITTED:
                tally.committed++;
                ck_assert_msg(told->seen == 1, "told as done, done %d times", told->seen);
                break;
            case KDM_COMMIT_REFUSED:
                tally.refused++;
                ck_assert_msg(told->seen == 0, "told as not done, done %d times", told->seen);
                break;
            case KDM_COMMIT_CONFLICT:
                tally.conflict++;
                ck_assert_int_eq(told->seen, 0);
                break;
            case KDM_COMMIT_UNKNOWN:
                tally.unknown++;
                ck_assert_int_le(told->seen, 1);
                break;
            }
        }
        free(writers[i].told);
    }
    free(writers);
    return tally;
}

START_TEST(a_commit_is_done_once_whatever_happens_to_its_answer)
{
    struct tally tally;

    timeout_ms = 20000;
    proxy.control->one_in = 6;
    tally = run_writers(16, 6000);
    for (int i = 0; i < MISHAPS; i++)
        ck_assert_int_gt(proxy.control->counts[i], 3);
    /* Redis was never away for long, and nobody else writes. */
    ck_assert_int_eq(tally.committed, 6000);
}
END_TEST

/* A fence may lie in a dead connection's buffer too, while its slot has gone to another commit. */
START_TEST(a_fence_that_comes_late_leaves_the_record_of_the_next_commit)
{
    static const struct {
        const char *before, *number, *answer, *after;
    } fences[] = {
        { "7 3", "5", "5 x", "7 3" },
        { "7 3", "7", "7 3", "7 3" },
        { "7 3", "9", "9 x", "9 x" },
        { "999999999999999 3", "1000000000000000", "1000000000000000 x", "1000000000000000 x" },
    };

    for (size_t i = 0; i < sizeof(fences) / sizeof(fences[0]); i++) {
        redisReply *reply;

        freeReplyObject(redisCommand(direct, "HSET meta k:node.0 %s", fences[i].before));
        reply = redisCommand(direct, "EVAL %s 1 meta k:node.0 %s", kdm_script_fence.text, fences[i].number);
        ck_assert_str_eq(reply->str, fences[i].answer);
        freeReplyObject(reply);
        reply = redisCommand(direct, "HGET meta k:node.0");
        ck_assert_str_eq(reply->str, fences[i].after);
        freeReplyObject(reply);
    }
}
END_TEST

START_TEST(what_comes_very_late_does_nothing)
{
    struct tally tally;

    timeout_ms = 20000;
    proxy.control->one_in = 12;
    proxy.control->late_ms = 600;
    tally = run_writers(4, 400);
    ck_assert_int_eq(tally.committed, 400);
}
END_TEST

START_TEST(with_short_deadlines_what_is_told_is_still_true)
{
    struct tally tally;

    timeout_ms = 25;
    proxy.control->one_in = 6;
    tally = run_writers(16, 2000);
    ck_assert_int_gt(tally.committed, 0);
    ck_assert_int_gt(tally.refused, 0);
}
END_TEST

START_TEST(while_redis_stays_away_what_was_on_its_way_is_unknown_and_the_rest_refused)
{
    struct outcome sent, waiting;
    struct kdm_commit *commit = kdm_commit_create(node.store, KDM_COMMIT_ALL);
    int64_t began = kdm_clock_monotonic_ms();

    kill(redis.pid, SIGSTOP);
    put(commit, docs, "sent", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    commit_begin(commit, &sent, 300);
    turn_for(&loop, 50);
    proxy.control->closed = 1;
    turn_for(&loop, 50);
    commit = kdm_commit_create(node.store, KDM_COMMIT_ALL);
    put(commit, docs, "waiting", "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    commit_begin(commit, &waiting, 200);
    turn_until(&loop, &waiting.done, 1, 3000);
    ck_assert_int_eq(waiting.outcome, KDM_COMMIT_REFUSED);
    ck_assert_int_eq(waiting.err, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED);
    turn_until(&loop, &sent.done, 1, 5000);
    ck_assert_int_eq(sent.outcome, KDM_COMMIT_UNKNOWN);
    ck_assert_int_eq(sent.err, KDM_ERR_SERVICES_STORAGE_COMMIT_UNKNOWN);
    ck_assert_int_lt(kdm_clock_monotonic_ms() - began, 3000);
    kill(redis.pid, SIGCONT);
    proxy.control->closed = 0;
    node_await(&node);
    create_doc(&node, docs, "after", "{}");
    expect_doc(&node, docs, "waiting", NULL);
}
END_TEST

START_TEST(a_redis_that_stalls_past_the_deadline_is_asked_what_it_did)
{
    struct outcome outcome;

    for (int i = 0; i < 5; i++) {
        struct kdm_commit *commit = kdm_commit_create(node.store, KDM_COMMIT_ALL);
        char id[16];

        snprintf(id, sizeof(id), "s%d", i);
        kill(redis.pid, SIGSTOP);
        put(commit, docs, id, "{}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
        commit_begin(commit, &outcome, 100);
        turn_for(&loop, 300);
        ck_assert_int_eq(outcome.done, 0); /* still within the grace */
        kill(redis.pid, SIGCONT);
        turn_until(&loop, &outcome.done, 1, 3000);
        ck_assert_int_eq(outcome.outcome, KDM_COMMITTED);
        expect_doc(&node, docs, id, "1 {}");
    }
}
END_TEST

START_TEST(closing_tells_everybody_once)
{
    static struct outcome outcomes[200];
    struct node closing;
    int told = 0;

    node_start(&closing, &loop, proxy.url, "node-c");
    kill(redis.pid, SIGSTOP);
    for (int i = 0; i < 200; i++) {
        struct kdm_commit *commit = kdm_commit_create(closing.store, KDM_COMMIT_ALL);

        put(commit, docs, "x", "{}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
        commit_begin(commit, &outcomes[i], 5000);
        if (i == 100)
            turn_for(&loop, 20);
    }
    node_stop(&closing);
    kill(redis.pid, SIGCONT);
    for (int i = 0; i < 200; i++)
        told += outcomes[i].done;
    ck_assert_int_eq(told, 200);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lost");
    TCase *tcase = tcase_create("lost");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 110);
    tcase_add_test(tcase, a_commit_is_done_once_whatever_happens_to_its_answer);
    tcase_add_test(tcase, a_fence_that_comes_late_leaves_the_record_of_the_next_commit);
    tcase_add_test(tcase, what_comes_very_late_does_nothing);
    tcase_add_test(tcase, with_short_deadlines_what_is_told_is_still_true);
    tcase_add_test(tcase, while_redis_stays_away_what_was_on_its_way_is_unknown_and_the_rest_refused);
    tcase_add_test(tcase, a_redis_that_stalls_past_the_deadline_is_asked_what_it_did);
    tcase_add_test(tcase, closing_tells_everybody_once);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
