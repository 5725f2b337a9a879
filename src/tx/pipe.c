/* pipe.c - events of an action (design section 2, "Pipes").
 * An answer is remembered with the payload it was given for. Before a commit a run with another payload - a race was
 * lost and the document is another one - asks again; when the payload changed only because a request made from
 * the handler itself changed the document, the answer stands.
 */
#include "tx/tx_private.h"

bool kdm_tx_listened(struct kdm_tx *tx, struct kdm_str event)
{
    const struct kdm_event *interned;

    if (!kdm_bus_listened(tx->engine->bus))
        return false;
    interned = kdm_bus_event(tx->engine->bus, event);
    return kdm_event_has_pipes(interned) || kdm_event_has_hooks(interned);
}

static void fail(struct kdm_tx *tx, const struct kdm_event_result *result)
{
    struct kdm_failure failure = { .err = KDM_ERR_PLUGIN_RUNTIME_UNEXPECTED_ERROR };

    failure.status = (uint16_t)result->status;
    failure.id = kdm_arena_copy(tx->arena, result->id);
    failure.message = kdm_arena_copy(tx->arena, result->message);
    failure.bare = kdm_str_none(result->id);
    kdm_tx_fail_with(tx, &failure);
}

static void on_done(void *ctx, const struct kdm_event_result *result)
{
    struct tx_op *op = ctx;
    struct tx_fact *fact = op->target;
    struct kdm_tx *tx = kdm_tx_op_end(op);

    if (tx == NULL)
        return;
    fact->done = true;
    fact->run = NULL;
    fact->op = NULL;
    if (result->failed)
        fail(tx, result);
    else
        fact->answer = kdm_arena_copy(tx->arena, result->payload);
    kdm_tx_settled(tx);
}

static void start(struct kdm_tx *tx, struct tx_fact *fact, struct kdm_str payload)
{
    struct kdm_str id =
        kdm_tx_id(tx, kdm_arena_printf(tx->arena, KDM_FMT " " KDM_FMT, KDM_ARG(fact->key), KDM_ARG(fact->key2)));

    fact->done = fact->any_payload = false;
    fact->text = kdm_arena_copy(tx->arena, payload);
    fact->attempt++;
    fact->after_commit = tx->commits_done > 0;
    kdm_tx_forget_kept(tx);
    fact->op = kdm_tx_op_begin(tx, fact);
    fact->run = kdm_bus_pipe(tx->engine->bus, kdm_bus_event(tx->engine->bus, fact->key), fact->text, id,
                             fact->attempt, (void *)(uintptr_t)tx->serial, tx->start.deadline_ms, on_done,
                             fact->op);
}

bool kdm_tx_pipe(struct kdm_tx *tx, struct kdm_str event, struct kdm_str name, struct kdm_str payload,
                 struct kdm_str *ret_payload)
{
    struct tx_fact *fact;

    if (!kdm_tx_listened(tx, event)) {
        *ret_payload = payload;
        return true;
    }
    fact = kdm_tx_fact_find(tx, FACT_PIPE, event, name);
    if (fact == NULL) {
        fact = kdm_tx_fact_add(tx, FACT_PIPE, event, name);
        start(tx, fact, payload);
    } else if (fact->done && tx->failure.err == KDM_OK && !fact->after_commit && tx->commits_done == 0
               && !kdm_str_eq(fact->text, payload)) {
        if (fact->any_payload)
            fact->text = kdm_arena_copy(tx->arena, payload);
        else
            start(tx, fact, payload);
    }
    fact->any_payload = fact->any_payload && !fact->done;
    if (!fact->done || tx->failure.err != KDM_OK)
        return false;
    *ret_payload = fact->answer;
    return true;
}
