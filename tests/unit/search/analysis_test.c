/* analysis_test.c - words, wildcards, regular expressions, date math, distances. */
#include "search/analysis.h"
#include "search/date_math.h"
#include "search/geometry.h"
#include "search/koncorde.h"
#include "search/pattern.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct kdm_arena arena;

static void setup(void)
{
    kdm_arena_init(&arena, 4096);
}

static void teardown(void)
{
    kdm_arena_fini(&arena);
}

static void assert_words(enum kdm_analyzer analyzer, const char *text, const char *expected)
{
    struct kdm_tokens tokens = kdm_analyze(&arena, analyzer, kdm_str_of(text));
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 100);
    for (size_t i = 0; i < tokens.count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, '|');
        kdm_buf_put(&buf, tokens.items[i]);
    }
    ck_assert_msg(kdm_str_eq(kdm_buf_str(&buf), kdm_str_of(expected)), "%s: " KDM_FMT, text,
                  KDM_ARG(kdm_buf_str(&buf)));
}

START_TEST(text_is_split_into_words)
{
    assert_words(KDM_ANALYZER_STANDARD, "", "");
    assert_words(KDM_ANALYZER_STANDARD, " .,-! ", "");
    assert_words(KDM_ANALYZER_STANDARD, "The QUICK-brown fox.", "the|quick|brown|fox");
    assert_words(KDM_ANALYZER_STANDARD, "O'Neil's 3.14 1,000 foo_bar a.b.c 5a",
                 "o'neil's|3.14|1,000|foo_bar|a.b.c|5a");
    assert_words(KDM_ANALYZER_STANDARD, "john@example.com", "john|example.com");
    assert_words(KDM_ANALYZER_STANDARD, "end. Start", "end|start");
    assert_words(KDM_ANALYZER_STANDARD, "ÉTÉ Ωmega ЖУК naïve", "été|ωmega|жук|naïve");
    assert_words(KDM_ANALYZER_STANDARD, "日本a語", "日|本|a|語");
    assert_words(KDM_ANALYZER_STANDARD, "a😀b", "a|b");
    assert_words(KDM_ANALYZER_SIMPLE, "It's 2 Cats", "it|s|cats");
    assert_words(KDM_ANALYZER_WHITESPACE, " A-b  C ", "A-b|C");
    assert_words(KDM_ANALYZER_KEYWORD, "A b", "A b");
}
END_TEST

START_TEST(wildcards_match_whole_texts)
{
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = { { "", "", true },       { "*", "", true },        { "?", "", false },
                  { "a*c", "abc", true }, { "a*c", "abcd", false }, { "*b*", "abc", true },
                  { "a?c", "aéc", true }, { "a??c", "aéc", false }, { "*aab", "aaaab", true },
                  { "\\*", "*", true },   { "\\*", "x", false },    { "a\\", "a\\", true },
                  { "*.*", "a.b", true }, { "**a**", "a", true },   { "?*", "", false },
                  { "*é?", "xéz", true }, { "ab", "abc", false },   { "abc", "ab", false } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(kdm_wildcard_match(kdm_str_of(cases[i].pattern), kdm_str_of(cases[i].text))
                          == cases[i].matches,
                      "%s %s", cases[i].pattern, cases[i].text);
}
END_TEST

START_TEST(re2_takes_no_more_than_re2_does)
{
    static const char *const good[] = { "a",        "",         "^a$",     "(?i)x",
                                        "(?:a|b)+", "(?P<n>a)", "[(?=]",   "\\d+\\.",
                                        "a{2,3}?",  "[]a]",     "\\Qa+\\E" };
    static const char *const bad[] = { "(?=a)", "(?!a)",  "(?<=a)",  "(?<!a)",    "(a)\\1", "(",
                                       "[",     "a**+",   "(?>a)",   "(*ACCEPT)", "(?R)",   "(?1)",
                                       "a++",   "\\k<n>", "(?(1)a)", "\\C",       "(?#x)" };
    struct kdm_str reason;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(kdm_regexp_re2(&arena, kdm_str_of(good[i]), KDM_STR(""), &reason) != NULL,
                      "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(kdm_regexp_re2(&arena, kdm_str_of(bad[i]), KDM_STR(""), &reason) == NULL,
                      "%s", bad[i]);
}
END_TEST

static void assert_date(const char *text, bool up, const char *expected)
{
    const struct kdm_date_format *format = kdm_date_format_default();
    int64_t ms, wanted;

    ck_assert(kdm_date_parse(format, kdm_str_of(expected), false, &wanted));
    /* 2020-02-05T10:20:30.400Z, a Wednesday */
    ck_assert_msg(kdm_date_math(format, kdm_str_of(text), 1580898030400, up, NULL, &ms), "%s", text);
    ck_assert_msg(ms == wanted, "%s: %lld, not %lld", text, (long long)ms, (long long)wanted);
}

START_TEST(dates_are_calculated)
{
    assert_date("now", false, "2020-02-05T10:20:30.400Z");
    assert_date("now-1d", false, "2020-02-04T10:20:30.400Z");
    assert_date("now/d", false, "2020-02-05");
    assert_date("now/d", true, "2020-02-05T23:59:59.999Z");
    assert_date("now/w", false, "2020-02-03");
    assert_date("now/M", true, "2020-02-29T23:59:59.999Z");
    assert_date("now/y", false, "2020-01-01");
    assert_date("now+1M-1y/h", false, "2019-03-05T10:00:00Z");
    assert_date("now+h", false, "2020-02-05T11:20:30.400Z");
    assert_date("2020-01-31||+1M", false, "2020-02-29");
    assert_date("2020-01-31||/M", true, "2020-01-31T23:59:59.999Z");
    assert_date("2020-02-29||-1y", false, "2019-02-28");
    assert_date("2020-01-01", true, "2020-01-01T23:59:59.999Z");
    assert_date("0", false, "1970-01-01");
}
END_TEST

START_TEST(distances_are_those_of_the_reference)
{
    struct kdm_point paris = { 48.8566, 2.3522 }, montpellier = { 43.6108, 3.8767 },
                     far = { 0, 90 };
    double metres;

    ck_assert_double_eq_tol(kdm_geo_ellipsoid(paris, montpellier), 594811, 50);
    ck_assert_double_eq_tol(kdm_geo_ellipsoid(paris, far), 9836642, 100);
    ck_assert_double_eq_tol(kdm_geo_ellipsoid(paris, paris), 0, 1e-9);
    ck_assert_double_eq_tol(kdm_geo_sphere(paris, montpellier), 594811, 3000);
    ck_assert(kdm_koncorde_distance(KDM_STR("3 258,55 Ft"), &metres));
    ck_assert_double_eq_tol(metres, 993.206, 0.001);
    ck_assert(kdm_koncorde_distance(KDM_STR("-5km"), &metres) && metres == 5000);
    ck_assert(kdm_koncorde_distance(KDM_STR("5kms"), &metres) && metres == 5000);
    ck_assert(kdm_koncorde_distance(KDM_STR("5 kilometers"), &metres) && metres == 5000);
    ck_assert(kdm_koncorde_distance(KDM_STR("1Mm"), &metres) && metres == 0.001);
    ck_assert(!kdm_koncorde_distance(KDM_STR("100"), &metres));
    ck_assert(!kdm_koncorde_distance(KDM_STR("1 foot"), &metres));
    ck_assert(!kdm_koncorde_distance(KDM_STR("1 nautical mile"), &metres));
    ck_assert(!kdm_koncorde_distance(KDM_STR("km"), &metres));
    ck_assert(!kdm_koncorde_distance(KDM_STR(""), &metres));
    ck_assert(!kdm_koncorde_distance(KDM_STR("1e3m"), &metres));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("analysis");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, text_is_split_into_words);
    tcase_add_test(tcase, wildcards_match_whole_texts);
    tcase_add_test(tcase, re2_takes_no_more_than_re2_does);
    tcase_add_test(tcase, dates_are_calculated);
    tcase_add_test(tcase, distances_are_those_of_the_reference);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
