/* load.h - what the load generators and their parts share. */
#ifndef KDM_BENCH_LOAD_H
#define KDM_BENCH_LOAD_H

#include <stdint.h>

/* Says on stderr which program ends and why, with errno when that is set, and exits with 1. */
__attribute__((noreturn)) void load_die(const char *what);

/* `memory`, unless there is none. */
void *load_need(void *memory);

/* Nanoseconds of the monotonic clock. */
uint64_t load_now_ns(void);

#endif
