/* match_test.c - queries of both languages against a handful of documents; what is refused, and
 * how. */
#include "search/search.h"
#include "search/text.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct kdm_arena arena, scratch;
static struct kdm_failure failure;
static struct kdm_mapping *mapping;

#define MAPPING                                                                                    \
    "{\"properties\":{"                                                                            \
    "\"name\":{\"type\":\"keyword\",\"fields\":{\"text\":{\"type\":\"text\"}}},"                   \
    "\"about\":{\"type\":\"text\",\"copy_to\":\"all\"},\"age\":{\"type\":\"integer\"},"            \
    "\"big\":{\"type\":\"long\"},\"ratio\":{\"type\":\"float\"},\"born\":{\"type\":\"date\"},"     \
    "\"ok\":{\"type\":\"boolean\"},\"ip\":{\"type\":\"ip\"},\"where\":{\"type\":\"geo_point\"},"   \
    "\"tags\":{\"type\":\"keyword\",\"copy_to\":[\"all\"]},\"all\":{\"type\":\"text\"},"           \
    "\"o\":{\"properties\":{\"x\":{\"type\":\"keyword\"},\"y\":{\"type\":\"integer\"}}},"          \
    "\"n\":{\"type\":\"nested\",\"properties\":{\"k\":{\"type\":\"keyword\"},"                     \
    "\"v\":{\"type\":\"integer\"}}},\"flat\":{\"type\":\"flattened\"},"                            \
    "\"low\":{\"type\":\"keyword\",\"normalizer\":\"lowercase\"},"                                 \
    "\"short\":{\"type\":\"keyword\",\"ignore_above\":3},\"off\":{\"type\":\"object\","            \
    "\"enabled\":false},\"nul\":{\"type\":\"keyword\",\"null_value\":\"NONE\"},"                   \
    "\"zone\":{\"type\":\"geo_shape\"},"                                                           \
    "\"home\":{\"type\":\"geo_point\",\"null_value\":\"1,1\"},"                                    \
    "\"hidden\":{\"type\":\"keyword\",\"index\":false},"                                           \
    "\"also\":{\"type\":\"alias\",\"path\":\"age\"},\"m\":{\"type\":\"nested\",\"include_in_"      \
    "root\":true,\"properties\":{\"k\":{\"type\":\"keyword\"}}},\"nn\":{\"type\":\"nested\","      \
    "\"properties\":{\"k\":{\"type\":\"keyword\"},\"m\":{\"type\":\"nested\",\"properties\":"      \
    "{\"x\":{\"type\":\"integer\"}}}}}}}"

static const struct {
    const char *id, *source;
} documents[] = {
    { "a",
      "{\"name\":\"Anna Bell\",\"about\":\"The quick brown "
      "fox\",\"age\":30,\"big\":9007199254740993,"
      "\"ratio\":1.1,\"born\":\"1990-05-17\",\"ok\":true,\"ip\":\"10.0.0.1\",\"where\":{\"lat\":48."
      "8566,"
      "\"lon\":2.3522},\"tags\":[\"red\",\"blue\"],\"o\":{\"x\":\"1\",\"y\":1},\"n\":[{\"k\":\"p\","
      "\"v\":1},"
      "{\"k\":\"q\",\"v\":2}],\"flat\":{\"c\":{\"d\":\"deep\"}},\"low\":\"ABC\",\"short\":\"abcd\","
      "\"_kuzzle_info\":{\"author\":\"me\",\"createdAt\":1000}}" },
    { "b", "{\"name\":\"Bob\",\"about\":\"A lazy dog, brown "
           "too\",\"age\":\"41\",\"big\":9007199254740992,"
           "\"ratio\":2,\"born\":643000000000,\"ok\":\"false\",\"ip\":\"10.0.1.2\",\"where\":[3."
           "8767,43.6108],"
           "\"tags\":\"green\",\"o\":[{\"x\":\"1\",\"y\":5},{\"x\":\"2\",\"y\":6}],\"n\":{\"k\":"
           "\"p\",\"v\":2},"
           "\"short\":\"abc\",\"off\":{\"z\":1},\"m\":[{\"k\":\"r\"}],\"nul\":null,\"home\":null,"
           "\"un\":\"mapped\"}" },
    { "c",
      "{\"name\":\"\",\"about\":[\"one two\",\"three four\"],\"age\":null,\"tags\":[],\"born\":"
      "\"2020-02-29T12:00:00Z\",\"where\":\"0,90\",\"o.x\":\"3\",\"low\":\"abc\",\"ip\":\"::1\"}" },
    { "d",
      "{\"zone\":[{\"type\":\"Polygon\",\"coordinates\":[[[0,0],[4,0],[4,4],[0,4],[0,0]]]},"
      "\"POINT (10 10)\"],\"nn\":[{\"k\":\"u\",\"m\":[{\"x\":8},{\"x\":9}]},{\"k\":\"v\",\"m\":"
      "{\"x\":7}}]}" },
};
#define DOCUMENTS (sizeof(documents) / sizeof(documents[0]))

static void setup(void)
{
    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 65536);
    kdm_arena_init(&scratch, 65536);
    mapping = kdm_mapping_create(&arena, kdm_json_parse(&arena, KDM_STR(MAPPING)), &failure);
    ck_assert_msg(mapping != NULL, KDM_FMT, KDM_ARG(failure.message));
}

static void teardown(void)
{
    kdm_mapping_unref(mapping);
    kdm_arena_fini(&arena);
    kdm_arena_fini(&scratch);
}

static struct kdm_query *parsed(const char *text, enum kdm_search_lang lang)
{
    struct kdm_json *doc = kdm_arena_alloc(&arena, sizeof(*doc));

    ck_assert_msg(kdm_json_scan(&arena, kdm_str_of(text), doc, NULL), "%s", text);
    failure = (struct kdm_failure){ 0 };
    /* 2020-03-01T00:00:00Z */
    return kdm_search_query(&arena, mapping, kdm_json_root(doc), lang, 1583020800000, &failure);
}

/* The ids that match, as one word. */
static const char *found(const struct kdm_query *query)
{
    static char ids[DOCUMENTS + 1];
    size_t count = 0;

    for (size_t i = 0; i < DOCUMENTS; i++) {
        struct kdm_val source = kdm_json_parse(&scratch, kdm_str_of(documents[i].source));
        struct kdm_failure costly;

        if (kdm_search_matches(query, &arena, &scratch, kdm_str_of(documents[i].id), source, NULL,
                               &costly))
            ids[count++] = documents[i].id[0];
        ck_assert_int_eq(costly.err, KDM_OK);
        kdm_arena_reset(&scratch);
    }
    ids[count] = '\0';
    return ids;
}

struct expectation {
    const char *query, *ids;
};

static void assert_all(const struct expectation *cases, size_t count, enum kdm_search_lang lang)
{
    for (size_t i = 0; i < count; i++) {
        struct kdm_query *query = parsed(cases[i].query, lang);

        ck_assert_msg(query != NULL, "%s: " KDM_FMT, cases[i].query, KDM_ARG(failure.message));
        ck_assert_msg(strcmp(found(query), cases[i].ids) == 0, "%s: %s, not %s", cases[i].query,
                      found(query), cases[i].ids);
    }
}

#define ASSERT_ALL(cases, lang) assert_all((cases), sizeof(cases) / sizeof((cases)[0]), (lang))

START_TEST(exact_values_are_found)
{
    static const struct expectation cases[] = {
        { "{}", "abcd" },
        { "null", "abcd" },
        { "{\"match_all\":{}}", "abcd" },
        { "{\"match_none\":{}}", "" },
        { "{\"term\":{\"name\":\"Bob\"}}", "b" },
        { "{\"term\":{\"name\":{\"value\":\"bob\"}}}", "" },
        { "{\"term\":{\"name\":{\"value\":\"bOB\",\"case_insensitive\":true}}}", "b" },
        { "{\"term\":{\"name\":\"\"}}", "c" },
        { "{\"term\":{\"age\":41}}", "b" },
        { "{\"term\":{\"age\":\"30\"}}", "a" },
        { "{\"term\":{\"age\":30.5}}", "" },
        { "{\"term\":{\"also\":30}}", "a" },
        { "{\"term\":{\"big\":9007199254740993}}", "a" },
        { "{\"term\":{\"ratio\":1.1}}", "a" },
        { "{\"term\":{\"ratio\":2.0}}", "b" },
        { "{\"term\":{\"ok\":true}}", "a" },
        { "{\"term\":{\"ok\":\"false\"}}", "b" },
        { "{\"term\":{\"ip\":\"10.0.0.1\"}}", "a" },
        { "{\"term\":{\"ip\":\"10.0.0.0/16\"}}", "ab" },
        { "{\"term\":{\"ip\":\"10.0.0.0/24\"}}", "a" },
        { "{\"term\":{\"ip\":\"::/0\"}}", "abc" },
        { "{\"terms\":{\"ip\":[\"10.0.0.0/24\",\"::1\"]}}", "ac" },
        { "{\"terms\":{\"ip\":[\"10.0.1.0/24\",\"10.0.1.0/25\"]}}", "b" },
        { "{\"match\":{\"ip\":\"10.0.0.0/16\"}}", "ab" },
        { "{\"match\":{\"ip\":{\"query\":\"10.0.0.0/99\",\"lenient\":true}}}", "" },
        { "{\"multi_match\":{\"query\":\"10.0.0.0/24\",\"fields\":[\"ip\",\"name\"]}}", "a" },
        { "{\"query_string\":{\"query\":\"ip:\\\"10.0.0.0/16\\\"\"}}", "ab" },
        { "{\"query_string\":{\"query\":\"ip:10.0.0.0\\\\/24\"}}", "a" },
        { "{\"simple_query_string\":{\"query\":\"10.0.0.0/16\",\"fields\":[\"ip\"]}}", "ab" },
        { "{\"term\":{\"tags\":\"blue\"}}", "a" },
        { "{\"terms\":{\"tags\":[\"green\",\"blue\",\"x\"]}}", "ab" },
        { "{\"terms\":{\"tags\":[]}}", "" },
        { "{\"terms\":{\"age\":[1,30,41],\"boost\":2}}", "ab" },
        { "{\"term\":{\"about\":\"brown\"}}", "ab" },
        { "{\"term\":{\"about\":\"Brown\"}}", "" },
        { "{\"term\":{\"about\":\"quick brown\"}}", "" },
        { "{\"term\":{\"_id\":\"c\"}}", "c" },
        { "{\"ids\":{\"values\":[\"d\",\"a\",\"z\"]}}", "ad" },
        { "{\"ids\":{\"values\":[]}}", "" },
        { "{\"term\":{\"un\":\"mapped\"}}", "" },
        { "{\"term\":{\"off.z\":1}}", "" },
        { "{\"term\":{\"o.x\":\"1\"}}", "ab" },
        { "{\"term\":{\"o.x\":\"3\"}}", "c" },
        { "{\"term\":{\"flat.c.d\":\"deep\"}}", "a" },
        { "{\"term\":{\"flat\":\"deep\"}}", "a" },
        { "{\"term\":{\"low\":\"aBc\"}}", "ac" },
        { "{\"term\":{\"short\":\"abcd\"}}", "" },
        { "{\"term\":{\"short\":\"abc\"}}", "b" },
        { "{\"term\":{\"nul\":\"NONE\"}}", "b" },
        { "{\"term\":{\"_kuzzle_info.author\":\"me\"}}", "a" },
        { "{\"term\":{\"born\":\"1990-05-17\"}}", "a" },
        { "{\"term\":{\"name.text\":\"bell\"}}", "a" },
    };

    ASSERT_ALL(cases, KDM_LANG_ELASTICSEARCH);
}
END_TEST

START_TEST(ranges_have_open_and_null_bounds)
{
    static const struct expectation cases[] = {
        { "{\"range\":{\"age\":{\"gt\":30}}}", "b" },
        { "{\"range\":{\"age\":{\"gte\":30,\"lt\":41}}}", "a" },
        { "{\"range\":{\"age\":{\"gt\":29.5,\"lte\":30.5}}}", "a" },
        { "{\"range\":{\"age\":{\"gte\":null,\"lte\":null}}}", "ab" },
        { "{\"range\":{\"age\":{\"from\":30,\"to\":41,\"include_upper\":false}}}", "a" },
        { "{\"range\":{\"age\":{}}}", "ab" },
        { "{\"range\":{\"big\":{\"gt\":9007199254740992}}}", "a" },
        { "{\"range\":{\"ratio\":{\"gte\":1e300}}}", "" },
        { "{\"range\":{\"name\":{\"gte\":\"B\"}}}", "b" },
        { "{\"range\":{\"ip\":{\"gt\":\"10.0.0.1\"}}}", "b" },
        { "{\"range\":{\"born\":{\"gte\":\"1990-05-17\",\"lte\":\"1990-05-17\"}}}", "a" },
        { "{\"range\":{\"born\":{\"gt\":\"1990-05-17\"}}}", "bc" },
        { "{\"range\":{\"born\":{\"gte\":\"now-1d\"}}}", "c" },
        { "{\"range\":{\"born\":{\"gte\":\"now-12h/h\"}}}", "c" },
        { "{\"range\":{\"born\":{\"lt\":\"now/y\"}}}", "ab" },
        { "{\"range\":{\"born\":{\"gte\":\"2020-03-31||-1M/d\",\"lte\":\"2020-03-31||-1M/d\"}}}",
          "c" },
        { "{\"range\":{\"born\":{\"gte\":\"29/02/2020\",\"format\":\"dd/MM/yyyy\"}}}", "c" },
        { "{\"range\":{\"born\":{\"gte\":\"2020\",\"time_zone\":\"UTC\"}}}", "c" },
        { "{\"range\":{\"un\":{\"gte\":1}}}", "" },
        { "{\"range\":{\"_kuzzle_info.createdAt\":{\"lte\":1000}}}", "a" },
        { "{\"range\":{\"about\":{\"gte\":\"quick\",\"lte\":\"quick\"}}}", "a" },
    };

    ASSERT_ALL(cases, KDM_LANG_ELASTICSEARCH);
}
END_TEST

START_TEST(exists_needs_a_value)
{
    static const struct expectation cases[] = {
        { "{\"exists\":{\"field\":\"age\"}}", "ab" },
        { "{\"exists\":{\"field\":\"tags\"}}", "ab" },
        { "{\"exists\":{\"field\":\"un\"}}", "" },
        { "{\"exists\":{\"field\":\"o\"}}", "abc" },
        { "{\"exists\":{\"field\":\"o.*\"}}", "abc" },
        { "{\"exists\":{\"field\":\"ag*\"}}", "ab" },
        { "{\"exists\":{\"field\":\"*\"}}", "abcd" },
        { "{\"exists\":{\"field\":\"zz*\"}}", "" },
        { "{\"exists\":{\"field\":\"n.*\"}}", "" },
        { "{\"nested\":{\"path\":\"n\",\"query\":{\"exists\":{\"field\":\"n.*\"}}}}", "ab" },
        { "{\"query_string\":{\"query\":\"_exists_:o.*\"}}", "abc" },
        { "{\"exists\":{\"field\":\"o.y\"}}", "ab" },
        { "{\"exists\":{\"field\":\"_id\"}}", "abcd" },
        { "{\"exists\":{\"field\":\"where\"}}", "abc" },
        { "{\"exists\":{\"field\":\"nul\"}}", "b" },
        { "{\"exists\":{\"field\":\"short\"}}", "b" },
        { "{\"exists\":{\"field\":\"off\"}}", "" },
        { "{\"exists\":{\"field\":\"flat\"}}", "a" },
        { "{\"exists\":{\"field\":\"name\"}}", "abc" },
    };

    ASSERT_ALL(cases, KDM_LANG_ELASTICSEARCH);
}
END_TEST

START_TEST(patterns_match_whole_values)
{
    static const struct expectation cases[] = {
        { "{\"prefix\":{\"name\":\"Ann\"}}", "a" },
        { "{\"prefix\":{\"name\":{\"value\":\"ANN\",\"case_insensitive\":true}}}", "a" },
        { "{\"prefix\":{\"name\":\"\"}}", "abc" },
        { "{\"prefix\":{\"about\":\"bro\"}}", "ab" },
        { "{\"wildcard\":{\"name\":\"*n?a*\"}}", "a" },
        { "{\"wildcard\":{\"name\":{\"value\":\"B?b\"}}}", "b" },
        { "{\"wildcard\":{\"name\":{\"wildcard\":\"*\"}}}", "abc" },
        { "{\"wildcard\":{\"name\":\"Bo\"}}", "" },
        { "{\"wildcard\":{\"name\":\"B\\\\?b\"}}", "" },
        { "{\"regexp\":{\"name\":\"B.b\"}}", "b" },
        { "{\"regexp\":{\"name\":\"B\"}}", "" },
        { "{\"regexp\":{\"name\":{\"value\":\"bob|ann.*\",\"case_insensitive\":true}}}", "ab" },
        { "{\"regexp\":{\"name\":\"@ll\"}}", "a" },
        { "{\"regexp\":{\"tags\":\"[rg]re*d?\"}}", "" },
        { "{\"regexp\":{\"tags\":\"(re|gre+)(d|n)\"}}", "ab" },
        { "{\"regexp\":{\"name\":\"^Bob$\"}}", "" },
        { "{\"regexp\":{\"name\":\"\\\"Bob\\\"\"}}", "b" },
        { "{\"regexp\":{\"name\":\"\"}}", "c" },
        { "{\"regexp\":{\"name\":\"B{1}o{1,2}b+?\"}}", "b" },
        { "{\"prefix\":{\"un\":\"m\"}}", "" },
    };

    ASSERT_ALL(cases, KDM_LANG_ELASTICSEARCH);
}
END_TEST

START_TEST(words_are_found_in_text)
{
    static const struct expectation cases[] = {
        { "{\"match\":{\"about\":\"BROWN cat\"}}", "ab" },
        { "{\"match\":{\"about\":{\"query\":\"brown dog\",\"operator\":\"and\"}}}", "b" },
        { "{\"match\":{\"about\":{\"query\":\"quick brown cat\",\"minimum_should_match\":2}}}",
          "a" },
        { "{\"match\":{\"about\":{\"query\":\"quick brown\",\"minimum_should_match\":\"100%\"}}}",
          "a" },
        { "{\"match\":{\"about\":\"...\"}}", "" },
        { "{\"match\":{\"about\":{\"query\":\"...\",\"zero_terms_query\":\"all\"}}}", "abcd" },
        { "{\"match\":{\"name\":\"Bob\"}}", "b" },
        { "{\"match\":{\"age\":\"41\"}}", "b" },
        { "{\"match\":{\"age\":{\"query\":\"x\",\"lenient\":true}}}", "" },
        { "{\"match\":{\"ok\":true}}", "a" },
        { "{\"match\":{\"_id\":\"d\"}}", "d" },
        { "{\"match\":{\"all\":\"red fox\"}}", "a" },
        { "{\"match\":{\"all\":\"green\"}}", "b" },
        { "{\"match\":{\"un\":\"mapped\"}}", "" },
        { "{\"match_phrase\":{\"about\":\"quick brown\"}}", "a" },
        { "{\"match_phrase\":{\"about\":\"brown quick\"}}", "" },
        { "{\"match_phrase\":{\"about\":\"two three\"}}", "" },
        { "{\"match_phrase\":{\"about\":\"three four\"}}", "c" },
        { "{\"match_phrase_prefix\":{\"about\":\"quick bro\"}}", "a" },
        { "{\"match_phrase_prefix\":{\"about\":\"thr\"}}", "c" },
        { "{\"match_phrase_prefix\":{\"name\":\"Ann\"}}", "a" },
        { "{\"multi_match\":{\"query\":\"bob\",\"fields\":[\"name\",\"name.text\"]}}", "b" },
        { "{\"multi_match\":{\"query\":\"bro\",\"fields\":[\"*\"],\"type\":\"phrase_prefix\"}}",
          "ab" },
        { "{\"multi_match\":{\"query\":\"41\"}}", "b" },
        { "{\"multi_match\":{\"query\":\"bob dog\",\"fields\":[\"name.text\",\"about^2\"],\"type\":"
          "\"cross_fields\",\"operator\":\"and\"}}",
          "b" },
        { "{\"multi_match\":{\"query\":\"bell\",\"fields\":\"name.*\"}}", "a" },
    };

    ASSERT_ALL(cases, KDM_LANG_ELASTICSEARCH);
}
END_TEST

START_TEST(clauses_combine)
{
    static const struct expectation cases[] = {
        { "{\"bool\":{}}", "abcd" },
        { "{\"bool\":{\"must\":{\"term\":{\"age\":30}}}}", "a" },
        { "{\"bool\":{\"must_not\":[{\"term\":{\"age\":30}}]}}", "bcd" },
        { "{\"bool\":{\"should\":[{\"term\":{\"age\":30}},{\"term\":{\"age\":41}}]}}", "ab" },
        { "{\"bool\":{\"filter\":[{\"exists\":{\"field\":\"name\"}}],\"should\":[{\"term\":{"
          "\"age\":30}}]}}",
          "abc" },
        { "{\"bool\":{\"should\":[{\"term\":{\"age\":30}},{\"term\":{\"tags\":\"red\"}},{\"term\":{"
          "\"age\":41}}],"
          "\"minimum_should_match\":2}}",
          "a" },
        { "{\"bool\":{\"should\":[{\"term\":{\"age\":30}},{\"term\":{\"age\":41}}],\"minimum_"
          "should_match\":"
          "\"-50%\"}}",
          "ab" },
        { "{\"bool\":{\"should\":[],\"must\":[]}}", "abcd" },
        { "{\"constant_score\":{\"filter\":{\"term\":{\"age\":30}},\"boost\":3}}", "a" },
        { "{\"dis_max\":{\"queries\":[{\"term\":{\"age\":30}},{\"ids\":{\"values\":[\"d\"]}}]}}",
          "ad" },
        { "{\"boosting\":{\"positive\":{\"exists\":{\"field\":\"age\"}},\"negative\":{\"term\":{"
          "\"age\":30}},"
          "\"negative_boost\":0.5}}",
          "ab" },
        { "{\"nested\":{\"path\":\"n\",\"query\":{\"bool\":{\"must\":[{\"term\":{\"n.k\":\"p\"}},{"
          "\"term\":"
          "{\"n.v\":2}}]}}}}",
          "b" },
        { "{\"nested\":{\"path\":\"n\",\"query\":{\"term\":{\"n.k\":\"q\"}}}}", "a" },
        { "{\"nested\":{\"path\":\"n\",\"query\":{\"exists\":{\"field\":\"n\"}}}}", "ab" },
        { "{\"nested\":{\"path\":\"n\",\"query\":{\"match_all\":{}}}}", "ab" },
        { "{\"nested\":{\"path\":\"n\",\"query\":{\"term\":{\"name\":\"Bob\"}}}}", "" },
        { "{\"term\":{\"n.k\":\"p\"}}", "" },
        { "{\"match\":{\"o\":\"1\"}}", "" },
        { "{\"term\":{\"n\":1}}", "" },
        { "{\"range\":{\"o\":{\"gt\":1}}}", "" },
        { "{\"prefix\":{\"o\":\"1\"}}", "" },
        { "{\"term\":{\"m.k\":\"r\"}}", "b" },
        { "{\"nested\":{\"path\":\"m\",\"query\":{\"term\":{\"m.k\":\"r\"}}}}", "b" },
        { "{\"bool\":{\"must\":[{\"term\":{\"o.x\":\"1\"}},{\"term\":{\"o.y\":6}}]}}", "b" },
        { "{\"nested\":{\"path\":\"nn.m\",\"query\":{\"term\":{\"nn.m.x\":9}}}}", "d" },
        { "{\"nested\":{\"path\":\"nn.m\",\"query\":{\"match_all\":{}}}}", "d" },
        { "{\"nested\":{\"path\":\"nn.m\",\"query\":{\"range\":{\"nn.m.x\":{\"gt\":9}}}}}", "" },
        { "{\"nested\":{\"path\":\"nn\",\"query\":{\"term\":{\"nn.m.x\":9}}}}", "" },
        { "{\"nested\":{\"path\":\"nn\",\"query\":{\"bool\":{\"must\":[{\"term\":{\"nn.k\":\"u\"}},"
          "{\"nested\":{\"path\":\"nn.m\",\"query\":{\"term\":{\"nn.m.x\":9}}}}]}}}}",
          "d" },
        { "{\"nested\":{\"path\":\"nn\",\"query\":{\"bool\":{\"must\":[{\"term\":{\"nn.k\":\"v\"}},"
          "{\"nested\":{\"path\":\"nn.m\",\"query\":{\"term\":{\"nn.m.x\":9}}}}]}}}}",
          "" },
        { "{\"nested\":{\"path\":\"nn.m\",\"query\":{\"nested\":{\"path\":\"nn\",\"query\":{"
          "\"match_all\":{}}}}}}",
          "" },
        { "{\"nested\":{\"path\":\"zz\",\"ignore_unmapped\":true,\"query\":{\"match_all\":{}}}}",
          "" },
    };

    ASSERT_ALL(cases, KDM_LANG_ELASTICSEARCH);
}
END_TEST

START_TEST(a_minimum_is_a_number_a_percentage_or_conditions)
{
    static const struct {
        const char *text;
        size_t count, minimum;
    } cases[] = {
        { "3", 5, 3 },
        { "3", 2, 3 },
        { "-1", 3, 2 },
        { "-4", 3, 0 },
        { "75%", 4, 3 },
        { "75%", 1, 0 },
        { "75%", 3, 2 },
        { "-25%", 1, 1 },
        { "-25%", 3, 3 },
        { "-25%", 4, 3 },
        { "-25%", 7, 6 },
        { "-100%", 3, 0 },
        { "-150%", 3, 0 },
        { "-0%", 3, 0 },
        { "+50%", 4, 2 },
        { "2<75%", 2, 2 },
        { "2<75%", 4, 3 },
        { "2<-25%", 2, 2 },
        { "2<-25%", 3, 3 },
        { "2<-25%", 8, 6 },
        { "2<-25% 9<-3", 1, 1 },
        { "2<-25% 9<-3", 9, 7 },
        { "2<-25% 9<-3", 10, 7 },
        { "9<-3 2<-25%", 5, 5 },
    };
    struct kdm_query_parser parser = { .arena = &arena, .failure = &failure };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kdm_val value = kdm_text_value(&arena, kdm_str_of(cases[i].text));
        size_t minimum;

        ck_assert_msg(kdm_query_minimum(&parser, KDM_STR("bool"), value, cases[i].count, &minimum),
                      "%s", cases[i].text);
        ck_assert_msg(minimum == cases[i].minimum, "%s of %zu: %zu, not %zu", cases[i].text,
                      cases[i].count, minimum, cases[i].minimum);
    }
}
END_TEST

START_TEST(a_minimum_below_one_clause_is_not_everything)
{
    static const struct expectation cases[] = {
        { "{\"bool\":{\"should\":{\"term\":{\"age\":30}},\"minimum_should_match\":\"-25%\"}}",
          "a" },
        { "{\"bool\":{\"should\":[{\"term\":{\"age\":30}}],\"minimum_should_match\":0}}", "a" },
        { "{\"bool\":{\"must\":[{\"exists\":{\"field\":\"age\"}}],\"should\":[{\"term\":{"
          "\"age\":30}}],\"minimum_should_match\":0}}",
          "ab" },
        { "{\"bool\":{\"filter\":[{\"exists\":{\"field\":\"age\"}}],\"minimum_should_match\":1}}",
          "ab" },
        { "{\"match\":{\"about\":{\"query\":\"quick fox cat\",\"minimum_should_match\":\"-25%\"}}}",
          "" },
        { "{\"match\":{\"about\":{\"query\":\"quick\",\"minimum_should_match\":2}}}", "a" },
        { "{\"match\":{\"about\":{\"query\":\"quick cat\",\"minimum_should_match\":3}}}", "" },
        { "{\"multi_match\":{\"query\":\"brown dog cat\",\"fields\":[\"about\"],"
          "\"minimum_should_match\":\"2<-25%\"}}",
          "" },
        { "{\"query_string\":{\"query\":\"about:dog "
          "about:cat\",\"minimum_should_match\":\"-25%\"}}",
          "" },
        { "{\"simple_query_string\":{\"query\":\"dog brown\",\"fields\":[\"about\"],"
          "\"minimum_should_match\":\"-25%\"}}",
          "b" },
    };

    ASSERT_ALL(cases, KDM_LANG_ELASTICSEARCH);
}
END_TEST

START_TEST(looser_ways_to_ask)
{
    static const struct expectation cases[] = {
        { "{\"fuzzy\":{\"name\":\"Bub\"}}", "b" },
        { "{\"fuzzy\":{\"name\":{\"value\":\"oBb\",\"fuzziness\":1}}}", "b" },
        { "{\"fuzzy\":{\"name\":{\"value\":\"oBb\",\"fuzziness\":1,\"transpositions\":false}}}",
          "" },
        { "{\"fuzzy\":{\"name\":{\"value\":\"Bub\",\"prefix_length\":2}}}", "" },
        { "{\"fuzzy\":{\"name\":{\"value\":\"Bub\",\"fuzziness\":0}}}", "" },
        { "{\"fuzzy\":{\"about\":\"quikc\"}}", "a" },
        { "{\"fuzzy\":{\"about\":{\"value\":\"qick\",\"fuzziness\":\"AUTO:1,2\"}}}", "a" },
        { "{\"fuzzy\":{\"about\":\"lz\"}}", "" },
        { "{\"match\":{\"about\":{\"query\":\"quikc "
          "broun\",\"operator\":\"and\",\"fuzziness\":\"AUTO\"}}}",
          "a" },
        { "{\"match\":{\"about\":{\"query\":\"quikc broun\",\"fuzziness\":\"AUTO\"}}}", "ab" },
        { "{\"match\":{\"about\":{\"query\":\"fax "
          "dag\",\"fuzziness\":1,\"minimum_should_match\":2}}}",
          "" },
        { "{\"match\":{\"name\":{\"query\":\"Bpb\",\"fuzziness\":1}}}", "b" },
        { "{\"multi_match\":{\"query\":\"quikc\",\"fuzziness\":1,\"fields\":[\"about\",\"name\"]}}",
          "a" },
        { "{\"match_phrase\":{\"about\":\"quick fox\"}}", "" },
        { "{\"match_phrase\":{\"about\":{\"query\":\"quick fox\",\"slop\":1}}}", "a" },
        { "{\"match_phrase\":{\"about\":{\"query\":\"fox brown\",\"slop\":1}}}", "" },
        { "{\"match_phrase\":{\"about\":{\"query\":\"fox brown\",\"slop\":2}}}", "a" },
        { "{\"match_phrase\":{\"about\":{\"query\":\"two three\",\"slop\":9}}}", "" },
        { "{\"match_phrase_prefix\":{\"about\":{\"query\":\"the bro\",\"slop\":1}}}", "a" },
        { "{\"match_bool_prefix\":{\"about\":\"lazy qui\"}}", "ab" },
        { "{\"match_bool_prefix\":{\"about\":{\"query\":\"lazy br\",\"operator\":\"and\"}}}", "b" },
        { "{\"match_bool_prefix\":{\"name\":\"Bo\"}}", "b" },
        { "{\"match\":{\"about\":{\"query\":\"quick brown "
          "lazy\",\"minimum_should_match\":\"2<75%\"}}}",
          "ab" },
        { "{\"match\":{\"about\":{\"query\":\"quick brown "
          "lazy\",\"minimum_should_match\":\"-1\"}}}",
          "ab" },
        { "{\"match\":{\"about\":{\"query\":\"quick brown "
          "lazy\",\"minimum_should_match\":\"100%\"}}}",
          "" },
        { "{\"match\":{\"about\":{\"query\":\"quick brown "
          "lazy\",\"minimum_should_match\":\"3<90%\"}}}",
          "" },
        { "{\"match\":{\"about\":{\"query\":\"quick brown lazy\",\"minimum_should_match\":\"1<-1 "
          "2<1\"}}}",
          "ab" },
        { "{\"match\":{\"about\":{\"query\":\"brown\",\"minimum_should_match\":\"2<75%\"}}}",
          "ab" },
        { "{\"bool\":{\"should\":[{\"term\":{\"age\":30}},{\"term\":{\"age\":41}},{\"exists\":{"
          "\"field\":\"age\"}}],\"minimum_should_match\":\"-1\"}}",
          "ab" },
        { "{\"dis_max\":{\"queries\":[{\"term\":{\"age\":30}},{\"term\":{\"age\":41}}],\"tie_"
          "breaker\":0.3}}",
          "ab" },
        { "{\"boosting\":{\"positive\":{\"exists\":{\"field\":\"age\"}},\"negative\":{\"term\":{"
          "\"age\":30}},\"negative_boost\":0.2}}",
          "ab" },
        { "{\"multi_match\":{\"query\":\"brown "
          "Bob\",\"type\":\"cross_fields\",\"fields\":[\"about\",\"name.text\"],\"operator\":"
          "\"and\"}}",
          "b" },
        { "{\"multi_match\":{\"query\":\"brown "
          "Bob\",\"fields\":[\"about\",\"name.text\"],\"operator\":\"and\"}}",
          "" },
        { "{\"multi_match\":{\"query\":\"brown "
          "fo\",\"type\":\"bool_prefix\",\"fields\":[\"about\"],\"operator\":\"and\"}}",
          "a" },
        { "{\"multi_match\":{\"query\":\"lazy "
          "dog\",\"type\":\"phrase\",\"slop\":0,\"fields\":[\"about\",\"all\"]}}",
          "b" },
        { "{\"multi_match\":{\"query\":\"brown lazy "
          "Bob\",\"type\":\"cross_fields\",\"fields\":[\"about\",\"name.text\"],\"minimum_should_"
          "match\":\"100%\"}}",
          "b" },
        { "{\"query_string\":{\"query\":\"brown\"}}", "ab" },
        { "{\"query_string\":{\"query\":\"brown AND fox\"}}", "a" },
        { "{\"query_string\":{\"query\":\"brown fox\",\"default_operator\":\"and\"}}", "a" },
        { "{\"query_string\":{\"query\":\"fox OR dog\"}}", "ab" },
        { "{\"query_string\":{\"query\":\"brown -fox\"}}", "b" },
        { "{\"query_string\":{\"query\":\"brown AND NOT fox\"}}", "b" },
        { "{\"query_string\":{\"query\":\"+brown !fox\"}}", "b" },
        { "{\"query_string\":{\"query\":\"-fox\"}}", "bcd" },
        { "{\"query_string\":{\"query\":\"\\\"quick brown\\\"\"}}", "a" },
        { "{\"query_string\":{\"query\":\"\\\"quick fox\\\"~1\"}}", "a" },
        { "{\"query_string\":{\"query\":\"(quick OR lazy) AND brown\"}}", "ab" },
        { "{\"query_string\":{\"query\":\"name:Bob\"}}", "b" },
        { "{\"query_string\":{\"query\":\"name:\\\"Anna Bell\\\"\"}}", "a" },
        { "{\"query_string\":{\"query\":\"name:Anna\\\\ Bell\"}}", "a" },
        { "{\"query_string\":{\"query\":\"name:B*\"}}", "b" },
        { "{\"query_string\":{\"query\":\"name:?ob\"}}", "b" },
        { "{\"query_string\":{\"query\":\"QUI*\",\"fields\":[\"about\"]}}", "a" },
        { "{\"query_string\":{\"query\":\"name:/B.b/\"}}", "b" },
        { "{\"query_string\":{\"query\":\"age:[30 TO 40]\"}}", "a" },
        { "{\"query_string\":{\"query\":\"age:{30 TO *]\"}}", "b" },
        { "{\"query_string\":{\"query\":\"age:>=41\"}}", "b" },
        { "{\"query_string\":{\"query\":\"age:(>=30 AND <41)\"}}", "a" },
        { "{\"query_string\":{\"query\":\"born:[1990-01-01 TO 1990-12-31]\"}}", "ab" },
        { "{\"query_string\":{\"query\":\"born:>now\"}}", "" },
        { "{\"query_string\":{\"query\":\"about:quikc~\"}}", "a" },
        { "{\"query_string\":{\"query\":\"about:quikc~1\"}}", "a" },
        { "{\"query_string\":{\"query\":\"about:qiukc~0.5\"}}", "a" },
        { "{\"query_string\":{\"query\":\"_exists_:age\"}}", "ab" },
        { "{\"query_string\":{\"query\":\"age:*\"}}", "ab" },
        { "{\"query_string\":{\"query\":\"*:*\"}}", "abcd" },
        { "{\"query_string\":{\"query\":\"*:*ob\"}}", "b" },
        { "{\"query_string\":{\"query\":\"(*:*^2) -fox\"}}", "bcd" },
        { "{\"query_string\":{\"query\":\"*\"}}", "abcd" },
        { "{\"query_string\":{\"query\":\"NOT _exists_:age\"}}", "cd" },
        { "{\"query_string\":{\"query\":\"tags:(red OR green)\"}}", "ab" },
        { "{\"query_string\":{\"query\":\"tags:red^3 OR nope:x\"}}", "a" },
        { "{\"query_string\":{\"query\":\"\",\"fields\":[\"about\"]}}", "" },
        { "{\"query_string\":{\"query\":\"brown "
          "fox\",\"default_field\":\"about\",\"minimum_should_match\":\"2\"}}",
          "a" },
        { "{\"query_string\":{\"query\":\"a OR brown AND fox\",\"default_field\":\"about\"}}",
          "a" },
        { "{\"query_string\":{\"query\":\"o.x:1 && o.y:>4\"}}", "b" },
        { "{\"query_string\":{\"query\":\"age:abc\",\"lenient\":true}}", "" },
        { "{\"query_string\":{\"query\":\"o.\\\\*:3\"}}", "c" },
        { "{\"query_string\":{\"query\":\"o.*:3\"}}", "c" },
        { "{\"query_string\":{\"query\":\"ip:[10.0.0.0 TO 10.0.0.255]\"}}", "a" },
        { "{\"query_string\":{\"query\":\"brown || nothing\",\"fields\":[\"about^3\",\"name\"]}}",
          "ab" },
        { "{\"simple_query_string\":{\"query\":\"brown + fox\",\"fields\":[\"about\"]}}", "a" },
        { "{\"simple_query_string\":{\"query\":\"fox | dog\",\"fields\":[\"about\"]}}", "ab" },
        { "{\"simple_query_string\":{\"query\":\"brown + -fox\",\"fields\":[\"about\"]}}", "b" },
        { "{\"simple_query_string\":{\"query\":\"\\\"quick brown\\\" | \\\"lazy "
          "dog\\\"\",\"fields\":[\"about\"]}}",
          "ab" },
        { "{\"simple_query_string\":{\"query\":\"\\\"quick fox\\\"~1\",\"fields\":[\"about\"]}}",
          "a" },
        { "{\"simple_query_string\":{\"query\":\"qui*\",\"fields\":[\"about\"]}}", "a" },
        { "{\"simple_query_string\":{\"query\":\"quikc~1\",\"fields\":[\"about\"]}}", "a" },
        { "{\"simple_query_string\":{\"query\":\"(quick | lazy) + brown\",\"fields\":[\"about\"]}}",
          "ab" },
        { "{\"simple_query_string\":{\"query\":\"brown "
          "fox\",\"default_operator\":\"and\",\"fields\":[\"about\"]}}",
          "a" },
        { "{\"simple_query_string\":{\"query\":\"\\\"brown\",\"fields\":[\"about\"]}}", "ab" },
        { "{\"simple_query_string\":{\"query\":\"brown ) (\",\"fields\":[\"about\"]}}", "ab" },
        { "{\"simple_query_string\":{\"query\":\"brown + "
          "fox\",\"flags\":\"OR\",\"fields\":[\"about\"]}}",
          "ab" },
        { "{\"simple_query_string\":{\"query\":\"\",\"fields\":[\"about\"]}}", "" },
        { "{\"simple_query_string\":{\"query\":\"brown "
          "lazy\",\"minimum_should_match\":2,\"fields\":[\"about\"]}}",
          "b" },
        { "{\"simple_query_string\":{\"query\":\"41\"}}", "b" },
        { "{\"simple_query_string\":{\"query\":\"-brown\",\"fields\":[\"about\"]}}", "cd" },
        { "{\"simple_query_string\":{\"query\":\"quick + brown | dog\",\"fields\":[\"about\"]}}",
          "ab" },
        { "{\"range\":{\"born\":{\"gte\":\"2020-02-29T13:00:00\",\"lte\":\"2020-02-29T13:00:00\","
          "\"time_zone\":\"Europe/Paris\"}}}",
          "c" },
        { "{\"range\":{\"born\":{\"gte\":\"2020-02-29T13:00:00\",\"time_zone\":\"UTC\"}}}", "" },
        { "{\"range\":{\"born\":{\"lte\":\"2020-02-29||/d\",\"gte\":\"2020-02-29||/"
          "d\",\"time_zone\":\"America/New_York\"}}}",
          "c" },
        { "{\"range\":{\"born\":{\"gte\":\"2020-02-29T12:00:00Z\",\"time_zone\":\"Asia/Tokyo\"}}}",
          "c" },
        { "{\"range\":{\"born\":{\"gte\":\"2020-02-29T21:00:00\",\"time_zone\":\"+09:00\"}}}",
          "c" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":{\"type\":\"envelope\",\"coordinates\":[[1,2],[2,1]]"
          "}}}}",
          "d" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":{\"type\":\"envelope\",\"coordinates\":[[1,2],[2,1]]"
          "},\"relation\":\"CONTAINS\"}}}",
          "d" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":{\"type\":\"envelope\",\"coordinates\":[[-1,5],[5,-"
          "1]]},\"relation\":\"within\"}}}",
          "" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":{\"type\":\"envelope\",\"coordinates\":[[-1,50],[50,"
          "-1]]},\"relation\":\"within\"}}}",
          "d" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":\"POINT (5 5)\"}}}", "" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":\"POINT (5 5)\",\"relation\":\"disjoint\"}}}", "d" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":{\"type\":\"circle\",\"coordinates\":[10,10.5],"
          "\"radius\":\"100km\"}}}}",
          "d" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":{\"type\":\"envelope\",\"coordinates\":[[170,20],[-"
          "170,-20]]}}}}",
          "" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":\"BBOX (9, 11, 11, 9)\"}}}", "d" },
        { "{\"geo_shape\":{\"where\":{\"shape\":{\"type\":\"envelope\",\"coordinates\":[[0,50],[3,"
          "45]]},\"relation\":\"within\"}}}",
          "a" },
        { "{\"geo_shape\":{\"where\":{\"shape\":\"MULTIPOINT ((90 0), (2 48))\"}}}", "bc" },
        { "{\"geo_shape\":{\"where\":{\"shape\":{\"type\":\"GeometryCollection\",\"geometries\":[{"
          "\"type\":\"Point\",\"coordinates\":[90,0]}]}}}}",
          "c" },
        { "{\"geo_shape\":{\"nope\":{\"shape\":\"POINT (5 5)\"},\"ignore_unmapped\":true}}", "" },
        { "{\"exists\":{\"field\":\"zone\"}}", "d" },
    };

    ASSERT_ALL(cases, KDM_LANG_ELASTICSEARCH);
}
END_TEST

START_TEST(places_are_found)
{
    static const struct expectation cases[] = {
        { "{\"geo_distance\":{\"distance\":\"10km\",\"where\":{\"lat\":48.85,\"lon\":2.35}}}",
          "a" },
        { "{\"geo_bounding_box\":{\"where\":{\"top_left\":\"u0\",\"bottom_right\":\"u0\"}}}", "a" },
        { "{\"geo_bounding_box\":{\"where\":{\"top_right\":{\"geohash\":\"u0\"},\"bottom_left\":"
          "\"sp\"}}}",
          "ab" },
        { "{\"geo_bounding_box\":{\"where\":{\"wkt\":\"BBOX (2, 3, 49, 48)\"}}}", "a" },
        { "{\"geo_distance\":{\"distance\":\"10km\",\"home\":\"1,1\"}}", "b" },
        { "{\"geo_bounding_box\":{\"home\":{\"wkt\":\"BBOX(0,2,2,0)\"}}}", "b" },
        { "{\"geo_shape\":{\"home\":{\"shape\":\"BBOX(0,2,2,0)\"}}}", "b" },
        { "{\"exists\":{\"field\":\"home\"}}", "b" },
        { "{\"geo_distance\":{\"distance\":\"600km\",\"where\":[2.3522,48.8566]}}", "ab" },
        { "{\"geo_distance\":{\"distance\":590,\"unit\":\"km\",\"where\":\"48.8566,2.3522\"}}",
          "a" },
        { "{\"geo_distance\":{\"distance\":\"1\",\"where\":\"48.8566,2.3522\"}}", "a" },
        { "{\"geo_bounding_box\":{\"where\":{\"top_left\":{\"lat\":50,\"lon\":0},\"bottom_right\":{"
          "\"lat\":40,"
          "\"lon\":3}}}}",
          "a" },
        { "{\"geo_bounding_box\":{\"where\":{\"top\":50,\"left\":0,\"bottom\":40,\"right\":10}}}",
          "ab" },
        { "{\"geo_bounding_box\":{\"where\":{\"top_right\":[10,50],\"bottom_left\":[0,40]}}}",
          "ab" },
        { "{\"geo_bounding_box\":{\"where\":{\"top\":50,\"left\":80,\"bottom\":-10,\"right\":3}}}",
          "ac" },
        { "{\"geo_polygon\":{\"where\":{\"points\":[[0,40],[10,40],[10,46],[0,46]]}}}", "b" },
        { "{\"geo_distance\":{\"distance\":\"1km\",\"nope\":[0,0],\"ignore_unmapped\":true}}", "" },
    };

    ASSERT_ALL(cases, KDM_LANG_ELASTICSEARCH);
}
END_TEST

START_TEST(koncorde_filters_search_by_the_mapping)
{
    static const struct expectation cases[] = {
        { "{}", "abcd" },
        { "{\"equals\":{\"name\":\"Bob\"}}", "b" },
        { "{\"equals\":{\"tags\":\"blue\"}}", "a" },
        { "{\"equals\":{\"age\":41}}", "b" },
        { "{\"not\":{\"equals\":{\"name\":\"Bob\"}}}", "acd" },
        { "{\"in\":{\"name\":[\"Bob\",\"Anna Bell\"]}}", "ab" },
        { "{\"ids\":{\"values\":[\"d\"]}}", "d" },
        { "{\"not\":{\"ids\":{\"values\":[\"d\"]}}}", "abc" },
        { "{\"range\":{\"age\":{\"gte\":30,\"lt\":41}}}", "a" },
        { "{\"exists\":\"age\"}", "ab" },
        { "{\"exists\":{\"field\":\"age\"}}", "ab" },
        { "{\"missing\":\"age\"}", "cd" },
        { "{\"exists\":\"tags[\\\"red\\\"]\"}", "a" },
        { "{\"and\":[{\"exists\":\"name\"},{\"not\":{\"equals\":{\"age\":30}}}]}", "bc" },
        { "{\"or\":[{\"equals\":{\"age\":30}},{\"equals\":{\"age\":41}}]}", "ab" },
        { "{\"not\":{\"or\":[{\"equals\":{\"age\":30}},{\"equals\":{\"age\":41}}]}}", "cd" },
        { "{\"not\":{\"and\":[{\"exists\":\"age\"},{\"equals\":{\"age\":41}}]}}", "acd" },
        { "{\"regexp\":{\"un\":\"^map\"}}", "b" },
        { "{\"regexp\":{\"name\":{\"value\":\"BOB\",\"flags\":\"i\"}}}", "b" },
        { "{\"match\":{\"o\":{\"x\":\"1\"}}}", "a" },
        { "{\"regexp\":{\"tags\":\"^r\"}}", "a" },
        { "{\"regexp\":{\"tags\":\"e\"}}", "ab" },
        { "{\"not\":{\"regexp\":{\"tags\":\"^r\"}}}", "bcd" },
        { "{\"regexp\":{\"about\":\"^three f\"}}", "c" },
        { "{\"not\":{\"regexp\":{\"about\":\"^three f\"}}}", "abd" },
        { "{\"regexp\":{\"o.x\":\"2\"}}", "b" },
        { "{\"regexp\":{\"name.text\":\"B\"}}", "ab" },
        { "{\"regexp\":{\"nul\":\"ON\"}}", "b" },
        { "{\"regexp\":{\"_id\":\"[ab]\"}}", "ab" },
        { "{\"match\":{\"tags\":\"red\"}}", "a" },
        { "{\"not\":{\"match\":{\"tags\":\"red\"}}}", "bcd" },
        { "{\"nothing\":true}", "" },
        { "{\"select\":{\"field\":\"tags\",\"index\":-1,\"query\":{\"equals\":{\"value\":\"blue\"}}"
          "}}",
          "a" },
        { "{\"geoDistance\":{\"where\":[48.85,2.35],\"distance\":\"10km\"}}", "a" },
        { "{\"not\":{\"geoDistance\":{\"where\":[48.85,2.35],\"distance\":\"10km\"}}}", "bcd" },
        { "{\"geoDistanceRange\":{\"where\":[48.85,2.35],\"from\":\"1km\",\"to\":\"700 km\"}}",
          "b" },
        { "{\"geoBoundingBox\":{\"where\":{\"top\":50,\"left\":0,\"bottom\":40,\"right\":10}}}",
          "ab" },
        { "{\"geoPolygon\":{\"where\":{\"points\":[[40,0],[40,10],[46,10],[46,0]]}}}", "b" },
    };

    ASSERT_ALL(cases, KDM_LANG_KONCORDE);
}
END_TEST

static void assert_refused(const char *text, enum kdm_search_lang lang, enum kdm_err err,
                           const char *named)
{
    ck_assert_msg(parsed(text, lang) == NULL, "%s", text);
    ck_assert_msg(failure.err == err, "%s: " KDM_FMT, text, KDM_ARG(failure.message));
    ck_assert_msg(memmem(failure.message.ptr, failure.message.len, named, strlen(named)) != NULL,
                  "%s: " KDM_FMT, text, KDM_ARG(failure.message));
}

START_TEST(what_is_wrong_is_refused_and_named)
{
    static const char *const malformed[][2] = {
        { "[]", "query" },
        { "3", "query" },
        { "{\"term\":{\"a\":1},\"match\":{\"b\":1}}", "term" },
        { "{\"term\":{}}", "term" },
        { "{\"term\":[]}", "term" },
        { "{\"term\":\"x\"}", "term" },
        { "{\"term\":{\"age\":1,\"name\":2}}", "term" },
        { "{\"term\":{\"age\":null}}", "term" },
        { "{\"term\":{\"age\":[1]}}", "term" },
        { "{\"term\":{\"age\":\"x\"}}", "age" },
        { "{\"term\":{\"ok\":\"maybe\"}}", "ok" },
        { "{\"term\":{\"ip\":\"x\"}}", "ip" },
        { "{\"term\":{\"ip\":\"10.0.0.0/99\"}}", "ip" },
        { "{\"terms\":{\"ip\":[\"::1\",\"10.0.0.0/33\"]}}", "ip" },
        { "{\"term\":{\"where\":\"1,2\"}}", "where" },
        { "{\"term\":{\"age\":{\"value\":1,\"bad\":2}}}", "bad" },
        { "{\"term\":{\"hidden\":\"x\"}}", "hidden" },
        { "{\"terms\":{\"tags\":\"x\"}}", "terms" },
        { "{\"terms\":{\"tags\":[null]}}", "tags" },
        { "{\"terms\":{\"tags\":{\"index\":\"i\"}}}", "terms" },
        { "{\"ids\":{}}", "ids" },
        { "{\"ids\":{\"values\":3}}", "ids" },
        { "{\"range\":{\"age\":3}}", "range" },
        { "{\"range\":{\"age\":{\"above\":3}}}", "above" },
        { "{\"range\":{\"age\":{\"gt\":\"x\"}}}", "age" },
        { "{\"range\":{\"born\":{\"gt\":\"soon\"}}}", "born" },
        { "{\"range\":{\"born\":{\"gt\":\"now+\"}}}", "born" },
        { "{\"range\":{\"born\":{\"gt\":\"now+1q\"}}}", "born" },
        { "{\"range\":{\"born\":{\"gt\":\"now+99999999999999999d\"}}}", "born" },
        { "{\"range\":{\"born\":{\"gt\":1,\"format\":\"wat\"}}}", "range" },
        { "{\"range\":{\"born\":{\"gt\":1,\"time_zone\":\"Europe/Nowhere\"}}}", "time_zone" },
        { "{\"exists\":{}}", "exists" },
        { "{\"exists\":{\"field\":3}}", "exists" },
        { "{\"prefix\":{\"age\":\"1\"}}", "prefix" },
        { "{\"regexp\":{\"name\":\"(\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"a)\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"*a\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"(?:a)\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"(?=a)\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"[a\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"~a\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"a&b\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"<1-\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"<1-5\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"<-5>\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"<a>\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"<1-9999999999>\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"a{9999}\"}}", "regexp" },
        { "{\"regexp\":{\"name\":\"a\\\\\"}}", "regexp" },
        { "{\"match\":{\"about\":{\"query\":\"x\",\"operator\":\"xor\"}}}", "operator" },
        { "{\"match\":{\"about\":{\"query\":\"x\",\"analyzer\":\"mine\"}}}", "analyzer" },
        { "{\"match\":{\"about\":[\"x\"]}}", "match" },
        { "{\"match\":{\"about\":{}}}", "match" },
        { "{\"match\":{\"age\":\"x\"}}", "age" },
        { "{\"match\":{\"about\":\"x\",\"name\":\"y\"}}", "match" },
        { "{\"multi_match\":{\"fields\":[\"name\"]}}", "multi_match" },
        { "{\"multi_match\":{\"query\":\"x\",\"fields\":[3]}}", "fields" },
        { "{\"bool\":{\"must\":[{}]}}", "must" },
        { "{\"bool\":{\"must\":3}}", "must" },
        { "{\"bool\":{\"musst\":[]}}", "musst" },
        { "{\"bool\":{\"should\":[],\"minimum_should_match\":\"x\"}}", "minimum_should_match" },
        { "{\"constant_score\":{}}", "constant_score" },
        { "{\"nested\":{\"path\":\"o\",\"query\":{\"match_all\":{}}}}", "nested" },
        { "{\"nested\":{\"path\":\"n\"}}", "nested" },
        { "{\"nested\":{\"path\":\"n\",\"query\":{\"match_all\":{}},\"inner_hits\":{}}}",
          "inner_hits" },
        { "{\"geo_distance\":{\"where\":[1,2]}}", "distance" },
        { "{\"geo_distance\":{\"where\":[1,2],\"distance\":\"far\"}}", "distance" },
        { "{\"geo_distance\":{\"where\":[1,2,3,4],\"distance\":\"1km\"}}", "where" },
        { "{\"geo_distance\":{\"name\":[1,2],\"distance\":\"1km\"}}", "name" },
        { "{\"geo_bounding_box\":{\"where\":{\"top\":1}}}", "where" },
        { "{\"geo_polygon\":{\"where\":{\"points\":[[1,2],[3,4]]}}}", "points" },
        { "{\"match_all\":{\"x\":1}}", "match_all" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":\"POINT (5)\"}}}", "zone" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":\"POINT (500 1)\"}}}", "zone" },
        { "{\"geo_shape\":{\"zone\":{\"indexed_shape\":{\"id\":\"x\"}}}}", "indexed_shape" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":\"POINT (5 5)\",\"relation\":\"near\"}}}",
          "relation" },
        { "{\"geo_shape\":{\"name\":{\"shape\":\"POINT (5 5)\"}}}", "name" },
        { "{\"geo_shape\":{\"zone\":\"POINT (5 5)\"}}", "zone" },
        { "{\"geo_shape\":{}}", "geo_shape" },
        { "{\"geo_distance\":{\"zone\":\"1,2\",\"distance\":\"1km\"}}", "zone" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":{\"type\":\"polygon\",\"coordinates\":[]}}}}",
          "zone" },
        { "{\"geo_shape\":{\"zone\":{\"shape\":{\"type\":\"blob\",\"coordinates\":[1,2]}}}}",
          "zone" },
        { "{\"term\":{\"zone\":\"x\"}}", "zone" },
        { "{\"fuzzy\":{\"age\":\"3\"}}", "fuzzy" },
        { "{\"fuzzy\":{\"name\":{\"value\":\"x\",\"fuzziness\":3}}}", "fuzziness" },
        { "{\"fuzzy\":{\"name\":{\"value\":\"x\",\"fuzziness\":\"AUTO:5\"}}}", "fuzziness" },
        { "{\"fuzzy\":{\"name\":{\"value\":\"x\",\"prefix_length\":-1}}}", "prefix_length" },
        { "{\"fuzzy\":{\"name\":{\"fuzziness\":1}}}", "fuzzy" },
        { "{\"fuzzy\":{\"name\":{\"value\":\"x\",\"case_insensitive\":true}}}",
          "case_insensitive" },
        { "{\"match\":{\"about\":{\"query\":\"x\",\"fuzziness\":\"much\"}}}", "fuzziness" },
        { "{\"match\":{\"age\":{\"query\":\"3\",\"fuzziness\":1}}}", "age" },
        { "{\"match\":{\"about\":{\"query\":\"x\",\"slop\":2}}}", "slop" },
        { "{\"match\":{\"about\":{\"query\":\"x\",\"minimum_should_match\":\"2<\"}}}",
          "minimum_should_match" },
        { "{\"match_phrase\":{\"about\":{\"query\":\"x\",\"slop\":-1}}}", "slop" },
        { "{\"match_phrase\":{\"about\":{\"query\":\"x\",\"fuzziness\":1}}}", "fuzziness" },
        { "{\"match_phrase\":{\"about\":{\"query\":\"x\",\"operator\":\"and\"}}}", "operator" },
        { "{\"multi_match\":{\"query\":\"x\",\"type\":\"worst_fields\"}}", "type" },
        { "{\"multi_match\":{\"query\":\"x\",\"type\":\"phrase\",\"fuzziness\":1}}", "fuzziness" },
        { "{\"multi_match\":{\"query\":\"x\",\"tie_breaker\":7}}", "tie_breaker" },
        { "{\"dis_max\":{\"queries\":[]}}", "queries" },
        { "{\"dis_max\":{\"tie_breaker\":1}}", "queries" },
        { "{\"boosting\":{\"positive\":{\"match_all\":{}},\"negative\":{\"match_all\":{}}}}",
          "negative_boost" },
        { "{\"boosting\":{\"positive\":{\"match_all\":{}},\"negative_boost\":1}}", "negative" },
        { "{\"function_score\":{\"query\":{\"match_all\":{}}}}", "function_score" },
        { "{\"script_score\":{\"query\":{\"match_all\":{}}}}", "script_score" },
        { "{\"terms_set\":{\"tags\":{\"terms\":[\"x\"]}}}", "terms_set" },
        { "{\"intervals\":{\"about\":{}}}", "intervals" },
        { "{\"more_like_this\":{\"like\":\"x\"}}", "more_like_this" },
        { "{\"span_term\":{\"about\":\"x\"}}", "span_term" },
        { "{\"has_child\":{\"type\":\"x\"}}", "has_child" },
        { "{\"percolate\":{\"field\":\"x\"}}", "percolate" },
        { "{\"query_string\":{}}", "query_string" },
        { "{\"query_string\":{\"query\":3}}", "query_string" },
        { "{\"query_string\":{\"query\":\"a\",\"default_operator\":\"xor\"}}", "default_operator" },
        { "{\"query_string\":{\"query\":\"a\",\"nope\":1}}", "nope" },
        { "{\"query_string\":{\"query\":\"a\",\"quote_field_suffix\":\".exact\"}}",
          "quote_field_suffix" },
        { "{\"query_string\":{\"query\":\"a\",\"type\":\"x\"}}", "type" },
        { "{\"query_string\":{\"query\":\"a\",\"analyzer\":\"x\"}}", "analyzer" },
        { "{\"query_string\":{\"query\":\"a\",\"time_zone\":\"Moon/Base\"}}", "time_zone" },
        { "{\"query_string\":{\"query\":\"(a\"}}", "parenthesis" },
        { "{\"query_string\":{\"query\":\"a)\"}}", "parenthesis" },
        { "{\"query_string\":{\"query\":\"()\"}}", "parentheses" },
        { "{\"query_string\":{\"query\":\"\\\"a\"}}", "quotation" },
        { "{\"query_string\":{\"query\":\"a AND\"}}", "operator" },
        { "{\"query_string\":{\"query\":\"AND a\"}}", "operator" },
        { "{\"query_string\":{\"query\":\"a -\"}}", "operator" },
        { "{\"query_string\":{\"query\":\"name:\"}}", "query_string" },
        { "{\"query_string\":{\"query\":\"name:a:b\"}}", "query_string" },
        { "{\"query_string\":{\"query\":\"age:[1 TO\"}}", "bounds" },
        { "{\"query_string\":{\"query\":\"age:[1 2]\"}}", "TO" },
        { "{\"query_string\":{\"query\":\"age:[1 TO 2\"}}", "closed" },
        { "{\"query_string\":{\"query\":\"age:abc\"}}", "age" },
        { "{\"query_string\":{\"query\":\"age:1*\"}}", "age" },
        { "{\"query_string\":{\"query\":\"a^x\"}}", "^" },
        { "{\"query_string\":{\"query\":\"/(/\"}}", "query_string" },
        { "{\"query_string\":{\"query\":\"/abc\"}}", "quotation" },
        { "{\"query_string\":{\"query\":\"a\\\\\"}}", "query_string" },
        { "{\"query_string\":{\"query\":\"_exists_:\"}}", "_exists_" },
        { "{\"query_string\":{\"query\":\"hidden:x\"}}", "hidden" },
        { "{\"query_string\":{\"query\":\"((((((((((((((((((((((((((((((((((((((((((((((((((((((((("
          "(((a))))))))))))))))))))))))))))))))))))))))))))))))))))))))))))\"}}",
          "deep" },
        { "{\"simple_query_string\":{}}", "simple_query_string" },
        { "{\"simple_query_string\":{\"query\":\"a\",\"flags\":\"MAYBE\"}}", "flags" },
        { "{\"simple_query_string\":{\"query\":\"a\",\"flags\":5}}", "flags" },
        { "{\"simple_query_string\":{\"query\":\"a\",\"default_operator\":\"x\"}}",
          "default_operator" },
        { "{\"simple_query_string\":{\"query\":\"(((((((((((((((((((((((((((((((((((((((((((((((((("
          "((((((((((a\"}}",
          "deep" },
        { "{\"simple_query_string\":{\"query\":\"a\",\"fields\":[\"hidden\"]}}", "hidden" },
    };

    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_refused(malformed[i][0], KDM_LANG_ELASTICSEARCH,
                       KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, malformed[i][1]);
    assert_refused("{\"equals\":{\"a\":1}}", KDM_LANG_ELASTICSEARCH,
                   KDM_ERR_SERVICES_STORAGE_UNKNOWN_QUERY_KEYWORD, "equals");
    assert_refused("{\"bool\":{\"must\":[{\"and\":[]}]}}", KDM_LANG_ELASTICSEARCH,
                   KDM_ERR_SERVICES_STORAGE_UNKNOWN_QUERY_KEYWORD, "and");
    assert_refused("{\"term\":{\"a\":1}}", KDM_LANG_KONCORDE,
                   KDM_ERR_SERVICES_STORAGE_UNKNOWN_QUERY_KEYWORD, "term");
    assert_refused("{\"and\":[{\"bool\":{}}]}", KDM_LANG_KONCORDE,
                   KDM_ERR_API_ASSERT_KONCORDE_RESTRICTED_KEYWORD, "bool");
    assert_refused("{\"and\":[]}", KDM_LANG_KONCORDE,
                   KDM_ERR_SERVICES_KONCORDE_ELASTIC_TRANSLATION_ERROR, "and");
    assert_refused("{\"equals\":{\"a\":1},\"exists\":\"b\"}", KDM_LANG_KONCORDE,
                   KDM_ERR_SERVICES_KONCORDE_ELASTIC_TRANSLATION_ERROR, "one keyword");
    assert_refused("{\"bool\":{\"must\":[{\"script\":{\"script\":{\"source\":\"x\"}}}]}}",
                   KDM_LANG_ELASTICSEARCH, KDM_ERR_SERVICES_STORAGE_INVALID_QUERY_KEYWORD,
                   "bool.must.script");
}
END_TEST

START_TEST(work_is_bounded)
{
    struct kdm_query *query;
    struct kdm_buf buf, long_text;
    struct kdm_failure costly;
    struct kdm_val source;

    kdm_buf_init(&buf, &arena, 100000);
    kdm_buf_lit(&buf, "{\"bool\":{\"should\":[{\"match_all\":{}}");
    for (int i = 0; i < 1100; i++)
        kdm_buf_lit(&buf, ",{\"match_all\":{}}");
    kdm_buf_lit(&buf, "]}}");
    kdm_buf_char(&buf, '\0');
    assert_refused(buf.ptr, KDM_LANG_ELASTICSEARCH, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                   "1024");
    kdm_buf_init(&long_text, &arena, 40000);
    kdm_buf_lit(&long_text, "{\"name\":\"");
    for (int i = 0; i < 30000; i++)
        kdm_buf_char(&long_text, 'a');
    kdm_buf_lit(&long_text, "\"}");
    source = kdm_json_parse(&arena, kdm_buf_str(&long_text));
    query = parsed("{\"regexp\":{\"name\":\"(a*)*(a*)*(a*)*(a|aa)*b\"}}", KDM_LANG_ELASTICSEARCH);
    ck_assert(query != NULL);
    ck_assert(!kdm_search_matches(query, &arena, &scratch, KDM_STR("x"), source, NULL, &costly));
    ck_assert_int_eq(costly.err, KDM_OK);
    query = parsed("{\"regexp\":{\"name\":\"(a?){1000}(a?){1000}b\"}}", KDM_LANG_ELASTICSEARCH);
    ck_assert(query != NULL);
    ck_assert(!kdm_search_matches(query, &arena, &scratch, KDM_STR("x"), source, NULL, &costly));
    ck_assert_int_eq(costly.err, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST);
    query = parsed("{\"wildcard\":{\"name\":\"*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b\"}}",
                   KDM_LANG_ELASTICSEARCH);
    ck_assert(query != NULL);
    ck_assert(!kdm_search_matches(query, &arena, &scratch, KDM_STR("x"), source, NULL, &costly));
    ck_assert_int_eq(costly.err, KDM_OK);
}
END_TEST

START_TEST(scores_count_what_matched)
{
    struct kdm_query *query =
        parsed("{\"bool\":{\"must\":{\"match\":{\"about\":\"quick brown\"}},\"filter\":"
               "{\"exists\":{\"field\":\"age\"}},\"should\":{\"term\":{\"age\":{\"value\":"
               "30,\"boost\":2.5}}}}}",
               KDM_LANG_ELASTICSEARCH);
    struct kdm_val source = kdm_json_parse(&arena, kdm_str_of(documents[0].source));
    float score = 0;

    ck_assert(kdm_search_matches(query, &arena, &scratch, KDM_STR("a"), source, &score, &failure));
    ck_assert_double_eq_tol(score, 4.5, 1e-6);
}
END_TEST

START_TEST(random_queries_never_break_it)
{
    static const char *const pieces[] = {
        "{",           "}",
        "[",           "]",
        ",",           ":",
        "\"bool\"",    "\"must\"",
        "\"term\"",    "\"name\"",
        "\"Bob\"",     "1",
        "null",        "\"match\"",
        "\"about\"",   "\"query\"",
        "\"range\"",   "\"gte\"",
        "\"born\"",    "\"now/d\"",
        "\"nested\"",  "\"path\"",
        "\"n\"",       "\"regexp\"",
        "\"(a|b)*\"",  "\"not\"",
        "\"equals\"",  "\"exists\"",
        "\"field\"",   "\"geoDistance\"",
        "\"where\"",   "\"distance\"",
        "\"1km\"",     "\"select\"",
        "\"index\"",   "\"ids\"",
        "\"values\"",  "\"in\"",
        "\"missing\"", "{}",
        "[]",          "true",
    };
    unsigned seed = (unsigned)getpid(), tried = 0;

    fprintf(stderr, "seed %u\n", seed);
    for (int i = 0; i < 300000; i++) {
        char text[512] = "{";
        struct kdm_json doc;
        int count = 3 + (int)(rand_r(&seed) % 16);

        for (int j = 0; j < count; j++) {
            /* Half of the time what JSON wants next, so that more of it parses. */
            strcat(text, pieces[(unsigned)rand_r(&seed) % (sizeof(pieces) / sizeof(pieces[0]))]);
            if (rand_r(&seed) % 2 == 0)
                strcat(text, rand_r(&seed) % 3 == 0 ? "," : ":");
        }
        for (int closing = 0; closing < 4; closing++) {
            strcat(text, "}");
            if (!kdm_json_scan(&scratch, kdm_str_of(text), &doc, NULL))
                continue;
            for (int lang = 0; lang < 2; lang++) {
                struct kdm_query *query = kdm_search_query(&scratch, mapping, kdm_json_root(&doc),
                                                           (enum kdm_search_lang)lang, 0, &failure);

                tried++;
                if (query != NULL)
                    for (size_t d = 0; d < DOCUMENTS; d++)
                        kdm_search_matches(
                            query, &arena, &scratch, kdm_str_of(documents[d].id),
                            kdm_json_parse(&scratch, kdm_str_of(documents[d].source)), NULL,
                            &failure);
            }
        }
        kdm_arena_reset(&scratch);
    }
    ck_assert_uint_gt(tried, 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("match");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, exact_values_are_found);
    tcase_add_test(tcase, ranges_have_open_and_null_bounds);
    tcase_add_test(tcase, exists_needs_a_value);
    tcase_add_test(tcase, patterns_match_whole_values);
    tcase_add_test(tcase, words_are_found_in_text);
    tcase_add_test(tcase, clauses_combine);
    tcase_add_test(tcase, a_minimum_is_a_number_a_percentage_or_conditions);
    tcase_add_test(tcase, a_minimum_below_one_clause_is_not_everything);
    tcase_add_test(tcase, looser_ways_to_ask);
    tcase_add_test(tcase, places_are_found);
    tcase_add_test(tcase, koncorde_filters_search_by_the_mapping);
    tcase_add_test(tcase, what_is_wrong_is_refused_and_named);
    tcase_add_test(tcase, work_is_bounded);
    tcase_add_test(tcase, scores_count_what_matched);
    tcase_add_test(tcase, random_queries_never_break_it);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
