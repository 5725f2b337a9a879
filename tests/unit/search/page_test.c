/* page_test.c - the body of a search: what it may hold, order, page, source. */
#include "search/search.h"
#include <check.h>
#include <stdlib.h>

static struct kdm_arena arena, scratch;
static struct kdm_failure failure;
static struct kdm_mapping *mapping;

static const struct {
    const char *id, *source;
} documents[] = {
    { "a", "{\"n\":3,\"k\":\"x\",\"l\":[5,1],\"t\":\"w\",\"_kuzzle_info\":{\"createdAt\":30}}" },
    { "b", "{\"n\":1,\"k\":\"y\",\"l\":[2,4],\"_kuzzle_info\":{\"createdAt\":10}}" },
    { "c", "{\"k\":\"x\",\"_kuzzle_info\":{\"createdAt\":20}}" },
    { "d", "{\"n\":2,\"l\":3}" },
    { "e", "{\"n\":3,\"k\":null}" },
};
#define DOCUMENTS (sizeof(documents) / sizeof(documents[0]))

static void setup(void)
{
    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 65536);
    kdm_arena_init(&scratch, 65536);
    mapping = kdm_mapping_create(
        &arena,
        kdm_json_parse(
            &arena, KDM_STR("{\"properties\":{\"n\":{\"type\":\"integer\"},\"k\":{\"type\":"
                            "\"keyword\"},\"l\":{\"type\":\"long\"},\"t\":{\"type\":\"text\"}}}")),
        &failure);
    ck_assert(mapping != NULL);
}

static void teardown(void)
{
    kdm_mapping_unref(mapping);
    kdm_arena_fini(&arena);
    kdm_arena_fini(&scratch);
}

static struct kdm_search *made(const char *body, int64_t from, int64_t size)
{
    struct kdm_search_request request = { .from = from, .size = size };

    request.body = body == NULL ? KDM_VAL_NONE : kdm_json_parse(&arena, kdm_str_of(body));
    failure = (struct kdm_failure){ 0 };
    return kdm_search_create(&arena, mapping, &request, &failure);
}

/* The ids of the page, as one word. */
static const char *page_of(const char *body, int64_t from, int64_t size)
{
    static char ids[DOCUMENTS + 1];
    struct kdm_search *search = made(body, from, size);
    struct kdm_hit hits[DOCUMENTS];
    size_t count = 0, first;

    ck_assert_msg(search != NULL, "%s: " KDM_FMT, body, KDM_ARG(failure.message));
    for (size_t i = 0; i < DOCUMENTS; i++) {
        struct kdm_val source = kdm_json_parse(&scratch, kdm_str_of(documents[i].source));
        struct kdm_hit *hit = &hits[count];

        *hit = (struct kdm_hit){ .id = kdm_str_of(documents[i].id) };
        if (!kdm_search_matches(search->query, &arena, &scratch, hit->id, source, &hit->score,
                                &failure))
            continue;
        kdm_search_values(search, &arena, &scratch, source, hit);
        count++;
        kdm_arena_reset(&scratch);
    }
    count = kdm_search_page(search, hits, count, &first);
    for (size_t i = 0; i < count; i++)
        ids[i] = hits[first + i].id.ptr[0];
    ids[count] = '\0';
    return ids;
}

START_TEST(hits_come_in_order)
{
    static const struct {
        const char *body, *ids;
    } cases[] = {
        { NULL, "abcde" },
        { "{}", "abcde" },
        { "{\"sort\":[]}", "abcde" },
        { "{\"sort\":\"n\"}", "bdaec" },
        { "{\"sort\":[{\"n\":\"desc\"}]}", "aedbc" },
        { "{\"sort\":[{\"n\":{\"order\":\"desc\",\"missing\":\"_first\"}},{\"_id\":\"desc\"}]}",
          "ceadb" },
        { "{\"sort\":{\"n\":{\"order\":\"asc\",\"missing\":0}}}", "cbdae" },
        { "{\"sort\":[\"k\",{\"_id\":{\"order\":\"desc\"}}]}", "cabed" },
        { "{\"sort\":[{\"_id\":\"desc\"}]}", "edcba" },
        { "{\"sort\":[\"l\"]}", "abdce" },
        { "{\"sort\":[{\"l\":\"desc\"}]}", "abdce" },
        { "{\"sort\":[{\"l\":{\"mode\":\"max\"}}]}", "dbace" },
        { "{\"sort\":[{\"l\":{\"mode\":\"avg\"}},\"_id\"]}", "abdce" },
        { "{\"sort\":[{\"l\":{\"mode\":\"sum\",\"order\":\"desc\"}},{\"_id\":\"desc\"}]}",
          "badec" },
        { "{\"sort\":[{\"_kuzzle_info.createdAt\":\"asc\"}]}", "bcade" },
        { "{\"sort\":[{\"zz\":{\"unmapped_type\":\"long\"}},{\"_id\":\"desc\"}]}", "edcba" },
        { "{\"sort\":[{\"_doc\":\"asc\"}]}", "abcde" },
        { "{\"query\":{\"bool\":{\"should\":[{\"term\":{\"n\":3}},{\"term\":{\"k\":\"x\"}}]}}}",
          "ace" },
        { "{\"query\":{\"bool\":{\"should\":[{\"term\":{\"n\":3}},{\"term\":{\"k\":\"x\"}}]}},"
          "\"sort\":[{\"_score\":\"asc\"},\"_id\"]}",
          "cea" },
        { "{\"sort\":[\"n\",\"_id\"],\"search_after\":[2,\"d\"]}", "aec" },
        { "{\"sort\":[\"n\",\"_id\"],\"search_after\":[3,\"a\"]}", "ec" },
        { "{\"sort\":[\"n\",\"_id\"],\"search_after\":[null,\"b\"]}", "c" },
        { "{\"sort\":[{\"n\":\"desc\"},{\"_id\":\"desc\"}],\"search_after\":[3,\"a\"]}", "dbc" },
        { "{\"post_filter\":{\"term\":{\"k\":\"x\"}}}", "ac" },
        { "{\"aggs\":{},\"highlight\":{},\"explain\":false}", "abcde" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(strcmp(page_of(cases[i].body, -1, -1), cases[i].ids) == 0, "%s: %s, not %s",
                      cases[i].body, page_of(cases[i].body, -1, -1), cases[i].ids);
}
END_TEST

START_TEST(a_page_is_cut_out)
{
    ck_assert_str_eq(page_of("{\"sort\":[\"_id\"]}", 1, 2), "bc");
    ck_assert_str_eq(page_of("{\"sort\":[\"_id\"],\"from\":3,\"size\":9}", -1, -1), "de");
    ck_assert_str_eq(page_of("{\"sort\":[\"_id\"],\"from\":3,\"size\":9}", 0, 1), "a");
    ck_assert_str_eq(page_of("{\"size\":0}", -1, -1), "");
    ck_assert_str_eq(page_of(NULL, 9, 3), "");
}
END_TEST

START_TEST(a_bad_body_is_refused)
{
    static const struct {
        const char *body;
        enum kdm_err err;
        const char *named;
    } cases[] = {
        { "[]", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "body" },
        { "{\"equals\":{}}", KDM_ERR_SERVICES_STORAGE_INVALID_SEARCH_QUERY, "equals" },
        { "{\"track_total_hits\":true}", KDM_ERR_SERVICES_STORAGE_INVALID_SEARCH_QUERY,
          "track_total_hits" },
        { "{\"aggs\":{\"a\":{}}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "aggs" },
        { "{\"collapse\":{\"field\":\"k\"}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "collapse" },
        { "{\"explain\":true}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "explain" },
        { "{\"suggest\":{\"text\":\"x\"}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "suggest" },
        { "{\"from\":-1}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "from" },
        { "{\"size\":\"x\"}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "size" },
        { "{\"from\":9999,\"size\":2}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "10000" },
        { "{\"from\":9223372036854775807,\"size\":9223372036854775807}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "10000" },
        { "{\"sort\":\"zz\"}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "zz" },
        { "{\"sort\":\"t\"}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "\"t\"" },
        { "{\"sort\":[{\"n\":\"up\"}]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "up" },
        { "{\"sort\":[3]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "sort" },
        { "{\"sort\":[{\"n\":{\"ordr\":1}}]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "ordr" },
        { "{\"sort\":[{\"_geo_distance\":{}}]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "_geo_distance" },
        { "{\"search_after\":[1]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "search_after" },
        { "{\"sort\":[\"n\"],\"search_after\":[\"x\"]}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "search_after" },
        { "{\"_source\":3}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "_source" },
        { "{\"_source\":{\"only\":[]}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "_source" },
        { "{\"sort\":{\"_script\":{\"script\":\"x\"}}}",
          KDM_ERR_SERVICES_STORAGE_INVALID_QUERY_KEYWORD, "sort._script" },
        { "{\"aggs\":{\"a\":{\"sum\":{\"script\":{\"source\":\"x\"}}}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "aggs" },
        { "{\"query\":{\"nope\":{}}}", KDM_ERR_SERVICES_STORAGE_UNKNOWN_QUERY_KEYWORD, "nope" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_msg(made(cases[i].body, -1, -1) == NULL, "%s", cases[i].body);
        ck_assert_msg(failure.err == cases[i].err, "%s: " KDM_FMT, cases[i].body,
                      KDM_ARG(failure.message));
        ck_assert_msg(
            memmem(failure.message.ptr, failure.message.len, cases[i].named, strlen(cases[i].named))
                != NULL,
            "%s: " KDM_FMT, cases[i].body, KDM_ARG(failure.message));
    }
}
END_TEST

START_TEST(a_source_is_filtered_by_patterns)
{
    static const char source[] =
        "{\"a\":{\"b\":1,\"c\":[{\"d\":1,\"e\":2},{\"e\":3}]},\"f\":\"x\",\"g\":{}}";
    static const struct {
        const char *body, *shown;
    } cases[] = {
        { "{}", source },
        { "{\"_source\":true}", source },
        { "{\"_source\":false}", NULL },
        { "{\"_source\":\"f\"}", "{\"f\":\"x\"}" },
        { "{\"_source\":[\"f\",\"a.b\"]}", "{\"a\":{\"b\":1},\"f\":\"x\"}" },
        { "{\"_source\":[\"a\"]}", "{\"a\":{\"b\":1,\"c\":[{\"d\":1,\"e\":2},{\"e\":3}]}}" },
        { "{\"_source\":\"a.c.d\"}", "{\"a\":{\"c\":[{\"d\":1}]}}" },
        { "{\"_source\":\"*.e\"}", "{\"a\":{\"c\":[{\"e\":2},{\"e\":3}]}}" },
        { "{\"_source\":{\"includes\":[\"a\"],\"excludes\":[\"a.c.e\",\"a.b\"]}}",
          "{\"a\":{\"c\":[{\"d\":1},{}]}}" },
        { "{\"_source\":{\"excludes\":\"a\"}}", "{\"f\":\"x\",\"g\":{}}" },
        { "{\"_source_excludes\":[\"a\",\"g\"]}", "{\"f\":\"x\"}" },
        { "{\"_source_includes\":\"g\"}", "{\"g\":{}}" },
        { "{\"_source\":[]}", source },
        { "{\"_source\":\"zz\"}", "{}" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kdm_search *search = made(cases[i].body, -1, -1);
        struct kdm_buf buf;
        bool shown;

        kdm_buf_init(&buf, &arena, 100);
        shown = kdm_search_source(search, &scratch, kdm_json_parse(&arena, KDM_STR(source)), &buf);
        ck_assert_int_eq(shown, cases[i].shown != NULL);
        if (shown)
            ck_assert_msg(kdm_str_eq(kdm_buf_str(&buf), kdm_str_of(cases[i].shown)), "%s: " KDM_FMT,
                          cases[i].body, KDM_ARG(kdm_buf_str(&buf)));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, hits_come_in_order);
    tcase_add_test(tcase, a_page_is_cut_out);
    tcase_add_test(tcase, a_bad_body_is_refused);
    tcase_add_test(tcase, a_source_is_filtered_by_patterns);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
