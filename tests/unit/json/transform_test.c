/* transform_test.c - canonical, merge, set, without, flatten. */
#include "../texts.h"
#include "json/json.h"

START_TEST(canonical_text_is_its_own_text)
{
    struct kdm_val val = parse(" {\"a\":[1.50,\"\\u0061 b\"],\"b\":{}} ");

    ck_assert_ptr_eq(kdm_json_canonical(&arena, val).ptr, kdm_val_text(val).ptr);
    ck_assert(kdm_str_none(kdm_json_canonical(&arena, KDM_VAL_NONE)));
    val = kdm_val_get(parse("{\"a\": {\"b\":1}}"), KDM_STR("a"));
    ck_assert_ptr_eq(kdm_json_canonical(&arena, val).ptr, kdm_val_text(val).ptr);
}
END_TEST

START_TEST(canonical_resolves_duplicates_and_drops_white_space)
{
    assert_text(
        kdm_json_canonical(&arena, parse("{ \"a\" : 1 , \"b\" : [ 1 , 2 ] , \"\\u0061\" : { } }")),
        "{\"a\":{},\"b\":[1,2]}");
    assert_text(kdm_json_canonical(&arena, parse("[{\"x\":{\"y\":1,\"y\":2,\"z\":3,\"y\":[4]}}]")),
                "[{\"x\":{\"y\":[4],\"z\":3}}]");
    assert_text(kdm_json_canonical(&arena, parse("\n[\n]\n")), "[]");
}
END_TEST

START_TEST(merge_goes_into_objects_and_replaces_the_rest)
{
    static const char *const cases[][3] = {
        { "{\"a\":1,\"b\":{\"c\":1,\"d\":2}}", "{\"b\":{\"d\":null,\"e\":[1]},\"z\":{\"y\":1}}",
          "{\"a\":1,\"b\":{\"c\":1,\"d\":null,\"e\":[1]},\"z\":{\"y\":1}}" },
        { "{\"a\":[1,2]}", "{\"a\":[3]}", "{\"a\":[3]}" },
        { "{\"a\":{\"b\":1}}", "{\"a\":2}", "{\"a\":2}" },
        { "{\"a\":2}", "{\"a\":{\"b\":1}}", "{\"a\":{\"b\":1}}" },
        { "{}", "{}", "{}" },
        { "{\"a\":1}", "{}", "{\"a\":1}" },
        { "{}", "{\"a\": 1}", "{\"a\":1}" },
        { "{\"a\":1}", "{\"\\u0061\":2}", "{\"a\":2}" },
        { "{\"a\":{\"x\":1},\"a\":{\"y\":1}}", "{\"a\":{\"z\":1},\"b\":1,\"b\":2}",
          "{\"a\":{\"y\":1,\"z\":1},\"b\":2}" },
        { "[1]", "{\"a\": 1}", "{\"a\":1}" },
        { "{\"a\":1}", "7", "7" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_text(kdm_json_merge(&arena, parse(cases[i][0]), parse(cases[i][1])), cases[i][2]);
    assert_text(kdm_json_merge(&arena, KDM_VAL_NONE, parse("{\"a\":1}")), "{\"a\":1}");
    assert_text(kdm_json_merge(&arena, parse("{\"a\": 1}"), KDM_VAL_NONE), "{\"a\":1}");
}
END_TEST

START_TEST(assign_replaces_members_whole)
{
    static const char *const cases[][3] = {
        { "{\"a\":1,\"b\":{\"c\":1}}", "{\"b\":{\"d\":2},\"z\":null}",
          "{\"a\":1,\"b\":{\"d\":2},\"z\":null}" },
        { "{\"a\":1,\"a\":2}", "{\"\\u0061\":{},\"a\":{\"x\":1}}", "{\"a\":{\"x\":1}}" },
        { "{}", "{\"a\": 1, \"a\": 2}", "{\"a\":2}" },
        { "{\"a\": 1}", "{}", "{\"a\":1}" },
        { "{\"a\":1}", "[2]", "[2]" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_text(kdm_json_assign(&arena, parse(cases[i][0]), parse(cases[i][1])), cases[i][2]);
}
END_TEST

START_TEST(set_puts_a_member_in_its_place_or_at_the_end)
{
    struct kdm_val val = parse("{\"a\":1, \"b\":2,\"a\":3}");

    assert_text(kdm_json_set(&arena, val, KDM_STR("a"), KDM_STR("{}")), "{\"a\":{},\"b\":2}");
    assert_text(kdm_json_set(&arena, val, KDM_STR("a.\n"), KDM_STR("4")),
                "{\"a\":3,\"b\":2,\"a.\\n\":4}");
    assert_text(kdm_json_set(&arena, val, KDM_STR("a"), KDM_STR_NONE), "{\"b\":2}");
    assert_text(kdm_json_set(&arena, val, KDM_STR("x"), KDM_STR_NONE), "{\"a\":3,\"b\":2}");
    assert_text(kdm_json_set(&arena, parse("{}"), KDM_STR("x"), KDM_STR("1")), "{\"x\":1}");
    assert_text(kdm_json_set(&arena, KDM_VAL_NONE, KDM_STR("x"), KDM_STR("1")), "{\"x\":1}");
}
END_TEST

START_TEST(a_set_path_makes_the_objects_on_its_way)
{
    struct kdm_val val = parse("{\"a\":1,\"b\":{\"c\":{\"d\":2}}}");

    assert_text(kdm_json_set_path(&arena, val, KDM_STR("a.x.y"), KDM_STR("7")),
                "{\"a\":{\"x\":{\"y\":7}},\"b\":{\"c\":{\"d\":2}}}");
    assert_text(kdm_json_set_path(&arena, val, KDM_STR("b.c.e"), KDM_STR("7")),
                "{\"a\":1,\"b\":{\"c\":{\"d\":2,\"e\":7}}}");
    assert_text(kdm_json_set_path(&arena, val, KDM_STR("b.c"), KDM_STR("7")),
                "{\"a\":1,\"b\":{\"c\":7}}");
    assert_text(kdm_json_set_path(&arena, val, KDM_STR("b.f.g"), KDM_STR("7")),
                "{\"a\":1,\"b\":{\"c\":{\"d\":2},\"f\":{\"g\":7}}}");
    assert_text(kdm_json_set_path(&arena, val, KDM_STR("b.c.d"), KDM_STR_NONE),
                "{\"a\":1,\"b\":{\"c\":{}}}");
    assert_text(kdm_json_set_path(&arena, parse("[]"), KDM_STR("z"), KDM_STR("7")), "{\"z\":7}");
}
END_TEST

START_TEST(a_path_of_too_many_parts_changes_nothing)
{
    char path[2 * KDM_JSON_MAX_DEPTH + 1];

    for (size_t i = 0; i < sizeof(path); i++)
        path[i] = i % 2 == 0 ? 'a' : '.';
    assert_text(kdm_json_set_path(&arena, parse("{\"b\": 1}"),
                                  (struct kdm_str){ path, sizeof(path) }, KDM_STR("7")),
                "{\"b\":1}");
    kdm_json_parse(&arena,
                   kdm_json_set_path(&arena, parse("{}"),
                                     (struct kdm_str){ path, sizeof(path) - 2 }, KDM_STR("7")));
}
END_TEST

START_TEST(paths_are_taken_out_and_missing_ones_ignored)
{
    struct kdm_str paths[] = { KDM_STR("a.b.d"), KDM_STR("e"), KDM_STR("no.such"),
                               KDM_STR("a.b.d.x"), KDM_STR("") };
    struct kdm_val val = parse("{\"a\":{\"b\":{\"d\":1,\"f\":[2]}},\"\\u0065\":1,\"g\":{}}");

    assert_text(kdm_json_without_paths(&arena, val, paths, 5),
                "{\"a\":{\"b\":{\"f\":[2]}},\"g\":{}}");
    ck_assert_ptr_eq(kdm_json_without_paths(&arena, val, paths + 2, 3).ptr, kdm_val_text(val).ptr);
    paths[0] = KDM_STR("a");
    paths[1] = KDM_STR("a.b");
    assert_text(kdm_json_without_paths(&arena, val, paths, 2), "{\"\\u0065\":1,\"g\":{}}");
    assert_text(kdm_json_without_paths(&arena, parse("{\"a\":1,\"b\":2,\"a\":3}"), paths, 1),
                "{\"b\":2}");
    assert_text(kdm_json_without_paths(&arena, KDM_VAL_NONE, paths, 1), "{}");
}
END_TEST

START_TEST(many_paths_are_taken_out_of_many_members)
{
    enum { MEMBERS = 50000 };
    struct kdm_str *paths = kdm_arena_alloc(&arena, MEMBERS * sizeof(*paths));
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 20 * MEMBERS);
    kdm_buf_lit(&buf, "{\"x\":{");
    for (int i = 0; i < MEMBERS; i++) {
        paths[i] = kdm_arena_printf(&arena, "x.%d", i);
        kdm_buf_printf(&buf, "\"%d\":0,", i);
    }
    kdm_buf_lit(&buf, "\"stays\":1}}");
    assert_text(
        kdm_json_without_paths(&arena, kdm_json_parse(&arena, kdm_buf_str(&buf)), paths, MEMBERS),
        "{\"x\":{\"stays\":1}}");
}
END_TEST

static void check_flat(const char *text, const char *want)
{
    struct kdm_str_list list = kdm_json_flatten(&arena, parse(text));
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 64);
    for (size_t i = 0; i < list.count; i++) {
        kdm_buf_put(&buf, list.items[i]);
        kdm_buf_char(&buf, ' ');
    }
    ck_assert_ptr_nonnull(list.items);
    assert_text(kdm_buf_str(&buf), want);
}

START_TEST(leaves_are_listed_by_their_paths_in_order)
{
    check_flat("{\"a\":{\"b\":{\"d\":[2,{\"x\":1}]},\"e\":{}},\"c\":null,\"f\\n\":1}",
               "a.b.d c f\n ");
    check_flat("{}", "");
    check_flat("[1]", "");
    check_flat("{\"a\":1,\"b\":1,\"a\":{\"c\":1}}", "a.c b ");
    check_flat("{\"\":{\"\":1},\"a\":{\"\":1}}", ". a. ");
}
END_TEST

START_TEST(a_long_name_above_many_leaves_does_not_eat_the_memory)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 1 << 20);
    kdm_buf_lit(&buf, "{\"");
    memset(kdm_buf_room(&buf, 500000), 'x', 500000);
    buf.len += 500000;
    kdm_buf_lit(&buf, "\":{\"a\":1");
    for (int i = 0; i < 40000; i++)
        kdm_buf_printf(&buf, ",\"%d\":1", i);
    kdm_buf_lit(&buf, "}}");
    ck_assert_ptr_null(kdm_json_flatten(&arena, kdm_json_parse(&arena, kdm_buf_str(&buf))).items);
}
END_TEST

/* Nothing here may be quadratic: 2 x 100,000 members that all differ. */
START_TEST(large_objects_merge_and_compare_in_linear_time)
{
    enum { MEMBERS = 100000 };
    struct kdm_buf one, two;
    struct kdm_val a, b, merged;

    kdm_buf_init(&one, &arena, 16 * MEMBERS);
    kdm_buf_init(&two, &arena, 16 * MEMBERS);
    kdm_buf_lit(&one, "{\"same\":1,\"same\":1");
    kdm_buf_lit(&two, "{\"same\":2");
    for (int i = 0; i < MEMBERS; i++) {
        kdm_buf_printf(&one, ",\"a%d\":0", i);
        kdm_buf_printf(&two, ",\"b%d\":0", i);
    }
    kdm_buf_char(&one, '}');
    kdm_buf_char(&two, '}');
    a = kdm_json_parse(&arena, kdm_buf_str(&one));
    b = kdm_json_parse(&arena, kdm_buf_str(&two));
    merged = kdm_json_parse(&arena, kdm_json_merge(&arena, a, b));
    ck_assert_uint_eq(kdm_val_count(merged), 2 * MEMBERS + 1);
    merged = kdm_json_parse(&arena, kdm_json_assign(&arena, a, b));
    ck_assert_uint_eq(kdm_val_count(merged), 2 * MEMBERS + 1);
    merged = kdm_json_parse(&arena, kdm_json_canonical(&arena, a));
    ck_assert(kdm_val_equal(&arena, merged, a));
    ck_assert(!kdm_val_equal(&arena, merged, b));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("transform");
    TCase *tcase = tcase_create("transform");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_add_test(tcase, canonical_text_is_its_own_text);
    tcase_add_test(tcase, canonical_resolves_duplicates_and_drops_white_space);
    tcase_add_test(tcase, merge_goes_into_objects_and_replaces_the_rest);
    tcase_add_test(tcase, assign_replaces_members_whole);
    tcase_add_test(tcase, set_puts_a_member_in_its_place_or_at_the_end);
    tcase_add_test(tcase, a_set_path_makes_the_objects_on_its_way);
    tcase_add_test(tcase, a_path_of_too_many_parts_changes_nothing);
    tcase_add_test(tcase, paths_are_taken_out_and_missing_ones_ignored);
    tcase_add_test(tcase, many_paths_are_taken_out_of_many_members);
    tcase_add_test(tcase, leaves_are_listed_by_their_paths_in_order);
    tcase_add_test(tcase, a_long_name_above_many_leaves_does_not_eat_the_memory);
    tcase_add_test(tcase, large_objects_merge_and_compare_in_linear_time);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
