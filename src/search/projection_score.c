/* projection_score.c - how well documents match.
 * Words score by BM25 (k1 1.2, b 0.75, with the factor k1 + 1 that Elasticsearch 7 keeps); every
 * other clause gives its boost, filters nothing. The words of a document are counted in its own
 * list of terms, so postings need no frequencies.
 */
#include "search/projection_query.h"
#include <math.h>

#define K1 1.2
#define B  0.75

/* --- what differs --------------------------------------------------------------------------------
 */

bool kdm_plan_varies(const struct kdm_plan *plan, float *ret_score)
{
    float sum = 0, one = 0;

    *ret_score = plan->query->boost;
    switch (plan->kind) {
    case KDM_PLAN_WORDS:
    case KDM_PLAN_PHRASE:
        return true;
    case KDM_PLAN_TERMS:
        return plan->column->text && plan->query->kind == KDM_QUERY_TERMS
               && plan->query->key_count == 1;
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

/* --- words ---------------------------------------------------------------------------------------
 */

static double idf(const struct kdm_term_set *set)
{
    double with = (double)set->documents, all = (double)set->column->used;

    if (with > all)
        with = all;
    return log(1 + (all - with + 0.5) / (with + 0.5));
}

static double weight_of(double frequency, double length, double average)
{
    return frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * length / average));
}

static double average_length(const struct kdm_column *column)
{
    double average = column->used == 0 ? 1 : (double)column->tokens / (double)column->used;

    return average < 1 ? 1 : average;
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

static uint32_t count_phrases(const struct kdm_plan *plan, const uint32_t *terms, uint32_t count)
{
    uint32_t found = 0, i;

    for (uint32_t at = 0; at + plan->set_count <= count; at++) {
        for (i = 0; i < plan->set_count; i++)
            if (!kdm_term_set_has(&plan->sets[i], terms[at + i]))
                break;
        found += i == plan->set_count;
    }
    return found;
}

static void score_words(struct kdm_run *run, const struct kdm_plan *plan,
                        const struct kdm_bits *matched, float weight, float *scores)
{
    const struct kdm_chunk *chunk = kdm_column_chunk(plan->column, run->chunk);
    double average = average_length(plan->column), sum = 0;
    double *idfs = kdm_arena_alloc(run->arena, (plan->set_count + 1) * sizeof(*idfs));
    uint32_t *frequencies =
        kdm_arena_alloc(run->arena, (plan->set_count + 1) * sizeof(*frequencies));
    uint32_t row, one, count, length, found;

    for (uint32_t i = 0; i < plan->set_count; i++)
        sum += idfs[i] = idf(&plan->sets[i]);
    KDM_EACH_BIT(matched->words, 0, run->words, row)
    {
        const uint32_t *terms =
            kdm_column_terms(plan->column, &run->projection->slab, chunk, row, &one, &count);
        double score = 0;

        length = count_words(plan, terms, count, frequencies);
        if (plan->kind == KDM_PLAN_PHRASE) {
            found = count_phrases(plan, terms, count);
            score = found == 0 ? 0 : sum * weight_of(found, length, average);
        } else {
            for (uint32_t i = 0; i < plan->set_count; i++)
                if (frequencies[i] > 0)
                    score += idfs[i] * weight_of(frequencies[i], length, average);
        }
        scores[row] += weight * (float)score;
    }
}

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

/* --- the rest ------------------------------------------------------------------------------------
 */

static void add_to_all(const struct kdm_run *run, const struct kdm_bits *matched, float score,
                       float *scores)
{
    uint32_t row;

    KDM_EACH_BIT(matched->words, 0, run->words, row)
    scores[row] += score;
}

static void score_matching(struct kdm_run *run, const struct kdm_plan *plan,
                           const struct kdm_bits *matched, float weight, float *scores)
{
    struct kdm_bits *low = kdm_run_bits(run), *high = kdm_run_bits(run);
    float flat;

    kdm_plan_match(run, plan, matched, low, high);
    if (kdm_plan_varies(plan, &flat))
        kdm_plan_score(run, plan, high, weight, scores);
    else
        add_to_all(run, high, weight * flat, scores);
    kdm_run_give(run, low);
    kdm_run_give(run, high);
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
    if (plan->kind != KDM_PLAN_BOOL) {
        score_words(run, plan, matched, weight, scores);
        return;
    }
    for (uint32_t i = 0; i < plan->scoring.count; i++)
        kdm_plan_score(run, plan->scoring.items[i], matched, weight, scores);
    for (uint32_t i = 0; i < plan->should.count; i++)
        score_matching(run, plan->should.items[i], matched, weight, scores);
}
