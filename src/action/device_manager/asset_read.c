/* asset_read.c - assets told: one, or those that a query matches. */
#include "action/device_manager/asset.h"
#include "action/search.h"

enum kdm_outcome kdm_dm_assets_get(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str engine = kdm_args_str(args, KDM_ARG_ENGINE_ID), id, shown;
    struct kdm_collection *assets;
    struct kdm_doc *asset;

    kdm_tx_set_target(tx, engine, kdm_dm_collection_name(KDM_DM_ASSETS));
    if (!kdm_document_id(tx, args, &id)
        || !kdm_dm_tenant_collection(tx, engine, KDM_DM_ASSETS, &assets)
        || !kdm_dm_get(tx, assets, id, false, &asset, &shown))
        return KDM_WAIT;
    return kdm_document_reply(tx, asset->id, shown, 0);
}

/* --- search ---------------------------------------------------------------------------------- */

void kdm_dm_put_found(struct kdm_tx *tx, const struct kdm_found *found, struct kdm_buf *buf)
{
    kdm_buf_lit(buf, "{\"hits\":[");
    kdm_search_put_hits(tx, buf, found);
    kdm_buf_char(buf, ']');
    kdm_search_put_aggregations(buf, found);
    kdm_buf_printf(buf, ",\"total\":%llu,\"fetched\":%zu}", (unsigned long long)found->total,
                   found->page_count);
}

/* The body of a POST or of a WebSocket request, searchBody of a GET; listeners may change it. */
static bool search_body(struct kdm_tx *tx, const struct kdm_args *args,
                        const struct kdm_collection *assets, struct kdm_val *ret_body)
{
    struct kdm_val body =
        kdm_val_none(args->body) ? kdm_args_val(args, KDM_ARG_SEARCH_BODY) : args->body;

    *ret_body = body;
    if (!kdm_tx_listened(tx, KDM_DM_BEFORE_SEARCH))
        return true;
    return kdm_dm_generic(tx, KDM_DM_BEFORE_SEARCH, KDM_STR(""), assets,
                          kdm_val_none(body) ? KDM_STR("{}") : kdm_val_text(body), ret_body);
}

static enum kdm_outcome reply_found(struct kdm_tx *tx, const struct kdm_collection *assets,
                                    const struct kdm_found *found)
{
    struct kdm_val changed;
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 4096);
    kdm_dm_put_found(tx, found, &buf);
    if (!kdm_tx_listened(tx, KDM_DM_AFTER_SEARCH))
        return kdm_tx_reply(tx, kdm_buf_str(&buf));
    if (!kdm_dm_generic(tx, KDM_DM_AFTER_SEARCH, KDM_STR(""), assets, kdm_buf_str(&buf),
                        &changed))
        return KDM_WAIT;
    return kdm_tx_reply(tx, kdm_val_text(changed));
}

enum kdm_outcome kdm_dm_assets_search(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str engine = kdm_args_str(args, KDM_ARG_ENGINE_ID);
    struct kdm_find_request request;
    struct kdm_collection *assets;
    const struct kdm_found *found;
    struct kdm_val body;

    kdm_tx_set_target(tx, engine, kdm_dm_collection_name(KDM_DM_ASSETS));
    if (!kdm_dm_tenant_collection(tx, engine, KDM_DM_ASSETS, &assets)
        || !search_body(tx, args, assets, &body))
        return KDM_WAIT;
    request = kdm_search_request(args, body);
    request.lang = kdm_search_lang_of(args);
    request.aggregates = true;
    request.collections = &assets;
    request.count = 1;
    if (!kdm_tx_find(tx, KDM_STR("assets search"), false, &request, &found))
        return KDM_WAIT;
    return reply_found(tx, assets, found);
}

bool kdm_dm_is_of_model(void *ctx, struct kdm_str id, struct kdm_val source)
{
    (void)id;
    return kdm_val_str_eq(kdm_val_get(source, KDM_STR("model")), *(struct kdm_str *)ctx);
}
