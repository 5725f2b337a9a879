/* hub.h - rooms: who subscribes to what on this node, and what they are told.
 * A room is one filter on one collection, however many connections want it; a channel is a room
 * with one choice of options, and its name is what a notification is addressed to (reference
 * kuzzle-protocol.md 8). The hub follows the change feed of every index that has a room here, so it
 * hears what any node commits, each change once and in order. A notification is written once and
 * goes to every connection of a channel as it stands.
 *
 * Subscribing ends in two steps, because clients drop what comes before the answer:
 * kdm_hub_subscribe() tells the channel, and from kdm_hub_answered() on its notifications flow,
 * beginning with what was committed since. Loop thread only.
 */
#ifndef KDM_REALTIME_HUB_H
#define KDM_REALTIME_HUB_H

#include "base/err.h"
#include "realtime/filter.h"
#include "store/store.h"

struct kdm_hub;
struct kdm_member; /* a connection that subscribes */

struct kdm_hub_options {
    uv_loop_t *loop;
    struct kdm_store *store;
    const char *redis_url; /* for presence: its own connection */
    struct kdm_str node;   /* this node's id, shown in notifications; lent */
    struct kdm_filter_limits limits;
    size_t max_rooms; /* on this node; 0: no limit */
    /* One text message to a connection; copies. May mark the connection for closing, never end it.
     */
    void (*send)(void *connection, struct kdm_str text);
    /* Bytes that wait for this connection to read. */
    size_t (*queued)(void *connection);
};

/* Before the store is ready. */
struct kdm_hub *kdm_hub_create(const struct kdm_hub_options *options, char **ret_error);
/* All members must have gone. NULL is fine. */
void kdm_hub_destroy(struct kdm_hub *hub);

/* The node stops: from now on its connections count nowhere any more. */
void kdm_hub_withdraw(struct kdm_hub *hub);

const struct kdm_filter_limits *kdm_hub_limits(const struct kdm_hub *hub);

/* A connection; `id` is its UUID, `protocol` static. */
struct kdm_member *kdm_hub_enter(struct kdm_hub *hub, void *connection, const char id[KDM_UUID_LEN],
                                 const char *protocol);
/* It has gone: leaves all its rooms; frees. What it asked for is still answered. */
void kdm_hub_leave(struct kdm_member *member);

/* Which notifications: of documents that enter or leave a filter's scope, of users who join or
 * leave the room. */
enum kdm_interest { KDM_INTEREST_ALL, KDM_INTEREST_IN, KDM_INTEREST_OUT, KDM_INTEREST_NONE };
/* false: no such name. */
bool kdm_interest_of(struct kdm_str name, enum kdm_interest *ret_interest);

struct kdm_subscribe {
    const struct kdm_filter *filter; /* NULL: join the room of that id */
    struct kdm_str room;
    enum kdm_interest scope, users;
    struct kdm_str volatile_json; /* of the request, or none */
    struct kdm_str
        since; /* a change id: what was committed behind it is told first; none: from now on */
    int64_t timestamp; /* of the request, ms */
};

/* Texts are lent. */
struct kdm_subscribed {
    enum kdm_err err; /* room_not_found, too_many_rooms, cache.not_connected */
    struct kdm_str room, channel;
    struct kdm_str change_id; /* up to where the subscription knows all */
    bool since;               /* it was asked with `since` */
    bool gap; /* with `since`: the feed no longer holds it; notifications begin with change_id */
};
typedef void kdm_subscribed_fn(void *ctx, const struct kdm_subscribed *subscribed);

/* Copies what it keeps; fn is called exactly once, at once or later, also when the member goes. */
void kdm_hub_subscribe(struct kdm_member *member, const struct kdm_subscribe *ask,
                       kdm_subscribed_fn *fn, void *ctx);
/* The answer that names this channel has been sent. */
void kdm_hub_answered(struct kdm_member *member, struct kdm_str channel);

/* Takes it out of all channels of the room; false: it is in none. */
bool kdm_hub_unsubscribe(struct kdm_member *member, struct kdm_str room, int64_t timestamp);

/* Its token has run out: says so, then leaves all rooms (kuzzle-protocol.md 8.4). */
void kdm_hub_token_expired(struct kdm_member *member);
/* Its token was revoked: leaves all rooms without a word. */
void kdm_hub_token_revoked(struct kdm_member *member);

/* How many connections are in a room, on all nodes; 0 also when there is none such. fn is called
 * exactly once, from the loop. */
typedef void kdm_hub_counted_fn(void *ctx, enum kdm_err err, uint64_t connections);
void kdm_hub_count(struct kdm_hub *hub, struct kdm_str room, int64_t deadline_ms,
                   kdm_hub_counted_fn *fn, void *ctx);

/* All rooms of all nodes with their connections, sorted by index, collection and id. The list is
 * lent for the call. */
struct kdm_hub_room {
    struct kdm_str index, collection, room;
    uint64_t connections;
};
typedef void kdm_hub_listed_fn(void *ctx, enum kdm_err err, struct kdm_hub_room *const *rooms,
                               size_t count);
void kdm_hub_list(struct kdm_hub *hub, int64_t deadline_ms, kdm_hub_listed_fn *fn, void *ctx);

/* Of this node, for metrics. */
struct kdm_hub_counts {
    size_t rooms, subscriptions, connections;
};
void kdm_hub_counts(const struct kdm_hub *hub, struct kdm_hub_counts *ret_counts);

#endif
