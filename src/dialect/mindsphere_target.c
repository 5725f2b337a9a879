/* mindsphere_target.c - the type that a request names, and whether it may be read or written. Asset
 * types and aspect types are checked in the same order: token, visibility, whose it is, whether it
 * is there, precondition; so a stale client learns that it is stale before its body is looked at.
 */
#include "dialect/mindsphere.h"
#include "store/names.h"

/* A type that the caller does not see is none. */
static bool find_target(struct kdm_tx *tx, const struct kdm_args *args, enum kdm_dm_kind kind,
                        bool writes, struct kdm_ms_target *target, bool *ret_done)
{
    *target = (struct kdm_ms_target){ .id = kdm_door_param(args->call, KDM_STR("id")) };
    *ret_done = true;
    if (!kdm_ms_enter(tx, args, target->id, &target->caller))
        return false;
    *ret_done = false;
    if (writes)
        kdm_dm_engine_want(tx, target->caller.tenant);
    if (!kdm_ms_read_world(tx, &target->caller, writes, &target->world))
        return false;
    target->type = kdm_ms_find(
        kind == KDM_DM_ASSET ? &target->world.assets : &target->world.aspects, target->id);
    if (target->type != NULL && !kdm_ms_visible(&target->world, target->type, &target->caller))
        target->type = NULL;
    *ret_done = true;
    return true;
}

static bool is_there(struct kdm_tx *tx, const struct kdm_args *args,
                     const struct kdm_ms_target *target)
{
    if (target->type != NULL)
        return true;
    kdm_ms_fail(tx, args, KDM_MS_NO_MATCH, "there is no " KDM_FMT, KDM_ARG(target->id));
    return false;
}

/* Types of the core, of others, and of tenants that can't be are not written. */
static bool is_writable(struct kdm_tx *tx, const struct kdm_args *args,
                        const struct kdm_ms_target *target)
{
    struct kdm_str prefix = kdm_ms_prefix(target->id);

    if (!kdm_str_eq(prefix, KDM_STR("core")) && kdm_str_eq(prefix, target->caller.tenant)
        && kdm_name_valid(prefix))
        return true;
    kdm_ms_fail(tx, args, KDM_MS_FORBIDDEN, "types of " KDM_FMT " can not be changed by you",
                KDM_ARG(prefix));
    return false;
}

bool kdm_ms_target_to_read(struct kdm_tx *tx, const struct kdm_args *args, enum kdm_dm_kind kind,
                           struct kdm_ms_target *ret_target, bool *ret_done)
{
    return find_target(tx, args, kind, false, ret_target, ret_done)
           && is_there(tx, args, ret_target)
           && !kdm_ms_not_modified(tx, args, ret_target->type->etag);
}

bool kdm_ms_target_to_write(struct kdm_tx *tx, const struct kdm_args *args, enum kdm_dm_kind kind,
                            bool creates, struct kdm_ms_target *ret_target, bool *ret_done)
{
    return find_target(tx, args, kind, true, ret_target, ret_done)
           && is_writable(tx, args, ret_target) && (creates || is_there(tx, args, ret_target))
           && kdm_ms_may_lock(tx, args, ret_target->type == NULL ? -1 : ret_target->type->etag,
                              creates);
}
