/* nested_test.c - requests that a handler makes while its transaction waits, and what becomes of
 * those that wait in line when what they know is dropped.
 */
#include "tenant.h"

/* --- a handler that makes a request ------------------------------------------------------------
 */

/* Runs `fn` over the document that the payload names, as a request of its own, and ends when that
 * has ended. */
struct asking_pipe {
    kdm_tx_fn *fn;
    struct run nested;
    struct kdm_event_call *call;
    uv_timer_t timer;
};

static void on_look(uv_timer_t *timer)
{
    struct asking_pipe *pipe = timer->data;

    if (!pipe->nested.done)
        return;
    uv_timer_stop(timer);
    kdm_call_next(pipe->call, KDM_STR_NONE);
}

/* Asks at the first attempt only, so that two which change each other's document come to an end. */
static void asking_handler(void *self, struct kdm_event_call *call)
{
    struct asking_pipe *pipe = self;

    if (kdm_call_attempt(call) > 1) {
        kdm_call_next(call, KDM_STR_NONE);
        return;
    }
    pipe->call = call;
    run_begin_in(&pipe->nested, &node, pipe->fn, pipe, 3000, kdm_tx_of_call(node.engine, call));
    uv_timer_start(&pipe->timer, on_look, 10, 10);
}

static void listen_and_ask(struct asking_pipe *pipe, struct kdm_str event, kdm_tx_fn *fn)
{
    memset(pipe, 0, sizeof(*pipe));
    pipe->fn = fn;
    uv_timer_init(&loop, &pipe->timer);
    pipe->timer.data = pipe;
    kdm_bus_on_pipe(node.bus, event, asking_handler, pipe, "test");
}

static void stop_asking(struct asking_pipe *pipe)
{
    kdm_tx_release(pipe->nested.tx);
    kdm_arena_fini(&pipe->nested.arena);
    uv_close((uv_handle_t *)&pipe->timer, NULL);
}

/* Adds one to a document, through a pipe of its own name when there is one. */
static enum kdm_outcome add_one_to(struct kdm_tx *tx, struct kdm_str id, struct kdm_str event)
{
    struct kdm_collection *assets;
    struct kdm_doc *doc;
    struct kdm_str payload;
    int64_t n = 0;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets) || !kdm_tx_claim(tx, assets, id, &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_NOT_FOUND, KDM_PROPS(id, INDEX, COLL));
    if (!kdm_str_none(event) && !kdm_tx_pipe(tx, event, KDM_STR_NONE, doc->text, &payload))
        return KDM_WAIT;
    kdm_val_int64(kdm_val_get(kdm_doc_source(tx, doc), KDM_STR("n")), &n);
    kdm_tx_write(tx, assets, doc,
                 kdm_arena_printf(kdm_tx_arena(tx), "{\"n\":%lld}", (long long)n + 1),
                 KDM_CHANGE_UPDATE, KDM_STR_NONE, 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

static enum kdm_outcome add_one_to_a(struct kdm_tx *tx, void *ctx)
{
    (void)ctx;
    return add_one_to(tx, KDM_STR("a"), KDM_STR_NONE);
}

static enum kdm_outcome add_one_to_b(struct kdm_tx *tx, void *ctx)
{
    (void)ctx;
    return add_one_to(tx, KDM_STR("b"), KDM_STR_NONE);
}

static enum kdm_outcome add_one_to_a_piped(struct kdm_tx *tx, void *ctx)
{
    (void)ctx;
    return add_one_to(tx, KDM_STR("a"), KDM_STR("test:a:before"));
}

static enum kdm_outcome add_one_to_b_piped(struct kdm_tx *tx, void *ctx)
{
    (void)ctx;
    return add_one_to(tx, KDM_STR("b"), KDM_STR("test:b:before"));
}

static enum kdm_outcome delete_a(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    kdm_tx_delete(tx, assets, KDM_STR("a"), NULL, 0);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR("true")) : KDM_WAIT;
}

START_TEST(a_document_that_its_own_handler_deletes_is_gone_for_the_action)
{
    struct asking_pipe pipe;
    struct run run;

    have_doc("a");
    listen_and_ask(&pipe, KDM_STR("test:a:before"), delete_a);
    run_now(&run, &node, &loop, add_one_to_a_piped, NULL);
    ck_assert_int_eq(pipe.nested.err, KDM_OK);
    ck_assert_int_eq(run.err, KDM_ERR_SERVICES_STORAGE_NOT_FOUND);
    stop_asking(&pipe);
    expect_doc(&other, "a", "null");
}
END_TEST

START_TEST(handlers_that_change_each_others_document_do_not_wait_for_each_other)
{
    struct asking_pipe at_a, at_b;
    struct run a, b;

    have_doc("a");
    have_doc("b");
    listen_and_ask(&at_a, KDM_STR("test:a:before"), add_one_to_b);
    listen_and_ask(&at_b, KDM_STR("test:b:before"), add_one_to_a);
    run_begin(&a, &node, add_one_to_a_piped, NULL);
    run_begin(&b, &node, add_one_to_b_piped, NULL);
    run_end(&a, &loop);
    run_end(&b, &loop);
    ck_assert_int_eq(at_a.nested.err, KDM_OK);
    ck_assert_int_eq(at_b.nested.err, KDM_OK);
    ck_assert_int_eq(a.err, KDM_OK);
    ck_assert_int_eq(b.err, KDM_OK);
    stop_asking(&at_a);
    stop_asking(&at_b);
    expect_doc(&other, "a", "3 {\"n\":2}");
    expect_doc(&other, "b", "3 {\"n\":2}");
}
END_TEST

/* --- in line -----------------------------------------------------------------------------------
 */

#define SECOND KDM_STR("devices")

static enum kdm_outcome make_second(struct kdm_tx *tx, void *ctx)
{
    (void)ctx;
    kdm_tx_set_collection(tx, INDEX, SECOND, NULL,
                          KDM_STR("{\"mappings\":{\"dynamic\":\"false\"}}"));
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR("true")) : KDM_WAIT;
}

/* Looks for a document in the second collection while it waits in line for one in the first. */
static enum kdm_outcome look_and_add_one(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *second, *assets;
    struct kdm_doc *ignored, *doc;
    bool looked, claimed;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, SECOND, &second)
        || !kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    looked = kdm_tx_read(tx, second, KDM_STR("missing"), &ignored);
    claimed = kdm_tx_claim(tx, assets, KDM_STR("a"), &doc);
    if (!looked || !claimed)
        return KDM_WAIT;
    kdm_tx_write(tx, assets, doc, KDM_STR("{\"n\":10}"), KDM_CHANGE_UPDATE, KDM_STR_NONE, 0);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR("true")) : KDM_WAIT;
}

static enum kdm_outcome know_second(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *second;

    (void)ctx;
    return kdm_tx_collection(tx, INDEX, SECOND, &second) ? kdm_tx_reply(tx, KDM_STR("true"))
                                                         : KDM_WAIT;
}

/* Gives the second collection another life behind the node's back. */
static void remake_second_unheard(void)
{
    const struct kdm_collection *known = kdm_store_known(node.store, INDEX, SECOND);
    redisContext *redis_now = redisConnectUnix(redis.socket);
    redisReply *reply;

    ck_assert_ptr_nonnull(known);
    ck_assert_int_eq(redis_now->err, 0);
    reply = redisCommand(redis_now, "HSET %b %b %s", known->index->meta_key.ptr,
                         known->index->meta_key.len, known->check_field.ptr, known->check_field.len,
                         "anotherlife 1");
    ck_assert_int_eq(reply->type, REDIS_REPLY_INTEGER);
    freeReplyObject(reply);
    redisFree(redis_now);
}

static enum kdm_outcome leave_a_alone(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    (void)ctx;
    return kdm_tx_collection(tx, INDEX, COLL, &assets) ? kdm_tx_reply(tx, KDM_STR("true"))
                                                       : KDM_WAIT;
}

START_TEST(who_waits_in_line_survives_that_all_it_knows_is_dropped)
{
    struct asking_pipe pipe;
    struct run run, holder, waiter;

    have_doc("a");
    run_now(&run, &node, &loop, make_second, NULL);
    ck_assert_int_eq(run.err, KDM_OK);
    turn_for(&loop, 50); /* the bell of that */
    run_now(&run, &node, &loop, know_second, NULL);
    ck_assert_int_eq(run.err, KDM_OK);
    remake_second_unheard();
    listen_and_ask(&pipe, KDM_STR("test:a:before"), leave_a_alone);
    run_begin(&holder, &node, add_one_to_a_piped, NULL);
    run_begin(&waiter, &node, look_and_add_one, NULL);
    run_end(&holder, &loop);
    run_end(&waiter, &loop);
    ck_assert_int_eq(holder.err, KDM_OK);
    ck_assert_msg(waiter.err == KDM_OK, "%s", waiter.message);
    stop_asking(&pipe);
    expect_doc(&other, "a", "3 {\"n\":10}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tx nested");
    TCase *tcase = tcase_create("nested");

    tcase_add_checked_fixture(tcase, tenant_setup, tenant_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_document_that_its_own_handler_deletes_is_gone_for_the_action);
    tcase_add_test(tcase, handlers_that_change_each_others_document_do_not_wait_for_each_other);
    tcase_add_test(tcase, who_waits_in_line_survives_that_all_it_knows_is_dropped);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
