/* matcher_property_test.c - random filters and documents: the matcher must find what the naive
 * evaluator finds, however filters come and go in between.
 * KDM_SEED=n repeats a run; the seed is printed.
 */
#include "realtime/matcher.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define FILTERS 300
#define ROUNDS  60
#define CHANGES 40 /* filters that come or go in a round */
#define DOCS    20 /* documents in a round */

struct kept {
    struct kdm_arena arena;
    struct kdm_matcher_entry *entry; /* NULL: free */
    const struct kdm_query *query;   /* parsed as it was written, not normalised */
    struct kdm_str text;
};

static uint64_t state;
static struct kdm_arena arena;
static struct kdm_matcher *matcher;
static struct kept kept[FILTERS];

static unsigned below(unsigned n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state >> 11) % n);
}

#define PICK(list) list[below(sizeof(list) / sizeof(list[0]))]

/* --- values ------------------------------------------------------------------------------------
 */

/* Few names and values, so that filters and documents meet; with what is easily got wrong. */
static const char *const names[] = { "a", "b", "c", "d", "e\\u0066", "" };
static const char *const paths[] = { "a",   "b",     "c", "d",    "ef", "a.b", "a.b.c", "b.a",
                                     "c.d", "a.a.a", "",  "a..b", ".a", "_id", "tags",  "loc" };
static const char *const scalars[] = {
    "1",
    "1.0",
    "-0.0",
    "0",
    "2",
    "2.5",
    "25e-1",
    "1e300",
    "9007199254740993",
    "9007199254740992",
    "9223372036854775807",
    "9223372036854775808",
    "-3",
    "\"\"",
    "\"x\"",
    "\"\\u0078\"",
    "\"xy\"",
    "\"foobar\"",
    "\"FOObar\"",
    "\"foobr\"",
    "\"1\"",
    "\"\xc3\xa9t\xc3\xa9\"",
    "\"a\\u0000b\"",
    "true",
    "false",
    "null",
};
static const char *const points[] = {
    "[48.8566,2.3522]",
    "\"43.6108, 3.8767\"",
    "{\"lat\":0,\"lon\":90}",
    "\"u09tvw0\"",
    "{\"latLon\":[1,1]}",
    "[-17.5,179.9]",
    "[-17.5,-179.9]",
    "[89.99,10]",
    "[48.9,362.4]",
    "[\"48.85\",\"2.35\"]",
    "[1.5,1.5]",
    "[95,2]",
    "[46,20]",
    "[0,0]",
};
static const char *const bad_points[] = { "[1]", "\"here\"", "{\"lat\":1}", "[1,2,3]", "7" };

static void put_value(struct kdm_buf *buf, int depth);

static void put_list(struct kdm_buf *buf, int depth, bool object)
{
    unsigned count = below(4);

    kdm_buf_char(buf, object ? '{' : '[');
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        if (object)
            kdm_buf_printf(buf, "\"%s\":", PICK(names));
        put_value(buf, depth - 1);
    }
    kdm_buf_char(buf, object ? '}' : ']');
}

static void put_value(struct kdm_buf *buf, int depth)
{
    unsigned kind = below(10);

    if (depth > 0 && kind < 5)
        put_list(buf, depth, kind < 3);
    else
        kdm_buf_put(buf, kdm_str_of(PICK(scalars)));
}

static struct kdm_str put_document(void)
{
    unsigned count = below(7);
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 256);
    kdm_buf_lit(&buf, "{\"z\":0");
    for (unsigned i = 0; i < count; i++) {
        if (below(12) == 0) {
            kdm_buf_printf(&buf, ",\"%s\":", PICK(paths)); /* a name with dots; a repeated one */
            put_value(&buf, 2);
        } else if (below(4) == 0) {
            kdm_buf_lit(&buf, ",\"tags\":");
            put_list(&buf, 1, false);
        } else if (below(3) == 0) {
            kdm_buf_printf(&buf, ",\"loc\":%s", below(6) > 0 ? PICK(points) : PICK(bad_points));
        } else {
            kdm_buf_printf(&buf, ",\"%s\":", PICK(names));
            put_value(&buf, 3);
        }
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* --- filters ------------------------------------------------------------------------------------
 */

static const char *const patterns[] = {
    "\"x\"",
    "\"^foo\"",
    "\"bar$\"",
    "\"f.o\"",
    "\"foo|xyz\"",
    "\"(foo)?bar\"",
    "\"oba+r\"",
    "\"ooba?r\"",
    "\"1|null|object\"",
    "\"\xc3\xa9?t\xc3\xa9\"",
    "\"o[[:alpha:]]bar\"",
    "\"^$\"",
    "{\"value\":\"fOO\",\"flags\":\"i\"}",
    "{\"value\":\"foob\",\"flags\":\"gi\"}",
    "{\"value\":\"(?i)FOOB\"}",
    "\"foo\\\\x62ar\"",
    "\"[]f]oobar\"",
    "\"fo{2}bar\"",
    "\"fo{1,9}bar\"",
    "\".+bar\"",
    "\"[a-o]+ba\\\\w+\"",
    "\"\xc3\xa9+t\"",
};

static void put_filter(struct kdm_buf *buf, int depth);

static void put_filters(struct kdm_buf *buf, int depth)
{
    unsigned count = 1 + below(4);

    kdm_buf_char(buf, '[');
    for (unsigned i = 0; i < count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        put_filter(buf, depth - 1);
    }
    kdm_buf_char(buf, ']');
}

static void put_operator(struct kdm_buf *buf, int depth)
{
    static const char *const parts[] = { "must", "must_not", "should", "should_not" };
    unsigned first;

    switch (below(4)) {
    case 0:
        kdm_buf_lit(buf, "{\"not\":");
        put_filter(buf, depth - 1);
        break;
    case 1:
        first = below(4);
        kdm_buf_lit(buf, "{\"bool\":{");
        for (unsigned i = first; i < 4; i++) {
            kdm_buf_printf(buf, "%s\"%s\":", i > first ? "," : "", parts[i]);
            put_filters(buf, depth);
        }
        kdm_buf_char(buf, '}');
        break;
    case 2:
        kdm_buf_lit(buf, "{\"or\":");
        put_filters(buf, depth);
        break;
    default:
        kdm_buf_lit(buf, "{\"and\":");
        put_filters(buf, depth);
    }
    kdm_buf_char(buf, '}');
}

static void put_range(struct kdm_buf *buf)
{
    static const char *const numbers[] = { "-3", "0", "1", "1.5", "9007199254740992" };
    static const char *const higher[] = { "2", "2.5", "9007199254740993", "1e300" };
    unsigned which = 1 + below(3);

    if (which == 3 && below(2) > 0)
        kdm_buf_printf(buf, "{\"range\":{\"%s\":{\"%s\":%s,\"%s\":%s}}}", PICK(paths),
                       below(2) > 0 ? "gt" : "gte", numbers[below(3)], below(2) > 0 ? "lt" : "lte",
                       PICK(higher));
    else if (which == 1)
        kdm_buf_printf(buf, "{\"range\":{\"%s\":{\"%s\":%s}}}", PICK(paths),
                       below(2) > 0 ? "gt" : "gte", PICK(numbers));
    else
        kdm_buf_printf(buf, "{\"range\":{\"%s\":{\"%s\":%s}}}", PICK(paths),
                       below(2) > 0 ? "lt" : "lte", PICK(higher));
}

static void put_place(struct kdm_buf *buf)
{
    static const char *const distances[] = { "1km", "120 km", "600km", "9000km", "21000km" };

    switch (below(5)) {
    case 0:
        kdm_buf_printf(buf, "{\"geoDistance\":{\"loc\":%s,\"distance\":\"%s\"}}", PICK(points),
                       PICK(distances));
        break;
    case 1:
        kdm_buf_printf(buf, "{\"geoDistanceRange\":{\"loc\":%s,\"from\":\"10m\",\"to\":\"%s\"}}",
                       PICK(points), PICK(distances));
        break;
    case 2:
        kdm_buf_printf(buf,
                       "{\"geoBoundingBox\":{\"loc\":{\"top\":%u,\"left\":%d,\"bottom\":%d,"
                       "\"right\":%u}}}",
                       1 + below(90), -(int)below(90), -(int)below(90), 1 + below(400));
        break;
    case 3:
        kdm_buf_lit(buf, "{\"geoPolygon\":{\"loc\":{\"points\":[[44.9,0],[44.9,40],[30,20]]}}}");
        break;
    default:
        kdm_buf_printf(buf, "{\"geoPolygon\":{\"loc\":{\"points\":[[0,0],[%u,%u],[%u,-%u]]}}}",
                       1 + below(90), below(180), below(90), below(100));
    }
}

static void put_match(struct kdm_buf *buf)
{
    kdm_buf_printf(buf, "{\"match\":{\"%s\":", PICK(paths));
    put_value(buf, 3);
    if (below(2) > 0) {
        kdm_buf_lit(buf, ",\"q\":");
        put_value(buf, 1);
    }
    kdm_buf_lit(buf, "}}");
}

static void put_leaf(struct kdm_buf *buf)
{
    switch (below(13)) {
    case 0:
    case 1:
    case 2:
        kdm_buf_printf(buf, "{\"equals\":{\"%s\":%s}}", PICK(paths), PICK(scalars));
        break;
    case 3:
        kdm_buf_printf(buf, "{\"in\":{\"%s\":[\"x\",\"foobar\",\"d%u\"]}}", PICK(paths), below(9));
        break;
    case 4:
        kdm_buf_printf(buf, "{\"ids\":{\"values\":[\"d%u\",\"d%u\"]}}", below(5), below(5));
        break;
    case 5:
        kdm_buf_printf(buf, "{\"%s\":\"%s\"}", below(2) > 0 ? "exists" : "missing",
                       paths[below(10)]);
        break;
    case 6:
        kdm_buf_printf(buf, "{\"exists\":\"tags[%s]\"}", scalars[below(13)]);
        break;
    case 7:
        put_range(buf);
        break;
    case 8:
        kdm_buf_printf(buf, "{\"regexp\":{\"%s\":%s}}", PICK(paths), PICK(patterns));
        break;
    case 9:
        put_match(buf);
        break;
    case 10:
    case 11:
        put_place(buf);
        break;
    default:
        kdm_buf_printf(buf,
                       "{\"select\":{\"field\":\"%s\",\"index\":%d,\"query\":{\"and\":["
                       "{\"%s\":{\"value%s\":%s}},{\"missing\":\"q\"}]}}}",
                       below(2) > 0 ? "tags" : PICK(paths), (int)below(4) - 2, "equals",
                       below(2) > 0 ? "" : ".a", PICK(scalars));
    }
}

static void put_filter(struct kdm_buf *buf, int depth)
{
    if (depth > 0 && below(2) > 0)
        put_operator(buf, depth);
    else if (below(60) == 0)
        kdm_buf_lit(buf, "{\"nothing\":1}");
    else
        put_leaf(buf);
}

/* --- keeping
 * -------------------------------------------------------------------------------------- */

static void forget(struct kept *one)
{
    kdm_matcher_unref(matcher, one->entry);
    kdm_arena_fini(&one->arena);
    one->entry = NULL;
}

/* false when the filter is none: "select" below "not". */
static bool keep(struct kept *one)
{
    struct kdm_failure failure = { 0 };
    const struct kdm_filter *filter;
    struct kdm_query_parser parser;
    struct kdm_json *doc;
    struct kdm_buf buf;

    kdm_arena_init(&one->arena, 4096);
    kdm_buf_init(&buf, &one->arena, 256);
    put_filter(&buf, 4);
    one->text = kdm_buf_str(&buf);
    doc = kdm_arena_alloc(&one->arena, sizeof(*doc));
    ck_assert_msg(kdm_json_scan(&one->arena, one->text, doc, NULL), "%.*s", KDM_ARG(one->text));
    filter = kdm_filter_parse(&one->arena, NULL, KDM_STR("i"), KDM_STR("c"), kdm_json_root(doc),
                              &failure);
    if (filter == NULL) {
        kdm_arena_fini(&one->arena);
        return false;
    }
    parser = (struct kdm_query_parser){ .arena = &one->arena, .failure = &failure };
    one->query = kdm_query_parse_filter(
        &parser, kdm_json_parse(&one->arena, kdm_json_canonical(&one->arena, kdm_json_root(doc))),
        SIZE_MAX);
    one->entry = kdm_matcher_add(matcher, filter);
    return true;
}

/* Now and then nearly all go, so that indexes become empty and are made again. */
static void change_filters(void)
{
    if (below(8) == 0)
        for (size_t i = 4; i < FILTERS; i++)
            if (kept[i].entry != NULL)
                forget(&kept[i]);
    for (int i = 0; i < CHANGES; i++) {
        struct kept *one = &PICK(kept);

        if (one->entry != NULL)
            forget(one);
        else
            keep(one);
    }
}

/* --- comparing
 * ------------------------------------------------------------------------------------ */

static bool among(const struct kdm_matches *matches, const struct kdm_matcher_entry *entry)
{
    for (size_t i = 0; i < matches->count; i++)
        if (matches->items[i] == entry)
            return true;
    return false;
}

static void check_each_once(const struct kdm_matches *matches)
{
    for (size_t i = 0; i < matches->count; i++)
        for (size_t j = i + 1; j < matches->count; j++)
            ck_assert_ptr_ne(matches->items[i], matches->items[j]);
}

static size_t compare(void)
{
    struct kdm_str text = put_document(), id = KDM_STR_NONE;
    struct kdm_json doc;
    struct kdm_query_document document;
    struct kdm_matches matches;
    size_t found = 0;

    if (below(10) > 0)
        id = kdm_arena_printf(&arena, "d%u", below(9));
    ck_assert_msg(kdm_json_scan(&arena, text, &doc, NULL), "%.*s", KDM_ARG(text));
    matches =
        kdm_matcher_match(matcher, &arena, KDM_STR("i"), KDM_STR("c"), id, kdm_json_root(&doc));
    check_each_once(&matches);
    document.id = id;
    document.source = kdm_json_parse(&arena, kdm_json_canonical(&arena, kdm_json_root(&doc)));
    for (size_t i = 0; i < FILTERS; i++) {
        const struct kdm_query *costly = NULL;
        bool expected;

        if (kept[i].entry == NULL)
            continue;
        expected = kdm_query_match(kept[i].query, &arena, &document, NULL, &costly);
        ck_assert_ptr_null(costly);
        ck_assert_msg(expected == among(&matches, kept[i].entry),
                      "%.*s (%.*s) %s on %.*s with id %.*s", KDM_ARG(kept[i].text),
                      KDM_ARG(kept[i].entry->text), expected ? "was not found" : "was found",
                      KDM_ARG(text), KDM_ARG(id));
        found += expected;
    }
    return found;
}

START_TEST(it_finds_what_the_naive_evaluator_finds)
{
    static const struct kdm_hash_seed seed = { 3, 4 };
    const char *given = getenv("KDM_SEED");
    size_t found = 0;

    state = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL) * 2654435761u + 1;
    printf("KDM_SEED=%llu\n", (unsigned long long)state);
    fflush(stdout);
    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 1u << 16);
    matcher = kdm_matcher_create(&seed);
    for (size_t i = 0; i < FILTERS / 2; i++)
        keep(&kept[i]);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < DOCS; i++) {
            kdm_arena_reset(&arena);
            found += compare();
        }
        change_filters();
    }
    ck_assert_uint_gt(found, ROUNDS * DOCS);
    for (size_t i = 0; i < FILTERS; i++)
        if (kept[i].entry != NULL)
            forget(&kept[i]);
    ck_assert_uint_eq(kdm_matcher_count(matcher), 0);
    kdm_matcher_destroy(matcher);
    kdm_arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("realtime matcher property");
    TCase *tests = tcase_create("property");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, it_finds_what_the_naive_evaluator_finds);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
