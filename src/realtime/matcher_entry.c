/* matcher_entry.c - one filter: its tree as steps, what it watches, and whether it matches. */
#include "realtime/filter_internal.h"
#include "realtime/matcher_internal.h"
#include <stdlib.h>

#define IMPLIED_LIKELIHOOD 0.05 /* one value among others */
#define FIRST_PATIENCE     32
#define MOST_PATIENCE      (1u << 30)

/* --- lists ------------------------------------------------------------------------------------ */

static void list_add(struct kdm_entry_list *list, struct kdm_entry *entry)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 4 : 2 * list->room;
        list->items = kdm_realloc(list->items, list->room * sizeof(*list->items));
    }
    entry->place = list->count;
    list->items[list->count++] = entry;
}

static void list_remove(struct kdm_entry_list *list, struct kdm_entry *entry)
{
    struct kdm_entry *last = list->items[--list->count];

    list->items[entry->place] = last;
    last->place = entry->place;
}

/* --- steps ------------------------------------------------------------------------------------ */

/* What is being made, and the filter's nodes by step. */
struct making {
    struct kdm_matcher *matcher; /* NULL: the entry is there already; so are no nodes */
    struct kdm_space *space;
    struct kdm_entry *entry;
    struct kdm_arena arena;
    const struct kdm_filter_node **nodes;
    struct kdm_watch *watches; /* in the arena */
    uint32_t watch_count, watch_room;
};

static uint32_t count_steps(const struct kdm_filter_node *node)
{
    uint32_t count = 1;

    for (size_t i = 0; i < node->count; i++)
        count += count_steps(node->children[i]);
    return count;
}

/* What it costs to ask, roughly: operands are asked in that order. */
static int price(const struct kdm_filter_node *node)
{
    if (node->op != KDM_FILTER_LEAF)
        return 20;
    switch ((enum kdm_query_kind)node->leaf->kind) {
    case KDM_QUERY_K_EXISTS:
        return 0;
    case KDM_QUERY_K_EQUALS:
        return 1;
    case KDM_QUERY_K_RANGE:
        return 2;
    case KDM_QUERY_K_CONTAINS:
    case KDM_QUERY_K_GEO_BOX:
        return 3;
    case KDM_QUERY_K_GEO_DISTANCE:
    case KDM_QUERY_K_GEO_POLYGON:
        return 5;
    case KDM_QUERY_K_MATCH:
        return 6;
    default:
        return 30;
    }
}

static int compare_prices(const void *a, const void *b)
{
    return price(*(struct kdm_filter_node *const *)a) - price(*(struct kdm_filter_node *const *)b);
}

static uint32_t make_steps(struct making *making, const struct kdm_filter_node *node, uint32_t at)
{
    struct kdm_step *step = &making->entry->steps[at];
    struct kdm_filter_node **children;

    step->op = (uint8_t)node->op;
    making->nodes[at++] = node;
    if (node->op == KDM_FILTER_LEAF) {
        step->condition = kdm_condition_get(making->matcher, making->space, node->leaf, node->text);
    } else if (node->count > 0) {
        children = kdm_arena_alloc(&making->arena, node->count * sizeof(struct kdm_filter_node *));
        memcpy(children, node->children, node->count * sizeof(struct kdm_filter_node *));
        qsort(children, node->count, sizeof(struct kdm_filter_node *), compare_prices);
        for (size_t i = 0; i < node->count; i++)
            at = make_steps(making, children[i], at);
    }
    step->end = at;
    return at;
}

static bool step_holds(struct kdm_matching *run, const struct kdm_step *steps, uint32_t at)
{
    const struct kdm_step *step = &steps[at];

    switch ((enum kdm_filter_op)step->op) {
    case KDM_FILTER_ALL:
        return true;
    case KDM_FILTER_NONE:
        return false;
    case KDM_FILTER_LEAF:
        return kdm_condition_holds(run, step->condition);
    case KDM_FILTER_AND:
        for (at++; at < step->end; at = steps[at].end)
            if (!step_holds(run, steps, at))
                return false;
        return true;
    default:
        for (at++; at < step->end; at = steps[at].end)
            if (step_holds(run, steps, at))
                return true;
        return false;
    }
}

void kdm_entry_wake(struct kdm_matching *run, struct kdm_entry *entry)
{
    if (entry->turn == run->turn)
        return;
    entry->turn = run->turn;
    if (step_holds(run, entry->steps, 0)) {
        kdm_matching_found(run, entry);
    } else if (++entry->vain == entry->patience) { /* not now: watchers are being walked */
        entry->next_restless = run->restless;
        run->restless = entry;
    }
}

/* --- what it watches ---------------------------------------------------------------------------
 */

/* The first scalar that objects lead to; its path is appended to `path`. */
static struct kdm_val first_scalar(struct kdm_arena *arena, struct kdm_val value,
                                   struct kdm_buf *path)
{
    struct kdm_val_iter it;
    struct kdm_val name, inner, found;

    if (kdm_val_type(value) >= KDM_JSON_NULL && kdm_val_type(value) <= KDM_JSON_STRING)
        return value;
    for (kdm_members(&it, value); kdm_member_next(&it, &name, &inner);) {
        size_t len = path->len;

        kdm_buf_char(path, '.');
        kdm_buf_put(path, kdm_val_str(arena, name));
        found = first_scalar(arena, inner, path);
        if (!kdm_val_none(found))
            return found;
        path->len = len;
    }
    return KDM_VAL_NONE;
}

static struct kdm_val scalar_element(struct kdm_val array)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    for (kdm_elements(&it, array); kdm_element_next(&it, &element);)
        if (kdm_val_type(element) <= KDM_JSON_STRING)
            return element;
    return KDM_VAL_NONE;
}

/* What one element of an array must be equal to for the query of a select, or NONE. */
static struct kdm_val selected_scalar(const struct kdm_query *query)
{
    if (query->kind == KDM_QUERY_K_EQUALS && !query->negated
        && kdm_str_eq(query->path, KDM_STR("value")))
        return query->value;
    if (query->kind == KDM_QUERY_BOOL)
        for (size_t i = 0; i < query->filter.count; i++) {
            struct kdm_val value = selected_scalar(query->filter.items[i]);

            if (!kdm_val_none(value))
                return value;
        }
    return KDM_VAL_NONE;
}

/* A leaf that is found by value and must hold when `leaf`, which is asked one by one, does. */
static bool implied_leaf(struct kdm_arena *arena, const struct kdm_query *leaf,
                         struct kdm_query *ret_implied)
{
    struct kdm_buf path;

    *ret_implied = (struct kdm_query){ .path = leaf->path };
    if (leaf->negated)
        return false;
    if (leaf->kind == KDM_QUERY_K_SELECT) {
        ret_implied->kind = KDM_QUERY_K_CONTAINS;
        ret_implied->value = selected_scalar(leaf->child);
    } else if (leaf->kind == KDM_QUERY_K_MATCH && kdm_val_type(leaf->value) == KDM_JSON_ARRAY) {
        ret_implied->kind = KDM_QUERY_K_CONTAINS;
        ret_implied->value = scalar_element(leaf->value);
    } else if (leaf->kind == KDM_QUERY_K_MATCH) {
        kdm_buf_init(&path, arena, 64);
        kdm_buf_put(&path, leaf->path);
        ret_implied->kind = KDM_QUERY_K_EQUALS;
        ret_implied->value = first_scalar(arena, leaf->value, &path);
        ret_implied->path = kdm_buf_str(&path);
    }
    return !kdm_val_none(ret_implied->value);
}

/* How likely the entry is to be woken by what it would watch below the step. */
static double likelihood(struct making *making, uint32_t at)
{
    const struct kdm_step *steps = making->entry->steps, *step = &steps[at];
    double best = 1, sum = 0;
    struct kdm_query implied;

    if (step->op == KDM_FILTER_LEAF)
        return making->nodes != NULL
                       && implied_leaf(&making->arena, making->nodes[at]->leaf, &implied)
                   ? IMPLIED_LIKELIHOOD
                   : kdm_condition_likelihood(making->space, step->condition);
    for (at++; at < step->end; at = steps[at].end) {
        double one = likelihood(making, at);

        best = one < best ? one : best;
        sum += one;
    }
    return step->op == KDM_FILTER_AND ? best : sum;
}

static void add_watch(struct making *making, struct kdm_condition *condition)
{
    if (making->watch_count == making->watch_room) {
        struct kdm_watch *watches;

        making->watch_room = making->watch_room == 0 ? 4 : 2 * making->watch_room;
        watches = kdm_arena_alloc(&making->arena, making->watch_room * sizeof(*watches));
        if (making->watch_count > 0)
            memcpy(watches, making->watches, making->watch_count * sizeof(*watches));
        making->watches = watches;
    }
    making->watches[making->watch_count++].condition = condition;
}

static void watch_leaf(struct making *making, uint32_t at)
{
    struct kdm_condition *condition = making->entry->steps[at].condition;
    struct kdm_query implied;

    if (making->nodes != NULL && implied_leaf(&making->arena, making->nodes[at]->leaf, &implied)) {
        condition = kdm_condition_get(making->matcher, making->space, &implied,
                                      kdm_filter_leaf_text(&making->arena, &implied, KDM_STR_NONE));
        making->entry->implied = true;
    } else {
        condition->refs++;
    }
    add_watch(making, condition);
}

/* Of an "and" the operand that wakes most rarely, of an "or" all. */
static void choose_watches(struct making *making, uint32_t at)
{
    const struct kdm_step *steps = making->entry->steps, *step = &steps[at];
    double best = 0;
    uint32_t chosen = 0;

    if (step->op == KDM_FILTER_LEAF) {
        watch_leaf(making, at);
        return;
    }
    for (at++; at < step->end; at = steps[at].end) {
        double one;

        if (step->op != KDM_FILTER_AND) {
            choose_watches(making, at);
            continue;
        }
        one = likelihood(making, at);
        if (chosen == 0 || one < best) {
            chosen = at;
            best = one;
        }
    }
    if (chosen != 0)
        choose_watches(making, chosen);
}

static void start_watching(struct making *making)
{
    struct kdm_entry *entry = making->entry;
    bool sure = entry->step_count == 1 && !entry->implied;

    entry->vain = 0;
    entry->watches = kdm_malloc((making->watch_count + 1) * sizeof(*entry->watches));
    entry->watch_count = making->watch_count;
    for (uint32_t i = 0; i < making->watch_count; i++)
        kdm_condition_watch(making->space, making->watches[i].condition, entry, i, sure);
}

static void stop_watching(struct kdm_entry *entry)
{
    for (uint32_t i = 0; i < entry->watch_count; i++) {
        struct kdm_condition *condition = entry->watches[i].condition;

        kdm_condition_unwatch(entry->space, condition, entry->watches[i].place);
        kdm_condition_unref(entry->space, condition);
    }
    free(entry->watches);
    entry->watches = NULL;
    entry->watch_count = 0;
}

/* Each time it takes twice as long until the next, so that it ends also when nothing is better.
 * What leaves only imply is not chosen again: it is as rare as one value among others. */
void kdm_entry_choose_again(struct kdm_entry *entry)
{
    struct making making = { .space = entry->space, .entry = entry };
    double now = 0, then = 0;

    entry->vain = 0;
    entry->patience = entry->patience < MOST_PATIENCE ? 2 * entry->patience : MOST_PATIENCE;
    if (entry->implied)
        return;
    kdm_arena_init(&making.arena, 1024);
    for (uint32_t i = 0; i < entry->watch_count; i++)
        now += kdm_condition_likelihood(entry->space, entry->watches[i].condition);
    choose_watches(&making, 0);
    for (uint32_t i = 0; i < making.watch_count; i++)
        then += kdm_condition_likelihood(entry->space, making.watches[i].condition);
    if (then < now / 2) {
        stop_watching(entry);
        start_watching(&making);
    } else {
        for (uint32_t i = 0; i < making.watch_count; i++)
            kdm_condition_unref(entry->space, making.watches[i].condition);
    }
    kdm_arena_fini(&making.arena);
}

/* --- life --------------------------------------------------------------------------------------
 */

/* In one piece of memory: the entry, its steps, its text. */
static struct kdm_entry *allocate(const struct kdm_filter *filter, uint32_t steps)
{
    size_t steps_size = steps * sizeof(struct kdm_step);
    struct kdm_entry *entry = kdm_zalloc(sizeof(*entry) + steps_size + filter->text.len);
    char *text;

    entry->steps = (struct kdm_step *)(entry + 1);
    entry->step_count = steps;
    text = (char *)entry->steps + steps_size;
    memcpy(text, filter->text.ptr, filter->text.len);
    memcpy(entry->base.id, filter->id, sizeof(entry->base.id));
    entry->base.text = (struct kdm_str){ text, filter->text.len };
    return entry;
}

struct kdm_entry *kdm_entry_create(struct kdm_matcher *matcher, struct kdm_space *space,
                                   const struct kdm_filter *filter)
{
    struct making making = { .matcher = matcher, .space = space };
    uint32_t steps = count_steps(filter->root);
    struct kdm_entry *entry = allocate(filter, steps);

    entry->space = space;
    entry->patience = FIRST_PATIENCE;
    entry->base.index = space->index;
    entry->base.collection = space->collection;
    making.entry = entry;
    kdm_arena_init(&making.arena, 4096);
    making.nodes = kdm_arena_alloc(&making.arena, steps * sizeof(struct kdm_filter_node *));
    make_steps(&making, filter->root, 0);
    choose_watches(&making, 0);
    start_watching(&making);
    kdm_arena_fini(&making.arena);
    entry->always = filter->root->op == KDM_FILTER_ALL;
    if (entry->always)
        list_add(&space->always, entry);
    else if (entry->implied)
        list_add(&space->implied, entry);
    return entry;
}

void kdm_entry_destroy(struct kdm_entry *entry)
{
    struct kdm_space *space = entry->space;

    if (entry->always)
        list_remove(&space->always, entry);
    else if (entry->implied)
        list_remove(&space->implied, entry);
    stop_watching(entry);
    for (uint32_t i = 0; i < entry->step_count; i++)
        if (entry->steps[i].condition != NULL)
            kdm_condition_unref(space, entry->steps[i].condition);
    free(entry);
}
