/* facts.c - what a transaction has learned beside documents: collections, indexes, lists, scans.
 * Each is remembered under what was asked, so a replay gets the same answer, and what the decision rests on is
 * checked by the commit.
 */
#include "tx/tx_private.h"

#include <stdlib.h>

#define SCAN_MAX_BYTES (64u << 20) /* that all scans of a transaction keep */

/* Facts up to this number are walked; more - a request that names thousands of collections - are
 * found by their hash. */
#define FEW 8

static uint64_t hash_of(const struct kdm_tx *tx, enum fact_kind kind, struct kdm_str key,
                        struct kdm_str key2)
{
    const struct kdm_hash_seed *seed = &tx->engine->seed;

    return kdm_hash(seed, key) ^ (kdm_hash(seed, key2) << 1) ^ (uint64_t)kind;
}

static struct tx_fact **slot_of(struct kdm_tx *tx, uint64_t hash)
{
    return &tx->fact_slots[hash & (tx->fact_slot_count - 1)];
}

static bool is(const struct tx_fact *fact, enum fact_kind kind, struct kdm_str key,
               struct kdm_str key2)
{
    return fact->kind == kind && !kdm_str_none(fact->key) && kdm_str_eq(fact->key, key)
           && kdm_str_eq(fact->key2, key2);
}

struct tx_fact *kdm_tx_fact_find(struct kdm_tx *tx, enum fact_kind kind, struct kdm_str key,
                                 struct kdm_str key2)
{
    struct tx_fact *fact;

    if (tx->fact_slots == NULL) {
        for (fact = tx->facts; fact != NULL && !is(fact, kind, key, key2);)
            fact = fact->next;
        return fact;
    }
    for (fact = *slot_of(tx, hash_of(tx, kind, key, key2));
         fact != NULL && !is(fact, kind, key, key2);)
        fact = fact->next_in_slot;
    return fact;
}

static void take_slot(struct kdm_tx *tx, struct tx_fact *fact)
{
    struct tx_fact **slot = slot_of(tx, fact->hash);

    fact->next_in_slot = *slot;
    *slot = fact;
}

/* Those that were dropped are left out: nobody finds them. */
static void rehash(struct kdm_tx *tx)
{
    bool first = tx->fact_slots == NULL;

    tx->fact_slot_count = first ? 64 : 4 * tx->fact_slot_count;
    tx->fact_slots = kdm_arena_zalloc(tx->arena, tx->fact_slot_count * sizeof(*tx->fact_slots));
    for (struct tx_fact *fact = tx->facts; fact != NULL; fact = fact->next) {
        if (kdm_str_none(fact->key))
            continue;
        if (first)
            fact->hash = hash_of(tx, fact->kind, fact->key, fact->key2);
        take_slot(tx, fact);
    }
}

struct tx_fact *kdm_tx_fact_add(struct kdm_tx *tx, enum fact_kind kind, struct kdm_str key,
                                struct kdm_str key2)
{
    struct tx_fact *fact = kdm_arena_zalloc(tx->arena, sizeof(*fact));

    fact->kind = kind;
    fact->asked_at = tx->commits_done;
    fact->key = kdm_arena_copy(tx->arena, key);
    fact->key2 = kdm_arena_copy(tx->arena, key2);
    *tx->facts_end = fact;
    tx->facts_end = &fact->next;
    tx->fact_count++;
    if (tx->fact_slots != NULL)
        fact->hash = hash_of(tx, kind, key, key2);
    if (tx->fact_count > (tx->fact_slots == NULL ? FEW : tx->fact_slot_count))
        rehash(tx);
    else if (tx->fact_slots != NULL)
        take_slot(tx, fact);
    return fact;
}

/* What a dropped scan kept counts no more: the same scan, made again, must not fail by it. */
static void uncount_scan(struct kdm_tx *tx, struct tx_scan *scan);

/* A dropped fact is never found again; its references are kept until the end, because documents that were
 * read point to its collection. */
void kdm_tx_facts_drop(struct kdm_tx *tx, bool catalogue, bool scans)
{
    for (struct tx_fact *fact = tx->facts; fact != NULL; fact = fact->next) {
        if (scans && fact->kind == FACT_SCAN)
            uncount_scan(tx, fact->scan);
        if ((catalogue && fact->kind <= FACT_COLLECTION_LIST)
            || (scans && (fact->kind == FACT_SCAN || fact->kind == FACT_FIND || fact->kind == FACT_ALL)))
            fact->key = KDM_STR_NONE;
    }
}

void kdm_tx_relearn(struct kdm_tx *tx, struct kdm_str index)
{
    for (struct tx_fact *fact = tx->facts; fact != NULL; fact = fact->next) {
        if ((fact->kind == FACT_COLLECTION || fact->kind == FACT_INDEX) && fact->done
            && fact->collection == NULL && fact->asked_at < tx->commits_done
            && kdm_str_eq(fact->key, index))
            fact->key = KDM_STR_NONE;
    }
}

void kdm_tx_facts_fini(struct kdm_tx *tx)
{
    for (struct tx_fact *fact = tx->facts; fact != NULL; fact = fact->next) {
        if (fact->kind == FACT_FIND)
            kdm_tx_find_cancel(fact);
        kdm_collection_unref(fact->collection);
        for (size_t i = 0; i < fact->collection_count; i++)
            kdm_collection_unref(fact->collections[i]);
        if (fact->run != NULL) {
            kdm_bus_cancel(fact->run);
            kdm_tx_op_end(fact->op); /* nobody else will */
        }
        fact->run = NULL;
        fact->collection = NULL;
        fact->collection_count = 0;
    }
    tx->facts = NULL;
    tx->facts_end = &tx->facts;
    tx->fact_slots = NULL;
    tx->fact_count = tx->fact_slot_count = 0;
}

/* --- one collection ------------------------------------------------------------------------ */

static void learn_collection(struct tx_fact *fact, bool index_exists, struct kdm_collection *collection)
{
    fact->done = fact->fresh = true;
    fact->index_exists = index_exists;
    fact->collection = collection == NULL ? NULL : kdm_collection_ref(collection);
}

static void on_lookup(void *ctx, enum kdm_err err, bool index_exists, struct kdm_collection *collection)
{
    struct tx_op *op = ctx;
    struct tx_fact *fact = op->target;
    struct kdm_tx *tx = kdm_tx_op_end(op);

    if (tx == NULL)
        return;
    if (err != KDM_OK)
        kdm_tx_fail(tx, err, NULL, 0);
    else if (!fact->done)
        learn_collection(fact, index_exists, collection);
    else if (collection != NULL && kdm_str_eq(fact->collection->check, collection->check))
        fact->fresh = true;
    else
        kdm_tx_start_over(tx);
    kdm_tx_settled(tx);
}

static void ask_collection(struct kdm_tx *tx, struct tx_fact *fact)
{
    kdm_store_lookup(tx->engine->store, fact->key, fact->key2, tx->start.deadline_ms, on_lookup,
                     kdm_tx_op_begin(tx, fact));
}

static struct tx_fact *collection_fact(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_COLLECTION, index, name);
    struct kdm_collection *known;

    if (fact != NULL)
        return fact;
    fact = kdm_tx_fact_add(tx, FACT_COLLECTION, index, name);
    known = kdm_store_known(tx->engine->store, index, name);
    if (known != NULL) {
        learn_collection(fact, true, known);
        fact->fresh = false;
    } else {
        ask_collection(tx, fact);
    }
    return fact;
}

static struct tx_fact *fact_of(struct kdm_tx *tx, const struct kdm_collection *collection)
{
    for (struct tx_fact *fact = tx->facts; fact != NULL; fact = fact->next) {
        if (fact->kind == FACT_COLLECTION && fact->collection == collection && !kdm_str_none(fact->key))
            return fact;
    }
    return NULL;
}

bool kdm_tx_collection_fresh(struct kdm_tx *tx, const struct kdm_collection *collection)
{
    struct tx_fact *fact = fact_of(tx, collection);

    return fact == NULL || fact->fresh; /* not by name but from a list: that was read from Redis */
}

void kdm_tx_mark_fresh(struct kdm_tx *tx, const struct kdm_collection *collection)
{
    for (struct tx_fact *fact = tx->facts; fact != NULL; fact = fact->next) {
        if (fact->kind == FACT_COLLECTION && fact->collection == collection)
            fact->fresh = true;
    }
}

void kdm_tx_verify_collection(struct kdm_tx *tx, struct kdm_collection *collection)
{
    struct tx_fact *fact = fact_of(tx, collection);

    if (fact == NULL || fact->fresh || fact->number != 0)
        return;
    fact->number = 1; /* asked */
    ask_collection(tx, fact);
}

bool kdm_tx_find_collection(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name,
                            struct kdm_collection **ret_collection)
{
    struct tx_fact *fact = collection_fact(tx, index, name);

    if (!fact->done)
        return false;
    fact->checked = true;
    *ret_collection = fact->collection;
    return true;
}

bool kdm_tx_collection(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name,
                       struct kdm_collection **ret_collection)
{
    struct tx_fact *fact = collection_fact(tx, index, name);

    if (!fact->done)
        return false;
    if (fact->collection == NULL) {
        if (fact->index_exists)
            kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_UNKNOWN_COLLECTION, KDM_PROPS(index, name));
        else
            kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_UNKNOWN_INDEX, KDM_PROPS(index));
        return false;
    }
    *ret_collection = fact->collection;
    return true;
}

bool kdm_tx_refresh_collection(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name)
{
    struct tx_fact *fact = collection_fact(tx, index, name);

    if (!fact->done)
        return false;
    if (!fact->fresh) {
        if (fact->number == 0) {
            fact->number = 1;
            ask_collection(tx, fact);
        }
        return false;
    }
    return true;
}

/* --- lists --------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return kdm_str_cmp(*(const struct kdm_str *)a, *(const struct kdm_str *)b);
}

static int by_collection_name(const void *a, const void *b)
{
    return kdm_str_cmp((*(struct kdm_collection *const *)a)->name, (*(struct kdm_collection *const *)b)->name);
}

static void on_indexes(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct tx_fact *fact = ((struct tx_op *)ctx)->target;
    struct kdm_tx *tx = kdm_tx_op_answered(ctx, err);

    if (tx == NULL)
        return;
    fact->done = true;
    fact->names.count = count;
    fact->names.items = kdm_arena_alloc(tx->arena, count * sizeof(struct kdm_str) + 1);
    for (size_t i = 0; i < count; i++)
        fact->names.items[i] = kdm_arena_copy(tx->arena, values[i]);
    if (count > 1)
        qsort(fact->names.items, count, sizeof(struct kdm_str), by_name);
    kdm_tx_settled(tx);
}

bool kdm_tx_index_list(struct kdm_tx *tx, struct kdm_str_list *ret_names)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_INDEX_LIST, KDM_STR(""), KDM_STR(""));

    if (fact == NULL) {
        fact = kdm_tx_fact_add(tx, FACT_INDEX_LIST, KDM_STR(""), KDM_STR(""));
        kdm_store_list_indexes(tx->engine->store, tx->start.deadline_ms, on_indexes,
                               kdm_tx_op_begin(tx, fact));
    }
    if (fact->done)
        *ret_names = fact->names;
    return fact->done;
}

static void on_collections(void *ctx, enum kdm_err err, bool index_exists,
                           struct kdm_collection *const *collections, size_t count)
{
    struct tx_fact *fact = ((struct tx_op *)ctx)->target;
    struct kdm_tx *tx = kdm_tx_op_answered(ctx, err);

    if (tx == NULL)
        return;
    fact->done = true;
    fact->index_exists = index_exists;
    fact->collections = kdm_arena_alloc(tx->arena, count * sizeof(struct kdm_collection *) + 1);
    for (size_t i = 0; i < count; i++)
        fact->collections[i] = kdm_collection_ref(collections[i]);
    fact->collection_count = count;
    if (count > 1)
        qsort(fact->collections, count, sizeof(struct kdm_collection *), by_collection_name);
    kdm_tx_settled(tx);
}

bool kdm_tx_collection_list(struct kdm_tx *tx, struct kdm_str index, bool *ret_exists,
                            struct kdm_collection_list *ret_list)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_COLLECTION_LIST, index, KDM_STR(""));

    if (fact == NULL) {
        fact = kdm_tx_fact_add(tx, FACT_COLLECTION_LIST, index, KDM_STR(""));
        kdm_store_list_collections(tx->engine->store, index, tx->start.deadline_ms, on_collections,
                                   kdm_tx_op_begin(tx, fact));
    }
    if (!fact->done)
        return false;
    *ret_exists = fact->index_exists;
    ret_list->items = fact->collections;
    ret_list->count = fact->collection_count;
    return true;
}

/* --- one index ------------------------------------------------------------------------------ */

static void on_index(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct tx_fact *fact = ((struct tx_op *)ctx)->target;
    struct kdm_tx *tx = kdm_tx_op_answered(ctx, err);

    if (tx == NULL)
        return;
    fact->done = true;
    fact->index_exists = count > 0 && !kdm_str_none(values[0]);
    fact->text = fact->index_exists ? kdm_arena_copy(tx->arena, values[0]) : KDM_STR("");
    kdm_tx_settled(tx);
}

bool kdm_tx_index(struct kdm_tx *tx, struct kdm_str index, bool *ret_exists)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_INDEX, index, KDM_STR(""));

    if (fact == NULL) {
        fact = kdm_tx_fact_add(tx, FACT_INDEX, index, KDM_STR(""));
        fact->checked = true;
        kdm_store_index_state(tx->engine->store, index, tx->start.deadline_ms, on_index,
                              kdm_tx_op_begin(tx, fact));
    }
    if (fact->done)
        *ret_exists = fact->index_exists;
    return fact->done;
}

/* --- figures -------------------------------------------------------------------------------- */

static void on_size(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct tx_fact *fact = ((struct tx_op *)ctx)->target;
    struct kdm_tx *tx = kdm_tx_op_answered(ctx, err);
    long long documents = 0, bytes = 0;

    if (tx == NULL)
        return;
    if (err == KDM_OK && count == 2 && kdm_str_int64(values[0], &documents) && kdm_str_int64(values[1], &bytes)) {
        fact->number = documents;
        fact->number2 = bytes;
    }
    fact->done = true;
    kdm_tx_settled(tx);
}

bool kdm_tx_size(struct kdm_tx *tx, struct kdm_collection *collection, int64_t *ret_count, int64_t *ret_bytes)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_SIZE, collection->docs_key, KDM_STR(""));

    if (fact == NULL) {
        fact = kdm_tx_fact_add(tx, FACT_SIZE, collection->docs_key, KDM_STR(""));
        kdm_store_size(tx->engine->store, collection, tx->start.deadline_ms, on_size,
                       kdm_tx_op_begin(tx, fact));
    }
    if (!fact->done)
        return false;
    *ret_count = fact->number;
    *ret_bytes = fact->number2;
    return true;
}

static void on_info(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct tx_op *op = ctx;
    struct tx_fact *fact = op->target;
    struct kdm_tx *tx = kdm_tx_op_end(op);

    if (tx == NULL)
        return;
    fact->done = true;
    fact->text = err == KDM_OK && count == 1 ? kdm_arena_copy(tx->arena, values[0]) : KDM_STR_NONE;
    kdm_tx_settled(tx);
}

bool kdm_tx_redis_info(struct kdm_tx *tx, struct kdm_str *ret_info)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_REDIS_INFO, KDM_STR(""), KDM_STR(""));
    int64_t soon = kdm_clock_monotonic_ms() + 1000; /* "red" is an answer too: do not wait for it long */

    if (fact == NULL) {
        fact = kdm_tx_fact_add(tx, FACT_REDIS_INFO, KDM_STR(""), KDM_STR(""));
        kdm_store_info(tx->engine->store, soon < tx->start.deadline_ms ? soon : tx->start.deadline_ms,
                       on_info, kdm_tx_op_begin(tx, fact));
    }
    if (fact->done)
        *ret_info = fact->text;
    return fact->done;
}

/* --- scans ---------------------------------------------------------------------------------- */

struct tx_scan {
    struct tx_fact *fact;
    struct kdm_collection *collection;
    kdm_tx_match_fn *match;
    void *ctx;
    struct kdm_doc_list docs;
    uint32_t cap; /* of docs */
    size_t bytes;
    struct kdm_str counter; /* none: the collection was never written */
    bool one_page;
};

static void scan_page(struct kdm_tx *tx, struct tx_scan *scan, uint64_t cursor);

static void uncount_scan(struct kdm_tx *tx, struct tx_scan *scan)
{
    tx->scan_bytes -= scan->bytes;
    scan->bytes = 0;
}

static void scan_keep(struct kdm_tx *tx, struct tx_scan *scan, struct kdm_str id,
                      const struct kdm_stored *stored)
{
    struct kdm_doc *doc = kdm_arena_zalloc(tx->arena, sizeof(*doc));

    doc->id = kdm_arena_copy(tx->arena, id);
    doc->text = kdm_arena_copy(tx->arena, stored->text);
    doc->sequence = stored->sequence;
    doc->version = stored->version;
    scan->bytes += id.len + stored->text.len;
    tx->scan_bytes += id.len + stored->text.len;
    if (scan->docs.count == scan->cap)
        scan->docs.items = kdm_arena_double(tx->arena, scan->docs.items, &scan->cap, 64,
                                            sizeof(*scan->docs.items));
    scan->docs.items[scan->docs.count++] = doc;
}

static bool scan_matches(struct tx_scan *scan, struct kdm_arena *scratch, struct kdm_str id, struct kdm_str text)
{
    struct kdm_json doc;

    if (scan->match == NULL)
        return true;
    kdm_arena_reset(scratch);
    return kdm_json_scan(scratch, text, &doc, NULL) && scan->match(scan->ctx, id, kdm_json_root(&doc));
}

static int by_id(const void *a, const void *b)
{
    return kdm_str_cmp((*(struct kdm_doc *const *)a)->id, (*(struct kdm_doc *const *)b)->id);
}

/* Ordered by id, each once: an order that does not hang on how Redis hashes. */
static void scan_finish(struct tx_scan *scan)
{
    size_t kept = 0;

    if (scan->docs.count > 1)
        qsort(scan->docs.items, scan->docs.count, sizeof(struct kdm_doc *), by_id);
    for (size_t i = 0; i < scan->docs.count; i++) {
        if (kept > 0 && kdm_str_eq(scan->docs.items[kept - 1]->id, scan->docs.items[i]->id)) {
            if (scan->docs.items[i]->sequence > scan->docs.items[kept - 1]->sequence)
                scan->docs.items[kept - 1] = scan->docs.items[i];
            continue;
        }
        scan->docs.items[kept++] = scan->docs.items[i];
    }
    scan->docs.count = kept;
    scan->fact->done = true;
}

static void on_scan_page(void *ctx, enum kdm_err err, uint64_t next_cursor, const struct kdm_str *values,
                         size_t count)
{
    struct tx_op *op = ctx;
    struct tx_scan *scan = op->target;
    struct kdm_tx *tx = kdm_tx_op_end(op);
    struct kdm_arena scratch;
    struct kdm_stored stored;

    if (tx == NULL)
        return;
    kdm_arena_init(&scratch, 16384);
    for (size_t i = 0; err == KDM_OK && i + 1 < count; i += 2) {
        if (kdm_stored_parse(values[i + 1], &stored) && scan_matches(scan, &scratch, values[i], stored.text))
            scan_keep(tx, scan, values[i], &stored);
        if (tx->scan_bytes > SCAN_MAX_BYTES) {
            kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_GET_LIMIT_EXCEEDED, NULL, 0);
            break;
        }
    }
    kdm_arena_fini(&scratch);
    if (err != KDM_OK)
        kdm_tx_fail(tx, err, NULL, 0);
    if (scan->one_page)
        scan->fact->text = kdm_arena_printf(tx->arena, "%llu", (unsigned long long)next_cursor);
    if (tx->failure.err == KDM_OK && next_cursor != 0 && !scan->one_page)
        scan_page(tx, scan, next_cursor);
    else if (tx->failure.err == KDM_OK)
        scan_finish(scan);
    kdm_tx_settled(tx);
}

static void scan_page(struct kdm_tx *tx, struct tx_scan *scan, uint64_t cursor)
{
    kdm_store_scan(tx->engine->store, scan->collection, cursor, tx->start.deadline_ms, on_scan_page,
                   kdm_tx_op_begin(tx, scan));
}

static void on_counter(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct tx_scan *scan = ((struct tx_op *)ctx)->target;
    struct kdm_tx *tx = kdm_tx_op_answered(ctx, err);

    if (tx == NULL)
        return;
    if (err == KDM_OK) {
        if (count == 1 && !kdm_str_none(values[0]))
            scan->counter = kdm_arena_copy(tx->arena, values[0]);
        scan_page(tx, scan, 0);
    }
    kdm_tx_settled(tx);
}

bool kdm_tx_scan(struct kdm_tx *tx, struct kdm_str name, struct kdm_collection *collection, bool checked,
                 kdm_tx_match_fn *match, void *ctx, struct kdm_doc_list *ret_docs)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_SCAN, name, collection->docs_key);

    if (!kdm_tx_refresh_collection(tx, collection->index->name, collection->name))
        return false; /* a deleted incarnation would look empty */
    if (fact == NULL) {
        struct tx_scan *scan = kdm_arena_zalloc(tx->arena, sizeof(*scan));

        fact = kdm_tx_fact_add(tx, FACT_SCAN, name, collection->docs_key);
        *scan = (struct tx_scan){ .fact = fact, .collection = collection, .match = match, .ctx = ctx };
        scan->counter = KDM_STR("");
        fact->scan = scan;
        fact->checked = checked;
        fact->collection = kdm_collection_ref(collection);
        /* The counter is read before the first page: when it stands the same at the commit, no write came
         * between, and what the scan saw is what there is. */
        if (checked)
            kdm_store_counter(tx->engine->store, collection, tx->start.deadline_ms, on_counter,
                              kdm_tx_op_begin(tx, scan));
        else
            scan_page(tx, scan, 0);
    }
    if (fact->done)
        *ret_docs = fact->scan->docs;
    return fact->done;
}

bool kdm_tx_scan_page(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str cursor, kdm_tx_match_fn *match,
                      void *ctx, struct kdm_doc_list *ret_docs, struct kdm_str *ret_next)
{
    struct kdm_str name = kdm_arena_printf(tx->arena, "page " KDM_FMT, KDM_ARG(cursor));
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_SCAN, name, collection->docs_key);

    if (!kdm_tx_refresh_collection(tx, collection->index->name, collection->name))
        return false;
    if (fact == NULL) {
        struct tx_scan *scan = kdm_arena_zalloc(tx->arena, sizeof(*scan));

        fact = kdm_tx_fact_add(tx, FACT_SCAN, name, collection->docs_key);
        *scan = (struct tx_scan){ .fact = fact, .collection = collection, .match = match, .ctx = ctx, .one_page = true };
        fact->scan = scan;
        fact->collection = kdm_collection_ref(collection);
        scan_page(tx, scan, strtoull(kdm_arena_copy(tx->arena, cursor).ptr, NULL, 10));
    }
    if (fact->done) {
        *ret_docs = fact->scan->docs;
        *ret_next = fact->text;
    }
    return fact->done;
}

struct kdm_str kdm_tx_scan_counter(const struct tx_fact *fact)
{
    return fact->scan->counter;
}
