/* commit_send.c - sending a commit, and learning what became of it.
 * Usually one reply settles it. When the answer is lost the fence (fence.lua) is asked on the next connection:
 * it either finds the commit's record, so it was done, or takes its place, so it never will be; then it is sent
 * again under a new number. Only when Redis stays away is the outcome told as unknown.
 */
#include "base/clock.h"
#include "base/log.h"
#include "redis_scripts.gen.h"
#include "store/commit_private.h"
#include "store/feed_private.h"

#include <stdio.h>
#include <stdlib.h>

/* How long past its deadline a commit with a lost answer waits to learn what became of it. */
#define FENCE_GRACE_MS 1000

static void attempt(struct kdm_commit *commit);

/* --- commit ids ---------------------------------------------------------------------------- */

/* An id is a slot of the index and a number that grows over all of this node's commits, also over its lives, if its
 * name should come again. A slot is used again only when nobody asks for its last commit any more, so their number
 * is bounded by the commits on their way at one time. Should that last one still lie in a dead connection's buffer,
 * then the script finds a greater number in the slot and does nothing. */
static void take_slot(struct kdm_commit *commit)
{
    struct kdm_index *index = commit->sections[0].index;
    struct kdm_buf field;

    if (index->slots.free_count > 0) {
        commit->slot = index->slots.free[--index->slots.free_count];
    } else {
        commit->slot = index->slots.next++;
        index->slots.free =
            kdm_realloc(index->slots.free, index->slots.next * sizeof(*index->slots.free));
    }
    commit->number = ++commit->store->commit_number;
    kdm_buf_init(&field, &commit->arena, commit->store->node.len + 16);
    kdm_buf_lit(&field, "k:");
    kdm_buf_put(&field, commit->store->node);
    kdm_buf_char(&field, '.');
    kdm_buf_int(&field, commit->slot);
    commit->field = kdm_buf_str(&field);
}

static void give_slot(struct kdm_commit *commit)
{
    struct kdm_index *index = commit->sections[0].index;

    index->slots.free[index->slots.free_count++] = commit->slot;
}

/* --- the end ------------------------------------------------------------------------------ */

static void end(struct kdm_commit *commit, const struct kdm_commit_result *result)
{
    struct kdm_store *store = commit->store;

    if (commit->prev != NULL)
        commit->prev->next = commit->next;
    else
        store->sent = commit->next;
    if (commit->next != NULL)
        commit->next->prev = commit->prev;
    if (commit->field.len > 0)
        give_slot(commit);
    if (commit->fn != NULL)
        commit->fn(commit->ctx, result);
    kdm_commit_destroy(commit);
}

static void refuse(struct kdm_commit *commit, enum kdm_err err)
{
    end(commit, &(struct kdm_commit_result){ .outcome = KDM_COMMIT_REFUSED, .err = err });
}

static void unknown(struct kdm_commit *commit)
{
    kdm_log_warn("store: the outcome of commit %llu could not be learned",
                 (unsigned long long)commit->number);
    end(commit, &(struct kdm_commit_result){ .outcome = KDM_COMMIT_UNKNOWN,
                                             .err = KDM_ERR_SERVICES_STORAGE_COMMIT_UNKNOWN });
}

/* What it was decided on was read from a memory that is gone. */
static void decide_again(struct kdm_commit *commit)
{
    end(commit, &(struct kdm_commit_result){ .outcome = KDM_COMMIT_CONFLICT, .catalogue_changed = true });
}

/* --- reading the script's answer -------------------------------------------------------------- */

static void read_item(const redisReply *reply, struct kdm_commit_item *ret_item)
{
    *ret_item = (struct kdm_commit_item){
        .token = (uint32_t)reply->element[0]->integer,
        .conflict = reply->element[1]->integer != 0,
        .value = reply->elements > 2 ? kdm_reply_str(reply->element[2]) : KDM_STR_NONE,
        .version = reply->elements > 3 ? reply->element[3]->integer : 0,
    };
}

static struct kdm_commit_item *read_items(struct kdm_commit *commit, const redisReply *reply,
                                          size_t *ret_count)
{
    size_t count = reply->elements - 2;
    struct kdm_commit_item *items = kdm_arena_alloc(&commit->arena, (count + 1) * sizeof(*items));

    for (size_t i = 0; i < count; i++)
        read_item(reply->element[2 + i], &items[i]);
    *ret_count = count;
    return items;
}

static void committed(struct kdm_commit *commit, const uint64_t *numbers, const struct kdm_commit_item *items,
                      size_t item_count)
{
    struct kdm_commit_sequence *sequences =
        kdm_arena_alloc(&commit->arena, commit->section_count * sizeof(*sequences));

    for (uint32_t i = 0; i < commit->section_count; i++) {
        struct kdm_index *index = commit->sections[i].index;

        sequences[i] = (struct kdm_commit_sequence){ .index = index, .sequence = numbers[i] };
        index->entry_bytes = (uint32_t)((7 * (uint64_t)index->entry_bytes + commit->sections[i].bytes) / 8);
        kdm_followed_commit(commit, &commit->sections[i], numbers[i], items, item_count);
    }
    end(commit, &(struct kdm_commit_result){ .outcome = KDM_COMMITTED,
                                             .items = items,
                                             .item_count = item_count,
                                             .sequences = sequences,
                                             .sequence_count = commit->section_count });
}

/* What the failed fields of the meta hash say; collections that changed are forgotten. */
static void conflict(struct kdm_commit *commit, const redisReply *reply)
{
    struct kdm_commit_result result = { .outcome = KDM_COMMIT_CONFLICT };
    const redisReply *fields = reply->element[1];

    for (size_t i = 0; i < fields->elements; i++) {
        struct kdm_str field = kdm_reply_str(fields->element[i]);

        if (kdm_str_starts(field, KDM_STR("w:"))) {
            result.counter_changed = true;
            continue;
        }
        if (kdm_str_eq(field, KDM_STR("j")) || kdm_str_eq(field, KDM_STR("J"))) {
            result.job_gone = result.job_gone || field.ptr[0] == 'j';
            result.job_taken = result.job_taken || field.ptr[0] == 'J';
            continue;
        }
        result.catalogue_changed = true;
        for (uint32_t s = 0; field.len > 2 && s < commit->section_count; s++)
            kdm_store_forget(commit->store, commit->sections[s].index->name, kdm_str_from(field, 2));
    }
    result.items = read_items(commit, reply, &result.item_count);
    end(commit, &result);
}

/* "<number> <sequence> <sequence>..": the sequences. */
static void read_record(struct kdm_commit *commit, struct kdm_str record, uint64_t *ret_numbers)
{
    const char *at = memchr(record.ptr, ' ', record.len);

    for (uint32_t i = 0; i < commit->section_count; i++) {
        char *after = NULL;

        ret_numbers[i] = at == NULL ? 0 : strtoull(at, &after, 10);
        at = after;
    }
}

/* --- a commit whose answer was lost and that was done ---------------------------------------------- */

static void ask_feed(struct kdm_commit *commit);

static uint32_t token_of(struct kdm_str decimal)
{
    long long token = 0;

    kdm_str_int64(decimal, &token);
    return (uint32_t)token;
}

/* Is `head` ("<change><notify> <version> <collection> <id>") of this write? Then its version is told. */
static bool tells_of(struct kdm_str head, const struct kdm_str *write, int64_t *ret_version)
{
    struct kdm_str collection = write[5], id = write[3];
    size_t names = collection.len + 1 + id.len;
    const char *at;

    if (head.len < names + 4 || strchr("crud", head.ptr[0]) == NULL)
        return false;
    at = head.ptr + head.len - names;
    if (at[-1] != ' ' || memcmp(at, collection.ptr, collection.len) != 0 || at[collection.len] != ' '
        || (id.len > 0 && memcmp(at + collection.len + 1, id.ptr, id.len) != 0))
        return false;
    *ret_version = strtoll(head.ptr + 2, NULL, 10);
    return true;
}

static void add_item(struct kdm_commit *commit, const struct kdm_commit_item *item)
{
    commit->told.items[commit->told.item_count++] = *item;
}

/* The entry tells what the lost answer would have told: of the writes, in their order, those that were done, each with
 * four fields, of which the last is the value before. One that is missing met a conflict (KDM_COMMIT_EACH). */
static void read_entry(struct kdm_commit *commit, const struct section *section, const redisReply *fields)
{
    size_t f = 2;

    for (size_t at = 0; at < section->ops.count; at += kdm_commit_op_size(section->ops.items[at])) {
        const struct kdm_str *write = &section->ops.items[at];
        int64_t version;

        if (write[0].ptr[0] != 'w' && write[0].ptr[0] != 'x')
            continue;
        if (f + 3 >= fields->elements || !tells_of(kdm_reply_str(fields->element[f]), write, &version)) {
            add_item(commit, &(struct kdm_commit_item){ .token = token_of(write[1]), .conflict = true, .stale = true });
            continue;
        }
        if (write[6].len == 0) { /* blind */
            struct kdm_str before = kdm_reply_str(fields->element[f + 3]);

            before = before.len == 0 ? KDM_STR_NONE : kdm_arena_copy(&commit->arena, before);
            add_item(commit, &(struct kdm_commit_item){
                                 .token = token_of(write[1]), .value = before, .version = version });
        }
        f += 4;
    }
}

static void on_entry(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct kdm_commit *commit = ctx;

    if (outcome == KDM_REDIS_LOST && kdm_clock_monotonic_ms() < commit->fence_until) {
        ask_feed(commit);
        return;
    }
    if (kdm_store_error_of(outcome, reply) != KDM_OK || reply->type != REDIS_REPLY_ARRAY
        || reply->elements == 0) {
        unknown(commit); /* cut off from the feed already */
        return;
    }
    read_entry(commit, &commit->sections[commit->told.section], reply->element[0]->element[1]);
    commit->told.section++;
    ask_feed(commit);
}

static bool has_document_writes(const struct section *section)
{
    for (size_t at = 0; at < section->ops.count; at += kdm_commit_op_size(section->ops.items[at])) {
        if (section->ops.items[at].ptr[0] == 'w' || section->ops.items[at].ptr[0] == 'x')
            return true;
    }
    return false;
}

/* Of the next index into which it wrote documents; after the last one all is known. */
static void ask_feed(struct kdm_commit *commit)
{
    struct kdm_str args[] = { KDM_STR("XRANGE"), KDM_STR_NONE, KDM_STR_NONE, KDM_STR_NONE };
    char id[32];
    int len;

    while (commit->told.section < commit->section_count
           && !has_document_writes(&commit->sections[commit->told.section]))
        commit->told.section++;
    if (commit->told.section == commit->section_count) {
        committed(commit, commit->told.numbers, commit->told.items, commit->told.item_count);
        return;
    }
    len = snprintf(id, sizeof(id), "%llu-0", (unsigned long long)commit->told.numbers[commit->told.section]);
    args[1] = commit->sections[commit->told.section].index->feed_key;
    args[2] = args[3] = (struct kdm_str){ id, (size_t)len };
    kdm_redis_command(commit->store->redis, args, 4, commit->fence_until, on_entry, commit);
}

static void done_before(struct kdm_commit *commit, struct kdm_str record)
{
    struct kdm_arena *arena = &commit->arena;

    commit->told.numbers = kdm_arena_alloc(arena, commit->section_count * sizeof(uint64_t));
    read_record(commit, record, commit->told.numbers);
    if (!commit->blind && commit->mode == KDM_COMMIT_ALL) {
        committed(commit, commit->told.numbers, NULL, 0);
        return;
    }
    commit->told.items = kdm_arena_alloc(arena, (commit->write_count + 1) * sizeof(*commit->told.items));
    commit->told.item_count = commit->told.section = 0;
    ask_feed(commit);
}

/* "<number> <sequence>..": it was done. "<number> x": it never will be, and may be sent again. */
static void learn_record(struct kdm_commit *commit, struct kdm_str record)
{
    if (record.len > 0 && record.ptr[record.len - 1] != 'x') {
        done_before(commit, record);
        return;
    }
    give_slot(commit);
    commit->field = KDM_STR_NONE;
    if (commit->store->epoch != commit->epoch) {
        decide_again(commit);
        return;
    }
    if (kdm_clock_monotonic_ms() >= commit->deadline_ms) {
        refuse(commit, KDM_ERR_SERVICES_CACHE_NOT_CONNECTED);
        return;
    }
    attempt(commit);
}

static void ask_fence(struct kdm_commit *commit);

static void give_grace(struct kdm_commit *commit)
{
    int64_t now = kdm_clock_monotonic_ms();

    commit->fence_until = (commit->deadline_ms > now ? commit->deadline_ms : now) + FENCE_GRACE_MS;
}

static void on_fence(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct kdm_commit *commit = ctx;

    if (outcome == KDM_REDIS_LOST && kdm_clock_monotonic_ms() < commit->fence_until)
        ask_fence(commit); /* this connection is gone too; asking twice does no harm */
    else if (kdm_store_error_of(outcome, reply) != KDM_OK)
        unknown(commit);
    else
        learn_record(commit, kdm_reply_str(reply));
}

static void ask_fence(struct kdm_commit *commit)
{
    struct kdm_str args[] = { commit->sections[0].index->meta_key, commit->field,
                              kdm_arena_printf(&commit->arena, "%llu", (unsigned long long)commit->number) };

    kdm_redis_eval(commit->store->redis, &kdm_script_fence, args, 1, 3, commit->fence_until, on_fence,
                   commit);
}

static void fence(struct kdm_commit *commit)
{
    give_grace(commit);
    ask_fence(commit);
}

/* --- sending ------------------------------------------------------------------------------ */

/* The array that the script answers with; see commit.lua. */
static void take_array(struct kdm_commit *commit, const redisReply *reply)
{
    const struct kdm_commit_item *items;
    uint64_t *numbers;
    size_t count;

    switch (reply->element[0]->str[0]) {
    case '-':
        conflict(commit, reply);
        return;
    case '=':
        give_grace(commit);
        learn_record(commit, kdm_reply_str(reply->element[1]));
        return;
    default:
        break;
    }
    numbers = kdm_arena_alloc(&commit->arena, commit->section_count * sizeof(*numbers));
    for (uint32_t i = 0; i < commit->section_count; i++)
        numbers[i] = (uint64_t)reply->element[1]->element[i]->integer;
    items = read_items(commit, reply, &count);
    committed(commit, numbers, items, count);
}

static void on_reply(void *ctx, enum kdm_redis_outcome outcome, const redisReply *reply)
{
    struct kdm_commit *commit = ctx;
    enum kdm_err err;

    if (outcome == KDM_REDIS_LOST) {
        fence(commit);
        return;
    }
    if (outcome == KDM_REDIS_UNSENT && commit->store->epoch != commit->epoch
        && kdm_clock_monotonic_ms() < commit->deadline_ms) {
        decide_again(commit);
        return;
    }
    err = kdm_store_error_of(outcome, reply);
    if (err != KDM_OK)
        refuse(commit, err);
    else if (reply->type == REDIS_REPLY_INTEGER)
        committed(commit, &(uint64_t){ (uint64_t)reply->integer }, NULL, 0);
    else
        take_array(commit, reply);
}

/* How many entries of this size the feed may hold. */
static uint64_t feed_entries(const struct kdm_store *store, const struct section *section)
{
    size_t bytes = section->index->entry_bytes;
    uint64_t entries;

    if (bytes < section->bytes / 4)
        bytes = section->bytes / 4;
    entries = store->feed_max_bytes / (bytes + 128);
    return entries < 16 ? 16 : entries;
}

/* A section's arguments, from `at` on; returns where the next ones go. */
static struct kdm_str *put_section(struct kdm_commit *commit, const struct section *section, struct kdm_str *at)
{
    struct kdm_arena *arena = &commit->arena;

    *at++ = section->index->name;
    *at++ = commit->envelope;
    *at++ = kdm_commit_decimal(arena, feed_entries(commit->store, section));
    *at++ = kdm_commit_decimal(arena, section->checks.count / 2);
    if (section->checks.count > 0)
        memcpy(at, section->checks.items, section->checks.count * sizeof(*at));
    at += section->checks.count;
    *at++ = kdm_commit_decimal(arena, section->op_count);
    for (size_t i = 0; i < section->ops.count; i++, at++) {
        *at = section->ops.items[i];
        if (at->ptr == KEY_REF)
            *at = kdm_commit_decimal(arena, 3 * (size_t)commit->section_count + at->len + 1);
    }
    return at;
}

static void attempt(struct kdm_commit *commit)
{
    struct kdm_arena *arena = &commit->arena;
    size_t key_count = 3 * (size_t)commit->section_count + commit->keys.count;
    size_t count = key_count + 4;
    struct kdm_str *args, *at;

    take_slot(commit);
    for (uint32_t s = 0; s < commit->section_count; s++)
        count += 5 + commit->sections[s].checks.count + commit->sections[s].ops.count;
    at = args = kdm_arena_alloc(arena, count * sizeof(*args));
    for (uint32_t s = 0; s < commit->section_count; s++) {
        *at++ = commit->sections[s].index->meta_key;
        *at++ = commit->sections[s].index->catalogue_key;
        *at++ = commit->sections[s].index->feed_key;
    }
    if (commit->keys.count > 0)
        memcpy(at, commit->keys.items, commit->keys.count * sizeof(*at));
    at += commit->keys.count;
    *at++ = kdm_commit_decimal(arena, commit->section_count);
    *at++ = commit->field;
    *at++ = kdm_commit_decimal(arena, commit->number);
    *at++ = commit->mode == KDM_COMMIT_EACH ? KDM_STR("e") : KDM_STR("a");
    for (uint32_t s = 0; s < commit->section_count; s++)
        at = put_section(commit, &commit->sections[s], at);
    KDM_ASSERT((size_t)(at - args) == count);
    kdm_redis_eval(commit->store->redis, &kdm_script_commit, args, key_count, count, commit->deadline_ms,
                   on_reply, commit);
}

void kdm_commit_send(struct kdm_commit *commit, int64_t deadline_ms, kdm_commit_fn *fn, void *ctx)
{
    struct kdm_store *store = commit->store;

    KDM_ASSERT(commit->section_count > 0);
    KDM_ASSERT(commit->write_count <= KDM_COMMIT_MAX_WRITES);
    commit->fn = fn;
    commit->ctx = ctx;
    commit->deadline_ms = deadline_ms;
    commit->epoch = store->epoch;
    commit->prev = NULL;
    commit->next = store->sent;
    if (store->sent != NULL)
        store->sent->prev = commit;
    store->sent = commit;
    attempt(commit);
}

void kdm_commits_withdraw(struct kdm_store *store)
{
    kdm_redis_withdraw(store->redis, on_reply);
}

void kdm_commit_forget(struct kdm_store *store, void *ctx)
{
    for (struct kdm_commit *commit = store->sent; commit != NULL; commit = commit->next) {
        if (commit->ctx == ctx)
            commit->fn = NULL;
    }
}

void kdm_commits_fini(struct kdm_store *store)
{
    while (store->sent != NULL) {
        store->sent->fn = NULL;
        unknown(store->sent);
    }
    for (struct kdm_commit *commit = store->free_commits, *next; commit != NULL; commit = next) {
        next = commit->next;
        kdm_arena_fini(&commit->arena);
        free(commit);
    }
    store->free_commits = NULL;
}
