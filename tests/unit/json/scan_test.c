/* scan_test.c - what is JSON here and what is not, and what the index says. */
#include "../texts.h"
#include "json/json.h"

static struct kdm_json doc;
static struct kdm_json_error error;

/* Scans a copy of exactly the text's length, so that a read beyond its end is seen. */
static bool scans(struct kdm_str text)
{
    char *copy = kdm_malloc(text.len);
    bool ok;

    if (text.len > 0)
        memcpy(copy, text.ptr, text.len);
    ok = kdm_json_scan(&arena, (struct kdm_str){ copy, text.len }, &doc, &error);
    free(copy);
    return ok;
}

static bool scan(const char *text)
{
    return scans(kdm_str_of(text));
}

START_TEST(every_kind_of_value_stands_alone)
{
    static const struct {
        const char *text;
        enum kdm_json_type type;
    } values[] = { { "null", KDM_JSON_NULL },         { "false", KDM_JSON_FALSE },
                   { "true", KDM_JSON_TRUE },         { "-12.5e+3", KDM_JSON_NUMBER },
                   { "0", KDM_JSON_NUMBER },          { "\"\"", KDM_JSON_STRING },
                   { "[]", KDM_JSON_ARRAY },          { "{}", KDM_JSON_OBJECT },
                   { " \t\r\n[ ] ", KDM_JSON_ARRAY }, { "{ }", KDM_JSON_OBJECT } };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        ck_assert_msg(scan(values[i].text), "%s", values[i].text);
        ck_assert_uint_eq(doc.count, 1);
        ck_assert_uint_eq(doc.nodes[0].type, values[i].type);
        ck_assert_uint_eq(doc.nodes[0].next, 1);
    }
}
END_TEST

START_TEST(what_is_no_json_is_refused_where_it_goes_wrong)
{
    static const struct {
        const char *text;
        size_t at;
    } wrong[] = {
        { "", 0 },
        { " ", 1 },
        { "nul", 0 },
        { "True", 0 },
        { "nulll", 4 },
        { "1 2", 2 },
        { "[1,]", 3 },
        { "[,1]", 1 },
        { "[1 2]", 3 },
        { "[1}", 2 },
        { "[", 1 },
        { "]", 0 },
        { "{", 1 },
        { "{1:2}", 1 },
        { "{\"a\"}", 4 },
        { "{\"a\" 1}", 5 },
        { "{\"a\":}", 5 },
        { "{\"a\":1,}", 7 },
        { "{\"a\":1 \"b\"", 7 },
        { "{\"a\":1]", 6 },
        { "{,}", 1 },
        { "\"a", 2 },
        { "'a'", 0 },
        { "//x\n1", 0 },
        { "\xef\xbb\xbf{}", 0 },
        { "1\f", 1 },
        { "[1]x", 3 },
        { "{\"a\":1}}", 7 },
        { "\"\t\"", 1 },
        { "\"\x1f\"", 1 },
        { "-", 0 },
        { "+1", 0 },
        { "01", 0 },
        { "-01", 0 },
        { ".5", 0 },
        { "1.", 0 },
        { "1.e3", 0 },
        { "1e", 0 },
        { "1e+", 0 },
        { "0x10", 1 },
        { "NaN", 0 },
        { "-Infinity", 0 },
        { "1e5.5", 3 },
        { "--1", 0 },
    };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_msg(!scan(wrong[i].text), "%s", wrong[i].text);
        ck_assert_msg(error.at == wrong[i].at, "%s at %zu", wrong[i].text, error.at);
        ck_assert_ptr_nonnull(error.reason);
    }
    ck_assert(!kdm_json_scan(&arena, KDM_STR("{"), &doc, NULL));
    ck_assert(!scans(KDM_STR_NONE));
    ck_assert(!scans(KDM_STR("1\0")));
    ck_assert(!scans(KDM_STR("\"a\0b\"")));
}
END_TEST

START_TEST(escapes_are_checked)
{
    static const char *const right[] = { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                                         "\"\\u0000\"",
                                         "\"\\uFfFf\"",
                                         "\"\\ud800\\udc00\"",
                                         "\"\\uDBFF\\uDFFF\"",
                                         "{\"\\u0000\":1}" };
    static const char *const wrong[] = { "\"\\",
                                         "\"\\\"",
                                         "\"\\x\"",
                                         "\"\\u\"",
                                         "\"\\u12\"",
                                         "\"\\u12g4\"",
                                         "\"\\ud800\"",
                                         "\"\\ud800x\"",
                                         "\"\\ud800\\n\"",
                                         "\"\\ud800\\ud800\"",
                                         "\"\\ud800\\u0041\"",
                                         "\"\\udc00\"",
                                         "\"\\udfff\"",
                                         "\"\\ud800\\u",
                                         "\"\\u00:0\"",
                                         "\"\\u00/0\"",
                                         "\"\\u00@0\"",
                                         "\"\\U0041\"" };

    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        ck_assert_msg(scan(right[i]), "%s", right[i]);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!scan(wrong[i]), "%s", wrong[i]);
}
END_TEST

static bool scan_quoted(const char *bytes, size_t len)
{
    char text[16] = "\"";

    memcpy(text + 1, bytes, len);
    text[len + 1] = '"';
    return scans((struct kdm_str){ text, len + 2 });
}

START_TEST(every_code_point_but_surrogates_is_valid_utf8)
{
    for (unsigned code = 0x80; code < 0x110000; code += code < 0x3000 ? 1 : 61) {
        char bytes[4];
        size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

        for (size_t i = len; i-- > 1;)
            bytes[i] = (char)(0x80 | (code >> 6 * (len - 1 - i) & 0x3f));
        bytes[0] = (char)((0xf00 >> len & 0xff) | code >> 6 * (len - 1));
        ck_assert_msg(scan_quoted(bytes, len) == (code < 0xd800 || code > 0xdfff), "%x", code);
    }
}
END_TEST

START_TEST(broken_utf8_is_refused)
{
    static const char *const wrong[] = { "\x80",
                                         "\xbf",
                                         "\xc0\x80",
                                         "\xc1\xbf",
                                         "\xc3",
                                         "\xc3(",
                                         "\xe0\x80\x80",
                                         "\xe0\x9f\xbf",
                                         "\xe2\x82",
                                         "\xe2\x28\xa1",
                                         "\xed\xa0\x80",
                                         "\xed\xbf\xbf",
                                         "\xf0\x80\x80\x80",
                                         "\xf0\x8f\xbf\xbf",
                                         "\xf4\x90\x80\x80",
                                         "\xf5\x80\x80\x80",
                                         "\xf0\x9f\x98",
                                         "\xfe",
                                         "\xff",
                                         "\xc3\xa9\x80",
                                         "\xe2\x82\xac\xc3",
                                         "a\xff" };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!scan_quoted(wrong[i], strlen(wrong[i])), "number %zu", i);
}
END_TEST

/* The 16-byte steps, their rests, and the ends of both. */
START_TEST(a_special_character_is_seen_wherever_it_stands)
{
    char text[80];

    for (size_t len = 0; len < 70; len++) {
        memset(text, 'x', sizeof(text));
        text[0] = '"';
        text[len + 1] = '"';
        ck_assert(scans((struct kdm_str){ text, len + 2 }));
        ck_assert_uint_eq(doc.nodes[0].len, len + 2);
        ck_assert_uint_eq(doc.nodes[0].flags, 0);
        for (size_t at = 1; at <= len; at++) {
            text[at] = '\n';
            ck_assert(!scans((struct kdm_str){ text, len + 2 }));
            ck_assert_uint_eq(error.at, at);
            text[at] = '\xff';
            ck_assert(!scans((struct kdm_str){ text, len + 2 }));
            text[at] = '"';
            ck_assert(!scans((struct kdm_str){ text, len + 2 }));
            ck_assert_uint_eq(error.at, at + 1);
            text[at] = 'x';
        }
    }
}
END_TEST

START_TEST(a_number_beyond_a_double_is_refused)
{
    static const char *const right[] = { "1e308",
                                         "1.7976931348623157e308",
                                         "-1.7976931348623158e308",
                                         "0e999999999999999999999",
                                         "0.0e99999",
                                         "1e-99999999999999999999",
                                         "0.000001e314",
                                         "17976931348623157e292",
                                         "1e+308",
                                         "5e-324",
                                         "-0.0",
                                         "123456789012345678901234567890" };
    static const char *const wrong[] = { "1e309",       "1.7976931348623159e308",
                                         "-1.8e308",    "1e99999999999999999999999",
                                         "0.00001e314", "17976931348623159e292",
                                         "10e308" };
    char digits[700];

    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        ck_assert_msg(scan(right[i]), "%s", right[i]);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!scan(wrong[i]), "%s", wrong[i]);
    memset(digits, '1', sizeof(digits));
    ck_assert(scans((struct kdm_str){ digits, 309 }));
    ck_assert(!scans((struct kdm_str){ digits, 310 }));
    digits[1] = '.';
    ck_assert(scans((struct kdm_str){ digits, 700 }));
}
END_TEST

/* 2^1024 - 2^970, where rounding starts to give infinity, and one less. */
START_TEST(the_limit_of_a_double_is_exact)
{
    static const char limit[] = "179769313486231580793728971405303415079934132710037826936173778980"
                                "44496829276475094664901797"
                                "758720709633028641669288791094655554785194040263065748867150582068"
                                "19089020007083836762738548"
                                "458177115317644757302700698555713669596228429148198608349364752927"
                                "19074168444365510704342711"
                                "559699508093042880177904174497792";
    char text[sizeof(limit)];

    memcpy(text, limit, sizeof(limit));
    ck_assert_uint_eq(strlen(text), 309);
    ck_assert(!scan(text));
    text[308] = '1';
    ck_assert(scan(text));
}
END_TEST

static struct kdm_str nested(char open, char close, size_t levels)
{
    char *text = kdm_arena_alloc(&arena, levels * 2);

    memset(text, open, levels);
    memset(text + levels, close, levels);
    return (struct kdm_str){ text, levels * 2 };
}

START_TEST(a_hundred_levels_are_enough)
{
    ck_assert(scans(nested('[', ']', KDM_JSON_MAX_DEPTH)));
    ck_assert(!scans(nested('[', ']', KDM_JSON_MAX_DEPTH + 1)));
    ck_assert_str_eq(error.reason, "too many levels");
    ck_assert_uint_eq(error.at, KDM_JSON_MAX_DEPTH);
    ck_assert(!scans(nested('[', ']', 500000)));
}
END_TEST

START_TEST(our_own_text_may_be_twice_as_deep)
{
    struct kdm_val val = kdm_json_parse(&arena, nested('[', ']', 2 * KDM_JSON_MAX_DEPTH));

    ck_assert_uint_eq(kdm_val_count(val), 1);
}
END_TEST

START_TEST(more_than_a_million_values_are_refused)
{
    size_t most = KDM_JSON_MAX_NODES;
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 2 * most + 8);
    kdm_buf_char(&buf, '[');
    for (size_t i = 0; i < most - 1; i++)
        kdm_buf_put(&buf, i == 0 ? KDM_STR("1") : KDM_STR(",1"));
    kdm_buf_char(&buf, ']');
    ck_assert(scans(kdm_buf_str(&buf)));
    ck_assert_uint_eq(doc.count, most);
    buf.len--;
    kdm_buf_lit(&buf, ",1]");
    ck_assert(!scans(kdm_buf_str(&buf)));
    ck_assert_str_eq(error.reason, "too many values");
}
END_TEST

START_TEST(the_index_follows_the_text)
{
    static const char text[] = "{\"a\":[1,{\"b\":2.5}],\"\\u0063\":\"x\"}";
    struct kdm_val root = kdm_json_parse(&arena, KDM_STR(text));
    const struct kdm_json_node *nodes = root.doc->nodes;

    ck_assert_uint_eq(root.doc->count, 9);
    ck_assert_uint_eq(nodes[0].count, 2);
    ck_assert_uint_eq(nodes[0].next, 9);
    ck_assert_uint_eq(nodes[2].type, KDM_JSON_ARRAY);
    ck_assert_uint_eq(nodes[2].count, 2);
    ck_assert_uint_eq(nodes[2].next, 7);
    ck_assert_uint_eq(nodes[3].flags, KDM_JSON_INTEGER);
    ck_assert_uint_eq(nodes[6].flags, 0);
    ck_assert_uint_eq(nodes[7].flags, KDM_JSON_ESCAPED);
    ck_assert_uint_eq(nodes[8].at, sizeof(text) - 5);
    ck_assert_uint_eq(nodes[8].len, 3);
}
END_TEST

static unsigned root_flags(const char *text)
{
    ck_assert_msg(scan(text), "%s", text);
    return doc.nodes[0].flags;
}

START_TEST(a_name_that_stands_twice_is_noticed_also_in_disguise)
{
    ck_assert_uint_eq(root_flags("{\"a\":1,\"b\":2}"), 0);
    ck_assert_uint_eq(root_flags("{\"a\":1,\"a\":2}"), KDM_JSON_DUPLICATE);
    ck_assert_uint_eq(root_flags("{\"a\":1,\"\\u0061\":2}"), KDM_JSON_DUPLICATE);
    ck_assert_uint_eq(root_flags("{\"\":1,\"\":2}"), KDM_JSON_DUPLICATE);
    ck_assert_uint_eq(root_flags("{\"a\":{\"a\":1}}"), 0);
    ck_assert_uint_eq(root_flags("[[{\"a\":1,\"a\":2}]]"), KDM_JSON_DIRTY);
    ck_assert_uint_eq(root_flags("{\"a\":[],\"b\":{\"c\":0,\"c\":0}}"), KDM_JSON_DIRTY);
    ck_assert_uint_eq(root_flags("{\"\\u0000\":1,\"\\u0000\":2}"), KDM_JSON_DUPLICATE);
}
END_TEST

static unsigned flags_of_many(unsigned members, bool repeat)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 16 * members);
    kdm_buf_char(&buf, '{');
    for (unsigned i = 0; i < members; i++)
        kdm_buf_printf(&buf, "\"%u\":0,", i);
    kdm_buf_printf(&buf, "\"%s\":1}", repeat ? "0" : "x");
    ck_assert(scans(kdm_buf_str(&buf)));
    return doc.nodes[0].flags;
}

START_TEST(a_name_that_stands_twice_is_noticed_among_any_number)
{
    for (unsigned members = 1; members < 3000; members += 1 + members / 10) {
        ck_assert_uint_eq(flags_of_many(members, false), 0);
        ck_assert_uint_eq(flags_of_many(members, true), KDM_JSON_DUPLICATE);
    }
    ck_assert_uint_eq(flags_of_many(100000, true), KDM_JSON_DUPLICATE);
}
END_TEST

START_TEST(white_space_between_tokens_is_noticed_where_it_stands)
{
    ck_assert_uint_eq(root_flags(" {\"a b\":\" \"} "), 0);
    ck_assert_uint_eq(root_flags("{ }"), KDM_JSON_SPACED);
    ck_assert_uint_eq(root_flags("{\"a\" :1}"), KDM_JSON_SPACED);
    ck_assert_uint_eq(root_flags("[[1,\n2],[3]]"), KDM_JSON_SPACED);
    ck_assert_uint_eq(doc.nodes[1].flags, KDM_JSON_SPACED);
    ck_assert_uint_eq(doc.nodes[4].flags, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scan");
    TCase *tcase = tcase_create("scan");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, open_arena, close_arena);
    tcase_add_test(tcase, every_kind_of_value_stands_alone);
    tcase_add_test(tcase, what_is_no_json_is_refused_where_it_goes_wrong);
    tcase_add_test(tcase, escapes_are_checked);
    tcase_add_test(tcase, every_code_point_but_surrogates_is_valid_utf8);
    tcase_add_test(tcase, broken_utf8_is_refused);
    tcase_add_test(tcase, a_special_character_is_seen_wherever_it_stands);
    tcase_add_test(tcase, a_number_beyond_a_double_is_refused);
    tcase_add_test(tcase, the_limit_of_a_double_is_exact);
    tcase_add_test(tcase, a_hundred_levels_are_enough);
    tcase_add_test(tcase, our_own_text_may_be_twice_as_deep);
    tcase_add_test(tcase, more_than_a_million_values_are_refused);
    tcase_add_test(tcase, the_index_follows_the_text);
    tcase_add_test(tcase, a_name_that_stands_twice_is_noticed_also_in_disguise);
    tcase_add_test(tcase, a_name_that_stands_twice_is_noticed_among_any_number);
    tcase_add_test(tcase, white_space_between_tokens_is_noticed_where_it_stands);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
