/* info.c - _kuzzle_info: who made a document, who changed it last, and when (kuzzle-semantics.md 2.1). */
#include "tx/tx_private.h"

static void put_user(struct kdm_buf *buf, const struct kdm_tx *tx)
{
    if (kdm_str_none(tx->start.origin.kuid))
        kdm_buf_lit(buf, "null");
    else
        kdm_json_put_str(buf, tx->start.origin.kuid);
}

static void put_created(struct kdm_buf *buf, const struct kdm_tx *tx)
{
    kdm_buf_lit(buf, "{\"author\":");
    put_user(buf, tx);
    kdm_buf_lit(buf, ",\"createdAt\":");
    kdm_buf_int(buf, tx->now);
}

static void put_updated(struct kdm_buf *buf, const struct kdm_tx *tx)
{
    kdm_buf_lit(buf, ",\"updatedAt\":");
    kdm_buf_int(buf, tx->now);
    kdm_buf_lit(buf, ",\"updater\":");
    put_user(buf, tx);
    kdm_buf_char(buf, '}');
}

struct kdm_str kdm_tx_info_created(struct kdm_tx *tx)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, tx->arena, 128);
    put_created(&buf, tx);
    kdm_buf_lit(&buf, ",\"updatedAt\":null,\"updater\":null}");
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_tx_info_replaced(struct kdm_tx *tx)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, tx->arena, 128);
    put_created(&buf, tx);
    put_updated(&buf, tx);
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_tx_info_updated(struct kdm_tx *tx, struct kdm_val old)
{
    static const struct kdm_str replaced[] = { KDM_STR("updatedAt"), KDM_STR("updater") };
    struct kdm_val info = kdm_val_get(old, KDM_STR("_kuzzle_info"));
    struct kdm_buf buf;

    kdm_buf_init(&buf, tx->arena, 192);
    kdm_buf_char(&buf, '{');
    if (kdm_val_type(info) != KDM_JSON_OBJECT
        || kdm_json_put_members_except(&buf, info, replaced, 2) == 0)
        kdm_buf_lit(&buf, "\"author\":null"); /* a document that was written without */
    put_updated(&buf, tx);
    return kdm_buf_str(&buf);
}

struct kdm_str kdm_tx_with_info(struct kdm_tx *tx, struct kdm_val object, struct kdm_str info)
{
    static const struct kdm_str name[] = { KDM_STR("_kuzzle_info") };
    struct kdm_buf buf;

    kdm_buf_init(&buf, tx->arena, kdm_val_text(object).len + info.len + 24);
    kdm_buf_char(&buf, '{');
    kdm_json_put_members_except(&buf, object, name, 1);
    kdm_json_put_name(&buf, name[0]);
    kdm_buf_put(&buf, info);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}
