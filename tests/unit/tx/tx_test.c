/* tx_test.c - transactions over a real Redis: replay, conflicts, queues, pipes, on one node and on two. */
#include "tenant.h"

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

    run_now(&run, &other, &loop, create_doc, "a");
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    expect_doc(&node, "a", "1 {\"n\":0}");
    expect_doc(&other, "b", "null");
}
END_TEST

struct place {
    struct kdm_str index, collection;
};

static enum kdm_outcome look_into(struct kdm_tx *tx, void *ctx)
{
    const struct place *place = ctx;
    struct kdm_collection *collection;

    if (!kdm_tx_collection(tx, place->index, place->collection, &collection))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

START_TEST(an_unknown_index_and_an_unknown_collection_are_told_apart)
{
    struct place place = { KDM_STR("nowhere"), COLL };
    struct run run;

    run_now(&run, &node, &loop, look_into, &place);
    ck_assert_int_eq(run.err, KDM_ERR_SERVICES_STORAGE_UNKNOWN_INDEX);
    place = (struct place){ INDEX, KDM_STR("nothing") };
    run_now(&run, &node, &loop, look_into, &place);
    ck_assert_int_eq(run.err, KDM_ERR_SERVICES_STORAGE_UNKNOWN_COLLECTION);
    place.collection = COLL;
    run_now(&run, &node, &loop, look_into, &place);
    ck_assert_int_eq(run.err, KDM_OK);
}
END_TEST

START_TEST(a_document_that_is_there_is_not_created_again)
{
    struct run run;

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

START_TEST(a_collection_deleted_elsewhere_takes_its_documents_along)
{
    struct run run;

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

/* --- Redis away -------------------------------------------------------------------------------- */

START_TEST(while_redis_is_away_a_request_ends_with_503_and_works_again_by_itself)
{
    struct run run;

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

    tcase_add_checked_fixture(tcase, tenant_setup, tenant_teardown);
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
    tcase_add_test(tcase, while_redis_is_away_a_request_ends_with_503_and_works_again_by_itself);
    tcase_add_test(tcase, a_transaction_that_is_released_early_gives_its_place_back);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
