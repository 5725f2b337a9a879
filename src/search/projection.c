/* projection.c - documents come, change and go.
 * A document keeps its ordinal while it lives. A removed one stays known by its id and sequence
 * until no older put can come (kdm_projection_forget) and no search in progress may hold its
 * ordinal; then the ordinal is used again. Terms wait for searches likewise.
 */
#include "search/projection_internal.h"
#include <stdlib.h>

/* --- life ------------------------------------------------------------------------------------- */

struct kdm_projection *kdm_projection_create(struct kdm_mapping *mapping,
                                             const struct kdm_hash_seed *seed)
{
    struct kdm_projection *projection = kdm_zalloc(sizeof(*projection));

    projection->mapping = kdm_mapping_ref(mapping);
    projection->seed = seed;
    projection->oldest = UINT64_MAX;
    kdm_gate_init(&projection->gate);
    kdm_slab_init(&projection->slab);
    kdm_names_init(&projection->documents, &projection->slab, seed, sizeof(struct kdm_document));
    kdm_arena_init(&projection->shape, 1024);
    projection->by_path = kdm_table_create(seed);
    kdm_projection_shape(projection);
    return projection;
}

void kdm_projection_destroy(struct kdm_projection *projection)
{
    if (projection == NULL)
        return;
    for (uint32_t i = 0; i < projection->column_count; i++) {
        kdm_column_fini(projection->columns[i]);
        free(projection->columns[i]);
    }
    free(projection->columns);
    free(projection->live);
    free(projection->lows);
    free(projection->buried.entries);
    kdm_table_destroy(projection->by_path, NULL);
    kdm_arena_fini(&projection->shape);
    kdm_names_fini(&projection->documents);
    kdm_slab_fini(&projection->slab);
    kdm_gate_fini(&projection->gate);
    kdm_mapping_unref(projection->mapping);
    free(projection);
}

struct kdm_column *kdm_projection_column(const struct kdm_projection *projection,
                                         struct kdm_str path)
{
    uintptr_t number = (uintptr_t)kdm_table_get(projection->by_path, path);

    return number == 0 ? NULL : projection->columns[number - 1];
}

/* --- the writer's turn ------------------------------------------------------------------------ */

/* May the ordinal be used again? What is remembered for its sequence must be forgotten first. */
static void reclaim_ordinals(struct kdm_projection *projection)
{
    struct kdm_fifo_entry *entry;

    while ((entry = kdm_fifo_first(&projection->buried)) != NULL) {
        struct kdm_document *document = kdm_projection_document(projection, entry->number);

        /* One that came back stays; one that went again counts from its last entry. */
        if (!document->live && document->burials == 1) {
            if (entry->epoch > projection->oldest || document->sequence > projection->forgotten)
                return;
            kdm_names_unlink(&projection->documents, entry->number);
            kdm_names_release(&projection->documents, entry->number);
        }
        document->burials--;
        kdm_fifo_drop(&projection->buried);
    }
}

static void begin_turn(struct kdm_projection *projection)
{
    projection->oldest = kdm_gate_oldest(&projection->gate);
    reclaim_ordinals(projection);
}

bool kdm_projection_try_write(struct kdm_projection *projection)
{
    if (!kdm_gate_try_write(&projection->gate))
        return false;
    begin_turn(projection);
    return true;
}

void kdm_projection_write(struct kdm_projection *projection)
{
    kdm_gate_write(&projection->gate);
    begin_turn(projection);
}

void kdm_projection_end_write(struct kdm_projection *projection)
{
    kdm_gate_end_write(&projection->gate);
}

void kdm_projection_forget(struct kdm_projection *projection, uint64_t sequence)
{
    if (sequence > projection->forgotten)
        projection->forgotten = sequence;
    reclaim_ordinals(projection);
}

void kdm_projection_bury_term(struct kdm_projection *projection, struct kdm_terms *terms,
                              uint32_t term)
{
    struct kdm_fifo_entry *entry;

    kdm_terms_unlink(terms, term);
    while ((entry = kdm_fifo_first(&terms->buried)) != NULL && entry->epoch <= projection->oldest) {
        kdm_names_release(&terms->names, entry->number);
        kdm_fifo_drop(&terms->buried);
    }
    while ((entry = kdm_fifo_first(&terms->fresh)) != NULL && entry->epoch <= projection->oldest)
        kdm_fifo_drop(&terms->fresh);
    if (projection->oldest == UINT64_MAX)
        kdm_names_release(&terms->names, term);
    else
        kdm_fifo_put(&terms->buried, projection->gate.epoch, term);
}

/* --- documents -------------------------------------------------------------------------------- */

static void set_live(struct kdm_projection *projection, uint32_t ordinal, bool live)
{
    uint32_t word = ordinal / 64;

    if (word >= projection->live_room) {
        uint32_t room = projection->live_room == 0 ? 2 : kdm_more_room(projection->live_room);

        while (room <= word)
            room = kdm_more_room(room);
        projection->live = kdm_realloc(projection->live, room * sizeof(*projection->live));
        memset(projection->live + projection->live_room, 0,
               (room - projection->live_room) * sizeof(*projection->live));
        projection->live_room = room;
    }
    if (live)
        kdm_bits_set(projection->live, ordinal);
    else
        kdm_bits_unset(projection->live, ordinal);
    kdm_projection_document(projection, ordinal)->live = live;
    if (live)
        projection->count++;
    else
        projection->count--;
}

static void write_all(struct kdm_projection *projection, struct kdm_arena *scratch,
                      uint32_t ordinal, struct kdm_val source)
{
    const struct kdm_reading *readings = kdm_projection_read(projection, scratch, source);

    for (uint32_t i = 0; i < projection->column_count; i++)
        kdm_column_write(projection, projection->columns[i], ordinal, &readings[i]);
}

/* The lowest of a block, looked for: its lowest has become a later one. */
static uint64_t lowest(const struct kdm_projection *projection, uint32_t block)
{
    uint32_t first = block * KDM_BLOCK_ROWS, end = first + KDM_BLOCK_ROWS;
    uint64_t low = UINT64_MAX;

    if (end > projection->documents.count)
        end = projection->documents.count;
    for (uint32_t ordinal = first == 0 ? 1 : first; ordinal < end; ordinal++) {
        const struct kdm_document *document = kdm_projection_document(projection, ordinal);

        if (document->live && document->sequence < low)
            low = document->sequence;
    }
    return low;
}

/* Equal hits are told by their sequences, so that their order is the same on every node and after
 * every rebuild; by these bounds the first of them are found without looking at all. */
static void set_sequence(struct kdm_projection *projection, uint32_t ordinal, uint64_t sequence)
{
    struct kdm_document *document = kdm_projection_document(projection, ordinal);
    uint32_t block = ordinal / KDM_BLOCK_ROWS, room = projection->low_room;
    uint64_t old = document->sequence;

    document->sequence = sequence;
    if (block >= room) {
        while (block >= room)
            room = kdm_more_room(room);
        projection->lows = kdm_realloc(projection->lows, room * sizeof(*projection->lows));
        memset(projection->lows + projection->low_room, 0xff,
               (room - projection->low_room) * sizeof(*projection->lows));
        projection->low_room = room;
    }
    if (sequence < projection->lows[block])
        projection->lows[block] = sequence;
    else if (old != 0 && old == projection->lows[block])
        projection->lows[block] = lowest(projection, block);
}

/* Puts unless what is known is later, or as late and `again` is not set. */
static bool put(struct kdm_projection *projection, struct kdm_arena *scratch, struct kdm_str id,
                struct kdm_val source, uint64_t sequence, bool again)
{
    uint32_t hash = kdm_names_hash(&projection->documents, id);
    uint32_t ordinal = kdm_names_find(&projection->documents, id, hash);
    struct kdm_document *document;

    if (ordinal == 0) {
        ordinal = kdm_names_add(&projection->documents, id, hash);
        document = kdm_projection_document(projection, ordinal);
    } else {
        document = kdm_projection_document(projection, ordinal);
        if (sequence < document->sequence
            || (sequence == document->sequence && !(again && document->live)))
            return false;
    }
    if (!document->live)
        set_live(projection, ordinal, true);
    set_sequence(projection, ordinal, sequence);
    write_all(projection, scratch, ordinal, source);
    return true;
}

bool kdm_projection_put(struct kdm_projection *projection, struct kdm_arena *scratch,
                        struct kdm_str id, struct kdm_val source, uint64_t sequence)
{
    return put(projection, scratch, id, source, sequence, false);
}

bool kdm_projection_remove(struct kdm_projection *projection, struct kdm_str id, uint64_t sequence)
{
    static const struct kdm_reading nothing;
    uint32_t hash = kdm_names_hash(&projection->documents, id);
    uint32_t ordinal = kdm_names_find(&projection->documents, id, hash);
    struct kdm_document *document;

    if (ordinal == 0) { /* remembered, so that an older put does not count */
        if (sequence <= projection->forgotten)
            return false;
        ordinal = kdm_names_add(&projection->documents, id, hash);
    }
    document = kdm_projection_document(projection, ordinal);
    if (sequence <= document->sequence)
        return false;
    document->sequence = sequence;
    if (document->live) {
        for (uint32_t i = 0; i < projection->column_count; i++)
            kdm_column_write(projection, projection->columns[i], ordinal, &nothing);
        set_live(projection, ordinal, false);
    }
    document->burials++;
    kdm_fifo_put(&projection->buried, projection->gate.epoch, ordinal);
    return true;
}

/* --- mapping ---------------------------------------------------------------------------------- */

bool kdm_projection_remap(struct kdm_projection *projection, struct kdm_mapping *mapping)
{
    struct kdm_mapping *old = projection->mapping;
    bool filling;

    projection->mapping = kdm_mapping_ref(mapping);
    filling = kdm_projection_shape(projection);
    kdm_mapping_unref(old);
    return filling;
}

bool kdm_projection_fill(struct kdm_projection *projection, struct kdm_arena *scratch,
                         struct kdm_str id, struct kdm_val source, uint64_t sequence)
{
    return put(projection, scratch, id, source, sequence, true);
}

void kdm_projection_filled(struct kdm_projection *projection)
{
    for (uint32_t i = 0; i < projection->column_count; i++)
        projection->columns[i]->filling = false;
    projection->filling = false;
}

/* --- figures ---------------------------------------------------------------------------------- */

size_t kdm_projection_count(const struct kdm_projection *projection)
{
    return projection->count;
}

size_t kdm_projection_memory(const struct kdm_projection *projection)
{
    size_t bytes = sizeof(*projection) + projection->slab.bytes
                   + projection->slab.room * sizeof(void *)
                   + (size_t)projection->documents.room * sizeof(struct kdm_document)
                   + (size_t)projection->documents.heads_room * sizeof(uint32_t)
                   + projection->live_room * sizeof(uint64_t)
                   + projection->low_room * sizeof(uint64_t)
                   + projection->buried.room * sizeof(struct kdm_fifo_entry);

    for (uint32_t i = 0; i < projection->column_count; i++)
        bytes += kdm_column_memory(projection->columns[i]);
    return bytes;
}
