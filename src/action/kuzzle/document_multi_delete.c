/* document_multi_delete.c - deleting several documents by their ids. Blind: the commit tells which
 * were there. */
#include "action/kuzzle/document.h"

static void put_error(struct kdm_buf *buf, struct kdm_val id, struct kdm_str reason, int status)
{
    if (buf->len > 0)
        kdm_buf_char(buf, ',');
    kdm_buf_lit(buf, "{\"_id\":");
    kdm_buf_put(buf, kdm_val_text(id));
    kdm_buf_lit(buf, ",\"reason\":");
    kdm_json_put_str(buf, reason);
    kdm_buf_lit(buf, ",\"status\":");
    kdm_buf_int(buf, status);
    kdm_buf_char(buf, '}');
}

/* Those that are no ids come first among the errors. */
static size_t put_malformed(struct kdm_buf *errors, struct kdm_val ids)
{
    struct kdm_val_iter it;
    struct kdm_val id;
    size_t count = 0;

    for (kdm_elements(&it, ids); kdm_element_next(&it, &id);) {
        if (kdm_val_type(id) == KDM_JSON_STRING)
            continue;
        put_error(errors, id, KDM_STR("A document's _id must be a string."), 400);
        count++;
    }
    return count;
}

static enum kdm_outcome reply(struct kdm_tx *tx, const struct kdm_args *args,
                              const struct kdm_collection *collection, struct kdm_val ids)
{
    struct kdm_buf errors, successes;
    struct kdm_val_iter it;
    struct kdm_val id;
    size_t error_count;

    kdm_buf_init(&errors, kdm_tx_arena(tx), 64);
    kdm_buf_init(&successes, kdm_tx_arena(tx), 256);
    error_count = put_malformed(&errors, ids);
    for (kdm_elements(&it, ids); kdm_element_next(&it, &id);) {
        if (kdm_val_type(id) != KDM_JSON_STRING)
            continue;
        if (kdm_tx_written(tx, collection, kdm_val_str(args->arena, id))->absent) {
            put_error(&errors, id, KDM_STR("Document not found."), 404);
            error_count++;
            continue;
        }
        if (successes.len > 0)
            kdm_buf_char(&successes, ',');
        kdm_buf_put(&successes, kdm_val_text(id));
    }
    return kdm_multi_reply(tx, args, kdm_buf_str(&errors), error_count, kdm_buf_str(&successes));
}

enum kdm_outcome kdm_document_m_delete(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val ids = kdm_args_val(args, KDM_ARG_BODY_IDS);
    struct kdm_collection *collection;
    struct kdm_val_iter it;
    struct kdm_val id;

    if (!kdm_multi_may_write(tx, kdm_val_count(ids))
        || !kdm_target_collection(tx, args, &collection))
        return KDM_WAIT;
    for (kdm_elements(&it, ids); kdm_element_next(&it, &id);) {
        if (kdm_val_type(id) == KDM_JSON_STRING)
            kdm_tx_delete(tx, collection, kdm_val_str(args->arena, id), NULL,
                          kdm_document_flags(args));
    }
    if (!kdm_tx_commit_each(tx))
        return KDM_WAIT;
    return reply(tx, args, collection, ids);
}
