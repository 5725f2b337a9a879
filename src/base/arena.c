/* arena.c - chunks in a list, the newest first.
 * A request larger than a quarter of a chunk gets a chunk of its own, linked behind
 * the newest one, so that what is left there is not lost and the newest is always
 * an ordinary chunk: the one that kdm_arena_reset() keeps.
 * Under AddressSanitizer every allocation is a chunk of its own, so that a byte
 * written behind one, or a use after the reset, is reported where it happens.
 */
#include "base/arena.h"
#include "base/log.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CHECKED 1
#endif
#endif
#ifndef CHECKED
#define CHECKED 0
#endif

struct kdm_arena_chunk {
    struct kdm_arena_chunk *older;
    size_t size; /* bytes of data[] */
    char data[];
};

struct kdm_arena_end {
    struct kdm_arena_end *earlier;
    void (*fn)(void *ptr);
    void *ptr;
};

/* Where an empty arena points, so that it has no NULL to add to. */
static char nothing[1];

void kdm_arena_init(struct kdm_arena *arena, size_t chunk_size)
{
    arena->chunk = NULL;
    arena->at = arena->end = nothing;
    arena->chunk_size = chunk_size < 64 ? 64 : (chunk_size + 7) & ~(size_t)7;
    arena->ends = NULL;
}

void kdm_arena_at_end(struct kdm_arena *arena, void (*fn)(void *ptr), void *ptr)
{
    struct kdm_arena_end *end = kdm_arena_alloc(arena, sizeof(*end));

    *end = (struct kdm_arena_end){ .earlier = arena->ends, .fn = fn, .ptr = ptr };
    arena->ends = end;
}

static void call_ends(struct kdm_arena *arena)
{
    for (struct kdm_arena_end *end = arena->ends; end != NULL; end = end->earlier)
        end->fn(end->ptr);
    arena->ends = NULL;
}

static void free_chunks(struct kdm_arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct kdm_arena_chunk *older = chunk->older;

        free(chunk);
        chunk = older;
    }
}

void kdm_arena_reset(struct kdm_arena *arena)
{
    struct kdm_arena_chunk *kept = arena->chunk;

    if (kept == NULL)
        return;
    if (CHECKED) {
        kdm_arena_fini(arena);
        return;
    }
    call_ends(arena);
    free_chunks(kept->older);
    kept->older = NULL;
    arena->at = kept->data;
    arena->end = kept->data + kept->size;
}

void kdm_arena_fini(struct kdm_arena *arena)
{
    call_ends(arena);
    free_chunks(arena->chunk);
    kdm_arena_init(arena, arena->chunk_size);
}

size_t kdm_arena_size(const struct kdm_arena *arena)
{
    size_t size = 0;

    for (const struct kdm_arena_chunk *chunk = arena->chunk; chunk != NULL; chunk = chunk->older)
        size += chunk->size;
    return size;
}

static struct kdm_arena_chunk *new_chunk(size_t size)
{
    struct kdm_arena_chunk *chunk;

    if (size > SIZE_MAX - sizeof(*chunk))
        kdm_oom(size);
    chunk = kdm_malloc(sizeof(*chunk) + size);
    chunk->older = NULL;
    chunk->size = size;
    return chunk;
}

static void use_new_ordinary_chunk(struct kdm_arena *arena)
{
    struct kdm_arena_chunk *chunk = new_chunk(arena->chunk_size);

    chunk->older = arena->chunk;
    arena->chunk = chunk;
    arena->at = chunk->data;
    arena->end = chunk->data + chunk->size;
}

static void *alloc_alone(struct kdm_arena *arena, size_t size)
{
    struct kdm_arena_chunk *chunk = new_chunk(size);

    if (arena->chunk == NULL) {
        arena->chunk = chunk;
    } else {
        chunk->older = arena->chunk->older;
        arena->chunk->older = chunk;
    }
    return chunk->data;
}

void *kdm_arena_grow(struct kdm_arena *arena, size_t size)
{
    char *ptr;

    if (CHECKED)
        return alloc_alone(arena, size);
    if (arena->chunk == NULL)
        use_new_ordinary_chunk(arena);
    if (size > arena->chunk_size / 4)
        return alloc_alone(arena, size);
    size = (size + 7) & ~(size_t)7;
    if ((size_t)(arena->end - arena->at) < size)
        use_new_ordinary_chunk(arena);
    ptr = arena->at;
    arena->at += size;
    return ptr;
}

void *kdm_arena_zalloc(struct kdm_arena *arena, size_t size)
{
    return memset(kdm_arena_alloc(arena, size), 0, size);
}

void *kdm_arena_double(struct kdm_arena *arena, const void *items, uint32_t *cap, uint32_t least,
                       size_t size)
{
    uint32_t more = *cap == 0 ? least : 2 * *cap;
    void *larger = kdm_arena_alloc(arena, more * size);

    if (*cap > 0)
        memcpy(larger, items, *cap * size);
    *cap = more;
    return larger;
}

static struct kdm_str copy_to(char *space, struct kdm_str s)
{
    memcpy(space, s.ptr, s.len);
    space[s.len] = '\0';
    return (struct kdm_str){ .ptr = space, .len = s.len };
}

#define FIRST_ITEMS 8u /* a power of two */

void *kdm_arena_more(struct kdm_arena *arena, void *items, size_t count, size_t size)
{
    bool full = count == 0 || (count >= FIRST_ITEMS && (count & (count - 1)) == 0);
    uint32_t cap = (uint32_t)count;

    return full ? kdm_arena_double(arena, items, &cap, FIRST_ITEMS, size) : items;
}

struct kdm_str kdm_arena_copy(struct kdm_arena *arena, struct kdm_str s)
{
    return kdm_str_none(s) ? KDM_STR_NONE : copy_to(kdm_arena_alloc(arena, s.len + 1), s);
}

struct kdm_str kdm_heap_copy(struct kdm_str s)
{
    return kdm_str_none(s) ? KDM_STR_NONE : copy_to(kdm_malloc(s.len + 1), s);
}

struct kdm_str kdm_arena_vprintf(struct kdm_arena *arena, const char *format, va_list args)
{
    va_list again;
    int len;
    char *text;

    va_copy(again, args);
    len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0)
        len = 0;
    text = kdm_arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, args);
    return (struct kdm_str){ .ptr = text, .len = (size_t)len };
}

struct kdm_str kdm_arena_printf(struct kdm_arena *arena, const char *format, ...)
{
    struct kdm_str text;
    va_list args;

    va_start(args, format);
    text = kdm_arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

void *kdm_malloc(size_t size)
{
    void *ptr = malloc(size == 0 ? 1 : size);

    if (ptr == NULL)
        kdm_oom(size);
    return ptr;
}

void *kdm_zalloc(size_t size)
{
    void *ptr = calloc(1, size == 0 ? 1 : size);

    if (ptr == NULL)
        kdm_oom(size);
    return ptr;
}

void *kdm_realloc(void *ptr, size_t size)
{
    void *moved = realloc(ptr, size == 0 ? 1 : size);

    if (moved == NULL)
        kdm_oom(size);
    return moved;
}

_Noreturn void kdm_oom(size_t size)
{
    kdm_log_error("out of memory: no %zu bytes more", size);
    abort();
}
