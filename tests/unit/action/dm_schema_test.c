/* dm_schema_test.c - which objects are JSON schemas of draft-07. */
#include "../texts.h"
#include "action/device_manager/schema.h"
#include <time.h>

static struct kdm_str errors_of(const char *schema)
{
    return kdm_dm_schema_errors(&arena, kdm_json_parse(&arena, kdm_str_of(schema)));
}

static void assert_refused(const char *schema, const char *path, const char *keyword)
{
    struct kdm_str errors = errors_of(schema);
    struct kdm_val_iter it;
    struct kdm_val error;

    ck_assert_msg(!kdm_str_none(errors), "%s", schema);
    kdm_elements(&it, kdm_json_parse(&arena, errors));
    ck_assert(kdm_element_next(&it, &error));
    ck_assert_msg(kdm_val_str_eq(kdm_val_get(error, KDM_STR("instancePath")), kdm_str_of(path)),
                  KDM_FMT, KDM_ARG(errors));
    ck_assert_msg(kdm_val_str_eq(kdm_val_get(error, KDM_STR("keyword")), kdm_str_of(keyword)),
                  KDM_FMT, KDM_ARG(errors));
}

START_TEST(schemas_are_accepted)
{
    static const char *const schemas[] = {
        "{}",
        "{\"type\":\"object\",\"properties\":{\"magicule\":{\"type\":\"integer\"}},\"required\":["
        "\"magicule\"],"
        "\"additionalProperties\":false}",
        "{\"type\":[\"string\",\"null\"],\"minLength\":0,\"maxLength\":3.0,\"enum\":[],\"const\":"
        "null}",
        "{\"items\":[{\"type\":\"number\"},true],\"additionalItems\":{},\"allOf\":[{}],\"not\":"
        "false}",
        "{\"dependencies\":{\"a\":[\"b\"],\"c\":{\"multipleOf\":0.1}},\"anything\":\"unknown\"}",
        "{\"$ref\":\"#/definitions/"
        "x\",\"definitions\":{\"x\":{\"if\":{},\"then\":{},\"else\":true}}}",
    };

    for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++)
        ck_assert_msg(kdm_str_none(errors_of(schemas[i])), "%s", schemas[i]);
    ck_assert(kdm_str_none(kdm_dm_schema_errors(&arena, KDM_VAL_NONE)));
}
END_TEST

START_TEST(what_is_no_schema_is_told_with_its_place)
{
    assert_refused("[]", "", "type");
    assert_refused("{\"type\":\"text\"}", "/type", "anyOf");
    assert_refused("{\"type\":[]}", "/type", "anyOf");
    assert_refused("{\"type\":[\"string\",\"string\"]}", "/type", "uniqueItems");
    assert_refused("{\"properties\":[]}", "/properties", "type");
    assert_refused("{\"properties\":{\"a/b~c\":{\"minimum\":\"1\"}}}",
                   "/properties/a~1b~0c/minimum", "type");
    assert_refused("{\"required\":\"a\"}", "/required", "type");
    assert_refused("{\"required\":[1]}", "/required/0", "type");
    assert_refused("{\"required\":[\"a\",\"a\"]}", "/required", "uniqueItems");
    assert_refused("{\"maxLength\":-1}", "/maxLength", "minimum");
    assert_refused("{\"maxLength\":1.5}", "/maxLength", "type");
    assert_refused("{\"multipleOf\":0}", "/multipleOf", "exclusiveMinimum");
    assert_refused("{\"allOf\":[]}", "/allOf", "minItems");
    assert_refused("{\"items\":[7]}", "/items/0", "type");
    assert_refused("{\"uniqueItems\":1}", "/uniqueItems", "type");
    assert_refused("{\"enum\":{}}", "/enum", "type");
    assert_refused("{\"dependencies\":{\"a\":[1]}}", "/dependencies/a/0", "type");
}
END_TEST

/* As a request of 1 MiB may hold: names compared with one another, or a long place written out for
 * each of many parts, would take minutes and gigabytes. */
START_TEST(a_hostile_schema_costs_no_more_than_its_size)
{
    struct kdm_buf buf;
    clock_t began = clock();

    kdm_buf_init(&buf, NULL, 1 << 20);
    kdm_buf_lit(&buf, "{\"required\":[\"first\"");
    for (int i = 0; i < 60000; i++)
        kdm_buf_printf(&buf, ",\"%d\"", i);
    kdm_buf_lit(&buf, "],\"properties\":{\"");
    for (int i = 0; i < 200000; i++)
        kdm_buf_char(&buf, 'n');
    kdm_buf_lit(&buf, "\":{\"properties\":{\"first\":{}");
    for (int i = 0; i < 20000; i++)
        kdm_buf_printf(&buf, ",\"%d\":{\"title\":\"\"}", i);
    kdm_buf_lit(&buf, "}}}}");
    kdm_buf_char(&buf, '\0');
    ck_assert(kdm_str_none(errors_of(buf.ptr)));
    kdm_buf_fini(&buf);
    ck_assert_int_lt((clock() - began) / CLOCKS_PER_SEC, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dm_schema");
    TCase *tc = tcase_create("schema");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, open_arena, close_arena);
    tcase_add_test(tc, schemas_are_accepted);
    tcase_add_test(tc, what_is_no_schema_is_told_with_its_place);
    tcase_add_test(tc, a_hostile_schema_costs_no_more_than_its_size);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
