/* store_private.h - what the files of src/store share. */
#ifndef KDM_STORE_STORE_PRIVATE_H
#define KDM_STORE_STORE_PRIVATE_H

#include "base/hash.h"
#include "store/catalogue_private.h"
#include "store/feed.h"
#include "store/store.h"

struct kdm_follower;
struct kdm_janitor;

struct kdm_store {
    uv_loop_t *loop;
    struct kdm_redis *redis;
    struct kdm_random *random;
    struct kdm_str node;
    struct kdm_table *indexes;     /* name -> struct kdm_index, one reference each */
    struct kdm_table *collections; /* "index\0name" -> struct kdm_collection */
    uint64_t commit_number;        /* of the last commit this node sent */
    uint64_t epoch;                /* grows when Redis may have gone backwards */
    char run_id[64];
    size_t feed_max_bytes;
    int64_t feed_max_age_ms;
    struct store_read *free_reads; /* pools: nothing is allocated in the steady state */
    struct kdm_commit *free_commits;
    struct kdm_commit *sent; /* commits on their way, doubly linked */
    struct kdm_follower *follower;
    struct kdm_janitor *janitor;
};

/* The index entry, made when this process has none yet. Lent: ref it to keep it. */
struct kdm_index *kdm_store_index(struct kdm_store *store, struct kdm_str name);
/* Forgets entries that nobody uses: messages can be sent to any name, so they would grow without bound. Their commit
 * ids may come again: numbers grow (see commit_send.c). */
void kdm_store_sweep(struct kdm_store *store);

/* Remembers a collection in place of what was known by its name. Takes the reference. */
void kdm_store_remember(struct kdm_store *store, struct kdm_collection *collection);

/* What an error reply, or no reply, means to a client. */
enum kdm_err kdm_store_error_of(enum kdm_redis_outcome outcome, const redisReply *reply);

/* Forgets all collections. */
void kdm_store_forget_all(struct kdm_store *store);

/* Redis has another memory: commits that wait for a connection must be decided again. There another value may bear a
 * sequence that they saw. */
void kdm_commits_withdraw(struct kdm_store *store);

/* At the end: frees pooled commits and those whose outcome nobody waits for. */
void kdm_commits_fini(struct kdm_store *store);

/* janitor.c. Stop before the connection is closed, destroy after. NULL is fine for both. */
struct kdm_janitor *kdm_janitor_create(struct kdm_store *store);
void kdm_janitor_stop(struct kdm_janitor *janitor);
void kdm_janitor_destroy(struct kdm_janitor *janitor);

/* feed.c */
struct kdm_follower *kdm_follower_create(struct kdm_store *store, const char *redis_url);
void kdm_follower_destroy(struct kdm_follower *follower);
/* Redis may have gone backwards: every listener is told of a gap, positions are taken anew. */
void kdm_follower_reset(struct kdm_follower *follower);

#endif
