/* security_profile.c - profiles: roles, and where they hold.
 * The roles that a profile names are read with it, so the commit finds them there still.
 */
#include "action/kuzzle/security.h"
#include "store/names.h"

static enum kdm_outcome not_found(struct kdm_tx *tx, struct kdm_str id)
{
    return kdm_tx_fail(tx, KDM_ERR_SECURITY_PROFILE_NOT_FOUND, KDM_PROPS(id));
}

/* --- reading ------------------------------------------------------------------------------- */

enum kdm_outcome kdm_security_get_profile(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID);
    struct kdm_doc *doc;

    if (!kdm_security_read(tx, KDM_SECURITY_PROFILES, id, &doc))
        return KDM_WAIT;
    return doc == NULL ? not_found(tx, id) : kdm_security_reply(tx, id, doc->text);
}

enum kdm_outcome kdm_security_m_get_profiles(struct kdm_tx *tx, const struct kdm_args *args)
{
    return kdm_security_reply_many(tx, args, KDM_SECURITY_PROFILES,
                                   KDM_ERR_SECURITY_PROFILE_NOT_FOUND);
}

enum kdm_outcome kdm_security_get_profile_rights(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID), rights;
    struct kdm_doc *doc;

    if (!kdm_security_read(tx, KDM_SECURITY_PROFILES, id, &doc))
        return KDM_WAIT;
    if (doc == NULL)
        return not_found(tx, id);
    return kdm_rights_list(tx, &(struct kdm_str_list){ &id, 1 }, &rights) ? kdm_tx_reply(tx, rights)
                                                                          : KDM_WAIT;
}

/* --- writing ------------------------------------------------------------------------------- */

/* A profile without policies has the role "default", one without a rate limit has none. */
static struct kdm_val complete(struct kdm_arena *arena, struct kdm_val profile)
{
    struct kdm_val policies = kdm_val_get(profile, KDM_STR("policies"));

    if (kdm_val_null(policies)
        || (kdm_val_type(policies) == KDM_JSON_ARRAY && kdm_val_count(policies) == 0))
        profile = kdm_json_parse(arena, kdm_json_set(arena, profile, KDM_STR("policies"),
                                                     KDM_STR("[{\"roleId\":\"default\"}]")));
    if (kdm_val_null(kdm_val_get(profile, KDM_STR("rateLimit"))))
        profile =
            kdm_json_parse(arena, kdm_json_set(arena, profile, KDM_STR("rateLimit"), KDM_STR("0")));
    return profile;
}

/* `content` as a profile that may be stored; false: wait, or it is refused. */
static bool make_profile(struct kdm_tx *tx, struct kdm_str id, struct kdm_val content, bool strict,
                         struct kdm_val *ret_profile)
{
    struct kdm_failure failure;

    if (!kdm_doc_id_check(kdm_tx_arena(tx), id, &failure)) {
        kdm_tx_fail_with(tx, &failure);
        return false;
    }
    /* Kuzzle shows optimizedPolicies, so clients send them back. */
    *ret_profile = complete(kdm_tx_arena(tx), kdm_security_content(kdm_tx_arena(tx), content,
                                                                   KDM_STR("optimizedPolicies")));
    return kdm_profile_check(tx, id, *ret_profile, strict);
}

bool kdm_security_stage_profile(struct kdm_tx *tx, struct kdm_str id, struct kdm_val body,
                                bool strict, struct kdm_str *ret_text)
{
    struct kdm_collection *profiles;
    struct kdm_val profile;

    if (!kdm_security_collection(tx, KDM_SECURITY_PROFILES, &profiles)
        || !make_profile(tx, id, body, strict, &profile))
        return false;
    *ret_text = kdm_tx_with_info(tx, profile, kdm_tx_info_created(tx));
    kdm_tx_put(tx, profiles, id, *ret_text, KDM_WRITE_SILENT);
    return true;
}

enum kdm_outcome kdm_security_create_or_replace_profile(struct kdm_tx *tx,
                                                        const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID), text;

    return kdm_security_stage_profile(tx, id, args->body, kdm_args_bool(args, KDM_ARG_STRICT),
                                      &text)
               ? kdm_security_commit(tx, "profile", id, text)
               : KDM_WAIT;
}

enum kdm_outcome kdm_security_create_profile(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID), text;
    struct kdm_collection *profiles;
    struct kdm_val profile;

    if (!kdm_security_collection(tx, KDM_SECURITY_PROFILES, &profiles)
        || !make_profile(tx, id, args->body, kdm_args_bool(args, KDM_ARG_STRICT), &profile))
        return KDM_WAIT;
    text = kdm_tx_with_info(tx, profile, kdm_tx_info_created(tx));
    kdm_tx_create(tx, profiles, id, text, KDM_WRITE_SILENT);
    return kdm_security_commit(tx, "profile", id, text);
}

enum kdm_outcome kdm_security_update_profile(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str id = kdm_args_str(args, KDM_ARG__ID), text;
    struct kdm_collection *profiles;
    struct kdm_val source, profile;
    struct kdm_doc *old;

    if (!kdm_security_collection(tx, KDM_SECURITY_PROFILES, &profiles)
        || !kdm_tx_claim(tx, profiles, id, &old))
        return KDM_WAIT;
    if (old == NULL)
        return not_found(tx, id);
    source = kdm_doc_source(tx, old);
    text = kdm_json_assign(args->arena, source, args->body);
    if (!make_profile(tx, id, kdm_json_parse(args->arena, text),
                      kdm_args_bool(args, KDM_ARG_STRICT), &profile))
        return KDM_WAIT;
    text = kdm_tx_with_info(tx, profile, kdm_tx_info_updated(tx, source));
    kdm_tx_write(tx, profiles, old, text, KDM_CHANGE_UPDATE, KDM_STR_NONE, KDM_WRITE_SILENT);
    return kdm_security_commit(tx, "profile", id, text);
}
