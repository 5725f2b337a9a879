/* feed.h - following the changes that any node commits (design section 4, "Following").
 * A commit publishes on two channels: the index's meta key (its new sequence) and, when it changed the catalogue,
 * "kdm:bell" (the index's name). So a node that follows nothing hears of catalogue changes only, and forgets
 * what it knew of that index. The follower reads the feed of an index that rang, and once a second compares the
 * sequences of those it follows, so that a lost ring costs a second at most. When Redis may have gone backwards
 * (another run id, a sequence lower than ours), whoever holds something made of it is told to make it anew.
 * Loop thread only.
 */
#ifndef KDM_STORE_FEED_H
#define KDM_STORE_FEED_H

#include "store/store.h"

/* One change of a committed entry; texts are lent for the call. */
struct kdm_feed_change {
    struct kdm_str index, collection; /* collection none: the index itself */
    struct kdm_str id;                /* none: the collection itself */
    uint64_t sequence;
    char what;     /* enum kdm_change of a document; 'i','I' index made, deleted; 'k','C','T' collection's mapping,
                      deletion, truncation */
    bool notify;
    int64_t version;
    struct kdm_str text;      /* new _source; none: deleted */
    struct kdm_str previous;  /* stored value before, "<sequence> <version> <JSON>"; none: was absent */
    struct kdm_str changed;   /* JSON array of changed paths, or none */
    struct kdm_str envelope;  /* who did it (JSON) */
};

struct kdm_feed_listener {
    void *ctx;
    /* Every change of a followed index, in order, at least once. */
    void (*on_change)(void *ctx, const struct kdm_feed_change *change);
    /* What was heard of this index (all of them when none) may have gaps or never have happened. */
    void (*on_gap)(void *ctx, struct kdm_str index);
};

/* Only before the store is ready. The listener is copied. */
void kdm_feed_listen(struct kdm_store *store, const struct kdm_feed_listener *listener);

/* Follows an index from its present sequence on. */
void kdm_feed_follow(struct kdm_store *store, struct kdm_str index);

#endif
