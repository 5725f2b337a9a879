/* info.c - _kuzzle_info of writes that nobody makes, dates, and entries of histories. */
#include "action/device_manager/dm.h"

/* How far a state's date may lie ahead of our clock and still be followed: clocks of nodes differ,
 * and more than a thousand updates of one asset in a second run ahead. Beyond that it is a date
 * that somebody made up. */
#define MAX_AHEAD_MS 60000

int64_t kdm_dm_date(struct kdm_tx *tx, struct kdm_val old)
{
    struct kdm_val info = kdm_val_get(old, KDM_STR("_kuzzle_info"));
    int64_t now = kdm_tx_now(tx), date;

    if (!kdm_val_int64(kdm_val_get(info, KDM_STR("updatedAt")), &date)
        && !kdm_val_int64(kdm_val_get(info, KDM_STR("createdAt")), &date))
        return now;
    return date < now || date > now + MAX_AHEAD_MS ? now : date + 1;
}

static struct kdm_str kuid_of(struct kdm_tx *tx, enum kdm_dm_author author)
{
    return author == KDM_DM_NOBODY ? KDM_STR_NONE : kdm_tx_origin(tx)->kuid;
}

static void put_kuid(struct kdm_buf *buf, struct kdm_str kuid)
{
    if (kdm_str_none(kuid))
        kdm_buf_lit(buf, "null");
    else
        kdm_json_put_str(buf, kuid);
}

static void put_created(struct kdm_buf *buf, struct kdm_str kuid, int64_t date)
{
    kdm_buf_lit(buf, "{\"author\":");
    put_kuid(buf, kuid);
    kdm_buf_lit(buf, ",\"createdAt\":");
    kdm_buf_int(buf, date);
}

static void put_updated(struct kdm_buf *buf, struct kdm_str kuid, int64_t date)
{
    kdm_buf_lit(buf, ",\"updatedAt\":");
    kdm_buf_int(buf, date);
    kdm_buf_lit(buf, ",\"updater\":");
    put_kuid(buf, kuid);
    kdm_buf_char(buf, '}');
}

struct kdm_str kdm_dm_info_created(struct kdm_tx *tx, enum kdm_dm_author author, int64_t date)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 128);
    put_created(&buf, kuid_of(tx, author), date);
    kdm_buf_lit(&buf, ",\"updatedAt\":null,\"updater\":null}");
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_dm_info_replaced(struct kdm_tx *tx, enum kdm_dm_author author, int64_t date)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 128);
    put_created(&buf, kuid_of(tx, author), date);
    put_updated(&buf, kuid_of(tx, author), date);
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_dm_info_updated(struct kdm_tx *tx, enum kdm_dm_author author, int64_t date,
                                   struct kdm_val old)
{
    return kdm_dm_info_updated_by(tx, kuid_of(tx, author), date, old);
}

struct kdm_str kdm_dm_info_updated_by(struct kdm_tx *tx, struct kdm_str kuid, int64_t date,
                                      struct kdm_val old)
{
    static const struct kdm_str replaced[] = { KDM_STR("updatedAt"), KDM_STR("updater") };
    struct kdm_val info = kdm_val_get(old, KDM_STR("_kuzzle_info"));
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 160);
    kdm_buf_char(&buf, '{');
    if (kdm_val_type(info) != KDM_JSON_OBJECT
        || kdm_json_put_members_except(&buf, info, replaced, 2) == 0)
        kdm_buf_lit(&buf, "\"author\":null"); /* written without, by bulk:write */
    put_updated(&buf, kuid, date);
    return kdm_buf_str(&buf);
}

/* --- histories ------------------------------------------------------------------------------- */

struct kdm_str kdm_dm_history_entry(struct kdm_tx *tx, struct kdm_str asset_id, int64_t date,
                                    struct kdm_str event, struct kdm_str asset)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), asset.len + event.len + asset_id.len + 224);
    kdm_buf_lit(&buf, "{\"id\":");
    kdm_json_put_str(&buf, asset_id);
    kdm_buf_lit(&buf, ",\"timestamp\":");
    kdm_buf_int(&buf, date);
    kdm_buf_lit(&buf, ",\"event\":");
    kdm_buf_put(&buf, event);
    kdm_buf_lit(&buf, ",\"asset\":");
    kdm_buf_put(&buf, asset);
    kdm_buf_lit(&buf, ",\"_kuzzle_info\":");
    put_created(&buf, KDM_STR_NONE, date);
    kdm_buf_lit(&buf, ",\"updatedAt\":null,\"updater\":null}}");
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_dm_metadata_event(struct kdm_arena *arena, struct kdm_str paths)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, paths.len + 48);
    kdm_buf_lit(&buf, "{\"name\":\"metadata\",\"metadata\":{\"names\":");
    kdm_buf_put(&buf, paths);
    kdm_buf_lit(&buf, "}}");
    return kdm_buf_str(&buf);
}
