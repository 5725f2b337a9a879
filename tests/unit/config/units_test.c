/* units_test.c - sizes and durations as people write them. */
#include "config/units.h"
#include <check.h>
#include <stdlib.h>

static int64_t size_of(const char *text)
{
    int64_t bytes = -7;

    return kdm_units_size(kdm_str_of(text), &bytes) ? bytes : -7;
}

static int64_t ms_of(const char *text)
{
    int64_t ms = -7;

    return kdm_units_duration(kdm_str_of(text), &ms) ? ms : -7;
}

START_TEST(a_size_has_a_unit_of_1024)
{
    ck_assert_int_eq(size_of("512"), 512);
    ck_assert_int_eq(size_of("512b"), 512);
    ck_assert_int_eq(size_of("64kb"), 65536);
    ck_assert_int_eq(size_of("1MB"), 1048576);
    ck_assert_int_eq(size_of("1mb"), 1048576);
    ck_assert_int_eq(size_of(" 1.5 MB "), 1572864);
    ck_assert_int_eq(size_of("2g"), INT64_C(2147483648));
}
END_TEST

START_TEST(a_duration_is_ms_unless_it_has_a_unit)
{
    ck_assert_int_eq(ms_of("1500"), 1500);
    ck_assert_int_eq(ms_of("1500ms"), 1500);
    ck_assert_int_eq(ms_of("1.5s"), 1500);
    ck_assert_int_eq(ms_of(".5s"), 500);
    ck_assert_int_eq(ms_of("1m"), 60000);
    ck_assert_int_eq(ms_of("2 Hours"), 7200000);
    ck_assert_int_eq(ms_of("1d"), 86400000);
    ck_assert_int_eq(ms_of("1w"), 604800000);
    ck_assert_int_eq(ms_of("1y"), INT64_C(31557600000));
    ck_assert_int_eq(ms_of("-1"), -1);
}
END_TEST

START_TEST(what_is_no_quantity_is_refused)
{
    static const char *const wrong[] = { "",         " ",    "mb",    "1.2.3",
                                         "1 0",      "0x10", "inf",   "nan",
                                         "1e3",      "--1",  "+1",    ".",
                                         "1 zb",     "1m1s", "1mb ,", "9007199254740993000",
                                         "99999999y" };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_msg(size_of(wrong[i]) == -7, "size %s", wrong[i]);
        ck_assert_msg(ms_of(wrong[i]) == -7, "duration %s", wrong[i]);
    }
}
END_TEST

START_TEST(a_very_long_number_is_refused_not_overflowed)
{
    char digits[1000];

    memset(digits, '9', sizeof(digits) - 1);
    digits[sizeof(digits) - 1] = '\0';
    ck_assert_int_eq(size_of(digits), -7);
    ck_assert_int_eq(ms_of(digits), -7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("units");
    TCase *tests = tcase_create("units");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, a_size_has_a_unit_of_1024);
    tcase_add_test(tests, a_duration_is_ms_unless_it_has_a_unit);
    tcase_add_test(tests, what_is_no_quantity_is_refused);
    tcase_add_test(tests, a_very_long_number_is_refused_not_overflowed);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
