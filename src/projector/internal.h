/* internal.h - what the files of src/projector share.
 *   projector.c  life, letters to the loop, figures
 *   view.c       collections that are followed: the feed, and what waits for it
 *   build.c      a view from what Redis holds; new fields of a mapping
 *   indexer.c    the thread that changes projections
 *   find.c       a search, step by step, on the loop
 *   inner.c      more hits of the groups that a collapsed page shows
 *   fetch.c      what Redis holds of documents, for searches
 *   workers.c    the threads that search, and whose turn it is
 *   search.c     what a worker does with a search
 *   warm_up.c    what is built at start
 */
#ifndef KDM_PROJECTOR_INTERNAL_H
#define KDM_PROJECTOR_INTERNAL_H

#include "base/hash.h"
#include "projector/mailbox.h"
#include "projector/projector.h"
#include "search/aggs.h"
#include "search/projection.h"
#include "store/feed.h"
#include <errno.h>
#include <semaphore.h>

#define KDM_FIND_MOST_BYTES (64u << 20) /* of the sources of a search */

/* Writes to an index wait when the loop has so much of its feed still to read. */
#define KDM_PROJECTOR_BEHIND_BYTES (4u << 20)

/* Kinds of letters to the loop. */
enum { LETTER_BATCH, LETTER_FIND, LETTER_FETCH };

struct kdm_indexer;
struct kdm_workers;
struct kdm_view;

static inline void kdm_wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0 && errno == EINTR)
        ;
}

/* --- batches: changes on their way to a projection -------------------------------------------- */

enum batch_kind {
    BATCH_CHANGES, /* of the feed */
    BATCH_PAGE,    /* of a scan */
    BATCH_REMAP,   /* `mapping` */
    BATCH_FILLED,  /* all pages have come */
    BATCH_DESTROY, /* nobody needs the edition any more */
};

struct batch {
    struct kdm_letter letter;
    enum batch_kind kind;
    struct kdm_edition *edition;
    struct kdm_mapping *mapping; /* REMAP: its own reference */
    uint64_t sequence;           /* CHANGES: of the last one */
    uint64_t through;            /* CHANGES: all up to here are in it or came before it */
    int64_t since_ms;            /* when the first was copied */
    size_t len, room, done;      /* bytes of records; those that are applied */
    char *records;
    bool filling; /* REMAP's answer: there are new fields */
};

/* One document in a batch: this, the id, the text. Not aligned. */
struct record {
    uint64_t sequence;
    uint32_t id_len, text_len;
    bool gone;
};

struct batch *kdm_batch_create(struct kdm_edition *edition, enum batch_kind kind);
void kdm_batch_destroy(struct batch *batch);
/* Copies; text none: the document is gone. */
void kdm_batch_add(struct batch *batch, struct kdm_str id, struct kdm_str text, uint64_t sequence);

/* --- editions: a view's projection, until it is made anew ------------------------------------- */

struct kdm_edition {
    struct kdm_projection *projection;
    struct watched *watched;
    struct kdm_view *view;  /* the loop's; NULL: another one has taken its place */
    unsigned refs;          /* the loop's */
    uint64_t queued;        /* the loop's: sequence of the last change that was sent */
    uint64_t sent, applied; /* the loop's: all changes up to here have been sent, or applied */
    int64_t oldest_ms;      /* when the first of those between was heard of, about; 0: none */
    struct batch *todo, **todo_end; /* the indexer's */
    struct kdm_edition *next_active;
    bool active;
    bool built; /* the indexer's: no older put will come any more */
    int64_t measured_ms;
    _Atomic uint64_t documents, bytes; /* written by the indexer */
};

struct kdm_edition *kdm_edition_ref(struct kdm_edition *edition);
/* The last one has the indexer destroy it. NULL is fine. */
void kdm_edition_unref(struct kdm_projector *projector, struct kdm_edition *edition);

/* --- views ------------------------------------------------------------------------------------ */

/* An index of which something is projected. */
struct watched {
    struct kdm_projector *projector;
    struct kdm_index *index; /* one reference */
    struct kdm_str name;     /* its */
    struct kdm_view *views;
    struct kdm_table *by_name; /* collection's name -> struct kdm_view */
    struct kdm_view *restless; /* views that want to know when the place moves */
    uint64_t place;            /* all changes up to it have been told */
    bool crowded;              /* the node's own writes wait */
    bool paused;               /* the feed */
    size_t queued_bytes;
    struct { /* the workers' */
        struct kdm_letter *queued, **queued_end;
        unsigned searching;
        struct watched *next_in_line;
        bool in_line;
    } work;
};

enum view_state {
    VIEW_UNPLACED, /* waits for the feed's place */
    VIEW_ASKING,   /* where the collection stands */
    VIEW_SCANNING,
    VIEW_READY,
};

enum scan_state {
    SCAN_NONE,
    SCAN_READING,
    SCAN_READ, /* all pages are on their way to the indexer */
};

struct kdm_find_part;

struct kdm_view {
    struct watched *watched;
    struct kdm_view *next, **link;                   /* of the index */
    struct kdm_view *next_restless, **restless_link; /* link NULL: it is not restless */
    struct kdm_collection *collection;               /* as last seen */
    struct kdm_edition *edition;
    struct batch *open; /* changes that have come in this turn */
    enum view_state state;
    uint64_t base;  /* changes up to this one are in the scan */
    uint64_t build; /* counts: answers to earlier ones are dropped */
    enum scan_state scan;
    uint64_t cursor;        /* of the next page */
    unsigned pages, remaps; /* on their way to the indexer */
    bool asked;             /* for the state, or a page */
    uint64_t epoch;         /* of the store, when the scan began: cursors are of one Redis */
    bool fill_again;        /* fields came that what was read before does not fill */
    bool unfilled;          /* fields may be there that not all documents are in */
    uint64_t documents;     /* read by this scan */
    int64_t began_ms, told_ms;
    struct kdm_find_part *waiting, **waiting_end;
    struct view_ask *ask; /* that has not left yet; see find.c */
    unsigned answers;     /* of Redis that still come */
    bool dropped;
};

/* The view of a collection, made when there is none. */
struct kdm_view *kdm_view_of(struct kdm_projector *projector, struct kdm_collection *collection);
/* Its collection is gone, or not what it was: whoever waits is told so. */
void kdm_view_drop(struct kdm_view *view);
/* Frees what was dropped, once no answer is on its way. */
void kdm_view_reap(struct kdm_view *view);
/* Are all changes up to its sequence in the projection, which has the columns of the newest
 * mapping; and are all documents in them, if the part needs that? (A query looks at the documents
 * themselves where a column is not whole; what orders or counts by one can't.) */
bool kdm_view_reached(const struct kdm_view *view, const struct kdm_find_part *part);
/* Takes a part in until its sequence is reached; see that it will be. */
void kdm_view_wait(struct kdm_view *view, struct kdm_find_part *part);
void kdm_view_leave(struct kdm_find_part *part);
/* It hangs on the feed's place: looked at when that has moved, once. */
void kdm_view_stir(struct kdm_view *view);
/* Goes on with those that wait for what is there now. */
void kdm_view_wake(struct kdm_view *view);
/* Sends the changes that have been copied so far; `whole`: all that have its last one's sequence
 * are among them. A commit of many documents may take several batches. */
void kdm_view_flush(struct kdm_view *view, bool whole);
void kdm_view_send(struct kdm_view *view, struct batch *batch);
/* A batch came back. Takes it. */
void kdm_view_applied(struct kdm_projector *projector, struct batch *batch);
void kdm_views_listen(struct kdm_projector *projector);

/* At the end: with its views. */
void kdm_watched_free(void *watched);
/* NULL: nothing of it is projected. */
struct watched *kdm_watched_find(const struct kdm_projector *projector, struct kdm_str index);
/* Counts what is on its way, and stops or resumes the feed by it. */
void kdm_watched_load(struct watched *watched, size_t more);
void kdm_watched_unload(struct watched *watched, size_t less);

/* --- building --------------------------------------------------------------------------------- */

void kdm_build_start(struct kdm_view *view);
void kdm_build_scan(struct kdm_view *view);
/* Asks for the next page when it is time. */
void kdm_build_go_on(struct kdm_view *view);
/* The collection's mapping has grown. */
void kdm_build_remap(struct kdm_view *view, struct kdm_collection *collection);
void kdm_build_applied(struct kdm_view *view, const struct batch *batch);
/* It is wanted no more. */
void kdm_build_stop(struct kdm_view *view);
/* Tells progress; asks again what Redis did not answer. */
void kdm_build_tick(struct kdm_view *view, int64_t now_ms);
/* Does it take so long that it is worth telling? */
bool kdm_build_is_long(const struct kdm_view *view, int64_t now_ms);

/* warm_up.c */
void kdm_warm_up_go_on(struct kdm_projector *projector);
void kdm_warm_up_stop(struct kdm_projector *projector);

/* --- the indexer ------------------------------------------------------------------------------ */

struct kdm_indexer *kdm_indexer_create(struct kdm_projector *projector);
void kdm_indexer_stop(struct kdm_indexer *indexer);
void kdm_indexer_destroy(struct kdm_indexer *indexer);
/* Takes the batch; it comes back as a letter. */
void kdm_indexer_send(struct kdm_indexer *indexer, struct batch *batch);

/* --- searches --------------------------------------------------------------------------------- */

/* A search in one of its collections. */
struct kdm_find_part {
    struct kdm_find *find;
    struct kdm_find_part *next;   /* of those that wait at `view`, or of one question */
    struct kdm_view *view;        /* where it waits; NULL: nowhere */
    struct kdm_edition *edition;  /* to be searched; one reference */
    uint64_t sequence;            /* to be reached first */
    bool whole;                   /* it orders or counts by a field that was not filled */
    struct kdm_found_part *found; /* what is shown of it */
    struct kdm_search *search;
    struct kdm_query *query; /* with the request's filter */
    struct kdm_projection_page page;
    size_t fetched; /* of the hits those before this place are done */
};

/* What of a find is its own for one try; begun anew it is zero. */
struct find_try {
    size_t lost;      /* hits that are none any more */
    size_t bytes;     /* of sources */
    enum kdm_err err; /* Redis could not be asked */
    bool stale;       /* a collection is not what it was */
    bool unfilled;    /* a part has found that it needs to be whole */
    struct kdm_find_result result;
};

struct kdm_find {
    struct kdm_letter letter;
    struct kdm_projector *projector;
    struct kdm_find *next, **link;   /* of all */
    struct kdm_find *next_waiting;   /* of those to be told */
    struct kdm_find_request request; /* texts in `texts` */
    kdm_find_fn *fn;                 /* NULL: released, nobody is told */
    void *ctx;
    struct kdm_arena texts;          /* of the request */
    struct kdm_arena arena, scratch; /* of a try; the worker's while it searches */
    struct watched *watched;         /* whose share of the workers it takes */
    struct kdm_find_part *parts;
    struct kdm_found_part *found_parts;
    size_t part_count;
    unsigned waits; /* parts that are not ready, answers that have not come */
    bool away;      /* the workers have it */
    bool ended;     /* to be told.. */
    bool telling;   /* ..right now.. */
    bool told;      /* ..and done */
    unsigned tries; /* with hits that were none any more */
    struct find_try try;
    struct {
        size_t first, count;
        kdm_find_sources_fn *fn;
        void *ctx;
    } later; /* the question of kdm_find_sources() */
    atomic_bool cancelled;
};

/* A part need not wait any more: `edition` is set. */
void kdm_find_reached(struct kdm_find_part *part);
/* A part waits in vain: its collection is not what it was. */
void kdm_find_stale(struct kdm_find_part *part);
/* The sources have come. */
void kdm_find_fetched(struct kdm_find *find);
/* A worker is done with it. */
void kdm_find_searched(struct kdm_find *find);
/* Ends those whose deadline has passed while they waited for their view. */
void kdm_find_sweep(struct kdm_projector *projector, int64_t now_ms);
/* No question that was put in this turn may be joined any more. */
void kdm_find_end_turn(struct kdm_projector *projector);
/* At the end: frees those that nobody has released. */
void kdm_find_free_all(struct kdm_projector *projector);

/* --- texts (fetch.c) -------------------------------------------------------------------------- */

/* Texts that a worker waits for. */
struct fetch {
    struct kdm_letter letter;
    struct kdm_find_part *part;
    const struct kdm_str *ids;
    struct kdm_str *texts; /* the worker's; slices of `bytes` */
    size_t count;
    char *bytes;
    bool done_well;
    bool abandoned; /* the worker was let go; whoever answers frees it */
    sem_t done;
    struct fetch *next, **link; /* of those that Redis was asked for */
};

/* On the loop. */
void kdm_fetch_texts(struct fetch *fetch);
/* Lets all workers go that wait. */
void kdm_fetch_abandon(struct kdm_projector *projector);
/* Asks for the sources of the page's hits; kdm_find_fetched() when they are there. */
void kdm_fetch_sources(struct kdm_find *find);
/* Does the document match? Whoever has the find at the time may ask. */
bool kdm_find_matches(struct kdm_find *find, const struct kdm_query *query, struct kdm_str id,
                      struct kdm_str text);

/* --- workers ---------------------------------------------------------------------------------- */

struct kdm_workers *kdm_workers_create(struct kdm_projector *projector);
/* What they ask the loop for meanwhile is refused. */
void kdm_workers_stop(struct kdm_workers *workers);
void kdm_workers_destroy(struct kdm_workers *workers);
/* On the loop. The find comes back as a letter. Searches of one index never have all workers. */
void kdm_workers_send(struct kdm_workers *workers, struct kdm_find *find);
/* How many search right now. */
size_t kdm_workers_searching(const struct kdm_workers *workers);
/* On a worker (search.c). One that nobody waits for any more is left as it is. */
void kdm_find_search(struct kdm_find *find);
/* Asks the part's projection; false: the find has failed, or is to be begun again. */
bool kdm_find_ask(struct kdm_find_part *part, const struct kdm_projection_search *asked,
                  struct kdm_projection_page *ret_page);
/* Texts of a part's documents, as a kdm_projection_fetch_fn. ctx: the part. */
bool kdm_find_texts(void *ctx, struct kdm_arena *arena, const struct kdm_str *ids,
                    struct kdm_str *ret_texts, size_t count);
/* Adds the groups of the page's hits, with sources (inner.c); false as above. */
bool kdm_find_inner(struct kdm_find *find);

/* --- the projector ---------------------------------------------------------------------------- */

struct kdm_projector {
    uv_loop_t *loop;
    struct kdm_store *store;
    struct kdm_hash_seed seed;
    struct kdm_table *watched; /* index name -> struct watched */
    size_t views, building, paused;
    size_t scanning; /* views whose scan is under way */
    bool ready;      /* no build takes long, as of the last tick */
    kdm_projector_room_fn *on_room;
    void *room_ctx;
    size_t queued_bytes; /* on their way to the indexer */
    struct kdm_indexer *indexer;
    struct kdm_workers *workers;
    struct kdm_mailbox inbox; /* of the loop */
    uv_async_t bell;          /* rings when something is in it */
    uv_prepare_t turn;        /* the loop is about to sleep */
    uv_idle_t teller;         /* active while somebody is to be told */
    uv_timer_t timer;
    int open_handles;
    bool stopped;
    struct kdm_find *finds;              /* all */
    struct kdm_find *ended, **ended_end; /* to be told */
    struct view_ask *asks;               /* that have not left yet */
    struct fetch *fetches;
    struct kdm_find *spare;
    size_t find_count, spare_count;
    uint64_t builds, searches;
    struct warm_up *warm_up; /* NULL: done, or not wanted */
};

/* To the loop, from any thread. */
void kdm_projector_post(struct kdm_projector *projector, struct kdm_letter *letter, int kind);
/* Takes what is in the inbox. */
void kdm_projector_read(struct kdm_projector *projector);

#endif
