/* search.c - see search.h. */
#include "action/search.h"
#include "action/kuzzle/target.h"

enum kdm_search_lang kdm_search_lang_of(const struct kdm_args *args)
{
    return kdm_args_has(args, KDM_ARG_LANG)
                   && kdm_str_eq(kdm_args_str(args, KDM_ARG_LANG), KDM_STR("koncorde"))
               ? KDM_LANG_KONCORDE
               : KDM_LANG_ELASTICSEARCH;
}

struct kdm_find_request kdm_search_request(const struct kdm_args *args, struct kdm_val body)
{
    return (struct kdm_find_request){ .body = kdm_val_text(body),
                                      .from = kdm_args_int(args, KDM_ARG_FROM, -1),
                                      .size = kdm_args_int(args, KDM_ARG_SIZE, -1),
                                      .sources = true };
}

bool kdm_search_size_allowed(struct kdm_tx *tx, int64_t from, int64_t size)
{
    if (size - (from > 0 ? from : 0) <= kdm_server_of(tx)->limits.documents_fetch)
        return true;
    kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED, NULL, 0);
    return false;
}

static void put_source(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_search *search,
                       struct kdm_str source)
{
    const struct kdm_source_filter *filter = &search->source;
    struct kdm_arena *arena = kdm_tx_arena(tx);

    if (filter->none)
        return;
    kdm_buf_lit(buf, ",\"_source\":");
    if (filter->include_count == 0 && filter->exclude_count == 0)
        kdm_buf_put(buf, source);
    else
        kdm_search_source(search, arena, kdm_json_parse(arena, source), buf);
}

static void put_highlight(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_search *search,
                          struct kdm_str source)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    size_t before = buf->len;

    if (search->highlight == NULL)
        return;
    kdm_buf_lit(buf, ",\"highlight\":");
    if (!kdm_search_highlight(search, kdm_json_parse(arena, source), buf))
        buf->len = before;
}

/* `order`: what tells how the hit is shown. */
static void put_head(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_search *order,
                     const struct kdm_hit *hit)
{
    kdm_buf_lit(buf, "{\"_id\":");
    kdm_json_put_str(buf, hit->id);
    kdm_buf_lit(buf, ",\"_score\":");
    if (order->by_score)
        kdm_json_put_double(buf, (double)hit->score);
    else
        kdm_buf_lit(buf, "null");
    put_source(tx, buf, order, hit->source);
}

static void put_target(struct kdm_buf *buf, const struct kdm_found_part *part)
{
    if (!kdm_index_is_private(part->collection->index->name)) {
        kdm_buf_lit(buf, ",\"index\":");
        kdm_json_put_str(buf, part->collection->index->name);
        kdm_buf_lit(buf, ",\"collection\":");
        kdm_json_put_str(buf, part->collection->name);
    }
    kdm_buf_char(buf, '}');
}

static void put_group(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_inner_hits *inner,
                      const struct kdm_hit_group *group)
{
    kdm_buf_char(buf, '[');
    for (size_t i = 0; i < group->count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        put_head(tx, buf, &inner->order, &group->hits[i]);
        put_target(buf, group->hits[i].owner);
    }
    kdm_buf_char(buf, ']');
}

static void put_objects(struct kdm_tx *tx, struct kdm_buf *buf,
                        const struct kdm_nested_hits *nested, const struct kdm_hit *hit)
{
    struct kdm_hit_group objects;

    objects.count = kdm_search_objects(nested, kdm_tx_arena(tx), hit, &objects.hits);
    put_group(tx, buf, &nested->inner, &objects);
}

static void put_inner_hits(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_search *search,
                           const struct kdm_hit *hit)
{
    size_t groups = hit->groups == NULL ? 0 : search->inner_count, left;

    left = groups + search->nested_count;
    if (left == 0)
        return;
    kdm_buf_lit(buf, ",\"inner_hits\":{");
    for (size_t i = 0; i < groups; i++) {
        kdm_json_put_str(buf, search->inner[i].name);
        kdm_buf_char(buf, ':');
        put_group(tx, buf, &search->inner[i], &hit->groups[i]);
        kdm_buf_char(buf, --left > 0 ? ',' : '}');
    }
    for (size_t i = 0; i < search->nested_count; i++) {
        kdm_json_put_str(buf, search->nested[i]->inner.name);
        kdm_buf_char(buf, ':');
        put_objects(tx, buf, search->nested[i], hit);
        kdm_buf_char(buf, --left > 0 ? ',' : '}');
    }
}

void kdm_search_put_hit(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_hit *hit)
{
    const struct kdm_found_part *part = hit->owner;

    put_head(tx, buf, part->search, hit);
    put_highlight(tx, buf, part->search, hit->source);
    put_inner_hits(tx, buf, part->search, hit);
    put_target(buf, part);
}

size_t kdm_search_hits_size(const struct kdm_found *found)
{
    size_t bytes = 0;

    for (size_t i = 0; i < found->page_count; i++)
        bytes += found->hits[i].id.len + found->hits[i].source.len + 160;
    return bytes;
}

void kdm_search_put_aggregations(struct kdm_buf *buf, const struct kdm_found *found)
{
    if (kdm_str_none(found->aggregations))
        return;
    kdm_buf_lit(buf, ",\"aggregations\":");
    kdm_buf_put(buf, found->aggregations);
}

void kdm_search_put_hits(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_found *found)
{
    for (size_t i = 0; i < found->page_count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        kdm_search_put_hit(tx, buf, &found->hits[i]);
    }
}
