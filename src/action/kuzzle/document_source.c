/* document_source.c - the rules of a document's content, and the shapes in which it is told. */
#include "action/kuzzle/document.h"
#include "store/names.h"

/* --- what may be stored -------------------------------------------------------------------- */

bool kdm_source_check(struct kdm_arena *arena, const struct kdm_collection *collection,
                      const struct kdm_mapping *mapping, struct kdm_val source,
                      struct kdm_str *ret_additions, struct kdm_failure *ret_failure)
{
    const struct kdm_mapping_place place = { .index = collection->index->name,
                                             .collection = collection->name };

    *ret_additions = KDM_STR_NONE;
    if (!kdm_val_none(kdm_val_get(source, KDM_STR("_routing")))) {
        kdm_failure_set(ret_failure, arena, KDM_ERR_SERVICES_STORAGE_NO_ROUTING, NULL, 0);
        return false;
    }
    return kdm_mapping_check(mapping, arena, source, &place, ret_additions, ret_failure);
}

bool kdm_source_check_change(struct kdm_arena *arena, const struct kdm_collection *collection,
                             const struct kdm_mapping *mapping, struct kdm_val changes,
                             struct kdm_str merged, struct kdm_str *ret_additions,
                             struct kdm_failure *ret_failure)
{
    return kdm_source_check(arena, collection, mapping, changes, ret_additions, ret_failure)
           || kdm_source_check(arena, collection, mapping, kdm_json_parse(arena, merged),
                               ret_additions, ret_failure);
}

void kdm_source_set_mapping(struct kdm_tx *tx, struct kdm_collection *collection,
                            struct kdm_str mapping_text)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val old = kdm_json_parse(arena, collection->definition);
    struct kdm_str definition = kdm_json_set(arena, old, KDM_STR("mappings"), mapping_text);

    kdm_tx_set_collection(tx, collection->index->name, collection->name, collection, definition);
}

bool kdm_source_extend_mapping(struct kdm_tx *tx, struct kdm_collection *collection,
                               struct kdm_str additions)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_failure failure;
    struct kdm_str text;
    bool changed;

    if (kdm_str_none(additions))
        return true;
    if (!kdm_mapping_merge(collection->mapping, arena, kdm_json_parse(arena, additions), &text,
                           &changed, &failure)) {
        kdm_tx_fail_with(tx, &failure);
        return false;
    }
    if (changed)
        kdm_source_set_mapping(tx, collection, text);
    return true;
}

bool kdm_source_grow_mapping(struct kdm_arena *arena, struct kdm_mapping **mapping,
                             struct kdm_str additions, struct kdm_failure *ret_failure)
{
    struct kdm_mapping *grown = NULL;
    struct kdm_str text;
    bool changed;

    if (kdm_mapping_merge(*mapping, arena, kdm_json_parse(arena, additions), &text, &changed,
                          ret_failure))
        grown = kdm_mapping_create(arena, kdm_json_parse(arena, text), ret_failure);
    if (grown == NULL)
        return false;
    kdm_mapping_unref(*mapping);
    *mapping = grown;
    return true;
}

void kdm_source_hash_seed(struct kdm_tx *tx, struct kdm_hash_seed *ret_seed)
{
    struct kdm_str secret = kdm_tx_id(tx, KDM_STR("hash seed"));

    memcpy(ret_seed, secret.ptr, sizeof(*ret_seed)); /* 16 of its 20 characters */
}

/* --- changes ------------------------------------------------------------------------------- */

/* _kuzzle_info is the server's to change, whatever the client sent there. */
static bool is_info(struct kdm_str path)
{
    return kdm_str_eq(path, KDM_STR("_kuzzle_info"))
           || kdm_str_starts(path, KDM_STR("_kuzzle_info."));
}

struct kdm_str kdm_source_changed(struct kdm_arena *arena, struct kdm_val changes)
{
    struct kdm_str_list paths = kdm_json_flatten(arena, changes);
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 64);
    kdm_buf_char(&buf, '[');
    for (size_t i = 0; paths.items != NULL && i < paths.count; i++) {
        if (is_info(paths.items[i]))
            continue;
        if (buf.len > 1)
            kdm_buf_char(&buf, ',');
        kdm_json_put_str(&buf, paths.items[i]);
    }
    kdm_buf_char(&buf, ']');
    return kdm_buf_str(&buf);
}

struct kdm_merged kdm_source_merge(struct kdm_tx *tx, struct kdm_val base, struct kdm_val changes,
                                   struct kdm_str info)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_merged merged;

    /* The new _kuzzle_info holds all that the old one did, so it can go in as one of the changes.
     */
    merged.shown = kdm_tx_with_info(tx, changes, info);
    merged.text = kdm_json_merge(arena, base, kdm_json_parse(arena, merged.shown));
    return merged;
}

/* --- telling it ---------------------------------------------------------------------------- */

void kdm_document_open(struct kdm_buf *buf, struct kdm_str id, struct kdm_str source,
                       int64_t version)
{
    kdm_buf_lit(buf, "{\"_id\":");
    kdm_json_put_str(buf, id);
    if (!kdm_str_none(source)) {
        kdm_buf_lit(buf, ",\"_source\":");
        kdm_buf_put(buf, source);
    }
    if (version != 0) {
        kdm_buf_lit(buf, ",\"_version\":");
        kdm_buf_int(buf, version);
    }
}

enum kdm_outcome kdm_document_reply(struct kdm_tx *tx, struct kdm_str id, struct kdm_str source,
                                    int64_t version)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), id.len + source.len + 80);
    kdm_document_open(&buf, id, source, version);
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_document_reply_created(struct kdm_tx *tx, struct kdm_str id,
                                            struct kdm_str source, int64_t version, bool created)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), id.len + source.len + 96);
    kdm_document_open(&buf, id, source, version);
    kdm_buf_put(&buf, created ? KDM_STR(",\"created\":true}") : KDM_STR(",\"created\":false}"));
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_document_not_found(struct kdm_tx *tx, const struct kdm_collection *collection,
                                        struct kdm_str id)
{
    return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_NOT_FOUND,
                       KDM_PROPS(id, collection->index->name, collection->name));
}

bool kdm_document_id(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str *ret_id)
{
    struct kdm_failure failure;
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID);

    if (!kdm_doc_id_check(kdm_tx_arena(tx), id, &failure)) {
        kdm_tx_fail_with(tx, &failure);
        return false;
    }
    *ret_id = id;
    return true;
}

unsigned kdm_document_flags(const struct kdm_args *args)
{
    return kdm_args_bool(args, KDM_ARG_SILENT) ? KDM_WRITE_SILENT : 0;
}

unsigned kdm_bulk_flags(const struct kdm_args *args)
{
    return kdm_args_bool(args, KDM_ARG_NOTIFY) ? 0 : KDM_WRITE_SILENT;
}

/* --- many at once -------------------------------------------------------------------------- */

static struct kdm_str incomplete(struct kdm_arena *arena, struct kdm_str errors, size_t count)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, errors.len + 40);
    kdm_buf_lit(&buf, "\"count\":");
    kdm_buf_int(&buf, (int64_t)count);
    kdm_buf_lit(&buf, ",\"errors\":[");
    kdm_buf_put(&buf, errors);
    kdm_buf_char(&buf, ']');
    return kdm_buf_str(&buf);
}

enum kdm_outcome kdm_multi_reply(struct kdm_tx *tx, const struct kdm_args *args,
                                 struct kdm_str errors, size_t error_count,
                                 struct kdm_str successes)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_failure failure;
    struct kdm_buf buf;

    if (error_count > 0 && kdm_args_bool(args, KDM_ARG_STRICT)) {
        kdm_failure_set(&failure, arena, KDM_ERR_API_PROCESS_INCOMPLETE_MULTIPLE_REQUEST,
                        KDM_PROPS(kdm_str_of(args->action->action)));
        failure.extra = incomplete(arena, errors, error_count);
        return kdm_tx_fail_with(tx, &failure);
    }
    kdm_buf_init(&buf, arena, errors.len + successes.len + 32);
    kdm_buf_lit(&buf, "{\"errors\":[");
    kdm_buf_put(&buf, errors);
    kdm_buf_lit(&buf, "],\"successes\":[");
    kdm_buf_put(&buf, successes);
    kdm_buf_lit(&buf, "]}");
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

bool kdm_multi_may_write(struct kdm_tx *tx, size_t count)
{
    if (count <= (size_t)kdm_server_of(tx)->limits.documents_write)
        return true;
    kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_WRITE_LIMIT_EXCEEDED, NULL, 0);
    return false;
}
