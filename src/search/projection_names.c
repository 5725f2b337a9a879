/* projection_names.c - texts numbered from 1, found by hash; and the queue of what waits to be
 * freed. Linear hashing with chains through the items: the table grows with them bucket by bucket.
 */
#include "search/projection_internal.h"
#include <stdlib.h>

#define FIRST_BUCKETS 8u

void kdm_names_init(struct kdm_names *names, struct kdm_slab *slab,
                    const struct kdm_hash_seed *seed, uint32_t stride)
{
    *names = (struct kdm_names){ .slab = slab, .seed = seed, .stride = stride, .count = 1 };
}

void kdm_names_fini(struct kdm_names *names)
{
    free(names->items);
    free(names->heads);
}

uint32_t kdm_names_hash(const struct kdm_names *names, struct kdm_str text)
{
    return (uint32_t)kdm_hash(names->seed, text);
}

/* The smallest power of two that is not below `buckets`, less one. */
static uint32_t mask_of(uint32_t buckets)
{
    return buckets <= 1 ? 0 : UINT32_MAX >> __builtin_clz(buckets - 1);
}

static uint32_t bucket_of(const struct kdm_names *names, uint32_t hash)
{
    uint32_t mask = mask_of(names->buckets), bucket = hash & mask;

    return bucket < names->buckets ? bucket : bucket & mask >> 1;
}

uint32_t kdm_names_find(const struct kdm_names *names, struct kdm_str text, uint32_t hash)
{
    uint32_t number = names->buckets == 0 ? 0 : names->heads[bucket_of(names, hash)];

    while (number != 0) {
        const struct kdm_name *name = kdm_names_item(names, number);

        if (name->hash == hash && kdm_str_eq(kdm_slab_text(names->slab, name->text), text))
            return number;
        number = name->next;
    }
    return 0;
}

static void link_name(struct kdm_names *names, uint32_t number)
{
    struct kdm_name *name = kdm_names_item(names, number);
    uint32_t *head = &names->heads[bucket_of(names, name->hash)];

    name->next = *head;
    *head = number;
}

/* One more bucket: takes its part of the bucket it was folded into. */
static void split(struct kdm_names *names)
{
    uint32_t from, number;

    if (names->buckets == names->heads_room) {
        names->heads_room =
            names->heads_room == 0 ? FIRST_BUCKETS : kdm_more_room(names->heads_room);
        names->heads = kdm_realloc(names->heads, names->heads_room * sizeof(*names->heads));
    }
    if (names->buckets == 0) {
        memset(names->heads, 0, FIRST_BUCKETS * sizeof(*names->heads));
        names->buckets = FIRST_BUCKETS;
        return;
    }
    from = names->buckets & mask_of(names->buckets + 1) >> 1;
    number = names->heads[from];
    names->heads[from] = names->heads[names->buckets] = 0;
    names->buckets++;
    while (number != 0) {
        uint32_t next = kdm_names_item(names, number)->next;

        link_name(names, number);
        number = next;
    }
}

static uint32_t new_number(struct kdm_names *names)
{
    uint32_t number = names->free;

    if (number != 0) {
        names->free = kdm_names_item(names, number)->next;
        return number;
    }
    if (names->count >= names->room) {
        names->room = kdm_more_room(names->room);
        names->items = kdm_realloc(names->items, (size_t)names->room * names->stride);
        if (names->count == 1)
            memset(names->items, 0, names->stride);
    }
    return names->count++;
}

uint32_t kdm_names_add(struct kdm_names *names, struct kdm_str text, uint32_t hash)
{
    uint32_t number = new_number(names);
    struct kdm_name *name = kdm_names_item(names, number);

    memset(name, 0, names->stride);
    name->hash = hash;
    name->text = kdm_slab_take_text(names->slab, text);
    if (names->linked >= names->buckets)
        split(names);
    link_name(names, number);
    names->linked++;
    return number;
}

void kdm_names_unlink(struct kdm_names *names, uint32_t number)
{
    struct kdm_name *name = kdm_names_item(names, number);
    uint32_t *at = &names->heads[bucket_of(names, name->hash)];

    while (*at != number)
        at = &kdm_names_item(names, *at)->next;
    *at = name->next;
    names->linked--;
}

void kdm_names_release(struct kdm_names *names, uint32_t number)
{
    struct kdm_name *name = kdm_names_item(names, number);

    kdm_slab_give_text(names->slab, name->text);
    name->text = 0;
    name->next = names->free;
    names->free = number;
}

/* --- fifo ------------------------------------------------------------------------------------- */

void kdm_fifo_put(struct kdm_fifo *fifo, uint64_t epoch, uint32_t number)
{
    if (fifo->count == fifo->room && fifo->first > fifo->room / 2) {
        fifo->count -= fifo->first;
        memmove(fifo->entries, fifo->entries + fifo->first, fifo->count * sizeof(*fifo->entries));
        fifo->first = 0;
    }
    if (fifo->count == fifo->room) {
        fifo->room = kdm_more_room(fifo->room);
        fifo->entries = kdm_realloc(fifo->entries, fifo->room * sizeof(*fifo->entries));
    }
    fifo->entries[fifo->count++] = (struct kdm_fifo_entry){ epoch, number };
}

void kdm_fifo_drop(struct kdm_fifo *fifo)
{
    fifo->dropped++;
    if (++fifo->first < fifo->count)
        return;
    free(fifo->entries);
    fifo->entries = NULL;
    fifo->first = fifo->count = fifo->room = 0;
}
