/* security_mapping.c - what of users, profiles and roles can be searched for. Fields beside the
 * server's own are free-form; an administrator declares those that searches are to know.
 */
#include "action/kuzzle/collection_definition.h"
#include "action/kuzzle/security.h"

static bool fresh(struct kdm_tx *tx, enum kdm_security_collection which,
                  struct kdm_collection **ret_collection)
{
    return kdm_security_collection(tx, which, ret_collection)
           && kdm_tx_refresh_collection(tx, KDM_PRIVATE_INDEX, kdm_security_name(which));
}

static enum kdm_outcome reply_mapping(struct kdm_tx *tx, enum kdm_security_collection which)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_collection *collection;
    struct kdm_buf mapping, reply;

    if (!fresh(tx, which, &collection))
        return KDM_WAIT;
    kdm_buf_init(&mapping, arena, 512);
    kdm_mapping_render(collection->mapping, &mapping, false);
    kdm_buf_init(&reply, arena, mapping.len + 16);
    kdm_buf_lit(&reply, "{\"mapping\":");
    kdm_buf_put(&reply, kdm_val_text(kdm_val_get(kdm_json_parse(arena, kdm_buf_str(&mapping)),
                                                 KDM_STR("properties"))));
    kdm_buf_char(&reply, '}');
    return kdm_tx_reply(tx, kdm_buf_str(&reply));
}

enum kdm_outcome kdm_security_get_user_mapping(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return reply_mapping(tx, KDM_SECURITY_USERS);
}

enum kdm_outcome kdm_security_get_profile_mapping(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return reply_mapping(tx, KDM_SECURITY_PROFILES);
}

enum kdm_outcome kdm_security_get_role_mapping(struct kdm_tx *tx, const struct kdm_args *args)
{
    (void)args;
    return reply_mapping(tx, KDM_SECURITY_ROLES);
}

/* --- changing ------------------------------------------------------------------------------ */

static enum kdm_outcome update_mapping(struct kdm_tx *tx, const struct kdm_args *args,
                                       enum kdm_security_collection which)
{
    struct kdm_collection *collection;
    struct kdm_str definition;
    struct kdm_failure failure;
    bool changed;

    if (!fresh(tx, which, &collection))
        return KDM_WAIT;
    if (!kdm_definition_update(args->arena, collection->mapping, collection->definition, args->body,
                               KDM_VAL_NONE, &definition, &changed, &failure))
        return kdm_tx_fail_with(tx, &failure);
    if (changed)
        kdm_tx_set_collection(tx, KDM_PRIVATE_INDEX, kdm_security_name(which), collection,
                              definition);
    if (!kdm_tx_commit(tx))
        return KDM_WAIT;
    return kdm_tx_reply(tx, kdm_val_text(kdm_val_get(kdm_json_parse(args->arena, definition),
                                                     KDM_STR("mappings"))));
}

enum kdm_outcome kdm_security_update_user_mapping(struct kdm_tx *tx, const struct kdm_args *args)
{
    return update_mapping(tx, args, KDM_SECURITY_USERS);
}

enum kdm_outcome kdm_security_update_profile_mapping(struct kdm_tx *tx, const struct kdm_args *args)
{
    return update_mapping(tx, args, KDM_SECURITY_PROFILES);
}

enum kdm_outcome kdm_security_update_role_mapping(struct kdm_tx *tx, const struct kdm_args *args)
{
    return update_mapping(tx, args, KDM_SECURITY_ROLES);
}

/* --- refresh ------------------------------------------------------------------------------- */

/* Searches see every write at once, so there is nothing to do but to know the name. */
enum kdm_outcome kdm_security_refresh(struct kdm_tx *tx, const struct kdm_args *args)
{
    static const enum kdm_security_collection known[] = { KDM_SECURITY_USERS, KDM_SECURITY_PROFILES,
                                                          KDM_SECURITY_ROLES };
    struct kdm_str name = kdm_args_str(args, KDM_ARG_COLLECTION);

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (kdm_str_eq(name, kdm_security_name(known[i])))
            return kdm_tx_reply(tx, KDM_STR("null"));
    return kdm_tx_fail(tx, KDM_ERR_API_ASSERT_UNEXPECTED_ARGUMENT,
                       KDM_PROPS(name, KDM_STR("users, profiles, roles")));
}
