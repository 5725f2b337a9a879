/* commit.c - from what is staged to what is stored, and what a lost race means.
 * Usually one commit of everything, or nothing. m* actions send each write by itself (KDM_COMMIT_EACH): what is
 * done stays done, and only what was in conflict is decided again.
 */
#include "tx/tx_private.h"

/* The deadline is what really ends it: each lost race is one that another request has won. So clients and operators have
 * no say in it (retryOnConflict): less would only make requests fail. */
#define MOST_TRIES 1000
/* Tokens that come back in a commit's items: a write's number, or this and a read's. */
#define TOKEN_READ 0x40000000u

/* --- what was written ----------------------------------------------------------------------- */

static struct kdm_written *find_done(struct kdm_tx *tx, const struct kdm_collection *collection,
                                     struct kdm_str id)
{
    uint32_t number = kdm_doc_map_find(&tx->done_map, &tx->engine->seed, collection, id);

    return number == KDM_DOC_MAP_NONE ? NULL : tx->done[number];
}

const struct kdm_written *kdm_tx_written(struct kdm_tx *tx, const struct kdm_collection *collection,
                                         struct kdm_str id)
{
    return find_done(tx, collection, id);
}

/* What a later commit of the same transaction makes of a document replaces what an earlier one made. */
static void add_done(struct kdm_tx *tx, const struct tx_write *write, const struct kdm_written *written)
{
    struct kdm_written *done = find_done(tx, write->collection, write->id);

    if (done != NULL) {
        *done = *written;
        return;
    }
    if (tx->done_count == tx->done_cap)
        tx->done = kdm_arena_double(tx->arena, tx->done, &tx->done_cap, 4, sizeof(*tx->done));
    done = kdm_arena_alloc(tx->arena, sizeof(*done));
    *done = *written;
    kdm_doc_map_add(&tx->done_map, tx->arena, &tx->engine->seed, write->collection,
                    kdm_arena_copy(tx->arena, write->id), tx->done_count);
    tx->done[tx->done_count++] = done;
}

/* --- asking for a commit ---------------------------------------------------------------------- */

static void clear_staged(struct kdm_tx *tx)
{
    tx->write_count = 0;
    kdm_doc_map_clear(&tx->write_map);
    tx->catalogue_count = 0;
}

static enum read_state state_of(const struct tx_write *write)
{
    return write->read == NULL ? READ_WANTED : write->read->state;
}

#ifdef KDM_DEBUG_REPLAY
static void check_disjoint(struct kdm_tx *tx)
{
    for (uint32_t i = 0; i < tx->write_count; i++)
        KDM_ASSERT(find_done(tx, tx->writes[i].collection, tx->writes[i].id) == NULL); /* two commits write it */
}
#else
static void check_disjoint(struct kdm_tx *tx)
{
    (void)tx;
}
#endif

bool kdm_tx_commit_made(const struct kdm_tx *tx)
{
    return tx->commit_at < tx->commits_done;
}

bool kdm_tx_commit(struct kdm_tx *tx)
{
    if (tx->failure.err != KDM_OK)
        return false;
    if (tx->commit_at++ < tx->commits_done) {
        clear_staged(tx);
        return true;
    }
    check_disjoint(tx);
    for (uint32_t i = 0; i < tx->write_count; i++) {
        struct tx_write *write = &tx->writes[i];

        if (write->change == KDM_CHANGE_CREATE && state_of(write) == READ_PRESENT) {
            kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_DOCUMENT_ALREADY_EXISTS, KDM_PROPS(write->id));
            return false;
        }
    }
    if (tx->write_count == 0 && tx->catalogue_count == 0) {
        tx->commits_done++;
        return true;
    }
    tx->commit_wanted = true;
    tx->commit_each = false;
    return false;
}

/* Notes those that can't be done, and tells whether anything is left to be sent. */
static bool each_left(struct kdm_tx *tx)
{
    bool left = tx->catalogue_count > 0;

    for (uint32_t i = 0; i < tx->write_count; i++) {
        struct tx_write *write = &tx->writes[i];

        if (find_done(tx, write->collection, write->id) != NULL)
            continue;
        if (write->change == KDM_CHANGE_CREATE && state_of(write) == READ_PRESENT)
            add_done(tx, write, &(struct kdm_written){ .existed = true });
        else if (write->change == KDM_CHANGE_DELETE && kdm_tx_known_absent(tx, write->collection, write->id))
            add_done(tx, write, &(struct kdm_written){ .absent = true });
        else
            left = true;
    }
    return left;
}

bool kdm_tx_commit_each(struct kdm_tx *tx)
{
    if (tx->failure.err != KDM_OK)
        return false;
    if (tx->commit_at++ < tx->commits_done) {
        clear_staged(tx);
        return true;
    }
    if (!each_left(tx)) {
        tx->commits_done++;
        clear_staged(tx);
        return true;
    }
    tx->commit_wanted = tx->commit_each = true;
    return false;
}

/* --- building --------------------------------------------------------------------------------- */

static void put_opt(struct kdm_buf *buf, struct kdm_str name, struct kdm_str value)
{
    if (kdm_str_none(value))
        return;
    kdm_json_put_name(buf, name);
    kdm_json_put_str(buf, value);
}

/* Who did it, as notifications will tell (kuzzle-protocol.md 8.2). */
static struct kdm_str envelope(struct kdm_tx *tx)
{
    const struct kdm_tx_origin *origin = &tx->start.origin;
    struct kdm_buf buf;

    kdm_buf_init(&buf, tx->arena, 256);
    kdm_buf_char(&buf, '{');
    put_opt(&buf, KDM_STR("requestId"), origin->request_id);
    put_opt(&buf, KDM_STR("controller"), origin->controller);
    put_opt(&buf, KDM_STR("action"), origin->action);
    put_opt(&buf, KDM_STR("protocol"), kdm_str_of(origin->protocol));
    put_opt(&buf, KDM_STR("user"), origin->kuid);
    kdm_json_put_name(&buf, KDM_STR("timestamp"));
    kdm_buf_int(&buf, origin->timestamp);
    if (!kdm_str_none(origin->volatile_json)) {
        kdm_json_put_name(&buf, KDM_STR("volatile"));
        kdm_buf_put(&buf, origin->volatile_json);
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static void put_found(struct kdm_commit *commit, const struct kdm_found *found)
{
    for (size_t i = 0; i < found->part_count; i++)
        kdm_commit_check_counter(commit, found->parts[i].collection, found->parts[i].counter);
}

static void put_facts(struct kdm_tx *tx, struct kdm_commit *commit)
{
    for (struct tx_fact *fact = tx->facts; fact != NULL; fact = fact->next) {
        if (!fact->checked || kdm_str_none(fact->key))
            continue;
        if (fact->kind == FACT_INDEX)
            kdm_commit_check_index(commit, fact->key, fact->text);
        else if (fact->kind == FACT_SCAN)
            kdm_commit_check_counter(commit, fact->collection, kdm_tx_scan_counter(fact));
        else if (fact->kind == FACT_FIND)
            put_found(commit, fact->found);
        else if (fact->kind == FACT_ALL)
            kdm_commit_check_counter(commit, fact->collection, fact->text);
        else if (fact->kind == FACT_COLLECTION && fact->collection == NULL)
            kdm_commit_check_no_collection(commit, fact->key, fact->key2);
        else if (fact->kind == FACT_COLLECTION)
            kdm_commit_check_collection(commit, fact->collection);
    }
}

/* Does the write itself carry what was read of its document? A blind one does not. */
static bool carries_read(const struct tx_write *write)
{
    return write != NULL && (write->expect == KDM_EXPECT_SEQUENCE || write->expect == KDM_EXPECT_ABSENT);
}

static void put_reads(struct kdm_tx *tx, struct kdm_commit *commit)
{
    for (uint32_t i = 0; i < tx->read_count; i++) {
        struct tx_read *read = tx->reads[i];

        if (read->checked && read->state >= READ_ABSENT
            && !carries_read(kdm_tx_write_find(tx, read->collection, read->doc.id))
            && find_done(tx, read->collection, read->doc.id) == NULL)
            kdm_commit_check_doc(commit, read->collection, read->doc.id,
                                 read->state == READ_PRESENT ? read->doc.sequence : 0, TOKEN_READ | i);
    }
}

static void put_write(struct kdm_tx *tx, struct kdm_commit *commit, uint32_t number)
{
    const struct tx_write *write = &tx->writes[number];
    struct kdm_commit_write out = { .collection = write->collection,
                                    .id = write->id,
                                    .text = write->text,
                                    .expect = write->expect,
                                    .sequence = write->expect_sequence,
                                    .change = write->change,
                                    .silent = write->silent,
                                    .steps = write->steps,
                                    .changed = write->changed,
                                    .token = number };

    if (write->change != KDM_CHANGE_PUT && write->expect != KDM_EXPECT_PRESENT)
        out.version = write->doc.version;
    if (write->read != NULL && write->read->state == READ_PRESENT
        && write->read->doc.sequence == write->expect_sequence) {
        out.previous = write->read->doc.text;
        out.previous_version = write->read->doc.version;
    }
    kdm_commit_put(commit, &out);
}

static void put_catalogue_write(struct kdm_tx *tx, struct kdm_commit *commit,
                                const struct tx_catalogue_write *write)
{
    switch (write->kind) {
    case CREATE_INDEX:
        kdm_commit_create_index(commit, write->index);
        break;
    case DELETE_INDEX:
        kdm_commit_delete_index(commit, write->index);
        break;
    case SET_COLLECTION:
        kdm_commit_set_collection(commit, write->index, write->name, write->collection, write->text);
        break;
    case DELETE_COLLECTION:
        kdm_commit_delete_collection(commit, write->collection);
        break;
    case TRUNCATE:
        kdm_commit_truncate(commit, write->collection);
        break;
    case MESSAGE:
        kdm_commit_message(commit, write->message, write->index, write->name, write->id, write->text);
        break;
    case JOB:
        /* In no index of a client's. A chunk's own record must be as it was: who lost it comes too late. */
        kdm_commit_job(commit, KDM_STR("%kdm"), write->name,
                       kdm_str_eq(tx->job_id, write->name) ? tx->job_head : KDM_STR(""), write->text);
        break;
    }
}

/* New indexes first, in whichever order they were staged: who follows the feed meets an index before what lies in
 * it. */
static void put_catalogue(struct kdm_tx *tx, struct kdm_commit *commit)
{
    for (uint32_t i = 0; i < tx->catalogue_count; i++) {
        if (tx->catalogue_writes[i].kind == CREATE_INDEX)
            put_catalogue_write(tx, commit, &tx->catalogue_writes[i]);
    }
    for (uint32_t i = 0; i < tx->catalogue_count; i++) {
        if (tx->catalogue_writes[i].kind != CREATE_INDEX)
            put_catalogue_write(tx, commit, &tx->catalogue_writes[i]);
    }
}

static void on_committed(void *ctx, const struct kdm_commit_result *result);

/* How many documents fit beside what is staged of the catalogue. */
static uint32_t each_room(const struct kdm_tx *tx)
{
    KDM_ASSERT(tx->catalogue_count < KDM_COMMIT_MAX_WRITES);
    return KDM_COMMIT_MAX_WRITES - tx->catalogue_count;
}

/* As many of the writes that are left as one commit takes. */
static void put_each(struct kdm_tx *tx, struct kdm_commit *commit)
{
    size_t bytes = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < tx->write_count && count < each_room(tx); i++) {
        if (find_done(tx, tx->writes[i].collection, tx->writes[i].id) != NULL)
            continue;
        bytes += tx->writes[i].text.len;
        if (count > 0 && bytes > KDM_COMMIT_MAX_BYTES)
            break;
        put_write(tx, commit, i);
        count++;
    }
}

static bool fits(struct kdm_tx *tx)
{
    size_t bytes = 0;
    struct kdm_str props[2] = { KDM_STR("500"), KDM_STR("1048576") };

    for (uint32_t i = 0; i < tx->write_count; i++)
        bytes += tx->writes[i].text.len;
    if (tx->write_count + tx->catalogue_count <= KDM_COMMIT_MAX_WRITES
        && (tx->write_count <= 2 || bytes <= KDM_COMMIT_MAX_BYTES))
        return true;
    kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_COMMIT_TOO_LARGE, props, 2);
    return false;
}

void kdm_tx_commit_send(struct kdm_tx *tx)
{
    struct kdm_commit *commit;

    tx->commit_wanted = false;
    if (tx->epoch != kdm_store_epoch(tx->engine->store)) {
        kdm_tx_start_over(tx); /* run() runs it again */
        return;
    }
    if ((!tx->commit_each && !fits(tx)) || kdm_tx_hold_back(tx))
        return;
    commit = kdm_commit_create(tx->engine->store, tx->commit_each ? KDM_COMMIT_EACH : KDM_COMMIT_ALL);
    kdm_commit_envelope(commit, envelope(tx));
    put_facts(tx, commit);
    put_reads(tx, commit);
    if (tx->commit_each) {
        put_each(tx, commit);
    } else {
        for (uint32_t i = 0; i < tx->write_count; i++)
            put_write(tx, commit, i);
    }
    put_catalogue(tx, commit);
    tx->committing = true;
    kdm_commit_send(commit, tx->start.deadline_ms, on_committed, kdm_tx_op_begin(tx, NULL));
}

uint64_t kdm_tx_staged_digest(struct kdm_tx *tx)
{
    uint64_t digest = tx->write_count * 31 + tx->catalogue_count;

    for (uint32_t i = 0; i < tx->write_count; i++) {
        const struct tx_write *write = &tx->writes[i];

        digest = digest * 1000003 ^ kdm_hash(&tx->engine->seed, write->id);
        digest = digest * 1000003 ^ kdm_hash(&tx->engine->seed, write->text);
        digest = digest * 1000003 ^ (uint64_t)write->change;
    }
    for (uint32_t i = 0; i < tx->catalogue_count; i++)
        digest = digest * 1000003 ^ kdm_hash(&tx->engine->seed, tx->catalogue_writes[i].text);
    return digest;
}

/* --- the outcome ------------------------------------------------------------------------------- */

uint64_t kdm_tx_sequence_of(const struct kdm_commit_result *result, const struct kdm_collection *collection)
{
    for (size_t i = 0; i < result->sequence_count; i++) {
        if (result->sequences[i].index == collection->index)
            return result->sequences[i].sequence;
    }
    return 0;
}

static bool is_watched(const struct kdm_tx *tx, struct kdm_str index)
{
    const struct kdm_tx_engine *engine = tx->engine;

    return engine->watch != NULL && kdm_str_eq(index, engine->watched);
}

static void tell_watcher(struct kdm_tx *tx, const struct tx_write *write)
{
    if (is_watched(tx, write->collection->index->name))
        tx->engine->watch(tx->engine->watch_ctx, write->collection->name, write->id, write->text);
}

static void tell_watcher_of_catalogue(struct kdm_tx *tx, const struct tx_catalogue_write *write)
{
    switch (write->kind) {
    case DELETE_COLLECTION:
    case TRUNCATE:
        if (is_watched(tx, write->collection->index->name))
            tx->engine->watch(tx->engine->watch_ctx, write->collection->name, KDM_STR_NONE, KDM_STR_NONE);
        break;
    case DELETE_INDEX:
        if (is_watched(tx, write->index))
            tx->engine->watch(tx->engine->watch_ctx, KDM_STR_NONE, KDM_STR_NONE, KDM_STR_NONE);
        break;
    case CREATE_INDEX:
    case SET_COLLECTION:
    case MESSAGE:
    case JOB:
        break; /* nothing that was there is another thing now */
    }
}

/* What the script told of each write, by its number: NULL where it told nothing. NULL when it told nothing at all. */
static const struct kdm_commit_item **items_by_write(struct kdm_tx *tx, const struct kdm_commit_result *result)
{
    const struct kdm_commit_item **items;

    if (result->item_count == 0)
        return NULL;
    items = kdm_arena_zalloc(tx->arena, tx->write_count * sizeof(*items));
    for (size_t i = 0; i < result->item_count; i++) {
        if (result->items[i].token < tx->write_count)
            items[result->items[i].token] = &result->items[i];
    }
    return items;
}

/* A request made from a handler has changed a document that its parents have read: they go on with the new
 * state, and what their handlers answered about the old one stands. */
static void refresh_parents(struct kdm_tx *tx, const struct tx_write *write, uint64_t sequence, int64_t version)
{
    for (struct kdm_tx *up = tx->parent; up != NULL; up = up->parent) {
        struct tx_read *read = kdm_tx_memory_find(up, write->collection, write->id);

        if (up->commits_done > 0 || read == NULL || read->state < READ_ABSENT)
            continue; /* after its commit it only replays what it did */
        kdm_tx_forget_kept(up);
        if (kdm_str_none(write->text)) {
            kdm_tx_mark_fresh(up, read->collection);
            kdm_tx_memory_learn(up, read, KDM_STR_NONE);
        } else {
            kdm_tx_memory_set(up, read, sequence, version, write->text);
        }
        for (struct tx_fact *fact = up->facts; fact != NULL; fact = fact->next)
            fact->any_payload = fact->any_payload || fact->kind == FACT_PIPE;
    }
}

static void note_written(struct kdm_tx *tx, const struct kdm_commit_result *result,
                         const struct tx_write *write, const struct kdm_commit_item *item)
{
    struct kdm_written written = { .version = write->doc.version };
    struct kdm_stored stored;

    if (item != NULL && item->conflict)
        return;
    if (item != NULL) {
        written.version = item->version;
        if (!kdm_str_none(item->value) && kdm_stored_parse(item->value, &stored))
            written.previous = kdm_arena_copy(tx->arena, stored.text);
    }
    written.created = write->change == KDM_CHANGE_CREATE
                      || (write->change == KDM_CHANGE_PUT && (item == NULL || kdm_str_none(item->value)));
    add_done(tx, write, &written);
    tell_watcher(tx, write);
    if (tx->parent != NULL)
        refresh_parents(tx, write, kdm_tx_sequence_of(result, write->collection), written.version);
}

/* Gives the place back, with the document as it is now for the next in line. */
static void pass_on(struct kdm_tx *tx, const struct kdm_commit_result *result)
{
    for (uint32_t i = 0; i < tx->write_count; i++) {
        const struct tx_write *write = &tx->writes[i];

        if (!kdm_str_none(write->text) && kdm_tx_queue_holds(tx, write->collection, write->id)) {
            struct kdm_written *done = find_done(tx, write->collection, write->id);
            struct kdm_stored stored = { .sequence = kdm_tx_sequence_of(result, write->collection), .text = write->text };

            if (done == NULL || done->existed)
                continue;
            stored.version = done->version;
            kdm_tx_queue_leave(tx, &stored);
            return;
        }
    }
    kdm_tx_queue_leave(tx, NULL);
}

static struct tx_read *read_of_token(struct kdm_tx *tx, uint32_t token)
{
    struct tx_write *write;
    struct tx_read *read;

    if ((token & TOKEN_READ) != 0)
        return tx->reads[token & ~TOKEN_READ];
    write = &tx->writes[token];
    read = kdm_tx_memory_find(tx, write->collection, write->id);
    if (read == NULL) {
        read = kdm_tx_memory_add(tx, write->collection, write->id);
        read->state = READ_ASKED; /* the conflict tells */
    }
    return read;
}

/* The race was lost. The script told what is stored now, so most of the time nothing needs to be fetched. */
static void learn_conflicts(struct kdm_tx *tx, const struct kdm_commit_result *result)
{
    tx->conflicts++;
    tx->engine->counts.conflicts++;
    kdm_tx_forget_kept(tx);
    if (tx->conflicts >= MOST_TRIES) {
        struct kdm_str id = tx->write_count > 0 ? tx->writes[0].id : KDM_STR("");

        kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_TOO_MANY_CHANGES, &id, 1);
        return;
    }
    if (result->job_gone || result->job_taken) {
        tx->job_gone = result->job_gone;
        tx->job_taken = result->job_taken;
        kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_NOT_FOUND, KDM_PROPS(tx->job_id, KDM_STR("%kdm"), KDM_STR("jobs")));
        return;
    }
    if (result->catalogue_changed) {
        kdm_tx_start_over(tx);
        return;
    }
    if (result->counter_changed)
        kdm_tx_facts_drop(tx, false, true);
    for (size_t i = 0; i < result->item_count; i++) {
        struct tx_read *read;

        if (!result->items[i].conflict)
            continue;
        read = read_of_token(tx, result->items[i].token);
        kdm_tx_mark_fresh(tx, read->collection);
        if (result->items[i].stale)
            kdm_tx_memory_ask_again(tx, read);
        else
            kdm_tx_memory_learn(tx, read, result->items[i].value);
    }
}

static void note_all(struct kdm_tx *tx, const struct kdm_commit_result *result)
{
    const struct kdm_commit_item **items = items_by_write(tx, result);

    for (uint32_t i = 0; i < tx->write_count; i++)
        note_written(tx, result, &tx->writes[i], items == NULL ? NULL : items[i]);
    tx->commits_done++;
}

/* The same walk as put_each(): those of this commit, none of a later one. */
static void note_each(struct kdm_tx *tx, const struct kdm_commit_result *result)
{
    const struct kdm_commit_item **items = items_by_write(tx, result);
    uint32_t sent = 0, i = 0;
    size_t bytes = 0;
    bool left = false;

    for (; i < tx->write_count && sent < each_room(tx); i++) {
        if (find_done(tx, tx->writes[i].collection, tx->writes[i].id) != NULL)
            continue;
        bytes += tx->writes[i].text.len;
        if (sent > 0 && bytes > KDM_COMMIT_MAX_BYTES)
            break;
        note_written(tx, result, &tx->writes[i], items == NULL ? NULL : items[i]);
        left = left || (items != NULL && items[i] != NULL && items[i]->conflict);
        sent++;
    }
    for (; i < tx->write_count && !left; i++)
        left = find_done(tx, tx->writes[i].collection, tx->writes[i].id) == NULL;
    if (!left)
        tx->commits_done++;
    else if (tx->catalogue_count > 0)
        kdm_tx_start_over(tx); /* what is left goes on with the collection as this commit has left it */
}

static void learn_committed(struct kdm_tx *tx, const struct kdm_commit_result *result)
{
    bool conflicts = false;

    for (size_t i = 0; i < result->item_count; i++)
        conflicts = conflicts || result->items[i].conflict;
    if (tx->commit_each)
        note_each(tx, result);
    else
        note_all(tx, result);
    kdm_tx_resident_follow(tx, result);
    for (uint32_t i = 0; i < tx->catalogue_count; i++)
        tell_watcher_of_catalogue(tx, &tx->catalogue_writes[i]);
    kdm_tx_jobs_start(tx);
    pass_on(tx, result);
    if (conflicts)
        learn_conflicts(tx, result);
}

static void on_committed(void *ctx, const struct kdm_commit_result *result)
{
    struct tx_op *op = ctx;
    struct kdm_tx *tx = kdm_tx_op_end(op);

    if (tx == NULL)
        return; /* the client has gone; what is stored is stored */
    tx->committing = false;
    switch (result->outcome) {
    case KDM_COMMITTED:
        learn_committed(tx, result);
        break;
    case KDM_COMMIT_CONFLICT:
        learn_conflicts(tx, result);
        break;
    case KDM_COMMIT_REFUSED:
    case KDM_COMMIT_UNKNOWN:
        kdm_tx_fail(tx, result->err, NULL, 0);
        break;
    }
    kdm_tx_settled(tx);
}
