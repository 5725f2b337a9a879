/* actionhub_body_test.c - every violation of a body is told, where it is. */
#include "../suite.h"
#include "dialect/actionhub.h"
#include "json/json.h"

static struct kdm_arena arena;
static struct kdm_actionhub_issues issues;
static struct kdm_actionhub_assets assets;

static void set_up(void)
{
    kdm_arena_init(&arena, 4096);
}

static void tear_down(void)
{
    kdm_arena_fini(&arena);
}

/* The issues of a body as JSON text. */
static struct kdm_str read_body(const char *body, const char *content_type)
{
    struct kdm_door_call call = { .body = kdm_str_of(body),
                                  .content_type = kdm_str_of(content_type) };
    struct kdm_val val;

    kdm_actionhub_issues_init(&issues, &arena);
    val = kdm_actionhub_body(&arena, &call, &issues);
    if (!kdm_val_none(val))
        kdm_actionhub_read_assets(&arena, val, &assets, &issues);
    return kdm_arena_printf(&arena, "[" KDM_FMT "]", KDM_ARG(kdm_buf_str(&issues.buf)));
}

static void assert_issues(const char *body, const char *expected)
{
    struct kdm_str actual = read_body(body, "application/json");

    ck_assert_msg(kdm_val_equal(&arena, kdm_json_parse(&arena, actual),
                                kdm_json_parse(&arena, kdm_str_of(expected))),
                  "%s: " KDM_FMT, body, KDM_ARG(actual));
}

START_TEST(good_bodies_have_no_issues)
{
    assert_issues("{\"assets\":[]}", "[]");
    assert_issues("{\"assets\":[{\"asset_id\":632910392,\"asset_name\":null,\"more\":1},"
                  "{\"asset_id\":\"x\",\"labels\":[1,{\"a\":[]},null]}]}",
                  "[]");
    ck_assert_uint_eq(assets.count, 2);
    ck_assert(kdm_str_eq(assets.items[0].id, KDM_STR("632910392")));
    ck_assert_int_eq(kdm_val_type(assets.items[0].name), KDM_JSON_NULL);
    ck_assert(kdm_val_none(assets.items[0].labels));
    ck_assert_uint_eq(kdm_val_count(assets.items[1].labels), 3);
}
END_TEST

START_TEST(bodies_that_are_none_are_told)
{
    assert_issues(
        "", "[{\"loc\":[\"body\"],\"msg\":\"field required\",\"type\":\"value_error.missing\"}]");
    assert_issues("[1]", "[{\"loc\":[\"body\"],\"msg\":\"value is not a valid "
                         "dict\",\"type\":\"type_error.dict\"}]");
    assert_issues("{}", "[{\"loc\":[\"body\",\"assets\"],\"msg\":\"field "
                        "required\",\"type\":\"value_error.missing\"}]");
    assert_issues("{\"assets\":\"array\"}", "[{\"loc\":[\"body\",\"assets\"],\"msg\":\"value is "
                                            "not a valid list\",\"type\":\"type_error.list\"}]");
    assert_issues(
        "{\n  \"a\": }",
        "[{\"loc\":[\"body\",9],\"msg\":\"Expecting value: line 2 column 8 (char 9)\","
        "\"type\":\"value_error.jsondecode\",\"ctx\":{\"msg\":\"Expecting value\",\"pos\":9,"
        "\"lineno\":2,\"colno\":8}}]");
    ck_assert(kdm_str_eq(read_body("{\"assets\":[]}", "text/plain"),
                         KDM_STR("[{\"loc\":[\"body\"],\"msg\":\"value is not a valid "
                                 "dict\",\"type\":\"type_error.dict\"}]")));
    ck_assert(
        kdm_str_eq(read_body("{\"assets\":[]}", "Application/JSON;charset=UTF-8"), KDM_STR("[]")));
}
END_TEST

START_TEST(all_violations_are_told_in_order)
{
    assert_issues(
        "{\"assets\":[{\"asset_id\":null,\"asset_name\":[],\"labels\":\"x\"},7,{},{\"asset_id\":"
        "\"\"},"
        "{\"asset_id\":true}]}",
        "[{\"loc\":[\"body\",\"assets\",0,\"asset_id\"],\"msg\":\"none is not an allowed "
        "value\",\"type\":\"type_error.none.not_allowed\"},"
        "{\"loc\":[\"body\",\"assets\",0,\"asset_name\"],\"msg\":\"str type "
        "expected\",\"type\":\"type_error.str\"},"
        "{\"loc\":[\"body\",\"assets\",0,\"labels\"],\"msg\":\"value is not a valid "
        "list\",\"type\":\"type_error.list\"},"
        "{\"loc\":[\"body\",\"assets\",1],\"msg\":\"value is not a valid "
        "dict\",\"type\":\"type_error.dict\"},"
        "{\"loc\":[\"body\",\"assets\",2,\"asset_id\"],\"msg\":\"field "
        "required\",\"type\":\"value_error.missing\"},"
        "{\"loc\":[\"body\",\"assets\",3,\"asset_id\"],\"msg\":\"ensure this value has at least 1 "
        "characters\",\"type\":\"value_error.any_str.min_length\",\"ctx\":{\"limit_value\":1}},"
        "{\"loc\":[\"body\",\"assets\",4,\"asset_id\"],\"msg\":\"str type "
        "expected\",\"type\":\"type_error.str\"}]");
}
END_TEST

START_TEST(lengths_are_characters)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 1024);
    kdm_buf_lit(&buf, "{\"assets\":[{\"asset_id\":\"");
    for (int i = 0; i < 64; i++)
        kdm_buf_lit(&buf, "\xc3\xa9");
    kdm_buf_lit(&buf, "\"}]}");
    kdm_buf_char(&buf, '\0');
    assert_issues(buf.ptr, "[]");
    kdm_buf_init(&buf, &arena, 1024);
    kdm_buf_lit(&buf, "{\"assets\":[{\"asset_id\":\"");
    for (int i = 0; i < 65; i++)
        kdm_buf_char(&buf, 'x');
    kdm_buf_lit(&buf, "\"}]}");
    kdm_buf_char(&buf, '\0');
    assert_issues(buf.ptr,
                  "[{\"loc\":[\"body\",\"assets\",0,\"asset_id\"],\"msg\":\"ensure this value has "
                  "at most 64 characters\","
                  "\"type\":\"value_error.any_str.max_length\",\"ctx\":{\"limit_value\":64}}]");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        good_bodies_have_no_issues,
        bodies_that_are_none_are_told,
        all_violations_are_told_in_order,
        lengths_are_characters,
    };

    return RUN("ActionHub bodies", tests, set_up, tear_down);
}
