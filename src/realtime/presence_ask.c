/* presence_ask.c - asking what all nodes have. See presence.h. */
#include "realtime/presence_private.h"
#include "redis_scripts.gen.h"

#include <stdlib.h>

#define PAGE_FIELDS "1000" /* of a node's counts at a time */

/* --- one room -------------------------------------------------------------------------------- */

struct finding {
    struct kdm_presence_ask ask;
    char room[KDM_ROOM_ID_LEN];
    size_t room_len;
    int64_t deadline_ms;
    kdm_presence_found_fn *fn;
    void *ctx;
};

static void on_found(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct finding *finding = ctx;
    struct kdm_presence_found found = { .err = KDM_ERR_SERVICES_CACHE_NOT_CONNECTED };

    if (outcome == KDM_REDIS_OK && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0) {
        struct kdm_str text = reply->elements > 1 ? kdm_reply_str(reply->element[1]) : KDM_STR_NONE;

        found.err = KDM_OK;
        found.connections = (uint64_t)reply->element[0]->integer;
        if (!kdm_str_none(text)) {
            found.index = kdm_str_word(&text);
            found.collection = kdm_str_word(&text);
            found.filter = text;
        }
    }
    finding->fn(finding->ctx, &found);
    free(finding);
}

static void send_find(struct kdm_presence *presence, struct kdm_presence_ask *ask)
{
    struct finding *finding = (struct finding *)ask;
    struct kdm_str args[] = { KDM_STR(PRESENCE_NODES_KEY),
                              { finding->room, finding->room_len },
                              KDM_STR(PRESENCE_COUNTS_PREFIX),
                              KDM_STR(PRESENCE_DEFINITIONS_PREFIX) };

    kdm_redis_eval(presence->redis, &kdm_script_presence_find, args, 1, 4, finding->deadline_ms,
                   on_found, finding);
}

void kdm_presence_find(struct kdm_presence *presence, struct kdm_str room, int64_t deadline_ms,
                       kdm_presence_found_fn *fn, void *ctx)
{
    struct finding *finding = kdm_malloc(sizeof(*finding));

    *finding =
        (struct finding){ .ask.send = send_find, .deadline_ms = deadline_ms, .fn = fn, .ctx = ctx };
    /* What is no room's id is asked for all the same: as one that nobody has. */
    finding->room_len = room.len == KDM_ROOM_ID_LEN ? room.len : 0;
    memcpy(finding->room, room.ptr, finding->room_len);
    kdm_presence_queue(presence, &finding->ask);
}

/* --- all rooms ------------------------------------------------------------------------------- */

struct listing {
    struct kdm_presence_ask ask;
    struct kdm_presence *presence;
    struct kdm_arena arena; /* of the nodes' names */
    struct kdm_str *nodes;
    size_t node_count, node;
    int64_t deadline_ms;
    kdm_presence_listed_fn *fn;
    void *ctx;
};

static void end_listing(struct listing *listing, enum kdm_err err)
{
    listing->fn(listing->ctx, &(struct kdm_presence_listed){ .err = err });
    kdm_arena_fini(&listing->arena);
    free(listing);
}

static void ask_page(struct listing *listing, struct kdm_str cursor);

static void tell_page(struct listing *listing, const redisReply *page)
{
    for (size_t i = 0; i + 1 < page->elements; i += 2) {
        struct kdm_presence_listed listed = { .room = kdm_reply_str(page->element[i]),
                                              .node = listing->node };
        struct kdm_str value = kdm_reply_str(page->element[i + 1]);
        long long connections = 0;

        kdm_str_int64(kdm_str_word(&value), &connections);
        kdm_str_word(&value);
        listed.connections = (uint64_t)connections;
        listed.index = kdm_str_word(&value);
        listed.collection = value;
        listing->fn(listing->ctx, &listed);
    }
}

static void on_page(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct listing *listing = ctx;
    struct kdm_str cursor;

    if (outcome != KDM_REDIS_OK || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        end_listing(listing, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED);
        return;
    }
    tell_page(listing, reply->element[1]);
    cursor = kdm_reply_str(reply->element[0]);
    if (kdm_str_eq(cursor, KDM_STR("0")))
        listing->node++;
    ask_page(listing, cursor);
}

static void ask_page(struct listing *listing, struct kdm_str cursor)
{
    struct kdm_str args[] = { KDM_STR("HSCAN"), KDM_STR_NONE, cursor, KDM_STR("COUNT"),
                              KDM_STR(PAGE_FIELDS) };

    if (listing->node == listing->node_count) {
        end_listing(listing, KDM_OK);
        return;
    }
    args[1] = listing->nodes[listing->node];
    kdm_redis_command(listing->presence->redis, args, 5, listing->deadline_ms, on_page, listing);
}

static void on_nodes(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct listing *listing = ctx;

    if (outcome != KDM_REDIS_OK || reply->type != REDIS_REPLY_ARRAY) {
        end_listing(listing, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED);
        return;
    }
    listing->node_count = reply->elements;
    listing->nodes =
        kdm_arena_alloc(&listing->arena, (reply->elements + 1) * sizeof(*listing->nodes));
    for (size_t i = 0; i < reply->elements; i++)
        listing->nodes[i] = kdm_arena_printf(&listing->arena, "%s" KDM_FMT, PRESENCE_COUNTS_PREFIX,
                                             KDM_ARG(kdm_reply_str(reply->element[i])));
    ask_page(listing, KDM_STR("0"));
}

static void send_list(struct kdm_presence *presence, struct kdm_presence_ask *ask)
{
    struct kdm_str args[] = { KDM_STR(PRESENCE_NODES_KEY) };
    struct listing *listing = (struct listing *)ask;

    kdm_redis_eval(presence->redis, &kdm_script_presence_nodes, args, 1, 1, listing->deadline_ms,
                   on_nodes, listing);
}

void kdm_presence_list(struct kdm_presence *presence, int64_t deadline_ms,
                       kdm_presence_listed_fn *fn, void *ctx)
{
    struct listing *listing = kdm_zalloc(sizeof(*listing));

    listing->ask.send = send_list;
    listing->presence = presence;
    kdm_arena_init(&listing->arena, 1024);
    listing->deadline_ms = deadline_ms;
    listing->fn = fn;
    listing->ctx = ctx;
    kdm_presence_queue(presence, &listing->ask);
}
