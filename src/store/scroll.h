/* scroll.h - cursors: a list of pages that any node hands out one by one.
 * A search that is to be scrolled freezes its hits as pages of text; Redis keeps them until they are
 * fetched or their time is over, so a client may go on at another node. How many there are and how
 * much they hold is bounded over all nodes. Layout:
 *   kdm:{scroll}:<key>   list         the head, then the pages that are left
 *   kdm:{scroll}         sorted set   key -> when it expires (ms)
 *   kdm:{scroll}#        hash         key -> bytes
 * Loop thread only.
 */
#ifndef KDM_STORE_SCROLL_H
#define KDM_STORE_SCROLL_H

#include "store/store.h"

#define KDM_SCROLL_MAX_OPEN  500
#define KDM_SCROLL_MAX_BYTES (128u << 20) /* of all */
#define KDM_SCROLL_KEY_MAX   128

struct kdm_scroll {
    struct kdm_str key;  /* nobody can guess it */
    struct kdm_str head; /* given back with each page */
    const struct kdm_str *pages;
    size_t page_count;
    int64_t ttl_ms;
};

/* Stores it; all texts are copied. err: too_many_operations when there is no room for it. No values.
 */
void kdm_store_scroll_open(struct kdm_store *store, const struct kdm_scroll *scroll,
                           int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx);

/* The next page, which is gone then, and a new lease of ttl_ms. values: none at all: there is no such
 * cursor; else its head and the page, which is none when there was no page left. With its last page
 * a cursor goes. */
void kdm_store_scroll_next(struct kdm_store *store, struct kdm_str key, int64_t ttl_ms,
                           int64_t deadline_ms, kdm_store_values_fn *fn, void *ctx);

#endif
