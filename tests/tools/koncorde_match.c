/* koncorde_match.c - the realtime matcher on a pipe, for tests that compare it with npm's koncorde.
 * Reads lines {"filter":F,"documents":[..]}; answers each with {"error":"why"} or {"matches":[..]}:
 * one boolean for each document, whose id is its "_id".
 */
#include "realtime/matcher.h"
#include <stdio.h>
#include <stdlib.h>

static void put_matches(struct kdm_buf *out, struct kdm_arena *arena,
                        const struct kdm_filter *filter, struct kdm_val documents)
{
    static const struct kdm_hash_seed seed = { 7, 8 };
    struct kdm_matcher *matcher = kdm_matcher_create(&seed);
    struct kdm_val_iter it;
    struct kdm_val document;

    kdm_matcher_add(matcher, filter);
    kdm_buf_lit(out, "{\"matches\":[");
    for (kdm_elements(&it, documents); kdm_element_next(&it, &document);) {
        struct kdm_str id = kdm_val_str(arena, kdm_val_get(document, KDM_STR("_id")));
        struct kdm_matches matches =
            kdm_matcher_match(matcher, arena, KDM_STR("i"), KDM_STR("c"), id, document);

        if (out->ptr[out->len - 1] != '[')
            kdm_buf_char(out, ',');
        kdm_buf_put(out, matches.count > 0 ? KDM_STR("true") : KDM_STR("false"));
    }
    kdm_buf_lit(out, "]}\n");
    kdm_matcher_destroy(matcher);
}

static void answer(struct kdm_arena *arena, struct kdm_str line)
{
    static const struct kdm_filter_limits limits = { .conditions = 100 };
    struct kdm_val root = kdm_json_parse(arena, line);
    struct kdm_failure failure = { 0 };
    const struct kdm_filter *filter = kdm_filter_parse(
        arena, &limits, KDM_STR("i"), KDM_STR("c"), kdm_val_get(root, KDM_STR("filter")), &failure);
    struct kdm_buf out;

    kdm_buf_init(&out, arena, 1024);
    if (filter != NULL) {
        put_matches(&out, arena, filter, kdm_val_get(root, KDM_STR("documents")));
    } else {
        kdm_buf_lit(&out, "{\"error\":");
        kdm_json_put_str(&out, failure.message);
        kdm_buf_lit(&out, "}\n");
    }
    fwrite(out.ptr, 1, out.len, stdout);
    fflush(stdout);
}

int main(void)
{
    struct kdm_arena arena;
    char *line = NULL;
    size_t room = 0;
    ssize_t len;

    kdm_json_seed(1, 2);
    kdm_arena_init(&arena, 1u << 16);
    while ((len = getline(&line, &room, stdin)) > 0) {
        kdm_arena_reset(&arena);
        answer(&arena, (struct kdm_str){ line, (size_t)len - 1 });
    }
    free(line);
    kdm_arena_fini(&arena);
    return 0;
}
