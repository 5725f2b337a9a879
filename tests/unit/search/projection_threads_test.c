/* projection_threads_test.c - what is promised about time: old news, remapping, threads. */
#include "base/hash.h"
#include "search/aggs.h"
#include "search/projection.h"
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static struct kdm_arena arena, scratch;
static struct kdm_hash_seed seed = { 7, 8 };
static struct kdm_mapping *mapping;
static struct kdm_projection *projection;

static struct kdm_mapping *mapping_of(const char *text)
{
    struct kdm_failure failure = { 0 };
    struct kdm_mapping *made =
        kdm_mapping_create(&arena, kdm_json_parse(&arena, kdm_str_of(text)), &failure);

    ck_assert(made != NULL);
    return made;
}

static void setup(void)
{
    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 65536);
    kdm_arena_init(&scratch, 65536);
    mapping =
        mapping_of("{\"properties\":{\"k\":{\"type\":\"keyword\"},\"u\":{\"type\":\"keyword\"},"
                   "\"n\":{\"type\":\"long\"},\"t\":{\"type\":\"text\"}}}");
    projection = kdm_projection_create(mapping, &seed);
}

static void teardown(void)
{
    kdm_projection_destroy(projection);
    kdm_mapping_unref(mapping);
    kdm_arena_fini(&arena);
    kdm_arena_fini(&scratch);
}

static bool put(const char *id, const char *source, uint64_t sequence)
{
    bool done = kdm_projection_put(projection, &scratch, kdm_str_of(id),
                                   kdm_json_parse(&scratch, kdm_str_of(source)), sequence);

    kdm_arena_reset(&scratch);
    return done;
}

static uint64_t total_by(const struct kdm_mapping *by, const char *query,
                         kdm_projection_fetch_fn *fetch, enum kdm_projection_result expected)
{
    struct kdm_projection_search asked = { .fetch = fetch };
    struct kdm_projection_page page;
    struct kdm_failure failure = { 0 };

    asked.query = kdm_search_query(&arena, by, kdm_json_parse(&arena, kdm_str_of(query)),
                                   KDM_LANG_ELASTICSEARCH, 0, &failure);
    ck_assert_msg(asked.query != NULL, KDM_FMT, KDM_ARG(failure.message));
    ck_assert_int_eq(kdm_projection_search(projection, &arena, &scratch, &asked, &page), expected);
    return page.total;
}

static uint64_t total(const char *query)
{
    return total_by(mapping, query, NULL, KDM_PROJECTION_OK);
}

/* --- sequences -----------------------------------------------------------------------------------
 */

START_TEST(only_newer_sequences_apply)
{
    kdm_projection_write(projection);
    ck_assert(put("a", "{\"k\":\"x\"}", 5));
    ck_assert(!put("a", "{\"k\":\"y\"}", 5));
    ck_assert(!put("a", "{\"k\":\"y\"}", 4));
    ck_assert(!kdm_projection_remove(projection, KDM_STR("a"), 5));
    ck_assert(kdm_projection_remove(projection, KDM_STR("a"), 7));
    ck_assert(!put("a", "{\"k\":\"y\"}", 6));
    ck_assert(kdm_projection_remove(projection, KDM_STR("b"), 9)); /* never seen */
    ck_assert(!put("b", "{\"k\":\"y\"}", 8));
    ck_assert_uint_eq(kdm_projection_count(projection), 0);
    ck_assert(put("b", "{\"k\":\"y\"}", 10));
    kdm_projection_end_write(projection);
    ck_assert_uint_eq(total("{\"match_all\":{}}"), 1);
    ck_assert_uint_eq(total("{\"term\":{\"k\":\"x\"}}"), 0);
}
END_TEST

START_TEST(memory_comes_back_and_is_used_again)
{
    char id[32], source[64];
    size_t before = 0, after;

    for (uint64_t round = 0, sequence = 1; round < 6; round++) {
        kdm_projection_write(projection);
        for (int i = 0; i < 3000; i++, sequence++) {
            snprintf(id, sizeof(id), "r%d-%d", (int)round, i);
            snprintf(source, sizeof(source), "{\"k\":\"k%d\",\"u\":\"u%d-%d\",\"n\":%d}", i % 7, i,
                     (int)round, i);
            ck_assert(put(id, source, sequence));
        }
        for (int i = 0; i < 3000; i++, sequence++) {
            snprintf(id, sizeof(id), "r%d-%d", (int)round, i);
            ck_assert(kdm_projection_remove(projection, kdm_str_of(id), sequence));
        }
        kdm_projection_forget(projection, sequence);
        kdm_projection_end_write(projection);
        after = kdm_projection_memory(projection);
        if (round == 0)
            before = after;
        ck_assert_uint_eq(kdm_projection_count(projection), 0);
        ck_assert_msg(after <= before + before / 8, "%zu, then %zu bytes", before, after);
    }
}
END_TEST

/* --- mapping
 * --------------------------------------------------------------------------------------- */

static bool fetch_a(void *ctx, struct kdm_arena *to, const struct kdm_str *ids,
                    struct kdm_str *ret_texts, size_t count)
{
    (void)ctx;
    (void)to;
    for (size_t i = 0; i < count; i++)
        ret_texts[i] = kdm_str_eq(ids[i], KDM_STR("a")) ? KDM_STR("{\"k\":\"x\",\"new\":3}")
                                                        : KDM_STR("{\"k\":\"y\"}");
    return true;
}

START_TEST(a_new_field_is_answered_from_texts_until_it_is_filled)
{
    struct kdm_mapping *wider = mapping_of(
        "{\"properties\":{\"k\":{\"type\":\"keyword\"},\"u\":{\"type\":\"keyword\"},\"n\":{"
        "\"type\":\"long\"},\"t\":{\"type\":\"text\"},\"new\":{\"type\":\"long\"}}}");
    const char *query = "{\"term\":{\"new\":3}}";

    kdm_projection_write(projection);
    put("a", "{\"k\":\"x\",\"new\":3}", 1);
    put("b", "{\"k\":\"y\"}", 2);
    ck_assert(!kdm_projection_remap(projection, mapping));
    ck_assert(kdm_projection_remap(projection, wider));
    kdm_projection_end_write(projection);
    ck_assert_uint_eq(total_by(wider, query, fetch_a, KDM_PROJECTION_OK), 1);
    total_by(wider, query, NULL, KDM_PROJECTION_NEEDS_TEXT);
    kdm_projection_write(projection);
    kdm_projection_fill(projection, &scratch, KDM_STR("a"),
                        kdm_json_parse(&scratch, KDM_STR("{\"k\":\"x\",\"new\":3}")), 1);
    kdm_projection_fill(projection, &scratch, KDM_STR("b"),
                        kdm_json_parse(&scratch, KDM_STR("{\"k\":\"y\"}")), 2);
    kdm_projection_filled(projection);
    kdm_projection_end_write(projection);
    ck_assert_uint_eq(total_by(wider, query, NULL, KDM_PROJECTION_OK), 1);
    ck_assert_uint_eq(total("{\"term\":{\"k\":\"y\"}}"), 1);
    kdm_mapping_unref(wider);
}
END_TEST

/* --- threads
 * ---------------------------------------------------------------------------------------- */

#define DOCUMENTS 70000 /* more than a chunk, so that searches let go in between */
#define READERS   2

static atomic_bool done;
static atomic_uint searches;

/* Whatever the writer does, each document is there once and has "even" or "odd". */
static void *reader(void *ctx)
{
    struct kdm_arena own, own_scratch;
    uint64_t *worst = ctx;

    kdm_arena_init(&own, 65536);
    kdm_arena_init(&own_scratch, 65536);
    for (unsigned i = 0; !atomic_load(&done); i++) {
        static const char *const bodies[] = {
            "{\"query\":{\"terms\":{\"k\":[\"even\",\"odd\"]}},\"sort\":[{\"n\":\"desc\"}]}",
            "{\"query\":{\"wildcard\":{\"u\":\"u*\"}},\"sort\":[\"u\"]}",
            "{\"query\":{\"match\":{\"t\":\"word even\"}}}",
            "{\"sort\":[\"_id\"],\"size\":50}",
        };
        struct kdm_search_request request = { .from = -1, .size = -1 };
        struct kdm_projection_search asked = { 0 };
        struct kdm_projection_page page;
        struct kdm_failure failure = { 0 };
        struct kdm_search *search;

        request.body = kdm_json_parse(&own, kdm_str_of(bodies[i % 4]));
        search = kdm_search_create(&own, mapping, &request, &failure);
        asked.query = search->query;
        asked.search = search;
        asked.aggs = kdm_aggs_parse(
            &own, mapping, kdm_json_parse(&own, KDM_STR("{\"k\":{\"terms\":{\"field\":\"k\"}}}")),
            0, &failure);
        if (kdm_projection_search(projection, &own, &own_scratch, &asked, &page)
                != KDM_PROJECTION_OK
            || page.total != DOCUMENTS || page.count != (size_t)search->size)
            *worst = page.total + 1;
        for (size_t j = 0; j < page.count; j++)
            if (page.hits[j].id.len != 10)
                *worst = 1;
        atomic_fetch_add(&searches, 1);
        kdm_arena_reset(&own);
    }
    kdm_arena_fini(&own);
    kdm_arena_fini(&own_scratch);
    return NULL;
}

static void write_one(uint32_t number, uint64_t sequence)
{
    char id[32], source[128];

    snprintf(id, sizeof(id), "id%08u", number);
    snprintf(source, sizeof(source),
             "{\"k\":\"%s\",\"u\":\"u%llu\",\"n\":%llu,\"t\":\"word %s w%llu\"}",
             sequence % 2 == 0 ? "even" : "odd", (unsigned long long)sequence,
             (unsigned long long)(sequence * 7919 % 100003), sequence % 2 == 0 ? "even" : "odd",
             (unsigned long long)(sequence % 100));
    put(id, source, sequence);
}

START_TEST(searches_see_each_document_once_while_all_of_them_change)
{
    pthread_t threads[READERS];
    uint64_t worst[READERS] = { 0 }, sequence = 0, turns = 0, tries = 0;

    kdm_projection_write(projection);
    for (uint32_t i = 0; i < DOCUMENTS; i++)
        write_one(i, ++sequence);
    kdm_projection_end_write(projection);
    atomic_store(&done, false);
    for (int i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, reader, &worst[i]), 0);
    while (turns < 300 || atomic_load(&searches) < 20) {
        struct timespec pause = { .tv_nsec = 100000 };

        tries++;
        if (!kdm_projection_try_write(projection)) {
            nanosleep(&pause, NULL);
            continue;
        }
        turns++;
        for (int i = 0; i < 100; i++, sequence++)
            write_one((uint32_t)(sequence * 31 % DOCUMENTS), sequence + 1);
        kdm_projection_end_write(projection);
    }
    atomic_store(&done, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_msg(worst[i] == 0, "a search saw %llu", (unsigned long long)worst[i] - 1);
    }
    printf("%llu turns of the writer in %llu tries, %u searches\n", (unsigned long long)turns,
           (unsigned long long)tries, atomic_load(&searches));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("projection_threads");
    TCase *tcase = tcase_create("threads");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 100);
    tcase_add_test(tcase, only_newer_sequences_apply);
    tcase_add_test(tcase, memory_comes_back_and_is_used_again);
    tcase_add_test(tcase, a_new_field_is_answered_from_texts_until_it_is_filled);
    tcase_add_test(tcase, searches_see_each_document_once_while_all_of_them_change);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
