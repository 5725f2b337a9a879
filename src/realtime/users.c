/* users.c - connections that enter and leave rooms, told to all nodes.
 * Counts are presence's. When somebody anywhere wants to hear of joins and leaves, the event
 * follows the feed of the room's index like every other notification; else nothing is sent.
 */
#include "base/clock.h"
#include "base/log.h"
#include "realtime/hub_private.h"

#include <stdlib.h>

#define COMMIT_TIMEOUT_MS 5000

/* What is to be told once the count is known. */
struct event {
    struct kdm_hub *hub;
    struct kdm_arena arena; /* of the texts */
    char room[KDM_ROOM_ID_LEN];
    struct kdm_str index, collection;
    struct kdm_str envelope, volatile_json;
    struct kdm_str unheard; /* id of the connection that does not hear of itself, or none */
    bool in, silent; /* silent: nobody entered or left, only the options of one have changed */
    kdm_users_told_fn *fn; /* NULL: nobody waits */
    void *ctx;
};

static struct event *begin(const struct kdm_room *room, struct kdm_str volatile_json)
{
    struct event *event = kdm_zalloc(sizeof(*event));

    event->hub = room->target->hub;
    kdm_arena_init(&event->arena, 512);
    memcpy(event->room, room->entry->id, sizeof(event->room));
    event->index = kdm_arena_copy(&event->arena, room->target->index);
    event->collection = kdm_arena_copy(&event->arena, room->target->collection);
    event->volatile_json = kdm_arena_copy(&event->arena, volatile_json);
    return event;
}

static struct kdm_str write_event(struct event *event, uint64_t connections)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &event->arena, 128 + event->volatile_json.len);
    kdm_buf_put(&buf, event->in ? KDM_STR("{\"user\":\"in\",\"count\":")
                                : KDM_STR("{\"user\":\"out\",\"count\":"));
    kdm_buf_int(&buf, (int64_t)connections);
    if (!kdm_str_none(event->unheard)) {
        kdm_json_put_name(&buf, KDM_STR("unheard"));
        kdm_json_put_str(&buf, event->unheard);
    }
    if (!kdm_str_none(event->volatile_json)) {
        kdm_json_put_name(&buf, KDM_STR("volatile"));
        kdm_buf_put(&buf, event->volatile_json);
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static void finish(struct event *event, enum kdm_err err)
{
    if (event->fn != NULL)
        event->fn(event->ctx, err);
    kdm_arena_fini(&event->arena);
    free(event);
}

static void on_sent(void *ctx, const struct kdm_commit_result *result)
{
    finish(ctx, result->outcome == KDM_COMMITTED ? KDM_OK : result->err);
}

static void send_event(struct event *event, uint64_t connections)
{
    struct kdm_commit *commit = kdm_commit_create(event->hub->options.store, KDM_COMMIT_ALL);

    kdm_commit_envelope(commit, event->envelope);
    kdm_commit_message(commit, KDM_MESSAGE_JOINS, event->index, event->collection,
                       (struct kdm_str){ .ptr = event->room, .len = KDM_ROOM_ID_LEN },
                       write_event(event, connections));
    kdm_commit_send(commit, kdm_clock_monotonic_ms() + COMMIT_TIMEOUT_MS, on_sent, event);
}

/* Whoever enters is answered when the event is in the feed: who enters after that answer does not
 * hear of it. */
static void on_told(void *ctx, enum kdm_err err, uint64_t connections, bool wants_users)
{
    struct event *event = ctx;

    if (err == KDM_OK && wants_users && !event->silent)
        send_event(event, connections);
    else
        finish(event, err);
}

static void tell(const struct kdm_room *room, struct event *event)
{
    struct kdm_presence_room state = { .id = room->entry->id,
                                       .index = room->target->index,
                                       .collection = room->target->collection,
                                       .filter = room->entry->text,
                                       .connections = room->members };

    for (const struct kdm_channel *channel = room->channels; channel != NULL;
         channel = channel->next)
        state.wants_users =
            state.wants_users || (channel->users != KDM_INTEREST_NONE && channel->count > 0);
    kdm_presence_tell(event->hub->presence, &state, on_told, event);
}

void kdm_users_entered(const struct kdm_subscription *subscription, const struct kdm_subscribe *ask,
                       bool entered, bool alone, kdm_users_told_fn *fn, void *ctx)
{
    const struct kdm_membership *membership = subscription->membership;
    const struct kdm_member *member = membership->member;
    struct event *event = begin(membership->room, membership->volatile_json);

    event->in = true;
    event->silent = !entered;
    event->fn = fn;
    event->ctx = ctx;
    event->envelope = kdm_arena_printf(
        &event->arena,
        "{\"controller\":\"realtime\",\"action\":\"%s\",\"protocol\":\"%s\",\"timestamp\":%lld}",
        kdm_str_none(ask->room) ? "subscribe" : "join", member->protocol,
        (long long)ask->timestamp);
    if (alone)
        event->unheard = kdm_arena_copy(&event->arena,
                                        (struct kdm_str){ .ptr = member->id, .len = KDM_UUID_LEN });
    tell(membership->room, event);
}

void kdm_users_left(const struct kdm_room *room, struct kdm_str volatile_json, int64_t timestamp)
{
    struct event *event = begin(room, volatile_json);

    event->envelope = kdm_arena_printf(
        &event->arena,
        "{\"controller\":\"realtime\",\"action\":\"unsubscribe\",\"timestamp\":%lld}",
        (long long)timestamp);
    tell(room, event);
}
