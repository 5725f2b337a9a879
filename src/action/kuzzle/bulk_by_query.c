/* bulk_by_query.c - bulk:deleteByQuery and bulk:updateByQuery: any number of documents.
 * The deciding commit stores a job; its chunks walk the collection (walk.h), each atomic with the
 * place behind it, so any node goes on after a crash. A document that comes to match after its page
 * was read is not looked at again. When Redis is restarted meanwhile the walk begins anew, and what
 * has been updated already and still matches is updated, and counted, once more. Nobody is notified
 * and no metadata changes. Arguments:
 * {"index","collection","incarnation","lang","now","query","changes"?}; state: {"walk","count"};
 * result: the count.
 */
#include "action/kuzzle/by_query.h"
#include "action/kuzzle/document.h"
#include "action/walk.h"

#define DELETE_KIND "bulk-delete"
#define UPDATE_KIND "bulk-update"

/* What the one commit of a chunk takes, well below its limit. */
#define MOST_BYTES (KDM_COMMIT_MAX_BYTES / 2)

/* --- the job ------------------------------------------------------------------------------- */

struct chunk {
    struct kdm_tx *tx;
    struct kdm_val args;
    struct kdm_collection *collection;
    struct kdm_val changes; /* NONE: delete */
    struct kdm_walk walk;
    int64_t count;        /* so far */
    size_t staged, bytes; /* by this chunk */
};

static int64_t number_of(struct kdm_val object, const char *name)
{
    int64_t number = 0;

    (void)kdm_val_int64(kdm_val_get(object, kdm_str_of(name)), &number);
    return number;
}

/* false: the commit is full, this one is for the next chunk. */
static bool stage(struct chunk *chunk, struct kdm_doc *doc)
{
    struct kdm_tx *tx = chunk->tx;
    struct kdm_str text = KDM_STR_NONE;

    if (!kdm_val_none(chunk->changes))
        text = kdm_json_merge(kdm_tx_arena(tx), kdm_doc_source(tx, doc), chunk->changes);
    if (chunk->staged > 0 && chunk->bytes + text.len > MOST_BYTES)
        return false;
    if (kdm_str_none(text))
        kdm_tx_delete(tx, chunk->collection, doc->id, doc, KDM_WRITE_SILENT);
    else
        kdm_tx_write(tx, chunk->collection, doc, text, KDM_CHANGE_UPDATE, KDM_STR_NONE,
                     KDM_WRITE_SILENT);
    chunk->staged++;
    chunk->bytes += text.len;
    return true;
}

static struct kdm_by_query *query_of(struct chunk *chunk)
{
    bool koncorde = kdm_val_str_eq(kdm_val_get(chunk->args, KDM_STR("lang")), KDM_STR("koncorde"));

    return kdm_by_query_make(
        chunk->tx, chunk->collection, kdm_val_get(chunk->args, KDM_STR("query")),
        koncorde ? KDM_LANG_KONCORDE : KDM_LANG_ELASTICSEARCH, number_of(chunk->args, "now"));
}

/* Those that the walk has found and that match as they are now, as many as one commit takes. All of
 * them have been fetched. Returns how many are done. */
static size_t stage_found(struct chunk *chunk, struct kdm_by_query *by)
{
    size_t done = 0;

    for (; done < chunk->walk.ids.count && done < KDM_WALK_CHUNK; done++) {
        struct kdm_doc *doc = NULL;

        if (kdm_tx_read_unchecked(chunk->tx, chunk->collection, chunk->walk.ids.items[done], &doc)
            && doc != NULL && kdm_by_query_matches(chunk->tx, by, doc) && !stage(chunk, doc))
            break;
    }
    return done;
}

static void set_state(const struct chunk *chunk)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(chunk->tx), 128);
    kdm_buf_char(&buf, '{');
    kdm_walk_put(&buf, &chunk->walk);
    kdm_json_put_name(&buf, KDM_STR("count"));
    kdm_buf_int(&buf, chunk->count);
    kdm_buf_char(&buf, '}');
    kdm_tx_job_state(chunk->tx, kdm_buf_str(&buf));
}

static enum kdm_outcome commit_chunk(const struct chunk *chunk, bool over)
{
    struct kdm_tx *tx = chunk->tx;

    if (over)
        kdm_tx_job_finish_with(tx,
                               kdm_arena_printf(kdm_tx_arena(tx), "%lld", (long long)chunk->count));
    else
        set_state(chunk);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

static enum kdm_outcome work(struct chunk *chunk)
{
    struct kdm_by_query *by = query_of(chunk);

    if (by == NULL
        || !kdm_walk_find(chunk->tx, chunk->collection, kdm_by_query_accepts, by, &chunk->walk)
        || !kdm_walk_fetch(chunk->tx, chunk->collection, &chunk->walk))
        return KDM_WAIT;
    kdm_walk_done(&chunk->walk, stage_found(chunk, by));
    if (by->failure.err != KDM_OK)
        return kdm_tx_fail_with(chunk->tx, &by->failure);
    chunk->count += (int64_t)chunk->staged;
    return commit_chunk(chunk, kdm_walk_over(&chunk->walk));
}

static enum kdm_outcome run_chunk(struct kdm_tx *tx, struct kdm_val args, struct kdm_val state)
{
    struct chunk chunk = { .tx = tx,
                           .args = args,
                           .changes = kdm_val_get(args, KDM_STR("changes")),
                           .walk = kdm_walk_read(tx, state),
                           .count = number_of(state, "count") };

    if (!kdm_walk_collection(tx, args, &chunk.collection))
        return KDM_WAIT;
    return chunk.collection == NULL ? commit_chunk(&chunk, true) : work(&chunk);
}

void kdm_bulk_register_jobs(struct kdm_tx_engine *engine)
{
    kdm_job_register(engine, DELETE_KIND, run_chunk);
    kdm_job_register(engine, UPDATE_KIND, run_chunk);
}

/* --- the requests -------------------------------------------------------------------------- */

static struct kdm_str job_args(struct kdm_tx *tx, const struct kdm_args *args,
                               const struct kdm_collection *collection, struct kdm_val changes)
{
    struct kdm_str query = kdm_json_canonical(args->arena, kdm_args_val(args, KDM_ARG_BODY_QUERY));
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, query.len + 256);
    kdm_buf_char(&buf, '{');
    kdm_walk_put_collection(&buf, collection);
    kdm_buf_printf(
        &buf, ",\"lang\":\"elasticsearch\",\"now\":%lld,\"query\":", (long long)kdm_tx_now(tx));
    kdm_buf_put(&buf, query);
    if (!kdm_val_none(changes)) {
        kdm_json_put_name(&buf, KDM_STR("changes"));
        kdm_buf_put(&buf, kdm_json_canonical(args->arena, changes));
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* Waits for the job and tells its count. One that takes longer than the request may goes on. */
static enum kdm_outcome reply_count(struct kdm_tx *tx, struct kdm_str job, const char *name)
{
    struct kdm_str count;

    if (!kdm_tx_complete_job(tx, job, &count))
        return KDM_WAIT;
    return kdm_tx_reply(
        tx, kdm_arena_printf(kdm_tx_arena(tx), "{\"%s\":" KDM_FMT "}", name, KDM_ARG(count)));
}

enum kdm_outcome kdm_bulk_delete_by_query(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *collection;
    struct kdm_str job;

    if (!kdm_target_fresh(tx, args, &collection)
        || kdm_by_query_make(tx, collection, kdm_args_val(args, KDM_ARG_BODY_QUERY),
                             KDM_LANG_ELASTICSEARCH, kdm_tx_now(tx))
               == NULL)
        return KDM_WAIT;
    job = kdm_tx_job(tx, DELETE_KIND, job_args(tx, args, collection, KDM_VAL_NONE));
    return kdm_tx_commit(tx) ? reply_count(tx, job, "deleted") : KDM_WAIT;
}

/* The changes must be good by themselves: then so are the documents that they are merged into. */
enum kdm_outcome kdm_bulk_update_by_query(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val changes = kdm_args_val(args, KDM_ARG_BODY_CHANGES);
    struct kdm_str job, additions;
    struct kdm_collection *collection;
    struct kdm_failure failure;

    if (!kdm_target_fresh(tx, args, &collection)
        || kdm_by_query_make(tx, collection, kdm_args_val(args, KDM_ARG_BODY_QUERY),
                             KDM_LANG_ELASTICSEARCH, kdm_tx_now(tx))
               == NULL)
        return KDM_WAIT;
    if (!kdm_source_check(args->arena, collection, collection->mapping, changes, &additions,
                          &failure))
        return kdm_tx_fail_with(tx, &failure);
    if (!kdm_source_extend_mapping(tx, collection, additions))
        return KDM_WAIT;
    job = kdm_tx_job(tx, UPDATE_KIND, job_args(tx, args, collection, changes));
    return kdm_tx_commit(tx) ? reply_count(tx, job, "updated") : KDM_WAIT;
}
