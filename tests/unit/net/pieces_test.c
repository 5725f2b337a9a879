/* pieces_test.c - replies in pieces, over real sockets. */
#include "fixture.h"

static const struct kdm_http_response file = { .status = 200, .request_id = KDM_STR("the-id") };

/* Asks, and begins the reply. */
static int begin(const char *request_text)
{
    int fd;

    api.hold = true;
    start_server();
    fd = client();
    say(fd, request_text);
    wait_for(api.requests == 1);
    api.peer->ops->begin(api.peer, &file);
    return fd;
}

static bool put(const char *text)
{
    return api.peer->ops->piece(api.peer, kdm_str_of(text));
}

/* Pieces of `size` until it is enough; how many. */
static int fill(size_t size)
{
    char *much = xs(size);
    int count = 1;

    while (put(much))
        count++;
    free(much);
    return count;
}

/* All up to the end of the connection; none when it is a reset. The caller's to free. */
static char *read_to_end(int fd)
{
    int64_t end = kdm_clock_monotonic_ms() + PATIENCE_MS;
    size_t len = 0, cap = 1 << 16;
    char *text = malloc(cap);

    for (;;) {
        ssize_t n = recv(fd, text + len, cap - len - 1, 0);

        ck_assert(kdm_clock_monotonic_ms() < end);
        if (n == 0)
            break;
        if (n < 0 && errno != EAGAIN) {
            ck_assert_int_eq(errno, ECONNRESET);
            free(text);
            return NULL;
        }
        if (n > 0)
            len += (size_t)n;
        if (cap - len < 2)
            text = realloc(text, cap *= 2);
        pump();
    }
    text[len] = '\0';
    return text;
}

static const char *body_of(const char *reply)
{
    return strstr(reply, "\r\n\r\n") + 4;
}

START_TEST(pieces_are_chunks_and_the_connection_goes_on)
{
    const char *body = "3\r\nabc\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";
    struct response response;
    char got[128] = "";
    int fd = begin("GET /a HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n");

    ck_assert(put("abc"));
    ck_assert(put("")); /* no chunk: it would be the last */
    pump_ms(20);
    ck_assert(put("abcdefghijklmnopqrstuvwxyz"));
    api.peer->ops->end(api.peer, true);
    response = read_response(fd);
    ck_assert_int_eq(response.status, 200);
    ck_assert_str_eq(head_of(&response, "Transfer-Encoding"), "chunked");
    ck_assert_str_eq(head_of(&response, "\r\nContent-Length"), "");
    ck_assert_str_eq(head_of(&response, "Content-Encoding"), "identity");
    ck_assert_str_eq(head_of(&response, "Connection"), "keep-alive");
    free(response.body);
    ck_assert(receive(fd, got, strlen(body)));
    ck_assert_str_eq(got, body);
    api.hold = false;
    response = request(fd, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_int_eq(response.status, 200);
    ck_assert_str_eq(api.path, "/b");
    free(response.body);
    close(fd);
}
END_TEST

START_TEST(without_chunks_the_end_of_the_connection_is_the_end)
{
    int fd = begin("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    char *reply;

    put("abc");
    pump_ms(20);
    put("def");
    api.peer->ops->end(api.peer, true);
    reply = read_to_end(fd);
    ck_assert_ptr_nonnull(reply);
    ck_assert_ptr_null(strcasestr(reply, "Transfer-Encoding"));
    ck_assert_ptr_null(strcasestr(reply, "\r\nContent-Length"));
    ck_assert_ptr_nonnull(strcasestr(reply, "Connection: close"));
    ck_assert_str_eq(body_of(reply), "abcdef");
    free(reply);
    close(fd);
}
END_TEST

/* The client has ended its side: both ends are through when the reply is. */
START_TEST(a_client_that_has_ended_its_side_gets_all)
{
    int fd = begin("GET /a HTTP/1.0\r\n\r\n");
    char *reply;
    int pieces;

    shutdown(fd, SHUT_WR);
    pump_ms(20);
    pieces = fill(50000);
    wait_for(api.rooms > 0);
    api.peer->ops->end(api.peer, true);
    pump_ms(50);
    reply = read_to_end(fd);
    ck_assert_ptr_nonnull(reply);
    ck_assert_uint_eq(strlen(body_of(reply)), (size_t)pieces * 50000);
    free(reply);
    close(fd);
}
END_TEST

START_TEST(what_is_broken_off_ends_in_a_reset)
{
    static const char *const requests[] = { "GET /a HTTP/1.1\r\nHost: x\r\n\r\n",
                                            "GET /a HTTP/1.0\r\n\r\n" };
    int fd = begin(requests[_i]);

    put("abc");
    pump_ms(20);
    api.peer->ops->end(api.peer, false);
    ck_assert_ptr_null(read_to_end(fd));
    wait_for(api.gone == 1); /* the end was the API's wish, but the peer is net's to end */
    close(fd);
}
END_TEST

START_TEST(a_server_that_stops_ends_it_in_a_reset)
{
    int fd = begin("GET /a HTTP/1.0\r\n\r\n");

    put("abc");
    pump_ms(20);
    kdm_net_close(net);
    net = NULL;
    ck_assert_int_eq(api.gone, 1);
    ck_assert_ptr_null(read_to_end(fd));
    close(fd);
}
END_TEST

START_TEST(a_client_that_does_not_read_is_not_sent_more)
{
    int fd = begin("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    size_t sent = 0;
    char *reply;
    int rooms;

    /* As much as the kernel takes for it. */
    do {
        rooms = api.rooms;
        sent += (size_t)fill(60000) * 60000;
        pump_ms(100);
    } while (api.rooms > rooms && sent < (64u << 20));
    ck_assert_uint_lt(sent, 64u << 20);
    ck_assert_uint_lt(kdm_net_queued(net), 1u << 20);
    pump_ms(100);
    ck_assert_int_eq(api.rooms, rooms);
    say(fd, "GET /b HTTP/1.1\r\nHost: x\r\n"); /* its next request waits */
    reply = malloc(sent);
    ck_assert(receive(fd, reply, sent / 2));
    wait_for(api.rooms == rooms + 1);
    pump_ms(20);
    ck_assert_int_eq(api.rooms, rooms + 1); /* said once */
    ck_assert_int_eq(api.requests, 1);
    free(reply);
    close(fd);
    put("more"); /* it is not read from, as half a request waits: now its end is seen */
    wait_for(api.gone == 1);
}
END_TEST

START_TEST(waiting_for_the_next_piece_does_not_spin)
{
    int fd = begin("GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    uint64_t turns = 0;
    int64_t end;

    put("abc");
    pump_ms(50);
    end = kdm_clock_monotonic_ms() + 300;
    while (kdm_clock_monotonic_ms() < end) {
        uv_run(&loop, UV_RUN_ONCE);
        turns++;
    }
    ck_assert_uint_lt(turns, 100);
    close(fd);
    wait_for(api.gone == 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/pieces");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, pieces_are_chunks_and_the_connection_goes_on);
    tcase_add_test(tcase, without_chunks_the_end_of_the_connection_is_the_end);
    tcase_add_test(tcase, a_client_that_has_ended_its_side_gets_all);
    tcase_add_loop_test(tcase, what_is_broken_off_ends_in_a_reset, 0, 2);
    tcase_add_test(tcase, a_server_that_stops_ends_it_in_a_reset);
    tcase_add_test(tcase, a_client_that_does_not_read_is_not_sent_more);
    tcase_add_test(tcase, waiting_for_the_next_piece_does_not_spin);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
