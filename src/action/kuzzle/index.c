/* index.c - indexes: their life, their list, their size. */
#include "action/kuzzle/index.h"
#include "security/security.h"
#include "store/names.h"
#include <stdlib.h>

static bool already_there(struct kdm_tx *tx, struct kdm_str scope, struct kdm_str index)
{
    kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_INDEX_ALREADY_EXISTS, KDM_PROPS(scope, index));
    return false;
}

bool kdm_index_may_be_made(struct kdm_tx *tx, struct kdm_str index)
{
    return !kdm_str_eq(index, KDM_STR("kuzzle")) || already_there(tx, KDM_STR("private"), index);
}

enum kdm_outcome kdm_index_create(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str index = kdm_args_str(args, KDM_ARG_INDEX);
    enum kdm_err err = kdm_name_check_index(index);
    bool exists;

    if (err != KDM_OK)
        return kdm_tx_fail(tx, err, KDM_PROPS(index));
    if (!kdm_index_may_be_made(tx, index) || !kdm_tx_index(tx, index, &exists)
        || (exists && !already_there(tx, KDM_STR("public"), index)))
        return KDM_WAIT;
    kdm_tx_create_index(tx, index);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

/* Private ones are not there for clients. */
static bool find_index(struct kdm_tx *tx, struct kdm_str index, bool *ret_exists)
{
    if (!kdm_index_is_private(index))
        return kdm_tx_index(tx, index, ret_exists);
    *ret_exists = false;
    return true;
}

enum kdm_outcome kdm_index_exists(struct kdm_tx *tx, const struct kdm_args *args)
{
    bool exists;

    if (!find_index(tx, kdm_args_str(args, KDM_ARG_INDEX), &exists))
        return KDM_WAIT;
    return kdm_tx_reply(tx, exists ? KDM_STR("true") : KDM_STR("false"));
}

enum kdm_outcome kdm_index_delete(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str index = kdm_args_str(args, KDM_ARG_INDEX);
    bool exists;

    if (!find_index(tx, index, &exists))
        return KDM_WAIT;
    if (!exists)
        return kdm_target_unknown_index(tx, index);
    kdm_tx_delete_index(tx, index);
    return kdm_tx_commit(tx) ? kdm_reply_acknowledged(tx) : KDM_WAIT;
}

/* --- several ---------------------------------------------------------------------------------- */

static bool stands_before(const struct kdm_str_list *names, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (kdm_str_eq(names->items[i], names->items[at]))
            return true;
    return false;
}

static int by_text(const void *a, const void *b)
{
    return kdm_str_cmp(*(const struct kdm_str *)a, *(const struct kdm_str *)b);
}

/* Stages the deletion of those that are there, and that the one who asks may delete, and writes
 * their names. The others are not even asked for: a commit that checked them would leave something
 * of each made-up name behind. false: wait. */
static bool delete_known(struct kdm_tx *tx, const struct kdm_str_list *names, struct kdm_buf *buf)
{
    bool complete = true, exists;
    struct kdm_str_list known;

    if (!kdm_tx_index_list(tx, &known))
        return false;
    for (size_t i = 0; i < names->count; i++) {
        if (stands_before(names, i)
            || !kdm_security_may(tx, KDM_STR("index"), KDM_STR("delete"), names->items[i],
                                 KDM_STR_NONE)
            || bsearch(&names->items[i], known.items, known.count, sizeof(*known.items), by_text)
                   == NULL)
            continue;
        if (!find_index(tx, names->items[i], &exists)) {
            complete = false; /* and ask for the others too */
            continue;
        }
        if (!exists)
            continue;
        if (buf->ptr[buf->len - 1] == '"')
            kdm_buf_char(buf, ',');
        kdm_json_put_str(buf, names->items[i]);
        kdm_tx_delete_index(tx, names->items[i]);
    }
    return complete;
}

/* In one commit, so more than its limit are refused (413) and none is deleted. */
enum kdm_outcome kdm_index_m_delete(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str_list names = kdm_args_strings(args, KDM_ARG_BODY_INDEXES);
    struct kdm_buf buf;

    if (names.count > KDM_COMMIT_MAX_WRITES)
        return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_WRITE_LIMIT_EXCEEDED, NULL, 0);
    kdm_buf_init(&buf, kdm_tx_arena(tx), 128);
    kdm_buf_lit(&buf, "{\"deleted\":[");
    if (!delete_known(tx, &names, &buf) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    kdm_buf_lit(&buf, "]}");
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* An index with its collections, for list and stats. */
struct listed {
    struct kdm_str name;
    struct kdm_collection_list collections;
};
struct listing {
    struct listed *items;
    size_t count;
};

/* All public indexes, with their collections if wanted; all are asked for before the first is
 * waited for. One that goes away meanwhile is left out. */
static bool list_indexes(struct kdm_tx *tx, bool collections, struct listing *ret_listing)
{
    struct kdm_str_list names;
    bool complete = true, exists = true;

    if (!kdm_tx_index_list(tx, &names))
        return false;
    ret_listing->count = 0;
    ret_listing->items =
        kdm_arena_zalloc(kdm_tx_arena(tx), (names.count + 1) * sizeof(struct listed));
    for (size_t i = 0; i < names.count; i++) {
        struct listed *listed = &ret_listing->items[ret_listing->count];

        if (kdm_index_is_private(names.items[i]))
            continue;
        listed->name = names.items[i];
        if (collections
            && !kdm_tx_collection_list(tx, names.items[i], &exists, &listed->collections))
            complete = false;
        else if (exists)
            ret_listing->count++;
    }
    return complete;
}

static void put_counts(struct kdm_buf *buf, const struct listing *listing)
{
    kdm_buf_lit(buf, ",\"collections\":{");
    for (size_t i = 0; i < listing->count; i++) {
        kdm_json_put_name(buf, listing->items[i].name);
        kdm_buf_int(buf, (int64_t)listing->items[i].collections.count);
    }
    kdm_buf_char(buf, '}');
}

enum kdm_outcome kdm_index_list(struct kdm_tx *tx, const struct kdm_args *args)
{
    bool counted = kdm_args_bool(args, KDM_ARG_COUNT_COLLECTION);
    struct listing listing;
    struct kdm_buf buf;

    if (!list_indexes(tx, counted, &listing))
        return KDM_WAIT;
    kdm_buf_init(&buf, kdm_tx_arena(tx), 512);
    kdm_buf_lit(&buf, "{\"indexes\":[");
    for (size_t i = 0; i < listing.count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        kdm_json_put_str(&buf, listing.items[i].name);
    }
    kdm_buf_char(&buf, ']');
    if (counted)
        put_counts(&buf, &listing);
    kdm_buf_char(&buf, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* --- stats ------------------------------------------------------------------------------------ */

/* One index, its bytes added to *bytes; false: a size is not there yet, all are asked for. */
static bool put_index_stats(struct kdm_tx *tx, struct kdm_buf *buf, const struct listed *index,
                            int64_t *bytes)
{
    int64_t total = 0, documents, size;
    bool complete = true;

    kdm_buf_lit(buf, "{\"name\":");
    kdm_json_put_str(buf, index->name);
    kdm_buf_lit(buf, ",\"collections\":[");
    for (size_t i = 0; i < index->collections.count; i++) {
        struct kdm_collection *collection = index->collections.items[i];

        if (!kdm_tx_size(tx, collection, &documents, &size)) {
            complete = false;
            continue;
        }
        total += size;
        kdm_buf_put(buf, i > 0 ? KDM_STR(",{\"name\":") : KDM_STR("{\"name\":"));
        kdm_json_put_str(buf, collection->name);
        kdm_buf_printf(buf, ",\"documentCount\":%lld,\"size\":%lld}", (long long)documents,
                       (long long)size);
    }
    kdm_buf_printf(buf, "],\"size\":%lld}", (long long)total);
    *bytes += total;
    return complete;
}

enum kdm_outcome kdm_index_stats(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct listing listing;
    struct kdm_buf buf;
    int64_t bytes = 0;
    bool complete = true;

    (void)args;
    if (!list_indexes(tx, true, &listing))
        return KDM_WAIT;
    kdm_buf_init(&buf, kdm_tx_arena(tx), 1024);
    kdm_buf_lit(&buf, "{\"indexes\":[");
    for (size_t i = 0; i < listing.count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        complete = put_index_stats(tx, &buf, &listing.items[i], &bytes) && complete;
    }
    if (!complete)
        return KDM_WAIT;
    kdm_buf_printf(&buf, "],\"size\":%lld}", (long long)bytes);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}
