/* warm_up.c - large collections are read at start, so that the first search needs not wait.
 * One collection after the other, in the background: indexes are listed, then their collections,
 * then each is counted. Small ones are left to the first search that wants them; with thousands of
 * tenants most of them are never searched.
 */
#include "base/clock.h"
#include "projector/internal.h"
#include <stdlib.h>

#define LARGE  1000 /* documents */
#define ASK_MS 5000

struct warm_up {
    struct kdm_projector *projector;
    struct kdm_str *indexes; /* own texts */
    size_t index_count, index;
    struct kdm_collection **collections; /* of the index; one reference each */
    size_t collection_count, collection;
    bool asking, listed;
};

static int64_t soon(void)
{
    return kdm_clock_monotonic_ms() + ASK_MS;
}

static void drop_collections(struct warm_up *warm_up)
{
    for (size_t i = warm_up->collection; i < warm_up->collection_count; i++)
        kdm_collection_unref(warm_up->collections[i]);
    free(warm_up->collections);
    warm_up->collections = NULL;
    warm_up->collection_count = warm_up->collection = 0;
}

static void end(struct warm_up *warm_up)
{
    warm_up->projector->warm_up = NULL;
    drop_collections(warm_up);
    for (size_t i = 0; i < warm_up->index_count; i++)
        free((char *)(uintptr_t)warm_up->indexes[i].ptr);
    free(warm_up->indexes);
    free(warm_up);
}

/* The answer has come; false: nobody wants it any more. */
static bool is_wanted(struct warm_up *warm_up)
{
    warm_up->asking = false;
    if (!warm_up->projector->stopped)
        return true;
    end(warm_up);
    return false;
}

/* What this process need not know is forgotten again. */
static void take(struct warm_up *warm_up, struct kdm_collection *collection, long long documents)
{
    struct kdm_projector *projector = warm_up->projector;

    if (documents >= LARGE)
        kdm_view_of(projector, collection);
    else
        kdm_store_forget(projector->store, collection->index->name, collection->name);
    kdm_collection_unref(collection);
}

static void on_count(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct warm_up *warm_up = ctx;
    long long documents = 0;

    if (!is_wanted(warm_up))
        return;
    if (err == KDM_OK && count == 1)
        (void)kdm_str_int64(values[0], &documents);
    take(warm_up, warm_up->collections[warm_up->collection++], documents);
    kdm_warm_up_go_on(warm_up->projector);
}

static void on_collections(void *ctx, enum kdm_err err, bool index_exists,
                           struct kdm_collection *const *collections, size_t count)
{
    struct warm_up *warm_up = ctx;

    (void)index_exists;
    if (!is_wanted(warm_up))
        return;
    warm_up->index++;
    warm_up->collections = kdm_malloc((count + 1) * sizeof(struct kdm_collection *));
    for (size_t i = 0; err == KDM_OK && i < count; i++)
        warm_up->collections[warm_up->collection_count++] = kdm_collection_ref(collections[i]);
    kdm_warm_up_go_on(warm_up->projector);
}

static void on_indexes(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct warm_up *warm_up = ctx;

    if (!is_wanted(warm_up))
        return;
    if (err != KDM_OK)
        return; /* the timer asks again */
    warm_up->listed = true;
    warm_up->indexes = kdm_malloc((count + 1) * sizeof(*warm_up->indexes));
    for (size_t i = 0; i < count; i++)
        warm_up->indexes[warm_up->index_count++] = kdm_heap_copy(values[i]);
    kdm_warm_up_go_on(warm_up->projector);
}

void kdm_warm_up_go_on(struct kdm_projector *projector)
{
    struct warm_up *warm_up = projector->warm_up;

    if (warm_up == NULL || warm_up->asking || projector->building > 0)
        return;
    if (warm_up->listed && warm_up->collection == warm_up->collection_count)
        drop_collections(warm_up);
    if (warm_up->listed && warm_up->collection_count == 0
        && warm_up->index == warm_up->index_count) {
        end(warm_up);
        return;
    }
    warm_up->asking = true;
    if (!warm_up->listed)
        kdm_store_list_indexes(projector->store, soon(), on_indexes, warm_up);
    else if (warm_up->collection < warm_up->collection_count)
        kdm_store_count(projector->store, warm_up->collections[warm_up->collection], soon(),
                        on_count, warm_up);
    else
        kdm_store_list_collections(projector->store, warm_up->indexes[warm_up->index], soon(),
                                   on_collections, warm_up);
}

void kdm_projector_warm_up(struct kdm_projector *projector)
{
    projector->warm_up = kdm_zalloc(sizeof(*projector->warm_up));
    projector->warm_up->projector = projector;
    kdm_warm_up_go_on(projector);
}

void kdm_warm_up_stop(struct kdm_projector *projector)
{
    if (projector->warm_up != NULL && !projector->warm_up->asking)
        end(projector->warm_up);
}
