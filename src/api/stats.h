/* stats.h - requests counted, and what is kept of it: a frame every ten seconds for an hour.
 * For server:getStats and server:metrics (reference kuzzle-semantics.md 5). Loop thread only.
 */
#ifndef KDM_API_STATS_H
#define KDM_API_STATS_H

#include "base/buf.h"
#include <uv.h>

struct kdm_stats;

enum kdm_stats_protocol {
    KDM_STATS_WEBSOCKET,
    KDM_STATS_HTTP,
    KDM_STATS_INTERNAL, /* requests of our own code: counted, not shown in frames */
    KDM_STATS_PROTOCOLS
};

/* Connections now. */
struct kdm_stats_connections {
    size_t websocket, http;
};

struct kdm_stats_options {
    bool enabled;
    int64_t interval_ms, ttl_ms; /* 0: 10 s and one hour */
    /* NULL: nobody knows of connections. net/ stands behind api/ in link order, so it is asked this
     * way. */
    void (*connections)(void *ctx, struct kdm_stats_connections *ret_connections);
    void *ctx;
};

/* Takes a frame by a timer on `loop` that does not keep the loop alive. */
struct kdm_stats *kdm_stats_create(uv_loop_t *loop, const struct kdm_stats_options *options);
/* Frees once its timer is closed. NULL is fine. */
void kdm_stats_destroy(struct kdm_stats *stats);

void kdm_stats_begin(struct kdm_stats *stats, enum kdm_stats_protocol protocol);
/* `answered` false: the client had gone; then it counts as neither. */
void kdm_stats_end(struct kdm_stats *stats, enum kdm_stats_protocol protocol, bool answered,
                   bool failed);

/* Since the start. */
struct kdm_stats_totals {
    uint64_t completed[KDM_STATS_PROTOCOLS], failed[KDM_STATS_PROTOCOLS];
    uint32_t ongoing[KDM_STATS_PROTOCOLS];
};
void kdm_stats_totals(const struct kdm_stats *stats, struct kdm_stats_totals *ret_totals);

/* The frames taken from `from_ms` to `to_ms` (wall clock), oldest first, as a JSON array; how many
 * in *ret_count. false: they are disabled. */
bool kdm_stats_write(const struct kdm_stats *stats, int64_t from_ms, int64_t to_ms,
                     struct kdm_buf *buf, size_t *ret_count);
/* The newest one; one of this moment when none was taken yet. false: they are disabled. */
bool kdm_stats_write_last(const struct kdm_stats *stats, struct kdm_buf *buf);

#endif
