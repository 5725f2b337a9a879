/* buf.h - text that grows: replies, commands and merged documents are written here.
 * Lives in an arena (then it needs no fini) or, with arena NULL, on the heap.
 * Never fails: see arena.h on running out of memory. One thread at a time.
 */
#ifndef KDM_BASE_BUF_H
#define KDM_BASE_BUF_H

#include "base/arena.h"
#include <stdint.h>

struct kdm_buf {
    char *ptr;
    size_t len, cap;
    struct kdm_arena *arena; /* NULL: heap */
};

/* An empty buffer with room for `room` bytes. */
void kdm_buf_init(struct kdm_buf *buf, struct kdm_arena *arena, size_t room);
void kdm_buf_fini(struct kdm_buf *buf);
void kdm_buf_grow(struct kdm_buf *buf, size_t more);

/* Room for `n` more bytes at the end; the caller writes them and adds to buf->len. */
static inline char *kdm_buf_room(struct kdm_buf *buf, size_t n)
{
    if (buf->cap - buf->len < n)
        kdm_buf_grow(buf, n);
    return buf->ptr + buf->len;
}

static inline void kdm_buf_put(struct kdm_buf *buf, struct kdm_str s)
{
    if (s.len == 0)
        return;
    memcpy(kdm_buf_room(buf, s.len), s.ptr, s.len);
    buf->len += s.len;
}

#define kdm_buf_lit(buf, literal) kdm_buf_put((buf), KDM_STR(literal))

static inline void kdm_buf_char(struct kdm_buf *buf, char c)
{
    *kdm_buf_room(buf, 1) = c;
    buf->len++;
}

/* A decimal integer. */
void kdm_buf_int(struct kdm_buf *buf, int64_t value);
void kdm_buf_printf(struct kdm_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline struct kdm_str kdm_buf_str(const struct kdm_buf *buf)
{
    return (struct kdm_str){ .ptr = buf->ptr, .len = buf->len };
}

#endif
