/* census.c - who is where, on all nodes: realtime:count and realtime:list. */
#include "realtime/hub_private.h"

#include <stdlib.h>

/* --- one room -------------------------------------------------------------------------------- */

struct counting {
    kdm_hub_counted_fn *fn;
    void *ctx;
};

static void on_found(void *ctx, const struct kdm_presence_found *found)
{
    struct counting *counting = ctx;

    counting->fn(counting->ctx, found->err, found->connections);
    free(counting);
}

void kdm_hub_count(struct kdm_hub *hub, struct kdm_str room, int64_t deadline_ms,
                   kdm_hub_counted_fn *fn, void *ctx)
{
    struct counting *counting = kdm_malloc(sizeof(*counting));

    *counting = (struct counting){ fn, ctx };
    kdm_presence_find(hub->presence, room, deadline_ms, on_found, counting);
}

/* --- all rooms ------------------------------------------------------------------------------- */

struct listing {
    struct kdm_arena arena;
    struct kdm_table *rooms; /* id -> struct listed */
    kdm_hub_listed_fn *fn;
    void *ctx;
};

/* A room while its nodes are added up. */
struct listed {
    struct kdm_hub_room room;
    size_t node;    /* the last that told of it.. */
    uint64_t there; /* ..and how many it told: a node may tell twice */
};

static int by_name(const void *a, const void *b)
{
    const struct kdm_hub_room *left = *(struct kdm_hub_room *const *)a,
                              *right = *(struct kdm_hub_room *const *)b;
    int order = kdm_str_cmp(left->index, right->index);

    if (order == 0)
        order = kdm_str_cmp(left->collection, right->collection);
    return order != 0 ? order : kdm_str_cmp(left->room, right->room);
}

static void finish(struct listing *listing, enum kdm_err err)
{
    size_t count = 0, cursor = 0;
    struct kdm_hub_room **rooms =
        kdm_arena_alloc(&listing->arena, (kdm_table_count(listing->rooms) + 1) * sizeof(*rooms));
    struct kdm_str key;
    void *value;

    while (kdm_table_next(listing->rooms, &cursor, &key, &value))
        rooms[count++] = &((struct listed *)value)->room;
    qsort(rooms, count, sizeof(struct kdm_hub_room *), by_name);
    listing->fn(listing->ctx, err, rooms, count);
    kdm_table_destroy(listing->rooms, NULL);
    kdm_arena_fini(&listing->arena);
    free(listing);
}

static struct listed *add_room(struct listing *listing, const struct kdm_presence_listed *told)
{
    struct listed *listed = kdm_arena_zalloc(&listing->arena, sizeof(*listed));

    listed->room.room = kdm_arena_copy(&listing->arena, told->room);
    listed->room.index = kdm_arena_copy(&listing->arena, told->index);
    listed->room.collection = kdm_arena_copy(&listing->arena, told->collection);
    kdm_table_put(listing->rooms, listed->room.room, listed);
    return listed;
}

static void on_listed(void *ctx, const struct kdm_presence_listed *told)
{
    struct listing *listing = ctx;
    struct listed *listed;

    if (kdm_str_none(told->room)) {
        finish(listing, told->err);
        return;
    }
    listed = kdm_table_get(listing->rooms, told->room);
    if (listed == NULL)
        listed = add_room(listing, told);
    else if (listed->node == told->node)
        listed->room.connections -= listed->there;
    listed->node = told->node;
    listed->there = told->connections;
    listed->room.connections += told->connections;
}

void kdm_hub_list(struct kdm_hub *hub, int64_t deadline_ms, kdm_hub_listed_fn *fn, void *ctx)
{
    struct listing *listing = kdm_zalloc(sizeof(*listing));
    struct kdm_hash_seed seed;

    kdm_random_fill(kdm_store_random(hub->options.store), &seed, sizeof(seed));
    kdm_arena_init(&listing->arena, 16384);
    listing->rooms = kdm_table_create(&seed);
    listing->fn = fn;
    listing->ctx = ctx;
    kdm_presence_list(hub->presence, deadline_ms, on_listed, listing);
}
