/* document_search.c - documents by a query: search, scroll, count; and specifications the same way.
 */
#include "action/kuzzle/document.h"
#include "action/kuzzle/private_index.h"
#include "action/kuzzle/search_reply.h"
#include "action/kuzzle/search_target.h"

/* Scopes of cursors. */
#define DOCUMENTS      KDM_STR("document")
#define SPECIFICATIONS KDM_STR("specification")

static struct kdm_search_request request_of(struct kdm_tx *tx, const struct kdm_args *args,
                                            struct kdm_val body, enum kdm_search_lang lang)
{
    return (struct kdm_search_request){ .body = body,
                                        .lang = lang,
                                        .from = kdm_args_int(args, KDM_ARG_FROM, -1),
                                        .size = kdm_args_int(args, KDM_ARG_SIZE, -1),
                                        .now_ms = kdm_tx_now(tx) };
}

enum kdm_outcome kdm_document_search(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val body =
        kdm_val_none(args->body) ? kdm_args_val(args, KDM_ARG_SEARCH_BODY) : args->body;
    const struct kdm_search_request request = request_of(tx, args, body, kdm_search_lang_of(args));
    struct kdm_search_targets targets;
    struct kdm_plan *plan;
    int64_t scroll_ms;

    if (!kdm_search_size_allowed(tx, request.from, request.size)
        || !kdm_scroll_duration(tx, args, 0, &scroll_ms) || !kdm_search_targets(tx, args, &targets))
        return KDM_WAIT;
    plan = kdm_plan_make(tx, targets.items, targets.count, &request);
    return plan != NULL ? kdm_search_reply(tx, plan, body, DOCUMENTS, scroll_ms) : KDM_WAIT;
}

enum kdm_outcome kdm_document_scroll(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_scroll_reply(tx, args, DOCUMENTS);
}

/* --- specifications ------------------------------------------------------------------------ */

enum kdm_outcome kdm_collection_search_specifications(struct kdm_tx *tx,
                                                      const struct kdm_args *args)
{
    const struct kdm_search_request request =
        request_of(tx, args, args->body, KDM_LANG_ELASTICSEARCH);
    struct kdm_collection *specifications;
    struct kdm_plan *plan;
    int64_t scroll_ms;

    if (!kdm_search_size_allowed(tx, request.from, request.size)
        || !kdm_scroll_duration(tx, args, 0, &scroll_ms)
        || !kdm_private_specifications(tx, &specifications))
        return KDM_WAIT;
    if (specifications == NULL)
        return kdm_tx_reply(tx, KDM_STR("{\"hits\":[],\"total\":0}"));
    plan = kdm_plan_make(tx, &specifications, 1, &request);
    return plan != NULL ? kdm_search_reply(tx, plan, args->body, SPECIFICATIONS, scroll_ms)
                        : KDM_WAIT;
}

enum kdm_outcome kdm_collection_scroll_specifications(struct kdm_tx *tx,
                                                      const struct kdm_args *args)
{
    return kdm_scroll_reply(tx, args, SPECIFICATIONS);
}

/* --- count --------------------------------------------------------------------------------- */

static bool count_documents(struct kdm_tx *tx, struct kdm_plan *plan, int64_t *ret_count)
{
    int64_t bytes;

    if (plan->parts[0].search->query->kind == KDM_QUERY_ALL)
        return kdm_tx_size(tx, plan->parts[0].collection, ret_count, &bytes);
    if (!kdm_plan_find(tx, plan))
        return false;
    *ret_count = (int64_t)plan->parts[0].docs.count;
    return true;
}

enum kdm_outcome kdm_document_count(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_search_request request = { .body = args->body,
                                                .lang = kdm_search_lang_of(args),
                                                .from = -1,
                                                .size = -1,
                                                .now_ms = kdm_tx_now(tx) };
    struct kdm_collection *collection;
    struct kdm_plan *plan;
    int64_t count;

    if (!kdm_target_fresh(tx, args, &collection))
        return KDM_WAIT;
    plan = kdm_plan_make(tx, &collection, 1, &request);
    if (plan == NULL || !count_documents(tx, plan, &count))
        return KDM_WAIT;
    return kdm_tx_reply(tx, kdm_arena_printf(args->arena, "{\"count\":%lld}", (long long)count));
}
