/* kuzzle_yaml_test.c - JSON written as YAML. */
#include "../texts.h"
#include "action/kuzzle/yaml.h"

static const char *yaml(const char *json)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 64);
    kdm_yaml_put(&arena, &buf, kdm_json_parse(&arena, kdm_str_of(json)));
    return kdm_arena_copy(&arena, kdm_buf_str(&buf)).ptr;
}

START_TEST(scalars_stand_as_they_are)
{
    ck_assert_str_eq(yaml("1.50"), "1.50\n");
    ck_assert_str_eq(yaml("true"), "true\n");
    ck_assert_str_eq(yaml("null"), "null\n");
    ck_assert_str_eq(yaml("{}"), "{}\n");
    ck_assert_str_eq(yaml("[]"), "[]\n");
}
END_TEST

START_TEST(only_plain_words_go_without_quotes)
{
    ck_assert_str_eq(yaml("\"word_1\""), "word_1\n");
    ck_assert_str_eq(yaml("\"\""), "\"\"\n");
    ck_assert_str_eq(yaml("\"two words\""), "\"two words\"\n");
    ck_assert_str_eq(yaml("\"1e3\""), "\"1e3\"\n");
    ck_assert_str_eq(yaml("\"-\""), "\"-\"\n");
    ck_assert_str_eq(yaml("\"a: b # c\""), "\"a: b # c\"\n");
    ck_assert_str_eq(yaml("\"line\\nend \\u0001 \\\"q\\\" \\\\\""),
                     "\"line\\nend \\u0001 \\\"q\\\" \\\\\"\n");
}
END_TEST

START_TEST(words_that_mean_something_else_are_quoted)
{
    ck_assert_str_eq(yaml("[\"true\",\"No\",\"OFF\",\"y\",\"null\"]"),
                     "- \"true\"\n- \"No\"\n- \"OFF\"\n- \"y\"\n- \"null\"\n");
}
END_TEST

START_TEST(levels_are_two_blanks_further_in)
{
    ck_assert_str_eq(yaml("{\"a\":{\"b\":[1,{\"c\":2,\"d\":{}},[3]]},\"/x/{id}\":\"z\"}"),
                     "a:\n"
                     "  b:\n"
                     "    - 1\n"
                     "    -\n"
                     "      c: 2\n"
                     "      d: {}\n"
                     "    -\n"
                     "      - 3\n"
                     "\"/x/{id}\": z\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("yaml");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_add_test(tcase, scalars_stand_as_they_are);
    tcase_add_test(tcase, only_plain_words_go_without_quotes);
    tcase_add_test(tcase, words_that_mean_something_else_are_quoted);
    tcase_add_test(tcase, levels_are_two_blanks_further_in);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
