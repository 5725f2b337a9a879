/* rooms.c - rooms, channels, and who is in them.
 * A room lives as long as somebody on this node is in it, and so does the following of its index.
 * Walks and removals cost no more in a room of thousands than in a small one: a channel is an array
 * in which every subscription knows its place, and a membership is found by the addresses of its
 * member and room.
 */
#include "base/log.h"
#include "realtime/hub_private.h"
#include "store/names.h"

#include <stdlib.h>

/* Of all filters' texts together, for each room that is allowed: a filter may have a mebibyte. */
#define FILTER_BYTES_PER_ROOM 4096

/* --- collections with rooms ------------------------------------------------------------------ */

struct kdm_target *kdm_hub_target(struct kdm_hub *hub, struct kdm_str index,
                                  struct kdm_str collection)
{
    char space[KDM_NAMES_KEY_MAX];
    struct kdm_str key = kdm_names_key(space, index, collection);

    return kdm_str_none(key) ? NULL : kdm_table_get(hub->targets, key);
}

/* What all notifications of the collection begin with. */
static void write_head(struct kdm_target *target)
{
    struct kdm_buf *head = &target->head;

    kdm_buf_init(head, NULL, 128);
    kdm_buf_lit(head, "{\"status\":200,\"index\":");
    kdm_json_put_str(head, target->index);
    kdm_buf_lit(head, ",\"collection\":");
    kdm_json_put_str(head, target->collection);
    kdm_buf_lit(head, ",\"node\":");
    kdm_json_put_str(head, target->hub->options.node);
}

static struct kdm_target *need_target(struct kdm_hub *hub, struct kdm_str index,
                                      struct kdm_str collection)
{
    struct kdm_target *target = kdm_hub_target(hub, index, collection);
    char space[KDM_NAMES_KEY_MAX];

    if (target == NULL) {
        target = kdm_zalloc(sizeof(*target));
        target->hub = hub;
        target->key = kdm_heap_copy(kdm_names_key(space, index, collection));
        target->index = (struct kdm_str){ .ptr = target->key.ptr, .len = index.len };
        target->collection = kdm_str_from(target->key, index.len + 1);
        write_head(target);
        kdm_table_put(hub->targets, target->key, target);
        kdm_feed_follow(hub->options.store, target->index);
    }
    target->rooms++;
    return target;
}

static void drop_target(struct kdm_target *target)
{
    struct kdm_hub *hub = target->hub;

    if (--target->rooms > 0)
        return;
    kdm_feed_unfollow(hub->options.store, target->index);
    kdm_table_remove(hub->targets, target->key);
    kdm_buf_fini(&target->head);
    free((char *)target->key.ptr);
    free(target);
}

/* --- rooms ----------------------------------------------------------------------------------- */

struct kdm_room *kdm_room_find(struct kdm_hub *hub, struct kdm_str id)
{
    struct kdm_matcher_entry *entry = kdm_matcher_find(hub->matcher, id);

    return entry == NULL ? NULL : entry->owner;
}

static bool has_room_for(const struct kdm_hub *hub, const struct kdm_filter *filter)
{
    size_t max = hub->options.max_rooms;

    return max == 0
           || (hub->counts.rooms < max
               && hub->filter_bytes + filter->text.len <= max * FILTER_BYTES_PER_ROOM);
}

static struct kdm_room *open_room(struct kdm_hub *hub, const struct kdm_filter *filter)
{
    struct kdm_room *room = kdm_zalloc(sizeof(*room));

    room->entry = kdm_matcher_add(hub->matcher, filter);
    room->entry->owner = room;
    room->target = need_target(hub, filter->index, filter->collection);
    hub->counts.rooms++;
    hub->filter_bytes += filter->text.len;
    return room;
}

static void close_room(struct kdm_room *room)
{
    struct kdm_hub *hub = room->target->hub;

    KDM_ASSERT(room->channels == NULL);
    hub->counts.rooms--;
    hub->filter_bytes -= room->entry->text.len;
    kdm_matcher_unref(hub->matcher, room->entry);
    drop_target(room->target);
    free(room);
}

/* --- channels -------------------------------------------------------------------------------- */

static struct kdm_channel *find_channel(const struct kdm_room *room, enum kdm_interest scope,
                                        enum kdm_interest users)
{
    struct kdm_channel *channel = room->channels;

    while (channel != NULL && (channel->scope != scope || channel->users != users))
        channel = channel->next;
    return channel;
}

/* "<room>-<users><propagate><scope>" (kuzzle-protocol.md 8.1). Users "out" and "none" have one
 * name; upstream has one channel of them, in which the first one's choice counts for both. Here
 * they are two, see same_name(). */
static void name_channel(struct kdm_channel *channel)
{
    static const char *const users[] = { "1", "2", "3", "3" };
    static const char *const scopes[] = { "1", "2", "3", "" };
    struct kdm_buf buf = { .ptr = channel->name, .cap = sizeof(channel->name) };

    kdm_buf_put(&buf, (struct kdm_str){ .ptr = channel->room->entry->id, .len = KDM_ROOM_ID_LEN });
    kdm_buf_char(&buf, '-');
    kdm_buf_put(&buf, kdm_str_of(users[channel->users]));
    kdm_buf_char(&buf, '1');
    kdm_buf_put(&buf, kdm_str_of(scopes[channel->scope]));
    channel->name_len = (uint8_t)buf.len;
}

static struct kdm_channel *need_channel(struct kdm_room *room, enum kdm_interest scope,
                                        enum kdm_interest users)
{
    struct kdm_channel *channel = find_channel(room, scope, users);

    if (channel != NULL)
        return channel;
    channel = kdm_zalloc(sizeof(*channel));
    channel->room = room;
    channel->scope = scope;
    channel->users = users;
    name_channel(channel);
    channel->next = room->channels;
    room->channels = channel;
    return channel;
}

static void free_channel(struct kdm_channel *channel)
{
    struct kdm_channel **at = &channel->room->channels;

    while (*at != channel)
        at = &(*at)->next;
    *at = channel->next;
    free(channel->places);
    free(channel);
}

static void add_to_channel(struct kdm_channel *channel, struct kdm_subscription *subscription)
{
    if (channel->count == channel->cap) {
        channel->cap = channel->cap == 0 ? 4 : 2 * channel->cap;
        channel->places = kdm_realloc(channel->places, channel->cap * sizeof(*channel->places));
    }
    subscription->channel = channel;
    subscription->place_in_channel = channel->count;
    channel->places[channel->count++] =
        (struct kdm_channel_place){ .after = KDM_NOT_LIVE,
                                    .connection = subscription->membership->member->connection,
                                    .subscription = subscription };
}

static void remove_from_channel(struct kdm_subscription *subscription)
{
    struct kdm_channel *channel = subscription->channel;
    struct kdm_channel_place *last = &channel->places[--channel->count];

    channel->places[subscription->place_in_channel] = *last;
    last->subscription->place_in_channel = subscription->place_in_channel;
    if (channel->count == 0)
        free_channel(channel);
}

void kdm_subscription_live(struct kdm_subscription *subscription, uint64_t after)
{
    subscription->channel->places[subscription->place_in_channel].after = after;
}

/* --- memberships ----------------------------------------------------------------------------- */

struct membership_key {
    const struct kdm_member *member;
    const struct kdm_room *room;
};

static struct kdm_str key_of(const struct membership_key *key)
{
    return (struct kdm_str){ .ptr = (const char *)key, .len = sizeof(*key) };
}

struct kdm_membership *kdm_membership_find(struct kdm_member *member, struct kdm_room *room)
{
    struct membership_key key = { member, room };

    return kdm_table_get(member->hub->memberships, key_of(&key));
}

static struct kdm_membership *add_membership(struct kdm_member *member, struct kdm_room *room,
                                             struct kdm_str volatile_json)
{
    struct kdm_membership *membership = kdm_zalloc(sizeof(*membership));
    struct membership_key key = { member, room };

    membership->member = member;
    membership->room = room;
    membership->volatile_json = kdm_heap_copy(volatile_json);
    membership->next = member->memberships;
    if (membership->next != NULL)
        membership->next->previous = membership;
    else
        member->hub->counts.connections++;
    member->memberships = membership;
    kdm_table_put(member->hub->memberships, key_of(&key), membership);
    room->members++;
    return membership;
}

static void remove_membership(struct kdm_membership *membership)
{
    struct kdm_member *member = membership->member;
    struct membership_key key = { member, membership->room };

    if (membership->previous != NULL)
        membership->previous->next = membership->next;
    else
        member->memberships = membership->next;
    if (membership->next != NULL)
        membership->next->previous = membership->previous;
    if (member->memberships == NULL)
        member->hub->counts.connections--;
    membership->room->members--;
    kdm_table_remove(member->hub->memberships, key_of(&key));
    free(membership);
}

/* --- entering and leaving -------------------------------------------------------------------- */

static bool same_name(const struct kdm_channel *channel, const struct kdm_subscribe *ask)
{
    return channel->scope == ask->scope
           && (channel->users == ask->users
               || (channel->users >= KDM_INTEREST_OUT && ask->users >= KDM_INTEREST_OUT));
}

static struct kdm_subscription *find_subscription(struct kdm_membership *membership,
                                                  const struct kdm_subscribe *ask)
{
    struct kdm_subscription *subscription = membership->subscriptions;

    while (subscription != NULL && !same_name(subscription->channel, ask))
        subscription = subscription->next;
    return subscription;
}

/* A connection gets one frame under one name: who wants both "out" and "none" is told what "out" is
 * told. */
static bool widen(struct kdm_subscription *subscription, const struct kdm_subscribe *ask)
{
    struct kdm_channel *channel = subscription->channel;
    struct kdm_room *room = channel->room;
    uint64_t after = channel->places[subscription->place_in_channel].after;

    if (channel->users != KDM_INTEREST_NONE || ask->users != KDM_INTEREST_OUT)
        return false;
    remove_from_channel(subscription);
    add_to_channel(need_channel(room, ask->scope, ask->users), subscription);
    kdm_subscription_live(subscription, after);
    return true;
}

static struct kdm_subscription *add_subscription(struct kdm_membership *membership,
                                                 struct kdm_channel *channel)
{
    struct kdm_subscription *subscription = kdm_zalloc(sizeof(*subscription));

    subscription->membership = membership;
    subscription->next = membership->subscriptions;
    membership->subscriptions = subscription;
    add_to_channel(channel, subscription);
    membership->member->hub->counts.subscriptions++;
    return subscription;
}

void kdm_room_join(struct kdm_member *member, struct kdm_room *room,
                   const struct kdm_subscribe *ask, struct kdm_entrance *ret_entrance)
{
    struct kdm_membership *membership = kdm_membership_find(member, room);
    struct kdm_subscription *subscription =
        membership == NULL ? NULL : find_subscription(membership, ask);
    struct kdm_channel *channel;

    *ret_entrance =
        (struct kdm_entrance){ .subscription = subscription, .entered = membership == NULL };
    if (subscription != NULL) {
        ret_entrance->changed = widen(subscription, ask);
        return;
    }
    if (membership == NULL)
        membership = add_membership(member, room, ask->volatile_json);
    channel = need_channel(room, ask->scope, ask->users);
    ret_entrance->alone = channel->count == 0;
    ret_entrance->changed = true;
    ret_entrance->subscription = add_subscription(membership, channel);
}

bool kdm_room_enter(struct kdm_member *member, const struct kdm_filter *filter,
                    const struct kdm_subscribe *ask, struct kdm_entrance *ret_entrance)
{
    struct kdm_hub *hub = member->hub;
    struct kdm_room *room =
        kdm_room_find(hub, (struct kdm_str){ .ptr = filter->id, .len = KDM_ROOM_ID_LEN });

    if (room == NULL && !has_room_for(hub, filter))
        return false;
    if (room == NULL)
        room = open_room(hub, filter);
    kdm_room_join(member, room, ask, ret_entrance);
    return true;
}

void kdm_room_leave(struct kdm_membership *membership, int64_t timestamp)
{
    struct kdm_room *room = membership->room;
    struct kdm_hub *hub = room->target->hub;
    struct kdm_str volatile_json = membership->volatile_json;
    struct kdm_subscription *next;

    for (struct kdm_subscription *at = membership->subscriptions; at != NULL; at = next) {
        next = at->next;
        kdm_replay_end(at);
        remove_from_channel(at);
        hub->counts.subscriptions--;
        free(at);
    }
    remove_membership(membership);
    kdm_users_left(room, volatile_json, timestamp);
    free((char *)volatile_json.ptr);
    if (room->members == 0)
        close_room(room);
}
