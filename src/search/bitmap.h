/* bitmap.h - sets of documents: all that is used of CRoaring, and the flat sets that queries work
 * on. Postings that are kept are compressed (struct kdm_bitmap). A query works on one chunk of
 * 65,536 documents at a time, where a set is 8 KB of plain bits that stay in the cache, so
 * combining two sets costs less than looking at their compression. CRoaring 0.2.66 has no call that
 * hands out a container; its public structs are read here and nowhere else.
 */
#ifndef KDM_SEARCH_BITMAP_H
#define KDM_SEARCH_BITMAP_H

#include <roaring/roaring.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define KDM_CHUNK_ROWS  65536u
#define KDM_CHUNK_WORDS (KDM_CHUNK_ROWS / 64)

/* --- kept sets -------------------------------------------------------------------------------- */

struct kdm_bitmap;

static inline roaring_bitmap_t *kdm_bitmap_inner(const struct kdm_bitmap *bitmap)
{
    return (roaring_bitmap_t *)(uintptr_t)bitmap;
}

/* NULL: out of memory. */
static inline struct kdm_bitmap *kdm_bitmap_create(const uint32_t *values, size_t count)
{
    return (struct kdm_bitmap *)roaring_bitmap_of_ptr(count, values);
}

static inline void kdm_bitmap_destroy(struct kdm_bitmap *bitmap)
{
    if (bitmap != NULL)
        roaring_bitmap_free(kdm_bitmap_inner(bitmap));
}

static inline void kdm_bitmap_add(struct kdm_bitmap *bitmap, uint32_t value)
{
    roaring_bitmap_add(kdm_bitmap_inner(bitmap), value);
}

static inline void kdm_bitmap_remove(struct kdm_bitmap *bitmap, uint32_t value)
{
    roaring_bitmap_remove(kdm_bitmap_inner(bitmap), value);
}

/* Writes all values, ascending; there is room for its cardinality. */
static inline void kdm_bitmap_values(const struct kdm_bitmap *bitmap, uint32_t *ret_values)
{
    roaring_bitmap_to_uint32_array(kdm_bitmap_inner(bitmap), ret_values);
}

/* Bytes it occupies, allocator's overhead aside. */
static inline size_t kdm_bitmap_memory(const struct kdm_bitmap *bitmap)
{
    const roaring_array_t *array = &kdm_bitmap_inner(bitmap)->high_low_container;
    size_t bytes = sizeof(roaring_bitmap_t)
                   + (size_t)array->allocation_size * (sizeof(void *) + sizeof(uint16_t) + 1);

    for (int32_t i = 0; i < array->size; i++) {
        uint8_t type = array->typecodes[i];
        const void *container = container_unwrap_shared(array->containers[i], &type);

        if (type == ARRAY_CONTAINER_TYPE_CODE)
            bytes += 16 + 2 * (size_t)((const array_container_t *)container)->capacity;
        else if (type == RUN_CONTAINER_TYPE_CODE)
            bytes += 16 + 4 * (size_t)((const run_container_t *)container)->capacity;
        else
            bytes += 16 + KDM_CHUNK_WORDS * 8;
    }
    return bytes;
}

/* --- sets within a chunk ---------------------------------------------------------------------- */

struct kdm_bits {
    uint64_t words[KDM_CHUNK_WORDS];
};

static inline bool kdm_bits_has(const uint64_t *words, uint32_t row)
{
    return words[row / 64] >> row % 64 & 1;
}

static inline void kdm_bits_set(uint64_t *words, uint32_t row)
{
    words[row / 64] |= (uint64_t)1 << row % 64;
}

static inline void kdm_bits_unset(uint64_t *words, uint32_t row)
{
    words[row / 64] &= ~((uint64_t)1 << row % 64);
}

static inline uint32_t kdm_bits_count(const uint64_t *words, uint32_t count)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < count; i++)
        sum += (uint32_t)__builtin_popcountll(words[i]);
    return sum;
}

static inline bool kdm_bits_empty(const uint64_t *words, uint32_t count)
{
    uint64_t any = 0;

    for (uint32_t i = 0; i < count; i++)
        any |= words[i];
    return any == 0;
}

static inline void kdm_bits_and(uint64_t *words, const uint64_t *with, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        words[i] &= with[i];
}

static inline void kdm_bits_or(uint64_t *words, const uint64_t *with, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        words[i] |= with[i];
}

static inline void kdm_bits_without(uint64_t *words, const uint64_t *with, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        words[i] &= ~with[i];
}

/* Runs the statement behind it for each bit, with its number in `row`; `break` leaves only the
 * word. */
#define KDM_EACH_BIT(bits, first, count, row)                                                      \
    for (uint32_t word_ = (first); word_ < (count); word_++)                                       \
        for (uint64_t left_ = (bits)[word_];                                                       \
             left_ != 0 && ((row) = word_ * 64 + (uint32_t)__builtin_ctzll(left_), true);          \
             left_ &= left_ - 1)

/* Adds what `bitmap` holds of chunk number `chunk` to `words`, which are `count`. */
static inline void kdm_bitmap_chunk(const struct kdm_bitmap *bitmap, uint32_t chunk,
                                    uint64_t *words, uint32_t count)
{
    const roaring_array_t *array = &kdm_bitmap_inner(bitmap)->high_low_container;
    int32_t low = 0, high = array->size - 1;

    while (low <= high) {
        int32_t at = (low + high) / 2;

        if (array->keys[at] < chunk)
            low = at + 1;
        else if (array->keys[at] > chunk)
            high = at - 1;
        else {
            uint8_t type = array->typecodes[at];
            const void *container = container_unwrap_shared(array->containers[at], &type);

            if (type == BITSET_CONTAINER_TYPE_CODE) {
                kdm_bits_or(words, ((const bitset_container_t *)container)->array, count);
            } else if (type == ARRAY_CONTAINER_TYPE_CODE) {
                const array_container_t *few = container;

                for (int32_t i = 0; i < few->cardinality; i++)
                    kdm_bits_set(words, few->array[i]);
            } else {
                const run_container_t *runs = container;

                for (int32_t i = 0; i < runs->n_runs; i++)
                    for (uint32_t j = 0; j <= runs->runs[i].length; j++)
                        kdm_bits_set(words, runs->runs[i].value + j);
            }
            return;
        }
    }
}

#endif
