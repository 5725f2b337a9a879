/* resident_test.c - small collections that a node holds: they are what Redis has, whoever writes.
 */
#include "tenant.h"
#include <sys/stat.h>

static int made; /* how often */

static const void *read_number(struct kdm_arena *arena, const struct kdm_doc *doc)
{
    int64_t *number = kdm_arena_zalloc(arena, sizeof(*number));

    made++;
    kdm_val_int64(kdm_val_get(doc->source, KDM_STR("n")), number);
    return number;
}

/* "id:version:sequence:text id:.." of the documents, which come by id. */
static struct kdm_str told(struct kdm_tx *tx, const struct kdm_doc_list *docs)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 256);
    for (size_t i = 0; i < docs->count; i++)
        kdm_buf_printf(&buf, KDM_FMT ":%lld:%llu:" KDM_FMT " ", KDM_ARG(docs->items[i]->id),
                       (long long)docs->items[i]->version,
                       (unsigned long long)docs->items[i]->sequence,
                       KDM_ARG(kdm_val_text(kdm_doc_source(tx, docs->items[i]))));
    return kdm_buf_str(&buf);
}

static enum kdm_outcome tell_all(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc_list docs;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets)
        || !kdm_tx_all(tx, assets, false, read_number, &docs))
        return KDM_WAIT;
    for (size_t i = 0; i < docs.count; i++) {
        int64_t number = 0;

        kdm_val_int64(kdm_val_get(docs.items[i]->source, KDM_STR("n")), &number);
        ck_assert_int_eq(*(const int64_t *)docs.items[i]->made, number);
    }
    return kdm_tx_reply(tx, told(tx, &docs));
}

static enum kdm_outcome tell_scanned(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc_list docs;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets)
        || !kdm_tx_scan(tx, KDM_STR("them"), assets, false, NULL, NULL, &docs))
        return KDM_WAIT;
    return kdm_tx_reply(tx, told(tx, &docs));
}

/* What both nodes hold is what is stored. */
static void expect_truth(void)
{
    struct run at_node, at_other, truth;

    run_now(&at_node, &node, &loop, tell_all, NULL);
    run_now(&at_other, &other, &loop, tell_all, NULL);
    run_now(&truth, &node, &loop, tell_scanned, NULL);
    ck_assert_msg(truth.err == KDM_OK, "%s", truth.message);
    ck_assert_str_eq(at_node.result, truth.result);
    ck_assert_str_eq(at_other.result, truth.result);
}

/* How often Redis has run the command. */
static int calls(const char *command)
{
    redisReply *reply = ask(redis.socket, "INFO commandstats");
    char line[64];
    const char *at;
    int count;

    ck_assert_ptr_nonnull(reply);
    snprintf(line, sizeof(line), "cmdstat_%s:calls=", command);
    at = strstr(reply->str, line);
    count = at == NULL ? 0 : atoi(at + strlen(line));
    freeReplyObject(reply);
    return count;
}

/* --- writers -------------------------------------------------------------------------------------
 */

/* One write, decided on all there is; a blind one does not mind what is written meanwhile. */
struct deed {
    enum { CREATE, PUT, WRITE, DELETE, DELETE_READ, EACH, BLIND, EMPTY, REMAP, MIXED, KINDS } kind;
    int id, n;
};

static bool find(const struct kdm_doc_list *docs, struct kdm_str id)
{
    for (size_t i = 0; i < docs->count; i++) {
        if (kdm_str_eq(docs->items[i]->id, id))
            return true;
    }
    return false;
}

static bool stage(struct kdm_tx *tx, struct kdm_collection *assets, const struct deed *deed,
                  const struct kdm_doc_list *all)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str id = kdm_arena_printf(arena, "d%d", deed->id),
                   more = kdm_arena_printf(arena, "d%d", deed->id + 1),
                   text = kdm_arena_printf(arena, "{\"n\":%d}", deed->n);
    struct kdm_doc *doc;

    switch (deed->kind) {
    case CREATE:
        if (!find(all, id))
            kdm_tx_create(tx, assets, id, text, 0);
        return true;
    case WRITE:
    case DELETE_READ:
        if (!kdm_tx_read(tx, assets, id, &doc))
            return false;
        if (doc != NULL && deed->kind == WRITE)
            kdm_tx_write(tx, assets, doc, text, KDM_CHANGE_UPDATE, KDM_STR_NONE, 0);
        else if (doc != NULL)
            kdm_tx_delete(tx, assets, id, doc, 0);
        return true;
    case DELETE:
        if (find(all, id))
            kdm_tx_delete(tx, assets, id, NULL, 0);
        return true;
    case EMPTY:
        if (deed->n % 5 == 0)
            kdm_tx_truncate(tx, assets);
        return true;
    case REMAP:
        kdm_tx_set_collection(tx, INDEX, COLL, assets, assets->definition);
        return true;
    case MIXED:
        kdm_tx_put(tx, assets, id, text, 0);
        if (find(all, more))
            kdm_tx_delete(tx, assets, more, NULL, 0);
        kdm_tx_set_collection(tx, INDEX, COLL, assets, assets->definition);
        return true;
    case EACH: /* one of them may be there, and then only the other is made */
        kdm_tx_create(tx, assets, more, text, 0);
        kdm_tx_create(tx, assets, id, text, 0);
        return true;
    default:
        kdm_tx_put(tx, assets, more, text, 0);
        kdm_tx_put(tx, assets, id, text, 0);
        return true;
    }
}

static enum kdm_outcome do_deed(struct kdm_tx *tx, void *ctx)
{
    const struct deed *deed = ctx;
    struct kdm_collection *assets;
    struct kdm_doc_list all;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets)
        || !kdm_tx_all(tx, assets, deed->kind != BLIND, read_number, &all)
        || !stage(tx, assets, deed, &all))
        return KDM_WAIT;
    if (deed->kind == EACH ? !kdm_tx_commit_each(tx) : !kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

/* Adds a document that says how many there were before. */
static enum kdm_outcome add_next(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc_list all;
    struct kdm_str id;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets)
        || !kdm_tx_all(tx, assets, true, read_number, &all))
        return KDM_WAIT;
    id = kdm_arena_printf(kdm_tx_arena(tx), "%s", (const char *)ctx);
    kdm_tx_create(tx, assets, id, kdm_arena_printf(kdm_tx_arena(tx), "{\"n\":%zu}", all.count), 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

static void add_at(struct node *at, const char *id)
{
    struct run run;

    run_now(&run, at, &loop, add_next, id);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
}

static void expect_all(struct node *at, const char *expected)
{
    struct run run;

    run_now(&run, at, &loop, tell_all, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    ck_assert_str_eq(run.result, expected);
}

/* --- tests ---------------------------------------------------------------------------------------
 */

START_TEST(what_a_node_has_read_and_written_itself_is_not_read_again)
{
    int before;

    add_at(&node, "a");
    expect_all(&node, "a:1:2:{\"n\":0} ");
    before = calls("hscan");
    made = 0;
    add_at(&node, "b");
    add_at(&node, "c");
    expect_all(&node, "a:1:2:{\"n\":0} b:1:3:{\"n\":1} c:1:4:{\"n\":2} ");
    ck_assert_int_eq(calls("hscan"), before);
    ck_assert_int_eq(made, 2);
}
END_TEST

START_TEST(what_another_node_has_written_is_seen_by_the_next_reading)
{
    add_at(&node, "a");
    expect_all(&other, "a:1:2:{\"n\":0} ");
    add_at(&other, "b");
    expect_all(&node, "a:1:2:{\"n\":0} b:1:3:{\"n\":1} ");
    add_at(&node, "c");
    add_at(&node, "d");
    expect_all(&other, "a:1:2:{\"n\":0} b:1:3:{\"n\":1} c:1:4:{\"n\":2} d:1:5:{\"n\":3} ");
}
END_TEST

/* Whoever loses the race decides again on what the winner has left, so that no number comes twice.
 */
START_TEST(of_decisions_on_all_that_are_made_at_once_each_sees_the_others)
{
    enum { ROUNDS = 20, TOGETHER = 4 };
    struct run run, runs[TOGETHER];
    char ids[TOGETHER][32], number[24];

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < TOGETHER; i++) {
            snprintf(ids[i], sizeof(ids[i]), "r%02d-%d", round, i);
            run_begin(&runs[i], i % 2 == 0 ? &node : &other, add_next, ids[i]);
        }
        for (int i = 0; i < TOGETHER; i++) {
            run_end(&runs[i], &loop);
            ck_assert_msg(runs[i].err == KDM_OK, "%s", runs[i].message);
        }
    }
    expect_truth();
    run_now(&run, &node, &loop, tell_all, NULL);
    for (int i = 0; i < ROUNDS * TOGETHER; i++) {
        snprintf(number, sizeof(number), ":{\"n\":%d} ", i);
        ck_assert_msg(strstr(run.result, number) != NULL, "none has seen %d others", i);
    }
}
END_TEST

/* Every kind of write, on either node, some at once. */
START_TEST(whatever_is_written_where_both_nodes_hold_what_is_stored)
{
    struct run runs[2];
    struct deed deeds[2];

    srand(7);
    for (int round = 0; round < 300; round++) {
        int together = rand() % 4 == 0 ? 2 : 1;

        for (int i = 0; i < together; i++) {
            deeds[i] = (struct deed){ .kind = rand() % KINDS, .id = rand() % 12, .n = round };
            run_begin(&runs[i], rand() % 2 == 0 ? &node : &other, do_deed, &deeds[i]);
        }
        for (int i = 0; i < together; i++) {
            run_end(&runs[i], &loop);
            ck_assert_msg(runs[i].err == KDM_OK, "%s", runs[i].message);
        }
        expect_truth();
    }
}
END_TEST

START_TEST(a_collection_that_was_deleted_and_made_again_is_another)
{
    struct run run;

    add_at(&node, "a");
    expect_all(&node, "a:1:2:{\"n\":0} ");
    run_now(&run, &other, &loop, drop_collection, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    run_now(&run, &node, &loop, tell_all, NULL);
    ck_assert_int_eq(run.err, KDM_ERR_SERVICES_STORAGE_UNKNOWN_COLLECTION);
    run_now(&run, &other, &loop, make_collection, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    expect_all(&node, "");
    add_at(&other, "b");
    expect_all(&node, "b:1:5:{\"n\":0} ");
}
END_TEST

/* A text of a megabyte. */
static enum kdm_outcome put_large(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_buf buf;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    kdm_buf_init(&buf, kdm_tx_arena(tx), 1 << 20);
    kdm_buf_printf(&buf, "{\"n\":\"%0*d\"}", 1 << 20, 0);
    kdm_tx_put(tx, assets, kdm_str_of(ctx), kdm_buf_str(&buf), 0);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR("true")) : KDM_WAIT;
}

static enum kdm_outcome count_all(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc_list docs;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets)
        || !kdm_tx_all(tx, assets, false, read_number, &docs))
        return KDM_WAIT;
    return kdm_tx_reply(tx, kdm_arena_printf(kdm_tx_arena(tx), "%zu", docs.count));
}

START_TEST(what_is_too_large_to_be_held_is_read_each_time)
{
    struct run run;
    char id[2] = "a";

    for (; id[0] < 'j'; id[0]++) {
        run_now(&run, &node, &loop, put_large, id);
        ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    }
    for (int i = 0; i < 2; i++) {
        int before = calls("hscan");

        run_now(&run, &node, &loop, count_all, NULL);
        ck_assert_str_eq(run.result, "9");
        ck_assert_int_gt(calls("hscan"), before);
    }
}
END_TEST

/* Writes past the counter, as nobody does: so it shows whether it is Redis that is read. */
static void write_behind_the_back(const char *value)
{
    const struct kdm_collection *assets = kdm_store_known(node.store, INDEX, COLL);
    redisContext *context = redisConnectUnix(redis.socket);
    redisReply *reply;

    ck_assert_ptr_nonnull(assets);
    reply =
        redisCommand(context, "HSET %b a %s", assets->docs_key.ptr, assets->docs_key.len, value);
    ck_assert_ptr_nonnull(reply);
    freeReplyObject(reply);
    redisFree(context);
}

/* What it answers is in its file. */
static void restart_durable(void)
{
    server_kill(&redis);
    server_start(&redis, "--appendonly", "yes");
    tell(redis.socket, "CONFIG SET appendfsync always");
}

/* In place of the one that the fixture has started. */
static void use_durable_redis(void)
{
    struct run run;

    restart_durable();
    for (int i = 0; i < 300 && (!kdm_store_ready(node.store) || !kdm_store_ready(other.store)); i++)
        turn_for(&loop, 10);
    turn_for(&loop, 100); /* both have seen that it is another */
    run_now(&run, &node, &loop, make_collection, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
}

START_TEST(a_redis_that_was_restarted_is_not_believed_to_have_what_it_had)
{
    use_durable_redis();
    add_at(&node, "a");
    expect_all(&node, "a:1:2:{\"n\":0} ");
    write_behind_the_back("2 1 {\"n\":7}");
    expect_all(&node, "a:1:2:{\"n\":0} "); /* held: the counter is what it was */
    restart_durable();
    expect_all(&node, "a:1:2:{\"n\":7} ");
}
END_TEST

/* Of what Redis has written to its file: as if the machine had gone down with it. */
static void lose_the_last(off_t bytes)
{
    char path[128];
    struct stat file;

    snprintf(path, sizeof(path), "%s/appendonlydir/appendonly.aof.1.incr.aof", redis.dir);
    ck_assert_int_eq(stat(path, &file), 0);
    ck_assert_int_eq(truncate(path, file.st_size - bytes), 0);
}

/* Answers are lost, and commits, whose numbers then go to others. */
START_TEST(whatever_a_killed_redis_has_lost_both_nodes_hold_what_it_has)
{
    enum { ROUNDS = 6, DEEDS = 8 };
    struct run runs[DEEDS];
    struct deed deeds[DEEDS];
    char id[32];

    use_durable_redis();
    srand(11);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 6; i++) {
            snprintf(id, sizeof(id), "r%d-%d", round, i);
            add_at(i % 2 == 0 ? &node : &other, id);
        }
        for (int i = 0; i < DEEDS; i++) {
            deeds[i] = (struct deed){ .kind = rand() % BLIND, .id = rand() % 12, .n = round };
            run_begin(&runs[i], i % 2 == 0 ? &node : &other, do_deed, &deeds[i]);
        }
        for (int i = 0; i < round; i++)
            uv_run(&loop, UV_RUN_NOWAIT);
        server_kill(&redis);
        if (round % 2 == 1)
            lose_the_last(1500);
        restart_durable();
        for (int i = 0; i < DEEDS; i++)
            run_end(&runs[i], &loop);
        expect_truth();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resident");
    TCase *tcase = tcase_create("resident");

    tcase_add_checked_fixture(tcase, tenant_setup, tenant_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, what_a_node_has_read_and_written_itself_is_not_read_again);
    tcase_add_test(tcase, what_another_node_has_written_is_seen_by_the_next_reading);
    tcase_add_test(tcase, of_decisions_on_all_that_are_made_at_once_each_sees_the_others);
    tcase_add_test(tcase, whatever_is_written_where_both_nodes_hold_what_is_stored);
    tcase_add_test(tcase, a_collection_that_was_deleted_and_made_again_is_another);
    tcase_add_test(tcase, what_is_too_large_to_be_held_is_read_each_time);
    tcase_add_test(tcase, a_redis_that_was_restarted_is_not_believed_to_have_what_it_had);
    tcase_add_test(tcase, whatever_a_killed_redis_has_lost_both_nodes_hold_what_it_has);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
