/* tree_test.c - to jansson and back. */
#include "../texts.h"
#include "json/json.h"

static void check_round_trip(const char *text, const char *want)
{
    json_t *tree = kdm_json_tree(kdm_json_parse(&arena, kdm_str_of(text)));
    struct kdm_str back = kdm_json_of_tree(&arena, tree);

    ck_assert_msg(kdm_str_eq(back, kdm_str_of(want)), KDM_FMT " is not %s", KDM_ARG(back), want);
    json_decref(tree);
}

START_TEST(a_tree_keeps_order_and_numbers)
{
    check_round_trip("{\"z\":0.1,\"a\":[1,2.0,-3e2],\"m\":{\"x\":null,\"b\":true,\"c\":false}}",
                     "{\"z\":0.1,\"a\":[1,2,-300],\"m\":{\"x\":null,\"b\":true,\"c\":false}}");
    check_round_trip("{\"b\":1,\"a\":2,\"b\":3}", "{\"b\":3,\"a\":2}");
    check_round_trip("\"\\u00e9\\n\\u0000\"", "\"\xc3\xa9\\n\\u0000\"");
    check_round_trip("{\"a\\u0000b\":1,\"\":2}", "{\"a\\u0000b\":1,\"\":2}");
    check_round_trip("[]", "[]");
    check_round_trip("9223372036854775807", "9223372036854775807");
}
END_TEST

START_TEST(integers_beyond_64_bits_become_reals)
{
    json_t *tree = kdm_json_tree(kdm_json_parse(&arena, KDM_STR("9223372036854775808")));

    ck_assert(json_is_real(tree));
    ck_assert(json_real_value(tree) == 9223372036854775808.0);
    json_decref(tree);
}
END_TEST

START_TEST(nothing_has_no_tree_and_no_text)
{
    ck_assert_ptr_null(kdm_json_tree(KDM_VAL_NONE));
    ck_assert(kdm_str_none(kdm_json_of_tree(&arena, NULL)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tree");
    TCase *tcase = tcase_create("tree");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_add_test(tcase, a_tree_keeps_order_and_numbers);
    tcase_add_test(tcase, integers_beyond_64_bits_become_reals);
    tcase_add_test(tcase, nothing_has_no_tree_and_no_text);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
