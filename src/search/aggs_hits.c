/* aggs_hits.c - what top_hits answers: the first documents of a bucket.
 * Their sources are fetched when they are told; the projection is let go meanwhile.
 */
#include "search/aggs_internal.h"

static void put_sort_value(struct kdm_buf *buf, const struct kdm_sort_value *value)
{
    if (value->missing)
        kdm_buf_lit(buf, "null");
    else if (value->key.is_text)
        kdm_json_put_str(buf, value->key.text);
    else if (value->key.number.whole)
        kdm_buf_int(buf, value->key.number.i);
    else
        kdm_json_put_double(buf, value->key.number.d);
}

const struct kdm_agg_source *kdm_agg_source(struct kdm_run *run)
{
    struct kdm_agg_source *source = kdm_arena_alloc(run->arena, sizeof(*source));

    *source = (struct kdm_agg_source){ .fetch = run->request->fetch,
                                       .ctx = run->request->ctx,
                                       .index = run->request->index };
    return source;
}

struct kdm_hit *kdm_agg_hits(const struct kdm_agg *agg, uint32_t owner, size_t from,
                             const struct kdm_agg_source *source, size_t *ret_count)
{
    struct kdm_hit *hits;

    *ret_count = 0;
    if (owner >= agg->owner_count || agg->sorters == NULL)
        return NULL;
    if (agg->sorters[owner] == NULL) { /* a total has none */
        const struct kdm_agg_top *top = &agg->tops[owner];

        *ret_count = top->count > from ? top->count - from : 0;
        return *ret_count > 0 ? top->hits + from : NULL;
    }
    hits = kdm_sorter_hits(agg->sorters[owner], from, ret_count);
    for (size_t i = 0; i < *ret_count; i++)
        hits[i].owner = (void *)(uintptr_t)source;
    return hits;
}

/* The texts of those hits that are of one source. */
static bool fetch_of(struct kdm_arena *arena, const struct kdm_agg_source *source,
                     const struct kdm_hit *hits, size_t count, struct kdm_str *texts)
{
    struct kdm_str *ids = kdm_arena_alloc(arena, count * sizeof(*ids));
    struct kdm_str *found = kdm_arena_alloc(arena, count * sizeof(*found));
    size_t wanted = 0, at = 0;

    for (size_t i = 0; i < count; i++)
        if (hits[i].owner == source)
            ids[wanted++] = hits[i].id;
    if (source->fetch == NULL || !source->fetch(source->ctx, arena, ids, found, wanted))
        return false;
    for (size_t i = 0; i < count; i++)
        if (hits[i].owner == source)
            texts[i] = found[at++];
    return true;
}

/* Is it the first hit of its source? */
static bool is_first(const struct kdm_hit *hits, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (hits[i].owner == hits[at].owner)
            return false;
    return true;
}

/* The hits' texts as they are now, into `arena`; NULL: none are wanted, or there is no fetch. Lets
 * go of the projection meanwhile. */
static struct kdm_str *fetch_texts(struct kdm_run *run, const struct kdm_agg *agg,
                                   struct kdm_arena *arena, const struct kdm_hit *hits,
                                   size_t count)
{
    struct kdm_str *texts;

    if (count == 0 || agg->hits->source.none
        || ((const struct kdm_agg_source *)hits[0].owner)->fetch == NULL)
        return NULL;
    texts = kdm_arena_zalloc(arena, count * sizeof(*texts));
    kdm_run_let_go(run);
    for (size_t i = 0; i < count && run->result == KDM_PROJECTION_OK; i++)
        if (is_first(hits, i) && !fetch_of(arena, hits[i].owner, hits, count, texts))
            run->result = KDM_PROJECTION_CANCELLED;
    kdm_run_take_back(run);
    return run->result == KDM_PROJECTION_OK ? texts : NULL;
}

static void put_source(struct kdm_buf *buf, const struct kdm_agg *agg, struct kdm_arena *arena,
                       struct kdm_str text)
{
    if (kdm_str_none(text))
        return; /* gone meanwhile */
    kdm_buf_lit(buf, ",\"_source\":");
    kdm_search_source(agg->hits, arena, kdm_json_parse(arena, text), buf);
}

/* As Elasticsearch's own hits begin. */
static void put_place(struct kdm_buf *buf, const struct kdm_agg_source *source)
{
    if (kdm_str_none(source->index))
        return;
    kdm_buf_lit(buf, "\"_index\":");
    kdm_json_put_str(buf, source->index);
    kdm_buf_lit(buf, ",\"_type\":\"_doc\",");
}

static void put_score(struct kdm_buf *buf, const char *name, bool has, double score)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    if (has)
        kdm_json_put_double(buf, score);
    else
        kdm_buf_lit(buf, "null");
}

static void put_hit(struct kdm_agg_render *render, const struct kdm_agg *agg,
                    const struct kdm_hit *hit)
{
    struct kdm_buf *buf = render->buf;

    kdm_buf_char(buf, '{');
    put_place(buf, hit->owner);
    kdm_buf_lit(buf, "\"_id\":");
    kdm_json_put_str(buf, hit->id);
    put_score(buf, "_score", agg->hits->by_score, (double)hit->score);
}

static void put_sort_values(struct kdm_buf *buf, const struct kdm_search *order,
                            const struct kdm_hit *hit)
{
    for (size_t i = 0; i < order->sort_count; i++) {
        kdm_buf_put(buf, i == 0 ? KDM_STR(",\"sort\":[") : KDM_STR(","));
        put_sort_value(buf, &hit->values[i]);
    }
    if (order->sort_count > 0)
        kdm_buf_char(buf, ']');
}

/* How many there are, and the best score where the order is by score alone. */
static void put_hits_head(struct kdm_buf *buf, const struct kdm_agg *agg, uint32_t owner,
                          const struct kdm_hit *best)
{
    uint64_t total = owner < agg->owner_count ? agg->stats[owner].count : 0;

    kdm_buf_printf(buf, "{\"hits\":{\"total\":{\"value\":%llu,\"relation\":\"eq\"}",
                   (unsigned long long)total);
    put_score(buf, "max_score", best != NULL && agg->hits->sort_count == 0,
              best == NULL ? 0 : (double)best->score);
    kdm_buf_lit(buf, ",\"hits\":[");
}

void kdm_agg_put_hits(struct kdm_agg_render *render, const struct kdm_agg *agg, uint32_t owner)
{
    struct kdm_buf *buf = render->buf;
    size_t count, from = (size_t)agg->hits->from;
    struct kdm_hit *hits = kdm_agg_hits(agg, owner, 0, render->source, &count);
    struct kdm_arena arena;
    struct kdm_str *texts;

    put_hits_head(buf, agg, owner, count > 0 ? &hits[0] : NULL);
    count = count > from ? count - from : 0;
    hits = count > 0 ? hits + from : NULL;
    kdm_arena_init(&arena, 16384);
    texts = fetch_texts(render->run, agg, &arena, hits, count);
    for (size_t i = 0; i < count && kdm_agg_answer_one(render); i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        put_hit(render, agg, &hits[i]);
        if (texts != NULL)
            put_source(buf, agg, &arena, texts[i]);
        put_sort_values(buf, agg->hits, &hits[i]);
        kdm_buf_char(buf, '}');
    }
    kdm_arena_fini(&arena);
    kdm_buf_lit(buf, "]}");
}
