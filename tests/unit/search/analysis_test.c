/* analysis_test.c - words, wildcards, regular expressions, date math, distances. */
#include "search/analysis.h"
#include "search/date_math.h"
#include "search/fuzzy.h"
#include "search/geometry.h"
#include "search/koncorde.h"
#include "search/pattern.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
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

START_TEST(languages_have_stems_and_stop_words)
{
    assert_words(KDM_ANALYZER_ENGLISH, "The dog's running ponies are not in a hurry",
                 "dog|run|poni|hurri");
    assert_words(KDM_ANALYZER_ENGLISH, "dogs’ dog’s generalizations", "dog|dog|gener");
    assert_words(KDM_ANALYZER_ENGLISH, "THE", "");
    assert_words(KDM_ANALYZER_FRENCH, "L'avion des capteurs n'était pas là-bas",
                 "avion|capteur|là|bas");
    assert_words(KDM_ANALYZER_FRENCH, "Jusqu'au continuellement O'Neil", "continuel|o'neil");
}
END_TEST

START_TEST(words_know_where_they_stood)
{
    struct kdm_str text = KDM_STR("The Dogs, RUNNING"), *spans;
    struct kdm_tokens tokens = kdm_analyze_spans(&arena, KDM_ANALYZER_ENGLISH, text, &spans);

    ck_assert_uint_eq(tokens.count, 2);
    ck_assert(kdm_str_eq(tokens.items[0], KDM_STR("dog")));
    ck_assert(spans[0].ptr == text.ptr + 4 && spans[0].len == 4);
    ck_assert(kdm_str_eq(tokens.items[1], KDM_STR("run")));
    ck_assert(spans[1].ptr == text.ptr + 10 && spans[1].len == 7);
}
END_TEST

static int64_t moment(const char *text)
{
    int64_t ms = 0;

    ck_assert(kdm_date_parse(kdm_date_format_default(), kdm_str_of(text), false, &ms));
    return ms;
}

START_TEST(zones_change_with_the_season)
{
    const struct kdm_zone *paris, *fixed, *utc;

    ck_assert(kdm_zone_find(&arena, KDM_STR("Europe/Paris"), &paris));
    ck_assert(kdm_zone_find(&arena, KDM_STR("-03:30"), &fixed));
    ck_assert(kdm_zone_find(&arena, KDM_STR("UTC"), &utc));
    ck_assert(utc == NULL);
    ck_assert_int_eq(kdm_zone_offset(paris, moment("2020-01-15")), 3600000);
    ck_assert_int_eq(kdm_zone_offset(paris, moment("2020-07-15")), 7200000);
    ck_assert_int_eq(kdm_zone_offset(paris, moment("2020-03-29T00:59:59Z")), 3600000);
    ck_assert_int_eq(kdm_zone_offset(paris, moment("2020-03-29T01:00:00Z")), 7200000);
    ck_assert_int_eq(kdm_zone_offset(paris, moment("2050-07-15")), 7200000);
    ck_assert_int_eq(kdm_zone_offset(fixed, 0), -12600000);
    /* shown twice: the earlier; leapt over: as if it had not leapt yet */
    ck_assert_int_eq(kdm_zone_to_utc(paris, moment("2020-10-25T02:30:00Z")),
                     moment("2020-10-25T00:30:00Z"));
    ck_assert_int_eq(kdm_zone_to_utc(paris, moment("2020-03-29T02:30:00Z")),
                     moment("2020-03-29T01:30:00Z"));
    ck_assert_int_eq(kdm_zone_to_utc(paris, moment("2020-03-29T03:30:00Z")),
                     moment("2020-03-29T01:30:00Z"));
    ck_assert_int_eq(kdm_zone_to_utc(paris, moment("2020-10-25T03:30:00Z")),
                     moment("2020-10-25T02:30:00Z"));
}
END_TEST

START_TEST(what_is_no_zone_is_refused)
{
    static const char *const bad[] = {
        "",      "Nowhere", "Europe/",       "../../etc/passwd", "/etc/passwd",
        "+1",    "+19:00",  "+01:",          "+01:60",           "paris",
        "+01:0", "+010",    "Europe/Paris\t"
    };
    const struct kdm_zone *zone;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!kdm_zone_find(&arena, kdm_str_of(bad[i]), &zone), "%s", bad[i]);
}
END_TEST

static void assert_math_in(const char *zone_name, const char *text, bool up, const char *expected)
{
    const struct kdm_zone *zone;
    int64_t ms;

    ck_assert(kdm_zone_find(&arena, kdm_str_of(zone_name), &zone));
    ck_assert_msg(kdm_date_math(kdm_date_format_default(), kdm_str_of(text),
                                moment("2020-03-29T10:00:00Z"), up, zone, &ms),
                  "%s", text);
    ck_assert_msg(ms == moment(expected), "%s in %s: %lld", text, zone_name, (long long)ms);
}

START_TEST(days_are_those_of_the_zone)
{
    assert_math_in("Europe/Paris", "now/d", false, "2020-03-28T23:00:00Z");
    assert_math_in("Europe/Paris", "now/d", true, "2020-03-29T21:59:59.999Z");
    assert_math_in("Europe/Paris", "now-1d", false, "2020-03-28T11:00:00Z");
    assert_math_in("Europe/Paris", "now-24h", false, "2020-03-28T10:00:00Z");
    assert_math_in("Europe/Paris", "2020-07-01", false, "2020-06-30T22:00:00Z");
    assert_math_in("Europe/Paris", "2020-07-01", true, "2020-07-01T21:59:59.999Z");
    assert_math_in("Europe/Paris", "2020-07-01T00:00:00Z", false, "2020-07-01T00:00:00Z");
    assert_math_in("Asia/Tokyo", "2020-07-01||/M", false, "2020-06-30T15:00:00Z");
    assert_math_in("+05:30", "now/h", false, "2020-03-29T09:30:00Z");
}
END_TEST

/* All words at most `edits` away, told by trying: the plain recursion. */
static int slow_distance(const char *a, const char *b, bool swaps, int budget)
{
    int best, other;

    if (budget < 0)
        return 99;
    if (*a == '\0' || *b == '\0')
        return (int)(strlen(a) + strlen(b));
    if (*a == *b)
        best = slow_distance(a + 1, b + 1, swaps, budget);
    else
        best = 1 + slow_distance(a + 1, b + 1, swaps, budget - 1);
    other = 1 + slow_distance(a + 1, b, swaps, budget - 1);
    best = other < best ? other : best;
    other = 1 + slow_distance(a, b + 1, swaps, budget - 1);
    best = other < best ? other : best;
    if (swaps && a[1] != '\0' && b[1] != '\0' && a[0] == b[1] && a[1] == b[0]) {
        other = 1 + slow_distance(a + 2, b + 2, swaps, budget - 1);
        best = other < best ? other : best;
    }
    return best;
}

START_TEST(words_are_a_few_letters_apart)
{
    unsigned seed = 7, near = 0;

    for (int round = 0; round < 20000; round++) {
        unsigned edits = (unsigned)rand_r(&seed) % 3, prefix = (unsigned)rand_r(&seed) % 3;
        bool swaps = rand_r(&seed) % 2 == 0, wanted;
        char a[8] = "", b[8] = "";
        struct kdm_fuzzy *fuzzy;

        for (unsigned i = 0, count = (unsigned)rand_r(&seed) % 7; i < count; i++)
            a[i] = (char)('a' + rand_r(&seed) % 3);
        for (unsigned i = 0, count = (unsigned)rand_r(&seed) % 7; i < count; i++)
            b[i] = (char)('a' + rand_r(&seed) % 3);
        if (prefix > strlen(a))
            prefix = (unsigned)strlen(a);
        fuzzy = kdm_fuzzy_create(&arena, kdm_str_of(a), edits, prefix, swaps);
        wanted = strncmp(a, b, prefix) == 0
                 && slow_distance(a + prefix, b + prefix, swaps, (int)edits) <= (int)edits;
        ck_assert_msg(kdm_fuzzy_match(fuzzy, kdm_str_of(b)) == wanted, "%s %s %u %u %d", a, b,
                      edits, prefix, swaps);
        near += wanted;
    }
    ck_assert_uint_gt(near, 1000);
    ck_assert(
        kdm_fuzzy_match(kdm_fuzzy_create(&arena, KDM_STR("été"), 1, 1, true), KDM_STR("éte")));
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

/* Every number up to 1300, as it is and with two zeros before it. */
static void assert_interval(int low, int high, int digits, const char *pattern)
{
    struct kdm_str reason;
    struct kdm_regexp *regexp = kdm_regexp_lucene(&arena, kdm_str_of(pattern), false, &reason);

    ck_assert_msg(regexp != NULL, "%s: " KDM_FMT, pattern, KDM_ARG(reason));
    for (int number = 0; number < 1300; number++) {
        for (int width = 1; width <= 6; width++) {
            char text[16];
            int length = snprintf(text, sizeof(text), "%0*d", width, number);
            bool wanted = number >= low && number <= high && (digits == 0 || digits == length);
            bool found = kdm_regexp_match(regexp, kdm_str_of(text)) == KDM_REGEXP_YES;

            ck_assert_msg(found == wanted, "%s: %s", pattern, text);
        }
    }
}

START_TEST(intervals_hold_the_numbers_between_their_ends)
{
    struct kdm_str reason;
    struct kdm_regexp *regexp;

    assert_interval(1, 5, 1, "<1-5>");
    assert_interval(1, 5, 1, "<5-1>");
    assert_interval(0, 9, 1, "<0-9>");
    assert_interval(7, 7, 1, "<7-7>");
    assert_interval(5, 120, 0, "<5-120>");
    assert_interval(0, 1000, 0, "<0-1000>");
    assert_interval(99, 101, 0, "<99-101>");
    assert_interval(17, 1203, 0, "<17-1203>");
    assert_interval(5, 120, 3, "<005-120>");
    assert_interval(199, 801, 3, "<199-801>");
    regexp = kdm_regexp_lucene(&arena, KDM_STR("v<1-12>\\.<0-999999999>x+"), false, &reason);
    ck_assert(regexp != NULL);
    ck_assert_int_eq(kdm_regexp_match(regexp, KDM_STR("v11.123456789xx")), KDM_REGEXP_YES);
    ck_assert_int_eq(kdm_regexp_match(regexp, KDM_STR("v13.1x")), KDM_REGEXP_NO);
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
    ck_assert_msg(kdm_date_math(format, kdm_str_of(text), 1580898030400, up, NULL, &ms), "%s",
                  text);
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
    tcase_add_test(tcase, languages_have_stems_and_stop_words);
    tcase_add_test(tcase, words_know_where_they_stood);
    tcase_add_test(tcase, zones_change_with_the_season);
    tcase_add_test(tcase, what_is_no_zone_is_refused);
    tcase_add_test(tcase, days_are_those_of_the_zone);
    tcase_add_test(tcase, words_are_a_few_letters_apart);
    tcase_add_test(tcase, wildcards_match_whole_texts);
    tcase_add_test(tcase, intervals_hold_the_numbers_between_their_ends);
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
