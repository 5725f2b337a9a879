/* matcher_range.c - the intervals at one path that hold a number.
 * A treap ordered by the lower bounds whose nodes know which of their subtree reaches furthest, so
 * a search leaves out what ends too early or begins too late: it visits what it finds and a
 * logarithmic number besides.
 */
#include "realtime/matcher_internal.h"

static bool reaches(const struct kdm_range_condition *range, struct kdm_number number)
{
    int order;

    if (!range->has_high)
        return true;
    order = kdm_number_cmp(number, range->high);
    return range->open_high ? order < 0 : order <= 0;
}

static bool begins(const struct kdm_range_condition *range, struct kdm_number number)
{
    int order;

    if (!range->has_low)
        return true;
    order = kdm_number_cmp(number, range->low);
    return range->open_low ? order > 0 : order >= 0;
}

bool kdm_range_holds(const struct kdm_range_condition *range, struct kdm_number number)
{
    return begins(range, number) && reaches(range, number);
}

/* By the lower bound, those without one first; what begins alike is told apart by its address. */
static bool stands_before(const struct kdm_range_condition *a, const struct kdm_range_condition *b)
{
    int order = a->has_low - b->has_low;

    if (order == 0 && a->has_low)
        order = kdm_number_cmp(a->low, b->low);
    if (order == 0)
        order = a->open_low - b->open_low;
    return order != 0 ? order < 0 : (uintptr_t)a < (uintptr_t)b;
}

/* Does `a` reach at least as far as `b`? */
static bool reaches_as_far(const struct kdm_range_condition *a, const struct kdm_range_condition *b)
{
    int order;

    if (!a->has_high || !b->has_high)
        return !a->has_high;
    order = kdm_number_cmp(a->high, b->high);
    return order != 0 ? order > 0 : a->open_high <= b->open_high;
}

static void update(struct kdm_range_condition *node)
{
    node->furthest = node;
    if (node->left != NULL && !reaches_as_far(node->furthest, node->left->furthest))
        node->furthest = node->left->furthest;
    if (node->right != NULL && !reaches_as_far(node->furthest, node->right->furthest))
        node->furthest = node->right->furthest;
}

/* Those before `key` and those behind it. */
static void split(struct kdm_range_condition *node, const struct kdm_range_condition *key,
                  struct kdm_range_condition **ret_before, struct kdm_range_condition **ret_behind)
{
    if (node == NULL) {
        *ret_before = *ret_behind = NULL;
        return;
    }
    if (stands_before(node, key)) {
        *ret_before = node;
        split(node->right, key, &node->right, ret_behind);
    } else {
        *ret_behind = node;
        split(node->left, key, ret_before, &node->left);
    }
    update(node);
}

static struct kdm_range_condition *join(struct kdm_range_condition *before,
                                        struct kdm_range_condition *behind)
{
    if (before == NULL || behind == NULL)
        return before == NULL ? behind : before;
    if (before->priority > behind->priority) {
        before->right = join(before->right, behind);
        update(before);
        return before;
    }
    behind->left = join(before, behind->left);
    update(behind);
    return behind;
}

void kdm_ranges_add(struct kdm_range_condition **root, struct kdm_range_condition *range)
{
    struct kdm_range_condition *node = *root;

    if (node == NULL || node->priority < range->priority) {
        split(node, range, &range->left, &range->right);
        *root = range;
    } else {
        kdm_ranges_add(stands_before(range, node) ? &node->left : &node->right, range);
    }
    update(*root);
}

void kdm_ranges_remove(struct kdm_range_condition **root, struct kdm_range_condition *range)
{
    struct kdm_range_condition *node = *root;

    if (node == range) {
        *root = join(range->left, range->right);
        range->left = range->right = NULL;
        return;
    }
    kdm_ranges_remove(stands_before(range, node) ? &node->left : &node->right, range);
    update(node);
}

void kdm_ranges_wake(struct kdm_matching *run, struct kdm_range_condition *node,
                     struct kdm_number number)
{
    while (node != NULL && reaches(node->furthest, number)) {
        kdm_ranges_wake(run, node->left, number);
        if (!begins(node, number))
            return; /* so do all to its right */
        if (reaches(node, number))
            kdm_condition_wake(run, &node->base);
        node = node->right;
    }
}
