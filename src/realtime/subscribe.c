/* subscribe.c - joining a room, step by step until it can be answered.
 * The member is in the room from the start, but nothing is told yet. It is answered when
 *   - a room that only another node has is known (realtime:join),
 *   - all nodes can know of the member,
 *   - it is known whether the feed still holds what it wants to hear first, and
 *   - the index is followed, so that from then on no change can be missed.
 */
#include "base/clock.h"
#include "realtime/hub_private.h"

#include <stdlib.h>

#define ASK_TIMEOUT_MS 5000

struct kdm_joining {
    struct kdm_joining *previous, *next; /* of the hub */
    struct kdm_hub *hub;
    struct kdm_member *member; /* NULL: was answered */
    struct kdm_arena arena;    /* of the texts of `ask` */
    struct kdm_subscribe ask;  /* its filter is not kept */
    char channel[KDM_CHANNEL_MAX];
    uint8_t channel_len;
    unsigned asked; /* answers that are still to come: it lives until then */
    bool joined;    /* the member is in the room, and `channel` set */
    bool entered;   /* it was not before */
    bool gap;
    bool now;                    /* `since` is `place` */
    bool placed;                 /* `place` is known */
    struct kdm_feed_place place; /* of the feed, when the member was in the room at the latest */
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

/* --- the end --------------------------------------------------------------------------------- */

/* The subscription that a channel's name means; NULL: there is none, or no longer. */
static struct kdm_subscription *subscription_of(struct kdm_member *member, struct kdm_str channel)
{
    struct kdm_membership *membership;
    struct kdm_subscription *at;
    struct kdm_room *room;

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

static void release(struct kdm_joining *joining)
{
    if (joining->member != NULL || joining->asked > 0)
        return;
    kdm_arena_fini(&joining->arena);
    free(joining);
}

static void answer(struct kdm_joining *joining, const struct kdm_subscribed *subscribed)
{
    kdm_subscribed_fn *fn = joining->fn;
    void *ctx = joining->ctx;

    if (joining->previous != NULL)
        joining->previous->next = joining->next;
    else
        joining->hub->joining = joining->next;
    if (joining->next != NULL)
        joining->next->previous = joining->previous;
    joining->member = NULL;
    release(joining);
    fn(ctx, subscribed);
}

static struct kdm_str name_of(const struct kdm_joining *joining)
{
    return (struct kdm_str){ .ptr = joining->channel, .len = joining->channel_len };
}

/* Whoever is told that it could not enter is not in the room. */
static void fail(struct kdm_joining *joining, enum kdm_err err)
{
    struct kdm_subscription *subscription = joining->joined && joining->entered
                                                ? subscription_of(joining->member, name_of(joining))
                                                : NULL;

    if (subscription != NULL)
        kdm_room_leave(subscription->membership, kdm_clock_ms());
    answer(joining, &(struct kdm_subscribed){ .err = err });
}

static void succeed(struct kdm_joining *joining, struct kdm_subscription *subscription)
{
    char space[KDM_CHANGE_ID_MAX], channel[KDM_CHANNEL_MAX];
    bool has_since = !kdm_str_none(joining->ask.since), replays = has_since && !joining->gap;
    struct kdm_subscribed subscribed = { .since = has_since, .gap = joining->gap };

    memcpy(channel, joining->channel, joining->channel_len);
    subscribed.channel = (struct kdm_str){ .ptr = channel, .len = joining->channel_len };
    subscribed.room = (struct kdm_str){ .ptr = channel, .len = KDM_ROOM_ID_LEN };
    subscribed.change_id = kdm_change_id_write(space, replays ? &joining->since : &joining->place);
    subscription->since = replays ? joining->since : joining->place;
    if (!replays || joining->now)
        subscription->since.digest = 0; /* it is where this node stands */
    answer(joining, &subscribed);
}

/* From where on it hears of the room. Taken as early as it can be, so that its own joining, which
 * is told by the feed, lies behind it. */
static void take_place(struct kdm_joining *joining, const struct kdm_subscription *subscription)
{
    if (!joining->placed)
        joining->placed =
            kdm_feed_place(joining->hub->options.store, subscription->channel->room->target->index,
                           &joining->place);
}

/* Is all known that is to be answered? */
static void go_on(struct kdm_joining *joining)
{
    struct kdm_subscription *subscription;

    if (joining->member == NULL || !joining->joined)
        return;
    subscription = subscription_of(joining->member, name_of(joining));
    if (subscription != NULL)
        take_place(joining, subscription);
    if (joining->asked > 0)
        return;
    if (subscription == NULL)
        fail(joining, KDM_ERR_API_PROCESS_CONNECTION_DROPPED); /* taken back meanwhile */
    else if (joining->placed)
        succeed(joining, subscription);
}

/* One of the answers has come. */
static void settle(struct kdm_joining *joining, enum kdm_err err)
{
    joining->asked--;
    if (joining->member == NULL)
        release(joining);
    else if (err != KDM_OK)
        fail(joining, err);
    else
        go_on(joining);
}

/* --- in the room ----------------------------------------------------------------------------- */

static void on_told(void *ctx, enum kdm_err err)
{
    settle(ctx, err);
}

/* Nothing was committed since: then the feed, which is cut off by age, need not hold it. */
static bool is_now(const struct kdm_joining *joining)
{
    const struct kdm_feed_place *since = &joining->since, *now = &joining->place;

    return joining->placed && since->sequence == now->sequence && since->part == 0
           && (since->digest == now->digest || since->digest == 0 || now->digest == 0);
}

static void on_checked(void *ctx, const struct kdm_feed_page *page)
{
    struct kdm_joining *joining = ctx;

    joining->now = is_now(joining);
    joining->gap = page->gap && !joining->now;
    settle(joining, page->err);
}

static void check_since(struct kdm_joining *joining, struct kdm_str index)
{
    joining->gap = !kdm_change_id_read(joining->ask.since, &joining->since);
    if (joining->gap)
        return;
    joining->asked++;
    kdm_feed_read(joining->hub->options.store, index, &joining->since,
                  kdm_clock_monotonic_ms() + ASK_TIMEOUT_MS, NULL, on_checked, joining);
}

static void on_joined(struct kdm_joining *joining, const struct kdm_entrance *entrance)
{
    struct kdm_channel *channel = entrance->subscription->channel;
    struct kdm_str name = kdm_channel_name(channel);

    memcpy(joining->channel, name.ptr, name.len);
    joining->channel_len = (uint8_t)name.len;
    joining->joined = true;
    joining->entered = entrance->entered;
    if (entrance->changed) {
        joining->asked++;
        kdm_users_entered(entrance->subscription, &joining->ask, entrance->entered, entrance->alone,
                          on_told, joining);
    }
    if (!kdm_str_none(joining->ask.since))
        check_since(joining, channel->room->target->index);
    go_on(joining);
}

static void enter(struct kdm_joining *joining, const struct kdm_filter *filter)
{
    struct kdm_entrance entrance;

    if (kdm_room_enter(joining->member, filter, &joining->ask, &entrance))
        on_joined(joining, &entrance);
    else
        fail(joining, KDM_ERR_CORE_REALTIME_TOO_MANY_ROOMS);
}

/* --- a room that another node has ------------------------------------------------------------ */

static void on_found(void *ctx, const struct kdm_presence_found *found)
{
    struct kdm_joining *joining = ctx;
    const struct kdm_filter *filter = NULL;
    struct kdm_failure failure;
    struct kdm_json text;

    if (joining->member == NULL || found->err != KDM_OK || kdm_str_none(found->filter)) {
        settle(joining, found->err == KDM_OK ? KDM_ERR_CORE_REALTIME_ROOM_NOT_FOUND : found->err);
        return;
    }
    joining->asked--;
    /* Another node has written it; one of another version of kdm may know filters that we don't. */
    if (kdm_json_scan(&joining->arena, kdm_arena_copy(&joining->arena, found->filter), &text, NULL))
        filter = kdm_filter_parse(
            &joining->arena, NULL, kdm_arena_copy(&joining->arena, found->index),
            kdm_arena_copy(&joining->arena, found->collection), kdm_json_root(&text), &failure);
    if (filter == NULL)
        fail(joining, KDM_ERR_CORE_REALTIME_ROOM_NOT_FOUND);
    else
        enter(joining, filter);
}

static void find_elsewhere(struct kdm_joining *joining)
{
    joining->asked++;
    kdm_presence_find(joining->hub->presence, joining->ask.room,
                      kdm_clock_monotonic_ms() + ASK_TIMEOUT_MS, on_found, joining);
}

/* --- all ----------------------------------------------------------------------------------- */

void kdm_subscribe_followed(struct kdm_hub *hub, struct kdm_str index)
{
    struct kdm_joining *next;

    (void)index; /* those of other indexes find that they wait still */
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

static struct kdm_joining *begin(struct kdm_member *member, const struct kdm_subscribe *ask,
                                 kdm_subscribed_fn *fn, void *ctx)
{
    struct kdm_joining *joining = kdm_zalloc(sizeof(*joining));

    kdm_arena_init(&joining->arena, 512);
    joining->hub = member->hub;
    joining->member = member;
    joining->fn = fn;
    joining->ctx = ctx;
    joining->ask = *ask;
    joining->ask.room = kdm_arena_copy(&joining->arena, ask->room);
    joining->ask.volatile_json = kdm_arena_copy(&joining->arena, ask->volatile_json);
    joining->ask.since = kdm_arena_copy(&joining->arena, ask->since);
    joining->ask.filter = NULL;
    joining->next = member->hub->joining;
    if (joining->next != NULL)
        joining->next->previous = joining;
    member->hub->joining = joining;
    return joining;
}

void kdm_hub_subscribe(struct kdm_member *member, const struct kdm_subscribe *ask,
                       kdm_subscribed_fn *fn, void *ctx)
{
    struct kdm_joining *joining = begin(member, ask, fn, ctx);
    struct kdm_room *room = ask->filter == NULL ? kdm_room_find(member->hub, ask->room) : NULL;
    struct kdm_entrance entrance;

    if (ask->filter != NULL) {
        enter(joining, ask->filter);
    } else if (room != NULL) {
        kdm_room_join(member, room, &joining->ask, &entrance);
        on_joined(joining, &entrance);
    } else {
        find_elsewhere(joining);
    }
}

void kdm_hub_answered(struct kdm_member *member, struct kdm_str channel)
{
    struct kdm_subscription *subscription = subscription_of(member, channel);

    if (subscription != NULL)
        kdm_replay_begin(subscription);
}
