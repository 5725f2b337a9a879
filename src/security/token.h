/* token.h - tokens and API keys: made, told, revoked.
 * A token is "kauth-" or "kapikey-" and a JWT (HS256) with {_id: kuid, jti, iat, exp?, key?: id of
 * the API key}; what makes it valid is its document (layout.h), so deleting that revokes it on all
 * nodes. All stage; the caller commits. Loop thread only.
 */
#ifndef KDM_SECURITY_TOKEN_H
#define KDM_SECURITY_TOKEN_H

#include "security/layout.h"

/* `expiresIn` of a request: a number of ms or a duration text ("1h"); absent: `absent_ms`. -1:
 * never. Fails with 400 api.assert.invalid_argument, or security.token.ttl_exceeded above
 * max_ttl_ms (-1: no limit). */
bool kdm_token_ttl(struct kdm_tx *tx, struct kdm_val expires_in, int64_t absent_ms,
                   int64_t max_ttl_ms, int64_t *ret_ttl_ms);

struct kdm_token {
    struct kdm_str text; /* with its prefix */
    struct kdm_str jti;  /* id of its document */
    int64_t expires_at;  /* ms; -1: never */
    int64_t ttl_ms;      /* -1 */
    int64_t generation;  /* layout.h */
};

/* Is the caller's token of its user's present generation? Asked before he is given another for it,
 * so that none survives a revocation (a new password, revokeTokens) which this node has not heard
 * of, or which happens meanwhile: the commit rests on what is read here. Fails with 401
 * security.token.invalid. */
bool kdm_token_assert_current(struct kdm_tx *tx);

/* Is a token, by its document, of a generation before its user's present one? Then it is dead for
 * good. Not checked at commit. */
bool kdm_token_outdated(struct kdm_tx *tx, struct kdm_val source, bool *ret_outdated);

/* Stages a token of the user. `name` tells apart two of one transaction. */
bool kdm_token_create(struct kdm_tx *tx, struct kdm_str name, struct kdm_str kuid, int64_t ttl_ms,
                      bool single_use, struct kdm_token *ret_token);

/* Stages a successor of a token and the end of the token itself, which is good for a while still
 * (gracePeriod). Its connections, on all nodes, have the successor from then on. Fails with 401
 * security.token.invalid when it has one already. */
struct kdm_verdict;
bool kdm_token_refresh(struct kdm_tx *tx, const struct kdm_verdict *token, int64_t ttl_ms,
                       struct kdm_token *ret_token);

/* {"_id":kuid,"expiresAt":..,"jwt":..,"ttl":..}: result of a login. */
struct kdm_str kdm_token_login_result(struct kdm_tx *tx, struct kdm_str kuid,
                                      const struct kdm_token *token, bool with_text);

/* Stages an API key; *ret_result is the reply, its token included: {"_id","_source":{..,"token"}}.
 * id none: generated. An id that is taken fails at the commit. */
bool kdm_api_key_create(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_str id,
                        struct kdm_str description, int64_t ttl_ms, struct kdm_str *ret_result);

/* Stages its end; 404 services.storage.not_found when it is not there or another user's. */
bool kdm_api_key_delete(struct kdm_tx *tx, struct kdm_str kuid, struct kdm_str id);

/* Stages the end of one token, by its document's id; one that is gone already is fine. */
bool kdm_token_revoke(struct kdm_tx *tx, struct kdm_str jti);

/* Stages the end of all tokens of a user; keys_too: of its API keys as well (their documents too).
 */
bool kdm_tokens_revoke(struct kdm_tx *tx, struct kdm_str kuid, bool keys_too);

/* Stages the end of everybody's tokens and API keys (admin:resetSecurity). */
bool kdm_tokens_revoke_everything(struct kdm_tx *tx);

#endif
