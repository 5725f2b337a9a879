/* buf.c - growing text. In an arena the old text is left behind when it grows, unless it
 * is the arena's last allocation: then it grows where it lies.
 */
#include "base/buf.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define LEAST_ROOM 64u

void kdm_buf_init(struct kdm_buf *buf, struct kdm_arena *arena, size_t room)
{
    room = room < LEAST_ROOM ? LEAST_ROOM : (room + 7) & ~(size_t)7;
    buf->arena = arena;
    buf->len = 0;
    buf->cap = room;
    buf->ptr = arena == NULL ? kdm_malloc(room) : kdm_arena_alloc(arena, room);
}

void kdm_buf_fini(struct kdm_buf *buf)
{
    if (buf->arena == NULL)
        free(buf->ptr);
    buf->ptr = NULL;
    buf->len = buf->cap = 0;
}

static bool grow_in_place(struct kdm_buf *buf, size_t cap)
{
    struct kdm_arena *arena = buf->arena;

    if (buf->ptr + buf->cap != arena->at || (size_t)(arena->end - arena->at) < cap - buf->cap)
        return false;
    arena->at += cap - buf->cap;
    return true;
}

void kdm_buf_grow(struct kdm_buf *buf, size_t more)
{
    size_t cap = buf->cap * 2;

    if (cap - buf->len < more)
        cap = buf->len + more;
    cap = cap < LEAST_ROOM ? LEAST_ROOM : (cap + 7) & ~(size_t)7;
    if (cap < more)
        kdm_oom(more);
    if (buf->arena == NULL) {
        buf->ptr = kdm_realloc(buf->ptr, cap);
    } else if (!grow_in_place(buf, cap)) {
        char *ptr = kdm_arena_alloc(buf->arena, cap);

        if (buf->len > 0)
            memcpy(ptr, buf->ptr, buf->len);
        buf->ptr = ptr;
    }
    buf->cap = cap;
}

void kdm_buf_int(struct kdm_buf *buf, int64_t value)
{
    char text[KDM_DECIMAL_MAX + 1], *end = text + sizeof(text), *at;

    at = kdm_decimal_before(end, value < 0 ? -(uint64_t)value : (uint64_t)value);
    if (value < 0)
        *--at = '-';
    kdm_buf_put(buf, (struct kdm_str){ .ptr = at, .len = (size_t)(end - at) });
}

void kdm_buf_printf(struct kdm_buf *buf, const char *format, ...)
{
    va_list args, again;
    int len;

    va_start(args, format);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len > 0) {
        /* One byte more than counts: vsnprintf ends with a NUL. */
        vsnprintf(kdm_buf_room(buf, (size_t)len + 1), (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}
