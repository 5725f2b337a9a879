/* realtime_census.c - realtime:count and list: connections in rooms, on all nodes. */
#include "action/kuzzle/realtime.h"
#include "base/clock.h"
#include "security/security.h"

#define ASK_TIMEOUT_MS 5000

/* --- count ----------------------------------------------------------------------------------- */

struct counting {
    struct kdm_hub *hub;
    struct kdm_str room;
};

static void on_counted(void *ctx, enum kdm_err err, uint64_t connections)
{
    struct kdm_arena arena;

    kdm_arena_init(&arena, 256);
    kdm_tx_wait_settle(
        ctx, err, kdm_arena_printf(&arena, "{\"count\":%llu}", (unsigned long long)connections));
    kdm_arena_fini(&arena);
}

static void count(struct kdm_tx_wait *wait, void *ctx)
{
    const struct counting *counting = ctx;

    kdm_hub_count(counting->hub, counting->room, kdm_clock_monotonic_ms() + ASK_TIMEOUT_MS,
                  on_counted, wait);
}

enum kdm_outcome kdm_realtime_count(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct counting *counting = kdm_arena_alloc(args->arena, sizeof(*counting));
    struct kdm_str answer;

    *counting = (struct counting){ .hub = kdm_server_of(tx)->hub,
                                   .room = kdm_args_str(args, KDM_ARG_BODY_ROOM_ID) };
    if (!kdm_tx_once(tx, KDM_STR("count"), count, counting, &answer))
        return KDM_WAIT;
    return kdm_tx_reply(tx, answer);
}

/* --- list ------------------------------------------------------------------------------------ */

static void put_member(struct kdm_buf *buf, struct kdm_str name)
{
    kdm_json_put_name(buf, name);
    kdm_buf_char(buf, '{');
}

/* {index:{collection:{room:connections}}} of a sorted list. */
static void put_rooms(struct kdm_buf *buf, struct kdm_hub_room *const *rooms, size_t room_count)
{
    const struct kdm_hub_room *last = NULL;

    kdm_buf_char(buf, '{');
    for (size_t i = 0; i < room_count; i++) {
        const struct kdm_hub_room *room = rooms[i];
        bool same_index = last != NULL && kdm_str_eq(last->index, room->index);
        bool same_collection = same_index && kdm_str_eq(last->collection, room->collection);

        if (last != NULL && !same_collection)
            kdm_buf_char(buf, '}');
        if (last != NULL && !same_index)
            kdm_buf_char(buf, '}');
        if (!same_index)
            put_member(buf, room->index);
        if (!same_collection)
            put_member(buf, room->collection);
        kdm_json_put_name(buf, room->room);
        kdm_buf_int(buf, (int64_t)room->connections);
        last = room;
    }
    kdm_buf_put(buf, last == NULL ? KDM_STR("}") : KDM_STR("}}}"));
}

static void on_listed(void *ctx, enum kdm_err err, struct kdm_hub_room *const *rooms,
                      size_t room_count)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, NULL, 4096);
    put_rooms(&buf, rooms, room_count);
    kdm_tx_wait_settle(ctx, err, kdm_buf_str(&buf));
    kdm_buf_fini(&buf);
}

static void list(struct kdm_tx_wait *wait, void *ctx)
{
    kdm_hub_list(ctx, kdm_clock_monotonic_ms() + ASK_TIMEOUT_MS, on_listed, wait);
}

bool kdm_realtime_rooms(struct kdm_tx *tx, struct kdm_val *ret_rooms)
{
    struct kdm_str answer;

    if (!kdm_tx_once(tx, KDM_STR("list"), list, kdm_server_of(tx)->hub, &answer))
        return false;
    *ret_rooms = kdm_json_parse(kdm_tx_arena(tx), answer);
    return true;
}

static bool may_subscribe(struct kdm_tx *tx, struct kdm_val index, struct kdm_val collection)
{
    return kdm_security_may(tx, KDM_STR("realtime"), KDM_STR("subscribe"),
                            kdm_val_str(kdm_tx_arena(tx), index),
                            kdm_val_str(kdm_tx_arena(tx), collection));
}

/* The collections of one index that may be shown; the index itself is not, when there are none. */
static void put_allowed(struct kdm_tx *tx, struct kdm_buf *buf, struct kdm_val index,
                        struct kdm_val collections)
{
    struct kdm_val_iter it;
    struct kdm_val name, rooms;
    bool any = false;

    for (kdm_members(&it, collections); kdm_member_next(&it, &name, &rooms);) {
        if (!may_subscribe(tx, index, name))
            continue;
        if (!any)
            put_member(buf, kdm_val_str(kdm_tx_arena(tx), index));
        any = true;
        kdm_json_put_name(buf, kdm_val_str(kdm_tx_arena(tx), name));
        kdm_buf_put(buf, kdm_val_text(rooms));
    }
    if (any)
        kdm_buf_char(buf, '}');
}

enum kdm_outcome kdm_realtime_list(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val_iter it;
    struct kdm_val rooms, index, collections;
    struct kdm_buf buf;

    if (!kdm_realtime_rooms(tx, &rooms))
        return KDM_WAIT;
    kdm_buf_init(&buf, args->arena, kdm_val_text(rooms).len);
    kdm_buf_char(&buf, '{');
    for (kdm_members(&it, rooms); kdm_member_next(&it, &index, &collections);)
        put_allowed(tx, &buf, index, collections);
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}
