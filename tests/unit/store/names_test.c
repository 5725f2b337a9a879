/* names_test.c - names, ids, durations. */
#include "store/names.h"
#include "store/unicode.h"
#include <check.h>
#include <stdlib.h>

START_TEST(a_name_is_lower_case_and_without_forbidden_characters)
{
    static const char *const good[] = {
        "a",   "nyc-open-data", "_kuzzle", "-x", "@tenant", "é",
        "été", "a_b-c",         "123",     "ß",  "{x}",     "日本"
    };
    static const char *const bad[] = {
        "",    "_all", "A",   "aB",  "É",   "Ω",    "a/b",  "a\\b",        "a*",  "a?",
        "a\"", "a<b",  "a>b", "a|b", "a b", "a\tb", "a\n",  "a\r",         "a,b", "a+b",
        "a#b", "a:b",  "a.b", "a&b", "a%b", "\xc3", "\xff", "\xed\xa0\x80"
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(kdm_name_valid(kdm_str_of(good[i])), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!kdm_name_valid(kdm_str_of(bad[i])), "%s", bad[i]);
    ck_assert(!kdm_name_valid((struct kdm_str){ "a\0b", 3 }));
    ck_assert(!kdm_name_valid(KDM_STR_NONE));
}
END_TEST

START_TEST(a_name_has_at_most_126_bytes)
{
    char name[128];

    memset(name, 'a', sizeof(name));
    ck_assert(kdm_name_valid((struct kdm_str){ name, 126 }));
    ck_assert(!kdm_name_valid((struct kdm_str){ name, 127 }));
    memcpy(name + 125, "é", 2);
    ck_assert(!kdm_name_valid((struct kdm_str){ name, 127 }));
}
END_TEST

START_TEST(each_bad_name_has_its_error)
{
    ck_assert_int_eq(kdm_name_check_index(KDM_STR("i")), KDM_OK);
    ck_assert_int_eq(kdm_name_check_index(KDM_STR("I")),
                     KDM_ERR_SERVICES_STORAGE_INVALID_INDEX_NAME);
    ck_assert_int_eq(kdm_name_check_collection(KDM_STR("c")), KDM_OK);
    ck_assert_int_eq(kdm_name_check_collection(KDM_STR("a b")),
                     KDM_ERR_SERVICES_STORAGE_INVALID_COLLECTION_NAME);
    ck_assert_int_eq(kdm_name_check_collection(KDM_STR("_kuzzle_keep")),
                     KDM_ERR_SERVICES_STORAGE_COLLECTION_RESERVED);
}
END_TEST

START_TEST(an_id_is_neither_empty_nor_too_long_nor_a_search)
{
    struct kdm_failure failure = { 0 };
    struct kdm_arena arena;
    char id[513];

    kdm_arena_init(&arena, 1024);
    memset(id, 'x', sizeof(id));
    ck_assert(kdm_doc_id_check(&arena, KDM_STR("Any thing/é"), &failure));
    ck_assert(kdm_doc_id_check(&arena, (struct kdm_str){ id, 512 }, &failure));
    ck_assert(!kdm_doc_id_check(&arena, (struct kdm_str){ id, 513 }, &failure));
    ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST);
    ck_assert(!kdm_doc_id_check(&arena, KDM_STR(""), &failure));
    ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST);
    ck_assert(!kdm_doc_id_check(&arena, KDM_STR("_search"), &failure));
    ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_SEARCH_AS_AN_ID);
    kdm_arena_fini(&arena);
}
END_TEST

START_TEST(a_pattern_is_told_from_a_name)
{
    ck_assert(kdm_name_is_pattern(KDM_STR("a*")));
    ck_assert(kdm_name_is_pattern(KDM_STR("a,b")));
    ck_assert(kdm_name_is_pattern(KDM_STR("_all")));
    ck_assert(kdm_name_is_pattern(KDM_STR("a+b")));
    ck_assert(!kdm_name_is_pattern(KDM_STR("a-b")));
}
END_TEST

START_TEST(a_duration_is_a_number_with_a_unit)
{
    static const struct {
        const char *text;
        long long ms;
    } good[] = { { "1500", 1500 },      { "1ms", 1 },       { "1s", 1000 },
                 { "1.5s", 1500 },      { "1m", 60000 },    { "2 hours", 7200000 },
                 { "1H", 3600000 },     { "1d", 86400000 }, { "1w", 604800000 },
                 { "1y", 31557600000 }, { "-1", -1 },       { "-2.5s", -2500 },
                 { ".5s", 500 },        { "0", 0 },         { "3 Minutes", 180000 } };
    static const char *const bad[] = { "",           "s",   "1x",    "1 2", "1s2",
                                       "--1",        "1e3", "1.2.3", "1mo", "99999999999999999999",
                                       "999999999y", "1é",  " 1s" };
    int64_t ms = 7;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_msg(kdm_duration_parse(kdm_str_of(good[i].text), &ms), "%s", good[i].text);
        ck_assert_int_eq(ms, good[i].ms);
    }
    ms = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!kdm_duration_parse(kdm_str_of(bad[i]), &ms), "%s", bad[i]);
    ck_assert_int_eq(ms, 7);
}
END_TEST

START_TEST(lower_case_reaches_beyond_ascii)
{
    static const char upper[] = "ÀÉÑŐΩΣЖЯİ", lower[] = "àéñőωσжя";
    struct kdm_str from = KDM_STR(upper), to = KDM_STR(lower);
    char bytes[4];

    while (to.len > 0) {
        uint32_t point = kdm_utf8_next(&to);

        ck_assert_uint_eq(kdm_unicode_lower(kdm_utf8_next(&from)), point);
        ck_assert_uint_eq(kdm_unicode_lower(point), point);
    }
    ck_assert_uint_eq(kdm_unicode_lower(0x10400), 0x10428);
    ck_assert_uint_eq(kdm_utf8_put(bytes, 0x1f600), 4);
    ck_assert(kdm_utf8_valid((struct kdm_str){ bytes, 4 }));
    ck_assert_uint_eq(kdm_utf8_count(KDM_STR("aé日😀")), 4);
    ck_assert(!kdm_utf8_valid(KDM_STR("\xc0\x80")));
    ck_assert(!kdm_utf8_valid(KDM_STR("\xf4\x90\x80\x80")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("names");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, a_name_is_lower_case_and_without_forbidden_characters);
    tcase_add_test(tcase, a_name_has_at_most_126_bytes);
    tcase_add_test(tcase, each_bad_name_has_its_error);
    tcase_add_test(tcase, an_id_is_neither_empty_nor_too_long_nor_a_search);
    tcase_add_test(tcase, a_pattern_is_told_from_a_name);
    tcase_add_test(tcase, a_duration_is_a_number_with_a_unit);
    tcase_add_test(tcase, lower_case_reaches_beyond_ascii);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
