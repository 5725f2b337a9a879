/* find.c - searches (projector/projector.h) as a transaction meets them: what was found stays the
 * same in every replay, until what was read is dropped. Results are the projector's and lent until
 * the transaction ends.
 */
#include "tx/tx_private.h"

/* A collection is not what the transaction takes it for: it is looked up again. */
static void look_up_again(struct kdm_tx *tx, const struct tx_fact *fact)
{
    for (size_t i = 0; i < fact->collection_count; i++) {
        struct kdm_collection *collection = fact->collections[i];

        if (kdm_store_known(tx->engine->store, collection->index->name, collection->name)
            == collection)
            kdm_store_forget(tx->engine->store, collection->index->name, collection->name);
    }
    kdm_tx_start_over(tx);
}

/* Its texts are the search's, which ends with the transaction; the failure outlives both. */
static void fail(struct kdm_tx *tx, const struct kdm_failure *failure)
{
    struct kdm_failure copy = *failure;
    struct kdm_str *props =
        kdm_arena_alloc(tx->arena, copy.prop_count * sizeof(struct kdm_str) + 1);

    copy.id = kdm_arena_copy(tx->arena, copy.id);
    copy.message = kdm_arena_copy(tx->arena, copy.message);
    copy.extra = kdm_arena_copy(tx->arena, copy.extra);
    for (uint32_t i = 0; i < copy.prop_count; i++)
        props[i] = kdm_arena_copy(tx->arena, failure->props[i]);
    copy.props = props;
    kdm_tx_fail_with(tx, &copy);
}

static void on_found(void *ctx, const struct kdm_find_result *result)
{
    struct tx_op *op = ctx;
    struct tx_fact *fact = op->target;
    struct kdm_tx *tx = kdm_tx_op_end(op);

    fact->op = NULL;
    fact->done = true;
    fact->found = &result->found;
    if (result->outcome == KDM_FIND_FAILED)
        fail(tx, &result->failure);
    else if (result->outcome == KDM_FIND_STALE)
        look_up_again(tx, fact);
    kdm_tx_settled(tx);
}

void kdm_tx_find_cancel(struct tx_fact *fact)
{
    kdm_find_release(fact->find);
    fact->find = NULL;
    if (fact->op != NULL)
        kdm_tx_op_end(fact->op); /* nobody else will */
    fact->op = NULL;
}

struct kdm_find *kdm_tx_find_take(struct tx_fact *fact)
{
    struct kdm_find *find = fact->find;

    fact->find = NULL;
    return find;
}

static void start(struct kdm_tx *tx, struct tx_fact *fact, const struct kdm_find_request *request)
{
    struct kdm_find_request bounded = *request;

    bounded.deadline_ms = tx->start.deadline_ms;
    bounded.now_ms = tx->now;
    fact->collections = kdm_arena_alloc(tx->arena, request->count * sizeof(struct kdm_collection *));
    for (size_t i = 0; i < request->count; i++)
        fact->collections[i] = kdm_collection_ref(request->collections[i]);
    fact->collection_count = request->count;
    fact->op = kdm_tx_op_begin(tx, fact);
    fact->find = kdm_find_start(tx->engine->projector, &bounded, on_found, fact->op);
}

bool kdm_tx_find(struct kdm_tx *tx, struct kdm_str name, bool checked,
                 const struct kdm_find_request *request, const struct kdm_found **ret_found)
{
    struct tx_fact *fact = kdm_tx_fact_find(tx, FACT_FIND, name, KDM_STR(""));

    KDM_ASSERT(request->count > 0 && tx->engine->projector != NULL);
    if (fact == NULL) {
        fact = kdm_tx_fact_add(tx, FACT_FIND, name, KDM_STR(""));
        fact->checked = checked;
        start(tx, fact, request);
    }
    if (!fact->done || tx->failure.err != KDM_OK)
        return false;
    *ret_found = fact->found;
    return true;
}

/* --- writes that wait for searches ----------------------------------------------------------- */

bool kdm_tx_hold_back(struct kdm_tx *tx)
{
    struct kdm_tx_engine *engine = tx->engine;
    const struct kdm_index *last = NULL;
    bool crowded = false;
    struct tx_op *op;

    for (uint32_t i = 0; engine->projector != NULL && i < tx->write_count && !crowded; i++) {
        const struct kdm_index *index = tx->writes[i].collection->index;

        if (index != last)
            crowded = kdm_projector_crowded(engine->projector, index->name);
        last = index;
    }
    if (!crowded)
        return false;
    op = kdm_tx_op_begin(tx, NULL);
    op->next_ready = engine->held;
    engine->held = op;
    return true;
}

void kdm_tx_let_go(struct kdm_tx_engine *engine)
{
    struct tx_op *op = engine->held, *next;

    engine->held = NULL;
    for (; op != NULL; op = next) {
        next = op->next_ready;
        kdm_tx_op_ready(op);
    }
}

static void on_room(void *ctx)
{
    kdm_tx_let_go(ctx);
}

void kdm_tx_search_with(struct kdm_tx_engine *engine, struct kdm_projector *projector)
{
    engine->projector = projector;
    kdm_projector_on_room(projector, on_room, engine);
}
