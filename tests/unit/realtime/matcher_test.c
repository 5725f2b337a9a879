/* matcher_test.c - references, collections apart, and what hostile filters and documents may cost.
 * What is found is the property test's business.
 */
#include "realtime/matcher.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct kdm_arena arena;
static struct kdm_matcher *matcher;

static void setup(void)
{
    static const struct kdm_hash_seed seed = { 3, 4 };

    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 1u << 16);
    matcher = kdm_matcher_create(&seed);
}

static void teardown(void)
{
    kdm_matcher_destroy(matcher);
    kdm_arena_fini(&arena);
}

static struct kdm_val scanned(struct kdm_str text)
{
    struct kdm_json *doc = kdm_arena_alloc(&arena, sizeof(*doc));

    ck_assert_msg(kdm_json_scan(&arena, text, doc, NULL), "%.*s", KDM_ARG(text));
    return kdm_json_root(doc);
}

static struct kdm_matcher_entry *add_to(const char *collection, struct kdm_str text)
{
    struct kdm_failure failure = { 0 };
    const struct kdm_filter *filter = kdm_filter_parse(
        &arena, NULL, KDM_STR("i"), kdm_str_of(collection), scanned(text), &failure);

    ck_assert_msg(filter != NULL, "%.*s: %.*s", KDM_ARG(text), KDM_ARG(failure.message));
    return kdm_matcher_add(matcher, filter);
}

static struct kdm_matcher_entry *add(const char *text)
{
    return add_to("c", kdm_str_of(text));
}

static struct kdm_matches match_in(const char *collection, struct kdm_str id, struct kdm_str text)
{
    return kdm_matcher_match(matcher, &arena, KDM_STR("i"), kdm_str_of(collection), id,
                             scanned(text));
}

static size_t matches(const char *text)
{
    return match_in("c", KDM_STR("id"), kdm_str_of(text)).count;
}

START_TEST(an_entry_lives_while_somebody_wants_it)
{
    struct kdm_matcher_entry *entry = add("{\"equals\":{\"a\":1}}");

    ck_assert_ptr_null(entry->owner);
    ck_assert_ptr_eq(add("{\"and\":[{\"equals\":{\"a\":1.0}}]}"), entry);
    ck_assert_ptr_eq(add("{\"equals\":{\"a\":1}}"), entry);
    ck_assert_uint_eq(kdm_matcher_count(matcher), 1);
    ck_assert_ptr_eq(kdm_matcher_find(matcher, (struct kdm_str){ entry->id, KDM_ROOM_ID_LEN }),
                     entry);
    kdm_matcher_unref(matcher, entry);
    kdm_matcher_unref(matcher, entry);
    ck_assert_uint_eq(matches("{\"a\":1}"), 1);
    kdm_matcher_unref(matcher, entry);
    ck_assert_uint_eq(kdm_matcher_count(matcher), 0);
    ck_assert_uint_eq(matches("{\"a\":1}"), 0);
}
END_TEST

START_TEST(collections_do_not_hear_of_each_other)
{
    struct kdm_matcher_entry *here = add_to("c", KDM_STR("{}")),
                             *there = add_to("d", KDM_STR("{}"));
    struct kdm_matches found;

    ck_assert_ptr_ne(here, there);
    found = match_in("c", KDM_STR("id"), KDM_STR("{}"));
    ck_assert(found.count == 1 && found.items[0] == here);
    found = match_in("d", KDM_STR("id"), KDM_STR("{}"));
    ck_assert(found.count == 1 && found.items[0] == there);
    ck_assert_uint_eq(match_in("e", KDM_STR("id"), KDM_STR("{}")).count, 0);
    ck_assert(kdm_str_eq(there->collection, KDM_STR("d")));
}
END_TEST

START_TEST(the_id_is_not_what_the_source_says)
{
    add("{\"ids\":{\"values\":[\"x\"]}}");
    ck_assert_uint_eq(match_in("c", KDM_STR("x"), KDM_STR("{\"_id\":\"y\"}")).count, 1);
    ck_assert_uint_eq(match_in("c", KDM_STR("y"), KDM_STR("{\"_id\":\"x\"}")).count, 0);
    ck_assert_uint_eq(match_in("c", KDM_STR_NONE, KDM_STR("{\"_id\":\"x\"}")).count, 0);
}
END_TEST

START_TEST(of_members_with_one_path_the_last_counts)
{
    add("{\"equals\":{\"a.b\":1}}");
    add("{\"match\":{\"a\":{\"b\":1}}}"); /* found by a.b = 1, true of what "a" is all the same */
    ck_assert_uint_eq(matches("{\"a\":{\"b\":1}}"), 2);
    ck_assert_uint_eq(matches("{\"a\":{\"b\":1},\"a.b\":2}"), 1);
    ck_assert_uint_eq(matches("{\"a.b\":2,\"a\":{\"b\":1}}"), 2);
    ck_assert_uint_eq(matches("{\"a\":{\"b\":1},\"a\":{\"b\":2}}"), 0);
}
END_TEST

/* Neither it nor its negation: nobody knows. */
START_TEST(an_expression_that_costs_too_much_matches_nothing)
{
    struct kdm_str expression;
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 2048);
    kdm_buf_lit(&buf, "{\"regexp\":{\"a\":\"");
    for (int i = 0; i < 90; i++)
        kdm_buf_lit(&buf, "(a{0,9}|b)");
    kdm_buf_lit(&buf, "$\"}}");
    expression = kdm_buf_str(&buf);
    add_to("c", expression);
    add_to("c", kdm_arena_printf(&arena, "{\"not\":" KDM_FMT "}", KDM_ARG(expression)));
    kdm_buf_init(&buf, &arena, 4096);
    kdm_buf_lit(&buf, "{\"a\":\"");
    for (int i = 0; i < 3000; i++)
        kdm_buf_char(&buf, 'a');
    kdm_buf_lit(&buf, "\"}");
    ck_assert_uint_eq(match_in("c", KDM_STR("id"), kdm_buf_str(&buf)).count, 0);
    ck_assert_uint_eq(matches("{}"), 1);
}
END_TEST

START_TEST(an_ordinary_expression_is_found_in_a_long_text)
{
    static const char *const expressions[] = { "x+foo", ".+bar", "[a-z]+foo", "\\\\w+ bar$",
                                               "fo{1,2}" };
    struct kdm_buf text;

    for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++)
        add_to("c", kdm_arena_printf(&arena, "{\"regexp\":{\"a\":\"%s\"}}", expressions[i]));
    kdm_buf_init(&text, &arena, 1u << 20);
    kdm_buf_lit(&text, "{\"a\":\"");
    for (int i = 0; i < 200000; i++)
        kdm_buf_char(&text, 'x');
    kdm_buf_lit(&text, "foo bar\"}");
    ck_assert_uint_eq(match_in("c", KDM_STR("id"), kdm_buf_str(&text)).count,
                      sizeof(expressions) / sizeof(expressions[0]));
}
END_TEST

static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

START_TEST(a_document_of_many_members_costs_one_look_at_each)
{
    struct kdm_buf text;
    double start;

    for (int i = 0; i < 1000; i++) {
        char filter[64];

        snprintf(filter, sizeof(filter), "{\"equals\":{\"m%d.x\":%d}}", i * 7, i);
        add(filter);
    }
    kdm_buf_init(&text, &arena, 4u << 20);
    kdm_buf_lit(&text, "{\"z\":0");
    for (int i = 0; i < 100000; i++)
        kdm_buf_printf(&text, ",\"m%d\":{\"x\":%d,\"a.b.c.d\":1}", i, i / 7);
    kdm_buf_char(&text, '}');
    start = seconds();
    ck_assert_uint_eq(match_in("c", KDM_STR("id"), kdm_buf_str(&text)).count, 1000);
    ck_assert_double_lt(seconds() - start, 10);
}
END_TEST

START_TEST(filters_that_nothing_concerns_cost_nothing)
{
    enum { FILTERS = 20000, RUNS = 200 };
    static struct kdm_matcher_entry *entries[FILTERS];
    double start, few, many;
    char filter[160];

    add("{\"equals\":{\"plate\":\"x\"}}");
    start = seconds();
    for (int i = 0; i < RUNS; i++)
        matches("{\"plate\":\"y\",\"speed\":-1,\"place\":[80,80],\"note\":\"nothing\"}");
    few = seconds() - start;
    for (int i = 0; i < FILTERS; i++) {
        switch (i % 4) {
        case 0:
            snprintf(filter, sizeof(filter), "{\"equals\":{\"plate\":\"p%d\"}}", i);
            break;
        case 1:
            snprintf(filter, sizeof(filter), "{\"range\":{\"speed\":{\"gt\":%d,\"lt\":%d}}}", i,
                     i + 10);
            break;
        case 2:
            snprintf(filter, sizeof(filter),
                     "{\"geoDistance\":{\"place\":[%d.%d,%d],\"distance\":\"1km\"}}", i % 50,
                     i % 977, i % 170);
            break;
        default:
            snprintf(filter, sizeof(filter), "{\"regexp\":{\"note\":\"^note-%d[a-z]*$\"}}", i);
        }
        entries[i] = add(filter);
        kdm_arena_reset(&arena);
    }
    start = seconds();
    for (int i = 0; i < RUNS; i++)
        matches("{\"plate\":\"y\",\"speed\":-1,\"place\":[80,80],\"note\":\"nothing\"}");
    many = seconds() - start;
    /* One by one it would be thousands of times as much. */
    ck_assert_msg(many < 20 * few + 0.1, "%g s with one filter, %g s with many", few, many);
    for (int i = 0; i < FILTERS; i++)
        kdm_matcher_unref(matcher, entries[i]);
    ck_assert_uint_eq(kdm_matcher_count(matcher), 1);
}
END_TEST

static double seconds_for(const char *text, int runs)
{
    double start = seconds();

    for (int i = 0; i < runs; i++) {
        kdm_arena_reset(&arena);
        matches(text);
    }
    return seconds() - start;
}

/* "state" has many values in filters and one in documents, so the guess is wrong and what is
 * counted must mend it. */
START_TEST(filters_learn_which_condition_is_rare)
{
    static const char document[] = "{\"state\":\"s0\",\"heat\":5}";
    char filter[160];
    double first, last;

    for (int i = 0; i < 3000; i++) {
        snprintf(filter, sizeof(filter),
                 "{\"and\":[{\"equals\":{\"state\":\"s%d\"}},{\"range\":{\"heat\":{\"gt\":%d}}}]}",
                 i < 100 ? i : 0, 100 + i);
        add(filter);
        kdm_arena_reset(&arena);
    }
    first = seconds_for(document, 30);
    seconds_for(document, 200);
    last = seconds_for(document, 30);
    ck_assert_msg(last < first / 4, "%g s at first, %g s in the end", first, last);
    ck_assert_uint_eq(matches("{\"state\":\"s0\",\"heat\":10000}"), 2901);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("realtime matcher");
    TCase *tests = tcase_create("matcher");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, an_entry_lives_while_somebody_wants_it);
    tcase_add_test(tests, collections_do_not_hear_of_each_other);
    tcase_add_test(tests, the_id_is_not_what_the_source_says);
    tcase_add_test(tests, of_members_with_one_path_the_last_counts);
    tcase_add_test(tests, an_expression_that_costs_too_much_matches_nothing);
    tcase_add_test(tests, an_ordinary_expression_is_found_in_a_long_text);
    tcase_add_test(tests, a_document_of_many_members_costs_one_look_at_each);
    tcase_add_test(tests, filters_that_nothing_concerns_cost_nothing);
    tcase_add_test(tests, filters_learn_which_condition_is_rare);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
