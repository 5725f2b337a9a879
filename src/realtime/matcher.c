/* matcher.c - see matcher.h; matcher_internal.h says how it is made. */
#include "realtime/matcher_internal.h"
#include "store/names.h"
#include <stdlib.h>

#define MOST_SETTLED 100

static struct kdm_entry *entry_of(struct kdm_matcher_entry *base)
{
    return (struct kdm_entry *)((char *)base - offsetof(struct kdm_entry, base));
}

/* --- spaces ----------------------------------------------------------------------------------- */

static struct kdm_space *find_space(const struct kdm_matcher *matcher, struct kdm_str index,
                                    struct kdm_str collection)
{
    char text[KDM_NAMES_KEY_MAX];
    struct kdm_str key = kdm_names_key(text, index, collection);
    uint64_t hash = kdm_hash(&matcher->seed, key);
    uint32_t at = kdm_slots_home(&matcher->spaces, hash);
    struct kdm_space *space;

    while ((space = kdm_slots_next(&matcher->spaces, hash, &at)) != NULL)
        if (kdm_str_eq(space->key, key))
            return space;
    return NULL;
}

static struct kdm_space *make_space(struct kdm_matcher *matcher, struct kdm_str index,
                                    struct kdm_str collection)
{
    struct kdm_space *space = kdm_zalloc(sizeof(*space));
    char text[KDM_NAMES_KEY_MAX];

    space->key = kdm_heap_copy(kdm_names_key(text, index, collection));
    space->index = (struct kdm_str){ space->key.ptr, index.len };
    space->collection = kdm_str_from(space->key, index.len + 1);
    space->root = kdm_path_create_root();
    kdm_slots_add(&matcher->spaces, kdm_hash(&matcher->seed, space->key), space);
    return space;
}

/* Nothing is listened to any more, so all of its tables are empty. */
static void free_space(struct kdm_matcher *matcher, struct kdm_space *space)
{
    KDM_ASSERT(space->conditions.count == 0);
    kdm_slots_remove(&matcher->spaces, kdm_hash(&matcher->seed, space->key), space);
    kdm_path_unref(space->root);
    free(space->always.items);
    free(space->implied.items);
    free(space->absent);
    free((char *)space->key.ptr);
    free(space);
}

/* --- entries ---------------------------------------------------------------------------------- */

static struct kdm_str id_of(const struct kdm_matcher_entry *entry)
{
    return (struct kdm_str){ entry->id, KDM_ROOM_ID_LEN };
}

struct kdm_matcher *kdm_matcher_create(const struct kdm_hash_seed *seed)
{
    struct kdm_matcher *matcher = kdm_zalloc(sizeof(*matcher));

    matcher->seed = *seed;
    matcher->second = (struct kdm_hash_seed){ .k0 = kdm_hash(seed, KDM_STR("second digest, k0")),
                                              .k1 = kdm_hash(seed, KDM_STR("second digest, k1")) };
    return matcher;
}

static void remove_entry(struct kdm_matcher *matcher, struct kdm_entry *entry)
{
    struct kdm_space *space = entry->space;

    kdm_slots_remove(&matcher->entries, kdm_hash(&matcher->seed, id_of(&entry->base)), entry);
    kdm_entry_destroy(entry);
    if (--space->entries == 0)
        free_space(matcher, space);
}

void kdm_matcher_destroy(struct kdm_matcher *matcher)
{
    if (matcher == NULL)
        return;
    while (matcher->entries.count > 0)
        for (uint32_t i = 0; matcher->entries.count > 0 && i <= matcher->entries.mask; i++)
            if (matcher->entries.slots[i].item != NULL)
                remove_entry(matcher, matcher->entries.slots[i].item);
    free(matcher);
}

static struct kdm_entry *find_entry(const struct kdm_matcher *matcher, struct kdm_str id)
{
    uint64_t hash = kdm_hash(&matcher->seed, id);
    uint32_t at = kdm_slots_home(&matcher->entries, hash);
    struct kdm_entry *entry;

    while ((entry = kdm_slots_next(&matcher->entries, hash, &at)) != NULL)
        if (kdm_str_eq(id_of(&entry->base), id))
            return entry;
    return NULL;
}

static struct kdm_entry *make_entry(struct kdm_matcher *matcher, const struct kdm_filter *filter)
{
    struct kdm_str id = { filter->id, KDM_ROOM_ID_LEN };
    struct kdm_entry *entry;
    struct kdm_space *space = find_space(matcher, filter->index, filter->collection);

    if (space == NULL)
        space = make_space(matcher, filter->index, filter->collection);
    entry = kdm_entry_create(matcher, space, filter);
    space->entries++;
    kdm_slots_add(&matcher->entries, kdm_hash(&matcher->seed, id), entry);
    return entry;
}

struct kdm_matcher_entry *kdm_matcher_add(struct kdm_matcher *matcher,
                                          const struct kdm_filter *filter)
{
    struct kdm_entry *entry = find_entry(matcher, (struct kdm_str){ filter->id, KDM_ROOM_ID_LEN });

    if (entry == NULL)
        entry = make_entry(matcher, filter);
    entry->refs++;
    return &entry->base;
}

struct kdm_matcher_entry *kdm_matcher_find(const struct kdm_matcher *matcher, struct kdm_str id)
{
    struct kdm_entry *entry = find_entry(matcher, id);

    return entry == NULL ? NULL : &entry->base;
}

void kdm_matcher_unref(struct kdm_matcher *matcher, struct kdm_matcher_entry *base)
{
    struct kdm_entry *entry = entry_of(base);

    if (--entry->refs == 0)
        remove_entry(matcher, entry);
}

size_t kdm_matcher_count(const struct kdm_matcher *matcher)
{
    return matcher->entries.count;
}

/* --- matching --------------------------------------------------------------------------------- */

void kdm_matching_found(struct kdm_matching *run, struct kdm_entry *entry)
{
    if (run->count == run->room)
        run->found = kdm_arena_double(run->arena, run->found, &run->room, 16, sizeof(*run->found));
    run->found[run->count++] = &entry->base;
}

/* What repeats names is read as everybody reads it: the last one counts. */
static struct kdm_val without_repeats(struct kdm_arena *arena, struct kdm_val source)
{
    return kdm_val_repeats(source) ? kdm_json_parse(arena, kdm_json_canonical(arena, source))
                                   : source;
}

static void wake_all(struct kdm_matching *run, const struct kdm_space *space)
{
    for (struct kdm_path *path = run->touched; path != NULL; path = path->next_touched)
        if (kdm_path_here(run, path))
            kdm_path_wake(run, path);
    for (uint32_t i = 0; i < space->absent_count; i++)
        if (!kdm_path_here(run, space->absent[i]))
            kdm_path_wake_absent(run, space->absent[i]);
    for (uint32_t i = 0; i < space->always.count; i++)
        kdm_matching_found(run, space->always.items[i]);
    if (run->collided)
        for (uint32_t i = 0; i < space->implied.count; i++)
            kdm_entry_wake(run, space->implied.items[i]);
}

/* No more than a few a document, so that none has to wait for many. The others wake in vain again.
 */
static void settle(struct kdm_matching *run)
{
    for (int left = MOST_SETTLED; run->restless != NULL; left--) {
        struct kdm_entry *entry = run->restless;

        run->restless = entry->next_restless;
        if (left > 0)
            kdm_entry_choose_again(entry);
        else
            entry->vain--;
    }
}

struct kdm_matches kdm_matcher_match(struct kdm_matcher *matcher, struct kdm_arena *arena,
                                     struct kdm_str index, struct kdm_str collection,
                                     struct kdm_str id, struct kdm_val source)
{
    struct kdm_matching run = { .matcher = matcher, .arena = arena, .turn = ++matcher->turn };
    struct kdm_space *space = find_space(matcher, index, collection);

    if (space != NULL) {
        space->documents++;
        kdm_path_collect(&run, space->root, id, without_repeats(arena, source));
        wake_all(&run, space);
        settle(&run);
    }
    return (struct kdm_matches){ run.found, run.count };
}
