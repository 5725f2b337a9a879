/* clock_test.c - the two clocks. */
#include "base/clock.h"
#include <check.h>
#include <stdlib.h>
#include <time.h>

START_TEST(the_wall_clock_is_in_milliseconds)
{
    int64_t before = (int64_t)time(NULL) * 1000;
    int64_t now = kdm_clock_ms();

    ck_assert_int_ge(now, before - 1000);
    ck_assert_int_le(now, before + 5000);
}
END_TEST

START_TEST(the_monotonic_clock_never_goes_back)
{
    int64_t last = kdm_clock_monotonic_ms();

    for (int i = 0; i < 100000; i++) {
        int64_t now = kdm_clock_monotonic_ms();

        ck_assert_int_ge(now, last);
        last = now;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tcase = tcase_create("clock");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, the_wall_clock_is_in_milliseconds);
    tcase_add_test(tcase, the_monotonic_clock_never_goes_back);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
