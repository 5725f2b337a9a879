/* mapping_check_test.c - documents against mappings: types, strictness, what dynamic takes up. */
#include "../texts.h"
#include "store/mapping_value.h"
#include <stdio.h>
#include <time.h>

static struct kdm_failure failure;
static const struct kdm_mapping_place place = { { "i", 1 }, { "c", 1 } };

static struct kdm_mapping *made(const char *text)
{
    struct kdm_mapping *mapping = kdm_mapping_create(&arena, parse(text), &failure);

    ck_assert_msg(mapping != NULL, "%s: " KDM_FMT, text, KDM_ARG(failure.message));
    return mapping;
}

/* A strict mapping of one field `f`. */
static struct kdm_mapping *of_field(const char *definition)
{
    char text[512];

    snprintf(text, sizeof(text), "{\"dynamic\":\"strict\",\"properties\":{\"f\":%s}}", definition);
    return made(text);
}

static bool passes(const struct kdm_mapping *mapping, const char *document)
{
    struct kdm_str additions;

    return kdm_mapping_check(mapping, &arena, parse(document), &place, &additions, &failure);
}

static bool takes(const struct kdm_mapping *mapping, const char *value)
{
    char document[1024];

    snprintf(document, sizeof(document), "{\"f\":%s}", value);
    return passes(mapping, document);
}

/* `values`: JSON values, those behind NULL are refused; ends with a second NULL. */
static void assert_takes(const char *definition, const char *const *values)
{
    struct kdm_mapping *mapping = of_field(definition);
    bool good = true;

    for (; good || *values != NULL; values++) {
        if (*values == NULL) {
            good = false;
            continue;
        }
        ck_assert_msg(takes(mapping, *values) == good, "%s %s %s", definition,
                      good ? "refuses" : "takes", *values);
        if (good)
            continue;
        ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST);
        ck_assert(memmem(failure.message.ptr, failure.message.len, "\"f\"", 3) != NULL);
    }
    kdm_mapping_unref(mapping);
}

#define TYPE(name)  "{\"type\":\"" name "\"}"
#define VALUES(...) ((const char *const[]){ __VA_ARGS__, NULL })

START_TEST(each_type_takes_its_values)
{
    assert_takes(TYPE("keyword"), VALUES("\"a\"", "1", "1.5", "true", "null", "[]", "[\"a\",2]",
                                         "[[\"a\"]]", "\"\"", NULL, "{}", "[{}]", "{\"a\":1}"));
    assert_takes(TYPE("text"), VALUES("\"a b\"", "1", "false", "[null]", NULL, "{\"a\":1}"));
    assert_takes(TYPE("long"), VALUES("1", "-9223372036854775808", "9223372036854775807", "\"12\"",
                                      "\"\\u0031\"", "1.5", "\"1.5\"", "\"\"", "1e3",
                                      "[1,\"2\",null]", NULL, "9223372036854775808", "\"abc\"",
                                      "true", "{}", "\"1 \"", "\"0x10\"", "\"nan\"", "1e30"));
    assert_takes(TYPE("integer"), VALUES("2147483647", "-2147483648", "\"7\"", "0.9", NULL,
                                         "2147483648", "-2147483649", "\"2147483648\"", "false"));
    assert_takes(TYPE("short"), VALUES("32767", "-32768", NULL, "32768", "-32769", "[1,99999]"));
    assert_takes(TYPE("byte"), VALUES("127", "-128", "99", NULL, "128", "-129", "200"));
    assert_takes("{\"type\":\"integer\",\"coerce\":false}",
                 VALUES("1", "1.0", "1e2", NULL, "1.5", "\"1\""));
    assert_takes(TYPE("double"), VALUES("1", "-1.5e300", "\"1e5\"", "\".5\"", "1e-400", NULL,
                                        "\"x\"", "true", "\"1e999\"", "\"Infinity\""));
    assert_takes(TYPE("float"),
                 VALUES("1", "3.4e38", "\"1.5\"", NULL, "3.5e38", "1e39", "\"\\u0000\""));
    assert_takes(TYPE("half_float"), VALUES("65504", "1.5", NULL, "65520", "1e6"));
    assert_takes("{\"type\":\"scaled_float\",\"scaling_factor\":100}",
                 VALUES("1.23", "\"4\"", NULL, "1e300", "\"x\""));
    assert_takes(TYPE("boolean"),
                 VALUES("true", "false", "\"true\"", "\"false\"", "\"\"", "[true,null]", NULL, "1",
                        "0", "\"yes\"", "\"True\"", "{}"));
    assert_takes(TYPE("ip"),
                 VALUES("\"127.0.0.1\"", "\"::1\"", "\"2001:db8::ff\"", NULL, "\"1.2.3\"",
                        "\"1.2.3.4.5\"", "7", "\"localhost\"", "\"1.2.3.4\\u0000\""));
    assert_takes(TYPE("binary"), VALUES("\"aGk=\"", NULL, "1", "{}"));
    assert_takes(TYPE("flattened"),
                 VALUES("{\"a\":{\"b\":1}}", "null", "[{\"a\":1}]", NULL, "1", "\"a\""));
    assert_takes(TYPE("object"),
                 VALUES("{}", "null", "[{},null,[{}]]", NULL, "1", "\"a\"", "[1]", "true"));
    assert_takes(TYPE("nested"), VALUES("{}", "[{},{}]", "null", NULL, "\"a\"", "[{},3]"));
    assert_takes(TYPE("geo_shape"),
                 VALUES("{\"type\":\"Point\",\"coordinates\":[1,2]}", "\"POINT (1 2)\"",
                        "{\"type\":\"GeometryCollection\",\"geometries\":[]}", NULL, "{}", "1",
                        "{\"type\":\"Cube\",\"coordinates\":[]}", "\"hello\""));
}
END_TEST

START_TEST(dates_are_read_by_their_formats)
{
    assert_takes(TYPE("date"),
                 VALUES("1577934245000", "0", "-1", "\"2020\"", "\"2020-01\"", "\"2020-01-02\"",
                        "\"2020-01-02T03\"", "\"2020-01-02T03:04\"", "\"2020-01-02T03:04:05\"",
                        "\"2020-01-02T03:04:05Z\"", "\"2020-01-02T03:04:05.123Z\"",
                        "\"2020-01-02T03:04:05.123456789+02:00\"", "\"2020-01-02T03:04:05-0530\"",
                        "\"1577934245000\"", "1577934245000.5", "\"2020-02-29\"", "[1,\"2020\"]",
                        NULL, "\"2019-02-29\"", "\"2020-13-01\"", "\"2020-1-1\"", "\"yesterday\"",
                        "\"\"", "true", "\"2020-01-02 03:04:05\"", "\"2020-01-02T25:00:00Z\"",
                        "\"2020-01-02T03:04:05.Z\"", "\"2020-01-02T03:60:05Z\"", "{}", "1e30"));
    assert_takes("{\"type\":\"date\",\"format\":\"epoch_second\"}",
                 VALUES("1577934245", "\"1577934245\"", "1.5", NULL, "\"2020-01-01\"",
                        "9223372036854775807"));
    assert_takes("{\"type\":\"date\",\"format\":\"yyyy-MM-dd HH:mm:ss||dd/MM/yyyy||yyyyMMdd\"}",
                 VALUES("\"2020-01-02 03:04:05\"", "\"31/12/2020\"", "\"20200102\"", "20200102",
                        NULL, "\"2020-01-02\"", "\"31-12-2020\"", "1577934245000"));
    assert_takes("{\"type\":\"date\",\"format\":\"d MMM yyyy hh:mm a['at' z]\"}",
                 VALUES("\"2 Jan 2020 03:04 PM\"", "\"12 February 2020 12:00 AMat UTC\"", NULL,
                        "\"2 Foo 2020 03:04 PM\"", "\"2 Jan 2020 13:04 PM\"",
                        "\"2 Jan 2020 03:04\""));
    assert_takes("{\"type\":\"date\",\"format\":\"date_optional_time\"}",
                 VALUES("\"2020-1-2\"", "\"2020-1-2T3:4:5Z\"", NULL, "\"x\""));
    assert_takes("{\"type\":\"date\",\"format\":\"basic_date\"}",
                 VALUES("\"20200102\"", NULL, "\"2020-01-02\"", "\"20201302\""));
}
END_TEST

START_TEST(points_come_in_all_notations)
{
    assert_takes(TYPE("geo_point"),
                 VALUES("{\"lat\":48.8,\"lon\":2.3}", "{\"lon\":\"2.3\",\"lat\":\"48.8\"}",
                        "\"48.8,2.3\"", "\"48.8, 2.3\"", "\"u09tvw0\"", "[2.3,48.8]",
                        "[2.3,48.8,10]", "\"POINT (2.3 48.8)\"", "\"point(2.3 48.8 1)\"",
                        "[[2.3,48.8],{\"lat\":1,\"lon\":2},\"1,2\"]", "null", "[]",
                        "{\"type\":\"Point\",\"coordinates\":[2,48]}", "{\"geohash\":\"u09\"}",
                        NULL, "{\"lat\":91,\"lon\":0}", "{\"lat\":1}", "{\"lat\":1,\"lng\":2}",
                        "\"a,b\"", "\"abc\"", "[1]", "[1,2,3,4]", "[181,0]", "7", "true",
                        "\"POINT (1)\"", "{\"lat\":1,\"lon\":2,\"x\":3}", "\"\"", "[1,\"2\"]",
                        "{\"type\":\"Point\",\"coordinates\":{\"lon\":1,\"lat\":2}}"));
}
END_TEST

static void assert_box(const char *shape, double north, double west, double south, double east)
{
    struct kdm_val value = kdm_json_parse(&arena, kdm_str_of(shape));
    struct kdm_point box[2];

    ck_assert_msg(kdm_geo_shape_box(&arena, value, box), "%s", shape);
    ck_assert_double_eq_tol(box[0].lat, north, 1e-3);
    ck_assert_double_eq_tol(box[0].lon, west, 1e-3);
    ck_assert_double_eq_tol(box[1].lat, south, 1e-3);
    ck_assert_double_eq_tol(box[1].lon, east, 1e-3);
}

START_TEST(shapes_have_a_box_around_them)
{
    static const char *const bad[] = {
        "\"POINT 1 2\"",
        "\"POINT (1 2\"",
        "\"POINT (1 2) x\"",
        "\"POINT (1 91)\"",
        "\"BBOX (1, 2, 3)\"",
        "\"BBOX (1, 2, 3, 4)\"",
        "\"GEOMETRYCOLLECTION (POINT (1 2)\"",
        "{\"type\":\"Polygon\",\"coordinates\":[[1,2],[3,4]]}",
        "{\"type\":\"Point\",\"coordinates\":[1]}",
        "{\"type\":\"Point\",\"coordinates\":[1,\"2\"]}",
        "{\"type\":\"circle\",\"coordinates\":{\"lon\":1,\"lat\":2},\"radius\":1}",
        "{\"type\":\"envelope\",\"coordinates\":[[1,2]]}",
        "{\"type\":\"envelope\",\"coordinates\":[[1,2],[3,4]]}",
        "{\"type\":\"circle\",\"coordinates\":[1,2]}",
        "{\"type\":\"circle\",\"coordinates\":[1,2],\"radius\":\"far\"}",
        "{\"type\":\"GeometryCollection\",\"geometries\":[{\"type\":\"Cube\"}]}",
    };

    assert_box("\"POINT (1 2)\"", 2, 1, 2, 1);
    assert_box("\"Polygon ((0 0, 4 0, 4 3 9, 0 0),(1 1, 2 2, 1 1))\"", 3, 0, 0, 4);
    assert_box("\"MULTIPOINT ((1 2), (3 -4))\"", 2, 1, -4, 3);
    assert_box("\"GEOMETRYCOLLECTION (POINT (1 2), LINESTRING (3 4, 5 6))\"", 6, 1, 2, 5);
    assert_box("\"BBOX (170, -170, 5, -5)\"", 5, 170, -5, -170);
    assert_box(
        "{\"type\":\"MultiPolygon\",\"coordinates\":[[[[0,0],[1,1],[0,1],[0,0]]],[[[7,7],[8,8],"
        "[7,8],[7,7]]]]}",
        8, 0, 0, 8);
    assert_box("{\"type\":\"envelope\",\"coordinates\":[[-1,2],[3,-4]]}", 2, -1, -4, 3);
    assert_box("{\"type\":\"circle\",\"coordinates\":[10,0],\"radius\":\"111.195km\"}", 1, 8.9998,
               -1, 11.0002);
    assert_box(
        "{\"type\":\"geometrycollection\",\"geometries\":[{\"type\":\"envelope\",\"coordinates\":"
        "[[170,1],[-170,0]]},{\"type\":\"point\",\"coordinates\":[0,5]}]}",
        5, -180, 0, 180);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!kdm_geo_shape_valid(&arena, kdm_json_parse(&arena, kdm_str_of(bad[i]))),
                      "%s", bad[i]);
}
END_TEST

START_TEST(ignore_malformed_lets_values_through)
{
    struct kdm_mapping *mapping = of_field("{\"type\":\"integer\",\"ignore_malformed\":true}");

    ck_assert(takes(mapping, "\"abc\""));
    ck_assert(takes(mapping, "99999999999"));
    ck_assert(!takes(mapping, "{}"));
    kdm_mapping_unref(mapping);
}
END_TEST

START_TEST(multi_fields_read_the_same_value)
{
    struct kdm_mapping *mapping =
        of_field("{\"type\":\"keyword\",\"fields\":{\"n\":{\"type\":\"integer\"}}}");

    ck_assert(takes(mapping, "\"12\""));
    ck_assert(!takes(mapping, "\"x\""));
    ck_assert(memmem(failure.message.ptr, failure.message.len, "f.n", 3) != NULL);
    kdm_mapping_unref(mapping);
}
END_TEST

START_TEST(a_keyword_beyond_the_term_limit_is_refused_unless_ignored)
{
    struct kdm_mapping *plain = of_field(TYPE("keyword"));
    struct kdm_mapping *ignored = of_field("{\"type\":\"keyword\",\"ignore_above\":256}");
    char *document = malloc(40000);
    size_t at = 0;

    at += (size_t)sprintf(document, "{\"f\":\"");
    memset(document + at, 'x', 33000);
    strcpy(document + at + 33000, "\"}");
    ck_assert(!passes(plain, document));
    ck_assert_uint_lt(failure.message.len, 300);
    ck_assert(passes(ignored, document));
    free(document);
    kdm_mapping_unref(plain);
    kdm_mapping_unref(ignored);
}
END_TEST

static void assert_strict(const struct kdm_mapping *mapping, const char *document,
                          const char *field)
{
    ck_assert_msg(!passes(mapping, document), "%s", document);
    ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_STRICT_MAPPING_REJECTION);
    ck_assert_uint_eq(failure.prop_count, 3);
    ck_assert_msg(kdm_str_eq(failure.props[0], kdm_str_of(field)), KDM_FMT " %s",
                  KDM_ARG(failure.props[0]), field);
    ck_assert(kdm_str_eq(failure.props[1], place.index));
}

START_TEST(a_strict_mapping_names_the_unknown_field)
{
    struct kdm_mapping *mapping =
        made("{\"dynamic\":\"strict\",\"properties\":{\"a\":{\"properties\":{\"b\":{\"type\":"
             "\"long\"}}},"
             "\"free\":{\"type\":\"object\",\"dynamic\":\"false\"},\"off\":{\"type\":\"object\","
             "\"enabled\":false}}}");

    ck_assert(passes(mapping, "{}"));
    ck_assert(passes(mapping, "{\"a\":{\"b\":1},\"free\":{\"x\":{\"y\":1}},\"off\":7}"));
    ck_assert(passes(mapping, "{\"a.b\":1,\"off\":{\"x\":1}}"));
    ck_assert(passes(mapping, "{\"_kuzzle_info\":{\"anything\":{}}}"));
    assert_strict(mapping, "{\"x\":1}", "x");
    assert_strict(mapping, "{\"x\":null}", "x");
    assert_strict(mapping, "{\"a\":{\"c\":1}}", "c");
    assert_strict(mapping, "{\"a\":[{\"b\":1},{\"d\":1}]}", "d");
    assert_strict(mapping, "{\"a.c\":1}", "c");
    assert_strict(mapping, "{\"z.c\":1}", "z");
    assert_strict(mapping, "{\"a\":{\"_kuzzle_info\":1}}", "_kuzzle_info");
    assert_strict(mapping, "{\"\":1}", "");
    assert_strict(mapping, "{\"\\u0061\\u0062\":1}", "ab");
    ck_assert(!passes(mapping, "{\"a.b\":\"x\"}"));
    ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST);
    ck_assert(!passes(mapping, "{\"a.b.c\":1}"));
    ck_assert_int_eq(failure.err, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST);
    kdm_mapping_unref(mapping);
}
END_TEST

START_TEST(a_mapping_that_is_not_dynamic_ignores_the_rest)
{
    struct kdm_mapping *mapping = made("{\"properties\":{\"a\":{\"type\":\"long\"}}}");

    ck_assert(
        passes(mapping, "{\"x\":{\"y\":[1,{}]},\"\":1,\"a.\":1,\".\":2,\"a..b\":3,\"q.r\":4}"));
    ck_assert(!passes(mapping, "{\"a\":\"x\"}"));
    ck_assert(!passes(mapping, "[]"));
    kdm_mapping_unref(mapping);
}
END_TEST

static void assert_brings(const char *definition, const char *document, const char *expected)
{
    struct kdm_mapping *mapping = made(definition);
    struct kdm_str additions = KDM_STR("?"), text;
    bool changed;

    ck_assert_msg(kdm_mapping_check(mapping, &arena, parse(document), &place, &additions, &failure),
                  "%s: " KDM_FMT, document, KDM_ARG(failure.message));
    if (expected == NULL) {
        ck_assert(kdm_str_none(additions));
    } else {
        ck_assert_msg(kdm_str_eq(additions, kdm_str_of(expected)), KDM_FMT "\n%s",
                      KDM_ARG(additions), expected);
        ck_assert(kdm_mapping_merge(mapping, &arena, kdm_json_parse(&arena, additions), &text,
                                    &changed, &failure));
        ck_assert(changed);
    }
    kdm_mapping_unref(mapping);
}

#define DYNAMIC "{\"dynamic\":\"true\"}"
#define STRING                                                                                     \
    "{\"type\":\"text\",\"fields\":{\"keyword\":{\"type\":\"keyword\",\"ignore_above\":256}}}"

START_TEST(a_dynamic_mapping_takes_new_fields_up)
{
    assert_brings(DYNAMIC, "{\"a\":\"x\"}", "{\"properties\":{\"a\":" STRING "}}");
    assert_brings(
        DYNAMIC,
        "{\"i\":1,\"f\":1.5,\"b\":true,\"d\":\"2020-01-02T03:04:05Z\",\"o\":{\"x\":1,\"e\":{}},"
        "\"n\":null,\"l\":[],\"ll\":[null,[2]],\"big\":99999999999999999999}",
        "{\"properties\":{\"i\":{\"type\":\"long\"},\"f\":{\"type\":\"float\"},\"b\":{\"type\":"
        "\"boolean\"},\"d\":{\"type\":\"date\"},\"o\":{\"properties\":{\"x\":{\"type\":\"long\"},"
        "\"e\":{\"type\":\"object\",\"properties\":{}}}},\"ll\":{\"type\":\"long\"},\"big\":{"
        "\"type\":\"float\"}}}");
    assert_brings(DYNAMIC, "{\"a\":[{\"x\":1},{\"y\":\"2020\"},{\"x\":2}]}",
                  "{\"properties\":{\"a\":{\"properties\":{\"x\":{\"type\":\"long\"},\"y\":" STRING
                  "}}}}");
    assert_brings(
        DYNAMIC, "{\"a.b\":1,\"a\":{\"c\":true}}",
        "{\"properties\":{\"a\":{\"properties\":{\"b\":{\"type\":\"long\"},\"c\":{\"type\":"
        "\"boolean\"}}}}}");
    assert_brings(DYNAMIC, "{\"a\":null,\"b\":[]}", NULL);
    assert_brings(DYNAMIC, "{\"_kuzzle_info\":{\"x\":1}}", NULL);
    assert_brings("{\"dynamic\":\"true\",\"properties\":{\"a\":{\"type\":\"long\"},\"n\":{\"type\":"
                  "\"nested\",\"properties\":{\"x\":{\"type\":\"ip\"}}},\"o\":{\"type\":\"object\","
                  "\"dynamic\":\"false\"}}}",
                  "{\"a\":1,\"n\":[{\"x\":\"::1\"},{\"y\":1}],\"o\":{\"z\":1}}",
                  "{\"properties\":{\"n\":{\"type\":\"nested\",\"properties\":{\"y\":{\"type\":"
                  "\"long\"}}}}}");
    assert_brings(
        "{\"dynamic\":\"strict\",\"properties\":{\"o\":{\"type\":\"object\",\"dynamic\":true}}}",
        "{\"o\":{\"p\":{\"q\":1}}}",
        "{\"properties\":{\"o\":{\"properties\":{\"p\":{\"properties\":{\"q\":{\"type\":\"long\"}}}"
        "}}}}");
}
END_TEST

START_TEST(what_dynamic_can_not_take_up_is_refused)
{
    struct kdm_mapping *mapping = made(DYNAMIC);
    struct kdm_buf buf;

    ck_assert(!passes(mapping, "{\"a\":[1,\"x\"]}"));
    ck_assert(!passes(mapping, "{\"a\":[{\"b\":1},2]}"));
    ck_assert(!passes(mapping, "{\"a\":[2,{\"b\":1}]}"));
    ck_assert(!passes(mapping, "{\"\":1}"));
    ck_assert(!passes(mapping, "{\"a..b\":1}"));
    ck_assert(!passes(mapping, "{\"a.\":1}"));
    ck_assert(!passes(mapping, "{\"x\":{\"\":1}}"));
    kdm_buf_init(&buf, &arena, 100);
    for (int i = 0; i < 60; i++)
        kdm_buf_lit(&buf, "{\"a\":");
    kdm_buf_lit(&buf, "1");
    for (int i = 0; i < 60; i++)
        kdm_buf_lit(&buf, "}");
    kdm_buf_char(&buf, '\0');
    ck_assert(!passes(mapping, buf.ptr));
    buf.len = 0;
    kdm_buf_lit(&buf, "{");
    for (int i = 0; i < 1001; i++)
        kdm_buf_printf(&buf, "%s\"f%d\":1", i == 0 ? "" : ",", i);
    kdm_buf_lit(&buf, "}");
    kdm_buf_char(&buf, '\0');
    ck_assert(!passes(mapping, buf.ptr));
    kdm_mapping_unref(mapping);
}
END_TEST

START_TEST(dates_and_days_agree)
{
    const struct kdm_date_format *format = kdm_date_format_default();
    int64_t ms, year;
    int month, day;

    ck_assert(kdm_date_parse(format, KDM_STR("2020-01-02T03:04:05.678Z"), false, &ms));
    ck_assert_int_eq(ms, 1577934245678);
    ck_assert(kdm_date_parse(format, KDM_STR("2020-01-02T03:04:05.678+01:30"), false, &ms));
    ck_assert_int_eq(ms, 1577934245678 - 5400000);
    ck_assert(kdm_date_parse(format, KDM_STR("2020-01-02"), true, &ms));
    ck_assert_int_eq(ms, 1577923200000 + 86399999);
    ck_assert(kdm_date_parse(format, KDM_STR("1969-12-31T23:59:59.999Z"), false, &ms));
    ck_assert_int_eq(ms, -1);
    for (int64_t days = -800000; days < 800000; days += 367) {
        kdm_date_civil(days, &year, &month, &day);
        ck_assert_int_eq(kdm_date_days(year, month, day), days);
    }
}
END_TEST

START_TEST(numbers_compare_without_loss)
{
    struct kdm_number big = kdm_number_int(9007199254740993),
                      near = kdm_number_int(9007199254740992);
    struct kdm_number half = kdm_number_double(0.5), zero = kdm_number_int(0);

    ck_assert_int_gt(kdm_number_cmp(big, near), 0);
    ck_assert_int_gt(kdm_number_cmp(big, kdm_number_double(9007199254740992.0)), 0);
    ck_assert_int_gt(kdm_number_cmp(half, zero), 0);
    ck_assert_int_lt(kdm_number_cmp(kdm_number_double(-0.5), zero), 0);
    ck_assert_int_lt(kdm_number_cmp(zero, kdm_number_double(1e300)), 0);
    ck_assert_int_gt(kdm_number_cmp(zero, kdm_number_double(-1e300)), 0);
    ck_assert_int_eq(kdm_number_cmp(kdm_number_double(3.0), kdm_number_int(3)), 0);
}
END_TEST

START_TEST(random_documents_never_break_it)
{
    static const char *const pieces[] = { "{",    "}",     "[",       "]",    ",",
                                          ":",    "\"f\"", "\"a.b\"", "1",    "\"2020\"",
                                          "null", "true",  "\"\"",    "-1.5", "\"x\"" };
    struct kdm_mapping *mapping =
        made("{\"dynamic\":\"true\",\"properties\":{\"f\":{\"type\":\"geo_point\"},\"x\":{\"type\":"
             "\"nested\",\"dynamic\":\"strict\"}}}");
    unsigned seed = (unsigned)time(NULL), scanned = 0;

    fprintf(stderr, "seed %u\n", seed);
    for (int i = 0; i < 200000; i++) {
        char text[256] = "{\"f\":";
        struct kdm_str additions;
        struct kdm_json doc;
        int count = (int)(rand_r(&seed) % 9);

        for (int j = 0; j <= count; j++)
            strcat(text, pieces[(unsigned)rand_r(&seed) % (sizeof(pieces) / sizeof(pieces[0]))]);
        strcat(text, "}");
        if (kdm_json_scan(&arena, kdm_str_of(text), &doc, NULL)) {
            scanned++;
            kdm_mapping_check(mapping, &arena, kdm_json_root(&doc), &place, &additions, &failure);
        }
        kdm_arena_reset(&arena);
    }
    ck_assert_uint_gt(scanned, 100);
    kdm_mapping_unref(mapping);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mapping_check");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, each_type_takes_its_values);
    tcase_add_test(tcase, dates_are_read_by_their_formats);
    tcase_add_test(tcase, points_come_in_all_notations);
    tcase_add_test(tcase, shapes_have_a_box_around_them);
    tcase_add_test(tcase, ignore_malformed_lets_values_through);
    tcase_add_test(tcase, multi_fields_read_the_same_value);
    tcase_add_test(tcase, a_keyword_beyond_the_term_limit_is_refused_unless_ignored);
    tcase_add_test(tcase, a_strict_mapping_names_the_unknown_field);
    tcase_add_test(tcase, a_mapping_that_is_not_dynamic_ignores_the_rest);
    tcase_add_test(tcase, a_dynamic_mapping_takes_new_fields_up);
    tcase_add_test(tcase, what_dynamic_can_not_take_up_is_refused);
    tcase_add_test(tcase, dates_and_days_agree);
    tcase_add_test(tcase, numbers_compare_without_loss);
    tcase_add_test(tcase, random_documents_never_break_it);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
