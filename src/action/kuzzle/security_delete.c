/* security_delete.c - the end of roles, profiles and users.
 * A role is not deleted while a profile has it, a profile not while a user has it. Who has it is a
 * checked search: a profile that takes the role at the same moment, on whichever node, makes the
 * commit fail, and the search is made again.
 */
#include "action/kuzzle/security_delete.h"
#include "action/kuzzle/security.h"
#include "api/envelope.h"
#include "security/strategy.h"
#include "security/token.h"

/* --- what is in use ------------------------------------------------------------------------ */

struct kind {
    enum kdm_security_collection which;
    const char *what;
    enum kdm_err not_found, cannot_delete, in_use;
    bool (*is_used)(struct kdm_tx *tx, struct kdm_str id, bool *ret_used);
};

static const struct kind roles = {
    .which = KDM_SECURITY_ROLES,
    .what = "role",
    .not_found = KDM_ERR_SECURITY_ROLE_NOT_FOUND,
    .cannot_delete = KDM_ERR_SECURITY_ROLE_CANNOT_DELETE,
    .in_use = KDM_ERR_SECURITY_ROLE_IN_USE,
    .is_used = kdm_role_in_use,
};

static const struct kind profiles = {
    .which = KDM_SECURITY_PROFILES,
    .what = "profile",
    .not_found = KDM_ERR_SECURITY_PROFILE_NOT_FOUND,
    .cannot_delete = KDM_ERR_SECURITY_PROFILE_CANNOT_DELETE,
    .in_use = KDM_ERR_SECURITY_PROFILE_IN_USE,
    .is_used = kdm_profile_in_use,
};

/* *ret_err: why it can't be deleted; KDM_OK: it can. false: wait. */
static bool judge(struct kdm_tx *tx, const struct kind *kind, struct kdm_str id,
                  const struct kdm_doc *doc, enum kdm_err *ret_err)
{
    bool used;

    *ret_err = doc == NULL ? kind->not_found : KDM_OK;
    if (doc != NULL && kdm_security_is_protected(id))
        *ret_err = kind->cannot_delete;
    if (*ret_err != KDM_OK)
        return true;
    if (!kind->is_used(tx, id, &used))
        return false;
    *ret_err = used ? kind->in_use : KDM_OK;
    return true;
}

/* --- one ----------------------------------------------------------------------------------- */

static enum kdm_outcome delete_one(struct kdm_tx *tx, const struct kdm_args *args,
                                   const struct kind *kind)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID);
    struct kdm_collection *collection;
    struct kdm_doc *doc;
    enum kdm_err err;

    if (!kdm_security_collection(tx, kind->which, &collection)
        || !kdm_tx_claim(tx, collection, id, &doc) || !judge(tx, kind, id, doc, &err))
        return KDM_WAIT;
    if (err != KDM_OK)
        return kdm_tx_fail(tx, err, &id, kdm_err_row(err)->placeholders);
    kdm_tx_delete(tx, collection, id, doc, KDM_WRITE_SILENT);
    return kdm_security_commit_end(tx, kind->what, id);
}

enum kdm_outcome kdm_security_delete_role(struct kdm_tx *tx, const struct kdm_args *args)
{
    return delete_one(tx, args, &roles);
}

enum kdm_outcome kdm_security_delete_profile(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID);

    if (!kdm_str_eq(kdm_args_str(args, KDM_ARG_ON_ASSIGNED_USERS), KDM_STR("remove")))
        return delete_one(tx, args, &profiles);
    return kdm_security_take_profile_away(tx, id) ? kdm_security_reply_end(tx, profiles.what, id)
                                                  : KDM_WAIT;
}

bool kdm_security_stage_user_end(struct kdm_tx *tx, struct kdm_doc *user)
{
    struct kdm_collection *users;

    if (!kdm_security_collection(tx, KDM_SECURITY_USERS, &users)
        || !kdm_strategies_remove_all(tx, user->id) || !kdm_tokens_revoke(tx, user->id, true))
        return false;
    kdm_tx_delete(tx, users, user->id, user, KDM_WRITE_SILENT);
    return true;
}

enum kdm_outcome kdm_security_delete_user(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID);
    struct kdm_collection *users;
    struct kdm_doc *user;

    if (!kdm_security_collection(tx, KDM_SECURITY_USERS, &users)
        || !kdm_tx_claim(tx, users, id, &user))
        return KDM_WAIT;
    if (user == NULL)
        return kdm_tx_fail(tx, KDM_ERR_SECURITY_USER_NOT_FOUND, KDM_PROPS(id));
    return kdm_security_stage_user_end(tx, user) ? kdm_security_commit_end(tx, "user", id)
                                                 : KDM_WAIT;
}

/* --- many ---------------------------------------------------------------------------------- */

/* What became of the ids of a request. */
struct sorted {
    struct kdm_buf deleted; /* ids, as elements of an array */
    struct kdm_buf errors;  /* error objects, likewise */
    struct kdm_buf refused; /* ids, for the text of the error */
    size_t error_count;
};

static void sorted_init(struct sorted *sorted, struct kdm_arena *arena)
{
    *sorted = (struct sorted){ .error_count = 0 };
    kdm_buf_init(&sorted->deleted, arena, 256);
    kdm_buf_init(&sorted->errors, arena, 256);
    kdm_buf_init(&sorted->refused, arena, 64);
}

static void add_deleted(struct sorted *sorted, struct kdm_str id)
{
    if (sorted->deleted.len > 0)
        kdm_buf_char(&sorted->deleted, ',');
    kdm_json_put_str(&sorted->deleted, id);
}

static void add_refused(struct kdm_tx *tx, struct sorted *sorted, struct kdm_str id,
                        enum kdm_err err)
{
    struct kdm_failure failure;

    kdm_failure_set(&failure, kdm_tx_arena(tx), err, &id, kdm_err_row(err)->placeholders);
    if (sorted->error_count++ > 0) {
        kdm_buf_char(&sorted->errors, ',');
        kdm_buf_lit(&sorted->refused, ", ");
    }
    kdm_failure_write(&sorted->errors, &failure);
    kdm_json_put_str(&sorted->refused, id);
}

/* The deleted ids; with an error of status 206 beside them when there are others. */
static enum kdm_outcome reply_sorted(struct kdm_tx *tx, const char *what,
                                     const struct sorted *sorted)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str deleted = kdm_buf_str(&sorted->deleted);
    struct kdm_str result = kdm_arena_printf(arena, "[" KDM_FMT "]", KDM_ARG(deleted));
    struct kdm_failure failure;

    if (deleted.len > 0)
        kdm_security_log_many(tx, what, deleted);
    kdm_tx_reply(tx, result);
    if (sorted->error_count == 0)
        return KDM_DONE;
    kdm_failure_set(&failure, arena, KDM_ERR_SERVICES_STORAGE_INCOMPLETE_DELETE,
                    KDM_PROPS(kdm_buf_str(&sorted->refused)));
    failure.extra = kdm_arena_printf(arena, "\"count\":%zu,\"errors\":[" KDM_FMT "]",
                                     sorted->error_count, KDM_ARG(kdm_buf_str(&sorted->errors)));
    return kdm_tx_fail_with(tx, &failure);
}

static bool may_delete(struct kdm_tx *tx, const struct kdm_str_list *ids)
{
    if (ids->count <= (size_t)kdm_server_of(tx)->limits.documents_write)
        return true;
    kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_WRITE_LIMIT_EXCEEDED, NULL, 0);
    return false;
}

/* Asks for all of them; false: it is one of too many. */
static bool want_all(struct kdm_tx *tx, const struct kdm_str_list *ids,
                     struct kdm_collection *collection)
{
    if (!may_delete(tx, ids))
        return false;
    for (size_t i = 0; i < ids->count; i++)
        kdm_tx_want(tx, collection, ids->items[i]);
    return true;
}

/* Those that may go go in one commit. All are asked for before the first is waited for. */
static enum kdm_outcome delete_many(struct kdm_tx *tx, const struct kdm_args *args,
                                    const struct kind *kind)
{
    const struct kdm_str_list ids = kdm_args_strings(args, KDM_ARG_BODY_IDS);
    struct kdm_collection *collection;
    struct sorted sorted;
    bool complete = true;
    struct kdm_doc *doc;

    if (!kdm_security_collection(tx, kind->which, &collection) || !want_all(tx, &ids, collection))
        return KDM_WAIT;
    sorted_init(&sorted, args->arena);
    for (size_t i = 0; i < ids.count; i++) {
        enum kdm_err err;

        if (!kdm_tx_read(tx, collection, ids.items[i], &doc)
            || !judge(tx, kind, ids.items[i], doc, &err)) {
            complete = false;
        } else if (err == KDM_OK) {
            kdm_tx_delete(tx, collection, ids.items[i], doc, KDM_WRITE_SILENT);
            add_deleted(&sorted, ids.items[i]);
        } else {
            add_refused(tx, &sorted, ids.items[i], err);
        }
    }
    return complete && kdm_tx_commit(tx) ? reply_sorted(tx, kind->what, &sorted) : KDM_WAIT;
}

enum kdm_outcome kdm_security_m_delete_roles(struct kdm_tx *tx, const struct kdm_args *args)
{
    return delete_many(tx, args, &roles);
}

enum kdm_outcome kdm_security_m_delete_profiles(struct kdm_tx *tx, const struct kdm_args *args)
{
    return delete_many(tx, args, &profiles);
}

/* A commit for each id, also where nothing is to be done: so a replay finds each commit at its
 * place, whatever has become of the others. What hangs on a user is of no known size. false: wait.
 */
static bool delete_user_of_many(struct kdm_tx *tx, struct kdm_collection *users, struct kdm_str id)
{
    struct kdm_doc *user;

    if (!kdm_tx_commit_made(tx) && kdm_tx_written(tx, users, id) == NULL
        && (!kdm_tx_read(tx, users, id, &user)
            || (user != NULL && !kdm_security_stage_user_end(tx, user))))
        return false;
    return kdm_tx_commit(tx);
}

enum kdm_outcome kdm_security_m_delete_users(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_str_list ids = kdm_args_strings(args, KDM_ARG_BODY_IDS);
    struct kdm_collection *users;
    struct sorted sorted;

    if (!kdm_security_collection(tx, KDM_SECURITY_USERS, &users) || !want_all(tx, &ids, users))
        return KDM_WAIT;
    sorted_init(&sorted, args->arena);
    for (size_t i = 0; i < ids.count; i++) {
        if (!delete_user_of_many(tx, users, ids.items[i]))
            return KDM_WAIT;
        if (kdm_tx_written(tx, users, ids.items[i]) != NULL)
            add_deleted(&sorted, ids.items[i]);
        else
            add_refused(tx, &sorted, ids.items[i], KDM_ERR_SECURITY_USER_NOT_FOUND);
    }
    return reply_sorted(tx, "user", &sorted);
}
