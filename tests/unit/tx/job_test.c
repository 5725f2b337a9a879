/* job_test.c - work larger than one commit: chunks that fail, owners that die, and those who wait. */
#include "tenant.h"
#include "tx/tx_private.h"

static int chunks, fail_first; /* how often a chunk ran; so many of them fail */
static enum kdm_err fail_with;

/* Writes j0.., three a chunk. Counts in a static only to fail when told to. */
static enum kdm_outcome chunk(struct kdm_tx *tx, struct kdm_val args, struct kdm_val state)
{
    struct kdm_collection *assets;
    int64_t from = 0, total = 0;

    if (tx->conflicts == 0 && tx->commits_done == 0 && tx->facts == NULL)
        chunks++;
    kdm_val_int64(kdm_val_get(args, KDM_STR("total")), &total);
    kdm_val_int64(state, &from);
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    if (chunks <= fail_first)
        return kdm_tx_fail(tx, fail_with, KDM_PROPS(KDM_STR("x"), INDEX, COLL));
    for (int64_t i = from; i < total && i < from + 3; i++)
        kdm_tx_put(tx, assets, kdm_arena_printf(kdm_tx_arena(tx), "j%d", (int)i), KDM_STR("{\"j\":1}"), 0);
    if (from + 3 >= total)
        kdm_tx_job_finish(tx);
    else
        kdm_tx_job_state(tx, kdm_arena_printf(kdm_tx_arena(tx), "%d", (int)from + 3));
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR_NONE);
}

static enum kdm_outcome start_job(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_str job;
    bool done = false;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    kdm_tx_create(tx, assets, kdm_str_of(ctx), KDM_STR("{}"), 0);
    job = kdm_tx_job(tx, "test", KDM_STR("{\"total\":10}"));
    if (!kdm_tx_commit(tx) || !kdm_tx_await_job(tx, job, &done))
        return KDM_WAIT;
    return kdm_tx_reply(tx, done ? KDM_STR("done") : KDM_STR("running"));
}

static void setup(void)
{
    tenant_setup();
    chunks = fail_first = 0;
    kdm_job_register(node.engine, "test", chunk);
    kdm_job_register(other.engine, "test", chunk);
}

static long long records(void)
{
    redisReply *reply = ask(redis.socket, "HLEN kdm:jobs");
    long long count = reply->integer;

    freeReplyObject(reply);
    return count;
}

/* As if ten seconds had gone by. */
static void end_leases(void)
{
    redisContext *direct = redisConnectUnix(redis.socket);
    redisReply *all = redisCommand(direct, "HGETALL kdm:jobs");

    for (size_t i = 0; i + 1 < all->elements; i += 2) {
        char *lease = strstr(all->element[i + 1]->str, "\"lease\":");

        ck_assert_ptr_nonnull(lease);
        lease[sizeof("\"lease\":") - 1] = '-'; /* long ago */
        freeReplyObject(redisCommand(direct, "HSET kdm:jobs %s %s", all->element[i]->str, all->element[i + 1]->str));
    }
    freeReplyObject(all);
    redisFree(direct);
}

static void wait_for_jobs(struct node *at, int ms)
{
    int64_t until = kdm_clock_monotonic_ms() + ms;

    while (kdm_jobs_running(at->engine) > 0 && kdm_clock_monotonic_ms() < until)
        turn_for(&loop, 20);
    ck_assert_uint_eq(kdm_jobs_running(at->engine), 0);
}

/* Turns the loop until all jobs are done, whoever does them. */
static void wait_for_no_record(int ms)
{
    int64_t until = kdm_clock_monotonic_ms() + ms;

    while (records() > 0 && kdm_clock_monotonic_ms() < until)
        turn_for(&loop, 20);
    ck_assert_int_eq(records(), 0);
}

START_TEST(a_job_is_done_in_chunks_and_waited_for)
{
    struct run run;

    run_now(&run, &node, &loop, start_job, "starter");
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    ck_assert_str_eq(run.result, "done");
    ck_assert_int_eq(chunks, 4);
    expect_doc(&other, "j9", "1 {\"j\":1}");
    ck_assert_uint_eq(kdm_jobs_running(node.engine), 0);
}
END_TEST

START_TEST(a_job_without_a_living_owner_is_resumed_by_another_node)
{
    tell(redis.socket, "HSET kdm:jobs left {\"owner\":\"gone\",\"step\":2,\"lease\":1,\"kind\":\"test\",\"args\":{\"total\":10},\"state\":6}");
    kdm_jobs_resume(other.engine, false);
    wait_for_no_record(3000);
    expect_doc(&node, "j9", "1 {\"j\":1}");
    expect_doc(&node, "j5", "null"); /* it goes on where it was */
}
END_TEST

START_TEST(a_chunk_that_fails_for_a_while_is_tried_again)
{
    struct run run;

    fail_first = 2;
    fail_with = KDM_ERR_SERVICES_CACHE_NOT_CONNECTED;
    run_now(&run, &node, &loop, start_job, "starter");
    ck_assert_str_eq(run.result, "done");
    ck_assert_int_ge(chunks, 6);
    ck_assert_int_eq(records(), 0);
    expect_doc(&other, "j9", "1 {\"j\":1}");
}
END_TEST

START_TEST(a_job_that_is_refused_time_and_again_is_given_up)
{
    struct run run;

    fail_first = 1000000;
    fail_with = KDM_ERR_SERVICES_STORAGE_NOT_FOUND;
    run_begin_in(&run, &node, start_job, "starter", 30000, NULL);
    turn_until(&loop, &run.done, 1, 25000);
    run_end(&run, &loop);
    ck_assert_int_eq(run.err, KDM_OK); /* what it decided is stored */
    ck_assert_str_eq(run.result, "running");
    wait_for_jobs(&node, 1000);
    ck_assert_int_le(chunks, 6);
    ck_assert_int_eq(records(), 0);
    expect_doc(&other, "starter", "1 {}");
}
END_TEST

START_TEST(who_waits_past_the_deadline_is_answered_and_the_job_goes_on)
{
    struct run run;

    fail_first = 2;
    fail_with = KDM_ERR_SERVICES_CACHE_NOT_CONNECTED;
    run_begin_in(&run, &node, start_job, "starter", 900, NULL);
    run_end(&run, &loop);
    ck_assert_int_eq(run.err, KDM_OK);
    ck_assert_str_eq(run.result, "running");
    ck_assert_uint_eq(kdm_jobs_running(node.engine), 1);
    wait_for_jobs(&node, 5000);
    expect_doc(&other, "j9", "1 {\"j\":1}");
}
END_TEST

START_TEST(who_waits_may_leave)
{
    struct run run;

    fail_first = 1;
    fail_with = KDM_ERR_SERVICES_CACHE_NOT_CONNECTED;
    run_begin(&run, &node, start_job, "starter");
    turn_for(&loop, 100);
    ck_assert(!run.done);
    kdm_tx_release(run.tx);
    kdm_arena_fini(&run.arena);
    wait_for_jobs(&node, 5000);
    expect_doc(&other, "j9", "1 {\"j\":1}");
}
END_TEST

START_TEST(a_job_of_a_node_that_stopped_is_finished_by_another)
{
    struct node third;
    struct run run;

    node_start(&third, &loop, redis.url, "node-c");
    kdm_job_register(third.engine, "test", chunk);
    fail_first = 1;
    fail_with = KDM_ERR_SERVICES_CACHE_NOT_CONNECTED;
    run_begin(&run, &third, start_job, "starter");
    turn_for(&loop, 100);
    kdm_tx_release(run.tx);
    kdm_arena_fini(&run.arena);
    node_stop(&third);
    ck_assert_int_eq(records(), 1);
    end_leases();
    kdm_jobs_resume(node.engine, false);
    wait_for_no_record(7000);
    expect_doc(&other, "j9", "1 {\"j\":1}");
}
END_TEST

START_TEST(two_nodes_on_one_job_do_no_harm_and_the_slower_one_stops)
{
    struct run run;

    tell(redis.socket, "HSET kdm:jobs both {\"owner\":\"gone\",\"step\":0,\"lease\":1,\"kind\":\"test\",\"args\":{\"total\":60},\"state\":null}");
    kdm_jobs_resume(node.engine, false);
    kdm_jobs_resume(other.engine, false);
    wait_for_no_record(3000);
    wait_for_jobs(&node, 3000);
    wait_for_jobs(&other, 3000);
    turn_for(&loop, 200);
    ck_assert_int_eq(records(), 0); /* none brings it back */
    for (int i = 0; i < 60; i++) { /* each chunk has committed once */
        char id[16];

        snprintf(id, sizeof(id), "j%d", i);
        run_now(&run, &other, &loop, read_doc, id);
        ck_assert_str_eq(run.result, "1 {\"j\":1}");
    }
}
END_TEST

#define LEFT                                                                                                        \
    "{\"owner\":\"gone\",\"step\":2,\"lease\":99999999999999,\"kind\":\"test\",\"args\":{\"total\":10},\"state\":6}"

/* "owner":"..","step":N of the one record there is. */
static void record_head(char *head, size_t size)
{
    redisReply *all = ask(redis.socket, "HGETALL kdm:jobs");
    const char *end;

    ck_assert_uint_eq(all->elements, 2);
    end = strstr(all->element[1]->str, ",\"lease\"");
    ck_assert_ptr_nonnull(end);
    snprintf(head, size, "%.*s", (int)(end - all->element[1]->str), all->element[1]->str);
    freeReplyObject(all);
}

static long long lease(void)
{
    redisReply *all = ask(redis.socket, "HVALS kdm:jobs");
    long long value = atoll(strstr(all->element[0]->str, "\"lease\":") + 8);

    freeReplyObject(all);
    return value;
}

START_TEST(who_comes_late_does_not_take_a_state_back)
{
    struct run run;
    char head[256];

    fail_first = 3; /* the owner pauses */
    fail_with = KDM_ERR_SERVICES_CACHE_NOT_CONNECTED;
    run_begin(&run, &node, start_job, "starter");
    turn_for(&loop, 200);
    record_head(head, sizeof(head));
    ck_assert_str_eq(head, "{\"owner\":\"node-a\",\"step\":0");
    {
        redisContext *direct = redisConnectUnix(redis.socket);
        redisReply *ids = redisCommand(direct, "HKEYS kdm:jobs");

        freeReplyObject(redisCommand(direct, "HSET kdm:jobs %s %s", ids->element[0]->str,
                                     "{\"owner\":\"node-x\",\"step\":7,\"lease\":99999999999999,\"kind\":\"test\","
                                     "\"args\":{\"total\":10},\"state\":9}"));
        freeReplyObject(ids);
        redisFree(direct);
    }
    run_end(&run, &loop);
    ck_assert_str_eq(run.result, "running"); /* elsewhere */
    ck_assert_uint_eq(kdm_jobs_running(node.engine), 0);
    record_head(head, sizeof(head));
    ck_assert_str_eq(head, "{\"owner\":\"node-x\",\"step\":7");
    expect_doc(&other, "j0", "null");
}
END_TEST

START_TEST(a_lease_is_renewed_while_a_chunk_takes_its_time)
{
    struct run run;
    long long first;

    fail_first = 1000; /* never gets on */
    fail_with = KDM_ERR_SERVICES_CACHE_NOT_CONNECTED;
    kdm_jobs_resume(node.engine, false);
    run_begin(&run, &node, start_job, "starter");
    turn_for(&loop, 300);
    first = lease();
    for (int i = 0; i < 60 && lease() == first; i++)
        turn_for(&loop, 100);
    ck_assert_int_gt(lease(), first);
    kdm_tx_release(run.tx);
    kdm_arena_fini(&run.arena);
}
END_TEST

START_TEST(who_is_alone_on_its_redis_waits_for_no_lease)
{
    tell(redis.socket, "HSET kdm:jobs left " LEFT);
    kdm_jobs_resume(other.engine, false);
    turn_for(&loop, 300);
    ck_assert_int_eq(records(), 1);
    kdm_jobs_resume(node.engine, true);
    wait_for_no_record(3000);
    expect_doc(&other, "j9", "1 {\"j\":1}");
}
END_TEST

START_TEST(records_that_make_no_sense_are_left_alone)
{
    tell(redis.socket, "HSET kdm:jobs a {} b garbage c {\"kind\":\"later\",\"args\":{},\"state\":null} d []");
    kdm_jobs_resume(node.engine, false);
    turn_for(&loop, 200);
    ck_assert_uint_eq(kdm_jobs_running(node.engine), 0);
    ck_assert_int_eq(records(), 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("job");
    TCase *tcase = tcase_create("job");

    tcase_add_checked_fixture(tcase, setup, tenant_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_job_is_done_in_chunks_and_waited_for);
    tcase_add_test(tcase, a_job_without_a_living_owner_is_resumed_by_another_node);
    tcase_add_test(tcase, a_chunk_that_fails_for_a_while_is_tried_again);
    tcase_add_test(tcase, a_job_that_is_refused_time_and_again_is_given_up);
    tcase_add_test(tcase, who_waits_past_the_deadline_is_answered_and_the_job_goes_on);
    tcase_add_test(tcase, who_waits_may_leave);
    tcase_add_test(tcase, a_job_of_a_node_that_stopped_is_finished_by_another);
    tcase_add_test(tcase, two_nodes_on_one_job_do_no_harm_and_the_slower_one_stops);
    tcase_add_test(tcase, who_comes_late_does_not_take_a_state_back);
    tcase_add_test(tcase, a_lease_is_renewed_while_a_chunk_takes_its_time);
    tcase_add_test(tcase, who_is_alone_on_its_redis_waits_for_no_lease);
    tcase_add_test(tcase, records_that_make_no_sense_are_left_alone);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
