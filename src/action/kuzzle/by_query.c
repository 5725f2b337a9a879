/* by_query.c - see by_query.h. */
#include "action/kuzzle/by_query.h"

struct kdm_by_query *kdm_by_query_make(struct kdm_tx *tx, const struct kdm_collection *collection,
                                       struct kdm_val query, enum kdm_search_lang lang,
                                       int64_t now_ms)
{
    static const char key[] = "by query";
    struct kdm_by_query *by = kdm_tx_kept(tx, key);
    struct kdm_failure failure;

    if (by != NULL)
        return by;
    by = kdm_arena_zalloc(kdm_tx_arena(tx), sizeof(*by));
    by->arena = kdm_tx_arena(tx);
    by->query = kdm_search_query(by->arena, collection->mapping, query, lang, now_ms, &failure);
    if (by->query == NULL) {
        kdm_tx_fail_with(tx, &failure);
        return NULL;
    }
    kdm_tx_keep(tx, key, by);
    return by;
}

static bool matches(struct kdm_by_query *by, struct kdm_str id, struct kdm_val source)
{
    struct kdm_failure failure;
    struct kdm_arena scratch;
    bool matched;

    kdm_arena_init(&scratch, 4096); /* takes memory only when it is used */
    matched = kdm_search_matches(by->query, by->arena, &scratch, id, source, NULL, &failure);
    kdm_arena_fini(&scratch);
    if (failure.err != KDM_OK)
        by->failure = failure;
    return matched;
}

bool kdm_by_query_accepts(void *ctx, struct kdm_str id, struct kdm_val source)
{
    struct kdm_by_query *by = ctx;

    return by->failure.err == KDM_OK && matches(by, id, source);
}

bool kdm_by_query_matches(struct kdm_tx *tx, struct kdm_by_query *by, struct kdm_doc *doc)
{
    return by->failure.err == KDM_OK && matches(by, doc->id, kdm_doc_source(tx, doc));
}

bool kdm_by_query_read(struct kdm_tx *tx, struct kdm_by_query *by,
                       struct kdm_collection *collection, const struct kdm_str_list *ids,
                       struct kdm_doc_list *ret_docs)
{
    struct kdm_doc_list docs = { .count = 0 };
    struct kdm_doc *doc;

    docs.items = kdm_arena_alloc(kdm_tx_arena(tx), (ids->count + 1) * sizeof(struct kdm_doc *));
    for (size_t i = 0; i < ids->count; i++)
        kdm_tx_want(tx, collection, ids->items[i]);
    for (size_t i = 0; i < ids->count; i++) {
        if (!kdm_tx_read_unchecked(tx, collection, ids->items[i], &doc))
            return false;
        if (doc != NULL && kdm_by_query_matches(tx, by, doc))
            docs.items[docs.count++] = doc;
    }
    if (by->failure.err != KDM_OK)
        kdm_tx_fail_with(tx, &by->failure);
    *ret_docs = docs;
    return by->failure.err == KDM_OK;
}
