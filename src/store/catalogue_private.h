/* catalogue_private.h - making catalogue entries; for src/store only. */
#ifndef KDM_STORE_CATALOGUE_PRIVATE_H
#define KDM_STORE_CATALOGUE_PRIVATE_H

#include "store/catalogue.h"

/* The caller owns one reference. */
struct kdm_index *kdm_catalogue_index(struct kdm_str name);

/* From what Redis holds; takes its own reference of `index`. NULL when the texts are not ours (a newer kdm's, or
 * damaged): said in the log by the caller. */
struct kdm_collection *kdm_catalogue_collection(struct kdm_index *index, struct kdm_str name,
                                             struct kdm_str check, struct kdm_str definition);

/* The key of a collection's documents; the caller frees its ptr. */
struct kdm_str kdm_docs_key(const struct kdm_index *index, struct kdm_str incarnation);

#endif
