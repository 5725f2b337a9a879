/* security_user.c - users: reading them and changing what they are. Making them is
 * security_user_create.c, their end security_delete.c.
 */
#include "action/kuzzle/security.h"
#include "security/strategy.h"
#include "security/token.h"

/* --- reading ------------------------------------------------------------------------------- */

enum kdm_outcome kdm_security_get_user(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_user_id(kdm_args_str(args, KDM_ARG__ID));
    struct kdm_val source;

    return kdm_user_get(tx, id, &source) ? kdm_security_reply(tx, id, kdm_val_text(source))
                                         : KDM_WAIT;
}

enum kdm_outcome kdm_security_m_get_users(struct kdm_tx *tx, const struct kdm_args *args)
{
    if (!kdm_args_has(args, KDM_ARG_BODY_IDS) && !kdm_args_has(args, KDM_ARG_IDS))
        return kdm_tx_fail(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, KDM_PROPS(KDM_STR("ids")));
    return kdm_security_reply_many(tx, args, KDM_SECURITY_USERS, KDM_OK);
}

enum kdm_outcome kdm_security_get_user_rights(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str_list profiles;
    struct kdm_val source;
    struct kdm_str rights;

    if (!kdm_user_get(tx, kdm_user_id(kdm_args_str(args, KDM_ARG__ID)), &source))
        return KDM_WAIT;
    profiles = kdm_user_profiles(args->arena, source);
    return kdm_rights_list(tx, &profiles, &rights) ? kdm_tx_reply(tx, rights) : KDM_WAIT;
}

enum kdm_outcome kdm_security_check_rights(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val source;
    bool allowed;

    if (!kdm_user_get(tx, kdm_user_id(kdm_args_str(args, KDM_ARG_USER_ID)), &source)
        || !kdm_rights_check_payload(tx, source, args->body, &allowed))
        return KDM_WAIT;
    return kdm_tx_reply(tx,
                        allowed ? KDM_STR("{\"allowed\":true}") : KDM_STR("{\"allowed\":false}"));
}

enum kdm_outcome kdm_security_get_user_strategies(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_user_id(kdm_args_str(args, KDM_ARG__ID));
    struct kdm_val source;
    struct kdm_buf buf;
    size_t total;

    if (!kdm_user_get(tx, id, &source))
        return KDM_WAIT;
    kdm_buf_init(&buf, args->arena, 64);
    kdm_buf_lit(&buf, "{\"strategies\":");
    if (!kdm_strategies_of(tx, id, &buf, &total))
        return KDM_WAIT;
    kdm_buf_printf(&buf, ",\"total\":%zu}", total);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* --- changing ------------------------------------------------------------------------------ */

/* The stored user that the request names; false: wait, or there is none (anonymous is stored
 * nowhere). */
static bool claim(struct kdm_tx *tx, struct kdm_str id, struct kdm_collection **ret_users,
                  struct kdm_doc **ret_user)
{
    if (!kdm_security_collection(tx, KDM_SECURITY_USERS, ret_users)
        || !kdm_tx_claim(tx, *ret_users, id, ret_user))
        return false;
    if (*ret_user == NULL)
        kdm_tx_fail(tx, KDM_ERR_SECURITY_USER_NOT_FOUND, KDM_PROPS(id));
    return *ret_user != NULL;
}

enum kdm_outcome kdm_security_change_user(struct kdm_tx *tx, struct kdm_collection *users,
                                          struct kdm_doc *user, struct kdm_val changes,
                                          struct kdm_str argument)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_val profile_ids = kdm_val_get(changes, KDM_STR("profileIds"));
    struct kdm_val source = kdm_doc_source(tx, user), content;
    struct kdm_str text;

    content = kdm_security_content(
        arena, changes, kdm_val_null(profile_ids) ? KDM_STR("profileIds") : KDM_STR_NONE);
    if (!kdm_val_null(profile_ids) && !kdm_user_check_profiles(tx, argument, profile_ids))
        return KDM_WAIT;
    text = kdm_tx_with_info(tx, kdm_json_parse(arena, kdm_json_assign(arena, source, content)),
                            kdm_tx_info_updated(tx, source));
    kdm_tx_write(tx, users, user, text, KDM_CHANGE_UPDATE, KDM_STR_NONE, KDM_WRITE_SILENT);
    return kdm_security_commit(tx, "user", user->id, text);
}

enum kdm_outcome kdm_security_update_user(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_collection *users;
    struct kdm_doc *user;

    return claim(tx, kdm_args_str(args, KDM_ARG__ID), &users, &user)
               ? kdm_security_change_user(tx, users, user, args->body, KDM_STR("body.profileIds"))
               : KDM_WAIT;
}

enum kdm_outcome kdm_security_replace_user(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str text;
    struct kdm_collection *users;
    struct kdm_doc *user;

    if (!claim(tx, kdm_args_str(args, KDM_ARG__ID), &users, &user)
        || !kdm_user_check_profiles(tx, KDM_STR("body.profileIds"),
                                    kdm_args_val(args, KDM_ARG_BODY_PROFILE_IDS)))
        return KDM_WAIT;
    text = kdm_tx_with_info(tx, kdm_security_content(args->arena, args->body, KDM_STR_NONE),
                            kdm_tx_info_created(tx));
    kdm_tx_write(tx, users, user, text, KDM_CHANGE_REPLACE, KDM_STR_NONE, KDM_WRITE_SILENT);
    return kdm_security_commit(tx, "user", user->id, text);
}

/* Nothing is said of users who are not there: they have no tokens. */
enum kdm_outcome kdm_security_revoke_tokens(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID);

    if (!kdm_tokens_revoke(tx, id, false) || !kdm_tx_commit(tx))
        return KDM_WAIT;
    kdm_security_log(tx, "user", id);
    return kdm_tx_reply(tx, KDM_STR("null"));
}
