/* projection_score.c - how well documents match.
 * Words score by BM25 (k1 1.2, b 0.75, with the factor k1 + 1 that Elasticsearch 7 keeps), a
 * keyword by how rare it is, which is all that is left of it there: it has neither frequency nor
 * length. So that is one number for all documents. Every other clause gives its boost, filters
 * nothing. The words of a document are counted in its own list of terms, so postings need no
 * frequencies.
 */
#include "search/projection_query.h"
#include <math.h>
#include <stdlib.h>

#define K1 1.2
#define B  0.75

/* --- what differs ----------------------------------------------------------------------------- */

/* Documents that have a word of the field. */
static double documents_of(const struct kdm_column *column)
{
    return (double)(column->text ? column->worded : column->used);
}

/* Of a word that `with` documents have. */
static double rarity(const struct kdm_column *column, double with)
{
    double all = documents_of(column);

    if (with > all)
        with = all;
    return log(1 + (all - with + 0.5) / (with + 0.5));
}

static double idf(const struct kdm_term_set *set)
{
    return rarity(set->column, (double)set->documents);
}

bool kdm_plan_varies(const struct kdm_plan *plan, float *ret_score)
{
    float sum = 0, one = 0;

    *ret_score = plan->query->boost;
    switch (plan->kind) {
    case KDM_PLAN_WORDS:
    case KDM_PLAN_PHRASE:
        return true;
    case KDM_PLAN_BOOSTING:
        return true;
    case KDM_PLAN_TERMS:
        if (plan->query->kind == KDM_QUERY_FUZZY || (plan->query->weighed && plan->column->text))
            return true;
        if (plan->query->weighed)
            *ret_score *= (float)idf(&plan->sets[0]);
        return false;
    case KDM_PLAN_NESTED:
        if (plan->query->mode == KDM_NESTED_NONE)
            *ret_score = 0;
        else if (plan->query->mode == KDM_NESTED_SUM || kdm_plan_varies(plan->child, &one))
            return true;
        else
            *ret_score *= one;
        return false;
    case KDM_PLAN_BOOL:
        if (plan->query->kind != KDM_QUERY_BOOL) /* "exists" of an object */
            return false;
        if (plan->should.count > 0)
            return true;
        for (uint32_t i = 0; i < plan->scoring.count; i++) {
            if (kdm_plan_varies(plan->scoring.items[i], &one))
                return true;
            sum += one;
        }
        *ret_score = sum * plan->query->boost;
        return false;
    default:
        return false;
    }
}

static bool any_unfilled(const struct kdm_projection *projection, const struct kdm_plan_list *list)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (kdm_plan_unfilled(projection, list->items[i]))
            return true;
    return false;
}

bool kdm_plan_unfilled(const struct kdm_projection *projection, const struct kdm_plan *plan)
{
    const struct kdm_field *field = plan->query->field;
    const struct kdm_column *column;

    switch (plan->kind) {
    case KDM_PLAN_BOOL:
        return plan->query->kind == KDM_QUERY_BOOL
               && (any_unfilled(projection, &plan->scoring)
                   || any_unfilled(projection, &plan->should));
    case KDM_PLAN_BOOSTING:
    case KDM_PLAN_NESTED:
        return kdm_plan_unfilled(projection, plan->child);
    case KDM_PLAN_MAYBE:
        /* A keyword gives all documents the same: until then its boost, which is worth no wait. */
        if (field == NULL || field->type != KDM_FIELD_TEXT)
            return false;
        column = kdm_projection_column(projection, field->path);
        return column != NULL && column->filling;
    default:
        return false;
    }
}

/* --- words ------------------------------------------------------------------------------------ */

static double weight_of(double frequency, double length, double average)
{
    return frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * length / average));
}

static double average_length(const struct kdm_column *column)
{
    return column->worded == 0 ? 1 : (double)column->tokens / (double)column->worded;
}

/* How often each set's terms stand in the row; returns its number of words. */
static uint32_t count_words(const struct kdm_plan *plan, const uint32_t *terms, uint32_t count,
                            uint32_t *frequencies)
{
    uint32_t length = 0;

    memset(frequencies, 0, plan->set_count * sizeof(*frequencies));
    for (uint32_t i = 0; i < count; i++) {
        length += terms[i] != 0;
        for (uint32_t j = 0; j < plan->set_count; j++)
            if (plan->sets[j].count == 1 ? plan->sets[j].terms[0] == terms[i]
                                         : kdm_term_set_has(&plan->sets[j], terms[i]))
                frequencies[j]++;
    }
    return length;
}

static void score_words(struct kdm_run *run, const struct kdm_plan *plan,
                        const struct kdm_bits *matched, float weight, float *scores)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(plan->column, run->chunk);
    double average = average_length(plan->column), sum = 0;
    double *idfs = kdm_arena_alloc(run->arena, (plan->set_count + 1) * sizeof(*idfs));
    uint32_t *frequencies =
        kdm_arena_alloc(run->arena, (plan->set_count + 1) * sizeof(*frequencies));
    uint32_t row, one, count, length;
    size_t found;

    for (uint32_t i = 0; i < plan->set_count; i++)
        sum += idfs[i] = idf(&plan->sets[i]);
    KDM_EACH_BIT(matched->words, 0, run->words, row)
    {
        const uint32_t *terms =
            kdm_column_terms(plan->column, &run->projection->slab, chunk, row, &one, &count);
        double score = 0;

        length = count_words(plan, terms, count, frequencies);
        if (plan->kind == KDM_PLAN_PHRASE) {
            found = kdm_plan_phrases(run, plan, terms, count, false);
            score = found == 0 ? 0 : sum * weight_of((double)found, length, average);
            if (plan->query->slop > 0)
                kdm_arena_reset(run->scratch);
        } else {
            for (uint32_t i = 0; i < plan->set_count; i++)
                if (frequencies[i] > 0)
                    score += idfs[i] * weight_of(frequencies[i], length, average);
        }
        scores[row] += weight * (float)score;
    }
}

/* --- words that are alike --------------------------------------------------------------------- */

static void make_likeness(struct kdm_run *run, struct kdm_term_set *set)
{
    const struct kdm_terms *terms = set->column->terms;

    set->likeness_count = terms->names.count;
    set->likeness = kdm_arena_zalloc(run->arena, set->likeness_count * sizeof(*set->likeness));
    set->commonest = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t term = set->terms[i], documents = kdm_terms_at(terms, term)->count;

        set->likeness[term] = kdm_fuzzy_likeness(set->query->fuzzy, kdm_terms_text(terms, term));
        if (documents > set->commonest)
            set->commonest = documents;
    }
}

static int compare_terms(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Each of the row's words that is alike scores as much less as it differs. */
static double like_words(struct kdm_run *run, const struct kdm_term_set *set, const uint32_t *terms,
                         uint32_t count, double average)
{
    uint32_t *alike = kdm_arena_alloc(run->scratch, (count + 1) * sizeof(*alike));
    uint32_t found = 0, length = 0, times;
    double sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        length += terms[i] != 0;
        if (terms[i] < set->likeness_count && set->likeness[terms[i]] > 0)
            alike[found++] = terms[i];
    }
    qsort(alike, found, sizeof(*alike), compare_terms);
    for (uint32_t i = 0; i < found; i += times) {
        for (times = 1; i + times < found && alike[i + times] == alike[i]; times++)
            ;
        sum +=
            set->likeness[alike[i]] * (set->column->text ? weight_of(times, length, average) : 1);
    }
    kdm_arena_reset(run->scratch);
    return sum;
}

/* All words that are alike count as rare as the commonest of them: a misspelt one is no find. */
static void score_fuzzy(struct kdm_run *run, const struct kdm_plan *plan,
                        const struct kdm_bits *matched, float weight, float *scores)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(plan->column, run->chunk);
    struct kdm_term_set *set = &plan->sets[0];
    double average = average_length(plan->column);
    uint32_t row, one, count;

    if (set->likeness == NULL)
        make_likeness(run, set);
    weight *= (float)rarity(plan->column, set->commonest);
    KDM_EACH_BIT(matched->words, 0, run->words, row)
    {
        const uint32_t *terms =
            kdm_column_terms(plan->column, &run->projection->slab, chunk, row, &one, &count);

        scores[row] += weight * (float)like_words(run, set, terms, count, average);
    }
}

/* --- what can't be among the first ------------------------------------------------------------ */

/* The greatest that a word can give, however often it stands in however short a text. */
static double most_of(const struct kdm_term_set *set)
{
    return idf(set) * (K1 + 1);
}

/* Which sets alone, even all together, give at most `least`: the most frequent words. */
static void find_idle(const struct kdm_plan *plan, double least, bool *idle)
{
    double sum = 0;

    for (uint32_t taken = 0; taken < plan->set_count; taken++) {
        uint32_t best = UINT32_MAX;

        for (uint32_t i = 0; i < plan->set_count; i++)
            if (!idle[i]
                && (best == UINT32_MAX || most_of(&plan->sets[i]) < most_of(&plan->sets[best])))
                best = i;
        sum += most_of(&plan->sets[best]);
        if (sum * 1.0001 >= least)
            return;
        idle[best] = true;
    }
}

bool kdm_plan_promising(struct kdm_run *run, const struct kdm_plan *plan, float least,
                        const struct kdm_bits *matched, struct kdm_bits *out)
{
    struct kdm_bits *one;
    bool idle[16] = { false }, any = false;

    if (plan->kind != KDM_PLAN_WORDS || plan->set_count > 16 || !(plan->query->boost > 0))
        return false;
    find_idle(plan, (double)least / plan->query->boost, idle);
    for (uint32_t i = 0; i < plan->set_count; i++)
        any |= idle[i];
    if (!any)
        return false;
    one = kdm_run_bits(run);
    memset(out->words, 0, run->words * sizeof(out->words[0]));
    for (uint32_t i = 0; i < plan->set_count; i++) {
        if (idle[i])
            continue;
        kdm_term_set_match(run, &plan->sets[i], matched, one);
        kdm_bits_or(out->words, one->words, run->words);
    }
    kdm_run_give(run, one);
    return true;
}

/* --- nested objects ------------------------------------------------------------------------------
 * Which words stand in which object is only in the texts. There a word counts once, by how rare it
 * is, however often it stands in however long a text.
 */

struct object_scores {
    const struct kdm_plan *plan;
    float weight, *scores;
};

static const struct kdm_plan *plan_of(const struct kdm_plan *plan, const struct kdm_query *query);

static const struct kdm_plan *plan_among(const struct kdm_plan_list *list,
                                         const struct kdm_query *query)
{
    const struct kdm_plan *found = NULL;

    for (uint32_t i = 0; found == NULL && i < list->count; i++)
        found = plan_of(list->items[i], query);
    return found;
}

static const struct kdm_plan *plan_of(const struct kdm_plan *plan, const struct kdm_query *query)
{
    const struct kdm_plan *found = plan->query == query ? plan : NULL;

    if (found == NULL && plan->child != NULL)
        found = plan_of(plan->child, query);
    if (found == NULL)
        found = plan_among(&plan->must, query);
    return found == NULL ? plan_among(&plan->should, query) : found;
}

static float weigh(void *ctx, const struct kdm_query *leaf, size_t word)
{
    const struct kdm_plan *plan = plan_of(ctx, leaf);

    return plan == NULL || word >= plan->set_count ? 1 : plan->sets[word].weight;
}

static void prepare_weights(struct kdm_plan *plan)
{
    for (uint32_t i = 0; i < plan->set_count; i++)
        plan->sets[i].weight = (float)idf(&plan->sets[i]);
    if (plan->child != NULL)
        prepare_weights(plan->child);
    for (uint32_t i = 0; i < plan->must.count; i++)
        prepare_weights(plan->must.items[i]);
    for (uint32_t i = 0; i < plan->should.count; i++)
        prepare_weights(plan->should.items[i]);
}

static void score_row(void *ctx, struct kdm_run *run, uint32_t row,
                      const struct kdm_query_document *document)
{
    const struct object_scores *objects = ctx;
    struct kdm_weigher weigher = { weigh, objects->plan->child };

    objects->scores[row] +=
        objects->weight
        * kdm_query_objects_score(objects->plan->query, run->scratch, document, &weigher);
}

static void score_objects(struct kdm_run *run, const struct kdm_plan *plan,
                          const struct kdm_bits *matched, float weight, float *scores)
{
    struct object_scores objects = { plan, weight, scores };

    prepare_weights(plan->child);
    kdm_run_texts(run, matched, score_row, &objects);
}

/* --- the rest --------------------------------------------------------------------------------- */

static void add_to_all(const struct kdm_run *run, const struct kdm_bits *matched, float score,
                       float *scores)
{
    uint32_t row;

    KDM_EACH_BIT(matched->words, 0, run->words, row)
    scores[row] += score;
}

/* Of `matched` those that the clause itself matches, for certain. */
static void score_matching(struct kdm_run *run, const struct kdm_plan *plan,
                           const struct kdm_bits *matched, float weight, float *scores)
{
    struct kdm_bits *certain = kdm_run_bits(run);
    float flat;

    kdm_run_resolve(run, plan, plan->query, matched, certain);
    if (kdm_plan_varies(plan, &flat))
        kdm_plan_score(run, plan, certain, weight, scores);
    else
        add_to_all(run, certain, weight * flat, scores);
    kdm_run_give(run, certain);
}

/* Scores of their own, for rows of the chunk. */
static float *new_scores(const struct kdm_run *run)
{
    return kdm_zalloc(run->words * 64 * sizeof(float));
}

/* The best clause counts whole, the others by the query's factor. */
static void score_best(struct kdm_run *run, const struct kdm_plan *plan,
                       const struct kdm_bits *matched, float weight, float *scores)
{
    float *one = new_scores(run), *best = new_scores(run), *sum = new_scores(run);
    uint32_t row;

    for (uint32_t i = 0; i < plan->should.count; i++) {
        score_matching(run, plan->should.items[i], matched, 1, one);
        KDM_EACH_BIT(matched->words, 0, run->words, row)
        {
            sum[row] += one[row];
            best[row] = fmaxf(best[row], one[row]);
            one[row] = 0;
        }
    }
    KDM_EACH_BIT(matched->words, 0, run->words, row)
    scores[row] += weight * (best[row] + (sum[row] - best[row]) * plan->query->factor);
    free(one);
    free(best);
    free(sum);
}

static void score_boosting(struct kdm_run *run, const struct kdm_plan *plan,
                           const struct kdm_bits *matched, float weight, float *scores)
{
    struct kdm_bits *negative = kdm_run_bits(run);
    float *own = new_scores(run);
    uint32_t row;

    kdm_plan_score(run, plan->child, matched, weight, own);
    kdm_run_resolve(run, plan->negative, plan->negative->query, matched, negative);
    KDM_EACH_BIT(negative->words, 0, run->words, row)
    own[row] *= plan->query->factor;
    KDM_EACH_BIT(matched->words, 0, run->words, row)
    scores[row] += own[row];
    free(own);
    kdm_run_give(run, negative);
}

void kdm_plan_score(struct kdm_run *run, const struct kdm_plan *plan,
                    const struct kdm_bits *matched, float weight, float *scores)
{
    float flat;

    if (!kdm_plan_varies(plan, &flat)) {
        add_to_all(run, matched, weight * flat, scores);
        return;
    }
    weight *= plan->query->boost;
    if (plan->kind == KDM_PLAN_BOOSTING) {
        score_boosting(run, plan, matched, weight, scores);
        return;
    }
    if (plan->kind == KDM_PLAN_NESTED) {
        score_objects(run, plan, matched, weight, scores);
        return;
    }
    if (plan->kind != KDM_PLAN_BOOL) {
        if (plan->query->kind == KDM_QUERY_FUZZY)
            score_fuzzy(run, plan, matched, weight, scores);
        else
            score_words(run, plan, matched, weight, scores);
        return;
    }
    for (uint32_t i = 0; i < plan->scoring.count; i++)
        kdm_plan_score(run, plan->scoring.items[i], matched, weight, scores);
    if (plan->query->best_only)
        score_best(run, plan, matched, weight, scores);
    else
        for (uint32_t i = 0; i < plan->should.count; i++)
            score_matching(run, plan->should.items[i], matched, weight, scores);
}
