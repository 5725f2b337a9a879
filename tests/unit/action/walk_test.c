/* walk_test.c - a walk over a collection in the chunks of a job. */
#include "../tx/tenant.h"

#include "action/walk.h"

#define DOCS 1500

static enum kdm_outcome fill(struct kdm_tx *tx, void *ctx)
{
    struct kdm_collection *assets;

    (void)ctx;
    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    for (int i = 0; i < DOCS; i++)
        kdm_tx_put(tx, assets, kdm_arena_printf(kdm_tx_arena(tx), "d%d", i),
                   i % 3 == 0 ? KDM_STR("{\"mine\":true}") : KDM_STR("{\"mine\":false}"), 0);
    if (!kdm_tx_commit_each(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR("true"));
}

static bool is_mine(void *ctx, struct kdm_str id, struct kdm_val source)
{
    (void)ctx;
    (void)id;
    return kdm_val_type(kdm_val_get(source, KDM_STR("mine"))) == KDM_JSON_TRUE;
}

static struct kdm_str text_of(struct kdm_tx *tx, const struct kdm_walk *walk)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, kdm_tx_arena(tx), 256);
    kdm_buf_char(&buf, '{');
    kdm_walk_put(&buf, walk);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* Walks to the end from the state that ctx is, by way of its text before every find, some ids at a
 * time; replies how many there were. */
static enum kdm_outcome walk_all(struct kdm_tx *tx, void *ctx)
{
    struct kdm_str state = kdm_str_of(ctx);
    struct kdm_collection *assets;
    struct kdm_walk walk;
    size_t count = 0, step;

    if (!kdm_tx_collection(tx, INDEX, COLL, &assets))
        return KDM_WAIT;
    for (;;) {
        walk = kdm_walk_read(tx, kdm_json_parse(kdm_tx_arena(tx), state));
        if (kdm_walk_over(&walk))
            break;
        if (!kdm_walk_find(tx, assets, is_mine, NULL, &walk))
            return KDM_WAIT;
        step = walk.ids.count < 70 ? walk.ids.count : 70;
        kdm_walk_done(&walk, step);
        count += step;
        state = text_of(tx, &walk);
    }
    return kdm_tx_reply(tx, kdm_arena_printf(kdm_tx_arena(tx), "%zu", count));
}

static const struct {
    const char *state;
    int count;
} walks[] = {
    { "null", DOCS / 3 },
    /* Begun in another Redis process: anew, but what was found is done first. */
    { "{\"walk\":{\"redis\":\"another\",\"cursor\":\"123456789\",\"end\":false,\"ids\":[]}}",
      DOCS / 3 },
    { "{\"walk\":{\"redis\":\"another\",\"cursor\":\"0\",\"end\":true,\"ids\":[\"x\",\"y\"]}}", 2 },
    { "{\"walk\":{\"redis\":\"another\",\"cursor\":\"77\",\"end\":false,\"ids\":[\"x\",\"y\"]}}",
      2 + DOCS / 3 },
};

START_TEST(a_walk_finds_every_document_that_matches)
{
    struct run run;

    run_now(&run, &node, &loop, fill, NULL);
    run_now(&run, &node, &loop, walk_all, walks[_i].state);
    ck_assert_msg(run.err == KDM_OK, "%s", run.message);
    ck_assert_int_eq(atoi(run.result), walks[_i].count);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("walk");
    TCase *tcase = tcase_create("walk");

    tcase_add_checked_fixture(tcase, tenant_setup, tenant_teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_walk_finds_every_document_that_matches, 0,
                        sizeof(walks) / sizeof(walks[0]));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
