/* scores_test.c - what documents score, against Lucene's formula written down a second time. */
#include "base/hash.h"
#include "search/projection.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>

static struct kdm_arena arena, scratch;
static struct kdm_hash_seed seed = { 7, 8 };
static struct kdm_mapping *mapping;
static struct kdm_projection *projection;

static const struct {
    const char *id, *source;
} documents[] = {
    { "a", "{\"k\":\"red\",\"n\":1,\"t\":\"pump pump house\"}" },
    { "b", "{\"k\":\"red\",\"n\":2,\"t\":\"pumps\"}" },
    { "c", "{\"k\":[\"blue\",\"red\"],\"n\":1,\"t\":\"house of the rising sun\"}" },
    { "d", "{\"k\":\"reed\",\"n\":3,\"t\":\"\",\"o\":[{\"i\":1,\"k\":\"x\"},{\"i\":2,\"k\":\"y\"},{"
           "\"i\":3}]}" },
    { "e", "{\"n\":1,\"t\":\"...\"}" },
};
#define DOCUMENTS (sizeof(documents) / sizeof(documents[0]))
#define HAVE_K    4 /* documents that have k */
#define HAVE_T    3 /* whose text has a word */
#define AVERAGE_T 3 /* words a text */

static bool fetch(void *ctx, struct kdm_arena *to, const struct kdm_str *ids,
                  struct kdm_str *ret_texts, size_t count)
{
    (void)ctx;
    (void)to;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < DOCUMENTS; j++)
            if (kdm_str_eq(ids[i], kdm_str_of(documents[j].id)))
                ret_texts[i] = kdm_str_of(documents[j].source);
    return true;
}

static void setup(void)
{
    struct kdm_failure failure = { 0 };

    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 65536);
    kdm_arena_init(&scratch, 65536);
    mapping = kdm_mapping_create(
        &arena,
        kdm_json_parse(
            &arena,
            KDM_STR(
                "{\"properties\":{\"k\":{\"type\":\"keyword\"},\"n\":{"
                "\"type\":\"integer\"},\"t\":{\"type\":\"text\"},\"o\":{\"type\":\"nested\","
                "\"properties\":{\"i\":{\"type\":\"integer\"},\"k\":{\"type\":\"keyword\"}}}}}")),
        &failure);
    ck_assert(mapping != NULL);
    projection = kdm_projection_create(mapping, &seed);
    kdm_projection_write(projection);
    for (size_t i = 0; i < DOCUMENTS; i++)
        ck_assert(kdm_projection_put(projection, &scratch, kdm_str_of(documents[i].id),
                                     kdm_json_parse(&scratch, kdm_str_of(documents[i].source)),
                                     i + 1));
    kdm_projection_end_write(projection);
}

static void teardown(void)
{
    kdm_projection_destroy(projection);
    kdm_mapping_unref(mapping);
    kdm_arena_fini(&arena);
    kdm_arena_fini(&scratch);
}

/* What the document scores; -1: it is not found. */
static double score(const char *query, const char *id)
{
    struct kdm_search_request request = { .from = -1, .size = -1 };
    struct kdm_projection_search asked = { .fetch = fetch };
    struct kdm_projection_page page;
    struct kdm_failure failure = { 0 };
    struct kdm_buf body;

    kdm_buf_init(&body, &arena, 512);
    kdm_buf_printf(&body, "{\"query\":%s}", query);
    request.body = kdm_json_parse(&arena, kdm_buf_str(&body));
    asked.search = kdm_search_create(&arena, mapping, &request, &failure);
    ck_assert_msg(asked.search != NULL, "%s: " KDM_FMT, query, KDM_ARG(failure.message));
    asked.query = asked.search->query;
    ck_assert_int_eq(kdm_projection_search(projection, &arena, &scratch, &asked, &page),
                     KDM_PROJECTION_OK);
    for (size_t i = 0; i < page.count; i++)
        if (kdm_str_eq(page.hits[i].id, kdm_str_of(id)))
            return (double)page.hits[i].score;
    return -1;
}

/* Of `all` documents `with` have the word. */
static double idf(double all, double with)
{
    return log(1 + (all - with + 0.5) / (with + 0.5));
}

/* A word that stands `times` times among `length`. */
static double tf(double times, double length)
{
    return times * 2.2 / (times + 1.2 * (0.25 + 0.75 * length / AVERAGE_T));
}

static void assert_score(const char *query, const char *id, double expected)
{
    double found = score(query, id);

    ck_assert_msg(fabs(found - expected) < 1e-5, "%s: %s scores %g, not %g", query, id, found,
                  expected);
}

START_TEST(a_keyword_scores_by_how_rare_it_is)
{
    assert_score("{\"term\":{\"k\":\"red\"}}", "a", idf(HAVE_K, 3));
    assert_score("{\"term\":{\"k\":\"red\"}}", "c", idf(HAVE_K, 3));
    assert_score("{\"term\":{\"k\":{\"value\":\"blue\",\"boost\":2}}}", "c", 2 * idf(HAVE_K, 1));
    assert_score("{\"match\":{\"k\":\"reed\"}}", "d", idf(HAVE_K, 1));
    assert_score("{\"bool\":{\"should\":[{\"term\":{\"k\":\"red\"}},{\"term\":{\"k\":\"blue\"}}]}}",
                 "c", idf(HAVE_K, 3) + idf(HAVE_K, 1));
    assert_score("{\"bool\":{\"must\":[{\"term\":{\"k\":\"red\"}}],\"boost\":3}}", "a",
                 3 * idf(HAVE_K, 3));
}
END_TEST

START_TEST(what_is_no_word_scores_its_boost)
{
    assert_score("{\"term\":{\"n\":1}}", "a", 1);
    assert_score("{\"term\":{\"n\":{\"value\":3,\"boost\":2}}}", "d", 2);
    assert_score("{\"terms\":{\"k\":[\"red\"]}}", "a", 1);
    assert_score("{\"terms\":{\"t\":[\"house\"]}}", "a", 1);
    assert_score("{\"term\":{\"k\":{\"value\":\"RED\",\"case_insensitive\":true}}}", "a", 1);
    assert_score("{\"term\":{\"_id\":\"a\"}}", "a", 1);
    assert_score("{\"prefix\":{\"k\":\"re\"}}", "a", 1);
    assert_score("{\"constant_score\":{\"filter\":{\"term\":{\"k\":\"red\"}}}}", "a", 1);
    assert_score("{\"bool\":{\"filter\":[{\"term\":{\"k\":\"red\"}}]}}", "a", 0);
}
END_TEST

START_TEST(only_texts_with_a_word_count)
{
    assert_score("{\"match\":{\"t\":\"house\"}}", "a", idf(HAVE_T, 2) * tf(1, 3));
    assert_score("{\"match\":{\"t\":\"house\"}}", "c", idf(HAVE_T, 2) * tf(1, 5));
    assert_score("{\"term\":{\"t\":\"pump\"}}", "a", idf(HAVE_T, 1) * tf(2, 3));
    kdm_projection_write(projection);
    ck_assert(kdm_projection_put(projection, &scratch, KDM_STR("b"),
                                 kdm_json_parse(&scratch, KDM_STR("{\"t\":\"\"}")), 100));
    ck_assert(kdm_projection_remove(projection, KDM_STR("d"), 101));
    kdm_projection_end_write(projection);
    /* "pump pump house" and the five of c are left: four words a text */
    assert_score("{\"match\":{\"t\":\"sun\"}}", "c",
                 idf(2, 1) * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 5 / 4)));
}
END_TEST

START_TEST(an_equal_word_scores_more_than_one_that_is_alike)
{
    static const char fuzzy[] = "{\"match\":{\"t\":{\"query\":\"pumps\",\"fuzziness\":1}}}";
    static const char keyword[] = "{\"fuzzy\":{\"k\":{\"value\":\"reed\",\"fuzziness\":1}}}";

    assert_score(fuzzy, "b", idf(HAVE_T, 1) * tf(1, 1));
    assert_score(fuzzy, "a", idf(HAVE_T, 1) * tf(2, 3) * (1 - 1.0 / 4));
    assert_score(keyword, "d", idf(HAVE_K, 3));
    assert_score(keyword, "a", idf(HAVE_K, 3) * (1 - 1.0 / 3));
    assert_score("{\"fuzzy\":{\"k\":{\"value\":\"reed\",\"fuzziness\":0}}}", "d", idf(HAVE_K, 1));
}
END_TEST

/* The objects of d score 1, 1 + 4 and 1. */
#define NESTED(mode)                                                                               \
    "{\"nested\":{\"path\":\"o\",\"boost\":2,\"score_mode\":\"" mode                               \
    "\",\"query\":{\"bool\":{\"should\":[{\"range\":{\"o.i\":{\"gte\":1}}},"                       \
    "{\"range\":{\"o.i\":{\"gte\":2,\"lte\":2,\"boost\":4}}}]}}}}"

START_TEST(objects_score_by_the_mode)
{
    assert_score(NESTED("sum"), "d", 2 * 7);
    assert_score(NESTED("avg"), "d", 2 * 7.0 / 3);
    assert_score(NESTED("min"), "d", 2 * 1);
    assert_score(NESTED("max"), "d", 2 * 5);
    assert_score(NESTED("none"), "d", 0);
    /* Of what should match, only what does scores: a word of its own and one of no object. */
    assert_score("{\"bool\":{\"should\":[{\"match_all\":{}},{\"nested\":{\"path\":\"o\",\"query\":{"
                 "\"bool\":{\"must\":[{\"term\":{\"o.k\":\"x\"}},{\"term\":{\"o.i\":2}}]}}}}]}}",
                 "d", 1);
}
END_TEST

START_TEST(words_of_objects_score_by_how_rare_they_are)
{
    kdm_projection_write(projection);
    ck_assert(kdm_projection_put(projection, &scratch, KDM_STR("z"),
                                 kdm_json_parse(&scratch, KDM_STR("{\"o\":{\"k\":\"y\"}}")), 100));
    kdm_projection_end_write(projection);
    assert_score("{\"nested\":{\"path\":\"o\",\"query\":{\"term\":{\"o.k\":\"x\"}}}}", "d",
                 idf(2, 1));
    assert_score(
        "{\"nested\":{\"path\":\"o\",\"score_mode\":\"sum\",\"query\":{\"bool\":{\"should\":[{"
        "\"term\":{\"o.k\":\"x\"}},{\"term\":{\"o.k\":\"y\"}}]}}}}",
        "d", idf(2, 1) + idf(2, 2));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scores");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_keyword_scores_by_how_rare_it_is);
    tcase_add_test(tcase, what_is_no_word_scores_its_boost);
    tcase_add_test(tcase, only_texts_with_a_word_count);
    tcase_add_test(tcase, an_equal_word_scores_more_than_one_that_is_alike);
    tcase_add_test(tcase, objects_score_by_the_mode);
    tcase_add_test(tcase, words_of_objects_score_by_how_rare_they_are);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
