/* tx_private.h - what the files of src/tx share.
 *   tx.c      life, the runner, failing and replying
 *   memory.c  documents that were read
 *   facts.c   everything else that was asked for: catalogue, scans, sizes
 *   write.c   staging
 *   commit.c  sending what is staged, and races
 *   queue.c   writers of one document line up
 *   pipe.c    events
 *   job.c     work larger than one commit
 *   info.c    _kuzzle_info
 *   scroll.c  cursors
 *   once.c    what happens outside, once
 *   work.c    what is computed on the thread pool
 *   find.c    searches
 *   resident.c  small collections that the node holds
 *   stream.c  results that are made while they are sent
 */
#ifndef KDM_TX_TX_PRIVATE_H
#define KDM_TX_TX_PRIVATE_H

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "projector/projector.h"
#include "tx/doc_map.h"
#include "tx/job.h"
#include "tx/run.h"

struct tx_all;
struct tx_job;
struct tx_resident;
struct tx_stream;
struct tx_work;

struct kdm_tx_engine {
    uv_loop_t *loop;
    struct kdm_store *store;
    struct kdm_bus *bus;
    struct kdm_projector *projector; /* NULL: there are no searches */
    void *context;
    struct kdm_hash_seed seed;
    struct kdm_tx *running; /* doubly linked */
    struct kdm_tx *free_txs;
    struct tx_op *free_ops;
    struct kdm_table *places; /* "docs key\0id" -> struct tx_place */
    struct kdm_table *jobs;   /* id -> struct tx_job that runs here */
    struct job_kind *job_kinds;
    struct tx_resident *residents;
    bool alone; /* no other node has our Redis */
    struct tx_op *held;       /* commits that wait until the projector has room; see find.c */
    struct tx_op *ready;      /* transactions that go on in the next turn; see kdm_tx_ready() */
    struct kdm_tx *sweep_next; /* where sweep() stands */
    uv_timer_t sweep, resume;
    uv_idle_t waker;
    int open_handles; /* and works that run */
    struct tx_work *work_first, **work_end; /* in line */
    size_t work_waiting, work_running;
    struct kdm_str watched; /* an index, or none */
    kdm_tx_watch_fn *watch;
    void *watch_ctx;
    uint64_t serial;
    struct kdm_tx_counts counts;
};

/* One thing on its way. It outlives its transaction when that ends first: tx is NULL then. */
struct tx_op {
    struct kdm_tx_engine *engine;
    struct kdm_tx *tx;
    struct tx_op *prev, *next; /* in tx->ops; next also links the free ones */
    struct tx_op *next_ready;
    void *target;              /* what the answer fills; in the tx's arena, so only when tx is not NULL */
};

struct tx_op *kdm_tx_op_begin(struct kdm_tx *tx, void *target);
/* Frees it; returns its tx, NULL when that has ended. To be followed by kdm_tx_settled(). */
struct kdm_tx *kdm_tx_op_end(struct tx_op *op);
/* The same for an answer that may be an error: then the tx fails with it. */
struct kdm_tx *kdm_tx_op_answered(struct tx_op *op, enum kdm_err err);
/* One wait is over: runs the transaction again when it was the last. */
void kdm_tx_settled(struct kdm_tx *tx);
/* The same, but not from inside the caller: before the loop sleeps the next time, and before what was sent meanwhile
 * leaves. So a transaction that ends never runs others on its own stack. */
void kdm_tx_settle_soon(struct kdm_tx *tx);
/* The same for what an op waits for. */
void kdm_tx_op_ready(struct tx_op *op);

/* --- documents ---------------------------------------------------------------------------- */

enum read_state { READ_WANTED, READ_ASKED, READ_ABSENT, READ_PRESENT };

struct tx_read {
    struct kdm_collection *collection;
    struct kdm_doc doc; /* id always; the rest when PRESENT */
    enum read_state state;
    bool checked;              /* the commit must find it unchanged */
    struct tx_read *next_asked; /* others of the same command */
};

/* --- facts --------------------------------------------------------------------------------- */

enum fact_kind {
    FACT_COLLECTION,
    FACT_INDEX,
    FACT_INDEX_LIST,
    FACT_COLLECTION_LIST,
    FACT_SCAN,
    FACT_SIZE,
    FACT_REDIS_INFO,
    FACT_PIPE,
    FACT_JOB,
    FACT_SCROLL,
    FACT_ONCE,
    FACT_LOGGED,
    FACT_WORK,
    FACT_FIND,
    FACT_ALL,
};

struct tx_scan;

struct tx_fact {
    struct tx_fact *next;
    struct tx_fact *next_in_slot; /* and `hash`: once there are many; see facts.c */
    uint64_t hash;
    enum fact_kind kind;
    bool done;
    bool fresh;   /* COLLECTION: asked of Redis by this transaction */
    bool checked; /* the decision rests on it: the commit checks it */
    bool index_exists;
    bool after_commit;  /* PIPE: begun after a commit */
    unsigned asked_at;  /* how many commits had been made */
    bool any_payload;   /* PIPE: a nested request changed what it was given; its answer stands */
    struct kdm_str key; /* with kind: what was asked */
    struct kdm_str key2;
    struct kdm_collection *collection;    /* one reference */
    struct kdm_collection **collections;  /* one reference each */
    size_t collection_count;
    struct kdm_str_list names;
    struct kdm_str text;    /* INDEX: incarnation; PIPE, WORK: what was given; REDIS_INFO */
    struct kdm_str answer;  /* PIPE, WORK: what came back */
    int64_t number, number2;
    struct tx_scan *scan;
    struct kdm_find *find; /* FIND, with `collections`, `op` while it is under way */
    const struct kdm_found *found;
    struct tx_all *all; /* ALL; `text` is the counter */
    struct kdm_event_run *run; /* with `op`: the pipe at work */
    struct tx_op *op;
    int attempt;
};

/* --- writes -------------------------------------------------------------------------------- */

struct tx_write {
    struct kdm_collection *collection;
    struct kdm_str id;
    struct kdm_str text; /* none: delete */
    struct kdm_str changed;
    struct tx_read *read; /* the state it was decided on; NULL: blind */
    enum kdm_expect expect;
    uint64_t expect_sequence;
    unsigned steps; /* further versions that it counts as */
    enum kdm_change change;
    bool silent;
    struct kdm_doc doc; /* what later reads of this run see */
};

enum catalogue_write_kind { CREATE_INDEX, DELETE_INDEX, SET_COLLECTION, DELETE_COLLECTION, TRUNCATE, JOB, MESSAGE };

struct tx_catalogue_write {
    enum catalogue_write_kind kind;
    struct kdm_str index, name, text;
    struct kdm_str id;        /* MESSAGE */
    enum kdm_message message;
    struct kdm_collection *collection;
};

struct tx_place;

struct kdm_tx {
    struct kdm_tx_engine *engine;
    struct kdm_tx *prev, *next; /* running; next also links the free ones */
    struct kdm_tx_start start;
    struct kdm_arena *arena;
    uint64_t serial;
    uint64_t epoch; /* the store's when it last began to read */
    int64_t now;
    uint64_t id_seed[2];
    bool id_seeded;

    struct kdm_tx *parent; /* NULL also when that has ended */
    struct kdm_tx *children, *sibling_prev, *sibling_next;

    struct tx_op *ops;
    unsigned waits;
    bool in_run, ended, dropped;
    bool committing;

    struct tx_read **reads;
    uint32_t read_count, read_cap, wanted;
    struct kdm_doc_map read_map; /* to places in reads */
    struct tx_fact *facts, **facts_end;
    struct tx_fact **fact_slots; /* NULL while there are few */
    uint32_t fact_count, fact_slot_count;
    size_t scan_bytes; /* that the scans among the facts keep */
    struct {
        const char *name;
        void *value;
    } kept[8];
    unsigned kept_count;

    /* One run */
    struct tx_write *writes;
    uint32_t write_count, write_cap;
    struct kdm_doc_map write_map; /* to places in writes */
    struct tx_catalogue_write *catalogue_writes;
    uint32_t catalogue_count, catalogue_cap;
    unsigned commit_at;
    bool commit_wanted, commit_each;
    struct kdm_str job_id, job_state; /* of the job whose chunk this is; state none: unchanged */
    struct kdm_str job_head;          /* what its record begins with until this chunk has committed */
    struct kdm_str job_result;        /* what it leaves when it is finished, or none */
    bool job_finished, job_gone, job_taken;

    /* Over runs */
    unsigned commits_done;
    unsigned conflicts;
    struct kdm_written **done;
    uint32_t done_count, done_cap;
    struct kdm_doc_map done_map; /* to places in done */
    struct tx_place *place;  /* held */
    struct tx_place *queued; /* waited for */
    struct kdm_tx *queue_next;
    struct tx_read *queued_read;

    struct kdm_failure failure;
    struct kdm_str result;
    struct kdm_str file;      /* none: the result is no file */
    struct tx_stream *stream; /* NULL: it is none that is made while it is sent */
    struct kdm_tx_header headers[KDM_TX_HEADERS];
    unsigned header_count;
    int status;
    struct kdm_str target_index, target_collection;
    kdm_tx_replied_fn *on_replied; /* NULL: none */
    void *replied_ctx;
};

/* memory.c */
struct tx_read *kdm_tx_memory_find(struct kdm_tx *tx, const struct kdm_collection *collection, struct kdm_str id);
struct tx_read *kdm_tx_memory_add(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id);
/* Takes a stored value (none: absent) for what the document is now. */
void kdm_tx_memory_learn(struct kdm_tx *tx, struct tx_read *read, struct kdm_str value);
void kdm_tx_memory_set(struct kdm_tx *tx, struct tx_read *read, uint64_t sequence, int64_t version,
                       struct kdm_str text);
/* What is known of the document is too old. */
void kdm_tx_memory_ask_again(struct kdm_tx *tx, struct tx_read *read);
void kdm_tx_memory_drop(struct kdm_tx *tx);
void kdm_tx_memory_send(struct kdm_tx *tx); /* asks for what is wanted */

/* facts.c */
struct tx_fact *kdm_tx_fact_find(struct kdm_tx *tx, enum fact_kind kind, struct kdm_str key, struct kdm_str key2);
struct tx_fact *kdm_tx_fact_add(struct kdm_tx *tx, enum fact_kind kind, struct kdm_str key, struct kdm_str key2);
void kdm_tx_facts_drop(struct kdm_tx *tx, bool catalogue, bool scans);
void kdm_tx_facts_fini(struct kdm_tx *tx);
/* Redis has just told that the collection still is what this transaction thinks: what it does not hold is absent. */
void kdm_tx_mark_fresh(struct kdm_tx *tx, const struct kdm_collection *collection);
/* The write counter that a SCAN fact rests on. */
struct kdm_str kdm_tx_scan_counter(const struct tx_fact *fact);
/* Makes sure that the collection is what this transaction thinks it is, before a document's absence is told. */
void kdm_tx_verify_collection(struct kdm_tx *tx, struct kdm_collection *collection);
bool kdm_tx_collection_fresh(struct kdm_tx *tx, const struct kdm_collection *collection);

/* find.c */
void kdm_tx_find_cancel(struct tx_fact *fact);
/* Is what is staged to be committed later, because the projector of one of its indexes lags? Then the transaction
 * waits and decides again. */
bool kdm_tx_hold_back(struct kdm_tx *tx);
/* Those that were held back try again, before the loop sleeps. */
void kdm_tx_let_go(struct kdm_tx_engine *engine);

/* The fact's search, which is the caller's from now on. */
struct kdm_find *kdm_tx_find_take(struct tx_fact *fact);

/* resident.c */
/* The commit is done: what is held goes on with it. Before what it wrote is forgotten. */
void kdm_tx_resident_follow(struct kdm_tx *tx, const struct kdm_commit_result *result);
void kdm_tx_residents_fini(struct kdm_tx_engine *engine);

/* stream.c */
/* The transaction ends well: what the stream needs of it is kept until kdm_tx_stream_fini(). */
void kdm_tx_stream_keep(struct kdm_tx *tx);
void kdm_tx_stream_fini(struct kdm_tx *tx);

/* write.c */
struct tx_write *kdm_tx_write_find(struct kdm_tx *tx, const struct kdm_collection *collection, struct kdm_str id);
void kdm_tx_catalogue_write(struct kdm_tx *tx, const struct tx_catalogue_write *write);

/* commit.c */
void kdm_tx_commit_send(struct kdm_tx *tx);
uint64_t kdm_tx_staged_digest(struct kdm_tx *tx);
/* That a commit which is done has in the collection's index. */
uint64_t kdm_tx_sequence_of(const struct kdm_commit_result *result, const struct kdm_collection *collection);

/* queue.c */
/* True: the tx may go on (it holds the place, or is not to wait). False: it waits. */
bool kdm_tx_queue_enter(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_str id);
/* Gives back what it holds or waits for. With `written` (the document as it committed it) the next in line gets it
 * without a fetch. */
void kdm_tx_queue_leave(struct kdm_tx *tx, const struct kdm_stored *written);
bool kdm_tx_queue_holds(const struct kdm_tx *tx, const struct kdm_collection *collection, struct kdm_str id);

/* work.c */
void kdm_tx_work_fini(struct kdm_tx_engine *engine);

/* tx.c */
/* One of engine->open_handles is done with; the last one frees it. */
void kdm_tx_engine_close_one(struct kdm_tx_engine *engine);
void kdm_tx_forget_kept(struct kdm_tx *tx);
/* A lost race or another memory of Redis: everything that was read is asked for again. */
void kdm_tx_start_over(struct kdm_tx *tx);

/* job.c */
void kdm_tx_jobs_start(struct kdm_tx *tx); /* those that the tx's commit stored */
void kdm_tx_jobs_fini(struct kdm_tx_engine *engine);

#endif
