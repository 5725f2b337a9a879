/* arena_test.c - the arena, small and large, kept and freed. */
#include "base/arena.h"
#include <check.h>
#include <stdint.h>
#include <stdlib.h>

static struct kdm_arena arena;

static void setup(void)
{
    kdm_arena_init(&arena, 1024);
}

static void teardown(void)
{
    kdm_arena_fini(&arena);
}

START_TEST(every_allocation_is_aligned_and_its_own)
{
    unsigned char *taken[500];

    for (size_t i = 0; i < 500; i++) {
        taken[i] = kdm_arena_alloc(&arena, i % 37);
        ck_assert_ptr_nonnull(taken[i]);
        ck_assert_uint_eq((uintptr_t)taken[i] % 8, 0);
        memset(taken[i], (int)(i & 255), i % 37);
    }
    for (size_t i = 0; i < 500; i++) {
        for (size_t k = 0; k < i % 37; k++)
            ck_assert_uint_eq(taken[i][k], i & 255);
    }
}
END_TEST

START_TEST(what_is_larger_than_a_chunk_fits_too)
{
    char *small = kdm_arena_alloc(&arena, 8);
    char *large = kdm_arena_alloc(&arena, 100000);
    char *after = kdm_arena_alloc(&arena, 8);

    memset(small, 1, 8);
    memset(large, 2, 100000);
    memset(after, 3, 8);
    ck_assert_int_eq(small[7], 1);
    ck_assert_int_eq(large[0], 2);
    ck_assert_int_eq(large[99999], 2);
}
END_TEST

static void note(void *ptr)
{
    const char **at = ptr;

    (*at)++;
}

static void expect_noted(void *ptr)
{
    const char **at = ptr;

    ck_assert_int_eq(**at, 'b'); /* the later one comes first */
}

START_TEST(what_is_to_be_called_at_the_end_is_called_once_the_latest_first)
{
    const char *at = "abc";

    kdm_arena_at_end(&arena, expect_noted, &at);
    kdm_arena_at_end(&arena, note, &at);
    kdm_arena_reset(&arena);
    ck_assert_int_eq(*at, 'b');
    kdm_arena_reset(&arena);
    kdm_arena_fini(&arena);
    ck_assert_int_eq(*at, 'b');
    kdm_arena_at_end(&arena, note, &at);
    kdm_arena_fini(&arena);
    ck_assert_int_eq(*at, 'c');
}
END_TEST

START_TEST(an_arena_serves_again_after_reset_and_after_fini)
{
    unsigned char *parts[100], expected[100];

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 100; i++) {
            parts[i] = kdm_arena_alloc(&arena, 100);
            memset(parts[i], round + i, 100);
        }
        for (int i = 0; i < 100; i++) { /* none lies on another */
            memset(expected, round + i, 100);
            ck_assert_mem_eq(parts[i], expected, 100);
        }
        if (round % 2 == 0)
            kdm_arena_reset(&arena);
        else
            kdm_arena_fini(&arena);
    }
    kdm_arena_reset(&arena);
    kdm_arena_reset(&arena);
}
END_TEST

START_TEST(zalloc_clears_what_was_used_before)
{
    static const char zeros[200];

    memset(kdm_arena_alloc(&arena, 200), 255, 200);
    kdm_arena_reset(&arena);
    ck_assert_mem_eq(kdm_arena_zalloc(&arena, 200), zeros, 200);
}
END_TEST

START_TEST(an_array_grows_and_keeps_what_it_holds)
{
    size_t *numbers = NULL;
    int moves = 0;

    for (size_t i = 0; i < 1000; i++) {
        size_t *before = numbers;

        numbers = kdm_arena_more(&arena, numbers, i, sizeof(*numbers));
        moves += numbers != before;
        numbers[i] = i;
    }
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(numbers[i], i);
    ck_assert_int_eq(moves, 8); /* to 8, 16, .., 1024 */
}
END_TEST

START_TEST(a_copy_ends_with_a_nul_that_does_not_count)
{
    struct kdm_str copy = kdm_arena_copy(&arena, KDM_STR("a\0b"));

    ck_assert_uint_eq(copy.len, 3);
    ck_assert_mem_eq(copy.ptr, "a\0b", 4);
    ck_assert(kdm_str_none(kdm_arena_copy(&arena, KDM_STR_NONE)));
    copy = kdm_arena_copy(&arena, KDM_STR(""));
    ck_assert(!kdm_str_none(copy));
    ck_assert_uint_eq(copy.len, 0);
}
END_TEST

START_TEST(an_array_doubles_and_keeps_what_it_has)
{
    uint32_t cap = 0, *numbers = NULL;

    for (uint32_t i = 0; i < 1000; i++) {
        if (i == cap)
            numbers = kdm_arena_double(&arena, numbers, &cap, 3, sizeof(*numbers));
        numbers[i] = i;
    }
    ck_assert_uint_eq(cap, 3 << 9);
    for (uint32_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(numbers[i], i);
}
END_TEST

START_TEST(a_copy_on_the_heap_is_the_same)
{
    struct kdm_str copy = kdm_heap_copy(KDM_STR("a\0b"));

    ck_assert_uint_eq(copy.len, 3);
    ck_assert_mem_eq(copy.ptr, "a\0b", 4);
    free((char *)copy.ptr);
    ck_assert(kdm_str_none(kdm_heap_copy(KDM_STR_NONE)));
}
END_TEST

START_TEST(printf_makes_texts_of_any_length)
{
    struct kdm_str text = kdm_arena_printf(&arena, "%s-%d", "x", 42);

    ck_assert(kdm_str_eq(text, KDM_STR("x-42")));
    ck_assert_int_eq(text.ptr[text.len], '\0');
    text = kdm_arena_printf(&arena, "%5000d", 1);
    ck_assert_uint_eq(text.len, 5000);
    ck_assert_int_eq(text.ptr[4999], '1');
}
END_TEST

START_TEST(the_heap_gives_something_for_zero_bytes_too)
{
    char *ptr = kdm_malloc(0);

    ck_assert_ptr_nonnull(ptr);
    ptr = kdm_realloc(ptr, 10);
    memset(ptr, 1, 10);
    free(ptr);
    ptr = kdm_zalloc(10);
    ck_assert_int_eq(ptr[9], 0);
    free(ptr);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("arena");
    TCase *tcase = tcase_create("arena");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_allocation_is_aligned_and_its_own);
    tcase_add_test(tcase, what_is_larger_than_a_chunk_fits_too);
    tcase_add_test(tcase, what_is_to_be_called_at_the_end_is_called_once_the_latest_first);
    tcase_add_test(tcase, an_arena_serves_again_after_reset_and_after_fini);
    tcase_add_test(tcase, zalloc_clears_what_was_used_before);
    tcase_add_test(tcase, an_array_grows_and_keeps_what_it_holds);
    tcase_add_test(tcase, a_copy_ends_with_a_nul_that_does_not_count);
    tcase_add_test(tcase, an_array_doubles_and_keeps_what_it_has);
    tcase_add_test(tcase, a_copy_on_the_heap_is_the_same);
    tcase_add_test(tcase, printf_makes_texts_of_any_length);
    tcase_add_test(tcase, the_heap_gives_something_for_zero_bytes_too);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
