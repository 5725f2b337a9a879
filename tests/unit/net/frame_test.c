/* frame_test.c - WebSocket frames as received: pure, cut anywhere. */
#include "net/frame.h"
#include <check.h>
#include <stdlib.h>

static struct kdm_frame_reader reader;
static struct kdm_buf bytes, seen;

static void set_up(void)
{
    kdm_frame_reader_init(&reader, 1000, false);
    kdm_buf_init(&bytes, NULL, 64);
    kdm_buf_init(&seen, NULL, 64);
}

static void tear_down(void)
{
    kdm_buf_fini(&bytes);
    kdm_buf_fini(&seen);
}

/* Adds a masked frame of `len` times `fill`. */
static void add(int first, char fill, size_t len)
{
    static const char mask[] = { 0x11, 0x22, 0x33, 0x44 };

    kdm_buf_char(&bytes, (char)first);
    if (len < 126) {
        kdm_buf_char(&bytes, (char)(0x80 | len));
    } else {
        kdm_buf_char(&bytes, (char)(0x80 | 126));
        kdm_buf_char(&bytes, (char)(len >> 8));
        kdm_buf_char(&bytes, (char)len);
    }
    kdm_buf_put(&bytes, (struct kdm_str){ .ptr = mask, .len = 4 });
    for (size_t i = 0; i < len; i++)
        kdm_buf_char(&bytes, (char)(fill ^ mask[i & 3]));
}

static enum kdm_frame_event note_events(struct kdm_str *rest)
{
    enum kdm_frame_event event;

    while ((event = kdm_frame_read(&reader, rest)) == KDM_FRAME_DATA
           || event == KDM_FRAME_CONTROL) {
        if (event == KDM_FRAME_CONTROL)
            kdm_buf_printf(&seen, "<%d:", reader.opcode);
        kdm_buf_put(&seen, reader.piece);
        if (event == KDM_FRAME_CONTROL)
            kdm_buf_char(&seen, '>');
        else if (reader.ends)
            kdm_buf_printf(&seen, "|%d%s;", reader.opcode, reader.squeezed ? "z" : "");
    }
    return event;
}

/* Reads all bytes in pieces of `cut`; returns what ended it. What was read is in `seen`. */
static enum kdm_frame_event read_cut(size_t cut)
{
    struct kdm_str all = kdm_buf_str(&bytes);
    enum kdm_frame_event event = KDM_FRAME_MORE;
    char *copy = malloc(all.len);

    memcpy(copy, all.ptr, all.len); /* reading unmasks in place */
    seen.len = 0;
    for (size_t at = 0; at < all.len && event == KDM_FRAME_MORE; at += cut) {
        struct kdm_str rest = { .ptr = copy + at, .len = all.len - at < cut ? all.len - at : cut };

        event = note_events(&rest);
        if (event == KDM_FRAME_MORE)
            ck_assert_uint_eq(rest.len, 0);
    }
    free(copy);
    return event;
}

/* However it is cut, the same is seen. */
static void check_seen(const char *expected, enum kdm_frame_event end)
{
    struct kdm_frame_reader fresh = reader;

    for (size_t cut = 1; cut <= bytes.len; cut++) {
        reader = fresh;
        ck_assert_int_eq(read_cut(cut), end);
        ck_assert_msg(kdm_str_eq(kdm_buf_str(&seen), kdm_str_of(expected)),
                      "cut %zu: " KDM_FMT ", not %s", cut, KDM_ARG(kdm_buf_str(&seen)), expected);
    }
    reader = fresh;
}

START_TEST(a_message_is_read_in_one_piece_where_it_lies)
{
    struct kdm_str rest;

    add(0x81, 'a', 300);
    rest = kdm_buf_str(&bytes);
    ck_assert_int_eq(kdm_frame_read(&reader, &rest), KDM_FRAME_DATA);
    ck_assert_ptr_eq(reader.piece.ptr, bytes.ptr + 8);
    ck_assert_uint_eq(reader.piece.len, 300);
    ck_assert(reader.ends);
    for (size_t i = 0; i < 300; i++)
        ck_assert_int_eq(reader.piece.ptr[i], 'a');
    ck_assert_int_eq(kdm_frame_read(&reader, &rest), KDM_FRAME_MORE);
}
END_TEST

START_TEST(fragments_and_control_frames_between_them_are_told_apart)
{
    add(0x01, 'a', 3);
    add(0x89, 'p', 2);
    add(0x00, 'b', 0);
    add(0x00, 'c', 9);
    add(0x8a, 'q', 0);
    add(0x80, 'd', 1);
    add(0x82, 'e', 2);
    check_seen("aaa<9:pp>ccccccccc<10:>d|1;ee|2;", KDM_FRAME_MORE);
}
END_TEST

START_TEST(a_piece_says_how_much_of_its_frame_is_behind_it)
{
    struct kdm_str rest;

    add(0x81, 'a', 100);
    rest = (struct kdm_str){ .ptr = bytes.ptr, .len = 46 };
    ck_assert_int_eq(kdm_frame_read(&reader, &rest), KDM_FRAME_DATA);
    ck_assert_uint_eq(reader.piece.len, 40);
    ck_assert_uint_eq(reader.rest, 60);
    ck_assert(!reader.ends);
}
END_TEST

START_TEST(the_limit_is_for_a_message_and_strikes_before_it_comes)
{
    struct kdm_str rest;

    add(0x01, 'a', 600);
    add(0x80, 'a', 400);
    add(0x81, 'b', 1000);
    ck_assert_int_eq(read_cut(bytes.len), KDM_FRAME_MORE);
    bytes.len = 0;
    add(0x01, 'a', 600);
    add(0x80, 'b', 401);
    rest = kdm_buf_str(&bytes);
    ck_assert_int_eq(note_events(&rest), KDM_FRAME_TOO_LARGE);
    ck_assert_uint_eq(rest.len, 401);
    kdm_frame_reader_unlimit(&reader);
    seen.len = 0;
    ck_assert_int_eq(note_events(&rest), KDM_FRAME_MORE); /* it can be skipped */
    ck_assert_uint_eq(seen.len, 401 + 3);
}
END_TEST

START_TEST(what_is_against_the_protocol_is_broken)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        { "\xc1\x80....", 6 },
        { "\xa1\x80....", 6 },
        { "\x91\x80....", 6 },
        { "\x83\x80....", 6 },
        { "\x87\x80....", 6 },
        { "\x8b\x80....", 6 },
        { "\x8f\x80....", 6 },
        { "\x09\x80....", 6 },
        { "\x88\xfe\x00\x7e....", 8 },
        { "\x80\x80....", 6 },
        { "\x00\x80....", 6 },
        { "\x81\xff\x80\x00\x00\x00\x00\x00\x00\x00....", 14 },
        { "\x81\x00", 2 },
        { "\x89\x05", 2 },
        { "\x01\x80....\x01\x80....", 12 },
        { "\x01\x80....\x81\x80....", 12 },
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (size_t cut = 1; cut <= bad[i].len; cut++) {
            bytes.len = 0;
            kdm_buf_put(&bytes, (struct kdm_str){ .ptr = bad[i].bytes, .len = bad[i].len });
            kdm_frame_reader_init(&reader, 1000, false);
            ck_assert_msg(read_cut(cut) == KDM_FRAME_BROKEN, "%zu", i);
        }
    }
}
END_TEST

START_TEST(a_message_may_be_compressed_when_that_was_agreed)
{
    kdm_frame_reader_init(&reader, 1000, true);
    add(0x41, 'a', 2);
    add(0x89, 'p', 1);
    add(0x80, 'b', 2);
    add(0x81, 'c', 1);
    check_seen("aa<9:p>bb|1z;c|1;", KDM_FRAME_MORE);
    add(0x41, 'a', 1);
    add(0xc0, 'b', 1); /* the bit stands at the first frame only */
    check_seen("aa<9:p>bb|1z;c|1;a", KDM_FRAME_BROKEN);
    bytes.len = 0;
    add(0xc9, 'p', 1);
    check_seen("", KDM_FRAME_BROKEN);
}
END_TEST

START_TEST(close_codes_are_those_that_may_be_sent)
{
    static const int good[] = { 1000, 1001, 1002, 1003, 1007, 1008, 1011, 1013, 3000, 4999 };
    static const int bad[] = { 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535 };
    char payload[2];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        payload[0] = (char)(good[i] >> 8), payload[1] = (char)good[i];
        ck_assert_int_eq(kdm_frame_close_code((struct kdm_str){ payload, 2 }), good[i]);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        payload[0] = (char)(bad[i] >> 8), payload[1] = (char)bad[i];
        ck_assert_int_eq(kdm_frame_close_code((struct kdm_str){ payload, 2 }), 0);
    }
    ck_assert_int_eq(kdm_frame_close_code(KDM_STR("")), 1005);
    ck_assert_int_eq(kdm_frame_close_code(KDM_STR("\x03")), 0);
    ck_assert_int_eq(kdm_frame_close_code(KDM_STR("\x03\xe8 bye")), 1000);
    ck_assert_int_eq(kdm_frame_close_code(KDM_STR("\x03\xe8\xff")), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/frame");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_message_is_read_in_one_piece_where_it_lies);
    tcase_add_test(tcase, fragments_and_control_frames_between_them_are_told_apart);
    tcase_add_test(tcase, a_piece_says_how_much_of_its_frame_is_behind_it);
    tcase_add_test(tcase, the_limit_is_for_a_message_and_strikes_before_it_comes);
    tcase_add_test(tcase, what_is_against_the_protocol_is_broken);
    tcase_add_test(tcase, a_message_may_be_compressed_when_that_was_agreed);
    tcase_add_test(tcase, close_codes_are_those_that_may_be_sent);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
