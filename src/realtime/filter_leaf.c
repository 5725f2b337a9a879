/* filter_leaf.c - one condition as text, the same for all that are written differently and mean the
 * same: the text is what leaves are sorted, compared and shared by.
 */
#include "realtime/filter_internal.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- values ------------------------------------------------------------------------------ */

struct member {
    struct kdm_str name;
    struct kdm_val value;
};

static int compare_members(const void *a, const void *b)
{
    const struct member *left = a, *right = b;
    int order = kdm_str_cmp(left->name, right->name);

    return order != 0
               ? order
               : (left->value.node > right->value.node) - (left->value.node < right->value.node);
}

static void put_object(struct kdm_buf *buf, struct kdm_val object)
{
    size_t count = 0;
    struct member *members =
        kdm_arena_alloc(buf->arena, (kdm_val_count(object) + 1) * sizeof(*members));
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);)
        members[count++] = (struct member){ kdm_val_str(buf->arena, name), value };
    qsort(members, count, sizeof(*members), compare_members);
    kdm_buf_char(buf, '{');
    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && kdm_str_eq(members[i].name, members[i + 1].name))
            continue; /* of a name that stands twice the last one counts */
        kdm_json_put_name(buf, members[i].name);
        kdm_filter_put_value(buf, members[i].value);
    }
    kdm_buf_char(buf, '}');
}

static void put_number(struct kdm_buf *buf, struct kdm_number number)
{
    if (number.whole)
        kdm_buf_int(buf, number.i);
    else
        kdm_json_put_double(buf, number.d);
}

void kdm_filter_put_value(struct kdm_buf *buf, struct kdm_val value)
{
    struct kdm_val_iter it;
    struct kdm_val element;
    struct kdm_number number;

    switch (kdm_val_type(value)) {
    case KDM_JSON_OBJECT:
        put_object(buf, value);
        break;
    case KDM_JSON_ARRAY:
        kdm_buf_char(buf, '[');
        for (kdm_elements(&it, value); kdm_element_next(&it, &element);) {
            kdm_json_put_comma(buf);
            kdm_filter_put_value(buf, element);
        }
        kdm_buf_char(buf, ']');
        break;
    case KDM_JSON_STRING:
        kdm_json_put_str(buf, kdm_val_str(buf->arena, value));
        break;
    case KDM_JSON_NUMBER:
        if (kdm_number_parse(kdm_val_text(value), &number)) {
            put_number(buf, number);
            break;
        }
        /* fall through */
    default:
        kdm_buf_put(buf, kdm_val_text(value));
    }
}

/* --- leaves ------------------------------------------------------------------------------ */

static void put_exists(struct kdm_buf *buf, const struct kdm_query *leaf)
{
    struct kdm_buf name;

    kdm_buf_init(&name, buf->arena, leaf->path.len + 16);
    for (size_t i = 0; i < leaf->path.len; i++) {
        if (leaf->path.ptr[i] == '[' || leaf->path.ptr[i] == ']')
            kdm_buf_char(&name, '\\');
        kdm_buf_char(&name, leaf->path.ptr[i]);
    }
    if (leaf->kind == KDM_QUERY_K_CONTAINS) {
        kdm_buf_char(&name, '[');
        kdm_filter_put_value(&name, leaf->value);
        kdm_buf_char(&name, ']');
    }
    kdm_json_put_str(buf, kdm_buf_str(&name));
}

static void put_range(struct kdm_buf *buf, const struct kdm_query *leaf)
{
    kdm_buf_char(buf, '{');
    if (leaf->has_low) {
        kdm_json_put_name(buf, leaf->open_low ? KDM_STR("gt") : KDM_STR("gte"));
        put_number(buf, leaf->keys[0].number);
    }
    if (leaf->has_high) {
        kdm_json_put_name(buf, leaf->open_high ? KDM_STR("lt") : KDM_STR("lte"));
        put_number(buf, leaf->keys[1].number);
    }
    kdm_buf_char(buf, '}');
}

/* Only i, m and s mean something. */
static void put_regexp(struct kdm_buf *buf, const struct kdm_query *leaf)
{
    static const char known[] = "ims";
    char flags[3];
    size_t count = 0;

    for (const char *flag = known; *flag != '\0'; flag++)
        if (leaf->flags.len > 0 && memchr(leaf->flags.ptr, *flag, leaf->flags.len) != NULL)
            flags[count++] = *flag;
    if (count == 0) {
        kdm_json_put_str(buf, leaf->text);
        return;
    }
    kdm_buf_lit(buf, "{\"flags\":");
    kdm_json_put_str(buf, (struct kdm_str){ flags, count });
    kdm_buf_lit(buf, ",\"value\":");
    kdm_json_put_str(buf, leaf->text);
    kdm_buf_char(buf, '}');
}

static void put_select(struct kdm_buf *buf, const struct kdm_query *leaf, struct kdm_str inner)
{
    kdm_buf_lit(buf, "{\"field\":");
    kdm_json_put_str(buf, leaf->path);
    kdm_buf_lit(buf, ",\"index\":");
    kdm_buf_int(buf, leaf->index);
    kdm_buf_lit(buf, ",\"query\":");
    kdm_buf_put(buf, inner);
    kdm_buf_char(buf, '}');
}

static void put_point(struct kdm_buf *buf, struct kdm_point point)
{
    kdm_buf_char(buf, '[');
    kdm_json_put_double(buf, point.lat);
    kdm_buf_char(buf, ',');
    kdm_json_put_double(buf, point.lon);
    kdm_buf_char(buf, ']');
}

/* Koncorde reads no exponents in distances, so they are written to the micrometre. */
static void put_metres(struct kdm_buf *buf, double metres)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "\"%.6f", metres);

    while (text[len - 1] == '0')
        len--;
    if (text[len - 1] == '.')
        len--;
    kdm_buf_put(buf, (struct kdm_str){ text, (size_t)len });
    kdm_buf_lit(buf, "m\"");
}

/* Has it a hole that one sees at that precision? */
static bool is_ring(const struct kdm_query *leaf)
{
    return leaf->near >= 1e-6;
}

/* What is beyond any place on Earth is cut; "to" stays greater than "from". */
static void put_circle(struct kdm_buf *buf, const struct kdm_query *leaf)
{
    double near = fmin(leaf->near, 1e9), far = fmin(leaf->far, 2e9);

    put_point(buf, leaf->points[0]);
    if (is_ring(leaf)) {
        kdm_buf_lit(buf, ",\"from\":");
        put_metres(buf, near);
        kdm_buf_lit(buf, ",\"to\":");
        put_metres(buf, fmax(far, near + 2e-6));
    } else {
        kdm_buf_lit(buf, ",\"distance\":");
        put_metres(buf, far);
    }
}

static void put_box(struct kdm_buf *buf, const struct kdm_query *leaf)
{
    kdm_buf_lit(buf, "{\"topLeft\":");
    put_point(buf, leaf->points[0]);
    kdm_buf_lit(buf, ",\"bottomRight\":");
    put_point(buf, leaf->points[1]);
    kdm_buf_char(buf, '}');
}

static void put_polygon(struct kdm_buf *buf, const struct kdm_query *leaf)
{
    kdm_buf_lit(buf, "{\"points\":[");
    for (size_t i = 0; i < leaf->point_count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        put_point(buf, leaf->points[i]);
    }
    kdm_buf_lit(buf, "]}");
}

static struct kdm_str keyword(const struct kdm_query *leaf)
{
    switch ((enum kdm_query_kind)leaf->kind) {
    case KDM_QUERY_K_EQUALS:
        return KDM_STR("equals");
    case KDM_QUERY_K_EXISTS:
    case KDM_QUERY_K_CONTAINS:
        return KDM_STR("exists");
    case KDM_QUERY_K_RANGE:
        return KDM_STR("range");
    case KDM_QUERY_K_REGEXP:
        return KDM_STR("regexp");
    case KDM_QUERY_K_MATCH:
        return KDM_STR("match");
    case KDM_QUERY_K_SELECT:
        return KDM_STR("select");
    case KDM_QUERY_K_GEO_DISTANCE:
        return is_ring(leaf) ? KDM_STR("geoDistanceRange") : KDM_STR("geoDistance");
    case KDM_QUERY_K_GEO_BOX:
        return KDM_STR("geoBoundingBox");
    default:
        return KDM_STR("geoPolygon");
    }
}

/* What stands behind the keyword. */
static void put_operand(struct kdm_buf *buf, const struct kdm_query *leaf, struct kdm_str inner)
{
    if (leaf->kind == KDM_QUERY_K_EXISTS || leaf->kind == KDM_QUERY_K_CONTAINS) {
        put_exists(buf, leaf);
        return;
    }
    if (leaf->kind == KDM_QUERY_K_SELECT) {
        put_select(buf, leaf, inner);
        return;
    }
    kdm_buf_char(buf, '{');
    kdm_json_put_name(buf, leaf->path);
    switch ((enum kdm_query_kind)leaf->kind) {
    case KDM_QUERY_K_RANGE:
        put_range(buf, leaf);
        break;
    case KDM_QUERY_K_REGEXP:
        put_regexp(buf, leaf);
        break;
    case KDM_QUERY_K_GEO_DISTANCE:
        put_circle(buf, leaf);
        break;
    case KDM_QUERY_K_GEO_BOX:
        put_box(buf, leaf);
        break;
    case KDM_QUERY_K_GEO_POLYGON:
        put_polygon(buf, leaf);
        break;
    default:
        kdm_filter_put_value(buf, leaf->value);
    }
    kdm_buf_char(buf, '}');
}

struct kdm_str kdm_filter_leaf_text(struct kdm_arena *arena, const struct kdm_query *leaf,
                                    struct kdm_str inner)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 64);
    if (leaf->negated)
        kdm_buf_lit(&buf, "{\"not\":");
    kdm_buf_char(&buf, '{');
    kdm_json_put_name(&buf, keyword(leaf));
    put_operand(&buf, leaf, inner);
    kdm_buf_char(&buf, '}');
    if (leaf->negated)
        kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}
