/* load.h - what the parts of ws_load share. */
#ifndef KDM_BENCH_LOAD_H
#define KDM_BENCH_LOAD_H

#include <stdint.h>

/* Says what went wrong and exits. */
__attribute__((noreturn)) void load_die(const char *what);

/* `memory`, unless there is none. */
void *load_need(void *memory);

uint64_t load_now_ns(void);

#endif
