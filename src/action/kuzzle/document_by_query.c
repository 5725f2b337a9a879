/* document_by_query.c - deleteByQuery and updateByQuery: a few documents, each stored or left by
 * itself. More than limits.documentsWriteCount match: 413, and nothing is changed. bulk: has the
 * same without a limit.
 */
#include "action/kuzzle/by_query.h"
#include "action/kuzzle/document.h"
#include "action/search.h"
#include "action/write_rules.h"
#include <stdlib.h>

/* Sorted: a reply does not hang on the order in which they were stored. */
static int compare_ids(const void *a, const void *b)
{
    return kdm_str_cmp(*(const struct kdm_str *)a, *(const struct kdm_str *)b);
}

static struct kdm_str_list ids_of(struct kdm_tx *tx, const struct kdm_found *found)
{
    struct kdm_str_list ids = { .count = found->hit_count };

    ids.items = kdm_arena_alloc(kdm_tx_arena(tx), (ids.count + 1) * sizeof(struct kdm_str));
    for (size_t i = 0; i < ids.count; i++)
        ids.items[i] = found->hits[i].id;
    qsort(ids.items, ids.count, sizeof(struct kdm_str), compare_ids);
    return ids;
}

/* The documents that match now. */
static bool find_few(struct kdm_tx *tx, const struct kdm_args *args,
                     struct kdm_collection *collection, struct kdm_doc_list *ret_docs)
{
    struct kdm_val query = kdm_args_val(args, KDM_ARG_BODY_QUERY);
    struct kdm_find_request request = { .collections = &collection,
                                        .count = 1,
                                        .body = kdm_val_text(query),
                                        .bare = true,
                                        .lang = kdm_search_lang_of(args),
                                        .size = kdm_server_of(tx)->limits.documents_write };
    struct kdm_by_query *by =
        kdm_by_query_make(tx, collection, query, request.lang, kdm_tx_now(tx));
    const struct kdm_found *found;
    struct kdm_str_list ids;

    if (by == NULL || !kdm_tx_find(tx, KDM_STR("by query"), false, &request, &found)
        || !kdm_multi_may_write(tx, (size_t)found->total))
        return false;
    ids = ids_of(tx, found);
    return kdm_by_query_read(tx, by, collection, &ids, ret_docs);
}

/* --- deleteByQuery ------------------------------------------------------------------------- */

static enum kdm_outcome reply_deleted(struct kdm_tx *tx, const struct kdm_args *args,
                                      const struct kdm_collection *collection,
                                      const struct kdm_doc_list *docs)
{
    bool sources = kdm_args_bool(args, KDM_ARG_SOURCE), any = false;
    struct kdm_buf buf, ids;

    kdm_buf_init(&buf, args->arena, 512);
    kdm_buf_init(&ids, args->arena, 256);
    kdm_buf_lit(&buf, "{\"documents\":[");
    for (size_t i = 0; i < docs->count; i++) {
        const struct kdm_doc *doc = docs->items[i];
        const struct kdm_written *written = kdm_tx_written(tx, collection, doc->id);

        if (written == NULL || written->absent)
            continue;
        if (any) {
            kdm_buf_char(&buf, ',');
            kdm_buf_char(&ids, ',');
        }
        kdm_document_open(&buf, doc->id, sources ? doc->text : KDM_STR_NONE, 0);
        kdm_buf_char(&buf, '}');
        kdm_json_put_str(&ids, doc->id);
        any = true;
    }
    kdm_buf_lit(&buf, "],\"ids\":[");
    kdm_buf_put(&buf, kdm_buf_str(&ids));
    kdm_buf_lit(&buf, "]}");
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* A query that was forgotten to be called one must not delete everything. */
static bool only_query(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, args->body); kdm_member_next(&it, &name, &value);) {
        if (kdm_val_str_eq(name, KDM_STR("query")))
            continue;
        kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_INVALID_SEARCH_QUERY,
                    KDM_PROPS(kdm_val_str(args->arena, name)));
        return false;
    }
    return true;
}

enum kdm_outcome kdm_document_delete_by_query(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;
    struct kdm_doc_list docs;

    if (!only_query(tx, args) || !kdm_target_collection(tx, args, &collection)
        || !find_few(tx, args, collection, &docs))
        return KDM_WAIT;
    for (size_t i = 0; i < docs.count; i++)
        kdm_tx_delete(tx, collection, docs.items[i]->id, docs.items[i], kdm_document_flags(args));
    return kdm_tx_commit_each(tx) ? reply_deleted(tx, args, collection, &docs) : KDM_WAIT;
}

/* --- updateByQuery ------------------------------------------------------------------------- */

/* A document and what the changes make of it. */
struct updated {
    struct kdm_doc *doc;
    struct kdm_str text;
    struct kdm_failure failure; /* err KDM_OK: it may be stored */
};

/* *additions: what a dynamic mapping takes up; the same for all, since the changes are. */
static void decide(struct kdm_tx *tx, const struct kdm_collection *collection,
                   struct kdm_val changes, struct updated *updated, struct kdm_str *additions)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val old = kdm_doc_source(tx, updated->doc);
    struct kdm_str more;

    updated->failure.err = KDM_OK;
    updated->text = kdm_source_merge(tx, old, changes, kdm_tx_info_updated(tx, old)).text;
    if (kdm_source_check_change(arena, collection, collection->mapping, changes, updated->text,
                                &more, &updated->failure)) {
        updated->failure.err = KDM_OK;
        if (kdm_str_none(*additions))
            *additions = more;
    }
}

/* What the server itself demands (write_rules.h): of all of them or nothing is stored. */
static bool are_allowed(struct kdm_tx *tx, const struct kdm_collection *collection,
                        struct kdm_val changes, const struct updated *updated, size_t count)
{
    struct kdm_write_item *items;
    size_t item_count = 0;

    if (!kdm_write_ruled(tx, collection))
        return true;
    items = kdm_arena_alloc(kdm_tx_arena(tx), (count + 1) * sizeof(*items));
    for (size_t i = 0; i < count; i++) {
        if (updated[i].failure.err == KDM_OK)
            items[item_count++] = (struct kdm_write_item){ .id = updated[i].doc->id,
                                                           .sent = changes,
                                                           .stored = updated[i].text };
    }
    return kdm_write_allowed(tx, collection, items, item_count);
}

static void put_item(struct kdm_tx *tx, const struct kdm_args *args,
                     const struct kdm_collection *collection, const struct updated *updated,
                     struct kdm_buf *errors, size_t *error_count, struct kdm_buf *successes)
{
    bool failed = updated->failure.err != KDM_OK;
    struct kdm_buf *buf = failed ? errors : successes;

    if (buf->len > 0)
        kdm_buf_char(buf, ',');
    if (failed) {
        kdm_buf_lit(buf, "{\"document\":");
        kdm_document_open(buf, updated->doc->id, updated->text, 0);
        kdm_buf_lit(buf, "},\"reason\":");
        kdm_json_put_str(buf, updated->failure.message);
        kdm_buf_printf(buf, ",\"status\":%d}", updated->failure.status);
        *error_count += 1;
        return;
    }
    kdm_document_open(buf, updated->doc->id,
                      kdm_args_bool(args, KDM_ARG_SOURCE) ? updated->text : KDM_STR_NONE,
                      kdm_tx_written(tx, collection, updated->doc->id)->version);
    kdm_buf_lit(buf, ",\"status\":200}");
}

static enum kdm_outcome reply_updated(struct kdm_tx *tx, const struct kdm_args *args,
                                      const struct kdm_collection *collection,
                                      const struct updated *items, size_t count)
{
    struct kdm_buf buf, errors, successes;
    size_t error_count = 0;

    kdm_buf_init(&errors, args->arena, 64);
    kdm_buf_init(&successes, args->arena, 512);
    for (size_t i = 0; i < count; i++)
        put_item(tx, args, collection, &items[i], &errors, &error_count, &successes);
    kdm_buf_init(&buf, args->arena, errors.len + successes.len + 32);
    kdm_buf_lit(&buf, "{\"errors\":[");
    kdm_buf_put(&buf, kdm_buf_str(&errors));
    kdm_buf_lit(&buf, "],\"successes\":[");
    kdm_buf_put(&buf, kdm_buf_str(&successes));
    kdm_buf_lit(&buf, "]}");
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* Each document by itself, and with the first what the changes add to the mapping. */
static bool store(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_collection *collection,
                  const struct updated *items, size_t count, struct kdm_str additions)
{
    struct kdm_str changed = KDM_STR_NONE;
    bool any = false;

    if (!kdm_source_extend_mapping(tx, collection, additions))
        return false;
    if (!kdm_args_bool(args, KDM_ARG_SILENT))
        changed = kdm_source_changed(args->arena, kdm_args_val(args, KDM_ARG_BODY_CHANGES));
    for (size_t i = 0; i < count; i++) {
        if (items[i].failure.err != KDM_OK)
            continue;
        kdm_tx_write(tx, collection, items[i].doc, items[i].text, KDM_CHANGE_UPDATE, changed,
                     kdm_document_flags(args));
        any = true;
    }
    if (any && kdm_write_follow(tx, collection))
        return kdm_tx_commit(tx); /* what follows commits together with them */
    return kdm_tx_commit_each(tx);
}

enum kdm_outcome kdm_document_update_by_query(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val changes = kdm_args_val(args, KDM_ARG_BODY_CHANGES);
    struct kdm_str additions = KDM_STR_NONE;
    struct kdm_collection *collection;
    struct kdm_doc_list docs;
    struct updated *items;

    if (!kdm_target_collection(tx, args, &collection) || !find_few(tx, args, collection, &docs))
        return KDM_WAIT;
    items = kdm_arena_zalloc(args->arena, (docs.count + 1) * sizeof(*items));
    for (size_t i = 0; i < docs.count; i++) {
        items[i].doc = docs.items[i];
        decide(tx, collection, changes, &items[i], &additions);
    }
    return are_allowed(tx, collection, changes, items, docs.count)
                   && store(tx, args, collection, items, docs.count, additions)
               ? reply_updated(tx, args, collection, items, docs.count)
               : KDM_WAIT;
}
