/* page_test.c - the body of a search: what it may hold, order, page, source. */
#include "search/search.h"
#include <check.h>
#include <stdlib.h>

static struct kdm_arena arena, scratch;
static struct kdm_failure failure;
static struct kdm_mapping *mapping;

static const struct {
    const char *id, *source;
} documents[] = {
    { "a", "{\"n\":3,\"k\":\"x\",\"g\":[0,10],\"o\":[{\"v\":7},{\"v\":2}],\"l\":[5,1],\"t\":\"w\","
           "\"_kuzzle_info\":{\"createdAt\":30}}" },
    { "b", "{\"n\":1,\"k\":\"y\",\"g\":[\"0,1\",\"50,0\"],\"o\":{\"v\":5},\"l\":[2,4],\"_kuzzle_"
           "info\":{\"createdAt\":10}}" },
    { "c", "{\"k\":\"x\",\"_kuzzle_info\":{\"createdAt\":20}}" },
    { "d", "{\"n\":2,\"l\":3,\"g\":{\"lat\":20,\"lon\":0},\"o\":[{\"v\":1},{\"v\":9}]}" },
    { "e", "{\"n\":3,\"k\":null}" },
};
#define DOCUMENTS (sizeof(documents) / sizeof(documents[0]))

static void setup(void)
{
    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 65536);
    kdm_arena_init(&scratch, 65536);
    mapping = kdm_mapping_create(
        &arena,
        kdm_json_parse(
            &arena,
            KDM_STR("{\"properties\":{\"n\":{\"type\":\"integer\"},\"k\":{\"type\":"
                    "\"keyword\"},\"l\":{\"type\":\"long\"},\"t\":{\"type\":\"text\"},\"g\":{"
                    "\"type\":\"geo_point\"},\"o\":{\"type\":\"nested\",\"properties\":{\"v\":{"
                    "\"type\":\"integer\"},\"w\":{\"type\":\"keyword\"}}}}}")),
        &failure);
    ck_assert(mapping != NULL);
}

static void teardown(void)
{
    kdm_mapping_unref(mapping);
    kdm_arena_fini(&arena);
    kdm_arena_fini(&scratch);
}

static struct kdm_search *made(const char *body, int64_t from, int64_t size)
{
    struct kdm_search_request request = { .from = from, .size = size };

    request.body = body == NULL ? KDM_VAL_NONE : kdm_json_parse(&arena, kdm_str_of(body));
    failure = (struct kdm_failure){ 0 };
    return kdm_search_create(&arena, mapping, &request, &failure);
}

/* The ids of the page, as one word. */
static const char *page_of(const char *body, int64_t from, int64_t size)
{
    static char ids[DOCUMENTS + 1];
    struct kdm_search *search = made(body, from, size);
    struct kdm_hit hits[DOCUMENTS];
    size_t count = 0, first;

    ck_assert_msg(search != NULL, "%s: " KDM_FMT, body, KDM_ARG(failure.message));
    for (size_t i = 0; i < DOCUMENTS; i++) {
        struct kdm_val source = kdm_json_parse(&scratch, kdm_str_of(documents[i].source));
        struct kdm_hit *hit = &hits[count];

        *hit = (struct kdm_hit){ .id = kdm_str_of(documents[i].id) };
        if (!kdm_search_matches(search->query, &arena, &scratch, hit->id, source, &hit->score,
                                &failure))
            continue;
        kdm_search_values(search, &arena, &scratch, source, hit);
        count++;
        kdm_arena_reset(&scratch);
    }
    count = kdm_search_page(search, hits, count, &first);
    for (size_t i = 0; i < count; i++)
        ids[i] = hits[first + i].id.ptr[0];
    ids[count] = '\0';
    return ids;
}

/* "7 2 " of {"v":7} and {"v":2}: the objects of a document that are shown. */
static const char *shown(const char *query, const char *inner, size_t document)
{
    struct kdm_search_request request = { .from = -1, .size = -1 };
    struct kdm_hit hit = { .id = kdm_str_of(documents[document].id),
                           .source = kdm_str_of(documents[document].source) };
    struct kdm_search *search;
    struct kdm_hit *objects;
    struct kdm_buf buf;
    size_t count;

    request.body = kdm_json_parse(
        &arena, kdm_arena_printf(
                    &arena,
                    "{\"query\":{\"bool\":{\"filter\":{\"nested\":{\"path\":\"o\",\"query\":%s,"
                    "\"inner_hits\":%s}}}}}",
                    query, inner));
    search = kdm_search_create(&arena, mapping, &request, &failure);
    ck_assert_msg(search != NULL, "%s: " KDM_FMT, inner, KDM_ARG(failure.message));
    ck_assert_uint_eq(search->nested_count, 1);
    count = kdm_search_objects(search->nested[0], &arena, &hit, &objects);
    kdm_buf_init(&buf, &arena, 64);
    for (size_t i = 0; i < count; i++) {
        ck_assert(kdm_str_eq(objects[i].id, hit.id));
        kdm_search_source(&search->nested[0]->inner.order, &arena,
                          kdm_json_parse(&arena, objects[i].source), &buf);
        kdm_buf_char(&buf, ' ');
    }
    kdm_buf_char(&buf, '\0');
    return buf.ptr;
}

START_TEST(the_objects_that_a_nested_query_matches_are_shown_in_order)
{
    static const char all[] = "{\"match_all\":{}}";
    static const char best[] =
        "{\"bool\":{\"should\":[{\"match_all\":{}},{\"range\":{\"o.v\":{\"lt\":5,"
        "\"boost\":3}}}]}}";

    ck_assert_str_eq(shown(all, "{}", 0), "{\"v\":7} {\"v\":2} ");
    ck_assert_str_eq(shown(all, "{\"sort\":\"o.v\"}", 0), "{\"v\":2} {\"v\":7} ");
    ck_assert_str_eq(shown(all,
                           "{\"sort\":[{\"o.w\":\"asc\"},{\"o.v\":{\"order\":\"desc\",\"nested\":{"
                           "\"path\":\"o\"}}}],\"from\":1}",
                           3),
                     "{\"v\":1} ");
    ck_assert_str_eq(shown(best, "{}", 0), "{\"v\":2} {\"v\":7} ");
    ck_assert_str_eq(shown(all, "{\"size\":1}", 3), "{\"v\":1} ");
    ck_assert_str_eq(shown("{\"range\":{\"o.v\":{\"gt\":5}}}", "{}", 3), "{\"v\":9} ");
    ck_assert_str_eq(shown(all, "{}", 1), "{\"v\":5} ");
    ck_assert_str_eq(shown(all, "{}", 2), "");
    ck_assert_str_eq(shown(all, "{\"_source\":\"o\",\"size\":1}", 0), "{\"v\":7} ");
    ck_assert_str_eq(shown(all, "{\"_source\":\"o.w\",\"size\":1}", 0), "{} ");
    ck_assert_str_eq(shown(all, "{\"_source\":{\"excludes\":[\"o.v\"]},\"size\":1}", 0), "{} ");
}
END_TEST

START_TEST(hits_come_in_order)
{
    static const struct {
        const char *body, *ids;
    } cases[] = {
        { NULL, "abcde" },
        { "{}", "abcde" },
        { "{\"sort\":[]}", "abcde" },
        { "{\"sort\":\"n\"}", "bdaec" },
        { "{\"sort\":[{\"n\":\"desc\"}]}", "aedbc" },
        { "{\"sort\":[{\"n\":{\"order\":\"desc\",\"missing\":\"_first\"}},{\"_id\":\"desc\"}]}",
          "ceadb" },
        { "{\"sort\":{\"n\":{\"order\":\"asc\",\"missing\":0}}}", "cbdae" },
        { "{\"sort\":[\"k\",{\"_id\":{\"order\":\"desc\"}}]}", "cabed" },
        { "{\"sort\":[{\"_id\":\"desc\"}]}", "edcba" },
        { "{\"sort\":[\"l\"]}", "abdce" },
        { "{\"sort\":[{\"l\":\"desc\"}]}", "abdce" },
        { "{\"sort\":[{\"l\":{\"mode\":\"max\"}}]}", "dbace" },
        { "{\"sort\":[{\"l\":{\"mode\":\"avg\"}},\"_id\"]}", "abdce" },
        { "{\"sort\":[{\"l\":{\"mode\":\"sum\",\"order\":\"desc\"}},{\"_id\":\"desc\"}]}",
          "badec" },
        { "{\"sort\":[{\"_kuzzle_info.createdAt\":\"asc\"}]}", "bcade" },
        { "{\"sort\":[{\"zz\":{\"unmapped_type\":\"long\"}},{\"_id\":\"desc\"}]}", "edcba" },
        { "{\"sort\":[{\"_doc\":\"asc\"}]}", "abcde" },
        { "{\"query\":{\"bool\":{\"should\":[{\"term\":{\"n\":3}},{\"term\":{\"k\":\"x\"}}]}}}",
          "ace" },
        { "{\"query\":{\"bool\":{\"should\":[{\"term\":{\"n\":3}},{\"term\":{\"k\":\"x\"}}]}},"
          "\"sort\":[{\"_score\":\"asc\"},\"_id\"]}",
          "cea" },
        { "{\"sort\":[\"n\",\"_id\"],\"search_after\":[2,\"d\"]}", "aec" },
        { "{\"sort\":[\"n\",\"_id\"],\"search_after\":[3,\"a\"]}", "ec" },
        { "{\"sort\":[\"n\",\"_id\"],\"search_after\":[null,\"b\"]}", "c" },
        { "{\"sort\":[{\"n\":\"desc\"},{\"_id\":\"desc\"}],\"search_after\":[3,\"a\"]}", "dbc" },
        { "{\"post_filter\":{\"term\":{\"k\":\"x\"}}}", "ac" },
        { "{\"sort\":[{\"_geo_distance\":{\"g\":[0,0]}},{\"_id\":\"asc\"}]}", "badce" },
        { "{\"sort\":[{\"_geo_distance\":{\"g\":[0,0],\"order\":\"desc\"}},{\"_id\":\"asc\"}]}",
          "cebda" },
        { "{\"sort\":[{\"_geo_distance\":{\"g\":[0,0],\"mode\":\"max\"}},{\"_id\":\"asc\"}]}",
          "adbce" },
        { "{\"sort\":[{\"_geo_distance\":{\"g\":[0,0],\"mode\":\"avg\",\"unit\":\"km\"}},{\"_id\":"
          "\"asc\"}]}",
          "adbce" },
        { "{\"sort\":[{\"_geo_distance\":{\"g\":[[0,0],[0,50]],\"mode\":\"min\"}},\"_id\"]}",
          "badce" },
        { "{\"sort\":[{\"_geo_distance\":{\"g\":\"50,0\"}},\"_id\"]}", "bdace" },
        { "{\"sort\":[{\"_geo_distance\":{\"nope\":[0,0],\"ignore_unmapped\":true}},{\"_id\":"
          "\"desc\"}]}",
          "edcba" },
        { "{\"sort\":[{\"_geo_distance\":{\"g\":[0,0]}},{\"_id\":\"asc\"}],\"search_after\":["
          "1111960,\"z\"]}",
          "dce" },
        { "{\"sort\":[{\"o.v\":{\"order\":\"asc\",\"nested\":{\"path\":\"o\"}}},\"_id\"]}",
          "dabce" },
        { "{\"sort\":[{\"o.v\":{\"order\":\"desc\",\"nested\":{\"path\":\"o\"}}},\"_id\"]}",
          "dabce" },
        { "{\"sort\":[{\"o.v\":{\"mode\":\"sum\",\"nested\":{\"path\":\"o\"}}},\"_id\"]}",
          "badce" },
        { "{\"sort\":[\"o.v\",\"_id\"]}", "abcde" },
        { "{\"collapse\":{\"field\":\"k\"},\"sort\":[\"_id\"]}", "abd" },
        { "{\"collapse\":{\"field\":\"k\"},\"sort\":[{\"_id\":\"desc\"}]}", "ecb" },
        { "{\"collapse\":{\"field\":\"n\"},\"sort\":[\"_id\"]}", "abcd" },
        { "{\"collapse\":{\"field\":\"n\"},\"sort\":[\"_id\"],\"from\":1,\"size\":2}", "bc" },
        { "{\"collapse\":{\"field\":\"k\"},\"sort\":[\"k\"],\"search_after\":[\"x\"]}", "bd" },
        { "{\"aggs\":{},\"highlight\":{},\"explain\":false,\"collapse\":null}", "abcde" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(strcmp(page_of(cases[i].body, -1, -1), cases[i].ids) == 0, "%s: %s, not %s",
                      cases[i].body, page_of(cases[i].body, -1, -1), cases[i].ids);
}
END_TEST

START_TEST(a_page_is_cut_out)
{
    ck_assert_str_eq(page_of("{\"sort\":[\"_id\"]}", 1, 2), "bc");
    ck_assert_str_eq(page_of("{\"sort\":[\"_id\"],\"from\":3,\"size\":9}", -1, -1), "de");
    ck_assert_str_eq(page_of("{\"sort\":[\"_id\"],\"from\":3,\"size\":9}", 0, 1), "a");
    ck_assert_str_eq(page_of("{\"size\":0}", -1, -1), "");
    ck_assert_str_eq(page_of(NULL, 9, 3), "");
}
END_TEST

START_TEST(a_negative_page_is_refused_and_minus_one_is_none_named)
{
    ck_assert_str_eq(page_of("{\"sort\":[\"_id\"]}", -1, -1), "abcde");
    ck_assert_ptr_null(made(NULL, 0, -5));
    ck_assert_ptr_nonnull(memmem(failure.message.ptr, failure.message.len, "size", 4));
    ck_assert_ptr_null(made(NULL, -5, 1));
    ck_assert_ptr_nonnull(memmem(failure.message.ptr, failure.message.len, "from", 4));
}
END_TEST

START_TEST(a_bad_body_is_refused)
{
    static const struct {
        const char *body;
        enum kdm_err err;
        const char *named;
    } cases[] = {
        { "[]", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "body" },
        { "{\"equals\":{}}", KDM_ERR_SERVICES_STORAGE_INVALID_SEARCH_QUERY, "equals" },
        { "{\"track_total_hits\":true}", KDM_ERR_SERVICES_STORAGE_INVALID_SEARCH_QUERY,
          "track_total_hits" },
        { "{\"aggs\":[]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "aggs" },
        { "{\"post_filter\":[]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "query" },
        { "{\"aggs\":{\"a\":{}}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "aggs" },
        { "{\"collapse\":{\"field\":\"k\",\"inner_hits\":\"x\"}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "inner_hits" },
        { "{\"collapse\":{\"field\":\"k\",\"inner_hits\":{\"highlight\":{}}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "highlight" },
        { "{\"collapse\":{\"field\":\"k\",\"inner_hits\":{\"size\":-1}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "size" },
        { "{\"collapse\":{\"field\":\"k\",\"inner_hits\":{\"from\":50,\"size\":51}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "from + size" },
        { "{\"collapse\":{\"field\":\"k\",\"inner_hits\":{\"sort\":\"zz\"}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "zz" },
        { "{\"collapse\":{\"field\":\"k\",\"inner_hits\":[{},{\"name\":\"k\"}]}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "\"k\"" },
        { "{\"collapse\":{\"field\":\"k\",\"inner_hits\":[{},{},{},{},{},{},{},{},{}]}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "inner_hits" },
        { "{\"size\":200,\"collapse\":{\"field\":\"k\",\"inner_hits\":[{\"size\":50},{\"name\":"
          "\"x\",\"from\":1,\"size\":0}]}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "10000" },
        { "{\"query\":{\"nested\":{\"path\":\"o\",\"query\":{\"match_all\":{}},\"inner_hits\":{"
          "\"name\":"
          "\"k\"}}},\"collapse\":{\"field\":\"k\",\"inner_hits\":{}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "\"k\"" },
        { "{\"query\":{\"nested\":{\"path\":\"o\",\"query\":{\"nested\":{\"path\":\"o\","
          "\"query\":{\"match_all\":{}},\"inner_hits\":{}}}}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "inner_hits" },
        { "{\"query\":{\"nested\":{\"path\":\"o\",\"query\":{\"match_all\":{}},\"inner_hits\":{"
          "\"sort\":\"n\"}}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "\"o\"" },
        { "{\"query\":{\"nested\":{\"path\":\"o\",\"query\":{\"match_all\":{}},\"inner_hits\":[]}}"
          "}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "inner_hits" },
        { "{\"collapse\":{}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "collapse" },
        { "{\"collapse\":\"k\"}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "collapse" },
        { "{\"collapse\":{\"field\":\"t\"}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "collapse" },
        { "{\"collapse\":{\"field\":\"zz\"}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "zz" },
        { "{\"collapse\":{\"field\":\"k\"},\"sort\":[\"_id\"],\"search_after\":[\"a\"]}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "search_after" },
        { "{\"sort\":{\"_geo_distance\":3}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "_geo_distance" },
        { "{\"sort\":{\"_geo_distance\":{\"k\":[0,0]}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "k" },
        { "{\"sort\":{\"_geo_distance\":{\"zz\":[0,0]}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "zz" },
        { "{\"sort\":{\"_geo_distance\":{\"g\":\"far\"}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "points" },
        { "{\"sort\":{\"_geo_distance\":{\"g\":[]}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "point" },
        { "{\"sort\":{\"_geo_distance\":{\"g\":[0,0],\"unit\":\"ells\"}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "unit" },
        { "{\"sort\":{\"_geo_distance\":{\"g\":[0,0],\"mode\":\"sum\"}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "sum" },
        { "{\"sort\":{\"_geo_distance\":{\"g\":[0,0],\"order\":\"up\"}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "up" },
        { "{\"sort\":{\"_geo_distance\":{\"g\":[0,0],\"nested\":{\"path\":\"o\"}}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "nested" },
        { "{\"sort\":{\"_geo_distance\":{\"g\":[0,0],\"distance_type\":\"bird\"}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "distance_type" },
        { "{\"sort\":{\"k\":{\"mode\":\"sum\"}}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "mode" },
        { "{\"sort\":{\"n\":{\"nested\":{\"path\":\"o\"}}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "nested" },
        { "{\"sort\":{\"o.v\":{\"nested\":{\"path\":\"o\",\"filter\":{}}}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "filter" },
        { "{\"sort\":{\"o.v\":{\"nested\":\"o\"}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "nested" },
        { "{\"sort\":{\"_script\":{\"type\":\"number\"}}}",
          KDM_ERR_SERVICES_STORAGE_INVALID_QUERY_KEYWORD, "_script" },
        { "{\"fields\":[\"k\"]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "fields" },
        { "{\"min_score\":1}", KDM_ERR_SERVICES_STORAGE_INVALID_SEARCH_QUERY, "min_score" },
        { "{\"track_scores\":true}", KDM_ERR_SERVICES_STORAGE_INVALID_SEARCH_QUERY,
          "track_scores" },
        { "{\"docvalue_fields\":[\"k\"]}", KDM_ERR_SERVICES_STORAGE_INVALID_SEARCH_QUERY,
          "docvalue_fields" },
        { "{\"rescore\":{}}", KDM_ERR_SERVICES_STORAGE_INVALID_SEARCH_QUERY, "rescore" },
        { "{\"runtime_mappings\":{}}", KDM_ERR_SERVICES_STORAGE_INVALID_SEARCH_QUERY,
          "runtime_mappings" },
        { "{\"highlight\":3}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "highlight" },
        { "{\"highlight\":{\"fields\":3}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "highlight" },
        { "{\"highlight\":{\"fields\":[\"t\"]}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "highlight" },
        { "{\"highlight\":{\"fields\":{\"t\":3}}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "highlight" },
        { "{\"highlight\":{\"fields\":{\"t\":{\"type\":\"semantic\"}}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "type" },
        { "{\"highlight\":{\"fields\":{\"t\":{}},\"pre_tags\":[]}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "pre_tags" },
        { "{\"highlight\":{\"fields\":{\"t\":{\"fragment_size\":-1}}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "fragment_size" },
        { "{\"highlight\":{\"fields\":{\"t\":{\"highlight_query\":{\"match_all\":{}}}}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "highlight_query" },
        { "{\"highlight\":{\"fields\":{\"t\":{}},\"order\":\"worst\"}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "order" },
        { "{\"explain\":true}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "explain" },
        { "{\"suggest\":{\"text\":\"x\"}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "suggest" },
        { "{\"from\":-1}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "from" },
        { "{\"size\":\"x\"}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "size" },
        { "{\"from\":9999,\"size\":2}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "10000" },
        { "{\"from\":9223372036854775807,\"size\":9223372036854775807}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "10000" },
        { "{\"sort\":\"zz\"}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "zz" },
        { "{\"sort\":\"t\"}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "\"t\"" },
        { "{\"sort\":[{\"n\":\"up\"}]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "up" },
        { "{\"sort\":[3]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "sort" },
        { "{\"sort\":[{\"n\":{\"ordr\":1}}]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "ordr" },
        { "{\"sort\":[{\"_geo_distance\":{}}]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "_geo_distance" },
        { "{\"search_after\":[1]}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "search_after" },
        { "{\"sort\":[\"n\"],\"search_after\":[\"x\"]}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "search_after" },
        { "{\"_source\":3}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "_source" },
        { "{\"_source\":{\"only\":[]}}", KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
          "_source" },
        { "{\"sort\":{\"_script\":{\"script\":\"x\"}}}",
          KDM_ERR_SERVICES_STORAGE_INVALID_QUERY_KEYWORD, "sort._script" },
        { "{\"aggs\":{\"a\":{\"sum\":{\"script\":{\"source\":\"x\"}}}}}",
          KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST, "aggs" },
        { "{\"query\":{\"nope\":{}}}", KDM_ERR_SERVICES_STORAGE_UNKNOWN_QUERY_KEYWORD, "nope" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_msg(made(cases[i].body, -1, -1) == NULL, "%s", cases[i].body);
        ck_assert_msg(failure.err == cases[i].err, "%s: " KDM_FMT, cases[i].body,
                      KDM_ARG(failure.message));
        ck_assert_msg(
            memmem(failure.message.ptr, failure.message.len, cases[i].named, strlen(cases[i].named))
                != NULL,
            "%s: " KDM_FMT, cases[i].body, KDM_ARG(failure.message));
    }
}
END_TEST

START_TEST(aggregations_stand_before_the_post_filter)
{
    struct kdm_search_request request = { .from = -1, .size = -1, .aggregates = true };
    struct kdm_search *search;

    request.body = kdm_json_parse(
        &arena,
        KDM_STR("{\"aggs\":{\"a\":{\"max\":{\"field\":\"n\"}}},\"post_filter\":{\"term\":{\"k\":"
                "\"x\"}}}"));
    search = kdm_search_create(&arena, mapping, &request, &failure);
    ck_assert(search != NULL && search->aggs != NULL && search->post_filter != NULL);
    ck_assert_int_eq(search->query->kind, KDM_QUERY_ALL);
    request.body = kdm_json_parse(&arena, KDM_STR("{\"aggs\":{\"a\":{\"nope\":{}}}}"));
    ck_assert(kdm_search_create(&arena, mapping, &request, &failure) == NULL);
    request.body =
        kdm_json_parse(&arena, KDM_STR("{\"aggs\":{\"a\":{}},\"aggregations\":{\"b\":{}}}"));
    ck_assert(kdm_search_create(&arena, mapping, &request, &failure) == NULL);
}
END_TEST

START_TEST(a_source_is_filtered_by_patterns)
{
    static const char source[] =
        "{\"a\":{\"b\":1,\"c\":[{\"d\":1,\"e\":2},{\"e\":3}]},\"f\":\"x\",\"g\":{}}";
    static const struct {
        const char *body, *shown;
    } cases[] = {
        { "{}", source },
        { "{\"_source\":true}", source },
        { "{\"_source\":false}", NULL },
        { "{\"_source\":\"f\"}", "{\"f\":\"x\"}" },
        { "{\"_source\":[\"f\",\"a.b\"]}", "{\"a\":{\"b\":1},\"f\":\"x\"}" },
        { "{\"_source\":[\"a\"]}", "{\"a\":{\"b\":1,\"c\":[{\"d\":1,\"e\":2},{\"e\":3}]}}" },
        { "{\"_source\":\"a.c.d\"}", "{\"a\":{\"c\":[{\"d\":1}]}}" },
        { "{\"_source\":\"*.e\"}", "{\"a\":{\"c\":[{\"e\":2},{\"e\":3}]}}" },
        { "{\"_source\":{\"includes\":[\"a\"],\"excludes\":[\"a.c.e\",\"a.b\"]}}",
          "{\"a\":{\"c\":[{\"d\":1},{}]}}" },
        { "{\"_source\":{\"excludes\":\"a\"}}", "{\"f\":\"x\",\"g\":{}}" },
        { "{\"_source_excludes\":[\"a\",\"g\"]}", "{\"f\":\"x\"}" },
        { "{\"_source_includes\":\"g\"}", "{\"g\":{}}" },
        { "{\"_source\":[]}", source },
        { "{\"_source\":\"zz\"}", "{}" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kdm_search *search = made(cases[i].body, -1, -1);
        struct kdm_buf buf;
        bool shown;

        kdm_buf_init(&buf, &arena, 100);
        shown = kdm_search_source(search, &scratch, kdm_json_parse(&arena, KDM_STR(source)), &buf);
        ck_assert_int_eq(shown, cases[i].shown != NULL);
        if (shown)
            ck_assert_msg(kdm_str_eq(kdm_buf_str(&buf), kdm_str_of(cases[i].shown)), "%s: " KDM_FMT,
                          cases[i].body, KDM_ARG(kdm_buf_str(&buf)));
    }
}
END_TEST

START_TEST(what_was_found_is_highlighted)
{
    static const struct {
        const char *body, *source, *shown;
    } cases[] = {
        { "{\"query\":{\"match\":{\"t\":\"quick fox\"}},\"highlight\":{\"fields\":{\"t\":{}}}}",
          "{\"t\":\"The quick brown fox\"}",
          "{\"t\":[\"The <em>quick</em> brown <em>fox</em>\"]}" },
        { "{\"query\":{\"match\":{\"t\":\"quick\"}},\"highlight\":{\"fields\":{\"t\":{}}}}",
          "{\"t\":\"nothing here\"}", NULL },
        { "{\"query\":{\"match\":{\"t\":\"quick\"}},\"highlight\":{\"fields\":{\"t\":{}}}}",
          "{\"k\":\"quick\"}", NULL },
        { "{\"query\":{\"match_phrase\":{\"t\":\"brown "
          "fox\"}},\"highlight\":{\"fields\":{\"t\":{}}}}",
          "{\"t\":\"brown dog, brown fox\"}",
          "{\"t\":[\"brown dog, <em>brown</em> <em>fox</em>\"]}" },
        { "{\"query\":{\"match_phrase\":{\"t\":{\"query\":\"quick "
          "fox\",\"slop\":1}}},\"highlight\":{\"fields\":{\"t\":{}}}}",
          "{\"t\":\"a quick brown fox\"}", "{\"t\":[\"a <em>quick</em> brown <em>fox</em>\"]}" },
        { "{\"query\":{\"bool\":{\"must_not\":[{\"match\":{\"t\":\"fox\"}}],\"filter\":[{\"match\":"
          "{\"t\":\"quick\"}}]}},\"highlight\":{\"fields\":{\"t\":{}}}}",
          "{\"t\":\"quick fox\"}", "{\"t\":[\"<em>quick</em> fox\"]}" },
        { "{\"query\":{\"prefix\":{\"t\":\"qu\"}},\"highlight\":{\"fields\":{\"t\":{}}}}",
          "{\"t\":[\"Quick\",\"slow\",\"quiet\"]}",
          "{\"t\":[\"<em>Quick</em>\",\"<em>quiet</em>\"]}" },
        { "{\"query\":{\"wildcard\":{\"t\":\"*ow*\"}},\"highlight\":{\"fields\":{\"t\":{}}}}",
          "{\"t\":\"brown slow fox\"}", "{\"t\":[\"<em>brown</em> <em>slow</em> fox\"]}" },
        { "{\"query\":{\"fuzzy\":{\"t\":\"quikc\"}},\"highlight\":{\"fields\":{\"t\":{}}}}",
          "{\"t\":\"quick\"}", "{\"t\":[\"<em>quick</em>\"]}" },
        { "{\"query\":{\"query_string\":{\"query\":\"t:fox AND "
          "k:x\"}},\"highlight\":{\"fields\":{\"t\":{}}}}",
          "{\"t\":\"x fox\",\"k\":\"x\"}", "{\"t\":[\"x <em>fox</em>\"]}" },
        { "{\"query\":{\"query_string\":{\"query\":\"t:fox AND "
          "k:x\"}},\"highlight\":{\"fields\":{\"t\":{}},\"require_field_match\":false}}",
          "{\"t\":\"x fox\",\"k\":\"x\"}", "{\"t\":[\"<em>x</em> <em>fox</em>\"]}" },
        { "{\"query\":{\"term\":{\"k\":\"x "
          "y\"}},\"highlight\":{\"fields\":{\"*\":{}},\"pre_tags\":[\"<b>\"],\"post_tags\":[\"</"
          "b>\"]}}",
          "{\"k\":\"x y\",\"t\":\"x y\"}", "{\"k\":[\"<b>x y</b>\"]}" },
        { "{\"query\":{\"match\":{\"t\":\"one "
          "five\"}},\"highlight\":{\"fields\":{\"t\":{\"fragment_size\":10}}}}",
          "{\"t\":\"One two. Three four. Five six.\"}",
          "{\"t\":[\"<em>One</em> two.\",\"<em>Five</em> six.\"]}" },
        { "{\"query\":{\"match\":{\"t\":\"one "
          "five\"}},\"highlight\":{\"fields\":{\"t\":{\"fragment_size\":10,\"number_of_fragments\":"
          "1}}}}",
          "{\"t\":\"One two. Three four. Five six.\"}", "{\"t\":[\"<em>One</em> two.\"]}" },
        { "{\"query\":{\"match\":{\"t\":\"one "
          "five\"}},\"highlight\":{\"fields\":{\"t\":{\"fragment_size\":10,\"number_of_fragments\":"
          "1}},\"order\":\"score\"}}",
          "{\"t\":\"One two. Five five.\"}", "{\"t\":[\"<em>Five</em> <em>five</em>.\"]}" },
        { "{\"query\":{\"match\":{\"t\":\"one\"}},\"highlight\":{\"fields\":{\"t\":{}},\"number_of_"
          "fragments\":0}}",
          "{\"t\":\"One two. Three four.\"}", "{\"t\":[\"<em>One</em> two. Three four.\"]}" },
        { "{\"query\":{\"match\":{\"t\":\"seven\"}},\"highlight\":{\"fields\":{\"t\":{}},"
          "\"fragment_size\":20}}",
          "{\"t\":\"one two three four five six seven eight nine ten eleven\"}",
          "{\"t\":[\"<em>seven</em> eight nine ten\"]}" },
        { "{\"query\":{\"match\":{\"t\":\"a\"}},\"highlight\":{\"fields\":{\"t\":{}},\"encoder\":"
          "\"html\"}}",
          "{\"t\":\"a < b & \\\"c\\\"\"}", "{\"t\":[\"<em>a</em> &lt; b &amp; &quot;c&quot;\"]}" },
        { "{\"query\":{\"match\":{\"t\":\"zz\"}},\"highlight\":{\"fields\":{\"t\":{}},\"no_match_"
          "size\":8}}",
          "{\"t\":\"one two three\"}", "{\"t\":[\"one two\"]}" },
        { "{\"query\":{\"nested\":{\"path\":\"o\",\"query\":{\"term\":{\"o.w\":\"fox\"}}}},"
          "\"highlight\":{\"fields\":{\"o.*\":{}}}}",
          "{\"o\":[{\"w\":\"fox\"},{\"w\":\"dog\"}]}", "{\"o.w\":[\"<em>fox</em>\"]}" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct kdm_search *search = made(cases[i].body, -1, -1);
        struct kdm_val source = kdm_json_parse(&arena, kdm_str_of(cases[i].source));
        struct kdm_buf buf;
        bool shown;

        ck_assert_msg(search != NULL, "%s: " KDM_FMT, cases[i].body, KDM_ARG(failure.message));
        kdm_buf_init(&buf, &arena, 100);
        shown = kdm_search_highlight(search, source, &buf);
        ck_assert_msg(shown == (cases[i].shown != NULL), "%s", cases[i].body);
        if (shown)
            ck_assert_msg(kdm_str_eq(kdm_buf_str(&buf), kdm_str_of(cases[i].shown)), "%s: " KDM_FMT,
                          cases[i].body, KDM_ARG(kdm_buf_str(&buf)));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_objects_that_a_nested_query_matches_are_shown_in_order);
    tcase_add_test(tcase, hits_come_in_order);
    tcase_add_test(tcase, a_page_is_cut_out);
    tcase_add_test(tcase, a_negative_page_is_refused_and_minus_one_is_none_named);
    tcase_add_test(tcase, a_bad_body_is_refused);
    tcase_add_test(tcase, aggregations_stand_before_the_post_filter);
    tcase_add_test(tcase, a_source_is_filtered_by_patterns);
    tcase_add_test(tcase, what_was_found_is_highlighted);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
