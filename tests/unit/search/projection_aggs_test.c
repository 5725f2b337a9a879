/* projection_aggs_test.c - aggregations: what they answer, what they refuse, where they stop. */
#include "base/hash.h"
#include "search/aggs_internal.h"
#include "search/projection.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static struct kdm_arena arena, scratch;
static struct kdm_failure failure;
static struct kdm_hash_seed seed = { 5, 6 };
static struct kdm_mapping *mapping;
static struct kdm_projection *projection;
static uint64_t zone_sequence = 1000;

static const char definition[] =
    "{\"properties\":{\"k\":{\"type\":\"keyword\"},\"tags\":{\"type\":\"keyword\"},\"n\":{\"type\":"
    "\"integer\"},\"d\":{\"type\":\"double\"},\"at\":{\"type\":\"date\"},\"on\":{\"type\":"
    "\"boolean\"},\"day\":{\"type\":\"date\",\"format\":\"yyyy-MM-dd||epoch_millis\"},\"sec\":{"
    "\"type\":\"date\",\"format\":\"epoch_second\"},\"fl\":{\"type\":\"flattened\"},\"ip\":{"
    "\"type\":\"ip\"},\"geo\":{\"type\":"
    "\"geo_point\"},\"text\":{\"type\":"
    "\"text\"},\"o\":{\"type\":\"nested\",\"properties\":{\"k\":{\"type\":\"keyword\"},\"p\":{"
    "\"type\":\"nested\",\"properties\":{\"v\":{\"type\":\"integer\"}}}}}}}";

static const char *const documents[] = {
    "{\"k\":\"a\",\"tags\":[\"x\",\"y\",\"x\"],\"n\":1,\"d\":0.5,\"at\":\"2020-01-01\",\"on\":true,"
    "\"ip\":\"10.0.0.1\",\"geo\":\"10,20\"}",
    "{\"k\":\"a\",\"tags\":\"y\",\"n\":[2,3],\"d\":1.5,\"at\":\"2020-01-31T23:30:00Z\",\"on\":"
    "false,"
    "\"geo\":\"-5,30\"}",
    "{\"k\":\"b\",\"day\":\"2020-03-28\",\"sec\":1585438200,\"n\":10,\"d\":2.5,\"at\":\"2020-03-"
    "10\",\"on\":true}",
    "{\"k\":\"b\",\"tags\":[],\"n\":4,\"at\":\"2021-03-10\"}",
    "{\"k\":\"c\",\"n\":-4,\"d\":-1}",
    "{\"n\":7,\"o\":[{\"k\":\"p\",\"p\":[{\"v\":1},{\"v\":2}]},{\"k\":[\"q\",\"p\"],\"p\":{\"v\":5}"
    "},{\"k\":\"p\"}]}",
};
#define DOCUMENTS (sizeof(documents) / sizeof(documents[0]))

static void setup(void)
{
    char id[16];

    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 65536);
    kdm_arena_init(&scratch, 65536);
    mapping = kdm_mapping_create(&arena, kdm_json_parse(&arena, KDM_STR(definition)), &failure);
    ck_assert(mapping != NULL);
    projection = kdm_projection_create(mapping, &seed);
    kdm_projection_write(projection);
    for (size_t i = 0; i < DOCUMENTS; i++) {
        snprintf(id, sizeof(id), "d%zu", i);
        kdm_projection_put(projection, &scratch, kdm_str_of(id),
                           kdm_json_parse(&scratch, kdm_str_of(documents[i])), i + 1);
    }
    kdm_projection_end_write(projection);
}

static void teardown(void)
{
    kdm_projection_destroy(projection);
    kdm_mapping_unref(mapping);
    kdm_arena_fini(&arena);
    kdm_arena_fini(&scratch);
}

static struct kdm_aggs *parsed(const char *text)
{
    failure = (struct kdm_failure){ 0 };
    return kdm_aggs_parse(&arena, mapping, kdm_json_parse(&arena, kdm_str_of(text)), 0, &failure);
}

static bool fetch(void *ctx, struct kdm_arena *to, const struct kdm_str *ids,
                  struct kdm_str *ret_texts, size_t count)
{
    (void)ctx;
    (void)to;
    for (size_t i = 0; i < count; i++)
        ret_texts[i] = kdm_str_of(documents[ids[i].ptr[1] - '0']);
    return true;
}

static enum kdm_projection_result run(const char *query, struct kdm_aggs *aggs)
{
    struct kdm_projection_search asked = { .aggs = aggs, .fetch = fetch };
    struct kdm_projection_page page;
    struct kdm_val parsed_query =
        query == NULL ? KDM_VAL_NONE : kdm_json_parse(&arena, kdm_str_of(query));

    asked.query =
        kdm_search_query(&arena, mapping, parsed_query, KDM_LANG_ELASTICSEARCH, 0, &failure);
    ck_assert(asked.query != NULL);
    return kdm_projection_search(projection, &arena, &scratch, &asked, &page);
}

/* One aggregation called "x" over all documents; its body without the wrapping. */
static const char *answer(const char *aggregation)
{
    char text[1024];
    struct kdm_aggs *aggs;
    struct kdm_str body;

    snprintf(text, sizeof(text), "{\"x\":%s}", aggregation);
    aggs = parsed(text);
    ck_assert_msg(aggs != NULL, "%s: " KDM_FMT, aggregation, KDM_ARG(failure.message));
    ck_assert_int_eq(run(NULL, aggs), KDM_PROJECTION_OK);
    body = kdm_aggs_text(aggs);
    ck_assert(kdm_str_starts(body, KDM_STR("{\"x\":")));
    kdm_json_parse(&arena, body); /* it is JSON */
    return kdm_arena_copy(&arena, (struct kdm_str){ body.ptr + 5, body.len - 6 }).ptr;
}

START_TEST(each_kind_answers_as_elasticsearch_does)
{
    static const struct {
        const char *asked, *answered;
    } cases[] = {
        { "{\"terms\":{\"field\":\"k\"}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"a\","
          "\"doc_count\":2},{\"key\":\"b\",\"doc_count\":2},{\"key\":\"c\",\"doc_count\":1}]}" },
        { "{\"terms\":{\"field\":\"k\",\"size\":1,\"order\":{\"_key\":\"desc\"}}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":4,\"buckets\":[{\"key\":"
          "\"c\","
          "\"doc_count\":1}]}" },
        { "{\"terms\":{\"field\":\"k\",\"min_doc_count\":2,\"missing\":\"b\"}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"b\","
          "\"doc_count\":3},{\"key\":\"a\",\"doc_count\":2}]}" },
        { "{\"terms\":{\"field\":\"k\",\"missing\":\"none\",\"order\":{\"_key\":\"asc\"},\"size\":"
          "9}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"a\","
          "\"doc_count\":2},{\"key\":\"b\",\"doc_count\":2},{\"key\":\"c\",\"doc_count\":1},{"
          "\"key\":"
          "\"none\",\"doc_count\":1}]}" },
        { "{\"terms\":{\"field\":\"tags\"}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"y\","
          "\"doc_count\":2},{\"key\":\"x\",\"doc_count\":1}]}" },
        { "{\"terms\":{\"field\":\"on\"}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":1,"
          "\"key_as_string\":\"true\",\"doc_count\":2},{\"key\":0,\"key_as_string\":\"false\","
          "\"doc_count\":1}]}" },
        { "{\"terms\":{\"field\":\"ip\"}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"10.0.0.1\",\"doc_count\":1}]}" },
        { "{\"terms\":{\"field\":\"k\",\"order\":{\"m\":\"desc\"}},\"aggs\":{\"m\":{\"max\":{"
          "\"field\":"
          "\"n\"}}}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"b\","
          "\"doc_count\":2,\"m\":{\"value\":10}},{\"key\":\"a\",\"doc_count\":2,\"m\":{\"value\":3}"
          "},{"
          "\"key\":\"c\",\"doc_count\":1,\"m\":{\"value\":-4}}]}" },
        { "{\"range\":{\"field\":\"n\",\"ranges\":[{\"to\":2},{\"from\":2,\"to\":4},{\"key\":"
          "\"big\","
          "\"from\":4}]}}",
          "{\"buckets\":[{\"key\":\"*-2.0\",\"to\":2,\"doc_count\":2},{\"key\":\"2.0-4.0\","
          "\"from\":2,"
          "\"to\":4,\"doc_count\":1},{\"key\":\"big\",\"from\":4,\"doc_count\":3}]}" },
        { "{\"date_range\":{\"field\":\"at\",\"keyed\":true,\"format\":\"yyyy-MM\",\"ranges\":[{"
          "\"from\":\"2020-02\",\"key\":\"later\"}]}}",
          "{\"buckets\":{\"later\":{\"from\":1580515200000,\"from_as_string\":\"2020-02\","
          "\"doc_count\":2}}}" },
        { "{\"histogram\":{\"field\":\"n\",\"interval\":5}}",
          "{\"buckets\":[{\"key\":-5,\"doc_count\":1},{\"key\":0,\"doc_count\":3},{\"key\":5,"
          "\"doc_count\":1},{\"key\":10,\"doc_count\":1}]}" },
        { "{\"histogram\":{\"field\":\"d\",\"interval\":0.5,\"min_doc_count\":1,\"keyed\":true}}",
          "{\"buckets\":{\"-1.0\":{\"key\":-1,\"doc_count\":1},\"0.5\":{\"key\":0.5,\"doc_count\":"
          "1},"
          "\"1.5\":{\"key\":1.5,\"doc_count\":1},\"2.5\":{\"key\":2.5,\"doc_count\":1}}}" },
        { "{\"date_histogram\":{\"field\":\"at\",\"calendar_interval\":\"quarter\",\"format\":"
          "\"yyyy-MM-dd\"}}",
          "{\"buckets\":[{\"key_as_string\":\"2020-01-01\",\"key\":1577836800000,\"doc_count\":3},{"
          "\"key_as_string\":\"2020-04-01\",\"key\":1585699200000,\"doc_count\":0},{\"key_as_"
          "string\":"
          "\"2020-07-01\",\"key\":1593561600000,\"doc_count\":0},{\"key_as_string\":\"2020-10-01\","
          "\"key\":1601510400000,\"doc_count\":0},{\"key_as_string\":\"2021-01-01\",\"key\":"
          "1609459200000,\"doc_count\":1}]}" },
        { "{\"date_histogram\":{\"field\":\"at\",\"calendar_interval\":\"month\",\"time_zone\":"
          "\"+01:00\",\"min_doc_count\":1}}",
          "{\"buckets\":[{\"key_as_string\":\"2020-01-01T00:00:00.000+01:00\",\"key\":"
          "1577833200000,"
          "\"doc_count\":1},{\"key_as_string\":\"2020-02-01T00:00:00.000+01:00\",\"key\":"
          "1580511600000,\"doc_count\":1},{\"key_as_string\":\"2020-03-01T00:00:00.000+01:00\","
          "\"key\":"
          "1583017200000,\"doc_count\":1},{\"key_as_string\":\"2021-03-01T00:00:00.000+01:00\","
          "\"key\":"
          "1614553200000,\"doc_count\":1}]}" },
        { "{\"date_histogram\":{\"field\":\"at\",\"calendar_interval\":\"year\",\"time_zone\":"
          "\"Europe/Paris\"}}",
          "{\"buckets\":[{\"key_as_string\":\"2020-01-01T00:00:00.000+01:00\",\"key\":"
          "1577833200000,\"doc_count\":3},{\"key_as_string\":\"2021-01-01T00:00:00.000+01:00\","
          "\"key\":1609455600000,\"doc_count\":1}]}" },
        { "{\"date_histogram\":{\"field\":\"at\",\"fixed_interval\":\"30d\",\"min_doc_count\":2}}",
          "{\"buckets\":[]}" },
        { "{\"date_histogram\":{\"field\":\"at\",\"calendar_interval\":\"week\",\"min_doc_count\":"
          "1,"
          "\"order\":{\"_key\":\"desc\"},\"format\":\"epoch_millis\"}}",
          "{\"buckets\":[{\"key_as_string\":\"1615161600000\",\"key\":1615161600000,\"doc_count\":"
          "1},{"
          "\"key_as_string\":\"1583712000000\",\"key\":1583712000000,\"doc_count\":1},{"
          "\"key_as_string\":\"1580083200000\",\"key\":1580083200000,\"doc_count\":1},{"
          "\"key_as_string\":\"1577664000000\",\"key\":1577664000000,\"doc_count\":1}]}" },
        { "{\"filter\":{\"term\":{\"k\":\"a\"}},\"aggs\":{\"s\":{\"sum\":{\"field\":\"n\"}}}}",
          "{\"doc_count\":2,\"s\":{\"value\":6}}" },
        { "{\"filters\":{\"filters\":{\"one\":{\"range\":{\"n\":{\"gte\":4}}},\"two\":{\"term\":{"
          "\"k\":\"zzz\"}}}},\"aggs\":{\"m\":{\"avg\":{\"field\":\"n\"}}}}",
          "{\"buckets\":{\"one\":{\"doc_count\":3,\"m\":{\"value\":7}},\"two\":{\"doc_count\":0,"
          "\"m\":{"
          "\"value\":null}}}}" },
        { "{\"nested\":{\"path\":\"o\"},\"aggs\":{\"k\":{\"terms\":{\"field\":\"o.k\"}},\"f\":{"
          "\"filter\":{\"term\":{\"o.k\":\"q\"}}}}}",
          "{\"doc_count\":3,\"k\":{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,"
          "\"buckets\":[{\"key\":\"p\",\"doc_count\":3},{\"key\":\"q\",\"doc_count\":1}]},\"f\":{"
          "\"doc_count\":1}}" },
        { "{\"filters\":{\"filters\":[{\"term\":{\"n\":7}},{\"term\":{\"n\":1}}]},\"aggs\":{\"o\":{"
          "\"nested\":{\"path\":\"o\"}}}}",
          "{\"buckets\":[{\"doc_count\":1,\"o\":{\"doc_count\":3}},{\"doc_count\":1,\"o\":{"
          "\"doc_count\":0}}]}" },
        { "{\"terms\":{\"field\":\"k\",\"include\":\"[ab]\"}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"a\",\"doc_count\":2},{\"key\":\"b\",\"doc_count\":2}]}" },
        { "{\"terms\":{\"field\":\"k\",\"exclude\":[\"a\",\"zzz\"]}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"b\",\"doc_count\":2},{\"key\":\"c\",\"doc_count\":1}]}" },
        { "{\"terms\":{\"field\":\"k\",\"include\":[\"a\",\"c\"],\"exclude\":\"c\"}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"a\",\"doc_count\":2}]}" },
        { "{\"terms\":{\"field\":\"n\",\"include\":[4,7.0,99]}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":4,"
          "\"doc_count\":1},{\"key\":7,\"doc_count\":1}]}" },
        { "{\"terms\":{\"field\":\"k\",\"include\":[\"a\",\"b\"],\"size\":1}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":2,\"buckets\":[{\"key\":"
          "\"a\",\"doc_count\":2}]}" },
        { "{\"filter\":{\"term\":{\"n\":1}},\"aggs\":{\"t\":{\"terms\":{\"field\":\"k\",\"min_doc_"
          "count\":0,\"order\":{\"_key\":\"asc\"}},\"aggs\":{\"m\":{\"max\":{\"field\":\"n\"}},"
          "\"c\":{\"cardinality\":{\"field\":\"n\"}}}}}}",
          "{\"doc_count\":1,\"t\":{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,"
          "\"buckets\":[{\"key\":\"a\",\"doc_count\":1,\"m\":{\"value\":1},\"c\":{\"value\":1}},{"
          "\"key\":\"b\",\"doc_count\":0,\"m\":{\"value\":null},\"c\":{\"value\":0}},{\"key\":"
          "\"c\",\"doc_count\":0,\"m\":{\"value\":null},\"c\":{\"value\":0}}]}}" },
        { "{\"terms\":{\"field\":\"tags\",\"min_doc_count\":0,\"include\":\"y\"}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"y\",\"doc_count\":2}]}" },
        { "{\"terms\":{\"field\":\"k\",\"order\":[{\"c\":\"desc\"},{\"_key\":\"desc\"}]},\"aggs\":{"
          "\"c\":{\"cardinality\":{\"field\":\"n\"}}}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"a\",\"doc_count\":2,\"c\":{\"value\":3}},{\"key\":\"b\",\"doc_count\":2,\"c\":{"
          "\"value\":2}},{\"key\":\"c\",\"doc_count\":1,\"c\":{\"value\":1}}]}" },
        { "{\"terms\":{\"field\":\"day\"}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "1585353600000,\"key_as_string\":\"2020-03-28\",\"doc_count\":1}]}" },
        { "{\"terms\":{\"field\":\"day\",\"format\":\"EEE dd MMM "
          "yy\",\"show_term_doc_count_error\":true}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "1585353600000,\"key_as_string\":\"Sat 28 Mar "
          "20\",\"doc_count\":1,\"doc_count_error_upper_bound\":0}]}" },
        { "{\"date_histogram\":{\"field\":\"day\",\"calendar_interval\":\"month\"}}",
          "{\"buckets\":[{\"key_as_string\":\"2020-03-01\",\"key\":1583020800000,\"doc_count\":1}]"
          "}" },
        { "{\"date_histogram\":{\"field\":\"sec\",\"calendar_interval\":\"day\",\"keyed\":true}}",
          "{\"buckets\":{\"1585353600\":{\"key_as_string\":\"1585353600\",\"key\":1585353600000,"
          "\"doc_count\":1}}}" },
        { "{\"date_histogram\":{\"field\":\"at\",\"calendar_interval\":\"year\",\"min_doc_count\":"
          "1,\"format\":\"EEEE, d MMMM uuuu h a D S '\\\"'''\"}}",
          "{\"buckets\":[{\"key_as_string\":\"Wednesday, 1 January 2020 12 AM 1 0 "
          "\\\"'\",\"key\":1577836800000,\"doc_count\":3},{\"key_as_string\":\"Friday, 1 January "
          "2021 12 AM 1 0 \\\"'\",\"key\":1609459200000,\"doc_count\":1}]}" },
        { "{\"date_histogram\":{\"field\":\"sec\",\"fixed_interval\":\"1h\",\"time_zone\":\"Europe/"
          "Paris\",\"format\":\"HH:mm X XX XXX xx Z ZZZZZ\"}}",
          "{\"buckets\":[{\"key_as_string\":\"00:00 +01 +0100 +01:00 +0100 +0100 "
          "+01:00\",\"key\":1585436400000,\"doc_count\":1}]}" },
        { "{\"date_range\":{\"field\":\"day\",\"ranges\":[{\"from\":\"2020-03-01\"},{\"to\":\"2020-"
          "03-01\"}]}}",
          "{\"buckets\":[{\"key\":\"2020-03-01-*\",\"from\":1583020800000,\"from_as_string\":"
          "\"2020-03-01\",\"doc_count\":1},{\"key\":\"*-2020-03-01\",\"to\":1583020800000,\"to_as_"
          "string\":\"2020-03-01\",\"doc_count\":0}]}" },
        { "{\"date_range\":{\"field\":\"day\",\"format\":\"dd/MM/yyyy\",\"ranges\":[{\"from\":\"01/"
          "03/2020\"}]}}",
          "{\"buckets\":[{\"key\":\"01/03/2020-*\",\"from\":1583020800000,\"from_as_string\":\"01/"
          "03/2020\",\"doc_count\":1}]}" },
        { "{\"range\":{\"field\":\"day\",\"ranges\":[{\"from\":\"2020-03-01\",\"to\":1585353600001}"
          "]}}",
          "{\"buckets\":[{\"key\":\"2020-03-01-2020-03-28\",\"from\":1583020800000,\"from_as_"
          "string\":\"2020-03-01\",\"to\":1585353600001,\"to_as_string\":\"2020-03-28\",\"doc_"
          "count\":1}]}" },
        { "{\"range\":{\"field\":\"n\",\"format\":\"0.00\",\"ranges\":[{\"from\":\"1\",\"to\":\"2."
          "5\"}]}}",
          "{\"buckets\":[{\"key\":\"1.00-2.50\",\"from\":1,\"from_as_string\":\"1.00\",\"to\":2.5,"
          "\"to_as_string\":\"2.50\",\"doc_count\":2}]}" },
        { "{\"histogram\":{\"field\":\"day\",\"interval\":86400000}}",
          "{\"buckets\":[{\"key_as_string\":\"2020-03-28\",\"key\":1585353600000,\"doc_count\":1}]"
          "}" },
        { "{\"histogram\":{\"field\":\"n\",\"interval\":10,\"format\":\"#,##0.0'!'\",\"keyed\":"
          "true}}",
          "{\"buckets\":{\"-10.0!\":{\"key_as_string\":\"-10.0!\",\"key\":-10,\"doc_count\":1},\"0."
          "0!\":{\"key_as_string\":\"0.0!\",\"key\":0,\"doc_count\":4},\"10.0!\":{\"key_as_"
          "string\":\"10.0!\",\"key\":10,\"doc_count\":1}}}" },
        { "{\"min\":{\"field\":\"day\"}}",
          "{\"value\":1585353600000,\"value_as_string\":\"2020-03-28\"}" },
        { "{\"max\":{\"field\":\"on\"}}", "{\"value\":1,\"value_as_string\":\"true\"}" },
        { "{\"min\":{\"field\":\"on\"}}", "{\"value\":0,\"value_as_string\":\"false\"}" },
        { "{\"avg\":{\"field\":\"d\",\"format\":\"0.00\"}}",
          "{\"value\":0.875,\"value_as_string\":\"0.88\"}" },
        { "{\"sum\":{\"field\":\"sec\"}}",
          "{\"value\":1585438200000,\"value_as_string\":\"1585438200\"}" },
        { "{\"sum\":{\"field\":\"n\",\"format\":\"#,##0.0\"}}",
          "{\"value\":23,\"value_as_string\":\"23.0\"}" },
        { "{\"stats\":{\"field\":\"day\"}}",
          "{\"count\":1,\"min\":1585353600000,\"max\":1585353600000,\"avg\":1585353600000,\"sum\":"
          "1585353600000,\"min_as_string\":\"2020-03-28\",\"max_as_string\":\"2020-03-28\",\"avg_"
          "as_string\":\"2020-03-28\",\"sum_as_string\":\"2020-03-28\"}" },
        { "{\"percentiles\":{\"field\":\"n\",\"percents\":[50],\"format\":\"0.0%\"}}",
          "{\"values\":{\"50.0\":3,\"50.0_as_string\":\"300.0%\"}}" },
        { "{\"percentiles\":{\"field\":\"day\",\"percents\":[50],\"keyed\":false}}",
          "{\"values\":[{\"key\":50.0,\"value\":1585353600000,\"value_as_string\":\"2020-03-28\"}]"
          "}" },
        { "{\"terms\":{\"field\":\"n\",\"format\":\"000\",\"size\":1,\"order\":{\"_key\":\"desc\"}}"
          "}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":6,\"buckets\":[{\"key\":10,"
          "\"key_as_string\":\"010\",\"doc_count\":1}]}" },
        { "{\"filters\":{\"other_bucket\":true,\"filters\":{\"one\":{\"range\":{\"n\":{\"gte\":4}}}"
          "}},\"aggs\":{\"m\":{\"max\":{\"field\":\"n\"}}}}",
          "{\"buckets\":{\"one\":{\"doc_count\":3,\"m\":{\"value\":10}},\"_other_\":{\"doc_count\":"
          "3,\"m\":{\"value\":3}}}}" },
        { "{\"filters\":{\"other_bucket_key\":\"rest\",\"filters\":{\"one\":{\"match_all\":{}}}}}",
          "{\"buckets\":{\"one\":{\"doc_count\":6},\"rest\":{\"doc_count\":0}}}" },
        { "{\"filters\":{\"other_bucket\":true,\"filters\":[{\"term\":{\"k\":\"a\"}},{\"term\":{"
          "\"n\":1}}]}}",
          "{\"buckets\":[{\"doc_count\":2},{\"doc_count\":1},{\"doc_count\":4}]}" },
        { "{\"terms\":{\"field\":\"k\",\"order\":{\"f>m\":\"desc\"}},\"aggs\":{\"f\":{\"filter\":{"
          "\"range\":{\"n\":{\"lt\":5}}},\"aggs\":{\"m\":{\"max\":{\"field\":\"n\"}}}}}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"b\",\"doc_count\":2,\"f\":{\"doc_count\":1,\"m\":{\"value\":4}}},{\"key\":\"a\",\"doc_"
          "count\":2,\"f\":{\"doc_count\":2,\"m\":{\"value\":3}}},{\"key\":\"c\",\"doc_count\":1,"
          "\"f\":{\"doc_count\":1,\"m\":{\"value\":-4}}}]}" },
        { "{\"terms\":{\"field\":\"k\",\"order\":{\"o>v\":\"asc\"}},\"aggs\":{\"o\":{\"nested\":{"
          "\"path\":\"o\"},\"aggs\":{\"v\":{\"value_count\":{\"field\":\"o.k\"}}}}}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"a\",\"doc_count\":2,\"o\":{\"doc_count\":0,\"v\":{\"value\":0}}},{\"key\":\"b\",\"doc_"
          "count\":2,\"o\":{\"doc_count\":0,\"v\":{\"value\":0}}},{\"key\":\"c\",\"doc_count\":1,"
          "\"o\":{\"doc_count\":0,\"v\":{\"value\":0}}}]}" },
        { "{\"histogram\":{\"field\":\"n\",\"interval\":2,\"hard_bounds\":{\"min\":0,\"max\":6}}}",
          "{\"buckets\":[{\"key\":0,\"doc_count\":1},{\"key\":2,\"doc_count\":1},{\"key\":4,\"doc_"
          "count\":1},{\"key\":6,\"doc_count\":1}]}" },
        { "{\"histogram\":{\"field\":\"n\",\"interval\":5,\"hard_bounds\":{\"max\":4},\"extended_"
          "bounds\":{\"min\":-10}}}",
          "{\"buckets\":[{\"key\":-10,\"doc_count\":0},{\"key\":-5,\"doc_count\":1},{\"key\":0,"
          "\"doc_count\":3}]}" },
        { "{\"date_histogram\":{\"field\":\"at\",\"calendar_interval\":\"month\",\"hard_bounds\":{"
          "\"min\":\"202002\",\"max\":\"202006\"},\"format\":\"yyyyMM\"}}",
          "{\"buckets\":[{\"key_as_string\":\"202003\",\"key\":1583020800000,\"doc_count\":1}]}" },
        { "{\"nested\":{\"path\":\"o\"},\"aggs\":{\"t\":{\"terms\":{\"field\":\"o.k\"},\"aggs\":{"
          "\"p\":{\"nested\":{\"path\":\"o.p\"},\"aggs\":{\"s\":{\"sum\":{\"field\":\"o.p.v\"}}}}}}"
          ",\"x\":{\"max\":{\"field\":\"o.p.v\"}},\"y\":{\"max\":{\"field\":\"n\"}}}}",
          "{\"doc_count\":3,\"t\":{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,"
          "\"buckets\":[{\"key\":\"p\",\"doc_count\":3,\"p\":{\"doc_count\":3,\"s\":{\"value\":8}}}"
          ",{\"key\":\"q\",\"doc_count\":1,\"p\":{\"doc_count\":1,\"s\":{\"value\":5}}}]},\"x\":{"
          "\"value\":null},\"y\":{\"value\":null}}" },
        { "{\"nested\":{\"path\":\"o.p\"},\"aggs\":{\"s\":{\"max\":{\"field\":\"o.p.v\"}},\"k\":{"
          "\"missing\":{\"field\":\"o.k\"}}}}",
          "{\"doc_count\":3,\"s\":{\"value\":5},\"k\":{\"doc_count\":3}}" },
        { "{\"nested\":{\"path\":\"o\"},\"aggs\":{\"f\":{\"filter\":{\"term\":{\"o.p.v\":5}}},"
          "\"p\":{\"nested\":{\"path\":\"o.p\"},\"aggs\":{\"f\":{\"filter\":{\"term\":{\"o.p.v\":5}"
          "}}}}}}",
          "{\"doc_count\":3,\"f\":{\"doc_count\":0},\"p\":{\"doc_count\":3,\"f\":{\"doc_count\":1}}"
          "}" },
        { "{\"missing\":{\"field\":\"k\"}}", "{\"doc_count\":1}" },
        { "{\"missing\":{\"field\":\"nobody\"}}", "{\"doc_count\":6}" },
        { "{\"min\":{\"field\":\"d\"}}", "{\"value\":-1}" },
        { "{\"max\":{\"field\":\"at\"}}",
          "{\"value\":1615334400000,\"value_as_string\":\"2021-03-10T00:00:00.000Z\"}" },
        { "{\"avg\":{\"field\":\"d\",\"missing\":0}}", "{\"value\":0.5833333333333334}" },
        { "{\"sum\":{\"field\":\"nobody\"}}", "{\"value\":0}" },
        { "{\"stats\":{\"field\":\"n\"}}",
          "{\"count\":7,\"min\":-4,\"max\":10,\"avg\":3.2857142857142856,\"sum\":23}" },
        { "{\"value_count\":{\"field\":\"tags\"}}", "{\"value\":3}" },
        { "{\"cardinality\":{\"field\":\"tags\"}}", "{\"value\":2}" },
        { "{\"cardinality\":{\"field\":\"n\"}}", "{\"value\":7}" },
        { "{\"percentiles\":{\"field\":\"n\",\"percents\":[0,50,100]}}",
          "{\"values\":{\"0.0\":-4,\"50.0\":3,\"100.0\":10}}" },
        { "{\"geo_bounds\":{\"field\":\"geo\"}}", "{\"bounds\":{\"top_left\":{\"lat\":10,\"lon\":"
                                                  "20},\"bottom_right\":{\"lat\":-5,\"lon\":30}}"
                                                  "}" },
        { "{\"top_hits\":{\"_source\":false,\"size\":2,\"sort\":[{\"n\":\"desc\"}]}}",
          "{\"hits\":{\"total\":{\"value\":6,\"relation\":\"eq\"},\"max_score\":null,\"hits\":[{"
          "\"_id\":\"d2\",\"_score\":null,\"sort\":[10]},{\"_id\":\"d5\",\"_score\":null,\"sort\":["
          "7]}]"
          "}}" },
        { "{\"terms\":{\"field\":\"k\"},\"aggs\":{\"h\":{\"top_hits\":{\"size\":1,\"_source\":"
          "\"k\"}}},\"meta\":{\"a\":1}}",
          "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,\"buckets\":[{\"key\":"
          "\"a\",\"doc_count\":2,\"h\":{\"hits\":{\"total\":{\"value\":2,\"relation\":\"eq\"},"
          "\"max_score\":1,\"hits\":[{\"_id\":\"d0\",\"_score\":1,\"_source\":{\"k\":\"a\"}}]}}},{"
          "\"key\":\"b\",\"doc_count\":2,\"h\":{\"hits\":{\"total\":{\"value\":2,\"relation\":"
          "\"eq\"},\"max_score\":1,\"hits\":[{\"_id\":\"d2\",\"_score\":1,\"_source\":{\"k\":\"b\"}"
          "}]}}},{\"key\":\"c\",\"doc_count\":1,\"h\":{\"hits\":{\"total\":{\"value\":1,"
          "\"relation\":\"eq\"},\"max_score\":1,\"hits\":[{\"_id\":\"d4\",\"_score\":1,\"_source\":"
          "{\"k\":\"c\"}}]}}}],\"meta\":{\"a\":1}}" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(strcmp(answer(cases[i].asked), cases[i].answered) == 0, "%s:\n%s\nnot\n%s",
                      cases[i].asked, answer(cases[i].asked), cases[i].answered);
}
END_TEST

/* The keys of the buckets, and their counts: "key:count key:count". */
static const char *keys_of(const char *aggregation)
{
    struct kdm_val answered = kdm_json_parse(&arena, kdm_str_of(answer(aggregation))), bucket;
    struct kdm_val_iter it;
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 256);
    kdm_elements(&it, kdm_val_get(answered, KDM_STR("buckets")));
    for (bool first = true; kdm_element_next(&it, &bucket); first = false) {
        if (!first)
            kdm_buf_char(&buf, ' ');
        kdm_buf_put(&buf, kdm_val_text(kdm_val_get(bucket, KDM_STR("key"))));
        kdm_buf_char(&buf, ':');
        kdm_buf_put(&buf, kdm_val_text(kdm_val_get(bucket, KDM_STR("doc_count"))));
    }
    kdm_buf_char(&buf, '\0');
    return buf.ptr;
}

START_TEST(an_order_leaves_out_no_empty_bucket)
{
    static const struct {
        const char *asked, *keys;
    } cases[] = {
        { "{\"histogram\":{\"field\":\"n\",\"interval\":4,\"order\":{\"_key\":\"asc\"}}}",
          "-4:1 0:2 4:2 8:1" },
        { "{\"histogram\":{\"field\":\"n\",\"interval\":2,\"order\":{\"_key\":\"desc\"}}}",
          "10:1 8:0 6:1 4:1 2:1 0:1 -2:0 -4:1" },
        { "{\"histogram\":{\"field\":\"d\",\"interval\":1,\"extended_bounds\":{\"min\":-3,\"max\":"
          "3},\"order\":{\"_count\":\"desc\"}}}",
          "-1:1 0:1 1:1 2:1 -3:0 -2:0 3:0" },
        { "{\"histogram\":{\"field\":\"d\",\"interval\":1,\"extended_bounds\":{\"min\":-3,\"max\":"
          "3},\"order\":{\"m\":\"asc\"}},\"aggs\":{\"m\":{\"avg\":{\"field\":\"n\"}}}}",
          "-1:1 0:1 1:1 2:1 -3:0 -2:0 3:0" },
        { "{\"histogram\":{\"field\":\"d\",\"interval\":1,\"extended_bounds\":{\"min\":-3,\"max\":"
          "3},\"order\":{\"m\":\"desc\"}},\"aggs\":{\"m\":{\"min\":{\"field\":\"n\"}}}}",
          "-3:0 -2:0 3:0 2:1 1:1 0:1 -1:1" },
        { "{\"date_histogram\":{\"field\":\"at\",\"calendar_interval\":\"month\",\"order\":{\"_"
          "count\":\"desc\"},\"extended_bounds\":{\"min\":\"2020-01-01\",\"max\":\"2020-01-02\"}}}",
          "1577836800000:2 1583020800000:1 1614556800000:1 1580515200000:0 1585699200000:0 "
          "1588291200000:0 1590969600000:0 1593561600000:0 1596240000000:0 1598918400000:0 "
          "1601510400000:0 1604188800000:0 1606780800000:0 1609459200000:0 1612137600000:0" },
        { "{\"histogram\":{\"field\":\"n\",\"interval\":4,\"min_doc_count\":2,\"order\":{\"_key\":"
          "\"desc\"}}}",
          "4:2 0:2" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(strcmp(keys_of(cases[i].asked), cases[i].keys) == 0, "%s:\n%s\nnot\n%s",
                      cases[i].asked, keys_of(cases[i].asked), cases[i].keys);
}
END_TEST

static struct kdm_val hit_at(struct kdm_val hits, uint32_t at)
{
    struct kdm_val_iter it;
    struct kdm_val hit = KDM_VAL_NONE;

    kdm_elements(&it, kdm_val_get(hits, KDM_STR("hits")));
    for (uint32_t i = 0; i <= at; i++)
        ck_assert(kdm_element_next(&it, &hit));
    return hit;
}

START_TEST(top_hits_without_a_sort_are_those_of_the_best_score)
{
    static const char *const texts[] = { "{\"text\":\"red car with a long story\"}",
                                         "{\"text\":\"red\"}", "{\"text\":\"blue\"}",
                                         "{\"text\":\"red car\"}" };
    struct kdm_aggs *aggs = parsed(
        "{\"x\":{\"top_hits\":{\"_source\":false,\"from\":1,\"size\":2}},\"y\":{\"top_hits\":{"
        "\"_source\":false,\"size\":1,\"sort\":[{\"_score\":\"asc\"}]}}}");
    struct kdm_val answered, best, hit, last;
    double most, first, second;
    char id[16];

    kdm_projection_write(projection);
    for (int i = 0; i < 4; i++) {
        snprintf(id, sizeof(id), "t%d", i);
        kdm_projection_put(projection, &scratch, kdm_str_of(id),
                           kdm_json_parse(&scratch, kdm_str_of(texts[i])), 100 + (uint64_t)i);
    }
    kdm_projection_end_write(projection);
    ck_assert_int_eq(run("{\"match\":{\"text\":\"red\"}}", aggs), KDM_PROJECTION_OK);
    answered = kdm_json_parse(&arena, kdm_aggs_text(aggs));
    best = kdm_val_path(answered, KDM_STR("x.hits"));
    ck_assert(kdm_val_double(kdm_val_get(best, KDM_STR("max_score")), &most));
    hit = hit_at(best, 0);
    last = hit_at(best, 1);
    ck_assert(kdm_val_str_eq(kdm_val_get(hit, KDM_STR("_id")), KDM_STR("t3")));
    ck_assert(kdm_val_str_eq(kdm_val_get(last, KDM_STR("_id")), KDM_STR("t0")));
    ck_assert(kdm_val_double(kdm_val_get(hit, KDM_STR("_score")), &first));
    ck_assert(kdm_val_double(kdm_val_get(last, KDM_STR("_score")), &second));
    ck_assert_msg(most > first && first > second && second > 0, "%g %g %g", most, first, second);
    best = kdm_val_path(answered, KDM_STR("y.hits"));
    ck_assert(kdm_val_null(kdm_val_get(best, KDM_STR("max_score"))));
    hit = hit_at(best, 0);
    ck_assert(kdm_val_str_eq(kdm_val_get(hit, KDM_STR("_id")), KDM_STR("t0")));
    ck_assert(kdm_val_double(kdm_val_get(hit, KDM_STR("_score")), &first));
    ck_assert_double_eq(first, second);
}
END_TEST

START_TEST(a_partition_has_its_share_of_the_terms_and_all_have_all)
{
    static const char *const fields[] = { "k", "n", "d", "at" };
    static const int counts[] = { 3, 7, 4, 4 };
    char text[128];

    for (size_t i = 0; i < 4; i++) {
        int found = 0;

        for (int part = 0; part < 3; part++) {
            struct kdm_val buckets;

            snprintf(
                text, sizeof(text),
                "{\"terms\":{\"field\":\"%s\",\"include\":{\"partition\":%d,\"num_partitions\":"
                "3}}}",
                fields[i], part);
            buckets =
                kdm_val_get(kdm_json_parse(&arena, kdm_str_of(answer(text))), KDM_STR("buckets"));
            ck_assert_int_lt((int)kdm_val_count(buckets), counts[i]);
            found += (int)kdm_val_count(buckets);
        }
        ck_assert_int_eq(found, counts[i]);
    }
}
END_TEST

START_TEST(numbers_are_written_as_java_writes_them)
{
    static const struct {
        const char *pattern;
        double value;
        const char *text;
    } cases[] = {
        { "0.00", 2.5, "2.50" },
        { "0.00", -2.005, "-2.00" },
        { "#,##0.0", 1234567.25, "1,234,567.2" },
        { "#,##0", 999, "999" },
        { "#,##0", -1000, "-1,000" },
        { "#.##", 0.25, "0.25" },
        { "#.##", 3, "3" },
        { ".##", 0.25, ".25" },
        { "#", 0, "0" },
        { "0000", 42, "0042" },
        { "00,000", 42, "00,042" },
        { "0.0##", 1.5, "1.5" },
        { "0.0##", 1.23456, "1.235" },
        { "0%", 0.256, "26%" },
        { "'#'0 'it''s'", 7, "#7 it's" },
        { "$#,##0.00", 1e6, "$1,000,000.00" },
    };
    const struct kdm_field field = { .type = KDM_FIELD_DOUBLE };
    struct kdm_agg agg = { .field = &field };
    struct kdm_buf buf;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        agg.format = kdm_str_of(cases[i].pattern);
        ck_assert_msg(kdm_agg_number_pattern(agg.format), "%s", cases[i].pattern);
        kdm_buf_init(&buf, &arena, 64);
        kdm_agg_put_text(&buf, &agg, cases[i].value);
        ck_assert_msg(kdm_str_eq(kdm_buf_str(&buf), kdm_str_of(cases[i].text)),
                      "%s: " KDM_FMT " not %s", cases[i].pattern, KDM_ARG(kdm_buf_str(&buf)),
                      cases[i].text);
    }
}
END_TEST

/* Random patterns: refused, or text comes of whatever value. The sanitizers watch. */
START_TEST(every_pattern_is_refused_or_writes_all_values)
{
    static const char numbers[] = "##00,.%'x", dates[] = "yMdHmsSfEaDhXxZQ[]'- ";
    static const double values[] = { 0, -0.0, 1, -12345.678, 1e15, 1.7976931348623157e308, 5e-324 };
    const struct kdm_field real = { .type = KDM_FIELD_DOUBLE }, date = { .type = KDM_FIELD_DATE };
    uint64_t state = 12345;
    int written = 0;

    for (int i = 0; i < 20000; i++) {
        const char *letters = i % 2 == 0 ? numbers : dates;
        struct kdm_agg agg = { .field = i % 2 == 0 ? &real : &date };
        const struct kdm_date_format *format;
        char text[12];
        size_t len = 0;

        do {
            state = state * 6364136223846793005u + 1442695040888963407u;
            text[len++] = letters[(state >> 33) % strlen(letters)];
        } while (len < sizeof(text) && (state >> 60) != 0);
        agg.format = (struct kdm_str){ text, len };
        format = i % 2 == 0 ? NULL : kdm_date_format_create(&scratch, agg.format);
        if (format != NULL)
            agg.format = kdm_date_format_pattern(format);
        if (i % 2 == 0 ? kdm_agg_number_pattern(agg.format)
                       : format != NULL && kdm_agg_date_pattern(agg.format))
            for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++, written++) {
                struct kdm_buf buf;

                kdm_buf_init(&buf, &scratch, 16);
                kdm_agg_put_text(&buf, &agg, values[j]);
                ck_assert_uint_lt(buf.len, 1000);
            }
        kdm_arena_reset(&scratch);
    }
    ck_assert_int_gt(written, 10000);
}
END_TEST

START_TEST(what_is_not_understood_is_refused_by_name)
{
    static const char *const bad[] = {
        "[]",
        "{\"x\":1}",
        "{\"x>y\":{\"max\":{\"field\":\"n\"}}}",
        "{\"x[0\":{\"max\":{\"field\":\"n\"}}}",
        "{\"]\":{\"max\":{\"field\":\"n\"}}}",
        "{\"x\":{}}",
        "{\"x\":{\"nested\":{\"path\":\"o\"},\"aggs\":{\"y\":{\"nested\":{\"path\":\"o\"}}}}}",
        "{\"x\":{\"nested\":{\"path\":\"o.p\"},\"aggs\":{\"y\":{\"nested\":{\"path\":\"o\"}}}}}",
        "{\"x\":{\"nested\":{\"path\":\"o\"},\"aggs\":{\"y\":{\"reverse_nested\":{}}}}}",
        "{\"x\":{\"nested\":{\"path\":\"o\"},\"aggs\":{\"y\":{\"top_hits\":{}}}}}",
        "{\"x\":{\"nested\":{\"path\":\"o\"},\"aggs\":{\"y\":{\"filter\":{\"bool\":{\"should\":[{"
        "\"nested\":{\"path\":\"o.p\",\"query\":{\"term\":{\"o.p.v\":1}}}}]}}}}}}",
        "{\"x\":{\"terms\":{\"field\":\"fl.k\"}}}",
        "{\"x\":{\"terms\":{\"field\":\"fl.k.j\"}}}",
        "{\"x\":{\"top_hits\":{\"sort\":[\"fl.k\"]}}}",
        "{\"x\":{\"top_hits\":{\"sort\":[{\"fl.k\":{\"unmapped_type\":\"keyword\"}}]}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"include\":{\"partition\":2,\"num_partitions\":2}}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"include\":{\"partition\":-1,\"num_partitions\":2}}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"include\":{\"partition\":0}}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"exclude\":{\"partition\":0,\"num_partitions\":2}}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"exclude\":\"a\",\"include\":{\"partition\":0,\"num_"
        "partitions\":2}}}}",
        "{\"x\":{\"histogram\":{\"field\":\"n\",\"interval\":1,\"hard_bounds\":{\"min\":3,\"max\":"
        "2}}}}",
        "{\"x\":{\"histogram\":{\"field\":\"n\",\"interval\":1,\"hard_bounds\":{\"min\":3},"
        "\"extended_bounds\":{\"min\":2}}}}",
        "{\"x\":{\"histogram\":{\"field\":\"n\",\"interval\":1,\"extended_bounds\":{\"min\":-1e300,"
        "\"max\":1e300}}}}",
        "{\"x\":{\"histogram\":{\"field\":\"n\",\"interval\":1,\"hard_bounds\":[]}}}",
        "{\"x\":{\"filters\":{\"other_bucket_key\":1,\"filters\":[{\"match_all\":{}}]}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"order\":{\"f>m\":\"asc\"}},\"aggs\":{\"f\":{"
        "\"filter\":{\"match_all\":{}}}}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"order\":{\"f>m\":\"asc\"}},\"aggs\":{\"f\":{"
        "\"terms\":{\"field\":\"n\"},\"aggs\":{\"m\":{\"max\":{\"field\":\"n\"}}}}}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"order\":{\">\":\"asc\"}}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"order\":{\"f>f>f\":\"asc\"}},\"aggs\":{\"f\":{"
        "\"filter\":{\"match_all\":{}}}}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"format\":\"0\"}}}",
        "{\"x\":{\"max\":{\"field\":\"on\",\"format\":\"0\"}}}",
        "{\"x\":{\"max\":{\"field\":\"n\",\"format\":\"0.0;(0)\"}}}",
        "{\"x\":{\"max\":{\"field\":\"n\",\"format\":\"0E0\"}}}",
        "{\"x\":{\"max\":{\"field\":\"n\",\"format\":\"0.#0\"}}}",
        "{\"x\":{\"max\":{\"field\":\"n\",\"format\":\"none\"}}}",
        "{\"x\":{\"max\":{\"field\":\"n\",\"format\":\"0'\"}}}",
        "{\"x\":{\"max\":{\"field\":\"n\",\"format\":1}}}",
        "{\"x\":{\"max\":{\"field\":\"day\",\"format\":\"nothing at all\"}}}",
        "{\"x\":{\"max\":{\"field\":\"day\",\"format\":\"\"}}}",
        "{\"x\":{\"extended_stats\":{\"field\":\"n\",\"sigma\":-1}}}",
        "{\"x\":{\"range\":{\"field\":\"n\",\"ranges\":[{\"from\":\"one\"}]}}}",
        "{\"x\":{\"date_range\":{\"field\":\"at\",\"format\":\"yyyy-MM\",\"ranges\":[{\"from\":"
        "\"2020-02-01\"}]}}}",
        "{\"x\":{\"nothing\":{}}}",
        "{\"x\":{\"terms\":{}}}",
        "{\"x\":{\"terms\":{\"field\":\"text\"}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"script\":\"1\"}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"size\":-1}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"size\":0}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"order\":{\"nobody\":\"asc\"}}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"order\":{\"_key\":\"up\"}}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\"},\"max\":{\"field\":\"n\"}}}",
        "{\"x\":{\"max\":{\"field\":\"k\"}}}",
        "{\"x\":{\"max\":{\"field\":\"n\"},\"aggs\":{\"y\":{\"min\":{\"field\":\"n\"}}}}}",
        "{\"x\":{\"histogram\":{\"field\":\"n\",\"interval\":0}}}",
        "{\"x\":{\"histogram\":{\"field\":\"n\"}}}",
        "{\"x\":{\"date_histogram\":{\"field\":\"at\"}}}",
        "{\"x\":{\"date_histogram\":{\"field\":\"at\",\"calendar_interval\":\"2M\"}}}",
        "{\"x\":{\"date_histogram\":{\"field\":\"at\",\"fixed_interval\":\"1d\",\"time_zone\":"
        "\"Europe/Pari\"}}}",
        "{\"x\":{\"range\":{\"field\":\"n\"}}}",
        "{\"x\":{\"filters\":{\"filters\":{}}}}",
        "{\"x\":{\"filter\":{\"nope\":{}}}}",
        "{\"x\":{\"percentiles\":{\"field\":\"n\",\"percents\":[101]}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"include\":\"(\"}}}",
        "{\"x\":{\"terms\":{\"field\":\"n\",\"include\":\"4\"}}}",
        "{\"x\":{\"terms\":{\"field\":\"n\",\"include\":[\"x\"]}}}",
        "{\"x\":{\"terms\":{\"field\":\"n\",\"min_doc_count\":0}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"order\":{\"s.nope\":\"asc\"}},\"aggs\":{\"s\":{"
        "\"stats\":{\"field\":\"n\"}}}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"order\":{\"s\":\"asc\"}},\"aggs\":{\"s\":{\"stats\":{"
        "\"field\":\"n\"}}}}}",
        "{\"x\":{\"terms\":{\"field\":\"k\",\"order\":{\"m.max\":\"asc\"}},\"aggs\":{\"m\":{"
        "\"max\":{\"field\":\"n\"}}}}}",
        "{\"x\":{\"nested\":{\"path\":\"o\"},\"aggs\":{\"t\":{\"terms\":{\"field\":\"o.k\",\"min_"
        "doc_count\":0}}}}}",
        "{\"x\":{\"significant_terms\":{\"field\":\"k\"}}}",
        "{\"x\":{\"composite\":{\"sources\":[]}}}",
        "{\"x\":{\"date_histogram\":{\"field\":\"at\",\"calendar_interval\":\"day\",\"time_zone\":"
        "\"Mars/Base\"}}}",
        "{\"x\":{\"top_hits\":{\"size\":101}}}",
        "{\"x\":{\"top_hits\":{\"sort\":[\"nobody\"]}}}",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(parsed(bad[i]) == NULL, "%s", bad[i]);
        ck_assert_msg(failure.err != KDM_OK && failure.message.len > 0, "%s", bad[i]);
    }
}
END_TEST

/* Documents every half hour over a day: each is counted, whatever the clock does meanwhile. */
static void assert_all_counted(const char *from, const char *interval, const char *zone, int wanted)
{
    char text[256], id[16];
    struct kdm_val answered, bucket;
    struct kdm_val_iter it;
    struct kdm_aggs *aggs;
    int64_t first, sum = 0, count, key, last = INT64_MIN;
    int buckets = 0;

    ck_assert(kdm_date_parse(kdm_date_format_default(), kdm_str_of(from), false, &first));
    kdm_projection_write(projection);
    for (int i = 0; i < 96; i++) {
        snprintf(id, sizeof(id), "z%d", i);
        snprintf(text, sizeof(text), "{\"k\":\"zone\",\"at\":%lld}",
                 (long long)(first + i * 1800000ll));
        kdm_projection_put(projection, &scratch, kdm_str_of(id),
                           kdm_json_parse(&scratch, kdm_str_of(text)), ++zone_sequence);
    }
    kdm_projection_end_write(projection);
    snprintf(text, sizeof(text),
             "{\"x\":{\"date_histogram\":{\"field\":\"at\",%s,\"time_zone\":\"%s\"}}}", interval,
             zone);
    aggs = parsed(text);
    ck_assert_msg(aggs != NULL, "%s", text);
    ck_assert_int_eq(run("{\"term\":{\"k\":\"zone\"}}", aggs), KDM_PROJECTION_OK);
    answered = kdm_json_parse(&arena, kdm_aggs_text(aggs));
    kdm_elements(&it, kdm_val_path(answered, KDM_STR("x.buckets")));
    for (; kdm_element_next(&it, &bucket); buckets++) {
        ck_assert(kdm_val_int64(kdm_val_get(bucket, KDM_STR("doc_count")), &count));
        ck_assert(kdm_val_int64(kdm_val_get(bucket, KDM_STR("key")), &key));
        ck_assert_msg(key > last, "%s", text);
        last = key;
        sum += count;
    }
    ck_assert_msg(sum == 96, "%s from %s: %d", text, from, (int)sum);
    ck_assert_msg(buckets == wanted, "%s from %s: %d buckets", text, from, buckets);
}

START_TEST(no_document_is_lost_when_a_clock_is_changed)
{
    static const char *const spring = "2020-03-28T12:00:00Z", *const autumn =
                                                                  "2020-10-24T12:00:00Z";

    assert_all_counted(spring, "\"calendar_interval\":\"hour\"", "Europe/Paris", 48);
    assert_all_counted(autumn, "\"calendar_interval\":\"hour\"", "Europe/Paris", 48);
    assert_all_counted(autumn, "\"fixed_interval\":\"30m\"", "Europe/Paris", 96);
    assert_all_counted(spring, "\"calendar_interval\":\"day\"", "Europe/Paris", 3);
    assert_all_counted(autumn, "\"calendar_interval\":\"day\"", "Europe/Paris", 3);
    assert_all_counted(spring, "\"fixed_interval\":\"3h\"", "Europe/Paris", 17);
    assert_all_counted(autumn, "\"fixed_interval\":\"3h\"", "Europe/Paris", 17);
    assert_all_counted("2018-11-03T12:00:00Z", "\"calendar_interval\":\"day\"", "America/Sao_Paulo",
                       3); /* a midnight that is leapt over */
    assert_all_counted("2011-12-29T12:00:00Z", "\"calendar_interval\":\"day\"", "Pacific/Apia",
                       3); /* a day that is leapt over */
}
END_TEST

START_TEST(too_many_buckets_are_an_error)
{
    struct kdm_aggs *aggs =
        parsed("{\"x\":{\"date_histogram\":{\"field\":\"at\",\"fixed_interval\":"
               "\"1s\"}}}");

    ck_assert(aggs != NULL);
    ck_assert_int_eq(run(NULL, aggs), KDM_PROJECTION_TOO_MANY_BUCKETS);
    ck_assert(kdm_str_none(kdm_aggs_text(aggs)));
}
END_TEST

START_TEST(a_query_that_matches_nothing_has_empty_answers)
{
    struct kdm_aggs *aggs = parsed(
        "{\"t\":{\"terms\":{\"field\":\"k\"}},\"s\":{\"stats\":{\"field\":\"n\"}},\"p\":{"
        "\"percentiles\":{\"field\":\"n\",\"percents\":[50]}},\"g\":{\"geo_bounds\":{\"field\":"
        "\"geo\"}},\"c\":{\"cardinality\":{\"field\":\"k\"}}}");

    ck_assert_int_eq(run("{\"term\":{\"k\":\"nobody\"}}", aggs), KDM_PROJECTION_OK);
    ck_assert_msg(
        kdm_str_eq(
            kdm_aggs_text(aggs),
            KDM_STR("{\"t\":{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":0,"
                    "\"buckets\":[]},\"s\":{\"count\":0,\"min\":null,\"max\":null,\"avg\":null,"
                    "\"sum\":0},\"p\":{\"values\":{\"50.0\":null}},\"g\":{},\"c\":{\"value\":0}"
                    "}")),
        KDM_FMT, KDM_ARG(kdm_aggs_text(aggs)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("projection_aggs");
    TCase *tcase = tcase_create("aggs");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, each_kind_answers_as_elasticsearch_does);
    tcase_add_test(tcase, an_order_leaves_out_no_empty_bucket);
    tcase_add_test(tcase, top_hits_without_a_sort_are_those_of_the_best_score);
    tcase_add_test(tcase, a_partition_has_its_share_of_the_terms_and_all_have_all);
    tcase_add_test(tcase, numbers_are_written_as_java_writes_them);
    tcase_add_test(tcase, every_pattern_is_refused_or_writes_all_values);
    tcase_add_test(tcase, what_is_not_understood_is_refused_by_name);
    tcase_add_test(tcase, no_document_is_lost_when_a_clock_is_changed);
    tcase_add_test(tcase, too_many_buckets_are_an_error);
    tcase_add_test(tcase, a_query_that_matches_nothing_has_empty_answers);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
