/* load.c - what the guard does not have at hand is read, in one transaction: the token's document,
 * its user, his profiles, their roles. When something of it changes while it is being read it is
 * read again, so nothing that is out of date is ever kept.
 */
#include "base/clock.h"
#include "security/grants.h"
#include "security/guard.h"
#include "security/model.h"

#include <stdlib.h>

#define TRIES 3
/* So long Redis is asked when the feed is silent. */
#define ASK_MS     1000
#define RECHECK_MS 10000

struct sec_load {
    struct kdm_security *security;
    struct sec_load *prev, *next;
    struct kdm_auth_call *call; /* NULL: nobody waits; a session is read again */
    struct kdm_arena own;       /* when nobody waits */
    struct kdm_arena *arena;
    struct kdm_tx *tx;
    struct kdm_str token; /* none: anonymous */
    int64_t deadline_ms;
    int tries;
    bool starting, ended, good;
    bool outdated; /* what was read may have changed meanwhile */

    struct kdm_verdict verdict; /* kuid always once it is known */
    struct kdm_str profiles;    /* their ids, as JSON */
    struct kdm_rights *rights;  /* of these, from what is kept; NULL: made of the documents */
    struct kdm_grants grants;
};

/* --- the rights ----------------------------------------------------------------------------- */

static bool read_rights(struct kdm_tx *tx, struct sec_load *load, struct kdm_val user)
{
    struct kdm_str_list profiles = kdm_user_profiles(load->arena, user);
    struct kdm_buf key;

    if (load->rights != NULL)
        return true;
    kdm_buf_init(&key, load->arena, 64);
    kdm_json_put_strings(&key, &profiles);
    load->profiles = kdm_buf_str(&key);
    load->rights = kdm_guard_fresh(load->security)
                       ? kdm_sessions_rights(load->security->sessions, load->profiles)
                       : NULL;
    if (load->rights != NULL) {
        kdm_rights_ref(load->rights);
        return true;
    }
    return kdm_grants_read(tx, &profiles, &load->grants);
}

static enum kdm_outcome run_load(struct kdm_tx *tx, void *ctx)
{
    struct sec_load *load = ctx;
    struct kdm_val user;
    bool good = true;

    if (kdm_str_none(load->token))
        load->verdict.kuid = KDM_ANONYMOUS;
    else if (!kdm_token_verify(tx, load->token, &load->verdict, &good))
        return KDM_WAIT;
    if (!good)
        return kdm_tx_fail(tx, KDM_ERR_SECURITY_TOKEN_INVALID, NULL, 0);
    if (!kdm_user_find(tx, load->verdict.kuid, &user))
        return KDM_WAIT;
    if (!read_rights(tx, load, user) || (load->verdict.single_use && !kdm_tx_commit(tx)))
        return KDM_WAIT;
    return kdm_tx_reply(tx, KDM_STR_NONE);
}

/* --- the end -------------------------------------------------------------------------------- */

static void unlink_load(struct sec_load *load)
{
    if (load->prev != NULL)
        load->prev->next = load->next;
    else
        load->security->loads = load->next;
    if (load->next != NULL)
        load->next->prev = load->prev;
}

static void free_load(struct sec_load *load)
{
    unlink_load(load);
    if (load->call == NULL)
        load->security->rechecks--;
    kdm_tx_release(load->tx);
    kdm_rights_unref(load->rights);
    kdm_arena_fini(&load->own);
    free(load);
}

static void keep_rights(struct sec_user *user, struct kdm_rights *rights)
{
    kdm_rights_unref(user->rights);
    user->rights = kdm_rights_ref(rights);
}

/* What was read is kept when it can't have changed since. */
static struct kdm_session *keep(struct sec_load *load)
{
    struct kdm_security *security = load->security;
    bool current = !load->outdated && kdm_guard_fresh(security);
    struct kdm_session *session = NULL;

    if (current)
        kdm_sessions_keep_rights(security->sessions, load->profiles, load->rights);
    if (kdm_str_none(load->token)) {
        if (current)
            keep_rights(&security->anonymous, load->rights);
        return NULL;
    }
    session = kdm_session_learn(security->sessions, &load->verdict);
    session->verified = current;
    if (current)
        keep_rights(session->user, load->rights);
    return session;
}

static void take_result(struct sec_load *load)
{
    struct kdm_session *session;

    if (load->rights == NULL)
        load->rights = kdm_grants_compile(&load->grants, load->security->options.protocol);
    session = keep(load);
    if (load->call != NULL) {
        kdm_guard_give(load->call->user, session, load->rights);
        if (session != NULL && load->call->user->peer != NULL && !load->verdict.single_use)
            kdm_session_link(session, load->call->user->peer);
    }
    if (load->verdict.single_use)
        kdm_session_end(session, KDM_TOKEN_REVOKED); /* of it only this request is left */
}

static void run(struct sec_load *load);

/* A session that was read again and is none any more. That Redis could not be asked says nothing.
 */
static void end_session(struct sec_load *load, const struct kdm_failure *failure)
{
    struct kdm_session *session = kdm_session_find(load->security->sessions, load->token);

    if (session != NULL)
        session->rechecking = false;
    if (session != NULL && failure->err == KDM_ERR_SECURITY_TOKEN_INVALID) {
        bool over = session->expires_at >= 0 && kdm_clock_ms() >= session->expires_at;

        kdm_session_end(session, over ? KDM_TOKEN_EXPIRED : KDM_TOKEN_REVOKED);
    }
}

static void finish(struct sec_load *load)
{
    struct kdm_auth_call *call = load->call;
    struct kdm_security *security = load->security;
    bool good = load->good, starting = load->starting;

    if (call != NULL)
        call->ticket = NULL;
    if (starting)
        return;
    free_load(load);
    if (call != NULL)
        call->done(call, good);
    kdm_prepare_go_on(security);
}

/* Whoever asked for something else is not to be told that our own collections are gone. */
static void tell_failure(struct sec_load *load, const struct kdm_failure *failure)
{
    if (failure->status == 401 || failure->status >= 500)
        *load->call->failure = *failure;
    else
        kdm_failure_set(load->call->failure, load->arena, KDM_ERR_SECURITY_TOKEN_VERIFICATION_ERROR,
                        KDM_PROPS(KDM_STR("what is stored of users and rights can't be read")));
}

static void on_loaded(struct kdm_tx *tx, void *ctx)
{
    struct sec_load *load = ctx;
    const struct kdm_failure *failure = kdm_tx_failure(tx);

    load->tx = tx;
    if (failure->err == KDM_OK && load->outdated && load->tries < TRIES
        && !load->verdict.single_use) {
        kdm_tx_release(tx);
        load->tx = NULL;
        run(load);
        return;
    }
    load->ended = true;
    load->good = failure->err == KDM_OK;
    if (load->good)
        take_result(load);
    else if (load->call != NULL)
        tell_failure(load, failure);
    if (!load->good && !kdm_str_none(load->token))
        end_session(load, failure);
    finish(load);
}

/* --- the beginning -------------------------------------------------------------------------- */

static void run(struct sec_load *load)
{
    struct kdm_tx_start start = { .arena = load->arena,
                                  .deadline_ms = load->deadline_ms,
                                  .fn = run_load,
                                  .done = on_loaded,
                                  .ctx = load };
    struct kdm_tx *tx;
    bool was_starting = load->starting;

    load->tries++;
    load->outdated = false;
    kdm_rights_unref(load->rights);
    load->rights = NULL;
    start.origin.controller = KDM_STR("auth");
    start.origin.action = KDM_STR("authenticate");
    start.origin.protocol = "funnel";
    start.origin.timestamp = kdm_clock_ms();
    /* Whatever ends inside leaves the load to us; it is finished below. */
    load->starting = true;
    tx = kdm_tx_run(load->security->engine, &start);
    load->starting = was_starting;
    if (load->tx == NULL)
        load->tx = tx;
    if (load->ended && !was_starting)
        finish(load);
}

static struct sec_load *new_load(struct kdm_security *security, struct kdm_str token)
{
    struct sec_load *load = kdm_zalloc(sizeof(*load));

    load->security = security;
    load->token = token;
    load->next = security->loads;
    if (load->next != NULL)
        load->next->prev = load;
    security->loads = load;
    kdm_arena_init(&load->own, 4096);
    return load;
}

enum kdm_auth_outcome kdm_load_start(struct kdm_security *security, struct kdm_auth_call *call)
{
    struct sec_load *load = new_load(security, call->token);
    int64_t soon = kdm_clock_monotonic_ms() + ASK_MS;
    bool good;

    load->call = call;
    load->arena = call->arena;
    load->deadline_ms =
        kdm_guard_fresh(security) || call->deadline_ms < soon ? call->deadline_ms : soon;
    load->starting = true;
    run(load);
    if (!load->ended) {
        load->starting = false;
        call->ticket = load;
        return KDM_AUTH_WAIT;
    }
    good = load->good;
    free_load(load);
    return good ? KDM_AUTH_GOOD : KDM_AUTH_BAD;
}

/* One that nobody waits for. */
static struct sec_load *new_recheck(struct kdm_security *security)
{
    struct sec_load *load = new_load(security, KDM_STR_NONE);

    security->rechecks++;
    load->arena = &load->own;
    load->deadline_ms = kdm_clock_monotonic_ms() + RECHECK_MS;
    return load;
}

void kdm_load_anonymous(struct kdm_security *security)
{
    run(new_recheck(security));
}

void kdm_load_again(struct kdm_security *security, struct kdm_session *session)
{
    struct sec_load *load = new_recheck(security);

    load->token = kdm_arena_copy(&load->own, session->text);
    run(load);
}

void kdm_load_cancel(struct kdm_auth_call *call)
{
    free_load(call->ticket);
    call->ticket = NULL;
}

void kdm_loads_stop(struct kdm_security *security)
{
    for (struct sec_load *load = security->loads, *next; load != NULL; load = next) {
        next = load->next;
        KDM_ASSERT(load->call == NULL);
        free_load(load);
    }
}

void kdm_loads_outdate(struct kdm_security *security, struct kdm_str kuid, struct kdm_str id)
{
    bool everybody = kdm_str_none(kuid) && kdm_str_none(id);

    for (struct sec_load *load = security->loads; load != NULL; load = load->next) {
        if (everybody || (!kdm_str_none(kuid) && kdm_str_eq(load->verdict.kuid, kuid))
            || (!kdm_str_none(id) && kdm_str_eq(load->verdict.id, id)))
            load->outdated = true;
    }
}
