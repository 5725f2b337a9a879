/* projection_column.c - one field of all documents, in chunks of 65,536 rows.
 * A chunk without any value takes no memory, a small one only what its rows need. Numbers stand in
 * as few bytes as their type has; blocks of 1,024 rows know what their numbers lie between, so that
 * ranges and sorting pass over most of them.
 */
#include "search/projection_internal.h"
#include <math.h>
#include <stdlib.h>

static const uint8_t cell_sizes[] = {
    [KDM_CELL_TERM] = 4,   [KDM_CELL_INT8] = 1,   [KDM_CELL_INT16] = 2,
    [KDM_CELL_INT32] = 4,  [KDM_CELL_INT64] = 8,  [KDM_CELL_FLOAT] = 4,
    [KDM_CELL_DOUBLE] = 8, [KDM_CELL_POINT] = 16, [KDM_CELL_NONE] = 0,
};

/* --- chunks ----------------------------------------------------------------------------------- */

static void chunk_free(struct kdm_chunk *chunk)
{
    if (chunk == NULL)
        return;
    for (uint32_t i = 0; i < chunk->list_count; i++)
        free(chunk->lists[i].values);
    free(chunk->lists);
    free(chunk->exists);
    free(chunk->multi);
    free(chunk->cells);
    free(chunk->spans);
    free(chunk);
}

static void *grown(void *ptr, size_t old, size_t new)
{
    ptr = kdm_realloc(ptr, new);
    memset((char *)ptr + old, 0, new - old);
    return ptr;
}

/* What no number is inside of: a block's span before it has one. */
static struct kdm_span empty_span(const struct kdm_column *column)
{
    struct kdm_span span;

    if (kdm_column_real(column)) {
        span.low.d = INFINITY;
        span.high.d = -INFINITY;
    } else {
        span.low.i = INT64_MAX;
        span.high.i = INT64_MIN;
    }
    return span;
}

static void chunk_grow(const struct kdm_column *column, struct kdm_chunk *chunk, uint32_t row)
{
    uint32_t old = chunk->rows, rows = old == 0 ? 64 : old;
    uint32_t old_spans = (old + KDM_BLOCK_ROWS - 1) / KDM_BLOCK_ROWS, spans;
    size_t size = cell_sizes[column->cell];

    while (rows <= row)
        rows *= 2;
    spans = (rows + KDM_BLOCK_ROWS - 1) / KDM_BLOCK_ROWS;
    chunk->exists = grown(chunk->exists, old / 8, rows / 8);
    if (chunk->multi != NULL)
        chunk->multi = grown(chunk->multi, old / 8, rows / 8);
    if (size > 0)
        chunk->cells = grown(chunk->cells, old * size, rows * size);
    if (kdm_column_numeric(column) && spans > old_spans) {
        chunk->spans = kdm_realloc(chunk->spans, spans * sizeof(*chunk->spans));
        for (uint32_t i = old_spans; i < spans; i++)
            chunk->spans[i] = empty_span(column);
    }
    chunk->rows = rows;
}

static struct kdm_chunk *chunk_for(struct kdm_column *column, uint32_t ordinal)
{
    uint32_t number = ordinal / KDM_CHUNK_ROWS, row = ordinal % KDM_CHUNK_ROWS;
    struct kdm_chunk *chunk;

    if (number >= column->chunk_count) {
        column->chunks = grown(column->chunks, column->chunk_count * sizeof(*column->chunks),
                               (number + 1) * sizeof(*column->chunks));
        column->chunk_count = number + 1;
    }
    if (column->chunks[number] == NULL)
        column->chunks[number] = kdm_zalloc(sizeof(*chunk));
    chunk = column->chunks[number];
    if (row >= chunk->rows)
        chunk_grow(column, chunk, row);
    return chunk;
}

void kdm_column_fini(struct kdm_column *column)
{
    for (uint32_t i = 0; i < column->chunk_count; i++)
        chunk_free(column->chunks[i]);
    free(column->chunks);
    if (column->terms != NULL)
        kdm_terms_fini(column->terms);
    free(column->terms);
}

size_t kdm_column_memory(const struct kdm_column *column)
{
    size_t bytes = sizeof(*column) + column->chunk_count * sizeof(*column->chunks);

    if (column->terms != NULL)
        bytes += kdm_terms_memory(column->terms);
    for (uint32_t i = 0; i < column->chunk_count; i++) {
        const struct kdm_chunk *chunk = column->chunks[i];

        if (chunk == NULL)
            continue;
        bytes += sizeof(*chunk) + chunk->rows / 8 + chunk->rows * cell_sizes[column->cell]
                 + chunk->list_room * sizeof(*chunk->lists);
        if (chunk->multi != NULL)
            bytes += chunk->rows / 8;
        if (chunk->spans != NULL)
            bytes += (chunk->rows + KDM_BLOCK_ROWS - 1) / KDM_BLOCK_ROWS * sizeof(*chunk->spans);
        for (uint32_t j = 0; j < chunk->list_count; j++)
            bytes += chunk->lists[j].count * sizeof(union kdm_value);
    }
    return bytes;
}

/* --- cells ------------------------------------------------------------------------------------ */

static union kdm_value get_cell(const struct kdm_column *column, const struct kdm_chunk *chunk,
                                uint32_t row)
{
    union kdm_value value = { 0 };

    switch ((enum kdm_cell)column->cell) {
    case KDM_CELL_INT8:
        value.i = ((const int8_t *)chunk->cells)[row];
        break;
    case KDM_CELL_INT16:
        value.i = ((const int16_t *)chunk->cells)[row];
        break;
    case KDM_CELL_INT32:
        value.i = ((const int32_t *)chunk->cells)[row];
        break;
    case KDM_CELL_INT64:
        value.i = ((const int64_t *)chunk->cells)[row];
        break;
    case KDM_CELL_FLOAT:
        value.d = ((const float *)chunk->cells)[row];
        break;
    case KDM_CELL_DOUBLE:
        value.d = ((const double *)chunk->cells)[row];
        break;
    case KDM_CELL_POINT:
        value.point = ((const struct kdm_point *)chunk->cells)[row];
        break;
    default:
        break;
    }
    return value;
}

static void set_cell(const struct kdm_column *column, struct kdm_chunk *chunk, uint32_t row,
                     union kdm_value value)
{
    switch ((enum kdm_cell)column->cell) {
    case KDM_CELL_INT8:
        ((int8_t *)chunk->cells)[row] = (int8_t)value.i;
        break;
    case KDM_CELL_INT16:
        ((int16_t *)chunk->cells)[row] = (int16_t)value.i;
        break;
    case KDM_CELL_INT32:
        ((int32_t *)chunk->cells)[row] = (int32_t)value.i;
        break;
    case KDM_CELL_INT64:
        ((int64_t *)chunk->cells)[row] = value.i;
        break;
    case KDM_CELL_FLOAT:
        ((float *)chunk->cells)[row] = (float)value.d;
        break;
    case KDM_CELL_DOUBLE:
        ((double *)chunk->cells)[row] = value.d;
        break;
    case KDM_CELL_POINT:
        ((struct kdm_point *)chunk->cells)[row] = value.point;
        break;
    default:
        break;
    }
}

/* Where a row's list stands, or would. */
static uint32_t find_list(const struct kdm_chunk *chunk, uint32_t row)
{
    uint32_t low = 0, high = chunk->list_count;

    if (high > 0 && chunk->lists[high - 1].row < row)
        return high;
    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (chunk->lists[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const union kdm_value *kdm_column_values(const struct kdm_column *column,
                                         const struct kdm_chunk *chunk, uint32_t row,
                                         union kdm_value *one, uint32_t *ret_count)
{
    if (chunk == NULL || row >= chunk->rows || !kdm_bits_has(chunk->exists, row)) {
        *ret_count = 0;
        return NULL;
    }
    if (chunk->multi != NULL && kdm_bits_has(chunk->multi, row)) {
        const struct kdm_value_list *list = &chunk->lists[find_list(chunk, row)];

        *ret_count = list->count;
        return list->values;
    }
    *one = get_cell(column, chunk, row);
    *ret_count = 1;
    return one;
}

const uint32_t *kdm_column_terms(const struct kdm_column *column, const struct kdm_slab *slab,
                                 const struct kdm_chunk *chunk, uint32_t row, uint32_t *one,
                                 uint32_t *ret_count)
{
    uint32_t cell = chunk == NULL || row >= chunk->rows ? 0 : ((const uint32_t *)chunk->cells)[row];

    (void)column;
    if ((cell & KDM_CELL_LIST) != 0) {
        const uint32_t *list = kdm_slab_at(slab, cell & ~KDM_CELL_LIST);

        *ret_count = list[0];
        return list + 1;
    }
    *one = cell;
    *ret_count = cell != 0;
    return one;
}

/* --- writing terms ---------------------------------------------------------------------------- */

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Sorts and drops what stands twice, and 0. */
static uint32_t distinct(uint32_t *terms, uint32_t count)
{
    uint32_t out = 0;

    qsort(terms, count, sizeof(*terms), compare_numbers);
    for (uint32_t i = 0; i < count; i++)
        if (terms[i] != 0 && (out == 0 || terms[out - 1] != terms[i]))
            terms[out++] = terms[i];
    return out;
}

static void leave_term(struct kdm_projection *projection, struct kdm_terms *terms, uint32_t term,
                       uint32_t ordinal)
{
    kdm_terms_remove_document(terms, term, ordinal);
    if (kdm_terms_at(terms, term)->count == 0)
        kdm_projection_bury_term(projection, terms, term);
}

/* Both sorted and distinct; those in both are let alone. New ones first, so that no term dies that
 * is needed. */
static void change_postings(struct kdm_projection *projection, struct kdm_terms *terms,
                            uint32_t ordinal, const uint32_t *old, uint32_t old_count,
                            const uint32_t *new, uint32_t new_count)
{
    for (uint32_t i = 0, j = 0; j < new_count; j++) {
        while (i < old_count && old[i] < new[j])
            i++;
        if (i == old_count || old[i] != new[j])
            kdm_terms_add_document(terms, new[j], ordinal);
    }
    for (uint32_t i = 0, j = 0; i < old_count; i++) {
        while (j < new_count && new[j] < old[i])
            j++;
        if (j == new_count || new[j] != old[i])
            leave_term(projection, terms, old[i], ordinal);
    }
}

static uint32_t take_term(struct kdm_projection *projection, struct kdm_terms *terms,
                          struct kdm_str text)
{
    bool new;
    uint32_t term = kdm_terms_take(terms, text, &new);

    if (new && projection->oldest != UINT64_MAX)
        kdm_fifo_put(&terms->fresh, projection->gate.epoch, term);
    return term;
}

static uint32_t count_tokens(const uint32_t *terms, uint32_t count)
{
    uint32_t tokens = 0;

    for (uint32_t i = 0; i < count; i++)
        tokens += terms[i] != 0;
    return tokens;
}

static size_t list_size(uint32_t count)
{
    return (1 + (size_t)count) * sizeof(uint32_t);
}

static uint32_t make_cell(struct kdm_slab *slab, const uint32_t *terms, uint32_t count)
{
    uint32_t handle, *list;

    if (count == 0)
        return 0;
    if (count == 1)
        return terms[0];
    handle = kdm_slab_take(slab, list_size(count));
    list = kdm_slab_at(slab, handle);
    list[0] = count;
    memcpy(list + 1, terms, count * sizeof(*terms));
    return handle | KDM_CELL_LIST;
}

/* The usual case of a replace: the one term it had, and no change. */
static bool same_term(const struct kdm_terms *terms, uint32_t cell,
                      const struct kdm_reading *reading)
{
    return reading->count == 1 && cell != 0 && (cell & KDM_CELL_LIST) == 0
           && kdm_str_eq(kdm_terms_text(terms, cell), reading->values[0].text);
}

static void write_terms(struct kdm_projection *projection, struct kdm_column *column,
                        uint32_t ordinal, uint32_t *cell, const struct kdm_reading *reading)
{
    struct kdm_terms *terms = column->terms;
    struct kdm_chunk view = { .rows = 1, .cells = cell };
    uint32_t few[64], *new = few, *sorted, old_one, old_count, count = 0, new_count, list_count;
    const uint32_t *old;

    if (same_term(terms, *cell, reading))
        return;
    if (reading->count > 20)
        new = kdm_malloc(3 * ((size_t)reading->count + 2) * sizeof(*new));
    for (uint32_t i = 0; i < reading->count; i++)
        new[count++] = kdm_str_none(reading->values[i].text)
                           ? 0
                           : take_term(projection, terms, reading->values[i].text);
    if (!column->text)
        count = distinct(new, count);
    old = kdm_column_terms(column, &projection->slab, &view, 0, &old_one, &old_count);
    if (old_count != count || (count > 0 && memcmp(old, new, count * sizeof(*new)) != 0)) {
        uint32_t *old_sorted = old_count <= 64 ? (uint32_t[64]){ 0 } : NULL, *heap = NULL;
        uint32_t before = *cell;

        sorted = new + count;
        memcpy(sorted, new, count * sizeof(*new));
        new_count = distinct(sorted, count);
        if (old_sorted == NULL)
            old_sorted = heap = kdm_malloc(old_count * sizeof(*heap));
        memcpy(old_sorted, old, old_count * sizeof(*old));
        if (column->text) {
            column->tokens += count_tokens(new, count) - (uint64_t)count_tokens(old, old_count);
            column->worded += (uint64_t)(count > 0) - (uint64_t)(old_count > 0);
        }
        list_count = old_count;
        old_count = distinct(old_sorted, old_count);
        change_postings(projection, terms, ordinal, old_sorted, old_count, sorted, new_count);
        *cell = make_cell(&projection->slab, new, count);
        if ((before & KDM_CELL_LIST) != 0)
            kdm_slab_give(&projection->slab, before & ~KDM_CELL_LIST, list_size(list_count));
        free(heap);
    }
    if (new != few)
        free(new);
}

/* --- writing numbers and points --------------------------------------------------------------- */

static int compare_ints(const void *a, const void *b)
{
    const union kdm_value *x = a, *y = b;

    return (x->i > y->i) - (x->i < y->i);
}

static int compare_doubles(const void *a, const void *b)
{
    const union kdm_value *x = a, *y = b;

    return (x->d > y->d) - (x->d < y->d);
}

static void widen(const struct kdm_column *column, struct kdm_span *span, union kdm_value value)
{
    if (kdm_column_real(column)) {
        if (value.d < span->low.d)
            span->low.d = value.d;
        if (value.d > span->high.d)
            span->high.d = value.d;
    } else {
        if (value.i < span->low.i)
            span->low.i = value.i;
        if (value.i > span->high.i)
            span->high.i = value.i;
    }
}

static void drop_list(struct kdm_chunk *chunk, uint32_t row)
{
    uint32_t at;

    if (chunk->multi == NULL || !kdm_bits_has(chunk->multi, row))
        return;
    at = find_list(chunk, row);
    free(chunk->lists[at].values);
    chunk->list_count--;
    memmove(chunk->lists + at, chunk->lists + at + 1,
            (chunk->list_count - at) * sizeof(*chunk->lists));
    kdm_bits_unset(chunk->multi, row);
}

static void add_list(struct kdm_chunk *chunk, uint32_t row, const struct kdm_reading *reading)
{
    struct kdm_value_list list = { .row = row, .count = reading->count };
    uint32_t at = find_list(chunk, row);

    if (chunk->list_count == chunk->list_room) {
        chunk->list_room = kdm_more_room(chunk->list_room);
        chunk->lists = kdm_realloc(chunk->lists, chunk->list_room * sizeof(*chunk->lists));
    }
    list.values = kdm_malloc(reading->count * sizeof(*list.values));
    memcpy(list.values, reading->values, reading->count * sizeof(*list.values));
    memmove(chunk->lists + at + 1, chunk->lists + at,
            (chunk->list_count - at) * sizeof(*chunk->lists));
    chunk->lists[at] = list;
    chunk->list_count++;
    if (chunk->multi == NULL)
        chunk->multi = kdm_zalloc(chunk->rows / 8);
    kdm_bits_set(chunk->multi, row);
}

static void write_values(const struct kdm_column *column, struct kdm_chunk *chunk, uint32_t row,
                         const struct kdm_reading *reading)
{
    drop_list(chunk, row);
    if (reading->count == 0)
        return;
    if (reading->count > 1) {
        if (kdm_column_numeric(column))
            qsort(reading->values, reading->count, sizeof(*reading->values),
                  kdm_column_real(column) ? compare_doubles : compare_ints);
        add_list(chunk, row, reading);
    }
    set_cell(column, chunk, row, reading->values[0]);
    if (chunk->spans != NULL)
        for (uint32_t i = 0; i < reading->count; i++)
            widen(column, &chunk->spans[row / KDM_BLOCK_ROWS], reading->values[i]);
}

static void write_exists(struct kdm_column *column, struct kdm_chunk *chunk, uint32_t row,
                         const struct kdm_reading *reading)
{
    bool had = kdm_bits_has(chunk->exists, row);

    if (had == reading->exists)
        return;
    if (reading->exists) {
        kdm_bits_set(chunk->exists, row);
        chunk->used++;
        column->used++;
    } else {
        kdm_bits_unset(chunk->exists, row);
        chunk->used--;
        column->used--;
    }
}

void kdm_column_write(struct kdm_projection *projection, struct kdm_column *column,
                      uint32_t ordinal, const struct kdm_reading *reading)
{
    uint32_t row = ordinal % KDM_CHUNK_ROWS;
    struct kdm_chunk *chunk = kdm_column_chunk(column, ordinal / KDM_CHUNK_ROWS);

    if (!reading->exists && reading->count == 0
        && (chunk == NULL || row >= chunk->rows
            || (!kdm_bits_has(chunk->exists, row)
                && (column->cell != KDM_CELL_TERM || ((uint32_t *)chunk->cells)[row] == 0))))
        return;
    chunk = chunk_for(column, ordinal);
    if (column->cell == KDM_CELL_TERM)
        write_terms(projection, column, ordinal, &((uint32_t *)chunk->cells)[row], reading);
    else if (column->cell != KDM_CELL_NONE)
        write_values(column, chunk, row, reading);
    write_exists(column, chunk, row, reading);
}

/* --- ranges ----------------------------------------------------------------------------------- */

#define FEW 16 /* of 64 rows: to so many looking at each is cheaper than at all */

/* Of 64 rows: all without a branch, or the few that are asked for. */
#define SCAN(type, member)                                                                         \
    do {                                                                                           \
        const type *cells = (const type *)chunk->cells + (size_t)word * 64;                        \
        if (__builtin_popcountll(within) > FEW)                                                    \
            for (uint32_t i_ = 0; i_ < 64; i_++)                                                   \
                bits |= (uint64_t)((cells[i_] >= low.member) & (cells[i_] <= high.member)) << i_;  \
        else                                                                                       \
            for (uint64_t left_ = within; left_ != 0; left_ &= left_ - 1) {                        \
                type cell_ = cells[__builtin_ctzll(left_)];                                        \
                uint64_t inside_ = (cell_ >= low.member) & (cell_ <= high.member);                 \
                bits |= left_ & -left_ & -inside_;                                                 \
            }                                                                                      \
    } while (0)

static uint64_t scan_word(const struct kdm_column *column, const struct kdm_chunk *chunk,
                          uint32_t word, uint64_t within, union kdm_value low, union kdm_value high)
{
    uint64_t bits = 0;

    switch ((enum kdm_cell)column->cell) {
    case KDM_CELL_INT8:
        SCAN(int8_t, i);
        break;
    case KDM_CELL_INT16:
        SCAN(int16_t, i);
        break;
    case KDM_CELL_INT32:
        SCAN(int32_t, i);
        break;
    case KDM_CELL_INT64:
        SCAN(int64_t, i);
        break;
    case KDM_CELL_FLOAT:
        SCAN(float, d);
        break;
    default:
        SCAN(double, d);
    }
    return bits & within;
}

static bool in_range(const struct kdm_column *column, union kdm_value value, union kdm_value low,
                     union kdm_value high)
{
    return kdm_column_real(column) ? value.d >= low.d && value.d <= high.d
                                   : value.i >= low.i && value.i <= high.i;
}

/* Rows with several values, of which any may be inside. */
static uint64_t range_lists(const struct kdm_column *column, const struct kdm_chunk *chunk,
                            uint32_t word, uint64_t rows, union kdm_value low, union kdm_value high)
{
    uint64_t found = 0;

    for (; rows != 0; rows &= rows - 1) {
        uint32_t bit = (uint32_t)__builtin_ctzll(rows);
        const struct kdm_value_list *list = &chunk->lists[find_list(chunk, word * 64 + bit)];

        for (uint32_t i = 0; i < list->count; i++)
            if (in_range(column, list->values[i], low, high)) {
                found |= (uint64_t)1 << bit;
                break;
            }
    }
    return found;
}

static uint64_t range_word(const struct kdm_column *column, const struct kdm_chunk *chunk,
                           uint32_t word, uint64_t within, union kdm_value low,
                           union kdm_value high)
{
    uint64_t lists = chunk->multi == NULL ? 0 : chunk->multi[word] & within, found = 0;

    if (lists != 0)
        found = range_lists(column, chunk, word, lists, low, high);
    return found | scan_word(column, chunk, word, within & ~lists, low, high);
}

void kdm_column_range(const struct kdm_column *column, const struct kdm_chunk *chunk,
                      union kdm_value low, union kdm_value high, const uint64_t *within,
                      uint64_t *out, uint32_t words)
{
    bool real = kdm_column_real(column);
    uint32_t in_chunk = chunk == NULL ? 0 : chunk->rows / 64;

    for (uint32_t word = 0; word < words; word++) {
        const struct kdm_span *span;
        uint64_t rows = word < in_chunk ? within[word] & chunk->exists[word] : 0;

        out[word] = 0;
        if (rows == 0)
            continue;
        span = &chunk->spans[word / (KDM_BLOCK_ROWS / 64)];
        if (real ? span->low.d > high.d || span->high.d < low.d
                 : span->low.i > high.i || span->high.i < low.i)
            continue;
        if (real ? span->low.d >= low.d && span->high.d <= high.d
                 : span->low.i >= low.i && span->high.i <= high.i)
            out[word] = rows;
        else
            out[word] = range_word(column, chunk, word, rows, low, high);
    }
}
