/* parse_test.c - the pure parts of net/: frames, header values, codings, forms, the wheel. */
#include "net/bare.h"
#include "net/codec.h"
#include "net/form.h"
#include "net/frame.h"
#include "net/head.h"
#include "net/wheel.h"
#include <check.h>
#include <stdlib.h>

static struct kdm_arena arena;

static void set_up(void)
{
    kdm_arena_init(&arena, 4096);
}

static void tear_down(void)
{
    kdm_arena_fini(&arena);
}

static struct kdm_str str(const char *text)
{
    return kdm_str_of(text);
}

#define check_str(actual, expected)                                                                \
    do {                                                                                           \
        struct kdm_str check_actual = (actual);                                                    \
        ck_assert_msg(kdm_str_eq(check_actual, str(expected)), "\"" KDM_FMT "\"",                  \
                      KDM_ARG(check_actual));                                                      \
    } while (0)

/* --- frames ---------------------------------------------------------------------------- */

START_TEST(a_ping_is_told_from_everything_else)
{
    static const char *const no[] = { "",
                                      "{}",
                                      "{\"p\":2}",
                                      "{\"p\":10}",
                                      "{\"p\":1",
                                      "{\"p\":1}x",
                                      "{\"p\":1,\"q\":2}",
                                      "{\"q\":1}",
                                      "{\"p\":1}}",
                                      "{\" p\":1}",
                                      "{\"p \":1}",
                                      "[1,2,3,4]",
                                      "{\"p\": 1 1}" };

    ck_assert(kdm_frame_is_ping(str("{\"p\":1}")));
    ck_assert(kdm_frame_is_ping(str(" {\t\"p\" :\r\n1 } ")));
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
        ck_assert_msg(!kdm_frame_is_ping(str(no[i])), "%s", no[i]);
}
END_TEST

START_TEST(frames_are_cut_only_between_two)
{
    static const size_t sizes[] = { 10, 200, 70000, 0, 125, 126 };
    char *text = calloc(1, 70000);
    struct kdm_buf buf;
    size_t at = 0, count = 0;

    kdm_buf_init(&buf, NULL, 16);
    for (size_t i = 0; i < 6; i++)
        kdm_frame_put(&buf, KDM_FRAME_TEXT, (struct kdm_str){ .ptr = text, .len = sizes[i] });
    ck_assert_uint_eq(buf.len, 12 + 204 + 70010 + 2 + 127 + 130);
    ck_assert_uint_eq(kdm_frame_cut(kdm_buf_str(&buf), 1 << 20), buf.len);
    ck_assert_uint_eq(kdm_frame_cut(kdm_buf_str(&buf), 300), 216);
    for (; at < buf.len; count++)
        at += kdm_frame_cut(kdm_str_from(kdm_buf_str(&buf), at), 1);
    ck_assert_uint_eq(at, buf.len);
    ck_assert_uint_eq(count, 6);
    kdm_buf_fini(&buf);
    free(text);
}
END_TEST

/* --- header values --------------------------------------------------------------------- */

START_TEST(items_of_a_list_are_found_with_blanks_and_empty_ones)
{
    struct kdm_str list = str(" a ,, b;q=\"x,y\" ,c");

    check_str(kdm_head_item(list, 0), "a");
    check_str(kdm_head_item(list, 1), "b;q=\"x,y\"");
    check_str(kdm_head_item(list, 2), "c");
    ck_assert(kdm_str_none(kdm_head_item(list, 3)));
    ck_assert(kdm_str_none(kdm_head_item(str(""), 0)));
}
END_TEST

START_TEST(parameters_are_found_and_unquoted)
{
    struct kdm_str value = str("form-data; name=\"a \\\"b\\\"; c\"; FileName=x.txt ; e=");

    check_str(kdm_head_parameter(&arena, value, str("name")), "a \"b\"; c");
    check_str(kdm_head_parameter(&arena, value, str("filename")), "x.txt");
    check_str(kdm_head_parameter(&arena, value, str("e")), "");
    ck_assert(kdm_str_none(kdm_head_parameter(&arena, value, str("form-data"))));
    ck_assert(kdm_str_none(kdm_head_parameter(&arena, str("a"), str("b"))));
    check_str(kdm_head_main(value), "form-data");
}
END_TEST

START_TEST(media_types_are_told_apart)
{
    ck_assert_int_eq(kdm_head_media(KDM_STR_NONE), KDM_MEDIA_JSON);
    ck_assert_int_eq(kdm_head_media(str("Application/Json ; charset=x")), KDM_MEDIA_JSON);
    ck_assert_int_eq(kdm_head_media(str("multipart/form-data; boundary=x")), KDM_MEDIA_MULTIPART);
    ck_assert_int_eq(kdm_head_media(str("application/x-www-form-urlencoded")), KDM_MEDIA_FORM);
    ck_assert_int_eq(kdm_head_media(str("application/jsonx")), KDM_MEDIA_OTHER);
}
END_TEST

START_TEST(the_coding_with_the_highest_q_is_taken)
{
    static const struct {
        const char *header;
        enum kdm_coding coding;
    } cases[] = {
        { "", KDM_CODING_IDENTITY },
        { "gzip", KDM_CODING_GZIP },
        { "deflate, gzip", KDM_CODING_GZIP },
        { "gzip;q=0.5, deflate;q=0.8", KDM_CODING_DEFLATE },
        { "deflate;q=0.8,gzip;q=0.8", KDM_CODING_GZIP },
        { "br;q=1.0, deflate", KDM_CODING_DEFLATE },
        { "identity;q=1, gzip;q=0.9", KDM_CODING_IDENTITY },
        { "gzip;q=0", KDM_CODING_IDENTITY },
        { "gzip;q=nonsense", KDM_CODING_IDENTITY },
        { "*", KDM_CODING_IDENTITY },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(kdm_head_accepted(str(cases[i].header)) == cases[i].coding, "%s",
                      cases[i].header);
}
END_TEST

START_TEST(a_length_is_a_number_within_the_limit)
{
    size_t value = 77;

    ck_assert(kdm_head_length(str("0"), 100, &value));
    ck_assert_uint_eq(value, 0);
    ck_assert(kdm_head_length(str("100"), 100, &value));
    ck_assert_uint_eq(value, 100);
    ck_assert(!kdm_head_length(str("101"), 100, &value));
    ck_assert_uint_eq(value, 101);
    ck_assert(!kdm_head_length(str("99999999999999999999999999"), 100, &value));
    ck_assert_uint_eq(value, 101);
    value = 77;
    ck_assert(!kdm_head_length(str("1a"), 100, &value));
    ck_assert(!kdm_head_length(str(""), 100, &value));
    ck_assert(!kdm_head_length(str("-1"), 100, &value));
    ck_assert_uint_eq(value, 77);
}
END_TEST

START_TEST(origins_are_checked_against_the_list)
{
    ck_assert(kdm_head_origin_allowed(str("*"), str("http://a")));
    ck_assert(kdm_head_origin_allowed(str("http://b, http://a"), str("http://a")));
    ck_assert(!kdm_head_origin_allowed(str("http://b, http://ab"), str("http://a")));
    ck_assert(!kdm_head_origin_allowed(str(""), str("http://a")));
}
END_TEST

/* --- codings --------------------------------------------------------------------------- */

START_TEST(what_is_encoded_is_decoded_within_the_limit_only)
{
    char *text = malloc(100000);
    struct kdm_buf coded, plain = { .ptr = NULL };
    const char *reason;

    for (int i = 0; i < 100000; i++)
        text[i] = (char)('a' + (unsigned)i * (unsigned)i % 23);
    for (int coding = KDM_CODING_GZIP; coding <= KDM_CODING_DEFLATE; coding++) {
        kdm_buf_init(&coded, NULL, 16);
        kdm_codec_encode((enum kdm_coding)coding, (struct kdm_str){ .ptr = text, .len = 100000 },
                         &coded);
        ck_assert_int_eq(
            kdm_codec_decode((enum kdm_coding)coding, kdm_buf_str(&coded), 100000, &plain, &reason),
            KDM_CODEC_OK);
        ck_assert_uint_eq(plain.len, 100000);
        ck_assert_mem_eq(plain.ptr, text, 100000);
        kdm_buf_fini(&plain);
        ck_assert_int_eq(
            kdm_codec_decode((enum kdm_coding)coding, kdm_buf_str(&coded), 99999, &plain, &reason),
            KDM_CODEC_TOO_LARGE);
        coded.len--;
        ck_assert_int_eq(
            kdm_codec_decode((enum kdm_coding)coding, kdm_buf_str(&coded), 100000, &plain, &reason),
            KDM_CODEC_BROKEN);
        coded.len++;
        kdm_buf_char(&coded, 'x');
        ck_assert_int_eq(
            kdm_codec_decode((enum kdm_coding)coding, kdm_buf_str(&coded), 100000, &plain, &reason),
            KDM_CODEC_BROKEN);
        kdm_buf_fini(&coded);
    }
    free(text);
}
END_TEST

START_TEST(the_empty_text_survives_coding)
{
    struct kdm_buf coded, plain = { .ptr = NULL };
    const char *reason;

    kdm_buf_init(&coded, NULL, 16);
    kdm_codec_encode(KDM_CODING_GZIP, str(""), &coded);
    ck_assert_int_eq(kdm_codec_decode(KDM_CODING_GZIP, kdm_buf_str(&coded), 10, &plain, &reason),
                     KDM_CODEC_OK);
    ck_assert_uint_eq(plain.len, 0);
    kdm_buf_fini(&plain);
    kdm_buf_fini(&coded);
}
END_TEST

/* --- forms ----------------------------------------------------------------------------- */

static const char *urlencoded(const char *body)
{
    const char *reason = NULL;
    struct kdm_buf json;

    kdm_buf_init(&json, &arena, 64);
    if (!kdm_form_urlencoded(&arena, str(body), &json, &reason))
        return reason;
    return kdm_arena_copy(&arena, kdm_buf_str(&json)).ptr;
}

static const char *multipart(const char *type, struct kdm_str body)
{
    const char *reason = NULL;
    struct kdm_buf json;

    kdm_buf_init(&json, &arena, 64);
    if (!kdm_form_multipart(&arena, str(type), body, &json, &reason))
        return reason;
    return kdm_arena_copy(&arena, kdm_buf_str(&json)).ptr;
}

START_TEST(an_urlencoded_form_is_an_object_of_strings)
{
    ck_assert_str_eq(urlencoded("a=1&b=%22x%22+y&c&&d=a=b"),
                     "{\"a\": \"1\",\"b\": \"\\\"x\\\" y\",\"c\": \"\",\"d\": \"a=b\"}");
    ck_assert_str_eq(urlencoded("a=1&b=2&a=3&a=4"), "{\"a\":[\"1\",\"3\",\"4\"],\"b\": \"2\"}");
    ck_assert_str_eq(urlencoded("%=%zz&%4=%41"), "{\"%\": \"%zz\",\"%4\": \"A\"}");
    ck_assert_str_eq(urlencoded(""), "{}");
}
END_TEST

START_TEST(a_form_of_too_many_fields_is_refused)
{
    char *body = malloc(2 * 1001 + 1);

    for (int i = 0; i < 1001; i++)
        memcpy(body + 2 * i, "a&", 3);
    ck_assert_str_eq(urlencoded(body), "too many form fields");
    free(body);
}
END_TEST

START_TEST(a_multipart_form_has_fields_and_files)
{
    static const char body[] =
        "preamble\r\n--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n2\r\n"
        "--B\r\ncontent-type: image/png; x=y\r\ncontent-disposition: form-data; name=f; "
        "filename=\"q.png\"\r\n"
        "\r\n\0\1\2\r\n--B\r\nContent-Disposition: form-data; "
        "name=\"empty\"\r\n\r\n\r\n--B--\r\nrest";

    ck_assert_str_eq(
        multipart("multipart/form-data; boundary=\"B\"",
                  (struct kdm_str){ .ptr = body, .len = sizeof(body) - 1 }),
        "{\"a\": \"1\\r\\n2\",\"f\": {\"filename\":\"q.png\",\"encoding\":\"image/png\","
        "\"file\":\"AAEC\"},\"empty\": \"\"}");
    ck_assert_str_eq(multipart("multipart/form-data; boundary=B", str("--B--")), "{}");
}
END_TEST

START_TEST(a_malformed_multipart_form_is_refused)
{
    static const char *const bad[] = {
        "",
        "--",
        "--B",
        "--B\r\n",
        "--Bx\r\n\r\n",
        "--B\r\nno name: x\r\n\r\nv\r\n--B--",
        "--B\r\nContent-Disposition: form-data; name=a\r\n\r\nv",
        "--B\r\n\r\nv\r\n--B--",
        "--B\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n--B",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *result = multipart("multipart/form-data; boundary=B", str(bad[i]));

        ck_assert_msg(result[0] != '{', "%s: %s", bad[i], result);
    }
    ck_assert_str_eq(multipart("multipart/form-data", str("--B--")),
                     "multipart body without a boundary");
}
END_TEST

/* --- errors and time ------------------------------------------------------------------- */

START_TEST(a_bare_error_has_its_five_members)
{
    struct kdm_failure failure;
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 64);
    kdm_failure_set(&failure, &arena, KDM_ERR_NETWORK_HTTP_UNSUPPORTED_VERB,
                    KDM_PROPS(KDM_STR("BREW")));
    kdm_bare_put(&buf, &failure);
    ck_assert(kdm_str_starts(kdm_buf_str(&buf),
                             str("{\"code\":50397190,\"id\":\"network.http.unsupported_verb\","
                                 "\"props\":[\"BREW\"],\"message\":\"")));
    ck_assert_ptr_nonnull(memmem(buf.ptr, buf.len, ",\"status\":400}", 14));
}
END_TEST

static int expired_count;

static void count_expired(struct kdm_wheel_entry *entry)
{
    ck_assert_ptr_null(entry->next);
    expired_count++;
}

START_TEST(deadlines_expire_when_due_and_not_before)
{
    static const int64_t after[] = { 0, 1, 99, 100, 101, 5000, 12700, 12900, 60000, 3600000 };
    struct kdm_wheel_entry entries[10] = { { .at_ms = 0 } };
    struct kdm_wheel wheel;
    int64_t start = 123456;

    expired_count = 0;
    kdm_wheel_init(&wheel, start);
    for (int i = 0; i < 10; i++)
        kdm_wheel_set(&wheel, &entries[i], start + after[i]);
    for (int64_t now = start; now <= start + 3700000; now += 100) {
        kdm_wheel_turn(&wheel, now, count_expired);
        for (int i = 0; i < 10; i++) {
            if (now < start + after[i])
                ck_assert_ptr_nonnull(entries[i].next);
            if (now >= start + after[i] + 2 * KDM_WHEEL_TICK_MS)
                ck_assert_ptr_null(entries[i].next);
        }
    }
    ck_assert_int_eq(expired_count, 10);
}
END_TEST

START_TEST(a_deadline_can_be_moved_and_removed_and_time_may_jump)
{
    struct kdm_wheel_entry a = { .at_ms = 0 }, b = { .at_ms = 0 }, c = { .at_ms = 0 };
    struct kdm_wheel wheel;

    expired_count = 0;
    kdm_wheel_init(&wheel, 0);
    kdm_wheel_remove(&a);
    kdm_wheel_set(&wheel, &a, 500);
    kdm_wheel_set(&wheel, &b, 500);
    kdm_wheel_set(&wheel, &c, 90000);
    kdm_wheel_set(&wheel, &a, 1500);
    kdm_wheel_remove(&b);
    kdm_wheel_turn(&wheel, 1000, count_expired);
    ck_assert_int_eq(expired_count, 0);
    kdm_wheel_turn(&wheel, 100000000, count_expired);
    ck_assert_int_eq(expired_count, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net/parse");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, a_ping_is_told_from_everything_else);
    tcase_add_test(tcase, frames_are_cut_only_between_two);
    tcase_add_test(tcase, items_of_a_list_are_found_with_blanks_and_empty_ones);
    tcase_add_test(tcase, parameters_are_found_and_unquoted);
    tcase_add_test(tcase, media_types_are_told_apart);
    tcase_add_test(tcase, the_coding_with_the_highest_q_is_taken);
    tcase_add_test(tcase, a_length_is_a_number_within_the_limit);
    tcase_add_test(tcase, origins_are_checked_against_the_list);
    tcase_add_test(tcase, what_is_encoded_is_decoded_within_the_limit_only);
    tcase_add_test(tcase, the_empty_text_survives_coding);
    tcase_add_test(tcase, an_urlencoded_form_is_an_object_of_strings);
    tcase_add_test(tcase, a_form_of_too_many_fields_is_refused);
    tcase_add_test(tcase, a_multipart_form_has_fields_and_files);
    tcase_add_test(tcase, a_malformed_multipart_form_is_refused);
    tcase_add_test(tcase, a_bare_error_has_its_five_members);
    tcase_add_test(tcase, deadlines_expire_when_due_and_not_before);
    tcase_add_test(tcase, a_deadline_can_be_moved_and_removed_and_time_may_jump);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
