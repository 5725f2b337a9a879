/* write.c - staging: what an action would write if its commit finds all as it was read.
 * What is staged lasts one run. A document that is staged twice keeps its first expectation and takes the later
 * text.
 */
#include "tx/tx_private.h"

struct tx_write *kdm_tx_write_find(struct kdm_tx *tx, const struct kdm_collection *collection, struct kdm_str id)
{
    uint32_t number = kdm_doc_map_find(&tx->write_map, &tx->engine->seed, collection, id);

    return number == KDM_DOC_MAP_NONE ? NULL : &tx->writes[number];
}

static struct tx_write *stage(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                              struct kdm_str text, unsigned flags)
{
    struct tx_write *write = kdm_tx_write_find(tx, collection, id);

    if (write == NULL) {
        if (tx->write_count == tx->write_cap)
            tx->writes = kdm_arena_double(tx->arena, tx->writes, &tx->write_cap, 4, sizeof(*write));
        kdm_doc_map_add(&tx->write_map, tx->arena, &tx->engine->seed, collection, id, tx->write_count);
        write = &tx->writes[tx->write_count++];
        *write = (struct tx_write){ .collection = collection, .id = id };
        write->read = kdm_tx_memory_find(tx, collection, id);
    }
    if (write->change != 0 && (flags & KDM_WRITE_AGAIN) != 0) {
        write->steps++;
        write->doc.version += write->doc.version != 0; /* 0: the commit tells */
    }
    write->text = text;
    write->silent = (flags & KDM_WRITE_SILENT) != 0;
    write->doc = (struct kdm_doc){ .id = write->id, .text = text, .version = write->doc.version };
    return write;
}

void kdm_tx_create(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                   struct kdm_str text, unsigned flags)
{
    struct tx_write *write = stage(tx, collection, id, text, flags);

    if (write->steps == 0)
        write->doc.version = 1;
    if (write->change == KDM_CHANGE_DELETE)
        write->change = KDM_CHANGE_REPLACE; /* deleted and made again in one commit */
    if (write->change != 0)
        return;
    write->expect = KDM_EXPECT_ABSENT;
    write->change = KDM_CHANGE_CREATE;
}

void kdm_tx_put(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                struct kdm_str text, unsigned flags)
{
    struct tx_write *write = stage(tx, collection, id, text, flags);

    if (write->change == KDM_CHANGE_DELETE)
        write->change = KDM_CHANGE_REPLACE; /* deleted and put in one commit */
    if (write->change != 0)
        return; /* over something staged in this run: its expectation stands */
    write->read = NULL;
    write->expect = KDM_EXPECT_ANY;
    write->change = KDM_CHANGE_PUT;
}

void kdm_tx_write(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_doc *doc,
                  struct kdm_str text, enum kdm_change change, struct kdm_str changed, unsigned flags)
{
    struct kdm_doc read = *doc; /* doc may be that of a staged write, which stage() overwrites */
    struct tx_write *write = stage(tx, collection, read.id, text, flags);

    write->changed = changed;
    if (write->change == KDM_CHANGE_DELETE)
        write->change = change;
    if (write->change != 0)
        return; /* one commit, one version */
    write->doc.version = read.version + 1;
    write->expect = KDM_EXPECT_SEQUENCE;
    write->expect_sequence = read.sequence;
    write->change = change;
}

void kdm_tx_delete(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                   struct kdm_doc *doc, unsigned flags)
{
    uint64_t sequence = doc == NULL ? 0 : doc->sequence;
    int64_t version = doc == NULL ? 0 : doc->version;
    struct tx_write *write = stage(tx, collection, id, KDM_STR_NONE, flags);
    bool first = write->change == 0;

    write->change = KDM_CHANGE_DELETE;
    write->doc.version = version;
    if (!first)
        return;
    write->expect = doc == NULL ? KDM_EXPECT_PRESENT : KDM_EXPECT_SEQUENCE;
    write->expect_sequence = sequence;
    if (doc == NULL)
        write->read = NULL;
}

/* --- catalogue -------------------------------------------------------------------------------- */

void kdm_tx_catalogue_write(struct kdm_tx *tx, const struct tx_catalogue_write *write)
{
    if (tx->catalogue_count == tx->catalogue_cap)
        tx->catalogue_writes = kdm_arena_double(tx->arena, tx->catalogue_writes, &tx->catalogue_cap, 8,
                                                sizeof(*write));
    tx->catalogue_writes[tx->catalogue_count++] = *write;
}

void kdm_tx_create_index(struct kdm_tx *tx, struct kdm_str index)
{
    for (uint32_t i = 0; i < tx->catalogue_count; i++) {
        if (tx->catalogue_writes[i].kind == CREATE_INDEX && kdm_str_eq(tx->catalogue_writes[i].index, index))
            return;
    }
    kdm_tx_catalogue_write(tx, &(struct tx_catalogue_write){ .kind = CREATE_INDEX, .index = index });
}

void kdm_tx_delete_index(struct kdm_tx *tx, struct kdm_str index)
{
    kdm_tx_catalogue_write(tx, &(struct tx_catalogue_write){ .kind = DELETE_INDEX, .index = index });
}

void kdm_tx_set_collection(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name,
                           struct kdm_collection *old, struct kdm_str definition)
{
    kdm_tx_catalogue_write(tx, &(struct tx_catalogue_write){ .kind = SET_COLLECTION,
                                                             .index = index,
                                                             .name = name,
                                                             .text = definition,
                                                             .collection = old });
}

void kdm_tx_delete_collection(struct kdm_tx *tx, struct kdm_collection *collection)
{
    kdm_tx_catalogue_write(tx, &(struct tx_catalogue_write){ .kind = DELETE_COLLECTION,
                                                             .index = collection->index->name,
                                                             .collection = collection });
}

void kdm_tx_truncate(struct kdm_tx *tx, struct kdm_collection *collection)
{
    kdm_tx_catalogue_write(tx, &(struct tx_catalogue_write){ .kind = TRUNCATE,
                                                             .index = collection->index->name,
                                                             .collection = collection });
}

void kdm_tx_message(struct kdm_tx *tx, enum kdm_message what, struct kdm_str index, struct kdm_str collection,
                    struct kdm_str id, struct kdm_str text)
{
    kdm_tx_catalogue_write(tx, &(struct tx_catalogue_write){ .kind = MESSAGE,
                                                             .index = index,
                                                             .name = collection,
                                                             .id = kdm_str_none(id) ? KDM_STR("") : id,
                                                             .text = text,
                                                             .message = what });
}
