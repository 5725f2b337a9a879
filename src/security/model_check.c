/* model_check.c - see model.h: what is a valid role, profile, user. Errors name what is wrong as
 * Kuzzle does: "<id>.policies[0].roleId". */
#include "security/internal.h"
#include "security/model.h"
#include "security/rights.h"

static bool fail1(struct kdm_tx *tx, enum kdm_err err, struct kdm_str argument)
{
    kdm_tx_fail(tx, err, &argument, 1);
    return false;
}

static bool fail2(struct kdm_tx *tx, enum kdm_err err, struct kdm_str argument,
                  const char *expected)
{
    kdm_tx_fail(tx, err, KDM_PROPS(argument, kdm_str_of(expected)));
    return false;
}

#define PATH(...) kdm_arena_printf(kdm_tx_arena(tx), __VA_ARGS__)

/* --- roles ---------------------------------------------------------------------------------- */

static bool check_actions(struct kdm_tx *tx, struct kdm_str controller, struct kdm_val actions)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_none(actions))
        return fail1(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, controller);
    if (kdm_val_type(actions) != KDM_JSON_OBJECT)
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE,
                     PATH(KDM_FMT ".actions", KDM_ARG(controller)), "object");
    if (kdm_val_count(actions) == 0)
        return fail1(tx, KDM_ERR_API_ASSERT_EMPTY_ARGUMENT,
                     PATH(KDM_FMT ".actions", KDM_ARG(controller)));
    for (kdm_members(&it, actions); kdm_member_next(&it, &name, &value);) {
        struct kdm_str action = kdm_val_str(kdm_tx_arena(tx), name);

        if (kdm_val_type(value) != KDM_JSON_TRUE && kdm_val_type(value) != KDM_JSON_FALSE)
            return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE,
                         PATH(KDM_FMT ".actions." KDM_FMT, KDM_ARG(controller), KDM_ARG(action)),
                         "boolean");
    }
    return true;
}

static bool check_controller(struct kdm_tx *tx, struct kdm_str controller, struct kdm_val rights)
{
    if (kdm_val_type(rights) != KDM_JSON_OBJECT)
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE, controller, "object");
    if (kdm_val_count(rights) == 0)
        return fail1(tx, KDM_ERR_API_ASSERT_EMPTY_ARGUMENT, controller);
    return check_actions(tx, controller, kdm_val_get(rights, KDM_STR("actions")));
}

/* The name that `wrong` may be a slip of; none when nothing is near. */
static struct kdm_str nearest(struct kdm_tx *tx, struct kdm_str controller, struct kdm_str wrong)
{
    const struct kdm_protocol *protocol = kdm_security_options_of(tx)->protocol;
    struct kdm_str best = KDM_STR_NONE;
    unsigned least = 3;

    for (size_t i = 0; i < protocol->action_count; i++) {
        const struct kdm_action *action = &protocol->actions[i];
        struct kdm_str name =
            kdm_str_of(kdm_str_none(controller) ? action->asked_controller : action->asked_action);
        unsigned distance;

        if (!kdm_str_none(controller)
            && !kdm_str_eq(controller, kdm_str_of(action->asked_controller)))
            continue;
        distance = kdm_str_distance(wrong, name);
        if (distance < least) {
            least = distance;
            best = name;
        }
    }
    return best;
}

static struct kdm_str hint(struct kdm_tx *tx, struct kdm_str controller, struct kdm_str wrong)
{
    struct kdm_str near = nearest(tx, controller, wrong);

    return kdm_str_none(near) ? KDM_STR("") : PATH("Did you mean \"" KDM_FMT "\"?", KDM_ARG(near));
}

static bool unknown_action(struct kdm_tx *tx, struct kdm_str id, struct kdm_str controller,
                           struct kdm_str action)
{
    kdm_tx_fail(tx, KDM_ERR_SECURITY_ROLE_UNKNOWN_ACTION,
                KDM_PROPS(id, action, controller, hint(tx, controller, action)));
    return false;
}

/* "device-manager/assets": a plugin's in Kuzzle, and treated as such. */
static bool is_plugins(struct kdm_str controller)
{
    return memchr(controller.ptr, '/', controller.len) != NULL;
}

/* Are the controller and its actions there? */
static bool check_names(struct kdm_tx *tx, struct kdm_str id, struct kdm_str controller,
                        struct kdm_val rights, bool force)
{
    const struct kdm_protocol *protocol = kdm_security_options_of(tx)->protocol;
    bool any = kdm_str_eq(controller, KDM_STR("*")), known = any;
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (!any)
        protocol->find(controller, KDM_STR("*"), &known);
    if (!known && force)
        return true;
    if (!known) {
        kdm_tx_fail(tx, KDM_ERR_SECURITY_ROLE_UNKNOWN_CONTROLLER,
                    KDM_PROPS(id, controller, hint(tx, KDM_STR_NONE, controller)));
        return false;
    }
    for (kdm_members(&it, kdm_val_get(rights, KDM_STR("actions")));
         kdm_member_next(&it, &name, &value);) {
        struct kdm_str action = kdm_val_str(kdm_tx_arena(tx), name);

        if (kdm_str_eq(action, KDM_STR("*")) || (force && is_plugins(controller)))
            continue;
        if (any || protocol->find(controller, action, &known) == NULL)
            return unknown_action(tx, id, controller, action);
    }
    return true;
}

bool kdm_role_check(struct kdm_tx *tx, struct kdm_str id, struct kdm_val body, bool force)
{
    struct kdm_val controllers = kdm_val_get(body, KDM_STR("controllers")), name, rights;
    struct kdm_str argument = PATH(KDM_FMT ".controllers", KDM_ARG(id));
    struct kdm_val_iter it;

    if (kdm_val_null(controllers))
        return fail1(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, argument);
    if (kdm_val_type(controllers) != KDM_JSON_OBJECT)
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE, argument, "object");
    if (kdm_val_count(controllers) == 0)
        return fail1(tx, KDM_ERR_API_ASSERT_EMPTY_ARGUMENT, argument);
    for (kdm_members(&it, controllers); kdm_member_next(&it, &name, &rights);) {
        if (!check_controller(tx, kdm_val_str(kdm_tx_arena(tx), name), rights))
            return false;
    }
    if (kdm_str_eq(id, KDM_STR("anonymous"))
        && !kdm_role_allows(body, KDM_STR("auth"), KDM_STR("login"))) {
        kdm_tx_fail(tx, KDM_ERR_SECURITY_ROLE_LOGIN_REQUIRED, NULL, 0);
        return false;
    }
    for (kdm_members(&it, controllers); kdm_member_next(&it, &name, &rights);) {
        if (!check_names(tx, id, kdm_val_str(kdm_tx_arena(tx), name), rights, force))
            return false;
    }
    return true;
}

/* --- profiles ------------------------------------------------------------------------------- */

/* Only these members. `accepted` ends with NULL. */
static bool check_members(struct kdm_tx *tx, struct kdm_str path, struct kdm_val object,
                          const char *const *accepted, const char *expected)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);) {
        int i = 0;

        while (accepted[i] != NULL && !kdm_val_str_eq(name, kdm_str_of(accepted[i])))
            i++;
        if (accepted[i] == NULL)
            return fail2(tx, KDM_ERR_API_ASSERT_UNEXPECTED_ARGUMENT,
                         PATH(KDM_FMT "." KDM_FMT, KDM_ARG(path),
                              KDM_ARG(kdm_val_str(kdm_tx_arena(tx), name))),
                         expected);
    }
    return true;
}

static bool check_index(struct kdm_tx *tx, struct kdm_str index)
{
    bool exists;

    if (!kdm_tx_index(tx, index, &exists))
        return false;
    /* What the server keeps for itself is there for nobody. */
    if (exists && index.len > 0 && index.ptr[0] != '%')
        return true;
    return fail1(tx, KDM_ERR_SERVICES_STORAGE_UNKNOWN_INDEX, index);
}

static bool check_collections(struct kdm_tx *tx, struct kdm_str path, struct kdm_str index,
                              struct kdm_val collections, bool strict)
{
    struct kdm_val_iter it;
    struct kdm_val name;

    if (kdm_val_null(collections))
        return true;
    if (kdm_val_type(collections) != KDM_JSON_ARRAY)
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE,
                     PATH(KDM_FMT ".collections", KDM_ARG(path)), "string[]");
    for (kdm_elements(&it, collections); kdm_element_next(&it, &name);) {
        struct kdm_collection *collection;

        if (kdm_val_type(name) != KDM_JSON_STRING)
            return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE,
                         PATH(KDM_FMT ".collections", KDM_ARG(path)), "string[]");
        if (strict
            && !kdm_tx_collection(tx, index, kdm_val_str(kdm_tx_arena(tx), name), &collection))
            return false;
    }
    return true;
}

static bool check_restriction(struct kdm_tx *tx, struct kdm_str path, struct kdm_val restriction,
                              bool strict)
{
    static const char *const members[] = { "index", "collections", NULL };
    struct kdm_val index = kdm_val_get(restriction, KDM_STR("index"));
    struct kdm_str name;

    if (kdm_val_type(restriction) != KDM_JSON_OBJECT)
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE, path, "object");
    if (kdm_val_null(index))
        return fail1(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT,
                     PATH(KDM_FMT ".index", KDM_ARG(path)));
    if (kdm_val_type(index) != KDM_JSON_STRING)
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE, PATH(KDM_FMT ".index", KDM_ARG(path)),
                     "string");
    name = kdm_val_str(kdm_tx_arena(tx), index);
    return (!strict || check_index(tx, name))
           && check_collections(tx, path, name, kdm_val_get(restriction, KDM_STR("collections")),
                                strict)
           && check_members(tx, path, restriction, members, "\"index\", \"collections\"");
}

static bool check_restrictions(struct kdm_tx *tx, struct kdm_str path, struct kdm_val restricted_to,
                               bool strict)
{
    struct kdm_val_iter it;
    struct kdm_val restriction;
    int i = 0;

    if (kdm_val_null(restricted_to))
        return true;
    if (kdm_val_type(restricted_to) != KDM_JSON_ARRAY)
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE,
                     PATH(KDM_FMT ".restrictedTo", KDM_ARG(path)), "object[]");
    for (kdm_elements(&it, restricted_to); kdm_element_next(&it, &restriction); i++) {
        if (!check_restriction(tx, PATH(KDM_FMT ".restrictedTo[%d]", KDM_ARG(path), i), restriction,
                               strict))
            return false;
    }
    return true;
}

static bool check_policy(struct kdm_tx *tx, struct kdm_str path, struct kdm_val policy, bool strict)
{
    static const char *const members[] = { "roleId", "restrictedTo", NULL };
    struct kdm_val role = kdm_val_get(policy, KDM_STR("roleId"));

    if (kdm_val_type(policy) != KDM_JSON_OBJECT)
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE, path, "object");
    if (kdm_val_null(role) || kdm_val_str_eq(role, KDM_STR("")))
        return fail1(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT,
                     PATH(KDM_FMT ".roleId", KDM_ARG(path)));
    if (kdm_val_type(role) != KDM_JSON_STRING)
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE, PATH(KDM_FMT ".roleId", KDM_ARG(path)),
                     "string");
    return check_members(tx, path, policy, members, "\"roleId\", \"restrictedTo\"")
           && check_restrictions(tx, path, kdm_val_get(policy, KDM_STR("restrictedTo")), strict);
}

static bool check_rate_limit(struct kdm_tx *tx, struct kdm_val rate_limit)
{
    int64_t limit;

    if (kdm_val_null(rate_limit))
        return true;
    if (!kdm_val_int64(rate_limit, &limit))
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE, KDM_STR("rateLimit"), "integer");
    if (limit < 0)
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_ARGUMENT, KDM_STR("rateLimit"),
                     "positive integer, or zero");
    return true;
}

/* Do they exist? Their deletion until the commit is noticed by it. */
static bool check_roles(struct kdm_tx *tx, struct kdm_val policies)
{
    struct kdm_val_iter it;
    struct kdm_val policy;

    for (kdm_elements(&it, policies); kdm_element_next(&it, &policy);) {
        struct kdm_str role = kdm_val_str(kdm_tx_arena(tx), kdm_val_get(policy, KDM_STR("roleId")));
        struct kdm_doc *doc;

        if (!kdm_security_read(tx, KDM_SECURITY_ROLES, role, &doc))
            return false;
        if (doc == NULL)
            return fail1(tx, KDM_ERR_SECURITY_ROLE_NOT_FOUND, role);
    }
    return true;
}

static bool names_anonymous(struct kdm_val policies)
{
    struct kdm_val_iter it;
    struct kdm_val policy;

    for (kdm_elements(&it, policies); kdm_element_next(&it, &policy);) {
        if (kdm_val_str_eq(kdm_val_get(policy, KDM_STR("roleId")), KDM_STR("anonymous")))
            return true;
    }
    return false;
}

bool kdm_profile_check(struct kdm_tx *tx, struct kdm_str id, struct kdm_val body, bool strict)
{
    struct kdm_val policies = kdm_val_get(body, KDM_STR("policies")), policy;
    struct kdm_str path = PATH(KDM_FMT ".policies", KDM_ARG(id));
    struct kdm_val_iter it;
    int i = 0;

    if (!check_rate_limit(tx, kdm_val_get(body, KDM_STR("rateLimit"))))
        return false;
    if (kdm_val_null(policies))
        return fail1(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, path);
    if (kdm_val_type(policies) != KDM_JSON_ARRAY)
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE, path, "object[]");
    if (kdm_val_count(policies) == 0)
        return fail1(tx, KDM_ERR_API_ASSERT_EMPTY_ARGUMENT, path);
    for (kdm_elements(&it, policies); kdm_element_next(&it, &policy); i++) {
        if (!check_policy(tx, PATH(KDM_FMT "[%d]", KDM_ARG(path), i), policy, strict))
            return false;
    }
    if (!check_roles(tx, policies))
        return false;
    if (!kdm_str_eq(id, KDM_STR("anonymous")) || names_anonymous(policies))
        return true;
    kdm_tx_fail(tx, KDM_ERR_SECURITY_PROFILE_MISSING_ANONYMOUS_ROLE, NULL, 0);
    return false;
}

/* --- users ---------------------------------------------------------------------------------- */

bool kdm_user_check_profiles(struct kdm_tx *tx, struct kdm_str argument, struct kdm_val profile_ids)
{
    struct kdm_val_iter it;
    struct kdm_val id;

    if (kdm_val_null(profile_ids))
        return fail1(tx, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, argument);
    if (kdm_val_type(profile_ids) != KDM_JSON_ARRAY)
        return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE, argument, "array");
    if (kdm_val_count(profile_ids) == 0)
        return fail1(tx, KDM_ERR_API_ASSERT_EMPTY_ARGUMENT, argument);
    for (kdm_elements(&it, profile_ids); kdm_element_next(&it, &id);) {
        struct kdm_doc *doc;
        struct kdm_str name;

        if (kdm_val_type(id) != KDM_JSON_STRING)
            return fail2(tx, KDM_ERR_API_ASSERT_INVALID_TYPE, argument, "string[]");
        name = kdm_val_str(kdm_tx_arena(tx), id);
        if (!kdm_security_read(tx, KDM_SECURITY_PROFILES, name, &doc))
            return false;
        if (doc == NULL)
            return fail1(tx, KDM_ERR_SECURITY_PROFILE_NOT_FOUND, name);
    }
    return true;
}
