/* document_write.c - storing and deleting one document.
 * create, createOrReplace and delete don't read before they write: what they expect of the document
 * is checked by the commit itself. Beside the commit only the specifications are read, and what
 * write_rules.h asks for.
 */
#include "action/kuzzle/document.h"
#include "action/kuzzle/specified.h"
#include "action/write_rules.h"

/* A body made ready to be stored. Kept over replays: checking it is most of the work. */
struct ready {
    struct kdm_str text;
    struct kdm_str additions;
};

/* The request's body with `info`, checked. NULL: wait, or the transaction has failed. */
static struct ready *make_ready(struct kdm_tx *tx, const struct kdm_args *args,
                                const struct kdm_collection *collection, struct kdm_str id,
                                struct kdm_str info)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_write_item item;
    struct kdm_failure failure;
    struct ready *ready;
    struct kdm_val body;

    if (!kdm_specified_source(tx, collection, id, args->body, &body))
        return NULL;
    ready = kdm_arena_alloc(arena, sizeof(*ready));
    if (!kdm_source_check(arena, collection, collection->mapping, body, &ready->additions,
                          &failure)) {
        kdm_tx_fail_with(tx, &failure);
        return NULL;
    }
    ready->text = kdm_tx_with_info(tx, body, info);
    item = (struct kdm_write_item){ .id = id, .sent = body, .stored = ready->text };
    return kdm_write_allowed(tx, collection, &item, 1) ? ready : NULL;
}

typedef struct kdm_str info_fn(struct kdm_tx *tx);

/* The body ready to be stored, and its collection's mapping staged when it takes up new fields. */
static bool body_ready(struct kdm_tx *tx, const struct kdm_args *args,
                       struct kdm_collection *collection, struct kdm_str id, info_fn *info,
                       struct kdm_str *ret_text)
{
    static const char key[] = "document body";
    struct ready *ready = kdm_tx_kept(tx, key);

    if (ready == NULL) {
        ready = make_ready(tx, args, collection, id, info(tx));
        if (ready == NULL)
            return false;
        kdm_tx_keep(tx, key, ready);
    }
    *ret_text = ready->text;
    if (kdm_str_none(ready->additions))
        kdm_specified_note_none(tx, collection);
    return kdm_source_extend_mapping(tx, collection, ready->additions);
}

/* --- actions ------------------------------------------------------------------------------- */

static bool given_or_made_id(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str *ret_id)
{
    if (kdm_args_has(args, KDM_ARG__ID))
        return kdm_document_id(tx, args, ret_id);
    *ret_id = kdm_write_new_id(tx, kdm_args_str(args, KDM_ARG_COLLECTION), args->body,
                               KDM_STR("document"));
    return true;
}

enum kdm_outcome kdm_document_create(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;
    struct kdm_str id, text;

    if (!given_or_made_id(tx, args, &id) || !kdm_target_collection(tx, args, &collection)
        || !body_ready(tx, args, collection, id, kdm_tx_info_created, &text))
        return KDM_WAIT;
    kdm_tx_create(tx, collection, id, text, kdm_document_flags(args));
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_document_reply(tx, id, text, kdm_tx_written(tx, collection, id)->version);
}

enum kdm_outcome kdm_document_create_or_replace(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_written *written;
    struct kdm_collection *collection;
    struct kdm_str id, text;

    if (!kdm_document_id(tx, args, &id) || !kdm_target_collection(tx, args, &collection)
        || !body_ready(tx, args, collection, id, kdm_tx_info_replaced, &text))
        return KDM_WAIT;
    kdm_tx_put(tx, collection, id, text, kdm_document_flags(args));
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    written = kdm_tx_written(tx, collection, id);
    return kdm_document_reply_created(tx, id, text, written->version, written->created);
}

enum kdm_outcome kdm_document_replace(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;
    struct kdm_str id, text;
    struct kdm_doc *old;

    if (!kdm_document_id(tx, args, &id) || !kdm_target_collection(tx, args, &collection))
        return KDM_WAIT;
    kdm_specified_want(tx, collection);
    if (!kdm_tx_claim(tx, collection, id, &old))
        return KDM_WAIT;
    if (old == NULL)
        return kdm_document_not_found(tx, collection, id);
    if (!body_ready(tx, args, collection, id, kdm_tx_info_replaced, &text))
        return KDM_WAIT;
    kdm_tx_write(tx, collection, old, text, KDM_CHANGE_REPLACE, KDM_STR_NONE,
                 kdm_document_flags(args));
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_document_reply(tx, id, text, kdm_tx_written(tx, collection, id)->version);
}

enum kdm_outcome kdm_document_delete(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_written *written;
    struct kdm_collection *collection;
    struct kdm_str id;

    if (!kdm_document_id(tx, args, &id) || !kdm_target_collection(tx, args, &collection))
        return KDM_WAIT;
    if (kdm_tx_known_absent(tx, collection, id))
        return kdm_document_not_found(tx, collection, id);
    kdm_tx_delete(tx, collection, id, NULL, kdm_document_flags(args));
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    if (!kdm_args_bool(args, KDM_ARG_SOURCE))
        return kdm_document_reply(tx, id, KDM_STR_NONE, 0);
    written = kdm_tx_written(tx, collection, id);
    return kdm_document_reply(tx, id, written->previous, written->version);
}
