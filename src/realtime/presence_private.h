/* presence_private.h - what presence.c and presence_ask.c share. */
#ifndef KDM_REALTIME_PRESENCE_PRIVATE_H
#define KDM_REALTIME_PRESENCE_PRIVATE_H

#include "base/hash.h"
#include "realtime/presence.h"
#include "redis/redis.h"

#define PRESENCE_NODES_KEY          "kdm:{rt}:nodes"
#define PRESENCE_COUNTS_PREFIX      "kdm:{rt}:c:"
#define PRESENCE_DEFINITIONS_PREFIX "kdm:{rt}:d:"

struct told_room;

/* A question that waits until all is told that this node has changed before it. */
struct kdm_presence_ask {
    struct kdm_presence_ask *next;
    void (*send)(struct kdm_presence *presence, struct kdm_presence_ask *ask);
};

struct kdm_presence {
    struct kdm_redis *redis;
    uv_timer_t timer;
    struct kdm_arena arena; /* of the three texts below */
    struct kdm_str node, counts_key, definitions_key;
    struct kdm_table *rooms;                  /* id -> struct told_room */
    struct told_room *changed, *last_changed; /* to be told */
    struct told_room *batch;                  /* being told */
    size_t told_rooms;                        /* that Redis should hold */
    struct kdm_presence_ask *asks, *last_ask; /* waiting */
    int64_t told_again_ms; /* when all was told again last */
    bool busy, withdrawn;
};

/* Has it sent, now or once all is told. */
void kdm_presence_queue(struct kdm_presence *presence, struct kdm_presence_ask *ask);

#endif
