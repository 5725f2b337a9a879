/* hub.c - the hub's life, and that of its members. See hub.h. */
#include "realtime/hub.h"
#include "base/clock.h"
#include "base/log.h"
#include "realtime/hub_private.h"

#include <stdlib.h>

#define SCRATCH_CHUNK 65536

/* --- what the feed tells --------------------------------------------------------------------- */

static bool has_rooms(const struct kdm_hub *hub, struct kdm_str index)
{
    struct kdm_str key;
    void *value;

    for (size_t cursor = 0; kdm_table_next(hub->targets, &cursor, &key, &value);) {
        if (kdm_str_eq(((const struct kdm_target *)value)->index, index))
            return true;
    }
    return false;
}

/* Others follow indexes too. The protocol has no word for it, so only the log has one. */
static void on_gap(void *ctx, struct kdm_str index)
{
    if (has_rooms(ctx, index))
        kdm_log_warn("realtime: changes of " KDM_FMT " were lost before they could be told",
                     KDM_ARG(index));
}

static void on_followed(void *ctx, struct kdm_str index)
{
    kdm_subscribe_followed(ctx, index);
}

/* --- life ------------------------------------------------------------------------------------ */

struct kdm_hub *kdm_hub_create(const struct kdm_hub_options *options, char **ret_error)
{
    struct kdm_hub *hub = kdm_zalloc(sizeof(*hub));
    struct kdm_hash_seed seed;

    kdm_random_fill(kdm_store_random(options->store), &seed, sizeof(seed));
    hub->options = *options;
    hub->matcher = kdm_matcher_create(&seed);
    hub->targets = kdm_table_create(&seed);
    hub->memberships = kdm_table_create(&seed);
    kdm_arena_init(&hub->scratch, SCRATCH_CHUNK);
    kdm_buf_init(&hub->text, NULL, 4096);
    hub->presence = kdm_presence_create(options->loop, options->redis_url, options->node,
                                        kdm_store_random(options->store), ret_error);
    if (hub->presence == NULL) {
        kdm_hub_destroy(hub);
        return NULL;
    }
    kdm_feed_listen(options->store, &(struct kdm_feed_listener){ .ctx = hub,
                                                                 .on_change = kdm_deliver_change,
                                                                 .on_gap = on_gap,
                                                                 .on_followed = on_followed });
    return hub;
}

void kdm_hub_destroy(struct kdm_hub *hub)
{
    if (hub == NULL)
        return;
    KDM_ASSERT(hub->counts.rooms == 0);
    kdm_presence_destroy(hub->presence);
    kdm_table_destroy(hub->memberships, NULL);
    kdm_table_destroy(hub->targets, NULL);
    kdm_matcher_destroy(hub->matcher);
    kdm_buf_fini(&hub->text);
    kdm_arena_fini(&hub->scratch);
    free(hub);
}

void kdm_hub_withdraw(struct kdm_hub *hub)
{
    kdm_presence_withdraw(hub->presence);
}

const struct kdm_filter_limits *kdm_hub_limits(const struct kdm_hub *hub)
{
    return &hub->options.limits;
}

void kdm_hub_counts(const struct kdm_hub *hub, struct kdm_hub_counts *ret_counts)
{
    *ret_counts = hub->counts;
}

/* --- members --------------------------------------------------------------------------------- */

struct kdm_member *kdm_hub_enter(struct kdm_hub *hub, void *connection, const char id[KDM_UUID_LEN],
                                 const char *protocol)
{
    struct kdm_member *member = kdm_zalloc(sizeof(*member));

    member->hub = hub;
    member->connection = connection;
    memcpy(member->id, id, KDM_UUID_LEN);
    member->protocol = protocol;
    return member;
}

static void leave_all(struct kdm_member *member)
{
    int64_t now = kdm_clock_ms();

    while (member->memberships != NULL)
        kdm_room_leave(member->memberships, now);
}

void kdm_hub_leave(struct kdm_member *member)
{
    leave_all(member);
    kdm_subscribe_dropped(member);
    free(member);
}

bool kdm_hub_unsubscribe(struct kdm_member *member, struct kdm_str room, int64_t timestamp)
{
    struct kdm_room *found = kdm_room_find(member->hub, room);
    struct kdm_membership *membership = found == NULL ? NULL : kdm_membership_find(member, found);

    if (membership == NULL)
        return false;
    kdm_room_leave(membership, timestamp);
    return true;
}

void kdm_hub_token_expired(struct kdm_member *member)
{
    struct kdm_hub *hub = member->hub;
    struct kdm_buf *text = &hub->text;

    text->len = 0;
    kdm_buf_lit(text, "{\"status\":200,\"type\":\"TokenExpired\",\"info\":\"The authentication "
                      "token has expired\""
                      ",\"message\":\"The authentication token has expired\",\"node\":");
    kdm_json_put_str(text, hub->options.node);
    kdm_buf_lit(text, ",\"room\":\"kuzzle:notification:server\"}");
    hub->options.send(member->connection, kdm_buf_str(text));
    leave_all(member);
}

void kdm_hub_token_revoked(struct kdm_member *member)
{
    leave_all(member);
}
