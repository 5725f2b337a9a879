/* walk.h - a collection walked by the chunks of a job, page by page.
 * The walk is part of the job's state: the ids that it has found and the chunks have not done yet,
 * and where the next page begins. Every document that is there all the time comes at least once; it
 * may come again, so what is done to it is idempotent. A restarted Redis cuts the collection into
 * other pages: then the walk begins anew. Of the documents no chunk keeps more than those of a
 * page.
 */
#ifndef KDM_ACTION_WALK_H
#define KDM_ACTION_WALK_H

#include "tx/tx.h"

#define KDM_WALK_CHUNK 200 /* ids that one chunk does, at most */

struct kdm_walk {
    struct kdm_str_list ids; /* found, to be done */
    struct kdm_str redis;    /* the process whose page it is; "" before the first */
    struct kdm_str cursor;   /* of the next page */
    bool end;                /* there is no next page */
};

/* Puts what tells a job's arguments which collection, in which life, is walked. */
void kdm_walk_put_collection(struct kdm_buf *buf, const struct kdm_collection *collection);
/* Reads it. *ret_collection NULL: deleted or emptied, nothing is left. false: wait. */
bool kdm_walk_collection(struct kdm_tx *tx, struct kdm_val args,
                         struct kdm_collection **ret_collection);

struct kdm_walk kdm_walk_begin(void);
/* The member "walk" of a job's state; one that begins when there is none. */
struct kdm_walk kdm_walk_read(struct kdm_tx *tx, struct kdm_val state);
/* The name "walk" and its value. */
void kdm_walk_put(struct kdm_buf *buf, const struct kdm_walk *walk);

/* Unless there are ids left: looks at the next pages until some have documents that `match`
 * accepts, a bounded number of pages. So no ids and not the end means: go on in the next chunk.
 * match and ctx as of kdm_tx_scan(). false: wait. */
bool kdm_walk_find(struct kdm_tx *tx, struct kdm_collection *collection, kdm_tx_match_fn *match,
                   void *ctx, struct kdm_walk *walk);
/* The first `count` ids are done. */
void kdm_walk_done(struct kdm_walk *walk, size_t count);
/* There is nothing to walk. */
void kdm_walk_end(struct kdm_walk *walk);
/* Is nothing left? */
bool kdm_walk_over(const struct kdm_walk *walk);

/* Asks for the documents of the ids that a chunk does; they are then read by
 * kdm_tx_read_unchecked(). false: wait. */
bool kdm_walk_fetch(struct kdm_tx *tx, struct kdm_collection *collection,
                    const struct kdm_walk *walk);

#endif
