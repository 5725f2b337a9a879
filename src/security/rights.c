/* rights.c - see rights.h. */
#include "security/rights.h"
#include <stdlib.h>

enum verdict { DENIED, RESTRICTED, ALLOWED };

/* One index of a restriction; collections of count 0: all of them. */
struct restriction {
    struct kdm_str index;
    struct kdm_str_list collections;
};

struct policy {
    struct kdm_val role;
    uint8_t *allows; /* by number of action */
    const struct restriction *restrictions;
    size_t restriction_count; /* 0: unrestricted */
};

struct kdm_rights {
    unsigned refs;
    const struct kdm_protocol *protocol;
    struct kdm_arena arena;
    uint8_t *verdicts; /* enum verdict, by number of action */
    struct policy *policies;
    size_t policy_count, policy_cap;
    int64_t limit;
    bool limited; /* a profile has told its limit */
};

/* --- roles ---------------------------------------------------------------------------------- */

/* The two names of one controller; a role may have either. */
static bool is_memory_storage(struct kdm_str controller)
{
    return kdm_str_eq(controller, KDM_STR("ms"))
           || kdm_str_eq(controller, KDM_STR("memoryStorage"));
}

static struct kdm_val rule_of(struct kdm_val rules, struct kdm_str name)
{
    struct kdm_val exact = kdm_val_get(rules, name);

    return kdm_val_none(exact) ? kdm_val_get(rules, KDM_STR("*")) : exact;
}

static struct kdm_val controller_rule(struct kdm_val controllers, struct kdm_str controller)
{
    struct kdm_val rule = KDM_VAL_NONE;

    if (is_memory_storage(controller)) {
        rule = kdm_val_get(controllers, KDM_STR("ms"));
        if (kdm_val_null(rule))
            rule = kdm_val_get(controllers, KDM_STR("memoryStorage"));
    }
    return kdm_val_none(rule) ? rule_of(controllers, controller) : rule;
}

bool kdm_role_allows(struct kdm_val role, struct kdm_str controller, struct kdm_str action)
{
    struct kdm_val rule = controller_rule(kdm_val_get(role, KDM_STR("controllers")), controller);

    return kdm_val_type(rule_of(kdm_val_get(rule, KDM_STR("actions")), action)) == KDM_JSON_TRUE;
}

/* --- making --------------------------------------------------------------------------------- */

struct kdm_rights *kdm_rights_create(const struct kdm_protocol *protocol)
{
    struct kdm_rights *rights = kdm_zalloc(sizeof(*rights));

    rights->refs = 1;
    rights->protocol = protocol;
    kdm_arena_init(&rights->arena, 4096);
    rights->verdicts = kdm_arena_zalloc(&rights->arena, protocol->action_count + 1);
    return rights;
}

static struct kdm_str_list strings_of(struct kdm_arena *arena, struct kdm_val array)
{
    struct kdm_str_list list = { 0 };
    struct kdm_val_iter it;
    struct kdm_val value;

    if (kdm_val_type(array) != KDM_JSON_ARRAY)
        return list;
    list.items = kdm_arena_alloc(arena, kdm_val_count(array) * sizeof(*list.items) + 1);
    for (kdm_elements(&it, array); kdm_element_next(&it, &value);) {
        if (kdm_val_type(value) == KDM_JSON_STRING)
            list.items[list.count++] = kdm_val_str(arena, value);
    }
    return list;
}

static int by_name(const void *a, const void *b)
{
    return kdm_str_cmp(*(const struct kdm_str *)a, *(const struct kdm_str *)b);
}

static int by_index(const void *a, const void *b)
{
    return kdm_str_cmp(((const struct restriction *)a)->index,
                       ((const struct restriction *)b)->index);
}

/* What is no list of {index} allows nothing rather than everything; an empty list restricts
 * nothing. */
static void compile_restrictions(struct kdm_arena *arena, struct kdm_val restricted_to,
                                 struct policy *policy)
{
    struct restriction *items =
        kdm_arena_zalloc(arena, (kdm_val_count(restricted_to) + 1) * sizeof(*items));
    struct kdm_val_iter it;
    struct kdm_val value;
    size_t count = 0;

    policy->restrictions = items;
    if (kdm_val_type(restricted_to) != KDM_JSON_ARRAY) {
        policy->restriction_count = 1; /* to an index without a name */
        items[0].index = KDM_STR("");
        return;
    }
    for (kdm_elements(&it, restricted_to); kdm_element_next(&it, &value); count++) {
        struct kdm_str index = kdm_val_str(arena, kdm_val_get(value, KDM_STR("index")));

        items[count].index = kdm_str_none(index) ? KDM_STR("") : index;
        items[count].collections = strings_of(arena, kdm_val_get(value, KDM_STR("collections")));
        if (items[count].collections.count > 1)
            qsort(items[count].collections.items, items[count].collections.count,
                  sizeof(struct kdm_str), by_name);
    }
    if (count > 1)
        qsort(items, count, sizeof(*items), by_index);
    policy->restriction_count = count;
}

static struct policy *new_policy(struct kdm_rights *rights)
{
    if (rights->policy_count == rights->policy_cap) {
        size_t cap = rights->policy_cap == 0 ? 4 : 2 * rights->policy_cap;

        rights->policies = kdm_realloc(rights->policies, cap * sizeof(*rights->policies));
        rights->policy_cap = cap;
    }
    return &rights->policies[rights->policy_count++];
}

static struct kdm_val copy(struct kdm_arena *arena, struct kdm_val val)
{
    return kdm_json_parse(arena, kdm_arena_copy(arena, kdm_val_text(val)));
}

void kdm_rights_add(struct kdm_rights *rights, struct kdm_val role, struct kdm_val restricted_to)
{
    const struct kdm_protocol *protocol = rights->protocol;
    struct policy *policy = new_policy(rights);

    *policy = (struct policy){ .role = copy(&rights->arena, role) };
    policy->allows = kdm_arena_zalloc(&rights->arena, protocol->action_count + 1);
    if (!kdm_val_null(restricted_to))
        compile_restrictions(&rights->arena, copy(&rights->arena, restricted_to), policy);
    for (size_t i = 0; i < protocol->action_count; i++) {
        const struct kdm_action *action = &protocol->actions[i];
        uint8_t verdict = policy->restriction_count == 0 ? ALLOWED : RESTRICTED;

        if (!kdm_role_allows(policy->role, kdm_str_of(action->controller),
                             kdm_str_of(action->action)))
            continue;
        policy->allows[i] = 1;
        if (rights->verdicts[i] < verdict)
            rights->verdicts[i] = verdict;
    }
}

void kdm_rights_add_limit(struct kdm_rights *rights, struct kdm_val rate_limit)
{
    int64_t limit = 0;

    kdm_val_int64(rate_limit, &limit);
    if (!rights->limited || limit == 0 || (rights->limit != 0 && limit > rights->limit))
        rights->limit = limit;
    rights->limited = true;
}

int64_t kdm_rights_limit(const struct kdm_rights *rights)
{
    return rights->limit;
}

struct kdm_rights *kdm_rights_ref(struct kdm_rights *rights)
{
    rights->refs++;
    return rights;
}

void kdm_rights_unref(struct kdm_rights *rights)
{
    if (rights == NULL || --rights->refs > 0)
        return;
    kdm_arena_fini(&rights->arena);
    free(rights->policies);
    free(rights);
}

/* --- asking --------------------------------------------------------------------------------- */

/* What a request is about, or one of its targets. An index that is no text is in no restriction. */
struct subject {
    struct kdm_str index, collection;
};

static struct kdm_str name_of(struct kdm_arena *arena, struct kdm_val val)
{
    return kdm_val_type(val) == KDM_JSON_STRING ? kdm_val_str(arena, val) : KDM_STR_NONE;
}

static bool lists(const struct restriction *restriction, struct kdm_str collection)
{
    return restriction->collections.count == 0
           || (!kdm_str_none(collection)
               && bsearch(&collection, restriction->collections.items,
                          restriction->collections.count, sizeof(collection), by_name)
                      != NULL);
}

/* The first of those with this index, or where it would stand. */
static size_t find_restriction(const struct policy *policy, struct kdm_str index)
{
    size_t low = 0, high = policy->restriction_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (kdm_str_cmp(policy->restrictions[middle].index, index) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool covers(const struct policy *policy, struct subject subject)
{
    if (policy->restriction_count == 0)
        return true;
    if (kdm_str_none(subject.index))
        return false;
    for (size_t i = find_restriction(policy, subject.index);
         i < policy->restriction_count && kdm_str_eq(policy->restrictions[i].index, subject.index);
         i++) {
        if (lists(&policy->restrictions[i], subject.collection))
            return true;
    }
    return false;
}

/* Absent, null or empty: the request is about no index, so restrictions don't matter. */
static bool names_nothing(struct kdm_val index)
{
    return kdm_val_null(index) || kdm_val_str_eq(index, KDM_STR(""));
}

static bool concerns(const struct policy *policy, const struct kdm_rights_question *question)
{
    struct subject asked = { name_of(question->arena, question->index),
                             name_of(question->arena, question->collection) };
    struct subject tenant = { name_of(question->arena, question->tenant), KDM_STR_NONE };

    return (names_nothing(question->index) || covers(policy, asked))
           && (names_nothing(question->tenant) || covers(policy, tenant));
}

static bool policy_allows(const struct policy *policy, const struct kdm_rights_question *question)
{
    if (question->action != NULL)
        return policy->allows[question->action->number];
    return kdm_role_allows(policy->role, question->controller, question->name);
}

static bool any_covers(const struct kdm_rights *rights, const struct kdm_rights_question *question,
                       struct subject subject)
{
    for (size_t i = 0; i < rights->policy_count; i++) {
        if (policy_allows(&rights->policies[i], question) && covers(&rights->policies[i], subject))
            return true;
    }
    return false;
}

static bool has_wildcard(struct kdm_str name)
{
    return name.len > 0 && memchr(name.ptr, '*', name.len) != NULL;
}

/* One that names no index is for the action to refuse. */
static bool target_allowed(const struct kdm_rights *rights,
                           const struct kdm_rights_question *question, struct kdm_val target)
{
    struct kdm_val index = kdm_val_get(target, KDM_STR("index")), collection;
    struct kdm_val collections = kdm_val_get(target, KDM_STR("collections"));
    struct subject subject = { name_of(question->arena, index), KDM_STR_NONE };
    struct kdm_val_iter it;

    if (names_nothing(index))
        return true;
    if (has_wildcard(subject.index))
        return false;
    if (kdm_val_type(collections) != KDM_JSON_ARRAY)
        return any_covers(rights, question, subject);
    for (kdm_elements(&it, collections); kdm_element_next(&it, &collection);) {
        subject.collection = name_of(question->arena, collection);
        if (has_wildcard(subject.collection) || !any_covers(rights, question, subject))
            return false;
    }
    return true;
}

/* Of one that is not of our table nobody knows. */
static bool takes_targets(const struct kdm_action *action)
{
    if (action == NULL)
        return true;
    for (size_t i = 0; i < action->arg_count; i++) {
        if (strcmp(action->args[i].name, "targets") == 0)
            return true;
    }
    return false;
}

static bool has_targets(const struct kdm_rights_question *question)
{
    return kdm_val_type(question->targets) == KDM_JSON_ARRAY && kdm_val_count(question->targets) > 0
           && takes_targets(question->action);
}

static bool targets_allowed(const struct kdm_rights *rights,
                            const struct kdm_rights_question *question)
{
    struct kdm_val_iter it;
    struct kdm_val target;

    for (kdm_elements(&it, question->targets); kdm_element_next(&it, &target);) {
        if (!target_allowed(rights, question, target))
            return false;
    }
    return true;
}

/* Of an action that is not of our table: what its roles say. */
static enum verdict verdict_of(const struct kdm_rights *rights,
                               const struct kdm_rights_question *question)
{
    enum verdict verdict = DENIED;

    if (question->action != NULL)
        return (enum verdict)rights->verdicts[question->action->number];
    for (size_t i = 0; i < rights->policy_count && verdict != ALLOWED; i++) {
        if (policy_allows(&rights->policies[i], question))
            verdict = rights->policies[i].restriction_count == 0 ? ALLOWED : RESTRICTED;
    }
    return verdict;
}

bool kdm_rights_allow(const struct kdm_rights *rights, const struct kdm_rights_question *question)
{
    enum verdict verdict = verdict_of(rights, question);

    if (verdict == DENIED)
        return false;
    if (has_targets(question))
        return targets_allowed(rights, question);
    if (verdict == ALLOWED)
        return true;
    for (size_t i = 0; i < rights->policy_count; i++) {
        if (policy_allows(&rights->policies[i], question)
            && concerns(&rights->policies[i], question))
            return true;
    }
    return false;
}
