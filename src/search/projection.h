/* projection.h - a collection's documents in memory, laid out for searching.
 * Each mapped field has a column addressed by the document's ordinal, and texts have postings
 * besides. Redis stays the only record: a projection can be dropped and made again at any time, and
 * a document's text is not kept. What columns can't prove (nested objects, Koncorde's select and
 * match) is decided by the plain evaluator on the text, which the caller fetches.
 *
 * Threads. One thread, the indexer, changes a projection: between kdm_projection_try_write() and
 * kdm_projection_end_write() it holds it alone. Any number of other threads run searches. A search
 * works chunk by chunk (65,536 documents); within a chunk it holds the projection shared, for a few
 * milliseconds at most; between chunks, and while it fetches texts, it lets a waiting indexer in.
 * So a search sees each document once, as it was at some moment between the search's begin and its
 * end, and all that was applied before it began. What a search may still refer to (ordinals, terms)
 * is not used again before that search has ended.
 */
#ifndef KDM_SEARCH_PROJECTION_H
#define KDM_SEARCH_PROJECTION_H

#include "search/search.h"
#include <stdatomic.h>

struct kdm_projection;
struct kdm_aggs;
struct kdm_hash_seed;

/* An empty projection of documents with this mapping, of which it takes a reference. Borrows the
 * seed. */
struct kdm_projection *kdm_projection_create(struct kdm_mapping *mapping,
                                             const struct kdm_hash_seed *seed);
/* Nobody may use it any more. NULL is fine. */
void kdm_projection_destroy(struct kdm_projection *projection);

/* --- the indexer ------------------------------------------------------------------------------ */

/* false when searches hold it: go on with other collections and come back soon; new searches then
 * wait a moment at their next chunk so that the indexer gets its turn. */
bool kdm_projection_try_write(struct kdm_projection *projection);
/* The same, but waits (start-up, tests). */
void kdm_projection_write(struct kdm_projection *projection);
void kdm_projection_end_write(struct kdm_projection *projection);

/* The calls below need the write side. `scratch` holds what had to be unescaped; the caller resets
 * it. */

/* Makes the document with this id what `source` (a JSON object) says, unless what is known of it
 * has this sequence or a later one: then false. Copies what it needs. */
bool kdm_projection_put(struct kdm_projection *projection, struct kdm_arena *scratch,
                        struct kdm_str id, struct kdm_val source, uint64_t sequence);
/* The document is gone, unless what is known of it is later: then false. It is remembered as gone,
 * so that an older put can't bring it back, until kdm_projection_forget(). */
bool kdm_projection_remove(struct kdm_projection *projection, struct kdm_str id, uint64_t sequence);
/* No put with a sequence up to this one will come any more: what was removed until then may be
 * forgotten. */
void kdm_projection_forget(struct kdm_projection *projection, uint64_t sequence);

/* The mapping has become `mapping` (fields are only ever added to one). Returns whether there are
 * new fields: until the caller has given each document to kdm_projection_fill() and said
 * kdm_projection_filled(), queries on them are answered from documents' texts, and searches that
 * order or count by them are not. */
bool kdm_projection_remap(struct kdm_projection *projection, struct kdm_mapping *mapping);
/* Like put, and for a document known with this very sequence it fills in the new fields. */
bool kdm_projection_fill(struct kdm_projection *projection, struct kdm_arena *scratch,
                         struct kdm_str id, struct kdm_val source, uint64_t sequence);
void kdm_projection_filled(struct kdm_projection *projection);

/* --- figures: the write side, or between searches --------------------------------------------- */

size_t kdm_projection_count(const struct kdm_projection *projection);
/* Bytes it occupies, the allocator's own overhead and the mapping aside. Walks all postings. */
size_t kdm_projection_memory(const struct kdm_projection *projection);

/* --- searching: any thread -------------------------------------------------------------------- */

enum kdm_projection_result {
    KDM_PROJECTION_OK,
    KDM_PROJECTION_TOO_COSTLY, /* a regular expression ran into its limit */
    KDM_PROJECTION_NEEDS_TEXT, /* documents must be looked at and there is no fetch */
    KDM_PROJECTION_CANCELLED,  /* the caller's flag, or fetch failed */
    KDM_PROJECTION_TOO_MANY_BUCKETS,
    KDM_PROJECTION_UNFILLED, /* it orders or counts by a new field: only once that is filled */
};

/* Fetches the texts of `count` documents into `arena`; NONE for those that are gone. false: it
 * can't, the search is given up. Called on the searching thread while it holds nothing. */
typedef bool kdm_projection_fetch_fn(void *ctx, struct kdm_arena *arena, const struct kdm_str *ids,
                                     struct kdm_str *ret_texts, size_t count);

struct kdm_projection_search {
    const struct kdm_query *query;       /* with regular expressions of its own */
    const struct kdm_search *search;     /* order, after, from and size; NULL: only count */
    struct kdm_aggs *aggs;               /* NULL: none; see aggs.h */
    struct kdm_aggs *total;              /* takes in what they collect; NULL: they answer */
    struct kdm_str index;                /* of their top_hits, as clients know it; none: untold */
    const struct kdm_query *post_filter; /* of hits and total, behind the aggregations; or NULL */
    kdm_projection_fetch_fn *fetch;      /* NULL: none */
    void *ctx;
    const atomic_bool *cancelled; /* NULL: never; read between chunks */
};

struct kdm_projection_page {
    uint64_t total;       /* exact */
    struct kdm_hit *hits; /* id, score and values; no source */
    size_t count;
    uint64_t verified; /* documents whose text had to be looked at */
    uint32_t held_us;  /* the longest it held the projection without a look at the gate */
};

/* Runs a search; the page is in `arena`. `scratch` is reset at will. */
enum kdm_projection_result kdm_projection_search(struct kdm_projection *projection,
                                                 struct kdm_arena *arena, struct kdm_arena *scratch,
                                                 const struct kdm_projection_search *request,
                                                 struct kdm_projection_page *ret_page);

#endif
