/* kuzzle_specification_test.c - what specifications may be, and what they make of documents. */
#include "../texts.h"
#include "action/kuzzle/specification.h"

static struct kdm_str_list errors;
static struct kdm_spec_report report;

static const struct kdm_spec *spec_of(const char *text)
{
    const struct kdm_spec *spec = kdm_spec_create(&arena, parse(text), &errors);

    ck_assert_msg(spec != NULL, "%s: " KDM_FMT, text, KDM_ARG(errors.items[0]));
    return spec;
}

static bool check(const struct kdm_spec *spec, const char *source)
{
    return kdm_spec_check(&arena, spec, KDM_STR("id"), parse(source), 1000000, true, &report);
}

static const char *filled(const char *spec, const char *source)
{
    return kdm_arena_copy(&arena, kdm_spec_fill(&arena, spec_of(spec), parse(source))).ptr;
}

static const char *told(const struct kdm_spec *spec)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 64);
    kdm_spec_put_report(&buf, spec, &report);
    return kdm_arena_copy(&arena, kdm_buf_str(&buf)).ptr;
}

START_TEST(specifications_without_a_word_take_every_document)
{
    ck_assert(check(spec_of("{}"), "{\"a\":[{\"b\":null}]}"));
    ck_assert(check(spec_of("{\"strict\":false,\"fields\":null,\"validators\":[]}"), "{}"));
    ck_assert_str_eq(told(spec_of("{}")), "{}");
}
END_TEST

START_TEST(all_errors_are_told_at_once)
{
    ck_assert_ptr_null(kdm_spec_create(
        &arena, parse("{\"strict\":1,\"x\":1,\"fields\":{\"a\":{},\"b\":{\"type\":\"no\"}}}"),
        &errors));
    ck_assert_uint_eq(errors.count, 4);
}
END_TEST

START_TEST(a_parent_may_be_declared_behind_its_children)
{
    const struct kdm_spec *spec =
        spec_of("{\"fields\":{\"a/b/c\":{\"type\":\"integer\"},\"a/"
                "b\":{\"type\":\"object\"},\"a\":{\"type\":\"object\"}}}");

    ck_assert(check(spec, "{\"a\":{\"b\":{\"c\":1}}}"));
    ck_assert(!check(spec, "{\"a\":{\"b\":{\"c\":\"1\"}}}"));
    ck_assert_str_eq(
        told(spec),
        "{\"fieldScope\":{\"children\":{\"a\":{\"children\":{\"b\":{\"children\":{\"c\":{"
        "\"messages\":[\"The field must be an integer.\"]}}}}}}}}");
}
END_TEST

START_TEST(a_path_that_leads_nowhere_is_refused)
{
    static const char *const wrong[] = {
        "{\"fields\":{\"a/b\":{\"type\":\"string\"}}}",
        "{\"fields\":{\"a\":{\"type\":\"date\"},\"a/b\":{\"type\":\"string\"}}}",
        "{\"fields\":{\"a\":{\"type\":\"object\"},\"a/b/c\":{\"type\":\"string\"}}}",
        "{\"fields\":{\"/a\":{\"type\":\"string\"}}}",
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_ptr_null(kdm_spec_create(&arena, parse(wrong[i]), &errors));
        ck_assert_uint_eq(errors.count, 1);
    }
}
END_TEST

START_TEST(too_many_fields_are_refused)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 65536);
    kdm_buf_lit(&buf, "{\"fields\":{");
    for (int i = 0; i < 1001; i++)
        kdm_buf_printf(&buf, "%s\"f%d\":{\"type\":\"string\"}", i > 0 ? "," : "", i);
    kdm_buf_lit(&buf, "}}");
    ck_assert_ptr_null(kdm_spec_create(&arena, kdm_json_parse(&arena, kdm_buf_str(&buf)), &errors));
}
END_TEST

START_TEST(defaults_fill_what_is_absent_or_null_and_nothing_else)
{
    const char *spec =
        "{\"fields\":{\"a\":{\"type\":\"string\",\"defaultValue\":\"x\"},"
        "\"o\":{\"type\":\"object\"},\"o/b\":{\"type\":\"integer\",\"defaultValue\":[1, 2]}}}";

    ck_assert_str_eq(filled(spec, "{}"), "{\"a\":\"x\"}");
    ck_assert_str_eq(filled(spec, "{\"a\":null,\"c\":null}"), "{\"a\":\"x\",\"c\":null}");
    ck_assert_str_eq(filled(spec, "{\"a\":0,\"o\":{}}"), "{\"a\":0,\"o\":{\"b\":[1,2]}}");
    ck_assert_str_eq(filled(spec, "{\"o\":[{\"b\":1},{}],\"a\":1}"),
                     "{\"o\":[{\"b\":1},{\"b\":[1,2]}],\"a\":1}");
    ck_assert_str_eq(filled("{}", "{\"a\": 1, \"a\":2}"), "{\"a\":2}");
}
END_TEST

START_TEST(a_strict_object_takes_only_what_is_declared)
{
    const struct kdm_spec *spec = spec_of("{\"strict\":true,\"fields\":{\"o\":{\"type\":\"object\"}"
                                          ",\"o/a\":{\"type\":\"anything\"}}}");

    ck_assert(check(spec, "{\"o\":{\"a\":1,\"b\":2},\"_kuzzle_info\":{}}"));
    ck_assert(!check(spec, "{\"p\":1}"));
    ck_assert_ptr_null(report.items[0].field);
}
END_TEST

START_TEST(the_same_about_many_values_is_said_once)
{
    const struct kdm_spec *spec =
        spec_of("{\"fields\":{\"a\":{\"type\":\"email\",\"multivalued\":{\"value\":true}}}}");

    ck_assert(!check(spec, "{\"a\":[\"x\",\"y\",1,2]}"));
    ck_assert_uint_eq(report.count, 2);
}
END_TEST

START_TEST(the_first_finding_is_the_error)
{
    const struct kdm_spec *spec =
        spec_of("{\"fields\":{\"a\":{\"type\":\"boolean\",\"mandatory\":true}}}");
    struct kdm_failure failure;

    ck_assert(!check(spec, "{\"a\":null}"));
    kdm_spec_failure(&arena, &report, &failure);
    ck_assert_int_eq(failure.err, KDM_ERR_VALIDATION_CHECK_FAILED_FIELD);
    spec = spec_of("{\"validators\":[{\"exists\":\"a\"},{\"not\":{\"exists\":\"b\"}}]}");
    ck_assert(check(spec, "{\"a\":1}"));
    ck_assert(!check(spec, "{\"a\":1,\"b\":1}"));
    kdm_spec_failure(&arena, &report, &failure);
    ck_assert_int_eq(failure.err, KDM_ERR_VALIDATION_CHECK_FAILED_DOCUMENT);
}
END_TEST

START_TEST(a_date_may_not_be_behind_now)
{
    const struct kdm_spec *spec = spec_of(
        "{\"fields\":{\"d\":{\"type\":\"date\",\"typeOptions\":{\"range\":{\"max\":\"NOW\"}}}}}");

    ck_assert(check(spec, "{\"d\":1000000}"));
    ck_assert(!check(spec, "{\"d\":1000001}"));
}
END_TEST

START_TEST(hostile_texts_are_no_addresses)
{
    const struct kdm_spec *spec =
        spec_of("{\"fields\":{\"u\":{\"type\":\"url\"},\"e\":{\"type\":\"email\"}}}");
    static const char *const urls[] = {
        "http://[", "http://[]", "//",       "a..b",         "http://a.b:99999", "@",
        ":",        "http://@",  "x://y.zz", "http://-a.fr", "http://a.f1",      "\\u0000.fr"
    };
    static const char *const mails[] = { "@",       "a@",     "@b.fr", "a@@b.fr",     "a..b@c.fr",
                                         "a.@b.fr", "a@-.fr", "a@.fr", "\\u0000@b.fr" };

    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++)
        ck_assert_msg(!check(spec, kdm_arena_printf(&arena, "{\"u\":\"%s\"}", urls[i]).ptr), "%s",
                      urls[i]);
    for (size_t i = 0; i < sizeof(mails) / sizeof(mails[0]); i++)
        ck_assert_msg(!check(spec, kdm_arena_printf(&arena, "{\"e\":\"%s\"}", mails[i]).ptr), "%s",
                      mails[i]);
    ck_assert(check(
        spec, "{\"u\":\"http://xn--bcher-kva.xn--p1ai/?a=b://c\",\"e\":\"é@bücher.example\"}"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("specifications");
    TCase *all = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(all, open_arena, close_arena);
    tcase_add_test(all, specifications_without_a_word_take_every_document);
    tcase_add_test(all, all_errors_are_told_at_once);
    tcase_add_test(all, a_parent_may_be_declared_behind_its_children);
    tcase_add_test(all, a_path_that_leads_nowhere_is_refused);
    tcase_add_test(all, too_many_fields_are_refused);
    tcase_add_test(all, defaults_fill_what_is_absent_or_null_and_nothing_else);
    tcase_add_test(all, a_strict_object_takes_only_what_is_declared);
    tcase_add_test(all, the_same_about_many_values_is_said_once);
    tcase_add_test(all, the_first_finding_is_the_error);
    tcase_add_test(all, a_date_may_not_be_behind_now);
    tcase_add_test(all, hostile_texts_are_no_addresses);
    suite_add_tcase(suite, all);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
