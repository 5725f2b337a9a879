/* projector.h - searches, answered by projections that follow what is stored.
 * Each collection that is searched has a view: a projection (search/projection.h) built from Redis,
 * kept up by the change feed and given up with its collection. Redis stays the only record: a view
 * is made at the first search or at the start, and made anew when changes may have been missed.
 *
 * Visible at once: a search asks Redis first up to which write its collections stand and waits
 * until their projections have got there, so it sees every write that any node acknowledged before
 * the search began. Hits come with their sources as they are stored now: one that was changed since
 * the projection looked at it is asked the query again; when one does not match any more, or has
 * gone, the search is repeated, after TRIES times it is left out and not counted.
 *
 * Threads. The loop owns views and searches; it takes no lock and never waits. One thread, the
 * indexer, changes projections; a few workers search them. They are handed letters (mailbox.h) and
 * send letters back. What the loop has copied for the indexer is bounded: when an index has much on
 * its way, writes to it made on this node wait (kdm_projector_crowded); when it has too much, as
 * other nodes write too, its feed is not read.
 *
 * All calls: loop thread only.
 */
#ifndef KDM_PROJECTOR_PROJECTOR_H
#define KDM_PROJECTOR_PROJECTOR_H

#include "search/search.h"
#include "store/store.h"

#define KDM_FIND_MOST (1u << 20) /* hits of a search that wants all, or goes deep */

struct kdm_projector;

/* Before the store is ready. It is told of changes by the store's feed. */
struct kdm_projector *kdm_projector_create(uv_loop_t *loop, struct kdm_store *store);
/* Ends the threads; what still waits is never answered. Before the store is closed. NULL is fine.
 */
void kdm_projector_stop(struct kdm_projector *projector);
/* Behind kdm_store_close(). Frees once its handles are closed. NULL is fine. */
void kdm_projector_destroy(struct kdm_projector *projector);

/* Builds the views of collections that hold many documents, one after the other, so that the first
 * search needs not wait for it. Once, at start. */
void kdm_projector_warm_up(struct kdm_projector *projector);

/* --- searching ---------------------------------------------------------------------------------
 */

struct kdm_find;
struct kdm_found;

/* The text of a page: `count` hits, behind which `left` follow. Pure; called on a worker. */
typedef struct kdm_str kdm_found_page_fn(struct kdm_arena *arena, const struct kdm_found *found,
                                         const struct kdm_hit *hits, size_t count, size_t left);

struct kdm_find_request {
    struct kdm_collection *const *collections; /* each once */
    size_t count;
    struct kdm_str body; /* JSON: of a search; with `bare` the query alone. none: everything */
    bool bare;
    enum kdm_search_lang lang;
    struct kdm_str filter; /* JSON, a clause of Elasticsearch's DSL that must hold too; none */
    int64_t from, size;    /* of the request's arguments; -1: not given */
    bool deep; /* the server's own: from + size may come to KDM_FIND_MOST, not KDM_SEARCH_WINDOW,
                * and wildcards may be long */
    int64_t now_ms;           /* what "now" means in dates */
    bool aggregates;          /* aggregations are answered; else they are refused */
    bool all;                 /* every hit, in order; their page is the first `size` of them */
    kdm_found_page_fn *pages; /* with `all`: what is behind the page, as texts; NULL: not wanted */
    bool sources;             /* of the hits of the page */
    int64_t deadline_ms;      /* monotonic */
};

/* One of the collections that were searched. */
struct kdm_found_part {
    struct kdm_collection *collection;
    const struct kdm_search *search;
    struct kdm_str counter; /* its write counter as of the search, none: never written */
};

struct kdm_found {
    const struct kdm_found_part *parts;
    size_t part_count;
    struct kdm_hit *hits; /* in order; owner: the struct kdm_found_part */
    size_t hit_count;     /* with `all` every one, else the page */
    size_t page_count;    /* so many of them are the page, and have a source when it was wanted */
    const struct kdm_str *pages; /* of the hits behind the page, each of its size */
    size_t pages_count;
    uint64_t total;
    struct kdm_str aggregations; /* JSON, or none */
};

enum kdm_find_outcome {
    KDM_FIND_FOUND,
    KDM_FIND_FAILED, /* see *failure */
    KDM_FIND_STALE,  /* a collection is not what it was: look it up again */
};

/* Everything is lent until kdm_find_release(). */
struct kdm_find_result {
    enum kdm_find_outcome outcome;
    struct kdm_failure failure;
    struct kdm_found found;
};
typedef void kdm_find_fn(void *ctx, const struct kdm_find_result *result);

/* Begins a search; copies the request. fn is called once, from the loop and never inside this call,
 * unless it is released before. */
struct kdm_find *kdm_find_start(struct kdm_projector *projector,
                                const struct kdm_find_request *request, kdm_find_fn *fn, void *ctx);
/* The caller is done with it, or waits no longer. NULL is fine. */
void kdm_find_release(struct kdm_find *find);

/* For a caller that goes through all hits at its own pace (`all`, no `sources`): ids and order stay
 * what the search found, sources are what is stored now. */
#define KDM_FIND_SOURCES_MOST 64

/* `sources` of `hits`; none: it has gone, or was changed and is not what was searched for any more.
 * All lent for the call, in which the find may be released. */
typedef void kdm_find_sources_fn(void *ctx, enum kdm_err err, const struct kdm_hit *hits,
                                 const struct kdm_str *sources, size_t count);

/* Asks for the sources of at most `most` hits from place `first` on, which there is: of so many as
 * are of one collection. One question at a time, of a find that has answered. fn is called once,
 * from the loop and never inside this call, unless the find is released before. */
void kdm_find_sources(struct kdm_find *find, size_t first, size_t most, int64_t deadline_ms,
                      kdm_find_sources_fn *fn, void *ctx);

/* --- backpressure ------------------------------------------------------------------------------
 */

/* Does the index's projection lag so far behind that its writes should wait? */
bool kdm_projector_crowded(const struct kdm_projector *projector, struct kdm_str index);
/* fn is called whenever an index may be crowded no more. */
typedef void kdm_projector_room_fn(void *ctx);
void kdm_projector_on_room(struct kdm_projector *projector, kdm_projector_room_fn *fn, void *ctx);

/* --- figures -----------------------------------------------------------------------------------
 */

struct kdm_projector_counts {
    size_t views, building;
    uint64_t documents, bytes; /* of all projections; bytes as of a moment ago */
    uint64_t builds, searches; /* so far */
    size_t searching, waiting; /* now */
    size_t queued_bytes;       /* on their way to the indexer */
    int64_t lag_ms;            /* age of the oldest change that is not projected yet */
};
void kdm_projector_counts(const struct kdm_projector *projector,
                          struct kdm_projector_counts *ret_counts);

/* false: searches in some collection have to wait long, because it is being read; see the log. */
bool kdm_projector_ready(const struct kdm_projector *projector);

#endif
