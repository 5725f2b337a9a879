/* projection_property_test.c - the projection against the plain evaluator.
 * Random mappings, documents, changes and queries in both languages; whatever the projection
 * answers must be what walking each document answers. The seed is printed; KDM_SEED sets it,
 * KDM_ROUNDS how many worlds are made.
 */
#include "base/hash.h"
#include "search/aggs.h"
#include "search/projection.h"
#include "search/values.h"
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MAX_DOCUMENTS 400

static uint64_t seed, state;
static struct kdm_arena arena, scratch, made;
static struct kdm_hash_seed hash_seed = { 3, 4 };

static uint32_t below(uint32_t limit)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % limit);
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

/* --- a world -----------------------------------------------------------------------------------
 */

struct document {
    char id[24];
    char *text; /* NULL: removed */
    uint64_t sequence;
};

static struct document documents[MAX_DOCUMENTS];
static uint32_t document_count;
static uint64_t sequence;
static struct kdm_mapping *mapping;
static struct kdm_projection *projection;

static const struct {
    const char *name, *definition;
} all_fields[] = {
    { "kw", "{\"type\":\"keyword\"}" },
    { "low", "{\"type\":\"keyword\",\"normalizer\":\"lowercase\",\"ignore_above\":5}" },
    { "nv", "{\"type\":\"keyword\",\"null_value\":\"b\"}" },
    { "t", "{\"type\":\"text\",\"fields\":{\"raw\":{\"type\":\"keyword\"}}}" },
    { "ws", "{\"type\":\"text\",\"analyzer\":\"whitespace\"}" },
    { "ten", "{\"type\":\"text\",\"analyzer\":\"english\"}" },
    { "i", "{\"type\":\"integer\"}" },
    { "b", "{\"type\":\"byte\"}" },
    { "l", "{\"type\":\"long\"}" },
    { "d", "{\"type\":\"double\"}" },
    { "f", "{\"type\":\"float\"}" },
    { "sf", "{\"type\":\"scaled_float\",\"scaling_factor\":10}" },
    { "date", "{\"type\":\"date\"}" },
    { "bool", "{\"type\":\"boolean\"}" },
    { "geo", "{\"type\":\"geo_point\",\"null_value\":{\"lat\":3,\"lon\":-4}}" },
    { "sh", "{\"type\":\"geo_shape\"}" },
    { "ip", "{\"type\":\"ip\"}" },
    { "flat", "{\"type\":\"flattened\"}" },
    { "o", "{\"properties\":{\"kw\":{\"type\":\"keyword\",\"copy_to\":\"kw\"},\"i\":{\"type\":"
           "\"integer\"}}}" },
    { "n", "{\"type\":\"nested\",\"properties\":{\"kw\":{\"type\":\"keyword\"},\"i\":{\"type\":"
           "\"integer\"},\"t\":{\"type\":\"text\"}}}" },
    { "nr", "{\"type\":\"nested\",\"include_in_root\":true,\"properties\":{\"kw\":{\"type\":"
            "\"keyword\"}}}" },
    { "nn",
      "{\"type\":\"nested\",\"properties\":{\"kw\":{\"type\":\"keyword\"},\"m\":{\"type\":"
      "\"nested\",\"properties\":{\"kw\":{\"type\":\"keyword\"},\"i\":{\"type\":\"integer\"}}}}}" },
};
#define FIELDS (sizeof(all_fields) / sizeof(all_fields[0]))

static bool chosen[FIELDS];

static struct kdm_mapping *make_mapping(void)
{
    struct kdm_failure failure = { 0 };
    struct kdm_mapping *made_mapping;
    struct kdm_buf buf;
    bool first = true;

    kdm_buf_init(&buf, &made, 1024);
    kdm_buf_lit(&buf, "{\"properties\":{");
    for (size_t i = 0; i < FIELDS; i++) {
        if (!chosen[i])
            continue;
        kdm_buf_printf(&buf, "%s\"%s\":%s", first ? "" : ",", all_fields[i].name,
                       all_fields[i].definition);
        first = false;
    }
    kdm_buf_lit(&buf, "}}");
    made_mapping = kdm_mapping_create(&made, kdm_json_parse(&made, kdm_buf_str(&buf)), &failure);
    ck_assert_msg(made_mapping != NULL, KDM_FMT, KDM_ARG(failure.message));
    return made_mapping;
}

/* --- values ------------------------------------------------------------------------------------
 */

static const char *const words[] = { "a",       "b",         "ab",
                                     "abc",     "B",         "Abc",
                                     "zed",     "pump",      "pumps",
                                     "red car", "",          "longer than five",
                                     "12",      "x.y-z",     "\xc3\xa9t\xc3\xa9",
                                     "true",    "2020-01-01" };
#define WORDS (sizeof(words) / sizeof(words[0]))

static void put_words(struct kdm_buf *buf, uint32_t most)
{
    kdm_buf_char(buf, '"');
    for (uint32_t i = 0, count = 1 + below(most); i < count; i++)
        kdm_buf_printf(buf, "%s%s", i == 0 ? "" : " ", words[below(WORDS)]);
    kdm_buf_char(buf, '"');
}

static void put_number(struct kdm_buf *buf)
{
    static const char *const odd[] = {
        "9007199254740991", "-128", "127", "0.1", "-0.5", "1e3", "2.50", "-0", "3", "1234567890"
    };

    if (one_in(4))
        kdm_buf_put(buf, kdm_str_of(odd[below(10)]));
    else
        kdm_buf_printf(buf, "%d", (int)below(12) - 4);
}

static void put_date(struct kdm_buf *buf)
{
    if (one_in(3))
        kdm_buf_printf(buf, "%llu", 1577836800000ull + below(9) * 86400000ull);
    else
        kdm_buf_printf(buf, "\"2020-01-%02u\"", 1 + below(9));
}

static void put_point(struct kdm_buf *buf)
{
    int lat = (int)below(20) - 10, lon = (int)below(20) - 10;

    switch (below(3)) {
    case 0:
        kdm_buf_printf(buf, "{\"lat\":%d.5,\"lon\":%d}", lat, lon);
        break;
    case 1:
        kdm_buf_printf(buf, "\"%d,%d\"", lat, lon);
        break;
    default:
        kdm_buf_printf(buf, "[%d,%d.25]", lon, lat);
    }
}

static void put_shape(struct kdm_buf *buf)
{
    int lat = (int)below(20) - 10, lon = (int)below(20) - 10;

    switch (below(4)) {
    case 0:
        kdm_buf_printf(buf, "{\"type\":\"Point\",\"coordinates\":[%d,%d]}", lon, lat);
        break;
    case 1:
        kdm_buf_printf(buf, "\"POLYGON ((%d %d, %d %d, 1 2, %d %d))\"", lon, lat, lon + 4, lat + 3,
                       lon, lat);
        break;
    case 2: /* some of them over the antimeridian */
        kdm_buf_printf(buf, "{\"type\":\"envelope\",\"coordinates\":[[%d,%d],[%d,%d]]}", lon,
                       lat + 5, (int)below(30) - 10, lat - (int)below(5));
        break;
    default:
        kdm_buf_printf(buf, "\"LINESTRING (%d %d, %u %u)\"", lon, lat, below(20), below(20));
    }
}

static void put_value(struct kdm_buf *buf, const char *field);

static void put_object(struct kdm_buf *buf)
{
    kdm_buf_printf(buf, "{\"kw\":");
    put_value(buf, "kw");
    if (!one_in(3)) {
        kdm_buf_lit(buf, ",\"i\":");
        put_value(buf, "i");
    }
    if (one_in(2)) {
        kdm_buf_lit(buf, ",\"t\":");
        put_value(buf, "t");
    }
    if (one_in(4)) { /* objects within objects */
        kdm_buf_lit(buf, ",\"m\":");
        put_value(buf, "nn");
    }
    kdm_buf_char(buf, '}');
}

static void put_scalar(struct kdm_buf *buf, const char *field)
{
    if (one_in(25))
        kdm_buf_lit(buf, "null");
    else if (strchr("ibldf", field[0]) != NULL && field[1] == '\0')
        put_number(buf);
    else if (strcmp(field, "sf") == 0)
        put_number(buf);
    else if (strcmp(field, "date") == 0)
        put_date(buf);
    else if (strcmp(field, "bool") == 0)
        kdm_buf_put(buf, kdm_str_of(one_in(2) ? "true" : one_in(2) ? "false" : "\"true\""));
    else if (strcmp(field, "geo") == 0)
        put_point(buf);
    else if (strcmp(field, "sh") == 0)
        put_shape(buf);
    else if (strcmp(field, "ip") == 0)
        kdm_buf_printf(buf, "\"10.0.%u.%u\"", below(2), below(4));
    else if (field[0] == 'o' || field[0] == 'n' || strcmp(field, "flat") == 0)
        put_object(buf);
    else
        put_words(buf, field[0] == 't' || field[0] == 'w' ? 6 : 1);
}

static void put_value(struct kdm_buf *buf, const char *field)
{
    uint32_t count = below(4);

    if (strcmp(field, "nv") == 0 && one_in(3)) {
        kdm_buf_lit(buf, "null");
        return;
    }
    if (!one_in(4)) {
        put_scalar(buf, field);
        return;
    }
    kdm_buf_char(buf, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        put_scalar(buf, field);
    }
    kdm_buf_char(buf, ']');
}

static char *make_document(void)
{
    struct kdm_buf buf;
    bool first = true;

    kdm_buf_init(&buf, NULL, 256);
    kdm_buf_char(&buf, '{');
    for (size_t i = 0; i < FIELDS; i++) {
        if (one_in(3))
            continue;
        kdm_buf_printf(&buf, "%s\"%s\":", first ? "" : ",", all_fields[i].name);
        put_value(&buf, all_fields[i].name);
        first = false;
    }
    if (one_in(5)) { /* a name with a dot reaches below "o" */
        kdm_buf_printf(&buf, "%s\"o.kw\":", first ? "" : ",");
        put_value(&buf, "kw");
    }
    kdm_buf_lit(&buf, "}");
    kdm_buf_char(&buf, '\0');
    return buf.ptr;
}

/* --- changes -----------------------------------------------------------------------------------
 */

static void change(uint32_t number)
{
    struct document *document = &documents[number];
    struct kdm_str id = kdm_str_of(document->id);

    free(document->text);
    document->text = NULL;
    document->sequence = ++sequence;
    if (one_in(6)) {
        kdm_projection_remove(projection, id, sequence);
    } else {
        document->text = make_document();
        ck_assert(kdm_projection_put(projection, &scratch, id,
                                     kdm_json_parse(&scratch, kdm_str_of(document->text)),
                                     sequence));
    }
    /* What comes late changes nothing. */
    if (one_in(4))
        ck_assert(!kdm_projection_remove(projection, id, sequence - below(2)));
    if (one_in(4))
        ck_assert(!kdm_projection_put(projection, &scratch, id,
                                      kdm_json_parse(&scratch, KDM_STR("{\"kw\":\"late\"}")),
                                      sequence - below(2)));
    kdm_arena_reset(&scratch);
}

static void change_some(uint32_t count)
{
    kdm_projection_write(projection);
    for (uint32_t i = 0; i < count; i++)
        change(below(document_count));
    if (one_in(3))
        kdm_projection_forget(projection, sequence);
    kdm_projection_end_write(projection);
}

static void make_world(void)
{
    for (size_t i = 0; i < FIELDS; i++)
        chosen[i] = !one_in(4);
    mapping = make_mapping();
    projection = kdm_projection_create(mapping, &hash_seed);
    document_count = 1 + below(MAX_DOCUMENTS);
    sequence = 0;
    kdm_projection_write(projection);
    for (uint32_t i = 0; i < document_count; i++) {
        snprintf(documents[i].id, sizeof(documents[i].id), "%s%u", words[below(7)], i);
        documents[i].text = NULL;
        if (!one_in(10))
            change(i);
    }
    kdm_projection_end_write(projection);
}

static void drop_world(void)
{
    for (uint32_t i = 0; i < document_count; i++)
        free(documents[i].text);
    kdm_projection_destroy(projection);
    kdm_mapping_unref(mapping);
    kdm_arena_reset(&made);
}

/* --- queries -----------------------------------------------------------------------------------
 */

static const char *const paths[] = { "kw",    "low",     "nv",     "t",    "t.raw", "ws",
                                     "i",     "b",       "l",      "d",    "f",     "sf",
                                     "date",  "bool",    "ip",     "flat", "ten",   "flat.kw",
                                     "o.kw",  "o.i",     "n.kw",   "n.i",  "n.t",   "nr.kw",
                                     "nn.kw", "nn.m.kw", "nn.m.i", "_id",  "none" };
#define PATHS (sizeof(paths) / sizeof(paths[0]))

static void put_query(struct kdm_buf *buf, int depth);

static const char *leaf_name(const char *path)
{
    const char *dot = strrchr(path, '.');

    if (dot == NULL)
        return path;
    return strcmp(dot, ".raw") == 0 ? "kw" : dot + 1;
}

static void put_list(struct kdm_buf *buf, const char *name, int depth, bool *first)
{
    kdm_buf_printf(buf, "%s\"%s\":[", *first ? "" : ",", name);
    *first = false;
    for (uint32_t i = 0, count = 1 + below(3); i < count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        put_query(buf, depth - 1);
    }
    kdm_buf_char(buf, ']');
}

static void put_bool(struct kdm_buf *buf, int depth)
{
    static const char *const lists[] = { "must", "filter", "should", "must_not" };
    static const char *const minimums[] = { "0", "1", "2", "3", "-1", "\"-25%\"", "\"1<-40%\"" };
    bool first = true;

    kdm_buf_lit(buf, "{\"bool\":{");
    for (int i = 0; i < 4; i++)
        if (one_in(2))
            put_list(buf, lists[i], depth, &first);
    if (one_in(3))
        kdm_buf_printf(buf, "%s\"minimum_should_match\":%s", first ? "" : ",", minimums[below(7)]);
    kdm_buf_lit(buf, "}}");
}

static void put_pattern(struct kdm_buf *buf)
{
    static const char *const patterns[] = {
        "a",   "ab",    "*b*",   "?b",    "*", "a*c", "pu",
        "x.y", ".*b.*", "[ab]+", "b|abc", "",  "A",   "\xc3\xa9"
    };

    kdm_buf_printf(buf, "\"%s\"", patterns[below(14)]);
}

static void put_bounds(struct kdm_buf *buf, const char *field)
{
    kdm_buf_printf(buf, "{\"%s\":", one_in(2) ? "gt" : "gte");
    put_scalar(buf, field);
    if (one_in(2)) {
        kdm_buf_printf(buf, ",\"%s\":", one_in(2) ? "lt" : "lte");
        put_scalar(buf, field);
    }
    kdm_buf_char(buf, '}');
}

static void put_place(struct kdm_buf *buf)
{
    switch (below(3)) {
    case 0:
        kdm_buf_printf(buf, "{\"geo_distance\":{\"distance\":\"%ukm\",\"geo\":", below(1500));
        put_point(buf);
        kdm_buf_lit(buf, "}}");
        break;
    case 1:
        kdm_buf_printf(buf,
                       "{\"geo_bounding_box\":{\"geo\":{\"top\":%u,\"left\":%d,\"bottom\":-%u,"
                       "\"right\":%u}}}",
                       below(10), (int)below(10) - 5, below(10), below(10));
        break;
    default:
        kdm_buf_printf(buf, "{\"geo_polygon\":{\"geo\":{\"points\":[[%d,-5],[%u,%u],[-3,%u]]}}}",
                       (int)below(5) - 5, below(9), below(9), below(9));
    }
}

static void put_fuzzy(struct kdm_buf *buf)
{
    static const char *const words_like[] = { "pmup", "pums", "abcd", "zd", "Abc", "red", "acb" };
    static const char *const how[] = { "\"AUTO\"", "0", "1", "2", "\"AUTO:1,4\"" };

    kdm_buf_printf(buf, "{\"%s\":{\"%s\":{\"%s\":\"%s\",\"fuzziness\":%s,\"prefix_length\":%u}}}",
                   "fuzzy",
                   one_in(2)   ? "t"
                   : one_in(2) ? "kw"
                               : paths[below(PATHS)],
                   "value", words_like[below(7)], how[below(5)], below(3));
}

static void put_sloppy(struct kdm_buf *buf)
{
    kdm_buf_printf(buf, "{\"%s\":{\"%s\":{\"query\":",
                   one_in(2) ? "match_phrase" : "match_phrase_prefix", one_in(2) ? "t" : "ws");
    put_words(buf, 3);
    kdm_buf_printf(buf, ",\"slop\":%u}}}", below(5));
}

/* Any of the pieces of query strings, in any order: most of them are valid. */
static void put_string(struct kdm_buf *buf)
{
    static const char *const pieces[] = { "pump",
                                          "abc",
                                          "AND",
                                          "OR",
                                          "NOT",
                                          "(",
                                          ")",
                                          "kw:a",
                                          "t:pump~1",
                                          "ab*",
                                          "i:[1 TO 5}",
                                          "i:>2",
                                          "\\\"red car\\\"~2",
                                          "-zed",
                                          "+b",
                                          "_exists_:i",
                                          "t:(pumps OR red)",
                                          "kw:/a.*/",
                                          "*",
                                          "date:[2020-01-02 TO now]",
                                          "low:?bc",
                                          "red^2",
                                          "|",
                                          "pumps~1" };

    if (one_in(2)) {
        kdm_buf_printf(buf, "{\"query_string\":{\"default_operator\":\"%s\",\"query\":\"",
                       one_in(2) ? "and" : "or");
    } else {
        kdm_buf_lit(buf, "{\"simple_query_string\":{\"query\":\"");
    }
    for (uint32_t i = 0, count = 1 + below(5); i < count; i++)
        kdm_buf_printf(buf, "%s ", pieces[below(24)]);
    kdm_buf_printf(buf, "\",\"minimum_should_match\":\"%s\"%s}}", one_in(2) ? "1" : "2<50%",
                   one_in(2) ? ",\"fields\":[\"t\",\"ws\",\"kw\"]" : "");
}

static void put_multi(struct kdm_buf *buf)
{
    static const char *const types[] = { "best_fields", "most_fields",   "cross_fields",
                                         "phrase",      "phrase_prefix", "bool_prefix" };

    kdm_buf_lit(buf, "{\"multi_match\":{\"query\":");
    put_words(buf, 3);
    kdm_buf_printf(buf, ",\"type\":\"%s\",\"operator\":\"%s\"%s}}", types[below(6)],
                   one_in(2) ? "and" : "or", one_in(2) ? ",\"fields\":[\"t\",\"k*\",\"ws\"]" : "");
}

static void put_shape_query(struct kdm_buf *buf)
{
    static const char *const relations[] = { "intersects", "disjoint", "within", "contains" };

    kdm_buf_printf(buf, "{\"geo_shape\":{\"ignore_unmapped\":true,\"%s\":{\"shape\":",
                   one_in(3) ? "geo" : "sh");
    put_shape(buf);
    kdm_buf_printf(buf, ",\"relation\":\"%s\"}}}", relations[below(4)]);
}

static void put_leaf(struct kdm_buf *buf)
{
    static const char *const patterns[] = { "o", "n", "o.*", "k*", "*.i" };
    const char *path = paths[below(PATHS)], *field = leaf_name(path);

    switch (below(22)) {
    case 19:
        put_shape_query(buf);
        return;
    case 14:
        put_fuzzy(buf);
        return;
    case 15:
        put_sloppy(buf);
        return;
    case 16:
    case 17:
        put_string(buf);
        return;
    case 18:
        put_multi(buf);
        return;
    case 0:
        kdm_buf_printf(buf, "{\"exists\":{\"field\":\"%s\"}}",
                       one_in(4) ? patterns[below(5)] : path);
        return;
    case 1:
        kdm_buf_printf(buf, "{\"range\":{\"%s\":", path);
        put_bounds(buf, field);
        kdm_buf_lit(buf, "}}");
        return;
    case 2:
        kdm_buf_printf(buf, "{\"prefix\":{\"%s\":", path);
        put_pattern(buf);
        kdm_buf_lit(buf, "}}");
        return;
    case 3:
    case 4:
        kdm_buf_printf(buf, "{\"%s\":{\"%s\":{\"value\":", one_in(2) ? "wildcard" : "regexp", path);
        put_pattern(buf);
        kdm_buf_printf(buf, ",\"case_insensitive\":%s}}}", one_in(2) ? "true" : "false");
        return;
    case 5:
    case 6:
        kdm_buf_printf(buf, "{\"match\":{\"%s\":{\"query\":",
                       one_in(3)   ? path
                       : one_in(3) ? "ten"
                                   : "t");
        put_words(buf, 4);
        kdm_buf_printf(buf, ",\"minimum_should_match\":%u,\"operator\":\"%s\"}}}", below(4),
                       one_in(3) ? "and" : "or");
        return;
    case 7:
        kdm_buf_printf(buf, "{\"%s\":{\"%s\":", one_in(2) ? "match_phrase" : "match_phrase_prefix",
                       one_in(2) ? "t" : "ws");
        put_words(buf, 2);
        kdm_buf_lit(buf, "}}");
        return;
    case 8:
        put_place(buf);
        return;
    case 9:
        kdm_buf_printf(buf, "{\"ids\":{\"values\":[\"%s\",\"%s\",\"nobody\"]}}",
                       documents[below(document_count)].id, documents[below(document_count)].id);
        return;
    case 20: /* networks */
        kdm_buf_printf(buf, "{\"terms\":{\"ip\":[\"10.0.%u.0/%u\",\"10.0.1.2\",\"10.0.0.%u/31\"]}}",
                       below(2), 24 + below(9), below(4));
        return;
    case 10:
        kdm_buf_printf(buf, "{\"terms\":{\"%s\":[", path);
        for (uint32_t i = 0, count = 1 + below(12); i < count; i++) {
            if (i > 0)
                kdm_buf_char(buf, ',');
            put_scalar(buf, field);
        }
        kdm_buf_lit(buf, "]}}");
        return;
    default:
        kdm_buf_printf(buf, "{\"term\":{\"%s\":{\"value\":", path);
        put_scalar(buf, field);
        kdm_buf_printf(buf, ",\"case_insensitive\":%s}}}", one_in(4) ? "true" : "false");
    }
}

/* Often about a field of the objects; else it may be about anything. */
static void put_nested(struct kdm_buf *buf, int depth)
{
    static const char *const objects[] = { "n", "nr", "nn", "nn.m" };
    const char *path = objects[below(4)];

    kdm_buf_printf(buf, "{\"nested\":{\"path\":\"%s\",\"ignore_unmapped\":true,\"query\":", path);
    if (one_in(2)) {
        put_query(buf, depth - 1);
    } else {
        kdm_buf_printf(buf, "{\"%s\":{\"%s.kw\":", one_in(2) ? "term" : "prefix", path);
        put_scalar(buf, "kw");
        kdm_buf_lit(buf, "}}");
    }
    kdm_buf_lit(buf, "}}");
}

static void put_query(struct kdm_buf *buf, int depth)
{
    if (depth > 0 && one_in(2)) {
        put_bool(buf, depth);
    } else if (depth > 0 && one_in(6)) {
        put_nested(buf, depth);
    } else if (depth > 0 && one_in(10)) {
        bool first = true;

        kdm_buf_lit(buf, "{\"dis_max\":{\"tie_breaker\":0.5,");
        put_list(buf, "queries", depth, &first);
        kdm_buf_lit(buf, "}}");
    } else if (depth > 0 && one_in(10)) {
        kdm_buf_lit(buf, "{\"boosting\":{\"negative_boost\":0.5,\"positive\":");
        put_query(buf, depth - 1);
        kdm_buf_lit(buf, ",\"negative\":");
        put_query(buf, depth - 1);
        kdm_buf_lit(buf, "}}");
    } else if (one_in(12)) {
        kdm_buf_lit(buf, "{\"match_all\":{}}");
    } else {
        put_leaf(buf);
    }
}

static void put_koncorde(struct kdm_buf *buf, int depth)
{
    const char *path = paths[below(PATHS)], *field = leaf_name(path);

    if (depth > 0 && one_in(2)) {
        kdm_buf_printf(buf, "{\"%s\":[", one_in(2) ? "and" : "or");
        put_koncorde(buf, depth - 1);
        kdm_buf_char(buf, ',');
        put_koncorde(buf, depth - 1);
        kdm_buf_lit(buf, "]}");
        return;
    }
    switch (below(14)) {
    case 8:
        kdm_buf_printf(buf, "{\"missing\":\"%s\"}", path);
        return;
    case 9: /* an element of an array */
        kdm_buf_printf(buf, "{\"%s\":\"kw[%s]\"}", one_in(2) ? "exists" : "missing",
                       one_in(2) ? "\\\"a\\\"" : "null");
        return;
    case 10:
        kdm_buf_printf(buf, "{\"ids\":{\"values\":[\"%s\",\"nobody\"]}}",
                       documents[below(document_count)].id);
        return;
    case 11:
        kdm_buf_printf(buf, "{\"geoDistance\":{\"geo\":[%d,%u],\"distance\":\"%ukm\"}}",
                       (int)below(20) - 10, below(10), 1 + below(1500));
        return;
    case 12:
        kdm_buf_printf(buf,
                       "{\"geoBoundingBox\":{\"geo\":{\"top\":%u,\"left\":-%u,\"bottom\":-%u,"
                       "\"right\":%u}}}",
                       1 + below(10), 1 + below(10), below(10), below(10));
        return;
    case 13:
        kdm_buf_printf(
            buf, "{\"geoDistanceRange\":{\"geo\":[%u,%u],\"from\":\"%um\",\"to\":\"2000km\"}}",
            below(9), below(9), below(900000));
        return;
    case 0:
        kdm_buf_lit(buf, "{\"not\":");
        put_koncorde(buf, depth - 1);
        kdm_buf_char(buf, '}');
        return;
    case 1:
        kdm_buf_printf(buf, "{\"exists\":\"%s\"}", path);
        return;
    case 2:
        kdm_buf_printf(buf, "{\"regexp\":{\"%s\":\"%s\"}}", one_in(2) ? "kw" : path,
                       one_in(2) ? "^a" : "b");
        return;
    case 3:
        kdm_buf_lit(buf, "{\"match\":{\"kw\":");
        put_scalar(buf, "kw");
        kdm_buf_lit(buf, "}}");
        return;
    case 4:
        kdm_buf_printf(buf,
                       "{\"select\":{\"field\":\"%s\",\"index\":%d,\"query\":{\"equals\":{"
                       "\"value\":",
                       path, (int)below(4) - 2);
        put_scalar(buf, field);
        kdm_buf_lit(buf, "}}}}");
        return;
    case 5:
        kdm_buf_printf(buf, "{\"range\":{\"%s\":", path);
        put_bounds(buf, field);
        kdm_buf_lit(buf, "}}");
        return;
    case 6:
        kdm_buf_printf(buf, "{\"in\":{\"%s\":[", path);
        put_scalar(buf, field);
        kdm_buf_char(buf, ',');
        put_scalar(buf, field);
        kdm_buf_lit(buf, "]}}");
        return;
    default:
        kdm_buf_printf(buf, "{\"equals\":{\"%s\":", path);
        put_scalar(buf, field);
        kdm_buf_lit(buf, "}}");
    }
}

static bool chosen_field(const char *name)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (strcmp(all_fields[i].name, name) == 0)
            return chosen[i];
    return false;
}

static void put_distance(struct kdm_buf *buf)
{
    static const char *const modes[] = { "min", "max", "avg", "median" };

    kdm_buf_lit(buf, "{\"_geo_distance\":{\"geo\":[");
    put_point(buf);
    if (one_in(2)) {
        kdm_buf_char(buf, ',');
        put_point(buf);
    }
    kdm_buf_printf(buf, "],\"order\":\"%s\",\"unit\":\"km\",\"mode\":\"%s\"}},",
                   one_in(2) ? "asc" : "desc", modes[below(4)]);
}

static void put_sort(struct kdm_buf *buf)
{
    static const char *const keys[] = { "kw",   "low",   "nv",  "t.raw",  "i",    "b",  "l",
                                        "d",    "f",     "sf",  "date",   "bool", "ip", "o.kw",
                                        "n.kw", "nr.kw", "n.i", "nn.m.i", "_doc" };
    static const char *const modes[] = { "min", "max", "sum", "avg", "median" };

    kdm_buf_lit(buf, "[");
    for (uint32_t i = 0, count = below(3); i < count; i++) {
        const char *key = keys[below(19)];

        if (chosen_field("geo") && one_in(6)) {
            put_distance(buf);
            continue;
        }
        if (strcmp(key, "_doc") == 0) {
            kdm_buf_lit(buf, "\"_doc\",");
            continue;
        }
        kdm_buf_printf(buf, "{\"%s\":{\"unmapped_type\":\"long\",\"order\":\"%s\"", key,
                       one_in(2) ? "asc" : "desc");
        if (one_in(3))
            kdm_buf_printf(buf, ",\"mode\":\"%s\"", modes[below(2 + 3 * one_in(2))]);
        if (strncmp(key, "n.", 2) == 0 && chosen_field("n") && one_in(2))
            kdm_buf_lit(buf, ",\"nested\":{\"path\":\"n\"}");
        if (strcmp(key, "nn.m.i") == 0 && chosen_field("nn") && one_in(2))
            kdm_buf_lit(buf, ",\"nested\":{\"path\":\"nn.m\"}");
        if (one_in(4))
            kdm_buf_lit(buf, ",\"missing\":\"_first\"");
        else if (one_in(4) && strchr("ild", key[0]) != NULL && key[1] == '\0')
            kdm_buf_printf(buf, ",\"missing\":%s", one_in(2) ? "1" : "0.5");
        else if (one_in(4) && strcmp(key, "kw") == 0)
            kdm_buf_lit(buf, ",\"missing\":\"abb\"");
        kdm_buf_lit(buf, "}},");
    }
    kdm_buf_printf(buf, "{\"_id\":\"%s\"}]", one_in(2) ? "asc" : "desc");
}

/* --- comparing ---------------------------------------------------------------------------------
 */

static bool fetch(void *ctx, struct kdm_arena *to, const struct kdm_str *ids,
                  struct kdm_str *ret_texts, size_t count)
{
    (void)ctx;
    (void)to;
    for (size_t i = 0; i < count; i++) {
        ret_texts[i] = KDM_STR_NONE;
        for (uint32_t j = 0; j < document_count; j++)
            if (documents[j].text != NULL && kdm_str_eq(ids[i], kdm_str_of(documents[j].id)))
                ret_texts[i] = kdm_str_of(documents[j].text);
    }
    return true;
}

/* What walking all documents finds; too costly: -1. */
static long walk_all(const struct kdm_search *search, struct kdm_hit *hits)
{
    struct kdm_failure failure = { 0 };
    long count = 0;

    for (uint32_t i = 0; i < document_count; i++) {
        struct kdm_hit *hit = &hits[count];
        struct kdm_val source;

        if (documents[i].text == NULL)
            continue;
        source = kdm_json_parse(&scratch, kdm_str_of(documents[i].text));
        *hit = (struct kdm_hit){ .id = kdm_str_of(documents[i].id) };
        if (kdm_search_matches(search->query, &arena, &scratch, hit->id, source, NULL, &failure)) {
            kdm_search_values(search, &arena, &scratch, source, hit);
            count++;
        }
        kdm_arena_reset(&scratch);
        if (failure.err != KDM_OK)
            return -1;
    }
    return count;
}

static uint64_t cases, found, buckets_seen, metrics_seen, scores_seen, looked_at, refused;

static void same_values(const struct kdm_search *search, const struct kdm_hit *a,
                        const struct kdm_hit *b, const char *body)
{
    for (size_t i = 0; i < search->sort_count; i++) {
        ck_assert_msg(a->values[i].missing == b->values[i].missing, "%s", body);
        if (!a->values[i].missing && search->sorts[i].kind != KDM_SORT_DOC)
            ck_assert_msg(kdm_key_cmp(&a->values[i].key, &b->values[i].key) == 0, "%s", body);
    }
}

static void compare(const char *body, enum kdm_search_lang lang)
{
    struct kdm_search_request request = { .from = -1, .size = -1, .lang = lang };
    struct kdm_projection_search asked = { .fetch = fetch };
    struct kdm_projection_page page;
    struct kdm_failure failure = { 0 };
    struct kdm_hit hits[MAX_DOCUMENTS];
    struct kdm_search *search;
    size_t first, count;
    long total;

    request.body = kdm_json_parse(&arena, kdm_str_of(body));
    search = kdm_search_create(&arena, mapping, &request, &failure);
    if (search == NULL) {
        refused++;
        return;
    }
    total = walk_all(search, hits);
    if (total < 0)
        return;
    asked.query = search->query;
    asked.search = search;
    ck_assert_int_eq(kdm_projection_search(projection, &arena, &scratch, &asked, &page),
                     KDM_PROJECTION_OK);
    cases++;
    found += total > 0 && total < (long)kdm_projection_count(projection);
    looked_at += page.verified;
    ck_assert_msg(page.total == (uint64_t)total, "seed %llu: %s: %llu, not %ld",
                  (unsigned long long)seed, body, (unsigned long long)page.total, total);
    count = kdm_search_page(search, hits, (size_t)total, &first);
    ck_assert_msg(page.count == count, "%s: page of %zu, not %zu", body, page.count, count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(kdm_str_eq(page.hits[i].id, hits[first + i].id),
                      "seed %llu: %s: hit %zu is " KDM_FMT ", not " KDM_FMT,
                      (unsigned long long)seed, body, i, KDM_ARG(page.hits[i].id),
                      KDM_ARG(hits[first + i].id));
        same_values(search, &page.hits[i], &hits[first + i], body);
    }
}

/* How many documents a query matches, by walking them. */
static long count_by_walking(const char *query)
{
    struct kdm_search_request request = { .from = -1, .size = -1 };
    struct kdm_hit hits[MAX_DOCUMENTS];
    struct kdm_failure failure = { 0 };
    struct kdm_search *search;
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 512);
    kdm_buf_printf(&buf, "{\"query\":%s}", query);
    request.body = kdm_json_parse(&arena, kdm_buf_str(&buf));
    search = kdm_search_create(&arena, mapping, &request, &failure);
    return search == NULL ? -1 : walk_all(search, hits);
}

static const char *both(const char *query, const char *field, struct kdm_val key)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 512);
    kdm_buf_printf(&buf, "{\"bool\":{\"filter\":[%s,{\"term\":{\"%s\":" KDM_FMT "}}]}}", query,
                   field, KDM_ARG(kdm_val_text(key)));
    kdm_buf_char(&buf, '\0');
    return buf.ptr;
}

static struct kdm_val aggregated(const char *query, const char *aggs)
{
    struct kdm_projection_search asked = { .fetch = fetch };
    struct kdm_projection_page page;
    struct kdm_failure failure = { 0 };

    asked.query = kdm_search_query(&arena, mapping, kdm_json_parse(&arena, kdm_str_of(query)),
                                   KDM_LANG_ELASTICSEARCH, 0, &failure);
    asked.aggs =
        kdm_aggs_parse(&arena, mapping, kdm_json_parse(&arena, kdm_str_of(aggs)), 0, &failure);
    if (asked.query == NULL || asked.aggs == NULL
        || kdm_projection_search(projection, &arena, &scratch, &asked, &page) != KDM_PROJECTION_OK)
        return KDM_VAL_NONE;
    return kdm_json_parse(&arena, kdm_aggs_text(asked.aggs));
}

/* Each bucket holds as many documents as match its key. */
static void compare_buckets(void)
{
    static const char *const fields[] = { "kw", "nv", "low", "i", "b", "l", "o.kw", "ip", "nr.kw" };
    const char *field = fields[below(9)];
    struct kdm_val buckets, bucket, answer;
    struct kdm_val_iter it;
    struct kdm_buf query;
    char aggs[256];
    int64_t count, distinct = 0;

    kdm_buf_init(&query, &arena, 512);
    put_query(&query, 1);
    kdm_buf_char(&query, '\0');
    snprintf(
        aggs, sizeof(aggs),
        "{\"x\":{\"terms\":{\"field\":\"%s\",\"size\":9999}},\"n\":{\"cardinality\":{\"field\":"
        "\"%s\"}}}",
        field, field);
    answer = aggregated(query.ptr, aggs);
    if (kdm_val_none(answer))
        return;
    buckets = kdm_val_path(answer, KDM_STR("x.buckets"));
    for (kdm_elements(&it, buckets); kdm_element_next(&it, &bucket);) {
        long walked = count_by_walking(both(query.ptr, field, kdm_val_get(bucket, KDM_STR("key"))));

        ck_assert(kdm_val_int64(kdm_val_get(bucket, KDM_STR("doc_count")), &count));
        ck_assert_msg(count == walked, "seed %llu: %s by %s: " KDM_FMT ": %ld",
                      (unsigned long long)seed, query.ptr, field, KDM_ARG(kdm_val_text(bucket)),
                      walked);
        buckets_seen++;
    }
    ck_assert(kdm_val_int64(kdm_val_path(answer, KDM_STR("n.value")), &distinct));
    ck_assert_int_eq(distinct, kdm_val_count(buckets));
    kdm_arena_reset(&arena);
}

/* --- scores --------------------------------------------------------------------------------------
 * Of clauses that are not about words both count the same; BM25 needs the whole collection.
 */

static void put_flat(struct kdm_buf *buf, int depth);

static void put_flat_list(struct kdm_buf *buf, const char *name, int depth)
{
    kdm_buf_printf(buf, ",\"%s\":[", name);
    for (uint32_t i = 0, count = 1 + below(3); i < count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        put_flat(buf, depth - 1);
    }
    kdm_buf_char(buf, ']');
}

static void put_flat(struct kdm_buf *buf, int depth)
{
    static const char *const modes[] = { "avg", "sum", "min", "max", "none" };
    uint32_t boost = 1 + below(5);

    switch (below(depth > 0 ? 8 : 4)) {
    case 3: /* objects, of which two clauses each may match */
        kdm_buf_printf(
            buf,
            "{\"nested\":{\"path\":\"n\",\"ignore_unmapped\":true,\"boost\":%u,\"score_mode\":"
            "\"%s\",\"query\":{\"bool\":{\"should\":[{\"range\":{\"n.i\":{\"gte\":%d}}},",
            boost, modes[below(5)], (int)below(9) - 4);
        kdm_buf_printf(buf, "{\"prefix\":{\"n.kw\":{\"value\":\"%c\",\"boost\":3}}}]}}}}",
                       (char)('a' + below(2)));
        return;
    case 0:
        kdm_buf_printf(buf, "{\"range\":{\"i\":{\"gte\":%d,\"boost\":%u}}}", (int)below(9) - 4,
                       boost);
        return;
    case 1:
        kdm_buf_printf(buf, "{\"exists\":{\"field\":\"kw\",\"boost\":%u}}", boost);
        return;
    case 2:
        kdm_buf_printf(buf, "{\"prefix\":{\"kw\":{\"value\":\"%c\",\"boost\":%u}}}",
                       (char)('a' + below(2)), boost);
        return;
    case 4:
        kdm_buf_printf(buf, "{\"dis_max\":{\"boost\":%u,\"tie_breaker\":0.25", boost);
        put_flat_list(buf, "queries", depth);
        break;
    case 5:
        kdm_buf_printf(buf,
                       "{\"boosting\":{\"boost\":%u,\"negative_boost\":0.5,\"positive\":", boost);
        put_flat(buf, depth - 1);
        kdm_buf_lit(buf, ",\"negative\":");
        put_flat(buf, depth - 1);
        break;
    case 6:
        kdm_buf_printf(buf, "{\"constant_score\":{\"boost\":%u,\"filter\":", boost);
        put_flat(buf, depth - 1);
        break;
    default:
        kdm_buf_printf(buf, "{\"bool\":{\"boost\":%u", boost);
        if (one_in(2))
            put_flat_list(buf, "must", depth);
        if (one_in(3))
            put_flat_list(buf, "filter", depth);
        if (!one_in(3))
            put_flat_list(buf, "should", depth);
    }
    kdm_buf_lit(buf, "}}");
}

static float walked_score(const struct kdm_search *search, struct kdm_str id)
{
    struct kdm_failure failure;
    float score = -1;

    for (uint32_t i = 0; i < document_count; i++)
        if (documents[i].text != NULL && kdm_str_eq(id, kdm_str_of(documents[i].id)))
            ck_assert(kdm_search_matches(search->query, &arena, &scratch, id,
                                         kdm_json_parse(&scratch, kdm_str_of(documents[i].text)),
                                         &score, &failure));
    kdm_arena_reset(&scratch);
    return score;
}

static void compare_scores(void)
{
    struct kdm_search_request request = { .from = 0, .size = MAX_DOCUMENTS };
    struct kdm_projection_search asked = { .fetch = fetch };
    struct kdm_projection_page page;
    struct kdm_failure failure = { 0 };
    struct kdm_search *search;
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 512);
    kdm_buf_lit(&buf, "{\"query\":");
    put_flat(&buf, 3);
    kdm_buf_char(&buf, '}');
    request.body = kdm_json_parse(&arena, kdm_buf_str(&buf));
    search = kdm_search_create(&arena, mapping, &request, &failure);
    ck_assert_msg(search != NULL, KDM_FMT, KDM_ARG(failure.message));
    asked.query = search->query;
    asked.search = search;
    ck_assert_int_eq(kdm_projection_search(projection, &arena, &scratch, &asked, &page),
                     KDM_PROJECTION_OK);
    for (size_t i = 0; i < page.count; i++) {
        float walked = walked_score(search, page.hits[i].id);

        ck_assert_msg(fabsf(page.hits[i].score - walked) <= 1e-4f * fmaxf(1, walked),
                      "seed %llu: " KDM_FMT ": %g, not %g", (unsigned long long)seed,
                      KDM_ARG(kdm_buf_str(&buf)), (double)page.hits[i].score, (double)walked);
        if (i > 0)
            ck_assert(page.hits[i - 1].score >= page.hits[i].score);
        scores_seen++;
    }
    kdm_arena_reset(&arena);
}

/* --- a naive aggregator --------------------------------------------------------------------------
 */

#define MAX_NUMBERS 8192

/* All numbers of a field in the documents that match, and how many documents have none. */
struct numbers {
    double values[MAX_NUMBERS];
    uint32_t document[MAX_NUMBERS];
    uint32_t count, documents, without;
};

static bool add_number(void *ctx, const struct kdm_key *key)
{
    struct numbers *numbers = ctx;

    ck_assert_uint_lt(numbers->count, MAX_NUMBERS);
    numbers->values[numbers->count] = key->number.d;
    numbers->document[numbers->count++] = numbers->documents;
    return false;
}

static bool read_numbers(const char *query_text, const char *field_name, struct numbers *numbers)
{
    const struct kdm_field *field = kdm_mapping_find(mapping, kdm_str_of(field_name));
    struct kdm_failure failure = { 0 };
    struct kdm_query *query =
        kdm_search_query(&arena, mapping, kdm_json_parse(&arena, kdm_str_of(query_text)),
                         KDM_LANG_ELASTICSEARCH, 0, &failure);

    *numbers = (struct numbers){ .count = 0 };
    for (uint32_t i = 0; query != NULL && field != NULL && i < document_count; i++) {
        uint32_t before = numbers->count;
        struct kdm_val source;

        if (documents[i].text == NULL)
            continue;
        source = kdm_json_parse(&scratch, kdm_str_of(documents[i].text));
        if (kdm_search_matches(query, &arena, &scratch, kdm_str_of(documents[i].id), source, NULL,
                               &failure)) {
            kdm_field_keys(&scratch, field, NULL, source, kdm_str_of(documents[i].id), add_number,
                           numbers);
            numbers->without += numbers->count == before;
            numbers->documents++;
        }
        kdm_arena_reset(&scratch);
        if (failure.err != KDM_OK)
            return false;
    }
    return query != NULL && field != NULL;
}

/* Documents with a value in [from, to). */
static int64_t documents_within(const struct numbers *numbers, double from, double to)
{
    int64_t count = 0;
    uint32_t last = UINT32_MAX;

    for (uint32_t i = 0; i < numbers->count; i++) {
        if (numbers->values[i] < from || !(numbers->values[i] < to) || numbers->document[i] == last)
            continue;
        last = numbers->document[i];
        count++;
    }
    return count;
}

static double number_at(struct kdm_val answer, const char *path)
{
    double number = NAN;

    kdm_val_double(kdm_val_path(answer, kdm_str_of(path)), &number);
    return number;
}

static void same_number(double found_one, double wanted, const char *what, const char *query)
{
    ck_assert_msg(fabs(found_one - wanted) <= 1e-6 * fmax(1, fabs(wanted)),
                  "seed %llu: %s of %s: %.17g, not %.17g", (unsigned long long)seed, what, query,
                  found_one, wanted);
}

static void check_steps(struct kdm_val buckets, const struct numbers *numbers, const char *query)
{
    struct kdm_val_iter it;
    struct kdm_val bucket;
    int64_t count, seen = 0;
    double from;

    for (kdm_elements(&it, buckets); kdm_element_next(&it, &bucket); seen++) {
        ck_assert(kdm_val_double(kdm_val_get(bucket, KDM_STR("key")), &from));
        ck_assert(kdm_val_int64(kdm_val_get(bucket, KDM_STR("doc_count")), &count));
        same_number((double)count, (double)documents_within(numbers, from, from + 2.5), "histogram",
                    query);
    }
    if (numbers->count > 0)
        ck_assert_int_gt(seen, 0);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void check_metrics(struct kdm_val answer, double median, struct numbers *numbers,
                          const char *query)
{
    double sum = 0, squares = 0, distinct = 0, rank, middle;
    uint32_t count = numbers->count;

    same_number(number_at(answer, "m.doc_count"), numbers->without, "missing", query);
    same_number(number_at(answer, "r.buckets.low.doc_count"),
                (double)documents_within(numbers, -INFINITY, 2), "range", query);
    same_number(number_at(answer, "r.buckets.high.doc_count"),
                (double)documents_within(numbers, 1, INFINITY), "range", query);
    check_steps(kdm_val_path(answer, KDM_STR("h.buckets")), numbers, query);
    qsort(numbers->values, count, sizeof(double), compare_doubles);
    for (uint32_t i = 0; i < count; i++) {
        sum += numbers->values[i];
        squares += numbers->values[i] * numbers->values[i];
        distinct += i == 0 || numbers->values[i] != numbers->values[i - 1];
    }
    same_number(number_at(answer, "s.count"), count, "count", query);
    same_number(number_at(answer, "s.sum"), sum, "sum", query);
    same_number(number_at(answer, "v.value"), count, "value_count", query);
    same_number(number_at(answer, "c.value"), distinct, "cardinality", query);
    if (count == 0)
        return;
    same_number(number_at(answer, "s.min"), numbers->values[0], "min", query);
    same_number(number_at(answer, "s.max"), numbers->values[count - 1], "max", query);
    same_number(number_at(answer, "s.avg"), sum / count, "avg", query);
    same_number(number_at(answer, "s.sum_of_squares"), squares, "squares", query);
    rank = 0.5 * (count - 1);
    middle = numbers->values[(uint32_t)rank];
    if ((uint32_t)rank + 1 < count)
        middle += (rank - floor(rank)) * (numbers->values[(uint32_t)rank + 1] - middle);
    same_number(median, middle, "median", query);
}

static void compare_metrics(void)
{
    static const char *const fields[] = { "i", "b", "o.i", "bool" };
    const char *field = fields[below(4)];
    static struct numbers numbers;
    struct kdm_val answer, name, value;
    struct kdm_val_iter it;
    struct kdm_buf query, aggs;
    double median = NAN;

    kdm_buf_init(&query, &arena, 512);
    put_query(&query, 1);
    kdm_buf_char(&query, '\0');
    kdm_buf_init(&aggs, &arena, 1024);
    kdm_buf_printf(
        &aggs,
        "{\"m\":{\"missing\":{\"field\":\"%s\"}},\"s\":{\"extended_stats\":{\"field\":\"%s\"}},"
        "\"v\":{\"value_count\":{\"field\":\"%s\"}},\"c\":{\"cardinality\":{\"field\":\"%s\"}},",
        field, field, field, field);
    kdm_buf_printf(
        &aggs,
        "\"p\":{\"percentiles\":{\"field\":\"%s\",\"percents\":[50]}},\"h\":{\"histogram\":{"
        "\"field\":\"%s\",\"interval\":2.5,\"min_doc_count\":1}},\"r\":{\"range\":{\"field\":\"%"
        "s\","
        "\"keyed\":true,\"ranges\":[{\"key\":\"low\",\"to\":2},{\"key\":\"high\",\"from\":1}]}}}",
        field, field, field);
    kdm_buf_char(&aggs, '\0');
    answer = aggregated(query.ptr, aggs.ptr);
    if (kdm_val_none(answer) || !read_numbers(query.ptr, field, &numbers))
        return;
    /* "50.0" has a dot, which a path would take for a step. */
    kdm_members(&it, kdm_val_path(answer, KDM_STR("p.values")));
    ck_assert(kdm_member_next(&it, &name, &value));
    kdm_val_double(value, &median);
    check_metrics(answer, median, &numbers, query.ptr);
    metrics_seen += numbers.count > 0;
    kdm_arena_reset(&arena);
}

static void compare_random(void)
{
    enum kdm_search_lang lang = one_in(4) ? KDM_LANG_KONCORDE : KDM_LANG_ELASTICSEARCH;
    struct kdm_buf buf;

    kdm_buf_init(&buf, &arena, 1024);
    kdm_buf_lit(&buf, "{\"query\":");
    if (lang == KDM_LANG_KONCORDE)
        put_koncorde(&buf, 2);
    else
        put_query(&buf, 2);
    kdm_buf_lit(&buf, ",\"sort\":");
    put_sort(&buf);
    if (one_in(4)) {
        static const char *const fields[] = { "kw", "i", "date", "o.kw", "bool", "d" };

        kdm_buf_printf(&buf, ",\"collapse\":{\"field\":\"%s\"}", fields[below(6)]);
    }
    kdm_buf_printf(&buf, ",\"from\":%u,\"size\":%u}", below(5), below(30));
    kdm_buf_char(&buf, '\0');
    compare(buf.ptr, lang);
    kdm_arena_reset(&arena);
}

START_TEST(it_answers_what_walking_each_document_answers)
{
    uint64_t rounds = getenv("KDM_ROUNDS") == NULL ? 12 : strtoull(getenv("KDM_ROUNDS"), NULL, 10);

    seed =
        getenv("KDM_SEED") == NULL ? (uint64_t)time(NULL) : strtoull(getenv("KDM_SEED"), NULL, 10);
    for (uint64_t round = 0; round < rounds; round++, seed++) {
        state = seed * 0x9e3779b97f4a7c15u + 1;
        below(2);
        make_world();
        for (int i = 0; i < 300; i++) {
            if (one_in(20))
                change_some(1 + below(40));
            compare_random();
            if (one_in(10))
                compare_buckets();
            if (one_in(5))
                compare_metrics();
            if (one_in(5))
                compare_scores();
        }
        drop_world();
    }
    printf("seeds up to %llu: %llu cases, %llu with hits but not all, %llu documents looked at, "
           "%llu queries refused, %llu buckets, %llu times metrics\n",
           (unsigned long long)seed - 1, (unsigned long long)cases, (unsigned long long)found,
           (unsigned long long)looked_at, (unsigned long long)refused,
           (unsigned long long)buckets_seen, (unsigned long long)metrics_seen);
    ck_assert_uint_gt(metrics_seen, rounds);
    ck_assert_uint_gt(scores_seen, rounds);
    ck_assert_uint_gt(cases, rounds * 150);
    ck_assert_uint_gt(found, rounds * 50);
}
END_TEST

/* --- all of it ---------------------------------------------------------------------------------
 */

static void setup(void)
{
    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 1 << 20);
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
    Suite *suite = suite_create("projection_property");
    TCase *tcase = tcase_create("property");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 100);
    tcase_add_test(tcase, it_answers_what_walking_each_document_answers);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
