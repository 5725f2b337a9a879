/* brute.h - how often somebody's password may be guessed.
 * After too many wrong ones within a minute only one attempt in some seconds is looked at, whoever
 * makes it, so that guessing gets nowhere and the owner is not locked out. Counted by a keyed hash
 * of the name in a table of fixed size: two names may share a place, which makes both a little
 * stricter. Of this process. Loop thread only.
 */
#ifndef KDM_SECURITY_BRUTE_H
#define KDM_SECURITY_BRUTE_H

#include "base/hash.h"
#include <stdbool.h>

struct kdm_brute;

struct kdm_brute *kdm_brute_create(const struct kdm_hash_seed *seed);
void kdm_brute_destroy(struct kdm_brute *brute); /* NULL is fine */

/* May this name's password be looked at now? Counts as the one attempt that it allows. */
bool kdm_brute_allows(struct kdm_brute *brute, struct kdm_str name, int64_t now_ms);
/* It was wrong. */
void kdm_brute_failed(struct kdm_brute *brute, struct kdm_str name, int64_t now_ms);
/* It was right: what was wrong before is forgotten. */
void kdm_brute_succeeded(struct kdm_brute *brute, struct kdm_str name);

#endif
