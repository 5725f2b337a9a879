/* asset_delete.c - an asset deleted, and its devices freed from it.
 * Each unlinking leaves an entry in the history, as if it had been asked for; the deletion itself
 * leaves none. Measures and history stay. An entry holds the whole asset, so an asset of many
 * devices is more than one commit takes: then each commit unlinks some of them, which leaves an
 * asset with fewer devices and nothing half done, and the last one deletes it. All but the first
 * are a job's, whose arguments are {"engine","asset","createdAt","user"}; it needs no state.
 */
#include "action/device_manager/asset.h"

/* What one commit takes: three writes a device, and the asset's. */
#define MOST_DEVICES (KDM_COMMIT_MAX_WRITES / 3 - 2)
#define MOST_BYTES   (KDM_COMMIT_MAX_BYTES / 4 * 3)

/* Both copies of a linked device; NULL where there is none. */
struct link {
    struct kdm_str id;
    struct kdm_doc *platform, *tenant;
};

/* An asset on its way out. */
struct deletion {
    struct kdm_tx *tx;
    struct kdm_str engine;
    const struct kdm_dm_home *home;
    struct kdm_doc *asset;
    struct kdm_str user; /* who deletes it; none: nobody */
    struct kdm_collection *platform_devices, *devices;
    struct link *links; /* as many as one commit takes at most */
    size_t count;
    bool more;            /* there are others */
    struct kdm_val state; /* the asset without those that are unlinked so far */
    size_t bytes;         /* staged */
};

/* --- reading --------------------------------------------------------------------------------- */

static struct kdm_val linked_devices(struct kdm_val asset)
{
    return kdm_val_get(asset, KDM_STR("linkedDevices"));
}

static bool find_collections(struct deletion *deletion)
{
    struct kdm_tx *tx = deletion->tx;

    return kdm_tx_collection(tx, kdm_dm_platform(tx), KDM_STR("devices"),
                             &deletion->platform_devices)
           && kdm_dm_tenant_collection(tx, deletion->engine, KDM_DM_DEVICES, &deletion->devices);
}

static bool read_links(struct deletion *deletion)
{
    struct kdm_val linked = linked_devices(deletion->state), entry;
    struct kdm_tx *tx = deletion->tx;
    struct kdm_val_iter it;
    bool all = true;

    if (kdm_val_count(linked) == 0)
        return true;
    if (!find_collections(deletion))
        return false;
    deletion->links = kdm_arena_zalloc(kdm_tx_arena(tx), MOST_DEVICES * sizeof(struct link));
    for (kdm_elements(&it, linked); kdm_element_next(&it, &entry);) {
        struct kdm_str id = kdm_val_str(kdm_tx_arena(tx), kdm_val_get(entry, KDM_STR("_id")));
        struct link *link;

        if (kdm_str_none(id))
            continue;
        if (deletion->count == MOST_DEVICES) {
            deletion->more = true;
            break;
        }
        link = &deletion->links[deletion->count++];
        link->id = id;
        all = kdm_tx_read(tx, deletion->platform_devices, id, &link->platform) && all;
        all = kdm_tx_read(tx, deletion->devices, id, &link->tenant) && all;
    }
    return all;
}

/* --- unlinking ------------------------------------------------------------------------------- */

/* `source` with what is said of its last change. */
static struct kdm_str updated(struct deletion *deletion, struct kdm_str source, int64_t date,
                              struct kdm_val old)
{
    return kdm_tx_with_info(deletion->tx, kdm_json_parse(kdm_tx_arena(deletion->tx), source),
                            kdm_dm_info_updated_by(deletion->tx, deletion->user, date, old));
}

/* The device without its asset; none when it is not there. */
static struct kdm_str freed(struct deletion *deletion, struct kdm_doc *device)
{
    struct kdm_val old;

    if (device == NULL)
        return KDM_STR_NONE;
    old = kdm_doc_source(deletion->tx, device);
    return updated(
        deletion,
        kdm_json_set(kdm_tx_arena(deletion->tx), old, KDM_STR("assetId"), KDM_STR("null")),
        kdm_tx_now(deletion->tx), old);
}

static void stage_freed(struct deletion *deletion, struct kdm_collection *devices,
                        struct kdm_doc *device, struct kdm_str text)
{
    if (device != NULL)
        kdm_tx_write(deletion->tx, devices, device, text, KDM_CHANGE_UPDATE,
                     KDM_STR("[\"assetId\"]"), 0);
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

/* false: it is more than the commit takes yet. */
static bool stage_unlinking(struct deletion *deletion, size_t number)
{
    struct kdm_tx *tx = deletion->tx;
    struct kdm_arena *arena = kdm_tx_arena(tx);
    const struct link *link = &deletion->links[number];
    int64_t date = kdm_dm_date(tx, deletion->state);
    struct kdm_str left =
        updated(deletion, without_device(arena, deletion->state, link->id), date, deletion->state);
    struct kdm_str entry =
        kdm_dm_history_entry(tx, deletion->asset->id, date, unlink_event(arena, link->id), left);
    struct kdm_str platform = freed(deletion, link->platform);
    struct kdm_str tenant = freed(deletion, link->tenant);
    size_t bytes = entry.len + platform.len + tenant.len;

    /* What is left of the asset is perhaps written too. */
    if (number > 0 && deletion->bytes + bytes + left.len > MOST_BYTES)
        return false;
    deletion->bytes += bytes;
    deletion->state = kdm_json_parse(arena, left);
    stage_freed(deletion, deletion->platform_devices, link->platform, platform);
    stage_freed(deletion, deletion->devices, link->tenant, tenant);
    kdm_tx_create(tx, deletion->home->history,
                  kdm_tx_id(tx, kdm_arena_printf(arena, "unlink %zu", number)), entry, 0);
    return true;
}

/* Stages what one commit takes. *ret_last: the asset's end with it. false: wait. */
static bool stage(struct deletion *deletion, bool *ret_last)
{
    struct kdm_tx *tx = deletion->tx;
    size_t done = 0;

    deletion->state = kdm_doc_source(tx, deletion->asset);
    if (!read_links(deletion))
        return false;
    while (done < deletion->count && stage_unlinking(deletion, done))
        done++;
    *ret_last = done == deletion->count && !deletion->more;
    if (*ret_last)
        kdm_tx_delete(tx, deletion->home->assets, deletion->asset->id, deletion->asset, 0);
    else
        kdm_tx_write(tx, deletion->home->assets, deletion->asset, kdm_val_text(deletion->state),
                     KDM_CHANGE_UPDATE, KDM_STR("[\"linkedDevices\"]"), 0);
    return true;
}

/* --- the job --------------------------------------------------------------------------------- */

/* Tells an asset from another that is made later by the same id. */
static struct kdm_val created_at(struct kdm_val asset)
{
    return kdm_val_get(kdm_val_get(asset, KDM_STR("_kuzzle_info")), KDM_STR("createdAt"));
}

static struct kdm_str job_args(const struct deletion *deletion)
{
    struct kdm_val created = created_at(deletion->state);
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(deletion->tx), 256);
    kdm_buf_lit(&buf, "{\"engine\":");
    kdm_json_put_str(&buf, deletion->engine);
    kdm_buf_lit(&buf, ",\"asset\":");
    kdm_json_put_str(&buf, deletion->asset->id);
    kdm_buf_lit(&buf, ",\"createdAt\":");
    kdm_buf_put(&buf, kdm_val_none(created) ? KDM_STR("null") : kdm_val_text(created));
    kdm_buf_lit(&buf, ",\"user\":");
    if (kdm_str_none(deletion->user))
        kdm_buf_lit(&buf, "null");
    else
        kdm_json_put_str(&buf, deletion->user);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* Is it still the asset that was to go? */
static bool is_same(struct kdm_tx *tx, struct kdm_doc *asset, struct kdm_val args)
{
    struct kdm_val created, wanted = kdm_val_get(args, KDM_STR("createdAt"));

    if (asset == NULL)
        return false;
    created = created_at(kdm_doc_source(tx, asset));
    return (kdm_val_null(created) && kdm_val_null(wanted))
           || kdm_val_equal(kdm_tx_arena(tx), created, wanted);
}

enum kdm_outcome kdm_dm_delete_job_chunk(struct kdm_tx *tx, struct kdm_val args,
                                         struct kdm_val state)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct deletion deletion = { .tx = tx,
                                 .engine = kdm_val_str(arena, kdm_val_get(args, KDM_STR("engine"))),
                                 .user = kdm_val_str(arena, kdm_val_get(args, KDM_STR("user"))) };
    struct kdm_str id = kdm_val_str(arena, kdm_val_get(args, KDM_STR("asset")));
    struct kdm_dm_engine engine;
    struct kdm_dm_home home;
    bool there, last = true;

    (void)state;
    if (!kdm_dm_engine_find(tx, deletion.engine, &there, &engine))
        return KDM_WAIT;
    if (there) { /* else all of it has gone */
        deletion.home = &home;
        if (!kdm_dm_home_of(tx, deletion.engine, &home)
            || !kdm_tx_claim(tx, home.assets, id, &deletion.asset))
            return KDM_WAIT;
        if (is_same(tx, deletion.asset, args) && !stage(&deletion, &last))
            return KDM_WAIT;
    }
    if (last)
        kdm_tx_job_finish(tx);
    else
        kdm_tx_job_state(tx, KDM_STR("{}"));
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

/* --- the request ----------------------------------------------------------------------------- */

/* false: wait, it failed, or it goes on by itself. */
static bool commit_all(struct deletion *deletion)
{
    struct kdm_tx *tx = deletion->tx;
    struct kdm_str job;
    bool last;

    if (!stage(deletion, &last))
        return false;
    if (last)
        return kdm_tx_commit(tx);
    job = kdm_tx_job(tx, KDM_DM_DELETE_JOB_KIND, job_args(deletion));
    return kdm_tx_commit(tx) && kdm_tx_complete_job(tx, job, NULL);
}

bool kdm_dm_asset_delete(struct kdm_tx *tx, struct kdm_str engine, const struct kdm_dm_home *home,
                         struct kdm_doc *asset)
{
    struct deletion deletion = {
        .tx = tx, .engine = engine, .home = home, .asset = asset, .user = kdm_tx_origin(tx)->kuid
    };
    struct kdm_str none = KDM_STR_NONE;

    return kdm_dm_generic_document(tx, KDM_DM_BEFORE_DELETE, home->assets, asset->id, 0, &none)
           && commit_all(&deletion)
           && kdm_dm_generic_document(tx, KDM_DM_AFTER_DELETE, home->assets, asset->id, 0, &none);
}

enum kdm_outcome kdm_dm_assets_delete(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_dm_home home;
    struct kdm_doc *asset;
    struct kdm_str id, shown;

    if (!kdm_document_id(tx, args, &id) || !kdm_dm_home(tx, args, &home)
        || !kdm_dm_get(tx, home.assets, id, true, &asset, &shown))
        return KDM_WAIT;
    if (kdm_args_bool(args, KDM_ARG_STRICT)
        && kdm_val_count(linked_devices(kdm_doc_source(tx, asset))) > 0)
        return kdm_tx_fail(tx, KDM_ERR_DEVICE_MANAGER_ASSET_STILL_LINKED, KDM_PROPS(asset->id));
    return kdm_dm_asset_delete(tx, kdm_args_str(args, KDM_ARG_ENGINE_ID), &home, asset)
               ? kdm_tx_reply(tx, KDM_STR_NONE)
               : KDM_WAIT;
}
