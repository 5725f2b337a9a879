/* clock.h - time. Milliseconds everywhere (reference kuzzle-protocol.md 1). Any thread. */
#ifndef KDM_BASE_CLOCK_H
#define KDM_BASE_CLOCK_H

#include <stdint.h>

/* Wall clock, ms since 1970; for what clients see. */
int64_t kdm_clock_ms(void);

/* Never goes back, ms since some start; for deadlines. */
int64_t kdm_clock_monotonic_ms(void);

#endif
