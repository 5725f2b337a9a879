/* projection_plan.c - a query tree against the columns of a projection.
 * Terms are looked up once, before the first chunk. A test that has to see a whole dictionary
 * (wildcard, regexp, either case) walks it by number and lets the writer in now and then; terms
 * that come meanwhile are on the dictionary's list of fresh ones and are tested later.
 */
#include "search/geometry.h"
#include "search/projection_query.h"
#include <math.h>
#include <stdlib.h>
#include <time.h>

#define SCAN_TERMS 8192 /* between two looks at the gate */

static struct kdm_plan *plan_for(struct kdm_run *run, const struct kdm_query *query, bool nested);

static struct kdm_plan *new_plan(struct kdm_run *run, enum kdm_plan_kind kind,
                                 const struct kdm_query *query)
{
    struct kdm_plan *plan = kdm_arena_zalloc(run->arena, sizeof(*plan));

    plan->kind = kind;
    plan->query = query;
    plan->exact = kind != KDM_PLAN_MAYBE;
    plan->maybe = kind == KDM_PLAN_MAYBE;
    plan->estimate = kind == KDM_PLAN_NONE ? 0 : run->projection->count;
    return plan;
}

static int64_t clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void kdm_run_hold(struct kdm_run *run)
{
    run->held_since_us = clock_us();
}

void kdm_run_held(struct kdm_run *run)
{
    int64_t us = clock_us() - run->held_since_us;

    if (us > run->held_us)
        run->held_us = us;
}

void kdm_run_let_go(struct kdm_run *run)
{
    if (run->projection == NULL)
        return;
    kdm_run_held(run);
    kdm_gate_end_read(&run->projection->gate);
}

void kdm_run_take_back(struct kdm_run *run)
{
    if (run->projection == NULL)
        return;
    kdm_gate_read(&run->projection->gate);
    kdm_run_hold(run);
}

void kdm_run_pause(struct kdm_run *run)
{
    struct kdm_gate *gate;

    if (run->projection == NULL)
        return;
    gate = &run->projection->gate;
    kdm_run_held(run);
    if (atomic_load_explicit(&gate->wanted, memory_order_relaxed)) {
        kdm_gate_end_read(gate);
        kdm_gate_read(gate);
    }
    kdm_run_hold(run);
}

/* --- tests on texts --------------------------------------------------------------------------- */

/* What the evaluator asks of a key. */
static bool text_fits(struct kdm_run *run, const struct kdm_query *query, struct kdm_str text)
{
    enum kdm_regexp_result result = kdm_query_text_fits(query, run->scratch, text);

    if (result == KDM_REGEXP_TOO_COSTLY)
        run->result = KDM_PROJECTION_TOO_COSTLY;
    return result == KDM_REGEXP_YES;
}

static bool set_wants(struct kdm_run *run, const struct kdm_term_set *set, struct kdm_str text)
{
    if (kdm_str_none(set->word))
        return text_fits(run, set->query, text);
    return set->prefix ? kdm_str_starts(text, set->word) : kdm_str_eq(text, set->word);
}

/* --- sets of terms ---------------------------------------------------------------------------- */

static void set_add(struct kdm_run *run, struct kdm_term_set *set, uint32_t term)
{
    if (set->count == set->room) {
        uint32_t room = set->room == 0 ? 4 : 2 * set->room;
        uint32_t *terms = kdm_arena_alloc(run->arena, room * sizeof(*terms));

        if (set->count > 0)
            memcpy(terms, set->terms, set->count * sizeof(*terms));
        set->terms = terms;
        set->room = room;
    }
    set->terms[set->count++] = term;
    set->documents += kdm_terms_at(set->column->terms, term)->count;
    set->bits = NULL;
    set->likeness = NULL;
}

static void add_from_to(struct kdm_run *run, struct kdm_term_set *set, struct kdm_term_cursor from,
                        struct kdm_term_cursor to)
{
    const struct kdm_terms *terms = set->column->terms;
    uint32_t term;

    while (from.block < to.block || (from.block == to.block && from.at < to.at)) {
        term = kdm_terms_next(terms, &from);
        if (term == 0 || from.block > to.block || (from.block == to.block && from.at > to.at))
            return;
        set_add(run, set, term);
    }
}

static struct kdm_term_cursor order_end(const struct kdm_terms *terms)
{
    return (struct kdm_term_cursor){ terms->block_count, 0 };
}

/* The first text behind all that begin with `prefix`; none: there is no such text. */
static struct kdm_str behind_prefix(struct kdm_arena *arena, struct kdm_str prefix)
{
    while (prefix.len > 0 && (unsigned char)prefix.ptr[prefix.len - 1] == 0xff)
        prefix.len--;
    if (prefix.len == 0)
        return KDM_STR_NONE;
    prefix = kdm_arena_copy(arena, prefix);
    ((char *)(uintptr_t)prefix.ptr)[prefix.len - 1]++;
    return prefix;
}

static void add_prefixed(struct kdm_run *run, struct kdm_term_set *set, struct kdm_str prefix)
{
    const struct kdm_terms *terms = set->column->terms;
    struct kdm_str behind = behind_prefix(run->arena, prefix);

    add_from_to(run, set, kdm_terms_seek(terms, prefix, false),
                kdm_str_none(behind) ? order_end(terms) : kdm_terms_seek(terms, behind, false));
}

static void add_ranged(struct kdm_run *run, struct kdm_term_set *set)
{
    const struct kdm_query *query = set->query;
    const struct kdm_terms *terms = set->column->terms;
    struct kdm_term_cursor from = { 0, 0 }, to = order_end(terms);

    if (query->has_low)
        from = kdm_terms_seek(terms, query->keys[0].text, query->open_low);
    if (query->has_high)
        to = kdm_terms_seek(terms, query->keys[1].text, !query->open_high);
    add_from_to(run, set, from, to);
}

static void add_tested(struct kdm_run *run, struct kdm_term_set *set)
{
    const struct kdm_names *names = &set->column->terms->names;

    for (uint32_t term = 1; term < names->count && run->result == KDM_PROJECTION_OK; term++) {
        if (term % SCAN_TERMS == 0) {
            kdm_run_pause(run);
            kdm_arena_reset(run->scratch);
        }
        if (kdm_terms_at(set->column->terms, term)->count > 0
            && set_wants(run, set, kdm_names_text(names, term)))
            set_add(run, set, term);
    }
    kdm_arena_reset(run->scratch);
}

static void add_found(struct kdm_run *run, struct kdm_term_set *set, struct kdm_str text)
{
    uint32_t term = kdm_terms_find(set->column->terms, text);

    if (term != 0)
        set_add(run, set, term);
}

static void fill_set(struct kdm_run *run, struct kdm_term_set *set)
{
    const struct kdm_query *query = set->query;
    const struct kdm_fifo *fresh = &set->column->terms->fresh;

    set->fresh = fresh->dropped + (fresh->count - fresh->first);
    set->next = run->sets;
    run->sets = set;
    if (!kdm_str_none(set->word)) {
        if (set->prefix)
            add_prefixed(run, set, set->word);
        else
            add_found(run, set, set->word);
    } else if (query->fold || query->kind == KDM_QUERY_WILDCARD || query->kind == KDM_QUERY_REGEXP
               || query->kind == KDM_QUERY_FUZZY) {
        add_tested(run, set);
    } else if (query->kind == KDM_QUERY_PREFIX) {
        add_prefixed(run, set, query->text);
    } else if (query->kind == KDM_QUERY_RANGE) {
        add_ranged(run, set);
    } else {
        for (size_t i = 0; i < query->key_count; i++)
            if (i == 0 || kdm_key_cmp(&query->keys[i - 1], &query->keys[i]) != 0)
                add_found(run, set, query->keys[i].text);
    }
}

void kdm_plan_refresh(struct kdm_run *run)
{
    if (run->epoch == run->projection->gate.epoch)
        return;
    run->epoch = run->projection->gate.epoch;
    for (struct kdm_term_set *set = run->sets; set != NULL; set = set->next) {
        const struct kdm_fifo *fresh = &set->column->terms->fresh;
        uint64_t end = fresh->dropped + (fresh->count - fresh->first);

        for (; set->fresh < end; set->fresh++) {
            uint32_t term = fresh->entries[fresh->first + (set->fresh - fresh->dropped)].number;

            if (kdm_terms_at(set->column->terms, term)->count > 0
                && set_wants(run, set, kdm_terms_text(set->column->terms, term)))
                set_add(run, set, term);
        }
    }
}

/* --- numbers ---------------------------------------------------------------------------------- */

static int compare_to(bool real, union kdm_value value, struct kdm_number number)
{
    return kdm_number_cmp(real ? kdm_number_double(value.d) : kdm_number_int(value.i), number);
}

static union kdm_value next_value(bool real, union kdm_value value, bool up)
{
    if (real)
        value.d = nextafter(value.d, up ? INFINITY : -INFINITY);
    else
        value.i += up ? 1 : -1;
    return value;
}

/* The column's value nearest to `number` that is on its right side; false: there is none. */
static bool bound(bool real, struct kdm_number number, bool open, bool up,
                  union kdm_value *ret_value)
{
    union kdm_value value = { 0 };
    int order;

    if (real) {
        value.d = number.d;
    } else if (number.whole) {
        value.i = number.i;
    } else if (fabs(number.d) >= 9223372036854775808.0) {
        if (up == (number.d > 0))
            return false;
        value.i = up ? INT64_MIN : INT64_MAX;
    } else {
        value.i = (int64_t)number.d;
    }
    /* Rounding may have left it on the wrong side by one. */
    for (int i = 0; i < 3; i++) {
        order = compare_to(real, value, number);
        if (!up)
            order = -order;
        if (open ? order > 0 : order >= 0) {
            *ret_value = value;
            return true;
        }
        if (!real && value.i == (up ? INT64_MAX : INT64_MIN))
            return false;
        value = next_value(real, value, up);
    }
    return false;
}

static void number_range(struct kdm_run *run, struct kdm_plan *plan)
{
    const struct kdm_query *query = plan->query;
    bool real = kdm_column_real(plan->column);
    struct kdm_span *span = kdm_arena_alloc(run->arena, sizeof(*span));

    if (real)
        *span = (struct kdm_span){ .low.d = -INFINITY, .high.d = INFINITY };
    else
        *span = (struct kdm_span){ .low.i = INT64_MIN, .high.i = INT64_MAX };
    if ((query->has_low && !bound(real, query->keys[0].number, query->open_low, true, &span->low))
        || (query->has_high
            && !bound(real, query->keys[1].number, query->open_high, false, &span->high))) {
        plan->kind = KDM_PLAN_NONE;
        plan->estimate = 0;
        return;
    }
    plan->spans = span;
    plan->span_count = 1;
    plan->estimate = plan->column->used / 2 + 1;
}

static void number_keys(struct kdm_run *run, struct kdm_plan *plan)
{
    const struct kdm_query *query = plan->query;
    bool real = kdm_column_real(plan->column);

    plan->spans = kdm_arena_alloc(run->arena, (query->key_count + 1) * sizeof(*plan->spans));
    for (size_t i = 0; i < query->key_count; i++) {
        struct kdm_span *span = &plan->spans[plan->span_count];

        /* A number that the column can't hold is in no document. */
        if (!query->keys[i].is_text && bound(real, query->keys[i].number, false, true, &span->low)
            && compare_to(real, span->low, query->keys[i].number) == 0) {
            span->high = span->low;
            plan->span_count++;
        }
    }
    plan->estimate = plan->column->used / 8 + 1;
}

/* --- leaves ----------------------------------------------------------------------------------- */

/* "flat.key": what is below a flattened field is among its terms. */
static const struct kdm_column *flattened_above(const struct kdm_projection *projection,
                                                struct kdm_str path)
{
    for (size_t at = path.len; at-- > 1;) {
        const struct kdm_column *column;

        if (path.ptr[at] != '.')
            continue;
        column = kdm_projection_column(projection, (struct kdm_str){ path.ptr, at });
        if (column != NULL && column->field->type == KDM_FIELD_FLATTENED)
            return column;
    }
    return NULL;
}

/* The column of a query's field; NULL: nothing is known. When it is not certain, what it finds may
 * match. */
static const struct kdm_column *column_of(const struct kdm_projection *projection,
                                          const struct kdm_field *field, bool *ret_maybe)
{
    const struct kdm_column *column = kdm_projection_column(projection, field->path);

    *ret_maybe = true;
    if (column == NULL && field->type == KDM_FIELD_KEYWORD) {
        column = flattened_above(projection, field->path);
        return column == NULL || column->filling ? NULL : column;
    }
    if (column == NULL || column->filling || column->field->type != field->type)
        return NULL;
    *ret_maybe = false;
    return column;
}

const struct kdm_column *kdm_run_column(struct kdm_run *run, const struct kdm_field *field)
{
    const struct kdm_column *column = kdm_projection_column(run->projection, field->path);

    if (column == NULL || column->field->type != field->type)
        return NULL;
    if (!column->filling)
        return column;
    if (run->result == KDM_PROJECTION_OK)
        run->result = KDM_PROJECTION_UNFILLED;
    return NULL;
}

static struct kdm_plan *maybe(struct kdm_run *run, const struct kdm_query *query)
{
    return new_plan(run, KDM_PLAN_MAYBE, query);
}

/* A plan on the column of the query's field, or MAYBE or NONE when there is nothing to look at. */
static struct kdm_plan *leaf(struct kdm_run *run, enum kdm_plan_kind kind,
                             const struct kdm_query *query, bool nested)
{
    struct kdm_plan *plan;
    const struct kdm_column *column;
    bool unsure;

    column = column_of(run->projection, query->field, &unsure);
    if (column == NULL)
        return maybe(run, query);
    if (!column->root && !nested)
        return new_plan(run, KDM_PLAN_NONE, query);
    plan = new_plan(run, kind, query);
    plan->column = column;
    plan->maybe = unsure || nested;
    plan->exact = !plan->maybe;
    plan->estimate = column->used;
    return plan;
}

static void add_sets(struct kdm_run *run, struct kdm_plan *plan, uint32_t count)
{
    plan->sets = kdm_arena_zalloc(run->arena, count * sizeof(*plan->sets));
    plan->set_count = count;
    for (uint32_t i = 0; i < count; i++) {
        plan->sets[i].column = plan->column;
        plan->sets[i].query = plan->query;
    }
}

static struct kdm_plan *ids(struct kdm_run *run, const struct kdm_query *query)
{
    struct kdm_plan *plan = new_plan(run, KDM_PLAN_IDS, query);
    const struct kdm_names *names = &run->projection->documents;

    plan->ordinals = kdm_arena_alloc(run->arena, (query->key_count + 1) * sizeof(uint32_t));
    for (size_t i = 0; i < query->key_count; i++) {
        struct kdm_str id = query->keys[i].text;
        uint32_t ordinal = kdm_names_find(names, id, kdm_names_hash(names, id));

        if (ordinal != 0)
            plan->ordinals[plan->ordinal_count++] = ordinal;
    }
    plan->estimate = plan->ordinal_count;
    return plan;
}

static struct kdm_plan *keys(struct kdm_run *run, const struct kdm_query *query, bool nested)
{
    struct kdm_plan *plan;

    if (query->field == &kdm_query_id) {
        if (nested)
            return new_plan(run, KDM_PLAN_NONE, query);
        return query->kind == KDM_QUERY_TERMS && !query->fold
                   ? ids(run, query)
                   : new_plan(run, KDM_PLAN_ID_TEST, query);
    }
    plan = leaf(run, KDM_PLAN_TERMS, query, nested);
    if (plan->kind != KDM_PLAN_TERMS)
        return plan;
    if (plan->column->cell == KDM_CELL_TERM) {
        add_sets(run, plan, 1);
        fill_set(run, &plan->sets[0]);
        plan->estimate = plan->sets[0].documents;
        return plan;
    }
    if (!kdm_column_numeric(plan->column))
        return new_plan(run, KDM_PLAN_NONE, query);
    plan->kind = KDM_PLAN_NUMBERS;
    if (query->kind == KDM_QUERY_RANGE)
        number_range(run, plan);
    else
        number_keys(run, plan);
    return plan;
}

static struct kdm_plan *words(struct kdm_run *run, const struct kdm_query *query, bool nested)
{
    bool phrase = query->kind == KDM_QUERY_PHRASE;
    struct kdm_plan *plan = leaf(run, phrase ? KDM_PLAN_PHRASE : KDM_PLAN_WORDS, query, nested);
    uint64_t sum = 0, least = UINT64_MAX;

    if (plan->column == NULL)
        return plan;
    if (plan->column->cell != KDM_CELL_TERM)
        return maybe(run, query);
    add_sets(run, plan, (uint32_t)query->tokens.count);
    for (uint32_t i = 0; i < plan->set_count; i++) {
        struct kdm_term_set *set = &plan->sets[i];

        set->word = query->tokens.items[i];
        set->prefix = phrase && query->last_is_prefix && i + 1 == plan->set_count;
        fill_set(run, set);
        sum += set->documents;
        if (set->documents < least)
            least = set->documents;
    }
    plan->minimum = phrase ? plan->set_count : query->minimum;
    plan->estimate = plan->minimum >= plan->set_count ? least : sum;
    return plan;
}

/* --- places ----------------------------------------------------------------------------------- */

#define DEGREES(radians) ((radians) * (180 / M_PI))
#define EARTH            6371008.7714

/* A box around a circle; what is outside of it need not be measured. */
static void around_circle(const struct kdm_query *query, struct kdm_plan *plan)
{
    struct kdm_point center = query->points[0];
    double angle = query->far / EARTH * 1.000001 + 1e-9, lat = center.lat * (M_PI / 180);
    double wide = sin(angle) / cos(lat);

    plan->low = (struct kdm_point){ center.lat - DEGREES(angle), -INFINITY };
    plan->high = (struct kdm_point){ center.lat + DEGREES(angle), INFINITY };
    if (angle >= M_PI / 2 || plan->low.lat <= -90 || plan->high.lat >= 90 || !(wide < 1))
        return;
    wide = DEGREES(asin(wide)) * 1.000001 + 1e-9;
    if (center.lon - wide < -180 || center.lon + wide > 180)
        return;
    plan->low.lon = center.lon - wide;
    plan->high.lon = center.lon + wide;
}

static void around_polygon(const struct kdm_query *query, struct kdm_plan *plan)
{
    plan->low = (struct kdm_point){ INFINITY, INFINITY };
    plan->high = (struct kdm_point){ -INFINITY, -INFINITY };
    for (size_t i = 0; i < query->point_count; i++) {
        plan->low.lat = fmin(plan->low.lat, query->points[i].lat);
        plan->low.lon = fmin(plan->low.lon, query->points[i].lon);
        plan->high.lat = fmax(plan->high.lat, query->points[i].lat);
        plan->high.lon = fmax(plan->high.lon, query->points[i].lon);
    }
}

static struct kdm_plan *place(struct kdm_run *run, const struct kdm_query *query, bool nested)
{
    struct kdm_plan *plan = leaf(run, KDM_PLAN_PLACE, query, nested);

    if (plan->column == NULL)
        return plan;
    if (plan->column->cell != KDM_CELL_POINT)
        return new_plan(run, KDM_PLAN_NONE, query);
    /* Of the shapes of all objects together nothing follows for those of one. */
    if (query->kind == KDM_QUERY_GEO_SHAPE && nested)
        plan->kind = KDM_PLAN_EXISTS;
    plan->low = (struct kdm_point){ -INFINITY, -INFINITY };
    plan->high = (struct kdm_point){ INFINITY, INFINITY };
    if (query->kind == KDM_QUERY_GEO_DISTANCE)
        around_circle(query, plan);
    else if (query->kind == KDM_QUERY_GEO_POLYGON)
        around_polygon(query, plan);
    plan->estimate = plan->column->used / 4 + 1;
    return plan;
}

/* --- inner nodes ------------------------------------------------------------------------------ */

static void list_add(struct kdm_plan_list *list, struct kdm_plan *plan)
{
    uint32_t at = list->count++;

    for (; at > 0 && list->items[at - 1]->estimate > plan->estimate; at--)
        list->items[at] = list->items[at - 1];
    list->items[at] = plan;
}

static void add_all(struct kdm_run *run, struct kdm_plan *plan, struct kdm_plan_list *list,
                    const struct kdm_query_list *queries, struct kdm_plan_list *scoring,
                    bool nested)
{
    for (size_t i = 0; i < queries->count; i++) {
        struct kdm_plan *child = plan_for(run, queries->items[i], nested);

        list_add(list, child);
        if (scoring != NULL)
            scoring->items[scoring->count++] = child;
        plan->exact = plan->exact && child->exact;
    }
}

static struct kdm_plan_list new_list(struct kdm_run *run, size_t room)
{
    return (struct kdm_plan_list){
        .items = kdm_arena_alloc(run->arena, (room + 1) * sizeof(struct kdm_plan *)),
    };
}

static struct kdm_plan *bool_plan(struct kdm_run *run, const struct kdm_query *query, bool nested)
{
    struct kdm_plan *plan = new_plan(run, KDM_PLAN_BOOL, query);
    uint64_t sum = 0;

    plan->minimum = query->minimum;
    plan->must = new_list(run, query->must.count + query->filter.count);
    plan->scoring = new_list(run, query->must.count);
    plan->should = new_list(run, query->should.count);
    plan->must_not = new_list(run, query->must_not.count);
    add_all(run, plan, &plan->must, &query->must, &plan->scoring, nested);
    add_all(run, plan, &plan->must, &query->filter, NULL, nested);
    add_all(run, plan, &plan->should, &query->should, NULL, nested);
    add_all(run, plan, &plan->must_not, &query->must_not, NULL, nested);
    if (plan->must.count > 0)
        plan->estimate = plan->must.items[0]->estimate;
    if (plan->minimum > 0) {
        for (uint32_t i = 0; i < plan->should.count; i++)
            sum += plan->should.items[i]->estimate;
        if (sum < plan->estimate)
            plan->estimate = sum;
    }
    return plan;
}

static struct kdm_plan *above(struct kdm_run *run, enum kdm_plan_kind kind,
                              const struct kdm_query *query, bool nested)
{
    struct kdm_plan *plan = new_plan(run, kind, query);

    plan->child = plan_for(run, query->child, nested);
    plan->estimate = plan->child->estimate;
    plan->exact = kind != KDM_PLAN_NESTED && plan->child->exact;
    return plan;
}

static struct kdm_plan *boosting(struct kdm_run *run, const struct kdm_query *query, bool nested)
{
    struct kdm_plan *plan = above(run, KDM_PLAN_BOOSTING, query, nested);

    plan->negative = plan_for(run, query->negative, nested);
    return plan;
}

/* An object exists when anything below it does. */
static struct kdm_plan *exists(struct kdm_run *run, const struct kdm_query *query,
                               const struct kdm_field *field, bool nested)
{
    struct kdm_query *one;
    struct kdm_plan *plan;

    if (field == &kdm_query_id)
        return new_plan(run, nested ? KDM_PLAN_NONE : KDM_PLAN_ALL, query);
    if (field->type > KDM_FIELD_ALIAS) {
        one = kdm_arena_alloc(run->arena, sizeof(*one));
        *one = *query;
        one->field = field;
        return leaf(run, KDM_PLAN_EXISTS, one, nested);
    }
    plan = new_plan(run, field->enabled && field->child_count > 0 ? KDM_PLAN_BOOL : KDM_PLAN_NONE,
                    query);
    plan->minimum = 1;
    plan->should = new_list(run, field->child_count);
    for (uint32_t i = 0; plan->kind == KDM_PLAN_BOOL && i < field->child_count; i++) {
        struct kdm_plan *child = exists(run, query, field->children[i], nested);

        list_add(&plan->should, child);
        plan->exact = plan->exact && child->exact;
    }
    return plan;
}

static struct kdm_plan *plan_for(struct kdm_run *run, const struct kdm_query *query, bool nested)
{
    switch ((enum kdm_query_kind)query->kind) {
    case KDM_QUERY_ALL:
        return new_plan(run, KDM_PLAN_ALL, query);
    case KDM_QUERY_NONE:
        return new_plan(run, KDM_PLAN_NONE, query);
    case KDM_QUERY_BOOL:
        return bool_plan(run, query, nested);
    case KDM_QUERY_CONSTANT:
        return above(run, KDM_PLAN_CONSTANT, query, nested);
    case KDM_QUERY_BOOSTING:
        return boosting(run, query, nested);
    case KDM_QUERY_NESTED:
        return above(run, KDM_PLAN_NESTED, query, true);
    case KDM_QUERY_TERMS:
    case KDM_QUERY_RANGE:
    case KDM_QUERY_PREFIX:
    case KDM_QUERY_WILDCARD:
    case KDM_QUERY_REGEXP:
    case KDM_QUERY_FUZZY:
        return keys(run, query, nested);
    case KDM_QUERY_EXISTS:
        return exists(run, query, query->field, nested);
    case KDM_QUERY_MATCH:
    case KDM_QUERY_PHRASE:
        return words(run, query, nested);
    case KDM_QUERY_GEO_DISTANCE:
    case KDM_QUERY_GEO_BOX:
    case KDM_QUERY_GEO_POLYGON:
    case KDM_QUERY_GEO_SHAPE:
        return place(run, query, nested);
    default:
        return maybe(run, query);
    }
}

struct kdm_plan *kdm_plan_create(struct kdm_run *run, const struct kdm_query *query)
{
    return plan_for(run, query, false);
}
