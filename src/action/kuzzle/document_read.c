/* document_read.c - documents by their ids. */
#include "action/kuzzle/document.h"

enum kdm_outcome kdm_document_get(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;
    struct kdm_doc *doc;
    struct kdm_str id;

    if (!kdm_document_id(tx, args, &id) || !kdm_target_collection(tx, args, &collection)
        || !kdm_tx_read_unchecked(tx, collection, id, &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return kdm_document_not_found(tx, collection, id);
    return kdm_document_reply(tx, id, doc->text, doc->version);
}

enum kdm_outcome kdm_document_exists(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID); /* what can't be an id does not exist */
    struct kdm_collection *collection;
    struct kdm_doc *doc;

    if (!kdm_target_collection(tx, args, &collection)
        || !kdm_tx_read_unchecked(tx, collection, id, &doc))
        return KDM_WAIT;
    return kdm_tx_reply(tx, doc != NULL ? KDM_STR("true") : KDM_STR("false"));
}

/* --- many at once -------------------------------------------------------------------------- */

/* `ids`, of the body or of the request itself. */
static bool asked_ids(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str_list *ret_ids)
{
    enum kdm_arg from = kdm_args_has(args, KDM_ARG_BODY_IDS) ? KDM_ARG_BODY_IDS : KDM_ARG_IDS;

    if (!kdm_args_has(args, from)) {
        kdm_tx_fail(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, KDM_PROPS(KDM_STR("ids")));
        return false;
    }
    *ret_ids = kdm_args_strings(args, from);
    if (ret_ids->count <= (size_t)kdm_server_of(tx)->limits.documents_fetch)
        return true;
    kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED, NULL, 0);
    return false;
}

typedef void put_found_fn(struct kdm_buf *buf, const struct kdm_doc *doc);

static void put_document(struct kdm_buf *buf, const struct kdm_doc *doc)
{
    kdm_document_open(buf, doc->id, doc->text, doc->version);
    kdm_buf_char(buf, '}');
}

static void put_id(struct kdm_buf *buf, const struct kdm_doc *doc)
{
    kdm_json_put_str(buf, doc->id);
}

/* Found ones among the successes, in the shape that `put` gives them, the ids of the others among
 * the errors. */
static enum kdm_outcome reply_found(struct kdm_tx *tx, const struct kdm_args *args,
                                    put_found_fn *put)
{
    struct kdm_collection *collection;
    struct kdm_buf errors, successes;
    struct kdm_str_list ids;
    struct kdm_doc *doc;
    size_t missing = 0;

    if (!asked_ids(tx, args, &ids) || !kdm_target_collection(tx, args, &collection))
        return KDM_WAIT;
    for (size_t i = 0; i < ids.count; i++)
        kdm_tx_want(tx, collection, ids.items[i]);
    kdm_buf_init(&errors, kdm_tx_arena(tx), 64);
    kdm_buf_init(&successes, kdm_tx_arena(tx), 256);
    for (size_t i = 0; i < ids.count; i++) {
        struct kdm_buf *list;

        if (!kdm_tx_read_unchecked(tx, collection, ids.items[i], &doc))
            return KDM_WAIT;
        list = doc != NULL ? &successes : &errors;
        if (list->len > 0)
            kdm_buf_char(list, ',');
        if (doc != NULL) {
            put(list, doc);
        } else {
            kdm_json_put_str(list, ids.items[i]);
            missing++;
        }
    }
    return kdm_multi_reply(tx, args, kdm_buf_str(&errors), missing, kdm_buf_str(&successes));
}

enum kdm_outcome kdm_document_m_get(struct kdm_tx *tx, const struct kdm_args *args)
{
    return reply_found(tx, args, put_document);
}

enum kdm_outcome kdm_document_m_exists(struct kdm_tx *tx, const struct kdm_args *args)
{
    return reply_found(tx, args, put_id);
}
