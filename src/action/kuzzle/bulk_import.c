/* bulk_import.c - see bulk_import.h.
 * First all of it is decided, item by item as if each had been done before the next, without
 * staging anything; then what comes of it is stored, one write for each document. Items that lose a
 * race are decided again.
 */
#include "action/kuzzle/bulk_import.h"
#include "action/kuzzle/document.h"
#include "store/mapping_value.h"
#include "store/names.h"

/* --- reading the orders ------------------------------------------------------------ */

enum order { INDEX, CREATE, UPDATE, DELETE };
static const struct kdm_str order_names[] = { KDM_STR("index"), KDM_STR("create"),
                                              KDM_STR("update"), KDM_STR("delete") };

/* A document that orders are about. */
struct target {
    struct kdm_str id;
    uint64_t hash;
    struct target *same_hash;
    bool read;           /* what is there matters: it is changed, or named more than once */
    struct kdm_doc *doc; /* when read; NULL: it is not there */
    struct kdm_str text; /* what it is after the orders so far; none: not there, or not known */
    bool blind_delete, blind_create;
    bool changed; /* by an order that was not refused */
};

struct item {
    enum order order;
    struct target *target; /* NULL: its id can't be one */
    struct kdm_str id;
    struct kdm_val payload; /* the document, or {doc, upsert?} */
    int status;
    const char *error;     /* what kind; NULL: none */
    struct kdm_str reason; /* with error */
};

struct kdm_import {
    struct kdm_tx *tx;
    struct kdm_val data;
    struct kdm_str name;
    struct kdm_collection *collection;
    struct kdm_mapping *mapping; /* while deciding: grows item by item */
    struct kdm_hash_seed seed;
    struct item *items;
    size_t count;
    struct target *targets, **buckets;
    size_t target_count, bucket_count;
    struct kdm_str grown; /* the mapping with what the items add; none: as it is */
};

static void refuse(struct item *item, int status, const char *error, struct kdm_str reason)
{
    item->status = status;
    item->error = error;
    item->reason = reason;
}

static bool malformed(struct kdm_import *import, const char *what)
{
    kdm_tx_fail(import->tx, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                KDM_PROPS(kdm_arena_printf(kdm_tx_arena(import->tx), "bulkData, order %zu: %s",
                                           import->count, what)));
    return false;
}

static struct target *target_of(struct kdm_import *import, struct kdm_str id)
{
    uint64_t hash = kdm_hash(&import->seed, id);
    struct target **bucket = &import->buckets[hash % import->bucket_count];
    struct target *target = *bucket;

    while (target != NULL && (target->hash != hash || !kdm_str_eq(target->id, id)))
        target = target->same_hash;
    if (target != NULL) {
        target->read = true;
        return target;
    }
    target = &import->targets[import->target_count++];
    *target = (struct target){ .id = id, .hash = hash, .same_hash = *bucket };
    *bucket = target;
    return target;
}

static bool read_id(struct kdm_import *import, struct item *item, struct kdm_val val)
{
    struct kdm_arena *arena = kdm_tx_arena(import->tx);
    struct kdm_failure failure;

    if (!kdm_val_null(val)) {
        item->id = kdm_scalar_text(arena, val); /* numbers are ids too */
        if (kdm_str_none(item->id))
            return malformed(import, "_id must be a string");
        if (!kdm_doc_id_check(arena, item->id, &failure)) {
            refuse(item, 400, "illegal_argument_exception", failure.message);
            return true;
        }
    } else if (item->order == INDEX || item->order == CREATE) {
        item->id = kdm_tx_id(import->tx, kdm_arena_printf(arena, KDM_FMT " %zu",
                                                          KDM_ARG(import->name), import->count));
    } else {
        return malformed(import, "_id is missing");
    }
    item->target = target_of(import, item->id);
    item->target->read = item->target->read || item->order == UPDATE;
    return true;
}

/* {"index":{"_id":..}}: what is to be done. Index and type that it names don't matter. */
static bool read_order(struct kdm_import *import, struct item *item, struct kdm_val val)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_count(val) != 1 || kdm_val_type(val) != KDM_JSON_OBJECT)
        return malformed(import, "it must be an object with one member");
    kdm_members(&it, val);
    (void)kdm_member_next(&it, &name, &value);
    for (enum order order = INDEX; order <= DELETE; order++) {
        if (!kdm_val_str_eq(name, order_names[order]))
            continue;
        item->order = order;
        if (kdm_val_type(value) != KDM_JSON_OBJECT)
            return malformed(import, "it must be {\"<order>\": {..}}");
        return read_id(import, item, kdm_val_get(value, KDM_STR("_id")));
    }
    return malformed(import, "it must be index, create, update or delete");
}

static bool read_payload(struct kdm_import *import, struct item *item)
{
    struct kdm_val doc = item->payload;

    if (kdm_val_type(doc) != KDM_JSON_OBJECT)
        return malformed(import, "its document must be an object");
    if (item->order != UPDATE)
        return true;
    if (!kdm_val_none(kdm_val_get(doc, KDM_STR("script")))) {
        kdm_tx_fail(import->tx, KDM_ERR_SERVICES_STORAGE_INVALID_QUERY_KEYWORD,
                    KDM_PROPS(KDM_STR("script")));
        return false;
    }
    if (kdm_val_type(kdm_val_get(doc, KDM_STR("doc"))) != KDM_JSON_OBJECT)
        return malformed(import, "an update needs {\"doc\": {..}}");
    doc = kdm_val_get(doc, KDM_STR("upsert"));
    return kdm_val_null(doc) || kdm_val_type(doc) == KDM_JSON_OBJECT
           || malformed(import, "upsert must be an object");
}

static bool read_items(struct kdm_import *import)
{
    struct kdm_val data = import->data, val;
    struct kdm_arena *arena = kdm_tx_arena(import->tx);
    size_t room = kdm_val_count(data) + 1;
    struct kdm_val_iter it;

    kdm_source_hash_seed(import->tx, &import->seed);
    import->items = kdm_arena_zalloc(arena, room * sizeof(struct item));
    import->targets = kdm_arena_alloc(arena, room * sizeof(struct target));
    import->buckets = kdm_arena_zalloc(arena, room * sizeof(struct target *));
    import->bucket_count = room;
    for (kdm_elements(&it, data); kdm_element_next(&it, &val); import->count++) {
        struct item *item = &import->items[import->count];

        if (!read_order(import, item, val))
            return false;
        if (item->order == DELETE)
            continue;
        if (!kdm_element_next(&it, &item->payload))
            return malformed(import, "its document is missing");
        if (!read_payload(import, item))
            return false;
    }
    return true;
}

/* --- deciding ---------------------------------------------------------------------- */

/* Asks for all that matter at once; false: wait. */
static bool read_targets(struct kdm_import *import)
{
    for (size_t i = 0; i < import->target_count; i++)
        if (import->targets[i].read)
            kdm_tx_want(import->tx, import->collection, import->targets[i].id);
    for (size_t i = 0; i < import->target_count; i++) {
        struct target *target = &import->targets[i];

        if (!target->read)
            continue;
        if (!kdm_tx_read_unchecked(import->tx, import->collection, target->id, &target->doc))
            return false;
        target->text = target->doc == NULL ? KDM_STR_NONE : target->doc->text;
    }
    return true;
}

/* `source` is what the item makes of its target, unless the mapping refuses it. */
static void take_in(struct kdm_import *import, struct item *item, struct kdm_str source, int status)
{
    struct kdm_arena *arena = kdm_tx_arena(import->tx);
    struct kdm_failure failure;
    struct kdm_str additions;

    if (!kdm_source_check(arena, import->collection, import->mapping, kdm_json_parse(arena, source),
                          &additions, &failure)
        || (!kdm_str_none(additions)
            && !kdm_source_grow_mapping(arena, &import->mapping, additions, &failure))) {
        refuse(item, failure.status, "mapper_parsing_exception", failure.message);
        return;
    }
    item->target->text = source;
    item->target->changed = true;
    item->status = status;
}

static void decide_update(struct kdm_import *import, struct item *item)
{
    struct kdm_tx *tx = import->tx;
    struct kdm_val upsert = kdm_val_get(item->payload, KDM_STR("upsert")), old;

    if (kdm_str_none(item->target->text) && kdm_val_null(upsert)) {
        refuse(item, 404, "document_missing_exception", KDM_STR("The document does not exist."));
    } else if (kdm_str_none(item->target->text)) {
        take_in(import, item, kdm_tx_with_info(tx, upsert, kdm_tx_info_created(tx)), 201);
    } else {
        old = kdm_json_parse(kdm_tx_arena(tx), item->target->text);
        take_in(import, item,
                kdm_source_merge(tx, old, kdm_val_get(item->payload, KDM_STR("doc")),
                                 kdm_tx_info_updated(tx, old))
                    .text,
                200);
    }
}

/* Whether a document is there that was not read shows when it is written. */
static void decide_item(struct kdm_import *import, struct item *item)
{
    struct target *target = item->target;
    bool there = target->read && !kdm_str_none(target->text);

    switch (item->order) {
    case INDEX:
    case CREATE:
        if (item->order == CREATE && there)
            refuse(item, 409, "version_conflict_engine_exception",
                   KDM_STR("The document already exists."));
        else
            take_in(import, item,
                    kdm_tx_with_info(import->tx, item->payload, kdm_tx_info_created(import->tx)),
                    there ? 200 : 201);
        target->blind_create = item->order == CREATE && !target->read;
        break;
    case UPDATE:
        decide_update(import, item);
        break;
    case DELETE:
        target->blind_delete = !target->read;
        item->status = there || !target->read ? 200 : 404;
        target->changed = target->changed || item->status == 200;
        target->text = KDM_STR_NONE;
        break;
    }
}

static void decide_items(struct kdm_import *import)
{
    import->mapping = kdm_mapping_ref(import->collection->mapping);
    for (size_t i = 0; i < import->count; i++)
        if (import->items[i].target != NULL)
            decide_item(import, &import->items[i]);
    if (import->mapping != import->collection->mapping)
        import->grown = kdm_arena_copy(kdm_tx_arena(import->tx), kdm_mapping_text(import->mapping));
    kdm_mapping_unref(import->mapping);
}

struct kdm_import *kdm_import_read(struct kdm_tx *tx, struct kdm_str name, struct kdm_val data)
{
    struct kdm_import *import = kdm_arena_zalloc(kdm_tx_arena(tx), sizeof(*import));

    import->tx = tx;
    import->name = name;
    import->data = data;
    return read_items(import) ? import : NULL;
}

bool kdm_import_decide(struct kdm_import *import, struct kdm_collection *collection)
{
    import->collection = collection;
    if (!read_targets(import))
        return false;
    decide_items(import);
    return true;
}

/* --- storing ----------------------------------------------------------------------- */

static void stage_read(struct kdm_import *import, const struct target *target)
{
    struct kdm_tx *tx = import->tx;

    if (target->doc == NULL && !kdm_str_none(target->text))
        kdm_tx_create(tx, import->collection, target->id, target->text, KDM_WRITE_SILENT);
    else if (target->doc != NULL && kdm_str_none(target->text))
        kdm_tx_delete(tx, import->collection, target->id, target->doc, KDM_WRITE_SILENT);
    else if (target->doc != NULL)
        kdm_tx_write(tx, import->collection, target->doc, target->text, KDM_CHANGE_REPLACE,
                     KDM_STR_NONE, KDM_WRITE_SILENT);
}

static void stage(struct kdm_import *import, const struct target *target)
{
    struct kdm_tx *tx = import->tx;

    if (!target->changed)
        return;
    if (target->read)
        stage_read(import, target);
    else if (target->blind_delete)
        kdm_tx_delete(tx, import->collection, target->id, NULL, KDM_WRITE_SILENT);
    else if (target->blind_create)
        kdm_tx_create(tx, import->collection, target->id, target->text, KDM_WRITE_SILENT);
    else
        kdm_tx_put(tx, import->collection, target->id, target->text, KDM_WRITE_SILENT);
}

void kdm_import_stage(struct kdm_import *import, struct kdm_collection *collection)
{
    import->collection = collection;
    if (!kdm_str_none(import->grown))
        kdm_source_set_mapping(import->tx, collection, import->grown);
    for (size_t i = 0; i < import->target_count; i++)
        stage(import, &import->targets[i]);
}

/* --- telling it -------------------------------------------------------------------- */

/* What only the commit could tell of a document that was not read. */
static void learn(struct kdm_import *import, struct item *item)
{
    const struct kdm_written *written;

    if (item->target == NULL || item->target->read || !item->target->changed)
        return;
    written = kdm_tx_written(import->tx, import->collection, item->id);
    KDM_ASSERT(written != NULL);
    if (written->existed)
        refuse(item, 409, "version_conflict_engine_exception",
               KDM_STR("The document already exists."));
    else if (item->order == DELETE)
        item->status = written->absent ? 404 : 200;
    else
        item->status = written->created ? 201 : 200;
}

static void put_error(struct kdm_buf *buf, struct kdm_arena *arena, const struct item *item)
{
    struct kdm_val source =
        item->order == UPDATE ? kdm_val_get(item->payload, KDM_STR("doc")) : item->payload;

    if (!kdm_val_none(source)) {
        kdm_buf_lit(buf, ",\"_source\":");
        kdm_buf_put(buf, kdm_json_canonical(arena, source));
    }
    if (item->error == NULL)
        return;
    kdm_buf_lit(buf, ",\"error\":{\"type\":");
    kdm_json_put_str(buf, kdm_str_of(item->error));
    kdm_buf_lit(buf, ",\"reason\":");
    kdm_json_put_str(buf, item->reason);
    kdm_buf_char(buf, '}');
}

static void put_item(struct kdm_buf *buf, struct kdm_arena *arena, const struct item *item)
{
    if (buf->len > 0)
        kdm_buf_char(buf, ',');
    kdm_buf_lit(buf, "{");
    kdm_json_put_name(buf, order_names[item->order]);
    kdm_buf_lit(buf, "{\"_id\":");
    kdm_json_put_str(buf, item->id);
    kdm_buf_printf(buf, ",\"status\":%d", item->status);
    if (item->status >= 400)
        put_error(buf, arena, item);
    kdm_buf_lit(buf, "}}");
}

size_t kdm_import_put(struct kdm_import *import, struct kdm_buf *errors, struct kdm_buf *successes)
{
    size_t error_count = 0;

    for (size_t i = 0; i < import->count; i++) {
        struct item *item = &import->items[i];

        learn(import, item);
        error_count += item->status >= 400;
        put_item(item->status >= 400 ? errors : successes, kdm_tx_arena(import->tx), item);
    }
    return error_count;
}
