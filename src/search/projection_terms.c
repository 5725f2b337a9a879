/* projection_terms.c - a field's dictionary: terms in order, and the documents of each. */
#include "search/projection_internal.h"
#include <stdlib.h>

void kdm_terms_init(struct kdm_terms *terms, struct kdm_slab *slab,
                    const struct kdm_hash_seed *seed)
{
    *terms = (struct kdm_terms){ 0 };
    kdm_names_init(&terms->names, slab, seed, sizeof(struct kdm_term));
}

void kdm_terms_fini(struct kdm_terms *terms)
{
    for (uint32_t i = 1; i < terms->names.count; i++)
        if (kdm_terms_at(terms, i)->count > KDM_TERM_FEW)
            kdm_bitmap_destroy(kdm_terms_at(terms, i)->docs.many);
    for (uint32_t i = 0; i < terms->block_count; i++)
        free(terms->blocks[i]);
    free(terms->blocks);
    free(terms->buried.entries);
    free(terms->fresh.entries);
    kdm_names_fini(&terms->names);
}

/* --- order ------------------------------------------------------------------------------------ */

/* The first term of a block has become another one. */
static void note_first(const struct kdm_terms *terms, struct kdm_order_block *block)
{
    struct kdm_str text = kdm_terms_text(terms, block->terms[0]);

    block->first_len = text.len < KDM_ORDER_FIRST ? (uint32_t)text.len : KDM_ORDER_FIRST;
    memcpy(block->first, text.ptr, block->first_len);
}

static int compare_first(const struct kdm_terms *terms, const struct kdm_order_block *block,
                         struct kdm_str text)
{
    size_t shared = block->first_len < text.len ? block->first_len : text.len;
    int cmp = shared == 0 ? 0 : memcmp(block->first, text.ptr, shared);

    if (cmp != 0)
        return cmp;
    if (block->first_len < KDM_ORDER_FIRST) /* it is all there */
        return (block->first_len > text.len) - (block->first_len < text.len);
    return kdm_str_cmp(kdm_terms_text(terms, block->terms[0]), text);
}

/* The last block that begins with a term <= text; the first when none does. */
static uint32_t find_block(const struct kdm_terms *terms, struct kdm_str text)
{
    uint32_t low = 0, high = terms->block_count;

    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;

        if (compare_first(terms, terms->blocks[middle], text) <= 0)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The first place in a block with a term >= text, or > text. */
static uint32_t find_in_block(const struct kdm_terms *terms, const struct kdm_order_block *block,
                              struct kdm_str text, bool behind)
{
    uint32_t low = 0, high = block->count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        int order = kdm_str_cmp(kdm_terms_text(terms, block->terms[middle]), text);

        if (order < 0 || (behind && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct kdm_order_block *new_block(struct kdm_terms *terms, uint32_t at, uint32_t room)
{
    struct kdm_order_block *block = kdm_malloc(sizeof(*block) + room * sizeof(block->terms[0]));

    *block = (struct kdm_order_block){ .room = room };
    if (terms->block_count == terms->block_room) {
        terms->block_room = kdm_more_room(terms->block_room);
        terms->blocks = kdm_realloc(terms->blocks, terms->block_room * sizeof(*terms->blocks));
    }
    memmove(terms->blocks + at + 1, terms->blocks + at,
            (terms->block_count - at) * sizeof(*terms->blocks));
    terms->blocks[at] = block;
    terms->block_count++;
    return block;
}

/* Half of a full block moves to a new one; when terms come in order only the last one does, so that
 * blocks stay full. */
static void split_block(struct kdm_terms *terms, uint32_t number, bool at_end)
{
    struct kdm_order_block *block = terms->blocks[number];
    uint32_t keep = at_end ? block->count - 1 : block->count / 2;
    struct kdm_order_block *right = new_block(terms, number + 1, KDM_ORDER_BLOCK);

    right->count = block->count - keep;
    memcpy(right->terms, block->terms + keep, right->count * sizeof(right->terms[0]));
    note_first(terms, right);
    block->count = keep;
}

static void order_add(struct kdm_terms *terms, uint32_t term, struct kdm_str text)
{
    struct kdm_order_block *block;
    uint32_t number, at;

    if (terms->block_count == 0)
        new_block(terms, 0, 6);
    number = find_block(terms, text);
    block = terms->blocks[number];
    at = find_in_block(terms, block, text, false);
    if (block->count == KDM_ORDER_BLOCK) {
        split_block(terms, number, at == block->count && number + 1 == terms->block_count);
        order_add(terms, term, text);
        return;
    }
    if (block->count == block->room) {
        block->room = 2 * block->room > KDM_ORDER_BLOCK ? KDM_ORDER_BLOCK : 2 * block->room;
        block = kdm_realloc(block, sizeof(*block) + block->room * sizeof(block->terms[0]));
        terms->blocks[number] = block;
    }
    memmove(block->terms + at + 1, block->terms + at,
            (block->count - at) * sizeof(block->terms[0]));
    block->terms[at] = term;
    block->count++;
    if (at == 0)
        note_first(terms, block);
}

static void order_remove(struct kdm_terms *terms, uint32_t term)
{
    struct kdm_str text = kdm_terms_text(terms, term);
    uint32_t number = find_block(terms, text);
    struct kdm_order_block *block = terms->blocks[number];
    uint32_t at = find_in_block(terms, block, text, false);

    KDM_ASSERT(at < block->count && block->terms[at] == term);
    block->count--;
    memmove(block->terms + at, block->terms + at + 1,
            (block->count - at) * sizeof(block->terms[0]));
    if (block->count > 0 && at == 0)
        note_first(terms, block);
    if (block->count > 0)
        return;
    free(block);
    terms->block_count--;
    memmove(terms->blocks + number, terms->blocks + number + 1,
            (terms->block_count - number) * sizeof(*terms->blocks));
}

struct kdm_term_cursor kdm_terms_seek(const struct kdm_terms *terms, struct kdm_str text,
                                      bool behind)
{
    struct kdm_term_cursor cursor = { 0, 0 };

    if (terms->block_count == 0)
        return cursor;
    cursor.block = find_block(terms, text);
    cursor.at = find_in_block(terms, terms->blocks[cursor.block], text, behind);
    return cursor;
}

uint32_t kdm_terms_next(const struct kdm_terms *terms, struct kdm_term_cursor *cursor)
{
    while (cursor->block < terms->block_count) {
        const struct kdm_order_block *block = terms->blocks[cursor->block];

        if (cursor->at < block->count)
            return block->terms[cursor->at++];
        cursor->block++;
        cursor->at = 0;
    }
    return 0;
}

/* --- terms ------------------------------------------------------------------------------------ */

uint32_t kdm_terms_find(const struct kdm_terms *terms, struct kdm_str text)
{
    return kdm_names_find(&terms->names, text, kdm_names_hash(&terms->names, text));
}

uint32_t kdm_terms_take(struct kdm_terms *terms, struct kdm_str text, bool *ret_new)
{
    uint32_t hash = kdm_names_hash(&terms->names, text);
    uint32_t term = kdm_names_find(&terms->names, text, hash);

    *ret_new = term == 0;
    if (term == 0) {
        term = kdm_names_add(&terms->names, text, hash);
        order_add(terms, term, kdm_terms_text(terms, term));
    }
    return term;
}

void kdm_terms_unlink(struct kdm_terms *terms, uint32_t term)
{
    order_remove(terms, term);
    kdm_names_unlink(&terms->names, term);
}

/* --- documents of a term ---------------------------------------------------------------------- */

static size_t few_size(uint32_t count)
{
    return (size_t)count * sizeof(uint32_t);
}

static void few_add(struct kdm_slab *slab, struct kdm_term *term, uint32_t ordinal)
{
    uint32_t handle = term->docs.few, count = term->count, at = count;
    uint32_t *few;

    if (few_size(count) % 8 == 0) { /* no room left in its last unit */
        handle = kdm_slab_take(slab, few_size(count + 1));
        memcpy(kdm_slab_at(slab, handle), kdm_slab_at(slab, term->docs.few), few_size(count));
        kdm_slab_give(slab, term->docs.few, few_size(count));
    }
    few = kdm_slab_at(slab, handle);
    for (; at > 0 && few[at - 1] > ordinal; at--)
        few[at] = few[at - 1];
    few[at] = ordinal;
    term->docs.few = handle;
}

static struct kdm_bitmap *to_many(struct kdm_slab *slab, struct kdm_term *term)
{
    struct kdm_bitmap *many = kdm_bitmap_create(kdm_slab_at(slab, term->docs.few), term->count);

    if (many == NULL)
        kdm_oom(0);
    kdm_slab_give(slab, term->docs.few, few_size(term->count));
    return many;
}

void kdm_terms_add_document(struct kdm_terms *terms, uint32_t number, uint32_t ordinal)
{
    struct kdm_term *term = kdm_terms_at(terms, number);
    struct kdm_slab *slab = terms->names.slab;

    if (term->count == 0) {
        term->docs.one = ordinal;
    } else if (term->count == 1) {
        uint32_t other = term->docs.one, *few;

        term->docs.few = kdm_slab_take(slab, few_size(2));
        few = kdm_slab_at(slab, term->docs.few);
        few[0] = other < ordinal ? other : ordinal;
        few[1] = other < ordinal ? ordinal : other;
    } else if (term->count < KDM_TERM_FEW) {
        few_add(slab, term, ordinal);
    } else {
        if (term->count == KDM_TERM_FEW)
            term->docs.many = to_many(slab, term);
        kdm_bitmap_add(term->docs.many, ordinal);
    }
    term->count++;
}

static void few_remove(struct kdm_slab *slab, struct kdm_term *term, uint32_t ordinal)
{
    uint32_t handle = term->docs.few, left = term->count - 1, at = 0;
    uint32_t *few = kdm_slab_at(slab, handle);

    while (few[at] != ordinal)
        at++;
    memmove(few + at, few + at + 1, few_size(left - at));
    if (left == 1) {
        term->docs.one = few[0];
        kdm_slab_give(slab, handle, few_size(2));
    } else if (few_size(left) % 8 == 0) { /* its last unit is empty */
        term->docs.few = kdm_slab_take(slab, few_size(left));
        memcpy(kdm_slab_at(slab, term->docs.few), kdm_slab_at(slab, handle), few_size(left));
        kdm_slab_give(slab, handle, few_size(left + 1));
    }
}

void kdm_terms_remove_document(struct kdm_terms *terms, uint32_t number, uint32_t ordinal)
{
    struct kdm_term *term = kdm_terms_at(terms, number);
    struct kdm_slab *slab = terms->names.slab;

    if (term->count > KDM_TERM_FEW) {
        kdm_bitmap_remove(term->docs.many, ordinal);
        if (term->count == KDM_TERM_FEW + 1) {
            struct kdm_bitmap *many = term->docs.many;

            term->docs.few = kdm_slab_take(slab, few_size(KDM_TERM_FEW));
            kdm_bitmap_values(many, kdm_slab_at(slab, term->docs.few));
            kdm_bitmap_destroy(many);
        }
    } else if (term->count > 1) {
        few_remove(slab, term, ordinal);
    }
    term->count--;
}

void kdm_terms_chunk(const struct kdm_terms *terms, uint32_t number, uint32_t chunk,
                     uint64_t *words, uint32_t count)
{
    const struct kdm_term *term = kdm_terms_at(terms, number);

    if (term->count == 1) {
        if (term->docs.one / KDM_CHUNK_ROWS == chunk)
            kdm_bits_set(words, term->docs.one % KDM_CHUNK_ROWS);
    } else if (term->count > KDM_TERM_FEW) {
        kdm_bitmap_chunk(term->docs.many, chunk, words, count);
    } else if (term->count > 1) {
        const uint32_t *few = kdm_slab_at(terms->names.slab, term->docs.few);

        for (uint32_t i = 0; i < term->count; i++)
            if (few[i] / KDM_CHUNK_ROWS == chunk)
                kdm_bits_set(words, few[i] % KDM_CHUNK_ROWS);
    }
}

size_t kdm_terms_memory(const struct kdm_terms *terms)
{
    size_t bytes =
        sizeof(*terms) + (size_t)terms->names.room * sizeof(struct kdm_term)
        + (size_t)terms->names.heads_room * sizeof(uint32_t) + terms->block_room * sizeof(void *)
        + (size_t)(terms->buried.room + terms->fresh.room) * sizeof(struct kdm_fifo_entry);

    for (uint32_t i = 0; i < terms->block_count; i++)
        bytes += sizeof(struct kdm_order_block) + terms->blocks[i]->room * sizeof(uint32_t);
    for (uint32_t i = 1; i < terms->names.count; i++)
        if (kdm_terms_at(terms, i)->count > KDM_TERM_FEW)
            bytes += kdm_bitmap_memory(kdm_terms_at(terms, i)->docs.many);
    return bytes;
}
