/* verify.h - is this token good? Read from Redis, in a transaction: private to security/ and the
 * actions of auth. Loop thread only. */
#ifndef KDM_SECURITY_VERIFY_H
#define KDM_SECURITY_VERIFY_H

#include "security/layout.h"

/* What a good token says; texts are of the transaction's arena. kuid and id are set as soon as they
 * are known. */
struct kdm_verdict {
    struct kdm_str id;   /* "t<jti>" of a token, "k<key id>" of an API key */
    struct kdm_str text; /* the token itself */
    struct kdm_str kuid;
    int64_t expires_at; /* wall clock ms; -1: never */
    int64_t ttl_ms;
    uint64_t generation;
    bool single_use; /* its end is staged: it is good only if the transaction commits */
    bool refreshed;  /* it has a successor: it may not be refreshed again */
};

/* *ret_good: it was signed by us, has not ended, its document says the same, and its user exists.
 * false: wait. */
bool kdm_token_verify(struct kdm_tx *tx, struct kdm_str token, struct kdm_verdict *ret_verdict,
                      bool *ret_good);

#endif
