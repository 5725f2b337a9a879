/* read.c - walking the index. */
#include "json/name.h"
#include "json/number.h"

static struct kdm_val val_at(const struct kdm_json *doc, uint32_t node)
{
    return (struct kdm_val){ .doc = doc, .node = node };
}

uint32_t kdm_val_count(struct kdm_val val)
{
    return kdm_val_type(val) >= KDM_JSON_ARRAY ? kdm_val_node(val)->count : 0;
}

struct kdm_val kdm_val_get(struct kdm_val object, struct kdm_str name)
{
    const struct kdm_json *doc = object.doc;
    const struct kdm_json_node *node;
    struct kdm_val found = KDM_VAL_NONE;
    struct kdm_json_name wanted;

    if (kdm_val_type(object) != KDM_JSON_OBJECT)
        return KDM_VAL_NONE;
    node = kdm_val_node(object);
    wanted = kdm_json_name_str(name);
    for (uint32_t i = object.node + 1; i < node->next; i = doc->nodes[i + 1].next) {
        if (!kdm_json_name_is(doc, &doc->nodes[i], &wanted))
            continue;
        found = val_at(doc, i + 1);
        if (!(node->flags & KDM_JSON_DUPLICATE))
            break;
    }
    return found;
}

struct kdm_val kdm_val_path(struct kdm_val object, struct kdm_str path)
{
    const char *dot;

    while (path.len > 0 && (dot = memchr(path.ptr, '.', path.len)) != NULL) {
        size_t len = (size_t)(dot - path.ptr);

        object = kdm_val_get(object, (struct kdm_str){ .ptr = path.ptr, .len = len });
        path = kdm_str_from(path, len + 1);
    }
    return kdm_val_get(object, path);
}

static void walk(struct kdm_val_iter *it, struct kdm_val val, enum kdm_json_type type)
{
    *it = (struct kdm_val_iter){ .doc = NULL };
    if (kdm_val_type(val) == type)
        *it = (struct kdm_val_iter){ .doc = val.doc,
                                     .node = val.node + 1,
                                     .end = kdm_val_node(val)->next };
}

void kdm_members(struct kdm_val_iter *it, struct kdm_val object)
{
    walk(it, object, KDM_JSON_OBJECT);
}

bool kdm_member_next(struct kdm_val_iter *it, struct kdm_val *ret_name, struct kdm_val *ret_value)
{
    if (it->node >= it->end)
        return false;
    *ret_name = val_at(it->doc, it->node);
    *ret_value = val_at(it->doc, it->node + 1);
    it->node = it->doc->nodes[it->node + 1].next;
    return true;
}

void kdm_elements(struct kdm_val_iter *it, struct kdm_val array)
{
    walk(it, array, KDM_JSON_ARRAY);
}

bool kdm_element_next(struct kdm_val_iter *it, struct kdm_val *ret_value)
{
    if (it->node >= it->end)
        return false;
    *ret_value = val_at(it->doc, it->node);
    it->node = it->doc->nodes[it->node].next;
    return true;
}

struct kdm_str kdm_val_str(struct kdm_arena *arena, struct kdm_val val)
{
    struct kdm_str inner;
    char *bytes;

    if (kdm_val_type(val) != KDM_JSON_STRING)
        return KDM_STR_NONE;
    inner = kdm_json_inner(val.doc, kdm_val_node(val));
    if (!(kdm_val_node(val)->flags & KDM_JSON_ESCAPED))
        return inner;
    bytes = kdm_arena_alloc(arena, inner.len);
    return (struct kdm_str){ .ptr = bytes, .len = kdm_json_unescape(inner, bytes) };
}

bool kdm_val_str_eq(struct kdm_val val, struct kdm_str s)
{
    if (kdm_val_type(val) != KDM_JSON_STRING)
        return false;
    return kdm_json_inner_eq(kdm_json_inner(val.doc, kdm_val_node(val)),
                             kdm_val_node(val)->flags & KDM_JSON_ESCAPED, s, false);
}

static struct kdm_decimal decimal_of(struct kdm_val val)
{
    struct kdm_decimal decimal;

    kdm_decimal_read(&decimal, kdm_val_text(val));
    return decimal;
}

bool kdm_val_int64(struct kdm_val val, int64_t *ret_value)
{
    struct kdm_decimal decimal;

    if (kdm_val_type(val) != KDM_JSON_NUMBER)
        return false;
    decimal = decimal_of(val);
    return kdm_decimal_int64(&decimal, ret_value);
}

bool kdm_val_double(struct kdm_val val, double *ret_value)
{
    struct kdm_decimal decimal;

    if (kdm_val_type(val) != KDM_JSON_NUMBER)
        return false;
    decimal = decimal_of(val);
    *ret_value = kdm_decimal_double(&decimal);
    return true;
}

/* --- equality --------------------------------------------------------------------------- */

/* Whole numbers are compared exactly, others as the doubles that every client makes of them. */
static bool numbers_equal(struct kdm_val a, struct kdm_val b)
{
    struct kdm_decimal left = decimal_of(a), right = decimal_of(b);
    int64_t whole;

    if (kdm_decimal_equal(&left, &right))
        return true;
    if (kdm_decimal_int64(&left, &whole) && kdm_decimal_int64(&right, &whole))
        return false;
    return kdm_decimal_double(&left) == kdm_decimal_double(&right);
}

static bool strings_equal(struct kdm_val a, struct kdm_val b)
{
    const struct kdm_json_node *left = kdm_val_node(a), *right = kdm_val_node(b);

    return kdm_json_inner_eq(kdm_json_inner(a.doc, left), left->flags & KDM_JSON_ESCAPED,
                             kdm_json_inner(b.doc, right), right->flags & KDM_JSON_ESCAPED);
}

static bool arrays_equal(struct kdm_arena *arena, struct kdm_val a, struct kdm_val b)
{
    struct kdm_val_iter left, right;
    struct kdm_val one, other;

    if (kdm_val_count(a) != kdm_val_count(b))
        return false;
    kdm_elements(&left, a);
    kdm_elements(&right, b);
    while (kdm_element_next(&left, &one) && kdm_element_next(&right, &other)) {
        if (!kdm_val_equal(arena, one, other))
            return false;
    }
    return true;
}

static uint32_t count_names(struct kdm_arena *arena, struct kdm_val object)
{
    struct kdm_json_member_iter it;
    struct kdm_val name, value;
    uint32_t count = 0;

    if (!(kdm_val_node(object)->flags & KDM_JSON_DUPLICATE))
        return kdm_val_count(object);
    kdm_json_resolved(&it, arena, object);
    while (kdm_json_resolved_next(&it, &name, &value))
        count++;
    return count;
}

static bool objects_equal(struct kdm_arena *arena, struct kdm_val a, struct kdm_val b)
{
    struct kdm_json_member_iter it;
    struct kdm_json_names others;
    struct kdm_val name, value;

    if (count_names(arena, a) != count_names(arena, b))
        return false;
    kdm_json_names_init(&others, arena, b);
    kdm_json_resolved(&it, arena, a);
    while (kdm_json_resolved_next(&it, &name, &value)) {
        struct kdm_json_name wanted = kdm_json_name_of(a.doc, kdm_val_node(name));

        if (!kdm_val_equal(arena, value, kdm_json_names_value(&others, &wanted)))
            return false;
    }
    return true;
}

bool kdm_val_equal(struct kdm_arena *arena, struct kdm_val a, struct kdm_val b)
{
    if (kdm_val_type(a) != kdm_val_type(b))
        return false;
    if (kdm_val_none(a) || kdm_str_eq(kdm_val_text(a), kdm_val_text(b)))
        return true;
    switch (kdm_val_type(a)) {
    case KDM_JSON_NUMBER:
        return numbers_equal(a, b);
    case KDM_JSON_STRING:
        return strings_equal(a, b);
    case KDM_JSON_ARRAY:
        return arrays_equal(arena, a, b);
    case KDM_JSON_OBJECT:
        return objects_equal(arena, a, b);
    default:
        return true;
    }
}
