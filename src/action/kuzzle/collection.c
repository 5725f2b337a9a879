/* collection.c - collections: their life, mappings and settings. */
#include "action/kuzzle/collection_definition.h"
#include "action/kuzzle/collection_stage.h"
#include "action/kuzzle/realtime.h"
#include "action/kuzzle/reindex.h"

/* --- create and update ----------------------------------------------------------------------- */

enum kdm_outcome kdm_collection_create(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_collection_wish wish = kdm_collection_wish_of(args->body);

    if (!kdm_collection_stage(tx, kdm_args_str(args, KDM_ARG_INDEX),
                              kdm_args_str(args, KDM_ARG_COLLECTION), &wish)
        || !kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_reply_acknowledged(tx);
}

/* Does a mapping that took up nothing take up what documents hold from now on? */
static bool becomes_dynamic(struct kdm_arena *arena, const struct kdm_collection *collection,
                            struct kdm_str definition)
{
    struct kdm_val mappings = kdm_val_get(kdm_json_parse(arena, definition), KDM_STR("mappings"));

    return kdm_mapping_root(collection->mapping)->dynamic == KDM_DYNAMIC_FALSE
           && kdm_val_str_eq(kdm_val_get(mappings, KDM_STR("dynamic")), KDM_STR("true"));
}

enum kdm_outcome kdm_collection_update(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_collection_wish wish = { .mappings = kdm_args_val(args, KDM_ARG_BODY_MAPPINGS),
                                              .settings =
                                                  kdm_args_val(args, KDM_ARG_BODY_SETTINGS) };
    struct kdm_collection *collection;
    struct kdm_str definition;

    if (!kdm_target_fresh(tx, args, &collection)
        || !kdm_collection_stage_update(tx, collection, &wish, &definition))
        return KDM_WAIT;
    if (becomes_dynamic(args->arena, collection, definition)
        || kdm_args_bool(args, KDM_ARG_BODY_REINDEX_COLLECTION))
        kdm_reindex(tx, collection);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR("null")) : KDM_WAIT;
}

enum kdm_outcome kdm_collection_update_mapping(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_collection_wish wish = { .mappings = args->body, .settings = KDM_VAL_NONE };
    struct kdm_collection *collection;
    struct kdm_str definition;

    if (!kdm_target_fresh(tx, args, &collection)
        || !kdm_collection_stage_update(tx, collection, &wish, &definition) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, kdm_val_text(kdm_val_get(kdm_json_parse(args->arena, definition),
                                                     KDM_STR("mappings"))));
}

/* --- looking ---------------------------------------------------------------------------------- */

enum kdm_outcome kdm_collection_exists(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str index = kdm_args_str(args, KDM_ARG_INDEX);
    struct kdm_str name = kdm_args_str(args, KDM_ARG_COLLECTION);
    struct kdm_collection *collection;

    if (kdm_index_is_private(index))
        return kdm_tx_reply(tx, KDM_STR("false"));
    if (!kdm_tx_find_collection(tx, index, name, &collection)
        || !kdm_tx_refresh_collection(tx, index, name))
        return KDM_WAIT;
    return kdm_tx_reply(tx, collection != NULL ? KDM_STR("true") : KDM_STR("false"));
}

enum kdm_outcome kdm_collection_get_mapping(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;
    struct kdm_buf buf;

    if (!kdm_target_fresh(tx, args, &collection))
        return KDM_WAIT;
    kdm_buf_init(&buf, kdm_tx_arena(tx), 512);
    kdm_mapping_render(collection->mapping, &buf, kdm_args_bool(args, KDM_ARG_INCLUDE_KUZZLE_META));
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

enum kdm_outcome kdm_collection_get_settings(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_collection *collection;
    struct kdm_str settings;
    struct kdm_buf buf;

    if (!kdm_target_fresh(tx, args, &collection))
        return KDM_WAIT;
    settings = kdm_collection_settings(arena, collection);
    kdm_buf_init(&buf, arena, 128);
    kdm_settings_show(
        arena, kdm_str_none(settings) ? KDM_VAL_NONE : kdm_json_parse(arena, settings), &buf);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* --- list ------------------------------------------------------------------------------------- */

/* from and size as the request has them; size 0: all. */
struct page {
    int64_t from, size;
};

static struct page page_of(const struct kdm_args *args)
{
    struct page page = { .from = kdm_args_int(args, KDM_ARG_FROM, 0),
                         .size = kdm_args_int(args, KDM_ARG_SIZE, 0) };

    page.from = page.from < 0 ? 0 : page.from;
    page.size = page.size < 0 ? 0 : page.size;
    return page;
}

/* A collection as the list shows it: stored, or with rooms in it. One may be both, and stands there
 * twice then. */
struct shown {
    struct kdm_str name;
    bool stored;
};

struct shown_list {
    struct shown *items;
    size_t count;
};

static void show(struct shown_list *list, struct kdm_str name, bool stored)
{
    list->items[list->count++] = (struct shown){ .name = name, .stored = stored };
}

/* Both are sorted by name. */
static struct shown_list merge(struct kdm_arena *arena, const struct kdm_collection_list *stored,
                               struct kdm_val rooms)
{
    struct shown_list list = { NULL, 0 };
    struct kdm_val_iter it;
    struct kdm_val name, value;
    size_t next = 0;

    list.items = kdm_arena_alloc(arena, (stored->count + kdm_val_count(rooms) + 1) * sizeof(*list.items));
    for (kdm_members(&it, rooms); kdm_member_next(&it, &name, &value);) {
        struct kdm_str open = kdm_val_str(arena, name);

        while (next < stored->count && kdm_str_cmp(stored->items[next]->name, open) <= 0)
            show(&list, stored->items[next++]->name, true);
        show(&list, open, false);
    }
    while (next < stored->count)
        show(&list, stored->items[next++]->name, true);
    return list;
}

static void put_names(struct kdm_buf *buf, const struct shown_list *list, struct page page)
{
    size_t end = list->count;

    if (page.size > 0 && page.from < (int64_t)list->count
        && page.size < (int64_t)list->count - page.from)
        end = (size_t)(page.from + page.size);
    for (size_t i = (size_t)page.from; i < end; i++) {
        if (i > (size_t)page.from)
            kdm_buf_char(buf, ',');
        kdm_buf_lit(buf, "{\"name\":");
        kdm_json_put_str(buf, list->items[i].name);
        kdm_buf_put(buf, list->items[i].stored ? KDM_STR(",\"type\":\"stored\"}")
                                               : KDM_STR(",\"type\":\"realtime\"}"));
    }
}

static void put_page(struct kdm_buf *buf, const struct kdm_args *args, struct page page)
{
    if (kdm_args_has(args, KDM_ARG_FROM)) {
        kdm_buf_lit(buf, ",\"from\":");
        kdm_buf_int(buf, page.from);
    }
    if (kdm_args_has(args, KDM_ARG_SIZE)) {
        kdm_buf_lit(buf, ",\"size\":");
        kdm_buf_int(buf, page.size);
    }
}

/* What is to be listed of the index; false: wait, or it has failed. */
static bool list_index(struct kdm_tx *tx, struct kdm_str index, struct kdm_str type,
                       struct shown_list *ret_list)
{
    struct kdm_collection_list stored;
    struct kdm_val rooms = KDM_VAL_NONE;
    bool exists, known = kdm_tx_collection_list(tx, index, &exists, &stored);

    if (!kdm_str_eq(type, KDM_STR("stored")) && !kdm_realtime_rooms(tx, &rooms))
        return false;
    if (!known)
        return false;
    if (!exists) {
        kdm_target_unknown_index(tx, index);
        return false;
    }
    if (kdm_str_eq(type, KDM_STR("realtime")))
        stored.count = 0;
    *ret_list = merge(kdm_tx_arena(tx), &stored, kdm_val_get(rooms, index));
    return true;
}

enum kdm_outcome kdm_collection_list(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str index = kdm_args_str(args, KDM_ARG_INDEX);
    struct kdm_str type =
        kdm_args_has(args, KDM_ARG_TYPE) ? kdm_args_str(args, KDM_ARG_TYPE) : KDM_STR("all");
    struct page page = page_of(args);
    struct shown_list list;
    struct kdm_buf buf;

    if (kdm_index_is_private(index))
        return kdm_target_unknown_index(tx, index);
    if (!list_index(tx, index, type, &list))
        return KDM_WAIT;
    kdm_buf_init(&buf, kdm_tx_arena(tx), 512);
    kdm_buf_lit(&buf, "{\"collections\":[");
    put_names(&buf, &list, page);
    kdm_buf_lit(&buf, "],\"type\":");
    kdm_json_put_str(&buf, type);
    put_page(&buf, args, page);
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* --- emptying --------------------------------------------------------------------------------- */

enum kdm_outcome kdm_collection_delete(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;

    if (!kdm_target_collection(tx, args, &collection))
        return KDM_WAIT;
    kdm_tx_delete_collection(tx, collection);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR("null")) : KDM_WAIT;
}

enum kdm_outcome kdm_collection_truncate(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;

    if (!kdm_target_collection(tx, args, &collection))
        return KDM_WAIT;
    kdm_tx_truncate(tx, collection);
    return kdm_tx_commit(tx) ? kdm_reply_acknowledged(tx) : KDM_WAIT;
}

/* Searches see every write at once, so there is nothing to refresh but the claim that the
 * collection is there. */
enum kdm_outcome kdm_collection_refresh(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;

    return kdm_target_fresh(tx, args, &collection) ? kdm_tx_reply(tx, KDM_STR("null")) : KDM_WAIT;
}
