/* jwt.h - JSON Web Tokens, signed with a shared secret.
 * Only what was signed with our key and our algorithm is believed: a token that names another one
 * ("none" among them) is as bad as one with a wrong signature. Pure functions over an arena, any
 * thread.
 */
#ifndef KDM_SECURITY_JWT_H
#define KDM_SECURITY_JWT_H

#include "json/json.h"

#define KDM_JWT_MAX 8192 /* bytes of a token; longer ones are bad */

struct kdm_jwt_key {
    const char *algorithm; /* "HS256", "HS384" or "HS512" */
    struct kdm_str secret;
};

enum kdm_jwt_verdict { KDM_JWT_GOOD, KDM_JWT_BAD, KDM_JWT_EXPIRED };

/* header.payload.signature of a JSON object. */
struct kdm_str kdm_jwt_sign(struct kdm_arena *arena, const struct kdm_jwt_key *key,
                            struct kdm_str payload);

/* Checks signature and `exp` (seconds); *ret_payload is set when GOOD, an object. */
enum kdm_jwt_verdict kdm_jwt_verify(struct kdm_arena *arena, const struct kdm_jwt_key *key,
                                    struct kdm_str token, int64_t now_ms,
                                    struct kdm_val *ret_payload);

#endif
