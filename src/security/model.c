/* model.c - see model.h: reading. The checks are in model_check.c. */
#include "security/model.h"
#include "security/internal.h"

struct kdm_security *kdm_security_of(struct kdm_tx *tx)
{
    const struct kdm_context *context = kdm_tx_context(tx);

    return context->guard;
}

const struct kdm_security_options *kdm_security_options_of(struct kdm_tx *tx)
{
    return kdm_security_options(kdm_security_of(tx));
}

/* --- users ---------------------------------------------------------------------------------- */

struct kdm_str kdm_user_id(struct kdm_str id)
{
    return kdm_str_eq(id, KDM_STR("anonymous")) ? KDM_ANONYMOUS : id;
}

static struct kdm_val anonymous_source(struct kdm_tx *tx)
{
    return kdm_json_parse(kdm_tx_arena(tx),
                          KDM_STR("{\"name\":\"Anonymous\",\"profileIds\":[\"anonymous\"]}"));
}

bool kdm_user_find(struct kdm_tx *tx, struct kdm_str id, struct kdm_val *ret_source)
{
    struct kdm_doc *doc;

    if (kdm_str_eq(kdm_user_id(id), KDM_ANONYMOUS)) {
        *ret_source = anonymous_source(tx);
        return true;
    }
    if (!kdm_security_read(tx, KDM_SECURITY_USERS, id, &doc))
        return false;
    *ret_source = doc == NULL ? KDM_VAL_NONE : kdm_doc_source(tx, doc);
    return true;
}

bool kdm_user_get(struct kdm_tx *tx, struct kdm_str id, struct kdm_val *ret_source)
{
    if (!kdm_user_find(tx, id, ret_source))
        return false;
    if (!kdm_val_none(*ret_source))
        return true;
    kdm_tx_fail(tx, KDM_ERR_SECURITY_USER_NOT_FOUND, KDM_PROPS(id));
    return false;
}

struct kdm_str_list kdm_user_profiles(struct kdm_arena *arena, struct kdm_val source)
{
    struct kdm_val ids = kdm_val_get(source, KDM_STR("profileIds")), id;
    struct kdm_str_list list = { 0 };
    struct kdm_val_iter it;

    if (kdm_val_type(ids) != KDM_JSON_ARRAY)
        return list;
    list.items = kdm_arena_alloc(arena, kdm_val_count(ids) * sizeof(*list.items) + 1);
    for (kdm_elements(&it, ids); kdm_element_next(&it, &id);) {
        if (kdm_val_type(id) == KDM_JSON_STRING)
            list.items[list.count++] = kdm_val_str(arena, id);
    }
    return list;
}

/* kdm_friendly_id() wants a source of randomness; this one is the transaction's and says the same
 * in every replay. */
static void seed_random(struct kdm_tx *tx, struct kdm_random *random)
{
    random->left = sizeof(random->bytes);
    for (size_t at = 0, n = 0; at < sizeof(random->bytes); n++) {
        struct kdm_str id = kdm_tx_id(tx, kdm_arena_printf(kdm_tx_arena(tx), "kuid %zu", n));
        size_t len = sizeof(random->bytes) - at < id.len ? sizeof(random->bytes) - at : id.len;

        memcpy(random->bytes + at, id.ptr, len);
        at += len;
    }
}

struct kdm_str kdm_user_new_id(struct kdm_tx *tx, bool uuid)
{
    static const char name[] = "new kuid";
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_str *kept = kdm_tx_kept(tx, name);
    struct kdm_random random;

    if (kept != NULL)
        return *kept;
    kept = kdm_arena_alloc(arena, sizeof(*kept));
    seed_random(tx, &random);
    if (uuid) {
        char text[KDM_UUID_LEN];

        kdm_uuid(&random, text);
        *kept = kdm_arena_printf(arena, "kuid-%.*s", KDM_UUID_LEN, text);
    } else {
        *kept = kdm_friendly_id(&random, arena, "kuid");
    }
    kdm_tx_keep(tx, name, kept);
    return *kept;
}

struct kdm_str kdm_security_item(struct kdm_arena *arena, struct kdm_str id, struct kdm_str source)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, id.len + source.len + 32);
    kdm_buf_lit(&buf, "{\"_id\":");
    kdm_json_put_str(&buf, id);
    kdm_buf_lit(&buf, ",\"_source\":");
    kdm_buf_put(&buf, source);
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

/* --- how they hang together ----------------------------------------------------------------- */

bool kdm_security_is_protected(struct kdm_str id)
{
    return kdm_str_eq(id, KDM_STR("admin")) || kdm_str_eq(id, KDM_STR("default"))
           || kdm_str_eq(id, KDM_STR("anonymous"));
}

bool kdm_profile_has_role(struct kdm_val source, struct kdm_str role)
{
    struct kdm_val_iter it;
    struct kdm_val policy;

    for (kdm_elements(&it, kdm_val_get(source, KDM_STR("policies")));
         kdm_element_next(&it, &policy);) {
        if (kdm_val_str_eq(kdm_val_get(policy, KDM_STR("roleId")), role))
            return true;
    }
    return false;
}

bool kdm_user_has_profile(struct kdm_val source, struct kdm_str profile)
{
    struct kdm_val_iter it;
    struct kdm_val named;

    for (kdm_elements(&it, kdm_val_get(source, KDM_STR("profileIds")));
         kdm_element_next(&it, &named);) {
        if (kdm_val_str_eq(named, profile))
            return true;
    }
    return false;
}

/* What a scan looks for; in the arena. */
struct wanted {
    bool (*has)(struct kdm_val source, struct kdm_str id);
    struct kdm_str *ids;
    size_t count;
};

static bool has_any(void *ctx, struct kdm_str id, struct kdm_val source)
{
    const struct wanted *wanted = ctx;

    (void)id;
    for (size_t i = 0; i < wanted->count; i++) {
        if (wanted->has(source, wanted->ids[i]))
            return true;
    }
    return false;
}

/* Documents of a collection that have any of `ids`. */
static bool scan(struct kdm_tx *tx, enum kdm_security_collection which, const struct kdm_str *ids,
                 size_t count, bool (*has)(struct kdm_val source, struct kdm_str id),
                 struct kdm_doc_list *ret_docs)
{
    struct wanted *wanted = kdm_arena_alloc(kdm_tx_arena(tx), sizeof(*wanted));
    struct kdm_collection *collection;

    *wanted = (struct wanted){ .has = has, .count = count };
    wanted->ids = kdm_arena_alloc(kdm_tx_arena(tx), count * sizeof(*ids) + 1);
    for (size_t i = 0; i < count; i++)
        wanted->ids[i] = kdm_arena_copy(kdm_tx_arena(tx), ids[i]);
    return kdm_security_collection(tx, which, &collection)
           && kdm_tx_scan(tx, KDM_STR("in use"), collection, true, has_any, wanted, ret_docs);
}

bool kdm_role_users(struct kdm_tx *tx, const struct kdm_str *roles, size_t count,
                    struct kdm_doc_list *ret_profiles)
{
    return scan(tx, KDM_SECURITY_PROFILES, roles, count, kdm_profile_has_role, ret_profiles);
}

bool kdm_profile_users(struct kdm_tx *tx, const struct kdm_str *profiles, size_t count,
                       struct kdm_doc_list *ret_users)
{
    return scan(tx, KDM_SECURITY_USERS, profiles, count, kdm_user_has_profile, ret_users);
}

bool kdm_security_admin_exists(struct kdm_tx *tx, bool *ret_exists)
{
    const struct kdm_str admin = KDM_STR("admin");
    struct kdm_doc_list admins;

    if (!kdm_profile_users(tx, &admin, 1, &admins))
        return false;
    *ret_exists = admins.count > 0;
    return true;
}
