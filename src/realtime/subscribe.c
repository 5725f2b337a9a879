/* subscribe.c - joining a room, step by step until it can be answered.
 * The member is in the room from the start, but nothing is told yet. It is answered when the index
 * is followed, so that no change can be missed from then on, and when it is known whether the feed
 * still holds what it wants to hear first.
 */
#include "base/clock.h"
#include "realtime/hub_private.h"

#include <stdlib.h>

#define CHECK_TIMEOUT_MS 5000

struct kdm_joining {
    struct kdm_joining *previous, *next; /* of the hub */
    struct kdm_hub *hub;
    struct kdm_member *member; /* NULL: has gone, and was answered */
    struct kdm_room *room;     /* as long as the member is in it */
    char channel[KDM_CHANNEL_MAX];
    uint8_t channel_len;
    bool has_since, gap;
    bool checking; /* the feed is being asked whether it holds `since` */
    struct kdm_feed_place since;
    kdm_subscribed_fn *fn;
    void *ctx;
};

bool kdm_interest_of(struct kdm_str name, enum kdm_interest *ret_interest)
{
    static const char *const names[] = { "all", "in", "out", "none" };

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (kdm_str_eq(name, kdm_str_of(names[i]))) {
            *ret_interest = (enum kdm_interest)i;
            return true;
        }
    }
    return false;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void unlink_joining(struct kdm_joining *joining)
{
    if (joining->previous != NULL)
        joining->previous->next = joining->next;
    else
        joining->hub->joining = joining->next;
    if (joining->next != NULL)
        joining->next->previous = joining->previous;
}

/* Freed by the check's end while one is under way. */
static void answer(struct kdm_joining *joining, const struct kdm_subscribed *subscribed)
{
    kdm_subscribed_fn *fn = joining->fn;
    void *ctx = joining->ctx;

    unlink_joining(joining);
    joining->member = NULL;
    if (!joining->checking)
        free(joining);
    fn(ctx, subscribed);
}

static void fail(struct kdm_joining *joining, enum kdm_err err)
{
    answer(joining, &(struct kdm_subscribed){ .err = err });
}

/* The subscription that it is about; NULL when it was taken back meanwhile. */
static struct kdm_subscription *subscription_of(struct kdm_member *member, struct kdm_str channel)
{
    struct kdm_room *room;
    struct kdm_membership *membership;
    struct kdm_subscription *at;

    if (channel.len <= KDM_ROOM_ID_LEN)
        return NULL;
    room =
        kdm_room_find(member->hub, (struct kdm_str){ .ptr = channel.ptr, .len = KDM_ROOM_ID_LEN });
    membership = room == NULL ? NULL : kdm_membership_find(member, room);
    at = membership == NULL ? NULL : membership->subscriptions;
    while (at != NULL && !kdm_str_eq(kdm_channel_name(at->channel), channel))
        at = at->next;
    return at;
}

static void succeed(struct kdm_joining *joining, struct kdm_subscription *subscription,
                    const struct kdm_feed_place *place)
{
    char space[KDM_CHANGE_ID_MAX], channel[KDM_CHANNEL_MAX];
    struct kdm_subscribed subscribed = { .since = joining->has_since, .gap = joining->gap };

    memcpy(channel, joining->channel, joining->channel_len);
    subscription->since = joining->has_since && !joining->gap ? joining->since : *place;
    subscribed.channel = (struct kdm_str){ .ptr = channel, .len = joining->channel_len };
    subscribed.room = (struct kdm_str){ .ptr = channel, .len = KDM_ROOM_ID_LEN };
    subscribed.change_id = kdm_change_id_write(space, &subscription->since);
    answer(joining, &subscribed);
}

/* --- step by step --------------------------------------------------------------------------------
 */

static void go_on(struct kdm_joining *joining);

static void on_checked(void *ctx, const struct kdm_feed_page *page)
{
    struct kdm_joining *joining = ctx;

    joining->checking = false;
    if (joining->member == NULL) {
        free(joining);
        return;
    }
    if (page->err != KDM_OK) {
        fail(joining, page->err);
        return;
    }
    joining->gap = page->gap;
    go_on(joining);
}

static void check_since(struct kdm_joining *joining, struct kdm_str index)
{
    joining->checking = true;
    kdm_feed_read(joining->hub->options.store, index, &joining->since,
                  kdm_clock_monotonic_ms() + CHECK_TIMEOUT_MS, NULL, on_checked, joining);
}

static void go_on(struct kdm_joining *joining)
{
    struct kdm_str name = { .ptr = joining->channel, .len = joining->channel_len };
    struct kdm_subscription *subscription = subscription_of(joining->member, name);
    struct kdm_feed_place place;

    if (joining->checking)
        return;
    if (subscription == NULL)
        fail(joining, KDM_ERR_API_PROCESS_CONNECTION_DROPPED);
    else if (kdm_feed_place(joining->hub->options.store, subscription->channel->room->target->index,
                            &place))
        succeed(joining, subscription, &place);
}

void kdm_subscribe_followed(struct kdm_hub *hub, struct kdm_str index)
{
    struct kdm_joining *next;

    (void)index;
    for (struct kdm_joining *at = hub->joining; at != NULL; at = next) {
        next = at->next;
        go_on(at);
    }
}

void kdm_subscribe_dropped(struct kdm_member *member)
{
    struct kdm_joining *next;

    for (struct kdm_joining *at = member->hub->joining; at != NULL; at = next) {
        next = at->next;
        if (at->member == member)
            fail(at, KDM_ERR_API_PROCESS_CONNECTION_DROPPED);
    }
}

static struct kdm_joining *begin(struct kdm_member *member, struct kdm_subscription *subscription,
                                 kdm_subscribed_fn *fn, void *ctx)
{
    struct kdm_joining *joining = kdm_zalloc(sizeof(*joining));
    struct kdm_str name = kdm_channel_name(subscription->channel);

    joining->hub = member->hub;
    joining->member = member;
    joining->fn = fn;
    joining->ctx = ctx;
    memcpy(joining->channel, name.ptr, name.len);
    joining->channel_len = (uint8_t)name.len;
    joining->next = member->hub->joining;
    if (joining->next != NULL)
        joining->next->previous = joining;
    member->hub->joining = joining;
    return joining;
}

void kdm_hub_subscribe(struct kdm_member *member, const struct kdm_subscribe *ask,
                       kdm_subscribed_fn *fn, void *ctx)
{
    struct kdm_subscription *subscription;
    struct kdm_joining *joining;
    struct kdm_room *room = ask->filter == NULL ? kdm_room_find(member->hub, ask->room) : NULL;
    bool entered = false;

    if (ask->filter == NULL && room == NULL) {
        fn(ctx, &(struct kdm_subscribed){ .err = KDM_ERR_CORE_REALTIME_ROOM_NOT_FOUND });
        return;
    }
    subscription = room != NULL ? kdm_room_join(member, room, ask, &entered)
                                : kdm_room_enter(member, ask->filter, ask, &entered);
    if (subscription == NULL) {
        fn(ctx, &(struct kdm_subscribed){ .err = KDM_ERR_CORE_REALTIME_TOO_MANY_ROOMS });
        return;
    }
    joining = begin(member, subscription, fn, ctx);
    if (!kdm_str_none(ask->since)) {
        joining->has_since = true;
        joining->gap = !kdm_change_id_read(ask->since, &joining->since);
        if (!joining->gap)
            check_since(joining, subscription->channel->room->target->index);
    }
    go_on(joining);
}

void kdm_hub_answered(struct kdm_member *member, struct kdm_str channel)
{
    struct kdm_subscription *subscription = subscription_of(member, channel);

    if (subscription != NULL)
        kdm_replay_begin(subscription);
}
