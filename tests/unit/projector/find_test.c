/* find_test.c - searches of one node while another one writes. Real Redis and real threads; run it
 * under -fsanitize=thread too.
 */
#include "../store/world.h"
#include "projector/internal.h"
#include "search/projection_internal.h"
#include <stdarg.h>
#include <stdlib.h>

#define DOCUMENTS 60

static uv_loop_t loop;
static struct server redis;
static struct node writer, reader;
static struct kdm_projector *projector;
static struct kdm_collection *things; /* as the reader knows it */

static void setup(void)
{
    kdm_json_seed(1, 2);
    uv_loop_init(&loop);
    server_open(&redis, NULL, NULL);
    node_start(&writer, &loop, redis.url, "writer");
    node_open(&reader, &loop, redis.url, "reader");
    projector = kdm_projector_create(&loop, reader.store);
    node_await(&reader);
}

static void teardown(void)
{
    kdm_collection_unref(things);
    things = NULL;
    kdm_projector_stop(projector);
    node_stop(&writer);
    node_stop(&reader);
    kdm_projector_destroy(projector);
    loop_end(&loop);
    server_kill(&redis);
}

/* --- writing ---------------------------------------------------------------------------------- */

static const char mapping[] = "{\"mappings\":{\"dynamic\":\"false\",\"properties\":{"
                              "\"k\":{\"type\":\"keyword\"},\"n\":{\"type\":\"long\"}}}}";
static const char wider[] =
    "{\"mappings\":{\"dynamic\":\"false\",\"properties\":{\"k\":{\"type\":\"keyword\"},"
    "\"n\":{\"type\":\"long\"},\"late\":{\"type\":\"keyword\"}}}}";

/* Makes the collection, or gives it another mapping; what the writer knows of it. */
static struct kdm_collection *define_in(const char *index, const char *definition)
{
    struct found found = lookup_now(&writer, index, "things");
    struct kdm_commit *commit = kdm_commit_create(writer.store, KDM_COMMIT_ALL);

    if (!found.index_exists)
        kdm_commit_create_index(commit, kdm_str_of(index));
    kdm_commit_set_collection(commit, kdm_str_of(index), KDM_STR("things"), found.collection,
                              kdm_str_of(definition));
    commit_done(&writer, commit);
    kdm_collection_unref(found.collection);
    return lookup_now(&writer, index, "things").collection;
}

static struct kdm_collection *define(const char *definition)
{
    return define_in("tenant", definition);
}

static void learn_in(const char *index)
{
    kdm_collection_unref(things);
    things = lookup_now(&reader, index, "things").collection;
    ck_assert_ptr_nonnull(things);
}

static void learn(void)
{
    learn_in("tenant");
}

/* `text` NULL: deletes it. */
static void write_one(const struct kdm_collection *collection, const char *id, const char *text)
{
    struct kdm_commit *commit = kdm_commit_create(writer.store, KDM_COMMIT_EACH);

    put(commit, collection, id, text, text == NULL ? KDM_EXPECT_PRESENT : KDM_EXPECT_ANY, 0, 0,
        text == NULL ? KDM_CHANGE_DELETE : KDM_CHANGE_PUT, 0);
    commit_done(&writer, commit);
}

/* --- finding ---------------------------------------------------------------------------------- */

#define GROUPS 4096

struct answer {
    struct kdm_find *find;
    int done;
    enum kdm_find_outcome outcome;
    enum kdm_err err;
    uint64_t total;
    size_t count;
    char ids[1024];      /* of the hits, with blanks */
    char groups[GROUPS]; /* of what is shown of their groups, each in brackets */
};

__attribute__((format(printf, 2, 3))) static void add(char text[GROUPS], const char *format, ...)
{
    size_t len = strlen(text);
    va_list args;

    va_start(args, format);
    ck_assert_int_lt(vsnprintf(text + len, GROUPS - len, format, args), (int)(GROUPS - len));
    va_end(args);
}

static void tell_groups(struct answer *answer, const struct kdm_hit *hit)
{
    const struct kdm_found_part *part = hit->owner;

    for (size_t i = 0; hit->groups != NULL && i < part->search->inner_count; i++) {
        const struct kdm_hit_group *group = &hit->groups[i];

        add(answer->groups, "[");
        for (size_t j = 0; j < group->count; j++) {
            ck_assert(!kdm_str_none(group->hits[j].source));
            add(answer->groups, KDM_FMT " ", KDM_ARG(group->hits[j].id));
        }
        add(answer->groups, "]");
    }
}

static void on_found(void *ctx, const struct kdm_find_result *result)
{
    struct answer *answer = ctx;
    size_t len = 0;

    answer->done++;
    answer->outcome = result->outcome;
    answer->err = result->failure.err;
    answer->total = result->found.total;
    answer->count = result->found.page_count;
    for (size_t i = 0; i < result->found.page_count; i++)
        tell_groups(answer, &result->found.hits[i]);
    for (size_t i = 0; i < result->found.page_count && len < sizeof(answer->ids) - 32; i++)
        len += (size_t)snprintf(answer->ids + len, sizeof(answer->ids) - len, KDM_FMT " ",
                                KDM_ARG(result->found.hits[i].id));
}

static void begin_with(struct answer *answer, const char *body, kdm_found_page_fn *pages)
{
    struct kdm_find_request request = { .collections = &things,
                                        .count = 1,
                                        .body = kdm_str_of(body),
                                        .from = -1,
                                        .size = pages != NULL ? 1 : -1,
                                        .all = pages != NULL,
                                        .pages = pages,
                                        .sources = true,
                                        .aggregates = strstr(body, "\"aggs\"") != NULL,
                                        .deadline_ms = kdm_clock_monotonic_ms() + 10000 };

    memset(answer, 0, sizeof(*answer));
    answer->find = kdm_find_start(projector, &request, on_found, answer);
    ck_assert_int_eq(answer->done, 0);
}

static void begin(struct answer *answer, const char *body)
{
    begin_with(answer, body, NULL);
}

static void end(struct answer *answer)
{
    turn_until(&loop, &answer->done, 1, 12000);
    ck_assert_int_eq(answer->done, 1);
    kdm_find_release(answer->find);
}

static struct answer find(const char *body)
{
    struct answer answer;

    begin(&answer, body);
    end(&answer);
    return answer;
}

static uint64_t total(const char *body)
{
    struct answer answer = find(body);

    ck_assert_int_eq(answer.outcome, KDM_FIND_FOUND);
    return answer.total;
}

#define TERM(value) "{\"query\":{\"term\":{\"k\":\"" value "\"}}}"

/* --- tests ------------------------------------------------------------------------------------ */

START_TEST(what_another_node_has_committed_is_found_at_once)
{
    struct kdm_collection *collection = define(mapping);
    char text[64], body[96];

    learn();
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof(text), "{\"k\":\"v%d\"}", i);
        snprintf(body, sizeof(body), TERM("v%d"), i);
        write_one(collection, "a", text);
        ck_assert_uint_eq(total(body), 1);
    }
    ck_assert_uint_eq(total("{}"), 1);
    kdm_collection_unref(collection);
}
END_TEST

/* What is stored, as the test knows it: 0 absent, else the number of its keyword. */
static int stored[DOCUMENTS];

static uint64_t stored_with(int k)
{
    uint64_t count = 0;

    for (int i = 0; i < DOCUMENTS; i++)
        count += stored[i] == k;
    return count;
}

static void change_some(const struct kdm_collection *collection)
{
    struct kdm_commit *commit = kdm_commit_create(writer.store, KDM_COMMIT_EACH);
    int first = rand() % DOCUMENTS, count = 1 + rand() % 12;
    char id[16], text[64];

    for (int i = first; i < first + count && i < DOCUMENTS; i++) {
        bool gone = rand() % 3 == 0;

        stored[i] = gone ? 0 : 1 + rand() % 4;
        snprintf(id, sizeof(id), "d%d", i);
        snprintf(text, sizeof(text), "{\"k\":\"k%d\",\"n\":%d,\"late\":\"k%d\"}", stored[i], i,
                 stored[i]);
        put(commit, collection, id, gone ? NULL : text, gone ? KDM_EXPECT_PRESENT : KDM_EXPECT_ANY,
            0, 0, gone ? KDM_CHANGE_DELETE : KDM_CHANGE_PUT, (uint32_t)i);
    }
    commit_done(&writer, commit);
}

static void expect_stored(const char *field)
{
    struct answer answers[5];
    char body[96];

    for (int k = 1; k < 5; k++) {
        snprintf(body, sizeof(body), "{\"query\":{\"term\":{\"%s\":\"k%d\"}}}", field, k);
        begin(&answers[k], body);
    }
    for (int k = 1; k < 5; k++) {
        end(&answers[k]);
        ck_assert_int_eq(answers[k].outcome, KDM_FIND_FOUND);
        ck_assert_uint_eq(answers[k].total, stored_with(k));
        ck_assert_uint_eq(answers[k].count, stored_with(k) < 10 ? stored_with(k) : 10);
    }
}

START_TEST(random_changes_are_found_as_they_were_made)
{
    struct kdm_collection *collection = define(mapping);

    srand(4711);
    memset(stored, 0, sizeof(stored));
    learn();
    for (int i = 0; i < 150; i++) {
        change_some(collection);
        expect_stored("k");
        if (i == 75) { /* new fields are searched at once too */
            kdm_collection_unref(collection);
            collection = define(wider);
            ck_assert_int_eq(find("{}").outcome, KDM_FIND_STALE);
            learn();
        }
        if (i >= 75)
            expect_stored("late");
    }
    kdm_collection_unref(collection);
}
END_TEST

START_TEST(equal_hits_come_in_the_order_they_were_written)
{
    struct kdm_collection *collection = define(mapping);

    learn();
    write_one(collection, "c", "{\"k\":\"x\"}");
    write_one(collection, "a", "{\"k\":\"x\"}");
    write_one(collection, "b", "{\"k\":\"x\"}");
    ck_assert_str_eq(find(TERM("x")).ids, "c a b ");
    write_one(collection, "c", "{\"k\":\"x\",\"n\":1}");
    ck_assert_str_eq(find(TERM("x")).ids, "a b c ");
    kdm_collection_unref(collection);
}
END_TEST

/* --- groups ----------------------------------------------------------------------------------- */

/* d<i> is of group k<i % 7>, the seventh has no group; "n" is i * 37 % 60: no two are alike. */
static void write_groups(const struct kdm_collection *collection)
{
    struct kdm_commit *commit = kdm_commit_create(writer.store, KDM_COMMIT_EACH);
    char id[16], text[64];

    for (int i = 0; i < DOCUMENTS; i++) {
        snprintf(id, sizeof(id), "d%d", i);
        if (i % 7 != 6)
            snprintf(text, sizeof(text), "{\"k\":\"k%d\",\"n\":%d}", i % 7, i * 37 % DOCUMENTS);
        else
            snprintf(text, sizeof(text), "{\"n\":%d}", i * 37 % DOCUMENTS);
        put(commit, collection, id, text, KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, (uint32_t)i);
    }
    commit_done(&writer, commit);
}

/* The group's documents with n < `below`, from place `from` on by n, ascending. */
static void wanted_group(char text[GROUPS], int group, int below_n, int from, int size)
{
    int place = 0;

    add(text, "[");
    for (int n = 0; n < below_n; n++)
        for (int i = 0; i < DOCUMENTS; i++)
            if (i % 7 == group && i * 37 % DOCUMENTS == n && place++ >= from
                && place <= from + size)
                add(text, "d%d ", i);
    add(text, "]");
}

START_TEST(each_hit_of_a_collapsed_page_shows_more_of_its_group)
{
    struct kdm_collection *collection = define(mapping);
    char wanted[GROUPS] = "";
    struct answer answer;

    learn();
    write_groups(collection);
    answer = find(
        "{\"query\":{\"range\":{\"n\":{\"lt\":50}}},\"collapse\":{\"field\":\"k\",\"inner_hits\":[{"
        "\"name\":\"a\",\"sort\":\"n\",\"size\":4},{\"name\":\"b\",\"sort\":\"n\",\"from\":2,"
        "\"size\":98},{\"name\":\"c\",\"size\":0}]},\"sort\":\"k\"}");
    ck_assert_int_eq(answer.outcome, KDM_FIND_FOUND);
    ck_assert_uint_eq(answer.count, 7);
    for (int group = 0; group < 7; group++) {
        wanted_group(wanted, group, 50, 0, 4);
        wanted_group(wanted, group, 50, 2, 98);
        add(wanted, "[]");
    }
    ck_assert_str_eq(answer.groups, wanted);
    kdm_collection_unref(collection);
}
END_TEST

START_TEST(a_collection_that_is_gone_or_another_one_is_stale)
{
    struct kdm_collection *collection = define(mapping);
    struct kdm_commit *commit;

    learn();
    write_one(collection, "a", "{\"k\":\"x\"}");
    ck_assert_uint_eq(total(TERM("x")), 1);
    commit = kdm_commit_create(writer.store, KDM_COMMIT_ALL);
    kdm_commit_truncate(commit, collection);
    commit_done(&writer, commit);
    ck_assert_int_eq(find(TERM("x")).outcome, KDM_FIND_STALE);
    learn();
    ck_assert_uint_eq(total("{}"), 0);
    kdm_collection_unref(collection);
    collection = lookup_now(&writer, "tenant", "things").collection;
    commit = kdm_commit_create(writer.store, KDM_COMMIT_ALL);
    kdm_commit_delete_collection(commit, collection);
    commit_done(&writer, commit);
    ck_assert_int_eq(find("{}").outcome, KDM_FIND_STALE);
    kdm_collection_unref(collection);
}
END_TEST

START_TEST(who_waits_no_longer_is_never_told)
{
    struct kdm_collection *collection = define(mapping);
    struct answer answers[40];

    learn();
    write_one(collection, "a", "{\"k\":\"x\"}");
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 40; i++)
            begin(&answers[i], TERM("x"));
        for (int i = 0; i < round; i++)
            uv_run(&loop, UV_RUN_NOWAIT);
        for (int i = 0; i < 40; i += 2) {
            int told = answers[i].done;

            kdm_find_release(answers[i].find);
            answers[i].done = told + 100;
        }
        for (int i = 1; i < 40; i += 2)
            end(&answers[i]);
        turn_for(&loop, 5);
        for (int i = 0; i < 40; i += 2)
            ck_assert_int_ge(answers[i].done, 100);
        for (int i = 0; i < 40; i += 2)
            ck_assert_int_le(answers[i].done, 101);
    }
    kdm_collection_unref(collection);
}
END_TEST

START_TEST(who_was_told_of_its_deadline_leaves_nothing_behind)
{
    struct kdm_collection *collection = define(mapping);
    struct answer answer;
    struct kdm_gate *gate;

    learn();
    ck_assert_uint_eq(total("{}"), 0);
    gate = &kdm_watched_find(projector, KDM_STR("tenant"))->views->edition->projection->gate;
    kdm_gate_read(gate); /* so that its view does not get there */
    write_one(collection, "a", "{\"k\":\"x\"}");
    begin(&answer, "{}");
    for (int i = 0; i < 2000 && answer.find->parts[0].view == NULL; i++)
        turn_for(&loop, 1);
    ck_assert_ptr_nonnull(answer.find->parts[0].view);
    answer.find->waits++; /* as for a second collection of which Redis has not answered */
    kdm_find_sweep(projector, answer.find->request.deadline_ms);
    turn_until(&loop, &answer.done, 1, 5000);
    ck_assert_int_eq(answer.err, KDM_ERR_SERVICES_STORAGE_SEARCH_NOT_READY);
    kdm_find_release(answer.find);
    ck_assert_uint_eq(projector->find_count, 1);
    kdm_find_stale(&answer.find->parts[0]); /* that answer */
    ck_assert_uint_eq(projector->find_count, 0);
    kdm_gate_end_read(gate);
    kdm_collection_unref(collection);
}
END_TEST

static struct {
    sem_t open;
    atomic_int inside;
} barrier;

/* Keeps the worker that makes the page. */
static struct kdm_str wait_at_barrier(struct kdm_arena *arena, const struct kdm_found *found,
                                      const struct kdm_hit *hits, size_t count, size_t left)
{
    (void)arena, (void)found, (void)hits, (void)count, (void)left;
    atomic_fetch_add(&barrier.inside, 1);
    kdm_wait_for(&barrier.open);
    return KDM_STR("page");
}

START_TEST(searches_of_one_index_leave_a_worker_for_others)
{
    struct kdm_collection *collection = define(mapping), *other = define_in("other", mapping);
    struct answer slow[24];
    int released = 0;

    sem_init(&barrier.open, 0, 0);
    write_one(collection, "a", "{\"k\":\"x\"}");
    write_one(collection, "b", "{\"k\":\"x\"}");
    write_one(other, "c", "{\"k\":\"x\"}");
    learn();
    for (int i = 0; i < 24; i++)
        begin_with(&slow[i], "{}", wait_at_barrier);
    turn_for(&loop, 100);
    learn_in("other");
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(total(TERM("x")), 1);
    ck_assert_int_ge(atomic_load(&barrier.inside), 2);  /* more than one at once, where.. */
    ck_assert_int_le(atomic_load(&barrier.inside), 15); /* ..there are so many */
    for (int i = 0; i < 24; i += 3, released++)
        kdm_find_release(slow[i].find); /* on a worker, or still in the queue */
    for (int i = 0; i < 24; i++) {
        ck_assert_int_eq(slow[i].done, 0);
        sem_post(&barrier.open);
    }
    for (int i = 0; i < 24; i++)
        if (i % 3 != 0)
            end(&slow[i]);
    ck_assert_int_ge(atomic_load(&barrier.inside), 24 - released);
    kdm_collection_unref(collection);
    kdm_collection_unref(other);
    sem_destroy(&barrier.open);
}
END_TEST

START_TEST(wrong_requests_fail_with_what_is_wrong)
{
    struct kdm_collection *collection = define(mapping);
    struct answer answer;

    learn();
    answer = find("{\"query\":{\"what\":{}}}");
    ck_assert_int_eq(answer.outcome, KDM_FIND_FAILED);
    ck_assert_int_eq(answer.err, KDM_ERR_SERVICES_STORAGE_UNKNOWN_QUERY_KEYWORD);
    answer = find("{\"aggregations\":{\"a\":{\"max\":{\"field\":\"n\"}}}}"); /* not shown */
    ck_assert_int_eq(answer.outcome, KDM_FIND_FAILED);
    kdm_collection_unref(collection);
}
END_TEST

/* What is in a column may come from more fields than before: the old column proves nothing. */
START_TEST(a_new_mapping_is_in_the_projection_before_it_is_searched)
{
    struct kdm_collection *collection = define("{\"mappings\":{\"properties\":{"
                                               "\"k\":{\"type\":\"keyword\"},"
                                               "\"all\":{\"type\":\"keyword\"}}}}");
    struct answer answer;
    struct kdm_gate *gate;

    write_one(collection, "d1", "{\"k\":\"one\"}");
    learn();
    ck_assert_uint_eq(total("{\"query\":{\"term\":{\"all\":\"one\"}}}"), 0);
    kdm_collection_unref(collection);
    collection = define("{\"mappings\":{\"properties\":{"
                        "\"k\":{\"type\":\"keyword\",\"copy_to\":\"all\"},"
                        "\"all\":{\"type\":\"keyword\"}}}}");
    learn();
    gate = &kdm_watched_find(projector, KDM_STR("tenant"))->views->edition->projection->gate;
    kdm_gate_read(gate); /* the indexer can't get at it */
    begin(&answer, "{\"query\":{\"term\":{\"all\":\"one\"}}}");
    turn_for(&loop, 50);
    ck_assert_int_eq(answer.done, 0);
    kdm_gate_end_read(gate);
    end(&answer);
    ck_assert_uint_eq(answer.total, 1);
    kdm_collection_unref(collection);
}
END_TEST

/* --- fields that are being filled
 * -----------------------------------------------------------------
 */

#define FILLED 300

static void write_filled(const struct kdm_collection *collection)
{
    struct kdm_commit *commit = kdm_commit_create(writer.store, KDM_COMMIT_EACH);
    char id[16], text[96];

    for (int i = 0; i < FILLED; i++) {
        snprintf(id, sizeof(id), "d%d", i);
        snprintf(text, sizeof(text), "{\"k\":\"x\",\"n\":%d,\"late\":\"l%03d\",\"words\":\"%s\"}",
                 i, FILLED - i, i == 7 ? "pump pump pump" : "a pump and much else");
        put(commit, collection, id, text, KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
    }
    commit_done(&writer, commit);
}

/* Grows the mapping and stops just before the new fields are filled; *ret_gate keeps the indexer
 * out.
 */
static void begin_filling(const char *definition, struct kdm_gate **ret_gate)
{
    struct kdm_view *view;
    struct answer answer;

    kdm_collection_unref(define(definition));
    learn();
    begin(&answer, "{\"size\":0}");
    view = kdm_watched_find(projector, KDM_STR("tenant"))->views;
    for (int i = 0; i < 100000 && !(view->unfilled && view->remaps == 0); i++)
        uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert(view->unfilled && view->edition->projection->filling);
    *ret_gate = &view->edition->projection->gate;
    kdm_gate_read(*ret_gate);
    end(&answer);
    ck_assert_uint_eq(answer.total, FILLED);
}

START_TEST(only_what_orders_or_counts_by_a_field_that_is_being_filled_waits)
{
    static const char *const at_once[] = {
        "{\"sort\":[{\"n\":\"desc\"}]}",
        "{\"aggs\":{\"a\":{\"terms\":{\"field\":\"k\"},\"aggs\":{\"n\":{\"max\":{\"field\":\"n\"}}}"
        "}}}",
        "{\"query\":{\"prefix\":{\"late\":\"l\"}},\"sort\":\"n\",\"collapse\":{\"field\":\"n\"}}",
        "{\"query\":{\"match\":{\"words\":\"pump\"}},\"sort\":\"n\"}",
        "{\"query\":{\"term\":{\"late\":\"\\u006c300\"}}}",
    };
    static const struct {
        const char *body, *first;
    } later[] = {
        { "{\"sort\":\"late\"}", "d299 " },
        { "{\"sort\":[\"k\",{\"late\":\"desc\"}]}", "d0 " },
        { "{\"collapse\":{\"field\":\"late\"},\"sort\":\"n\"}", "d0 " },
        { "{\"aggs\":{\"a\":{\"filter\":{\"term\":{\"k\":\"x\"}},\"aggs\":{\"c\":{\"cardinality\":{"
          "\"field\":\"late\"}}}}},\"sort\":\"n\"}",
          "d0 " },
        { "{\"query\":{\"match\":{\"words\":\"pump\"}}}", "d7 " },
    };
    struct kdm_collection *collection = define(mapping);
    struct answer answers[5];
    struct kdm_gate *gate;

    learn();
    write_filled(collection);
    ck_assert_uint_eq(total("{}"), FILLED);
    begin_filling(
        "{\"mappings\":{\"properties\":{\"k\":{\"type\":\"keyword\"},\"n\":{\"type\":\"long\"},"
        "\"late\":{\"type\":\"keyword\"},\"words\":{\"type\":\"text\"}}}}",
        &gate);
    for (size_t i = 0; i < 5; i++)
        begin(&answers[i], later[i].body);
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(find(at_once[i]).outcome, KDM_FIND_FOUND);
    turn_for(&loop, 50);
    for (size_t i = 0; i < 5; i++)
        ck_assert_msg(answers[i].done == 0, "%s", later[i].body);
    kdm_gate_end_read(gate);
    for (size_t i = 0; i < 5; i++) {
        end(&answers[i]);
        ck_assert_int_eq(answers[i].outcome, KDM_FIND_FOUND);
        ck_assert_msg(strncmp(answers[i].ids, later[i].first, strlen(later[i].first)) == 0,
                      "%s: %s", later[i].body, answers[i].ids);
    }
    kdm_collection_unref(collection);
}
END_TEST

/* --- more changes than can be taken in -------------------------------------------------------- */

static void write_many(const struct kdm_collection *collection, int first, const char *pad)
{
    struct kdm_commit *commit = kdm_commit_create(writer.store, KDM_COMMIT_EACH);
    char id[32], text[1400];

    for (int i = first; i < first + 400; i++) {
        snprintf(id, sizeof(id), "m%d", i);
        snprintf(text, sizeof(text), "{\"k\":\"many\",\"n\":%d,\"pad\":\"%s\"}", i, pad);
        put(commit, collection, id, text, KDM_EXPECT_ANY, 0, 0, KDM_CHANGE_PUT, 0);
    }
    commit_done(&writer, commit);
}

START_TEST(changes_that_outrun_the_indexer_wait_in_redis)
{
    struct kdm_collection *collection = define(mapping);
    struct kdm_projector_counts counts;
    struct kdm_gate *gate;
    char pad[1024];
    size_t most = 0;

    memset(pad, 'x', sizeof(pad) - 1);
    pad[sizeof(pad) - 1] = '\0';
    learn();
    ck_assert_uint_eq(total("{}"), 0);
    gate = &kdm_watched_find(projector, KDM_STR("tenant"))->views->edition->projection->gate;
    kdm_gate_read(gate); /* a search that does not let go */
    for (int i = 0; i < 100; i++) {
        write_many(collection, 400 * i, pad);
        turn_for(&loop, 2);
        kdm_projector_counts(projector, &counts);
        most = counts.queued_bytes > most ? counts.queued_bytes : most;
    }
    ck_assert(kdm_projector_crowded(projector, KDM_STR("tenant")));
    ck_assert_uint_gt(most, 32u << 20);
    ck_assert_uint_lt(most, 36u << 20); /* of the 43 MB that were written */
    ck_assert_int_gt(counts.lag_ms, 0);
    kdm_gate_end_read(gate);
    ck_assert_uint_eq(total(TERM("many")), 40000);
    turn_for(&loop, 20);
    kdm_projector_counts(projector, &counts);
    ck_assert_uint_eq(counts.queued_bytes, 0);
    ck_assert_uint_eq(counts.documents, 40000);
    ck_assert(!kdm_projector_crowded(projector, KDM_STR("tenant")));
    kdm_collection_unref(collection);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("find");
    TCase *tests = tcase_create("searches");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, what_another_node_has_committed_is_found_at_once);
    tcase_add_test(tests, random_changes_are_found_as_they_were_made);
    tcase_add_test(tests, equal_hits_come_in_the_order_they_were_written);
    tcase_add_test(tests, each_hit_of_a_collapsed_page_shows_more_of_its_group);
    tcase_add_test(tests, a_collection_that_is_gone_or_another_one_is_stale);
    tcase_add_test(tests, who_waits_no_longer_is_never_told);
    tcase_add_test(tests, who_was_told_of_its_deadline_leaves_nothing_behind);
    tcase_add_test(tests, searches_of_one_index_leave_a_worker_for_others);
    tcase_add_test(tests, wrong_requests_fail_with_what_is_wrong);
    tcase_add_test(tests, a_new_mapping_is_in_the_projection_before_it_is_searched);
    tcase_add_test(tests, only_what_orders_or_counts_by_a_field_that_is_being_filled_waits);
    tcase_add_test(tests, changes_that_outrun_the_indexer_wait_in_redis);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
