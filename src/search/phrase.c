/* phrase.c - see phrase.h. */
#include "search/phrase.h"
#include <stdint.h>

static size_t count_exact(kdm_phrase_fits_fn *fits, void *ctx, size_t slots, size_t count,
                          bool first_only)
{
    size_t found = 0, slot;

    for (size_t at = 0; at + slots <= count && !(first_only && found > 0); at++) {
        for (slot = 0; slot < slots && fits(ctx, slot, at + slot); slot++)
            ;
        found += slot == slots;
    }
    return found;
}

/* Where each slot's words stand. */
struct places {
    uint32_t *at; /* sorted */
    size_t count, next;
};

static struct places *find_places(struct kdm_arena *scratch, kdm_phrase_fits_fn *fits, void *ctx,
                                  size_t slots, size_t count)
{
    struct places *places = kdm_arena_zalloc(scratch, slots * sizeof(*places));

    for (size_t slot = 0; slot < slots; slot++) {
        size_t room = 0;

        for (size_t at = 0; at < count; at++)
            room += fits(ctx, slot, at);
        if (room == 0)
            return NULL;
        places[slot].at = kdm_arena_alloc(scratch, room * sizeof(uint32_t));
        for (size_t at = 0; at < count; at++)
            if (fits(ctx, slot, at))
                places[slot].at[places[slot].count++] = (uint32_t)at;
    }
    return places;
}

/* Gives every slot its first free place from `from` + slot on; false: one has none within the slop.
 * Earlier slots choose first, which is best among equal words. */
static bool choose(struct places *places, size_t slots, size_t from, size_t slop, uint32_t *chosen)
{
    for (size_t slot = 0; slot < slots; slot++) {
        struct places *own = &places[slot];
        size_t i;

        while (own->next < own->count && own->at[own->next] < from + slot)
            own->next++;
        for (i = own->next; i < own->count; i++) {
            size_t taken = 0;

            while (taken < slot && chosen[taken] != own->at[i])
                taken++;
            if (taken == slot)
                break;
        }
        if (i == own->count || own->at[i] > from + slot + slop)
            return false;
        chosen[slot] = own->at[i];
    }
    return true;
}

/* `from` moves over all places that the first word's slot may begin at; it is shifted by the number
 * of slots so that it is never negative. */
static size_t count_sloppy(struct kdm_arena *scratch, struct places *places, size_t slots,
                           size_t count, size_t slop, bool first_only)
{
    uint32_t *chosen = kdm_arena_alloc(scratch, slots * sizeof(*chosen));
    size_t found = 0, last = SIZE_MAX;

    for (size_t slot = 0; slot < slots; slot++)
        for (size_t i = 0; i < places[slot].count; i++)
            places[slot].at[i] += (uint32_t)slots;
    for (size_t from = 0; from < count + slots; from++) {
        size_t first = SIZE_MAX;

        if (!choose(places, slots, from, slop, chosen))
            continue;
        for (size_t slot = 0; slot < slots; slot++)
            if (chosen[slot] - slot < first)
                first = chosen[slot] - slot;
        if (first == last) /* the same words as before */
            continue;
        last = first;
        found++;
        if (first_only)
            break;
    }
    return found;
}

size_t kdm_phrase_count(struct kdm_arena *scratch, kdm_phrase_fits_fn *fits, void *ctx,
                        size_t slots, size_t count, size_t slop, bool first_only)
{
    struct places *places;

    if (slots == 0 || count < slots)
        return 0;
    if (slop == 0 || slots == 1)
        return count_exact(fits, ctx, slots, count, first_only);
    places = find_places(scratch, fits, ctx, slots, count);
    if (places == NULL)
        return 0;
    return count_sloppy(scratch, places, slots, count, slop, first_only);
}
