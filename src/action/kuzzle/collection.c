/* collection.c - collections: their life, mappings and settings.
 * A change of a mapping is committed against the mapping it was merged into, so two that come at
 * once are merged one after the other, whichever nodes they reach. Documents that are there are not
 * checked again.
 */
#include "action/kuzzle/collection_definition.h"
#include "action/kuzzle/index.h"
#include "action/kuzzle/specified.h"
#include "store/names.h"

/* --- create and update ----------------------------------------------------------------------- */

/* What the request wants the collection to be. */
struct wish {
    struct kdm_val mappings, settings;
};

/* create takes {mappings?, settings?}, or a bare mapping as older clients send it. */
static struct wish wish_to_create(const struct kdm_args *args)
{
    struct wish wish = { .mappings = kdm_args_val(args, KDM_ARG_BODY_MAPPINGS),
                         .settings = kdm_args_val(args, KDM_ARG_BODY_SETTINGS) };

    if (kdm_val_none(wish.mappings) && kdm_val_none(wish.settings))
        wish.mappings = args->body;
    return wish;
}

/* Commits the wish, merged into what is there. *ret_definition: what the collection then is. */
static bool update_collection(struct kdm_tx *tx, struct kdm_collection *collection,
                              const struct wish *wish, struct kdm_str *ret_definition)
{
    struct kdm_failure failure;
    bool changed;

    if (!kdm_definition_update(kdm_tx_arena(tx), collection->mapping, collection->definition,
                               wish->mappings, wish->settings, ret_definition, &changed,
                               &failure)) {
        kdm_tx_fail_with(tx, &failure);
        return false;
    }
    if (!changed)
        return true;
    kdm_tx_set_collection(tx, collection->index->name, collection->name, collection,
                          *ret_definition);
    return kdm_tx_commit(tx);
}

/* Commits a new one, with its index when that is missing. */
static bool create_collection(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name,
                              const struct wish *wish)
{
    const struct kdm_context *server = kdm_server_of(tx);
    const struct kdm_common_mapping common = { .dynamic = server->common_dynamic,
                                               .properties = server->common_properties };
    struct kdm_failure failure;
    struct kdm_doc *specifications; /* they may be there before it */
    struct kdm_str definition;
    bool index_exists, complete;

    complete = kdm_specified_document(tx, index, name, &specifications);
    if (!kdm_tx_index(tx, index, &index_exists) || !complete)
        return false;
    if (!index_exists && !kdm_index_may_be_made(tx, index))
        return false;
    if (!kdm_definition_create(kdm_tx_arena(tx), &common, wish->mappings, wish->settings,
                               &definition, &failure)) {
        kdm_tx_fail_with(tx, &failure);
        return false;
    }
    if (!index_exists)
        kdm_tx_create_index(tx, index);
    kdm_tx_set_collection(
        tx, index, name, NULL,
        kdm_specified_definition(kdm_tx_arena(tx), definition, specifications == NULL));
    return kdm_tx_commit(tx);
}

static bool names_valid(struct kdm_tx *tx, struct kdm_str index, struct kdm_str name)
{
    enum kdm_err err = kdm_name_check_index(index);

    if (err != KDM_OK) {
        kdm_tx_fail(tx, err, KDM_PROPS(index));
        return false;
    }
    err = kdm_name_check_collection(name);
    if (err != KDM_OK)
        kdm_tx_fail(tx, err, KDM_PROPS(name));
    return err == KDM_OK;
}

enum kdm_outcome kdm_collection_create(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str index = kdm_args_str(args, KDM_ARG_INDEX);
    struct kdm_str name = kdm_args_str(args, KDM_ARG_COLLECTION), definition;
    const struct wish wish = wish_to_create(args);
    struct kdm_collection *collection;
    bool done;

    if (!names_valid(tx, index, name) || !kdm_tx_find_collection(tx, index, name, &collection)
        || !kdm_tx_refresh_collection(tx, index, name))
        return KDM_WAIT;
    if (collection == NULL)
        done = create_collection(tx, index, name, &wish);
    else
        done = update_collection(tx, collection, &wish, &definition);
    return done ? kdm_reply_acknowledged(tx) : KDM_WAIT;
}

/* reindexCollection needs no work: documents are always searched under the mapping in force. */
enum kdm_outcome kdm_collection_update(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct wish wish = { .mappings = kdm_args_val(args, KDM_ARG_BODY_MAPPINGS),
                               .settings = kdm_args_val(args, KDM_ARG_BODY_SETTINGS) };
    struct kdm_collection *collection;
    struct kdm_str definition;

    if (!kdm_target_fresh(tx, args, &collection)
        || !update_collection(tx, collection, &wish, &definition))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("null"));
}

enum kdm_outcome kdm_collection_update_mapping(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct wish wish = { .mappings = args->body, .settings = KDM_VAL_NONE };
    struct kdm_collection *collection;
    struct kdm_str definition;

    if (!kdm_target_fresh(tx, args, &collection)
        || !update_collection(tx, collection, &wish, &definition))
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

static void put_names(struct kdm_buf *buf, const struct kdm_collection_list *list, struct page page)
{
    size_t end = list->count;

    if (page.size > 0 && page.from < (int64_t)list->count
        && page.size < (int64_t)list->count - page.from)
        end = (size_t)(page.from + page.size);
    for (size_t i = (size_t)page.from; i < end; i++) {
        if (i > (size_t)page.from)
            kdm_buf_char(buf, ',');
        kdm_buf_lit(buf, "{\"name\":");
        kdm_json_put_str(buf, list->items[i]->name);
        kdm_buf_lit(buf, ",\"type\":\"stored\"}");
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

/* Stored ones only: there are no realtime rooms yet. */
enum kdm_outcome kdm_collection_list(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str index = kdm_args_str(args, KDM_ARG_INDEX);
    struct kdm_str type =
        kdm_args_has(args, KDM_ARG_TYPE) ? kdm_args_str(args, KDM_ARG_TYPE) : KDM_STR("all");
    struct kdm_collection_list list;
    struct page page = page_of(args);
    struct kdm_buf buf;
    bool exists;

    if (kdm_index_is_private(index))
        return kdm_target_unknown_index(tx, index);
    if (!kdm_tx_collection_list(tx, index, &exists, &list))
        return KDM_WAIT;
    if (!exists)
        return kdm_target_unknown_index(tx, index);
    kdm_buf_init(&buf, kdm_tx_arena(tx), 512);
    kdm_buf_lit(&buf, "{\"collections\":[");
    if (!kdm_str_eq(type, KDM_STR("realtime")))
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
