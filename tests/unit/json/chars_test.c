/* chars_test.c - the portable way of skipping ordinary characters; the SSE2 way is what
 * scan_test.c goes through on x86-64.
 */
#undef __SSE2__
#include "json/chars.h"
#include <check.h>
#include <stdlib.h>

START_TEST(eight_at_a_time_is_the_same_as_one_at_a_time)
{
    char text[40];

    for (int special = 0; special < 256; special++) {
        for (size_t at = 0; at < sizeof(text); at++) {
            const char *want = text + at;

            for (size_t i = 0; i < sizeof(text); i++)
                text[i] = " !#[]~\x7fz"[i % 8];
            text[at] = (char)special;
            if (kdm_json_ordinary(text[at]))
                want = text + sizeof(text);
            ck_assert_ptr_eq(kdm_json_skip_ordinary(text, text + sizeof(text)), want);
        }
    }
}
END_TEST

START_TEST(only_quotes_slashes_controls_and_other_scripts_are_not_ordinary)
{
    for (int c = 0; c < 256; c++) {
        bool ordinary = c >= 32 && c < 128 && c != '"' && c != '\\';

        ck_assert_int_eq(kdm_json_ordinary((char)c), ordinary);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chars");
    TCase *tcase = tcase_create("chars");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, eight_at_a_time_is_the_same_as_one_at_a_time);
    tcase_add_test(tcase, only_quotes_slashes_controls_and_other_scripts_are_not_ordinary);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
