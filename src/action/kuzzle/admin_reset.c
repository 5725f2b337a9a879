/* admin_reset.c - admin:resetDatabase and admin:resetSecurity.
 * Both are jobs: what is to go may be much, and what is made anew must be made even when the node
 * that began dies. They end with the steps of the start, so what the server itself needs is there
 * again. One of a kind runs at a time, on all nodes together: a document in the private index
 * says so, and says it for a while only, so that a job that was given up locks nobody out.
 */
#include "action/kuzzle/admin_reset.h"
#include "action/kuzzle/security.h"
#include "action/start.h"
#include "security/token.h"

#define LOCK_MS 60000
/* Of one commit. */
#define MOST_INDEXES   50
#define MOST_DOCUMENTS 400

#define DATABASE_KIND "database-reset"
#define SECURITY_KIND "security-reset"

/* --- the lock ------------------------------------------------------------------------------ */

static bool lock_of(struct kdm_tx *tx, const char *kind, struct kdm_collection **ret_config,
                    struct kdm_str *ret_id, struct kdm_doc **ret_doc)
{
    *ret_id = kdm_arena_printf(kdm_tx_arena(tx), "lock:%s", kind);
    return kdm_security_collection(tx, KDM_SECURITY_CONFIG, ret_config)
           && kdm_tx_read(tx, *ret_config, *ret_id, ret_doc);
}

/* Taken now, or renewed by the job that holds it. */
static void hold(struct kdm_tx *tx, struct kdm_collection *config, struct kdm_str id,
                 struct kdm_doc *doc)
{
    struct kdm_str text =
        kdm_arena_printf(kdm_tx_arena(tx), "{\"at\":%lld}", (long long)kdm_tx_now(tx));

    if (doc == NULL)
        kdm_tx_create(tx, config, id, text, KDM_WRITE_SILENT);
    else
        kdm_tx_write(tx, config, doc, text, KDM_CHANGE_REPLACE, KDM_STR_NONE, KDM_WRITE_SILENT);
}

static bool lock(struct kdm_tx *tx, const char *kind, struct kdm_str why_not)
{
    struct kdm_collection *config;
    struct kdm_doc *doc;
    struct kdm_str id;
    int64_t at = 0;

    if (!lock_of(tx, kind, &config, &id, &doc))
        return false;
    if (doc != NULL)
        (void)kdm_val_int64(kdm_val_get(kdm_doc_source(tx, doc), KDM_STR("at")), &at);
    if (kdm_tx_now(tx) - at < LOCK_MS) {
        kdm_tx_fail(tx, KDM_ERR_API_PROCESS_ACTION_LOCKED, KDM_PROPS(why_not));
        return false;
    }
    hold(tx, config, id, doc);
    return true;
}

/* A chunk's end: renews the lock and keeps the state, or gives the lock back with the result. */
static enum kdm_outcome go_on(struct kdm_tx *tx, const char *kind, struct kdm_str state)
{
    struct kdm_collection *config;
    struct kdm_doc *doc;
    struct kdm_str id;

    if (!lock_of(tx, kind, &config, &id, &doc))
        return KDM_WAIT;
    hold(tx, config, id, doc);
    kdm_tx_job_state(tx, state);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

static enum kdm_outcome finish(struct kdm_tx *tx, const char *kind, struct kdm_str result)
{
    struct kdm_collection *config;
    struct kdm_doc *doc;
    struct kdm_str id;

    if (!lock_of(tx, kind, &config, &id, &doc))
        return KDM_WAIT;
    if (doc != NULL)
        kdm_tx_delete(tx, config, id, doc, KDM_WRITE_SILENT);
    kdm_tx_job_finish_with(tx, result);
    return kdm_tx_commit(tx) ? kdm_tx_reply(tx, KDM_STR_NONE) : KDM_WAIT;
}

/* --- what both have ------------------------------------------------------------------------ */

static int64_t number_of(struct kdm_val state, const char *name)
{
    int64_t number = 0;

    (void)kdm_val_int64(kdm_val_get(state, kdm_str_of(name)), &number);
    return number;
}

static bool in_phase(struct kdm_val state, const char *phase)
{
    return kdm_val_str_eq(kdm_val_get(state, KDM_STR("phase")), kdm_str_of(phase));
}

/* Where a job of either kind stands. */
struct state {
    const char *phase;
    int64_t step;            /* of the start */
    int64_t users, profiles; /* deleted so far */
};

static struct kdm_str state_text(struct kdm_tx *tx, const struct state *state)
{
    return kdm_arena_printf(
        kdm_tx_arena(tx), "{\"phase\":\"%s\",\"step\":%lld,\"users\":%lld,\"profiles\":%lld}",
        state->phase, (long long)state->step, (long long)state->users, (long long)state->profiles);
}

/* The next step of the start, which commits by itself; the lock has time enough for it. */
static enum kdm_outcome run_step(struct kdm_tx *tx, kdm_tx_fn *step, struct state *state)
{
    state->step++;
    kdm_tx_job_state(tx, state_text(tx, state));
    return step(tx, NULL);
}

/* Starts the job and waits for what it leaves. */
static enum kdm_outcome run_job(struct kdm_tx *tx, const char *kind, struct kdm_str why_not)
{
    struct kdm_str job, result;

    if (!kdm_tx_commit_made(tx) && !lock(tx, kind, why_not))
        return KDM_WAIT;
    job = kdm_tx_job(tx, kind, KDM_STR("{}"));
    return kdm_tx_commit(tx) && kdm_tx_complete_job(tx, job, &result) ? kdm_tx_reply(tx, result)
                                                                      : KDM_WAIT;
}

/* --- resetDatabase ------------------------------------------------------------------------- */

/* Deletes some of the clients' indexes. *ret_left: how many there are still. */
static bool delete_indexes(struct kdm_tx *tx, size_t *ret_deleted, size_t *ret_left)
{
    struct kdm_str_list names;

    *ret_deleted = *ret_left = 0;
    if (!kdm_tx_index_list(tx, &names))
        return false;
    for (size_t i = 0; i < names.count; i++) {
        if (kdm_index_is_private(names.items[i]))
            continue;
        if (*ret_deleted == MOST_INDEXES) {
            (*ret_left)++;
            continue;
        }
        kdm_tx_delete_index(tx, names.items[i]);
        (*ret_deleted)++;
    }
    return true;
}

static enum kdm_outcome run_database_chunk(struct kdm_tx *tx, struct kdm_val args,
                                           struct kdm_val old)
{
    struct state state = { .phase = "indexes", .step = number_of(old, "step") };
    size_t deleted, left;
    kdm_tx_fn *step;

    (void)args;
    if (in_phase(old, "start")) {
        state.phase = "start";
        step = kdm_start_step((size_t)state.step);
        return step != NULL ? run_step(tx, step, &state)
                            : finish(tx, DATABASE_KIND, KDM_STR("{\"acknowledge\":true}"));
    }
    if (!delete_indexes(tx, &deleted, &left))
        return KDM_WAIT;
    if (left == 0)
        state.phase = "start";
    if (go_on(tx, DATABASE_KIND, state_text(tx, &state)) == KDM_WAIT)
        return KDM_WAIT;
    kdm_tx_log(tx, kdm_arena_printf(kdm_tx_arena(tx),
                                    "admin:resetDatabase: %zu indexes deleted, %zu left", deleted,
                                    left));
    return KDM_DONE;
}

enum kdm_outcome kdm_admin_reset_database(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return run_job(tx, DATABASE_KIND, KDM_STR("The database is being reset already."));
}

/* --- resetSecurity ------------------------------------------------------------------------- */

/* All users with all that is theirs, and the first rights put in force; so there is no moment at
 * which nobody has any. */
static bool delete_users(struct kdm_tx *tx, int64_t *ret_users)
{
    static const enum kdm_security_collection gone[] = { KDM_SECURITY_USERS,
                                                         KDM_SECURITY_LOCAL_USERS,
                                                         KDM_SECURITY_LOCAL_USERNAMES };
    struct kdm_collection *collection;
    int64_t bytes, count;

    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        if (!kdm_security_collection(tx, gone[i], &collection)
            || !kdm_tx_size(tx, collection, &count, &bytes))
            return false;
        if (i == 0)
            *ret_users = count;
        kdm_tx_truncate(tx, collection);
    }
    return kdm_tokens_revoke_everything(tx) && kdm_security_stage_defaults(tx, false);
}

static bool is_deletable(void *ctx, struct kdm_str id, struct kdm_val source)
{
    (void)ctx;
    (void)source;
    return !kdm_security_is_protected(id);
}

/* Deletes some of a collection, the protected ones never. *ret_all: none is left. */
static bool delete_some(struct kdm_tx *tx, enum kdm_security_collection which, int64_t *ret_deleted,
                        bool *ret_all)
{
    struct kdm_collection *collection;
    struct kdm_doc_list found;
    size_t count;

    if (!kdm_security_collection(tx, which, &collection)
        || !kdm_tx_scan(tx, KDM_STR("to be deleted"), collection, false, is_deletable, NULL,
                        &found))
        return false;
    count = found.count < MOST_DOCUMENTS ? found.count : MOST_DOCUMENTS;
    for (size_t i = 0; i < count; i++)
        kdm_tx_delete(tx, collection, found.items[i]->id, found.items[i], KDM_WRITE_SILENT);
    *ret_deleted = (int64_t)count;
    *ret_all = count == found.count;
    return true;
}

static struct kdm_str deleted_text(struct kdm_tx *tx, const struct state *state)
{
    return kdm_arena_printf(kdm_tx_arena(tx), "{\"deletedUsers\":%lld,\"deletedProfiles\":%lld}",
                            (long long)state->users, (long long)state->profiles);
}

/* One chunk of the phase, which it may move on. false: wait. */
static bool reset_some(struct kdm_tx *tx, struct kdm_val old, struct state *state)
{
    int64_t deleted;
    bool all;

    if (in_phase(old, "profiles")) {
        if (!delete_some(tx, KDM_SECURITY_PROFILES, &deleted, &all))
            return false;
        state->profiles += deleted;
        state->phase = all ? "roles" : "profiles";
    } else if (in_phase(old, "roles")) {
        if (!delete_some(tx, KDM_SECURITY_ROLES, &deleted, &all))
            return false;
        state->phase = all ? "start" : "roles";
    } else {
        state->phase = "profiles";
        return delete_users(tx, &state->users);
    }
    return true;
}

static enum kdm_outcome run_security_chunk(struct kdm_tx *tx, struct kdm_val args,
                                           struct kdm_val old)
{
    struct state state = { .phase = "start",
                           .step = number_of(old, "step"),
                           .users = number_of(old, "users"),
                           .profiles = number_of(old, "profiles") };
    kdm_tx_fn *step;

    (void)args;
    if (in_phase(old, "start")) {
        step = kdm_start_step((size_t)state.step);
        return step != NULL ? run_step(tx, step, &state)
                            : finish(tx, SECURITY_KIND, deleted_text(tx, &state));
    }
    if (!reset_some(tx, old, &state)
        || go_on(tx, SECURITY_KIND, state_text(tx, &state)) == KDM_WAIT)
        return KDM_WAIT;
    kdm_tx_log(tx, kdm_arena_printf(kdm_tx_arena(tx),
                                    "admin:resetSecurity: %lld users and %lld profiles deleted",
                                    (long long)state.users, (long long)state.profiles));
    return KDM_DONE;
}

enum kdm_outcome kdm_admin_reset_security(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return run_job(tx, SECURITY_KIND, KDM_STR("Users and rights are being reset already."));
}

void kdm_admin_register_jobs(struct kdm_tx_engine *engine)
{
    kdm_job_register(engine, DATABASE_KIND, run_database_chunk);
    kdm_job_register(engine, SECURITY_KIND, run_security_chunk);
}
