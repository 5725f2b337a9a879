/* buf_test.c - growing text, on the heap and in an arena. */
#include "base/buf.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static void fill(struct kdm_buf *buf)
{
    for (int i = 0; i < 10000; i++) {
        kdm_buf_int(buf, i);
        kdm_buf_char(buf, ',');
    }
}

static void check_filled(struct kdm_str text)
{
    size_t at = 0;

    for (int i = 0; i < 10000; i++) {
        char want[16];
        size_t len = (size_t)snprintf(want, sizeof(want), "%d,", i);

        ck_assert_uint_le(at + len, text.len);
        ck_assert_mem_eq(text.ptr + at, want, len);
        at += len;
    }
    ck_assert_uint_eq(at, text.len);
}

START_TEST(text_grows_on_the_heap)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, NULL, 0);
    fill(&buf);
    check_filled(kdm_buf_str(&buf));
    kdm_buf_fini(&buf);
}
END_TEST

START_TEST(text_grows_in_an_arena_also_with_others_in_between)
{
    struct kdm_arena arena;
    struct kdm_buf one, other;

    kdm_arena_init(&arena, 4096);
    kdm_buf_init(&one, &arena, 3);
    fill(&one);
    kdm_buf_init(&other, &arena, 64);
    fill(&one);
    fill(&other);
    check_filled(kdm_buf_str(&other));
    check_filled((struct kdm_str){ one.ptr, one.len / 2 });
    check_filled((struct kdm_str){ one.ptr + one.len / 2, one.len / 2 });
    kdm_buf_fini(&one);
    kdm_arena_fini(&arena);
}
END_TEST

START_TEST(numbers_are_put_to_their_very_limits)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, NULL, 0);
    kdm_buf_int(&buf, INT64_MIN);
    kdm_buf_lit(&buf, " ");
    kdm_buf_int(&buf, INT64_MAX);
    kdm_buf_lit(&buf, " ");
    kdm_buf_int(&buf, 0);
    ck_assert(kdm_str_eq(kdm_buf_str(&buf), KDM_STR("-9223372036854775808 9223372036854775807 0")));
    kdm_buf_fini(&buf);
}
END_TEST

START_TEST(printf_fits_exactly_and_puts_no_nul)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, NULL, 0);
    kdm_buf_printf(&buf, "%s", "");
    ck_assert_uint_eq(buf.len, 0);
    kdm_buf_printf(&buf, "%063d", 1);
    ck_assert_uint_eq(buf.len, 63);
    kdm_buf_printf(&buf, "%s", "ab");
    ck_assert_uint_eq(buf.len, 65);
    ck_assert_mem_eq(buf.ptr + 62, "1ab", 3);
    kdm_buf_put(&buf, KDM_STR_NONE);
    ck_assert_uint_eq(buf.len, 65);
    kdm_buf_fini(&buf);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buf");
    TCase *tcase = tcase_create("buf");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, text_grows_on_the_heap);
    tcase_add_test(tcase, text_grows_in_an_arena_also_with_others_in_between);
    tcase_add_test(tcase, numbers_are_put_to_their_very_limits);
    tcase_add_test(tcase, printf_fits_exactly_and_puts_no_nul);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
