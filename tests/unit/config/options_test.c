/* options_test.c - the table itself, and names near to a typo. */
#include "config/options.h"
#include "config/value.h"
#include <check.h>
#include <stdlib.h>

static void assert_nearest(const char *asked, const char *expected)
{
    struct kdm_str nearest = kdm_option_nearest(asked);

    ck_assert_msg(kdm_str_eq(nearest, kdm_str_of(expected)), "%s: " KDM_FMT, asked,
                  KDM_ARG(nearest));
}

START_TEST(each_default_is_valid_and_normal)
{
    for (size_t i = 0; i < kdm_option_count; i++) {
        const struct kdm_option *option = &kdm_options[i];
        json_t *initial = json_loads(option->initial, JSON_DECODE_ANY, NULL), *normal;

        ck_assert_ptr_nonnull(initial);
        if (json_is_null(initial)) {
            ck_assert_msg(option->optional, "%s", option->path);
        } else {
            normal = kdm_value_normal(option, initial);
            ck_assert_msg(json_equal(normal, initial), "%s", option->path);
            json_decref(normal);
        }
        json_decref(initial);
    }
}
END_TEST

START_TEST(each_option_has_a_name_of_its_own_and_a_help)
{
    for (size_t i = 0; i < kdm_option_count; i++) {
        const struct kdm_option *found;
        const char *why;

        ck_assert_ptr_nonnull(kdm_options[i].help);
        ck_assert_int_eq(kdm_option_find(kdm_options[i].path, &found, &why), KDM_OPTION_KNOWN);
        ck_assert_ptr_eq(found, &kdm_options[i]);
        ck_assert(kdm_options[i].type != KDM_OPTION_ENUM || kdm_options[i].words != NULL);
        ck_assert_int_eq(kdm_options[i].flag == NULL, kdm_options[i].env == NULL);
    }
}
END_TEST

START_TEST(names_are_told_apart)
{
    const struct kdm_option *option = NULL;
    const char *why = NULL;

    ck_assert_int_eq(kdm_option_find("limits", &option, &why), KDM_OPTION_SECTION);
    ck_assert_int_eq(kdm_option_find("security.jwt", &option, &why), KDM_OPTION_SECTION);
    ck_assert_int_eq(kdm_option_find("cluster", &option, &why), KDM_OPTION_IGNORED);
    ck_assert_int_eq(kdm_option_find("cluster.ports.sync", &option, &why), KDM_OPTION_IGNORED);
    ck_assert_int_eq(kdm_option_find("clusters", &option, &why), KDM_OPTION_UNKNOWN);
    ck_assert_int_eq(kdm_option_find("limit", &option, &why), KDM_OPTION_UNKNOWN);
    ck_assert_int_eq(kdm_option_find("", &option, &why), KDM_OPTION_UNKNOWN);
    ck_assert_int_eq(kdm_option_find("plugins.my-plugin", &option, &why), KDM_OPTION_PLUGIN);
    ck_assert_int_eq(kdm_option_find("plugins.device-manger", &option, &why), KDM_OPTION_UNKNOWN);
    ck_assert_int_eq(kdm_option_find("plugins.device-manager.x", &option, &why),
                     KDM_OPTION_UNKNOWN);
    ck_assert_int_eq(kdm_option_find("security.jwt.expiresIn", &option, &why), KDM_OPTION_ALIAS);
    ck_assert_str_eq(option->path, "security.authToken.expiresIn");
    ck_assert_int_eq(kdm_option_find("http.maxEncodingLayers", &option, &why), KDM_OPTION_ALIAS);
    ck_assert_str_eq(option->path, "server.protocols.http.maxEncodingLayers");
}
END_TEST

START_TEST(the_nearest_name_is_the_one_that_was_meant)
{
    char endless[4096];

    assert_nearest("limits.documentWriteCount", "limits.documentsWriteCount");
    assert_nearest("documentsWriteCount", "limits.documentsWriteCount");
    assert_nearest("limit", "limits");
    assert_nearest("server.prot", "server.port");
    assert_nearest("service.storageEngine", "services.storageEngine");
    assert_nearest("plugins.device-manger", "plugins.device-manager");
    assert_nearest("plugins.device-manager.adminindex", "plugins.device-manager.adminIndex");
    ck_assert_str_eq(kdm_option_nearest_flag("--dta"), "--data");
    ck_assert_str_eq(kdm_option_nearest_flag("--halp"), "--help");
    ck_assert_str_eq(kdm_option_nearest_env("KDM_RDIS"), "KDM_REDIS");

    memset(endless, 'x', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    ck_assert(kdm_option_nearest(endless).len > 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("options");
    TCase *tests = tcase_create("options");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, each_default_is_valid_and_normal);
    tcase_add_test(tests, each_option_has_a_name_of_its_own_and_a_help);
    tcase_add_test(tests, names_are_told_apart);
    tcase_add_test(tests, the_nearest_name_is_the_one_that_was_meant);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
