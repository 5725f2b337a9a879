/* search_plan.c - see search_plan.h. */
#include "action/kuzzle/search_plan.h"
#include <stdlib.h>

/* --- looking for documents ------------------------------------------------------------------ */

static bool matches(void *ctx, struct kdm_str id, struct kdm_val source)
{
    struct kdm_plan_part *part = ctx;
    struct kdm_failure failure;
    struct kdm_arena scratch;
    bool matched;

    if (part->failure.err != KDM_OK)
        return false;
    kdm_arena_init(&scratch, 4096); /* takes memory only when it is used */
    matched =
        kdm_search_matches(part->search->query, part->arena, &scratch, id, source, NULL, &failure);
    kdm_arena_fini(&scratch);
    if (failure.err != KDM_OK)
        part->failure = failure;
    return matched;
}

static int by_sequence(const void *a, const void *b)
{
    const struct kdm_doc *left = *(struct kdm_doc *const *)a, *right = *(struct kdm_doc *const *)b;

    if (left->sequence != right->sequence)
        return left->sequence < right->sequence ? -1 : 1;
    return kdm_str_cmp(left->id, right->id); /* of one commit */
}

/* Hits that nothing else tells apart come in the order in which they were last written, as clients
 * know it. */
static void order_documents(struct kdm_tx *tx, struct kdm_doc_list *docs)
{
    struct kdm_doc **items =
        kdm_arena_alloc(kdm_tx_arena(tx), (docs->count + 1) * sizeof(struct kdm_doc *));

    if (docs->count > 0)
        memcpy(items, docs->items, docs->count * sizeof(struct kdm_doc *));
    qsort(items, docs->count, sizeof(struct kdm_doc *), by_sequence);
    docs->items = items; /* the scan's own list stays as it is */
}

/* Each collection is asked for before the first is waited for. */
bool kdm_plan_find(struct kdm_tx *tx, struct kdm_plan *plan)
{
    bool complete = true;

    for (size_t i = 0; i < plan->count; i++) {
        struct kdm_plan_part *part = &plan->parts[i];
        bool all = part->search->query->kind == KDM_QUERY_ALL;

        if (!kdm_tx_scan(tx, KDM_STR("search"), part->collection, false, all ? NULL : matches, part,
                         &part->docs))
            complete = false;
        else if (part->failure.err != KDM_OK)
            kdm_tx_fail_with(tx, &part->failure);
    }
    return complete && kdm_tx_failure(tx)->err == KDM_OK;
}

/* --- order and page -------------------------------------------------------------------------- */

/* What a hit is ordered by, read from its document. */
static bool rate(const struct kdm_plan_part *part, struct kdm_arena *arena,
                 struct kdm_arena *scratch, struct kdm_hit *hit, struct kdm_failure *ret_failure)
{
    struct kdm_json json;

    ret_failure->err = KDM_OK;
    if (!kdm_json_scan(scratch, hit->source, &json, NULL))
        return true; /* stored texts are JSON */
    if (part->search->by_score)
        kdm_search_matches(part->search->query, arena, scratch, hit->id, kdm_json_root(&json),
                           &hit->score, ret_failure);
    if (part->search->sort_count > 0 || part->search->collapse != NULL)
        kdm_search_values(part->search, arena, scratch, kdm_json_root(&json), hit);
    return ret_failure->err == KDM_OK;
}

static bool rate_all(struct kdm_tx *tx, const struct kdm_plan *plan, struct kdm_hit *hits)
{
    struct kdm_failure failure = { .err = KDM_OK };
    struct kdm_arena scratch;

    kdm_arena_init(&scratch, 16384);
    for (size_t i = 0; i < plan->count && failure.err == KDM_OK; i++) {
        struct kdm_plan_part *part = &plan->parts[i];

        for (size_t k = 0; k < part->docs.count; k++, hits++) {
            kdm_arena_reset(&scratch);
            *hits = (struct kdm_hit){ .id = part->docs.items[k]->id,
                                      .source = part->docs.items[k]->text,
                                      .owner = part };
            if (!rate(part, kdm_tx_arena(tx), &scratch, hits, &failure))
                break;
        }
    }
    kdm_arena_fini(&scratch);
    if (failure.err != KDM_OK)
        kdm_tx_fail_with(tx, &failure);
    return failure.err == KDM_OK;
}

static struct kdm_ranking *rank(struct kdm_tx *tx, const struct kdm_plan *plan)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_ranking *ranking = kdm_arena_zalloc(arena, sizeof(*ranking));

    for (size_t i = 0; i < plan->count; i++) {
        order_documents(tx, &plan->parts[i].docs);
        ranking->total += plan->parts[i].docs.count;
    }
    ranking->hits = kdm_arena_alloc(arena, (ranking->total + 1) * sizeof(struct kdm_hit));
    if (!rate_all(tx, plan, ranking->hits))
        return NULL;
    ranking->count =
        kdm_search_page(plan->parts[0].search, ranking->hits, ranking->total, &ranking->first);
    return ranking;
}

bool kdm_plan_rank(struct kdm_tx *tx, const struct kdm_plan *plan, struct kdm_ranking *ret_ranking)
{
    static const char key[] = "ranking";
    struct kdm_ranking *ranking = kdm_tx_kept(tx, key);

    if (ranking == NULL) {
        ranking = rank(tx, plan);
        if (ranking == NULL)
            return false;
        kdm_tx_keep(tx, key, ranking);
    }
    *ret_ranking = *ranking;
    return true;
}

/* --- telling it ------------------------------------------------------------------------------ */

static void put_highlight(const struct kdm_search *search, struct kdm_arena *arena,
                          struct kdm_val source, struct kdm_buf *buf)
{
    size_t before = buf->len;

    kdm_buf_lit(buf, ",\"highlight\":");
    if (!kdm_search_highlight(search, arena, source, buf))
        buf->len = before;
}

void kdm_plan_put_hit(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_hit *hit)
{
    const struct kdm_plan_part *part = hit->owner;
    struct kdm_arena *arena = kdm_tx_arena(tx);

    kdm_buf_lit(buf, "{\"_id\":");
    kdm_json_put_str(buf, hit->id);
    kdm_buf_lit(buf, ",\"_score\":");
    if (part->search->by_score)
        kdm_json_put_double(buf, (double)hit->score);
    else
        kdm_buf_lit(buf, "null");
    if (!part->search->source.none) {
        kdm_buf_lit(buf, ",\"_source\":");
        kdm_search_source(part->search, arena, kdm_json_parse(arena, hit->source), buf);
    }
    if (part->search->highlight != NULL)
        put_highlight(part->search, arena, kdm_json_parse(arena, hit->source), buf);
    if (!kdm_index_is_private(part->collection->index->name)) {
        kdm_buf_lit(buf, ",\"index\":");
        kdm_json_put_str(buf, part->collection->index->name);
        kdm_buf_lit(buf, ",\"collection\":");
        kdm_json_put_str(buf, part->collection->name);
    }
    kdm_buf_char(buf, '}');
}

/* --- making it ------------------------------------------------------------------------------- */

/* Parsed for each collection, since its mapping says what a query means. NULL: the transaction has
 * failed. */
static struct kdm_plan *make_plan(struct kdm_tx *tx, struct kdm_collection *const *collections,
                                  size_t count, const struct kdm_search_request *request)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_plan *plan = kdm_arena_zalloc(arena, sizeof(*plan));
    struct kdm_failure failure;

    plan->parts = kdm_arena_zalloc(arena, count * sizeof(*plan->parts));
    for (; plan->count < count; plan->count++) {
        struct kdm_plan_part *part = &plan->parts[plan->count];

        part->arena = arena;
        part->collection = collections[plan->count];
        part->search = kdm_search_create(arena, part->collection->mapping, request, &failure);
        if (part->search == NULL) {
            kdm_tx_fail_with(tx, &failure);
            return NULL;
        }
    }
    return plan;
}

struct kdm_plan *kdm_plan_make(struct kdm_tx *tx, struct kdm_collection *const *collections,
                               size_t count, const struct kdm_search_request *request)
{
    static const char key[] = "search";
    struct kdm_plan *plan = kdm_tx_kept(tx, key);

    if (plan != NULL)
        return plan;
    plan = make_plan(tx, collections, count, request);
    if (plan != NULL)
        kdm_tx_keep(tx, key, plan);
    return plan;
}

/* --- what requests for searches share ------------------------------------------------------- */

enum kdm_search_lang kdm_search_lang_of(const struct kdm_args *args)
{
    return kdm_args_has(args, KDM_ARG_LANG)
                   && kdm_str_eq(kdm_args_str(args, KDM_ARG_LANG), KDM_STR("koncorde"))
               ? KDM_LANG_KONCORDE
               : KDM_LANG_ELASTICSEARCH;
}

bool kdm_search_size_allowed(struct kdm_tx *tx, int64_t from, int64_t size)
{
    if (size - (from > 0 ? from : 0) <= kdm_server_of(tx)->limits.documents_fetch)
        return true;
    kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED, NULL, 0);
    return false;
}
