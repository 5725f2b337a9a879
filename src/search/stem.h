/* stem.h - words in their basic form, for the analyzers of languages; private to search/.
 * Stems are libstemmer's. One thread at a time.
 */
#ifndef KDM_SEARCH_STEM_H
#define KDM_SEARCH_STEM_H

#include "store/mapping.h"

struct sb_stemmer;

struct kdm_stemmer {
    struct kdm_arena *arena;
    enum kdm_analyzer analyzer;
    struct sb_stemmer *snowball;
};

/* For KDM_ANALYZER_ENGLISH or FRENCH. */
void kdm_stemmer_init(struct kdm_stemmer *stemmer, struct kdm_arena *arena,
                      enum kdm_analyzer analyzer);
void kdm_stemmer_fini(struct kdm_stemmer *stemmer);

/* The stem of a word in lower case; none: it is a stop word. */
struct kdm_str kdm_stemmer_apply(struct kdm_stemmer *stemmer, struct kdm_str word);

#endif
