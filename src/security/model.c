/* model.c - see model.h: reading. The checks are in model_check.c. */
#include "security/model.h"
#include "projector/projector.h"
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

/* {"term":{"<field>":"<id>"}} */
static struct kdm_str term(struct kdm_arena *arena, const char *field, struct kdm_str id)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, id.len + 64);
    kdm_buf_printf(&buf, "{\"term\":{\"%s\":", field);
    kdm_json_put_str(&buf, id);
    kdm_buf_lit(&buf, "}}");
    return kdm_buf_str(&buf);
}

/* Documents of a collection that name `id`: at most `most` of them, and how many there are. */
static bool find(struct kdm_tx *tx, enum kdm_security_collection which, const char *field,
                 struct kdm_str id, int64_t most, const struct kdm_found **ret_found)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_collection *collection;
    struct kdm_find_request request = { .collections = &collection,
                                        .count = 1,
                                        .body = term(arena, field, id),
                                        .bare = true,
                                        .from = 0,
                                        .size = most };

    return kdm_security_collection(tx, which, &collection)
           && kdm_tx_find(tx, kdm_arena_printf(arena, "%s " KDM_FMT, field, KDM_ARG(id)), true,
                          &request, ret_found);
}

bool kdm_role_in_use(struct kdm_tx *tx, struct kdm_str role, bool *ret_used)
{
    const struct kdm_found *found;

    if (!find(tx, KDM_SECURITY_PROFILES, "policies.roleId", role, 0, &found))
        return false;
    *ret_used = found->total > 0;
    return true;
}

bool kdm_profile_in_use(struct kdm_tx *tx, struct kdm_str profile, bool *ret_used)
{
    const struct kdm_found *found;

    if (!find(tx, KDM_SECURITY_USERS, "profileIds", profile, 0, &found))
        return false;
    *ret_used = found->total > 0;
    return true;
}

bool kdm_profile_users(struct kdm_tx *tx, struct kdm_str profile, size_t most,
                       struct kdm_str_list *ret_ids, bool *ret_all)
{
    const struct kdm_found *found;

    if (!find(tx, KDM_SECURITY_USERS, "profileIds", profile, (int64_t)most, &found))
        return false;
    ret_ids->count = found->page_count;
    ret_ids->items =
        kdm_arena_alloc(kdm_tx_arena(tx), found->page_count * sizeof(struct kdm_str) + 1);
    for (size_t i = 0; i < found->page_count; i++)
        ret_ids->items[i] = found->hits[i].id;
    *ret_all = found->total == found->page_count;
    return true;
}

bool kdm_security_admin_exists(struct kdm_tx *tx, bool *ret_exists)
{
    return kdm_profile_in_use(tx, KDM_STR("admin"), ret_exists);
}
