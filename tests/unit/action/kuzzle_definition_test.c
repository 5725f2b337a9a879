/* kuzzle_definition_test.c - what a collection is made of, and how it may change. */
#include "action/kuzzle/collection_definition.h"
#include <check.h>
#include <stdlib.h>

static struct kdm_arena arena;
static struct kdm_failure failure;
static const struct kdm_common_mapping nothing_common = { .dynamic = KDM_STR("false"),
                                                          .properties = KDM_STR("{}") };

static void setup(void)
{
    kdm_arena_init(&arena, 16384);
    failure.err = KDM_OK;
}

static void teardown(void)
{
    kdm_arena_fini(&arena);
}

static struct kdm_val parse(const char *text)
{
    return text == NULL ? KDM_VAL_NONE : kdm_json_parse(&arena, kdm_str_of(text));
}

static const char *text_of(struct kdm_str s)
{
    return kdm_arena_copy(&arena, s).ptr;
}

/* NULL: refused. */
static const char *create_with(const struct kdm_common_mapping *common, const char *mappings,
                               const char *settings)
{
    struct kdm_str definition;

    if (!kdm_definition_create(&arena, common, parse(mappings), parse(settings), &definition,
                               &failure))
        return NULL;
    return text_of(definition);
}

static const char *create(const char *mappings, const char *settings)
{
    return create_with(&nothing_common, mappings, settings);
}

/* What `definition` becomes; NULL: refused. */
static const char *update(const char *definition, const char *mappings, const char *settings,
                          bool *ret_changed)
{
    struct kdm_val old = kdm_val_get(parse(definition), KDM_STR("mappings"));
    struct kdm_mapping *mapping = kdm_mapping_create(&arena, old, &failure);
    struct kdm_str result = KDM_STR_NONE;
    bool good;

    ck_assert_ptr_nonnull(mapping);
    good = kdm_definition_update(&arena, mapping, kdm_str_of(definition), parse(mappings),
                                 parse(settings), &result, ret_changed, &failure);
    kdm_mapping_unref(mapping);
    return good ? text_of(result) : NULL;
}

static const char *show(const char *settings)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 64);
    kdm_settings_show(&arena, parse(settings), &buf);
    return text_of(kdm_buf_str(&buf));
}

/* --- new ones ----------------------------------------------------------------------------------
 */

START_TEST(a_collection_of_nothing_is_not_dynamic)
{
    ck_assert_str_eq(create(NULL, NULL),
                     "{\"mappings\":{\"dynamic\":\"false\",\"properties\":{}},\"settings\":{}}");
    ck_assert_str_eq(create("{}", "{}"), create(NULL, NULL));
}
END_TEST

START_TEST(the_common_mapping_wins_over_the_clients_properties_and_yields_its_dynamic)
{
    const struct kdm_common_mapping common = { .dynamic = KDM_STR("strict"),
                                               .properties =
                                                   KDM_STR("{\"c\":{\"type\":\"keyword\"}}") };

    ck_assert_str_eq(
        create_with(&common, NULL, NULL),
        "{\"mappings\":{\"dynamic\":\"strict\",\"properties\":{\"c\":{\"type\":\"keyword\"}}},"
        "\"settings\":{}}");
    ck_assert_str_eq(
        create_with(&common,
                    "{\"dynamic\":true,\"properties\":{\"a\":{\"type\":\"long\"},"
                    "\"c\":{\"type\":\"date\"}}}",
                    NULL),
        "{\"mappings\":{\"dynamic\":\"true\",\"properties\":{\"a\":{\"type\":\"long\"},"
        "\"c\":{\"type\":\"keyword\"}}},\"settings\":{}}");
}
END_TEST

START_TEST(wrong_properties_are_not_hidden_by_the_common_mapping)
{
    const struct kdm_common_mapping common = { .dynamic = KDM_STR("false"),
                                               .properties =
                                                   KDM_STR("{\"c\":{\"type\":\"keyword\"}}") };

    ck_assert_ptr_null(create_with(&common, "{\"properties\":5}", NULL));
    ck_assert_int_eq(failure.status, 400);
}
END_TEST

START_TEST(a_wrong_mapping_is_refused)
{
    ck_assert_ptr_null(create("{\"nonsense\":1}", NULL));
    ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING);
    ck_assert_ptr_null(create("{\"properties\":{\"a\":{\"type\":\"nonsense\"}}}", NULL));
    ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING_TYPE);
}
END_TEST

START_TEST(settings_lose_their_index_around_and_before_them)
{
    ck_assert_str_eq(
        create(NULL, "{\"index\":{\"number_of_shards\":2},\"index.number_of_replicas\":\"0\"}"),
        "{\"mappings\":{\"dynamic\":\"false\",\"properties\":{}},"
        "\"settings\":{\"number_of_shards\":2,\"number_of_replicas\":\"0\"}}");
}
END_TEST

START_TEST(unknown_and_senseless_settings_are_refused)
{
    static const char *const refused[] = { "{\"nonsense\":1}",
                                           "{\"index\":{\"nonsense\":1}}",
                                           "{\"index.nonsense.deep\":1}",
                                           "{\"\":1}",
                                           "{\"number_of_shards\":0}",
                                           "{\"number_of_shards\":1.5}",
                                           "{\"number_of_shards\":\"many\"}",
                                           "{\"number_of_shards\":{}}",
                                           "{\"number_of_replicas\":-1}",
                                           "{\"number_of_replicas\":true}",
                                           "{\"index\":{\"index\":{\"number_of_shards\":1}}}" };

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        ck_assert_msg(create(NULL, refused[i]) == NULL, "%s", refused[i]);
        ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST);
    }
}
END_TEST

/* --- changes ------------------------------------------------------------------------------------
 */

START_TEST(an_update_merges_both_halves)
{
    const char *old =
        create("{\"properties\":{\"a\":{\"type\":\"long\"}}}", "{\"number_of_replicas\":1}");
    bool changed = false;

    ck_assert_str_eq(
        update(old, "{\"dynamic\":\"strict\",\"properties\":{\"b\":{\"type\":\"date\"}}}",
               "{\"refresh_interval\":\"5s\"}", &changed),
        "{\"mappings\":{\"dynamic\":\"strict\",\"properties\":{\"a\":{\"type\":\"long\"},"
        "\"b\":{\"type\":\"date\"}}},"
        "\"settings\":{\"number_of_replicas\":1,\"refresh_interval\":\"5s\"}}");
    ck_assert(changed);
}
END_TEST

START_TEST(an_update_that_changes_nothing_says_so)
{
    const char *old =
        create("{\"properties\":{\"a\":{\"type\":\"long\"}}}", "{\"number_of_replicas\":1}");
    bool changed = true;

    ck_assert_str_eq(update(old, "{\"properties\":{\"a\":{\"type\":\"long\"}}}",
                            "{\"number_of_replicas\":1}", &changed),
                     old);
    ck_assert(!changed);
    changed = true;
    ck_assert_str_eq(update(old, NULL, NULL, &changed), old);
    ck_assert(!changed);
    ck_assert_ptr_nonnull(update(old, NULL, "{\"number_of_replicas\":2}", &changed));
    ck_assert(changed);
}
END_TEST

START_TEST(a_fields_type_and_the_number_of_shards_stay)
{
    const char *old =
        create("{\"properties\":{\"a\":{\"type\":\"long\"}}}", "{\"number_of_shards\":3}");
    const char *usual = create(NULL, NULL);
    bool changed;

    ck_assert_ptr_null(update(old, "{\"properties\":{\"a\":{\"type\":\"date\"}}}", NULL, &changed));
    ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_CANNOT_CHANGE_MAPPING);
    ck_assert_ptr_null(update(old, NULL, "{\"number_of_shards\":4}", &changed));
    ck_assert_ptr_null(update(usual, NULL, "{\"number_of_shards\":2}", &changed));
    ck_assert_ptr_nonnull(update(old, NULL, "{\"number_of_shards\":\"3\"}", &changed));
    ck_assert_ptr_nonnull(update(usual, NULL, "{\"number_of_shards\":1}", &changed));
}
END_TEST

/* --- showing ------------------------------------------------------------------------------------
 */

START_TEST(settings_are_shown_as_texts_with_the_usual_ones)
{
    ck_assert_str_eq(show(NULL), "{\"number_of_shards\":\"1\",\"number_of_replicas\":\"1\"}");
    ck_assert_str_eq(
        show("{\"number_of_replicas\":2,\"blocks\":{\"read\":false},\"codec\":null,"
             "\"analysis\":{\"a\":[1,\"x\",null,{\"b\":0.1}]}}"),
        "{\"number_of_shards\":\"1\",\"number_of_replicas\":\"2\",\"blocks\":{\"read\":\"false\"},"
        "\"analysis\":{\"a\":[\"1\",\"x\",null,{\"b\":\"0.1\"}]}}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("collection definition");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_collection_of_nothing_is_not_dynamic);
    tcase_add_test(tcase,
                   the_common_mapping_wins_over_the_clients_properties_and_yields_its_dynamic);
    tcase_add_test(tcase, wrong_properties_are_not_hidden_by_the_common_mapping);
    tcase_add_test(tcase, a_wrong_mapping_is_refused);
    tcase_add_test(tcase, settings_lose_their_index_around_and_before_them);
    tcase_add_test(tcase, unknown_and_senseless_settings_are_refused);
    tcase_add_test(tcase, an_update_merges_both_halves);
    tcase_add_test(tcase, an_update_that_changes_nothing_says_so);
    tcase_add_test(tcase, a_fields_type_and_the_number_of_shards_stay);
    tcase_add_test(tcase, settings_are_shown_as_texts_with_the_usual_ones);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
