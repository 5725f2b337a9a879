/* hub_private.h - what the files of the hub share.
 *   hub.c      life, members
 *   rooms.c    rooms, channels and who is in them
 *   users.c    who enters and leaves, on all nodes
 *   subscribe.c  joining, step by step until it can be answered
 *   deliver.c  from a change of the feed to the connections that it concerns
 *   notify.c   the texts of notifications
 *   replay.c   what a subscription missed before it is live
 *   change_id.c
 */
#ifndef KDM_REALTIME_HUB_PRIVATE_H
#define KDM_REALTIME_HUB_PRIVATE_H

#include "realtime/hub.h"
#include "realtime/matcher.h"
#include "realtime/presence.h"
#include "store/commit.h"
#include "store/feed.h"

#define KDM_CHANNEL_MAX (KDM_ROOM_ID_LEN + 4) /* "<room>-<users><propagate><scope>" */

/* A change that lies at or before this sequence is not sent: the subscription has it, or will have
 * it by replay. */
#define KDM_NOT_LIVE UINT64_MAX

struct kdm_room;
struct kdm_channel;
struct kdm_replay;

/* A member in a channel. */
struct kdm_subscription {
    struct kdm_membership *membership;
    struct kdm_channel *channel;
    struct kdm_subscription *next; /* of the membership */
    uint32_t place_in_channel;
    bool told;                   /* its channel was named to the client, or is about to be */
    struct kdm_feed_place since; /* while it is not live: where it begins */
    struct kdm_replay *replay;   /* NULL: none under way */
};

/* A member in a room. */
struct kdm_membership {
    struct kdm_member *member;
    struct kdm_room *room;
    struct kdm_membership *previous, *next; /* of the member */
    struct kdm_subscription *subscriptions;
    struct kdm_str volatile_json; /* of the request that made it, or none; owned */
};

struct kdm_member {
    struct kdm_hub *hub;
    void *connection;
    char id[KDM_UUID_LEN];
    const char *protocol;
    struct kdm_membership *memberships;
};

/* What delivery walks over; beside the subscription's own memory, so that a walk over thousands
 * touches little. */
struct kdm_channel_place {
    uint64_t after; /* of changes behind this sequence it is told */
    void *connection;
    struct kdm_subscription *subscription;
};

struct kdm_channel {
    struct kdm_room *room;
    struct kdm_channel *next;
    enum kdm_interest scope, users;
    char name[KDM_CHANNEL_MAX];
    uint8_t name_len;
    struct kdm_channel_place *places;
    uint32_t count, cap;
};

struct kdm_room {
    struct kdm_matcher_entry *entry; /* one reference; its owner is the room */
    struct kdm_target *target;
    struct kdm_channel *channels;
    uint32_t members; /* connections of this node */
    uint64_t mark;    /* the last change that it matched, see deliver.c */
};

/* A collection with rooms. */
struct kdm_target {
    struct kdm_hub *hub;
    struct kdm_str index, collection; /* slices of `key` */
    struct kdm_str key;               /* "index\0collection" */
    struct kdm_buf head;              /* "status":200,"index":..,"collection":..,"node":.. */
    size_t rooms;
};

struct kdm_hub {
    struct kdm_hub_options options;
    struct kdm_matcher *matcher;
    struct kdm_presence *presence;
    struct kdm_table *targets;     /* "index\0collection" -> struct kdm_target */
    struct kdm_table *memberships; /* member and room, as addresses -> struct kdm_membership */
    struct kdm_joining *joining;   /* subscriptions that can't be answered yet */
    struct kdm_arena scratch;      /* of one change */
    struct kdm_buf text;           /* the notification that is being sent */
    struct kdm_hub_counts counts;
    uint64_t marks;
    size_t filter_bytes;
};

static inline struct kdm_str kdm_channel_name(const struct kdm_channel *channel)
{
    return (struct kdm_str){ .ptr = channel->name, .len = channel->name_len };
}

static inline bool kdm_interested_in(enum kdm_interest interest)
{
    return interest == KDM_INTEREST_ALL || interest == KDM_INTEREST_IN;
}

static inline bool kdm_interested_out(enum kdm_interest interest)
{
    return interest == KDM_INTEREST_ALL || interest == KDM_INTEREST_OUT;
}

/* --- rooms.c */

struct kdm_target *kdm_hub_target(struct kdm_hub *hub, struct kdm_str index,
                                  struct kdm_str collection);
struct kdm_room *kdm_room_find(struct kdm_hub *hub, struct kdm_str id);
/* What entering a room changed. */
struct kdm_entrance {
    struct kdm_subscription *subscription;
    bool entered; /* the member was not in the room before */
    bool alone;   /* nobody on this node was in that channel before */
    bool changed; /* the subscription is new, or hears of more than before */
};
/* Puts the member into that channel of the filter's room, which is made when there is none. Nothing
 * is told until it is live. false: too many rooms. */
bool kdm_room_enter(struct kdm_member *member, const struct kdm_filter *filter,
                    const struct kdm_subscribe *ask, struct kdm_entrance *ret_entrance);
/* The same for a room that is there. */
void kdm_room_join(struct kdm_member *member, struct kdm_room *room,
                   const struct kdm_subscribe *ask, struct kdm_entrance *ret_entrance);
struct kdm_membership *kdm_membership_find(struct kdm_member *member, struct kdm_room *room);
/* Out of all channels of the room; the last one closes it. Frees. */
void kdm_room_leave(struct kdm_membership *membership, int64_t timestamp);
/* From this sequence on it is told, KDM_NOT_LIVE: nothing. */
void kdm_subscription_live(struct kdm_subscription *subscription, uint64_t after);

/* --- users.c: connections that enter and leave rooms, told to all nodes */

typedef void kdm_users_told_fn(void *ctx, enum kdm_err err);
/* The subscription is new, or wants more than before. fn is called when all nodes can know, never
 * inside. */
void kdm_users_entered(const struct kdm_subscription *subscription, const struct kdm_subscribe *ask,
                       bool entered, bool alone, kdm_users_told_fn *fn, void *ctx);
/* Somebody has left this room, whose count is lower already. */
void kdm_users_left(const struct kdm_room *room, struct kdm_str volatile_json, int64_t timestamp);

/* --- subscribe.c */

/* An index is followed from now on. */
void kdm_subscribe_followed(struct kdm_hub *hub, struct kdm_str index);
/* The member goes: what it waits for is answered now. */
void kdm_subscribe_dropped(struct kdm_member *member);

/* --- deliver.c */

void kdm_deliver_change(void *hub, const struct kdm_feed_change *change);
/* The same to one subscription alone. */
void kdm_deliver_to(struct kdm_subscription *subscription, const struct kdm_feed_change *change);

/* --- notify.c: each writes a whole notification up to and with `"room":"` */

void kdm_notify_document(const struct kdm_target *target, const struct kdm_feed_change *change,
                         bool in);
void kdm_notify_message(const struct kdm_target *target, const struct kdm_feed_change *change);
void kdm_notify_user(const struct kdm_target *target, const struct kdm_feed_change *change,
                     struct kdm_val event);

/* --- replay.c */

/* Its notifications may flow: at once, or after those that it missed. */
void kdm_replay_begin(struct kdm_subscription *subscription);
/* The subscription goes. */
void kdm_replay_end(struct kdm_subscription *subscription);

/* --- change_id.c: "<sequence>.<changes of that entry, 0: all>.<digest>" */

#define KDM_CHANGE_ID_MAX 48
struct kdm_str kdm_change_id_write(char space[KDM_CHANGE_ID_MAX],
                                   const struct kdm_feed_place *place);
/* false: it is none. */
bool kdm_change_id_read(struct kdm_str id, struct kdm_feed_place *ret_place);

#endif
