/* deliver.c - from a change of the feed to the connections that it concerns.
 * A document that matches a filter after its change is in the filter's scope; one that matched
 * before and does not any more, or was deleted, has left it. The feed brings the document as it was
 * before, so nothing has to be remembered. A notification's text is written when the first channel
 * wants it, then used for all: only the channel's name behind it differs.
 */
#include "realtime/hub_private.h"

struct delivery {
    struct kdm_hub *hub;
    const struct kdm_feed_change *change;
    struct kdm_subscription *only; /* NULL: everybody */
    size_t common;                 /* of hub->text: what all channels share; 0: not written yet */
};

/* --- to the channels of one room ---------------------------------------------------------------
 */

/* Backwards: one that leaves has its place taken by the last. */
static void send_all(struct kdm_channel *channel, uint64_t sequence, struct kdm_str text)
{
    void (*send)(void *, struct kdm_str) = channel->room->target->hub->options.send;

    for (uint32_t i = channel->count; i > 0; i--) {
        if (i <= channel->count && sequence > channel->places[i - 1].after)
            send(channel->places[i - 1].connection, text);
    }
}

static struct kdm_str address(struct delivery *delivery, const struct kdm_channel *channel)
{
    struct kdm_buf *text = &delivery->hub->text;

    text->len = delivery->common;
    kdm_buf_put(text, kdm_channel_name(channel));
    kdm_buf_lit(text, "\"}");
    return kdm_buf_str(text);
}

static void send_to(struct delivery *delivery, struct kdm_channel *channel)
{
    struct kdm_str text = address(delivery, channel);

    if (delivery->only == NULL)
        send_all(channel, delivery->change->sequence, text);
    else
        delivery->hub->options.send(delivery->only->membership->member->connection, text);
}

static bool concerns(const struct delivery *delivery, const struct kdm_channel *channel)
{
    return delivery->only == NULL ? channel->count > 0 : delivery->only->channel == channel;
}

/* --- documents and messages ----------------------------------------------------------------------
 */

static void write_text(struct delivery *delivery, bool in)
{
    if (delivery->common > 0)
        return;
    if (delivery->change->what == (char)KDM_MESSAGE_PUBLISHED)
        kdm_notify_message(delivery->hub, delivery->change);
    else
        kdm_notify_document(delivery->hub, delivery->change, in);
    delivery->common = delivery->hub->text.len;
}

static void notify_room(struct delivery *delivery, struct kdm_room *room, bool in)
{
    for (struct kdm_channel *channel = room->channels; channel != NULL; channel = channel->next) {
        bool wanted = in ? kdm_interested_in(channel->scope) : kdm_interested_out(channel->scope);

        if (!wanted || !concerns(delivery, channel))
            continue;
        write_text(delivery, in);
        send_to(delivery, channel);
    }
}

static struct kdm_matches match(struct kdm_hub *hub, const struct kdm_feed_change *change,
                                struct kdm_str text)
{
    return kdm_matcher_match(hub->matcher, &hub->scratch, change->index, change->collection,
                             change->id, kdm_json_parse(&hub->scratch, text));
}

static void notify_in(struct kdm_hub *hub, const struct kdm_feed_change *change,
                      struct kdm_subscription *only)
{
    struct delivery delivery = { .hub = hub, .change = change, .only = only };
    struct kdm_matches matches = match(hub, change, change->text);

    for (size_t i = 0; i < matches.count; i++) {
        struct kdm_room *room = matches.items[i]->owner;

        room->mark = hub->marks;
        notify_room(&delivery, room, true);
    }
}

static void notify_out(struct kdm_hub *hub, const struct kdm_feed_change *change,
                       struct kdm_subscription *only)
{
    struct delivery delivery = { .hub = hub, .change = change, .only = only };
    struct kdm_matches matches;
    struct kdm_stored stored;

    if (kdm_str_none(change->previous) || !kdm_stored_parse(change->previous, &stored))
        return;
    matches = match(hub, change, stored.text);
    for (size_t i = 0; i < matches.count; i++) {
        struct kdm_room *room = matches.items[i]->owner;

        if (room->mark != hub->marks)
            notify_room(&delivery, room, false);
    }
}

static void deliver_document(struct kdm_hub *hub, const struct kdm_feed_change *change,
                             struct kdm_subscription *only)
{
    hub->marks++;
    if (!kdm_str_none(change->text))
        notify_in(hub, change, only);
    notify_out(hub, change, only);
}

/* --- users ----------------------------------------------------------------------------------- */

/* The first one in a channel does not hear of itself (kuzzle-protocol.md 8.3). */
static bool is_newcomer(struct kdm_val event, const struct kdm_subscription *subscription)
{
    struct kdm_str id = { .ptr = subscription->membership->member->id, .len = KDM_UUID_LEN };

    return kdm_val_str_eq(kdm_val_get(event, KDM_STR("unheard")), id);
}

static void send_user(struct delivery *delivery, struct kdm_channel *channel, struct kdm_val event)
{
    struct kdm_str text = address(delivery, channel);

    for (uint32_t i = channel->count; i > 0; i--) {
        if (i <= channel->count && delivery->change->sequence > channel->places[i - 1].after
            && !is_newcomer(event, channel->places[i - 1].subscription))
            delivery->hub->options.send(channel->places[i - 1].connection, text);
    }
}

static void deliver_user(struct kdm_hub *hub, const struct kdm_feed_change *change,
                         struct kdm_subscription *only)
{
    struct delivery delivery = { .hub = hub, .change = change, .only = only };
    struct kdm_matcher_entry *entry = kdm_matcher_find(hub->matcher, change->id);
    struct kdm_val event = kdm_json_parse(&hub->scratch, change->text);
    bool in = kdm_val_str_eq(kdm_val_get(event, KDM_STR("user")), KDM_STR("in"));

    if (entry == NULL)
        return;
    for (struct kdm_channel *channel = ((struct kdm_room *)entry->owner)->channels; channel != NULL;
         channel = channel->next) {
        bool wanted = in ? kdm_interested_in(channel->users) : kdm_interested_out(channel->users);

        if (!wanted || !concerns(&delivery, channel))
            continue;
        if (delivery.common == 0) {
            kdm_notify_user(hub, change, event);
            delivery.common = hub->text.len;
        }
        if (only == NULL)
            send_user(&delivery, channel, event);
        else if (!is_newcomer(event, only))
            send_to(&delivery, channel);
    }
}

/* --- all ------------------------------------------------------------------------------------- */

static void deliver(struct kdm_hub *hub, const struct kdm_feed_change *change,
                    struct kdm_subscription *only)
{
    if (!change->notify || kdm_hub_target(hub, change->index, change->collection) == NULL)
        return;
    if (change->what == (char)KDM_MESSAGE_JOINS)
        deliver_user(hub, change, only);
    else if (change->what == (char)KDM_MESSAGE_PUBLISHED || strchr("crud", change->what) != NULL)
        deliver_document(hub, change, only);
    kdm_arena_reset(&hub->scratch);
}

void kdm_deliver_change(void *hub, const struct kdm_feed_change *change)
{
    deliver(hub, change, NULL);
}

void kdm_deliver_to(struct kdm_subscription *subscription, const struct kdm_feed_change *change)
{
    deliver(subscription->membership->member->hub, change, subscription);
}
