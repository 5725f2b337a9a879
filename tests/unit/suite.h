/* suite.h - running Check: what is at the end of a test program. For tests only. */
#ifndef KDM_TESTS_SUITE_H
#define KDM_TESTS_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Runs and frees `suite`; returns what main() returns. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A suite of one case, which has the suite's name; see RUN(). */
static inline int run_case(const char *name, const TTest *const *tests, size_t count,
                           void (*set_up)(void), void (*tear_down)(void))
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}

/* run_case() with an array of tests. */
#define RUN(name, tests, set_up, tear_down)                                                        \
    run_case((name), (tests), sizeof(tests) / sizeof((tests)[0]), (set_up), (tear_down))

#endif
