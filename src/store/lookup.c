/* lookup.c - reading the catalogue from Redis.
 * Check and definition are read in one script, so that a definition is never paired with a mapping version it
 * does not have.
 */
#include "base/log.h"
#include "redis_scripts.gen.h"
#include "store/store_private.h"

#include <stdlib.h>

struct lookup {
    struct kdm_store *store;
    struct kdm_str index, name;
    kdm_store_lookup_fn *one;
    kdm_store_collections_fn *all;
    void *ctx;
};

static struct lookup *lookup_begin(struct kdm_store *store, struct kdm_str index, struct kdm_str name,
                                   void *ctx)
{
    struct lookup *lookup = kdm_zalloc(sizeof(*lookup) + index.len + name.len);
    char *text = (char *)(lookup + 1);

    lookup->store = store;
    lookup->ctx = ctx;
    memcpy(text, index.ptr, index.len);
    if (name.len > 0)
        memcpy(text + index.len, name.ptr, name.len);
    lookup->index = (struct kdm_str){ text, index.len };
    lookup->name = (struct kdm_str){ text + index.len, name.len };
    return lookup;
}

/* The collections of a reply, remembered; the array is the caller's to free, its entries are lent. */
static struct kdm_collection **collections_of(struct lookup *lookup, const redisReply *reply,
                                              size_t *ret_count)
{
    struct kdm_collection **found = kdm_malloc(reply->elements * sizeof(*found) + 1);
    size_t count = 0;

    for (size_t i = 1; i + 2 < reply->elements; i += 3) {
        struct kdm_str name = kdm_reply_str(reply->element[i]);
        struct kdm_collection *known = kdm_store_known(lookup->store, lookup->index, name);
        struct kdm_collection *collection;

        if (known != NULL && kdm_str_eq(known->check, kdm_reply_str(reply->element[i + 1]))) {
            found[count++] = known;
            continue;
        }
        collection = kdm_catalogue_collection(kdm_store_index(lookup->store, lookup->index), name,
                                           kdm_reply_str(reply->element[i + 1]),
                                           kdm_reply_str(reply->element[i + 2]));
        if (collection == NULL) {
            kdm_log_error("store: collection " KDM_FMT "/" KDM_FMT " has a definition that can't be read",
                          KDM_ARG(lookup->index), KDM_ARG(name));
            continue;
        }
        kdm_store_remember(lookup->store, collection);
        found[count++] = collection;
    }
    *ret_count = count;
    return found;
}

static void on_found(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct lookup *lookup = ctx;
    enum kdm_err err = kdm_store_error_of(outcome, reply);
    struct kdm_collection **found = NULL;
    bool exists = false;
    size_t count = 0;

    if (err == KDM_OK) {
        exists = reply->elements > 0 && reply->element[0]->type == REDIS_REPLY_STRING;
        found = collections_of(lookup, reply, &count);
    }
    if (lookup->one != NULL) {
        if (err == KDM_OK && count == 0)
            kdm_store_forget(lookup->store, lookup->index, lookup->name);
        lookup->one(lookup->ctx, err, exists, count > 0 ? found[0] : NULL);
    } else {
        lookup->all(lookup->ctx, err, exists, found, count);
    }
    free(found);
    free(lookup);
}

static void send_lookup(struct lookup *lookup, int64_t deadline_ms)
{
    struct kdm_index *index = kdm_table_get(lookup->store->indexes, lookup->index);
    struct kdm_index *made = NULL;
    struct kdm_str args[3];

    /* A name that nobody knows yet may be one that does not exist: it leaves no entry behind. */
    if (index == NULL)
        index = made = kdm_catalogue_index(lookup->index);
    args[0] = index->meta_key;
    args[1] = index->catalogue_key;
    args[2] = lookup->name;
    kdm_redis_eval(lookup->store->redis, &kdm_script_lookup, args, 2, lookup->one != NULL ? 3 : 2,
                   deadline_ms, on_found, lookup);
    kdm_index_unref(made);
}

void kdm_store_lookup(struct kdm_store *store, struct kdm_str index, struct kdm_str name,
                      int64_t deadline_ms, kdm_store_lookup_fn *fn, void *ctx)
{
    struct lookup *lookup = lookup_begin(store, index, name, ctx);

    lookup->one = fn;
    send_lookup(lookup, deadline_ms);
}

void kdm_store_list_collections(struct kdm_store *store, struct kdm_str index, int64_t deadline_ms,
                                kdm_store_collections_fn *fn, void *ctx)
{
    struct lookup *lookup = lookup_begin(store, index, KDM_STR(""), ctx);

    lookup->all = fn;
    send_lookup(lookup, deadline_ms);
}
