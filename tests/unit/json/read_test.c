/* read_test.c - lookups, strings, numbers, equality. */
#include "../texts.h"
#include "json/json.h"
#include <math.h>

static void check_text(struct kdm_val val, const char *want)
{
    struct kdm_str text = kdm_val_text(val);

    ck_assert_msg(kdm_str_eq(text, kdm_str_of(want)), KDM_FMT " is not %s", KDM_ARG(text), want);
}

START_TEST(a_member_is_found_by_its_name)
{
    struct kdm_val val = parse("{\"a\":1,\"long name of a member, over 16\":[2],\"\":3}");

    check_text(kdm_val_get(val, KDM_STR("a")), "1");
    check_text(kdm_val_get(val, KDM_STR("long name of a member, over 16")), "[2]");
    check_text(kdm_val_get(val, KDM_STR("")), "3");
    check_text(kdm_val_get(val, KDM_STR_NONE), "3");
    ck_assert(kdm_val_none(kdm_val_get(val, KDM_STR("b"))));
    ck_assert(kdm_val_none(kdm_val_get(kdm_val_get(val, KDM_STR("b")), KDM_STR("a"))));
    ck_assert(kdm_val_none(kdm_val_get(parse("[1]"), KDM_STR("a"))));
    ck_assert(kdm_val_none(kdm_val_get(parse("\"a\""), KDM_STR("a"))));
}
END_TEST

START_TEST(an_escaped_name_is_the_same_name)
{
    struct kdm_val val = parse("{\"_kuzzle\\u005finfo\":1,\"\\ud83d\\ude00\":2,\"a\\u0000\":3}");

    check_text(kdm_val_get(val, KDM_STR("_kuzzle_info")), "1");
    check_text(kdm_val_get(val, KDM_STR("\xf0\x9f\x98\x80")), "2");
    check_text(kdm_val_get(val, KDM_STR("a\0")), "3");
    ck_assert(kdm_val_none(kdm_val_get(val, KDM_STR("a"))));
}
END_TEST

START_TEST(of_members_with_one_name_the_last_counts)
{
    check_text(kdm_val_get(parse("{\"a\":1,\"b\":2,\"\\u0061\":3}"), KDM_STR("a")), "3");
}
END_TEST

START_TEST(a_path_leads_through_objects_only)
{
    struct kdm_val val = parse("{\"a\":{\"b\":{\"c\":1}},\"d\":[{\"e\":1}],\"f.g\":1}");

    check_text(kdm_val_path(val, KDM_STR("a.b.c")), "1");
    check_text(kdm_val_path(val, KDM_STR("a.b")), "{\"c\":1}");
    ck_assert(kdm_val_none(kdm_val_path(val, KDM_STR("a.x.c"))));
    ck_assert(kdm_val_none(kdm_val_path(val, KDM_STR("d.0.e"))));
    ck_assert(kdm_val_none(kdm_val_path(val, KDM_STR("f.g"))));
    ck_assert(kdm_val_none(kdm_val_path(val, KDM_STR("a."))));
    ck_assert(kdm_val_none(kdm_val_path(val, KDM_STR(""))));
    ck_assert(kdm_val_none(kdm_val_path(KDM_VAL_NONE, KDM_STR("a"))));
}
END_TEST

START_TEST(a_walk_meets_members_and_elements_in_order)
{
    struct kdm_val val = parse("{\"a\":[1,[2],3],\"b\":{\"c\":1},\"d\":4}"), name, value;
    const char *const names[] = { "\"a\"", "\"b\"", "\"d\"" };
    const char *const elements[] = { "1", "[2]", "3" };
    struct kdm_val_iter it;
    int i = 0;

    for (kdm_members(&it, val); kdm_member_next(&it, &name, &value);)
        check_text(name, names[i++]);
    ck_assert_int_eq(i, 3);
    i = 0;
    for (kdm_elements(&it, kdm_val_get(val, KDM_STR("a"))); kdm_element_next(&it, &value);)
        check_text(value, elements[i++]);
    ck_assert_int_eq(i, 3);
    kdm_elements(&it, val);
    ck_assert(!kdm_element_next(&it, &value));
    kdm_members(&it, KDM_VAL_NONE);
    ck_assert(!kdm_member_next(&it, &name, &value));
    ck_assert_uint_eq(kdm_val_count(val), 3);
    ck_assert_uint_eq(kdm_val_count(value), 0);
}
END_TEST

START_TEST(a_string_is_copied_only_when_it_has_escapes)
{
    struct kdm_val plain = parse("\"abc\""),
                   escaped = parse("\"a\\n\\u00e9\\ud83d\\ude00\\/\\\"\"");

    ck_assert_ptr_eq(kdm_val_str(&arena, plain).ptr, kdm_val_text(plain).ptr + 1);
    ck_assert(kdm_str_eq(kdm_val_str(&arena, escaped), KDM_STR("a\n\xc3\xa9\xf0\x9f\x98\x80/\"")));
    ck_assert(kdm_str_none(kdm_val_str(&arena, parse("1"))));
    ck_assert(kdm_str_none(kdm_val_str(&arena, KDM_VAL_NONE)));
    ck_assert(kdm_val_str_eq(escaped, KDM_STR("a\n\xc3\xa9\xf0\x9f\x98\x80/\"")));
    ck_assert(!kdm_val_str_eq(escaped, KDM_STR("a\n\xc3\xa9\xf0\x9f\x98\x80/")));
    ck_assert(!kdm_val_str_eq(escaped, KDM_STR("a\n\xc3\xa9\xf0\x9f\x98\x80/\"x")));
    ck_assert(!kdm_val_str_eq(parse("1"), KDM_STR("1")));
    ck_assert(!kdm_val_str_eq(KDM_VAL_NONE, KDM_STR_NONE));
}
END_TEST

START_TEST(absent_and_null_are_both_null)
{
    ck_assert(kdm_val_null(KDM_VAL_NONE));
    ck_assert(kdm_val_null(parse("null")));
    ck_assert(!kdm_val_null(parse("false")));
    ck_assert(!kdm_val_none(parse("null")));
    ck_assert(kdm_str_none(kdm_val_text(KDM_VAL_NONE)));
}
END_TEST

START_TEST(a_whole_number_is_read_however_it_is_written)
{
    static const struct {
        const char *text;
        int64_t value;
    } whole[] = { { "0", 0 },
                  { "-0", 0 },
                  { "-0.0", 0 },
                  { "0e5", 0 },
                  { "12", 12 },
                  { "-7", -7 },
                  { "1.0", 1 },
                  { "1e3", 1000 },
                  { "1.5e1", 15 },
                  { "1200e-2", 12 },
                  { "0.001e3", 1 },
                  { "0.0001200e6", 120 },
                  { "9223372036854775807", INT64_MAX },
                  { "-9223372036854775808", INT64_MIN },
                  { "9223372036854775807.000", INT64_MAX },
                  { "-922337203685477580.8e1", INT64_MIN },
                  { "1e18", 1000000000000000000 } };
    static const char *const others[] = { "1.5",
                                          "1e-1",
                                          "9223372036854775808",
                                          "-9223372036854775809",
                                          "1e19",
                                          "1e300",
                                          "0.1",
                                          "1e-99999999999",
                                          "\"1\"",
                                          "null",
                                          "[1]" };
    int64_t value = 99;

    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        ck_assert_msg(kdm_val_int64(parse(whole[i].text), &value), "%s", whole[i].text);
        ck_assert_int_eq(value, whole[i].value);
    }
    value = 99;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        ck_assert_msg(!kdm_val_int64(parse(others[i]), &value) && value == 99, "%s", others[i]);
    ck_assert(!kdm_val_int64(KDM_VAL_NONE, &value));
}
END_TEST

START_TEST(a_double_is_the_one_that_strtod_reads)
{
    static const char *const texts[] = {
        "0",
        "-0.0",
        "1",
        "0.1",
        "-2.5e-3",
        "123456789012345",
        "1234567890123456",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "9007199254740993",
        "123456789012345678901234567890",
        "5e-324",
        "2e-324",
        "1.7976931348623157e308",
        "4.35",
        "0.3",
        "2.2250738585072011e-308",
        "0.1000000000000000055511151231257827021181583404541015625",
        "9007199254740992.9999999999999999999999999999999999",
        "1e-400",
        "0.00000000000000000001"
    };
    double value = 0;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert(kdm_val_double(parse(texts[i]), &value));
        ck_assert_msg(value == strtod(texts[i], NULL), "%s", texts[i]);
    }
    ck_assert(!kdm_val_double(parse("\"1\""), &value));
    ck_assert(kdm_val_double(parse("-0.0"), &value) && signbit(value));
}
END_TEST

/* 1 + 2^-53 lies in the middle of two doubles; what stands 900 digits later decides. */
START_TEST(digits_far_behind_still_decide)
{
    char text[1100];
    double value = 0;

    memset(text, '0', sizeof(text));
    memcpy(text, "1.00000000000000011102230246251565404236316680908203125", 55);
    text[1098] = '1';
    text[1099] = '\0';
    ck_assert(kdm_val_double(parse(text), &value));
    ck_assert(value == 1.0000000000000002220446049250313);
    text[1098] = '0';
    ck_assert(kdm_val_double(parse(text), &value));
    ck_assert(value == 1.0);
}
END_TEST

START_TEST(equal_values_may_be_written_differently)
{
    static const char *const equal[][2] = {
        { "1", "1.0" },
        { "100", "1e2" },
        { "0", "-0" },
        { "0.1", "1e-1" },
        { "0.1", "0.10000000000000001" },
        { "\"a\"", "\"\\u0061\"" },
        { "{\"a\":1,\"b\":[2]}", " { \"b\" : [ 2.0 ] , \"\\u0061\" : 1 }" },
        { "{\"a\":1,\"a\":2}", "{\"a\":2}" },
        { "{\"a\":2}", "{\"a\":1,\"a\":2}" },
        { "[]", "[ ]" },
        { "true", "true" },
        { "{}", "{ }" },
        { "123456789012345678901234567890", "1.2345678901234567890123456789e29" },
    };
    static const char *const different[][2] = {
        { "1", "2" },
        { "1", "\"1\"" },
        { "9007199254740993", "9007199254740992" },
        { "1", "-1" },
        { "[1,2]", "[2,1]" },
        { "[1]", "[1,1]" },
        { "{\"a\":1}", "{\"b\":1}" },
        { "{\"a\":1}", "{\"a\":1,\"b\":1}" },
        { "{\"a\":1,\"b\":1}", "{\"a\":1,\"a\":1}" },
        { "true", "false" },
        { "null", "0" },
        { "\"a\"", "\"\\u0062\"" },
        { "{}", "[]" },
        { "\"\"", "\"\\u0000\"" },
    };

    for (size_t i = 0; i < sizeof(equal) / sizeof(equal[0]); i++) {
        ck_assert_msg(kdm_val_equal(&arena, parse(equal[i][0]), parse(equal[i][1])), "%s",
                      equal[i][0]);
        ck_assert(kdm_val_equal(&arena, parse(equal[i][1]), parse(equal[i][0])));
    }
    for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++) {
        ck_assert_msg(!kdm_val_equal(&arena, parse(different[i][0]), parse(different[i][1])), "%s",
                      different[i][0]);
        ck_assert(!kdm_val_equal(&arena, parse(different[i][1]), parse(different[i][0])));
    }
    ck_assert(kdm_val_equal(&arena, KDM_VAL_NONE, KDM_VAL_NONE));
    ck_assert(!kdm_val_equal(&arena, KDM_VAL_NONE, parse("null")));
}
END_TEST

START_TEST(the_seed_changes_the_hashes_and_nothing_else)
{
    struct kdm_val before = parse("{\"name\":1}"), after;

    kdm_json_seed(42, 43);
    after = parse("{\"name\":1}");
    ck_assert_uint_ne(before.doc->nodes[1].count, after.doc->nodes[1].count);
    check_text(kdm_val_get(after, KDM_STR("name")), "1");
}
END_TEST

START_TEST(an_id_is_found_in_a_text_that_is_refused)
{
    static const char *const table[][2] = {
        { "{\"id\":\"a\"", "\"a\"" },
        { "{\"x\":[{\"id\":\"no\"}], \"id\" :\t\"a\\\"b\" , !", "\"a\\\"b\"" },
        { "{\"x\":{\"id\":\"no\"},\"y\":\"\\\",id\",\"id\":\"a\"}}", "\"a\"" },
        { "{\"id\":\"a\",\"id\":\"b\",,}", "\"b\"" },
        { "{\"x\":\"}}\",\"id\":\"a\",]", "\"a\"" },
        { "{\"id\":\"a\",\"x\":\"id\",", "\"a\"" },
        { "{\"id\":5,", NULL },
        { "{\"id\":\"a", NULL },
        { "{\"id\"", NULL },
        { "{\"id\\", NULL },
        { "{\"id\":\"\\ud800\",", NULL },
        { "{\"id\":\"\xff\",", NULL },
        { "{\"x\":\"id\",\"\":\"a\",", NULL },
        { "\"id\":\"a\"", NULL },
        { "]{\"id\":\"a\"", "\"a\"" },
        { "", NULL },
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct kdm_val val = kdm_json_salvage(&arena, kdm_str_of(table[i][0]), KDM_STR("id"));

        if (table[i][1] == NULL)
            ck_assert_msg(kdm_val_none(val), "%s", table[i][0]);
        else
            check_text(val, table[i][1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("read");
    TCase *tcase = tcase_create("read");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_add_test(tcase, a_member_is_found_by_its_name);
    tcase_add_test(tcase, an_escaped_name_is_the_same_name);
    tcase_add_test(tcase, of_members_with_one_name_the_last_counts);
    tcase_add_test(tcase, a_path_leads_through_objects_only);
    tcase_add_test(tcase, a_walk_meets_members_and_elements_in_order);
    tcase_add_test(tcase, a_string_is_copied_only_when_it_has_escapes);
    tcase_add_test(tcase, absent_and_null_are_both_null);
    tcase_add_test(tcase, a_whole_number_is_read_however_it_is_written);
    tcase_add_test(tcase, a_double_is_the_one_that_strtod_reads);
    tcase_add_test(tcase, digits_far_behind_still_decide);
    tcase_add_test(tcase, equal_values_may_be_written_differently);
    tcase_add_test(tcase, an_id_is_found_in_a_text_that_is_refused);
    tcase_add_test(tcase, the_seed_changes_the_hashes_and_nothing_else);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
