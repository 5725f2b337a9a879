/* id_test.c - identifiers: their form, and that they differ. */
#include "base/id.h"
#include <check.h>
#include <ctype.h>
#include <stdlib.h>

static struct kdm_random source;

START_TEST(random_bytes_come_in_any_length_and_differ)
{
    unsigned char one[10000] = { 0 }, two[10000] = { 0 };

    for (size_t len = 32; len <= sizeof(one); len += 997) {
        kdm_random_fill(&source, one, len);
        kdm_random_fill(&source, two, len);
        ck_assert_mem_ne(one, two, len);
    }
    kdm_random_fill(&source, one, 0);
    ck_assert_uint_ne(kdm_random_u64(&source), kdm_random_u64(&source));
}
END_TEST

START_TEST(bytes_that_were_given_out_are_wiped)
{
    unsigned char bytes[64], zeros[64] = { 0 };

    kdm_random_fill(&source, bytes, sizeof(bytes));
    ck_assert_mem_eq(source.bytes + source.left, zeros, sizeof(zeros));
}
END_TEST

START_TEST(a_uuid_is_version_4)
{
    for (int round = 0; round < 1000; round++) {
        char text[KDM_UUID_LEN];

        kdm_uuid(&source, text);
        for (int i = 0; i < KDM_UUID_LEN; i++) {
            if (i == 8 || i == 13 || i == 18 || i == 23)
                ck_assert_int_eq(text[i], '-');
            else
                ck_assert(isdigit(text[i]) || (text[i] >= 'a' && text[i] <= 'f'));
        }
        ck_assert_int_eq(text[14], '4');
        ck_assert_ptr_nonnull(memchr("89ab", text[19], 4));
    }
}
END_TEST

START_TEST(a_document_id_starts_with_a_letter_or_digit)
{
    char last[KDM_DOC_ID_LEN] = { 0 };

    for (int round = 0; round < 5000; round++) {
        char text[KDM_DOC_ID_LEN];

        kdm_doc_id(&source, text);
        ck_assert(isalnum(text[0]));
        for (int i = 0; i < KDM_DOC_ID_LEN; i++)
            ck_assert(isalnum(text[i]) || text[i] == '-' || text[i] == '_');
        ck_assert_mem_ne(text, last, KDM_DOC_ID_LEN);
        memcpy(last, text, KDM_DOC_ID_LEN);
    }
}
END_TEST

START_TEST(a_friendly_id_has_two_words_and_a_number)
{
    struct kdm_arena arena;

    kdm_arena_init(&arena, 1024);
    for (int round = 0; round < 1000; round++) {
        struct kdm_str id = kdm_friendly_id(&source, &arena, "knode");
        const char *number = strrchr(id.ptr, '-') + 1;
        long long value;

        ck_assert(kdm_str_starts(id, KDM_STR("knode-")));
        ck_assert(kdm_str_int64(kdm_str_of(number), &value) && value >= 0 && value < 100000);
        ck_assert_ptr_ne(strchr(id.ptr + 6, '-') + 1, number);
    }
    kdm_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("id");
    TCase *tcase = tcase_create("id");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, random_bytes_come_in_any_length_and_differ);
    tcase_add_test(tcase, bytes_that_were_given_out_are_wiped);
    tcase_add_test(tcase, a_uuid_is_version_4);
    tcase_add_test(tcase, a_document_id_starts_with_a_letter_or_digit);
    tcase_add_test(tcase, a_friendly_id_has_two_words_and_a_number);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
