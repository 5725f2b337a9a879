/* write_test.c - strings, doubles, names, members, pretty. */
#include "json/json.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct kdm_arena arena;
static struct kdm_buf buf;

static void setup(void)
{
    kdm_arena_init(&arena, 4096);
    kdm_buf_init(&buf, NULL, 0);
}

static void teardown(void)
{
    kdm_buf_fini(&buf);
    kdm_arena_fini(&arena);
}

static struct kdm_val parse(const char *text)
{
    return kdm_json_parse(&arena, kdm_str_of(text));
}

static void check_written(const char *want)
{
    ck_assert_msg(kdm_str_eq(kdm_buf_str(&buf), kdm_str_of(want)), KDM_FMT " is not %s",
                  KDM_ARG(kdm_buf_str(&buf)), want);
    buf.len = 0;
}

START_TEST(a_string_gets_escapes_only_where_json_needs_them)
{
    kdm_json_put_str(&buf, KDM_STR("a\"b\\c/\b\f\n\r\t\0\x1f\x7f\xc3\xa9"));
    check_written("\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\xc3\xa9\"");
    kdm_json_put_str(&buf, KDM_STR("a line that is longer than sixteen bytes\n, twice\n"));
    check_written("\"a line that is longer than sixteen bytes\\n, twice\\n\"");
    kdm_json_put_str(&buf, KDM_STR(""));
    check_written("\"\"");
    kdm_json_put_str(&buf, KDM_STR_NONE);
    check_written("\"\"");
}
END_TEST

START_TEST(a_double_is_written_as_javascript_writes_it)
{
    static const struct {
        double value;
        const char *text;
    } doubles[] = {
        { 0, "0" },
        { -0.0, "0" },
        { 1, "1" },
        { -1.5, "-1.5" },
        { 0.1, "0.1" },
        { 100, "100" },
        { 4.35, "4.35" },
        { 1e-6, "0.000001" },
        { 1e-7, "1e-7" },
        { 1.5e-7, "1.5e-7" },
        { 123456789012345680000.0, "123456789012345680000" },
        { 1e21, "1e+21" },
        { 1.25e22, "1.25e+22" },
        { 5e-324, "5e-324" },
        { 1e15, "1000000000000000" },
        { 1.7976931348623157e308, "1.7976931348623157e+308" },
        { 0.000123, "0.000123" },
        { 2.2250738585072014e-308, "2.2250738585072014e-308" },
        { 1234.5678, "1234.5678" },
        { 9007199254740993.0, "9007199254740992" },
        { NAN, "null" },
        { -INFINITY, "null" },
        { 0.30000000000000004, "0.30000000000000004" },
        { -1e300, "-1e+300" },
    };

    for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
        kdm_json_put_double(&buf, doubles[i].value);
        check_written(doubles[i].text);
    }
}
END_TEST

START_TEST(every_double_reads_back_equal)
{
    uint64_t bits = 88172645463325252;

    for (int i = 0; i < 20000; i++) {
        double value, again = 0;

        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        memcpy(&value, &bits, sizeof(value));
        if (!isfinite(value))
            continue;
        kdm_json_put_double(&buf, value);
        ck_assert(kdm_val_double(kdm_json_parse(&arena, kdm_buf_str(&buf)), &again));
        ck_assert_msg(again == value, "%.17g", value);
        buf.len = 0;
        kdm_arena_reset(&arena);
    }
}
END_TEST

START_TEST(a_name_brings_its_comma)
{
    kdm_buf_char(&buf, '{');
    kdm_json_put_name(&buf, KDM_STR("a"));
    kdm_buf_char(&buf, '{');
    kdm_json_put_name(&buf, KDM_STR("b\"{"));
    kdm_buf_lit(&buf, "\"{\"");
    kdm_json_put_name(&buf, KDM_STR(""));
    kdm_buf_lit(&buf, "1}}");
    check_written("{\"a\":{\"b\\\"{\":\"{\",\"\":1}}");
}
END_TEST

START_TEST(a_text_alone_and_as_the_only_member)
{
    ck_assert(kdm_str_eq(kdm_json_quoted(&arena, KDM_STR("a\"b")), KDM_STR("\"a\\\"b\"")));
    ck_assert(kdm_str_eq(kdm_json_pair(&arena, "_id", KDM_STR("a\\b")),
                         KDM_STR("{\"_id\":\"a\\\\b\"}")));
    ck_assert(kdm_str_eq(kdm_json_pair(&arena, "_id", KDM_STR("")), KDM_STR("{\"_id\":\"\"}")));
}
END_TEST

START_TEST(texts_make_an_array)
{
    struct kdm_str items[] = { KDM_STR("a\""), KDM_STR("") };

    kdm_json_put_strings(&buf, &(struct kdm_str_list){ items, 2 });
    kdm_json_put_strings(&buf, &(struct kdm_str_list){ NULL, 0 });
    check_written("[\"a\\\"\",\"\"][]");
}
END_TEST

START_TEST(members_are_put_without_those_to_skip)
{
    struct kdm_str skip[] = { KDM_STR("_kuzzle_info"), KDM_STR("b") };
    struct kdm_val val = parse("{\"_kuzzle\\u005finfo\":{},\"a\":[ 1 ],\"b\":2,\"c\":3,\"a\":{}}");

    ck_assert_uint_eq(kdm_json_put_members_except(&buf, val, skip, 2), 2);
    check_written("\"a\":{},\"c\":3");
    ck_assert_uint_eq(kdm_json_put_members_except(&buf, parse("{}"), skip, 2), 0);
    ck_assert_uint_eq(kdm_json_put_members_except(&buf, KDM_VAL_NONE, NULL, 0), 0);
    check_written("");
    ck_assert_uint_eq(kdm_json_put_members_except(&buf, parse("{\"x\":1}"), NULL, 0), 1);
    check_written("\"x\":1");
}
END_TEST

START_TEST(pretty_text_has_a_line_a_value)
{
    struct kdm_str text =
        kdm_json_pretty(&arena, parse("{\"a\":{\"b\":[1,{}],\"c\":[]},\"d\":\"x\"}"), 2);

    kdm_buf_put(&buf, text);
    check_written("{\n  \"a\": {\n    \"b\": [\n      1,\n      {}\n    ],\n    \"c\": []\n  },\n"
                  "  \"d\": \"x\"\n}");
    kdm_buf_put(&buf, kdm_json_pretty(&arena, parse("[1]"), 0));
    check_written("[\n1\n]");
    kdm_buf_put(&buf, kdm_json_pretty(&arena, parse(" 1 "), 4));
    check_written("1");
    ck_assert(kdm_str_none(kdm_json_pretty(&arena, KDM_VAL_NONE, 2)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("write");
    TCase *tcase = tcase_create("write");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_string_gets_escapes_only_where_json_needs_them);
    tcase_add_test(tcase, a_double_is_written_as_javascript_writes_it);
    tcase_add_test(tcase, every_double_reads_back_equal);
    tcase_add_test(tcase, a_name_brings_its_comma);
    tcase_add_test(tcase, a_text_alone_and_as_the_only_member);
    tcase_add_test(tcase, texts_make_an_array);
    tcase_add_test(tcase, members_are_put_without_those_to_skip);
    tcase_add_test(tcase, pretty_text_has_a_line_a_value);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
