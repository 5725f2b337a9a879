/* specified.c - see specified.h. */
#include "action/kuzzle/specified.h"
#include "action/kuzzle/private_index.h"

/* No valid name has a '#'. */
struct kdm_str kdm_specified_id(struct kdm_tx *tx, struct kdm_str index, struct kdm_str collection)
{
    return kdm_arena_printf(kdm_tx_arena(tx), KDM_FMT "#" KDM_FMT, KDM_ARG(index),
                            KDM_ARG(collection));
}

bool kdm_specified_document(struct kdm_tx *tx, struct kdm_str index, struct kdm_str collection,
                            struct kdm_doc **ret_doc)
{
    struct kdm_collection *specifications;

    if (!kdm_private_specifications(tx, &specifications))
        return false;
    *ret_doc = NULL;
    return specifications == NULL
           || kdm_tx_read(tx, specifications, kdm_specified_id(tx, index, collection), ret_doc);
}

void kdm_specified_want(struct kdm_tx *tx, const struct kdm_collection *collection)
{
    struct kdm_doc *ignored;

    if (collection->unspecified)
        return;
    (void)kdm_specified_document(tx, collection->index->name, collection->name, &ignored);
}

struct kdm_str kdm_specified_definition(struct kdm_arena *arena, struct kdm_str definition,
                                        bool unspecified)
{
    return kdm_json_set(arena, kdm_json_parse(arena, definition), KDM_STR("unspecified"),
                        unspecified ? KDM_STR("true") : KDM_STR_NONE);
}

void kdm_specified_note_none(struct kdm_tx *tx, struct kdm_collection *collection)
{
    struct kdm_doc *doc;

    if (collection->unspecified
        || !kdm_specified_document(tx, collection->index->name, collection->name, &doc)
        || doc != NULL)
        return;
    kdm_tx_set_collection(tx, collection->index->name, collection->name, collection,
                          kdm_specified_definition(kdm_tx_arena(tx), collection->definition, true));
}

bool kdm_specified_rules(struct kdm_tx *tx, struct kdm_str index, struct kdm_str collection,
                         const struct kdm_spec **ret_spec)
{
    struct kdm_str_list errors;
    struct kdm_doc *doc;

    if (!kdm_specified_document(tx, index, collection, &doc))
        return false;
    *ret_spec = NULL;
    if (doc == NULL)
        return true;
    *ret_spec = kdm_spec_create(
        kdm_tx_arena(tx), kdm_val_get(kdm_doc_source(tx, doc), KDM_STR("validation")), &errors);
    if (*ret_spec != NULL)
        return true;
    /* They were good when they were stored, by this version or another. */
    kdm_tx_fail(tx, KDM_ERR_VALIDATION_ASSERT_INVALID_SPECIFICATIONS, KDM_PROPS(errors.items[0]));
    return false;
}

bool kdm_specified_check(struct kdm_tx *tx, struct kdm_str index, struct kdm_str collection,
                         struct kdm_str id, struct kdm_val source, struct kdm_val *ret_source)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    const struct kdm_spec *spec;
    struct kdm_spec_report report;
    struct kdm_failure failure;

    *ret_source = source;
    if (!kdm_specified_rules(tx, index, collection, &spec))
        return false;
    if (spec == NULL)
        return true;
    *ret_source = kdm_json_parse(arena, kdm_spec_fill(arena, spec, source));
    if (kdm_spec_check(arena, spec, id, *ret_source, kdm_tx_now(tx), false, &report))
        return true;
    kdm_spec_failure(arena, &report, &failure);
    kdm_tx_fail_with(tx, &failure);
    return false;
}

bool kdm_specified_source(struct kdm_tx *tx, const struct kdm_collection *collection,
                          struct kdm_str id, struct kdm_val source, struct kdm_val *ret_source)
{
    *ret_source = source;
    return collection->unspecified
           || kdm_specified_check(tx, collection->index->name, collection->name, id, source,
                                  ret_source);
}
