/* admit_test.c - requests that are refused before they are looked at: origins, overload; and what
 * is counted. */
#include "base/log.h"
#include "harness.h"

static struct test_peer peer;
static struct kdm_context context;
static bool redis_there;

static bool is_ready(void *ctx)
{
    return *(bool *)ctx;
}

static void set_up(void)
{
    kdm_log_set_level(KDM_LOG_ERROR);
    memset(&context, 0, sizeof(context));
    redis_there = true;
    open_api_with(&(struct kdm_api_options){ .max_in_flight = 3,
                                             .max_bytes_in_flight = 1 << 20,
                                             .allow_origin = "http://good",
                                             .request_timeout_ms = 500,
                                             .stats = true,
                                             .context = &context,
                                             .ready = is_ready,
                                             .ready_ctx = &redis_there });
    peer = new_peer("websocket");
}

static void tear_down(void)
{
    kdm_api_gone(api, &peer.peer);
    close_api();
}

static void assert_error(const char *id, const char *status)
{
    ck_assert_msg(kdm_val_str_eq(kdm_val_path(answer(&peer), KDM_STR("error.id")), kdm_str_of(id)),
                  "%s: %s", id, peer.text);
    assert_text(member(&peer, "status"), status);
}

START_TEST(requests_of_a_foreign_origin_are_refused)
{
    peer.peer.origin = KDM_STR("http://evil");
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    assert_error("api.process.unauthorized_origin", "401");
    assert_text(member(&peer, "error.props"), "[\"http://evil\"]");
    peer.peer.origin = KDM_STR("http://good");
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    assert_text(member(&peer, "status"), "200");
}
END_TEST

START_TEST(too_many_requests_at_once_are_refused)
{
    for (int i = 0; i < 3; i++)
        tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\"}");
    ck_assert(!kdm_api_ready(api));
    ck_assert_int_eq(peer.count, 0);
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\",\"requestId\":\"r\"}");
    assert_error("api.process.overloaded", "503");
    assert_text(member(&peer, "room"), "\"r\"");
    kdm_api_message_nested(api, &peer.peer,
                           KDM_STR("{\"controller\":\"server\",\"action\":\"now\"}"), NULL);
    assert_text(member(&peer, "status"), "200");
    wake(txs.waiting);
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    assert_text(member(&peer, "status"), "200");
}
END_TEST

START_TEST(requests_that_hold_too_much_together_are_refused)
{
    struct kdm_buf large;

    kdm_buf_init(&large, NULL, 600000);
    kdm_buf_lit(&large, "{\"controller\":\"test\",\"action\":\"wait\",\"more\":[1");
    for (int i = 0; i < 100000; i++)
        kdm_buf_lit(&large, ",1");
    kdm_buf_lit(&large, "]}");
    kdm_api_message(api, &peer.peer, kdm_buf_str(&large));
    assert_error("api.process.overloaded", "503");
    tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\"}");
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    assert_text(member(&peer, "status"), "200");
    wake(txs.waiting);
    kdm_buf_fini(&large);
}
END_TEST

START_TEST(readiness_follows_load_and_the_record)
{
    struct test_peer probe = new_peer("http");
    struct kdm_http_request request = { .verb = KDM_STR("GET"), .path = KDM_STR("/_ready") };

    tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\"}");
    tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\"}");
    kdm_api_http(api, &probe.peer, &request);
    ck_assert_int_eq(probe.status, 200);
    tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\"}");
    kdm_api_http(api, &probe.peer, &request);
    ck_assert_int_eq(probe.status, 503);
    wake(txs.waiting);
    ck_assert(kdm_api_ready(api));
    redis_there = false;
    ck_assert(!kdm_api_ready(api));
}
END_TEST

START_TEST(requests_are_counted_by_how_they_end)
{
    struct kdm_stats_totals totals;

    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    tell(&peer, "{\"controller\":\"server\",\"action\":\"no\"}");
    tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\"}");
    ck_assert_ptr_eq(context.api, api);
    kdm_stats_totals(context.stats, &totals);
    ck_assert_uint_eq(totals.completed[KDM_STATS_WEBSOCKET], 1);
    ck_assert_uint_eq(totals.failed[KDM_STATS_WEBSOCKET], 1);
    ck_assert_uint_eq(totals.ongoing[KDM_STATS_WEBSOCKET], 1);
    kdm_api_gone(api, &peer.peer);
    kdm_stats_totals(context.stats, &totals);
    ck_assert_uint_eq(totals.completed[KDM_STATS_WEBSOCKET], 1);
    ck_assert_uint_eq(totals.ongoing[KDM_STATS_WEBSOCKET], 0);
}
END_TEST

START_TEST(options_reach_the_transaction)
{
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    ck_assert_int_eq(txs.last.deadline_ms, (int64_t)uv_now(&loop) + 500);
}
END_TEST

START_TEST(cookies_are_not_looked_at_when_they_are_off)
{
    peer.peer.cookie = KDM_STR("authToken=x");
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    assert_text(member(&peer, "status"), "200");
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\",\"cookieAuth\":true}");
    assert_error("security.cookie.unsupported", "500");
    tell(&peer,
         "{\"controller\":\"server\",\"action\":\"now\",\"volatile\":{\"sdkName\":\"js@5\"}}");
    assert_text(member(&peer, "status"), "200");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        requests_of_a_foreign_origin_are_refused,
        too_many_requests_at_once_are_refused,
        requests_that_hold_too_much_together_are_refused,
        readiness_follows_load_and_the_record,
        requests_are_counted_by_how_they_end,
        options_reach_the_transaction,
        cookies_are_not_looked_at_when_they_are_off,
    };

    return RUN("admit", tests, set_up, tear_down);
}
