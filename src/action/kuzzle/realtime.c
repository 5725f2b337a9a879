/* realtime.c - realtime:subscribe, join, unsubscribe and publish (reference kuzzle-protocol.md 8).
 * Rooms and notifications are realtime/'s; here is what requests say. Only a WebSocket can be told
 * anything later, so over HTTP and from plugins subscribing is refused rather than forgotten at the
 * end of the request.
 */
#include "action/kuzzle/realtime.h"
#include "action/kuzzle/specified.h"
#include "api/subscriber.h"
#include "security/security.h"
#include "store/names.h"

/* --- what is asked for ----------------------------------------------------------------------- */

/* A room needs no index, but what can never have a name like that is an error, not silence. Case
 * does not matter here: rooms of names that can't be stored are of use for messages. */
static bool name_possible(struct kdm_str name)
{
    if (name.len == 0 || name.len > KDM_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.ptr[i] <= ' ')
            return false;
    }
    return true;
}

static bool target_possible(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str index = kdm_args_str(args, KDM_ARG_INDEX);
    struct kdm_str collection = kdm_args_str(args, KDM_ARG_COLLECTION);

    if (!name_possible(index) || kdm_index_is_private(index))
        kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_INVALID_INDEX_NAME, KDM_PROPS(index));
    else if (!name_possible(collection))
        kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_INVALID_COLLECTION_NAME, KDM_PROPS(collection));
    else
        return true;
    return false;
}

static bool read_interest(struct kdm_tx *tx, const struct kdm_args *args, enum kdm_arg arg,
                          enum kdm_err err, enum kdm_interest *interest)
{
    if (!kdm_args_has(args, arg) || kdm_interest_of(kdm_args_str(args, arg), interest))
        return true;
    kdm_tx_fail(tx, err, NULL, 0);
    return false;
}

static bool read_options(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_subscribe *ask)
{
    const struct kdm_tx_origin *origin = kdm_tx_origin(tx);

    ask->scope = KDM_INTEREST_ALL;
    ask->users = KDM_INTEREST_NONE;
    ask->volatile_json = origin->volatile_json;
    ask->timestamp = origin->timestamp;
    ask->since = kdm_args_str(args, KDM_ARG_SINCE);
    return read_interest(tx, args, KDM_ARG_SCOPE, KDM_ERR_CORE_REALTIME_INVALID_SCOPE, &ask->scope)
           && read_interest(tx, args, KDM_ARG_USERS, KDM_ERR_CORE_REALTIME_INVALID_USERS,
                            &ask->users);
}

/* --- subscribing ----------------------------------------------------------------------------- */

/* A subscription on its way, in the transaction's arena. */
struct joining {
    struct kdm_peer *peer;
    struct kdm_hub *hub;
    struct kdm_subscribe ask;
    struct kdm_str channel;
};

/* {"roomId":..,"channel":..,"changeId":..,"gap":..} */
static struct kdm_str describe(struct kdm_arena *arena, const struct kdm_subscribed *subscribed)
{
    const char *gap = !subscribed->since ? ""
                      : subscribed->gap  ? ",\"gap\":true"
                                         : ",\"gap\":false";

    return kdm_arena_printf(arena,
                            "{\"channel\":\"" KDM_FMT "\",\"roomId\":\"" KDM_FMT
                            "\",\"changeId\":\"" KDM_FMT "\"%s}",
                            KDM_ARG(subscribed->channel), KDM_ARG(subscribed->room),
                            KDM_ARG(subscribed->change_id), gap);
}

/* The transaction, and its arena with `joining`, may have gone. */
static void on_subscribed(void *ctx, const struct kdm_subscribed *subscribed)
{
    struct kdm_tx_wait *wait = ctx;
    struct kdm_arena arena;

    if (subscribed->err != KDM_OK) {
        bool no_room = subscribed->err == KDM_ERR_CORE_REALTIME_ROOM_NOT_FOUND;

        kdm_tx_wait_settle(wait, no_room ? KDM_OK : subscribed->err, KDM_STR_NONE);
        return;
    }
    kdm_arena_init(&arena, 1024);
    kdm_tx_wait_settle(wait, KDM_OK, describe(&arena, subscribed));
    kdm_arena_fini(&arena);
}

static void begin(struct kdm_tx_wait *wait, void *ctx)
{
    struct joining *joining = ctx;

    kdm_hub_subscribe(kdm_subscriber_of(joining->hub, joining->peer), &joining->ask, on_subscribed,
                      wait);
}

static void on_replied(void *ctx)
{
    struct joining *joining = ctx;

    if (joining->peer->member != NULL)
        kdm_hub_answered(joining->peer->member, joining->channel);
}

/* Only a connection that stays can be told. */
static bool peer_possible(struct kdm_tx *tx)
{
    const struct kdm_tx_origin *origin = kdm_tx_origin(tx);

    if (kdm_subscriber_possible(origin->peer))
        return true;
    if (strcmp(origin->protocol, "funnel") == 0)
        kdm_tx_fail(tx, KDM_ERR_PLUGIN_CONTEXT_UNAVAILABLE_REALTIME, KDM_PROPS(origin->action));
    else
        kdm_tx_fail(tx, KDM_ERR_API_ASSERT_UNSUPPORTED_PROTOCOL,
                    KDM_PROPS(kdm_str_of(origin->protocol),
                              kdm_arena_printf(kdm_tx_arena(tx), "realtime:" KDM_FMT,
                                               KDM_ARG(origin->action))));
    return false;
}

static enum kdm_outcome join(struct kdm_tx *tx, const struct kdm_subscribe *ask)
{
    struct joining *joining = kdm_arena_zalloc(kdm_tx_arena(tx), sizeof(*joining));
    struct kdm_str answer;

    joining->peer = kdm_tx_origin(tx)->peer;
    joining->hub = kdm_server_of(tx)->hub;
    joining->ask = *ask;
    if (!kdm_tx_once(tx, KDM_STR("join"), begin, joining, &answer))
        return KDM_WAIT;
    if (kdm_str_none(answer))
        return kdm_tx_fail(tx, KDM_ERR_CORE_REALTIME_ROOM_NOT_FOUND, KDM_PROPS(ask->room));
    joining->channel =
        kdm_val_str(kdm_tx_arena(tx),
                    kdm_val_get(kdm_json_parse(kdm_tx_arena(tx), answer), KDM_STR("channel")));
    kdm_tx_on_replied(tx, on_replied, joining);
    return kdm_tx_reply(tx, answer);
}

enum kdm_outcome kdm_realtime_subscribe(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_subscribe ask = { 0 };
    struct kdm_failure failure;

    if (!peer_possible(tx) || !target_possible(tx, args) || !read_options(tx, args, &ask))
        return KDM_WAIT;
    ask.filter = kdm_filter_parse(args->arena, kdm_hub_limits(kdm_server_of(tx)->hub),
                                  kdm_args_str(args, KDM_ARG_INDEX),
                                  kdm_args_str(args, KDM_ARG_COLLECTION), args->body, &failure);
    if (ask.filter == NULL)
        return kdm_tx_fail_with(tx, &failure);
    return join(tx, &ask);
}

/* Is the room of a collection that the caller may join rooms of? */
static bool is_allowed(struct kdm_tx *tx, struct kdm_val rooms, struct kdm_str room)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val_iter indexes, collections;
    struct kdm_val index, of_index, collection, of_collection;

    for (kdm_members(&indexes, rooms); kdm_member_next(&indexes, &index, &of_index);) {
        kdm_members(&collections, of_index);
        while (kdm_member_next(&collections, &collection, &of_collection)) {
            if (!kdm_val_none(kdm_val_get(of_collection, room)))
                return kdm_security_may(tx, KDM_STR("realtime"), KDM_STR("join"),
                                        kdm_val_str(arena, index), kdm_val_str(arena, collection));
        }
    }
    return false;
}

/* A room's id can be worked out from its filter, and the request names no index: so of whoever is
 * restricted to some indexes, the room's own is looked at. One of another is not there for him. */
static bool check_restrictions(struct kdm_tx *tx, struct kdm_str room)
{
    const struct kdm_str nowhere = KDM_STR("*");
    struct kdm_val rooms;

    if (kdm_security_may(tx, KDM_STR("realtime"), KDM_STR("join"), nowhere, nowhere))
        return true;
    if (!kdm_realtime_rooms(tx, &rooms))
        return false;
    if (!is_allowed(tx, rooms, room))
        kdm_tx_fail(tx, KDM_ERR_CORE_REALTIME_ROOM_NOT_FOUND, KDM_PROPS(room));
    return kdm_tx_failure(tx)->err == KDM_OK;
}

enum kdm_outcome kdm_realtime_join(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_subscribe ask = { .room = kdm_args_str(args, KDM_ARG_BODY_ROOM_ID) };

    if (!peer_possible(tx) || !read_options(tx, args, &ask) || !check_restrictions(tx, ask.room))
        return KDM_WAIT;
    return join(tx, &ask);
}

/* --- unsubscribing --------------------------------------------------------------------------- */

static void leave(struct kdm_tx_wait *wait, void *ctx)
{
    const struct joining *leaving = ctx;
    bool left =
        leaving->peer->member != NULL
        && kdm_hub_unsubscribe(leaving->peer->member, leaving->ask.room, leaving->ask.timestamp);

    kdm_tx_wait_settle(wait, KDM_OK, left ? KDM_STR("left") : KDM_STR_NONE);
}

enum kdm_outcome kdm_realtime_unsubscribe(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_tx_origin *origin = kdm_tx_origin(tx);
    struct joining *leaving = kdm_arena_zalloc(args->arena, sizeof(*leaving));
    struct kdm_str room = kdm_args_str(args, KDM_ARG_BODY_ROOM_ID), left;

    if (!peer_possible(tx))
        return KDM_WAIT;
    leaving->peer = origin->peer;
    leaving->ask.room = room;
    leaving->ask.timestamp = origin->timestamp;
    if (!kdm_tx_once(tx, KDM_STR("leave"), leave, leaving, &left))
        return KDM_WAIT;
    if (kdm_str_none(left))
        return kdm_tx_fail(
            tx, KDM_ERR_CORE_REALTIME_NOT_SUBSCRIBED,
            KDM_PROPS(((struct kdm_str){ .ptr = origin->peer->id, .len = KDM_UUID_LEN }), room));
    return kdm_tx_reply(tx, kdm_json_pair(args->arena, "roomId", room));
}

/* --- publishing ------------------------------------------------------------------------------ */

/* The message with who sent it and when, as a document would have it. */
static struct kdm_str with_author(struct kdm_tx *tx, struct kdm_val message)
{
    const struct kdm_tx_origin *origin = kdm_tx_origin(tx);
    struct kdm_buf info;

    kdm_buf_init(&info, kdm_tx_arena(tx), 96);
    kdm_buf_lit(&info, "{\"author\":");
    if (kdm_str_none(origin->kuid))
        kdm_buf_lit(&info, "null");
    else
        kdm_json_put_str(&info, origin->kuid);
    kdm_buf_lit(&info, ",\"createdAt\":");
    kdm_buf_int(&info, kdm_tx_now(tx));
    kdm_buf_char(&info, '}');
    return kdm_tx_with_info(tx, message, kdm_buf_str(&info));
}

/* The message as the specifications of its collection have it, if it has any. Most collections that
 * are there say of themselves that they have none. */
static bool specified_message(struct kdm_tx *tx, const struct kdm_args *args,
                              struct kdm_val *ret_message)
{
    struct kdm_str index = kdm_args_str(args, KDM_ARG_INDEX);
    struct kdm_str name = kdm_args_str(args, KDM_ARG_COLLECTION);
    struct kdm_collection *collection;

    if (!kdm_tx_find_collection(tx, index, name, &collection))
        return false;
    *ret_message = args->body;
    return (collection != NULL && collection->unspecified)
           || kdm_specified_check(tx, index, name, kdm_args_str(args, KDM_ARG__ID), args->body,
                                  ret_message);
}

enum kdm_outcome kdm_realtime_publish(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str index = kdm_args_str(args, KDM_ARG_INDEX);
    struct kdm_str collection = kdm_args_str(args, KDM_ARG_COLLECTION);
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID);
    struct kdm_val message;

    if (!target_possible(tx, args) || !specified_message(tx, args, &message))
        return KDM_WAIT;
    kdm_tx_message(tx, KDM_MESSAGE_PUBLISHED, index, collection, id, with_author(tx, message));
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("{\"published\":true}"));
}

/* The old name of document:validate. */
enum kdm_outcome kdm_realtime_validate(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_document_validate(tx, args);
}
