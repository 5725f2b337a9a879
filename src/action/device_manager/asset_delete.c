/* asset_delete.c - an asset deleted, and its devices freed from it, in one commit.
 * Each unlinking leaves an entry in the history, as if it had been asked for; the deletion itself
 * leaves none. Measures and history stay.
 */
#include "action/device_manager/asset.h"

/* Both copies of a linked device; NULL where there is none. */
struct link {
    struct kdm_str id;
    struct kdm_doc *platform, *tenant;
};

struct links {
    struct kdm_collection *platform_devices, *devices;
    struct link *items;
    size_t count;
};

static bool find_collections(struct kdm_tx *tx, struct kdm_str engine, struct links *links)
{
    return kdm_tx_collection(tx, kdm_dm_platform(tx), KDM_STR("devices"), &links->platform_devices)
           && kdm_dm_tenant_collection(tx, engine, KDM_DM_DEVICES, &links->devices);
}

static bool read_links(struct kdm_tx *tx, struct kdm_val linked, struct links *links)
{
    struct kdm_val_iter it;
    struct kdm_val entry;
    bool all = true;

    links->items =
        kdm_arena_zalloc(kdm_tx_arena(tx), kdm_val_count(linked) * sizeof(*links->items) + 1);
    links->count = 0;
    for (kdm_elements(&it, linked); kdm_element_next(&it, &entry);) {
        struct link *link = &links->items[links->count];

        link->id = kdm_val_str(kdm_tx_arena(tx), kdm_val_get(entry, KDM_STR("_id")));
        if (kdm_str_none(link->id))
            continue;
        links->count++;
        all = kdm_tx_read(tx, links->platform_devices, link->id, &link->platform) && all;
        all = kdm_tx_read(tx, links->devices, link->id, &link->tenant) && all;
    }
    return all;
}

static void stage_free(struct kdm_tx *tx, struct kdm_collection *devices, struct kdm_doc *device)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val old;
    struct kdm_str text;

    if (device == NULL)
        return;
    old = kdm_doc_source(tx, device);
    text = kdm_json_set(arena, old, KDM_STR("assetId"), KDM_STR("null"));
    text = kdm_tx_with_info(tx, kdm_json_parse(arena, text),
                            kdm_dm_info_updated(tx, KDM_DM_USER, kdm_tx_now(tx), old));
    kdm_tx_write(tx, devices, device, text, KDM_CHANGE_UPDATE, KDM_STR("[\"assetId\"]"), 0);
}

/* `asset` without the device among those linked to it. */
static struct kdm_str without_device(struct kdm_arena *arena, struct kdm_val asset,
                                     struct kdm_str device)
{
    struct kdm_val_iter it;
    struct kdm_val entry;
    struct kdm_buf left;

    kdm_buf_init(&left, arena, 256);
    kdm_buf_char(&left, '[');
    for (kdm_elements(&it, kdm_val_get(asset, KDM_STR("linkedDevices")));
         kdm_element_next(&it, &entry);) {
        if (kdm_val_str_eq(kdm_val_get(entry, KDM_STR("_id")), device))
            continue;
        if (left.len > 1)
            kdm_buf_char(&left, ',');
        kdm_buf_put(&left, kdm_val_text(entry));
    }
    kdm_buf_char(&left, ']');
    return kdm_json_set(arena, asset, KDM_STR("linkedDevices"), kdm_buf_str(&left));
}

static struct kdm_str unlink_event(struct kdm_arena *arena, struct kdm_str device)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, device.len + 48);
    kdm_buf_lit(&buf, "{\"name\":\"unlink\",\"unlink\":{\"deviceId\":");
    kdm_json_put_str(&buf, device);
    kdm_buf_lit(&buf, "}}");
    return kdm_buf_str(&buf);
}

static void stage_unlinking(struct kdm_tx *tx, const struct kdm_dm_home *home,
                            struct kdm_doc *asset, const struct links *links)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val state = kdm_doc_source(tx, asset);

    for (size_t i = 0; i < links->count; i++) {
        const struct link *link = &links->items[i];
        int64_t date = kdm_dm_date(tx, state);
        struct kdm_str text = without_device(arena, state, link->id);

        text = kdm_tx_with_info(tx, kdm_json_parse(arena, text),
                                kdm_dm_info_updated(tx, KDM_DM_USER, date, state));
        state = kdm_json_parse(arena, text);
        stage_free(tx, links->platform_devices, link->platform);
        stage_free(tx, links->devices, link->tenant);
        kdm_tx_create(
            tx, home->history, kdm_tx_id(tx, kdm_arena_printf(arena, "unlink %zu", i)),
            kdm_dm_history_entry(tx, asset->id, date, unlink_event(arena, link->id), text), 0);
    }
}

bool kdm_dm_asset_delete(struct kdm_tx *tx, struct kdm_str engine, const struct kdm_dm_home *home,
                         struct kdm_doc *asset)
{
    struct kdm_val linked = kdm_val_get(kdm_doc_source(tx, asset), KDM_STR("linkedDevices"));
    struct links links = { .count = 0 };
    struct kdm_str none = KDM_STR_NONE;

    if (kdm_val_count(linked) > 0
        && (!find_collections(tx, engine, &links) || !read_links(tx, linked, &links)))
        return false;
    if (!kdm_dm_generic_document(tx, KDM_DM_BEFORE_DELETE, home->assets, asset->id, 0, &none))
        return false;
    stage_unlinking(tx, home, asset, &links);
    kdm_tx_delete(tx, home->assets, asset->id, asset, 0);
    return kdm_tx_commit(tx)
           && kdm_dm_generic_document(tx, KDM_DM_AFTER_DELETE, home->assets, asset->id, 0, &none);
}

enum kdm_outcome kdm_dm_assets_delete(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_dm_home home;
    struct kdm_doc *asset;
    struct kdm_str id, shown;
    struct kdm_val linked;

    if (!kdm_document_id(tx, args, &id) || !kdm_dm_home(tx, args, &home)
        || !kdm_dm_get(tx, home.assets, id, true, &asset, &shown))
        return KDM_WAIT;
    linked = kdm_val_get(kdm_doc_source(tx, asset), KDM_STR("linkedDevices"));
    if (kdm_args_bool(args, KDM_ARG_STRICT) && kdm_val_count(linked) > 0)
        return kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_ASSET_STILL_LINKED, KDM_PROPS(asset->id));
    return kdm_dm_asset_delete(tx, kdm_args_str(args, KDM_ARG_ENGINE_ID), &home, asset)
               ? kdm_tx_reply(tx, KDM_STR_NONE)
               : KDM_WAIT;
}
