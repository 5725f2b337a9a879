/* document_update.c - changing one document that is there: update, upsert, deleteFields.
 * The whole document is checked again, not only the changes: what a change means may depend on its
 * neighbours (half a geo point is no geo point), and what is stored is then what was checked.
 */
#include "action/kuzzle/document.h"
#include "action/kuzzle/specified.h"
#include "action/write_rules.h"

/* What an update comes to; kept over replays. */
struct change {
    struct kdm_str text;      /* the document afterwards */
    struct kdm_str shown;     /* what the reply shows of it, without `source` */
    struct kdm_str changed;   /* _updatedFields, none when nobody is told */
    struct kdm_str additions; /* to the mapping, or none */
};

/* Makes the changed document what the specifications demand; with defaults filled in it is checked
 * as a whole. */
static bool apply_specifications(struct kdm_tx *tx, const struct kdm_collection *collection,
                                 struct kdm_str id, struct change *change)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val merged = kdm_json_parse(arena, change->text), filled;
    struct kdm_failure failure;

    if (!kdm_specified_source(tx, collection, id, merged, &filled))
        return false;
    if (kdm_str_eq(kdm_val_text(filled), change->text))
        return true;
    change->text = kdm_val_text(filled);
    if (kdm_source_check(arena, collection, collection->mapping, filled, &change->additions,
                         &failure))
        return true;
    kdm_tx_fail_with(tx, &failure);
    return false;
}

static bool is_allowed(struct kdm_tx *tx, const struct kdm_collection *collection,
                       struct kdm_str id, struct kdm_val sent, struct kdm_str text)
{
    struct kdm_write_item item = { .id = id, .sent = sent, .stored = text };

    return kdm_write_allowed(tx, collection, &item, 1);
}

/* `changes` merged into the document as it was read. NULL: wait, or the transaction has failed. */
static struct change *merge_change(struct kdm_tx *tx, const struct kdm_args *args,
                                   const struct kdm_collection *collection, struct kdm_doc *doc,
                                   struct kdm_val changes, bool specified)
{
    static const char key[] = "document change";
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct change *change = kdm_tx_kept(tx, key);
    struct kdm_failure failure;
    struct kdm_merged merged;
    struct kdm_val old;

    if (change != NULL)
        return change;
    change = kdm_arena_zalloc(arena, sizeof(*change));
    old = kdm_doc_source(tx, doc);
    merged = kdm_source_merge(tx, old, changes, kdm_tx_info_updated(tx, old));
    change->text = merged.text;
    change->shown = merged.shown;
    if (!kdm_args_bool(args, KDM_ARG_SILENT))
        change->changed = kdm_source_changed(arena, changes);
    if (!kdm_source_check_change(arena, collection, collection->mapping, changes, merged.text,
                                 &change->additions, &failure)) {
        kdm_tx_fail_with(tx, &failure);
        return NULL;
    }
    if ((specified && !apply_specifications(tx, collection, doc->id, change))
        || !is_allowed(tx, collection, doc->id, changes, change->text))
        return NULL;
    kdm_tx_keep(tx, key, change);
    return change;
}

/* Merges, stages and commits; NULL: wait. `specified`: specifications hold (not for upsert, as in
 * Kuzzle). */
static struct change *apply(struct kdm_tx *tx, const struct kdm_args *args,
                            struct kdm_collection *collection, struct kdm_doc *doc,
                            struct kdm_val changes, bool specified)
{
    struct change *change = merge_change(tx, args, collection, doc, changes, specified);

    if (change == NULL || !kdm_source_extend_mapping(tx, collection, change->additions))
        return NULL;
    if (specified && kdm_str_none(change->additions))
        kdm_specified_note_none(tx, collection);
    kdm_tx_write(tx, collection, doc, change->text, KDM_CHANGE_UPDATE, change->changed,
                 kdm_document_flags(args));
    (void)kdm_write_follow(tx, collection);
    return kdm_tx_commit(tx) ? change : NULL;
}

enum kdm_outcome kdm_document_update(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;
    struct change *change;
    struct kdm_doc *doc;
    struct kdm_str id;

    if (!kdm_document_id(tx, args, &id) || !kdm_target_collection(tx, args, &collection))
        return KDM_WAIT;
    kdm_specified_want(tx, collection);
    if (!kdm_tx_claim(tx, collection, id, &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return kdm_document_not_found(tx, collection, id);
    change = apply(tx, args, collection, doc, args->body, true);
    if (change == NULL)
        return KDM_WAIT;
    return kdm_document_reply(tx, id,
                              kdm_args_bool(args, KDM_ARG_SOURCE) ? change->text : change->shown,
                              kdm_tx_written(tx, collection, id)->version);
}

/* --- upsert -------------------------------------------------------------------------------- */

/* The new document: the default, over which the changes win. Kuzzle stores only updatedAt and
 * updater with it, although author and createdAt are meant to be there; here they are. */
static struct kdm_str upserted(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str source = kdm_json_merge(arena, kdm_args_val(args, KDM_ARG_BODY_DEFAULT),
                                           kdm_args_val(args, KDM_ARG_BODY_CHANGES));

    return kdm_tx_with_info(tx, kdm_json_parse(arena, source), kdm_tx_info_replaced(tx));
}

static struct change *make_upserted(struct kdm_tx *tx, const struct kdm_args *args,
                                    struct kdm_collection *collection, struct kdm_str id)
{
    static const char key[] = "document upserted";
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct change *change = kdm_tx_kept(tx, key);
    struct kdm_failure failure;
    struct kdm_val source;

    if (change == NULL) {
        change = kdm_arena_zalloc(arena, sizeof(*change));
        change->text = upserted(tx, args);
        source = kdm_json_parse(arena, change->text);
        if (!kdm_source_check(arena, collection, collection->mapping, source, &change->additions,
                              &failure)) {
            kdm_tx_fail_with(tx, &failure);
            return NULL;
        }
        if (!is_allowed(tx, collection, id, source, change->text))
            return NULL;
        kdm_tx_keep(tx, key, change);
    }
    if (!kdm_source_extend_mapping(tx, collection, change->additions))
        return NULL;
    kdm_tx_create(tx, collection, id, change->text, kdm_document_flags(args));
    (void)kdm_write_follow(tx, collection);
    return kdm_tx_commit(tx) ? change : NULL;
}

enum kdm_outcome kdm_document_upsert(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_written *written;
    struct kdm_collection *collection;
    struct change *change;
    struct kdm_doc *doc;
    struct kdm_str id;

    if (!kdm_document_id(tx, args, &id) || !kdm_target_collection(tx, args, &collection)
        || !kdm_tx_claim(tx, collection, id, &doc))
        return KDM_WAIT;
    if (doc == NULL)
        change = make_upserted(tx, args, collection, id);
    else
        change = apply(tx, args, collection, doc, kdm_args_val(args, KDM_ARG_BODY_CHANGES), false);
    if (change == NULL)
        return KDM_WAIT;
    written = kdm_tx_written(tx, collection, id);
    return kdm_document_reply_created(
        tx, id, kdm_args_bool(args, KDM_ARG_SOURCE) ? change->text : KDM_STR_NONE, written->version,
        written->created);
}

/* --- deleteFields -------------------------------------------------------------------------- */

/* The paths that are texts; anything else names no field. */
static struct kdm_str_list field_paths(const struct kdm_args *args)
{
    struct kdm_val fields = kdm_args_val(args, KDM_ARG_BODY_FIELDS);
    struct kdm_str_list paths = { .count = 0 };
    struct kdm_val_iter it;
    struct kdm_val path;

    paths.items = kdm_arena_alloc(args->arena, (kdm_val_count(fields) + 1) * sizeof(*paths.items));
    for (kdm_elements(&it, fields); kdm_element_next(&it, &path);) {
        if (kdm_val_type(path) == KDM_JSON_STRING)
            paths.items[paths.count++] = kdm_val_str(args->arena, path);
    }
    return paths;
}

static struct kdm_str without_fields(struct kdm_tx *tx, const struct kdm_args *args,
                                     struct kdm_val old)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str_list paths = field_paths(args);
    struct kdm_str left = kdm_json_without_paths(arena, old, paths.items, paths.count);

    return kdm_tx_with_info(tx, kdm_json_parse(arena, left), kdm_tx_info_updated(tx, old));
}

enum kdm_outcome kdm_document_delete_fields(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;
    struct kdm_str id, text;
    struct kdm_doc *doc;

    if (!kdm_document_id(tx, args, &id) || !kdm_target_collection(tx, args, &collection)
        || !kdm_tx_claim(tx, collection, id, &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return kdm_document_not_found(tx, collection, id);
    text = without_fields(tx, args, kdm_doc_source(tx, doc));
    kdm_tx_write(tx, collection, doc, text, KDM_CHANGE_UPDATE, KDM_STR_NONE,
                 kdm_document_flags(args));
    (void)kdm_write_follow(tx, collection);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_document_reply(tx, id, kdm_args_bool(args, KDM_ARG_SOURCE) ? text : KDM_STR_NONE,
                              kdm_tx_written(tx, collection, id)->version);
}
