/* filter_relate.c - what one condition says about another on the same path.
 * Not everything is known, and what isn't is never claimed: then two filters that mean the same
 * only have rooms of their own. "not" of a regular expression or of an area is no complement
 * (numbers are read as text, bad points are neither inside nor outside), so little follows from it.
 */
#include "realtime/filter_internal.h"
#include "search/koncorde.h"

/* Is its negation true whenever it is not? */
static bool is_exact(const struct kdm_query *leaf)
{
    return leaf->kind == KDM_QUERY_K_EQUALS || leaf->kind == KDM_QUERY_K_EXISTS
           || leaf->kind == KDM_QUERY_K_CONTAINS || leaf->kind == KDM_QUERY_K_RANGE
           || leaf->kind == KDM_QUERY_K_MATCH;
}

static bool number_of(const struct kdm_query *equals, struct kdm_number *ret_number)
{
    return kdm_val_type(equals->value) == KDM_JSON_NUMBER
           && kdm_number_parse(kdm_val_text(equals->value), ret_number);
}

static bool begins_within(const struct kdm_query *inner, const struct kdm_query *outer)
{
    int order;

    if (!outer->has_low || !inner->has_low)
        return !outer->has_low;
    order = kdm_number_cmp(inner->keys[0].number, outer->keys[0].number);
    return order > 0 || (order == 0 && (inner->open_low || !outer->open_low));
}

static bool ends_within(const struct kdm_query *inner, const struct kdm_query *outer)
{
    int order;

    if (!outer->has_high || !inner->has_high)
        return !outer->has_high;
    order = kdm_number_cmp(inner->keys[1].number, outer->keys[1].number);
    return order < 0 || (order == 0 && (inner->open_high || !outer->open_high));
}

/* Does `a` end before `b` begins? */
static bool ends_before(const struct kdm_query *a, const struct kdm_query *b)
{
    int order;

    if (!a->has_high || !b->has_low)
        return false;
    order = kdm_number_cmp(a->keys[1].number, b->keys[0].number);
    return order < 0 || (order == 0 && (a->open_high || b->open_low));
}

/* Both as if they were not negated: when `a` holds, does `b`? */
static bool includes(const struct kdm_query *a, const struct kdm_query *b)
{
    struct kdm_number number;

    if (b->kind == KDM_QUERY_K_EXISTS)
        return true;
    if (b->kind != KDM_QUERY_K_RANGE)
        return false;
    if (a->kind == KDM_QUERY_K_EQUALS)
        return number_of(a, &number) && kdm_koncorde_in_range(b, number);
    return a->kind == KDM_QUERY_K_RANGE && begins_within(a, b) && ends_within(a, b);
}

/* Needs an array, or an object or array. */
static bool needs_structure(const struct kdm_query *leaf)
{
    return leaf->kind == KDM_QUERY_K_CONTAINS || leaf->kind == KDM_QUERY_K_SELECT
           || leaf->kind == KDM_QUERY_K_MATCH;
}

/* Both as if they were not negated, and different: can't they hold together? */
static bool clashes(const struct kdm_query *a, const struct kdm_query *b)
{
    struct kdm_number number;

    if (a->kind == KDM_QUERY_K_EQUALS) {
        if (b->kind == KDM_QUERY_K_RANGE)
            return !number_of(a, &number) || !kdm_koncorde_in_range(b, number);
        if (b->kind == KDM_QUERY_K_REGEXP)
            return kdm_val_type(a->value) != KDM_JSON_STRING;
        return b->kind == KDM_QUERY_K_EQUALS || needs_structure(b);
    }
    if (a->kind == KDM_QUERY_K_RANGE)
        return b->kind == KDM_QUERY_K_RANGE ? ends_before(a, b) || ends_before(b, a)
                                            : b->kind == KDM_QUERY_K_REGEXP || needs_structure(b);
    return a->kind == KDM_QUERY_K_REGEXP && needs_structure(b);
}

static bool clash(const struct kdm_query *a, const struct kdm_query *b)
{
    return clashes(a, b) || clashes(b, a);
}

bool kdm_filter_implies(const struct kdm_query *a, const struct kdm_query *b)
{
    if (!kdm_str_eq(a->path, b->path))
        return false;
    if (!a->negated)
        return b->negated ? is_exact(b) && clash(a, b) : includes(a, b);
    return b->negated && is_exact(a) && includes(b, a)
           && (is_exact(b) || a->kind == KDM_QUERY_K_EXISTS);
}

bool kdm_filter_excludes(const struct kdm_query *a, const struct kdm_query *b)
{
    if (!kdm_str_eq(a->path, b->path) || (a->negated && b->negated))
        return false;
    if (!a->negated && !b->negated)
        return clash(a, b);
    return a->negated ? includes(b, a) : includes(a, b);
}

bool kdm_filter_complements(const struct kdm_filter_node *a, const struct kdm_filter_node *b)
{
    const struct kdm_filter_node *not = a->leaf->negated ? a : b, *plain = not == a ? b : a;

    return not ->leaf->negated && !plain->leaf->negated && is_exact(plain->leaf)
           && kdm_filter_denies(not, plain);
}

bool kdm_filter_denies(const struct kdm_filter_node * not, const struct kdm_filter_node *plain)
{
    static const size_t wrap = sizeof("{\"not\":") - 1; /* and one brace behind */

    return not ->leaf->negated && !plain->leaf->negated
           && not ->text.len == plain->text.len + wrap + 1
           && memcmp(not ->text.ptr + wrap, plain->text.ptr, plain->text.len) == 0;
}
