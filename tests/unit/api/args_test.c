/* args_test.c - the typing of kuzzle-protocol.md 5.4, on WebSocket and HTTP. */
#include "../texts.h"
#include "api/args.h"

static struct kdm_args args;
static struct kdm_failure failure;
static bool http;

static bool check_rows(const struct kdm_arg_row *rows, size_t count, unsigned flags,
                       const char *text)
{
    static struct kdm_action action;
    struct kdm_payload payload = { .root = parse(text) };
    struct kdm_ask ask;

    action = (struct kdm_action){ .controller = "c",
                                  .action = "a",
                                  .args = rows,
                                  .arg_count = (uint16_t)count,
                                  .flags = (uint16_t)flags };
    memset(&failure, 0, sizeof(failure));
    (void)kdm_decode(&arena, &payload, &ask, &failure);
    memset(&failure, 0, sizeof(failure));
    args = (struct kdm_args){ .action = &action, .arena = &arena, .http = http };
    return kdm_args_check(&args, &ask, &failure);
}

/* One argument called "refresh" (any id will do), of a type. */
static bool check_one(enum kdm_arg_type type, unsigned flags, const char *value)
{
    static const char *const values[] = { "red", "green", NULL };
    static struct kdm_arg_row row;
    const char *name = flags & KDM_ARG_BODY ? "body.x" : "x";
    struct kdm_str text = flags & KDM_ARG_BODY
                              ? kdm_arena_printf(&arena, "{\"body\":{\"x\":%s}}", value)
                              : kdm_arena_printf(&arena, "{\"x\":%s}", value);

    row = (struct kdm_arg_row){ KDM_ARG_REFRESH, name, (uint8_t)type, (uint8_t)flags,
                                values,          NULL, NULL };
    return check_rows(&row, 1, 0, text.ptr);
}

static void assert_wrong_type(const char *name, const char *expected)
{
    assert_failure(failure, KDM_ERR_API_ASSERT_INVALID_TYPE, 400);
    assert_text(failure.props[0], name);
    assert_text(failure.props[1], expected);
}

static void set_up(void)
{
    open_arena();
    http = false;
}

START_TEST(a_string_is_never_coerced)
{
    ck_assert(check_one(KDM_ARG_TYPE_STRING, 0, "\"a\\u0062\""));
    assert_text(kdm_args_str(&args, KDM_ARG_REFRESH), "ab");
    ck_assert(check_one(KDM_ARG_TYPE_STRING, 0, "\"\""));
    ck_assert(kdm_args_has(&args, KDM_ARG_REFRESH));
    ck_assert(!check_one(KDM_ARG_TYPE_STRING, 0, "1"));
    assert_wrong_type("x", "string");
    ck_assert(!check_one(KDM_ARG_TYPE_STRING, 0, "null"));
    assert_wrong_type("x", "string");
    ck_assert(!check_one(KDM_ARG_TYPE_STRING, KDM_ARG_BODY, "[]"));
    assert_wrong_type("body.x", "string");
}
END_TEST

START_TEST(an_integer_is_safe_and_may_be_text)
{
    ck_assert(check_one(KDM_ARG_TYPE_INTEGER, 0, "12"));
    ck_assert_int_eq(kdm_args_int(&args, KDM_ARG_REFRESH, 0), 12);
    ck_assert(check_one(KDM_ARG_TYPE_INTEGER, 0, "\"-12\""));
    ck_assert_int_eq(kdm_args_int(&args, KDM_ARG_REFRESH, 0), -12);
    ck_assert(check_one(KDM_ARG_TYPE_INTEGER, 0, "1e3"));
    ck_assert_int_eq(kdm_args_int(&args, KDM_ARG_REFRESH, 0), 1000);
    ck_assert(check_one(KDM_ARG_TYPE_INTEGER, KDM_ARG_BODY, "\"9007199254740991\""));
    ck_assert_int_eq(kdm_args_int(&args, KDM_ARG_REFRESH, 0), 9007199254740991);
    ck_assert(!check_one(KDM_ARG_TYPE_INTEGER, 0, "9007199254740992"));
    assert_wrong_type("x", "integer");
    ck_assert(!check_one(KDM_ARG_TYPE_INTEGER, 0, "1.5"));
    ck_assert(!check_one(KDM_ARG_TYPE_INTEGER, 0, "\"1.5\""));
    ck_assert(!check_one(KDM_ARG_TYPE_INTEGER, 0, "1e300"));
    ck_assert(!check_one(KDM_ARG_TYPE_INTEGER, 0, "\"\""));
    ck_assert(!check_one(KDM_ARG_TYPE_INTEGER, 0, "true"));
    ck_assert(check_one(KDM_ARG_TYPE_INTEGER, 0, "null"));
    ck_assert_int_eq(kdm_args_int(&args, KDM_ARG_REFRESH, 42), 42);
}
END_TEST

START_TEST(a_number_may_be_text_but_only_a_decimal_one)
{
    static const char *const none[] = { "\"0x10\"",     "\"inf\"",   "\"nan\"",
                                        "\"1 \"",       "\"1e999\"", "\"-\"",
                                        "\"1\\u0000\"", "[]",        "{}" };

    ck_assert(check_one(KDM_ARG_TYPE_NUMBER, 0, "\"1.25\""));
    ck_assert(kdm_args_double(&args, KDM_ARG_REFRESH, 0) == 1.25);
    ck_assert(check_one(KDM_ARG_TYPE_NUMBER, 0, "-0.5e1"));
    ck_assert(kdm_args_double(&args, KDM_ARG_REFRESH, 0) == -5);
    ck_assert(check_one(KDM_ARG_TYPE_NUMBER, 0, "1e300"));
    ck_assert_int_eq(kdm_args_int(&args, KDM_ARG_REFRESH, 7), 7);
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        ck_assert_msg(!check_one(KDM_ARG_TYPE_NUMBER, 0, none[i]), "%s", none[i]);
        assert_wrong_type("x", "number");
    }
}
END_TEST

START_TEST(a_boolean_is_strict_on_websocket_and_a_flag_over_http)
{
    ck_assert(check_one(KDM_ARG_TYPE_BOOLEAN, 0, "true"));
    ck_assert(kdm_args_bool(&args, KDM_ARG_REFRESH));
    ck_assert(check_one(KDM_ARG_TYPE_BOOLEAN, 0, "false"));
    ck_assert(!kdm_args_bool(&args, KDM_ARG_REFRESH));
    ck_assert(check_one(KDM_ARG_TYPE_BOOLEAN, 0, "null"));
    ck_assert(!kdm_args_bool(&args, KDM_ARG_REFRESH));
    ck_assert(!check_one(KDM_ARG_TYPE_BOOLEAN, 0, "\"true\""));
    assert_wrong_type("x", "boolean");
    http = true;
    ck_assert(check_one(KDM_ARG_TYPE_BOOLEAN, 0, "\"\""));
    ck_assert(kdm_args_bool(&args, KDM_ARG_REFRESH));
    ck_assert(check_one(KDM_ARG_TYPE_BOOLEAN, 0, "\"false\""));
    ck_assert(kdm_args_bool(&args, KDM_ARG_REFRESH));
    ck_assert(!check_one(KDM_ARG_TYPE_BOOLEAN, KDM_ARG_BODY, "\"true\""));
    assert_wrong_type("body.x", "boolean");
    ck_assert(check_one(KDM_ARG_TYPE_BOOLEAN, KDM_ARG_BODY, "false"));
    ck_assert(!kdm_args_bool(&args, KDM_ARG_REFRESH));
}
END_TEST

START_TEST(arrays_and_objects_may_be_json_text_over_http_alone)
{
    ck_assert(check_one(KDM_ARG_TYPE_ARRAY, 0, "[1]"));
    ck_assert(!check_one(KDM_ARG_TYPE_ARRAY, 0, "\"[1]\""));
    assert_wrong_type("x", "array");
    ck_assert(!check_one(KDM_ARG_TYPE_OBJECT, 0, "[]"));
    assert_wrong_type("x", "object");
    http = true;
    ck_assert(check_one(KDM_ARG_TYPE_ARRAY, 0, "\"[1,\\\"a\\\"]\""));
    assert_text(kdm_val_text(kdm_args_val(&args, KDM_ARG_REFRESH)), "[1,\"a\"]");
    ck_assert(check_one(KDM_ARG_TYPE_OBJECT, 0, "\"{\\\"a\\\":1}\""));
    assert_text(kdm_val_text(kdm_args_val(&args, KDM_ARG_REFRESH)), "{\"a\":1}");
    ck_assert(!check_one(KDM_ARG_TYPE_OBJECT, 0, "\"{\""));
    ck_assert(!check_one(KDM_ARG_TYPE_OBJECT, 0, "\"[]\""));
    ck_assert(!check_one(KDM_ARG_TYPE_OBJECT, KDM_ARG_BODY, "\"{}\""));
    assert_wrong_type("body.x", "object");
}
END_TEST

static void assert_strings(const char *joined)
{
    struct kdm_str_list list = kdm_args_strings(&args, KDM_ARG_REFRESH);
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 64);
    for (size_t i = 0; i < list.count; i++) {
        kdm_buf_put(&buf, list.items[i]);
        kdm_buf_char(&buf, ';');
    }
    assert_text(kdm_buf_str(&buf), joined);
}

START_TEST(strings_come_as_array_or_with_commas)
{
    ck_assert(check_one(KDM_ARG_TYPE_STRINGS, 0, "[\"a\",\"\\u0062,\"]"));
    assert_strings("a;b,;");
    ck_assert(check_one(KDM_ARG_TYPE_STRINGS, 0, "\"a,b\""));
    assert_strings("a;b;");
    ck_assert(check_one(KDM_ARG_TYPE_STRINGS, 0, "\"\""));
    assert_strings("");
    ck_assert(check_one(KDM_ARG_TYPE_STRINGS, 0, "[]"));
    assert_strings("");
    ck_assert(!check_one(KDM_ARG_TYPE_STRINGS, 0, "[1]"));
    assert_wrong_type("x", "array");
    ck_assert(!check_one(KDM_ARG_TYPE_STRINGS, KDM_ARG_BODY, "\"a,b\""));
    assert_wrong_type("body.x", "array");
    http = true;
    ck_assert(check_one(KDM_ARG_TYPE_STRINGS, 0, "\"[\\\"a\\\",\\\"b\\\"]\""));
    assert_strings("a;b;");
    ck_assert(check_one(KDM_ARG_TYPE_STRINGS, 0, "\"[a,b]\""));
    assert_strings("[a;b];");
    ck_assert(check_one(KDM_ARG_TYPE_STRINGS, 0, "null"));
    assert_strings("");
}
END_TEST

START_TEST(strict_refresh_knows_two_words)
{
    ck_assert(check_one(KDM_ARG_TYPE_REFRESH, 0, "\"wait_for\""));
    ck_assert(check_one(KDM_ARG_TYPE_REFRESH, 0, "\"false\""));
    ck_assert(!check_one(KDM_ARG_TYPE_REFRESH, 0, "null"));
    assert_wrong_type("x", "string");
    ck_assert(!check_one(KDM_ARG_TYPE_REFRESH, 0, "false"));
    assert_wrong_type("x", "string");
    ck_assert(!check_one(KDM_ARG_TYPE_REFRESH, 0, "\"true\""));
    assert_failure(failure, KDM_ERR_SERVICES_STORAGE_INVALID_ARGUMENT, 400);
    assert_text(failure.props[0], "x");
    ck_assert(check_one(KDM_ARG_TYPE_REFRESH_LENIENT, 0, "{}"));
    ck_assert(check_one(KDM_ARG_TYPE_REFRESH_LENIENT, 0, "null"));
}
END_TEST

START_TEST(an_enum_takes_its_values_alone)
{
    ck_assert(check_one(KDM_ARG_TYPE_ENUM, 0, "\"green\""));
    ck_assert(!check_one(KDM_ARG_TYPE_ENUM, 0, "\"blue\""));
    assert_failure(failure, KDM_ERR_API_ASSERT_INVALID_ARGUMENT, 400);
    assert_text(failure.props[0], "x");
    assert_text(failure.props[1], "red, green");
    ck_assert(!check_one(KDM_ARG_TYPE_ENUM, 0, "3"));
    assert_wrong_type("x", "string");
}
END_TEST

START_TEST(anything_is_anything_and_null_is_nothing)
{
    ck_assert(check_one(KDM_ARG_TYPE_ANY, 0, "[{}]"));
    ck_assert(kdm_args_has(&args, KDM_ARG_REFRESH));
    ck_assert(check_one(KDM_ARG_TYPE_ANY, 0, "null"));
    ck_assert(!kdm_args_has(&args, KDM_ARG_REFRESH));
}
END_TEST

static const struct kdm_arg_row document_rows[] = {
    { KDM_ARG_INDEX, "index", KDM_ARG_TYPE_STRING, KDM_ARG_REQUIRED, NULL, NULL, "string" },
    { KDM_ARG_COLLECTION, "collection", KDM_ARG_TYPE_STRING, KDM_ARG_REQUIRED, NULL, NULL,
      "string" },
    { KDM_ARG__ID, "_id", KDM_ARG_TYPE_STRING, 0, NULL, NULL, "string" },
    { KDM_ARG_SILENT, "silent", KDM_ARG_TYPE_BOOLEAN, 0, NULL, NULL, "boolean" },
};

static bool check_document(unsigned flags, const char *text)
{
    return check_rows(document_rows, 4, flags, text);
}

static void assert_missing(const char *name)
{
    assert_failure(failure, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, 400);
    assert_text(failure.props[0], name);
}

START_TEST(required_arguments_are_missed_in_the_order_of_the_row)
{
    ck_assert(!check_document(0, "{}"));
    assert_missing("index");
    ck_assert(!check_document(0, "{\"index\":\"i\",\"silent\":3}"));
    assert_missing("collection");
    ck_assert(!check_document(0, "{\"index\":\"i\",\"collection\":\"c\",\"silent\":3}"));
    assert_wrong_type("silent", "boolean");
    ck_assert(!check_document(0, "{\"index\":5}"));
    assert_wrong_type("index", "string");
}
END_TEST

START_TEST(empty_or_null_index_collection_and_id_are_absent)
{
    ck_assert(!check_document(0, "{\"index\":null,\"collection\":\"c\"}"));
    assert_missing("index");
    ck_assert(!check_document(0, "{\"index\":\"i\",\"collection\":\"\"}"));
    assert_missing("collection");
    ck_assert(check_document(0, "{\"index\":\"i\",\"collection\":\"c\",\"_id\":null}"));
    ck_assert(!kdm_args_has(&args, KDM_ARG__ID));
    ck_assert(check_document(0, "{\"index\":\"i\",\"collection\":\"c\",\"_id\":\"\"}"));
    ck_assert(!kdm_args_has(&args, KDM_ARG__ID));
    ck_assert(!check_document(0, "{\"index\":\"i\",\"collection\":\"c\",\"_id\":7}"));
    assert_wrong_type("_id", "string");
}
END_TEST

START_TEST(a_body_is_required_after_the_arguments)
{
    ck_assert(!check_document(KDM_ACTION_BODY, "{\"index\":\"i\"}"));
    assert_missing("collection");
    ck_assert(
        !check_document(KDM_ACTION_BODY, "{\"index\":\"i\",\"collection\":\"c\",\"body\":null}"));
    assert_failure(failure, KDM_ERR_API_ASSERT_BODY_REQUIRED, 400);
    ck_assert(
        check_document(KDM_ACTION_BODY, "{\"index\":\"i\",\"collection\":\"c\",\"body\":{}}"));
    assert_text(kdm_val_text(args.body), "{}");
    ck_assert(
        !check_document(KDM_ACTION_BODY, "{\"index\":\"i\",\"collection\":\"c\",\"body\":[]}"));
    assert_wrong_type("body", "object");
    ck_assert(check_document(KDM_ACTION_BODY | KDM_ACTION_BODY_ANY,
                             "{\"index\":\"i\",\"collection\":\"c\",\"body\":[]}"));
    ck_assert(check_document(0, "{\"index\":\"i\",\"collection\":\"c\",\"body\":[]}"));
}
END_TEST

START_TEST(a_required_body_member_without_a_body_asks_for_the_body)
{
    static const struct kdm_arg_row rows[] = {
        { KDM_ARG_BODY_METADATA, "body.metadata", KDM_ARG_TYPE_OBJECT,
          KDM_ARG_BODY | KDM_ARG_REQUIRED, NULL, NULL, "object" },
        { KDM_ARG_SILENT, "silent", KDM_ARG_TYPE_BOOLEAN, KDM_ARG_REQUIRED, NULL, NULL, "boolean" },
    };

    ck_assert(!check_rows(rows, 2, 0, "{}"));
    assert_failure(failure, KDM_ERR_API_ASSERT_BODY_REQUIRED, 400);
    ck_assert(!check_rows(rows, 2, 0, "{\"body\":{}}"));
    assert_missing("body.metadata");
    ck_assert(!check_rows(rows, 2, 0, "{\"body\":{\"metadata\":null}}"));
    assert_missing("body.metadata");
    ck_assert(!check_rows(rows, 2, 0, "{\"body\":{\"metadata\":{}}}"));
    assert_missing("silent");
}
END_TEST

START_TEST(an_alias_is_taken_when_the_argument_is_absent)
{
    static const struct kdm_arg_row rows[] = {
        { KDM_ARG_ENGINE_ID, "engineId", KDM_ARG_TYPE_STRING, KDM_ARG_REQUIRED, NULL, "index",
          "string" },
        { KDM_ARG_SIZE, "size", KDM_ARG_TYPE_INTEGER, 0, NULL, "body.size", "integer" },
    };

    ck_assert(check_rows(rows, 2, 0, "{\"index\":\"i\",\"body\":{\"size\":3}}"));
    assert_text(kdm_args_str(&args, KDM_ARG_ENGINE_ID), "i");
    ck_assert_int_eq(kdm_args_int(&args, KDM_ARG_SIZE, 0), 3);
    ck_assert(check_rows(rows, 2, 0,
                         "{\"index\":\"i\",\"engineId\":\"e\",\"size\":4,\"body\":{\"size\":3}}"));
    assert_text(kdm_args_str(&args, KDM_ARG_ENGINE_ID), "e");
    ck_assert_int_eq(kdm_args_int(&args, KDM_ARG_SIZE, 0), 4);
    ck_assert(!check_rows(rows, 2, 0, "{}"));
    assert_missing("engineId");
    ck_assert(!check_rows(rows, 2, 0, "{\"engineId\":null,\"index\":\"i\"}"));
    assert_wrong_type("engineId", "string");
}
END_TEST

START_TEST(unknown_arguments_are_ignored_whatever_they_are_called)
{
    ck_assert(check_document(0,
                             "{\"index\":\"i\",\"collection\":\"c\",\"verb\":\"POST\",\"silen\":1,"
                             "\"silent\\u0000\":1,\"silentx\":1,\"\":1,\"s\":1}"));
    ck_assert(!kdm_args_bool(&args, KDM_ARG_SILENT));
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_string_is_never_coerced,
        an_integer_is_safe_and_may_be_text,
        a_number_may_be_text_but_only_a_decimal_one,
        a_boolean_is_strict_on_websocket_and_a_flag_over_http,
        arrays_and_objects_may_be_json_text_over_http_alone,
        strings_come_as_array_or_with_commas,
        strict_refresh_knows_two_words,
        an_enum_takes_its_values_alone,
        anything_is_anything_and_null_is_nothing,
        required_arguments_are_missed_in_the_order_of_the_row,
        empty_or_null_index_collection_and_id_are_absent,
        a_body_is_required_after_the_arguments,
        a_required_body_member_without_a_body_asks_for_the_body,
        an_alias_is_taken_when_the_argument_is_absent,
        unknown_arguments_are_ignored_whatever_they_are_called,
    };

    return RUN("args", tests, set_up, close_arena);
}
