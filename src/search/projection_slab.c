/* projection_slab.c - small pieces of memory behind 31 bit handles.
 * A handle is the number of a slab and a place in it in units of 8 bytes. Slabs begin small, so
 * that an empty collection costs little, and double up to 64 KB. What is larger than a recycled
 * size has an allocation of its own with a slab's number.
 */
#include "search/projection_internal.h"
#include <stdlib.h>

#define FIRST_UNITS 64u
#define MAX_UNITS   8192u
#define MAX_SLABS   (1u << 18)

void kdm_slab_init(struct kdm_slab *slab)
{
    *slab = (struct kdm_slab){ 0 };
}

/* A number that was given back holds the next such number, doubled and odd as no address is. */
static bool is_spare(const char *base)
{
    return ((uintptr_t)base & 1) != 0;
}

void kdm_slab_fini(struct kdm_slab *slab)
{
    for (uint32_t i = 0; i < slab->count; i++)
        if (!is_spare(slab->bases[i]))
            free(slab->bases[i]);
    free(slab->bases);
}

static uint32_t new_slab(struct kdm_slab *slab, size_t size)
{
    uint32_t number = slab->count;

    if (slab->spare != 0) {
        number = slab->spare - 1;
        slab->spare = (uint32_t)((uintptr_t)slab->bases[number] >> 1);
    } else {
        if (slab->count == MAX_SLABS) /* 16 GB in one collection */
            kdm_oom(size);
        if (slab->count == slab->room) {
            slab->room = kdm_more_room(slab->room);
            slab->bases = kdm_realloc(slab->bases, slab->room * sizeof(*slab->bases));
        }
        slab->count++;
    }
    slab->bases[number] = kdm_malloc(size);
    slab->bytes += size;
    return number;
}

static uint32_t cut(struct kdm_slab *slab, uint32_t units)
{
    uint32_t handle;

    if (slab->end - slab->at < units) {
        uint32_t room = slab->end == 0 ? FIRST_UNITS : 2 * slab->end;

        if (room > MAX_UNITS)
            room = MAX_UNITS;
        slab->current = new_slab(slab, (size_t)room * 8);
        slab->end = room;
        slab->at = slab->current == 0; /* handle 0 is none */
    }
    handle = slab->current << 13 | slab->at;
    slab->at += units;
    return handle;
}

uint32_t kdm_slab_take(struct kdm_slab *slab, size_t size)
{
    size_t units = (size + 7) / 8;
    uint32_t handle;

    if (units >= KDM_SLAB_CLASSES) {
        /* Slab 0 is one that is cut from, so this is never handle 0. */
        if (slab->count == 0)
            cut(slab, 1);
        return new_slab(slab, size) << 13;
    }
    handle = slab->free[units];
    if (handle == 0)
        return cut(slab, (uint32_t)units);
    memcpy(&slab->free[units], kdm_slab_at(slab, handle), sizeof(handle));
    return handle;
}

void kdm_slab_give(struct kdm_slab *slab, uint32_t handle, size_t size)
{
    size_t units = (size + 7) / 8;

    if (units < KDM_SLAB_CLASSES) {
        memcpy(kdm_slab_at(slab, handle), &slab->free[units], sizeof(handle));
        slab->free[units] = handle;
        return;
    }
    free(slab->bases[handle >> 13]);
    slab->bases[handle >> 13] = (char *)((uintptr_t)slab->spare << 1 | 1);
    slab->spare = (handle >> 13) + 1;
    slab->bytes -= size;
}

uint32_t kdm_slab_take_text(struct kdm_slab *slab, struct kdm_str text)
{
    uint32_t handle = kdm_slab_take(slab, sizeof(uint32_t) + text.len);
    char *ptr = kdm_slab_at(slab, handle);
    uint32_t len = (uint32_t)text.len;

    memcpy(ptr, &len, sizeof(len));
    if (len > 0)
        memcpy(ptr + sizeof(len), text.ptr, len);
    return handle;
}

void kdm_slab_give_text(struct kdm_slab *slab, uint32_t handle)
{
    kdm_slab_give(slab, handle, sizeof(uint32_t) + kdm_slab_text(slab, handle).len);
}
