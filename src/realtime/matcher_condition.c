/* matcher_condition.c - one leaf of filters: shared by all that name it, asked once a document. */
#include "realtime/matcher_internal.h"
#include <stdlib.h>

#define ENOUGH 32 /* documents, for a count to be better than a guess */

/* --- scalars ---------------------------------------------------------------------------------- */

/* Equal scalars have equal hashes; the type is hashed too. */
static uint64_t number_hash(const struct kdm_hash_seed *seed, struct kdm_number number)
{
    unsigned char bytes[9] = { number.whole };

    memcpy(bytes + 1, number.whole ? (const void *)&number.i : (const void *)&number.d, 8);
    return kdm_hash(seed, (struct kdm_str){ (const char *)bytes, sizeof(bytes) });
}

void kdm_scalar_read(const struct kdm_hash_seed *seed, struct kdm_arena *arena,
                     struct kdm_val value, struct kdm_scalar *ret_scalar)
{
    enum kdm_json_type type = kdm_val_type(value);

    *ret_scalar = (struct kdm_scalar){ .type = (uint8_t)type, .hash = (uint64_t)type };
    switch (type) {
    case KDM_JSON_STRING:
        ret_scalar->text = kdm_val_str(arena, value);
        ret_scalar->hash = kdm_hash(seed, ret_scalar->text);
        break;
    case KDM_JSON_NUMBER:
        /* The scan has refused what is beyond double range. */
        KDM_ASSERT(kdm_number_parse(kdm_val_text(value), &ret_scalar->number));
        ret_scalar->hash = number_hash(seed, ret_scalar->number);
        break;
    case KDM_JSON_ARRAY:
    case KDM_JSON_OBJECT:
        ret_scalar->type = KDM_JSON_NONE;
        break;
    default:
        break;
    }
}

bool kdm_scalar_same(const struct kdm_scalar *a, const struct kdm_scalar *b)
{
    if (a->hash != b->hash || a->type != b->type)
        return false;
    if (a->type == KDM_JSON_STRING)
        return kdm_str_eq(a->text, b->text);
    return a->type != KDM_JSON_NUMBER || kdm_number_cmp(a->number, b->number) == 0;
}

/* --- making ----------------------------------------------------------------------------------- */

static struct kdm_condition *make_value(struct kdm_matcher *matcher, const struct kdm_query *leaf)
{
    struct kdm_value_condition *condition;
    struct kdm_scalar value;
    struct kdm_arena arena;

    kdm_arena_init(&arena, 256);
    kdm_scalar_read(&matcher->seed, &arena, leaf->value, &value);
    condition = kdm_zalloc(sizeof(*condition) + value.text.len);
    condition->value = value;
    if (value.text.len > 0)
        memcpy(condition->text, value.text.ptr, value.text.len);
    condition->value.text.ptr = condition->text;
    kdm_arena_fini(&arena);
    return &condition->base;
}

/* An order that nobody outside can foresee, so that a treap of theirs is as flat as any. */
static uint32_t priority(struct kdm_matcher *matcher, const uint64_t digest[2])
{
    return (uint32_t)kdm_hash(&matcher->second, (struct kdm_str){ (const char *)digest, 16 });
}

static struct kdm_condition *make_range(struct kdm_matcher *matcher, const struct kdm_query *leaf,
                                        const uint64_t digest[2])
{
    struct kdm_range_condition *range = kdm_zalloc(sizeof(*range));

    range->low = leaf->keys[0].number;
    range->high = leaf->keys[1].number;
    range->has_low = leaf->has_low;
    range->has_high = leaf->has_high;
    range->open_low = leaf->open_low;
    range->open_high = leaf->open_high;
    range->priority = priority(matcher, digest);
    return &range->base;
}

/* Parsed again from its text, which is canonical, so that it lives by itself. */
static struct kdm_condition *make_leaf(struct kdm_str text)
{
    struct kdm_leaf_condition *condition = kdm_zalloc(sizeof(*condition));
    struct kdm_failure failure = { 0 };
    struct kdm_query_parser parser = { .arena = &condition->arena, .failure = &failure };
    const struct kdm_query *query;

    kdm_arena_init(&condition->arena, 512);
    text = kdm_arena_copy(&condition->arena, text);
    query = kdm_query_parse_filter(&parser, kdm_json_parse(&condition->arena, text), SIZE_MAX);
    KDM_ASSERT(query != NULL);
    if (query->kind == KDM_QUERY_BOOL) /* "match" is one leaf for each of its members */
        query = query->should.count > 0 ? query->should.items[0] : query->filter.items[0];
    condition->leaf = query;
    return &condition->base;
}

static struct kdm_condition *make(struct kdm_matcher *matcher, const struct kdm_query *leaf,
                                  struct kdm_str text, const uint64_t digest[2])
{
    switch ((enum kdm_query_kind)leaf->kind) {
    case KDM_QUERY_K_EQUALS:
    case KDM_QUERY_K_CONTAINS:
        return make_value(matcher, leaf);
    case KDM_QUERY_K_EXISTS:
        return kdm_zalloc(sizeof(struct kdm_condition));
    case KDM_QUERY_K_RANGE:
        return make_range(matcher, leaf, digest);
    default:
        return make_leaf(text);
    }
}

static void count_value(struct kdm_condition *condition, int change)
{
    if (condition->kind == KDM_QUERY_K_EQUALS)
        condition->path->values += (uint32_t)change;
    else if (condition->kind == KDM_QUERY_K_CONTAINS)
        condition->path->array_values += (uint32_t)change;
}

static struct kdm_condition *find(const struct kdm_space *space, const uint64_t digest[2])
{
    uint32_t at = kdm_slots_home(&space->conditions, digest[0]);
    struct kdm_condition *condition;

    while ((condition = kdm_slots_next(&space->conditions, digest[0], &at)) != NULL)
        if (condition->digest[1] == digest[1])
            return condition;
    return NULL;
}

struct kdm_condition *kdm_condition_get(struct kdm_matcher *matcher, struct kdm_space *space,
                                        const struct kdm_query *leaf, struct kdm_str text)
{
    uint64_t digest[2] = { kdm_hash(&matcher->seed, text), kdm_hash(&matcher->second, text) };
    struct kdm_condition *condition = find(space, digest);

    if (condition == NULL) {
        condition = make(matcher, leaf, text, digest);
        memcpy(condition->digest, digest, sizeof(digest));
        condition->kind = leaf->kind;
        condition->negated = leaf->negated;
        condition->path = kdm_path_get(space->root, leaf->path);
        count_value(condition, 1);
        kdm_slots_add(&space->conditions, digest[0], condition);
    }
    condition->refs++;
    return condition;
}

void kdm_condition_unref(struct kdm_space *space, struct kdm_condition *condition)
{
    if (--condition->refs > 0)
        return;
    KDM_ASSERT(condition->watcher_count == 0);
    kdm_slots_remove(&space->conditions, condition->digest[0], condition);
    count_value(condition, -1);
    kdm_path_unref(condition->path);
    free(condition->watchers);
    if (condition->kind >= KDM_QUERY_K_REGEXP)
        kdm_arena_fini(&((struct kdm_leaf_condition *)condition)->arena);
    free(condition);
}

/* --- watchers --------------------------------------------------------------------------------- */

void kdm_condition_watch(struct kdm_space *space, struct kdm_condition *condition,
                         struct kdm_entry *entry, uint32_t watch, bool sure)
{
    if (condition->watcher_count == condition->watcher_room) {
        condition->watcher_room = condition->watcher_room == 0 ? 1 : 2 * condition->watcher_room;
        condition->watchers = kdm_realloc(condition->watchers,
                                          condition->watcher_room * sizeof(*condition->watchers));
    }
    entry->watches[watch] = (struct kdm_watch){ condition, condition->watcher_count };
    condition->watchers[condition->watcher_count++] =
        (struct kdm_watcher){ .entry = entry, .watch = watch, .sure = sure };
    if (condition->watcher_count == 1) {
        condition->watched_from = space->documents;
        condition->wakes = 0;
        kdm_path_file(space, condition);
    }
}

void kdm_condition_unwatch(struct kdm_space *space, struct kdm_condition *condition, uint32_t place)
{
    struct kdm_watcher *last = &condition->watchers[--condition->watcher_count];

    condition->watchers[place] = *last;
    last->entry->watches[last->watch].place = place;
    if (condition->watcher_count == 0)
        kdm_path_unfile(space, condition);
}

void kdm_condition_wake(struct kdm_matching *run, struct kdm_condition *condition)
{
    if (condition->woken == run->turn)
        return;
    condition->woken = run->turn;
    condition->known = run->turn << 1 | 1;
    condition->wakes++;
    for (uint32_t i = 0; i < condition->watcher_count; i++) {
        struct kdm_watcher *watcher = &condition->watchers[i];

        if (watcher->sure)
            kdm_matching_found(run, watcher->entry);
        else
            kdm_entry_wake(run, watcher->entry);
    }
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool contains(struct kdm_matching *run, const struct kdm_value_condition *condition)
{
    struct kdm_val_iter it;
    struct kdm_val element;
    struct kdm_scalar scalar;

    for (kdm_elements(&it, condition->base.path->value); kdm_element_next(&it, &element);) {
        if (kdm_val_type(element) != (enum kdm_json_type)condition->value.type)
            continue;
        kdm_scalar_read(&run->matcher->seed, run->arena, element, &scalar);
        if (kdm_scalar_same(&scalar, &condition->value))
            return true;
    }
    return false;
}

static bool regexp_holds(struct kdm_matching *run, const struct kdm_leaf_condition *condition)
{
    const struct kdm_query *too_costly = NULL;
    struct kdm_path *path = condition->base.path;
    struct kdm_val value = kdm_path_here(run, path) ? path->value : KDM_VAL_NONE;
    bool holds;

    if (kdm_val_type(value) != KDM_JSON_STRING)
        return kdm_koncorde_leaf(condition->leaf, run->arena, value, &too_costly)
               && too_costly == NULL;
    switch (kdm_regexp_match(condition->leaf->regexp, kdm_path_scalar(run, path)->text)) {
    case KDM_REGEXP_YES:
        holds = true;
        break;
    case KDM_REGEXP_NO:
        holds = false;
        break;
    default:
        return false; /* nobody knows */
    }
    return holds != condition->base.negated;
}

static bool place_holds(struct kdm_matching *run, const struct kdm_leaf_condition *condition)
{
    struct kdm_path *path = condition->base.path;
    const struct kdm_point *point;

    if (kdm_path_falsy(run, path))
        return condition->base.negated;
    point = kdm_path_place(run, path);
    return point != NULL && kdm_koncorde_inside(condition->leaf, *point) != condition->base.negated;
}

static bool leaf_holds(struct kdm_matching *run, const struct kdm_leaf_condition *condition)
{
    const struct kdm_query *too_costly = NULL;
    struct kdm_path *path = condition->base.path;
    struct kdm_val value = kdm_path_here(run, path) ? path->value : KDM_VAL_NONE;

    return kdm_koncorde_leaf(condition->leaf, run->arena, value, &too_costly) && too_costly == NULL;
}

static bool find_out(struct kdm_matching *run, struct kdm_condition *condition)
{
    bool here = kdm_path_here(run, condition->path);
    const struct kdm_scalar *scalar;

    switch ((enum kdm_query_kind)condition->kind) {
    case KDM_QUERY_K_EXISTS:
        return here != condition->negated;
    case KDM_QUERY_K_EQUALS:
        return (here
                && kdm_scalar_same(kdm_path_scalar(run, condition->path),
                                   &((struct kdm_value_condition *)condition)->value))
               != condition->negated;
    case KDM_QUERY_K_CONTAINS:
        return (here && contains(run, (struct kdm_value_condition *)condition))
               != condition->negated;
    case KDM_QUERY_K_RANGE:
        scalar = here ? kdm_path_scalar(run, condition->path) : NULL;
        return (here && scalar->type == KDM_JSON_NUMBER
                && kdm_range_holds((struct kdm_range_condition *)condition, scalar->number))
               != condition->negated;
    case KDM_QUERY_K_REGEXP:
        return regexp_holds(run, (struct kdm_leaf_condition *)condition);
    case KDM_QUERY_K_MATCH:
    case KDM_QUERY_K_SELECT:
        return leaf_holds(run, (struct kdm_leaf_condition *)condition);
    default:
        return place_holds(run, (struct kdm_leaf_condition *)condition);
    }
}

bool kdm_condition_holds(struct kdm_matching *run, struct kdm_condition *condition)
{
    if (condition->known >> 1 != run->turn) {
        condition->known = run->turn << 1 | find_out(run, condition);
        condition->asked++;
        condition->held += condition->known & 1;
    }
    return condition->known & 1;
}

/* --- lists ------------------------------------------------------------------------------------ */

void kdm_condition_list_add(struct kdm_condition_list *list, struct kdm_condition *condition)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 2 : 2 * list->room;
        list->items = kdm_realloc(list->items, list->room * sizeof(*list->items));
    }
    condition->place = list->count;
    list->items[list->count++] = condition;
}

void kdm_condition_list_remove(struct kdm_condition_list *list, struct kdm_condition *condition)
{
    struct kdm_condition *last = list->items[--list->count];

    list->items[condition->place] = last;
    last->place = condition->place;
    if (list->count == 0) {
        free(list->items);
        *list = (struct kdm_condition_list){ 0 };
    }
}

/* --- likelihood ------------------------------------------------------------------------------- */

/* Guesses: what is compared with many values at that path is more likely to be another one. */
static double among(uint32_t values)
{
    return values < 10 ? 0.1 : 1.0 / values;
}

static double guess(const struct kdm_condition *condition)
{
    const struct kdm_range_condition *range = (const struct kdm_range_condition *)condition;

    if (condition->negated)
        return condition->kind == KDM_QUERY_K_EXISTS ? 0.3 : 0.95;
    switch ((enum kdm_query_kind)condition->kind) {
    case KDM_QUERY_K_EQUALS:
        return among(condition->path->values);
    case KDM_QUERY_K_CONTAINS:
        return among(condition->path->array_values);
    case KDM_QUERY_K_RANGE:
        return range->has_low && range->has_high ? 0.2 : 0.5;
    case KDM_QUERY_K_EXISTS:
        return 0.9;
    case KDM_QUERY_K_GEO_DISTANCE:
    case KDM_QUERY_K_GEO_BOX:
    case KDM_QUERY_K_GEO_POLYGON:
        return 0.05;
    default: /* these are run to know it */
        return 0.4;
    }
}

/* What was counted while it was watched is true of all documents; what was counted when it was
 * asked, only of those that had woken a filter which names it. */
double kdm_condition_likelihood(const struct kdm_space *space,
                                const struct kdm_condition *condition)
{
    uint64_t documents = space->documents - condition->watched_from;

    if (condition->watcher_count > 0 && documents >= ENOUGH)
        return (double)condition->wakes / (double)documents;
    if (condition->asked >= ENOUGH)
        return (double)condition->held / (double)condition->asked;
    return guess(condition);
}
