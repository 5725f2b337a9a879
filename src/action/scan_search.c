/* scan_search.c - see scan_search.h. */
#include "action/scan_search.h"

#include <stdlib.h>

/* What the scan asks of each document; in the arena, because the scan outlives the run that began
 * it. */
struct filter {
    const struct kdm_search *search;
    kdm_tx_match_fn *accepts;
    void *ctx;
};

/* A regular expression that costs too much lets its document through: it is asked again when the
 * scan is done, and then the failure can be told. */
static bool passes(void *ctx, struct kdm_str id, struct kdm_val source)
{
    const struct filter *filter = ctx;
    struct kdm_failure failure = { .err = KDM_OK };
    struct kdm_arena scratch;
    bool matches;

    if (filter->accepts != NULL && !filter->accepts(filter->ctx, id, source))
        return false;
    kdm_arena_init(&scratch, 4096);
    matches =
        kdm_search_matches(filter->search->query, &scratch, &scratch, id, source, NULL, &failure)
        || failure.err != KDM_OK;
    kdm_arena_fini(&scratch);
    return matches;
}

/* Equal hits are told in the order in which they were last written, as Elasticsearch does. */
static int by_sequence(const void *a, const void *b)
{
    const struct kdm_doc *left = *(struct kdm_doc *const *)a, *right = *(struct kdm_doc *const *)b;

    if (left->sequence != right->sequence)
        return left->sequence < right->sequence ? -1 : 1;
    return kdm_str_cmp(left->id, right->id);
}

static bool make_hits(struct kdm_tx *tx, const struct kdm_search *search, struct kdm_doc **docs,
                      size_t count, struct kdm_hit *hits)
{
    struct kdm_failure failure = { .err = KDM_OK };
    struct kdm_arena scratch;

    kdm_arena_init(&scratch, 16384);
    for (size_t i = 0; i < count && failure.err == KDM_OK; i++) {
        struct kdm_val source = kdm_doc_source(tx, docs[i]);

        hits[i] = (struct kdm_hit){ .id = docs[i]->id, .source = docs[i]->text, .owner = docs[i] };
        kdm_arena_reset(&scratch);
        (void)kdm_search_matches(search->query, kdm_tx_arena(tx), &scratch, docs[i]->id, source,
                                 &hits[i].score, &failure);
        kdm_search_values(search, kdm_tx_arena(tx), &scratch, source, &hits[i]);
    }
    if (failure.err != KDM_OK)
        kdm_tx_fail_with(tx, &failure);
    kdm_arena_fini(&scratch);
    return failure.err == KDM_OK;
}

bool kdm_scan_search(struct kdm_tx *tx, const struct kdm_scan_search *ask,
                     struct kdm_scan_found *ret_found)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct filter *filter = kdm_arena_alloc(arena, sizeof(*filter));
    struct kdm_failure failure;
    struct kdm_doc **docs;
    struct kdm_doc_list list;
    struct kdm_hit *hits;
    size_t first;

    *filter = (struct filter){ .accepts = ask->accepts, .ctx = ask->ctx };
    filter->search = kdm_search_create(arena, ask->collection->mapping, &ask->request, &failure);
    if (filter->search == NULL) {
        kdm_tx_fail_with(tx, &failure);
        return false;
    }
    if (!kdm_tx_scan(tx, ask->name, ask->collection, false, passes, filter, &list))
        return false;
    docs = kdm_arena_alloc(arena, list.count * sizeof(struct kdm_doc *) + 1);
    if (list.count > 0)
        memcpy(docs, list.items, list.count * sizeof(struct kdm_doc *));
    qsort(docs, list.count, sizeof(struct kdm_doc *), by_sequence);
    hits = kdm_arena_alloc(arena, list.count * sizeof(*hits) + 1);
    if (!make_hits(tx, filter->search, docs, list.count, hits))
        return false;
    ret_found->count = kdm_search_page(filter->search, hits, list.count, &first);
    ret_found->hits = hits + first;
    ret_found->total = list.count;
    ret_found->search = filter->search;
    return true;
}

static void put_hit(struct kdm_tx *tx, const struct kdm_scan_search *ask,
                    const struct kdm_search *search, const struct kdm_hit *hit, struct kdm_buf *buf)
{
    struct kdm_buf source;

    kdm_buf_lit(buf, "{\"_id\":");
    kdm_json_put_str(buf, hit->id);
    kdm_buf_lit(buf, ",\"_score\":");
    if (search->by_score)
        kdm_json_put_double(buf, (double)hit->score);
    else
        kdm_buf_lit(buf, "null");
    kdm_buf_init(&source, kdm_tx_arena(tx), hit->source.len + 1);
    if (kdm_search_source(search, kdm_tx_arena(tx), kdm_doc_source(tx, hit->owner), &source)) {
        kdm_buf_lit(buf, ",\"_source\":");
        kdm_buf_put(buf, kdm_buf_str(&source));
    }
    kdm_buf_lit(buf, ",\"index\":");
    kdm_json_put_str(buf, ask->collection->index->name);
    kdm_buf_lit(buf, ",\"collection\":");
    kdm_json_put_str(buf, ask->collection->name);
    kdm_buf_char(buf, '}');
}

void kdm_scan_put_hits(struct kdm_tx *tx, const struct kdm_scan_search *ask,
                       const struct kdm_scan_found *found, struct kdm_buf *buf)
{
    for (size_t i = 0; i < found->count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        put_hit(tx, ask, found->search, &found->hits[i], buf);
    }
}
