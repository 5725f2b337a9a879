/* brute_test.c - guessing gets slow, and stays possible for the owner. */
#include "security/brute.h"
#include "../suite.h"
#include <stdlib.h>

static struct kdm_brute *brute;

static void set_up(void)
{
    const struct kdm_hash_seed seed = { 1, 2 };

    brute = kdm_brute_create(&seed);
}

static void tear_down(void)
{
    kdm_brute_destroy(brute);
}

/* How many of `count` wrong guesses, one each `step_ms` from `from_ms` on, are looked at. */
static int guesses(struct kdm_str name, int64_t from_ms, int64_t step_ms, int count)
{
    int looked_at = 0;
    bool slow;

    for (int i = 0; i < count; i++) {
        if (!kdm_brute_allows(brute, name, from_ms + i * step_ms, &slow))
            continue;
        looked_at++;
        kdm_brute_failed(brute, name, from_ms + i * step_ms);
    }
    return looked_at;
}

START_TEST(the_first_ten_in_a_minute_are_free)
{
    ck_assert_int_eq(guesses(KDM_STR("me"), 100000, 1, 10), 10);
    ck_assert_int_eq(guesses(KDM_STR("me"), 100011, 1, 1000), 0);
}
END_TEST

START_TEST(then_one_in_two_seconds)
{
    guesses(KDM_STR("me"), 100000, 1, 10);
    ck_assert_int_le(guesses(KDM_STR("me"), 102100, 100, 500), 25);
    ck_assert_int_ge(guesses(KDM_STR("you"), 102100, 100, 10), 10);
}
END_TEST

START_TEST(a_minute_later_it_begins_anew)
{
    guesses(KDM_STR("me"), 100000, 1, 100);
    ck_assert_int_eq(guesses(KDM_STR("me"), 160001, 1, 10), 10);
}
END_TEST

START_TEST(of_many_at_once_ten_are_answered)
{
    const struct kdm_str me = KDM_STR("me");
    int told = 0;
    bool slow;

    for (int i = 0; i < 100; i++)
        ck_assert(kdm_brute_allows(brute, me, 100000, &slow) && !slow);
    for (int i = 0; i < 100; i++) {
        if (!kdm_brute_tells(brute, me, false))
            continue;
        told++;
        kdm_brute_failed(brute, me, 100010);
    }
    ck_assert_int_eq(told, 10);
    ck_assert(kdm_brute_allows(brute, me, 102000, &slow) && slow);
    ck_assert(kdm_brute_tells(brute, me, slow));
}
END_TEST

START_TEST(who_gets_it_right_is_forgiven)
{
    bool slow;

    guesses(KDM_STR("me"), 100000, 1, 10);
    ck_assert(kdm_brute_allows(brute, KDM_STR("me"), 103000, &slow));
    kdm_brute_succeeded(brute, KDM_STR("me"));
    ck_assert_int_eq(guesses(KDM_STR("me"), 103001, 1, 20), 10);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        the_first_ten_in_a_minute_are_free, then_one_in_two_seconds,
        a_minute_later_it_begins_anew,      of_many_at_once_ten_are_answered,
        who_gets_it_right_is_forgiven,
    };

    return RUN("brute", tests, set_up, tear_down);
}
