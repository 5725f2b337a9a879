/* log_test.c - what reaches stderr. Each test runs in its own process, so it may redirect it. */
#include "base/log.h"
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int saved_stderr;

static int start_capture(void)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    saved_stderr = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    return ends[0];
}

/* What was logged since, NUL-terminated. */
static char *end_capture(int from)
{
    static char text[16384];
    ssize_t got;

    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    got = read(from, text, sizeof(text) - 1);
    close(from);
    text[got < 0 ? 0 : got] = '\0';
    return text;
}

START_TEST(a_line_has_time_level_and_text)
{
    int from = start_capture();
    char *text;

    kdm_log_warn("index %s is %d", "a", 1);
    text = end_capture(from);
    ck_assert_int_eq(text[4], '-');
    ck_assert_int_eq(text[10], 'T');
    ck_assert_str_eq(text + 23, "Z warn  index a is 1\n");
}
END_TEST

START_TEST(what_is_below_the_level_is_not_written)
{
    int from = start_capture();

    kdm_log_debug("hidden");
    kdm_log_set_level(KDM_LOG_ERROR);
    kdm_log_warn("hidden");
    ck_assert_str_eq(end_capture(from), "");
}
END_TEST

START_TEST(a_name_from_outside_can_not_forge_a_line)
{
    int from = start_capture();
    char *text;

    kdm_log_info("no index %s", "a\n2026 error \x1b[31m");
    text = end_capture(from);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    ck_assert_ptr_null(strchr(text, '\x1b'));
}
END_TEST

START_TEST(a_long_line_is_cut_and_says_so)
{
    int from = start_capture();
    char *text;

    kdm_log_info("%9000d", 1);
    text = end_capture(from);
    ck_assert_uint_eq(strlen(text), 4096);
    ck_assert_str_eq(text + 4092, "...\n");
}
END_TEST

START_TEST(levels_have_names)
{
    enum kdm_log_level level = KDM_LOG_INFO;

    ck_assert(kdm_log_level_parse("error", &level) && level == KDM_LOG_ERROR);
    ck_assert(kdm_log_level_parse("debug", &level) && level == KDM_LOG_DEBUG);
    ck_assert(!kdm_log_level_parse("loud", &level) && level == KDM_LOG_DEBUG);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, a_line_has_time_level_and_text);
    tcase_add_test(tcase, what_is_below_the_level_is_not_written);
    tcase_add_test(tcase, a_name_from_outside_can_not_forge_a_line);
    tcase_add_test(tcase, a_long_line_is_cut_and_says_so);
    tcase_add_test(tcase, levels_have_names);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
