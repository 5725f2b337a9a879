/* http_test.c - HTTP connections over real sockets, with bytes as a client might send them. */
#include "fixture.h"

#include "net/codec.h"

static void expect_error(const struct response *response, int status, const char *id)
{
    ck_assert_msg(response->status == status, "%d, not %d: %s%s", response->status, status,
                  response->head, response->body);
    ck_assert_msg(strstr(response->body, id) != NULL, "%s", response->body);
    ck_assert_ptr_nonnull(strstr(response->body, "\"status\":"));
}

/* One request on a connection of its own. */
static struct response once(const char *text)
{
    int fd = client();
    struct response response = request(fd, text);

    close(fd);
    return response;
}

/* A POST; fd -1: on a connection of its own. */
static struct response post(int fd, const char *headers, const void *body, size_t len)
{
    struct response response;
    bool own = fd < 0;
    char head[1024];

    snprintf(head, sizeof(head),
             "POST /i/c/_create HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n", headers,
             len);
    if (own)
        fd = client();
    say(fd, head);
    ck_assert(send_bytes(fd, body, len));
    response = read_response(fd);
    if (own)
        close(fd);
    return response;
}

/* --- requests -------------------------------------------------------------------------- */

START_TEST(a_get_is_given_to_the_api_with_all_it_needs)
{
    struct response response;

    start_server();
    response =
        once("GET /index/col%20l/an+id%2F?a=1&b=x%26y%3Dz+w&flag#there HTTP/1.1\r\nHost: x\r\n"
             "Authorization: Bearer abc\r\nOrigin: http://o.example\r\nCookie: authToken=t\r\n"
             "X-Kuzzle-Volatile: {\"v\":1}\r\nX-Kuzzle-Request-Id: my-id\r\n"
             "Content-Type: application/json\r\ncontent-length: 0\r\n\r\n");
    ck_assert_int_eq(response.status, 200);
    ck_assert_str_eq(api.verb, "GET");
    ck_assert_str_eq(api.path, "/index/col%20l/an+id%2F");
    ck_assert_str_eq(api.query, "a=1&b=x%26y%3Dz+w&flag");
    ck_assert_str_eq(api.authorization, "Bearer abc");
    ck_assert_str_eq(api.origin, "http://o.example");
    ck_assert_str_eq(api.cookie, "authToken=t");
    ck_assert_str_eq(api.volatile_json, "{\"v\":1}");
    ck_assert_str_eq(api.request_id, "my-id");
    ck_assert_str_eq(api.content_type, "application/json");
    ck_assert_uint_eq(api.last_len, 0);
    free(response.body);
}
END_TEST

START_TEST(a_body_is_read_whole_with_every_verb_that_may_have_one)
{
    static const char *const verbs[] = { "POST", "PUT", "PATCH", "DELETE", "GET" };

    start_server();
    for (int i = 0; i < 5; i++) {
        struct response response;
        char text[256];

        snprintf(text, sizeof(text),
                 "%s /a HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n{\"a\":1}", verbs[i]);
        response = once(text);
        ck_assert_int_eq(response.status, 200);
        ck_assert_str_eq(response.body, "{\"a\":1}");
        ck_assert_str_eq(api.verb, verbs[i]);
        free(response.body);
    }
}
END_TEST

START_TEST(a_request_without_body_or_length_is_answered)
{
    static const char *const verbs[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };

    start_server();
    for (int i = 0; i < 5; i++) {
        struct response response;
        char text[256];

        snprintf(text, sizeof(text), "%s /a HTTP/1.1\r\nHost: x\r\n\r\n", verbs[i]);
        response = once(text);
        ck_assert_int_eq(response.status, 200);
        ck_assert_str_eq(api.verb, verbs[i]);
        free(response.body);
    }
}
END_TEST

START_TEST(the_reply_has_the_headers_clients_look_for)
{
    struct response response;

    start_server();
    response = once("GET / HTTP/1.1\r\nHost: x\r\nOrigin: http://o.example\r\n\r\n");
    ck_assert_str_eq(head_of(&response, "Content-Type"), "application/json");
    ck_assert_str_eq(head_of(&response, "Connection"), "keep-alive");
    ck_assert_str_eq(head_of(&response, "X-Kuzzle-Node"), "knode-test");
    ck_assert_str_eq(head_of(&response, "X-Kuzzle-Request-Id"), "the-id");
    ck_assert_str_eq(head_of(&response, "Content-Encoding"), "identity");
    ck_assert_str_eq(head_of(&response, "Accept-Encoding"), "gzip,deflate,identity");
    ck_assert_str_eq(head_of(&response, "Access-Control-Allow-Origin"), "http://o.example");
    ck_assert_str_eq(head_of(&response, "Vary"), "Origin");
    ck_assert_str_eq(head_of(&response, "Access-Control-Allow-Credentials"), "true");
    free(response.body);
    response = once("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_str_eq(head_of(&response, "Access-Control-Allow-Origin"), "");
    free(response.body);
}
END_TEST

START_TEST(head_gets_the_headers_alone_and_the_connection_goes_on)
{
    struct response response;
    int fd;

    start_server();
    api.answer_len = 500;
    fd = client();
    say(fd, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert(try_read_response(fd, &response, false));
    ck_assert_uint_eq(response.len, 500);
    free(response.body);
    response = request(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_int_eq(response.status, 200);
    free(response.body);
    close(fd);
}
END_TEST

START_TEST(options_on_any_path_is_answered_without_the_api)
{
    struct response response;

    start_server();
    response = once("OPTIONS /any/path HTTP/1.1\r\nHost: x\r\nOrigin: http://a\r\n\r\n");
    ck_assert_int_eq(response.status, 200);
    ck_assert_str_eq(head_of(&response, "Access-Control-Allow-Methods"),
                     "GET,POST,PUT,PATCH,DELETE,OPTIONS,HEAD");
    ck_assert_str_eq(head_of(&response, "Access-Control-Allow-Origin"), "http://a");
    ck_assert_int_eq(api.requests, 0);
    free(response.body);
}
END_TEST

START_TEST(other_verbs_are_refused)
{
    static const char *const verbs[] = { "TRACE", "PROPFIND", "LINK", "CONNECT", "BREW" };

    start_server();
    for (int i = 0; i < 5; i++) {
        struct response response;
        char text[256];

        snprintf(text, sizeof(text), "%s /a HTTP/1.1\r\nHost: x\r\n\r\n", verbs[i]);
        response = once(text);
        expect_error(&response, 400, "network.http.unsupported_verb");
        ck_assert_ptr_nonnull(strstr(response.body, verbs[i]));
        free(response.body);
    }
    ck_assert_int_eq(api.requests, 0);
}
END_TEST

/* --- connections ----------------------------------------------------------------------- */

START_TEST(a_connection_is_kept_for_many_requests)
{
    int fd;

    start_server();
    fd = client();
    for (int i = 0; i < 20; i++) {
        struct response response = post(fd, "", "{\"a\":1}", 7);

        ck_assert_int_eq(response.status, 200);
        ck_assert_str_eq(response.body, "{\"a\":1}");
        free(response.body);
        response = request(fd, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
        ck_assert_int_eq(response.status, 200);
        free(response.body);
    }
    ck_assert_uint_eq(counts().http, 1);
    ck_assert_int_eq(api.gone, 40);
    close(fd);
}
END_TEST

START_TEST(connection_close_is_obeyed)
{
    struct response response;
    int fd;

    start_server();
    fd = client();
    response = request(fd, "GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    ck_assert_int_eq(response.status, 200);
    ck_assert(ended(fd));
    free(response.body);
    close(fd);
    fd = client();
    response = request(fd, "GET /x HTTP/1.0\r\n\r\n");
    ck_assert_int_eq(response.status, 200);
    ck_assert(ended(fd));
    free(response.body);
    close(fd);
}
END_TEST

START_TEST(pipelined_requests_without_body_are_answered_in_order)
{
    int fd;

    start_server();
    fd = client();
    say(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
            "DELETE /3 HTTP/1.1\r\nHost: x\r\n\r\nGET /4 HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 1; i <= 4; i++) {
        struct response response = read_response(fd);

        ck_assert_int_eq(response.status, 200);
        free(response.body);
    }
    ck_assert_int_eq(api.requests, 4);
    ck_assert_str_eq(api.path, "/4");
    close(fd);
}
END_TEST

START_TEST(a_pipelined_request_waits_for_the_answer_before_it)
{
    struct response response;
    int fd;

    start_server();
    api.hold = true;
    fd = client();
    say(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(api.requests == 1);
    pump_ms(100);
    ck_assert_int_eq(api.requests, 1);
    api_answer();
    response = read_response(fd);
    free(response.body);
    wait_for(api.requests == 2);
    api_answer();
    response = read_response(fd);
    free(response.body);
    close(fd);
}
END_TEST

START_TEST(a_thousand_pipelined_requests_with_bodies_are_answered_in_order)
{
    struct kdm_buf all;
    int fd;

    start_server();
    kdm_buf_init(&all, NULL, 1 << 18);
    for (int i = 0; i < 1000; i++) {
        if (i % 3 == 0)
            kdm_buf_printf(&all, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
        else if (i % 3 == 1)
            kdm_buf_printf(&all, "POST /%d HTTP/1.1\r\nContent-Length: 4\r\n\r\n%04d\r\n", i, i);
        else
            kdm_buf_printf(&all,
                           "PUT /%d HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n%d\r\n"
                           "3;x=y\r\n%03d\r\n0\r\nX-Trailer: z\r\n\r\n",
                           i, i / 1000, i % 1000);
    }
    fd = client();
    ck_assert(send_bytes(fd, all.ptr, all.len));
    for (int i = 0; i < 1000; i++) {
        struct response response = read_response(fd);
        char expected[16];

        snprintf(expected, sizeof(expected), i % 3 == 0 ? "" : "%04d", i);
        ck_assert_int_eq(response.status, 200);
        ck_assert_str_eq(response.body, expected);
        free(response.body);
    }
    ck_assert_int_eq(api.requests, 1000);
    ck_assert_int_eq(api.gone, 1000);
    kdm_buf_fini(&all);
    close(fd);
}
END_TEST

START_TEST(a_request_behind_one_that_the_api_works_on_waits_its_turn)
{
    int fd;

    start_server();
    api.hold = true;
    fd = client();
    say(fd, "POST /0 HTTP/1.1\r\nContent-Length: 1\r\n\r\n0");
    for (int i = 1; i < 4; i++) { /* each has half of the next one behind it */
        char text[128];

        snprintf(text, sizeof(text), "POST /%d HTTP/1.1\r\nContent-Len", i);
        say(fd, text);
        wait_for(api.requests == i);
        pump_ms(20);
        snprintf(text, sizeof(text), "gth: 1\r\n\r\n%d", i);
        say(fd, text);
        pump_ms(20);
        ck_assert_int_eq(api.requests, i);
        api_answer();
        wait_for(api.requests == i + 1);
    }
    api_answer();
    for (int i = 0; i < 4; i++) {
        struct response response = read_response(fd);

        ck_assert_int_eq(response.body[0], '0' + i);
        free(response.body);
    }
    close(fd);
}
END_TEST

START_TEST(a_request_sent_byte_by_byte_is_understood)
{
    static const char text[] =
        "POST /slow?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{\"a\":1}  ";
    struct response response;
    int fd;

    start_server();
    fd = client();
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        ck_assert(send_bytes(fd, text + i, 1));
        pump();
        pump();
    }
    response = read_response(fd);
    ck_assert_str_eq(response.body, "{\"a\":1}  ");
    free(response.body);
    close(fd);
}
END_TEST

START_TEST(an_answer_may_come_late_and_clients_may_leave_before_it)
{
    struct linger hard = { .l_onoff = 1, .l_linger = 0 };
    struct response response;
    int stays, leaves;

    start_server();
    api.hold = true;
    leaves = client();
    say(leaves, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(api.requests == 1);
    stays = client();
    say(stays, "GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(api.requests == 2);
    setsockopt(leaves, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close(leaves);
    wait_for(api.gone == 1);
    api_answer();
    response = read_response(stays);
    ck_assert_int_eq(response.status, 200);
    free(response.body);
    wait_for(api.gone == 2);
    close(stays);
    wait_for(counts().http == 0);
}
END_TEST

START_TEST(a_client_may_end_its_side_and_wait_for_the_reply)
{
    struct response response;
    int fd;

    start_server();
    for (size_t len = 0; len <= 20 << 20; len += 20 << 20) {
        fd = client();
        api.hold = true;
        api.answer_len = len;
        say(fd,
            "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}");
        shutdown(fd, SHUT_WR);
        for (int i = 1; i <= 2; i++) {
            struct kdm_peer *peer;

            wait_for(api.peer != NULL && api.path[1] == '0' + i);
            peer = api.peer;
            pump_ms(50);
            ck_assert_ptr_eq(api.peer, peer);
            api_answer();
            response = read_response(fd);
            ck_assert_int_eq(response.status, 200);
            ck_assert_str_eq(head_of(&response, "Connection"), i == 1 ? "keep-alive" : "close");
            free(response.body);
        }
        ck_assert(ended(fd));
        wait_for(counts().http == 0);
        close(fd);
    }
    ck_assert_uint_eq(kdm_net_queued(net), 0);
}
END_TEST

START_TEST(a_request_that_is_cut_off_is_told_so)
{
    static const char *const cut[] = { "G", "GET / HTTP/1.1\r\nHost: x\r\n",
                                       "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n{}" };

    start_server();
    for (int i = 0; i < 3; i++) {
        struct response response;
        int fd = client();

        say(fd, cut[i]);
        shutdown(fd, SHUT_WR);
        response = read_response(fd);
        expect_error(&response, 400, "network.http.unexpected_error");
        ck_assert(ended(fd));
        free(response.body);
        close(fd);
    }
    wait_for(counts().http == 0);
    ck_assert_int_eq(api.requests, 0);
}
END_TEST

START_TEST(a_client_that_ended_its_side_and_left_is_forgotten_with_the_answer)
{
    int fd;

    start_server();
    api.hold = true;
    for (int i = 1; i <= 20; i++) {
        fd = client();
        say(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
        wait_for(api.requests == i);
        close(fd);
        pump_ms(10);
        if (api.peer != NULL)
            api_answer();
        wait_for(counts().http == 0);
        ck_assert_int_eq(api.gone, i);
    }
}
END_TEST

START_TEST(a_large_reply_reaches_a_client_that_reads_slowly)
{
    size_t got = 0;
    char *bytes = malloc(65536);
    int fd;

    start_server();
    api.answer_len = 20 << 20;
    fd = client();
    say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(api.requests == 1);
    pump_ms(200);
    ck_assert_int_eq(api.requests, 1);
    while (got < (20u << 20)) {
        ssize_t n = recv(fd, bytes, 65536, 0);

        ck_assert(n > 0 || (n < 0 && errno == EAGAIN));
        if (n > 0)
            got += (size_t)n;
        pump();
    }
    wait_for(api.requests == 2);
    free(bytes);
    close(fd);
    wait_for(counts().http == 0);
    ck_assert_uint_eq(kdm_net_queued(net), 0);
}
END_TEST

START_TEST(waiting_for_a_slow_reader_does_not_spin)
{
    struct timespec before, after;
    int fd;

    start_server();
    api.answer_len = 30 << 20;
    fd = client();
    say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(api.requests == 1);
    pump_ms(100);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    for (int i = 0; i < 8; i++)
        uv_run(&loop, UV_RUN_ONCE); /* each waits for the tick of 100 ms if nothing else happens */
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    ck_assert_int_lt(
        (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000, 200);
    close(fd);
}
END_TEST

START_TEST(waiting_for_the_api_does_not_spin)
{
    struct kdm_peer *peer;
    int64_t start;
    int fd;

    start_server();
    api.hold = true;
    fd = client();
    say(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(api.requests == 1);
    peer = api.peer;
    pump_ms(50);
    start = kdm_clock_monotonic_ms();
    for (int i = 0; i < 5; i++)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_int_ge(kdm_clock_monotonic_ms() - start, 200);
    api.peer = peer;
    api_answer();
    wait_for(api.requests == 2);
    close(fd);
}
END_TEST

/* --- limits ---------------------------------------------------------------------------- */

START_TEST(a_body_of_the_limit_is_taken_and_a_longer_one_is_refused)
{
    struct response response;
    char *body = xs((1 << 20) + 1);
    int fd;

    start_server();
    fd = client();
    response = post(fd, "", body, 1 << 20);
    ck_assert_int_eq(response.status, 200);
    ck_assert_uint_eq(response.len, 1 << 20);
    free(response.body);
    response = post(fd, "", body, (1 << 20) + 1);
    expect_error(&response, 413, "network.http.request_too_large");
    ck_assert_str_eq(head_of(&response, "Connection"), "close");
    free(response.body);
    ck_assert_int_eq(api.requests, 1);
    ck_assert(ended(fd));
    free(body);
    close(fd);
    wait_for(counts().http == 0);
}
END_TEST

START_TEST(a_too_large_body_is_refused_before_it_comes)
{
    struct response response;

    start_server();
    response =
        once("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n");
    expect_error(&response, 413, "network.http.request_too_large");
    ck_assert_str_eq(head_of(&response, "Access-Control-Allow-Origin"), "*");
    free(response.body);
}
END_TEST

START_TEST(a_chunked_body_is_put_together_up_to_the_limit)
{
    struct response response;
    char *chunk = xs(200000);
    char size[32];
    int fd;

    start_server();
    fd = client();
    response = request(fd, "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
                           "3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n");
    ck_assert_int_eq(response.status, 200);
    ck_assert_str_eq(response.body, "{\"a\":1}");
    free(response.body);
    say(fd, "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 6; i++) {
        snprintf(size, sizeof(size), "%x\r\n", 200000);
        if (!send_bytes(fd, size, strlen(size)) || !send_bytes(fd, chunk, 200000)
            || !send_bytes(fd, "\r\n", 2))
            break;
    }
    response = read_response(fd);
    expect_error(&response, 413, "network.http.request_too_large");
    ck_assert(ended(fd));
    ck_assert_int_eq(api.requests, 1);
    free(response.body);
    free(chunk);
    close(fd);
    wait_for(counts().http == 0);
}
END_TEST

START_TEST(a_content_length_that_is_no_number_is_refused)
{
    static const char *const bad[] = { "-1", "1x", "0x10", "1, 1", "+5" };

    start_server();
    for (int i = 0; i < 5; i++) {
        struct response response;
        char text[256];

        snprintf(text, sizeof(text), "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %s\r\n\r\n{}",
                 bad[i]);
        response = once(text);
        expect_error(&response, 400, "network.http.unexpected_error");
        free(response.body);
    }
    ck_assert_int_eq(api.requests, 0);
}
END_TEST

START_TEST(a_client_that_asks_for_it_is_told_to_continue)
{
    struct response response;
    int fd;

    start_server();
    fd = client();
    say(fd, "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    ck_assert(try_read_response(fd, &response, false));
    ck_assert_int_eq(response.status, 100);
    free(response.body);
    response = request(fd, "{}");
    ck_assert_int_eq(response.status, 200);
    ck_assert_str_eq(response.body, "{}");
    free(response.body);
    close(fd);
}
END_TEST

START_TEST(a_head_that_is_too_long_is_told_so)
{
    static const struct {
        const char *format;
        int width, status;
    } heads[] = {
        { "GET / HTTP/1.1\r\nCookie: %0*d\r\n\r\n", 16000, 200 },
        { "GET / HTTP/1.1\r\nCookie: %0*d\r\n\r\n", 17000, 431 },
        { "GET / HTTP/1.1\r\nX-Any: %0*d", 500000, 431 },
        { "GET /%0*d HTTP/1.1\r\n\r\n", 16000, 200 },
        { "GET /%0*d HTTP/1.1\r\n\r\n", 17000, 414 },
        { "GET /?%0*d", 500000, 414 },
    };
    char *text = malloc(600000);
    int fd;

    start_server();
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct response response;

        snprintf(text, 600000, heads[i].format, heads[i].width, 0);
        response = once(text);
        if (heads[i].status != 200)
            expect_error(&response, heads[i].status, "network.http.unexpected_error");
        ck_assert_int_eq(response.status, heads[i].status);
        free(response.body);
    }
    fd = client();
    for (int i = 0; i < 20000 && send_bytes(fd, "X-A: b\r\n", 8); i++)
        pump();
    close(fd);
    free(text);
    wait_for(counts().http == 0);
}
END_TEST

/* What lws took for a head that does not end, or for none at all. */
START_TEST(any_last_header_ends_a_head)
{
    static const char *const last[] = { "A: b", "X-Auth: 1", "X-Forwarded: y",
                                        "H: 1", "Acc: ",     "Sec-WebSock: 1" };

    start_server();
    for (size_t i = 0; i < sizeof(last) / sizeof(last[0]); i++) {
        char text[128];
        int fd = client();

        snprintf(text, sizeof(text), "GET /last HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", last[i]);
        for (size_t at = 0; text[at] != '\0'; at++) {
            ck_assert(send_bytes(fd, text + at, 1));
            pump();
        }
        wait_for(api.requests == (int)i + 1);
        ck_assert_str_eq(api.path, "/last");
        close(fd);
    }
}
END_TEST

START_TEST(what_is_no_request_is_answered_with_an_error_and_the_end)
{
    static const struct {
        const char *text;
        int status;
    } bad[] = {
        { "GET / HTTP/1.1\r\nA\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nA : b\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\n: b\r\n\r\n", 400 },
        { "GET /a b HTTP/1.1\r\n\r\n", 400 },
        { "GET * HTTP/1.1\r\n\r\n", 400 },
        { "GET a HTTP/1.1\r\n\r\n", 400 },
        { "GET /\t HTTP/1.1\r\n\r\n", 400 },
        { "GET / HTTP/2.0\r\n\r\n", 505 },
        { "GET /\r\n\r\n", 505 },
        { "\x16\x03\x01\x02\x00\x01", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n{}x", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
          400 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
          400 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", 400 },
    };

    start_server();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct response response;
        int fd = client();

        say(fd, bad[i].text);
        say(fd, "GET /smuggled HTTP/1.1\r\n\r\n");
        response = read_response(fd);
        expect_error(&response, bad[i].status, "network.http.unexpected_error");
        ck_assert_str_eq(head_of(&response, "Connection"), "close");
        ck_assert_msg(ended(fd), "%s", bad[i].text);
        free(response.body);
        close(fd);
    }
    ck_assert_int_eq(api.requests, 0);
    wait_for(counts().http == 0);
}
END_TEST

START_TEST(a_target_may_be_absolute_or_a_star)
{
    static const struct {
        const char *target, *path, *query;
    } good[] = {
        { "http://host:7512/a%2Fb/c?d=e", "/a%2Fb/c", "d=e" },
        { "https://host", "/", "" },
        { "http://host?x=y", "/", "x=y" },
        { "//double/slash", "//double/slash", "" },
        { "/a%zz", "/a%zz", "" },
        { "/a%00b", "/a%00b", "" },
    };
    struct response response;

    start_server();
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char text[128];

        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", good[i].target);
        response = once(text);
        ck_assert_int_eq(response.status, 200);
        ck_assert_str_eq(api.path, good[i].path);
        ck_assert_str_eq(api.query, good[i].query);
        free(response.body);
    }
    response = once("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_int_eq(response.status, 200);
    free(response.body);
}
END_TEST

START_TEST(headers_that_drip_in_are_not_waited_for_long)
{
    int64_t start = kdm_clock_monotonic_ms();
    int fd;

    start_server();
    fd = client();
    say(fd, "GET / HTTP/1.1\r\n");
    while (counts().http == 0)
        pump();
    while (counts().http == 1 && kdm_clock_monotonic_ms() - start < 15000) {
        pump_ms(200);
        send(fd, "X", 1, MSG_NOSIGNAL);
    }
    ck_assert_uint_eq(counts().http, 0);
    close(fd);
}
END_TEST

/* --- content --------------------------------------------------------------------------- */

START_TEST(content_types_and_charsets_are_checked)
{
    struct response response;

    start_server();
    response = post(-1, "Content-Type: text/xml\r\n", "<a/>", 4);
    expect_error(&response, 400, "network.http.unsupported_content");
    free(response.body);
    response = post(-1, "Content-Type: application/json; charset=latin1\r\n", "{}", 2);
    expect_error(&response, 400, "network.http.unsupported_charset");
    free(response.body);
    response = post(-1, "Content-Type: application/JSON; charset=\"UTF-8\"\r\n", "{}", 2);
    ck_assert_int_eq(response.status, 200);
    free(response.body);
}
END_TEST

START_TEST(what_is_for_another_api_may_have_any_type_and_is_refused_in_its_words)
{
    struct response response;

    start_server();
    response = once("POST /foreign/x HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\n"
                    "Content-Length: 4\r\n\r\n<a/>");
    ck_assert_int_eq(response.status, 200);
    ck_assert_str_eq(response.body, "<a/>");
    free(response.body);
    response = once("POST /foreign/x HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n");
    ck_assert_int_eq(response.status, 413);
    ck_assert_str_eq(response.body, "{\"foreign\":true}");
    free(response.body);
}
END_TEST

START_TEST(forms_become_json)
{
    static const char multipart[] =
        "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n"
        "--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n"
        "Content-Type: text/plain\r\n\r\nhello\r\n--B--\r\n";
    struct response response;

    start_server();
    response = post(-1, "Content-Type: application/x-www-form-urlencoded\r\n", "a=1&b=x+y&a=2", 13);
    ck_assert_str_eq(response.body, "{\"a\":[\"1\",\"2\"],\"b\": \"x y\"}");
    free(response.body);
    response = post(-1, "Content-Type: multipart/form-data; boundary=B\r\n", multipart,
                    sizeof(multipart) - 1);
    ck_assert_ptr_nonnull(strstr(response.body, "\"file\":\"aGVsbG8=\""));
    free(response.body);
}
END_TEST

static struct kdm_buf encoded(enum kdm_coding coding, struct kdm_str text)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, NULL, 64);
    kdm_codec_encode(coding, text, &buf);
    return buf;
}

START_TEST(an_encoded_body_is_decoded_last_layer_first)
{
    struct kdm_buf inner = encoded(KDM_CODING_GZIP, KDM_STR("{\"zip\":true}"));
    struct kdm_buf outer = encoded(KDM_CODING_DEFLATE, kdm_buf_str(&inner));
    struct response response;

    start_server();
    response = post(-1, "Content-Encoding: gzip\r\n", inner.ptr, inner.len);
    ck_assert_str_eq(response.body, "{\"zip\":true}");
    free(response.body);
    response = post(-1, "Content-Encoding: gzip, identity, DEFLATE\r\n", outer.ptr, outer.len);
    ck_assert_str_eq(response.body, "{\"zip\":true}");
    free(response.body);
    response = post(-1, "Content-Encoding: gzip\r\n", "no gzip", 7);
    expect_error(&response, 400, "network.http.unexpected_error");
    free(response.body);
    response = post(-1, "Content-Encoding: br\r\n", "x", 1);
    expect_error(&response, 400, "network.http.unsupported_compression");
    free(response.body);
    response = post(-1, "Content-Encoding: gzip,gzip,gzip,gzip\r\n", "x", 1);
    expect_error(&response, 400, "network.http.too_many_encodings");
    free(response.body);
    kdm_buf_fini(&inner);
    kdm_buf_fini(&outer);
}
END_TEST

START_TEST(a_body_that_unpacks_to_too_much_is_refused)
{
    char *zeroes = calloc(1, 50 << 20);
    struct kdm_buf bomb =
        encoded(KDM_CODING_GZIP, (struct kdm_str){ .ptr = zeroes, .len = 50 << 20 });
    struct response response;

    start_server();
    response = post(-1, "Content-Encoding: gzip\r\n", bomb.ptr, bomb.len);
    expect_error(&response, 413, "network.http.request_too_large");
    free(response.body);
    kdm_buf_fini(&bomb);
    free(zeroes);
}
END_TEST

START_TEST(a_reply_is_encoded_as_the_client_likes_it_best)
{
    struct kdm_buf plain = { .ptr = NULL };
    struct response response;
    const char *reason;

    start_server();
    api.answer_len = 5000;
    response = once("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: deflate, gzip\r\n\r\n");
    ck_assert_str_eq(head_of(&response, "Content-Encoding"), "gzip");
    ck_assert_uint_lt(response.len, 200);
    ck_assert_int_eq(kdm_codec_decode(KDM_CODING_GZIP,
                                      (struct kdm_str){ .ptr = response.body, .len = response.len },
                                      10000, &plain, &reason),
                     KDM_CODEC_OK);
    ck_assert_uint_eq(plain.len, 5000);
    kdm_buf_fini(&plain);
    free(response.body);
    api.answer_len = 500;
    response = once("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n");
    ck_assert_str_eq(head_of(&response, "Content-Encoding"), "identity");
    free(response.body);
}
END_TEST

/* --- upgrades that are none, and rubbish ------------------------------------------------- */

START_TEST(an_offer_of_http2_is_answered_in_http1)
{
    struct response response;

    start_server();
    response = once("GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                    "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n");
    ck_assert_int_eq(response.status, 200);
    ck_assert_str_eq(api.path, "/a");
    free(response.body);
}
END_TEST

START_TEST(rubbish_crashes_nothing)
{
    static const char *const rubbish[] = {
        "\r\n\r\n\r\n",
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /%zz HTTP/1.1\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /../../.. HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /?&&&==;;& HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a;b&c HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\nGET / HTTP/1.1\r\nPOST / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: nonsense\r\nConnection: Upgrade\r\n\r\n",
        "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "POST / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: "
        "5\r\n\r\nabc",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "GET / HTTP/1.1\r\n: x\r\n:::\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    };
    struct response response;

    start_server();
    for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
        int fd = client();

        send_bytes(fd, rubbish[i], strlen(rubbish[i]));
        pump_ms(20);
        close(fd);
    }
    for (unsigned i = 0, seed = 7; i < 200; i++) {
        unsigned char junk[300] = "GET /";
        int fd = client();

        for (size_t j = i % 6; j < sizeof(junk); j++) {
            seed = seed * 1103515245 + 12345;
            junk[j] = (unsigned char)(seed >> 16);
        }
        send_bytes(fd, junk, sizeof(junk));
        pump();
        close(fd);
    }
    response = once("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_int_eq(response.status, 200);
    free(response.body);
    pump_ms(1500);
    wait_for(counts().http == 0);
}
END_TEST

START_TEST(closing_the_server_ends_requests_that_wait)
{
    int fd;

    start_server();
    api.hold = true;
    fd = client();
    say(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(api.requests == 1);
    kdm_net_close(net);
    net = NULL;
    ck_assert(ended(fd));
    ck_assert_int_eq(api.gone, 1);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/http");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_get_is_given_to_the_api_with_all_it_needs);
    tcase_add_test(tcase, a_body_is_read_whole_with_every_verb_that_may_have_one);
    tcase_add_test(tcase, a_request_without_body_or_length_is_answered);
    tcase_add_test(tcase, the_reply_has_the_headers_clients_look_for);
    tcase_add_test(tcase, head_gets_the_headers_alone_and_the_connection_goes_on);
    tcase_add_test(tcase, options_on_any_path_is_answered_without_the_api);
    tcase_add_test(tcase, other_verbs_are_refused);
    tcase_add_test(tcase, a_connection_is_kept_for_many_requests);
    tcase_add_test(tcase, connection_close_is_obeyed);
    tcase_add_test(tcase, pipelined_requests_without_body_are_answered_in_order);
    tcase_add_test(tcase, a_pipelined_request_waits_for_the_answer_before_it);
    tcase_add_test(tcase, a_thousand_pipelined_requests_with_bodies_are_answered_in_order);
    tcase_add_test(tcase, a_request_behind_one_that_the_api_works_on_waits_its_turn);
    tcase_add_test(tcase, a_request_sent_byte_by_byte_is_understood);
    tcase_add_test(tcase, an_answer_may_come_late_and_clients_may_leave_before_it);
    tcase_add_test(tcase, a_client_may_end_its_side_and_wait_for_the_reply);
    tcase_add_test(tcase, a_request_that_is_cut_off_is_told_so);
    tcase_add_test(tcase, a_client_that_ended_its_side_and_left_is_forgotten_with_the_answer);
    tcase_add_test(tcase, a_large_reply_reaches_a_client_that_reads_slowly);
    tcase_add_test(tcase, waiting_for_a_slow_reader_does_not_spin);
    tcase_add_test(tcase, waiting_for_the_api_does_not_spin);
    tcase_add_test(tcase, a_body_of_the_limit_is_taken_and_a_longer_one_is_refused);
    tcase_add_test(tcase, a_too_large_body_is_refused_before_it_comes);
    tcase_add_test(tcase, a_chunked_body_is_put_together_up_to_the_limit);
    tcase_add_test(tcase, a_content_length_that_is_no_number_is_refused);
    tcase_add_test(tcase, a_client_that_asks_for_it_is_told_to_continue);
    tcase_add_test(tcase, a_head_that_is_too_long_is_told_so);
    tcase_add_test(tcase, any_last_header_ends_a_head);
    tcase_add_test(tcase, what_is_no_request_is_answered_with_an_error_and_the_end);
    tcase_add_test(tcase, a_target_may_be_absolute_or_a_star);
    tcase_add_test(tcase, headers_that_drip_in_are_not_waited_for_long);
    tcase_add_test(tcase, content_types_and_charsets_are_checked);
    tcase_add_test(tcase, what_is_for_another_api_may_have_any_type_and_is_refused_in_its_words);
    tcase_add_test(tcase, forms_become_json);
    tcase_add_test(tcase, an_encoded_body_is_decoded_last_layer_first);
    tcase_add_test(tcase, a_body_that_unpacks_to_too_much_is_refused);
    tcase_add_test(tcase, a_reply_is_encoded_as_the_client_likes_it_best);
    tcase_add_test(tcase, an_offer_of_http2_is_answered_in_http1);
    tcase_add_test(tcase, rubbish_crashes_nothing);
    tcase_add_test(tcase, closing_the_server_ends_requests_that_wait);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
