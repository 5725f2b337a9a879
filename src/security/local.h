/* local.h - the strategy "local": a username and a password, and what a configuration says of them
 * (plugins.kuzzle-plugin-auth-passport-local, as the plugin of that name has it). Private to
 * security/ but for the actions of its own controller. Loop thread only.
 *
 *   collection       id        source
 *   local-users      username  {"kuid", "username", "password", "updater", "updatedAt",
 *                               "history":[{"password", "archivedAt"}, ..]}
 *   local-usernames  kuid      {"username"}
 */
#ifndef KDM_SECURITY_LOCAL_H
#define KDM_SECURITY_LOCAL_H

#include "security/strategy.h"

extern const struct kdm_strategy kdm_strategy_local;

/* Do the options make sense? else *ret_error is one line, to be freed. NULL options are fine. */
bool kdm_local_check_options(const json_t *options, char **ret_error);

/* A token with which a user who has credentials can set a new password. 404 when he has none. */
bool kdm_local_reset_token(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_str *ret_token);
/* Stages it; *ret_kuid is whose it is. A token is good for one new password. */
bool kdm_local_reset(struct kdm_tx *tx, struct kdm_str token, struct kdm_str password,
                     struct kdm_str *ret_kuid);

/* --- policy.c: what a password must be ------------------------------------------------------ */

struct kdm_local_user {
    struct kdm_str kuid, username;
    struct kdm_val source; /* of local-users; NONE: none yet */
};

/* Is this password good for the user? Fails with the policy's error. */
bool kdm_policy_check_new(struct kdm_tx *tx, const struct kdm_local_user *user,
                          struct kdm_str username, struct kdm_str password);
/* May he still log in with it? Fails with 401 expired_password or must_change_password. */
bool kdm_policy_check_login(struct kdm_tx *tx, const struct kdm_local_user *user);
/* How many former passwords are to be kept. */
bool kdm_policy_retention(struct kdm_tx *tx, const struct kdm_local_user *user, int64_t *ret_count);

#endif
