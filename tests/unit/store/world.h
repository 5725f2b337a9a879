/* world.h - a store for tests: a loop, a Redis of the test's own, and commits that are sent and waited for.
 * For tests only: everything aborts on failure.
 */
#ifndef KDM_TESTS_STORE_WORLD_H
#define KDM_TESTS_STORE_WORLD_H

#include "../redis/server.h"
#include "store/commit.h"
#include "store/store_private.h"

#define TIMEOUT_MS 5000

struct node {
    uv_loop_t *loop;
    struct kdm_random random;
    struct kdm_store *store;
};

UNUSED_FN void node_open(struct node *node, uv_loop_t *loop, const char *url, const char *name)
{
    struct kdm_store_options options = { .redis_url = url,
                                         .node = kdm_str_of(name),
                                         .feed_max_bytes = 64 << 20,
                                         .feed_max_age_ms = 3600000 };
    char *error = NULL;

    memset(node, 0, sizeof(*node));
    node->loop = loop;
    node->store = kdm_store_open(loop, &options, &node->random, &error);
    ck_assert_ptr_nonnull(node->store);
}

UNUSED_FN void node_await(struct node *node)
{
    for (int i = 0; i < 6000 && !kdm_store_ready(node->store); i++) {
        uv_run(node->loop, UV_RUN_NOWAIT);
        nap(1);
    }
    ck_assert(kdm_store_ready(node->store));
}

UNUSED_FN void node_start(struct node *node, uv_loop_t *loop, const char *url, const char *name)
{
    node_open(node, loop, url, name);
    node_await(node);
}

UNUSED_FN void node_stop(struct node *node)
{
    kdm_store_close(node->store);
    node->store = NULL;
}

/* Turns the loop until nothing is left of what was closed. */
UNUSED_FN void loop_end(uv_loop_t *loop)
{
    for (int i = 0; i < 200 && uv_run(loop, UV_RUN_NOWAIT) != 0; i++)
        nap(1);
    ck_assert_int_eq(uv_loop_close(loop), 0);
}

/* --- commits ------------------------------------------------------------------------------- */

#define ITEMS_MAX 600

/* A copy of how a commit ended. */
struct outcome {
    int done; /* how often it was told */
    enum kdm_commit_outcome outcome;
    enum kdm_err err;
    struct {
        uint32_t token;
        bool conflict, absent;
        int64_t version;
        char value[160];
    } items[ITEMS_MAX];
    size_t item_count;
    uint64_t sequences[8];
    char indexes[8][32];
    size_t sequence_count;
    bool catalogue_changed, counter_changed, job_gone, job_taken;
};

static void on_outcome(void *ctx, const struct kdm_commit_result *result)
{
    struct outcome *outcome = ctx;

    outcome->done++;
    outcome->outcome = result->outcome;
    outcome->err = result->err;
    outcome->catalogue_changed = result->catalogue_changed;
    outcome->counter_changed = result->counter_changed;
    outcome->job_gone = result->job_gone;
    outcome->job_taken = result->job_taken;
    outcome->item_count = result->item_count;
    for (size_t i = 0; i < result->item_count && i < ITEMS_MAX; i++) {
        const struct kdm_commit_item *item = &result->items[i];

        outcome->items[i].token = item->token;
        outcome->items[i].conflict = item->conflict;
        outcome->items[i].absent = kdm_str_none(item->value);
        outcome->items[i].version = item->version;
        snprintf(outcome->items[i].value, sizeof(outcome->items[i].value), KDM_FMT, KDM_ARG(item->value));
    }
    outcome->sequence_count = result->sequence_count;
    for (size_t i = 0; i < result->sequence_count && i < 8; i++) {
        outcome->sequences[i] = result->sequences[i].sequence;
        snprintf(outcome->indexes[i], sizeof(outcome->indexes[i]), KDM_FMT,
                 KDM_ARG(result->sequences[i].index->name));
    }
}

UNUSED_FN void commit_begin(struct kdm_commit *commit, struct outcome *ret_outcome, int timeout_ms)
{
    memset(ret_outcome, 0, sizeof(*ret_outcome));
    kdm_commit_send(commit, kdm_clock_monotonic_ms() + timeout_ms, on_outcome, ret_outcome);
}

/* Sends it and waits. */
UNUSED_FN void commit_now(struct node *node, struct kdm_commit *commit, struct outcome *ret_outcome)
{
    commit_begin(commit, ret_outcome, TIMEOUT_MS);
    turn_until(node->loop, &ret_outcome->done, 1, 2 * TIMEOUT_MS);
    ck_assert_int_eq(ret_outcome->done, 1);
}

UNUSED_FN uint64_t commit_done(struct node *node, struct kdm_commit *commit)
{
    struct outcome outcome;

    commit_now(node, commit, &outcome);
    ck_assert_int_eq(outcome.outcome, KDM_COMMITTED);
    return outcome.sequences[0];
}

/* --- catalogue ----------------------------------------------------------------------------- */

struct found {
    int done;
    enum kdm_err err;
    bool index_exists;
    struct kdm_collection *collection; /* one reference */
};

static void on_lookup(void *ctx, enum kdm_err err, bool index_exists, struct kdm_collection *collection)
{
    struct found *found = ctx;

    found->done++;
    found->err = err;
    found->index_exists = index_exists;
    found->collection = collection == NULL ? NULL : kdm_collection_ref(collection);
}

UNUSED_FN struct found lookup_now(struct node *node, const char *index, const char *name)
{
    struct found found = { 0 };

    kdm_store_lookup(node->store, kdm_str_of(index), kdm_str_of(name), kdm_clock_monotonic_ms() + TIMEOUT_MS,
                     on_lookup, &found);
    turn_until(node->loop, &found.done, 1, 2 * TIMEOUT_MS);
    ck_assert_int_eq(found.done, 1);
    return found;
}

#define DEFINITION KDM_STR("{\"mappings\":{\"dynamic\":\"false\"}}")

/* The collection, made when it is not there; the caller owns a reference. */
UNUSED_FN struct kdm_collection *have_collection(struct node *node, const char *index, const char *name)
{
    struct found found = lookup_now(node, index, name);
    struct kdm_commit *commit;

    ck_assert_int_eq(found.err, KDM_OK);
    if (found.collection != NULL)
        return found.collection;
    commit = kdm_commit_create(node->store, KDM_COMMIT_ALL);
    if (!found.index_exists)
        kdm_commit_create_index(commit, kdm_str_of(index));
    kdm_commit_set_collection(commit, kdm_str_of(index), kdm_str_of(name), NULL, DEFINITION);
    commit_done(node, commit);
    found = lookup_now(node, index, name);
    ck_assert_ptr_nonnull(found.collection);
    return found.collection;
}

/* --- documents ----------------------------------------------------------------------------- */

UNUSED_FN void put(struct kdm_commit *commit, const struct kdm_collection *collection, const char *id,
                   const char *text, enum kdm_expect expect, uint64_t sequence, int64_t version,
                   enum kdm_change change, uint32_t token)
{
    kdm_commit_put(commit, &(struct kdm_commit_write){ .collection = collection,
                                                       .id = kdm_str_of(id),
                                                       .text = text == NULL ? KDM_STR_NONE : kdm_str_of(text),
                                                       .expect = expect,
                                                       .sequence = sequence,
                                                       .version = version,
                                                       .change = change,
                                                       .token = token });
}

UNUSED_FN uint64_t create_doc(struct node *node, const struct kdm_collection *collection, const char *id,
                              const char *text)
{
    struct kdm_commit *commit = kdm_commit_create(node->store, KDM_COMMIT_ALL);

    put(commit, collection, id, text, KDM_EXPECT_ABSENT, 0, 1, KDM_CHANGE_CREATE, 0);
    return commit_done(node, commit);
}

struct values {
    int done;
    enum kdm_err err;
    size_t count;
    bool absent;
    char text[256]; /* the first */
};

static void on_values(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct values *got = ctx;

    got->done++;
    got->err = err;
    got->count = count;
    got->absent = count == 0 || kdm_str_none(values[0]);
    if (count > 0)
        snprintf(got->text, sizeof(got->text), KDM_FMT, KDM_ARG(values[0]));
}

/* The stored value, "<sequence> <version> <text>"; "" when absent. */
UNUSED_FN struct values get_now(struct node *node, const struct kdm_collection *collection, const char *id)
{
    struct values got = { 0 };
    struct kdm_str ids[] = { kdm_str_of(id) };

    kdm_store_get(node->store, collection, ids, 1, kdm_clock_monotonic_ms() + TIMEOUT_MS, on_values, &got);
    turn_until(node->loop, &got.done, 1, 2 * TIMEOUT_MS);
    ck_assert_int_eq(got.done, 1);
    return got;
}

/* "<version> <text>" without the sequence. */
UNUSED_FN void expect_doc(struct node *node, const struct kdm_collection *collection, const char *id,
                          const char *expected)
{
    struct values got = get_now(node, collection, id);
    const char *text = strchr(got.text, ' ');

    ck_assert_int_eq(got.err, KDM_OK);
    if (expected == NULL) {
        ck_assert_msg(got.absent, "%s is there: %s", id, got.text);
        return;
    }
    ck_assert_ptr_nonnull(text);
    ck_assert_str_eq(text + 1, expected);
}

/* --- Redis itself ---------------------------------------------------------------------------- */

/* With a NUL behind it; good for a few more calls. */
UNUSED_FN const char *z(struct kdm_str s)
{
    static char texts[8][128];
    static int next;
    char *text = texts[next++ % 8];

    snprintf(text, sizeof(texts[0]), KDM_FMT, KDM_ARG(s));
    return text;
}

/* A blocking connection for looking at what is stored. */
UNUSED_FN redisContext *look_in(const struct server *server)
{
    redisContext *redis = redisConnectUnix(server->socket);

    ck_assert_ptr_nonnull(redis);
    ck_assert_int_eq(redis->err, 0);
    return redis;
}

UNUSED_FN long long redis_number(redisContext *redis, const char *format, ...)
{
    va_list args;
    redisReply *reply;
    long long number;

    va_start(args, format);
    reply = redisvCommand(redis, format, args);
    va_end(args);
    ck_assert_ptr_nonnull(reply);
    ck_assert_msg(reply->type != REDIS_REPLY_ERROR, "%s: %s", format, reply->str);
    number = reply->type == REDIS_REPLY_INTEGER  ? reply->integer
             : reply->type == REDIS_REPLY_STRING ? strtoll(reply->str, NULL, 10)
             : reply->type == REDIS_REPLY_ARRAY  ? (long long)reply->elements
                                                 : 0;
    freeReplyObject(reply);
    return number;
}

#endif
