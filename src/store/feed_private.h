/* feed_private.h - what the files of the follower share.
 *   feed.c        who is followed, reading what rang
 *   feed_entry.c  an entry taken apart
 *   feed_own.c    what this node commits itself
 *   feed_read.c   what the feed still holds
 */
#ifndef KDM_STORE_FEED_PRIVATE_H
#define KDM_STORE_FEED_PRIVATE_H

#include "store/feed.h"
#include "store/store_private.h"

#define FEED_READ_BYTES      (256 * 1024) /* of a feed at a time, about */
#define FEED_READ_ENTRIES    256          /* at most */
#define FEED_READ_TIMEOUT_MS 5000

/* One followed index. */
struct kdm_followed {
    struct kdm_follower *follower;
    struct kdm_index *index;     /* lent: the store keeps it while it is followed */
    struct kdm_feed_place place; /* behind the last entry that was told */
    uint64_t heard;              /* the greatest sequence that is known to exist */
    unsigned follows;            /* how often it is followed */
    unsigned pauses;             /* how many listeners can take no more */
    unsigned asked;              /* commands on their way for it */
    unsigned entries;            /* how many to read at a time */
    uint64_t compared;           /* the sequence when it was last compared, .. */
    int64_t compared_ms;         /* ..which was then */
    int64_t asking_ms;           /* since when a comparison is under way; 0: none is */
    int64_t heard_until;         /* see kdm_feed_heard_until() */
    bool positioned, reading;
    bool late;  /* its position could not be taken at once: what came before then was not heard */
    bool doubt; /* Redis was restarted or replaced: is the last entry that was told still there? */
    bool verifies; /* the read under way begins with that entry */
};

struct kdm_follower {
    struct kdm_store *store;
    struct kdm_redis *bell;
    uv_timer_t timer;
    struct kdm_table *followed; /* by meta key, which is what rings -> struct kdm_followed */
    struct kdm_feed_listener *listeners;
    size_t listener_count;
    bool closing;
};

/* feed.c */
void kdm_follower_tell(void *follower, const struct kdm_feed_change *change);
void kdm_followed_told(const struct kdm_followed *followed); /* its place has moved */
void kdm_followed_heard(struct kdm_followed *followed, uint64_t sequence);

/* feed_own.c */
struct kdm_commit;
struct kdm_commit_item;
struct section;
/* Before the outcome of a commit is told: its part for one index was done as this sequence. */
void kdm_followed_commit(const struct kdm_commit *commit, const struct section *section,
                         uint64_t sequence, const struct kdm_commit_item *items, size_t item_count);

/* feed_entry.c */
struct kdm_feed_entry {
    struct kdm_str index;
    uint64_t sequence;
    const redisReply *fields;
};
/* Element i of an XRANGE's reply. */
struct kdm_feed_entry kdm_feed_entry(struct kdm_str index, const redisReply *entries, size_t i);
uint32_t kdm_feed_entry_digest(const struct kdm_feed_entry *entry);
size_t kdm_feed_entry_size(const struct kdm_feed_entry *entry);
void kdm_feed_entry_tell(const struct kdm_feed_entry *entry, kdm_feed_change_fn *fn, void *ctx);
/* A document's change or a message, which have four fields; else the catalogue's. */
bool kdm_feed_of_document(char what);
/* Of an entry with this envelope and this text of its first change; never 0. */
uint32_t kdm_feed_digest(struct kdm_str envelope, struct kdm_str text);
/* XRANGE of up to `entries` entries from `sequence` on; ctx is what fn gets. */
void kdm_feed_ask(struct kdm_store *store, const struct kdm_index *index, uint64_t sequence,
                  unsigned entries, int64_t deadline_ms, kdm_redis_fn *fn, void *ctx);
/* How many entries to ask for next when `entries` of them had `bytes`. */
unsigned kdm_feed_entries_next(unsigned entries, size_t bytes);

#endif
