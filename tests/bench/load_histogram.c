/* load_histogram.c - see load_histogram.h. A bucket is an exponent and the six bits after the
 * leading one. */
#include "load_histogram.h"

static unsigned bucket_of(uint64_t ns)
{
    unsigned exponent;

    if (ns < HISTOGRAM_STEPS)
        return (unsigned)ns;
    exponent = 63 - (unsigned)__builtin_clzll(ns);
    return (exponent - 5) * HISTOGRAM_STEPS
           + (unsigned)(ns >> (exponent - 6) & (HISTOGRAM_STEPS - 1));
}

static double value_of(unsigned bucket)
{
    unsigned exponent = bucket / HISTOGRAM_STEPS;

    if (exponent == 0)
        return bucket;
    return (double)((uint64_t)(HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS) << (exponent - 1));
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    histogram->buckets[bucket_of(ns)]++;
    histogram->count++;
}

double histogram_ms(const struct histogram *histogram, double q)
{
    uint64_t below = (uint64_t)(q * (double)histogram->count), seen = 0;

    for (unsigned i = 0; i < sizeof(histogram->buckets) / sizeof(histogram->buckets[0]); i++) {
        seen += histogram->buckets[i];
        if (seen > below || (seen > 0 && seen == histogram->count))
            return value_of(i) / 1e6;
    }
    return 0;
}
