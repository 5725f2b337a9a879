/* own.h - the Redis that kdmd starts itself when it is given none.
 * A child process, in a session of its own so that Ctrl-C does not reach it, on a Unix socket in
 * the data directory: AOF with the asked-for appendfsync, maxmemory-policy noeviction, no TCP
 * port, no RDB snapshots. Two locks in that directory (flock, see own_place.h): kdmd's, so two
 * kdmd can't share one, and Redis's, inherited by it, so that two Redis never write one AOF. An own
 * Redis left over from a killed kdmd is adopted after its identity is verified (its lock, socket,
 * process and directory). A Redis that dies is started again with a growing pause. Design section
 * 4. Loop thread only. The process must ignore SIGPIPE.
 */
#ifndef KDM_REDIS_OWN_H
#define KDM_REDIS_OWN_H

#include <uv.h>

struct kdm_own_redis;

enum kdm_durability { KDM_DURABILITY_ALWAYS, KDM_DURABILITY_EVERYSEC, KDM_DURABILITY_NO };

/* Locks `data_dir` (made when missing), starts or adopts Redis and waits, at most 10 s, until it
 * answers or says that it is loading. NULL with one line in *ret_error (free() it) when the
 * directory is in use, not writable, or Redis can't be started. Blocks: only at start. */
struct kdm_own_redis *kdm_own_redis_start(uv_loop_t *loop, const char *data_dir,
                                          enum kdm_durability durability, char **ret_error);

/* Its URL, unix:/path; lent. The path is short (in a private directory of /tmp) when the
 * data directory's would be over 107 bytes. */
const char *kdm_own_redis_url(const struct kdm_own_redis *own);

/* Asks it to stop (SHUTDOWN, AOF synced), waits at most `timeout_ms`, kills it then; frees once its
 * handle is closed, so turn the loop once more. Blocks: only at the end. NULL is fine. */
void kdm_own_redis_stop(struct kdm_own_redis *own, int timeout_ms);

#endif
