/* run.h - starting and ending transactions; for api/, jobs and plugins, not for actions. */
#ifndef KDM_TX_RUN_H
#define KDM_TX_RUN_H

#include "tx/tx.h"

struct kdm_projector;

/* What all transactions of a process share: the store, the bus, the queues of writers, the jobs. */
struct kdm_tx_engine;

struct kdm_tx_engine *kdm_tx_engine_create(uv_loop_t *loop, struct kdm_store *store, struct kdm_bus *bus,
                                           void *context);
/* Who answers kdm_tx_find(). Before the first search; it outlives all transactions. */
void kdm_tx_search_with(struct kdm_tx_engine *engine, struct kdm_projector *projector);
/* All transactions must have ended. NULL is fine. */
void kdm_tx_engine_destroy(struct kdm_tx_engine *engine);

typedef enum kdm_outcome kdm_tx_fn(struct kdm_tx *tx, void *ctx);
typedef void kdm_tx_done_fn(struct kdm_tx *tx, void *ctx);

struct kdm_tx_start {
    struct kdm_arena *arena;      /* the request's; outlives the tx */
    struct kdm_tx_origin origin;  /* texts outlive the tx */
    int64_t deadline_ms;          /* monotonic: then it fails with 503 (Redis away) or 504 */
    struct kdm_tx *parent;        /* the tx whose pipe handler makes this request, or NULL */
    kdm_tx_fn *fn;
    kdm_tx_done_fn *done;         /* reply or failure are in the tx; called once */
    void *ctx;                    /* of both */
};

/* Runs it. done may be called from inside (when nothing had to be waited for). The tx stays valid until
 * kdm_tx_release(). */
struct kdm_tx *kdm_tx_run(struct kdm_tx_engine *engine, const struct kdm_tx_start *start);

/* After done, or instead of it when the client has gone: gives its queue place back, lets a commit that is on
 * its way go on, frees. done is not called any more. */
void kdm_tx_release(struct kdm_tx *tx);

/* Result of a finished tx. */
struct kdm_str kdm_tx_result(const struct kdm_tx *tx); /* none: no result member */
int kdm_tx_status(const struct kdm_tx *tx);
struct kdm_str kdm_tx_file(const struct kdm_tx *tx);   /* none: it is no file, or one that is made while it is sent */
/* The headers that it has set; lent as long as the tx. */
struct kdm_tx_header {
    struct kdm_str name, value;
};
size_t kdm_tx_headers(const struct kdm_tx *tx, const struct kdm_tx_header **ret_headers);
struct kdm_str kdm_tx_target_index(const struct kdm_tx *tx);      /* none: not overridden */
struct kdm_str kdm_tx_target_collection(const struct kdm_tx *tx);

/* A file that is made while it is sent (kdm_tx_reply_stream()): its head, then pieces of it while there are more. */
bool kdm_tx_is_stream(const struct kdm_tx *tx);
struct kdm_str kdm_tx_stream_head(const struct kdm_tx *tx);
/* How many hits are still to be told; each keeps some memory until the tx is released. */
size_t kdm_tx_stream_left(const struct kdm_tx *tx);
/* Makes the next piece, of about KDM_TX_PIECE bytes or less, maybe empty. fn is called once, from the loop and never
 * inside this call, unless the tx is released before; the piece is lent for the call, in which the tx may be released.
 * err: the documents could not be had in time. */
#define KDM_TX_PIECE (64u << 10)
typedef void kdm_tx_piece_fn(void *ctx, enum kdm_err err, struct kdm_str piece);
void kdm_tx_stream_next(struct kdm_tx *tx, int64_t deadline_ms, kdm_tx_piece_fn *fn, void *ctx);

/* Its reply has been sent: see kdm_tx_on_replied(). */
void kdm_tx_replied(struct kdm_tx *tx);

/* The transaction that a handler's call came from (kdm_call_origin), for nested requests; NULL when it has
 * ended. */
struct kdm_tx *kdm_tx_of_call(struct kdm_tx_engine *engine, const struct kdm_event_call *call);

/* Hears of every change that transactions of this process commit into `index` (lent), as soon as it is committed
 * and before the transaction goes on: so before whoever asked for it has a reply. What other nodes commit comes by
 * the feed, which tells this node's own a little later as well. text none: deleted. id none: the whole
 * collection; collection none: the whole index. One watcher. */
typedef void kdm_tx_watch_fn(void *ctx, struct kdm_str collection, struct kdm_str id, struct kdm_str text);
void kdm_tx_engine_watch(struct kdm_tx_engine *engine, struct kdm_str index, kdm_tx_watch_fn *fn, void *ctx);

/* How many run now, and how often races were lost. */
struct kdm_tx_counts {
    size_t running, queued;
    size_t working; /* on the thread pool: kdm_tx_work(). The engine may be destroyed meanwhile, but is freed after it */
    uint64_t conflicts;
};
void kdm_tx_counts(const struct kdm_tx_engine *engine, struct kdm_tx_counts *ret_counts);

#endif
