/* inner_hits.c - "inner_hits": what else is shown of a hit.
 * Of a collapsed one others of its group, of a nested query the objects that it matches. The
 * objects are found in the hit's source when it is shown, by the plain evaluator: a page has few
 * hits, and what is shown is what is stored now.
 */
#include "search/search_internal.h"

static bool fail(struct kdm_query_parser *parser, const char *text, struct kdm_str name)
{
    kdm_query_fail(parser, KDM_STR("inner_hits"), "%s: \"%s\"", text,
                   kdm_query_shown(parser, name));
    return false;
}

/* --- parsing ---------------------------------------------------------------------------------- */

bool kdm_inner_hits_parse(struct kdm_query_parser *parser, struct kdm_val value,
                          struct kdm_str name, struct kdm_inner_hits *inner)
{
    static const char *const known[] = { "name",    "from", "size", "sort", "ignore_unmapped",
                                         "_source", NULL };
    struct kdm_search *order = &inner->order;
    float boost;

    if (kdm_val_type(value) != KDM_JSON_OBJECT)
        return fail(parser, "must be objects, not", kdm_val_text(value));
    if (!kdm_query_params(parser, KDM_STR("inner_hits"), value, known, &boost)
        || !kdm_search_count_parse(parser, value, "from", -1, 0, &order->from)
        || !kdm_search_count_parse(parser, value, "size", -1, 3, &order->size)
        || !kdm_sort_parse(parser, value, order)
        || !kdm_source_parse(parser, value, &order->source))
        return false;
    inner->name = kdm_val_str(parser->arena, kdm_val_get(value, KDM_STR("name")));
    if (kdm_str_none(inner->name))
        inner->name = name;
    return (order->from <= KDM_SEARCH_INNER && order->size <= KDM_SEARCH_INNER
            && order->from + order->size <= KDM_SEARCH_INNER)
           || fail(parser, "from + size must be at most 100", inner->name);
}

/* Objects are ordered by what they hold themselves. */
static bool orders_objects(struct kdm_query_parser *parser, const struct kdm_search *order,
                           const struct kdm_field *objects)
{
    for (size_t i = 0; i < order->sort_count; i++) {
        struct kdm_sort *sort = &order->sorts[i];

        if (sort->kind == KDM_SORT_SCORE || sort->kind == KDM_SORT_DOC)
            continue;
        if (sort->kind != KDM_SORT_FIELD || (sort->field != NULL && sort->field->nested != objects))
            return fail(parser, "can only be sorted by fields of the objects at", objects->path);
        sort->nested = NULL;
    }
    return true;
}

bool kdm_nested_hits_parse(struct kdm_query_parser *parser, struct kdm_val body,
                           const struct kdm_query *query)
{
    struct kdm_val value = kdm_val_get(body, KDM_STR("inner_hits"));
    struct kdm_str path = query->field->path;
    struct kdm_nested_hits *nested;

    if (kdm_val_null(value))
        return true;
    if (parser->inner == NULL)
        return fail(parser, "only those of a search's own query are shown, not in", path);
    if (parser->inner->count == KDM_SEARCH_MAX_INNER)
        return fail(parser, "there are more than 8, the last of", path);
    nested = kdm_arena_zalloc(parser->arena, sizeof(*nested));
    parser->inner->items[parser->inner->count++] = nested;
    nested->query = query;
    nested->inner.order.source.base = path;
    return kdm_inner_hits_parse(parser, value, path, &nested->inner)
           && orders_objects(parser, &nested->inner.order, query->field);
}

/* --- all of a search -------------------------------------------------------------------------- */

static const struct kdm_inner_hits *item(const struct kdm_search *search, size_t i)
{
    return i < search->inner_count ? &search->inner[i]
                                   : &search->nested[i - search->inner_count]->inner;
}

bool kdm_inner_hits_check(struct kdm_query_parser *parser, const struct kdm_search *search)
{
    size_t count = search->inner_count + search->nested_count;
    int64_t each = 0;

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++)
            if (kdm_str_eq(item(search, i)->name, item(search, j)->name))
                return fail(parser, "there are two with the name", item(search, i)->name);
        each += item(search, i)->order.from + item(search, i)->order.size;
    }
    if (each == 0 || search->size <= KDM_SEARCH_WINDOW / each)
        return true;
    kdm_query_fail(parser, KDM_STR("inner_hits"), "there can be at most %d for all hits of a page",
                   KDM_SEARCH_WINDOW);
    return false;
}

/* --- objects ---------------------------------------------------------------------------------- */

struct objects {
    const struct kdm_nested_hits *nested;
    struct kdm_arena *arena;
    const struct kdm_hit *of;
    struct kdm_hit *hits;
    uint32_t count, room;
};

static void add_object(void *ctx, struct kdm_val object, float score)
{
    struct objects *objects = ctx;
    struct kdm_hit *hit;

    if (objects->count == objects->room)
        objects->hits = kdm_arena_double(objects->arena, objects->hits, &objects->room, 8,
                                         sizeof(*objects->hits));
    hit = &objects->hits[objects->count++];
    *hit = *objects->of;
    hit->source = kdm_val_text(object);
    hit->score = score;
    hit->groups = NULL;
    kdm_search_object_values(&objects->nested->inner.order, objects->nested->query->field,
                             objects->arena, object, hit);
}

size_t kdm_search_objects(const struct kdm_nested_hits *nested, struct kdm_arena *arena,
                          const struct kdm_hit *hit, struct kdm_hit **ret_hits)
{
    struct kdm_query_document document = { .id = hit->id };
    struct objects objects = { .nested = nested, .arena = arena, .of = hit };
    size_t first, count;

    document.source = kdm_json_parse(arena, hit->source);
    kdm_query_objects(nested->query, arena, &document, add_object, &objects);
    *ret_hits = NULL;
    if (objects.count == 0)
        return 0;
    count = kdm_search_page(&nested->inner.order, objects.hits, objects.count, &first);
    *ret_hits = objects.hits + first;
    return count;
}
