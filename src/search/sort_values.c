/* sort_values.c - the order of hits.
 * What a document is sorted by is read once, when it matched, so sorting needs no document. Equal
 * hits keep the order they came in.
 */
#include "base/hash.h"
#include "search/search_internal.h"
#include "search/values.h"
#include <stdlib.h>

/* --- values of a hit -------------------------------------------------------------------------- */

struct collection {
    struct kdm_arena *scratch;
    struct kdm_key *keys;
    size_t count;
};

static bool collect(void *ctx, const struct kdm_key *key)
{
    struct collection *all = ctx;

    all->keys = kdm_arena_more(all->scratch, all->keys, all->count, sizeof(*all->keys));
    all->keys[all->count++] = *key;
    return false;
}

static int compare_keys(const void *a, const void *b)
{
    return kdm_key_cmp(a, b);
}

/* Which of the sorted keys, or what of all of them, stands for the document. */
static struct kdm_key chosen(const struct kdm_sort *sort, const struct collection *all)
{
    struct kdm_key key = all->keys[0];
    double sum = 0;

    if (sort->mode == KDM_MODE_MAX)
        return all->keys[all->count - 1];
    if (sort->mode == KDM_MODE_MIN || key.is_text)
        return key;
    if (sort->mode == KDM_MODE_MEDIAN) {
        double a = all->keys[(all->count - 1) / 2].number.d, b = all->keys[all->count / 2].number.d;

        key.number = kdm_number_double((a + b) / 2);
        return key;
    }
    for (size_t i = 0; i < all->count; i++)
        sum += all->keys[i].number.d;
    key.number = kdm_number_double(sort->mode == KDM_MODE_AVG ? sum / (double)all->count : sum);
    return key;
}

/* --- nested objects and places ---------------------------------------------------------------- */

struct objects {
    const struct kdm_sort *sort;
    struct collection *all;
    struct kdm_str id;
};

static bool collect_of_object(void *ctx, struct kdm_val object)
{
    struct objects *objects = ctx;

    return kdm_field_keys(objects->all->scratch, objects->sort->field, objects->sort->nested,
                          object, objects->id, collect, objects->all);
}

struct places {
    const struct kdm_field *field;
    struct kdm_arena *scratch;
    struct kdm_point *points;
    size_t count;
};

static bool collect_place(void *ctx, struct kdm_val value)
{
    struct places *places = ctx;
    struct kdm_point point;

    if (!kdm_field_point(places->field, places->scratch, value, &point))
        return false;
    places->points =
        kdm_arena_more(places->scratch, places->points, places->count, sizeof(*places->points));
    places->points[places->count++] = point;
    return false;
}

static void read_distance(const struct kdm_sort *sort, struct kdm_arena *scratch,
                          struct kdm_val source, struct kdm_sort_value *value)
{
    struct places places = { .field = sort->field, .scratch = scratch };

    if (sort->field != NULL)
        kdm_field_values(scratch, sort->field, NULL, source, collect_place, &places);
    if (places.count > 0)
        *value = (struct kdm_sort_value){ .key.number = kdm_number_double(kdm_sort_distance(
                                              sort, places.points, places.count)) };
}

/* `scope`: the objects of which `source` is one; NULL: it is the document. */
static void read_value(const struct kdm_sort *sort, const struct kdm_field *scope,
                       struct kdm_arena *arena, struct kdm_arena *scratch, struct kdm_val source,
                       const struct kdm_hit *hit, struct kdm_sort_value *value)
{
    struct collection all = { .scratch = scratch };
    struct objects objects = { sort, &all, hit->id };

    *value = (struct kdm_sort_value){ .missing = true };
    switch (sort->kind) {
    case KDM_SORT_SCORE:
        *value = (struct kdm_sort_value){ .key = { .number = kdm_number_double(hit->score) } };
        return;
    case KDM_SORT_ID:
        *value = (struct kdm_sort_value){ .key = { .is_text = true, .text = hit->id } };
        return;
    case KDM_SORT_DOC:
        value->missing = false;
        return;
    case KDM_SORT_DISTANCE:
        read_distance(sort, scratch, source, value);
        return;
    case KDM_SORT_FIELD:
        break;
    }
    if (sort->nested != NULL)
        kdm_nested_objects(scratch, sort->nested, NULL, source, collect_of_object, &objects);
    else if (sort->field != NULL)
        kdm_field_keys(scratch, sort->field, scope, source, hit->id, collect, &all);
    if (all.count == 0) {
        if (sort->missing != NULL)
            *value = (struct kdm_sort_value){ .key = *sort->missing };
        return;
    }
    qsort(all.keys, all.count, sizeof(*all.keys), compare_keys);
    *value = (struct kdm_sort_value){ .key = chosen(sort, &all) };
    if (value->key.is_text)
        value->key.text = kdm_arena_copy(arena, value->key.text);
}

void kdm_search_values(const struct kdm_search *search, struct kdm_arena *arena,
                       struct kdm_arena *scratch, struct kdm_val source, struct kdm_hit *hit)
{
    struct kdm_sort_value *values = NULL;

    if (search->sort_count > 0 || search->collapse != NULL)
        values = kdm_arena_alloc(arena, (search->sort_count + 1) * sizeof(*values));
    for (size_t i = 0; i < search->sort_count; i++)
        read_value(&search->sorts[i], NULL, arena, scratch, source, hit, &values[i]);
    if (search->collapse != NULL)
        read_value(search->collapse, NULL, arena, scratch, source, hit,
                   &values[search->sort_count]);
    hit->values = values;
}

void kdm_search_object_values(const struct kdm_search *order, const struct kdm_field *nested,
                              struct kdm_arena *arena, struct kdm_val object, struct kdm_hit *hit)
{
    struct kdm_sort_value *values =
        kdm_arena_alloc(arena, (order->sort_count + 1) * sizeof(*values));

    for (size_t i = 0; i < order->sort_count; i++)
        read_value(&order->sorts[i], nested, arena, arena, object, hit, &values[i]);
    hit->values = values;
}

/* --- order ------------------------------------------------------------------------------------ */

static int compare_values(const struct kdm_sort *sort, const struct kdm_sort_value *a,
                          const struct kdm_sort_value *b)
{
    int order;

    if (a->missing || b->missing) {
        order = (int)a->missing - (int)b->missing; /* missing ones last */
        return sort->missing_first ? -order : order;
    }
    order = kdm_key_cmp(&a->key, &b->key);
    return sort->descending ? -order : order;
}

static int compare_all(const struct kdm_search *search, const struct kdm_sort_value *a,
                       const struct kdm_sort_value *b)
{
    for (size_t i = 0; i < search->sort_count; i++) {
        int order = compare_values(&search->sorts[i], &a[i], &b[i]);

        if (order != 0)
            return order;
    }
    return 0;
}

static int compare_hits(const struct kdm_search *search, const struct kdm_hit *a,
                        const struct kdm_hit *b)
{
    if (search->sort_count > 0)
        return compare_all(search, a->values, b->values);
    return (a->score < b->score) - (a->score > b->score);
}

/* Merges two sorted halves; equal hits keep their order, which qsort() does not promise. */
static void merge_sort(const struct kdm_search *search, struct kdm_hit *hits, struct kdm_hit *spare,
                       size_t count)
{
    size_t half = count / 2, left = 0, right = half, out = 0;

    if (count < 2)
        return;
    merge_sort(search, hits, spare, half);
    merge_sort(search, hits + half, spare, count - half);
    if (compare_hits(search, &hits[half - 1], &hits[half]) <= 0)
        return;
    memcpy(spare, hits, half * sizeof(*hits));
    while (left < half && right < count)
        hits[out++] =
            compare_hits(search, &spare[left], &hits[right]) <= 0 ? spare[left++] : hits[right++];
    while (left < half)
        hits[out++] = spare[left++];
}

/* --- collapsing ------------------------------------------------------------------------------- */

static uint64_t hash_value(const struct kdm_sort_value *value)
{
    uint64_t hash = 14695981039346656037u;

    if (value->missing)
        return 1;
    if (!value->key.is_text)
        return value->key.number.whole ? (uint64_t)value->key.number.i * 0x9e3779b97f4a7c15u
                                       : (uint64_t)(int64_t)(value->key.number.d * 1e3);
    for (size_t i = 0; i < value->key.text.len; i++)
        hash = (hash ^ (unsigned char)value->key.text.ptr[i]) * 1099511628211u;
    return hash;
}

static bool same_value(const struct kdm_sort_value *a, const struct kdm_sort_value *b)
{
    return a->missing == b->missing && (a->missing || kdm_key_cmp(&a->key, &b->key) == 0);
}

/* Leaves the first hit of each value; returns how many. */
static size_t collapse_hits(const struct kdm_search *search, struct kdm_hit *hits, size_t count)
{
    size_t at = search->sort_count, kept = 0, slots = 16;
    uint32_t *table;

    while (slots < 2 * count)
        slots *= 2;
    table = kdm_zalloc(slots * sizeof(*table)); /* hits + 1 */
    for (size_t i = 0; i < count; i++) {
        size_t slot = (hash_value(&hits[i].values[at]) >> 7) & (slots - 1);

        while (table[slot] != 0
               && !same_value(&hits[table[slot] - 1].values[at], &hits[i].values[at]))
            slot = (slot + 1) & (slots - 1);
        if (table[slot] != 0)
            continue;
        hits[kept++] = hits[i];
        table[slot] = (uint32_t)kept;
    }
    free(table);
    return kept;
}

size_t kdm_search_page(const struct kdm_search *search, struct kdm_hit *hits, size_t count,
                       size_t *ret_first)
{
    struct kdm_hit *spare = kdm_malloc((count / 2 + 1) * sizeof(*spare));
    size_t first = (size_t)search->from;

    merge_sort(search, hits, spare, count);
    free(spare);
    if (search->collapse != NULL)
        count = collapse_hits(search, hits, count);
    if (search->after != NULL)
        for (first = 0; first < count; first++)
            if (compare_all(search, hits[first].values, search->after) > 0)
                break;
    if (first > count)
        first = count;
    *ret_first = first;
    return count - first < (size_t)search->size ? count - first : (size_t)search->size;
}
