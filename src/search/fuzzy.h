/* fuzzy.h - words that are a few letters apart.
 * The distance counts characters (not bytes) that are inserted, left out or replaced, and, when
 * asked for, two neighbours that are swapped; at most 2, so a comparison costs the word's length
 * times 5. Pure, any thread.
 */
#ifndef KDM_SEARCH_FUZZY_H
#define KDM_SEARCH_FUZZY_H

#include "base/arena.h"
#include <stdint.h>

#define KDM_FUZZY_MAX_EDITS 2
#define KDM_FUZZY_MAX_WORD  256 /* characters; only equal words are like a longer one */

struct kdm_fuzzy; /* immutable, in its arena */

/* `prefix` characters at the begin must be the same. */
struct kdm_fuzzy *kdm_fuzzy_create(struct kdm_arena *arena, struct kdm_str word, unsigned edits,
                                   size_t prefix, bool swaps);

/* `text` must be valid UTF-8. */
bool kdm_fuzzy_match(const struct kdm_fuzzy *fuzzy, struct kdm_str text);
/* How much of a match it is: 1 when equal, less by each edit's part of the shorter one, 0 when they
 * have nothing in common or are no match. */
float kdm_fuzzy_likeness(const struct kdm_fuzzy *fuzzy, struct kdm_str text);

#endif
