/* aggs_collect.c - documents into buckets and metrics, a chunk at a time.
 * An aggregation is handed rows with the bucket of the one above they are in (their owner), and
 * hands its children the same rows with its own buckets, a batch at a time. So a thousand buckets
 * with a metric each cost one walk over the documents.
 */
#include "search/aggs_internal.h"
#include <math.h>
#include <stdlib.h>

#define ALL_DAYS (1 << 17) /* of a table by day: 350 years */
#define DAY_MS   86400000.0

static void collect(struct kdm_run *run, struct kdm_aggs *aggs, struct kdm_agg *agg,
                    const uint32_t *rows, const uint32_t *owners, uint32_t count);

/* --- numbers as words
 * ------------------------------------------------------------------------------ */

static double as_double(const struct kdm_agg *agg, union kdm_value value)
{
    return kdm_column_real(agg->column) ? value.d : (double)value.i;
}

uint64_t kdm_agg_word(const struct kdm_agg *agg, union kdm_value value)
{
    uint64_t bits;
    double number;

    if (!agg->real)
        return (uint64_t)value.i ^ (uint64_t)1 << 63;
    number = as_double(agg, value) + 0.0; /* -0 is 0 */
    memcpy(&bits, &number, sizeof(bits));
    return (bits >> 63) != 0 ? ~bits : bits | (uint64_t)1 << 63;
}

double kdm_agg_number(const struct kdm_agg *agg, uint64_t word)
{
    uint64_t bits = (word >> 63) != 0 ? word & ~((uint64_t)1 << 63) : ~word;
    double value;

    if (!agg->real)
        return (double)(int64_t)(word ^ (uint64_t)1 << 63);
    memcpy(&value, &bits, sizeof(value));
    return value;
}

/* --- values
 * ----------------------------------------------------------------------------------------- */

static union kdm_value missing_value(const struct kdm_agg *agg)
{
    union kdm_value value = { 0 };

    if (kdm_column_real(agg->column))
        value.d = agg->missing.number.d;
    else
        value.i =
            agg->missing.number.whole ? agg->missing.number.i : (int64_t)agg->missing.number.d;
    return value;
}

/* A row's numbers; those that stand for missing ones too. */
static const union kdm_value *numbers(const struct kdm_agg *agg, const struct kdm_chunk *chunk,
                                      uint32_t row, union kdm_value *one, uint32_t *ret_count)
{
    const union kdm_value *values = kdm_column_values(agg->column, chunk, row, one, ret_count);

    if (*ret_count == 0 && agg->has_missing) {
        *one = missing_value(agg);
        *ret_count = 1;
        return one;
    }
    return values;
}

static bool is_numeric(const struct kdm_agg *agg)
{
    return agg->column != NULL && kdm_column_numeric(agg->column);
}

/* --- buckets
 * ---------------------------------------------------------------------------------------- */

static uint64_t slot_hash(uint32_t owner, uint64_t key)
{
    uint64_t x = (key ^ (uint64_t)owner << 40 ^ owner) * 0x9e3779b97f4a7c15u;

    return x ^ x >> 31;
}

static void fill_slots(struct kdm_agg *agg)
{
    agg->slot_count = agg->slot_count == 0 ? 64 : 2 * agg->slot_count;
    free(agg->slots);
    agg->slots = kdm_zalloc(agg->slot_count * sizeof(*agg->slots));
    for (uint32_t i = 0; i < agg->bucket_count; i++) {
        uint64_t at = slot_hash(agg->owners[i], agg->keys[i]);

        while (agg->slots[at & (agg->slot_count - 1)] != 0)
            at++;
        agg->slots[at & (agg->slot_count - 1)] = i + 1;
    }
}

static uint32_t new_bucket(struct kdm_agg *agg, uint32_t owner, uint64_t key)
{
    if (agg->bucket_count == agg->bucket_room) {
        agg->bucket_room = agg->bucket_room == 0 ? 16 : 2 * agg->bucket_room;
        agg->owners = kdm_realloc(agg->owners, agg->bucket_room * sizeof(*agg->owners));
        agg->keys = kdm_realloc(agg->keys, agg->bucket_room * sizeof(*agg->keys));
        agg->counts = kdm_realloc(agg->counts, agg->bucket_room * sizeof(*agg->counts));
    }
    agg->owners[agg->bucket_count] = owner;
    agg->keys[agg->bucket_count] = key;
    agg->counts[agg->bucket_count] = 0;
    return agg->bucket_count++;
}

uint32_t kdm_agg_bucket(struct kdm_run *run, struct kdm_agg *agg, uint32_t owner, uint64_t key)
{
    struct kdm_aggs *aggs = run->request->aggs;
    uint64_t at = slot_hash(owner, key);
    uint32_t bucket;

    if (4 * (uint64_t)agg->bucket_count >= 3 * (uint64_t)agg->slot_count)
        fill_slots(agg);
    while ((bucket = agg->slots[at & (agg->slot_count - 1)]) != 0) {
        if (agg->keys[bucket - 1] == key && agg->owners[bucket - 1] == owner)
            return bucket - 1;
        at++;
    }
    if (agg->kind == KDM_AGG_CARDINALITY ? ++aggs->kept > KDM_AGGS_MAX_VALUES
                                         : ++aggs->collected > KDM_AGGS_MAX_COLLECTED) {
        run->result = KDM_PROJECTION_TOO_MANY_BUCKETS;
        return KDM_AGG_NO_BUCKET;
    }
    agg->slots[at & (agg->slot_count - 1)] = agg->bucket_count + 1;
    return new_bucket(agg, owner, key);
}

static void flush(struct kdm_run *run, struct kdm_aggs *aggs, struct kdm_agg *agg)
{
    uint32_t count = agg->batch_count;

    agg->batch_count = 0;
    for (uint32_t i = 0; count > 0 && i < agg->child_count; i++)
        collect(run, aggs, agg->children[i], agg->batch_rows, agg->batch_owners, count);
}

static void put_in(struct kdm_run *run, struct kdm_aggs *aggs, struct kdm_agg *agg, uint32_t bucket,
                   uint32_t row)
{
    if (bucket == KDM_AGG_NO_BUCKET)
        return;
    agg->counts[bucket]++;
    if (agg->child_count == 0)
        return;
    agg->batch_rows[agg->batch_count] = row;
    agg->batch_owners[agg->batch_count] = bucket;
    if (++agg->batch_count == KDM_AGG_BATCH)
        flush(run, aggs, agg);
}

/* --- terms
 * ------------------------------------------------------------------------------------------ */

/* By table when there is one owner only, as at the top. */
static uint32_t term_bucket(struct kdm_run *run, struct kdm_agg *agg, uint32_t owner, uint32_t term)
{
    uint32_t bucket;

    if (agg->direct == NULL || owner != 0 || term >= agg->direct_count)
        return kdm_agg_bucket(run, agg, owner, term);
    if (agg->direct[term] == 0) {
        bucket = kdm_agg_bucket(run, agg, owner, term);
        if (bucket == KDM_AGG_NO_BUCKET)
            return bucket;
        agg->direct[term] = bucket + 1;
    }
    return agg->direct[term] - 1;
}

static void collect_terms(struct kdm_run *run, struct kdm_aggs *aggs, struct kdm_agg *agg,
                          const uint32_t *rows, const uint32_t *owners, uint32_t count)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(agg->column, run->chunk);
    uint32_t one, terms_count;

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *terms = kdm_column_terms(agg->column, &run->projection->slab, chunk,
                                                 rows[i], &one, &terms_count);

        for (uint32_t j = 0; j < terms_count; j++)
            put_in(run, aggs, agg, term_bucket(run, agg, owners[i], terms[j]), rows[i]);
        if (terms_count == 0 && agg->has_missing)
            put_in(run, aggs, agg, kdm_agg_bucket(run, agg, owners[i], agg->missing_term), rows[i]);
    }
}

/* --- numbers
 * ---------------------------------------------------------------------------------------- */

/* The day of a date, cheaper than a division of whole numbers. */
static int64_t day_of(int64_t ms)
{
    return (int64_t)floor((double)ms * (1 / DAY_MS));
}

/* Days whose whole length lies in one interval are looked up. */
static uint32_t date_bucket(struct kdm_run *run, struct kdm_agg *agg, uint32_t owner, int64_t ms)
{
    int64_t day = day_of(ms + kdm_zone_offset(agg->zone, ms)) - agg->direct_first;
    uint32_t bucket;

    if (agg->direct == NULL || owner != 0 || day < 0 || day >= agg->direct_count)
        return kdm_agg_bucket(run, agg, owner,
                              (uint64_t)kdm_agg_floor(agg, ms) ^ (uint64_t)1 << 63);
    if (agg->direct[day] == 0) {
        bucket =
            kdm_agg_bucket(run, agg, owner, (uint64_t)kdm_agg_floor(agg, ms) ^ (uint64_t)1 << 63);
        if (bucket == KDM_AGG_NO_BUCKET)
            return bucket;
        agg->direct[day] = bucket + 1;
    }
    return agg->direct[day] - 1;
}

/* Is the key that a value falls under within hard_bounds? */
static bool within_limits(const struct kdm_agg *agg, double key)
{
    return !agg->limited || (key >= agg->limit_low && key <= agg->limit_high);
}

static uint32_t number_bucket(struct kdm_run *run, struct kdm_agg *agg, uint32_t owner,
                              union kdm_value value)
{
    double step;

    if (agg->kind == KDM_AGG_DATE_HISTOGRAM)
        return !agg->limited || within_limits(agg, (double)kdm_agg_floor(agg, value.i))
                   ? date_bucket(run, agg, owner, value.i)
                   : KDM_AGG_NO_BUCKET;
    if (agg->kind == KDM_AGG_TERMS)
        return kdm_agg_bucket(run, agg, owner, kdm_agg_word(agg, value));
    step = floor((as_double(agg, value) - agg->offset) / agg->interval);
    if (!(fabs(step) < 9e15)) {
        run->result = KDM_PROJECTION_TOO_MANY_BUCKETS;
        return KDM_AGG_NO_BUCKET;
    }
    if (!within_limits(agg, step * agg->interval + agg->offset))
        return KDM_AGG_NO_BUCKET;
    return kdm_agg_bucket(run, agg, owner, (uint64_t)(int64_t)step ^ (uint64_t)1 << 63);
}

/* Sorted values of a document fall into ascending buckets: equal ones stand together. */
static void collect_numbers(struct kdm_run *run, struct kdm_aggs *aggs, struct kdm_agg *agg,
                            const uint32_t *rows, const uint32_t *owners, uint32_t count)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(agg->column, run->chunk);
    union kdm_value one;
    uint32_t value_count;

    for (uint32_t i = 0; i < count && run->result == KDM_PROJECTION_OK; i++) {
        const union kdm_value *values = numbers(agg, chunk, rows[i], &one, &value_count);
        uint32_t last = KDM_AGG_NO_BUCKET;

        for (uint32_t j = 0; j < value_count; j++) {
            uint32_t bucket = number_bucket(run, agg, owners[i], values[j]);

            if (bucket != last)
                put_in(run, aggs, agg, bucket, rows[i]);
            last = bucket;
        }
    }
}

static bool in_agg_range(const struct kdm_agg *agg, const struct kdm_agg_range *range,
                         const union kdm_value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        double value = as_double(agg, values[i]);

        if ((!range->has_from || value >= range->from) && (!range->has_to || value < range->to))
            return true;
    }
    return false;
}

static void collect_ranges(struct kdm_run *run, struct kdm_aggs *aggs, struct kdm_agg *agg,
                           const uint32_t *rows, const uint32_t *owners, uint32_t count)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(agg->column, run->chunk);
    union kdm_value one;
    uint32_t value_count;

    for (uint32_t i = 0; i < count; i++) {
        const union kdm_value *values = numbers(agg, chunk, rows[i], &one, &value_count);

        for (uint32_t j = 0; value_count > 0 && j < agg->range_count; j++)
            if (in_agg_range(agg, &agg->ranges[j], values, value_count))
                put_in(run, aggs, agg, kdm_agg_bucket(run, agg, owners[i], j), rows[i]);
    }
}

/* --- filters
 * ---------------------------------------------------------------------------------------- */

static void collect_filters(struct kdm_run *run, struct kdm_aggs *aggs, struct kdm_agg *agg,
                            const uint32_t *rows, const uint32_t *owners, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        bool other = agg->others;

        for (uint32_t j = 0; j < agg->filter_count; j++) {
            if (!kdm_bits_has(agg->matched[j]->words, rows[i]))
                continue;
            put_in(run, aggs, agg, kdm_agg_bucket(run, agg, owners[i], j), rows[i]);
            other = false;
        }
        if (other)
            put_in(run, aggs, agg, kdm_agg_bucket(run, agg, owners[i], agg->filter_count), rows[i]);
    }
}

static void collect_missing(struct kdm_run *run, struct kdm_aggs *aggs, struct kdm_agg *agg,
                            const uint32_t *rows, const uint32_t *owners, uint32_t count)
{
    const struct kdm_chunk *chunk =
        agg->column == NULL ? NULL : kdm_column_chunk(agg->column, run->chunk);

    for (uint32_t i = 0; i < count; i++)
        if (chunk == NULL || rows[i] >= chunk->rows || !kdm_bits_has(chunk->exists, rows[i]))
            put_in(run, aggs, agg, kdm_agg_bucket(run, agg, owners[i], 0), rows[i]);
}

/* --- metrics
 * ---------------------------------------------------------------------------------------- */

static void need_owner(struct kdm_agg *agg, uint32_t owner)
{
    uint32_t room = agg->owner_room;

    if (owner < agg->owner_count)
        return;
    if (owner >= room) {
        room = room == 0 ? 16 : room;
        while (room <= owner)
            room *= 2;
        if (agg->kind == KDM_AGG_TOP_HITS) {
            agg->sorters = kdm_realloc(agg->sorters, room * sizeof(*agg->sorters));
            agg->tops = kdm_realloc(agg->tops, room * sizeof(*agg->tops));
        }
        agg->stats = kdm_realloc(agg->stats, room * sizeof(*agg->stats));
        agg->owner_room = room;
    }
    for (; agg->owner_count <= owner; agg->owner_count++) {
        agg->stats[agg->owner_count] = (struct kdm_agg_stats){
            .min = INFINITY,
            .max = -INFINITY,
            .low = { INFINITY, INFINITY },
            .high = { -INFINITY, -INFINITY },
        };
        if (agg->kind == KDM_AGG_TOP_HITS) {
            agg->sorters[agg->owner_count] = NULL;
            agg->tops[agg->owner_count] = (struct kdm_agg_top){ 0 };
        }
    }
}

struct kdm_agg_stats *kdm_agg_stats(struct kdm_agg *agg, uint32_t owner)
{
    need_owner(agg, owner);
    return &agg->stats[owner];
}

void kdm_agg_keep(struct kdm_run *run, struct kdm_agg *agg, uint32_t owner, uint64_t word)
{
    if (++run->request->aggs->kept > KDM_AGGS_MAX_VALUES) {
        run->result = KDM_PROJECTION_TOO_MANY_BUCKETS;
        return;
    }
    if (agg->value_count == agg->value_room) {
        agg->value_room = agg->value_room == 0 ? 64 : 2 * agg->value_room;
        agg->values = kdm_realloc(agg->values, agg->value_room * sizeof(*agg->values));
    }
    agg->values[agg->value_count++] = (struct kdm_agg_value){ owner, word };
    kdm_agg_stats(agg, owner)->count++;
}

static void add_number(struct kdm_agg_stats *stats, double value)
{
    stats->count++;
    stats->sum += value;
    stats->squares += value * value;
    if (value < stats->min)
        stats->min = value;
    if (value > stats->max)
        stats->max = value;
}

static void collect_stats(struct kdm_run *run, struct kdm_agg *agg, const uint32_t *rows,
                          const uint32_t *owners, uint32_t count)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(agg->column, run->chunk);
    union kdm_value one;
    uint32_t value_count;

    for (uint32_t i = 0; i < count; i++) {
        const union kdm_value *values = numbers(agg, chunk, rows[i], &one, &value_count);

        need_owner(agg, owners[i]);
        for (uint32_t j = 0; j < value_count; j++)
            add_number(&agg->stats[owners[i]], as_double(agg, values[j]));
    }
}

/* Of a bucket a value is kept once: it is made a bucket of its own. */
void kdm_agg_keep_distinct(struct kdm_run *run, struct kdm_agg *agg, uint32_t owner, uint64_t word)
{
    uint32_t before = agg->bucket_count, bucket = kdm_agg_bucket(run, agg, owner, word);

    kdm_agg_stats(agg, owner)->count += bucket != KDM_AGG_NO_BUCKET && bucket == before;
}

static void collect_values(struct kdm_run *run, struct kdm_agg *agg, const uint32_t *rows,
                           const uint32_t *owners, uint32_t count)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(agg->column, run->chunk);
    union kdm_value one;
    uint32_t value_count;

    for (uint32_t i = 0; i < count && run->result == KDM_PROJECTION_OK; i++) {
        const union kdm_value *values = numbers(agg, chunk, rows[i], &one, &value_count);

        for (uint32_t j = 0; j < value_count; j++)
            if (agg->kind == KDM_AGG_PERCENTILES)
                kdm_agg_keep(run, agg, owners[i], kdm_agg_word(agg, values[j]));
            else
                kdm_agg_keep_distinct(run, agg, owners[i], kdm_agg_word(agg, values[j]));
    }
}

/* value_count and cardinality of keywords. */
static void collect_term_values(struct kdm_run *run, struct kdm_agg *agg, const uint32_t *rows,
                                const uint32_t *owners, uint32_t count)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(agg->column, run->chunk);
    uint32_t one, term_count;

    for (uint32_t i = 0; i < count && run->result == KDM_PROJECTION_OK; i++) {
        const uint32_t *terms = kdm_column_terms(agg->column, &run->projection->slab, chunk,
                                                 rows[i], &one, &term_count);

        need_owner(agg, owners[i]);
        if (term_count == 0 && agg->has_missing) {
            terms = &agg->missing_term;
            term_count = 1;
        }
        for (uint32_t j = 0; j < term_count; j++)
            if (agg->kind == KDM_AGG_VALUE_COUNT)
                agg->stats[owners[i]].count++;
            else
                kdm_agg_keep_distinct(run, agg, owners[i], terms[j]);
    }
}

static void collect_points(struct kdm_run *run, struct kdm_agg *agg, const uint32_t *rows,
                           const uint32_t *owners, uint32_t count)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(agg->column, run->chunk);
    union kdm_value one;
    uint32_t value_count;

    for (uint32_t i = 0; i < count; i++) {
        const union kdm_value *values =
            kdm_column_values(agg->column, chunk, rows[i], &one, &value_count);
        struct kdm_agg_stats *stats;

        need_owner(agg, owners[i]);
        stats = &agg->stats[owners[i]];
        for (uint32_t j = 0; j < value_count; j++) {
            stats->count++;
            stats->low.lat = fmin(stats->low.lat, values[j].point.lat);
            stats->low.lon = fmin(stats->low.lon, values[j].point.lon);
            stats->high.lat = fmax(stats->high.lat, values[j].point.lat);
            stats->high.lon = fmax(stats->high.lon, values[j].point.lon);
        }
    }
}

bool kdm_agg_can_collect(struct kdm_run *run, uint64_t more)
{
    run->request->aggs->collected += more;
    if (run->request->aggs->collected <= KDM_AGGS_MAX_COLLECTED)
        return true;
    run->result = KDM_PROJECTION_TOO_MANY_BUCKETS;
    return false;
}

static void collect_hits(struct kdm_run *run, struct kdm_agg *agg, const uint32_t *rows,
                         const uint32_t *owners, uint32_t count)
{
    const struct kdm_aggs *aggs = run->request->aggs;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t owner = owners[i];

        need_owner(agg, owner);
        agg->stats[owner].count++;
        if (agg->hits->size == 0)
            continue;
        if (agg->sorters[owner] == NULL && !kdm_agg_can_collect(run, 16)) /* it is large */
            return;
        if (agg->sorters[owner] == NULL)
            agg->sorters[owner] = kdm_sorter_create(
                run, agg->hits, (size_t)agg->hits->from + (size_t)agg->hits->size);
        kdm_sorter_add_row(agg->sorters[owner], rows[i],
                           aggs->scores == NULL ? aggs->score : aggs->scores[rows[i]]);
    }
}

/* --- the switch
 * -------------------------------------------------------------------------------------- */

static void collect_metric(struct kdm_run *run, struct kdm_agg *agg, const uint32_t *rows,
                           const uint32_t *owners, uint32_t count)
{
    if (agg->kind == KDM_AGG_TOP_HITS)
        collect_hits(run, agg, rows, owners, count);
    else if (agg->column == NULL)
        return;
    else if (agg->column->cell == KDM_CELL_TERM)
        collect_term_values(run, agg, rows, owners, count);
    else if (agg->column->cell == KDM_CELL_POINT)
        collect_points(run, agg, rows, owners, count);
    else if (agg->kind == KDM_AGG_PERCENTILES || agg->kind == KDM_AGG_CARDINALITY)
        collect_values(run, agg, rows, owners, count);
    else
        collect_stats(run, agg, rows, owners, count);
}

static void collect(struct kdm_run *run, struct kdm_aggs *aggs, struct kdm_agg *agg,
                    const uint32_t *rows, const uint32_t *owners, uint32_t count)
{
    if (run->result != KDM_PROJECTION_OK)
        return;
    if (!kdm_agg_has_buckets(agg)) {
        collect_metric(run, agg, rows, owners, count);
        return;
    }
    if (agg->kind == KDM_AGG_FILTER || agg->kind == KDM_AGG_FILTERS)
        collect_filters(run, aggs, agg, rows, owners, count);
    else if (agg->kind == KDM_AGG_MISSING)
        collect_missing(run, aggs, agg, rows, owners, count);
    else if (agg->kind == KDM_AGG_NESTED)
        kdm_agg_nested_collect(run, agg, rows, owners, count);
    else if (agg->column == NULL)
        return;
    else if (agg->kind == KDM_AGG_RANGE || agg->kind == KDM_AGG_DATE_RANGE)
        collect_ranges(run, aggs, agg, rows, owners, count);
    else if (is_numeric(agg))
        collect_numbers(run, aggs, agg, rows, owners, count);
    else
        collect_terms(run, aggs, agg, rows, owners, count);
    flush(run, aggs, agg);
}

void kdm_aggs_collect(struct kdm_run *run, struct kdm_aggs *aggs, const uint32_t *rows,
                      const uint32_t *owners, uint32_t count)
{
    for (uint32_t i = 0; count > 0 && i < aggs->count; i++)
        collect(run, aggs, aggs->items[i], rows, owners, count);
}

void kdm_aggs_add(struct kdm_run *run, struct kdm_aggs *aggs, const struct kdm_bits *matched)
{
    static const uint32_t owners[KDM_AGG_BATCH];
    uint32_t rows[KDM_AGG_BATCH], count = 0, row;

    KDM_EACH_BIT(matched->words, 0, run->words, row)
    {
        rows[count++] = row;
        if (count < KDM_AGG_BATCH)
            continue;
        kdm_aggs_collect(run, aggs, rows, owners, count);
        count = 0;
    }
    kdm_aggs_collect(run, aggs, rows, owners, count);
}

/* --- filters of a chunk
 * ------------------------------------------------------------------------------ */

static void filter_one(struct kdm_run *run, struct kdm_agg *agg, const struct kdm_bits *matched)
{
    for (uint32_t i = 0; i < agg->filter_count && run->result == KDM_PROJECTION_OK; i++)
        kdm_run_resolve(run, agg->plans[i], agg->filters[i], matched, agg->matched[i]);
    for (uint32_t i = 0; agg->kind != KDM_AGG_NESTED && i < agg->child_count; i++)
        filter_one(run, agg->children[i], matched);
}

void kdm_aggs_filter(struct kdm_run *run, struct kdm_aggs *aggs, const struct kdm_bits *matched)
{
    for (uint32_t i = 0; i < aggs->count; i++)
        filter_one(run, aggs->items[i], matched);
}

/* --- life
 * -------------------------------------------------------------------------------------------- */

/* A term that stands for missing ones and that no document has gets a number of its own. */
static void find_missing_term(struct kdm_agg *agg)
{
    if (agg->column->terms != NULL)
        agg->missing_term = kdm_terms_find(agg->column->terms, agg->missing.text);
    if (agg->missing_term == 0)
        agg->missing_term = UINT32_MAX;
}

static void make_table(struct kdm_agg *agg)
{
    const struct kdm_column *column = agg->column;

    if (agg->kind == KDM_AGG_TERMS && column->terms != NULL) {
        agg->direct_count = column->terms->names.count;
    } else if (agg->kind == KDM_AGG_DATE_HISTOGRAM && agg->offset == 0
               && agg->calendar >= KDM_CALENDAR_DAY) {
        agg->direct_first = -ALL_DAYS / 4; /* from 1880 on */
        agg->direct_count = ALL_DAYS;
    }
    if (agg->direct_count > 0)
        agg->direct = calloc(agg->direct_count, sizeof(*agg->direct)); /* NULL: slower */
}

/* A column without values, of a field that this collection does not have. */
static const struct kdm_column *empty_column(struct kdm_run *run, const struct kdm_field *field)
{
    struct kdm_column *column = kdm_arena_zalloc(run->arena, sizeof(*column));

    column->field = field;
    column->cell = (uint8_t)kdm_column_cell(field);
    column->root = true;
    return column;
}

static void find_column(struct kdm_run *run, struct kdm_agg *agg)
{
    if (agg->elsewhere)
        agg->column = empty_column(run, agg->field);
    else if (agg->field != NULL)
        agg->column = kdm_run_column(run, agg->field);
    if (agg->column == NULL || !agg->column->root) {
        agg->column = NULL;
        return;
    }
    if (agg->column->terms != NULL)
        agg->names = &agg->column->terms->names;
    if (agg->column->cell == KDM_CELL_TERM && agg->has_missing)
        find_missing_term(agg);
    make_table(agg);
}

static void begin_one(struct kdm_run *run, struct kdm_agg *agg)
{
    if (agg->kind == KDM_AGG_NESTED) {
        kdm_agg_nested_begin(run, agg);
        return; /* those below begin with its objects */
    }
    find_column(run, agg);
    if (agg->child_count > 0) {
        agg->batch_rows = kdm_arena_alloc(run->arena, KDM_AGG_BATCH * sizeof(uint32_t));
        agg->batch_owners = kdm_arena_alloc(run->arena, KDM_AGG_BATCH * sizeof(uint32_t));
    }
    agg->plans = kdm_arena_zalloc(run->arena, (agg->filter_count + 1) * sizeof(struct kdm_plan *));
    agg->matched =
        kdm_arena_zalloc(run->arena, (agg->filter_count + 1) * sizeof(struct kdm_bits *));
    for (uint32_t i = 0; i < agg->filter_count; i++) {
        agg->plans[i] = kdm_plan_create(run, agg->filters[i]);
        agg->matched[i] = kdm_arena_alloc(run->arena, sizeof(struct kdm_bits));
    }
    for (uint32_t i = 0; i < agg->child_count; i++)
        begin_one(run, agg->children[i]);
}

void kdm_aggs_begin(struct kdm_run *run, struct kdm_aggs *aggs)
{
    for (uint32_t i = 0; i < aggs->count; i++)
        begin_one(run, aggs->items[i]);
}

/* Those below a nested one run now, over its objects. */
static void end_nested(struct kdm_run *run, struct kdm_agg *agg)
{
    if (agg->kind == KDM_AGG_NESTED) {
        kdm_agg_nested_end(run, agg);
        return;
    }
    for (uint32_t i = 0; i < agg->child_count; i++)
        end_nested(run, agg->children[i]);
}

void kdm_aggs_run_nested(struct kdm_run *run, struct kdm_aggs *aggs)
{
    for (uint32_t i = 0; i < aggs->count; i++)
        end_nested(run, aggs->items[i]);
}

void kdm_aggs_end(struct kdm_run *run, struct kdm_aggs *aggs)
{
    kdm_aggs_run_nested(run, aggs);
    if (run->request->total != NULL)
        kdm_aggs_merge(run, aggs);
    else
        kdm_aggs_render(run, aggs);
}

static void fini_one(struct kdm_agg *agg)
{
    for (uint32_t i = 0; agg->sorters != NULL && i < agg->owner_count; i++)
        kdm_sorter_destroy(agg->sorters[i]);
    free(agg->sorters);
    free(agg->tops);
    kdm_agg_nested_fini(agg);
    free(agg->stats);
    free(agg->owners);
    free(agg->keys);
    free(agg->counts);
    free(agg->slots);
    free(agg->direct);
    free(agg->values);
    free(agg->by_owner);
    free(agg->first_of);
    for (uint32_t i = 0; i < agg->child_count; i++)
        fini_one(agg->children[i]);
}

void kdm_aggs_fini(struct kdm_aggs *aggs)
{
    for (uint32_t i = 0; i < aggs->count; i++)
        fini_one(aggs->items[i]);
}
