/* suite.h - a Check program of one case. */
#ifndef KDM_TESTS_SECURITY_SUITE_H
#define KDM_TESTS_SECURITY_SUITE_H

#include "json/json.h"
#include <check.h>

static inline int run_case(const char *name, const TTest *const *tests, size_t count,
                           void (*set_up)(void), void (*tear_down)(void))
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failed;

    kdm_json_seed(1, 2);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#define RUN(name, tests, set_up, tear_down)                                                        \
    run_case((name), (tests), sizeof(tests) / sizeof((tests)[0]), (set_up), (tear_down))

#endif
