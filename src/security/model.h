/* model.h - users, profiles and roles as documents: what is a valid one, and how they hang
 * together. The checks fail the transaction with the errors of kuzzle-core-api.json; they return
 * false also for "wait" (tx.h). What they accept is stored as it came. Loop thread only.
 */
#ifndef KDM_SECURITY_MODEL_H
#define KDM_SECURITY_MODEL_H

#include "security/layout.h"

#define KDM_ANONYMOUS KDM_STR("-1")

/* "anonymous" is another name of "-1". */
struct kdm_str kdm_user_id(struct kdm_str id);

/* A user as _source. Anonymous is there always, though stored nowhere. *ret_source NONE: no such
 * user; kdm_user_get() fails with 404 security.user.not_found instead. */
bool kdm_user_find(struct kdm_tx *tx, struct kdm_str id, struct kdm_val *ret_source);
bool kdm_user_get(struct kdm_tx *tx, struct kdm_str id, struct kdm_val *ret_source);

/* "kuid-<adjective>-<name>-<number>", or "kuid-<uuid>" (kuid:"uuid"); the same in every replay. */
struct kdm_str kdm_user_new_id(struct kdm_tx *tx, bool uuid);

/* profileIds of a user: an array of names of profiles that are there, else 400 or 404
 * security.profile.not_found. `argument` names it in errors ("body.content.profileIds"). */
bool kdm_user_check_profiles(struct kdm_tx *tx, struct kdm_str argument,
                             struct kdm_val profile_ids);

/* {"_id":..,"_source":..}: how users, profiles and roles stand in replies. */
struct kdm_str kdm_security_item(struct kdm_arena *arena, struct kdm_str id, struct kdm_str source);

/* A role's definition: `body` as createRole, createOrReplaceRole and updateRole bring it. force:
 * controllers that nobody knows are let through (actions of a known controller never are). */
bool kdm_role_check(struct kdm_tx *tx, struct kdm_str id, struct kdm_val body, bool force);

/* A profile's: its roles must exist. strict: so must what it is restricted to. */
bool kdm_profile_check(struct kdm_tx *tx, struct kdm_str id, struct kdm_val body, bool strict);

/* admin, default, anonymous: may be changed, never deleted. */
bool kdm_security_is_protected(struct kdm_str id);

/* Has any profile the role, any user the profile? Checked: what is decided on it holds at commit. A
 * caller with several asks for all before it waits. */
bool kdm_role_in_use(struct kdm_tx *tx, struct kdm_str role, bool *ret_used);
bool kdm_profile_in_use(struct kdm_tx *tx, struct kdm_str profile, bool *ret_used);
/* The ids of at most `most` users of the profile, and whether these are all; checked. */
bool kdm_profile_users(struct kdm_tx *tx, struct kdm_str profile, size_t most,
                       struct kdm_str_list *ret_ids, bool *ret_all);

/* Is there a user with the profile admin? Checked. */
bool kdm_security_admin_exists(struct kdm_tx *tx, bool *ret_exists);

/* What getMyRights, getUserRights and getProfileRights reply of these profiles:
 * {"hits":[{"controller","action","index","collection","value"}],"total":n}. Profiles that are not
 * there are passed over. */
bool kdm_rights_list(struct kdm_tx *tx, const struct kdm_str_list *profile_ids,
                     struct kdm_str *ret_result);

/* May a user of these profiles do what `payload` ({controller, action, index?, collection?,
 * targets?}) asks? Fails with 400 when controller or action is missing (named body.controller,
 * body.action). */
bool kdm_rights_check_payload(struct kdm_tx *tx, struct kdm_val user_source, struct kdm_val payload,
                              bool *ret_allowed);

/* The profileIds of a user's source, in the arena. */
struct kdm_str_list kdm_user_profiles(struct kdm_arena *arena, struct kdm_val source);

#endif
