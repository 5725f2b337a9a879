/* projection_sort.c - the first hits in order, without sorting all that matched.
 * What may be among the first `limit` is collected; when the room (twice the limit) is full it is
 * sorted and halved, and the last that was kept is from then on what others must be better than.
 * Chunks and blocks of numbers are visited best first and passed over when nothing in them can be
 * better. Equal hits come in the order in which they were last written, as Elasticsearch's do;
 * those of one commit by their ids. So the order is the same on every node and after every rebuild.
 */
#include "search/projection_query.h"
#include <math.h>
#include <stdlib.h>

#define CHUNK_BLOCKS (KDM_CHUNK_ROWS / KDM_BLOCK_ROWS)

enum rank { FIRST_MISSING, VALUE, LAST_MISSING };

#define TERM_MISSING UINT32_MAX       /* stands for sort->missing */
#define TERM_AFTER   (UINT32_MAX - 1) /* stands for search->after */

/* A hit's value for one sort key. Words compare as the values do. */
struct sort_key {
    uint64_t word; /* number, or the first 8 bytes of a text */
    uint32_t term; /* texts of fields */
    uint8_t rank;  /* enum rank */
    uint8_t half;  /* numbers: a little more than `word` (a bound that the column can't hold) */
};

enum key_kind { KEY_NONE, KEY_INT, KEY_REAL, KEY_TERM, KEY_ID, KEY_SCORE, KEY_DISTANCE };

struct order {
    const struct kdm_sort *sort;
    const struct kdm_column *column;
    const struct kdm_chunk *chunk; /* of the run's chunk */
    enum key_kind kind;
    struct sort_key missing;
};

struct entry {
    uint64_t sequence;
    uint32_t ordinal;
    float score;
    struct sort_key keys[];
};

struct kdm_sorter {
    struct kdm_run *run;
    const struct kdm_search *search;
    struct order *orders;
    size_t order_count; /* behind them in `orders` and in entries is that of `collapse` */
    size_t stride, limit, count, room;
    char *entries;
    struct entry *worst; /* of the kept ones; NULL: fewer than the limit so far */
    struct entry *after; /* NULL: no search_after */
};

/* --- keys ------------------------------------------------------------------------------------- */

static uint64_t int_word(int64_t value)
{
    return (uint64_t)value ^ (uint64_t)1 << 63;
}

static uint64_t real_word(double value)
{
    uint64_t bits;

    value += 0.0; /* -0 is 0 */
    memcpy(&bits, &value, sizeof(bits));
    return (bits >> 63) != 0 ? ~bits : bits | (uint64_t)1 << 63;
}

static int64_t word_int(uint64_t word)
{
    return (int64_t)(word ^ (uint64_t)1 << 63);
}

static double word_real(uint64_t word)
{
    uint64_t bits = (word >> 63) != 0 ? word & ~((uint64_t)1 << 63) : ~word;
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint64_t text_word(struct kdm_str text)
{
    uint64_t word = 0;

    memcpy(&word, text.ptr, text.len < 8 ? text.len : 8);
    return __builtin_bswap64(word);
}

/* A key that comes with the request. */
static struct sort_key given_key(const struct order *order, const struct kdm_key *key,
                                 uint32_t stand_in)
{
    struct sort_key made = { .rank = VALUE, .term = stand_in };

    switch (order->kind) {
    case KEY_TERM:
    case KEY_ID:
        made.word = text_word(key->text);
        break;
    case KEY_INT:
    case KEY_NONE:
        if (key->number.whole)
            made.word = int_word(key->number.i);
        else if (fabs(key->number.d) >= 9223372036854775808.0)
            made.word = key->number.d > 0 ? UINT64_MAX : 0;
        else {
            made.word = int_word((int64_t)floor(key->number.d));
            made.half = 1;
        }
        break;
    default:
        made.word = real_word(key->number.d);
    }
    return made;
}

static struct sort_key missing_key(const struct order *order)
{
    const struct kdm_sort *sort = order->sort;

    if (sort->missing != NULL)
        return given_key(order, sort->missing, TERM_MISSING);
    return (struct sort_key){ .rank = sort->missing_first ? FIRST_MISSING : LAST_MISSING };
}

/* What of several numbers stands for the document; they are sorted. */
static uint64_t number_word(const struct order *order, const union kdm_value *values,
                            uint32_t count)
{
    bool real = kdm_column_real(order->column);
    double sum = 0;

    if (order->sort->mode == KDM_MODE_MIN || order->sort->mode == KDM_MODE_MAX) {
        const union kdm_value *one = &values[order->sort->mode == KDM_MODE_MIN ? 0 : count - 1];

        return real ? real_word(one->d) : int_word(one->i);
    }
    if (order->sort->mode == KDM_MODE_MEDIAN) {
        const union kdm_value *a = &values[(count - 1) / 2], *b = &values[count / 2];

        return real_word(real ? (a->d + b->d) / 2 : ((double)a->i + (double)b->i) / 2);
    }
    for (uint32_t i = 0; i < count; i++)
        sum += real ? values[i].d : (double)values[i].i;
    return real_word(order->sort->mode == KDM_MODE_AVG ? sum / count : sum);
}

static uint64_t distance_word(const struct order *order, const union kdm_value *values,
                              uint32_t count)
{
    struct kdm_point few[8], *points = few;
    double distance;

    if (count > sizeof(few) / sizeof(few[0]))
        points = kdm_malloc(count * sizeof(*points));
    for (uint32_t i = 0; i < count; i++)
        points[i] = values[i].point;
    distance = kdm_sort_distance(order->sort, points, count);
    if (points != few)
        free(points);
    return real_word(distance);
}

/* Terms of a list stand in the order of their numbers, which is not that of their texts. */
static uint32_t chosen_term(const struct order *order, const uint32_t *terms, uint32_t count)
{
    uint32_t best = terms[0];

    for (uint32_t i = 1; i < count; i++) {
        int cmp = kdm_str_cmp(kdm_terms_text(order->column->terms, terms[i]),
                              kdm_terms_text(order->column->terms, best));

        if (order->sort->mode == KDM_MODE_MAX ? cmp > 0 : cmp < 0)
            best = terms[i];
    }
    return best;
}

static struct sort_key key_of(const struct kdm_sorter *sorter, const struct order *order,
                              uint32_t row, float score)
{
    const struct kdm_run *run = sorter->run;
    struct sort_key key = { .rank = VALUE };
    uint32_t count, one_term;
    union kdm_value one;

    switch (order->kind) {
    case KEY_SCORE:
        key.word = real_word(score);
        return key;
    case KEY_ID:
        key.word = text_word(kdm_projection_id(run->projection, run->chunk * KDM_CHUNK_ROWS + row));
        return key;
    case KEY_NONE:
        if (order->sort->kind == KDM_SORT_DOC)
            key.word = int_word(0);
        return order->sort->kind == KDM_SORT_DOC ? key : order->missing;
    case KEY_TERM: {
        const uint32_t *terms = kdm_column_terms(order->column, &run->projection->slab,
                                                 order->chunk, row, &one_term, &count);

        if (count == 0)
            return order->missing;
        key.term = count == 1 ? terms[0] : chosen_term(order, terms, count);
        key.word = text_word(kdm_terms_text(order->column->terms, key.term));
        return key;
    }
    default: {
        const union kdm_value *values =
            kdm_column_values(order->column, order->chunk, row, &one, &count);

        if (count == 0)
            return order->missing;
        key.word = order->kind == KEY_DISTANCE ? distance_word(order, values, count)
                                               : number_word(order, values, count);
        return key;
    }
    }
}

/* --- order ------------------------------------------------------------------------------------ */

static struct kdm_str text_of(const struct kdm_sorter *sorter, size_t at, const struct entry *entry)
{
    const struct order *order = &sorter->orders[at];
    uint32_t term = entry->keys[at].term;

    if (term == TERM_MISSING)
        return order->sort->missing->text;
    if (term == TERM_AFTER)
        return sorter->search->after[at].key.text;
    if (order->kind == KEY_ID)
        return kdm_projection_id(sorter->run->projection, entry->ordinal);
    return kdm_terms_text(order->column->terms, term);
}

static int compare_texts(const struct kdm_sorter *sorter, size_t at, const struct entry *a,
                         const struct entry *b)
{
    if (sorter->orders[at].kind == KEY_TERM && a->keys[at].term == b->keys[at].term)
        return 0;
    return kdm_str_cmp(text_of(sorter, at, a), text_of(sorter, at, b));
}

static int compare_key(const struct kdm_sorter *sorter, size_t at, const struct entry *a,
                       const struct entry *b)
{
    const struct order *order = &sorter->orders[at];
    const struct sort_key *x = &a->keys[at], *y = &b->keys[at];
    int cmp;

    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (x->rank != VALUE)
        return 0;
    cmp = (x->word > y->word) - (x->word < y->word);
    if (cmp == 0)
        cmp = order->kind == KEY_TERM || order->kind == KEY_ID ? compare_texts(sorter, at, a, b)
                                                               : (int)x->half - (int)y->half;
    return order->sort->descending ? -cmp : cmp;
}

static int compare_keys(const struct kdm_sorter *sorter, const struct entry *a,
                        const struct entry *b)
{
    int cmp = 0;

    if (sorter->order_count == 0)
        return (a->score < b->score) - (a->score > b->score);
    for (size_t i = 0; i < sorter->order_count && cmp == 0; i++)
        cmp = compare_key(sorter, i, a, b);
    return cmp;
}

static int compare_entries(const void *a, const void *b, void *ctx)
{
    const struct kdm_sorter *sorter = ctx;
    const struct entry *x = a, *y = b;
    int cmp = compare_keys(sorter, x, y);

    if (cmp != 0)
        return cmp;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    return kdm_str_cmp(kdm_projection_id(sorter->run->projection, x->ordinal),
                       kdm_projection_id(sorter->run->projection, y->ordinal));
}

/* --- collecting ------------------------------------------------------------------------------- */

static struct entry *entry_at(const struct kdm_sorter *sorter, size_t at)
{
    return (struct entry *)(sorter->entries + at * sorter->stride);
}

static bool same_group(const struct kdm_sorter *sorter, size_t a, size_t b)
{
    const struct sort_key *x = &entry_at(sorter, a)->keys[sorter->order_count];
    const struct sort_key *y = &entry_at(sorter, b)->keys[sorter->order_count];

    return x->rank == y->rank && x->word == y->word && x->term == y->term;
}

/* Leaves the first entry of each group; they are sorted. */
static void collapse(struct kdm_sorter *sorter)
{
    size_t slots = 16, kept = 0;
    uint32_t *table;

    while (slots < 2 * sorter->count)
        slots *= 2;
    table = kdm_zalloc(slots * sizeof(*table)); /* entries + 1 */
    for (size_t i = 0; i < sorter->count; i++) {
        const struct sort_key *key = &entry_at(sorter, i)->keys[sorter->order_count];
        size_t slot = ((key->word + key->term) * 0x9e3779b97f4a7c15u >> 20) & (slots - 1);

        while (table[slot] != 0 && !same_group(sorter, table[slot] - 1, i))
            slot = (slot + 1) & (slots - 1);
        if (table[slot] != 0)
            continue;
        if (kept != i)
            memcpy(entry_at(sorter, kept), entry_at(sorter, i), sorter->stride);
        table[slot] = (uint32_t)++kept;
    }
    free(table);
    sorter->count = kept;
}

static void keep_best(struct kdm_sorter *sorter)
{
    qsort_r(sorter->entries, sorter->count, sorter->stride, compare_entries, sorter);
    if (sorter->search->collapse != NULL)
        collapse(sorter);
    if (sorter->count > sorter->limit)
        sorter->count = sorter->limit;
    if (sorter->count == sorter->limit) {
        memcpy(sorter->worst == NULL ? (sorter->worst = kdm_malloc(sorter->stride)) : sorter->worst,
               entry_at(sorter, sorter->count - 1), sorter->stride);
    }
}

/* The entry being filled in stands behind the kept ones. */
static void push(struct kdm_sorter *sorter)
{
    struct entry *entry = entry_at(sorter, sorter->count);

    if (sorter->after != NULL && compare_keys(sorter, entry, sorter->after) <= 0)
        return;
    if (sorter->worst != NULL && compare_entries(entry, sorter->worst, sorter) >= 0)
        return;
    if (++sorter->count < sorter->room)
        return;
    /* A page of ten needs little room; all hits of a scroll need room for all. */
    if (sorter->room < 2 * sorter->limit + 64) {
        sorter->room *= 2;
        sorter->entries = kdm_realloc(sorter->entries, (sorter->room + 1) * sorter->stride);
        return;
    }
    keep_best(sorter);
}

static bool first_is_worse(const struct kdm_sorter *sorter, const struct sort_key *key)
{
    const struct order *order = &sorter->orders[0];
    const struct sort_key *worst = &sorter->worst->keys[0];

    if (key->rank != worst->rank)
        return key->rank > worst->rank;
    if (key->rank != VALUE)
        return false;
    return order->sort->descending ? key->word < worst->word : key->word > worst->word;
}

#define METRES_OF_DEGREE 111195.0802 /* of latitude */

/* Are all its places so far north or south that nothing need be measured? Only when the nearest
 * come first. */
static bool is_far_off(const struct kdm_sorter *sorter, uint32_t row)
{
    const struct order *order = &sorter->orders[0];
    const struct kdm_sort *sort = order->sort;
    const union kdm_value *values;
    union kdm_value one;
    uint32_t count;
    double degrees;

    if (sorter->worst == NULL || sorter->worst->keys[0].rank != VALUE)
        return false;
    degrees =
        word_real(sorter->worst->keys[0].word) * sort->unit / METRES_OF_DEGREE * 1.000001 + 1e-6;
    values = kdm_column_values(order->column, order->chunk, row, &one, &count);
    for (uint32_t i = 0; i < count; i++)
        for (size_t j = 0; j < sort->point_count; j++)
            if (fabs(values[i].point.lat - sort->points[j].lat) <= degrees)
                return false;
    return count > 0;
}

static bool nearest_first(const struct kdm_sorter *sorter)
{
    return sorter->order_count > 0 && sorter->orders[0].kind == KEY_DISTANCE
           && !sorter->orders[0].sort->descending && sorter->orders[0].sort->mode == KDM_MODE_MIN;
}

static void add_row(struct kdm_sorter *sorter, uint32_t row, float score)
{
    struct entry *entry = entry_at(sorter, sorter->count);

    if (nearest_first(sorter) && is_far_off(sorter, row))
        return;
    for (size_t i = 0; i < sorter->order_count; i++) {
        entry->keys[i] = key_of(sorter, &sorter->orders[i], row, score);
        if (i == 0 && sorter->worst != NULL && first_is_worse(sorter, &entry->keys[0]))
            return;
    }
    if (sorter->search->collapse != NULL)
        entry->keys[sorter->order_count] =
            key_of(sorter, &sorter->orders[sorter->order_count], row, score);
    entry->ordinal = sorter->run->chunk * KDM_CHUNK_ROWS + row;
    entry->sequence = kdm_projection_document(sorter->run->projection, entry->ordinal)->sequence;
    entry->score = score;
    push(sorter);
}

/* The best number that a block of rows can have. */
static struct sort_key best_of(const struct order *order, const struct kdm_span *span)
{
    const union kdm_value *best = order->sort->descending ? &span->high : &span->low;

    return (struct sort_key){ .rank = VALUE,
                              .word = kdm_column_real(order->column) ? real_word(best->d)
                                                                     : int_word(best->i) };
}

/* Do spans tell what the first key of a block can be? */
static bool has_spans(const struct kdm_sorter *sorter)
{
    const struct order *order = sorter->order_count == 0 ? NULL : &sorter->orders[0];

    return order != NULL && order->column != NULL && kdm_column_numeric(order->column)
           && order->sort->missing == NULL && !order->sort->missing_first
           && order->sort->mode <= KDM_MODE_MAX;
}

/* Are all equal, so that their sequences alone tell which are first? */
static bool is_plain(const struct kdm_sorter *sorter)
{
    return sorter->order_count == 0
           || (sorter->order_count == 1 && sorter->orders[0].sort->kind == KDM_SORT_DOC);
}

/* A block without values has only missing ones, which come last. `block` counts in the chunk. */
static bool block_is_worse(const struct kdm_sorter *sorter, uint32_t block)
{
    const struct kdm_run *run = sorter->run;
    const struct order *order = &sorter->orders[0];
    struct sort_key best;

    if (sorter->worst == NULL)
        return false;
    if (is_plain(sorter))
        return kdm_projection_low(run->projection, run->chunk * CHUNK_BLOCKS + block)
               > sorter->worst->sequence;
    if (order->chunk == NULL || block * KDM_BLOCK_ROWS >= order->chunk->rows)
        return sorter->worst->keys[0].rank == VALUE;
    best = best_of(order, &order->chunk->spans[block]);
    return first_is_worse(sorter, &best);
}

struct visit {
    uint64_t word;
    uint32_t number;
};

static int compare_visits(const void *a, const void *b)
{
    const struct visit *x = a, *y = b;

    if (x->word != y->word)
        return x->word < y->word ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static uint64_t visit_word(const struct kdm_sorter *sorter, uint32_t chunk_number, uint32_t block)
{
    const struct order *order = &sorter->orders[0];
    const struct kdm_chunk *chunk;
    uint64_t word;

    if (is_plain(sorter))
        return kdm_projection_low(sorter->run->projection, chunk_number * CHUNK_BLOCKS + block);
    chunk = kdm_column_chunk(order->column, chunk_number);
    if (chunk == NULL || block * KDM_BLOCK_ROWS >= chunk->rows)
        return UINT64_MAX;
    word = best_of(order, &chunk->spans[block]).word;
    return order->sort->descending ? ~word : word;
}

static void add_block(struct kdm_sorter *sorter, const struct kdm_bits *matched, uint32_t first,
                      uint32_t end, const float *scores, float score)
{
    uint32_t row;

    KDM_EACH_BIT(matched->words, first, end, row)
    add_row(sorter, row, scores == NULL ? score : scores[row]);
}

static void add_by_blocks(struct kdm_sorter *sorter, const struct kdm_bits *matched,
                          const float *scores, float score)
{
    struct visit visits[CHUNK_BLOCKS];
    uint32_t words = sorter->run->words, each = KDM_BLOCK_ROWS / 64;
    uint32_t count = (words + each - 1) / each;

    for (uint32_t i = 0; i < count; i++)
        visits[i] = (struct visit){ visit_word(sorter, sorter->run->chunk, i), i };
    qsort(visits, count, sizeof(visits[0]), compare_visits);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t first = visits[i].number * each;

        if (!block_is_worse(sorter, visits[i].number))
            add_block(sorter, matched, first, first + each < words ? first + each : words, scores,
                      score);
    }
}

static size_t key_count(const struct kdm_search *search)
{
    return search->sort_count + (search->collapse != NULL);
}

static void read_chunks(struct kdm_sorter *sorter)
{
    for (size_t i = 0; i < key_count(sorter->search); i++)
        if (sorter->orders[i].column != NULL)
            sorter->orders[i].chunk =
                kdm_column_chunk(sorter->orders[i].column, sorter->run->chunk);
}

void kdm_sorter_add(struct kdm_sorter *sorter, const struct kdm_bits *matched, const float *scores,
                    float score)
{
    if (sorter->limit == 0)
        return;
    read_chunks(sorter);
    if (has_spans(sorter) || (is_plain(sorter) && scores == NULL))
        add_by_blocks(sorter, matched, scores, score);
    else
        add_block(sorter, matched, 0, sorter->run->words, scores, score);
}

bool kdm_sorter_least(const struct kdm_sorter *sorter, float *ret_score)
{
    if (sorter->worst == NULL || sorter->order_count > 0)
        return false;
    *ret_score = sorter->worst->score;
    return true;
}

void kdm_sorter_add_row(struct kdm_sorter *sorter, uint32_t row, float score)
{
    read_chunks(sorter);
    add_row(sorter, row, score);
}

/* --- life ------------------------------------------------------------------------------------- */

static void make_order(struct kdm_run *run, const struct kdm_sort *sort, struct order *order)
{
    *order = (struct order){ .sort = sort };
    if (sort->kind == KDM_SORT_SCORE) {
        order->kind = KEY_SCORE;
    } else if (sort->kind == KDM_SORT_ID) {
        order->kind = KEY_ID;
    } else if (sort->kind != KDM_SORT_DOC && sort->field != NULL) {
        order->column = kdm_run_column(run, sort->field);
        if (order->column != NULL && !order->column->root && sort->nested == NULL)
            order->column = NULL;
        if (order->column == NULL)
            order->kind = KEY_NONE;
        else if (sort->kind == KDM_SORT_DISTANCE)
            order->kind = KEY_DISTANCE;
        else if (order->column->cell == KDM_CELL_TERM)
            order->kind = KEY_TERM;
        else
            order->kind =
                kdm_column_real(order->column) || sort->mode > KDM_MODE_MAX ? KEY_REAL : KEY_INT;
    }
    if (sort->kind == KDM_SORT_FIELD || sort->kind == KDM_SORT_DISTANCE)
        order->missing = missing_key(order);
}

static void make_after(struct kdm_sorter *sorter)
{
    const struct kdm_sort_value *after = sorter->search->after;

    if (after == NULL)
        return;
    sorter->after = kdm_arena_zalloc(sorter->run->arena, sorter->stride);
    for (size_t i = 0; i < sorter->order_count; i++)
        sorter->after->keys[i] =
            after[i].missing
                ? (struct sort_key){ .rank = sorter->orders[i].sort->missing_first ? FIRST_MISSING
                                                                                   : LAST_MISSING }
                : given_key(&sorter->orders[i], &after[i].key, TERM_AFTER);
}

struct kdm_sorter *kdm_sorter_create(struct kdm_run *run, const struct kdm_search *search,
                                     size_t limit)
{
    struct kdm_sorter *sorter = kdm_arena_zalloc(run->arena, sizeof(*sorter));

    sorter->run = run;
    sorter->search = search;
    sorter->limit = limit;
    sorter->order_count = search->sort_count;
    sorter->stride = sizeof(struct entry) + key_count(search) * sizeof(struct sort_key);
    sorter->room = limit < 32 ? 2 * limit + 2 : 64;
    sorter->entries = kdm_malloc((sorter->room + 1) * sorter->stride);
    sorter->orders =
        kdm_arena_alloc(run->arena, (search->sort_count + 1) * sizeof(*sorter->orders));
    for (size_t i = 0; i < search->sort_count; i++)
        make_order(run, &search->sorts[i], &sorter->orders[i]);
    if (search->collapse != NULL)
        make_order(run, search->collapse, &sorter->orders[search->sort_count]);
    make_after(sorter);
    return sorter;
}

void kdm_sorter_destroy(struct kdm_sorter *sorter)
{
    if (sorter == NULL)
        return;
    free(sorter->entries);
    free(sorter->worst);
}

void kdm_sorter_chunks(struct kdm_sorter *sorter, uint32_t *ret_chunks, uint32_t count)
{
    struct visit *visits = kdm_arena_alloc(sorter->run->arena, (count + 1) * sizeof(*visits));
    bool known = has_spans(sorter) || is_plain(sorter);

    for (uint32_t i = 0; i < count; i++) {
        visits[i] = (struct visit){ UINT64_MAX, i };
        for (uint32_t j = 0; known && j < CHUNK_BLOCKS; j++) {
            uint64_t word = visit_word(sorter, i, j);

            if (word < visits[i].word)
                visits[i].word = word;
        }
    }
    qsort(visits, count, sizeof(*visits), compare_visits);
    for (uint32_t i = 0; i < count; i++)
        ret_chunks[i] = visits[i].number;
}

/* --- hits ------------------------------------------------------------------------------------- */

static struct kdm_sort_value value_of(const struct kdm_sorter *sorter, size_t at,
                                      const struct entry *entry)
{
    const struct order *order = &sorter->orders[at];
    const struct sort_key *key = &entry->keys[at];
    struct kdm_sort_value value = { .missing = key->rank != VALUE };

    if (value.missing || order->sort->kind == KDM_SORT_DOC)
        return value;
    if (key->term == TERM_MISSING) {
        value.key = *order->sort->missing;
    } else if (order->kind == KEY_TERM || order->kind == KEY_ID) {
        value.key.is_text = true;
        value.key.text = kdm_arena_copy(sorter->run->arena, text_of(sorter, at, entry));
    } else {
        value.key.number = order->kind == KEY_INT ? kdm_number_int(word_int(key->word))
                                                  : kdm_number_double(word_real(key->word));
    }
    return value;
}

struct kdm_hit *kdm_sorter_hits(struct kdm_sorter *sorter, size_t from, size_t *ret_count)
{
    struct kdm_arena *arena = sorter->run->arena;
    struct kdm_hit *hits;
    size_t count;

    keep_best(sorter);
    count = sorter->count > from ? sorter->count - from : 0;
    hits = kdm_arena_zalloc(arena, (count + 1) * sizeof(*hits));
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = entry_at(sorter, from + i);
        struct kdm_sort_value *values =
            kdm_arena_alloc(arena, (sorter->order_count + 1) * sizeof(*values));

        for (size_t j = 0; j < key_count(sorter->search); j++)
            values[j] = value_of(sorter, j, entry);
        hits[i].id =
            kdm_arena_copy(arena, kdm_projection_id(sorter->run->projection, entry->ordinal));
        hits[i].sequence = entry->sequence;
        hits[i].score = entry->score;
        hits[i].values = values;
    }
    *ret_count = count;
    return hits;
}
