/* projection_match.c - a plan over one chunk of documents. */
#include "search/phrase.h"
#include "search/projection_query.h"
#include <stdlib.h>

struct kdm_bits *kdm_run_bits(struct kdm_run *run)
{
    return run->bits_count > 0 ? run->bits[--run->bits_count] : kdm_malloc(sizeof(struct kdm_bits));
}

void kdm_run_give(struct kdm_run *run, struct kdm_bits *bits)
{
    if (run->bits_count == run->bits_room) {
        run->bits_room = kdm_more_room(run->bits_room);
        run->bits = kdm_realloc(run->bits, run->bits_room * sizeof(struct kdm_bits *));
    }
    run->bits[run->bits_count++] = bits;
}

static void clear(const struct kdm_run *run, struct kdm_bits *bits)
{
    memset(bits->words, 0, run->words * sizeof(bits->words[0]));
}

static void copy(const struct kdm_run *run, struct kdm_bits *bits, const struct kdm_bits *from)
{
    memcpy(bits->words, from->words, run->words * sizeof(bits->words[0]));
}

static bool empty(const struct kdm_run *run, const struct kdm_bits *bits)
{
    return kdm_bits_empty(bits->words, run->words);
}

/* --- terms ------------------------------------------------------------------------------------ */

static void make_bits(struct kdm_run *run, struct kdm_term_set *set)
{
    uint32_t count = set->column->terms->names.count;

    set->bits = kdm_arena_zalloc(run->arena, (count / 64 + 1) * sizeof(uint64_t));
    set->bits_count = count;
    for (uint32_t i = 0; i < set->count; i++)
        kdm_bits_set(set->bits, set->terms[i]);
}

bool kdm_term_set_has(const struct kdm_term_set *set, uint32_t term)
{
    if (set->bits != NULL)
        return term < set->bits_count && kdm_bits_has(set->bits, term);
    for (uint32_t i = 0; i < set->count; i++)
        if (set->terms[i] == term)
            return true;
    return false;
}

/* Looks at what each row has; pays when the set has many terms. */
static void scan_terms(struct kdm_run *run, struct kdm_term_set *set, const struct kdm_bits *within,
                       struct kdm_bits *out)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(set->column, run->chunk);
    uint32_t row, one, count;

    if (set->bits == NULL)
        make_bits(run, set);
    KDM_EACH_BIT(within->words, 0, run->words, row)
    {
        const uint32_t *terms =
            kdm_column_terms(set->column, &run->projection->slab, chunk, row, &one, &count);

        for (uint32_t i = 0; i < count; i++)
            if (terms[i] < set->bits_count && kdm_bits_has(set->bits, terms[i])) {
                kdm_bits_set(out->words, row);
                break;
            }
    }
}

/* In nanoseconds, roughly, for this chunk. */
static bool scan_is_cheaper(const struct kdm_run *run, const struct kdm_term_set *set,
                            const struct kdm_bits *within)
{
    uint32_t chunks = kdm_projection_chunks(run->projection);
    uint64_t by_posting = (uint64_t)set->count * 20 + set->documents / chunks;
    uint64_t a_row = set->column->text ? 40 : 3;

    return set->count > 64 && kdm_bits_count(within->words, run->words) * a_row < by_posting;
}

void kdm_term_set_match(struct kdm_run *run, struct kdm_term_set *set,
                        const struct kdm_bits *within, struct kdm_bits *out)
{
    clear(run, out);
    if (set->count == 0)
        return;
    if (scan_is_cheaper(run, set, within)) {
        scan_terms(run, set, within, out);
        return;
    }
    for (uint32_t i = 0; i < set->count; i++)
        kdm_terms_chunk(set->column->terms, set->terms[i], run->chunk, out->words, run->words);
    kdm_bits_and(out->words, within->words, run->words);
}

/* --- numbers, ids, exists --------------------------------------------------------------------- */

static bool in_spans(const struct kdm_plan *plan, union kdm_value value)
{
    bool real = kdm_column_real(plan->column);
    uint32_t low = 0, high = plan->span_count;

    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct kdm_span *span = &plan->spans[middle];

        if (real ? span->low.d == value.d : span->low.i == value.i)
            return true;
        if (real ? span->low.d < value.d : span->low.i < value.i)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* Many single values: each row's own is looked up among them. */
static void look_up_numbers(struct kdm_run *run, const struct kdm_plan *plan,
                            const struct kdm_bits *within, struct kdm_bits *out)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(plan->column, run->chunk);
    uint32_t row, count;
    union kdm_value one;

    KDM_EACH_BIT(within->words, 0, run->words, row)
    {
        const union kdm_value *values = kdm_column_values(plan->column, chunk, row, &one, &count);

        for (uint32_t i = 0; i < count; i++)
            if (in_spans(plan, values[i])) {
                kdm_bits_set(out->words, row);
                break;
            }
    }
}

static void match_numbers(struct kdm_run *run, const struct kdm_plan *plan,
                          const struct kdm_bits *within, struct kdm_bits *out)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(plan->column, run->chunk);
    struct kdm_bits *one;

    clear(run, out);
    if (plan->span_count > 8) {
        look_up_numbers(run, plan, within, out);
        return;
    }
    one = kdm_run_bits(run);
    for (uint32_t i = 0; i < plan->span_count; i++) {
        kdm_column_range(plan->column, chunk, plan->spans[i].low, plan->spans[i].high,
                         within->words, one->words, run->words);
        kdm_bits_or(out->words, one->words, run->words);
    }
    kdm_run_give(run, one);
}

static void match_exists(struct kdm_run *run, const struct kdm_plan *plan,
                         const struct kdm_bits *within, struct kdm_bits *out)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(plan->column, run->chunk);
    uint32_t words = chunk == NULL ? 0 : chunk->rows / 64;

    clear(run, out);
    if (words > run->words)
        words = run->words;
    for (uint32_t i = 0; i < words; i++)
        out->words[i] = within->words[i] & chunk->exists[i];
}

static void match_ids(struct kdm_run *run, const struct kdm_plan *plan,
                      const struct kdm_bits *within, struct kdm_bits *out)
{
    clear(run, out);
    for (uint32_t i = 0; i < plan->ordinal_count; i++)
        if (plan->ordinals[i] / KDM_CHUNK_ROWS == run->chunk)
            kdm_bits_set(out->words, plan->ordinals[i] % KDM_CHUNK_ROWS);
    kdm_bits_and(out->words, within->words, run->words);
}

/* The evaluator answers what is asked of an id without looking at the document. */
static void match_id_test(struct kdm_run *run, const struct kdm_plan *plan,
                          const struct kdm_bits *within, struct kdm_bits *out)
{
    const struct kdm_query *too_costly = NULL;
    uint32_t row, tested = 0;

    clear(run, out);
    KDM_EACH_BIT(within->words, 0, run->words, row)
    {
        struct kdm_query_document document = {
            .id = kdm_projection_id(run->projection, run->chunk * KDM_CHUNK_ROWS + row)
        };

        if (kdm_query_match(plan->query, run->scratch, &document, NULL, &too_costly))
            kdm_bits_set(out->words, row);
        if (++tested % 1024 == 0)
            kdm_arena_reset(run->scratch);
    }
    kdm_arena_reset(run->scratch);
    if (too_costly != NULL)
        run->result = KDM_PROJECTION_TOO_COSTLY;
}

/* --- places ----------------------------------------------------------------------------------- */

static bool is_place(const struct kdm_plan *plan, struct kdm_point point)
{
    if (point.lat < plan->low.lat || point.lat > plan->high.lat || point.lon < plan->low.lon
        || point.lon > plan->high.lon)
        return false;
    return kdm_query_place(plan->query, point);
}

static bool any_place(const struct kdm_plan *plan, const union kdm_value *values, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (is_place(plan, values[i].point))
            return true;
    return false;
}

/* Shapes have two corners each; points are boxes of their own. */
static bool shapes_match(const struct kdm_plan *plan, const union kdm_value *values, uint32_t count)
{
    uint32_t each = plan->query->field->type == KDM_FIELD_GEO_SHAPE ? 2 : 1;
    struct kdm_shape_tally tally = { 0 };

    for (uint32_t i = 0; i + each <= count; i += each) {
        const struct kdm_point box[2] = { values[i].point, values[i + each - 1].point };

        kdm_query_shape_add(plan->query, &tally, box);
    }
    return kdm_query_shapes(plan->query, &tally);
}

static void match_place(struct kdm_run *run, const struct kdm_plan *plan,
                        const struct kdm_bits *within, struct kdm_bits *out)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(plan->column, run->chunk);
    bool shapes = plan->query->kind == KDM_QUERY_GEO_SHAPE;
    union kdm_value one;
    uint32_t row, count;

    clear(run, out);
    KDM_EACH_BIT(within->words, 0, run->words, row)
    {
        const union kdm_value *values = kdm_column_values(plan->column, chunk, row, &one, &count);

        if (shapes ? shapes_match(plan, values, count) : any_place(plan, values, count))
            kdm_bits_set(out->words, row);
    }
}

/* --- at least so many of ---------------------------------------------------------------------- */

/* Counts how often each row was added. */
struct tally {
    uint16_t counts[KDM_CHUNK_ROWS];
};

static void tally_add(const struct kdm_run *run, struct tally *tally, const struct kdm_bits *bits)
{
    uint32_t row;

    KDM_EACH_BIT(bits->words, 0, run->words, row)
    tally->counts[row]++;
}

static void tally_at_least(const struct kdm_run *run, const struct tally *tally, size_t minimum,
                           const struct kdm_bits *within, struct kdm_bits *out)
{
    uint32_t row;

    clear(run, out);
    KDM_EACH_BIT(within->words, 0, run->words, row)
    if (tally->counts[row] >= minimum)
        kdm_bits_set(out->words, row);
}

static void match_all_words(struct kdm_run *run, const struct kdm_plan *plan,
                            const struct kdm_bits *within, struct kdm_bits *out)
{
    struct kdm_bits *one = kdm_run_bits(run);

    copy(run, out, within);
    for (uint32_t i = 0; i < plan->set_count && !empty(run, out); i++) {
        kdm_term_set_match(run, &plan->sets[i], out, one);
        copy(run, out, one);
    }
    kdm_run_give(run, one);
}

static void match_any_word(struct kdm_run *run, const struct kdm_plan *plan,
                           const struct kdm_bits *within, struct kdm_bits *out)
{
    struct kdm_bits *one = kdm_run_bits(run);

    clear(run, out);
    for (uint32_t i = 0; i < plan->set_count; i++) {
        kdm_term_set_match(run, &plan->sets[i], within, one);
        kdm_bits_or(out->words, one->words, run->words);
    }
    kdm_run_give(run, one);
}

static void match_some_words(struct kdm_run *run, const struct kdm_plan *plan,
                             const struct kdm_bits *within, struct kdm_bits *out)
{
    struct tally *tally = kdm_zalloc(sizeof(*tally));

    for (uint32_t i = 0; i < plan->set_count; i++) {
        kdm_term_set_match(run, &plan->sets[i], within, out);
        tally_add(run, tally, out);
    }
    tally_at_least(run, tally, plan->minimum, within, out);
    free(tally);
}

static void match_words(struct kdm_run *run, const struct kdm_plan *plan,
                        const struct kdm_bits *within, struct kdm_bits *out)
{
    if (plan->minimum > plan->set_count)
        clear(run, out);
    else if (plan->minimum == plan->set_count)
        match_all_words(run, plan, within, out);
    else if (plan->minimum <= 1)
        match_any_word(run, plan, within, out);
    else
        match_some_words(run, plan, within, out);
}

/* --- phrases ---------------------------------------------------------------------------------- */

struct phrase_test {
    const struct kdm_plan *plan;
    const uint32_t *terms;
};

static bool term_fits(void *ctx, size_t slot, size_t at)
{
    const struct phrase_test *test = ctx;

    return kdm_term_set_has(&test->plan->sets[slot], test->terms[at]);
}

/* A phrase lies within one value. */
size_t kdm_plan_phrases(struct kdm_run *run, const struct kdm_plan *plan, const uint32_t *terms,
                        uint32_t count, bool first_only)
{
    size_t found = 0;

    for (uint32_t begin = 0, end; begin < count; begin = end + 1) {
        struct phrase_test test = { plan, terms + begin };

        for (end = begin; end < count && terms[end] != 0; end++)
            ;
        found += kdm_phrase_count(run->scratch, term_fits, &test, plan->set_count, end - begin,
                                  plan->query->slop, first_only);
        if (first_only && found > 0)
            break;
    }
    return found;
}

static void match_phrase(struct kdm_run *run, const struct kdm_plan *plan,
                         const struct kdm_bits *within, struct kdm_bits *out)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(plan->column, run->chunk);
    struct kdm_bits *all = kdm_run_bits(run);
    uint32_t row, one, count;

    for (uint32_t i = 0; i < plan->set_count; i++)
        if (plan->sets[i].count > 4 && plan->sets[i].bits == NULL)
            make_bits(run, &plan->sets[i]);
    match_all_words(run, plan, within, all);
    clear(run, out);
    KDM_EACH_BIT(all->words, 0, run->words, row)
    {
        const uint32_t *terms =
            kdm_column_terms(plan->column, &run->projection->slab, chunk, row, &one, &count);

        if (kdm_plan_phrases(run, plan, terms, count, true) > 0)
            kdm_bits_set(out->words, row);
        if (plan->query->slop > 0)
            kdm_arena_reset(run->scratch);
    }
    kdm_run_give(run, all);
}

/* --- bool ------------------------------------------------------------------------------------- */

/* What a clause surely matches: `high` itself when it is exact. */
static const struct kdm_bits *sure(const struct kdm_plan *plan, const struct kdm_bits *low,
                                   const struct kdm_bits *high)
{
    return plan->exact ? high : low;
}

/* Narrows low and high to what matches all of `list`. */
static void match_must(struct kdm_run *run, const struct kdm_plan_list *list, struct kdm_bits *low,
                       struct kdm_bits *high)
{
    struct kdm_bits *child_low = kdm_run_bits(run), *child_high = kdm_run_bits(run);

    for (uint32_t i = 0; i < list->count && !empty(run, high); i++) {
        kdm_plan_match(run, list->items[i], high, child_low, child_high);
        kdm_bits_and(low->words, sure(list->items[i], child_low, child_high)->words, run->words);
        copy(run, high, child_high);
    }
    kdm_bits_and(low->words, high->words, run->words);
    kdm_run_give(run, child_low);
    kdm_run_give(run, child_high);
}

static void match_must_not(struct kdm_run *run, const struct kdm_plan_list *list,
                           struct kdm_bits *low, struct kdm_bits *high)
{
    struct kdm_bits *child_low = kdm_run_bits(run), *child_high = kdm_run_bits(run);

    for (uint32_t i = 0; i < list->count && !empty(run, high); i++) {
        kdm_plan_match(run, list->items[i], high, child_low, child_high);
        kdm_bits_without(low->words, child_high->words, run->words);
        kdm_bits_without(high->words, sure(list->items[i], child_low, child_high)->words,
                         run->words);
    }
    kdm_run_give(run, child_low);
    kdm_run_give(run, child_high);
}

static void match_any(struct kdm_run *run, const struct kdm_plan_list *list, struct kdm_bits *low,
                      struct kdm_bits *high)
{
    struct kdm_bits *child_low = kdm_run_bits(run), *child_high = kdm_run_bits(run);
    struct kdm_bits *any_low = kdm_run_bits(run), *any_high = kdm_run_bits(run);

    clear(run, any_low);
    clear(run, any_high);
    for (uint32_t i = 0; i < list->count; i++) {
        kdm_plan_match(run, list->items[i], high, child_low, child_high);
        kdm_bits_or(any_low->words, sure(list->items[i], child_low, child_high)->words, run->words);
        kdm_bits_or(any_high->words, child_high->words, run->words);
    }
    kdm_bits_and(low->words, any_low->words, run->words);
    copy(run, high, any_high);
    kdm_run_give(run, child_low);
    kdm_run_give(run, child_high);
    kdm_run_give(run, any_low);
    kdm_run_give(run, any_high);
}

static void match_some(struct kdm_run *run, const struct kdm_plan *plan, struct kdm_bits *low,
                       struct kdm_bits *high)
{
    struct kdm_bits *child_low = kdm_run_bits(run), *child_high = kdm_run_bits(run);
    struct tally *sure_ones = kdm_zalloc(sizeof(*sure_ones));
    struct tally *possible = kdm_zalloc(sizeof(*possible));

    for (uint32_t i = 0; i < plan->should.count; i++) {
        struct kdm_plan *child = plan->should.items[i];

        kdm_plan_match(run, child, high, child_low, child_high);
        tally_add(run, sure_ones, sure(child, child_low, child_high));
        tally_add(run, possible, child_high);
    }
    tally_at_least(run, sure_ones, plan->minimum, low, child_low);
    tally_at_least(run, possible, plan->minimum, high, child_high);
    copy(run, low, child_low);
    copy(run, high, child_high);
    free(sure_ones);
    free(possible);
    kdm_run_give(run, child_low);
    kdm_run_give(run, child_high);
}

static void match_bool(struct kdm_run *run, const struct kdm_plan *plan,
                       const struct kdm_bits *within, struct kdm_bits *low, struct kdm_bits *high)
{
    struct kdm_bits *spare = NULL;

    if (plan->exact) /* nobody reads it, but the code below has one way */
        low = spare = kdm_run_bits(run);
    copy(run, low, within);
    copy(run, high, within);
    match_must(run, &plan->must, low, high);
    match_must_not(run, &plan->must_not, low, high);
    if (plan->minimum > plan->should.count) {
        clear(run, low);
        clear(run, high);
    } else if (plan->minimum == plan->should.count) {
        match_must(run, &plan->should, low, high);
    } else if (plan->minimum == 1) {
        match_any(run, &plan->should, low, high);
    } else if (plan->minimum > 1) {
        match_some(run, plan, low, high);
    }
    if (spare != NULL)
        kdm_run_give(run, spare);
}

/* --- the switch ------------------------------------------------------------------------------- */

static void match_leaf(struct kdm_run *run, const struct kdm_plan *plan,
                       const struct kdm_bits *within, struct kdm_bits *out)
{
    switch (plan->kind) {
    case KDM_PLAN_NONE:
        clear(run, out);
        break;
    case KDM_PLAN_TERMS:
        kdm_term_set_match(run, &plan->sets[0], within, out);
        break;
    case KDM_PLAN_NUMBERS:
        match_numbers(run, plan, within, out);
        break;
    case KDM_PLAN_EXISTS:
        match_exists(run, plan, within, out);
        break;
    case KDM_PLAN_IDS:
        match_ids(run, plan, within, out);
        break;
    case KDM_PLAN_ID_TEST:
        match_id_test(run, plan, within, out);
        break;
    case KDM_PLAN_WORDS:
        match_words(run, plan, within, out);
        break;
    case KDM_PLAN_PHRASE:
        match_phrase(run, plan, within, out);
        break;
    case KDM_PLAN_PLACE:
        match_place(run, plan, within, out);
        break;
    default:
        copy(run, out, within);
    }
}

void kdm_plan_match(struct kdm_run *run, const struct kdm_plan *plan, const struct kdm_bits *within,
                    struct kdm_bits *low, struct kdm_bits *high)
{
    struct kdm_bits *unused;

    if (run->result != KDM_PROJECTION_OK) {
        clear(run, low);
        clear(run, high);
        return;
    }
    switch (plan->kind) {
    case KDM_PLAN_BOOL:
        match_bool(run, plan, within, low, high);
        return;
    case KDM_PLAN_CONSTANT:
    case KDM_PLAN_BOOSTING:
        kdm_plan_match(run, plan->child, within, low, high);
        return;
    case KDM_PLAN_NESTED:
        unused = kdm_run_bits(run);
        kdm_plan_match(run, plan->child, within, unused, high);
        kdm_run_give(run, unused);
        clear(run, low);
        return;
    default:
        match_leaf(run, plan, within, high);
        if (plan->maybe)
            clear(run, low);
    }
}
