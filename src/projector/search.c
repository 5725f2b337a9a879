/* search.c - what a worker does with a search.
 * It parses the query, asks each collection's projection and makes the page. A search that must
 * look at documents asks the loop to fetch their texts and sleeps meanwhile.
 */
#include "projector/internal.h"
#include <stdlib.h>

/* --- texts ---------------------------------------------------------------------------------------
 */

/* The searching thread holds nothing meanwhile (projection.h). */
static bool fetch_texts(void *ctx, struct kdm_arena *arena, const struct kdm_str *ids,
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

/* --- parsing -------------------------------------------------------------------------------------
 */

static struct kdm_val parse_text(struct kdm_find *find, struct kdm_str text)
{
    return kdm_str_none(text) ? KDM_VAL_NONE : kdm_json_parse(&find->arena, text);
}

static struct kdm_search *parse_search(struct kdm_find *find, const struct kdm_mapping *mapping)
{
    const struct kdm_find_request *request = &find->request;
    const struct kdm_search_request asked = { .body = parse_text(find, request->body),
                                              .lang = request->lang,
                                              .from = request->from,
                                              .size = request->size,
                                              .now_ms = request->now_ms,
                                              .aggregates = request->aggregates };
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
static bool parse_part(struct kdm_find *find, struct kdm_find_part *part)
{
    const struct kdm_mapping *mapping = part->found->collection->mapping;
    struct kdm_query *filter;

    part->search = parse_search(find, mapping);
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

/* --- searching -----------------------------------------------------------------------------------
 */

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
                  KDM_STR("[aggs] there are too many buckets, or values to remember"));
        return false;
    case KDM_PROJECTION_NEEDS_TEXT:
    case KDM_PROJECTION_CANCELLED:
        break;
    }
    fail_with(find, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED, KDM_STR(""));
    return false;
}

/* Of several collections each gives what may be on the page; then they are put together. */
static bool search_part(struct kdm_find *find, struct kdm_find_part *part, int64_t from,
                        int64_t size)
{
    struct kdm_search order = *part->search;
    struct kdm_projection_search asked = { .query = part->query,
                                           .search = &order,
                                           .aggs = order.aggs,
                                           .post_filter = order.post_filter,
                                           .fetch = fetch_texts,
                                           .ctx = part,
                                           .cancelled = &find->cancelled };

    order.from = from;
    order.size = size;
    if (!succeeded(find, kdm_projection_search(part->edition->projection, &find->arena,
                                               &find->scratch, &asked, &part->page)))
        return false;
    for (size_t i = 0; i < part->page.count; i++)
        part->page.hits[i].owner = part->found;
    find->try.result.found.total += part->page.total;
    if (order.aggs != NULL)
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
        if (!search_part(find, &find->parts[0], from, size))
            return false;
        found->hits = find->parts[0].page.hits;
        found->hit_count = find->parts[0].page.count;
        return true;
    }
    for (size_t i = 0; i < find->part_count; i++)
        if (!search_part(find, &find->parts[i], 0, from + size))
            return false;
    merge(find, from, size);
    return true;
}

static bool run_search(struct kdm_find *find)
{
    struct kdm_found *found = &find->try.result.found;

    for (size_t i = 0; i < find->part_count; i++)
        if (!parse_part(find, &find->parts[i]))
            return false;
    if (find->part_count > 1 && find->parts[0].search->aggs != NULL) {
        fail_with(find, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                  KDM_STR("[aggs] can't be asked of several collections at once"));
        return false;
    }
    if (!search_all(find))
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
