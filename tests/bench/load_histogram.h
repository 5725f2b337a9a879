/* load_histogram.h - latencies in constant memory, exact to 1.6 %. */
#ifndef KDM_BENCH_LOAD_HISTOGRAM_H
#define KDM_BENCH_LOAD_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 64 /* a power of two is divided into */

struct histogram {
    uint64_t count;
    uint64_t buckets[64 * HISTOGRAM_STEPS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);

/* The value below which the part `q` of all lies, in ms; 0 when there is none. */
double histogram_ms(const struct histogram *histogram, double q);

#endif
