/* store.c - opening the store, and reading documents.
 * One connection carries all commands of a node, in order: a read sent behind a commit sees it. Another one
 * hears the doorbell (feed.c). Reads keep nothing but who asked.
 */
#include "store/store.h"
#include "base/clock.h"
#include "base/log.h"
#include "redis_scripts.gen.h"
#include "store/names.h"
#include "store/store_private.h"

#include <stdio.h>
#include <stdlib.h>

/* A page of a scan: about this many bytes, by the size of the documents of the last page; between these counts. */
#define SCAN_BYTES     (256 * 1024)
#define SCAN_COUNT_MIN 4
#define SCAN_COUNT_MAX 512
#define SCAN_DOC_BYTES 16384 /* before the first page */

/* Entries that a sweep looks for at a time, and how often. */
#define SWEEP_SLICE  512
#define SWEEP_SLICES 32

/* A read on its way. */
struct store_read {
    struct kdm_store *store;
    struct store_read *next_free;
    kdm_store_values_fn *values;
    kdm_store_page_fn *page;
    void *ctx;
    struct kdm_index *index; /* of a scan: one reference */
};

static struct store_read *read_begin(struct kdm_store *store, void *ctx)
{
    struct store_read *read = store->free_reads;

    if (read == NULL)
        read = kdm_malloc(sizeof(*read));
    else
        store->free_reads = read->next_free;
    *read = (struct store_read){ .store = store, .ctx = ctx };
    return read;
}

static void read_end(struct store_read *read)
{
    read->next_free = read->store->free_reads;
    read->store->free_reads = read;
}

enum kdm_err kdm_store_error_of(enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct kdm_str text;

    if (outcome != KDM_REDIS_OK)
        return KDM_ERR_SERVICES_CACHE_NOT_CONNECTED;
    if (reply->type != REDIS_REPLY_ERROR)
        return KDM_OK;
    text = kdm_reply_str(reply);
    if (kdm_str_starts(text, KDM_STR("LOADING")) || kdm_str_starts(text, KDM_STR("MASTERDOWN"))
        || kdm_str_starts(text, KDM_STR("READONLY")) || kdm_str_starts(text, KDM_STR("NOAUTH"))
        || kdm_str_starts(text, KDM_STR("NOREPLICAS")) || kdm_str_starts(text, KDM_STR("BUSY ")))
        return KDM_ERR_SERVICES_CACHE_NOT_CONNECTED;
    if (kdm_str_starts(text, KDM_STR("MISCONF")) || kdm_str_starts(text, KDM_STR("OOM")))
        return KDM_ERR_SERVICES_STORAGE_DISK_FULL;
    kdm_log_error("store: Redis refused: " KDM_FMT, KDM_ARG(text));
    return KDM_ERR_CORE_FATAL_UNEXPECTED_ERROR;
}

bool kdm_stored_parse(struct kdm_str value, struct kdm_stored *ret_stored)
{
    struct kdm_str rest = value;
    long long sequence, version;

    if (!kdm_str_int64(kdm_str_word(&rest), &sequence)
        || !kdm_str_int64(kdm_str_word(&rest), &version) || rest.len == 0)
        return false;
    ret_stored->sequence = (uint64_t)sequence;
    ret_stored->version = version;
    ret_stored->text = rest;
    return true;
}

/* Hands the elements of an array reply, or a single one, to the reader. */
static void on_values(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct store_read *read = ctx;
    enum kdm_err err = kdm_store_error_of(outcome, reply);
    struct kdm_str few[16], *values = few;
    size_t count = 0;

    if (err == KDM_OK && reply->type == REDIS_REPLY_ARRAY) {
        count = reply->elements;
        if (count > sizeof(few) / sizeof(few[0]))
            values = kdm_malloc(count * sizeof(*values));
        for (size_t i = 0; i < count; i++)
            values[i] = kdm_reply_str(reply->element[i]);
    } else if (err == KDM_OK) {
        count = 1;
        values[0] = kdm_reply_str(reply);
    }
    read->values(read->ctx, err, values, count);
    if (values != few)
        free(values);
    read_end(read);
}

static void ask(struct kdm_store *store, const struct kdm_str *args, size_t count, int64_t deadline_ms,
                kdm_store_values_fn *fn, void *ctx)
{
    struct store_read *read = read_begin(store, ctx);

    read->values = fn;
    kdm_redis_command(store->redis, args, count, deadline_ms, on_values, read);
}

void kdm_store_get(struct kdm_store *store, const struct kdm_collection *collection,
                   const struct kdm_str *ids, size_t count, int64_t deadline_ms,
                   kdm_store_values_fn *fn, void *ctx)
{
    struct kdm_str few[18], *args = few;

    if (count == 1) {
        struct kdm_str one[] = { KDM_STR("HGET"), collection->docs_key, ids[0] };

        ask(store, one, 3, deadline_ms, fn, ctx);
        return;
    }
    if (count + 2 > sizeof(few) / sizeof(few[0]))
        args = kdm_malloc((count + 2) * sizeof(*args));
    args[0] = KDM_STR("HMGET");
    args[1] = collection->docs_key;
    memcpy(args + 2, ids, count * sizeof(*ids));
    ask(store, args, count + 2, deadline_ms, fn, ctx);
    if (args != few)
        free(args);
}

void kdm_store_counter(struct kdm_store *store, const struct kdm_collection *collection,
                       int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx)
{
    struct kdm_str args[] = { KDM_STR("HGET"), collection->index->meta_key, collection->counter_field };

    ask(store, args, 3, deadline_ms, fn, ctx);
}

void kdm_store_state(struct kdm_store *store, const struct kdm_collection *collection,
                     int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx)
{
    struct kdm_str args[] = { KDM_STR("HMGET"), collection->index->meta_key, KDM_STR("q"),
                              collection->check_field, collection->counter_field };

    ask(store, args, 5, deadline_ms, fn, ctx);
}

/* Hands a number to the reader as text. */
static void on_number(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct store_read *read = ctx;
    enum kdm_err err = kdm_store_error_of(outcome, reply);
    char text[24];
    struct kdm_str value = KDM_STR_NONE;

    if (err == KDM_OK)
        value = (struct kdm_str){ text, (size_t)snprintf(text, sizeof(text), "%lld",
                                                         reply->integer) };
    read->values(read->ctx, err, &value, 1);
    read_end(read);
}

void kdm_store_count(struct kdm_store *store, const struct kdm_collection *collection,
                     int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx)
{
    struct kdm_str args[] = { KDM_STR("HLEN"), collection->docs_key };
    struct store_read *read = read_begin(store, ctx);

    read->values = fn;
    kdm_redis_command(store->redis, args, 2, deadline_ms, on_number, read);
}

/* --- scanning -------------------------------------------------------------------------- */

static void on_page(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct store_read *read = ctx;
    enum kdm_err err = kdm_store_error_of(outcome, reply);
    struct kdm_str *values = NULL;
    uint64_t cursor = 0;
    size_t count = 0, bytes = 0;

    if (err == KDM_OK) {
        const redisReply *page = reply->element[1];

        cursor = strtoull(reply->element[0]->str, NULL, 10);
        count = page->elements;
        values = kdm_malloc(count * sizeof(*values) + 1);
        for (size_t i = 0; i < count; i++) {
            values[i] = kdm_reply_str(page->element[i]);
            bytes += values[i].len;
        }
        if (count > 0)
            read->index->scan_doc_bytes = (uint32_t)(2 * bytes / count) + 1;
    }
    read->page(read->ctx, err, cursor, values, count);
    free(values);
    kdm_index_unref(read->index);
    read_end(read);
}

static unsigned scan_count(const struct kdm_index *index)
{
    unsigned count = SCAN_BYTES / (index->scan_doc_bytes == 0 ? SCAN_DOC_BYTES : index->scan_doc_bytes);

    if (count < SCAN_COUNT_MIN)
        return SCAN_COUNT_MIN;
    return count > SCAN_COUNT_MAX ? SCAN_COUNT_MAX : count;
}

void kdm_store_scan(struct kdm_store *store, const struct kdm_collection *collection, uint64_t cursor,
                    int64_t deadline_ms, kdm_store_page_fn *fn, void *ctx)
{
    struct store_read *read = read_begin(store, ctx);
    char cursor_text[24], count_text[24];
    struct kdm_str args[] = { KDM_STR("HSCAN"), collection->docs_key, KDM_STR_NONE, KDM_STR("COUNT"),
                              KDM_STR_NONE };

    read->index = kdm_index_ref(collection->index);
    args[4] = (struct kdm_str){ count_text, (size_t)snprintf(count_text, sizeof(count_text), "%u",
                                                             scan_count(collection->index)) };
    args[2] = (struct kdm_str){ cursor_text, (size_t)snprintf(cursor_text, sizeof(cursor_text), "%llu",
                                                              (unsigned long long)cursor) };
    read->page = fn;
    kdm_redis_command(store->redis, args, 5, deadline_ms, on_page, read);
}

void kdm_store_size(struct kdm_store *store, const struct kdm_collection *collection, int64_t deadline_ms,
                    kdm_store_values_fn *fn, void *ctx)
{
    struct kdm_str args[] = { collection->docs_key };
    struct store_read *read = read_begin(store, ctx);

    read->values = fn;
    kdm_redis_eval(store->redis, &kdm_script_size, args, 1, 1, deadline_ms, on_values, read);
}

void kdm_store_info(struct kdm_store *store, int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx)
{
    struct kdm_str args[] = { KDM_STR("INFO") };

    ask(store, args, 1, deadline_ms, fn, ctx);
}

void kdm_store_index_state(struct kdm_store *store, struct kdm_str index, int64_t deadline_ms,
                           kdm_store_values_fn *fn, void *ctx)
{
    /* Not by way of the index's meta key, so that asking for a name leaves no entry behind. */
    struct kdm_str args[] = { KDM_STR("HGET"), KDM_STR("kdm:indexes"), index };

    ask(store, args, 3, deadline_ms, fn, ctx);
}

void kdm_store_jobs(struct kdm_store *store, int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx)
{
    struct kdm_str args[] = { KDM_STR("HGETALL"), KDM_STR("kdm:jobs") };

    ask(store, args, 2, deadline_ms, fn, ctx);
}

void kdm_store_list_indexes(struct kdm_store *store, int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx)
{
    struct kdm_str args[] = { KDM_STR("HKEYS"), KDM_STR("kdm:indexes") };

    ask(store, args, 2, deadline_ms, fn, ctx);
}

/* --- life ------------------------------------------------------------------------------- */

/* Another run id means another memory: a Redis that was restarted may have lost its last commits, and one
 * that took over may never have seen them. Nothing of what we remember is worth anything then. */
static void on_ready(void *ctx, struct kdm_str run_id)
{
    struct kdm_store *store = ctx;
    char text[sizeof(store->run_id)];

    snprintf(text, sizeof(text), KDM_FMT, KDM_ARG(run_id));
    if (store->run_id[0] != '\0' && strcmp(text, store->run_id) != 0) {
        kdm_log_warn("store: Redis was restarted or replaced; what was held in memory is rebuilt");
        store->epoch++;
        kdm_commits_withdraw(store);
        kdm_store_forget_all(store);
        kdm_follower_reset(store->follower);
    }
    memcpy(store->run_id, text, sizeof(text));
}

struct kdm_store *kdm_store_open(uv_loop_t *loop, const struct kdm_store_options *options,
                                 struct kdm_random *random, char **ret_error)
{
    static const struct kdm_redis_script *const scripts[] = { &kdm_script_commit, &kdm_script_fence,
                                                              &kdm_script_lookup, &kdm_script_scroll_next,
                                                              &kdm_script_scroll_put, &kdm_script_size,
                                                              &kdm_script_tidy };
    struct kdm_store *store = kdm_zalloc(sizeof(*store));
    struct kdm_redis_events events = { .ctx = store, .on_ready = on_ready };
    struct kdm_hash_seed seed;

    kdm_random_fill(random, &seed, sizeof(seed));
    store->loop = loop;
    store->random = random;
    store->node = options->node;
    store->commit_number = (uint64_t)kdm_clock_ms() * 1000;
    store->feed_max_bytes = options->feed_max_bytes;
    store->feed_max_age_ms = options->feed_max_age_ms;
    store->indexes = kdm_table_create(&seed);
    store->collections = kdm_table_create(&seed);
    store->follower = kdm_follower_create(store, options->redis_url);
    store->redis = kdm_redis_open(loop, options->redis_url, scripts, sizeof(scripts) / sizeof(scripts[0]),
                                  &events, ret_error);
    if (store->redis == NULL) {
        kdm_store_close(store);
        return NULL;
    }
    store->janitor = kdm_janitor_create(store);
    return store;
}

static void free_index(void *index)
{
    kdm_index_unref(index);
}

static void free_collection(void *collection)
{
    kdm_collection_unref(collection);
}

void kdm_store_close(struct kdm_store *store)
{
    if (store == NULL)
        return;
    kdm_janitor_stop(store->janitor);
    kdm_redis_close(store->redis); /* settles what is on its way */
    kdm_janitor_destroy(store->janitor);
    kdm_follower_destroy(store->follower);
    kdm_commits_fini(store);
    for (struct store_read *read = store->free_reads, *next; read != NULL; read = next) {
        next = read->next_free;
        free(read);
    }
    kdm_table_destroy(store->collections, free_collection);
    kdm_table_destroy(store->indexes, free_index);
    free(store);
}

bool kdm_store_ready(const struct kdm_store *store)
{
    return kdm_redis_ready(store->redis);
}

bool kdm_store_refused(const struct kdm_store *store)
{
    return kdm_redis_refused(store->redis);
}

const char *kdm_store_last_error(const struct kdm_store *store)
{
    return kdm_redis_last_error(store->redis);
}

struct kdm_str kdm_store_node(const struct kdm_store *store)
{
    return store->node;
}

struct kdm_random *kdm_store_random(struct kdm_store *store)
{
    return store->random;
}

uint64_t kdm_store_epoch(const struct kdm_store *store)
{
    return store->epoch;
}

/* --- what is known -------------------------------------------------------------------------- */

struct kdm_index *kdm_store_index(struct kdm_store *store, struct kdm_str name)
{
    struct kdm_index *index = kdm_table_get(store->indexes, name);

    if (index == NULL) {
        index = kdm_catalogue_index(name);
        kdm_table_put(store->indexes, name, index);
    }
    return index;
}

void kdm_store_sweep(struct kdm_store *store)
{
    struct kdm_index *unused[SWEEP_SLICE];
    struct kdm_str key;
    void *value;
    size_t count;

    for (int slices = 0; slices < SWEEP_SLICES; slices++) {
        count = 0;
        for (size_t cursor = 0;
             count < SWEEP_SLICE && kdm_table_next(store->indexes, &cursor, &key, &value);) {
            struct kdm_index *index = value;

            if (index->refs == 1 && index->followed == NULL)
                unused[count++] = index;
        }
        for (size_t i = 0; i < count; i++)
            kdm_index_unref(kdm_table_remove(store->indexes, unused[i]->name));
        if (count < SWEEP_SLICE)
            return;
    }
}

struct kdm_collection *kdm_store_known(struct kdm_store *store, struct kdm_str index, struct kdm_str name)
{
    char space[KDM_NAMES_KEY_MAX];
    struct kdm_str key = kdm_names_key(space, index, name);

    return kdm_str_none(key) ? NULL : kdm_table_get(store->collections, key);
}

void kdm_store_remember(struct kdm_store *store, struct kdm_collection *collection)
{
    char space[KDM_NAMES_KEY_MAX];
    struct kdm_str key = kdm_names_key(space, collection->index->name, collection->name);

    KDM_ASSERT(!kdm_str_none(key)); /* what exists has a valid name: at most 126 bytes each */
    kdm_collection_unref(kdm_table_put(store->collections, key, collection));
}

void kdm_store_forget(struct kdm_store *store, struct kdm_str index, struct kdm_str name)
{
    char space[KDM_NAMES_KEY_MAX];
    struct kdm_str key = kdm_names_key(space, index, name);

    if (!kdm_str_none(key))
        kdm_collection_unref(kdm_table_remove(store->collections, key));
}

void kdm_store_forget_all(struct kdm_store *store)
{
    struct kdm_hash_seed seed;

    kdm_random_fill(store->random, &seed, sizeof(seed));
    kdm_table_destroy(store->collections, free_collection);
    store->collections = kdm_table_create(&seed);
}
