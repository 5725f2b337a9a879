/* hash.h - a seeded hash, for tables whose keys come from outside. Any thread. */
#ifndef KDM_BASE_HASH_H
#define KDM_BASE_HASH_H

#include "base/str.h"
#include <stdint.h>

struct kdm_hash_seed {
    uint64_t k0, k1;
};

/* SipHash-1-3 of `s`. */
uint64_t kdm_hash(const struct kdm_hash_seed *seed, struct kdm_str s);

/* A string-keyed table of pointers, open addressing, keys copied. */
struct kdm_table;

struct kdm_table *kdm_table_create(const struct kdm_hash_seed *seed);
/* Calls free_value for each value when not NULL. NULL table is fine. */
void kdm_table_destroy(struct kdm_table *table, void (*free_value)(void *value));
/* NULL when absent. */
void *kdm_table_get(const struct kdm_table *table, struct kdm_str key);
/* Returns the value that was replaced, or NULL. `value` must not be NULL. */
void *kdm_table_put(struct kdm_table *table, struct kdm_str key, void *value);
/* Returns the removed value, or NULL. */
void *kdm_table_remove(struct kdm_table *table, struct kdm_str key);
size_t kdm_table_count(const struct kdm_table *table);
/* Walks in no particular order; start with *cursor = 0. false at the end. The table must
 * not be changed meanwhile. */
bool kdm_table_next(const struct kdm_table *table, size_t *cursor, struct kdm_str *ret_key,
                    void **ret_value);

#endif
