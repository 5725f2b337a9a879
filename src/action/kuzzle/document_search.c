/* document_search.c - documents by a query: search, count.
 * Every document of the collections is looked at. That is exact and sees every write at once; an
 * index over the fields (design section 6) is to answer the same questions without reading all.
 */
#include "action/kuzzle/document.h"
#include "action/kuzzle/search_target.h"
#include "search/search.h"
#include "store/names.h"
#include <stdlib.h>

/* A search in one collection. It lives as long as the transaction: the scan calls it from the loop.
 */
struct part {
    struct kdm_arena *arena; /* the transaction's */
    struct kdm_collection *collection;
    struct kdm_search *search;
    struct kdm_failure failure; /* of a match: the search is given up */
    struct kdm_doc_list docs;   /* that matched */
};

struct plan {
    struct part *parts;
    size_t count;
};

static enum kdm_search_lang lang_of(const struct kdm_args *args)
{
    return kdm_args_has(args, KDM_ARG_LANG)
                   && kdm_str_eq(kdm_args_str(args, KDM_ARG_LANG), KDM_STR("koncorde"))
               ? KDM_LANG_KONCORDE
               : KDM_LANG_ELASTICSEARCH;
}

/* --- looking for documents
 * ------------------------------------------------------------------------ */

static bool matches(void *ctx, struct kdm_str id, struct kdm_val source)
{
    struct part *part = ctx;
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

/* The documents that match, of all collections; each is asked for before the first is waited for.
 */
static bool find_documents(struct kdm_tx *tx, struct plan *plan)
{
    bool complete = true;

    for (size_t i = 0; i < plan->count; i++) {
        struct part *part = &plan->parts[i];
        bool all = part->search->query->kind == KDM_QUERY_ALL;

        if (!kdm_tx_scan(tx, KDM_STR("search"), part->collection, false, all ? NULL : matches, part,
                         &part->docs))
            complete = false;
        else if (part->failure.err != KDM_OK)
            kdm_tx_fail_with(tx, &part->failure);
    }
    return complete && kdm_tx_failure(tx)->err == KDM_OK;
}

/* --- order and page
 * -------------------------------------------------------------------------------- */

/* What a hit is ordered by, read from its document. */
static bool rate(const struct part *part, struct kdm_arena *arena, struct kdm_arena *scratch,
                 struct kdm_hit *hit, struct kdm_failure *ret_failure)
{
    struct kdm_json json;

    ret_failure->err = KDM_OK;
    if (!kdm_json_scan(scratch, hit->source, &json, NULL))
        return true; /* stored texts are JSON */
    if (part->search->by_score)
        kdm_search_matches(part->search->query, arena, scratch, hit->id, kdm_json_root(&json),
                           &hit->score, ret_failure);
    if (part->search->sort_count > 0)
        kdm_search_values(part->search, arena, scratch, kdm_json_root(&json), hit);
    return ret_failure->err == KDM_OK;
}

static bool rate_all(struct kdm_tx *tx, const struct plan *plan, struct kdm_hit *hits)
{
    struct kdm_failure failure = { .err = KDM_OK };
    struct kdm_arena scratch;

    kdm_arena_init(&scratch, 16384);
    for (size_t i = 0; i < plan->count && failure.err == KDM_OK; i++) {
        struct part *part = &plan->parts[i];

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

/* --- telling it
 * ------------------------------------------------------------------------------------ */

static void put_hit(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_hit *hit)
{
    const struct part *part = hit->owner;
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
    kdm_buf_lit(buf, ",\"index\":");
    kdm_json_put_str(buf, part->collection->index->name);
    kdm_buf_lit(buf, ",\"collection\":");
    kdm_json_put_str(buf, part->collection->name);
    kdm_buf_char(buf, '}');
}

static enum kdm_outcome reply_page(struct kdm_tx *tx, const struct plan *plan)
{
    struct kdm_hit *hits;
    struct kdm_buf buf;
    size_t total = 0, first, count;

    for (size_t i = 0; i < plan->count; i++) {
        order_documents(tx, &plan->parts[i].docs);
        total += plan->parts[i].docs.count;
    }
    hits = kdm_arena_alloc(kdm_tx_arena(tx), (total + 1) * sizeof(*hits));
    if (!rate_all(tx, plan, hits))
        return KDM_WAIT;
    count = kdm_search_page(plan->parts[0].search, hits, total, &first);
    kdm_buf_init(&buf, kdm_tx_arena(tx), 1024);
    kdm_buf_lit(&buf, "{\"hits\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        put_hit(tx, &buf, &hits[first + i]);
    }
    kdm_buf_printf(&buf, "],\"total\":%zu}", total);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* --- the request
 * ------------------------------------------------------------------------------------ */

/* Parsed for each collection, since its mapping says what a query means. NULL: the transaction has
 * failed. */
static struct plan *make_plan(struct kdm_tx *tx, struct kdm_collection *const *collections,
                              size_t count, const struct kdm_search_request *request)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct plan *plan = kdm_arena_zalloc(arena, sizeof(*plan));
    struct kdm_failure failure;

    plan->parts = kdm_arena_zalloc(arena, count * sizeof(*plan->parts));
    for (; plan->count < count; plan->count++) {
        struct part *part = &plan->parts[plan->count];

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

static struct plan *kept_plan(struct kdm_tx *tx, struct kdm_collection *const *collections,
                              size_t count, const struct kdm_search_request *request)
{
    static const char key[] = "search";
    struct plan *plan = kdm_tx_kept(tx, key);

    if (plan != NULL)
        return plan;
    plan = make_plan(tx, collections, count, request);
    if (plan != NULL)
        kdm_tx_keep(tx, key, plan);
    return plan;
}

/* A scroll would need a cursor that every node can go on with; there is none yet, and a first page
 * that can't be continued would be worse than a refusal. */
static bool check_scroll(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str scroll = kdm_args_str(args, KDM_ARG_SCROLL);
    int64_t ms;

    if (!kdm_args_has(args, KDM_ARG_SCROLL))
        return true;
    if (!kdm_duration_parse(scroll, &ms) || ms <= 0)
        kdm_tx_fail(tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
                    KDM_PROPS(scroll, KDM_STR("a duration")));
    else if (ms > kdm_server_of(tx)->limits.max_scroll_ms)
        kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_SCROLL_DURATION_TOO_GREAT, KDM_PROPS(scroll));
    else
        kdm_tx_fail(tx, KDM_ERR_API_PROCESS_NOT_IMPLEMENTED,
                    KDM_PROPS(KDM_STR("document"), KDM_STR("scroll")));
    return false;
}

static bool check_size(struct kdm_tx *tx, const struct kdm_search_request *request)
{
    int64_t from = request->from > 0 ? request->from : 0;

    if (request->size - from <= kdm_server_of(tx)->limits.documents_fetch)
        return true;
    kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED, NULL, 0);
    return false;
}

enum kdm_outcome kdm_document_search(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_search_request request = {
        .body = kdm_val_none(args->body) ? kdm_args_val(args, KDM_ARG_SEARCH_BODY) : args->body,
        .lang = lang_of(args),
        .from = kdm_args_int(args, KDM_ARG_FROM, -1),
        .size = kdm_args_int(args, KDM_ARG_SIZE, -1),
        .now_ms = kdm_tx_now(tx),
    };
    struct kdm_search_targets targets;
    struct plan *plan;

    if (!check_size(tx, &request) || !check_scroll(tx, args)
        || !kdm_search_targets(tx, args, &targets))
        return KDM_WAIT;
    plan = kept_plan(tx, targets.items, targets.count, &request);
    return plan != NULL && find_documents(tx, plan) ? reply_page(tx, plan) : KDM_WAIT;
}

/* --- count
 * ------------------------------------------------------------------------------------------ */

static bool count_documents(struct kdm_tx *tx, struct plan *plan, int64_t *ret_count)
{
    int64_t bytes;

    if (plan->parts[0].search->query->kind == KDM_QUERY_ALL)
        return kdm_tx_size(tx, plan->parts[0].collection, ret_count, &bytes);
    if (!find_documents(tx, plan))
        return false;
    *ret_count = (int64_t)plan->parts[0].docs.count;
    return true;
}

enum kdm_outcome kdm_document_count(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_search_request request = {
        .body = args->body, .lang = lang_of(args), .from = -1, .size = -1, .now_ms = kdm_tx_now(tx)
    };
    struct kdm_collection *collection;
    struct plan *plan;
    int64_t count;

    if (!kdm_target_fresh(tx, args, &collection))
        return KDM_WAIT;
    plan = kept_plan(tx, &collection, 1, &request);
    if (plan == NULL || !count_documents(tx, plan, &count))
        return KDM_WAIT;
    return kdm_tx_reply(tx, kdm_arena_printf(args->arena, "{\"count\":%lld}", (long long)count));
}
