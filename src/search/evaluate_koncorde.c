/* evaluate_koncorde.c - Koncorde's leaves against a document (reference koncorde.md 2 and 3).
 * Strict: no coercion, arrays are never entered on the way to a field, a field that is there with
 * null exists. Negation is decided here because for bad points and for values that are no strings
 * it isn't the complement.
 */
#include "search/geometry.h"
#include "search/koncorde.h"
#include "search/values.h"

struct kdm_val kdm_koncorde_value(struct kdm_arena *scratch, struct kdm_val object,
                                  struct kdm_str path)
{
    struct kdm_val found = KDM_VAL_NONE;
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (path.len == 0 || memchr(path.ptr, '.', path.len) == NULL)
        return kdm_val_get(object, path);
    for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);) {
        struct kdm_str text = kdm_val_str(scratch, name);
        struct kdm_val inner = value;

        if (!kdm_str_starts(path, text))
            continue;
        if (text.len < path.len) {
            if (path.ptr[text.len] != '.' || kdm_val_type(value) != KDM_JSON_OBJECT)
                continue;
            inner = kdm_koncorde_value(scratch, value, kdm_str_from(path, text.len + 1));
        }
        if (!kdm_val_none(inner))
            found = inner;
    }
    return found;
}

/* Numbers as ranges compare them: exactly while they are whole, else as doubles. */
static bool same_scalar(struct kdm_arena *scratch, struct kdm_val a, struct kdm_val b)
{
    struct kdm_number left, right;

    if (kdm_val_type(a) != kdm_val_type(b) || kdm_val_type(a) > KDM_JSON_STRING)
        return false;
    if (kdm_val_type(a) == KDM_JSON_NUMBER)
        return kdm_number_parse(kdm_val_text(a), &left) && kdm_number_parse(kdm_val_text(b), &right)
               && kdm_number_cmp(left, right) == 0;
    return kdm_val_equal(scratch, a, b);
}

static bool contains(struct kdm_arena *scratch, struct kdm_val array, struct kdm_val wanted)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    for (kdm_elements(&it, array); kdm_element_next(&it, &element);)
        if (same_scalar(scratch, element, wanted))
            return true;
    return false;
}

bool kdm_koncorde_in_range(const struct kdm_query *query, struct kdm_number number)
{
    int low = query->has_low ? kdm_number_cmp(number, query->keys[0].number) : 1;
    int high = query->has_high ? kdm_number_cmp(number, query->keys[1].number) : -1;

    return (query->open_low ? low > 0 : low >= 0) && (query->open_high ? high < 0 : high <= 0);
}

static bool in_range(const struct kdm_query *query, struct kdm_val value)
{
    struct kdm_number number;

    return kdm_val_type(value) == KDM_JSON_NUMBER && kdm_number_parse(kdm_val_text(value), &number)
           && kdm_koncorde_in_range(query, number);
}

/* --- match ------------------------------------------------------------------------------------ */

static bool like(struct kdm_arena *scratch, struct kdm_val wanted, struct kdm_val value);

/* The first element like `wanted` that nobody has taken; all that are equal to a scalar are alike,
 * so for scalars this is all there is to do. */
static bool take_free(struct kdm_arena *scratch, struct kdm_val wanted, struct kdm_val array,
                      struct kdm_val *taken_by)
{
    struct kdm_val_iter it;
    struct kdm_val element;
    size_t i = 0;

    for (kdm_elements(&it, array); kdm_element_next(&it, &element); i++) {
        if (!kdm_val_none(taken_by[i]) || !like(scratch, wanted, element))
            continue;
        taken_by[i] = wanted;
        return true;
    }
    return false;
}

/* Pairs each wanted element with a value of its own: augmenting paths, since an object that was
 * taken first may be the only one that another object is like. */
static bool assign(struct kdm_arena *scratch, struct kdm_val wanted, struct kdm_val array,
                   struct kdm_val *taken_by, bool *tried)
{
    struct kdm_val_iter it;
    struct kdm_val element;
    size_t i = 0;

    if (take_free(scratch, wanted, array, taken_by))
        return true;
    if (kdm_val_type(wanted) <= KDM_JSON_STRING)
        return false;
    for (kdm_elements(&it, array); kdm_element_next(&it, &element); i++) {
        if (tried[i] || !like(scratch, wanted, element))
            continue;
        tried[i] = true;
        if (kdm_val_none(taken_by[i]) || assign(scratch, taken_by[i], array, taken_by, tried)) {
            taken_by[i] = wanted;
            return true;
        }
    }
    return false;
}

static bool like_array(struct kdm_arena *scratch, struct kdm_val wanted, struct kdm_val array)
{
    size_t count = kdm_val_count(array);
    struct kdm_val *taken_by = kdm_arena_zalloc(scratch, (count + 1) * sizeof(*taken_by));
    bool *tried = kdm_arena_zalloc(scratch, count + 1);
    struct kdm_val_iter it;
    struct kdm_val element;

    if (kdm_val_type(array) != KDM_JSON_ARRAY || kdm_val_count(wanted) > count)
        return false;
    for (kdm_elements(&it, wanted); kdm_element_next(&it, &element);) {
        memset(tried, 0, count);
        if (!assign(scratch, element, array, taken_by, tried))
            return false;
    }
    return true;
}

static bool like_object(struct kdm_arena *scratch, struct kdm_val wanted, struct kdm_val object)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    if (kdm_val_type(object) != KDM_JSON_OBJECT)
        return false;
    for (kdm_members(&it, wanted); kdm_member_next(&it, &name, &value);)
        if (!like(scratch, value, kdm_val_get(object, kdm_val_str(scratch, name))))
            return false;
    return true;
}

static bool like(struct kdm_arena *scratch, struct kdm_val wanted, struct kdm_val value)
{
    switch (kdm_val_type(wanted)) {
    case KDM_JSON_OBJECT:
        return like_object(scratch, wanted, value);
    case KDM_JSON_ARRAY:
        return like_array(scratch, wanted, value);
    default:
        return same_scalar(scratch, wanted, value);
    }
}

/* --- regexp ----------------------------------------------------------------------------------- */

static bool found_in(const struct kdm_query *query, struct kdm_str text,
                     const struct kdm_query **too_costly)
{
    enum kdm_regexp_result result = kdm_regexp_match(query->regexp, text);

    if (result == KDM_REGEXP_TOO_COSTLY)
        *too_costly = query;
    return result == KDM_REGEXP_YES;
}

/* What JavaScript's String() makes of it: an array is its elements with commas between. */
static void put_as_text(struct kdm_arena *scratch, struct kdm_val value, struct kdm_buf *buf)
{
    struct kdm_val_iter it;
    struct kdm_val element;
    bool first = true;

    switch (kdm_val_type(value)) {
    case KDM_JSON_ARRAY:
        for (kdm_elements(&it, value); kdm_element_next(&it, &element); first = false) {
            if (!first)
                kdm_buf_char(buf, ',');
            if (!kdm_val_null(element))
                put_as_text(scratch, element, buf);
        }
        break;
    case KDM_JSON_OBJECT:
        kdm_buf_lit(buf, "[object Object]");
        break;
    case KDM_JSON_NULL:
        kdm_buf_lit(buf, "null");
        break;
    default:
        kdm_buf_put(buf, kdm_scalar_text(scratch, value));
    }
}

static bool matches_regexp(const struct kdm_query *query, struct kdm_arena *scratch,
                           struct kdm_val value, const struct kdm_query **too_costly)
{
    struct kdm_buf buf;

    if (kdm_val_type(value) == KDM_JSON_STRING)
        return found_in(query, kdm_val_str(scratch, value), too_costly) != query->negated;
    if (!query->negated)
        return false;
    if (kdm_val_none(value))
        return true;
    kdm_buf_init(&buf, scratch, 64);
    put_as_text(scratch, value, &buf);
    return !found_in(query, kdm_buf_str(&buf), too_costly);
}

/* --- places, select --------------------------------------------------------------------------- */

static bool falsy(struct kdm_val value)
{
    double number;

    return kdm_val_null(value) || kdm_val_type(value) == KDM_JSON_FALSE
           || kdm_val_str_eq(value, KDM_STR("")) || (kdm_val_double(value, &number) && number == 0);
}

bool kdm_koncorde_inside(const struct kdm_query *query, struct kdm_point point)
{
    double metres;

    switch (query->kind) {
    case KDM_QUERY_K_GEO_DISTANCE:
        metres = kdm_geo_ellipsoid(point, query->points[0]);
        return metres >= query->near && metres <= query->far;
    case KDM_QUERY_K_GEO_BOX:
        return kdm_geo_in_box(point, query->points[0], query->points[1]);
    default:
        return kdm_geo_in_great_polygon(point, query->points, query->point_count);
    }
}

/* A bad point is in no place and outside of none. */
static bool matches_place(const struct kdm_query *query, struct kdm_arena *scratch,
                          struct kdm_val value)
{
    struct kdm_point point;

    if (falsy(value))
        return query->negated;
    return kdm_koncorde_point(scratch, value, &point)
           && kdm_koncorde_inside(query, point) != query->negated;
}

static struct kdm_val element_at(struct kdm_val array, int64_t index)
{
    int64_t count = kdm_val_count(array);
    struct kdm_val_iter it;
    struct kdm_val element;

    if (kdm_val_type(array) != KDM_JSON_ARRAY || index >= count || index < -count)
        return KDM_VAL_NONE;
    if (index < 0)
        index += count;
    kdm_elements(&it, array);
    do {
        kdm_element_next(&it, &element);
    } while (index-- > 0);
    return element;
}

/* The element alone, called "value", without an id. */
static bool matches_select(const struct kdm_query *query, struct kdm_arena *scratch,
                           struct kdm_val array, const struct kdm_query **too_costly)
{
    struct kdm_val element = element_at(array, query->index);
    struct kdm_query_document inner = { .id = KDM_STR_NONE };
    struct kdm_buf buf;

    if (kdm_val_none(element))
        return false;
    kdm_buf_init(&buf, scratch, kdm_val_text(element).len + 16);
    kdm_buf_lit(&buf, "{\"value\":");
    kdm_buf_put(&buf, kdm_val_text(element));
    kdm_buf_char(&buf, '}');
    inner.source = kdm_json_parse(scratch, kdm_buf_str(&buf));
    return kdm_query_match(query->child, scratch, &inner, NULL, too_costly);
}

struct kdm_val kdm_koncorde_id(struct kdm_arena *scratch, struct kdm_str id)
{
    struct kdm_json *doc = kdm_arena_alloc(scratch, sizeof(*doc));
    struct kdm_buf buf;

    if (kdm_str_none(id))
        return KDM_VAL_NONE;
    kdm_buf_init(&buf, scratch, id.len + 8);
    kdm_json_put_str(&buf, id);
    return kdm_json_scan(scratch, kdm_buf_str(&buf), doc, NULL) ? kdm_json_root(doc) : KDM_VAL_NONE;
}

bool kdm_koncorde_leaf(const struct kdm_query *query, struct kdm_arena *scratch,
                       struct kdm_val value, const struct kdm_query **too_costly)
{
    switch ((enum kdm_query_kind)query->kind) {
    case KDM_QUERY_K_EQUALS:
        return same_scalar(scratch, query->value, value) != query->negated;
    case KDM_QUERY_K_EXISTS:
        return !kdm_val_none(value) != query->negated;
    case KDM_QUERY_K_CONTAINS:
        return contains(scratch, value, query->value) != query->negated;
    case KDM_QUERY_K_RANGE:
        return in_range(query, value) != query->negated;
    case KDM_QUERY_K_REGEXP:
        return matches_regexp(query, scratch, value, too_costly);
    case KDM_QUERY_K_MATCH:
        return like(scratch, query->value, value) != query->negated;
    case KDM_QUERY_K_SELECT:
        return matches_select(query, scratch, value, too_costly);
    default:
        return matches_place(query, scratch, value);
    }
}

struct element_test {
    const struct kdm_query *query;
    struct kdm_arena *scratch;
    const struct kdm_query **too_costly;
};

static bool element_fits(void *ctx, struct kdm_val value)
{
    const struct element_test *test = ctx;

    return kdm_koncorde_leaf(test->query, test->scratch, value, test->too_costly);
}

bool kdm_koncorde_match(const struct kdm_query *query, struct kdm_arena *scratch,
                        const struct kdm_query_document *document,
                        const struct kdm_query **too_costly)
{
    struct element_test test = { query, scratch, too_costly };
    struct kdm_val value = kdm_str_eq(query->path, KDM_STR("_id"))
                               ? kdm_koncorde_id(scratch, document->id)
                               : kdm_koncorde_value(scratch, document->source, query->path);

    if (query->elements && !kdm_str_eq(query->path, KDM_STR("_id")))
        return kdm_values_at(scratch, document->source, query->path, false, element_fits, &test);
    return kdm_koncorde_leaf(query, scratch, value, too_costly);
}
