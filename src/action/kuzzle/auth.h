/* auth.h - what the actions of `auth` and of the passwords' own controller share. Loop thread only.
 */
#ifndef KDM_ACTION_KUZZLE_AUTH_H
#define KDM_ACTION_KUZZLE_AUTH_H

#include "action/kuzzle/target.h"
#include "security/security.h"

/* kuid of whoever asks; "-1" when that is nobody. */
struct kdm_str kdm_auth_caller(struct kdm_tx *tx);

/* The end of a login: commits what is staged together with a new token, and replies with it, or
 * sets it as a cookie. */
enum kdm_outcome kdm_auth_give_token(struct kdm_tx *tx, struct kdm_str kuid, int64_t ttl_ms,
                                     bool cookie);

#endif
