/* slots.h - a table from hashes to things: what the matcher's indexes are made of.
 * Open addressing; several things may have the same hash, and what a thing is called is its owner's
 * business: kdm_slots_next() gives those with the hash, the owner compares. Private to realtime/.
 */
#ifndef KDM_REALTIME_SLOTS_H
#define KDM_REALTIME_SLOTS_H

#include <stddef.h>
#include <stdint.h>

struct kdm_slot {
    uint64_t hash;
    void *item; /* NULL: free */
};

/* All zero is an empty table that has taken no memory. */
struct kdm_slots {
    struct kdm_slot *slots;
    uint32_t mask; /* slots - 1 */
    uint32_t count;
};

void kdm_slots_fini(struct kdm_slots *slots);
void kdm_slots_add(struct kdm_slots *slots, uint64_t hash, void *item);
/* The item must be there. */
void kdm_slots_remove(struct kdm_slots *slots, uint64_t hash, const void *item);

/* Where to look for a hash; spread, because hashes of small numbers are small numbers. */
static inline uint32_t kdm_slots_home(const struct kdm_slots *slots, uint64_t hash)
{
    return (uint32_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & slots->mask;
}

/* The next item with that hash, or NULL. Start with *at = kdm_slots_home(). The table must not be
 * changed meanwhile. */
static inline void *kdm_slots_next(const struct kdm_slots *slots, uint64_t hash, uint32_t *at)
{
    const struct kdm_slot *slot;

    if (slots->count == 0)
        return NULL;
    for (; (slot = &slots->slots[*at])->item != NULL; *at = (*at + 1) & slots->mask) {
        if (slot->hash == hash) {
            *at = (*at + 1) & slots->mask;
            return slot->item;
        }
    }
    return NULL;
}

#endif
