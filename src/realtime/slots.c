/* slots.c - see slots.h. At most 3/4 full; a removal shifts the followers back, so lookups stay
 * short however much came and went. It gives memory back when it is nearly empty.
 */
#include "realtime/slots.h"
#include "base/arena.h"
#include "base/err.h"
#include <stdlib.h>

#define SMALLEST 4u

void kdm_slots_fini(struct kdm_slots *slots)
{
    free(slots->slots);
    *slots = (struct kdm_slots){ 0 };
}

static void put(struct kdm_slots *slots, uint64_t hash, void *item)
{
    uint32_t at = kdm_slots_home(slots, hash);

    while (slots->slots[at].item != NULL)
        at = (at + 1) & slots->mask;
    slots->slots[at] = (struct kdm_slot){ hash, item };
}

static void resize(struct kdm_slots *slots, uint32_t size)
{
    struct kdm_slots old = *slots;

    slots->slots = kdm_zalloc(size * sizeof(*slots->slots));
    slots->mask = size - 1;
    for (uint32_t i = 0; old.slots != NULL && i <= old.mask; i++)
        if (old.slots[i].item != NULL)
            put(slots, old.slots[i].hash, old.slots[i].item);
    free(old.slots);
}

void kdm_slots_add(struct kdm_slots *slots, uint64_t hash, void *item)
{
    if (slots->slots == NULL)
        resize(slots, SMALLEST);
    else if (4 * (slots->count + 1) > 3 * (slots->mask + 1))
        resize(slots, 2 * (slots->mask + 1));
    put(slots, hash, item);
    slots->count++;
}

/* May what has its home at `home` stand at `hole`, when it stands at `at` now? */
static bool may_move(uint32_t home, uint32_t hole, uint32_t at, uint32_t mask)
{
    return ((at - home) & mask) >= ((at - hole) & mask);
}

void kdm_slots_remove(struct kdm_slots *slots, uint64_t hash, const void *item)
{
    uint32_t hole = kdm_slots_home(slots, hash), at;

    while (slots->slots[hole].item != item) {
        KDM_ASSERT(slots->slots[hole].item != NULL);
        hole = (hole + 1) & slots->mask;
    }
    for (at = (hole + 1) & slots->mask; slots->slots[at].item != NULL;
         at = (at + 1) & slots->mask) {
        if (!may_move(kdm_slots_home(slots, slots->slots[at].hash), hole, at, slots->mask))
            continue;
        slots->slots[hole] = slots->slots[at];
        hole = at;
    }
    slots->slots[hole].item = NULL;
    slots->count--;
    if (slots->count == 0)
        kdm_slots_fini(slots);
    else if (slots->mask + 1 > SMALLEST && 8 * slots->count < slots->mask + 1)
        resize(slots, (slots->mask + 1) / 2);
}
