/* walk.c - see walk.h. */
#include "action/walk.h"
#include "redis/reply.h"

#define MOST_PAGES 32 /* without a match, in one chunk */

void kdm_walk_put_collection(struct kdm_buf *buf, const struct kdm_collection *collection)
{
    kdm_json_put_name(buf, KDM_STR("index"));
    kdm_json_put_str(buf, collection->index->name);
    kdm_json_put_name(buf, KDM_STR("collection"));
    kdm_json_put_str(buf, collection->name);
    kdm_json_put_name(buf, KDM_STR("incarnation"));
    kdm_json_put_str(buf, collection->incarnation);
}

bool kdm_walk_collection(struct kdm_tx *tx, struct kdm_val args,
                         struct kdm_collection **ret_collection)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val incarnation = kdm_val_get(args, KDM_STR("incarnation"));

    if (!kdm_tx_find_collection(tx, kdm_val_str(arena, kdm_val_get(args, KDM_STR("index"))),
                                kdm_val_str(arena, kdm_val_get(args, KDM_STR("collection"))),
                                ret_collection))
        return false;
    if (*ret_collection != NULL && !kdm_val_str_eq(incarnation, (*ret_collection)->incarnation))
        *ret_collection = NULL;
    return true;
}

struct kdm_walk kdm_walk_begin(void)
{
    return (struct kdm_walk){ .redis = KDM_STR(""), .cursor = KDM_STR("0") };
}

struct kdm_walk kdm_walk_read(struct kdm_tx *tx, struct kdm_val state)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val member = kdm_val_get(state, KDM_STR("walk")), id;
    struct kdm_val ids = kdm_val_get(member, KDM_STR("ids"));
    struct kdm_walk walk = kdm_walk_begin();
    struct kdm_val_iter it;

    if (kdm_val_type(member) != KDM_JSON_OBJECT)
        return walk;
    walk.redis = kdm_val_str(arena, kdm_val_get(member, KDM_STR("redis")));
    walk.cursor = kdm_val_str(arena, kdm_val_get(member, KDM_STR("cursor")));
    walk.end = kdm_val_type(kdm_val_get(member, KDM_STR("end"))) == KDM_JSON_TRUE;
    walk.ids.items = kdm_arena_alloc(arena, kdm_val_count(ids) * sizeof(struct kdm_str) + 1);
    for (kdm_elements(&it, ids); kdm_element_next(&it, &id);)
        walk.ids.items[walk.ids.count++] = kdm_val_str(arena, id);
    return walk;
}

void kdm_walk_put(struct kdm_buf *buf, const struct kdm_walk *walk)
{
    kdm_buf_lit(buf, "\"walk\":{\"redis\":");
    kdm_json_put_str(buf, walk->redis);
    kdm_buf_lit(buf, ",\"cursor\":");
    kdm_json_put_str(buf, walk->cursor);
    kdm_buf_put(buf, walk->end ? KDM_STR(",\"end\":true") : KDM_STR(",\"end\":false"));
    kdm_buf_lit(buf, ",\"ids\":");
    kdm_json_put_strings(buf, &walk->ids);
    kdm_buf_char(buf, '}');
}

/* What Redis calls its process: another one hashes by another seed, so a cursor is of one process.
 * false: wait, or it could not be learned (then the chunk is tried again). */
static bool find_redis(struct kdm_tx *tx, struct kdm_str *ret_redis)
{
    struct kdm_str info;

    if (!kdm_tx_redis_info(tx, &info))
        return false;
    *ret_redis = kdm_redis_info_field(info, "run_id");
    if (kdm_str_none(*ret_redis))
        kdm_tx_fail(tx, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED, NULL, 0);
    return !kdm_str_none(*ret_redis);
}

static void take_ids(struct kdm_tx *tx, const struct kdm_doc_list *docs, struct kdm_walk *walk)
{
    walk->ids.count = docs->count;
    walk->ids.items = kdm_arena_alloc(kdm_tx_arena(tx), docs->count * sizeof(struct kdm_str) + 1);
    for (size_t i = 0; i < docs->count; i++)
        walk->ids.items[i] = docs->items[i]->id;
}

bool kdm_walk_find(struct kdm_tx *tx, struct kdm_collection *collection, kdm_tx_match_fn *match,
                   void *ctx, struct kdm_walk *walk)
{
    struct kdm_doc_list docs;
    struct kdm_str redis;

    if (walk->ids.count > 0 || walk->end)
        return true;
    if (!find_redis(tx, &redis))
        return false;
    if (!kdm_str_eq(walk->redis, redis)) {
        *walk = kdm_walk_begin();
        walk->redis = redis;
    }
    for (int page = 0; page < MOST_PAGES && walk->ids.count == 0 && !walk->end; page++) {
        if (!kdm_tx_scan_page(tx, collection, walk->cursor, match, ctx, &docs, &walk->cursor))
            return false;
        walk->end = kdm_str_eq(walk->cursor, KDM_STR("0"));
        take_ids(tx, &docs, walk);
    }
    return true;
}

void kdm_walk_done(struct kdm_walk *walk, size_t count)
{
    walk->ids.items += count;
    walk->ids.count -= count;
}

void kdm_walk_end(struct kdm_walk *walk)
{
    walk->ids.count = 0;
    walk->end = true;
}

bool kdm_walk_over(const struct kdm_walk *walk)
{
    return walk->ids.count == 0 && walk->end;
}

bool kdm_walk_fetch(struct kdm_tx *tx, struct kdm_collection *collection,
                    const struct kdm_walk *walk)
{
    struct kdm_doc *ignored;
    bool all = true;

    for (size_t i = 0; i < walk->ids.count && i < KDM_WALK_CHUNK; i++)
        all = kdm_tx_read_unchecked(tx, collection, walk->ids.items[i], &ignored) && all;
    return all;
}
