/* aggs_order.c - the buckets of an owner, and what comes first of them. Pure, of what was
 * collected.
 */
#include "search/aggs_internal.h"
#include <math.h>

/* --- buckets of an owner ---------------------------------------------------------------------- */

/* Counting sort of the buckets by owner, once an aggregation. */
static void sort_by_owner(struct kdm_agg *agg)
{
    uint32_t owners = 0, *at;

    if (agg->by_owner != NULL)
        return;
    for (uint32_t i = 0; i < agg->bucket_count; i++)
        if (agg->owners[i] >= owners)
            owners = agg->owners[i] + 1;
    agg->owner_count = owners;
    agg->first_of = kdm_zalloc((owners + 2) * sizeof(*agg->first_of));
    agg->by_owner = kdm_malloc((agg->bucket_count + 1) * sizeof(*agg->by_owner));
    for (uint32_t i = 0; i < agg->bucket_count; i++)
        agg->first_of[agg->owners[i] + 2]++;
    for (uint32_t i = 2; i < owners + 2; i++)
        agg->first_of[i] += agg->first_of[i - 1];
    at = agg->first_of + 1;
    for (uint32_t i = 0; i < agg->bucket_count; i++)
        agg->by_owner[at[agg->owners[i]]++] = i;
}

uint32_t *kdm_agg_buckets(struct kdm_agg *agg, uint32_t owner, uint32_t *ret_count)
{
    sort_by_owner(agg);
    *ret_count = owner < agg->owner_count ? agg->first_of[owner + 1] - agg->first_of[owner] : 0;
    return *ret_count == 0 ? NULL : agg->by_owner + agg->first_of[owner];
}

uint32_t kdm_agg_find_bucket(struct kdm_agg *agg, uint32_t owner, uint64_t key)
{
    uint32_t count, *buckets = kdm_agg_buckets(agg, owner, &count);

    for (uint32_t i = 0; i < count; i++)
        if (agg->keys[buckets[i]] == key)
            return buckets[i];
    return UINT32_MAX;
}

/* --- what metrics are ------------------------------------------------------------------------- */

double kdm_agg_variance(const struct kdm_agg_stats *stats)
{
    double count = (double)stats->count, average = stats->sum / count;

    return stats->count == 0 ? NAN : fmax(0, stats->squares / count - average * average);
}

double kdm_agg_property(const struct kdm_agg *agg, uint32_t owner, struct kdm_str property)
{
    static const struct kdm_agg_stats none = { .min = INFINITY, .max = -INFINITY };
    const struct kdm_agg_stats *stats =
        owner < agg->owner_count && agg->stats != NULL ? &agg->stats[owner] : NULL;
    struct kdm_str name = property;

    if (stats == NULL)
        stats = &none;
    if (kdm_str_eq(name, KDM_STR("value")))
        name = agg->kind == KDM_AGG_MIN   ? KDM_STR("min")
               : agg->kind == KDM_AGG_MAX ? KDM_STR("max")
               : agg->kind == KDM_AGG_AVG ? KDM_STR("avg")
               : agg->kind == KDM_AGG_SUM ? KDM_STR("sum")
                                          : KDM_STR("count");
    if (kdm_str_eq(name, KDM_STR("min")))
        return stats->min;
    if (kdm_str_eq(name, KDM_STR("max")))
        return stats->max;
    if (kdm_str_eq(name, KDM_STR("avg")))
        return stats->sum / (double)stats->count;
    if (kdm_str_eq(name, KDM_STR("sum")))
        return stats->sum;
    if (kdm_str_eq(name, KDM_STR("sum_of_squares")))
        return stats->squares;
    if (kdm_str_eq(name, KDM_STR("variance")))
        return kdm_agg_variance(stats);
    if (kdm_str_eq(name, KDM_STR("std_deviation")))
        return sqrt(kdm_agg_variance(stats));
    return (double)stats->count;
}

/* --- order ----------------------------------------------------------------------------------- */

int kdm_agg_compare_keys(const struct kdm_agg *agg, uint32_t a, uint32_t b)
{
    uint64_t x = agg->keys[a], y = agg->keys[b];

    if (agg->kind == KDM_AGG_TERMS && agg->names != NULL && x != y)
        return kdm_str_cmp(kdm_agg_term_text(agg, x), kdm_agg_term_text(agg, y));
    return (x > y) - (x < y);
}

static uint64_t count_of(const struct kdm_agg *agg, uint32_t bucket)
{
    return bucket == UINT32_MAX ? 0 : agg->counts[bucket];
}

/* What a bucket is ordered by. */
static double order_value(const struct kdm_agg *agg, const struct kdm_agg_order *order,
                          uint32_t bucket)
{
    for (uint32_t i = 0; i < order->depth; i++) {
        struct kdm_agg *below = order->path[i];

        agg = below;
        if (!kdm_agg_has_buckets(below))
            return kdm_agg_property(below, bucket, order->property);
        if (below->kind != KDM_AGG_NESTED) /* whose buckets are numbered as their owners are */
            bucket = kdm_agg_find_bucket(below, bucket, 0);
    }
    return (double)(agg->kind == KDM_AGG_NESTED ? kdm_agg_nested_count(agg, bucket)
                                                : count_of(agg, bucket));
}

int kdm_agg_compare_by(const struct kdm_agg *agg, const struct kdm_agg_order *order, uint32_t a,
                       uint32_t b)
{
    double x, y;
    int cmp;

    if (order->by_key) {
        cmp = kdm_agg_compare_keys(agg, a, b);
        return order->descending ? -cmp : cmp;
    }
    x = order_value(agg, order, a);
    y = order_value(agg, order, b);
    if (isnan(x) || isnan(y))
        return (int)isnan(x) - (int)isnan(y);
    cmp = (x > y) - (x < y);
    return order->descending ? -cmp : cmp;
}

int kdm_agg_compare(const void *left, const void *right, void *ctx)
{
    const struct kdm_agg *agg = ctx;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    for (uint32_t i = 0; i < agg->order_count; i++) {
        int cmp = kdm_agg_compare_by(agg, &agg->orders[i], a, b);

        if (cmp != 0)
            return cmp;
    }
    if (agg->order_count == 0 && agg->kind == KDM_AGG_TERMS && agg->counts[a] != agg->counts[b])
        return agg->counts[a] > agg->counts[b] ? -1 : 1;
    return kdm_agg_compare_keys(agg, a, b);
}
