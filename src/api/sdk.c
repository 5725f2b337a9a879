/* sdk.c - SDKs name themselves "<name>@<version>" in the volatile data; those for Kuzzle 1 had a
 * member of their own. The whole major number is compared: by its first digit alone js@10 would be
 * older than js@7.
 */
#include "api/sdk.h"

static const struct {
    const char *name;
    long long major;
} oldest[] = {
    { "js", 7 },      { "csharp", 2 }, { "cpp", 2 }, { "java", 3 },
    { "android", 5 }, { "go", 3 },     { "php", 4 },
};

static bool refuse(struct kdm_arena *arena, struct kdm_str version, struct kdm_str wanted,
                   struct kdm_failure *ret_failure)
{
    kdm_failure_set(ret_failure, arena, KDM_ERR_API_PROCESS_INCOMPATIBLE_SDK_VERSION,
                    KDM_PROPS(version, wanted));
    return false;
}

static struct kdm_str leading_digits(struct kdm_str s)
{
    size_t len = 0;

    while (len < s.len && s.ptr[len] >= '0' && s.ptr[len] <= '9')
        len++;
    return (struct kdm_str){ .ptr = s.ptr, .len = len };
}

static bool check_name(struct kdm_arena *arena, struct kdm_str sdk, struct kdm_failure *ret_failure)
{
    const char *at = sdk.len == 0 ? NULL : memchr(sdk.ptr, '@', sdk.len);
    struct kdm_str name, version;
    long long major;

    if (at == NULL)
        return true;
    name = (struct kdm_str){ .ptr = sdk.ptr, .len = (size_t)(at - sdk.ptr) };
    version = kdm_str_from(sdk, name.len + 1);
    if (!kdm_str_int64(leading_digits(version), &major))
        return true;
    for (size_t i = 0; i < sizeof(oldest) / sizeof(oldest[0]); i++) {
        if (kdm_str_eq(name, kdm_str_of(oldest[i].name)) && major < oldest[i].major)
            return refuse(arena, version, kdm_arena_printf(arena, "%lld", oldest[i].major),
                          ret_failure);
    }
    return true;
}

bool kdm_sdk_check(struct kdm_arena *arena, struct kdm_val volatile_data,
                   struct kdm_failure *ret_failure)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_none(volatile_data))
        return true;
    for (kdm_members(&it, volatile_data); kdm_member_next(&it, &name, &value);) {
        if (kdm_val_str_eq(name, KDM_STR("sdkVersion")) && !kdm_val_null(value)) {
            struct kdm_str version = kdm_val_str(arena, value);

            return refuse(arena, kdm_str_none(version) ? KDM_STR("1") : version, KDM_STR("7"),
                          ret_failure);
        }
        if (kdm_val_str_eq(name, KDM_STR("sdkName"))
            && !check_name(arena, kdm_val_str(arena, value), ret_failure))
            return false;
    }
    return true;
}
