/* fault_test.c - whatever Redis refuses, a commit is done as a whole or not at all.
 * Each kind of commit is sent while one thing is wrong - a command forbidden, a key of the wrong type, memory or disk
 * full, a feed ahead of its index - and the whole keyspace is compared before and after.
 */
#include "world.h"

static uv_loop_t loop;
static struct server redis;
static struct node node;
static redisContext *admin;
static struct kdm_collection *one, *two; /* of two indexes */
static struct kdm_collection *spare;     /* of the first, to be deleted */
static uint64_t sequence_a;              /* of document "a" in `one` */

/* --- the keyspace -------------------------------------------------------------------------- */

struct entry {
    char *key, *value;
    size_t value_len;
    long long ttl;
};

struct keyspace {
    struct entry entries[64];
    size_t count;
};

static int by_key(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

static void keyspace_take(struct keyspace *space)
{
    redisReply *keys = redisCommand(admin, "KEYS *");

    ck_assert_ptr_nonnull(keys);
    ck_assert_uint_le(keys->elements, 64);
    space->count = keys->elements;
    for (size_t i = 0; i < keys->elements; i++) {
        redisReply *value = redisCommand(admin, "DUMP %s", keys->element[i]->str);
        struct entry *entry = &space->entries[i];

        entry->key = strdup(keys->element[i]->str);
        entry->value_len = value->len;
        entry->value = malloc(value->len);
        memcpy(entry->value, value->str, value->len);
        entry->ttl = redis_number(admin, "PTTL %s", entry->key) > 0;
        freeReplyObject(value);
    }
    freeReplyObject(keys);
    qsort(space->entries, space->count, sizeof(struct entry), by_key);
}

static void keyspace_free(struct keyspace *space)
{
    for (size_t i = 0; i < space->count; i++) {
        free(space->entries[i].key);
        free(space->entries[i].value);
    }
    space->count = 0;
}

static const char *difference(const struct keyspace *a, const struct keyspace *b)
{
    if (a->count != b->count)
        return "other keys";
    for (size_t i = 0; i < a->count; i++) {
        const struct entry *x = &a->entries[i], *y = &b->entries[i];

        if (strcmp(x->key, y->key) != 0 || x->ttl != y->ttl || x->value_len != y->value_len
            || memcmp(x->value, y->value, x->value_len) != 0)
            return x->key;
    }
    return NULL;
}

static void keyspace_restore(const struct keyspace *space)
{
    freeReplyObject(redisCommand(admin, "FLUSHALL"));
    for (size_t i = 0; i < space->count; i++) {
        const struct entry *entry = &space->entries[i];

        freeReplyObject(
            redisCommand(admin, "RESTORE %s 0 %b", entry->key, entry->value, entry->value_len));
    }
}

/* --- kinds of commits ------------------------------------------------------------------------ */

static void create_one(struct kdm_commit *commit)
{
    put(commit, one, "new", "{\"n\":1}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
}

static void update_one(struct kdm_commit *commit)
{
    put(commit, one, "a", "{\"n\":2}", KDM_EXPECT_SEQUENCE, sequence_a, 2, KDM_CHANGE_UPDATE, 0);
}

static void update_and_create(struct kdm_commit *commit)
{
    update_one(commit);
    put(commit, spare, "new", "{\"n\":1}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 1);
}

/* One more than what the script does by its short way. */
static void write_three(struct kdm_commit *commit)
{
    update_and_create(commit);
    create_one(commit);
}

static void put_blindly(struct kdm_commit *commit)
{
    put(commit, one, "a", "{\"n\":3}", KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
}

static void delete_one(struct kdm_commit *commit)
{
    put(commit, one, "a", NULL, KDM_EXPECT_PRESENT, 0, 0, KDM_CHANGE_DELETE, 0);
}

static void write_and_delete(struct kdm_commit *commit)
{
    create_one(commit);
    delete_one(commit);
}

static void write_two_indexes(struct kdm_commit *commit)
{
    create_one(commit);
    put(commit, two, "new", "{\"n\":1}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 1);
    put(commit, two, "b", NULL, KDM_EXPECT_PRESENT, 0, 0, KDM_CHANGE_DELETE, 2);
}

static void read_one_write_two(struct kdm_commit *commit)
{
    kdm_commit_check_doc(commit, one, KDM_STR("a"), sequence_a, 0);
    put(commit, two, "new", "{\"n\":1}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 1);
}

static void make_collection(struct kdm_commit *commit)
{
    kdm_commit_set_collection(commit, KDM_STR("one"), KDM_STR("more"), NULL, DEFINITION);
    create_one(commit);
}

static void change_mapping(struct kdm_commit *commit)
{
    kdm_commit_set_collection(commit, KDM_STR("one"), KDM_STR("assets"), one, DEFINITION);
}

static void drop_collection(struct kdm_commit *commit)
{
    kdm_commit_delete_collection(commit, spare);
    create_one(commit);
}

static void empty_collection(struct kdm_commit *commit)
{
    kdm_commit_truncate(commit, spare);
}

static void make_index(struct kdm_commit *commit)
{
    kdm_commit_create_index(commit, KDM_STR("three"));
    kdm_commit_set_collection(commit, KDM_STR("three"), KDM_STR("assets"), NULL, DEFINITION);
    create_one(commit);
}

static void drop_index(struct kdm_commit *commit)
{
    kdm_commit_delete_index(commit, KDM_STR("one"));
}

static void drop_index_and_write(struct kdm_commit *commit)
{
    put(commit, two, "new", "{\"n\":1}", KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 1);
    kdm_commit_delete_index(commit, KDM_STR("one"));
}

static void store_job(struct kdm_commit *commit)
{
    create_one(commit);
    kdm_commit_job(commit, KDM_STR("%kdm"), KDM_STR("new"), KDM_STR(""), KDM_STR("{}"));
}

static void end_job(struct kdm_commit *commit)
{
    create_one(commit);
    kdm_commit_job(commit, KDM_STR("%kdm"), KDM_STR("old"), KDM_STR("{"), KDM_STR(""));
}

static void say_something(struct kdm_commit *commit)
{
    kdm_commit_message(commit, KDM_MESSAGE_PUBLISHED, KDM_STR("one"), KDM_STR("assets"), KDM_STR(""), KDM_STR("{}"));
}

static void say_something_nowhere(struct kdm_commit *commit)
{
    kdm_commit_message(commit, KDM_MESSAGE_JOINS, KDM_STR("nowhere"), KDM_STR("c"), KDM_STR("room"), KDM_STR("{}"));
}

static void say_something_and_make_index(struct kdm_commit *commit)
{
    kdm_commit_message(commit, KDM_MESSAGE_PUBLISHED, KDM_STR("three"), KDM_STR("c"), KDM_STR(""), KDM_STR("{}"));
    make_index(commit);
}

static const struct {
    const char *name;
    void (*fill)(struct kdm_commit *commit);
} kinds[] = {
    { "create", create_one },
    { "update", update_one },
    { "update and create", update_and_create },
    { "write three", write_three },
    { "put", put_blindly },
    { "delete", delete_one },
    { "write and delete", write_and_delete },
    { "two indexes", write_two_indexes },
    { "read one, write two", read_one_write_two },
    { "make collection", make_collection },
    { "change mapping", change_mapping },
    { "drop collection", drop_collection },
    { "empty collection", empty_collection },
    { "make index", make_index },
    { "drop index", drop_index },
    { "drop index and write", drop_index_and_write },
    { "store job", store_job },
    { "end job", end_job },
    { "message", say_something },
    { "message in no index", say_something_nowhere },
    { "message and make index", say_something_and_make_index },
};
#define KINDS ((int)(sizeof(kinds) / sizeof(kinds[0])))

/* --- the world ------------------------------------------------------------------------------- */

static void setup(void)
{
    struct kdm_commit *commit;
    redisReply *reply;

    uv_loop_init(&loop);
    server_open(&redis, "--enable-protected-configs", "yes");
    tell(redis.socket, "ACL SETUSER admin on >admin ~* &* +@all");
    admin = look_in(&redis);
    reply = redisCommand(admin, "AUTH admin admin");
    ck_assert_int_eq(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    node_start(&node, &loop, redis.url, "node-a");
    kdm_janitor_stop(node.store->janitor); /* it would write too */
    kdm_janitor_destroy(node.store->janitor);
    node.store->janitor = NULL;
    one = have_collection(&node, "one", "assets");
    spare = have_collection(&node, "one", "spare");
    two = have_collection(&node, "two", "assets");
    sequence_a = create_doc(&node, one, "a", "{\"n\":0}");
    create_doc(&node, spare, "s", "{}");
    create_doc(&node, two, "b", "{}");
    commit = kdm_commit_create(node.store, KDM_COMMIT_ALL);
    kdm_commit_job(commit, KDM_STR("%kdm"), KDM_STR("old"), KDM_STR(""), KDM_STR("{}"));
    commit_done(&node, commit);
}

static void teardown(void)
{
    kdm_collection_unref(one);
    kdm_collection_unref(two);
    kdm_collection_unref(spare);
    redisFree(admin);
    node_stop(&node);
    loop_end(&loop);
    server_kill(&redis);
}

static const char *const names[] = { "one", "two", "three", "%kdm", "nowhere" };
#define NAMES ((int)(sizeof(names) / sizeof(names[0])))

static long long sequence_of(const char *name)
{
    struct kdm_index *index = kdm_store_index(node.store, kdm_str_of(name));
    redisReply *reply = redisCommand(admin, "HGET %s q", z(index->meta_key));
    long long sequence = reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10) : 0;

    freeReplyObject(reply);
    return sequence;
}

/* The sequences that were told are the stored ones, and where one grew the feed has its entry. */
static void expect_whole(const char *what, const struct outcome *outcome, const long long *before)
{
    for (size_t i = 0; i < outcome->sequence_count; i++) {
        struct kdm_index *index = kdm_store_index(node.store, kdm_str_of(outcome->indexes[i]));
        char id[32];
        int n = 0;

        while (n < NAMES && strcmp(names[n], outcome->indexes[i]) != 0)
            n++;
        ck_assert_int_lt(n, NAMES);
        ck_assert_int_eq(sequence_of(names[n]), (long long)outcome->sequences[i]);
        if ((long long)outcome->sequences[i] == before[n])
            continue; /* only read */
        snprintf(id, sizeof(id), "%llu-0", (unsigned long long)outcome->sequences[i]);
        ck_assert_msg(redis_number(admin, "XRANGE %s %s %s", z(index->feed_key), id, id) == 1,
                      "%s: no entry in the feed", what);
    }
}

/* Sends each kind of commit while something is wrong; returns how many were refused. */
static int send_all(const char *wrong, const struct keyspace *base)
{
    int refused = 0;

    for (int i = 0; i < KINDS; i++) {
        struct kdm_commit *commit = kdm_commit_create(node.store, KDM_COMMIT_ALL);
        struct keyspace before = { 0 }, after = { 0 };
        struct outcome outcome;
        long long sequences[NAMES];
        const char *changed;
        char what[128];

        snprintf(what, sizeof(what), "%s, %s", wrong, kinds[i].name);
        kinds[i].fill(commit);
        for (int n = 0; n < NAMES; n++)
            sequences[n] = sequence_of(names[n]);
        keyspace_take(&before);
        commit_now(&node, commit, &outcome);
        keyspace_take(&after);
        changed = difference(&before, &after);
        if (outcome.outcome == KDM_COMMITTED) {
            ck_assert_msg(changed != NULL, "%s: nothing was written", what);
            expect_whole(what, &outcome, sequences);
            if (base != NULL)
                keyspace_restore(&before);
        } else {
            refused++;
            ck_assert_msg(outcome.outcome == KDM_COMMIT_REFUSED || outcome.outcome == KDM_COMMIT_CONFLICT,
                          "%s: outcome %d", what, (int)outcome.outcome);
            ck_assert_msg(changed == NULL, "%s: %s was changed", what, changed);
        }
        keyspace_free(&before);
        keyspace_free(&after);
    }
    return refused;
}

START_TEST(without_a_fault_all_kinds_of_commits_are_done)
{
    struct keyspace base = { 0 };

    keyspace_take(&base);
    ck_assert_int_eq(send_all("nothing wrong", &base), 0);
    keyspace_free(&base);
}
END_TEST

static const struct {
    const char *command;
    bool needed; /* by all kinds */
} commands[] = { { "hmget", true },   { "hget", false },   { "hexists", false }, { "hgetall", false },
                 { "exists", false }, { "xinfo", false },  { "hset", true },     { "xadd", true },
                 { "hdel", false },   { "unlink", false }, { "pexpire", false }, { "persist", false },
                 { "pttl", false },   { "evalsha", true } };

START_TEST(a_forbidden_command_leaves_nothing_half_done)
{
    struct keyspace base = { 0 };
    redisReply *reply;
    int refused;

    keyspace_take(&base);
    reply = redisCommand(admin, "ACL SETUSER default -%s", commands[_i].command);
    ck_assert_int_eq(reply->type, REDIS_REPLY_STATUS);
    freeReplyObject(reply);
    refused = send_all(commands[_i].command, &base);
    ck_assert_int_gt(refused, 0);
    if (commands[_i].needed)
        ck_assert_int_eq(refused, KINDS);
    keyspace_free(&base);
}
END_TEST

START_TEST(who_may_not_publish_may_commit)
{
    struct keyspace base = { 0 };

    keyspace_take(&base);
    freeReplyObject(redisCommand(admin, "ACL SETUSER default -publish"));
    ck_assert_int_eq(send_all("publish", &base), 0);
    freeReplyObject(redisCommand(admin, "ACL SETUSER default +publish resetchannels"));
    ck_assert_int_eq(send_all("channels", &base), 0);
    keyspace_free(&base);
}
END_TEST

START_TEST(a_key_of_the_wrong_type_leaves_nothing_half_done)
{
    struct keyspace base = { 0 };
    struct kdm_index *jobs = kdm_store_index(node.store, KDM_STR("%kdm"));
    struct kdm_index *three = kdm_store_index(node.store, KDM_STR("three"));
    struct kdm_str keys[] = {
        one->index->meta_key, one->index->catalogue_key, one->index->feed_key, one->docs_key,
        two->index->meta_key, two->index->catalogue_key, two->index->feed_key, two->docs_key,
        spare->docs_key,      jobs->meta_key,            jobs->feed_key,       three->meta_key,
        three->feed_key,      three->catalogue_key,      KDM_STR("kdm:indexes"), KDM_STR("kdm:jobs"),
    };
    static const char *const wrong[] = { "SET %s text", "RPUSH %s item" };

    keyspace_take(&base);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        for (size_t w = 0; w < 2; w++) {
            freeReplyObject(redisCommand(admin, "DEL %s", z(keys[i])));
            freeReplyObject(redisCommand(admin, wrong[w], z(keys[i])));
            send_all(z(keys[i]), &base);
            keyspace_restore(&base);
        }
    }
    keyspace_free(&base);
}
END_TEST

START_TEST(a_feed_ahead_of_its_index_leaves_nothing_half_done)
{
    struct keyspace base = { 0 };
    struct kdm_collection *which[] = { one, two };

    keyspace_take(&base);
    for (int i = 0; i < 2; i++) {
        const char *feed = z(which[i]->index->feed_key);

        freeReplyObject(redisCommand(admin, "XADD %s 99999-0 e {}", feed));
        ck_assert_int_gt(send_all("feed ahead", &base), 0);
        freeReplyObject(redisCommand(admin, "XDEL %s 99999-0", feed));
        ck_assert_int_gt(send_all("feed ahead, its entry gone", &base), 0);
        freeReplyObject(redisCommand(admin, "XTRIM %s MAXLEN 0", feed));
        ck_assert_int_gt(send_all("feed ahead and empty", &base), 0);
        keyspace_restore(&base);
    }
    keyspace_free(&base);
}
END_TEST

START_TEST(damaged_fields_leave_nothing_half_done)
{
    struct keyspace base = { 0 };
    static const char *const fields[] = { "q", "i", "c:assets", "c:spare", "c:other", "w:assets" };

    keyspace_take(&base);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        for (int empty = 0; empty < 2; empty++) {
            freeReplyObject(redisCommand(admin, "HSET %s %s %s", z(one->index->meta_key), fields[i],
                                         empty ? "" : "?"));
            send_all(fields[i], &base);
            keyspace_restore(&base);
        }
    }
    freeReplyObject(redisCommand(admin, "HSET %s a garbage", z(one->docs_key)));
    send_all("a damaged document", &base);
    keyspace_free(&base);
}
END_TEST

START_TEST(when_memory_is_full_nothing_is_written_and_the_client_is_told)
{
    struct kdm_commit *commit;
    struct outcome outcome;

    freeReplyObject(redisCommand(admin, "CONFIG SET maxmemory 1"));
    ck_assert_int_eq(send_all("memory full", NULL), KINDS);
    commit = kdm_commit_create(node.store, KDM_COMMIT_ALL);
    create_one(commit);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.err, KDM_ERR_SERVICES_STORAGE_DISK_FULL);
    ck_assert_int_eq(get_now(&node, one, "a").err, KDM_OK); /* reads go on */
    freeReplyObject(redisCommand(admin, "CONFIG SET maxmemory 0"));
    create_doc(&node, one, "again", "{}");
}
END_TEST

START_TEST(when_the_disk_is_full_nothing_is_written_and_the_client_is_told)
{
    struct kdm_commit *commit;
    struct outcome outcome;
    redisReply *reply;
    bool failed = false;

    freeReplyObject(redisCommand(admin, "CONFIG SET save %s", "1000 1000"));
    freeReplyObject(redisCommand(admin, "CONFIG SET dir /proc/self"));
    freeReplyObject(redisCommand(admin, "BGSAVE"));
    for (int i = 0; i < 300 && !failed; i++) {
        reply = redisCommand(admin, "INFO persistence");
        failed = strstr(reply->str, "rdb_last_bgsave_status:err") != NULL;
        freeReplyObject(reply);
        nap(10);
    }
    ck_assert_msg(failed, "the save did not fail");
    ck_assert_int_eq(send_all("disk full", NULL), KINDS);
    commit = kdm_commit_create(node.store, KDM_COMMIT_ALL);
    create_one(commit);
    commit_now(&node, commit, &outcome);
    ck_assert_int_eq(outcome.err, KDM_ERR_SERVICES_STORAGE_DISK_FULL);
    ck_assert_int_eq(get_now(&node, one, "a").err, KDM_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fault");
    TCase *tcase = tcase_create("fault");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, without_a_fault_all_kinds_of_commits_are_done);
    tcase_add_loop_test(tcase, a_forbidden_command_leaves_nothing_half_done, 0,
                        sizeof(commands) / sizeof(commands[0]));
    tcase_add_test(tcase, who_may_not_publish_may_commit);
    tcase_add_test(tcase, a_key_of_the_wrong_type_leaves_nothing_half_done);
    tcase_add_test(tcase, a_feed_ahead_of_its_index_leaves_nothing_half_done);
    tcase_add_test(tcase, damaged_fields_leave_nothing_half_done);
    tcase_add_test(tcase, when_memory_is_full_nothing_is_written_and_the_client_is_told);
    tcase_add_test(tcase, when_the_disk_is_full_nothing_is_written_and_the_client_is_told);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
