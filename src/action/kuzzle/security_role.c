/* security_role.c - roles: what a controller's actions may be asked for.
 * A role is always written whole, updateRole too; so nothing of an older definition stays
 * unnoticed.
 */
#include "action/kuzzle/security.h"
#include "store/names.h"

static enum kdm_outcome not_found(struct kdm_tx *tx, struct kdm_str id)
{
    return kdm_tx_fail(tx, KDM_ERR_SECURITY_ROLE_NOT_FOUND, KDM_PROPS(id));
}

enum kdm_outcome kdm_security_get_role(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID);
    struct kdm_doc *doc;

    if (!kdm_security_read(tx, KDM_SECURITY_ROLES, id, &doc))
        return KDM_WAIT;
    return doc == NULL ? not_found(tx, id) : kdm_security_reply(tx, id, doc->text);
}

enum kdm_outcome kdm_security_m_get_roles(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_security_reply_many(tx, args, KDM_SECURITY_ROLES, KDM_ERR_SECURITY_ROLE_NOT_FOUND);
}

/* --- writing ------------------------------------------------------------------------------- */

/* The request's body as a role that may be stored; false: wait, or it is refused. */
static bool make_role(struct kdm_tx *tx, struct kdm_str id, struct kdm_val body, bool force,
                      struct kdm_val *ret_role)
{
    struct kdm_failure failure;

    if (!kdm_doc_id_check(kdm_tx_arena(tx), id, &failure)) {
        kdm_tx_fail_with(tx, &failure);
        return false;
    }
    *ret_role = kdm_security_content(kdm_tx_arena(tx), body, KDM_STR_NONE);
    return kdm_role_check(tx, id, *ret_role, force);
}

bool kdm_security_stage_role(struct kdm_tx *tx, struct kdm_str id, struct kdm_val body, bool force,
                             struct kdm_str *ret_text)
{
    struct kdm_collection *roles;
    struct kdm_val role;

    if (!kdm_security_collection(tx, KDM_SECURITY_ROLES, &roles)
        || !make_role(tx, id, body, force, &role))
        return false;
    *ret_text = kdm_tx_with_info(tx, role, kdm_tx_info_created(tx));
    kdm_tx_put(tx, roles, id, *ret_text, KDM_WRITE_SILENT);
    return true;
}

enum kdm_outcome kdm_security_create_or_replace_role(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID), text;

    return kdm_security_stage_role(tx, id, args->body, kdm_args_bool(args, KDM_ARG_FORCE), &text)
               ? kdm_security_commit(tx, "role", id, text)
               : KDM_WAIT;
}

enum kdm_outcome kdm_security_create_role(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID), text;
    struct kdm_collection *roles;
    struct kdm_val role;

    if (!kdm_security_collection(tx, KDM_SECURITY_ROLES, &roles)
        || !make_role(tx, id, args->body, kdm_args_bool(args, KDM_ARG_FORCE), &role))
        return KDM_WAIT;
    text = kdm_tx_with_info(tx, role, kdm_tx_info_created(tx));
    kdm_tx_create(tx, roles, id, text, KDM_WRITE_SILENT);
    return kdm_security_commit(tx, "role", id, text);
}

enum kdm_outcome kdm_security_update_role(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID), text;
    struct kdm_collection *roles;
    struct kdm_val role;
    struct kdm_doc *old;

    if (!kdm_security_collection(tx, KDM_SECURITY_ROLES, &roles)
        || !kdm_tx_claim(tx, roles, id, &old))
        return KDM_WAIT;
    if (old == NULL)
        return not_found(tx, id);
    if (!make_role(tx, id, args->body, kdm_args_bool(args, KDM_ARG_FORCE), &role))
        return KDM_WAIT;
    text = kdm_tx_with_info(tx, role, kdm_tx_info_updated(tx, kdm_doc_source(tx, old)));
    kdm_tx_write(tx, roles, old, text, KDM_CHANGE_REPLACE, KDM_STR_NONE, KDM_WRITE_SILENT);
    return kdm_security_commit(tx, "role", id, text);
}
