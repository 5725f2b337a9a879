/* doc_map.h - numbers by document: what was read, staged and written in one transaction.
 * Few in most actions, thousands in m* actions: a list that is searched, and a hash once it is
 * long. Lives in the transaction's arena. Loop thread only.
 */
#ifndef KDM_TX_DOC_MAP_H
#define KDM_TX_DOC_MAP_H

#include "base/arena.h"
#include "base/hash.h"
#include "store/catalogue.h"

#define KDM_DOC_MAP_NONE UINT32_MAX

struct kdm_doc_map_entry {
    struct kdm_str docs_key, id; /* lent */
    uint64_t hash;               /* once there are many */
    uint32_t value;
};

/* All zero is an empty one. */
struct kdm_doc_map {
    struct kdm_doc_map_entry *entries;
    uint32_t count, cap;
    uint32_t *slots; /* place in entries + 1, 0: free; NULL while there are few */
    uint32_t slot_count;
};

/* KDM_DOC_MAP_NONE when the document is not in it. */
uint32_t kdm_doc_map_find(const struct kdm_doc_map *map, const struct kdm_hash_seed *seed,
                          const struct kdm_collection *collection, struct kdm_str id);

/* The document must not be in it yet; `id` must outlive the map's use. */
void kdm_doc_map_add(struct kdm_doc_map *map, struct kdm_arena *arena,
                     const struct kdm_hash_seed *seed, const struct kdm_collection *collection,
                     struct kdm_str id, uint32_t value);

/* Empties it, and keeps its memory. */
void kdm_doc_map_clear(struct kdm_doc_map *map);

#endif
