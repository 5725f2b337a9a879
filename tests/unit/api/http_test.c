/* http_test.c - HTTP requests as payloads, and their way through the API. */
#include "harness.h"

static struct test_peer peer;

static void set_up(void)
{
    open_api();
    peer = new_peer("http");
}

static void tear_down(void)
{
    kdm_api_gone(api, &peer.peer);
    close_api();
}

static void ask_with(struct kdm_http_request request, const char *verb, const char *path,
                     const char *query)
{
    peer.count = 0;
    request.verb = kdm_str_of(verb);
    request.path = kdm_str_of(path);
    request.query = kdm_str_of(query);
    kdm_api_http(api, &peer.peer, &request);
}

static void ask(const char *verb, const char *path, const char *query)
{
    ask_with((struct kdm_http_request){ .content_type = KDM_STR_NONE }, verb, path, query);
}

static void post(const char *path, const char *body)
{
    ask_with((struct kdm_http_request){ .body = kdm_str_of(body) }, "POST", path, "");
}

static void assert_error(const char *id, int status)
{
    ck_assert_msg(kdm_val_str_eq(kdm_val_path(answer(&peer), KDM_STR("error.id")), kdm_str_of(id)),
                  "%s: %s", id, peer.text);
    ck_assert_int_eq(peer.status, status);
    ck_assert_int_eq(peer.count, 1);
}

START_TEST(a_route_leads_to_its_action)
{
    ask("GET", "/_now", "");
    ck_assert_int_eq(peer.count, 1);
    ck_assert_int_eq(peer.status, 200);
    assert_text(member(&peer, "result"), "{\"now\":1}");
    assert_text(member(&peer, "controller"), "\"server\"");
    ck_assert(kdm_str_none(member(&peer, "room")));
    ck_assert_str_eq(txs.last.origin.protocol, "http");
}
END_TEST

START_TEST(the_request_id_is_the_headers_or_the_connections)
{
    ask("GET", "/_now", "requestId=mine");
    ck_assert_str_eq(peer.request_id, "6e0bbbd4-0000-4000-8000-000000000001");
    assert_text(member(&peer, "requestId"), "\"6e0bbbd4-0000-4000-8000-000000000001\"");
    ask_with((struct kdm_http_request){ .request_id = KDM_STR("a \"b\"") }, "GET", "/_now", "");
    ck_assert_str_eq(peer.request_id, "a \"b\"");
    assert_text(member(&peer, "requestId"), "\"a \\\"b\\\"\"");
    ask_with((struct kdm_http_request){ .request_id = KDM_STR("a\r\nSet-Cookie: x") }, "GET",
             "/_now", "");
    ck_assert_str_eq(peer.request_id, "6e0bbbd4-0000-4000-8000-000000000001");
}
END_TEST

START_TEST(arguments_come_from_path_and_query_and_the_path_wins)
{
    ask("GET", "/my%20index/_echo", "index=other&a=1&a=2&b=x%20y&flag&a=3");
    assert_text(member(&peer, "result.args"),
                "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"my index\","
                "\"a\":[\"1\",\"2\",\"3\"],\"b\":\"x y\",\"flag\":\"\"}");
    assert_text(member(&peer, "index"), "\"my index\"");
    assert_text(member(&peer, "result.silent"), "false");
    ask("GET", "/i/_echo", "silent=false");
    assert_text(member(&peer, "result.silent"), "true");
}
END_TEST

START_TEST(the_query_string_can_not_choose_the_action_or_forge_the_envelope)
{
    ask("GET", "/i/_echo", "controller=server&action=now&volatile=1&body=2&jwt=&requestId=3");
    assert_text(member(&peer, "controller"), "\"test\"");
    assert_text(member(&peer, "result.args"),
                "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"i\"}");
    assert_text(member(&peer, "volatile"), "null");
}
END_TEST

START_TEST(names_with_quotes_stay_names)
{
    ask("GET", "/a\"b/_echo", "c%22d=%22e%0A%00");
    assert_text(member(&peer, "index"), "\"a\\\"b\"");
    ck_assert(kdm_val_str_eq(kdm_val_path(answer(&peer), KDM_STR("result.args.c\"d")),
                             (struct kdm_str){ .ptr = "\"e\n\0", .len = 4 }));
}
END_TEST

START_TEST(the_body_is_json_or_nothing)
{
    post("/i/_echo", "{\"a\":[1]}");
    assert_text(member(&peer, "result.body"), "{\"a\":[1]}");
    post("/i/_echo", "");
    assert_text(member(&peer, "result.body"), "null");
    post("/i/_echo", "null");
    assert_text(member(&peer, "result.body"), "null");
    /* net/ made it of a form. */
    ask_with(
        (struct kdm_http_request){ .body = KDM_STR("{\"a\":\"1\"}"),
                                   .content_type = KDM_STR("application/x-www-form-urlencoded") },
        "POST", "/i/_echo", "");
    assert_text(member(&peer, "result.body"), "{\"a\":\"1\"}");
}
END_TEST

START_TEST(a_body_can_not_break_out)
{
    post("/i/_echo", "1},\"x\":{\"y\":2");
    assert_text(member(&peer, "id"), "\"network.http.body_parse_failed\"");
    post("/i/_echo", "\"text\"");
    ck_assert_int_eq(peer.status, 400);
    assert_text(member(&peer, "error.status"), "400");
    ck_assert(kdm_str_none(member(&peer, "error.id")));
}
END_TEST

START_TEST(a_broken_body_is_a_bare_error_with_its_beginning)
{
    post("/i/_echo", "{\"a\": \xc3\xa9 01234567890123456789012345678901234567890123456789");
    ck_assert_int_eq(peer.status, 400);
    assert_text(member(&peer, "id"), "\"network.http.body_parse_failed\"");
    assert_text(member(&peer, "code"), "50397196");
    assert_text(member(&peer, "props"),
                "[\"{\\\"a\\\": \xc3\xa9 012345678901234567890123456789012345678901\"]");
    ck_assert(kdm_str_none(member(&peer, "requestId")));
    post("/i/_echo", "\xff\xfe");
    assert_text(member(&peer, "props"), "[\"??\"]");
}
END_TEST

START_TEST(no_route_and_no_verb_are_told_in_an_envelope)
{
    ask("GET", "/no/where/at/all", "");
    assert_error("network.http.url_not_found", 404);
    assert_text(member(&peer, "error.props"), "[\"/no/where/at/all\"]");
    assert_text(member(&peer, "controller"), "null");
    assert_text(member(&peer, "action"), "null");
    ask("GET", "/\xff/a/b", "");
    assert_error("network.http.url_not_found", 404);
    ask("BREW", "/", "");
    assert_error("network.http.unsupported_verb", 400);
    ask("GET", "/_gone", "");
    assert_error("api.process.action_not_found", 404);
    assert_text(member(&peer, "error.props"), "[\"test\",\"gone\"]");
}
END_TEST

START_TEST(text_that_is_no_utf8_is_refused)
{
    ask("GET", "/i/_echo", "a=%FF");
    assert_error("network.http.unexpected_error", 400);
    ask("GET", "/\xff/_echo", "");
    assert_error("network.http.unexpected_error", 400);
}
END_TEST

START_TEST(a_token_comes_by_header_or_query)
{
    ask("GET", "/_now", "jwt=x");
    assert_error("security.token.invalid", 401);
    ask_with((struct kdm_http_request){ .authorization = KDM_STR("bEARER x") }, "GET", "/_now", "");
    assert_error("security.token.invalid", 401);
    ask_with((struct kdm_http_request){ .authorization = KDM_STR("Basic eDp5") }, "GET", "/_now",
             "");
    ck_assert_int_eq(peer.status, 200);
}
END_TEST

START_TEST(volatile_data_come_by_header)
{
    ask_with((struct kdm_http_request){ .volatile_json = KDM_STR("{\"v\":1}") }, "GET", "/_now",
             "");
    assert_text(member(&peer, "volatile"), "{\"v\":1}");
    ask_with((struct kdm_http_request){ .volatile_json = KDM_STR("{") }, "GET", "/_now", "");
    assert_error("network.http.volatile_parse_failed", 400);
    ask_with((struct kdm_http_request){ .volatile_json = KDM_STR("[]") }, "GET", "/_now", "");
    ck_assert_int_eq(peer.status, 400);
}
END_TEST

START_TEST(a_whole_payload_may_be_posted)
{
    post("/_query", "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"i\",\"silent\":true,"
                    "\"body\":{\"a\":1},"
                    "\"requestId\":\"ignored\",\"volatile\":{\"v\":1}}");
    ck_assert_int_eq(peer.status, 200);
    assert_text(member(&peer, "result.body"), "{\"a\":1}");
    assert_text(member(&peer, "result.silent"), "true");
    assert_text(member(&peer, "volatile"), "{\"v\":1}");
    assert_text(member(&peer, "requestId"), "\"6e0bbbd4-0000-4000-8000-000000000001\"");
    post("/_query",
         "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"i\",\"silent\":\"\"}");
    assert_error("api.assert.invalid_type", 400);
    post("/_query", "");
    assert_error("api.assert.missing_argument", 400);
    post("/_query", "[]");
    ck_assert_int_eq(peer.status, 500);
    post("/_query", "{");
    assert_text(member(&peer, "id"), "\"network.http.body_parse_failed\"");
    ask_with((struct kdm_http_request){ .body = KDM_STR(
                                            "{\"controller\":\"server\",\"action\":\"now\"}"),
                                        .authorization = KDM_STR("Bearer x") },
             "POST", "/_query", "");
    assert_error("security.token.invalid", 401);
}
END_TEST

START_TEST(health_needs_no_action)
{
    ask("GET", "/_healthcheck", "");
    ck_assert_int_eq(peer.status, 200);
    assert_text(member(&peer, "controller"), "null");
    assert_text(member(&peer, "result"), "null");
    assert_text(member(&peer, "error"), "null");
    ask("GET", "/_ready", "");
    ck_assert_int_eq(peer.status, 200);
    ask("HEAD", "/", "");
    ck_assert_int_eq(peer.status, 200);
    kdm_api_drain(api);
    ask("GET", "/_ready", "");
    ck_assert_int_eq(peer.status, 503);
    assert_text(member(&peer, "status"), "503");
    ask("GET", "/_healthcheck", "");
    ck_assert_int_eq(peer.status, 200);
}
END_TEST

START_TEST(head_is_answered_like_get_and_the_edge_keeps_the_body_back)
{
    ask("HEAD", "/_now", "");
    ck_assert_int_eq(peer.status, 200);
    assert_text(member(&peer, "result"), "{\"now\":1}");
    ask("HEAD", "/nowhere", "");
    ck_assert_int_eq(peer.status, 404);
}
END_TEST

START_TEST(raw_results_are_the_whole_body)
{
    ask("GET", "/_raw", "");
    ck_assert_str_eq(peer.text, "{\"swagger\":\"2.0\"}");
    ask("GET", "/_raw", "scope=text");
    ck_assert_str_eq(peer.text, "plain \"text\"");
    ask("GET", "/_raw", "scope=null");
    ck_assert_str_eq(peer.text, "");
    ask("GET", "/_raw", "scope=text&pretty");
    ck_assert_str_eq(peer.text, "plain \"text\"");
}
END_TEST

START_TEST(a_reply_can_be_pretty)
{
    ask("GET", "/_now", "pretty");
    ck_assert_ptr_nonnull(strstr(peer.text, "\n  \"result\": {\n    \"now\": 1\n  }"));
    ask("GET", "/_fail", "pretty=false");
    ck_assert_int_eq(peer.status, 404);
    ck_assert_ptr_nonnull(strstr(peer.text, "\n  \"error\": {"));
}
END_TEST

START_TEST(a_search_body_may_come_as_an_argument_of_get)
{
    ask("GET", "/i/_echo", "searchBody=%7B%22query%22%3A%7B%7D%7D");
    assert_text(member(&peer, "result.body"), "{\"query\":{}}");
    ask("GET", "/i/_echo", "searchBody=nonsense");
    assert_error("api.assert.invalid_type", 400);
    assert_text(member(&peer, "error.props"), "[\"searchBody\",\"object\"]");
}
END_TEST

START_TEST(an_action_for_http_alone_is_served)
{
    ask("GET", "/_web", "");
    ck_assert_int_eq(peer.status, 200);
}
END_TEST

START_TEST(what_the_edge_lent_may_be_gone_when_the_action_goes_on)
{
    char path[] = "/_wait", volatile_json[] = "{\"v\":1}";
    struct kdm_http_request request = { .verb = KDM_STR("GET"),
                                        .path = { .ptr = path, .len = 6 },
                                        .volatile_json = { .ptr = volatile_json, .len = 7 } };

    kdm_api_http(api, &peer.peer, &request);
    memset(path, 'x', sizeof(path));
    memset(volatile_json, 'x', sizeof(volatile_json));
    ck_assert_int_eq(peer.count, 0);
    wake(txs.waiting);
    ck_assert_int_eq(peer.count, 1);
    assert_text(member(&peer, "volatile"), "{\"v\":1}");
    assert_text(member(&peer, "result"), "\"late\"");
}
END_TEST

START_TEST(a_client_that_closed_is_not_answered)
{
    ask("GET", "/_wait", "");
    kdm_api_gone(api, &peer.peer);
    ck_assert_ptr_null(txs.waiting);
    ck_assert_int_eq(peer.count, 0);
    ck_assert_uint_eq(kdm_api_running(api), 0);
}
END_TEST

START_TEST(too_many_arguments_are_refused)
{
    char query[2 * 300 + 1];

    for (size_t i = 0; i < 300; i++)
        memcpy(query + 2 * i, "a&", 3);
    ask("GET", "/_now", query);
    assert_error("network.http.unexpected_error", 400);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_route_leads_to_its_action,
        the_request_id_is_the_headers_or_the_connections,
        arguments_come_from_path_and_query_and_the_path_wins,
        the_query_string_can_not_choose_the_action_or_forge_the_envelope,
        names_with_quotes_stay_names,
        the_body_is_json_or_nothing,
        a_body_can_not_break_out,
        a_broken_body_is_a_bare_error_with_its_beginning,
        no_route_and_no_verb_are_told_in_an_envelope,
        text_that_is_no_utf8_is_refused,
        a_token_comes_by_header_or_query,
        volatile_data_come_by_header,
        a_whole_payload_may_be_posted,
        health_needs_no_action,
        head_is_answered_like_get_and_the_edge_keeps_the_body_back,
        raw_results_are_the_whole_body,
        a_reply_can_be_pretty,
        a_search_body_may_come_as_an_argument_of_get,
        an_action_for_http_alone_is_served,
        what_the_edge_lent_may_be_gone_when_the_action_goes_on,
        a_client_that_closed_is_not_answered,
        too_many_arguments_are_refused,
    };

    return RUN("http", tests, set_up, tear_down);
}
