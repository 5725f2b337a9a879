/* tenant.h - one index with one collection on two nodes, and the actions that most tests need. For tests only. */
#ifndef KDM_TESTS_TX_TENANT_H
#define KDM_TESTS_TX_TENANT_H

#include "../suite.h"
#include "world.h"

#define INDEX KDM_STR("tenant")
#define COLL  KDM_STR("assets")

static uv_loop_t loop;
static struct server redis;
static struct node node, other;

static enum kdm_outcome make_collection(struct kdm_tx *tx, void *ctx)
{
    bool exists;
    struct kdm_collection *old;

    (void)ctx;
    if (!kdm_tx_index(tx, INDEX, &exists) || !kdm_tx_find_collection(tx, INDEX, COLL, &old))
        return KDM_WAIT;
    if (!exists)
        kdm_tx_create_index(tx, INDEX);
    if (old == NULL)
        kdm_tx_set_collection(tx, INDEX, COLL, NULL, KDM_STR("{\"mappings\":{\"dynamic\":\"false\"}}"));
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

static void tenant_setup(void)
{
    struct run run;

    uv_loop_init(&loop);
    server_open(&redis, NULL, NULL);
    node_start(&node, &loop, redis.url, "node-a");
    node_start(&other, &loop, redis.url, "node-b");
    run_now(&run, &node, &loop, make_collection, NULL);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
}

static void tenant_teardown(void)
{
    node_stop(&node);
    node_stop(&other);
    for (int i = 0; i < 100 && uv_run(&loop, UV_RUN_NOWAIT) != 0; i++)
        nap(1);
    server_kill(&redis);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

UNUSED_FN enum kdm_outcome create_doc(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    kdm_tx_create(tx, assets, kdm_str_of(ctx), KDM_STR("{\"n\":0}"), 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

UNUSED_FN void have_doc(const char *id)
{
    struct run run;

    run_now(&run, &node, &loop, create_doc, (void *)id);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
}

UNUSED_FN enum kdm_outcome read_doc(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc *doc;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets) || !kdm_tx_read(tx, assets, kdm_str_of(ctx), &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return kdm_tx_reply(tx, KDM_STR("null"));
    return kdm_tx_reply(tx, kdm_arena_printf(kdm_tx_arena(tx), "%lld " KDM_FMT, (long long)doc->version,
                                             KDM_ARG(doc->text)));
}

UNUSED_FN enum kdm_outcome empty_collection(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    kdm_tx_truncate(tx, assets);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR("true")) : KDM_WAIT;
}

UNUSED_FN enum kdm_outcome drop_collection(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    kdm_tx_delete_collection(tx, assets);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR("true")) : KDM_WAIT;
}

/* "<version> <text>", or "null". */
UNUSED_FN void expect_doc(struct node *at, const char *id, const char *expected)
{
    struct run run;

    run_now(&run, at, &loop, read_doc, (void *)id);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    ck_assert_str_eq(run.result, expected);
}

/* Adds one to the member "n" of document "hot". */
UNUSED_FN enum kdm_outcome add_one(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;
    struct kdm_doc *doc;
    int64_t n = 0;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets) || !kdm_tx_claim(tx, assets, KDM_STR("hot"), &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_NOT_FOUND, KDM_PROPS(KDM_STR("hot"), INDEX, COLL));
    kdm_val_int64(kdm_val_get(kdm_doc_source(tx, doc), KDM_STR("n")), &n);
    kdm_tx_write(tx, assets, doc, kdm_arena_printf(kdm_tx_arena(tx), "{\"n\":%lld}", (long long)n + 1),
                 KDM_CHANGE_UPDATE, KDM_STR_NONE, 0);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

#endif
