/* once.c - what happens outside of the store, once for a transaction, and what follows its reply.
 */
#include "tx/tx_private.h"

/* A wait is the op that stands for it; the type is another one so that only what was begun here is
 * settled so. */
bool kdm_tx_once(struct kdm_tx *tx, struct kdm_str name, kdm_tx_begin_fn *begin, void *ctx,
                 struct kdm_str *ret_answer)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_ONCE, name, KDM_STR(""));

    if (fact == NULL) {
        fact = kdm_tx_fact_add(tx, FACT_ONCE, name, KDM_STR(""));
        begin((struct kdm_tx_wait *)kdm_tx_op_begin(tx, fact), ctx);
    }
    if (!fact->done || tx->failure.err != KDM_OK)
        return false;
    *ret_answer = fact->answer;
    return true;
}

void kdm_tx_wait_settle(struct kdm_tx_wait *wait, enum kdm_err err, struct kdm_str answer)
{
    struct tx_op *op = (struct tx_op *)wait;
    struct tx_fact *fact = op->target;
    struct kdm_tx *tx = kdm_tx_op_end(op);

    if (tx == NULL)
        return;
    fact->done = true;
    if (err != KDM_OK)
        kdm_tx_fail(tx, err, NULL, 0);
    else
        fact->answer = kdm_arena_copy(tx->arena, answer);
    kdm_tx_settled(tx);
}

void kdm_tx_on_replied(struct kdm_tx *tx, kdm_tx_replied_fn *fn, void *ctx)
{
    tx->on_replied = fn;
    tx->replied_ctx = ctx;
}

void kdm_tx_replied(struct kdm_tx *tx)
{
    if (tx->on_replied != NULL)
        tx->on_replied(tx->replied_ctx);
}
