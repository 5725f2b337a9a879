/* err_test.c - rows and failures, over the generated table. */
#include "base/err.h"
#include <check.h>
#include <signal.h>
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

START_TEST(every_row_is_found_by_its_wire_id)
{
    for (size_t i = 1; i < kdm_err_row_count; i++) {
        const struct kdm_err_row *row = kdm_err_row((enum kdm_err)i);

        ck_assert_ptr_nonnull(row->name);
        ck_assert_ptr_nonnull(row->text);
        ck_assert_uint_ge(row->status, 200);
        ck_assert_uint_lt(row->status, 600);
        if (row->id != NULL)
            ck_assert_uint_eq(kdm_err_by_id(kdm_str_of(row->id)), i);
    }
    ck_assert_int_eq(kdm_err_by_id(KDM_STR("no.such.error")), KDM_OK);
    ck_assert_int_eq(kdm_err_by_id(KDM_STR_NONE), KDM_OK);
}
END_TEST

START_TEST(a_failure_takes_its_status_from_the_row_and_copies_the_props)
{
    char id[] = "doc-1";
    struct kdm_failure failure;

    kdm_failure_set(&failure, &arena, KDM_ERR_SERVICES_STORAGE_NOT_FOUND,
                    KDM_PROPS(kdm_str_of(id), KDM_STR("index"), KDM_STR("collection")));
    memset(id, 'x', 5);
    ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_NOT_FOUND);
    ck_assert_uint_eq(failure.status, 404);
    ck_assert_uint_eq(failure.prop_count, 3);
    ck_assert(kdm_str_eq(failure.props[0], KDM_STR("doc-1")));
    ck_assert_ptr_nonnull(memmem(failure.message.ptr, failure.message.len, "doc-1", 5));
    ck_assert_ptr_null(memchr(failure.message.ptr, '%', failure.message.len));
    ck_assert(kdm_str_none(failure.id));
    ck_assert(kdm_str_none(failure.extra));
}
END_TEST

START_TEST(missing_props_leave_no_placeholder_in_the_text)
{
    struct kdm_failure failure;

    kdm_failure_set(&failure, &arena, KDM_ERR_SERVICES_STORAGE_NOT_FOUND, NULL, 0);
    ck_assert_ptr_null(memchr(failure.message.ptr, '%', failure.message.len));
}
END_TEST

START_TEST(a_prop_that_looks_like_a_placeholder_is_not_replaced_again)
{
    struct kdm_failure failure;

    kdm_failure_set(&failure, &arena, KDM_ERR_SERVICES_STORAGE_NOT_FOUND,
                    KDM_PROPS(KDM_STR("%2"), KDM_STR("index"), KDM_STR("c")));
    ck_assert_ptr_nonnull(memmem(failure.message.ptr, failure.message.len, "%2", 2));
}
END_TEST

START_TEST(success_has_no_row)
{
    kdm_err_row(KDM_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("err");
    TCase *tcase = tcase_create("err");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_row_is_found_by_its_wire_id);
    tcase_add_test(tcase, a_failure_takes_its_status_from_the_row_and_copies_the_props);
    tcase_add_test(tcase, missing_props_leave_no_placeholder_in_the_text);
    tcase_add_test(tcase, a_prop_that_looks_like_a_placeholder_is_not_replaced_again);
    tcase_add_test_raise_signal(tcase, success_has_no_row, SIGABRT);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
