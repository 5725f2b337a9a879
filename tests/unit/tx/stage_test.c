/* stage_test.c - what is staged twice, blindly, or after a commit; and scans. */
#include "tenant.h"

/* --- several changes of one document in one run ------------------------------------------------ */

enum step { CREATE, PUT, WRITE, DELETE, DELETE_BLINDLY };

struct plan {
    const char *id;
    enum step steps[4];
    int count;
};

static enum kdm_outcome follow_plan(struct kdm_tx *tx, void *ctx)
{
    const struct plan *plan = ctx;
    struct kdm_str id = kdm_str_of(plan->id);
    struct kdm_collection *assets;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    for (int i = 0; i < plan->count; i++) {
        struct kdm_str text = kdm_arena_printf(kdm_tx_arena(tx), "{\"step\":%d}", i);
        struct kdm_doc *doc = NULL;

        if ((plan->steps[i] == WRITE || plan->steps[i] == DELETE) && !kdm_tx_read(tx, assets, id, &doc))
            return KDM_WAIT;
        switch (plan->steps[i]) {
        case CREATE:
            kdm_tx_create(tx, assets, id, text, 0);
            break;
        case PUT:
            kdm_tx_put(tx, assets, id, text, 0);
            break;
        case WRITE:
            ck_assert_ptr_nonnull(doc);
            kdm_tx_write(tx, assets, doc, text, KDM_CHANGE_UPDATE, KDM_STR_NONE, 0);
            break;
        case DELETE:
            ck_assert_ptr_nonnull(doc);
            kdm_tx_delete(tx, assets, id, doc, 0);
            break;
        case DELETE_BLINDLY:
            kdm_tx_delete(tx, assets, id, NULL, 0);
            break;
        }
    }
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, kdm_arena_printf(kdm_tx_arena(tx), "%d",
                                             (int)kdm_tx_written(tx, assets, id)->version));
}

static const struct {
    struct plan plan;
    const char *then; /* the document, afterwards */
} plans[] = {
    { { "there", { WRITE, WRITE }, 2 }, "2 {\"step\":1}" },
    { { "there", { WRITE, WRITE, WRITE }, 3 }, "2 {\"step\":2}" },
    { { "there", { WRITE, DELETE }, 2 }, "null" },
    { { "there", { DELETE, CREATE }, 2 }, "1 {\"step\":1}" },
    { { "there", { DELETE, CREATE, WRITE }, 3 }, "1 {\"step\":2}" },
    { { "there", { PUT, PUT }, 2 }, "2 {\"step\":1}" },
    { { "there", { WRITE, PUT }, 2 }, "2 {\"step\":1}" },
    { { "there", { DELETE_BLINDLY }, 1 }, "null" },
    { { "new", { CREATE, WRITE }, 2 }, "1 {\"step\":1}" },
    { { "new", { CREATE, PUT }, 2 }, "1 {\"step\":1}" },
    { { "new", { CREATE, WRITE, WRITE }, 3 }, "1 {\"step\":2}" },
    { { "new", { CREATE, DELETE }, 2 }, "null" },
    { { "new", { PUT, WRITE }, 2 }, "1 {\"step\":1}" },
};

START_TEST(changes_of_one_document_in_one_commit_are_one_change)
{
    struct kdm_tx_counts counts;
    struct run run;

    have_doc("there");
    run_now(&run, &node, &loop, follow_plan, (void *)&plans[_i].plan);
    ck_assert_msg(run.err == KDM_OK, "plan %d: %s", _i, run.message);
    expect_doc(&other, plans[_i].plan.id, plans[_i].then);
    kdm_tx_counts(node.engine, &counts);
    ck_assert_uint_eq(counts.conflicts, 0);
}
END_TEST

START_TEST(a_blind_delete_of_nothing_is_told_to_be_absent)
{
    struct plan plan = { "nothing", { DELETE_BLINDLY }, 1 };
    struct run run;

    run_begin_in(&run, &node, follow_plan, &plan, 500, NULL);
    run_end(&run, &loop);
    ck_assert_int_ne(run.err, KDM_OK); /* this action does not look at kdm_tx_known_absent() */
}
END_TEST

/* --- two commits of one action ------------------------------------------------------------------ */

static enum kdm_outcome two_commits(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    kdm_tx_create(tx, assets, KDM_STR("first"), KDM_STR("{}"), 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    kdm_tx_create(tx, assets, KDM_STR("second"), KDM_STR("{}"), 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

static enum kdm_outcome one_twice(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    for (int i = 0; i < 2; i++) {
        kdm_tx_put(tx, assets, KDM_STR("same"), KDM_STR("{}"), 0);
        if (!kdm_tx_commit(tx))
            return KDM_WAIT;
    }
    return kdm_tx_reply(tx, KDM_STR("true"));
}

START_TEST(a_debug_build_finds_two_commits_that_write_one_document)
{
    struct run run;

    run_now(&run, &node, &loop, one_twice, NULL);
}
END_TEST

START_TEST(an_action_may_commit_twice_and_each_commit_is_done_once)
{
    struct run run;

    run_now(&run, &node, &loop, two_commits, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    expect_doc(&other, "first", "1 {}");
    expect_doc(&other, "second", "1 {}");
}
END_TEST

/* --- an index and what lies in it ----------------------------------------------------------------- */

static enum kdm_outcome collection_before_index(struct kdm_tx *tx, void *ctx)
{
    const struct kdm_str index = KDM_STR("later");
    struct kdm_collection *old;
    bool exists;

    (void)ctx;
    if (!kdm_tx_index(tx, index, &exists) || !kdm_tx_find_collection(tx, index, COLL, &old))
        return KDM_WAIT;
    if (old == NULL)
        kdm_tx_set_collection(tx, index, COLL, NULL, KDM_STR("{\"mappings\":{\"dynamic\":\"false\"}}"));
    if (!exists)
        kdm_tx_create_index(tx, index);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

static enum kdm_outcome write_into_later(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    (void)ctx;
    if (!kdm_tx_collection(tx, KDM_STR("later"), COLL, &assets))
        return KDM_WAIT;
    kdm_tx_create(tx, assets, KDM_STR("a"), KDM_STR("{}"), 0);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR("true")) : KDM_WAIT;
}

START_TEST(an_index_may_be_staged_after_what_lies_in_it)
{
    struct run run;

    run_now(&run, &node, &loop, collection_before_index, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    run_now(&run, &other, &loop, write_into_later, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
}
END_TEST

/* --- ids and time -------------------------------------------------------------------------------- */

static enum kdm_outcome make_ids(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_str a = kdm_tx_id(tx, KDM_STR("a")), b = kdm_tx_id(tx, KDM_STR("b"));
    struct kdm_doc *doc;

    (void)ctx;
    ck_assert(!kdm_str_eq(a, b));
    ck_assert(kdm_str_eq(a, kdm_tx_id(tx, KDM_STR("a"))));
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets) || !kdm_tx_read(tx, assets, a, &doc))
        return KDM_WAIT;
    kdm_tx_create(tx, assets, a, kdm_arena_printf(kdm_tx_arena(tx), "{\"at\":%lld}", (long long)kdm_tx_now(tx)),
                  0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, a);
}

START_TEST(a_replay_gets_the_same_ids_another_transaction_others)
{
    struct run first, second;

    run_now(&first, &node, &loop, make_ids, NULL);
    run_now(&second, &node, &loop, make_ids, NULL);
    ck_assert_int_eq(first.err, KDM_OK);
    ck_assert_int_gt(first.runs, 2);
    ck_assert_str_ne(first.result, second.result);
}
END_TEST

#ifdef KDM_DEBUG_REPLAY
static enum kdm_outcome impure(struct kdm_tx *tx, void *ctx)
{
    static int calls; /* what an action must not have */
    struct kdm_collection *assets;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    kdm_tx_create(tx, assets, KDM_STR("x"), kdm_arena_printf(kdm_tx_arena(tx), "{\"n\":%d}", calls++), 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

START_TEST(a_debug_build_finds_an_action_that_is_not_pure)
{
    struct run run;

    run_now(&run, &node, &loop, impure, NULL);
}
END_TEST
#endif

/* --- a collection set along with documents that go each by itself ------------------------------- */

#define MANY 1200 /* three commits */

static enum kdm_outcome grow_and_fill(struct kdm_tx *tx, void *ctx)
{
    static const struct kdm_str grown = KDM_STR("{\"mappings\":{\"dynamic\":\"strict\"}}");
    struct kdm_collection *assets;
    const struct kdm_written *first;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    if (!kdm_str_eq(assets->definition, grown))
        kdm_tx_set_collection(tx, INDEX, COLL, assets, grown);
    for (int i = 0; i < MANY; i++)
        kdm_tx_create(tx, assets, kdm_arena_printf(kdm_tx_arena(tx), "g%d", i), KDM_STR("{}"), 0);
    if (!kdm_tx_commit_each(tx))
        return KDM_WAIT;
    first = kdm_tx_written(tx, assets, KDM_STR("g0"));
    return kdm_tx_reply(tx, first->existed ? KDM_STR("existed") : first->created ? KDM_STR("created") : KDM_STR("?"));
}

static enum kdm_outcome read_definition(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    (void)ctx;
    if (!kdm_tx_refresh_collection(tx, INDEX, COLL) || !kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    return kdm_tx_reply(tx, assets->definition);
}

/* Each is one entry of a feed. */
static long long commits(void)
{
    static const char script[] = "local n = 0 for _, key in ipairs(redis.call('KEYS', '*')) do"
                                 " if redis.call('TYPE', key).ok == 'stream' then n = n + redis.call('XLEN', key) end"
                                 " end return n";
    redisContext *direct = redisConnectUnix(redis.socket);
    redisReply *reply = redisCommand(direct, "EVAL %s 0", script);
    long long count = reply->integer;

    freeReplyObject(reply);
    redisFree(direct);
    return count;
}

static void expect_grown(const char *first)
{
    long long before = commits();
    struct run run;

    run_now(&run, &node, &loop, grow_and_fill, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    ck_assert_str_eq(run.result, first);
    ck_assert_int_eq(commits() - before, 3); /* none for the collection alone */
    for (int i = 1; i < MANY; i += 199) {
        char id[16];

        snprintf(id, sizeof(id), "g%d", i);
        expect_doc(&other, id, "1 {}");
    }
    run_now(&run, &other, &loop, read_definition, NULL);
    ck_assert_str_eq(run.result, "{\"mappings\":{\"dynamic\":\"strict\"}}");
}

START_TEST(a_collection_is_set_with_the_first_of_many_documents)
{
    expect_grown("created");
}
END_TEST

START_TEST(a_collection_is_set_also_when_documents_beside_it_are_in_conflict)
{
    have_doc("g0");
    expect_grown("existed");
    expect_doc(&other, "g0", "1 {\"n\":0}");
}
END_TEST

/* --- scans ----------------------------------------------------------------------------------------- */

static enum kdm_outcome fill(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    const int *from = ctx;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    for (int i = *from; i < *from + 2000; i++)
        kdm_tx_put(tx, assets, kdm_arena_printf(kdm_tx_arena(tx), "s%d", i),
                   kdm_arena_printf(kdm_tx_arena(tx), "{\"n\":%d,\"odd\":%s}", i, i % 2 ? "true" : "false"), 0);
    if (!kdm_tx_commit_each(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

static bool is_odd(void *ctx, struct kdm_str id, struct kdm_val source)
{
    (void)ctx;
    (void)id;
    return kdm_val_type(kdm_val_get(source, KDM_STR("odd"))) == KDM_JSON_TRUE;
}

static enum kdm_outcome count_odd(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc_list found;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets)
        || !kdm_tx_scan(tx, KDM_STR("odd"), assets, ctx != NULL, is_odd, NULL, &found))
        return KDM_WAIT;
    for (size_t i = 1; i < found.count; i++)
        ck_assert_int_lt(kdm_str_cmp(found.items[i - 1]->id, found.items[i]->id), 0);
    if (ctx != NULL) {
        kdm_tx_put(tx, assets, KDM_STR("count"),
                   kdm_arena_printf(kdm_tx_arena(tx), "{\"count\":%zu}", found.count), 0);
        if (!kdm_tx_commit(tx))
            return KDM_WAIT;
    }
    return kdm_tx_reply(tx, kdm_arena_printf(kdm_tx_arena(tx), "%zu", found.count));
}

START_TEST(a_scan_sees_every_document_once_while_the_collection_grows)
{
    enum { FIRST = 4000 };
    struct run scan, writers[8];
    int from[] = { 0, 2000, 10000, 12000, 14000, 16000, 18000, 20000, 22000, 24000 };
    struct run run;

    run_now(&run, &node, &loop, fill, &from[0]);
    run_now(&run, &node, &loop, fill, &from[1]);
    run_begin(&scan, &node, count_odd, NULL);
    for (int i = 0; i < 8; i++) /* the hash is rehashed meanwhile */
        run_begin(&writers[i], &other, fill, &from[2 + i]);
    run_end(&scan, &loop);
    ck_assert_msg(scan.err == KDM_OK, "%s", scan.message);
    ck_assert_int_ge(atoi(scan.result), FIRST / 2);
    for (int i = 0; i < 8; i++) {
        run_end(&writers[i], &loop);
        ck_assert_int_eq(writers[i].err, KDM_OK);
    }
    run_now(&run, &other, &loop, count_odd, NULL);
    ck_assert_int_eq(atoi(run.result), FIRST / 2 + 8000);
}
END_TEST

START_TEST(a_checked_scan_is_right_at_its_commit)
{
    int from[] = { 0, 2000 };
    struct run scan, writer, run;
    char expected[5000];

    run_now(&run, &node, &loop, fill, &from[0]);
    run_begin(&scan, &node, count_odd, "checked");
    run_begin(&writer, &other, fill, &from[1]);
    run_end(&writer, &loop);
    run_end(&scan, &loop);
    ck_assert_msg(scan.err == KDM_OK, "%s", scan.message);
    /* All that was there when it committed: nothing, or 500 at a time, of the writer's. */
    ck_assert_int_eq(atoi(scan.result) % 250, 0);
    snprintf(expected, sizeof(expected), "1 {\"count\":%s}", scan.result);
    expect_doc(&other, "count", expected);
}
END_TEST

#define HEAVY_DOCS 33 /* of 1 MiB: once they are within the limit of a transaction's scans, twice not */

static enum kdm_outcome put_heavy(struct kdm_tx *tx, void *ctx)
{
    const int *number = ctx;
    struct kdm_collection *assets;
    struct kdm_buf text;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    kdm_buf_init(&text, kdm_tx_arena(tx), (1u << 20) + 16);
    kdm_buf_lit(&text, "{\"s\":\"");
    memset(kdm_buf_room(&text, 1u << 20), 'x', 1u << 20);
    text.len += 1u << 20;
    kdm_buf_lit(&text, "\"}");
    kdm_tx_put(tx, assets, kdm_arena_printf(kdm_tx_arena(tx), "h%d", *number), kdm_buf_str(&text),
               0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

/* Scans the collection as often as ctx says. */
static enum kdm_outcome scan_often(struct kdm_tx *tx, void *ctx)
{
    const int *times = ctx;
    struct kdm_collection *assets;
    struct kdm_doc_list found;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    for (int i = 0; i < *times; i++) {
        if (!kdm_tx_scan(tx, kdm_arena_printf(kdm_tx_arena(tx), "%d", i), assets, false, NULL, NULL,
                         &found))
            return KDM_WAIT;
    }
    return kdm_tx_reply(tx, kdm_arena_printf(kdm_tx_arena(tx), "%zu", found.count));
}

START_TEST(the_limit_of_scans_is_that_of_all_scans_of_a_transaction)
{
    struct run run;
    int once = 1, twice = 2;

    for (int i = 0; i < HEAVY_DOCS; i++)
        run_now(&run, &node, &loop, put_heavy, &i);
    run_now(&run, &node, &loop, scan_often, &once);
    ck_assert_int_eq(atoi(run.result), HEAVY_DOCS);
    run_begin(&run, &node, scan_often, &twice);
    run_end(&run, &loop);
    ck_assert_int_eq(run.err, KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stage");
    TCase *tcase = tcase_create("stage");

    tcase_add_checked_fixture(tcase, tenant_setup, tenant_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, changes_of_one_document_in_one_commit_are_one_change, 0,
                        sizeof(plans) / sizeof(plans[0]));
    tcase_add_test(tcase, a_blind_delete_of_nothing_is_told_to_be_absent);
    tcase_add_test(tcase, a_collection_is_set_with_the_first_of_many_documents);
    tcase_add_test(tcase, a_collection_is_set_also_when_documents_beside_it_are_in_conflict);
    tcase_add_test(tcase, an_action_may_commit_twice_and_each_commit_is_done_once);
    tcase_add_test(tcase, an_index_may_be_staged_after_what_lies_in_it);
    tcase_add_test(tcase, a_replay_gets_the_same_ids_another_transaction_others);
#ifdef KDM_DEBUG_REPLAY
    tcase_add_test_raise_signal(tcase, a_debug_build_finds_two_commits_that_write_one_document, SIGABRT);
    tcase_add_test_raise_signal(tcase, a_debug_build_finds_an_action_that_is_not_pure, SIGABRT);
#endif
    tcase_add_test(tcase, a_scan_sees_every_document_once_while_the_collection_grows);
    tcase_add_test(tcase, a_checked_scan_is_right_at_its_commit);
    tcase_add_test(tcase, the_limit_of_scans_is_that_of_all_scans_of_a_transaction);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
