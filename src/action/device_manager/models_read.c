/* models_read.c - models told: one, all of a kind, those that a query matches. */
#include "action/device_manager/dm.h"
#include "action/search.h"

#define LIST_MAX 5000

/* Of that kind, and seen by that group (none: whatever the group). */
static struct kdm_str filter_of(struct kdm_tx *tx, enum kdm_dm_kind kind, struct kdm_str group)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 160);
    kdm_buf_lit(&buf, "{\"bool\":{\"filter\":[{\"term\":{\"type\":");
    kdm_json_put_str(&buf, kdm_dm_kind_name(kind));
    kdm_buf_lit(&buf, "}}");
    if (!kdm_str_none(group)) {
        kdm_buf_lit(&buf, ",{\"terms\":{\"engineGroup\":[");
        kdm_json_put_str(&buf, group);
        kdm_buf_char(&buf, ',');
        kdm_json_put_str(&buf, KDM_DM_COMMONS);
        kdm_buf_lit(&buf, "]}}");
    }
    kdm_buf_lit(&buf, "]}}");
    return kdm_buf_str(&buf);
}

static bool find_models(struct kdm_tx *tx, struct kdm_find_request *request, enum kdm_dm_kind kind,
                        struct kdm_str group, const struct kdm_found **ret_found)
{
    struct kdm_collection *collection;

    if (!kdm_dm_models_collection(tx, &collection))
        return false;
    request->collections = &collection;
    request->count = 1;
    request->filter = filter_of(tx, kind, group);
    return kdm_tx_find(tx, KDM_STR("models search"), false, request, ret_found);
}

/* --- get ------------------------------------------------------------------------------------- */

/* As a search would show it: with a score. */
static enum kdm_outcome get_model(struct kdm_tx *tx, enum kdm_dm_kind kind, struct kdm_str name,
                                  struct kdm_str group)
{
    struct kdm_collection *collection;
    struct kdm_dm_model model;
    struct kdm_buf buf;

    if (!kdm_dm_models_collection(tx, &collection) || !kdm_dm_model(tx, kind, name, group, &model))
        return KDM_WAIT;
    kdm_buf_init(&buf, kdm_tx_arena(tx), model.text.len + 160);
    kdm_buf_lit(&buf, "{\"_id\":");
    kdm_json_put_str(&buf, model.id);
    kdm_buf_lit(&buf, ",\"_score\":1,\"_source\":");
    kdm_buf_put(&buf, model.text);
    kdm_buf_lit(&buf, ",\"index\":");
    kdm_json_put_str(&buf, collection->index->name);
    kdm_buf_lit(&buf, ",\"collection\":");
    kdm_json_put_str(&buf, collection->name);
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_dm_models_get_asset(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str group = kdm_args_str(args, KDM_ARG_ENGINE_GROUP);

    return get_model(tx, KDM_DM_ASSET, kdm_args_str(args, KDM_ARG_MODEL),
                     kdm_str_none(group) ? KDM_DM_COMMONS : group);
}

enum kdm_outcome kdm_dm_models_get_device(struct kdm_tx *tx, const struct kdm_args *args)
{
    return get_model(tx, KDM_DM_DEVICE, kdm_args_str(args, KDM_ARG_MODEL), KDM_STR_NONE);
}

enum kdm_outcome kdm_dm_models_get_group(struct kdm_tx *tx, const struct kdm_args *args)
{
    return get_model(tx, KDM_DM_GROUP, kdm_args_str(args, KDM_ARG_MODEL), KDM_STR_NONE);
}

enum kdm_outcome kdm_dm_models_get_measure(struct kdm_tx *tx, const struct kdm_args *args)
{
    return get_model(tx, KDM_DM_MEASURE, kdm_args_str(args, KDM_ARG_TYPE), KDM_STR_NONE);
}

/* --- list ------------------------------------------------------------------------------------ */

static enum kdm_outcome list_models(struct kdm_tx *tx, enum kdm_dm_kind kind, struct kdm_str group)
{
    static const struct kdm_str bodies[] = {
        [KDM_DM_ASSET] = KDM_STR("{\"sort\":{\"asset.model\":\"asc\"}}"),
        [KDM_DM_DEVICE] = KDM_STR("{\"sort\":{\"device.model\":\"asc\"}}"),
        [KDM_DM_GROUP] = KDM_STR("{\"sort\":{\"group.model\":\"asc\"}}"),
        [KDM_DM_MEASURE] = KDM_STR("{\"sort\":{\"measure.type\":\"asc\"}}"),
    };
    struct kdm_find_request request = {
        .body = bodies[kind], .from = -1, .size = LIST_MAX, .sources = true
    };
    const struct kdm_found *found;
    struct kdm_buf buf;

    if (!find_models(tx, &request, kind, group, &found))
        return KDM_WAIT;
    kdm_buf_init(&buf, kdm_tx_arena(tx), 4096);
    kdm_buf_lit(&buf, "{\"models\":[");
    kdm_search_put_hits(tx, &buf, found);
    kdm_buf_printf(&buf, "],\"total\":%zu}", found->page_count);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_dm_models_list_assets(struct kdm_tx *tx, const struct kdm_args *args)
{
    return list_models(tx, KDM_DM_ASSET, kdm_args_str(args, KDM_ARG_ENGINE_GROUP));
}

enum kdm_outcome kdm_dm_models_list_devices(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return list_models(tx, KDM_DM_DEVICE, KDM_STR_NONE);
}

enum kdm_outcome kdm_dm_models_list_groups(struct kdm_tx *tx, const struct kdm_args *args)
{
    return list_models(tx, KDM_DM_GROUP, kdm_args_str(args, KDM_ARG_ENGINE_GROUP));
}

enum kdm_outcome kdm_dm_models_list_measures(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return list_models(tx, KDM_DM_MEASURE, KDM_STR_NONE);
}

/* --- search ---------------------------------------------------------------------------------- */

static enum kdm_outcome search_models(struct kdm_tx *tx, const struct kdm_args *args,
                                      enum kdm_dm_kind kind, struct kdm_str group)
{
    struct kdm_find_request request = kdm_search_request(args, args->body);
    const struct kdm_found *found;
    struct kdm_buf buf;

    request.aggregates = true;
    if (!find_models(tx, &request, kind, group, &found))
        return KDM_WAIT;
    kdm_buf_init(&buf, args->arena, 4096);
    kdm_dm_put_found(tx, found, &buf);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_dm_models_search_assets(struct kdm_tx *tx, const struct kdm_args *args)
{
    return search_models(tx, args, KDM_DM_ASSET, kdm_args_str(args, KDM_ARG_ENGINE_GROUP));
}

enum kdm_outcome kdm_dm_models_search_devices(struct kdm_tx *tx, const struct kdm_args *args)
{
    return search_models(tx, args, KDM_DM_DEVICE, KDM_STR_NONE);
}

enum kdm_outcome kdm_dm_models_search_groups(struct kdm_tx *tx, const struct kdm_args *args)
{
    return search_models(tx, args, KDM_DM_GROUP, kdm_args_str(args, KDM_ARG_ENGINE_GROUP));
}

enum kdm_outcome kdm_dm_models_search_measures(struct kdm_tx *tx, const struct kdm_args *args)
{
    return search_models(tx, args, KDM_DM_MEASURE, KDM_STR_NONE);
}
