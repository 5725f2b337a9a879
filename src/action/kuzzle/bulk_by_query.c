/* bulk_by_query.c - bulk:deleteByQuery and bulk:updateByQuery: any number of documents.
 * The deciding commit stores a job; its chunks walk the collection page by page, each atomic with
 * the place behind it, so any node goes on after a crash. A document that comes to match after its
 * page was read is not looked at again. Nobody is notified and no metadata changes.
 * Arguments: {"index","collection","incarnation","lang","now","query","changes"?}; state:
 * {"cursor","after"?,"count"}; result: the count.
 */
#include "action/kuzzle/by_query.h"
#include "action/kuzzle/document.h"
#include "action/kuzzle/search_plan.h"

#define DELETE_KIND "bulk-delete"
#define UPDATE_KIND "bulk-update"

/* What the one commit of a chunk takes, well below its limits. */
#define MOST_WRITES (KDM_COMMIT_MAX_WRITES - 100)
#define MOST_BYTES  (KDM_COMMIT_MAX_BYTES / 2)

/* --- the job ------------------------------------------------------------------------------- */

struct chunk {
    struct kdm_tx *tx;
    struct kdm_val args;
    struct kdm_collection *collection;
    struct kdm_val changes; /* NONE: delete */
    struct kdm_str cursor;  /* of its page */
    struct kdm_str after;   /* the page is done up to this id; none: it is begun */
    int64_t count;          /* so far */
    size_t writes, bytes;   /* staged */
};

static struct kdm_str text_of(struct kdm_tx *tx, struct kdm_val object, const char *name)
{
    return kdm_val_str(kdm_tx_arena(tx), kdm_val_get(object, kdm_str_of(name)));
}

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
    if (chunk->writes > 0 && (chunk->writes == MOST_WRITES || chunk->bytes + text.len > MOST_BYTES))
        return false;
    if (kdm_str_none(text))
        kdm_tx_delete(tx, chunk->collection, doc->id, doc, KDM_WRITE_SILENT);
    else
        kdm_tx_write(tx, chunk->collection, doc, text, KDM_CHANGE_UPDATE, KDM_STR_NONE,
                     KDM_WRITE_SILENT);
    chunk->writes++;
    chunk->bytes += text.len;
    return true;
}

/* The documents of one page that match; `next` is where the following one begins. */
static bool read_page(struct chunk *chunk, struct kdm_doc_list *ret_docs, struct kdm_str *ret_next)
{
    enum kdm_search_lang lang =
        kdm_str_eq(text_of(chunk->tx, chunk->args, "lang"), KDM_STR("koncorde"))
            ? KDM_LANG_KONCORDE
            : KDM_LANG_ELASTICSEARCH;
    struct kdm_by_query *by =
        kdm_by_query_make(chunk->tx, chunk->collection, kdm_val_get(chunk->args, KDM_STR("query")),
                          lang, number_of(chunk->args, "now"));
    struct kdm_doc_list found;

    return by != NULL
           && kdm_tx_scan_page(chunk->tx, chunk->collection, chunk->cursor, kdm_by_query_accepts,
                               by, &found, ret_next)
           && kdm_by_query_read(chunk->tx, by, chunk->collection, &found, ret_docs);
}

static void set_state(const struct chunk *chunk)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(chunk->tx), 128);
    kdm_buf_lit(&buf, "{\"cursor\":");
    kdm_json_put_str(&buf, chunk->cursor);
    if (!kdm_str_none(chunk->after)) {
        kdm_json_put_name(&buf, KDM_STR("after"));
        kdm_json_put_str(&buf, chunk->after);
    }
    kdm_json_put_name(&buf, KDM_STR("count"));
    kdm_buf_int(&buf, chunk->count);
    kdm_buf_char(&buf, '}');
    kdm_tx_job_state(chunk->tx, kdm_buf_str(&buf));
}

static enum kdm_outcome finish(const struct chunk *chunk)
{
    struct kdm_tx *tx = chunk->tx;

    kdm_tx_job_finish_with(tx, kdm_arena_printf(kdm_tx_arena(tx), "%lld", (long long)chunk->count));
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

/* Stages what is left of the page; true: all of it. Documents come sorted by their ids. */
static bool stage_page(struct chunk *chunk, const struct kdm_doc_list *docs)
{
    struct kdm_str last = chunk->after;

    for (size_t i = 0; i < docs->count; i++) {
        if (!kdm_str_none(chunk->after) && kdm_str_cmp(docs->items[i]->id, chunk->after) <= 0)
            continue;
        if (!stage(chunk, docs->items[i])) {
            /* What is deleted does not come again, and deleting makes Redis cut its table into
             * other pages, where ids before the last one may come up. */
            chunk->after = kdm_val_none(chunk->changes) ? KDM_STR_NONE : last;
            return false;
        }
        last = docs->items[i]->id;
    }
    return true;
}

static enum kdm_outcome work(struct chunk *chunk)
{
    struct kdm_doc_list docs;
    struct kdm_str next;
    bool whole;

    if (!read_page(chunk, &docs, &next))
        return KDM_WAIT;
    whole = stage_page(chunk, &docs);
    chunk->count += (int64_t)chunk->writes;
    if (whole) {
        chunk->cursor = next;
        chunk->after = KDM_STR_NONE;
        if (kdm_str_eq(next, KDM_STR("0")))
            return finish(chunk);
    }
    set_state(chunk);
    return kdm_tx_commit(chunk->tx) ? kdm_tx_reply(chunk->tx, KDM_STR_NONE) : KDM_WAIT;
}

static enum kdm_outcome run_chunk(struct kdm_tx *tx, struct kdm_val args, struct kdm_val state)
{
    struct chunk chunk = { .tx = tx,
                           .args = args,
                           .changes = kdm_val_get(args, KDM_STR("changes")),
                           .cursor = text_of(tx, state, "cursor"),
                           .after = text_of(tx, state, "after"),
                           .count = number_of(state, "count") };

    if (kdm_str_none(chunk.cursor))
        chunk.cursor = KDM_STR("0");
    if (!kdm_tx_find_collection(tx, text_of(tx, args, "index"), text_of(tx, args, "collection"),
                                &chunk.collection))
        return KDM_WAIT;
    if (chunk.collection == NULL
        || !kdm_str_eq(chunk.collection->incarnation, text_of(tx, args, "incarnation")))
        return finish(&chunk); /* deleted or emptied: nothing is left */
    return work(&chunk);
}

void kdm_bulk_register_jobs(struct kdm_tx_engine *engine)
{
    kdm_job_register(engine, DELETE_KIND, run_chunk);
    kdm_job_register(engine, UPDATE_KIND, run_chunk);
}

/* --- the requests -------------------------------------------------------------------------- */

static void put_text(struct kdm_buf *buf, struct kdm_str name, struct kdm_str value)
{
    kdm_json_put_name(buf, name);
    kdm_json_put_str(buf, value);
}

static struct kdm_str job_args(struct kdm_tx *tx, const struct kdm_args *args,
                               const struct kdm_collection *collection, struct kdm_val changes)
{
    struct kdm_str query = kdm_json_canonical(args->arena, kdm_args_val(args, KDM_ARG_BODY_QUERY));
    struct kdm_buf buf;

    kdm_buf_init(&buf, args->arena, query.len + 256);
    kdm_buf_char(&buf, '{');
    put_text(&buf, KDM_STR("index"), collection->index->name);
    put_text(&buf, KDM_STR("collection"), collection->name);
    put_text(&buf, KDM_STR("incarnation"), collection->incarnation);
    put_text(&buf, KDM_STR("lang"), KDM_STR("elasticsearch"));
    kdm_buf_printf(&buf, ",\"now\":%lld,\"query\":", (long long)kdm_tx_now(tx));
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
    bool done;

    if (!kdm_tx_await_job(tx, job, &done))
        return KDM_WAIT;
    count = kdm_tx_job_result(tx, job);
    if (!done || kdm_str_none(count))
        return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_JOB_GOES_ON, KDM_PROPS(job));
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
