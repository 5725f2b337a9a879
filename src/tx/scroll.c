/* scroll.c - cursors (store/scroll.h) as a transaction meets them: what was opened or fetched once is
 * the same in every replay. They are no part of the commit: a search has none. */
#include "tx/tx_private.h"

static struct kdm_str copied(struct kdm_tx *tx, const struct kdm_str *values, size_t count, size_t i)
{
    return i < count ? kdm_arena_copy(tx->arena, values[i]) : KDM_STR_NONE;
}

static void on_scroll(void *ctx, enum kdm_err err, const struct kdm_str *values, size_t count)
{
    struct tx_fact *fact = ((struct tx_op *)ctx)->target;
    struct kdm_tx *tx = kdm_tx_op_end(ctx);

    if (tx == NULL)
        return;
    if (err == KDM_ERR_SERVICES_STORAGE_TOO_MANY_OPERATIONS)
        kdm_tx_fail(tx, err, KDM_PROPS(KDM_STR("too many scrolls are open, or they hold too much")));
    else if (err != KDM_OK)
        kdm_tx_fail(tx, err, NULL, 0);
    fact->done = true;
    fact->text = copied(tx, values, count, 0);
    fact->answer = copied(tx, values, count, 1);
    kdm_tx_settled(tx);
}

bool kdm_tx_scroll_open(struct kdm_tx *tx, const struct kdm_scroll *scroll)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_SCROLL, scroll->key, KDM_STR("open"));

    if (fact == NULL) {
        fact = kdm_tx_fact_add(tx, FACT_SCROLL, scroll->key, KDM_STR("open"));
        kdm_store_scroll_open(tx->engine->store, scroll, tx->start.deadline_ms, on_scroll,
                              kdm_tx_op_begin(tx, fact));
    }
    return fact->done;
}

bool kdm_tx_scroll_next(struct kdm_tx *tx, struct kdm_str key, int64_t ttl_ms,
                        struct kdm_scroll_page *ret_page)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_SCROLL, key, KDM_STR("next"));

    if (fact == NULL) {
        fact = kdm_tx_fact_add(tx, FACT_SCROLL, key, KDM_STR("next"));
        kdm_store_scroll_next(tx->engine->store, key, ttl_ms, tx->start.deadline_ms, on_scroll,
                              kdm_tx_op_begin(tx, fact));
    }
    if (fact->done)
        *ret_page = (struct kdm_scroll_page){ .head = fact->text, .text = fact->answer };
    return fact->done;
}
