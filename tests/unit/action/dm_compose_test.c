/* dm_compose_test.c - mappings out of models, and where models contradict each other. */
#include "action/device_manager/compose.h"
#include "action/device_manager/mappings.h"
#include <check.h>
#include <stdlib.h>

static struct kdm_arena arena;
static struct kdm_dm_additions none;

static void setup(void)
{
    kdm_arena_init(&arena, 65536);
    none = (struct kdm_dm_additions){ .engine_collections = KDM_VAL_NONE };
}

static void teardown(void)
{
    kdm_arena_fini(&arena);
}

static struct kdm_val json(struct kdm_str text)
{
    return kdm_json_parse(&arena, text);
}

static void assert_path(struct kdm_str mapping, const char *path, const char *expected)
{
    struct kdm_val val = kdm_val_path(json(mapping), kdm_str_of(path));
    struct kdm_str text = kdm_val_none(val) ? KDM_STR("nothing") : kdm_val_text(val);

    ck_assert_msg(kdm_str_eq(text, kdm_str_of(expected)), "%s is " KDM_FMT ", not %s", path,
                  KDM_ARG(text), expected);
}

/* Documents as the models collection holds them, by id. */
static struct kdm_dm_models models_of(const char *const *texts)
{
    struct kdm_dm_models models = { .items =
                                        kdm_arena_alloc(&arena, 16 * sizeof(struct kdm_dm_model)) };

    for (; *texts != NULL; texts++) {
        struct kdm_val source = json(kdm_str_of(*texts));
        struct kdm_str id = kdm_arena_printf(&arena, "m%zu", models.count);

        ck_assert(
            kdm_dm_model_read(&arena, id, kdm_str_of(*texts), source, &models.items[models.count]));
        models.count++;
    }
    return models;
}

static const char *const some[] = {
    "{\"type\":\"asset\",\"engineGroup\":\"commons\",\"asset\":{\"model\":\"A\","
    "\"metadataMappings\":{\"w\":{\"type\":"
    "\"integer\"},\"t\":{\"properties\":{\"x\":{\"type\":\"keyword\"}}}},\"measures\":[{\"name\":"
    "\"in\",\"type\":"
    "\"temperature\"}]}}",
    "{\"type\":\"asset\",\"engineGroup\":\"air\",\"asset\":{\"model\":\"B\",\"metadataMappings\":{"
    "\"t\":{\"properties\":"
    "{\"y\":{\"type\":\"date\"}}}},\"measures\":[{\"name\":\"in\",\"type\":\"co2\"}]}}",
    "{\"type\":\"device\",\"device\":{\"model\":\"D\",\"metadataMappings\":{\"color\":{\"type\":"
    "\"keyword\"}},"
    "\"measures\":[{\"name\":\"t\",\"type\":\"temperature\"}]}}",
    "{\"type\":\"group\",\"engineGroup\":\"air\",\"group\":{\"model\":\"G\",\"metadataMappings\":{"
    "\"geo\":{\"type\":"
    "\"geo_point\"}}}}",
    "{\"type\":\"measure\",\"measure\":{\"type\":\"co2\",\"valuesMappings\":{\"co2\":{\"type\":"
    "\"float\"}}}}",
    "{\"type\":\"measure\",\"measure\":{\"type\":\"temperature\",\"valuesMappings\":{"
    "\"temperature\":{\"type\":"
    "\"float\"}}}}",
    NULL
};

static struct kdm_str compose(const char *group, enum kdm_dm_collection which)
{
    struct kdm_dm_models models = models_of(some);

    return kdm_dm_compose(&arena, &none, &models, kdm_str_of(group), which);
}

START_TEST(a_tenant_sees_asset_models_of_its_group_and_of_commons)
{
    struct kdm_str commons = compose("commons", KDM_DM_ASSETS), air = compose("air", KDM_DM_ASSETS);

    assert_path(commons, "properties.metadata.properties.w", "{\"type\":\"integer\"}");
    assert_path(commons, "properties.metadata.properties.t",
                "{\"properties\":{\"x\":{\"type\":\"keyword\"}}}");
    assert_path(air, "properties.metadata.properties.t",
                "{\"properties\":{\"x\":{\"type\":\"keyword\"},\"y\":{\"type\":\"date\"}}}");
    assert_path(commons, "dynamic", "\"strict\"");
}
END_TEST

START_TEST(the_last_model_wins_a_slot_that_two_have)
{
    assert_path(compose("commons", KDM_DM_ASSETS),
                "properties.measures.properties.in.properties.values",
                "{\"properties\":{\"temperature\":{\"type\":\"float\"}}}");
    assert_path(compose("air", KDM_DM_ASSETS),
                "properties.measures.properties.in.properties.values",
                "{\"properties\":{\"co2\":{\"type\":\"float\"}}}");
}
END_TEST

START_TEST(devices_and_groups_do_not_look_at_the_group)
{
    assert_path(compose("commons", KDM_DM_DEVICES), "properties.metadata.properties",
                "{\"color\":{\"type\":\"keyword\"}}");
    assert_path(compose("commons", KDM_DM_GROUPS), "properties.metadata.properties",
                "{\"geo\":{\"type\":\"geo_point\"}}");
}
END_TEST

START_TEST(history_holds_the_assets_mapping_with_kuzzle_info)
{
    struct kdm_str history = compose("commons", KDM_DM_HISTORY);

    assert_path(history, "properties.asset.dynamic", "\"strict\"");
    assert_path(history, "properties.asset.properties.metadata.properties.w",
                "{\"type\":\"integer\"}");
    assert_path(history, "properties.asset.properties._kuzzle_info.properties.createdAt",
                "{\"type\":\"date\"}");
    assert_path(history, "properties.event.properties.unlink.properties.deviceId",
                "{\"type\":\"keyword\"}");
}
END_TEST

START_TEST(measures_hold_all_values_and_the_metadata_of_both_twins)
{
    struct kdm_str measures = compose("commons", KDM_DM_MEASURES);

    assert_path(measures, "properties.values.properties",
                "{\"co2\":{\"type\":\"float\"},\"temperature\":{\"type\":\"float\"}}");
    assert_path(measures, "properties.asset.properties.metadata.properties.w",
                "{\"type\":\"integer\"}");
    assert_path(measures, "properties.origin.properties.deviceMetadata.properties.color",
                "{\"type\":\"keyword\"}");
}
END_TEST

START_TEST(the_configuration_adds_to_the_base)
{
    const struct kdm_dm_additions more = {
        .engine_collections = json(
            KDM_STR("{\"asset\":{\"mappings\":{\"properties\":{\"custom\":{\"type\":\"keyword\"}}},"
                    "\"settings\":{\"number_of_shards\":2}}}")),
        .admin_collections = json(
            KDM_STR("{\"config\":{\"mappings\":{\"properties\":{\"x\":{\"type\":\"date\"}}}}}")),
    };
    struct kdm_dm_models models = models_of(some);
    struct kdm_str assets =
        kdm_dm_compose(&arena, &more, &models, KDM_STR("commons"), KDM_DM_ASSETS);
    struct kdm_str history =
        kdm_dm_compose(&arena, &more, &models, KDM_STR("commons"), KDM_DM_HISTORY);

    assert_path(assets, "properties.custom", "{\"type\":\"keyword\"}");
    assert_path(history, "properties.asset.properties.custom", "{\"type\":\"keyword\"}");
    assert_path(kdm_dm_fixed_mappings(&arena, &more, KDM_DM_PLATFORM_CONFIG), "properties.x",
                "{\"type\":\"date\"}");
    ck_assert(
        kdm_str_eq(kdm_dm_settings(&more, KDM_DM_ASSETS), KDM_STR("{\"number_of_shards\":2}")));
    ck_assert(kdm_str_eq(kdm_dm_settings(&more, KDM_DM_DEVICES), KDM_STR("{}")));
}
END_TEST

START_TEST(every_mapping_is_one_that_a_collection_takes)
{
    static const enum kdm_dm_fixed fixed[] = { KDM_DM_ENGINE_CONFIG, KDM_DM_PLATFORM_CONFIG,
                                               KDM_DM_MODELS, KDM_DM_PAYLOADS };
    struct kdm_failure failure;

    for (int which = 0; which < KDM_DM_COLLECTION_COUNT; which++) {
        struct kdm_mapping *mapping = kdm_mapping_create(
            &arena, json(compose("air", (enum kdm_dm_collection)which)), &failure);

        ck_assert_msg(mapping != NULL, KDM_FMT, KDM_ARG(failure.message));
        kdm_mapping_unref(mapping);
    }
    for (size_t i = 0; i < 4; i++) {
        struct kdm_mapping *mapping =
            kdm_mapping_create(&arena, json(kdm_dm_fixed_base(fixed[i])), &failure);

        ck_assert_msg(mapping != NULL, KDM_FMT, KDM_ARG(failure.message));
        kdm_mapping_unref(mapping);
    }
}
END_TEST

START_TEST(built_in_measures_satisfy_the_mapping_of_models)
{
    const struct kdm_mapping_place place = { KDM_STR("device-manager"), KDM_STR("models") };
    struct kdm_failure failure;
    struct kdm_mapping *mapping =
        kdm_mapping_create(&arena, json(kdm_dm_fixed_base(KDM_DM_MODELS)), &failure);
    struct kdm_str additions;

    ck_assert_uint_eq(kdm_dm_builtin_count, 5);
    for (size_t i = 0; i < kdm_dm_builtin_count; i++)
        ck_assert(kdm_mapping_check(mapping, &arena, json(kdm_dm_builtins[i].source), &place,
                                    &additions, &failure));
    kdm_mapping_unref(mapping);
}
END_TEST

/* --- conflicts ------------------------------------------------------------------------------- */

static struct kdm_str conflicts_with(const char *incoming)
{
    const char *const texts[] = { incoming, NULL };
    struct kdm_dm_models stored = models_of(some), given = models_of(texts);

    return kdm_dm_conflicts(&arena, &stored, &given.items[0]);
}

START_TEST(a_type_that_differs_is_a_conflict_in_whatever_group)
{
    struct kdm_str chunks = conflicts_with(
        "{\"type\":\"asset\",\"engineGroup\":\"other\",\"asset\":{\"model\":\"C\","
        "\"metadataMappings\":{\"t\":{\"properties\":{\"y\":{\"type\":\"long\"}}}}}}");

    ck_assert(kdm_str_eq(
        chunks, KDM_STR("[{\"conflicts\":[{\"currentType\":\"date\",\"newType\":\"long\",\"path\":"
                        "\"asset.metadataMappings.t.properties.y.type\"}],\"modelType\":\"asset\","
                        "\"newModel\":\"C\",\"sourceModel\":\"B\"}]")));
}
END_TEST

START_TEST(a_model_conflicts_with_its_own_former_version)
{
    ck_assert(!kdm_str_none(
        conflicts_with("{\"type\":\"measure\",\"measure\":{\"type\":\"co2\",\"valuesMappings\":"
                       "{\"co2\":{\"type\":\"integer\"}}}}")));
}
END_TEST

START_TEST(other_kinds_new_keys_and_missing_keys_are_no_conflicts)
{
    ck_assert(kdm_str_none(
        conflicts_with("{\"type\":\"device\",\"device\":{\"model\":\"X\",\"metadataMappings\":"
                       "{\"w\":{\"type\":\"date\"}},\"measures\":[]}}")));
    ck_assert(kdm_str_none(
        conflicts_with("{\"type\":\"asset\",\"engineGroup\":\"air\",\"asset\":{\"model\":\"A\","
                       "\"metadataMappings\":{\"n\":{\"type\":\"date\"}}}}")));
    ck_assert(kdm_str_none(conflicts_with(
        "{\"type\":\"asset\",\"engineGroup\":\"air\",\"asset\":{\"model\":\"A\"}}")));
}
END_TEST

/* --- lists of models ------------------------------------------------------------------------- */

START_TEST(a_model_takes_the_place_of_the_one_with_its_id_or_its_own)
{
    struct kdm_dm_models models = models_of(some);
    struct kdm_dm_model model = models.items[1];
    struct kdm_dm_models with = kdm_dm_models_with(&arena, &models, &model);

    ck_assert_uint_eq(with.count, models.count);
    model.id = KDM_STR("m1a");
    with = kdm_dm_models_with(&arena, &models, &model);
    ck_assert_uint_eq(with.count, models.count + 1);
    ck_assert(kdm_str_eq(with.items[2].id, KDM_STR("m1a")));
    model.id = KDM_STR("z");
    with = kdm_dm_models_with(&arena, &models, &model);
    ck_assert(kdm_str_eq(with.items[models.count].id, KDM_STR("z")));
}
END_TEST

START_TEST(documents_that_are_no_models_are_passed_over)
{
    static const char *const texts[] = { "{}", "{\"type\":\"asset\"}",
                                         "{\"type\":\"asset\",\"asset\":[]}",
                                         "{\"type\":\"other\",\"other\":{\"model\":\"X\"}}",
                                         "{\"type\":\"device\",\"device\":{\"model\":7}}" };
    struct kdm_dm_model model;

    for (size_t i = 0; i < 5; i++)
        ck_assert(!kdm_dm_model_read(&arena, KDM_STR("x"), kdm_str_of(texts[i]),
                                     json(kdm_str_of(texts[i])), &model));
}
END_TEST

/* {"type":"asset","asset":{"model":"X",<member>:<count times text>}} */
static bool is_bounded(const char *begin, const char *item, size_t count, const char *end)
{
    struct kdm_dm_model model;
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 4096);
    kdm_buf_lit(&buf, "{\"type\":\"asset\",\"asset\":{\"model\":\"X\",");
    kdm_buf_put(&buf, kdm_str_of(begin));
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        kdm_buf_printf(&buf, item, i);
    }
    kdm_buf_put(&buf, kdm_str_of(end));
    kdm_buf_lit(&buf, "}}");
    ck_assert(kdm_dm_model_read(&arena, KDM_STR("x"), kdm_buf_str(&buf), json(kdm_buf_str(&buf)),
                                &model));
    return kdm_dm_model_bounded(&model);
}

START_TEST(models_that_no_mapping_could_hold_are_known)
{
    static const char fields[] = "\"metadataMappings\":{", measures[] = "\"measures\":[";

    ck_assert(is_bounded(fields, "\"f%zu\":{\"type\":\"integer\"}", 5000, "}"));
    ck_assert(!is_bounded(fields, "\"f%zu\":{\"type\":\"integer\"}", 20000, "}"));
    ck_assert(!is_bounded(fields, "\"f%zu\":[[1,2,3],[4,5]]", 5000, "}"));
    ck_assert(is_bounded(measures, "{\"name\":\"m%zu\",\"type\":\"co2\"}", 1000, "]"));
    ck_assert(!is_bounded(measures, "{\"name\":\"m%zu\",\"type\":\"co2\"}", 1001, "]"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dm_compose");
    TCase *tc = tcase_create("compose");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_tenant_sees_asset_models_of_its_group_and_of_commons);
    tcase_add_test(tc, the_last_model_wins_a_slot_that_two_have);
    tcase_add_test(tc, devices_and_groups_do_not_look_at_the_group);
    tcase_add_test(tc, history_holds_the_assets_mapping_with_kuzzle_info);
    tcase_add_test(tc, measures_hold_all_values_and_the_metadata_of_both_twins);
    tcase_add_test(tc, the_configuration_adds_to_the_base);
    tcase_add_test(tc, every_mapping_is_one_that_a_collection_takes);
    tcase_add_test(tc, built_in_measures_satisfy_the_mapping_of_models);
    tcase_add_test(tc, a_type_that_differs_is_a_conflict_in_whatever_group);
    tcase_add_test(tc, a_model_conflicts_with_its_own_former_version);
    tcase_add_test(tc, other_kinds_new_keys_and_missing_keys_are_no_conflicts);
    tcase_add_test(tc, a_model_takes_the_place_of_the_one_with_its_id_or_its_own);
    tcase_add_test(tc, documents_that_are_no_models_are_passed_over);
    tcase_add_test(tc, models_that_no_mapping_could_hold_are_known);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
