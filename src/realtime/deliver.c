/* deliver.c - from a change of the feed to the connections that it concerns.
 * A document that matches a filter after its change is in the filter's scope; one that matched
 * before and does not any more, or was deleted, has left it. The feed brings the document as it was
 * before, so nothing has to be remembered. A notification's text is written when the first channel
 * wants it, then used for all: only the channel's name behind it differs.
 */
#include "realtime/hub_private.h"

struct delivery {
    struct kdm_hub *hub;
    const struct kdm_target *target;
    const struct kdm_feed_change *change;
    struct kdm_subscription *only; /* NULL: everybody */
    size_t common;                 /* of hub->text: what all channels share; 0: not written yet */
};

/* --- to one channel -------------------------------------------------------------------------- */

/* The first one in a channel does not hear of itself (kuzzle-protocol.md 8.3). `unheard`: its id;
 * NONE: everybody hears. */
static bool hears(const struct kdm_subscription *subscription, struct kdm_val unheard)
{
    if (kdm_val_none(unheard))
        return true;
    return !kdm_val_str_eq(unheard, (struct kdm_str){ .ptr = subscription->membership->member->id,
                                                      .len = KDM_UUID_LEN });
}

/* Backwards: one that leaves has its place taken by the last. */
static void send_all(const struct delivery *delivery, struct kdm_channel *channel,
                     struct kdm_val unheard, struct kdm_str text)
{
    uint64_t sequence = delivery->change->sequence;

    for (uint32_t i = channel->count; i > 0; i--) {
        const struct kdm_channel_place *place = &channel->places[i - 1];

        if (i <= channel->count && sequence > place->after && hears(place->subscription, unheard))
            delivery->hub->options.send(place->connection, text);
    }
}

static void send_to(const struct delivery *delivery, struct kdm_channel *channel,
                    struct kdm_val unheard)
{
    struct kdm_buf *text = &delivery->hub->text;

    text->len = delivery->common;
    kdm_buf_put(text, kdm_channel_name(channel));
    kdm_buf_lit(text, "\"}");
    if (delivery->only == NULL)
        send_all(delivery, channel, unheard, kdm_buf_str(text));
    else if (hears(delivery->only, unheard))
        delivery->hub->options.send(delivery->only->membership->member->connection,
                                    kdm_buf_str(text));
}

static bool concerns(const struct delivery *delivery, const struct kdm_channel *channel)
{
    return delivery->only == NULL ? channel->count > 0 : delivery->only->channel == channel;
}

/* --- documents and messages ------------------------------------------------------------------ */

static void write_text(struct delivery *delivery, bool in)
{
    if (delivery->common > 0)
        return;
    if (delivery->change->what == (char)KDM_MESSAGE_PUBLISHED)
        kdm_notify_message(delivery->target, delivery->change);
    else
        kdm_notify_document(delivery->target, delivery->change, in);
    delivery->common = delivery->hub->text.len;
}

static void notify_room(struct delivery *delivery, struct kdm_room *room, bool in)
{
    for (struct kdm_channel *at = room->channels; at != NULL; at = at->next) {
        bool wanted = in ? kdm_interested_in(at->scope) : kdm_interested_out(at->scope);

        if (!wanted || !concerns(delivery, at))
            continue;
        write_text(delivery, in);
        send_to(delivery, at, KDM_VAL_NONE);
    }
}

static struct kdm_matches match(const struct delivery *delivery, struct kdm_str text)
{
    const struct kdm_feed_change *change = delivery->change;
    struct kdm_hub *hub = delivery->hub;

    return kdm_matcher_match(hub->matcher, &hub->scratch, change->index, change->collection,
                             change->id, kdm_json_parse(&hub->scratch, text));
}

/* Marks the rooms that the document is in. */
static void notify_in(struct delivery *delivery)
{
    struct kdm_matches matches = match(delivery, delivery->change->text);

    for (size_t i = 0; i < matches.count; i++) {
        struct kdm_room *room = matches.items[i]->owner;

        room->mark = delivery->hub->marks;
        notify_room(delivery, room, true);
    }
}

/* Of the rooms that it was in, those that are not marked. */
static void notify_out(struct delivery *delivery)
{
    struct kdm_matches matches;
    struct kdm_stored stored;

    if (kdm_str_none(delivery->change->previous)
        || !kdm_stored_parse(delivery->change->previous, &stored))
        return;
    matches = match(delivery, stored.text);
    for (size_t i = 0; i < matches.count; i++) {
        struct kdm_room *room = matches.items[i]->owner;

        if (room->mark != delivery->hub->marks)
            notify_room(delivery, room, false);
    }
}

static void deliver_document(struct delivery *delivery)
{
    delivery->hub->marks++;
    if (!kdm_str_none(delivery->change->text))
        notify_in(delivery);
    delivery->common = 0; /* the text of "out" is another one */
    notify_out(delivery);
}

/* --- users ----------------------------------------------------------------------------------- */

static void deliver_user(struct delivery *delivery)
{
    struct kdm_hub *hub = delivery->hub;
    struct kdm_room *room = kdm_room_find(hub, delivery->change->id);
    struct kdm_val event = kdm_json_parse(&hub->scratch, delivery->change->text);
    bool in = kdm_val_str_eq(kdm_val_get(event, KDM_STR("user")), KDM_STR("in"));

    if (room == NULL)
        return;
    for (struct kdm_channel *at = room->channels; at != NULL; at = at->next) {
        bool wanted = in ? kdm_interested_in(at->users) : kdm_interested_out(at->users);

        if (!wanted || !concerns(delivery, at))
            continue;
        if (delivery->common == 0) {
            kdm_notify_user(delivery->target, delivery->change, event);
            delivery->common = hub->text.len;
        }
        send_to(delivery, at, kdm_val_get(event, KDM_STR("unheard")));
    }
}

/* --- all ------------------------------------------------------------------------------------- */

static void deliver(struct kdm_hub *hub, const struct kdm_feed_change *change,
                    struct kdm_subscription *only)
{
    struct delivery delivery = { .hub = hub, .change = change, .only = only };

    if (!change->notify)
        return;
    delivery.target = kdm_hub_target(hub, change->index, change->collection);
    if (delivery.target == NULL)
        return;
    if (change->what == (char)KDM_MESSAGE_JOINS)
        deliver_user(&delivery);
    else if (change->what == (char)KDM_MESSAGE_PUBLISHED || strchr("crud", change->what) != NULL)
        deliver_document(&delivery);
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
