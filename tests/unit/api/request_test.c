/* request_test.c - a request's life over WebSocket: one reply each, whatever happens. */
#include "harness.h"

static struct test_peer peer;

static void set_up(void)
{
    open_api();
    peer = new_peer("websocket");
}

static void tear_down(void)
{
    kdm_api_gone(api, &peer.peer);
    ck_assert_uint_eq(kdm_api_running(api), 0);
    close_api();
}

START_TEST(a_request_is_answered_with_the_full_envelope)
{
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\",\"requestId\":\"r\",\"volatile\":{"
                "\"a\":1}}");
    ck_assert_int_eq(peer.count, 1);
    assert_text(member(&peer, "requestId"), "\"r\"");
    assert_text(member(&peer, "room"), "\"r\"");
    assert_text(member(&peer, "status"), "200");
    assert_text(member(&peer, "error"), "null");
    assert_text(member(&peer, "result"), "{\"now\":1}");
    assert_text(member(&peer, "controller"), "\"server\"");
    assert_text(member(&peer, "action"), "\"now\"");
    assert_text(member(&peer, "headers"), "{}");
    assert_text(member(&peer, "node"), "\"knode-test\"");
    assert_text(member(&peer, "volatile"), "{\"a\":1}");
    ck_assert(kdm_str_none(member(&peer, "index")));
    ck_assert(kdm_str_none(member(&peer, "collection")));
}
END_TEST

START_TEST(a_request_without_an_id_gets_one)
{
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    ck_assert_uint_eq(member(&peer, "requestId").len, KDM_UUID_LEN + 2);
    ck_assert(kdm_str_eq(member(&peer, "requestId"), member(&peer, "room")));
}
END_TEST

START_TEST(index_and_collection_are_echoed_as_given)
{
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\",\"index\":\"\\u00e9\","
                "\"collection\":\"c\"}");
    assert_text(member(&peer, "index"), "\"\\u00e9\"");
    assert_text(member(&peer, "collection"), "\"c\"");
}
END_TEST

START_TEST(an_action_may_name_another_target_and_status)
{
    tell(&peer, "{\"controller\":\"test\",\"action\":\"target\",\"index\":\"i\"}");
    assert_text(member(&peer, "index"), "\"engine\"");
    assert_text(member(&peer, "collection"), "\"assets\"");
    assert_text(member(&peer, "status"), "201");
}
END_TEST

START_TEST(a_void_action_has_no_result)
{
    tell(&peer, "{\"controller\":\"test\",\"action\":\"void\"}");
    assert_text(member(&peer, "status"), "200");
    ck_assert(kdm_str_none(member(&peer, "result")));
}
END_TEST

START_TEST(an_alias_is_answered_under_its_targets_name)
{
    tell(&peer, "{\"controller\":\"alias\",\"action\":\"time\"}");
    assert_text(member(&peer, "controller"), "\"test\"");
    assert_text(member(&peer, "action"), "\"now\"");
}
END_TEST

START_TEST(a_failure_of_the_action_is_told_with_id_code_and_props)
{
    tell(&peer, "{\"controller\":\"test\",\"action\":\"fail\",\"requestId\":\"r\"}");
    assert_text(member(&peer, "status"), "404");
    assert_text(member(&peer, "result"), "null");
    assert_text(member(&peer, "room"), "\"r\"");
    assert_text(member(&peer, "error.status"), "404");
    ck_assert(kdm_val_str_eq(kdm_val_path(answer(&peer), KDM_STR("error.id")),
                             KDM_STR("services.storage.not_found")));
    assert_text(member(&peer, "error.code"), "16842763");
    assert_text(member(&peer, "error.props"), "[\"d\",\"i\",\"c\"]");
}
END_TEST

static void assert_error(const char *id, const char *status)
{
    ck_assert_msg(kdm_val_str_eq(kdm_val_path(answer(&peer), KDM_STR("error.id")), kdm_str_of(id)),
                  "%s: %s", id, peer.text);
    assert_text(member(&peer, "status"), status);
}

START_TEST(unknown_controllers_and_actions_are_two_errors)
{
    tell(&peer, "{\"controller\":\"no\",\"action\":\"now\"}");
    assert_error("api.process.controller_not_found", "404");
    assert_text(member(&peer, "controller"), "\"no\"");
    tell(&peer, "{\"controller\":\"server\",\"action\":\"no\"}");
    assert_error("api.process.action_not_found", "404");
    assert_text(member(&peer, "error.props"), "[\"server\",\"no\"]");
}
END_TEST

START_TEST(an_action_that_is_not_there_yet_is_501)
{
    tell(&peer, "{\"controller\":\"test\",\"action\":\"later\"}");
    assert_error("api.process.not_implemented", "501");
}
END_TEST

START_TEST(an_http_action_is_refused_on_websocket)
{
    tell(&peer, "{\"controller\":\"test\",\"action\":\"web\"}");
    assert_error("api.assert.unsupported_protocol", "500");
}
END_TEST

START_TEST(wrong_arguments_never_reach_the_action)
{
    tell(&peer, "{\"controller\":\"test\",\"action\":\"echo\"}");
    assert_error("api.assert.missing_argument", "400");
    assert_text(member(&peer, "controller"), "\"test\"");
    ck_assert_int_eq(txs.started, 0);
}
END_TEST

START_TEST(broken_json_is_answered_without_a_room)
{
    tell(&peer, "{\"controller\":");
    assert_error("network.websocket.unexpected_error", "400");
    ck_assert(kdm_str_none(member(&peer, "room")));
    ck_assert_uint_eq(member(&peer, "requestId").len, KDM_UUID_LEN + 2);
    assert_text(member(&peer, "controller"), "null");
    assert_text(member(&peer, "action"), "null");
}
END_TEST

START_TEST(an_envelope_error_has_a_room_when_the_client_named_its_request)
{
    tell(&peer, "{\"controller\":1,\"requestId\":\"mine\"}");
    assert_text(member(&peer, "room"), "\"mine\"");
    ck_assert(kdm_str_none(member(&peer, "error.id")));
    ck_assert(kdm_str_none(member(&peer, "error.code")));
    ck_assert(kdm_str_none(member(&peer, "error.props")));
    assert_text(member(&peer, "error.status"), "400");
    tell(&peer, "[]");
    assert_text(member(&peer, "status"), "500");
    ck_assert(kdm_str_none(member(&peer, "room")));
}
END_TEST

START_TEST(empty_messages_are_ignored)
{
    tell(&peer, "");
    ck_assert_int_eq(peer.count, 0);
}
END_TEST

START_TEST(any_token_is_invalid_as_long_as_there_are_none)
{
    tell(&peer, "{\"controller\":\"no\",\"action\":\"now\",\"jwt\":\"kauth-x\"}");
    assert_error("security.token.invalid", "401");
    peer.peer.cookie = KDM_STR("a=b; authToken=x");
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    assert_error("security.token.invalid", "401");
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\",\"jwt\":\"y\"}");
    assert_error("security.token.verification_error", "500");
    tell(&peer, "{\"controller\":\"auth\",\"action\":\"login\",\"cookieAuth\":true}");
    assert_text(member(&peer, "status"), "200");
}
END_TEST

START_TEST(an_old_sdk_is_refused_after_the_action_was_found)
{
    tell(&peer,
         "{\"controller\":\"server\",\"action\":\"now\",\"volatile\":{\"sdkName\":\"js@6.2.1\"}}");
    assert_error("api.process.incompatible_sdk_version", "400");
    assert_text(member(&peer, "error.props"), "[\"6.2.1\",\"7\"]");
    tell(&peer,
         "{\"controller\":\"no\",\"action\":\"now\",\"volatile\":{\"sdkName\":\"js@6.2.1\"}}");
    assert_error("api.process.controller_not_found", "404");
}
END_TEST

START_TEST(the_transaction_learns_who_asks_for_what)
{
    tell(&peer, "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"i\",\"requestId\":\"r\","
                "\"volatile\":{\"v\":2},\"timestamp\":77,\"retryOnConflict\":55}");
    assert_text(txs.last.origin.kuid, "-1");
    ck_assert_str_eq(txs.request_id, "r");
    ck_assert_str_eq(txs.volatile_json, "{\"v\":2}");
    ck_assert_str_eq(txs.last.origin.protocol, "websocket");
    ck_assert_int_eq(txs.last.origin.timestamp, 77);
    ck_assert_int_gt(txs.last.deadline_ms, (int64_t)uv_now(&loop));
    tell(&peer,
         "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"i\",\"retryOnConflict\":0}");
    ck_assert_int_gt(txs.last.origin.timestamp, 1600000000000);
}
END_TEST

START_TEST(requests_are_answered_in_the_order_in_which_they_end)
{
    struct kdm_tx *first;

    tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\",\"requestId\":\"one\"}");
    first = txs.waiting;
    tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\",\"requestId\":\"two\"}");
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\",\"requestId\":\"three\"}");
    ck_assert_int_eq(peer.count, 1);
    assert_text(member(&peer, "requestId"), "\"three\"");
    ck_assert_uint_eq(kdm_api_running(api), 2);
    wake(txs.waiting);
    assert_text(member(&peer, "requestId"), "\"two\"");
    wake(first);
    assert_text(member(&peer, "requestId"), "\"one\"");
    assert_text(member(&peer, "result"), "\"late\"");
    ck_assert_int_eq(peer.count, 3);
    ck_assert_uint_eq(kdm_api_running(api), 0);
    ck_assert_int_eq(txs.released, 3);
}
END_TEST

START_TEST(a_client_that_leaves_is_never_answered)
{
    struct test_peer other = new_peer("websocket");

    tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\",\"requestId\":\"one\"}");
    tell(&other, "{\"controller\":\"test\",\"action\":\"wait\",\"requestId\":\"two\"}");
    tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\",\"requestId\":\"three\"}");
    kdm_api_gone(api, &peer.peer);
    ck_assert_int_eq(txs.released, 2);
    ck_assert_uint_eq(kdm_api_running(api), 1);
    ck_assert_ptr_null(peer.peer.requests);
    wake(txs.waiting);
    ck_assert_int_eq(peer.count, 0);
    ck_assert_int_eq(other.count, 1);
}
END_TEST

START_TEST(a_client_may_leave_while_it_is_answered)
{
    tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\",\"requestId\":\"one\"}");
    peer.leaves = true;
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    ck_assert_int_eq(peer.count, 1);
    ck_assert_uint_eq(kdm_api_running(api), 0);
}
END_TEST

START_TEST(a_drain_refuses_new_requests_and_finishes_the_others)
{
    tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\",\"requestId\":\"one\"}");
    kdm_api_drain(api);
    ck_assert(!kdm_api_ready(api));
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    assert_error("api.process.shutting_down", "503");
    kdm_api_message_nested(api, &peer.peer,
                           KDM_STR("{\"controller\":\"server\",\"action\":\"now\"}"), txs.waiting);
    assert_text(member(&peer, "status"), "200");
    ck_assert_ptr_eq(txs.last.parent, txs.waiting);
    ck_assert_uint_eq(kdm_api_running(api), 1);
    wake(txs.waiting);
    assert_text(member(&peer, "result"), "\"late\"");
    ck_assert_uint_eq(kdm_api_running(api), 0);
}
END_TEST

START_TEST(many_requests_reuse_the_pool)
{
    for (int i = 0; i < 1000; i++)
        tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\"}");
    ck_assert_uint_eq(kdm_api_running(api), 1000);
    while (txs.waiting != NULL)
        wake(txs.waiting);
    ck_assert_int_eq(peer.count, 1000);
    for (int i = 0; i < 1000; i++)
        tell(&peer, "{\"controller\":\"test\",\"action\":\"fail\"}");
    ck_assert_int_eq(peer.count, 2000);
}
END_TEST

START_TEST(headers_of_an_action_are_in_the_envelope_but_not_its_cookie)
{
    tell(&peer, "{\"controller\":\"test\",\"action\":\"target\"}");
    assert_text(member(&peer, "headers"), "{\"x-made-by\":\"a \\\"test\\\"\"}");
}
END_TEST

START_TEST(a_raw_result_gets_a_room_when_it_is_an_object)
{
    tell(&peer, "{\"controller\":\"test\",\"action\":\"raw\",\"requestId\":\"r\"}");
    ck_assert_str_eq(peer.text, "{\"room\":\"r\",\"swagger\":\"2.0\"}");
    tell(&peer,
         "{\"controller\":\"test\",\"action\":\"raw\",\"requestId\":\"r\",\"scope\":\"{}\"}");
    ck_assert_str_eq(peer.text, "{\"room\":\"r\"}");
    tell(&peer,
         "{\"controller\":\"test\",\"action\":\"raw\",\"requestId\":\"r\",\"scope\":\"text\"}");
    ck_assert_str_eq(peer.text, "\"plain \\\"text\\\"\"");
    tell(&peer, "{\"controller\":\"test\",\"action\":\"raw\",\"requestId\":\"r\",\"scope\":1}");
    assert_error("api.assert.invalid_type", "400");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_request_is_answered_with_the_full_envelope,
        a_request_without_an_id_gets_one,
        index_and_collection_are_echoed_as_given,
        an_action_may_name_another_target_and_status,
        a_void_action_has_no_result,
        an_alias_is_answered_under_its_targets_name,
        a_failure_of_the_action_is_told_with_id_code_and_props,
        unknown_controllers_and_actions_are_two_errors,
        an_action_that_is_not_there_yet_is_501,
        an_http_action_is_refused_on_websocket,
        wrong_arguments_never_reach_the_action,
        broken_json_is_answered_without_a_room,
        an_envelope_error_has_a_room_when_the_client_named_its_request,
        empty_messages_are_ignored,
        any_token_is_invalid_as_long_as_there_are_none,
        an_old_sdk_is_refused_after_the_action_was_found,
        the_transaction_learns_who_asks_for_what,
        requests_are_answered_in_the_order_in_which_they_end,
        a_client_that_leaves_is_never_answered,
        a_client_may_leave_while_it_is_answered,
        a_drain_refuses_new_requests_and_finishes_the_others,
        many_requests_reuse_the_pool,
        headers_of_an_action_are_in_the_envelope_but_not_its_cookie,
        a_raw_result_gets_a_room_when_it_is_an_object,
    };

    return RUN("request", tests, set_up, tear_down);
}
