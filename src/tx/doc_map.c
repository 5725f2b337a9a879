/* doc_map.c - see doc_map.h. Two collections are one when their documents stand under one key:
 * entries of the catalogue may be made anew while a transaction runs.
 */
#include "tx/doc_map.h"

#define FEW 12

static uint64_t hash_of(const struct kdm_hash_seed *seed, struct kdm_str docs_key,
                        struct kdm_str id)
{
    return kdm_hash(seed, id) ^ (kdm_hash(seed, docs_key) << 1);
}

static bool is(const struct kdm_doc_map_entry *entry, struct kdm_str docs_key, struct kdm_str id)
{
    return kdm_str_eq(entry->id, id)
           && (entry->docs_key.ptr == docs_key.ptr || kdm_str_eq(entry->docs_key, docs_key));
}

uint32_t kdm_doc_map_find(const struct kdm_doc_map *map, const struct kdm_hash_seed *seed,
                          const struct kdm_collection *collection, struct kdm_str id)
{
    uint64_t hash;

    if (map->slots == NULL) {
        for (uint32_t i = 0; i < map->count; i++) {
            if (is(&map->entries[i], collection->docs_key, id))
                return map->entries[i].value;
        }
        return KDM_DOC_MAP_NONE;
    }
    hash = hash_of(seed, collection->docs_key, id);
    for (uint32_t slot = hash & (map->slot_count - 1); map->slots[slot] != 0;
         slot = (slot + 1) & (map->slot_count - 1)) {
        const struct kdm_doc_map_entry *entry = &map->entries[map->slots[slot] - 1];

        if (entry->hash == hash && is(entry, collection->docs_key, id))
            return entry->value;
    }
    return KDM_DOC_MAP_NONE;
}

static void take_slot(struct kdm_doc_map *map, uint32_t entry)
{
    uint32_t slot = map->entries[entry].hash & (map->slot_count - 1);

    while (map->slots[slot] != 0)
        slot = (slot + 1) & (map->slot_count - 1);
    map->slots[slot] = entry + 1;
}

/* At most half full. */
static void rehash(struct kdm_doc_map *map, struct kdm_arena *arena,
                   const struct kdm_hash_seed *seed)
{
    bool first = map->slots == NULL;

    map->slot_count = 64;
    while (map->slot_count < 4 * map->count)
        map->slot_count *= 2;
    map->slots = kdm_arena_zalloc(arena, map->slot_count * sizeof(*map->slots));
    for (uint32_t i = 0; i < map->count; i++) {
        if (first)
            map->entries[i].hash = hash_of(seed, map->entries[i].docs_key, map->entries[i].id);
        take_slot(map, i);
    }
}

void kdm_doc_map_add(struct kdm_doc_map *map, struct kdm_arena *arena,
                     const struct kdm_hash_seed *seed, const struct kdm_collection *collection,
                     struct kdm_str id, uint32_t value)
{
    struct kdm_doc_map_entry *entry;

    if (map->count == map->cap)
        map->entries = kdm_arena_double(arena, map->entries, &map->cap, FEW, sizeof(*entry));
    entry = &map->entries[map->count++];
    *entry =
        (struct kdm_doc_map_entry){ .docs_key = collection->docs_key, .id = id, .value = value };
    if (map->slots != NULL) {
        entry->hash = hash_of(seed, entry->docs_key, id);
        if (2 * map->count > map->slot_count)
            rehash(map, arena, seed);
        else
            take_slot(map, map->count - 1);
    } else if (map->count > FEW) {
        rehash(map, arena, seed);
    }
}

void kdm_doc_map_clear(struct kdm_doc_map *map)
{
    map->count = 0;
    if (map->slots != NULL)
        memset(map->slots, 0, map->slot_count * sizeof(*map->slots));
}
