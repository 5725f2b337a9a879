/* koncorde_test.c - Koncorde filters as realtime means them: strict, by path, with its own
 * negations. */
#include "../texts.h"
#include "search/query.h"

static struct kdm_failure failure;

static struct kdm_query *parsed(const char *text, size_t max_conditions)
{
    struct kdm_query_parser parser = { .arena = &arena, .failure = &failure };
    struct kdm_json *doc = kdm_arena_alloc(&arena, sizeof(*doc));

    ck_assert_msg(kdm_json_scan(&arena, kdm_str_of(text), doc, NULL), "%s", text);
    failure = (struct kdm_failure){ 0 };
    return kdm_query_parse_filter(&parser, kdm_json_root(doc), max_conditions);
}

static bool matches(const char *filter, const char *document)
{
    struct kdm_query *query = parsed(filter, 100);
    struct kdm_query_document doc = { .id = KDM_STR("id1") };
    const struct kdm_query *costly = NULL;
    bool matched;

    ck_assert_msg(query != NULL, "%s: " KDM_FMT, filter, KDM_ARG(failure.message));
    doc.source = kdm_json_parse(&arena, kdm_str_of(document));
    matched = kdm_query_match(query, &arena, &doc, NULL, &costly);
    ck_assert(costly == NULL);
    return matched;
}

START_TEST(each_clause_means_what_koncorde_means)
{
    static const struct {
        const char *filter, *document;
        bool matches;
    } cases[] = {
        { "{}", "{}", true },
        { "null", "{\"a\":1}", true },
        { "{\"equals\":{\"a\":1}}", "{\"a\":1}", true },
        { "{\"equals\":{\"a\":1}}", "{\"a\":1.0}", true },
        { "{\"equals\":{\"a\":1}}", "{\"a\":\"1\"}", false },
        { "{\"equals\":{\"a\":1}}", "{\"a\":[1]}", false },
        { "{\"equals\":{\"a\":1}}", "{}", false },
        { "{\"equals\":{\"a\":null}}", "{\"a\":null}", true },
        { "{\"equals\":{\"a\":null}}", "{}", false },
        { "{\"equals\":{\"a\":true}}", "{\"a\":true}", true },
        { "{\"equals\":{\"a\":true}}", "{\"a\":false}", false },
        { "{\"equals\":{\"a.b\":1}}", "{\"a\":{\"b\":1}}", true },
        { "{\"equals\":{\"a.b\":1}}", "{\"a.b\":1}", true },
        { "{\"equals\":{\"a.b.c\":1}}", "{\"a.b\":{\"c\":1}}", true },
        { "{\"equals\":{\"a.b\":1}}", "{\"a\":[{\"b\":1}]}", false },
        { "{\"equals\":{\"_id\":\"id1\"}}", "{}", true },
        { "{\"not\":{\"equals\":{\"a\":1}}}", "{}", true },
        { "{\"not\":{\"not\":{\"equals\":{\"a\":1}}}}", "{\"a\":1}", true },
        { "{\"in\":{\"a\":[\"x\",\"y\"]}}", "{\"a\":\"y\"}", true },
        { "{\"in\":{\"a\":[\"x\",\"y\"]}}", "{\"a\":[\"y\"]}", false },
        { "{\"not\":{\"in\":{\"a\":[\"x\",\"y\"]}}}", "{}", true },
        { "{\"not\":{\"in\":{\"a\":[\"x\",\"y\"]}}}", "{\"a\":\"x\"}", false },
        { "{\"ids\":{\"values\":[\"id1\"]}}", "{}", true },
        { "{\"not\":{\"ids\":{\"values\":[\"id1\"]}}}", "{}", false },
        { "{\"exists\":\"a\"}", "{\"a\":null}", true },
        { "{\"exists\":{\"field\":\"a\"}}", "{\"a\":[]}", true },
        { "{\"exists\":\"a\"}", "{}", false },
        { "{\"exists\":\"a[\\\"x\\\"]\"}", "{\"a\":[1,\"x\"]}", true },
        { "{\"exists\":\"a[1]\"}", "{\"a\":[\"1\"]}", false },
        { "{\"exists\":\"a[null]\"}", "{\"a\":[null]}", true },
        { "{\"exists\":\"a[1]\"}", "{\"a\":1}", false },
        { "{\"exists\":\"a.b[true]\"}", "{\"a\":{\"b\":[true]}}", true },
        { "{\"exists\":\"a\\\\[b\\\\]\"}", "{\"a[b]\":1}", true },
        { "{\"missing\":\"a\"}", "{\"a\":null}", false },
        { "{\"missing\":\"a\"}", "{}", true },
        { "{\"missing\":\"a[1]\"}", "{\"a\":[2]}", true },
        { "{\"missing\":\"a[1]\"}", "{}", true },
        { "{\"range\":{\"a\":{\"gt\":1,\"lte\":3}}}", "{\"a\":3}", true },
        { "{\"range\":{\"a\":{\"gt\":1}}}", "{\"a\":1}", false },
        { "{\"range\":{\"a\":{\"gt\":1000000000}}}", "{\"a\":1000000000}", false },
        { "{\"range\":{\"a\":{\"gt\":1}}}", "{\"a\":\"2\"}", false },
        { "{\"not\":{\"range\":{\"a\":{\"gt\":1}}}}", "{\"a\":\"2\"}", true },
        { "{\"not\":{\"range\":{\"a\":{\"gt\":1}}}}", "{}", true },
        { "{\"regexp\":{\"a\":\"b+\"}}", "{\"a\":\"abbc\"}", true },
        { "{\"regexp\":{\"a\":{\"value\":\"^B\",\"flags\":\"gi\"}}}", "{\"a\":\"bc\"}", true },
        { "{\"regexp\":{\"a\":\"1\"}}", "{\"a\":1}", false },
        { "{\"not\":{\"regexp\":{\"a\":\"1\"}}}", "{\"a\":1}", false },
        { "{\"not\":{\"regexp\":{\"a\":\"2\"}}}", "{\"a\":[\"1\",3]}", true },
        { "{\"not\":{\"regexp\":{\"a\":\"1,3\"}}}", "{\"a\":[\"1\",3]}", false },
        { "{\"not\":{\"regexp\":{\"a\":\"null\"}}}", "{\"a\":null}", false },
        { "{\"not\":{\"regexp\":{\"a\":\"x\"}}}", "{}", true },
        { "{\"match\":{\"a\":1}}", "{\"a\":1,\"b\":2}", true },
        { "{\"match\":{\"a\":{}}}", "{\"a\":{\"b\":1}}", true },
        { "{\"match\":{\"a\":{}}}", "{\"a\":[]}", false },
        { "{\"match\":{\"a.b\":1}}", "{\"a\":{\"b\":1}}", true },
        { "{\"match\":{\"a\":[1,1]}}", "{\"a\":[1]}", false },
        { "{\"match\":{\"a\":[1,1]}}", "{\"a\":[2,1,1]}", true },
        { "{\"match\":{\"a\":[{},{\"x\":1}]}}", "{\"a\":[{\"x\":1},{\"y\":2}]}", true },
        { "{\"match\":{\"a\":[{},{\"x\":1}]}}", "{\"a\":[{\"x\":1}]}", false },
        { "{\"match\":{\"a\":null}}", "{}", false },
        { "{\"not\":{\"match\":{\"a\":1}}}", "{}", true },
        { "{\"select\":{\"field\":\"a\",\"index\":-1,\"query\":{\"equals\":{\"value\":2}}}}",
          "{\"a\":[1,2]}", true },
        { "{\"select\":{\"field\":\"a\",\"index\":2,\"query\":{\"equals\":{\"value\":2}}}}",
          "{\"a\":[1,2]}", false },
        { "{\"select\":{\"field\":\"a\",\"index\":0,\"query\":{\"equals\":{\"value.x\":1}}}}",
          "{\"a\":[{\"x\":1}]}", true },
        { "{\"select\":{\"field\":\"a\",\"index\":0,\"query\":{\"exists\":\"value\"}}}",
          "{\"a\":1}", false },
        { "{\"nothing\":1}", "{}", false },
        { "{\"not\":{\"nothing\":1}}", "{}", true },
        { "{\"and\":[{\"exists\":\"a\"},{\"exists\":\"b\"}]}", "{\"a\":1}", false },
        { "{\"not\":{\"and\":[{\"exists\":\"a\"},{\"exists\":\"b\"}]}}", "{\"a\":1}", true },
        { "{\"not\":{\"or\":[{\"exists\":\"a\"},{\"exists\":\"b\"}]}}", "{\"a\":1}", false },
        { "{\"bool\":{\"must\":[{\"exists\":\"a\"}],\"must_not\":[{\"exists\":\"b\"}],\"should\":[{"
          "\"exists\":"
          "\"c\"},{\"exists\":\"d\"}],\"should_not\":[{\"exists\":\"e\"},{\"exists\":\"f\"}]}}",
          "{\"a\":1,\"d\":1,\"e\":1}", true },
        { "{\"bool\":{\"should_not\":[{\"exists\":\"e\"},{\"exists\":\"f\"}]}}",
          "{\"e\":1,\"f\":1}", false },
        { "{\"not\":{\"bool\":{\"must\":{\"exists\":\"a\"},\"must_not\":[{\"exists\":\"b\"}]}}}",
          "{\"a\":1,\"b\":1}", true },
        { "{\"not\":{\"bool\":{\"must\":{\"exists\":\"a\"},\"must_not\":[{\"exists\":\"b\"}]}}}",
          "{\"a\":1}", false },
        { "{\"geoDistance\":{\"p\":[48.8566,2.3522],\"distance\":\"600km\"}}",
          "{\"p\":{\"lat\":\"43.6108\",\"lon\":3.8767}}", true },
        { "{\"geoDistance\":{\"p\":\"48.8566, 2.3522\",\"distance\":\"590km\"}}",
          "{\"p\":[43.6108,3.8767]}", false },
        { "{\"not\":{\"geoDistance\":{\"p\":[0,0],\"distance\":\"1km\"}}}", "{}", true },
        { "{\"not\":{\"geoDistance\":{\"p\":[0,0],\"distance\":\"1km\"}}}", "{\"p\":\"bad!\"}",
          false },
        { "{\"not\":{\"geoDistance\":{\"p\":[0,0],\"distance\":\"1km\"}}}", "{\"p\":[5,5]}", true },
        { "{\"geoDistanceRange\":{\"p\":{\"latLon\":[48.8566,2.3522]},\"from\":\"1km\",\"to\":"
          "\"600km\"}}",
          "{\"p\":[43.6108,3.8767]}", true },
        { "{\"geoBoundingBox\":{\"p\":{\"topLeft\":[50,0],\"bottom_right\":\"40,10\"}}}",
          "{\"p\":[50,0]}", true },
        { "{\"geoPolygon\":{\"p\":{\"points\":[[0,0],[0,10],[10,10],[10,0]]}}}", "{\"p\":[5,10]}",
          true },
        { "{\"geoPolygon\":{\"p\":{\"points\":[[0,0],[0,10],[10,10],[10,0]]}}}", "{\"p\":[5,11]}",
          false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(matches(cases[i].filter, cases[i].document) == cases[i].matches, "%s on %s",
                      cases[i].filter, cases[i].document);
}
END_TEST

START_TEST(what_koncorde_refuses_is_refused)
{
    static const char *const filters[] = {
        "[]",
        "{\"a\":1}",
        "{\"equals\":{\"a\":1},\"exists\":\"b\"}",
        "{\"term\":{\"a\":1}}",
        "{\"equals\":{}}",
        "{\"equals\":{\"a\":1,\"b\":2}}",
        "{\"equals\":{\"a\":[1]}}",
        "{\"in\":{\"a\":[]}}",
        "{\"in\":{\"a\":[1]}}",
        "{\"in\":{\"a\":\"x\"}}",
        "{\"ids\":{\"values\":[]}}",
        "{\"ids\":[\"x\"]}",
        "{\"exists\":\"\"}",
        "{\"exists\":3}",
        "{\"exists\":\"a[x]\"}",
        "{\"range\":{\"a\":{}}}",
        "{\"range\":{\"a\":{\"gt\":\"1\"}}}",
        "{\"range\":{\"a\":{\"gt\":1,\"gte\":2}}}",
        "{\"range\":{\"a\":{\"gte\":2,\"lte\":2}}}",
        "{\"range\":{\"a\":{\"above\":2}}}",
        "{\"regexp\":{\"a\":\"(\"}}",
        "{\"regexp\":{\"a\":\"(?=x)\"}}",
        "{\"regexp\":{\"a\":{\"flags\":\"i\"}}}",
        "{\"regexp\":{\"a\":{\"value\":\"x\",\"what\":\"i\"}}}",
        "{\"match\":{}}",
        "{\"match\":[]}",
        "{\"select\":{\"field\":\"a\",\"index\":0}}",
        "{\"select\":{\"field\":\"a\",\"index\":0.5,\"query\":{\"exists\":\"value\"}}}",
        "{\"not\":{\"select\":{\"field\":\"a\",\"index\":0,\"query\":{\"exists\":\"value\"}}}}",
        "{\"and\":[]}",
        "{\"and\":{\"exists\":\"a\"}}",
        "{\"and\":[{}]}",
        "{\"not\":[]}",
        "{\"not\":{}}",
        "{\"bool\":{}}",
        "{\"bool\":{\"filter\":[{\"exists\":\"a\"}]}}",
        "{\"bool\":{\"must\":[]}}",
        "{\"geoDistance\":{\"p\":[0,0],\"distance\":100}}",
        "{\"geoDistance\":{\"p\":[0,0],\"distance\":\"100\"}}",
        "{\"geoDistance\":{\"p\":[0,0]}}",
        "{\"geoDistance\":{\"p\":{\"lat\":0,\"lng\":0},\"distance\":\"1km\"}}",
        "{\"geoDistanceRange\":{\"p\":[0,0],\"from\":\"2km\",\"to\":\"1km\"}}",
        "{\"geoBoundingBox\":{\"p\":{\"top\":0,\"left\":0,\"bottom\":1,\"right\":1}}}",
        "{\"geoPolygon\":{\"p\":{\"points\":[[0,0],[1,1]]}}}",
    };

    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        ck_assert_msg(parsed(filters[i], 100) == NULL, "%s", filters[i]);
        ck_assert_msg(failure.err == KDM_ERR_API_ASSERT_KONCORDE_DSL_ERROR, "%s: " KDM_FMT,
                      filters[i], KDM_ARG(failure.message));
        ck_assert(failure.message.ptr[0] == '"');
    }
}
END_TEST

START_TEST(conditions_are_limited)
{
    ck_assert(parsed("{\"or\":[{\"exists\":\"a\"},{\"exists\":\"b\"}]}", 2) != NULL);
    ck_assert(parsed("{\"or\":[{\"exists\":\"a\"},{\"exists\":\"b\"}]}", 1) == NULL);
    ck_assert(parsed("{\"in\":{\"a\":[\"x\",\"y\",\"z\"]}}", 3) != NULL);
    ck_assert(parsed("{\"in\":{\"a\":[\"x\",\"y\",\"z\"]}}", 2) == NULL);
    ck_assert_int_eq(failure.err, KDM_ERR_API_ASSERT_KONCORDE_DSL_ERROR);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("koncorde");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_add_test(tcase, each_clause_means_what_koncorde_means);
    tcase_add_test(tcase, what_koncorde_refuses_is_refused);
    tcase_add_test(tcase, conditions_are_limited);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
