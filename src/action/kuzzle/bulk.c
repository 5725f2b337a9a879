/* bulk.c - bulk:write and bulk:import. bulk:mWrite is one of the m* actions (document_multi.c). */
#include "action/kuzzle/bulk_import.h"
#include "action/kuzzle/document.h"

enum kdm_outcome kdm_bulk_write(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_tx_id(tx, KDM_STR("document")), text, additions;
    struct kdm_collection *collection;
    struct kdm_failure failure;

    if ((kdm_args_has(args, KDM_ARG__ID) && !kdm_document_id(tx, args, &id))
        || !kdm_target_collection(tx, args, &collection))
        return KDM_WAIT;
    if (!kdm_source_check(args->arena, collection, collection->mapping, args->body, &additions,
                          &failure))
        return kdm_tx_fail_with(tx, &failure);
    if (!kdm_source_extend_mapping(tx, collection, additions))
        return KDM_WAIT;
    text = kdm_json_canonical(args->arena, args->body);
    kdm_tx_put(tx, collection, id, text, kdm_bulk_flags(args));
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_document_reply(tx, id, text, kdm_tx_written(tx, collection, id)->version);
}

/* --- import -------------------------------------------------------------------------------- */

/* Kept over replays until a race is lost. NULL: wait. */
static struct kdm_import *decide(struct kdm_tx *tx, const struct kdm_args *args,
                                 struct kdm_collection *collection)
{
    static const char key[] = "import";
    struct kdm_import *import = kdm_tx_kept(tx, key);

    if (import != NULL)
        return import;
    import = kdm_import_read(tx, KDM_STR("import"), kdm_args_val(args, KDM_ARG_BODY_BULK_DATA));
    if (import == NULL || !kdm_import_decide(import, collection))
        return NULL;
    kdm_tx_keep(tx, key, import);
    return import;
}

enum kdm_outcome kdm_bulk_import(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;
    struct kdm_buf errors, successes;
    struct kdm_import *import;
    size_t error_count;

    if (!kdm_target_collection(tx, args, &collection))
        return KDM_WAIT;
    import = decide(tx, args, collection);
    if (import == NULL)
        return KDM_WAIT;
    kdm_import_stage(import, collection);
    if (!kdm_tx_commit_each(tx))
        return KDM_WAIT;
    kdm_buf_init(&errors, args->arena, 64);
    kdm_buf_init(&successes, args->arena, 1024);
    error_count = kdm_import_put(import, &errors, &successes);
    return kdm_multi_reply(tx, args, kdm_buf_str(&errors), error_count, kdm_buf_str(&successes));
}
