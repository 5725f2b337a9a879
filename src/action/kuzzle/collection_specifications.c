/* collection_specifications.c - getting, setting, trying and deleting the specifications of a
 * collection, and document:validate. The collection need not exist: specifications may be there
 * first, or be meant for messages alone.
 */
#include "action/kuzzle/private_index.h"
#include "action/kuzzle/specified.h"
#include "store/names.h"

static void put_member(struct kdm_buf *buf, struct kdm_str name, struct kdm_str value)
{
    kdm_json_put_name(buf, name);
    kdm_json_put_str(buf, value);
}

/* {"index":..,"collection":..,"validation":..} */
static struct kdm_str wrapped(const struct kdm_args *args, struct kdm_str validation)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, validation.len + 128);
    kdm_buf_char(&buf, '{');
    put_member(&buf, KDM_STR("index"), kdm_args_str(args, KDM_ARG_INDEX));
    put_member(&buf, KDM_STR("collection"), kdm_args_str(args, KDM_ARG_COLLECTION));
    kdm_json_put_name(&buf, KDM_STR("validation"));
    kdm_buf_put(&buf, validation);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static bool find(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_doc **ret_doc)
{
    return kdm_specified_document(tx, kdm_args_str(args, KDM_ARG_INDEX),
                                  kdm_args_str(args, KDM_ARG_COLLECTION), ret_doc);
}

enum kdm_outcome kdm_collection_get_specifications(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_doc *doc;

    if (!find(tx, args, &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return kdm_tx_fail(
            tx, KDM_ERR_VALIDATION_ASSERT_NOT_FOUND,
            KDM_PROPS(kdm_args_str(args, KDM_ARG_INDEX), kdm_args_str(args, KDM_ARG_COLLECTION)));
    return kdm_tx_reply(tx, wrapped(args, kdm_val_text(kdm_val_get(kdm_doc_source(tx, doc),
                                                                   KDM_STR("validation")))));
}

enum kdm_outcome kdm_collection_delete_specifications(struct kdm_tx *tx,
                                                      const struct kdm_args *args)
{
    struct kdm_collection *specifications;
    struct kdm_doc *doc;

    if (!find(tx, args, &doc))
        return KDM_WAIT;
    if (doc != NULL) {
        if (!kdm_private_specifications(tx, &specifications))
            return KDM_WAIT;
        kdm_tx_delete(tx, specifications, doc->id, doc, KDM_WRITE_SILENT);
        if (!kdm_tx_commit(tx))
            return KDM_WAIT;
    }
    return kdm_reply_acknowledged(tx);
}

/* --- setting ------------------------------------------------------------------------------- */

static struct kdm_str joined(struct kdm_arena *arena, const struct kdm_str_list *errors)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 256);
    for (size_t i = 0; i < errors->count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ' ');
        kdm_buf_put(&buf, errors->items[i]);
    }
    return kdm_buf_str(&buf);
}

/* Could there be a collection of these names? */
static bool names_valid(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str index = kdm_args_str(args, KDM_ARG_INDEX);
    struct kdm_str collection = kdm_args_str(args, KDM_ARG_COLLECTION);
    enum kdm_err err = kdm_name_check_index(index);

    if (err != KDM_OK) {
        kdm_tx_fail(tx, err, KDM_PROPS(index));
        return false;
    }
    err = kdm_name_check_collection(collection);
    if (err != KDM_OK)
        kdm_tx_fail(tx, err, KDM_PROPS(collection));
    return err == KDM_OK;
}

/* From now on they are to be looked for. false: wait. */
static bool take_note_away(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;

    if (!kdm_tx_find_collection(tx, kdm_args_str(args, KDM_ARG_INDEX),
                                kdm_args_str(args, KDM_ARG_COLLECTION), &collection))
        return false;
    if (collection != NULL && collection->unspecified)
        kdm_tx_set_collection(
            tx, collection->index->name, collection->name, collection,
            kdm_specified_definition(kdm_tx_arena(tx), collection->definition, false));
    return true;
}

enum kdm_outcome kdm_collection_update_specifications(struct kdm_tx *tx,
                                                      const struct kdm_args *args)
{
    struct kdm_str validation = kdm_json_canonical(args->arena, args->body);
    struct kdm_collection *specifications;
    struct kdm_str_list errors;
    struct kdm_str text;

    if (!names_valid(tx, args))
        return KDM_WAIT;
    if (kdm_spec_create(args->arena, kdm_json_parse(args->arena, validation), &errors) == NULL)
        return kdm_tx_fail(tx, KDM_ERR_VALIDATION_ASSERT_INVALID_SPECIFICATIONS,
                           KDM_PROPS(joined(args->arena, &errors)));
    if (!kdm_private_specifications(tx, &specifications) || !take_note_away(tx, args))
        return KDM_WAIT;
    if (specifications == NULL) /* made at the start: somebody has emptied the database since */
        return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_UNKNOWN_COLLECTION,
                           KDM_PROPS(KDM_STR("%kuzzle"), KDM_STR("validations")));
    text = kdm_tx_with_info(tx, kdm_json_parse(args->arena, wrapped(args, validation)),
                            kdm_tx_info_replaced(tx));
    kdm_tx_put(tx, specifications,
               kdm_specified_id(tx, kdm_args_str(args, KDM_ARG_INDEX),
                                kdm_args_str(args, KDM_ARG_COLLECTION)),
               text, KDM_WRITE_SILENT);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, validation) : KDM_WAIT;
}

/* --- trying -------------------------------------------------------------------------------- */

enum kdm_outcome kdm_collection_validate_specifications(struct kdm_tx *tx,
                                                        const struct kdm_args *args)
{
    struct kdm_str_list errors;
    struct kdm_buf buf;

    if (kdm_spec_create(args->arena,
                        kdm_json_parse(args->arena, kdm_json_canonical(args->arena, args->body)),
                        &errors)
        != NULL)
        return kdm_tx_reply(tx, KDM_STR("{\"valid\":true}"));
    kdm_buf_init(&buf, args->arena, 512);
    kdm_buf_lit(&buf, "{\"details\":");
    kdm_json_put_strings(&buf, &errors);
    kdm_buf_lit(&buf, ",\"description\":\"The specifications have errors.\",\"valid\":false}");
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_document_validate(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_spec_report report;
    const struct kdm_spec *spec;
    struct kdm_buf buf;
    struct kdm_str source;
    bool valid;

    if (!kdm_specified_rules(tx, kdm_args_str(args, KDM_ARG_INDEX),
                             kdm_args_str(args, KDM_ARG_COLLECTION), &spec))
        return KDM_WAIT;
    if (spec == NULL)
        return kdm_tx_reply(tx, KDM_STR("{\"errorMessages\":{},\"valid\":true}"));
    source = kdm_spec_fill(args->arena, spec, args->body);
    valid = kdm_spec_check(args->arena, spec, KDM_STR(""), kdm_json_parse(args->arena, source),
                           kdm_tx_now(tx), true, &report);
    kdm_buf_init(&buf, args->arena, 512);
    kdm_buf_lit(&buf, "{\"errorMessages\":");
    kdm_spec_put_report(&buf, spec, &report);
    kdm_buf_put(&buf, valid ? KDM_STR(",\"valid\":true}") : KDM_STR(",\"valid\":false}"));
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}
