/* find_test.c - searches that a transaction decides on. */
#include "tenant.h"

#define PAIRS 15

/* Takes the next free number: a decision on how many there are. */
static enum kdm_outcome take_number(struct kdm_tx *tx, void *ctx)
{
    const bool *checked = ctx;
    struct kdm_find_request request = { .count = 1, .bare = true };
    struct kdm_collection *assets;
    const struct kdm_found *found;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    request.collections = &assets;
    if (!kdm_tx_find(tx, KDM_STR("all"), *checked, &request, &found))
        return KDM_WAIT;
    kdm_tx_create(
        tx, assets,
        kdm_arena_printf(kdm_tx_arena(tx), "number-%llu", (unsigned long long)found->total),
        KDM_STR("{\"n\":1}"), 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

static enum kdm_outcome count_all(struct kdm_tx *tx, void *ctx)
{
    struct kdm_find_request request = { .count = 1, .body = kdm_str_of(ctx) };
    struct kdm_collection *assets;
    const struct kdm_found *found;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    request.collections = &assets;
    if (!kdm_tx_find(tx, KDM_STR("count"), false, &request, &found))
        return KDM_WAIT;
    return kdm_tx_reply(
        tx, kdm_arena_printf(kdm_tx_arena(tx), "%llu", (unsigned long long)found->total));
}

/* Two on two nodes at once, many times; how many failed. */
static int take_numbers(bool checked)
{
    int failed = 0;

    for (int i = 0; i < PAIRS; i++) {
        struct run runs[2];

        run_begin(&runs[0], &node, take_number, &checked);
        run_begin(&runs[1], &other, take_number, &checked);
        for (int r = 0; r < 2; r++) {
            run_end(&runs[r], &loop);
            failed += runs[r].err != KDM_OK;
        }
    }
    return failed;
}

START_TEST(a_decision_on_what_was_found_holds_until_the_commit)
{
    struct run run;

    ck_assert_int_eq(take_numbers(true), 0);
    run_now(&run, &other, &loop, count_all, "{}");
    ck_assert_str_eq(run.result, "30");
}
END_TEST

START_TEST(unless_it_is_not_checked)
{
    ck_assert_int_gt(take_numbers(false), 0); /* or the test above shows nothing */
}
END_TEST

START_TEST(what_is_wrong_with_a_search_is_the_transactions_failure)
{
    struct run run;

    run_now(&run, &node, &loop, count_all, "{\"query\":{\"nothing_such\":{}}}");
    ck_assert_int_eq(run.err, KDM_ERR_SERVICES_STORAGE_UNKNOWN_QUERY_KEYWORD);
    ck_assert_int_eq(run.status, 400);
    ck_assert_ptr_nonnull(strstr(run.message, "nothing_such"));
}
END_TEST

START_TEST(a_collection_that_was_emptied_elsewhere_is_looked_up_again)
{
    struct run run;

    for (int i = 0; i < 10; i++) {
        have_doc("a");
        run_now(&run, &other, &loop, count_all, "{}");
        ck_assert_str_eq(run.result, "1");
        run_now(&run, &node, &loop, empty_collection, NULL);
        run_now(&run, &other, &loop, count_all, "{}");
        ck_assert_str_eq(run.result, "0");
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tx find");
    TCase *tests = tcase_create("find");

    tcase_add_checked_fixture(tests, tenant_setup, tenant_teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_decision_on_what_was_found_holds_until_the_commit);
    tcase_add_test(tests, unless_it_is_not_checked);
    tcase_add_test(tests, what_is_wrong_with_a_search_is_the_transactions_failure);
    tcase_add_test(tests, a_collection_that_was_emptied_elsewhere_is_looked_up_again);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
