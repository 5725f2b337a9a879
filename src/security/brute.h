/* brute.h - how often somebody's password may be guessed.
 * After too many wrong ones within a minute only one attempt in some seconds is looked at, whoever
 * makes it, so that guessing gets nowhere and the owner is not locked out. A look takes a while: of
 * attempts that are under way when the last free one was wrong nobody hears what they found.
 * Counted by a keyed hash of the name in a table of fixed size: two names may share a place, which
 * makes both a little stricter. Of this process. Loop thread only.
 */
#ifndef KDM_SECURITY_BRUTE_H
#define KDM_SECURITY_BRUTE_H

#include "base/hash.h"
#include <stdbool.h>

struct kdm_brute;

struct kdm_brute *kdm_brute_create(const struct kdm_hash_seed *seed);
void kdm_brute_destroy(struct kdm_brute *brute); /* NULL is fine */

/* May this name's password be looked at now? Counts as the one attempt that it allows; *ret_slow:
 * as the one of some seconds. */
bool kdm_brute_allows(struct kdm_brute *brute, struct kdm_str name, int64_t now_ms, bool *ret_slow);
/* It was looked at: may it be told whether it was right? */
bool kdm_brute_tells(struct kdm_brute *brute, struct kdm_str name, bool slow);
/* It was wrong, and that is told. */
void kdm_brute_failed(struct kdm_brute *brute, struct kdm_str name, int64_t now_ms);
/* It was right: what was wrong before is forgotten. */
void kdm_brute_succeeded(struct kdm_brute *brute, struct kdm_str name);

#endif
