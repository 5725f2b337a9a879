/* aggs_merge_test.c - aggregations over several collections.
 * Random collections, documents and trees of aggregations: what they answer together must be, to
 * the last byte, what one collection with all the documents answers. The seed is printed; KDM_SEED
 * sets it, KDM_ROUNDS how many worlds are made. Numbers are such that no sum is rounded.
 */
#include "../suite.h"
#include "base/hash.h"
#include "search/aggs.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MOST_PARTS    4
#define MAX_DOCUMENTS 120

static uint64_t seed, state;
static struct kdm_arena arena, scratch, made;
static struct kdm_hash_seed hash_seed = { 7, 8 };

static uint32_t below(uint32_t limit)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % limit);
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

/* --- a world ---------------------------------------------------------------------------------- */

struct collection {
    struct kdm_mapping *mapping;
    struct kdm_projection *projection;
    bool has[16];
    bool real; /* "x" is a double, not a long */
};

struct document {
    char id[16];
    const char *text; /* NULL: removed */
};

static struct collection parts[MOST_PARTS], whole;
static uint32_t part_count, document_count;
static struct document documents[MAX_DOCUMENTS];

static const struct {
    const char *name, *definition;
} fields[] = {
    { "u", "{\"type\":\"long\"}" }, /* no two documents have the same; all have it */
    { "x", NULL },
    { "k", "{\"type\":\"keyword\"}" },
    { "tags", "{\"type\":\"keyword\"}" },
    { "i", "{\"type\":\"integer\"}" },
    { "d", "{\"type\":\"double\"}" },
    { "at", "{\"type\":\"date\"}" },
    { "on", "{\"type\":\"boolean\"}" },
    { "ip", "{\"type\":\"ip\"}" },
    { "geo", "{\"type\":\"geo_point\"}" },
    { "n",
      "{\"type\":\"nested\",\"properties\":{\"k\":{\"type\":\"keyword\"},\"i\":{\"type\":"
      "\"integer\"},\"q\":{\"type\":\"nested\",\"properties\":{\"i\":{\"type\":\"integer\"}}}}}" },
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static void open_collection(struct collection *collection)
{
    struct kdm_failure failure = { 0 };
    struct kdm_buf buf;

    kdm_buf_init(&buf, &made, 1024);
    kdm_buf_lit(&buf, "{\"properties\":{");
    for (size_t i = 0; i < FIELDS; i++)
        if (collection->has[i])
            kdm_buf_printf(&buf, "%s\"%s\":%s", i == 0 ? "" : ",", fields[i].name,
                           fields[i].definition != NULL ? fields[i].definition
                           : collection->real           ? "{\"type\":\"double\"}"
                                                        : "{\"type\":\"long\"}");
    kdm_buf_lit(&buf, "}}");
    collection->mapping =
        kdm_mapping_create(&made, kdm_json_parse(&made, kdm_buf_str(&buf)), &failure);
    ck_assert_msg(collection->mapping != NULL, KDM_FMT, KDM_ARG(failure.message));
    collection->projection = kdm_projection_create(collection->mapping, &hash_seed);
}

static void close_collection(struct collection *collection)
{
    kdm_projection_destroy(collection->projection);
    kdm_mapping_unref(collection->mapping);
    *collection = (struct collection){ 0 };
}

static void put(struct collection *collection, const char *id, const char *text, uint64_t sequence)
{
    kdm_projection_write(collection->projection);
    if (text == NULL)
        kdm_projection_remove(collection->projection, kdm_str_of(id), sequence);
    else
        kdm_projection_put(collection->projection, &scratch, kdm_str_of(id),
                           kdm_json_parse(&scratch, kdm_str_of(text)), sequence);
    kdm_projection_end_write(collection->projection);
    kdm_arena_reset(&scratch);
}

/* --- documents -------------------------------------------------------------------------------- */

static void put_word(struct kdm_buf *buf)
{
    static const char *const words[] = { "a", "b", "abc", "zed", "red car", "", "B", "12" };

    kdm_buf_printf(buf, "\"%s\"", words[below(8)]);
}

static void put_scalar(struct kdm_buf *buf, const struct collection *collection, const char *name)
{
    if (strcmp(name, "i") == 0 || (strcmp(name, "x") == 0 && !collection->real))
        kdm_buf_printf(buf, "%d", (int)below(12) - 4);
    else if (strcmp(name, "d") == 0 || strcmp(name, "x") == 0)
        kdm_buf_printf(buf, "%d.%s", (int)below(10) - 4, one_in(2) ? "25" : "0");
    else if (strcmp(name, "at") == 0)
        kdm_buf_printf(buf, "\"20%02u-0%u-1%uT0%u:30:00Z\"", 18 + below(3), 1 + below(9), below(9),
                       below(9));
    else if (strcmp(name, "on") == 0)
        kdm_buf_put(buf, kdm_str_of(one_in(2) ? "true" : "false"));
    else if (strcmp(name, "ip") == 0)
        kdm_buf_printf(buf, "\"10.0.0.%u\"", below(5));
    else if (strcmp(name, "geo") == 0)
        kdm_buf_printf(buf, "\"%d,%d\"", (int)below(80) - 40, (int)below(80) - 40);
    else
        put_word(buf);
}

static void put_values(struct kdm_buf *buf, const struct collection *collection, const char *name)
{
    uint32_t count = below(4);

    if (!one_in(4)) {
        put_scalar(buf, collection, name);
        return;
    }
    kdm_buf_char(buf, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        put_scalar(buf, collection, name);
    }
    kdm_buf_char(buf, ']');
}

static void put_objects(struct kdm_buf *buf, const struct collection *collection)
{
    kdm_buf_char(buf, '[');
    for (uint32_t i = 0, count = below(4); i < count; i++) {
        kdm_buf_printf(buf, "%s{\"k\":", i == 0 ? "" : ",");
        put_values(buf, collection, "k");
        kdm_buf_lit(buf, ",\"i\":");
        put_values(buf, collection, "i");
        kdm_buf_lit(buf, ",\"q\":[");
        for (uint32_t j = 0, inner = below(3); j < inner; j++)
            kdm_buf_printf(buf, "%s{\"i\":%u}", j == 0 ? "" : ",", below(6));
        kdm_buf_lit(buf, "]}");
    }
    kdm_buf_char(buf, ']');
}

/* With fields that the collection's mapping has, so that the whole one sees no others. */
static const char *make_document(const struct collection *collection, uint32_t number)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &made, 256);
    kdm_buf_printf(&buf, "{\"u\":%u", number);
    for (size_t i = 1; i < FIELDS; i++) {
        if (!collection->has[i] || one_in(4))
            continue;
        kdm_buf_char(&buf, ',');
        kdm_json_put_str(&buf, kdm_str_of(fields[i].name));
        kdm_buf_char(&buf, ':');
        if (strcmp(fields[i].name, "n") == 0)
            put_objects(&buf, collection);
        else
            put_values(&buf, collection, fields[i].name);
    }
    kdm_buf_char(&buf, '}');
    kdm_buf_char(&buf, '\0');
    return buf.ptr;
}

static void make_documents(void)
{
    document_count = below(MAX_DOCUMENTS);
    for (uint32_t i = 0; i < document_count; i++) {
        struct collection *part = &parts[below(part_count)];
        struct document *document = &documents[i];

        snprintf(document->id, sizeof(document->id), "d%u", i);
        document->text = make_document(part, i);
        put(part, document->id, document->text, 2 * i + 1);
        put(&whole, document->id, document->text, 2 * i + 1);
        if (!one_in(10))
            continue;
        document->text = NULL;
        put(part, document->id, NULL, 2 * i + 2);
        put(&whole, document->id, NULL, 2 * i + 2);
    }
}

static void make_world(void)
{
    part_count = 1 + below(MOST_PARTS);
    for (uint32_t i = 0; i < part_count; i++) {
        struct collection *part = &parts[i];

        part->real = one_in(3);
        for (size_t j = 0; j < FIELDS; j++) {
            part->has[j] = j == 0 || !one_in(3);
            whole.has[j] |= part->has[j];
        }
        whole.real |= part->has[1] && part->real;
        open_collection(part);
    }
    open_collection(&whole);
    make_documents();
}

static void drop_world(void)
{
    for (uint32_t i = 0; i < part_count; i++)
        close_collection(&parts[i]);
    close_collection(&whole);
    kdm_arena_reset(&made);
}

/* --- aggregations ----------------------------------------------------------------------------- */

static const char *a_field(const char *const *names, uint32_t count)
{
    return names[below(count)];
}

#define A_FIELD(...)                                                                               \
    a_field((const char *const[]){ __VA_ARGS__ },                                                  \
            sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static void put_query(struct kdm_buf *buf)
{
    switch (below(5)) {
    case 0:
        kdm_buf_lit(buf, "{\"match_all\":{}}");
        break;
    case 1:
        kdm_buf_lit(buf, "{\"term\":{\"k\":\"a\"}}");
        break;
    case 2:
        kdm_buf_printf(buf, "{\"range\":{\"u\":{\"lt\":%u}}}", below(MAX_DOCUMENTS));
        break;
    case 3:
        kdm_buf_printf(buf, "{\"exists\":{\"field\":\"%s\"}}", A_FIELD("i", "tags", "geo", "x"));
        break;
    default:
        kdm_buf_lit(buf, "{\"bool\":{\"must_not\":{\"range\":{\"x\":{\"gte\":2}}}}}");
    }
}

/* `metric`: one called "m" stands below. */
static void put_terms(struct kdm_buf *buf, bool nested, bool metric)
{
    static const char *const orders[] = { "{\"_key\":\"desc\"}", "{\"_count\":\"asc\"}",
                                          "[{\"_count\":\"desc\"},{\"_key\":\"desc\"}]",
                                          "{\"m\":\"asc\"}",
                                          "[{\"f>m\":\"desc\"},{\"m\":\"asc\"},{\"f\":\"asc\"}]" };
    const char *field = nested ? A_FIELD("n.k", "n.i")
                               : A_FIELD("k", "tags", "i", "x", "d", "on", "ip", "at", "nobody");
    bool words = strcmp(field, "k") == 0 || strcmp(field, "tags") == 0;

    kdm_buf_printf(buf, "\"terms\":{\"field\":\"%s\",\"size\":%u", field, 1 + below(12));
    if (!one_in(3))
        kdm_buf_printf(buf, ",\"order\":%s", orders[below(metric ? 5 : 3)]);
    if (words && one_in(3))
        kdm_buf_printf(buf, ",\"missing\":\"%s\"", one_in(2) ? "a" : "none");
    if (one_in(4) && (strcmp(field, "i") == 0 || strcmp(field, "x") == 0))
        kdm_buf_lit(buf, ",\"missing\":3");
    if (one_in(6))
        kdm_buf_lit(buf, ",\"include\":{\"partition\":1,\"num_partitions\":3}");
    else if (words && one_in(3))
        kdm_buf_printf(buf, ",\"%s\":%s", one_in(2) ? "include" : "exclude",
                       one_in(2) ? "\"[ab].*\"" : "[\"a\",\"12\",\"none\"]");
    if (words && !nested && one_in(4))
        kdm_buf_lit(buf, ",\"min_doc_count\":0");
    else if (one_in(4))
        kdm_buf_lit(buf, ",\"min_doc_count\":2");
    kdm_buf_char(buf, '}');
}

static void put_histogram(struct kdm_buf *buf, bool nested)
{
    static const char *const intervals[] = { "\"calendar_interval\":\"month\"",
                                             "\"calendar_interval\":\"year\"",
                                             "\"fixed_interval\":\"40d\"",
                                             "\"calendar_interval\":\"quarter\"" };

    if (!nested && one_in(2)) {
        kdm_buf_printf(buf, "\"date_histogram\":{\"field\":\"at\",%s,\"time_zone\":\"%s\"",
                       intervals[below(4)], one_in(2) ? "Europe/Paris" : "UTC");
        if (one_in(3))
            kdm_buf_lit(buf,
                        ",\"extended_bounds\":{\"min\":\"2017-01-01\",\"max\":\"2018-03-01\"}");
    } else {
        kdm_buf_printf(buf, "\"histogram\":{\"field\":\"%s\",\"interval\":%s",
                       nested ? A_FIELD("n.i", "n.q.i") : A_FIELD("i", "x", "d", "on"),
                       one_in(2) ? "2.5" : "3");
        if (one_in(4))
            kdm_buf_lit(buf, ",\"missing\":7");
        if (one_in(4))
            kdm_buf_printf(buf, ",\"hard_bounds\":{\"min\":%d,\"max\":5}", (int)below(4) - 3);
    }
    if (one_in(3))
        kdm_buf_printf(buf, ",\"min_doc_count\":%u", 1 + below(2));
    if (one_in(4))
        kdm_buf_lit(buf, ",\"order\":{\"_count\":\"desc\"}");
    else if (one_in(3))
        kdm_buf_printf(buf, ",\"order\":{\"_key\":\"%s\"}", one_in(2) ? "asc" : "desc");
    kdm_buf_printf(buf, "%s}", one_in(3) ? ",\"keyed\":true" : "");
}

static void put_ranges(struct kdm_buf *buf, bool nested)
{
    if (!nested && one_in(3))
        kdm_buf_lit(buf, "\"date_range\":{\"field\":\"at\",\"ranges\":[{\"to\":\"2019-01-01\"},{"
                         "\"from\":\"2018-06-01\"}]}");
    else
        kdm_buf_printf(buf,
                       "\"range\":{\"field\":\"%s\"%s,\"ranges\":[{\"to\":2},{\"from\":1,\"to\":5},"
                       "{\"key\":\"big\",\"from\":5}]}",
                       nested ? A_FIELD("n.i", "n.q.i") : A_FIELD("i", "x", "d"),
                       one_in(3) ? ",\"missing\":1" : "");
}

static void put_filters(struct kdm_buf *buf, bool nested)
{
    if (nested || one_in(3)) {
        kdm_buf_lit(buf, "\"filter\":");
        if (nested)
            kdm_buf_lit(buf, "{\"term\":{\"n.k\":\"a\"}}");
        else
            put_query(buf);
        return;
    }
    kdm_buf_lit(buf, "\"filters\":{\"filters\":{\"one\":");
    put_query(buf);
    kdm_buf_lit(buf, ",\"two\":");
    put_query(buf);
    kdm_buf_printf(buf, "}%s}", one_in(2) ? ",\"other_bucket\":true" : "");
}

/* One that others can be ordered by. */
static void put_number_metric(struct kdm_buf *buf, bool nested)
{
    const char *kind = A_FIELD("min", "max", "avg", "sum", "value_count", "cardinality");

    kdm_buf_printf(buf, "\"%s\":{\"field\":\"%s\"", kind,
                   nested ? A_FIELD("n.i", "n.q.i") : A_FIELD("i", "x", "d", "on", "u"));
    kdm_buf_printf(buf, "%s}", one_in(4) ? ",\"missing\":1" : "");
}

static void put_metric(struct kdm_buf *buf, bool nested)
{
    switch (below(nested ? 4 : 8)) {
    case 0:
        kdm_buf_printf(buf, "\"extended_stats\":{\"field\":\"%s\"}",
                       nested ? A_FIELD("n.i", "n.q.i") : A_FIELD("i", "x", "d", "nobody"));
        break;
    case 1:
        kdm_buf_printf(buf, "\"percentiles\":{\"field\":\"%s\",\"percents\":[0,10,50,99]}",
                       nested ? A_FIELD("n.i", "n.q.i") : A_FIELD("i", "x", "d"));
        break;
    case 2:
        kdm_buf_printf(buf, "\"%s\":{\"field\":\"%s\"}", A_FIELD("cardinality", "value_count"),
                       nested ? "n.k" : A_FIELD("k", "tags", "ip", "x", "at"));
        break;
    case 3:
        put_number_metric(buf, nested);
        break;
    case 4:
        kdm_buf_lit(buf, "\"stats\":{\"field\":\"at\"}");
        break;
    case 5:
        kdm_buf_lit(buf, "\"geo_bounds\":{\"field\":\"geo\"}");
        break;
    default:
        kdm_buf_printf(buf, "\"top_hits\":{\"from\":%u,\"size\":%u,\"sort\":[%s{\"u\":\"%s\"}]%s}",
                       below(3), below(5),
                       one_in(2) ? "{\"k\":{\"order\":\"desc\",\"unmapped_type\":\"keyword\"}},"
                                 : "",
                       one_in(2) ? "asc" : "desc", one_in(2) ? ",\"_source\":[\"u\",\"k\"]" : "");
    }
}

static void put_tree(struct kdm_buf *buf, int depth, bool nested);

/* The members of an aggregation; those that can hold others do when there is depth left. */
static void put_one(struct kdm_buf *buf, int depth, bool nested)
{
    bool metric = depth > 0 && one_in(2), objects = false;

    switch (below(8)) {
    case 0:
    case 1:
        put_terms(buf, nested, metric);
        break;
    case 2:
        put_histogram(buf, nested);
        break;
    case 3:
        put_ranges(buf, nested);
        break;
    case 4:
        put_filters(buf, nested);
        break;
    case 5:
        kdm_buf_printf(buf, "\"missing\":{\"field\":\"%s\"}",
                       nested ? "n.k" : A_FIELD("k", "i", "geo", "x", "nobody"));
        break;
    case 6:
        objects = !nested || one_in(2);
        if (objects) {
            kdm_buf_printf(buf, "\"nested\":{\"path\":\"%s\"}", nested ? "n.q" : "n");
            break;
        } /* fall through */
    default:
        put_metric(buf, nested);
        return;
    }
    if (depth == 0)
        return;
    kdm_buf_lit(buf, ",\"aggs\":{");
    if (metric) {
        kdm_buf_lit(buf, "\"m\":{");
        put_number_metric(buf, nested || objects);
        kdm_buf_printf(buf, "},\"f\":{\"missing\":{\"field\":\"%s\"},\"aggs\":{\"m\":{",
                       nested || objects ? "n.k" : "tags");
        put_number_metric(buf, nested || objects);
        kdm_buf_lit(buf, "}}},");
    }
    put_tree(buf, depth - 1, nested || objects);
    kdm_buf_char(buf, '}');
}

static void put_tree(struct kdm_buf *buf, int depth, bool nested)
{
    for (uint32_t i = 0, count = 1 + below(3); i < count; i++) {
        kdm_buf_printf(buf, "%s\"x%u\":{", i == 0 ? "" : ",", i);
        put_one(buf, depth, nested);
        kdm_buf_char(buf, '}');
    }
}

/* --- asking ----------------------------------------------------------------------------------- */

static struct kdm_failure failure;

static bool fetch(void *ctx, struct kdm_arena *to, const struct kdm_str *ids,
                  struct kdm_str *ret_texts, size_t count)
{
    (void)ctx;
    (void)to;
    for (size_t i = 0; i < count; i++) {
        uint32_t number =
            (uint32_t)strtoul(kdm_arena_printf(&arena, KDM_FMT, KDM_ARG(ids[i])).ptr + 1, NULL, 10);

        ck_assert_uint_lt(number, document_count);
        ret_texts[i] =
            documents[number].text == NULL ? KDM_STR_NONE : kdm_str_of(documents[number].text);
    }
    return true;
}

/* The request as the collection reads it; NULL: it is refused. */
static struct kdm_search *parse(const struct collection *collection, struct kdm_str body,
                                struct kdm_peers *peers)
{
    const struct kdm_search_request request = { .body = kdm_json_parse(&arena, body),
                                                .from = -1,
                                                .size = 0,
                                                .aggregates = true,
                                                .peers = peers };

    failure = (struct kdm_failure){ 0 };
    return kdm_search_create(&arena, collection->mapping, &request, &failure);
}

static enum kdm_projection_result run(struct collection *collection, struct kdm_search *search,
                                      struct kdm_aggs *total)
{
    const struct kdm_projection_search asked = { .query = search->query,
                                                 .search = search,
                                                 .aggs = search->aggs,
                                                 .total = total,
                                                 .fetch = fetch };
    struct kdm_projection_page page;

    return kdm_projection_search(collection->projection, &arena, &scratch, &asked, &page);
}

/* none: refused, or too much; *ret_result tells. */
static struct kdm_str ask_parts(struct collection *asked, uint32_t count, struct kdm_str body,
                                enum kdm_projection_result *ret_result)
{
    const struct kdm_mapping *mappings[MOST_PARTS];
    struct kdm_peers peers = { .mappings = mappings, .count = count };
    struct kdm_search *searches[MOST_PARTS] = { NULL };
    struct kdm_aggs *total;
    struct kdm_str text;

    *ret_result = KDM_PROJECTION_OK;
    for (uint32_t i = 0; i < count; i++)
        mappings[i] = asked[i].mapping;
    for (uint32_t i = 0; i < count; i++) {
        searches[i] = parse(&asked[i], body, &peers);
        if (searches[i] == NULL)
            return KDM_STR_NONE;
    }
    total = kdm_aggs_total(&arena, searches[0]->aggs);
    for (uint32_t i = 0; i < count && *ret_result == KDM_PROJECTION_OK; i++)
        *ret_result = run(&asked[i], searches[i], total);
    if (*ret_result == KDM_PROJECTION_OK)
        *ret_result = kdm_aggs_answer(total, &arena, &scratch);
    text = kdm_aggs_text(total);
    kdm_aggs_destroy_total(total);
    return text;
}

static uint64_t compared, refused, telling;

/* The answers around the first byte in which they differ: all of it is too long for Check. */
static void tell_difference(struct kdm_str body, struct kdm_str together, struct kdm_str wanted)
{
    size_t at = 0, first;

    while (at < together.len && at < wanted.len && together.ptr[at] == wanted.ptr[at])
        at++;
    first = at < 400 ? 0 : at - 400;
    fprintf(stderr, KDM_FMT "\n%.700s\nnot\n%.700s\n", KDM_ARG(body),
            kdm_arena_printf(&arena, KDM_FMT, KDM_ARG(kdm_str_from(together, first))).ptr,
            kdm_arena_printf(&arena, KDM_FMT, KDM_ARG(kdm_str_from(wanted, first))).ptr);
    ck_abort_msg("seed %llu, %u parts, byte %zu: " KDM_FMT, (unsigned long long)seed, part_count,
                 at, KDM_ARG(failure.message));
}

static void compare(struct kdm_str body)
{
    struct kdm_search *search = parse(&whole, body, NULL);
    enum kdm_projection_result result;
    struct kdm_str together = ask_parts(parts, part_count, body, &result), wanted;

    if (search == NULL) {
        ck_assert_msg(kdm_str_none(together), "seed %llu: " KDM_FMT, (unsigned long long)seed,
                      KDM_ARG(body));
        refused++;
        return;
    }
    ck_assert_int_eq(run(&whole, search, NULL), KDM_PROJECTION_OK);
    wanted = kdm_aggs_text(search->aggs);
    if (!kdm_str_eq(together, wanted))
        tell_difference(body, together, wanted);
    compared++;
    telling += wanted.len > 200;
}

START_TEST(several_collections_answer_as_one_with_all_documents)
{
    uint64_t rounds = getenv("KDM_ROUNDS") == NULL ? 40 : strtoull(getenv("KDM_ROUNDS"), NULL, 10);
    struct kdm_buf body;

    seed =
        getenv("KDM_SEED") == NULL ? (uint64_t)time(NULL) : strtoull(getenv("KDM_SEED"), NULL, 10);
    for (uint64_t round = 0; round < rounds; round++, seed++) {
        state = seed * 0x9e3779b97f4a7c15u + 1;
        below(2);
        make_world();
        for (int i = 0; i < 50; i++) {
            kdm_buf_init(&body, &arena, 1024);
            kdm_buf_lit(&body, "{\"query\":");
            put_query(&body);
            kdm_buf_lit(&body, ",\"aggs\":{");
            put_tree(&body, (int)below(3), false);
            kdm_buf_lit(&body, "}}");
            compare(kdm_buf_str(&body));
            kdm_arena_reset(&arena);
        }
        drop_world();
    }
    printf("seeds up to %llu: %llu answers compared, %llu of them with buckets, %llu refused\n",
           (unsigned long long)seed - 1, (unsigned long long)compared, (unsigned long long)telling,
           (unsigned long long)refused);
    ck_assert_uint_gt(compared, rounds * 30);
    ck_assert_uint_gt(telling, rounds * 15);
}
END_TEST

/* --- types that do not fit -------------------------------------------------------------------- */

static void open_as(struct collection *collection, const char *properties)
{
    failure = (struct kdm_failure){ 0 };
    collection->mapping = kdm_mapping_create(
        &made, kdm_json_parse(&made, kdm_arena_printf(&made, "{\"properties\":{%s}}", properties)),
        &failure);
    ck_assert_msg(collection->mapping != NULL, KDM_FMT, KDM_ARG(failure.message));
    collection->projection = kdm_projection_create(collection->mapping, &hash_seed);
}

static const char *asked_of_two(const char *first, const char *second, const char *body)
{
    enum kdm_projection_result result;
    struct kdm_str text;

    part_count = 2;
    open_as(&parts[0], first);
    open_as(&parts[1], second);
    text = ask_parts(parts, 2, kdm_str_of(body), &result);
    ck_assert_int_eq(result, KDM_PROJECTION_OK);
    close_collection(&parts[0]);
    close_collection(&parts[1]);
    return kdm_str_none(text) ? NULL : kdm_arena_printf(&arena, KDM_FMT, KDM_ARG(text)).ptr;
}

#define KEYWORD "\"f\":{\"type\":\"keyword\"}"
#define TEXT    "\"f\":{\"type\":\"text\"}"
#define LONG    "\"f\":{\"type\":\"long\"}"
#define FLOAT   "\"f\":{\"type\":\"float\"}"
#define DATE    "\"f\":{\"type\":\"date\"}"
#define BOOLEAN "\"f\":{\"type\":\"boolean\"}"
#define IP      "\"f\":{\"type\":\"ip\"}"
#define OBJECT  "\"f\":{\"properties\":{\"g\":{\"type\":\"long\"}}}"
#define NESTED  "\"f\":{\"type\":\"nested\",\"properties\":{\"g\":{\"type\":\"long\"}}}"
#define FLAT    "\"f\":{\"type\":\"flattened\"}"

#define AGGS(kind, params) "{\"aggs\":{\"x\":{\"" kind "\":{" params "}}}}"
#define OF_F(kind)         AGGS(kind, "\"field\":\"f\"")

START_TEST(types_that_contradict_each_other_are_refused_by_the_field_s_name)
{
    static const struct {
        const char *first, *second, *body;
    } cases[] = {
        { KEYWORD, LONG, OF_F("terms") },
        { KEYWORD, IP, OF_F("cardinality") },
        { LONG, DATE, OF_F("max") },
        { LONG, BOOLEAN, OF_F("avg") },
        { DATE, LONG, OF_F("percentiles") },
        { KEYWORD, TEXT, OF_F("terms") },
        { NESTED, OBJECT, AGGS("nested", "\"path\":\"f\"") },
        { KEYWORD, LONG, "{\"sort\":\"f\"}" },
        { KEYWORD, LONG, AGGS("top_hits", "\"sort\":[{\"f\":\"asc\"}]") },
        { KEYWORD, LONG,
          "{\"aggs\":{\"y\":{\"missing\":{\"field\":\"f\"},\"aggs\":{\"x\":{\"terms\":"
          "{\"field\":\"f\"}}}}}}" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (int turned = 0; turned < 2; turned++) {
            ck_assert_ptr_null(asked_of_two(turned ? cases[i].second : cases[i].first,
                                            turned ? cases[i].first : cases[i].second,
                                            cases[i].body));
            ck_assert_msg(failure.err == KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST
                              && memmem(failure.message.ptr, failure.message.len, "\"f\"", 3)
                                     != NULL,
                          "%s: " KDM_FMT, cases[i].body, KDM_ARG(failure.message));
        }
}
END_TEST

START_TEST(types_that_can_be_counted_together_are)
{
    ck_assert_ptr_nonnull(asked_of_two(LONG, FLOAT, OF_F("terms")));
    ck_assert_ptr_nonnull(asked_of_two(KEYWORD, FLAT, OF_F("terms")));
    ck_assert_ptr_nonnull(asked_of_two(KEYWORD, LONG, OF_F("value_count")));
    ck_assert_ptr_nonnull(asked_of_two(KEYWORD, TEXT, OF_F("missing")));
    ck_assert_ptr_nonnull(asked_of_two(NESTED, "", AGGS("nested", "\"path\":\"f\"")));
    ck_assert_ptr_null(asked_of_two("", "", AGGS("nested", "\"path\":\"f\"")));
    ck_assert_ptr_null(asked_of_two(FLAT, "", AGGS("terms", "\"field\":\"f.part\"")));
    /* An alias of one collection is no name of the other's field that it points at. */
    ck_assert_ptr_nonnull(asked_of_two(LONG ",\"a\":{\"type\":\"alias\",\"path\":\"f\"}", KEYWORD,
                                       AGGS("terms", "\"field\":\"a\"")));
}
END_TEST

/* --- bounds ----------------------------------------------------------------------------------- */

/* A document with the whole numbers from `first` on. */
static void put_numbers(struct collection *collection, uint32_t first, uint32_t count)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &made, count * 9);
    kdm_buf_lit(&buf, "{\"f\":[");
    for (uint32_t i = 0; i < count; i++)
        kdm_buf_printf(&buf, "%s%u", i == 0 ? "" : ",", first + i);
    kdm_buf_lit(&buf, "]}");
    kdm_buf_char(&buf, '\0');
    put(collection, "d0", buf.ptr, 1);
}

static enum kdm_projection_result of_numbers(uint32_t each, uint32_t step, const char *body)
{
    enum kdm_projection_result result, alone;
    struct kdm_str text;

    part_count = 2;
    for (uint32_t i = 0; i < 2; i++) {
        open_as(&parts[i], LONG);
        put_numbers(&parts[i], i * step, each);
        ask_parts(&parts[i], 1, kdm_str_of(body), &alone);
        ck_assert_int_eq(alone, KDM_PROJECTION_OK);
    }
    text = ask_parts(parts, 2, kdm_str_of(body), &result);
    ck_assert(kdm_str_none(text) == (result != KDM_PROJECTION_OK));
    close_collection(&parts[0]);
    close_collection(&parts[1]);
    return result;
}

START_TEST(what_each_may_have_can_be_too_much_together)
{
    static const char *const many = AGGS("terms", "\"field\":\"f\",\"size\":10");
    static const char *const shown = AGGS("histogram", "\"field\":\"f\",\"interval\":1");

    ck_assert_int_eq(of_numbers(600000, 600000, many), KDM_PROJECTION_TOO_MANY_BUCKETS);
    ck_assert_int_eq(of_numbers(600000, 100000, many), KDM_PROJECTION_OK);
    ck_assert_int_eq(of_numbers(40000, 40000, shown), KDM_PROJECTION_TOO_MANY_BUCKETS);
    ck_assert_int_eq(of_numbers(40000, 10000, shown), KDM_PROJECTION_OK);
}
END_TEST

/* --- all of it -------------------------------------------------------------------------------- */

static void setup(void)
{
    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 65536);
    kdm_arena_init(&scratch, 65536);
    kdm_arena_init(&made, 65536);
}

static void teardown(void)
{
    kdm_arena_fini(&arena);
    kdm_arena_fini(&scratch);
    kdm_arena_fini(&made);
}

int main(void)
{
    Suite *suite = suite_create("aggs_merge");
    TCase *tcase = tcase_create("several collections");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, several_collections_answer_as_one_with_all_documents);
    tcase_add_test(tcase, types_that_contradict_each_other_are_refused_by_the_field_s_name);
    tcase_add_test(tcase, types_that_can_be_counted_together_are);
    tcase_add_test(tcase, what_each_may_have_can_be_too_much_together);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
