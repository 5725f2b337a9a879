/* query.h - query strings taken apart, and escapes in paths. Pure functions over an arena, any
 * thread. */
#ifndef KDM_API_QUERY_H
#define KDM_API_QUERY_H

#include "base/arena.h"
#include "base/buf.h"

#define KDM_QUERY_MAX 256 /* pairs */

struct kdm_query_pair {
    struct kdm_str name, value; /* value is empty for a bare flag */
    bool used;                  /* for whoever walks the list */
};

struct kdm_query_args {
    struct kdm_query_pair *pairs; /* in order, repeated names and all */
    size_t count;
};

/* "a=1&b" with %XX and '+' decoded; a '%' that starts no escape stands for itself. The texts are
 * bytes: whether they are UTF-8 is not looked at. false: more than KDM_QUERY_MAX pairs. */
bool kdm_query_parse(struct kdm_arena *arena, struct kdm_str text,
                     struct kdm_query_args *ret_query);

/* `text` with %XX decoded, in the arena where it differs; a '%' that starts no escape stands for
 * itself. */
struct kdm_str kdm_percent_decode(struct kdm_arena *arena, struct kdm_str text);

/* The first value of that name; none when absent. */
struct kdm_str kdm_query_get(const struct kdm_query_args *query, struct kdm_str name);

/* Appends the text with what can't stand for itself in a query as %XX: all but letters, digits, -,
 * ., _ and ~. */
void kdm_percent_encode(struct kdm_buf *buf, struct kdm_str text);

#endif
