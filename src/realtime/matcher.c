/* matcher.c - see matcher.h. For now every filter of the collection is asked in turn; the index over conditions is to come. */
#include "realtime/matcher.h"
#include "base/buf.h"
#include <stdlib.h>

struct entry {
    struct kdm_matcher_entry base;
    struct kdm_arena arena; /* base's texts and the query */
    const struct kdm_query *query;
    struct space *space;
    size_t place; /* in the space's list */
    size_t refs;
};

/* A collection that somebody listens to. */
struct space {
    struct kdm_str key;
    struct entry **entries;
    size_t count, room;
};

struct kdm_matcher {
    struct kdm_table *entries; /* by id */
    struct kdm_table *spaces;  /* by space_key() */
};

static struct entry *entry_of(struct kdm_matcher_entry *base)
{
    return (struct entry *)((char *)base - offsetof(struct entry, base));
}

/* No name holds a NUL. */
static struct kdm_str space_key(struct kdm_arena *arena, struct kdm_str index,
                                struct kdm_str collection)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, index.len + collection.len + 1);
    kdm_buf_put(&buf, index);
    kdm_buf_char(&buf, '\0');
    kdm_buf_put(&buf, collection);
    return kdm_buf_str(&buf);
}

struct kdm_matcher *kdm_matcher_create(const struct kdm_hash_seed *seed)
{
    struct kdm_matcher *matcher = kdm_zalloc(sizeof(*matcher));

    matcher->entries = kdm_table_create(seed);
    matcher->spaces = kdm_table_create(seed);
    return matcher;
}

static void free_entry(void *value)
{
    struct entry *entry = value;

    kdm_arena_fini(&entry->arena);
    free(entry);
}

static void free_space(void *value)
{
    struct space *space = value;

    free(space->entries);
    free(space);
}

void kdm_matcher_destroy(struct kdm_matcher *matcher)
{
    if (matcher == NULL)
        return;
    kdm_table_destroy(matcher->entries, free_entry);
    kdm_table_destroy(matcher->spaces, free_space);
    free(matcher);
}

static struct space *space_for(struct kdm_matcher *matcher, struct kdm_arena *arena,
                               struct kdm_str index, struct kdm_str collection)
{
    struct kdm_str key = space_key(arena, index, collection);
    struct space *space = kdm_table_get(matcher->spaces, key);

    if (space == NULL) {
        space = kdm_zalloc(sizeof(*space));
        kdm_table_put(matcher->spaces, key, space);
    }
    return space;
}

struct kdm_matcher_entry *kdm_matcher_add(struct kdm_matcher *matcher,
                                          const struct kdm_filter *filter)
{
    struct kdm_str id = { filter->id, KDM_ROOM_ID_LEN };
    struct entry *entry = kdm_table_get(matcher->entries, id);
    struct kdm_query_parser parser = { 0 };

    if (entry != NULL) {
        entry->refs++;
        return &entry->base;
    }
    entry = kdm_zalloc(sizeof(*entry));
    kdm_arena_init(&entry->arena, 4096);
    memcpy(entry->base.id, filter->id, sizeof(entry->base.id));
    entry->base.index = kdm_arena_copy(&entry->arena, filter->index);
    entry->base.collection = kdm_arena_copy(&entry->arena, filter->collection);
    entry->base.text = kdm_arena_copy(&entry->arena, filter->text);
    parser.arena = &entry->arena;
    entry->query =
        kdm_query_parse_filter(&parser, kdm_json_parse(&entry->arena, entry->base.text), SIZE_MAX);
    entry->refs = 1;
    entry->space = space_for(matcher, &entry->arena, filter->index, filter->collection);
    if (entry->space->count == entry->space->room) {
        entry->space->room = 2 * entry->space->room + 8;
        entry->space->entries =
            kdm_realloc(entry->space->entries, entry->space->room * sizeof(*entry->space->entries));
    }
    entry->place = entry->space->count;
    entry->space->entries[entry->space->count++] = entry;
    kdm_table_put(matcher->entries, id, entry);
    return &entry->base;
}

struct kdm_matcher_entry *kdm_matcher_find(const struct kdm_matcher *matcher, struct kdm_str id)
{
    return kdm_table_get(matcher->entries, id);
}

void kdm_matcher_ref(struct kdm_matcher_entry *entry)
{
    entry_of(entry)->refs++;
}

void kdm_matcher_unref(struct kdm_matcher *matcher, struct kdm_matcher_entry *base)
{
    struct entry *entry = entry_of(base);
    struct space *space = entry->space;

    if (--entry->refs > 0)
        return;
    space->entries[entry->place] = space->entries[--space->count];
    space->entries[entry->place]->place = entry->place;
    if (space->count == 0)
        free_space(kdm_table_remove(matcher->spaces,
                                    space_key(&entry->arena, base->index, base->collection)));
    kdm_table_remove(matcher->entries, (struct kdm_str){ base->id, KDM_ROOM_ID_LEN });
    free_entry(entry);
}

size_t kdm_matcher_count(const struct kdm_matcher *matcher)
{
    return kdm_table_count(matcher->entries);
}

struct kdm_matches kdm_matcher_match(struct kdm_matcher *matcher, struct kdm_arena *arena,
                                     struct kdm_str index, struct kdm_str collection,
                                     struct kdm_str id, struct kdm_val source)
{
    struct kdm_query_document document = { .id = id, .source = source };
    struct space *space = kdm_table_get(matcher->spaces, space_key(arena, index, collection));
    struct kdm_matches matches = { NULL, 0 };

    if (space == NULL)
        return matches;
    matches.items = kdm_arena_alloc(arena, space->count * sizeof(struct kdm_matcher_entry *));
    for (size_t i = 0; i < space->count; i++) {
        const struct kdm_query *too_costly = NULL;

        if (kdm_query_match(space->entries[i]->query, arena, &document, NULL, &too_costly)
            && too_costly == NULL)
            matches.items[matches.count++] = &space->entries[i]->base;
    }
    return matches;
}
