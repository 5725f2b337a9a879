/* kuzzle_security_test.c - what is left of a user who loses a profile, and what is stored of a
 * body. */
#include "../texts.h"
#include "action/kuzzle/security.h"
#include "action/kuzzle/security_delete.h"

START_TEST(a_profile_is_taken_away_wherever_it_stands_and_the_rest_stays)
{
    struct kdm_val user =
        parse("{\"name\":\"n\",\"profileIds\":[\"a\",\"b\",\"\\u0061\",\"c\"],\"z\":[1.0]}");

    assert_text(kdm_security_user_without(&arena, user, KDM_STR("a")),
                "{\"name\":\"n\",\"profileIds\":[\"b\",\"c\"],\"z\":[1.0]}");
    assert_text(kdm_security_user_without(&arena, user, KDM_STR("other")),
                "{\"name\":\"n\",\"profileIds\":[\"a\",\"b\",\"\\u0061\",\"c\"],\"z\":[1.0]}");
}
END_TEST

START_TEST(who_has_no_profile_left_is_as_anonymous)
{
    assert_text(
        kdm_security_user_without(&arena, parse("{\"profileIds\":[\"a\",\"a\"]}"), KDM_STR("a")),
        "{\"profileIds\":[\"anonymous\"]}");
}
END_TEST

START_TEST(what_the_server_says_of_a_document_is_not_taken_from_a_client)
{
    struct kdm_val body = parse(
        "{\"_id\":1, "
        "\"a\":{\"_id\":2},\"\\u005fkuzzle_info\":{},\"optimizedPolicies\":[],\"a\":{\"_id\":3}}");

    assert_text(kdm_val_text(kdm_security_content(&arena, body, KDM_STR("optimizedPolicies"))),
                "{\"a\":{\"_id\":3}}");
    assert_text(kdm_val_text(kdm_security_content(&arena, body, KDM_STR_NONE)),
                "{\"a\":{\"_id\":3},\"optimizedPolicies\":[]}");
    assert_text(kdm_val_text(kdm_security_content(&arena, KDM_VAL_NONE, KDM_STR_NONE)), "{}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("security");
    TCase *tcase = tcase_create("security");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_add_test(tcase, a_profile_is_taken_away_wherever_it_stands_and_the_rest_stays);
    tcase_add_test(tcase, who_has_no_profile_left_is_as_anonymous);
    tcase_add_test(tcase, what_the_server_says_of_a_document_is_not_taken_from_a_client);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
