/* filter_test.c - canonical forms and room ids. */
#include "realtime/filter.h"
#include <check.h>
#include <stdlib.h>

static struct kdm_arena arena;

static void setup(void)
{
    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 1u << 16);
}

static void teardown(void)
{
    kdm_arena_fini(&arena);
}

static const struct kdm_filter *parse(const char *text, const struct kdm_filter_limits *limits,
                                      struct kdm_failure *failure)
{
    struct kdm_json *doc = kdm_arena_alloc(&arena, sizeof(*doc));

    ck_assert_msg(kdm_json_scan(&arena, kdm_str_of(text), doc, NULL), "%s", text);
    return kdm_filter_parse(&arena, limits, KDM_STR("index"), KDM_STR("collection"),
                            kdm_json_root(doc), failure);
}

static const struct kdm_filter *parsed(const char *text)
{
    struct kdm_failure failure = { 0 };
    const struct kdm_filter *filter = parse(text, NULL, &failure);

    ck_assert_msg(filter != NULL, "%s: %.*s", text, KDM_ARG(failure.message));
    return filter;
}

static bool same_room(const char *a, const char *b)
{
    return memcmp(parsed(a)->id, parsed(b)->id, KDM_ROOM_ID_LEN) == 0;
}

START_TEST(filters_that_mean_the_same_share_a_room)
{
    static const char *const pairs[][2] = {
        { "{}", "{\"not\":{\"nothing\":1}}" },
        { "{\"and\":[{\"equals\":{\"a\":1}}]}", "{\"equals\":{\"a\":1.0}}" },
        { "{\"equals\":{\"a\":1}}", "{\"equals\":{\"a\":1e0}}" },
        { "{\"equals\":{\"a\":\"\\u0041\"}}", "{ \"equals\" : { \"a\" : \"A\" } }" },
        { "{\"and\":[{\"equals\":{\"a\":1}},{\"equals\":{\"b\":2}}]}",
          "{\"and\":[{\"equals\":{\"b\":2}},{\"equals\":{\"a\":1}},{\"equals\":{\"b\":2}}]}" },
        { "{\"not\":{\"not\":{\"exists\":\"a\"}}}", "{\"exists\":{\"field\":\"a\"}}" },
        { "{\"missing\":\"a\"}", "{\"not\":{\"exists\":\"a\"}}" },
        { "{\"in\":{\"a\":[\"x\",\"y\"]}}",
          "{\"or\":[{\"equals\":{\"a\":\"y\"}},{\"equals\":{\"a\":\"x\"}}]}" },
        { "{\"ids\":{\"values\":[\"x\"]}}", "{\"equals\":{\"_id\":\"x\"}}" },
        { "{\"not\":{\"or\":[{\"exists\":\"a\"},{\"exists\":\"b\"}]}}",
          "{\"bool\":{\"must_not\":[{\"exists\":\"b\"},{\"exists\":\"a\"}]}}" },
        { "{\"match\":{\"a\":1,\"b\":{\"d\":1,\"c\":[2]}}}",
          "{\"and\":[{\"match\":{\"b\":{\"c\":[2.0],\"d\":1}}},{\"equals\":{\"a\":1}}]}" },
        { "{\"equals\":{\"a\":1,\"a\":2}}", "{\"equals\":{\"a\":2}}" },
        { "{\"match\":{\"a\":{\"b\":1,\"b\":2}}}", "{\"match\":{\"a\":{\"b\":2}}}" },
        { "{\"regexp\":{\"a\":\"x\"}}", "{\"regexp\":{\"a\":{\"value\":\"x\",\"flags\":\"gu\"}}}" },
        { "{\"geoDistance\":{\"a\":[1,2],\"distance\":\"1km\"}}",
          "{\"geoDistance\":{\"a\":{\"lon\":2,\"lat\":1},\"distance\":\"1000 m\"}}" },
        { "{\"geoBoundingBox\":{\"a\":{\"top\":2,\"left\":1,\"bottom\":1,\"right\":2}}}",
          "{\"geoBoundingBox\":{\"a\":{\"topLeft\":[2,1],\"bottom_right\":\"1,2\"}}}" },
        { "{\"and\":[{\"exists\":\"a\"},{\"nothing\":1}]}", "{\"nothing\":0}" },
        { "{\"or\":[{\"exists\":\"a\"},{\"nothing\":1}]}", "{\"exists\":\"a\"}" },
        /* distribution, absorption, consensus */
        { "{\"and\":[{\"or\":[{\"exists\":\"a\"},{\"exists\":\"b\"}]},{\"exists\":\"c\"}]}",
          "{\"or\":[{\"and\":[{\"exists\":\"c\"},{\"exists\":\"b\"}]},"
          "{\"and\":[{\"exists\":\"a\"},{\"exists\":\"c\"}]}]}" },
        { "{\"or\":[{\"exists\":\"a\"},{\"and\":[{\"exists\":\"a\"},{\"exists\":\"b\"}]}]}",
          "{\"exists\":\"a\"}" },
        { "{\"or\":[{\"and\":[{\"exists\":\"a\"},{\"exists\":\"b\"}]},"
          "{\"and\":[{\"missing\":\"a\"},{\"exists\":\"b\"}]}]}",
          "{\"exists\":\"b\"}" },
        { "{\"or\":[{\"exists\":\"a\"},{\"missing\":\"a\"}]}", "{}" },
        { "{\"and\":[{\"exists\":\"a\"},{\"missing\":\"a\"}]}", "{\"nothing\":1}" },
        { "{\"or\":[{\"exists\":\"a\"},{\"and\":[{\"missing\":\"a\"},{\"exists\":\"b\"}]}]}",
          "{\"or\":[{\"exists\":\"b\"},{\"exists\":\"a\"}]}" },
        /* what conditions on one path say about each other */
        { "{\"and\":[{\"equals\":{\"a\":1}},{\"equals\":{\"a\":2}}]}", "{\"nothing\":1}" },
        { "{\"and\":[{\"equals\":{\"a\":1}},{\"exists\":\"a\"},{\"not\":{\"equals\":{\"a\":2}}}]}",
          "{\"equals\":{\"a\":1}}" },
        { "{\"or\":[{\"regexp\":{\"a\":\"x\"}},{\"exists\":\"a\"}]}", "{\"exists\":\"a\"}" },
        { "{\"and\":[{\"range\":{\"a\":{\"gt\":1}}},{\"range\":{\"a\":{\"gte\":1}}},"
          "{\"range\":{\"a\":{\"lt\":9}}},{\"range\":{\"a\":{\"lt\":8}}}]}",
          "{\"and\":[{\"range\":{\"a\":{\"gt\":1}}},{\"range\":{\"a\":{\"lt\":8}}}]}" },
        { "{\"and\":[{\"range\":{\"a\":{\"gt\":1}}},{\"range\":{\"a\":{\"lte\":1}}}]}",
          "{\"nothing\":1}" },
        { "{\"and\":[{\"missing\":\"a\"},{\"not\":{\"regexp\":{\"a\":\"x\"}}}]}",
          "{\"missing\":\"a\"}" },
    };

    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        ck_assert_msg(same_room(pairs[i][0], pairs[i][1]), "%s and %s: %.*s and %.*s", pairs[i][0],
                      pairs[i][1], KDM_ARG(parsed(pairs[i][0])->text),
                      KDM_ARG(parsed(pairs[i][1])->text));
}
END_TEST

START_TEST(filters_that_differ_have_rooms_of_their_own)
{
    static const char *const filters[] = {
        "{}",
        "{\"nothing\":1}",
        "{\"equals\":{\"a\":1}}",
        "{\"equals\":{\"a\":\"1\"}}",
        "{\"equals\":{\"a\":null}}",
        "{\"equals\":{\"b\":1}}",
        "{\"not\":{\"equals\":{\"a\":1}}}",
        "{\"exists\":\"a\"}",
        "{\"exists\":\"a[1]\"}",
        "{\"exists\":\"a\\\\[1\\\\]\"}",
        "{\"range\":{\"a\":{\"gt\":1}}}",
        "{\"range\":{\"a\":{\"gte\":1}}}",
        "{\"range\":{\"a\":{\"lt\":1}}}",
        "{\"regexp\":{\"a\":\"x\"}}",
        "{\"regexp\":{\"a\":{\"value\":\"x\",\"flags\":\"i\"}}}",
        "{\"match\":{\"a\":{}}}",
        "{\"match\":{\"a\":[]}}",
        "{\"select\":{\"field\":\"a\",\"index\":0,\"query\":{\"equals\":{\"value\":1}}}}",
        "{\"select\":{\"field\":\"a\",\"index\":-1,\"query\":{\"equals\":{\"value\":1}}}}",
        "{\"geoDistance\":{\"a\":[1,2],\"distance\":\"1km\"}}",
        "{\"geoDistanceRange\":{\"a\":[1,2],\"from\":\"1m\",\"to\":\"1km\"}}",
        "{\"geoBoundingBox\":{\"a\":{\"top\":2,\"left\":1,\"bottom\":1,\"right\":2}}}",
        "{\"geoPolygon\":{\"a\":{\"points\":[[1,1],[1,2],[2,1]]}}}",
        "{\"and\":[{\"equals\":{\"a\":1}},{\"equals\":{\"b\":1}}]}",
        "{\"or\":[{\"equals\":{\"a\":1}},{\"equals\":{\"b\":1}}]}",
    };
    size_t count = sizeof(filters) / sizeof(filters[0]);

    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++)
            ck_assert_msg(!same_room(filters[i], filters[j]), "%s and %s", filters[i], filters[j]);
    for (size_t i = 0; i < count; i++) { /* the canonical text is a filter with the same id */
        struct kdm_str text = parsed(filters[i])->text;

        ck_assert_msg(same_room(filters[i], kdm_arena_copy(&arena, text).ptr), "%s: %.*s",
                      filters[i], KDM_ARG(text));
    }
}
END_TEST

START_TEST(an_id_depends_on_where_and_never_on_the_process)
{
    /* sha256sum of {"index":"index","collection":"collection","filter":{"equals":{"a":1}}} */
    static const char expected[] =
        "d4ca48ea8f58a79ed723eb1bc0d18abf2fe1ae9f1420aedbfc4db8bf23810509";
    struct kdm_failure failure = { 0 };
    struct kdm_val root = kdm_json_parse(&arena, KDM_STR("{\"equals\":{\"a\":1}}"));
    const struct kdm_filter *here = parsed("{\"equals\":{\"a\":1}}"), *there;

    there =
        kdm_filter_parse(&arena, NULL, KDM_STR("index2"), KDM_STR("collection"), root, &failure);
    ck_assert_mem_ne(here->id, there->id, KDM_ROOM_ID_LEN);
    there = kdm_filter_parse(&arena, NULL, KDM_STR("indexcoll"), KDM_STR("ection"), root, &failure);
    ck_assert_mem_ne(here->id, there->id, KDM_ROOM_ID_LEN);
    ck_assert_msg(memcmp(here->id, expected, KDM_ROOM_ID_LEN) == 0, "%.64s", here->id);
}
END_TEST

START_TEST(bounds_are_kept_with_the_right_error)
{
    static const struct kdm_filter_limits limits = { .conditions = 3, .minterms = 3 };
    static const char *const refused[] = {
        "{\"in\":{\"a\":[\"1\",\"2\",\"3\",\"4\"]}}",
        "{\"and\":[{\"or\":[{\"exists\":\"a\"},{\"exists\":\"b\"}]},"
        "{\"in\":{\"a\":[\"1\",\"2\"]}}]}",
        "{\"equals\":{\"a\":[]}}",
    };
    struct kdm_failure failure = { 0 };

    ck_assert_ptr_nonnull(parse("{\"in\":{\"a\":[\"1\",\"2\",\"3\"]}}", &limits, &failure));
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        ck_assert_msg(parse(refused[i], &limits, &failure) == NULL, "%s", refused[i]);
        ck_assert_int_eq(failure.err, KDM_ERR_API_ASSERT_KONCORDE_DSL_ERROR);
    }
}
END_TEST

START_TEST(a_long_path_named_by_many_values_is_refused_in_time)
{
    static const struct kdm_filter_limits limits = { .conditions = 100000 };
    struct kdm_failure failure = { 0 };
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 1u << 18);
    kdm_buf_lit(&buf, "{\"in\":{\"");
    for (int i = 0; i < 100000; i++)
        kdm_buf_char(&buf, 'p');
    kdm_buf_lit(&buf, "\":[\"v\"");
    for (int i = 0; i < 30000; i++)
        kdm_buf_lit(&buf, ",\"v\"");
    kdm_buf_lit(&buf, "]}}");
    kdm_buf_char(&buf, '\0');
    ck_assert_ptr_null(parse(buf.ptr, &limits, &failure));
    ck_assert_int_eq(failure.err, KDM_ERR_API_ASSERT_KONCORDE_DSL_ERROR);
    ck_assert_uint_lt(kdm_arena_size(&arena), 64u << 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("realtime filter");
    TCase *tests = tcase_create("filter");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, filters_that_mean_the_same_share_a_room);
    tcase_add_test(tests, filters_that_differ_have_rooms_of_their_own);
    tcase_add_test(tests, an_id_depends_on_where_and_never_on_the_process);
    tcase_add_test(tests, bounds_are_kept_with_the_right_error);
    tcase_add_test(tests, a_long_path_named_by_many_values_is_refused_in_time);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
