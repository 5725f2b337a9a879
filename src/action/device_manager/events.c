/* events.c - the events that the device manager fires around each document it reads or writes
 * (reference device-manager-events.md 3). Upstream hands listeners two arguments, documents and
 * request; here they are two members of one payload. When nobody listens nothing is built.
 */
#include "action/device_manager/dm.h"

struct kdm_val kdm_dm_answer(struct kdm_tx *tx, struct kdm_str answer)
{
    struct kdm_json *doc = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(*doc));

    return kdm_json_scan(kdm_tx_arena(tx), answer, doc, NULL) ? kdm_json_root(doc) : KDM_VAL_NONE;
}

enum kdm_outcome kdm_dm_bad_answer(struct kdm_tx *tx, struct kdm_str event)
{
    return kdm_tx_fail(
        tx, KDM_ERR_PLUGIN_RUNTIME_UNEXPECTED_ERROR,
        KDM_PROPS(kdm_arena_printf(kdm_tx_arena(tx),
                                   "a pipe of " KDM_FMT " returned something else than the event",
                                   KDM_ARG(event))));
}

static struct kdm_str payload_of(struct kdm_tx *tx, const struct kdm_collection *collection,
                                 struct kdm_str documents)
{
    const struct kdm_tx_origin *origin = kdm_tx_origin(tx);
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), documents.len + 192);
    kdm_buf_lit(&buf, "{\"documents\":");
    kdm_buf_put(&buf, documents);
    kdm_buf_lit(&buf, ",\"request\":{\"controller\":");
    kdm_json_put_str(&buf, origin->controller);
    kdm_buf_lit(&buf, ",\"action\":");
    kdm_json_put_str(&buf, origin->action);
    kdm_buf_lit(&buf, ",\"index\":");
    kdm_json_put_str(&buf, collection->index->name);
    kdm_buf_lit(&buf, ",\"collection\":");
    kdm_json_put_str(&buf, collection->name);
    kdm_buf_lit(&buf, "}}");
    return kdm_buf_str(&buf);
}

bool kdm_dm_generic(struct kdm_tx *tx, struct kdm_str event, struct kdm_str name,
                    const struct kdm_collection *collection, struct kdm_str documents,
                    struct kdm_val *ret_documents)
{
    struct kdm_str answer;

    if (!kdm_tx_pipe(tx, event, name, payload_of(tx, collection, documents), &answer))
        return false;
    *ret_documents = kdm_val_get(kdm_dm_answer(tx, answer), KDM_STR("documents"));
    if (!kdm_val_none(*ret_documents))
        return true;
    kdm_dm_bad_answer(tx, event);
    return false;
}

static struct kdm_val first_of(struct kdm_val documents)
{
    struct kdm_val_iter it;
    struct kdm_val first = KDM_VAL_NONE;

    kdm_elements(&it, documents);
    return kdm_element_next(&it, &first) ? first : KDM_VAL_NONE;
}

struct kdm_str kdm_dm_document(struct kdm_arena *arena, struct kdm_str id, struct kdm_str source,
                               int64_t version)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, id.len + source.len + 80);
    kdm_document_open(&buf, id, source, version);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static struct kdm_str one_document(struct kdm_arena *arena, struct kdm_str id,
                                   struct kdm_str source, int64_t version)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, id.len + source.len + 80);
    kdm_buf_char(&buf, '[');
    kdm_document_open(&buf, id, source, version);
    kdm_buf_lit(&buf, "}]");
    return kdm_buf_str(&buf);
}

bool kdm_dm_generic_document(struct kdm_tx *tx, struct kdm_str event,
                             const struct kdm_collection *collection, struct kdm_str id,
                             int64_t version, struct kdm_str *source)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val documents, changed;

    if (!kdm_tx_listened(tx, event))
        return true;
    if (!kdm_dm_generic(tx, event, id, collection, one_document(arena, id, *source, version),
                        &documents))
        return false;
    changed = kdm_val_get(first_of(documents), KDM_STR("_source"));
    if (kdm_val_type(changed) == KDM_JSON_OBJECT)
        *source = kdm_json_canonical(arena, changed);
    return true;
}

/* --- get ------------------------------------------------------------------------------------- */

static bool before_get(struct kdm_tx *tx, const struct kdm_collection *collection,
                       struct kdm_str *id)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val documents;
    struct kdm_str changed;

    if (!kdm_tx_listened(tx, KDM_DM_BEFORE_GET))
        return true;
    if (!kdm_dm_generic(tx, KDM_DM_BEFORE_GET, *id, collection,
                        one_document(arena, *id, KDM_STR_NONE, 0), &documents))
        return false;
    changed = kdm_val_str(arena, kdm_val_get(first_of(documents), KDM_STR("_id")));
    if (!kdm_str_none(changed))
        *id = changed;
    return true;
}

bool kdm_dm_get(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id, bool claim,
                struct kdm_doc **ret_doc, struct kdm_str *ret_shown)
{
    if (!before_get(tx, collection, &id))
        return false;
    if (!(claim ? kdm_tx_claim : kdm_tx_read)(tx, collection, id, ret_doc))
        return false;
    if (*ret_doc == NULL) {
        kdm_document_not_found(tx, collection, id);
        return false;
    }
    *ret_shown = (*ret_doc)->text;
    return kdm_dm_generic_document(tx, KDM_DM_AFTER_GET, collection, id, (*ret_doc)->version,
                                   ret_shown);
}
