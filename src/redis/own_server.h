/* own_server.h - starting redis-server, and the few words that kdmd has with it by itself.
 * All of it blocks, for at most the time that is given. Any thread.
 */
#ifndef KDM_REDIS_OWN_SERVER_H
#define KDM_REDIS_OWN_SERVER_H

#include "redis/own.h"
#include "redis/own_place.h"
#include <sys/types.h>

/* Starts redis-server in a session of its own, so that a terminal's Ctrl-C does not reach it before
 * kdmd has finished with it. It inherits `lock`, which is closed here. false with one line in
 * *ret_error (free() it). */
bool kdm_own_server_spawn(const struct kdm_own_place *place, enum kdm_durability durability,
                          int lock, pid_t *ret_pid, char **ret_error);

/* The process that answers on the place's socket, when it is a Redis that works in the place's
 * directory (it may be loading); else 0. */
pid_t kdm_own_server_identify(const struct kdm_own_place *place, int timeout_ms);

/* Sets appendfsync of a Redis that was adopted. */
bool kdm_own_server_set_durability(const struct kdm_own_place *place,
                                   enum kdm_durability durability, int timeout_ms);

/* Asks it to sync its AOF and end. false when it did not take the order. */
bool kdm_own_server_shutdown(const struct kdm_own_place *place, int timeout_ms);

#endif
