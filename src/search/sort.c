/* sort.c - the order of hits.
 * What a document is sorted by is read once, when it matched, so sorting needs no document. Equal
 * hits keep the order they came in.
 */
#include "search/search_internal.h"
#include "search/values.h"
#include <stdlib.h>

/* --- parsing
 * -------------------------------------------------------------------------------------- */

static bool fail(struct kdm_query_parser *parser, const char *text, struct kdm_str name)
{
    kdm_query_fail(parser, KDM_STR("sort"), "%s: \"%s\"", text, kdm_query_shown(parser, name));
    return false;
}

static bool parse_order(struct kdm_query_parser *parser, struct kdm_val value,
                        struct kdm_sort *sort)
{
    struct kdm_str order = kdm_val_str(parser->arena, value);

    if (order.len == 3 && strncasecmp(order.ptr, "asc", 3) == 0)
        sort->descending = false;
    else if (order.len == 4 && strncasecmp(order.ptr, "desc", 4) == 0)
        sort->descending = true;
    else
        return fail(parser, "the order must be asc or desc, not", kdm_val_text(value));
    return true;
}

static bool parse_mode(struct kdm_query_parser *parser, struct kdm_val value, struct kdm_sort *sort)
{
    static const char *const names[] = { "min", "max", "sum", "avg", "median" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!kdm_val_str_eq(value, kdm_str_of(names[i])))
            continue;
        sort->mode = (enum kdm_sort_mode)i;
        return true;
    }
    return fail(parser, "the mode is not known", kdm_val_text(value));
}

static bool parse_missing(struct kdm_query_parser *parser, struct kdm_val value,
                          struct kdm_sort *sort)
{
    struct kdm_key *key;

    if (kdm_val_null(value) || kdm_val_str_eq(value, KDM_STR("_last")))
        return true;
    if (kdm_val_str_eq(value, KDM_STR("_first"))) {
        sort->missing_first = true;
        return true;
    }
    if (sort->field == NULL)
        return true;
    key = kdm_arena_alloc(parser->arena, sizeof(*key));
    sort->missing = key;
    return kdm_query_key(parser, KDM_STR("sort"), sort->field, value, false, NULL, key);
}

static bool is_sortable(const struct kdm_field *field)
{
    return field->type >= KDM_FIELD_KEYWORD && field->type <= KDM_FIELD_IP && field->doc_values
           && field->type != KDM_FIELD_TEXT && field->type != KDM_FIELD_GEO_POINT
           && field->type != KDM_FIELD_GEO_SHAPE;
}

static bool resolve(struct kdm_query_parser *parser, struct kdm_str name, bool unmapped,
                    struct kdm_sort *sort)
{
    if (kdm_str_eq(name, KDM_STR("_score"))) {
        sort->kind = KDM_SORT_SCORE;
        sort->descending = true;
        return true;
    }
    if (kdm_str_eq(name, KDM_STR("_doc"))) {
        sort->kind = KDM_SORT_DOC;
        return true;
    }
    if (kdm_str_eq(name, KDM_STR("_geo_distance")) || kdm_str_eq(name, KDM_STR("_script")))
        return fail(parser, "this order is not supported yet", name);
    sort->kind = kdm_str_eq(name, KDM_STR("_id")) ? KDM_SORT_ID : KDM_SORT_FIELD;
    if (sort->kind == KDM_SORT_ID) {
        sort->field = &kdm_query_id;
        return true;
    }
    sort->field = parser->mapping == NULL ? NULL : kdm_mapping_find(parser->mapping, name);
    if (sort->field == NULL)
        return unmapped
               || fail(parser, "the field is not mapped, so nothing can be sorted by it", name);
    return is_sortable(sort->field) || fail(parser, "this type of field can't be sorted by", name);
}

/* {order, missing, mode, unmapped_type, ..}, or the order alone. */
static bool parse_options(struct kdm_query_parser *parser, struct kdm_str name,
                          struct kdm_val value, struct kdm_sort *sort)
{
    static const char *const known[] = { "order",  "missing",      "mode",   "unmapped_type",
                                         "format", "numeric_type", "nested", NULL };
    bool object = kdm_val_type(value) == KDM_JSON_OBJECT;
    struct kdm_val order = object ? kdm_val_get(value, KDM_STR("order")) : value;
    struct kdm_val mode = kdm_val_get(value, KDM_STR("mode"));
    float boost;

    if (object && !kdm_query_params(parser, KDM_STR("sort"), value, known, &boost))
        return false;
    if (!kdm_val_null(kdm_val_get(value, KDM_STR("nested"))))
        return fail(parser, "sorting by nested objects is not supported yet", name);
    if (!resolve(parser, name, !kdm_val_null(kdm_val_get(value, KDM_STR("unmapped_type"))), sort)
        || (!kdm_val_none(order) && !parse_order(parser, order, sort)))
        return false;
    sort->mode = sort->descending ? KDM_MODE_MAX : KDM_MODE_MIN;
    return (kdm_val_null(mode) || parse_mode(parser, mode, sort))
           && parse_missing(parser, kdm_val_get(value, KDM_STR("missing")), sort);
}

static struct kdm_sort *new_sort(struct kdm_query_parser *parser, struct kdm_search *search)
{
    if (search->sort_count < KDM_SEARCH_MAX_SORTS)
        return &search->sorts[search->sort_count++];
    kdm_query_fail(parser, KDM_STR("sort"), "can't have more than %d keys", KDM_SEARCH_MAX_SORTS);
    return NULL;
}

/* "name", or {name: options, ..}. */
static bool parse_sort(struct kdm_query_parser *parser, struct kdm_val value,
                       struct kdm_search *search)
{
    struct kdm_val_iter it;
    struct kdm_val name, options;
    struct kdm_sort *sort;

    if (kdm_val_type(value) == KDM_JSON_STRING) {
        sort = new_sort(parser, search);
        return sort != NULL
               && parse_options(parser, kdm_val_str(parser->arena, value), KDM_VAL_NONE, sort);
    }
    if (kdm_val_type(value) != KDM_JSON_OBJECT)
        return fail(parser, "a key must be a name or an object", kdm_val_text(value));
    for (kdm_members(&it, value); kdm_member_next(&it, &name, &options);) {
        sort = new_sort(parser, search);
        if (sort == NULL || !parse_options(parser, kdm_val_str(parser->arena, name), options, sort))
            return false;
    }
    return true;
}

/* --- search_after
 * ------------------------------------------------------------------------------------ */

static bool parse_after_value(struct kdm_query_parser *parser, const struct kdm_sort *sort,
                              struct kdm_val value, struct kdm_sort_value *after)
{
    struct kdm_number number;

    if (kdm_val_type(value) == KDM_JSON_NULL) {
        after->missing = true;
        return true;
    }
    if (sort->field != NULL)
        return kdm_query_key(parser, KDM_STR("search_after"), sort->field, value, false, NULL,
                             &after->key);
    if (!kdm_number_parse(kdm_val_text(value), &number))
        return kdm_query_fail(parser, KDM_STR("search_after"), "needs a number here") != NULL;
    after->key = (struct kdm_key){ .number = number };
    return true;
}

static bool parse_after(struct kdm_query_parser *parser, struct kdm_val body,
                        struct kdm_search *search)
{
    struct kdm_val values = kdm_val_get(body, KDM_STR("search_after")), value;
    struct kdm_sort_value *after;
    struct kdm_val_iter it;
    size_t count = 0;

    if (kdm_val_null(values))
        return true;
    if (kdm_val_type(values) != KDM_JSON_ARRAY || kdm_val_count(values) != search->sort_count
        || search->sort_count == 0)
        return kdm_query_fail(parser, KDM_STR("search_after"), "needs one value for each sort key")
               != NULL;
    if (search->from != 0)
        return kdm_query_fail(parser, KDM_STR("search_after"), "can't be used with \"from\"")
               != NULL;
    after = kdm_arena_zalloc(parser->arena, search->sort_count * sizeof(*after));
    for (kdm_elements(&it, values); kdm_element_next(&it, &value); count++)
        if (!parse_after_value(parser, &search->sorts[count], value, &after[count]))
            return false;
    search->after = after;
    return true;
}

bool kdm_sort_parse(struct kdm_query_parser *parser, struct kdm_val body, struct kdm_search *search)
{
    struct kdm_val value = kdm_val_get(body, KDM_STR("sort")), element;
    struct kdm_val_iter it;

    search->sorts = kdm_arena_zalloc(parser->arena, KDM_SEARCH_MAX_SORTS * sizeof(*search->sorts));
    if (kdm_val_type(value) == KDM_JSON_ARRAY) {
        for (kdm_elements(&it, value); kdm_element_next(&it, &element);)
            if (!parse_sort(parser, element, search))
                return false;
    } else if (!kdm_val_null(value) && !parse_sort(parser, value, search)) {
        return false;
    }
    search->by_score = search->sort_count == 0;
    for (size_t i = 0; i < search->sort_count; i++)
        search->by_score |= search->sorts[i].kind == KDM_SORT_SCORE;
    return parse_after(parser, body, search);
}

/* --- values of a hit
 * ------------------------------------------------------------------------------------ */

struct collection {
    struct kdm_arena *scratch;
    struct kdm_key *keys;
    size_t count, room;
};

static bool collect(void *ctx, const struct kdm_key *key)
{
    struct collection *all = ctx;

    if (all->count == all->room) {
        size_t room = all->room == 0 ? 8 : 2 * all->room;
        struct kdm_key *keys = kdm_arena_alloc(all->scratch, room * sizeof(*keys));

        if (all->count > 0)
            memcpy(keys, all->keys, all->count * sizeof(*keys));
        all->keys = keys;
        all->room = room;
    }
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

static void read_value(const struct kdm_sort *sort, struct kdm_arena *arena,
                       struct kdm_arena *scratch, struct kdm_val source, const struct kdm_hit *hit,
                       struct kdm_sort_value *value)
{
    struct collection all = { .scratch = scratch };

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
    case KDM_SORT_FIELD:
        break;
    }
    if (sort->field != NULL)
        kdm_field_keys(scratch, sort->field, NULL, source, hit->id, collect, &all);
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

    if (search->sort_count > 0)
        values = kdm_arena_alloc(arena, search->sort_count * sizeof(*values));
    for (size_t i = 0; i < search->sort_count; i++)
        read_value(&search->sorts[i], arena, scratch, source, hit, &values[i]);
    hit->values = values;
}

/* --- order
 * ------------------------------------------------------------------------------------------------
 */

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

size_t kdm_search_page(const struct kdm_search *search, struct kdm_hit *hits, size_t count,
                       size_t *ret_first)
{
    struct kdm_hit *spare = kdm_malloc((count / 2 + 1) * sizeof(*spare));
    size_t first = (size_t)search->from;

    merge_sort(search, hits, spare, count);
    free(spare);
    if (search->after != NULL)
        for (first = 0; first < count; first++)
            if (compare_all(search, hits[first].values, search->after) > 0)
                break;
    if (first > count)
        first = count;
    *ret_first = first;
    return count - first < (size_t)search->size ? count - first : (size_t)search->size;
}
