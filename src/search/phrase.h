/* phrase.h - words near each other; private to search/. Pure. */
#ifndef KDM_SEARCH_PHRASE_H
#define KDM_SEARCH_PHRASE_H

#include "base/arena.h"

/* Is the text's word at `at` the phrase's word `slot`? */
typedef bool kdm_phrase_fits_fn(void *ctx, size_t slot, size_t at);

/* How many places of a text of `count` words have the phrase, its words in order and moved by at
 * most `slop` places altogether, as Lucene counts: each word's place is taken less its slot, and
 * the greatest may exceed the smallest by `slop`. A word of the text stands for one slot only. With
 * `first_only` it stops at the first. `scratch` is where it works when slop > 0. */
size_t kdm_phrase_count(struct kdm_arena *scratch, kdm_phrase_fits_fn *fits, void *ctx,
                        size_t slots, size_t count, size_t slop, bool first_only);

#endif
