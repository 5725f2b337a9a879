/* dm_rules_test.c - the rules of models and assets. */
#include "../texts.h"
#include "action/device_manager/rules.h"

/* --- names ----------------------------------------------------------------------------------- */

START_TEST(pascal_case_names_are_accepted)
{
    static const char *const names[] = { "Plane", "CO2",  "ABCDevice", "T1000",    "LoRaWAN",
                                         "2Fast", "",     "Floor2nd",  "1stFloor", "Model22ndB",
                                         "A4th",  "X1ST", "DummyTemp", "A20thB" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        ck_assert_msg(kdm_dm_name_is_pascal(kdm_str_of(names[i])), "%s", names[i]);
}
END_TEST

START_TEST(other_names_are_refused)
{
    static const char *const names[] = { "plane",   "A_B",          "Model-2",   "MyModelV2b",
                                         "iPhone",  "\xc3\x89tage", "Two Words", "A1sts",
                                         "A11th",   "A2st",         "a",         "A.B",
                                         "1st2nd3x" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        ck_assert_msg(!kdm_dm_name_is_pascal(kdm_str_of(names[i])), "%s", names[i]);
    ck_assert(!kdm_dm_name_is_pascal((struct kdm_str){ "A\0B", 3 }));
}
END_TEST

START_TEST(kebab_case_puts_a_line_between_words)
{
    static const char *const names[][2] = {
        { "myEngine", "my-engine" },
        { "My Engine", "my-engine" },
        { "XMLFile", "xml-file" },
        { "T1000b", "t-1000-b" },
        { "--already-there--", "already-there" },
        { "snake_case_NAME", "snake-case-name" },
        { "caf\xc3\xa9"
          "Bar",
          "caf\xc3\xa9-bar" },
        { "!?", "" },
        { "", "" },
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_text(kdm_dm_kebab_case(&arena, kdm_str_of(names[i][0])), names[i][1]);
}
END_TEST

START_TEST(duplicate_measure_names_are_told_once_each)
{
    struct kdm_str_list twice =
        kdm_dm_duplicate_names(&arena, parse("[{\"name\":\"a\",\"type\":\"x\"},{\"name\":\"b\"},{"
                                             "\"name\":\"a\"},{\"name\":\"a\"},7,{}]"));

    ck_assert_uint_eq(twice.count, 1);
    assert_text(twice.items[0], "a");
    ck_assert_uint_eq(kdm_dm_duplicate_names(&arena, KDM_VAL_NONE).count, 0);
}
END_TEST

/* --- defaults -------------------------------------------------------------------------------- */

static const char mappings[] = "{\"weight\":{\"type\":\"integer\"},"
                               "\"trailer\":{\"properties\":{\"capacity\":{\"type\":\"integer\"}}},"
                               "\"where\":{\"type\":\"geo_point\"},"
                               "\"deep\":{\"properties\":{\"geo\":{\"type\":\"geo_point\"}}}}";

START_TEST(defaults_must_be_mapped)
{
    struct kdm_str unmapped;

    ck_assert(kdm_dm_defaults_mapped(
        &arena, parse(mappings),
        parse("{\"weight\":1,\"trailer\":{\"capacity\":2},\"where\":{\"lat\":1,\"lon\":2}}"),
        &unmapped));
    ck_assert(kdm_dm_defaults_mapped(&arena, parse(mappings),
                                     parse("{\"trailer.capacity\":2,\"weight\":null}"), &unmapped));
    ck_assert(kdm_dm_defaults_mapped(&arena, KDM_VAL_NONE, KDM_VAL_NONE, &unmapped));
    ck_assert(kdm_dm_defaults_mapped(&arena, parse("{}"), parse("{\"empty\":{}}"), &unmapped));
    ck_assert(!kdm_dm_defaults_mapped(&arena, parse(mappings),
                                      parse("{\"weight\":1,\"trailer\":{\"x\":2}}"), &unmapped));
    assert_text(unmapped, "trailer.x");
}
END_TEST

START_TEST(geo_fields_below_the_first_level_get_no_grace)
{
    struct kdm_str unmapped;

    ck_assert(!kdm_dm_defaults_mapped(&arena, parse(mappings),
                                      parse("{\"deep\":{\"geo\":{\"lat\":1}}}"), &unmapped));
    assert_text(unmapped, "deep.geo.lat");
}
END_TEST

/* --- metadata -------------------------------------------------------------------------------- */

START_TEST(a_new_asset_has_every_mapped_key_in_the_order_of_the_model)
{
    assert_text(kdm_dm_metadata_created(&arena, parse(mappings), KDM_VAL_NONE, KDM_VAL_NONE),
                "{\"weight\":null,\"trailer\":null,\"where\":null,\"deep\":null}");
}
END_TEST

START_TEST(defaults_are_set_by_path_and_given_objects_replace_whole_defaults)
{
    assert_text(kdm_dm_metadata_created(
                    &arena, parse("{\"a\":{\"type\":\"integer\"},\"b\":{\"properties\":{}}}"),
                    parse("{\"b.x\":1,\"b.y\":{\"z\":2}}"), parse("{\"a\":5}")),
                "{\"a\":5,\"b\":{\"x\":1,\"y\":{\"z\":2}}}");
    assert_text(kdm_dm_metadata_created(&arena, parse("{\"b\":{\"properties\":{}}}"),
                                        parse("{\"b\":{\"x\":1,\"y\":2}}"),
                                        parse("{\"b\":{\"x\":9},\"unknown\":1}")),
                "{\"b\":{\"x\":9},\"unknown\":1}");
}
END_TEST

START_TEST(keys_that_a_request_gives_twice_count_once)
{
    assert_text(kdm_dm_metadata_created(&arena, parse("{\"a\":{}}"), KDM_VAL_NONE,
                                        parse("{\"a\":1,\"b\":2,\"a\":3,\"b\":4}")),
                "{\"a\":3,\"b\":4}");
}
END_TEST

START_TEST(keys_with_dots_are_counted)
{
    ck_assert_uint_eq(kdm_dm_dotted_keys(&arena, parse("{\"a.b\":1,\"c\":{\"d.e\":1},\".\":2}")),
                      2);
    ck_assert_uint_eq(kdm_dm_dotted_keys(&arena, KDM_VAL_NONE), 0);
}
END_TEST

START_TEST(propagation_keeps_values_even_null_adds_defaults_and_drops_unmapped_keys)
{
    assert_text(kdm_dm_metadata_propagated(
                    &arena, parse("{\"kept\":{},\"nulled\":{},\"new\":{},\"bare\":{}}"),
                    parse("{\"kept\":1,\"nulled\":2,\"new\":3,\"bare.x\":4}"),
                    parse("{\"gone\":0,\"nulled\":null,\"kept\":9}")),
                "{\"kept\":9,\"nulled\":null,\"new\":3,\"bare\":null}");
}
END_TEST

START_TEST(replaced_metadata_takes_known_keys_whole_and_drops_unknown_ones)
{
    assert_text(kdm_dm_metadata_replaced(&arena, parse("{\"mapped\":{}}"),
                                         parse("{\"own\":{\"a\":1,\"b\":2},\"stays\":1}"),
                                         parse("{\"own\":{\"a\":3},\"mapped\":4,\"unknown\":5}")),
                "{\"own\":{\"a\":3},\"stays\":1,\"mapped\":4}");
}
END_TEST

START_TEST(history_names_are_all_leaves_nulls_and_arrays_too)
{
    assert_text(
        kdm_dm_paths(&arena, parse("{\"b\":null,\"a\":{\"y\":[1,{\"z\":2}],\"x\":1},\"e\":{}}")),
        "[\"b\",\"a.y\",\"a.x\"]");
    assert_text(kdm_dm_paths(&arena, KDM_VAL_NONE), "[]");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dm_rules");
    TCase *tc = tcase_create("rules");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tc, open_arena, close_arena);
    tcase_add_test(tc, pascal_case_names_are_accepted);
    tcase_add_test(tc, other_names_are_refused);
    tcase_add_test(tc, kebab_case_puts_a_line_between_words);
    tcase_add_test(tc, duplicate_measure_names_are_told_once_each);
    tcase_add_test(tc, defaults_must_be_mapped);
    tcase_add_test(tc, geo_fields_below_the_first_level_get_no_grace);
    tcase_add_test(tc, a_new_asset_has_every_mapped_key_in_the_order_of_the_model);
    tcase_add_test(tc, defaults_are_set_by_path_and_given_objects_replace_whole_defaults);
    tcase_add_test(tc, keys_that_a_request_gives_twice_count_once);
    tcase_add_test(tc, keys_with_dots_are_counted);
    tcase_add_test(tc, propagation_keeps_values_even_null_adds_defaults_and_drops_unmapped_keys);
    tcase_add_test(tc, replaced_metadata_takes_known_keys_whole_and_drops_unknown_ones);
    tcase_add_test(tc, history_names_are_all_leaves_nulls_and_arrays_too);
    suite_add_tcase(suite, tc);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
