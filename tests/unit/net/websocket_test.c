/* websocket_test.c - WebSocket connections over real sockets, with bytes as a client might send
 * them. */
#include "fixture.h"

#include "net/squeeze.h"
#include <zlib.h>

/* --- messages -------------------------------------------------------------------------- */

START_TEST(a_message_is_given_to_the_api_and_answered)
{
    int fd;

    start_server();
    fd = ws_client();
    ws_say(fd, "{\"a\":1}");
    ws_expect(fd, 0x81, "{\"a\":1}");
    ck_assert_int_eq(api.messages, 1);
    ck_assert_int_eq((int)strlen(api.id), KDM_UUID_LEN);
    ck_assert_str_eq(api.peer->protocol, "websocket");
    close(fd);
    wait_for(api.gone == 1);
}
END_TEST

START_TEST(a_binary_message_is_a_message_like_any_other)
{
    int fd;

    start_server();
    fd = ws_client();
    ck_assert(ws_send(fd, 0x82, "{}", 2));
    ws_expect(fd, 0x81, "{}");
    close(fd);
}
END_TEST

START_TEST(messages_of_every_length_of_header_come_back_whole)
{
    static const size_t sizes[] = { 1, 125, 126, 127, 65535, 65536, 65537, 200000 };
    int fd;

    start_server();
    fd = ws_client();
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        char *text = xs(sizes[i]), *payload;
        size_t len;

        text[sizes[i] - 1] = 'e';
        ck_assert(ws_send(fd, 0x81, text, sizes[i]));
        ck_assert_int_eq(ws_read(fd, &payload, &len), 0x81);
        ck_assert_uint_eq(len, sizes[i]);
        ck_assert_mem_eq(payload, text, len);
        free(text);
        free(payload);
    }
    close(fd);
}
END_TEST

START_TEST(a_message_in_fragments_with_a_ping_between_is_put_together)
{
    int fd;

    start_server();
    fd = ws_client();
    ck_assert(ws_send(fd, 0x01, "{\"a\"", 4));
    ck_assert(ws_send(fd, 0x89, "hi", 2));
    ck_assert(ws_send(fd, 0x00, ":", 1));
    ck_assert(ws_send(fd, 0x00, "", 0));
    ws_expect(fd, 0x8a, "hi");
    ck_assert(ws_send(fd, 0x80, "1}", 2));
    ws_expect(fd, 0x81, "{\"a\":1}");
    ck_assert_int_eq(api.messages, 1);
    close(fd);
}
END_TEST

START_TEST(many_frames_in_one_segment_are_many_messages_in_order)
{
    char all[4096], *f;
    size_t len = 0, n;
    int fd;

    start_server();
    fd = ws_client();
    for (int i = 0; i < 50; i++) {
        char text[32];

        snprintf(text, sizeof(text), "{\"n\":%d}", i);
        f = frame(0x81, text, strlen(text), &n);
        memcpy(all + len, f, n);
        len += n;
        free(f);
    }
    ck_assert(send_bytes(fd, all, len));
    for (int i = 0; i < 50; i++) {
        char text[32];

        snprintf(text, sizeof(text), "{\"n\":%d}", i);
        ws_expect(fd, 0x81, text);
    }
    close(fd);
}
END_TEST

START_TEST(a_frame_sent_byte_by_byte_is_understood)
{
    size_t n;
    char *f = frame(0x81, "{\"slow\":true}", 13, &n);
    int fd;

    start_server();
    fd = ws_client();
    for (size_t i = 0; i < n; i++) {
        ck_assert(send_bytes(fd, f + i, 1));
        pump();
        pump();
    }
    ws_expect(fd, 0x81, "{\"slow\":true}");
    free(f);
    close(fd);
}
END_TEST

START_TEST(an_empty_message_is_ignored)
{
    int fd;

    start_server();
    fd = ws_client();
    ws_say(fd, "");
    ws_say(fd, "{}");
    ws_expect(fd, 0x81, "{}");
    ck_assert_int_eq(api.messages, 1);
    close(fd);
}
END_TEST

/* --- pings and upgrades ---------------------------------------------------------------- */

START_TEST(an_application_ping_is_answered_without_the_api)
{
    int fd;

    start_server();
    fd = ws_client();
    ws_say(fd, "{\"p\":1}");
    ws_expect(fd, 0x81, "{\"p\":2}");
    ws_say(fd, " { \"p\" : 1 }\n");
    ws_expect(fd, 0x81, "{\"p\":2}");
    ck_assert_int_eq(api.messages, 0);
    close(fd);
}
END_TEST

START_TEST(a_protocol_ping_is_answered_with_its_payload)
{
    int fd;

    start_server();
    fd = ws_client();
    ck_assert(ws_send(fd, 0x89, "are you there", 13));
    ws_expect(fd, 0x8a, "are you there");
    close(fd);
}
END_TEST

START_TEST(any_subprotocol_is_accepted_and_named_in_the_answer)
{
    static const char *const names[] = { "kuzzle", "chat.v2", "x-y_z" };

    start_server();
    for (int i = 0; i < 3; i++) {
        struct response response;
        char text[512];
        int fd = client();

        snprintf(text, sizeof(text),
                 "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, "
                 "Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
                 "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: %s, other\r\n\r\n",
                 names[i]);
        say(fd, text);
        ck_assert(try_read_response(fd, &response, false));
        ck_assert_int_eq(response.status, 101);
        ck_assert_str_eq(head_of(&response, "Sec-WebSocket-Protocol"), names[i]);
        ck_assert_str_eq(head_of(&response, "Sec-WebSocket-Accept"),
                         "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        ws_say(fd, "{}");
        ws_expect(fd, 0x81, "{}");
        free(response.body);
        close(fd);
    }
}
END_TEST

START_TEST(origin_and_cookie_of_the_upgrade_stay_with_the_connection)
{
    int fd;

    start_server();
    fd = ws_client_with("Origin: http://app.example\r\nCookie: authToken=abc; x=y\r\n");
    ws_say(fd, "{}");
    ws_expect(fd, 0x81, "{}");
    ck_assert_str_eq(api.origin, "http://app.example");
    ck_assert_str_eq(api.cookie, "authToken=abc; x=y");
    close(fd);
}
END_TEST

/* --- limits ---------------------------------------------------------------------------- */

START_TEST(a_message_of_exactly_the_limit_is_taken_and_one_byte_more_closes_with_1009)
{
    char *text = xs((1 << 20) + 1), *payload;
    size_t len;
    int fd;

    start_server();
    fd = ws_client();
    api.answer_len = 2;
    ck_assert(ws_send(fd, 0x81, text, 1 << 20));
    ck_assert_int_eq(ws_read(fd, &payload, &len), 0x81);
    ck_assert_uint_eq(api.last_len, 1 << 20);
    free(payload);
    ws_send(fd, 0x81, text, (1 << 20) + 1);
    ck_assert_int_eq(ws_close_code(fd), 1009);
    ck_assert_int_eq(api.messages, 1);
    ck_assert_uint_eq(counts().closed_oversize, 1);
    free(text);
    close(fd);
    wait_for(api.gone == 1);
}
END_TEST

START_TEST(fragments_that_add_up_beyond_the_limit_close_with_1009)
{
    char *text = xs(300000);
    int fd;

    start_server();
    fd = ws_client();
    for (int i = 0; i < 4; i++)
        ws_send(fd, i == 0 ? 0x01 : 0x00, text, 300000);
    ck_assert_int_eq(ws_close_code(fd), 1009);
    ck_assert_int_eq(api.messages, 0);
    free(text);
    close(fd);
}
END_TEST

START_TEST(a_frame_that_announces_exabytes_closes_with_1009)
{
    static const unsigned char head[] = { 0x81, 0xff, 0x10, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 'x' };
    int fd;

    start_server();
    fd = ws_client();
    ck_assert(send_bytes(fd, head, sizeof(head)));
    ck_assert_int_eq(ws_close_code(fd), 1009);
    close(fd);
}
END_TEST

START_TEST(messages_above_the_rate_are_refused_and_not_executed)
{
    char *payload;
    size_t len;
    int fd;

    options.rate_limit = 2;
    start_server();
    fd = ws_client();
    for (int i = 0; i < 5; i++)
        ws_say(fd, "{}");
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(ws_read(fd, &payload, &len), 0x81);
        if (i == 4) {
            ck_assert_ptr_nonnull(strstr(payload, "network.websocket.ratelimit_exceeded"));
            ck_assert_ptr_nonnull(strstr(payload, "\"status\":429"));
            ck_assert_ptr_null(strstr(payload, "room"));
        }
        free(payload);
    }
    ck_assert_int_le(api.messages, 4); /* a second may have ended meanwhile */
    close(fd);
}
END_TEST

START_TEST(a_silent_client_is_closed_and_one_that_pings_is_not)
{
    int silent, pinging;

    options.idle_timeout_ms = 600;
    start_server();
    silent = ws_client();
    pinging = ws_client();
    for (int i = 0; i < 8; i++) {
        ck_assert(ws_send(pinging, 0x89, "", 0));
        ws_expect(pinging, 0x8a, "");
        pump_ms(150);
    }
    ck_assert_int_eq(ws_close_code(silent), 1011);
    ws_say(pinging, "{}");
    ws_expect(pinging, 0x81, "{}");
    close(silent);
    close(pinging);
}
END_TEST

START_TEST(connections_beyond_the_maximum_are_turned_away)
{
    int first, second;

    options.max_connections = 1;
    start_server();
    first = ws_client();
    second = client();
    ck_assert(ended(second));
    ws_say(first, "{}");
    ws_expect(first, 0x81, "{}");
    close(first);
    close(second);
}
END_TEST

/* `text` as the payload of a compressed frame: raw deflate without its last four bytes (RFC 7692).
 */
static char *squeeze(const char *text, size_t len, size_t *ret_len)
{
    size_t room = len + 1024;
    char *squeezed = malloc(room);
    z_stream z = { .next_in = (Bytef *)text,
                   .avail_in = (uInt)len,
                   .next_out = (Bytef *)squeezed,
                   .avail_out = (uInt)room };

    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ck_assert_int_eq(deflate(&z, Z_SYNC_FLUSH), Z_OK);
    *ret_len = room - z.avail_out - 4;
    deflateEnd(&z);
    return squeezed;
}

START_TEST(compressed_messages_are_understood_when_that_was_agreed)
{
    char *text = xs(100000), *squeezed, *payload;
    struct kdm_buf plain = { .ptr = NULL };
    size_t len, packed;
    int fd;

    options.websocket_compression = true;
    start_server();
    fd = ws_client_with(
        "Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover\r\n");
    squeezed = squeeze(text, 100000, &len);
    for (int i = 0; i < 3; i++) { /* each on its own: no context is taken over */
        ck_assert(ws_send(fd, 0x41, squeezed, len / 2));
        ck_assert(ws_send(fd, 0x80, squeezed + len / 2, len - len / 2));
        ck_assert_int_eq(ws_read(fd, &payload, &packed), 0xc1);
        ck_assert_uint_lt(packed, 1000);
        ck_assert_int_eq(
            kdm_squeeze_unpack((struct kdm_str){ .ptr = payload, .len = packed }, 1 << 20, &plain),
            KDM_CODEC_OK);
        ck_assert_uint_eq(plain.len, 100000);
        ck_assert_mem_eq(plain.ptr, text, 100000);
        kdm_buf_fini(&plain);
        free(payload);
    }
    ws_say(fd, "{}");
    ws_expect(fd, 0x81, "{}");
    ck_assert(ws_send(fd, 0xc1, "no deflate", 10));
    ck_assert_int_eq(ws_close_code(fd), 1007);
    free(squeezed);
    free(text);
    close(fd);
}
END_TEST

START_TEST(text_that_is_none_closes_with_1007)
{
    static const char *const bad[] = { "\"\xff\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"",
                                       "{\"aaaaaaaaaa\":1}\xe2\x82" };
    int fd;

    start_server();
    for (int i = 0; i < 4; i++) {
        fd = ws_client();
        ws_say(fd, bad[i]);
        ck_assert_int_eq(ws_close_code(fd), 1007);
        close(fd);
    }
    ck_assert_int_eq(api.messages, 0);
    fd = ws_client();
    ck_assert(ws_send(fd, 0x82, bad[0], strlen(bad[0]))); /* may hold anything */
    wait_for(api.messages == 1);
    close(fd);
}
END_TEST

START_TEST(an_upgrade_that_is_none_is_refused_and_says_why)
{
    static const struct {
        const char *first, *headers;
        int status;
    } bad[] = {
        { "GET / HTTP/1.1", "Sec-WebSocket-Version: 13\r\n", 400 },
        { "GET / HTTP/1.1", "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n", 400 },
        { "GET / HTTP/1.1",
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ*=\r\n", 400 },
        { "GET / HTTP/1.1",
          "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426 },
        { "POST / HTTP/1.1",
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400 },
        { "GET / HTTP/1.0",
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400 },
        { "GET / HTTP/1.1",
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
          "Sec-WebSocket-Protocol: a b\r\n",
          400 },
    };

    start_server();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct response response;
        char text[512];
        int fd = client();

        snprintf(text, sizeof(text), "%s\r\nUpgrade: WebSocket\r\nConnection: x, upgrade\r\n%s\r\n",
                 bad[i].first, bad[i].headers);
        response = request(fd, text);
        ck_assert_int_eq(response.status, bad[i].status);
        ck_assert_ptr_nonnull(strstr(response.body, "network.http.unexpected_error"));
        ck_assert(ended(fd));
        free(response.body);
        close(fd);
    }
}
END_TEST

START_TEST(frames_right_behind_the_upgrade_are_answered)
{
    char text[2048];
    struct response response;
    size_t n, len;
    char *f = frame(0x81, "{\"a\":1}", 7, &n);
    int fd;

    start_server();
    fd = client();
    len = (size_t)snprintf(text, sizeof(text),
                           "GET /before HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    memcpy(text + len, f, n);
    memcpy(text + len + n, "\xff\x00", 2); /* and against the protocol at that */
    ck_assert(send_bytes(fd, text, len + n + 2));
    response = read_response(fd);
    ck_assert_int_eq(response.status, 200);
    free(response.body);
    ck_assert(try_read_response(fd, &response, false));
    ck_assert_int_eq(response.status, 101);
    free(response.body);
    ws_expect(fd, 0x81, "{\"a\":1}");
    ck_assert_int_eq(ws_close_code(fd), 1002);
    free(f);
    close(fd);
}
END_TEST

START_TEST(a_compressed_message_that_unpacks_to_too_much_closes_with_1009)
{
    char *text = xs(20 << 20), *squeezed;
    size_t len;
    int fd;

    options.websocket_compression = true;
    start_server();
    fd = ws_client_with("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    squeezed = squeeze(text, 20 << 20, &len);
    ck_assert_uint_lt(len, 1 << 20);
    ws_send(fd, 0xc1, squeezed, len);
    ck_assert_int_eq(ws_close_code(fd), 1009);
    ck_assert_int_eq(api.messages, 0);
    free(squeezed);
    free(text);
    close(fd);
}
END_TEST

/* --- clients that do not read ---------------------------------------------------------- */

START_TEST(a_client_that_does_not_read_is_closed_with_1013_while_others_go_on)
{
    int slow, others[100];
    struct kdm_peer *peer;
    char *text = xs(100000);

    options.max_queued = 1 << 20;
    start_server();
    slow = ws_client();
    ws_say(slow, "{}");
    wait_for(api.messages == 1);
    peer = api.peer;
    for (int i = 0; i < 100; i++)
        others[i] = ws_client();
    for (int i = 0; counts().closed_slow == 0; i++) {
        ck_assert_int_lt(i, 1000);
        peer->ops->send(peer, (struct kdm_str){ .ptr = text, .len = 100000 });
        ck_assert_uint_le(kdm_net_queued(net), (1 << 20) + 100010);
        ws_say(others[i % 100], "{}");
        ws_expect(others[i % 100], 0x81, "{}");
    }
    wait_for(api.gone == 1);
    ck_assert_int_eq(ws_close_code(slow), 1013);
    for (int i = 0; i < 100; i++) {
        ws_say(others[i], "{}");
        ws_expect(others[i], 0x81, "{}");
        close(others[i]);
    }
    close(slow);
    free(text);
}
END_TEST

START_TEST(a_client_that_never_reads_and_never_leaves_is_ended_all_the_same)
{
    struct kdm_peer *peer;
    char *text = xs(100000);
    int slow;

    options.max_queued = 1 << 18;
    start_server();
    slow = ws_client();
    ws_say(slow, "{}");
    wait_for(api.messages == 1);
    peer = api.peer;
    for (int i = 0; counts().closed_slow == 0 && i < 1000; i++) {
        peer->ops->send(peer, (struct kdm_str){ .ptr = text, .len = 100000 });
        pump();
    }
    wait_for(counts().websocket == 0);
    ck_assert_uint_eq(kdm_net_queued(net), 0);
    free(text);
    close(slow);
}
END_TEST

START_TEST(requests_of_a_client_that_does_not_read_replies_are_not_taken_until_it_does)
{
    char *payload;
    size_t len;
    int fd, answered = 0;

    options.max_queued = 1 << 20;
    api.answer_len = 20000;
    start_server();
    fd = ws_client();
    for (int i = 0; i < 2000; i++) {
        size_t n;
        char *f = frame(0x81, "{\"x\":1}", 7, &n);

        while (send(fd, f, n, MSG_NOSIGNAL) < 0) /* the last ones may not fit, as it should be */
            pump();
        free(f);
    }
    pump_ms(300);
    ck_assert_int_lt(api.messages, 2000);
    ck_assert_uint_eq(counts().closed_slow, 0);
    for (; answered < 2000; answered++) {
        ck_assert_int_eq(ws_read(fd, &payload, &len), 0x81);
        ck_assert_uint_eq(len, 20000);
        free(payload);
    }
    ck_assert_int_eq(api.messages, 2000);
    close(fd);
}
END_TEST

START_TEST(pongs_come_between_frames_and_never_inside_one)
{
    struct kdm_peer *peer;
    char *text = xs(150000), *payload;
    int fd, messages = 0, pongs = 0;
    size_t len;

    start_server();
    fd = ws_client();
    ws_say(fd, "{}");
    ws_expect(fd, 0x81, "{}");
    peer = api.peer;
    for (int i = 0; i < 30; i++) {
        peer->ops->send(peer, (struct kdm_str){ .ptr = text, .len = 150000 });
        ck_assert(ws_send(fd, 0x89, "p", 1));
        pump();
    }
    while (messages < 30 || pongs == 0) {
        int first = ws_read(fd, &payload, &len);

        if (first == 0x81) {
            ck_assert_uint_eq(len, 150000);
            messages++;
        } else {
            ck_assert_int_eq(first, 0x8a);
            ck_assert_str_eq(payload, "p");
            pongs++;
        }
        free(payload);
    }
    free(text);
    close(fd);
}
END_TEST

/* --- malformed ------------------------------------------------------------------------- */

START_TEST(malformed_frames_close_the_connection_and_nothing_else)
{
    static const struct {
        const char *what, *bytes;
        size_t len;
    } bad[] = {
        { "reserved bit", "\xc1\x82\x01\x02\x03\x04xx", 8 },
        { "reserved opcode", "\x83\x80\x01\x02\x03\x04", 6 },
        { "reserved control opcode", "\x8b\x80\x01\x02\x03\x04", 6 },
        { "fragmented control frame", "\x09\x80\x01\x02\x03\x04", 6 },
        { "control frame with a long length", "\x89\xfe\x00\x7e\x01\x02\x03\x04", 8 },
        { "continuation of nothing", "\x80\x80\x01\x02\x03\x04", 6 },
        { "length with its highest bit set",
          "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x01\x01\x02\x03\x04", 14 },
        { "frame without a mask", "\x81\x02{}", 4 },
        { "close with a code that does not exist", "\x88\x82\x00\x00\x00\x00\x00\x01", 8 },
        { "close of one byte", "\x88\x81\x00\x00\x00\x00\x03", 7 },
        { "close with a reason that is no text", "\x88\x83\x00\x00\x00\x00\x03\xe8\xff", 9 },
        { "new message inside a fragmented one",
          "\x01\x81\x01\x02\x03\x04x\x81\x81\x01\x02\x03\x04x", 14 },
    };
    int good;

    start_server();
    good = ws_client();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int fd = ws_client(), code;

        ck_assert(send_bytes(fd, bad[i].bytes, bad[i].len));
        code = ws_close_code(fd);
        ck_assert_msg(code == 1002, "%s: %d", bad[i].what, code);
        ck_assert(ended(fd));
        close(fd);
    }
    ws_say(good, "{}");
    ws_expect(good, 0x81, "{}");
    close(good);
}
END_TEST

START_TEST(a_close_is_answered_with_its_code)
{
    int fd;

    start_server();
    fd = ws_client();
    ck_assert(ws_send(fd, 0x88,
                      "\x03\xe8"
                      "bye",
                      5));
    ck_assert_int_eq(ws_close_code(fd), 1000);
    ck_assert(ended(fd));
    wait_for(api.gone == 1 && counts().websocket == 0);
    close(fd);
}
END_TEST

START_TEST(random_bytes_on_a_websocket_crash_nothing)
{
    unsigned seed = 42;

    start_server();
    for (int i = 0; i < 200; i++) {
        unsigned char junk[400];
        int fd = ws_client();

        for (size_t j = 0; j < sizeof(junk); j++) {
            seed = seed * 1103515245 + 12345;
            junk[j] = (unsigned char)(seed >> 16);
        }
        if (i % 2)
            junk[0] = 0x81; /* get further */
        send_bytes(fd, junk, sizeof(junk));
        pump();
        close(fd);
    }
    wait_for(counts().websocket == 0);
}
END_TEST

START_TEST(a_client_that_vanishes_in_the_middle_is_forgotten)
{
    struct linger hard = { .l_onoff = 1, .l_linger = 0 };

    start_server();
    api.hold = true;
    for (int i = 0; i < 20; i++) {
        int fd = ws_client();
        size_t n;
        char *f = frame(0x81, "{\"x\":\"yyyyyyyyyyyyyyyy\"}", 24, &n);

        ws_say(fd, "{}");
        ck_assert(send_bytes(fd, f, n / 2));
        wait_for(api.messages == i + 1);
        if (i % 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        close(fd);
        free(f);
    }
    wait_for(api.gone == 20);
    wait_for(counts().websocket == 0);
}
END_TEST

/* --- many, and the end ----------------------------------------------------------------- */

START_TEST(two_thousand_idle_connections_are_kept_and_served)
{
    int *fds = malloc(2000 * sizeof(int));

    start_server();
    for (int i = 0; i < 2000; i++)
        fds[i] = ws_client();
    ck_assert_uint_eq(counts().websocket, 2000);
    for (int i = 0; i < 2000; i += 97) {
        ws_say(fds[i], "{}");
        ws_expect(fds[i], 0x81, "{}");
    }
    for (int i = 0; i < 2000; i++)
        close(fds[i]);
    wait_for(api.gone == 2000);
    free(fds);
}
END_TEST

START_TEST(closing_the_server_says_goodbye_with_1001)
{
    char *payload;
    size_t len;
    int fd;

    start_server();
    fd = ws_client();
    ws_say(fd, "{}");
    wait_for(api.messages == 1);
    kdm_net_stop_accepting(net);
    kdm_net_close(net);
    net = NULL;
    ck_assert_int_eq(ws_read(fd, &payload, &len), 0x81); /* what was still to be said comes first */
    free(payload);
    ck_assert_int_eq(ws_close_code(fd), 1001);
    ck_assert(ended(fd));
    ck_assert_int_eq(api.gone, 1);
    close(fd);
}
END_TEST

START_TEST(a_busy_port_is_an_error_with_a_reason)
{
    struct kdm_net *second;
    char *error = NULL;

    start_server();
    options.port = kdm_net_port(net);
    second = kdm_net_open(&loop, NULL, &options, &error);
    ck_assert_ptr_null(second);
    ck_assert_ptr_nonnull(strstr(error, "in use"));
    free(error);
}
END_TEST

/* In a container without IPv6 nobody can bind its loopback. */
static bool machine_has_ipv6(void)
{
    struct sockaddr_in6 any_port = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&any_port, sizeof(any_port)) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

START_TEST(without_a_host_both_families_are_served)
{
    struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    int four, six;

    options.host = NULL;
    start_server();
    four = ws_client();
    wait_for(counts().accepted == 1);
    if (machine_has_ipv6()) {
        six = socket(AF_INET6, SOCK_STREAM, 0);
        to.sin6_port = htons((uint16_t)kdm_net_port(net));
        ck_assert_int_eq(connect(six, (struct sockaddr *)&to, sizeof(to)), 0);
        wait_for(counts().accepted == 2);
        close(six);
    }
    close(four);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/websocket");
    TCase *tcase = tcase_create("all");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_message_is_given_to_the_api_and_answered);
    tcase_add_test(tcase, a_binary_message_is_a_message_like_any_other);
    tcase_add_test(tcase, messages_of_every_length_of_header_come_back_whole);
    tcase_add_test(tcase, a_message_in_fragments_with_a_ping_between_is_put_together);
    tcase_add_test(tcase, many_frames_in_one_segment_are_many_messages_in_order);
    tcase_add_test(tcase, a_frame_sent_byte_by_byte_is_understood);
    tcase_add_test(tcase, an_empty_message_is_ignored);
    tcase_add_test(tcase, an_application_ping_is_answered_without_the_api);
    tcase_add_test(tcase, a_protocol_ping_is_answered_with_its_payload);
    tcase_add_test(tcase, any_subprotocol_is_accepted_and_named_in_the_answer);
    tcase_add_test(tcase, origin_and_cookie_of_the_upgrade_stay_with_the_connection);
    tcase_add_test(tcase,
                   a_message_of_exactly_the_limit_is_taken_and_one_byte_more_closes_with_1009);
    tcase_add_test(tcase, fragments_that_add_up_beyond_the_limit_close_with_1009);
    tcase_add_test(tcase, a_frame_that_announces_exabytes_closes_with_1009);
    tcase_add_test(tcase, messages_above_the_rate_are_refused_and_not_executed);
    tcase_add_test(tcase, a_silent_client_is_closed_and_one_that_pings_is_not);
    tcase_add_test(tcase, connections_beyond_the_maximum_are_turned_away);
    tcase_add_test(tcase, compressed_messages_are_understood_when_that_was_agreed);
    tcase_add_test(tcase, text_that_is_none_closes_with_1007);
    tcase_add_test(tcase, an_upgrade_that_is_none_is_refused_and_says_why);
    tcase_add_test(tcase, frames_right_behind_the_upgrade_are_answered);
    tcase_add_test(tcase, a_compressed_message_that_unpacks_to_too_much_closes_with_1009);
    tcase_add_test(tcase, a_client_that_does_not_read_is_closed_with_1013_while_others_go_on);
    tcase_add_test(tcase, a_client_that_never_reads_and_never_leaves_is_ended_all_the_same);
    tcase_add_test(tcase,
                   requests_of_a_client_that_does_not_read_replies_are_not_taken_until_it_does);
    tcase_add_test(tcase, pongs_come_between_frames_and_never_inside_one);
    tcase_add_test(tcase, malformed_frames_close_the_connection_and_nothing_else);
    tcase_add_test(tcase, a_close_is_answered_with_its_code);
    tcase_add_test(tcase, random_bytes_on_a_websocket_crash_nothing);
    tcase_add_test(tcase, a_client_that_vanishes_in_the_middle_is_forgotten);
    tcase_add_test(tcase, two_thousand_idle_connections_are_kept_and_served);
    tcase_add_test(tcase, closing_the_server_says_goodbye_with_1001);
    tcase_add_test(tcase, a_busy_port_is_an_error_with_a_reason);
    tcase_add_test(tcase, without_a_host_both_families_are_served);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
