/* inner.c - "inner_hits" of a collapsed search.
 * Each hit of its page stands for a group: a worker asks for each of them once more, in the order
 * that the inner hits want. Sources are those of now: a hit of a group that is none any more is
 * left out.
 */
#include "projector/internal.h"

#define BATCH 500 /* texts in one round trip */

/* Of each hit the query for its group, in each part. */
struct inner {
    struct kdm_find *find;
    struct kdm_query **queries;
};

static struct kdm_query *query_of(const struct inner *inner, size_t hit, size_t part)
{
    return inner->queries[hit * inner->find->part_count + part];
}

/* --- searching -------------------------------------------------------------------------------- */

static void make_queries(struct inner *inner)
{
    struct kdm_find *find = inner->find;
    const struct kdm_found *found = &find->try.result.found;

    inner->queries = kdm_arena_alloc(&find->arena, (found->hit_count * find->part_count + 1)
                                                       * sizeof(*inner->queries));
    for (size_t i = 0; i < found->hit_count; i++)
        for (size_t j = 0; j < find->part_count; j++) {
            const struct kdm_search *search = find->parts[j].search;
            struct kdm_query *group = kdm_search_group(&find->arena, search->collapse,
                                                       &found->hits[i].values[search->sort_count]);

            inner->queries[i * find->part_count + j] =
                kdm_search_narrow(&find->arena, find->parts[j].query, group);
        }
}

/* The first hits of the group that are in one part. */
static bool search_part(struct kdm_find_part *part, struct kdm_query *query, size_t number,
                        struct kdm_projection_page *ret_page)
{
    struct kdm_search order = part->search->inner[number].order;
    const struct kdm_projection_search asked = { .query = query,
                                                 .search = &order,
                                                 .post_filter = part->search->post_filter,
                                                 .fetch = kdm_find_texts,
                                                 .ctx = part,
                                                 .cancelled = &part->find->cancelled };

    order.size += order.from; /* what is shown is seen when all parts are together */
    order.from = 0;
    if (!kdm_find_ask(part, &asked, ret_page))
        return false;
    for (size_t i = 0; i < ret_page->count; i++)
        ret_page->hits[i].owner = part->found;
    return true;
}

static bool search_group(struct inner *inner, size_t hit, size_t number,
                         struct kdm_hit_group *group)
{
    struct kdm_find *find = inner->find;
    const struct kdm_search *order = &find->parts[0].search->inner[number].order;
    struct kdm_projection_page page;
    struct kdm_hit *all;
    size_t first;

    for (size_t i = 0; i < find->part_count; i++) {
        if (!search_part(&find->parts[i], query_of(inner, hit, i), number, &page))
            return false;
        if (page.count == 0)
            continue;
        all = kdm_arena_alloc(&find->arena, (group->count + page.count) * sizeof(*all));
        if (group->count > 0)
            memcpy(all, group->hits, group->count * sizeof(*all));
        memcpy(all + group->count, page.hits, page.count * sizeof(*all));
        group->hits = all;
        group->count += page.count;
    }
    if (group->count == 0)
        return true; /* all of it has gone since the page was made */
    group->count = kdm_search_page(order, group->hits, group->count, &first);
    group->hits += first;
    return true;
}

static bool search_groups(struct inner *inner)
{
    struct kdm_find *find = inner->find;
    struct kdm_found *found = &find->try.result.found;
    size_t count = find->parts[0].search->inner_count;

    for (size_t i = 0; i < found->hit_count; i++) {
        struct kdm_hit_group *groups = kdm_arena_zalloc(&find->arena, count * sizeof(*groups));

        for (size_t j = 0; j < count; j++)
            if (!search_group(inner, i, j, &groups[j]))
                return false;
        found->hits[i].groups = groups;
    }
    return true;
}

/* --- sources ---------------------------------------------------------------------------------- */

struct batch_of_hits {
    struct kdm_find_part *part;
    struct kdm_hit *hits[BATCH];
    size_t count;
};

static bool fetch_batch(struct batch_of_hits *batch)
{
    struct kdm_find *find = batch->part->find;
    struct kdm_str ids[BATCH], texts[BATCH];

    for (size_t i = 0; i < batch->count; i++)
        ids[i] = batch->hits[i]->id;
    memset(texts, 0, sizeof(texts));
    if (!kdm_find_texts(batch->part, &find->arena, ids, texts, batch->count)) {
        kdm_failure_set(&find->try.result.failure, &find->arena,
                        KDM_ERR_SERVICES_CACHE_NOT_CONNECTED, NULL, 0);
        return false;
    }
    for (size_t i = 0; i < batch->count; i++) {
        batch->hits[i]->source = texts[i];
        find->try.bytes += texts[i].len;
    }
    batch->count = 0;
    if (find->try.bytes <= KDM_FIND_MOST_BYTES)
        return true;
    kdm_failure_set(&find->try.result.failure, &find->arena,
                    KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED, NULL, 0);
    return false;
}

static bool fetch_group(struct batch_of_hits *batch, const struct kdm_hit_group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        if (group->hits[i].owner != batch->part->found)
            continue;
        batch->hits[batch->count++] = &group->hits[i];
        if (batch->count == BATCH && !fetch_batch(batch))
            return false;
    }
    return true;
}

static bool fetch_part(struct kdm_find_part *part)
{
    const struct kdm_found *found = &part->find->try.result.found;
    struct batch_of_hits batch = { .part = part };

    for (size_t i = 0; i < found->hit_count; i++)
        for (size_t j = 0; j < part->search->inner_count; j++)
            if (!fetch_group(&batch, &found->hits[i].groups[j]))
                return false;
    return batch.count == 0 || fetch_batch(&batch);
}

/* Hits that are gone, or of the group no more, leave. */
static void leave_out_changed(struct inner *inner, size_t hit, struct kdm_hit_group *group)
{
    struct kdm_find *find = inner->find;
    size_t kept = 0;

    for (size_t i = 0; i < group->count; i++) {
        const struct kdm_found_part *owner = group->hits[i].owner;
        size_t part = (size_t)(owner - find->found_parts);
        const struct kdm_query *filter = find->parts[part].search->post_filter;
        struct kdm_str id = group->hits[i].id, text = group->hits[i].source;

        if (!kdm_str_none(text) && kdm_find_matches(find, query_of(inner, hit, part), id, text)
            && (filter == NULL || kdm_find_matches(find, filter, id, text)))
            group->hits[kept++] = group->hits[i];
    }
    group->count = kept;
}

bool kdm_find_inner(struct kdm_find *find)
{
    struct inner inner = { .find = find };
    const struct kdm_found *found = &find->try.result.found;
    size_t count = find->parts[0].search->inner_count;

    if (count == 0 || !find->request.sources || find->request.all)
        return true;
    make_queries(&inner);
    if (!search_groups(&inner))
        return false;
    for (size_t i = 0; i < find->part_count; i++)
        if (!fetch_part(&find->parts[i]))
            return false;
    for (size_t i = 0; i < found->hit_count; i++)
        for (size_t j = 0; j < count; j++)
            leave_out_changed(&inner, i, &found->hits[i].groups[j]);
    return true;
}
