/* hash_test.c - SipHash-1-3 and the table. */
#include "base/arena.h"
#include "base/hash.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static const struct kdm_hash_seed zero_seed, seed = { 1, 2 };

/* What CPython 3.11 says with PYTHONHASHSEED=0, which is the same function with a zero key. */
START_TEST(the_hash_is_siphash_1_3)
{
    ck_assert_uint_eq(kdm_hash(&zero_seed, KDM_STR("a")), UINT64_C(0x407448d2b89b1813));
    ck_assert_uint_eq(kdm_hash(&zero_seed, KDM_STR("12345678")), UINT64_C(0x3489982430560a87));
    ck_assert_uint_eq(kdm_hash(&zero_seed, KDM_STR("document:create")),
                      UINT64_C(0xc548c322b8684554));
    ck_assert_uint_eq(kdm_hash(&zero_seed, KDM_STR("The quick brown fox jumps over the lazy dog")),
                      UINT64_C(0x8df676d3d00c451e));
}
END_TEST

START_TEST(another_seed_is_another_hash)
{
    ck_assert_uint_ne(kdm_hash(&zero_seed, KDM_STR("a")), kdm_hash(&seed, KDM_STR("a")));
}
END_TEST

START_TEST(an_empty_table_has_nothing)
{
    struct kdm_table *table = kdm_table_create(&seed);

    ck_assert_ptr_null(kdm_table_get(table, KDM_STR("a")));
    ck_assert_ptr_null(kdm_table_remove(table, KDM_STR("a")));
    ck_assert_uint_eq(kdm_table_count(table), 0);
    kdm_table_destroy(table, NULL);
    kdm_table_destroy(NULL, NULL);
}
END_TEST

START_TEST(keys_are_copied_and_may_hold_nul)
{
    struct kdm_table *table = kdm_table_create(&seed);
    char key[3] = { 'a', 0, 'b' };
    int one, two;

    ck_assert_ptr_null(kdm_table_put(table, (struct kdm_str){ key, 3 }, &one));
    key[2] = 'c';
    ck_assert_ptr_null(kdm_table_put(table, (struct kdm_str){ key, 3 }, &two));
    ck_assert_ptr_eq(kdm_table_get(table, KDM_STR("a\0b")), &one);
    ck_assert_ptr_eq(kdm_table_get(table, KDM_STR("a\0c")), &two);
    ck_assert_ptr_null(kdm_table_get(table, KDM_STR("a")));
    ck_assert_ptr_eq(kdm_table_put(table, KDM_STR("a\0b"), &two), &one);
    ck_assert_ptr_null(kdm_table_put(table, KDM_STR(""), &one));
    ck_assert_ptr_eq(kdm_table_get(table, KDM_STR("")), &one);
    kdm_table_destroy(table, NULL);
}
END_TEST

/* A table against an array, over many random puts and removals. */
START_TEST(a_table_forgets_only_what_is_removed)
{
    enum { KEYS = 3000 };
    static char values[KEYS];
    static bool present[KEYS];
    struct kdm_table *table = kdm_table_create(&seed);
    size_t count = 0;

    srand(1);
    for (int round = 0; round < 60000; round++) {
        int n = rand() % KEYS;
        char key[16];
        struct kdm_str name = { key, (size_t)snprintf(key, sizeof(key), "key%d", n) };
        void *old;

        if (rand() % 2 == 0) {
            old = kdm_table_put(table, name, &values[n]);
            count += !present[n];
        } else {
            old = kdm_table_remove(table, name);
            count -= present[n];
        }
        ck_assert_ptr_eq(old, present[n] ? &values[n] : NULL);
        present[n] = kdm_table_get(table, name) != NULL;
        ck_assert_uint_eq(kdm_table_count(table), count);
    }
    kdm_table_destroy(table, NULL);
}
END_TEST

START_TEST(a_walk_meets_every_entry_once)
{
    struct kdm_table *table = kdm_table_create(&seed);
    int met[100] = { 0 };
    struct kdm_str key;
    size_t cursor = 0;
    void *value;

    for (int i = 0; i < 100; i++) {
        char name[16];

        kdm_table_put(table, (struct kdm_str){ name, (size_t)snprintf(name, 16, "%d", i) },
                      &met[i]);
    }
    while (kdm_table_next(table, &cursor, &key, &value)) {
        (*(int *)value)++;
        ck_assert_ptr_eq(kdm_table_get(table, key), value);
    }
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(met[i], 1);
    kdm_table_destroy(table, NULL);
}
END_TEST

START_TEST(destroy_frees_the_values_when_asked)
{
    struct kdm_table *table = kdm_table_create(&seed);

    kdm_table_put(table, KDM_STR("a"), kdm_malloc(10)); /* the leak checker sees the rest */
    kdm_table_put(table, KDM_STR("b"), kdm_malloc(10));
    kdm_table_destroy(table, free);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hash");
    TCase *tcase = tcase_create("hash");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, the_hash_is_siphash_1_3);
    tcase_add_test(tcase, another_seed_is_another_hash);
    tcase_add_test(tcase, an_empty_table_has_nothing);
    tcase_add_test(tcase, keys_are_copied_and_may_hold_nul);
    tcase_add_test(tcase, a_table_forgets_only_what_is_removed);
    tcase_add_test(tcase, a_walk_meets_every_entry_once);
    tcase_add_test(tcase, destroy_frees_the_values_when_asked);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
