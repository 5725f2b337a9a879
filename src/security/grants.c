/* grants.c - see grants.h. */
#include "security/grants.h"

static bool read_all(struct kdm_tx *tx, enum kdm_security_collection which,
                     const struct kdm_str_list *ids, struct kdm_doc_list *ret_docs)
{
    struct kdm_collection *collection;

    if (!kdm_security_collection(tx, which, &collection))
        return false;
    for (size_t i = 0; i < ids->count; i++)
        kdm_tx_want(tx, collection, ids->items[i]);
    ret_docs->items = kdm_arena_alloc(kdm_tx_arena(tx), ids->count * sizeof(struct kdm_doc *) + 1);
    ret_docs->count = 0;
    for (size_t i = 0; i < ids->count; i++) {
        struct kdm_doc *doc;

        if (!kdm_tx_read(tx, collection, ids->items[i], &doc))
            return false;
        if (doc == NULL)
            continue;
        kdm_doc_source(tx, doc);
        ret_docs->items[ret_docs->count++] = doc;
    }
    return true;
}

bool kdm_profiles_read(struct kdm_tx *tx, const struct kdm_str_list *ids,
                       struct kdm_doc_list *ret_profiles)
{
    return read_all(tx, KDM_SECURITY_PROFILES, ids, ret_profiles);
}

static struct kdm_val policies_of(const struct kdm_doc *profile)
{
    return kdm_val_get(profile->source, KDM_STR("policies"));
}

static size_t count_policies(const struct kdm_doc_list *profiles)
{
    size_t count = 0;

    for (size_t i = 0; i < profiles->count; i++)
        count += kdm_val_count(policies_of(profiles->items[i]));
    return count;
}

struct kdm_str_list kdm_profiles_roles(struct kdm_arena *arena, const struct kdm_doc_list *profiles)
{
    struct kdm_str_list list = { 0 };
    struct kdm_val_iter it;
    struct kdm_val policy;

    list.items = kdm_arena_alloc(arena, count_policies(profiles) * sizeof(*list.items) + 1);
    for (size_t i = 0; i < profiles->count; i++) {
        kdm_elements(&it, policies_of(profiles->items[i]));
        while (kdm_element_next(&it, &policy)) {
            struct kdm_str id = kdm_val_str(arena, kdm_val_get(policy, KDM_STR("roleId")));
            size_t known = 0;

            while (known < list.count && !kdm_str_eq(list.items[known], id))
                known++;
            if (known == list.count && id.len > 0)
                list.items[list.count++] = id;
        }
    }
    return list;
}

static struct kdm_val role_of(struct kdm_val policy, const struct kdm_doc_list *roles)
{
    struct kdm_val id = kdm_val_get(policy, KDM_STR("roleId"));

    for (size_t i = 0; i < roles->count; i++) {
        if (kdm_val_str_eq(id, roles->items[i]->id))
            return roles->items[i]->source;
    }
    return KDM_VAL_NONE;
}

/* Puts a profile's policies behind those that are there. */
static void add_policies(struct kdm_grants *grants, const struct kdm_doc *profile,
                         const struct kdm_doc_list *roles)
{
    struct kdm_val_iter it;
    struct kdm_val policy;

    for (kdm_elements(&it, policies_of(profile)); kdm_element_next(&it, &policy);) {
        struct kdm_val role = role_of(policy, roles);

        if (!kdm_val_none(role))
            grants->items[grants->count++] =
                (struct kdm_grant){ role, kdm_val_get(policy, KDM_STR("restrictedTo")) };
    }
}

bool kdm_grants_read(struct kdm_tx *tx, const struct kdm_str_list *profile_ids,
                     struct kdm_grants *ret_grants)
{
    struct kdm_arena *arena = kdm_tx_arena(tx);
    struct kdm_doc_list roles;
    struct kdm_str_list ids;

    if (!kdm_profiles_read(tx, profile_ids, &ret_grants->profiles))
        return false;
    ids = kdm_profiles_roles(arena, &ret_grants->profiles);
    if (!read_all(tx, KDM_SECURITY_ROLES, &ids, &roles))
        return false;
    ret_grants->count = 0;
    ret_grants->items = kdm_arena_alloc(
        arena, count_policies(&ret_grants->profiles) * sizeof(*ret_grants->items) + 1);
    for (size_t i = 0; i < ret_grants->profiles.count; i++)
        add_policies(ret_grants, ret_grants->profiles.items[i], &roles);
    return true;
}

struct kdm_rights *kdm_grants_compile(const struct kdm_grants *grants,
                                      const struct kdm_protocol *protocol)
{
    struct kdm_rights *rights = kdm_rights_create(protocol);

    for (size_t i = 0; i < grants->profiles.count; i++)
        kdm_rights_add_limit(rights,
                             kdm_val_get(grants->profiles.items[i]->source, KDM_STR("rateLimit")));
    for (size_t i = 0; i < grants->count; i++)
        kdm_rights_add(rights, grants->items[i].role, grants->items[i].restricted_to);
    return rights;
}
