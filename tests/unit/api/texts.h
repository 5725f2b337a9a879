/* texts.h - what the tests of pure functions share: one arena, parsing, comparing. */
#ifndef KDM_TESTS_API_TEXTS_H
#define KDM_TESTS_API_TEXTS_H

#include "base/err.h"
#include "json/json.h"
#include <check.h>
#include <stdlib.h>

static struct kdm_arena arena;

static inline void open_arena(void)
{
    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 4096);
}

static inline void close_arena(void)
{
    kdm_arena_fini(&arena);
}

static inline struct kdm_val parse(const char *text)
{
    return kdm_json_parse(&arena, kdm_arena_copy(&arena, kdm_str_of(text)));
}

#define assert_text(s, expected)                                                                   \
    do {                                                                                           \
        struct kdm_str assert_s = (s);                                                             \
        ck_assert_msg(kdm_str_eq(assert_s, kdm_str_of(expected)),                                  \
                      "%s is \"" KDM_FMT "\", not \"%s\"", #s, (int)assert_s.len, assert_s.ptr,    \
                      expected);                                                                   \
    } while (0)

#define assert_failure(failure, wanted, status_wanted)                                             \
    do {                                                                                           \
        ck_assert_msg((failure).err == (wanted), "failed with %s, not %s",                         \
                      (failure).err == KDM_OK ? "nothing" : kdm_err_row((failure).err)->name,      \
                      kdm_err_row(wanted)->name);                                                  \
        ck_assert_uint_eq((failure).status, (status_wanted));                                      \
    } while (0)

/* A Check program of one case. */
static inline int run_case(const char *name, const TTest *const *tests, size_t count,
                           void (*set_up)(void), void (*tear_down)(void))
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define RUN(name, tests, set_up, tear_down)                                                        \
    run_case(name, tests, sizeof(tests) / sizeof((tests)[0]), set_up, tear_down)

#endif
