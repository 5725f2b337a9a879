/* mapping_merge_test.c - mappings made, refused, merged, shown; the tree behind them. */
#include "../texts.h"
#include "store/mapping_value.h"
#include <stdio.h>
#include <time.h>

static struct kdm_failure failure;

static struct kdm_mapping *made(const char *text)
{
    struct kdm_mapping *mapping = kdm_mapping_create(&arena, parse(text), &failure);

    ck_assert_msg(mapping != NULL, "%s: " KDM_FMT, text, KDM_ARG(failure.message));
    return mapping;
}

static void assert_canonical(const char *text, const char *expected)
{
    struct kdm_mapping *mapping = made(text);
    struct kdm_mapping *again = made(expected);

    assert_text(kdm_mapping_text(mapping), expected);
    assert_text(kdm_mapping_text(again), expected);
    kdm_mapping_unref(mapping);
    kdm_mapping_unref(again);
}

START_TEST(a_mapping_has_one_canonical_text)
{
    assert_canonical("{}", "{\"dynamic\":\"false\",\"properties\":{}}");
    assert_canonical("{\"properties\":{\"b\":{\"type\":\"keyword\"},\"a\":{\"type\":\"date\"}},"
                     "\"dynamic\":true,\"_meta\":{\"x\":1},\"dynamic_templates\":[]}",
                     "{\"dynamic\":\"true\",\"_meta\":{\"x\":1},\"properties\":{\"b\":{\"type\":"
                     "\"keyword\"},\"a\":{\"type\":\"date\"}}}");
    assert_canonical("{\"properties\":{\"o\":{\"type\":\"object\",\"dynamic\":false},"
                     "\"p\":{\"type\":\"object\",\"properties\":{\"q\":{\"type\":\"long\"}}},"
                     "\"n\":{\"type\":\"nested\",\"properties\":{}},\"e\":{\"enabled\":false}}}",
                     "{\"dynamic\":\"false\",\"properties\":{\"o\":{\"type\":\"object\","
                     "\"dynamic\":\"false\"},\"p\":{\"properties\":{\"q\":{\"type\":\"long\"}}},"
                     "\"n\":{\"type\":\"nested\"},\"e\":{\"type\":\"object\",\"enabled\":false}}}");
    assert_canonical("{\"properties\":{\"_kuzzle_info\":{\"type\":\"text\"},\"a\":{\"properties\":"
                     "{\"_kuzzle_info\":{\"properties\":{\"author\":{\"type\":\"keyword\"}}}}}}}",
                     "{\"dynamic\":\"false\",\"properties\":{\"a\":{\"properties\":{\"_kuzzle_"
                     "info\":{\"properties\":{\"author\":{\"type\":\"keyword\"}}}}}}}");
}
END_TEST

START_TEST(dotted_names_are_objects)
{
    assert_canonical("{\"properties\":{\"a.b\":{\"type\":\"long\"},\"a\":{\"properties\":{\"c\":"
                     "{\"type\":\"ip\"}}},\"a.d.e\":{\"type\":\"date\"}}}",
                     "{\"dynamic\":\"false\",\"properties\":{\"a\":{\"properties\":{\"c\":{\"type\""
                     ":\"ip\"},\"b\":{\"type\":\"long\"},\"d\":{\"properties\":{\"e\":{\"type\":"
                     "\"date\"}}}}}}}");
}
END_TEST

static void assert_refused(const char *text, enum kdm_err err, const char *prop)
{
    failure = (struct kdm_failure){ 0 };
    ck_assert_msg(kdm_mapping_create(&arena, parse(text), &failure) == NULL, "%s", text);
    ck_assert_msg(failure.err == err, "%s: " KDM_FMT, text, KDM_ARG(failure.message));
    ck_assert_uint_ge(failure.prop_count, 1);
    assert_text(failure.props[0], prop);
}

START_TEST(what_is_wrong_is_named)
{
    static const struct {
        const char *text;
        enum kdm_err err;
        const char *prop;
    } cases[] = {
        { "{\"dinamic\":true}", KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING, "dinamic" },
        { "{\"dynamic\":\"maybe\"}", KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING, "dynamic" },
        { "{\"dynamic\":1}", KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING, "dynamic" },
        { "{\"properties\":{\"a\":{\"properties\":{},\"bad\":1}}}",
          KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING, "properties.a.bad" },
        { "{\"properties\":{\"a\":{\"properties\":{\"b\":{\"properties\":{},\"dynamic\":7}}}}}",
          KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING, "properties.a.properties.b.dynamic" },
        { "{\"properties\":[]}", KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, "properties" },
        { "{\"_meta\":3}", KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, "_meta" },
        { "[]", KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, "mappings" },
        { "{\"properties\":{\"a\":\"keyword\"}}", KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY,
          "a" },
        { "{\"properties\":{\"a\":{}}}", KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY,
          "a.type" },
        { "{\"properties\":{\"\":{\"type\":\"long\"}}}",
          KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, "properties.\"\"" },
        { "{\"properties\":{\"a..b\":{\"type\":\"long\"}}}",
          KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, "properties.a.properties.\"\"" },
        { "{\"properties\":{\"o\":{\"properties\":{\"a\":{\"type\":\"strin\"}}}}}",
          KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING_TYPE, "o.a" },
        { "{\"properties\":{\"a\":{\"type\":\"keyword\",\"analyzer\":\"standard\"}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_PROPERTIES, "analyzer" },
        { "{\"properties\":{\"a\":{\"type\":\"keyword\",\"properties\":{}}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_PROPERTIES, "properties" },
        { "{\"properties\":{\"a\":{\"type\":\"text\",\"analyzer\":\"mine\"}}}",
          KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, "a.analyzer" },
        { "{\"properties\":{\"a\":{\"type\":\"date\",\"format\":\"wat\"}}}",
          KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, "a.format" },
        { "{\"properties\":{\"a\":{\"type\":\"keyword\",\"ignore_above\":-1}}}",
          KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, "a.ignore_above" },
        { "{\"properties\":{\"a\":{\"type\":\"integer\",\"null_value\":\"x\"}}}",
          KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, "a.null_value" },
        { "{\"properties\":{\"a\":{\"type\":\"scaled_float\"}}}",
          KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, "a.scaling_factor" },
        { "{\"properties\":{\"a\":{\"type\":\"alias\"}}}",
          KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY, "a.path" },
        { "{\"properties\":{\"a\":{\"type\":\"keyword\",\"fields\":{\"t\":{\"type\":\"no\"}}}}}",
          KDM_ERR_SERVICES_STORAGE_INVALID_MAPPING_TYPE, "a.t" },
        { "{\"properties\":{\"a\":{\"type\":[]}}}", KDM_ERR_SERVICES_STORAGE_WRONG_MAPPING_PROPERTY,
          "a.type" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(cases[i].text, cases[i].err, cases[i].prop);
}
END_TEST

/* Merges `update` into `base`; NULL `expected`: cannot_change_mapping of `field`. */
static void assert_merged(const char *base, const char *update, const char *expected,
                          const char *field)
{
    struct kdm_mapping *mapping = made(base);
    struct kdm_str text;
    bool changed = false;
    bool merged = kdm_mapping_merge(mapping, &arena, parse(update), &text, &changed, &failure);

    if (expected == NULL) {
        ck_assert_msg(!merged, "%s", update);
        ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_CANNOT_CHANGE_MAPPING);
        assert_text(failure.props[0], field);
    } else {
        ck_assert_msg(merged, KDM_FMT, KDM_ARG(failure.message));
        assert_text(text, expected);
        ck_assert_int_eq(changed, !kdm_str_eq(kdm_mapping_text(mapping), text));
    }
    kdm_mapping_unref(mapping);
}

#define BASE                                                                                       \
    "{\"dynamic\":\"strict\",\"_meta\":{\"v\":1},\"properties\":{\"a\":{\"type\":\"keyword\"},"    \
    "\"o\":{\"dynamic\":\"false\",\"properties\":{\"x\":{\"type\":\"long\"}}},"                    \
    "\"n\":{\"type\":\"nested\",\"properties\":{\"y\":{\"type\":\"date\"}}}}}"

START_TEST(an_update_adds_and_never_removes)
{
    assert_merged(BASE, "{}", BASE, NULL);
    assert_merged(BASE, "{\"properties\":{}}", BASE, NULL);
    assert_merged(BASE, BASE, BASE, NULL);
    assert_merged(BASE, "{\"properties\":{\"a\":{\"type\":\"keyword\"}}}", BASE, NULL);
    assert_merged(
        BASE,
        "{\"dynamic\":\"true\",\"_meta\":{\"w\":2},\"properties\":{\"z\":{\"type\":"
        "\"ip\"},\"o\":{\"dynamic\":\"strict\",\"properties\":{\"b\":{\"type\":\"text\"}}},"
        "\"a\":{\"type\":\"keyword\",\"fields\":{\"t\":{\"type\":\"text\"}}}}}",
        "{\"dynamic\":\"true\",\"_meta\":{\"w\":2},\"properties\":{\"a\":{\"type\":"
        "\"keyword\",\"fields\":{\"t\":{\"type\":\"text\"}}},\"o\":{\"dynamic\":\"strict\","
        "\"properties\":{\"x\":{\"type\":\"long\"},\"b\":{\"type\":\"text\"}}},\"n\":{"
        "\"type\":\"nested\",\"properties\":{\"y\":{\"type\":\"date\"}}},\"z\":{\"type\":"
        "\"ip\"}}}",
        NULL);
    assert_merged(
        "{\"properties\":{\"a\":{\"type\":\"text\",\"fields\":{\"k\":{\"type\":\"keyword\""
        "}}}}}",
        "{\"properties\":{\"a\":{\"type\":\"text\",\"fields\":{\"e\":{\"type\":\"text\"},"
        "\"k\":{\"type\":\"keyword\",\"ignore_above\":5}}}}}",
        "{\"dynamic\":\"false\",\"properties\":{\"a\":{\"type\":\"text\",\"fields\":{\"k\":"
        "{\"type\":\"keyword\",\"ignore_above\":5},\"e\":{\"type\":\"text\"}}}}}",
        NULL);
}
END_TEST

START_TEST(a_field_does_not_change_its_type)
{
    assert_merged(BASE, "{\"properties\":{\"a\":{\"type\":\"text\"}}}", NULL, "a");
    assert_merged(BASE, "{\"properties\":{\"a\":{\"properties\":{}}}}", NULL, "a");
    assert_merged(BASE, "{\"properties\":{\"o\":{\"type\":\"long\"}}}", NULL, "o");
    assert_merged(BASE, "{\"properties\":{\"o\":{\"type\":\"nested\"}}}", NULL, "o");
    assert_merged(BASE, "{\"properties\":{\"n\":{\"properties\":{}}}}", NULL, "n");
    assert_merged(BASE, "{\"properties\":{\"o\":{\"properties\":{\"x\":{\"type\":\"integer\"}}}}}",
                  NULL, "o.x");
    assert_merged(BASE, "{\"properties\":{\"o.x\":{\"type\":\"integer\"}}}", NULL, "o.x");
    assert_merged(BASE, "{\"properties\":{\"o\":{\"properties\":{},\"enabled\":false}}}", NULL,
                  "o");
    assert_merged("{\"properties\":{\"d\":{\"type\":\"date\",\"format\":\"yyyy\"}}}",
                  "{\"properties\":{\"d\":{\"type\":\"date\",\"format\":\"epoch_second\"}}}", NULL,
                  "d");
    assert_merged(BASE, "{\"properties\":{\"a\":{\"type\":\"keyword\",\"index\":false}}}", NULL,
                  "a");
}
END_TEST

static bool contains(const struct kdm_buf *buf, const char *part)
{
    return memmem(buf->ptr, buf->len, part, strlen(part)) != NULL;
}

START_TEST(our_own_field_is_shown_when_asked_for)
{
    struct kdm_mapping *mapping = made("{\"properties\":{\"a\":{\"type\":\"ip\"}}}");
    struct kdm_mapping *empty = made("{}");
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 10);
    kdm_mapping_render(mapping, &buf, false);
    assert_text(kdm_buf_str(&buf),
                "{\"dynamic\":\"false\",\"properties\":{\"a\":{\"type\":\"ip\"}}}");
    buf.len = 0;
    kdm_mapping_render(mapping, &buf, true);
    ck_assert(contains(&buf, "},\"_kuzzle_info\":{\"properties\":{\"author\""));
    parse(kdm_arena_copy(&arena, kdm_buf_str(&buf)).ptr);
    buf.len = 0;
    kdm_mapping_render(empty, &buf, true);
    ck_assert(contains(&buf, "{\"_kuzzle_info\":{"));
    parse(kdm_arena_copy(&arena, kdm_buf_str(&buf)).ptr);
    kdm_mapping_unref(mapping);
    kdm_mapping_unref(empty);
}
END_TEST

START_TEST(fields_are_found_by_path)
{
    struct kdm_mapping *mapping = made(
        "{\"dynamic\":\"strict\",\"properties\":{\"a\":{\"type\":\"text\",\"fields\":{\"k\":{"
        "\"type\":\"keyword\",\"ignore_above\":3}}},\"n\":{\"type\":\"nested\",\"properties\":{"
        "\"o\":{\"dynamic\":\"false\",\"properties\":{\"l\":{\"type\":\"long\",\"copy_to\":"
        "[\"all\",\"all\"]}}}}},\"all\":{\"type\":\"text\"},\"ali\":{\"type\":\"alias\",\"path\":"
        "\"n.o.l\"},\"loop\":{\"type\":\"alias\",\"path\":\"loop\"}}}");
    const struct kdm_field *field = kdm_mapping_find(mapping, KDM_STR("n.o.l"));

    ck_assert(field != NULL && field->type == KDM_FIELD_LONG);
    assert_text(field->path, "n.o.l");
    ck_assert(field->nested != NULL && kdm_str_eq(field->nested->path, KDM_STR("n")));
    ck_assert_int_eq(field->dynamic, KDM_DYNAMIC_FALSE);
    ck_assert_int_eq(kdm_mapping_find(mapping, KDM_STR("n"))->dynamic, KDM_DYNAMIC_STRICT);
    ck_assert(kdm_mapping_find(mapping, KDM_STR("ali")) == field);
    ck_assert(kdm_mapping_find(mapping, KDM_STR("loop")) == NULL);
    field = kdm_mapping_find(mapping, KDM_STR("a.k"));
    ck_assert(field != NULL && field->sub_field && field->ignore_above == 3);
    assert_text(field->sources[0], "a");
    field = kdm_mapping_find(mapping, KDM_STR("all"));
    ck_assert_uint_eq(field->source_count, 2);
    assert_text(field->sources[1], "n.o.l");
    field = kdm_mapping_find(mapping, KDM_STR("_kuzzle_info.createdAt"));
    ck_assert(field != NULL && field->type == KDM_FIELD_DATE);
    ck_assert(kdm_mapping_find(mapping, KDM_STR("")) == NULL);
    ck_assert(kdm_mapping_find(mapping, KDM_STR("n.")) == NULL);
    ck_assert(kdm_mapping_find(mapping, KDM_STR("a.k.k")) == NULL);
    ck_assert(kdm_mapping_find(mapping, KDM_STR("nope")) == NULL);
    ck_assert(kdm_mapping_find(mapping, KDM_STR_NONE) == NULL);
    kdm_mapping_unref(mapping);
}
END_TEST

START_TEST(many_fields_are_all_found)
{
    struct kdm_mapping *mapping;
    struct kdm_buf buf;
    char name[16];

    kdm_buf_init(&buf, &arena, 100000);
    kdm_buf_lit(&buf, "{\"properties\":{");
    for (int i = 0; i < 3000; i++)
        kdm_buf_printf(&buf, "%s\"f%d\":{\"type\":\"long\"}", i == 0 ? "" : ",", i);
    kdm_buf_lit(&buf, "}}");
    kdm_buf_char(&buf, '\0');
    mapping = made(buf.ptr);
    for (int i = 0; i < 3100; i++) {
        snprintf(name, sizeof(name), "f%d", i);
        ck_assert_int_eq(kdm_mapping_find(mapping, kdm_str_of(name)) != NULL, i < 3000);
    }
    kdm_mapping_unref(mapping);
}
END_TEST

START_TEST(hostile_mappings_end_in_a_failure)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 100000);
    kdm_buf_lit(&buf, "{\"properties\":{");
    for (int i = 0; i < 6000; i++)
        kdm_buf_printf(&buf, "%s\"f%d\":{\"type\":\"long\"}", i == 0 ? "" : ",", i);
    kdm_buf_lit(&buf, "}}");
    kdm_buf_char(&buf, '\0');
    ck_assert(kdm_mapping_create(&arena, parse(buf.ptr), &failure) == NULL);
    buf.len = 0;
    kdm_buf_lit(&buf, "{\"properties\":{\"a");
    for (int i = 0; i < 60; i++)
        kdm_buf_lit(&buf, ".a");
    kdm_buf_lit(&buf, "\":{\"type\":\"long\"}}}");
    kdm_buf_char(&buf, '\0');
    ck_assert(kdm_mapping_create(&arena, parse(buf.ptr), &failure) == NULL);
    buf.len = 0;
    for (int i = 0; i < 46; i++)
        kdm_buf_lit(&buf, "{\"properties\":{\"a\":");
    kdm_buf_lit(&buf, "{\"properties\":{\"b.c.d.e.f.g.h.i.j.k.l\":{\"type\":\"long\"}}}");
    for (int i = 0; i < 46; i++)
        kdm_buf_lit(&buf, "}}");
    kdm_buf_char(&buf, '\0');
    ck_assert(kdm_mapping_create(&arena, parse(buf.ptr), &failure) == NULL);
}
END_TEST

START_TEST(conflicts_are_listed_as_the_device_manager_tells_them)
{
    struct kdm_buf buf;
    size_t count;

    kdm_buf_init(&buf, &arena, 10);
    count = kdm_mapping_conflicts(
        &arena,
        parse("{\"a\":{\"type\":\"keyword\"},\"b\":{\"type\":\"date\",\"format\":\"x\"},"
              "\"c\":{\"properties\":{\"d\":{\"type\":\"long\"}}},\"e\":{\"type\":\"ip\"}}"),
        parse(
            "{\"a\":{\"type\":\"keyword\",\"fields\":{}},\"b\":{\"format\":\"y\",\"type\":\"date\"}"
            ","
            "\"c\":{\"properties\":{\"d\":{\"type\":\"text\"},\"n\":{\"type\":\"ip\"}}},"
            "\"e\":{\"properties\":{}},\"new\":{\"type\":\"ip\"}}"),
        KDM_STR("asset.metadataMappings"), &buf);
    ck_assert_uint_eq(count, 2);
    assert_text(
        kdm_buf_str(&buf),
        "{\"currentType\":\"x\",\"newType\":\"y\",\"path\":\"asset.metadataMappings.b.format\"},"
        "{\"currentType\":\"long\",\"newType\":\"text\",\"path\":"
        "\"asset.metadataMappings.c.properties.d.type\"}");
    ck_assert_uint_eq(
        kdm_mapping_conflicts(&arena, parse("{}"), parse("{\"a\":1}"), KDM_STR("m"), &buf), 0);
    ck_assert_uint_eq(kdm_mapping_conflicts(&arena, KDM_VAL_NONE, parse("{}"), KDM_STR("m"), &buf),
                      0);
}
END_TEST

static struct kdm_val many_members(int count, const char *type)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 1u << 20);
    kdm_buf_char(&buf, '{');
    for (int i = 0; i < count; i++)
        kdm_buf_printf(&buf, "%s\"f%d\":\"%s\"", i > 0 ? "," : "", i, type);
    kdm_buf_char(&buf, '}');
    return kdm_json_parse(&arena, kdm_buf_str(&buf));
}

START_TEST(conflicts_of_large_models_take_linear_time)
{
    enum { COUNT = 60000 }; /* member by member against member it would take many seconds */
    struct kdm_val current = many_members(COUNT, "ip"), incoming = many_members(COUNT, "date");
    clock_t begin = clock();
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 1u << 20);
    ck_assert_uint_eq(kdm_mapping_conflicts(&arena, current, incoming, KDM_STR("m"), &buf), COUNT);
    ck_assert_int_lt(clock() - begin, CLOCKS_PER_SEC);
}
END_TEST

START_TEST(references_are_counted)
{
    struct kdm_mapping *mapping = made("{}");

    ck_assert(kdm_mapping_ref(mapping) == mapping);
    kdm_mapping_unref(mapping);
    ck_assert_uint_gt(kdm_mapping_text(mapping).len, 0);
    kdm_mapping_unref(mapping);
    kdm_mapping_unref(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mapping_merge");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, a_mapping_has_one_canonical_text);
    tcase_add_test(tcase, dotted_names_are_objects);
    tcase_add_test(tcase, what_is_wrong_is_named);
    tcase_add_test(tcase, an_update_adds_and_never_removes);
    tcase_add_test(tcase, a_field_does_not_change_its_type);
    tcase_add_test(tcase, our_own_field_is_shown_when_asked_for);
    tcase_add_test(tcase, fields_are_found_by_path);
    tcase_add_test(tcase, many_fields_are_all_found);
    tcase_add_test(tcase, hostile_mappings_end_in_a_failure);
    tcase_add_test(tcase, conflicts_are_listed_as_the_device_manager_tells_them);
    tcase_add_test(tcase, conflicts_of_large_models_take_linear_time);
    tcase_add_test(tcase, references_are_counted);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
