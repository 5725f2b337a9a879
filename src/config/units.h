/* units.h - sizes and durations as people write them. Pure functions, any thread. */
#ifndef KDM_CONFIG_UNITS_H
#define KDM_CONFIG_UNITS_H

#include "base/str.h"
#include <stdint.h>

/* "512", "512b", "64kb", "1MB", "1.5 gb": bytes, units are powers of 1024 in any case. false when
 * `text` is none, or beyond 2^53; *ret_bytes then stays untouched. */
bool kdm_units_size(struct kdm_str text, int64_t *ret_bytes);

/* "1500", "1.5s", "1m", "2 hours", "-1": milliseconds (reference kuzzle-protocol.md 11). Without a
 * unit it is ms. The result is rounded to whole ms. false as above. */
bool kdm_units_duration(struct kdm_str text, int64_t *ret_ms);

#endif
