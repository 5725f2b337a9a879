/* events_test.c - listeners of requests: what they see, what they may change, and when. */
#include "harness.h"

static struct test_peer peer;

/* A listener that notes what it saw, and a pipe that does as it was told. */
static struct {
    char names[512], payload[4096];
    const char *answer; /* JSON; NULL: what it got */
    bool fail, bare, hold;
    struct kdm_event_call *held;
} seen;

static void note(struct kdm_event_call *call)
{
    size_t len = strlen(seen.names);

    snprintf(seen.names + len, sizeof(seen.names) - len, KDM_FMT " ",
             KDM_ARG(kdm_call_event(call)));
    snprintf(seen.payload, sizeof(seen.payload), KDM_FMT, KDM_ARG(kdm_call_payload(call)));
}

static void on_hook(void *self, struct kdm_event_call *call)
{
    (void)self;
    note(call);
}

static void on_pipe(void *self, struct kdm_event_call *call)
{
    (void)self;
    note(call);
    if (seen.hold)
        seen.held = call;
    else if (seen.fail)
        kdm_call_fail(call, 409, seen.bare ? KDM_STR_NONE : KDM_STR("my.error"),
                      KDM_STR("not now"));
    else
        kdm_call_next(call, kdm_str_of(seen.answer));
}

static void set_up(void)
{
    open_api();
    peer = new_peer("websocket");
    memset(&seen, 0, sizeof(seen));
}

static void tear_down(void)
{
    kdm_api_gone(api, &peer.peer);
    close_api();
}

static void pipe_on(const char *event)
{
    ck_assert(kdm_bus_on_pipe(bus, kdm_str_of(event), on_pipe, NULL, "test"));
}

static void hook_on(const char *event)
{
    ck_assert(kdm_bus_on_hook(bus, kdm_str_of(event), on_hook, NULL, "test"));
}

static struct kdm_str payload(const char *path)
{
    return kdm_val_text(kdm_val_path(parse(seen.payload), kdm_str_of(path)));
}

START_TEST(a_before_pipe_sees_the_request)
{
    pipe_on("test:beforeEcho");
    tell(&peer, "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"i\",\"requestId\":\"r\","
                "\"silent\":true,"
                "\"body\":{\"a\":1},\"volatile\":{\"v\":1},\"timestamp\":7}");
    ck_assert_str_eq(seen.names, "test:beforeEcho ");
    assert_text(payload("id"), "\"r\"");
    assert_text(payload("timestamp"), "7");
    assert_text(payload("status"), "102");
    assert_text(payload("input.controller"), "\"test\"");
    assert_text(payload("input.action"), "\"echo\"");
    assert_text(payload("input.args"), "{\"index\":\"i\",\"silent\":true,\"timestamp\":7}");
    assert_text(payload("input.body"), "{\"a\":1}");
    assert_text(payload("input.volatile"), "{\"v\":1}");
    assert_text(payload("context.user._id"), "\"-1\"");
    assert_text(payload("context.connection.protocol"), "\"websocket\"");
    assert_text(member(&peer, "result.body"), "{\"a\":1}");
}
END_TEST

START_TEST(a_before_pipe_may_change_arguments_and_body)
{
    pipe_on("test:beforeEcho");
    seen.answer =
        "{\"input\":{\"args\":{\"index\":\"other\",\"silent\":true},\"body\":{\"new\":1}}}";
    tell(&peer, "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"i\",\"body\":{\"a\":1}}");
    assert_text(member(&peer, "result.body"), "{\"new\":1}");
    assert_text(member(&peer, "result.silent"), "true");
    assert_text(member(&peer, "result.args"), "{\"index\":\"other\",\"silent\":true}");
}
END_TEST

START_TEST(what_a_pipe_returns_is_checked_like_what_a_client_sends)
{
    pipe_on("test:beforeEcho");
    seen.answer = "{\"input\":{\"args\":{\"index\":5}}}";
    tell(&peer, "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"i\"}");
    assert_text(member(&peer, "error.id"), "\"api.assert.invalid_type\"");
    ck_assert_int_eq(txs.started, 0);
    seen.answer = "[]";
    tell(&peer, "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"i\"}");
    assert_text(member(&peer, "error.id"), "\"plugin.runtime.unexpected_error\"");
    seen.answer = "{";
    tell(&peer, "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"i\"}");
    assert_text(member(&peer, "status"), "500");
    ck_assert_int_eq(txs.started, 0);
}
END_TEST

START_TEST(a_before_pipe_may_refuse)
{
    pipe_on("server:beforeNow");
    hook_on("server:errorNow");
    seen.fail = true;
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    assert_text(member(&peer, "status"), "409");
    assert_text(member(&peer, "error.id"), "\"my.error\"");
    assert_text(member(&peer, "error.message"), "\"not now\"");
    ck_assert_str_eq(seen.names, "server:beforeNow server:errorNow ");
    ck_assert_int_eq(txs.started, 0);
    seen.bare = true;
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    ck_assert(kdm_str_none(member(&peer, "error.id")));
    assert_text(member(&peer, "error.status"), "409");
}
END_TEST

START_TEST(an_after_pipe_may_change_the_result)
{
    pipe_on("server:afterNow");
    seen.answer = "{\"result\":{\"later\":2},\"status\":202}";
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    assert_text(payload("result"), "{\"now\":1}");
    assert_text(payload("status"), "200");
    assert_text(member(&peer, "result"), "{\"later\":2}");
    assert_text(member(&peer, "status"), "202");
}
END_TEST

START_TEST(hooks_hear_of_success_and_failure)
{
    hook_on("request:onSuccess");
    hook_on("request:onError");
    hook_on("test:errorFail");
    hook_on("server:*");
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    ck_assert_str_eq(seen.names, "server:beforeNow server:afterNow request:onSuccess ");
    seen.names[0] = '\0';
    tell(&peer, "{\"controller\":\"test\",\"action\":\"fail\"}");
    ck_assert_str_eq(seen.names, "test:errorFail request:onError ");
    assert_text(payload("status"), "404");
    assert_text(payload("error.id"), "\"services.storage.not_found\"");
    seen.names[0] = '\0';
    tell(&peer, "{\"controller\":");
    ck_assert_str_eq(seen.names, "request:onError ");
    assert_text(payload("input.args"), "{}");
}
END_TEST

START_TEST(a_pipe_that_waits_holds_the_request)
{
    pipe_on("server:beforeNow");
    seen.hold = true;
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\",\"requestId\":\"r\"}");
    ck_assert_int_eq(peer.count, 0);
    ck_assert_uint_eq(kdm_api_running(api), 1);
    kdm_call_next(seen.held, KDM_STR_NONE);
    ck_assert_int_eq(peer.count, 1);
    assert_text(member(&peer, "result"), "{\"now\":1}");
}
END_TEST

START_TEST(a_client_may_leave_while_a_pipe_holds_its_request)
{
    pipe_on("request:onAuthorized");
    seen.hold = true;
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    kdm_api_gone(api, &peer.peer);
    ck_assert_uint_eq(kdm_api_running(api), 0);
    kdm_call_next(seen.held, KDM_STR_NONE);
    ck_assert_int_eq(peer.count, 0);
    ck_assert_int_eq(txs.started, 0);
}
END_TEST

START_TEST(a_pipe_after_an_action_that_waited_still_answers_once)
{
    pipe_on("test:afterWait");
    seen.hold = true;
    tell(&peer, "{\"controller\":\"test\",\"action\":\"wait\"}");
    wake(txs.waiting);
    ck_assert_int_eq(peer.count, 0);
    kdm_call_next(seen.held, KDM_STR_NONE);
    ck_assert_int_eq(peer.count, 1);
    assert_text(member(&peer, "result"), "\"late\"");
}
END_TEST

/* A pipe whose handler makes a request over a peer of its own, and goes on when that is answered.
 */
static struct test_peer inner;

static void on_asking_pipe(void *self, struct kdm_event_call *call)
{
    (void)self;
    kdm_api_message_nested(
        api, &inner.peer,
        KDM_STR("{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"inner\"}"), NULL);
    kdm_call_next(call, KDM_STR_NONE);
}

START_TEST(a_handler_may_make_requests_itself)
{
    inner = new_peer("funnel");
    ck_assert(kdm_bus_on_pipe(bus, KDM_STR("server:beforeNow"), on_asking_pipe, NULL, "test"));
    tell(&peer, "{\"controller\":\"server\",\"action\":\"now\"}");
    ck_assert_int_eq(inner.count, 1);
    assert_text(member(&inner, "index"), "\"inner\"");
    assert_text(member(&peer, "result"), "{\"now\":1}");
}
END_TEST

START_TEST(a_handlers_own_request_is_silent_unless_it_says_otherwise)
{
    static const char echo[] = "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"i\"%s}";
    static const struct {
        const char *more, *heard;
    } cases[] = { { "", "" },
                  { ",\"triggerEvents\":false", "" },
                  { ",\"triggerEvents\":1", "" },
                  { ",\"triggerEvents\":true", "test:beforeEcho test:afterEcho " } };
    char text[128];

    pipe_on("test:beforeEcho");
    hook_on("test:afterEcho");
    inner = new_peer("funnel");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        seen.names[0] = '\0';
        snprintf(text, sizeof(text), echo, cases[i].more);
        kdm_api_message_nested(api, &inner.peer, kdm_str_of(text), NULL);
        ck_assert_int_eq(inner.count, (int)i + 1);
        ck_assert_str_eq(seen.names, cases[i].heard);
    }
    tell(&peer,
         "{\"controller\":\"test\",\"action\":\"echo\",\"index\":\"i\",\"triggerEvents\":false}");
    ck_assert_str_eq(seen.names, "test:beforeEcho test:afterEcho test:beforeEcho test:afterEcho ");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_before_pipe_sees_the_request,
        a_before_pipe_may_change_arguments_and_body,
        what_a_pipe_returns_is_checked_like_what_a_client_sends,
        a_before_pipe_may_refuse,
        an_after_pipe_may_change_the_result,
        hooks_hear_of_success_and_failure,
        a_pipe_that_waits_holds_the_request,
        a_client_may_leave_while_a_pipe_holds_its_request,
        a_pipe_after_an_action_that_waited_still_answers_once,
        a_handler_may_make_requests_itself,
        a_handlers_own_request_is_silent_unless_it_says_otherwise,
    };

    return RUN("events", tests, set_up, tear_down);
}
