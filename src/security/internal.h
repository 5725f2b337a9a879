/* internal.h - what the files of security/ share.
 *   layout.c    where everything lies, and what is there from the start
 *   model.c     users, profiles and roles as documents; model_check.c: what is a valid one
 *   grants.c    what profiles give; rights.c: the same compiled; rights_list.c: as a list
 *   jwt.c       signed tokens; token.c: their documents; sweep.c: those that are over
 *   strategy.c  ways to log in; local.c: the strategy "local"; password.c: its hashes;
 *               policy.c: what it demands of passwords; brute.c: guessing
 *   session.c   verified tokens, kept; verify.c: is this token good?
 *   guard.c     what the API asks; load.c: reading what is not kept; changes.c: what makes it
 *               forget
 *   caller.c    what actions ask of their caller
 *   security.c  life; prepare.c: what a start looks at
 */
#ifndef KDM_SECURITY_INTERNAL_H
#define KDM_SECURITY_INTERNAL_H

#include "api/context.h"
#include "security/jwt.h"
#include "security/layout.h"
#include "security/security.h"

/* The process's security. */
struct kdm_security *kdm_security_of(struct kdm_tx *tx);
const struct kdm_security_options *kdm_security_options_of(struct kdm_tx *tx);

/* What tokens are signed with: the option's secret or the stored one. */
bool kdm_security_key(struct kdm_tx *tx, struct kdm_jwt_key *ret_key);
/* What tokens for new passwords are signed with. */
bool kdm_security_reset_key(struct kdm_tx *tx, struct kdm_jwt_key *ret_key);

#endif
