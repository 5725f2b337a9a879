/* own_place.h - the files of an own Redis, and the locks that say who is alive.
 * kdmd.lock     held by the kdmd that works in this directory
 * redis.lock    held by its redis-server, which inherits it: while it is held a Redis lives, also
 *               after its kdmd was killed, and no second one may be started on the same AOF
 * redis.socket  where the socket is when the directory's path is too long for one
 * redis.pid, redis.log, appendonlydir/   Redis's own
 * Any thread.
 */
#ifndef KDM_REDIS_OWN_PLACE_H
#define KDM_REDIS_OWN_PLACE_H

#include <stdbool.h>

struct kdm_own_place {
    char *dir; /* absolute, links resolved */
    char *socket;
    char *private_dir; /* of the socket; NULL when that is in `dir` */
    char *url;         /* unix:SOCKET */
    int kdmd_lock;     /* held until kdm_own_place_leave() */
};

/* Makes `dir` when missing, locks it and finds the socket's place. false with one line in
 * *ret_error (free() it). */
bool kdm_own_place_enter(struct kdm_own_place *ret_place, const char *dir, char **ret_error);

/* Unlocks and frees; unless a Redis lives on here, also removes what its socket needed. */
void kdm_own_place_leave(struct kdm_own_place *place);

/* Takes redis.lock: a descriptor for redis-server to inherit, or -1 when a Redis lives (or, with
 * errno other than EWOULDBLOCK, when the file can't be used). */
int kdm_own_place_lock_redis(const struct kdm_own_place *place);

/* DIR/NAME; free() it. */
char *kdm_own_place_path(const struct kdm_own_place *place, const char *name);

/* The last line of redis.log, for an error; free() it. */
char *kdm_own_place_last_log_line(const struct kdm_own_place *place);

#endif
