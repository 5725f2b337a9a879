/* store.h - documents in Redis, the only record.
 * Layout (design section 4), all keys of an index under one hash tag:
 *   kdm:indexes          hash   index name -> its incarnation
 *   kdm:{tag}:m          hash   "q": sequence of the last commit; "i": the index exists, its incarnation;
 *                               "c:<coll>": "<incarnation> <mapping version>"; "w:<coll>": sequence of the
 *                               collection's last write; "k:<node>.<slot>": commit ids;
 *                               "ta", "tb": where the feed stood some time ago (tidy.lua)
 *   kdm:{tag}:k          hash   <coll> -> definition JSON
 *   kdm:{tag}:d:<inc>    hash   document id -> "<sequence> <version> <JSON>"
 *   kdm:{tag}:f          stream change feed; an entry's id is "<sequence>-0"
 *   kdm:jobs             hash   job id -> record
 *   kdm:{scroll}..       cursors of searches (scroll.h)
 *   kdm:nodes            sorted set   node id -> when it was last heard of (ms)
 * No call blocks; each answers later, exactly once, also when Redis goes away. Loop thread only.
 */
#ifndef KDM_STORE_STORE_H
#define KDM_STORE_STORE_H

#include "base/id.h"
#include "redis/redis.h"
#include "store/catalogue.h"

struct kdm_store;

struct kdm_store_options {
    const char *redis_url;
    struct kdm_str node;          /* this node's id: part of its commit ids */
    size_t feed_max_bytes;        /* per index, approximate */
    int64_t feed_max_age_ms;
};

struct kdm_store *kdm_store_open(uv_loop_t *loop, const struct kdm_store_options *options,
                                 struct kdm_random *random, char **ret_error);
/* NULL is fine. */
void kdm_store_close(struct kdm_store *store);

bool kdm_store_ready(const struct kdm_store *store);
/* Redis answers, but is one that kdm can't work with (password, version, policy); why is the last error. Waiting won't help. */
bool kdm_store_refused(const struct kdm_store *store);
/* Why it is not ready, for the log and server:healthCheck; NULL when nothing is known. */
const char *kdm_store_last_error(const struct kdm_store *store);
/* What this process calls itself: another name at each start. Lent. */
struct kdm_str kdm_store_node(const struct kdm_store *store);
struct kdm_random *kdm_store_random(struct kdm_store *store);
/* Grows when Redis may have gone backwards: what was read in an older epoch must not be decided on. */
uint64_t kdm_store_epoch(const struct kdm_store *store);

/* A stored value taken apart. */
struct kdm_stored {
    uint64_t sequence;
    int64_t version;
    struct kdm_str text; /* JSON; a slice of the value */
};
/* false: not a value of ours. */
bool kdm_stored_parse(struct kdm_str value, struct kdm_stored *ret_stored);

/* --- reading --------------------------------------------------------------------------- */

/* values[i] is none when absent; lent until the call returns. err: KDM_OK, or why nothing is known. */
typedef void kdm_store_values_fn(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count);

/* Values of documents of one collection, in order of `ids`. */
void kdm_store_get(struct kdm_store *store, const struct kdm_collection *collection,
                   const struct kdm_str *ids, size_t count, int64_t deadline_ms,
                   kdm_store_values_fn *fn, void *ctx);

/* The collection's write counter (one value). */
void kdm_store_counter(struct kdm_store *store, const struct kdm_collection *collection,
                       int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx);

/* Where the collection stands, at one moment: values = sequence of the index's last commit, the collection's check,
 * its write counter; each none when there is none. */
void kdm_store_state(struct kdm_store *store, const struct kdm_collection *collection,
                     int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx);

/* How many documents it has (one value). */
void kdm_store_count(struct kdm_store *store, const struct kdm_collection *collection,
                     int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx);

/* One page of a collection, bounded by bytes (about 256 KiB): HSCAN. values = id, value, id, value, ..
 * `cursor` 0 starts; *ret next cursor 0 ends. An id may come twice. */
typedef void kdm_store_page_fn(void *ctx, enum kdm_err err, uint64_t next_cursor,
                               const struct kdm_str *values, size_t count);
void kdm_store_scan(struct kdm_store *store, const struct kdm_collection *collection, uint64_t cursor,
                    int64_t deadline_ms, kdm_store_page_fn *fn, void *ctx);

/* --- catalogue ------------------------------------------------------------------------- */

/* From memory; NULL when this process does not know it (ask with kdm_store_lookup). Lent: ref it to keep it. */
struct kdm_collection *kdm_store_known(struct kdm_store *store, struct kdm_str index, struct kdm_str name);

/* Asks Redis. collection NULL: there is none; then index_exists tells which of the two 412s it is. */
typedef void kdm_store_lookup_fn(void *ctx, enum kdm_err err, bool index_exists,
                                 struct kdm_collection *collection);
void kdm_store_lookup(struct kdm_store *store, struct kdm_str index, struct kdm_str name,
                      int64_t deadline_ms, kdm_store_lookup_fn *fn, void *ctx);

/* One value: the index's incarnation, none when it is absent. */
void kdm_store_index_state(struct kdm_store *store, struct kdm_str index, int64_t deadline_ms,
                           kdm_store_values_fn *fn, void *ctx);
/* All index names (values), unsorted. */
void kdm_store_list_indexes(struct kdm_store *store, int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx);
/* All collections of an index, unsorted; entries are lent. */
typedef void kdm_store_collections_fn(void *ctx, enum kdm_err err, bool index_exists,
                                      struct kdm_collection *const *collections, size_t count);
void kdm_store_list_collections(struct kdm_store *store, struct kdm_str index, int64_t deadline_ms,
                                kdm_store_collections_fn *fn, void *ctx);
/* Number of documents and bytes, for index:stats: values = count, bytes as decimal text. */
void kdm_store_size(struct kdm_store *store, const struct kdm_collection *collection, int64_t deadline_ms,
                    kdm_store_values_fn *fn, void *ctx);

/* All job records: values = id, record, id, record, .. */
void kdm_store_jobs(struct kdm_store *store, int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx);

/* Forgets an entry that turned out to be out of date. */
void kdm_store_forget(struct kdm_store *store, struct kdm_str index, struct kdm_str name);

/* Redis's own figures (INFO), for server:info and healthCheck; the text is lent. */
void kdm_store_info(struct kdm_store *store, int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx);

#endif
