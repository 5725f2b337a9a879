/* facts_test.c - what a transaction remembers of catalogue and figures, also when it is much. */
#include "tenant.h"

/* Names of collections that a request made up. */
enum { MANY = 20000 };

/* Looks for all of them before it waits for the first. */
static enum kdm_outcome look_for_many(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *found;
    int missing = 0;
    bool all = true;

    (void)ctx;
    for (int i = 0; i < MANY; i++) {
        struct kdm_str name = kdm_arena_printf(kdm_tx_arena(tx), "c%d", i);

        if (!kdm_tx_find_collection(tx, INDEX, name, &found))
            all = false;
        else
            missing += found == NULL;
    }
    if (!all || !kdm_tx_find_collection(tx, INDEX, COLL, &found))
        return KDM_WAIT;
    return kdm_tx_reply(tx, kdm_arena_printf(kdm_tx_arena(tx), "%d %s", missing,
                                             found != NULL ? "and one" : "and none"));
}

START_TEST(thousands_of_names_in_one_request_do_not_hold_up_the_others)
{
    struct run run;
    clock_t began = clock();

    run_now(&run, &node, &loop, look_for_many, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    ck_assert_str_eq(run.result, "20000 and one");
    /* Compared with one another they would take several times as long, also without sanitizers. */
    ck_assert_int_lt((clock() - began) / CLOCKS_PER_SEC, 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("facts");
    TCase *tcase = tcase_create("facts");

    tcase_add_checked_fixture(tcase, tenant_setup, tenant_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, thousands_of_names_in_one_request_do_not_hold_up_the_others);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
