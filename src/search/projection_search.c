/* projection_search.c - a search from its query to its page.
 * Chunk by chunk: which documents match, which of them must be looked at, what they score, who is
 * among the first. The projection is held while a chunk is worked on and let go when somebody wants
 * to write, and while texts are fetched.
 */
#include "search/aggs_internal.h"
#include "search/projection_query.h"
#include <stdlib.h>

#define FETCH_BATCH 256 /* texts in one round trip */

/* --- looking at documents --------------------------------------------------------------------- */

struct candidates {
    uint32_t rows[FETCH_BATCH];
    struct kdm_str ids[FETCH_BATCH], texts[FETCH_BATCH];
    uint32_t count;
};

/* Lets go of the projection meanwhile. */
static void tell_all(struct kdm_run *run, struct candidates *batch, kdm_row_fn *fn, void *ctx)
{
    if (batch->count == 0 || run->result != KDM_PROJECTION_OK)
        return;
    kdm_run_let_go(run);
    if (!run->request->fetch(run->request->ctx, run->scratch, batch->ids, batch->texts,
                             batch->count))
        run->result = KDM_PROJECTION_CANCELLED;
    for (uint32_t i = 0; run->result != KDM_PROJECTION_CANCELLED && i < batch->count; i++) {
        struct kdm_query_document document = { .id = batch->ids[i] };

        if (kdm_str_none(batch->texts[i]))
            continue; /* gone meanwhile */
        document.source = kdm_json_parse(run->scratch, batch->texts[i]);
        fn(ctx, run, batch->rows[i], &document);
    }
    run->verified += batch->count;
    batch->count = 0;
    kdm_arena_reset(run->scratch);
    kdm_run_take_back(run);
}

void kdm_run_texts(struct kdm_run *run, const struct kdm_bits *rows, kdm_row_fn *fn, void *ctx)
{
    struct candidates *batch;
    uint32_t row;

    if (kdm_bits_empty(rows->words, run->words))
        return;
    if (run->request->fetch == NULL) {
        run->result = KDM_PROJECTION_NEEDS_TEXT;
        return;
    }
    batch = kdm_malloc(sizeof(*batch));
    batch->count = 0;
    kdm_arena_reset(run->scratch);
    KDM_EACH_BIT(rows->words, 0, run->words, row)
    {
        batch->rows[batch->count] = row;
        batch->ids[batch->count++] = kdm_arena_copy(
            run->scratch, kdm_projection_id(run->projection, run->chunk * KDM_CHUNK_ROWS + row));
        if (batch->count == FETCH_BATCH)
            tell_all(run, batch, fn, ctx);
    }
    tell_all(run, batch, fn, ctx);
    free(batch);
}

struct verification {
    const struct kdm_query *query;
    struct kdm_bits *out;
};

static void verify(void *ctx, struct kdm_run *run, uint32_t row,
                   const struct kdm_query_document *document)
{
    struct verification *verification = ctx;
    const struct kdm_query *too_costly = NULL;

    if (kdm_query_match(verification->query, run->scratch, document, NULL, &too_costly))
        kdm_bits_set(verification->out->words, row);
    if (too_costly != NULL)
        run->result = KDM_PROJECTION_TOO_COSTLY;
}

/* The chunk's documents that are there. */
static void live_rows(const struct kdm_run *run, struct kdm_bits *out)
{
    const struct kdm_projection *projection = run->projection;
    uint32_t first = run->chunk * KDM_CHUNK_WORDS, have = 0;

    if (projection->live_room > first)
        have = projection->live_room - first;
    if (have > run->words)
        have = run->words;
    if (have > 0)
        memcpy(out->words, projection->live + first, have * sizeof(uint64_t));
    memset(out->words + have, 0, (run->words - have) * sizeof(uint64_t));
}

void kdm_run_resolve(struct kdm_run *run, const struct kdm_plan *plan,
                     const struct kdm_query *query, const struct kdm_bits *within,
                     struct kdm_bits *out)
{
    struct verification verification = { .query = query };
    struct kdm_bits *low;

    if (plan->exact) {
        low = kdm_run_bits(run);
        kdm_plan_match(run, plan, within, low, out);
        kdm_run_give(run, low);
        return;
    }
    low = kdm_run_bits(run);
    kdm_plan_match(run, plan, within, low, out);
    kdm_bits_without(out->words, low->words, run->words); /* those between */
    verification.out = low;
    kdm_run_texts(run, out, verify, &verification);
    live_rows(run, out); /* some may have gone meanwhile */
    kdm_bits_and(out->words, low->words, run->words);
    kdm_plan_refresh(run);
    kdm_run_give(run, low);
}

/* --- a search --------------------------------------------------------------------------------- */

struct search {
    struct kdm_run run;
    struct kdm_plan *plan, *post;
    struct kdm_sorter *sorter;
    float *scores; /* of a chunk; NULL: they are all `score` */
    float score;
    float *aggs_scores; /* the same, of what is aggregated */
    uint64_t total;
};

static void add_hits(struct search *search, const struct kdm_bits *hits)
{
    struct kdm_run *run = &search->run;
    struct kdm_bits *promising;
    float least;

    search->total += kdm_bits_count(hits->words, run->words);
    if (search->sorter == NULL)
        return;
    if (search->scores == NULL) {
        kdm_sorter_add(search->sorter, hits, NULL, search->score);
        return;
    }
    promising = kdm_run_bits(run);
    if (kdm_sorter_least(search->sorter, &least)
        && kdm_plan_promising(run, search->plan, least, hits, promising))
        hits = promising;
    memset(search->scores, 0, run->words * 64 * sizeof(float));
    kdm_plan_score(run, search->plan, hits, 1, search->scores);
    kdm_sorter_add(search->sorter, hits, search->scores, search->score);
    kdm_run_give(run, promising);
}

static void score_aggregated(struct search *search, const struct kdm_bits *matched)
{
    struct kdm_run *run = &search->run;

    if (search->aggs_scores == NULL)
        return;
    memset(search->aggs_scores, 0, run->words * 64 * sizeof(float));
    kdm_plan_score(run, search->plan, matched, 1, search->aggs_scores);
}

/* Filters and nested objects may need texts; whoever goes meanwhile is taken out of `matched`. */
static void aggregate(struct search *search, struct kdm_bits *live, struct kdm_bits *matched)
{
    struct kdm_run *run = &search->run;

    kdm_aggs_filter(run, run->request->aggs, matched);
    live_rows(run, live);
    kdm_bits_and(matched->words, live->words, run->words);
    score_aggregated(search, matched);
    kdm_aggs_add(run, run->request->aggs, matched);
    kdm_aggs_fetch(run, run->request->aggs);
    live_rows(run, live);
    kdm_bits_and(matched->words, live->words, run->words);
    kdm_plan_refresh(run);
}

static void search_chunk(struct search *search)
{
    struct kdm_run *run = &search->run;
    const struct kdm_projection_search *request = run->request;
    struct kdm_bits *live = kdm_run_bits(run), *matched = kdm_run_bits(run);
    struct kdm_bits *hits = matched;

    live_rows(run, live);
    kdm_run_resolve(run, search->plan, request->query, live, matched);
    if (request->aggs != NULL && run->result == KDM_PROJECTION_OK)
        aggregate(search, live, matched);
    if (search->post != NULL) {
        hits = live;
        kdm_run_resolve(run, search->post, request->post_filter, matched, hits);
    }
    if (run->result == KDM_PROJECTION_OK)
        add_hits(search, hits);
    kdm_run_give(run, live);
    kdm_run_give(run, matched);
}

/* The order to take chunks in. Chunks that come after the search began need not be seen. */
static uint32_t *chunk_order(struct search *search, uint32_t count)
{
    uint32_t *chunks = kdm_arena_alloc(search->run.arena, (count + 1) * sizeof(*chunks));

    if (search->sorter != NULL) {
        kdm_sorter_chunks(search->sorter, chunks, count);
        return chunks;
    }
    for (uint32_t i = 0; i < count; i++)
        chunks[i] = i;
    return chunks;
}

static bool cancelled(const struct kdm_run *run)
{
    return run->request->cancelled != NULL
           && atomic_load_explicit(run->request->cancelled, memory_order_relaxed);
}

static void search_all(struct search *search)
{
    struct kdm_run *run = &search->run;
    uint32_t count = kdm_projection_chunks(run->projection);
    uint32_t *chunks = chunk_order(search, count);

    for (uint32_t i = 0; i < count && run->result == KDM_PROJECTION_OK; i++) {
        if (cancelled(run)) {
            run->result = KDM_PROJECTION_CANCELLED;
            return;
        }
        run->chunk = chunks[i];
        run->words = kdm_projection_words(run->projection, run->chunk);
        search_chunk(search);
        kdm_run_pause(run);
        kdm_plan_refresh(run);
    }
}

/* What is sorted by, and whether scores must be counted. */
static void prepare_order(struct search *search)
{
    const struct kdm_search *order = search->run.request->search;

    if (order == NULL || order->size == 0)
        return;
    if (order->by_score && kdm_plan_unfilled(search->run.projection, search->plan))
        search->run.result = KDM_PROJECTION_UNFILLED;
    search->sorter =
        kdm_sorter_create(&search->run, order, (size_t)order->from + (size_t)order->size);
    if (order->by_score && kdm_plan_varies(search->plan, &search->score))
        search->scores = kdm_malloc(KDM_CHUNK_ROWS * sizeof(*search->scores));
}

/* Hits of top_hits may be ordered by score too. */
static void prepare_aggs(struct search *search)
{
    struct kdm_run *run = &search->run;
    struct kdm_aggs *aggs = run->request->aggs;

    if (aggs == NULL || !aggs->by_score)
        return;
    if (kdm_plan_unfilled(run->projection, search->plan))
        run->result = KDM_PROJECTION_UNFILLED;
    if (kdm_plan_varies(search->plan, &aggs->score))
        search->aggs_scores = kdm_malloc(KDM_CHUNK_ROWS * sizeof(*search->aggs_scores));
    aggs->scores = search->aggs_scores;
}

static void prepare(struct search *search)
{
    struct kdm_run *run = &search->run;
    const struct kdm_projection_search *request = run->request;

    run->epoch = run->projection->gate.epoch;
    search->plan = kdm_plan_create(run, request->query);
    if (request->post_filter != NULL)
        search->post = kdm_plan_create(run, request->post_filter);
    if (request->aggs != NULL)
        kdm_aggs_begin(run, request->aggs);
    kdm_plan_refresh(run);
    prepare_order(search);
    prepare_aggs(search);
}

static void finish(struct search *search)
{
    struct kdm_run *run = &search->run;

    kdm_sorter_destroy(search->sorter);
    if (run->request->aggs != NULL)
        kdm_aggs_fini(run->request->aggs);
    free(search->scores);
    free(search->aggs_scores);
    for (uint32_t i = 0; i < run->bits_count; i++)
        free(run->bits[i]);
    free(run->bits);
}

enum kdm_projection_result kdm_projection_search(struct kdm_projection *projection,
                                                 struct kdm_arena *arena, struct kdm_arena *scratch,
                                                 const struct kdm_projection_search *request,
                                                 struct kdm_projection_page *ret_page)
{
    struct search search = {
        .run = { .projection = projection, .arena = arena, .scratch = scratch, .request = request }
    };
    struct kdm_run *run = &search.run;

    *ret_page = (struct kdm_projection_page){ 0 };
    kdm_gate_enter(&projection->gate, &run->ticket);
    kdm_run_hold(run);
    prepare(&search);
    if (run->result == KDM_PROJECTION_OK)
        search_all(&search);
    if (run->result == KDM_PROJECTION_OK && request->aggs != NULL)
        kdm_aggs_end(run, request->aggs);
    if (run->result == KDM_PROJECTION_OK && search.sorter != NULL)
        ret_page->hits =
            kdm_sorter_hits(search.sorter, (size_t)request->search->from, &ret_page->count);
    kdm_run_held(run);
    kdm_gate_leave(&projection->gate, &run->ticket);
    ret_page->held_us = (uint32_t)run->held_us;
    ret_page->total = search.total;
    ret_page->verified = run->verified;
    finish(&search);
    return run->result;
}
