/* document_search.c - documents by a query: search, scroll, count; and specifications the same way.
 */
#include "action/kuzzle/document.h"
#include "action/kuzzle/private_index.h"
#include "action/kuzzle/search_reply.h"
#include "action/kuzzle/search_target.h"
#include "action/search.h"

/* Scopes of cursors. */
#define DOCUMENTS      KDM_STR("document")
#define SPECIFICATIONS KDM_STR("specification")

enum kdm_outcome kdm_document_search(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val body =
        kdm_val_none(args->body) ? kdm_args_val(args, KDM_ARG_SEARCH_BODY) : args->body;
    struct kdm_find_request request = kdm_search_request(args, body);
    struct kdm_search_targets targets;
    int64_t scroll_ms;

    if (!kdm_search_size_allowed(tx, request.from, request.size)
        || !kdm_scroll_duration(tx, args, 0, &scroll_ms) || !kdm_search_targets(tx, args, &targets))
        return KDM_WAIT;
    request.lang = kdm_search_lang_of(args);
    request.collections = targets.items;
    request.count = targets.count;
    return kdm_search_reply(tx, &request, body, DOCUMENTS, scroll_ms);
}

enum kdm_outcome kdm_document_scroll(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_scroll_reply(tx, args, DOCUMENTS);
}

/* --- specifications ------------------------------------------------------------------------ */

enum kdm_outcome kdm_collection_search_specifications(struct kdm_tx *tx,
                                                      const struct kdm_args *args)
{
    struct kdm_find_request request = kdm_search_request(args, args->body);
    struct kdm_collection *specifications;
    int64_t scroll_ms;

    if (!kdm_search_size_allowed(tx, request.from, request.size)
        || !kdm_scroll_duration(tx, args, 0, &scroll_ms)
        || !kdm_private_specifications(tx, &specifications))
        return KDM_WAIT;
    if (specifications == NULL)
        return kdm_tx_reply(tx, KDM_STR("{\"hits\":[],\"total\":0}"));
    request.collections = &specifications;
    request.count = 1;
    return kdm_search_reply(tx, &request, args->body, SPECIFICATIONS, scroll_ms);
}

enum kdm_outcome kdm_collection_scroll_specifications(struct kdm_tx *tx,
                                                      const struct kdm_args *args)
{
    return kdm_scroll_reply(tx, args, SPECIFICATIONS);
}

/* --- count --------------------------------------------------------------------------------- */

/* Everything: Redis knows how many there are. */
static bool counts_all(struct kdm_tx *tx, const struct kdm_args *args,
                       const struct kdm_collection *collection, bool *ret_all)
{
    const struct kdm_search_request request = { .body = args->body,
                                                .lang = kdm_search_lang_of(args),
                                                .from = -1,
                                                .size = -1,
                                                .now_ms = kdm_tx_now(tx) };
    struct kdm_failure failure;
    struct kdm_search *search =
        kdm_search_create(args->arena, collection->mapping, &request, &failure);

    if (search == NULL) {
        kdm_tx_fail_with(tx, &failure);
        return false;
    }
    *ret_all = search->query->kind == KDM_QUERY_ALL;
    return true;
}

static bool count_found(struct kdm_tx *tx, const struct kdm_args *args,
                        struct kdm_collection *collection, int64_t *ret_count)
{
    struct kdm_find_request request = { .collections = &collection,
                                        .count = 1,
                                        .body = kdm_val_text(args->body),
                                        .lang = kdm_search_lang_of(args) };
    const struct kdm_found *found;

    if (!kdm_tx_find(tx, KDM_STR("count"), false, &request, &found))
        return false;
    *ret_count = (int64_t)found->total;
    return true;
}

enum kdm_outcome kdm_document_count(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;
    int64_t count, bytes;
    bool all;

    if (!kdm_target_fresh(tx, args, &collection) || !counts_all(tx, args, collection, &all)
        || !(all ? kdm_tx_size(tx, collection, &count, &bytes)
                 : count_found(tx, args, collection, &count)))
        return KDM_WAIT;
    return kdm_tx_reply(tx, kdm_arena_printf(args->arena, "{\"count\":%lld}", (long long)count));
}
