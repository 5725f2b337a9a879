/* prepare.c - what a start looks at before it says that it listens: everybody's rights, so that the
 * first request need not wait, and whether they are such that the one who runs this should know. */
#include "base/clock.h"
#include "security/guard.h"
#include "security/model.h"
#include <stdlib.h>

#define DEADLINE_MS 30000

struct sec_prepare {
    struct kdm_security *security;
    struct kdm_arena arena;
    struct kdm_tx *tx;
    kdm_security_prepared_fn *fn;
    void *ctx;
    struct kdm_security_state state;
    bool ended;
};

static enum kdm_outcome run_prepare(struct kdm_tx *tx, void *ctx)
{
    struct sec_prepare *prepare = ctx;
    struct kdm_val payload =
        kdm_json_parse(kdm_tx_arena(tx),
                       KDM_STR("{\"controller\":\"security\",\"action\":\"createOrReplaceRole\"}"));
    struct kdm_val anonymous;

    prepare->tx = tx;
    if (!kdm_user_find(tx, KDM_ANONYMOUS, &anonymous)
        || !kdm_rights_check_payload(tx, anonymous, payload, &prepare->state.wide_open)
        || (prepare->state.wide_open
            && !kdm_security_admin_exists(tx, &prepare->state.admin_exists)))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR_NONE);
}

static void free_prepare(struct sec_prepare *prepare)
{
    prepare->security->prepare = NULL;
    kdm_tx_release(prepare->tx);
    kdm_arena_fini(&prepare->arena);
    free(prepare);
}

static void on_prepared(struct kdm_tx *tx, void *ctx)
{
    struct sec_prepare *prepare = ctx;
    const struct kdm_failure *failure = kdm_tx_failure(tx);

    prepare->tx = tx;
    prepare->ended = true;
    if (failure->err != KDM_OK)
        prepare->state.error = kdm_arena_copy(&prepare->arena, failure->message).ptr;
    prepare->security->prepared = failure->err == KDM_OK;
    if (prepare->security->prepared)
        kdm_load_anonymous(prepare->security);
    kdm_prepare_go_on(prepare->security);
}

void kdm_prepare_go_on(struct kdm_security *security)
{
    struct sec_prepare *prepare = security->prepare;

    if (prepare == NULL || !prepare->ended || security->loads != NULL)
        return;
    prepare->fn(prepare->ctx, &prepare->state);
    free_prepare(prepare);
}

void kdm_security_prepare(struct kdm_security *security, kdm_security_prepared_fn *fn, void *ctx)
{
    struct sec_prepare *prepare = kdm_zalloc(sizeof(*prepare));
    struct kdm_tx_start start = { .arena = &prepare->arena,
                                  .deadline_ms = kdm_clock_monotonic_ms() + DEADLINE_MS,
                                  .fn = run_prepare,
                                  .done = on_prepared,
                                  .ctx = prepare };

    *prepare = (struct sec_prepare){ .security = security, .fn = fn, .ctx = ctx };
    kdm_arena_init(&prepare->arena, 16384);
    security->prepare = prepare;
    start.origin.controller = KDM_STR("start");
    start.origin.action = KDM_STR("security");
    start.origin.protocol = "funnel";
    start.origin.timestamp = kdm_clock_ms();
    kdm_tx_run(security->engine, &start);
}

void kdm_prepare_stop(struct kdm_security *security)
{
    if (security->prepare != NULL)
        free_prepare(security->prepare);
}
