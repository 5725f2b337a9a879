/* evaluate.c - does one document match? By walking the document, with no index.
 * This is what the plain scan runs and what the projection is compared with, so it is written to be
 * obviously right rather than fast.
 */
#include "search/geometry.h"
#include "search/koncorde.h"
#include "search/phrase.h"
#include "search/values.h"
#include <stdlib.h>

struct evaluation {
    struct kdm_arena *scratch;
    const struct kdm_query_document *document;
    const struct kdm_field *nested; /* the level we are on; NULL: the document's own */
    struct kdm_val scope;           /* the document, or one object of `nested` */
    const struct kdm_query **too_costly;
    const struct kdm_weigher *weigher; /* NULL: all words weigh 1 */
};

static bool matches(struct evaluation *evaluation, const struct kdm_query *query, float *score);

/* --- keys ------------------------------------------------------------------------------------- */

struct key_test {
    struct evaluation *evaluation;
    const struct kdm_query *query;
};

static int compare_keys(const void *a, const void *b)
{
    return kdm_key_cmp(a, b);
}

static bool is_one_of(const struct kdm_query *query, const struct kdm_key *key)
{
    return query->key_count > 0
           && bsearch(key, query->keys, query->key_count, sizeof(*key), compare_keys) != NULL;
}

static bool in_range(const struct kdm_query *query, const struct kdm_key *key)
{
    int low = query->has_low ? kdm_key_cmp(key, &query->keys[0]) : 1;
    int high = query->has_high ? kdm_key_cmp(key, &query->keys[1]) : -1;

    return (query->open_low ? low > 0 : low >= 0) && (query->open_high ? high < 0 : high <= 0);
}

/* Does the node want this key? */
static enum kdm_regexp_result key_fits(const struct kdm_query *query, struct kdm_arena *scratch,
                                       const struct kdm_key *given)
{
    struct kdm_key key = *given;
    bool found;

    if (query->fold && key.is_text && query->kind != KDM_QUERY_REGEXP)
        key.text = kdm_lower_case(scratch, key.text);
    switch ((enum kdm_query_kind)query->kind) {
    case KDM_QUERY_TERMS:
        found = is_one_of(query, &key);
        break;
    case KDM_QUERY_RANGE:
        found = in_range(query, &key);
        break;
    case KDM_QUERY_PREFIX:
        found = kdm_str_starts(key.text, query->text);
        break;
    case KDM_QUERY_WILDCARD:
        found = kdm_wildcard_match(query->text, key.text);
        break;
    case KDM_QUERY_FUZZY:
        found = kdm_fuzzy_match(query->fuzzy, key.text);
        break;
    default:
        return kdm_regexp_match(query->regexp, key.text);
    }
    return found ? KDM_REGEXP_YES : KDM_REGEXP_NO;
}

enum kdm_regexp_result kdm_query_text_fits(const struct kdm_query *query, struct kdm_arena *scratch,
                                           struct kdm_str text)
{
    const struct kdm_key key = { .is_text = true, .text = text };

    return key_fits(query, scratch, &key);
}

static bool fits(void *ctx, const struct kdm_key *key)
{
    const struct key_test *test = ctx;
    enum kdm_regexp_result result = key_fits(test->query, test->evaluation->scratch, key);

    if (result == KDM_REGEXP_TOO_COSTLY)
        *test->evaluation->too_costly = test->query;
    return result == KDM_REGEXP_YES;
}

static bool any_key(struct evaluation *evaluation, const struct kdm_query *query)
{
    struct key_test test = { evaluation, query };

    return kdm_field_keys(evaluation->scratch, query->field, evaluation->nested, evaluation->scope,
                          evaluation->document->id, fits, &test);
}

/* --- exists ----------------------------------------------------------------------------------- */

struct exist_test {
    struct kdm_arena *scratch;
    const struct kdm_field *field;
};

static bool is_there(void *ctx, struct kdm_val value)
{
    const struct exist_test *test = ctx;
    struct kdm_point point, box[2];
    struct kdm_key key;

    switch ((enum kdm_field_type)test->field->type) {
    case KDM_FIELD_GEO_POINT:
        return kdm_field_point(test->field, test->scratch, value, &point);
    case KDM_FIELD_GEO_SHAPE:
        return kdm_geo_shape_box(test->scratch, value, box);
    case KDM_FIELD_BINARY:
    case KDM_FIELD_FLATTENED:
        return !kdm_val_null(value);
    default:
        return kdm_field_key(test->field, test->scratch, value, &key) == KDM_KEY_OK;
    }
}

static bool exists(struct evaluation *evaluation, const struct kdm_field *field)
{
    struct exist_test test = { evaluation->scratch, field };

    if (field == &kdm_query_id)
        return evaluation->nested == NULL;
    if (field->type > KDM_FIELD_ALIAS)
        return kdm_field_values(evaluation->scratch, field, evaluation->nested, evaluation->scope,
                                is_there, &test);
    if (!field->enabled)
        return false;
    for (uint32_t i = 0; i < field->child_count; i++)
        if (exists(evaluation, field->children[i]))
            return true;
    return false;
}

/* --- words ------------------------------------------------------------------------------------ */

/* Which words were seen; a field's values count together. */
struct word_test {
    struct evaluation *evaluation;
    const struct kdm_query *query;
    bool *seen;
};

static bool collect_words(void *ctx, const struct kdm_key *key)
{
    struct word_test *test = ctx;

    for (size_t i = 0; i < test->query->tokens.count; i++)
        if (kdm_str_eq(test->query->tokens.items[i], key->text))
            test->seen[i] = true;
    return false;
}

static float weight_of(const struct evaluation *evaluation, const struct kdm_query *query,
                       size_t word)
{
    const struct kdm_weigher *weigher = evaluation->weigher;

    return weigher == NULL ? 1 : weigher->weigh(weigher->ctx, query, word);
}

static size_t words_found(struct evaluation *evaluation, const struct kdm_query *query,
                          float *ret_weight)
{
    struct word_test test = { evaluation, query,
                              kdm_arena_zalloc(evaluation->scratch, query->tokens.count + 1) };
    size_t found = 0;

    kdm_field_keys(evaluation->scratch, query->field, evaluation->nested, evaluation->scope,
                   evaluation->document->id, collect_words, &test);
    *ret_weight = 0;
    for (size_t i = 0; i < query->tokens.count; i++) {
        found += test.seen[i];
        *ret_weight += test.seen[i] ? weight_of(evaluation, query, i) : 0;
    }
    return found;
}

struct phrase_test {
    const struct kdm_query *query;
    struct kdm_tokens text;
};

static bool word_fits(void *ctx, size_t slot, size_t at)
{
    const struct phrase_test *test = ctx;
    const struct kdm_query *query = test->query;
    struct kdm_str word = test->text.items[at], wanted = query->tokens.items[slot];
    bool prefix = query->last_is_prefix && slot + 1 == query->tokens.count;

    return prefix ? kdm_str_starts(word, wanted) : kdm_str_eq(word, wanted);
}

/* A phrase lies within one value. */
static bool has_phrase(void *ctx, struct kdm_val value)
{
    const struct key_test *test = ctx;
    const struct kdm_query *query = test->query;
    struct kdm_arena *scratch = test->evaluation->scratch;
    struct kdm_str text = kdm_scalar_text(scratch, value);
    struct phrase_test phrase = { .query = query };

    if (kdm_str_none(text))
        return false;
    phrase.text = kdm_analyze(scratch, (enum kdm_analyzer)query->field->analyzer, text);
    return kdm_phrase_count(scratch, word_fits, &phrase, query->tokens.count, phrase.text.count,
                            query->slop, true)
           > 0;
}

/* --- places ----------------------------------------------------------------------------------- */

bool kdm_query_place(const struct kdm_query *query, struct kdm_point point)
{
    double metres;

    switch (query->kind) {
    case KDM_QUERY_GEO_DISTANCE:
        metres = kdm_geo_sphere(point, query->points[0]);
        return metres >= query->near && metres <= query->far;
    case KDM_QUERY_GEO_BOX:
        return kdm_geo_in_box(point, query->points[0], query->points[1]);
    default:
        return kdm_geo_in_polygon(point, query->points, query->point_count);
    }
}

static bool is_place(void *ctx, struct kdm_val value)
{
    const struct key_test *test = ctx;
    struct kdm_point point;

    return kdm_field_point(test->query->field, test->evaluation->scratch, value, &point)
           && kdm_query_place(test->query, point);
}

void kdm_query_shape_add(const struct kdm_query *query, struct kdm_shape_tally *tally,
                         const struct kdm_point box[2])
{
    tally->count++;
    tally->meets += kdm_geo_boxes_meet(box, query->points);
    tally->within += kdm_geo_box_within(box, query->points);
    tally->around += kdm_geo_box_within(query->points, box);
}

bool kdm_query_shapes(const struct kdm_query *query, const struct kdm_shape_tally *tally)
{
    if (tally->count == 0)
        return false;
    switch ((enum kdm_shape_relation)query->relation) {
    case KDM_SHAPE_DISJOINT:
        return tally->meets == 0;
    case KDM_SHAPE_WITHIN:
        return tally->within == tally->count;
    case KDM_SHAPE_CONTAINS:
        return tally->around > 0;
    default:
        return tally->meets > 0;
    }
}

struct shape_test {
    struct evaluation *evaluation;
    const struct kdm_query *query;
    struct kdm_shape_tally tally;
};

static bool add_shape(void *ctx, struct kdm_val value)
{
    struct shape_test *test = ctx;
    struct kdm_arena *scratch = test->evaluation->scratch;
    struct kdm_point box[2];
    const struct kdm_field *field = test->query->field;
    bool read = field->type == KDM_FIELD_GEO_SHAPE
                    ? kdm_geo_shape_box(scratch, value, box)
                    : kdm_field_point(field, scratch, value, &box[0]);

    if (read && field->type == KDM_FIELD_GEO_POINT)
        box[1] = box[0];
    if (read)
        kdm_query_shape_add(test->query, &test->tally, box);
    return false;
}

static bool matches_shapes(struct evaluation *evaluation, const struct kdm_query *query)
{
    struct shape_test test = { .evaluation = evaluation, .query = query };

    kdm_field_values(evaluation->scratch, query->field, evaluation->nested, evaluation->scope,
                     add_shape, &test);
    return kdm_query_shapes(query, &test.tally);
}

static bool any_value(struct evaluation *evaluation, const struct kdm_query *query,
                      kdm_value_fn *fn)
{
    struct key_test test = { evaluation, query };

    return kdm_field_values(evaluation->scratch, query->field, evaluation->nested,
                            evaluation->scope, fn, &test);
}

/* --- what holds other queries ----------------------------------------------------------------- */

static bool all_of(struct evaluation *evaluation, const struct kdm_query_list *list, float *score)
{
    for (size_t i = 0; i < list->count; i++)
        if (!matches(evaluation, list->items[i], score))
            return false;
    return true;
}

static bool matches_bool(struct evaluation *evaluation, const struct kdm_query *query, float *score)
{
    float ignored = 0, sum = 0, best = 0;
    size_t found = 0;

    if (!all_of(evaluation, &query->must, &sum) || !all_of(evaluation, &query->filter, &ignored))
        return false;
    for (size_t i = 0; i < query->must_not.count; i++)
        if (matches(evaluation, query->must_not.items[i], &ignored))
            return false;
    /* All of them are asked even when enough matched: each adds to the score. */
    for (size_t i = 0; i < query->should.count; i++) {
        float one = 0;

        found += matches(evaluation, query->should.items[i], &one);
        sum += one;
        best = one > best ? one : best;
    }
    *score += query->boost * (query->best_only ? best + (sum - best) * query->factor : sum);
    return found >= query->minimum;
}

static bool matches_boosting(struct evaluation *evaluation, const struct kdm_query *query,
                             float *score)
{
    float own = 0, ignored = 0;

    if (!matches(evaluation, query->child, &own))
        return false;
    if (matches(evaluation, query->negative, &ignored))
        own *= query->factor;
    *score += own * query->boost;
    return true;
}

struct nested_test {
    struct evaluation *evaluation;
    const struct kdm_query *query;
    float sum, least, most;
    size_t found;
    kdm_object_fn *fn; /* is told of each; NULL: nobody is */
    void *ctx;
};

static bool matches_object(void *ctx, struct kdm_val value)
{
    struct nested_test *test = ctx;
    struct evaluation inside = *test->evaluation;
    float score = 0;

    inside.nested = test->query->field;
    inside.scope = value;
    if (!matches(&inside, test->query->child, &score))
        return false;
    test->least = test->found == 0 || score < test->least ? score : test->least;
    test->most = test->found == 0 || score > test->most ? score : test->most;
    test->sum += score;
    test->found++;
    if (test->fn != NULL)
        test->fn(test->ctx, value, score);
    return false;
}

static float objects_score(const struct nested_test *test)
{
    if (test->found == 0)
        return 0;
    switch ((enum kdm_nested_mode)test->query->mode) {
    case KDM_NESTED_SUM:
        return test->sum;
    case KDM_NESTED_MIN:
        return test->least;
    case KDM_NESTED_MAX:
        return test->most;
    case KDM_NESTED_NONE:
        return 0;
    default:
        return test->sum / (float)test->found;
    }
}

static bool matches_nested(struct evaluation *evaluation, const struct kdm_query *query,
                           float *score)
{
    struct nested_test test = { .evaluation = evaluation, .query = query };

    kdm_nested_objects(evaluation->scratch, query->field, evaluation->nested, evaluation->scope,
                       matches_object, &test);
    *score += objects_score(&test) * query->boost;
    return test.found > 0;
}

/* --- the switch ------------------------------------------------------------------------------- */

static bool scored(bool matched, const struct kdm_query *query, float *score)
{
    if (matched)
        *score += query->boost;
    return matched;
}

static bool matches_words(struct evaluation *evaluation, const struct kdm_query *query,
                          float *score)
{
    float weight;
    size_t found = words_found(evaluation, query, &weight);

    if (found < query->minimum || found == 0)
        return false;
    *score += query->boost * weight;
    return true;
}

static bool matches_key(struct evaluation *evaluation, const struct kdm_query *query, float *score)
{
    bool weighed = query->weighed || query->kind == KDM_QUERY_FUZZY;

    if (!any_key(evaluation, query))
        return false;
    *score += query->boost * (weighed ? weight_of(evaluation, query, 0) : 1);
    return true;
}

static bool matches_phrase(struct evaluation *evaluation, const struct kdm_query *query,
                           float *score)
{
    float weight = evaluation->weigher == NULL ? 1 : 0;

    if (!any_value(evaluation, query, has_phrase))
        return false;
    for (size_t i = 0; evaluation->weigher != NULL && i < query->tokens.count; i++)
        weight += weight_of(evaluation, query, i);
    *score += query->boost * weight;
    return true;
}

static bool matches(struct evaluation *evaluation, const struct kdm_query *query, float *score)
{
    float ignored = 0;

    switch ((enum kdm_query_kind)query->kind) {
    case KDM_QUERY_ALL:
        return scored(true, query, score);
    case KDM_QUERY_NONE:
        return false;
    case KDM_QUERY_BOOL:
        return matches_bool(evaluation, query, score);
    case KDM_QUERY_CONSTANT:
        return scored(matches(evaluation, query->child, &ignored), query, score);
    case KDM_QUERY_BOOSTING:
        return matches_boosting(evaluation, query, score);
    case KDM_QUERY_NESTED:
        return matches_nested(evaluation, query, score);
    case KDM_QUERY_TERMS:
    case KDM_QUERY_RANGE:
    case KDM_QUERY_PREFIX:
    case KDM_QUERY_WILDCARD:
    case KDM_QUERY_REGEXP:
    case KDM_QUERY_FUZZY:
        return matches_key(evaluation, query, score);
    case KDM_QUERY_EXISTS:
        return scored(exists(evaluation, query->field), query, score);
    case KDM_QUERY_MATCH:
        return matches_words(evaluation, query, score);
    case KDM_QUERY_PHRASE:
        return matches_phrase(evaluation, query, score);
    case KDM_QUERY_GEO_DISTANCE:
    case KDM_QUERY_GEO_BOX:
    case KDM_QUERY_GEO_POLYGON:
        return scored(any_value(evaluation, query, is_place), query, score);
    case KDM_QUERY_GEO_SHAPE:
        return scored(matches_shapes(evaluation, query), query, score);
    default:
        return scored(kdm_koncorde_match(query, evaluation->scratch, evaluation->document,
                                         evaluation->too_costly),
                      query, score);
    }
}

bool kdm_query_match(const struct kdm_query *query, struct kdm_arena *scratch,
                     const struct kdm_query_document *document, float *ret_score,
                     const struct kdm_query **too_costly)
{
    struct evaluation evaluation = { .scratch = scratch,
                                     .document = document,
                                     .scope = document->source,
                                     .too_costly = too_costly };
    float score = 0;
    bool matched = matches(&evaluation, query, &score);

    if (matched && ret_score != NULL)
        *ret_score = score;
    return matched;
}

void kdm_query_objects(const struct kdm_query *nested, struct kdm_arena *scratch,
                       const struct kdm_query_document *document, kdm_object_fn *fn, void *ctx)
{
    const struct kdm_query *too_costly = NULL;
    struct evaluation evaluation = { .scratch = scratch,
                                     .document = document,
                                     .scope = document->source,
                                     .too_costly = &too_costly };
    struct nested_test test = { .evaluation = &evaluation, .query = nested, .fn = fn, .ctx = ctx };

    kdm_nested_objects(scratch, nested->field, NULL, document->source, matches_object, &test);
}

float kdm_query_objects_score(const struct kdm_query *nested, struct kdm_arena *scratch,
                              const struct kdm_query_document *document,
                              const struct kdm_weigher *weigher)
{
    const struct kdm_query *too_costly = NULL;
    struct evaluation evaluation = { .scratch = scratch,
                                     .document = document,
                                     .scope = document->source,
                                     .too_costly = &too_costly,
                                     .weigher = weigher };
    struct nested_test test = { .evaluation = &evaluation, .query = nested };

    kdm_nested_objects(scratch, nested->field, NULL, document->source, matches_object, &test);
    return objects_score(&test);
}
