/* url.h - where Redis is: redis://[[user]:password@]host[:port][/db] or unix:/path[?db=N].
 * Bytes in, struct or one line out; user and password may be percent-encoded. What the URL
 * can't say is refused rather than guessed. Any thread.
 */
#ifndef KDM_REDIS_URL_H
#define KDM_REDIS_URL_H

#include <stdbool.h>

struct kdm_redis_url {
    char *path;     /* of the Unix socket; NULL: TCP */
    char *host;     /* name or address, without brackets */
    char *user;     /* NULL: the default user */
    char *password; /* NULL: no AUTH */
    char *name;     /* what may be logged: "host:port" or the path, never the password */
    int port;
    int db;
};

/* Fills *ret_url (free with kdm_redis_url_fini()), or returns false with one line in *ret_error
 * (free it with free()). */
bool kdm_redis_url_parse(const char *text, struct kdm_redis_url *ret_url, char **ret_error);
void kdm_redis_url_fini(struct kdm_redis_url *url);

#endif
