/* realtime_filter.c - any text as a filter, a newline, and any text as a document: what is taken as
 * a filter has a canonical text that means the same, and the matcher says what the naive evaluator
 * says.
 */
#include "realtime/matcher.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static const struct kdm_filter_limits limits = { .conditions = 100 };

static void must(bool condition)
{
    if (!condition)
        abort();
}

static const struct kdm_filter *parse(struct kdm_arena *arena, struct kdm_val filter, bool limited)
{
    struct kdm_failure failure = { 0 };
    const struct kdm_filter *parsed = kdm_filter_parse(
        arena, limited ? &limits : NULL, KDM_STR("i"), KDM_STR("c"), filter, &failure);

    must(parsed != NULL || failure.err == KDM_ERR_API_ASSERT_KONCORDE_DSL_ERROR);
    return parsed;
}

static void must_read_back(struct kdm_arena *arena, const struct kdm_filter *filter)
{
    const struct kdm_filter *again = parse(arena, kdm_json_parse(arena, filter->text), false);

    must(again != NULL && memcmp(again->id, filter->id, KDM_ROOM_ID_LEN) == 0);
    must(kdm_str_eq(again->text, filter->text));
}

static struct kdm_val canonical(struct kdm_arena *arena, struct kdm_val value)
{
    return kdm_json_parse(arena, kdm_json_canonical(arena, value));
}

static bool naive(struct kdm_arena *arena, struct kdm_val filter, struct kdm_val document,
                  bool *too_costly)
{
    struct kdm_failure failure = { 0 };
    struct kdm_query_parser parser = { .arena = arena, .failure = &failure };
    const struct kdm_query *query =
        kdm_query_parse_filter(&parser, canonical(arena, filter), SIZE_MAX);
    const struct kdm_query *costly = NULL;
    struct kdm_query_document doc = {
        .id = KDM_STR("id"),
        .source = canonical(arena, document),
    };
    bool matched = kdm_query_match(query, arena, &doc, NULL, &costly);

    *too_costly = costly != NULL;
    return matched;
}

static void must_match_alike(struct kdm_arena *arena, struct kdm_val filter,
                             const struct kdm_filter *parsed, struct kdm_val document)
{
    static const struct kdm_hash_seed seed = { 1, 2 };
    struct kdm_matcher *matcher = kdm_matcher_create(&seed);
    struct kdm_matcher_entry *entry = kdm_matcher_add(matcher, parsed);
    struct kdm_matches matches =
        kdm_matcher_match(matcher, arena, KDM_STR("i"), KDM_STR("c"), KDM_STR("id"), document);
    bool too_costly, expected = naive(arena, filter, document, &too_costly);

    must(too_costly || matches.count == expected);
    must(matches.count == 0 || matches.items[0] == entry);
    kdm_matcher_unref(matcher, entry);
    must(kdm_matcher_count(matcher) == 0);
    kdm_matcher_destroy(matcher);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    const char *text = (const char *)data, *end = size == 0 ? NULL : memchr(text, '\n', size);
    struct kdm_json filter, document;
    const struct kdm_filter *parsed;
    struct kdm_arena arena;

    if (end == NULL)
        return 0;
    kdm_arena_init(&arena, 1u << 14);
    if (kdm_json_scan(&arena, (struct kdm_str){ text, (size_t)(end - text) }, &filter, NULL)
        && kdm_json_scan(&arena, (struct kdm_str){ end + 1, size - (size_t)(end - text) - 1 },
                         &document, NULL)
        && kdm_val_type(kdm_json_root(&document)) == KDM_JSON_OBJECT) {
        parsed = parse(&arena, kdm_json_root(&filter), true);
        if (parsed != NULL) {
            must_read_back(&arena, parsed);
            must_match_alike(&arena, kdm_json_root(&filter), parsed, kdm_json_root(&document));
        }
    }
    kdm_arena_fini(&arena);
    return 0;
}
