/* envelope_test.c - the text of replies and errors. */
#include "../texts.h"
#include "api/envelope.h"

static struct kdm_buf buf;

static void set_up(void)
{
    open_arena();
    kdm_buf_init(&buf, &arena, 64);
}

static struct kdm_str written(const struct kdm_failure *failure)
{
    buf.len = 0;
    kdm_failure_write(&buf, failure);
    (void)kdm_json_parse(&arena, kdm_buf_str(&buf)); /* asserts that it is JSON */
    return kdm_buf_str(&buf);
}

START_TEST(an_error_shows_id_code_and_props)
{
    struct kdm_failure failure;

    kdm_failure_set(&failure, &arena, KDM_ERR_API_ASSERT_MISSING_ARGUMENT,
                    KDM_PROPS(KDM_STR("a\"b")));
    assert_text(written(&failure),
                "{\"message\":\"Missing argument \\\"a\\\"b\\\".\",\"status\":400,"
                "\"id\":\"api.assert.missing_argument\",\"code\":33619971,\"props\":[\"a\\\"b\"]}");
}
END_TEST

START_TEST(a_bare_error_shows_message_and_status_alone)
{
    struct kdm_failure failure;

    kdm_failure_set(&failure, &arena, KDM_ERR_API_ASSERT_ENVELOPE_NOT_OBJECT, NULL, 0);
    failure.message = KDM_STR("no");
    assert_text(written(&failure), "{\"message\":\"no\",\"status\":500}");
    kdm_failure_set(&failure, &arena, KDM_ERR_PLUGIN_RUNTIME_UNEXPECTED_ERROR,
                    KDM_PROPS(KDM_STR("x")));
    failure.bare = true;
    failure.message = KDM_STR("no");
    failure.status = 409;
    assert_text(written(&failure), "{\"message\":\"no\",\"status\":409}");
}
END_TEST

START_TEST(a_plugins_own_id_has_a_code_only_when_it_is_known)
{
    struct kdm_failure failure = { .err = KDM_ERR_PLUGIN_RUNTIME_UNEXPECTED_ERROR,
                                   .status = 418,
                                   .id = KDM_STR("my.own.id"),
                                   .message = KDM_STR("m") };

    assert_text(written(&failure),
                "{\"message\":\"m\",\"status\":418,\"id\":\"my.own.id\",\"props\":[]}");
    failure.id = KDM_STR("api.assert.missing_argument");
    assert_text(written(&failure),
                "{\"message\":\"m\",\"status\":418,"
                "\"id\":\"api.assert.missing_argument\",\"code\":33619971,\"props\":[]}");
}
END_TEST

START_TEST(extra_members_and_raw_props_are_put_as_they_are)
{
    struct kdm_failure failure;

    kdm_failure_set(&failure, &arena, KDM_ERR_SERVICES_STORAGE_NOT_FOUND,
                    KDM_PROPS(KDM_STR("a"), KDM_STR("12"), KDM_STR("c")));
    failure.message = KDM_STR("m");
    failure.raw_props = 2;
    failure.extra = KDM_STR("\"count\":1,\"errors\":[{}]");
    assert_text(
        written(&failure),
        "{\"message\":\"m\",\"status\":404,\"id\":\"services.storage.not_found\",\"code\":16842763,"
        "\"props\":[\"a\",12,\"c\"],\"count\":1,\"errors\":[{}]}");
}
END_TEST

static struct kdm_reply plain_reply(void)
{
    return (struct kdm_reply){ .names = KDM_STR("\"action\":\"a\",\"controller\":\"c\""),
                               .request_id = KDM_STR("\"r\""),
                               .node = KDM_STR("\"n\""),
                               .status = 200 };
}

static struct kdm_val reply_of(const struct kdm_reply *reply)
{
    buf.len = 0;
    kdm_reply_write(&buf, reply);
    return kdm_json_parse(&arena, kdm_buf_str(&buf));
}

static struct kdm_str text_of(struct kdm_val val, const char *name)
{
    return kdm_val_text(kdm_val_get(val, kdm_str_of(name)));
}

START_TEST(a_reply_without_result_has_none)
{
    struct kdm_reply reply = plain_reply();

    assert_text(
        kdm_val_text(reply_of(&reply)),
        "{\"requestId\":\"r\",\"status\":200,\"error\":null,\"action\":\"a\",\"controller\":\"c\","
        "\"headers\":{},\"node\":\"n\",\"volatile\":null}");
}
END_TEST

START_TEST(a_reply_with_everything_has_everything)
{
    struct kdm_reply reply = plain_reply();
    struct kdm_val val;

    reply.room = true;
    reply.index = KDM_STR("\"i\"");
    reply.collection = KDM_STR("\"c\"");
    reply.volatile_data = KDM_STR("{}");
    reply.result = KDM_STR("[1]");
    val = reply_of(&reply);
    assert_text(text_of(val, "room"), "\"r\"");
    assert_text(text_of(val, "index"), "\"i\"");
    assert_text(text_of(val, "collection"), "\"c\"");
    assert_text(text_of(val, "volatile"), "{}");
    assert_text(text_of(val, "result"), "[1]");
    ck_assert_uint_eq(kdm_val_count(val), 12);
}
END_TEST

START_TEST(an_error_takes_the_status_and_may_have_a_result)
{
    struct kdm_reply reply = plain_reply();
    struct kdm_failure failure;

    kdm_failure_set(&failure, &arena, KDM_ERR_API_ASSERT_BODY_REQUIRED, NULL, 0);
    reply.failure = &failure;
    assert_text(text_of(reply_of(&reply), "status"), "400");
    assert_text(text_of(reply_of(&reply), "result"), "null");
    failure.status = 206;
    reply.result = KDM_STR("[\"x\"]");
    assert_text(text_of(reply_of(&reply), "status"), "206");
    assert_text(text_of(reply_of(&reply), "result"), "[\"x\"]");
}
END_TEST

START_TEST(names_that_are_not_known_are_null)
{
    kdm_reply_names(&buf, KDM_STR_NONE, KDM_STR_NONE);
    assert_text(kdm_buf_str(&buf), "\"action\":null,\"controller\":null");
    buf.len = 0;
    kdm_reply_names(&buf, KDM_STR("a\"b"), KDM_STR("x"));
    assert_text(kdm_buf_str(&buf), "\"action\":\"x\",\"controller\":\"a\\\"b\"");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        an_error_shows_id_code_and_props,
        a_bare_error_shows_message_and_status_alone,
        a_plugins_own_id_has_a_code_only_when_it_is_known,
        extra_members_and_raw_props_are_put_as_they_are,
        a_reply_without_result_has_none,
        a_reply_with_everything_has_everything,
        an_error_takes_the_status_and_may_have_a_result,
        names_that_are_not_known_are_null,
    };

    return RUN("envelope", tests, set_up, close_arena);
}
