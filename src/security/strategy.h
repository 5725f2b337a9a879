/* strategy.h - ways to prove who one is. There is one, "local": a username and a password.
 * The calls read and stage; the caller commits. They return false for "wait" and for failures
 * (tx.h). A password is hashed on the thread pool (kdm_tx_work), never on the loop. Loop thread
 * only.
 */
#ifndef KDM_SECURITY_STRATEGY_H
#define KDM_SECURITY_STRATEGY_H

#include "security/layout.h"

struct kdm_strategy {
    const char *name;
    const char *fields_json; /* ["username","password"] */

    /* Has the user credentials? */
    bool (*exists)(struct kdm_tx *tx, struct kdm_str kuid, bool *ret_exists);
    /* Are these fit to be stored? `update`: they change what is there. Policies of passwords
     * included. */
    bool (*validate)(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_val credentials,
                     bool update);
    /* Validates and stages; *ret_info is what is shown of them: {"username":..,"kuid":..}. A new
     * password revokes the user's tokens (token.h) unless there were no credentials before. */
    bool (*create)(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_val credentials,
                   struct kdm_str *ret_info);
    bool (*update)(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_val credentials,
                   struct kdm_str *ret_info);
    /* Fails with 412 when there are none. */
    bool (*remove)(struct kdm_tx *tx, struct kdm_str kuid);
    bool (*info)(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_str *ret_info);
    /* By the name that the strategy knows (local: the username). */
    bool (*by_id)(struct kdm_tx *tx, struct kdm_str id, struct kdm_str *ret_info);
    /* Whose credentials are these? `credentials` is the body of a login, `args` the request: what
     * is in neither is missing. Fails with 401 plugin.strategy.missing_user. */
    bool (*verify)(struct kdm_tx *tx, struct kdm_val credentials, struct kdm_val args,
                   struct kdm_str *ret_kuid);
};

/* Static, NULL-terminated. */
extern const struct kdm_strategy *const kdm_strategies[];

/* Fails with 400 security.credentials.unknown_strategy. */
bool kdm_strategy_get(struct kdm_tx *tx, struct kdm_str name,
                      const struct kdm_strategy **ret_strategy);

/* Appends the names of those that the user has credentials for: ["local"]. */
bool kdm_strategies_of(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_buf *buf,
                       size_t *ret_count);

/* Stages the end of all credentials of a user who has some (deleteUser). */
bool kdm_strategies_remove_all(struct kdm_tx *tx, struct kdm_str kuid);

/* Are these the user's, in `requirePassword` configurations? auth:updateMyCredentials and
 * deleteMyCredentials ask with body.currentPassword; true when it is not required. */
bool kdm_local_check_current(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_val body);

#endif
