/* presence.h - how many connections are in which room, on all nodes that share a Redis.
 *   kdm:{rt}:nodes     sorted set   node -> until when it lives (Redis's own time, ms)
 *   kdm:{rt}:c:<node>  hash         room -> "<connections> <wants joins and leaves: 1 or 0> <index>
 * <collection>" kdm:{rt}:d:<node>  hash         room -> "<index> <collection> <filter>" Each node
 * writes its own keys alone, under a lease that it renews every two seconds, so a node that dies is
 * out of all counts when its lease ends. Counts are told absolutely: saying one twice does no harm.
 * One command is on its way at a time; what changes meanwhile goes together with the next. When
 * Redis turns out not to hold what it was told, it is told all again. Loop thread only.
 */
#ifndef KDM_REALTIME_PRESENCE_H
#define KDM_REALTIME_PRESENCE_H

#include "base/err.h"
#include "base/id.h"
#include "realtime/filter.h"
#include <uv.h>

#define KDM_PRESENCE_LEASE_MS 6000

struct kdm_presence;

/* Copies the texts. NULL with *ret_error as kdm_redis_open(). */
struct kdm_presence *kdm_presence_create(uv_loop_t *loop, const char *redis_url,
                                         struct kdm_str node, struct kdm_random *random,
                                         char **ret_error);
/* What waits is told that Redis can't be reached. NULL is fine. */
void kdm_presence_destroy(struct kdm_presence *presence);

/* This node ends: takes it out of all counts, and says nothing any more. */
void kdm_presence_withdraw(struct kdm_presence *presence);

/* A room of this node as it is from now on. */
struct kdm_presence_room {
    const char *id; /* KDM_ROOM_ID_LEN */
    struct kdm_str index, collection, filter;
    uint32_t connections;
    bool wants_users; /* somebody here wants to hear of joins and leaves */
};

/* `connections`: of all nodes, as of this change; wants_users: somebody anywhere. */
typedef void kdm_presence_told_fn(void *ctx, enum kdm_err err, uint64_t connections,
                                  bool wants_users);

/* Says it; fn is called exactly once, from the loop, when it was said. Copies the texts. */
void kdm_presence_tell(struct kdm_presence *presence, const struct kdm_presence_room *room,
                       kdm_presence_told_fn *fn, void *ctx);

/* Asks for a room on all nodes; texts none: there is none such. Lent for the call. */
struct kdm_presence_found {
    enum kdm_err err;
    uint64_t connections;
    struct kdm_str index, collection, filter;
};
typedef void kdm_presence_found_fn(void *ctx, const struct kdm_presence_found *found);
void kdm_presence_find(struct kdm_presence *presence, struct kdm_str room, int64_t deadline_ms,
                       kdm_presence_found_fn *fn, void *ctx);

/* All rooms of all nodes, one call each and node (`room` none ends it, then err tells whether that
 * was all). A room that opens or closes meanwhile may be told or not. */
struct kdm_presence_listed {
    enum kdm_err err;
    struct kdm_str room, index, collection;
    size_t node;          /* which one it is of, from 0; of one node a room may be told twice */
    uint64_t connections; /* there */
};
typedef void kdm_presence_listed_fn(void *ctx, const struct kdm_presence_listed *listed);
void kdm_presence_list(struct kdm_presence *presence, int64_t deadline_ms,
                       kdm_presence_listed_fn *fn, void *ctx);

#endif
