/* str_test.c - slices. */
#include "base/str.h"
#include <check.h>
#include <limits.h>
#include <stdlib.h>

static const struct kdm_str none = { NULL, 0 };

START_TEST(no_text_differs_from_the_empty_text_only_by_asking)
{
    ck_assert(kdm_str_none(none));
    ck_assert(!kdm_str_none(KDM_STR("")));
    ck_assert(kdm_str_eq(none, KDM_STR("")));
    ck_assert(kdm_str_none(kdm_str_of(NULL)));
    ck_assert(kdm_str_eq(kdm_str_of("abc"), KDM_STR("abc")));
}
END_TEST

START_TEST(equal_texts_have_the_same_bytes_also_behind_a_nul)
{
    ck_assert(kdm_str_eq(KDM_STR("a\0b"), KDM_STR("a\0b")));
    ck_assert(!kdm_str_eq(KDM_STR("a\0b"), KDM_STR("a\0c")));
    ck_assert(!kdm_str_eq(KDM_STR("a"), KDM_STR("ab")));
}
END_TEST

START_TEST(every_text_starts_with_nothing)
{
    ck_assert(kdm_str_starts(KDM_STR("abc"), KDM_STR("ab")));
    ck_assert(kdm_str_starts(KDM_STR("abc"), none));
    ck_assert(kdm_str_starts(none, none));
    ck_assert(!kdm_str_starts(KDM_STR("ab"), KDM_STR("abc")));
    ck_assert(kdm_str_eq(kdm_str_from(KDM_STR("abc"), 1), KDM_STR("bc")));
}
END_TEST

START_TEST(order_is_by_bytes_and_then_by_length)
{
    ck_assert_int_lt(kdm_str_cmp(KDM_STR("a"), KDM_STR("b")), 0);
    ck_assert_int_lt(kdm_str_cmp(KDM_STR("a"), KDM_STR("ab")), 0);
    ck_assert_int_gt(kdm_str_cmp(KDM_STR("\xc3\xa9"), KDM_STR("z")), 0);
    ck_assert_int_eq(kdm_str_cmp(KDM_STR("ab"), KDM_STR("ab")), 0);
    ck_assert_int_eq(kdm_str_cmp(none, KDM_STR("")), 0);
    ck_assert_int_lt(kdm_str_cmp(none, KDM_STR("a")), 0);
}
END_TEST

START_TEST(words_end_at_a_blank_or_at_the_end)
{
    struct kdm_str rest = KDM_STR("one  two");

    ck_assert(kdm_str_eq(kdm_str_word(&rest), KDM_STR("one")));
    ck_assert(kdm_str_eq(kdm_str_word(&rest), KDM_STR("")));
    ck_assert(kdm_str_eq(rest, KDM_STR("two")));
    ck_assert(kdm_str_eq(kdm_str_word(&rest), KDM_STR("two")));
    ck_assert_uint_eq(rest.len, 0);
    ck_assert(kdm_str_eq(kdm_str_word(&rest), KDM_STR("")));
    rest = none;
    ck_assert_uint_eq(kdm_str_word(&rest).len, 0);
}
END_TEST

START_TEST(an_integer_is_read_to_its_very_limits)
{
    long long value = 7;

    ck_assert(kdm_str_int64(KDM_STR("9223372036854775807"), &value) && value == LLONG_MAX);
    ck_assert(kdm_str_int64(KDM_STR("-9223372036854775808"), &value) && value == LLONG_MIN);
    ck_assert(kdm_str_int64(KDM_STR("0"), &value) && value == 0);
    ck_assert(kdm_str_int64(KDM_STR("-12"), &value) && value == -12);
    ck_assert(kdm_str_int64(KDM_STR("007"), &value) && value == 7);
}
END_TEST

START_TEST(what_is_no_integer_leaves_the_result_alone)
{
    static const char *const wrong[] = { "",
                                         "-",
                                         "+1",
                                         " 1",
                                         "1 ",
                                         "1.0",
                                         "1e3",
                                         "0x1",
                                         "--1",
                                         "1-2",
                                         "9223372036854775808",
                                         "-9223372036854775809",
                                         "99999999999999999999" };
    long long value = 7;

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!kdm_str_int64(kdm_str_of(wrong[i]), &value) && value == 7, "%s", wrong[i]);
    ck_assert(!kdm_str_int64(none, &value));
}
END_TEST

START_TEST(upper_and_lower_case_are_alike_when_asked_for)
{
    struct kdm_str text = KDM_STR("Content-Type");

    ck_assert(kdm_str_eq_nocase(text, KDM_STR("content-TYPE")));
    ck_assert(!kdm_str_eq_nocase(text, KDM_STR("content-typ")));
    ck_assert(!kdm_str_eq_nocase(text, KDM_STR("content_type")));
    ck_assert(!kdm_str_eq_nocase(KDM_STR("[`{@"), KDM_STR("{@[`")));
    ck_assert(!kdm_str_eq_nocase(KDM_STR("a\0b"), KDM_STR("a\0c")));
    ck_assert(kdm_str_eq_nocase(none, KDM_STR("")));
    ck_assert(kdm_str_starts_nocase(text, KDM_STR("CONTENT")));
    ck_assert(kdm_str_starts_nocase(text, KDM_STR("")));
    ck_assert(!kdm_str_starts_nocase(KDM_STR("Cont"), text));
}
END_TEST

START_TEST(a_part_is_found_wherever_it_is)
{
    struct kdm_str text = KDM_STR("aaB\0End");

    ck_assert(kdm_str_contains_nocase(text, KDM_STR("AAB")));
    ck_assert(kdm_str_contains_nocase(text, KDM_STR("ab\0e")));
    ck_assert(kdm_str_contains_nocase(text, KDM_STR("END")));
    ck_assert(kdm_str_contains_nocase(text, text));
    ck_assert(!kdm_str_contains_nocase(text, KDM_STR("ends")));
    ck_assert(!kdm_str_contains_nocase(text, KDM_STR("aaab")));
    ck_assert(!kdm_str_contains_nocase(KDM_STR(""), KDM_STR("a")));
    ck_assert(kdm_str_contains_nocase(text, KDM_STR("")));
    ck_assert(kdm_str_contains_nocase(none, none));
}
END_TEST

START_TEST(blanks_go_from_both_ends)
{
    ck_assert(kdm_str_eq(kdm_str_trimmed(KDM_STR("  a b ")), KDM_STR("a b")));
    ck_assert(kdm_str_eq(kdm_str_trimmed(KDM_STR("\ta")), KDM_STR("\ta")));
    ck_assert_uint_eq(kdm_str_trimmed(KDM_STR("   ")).len, 0);
    ck_assert(kdm_str_none(kdm_str_trimmed(KDM_STR_NONE)));
}
END_TEST

START_TEST(bytes_are_told_in_hexadecimal_digits)
{
    static const unsigned char bytes[] = { 0x00, 0x9a, 0xff, 0x10 };
    char digits[9] = "zzzzzzzzz";

    kdm_hex(bytes, 4, digits);
    ck_assert_mem_eq(digits, "009aff10z", 9);
}
END_TEST

static unsigned distance(const char *a, const char *b)
{
    return kdm_str_distance(kdm_str_of(a), kdm_str_of(b));
}

START_TEST(distance_counts_slips_of_the_hand)
{
    ck_assert_uint_eq(distance("port", "port"), 0);
    ck_assert_uint_eq(distance("prot", "port"), 1);
    ck_assert_uint_eq(distance("por", "port"), 1);
    ck_assert_uint_eq(distance("sport", "port"), 1);
    ck_assert_uint_eq(distance("pXrt", "port"), 1);
    ck_assert_uint_eq(distance("", "port"), 4);
    ck_assert_uint_eq(distance("kitten", "sitting"), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("str");
    TCase *tcase = tcase_create("str");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, no_text_differs_from_the_empty_text_only_by_asking);
    tcase_add_test(tcase, equal_texts_have_the_same_bytes_also_behind_a_nul);
    tcase_add_test(tcase, every_text_starts_with_nothing);
    tcase_add_test(tcase, order_is_by_bytes_and_then_by_length);
    tcase_add_test(tcase, words_end_at_a_blank_or_at_the_end);
    tcase_add_test(tcase, an_integer_is_read_to_its_very_limits);
    tcase_add_test(tcase, what_is_no_integer_leaves_the_result_alone);
    tcase_add_test(tcase, upper_and_lower_case_are_alike_when_asked_for);
    tcase_add_test(tcase, a_part_is_found_wherever_it_is);
    tcase_add_test(tcase, blanks_go_from_both_ends);
    tcase_add_test(tcase, bytes_are_told_in_hexadecimal_digits);
    tcase_add_test(tcase, distance_counts_slips_of_the_hand);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
