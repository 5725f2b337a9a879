/* dm_strict_test.c - attributes checked by their model, and what an asset is called. */
#include "../suite.h"
#include "action/device_manager/identity.h"

static struct kdm_arena arena;
static struct kdm_dm_model model;
static struct kdm_dm_mismatch mismatch;
static struct kdm_str result;

static struct kdm_val json(const char *text)
{
    return kdm_json_parse(&arena, kdm_str_of(text));
}

static void set_up(void)
{
    static const char text[] =
        "{\"type\":\"asset\",\"engineGroup\":\"commons\",\"asset\":{\"model\":\"M\","
        "\"metadataMappings\":{"
        "\"byte\":{\"type\":\"byte\"},\"long\":{\"type\":\"long\"},\"float\":{\"type\":\"float\"},"
        "\"text\":{\"type\":\"text\"},\"flag\":{\"type\":\"boolean\"},\"when\":{\"type\":\"date\"},"
        "\"place\":{\"type\":\"geo_point\"},\"free\":{\"type\":\"flattened\"},"
        "\"box\":{\"properties\":{\"w\":{\"type\":\"integer\"},\"in\":{\"properties\":{\"x\":{"
        "\"type\":"
        "\"boolean\"}}}}},\"pick\":{\"type\":\"keyword\"},\"open\":{\"type\":\"keyword\"}},"
        "\"metadataDetails\":{\"pick\":{\"editorHint\":{\"type\":\"optionSelector\",\"values\":["
        "\"a\",\"b\"]}},"
        "\"open\":{\"editorHint\":{\"type\":\"optionSelector\",\"values\":[\"a\"],"
        "\"customValueAllowed\":true}}}}}";

    kdm_arena_init(&arena, 4096);
    ck_assert(
        kdm_dm_model_read(&arena, KDM_STR("model-asset-M"), kdm_str_of(text), json(text), &model));
}

static void tear_down(void)
{
    kdm_arena_fini(&arena);
}

static bool fits(const char *metadata, bool whole)
{
    return kdm_dm_attributes_check(&arena, &model, json(metadata), whole, &result, &mismatch);
}

static void assert_text(struct kdm_str actual, const char *expected)
{
    ck_assert_msg(kdm_str_eq(actual, kdm_str_of(expected)), "is " KDM_FMT ", not %s",
                  KDM_ARG(actual), expected);
}

/* --- attributes ------------------------------------------------------------------------------ */

START_TEST(values_of_their_types_fit)
{
    static const char *const metadata[] = {
        "{}",
        "{\"byte\":-128,\"long\":9223372036854775807,\"float\":1.5e10}",
        "{\"byte\":[1,2,3],\"flag\":[true,false],\"when\":0}",
        "{\"when\":\"2020-01-01T00:00:00Z\",\"place\":{\"lat\":1,\"lon\":2},\"free\":{\"a\":[1]}}",
        "{\"place\":[1.5,2.5]}",
        "{\"box\":{\"w\":1,\"in\":{\"x\":true}},\"pick\":\"b\",\"open\":\"anything\"}",
        "{\"box\":[{\"w\":1},{\"w\":2}]}",
        "{\"byte\":null,\"text\":null}",
    };

    for (size_t i = 0; i < sizeof(metadata) / sizeof(metadata[0]); i++)
        ck_assert_msg(fits(metadata[i], false), "%s: " KDM_FMT, metadata[i],
                      KDM_ARG(mismatch.path));
}
END_TEST

START_TEST(other_values_are_refused_where_they_are)
{
    static const char *const rows[][2] = {
        { "{\"byte\":128}", "metadata.byte" },
        { "{\"byte\":1.5}", "metadata.byte" },
        { "{\"byte\":\"1\"}", "metadata.byte" },
        { "{\"byte\":[1,\"2\"]}", "metadata.byte" },
        { "{\"long\":9223372036854775808}", "metadata.long" },
        { "{\"float\":1e39}", "metadata.float" },
        { "{\"float\":\"x\"}", "metadata.float" },
        { "{\"text\":7}", "metadata.text" },
        { "{\"text\":\"\"}", "metadata.text" },
        { "{\"flag\":\"true\"}", "metadata.flag" },
        { "{\"flag\":0}", "metadata.flag" },
        { "{\"when\":true}", "metadata.when" },
        { "{\"when\":1.5}", "metadata.when" },
        { "{\"box\":3}", "metadata.box" },
        { "{\"box\":{\"h\":1}}", "metadata.box.h" },
        { "{\"box\":{\"in\":{\"x\":1}}}", "metadata.box.in.x" },
        { "{\"pick\":\"c\"}", "metadata.pick" },
        { "{\"more\":1}", "metadata.more" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ck_assert_msg(!fits(rows[i][0], false), "%s", rows[i][0]);
        assert_text(mismatch.path, rows[i][1]);
    }
}
END_TEST

START_TEST(blanks_clear_only_in_a_partial_update)
{
    ck_assert(fits("{\"byte\":\"\",\"flag\":\"\",\"text\":null}", false));
    assert_text(result, "{\"byte\":null,\"flag\":null,\"text\":null}");
    ck_assert(!fits("{\"byte\":\"\"}", true));
    ck_assert(!fits("{\"byte\":null}", true));
    assert_text(mismatch.path, "metadata.byte");
}
END_TEST

START_TEST(a_whole_update_needs_every_attribute)
{
    static const char all[] =
        "{\"byte\":1,\"long\":1,\"float\":1,\"text\":\"t\",\"flag\":true,\"when\":1,"
        "\"place\":\"1,2\",\"free\":1,\"box\":{},\"pick\":\"a\",\"open\":\"o\"}";

    ck_assert_msg(fits(all, true), KDM_FMT, KDM_ARG(mismatch.path));
    ck_assert(!fits("{\"byte\":1}", true));
    assert_text(mismatch.path, "metadata.long");
}
END_TEST

START_TEST(types_are_told_as_the_mapping_says)
{
    ck_assert_int_eq(kdm_dm_attribute_type(&model, KDM_STR("pick")), KDM_DM_ATTRIBUTE_ENUM);
    ck_assert_int_eq(kdm_dm_attribute_type(&model, KDM_STR("open")), KDM_DM_ATTRIBUTE_STRING);
    ck_assert_int_eq(kdm_dm_attribute_type(&model, KDM_STR("box")), KDM_DM_ATTRIBUTE_STRUCT);
    ck_assert_int_eq(kdm_dm_attribute_type(&model, KDM_STR("free")), KDM_DM_ATTRIBUTE_ANY);
}
END_TEST

/* --- identity -------------------------------------------------------------------------------- */

static bool apply(const char *old, struct kdm_dm_identity_edit edit)
{
    return kdm_dm_identity_apply(&arena, old == NULL ? KDM_VAL_NONE : json(old), &edit, &result,
                                 &mismatch);
}

START_TEST(a_partial_edit_keeps_what_is_not_given)
{
    static const char old[] =
        "{\"name\":{\"default\":\"n\",\"locales\":{}},\"timezone\":\"+01:00\","
        "\"tags\":{\"a\":\"1\",\"b\":\"2\"},\"etag\":4}";

    ck_assert(apply(old, (struct kdm_dm_identity_edit){ .tags = json("{\"b\":\"3\",\"c\":\"\"}"),
                                                        .remove_tags = json("[\"a\"]"),
                                                        .description = json("null") }));
    assert_text(result,
                "{\"etag\":4,\"name\":{\"default\":\"n\",\"locales\":{}},\"timezone\":\"+01:00\","
                "\"tags\":{\"b\":\"3\",\"c\":\"\"}}");
}
END_TEST

START_TEST(a_whole_edit_clears_it_and_leaves_nothing_behind)
{
    ck_assert(apply("{\"description\":\"d\",\"tags\":{\"a\":\"1\"}}",
                    (struct kdm_dm_identity_edit){ .whole = true }));
    ck_assert(kdm_str_none(result));
    ck_assert(apply(NULL, (struct kdm_dm_identity_edit){ .whole = true, .tags = json("{}") }));
    ck_assert(kdm_str_none(result));
}
END_TEST

START_TEST(time_zones_are_offsets_or_names)
{
    static const char *const good[] = { "\"+00:00\"", "\"+14:00\"", "\"-12:00\"",
                                        "\"Asia/Shanghai\"", "\"UTC\"" };
    static const char *const bad[] = {
        "\"+14:01\"",    "\"-12:01\"",           "\"+8:00\"",  "\"08:00\"", "\"\"", "5",
        "\"Mars/Base\"", "\"../../etc/passwd\"", "\"+00:60\"", "\"/UTC\""
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(apply(NULL, (struct kdm_dm_identity_edit){ .timezone = json(good[i]) }), "%s",
                      good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!apply(NULL, (struct kdm_dm_identity_edit){ .timezone = json(bad[i]) }), "%s",
                      bad[i]);
}
END_TEST

START_TEST(locales_are_stored_with_underscores)
{
    static const char *const bad[] = { "english", "e",     "EN",      "en_us",
                                       "en_USA",  "en_12", "en_US_x", "" };

    ck_assert(apply(NULL, (struct kdm_dm_identity_edit){
                              .name = json("{\"default\":\"\",\"locales\":{\"en-US\":\"a\",\"zh_"
                                           "Hans_CN\":\"b\",\"es-419\":\"c\"}}") }));
    assert_text(result, "{\"name\":{\"default\":\"\",\"locales\":{\"en_US\":\"a\",\"zh_Hans_CN\":"
                        "\"b\",\"es_419\":\"c\"}}}");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct kdm_str name =
            kdm_arena_printf(&arena, "{\"default\":\"\",\"locales\":{\"%s\":\"\"}}", bad[i]);

        ck_assert_msg(
            !apply(NULL, (struct kdm_dm_identity_edit){ .name = kdm_json_parse(&arena, name) }),
            "%s", bad[i]);
    }
}
END_TEST

START_TEST(the_version_to_lock_on_grows_where_there_is_one)
{
    assert_text(kdm_dm_next_etag(&arena, json("{\"dialect\":{\"etag\":9}}"),
                                 KDM_STR("{\"dialect\":{\"etag\":9,\"x\":1}}")),
                "{\"dialect\":{\"etag\":10,\"x\":1}}");
    assert_text(kdm_dm_next_etag(&arena, json("{\"dialect\":{}}"), KDM_STR("{\"a\":1}")),
                "{\"a\":1}");
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        values_of_their_types_fit,
        other_values_are_refused_where_they_are,
        blanks_clear_only_in_a_partial_update,
        a_whole_update_needs_every_attribute,
        types_are_told_as_the_mapping_says,
        a_partial_edit_keeps_what_is_not_given,
        a_whole_edit_clears_it_and_leaves_nothing_behind,
        time_zones_are_offsets_or_names,
        locales_are_stored_with_underscores,
        the_version_to_lock_on_grows_where_there_is_one,
    };

    return RUN("device manager: strictly by the model", tests, set_up, tear_down);
}
