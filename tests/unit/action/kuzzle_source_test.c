/* kuzzle_source_test.c - what may be a document, which fields a change touches, and a line of
 * Redis's INFO. */
#include "../texts.h"
#include "action/kuzzle/document.h"

static struct kdm_failure failure;

static const char *text_of(struct kdm_str s)
{
    return kdm_arena_copy(&arena, s).ptr;
}

/* May it be stored under this mapping? */
static bool check(const char *mapping_text, const char *source, struct kdm_str *ret_additions)
{
    struct kdm_index index = { .name = KDM_STR("i") };
    const struct kdm_collection collection = { .index = &index, .name = KDM_STR("c") };
    struct kdm_mapping *mapping = kdm_mapping_create(&arena, parse(mapping_text), &failure);
    bool good;

    ck_assert_ptr_nonnull(mapping);
    good = kdm_source_check(&arena, &collection, mapping, parse(source), ret_additions, &failure);
    kdm_mapping_unref(mapping);
    return good;
}

START_TEST(a_document_without_a_word_in_the_mapping_may_be_stored)
{
    struct kdm_str additions;

    ck_assert(check("{}", "{\"a\":{\"b\":1}}", &additions));
    ck_assert(kdm_str_none(additions));
}
END_TEST

START_TEST(a_member_routing_is_refused_at_the_root_only)
{
    struct kdm_str additions;

    ck_assert(!check("{}", "{\"a\":1,\"_routing\":null}", &additions));
    ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_NO_ROUTING);
    ck_assert(!check("{}", "{\"\\u005frouting\":1}", &additions));
    ck_assert(check("{}", "{\"a\":{\"_routing\":1}}", &additions));
}
END_TEST

START_TEST(a_strict_mapping_names_field_index_and_collection)
{
    struct kdm_str additions;

    ck_assert(!check("{\"dynamic\":\"strict\"}", "{\"a\":1}", &additions));
    ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_STRICT_MAPPING_REJECTION);
    ck_assert_int_eq(failure.prop_count, 3);
    ck_assert(kdm_str_eq(failure.props[1], KDM_STR("i")));
    ck_assert(
        check("{\"dynamic\":\"strict\"}", "{\"_kuzzle_info\":{\"author\":\"-1\"}}", &additions));
}
END_TEST

START_TEST(a_dynamic_mapping_tells_what_it_takes_up)
{
    struct kdm_str additions;

    ck_assert(check("{\"dynamic\":\"true\"}", "{\"a\":1}", &additions));
    ck_assert(
        !kdm_val_none(kdm_val_path(kdm_json_parse(&arena, additions), KDM_STR("properties.a"))));
}
END_TEST

START_TEST(changed_fields_are_the_leaves_but_those_of_the_server)
{
    ck_assert_str_eq(text_of(kdm_source_changed(&arena, parse("{}"))), "[]");
    ck_assert_str_eq(text_of(kdm_source_changed(
                         &arena, parse("{\"a\":{\"b\":1,\"c\":null},\"d\":[{\"e\":1}],"
                                       "\"_kuzzle_info\":{\"author\":1},\"_kuzzle_infos\":2}"))),
                     "[\"a.b\",\"a.c\",\"d\",\"_kuzzle_infos\"]");
    ck_assert_str_eq(text_of(kdm_source_changed(&arena, parse("{\"_kuzzle_info\":1,\"q\\\"\":1}"))),
                     "[\"q\\\"\"]");
}
END_TEST

START_TEST(only_the_servers_own_indexes_are_private)
{
    ck_assert(kdm_index_is_private(KDM_STR("%kdm")));
    ck_assert(!kdm_index_is_private(KDM_STR("kuzzle")));
    ck_assert(!kdm_index_is_private(KDM_STR("")));
    ck_assert(!kdm_index_is_private(KDM_STR_NONE));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_add_test(tcase, a_document_without_a_word_in_the_mapping_may_be_stored);
    tcase_add_test(tcase, a_member_routing_is_refused_at_the_root_only);
    tcase_add_test(tcase, a_strict_mapping_names_field_index_and_collection);
    tcase_add_test(tcase, a_dynamic_mapping_tells_what_it_takes_up);
    tcase_add_test(tcase, changed_fields_are_the_leaves_but_those_of_the_server);
    tcase_add_test(tcase, only_the_servers_own_indexes_are_private);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
