/* commit.h - one atomic change of Redis with everything its decision rests on.
 * A commit is put together by the calls below and sent once; src/store/commit.lua first makes every check
 * that can fail, then writes. It has an id that the script records, so that after a lost answer the store
 * learns, or decides, what became of it: the outcome is told exactly once and is never a guess
 * (design section 2). A commit belongs to the store: it goes on when the one who asked has gone.
 * Loop thread only.
 */
#ifndef KDM_STORE_COMMIT_H
#define KDM_STORE_COMMIT_H

#include "store/store.h"

#define KDM_COMMIT_MAX_WRITES 500
#define KDM_COMMIT_MAX_BYTES  (1u << 20) /* of new texts, when there are more than two writes: a document and its history may be larger */

struct kdm_commit;

enum kdm_commit_mode {
    KDM_COMMIT_ALL,  /* one failed check and nothing is written */
    KDM_COMMIT_EACH, /* a write whose own check fails is left out and reported (m* actions) */
};

/* What a write expects of the document's present state. */
enum kdm_expect {
    KDM_EXPECT_ABSENT,
    KDM_EXPECT_SEQUENCE, /* this sequence exactly */
    KDM_EXPECT_PRESENT,  /* any, but there */
    KDM_EXPECT_ANY,
};

/* What happened, for the feed; also what notifications call it. */
enum kdm_change {
    KDM_CHANGE_CREATE = 'c',
    KDM_CHANGE_REPLACE = 'r',
    KDM_CHANGE_UPDATE = 'u',
    KDM_CHANGE_DELETE = 'd',
    KDM_CHANGE_PUT = 'p', /* create or replace: the script finds out which */
};

/* What only the feed tells; nothing is stored. */
enum kdm_message {
    KDM_MESSAGE_PUBLISHED = 'm', /* realtime:publish; its text is the message */
    KDM_MESSAGE_JOINS = 'j',     /* connections join or leave a room: realtime/'s own text, id: the room's */
};

struct kdm_commit *kdm_commit_create(struct kdm_store *store, enum kdm_commit_mode mode);
void kdm_commit_destroy(struct kdm_commit *commit); /* one that was not sent */

/* Who did it, as JSON text, for the feed's envelope. */
void kdm_commit_envelope(struct kdm_commit *commit, struct kdm_str json);

/* The collection as the decision saw it: incarnation and mapping version must still be these. Implied by every
 * read and write below. */
void kdm_commit_check_collection(struct kdm_commit *commit, const struct kdm_collection *collection);
/* No write in the collection since the counter had this text (none: never written). */
void kdm_commit_check_counter(struct kdm_commit *commit, const struct kdm_collection *collection,
                              struct kdm_str counter);
/* The index is still in this life (kdm_tx_index reads it); empty: it is absent. */
void kdm_commit_check_index(struct kdm_commit *commit, struct kdm_str index, struct kdm_str incarnation);
/* The index has no collection of that name. */
void kdm_commit_check_no_collection(struct kdm_commit *commit, struct kdm_str index, struct kdm_str name);
/* A document that was read and is not written. sequence 0: was absent. `token` comes back in a conflict. */
void kdm_commit_check_doc(struct kdm_commit *commit, const struct kdm_collection *collection,
                          struct kdm_str id, uint64_t sequence, uint32_t token);

struct kdm_commit_write {
    const struct kdm_collection *collection;
    struct kdm_str id;
    struct kdm_str text;     /* none: delete */
    enum kdm_expect expect;
    uint64_t sequence;       /* with KDM_EXPECT_SEQUENCE */
    int64_t version;         /* of the new document; 0: the script adds one, and `steps`, to what it finds */
    unsigned steps;
    enum kdm_change change;
    bool silent;             /* no notification; projection and caches follow all the same */
    struct kdm_str changed;  /* JSON array of changed paths for _updatedFields, or none */
    uint32_t token;          /* comes back in the outcome */
    struct kdm_str previous; /* with KDM_EXPECT_SEQUENCE: the text that is replaced, and its version, so that who */
    int64_t previous_version; /* follows the index here need not read it again; none: not at hand */
};
void kdm_commit_put(struct kdm_commit *commit, const struct kdm_commit_write *write);

/* Says something to all who follow the index, of which there need be none. Copies. */
void kdm_commit_message(struct kdm_commit *commit, enum kdm_message what, struct kdm_str index,
                        struct kdm_str collection, struct kdm_str id, struct kdm_str text);

/* Catalogue. Making an index also checks that it is absent, the others that it is there. */
void kdm_commit_create_index(struct kdm_commit *commit, struct kdm_str index);
void kdm_commit_delete_index(struct kdm_commit *commit, struct kdm_str index);
/* `old` NULL: a new collection with a new incarnation; else its next mapping version. */
void kdm_commit_set_collection(struct kdm_commit *commit, struct kdm_str index, struct kdm_str name,
                               const struct kdm_collection *old, struct kdm_str definition);
void kdm_commit_delete_collection(struct kdm_commit *commit, const struct kdm_collection *collection);
/* The same collection in a new, empty incarnation. */
void kdm_commit_truncate(struct kdm_commit *commit, const struct kdm_collection *collection);

/* A job record that is stored, replaced (json) or removed (json empty) with this commit. The one that is there must
 * begin with `head` (else job_gone, job_taken); empty: whatever is there, also nothing. `index`: whose sequence it
 * counts in. */
void kdm_commit_job(struct kdm_commit *commit, struct kdm_str index, struct kdm_str id, struct kdm_str head,
                    struct kdm_str json);

/* How one document's check or write ended; told for conflicts, and for writes with version 0. */
struct kdm_commit_item {
    uint32_t token;
    bool conflict;         /* its check failed */
    bool stale;            /* a conflict of which the answer was lost: its value has to be read */
    struct kdm_str value;  /* conflict: what is stored now; else what was there before; none: nothing. Lent. */
    int64_t version;       /* of the new document */
};

struct kdm_commit_sequence {
    const struct kdm_index *index;
    uint64_t sequence;
};

enum kdm_commit_outcome {
    KDM_COMMITTED,        /* in mode EACH: some items may be conflicts */
    KDM_COMMIT_CONFLICT,  /* nothing was written: documents (items) or the catalogue changed */
    KDM_COMMIT_REFUSED,   /* nothing was written: err says why (Redis away, disk full, too large) */
    KDM_COMMIT_UNKNOWN,   /* Redis stayed away past the deadline: it may or may not have been done */
};

struct kdm_commit_result {
    enum kdm_commit_outcome outcome;
    enum kdm_err err;                 /* with REFUSED and UNKNOWN */
    const struct kdm_commit_item *items;
    size_t item_count;
    const struct kdm_commit_sequence *sequences; /* committed: of each index it touched */
    size_t sequence_count;
    bool catalogue_changed;           /* conflict: a collection or index; its entries are forgotten already */
    bool counter_changed;             /* conflict: somebody wrote into a collection that was scanned */
    bool job_gone;                    /* conflict: the job record is not there any more: another node is done */
    bool job_taken;                   /* conflict: it is there, but has gone on without us */
};
typedef void kdm_commit_fn(void *ctx, const struct kdm_commit_result *result);

/* Sends it and takes it. fn is called exactly once, from the loop. */
void kdm_commit_send(struct kdm_commit *commit, int64_t deadline_ms, kdm_commit_fn *fn, void *ctx);

/* The one who asked has gone: what is on its way goes on, fn is not called. */
void kdm_commit_forget(struct kdm_store *store, void *ctx);

#endif
