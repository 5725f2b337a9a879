/* reader_test.c - HTTP requests out of bytes, the WebSocket handshake and its extension: pure. */
#include "net/reader.h"

#include "net/head.h"
#include "net/squeeze.h"
#include "net/upgrade.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define BODY_MAX 100

static struct kdm_arena arena;
static struct kdm_reader reader;

static void set_up(void)
{
    kdm_arena_init(&arena, 4096);
    kdm_reader_begin(&reader, &arena, BODY_MAX);
}

static void tear_down(void)
{
    kdm_reader_end(&reader);
    kdm_arena_fini(&arena);
}

#define check_str(actual, expected)                                                                \
    do {                                                                                           \
        struct kdm_str check_actual = (actual);                                                    \
        ck_assert_msg(kdm_str_eq(check_actual, kdm_str_of(expected)), "\"" KDM_FMT "\"",           \
                      KDM_ARG(check_actual));                                                      \
    } while (0)

/* Reads one request, of which first `cut` bytes are there and then one more at a time. Returns how
 * many bytes it took; 0: it was refused, or more is missing. */
static size_t read_cut(struct kdm_str text, size_t cut)
{
    enum kdm_reader_result result = KDM_READER_MORE;
    size_t there = cut, taken = 0, more;

    kdm_reader_end(&reader);
    kdm_reader_begin(&reader, &arena, BODY_MAX);
    for (; there <= text.len && result == KDM_READER_MORE; there++)
        result = kdm_reader_head(&reader, (struct kdm_str){ text.ptr, there }, &taken);
    there--;
    if (result != KDM_READER_DONE)
        return 0;
    if (!reader.has_body)
        return taken;
    do {
        struct kdm_str rest = { text.ptr + taken, there - taken };

        result = kdm_reader_body(&reader, rest, &more);
        taken += more;
        there++;
    } while (result == KDM_READER_MORE && there <= text.len);
    return result == KDM_READER_DONE ? taken : 0;
}

static size_t read_text(const char *text)
{
    return read_cut(kdm_str_of(text), strlen(text));
}

START_TEST(a_request_is_the_same_wherever_it_is_cut)
{
    static const char head[] = "\r\nPOST /a%2Fb/c?d=%20e#f HTTP/1.1\r\nHost: x\r\nCookie: a=1 \r\n"
                               "X-Auth:\t1\r\ncookie: b=2\r\nContent-Encoding: gzip\r\n"
                               "Content-Encoding: deflate\r\nContent-Type: first\r\n"
                               "Content-Type: second\r\nEmpty:\r\nTransfer-Encoding: chunked\r\n"
                               "A: b\r\n\r\n";
    static const char body[] = "3;x=\"y\"\r\n{\"a\r\n004\r\n\":1}\r\n0\r\nX-Auth: 2\r\n\r\n";
    char text[sizeof(head) + sizeof(body) + 20];
    size_t len;

    len = (size_t)snprintf(text, sizeof(text), "%s%s", head, body);
    memcpy(text + len, "GET / HTTP", 10);
    for (size_t cut = 1; cut <= len + 10; cut++) {
        ck_assert_uint_eq(read_cut((struct kdm_str){ text, len + 10 }, cut), len);
        check_str(reader.verb, "POST");
        check_str(reader.path, "/a%2Fb/c");
        check_str(reader.query, "d=%20e");
        check_str(reader.body, "{\"a\":1}");
        check_str(reader.headers[KDM_HEADER_COOKIE], "a=1; b=2");
        check_str(reader.headers[KDM_HEADER_CONTENT_ENCODING], "gzip, deflate");
        check_str(reader.headers[KDM_HEADER_CONTENT_TYPE], "first");
        ck_assert(kdm_str_none(reader.headers[KDM_HEADER_ORIGIN]));
        ck_assert_uint_eq(reader.all_count, 11); /* the trailer is none of them */
        check_str(reader.all[2].name, "X-Auth");
        check_str(reader.all[2].value, "1");
        check_str(reader.all[8].value, "");
        check_str(reader.all[10].name, "A");
        ck_assert(reader.keep_alive);
    }
}
END_TEST

START_TEST(a_body_that_is_there_is_not_copied)
{
    static const char text[] = "PUT / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcdef";

    ck_assert_uint_eq(read_text(text), sizeof(text) - 1 - 3);
    ck_assert_ptr_eq(reader.body.ptr, text + sizeof(text) - 1 - 6);
    ck_assert_uint_eq(reader.body.len, 3);
}
END_TEST

START_TEST(connections_are_kept_as_versions_and_headers_say)
{
    static const struct {
        const char *text;
        bool kept;
    } requests[] = {
        { "GET / HTTP/1.1\r\n\r\n", true },
        { "GET / HTTP/1.1\r\nConnection: x, Close\r\n\r\n", false },
        { "GET / HTTP/1.0\r\n\r\n", false },
        { "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true },
        { "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n"
          "0\r\n\r\n",
          false },
    };

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        ck_assert_uint_eq(read_text(requests[i].text), strlen(requests[i].text));
        ck_assert_int_eq(reader.keep_alive, requests[i].kept);
    }
}
END_TEST

START_TEST(refusals_have_a_status_and_a_reason_wherever_the_bytes_are_cut)
{
    static const struct {
        const char *text;
        int status;
    } bad[] = {
        { "POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", 413 },
        { "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413 },
        { "POST / HTTP/1.1\r\nContent-Length: 9 9\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400 },
        { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", 0 /* see below */ },
        { "GET / HTTP/1.2\r\n\r\n", 505 },
        { "GET / HTTP/1.1\r\nA: \x01\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nA b: c\r\n\r\n", 400 },
        { "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", 400 },
        { "GET ftp:/x HTTP/1.1\r\n\r\n", 400 },
        { "\x01", 400 },
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (size_t cut = 1; cut <= strlen(bad[i].text); cut++) {
            ck_assert_uint_eq(read_cut(kdm_str_of(bad[i].text), cut), 0);
            ck_assert_msg(reader.status == bad[i].status, "%zu: %d", i, reader.status);
            ck_assert(bad[i].status == 0 || reader.reason != NULL);
        }
    }
}
END_TEST

START_TEST(chunks_are_counted_together)
{
    char text[300] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n32\r\n";
    size_t len = strlen(text);

    memset(text + len, 'x', 50);
    memcpy(text + len + 50, "\r\n33\r\n", 6);
    memset(text + len + 56, 'y', 51);
    ck_assert_uint_eq(read_cut((struct kdm_str){ text, len + 107 }, 1), 0);
    ck_assert_int_eq(reader.status, 413);
    text[len + 53] = '2'; /* 50 bytes: the limit */
    memcpy(text + len + 106, "\r\n0\r\n\r\n", 8);
    ck_assert_uint_eq(read_text(text), len + 113);
    ck_assert_uint_eq(reader.body.len, 100);
}
END_TEST

START_TEST(unknown_verbs_are_named)
{
    static const char *const texts[] = { "BREW /pot HTTP/1.1\r\n\r\n", "TRACE / HTTP/1.1\r\n\r\n",
                                         "CONNECT / HTTP/1.1\r\n\r\n", "get / HTTP/1.1\r\n\r\n" };
    static const char *const verbs[] = { "BREW", "TRACE", "CONNECT", "get" };

    for (int i = 0; i < 4; i++) {
        for (size_t cut = 1; cut <= strlen(texts[i]); cut++) {
            ck_assert_uint_eq(read_cut(kdm_str_of(texts[i]), cut), 0);
            ck_assert_int_eq(reader.status, 400);
            ck_assert_ptr_null(reader.reason);
            check_str(reader.verb, verbs[i]);
        }
    }
}
END_TEST

START_TEST(targets_are_bounded_apart_from_headers)
{
    size_t room = 40000;
    char *text = malloc(room);

    snprintf(text, room, "GET /%0*d HTTP/1.1\r\nA: %0*d\r\n\r\n", KDM_READER_TARGET_MAX - 1, 0,
             KDM_READER_HEAD_MAX - 100, 0);
    ck_assert_uint_eq(read_text(text), strlen(text));
    snprintf(text, room, "GET /%0*d HTTP/1.1\r\n\r\n", KDM_READER_TARGET_MAX, 0);
    ck_assert_uint_eq(read_text(text), 0);
    ck_assert_int_eq(reader.status, 414);
    ck_assert_uint_eq(read_cut(kdm_str_of(text), 1), 0);
    ck_assert_int_eq(reader.status, 414);
    snprintf(text, room, "GET / HTTP/1.1\r\nA: %0*d\r\n\r\n", KDM_READER_HEAD_MAX, 0);
    ck_assert_uint_eq(read_text(text), 0);
    ck_assert_int_eq(reader.status, 431);
    free(text);
}
END_TEST

START_TEST(an_upgrade_is_answered_with_the_key_of_the_standard)
{
    struct kdm_upgrade upgrade;

    read_text("GET / HTTP/1.1\r\nUpgrade: h2c, WebSocket\r\nConnection: keep-alive, upgrade\r\n"
              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
              "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    ck_assert_int_eq(kdm_upgrade_check(&arena, &reader, false, &upgrade), KDM_UPGRADE_TAKEN);
    check_str(kdm_buf_str(&upgrade.head),
              "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
              "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
    ck_assert(!upgrade.squeeze);
    ck_assert_int_eq(kdm_upgrade_check(&arena, &reader, true, &upgrade), KDM_UPGRADE_TAKEN);
    ck_assert(upgrade.squeeze);
    ck_assert_int_eq(upgrade.window, 15);
    read_text("GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: keep-alive\r\n\r\n");
    ck_assert_int_eq(kdm_upgrade_check(&arena, &reader, true, &upgrade), KDM_UPGRADE_NONE);
}
END_TEST

START_TEST(the_first_offer_of_compression_that_can_be_met_is_taken)
{
    static const char plain[] =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    static const struct {
        const char *offers;
        int window; /* 0: none is taken */
    } cases[] = {
        { "permessage-deflate", 15 },
        { "x-other, permessage-deflate; client_max_window_bits", 15 },
        { "permessage-deflate; client_max_window_bits=10; server_no_context_takeover", 15 },
        { "permessage-deflate; server_max_window_bits=8, permessage-deflate", 15 },
        { "permessage-deflate; server_max_window_bits=\"9\"", 9 },
        { "permessage-deflate; unknown", 0 },
        { "permessage-deflate; server_max_window_bits", 0 },
        { "permessage-deflate; server_max_window_bits=16", 0 },
        { "permessage-deflate; server_max_window_bits=010", 0 },
        { "permessage-deflate; client_max_window_bits=7", 0 },
        { "permessage-deflate; client_no_context_takeover=1", 0 },
        { "permessage-deflate; client_max_window_bits; client_max_window_bits", 0 },
        { "", 0 },
        { ",;,=", 0 },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kdm_str answer = KDM_STR_NONE;
        int window = 0;

        ck_assert_msg(kdm_squeeze_agree(&arena, kdm_str_of(cases[i].offers), &answer, &window)
                          == (cases[i].window != 0),
                      "%s", cases[i].offers);
        ck_assert_int_eq(window, cases[i].window);
        if (window == 15)
            check_str(answer, plain);
        else if (window != 0)
            ck_assert_ptr_nonnull(memmem(answer.ptr, answer.len, "; server_max_window_bits=9", 26));
    }
}
END_TEST

START_TEST(messages_are_packed_and_unpacked_within_bounds)
{
    static const int windows[] = { 9, 12, 15 };
    char *text = malloc(100000);
    struct kdm_buf packed, plain;

    for (size_t i = 0; i < 100000; i++)
        text[i] = "{\"abc\":123}"[i * i % 11];
    for (size_t i = 0; i < 3; i++) {
        kdm_buf_init(&packed, NULL, 16);
        kdm_squeeze_pack(windows[i], (struct kdm_str){ text, 100000 }, &packed);
        ck_assert_uint_lt(packed.len, 10000);
        ck_assert_int_eq(kdm_squeeze_unpack(kdm_buf_str(&packed), 99999, &plain),
                         KDM_CODEC_TOO_LARGE);
        ck_assert_int_eq(kdm_squeeze_unpack(kdm_buf_str(&packed), 100000, &plain), KDM_CODEC_OK);
        ck_assert_uint_eq(plain.len, 100000);
        ck_assert_mem_eq(plain.ptr, text, 100000);
        kdm_buf_fini(&plain);
        kdm_buf_fini(&packed);
    }
    /* RFC 7692, 7.2.3: "Hello" in a fixed block, stored, and with a last block. */
    ck_assert_int_eq(kdm_squeeze_unpack(KDM_STR("\xf2\x48\xcd\xc9\xc9\x07\x00"), 5, &plain),
                     KDM_CODEC_OK);
    check_str(kdm_buf_str(&plain), "Hello");
    kdm_buf_fini(&plain);
    ck_assert_int_eq(
        kdm_squeeze_unpack(KDM_STR("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), 5, &plain),
        KDM_CODEC_OK);
    check_str(kdm_buf_str(&plain), "Hello");
    kdm_buf_fini(&plain);
    ck_assert_int_eq(kdm_squeeze_unpack(KDM_STR("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), 5, &plain),
                     KDM_CODEC_OK);
    check_str(kdm_buf_str(&plain), "Hello");
    kdm_buf_fini(&plain);
    ck_assert_int_eq(kdm_squeeze_unpack(KDM_STR("\x07\xff\xff"), 5, &plain), KDM_CODEC_BROKEN);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/reader");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_request_is_the_same_wherever_it_is_cut);
    tcase_add_test(tcase, a_body_that_is_there_is_not_copied);
    tcase_add_test(tcase, connections_are_kept_as_versions_and_headers_say);
    tcase_add_test(tcase, refusals_have_a_status_and_a_reason_wherever_the_bytes_are_cut);
    tcase_add_test(tcase, chunks_are_counted_together);
    tcase_add_test(tcase, unknown_verbs_are_named);
    tcase_add_test(tcase, targets_are_bounded_apart_from_headers);
    tcase_add_test(tcase, an_upgrade_is_answered_with_the_key_of_the_standard);
    tcase_add_test(tcase, the_first_offer_of_compression_that_can_be_met_is_taken);
    tcase_add_test(tcase, messages_are_packed_and_unpacked_within_bounds);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
