/* decode_test.c - the envelope rules of kuzzle-protocol.md 2. */
#include "../texts.h"
#include "api/decode.h"

static struct kdm_ask ask;
static struct kdm_failure failure;

static bool decode(const char *text)
{
    struct kdm_payload payload = { .root = parse(text) };

    memset(&failure, 0, sizeof(failure));
    return kdm_decode(&arena, &payload, &ask, &failure);
}

START_TEST(a_full_envelope_is_read_member_by_member)
{
    ck_assert(decode(
        "{\"requestId\":\"r1\",\"controller\":\"document\",\"action\":\"get\",\"index\":\"i\","
        "\"collection\":\"c\",\"_id\":\"d\",\"jwt\":\"kauth-x\",\"volatile\":{\"a\":1},"
        "\"body\":{\"b\":2},\"timestamp\":1700000000000,\"cookieAuth\":true}"));
    assert_text(ask.controller, "document");
    assert_text(ask.action, "get");
    assert_text(ask.request_id, "r1");
    assert_text(ask.request_id_json, "\"r1\"");
    assert_text(ask.jwt, "kauth-x");
    assert_text(kdm_val_text(ask.volatile_data), "{\"a\":1}");
    assert_text(kdm_val_text(ask.body), "{\"b\":2}");
    assert_text(kdm_val_text(ask.index), "\"i\"");
    assert_text(kdm_val_text(ask.collection), "\"c\"");
    assert_text(kdm_val_text(ask.id), "\"d\"");
    ck_assert_int_eq(ask.timestamp, 1700000000000);
    ck_assert(ask.cookie_auth);
    ck_assert(ask.more);
}
END_TEST

START_TEST(arguments_are_noticed_only_when_there_are_any)
{
    ck_assert(
        decode("{\"controller\":\"a\",\"action\":\"b\",\"index\":\"i\",\"collection\":\"c\","
               "\"_id\":\"d\",\"body\":{},\"jwt\":null,\"volatile\":null,\"requestId\":\"r\"}"));
    ck_assert(!ask.more);
    ck_assert(decode("{\"controller\":\"a\",\"action\":\"b\",\"silent\":true}"));
    ck_assert(ask.more);
}
END_TEST

START_TEST(a_falsy_request_id_is_as_good_as_none)
{
    static const char *const ids[] = { "null", "\"\"", "false", "0", "0.0" };

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        struct kdm_str text = kdm_arena_printf(
            &arena, "{\"controller\":\"a\",\"action\":\"b\",\"requestId\":%s}", ids[i]);

        ck_assert(decode(text.ptr));
        ck_assert(kdm_str_none(ask.request_id));
    }
    ck_assert(decode("{\"controller\":\"a\",\"action\":\"b\"}"));
    ck_assert(kdm_str_none(ask.request_id));
}
END_TEST

START_TEST(envelope_members_of_the_wrong_type_are_refused_barely)
{
    static const char *const texts[] = {
        "{\"controller\":\"a\",\"action\":\"b\",\"requestId\":1}",
        "{\"controller\":\"a\",\"action\":\"b\",\"requestId\":{}}",
        "{\"controller\":\"a\",\"action\":\"b\",\"jwt\":1}",
        "{\"controller\":\"a\",\"action\":\"b\",\"volatile\":\"x\"}",
        "{\"controller\":\"a\",\"action\":\"b\",\"volatile\":[]}",
        "{\"controller\":\"a\",\"action\":\"b\",\"body\":\"x\"}",
        "{\"controller\":\"a\",\"action\":\"b\",\"body\":false}",
        "{\"controller\":1,\"action\":\"b\"}",
        "{\"controller\":\"a\",\"action\":[]}",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert(!decode(texts[i]));
        assert_failure(failure, KDM_ERR_API_ASSERT_ENVELOPE_TYPE, 400);
        ck_assert_ptr_null(kdm_err_row(failure.err)->id);
    }
}
END_TEST

START_TEST(an_envelope_error_still_knows_the_request_id)
{
    ck_assert(!decode("{\"controller\":1,\"action\":\"b\",\"volatile\":3,\"requestId\":\"late\"}"));
    assert_text(ask.request_id, "late");
    ck_assert(!decode("{\"controller\":1,\"requestId\":{\"x\":1}}"));
    ck_assert(kdm_str_none(ask.request_id));
}
END_TEST

START_TEST(a_payload_that_is_no_object_is_a_bare_500)
{
    static const char *const texts[] = { "1",    "\"x\"", "null",
                                         "true", "[]",    "[{\"requestId\":\"r\"}]" };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        ck_assert(!decode(texts[i]));
        assert_failure(failure, KDM_ERR_API_ASSERT_ENVELOPE_NOT_OBJECT, 500);
        ck_assert(kdm_str_none(ask.request_id));
    }
}
END_TEST

START_TEST(controller_and_action_must_be_there)
{
    static const char *const no_controller[] = { "{}", "{\"action\":\"b\"}",
                                                 "{\"controller\":null}",
                                                 "{\"controller\":\"\",\"action\":\"b\"}" };
    static const char *const no_action[] = { "{\"controller\":\"a\"}",
                                             "{\"controller\":\"a\",\"action\":null}",
                                             "{\"controller\":\"a\",\"action\":\"\"}" };

    for (size_t i = 0; i < 4; i++) {
        ck_assert(!decode(no_controller[i]));
        assert_failure(failure, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, 400);
        assert_text(failure.props[0], "controller");
    }
    for (size_t i = 0; i < 3; i++) {
        ck_assert(!decode(no_action[i]));
        assert_text(failure.props[0], "action");
        assert_text(ask.controller, "a");
    }
}
END_TEST

START_TEST(null_members_are_absent)
{
    ck_assert(
        decode("{\"controller\":\"a\",\"action\":\"b\",\"jwt\":null,\"body\":null,"
               "\"volatile\":null,\"requestId\":null,\"cookieAuth\":null,\"timestamp\":null}"));
    ck_assert(kdm_str_none(ask.jwt));
    ck_assert(kdm_val_none(ask.body));
    ck_assert(kdm_val_none(ask.volatile_data));
    ck_assert(!ask.cookie_auth);
    ck_assert_int_eq(ask.timestamp, 0);
}
END_TEST

START_TEST(targets_exclude_index_and_collection)
{
    ck_assert(!decode("{\"controller\":\"a\",\"action\":\"b\",\"targets\":[1],\"index\":\"i\"}"));
    assert_failure(failure, KDM_ERR_API_ASSERT_MUTUALLY_EXCLUSIVE, 400);
    assert_text(failure.props[1], "index");
    ck_assert(
        !decode("{\"controller\":\"a\",\"action\":\"b\",\"targets\":[1],\"collection\":\"i\"}"));
    assert_text(failure.props[1], "collection");
    ck_assert(decode("{\"controller\":\"a\",\"action\":\"b\",\"targets\":[],\"index\":\"i\"}"));
    ck_assert(decode("{\"controller\":\"a\",\"action\":\"b\",\"targets\":[1],\"index\":null}"));
    ck_assert(decode("{\"controller\":\"a\",\"action\":\"b\",\"targets\":null,\"index\":\"i\"}"));
}
END_TEST

START_TEST(escaped_names_and_values_are_read_as_what_they_mean)
{
    ck_assert(
        decode("{\"contr\\u006fller\":\"d\\u006fc\",\"action\":\"b\",\"requestId\":\"a\\\"b\"}"));
    assert_text(ask.controller, "doc");
    assert_text(ask.request_id, "a\"b");
    assert_text(ask.request_id_json, "\"a\\\"b\"");
}
END_TEST

START_TEST(of_a_member_that_comes_twice_the_last_counts)
{
    ck_assert(decode("{\"controller\":\"x\",\"action\":\"b\",\"controller\":\"y\"}"));
    assert_text(ask.controller, "y");
}
END_TEST

START_TEST(the_transport_overrides_the_payload)
{
    struct kdm_payload payload = {
        .root = parse(
            "{\"controller\":\"a\",\"action\":\"b\",\"requestId\":7,\"jwt\":\"j\",\"body\":{}}"),
        .request_id = KDM_STR("from \"header\""),
        .jwt = KDM_STR("token"),
        .volatile_data = parse("{\"v\":1}"),
        .body = parse("[1]"),
    };

    ck_assert(kdm_decode(&arena, &payload, &ask, &failure));
    assert_text(ask.request_id, "from \"header\"");
    assert_text(ask.request_id_json, "\"from \\\"header\\\"\"");
    assert_text(ask.jwt, "token");
    assert_text(kdm_val_text(ask.volatile_data), "{\"v\":1}");
    assert_text(kdm_val_text(ask.body), "[1]");
}
END_TEST

START_TEST(a_volatile_header_that_is_no_object_is_refused)
{
    struct kdm_payload payload = { .root = parse("{\"controller\":\"a\",\"action\":\"b\"}"),
                                   .volatile_data = parse("[1]") };

    ck_assert(!kdm_decode(&arena, &payload, &ask, &failure));
    assert_failure(failure, KDM_ERR_API_ASSERT_ENVELOPE_TYPE, 400);
}
END_TEST

START_TEST(names_of_the_length_of_a_known_one_are_arguments)
{
    ck_assert(decode("{\"controller\":\"a\",\"action\":\"b\",\"xyz\":1,\"boda\":1,\"inde1\":2,"
                     "\"requestIx\":2,\"volatilf\":1,\"controlles\":3,\"\":4}"));
    ck_assert(ask.more);
    ck_assert(kdm_val_none(ask.body));
}
END_TEST

START_TEST(arguments_can_be_put_in_place_of_the_old_ones)
{
    ck_assert(
        decode("{\"controller\":\"a\",\"action\":\"b\",\"index\":\"old\",\"body\":{\"x\":1}}"));
    kdm_decode_arguments(&arena, parse("{\"collection\":\"new\",\"silent\":true}"), parse("null"),
                         &ask);
    ck_assert(kdm_val_none(ask.index));
    assert_text(kdm_val_text(ask.collection), "\"new\"");
    ck_assert(kdm_val_none(ask.body));
    ck_assert(ask.more);
    assert_text(ask.controller, "a");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_full_envelope_is_read_member_by_member,
        arguments_are_noticed_only_when_there_are_any,
        a_falsy_request_id_is_as_good_as_none,
        envelope_members_of_the_wrong_type_are_refused_barely,
        an_envelope_error_still_knows_the_request_id,
        a_payload_that_is_no_object_is_a_bare_500,
        controller_and_action_must_be_there,
        null_members_are_absent,
        targets_exclude_index_and_collection,
        escaped_names_and_values_are_read_as_what_they_mean,
        of_a_member_that_comes_twice_the_last_counts,
        the_transport_overrides_the_payload,
        a_volatile_header_that_is_no_object_is_refused,
        names_of_the_length_of_a_known_one_are_arguments,
        arguments_can_be_put_in_place_of_the_old_ones,
    };

    return RUN("decode", tests, open_arena, close_arena);
}
