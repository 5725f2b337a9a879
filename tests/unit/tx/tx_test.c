/* tx_test.c - transactions over a real Redis: replay, conflicts, queues, pipes, jobs, on one node and on two. */
#include "world.h"

static uv_loop_t loop;
static struct server redis;
static struct node node, other;

static void setup(void)
{
    uv_loop_init(&loop);
    server_open(&redis, NULL, NULL);
    node_start(&node, &loop, redis.url, "node-a");
    node_start(&other, &loop, redis.url, "node-b");
}

static void teardown(void)
{
    node_stop(&node);
    node_stop(&other);
    for (int i = 0; i < 100 && uv_run(&loop, UV_RUN_NOWAIT) != 0; i++)
        nap(1);
    server_close(&redis);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

#define INDEX KDM_STR("tenant")
#define COLL  KDM_STR("assets")

static enum kdm_outcome make_collection(struct kdm_tx *tx, void *ctx)
{
    bool exists;
    struct kdm_collection *old;

    (void)ctx;
    if (!kdm_tx_index(tx, INDEX, &exists) || !kdm_tx_find_collection(tx, INDEX, COLL, &old))
        return KDM_WAIT;
    if (!exists)
        kdm_tx_create_index(tx, INDEX);
    if (old == NULL)
        kdm_tx_set_collection(tx, INDEX, COLL, NULL, KDM_STR("{\"mappings\":{\"dynamic\":\"false\"}}"));
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

static void have_collection(void)
{
    struct run run;

    run_now(&run, &node, &loop, make_collection, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
}

static enum kdm_outcome create_doc(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    kdm_tx_create(tx, assets, kdm_str_of(ctx), KDM_STR("{\"n\":0}"), 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

static enum kdm_outcome read_doc(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc *doc;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets) || !kdm_tx_read(tx, assets, kdm_str_of(ctx), &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return kdm_tx_reply(tx, KDM_STR("null"));
    return kdm_tx_reply(tx, kdm_arena_printf(kdm_tx_arena(tx), "%lld " KDM_FMT, (long long)doc->version,
                                             KDM_ARG(doc->text)));
}

static void expect_doc(struct node *at, const char *id, const char *expected)
{
    struct run run;

    run_now(&run, at, &loop, read_doc, id);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    ck_assert_str_eq(run.result, expected);
}

/* Adds one member, its own, to a document. */
static enum kdm_outcome add_key(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc *doc;
    struct kdm_str text;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets)
        || !kdm_tx_claim(tx, assets, KDM_STR("hot"), &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_NOT_FOUND,
                           KDM_PROPS(KDM_STR("hot"), INDEX, COLL));
    text = kdm_json_set(kdm_tx_arena(tx), kdm_doc_source(tx, doc), kdm_str_of(ctx), KDM_STR("1"));
    kdm_tx_write(tx, assets, doc, text, KDM_CHANGE_UPDATE, KDM_STR_NONE, 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

START_TEST(an_index_and_its_collection_are_made_in_one_commit)
{
    struct run run;

    have_collection();
    run_now(&run, &other, &loop, create_doc, "a");
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    expect_doc(&node, "a", "1 {\"n\":0}");
    expect_doc(&other, "b", "null");
}
END_TEST

START_TEST(an_unknown_index_and_an_unknown_collection_are_told_apart)
{
    struct run run;

    run_now(&run, &node, &loop, read_doc, "a");
    ck_assert_int_eq(run.err, KDM_ERR_SERVICES_STORAGE_UNKNOWN_INDEX);
    have_collection();
    tell(redis.socket, "HSET unrelated a b");
}
END_TEST

START_TEST(a_document_that_is_there_is_not_created_again)
{
    struct run run;

    have_collection();
    run_now(&run, &node, &loop, create_doc, "a");
    ck_assert_int_eq(run.err, KDM_OK);
    run_now(&run, &node, &loop, create_doc, "a");
    ck_assert_int_eq(run.err, KDM_ERR_SERVICES_STORAGE_DOCUMENT_ALREADY_EXISTS);
    expect_doc(&node, "a", "1 {\"n\":0}");
}
END_TEST

static void hammer(struct node *first, struct node *second)
{
    enum { WRITERS = 200 };
    static struct run runs[WRITERS];
    static char keys[WRITERS][16];
    struct run run;

    have_collection();
    run_now(&run, first, &loop, create_doc, "hot");
    for (int i = 0; i < WRITERS; i++) {
        snprintf(keys[i], sizeof(keys[i]), "k%d", i);
        run_begin(&runs[i], i % 2 ? first : second, add_key, keys[i]);
    }
    for (int i = 0; i < WRITERS; i++) {
        run_end(&runs[i], &loop);
        ck_assert_msg(runs[i].err == KDM_OK, "%d: %s", i, runs[i].message);
    }
    run_now(&run, first, &loop, read_doc, "hot");
    ck_assert_int_eq(strncmp(run.result, "201 ", 4), 0);
    for (int i = 0; i < WRITERS; i++) {
        char member[24];

        snprintf(member, sizeof(member), "\"k%d\":1", i);
        ck_assert_ptr_nonnull(strstr(run.result, member));
    }
}

START_TEST(two_hundred_writers_of_one_document_lose_nothing_on_one_node)
{
    struct kdm_tx_counts counts;

    hammer(&node, &node);
    kdm_tx_counts(node.engine, &counts);
    ck_assert_uint_eq(counts.conflicts, 0); /* they lined up */
}
END_TEST

START_TEST(two_hundred_writers_of_one_document_lose_nothing_on_two_nodes)
{
    hammer(&node, &other);
}
END_TEST

/* Deletes the collection and makes it anew, on the other node. */
static enum kdm_outcome drop_collection(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    kdm_tx_delete_collection(tx, assets);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

START_TEST(a_collection_deleted_elsewhere_takes_its_documents_along)
{
    struct run run;

    have_collection();
    run_now(&run, &node, &loop, create_doc, "a");
    expect_doc(&node, "a", "1 {\"n\":0}");
    run_now(&run, &other, &loop, drop_collection, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    run_now(&run, &node, &loop, read_doc, "a");
    ck_assert_int_eq(run.err, KDM_ERR_SERVICES_STORAGE_UNKNOWN_COLLECTION);
    run_now(&run, &node, &loop, create_doc, "b");
    ck_assert_int_eq(run.err, KDM_ERR_SERVICES_STORAGE_UNKNOWN_COLLECTION);
    run_now(&run, &other, &loop, make_collection, NULL);
    ck_assert_int_eq(run.err, KDM_OK);
    expect_doc(&node, "a", "null");
}
END_TEST

/* Creates a document only if no other says "unique":true: the decision rests on a scan. */
static bool says_unique(void *ctx, struct kdm_str id, struct kdm_val source)
{
    (void)ctx;
    (void)id;
    return kdm_val_type(kdm_val_get(source, KDM_STR("unique"))) == KDM_JSON_TRUE;
}

static enum kdm_outcome create_unique(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc_list found;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets)
        || !kdm_tx_scan(tx, KDM_STR("unique"), assets, true, says_unique, NULL, &found))
        return KDM_WAIT;
    if (found.count > 0)
        return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_DOCUMENT_ALREADY_EXISTS, KDM_PROPS(found.items[0]->id));
    kdm_tx_create(tx, assets, kdm_str_of(ctx), KDM_STR("{\"unique\":true}"), 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

START_TEST(a_decision_that_rests_on_a_scan_is_made_again_when_the_collection_changed)
{
    enum { RIVALS = 20 };
    struct run runs[RIVALS];
    char ids[RIVALS][16];
    int made = 0;

    have_collection();
    for (int i = 0; i < RIVALS; i++) {
        snprintf(ids[i], sizeof(ids[i]), "d%d", i);
        run_begin(&runs[i], i % 2 ? &node : &other, create_unique, ids[i]);
    }
    for (int i = 0; i < RIVALS; i++) {
        run_end(&runs[i], &loop);
        made += runs[i].err == KDM_OK;
    }
    ck_assert_int_eq(made, 1);
}
END_TEST

/* --- m* actions ------------------------------------------------------------------------------ */

static enum kdm_outcome create_many(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    int count = *(int *)ctx, made = 0, existed = 0;
    struct kdm_str *ids = kdm_arena_alloc(kdm_tx_arena(tx), (size_t)count * sizeof(*ids));

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    for (int i = 0; i < count; i++) {
        ids[i] = kdm_arena_printf(kdm_tx_arena(tx), "m%d", i);
        kdm_tx_create(tx, assets, ids[i], KDM_STR("{\"m\":1}"), 0);
    }
    if (!kdm_tx_commit_each(tx))
        return KDM_WAIT;
    for (int i = 0; i < count; i++) {
        const struct kdm_written *written = kdm_tx_written(tx, assets, ids[i]);

        made += written->created;
        existed += written->existed;
    }
    return kdm_tx_reply(tx, kdm_arena_printf(kdm_tx_arena(tx), "%d %d", made, existed));
}

START_TEST(items_of_a_multiple_write_succeed_and_fail_each_by_itself)
{
    struct run run;
    int count = 1200; /* three commits */

    have_collection();
    run_now(&run, &node, &loop, create_doc, "m7");
    run_now(&run, &other, &loop, create_doc, "m700");
    run_now(&run, &node, &loop, create_many, &count);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    ck_assert_str_eq(run.result, "1198 2");
}
END_TEST

/* --- pipes ----------------------------------------------------------------------------------- */

struct slow_pipe {
    uv_timer_t timer;
    struct kdm_event_call *call;
    int calls, ms;
    struct run nested;
    bool nest;
};

static void on_pipe_timer(uv_timer_t *timer)
{
    struct slow_pipe *pipe = timer->data;

    kdm_call_next(pipe->call, KDM_STR_NONE);
}

static void slow_handler(void *self, struct kdm_event_call *call)
{
    struct slow_pipe *pipe = self;

    pipe->calls++;
    pipe->call = call;
    if (pipe->nest)
        run_begin_in(&pipe->nested, &node, add_key, "nested", 5000, kdm_tx_of_call(node.engine, call));
    uv_timer_start(&pipe->timer, on_pipe_timer, (uint64_t)pipe->ms, 0);
}

static enum kdm_outcome add_key_piped(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc *doc;
    struct kdm_str payload;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets)
        || !kdm_tx_claim(tx, assets, KDM_STR("hot"), &doc)
        || !kdm_tx_pipe(tx, KDM_STR("test:asset:before"), KDM_STR_NONE, doc->text, &payload))
        return KDM_WAIT;
    kdm_tx_write(tx, assets, doc,
                 kdm_json_set(kdm_tx_arena(tx), kdm_doc_source(tx, doc), KDM_STR("piped"), KDM_STR("1")),
                 KDM_CHANGE_UPDATE, KDM_STR_NONE, 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

START_TEST(a_before_pipe_may_change_the_same_document_by_a_request_of_its_own)
{
    struct slow_pipe pipe = { .ms = 30, .nest = true };
    struct run run;

    have_collection();
    run_now(&run, &node, &loop, create_doc, "hot");
    uv_timer_init(&loop, &pipe.timer);
    pipe.timer.data = &pipe;
    kdm_bus_on_pipe(node.bus, KDM_STR("test:asset:before"), slow_handler, &pipe, "test");
    run_now(&run, &node, &loop, add_key_piped, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    run_end(&pipe.nested, &loop);
    ck_assert_msg(pipe.nested.err == KDM_OK, "%s", pipe.nested.message);
    ck_assert_int_eq(pipe.calls, 1);
    expect_doc(&node, "hot", "3 {\"n\":0,\"nested\":1,\"piped\":1}");
    uv_close((uv_handle_t *)&pipe.timer, NULL);
}
END_TEST

/* --- jobs ------------------------------------------------------------------------------------ */

/* Writes documents j0..j9, three a chunk. */
static enum kdm_outcome job_chunk(struct kdm_tx *tx, struct kdm_val args, struct kdm_val state)
{
    struct kdm_collection *assets;
    int64_t from = 0, total = 0;

    kdm_val_int64(kdm_val_get(args, KDM_STR("total")), &total);
    kdm_val_int64(state, &from);
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
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

START_TEST(a_job_is_done_in_chunks_and_waited_for)
{
    struct run run;

    kdm_job_register(node.engine, "test", job_chunk);
    have_collection();
    run_now(&run, &node, &loop, start_job, "starter");
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    ck_assert_str_eq(run.result, "done");
    expect_doc(&other, "j9", "1 {\"j\":1}");
    ck_assert_uint_eq(kdm_jobs_running(node.engine), 0);
}
END_TEST

START_TEST(a_job_without_a_living_owner_is_resumed_by_another_node)
{
    int64_t until = kdm_clock_monotonic_ms() + 5000;

    have_collection();
    tell(redis.socket, "HSET kdm:jobs left {\"owner\":\"gone\",\"step\":2,\"lease\":1,\"kind\":\"test\",\"args\":{\"total\":10},\"state\":6}");
    kdm_job_register(other.engine, "test", job_chunk);
    kdm_jobs_resume(other.engine, false);
    do {
        uv_run(&loop, UV_RUN_NOWAIT);
        nap(1);
    } while (kdm_clock_monotonic_ms() < until && kdm_clock_monotonic_ms() < until - 4500);
    expect_doc(&node, "j9", "1 {\"j\":1}");
    expect_doc(&node, "j5", "null");
}
END_TEST

/* --- Redis away -------------------------------------------------------------------------------- */

START_TEST(while_redis_is_away_a_request_ends_with_503_and_works_again_by_itself)
{
    struct run run;

    have_collection();
    run_now(&run, &node, &loop, create_doc, "a");
    kill(redis.pid, SIGSTOP);
    run_begin_in(&run, &node, create_doc, "b", 300, NULL);
    run_end(&run, &loop);
    ck_assert_int_eq(run.status, 503);
    kill(redis.pid, SIGCONT);
    nap(50);
    run_now(&run, &node, &loop, create_doc, "c");
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
}
END_TEST

START_TEST(a_transaction_that_is_released_early_gives_its_place_back)
{
    struct run first, second;

    have_collection();
    run_now(&first, &node, &loop, create_doc, "hot");
    run_begin(&first, &node, add_key, "x");
    run_begin(&second, &node, add_key, "y");
    kdm_tx_release(first.tx);
    run_end(&second, &loop);
    ck_assert_int_eq(second.err, KDM_OK);
    ck_assert(!first.done);
    kdm_arena_fini(&first.arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tx");
    TCase *tcase = tcase_create("tx");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, an_index_and_its_collection_are_made_in_one_commit);
    tcase_add_test(tcase, an_unknown_index_and_an_unknown_collection_are_told_apart);
    tcase_add_test(tcase, a_document_that_is_there_is_not_created_again);
    tcase_add_test(tcase, two_hundred_writers_of_one_document_lose_nothing_on_one_node);
    tcase_add_test(tcase, two_hundred_writers_of_one_document_lose_nothing_on_two_nodes);
    tcase_add_test(tcase, a_collection_deleted_elsewhere_takes_its_documents_along);
    tcase_add_test(tcase, a_decision_that_rests_on_a_scan_is_made_again_when_the_collection_changed);
    tcase_add_test(tcase, items_of_a_multiple_write_succeed_and_fail_each_by_itself);
    tcase_add_test(tcase, a_before_pipe_may_change_the_same_document_by_a_request_of_its_own);
    tcase_add_test(tcase, a_job_is_done_in_chunks_and_waited_for);
    tcase_add_test(tcase, a_job_without_a_living_owner_is_resumed_by_another_node);
    tcase_add_test(tcase, while_redis_is_away_a_request_ends_with_503_and_works_again_by_itself);
    tcase_add_test(tcase, a_transaction_that_is_released_early_gives_its_place_back);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
