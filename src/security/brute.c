/* brute.c - see brute.h. */
#include "security/brute.h"
#include "base/arena.h"
#include <stdlib.h>

#define PLACES    4096u /* a power of two */
#define WINDOW_MS 60000
#define FREE      10 /* wrong ones in a window before it gets slow */
#define SLOW_MS   2000

struct place {
    int64_t since; /* beginning of the window */
    int64_t last;  /* attempt that was looked at */
    unsigned failed;
};

struct kdm_brute {
    struct kdm_hash_seed seed;
    struct place places[PLACES];
};

struct kdm_brute *kdm_brute_create(const struct kdm_hash_seed *seed)
{
    struct kdm_brute *brute = kdm_zalloc(sizeof(*brute));

    brute->seed = *seed;
    return brute;
}

void kdm_brute_destroy(struct kdm_brute *brute)
{
    free(brute);
}

static struct place *place_of(struct kdm_brute *brute, struct kdm_str name)
{
    return &brute->places[kdm_hash(&brute->seed, name) & (PLACES - 1)];
}

bool kdm_brute_allows(struct kdm_brute *brute, struct kdm_str name, int64_t now_ms, bool *ret_slow)
{
    struct place *place = place_of(brute, name);

    if (now_ms - place->since >= WINDOW_MS)
        *place = (struct place){ .since = now_ms };
    if (place->failed >= FREE && now_ms - place->last < SLOW_MS)
        return false;
    place->last = now_ms;
    *ret_slow = place->failed >= FREE;
    return true;
}

bool kdm_brute_tells(struct kdm_brute *brute, struct kdm_str name, bool slow)
{
    return slow || place_of(brute, name)->failed < FREE;
}

void kdm_brute_failed(struct kdm_brute *brute, struct kdm_str name, int64_t now_ms)
{
    struct place *place = place_of(brute, name);

    if (now_ms - place->since >= WINDOW_MS)
        *place = (struct place){ .since = now_ms, .last = now_ms };
    place->failed++;
}

void kdm_brute_succeeded(struct kdm_brute *brute, struct kdm_str name)
{
    place_of(brute, name)->failed = 0;
}
