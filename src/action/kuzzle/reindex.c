/* reindex.c - what a dynamic mapping takes up of documents that were there before it.
 * Documents are always searched under the mapping in force, so nothing of them is indexed anew: all
 * there is to do is to infer the fields that nobody has declared (reference kuzzle-semantics.md
 * 1.1). It is a job; its chunks walk the collection (action/walk.h) and each commits the mapping as
 * its documents make it. One that the mapping can't take up stays as it is, unsearched.
 * Arguments: those of kdm_walk_put_collection(); state: {"walk"}.
 */
#include "action/kuzzle/reindex.h"
#include "action/kuzzle/document.h"
#include "action/walk.h"

#define KIND "reindex"

/* What a page is looked through with. */
struct look {
    struct kdm_arena *arena;
    const struct kdm_collection *collection;
};

/* What the mapping would take up of the document, or none. */
static struct kdm_str additions_of(struct kdm_arena *arena, const struct kdm_collection *collection,
                                   const struct kdm_mapping *mapping, struct kdm_val source)
{
    struct kdm_str additions;
    struct kdm_failure failure;

    return kdm_source_check(arena, collection, mapping, source, &additions, &failure)
               ? additions
               : KDM_STR_NONE;
}

static bool adds_something(void *ctx, struct kdm_str id, struct kdm_val source)
{
    const struct look *look = ctx;

    (void)id;
    return !kdm_str_none(
        additions_of(look->arena, look->collection, look->collection->mapping, source));
}

/* The mapping as the documents that the walk has found make it. All of them have been fetched. */
static void grow(struct kdm_tx *tx, struct kdm_collection *collection, struct kdm_walk *walk)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_mapping *mapping = kdm_mapping_ref(collection->mapping);
    size_t done = 0;

    for (; done < walk->ids.count && done < KDM_WALK_CHUNK; done++) {
        struct kdm_doc *doc = NULL;
        struct kdm_failure failure;
        struct kdm_str additions;

        if (!kdm_tx_read_unchecked(tx, collection, walk->ids.items[done], &doc) || doc == NULL)
            continue;
        additions = additions_of(arena, collection, mapping, kdm_doc_source(tx, doc));
        if (!kdm_str_none(additions))
            (void)kdm_source_grow_mapping(arena, &mapping, additions, &failure);
    }
    kdm_walk_done(walk, done);
    if (mapping != collection->mapping)
        kdm_source_set_mapping(tx, collection, kdm_arena_copy(arena, kdm_mapping_text(mapping)));
    kdm_mapping_unref(mapping);
}

static void set_state(struct kdm_tx *tx, const struct kdm_walk *walk)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 128);
    kdm_buf_char(&buf, '{');
    kdm_walk_put(&buf, walk);
    kdm_buf_char(&buf, '}');
    kdm_tx_job_state(tx, kdm_buf_str(&buf));
}

static enum kdm_outcome run_chunk(struct kdm_tx *tx, struct kdm_val args, struct kdm_val state)
{
    struct kdm_walk walk = kdm_walk_read(tx, state);
    struct look *look = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(*look));
    struct kdm_collection *collection;

    if (!kdm_walk_collection(tx, args, &collection))
        return KDM_WAIT;
    *look = (struct look){ kdm_tx_arena(tx), collection };
    if (collection == NULL)
        kdm_walk_end(&walk);
    else if (!kdm_walk_find(tx, collection, adds_something, look, &walk)
             || !kdm_walk_fetch(tx, collection, &walk))
        return KDM_WAIT;
    else
        grow(tx, collection, &walk);
    if (kdm_walk_over(&walk))
        kdm_tx_job_finish(tx);
    else
        set_state(tx, &walk);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

void kdm_reindex_register_job(struct kdm_tx_engine *engine)
{
    kdm_job_register(engine, KIND, run_chunk);
}

void kdm_reindex(struct kdm_tx *tx, const struct kdm_collection *collection)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 128);
    kdm_buf_char(&buf, '{');
    kdm_walk_put_collection(&buf, collection);
    kdm_buf_char(&buf, '}');
    (void)kdm_tx_job(tx, KIND, kdm_buf_str(&buf));
}
