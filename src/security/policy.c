/* policy.c - what the configuration demands of passwords (passwordPolicies of the strategy
 * "local"). */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "security/grants.h"
#include "security/internal.h"
#include "security/local.h"
#include "security/model.h"
#include "security/password.h"
#include "store/names.h"
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

/* --- what is configured --------------------------------------------------------------------- */

static bool wrong_option(char **ret_error, const char *text)
{
    char *error = NULL;

    if (asprintf(&error, "plugins.kuzzle-plugin-auth-passport-local.%s", text) >= 0)
        *ret_error = error;
    return false;
}

/* "/pattern/flags" or a plain pattern; its text and the options of PCRE2. */
static struct kdm_str pattern_of(const char *text, uint32_t *ret_options)
{
    const char *end = strrchr(text, '/');

    *ret_options = PCRE2_UTF;
    if (text[0] != '/' || end == text || end[1] == '\0')
        return kdm_str_of(text);
    for (const char *flag = end + 1; *flag != '\0'; flag++) {
        if (strchr("gismuy", *flag) == NULL)
            return kdm_str_of(text);
        *ret_options |= *flag == 'i'   ? PCRE2_CASELESS
                        : *flag == 's' ? PCRE2_DOTALL
                        : *flag == 'm' ? PCRE2_MULTILINE
                                       : 0;
    }
    return (struct kdm_str){ text + 1, (size_t)(end - text - 1) };
}

static pcre2_code *compile(const char *text)
{
    uint32_t options;
    struct kdm_str pattern = pattern_of(text, &options);
    PCRE2_SIZE at;
    int error;

    return pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, options, &error, &at, NULL);
}

static bool is_duration(const json_t *val)
{
    int64_t ms = 0;

    if (json_is_integer(val))
        return json_integer_value(val) > 0;
    return json_is_string(val) && kdm_duration_parse(kdm_str_of(json_string_value(val)), &ms)
           && ms > 0;
}

static bool check_applies(const json_t *applies)
{
    static const char *const lists[] = { "users", "profiles", "roles" };
    bool any = false;

    if (json_is_string(applies))
        return strcmp(json_string_value(applies), "*") == 0;
    if (!json_is_object(applies))
        return false;
    for (int i = 0; i < 3; i++) {
        const json_t *list = json_object_get(applies, lists[i]);

        any = any || list != NULL;
        if (list != NULL && !json_is_array(list))
            return false;
    }
    return any;
}

static bool check_policy(const json_t *policy, char **ret_error)
{
    const json_t *expires = json_object_get(policy, "expiresAfter");
    const json_t *regexp = json_object_get(policy, "passwordRegex");
    pcre2_code *code;

    if (!check_applies(json_object_get(policy, "appliesTo")))
        return wrong_option(
            ret_error, "passwordPolicies: appliesTo is \"*\" or an object with lists of users, "
                       "profiles or roles");
    if (expires != NULL && !is_duration(expires))
        return wrong_option(ret_error,
                            "passwordPolicies: expiresAfter is a duration such as \"30d\"");
    if (regexp == NULL)
        return true;
    code = json_is_string(regexp) ? compile(json_string_value(regexp)) : NULL;
    if (code == NULL)
        return wrong_option(ret_error, "passwordPolicies: passwordRegex is a regular expression");
    pcre2_code_free(code);
    return true;
}

bool kdm_local_check_options(const json_t *options, char **ret_error)
{
    const json_t *policies = json_object_get(options, "passwordPolicies");
    const json_t *required = json_object_get(options, "requirePassword");
    const json_t *life = json_object_get(options, "resetPasswordExpiresIn");

    if (required != NULL && !json_is_boolean(required))
        return wrong_option(ret_error, "requirePassword is true or false");
    if (life != NULL && !is_duration(life)
        && !(json_is_integer(life) && json_integer_value(life) == -1))
        return wrong_option(ret_error,
                            "resetPasswordExpiresIn is a duration such as \"2h\", or -1");
    if (policies != NULL && !json_is_array(policies))
        return wrong_option(ret_error, "passwordPolicies is a list");
    for (size_t i = 0; i < json_array_size(policies); i++) {
        if (!check_policy(json_array_get(policies, i), ret_error))
            return false;
    }
    return true;
}

/* --- whom it is for ------------------------------------------------------------------------- */

/* What policies ask of a user. */
struct subject {
    struct kdm_str kuid;
    struct kdm_str_list profiles, roles;
};

static bool names(const json_t *list, struct kdm_str id)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);

        if (json_is_string(item)
            && kdm_str_eq(id,
                          (struct kdm_str){ json_string_value(item), json_string_length(item) }))
            return true;
    }
    return false;
}

static bool names_any(const json_t *list, const struct kdm_str_list *ids)
{
    for (size_t i = 0; i < ids->count; i++) {
        if (names(list, ids->items[i]))
            return true;
    }
    return false;
}

static bool applies(const json_t *policy, const struct subject *subject)
{
    const json_t *to = json_object_get(policy, "appliesTo");

    return json_is_string(to) || names(json_object_get(to, "users"), subject->kuid)
           || names_any(json_object_get(to, "profiles"), &subject->profiles)
           || names_any(json_object_get(to, "roles"), &subject->roles);
}

static bool read_subject(struct kdm_tx *tx, struct kdm_str kuid, struct subject *ret_subject)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_doc_list profiles;
    struct kdm_val user;

    if (!kdm_user_find(tx, kuid, &user))
        return false;
    *ret_subject = (struct subject){ .kuid = kuid, .profiles = kdm_user_profiles(arena, user) };
    if (!kdm_profiles_read(tx, &ret_subject->profiles, &profiles))
        return false;
    ret_subject->roles = kdm_profiles_roles(arena, &profiles);
    return true;
}

/* The policies that are for the user; ret_subject is who he is when there are any at all. */
struct policies {
    const json_t **items;
    size_t count;
};

static bool read_policies(struct kdm_tx *tx, struct kdm_str kuid, struct subject *ret_subject,
                          struct policies *ret_policies)
{
    const json_t *all = json_object_get(kdm_security_options_of(tx)->local, "passwordPolicies");

    *ret_policies = (struct policies){ 0 };
    if (json_array_size(all) == 0)
        return true;
    if (!read_subject(tx, kuid, ret_subject))
        return false;
    ret_policies->items =
        kdm_arena_alloc(kdm_tx_arena(tx), json_array_size(all) * sizeof(*ret_policies->items));
    for (size_t i = 0; i < json_array_size(all); i++) {
        if (applies(json_array_get(all, i), ret_subject))
            ret_policies->items[ret_policies->count++] = json_array_get(all, i);
    }
    return true;
}

/* --- new passwords -------------------------------------------------------------------------- */

static bool refuse(struct kdm_tx *tx, enum kdm_err err)
{
    kdm_tx_fail(tx, err, NULL, 0);
    return false;
}

static bool regexp_matches(const char *text, struct kdm_str password)
{
    pcre2_code *code = compile(text);
    pcre2_match_data *data = code == NULL ? NULL : pcre2_match_data_create_from_pattern(code, NULL);
    bool matches =
        data != NULL
        && pcre2_match(code, (PCRE2_SPTR)password.ptr, password.len, 0, 0, data, NULL) >= 0;

    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return matches;
}

/* Is it one of the last `count` that the user had, the present one included? */
static bool check_reused(struct kdm_tx *tx, const struct kdm_local_user *user, int64_t count,
                         struct kdm_str password)
{
    struct kdm_val hash = kdm_val_get(user->source, KDM_STR("password")), former;
    struct kdm_val_iter it;

    kdm_elements(&it, kdm_val_get(user->source, KDM_STR("history")));
    for (int64_t i = 0; i < count && !kdm_val_none(hash); i++) {
        bool same;

        if (!kdm_password_check(tx, kdm_arena_printf(kdm_tx_arena(tx), "former %lld", (long long)i),
                                kdm_val_str(kdm_tx_arena(tx), hash), password, &same))
            return false;
        if (same)
            return refuse(tx, KDM_ERR_PLUGIN_KUZZLE_PLUGIN_AUTH_PASSPORT_LOCAL_REUSED_PASSWORD);
        if (!kdm_element_next(&it, &former))
            break;
        hash = kdm_val_get(former, KDM_STR("password"));
    }
    return true;
}

static bool check_one(struct kdm_tx *tx, const json_t *policy, const struct kdm_local_user *user,
                      struct kdm_str username, struct kdm_str password)
{
    const json_t *regexp = json_object_get(policy, "passwordRegex");

    if (json_is_true(json_object_get(policy, "forbidLoginInPassword")) && username.len > 0
        && kdm_str_contains_nocase(password, username))
        return refuse(tx, KDM_ERR_PLUGIN_KUZZLE_PLUGIN_AUTH_PASSPORT_LOCAL_LOGIN_IN_PASSWORD);
    if (json_is_string(regexp) && !regexp_matches(json_string_value(regexp), password))
        return refuse(tx, KDM_ERR_PLUGIN_KUZZLE_PLUGIN_AUTH_PASSPORT_LOCAL_WEAK_PASSWORD);
    return check_reused(tx, user,
                        json_integer_value(json_object_get(policy, "forbidReusedPasswordCount")),
                        password);
}

bool kdm_policy_check_new(struct kdm_tx *tx, const struct kdm_local_user *user,
                          struct kdm_str username, struct kdm_str password)
{
    struct policies policies;
    struct subject subject;

    if (!read_policies(tx, user->kuid, &subject, &policies))
        return false;
    for (size_t i = 0; i < policies.count; i++) {
        if (!check_one(tx, policies.items[i], user, username, password))
            return false;
    }
    return true;
}

bool kdm_policy_retention(struct kdm_tx *tx, const struct kdm_local_user *user, int64_t *ret_count)
{
    struct policies policies;
    struct subject subject;

    *ret_count = 0;
    if (!read_policies(tx, user->kuid, &subject, &policies))
        return false;
    for (size_t i = 0; i < policies.count; i++) {
        int64_t count =
            json_integer_value(json_object_get(policies.items[i], "forbidReusedPasswordCount"));

        if (count > *ret_count)
            *ret_count = count;
    }
    return true;
}

/* --- logging in ----------------------------------------------------------------------------- */

static int64_t duration_of(const json_t *val)
{
    int64_t ms = 0;

    if (json_is_integer(val))
        return json_integer_value(val);
    if (json_is_string(val))
        kdm_duration_parse(kdm_str_of(json_string_value(val)), &ms);
    return ms;
}

static bool expired(struct kdm_tx *tx, const json_t *policy, const struct kdm_local_user *user)
{
    int64_t life = duration_of(json_object_get(policy, "expiresAfter")), updated_at = 0;

    kdm_val_int64(kdm_val_get(user->source, KDM_STR("updatedAt")), &updated_at);
    return life > 0 && kdm_tx_now(tx) > updated_at + life;
}

/* Who has the role admin is trusted with what another has set. */
static bool must_change(const json_t *policy, const struct subject *subject,
                        const struct kdm_local_user *user)
{
    for (size_t i = 0; i < subject->roles.count; i++) {
        if (kdm_str_eq(subject->roles.items[i], KDM_STR("admin")))
            return false;
    }
    return json_is_true(json_object_get(policy, "mustChangePasswordIfSetByAdmin"))
           && !kdm_val_str_eq(kdm_val_get(user->source, KDM_STR("updater")), user->kuid);
}

bool kdm_policy_check_login(struct kdm_tx *tx, const struct kdm_local_user *user)
{
    struct policies policies;
    struct subject subject;
    bool change = false;

    if (!read_policies(tx, user->kuid, &subject, &policies))
        return false;
    for (size_t i = 0; i < policies.count; i++) {
        if (expired(tx, policies.items[i], user))
            return refuse(tx, KDM_ERR_PLUGIN_KUZZLE_PLUGIN_AUTH_PASSPORT_LOCAL_EXPIRED_PASSWORD);
        change = change || must_change(policies.items[i], &subject, user);
    }
    return !change
           || refuse(tx, KDM_ERR_PLUGIN_KUZZLE_PLUGIN_AUTH_PASSPORT_LOCAL_MUST_CHANGE_PASSWORD);
}
