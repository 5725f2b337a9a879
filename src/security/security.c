/* security.c - see security.h: its life, and what it does now and then. */
#include "base/clock.h"
#include "security/guard.h"
#include "security/local.h"
#include "security/model.h"

#include <stdlib.h>

#define TICK_MS      250
#define RECHECKS     256 /* sessions that are read again at once */
#define MAX_SESSIONS 20000

/* Connections of a session that may be none any more are not to wait for their next request to be
 * told. */
static void recheck(struct kdm_security *security)
{
    struct kdm_session *session;

    if (!kdm_guard_fresh(security))
        return;
    if (security->prepared && security->anonymous.rights == NULL && security->rechecks == 0)
        kdm_load_anonymous(security);
    while (security->rechecks < RECHECKS
           && (session = kdm_sessions_doubted(security->sessions)) != NULL) {
        session->rechecking = true;
        kdm_load_again(security, session);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct kdm_security *security = timer->data;

    kdm_sessions_expire(security->sessions, kdm_clock_ms());
    recheck(security);
    if (security->prepared)
        kdm_sweep_go_on(security);
}

struct kdm_security *kdm_security_create(uv_loop_t *loop, struct kdm_tx_engine *engine,
                                         struct kdm_store *store,
                                         const struct kdm_security_options *options,
                                         char **ret_error)
{
    struct kdm_security *security = kdm_zalloc(sizeof(*security));
    struct kdm_hash_seed seed;

    if (!kdm_local_check_options(options->local, ret_error)) {
        free(security);
        return NULL;
    }
    security->loop = loop;
    security->engine = engine;
    security->options = *options;
    security->guard = kdm_guard_calls(security);
    kdm_random_fill(kdm_store_random(store), &seed, sizeof(seed));
    security->sessions = kdm_sessions_create(
        &seed, options->max_sessions == 0 ? MAX_SESSIONS : options->max_sessions);
    security->brute = kdm_brute_create(&seed);
    security->anonymous.kuid = KDM_ANONYMOUS;
    kdm_arena_init(&security->sweep_arena, 16384);
    security->sweep_cursor = KDM_STR("0");
    kdm_guard_follow(security, store);
    uv_timer_init(loop, &security->tick);
    security->tick.data = security;
    uv_timer_start(&security->tick, on_tick, TICK_MS, TICK_MS);
    uv_unref((uv_handle_t *)&security->tick);
    return security;
}

static void on_tick_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void kdm_security_destroy(struct kdm_security *security)
{
    if (security == NULL)
        return;
    kdm_prepare_stop(security);
    kdm_sweep_stop(security);
    kdm_loads_stop(security);
    kdm_tx_engine_watch(security->engine, KDM_STR_NONE, NULL, NULL);
    kdm_sessions_destroy(security->sessions);
    kdm_rights_unref(security->anonymous.rights);
    kdm_brute_destroy(security->brute);
    kdm_guard_drop_secret(security);
    uv_close((uv_handle_t *)&security->tick, on_tick_closed);
}

const struct kdm_guard *kdm_security_guard(struct kdm_security *security)
{
    return &security->guard;
}

const struct kdm_security_options *kdm_security_options(const struct kdm_security *security)
{
    return &security->options;
}

void kdm_security_on_token_end(struct kdm_security *security, kdm_token_end_fn *fn, void *ctx)
{
    kdm_sessions_on_end(security->sessions, fn, ctx);
}
