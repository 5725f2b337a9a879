/* feed.h - following the changes that any node commits (design section 4, "Following").
 * A commit publishes on two channels: the index's meta key (its new sequence) and, when it changed
 * the catalogue, "kdm:bell" (the index's name). So a node that follows nothing hears of catalogue
 * changes only, and forgets what it knew of that index. What this node commits itself is told
 * before the commit's outcome is, when nothing before it is missing; else the follower reads the
 * feed of an index that rang, and once a second compares the sequences of those it follows, so that
 * a lost ring costs a second at most. When Redis was restarted or replaced, the last entry that was
 * told is looked for in its feed: if it is there nothing was lost and the follower goes on behind
 * it, else whoever holds something made of the index is told to make it anew. Loop thread only.
 */
#ifndef KDM_STORE_FEED_H
#define KDM_STORE_FEED_H

#include "store/store.h"

/* One change of a committed entry; texts are lent for the call. */
struct kdm_feed_change {
    struct kdm_str index, collection; /* collection none: the index itself */
    struct kdm_str id;                /* none: the collection itself */
    uint64_t sequence;
    uint32_t number; /* its place among the changes of this entry, from 0 */
    bool last;       /* the entry has no more */
    uint32_t digest; /* of the entry: see struct kdm_feed_place */
    char what; /* enum kdm_change of a document; enum kdm_message: nothing is stored; 'i','I' index
                  made, deleted; 'k','C','T' collection's mapping, deletion, truncation */
    bool notify;
    int64_t version;
    struct kdm_str text; /* new _source; none: deleted. Of a message: what it says */
    struct kdm_str
        previous; /* stored value before, "<sequence> <version> <JSON>"; none: was absent */
    struct kdm_str changed;  /* JSON array of changed paths, or none */
    struct kdm_str envelope; /* who did it (JSON) */
};

struct kdm_feed_listener {
    void *ctx;
    /* Every change of a followed index, in order, once. */
    void (*on_change)(void *ctx, const struct kdm_feed_change *change);
    /* What was heard of this index may have gaps or never have happened. */
    void (*on_gap)(void *ctx, struct kdm_str index);
    /* From here on every change of this index is told. NULL: not wanted. */
    void (*on_followed)(void *ctx, struct kdm_str index);
    /* Whenever the place has moved: all changes up to this sequence have been told. NULL: not wanted. */
    void (*on_place)(void *ctx, struct kdm_str index, uint64_t sequence);
};

/* Only before the store is ready. The listener is copied. All listeners hear of every index that
 * anybody follows. */
void kdm_feed_listen(struct kdm_store *store, const struct kdm_feed_listener *listener);

/* Follows an index, of which there need be none, from its present sequence on; counted. */
void kdm_feed_follow(struct kdm_store *store, struct kdm_str index);
/* Takes one kdm_feed_follow() back. May be called by a listener. */
void kdm_feed_unfollow(struct kdm_store *store, struct kdm_str index);

/* Until when (monotonic ms) all that anybody committed into a followed index has been told: while
 * Redis can be reached a second ago at most. 0: nothing was compared yet. The place is there for as
 * long as the index is followed, to be read at any time. */
const int64_t *kdm_feed_heard_until(struct kdm_store *store, struct kdm_str index);

/* A place in an index's feed. A Redis that lost its last commits gives their sequences to others, so
 * the entry before the place is also known by a digest of what it says. */
struct kdm_feed_place {
    uint64_t sequence; /* of the last entry before it; 0: the beginning */
    uint32_t part;     /* 0: all of that entry lies before the place; else only so many of its changes */
    uint32_t digest;   /* that entry's, 0: not known, or known to be right */
};

/* Up to where everything was told. false: the index is not followed, or its place was not learned
 * yet. */
bool kdm_feed_place(struct kdm_store *store, struct kdm_str index,
                    struct kdm_feed_place *ret_place);

/* Is the place known, and certainly in the memory that Redis has now? While Redis is away, and until it
 * has shown what it kept, it is not; on_place tells when it is again. */
bool kdm_feed_certain(struct kdm_store *store, struct kdm_str index);

/* This sequence of a followed index is known to exist: read at once, whether the doorbell rang or not. */
void kdm_feed_heard(struct kdm_store *store, struct kdm_str index, uint64_t sequence);

/* A listener can take no more just now: no change of the index is told until it resumes (counted).
 * When the feed is cut off meanwhile there is a gap. */
void kdm_feed_pause(struct kdm_store *store, struct kdm_str index);
void kdm_feed_resume(struct kdm_store *store, struct kdm_str index);

/* About how many bytes of a followed index's feed are known to exist and not told yet. */
size_t kdm_feed_behind(struct kdm_store *store, struct kdm_str index);

/* Reads what the feed still holds behind `place`, one page of about 256 KiB. fn is called for each
 * change, then done, exactly once: err, whether the feed no longer holds that place (then no change
 * was told), and the place where the next page begins; `more`: there is one. Without fn only the
 * place is looked for. */
struct kdm_feed_page {
    enum kdm_err err;
    bool gap, more;
    struct kdm_feed_place next;
};
typedef void kdm_feed_change_fn(void *ctx, const struct kdm_feed_change *change);
typedef void kdm_feed_page_fn(void *ctx, const struct kdm_feed_page *page);
void kdm_feed_read(struct kdm_store *store, struct kdm_str index,
                   const struct kdm_feed_place *place, int64_t deadline_ms, kdm_feed_change_fn *fn,
                   kdm_feed_page_fn *done, void *ctx);

#endif
