/* memory.c - the documents a transaction has read.
 * A document that Redis does not have is only told to be absent when its collection has been looked at in Redis by this transaction: the
 * incarnation in its key may be one that was deleted meanwhile.
 */
#include "tx/tx_private.h"

#define DOCS_PER_READ 500

struct tx_read *kdm_tx_memory_find(struct kdm_tx *tx, const struct kdm_collection *collection, struct kdm_str id)
{
    uint32_t number = kdm_doc_map_find(&tx->read_map, &tx->engine->seed, collection, id);

    return number == KDM_DOC_MAP_NONE ? NULL : tx->reads[number];
}

static void put_read(struct kdm_tx *tx, struct tx_read *read)
{
    if (tx->read_count == tx->read_cap)
        tx->reads = kdm_arena_double(tx->arena, tx->reads, &tx->read_cap, 8, sizeof(*tx->reads));
    kdm_doc_map_add(&tx->read_map, tx->arena, &tx->engine->seed, read->collection, read->doc.id, tx->read_count);
    tx->reads[tx->read_count++] = read;
}

struct tx_read *kdm_tx_memory_add(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id)
{
    struct tx_read *read = kdm_arena_zalloc(tx->arena, sizeof(*read));

    read->collection = collection;
    read->doc.id = id;
    put_read(tx, read);
    return read;
}

/* What is written already was decided on what was read then: a replay must not decide it on what it left itself. */
void kdm_tx_memory_drop(struct kdm_tx *tx)
{
    struct tx_read **reads = tx->reads;
    uint32_t count = tx->read_count;

    tx->reads = NULL;
    tx->read_count = tx->read_cap = tx->wanted = 0;
    tx->read_map = (struct kdm_doc_map){ 0 };
    tx->queued_read = NULL;
    for (uint32_t i = 0; i < count && tx->done_count > 0; i++) {
        if (reads[i]->state >= READ_ABSENT && kdm_tx_written(tx, reads[i]->collection, reads[i]->doc.id) != NULL)
            put_read(tx, reads[i]);
    }
}

void kdm_tx_memory_ask_again(struct kdm_tx *tx, struct tx_read *read)
{
    if (read->state == READ_WANTED)
        return;
    read->state = READ_WANTED;
    tx->wanted++;
}

void kdm_tx_memory_set(struct kdm_tx *tx, struct tx_read *read, uint64_t sequence, int64_t version,
                       struct kdm_str text)
{
    if (read->state == READ_WANTED && tx->wanted > 0)
        tx->wanted--;
    read->state = READ_PRESENT;
    read->doc.text = kdm_arena_copy(tx->arena, text);
    read->doc.source = KDM_VAL_NONE;
    read->doc.sequence = sequence;
    read->doc.version = version;
}

void kdm_tx_memory_learn(struct kdm_tx *tx, struct tx_read *read, struct kdm_str value)
{
    struct kdm_stored stored;

    if (kdm_str_none(value)) {
        read->state = READ_ABSENT;
        read->doc.sequence = 0;
        return;
    }
    if (!kdm_stored_parse(value, &stored)) {
        kdm_log_error("store: a value of " KDM_FMT " can't be read", KDM_ARG(read->collection->docs_key));
        kdm_tx_fail(tx, KDM_ERR_CORE_FATAL_UNEXPECTED_ERROR, KDM_PROPS(KDM_STR("stored value")));
        return;
    }
    kdm_tx_memory_set(tx, read, stored.sequence, stored.version, stored.text);
}

/* --- asking ------------------------------------------------------------------------------- */

static void on_values(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct tx_read *read = ((struct tx_op *)ctx)->target;
    struct kdm_tx *tx = kdm_tx_op_answered(ctx, err);
    size_t i = 0;

    if (tx == NULL)
        return;
    for (; err == KDM_OK && read != NULL && i < count; read = read->next_asked, i++) {
        if (read->state != READ_ASKED)
            continue; /* a nested request has told more meanwhile */
        kdm_tx_memory_learn(tx, read, values[i]);
        if (read->state == READ_ABSENT)
            kdm_tx_verify_collection(tx, read->collection);
    }
    kdm_tx_settled(tx);
}

/* Those wanted of one collection, in commands of at most DOCS_PER_READ. */
static void send_collection(struct kdm_tx *tx, struct kdm_collection *collection)
{
    struct kdm_str ids[DOCS_PER_READ];
    struct tx_read *first = NULL, **last = &first;
    size_t count = 0;

    for (uint32_t i = 0; i <= tx->read_count; i++) {
        struct tx_read *read = i < tx->read_count ? tx->reads[i] : NULL;

        if (count == DOCS_PER_READ || (read == NULL && count > 0)) {
            kdm_store_get(tx->engine->store, collection, ids, count, tx->start.deadline_ms, on_values,
                          kdm_tx_op_begin(tx, first));
            first = NULL;
            last = &first;
            count = 0;
        }
        if (read == NULL || read->state != READ_WANTED || read->collection != collection)
            continue;
        read->state = READ_ASKED;
        tx->wanted--;
        read->next_asked = NULL;
        *last = read;
        last = &read->next_asked;
        ids[count++] = read->doc.id;
    }
}

void kdm_tx_memory_send(struct kdm_tx *tx)
{
    for (uint32_t i = 0; i < tx->read_count && tx->wanted > 0; i++) {
        if (tx->reads[i]->state == READ_WANTED)
            send_collection(tx, tx->reads[i]->collection);
    }
}

/* --- what actions call ----------------------------------------------------------------------- */

static struct tx_read *want(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id)
{
    struct tx_read *read = kdm_tx_memory_find(tx, collection, id);

    if (read != NULL) {
        read->collection = collection; /* the same life; its mapping may be newer than when the document was read */
        return read;
    }
    read = kdm_tx_memory_add(tx, collection, id);
    read->state = READ_WANTED;
    tx->wanted++;
    return read;
}

void kdm_tx_want(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id)
{
    want(tx, collection, id);
}

static bool answer(struct kdm_tx *tx, struct tx_read *read, struct kdm_doc **ret_doc)
{
    if (read->state == READ_ABSENT) {
        /* Being looked up, or the look-up found another life of the collection. */
        if (!kdm_tx_collection_fresh(tx, read->collection)) {
            kdm_tx_verify_collection(tx, read->collection);
            return false;
        }
        *ret_doc = NULL;
        return true;
    }
    if (read->state != READ_PRESENT)
        return false;
    *ret_doc = &read->doc;
    return true;
}

static bool staged(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                   struct kdm_doc **ret_doc)
{
    struct tx_write *write = tx->write_count == 0 ? NULL : kdm_tx_write_find(tx, collection, id);

    if (write == NULL)
        return false;
    *ret_doc = kdm_str_none(write->text) ? NULL : &write->doc;
    return true;
}

bool kdm_tx_read_unchecked(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                           struct kdm_doc **ret_doc)
{
    return staged(tx, collection, id, ret_doc) || answer(tx, want(tx, collection, id), ret_doc);
}

bool kdm_tx_read(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                 struct kdm_doc **ret_doc)
{
    struct tx_read *read;

    if (staged(tx, collection, id, ret_doc))
        return true;
    read = want(tx, collection, id);
    read->checked = true;
    return answer(tx, read, ret_doc);
}

bool kdm_tx_claim(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id,
                  struct kdm_doc **ret_doc)
{
    if (!staged(tx, collection, id, ret_doc) && !kdm_tx_queue_enter(tx, collection, id))
        return false;
    return kdm_tx_read(tx, collection, id, ret_doc);
}

bool kdm_tx_known_absent(struct kdm_tx *tx, const struct kdm_collection *collection, struct kdm_str id)
{
    struct tx_read *read = kdm_tx_memory_find(tx, collection, id);

    return read != NULL && read->state == READ_ABSENT;
}

struct kdm_val kdm_doc_source(struct kdm_tx *tx, struct kdm_doc *doc)
{
    if (kdm_val_none(doc->source))
        doc->source = kdm_json_parse(tx->arena, doc->text);
    return doc->source;
}
