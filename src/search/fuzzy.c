/* fuzzy.c - see fuzzy.h. The table of distances, of which only a band around the diagonal and three
 * rows are kept.
 */
#include "search/fuzzy.h"
#include "store/unicode.h"

#define BAND (2 * KDM_FUZZY_MAX_EDITS + 1)
#define FAR  (KDM_FUZZY_MAX_EDITS + 1)

struct kdm_fuzzy {
    struct kdm_str word;
    const uint32_t *points;
    size_t count;
    size_t prefix;
    int edits;
    bool swaps;
};

struct kdm_fuzzy *kdm_fuzzy_create(struct kdm_arena *arena, struct kdm_str word, unsigned edits,
                                   size_t prefix, bool swaps)
{
    struct kdm_fuzzy *fuzzy = kdm_arena_alloc(arena, sizeof(*fuzzy));
    uint32_t *points = kdm_arena_alloc(arena, (word.len + 1) * sizeof(*points));
    struct kdm_str rest = word;

    *fuzzy = (struct kdm_fuzzy){ .word = word, .points = points, .swaps = swaps };
    while (rest.len > 0)
        points[fuzzy->count++] = kdm_utf8_next(&rest);
    fuzzy->prefix = prefix < fuzzy->count ? prefix : fuzzy->count;
    fuzzy->edits = edits < KDM_FUZZY_MAX_EDITS ? (int)edits : KDM_FUZZY_MAX_EDITS;
    return fuzzy;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* The distance between a and b, or FAR when it is more than `edits`. row[b] of row i stands for the
 * column i + b - edits. */
static int between(const struct kdm_fuzzy *fuzzy, const uint32_t *a, int a_count, const uint32_t *b,
                   int b_count)
{
    int rows[3][BAND + 2], k = fuzzy->edits;

    for (int i = 0; i <= a_count; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        int best = FAR;

        for (int at = 0; at <= 2 * k; at++) {
            int j = i + at - k, cost = FAR;

            if (j >= 0 && j <= b_count) {
                cost = i == 0 ? j : j == 0 ? i : FAR;
                if (i > 0 && at < 2 * k)
                    cost = least(cost, above[at + 1] + 1);
                if (j > 0 && at > 0)
                    cost = least(cost, row[at - 1] + 1);
                if (i > 0 && j > 0)
                    cost = least(cost, above[at] + (a[i - 1] != b[j - 1]));
                if (fuzzy->swaps && i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    cost = least(cost, two_above[at] + 1);
            }
            row[at] = least(cost, FAR);
            best = least(best, row[at]);
        }
        if (best > k)
            return FAR;
    }
    k = rows[a_count % 3][b_count - a_count + k];
    return k <= fuzzy->edits ? k : FAR;
}

/* From the word to `text`, whose characters are counted; FAR: too far. */
static int distance(const struct kdm_fuzzy *fuzzy, struct kdm_str text, size_t *ret_count)
{
    uint32_t points[KDM_FUZZY_MAX_WORD + KDM_FUZZY_MAX_EDITS];
    size_t count = 0, most = fuzzy->count + (size_t)fuzzy->edits, skip = fuzzy->prefix;

    if (fuzzy->count > KDM_FUZZY_MAX_WORD || fuzzy->edits == 0)
        return kdm_str_eq(text, fuzzy->word) ? 0 : FAR;
    while (text.len > 0) {
        if (count == most)
            return FAR;
        points[count] = kdm_utf8_next(&text);
        if (count < skip && points[count] != fuzzy->points[count])
            return FAR;
        count++;
    }
    *ret_count = count;
    if (count < skip || count + (size_t)fuzzy->edits < fuzzy->count)
        return FAR;
    /* What both begin and end with needs no edit. */
    most = fuzzy->count;
    while (skip < count && skip < most && points[skip] == fuzzy->points[skip])
        skip++;
    while (count > skip && most > skip && points[count - 1] == fuzzy->points[most - 1]) {
        count--;
        most--;
    }
    return between(fuzzy, fuzzy->points + skip, (int)(most - skip), points + skip,
                   (int)(count - skip));
}

bool kdm_fuzzy_match(const struct kdm_fuzzy *fuzzy, struct kdm_str text)
{
    size_t count;

    return distance(fuzzy, text, &count) != FAR;
}

float kdm_fuzzy_likeness(const struct kdm_fuzzy *fuzzy, struct kdm_str text)
{
    size_t count = 0;
    int edits = distance(fuzzy, text, &count);

    if (edits == 0 || edits == FAR)
        return edits == 0 ? 1 : 0;
    if (fuzzy->count < count)
        count = fuzzy->count;
    return count <= (size_t)edits ? 0 : 1 - (float)edits / (float)count;
}
