/* origin.h - which web origins may use the API (http.accessControlAllowOrigin). Any thread once
 * made. */
#ifndef KDM_API_ORIGIN_H
#define KDM_API_ORIGIN_H

#include "base/str.h"

struct kdm_origins;

/* `list`: comma-separated origins, "*" for all; NULL means "*". With `regexp` each entry is a POSIX
 * extended regular expression that must match somewhere in the origin; one that can't be read is
 * compared as it is, with a line in the log. Copies. */
struct kdm_origins *kdm_origins_create(const char *list, bool regexp);
/* NULL is fine. */
void kdm_origins_destroy(struct kdm_origins *origins);

/* A request without Origin is no browser's and is always allowed. */
bool kdm_origins_allow(const struct kdm_origins *origins, struct kdm_str origin);

/* May everybody? */
bool kdm_origins_all(const struct kdm_origins *origins);

#endif
