/* rights.h - what a set of profiles allows, compiled.
 * A request is allowed when any policy of any profile allows it: its role names the action
 * (kuzzle-semantics.md 4.6: an exact controller hides "*", so does an exact action) and what the
 * policy is restricted to holds what the request is about. For the actions of our table that is
 * worked out once, so that a check is one look into an array unless restrictions decide; for names
 * that nobody knows the roles are asked. Pure, any thread; shared by reference count.
 */
#ifndef KDM_SECURITY_RIGHTS_H
#define KDM_SECURITY_RIGHTS_H

#include "api/action.h"

struct kdm_rights;

/* None yet: nothing is allowed. One reference, the caller's. protocol is lent. */
struct kdm_rights *kdm_rights_create(const struct kdm_protocol *protocol);

/* Adds a policy: the source of its role, and its restrictedTo (an array, NONE: none). Copies both.
 */
void kdm_rights_add(struct kdm_rights *rights, struct kdm_val role, struct kdm_val restricted_to);

/* Adds a profile's rateLimit (requests a second; 0, the default: no limit). Of several the most
 * generous counts. */
void kdm_rights_add_limit(struct kdm_rights *rights, struct kdm_val rate_limit);
/* 0: no limit. */
int64_t kdm_rights_limit(const struct kdm_rights *rights);

struct kdm_rights *kdm_rights_ref(struct kdm_rights *rights);
void kdm_rights_unref(struct kdm_rights *rights); /* NULL is fine */

struct kdm_rights_question {
    const struct kdm_action *action; /* NULL: not of our table; then by these names */
    struct kdm_str controller, name;
    struct kdm_val index, collection; /* as the request has them */
    struct kdm_val tenant;   /* security.strictTenants: engineId, which is restricted likewise */
    struct kdm_val targets;  /* [{index, collections}]; counts where the action takes them */
    struct kdm_arena *arena; /* for names that are written with escapes */
};

bool kdm_rights_allow(const struct kdm_rights *rights, const struct kdm_rights_question *question);

/* Does a role, by its source, allow the action? */
bool kdm_role_allows(struct kdm_val role, struct kdm_str controller, struct kdm_str action);

#endif
