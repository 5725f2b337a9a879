/* matcher.c - what the realtime matcher costs: documents matched, filters added and removed, memory.
 *
 *     matcher FILTERS DOCUMENTS COUNT SECONDS
 *
 * The files have one JSON text a line; the first COUNT filters are used. Prints one JSON object. Times
 * are CPU time. "match" is matching alone on documents scanned before, "scan" begins at their text.
 */
#include "realtime/matcher.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct lines {
    char *text;
    struct kdm_str *items;
    size_t count;
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct lines read_lines(const char *name, size_t most)
{
    FILE *file = fopen(name, "r");
    struct lines lines = { .items = kdm_malloc((most + 1) * sizeof(struct kdm_str)) };
    size_t room = 0;
    ssize_t len;
    char *line = NULL;

    if (file == NULL) {
        perror(name);
        exit(1);
    }
    while (lines.count < most && (len = getline(&line, &room, file)) > 0) {
        lines.items[lines.count++] = (struct kdm_str){ line, (size_t)len - 1 };
        line = NULL;
        room = 0;
    }
    fclose(file);
    return lines;
}

static size_t heap(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static struct kdm_val scanned(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_json *doc = kdm_arena_alloc(arena, sizeof(*doc));

    if (!kdm_json_scan(arena, text, doc, NULL)) {
        fprintf(stderr, "bad JSON: %.*s\n", KDM_ARG(text));
        exit(1);
    }
    return kdm_json_root(doc);
}

/* Adds them all; how many entries were made of them is in *entries. */
static double add_all(struct kdm_matcher *matcher, const struct lines *filters,
                      struct kdm_matcher_entry **entries, double *ret_parse)
{
    double start, spent = 0, parsing = 0;
    struct kdm_arena arena;

    kdm_arena_init(&arena, 1u << 16);
    for (size_t i = 0; i < filters->count; i++) {
        struct kdm_failure failure = { 0 };
        const struct kdm_filter *filter;

        kdm_arena_reset(&arena);
        start = now();
        filter = kdm_filter_parse(&arena, NULL, KDM_STR("i"), KDM_STR("c"),
                                  scanned(&arena, filters->items[i]), &failure);
        parsing += now() - start;
        if (filter == NULL) {
            fprintf(stderr, "%.*s: %.*s\n", KDM_ARG(filters->items[i]), KDM_ARG(failure.message));
            exit(1);
        }
        start = now();
        entries[i] = kdm_matcher_add(matcher, filter);
        spent += now() - start;
    }
    kdm_arena_fini(&arena);
    *ret_parse = parsing;
    return spent;
}

/* Runs over the documents until the time is up; seconds a document. */
static double match_all(struct kdm_matcher *matcher, const struct lines *documents,
                        const struct kdm_val *sources, double seconds, size_t *ret_found)
{
    double start = now(), spent;
    size_t done = 0, found = 0;
    struct kdm_arena arena;

    kdm_arena_init(&arena, 1u << 20);
    do {
        for (size_t i = 0; i < documents->count; i++) {
            struct kdm_val source, id;

            kdm_arena_reset(&arena);
            source = sources != NULL ? sources[i] : scanned(&arena, documents->items[i]);
            id = kdm_val_get(source, KDM_STR("_id"));
            found += kdm_matcher_match(matcher, &arena, KDM_STR("i"), KDM_STR("c"),
                                       kdm_val_str(&arena, id), source)
                         .count;
        }
        done += documents->count;
        spent = now() - start;
    } while (spent < seconds);
    kdm_arena_fini(&arena);
    *ret_found = found / (done / documents->count);
    return spent / (double)done;
}

int main(int argc, char **argv)
{
    static const struct kdm_hash_seed seed = { 5, 6 };
    struct kdm_matcher_entry **entries;
    struct lines filters, documents;
    struct kdm_matcher *matcher;
    struct kdm_val *sources;
    struct kdm_arena arena;
    double add, parse, match, scan, removal;
    size_t before, memory, found, count;

    if (argc != 5) {
        fprintf(stderr, "usage: matcher FILTERS DOCUMENTS COUNT SECONDS\n");
        return 2;
    }
    kdm_json_seed(1, 2);
    filters = read_lines(argv[1], strtoul(argv[3], NULL, 10));
    documents = read_lines(argv[2], 1000000);
    entries = kdm_malloc(filters.count * sizeof(struct kdm_matcher_entry *));
    sources = kdm_malloc(documents.count * sizeof(*sources));
    kdm_arena_init(&arena, 1u << 20);
    for (size_t i = 0; i < documents.count; i++)
        sources[i] = scanned(&arena, documents.items[i]);
    matcher = kdm_matcher_create(&seed);
    before = heap();
    add = add_all(matcher, &filters, entries, &parse);
    memory = heap() - before;
    count = kdm_matcher_count(matcher);
    match = match_all(matcher, &documents, sources, strtod(argv[4], NULL), &found);
    scan = match_all(matcher, &documents, NULL, strtod(argv[4], NULL), &found);
    removal = now();
    for (size_t i = 0; i < filters.count; i++)
        kdm_matcher_unref(matcher, entries[i]);
    removal = now() - removal;
    printf("{\"filters\":%zu,\"rooms\":%zu,\"documents\":%zu,\"found\":%zu,\"match_us\":%.3f,"
           "\"scan_match_us\":%.3f,\"parse_us\":%.3f,\"add_us\":%.3f,\"remove_us\":%.3f,"
           "\"bytes\":%.0f}\n",
           filters.count, count, documents.count, found, match * 1e6, scan * 1e6,
           parse / (double)filters.count * 1e6, add / (double)filters.count * 1e6,
           removal / (double)filters.count * 1e6, (double)memory / (double)filters.count);
    kdm_matcher_destroy(matcher);
    return 0;
}
