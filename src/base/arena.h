/* arena.h - memory that lives as long as one request.
 * What a request allocates is freed in one step when it ends, so nothing on its
 * way needs a free. The first chunk is kept across kdm_arena_reset(), so that a
 * pooled request allocates nothing from the heap in the steady state.
 * Running out of memory ends the process with one clear line (kdm_oom): every
 * input is bounded, so it means the machine is too small, and Redis holds all
 * that was acknowledged. One thread at a time.
 */
#ifndef KDM_BASE_ARENA_H
#define KDM_BASE_ARENA_H

#include "base/str.h"
#include <stdarg.h>
#include <stdint.h>

struct kdm_arena_chunk;
struct kdm_arena_end;

struct kdm_arena {
    struct kdm_arena_chunk *chunk; /* the newest, from which is taken */
    char *at, *end;                /* what is free in it */
    size_t chunk_size;             /* bytes of an ordinary chunk */
    struct kdm_arena_end *ends;    /* what to call when it forgets, the latest first */
};

/* An empty arena; takes its first chunk at the first use. */
void kdm_arena_init(struct kdm_arena *arena, size_t chunk_size);

/* Forgets everything; keeps one ordinary chunk for the next use. */
void kdm_arena_reset(struct kdm_arena *arena);

/* Frees everything; the arena may be used again. */
void kdm_arena_fini(struct kdm_arena *arena);

/* Calls fn(ptr) when the arena forgets what it holds, by reset or fini: for a reference to something
 * shared that what is allocated in it points to. The latest is called first; fn leaves the arena alone. */
void kdm_arena_at_end(struct kdm_arena *arena, void (*fn)(void *ptr), void *ptr);

/* Bytes it has taken from the heap. */
size_t kdm_arena_size(const struct kdm_arena *arena);

/* The slow way of kdm_arena_alloc: a new chunk. */
void *kdm_arena_grow(struct kdm_arena *arena, size_t size);

/* `size` bytes, aligned to 8, not cleared. Never NULL. */
static inline void *kdm_arena_alloc(struct kdm_arena *arena, size_t size)
{
    size_t rounded = (size + 7) & ~(size_t)7;
    char *ptr = arena->at;

    if ((size_t)(arena->end - ptr) < rounded)
        return kdm_arena_grow(arena, size);
    arena->at = ptr + rounded;
    return ptr;
}

/* The same, cleared. */
void *kdm_arena_zalloc(struct kdm_arena *arena, size_t size);

/* `items`, of which there are *cap of `size` bytes, in an array with room for twice as many; at least
 * for `least`. *cap becomes that number. */
void *kdm_arena_double(struct kdm_arena *arena, const void *items, uint32_t *cap, uint32_t least,
                       size_t size);
/* For an array that only ever grows, item by item: the same when the room behind its `count` items is
 * used up, else the array as it is. How much room there is follows from the count, so nobody keeps it.
 * 0 items: a new one. */
void *kdm_arena_more(struct kdm_arena *arena, void *items, size_t count, size_t size);

/* A copy of `s` in the arena, with a NUL behind it that its length does not count.
 * KDM_STR_NONE stays KDM_STR_NONE. */
struct kdm_str kdm_arena_copy(struct kdm_arena *arena, struct kdm_str s);

/* printf into the arena. */
struct kdm_str kdm_arena_printf(struct kdm_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct kdm_str kdm_arena_vprintf(struct kdm_arena *arena, const char *format, va_list args);

/* The same on the heap: the caller frees its text. */
struct kdm_str kdm_heap_copy(struct kdm_str s);

/* malloc and friends that end the process instead of returning NULL. */
void *kdm_malloc(size_t size);
void *kdm_zalloc(size_t size);
void *kdm_realloc(void *ptr, size_t size);
_Noreturn void kdm_oom(size_t size);

#endif
