/* security_user_create.c - making users. A user and all its credentials are one commit: there is
 * nothing to be taken back when a strategy refuses.
 */
#include "action/kuzzle/security.h"
#include "security/strategy.h"
#include "store/names.h"

/* --- staging ------------------------------------------------------------------------------- */

static bool already_there(struct kdm_tx *tx, struct kdm_str id)
{
    kdm_tx_fail(tx, KDM_ERR_SECURITY_USER_ALREADY_EXISTS, KDM_PROPS(id));
    return false;
}

/* The id can be one and is free. */
static bool id_free(struct kdm_tx *tx, struct kdm_collection *users, struct kdm_str id)
{
    struct kdm_failure failure;
    struct kdm_doc *doc;

    if (!kdm_doc_id_check(kdm_tx_arena(tx), id, &failure)) {
        kdm_tx_fail_with(tx, &failure);
        return false;
    }
    if (kdm_str_eq(kdm_user_id(id), KDM_ANONYMOUS))
        return already_there(tx, id);
    if (!kdm_tx_read(tx, users, id, &doc))
        return false;
    return doc == NULL || already_there(tx, id);
}

/* {"profileIds":[..], ..content..} */
static struct kdm_val make_source(struct kdm_arena *arena, const struct kdm_new_user *user)
{
    struct kdm_str profiles = kdm_arena_printf(arena, "{\"profileIds\":" KDM_FMT "}",
                                               KDM_ARG(kdm_val_text(user->profile_ids)));
    struct kdm_val content = kdm_security_content(arena, user->content, KDM_STR("profileIds"));

    return kdm_json_parse(arena, kdm_json_assign(arena, kdm_json_parse(arena, profiles), content));
}

/* Credentials for a user who is not there yet: nobody may have lost them. */
static bool stage_credentials(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_str name,
                              struct kdm_val credentials)
{
    const struct kdm_strategy *strategy;
    struct kdm_str info;
    bool exists;

    if (!kdm_strategy_get(tx, name, &strategy) || !strategy->exists(tx, kuid, &exists))
        return false;
    if (exists) {
        kdm_tx_fail(tx, KDM_ERR_SECURITY_CREDENTIALS_DATABASE_INCONSISTENCY, KDM_PROPS(kuid));
        return false;
    }
    return strategy->create(tx, kuid, credentials, &info);
}

static bool stage_all_credentials(struct kdm_tx *tx, const struct kdm_new_user *user)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, user->credentials); kdm_member_next(&it, &name, &value);) {
        struct kdm_str strategy = kdm_val_str(kdm_tx_arena(tx), name);

        if (!stage_credentials(tx, user->id, strategy, value))
            return false;
    }
    return true;
}

bool kdm_security_stage_user(struct kdm_tx *tx, const struct kdm_new_user *user,
                             struct kdm_str *ret_text)
{
    struct kdm_collection *users;

    if (!kdm_security_collection(tx, KDM_SECURITY_USERS, &users) || !id_free(tx, users, user->id)
        || !kdm_user_check_profiles(tx, user->profile_argument, user->profile_ids))
        return false;
    *ret_text = kdm_tx_with_info(tx, make_source(kdm_tx_arena(tx), user), kdm_tx_info_created(tx));
    kdm_tx_create(tx, users, user->id, *ret_text, KDM_WRITE_SILENT);
    return stage_all_credentials(tx, user);
}

/* --- actions ------------------------------------------------------------------------------- */

static struct kdm_str given_or_made_id(struct kdm_tx *tx, const struct kdm_args *args)
{
    if (kdm_args_has(args, KDM_ARG__ID))
        return kdm_args_str(args, KDM_ARG__ID);
    return kdm_user_new_id(tx,
                           kdm_args_has(args, KDM_ARG_KUID)
                               && kdm_str_eq(kdm_args_str(args, KDM_ARG_KUID), KDM_STR("uuid")));
}

static enum kdm_outcome create(struct kdm_tx *tx, const struct kdm_new_user *user)
{
    struct kdm_str text;

    return kdm_security_stage_user(tx, user, &text)
               ? kdm_security_commit(tx, "user", user->id, text)
               : KDM_WAIT;
}

/* The user that the body describes. */
static struct kdm_new_user described(const struct kdm_args *args, struct kdm_str id)
{
    struct kdm_val content = kdm_args_val(args, KDM_ARG_BODY_CONTENT);

    return (struct kdm_new_user){ .id = id,
                                  .profile_ids = kdm_val_get(content, KDM_STR("profileIds")),
                                  .profile_argument = KDM_STR("body.content.profileIds"),
                                  .content = content,
                                  .credentials = kdm_args_val(args, KDM_ARG_BODY_CREDENTIALS) };
}

enum kdm_outcome kdm_security_create_user(struct kdm_tx *tx, const struct kdm_args *args)
{
    const struct kdm_new_user user = described(args, given_or_made_id(tx, args));

    return create(tx, &user);
}

/* Who may not choose the profiles must not try to. */
static bool names_no_profiles(struct kdm_tx *tx, struct kdm_val content)
{
    if (kdm_val_none(kdm_val_get(content, KDM_STR("profileIds"))))
        return true;
    kdm_tx_fail(tx, KDM_ERR_API_ASSERT_FORBIDDEN_ARGUMENT,
                KDM_PROPS(KDM_STR("body.content.profileIds")));
    return false;
}

/* The same with these profiles, a JSON array that `option` is the name of. false: the body names
 * some too. */
static bool described_without_profiles(struct kdm_tx *tx, const struct kdm_args *args,
                                       struct kdm_str profiles, struct kdm_str option,
                                       struct kdm_new_user *ret_user)
{
    *ret_user = described(args, given_or_made_id(tx, args));
    ret_user->profile_ids = kdm_json_parse(args->arena, profiles);
    ret_user->profile_argument = option;
    return names_no_profiles(tx, ret_user->content);
}

enum kdm_outcome kdm_security_create_restricted_user(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_new_user user;

    return described_without_profiles(tx, args, kdm_server_of(tx)->security.restricted_profiles,
                                      KDM_STR("security.restrictedProfileIds"), &user)
               ? create(tx, &user)
               : KDM_WAIT;
}

/* That there is no admin yet is checked by the commit, so of two that come at once one is the
 * first. */
enum kdm_outcome kdm_security_create_first_admin(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_new_user user;
    bool exists;

    if (!kdm_security_admin_exists(tx, &exists))
        return KDM_WAIT;
    if (exists)
        return kdm_tx_fail(tx, KDM_ERR_API_PROCESS_ADMIN_EXISTS, NULL, 0);
    if (!described_without_profiles(tx, args, KDM_STR("[\"admin\"]"), KDM_STR("profileIds"), &user)
        || (kdm_args_bool(args, KDM_ARG_RESET) && !kdm_security_stage_defaults(tx, true)))
        return KDM_WAIT;
    return create(tx, &user);
}

enum kdm_outcome kdm_security_restrict_default_rights(struct kdm_tx *tx,
                                                      const struct kdm_args *args)
{
    (void)args;
    if (!kdm_security_stage_defaults(tx, true) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    kdm_tx_log(tx, KDM_STR("security: the rights of \"default\" and \"anonymous\" are restricted"));
    return kdm_tx_reply(tx, KDM_STR("null"));
}

/* --- upsert -------------------------------------------------------------------------------- */

static enum kdm_outcome create_missing(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_new_user user = described(args, kdm_args_str(args, KDM_ARG__ID));
    struct kdm_val defaults = kdm_args_val(args, KDM_ARG_BODY_DEFAULT);

    if (!kdm_val_null(defaults))
        user.content =
            kdm_json_parse(args->arena, kdm_json_assign(args->arena, defaults, user.content));
    return create(tx, &user);
}

/* Credentials matter only to a user who is not there yet. */
enum kdm_outcome kdm_security_upsert_user(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val content = kdm_args_val(args, KDM_ARG_BODY_CONTENT);
    struct kdm_collection *users;
    struct kdm_doc *user;

    if (!kdm_security_collection(tx, KDM_SECURITY_USERS, &users)
        || !kdm_tx_claim(tx, users, kdm_args_str(args, KDM_ARG__ID), &user))
        return KDM_WAIT;
    if (user == NULL)
        return create_missing(tx, args);
    if (kdm_val_null(kdm_val_get(content, KDM_STR("profileIds"))))
        return kdm_tx_fail(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT,
                           KDM_PROPS(KDM_STR("body.content.profileIds")));
    return kdm_security_change_user(tx, users, user, content, KDM_STR("body.content.profileIds"));
}
