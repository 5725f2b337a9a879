/* search.c - what a worker does with a search.
 * It parses the query, asks each collection's projection and makes the page. A search that must
 * look at documents asks the loop to fetch their texts and sleeps meanwhile.
 */
#include "projector/internal.h"
#include <stdlib.h>

/* --- texts ------------------------------------------------------------------------------------ */

/* The searching thread holds nothing meanwhile (projection.h). */
bool kdm_find_texts(void *ctx, struct kdm_arena *arena, const struct kdm_str *ids,
                    struct kdm_str *ret_texts, size_t count)
{
    struct kdm_find_part *part = ctx;
    struct fetch *fetch = kdm_zalloc(sizeof(*fetch));
    bool done_well;

    fetch->part = part;
    fetch->ids = ids;
    fetch->count = count;
    fetch->texts = kdm_arena_zalloc(arena, count * sizeof(*fetch->texts) + 1);
    sem_init(&fetch->done, 0, 0);
    kdm_projector_post(part->find->projector, &fetch->letter, LETTER_FETCH);
    kdm_wait_for(&fetch->done);
    if (fetch->abandoned)
        return false;
    done_well = fetch->done_well;
    for (size_t i = 0; done_well && i < count; i++)
        ret_texts[i] = kdm_arena_copy(arena, fetch->texts[i]);
    sem_destroy(&fetch->done);
    free(fetch->bytes);
    free(fetch);
    return done_well;
}

/* --- parsing ---------------------------------------------------------------------------------- */

static struct kdm_val parse_text(struct kdm_find *find, struct kdm_str text)
{
    return kdm_str_none(text) ? KDM_VAL_NONE : kdm_json_parse(&find->arena, text);
}

static struct kdm_search *parse_search(struct kdm_find *find, const struct kdm_mapping *mapping,
                                       struct kdm_peers *peers)
{
    const struct kdm_find_request *request = &find->request;
    const struct kdm_search_request asked = { .body = parse_text(find, request->body),
                                              .lang = request->lang,
                                              .from = request->from,
                                              .size = request->size,
                                              .window = request->deep ? KDM_FIND_MOST : 0,
                                              .now_ms = request->now_ms,
                                              .aggregates = request->aggregates,
                                              .peers = peers };
    struct kdm_search *search;

    if (!request->bare)
        return kdm_search_create(&find->arena, mapping, &asked, &find->try.result.failure);
    search = kdm_arena_zalloc(&find->arena, sizeof(*search));
    search->query = kdm_search_query(&find->arena, mapping, asked.body, asked.lang, asked.now_ms,
                                     &find->try.result.failure);
    search->size = request->size > 0 ? request->size : 0;
    return search->query != NULL ? search : NULL;
}

/* Each collection's mapping says what the query means there. */
static bool parse_part(struct kdm_find *find, struct kdm_find_part *part, struct kdm_peers *peers)
{
    const struct kdm_mapping *mapping = part->found->collection->mapping;
    struct kdm_query *filter;

    part->search = parse_search(find, mapping, peers);
    if (part->search == NULL)
        return false;
    part->found->search = part->search;
    part->query = part->search->query;
    if (kdm_str_none(find->request.filter))
        return true;
    filter =
        kdm_search_query(&find->arena, mapping, parse_text(find, find->request.filter),
                         KDM_LANG_ELASTICSEARCH, find->request.now_ms, &find->try.result.failure);
    if (filter == NULL)
        return false;
    part->query = kdm_search_narrow(&find->arena, part->query, filter);
    return true;
}

static bool parse_all(struct kdm_find *find)
{
    const struct kdm_mapping **mappings =
        kdm_arena_alloc(&find->arena, find->part_count * sizeof(*mappings));
    struct kdm_peers peers = { .mappings = mappings, .count = find->part_count };

    for (size_t i = 0; i < find->part_count; i++)
        mappings[i] = find->parts[i].found->collection->mapping;
    for (size_t i = 0; i < find->part_count; i++)
        if (!parse_part(find, &find->parts[i], find->part_count > 1 ? &peers : NULL))
            return false;
    return true;
}

/* --- searching -------------------------------------------------------------------------------- */

static void fail_with(struct kdm_find *find, enum kdm_err err, struct kdm_str text)
{
    kdm_failure_set(&find->try.result.failure, &find->arena, err, KDM_PROPS(text));
}

static bool succeeded(struct kdm_find *find, enum kdm_projection_result result)
{
    switch (result) {
    case KDM_PROJECTION_OK:
        return true;
    case KDM_PROJECTION_TOO_COSTLY:
        fail_with(find, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                  KDM_STR("[regexp] the expression takes too many steps on a document"));
        return false;
    case KDM_PROJECTION_TOO_MANY_BUCKETS:
        fail_with(find, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                  kdm_arena_printf(&find->arena,
                                   "[aggs] there are too many buckets: %u can be answered, of %u "
                                   "that are collected, with %u values to remember",
                                   KDM_AGGS_MAX_BUCKETS, KDM_AGGS_MAX_COLLECTED,
                                   KDM_AGGS_MAX_VALUES));
        return false;
    case KDM_PROJECTION_UNFILLED:
        find->try.unfilled = true; /* it is begun again, and fails only where it can't be */
        break;
    case KDM_PROJECTION_NEEDS_TEXT:
    case KDM_PROJECTION_CANCELLED:
        break;
    }
    fail_with(find, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED, KDM_STR(""));
    return false;
}

bool kdm_find_ask(struct kdm_find_part *part, const struct kdm_projection_search *asked,
                  struct kdm_projection_page *ret_page)
{
    struct kdm_find *find = part->find;
    enum kdm_projection_result result = kdm_projection_search(
        part->edition->projection, &find->arena, &find->scratch, asked, ret_page);

    part->whole |= result == KDM_PROJECTION_UNFILLED;
    return succeeded(find, result);
}

/* As Kuzzle calls the collection in Elasticsearch, whose top_hits it passes on. Names of indexes of
 * the server's own begin with a sign of theirs. */
static struct kdm_str index_name(struct kdm_find *find, const struct kdm_collection *collection)
{
    struct kdm_str index = collection->index->name;

    return kdm_arena_printf(&find->arena, "%s" KDM_FMT "." KDM_FMT,
                            kdm_str_starts(index, KDM_STR("%")) ? "" : "&", KDM_ARG(index),
                            KDM_ARG(collection->name));
}

/* Of several collections each gives what may be on the page; then they are put together. */
static bool search_part(struct kdm_find *find, struct kdm_find_part *part, int64_t from,
                        int64_t size, struct kdm_aggs *total)
{
    struct kdm_search order = *part->search;
    struct kdm_projection_search asked = { .query = part->query,
                                           .search = &order,
                                           .aggs = order.aggs,
                                           .total = total,
                                           .post_filter = order.post_filter,
                                           .fetch = kdm_find_texts,
                                           .ctx = part,
                                           .cancelled = &find->cancelled };

    if (order.aggs != NULL)
        asked.index = index_name(find, part->found->collection);
    order.from = from;
    order.size = size;
    if (!kdm_find_ask(part, &asked, &part->page))
        return false;
    for (size_t i = 0; i < part->page.count; i++)
        part->page.hits[i].owner = part->found;
    find->try.result.found.total += part->page.total;
    if (order.aggs != NULL && total == NULL)
        find->try.result.found.aggregations = kdm_aggs_text(order.aggs);
    return true;
}

static void merge(struct kdm_find *find, int64_t from, int64_t size)
{
    struct kdm_search order = *find->parts[0].search;
    struct kdm_found *found = &find->try.result.found;
    size_t count = 0, first;

    for (size_t i = 0; i < find->part_count; i++)
        count += find->parts[i].page.count;
    found->hits = kdm_arena_alloc(&find->arena, (count + 1) * sizeof(*found->hits));
    count = 0;
    for (size_t i = 0; i < find->part_count; i++) {
        const struct kdm_projection_page *page = &find->parts[i].page;

        if (page->count > 0)
            memcpy(found->hits + count, page->hits, page->count * sizeof(*page->hits));
        count += page->count;
    }
    order.from = from;
    order.size = size;
    found->hit_count = kdm_search_page(&order, found->hits, count, &first);
    found->hits += first;
}

static bool search_each(struct kdm_find *find, int64_t size, struct kdm_aggs *total)
{
    for (size_t i = 0; i < find->part_count; i++)
        if (!search_part(find, &find->parts[i], 0, size, total))
            return false;
    if (total == NULL)
        return true;
    if (!succeeded(find, kdm_aggs_answer(total, &find->arena, &find->scratch)))
        return false;
    find->try.result.found.aggregations = kdm_aggs_text(total);
    return true;
}

static bool search_several(struct kdm_find *find, int64_t from, int64_t size)
{
    const struct kdm_aggs *aggs = find->parts[0].search->aggs;
    struct kdm_aggs *total = aggs == NULL ? NULL : kdm_aggs_total(&find->arena, aggs);
    bool searched = search_each(find, from + size, total);

    kdm_aggs_destroy_total(total);
    if (searched)
        merge(find, from, size);
    return searched;
}

static bool search_all(struct kdm_find *find)
{
    const struct kdm_search *first = find->parts[0].search;
    int64_t from = first->from, size = first->size;
    struct kdm_found *found = &find->try.result.found;

    if (find->request.all) {
        from = 0;
        size = KDM_FIND_MOST + 1;
    }
    if (find->part_count == 1) {
        if (!search_part(find, &find->parts[0], from, size, NULL))
            return false;
        found->hits = find->parts[0].page.hits;
        found->hit_count = find->parts[0].page.count;
        return true;
    }
    return search_several(find, from, size);
}

static bool run_search(struct kdm_find *find)
{
    struct kdm_found *found = &find->try.result.found;

    if (!parse_all(find) || !search_all(find) || !kdm_find_inner(find))
        return false;
    if (found->hit_count > KDM_FIND_MOST) {
        fail_with(find, KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED, KDM_STR(""));
        return false;
    }
    found->page_count = found->hit_count;
    if (find->request.all && found->page_count > (size_t)find->parts[0].search->size)
        found->page_count = (size_t)find->parts[0].search->size;
    found->parts = find->found_parts;
    found->part_count = find->part_count;
    return true;
}

/* The pages behind the first. There may be a hundred thousand: this is not for the loop. */
static void make_pages(struct kdm_find *find)
{
    struct kdm_found *found = &find->try.result.found;
    size_t size = found->page_count, rest = found->hit_count - size, at = size;
    struct kdm_str *pages;

    if (find->request.pages == NULL || size == 0)
        return;
    pages = kdm_arena_alloc(&find->arena, (rest / size + 1) * sizeof(*pages));
    for (size_t count; rest > 0; at += count) {
        count = rest < size ? rest : size;
        rest -= count;
        pages[found->pages_count++] =
            find->request.pages(&find->arena, found, found->hits + at, count, rest);
    }
    found->pages = pages;
}

void kdm_find_search(struct kdm_find *find)
{
    bool found;

    if (atomic_load_explicit(&find->cancelled, memory_order_relaxed))
        return;
    found = run_search(find);
    if (found)
        make_pages(find);
    find->try.result.outcome = found ? KDM_FIND_FOUND : KDM_FIND_FAILED;
}
