/* resident.c - collections that the node holds, scanned, from one transaction to the next.
 * What is held is a set: all documents as they were at one value of the collection's write counter.
 * A transaction asks Redis for that counter alone. Does it still have this value, then nobody has
 * written since, and the set is what a reading would find now: so no feed is followed for it, and
 * no node has to tell another. A commit checks the counter as it does that of a scan; a commit of
 * ours that has passed the check was the only write between that counter and its own sequence, so
 * the set goes on with what it wrote. After anybody else's write the next who asks reads all again.
 * A set is never changed, only replaced; the arena of a transaction that saw one keeps it alive,
 * for its texts may be part of a reply.
 */
#include "tx/tx_private.h"

#include <stdlib.h>

/* Of texts; with their scans about four times as much. A larger collection is read each time. */
#define HELD_MAX_BYTES (8u << 20)

struct held_doc {
    unsigned refs;
    struct kdm_arena arena; /* of its texts and scan */
    struct kdm_doc doc;
};

struct tx_set {
    unsigned refs;
    kdm_tx_make_fn *make;
    size_t count, bytes;
    struct held_doc *items[]; /* by id */
};

struct tx_resident {
    struct tx_resident *next;
    struct kdm_collection *collection; /* one reference */
    uint64_t epoch;                    /* of the store, when it was read */
    uint64_t counter;
    struct tx_set *set;
};

/* --- sets --------------------------------------------------------------------------------------
 */

static void make_of(struct kdm_arena *arena, struct kdm_doc *doc, kdm_tx_make_fn *make)
{
    doc->source = kdm_json_parse(arena, doc->text);
    doc->made = make == NULL ? NULL : make(arena, doc);
}

static struct held_doc *make_doc(struct kdm_str id, struct kdm_str text, uint64_t sequence,
                                 int64_t version, kdm_tx_make_fn *make)
{
    struct held_doc *held = kdm_malloc(sizeof(*held));

    held->refs = 1;
    kdm_arena_init(&held->arena, 256);
    held->doc = (struct kdm_doc){ .id = kdm_arena_copy(&held->arena, id),
                                  .text = kdm_arena_copy(&held->arena, text),
                                  .sequence = sequence,
                                  .version = version };
    make_of(&held->arena, &held->doc, make);
    return held;
}

static void unref_doc(struct held_doc *held)
{
    if (--held->refs > 0)
        return;
    kdm_arena_fini(&held->arena);
    free(held);
}

static struct tx_set *make_set(size_t room, kdm_tx_make_fn *make)
{
    struct tx_set *set = kdm_malloc(sizeof(*set) + room * sizeof(struct held_doc *));

    set->refs = 1;
    set->make = make;
    set->count = set->bytes = 0;
    return set;
}

/* For kdm_arena_at_end(). */
static void unref_set(void *ptr)
{
    struct tx_set *set = ptr;

    if (set == NULL || --set->refs > 0)
        return;
    for (size_t i = 0; i < set->count; i++)
        unref_doc(set->items[i]);
    free(set);
}

/* Takes the document, which stands behind all others. */
static void add_doc(struct tx_set *set, struct held_doc *held)
{
    set->items[set->count++] = held;
    set->bytes += held->doc.id.len + held->doc.text.len;
}

/* NULL: they are too large to be held. */
static struct tx_set *set_of(const struct kdm_doc_list *docs, kdm_tx_make_fn *make)
{
    struct tx_set *set;
    size_t bytes = 0;

    for (size_t i = 0; i < docs->count; i++)
        bytes += docs->items[i]->id.len + docs->items[i]->text.len;
    if (bytes > HELD_MAX_BYTES)
        return NULL;
    set = make_set(docs->count, make);
    for (size_t i = 0; i < docs->count; i++) {
        const struct kdm_doc *doc = docs->items[i];

        add_doc(set, make_doc(doc->id, doc->text, doc->sequence, doc->version, make));
    }
    return set;
}

static int by_id(const void *a, const void *b)
{
    return kdm_str_cmp((*(struct tx_write *const *)a)->id, (*(struct tx_write *const *)b)->id);
}

/* The set as these writes, sorted by id, leave it. */
static struct tx_set *set_with(struct kdm_tx *tx, const struct tx_set *set,
                               struct tx_write *const *writes, size_t count, uint64_t sequence)
{
    struct tx_set *with = make_set(set->count + count, set->make);
    size_t i = 0;

    for (size_t w = 0; w <= count; w++) {
        for (; i < set->count
               && (w == count || kdm_str_cmp(set->items[i]->doc.id, writes[w]->id) < 0);
             i++) {
            set->items[i]->refs++;
            add_doc(with, set->items[i]);
        }
        if (w == count)
            break;
        if (i < set->count && kdm_str_eq(set->items[i]->doc.id, writes[w]->id))
            i++;
        if (!kdm_str_none(writes[w]->text))
            add_doc(with,
                    make_doc(writes[w]->id, writes[w]->text, sequence,
                             kdm_tx_written(tx, writes[w]->collection, writes[w]->id)->version,
                             set->make));
    }
    return with;
}

/* --- what the node holds ------------------------------------------------------------------------
 */

static void replace_set(struct tx_resident *resident, struct tx_set *set, uint64_t counter)
{
    if (set != NULL)
        set->refs++;
    unref_set(resident->set);
    resident->set = set;
    resident->counter = counter;
}

/* By name: one that was deleted and made again takes the place of what it was. NULL: none. */
static struct tx_resident *find_resident(struct kdm_tx_engine *engine,
                                         const struct kdm_collection *collection)
{
    struct tx_resident *resident = engine->residents;

    while (resident != NULL
           && (resident->collection->index != collection->index
               || !kdm_str_eq(resident->collection->name, collection->name)))
        resident = resident->next;
    return resident;
}

static bool is_current(const struct kdm_tx_engine *engine, const struct tx_resident *resident,
                       const struct kdm_collection *collection)
{
    return resident != NULL && resident->set != NULL
           && resident->epoch == kdm_store_epoch(engine->store)
           && kdm_str_eq(resident->collection->docs_key, collection->docs_key);
}

/* Returns what is held from now on: another transaction may have been faster. */
static struct tx_set *hold(struct kdm_tx_engine *engine, struct kdm_collection *collection,
                           uint64_t counter, struct tx_set *set)
{
    struct tx_resident *resident = find_resident(engine, collection);

    if (is_current(engine, resident, collection) && resident->counter >= counter)
        return resident->counter == counter ? resident->set : set;
    if (resident == NULL) {
        resident = kdm_zalloc(sizeof(*resident));
        resident->next = engine->residents;
        engine->residents = resident;
    }
    kdm_collection_ref(collection);
    kdm_collection_unref(resident->collection);
    resident->collection = collection;
    resident->epoch = kdm_store_epoch(engine->store);
    replace_set(resident, set, counter);
    return set;
}

void kdm_tx_residents_fini(struct kdm_tx_engine *engine)
{
    while (engine->residents != NULL) {
        struct tx_resident *resident = engine->residents;

        engine->residents = resident->next;
        unref_set(resident->set);
        kdm_collection_unref(resident->collection);
        free(resident);
    }
}

/* --- what a transaction sees of it --------------------------------------------------------------
 */

struct tx_all {
    uint64_t epoch, counter;
    struct tx_set *set; /* NULL: not there, or too large to be held */
    bool read;
    struct kdm_doc_list docs;
};

/* The documents are the transaction's own copies, their texts and scans are the set's. */
static void see(struct kdm_tx *tx, struct tx_all *all, struct tx_set *set)
{
    struct kdm_doc *docs = kdm_arena_alloc(tx->arena, set->count * sizeof(*docs) + 1);

    set->refs++;
    kdm_arena_at_end(tx->arena, unref_set, set);
    all->set = set;
    all->docs.count = set->count;
    all->docs.items = kdm_arena_alloc(tx->arena, set->count * sizeof(struct kdm_doc *) + 1);
    for (size_t i = 0; i < set->count; i++) {
        docs[i] = set->items[i]->doc;
        all->docs.items[i] = &docs[i];
    }
    all->read = true;
}

static uint64_t number_of(struct kdm_str counter)
{
    long long number = 0;

    return kdm_str_int64(counter, &number) ? (uint64_t)number : 0;
}

static void learn_counter(struct kdm_tx *tx, struct tx_fact *fact, struct kdm_str counter)
{
    const struct tx_resident *resident = find_resident(tx->engine, fact->collection);
    struct tx_all *all = fact->all;

    kdm_tx_mark_fresh(tx, fact->collection);
    fact->text = kdm_str_none(counter) ? KDM_STR("") : kdm_arena_copy(tx->arena, counter);
    fact->done = true;
    all->epoch = kdm_store_epoch(tx->engine->store);
    all->counter = number_of(fact->text);
    if (is_current(tx->engine, resident, fact->collection) && resident->counter == all->counter)
        see(tx, all, resident->set);
}

/* values: the index's sequence, the collection's check, its counter. */
static void on_state(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct tx_fact *fact = ((struct tx_op *)ctx)->target;
    struct kdm_tx *tx = kdm_tx_op_answered(ctx, err);
    const struct kdm_collection *collection;

    if (tx == NULL)
        return;
    collection = fact->collection;
    if (err == KDM_OK && count == 3 && kdm_str_eq(values[1], collection->check)) {
        learn_counter(tx, fact, values[2]);
    } else if (err == KDM_OK) { /* it has another mapping, or is in another life */
        kdm_store_forget(tx->engine->store, collection->index->name, collection->name);
        kdm_tx_start_over(tx);
    }
    kdm_tx_settled(tx);
}

static struct tx_fact *ask(struct kdm_tx *tx, struct kdm_collection *collection)
{
    struct tx_fact *fact = kdm_tx_fact_add(tx, FACT_ALL, collection->docs_key, KDM_STR(""));

    fact->collection = kdm_collection_ref(collection);
    fact->all = kdm_arena_zalloc(tx->arena, sizeof(*fact->all));
    kdm_store_state(tx->engine->store, collection, tx->start.deadline_ms, on_state,
                    kdm_tx_op_begin(tx, fact));
    return fact;
}

/* The counter was read before the first page: if it stands the same at the commit, or when another
 * transaction asks for it, no write came between. */
static bool read_all(struct kdm_tx *tx, struct tx_fact *fact, kdm_tx_make_fn *make)
{
    struct tx_all *all = fact->all;
    struct kdm_doc_list docs;
    struct tx_set *set;

    if (!kdm_tx_scan(tx, KDM_STR("%all"), fact->collection, false, NULL, NULL, &docs))
        return false;
    set = set_of(&docs, make);
    if (set == NULL) {
        for (size_t i = 0; i < docs.count; i++)
            make_of(tx->arena, docs.items[i], make);
        all->docs = docs;
        all->read = true;
        return true;
    }
    see(tx, all,
        all->epoch == kdm_store_epoch(tx->engine->store)
            ? hold(tx->engine, fact->collection, all->counter, set)
            : set);
    unref_set(set);
    return true;
}

bool kdm_tx_all(struct kdm_tx *tx, struct kdm_collection *collection, bool checked,
                kdm_tx_make_fn *make, struct kdm_doc_list *ret_docs)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_ALL, collection->docs_key, KDM_STR(""));

    if (fact == NULL)
        fact = ask(tx, collection);
    if (!fact->done || (!fact->all->read && !read_all(tx, fact, make)))
        return false;
    KDM_ASSERT(fact->all->set == NULL || fact->all->set->make == make);
    fact->checked = fact->checked || checked;
    *ret_docs = fact->all->docs;
    return true;
}

/* --- after a commit ------------------------------------------------------------------------------
 */

static void follow(struct kdm_tx *tx, struct tx_resident *resident, uint64_t sequence)
{
    struct tx_write **writes = kdm_arena_alloc(tx->arena, tx->write_count * sizeof(*writes) + 1);
    struct kdm_str docs_key = resident->collection->docs_key;
    struct tx_set *with;
    size_t count = 0;

    for (uint32_t i = 0; i < tx->write_count; i++) {
        if (kdm_str_eq(tx->writes[i].collection->docs_key, docs_key))
            writes[count++] = &tx->writes[i];
    }
    if (count == 0)
        return;
    if (count > 1)
        qsort(writes, count, sizeof(*writes), by_id);
    with = set_with(tx, resident->set, writes, count, sequence);
    replace_set(resident, with->bytes <= HELD_MAX_BYTES ? with : NULL, sequence);
    unref_set(with);
}

void kdm_tx_resident_follow(struct kdm_tx *tx, const struct kdm_commit_result *result)
{
    const struct kdm_tx_engine *engine = tx->engine;

    if (engine->residents == NULL || tx->commit_each)
        return;
    for (struct tx_fact *fact = tx->facts; fact != NULL; fact = fact->next) {
        struct tx_resident *resident;

        if (fact->kind != FACT_ALL || !fact->checked || kdm_str_none(fact->key))
            continue;
        resident = find_resident(tx->engine, fact->collection);
        if (is_current(engine, resident, fact->collection) && tx->epoch == resident->epoch
            && resident->set == fact->all->set)
            follow(tx, resident, kdm_tx_sequence_of(result, fact->collection));
    }
}
