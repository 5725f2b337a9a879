/* work_test.c - work on the thread pool, and the watcher of an index. */
#include "tenant.h"

/* --- work ----------------------------------------------------------------------------------------- */

/* Input: how many milliseconds. Answer: "slept <ms>". */
static void sleeps(struct kdm_str input, struct kdm_buf *answer)
{
    long long ms = 0;

    kdm_str_int64(input, &ms);
    nap((int)ms);
    kdm_buf_printf(answer, "slept %lld", ms);
}

static enum kdm_outcome work_once(struct kdm_tx *tx, void *ctx)
{
    struct kdm_str answer;

    if (!kdm_tx_work(tx, KDM_STR("nap"), sleeps, kdm_str_of(ctx), &answer))
        return KDM_WAIT;
    return kdm_tx_reply(tx, answer);
}

START_TEST(work_is_done_and_remembered)
{
    struct run run;

    run_now(&run, &node, &loop, work_once, "1");
    ck_assert_str_eq(run.result, "slept 1");
}
END_TEST

/* The second input is known only when the first answer is. */
static enum kdm_outcome work_twice(struct kdm_tx *tx, void *ctx)
{
    struct kdm_str first, second, other_name;

    (void)ctx;
    if (!kdm_tx_work(tx, KDM_STR("one"), sleeps, KDM_STR("1"), &first)
        || !kdm_tx_work(tx, KDM_STR("two"), sleeps, KDM_STR("2"), &second)
        || !kdm_tx_work(tx, KDM_STR("three"), sleeps, KDM_STR("2"), &other_name))
        return KDM_WAIT;
    return kdm_tx_reply(tx, kdm_arena_printf(kdm_tx_arena(tx), KDM_FMT ", " KDM_FMT, KDM_ARG(first), KDM_ARG(second)));
}

START_TEST(each_name_has_its_own)
{
    struct run run;

    run_now(&run, &node, &loop, work_twice, NULL);
    ck_assert_str_eq(run.result, "slept 1, slept 2");
}
END_TEST

/* What it computes hangs on a document that another node changes meanwhile. */
static enum kdm_outcome work_on_document(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc *doc;
    struct kdm_str answer;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets) || !kdm_tx_read(tx, assets, kdm_str_of(ctx), &doc)
        || !kdm_tx_work(tx, KDM_STR("nap"), sleeps,
                        kdm_val_text(kdm_val_get(kdm_doc_source(tx, doc), KDM_STR("n"))), &answer))
        return KDM_WAIT;
    kdm_tx_write(tx, assets, doc,
                 kdm_arena_printf(kdm_tx_arena(tx), "{\"n\":1,\"answer\":\"" KDM_FMT "\"}", KDM_ARG(answer)),
                 KDM_CHANGE_REPLACE, KDM_STR_NONE, 0);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, answer) : KDM_WAIT;
}

static enum kdm_outcome put_60(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    kdm_tx_put(tx, assets, kdm_str_of(ctx), KDM_STR("{\"n\":60}"), 0);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR("true")) : KDM_WAIT;
}

START_TEST(another_input_is_worked_on_anew)
{
    struct run run, race;

    run_now(&run, &node, &loop, put_60, "hot");
    run_begin(&run, &node, work_on_document, "hot");
    run_begin(&race, &other, create_doc, "unrelated");
    run_end(&race, &loop);
    /* The first nap of 60 ms goes on; the document says 0 from now on. */
    run_now(&race, &other, &loop, add_one, "hot");
    run_end(&run, &loop);
    ck_assert_str_eq(run.result, "slept 61");
}
END_TEST

static void on_work_tick(uv_timer_t *timer)
{
    ++*(int *)timer->data;
}

START_TEST(the_loop_goes_on_meanwhile)
{
    struct run run;
    uv_timer_t timer;
    int ticks = 0;

    uv_timer_init(&loop, &timer);
    timer.data = &ticks;
    uv_timer_start(&timer, on_work_tick, 1, 1);
    run_now(&run, &node, &loop, work_once, "200");
    uv_close((uv_handle_t *)&timer, NULL);
    ck_assert_int_gt(ticks, 20);
}
END_TEST

START_TEST(who_leaves_is_not_waited_for)
{
    struct run runs[8];

    for (int i = 0; i < 8; i++)
        run_begin(&runs[i], &node, work_once, "20");
    for (int i = 0; i < 8; i++) {
        kdm_tx_release(runs[i].tx);
        kdm_arena_fini(&runs[i].arena);
        ck_assert(!runs[i].done);
    }
    run_now(&runs[0], &node, &loop, work_once, "1"); /* behind two that had begun, not behind eight */
    ck_assert_str_eq(runs[0].result, "slept 1");
}
END_TEST

START_TEST(too_much_of_it_is_refused)
{
    static struct run runs[100];
    int refused = 0, done = 0;

    for (int i = 0; i < 100; i++)
        run_begin(&runs[i], &node, work_once, "5");
    for (int i = 0; i < 100; i++) {
        run_end(&runs[i], &loop);
        refused += runs[i].err == KDM_ERR_API_PROCESS_OVERLOADED;
        done += runs[i].err == KDM_OK;
    }
    ck_assert_int_eq(refused + done, 100);
    ck_assert_int_gt(done, 60);
    ck_assert_int_gt(refused, 20);
}
END_TEST

START_TEST(an_engine_may_go_while_work_is_done)
{
    struct run run;

    run_begin(&run, &node, work_once, "50");
    kdm_tx_release(run.tx);
    kdm_arena_fini(&run.arena);
    /* The teardown destroys the engine at once; the loop must end without a handle left. */
}
END_TEST

/* --- the watcher ---------------------------------------------------------------------------------- */

static char seen[512];
static struct run *watched_run;

static void on_change(void *ctx, struct kdm_str collection, struct kdm_str id, struct kdm_str text)
{
    size_t len = strlen(seen);

    ck_assert_ptr_eq(ctx, seen);
    ck_assert(watched_run == NULL || !watched_run->done); /* before whoever asked has a reply */
    snprintf(seen + len, sizeof(seen) - len, "%.*s/%.*s=%.*s;", (int)collection.len, collection.ptr, (int)id.len,
             id.ptr, (int)text.len, text.ptr == NULL ? "" : text.ptr);
}

static void watch(struct kdm_str index)
{
    seen[0] = '\0';
    kdm_tx_engine_watch(node.engine, index, on_change, seen);
}

static enum kdm_outcome delete_doc(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc *doc;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets) || !kdm_tx_read(tx, assets, kdm_str_of(ctx), &doc))
        return KDM_WAIT;
    kdm_tx_delete(tx, assets, kdm_str_of(ctx), doc, 0);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR("true")) : KDM_WAIT;
}

START_TEST(a_watcher_hears_of_what_is_committed_here)
{
    struct run run;

    watch(INDEX);
    watched_run = &run;
    run_now(&run, &node, &loop, create_doc, "a");
    run_now(&run, &node, &loop, put_60, "b");
    run_now(&run, &node, &loop, delete_doc, "a");
    run_now(&run, &node, &loop, empty_collection, NULL);
    ck_assert_str_eq(seen, "assets/a={\"n\":0};assets/b={\"n\":60};assets/a=;assets/=;");
    watched_run = NULL;
}
END_TEST

START_TEST(a_watcher_hears_of_nothing_else)
{
    struct run run;

    watch(KDM_STR("another"));
    run_now(&run, &node, &loop, create_doc, "a");
    watch(INDEX);
    run_now(&run, &node, &loop, create_doc, "a"); /* it is there already */
    ck_assert_int_ne(run.err, KDM_OK);
    run_now(&run, &other, &loop, create_doc, "b"); /* another node's */
    ck_assert_str_eq(seen, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("work");
    TCase *tcase = tcase_create("work");

    tcase_add_checked_fixture(tcase, tenant_setup, tenant_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, work_is_done_and_remembered);
    tcase_add_test(tcase, each_name_has_its_own);
    tcase_add_test(tcase, another_input_is_worked_on_anew);
    tcase_add_test(tcase, the_loop_goes_on_meanwhile);
    tcase_add_test(tcase, who_leaves_is_not_waited_for);
    tcase_add_test(tcase, too_much_of_it_is_refused);
    tcase_add_test(tcase, an_engine_may_go_while_work_is_done);
    tcase_add_test(tcase, a_watcher_hears_of_what_is_committed_here);
    tcase_add_test(tcase, a_watcher_hears_of_nothing_else);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
