/* query.h - a piece of searches that dialects have in common. Private to dialect/. Pure. */
#ifndef KDM_DIALECT_QUERY_H
#define KDM_DIALECT_QUERY_H

#include "base/buf.h"

/* A pattern for `wildcard`, as a JSON string, of the texts that end with this one or, with
 * `inside`, hold it anywhere; nothing in it stands for something else. */
void kdm_dialect_put_pattern(struct kdm_buf *buf, struct kdm_str text, bool inside);

#endif
