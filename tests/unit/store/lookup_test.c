/* lookup_test.c - reading: the catalogue, documents, pages of a collection, figures. */
#include "single.h"

static int64_t soon(void)
{
    return kdm_clock_monotonic_ms() + TIMEOUT_MS;
}

/* --- collections ------------------------------------------------------------------------------ */

START_TEST(an_absent_index_and_an_absent_collection_are_told_apart)
{
    struct found found = lookup_now(&node, "tenant", "assets");

    ck_assert(!found.index_exists);
    ck_assert_ptr_null(found.collection);
    kdm_collection_unref(have_collection(&node, "tenant", "other"));
    found = lookup_now(&node, "tenant", "assets");
    ck_assert(found.index_exists);
    ck_assert_ptr_null(found.collection);
}
END_TEST

START_TEST(what_was_looked_up_is_known_until_it_is_forgotten)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct found again;

    turn_for(&loop, 50); /* the bell of its making has rung */
    kdm_collection_unref(c);
    c = lookup_now(&node, "tenant", "assets").collection;
    again = lookup_now(&node, "tenant", "assets");
    ck_assert_ptr_eq(again.collection, c); /* the same entry while nothing changed */
    ck_assert_ptr_eq(kdm_store_known(node.store, KDM_STR("tenant"), KDM_STR("assets")), c);
    ck_assert_ptr_null(kdm_store_known(node.store, KDM_STR("tenant"), KDM_STR("asset")));
    kdm_store_forget(node.store, KDM_STR("tenant"), KDM_STR("assets"));
    ck_assert_ptr_null(kdm_store_known(node.store, KDM_STR("tenant"), KDM_STR("assets")));
    kdm_collection_unref(again.collection);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(asking_for_names_that_do_not_exist_leaves_nothing_behind)
{
    for (int i = 0; i < 200; i++) {
        char name[24];

        snprintf(name, sizeof(name), "nothing-%d", i);
        ck_assert(!lookup_now(&node, name, "assets").index_exists);
    }
    ck_assert_uint_eq(kdm_table_count(node.store->indexes), 0);
    ck_assert_uint_eq(kdm_table_count(node.store->collections), 0);
}
END_TEST

START_TEST(names_too_long_to_exist_are_absent)
{
    char name[2000];

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    ck_assert(!lookup_now(&node, name, name).index_exists);
    ck_assert_ptr_null(kdm_store_known(node.store, kdm_str_of(name), kdm_str_of(name)));
    kdm_store_forget(node.store, kdm_str_of(name), kdm_str_of(name));
}
END_TEST

START_TEST(a_collection_that_was_deleted_is_forgotten_by_the_next_look)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");

    freeReplyObject(redisCommand(direct, "HDEL %s c:assets", z(c->index->meta_key)));
    ck_assert_ptr_null(lookup_now(&node, "tenant", "assets").collection);
    ck_assert_ptr_null(kdm_store_known(node.store, KDM_STR("tenant"), KDM_STR("assets")));
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_definition_that_can_not_be_read_is_no_collection)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    static const char *const damaged[] = { "", "{", "[]", "{\"mappings\":7}" };

    for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++) {
        struct found found;

        freeReplyObject(redisCommand(direct, "HSET %s assets %s", z(c->index->catalogue_key), damaged[i]));
        freeReplyObject(redisCommand(direct, "HSET %s c:assets %s%s", z(c->index->meta_key), z(c->check), "9"));
        found = lookup_now(&node, "tenant", "assets");
        ck_assert_int_eq(found.err, KDM_OK);
        kdm_collection_unref(found.collection);
    }
    freeReplyObject(redisCommand(direct, "HSET %s c:assets nonsense", z(c->index->meta_key)));
    ck_assert_ptr_null(lookup_now(&node, "tenant", "assets").collection);
    kdm_collection_unref(c);
}
END_TEST

struct listed {
    int done;
    bool exists;
    size_t count;
};

static void on_list(void *ctx, enum kdm_err err, bool index_exists, struct kdm_collection *const *collections,
                    size_t count)
{
    struct listed *listed = ctx;

    (void)collections;
    ck_assert_int_eq(err, KDM_OK);
    listed->done++;
    listed->exists = index_exists;
    listed->count = count;
}

START_TEST(all_collections_of_an_index_are_listed)
{
    struct listed listed = { 0 };

    for (int i = 0; i < 40; i++) {
        char name[16];

        snprintf(name, sizeof(name), "c%d", i);
        kdm_collection_unref(have_collection(&node, "tenant", name));
    }
    kdm_store_list_collections(node.store, KDM_STR("tenant"), soon(), on_list, &listed);
    turn_until(&loop, &listed.done, 1, TIMEOUT_MS);
    ck_assert(listed.exists);
    ck_assert_uint_eq(listed.count, 40);
    kdm_store_list_collections(node.store, KDM_STR("nothing"), soon(), on_list, &listed);
    turn_until(&loop, &listed.done, 2, TIMEOUT_MS);
    ck_assert(!listed.exists);
    ck_assert_uint_eq(listed.count, 0);
}
END_TEST

/* --- values ------------------------------------------------------------------------------------ */

START_TEST(values_come_in_the_order_they_were_asked_for)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_str ids[600];
    static char names[600][8];
    struct values got = { 0 };

    create_doc(&node, c, "d0", "{\"first\":1}");
    for (int i = 0; i < 600; i++) {
        snprintf(names[i], sizeof(names[i]), "d%d", i % 1000);
        ids[i] = kdm_str_of(names[i]);
    }
    kdm_store_get(node.store, c, ids, 600, soon(), on_values, &got);
    turn_until(&loop, &got.done, 1, TIMEOUT_MS);
    ck_assert_uint_eq(got.count, 600);
    ck_assert_ptr_nonnull(strstr(got.text, "{\"first\":1}"));
    kdm_collection_unref(c);
}
END_TEST

START_TEST(a_stored_value_is_taken_apart_or_refused)
{
    struct kdm_stored stored;
    static const char *const wrong[] = { "", " ", "1", "1 ", "1 2", "x 2 {}", "1 y {}", "1  {}" };

    ck_assert(kdm_stored_parse(KDM_STR("12 3 {\"a b\":1}"), &stored));
    ck_assert_uint_eq(stored.sequence, 12);
    ck_assert_int_eq(stored.version, 3);
    ck_assert(kdm_str_eq(stored.text, KDM_STR("{\"a b\":1}")));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!kdm_stored_parse(kdm_str_of(wrong[i]), &stored), "\"%s\"", wrong[i]);
}
END_TEST

START_TEST(indexes_their_state_and_figures_can_be_asked_for)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct values got = { 0 };

    kdm_store_list_indexes(node.store, soon(), on_values, &got);
    turn_until(&loop, &got.done, 1, TIMEOUT_MS);
    ck_assert_uint_eq(got.count, 1);
    ck_assert_str_eq(got.text, "tenant");
    kdm_store_index_state(node.store, KDM_STR("tenant"), soon(), on_values, &got);
    turn_until(&loop, &got.done, 2, TIMEOUT_MS);
    ck_assert_uint_eq(strlen(got.text), KDM_DOC_ID_LEN);
    kdm_store_index_state(node.store, KDM_STR("nothing"), soon(), on_values, &got);
    turn_until(&loop, &got.done, 3, TIMEOUT_MS);
    ck_assert(got.absent);
    create_doc(&node, c, "a", "{}");
    kdm_store_size(node.store, c, soon(), on_values, &got);
    turn_until(&loop, &got.done, 4, TIMEOUT_MS);
    ck_assert_uint_eq(got.count, 2);
    ck_assert_str_eq(got.text, "1");
    kdm_collection_unref(c);
}
END_TEST

/* --- pages ---------------------------------------------------------------------------------------- */

struct scanned {
    int done;
    uint64_t cursor;
    int seen[3000];
    size_t greatest_page, pages;
};

static void on_page(void *ctx, enum kdm_err err, uint64_t next_cursor, const struct kdm_str *values, size_t count)
{
    struct scanned *scanned = ctx;
    size_t bytes = 0;

    ck_assert_int_eq(err, KDM_OK);
    for (size_t i = 0; i + 1 < count; i += 2) {
        int n;

        ck_assert_int_eq(sscanf(values[i].ptr, "d%d", &n), 1);
        scanned->seen[n]++;
        bytes += values[i].len + values[i + 1].len;
    }
    if (bytes > scanned->greatest_page)
        scanned->greatest_page = bytes;
    scanned->pages++;
    scanned->cursor = next_cursor;
    scanned->done++;
}

static void scan_all(const struct kdm_collection *c, int documents, struct scanned *scanned)
{
    memset(scanned, 0, sizeof(*scanned));
    do {
        int turns = scanned->done;

        kdm_store_scan(node.store, c, scanned->cursor, soon(), on_page, scanned);
        turn_until(&loop, &scanned->done, turns + 1, TIMEOUT_MS);
        ck_assert_int_eq(scanned->done, turns + 1);
    } while (scanned->cursor != 0);
    for (int i = 0; i < documents; i++)
        ck_assert_int_ge(scanned->seen[i], 1);
}

static void fill(const struct kdm_collection *c, int documents, size_t size)
{
    char *text = kdm_malloc(size + 1);

    memset(text, 'x', size);
    for (int i = 0; i < documents; i++)
        freeReplyObject(redisCommand(direct, "HSET %s d%d %b", z(c->docs_key), i, text, size));
    free(text);
}

START_TEST(small_documents_come_in_few_pages)
{
    static struct scanned scanned;
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");

    fill(c, 3000, 100);
    scan_all(c, 3000, &scanned);
    ck_assert_uint_le(scanned.pages, 12);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(pages_of_large_documents_are_bounded_by_bytes)
{
    static struct scanned scanned;
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");

    fill(c, 300, 200000);
    scan_all(c, 300, &scanned);
    ck_assert_uint_le(scanned.greatest_page, 32 * 200000); /* the first page does not know yet */
    scan_all(c, 300, &scanned);
    ck_assert_uint_le(scanned.greatest_page, 3 << 20);
    kdm_collection_unref(c);
}
END_TEST

START_TEST(while_redis_is_away_every_read_ends_at_its_deadline)
{
    struct kdm_collection *c = have_collection(&node, "tenant", "assets");
    struct kdm_str id = KDM_STR("a");
    struct found found = { 0 };
    struct values got = { 0 };

    server_kill(&redis);
    turn_for(&loop, 50);
    kdm_store_get(node.store, c, &id, 1, kdm_clock_monotonic_ms() + 200, on_values, &got);
    kdm_store_lookup(node.store, KDM_STR("tenant"), KDM_STR("assets"), kdm_clock_monotonic_ms() + 200, on_lookup,
                     &found);
    turn_until(&loop, &got.done, 1, 1000);
    turn_until(&loop, &found.done, 1, 1000);
    ck_assert_int_eq(got.err, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED);
    ck_assert_int_eq(found.err, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED);
    kdm_collection_unref(c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lookup");
    TCase *tcase = tcase_create("lookup");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, an_absent_index_and_an_absent_collection_are_told_apart);
    tcase_add_test(tcase, what_was_looked_up_is_known_until_it_is_forgotten);
    tcase_add_test(tcase, asking_for_names_that_do_not_exist_leaves_nothing_behind);
    tcase_add_test(tcase, names_too_long_to_exist_are_absent);
    tcase_add_test(tcase, a_collection_that_was_deleted_is_forgotten_by_the_next_look);
    tcase_add_test(tcase, a_definition_that_can_not_be_read_is_no_collection);
    tcase_add_test(tcase, all_collections_of_an_index_are_listed);
    tcase_add_test(tcase, values_come_in_the_order_they_were_asked_for);
    tcase_add_test(tcase, a_stored_value_is_taken_apart_or_refused);
    tcase_add_test(tcase, indexes_their_state_and_figures_can_be_asked_for);
    tcase_add_test(tcase, small_documents_come_in_few_pages);
    tcase_add_test(tcase, pages_of_large_documents_are_bounded_by_bytes);
    tcase_add_test(tcase, while_redis_is_away_every_read_ends_at_its_deadline);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
