/* hash.c - SipHash-1-3, and a table of it.
 * SipHash because keys come from clients: with a secret seed nobody can make keys that
 * collide. One round a word and three at the end is what Rust and Python settled for.
 * The table is open addressing with linear probing and at most 3/4 full; a removal
 * shifts the followers back, so there are no tombstones and lookups stay short.
 */
#include "base/hash.h"
#include "base/arena.h"
#include "base/err.h"
#include <stdlib.h>

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

/* Little endian whatever the machine, so that a seed gives the same hash everywhere. */
static inline uint64_t load_word(const char *ptr)
{
    uint64_t word;

    memcpy(&word, ptr, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

uint64_t kdm_hash(const struct kdm_hash_seed *seed, struct kdm_str s)
{
    struct sip state = { .v0 = seed->k0 ^ UINT64_C(0x736f6d6570736575),
                         .v1 = seed->k1 ^ UINT64_C(0x646f72616e646f6d),
                         .v2 = seed->k0 ^ UINT64_C(0x6c7967656e657261),
                         .v3 = seed->k1 ^ UINT64_C(0x7465646279746573) };
    uint64_t last = (uint64_t)s.len << 56;
    size_t at = 0;

    for (; at + 8 <= s.len; at += 8)
        sip_word(&state, load_word(s.ptr + at));
    for (int shift = 0; at < s.len; at++, shift += 8)
        last |= (uint64_t)(unsigned char)s.ptr[at] << shift;
    sip_word(&state, last);
    state.v2 ^= 0xff;
    sip_round(&state);
    sip_round(&state);
    sip_round(&state);
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

struct slot {
    uint64_t hash;
    struct kdm_str key; /* copied; on the heap */
    void *value;        /* NULL: the slot is free */
};

struct kdm_table {
    struct kdm_hash_seed seed;
    struct slot *slots;
    size_t mask; /* slots - 1, a power of two less one */
    size_t count;
};

#define FIRST_SLOTS 8u

struct kdm_table *kdm_table_create(const struct kdm_hash_seed *seed)
{
    struct kdm_table *table = kdm_zalloc(sizeof(*table));

    table->seed = *seed;
    table->mask = FIRST_SLOTS - 1;
    table->slots = kdm_zalloc(FIRST_SLOTS * sizeof(struct slot));
    return table;
}

void kdm_table_destroy(struct kdm_table *table, void (*free_value)(void *value))
{
    if (table == NULL)
        return;
    for (size_t i = 0; i <= table->mask; i++) {
        if (table->slots[i].value == NULL)
            continue;
        free((char *)table->slots[i].key.ptr);
        if (free_value != NULL)
            free_value(table->slots[i].value);
    }
    free(table->slots);
    free(table);
}

/* The slot of `key`, or the free one where it would go. */
static struct slot *find_slot(const struct kdm_table *table, uint64_t hash, struct kdm_str key)
{
    size_t i = hash & table->mask;

    for (;; i = (i + 1) & table->mask) {
        struct slot *slot = &table->slots[i];

        if (slot->value == NULL || (slot->hash == hash && kdm_str_eq(slot->key, key)))
            return slot;
    }
}

void *kdm_table_get(const struct kdm_table *table, struct kdm_str key)
{
    return find_slot(table, kdm_hash(&table->seed, key), key)->value;
}

static void double_slots(struct kdm_table *table)
{
    struct slot *old = table->slots;
    size_t old_mask = table->mask;

    table->mask = old_mask * 2 + 1;
    table->slots = kdm_zalloc((table->mask + 1) * sizeof(struct slot));
    for (size_t i = 0; i <= old_mask; i++) {
        if (old[i].value != NULL)
            *find_slot(table, old[i].hash, old[i].key) = old[i];
    }
    free(old);
}

static struct kdm_str copy_key(struct kdm_str key)
{
    char *copy = kdm_malloc(key.len);

    if (key.len > 0)
        memcpy(copy, key.ptr, key.len);
    return (struct kdm_str){ .ptr = copy, .len = key.len };
}

void *kdm_table_put(struct kdm_table *table, struct kdm_str key, void *value)
{
    uint64_t hash = kdm_hash(&table->seed, key);
    struct slot *slot = find_slot(table, hash, key);
    void *replaced = slot->value;

    KDM_ASSERT(value != NULL);
    if (replaced != NULL) {
        slot->value = value;
        return replaced;
    }
    if ((table->count + 1) * 4 > (table->mask + 1) * 3) {
        double_slots(table);
        slot = find_slot(table, hash, key);
    }
    *slot = (struct slot){ .hash = hash, .key = copy_key(key), .value = value };
    table->count++;
    return NULL;
}

/* Moves what follows a freed slot back, as far as its own place allows. */
static void close_gap(struct kdm_table *table, size_t gap)
{
    for (size_t i = (gap + 1) & table->mask; table->slots[i].value != NULL;
         i = (i + 1) & table->mask) {
        size_t home = table->slots[i].hash & table->mask;

        if (((i - home) & table->mask) < ((i - gap) & table->mask))
            continue;
        table->slots[gap] = table->slots[i];
        gap = i;
    }
    table->slots[gap] = (struct slot){ .value = NULL };
}

void *kdm_table_remove(struct kdm_table *table, struct kdm_str key)
{
    struct slot *slot = find_slot(table, kdm_hash(&table->seed, key), key);
    void *removed = slot->value;

    if (removed == NULL)
        return NULL;
    free((char *)slot->key.ptr);
    close_gap(table, (size_t)(slot - table->slots));
    table->count--;
    return removed;
}

size_t kdm_table_count(const struct kdm_table *table)
{
    return table->count;
}

bool kdm_table_next(const struct kdm_table *table, size_t *cursor, struct kdm_str *ret_key,
                    void **ret_value)
{
    for (; *cursor <= table->mask; (*cursor)++) {
        const struct slot *slot = &table->slots[*cursor];

        if (slot->value == NULL)
            continue;
        *ret_key = slot->key;
        *ret_value = slot->value;
        (*cursor)++;
        return true;
    }
    return false;
}
