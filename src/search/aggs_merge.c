/* aggs_merge.c - one answer from several collections.
 * Each collection is collected by itself, so that of two projections one at most is held; then its
 * buckets are put into those of a total that has the same shape, and only the total is ordered, cut
 * and shown. So nothing is lost that a part alone would have cut off, and the answer is that of one
 * collection with all documents. Keys of keywords are numbers of a dictionary: the total has its
 * own, of the texts that got as far as a bucket.
 */
#include "search/aggs_internal.h"
#include <stdlib.h>

#define STEPS 256 /* between two looks at the gate */

struct merge {
    struct kdm_run *from, *into; /* the run of a collection; the total's, which holds nothing */
    const struct kdm_agg_source *source;
    uint32_t steps;
};

/* `owners`: what buckets of the aggregation above became in the total. */
static void merge_one(struct merge *merge, struct kdm_agg *into, const struct kdm_agg *from,
                      const uint32_t *owners);

/* --- the total's shape ------------------------------------------------------------------------ */

static struct kdm_agg **copy_all(struct kdm_arena *arena, struct kdm_agg *const *items,
                                 uint32_t count);

/* The same aggregations below the copy. */
static void copy_path(struct kdm_agg_order *order, const struct kdm_agg *agg, struct kdm_agg *copy)
{
    for (uint32_t i = 0; i < order->depth; i++) {
        uint32_t at = 0;

        while (agg->children[at] != order->path[i])
            at++;
        agg = agg->children[at];
        copy = copy->children[at];
        order->path[i] = copy;
    }
}

static struct kdm_agg *copy_one(struct kdm_arena *arena, const struct kdm_agg *agg)
{
    struct kdm_agg *copy = kdm_arena_alloc(arena, sizeof(*copy));

    *copy = *agg;
    copy->children = copy_all(arena, agg->children, agg->child_count);
    for (uint32_t i = 0; i < copy->order_count; i++)
        copy_path(&copy->orders[i], agg, copy);
    return copy;
}

static struct kdm_agg **copy_all(struct kdm_arena *arena, struct kdm_agg *const *items,
                                 uint32_t count)
{
    struct kdm_agg **copies = kdm_arena_alloc(arena, (count + 1) * sizeof(*copies));

    for (uint32_t i = 0; i < count; i++)
        copies[i] = copy_one(arena, items[i]);
    return copies;
}

struct kdm_aggs *kdm_aggs_total(struct kdm_arena *arena, const struct kdm_aggs *aggs)
{
    struct kdm_aggs *total = kdm_arena_zalloc(arena, sizeof(*total));

    total->items = copy_all(arena, aggs->items, aggs->count);
    total->count = aggs->count;
    total->slab = kdm_arena_alloc(arena, sizeof(*total->slab));
    kdm_slab_init(total->slab);
    return total;
}

/* --- keys ------------------------------------------------------------------------------------- */

static bool has_texts(const struct kdm_agg *agg)
{
    return agg->column != NULL && agg->column->cell == KDM_CELL_TERM
           && (agg->kind == KDM_AGG_TERMS || agg->kind == KDM_AGG_CARDINALITY);
}

static void need_names(struct merge *merge, struct kdm_agg *into)
{
    if (into->own_names != NULL)
        return;
    into->own_names = kdm_arena_alloc(merge->into->arena, sizeof(*into->own_names));
    into->names = into->own_names;
    kdm_names_init(into->own_names, merge->into->request->aggs->slab, merge->from->projection->seed,
                   sizeof(struct kdm_agg_name));
}

static uint32_t take_name(struct kdm_agg *into, struct kdm_str text, bool used)
{
    uint32_t hash = kdm_names_hash(into->own_names, text);
    uint32_t name = kdm_names_find(into->own_names, text, hash);

    if (name == 0)
        name = kdm_names_add(into->own_names, text, hash);
    if (used)
        ((struct kdm_agg_name *)kdm_names_item(into->own_names, name))->used = true;
    return name;
}

static uint64_t total_key(struct kdm_agg *into, const struct kdm_agg *from, uint64_t key)
{
    return has_texts(from) ? take_name(into, kdm_agg_term_text(from, key), key != UINT32_MAX) : key;
}

/* Terms keep their numbers while the writer has its turn. */
static bool go_on(struct merge *merge)
{
    if (++merge->steps % STEPS == 0)
        kdm_run_pause(merge->from);
    return merge->into->result == KDM_PROJECTION_OK;
}

/* Terms without a bucket are shown too: the total needs to know them. */
static void take_dictionary(struct merge *merge, struct kdm_agg *into, const struct kdm_agg *from)
{
    const struct kdm_terms *terms =
        from->kind == KDM_AGG_TERMS && from->min_doc_count == 0 && from->column != NULL
            ? from->column->terms
            : NULL;

    for (uint32_t term = 1; terms != NULL && term < terms->names.count && go_on(merge); term++) {
        if (kdm_terms_at(terms, term)->count > 0)
            take_name(into, kdm_terms_text(terms, term), true);
        if (into->own_names->count > KDM_AGGS_MAX_COLLECTED)
            merge->into->result = KDM_PROJECTION_TOO_MANY_BUCKETS;
    }
}

/* --- buckets ---------------------------------------------------------------------------------- */

static void merge_children(struct merge *merge, struct kdm_agg *into, const struct kdm_agg *from,
                           const uint32_t *owners)
{
    for (uint32_t i = 0; i < from->child_count; i++)
        merge_one(merge, into->children[i], from->children[i], owners);
}

static void merge_buckets(struct merge *merge, struct kdm_agg *into, const struct kdm_agg *from,
                          const uint32_t *owners)
{
    uint32_t *buckets = kdm_malloc((from->bucket_count + 1) * sizeof(*buckets));

    for (uint32_t i = 0; i < from->bucket_count && go_on(merge); i++) {
        buckets[i] = kdm_agg_bucket(merge->into, into, owners[from->owners[i]],
                                    total_key(into, from, from->keys[i]));
        if (buckets[i] != KDM_AGG_NO_BUCKET)
            into->counts[buckets[i]] += from->counts[i];
    }
    take_dictionary(merge, into, from);
    merge_children(merge, into, from, buckets);
    free(buckets);
}

static void merge_nested(struct merge *merge, struct kdm_agg *into, const struct kdm_agg *from,
                         const uint32_t *owners)
{
    for (uint32_t owner = 0; owner < from->bucket_count; owner++)
        if (from->counts[owner] > 0)
            kdm_agg_nested_add(into, owners[owner], from->counts[owner]);
    merge_children(merge, into, from, owners);
}

/* --- metrics ---------------------------------------------------------------------------------- */

static void add_stats(struct kdm_agg_stats *into, const struct kdm_agg_stats *from)
{
    into->count += from->count;
    into->sum += from->sum;
    into->squares += from->squares;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
    into->low.lat = from->low.lat < into->low.lat ? from->low.lat : into->low.lat;
    into->low.lon = from->low.lon < into->low.lon ? from->low.lon : into->low.lon;
    into->high.lat = from->high.lat > into->high.lat ? from->high.lat : into->high.lat;
    into->high.lon = from->high.lon > into->high.lon ? from->high.lon : into->high.lon;
}

/* Both are in order; equal hits stay in that of the collections. */
static void merge_top(struct merge *merge, struct kdm_agg *into, uint32_t owner,
                      const struct kdm_hit *hits, size_t count)
{
    struct kdm_agg_top *top = &into->tops[owner];
    struct kdm_search order = *into->hits;
    size_t first;
    struct kdm_hit *all;

    if (count == 0 || !kdm_agg_can_collect(merge->into, count))
        return;
    order.size += order.from; /* which of them are shown is seen at the end */
    order.from = 0;
    all = kdm_arena_alloc(merge->into->arena, (top->count + count) * sizeof(*all));
    if (top->count > 0)
        memcpy(all, top->hits, top->count * sizeof(*all));
    memcpy(all + top->count, hits, count * sizeof(*all));
    top->count = kdm_search_page(&order, all, top->count + count, &first);
    top->hits = all + first;
}

static void merge_hits(struct merge *merge, struct kdm_agg *into, const struct kdm_agg *from,
                       const uint32_t *owners)
{
    for (uint32_t i = 0; i < from->owner_count && go_on(merge); i++) {
        size_t count;
        struct kdm_hit *hits = kdm_agg_hits(from, i, 0, merge->source, &count);

        if (from->stats[i].count == 0)
            continue;
        kdm_agg_stats(into, owners[i])->count += from->stats[i].count;
        merge_top(merge, into, owners[i], hits, count);
    }
}

static void merge_metric(struct merge *merge, struct kdm_agg *into, const struct kdm_agg *from,
                         const uint32_t *owners)
{
    switch (from->kind) {
    case KDM_AGG_CARDINALITY:
        for (uint32_t i = 0; i < from->bucket_count && go_on(merge); i++)
            kdm_agg_keep_distinct(merge->into, into, owners[from->owners[i]],
                                  total_key(into, from, from->keys[i]));
        break;
    case KDM_AGG_PERCENTILES:
        for (uint64_t i = 0; i < from->value_count && go_on(merge); i++)
            kdm_agg_keep(merge->into, into, owners[from->values[i].owner], from->values[i].word);
        break;
    case KDM_AGG_TOP_HITS:
        merge_hits(merge, into, from, owners);
        break;
    default:
        for (uint32_t i = 0; i < from->owner_count; i++)
            if (from->stats[i].count > 0)
                add_stats(kdm_agg_stats(into, owners[i]), &from->stats[i]);
    }
}

/* --- all of it -------------------------------------------------------------------------------- */

static void merge_one(struct merge *merge, struct kdm_agg *into, const struct kdm_agg *from,
                      const uint32_t *owners)
{
    if (merge->into->result != KDM_PROJECTION_OK)
        return;
    if (has_texts(from))
        need_names(merge, into);
    if (!kdm_agg_has_buckets(from))
        merge_metric(merge, into, from, owners);
    else if (from->kind == KDM_AGG_NESTED)
        merge_nested(merge, into, from, owners);
    else
        merge_buckets(merge, into, from, owners);
}

void kdm_aggs_merge(struct kdm_run *run, const struct kdm_aggs *aggs)
{
    struct kdm_aggs *total = run->request->total;
    const struct kdm_projection_search request = { .aggs = total };
    struct kdm_run into = { .arena = run->arena, .scratch = run->scratch, .request = &request };
    struct merge merge = { .from = run, .into = &into, .source = kdm_agg_source(run) };
    const uint32_t owners[1] = { 0 };

    for (uint32_t i = 0; run->result == KDM_PROJECTION_OK && i < aggs->count; i++)
        merge_one(&merge, total->items[i], aggs->items[i], owners);
    if (run->result == KDM_PROJECTION_OK)
        run->result = into.result;
}

enum kdm_projection_result kdm_aggs_answer(struct kdm_aggs *total, struct kdm_arena *arena,
                                           struct kdm_arena *scratch)
{
    const struct kdm_projection_search request = { .aggs = total };
    struct kdm_run run = { .arena = arena, .scratch = scratch, .request = &request };

    kdm_aggs_render(&run, total);
    return run.result;
}

static void free_names(struct kdm_agg *agg)
{
    if (agg->own_names != NULL)
        kdm_names_fini(agg->own_names);
    for (uint32_t i = 0; i < agg->child_count; i++)
        free_names(agg->children[i]);
}

void kdm_aggs_destroy_total(struct kdm_aggs *total)
{
    if (total == NULL)
        return;
    kdm_aggs_fini(total);
    for (uint32_t i = 0; i < total->count; i++)
        free_names(total->items[i]);
    kdm_slab_fini(total->slab);
}
