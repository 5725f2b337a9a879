/* mindsphere_index.c - entries of lists found by one of their members. A body or a type may have a
 * thousand variables: what is looked for once an entry is looked for in sorted order.
 */
#include "dialect/mindsphere.h"
#include <stdlib.h>

static int by_key(const void *a, const void *b)
{
    const struct kdm_ms_entry *x = a, *y = b;
    int order = kdm_str_cmp(x->key, y->key);

    if (order == 0)
        order = (x->list > y->list) - (x->list < y->list);
    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

void kdm_ms_index(struct kdm_arena *arena, const struct kdm_val *lists, size_t list_count,
                  const char *member, struct kdm_ms_index *ret_index)
{
    struct kdm_ms_index index = { .count = 0 };
    struct kdm_val_iter it;
    size_t most = 1, at;

    for (size_t i = 0; i < list_count; i++)
        most += kdm_val_count(lists[i]);
    index.items = kdm_arena_alloc(arena, most * sizeof(*index.items));
    for (size_t i = 0; i < list_count; i++) {
        struct kdm_ms_entry entry = { .list = i };

        at = 0;
        for (kdm_elements(&it, lists[i]); kdm_element_next(&it, &entry.val);) {
            entry.at = at++;
            entry.key = kdm_val_str(arena, kdm_val_get(entry.val, kdm_str_of(member)));
            if (!kdm_str_none(entry.key))
                index.items[index.count++] = entry;
        }
    }
    if (index.count > 1)
        qsort(index.items, index.count, sizeof(*index.items), by_key);
    *ret_index = index;
}

/* How many entries stand before the key, or, with those that have it, before what comes next. */
static size_t bound(const struct kdm_ms_index *index, struct kdm_str key, bool with)
{
    size_t low = 0, high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = kdm_str_cmp(index->items[middle].key, key);

        if (order < 0 || (with && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct kdm_ms_entry *kdm_ms_index_find(const struct kdm_ms_index *index, struct kdm_str key,
                                             size_t *ret_count)
{
    size_t first = bound(index, key, false);

    *ret_count = kdm_str_none(key) ? 0 : bound(index, key, true) - first;
    return *ret_count == 0 ? NULL : &index->items[first];
}

struct kdm_val kdm_ms_index_get(const struct kdm_ms_index *index, struct kdm_str key)
{
    size_t count;
    const struct kdm_ms_entry *found = kdm_ms_index_find(index, key, &count);

    return found == NULL ? KDM_VAL_NONE : found->val;
}

bool kdm_ms_has_origin(struct kdm_val entry)
{
    return !kdm_val_none(kdm_val_path(entry, KDM_STR("_links.origin")));
}
