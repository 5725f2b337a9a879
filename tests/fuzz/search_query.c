/* search_query.c - any bytes as what a client asks: the body of a search, a Koncorde filter, a
 * query string. Whatever is accepted is then asked of documents, by the evaluator and by the
 * projection, which must agree; hits are highlighted.
 */
#include "base/hash.h"
#include "search/aggs.h"
#include "search/projection.h"
#include "store/unicode.h"
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const char mapping_text[] =
    "{\"properties\":{\"k\":{\"type\":\"keyword\"},\"t\":{\"type\":\"text\"},\"e\":{\"type\":"
    "\"text\",\"analyzer\":\"english\"},\"i\":{\"type\":\"integer\"},\"d\":{\"type\":\"date\"},"
    "\"b\":{\"type\":\"boolean\"},\"g\":{\"type\":\"geo_point\"},\"s\":{\"type\":\"geo_shape\"},"
    "\"a\":{\"type\":\"ip\"},\"f\":{\"type\":\"flattened\"},\"n\":{\"type\":\"nested\","
    "\"properties\":{\"k\":{\"type\":\"keyword\"}}}}}";

static const char *const documents[] = {
    "{\"k\":[\"x\",\"yes\"],\"t\":\"the quick brown fox. It jumps!\",\"i\":[3,5],\"b\":true}",
    "{\"k\":\"y\",\"e\":\"running "
    "dogs\",\"i\":7,\"d\":\"2020-01-02\",\"g\":\"1,2\",\"n\":[{\"k\":\"x\"},{"
    "\"k\":\"z\"}],\"s\":\"POINT (1 2)\",\"a\":\"10.0.0.1\",\"f\":{\"q\":\"x\"}}",
    "{\"t\":[\"brown\",\"fox\"],\"k\":null,\"x\":{\"y\":1}}",
};
#define DOCUMENTS (sizeof(documents) / sizeof(documents[0]))

struct world {
    struct kdm_arena arena, scratch, fixed;
    struct kdm_mapping *mapping;
    struct kdm_projection *projection;
    struct kdm_hash_seed seed;
};

static void make_world(struct world *world)
{
    struct kdm_failure failure;
    char id[2] = "0";

    kdm_json_seed(1, 2);
    kdm_arena_init(&world->arena, 65536);
    kdm_arena_init(&world->scratch, 65536);
    kdm_arena_init(&world->fixed, 4096);
    world->seed = (struct kdm_hash_seed){ 3, 4 };
    world->mapping = kdm_mapping_create(
        &world->fixed, kdm_json_parse(&world->fixed, KDM_STR(mapping_text)), &failure);
    world->projection = kdm_projection_create(world->mapping, &world->seed);
    kdm_projection_write(world->projection);
    for (size_t i = 0; i < DOCUMENTS; i++, id[0]++)
        kdm_projection_put(world->projection, &world->scratch, kdm_str_of(id),
                           kdm_json_parse(&world->fixed, kdm_str_of(documents[i])), i + 1);
    kdm_projection_end_write(world->projection);
}

static bool fetch(void *ctx, struct kdm_arena *to, const struct kdm_str *ids,
                  struct kdm_str *ret_texts, size_t count)
{
    (void)ctx;
    (void)to;
    for (size_t i = 0; i < count; i++)
        ret_texts[i] = kdm_str_of(documents[ids[i].ptr[0] - '0']);
    return true;
}

static void must_hold(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s\n", what);
    abort();
}

static void show_objects(struct world *world, const struct kdm_search *search, struct kdm_hit *hit,
                         struct kdm_str text)
{
    struct kdm_buf buf;

    hit->source = text;
    for (size_t i = 0; i < search->nested_count; i++) {
        struct kdm_hit *objects;
        size_t count = kdm_search_objects(search->nested[i], &world->scratch, hit, &objects);

        kdm_buf_init(&buf, &world->scratch, 256);
        for (size_t j = 0; j < count; j++)
            kdm_search_source(&search->nested[i]->inner.order, &world->scratch,
                              kdm_json_parse(&world->scratch, objects[j].source), &buf);
    }
}

/* How many documents match; -1: it costs too much. */
static int walk(struct world *world, const struct kdm_search *search)
{
    int found = 0;

    for (size_t i = 0; i < DOCUMENTS; i++) {
        struct kdm_val source = kdm_json_parse(&world->scratch, kdm_str_of(documents[i]));
        char id = (char)('0' + i);
        struct kdm_hit hit = { .id = { &id, 1 } };
        struct kdm_failure failure;
        struct kdm_buf buf;

        if (kdm_search_matches(search->query, &world->arena, &world->scratch, hit.id, source,
                               &hit.score, &failure)) {
            found++;
            kdm_search_values(search, &world->arena, &world->scratch, source, &hit);
            kdm_buf_init(&buf, &world->scratch, 256);
            kdm_search_source(search, &world->scratch, source, &buf);
            kdm_buf_init(&buf, &world->scratch, 256);
            if (kdm_search_highlight(search, source, &buf))
                kdm_json_parse(&world->scratch, kdm_buf_str(&buf));
            show_objects(world, search, &hit, kdm_str_of(documents[i]));
        }
        if (failure.err != KDM_OK)
            return -1;
        kdm_arena_reset(&world->scratch);
    }
    return found;
}

static void ask(struct world *world, struct kdm_val body, enum kdm_search_lang lang)
{
    struct kdm_search_request request = { .body = body, .lang = lang, .from = -1, .size = -1 };
    struct kdm_projection_search asked = { .fetch = fetch };
    struct kdm_projection_page page;
    struct kdm_failure failure = { 0 };
    struct kdm_search *search =
        kdm_search_create(&world->arena, world->mapping, &request, &failure);
    int found;

    must_hold((search == NULL) == (failure.err != KDM_OK), "a refusal says why, and only that");
    if (search == NULL)
        return;
    found = walk(world, search);
    if (found < 0)
        return;
    asked.query = search->query;
    asked.search = search;
    if (kdm_projection_search(world->projection, &world->arena, &world->scratch, &asked, &page)
        == KDM_PROJECTION_OK)
        must_hold(page.total == (uint64_t)found, "both find as many");
}

static void ask_aggs(struct world *world, struct kdm_val definition)
{
    struct kdm_projection_search asked = { .fetch = fetch };
    struct kdm_projection_page page;
    struct kdm_failure failure = { 0 };

    asked.query = kdm_search_query(&world->arena, world->mapping, KDM_VAL_NONE,
                                   KDM_LANG_ELASTICSEARCH, 0, &failure);
    asked.aggs = kdm_aggs_parse(&world->arena, world->mapping, definition, 0, &failure);
    if (asked.aggs != NULL
        && kdm_projection_search(world->projection, &world->arena, &world->scratch, &asked, &page)
               == KDM_PROJECTION_OK)
        kdm_json_parse(&world->arena, kdm_aggs_text(asked.aggs));
}

/* The same of two collections that are alike. */
static void ask_aggs_of_two(struct world *world, struct kdm_val definition)
{
    enum kdm_projection_result result = KDM_PROJECTION_OK;
    struct kdm_projection_search asked = { .fetch = fetch };
    struct kdm_projection_page page;
    struct kdm_failure failure = { 0 };

    asked.query = kdm_search_query(&world->arena, world->mapping, KDM_VAL_NONE,
                                   KDM_LANG_ELASTICSEARCH, 0, &failure);
    for (int i = 0; i < 2 && result == KDM_PROJECTION_OK; i++) {
        asked.aggs = kdm_aggs_parse(&world->arena, world->mapping, definition, 0, &failure);
        if (asked.aggs == NULL)
            return;
        if (i == 0)
            asked.total = kdm_aggs_total(&world->arena, asked.aggs);
        result =
            kdm_projection_search(world->projection, &world->arena, &world->scratch, &asked, &page);
    }
    if (result == KDM_PROJECTION_OK
        && kdm_aggs_answer(asked.total, &world->arena, &world->scratch) == KDM_PROJECTION_OK)
        kdm_json_parse(&world->arena, kdm_aggs_text(asked.total));
    kdm_aggs_destroy_total(asked.total);
}

static void ask_filter(struct world *world, struct kdm_val filter)
{
    struct kdm_failure failure = { 0 };
    struct kdm_query_parser parser = { .arena = &world->arena, .failure = &failure };

    must_hold((kdm_query_parse_filter(&parser, filter, 100) == NULL) == (failure.err != KDM_OK),
              "a filter that is refused says why");
}

static void ask_string(struct world *world, struct kdm_str text, const char *clause)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &world->arena, text.len + 64);
    kdm_buf_printf(&buf, "{\"query\":{\"%s\":{\"query\":", clause);
    kdm_json_put_str(&buf, text);
    kdm_buf_lit(&buf, "}},\"highlight\":{\"fields\":{\"*\":{}}}}");
    ask(world, kdm_json_parse(&world->arena, kdm_buf_str(&buf)), KDM_LANG_ELASTICSEARCH);
}

static void ask_json(struct world *world, struct kdm_val root)
{
    struct kdm_val aggs = kdm_val_get(root, KDM_STR("aggs"));

    if (!kdm_val_none(aggs)) {
        ask_aggs(world, aggs);
        ask_aggs_of_two(world, aggs);
        return;
    }
    ask(world, root, KDM_LANG_ELASTICSEARCH);
    ask(world, root, KDM_LANG_KONCORDE);
    ask_filter(world, kdm_val_get(root, KDM_STR("query")));
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    static struct world world;
    static bool made;
    struct kdm_str text = { (const char *)data, size };
    struct kdm_json doc;

    if (!made)
        make_world(&world);
    made = true;
    if (size > 0 && data[0] == '{') {
        if (kdm_json_scan(&world.arena, text, &doc, NULL))
            ask_json(&world, kdm_json_root(&doc));
    } else if (kdm_utf8_valid(text)) {
        ask_string(&world, text, "query_string");
        ask_string(&world, text, "simple_query_string");
    }
    kdm_arena_reset(&world.arena);
    kdm_arena_reset(&world.scratch);
    return 0;
}
