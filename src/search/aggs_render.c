/* aggs_render.c - what was collected as Elasticsearch's JSON.
 * Made while the search still holds the projection, because keys of keywords are texts of its
 * dictionaries; a total has texts of its own and holds nothing.
 */
#include "search/aggs_internal.h"
#include <math.h>
#include <stdlib.h>

static void put_agg(struct kdm_agg_render *render, struct kdm_agg *agg, uint32_t owner);

static void put_children(struct kdm_agg_render *render, const struct kdm_agg *agg, uint32_t bucket)
{
    for (uint32_t i = 0; i < agg->child_count; i++) {
        kdm_json_put_name(render->buf, agg->children[i]->name);
        put_agg(render, agg->children[i], bucket);
    }
}

bool kdm_agg_answer_one(struct kdm_agg_render *render)
{
    if (++render->aggs->answered % 256 == 0)
        kdm_run_pause(render->run); /* terms stay what they are */
    if (render->aggs->answered <= KDM_AGGS_MAX_BUCKETS)
        return true;
    render->run->result = KDM_PROJECTION_TOO_MANY_BUCKETS;
    return false;
}

/* --- values
 * -------------------------------------------------------------------------------------------- */

/* Whole numbers as Elasticsearch's doubles: "10.0". */
static void put_key_number(struct kdm_buf *buf, double value)
{
    kdm_json_put_double(buf, value);
    if (value == floor(value) && fabs(value) < 1e15)
        kdm_buf_lit(buf, ".0");
}

/* A number as the aggregation's format has it, else as `put_key_number` does. Lent until the next
 * call. */
static struct kdm_str text_of(struct kdm_agg_render *render, const struct kdm_agg *agg,
                              double value)
{
    render->text->len = 0;
    if (kdm_agg_has_text(agg))
        kdm_agg_put_text(render->text, agg, value);
    else
        put_key_number(render->text, value);
    return kdm_buf_str(render->text);
}

/* "<name><suffix>":"..", behind another member, of what has a text. */
static void put_as_string(struct kdm_agg_render *render, const struct kdm_agg *agg,
                          const char *name, double value)
{
    if (!kdm_agg_has_text(agg))
        return;
    kdm_buf_printf(render->buf, ",\"%s_as_string\":", name);
    kdm_json_put_str(render->buf, text_of(render, agg, value));
}

static void put_ip(struct kdm_buf *buf, struct kdm_str bytes);

struct kdm_str kdm_agg_term_text(const struct kdm_agg *agg, uint64_t key)
{
    return key == UINT32_MAX ? agg->missing.text : kdm_names_text(agg->names, (uint32_t)key);
}

/* "key": .. of a terms bucket. */
static void put_term_key(struct kdm_agg_render *render, const struct kdm_agg *agg, uint64_t key)
{
    struct kdm_buf *buf = render->buf;
    double number;

    kdm_buf_lit(buf, "{\"key\":");
    if (agg->names != NULL) {
        if (agg->field->type == KDM_FIELD_IP)
            put_ip(buf, kdm_agg_term_text(agg, key));
        else
            kdm_json_put_str(buf, kdm_agg_term_text(agg, key));
        return;
    }
    number = kdm_agg_number(agg, key);
    if (agg->real)
        kdm_json_put_double(buf, number);
    else
        kdm_buf_int(buf, (int64_t)(key ^ (uint64_t)1 << 63));
    put_as_string(render, agg, "key", number);
}

/* As people write them; IPv4 comes as ::ffff:a.b.c.d. */
static void put_ip(struct kdm_buf *buf, struct kdm_str bytes)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    const unsigned char *at = (const unsigned char *)bytes.ptr;

    kdm_buf_char(buf, '"');
    if (bytes.len == 16 && memcmp(at, mapped, sizeof(mapped)) == 0) {
        kdm_buf_printf(buf, "%u.%u.%u.%u", at[12], at[13], at[14], at[15]);
    } else {
        for (size_t i = 0; i + 1 < bytes.len; i += 2)
            kdm_buf_printf(buf, "%s%x", i == 0 ? "" : ":", at[i] << 8 | at[i + 1]);
    }
    kdm_buf_char(buf, '"');
}

/* --- terms
 * --------------------------------------------------------------------------------------------- */

/* Moves those with enough documents to the front; returns how many. */
static uint32_t keep_large(const struct kdm_agg *agg, uint32_t *buckets, uint32_t count,
                           uint64_t minimum)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++)
        if (agg->counts[buckets[i]] >= minimum)
            buckets[kept++] = buckets[i];
    return kept;
}

static struct kdm_key key_of(const struct kdm_agg *agg, uint64_t word)
{
    if (agg->names != NULL)
        return (struct kdm_key){ .is_text = true, .text = kdm_agg_term_text(agg, word) };
    if (agg->real)
        return (struct kdm_key){ .number = kdm_number_double(kdm_agg_number(agg, word)) };
    return (struct kdm_key){ .number = kdm_number_int((int64_t)(word ^ (uint64_t)1 << 63)) };
}

static int compare_keys(const void *a, const void *b)
{
    return kdm_key_cmp(a, b);
}

/* The same in each request, wherever the key is found. */
static uint64_t key_hash(const struct kdm_key *key)
{
    uint64_t hash = 0xcbf29ce484222325u, bits;
    double number = key->number.whole ? (double)key->number.i : key->number.d;

    if (key->is_text) {
        for (size_t i = 0; i < key->text.len; i++)
            hash = (hash ^ (unsigned char)key->text.ptr[i]) * 0x100000001b3u;
    } else {
        memcpy(&bits, &number, sizeof(bits));
        hash ^= bits;
    }
    hash *= 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

static bool is_chosen(struct kdm_run *run, const struct kdm_agg_choice *choice,
                      const struct kdm_key *key)
{
    enum kdm_regexp_result result;

    if (choice->parts > 0)
        return key_hash(key) % choice->parts == choice->part;
    if (choice->pattern == NULL)
        return choice->count > 0
               && bsearch(key, choice->keys, choice->count, sizeof(*key), compare_keys) != NULL;
    result = kdm_regexp_match(choice->pattern, key->text);
    if (result == KDM_REGEXP_TOO_COSTLY)
        run->result = KDM_PROJECTION_TOO_COSTLY;
    return result == KDM_REGEXP_YES;
}

/* Moves those that are wanted to the front; returns how many. */
static uint32_t keep_chosen(struct kdm_run *run, const struct kdm_agg *agg, uint32_t *buckets,
                            uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct kdm_key key = key_of(agg, agg->keys[buckets[i]]);

        if ((!agg->include.given || is_chosen(run, &agg->include, &key))
            && !(agg->exclude.given && is_chosen(run, &agg->exclude, &key)))
            buckets[kept++] = buckets[i];
    }
    return kept;
}

static void put_terms(struct kdm_agg_render *render, struct kdm_agg *agg, uint32_t owner)
{
    uint32_t count, *buckets = kdm_agg_buckets(agg, owner, &count);
    uint64_t others = 0;

    if (count > 0 && (agg->include.given || agg->exclude.given))
        count = keep_chosen(render->run, agg, buckets, count);
    if (count > 0)
        count = keep_large(agg, buckets, count, agg->min_doc_count);
    for (uint32_t i = 0; i < count; i++) /* those that only `size` leaves out are told of */
        others += agg->counts[buckets[i]];
    if (count > 0)
        qsort_r(buckets, count, sizeof(*buckets), kdm_agg_compare, agg);
    if (count > agg->size)
        count = (uint32_t)agg->size;
    for (uint32_t i = 0; i < count; i++)
        others -= agg->counts[buckets[i]];
    kdm_buf_printf(render->buf,
                   "{\"doc_count_error_upper_bound\":0,\"sum_other_doc_count\":%llu,\"buckets\":[",
                   (unsigned long long)others);
    for (uint32_t i = 0; i < count && kdm_agg_answer_one(render); i++) {
        if (i > 0)
            kdm_buf_char(render->buf, ',');
        put_term_key(render, agg, agg->keys[buckets[i]]);
        kdm_buf_printf(render->buf, ",\"doc_count\":%llu",
                       (unsigned long long)agg->counts[buckets[i]]);
        if (agg->show_error)
            kdm_buf_lit(render->buf, ",\"doc_count_error_upper_bound\":0");
        put_children(render, agg, buckets[i]);
        kdm_buf_char(render->buf, '}');
    }
    kdm_buf_lit(render->buf, "]");
}

/* --- ranges and filters
 * ----------------------------------------------------------------------------------
 */

static void put_bound(struct kdm_agg_render *render, struct kdm_buf *key, const struct kdm_agg *agg,
                      bool has, double bound)
{
    kdm_buf_put(key, has ? text_of(render, agg, bound) : KDM_STR("*"));
}

static struct kdm_str range_key(struct kdm_agg_render *render, const struct kdm_agg *agg,
                                const struct kdm_agg_range *range)
{
    struct kdm_buf buf;

    if (!kdm_str_none(range->key))
        return range->key;
    kdm_buf_init(&buf, render->run->arena, 64);
    put_bound(render, &buf, agg, range->has_from, range->from);
    kdm_buf_char(&buf, '-');
    put_bound(render, &buf, agg, range->has_to, range->to);
    return kdm_buf_str(&buf);
}

static void put_range_bound(struct kdm_agg_render *render, const struct kdm_agg *agg,
                            const char *name, bool has, double bound)
{
    if (!has)
        return;
    kdm_buf_printf(render->buf, "\"%s\":", name);
    kdm_json_put_double(render->buf, bound);
    put_as_string(render, agg, name, bound);
    kdm_buf_char(render->buf, ',');
}

/* What stands at the end of each bucket. */
static void put_count(struct kdm_agg_render *render, struct kdm_agg *agg, uint32_t bucket)
{
    kdm_buf_printf(render->buf, "\"doc_count\":%llu",
                   bucket == UINT32_MAX ? 0ull : (unsigned long long)agg->counts[bucket]);
    put_children(render, agg, bucket);
}

static void put_ranges(struct kdm_agg_render *render, struct kdm_agg *agg, uint32_t owner)
{
    struct kdm_buf *buf = render->buf;

    kdm_buf_put(buf, agg->keyed ? KDM_STR("{\"buckets\":{") : KDM_STR("{\"buckets\":["));
    for (uint32_t i = 0; i < agg->range_count && kdm_agg_answer_one(render); i++) {
        const struct kdm_agg_range *range = &agg->ranges[i];
        struct kdm_str key = range_key(render, agg, range);

        if (i > 0)
            kdm_buf_char(buf, ',');
        if (agg->keyed) {
            kdm_json_put_str(buf, key);
            kdm_buf_lit(buf, ":{");
        } else {
            kdm_buf_lit(buf, "{\"key\":");
            kdm_json_put_str(buf, key);
            kdm_buf_char(buf, ',');
        }
        put_range_bound(render, agg, "from", range->has_from, range->from);
        put_range_bound(render, agg, "to", range->has_to, range->to);
        put_count(render, agg, kdm_agg_find_bucket(agg, owner, i));
        kdm_buf_char(buf, '}');
    }
    kdm_buf_char(buf, agg->keyed ? '}' : ']');
}

static void put_filters(struct kdm_agg_render *render, struct kdm_agg *agg, uint32_t owner)
{
    struct kdm_buf *buf = render->buf;

    kdm_buf_put(buf, agg->keyed ? KDM_STR("{\"buckets\":{") : KDM_STR("{\"buckets\":["));
    for (uint32_t i = 0; i < agg->filter_count + agg->others && kdm_agg_answer_one(render); i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        if (agg->keyed) {
            kdm_json_put_str(buf, i < agg->filter_count ? agg->filter_names[i] : agg->others_name);
            kdm_buf_char(buf, ':');
        }
        kdm_buf_char(buf, '{');
        put_count(render, agg, kdm_agg_find_bucket(agg, owner, i));
        kdm_buf_char(buf, '}');
    }
    kdm_buf_char(buf, agg->keyed ? '}' : ']');
}

/* --- histograms
 * ------------------------------------------------------------------------------------------ */

/* The number that a histogram's key word stands for. */
static double histogram_key(const struct kdm_agg *agg, int64_t step)
{
    return agg->kind == KDM_AGG_DATE_HISTOGRAM ? (double)step
                                               : (double)step * agg->interval + agg->offset;
}

static int64_t next_step(const struct kdm_agg *agg, int64_t step)
{
    return agg->kind == KDM_AGG_DATE_HISTOGRAM ? kdm_agg_next(agg, step) : step + 1;
}

static int64_t step_of(const struct kdm_agg *agg, double value)
{
    return agg->kind == KDM_AGG_DATE_HISTOGRAM
               ? kdm_agg_floor(agg, (int64_t)value)
               : (int64_t)floor((value - agg->offset) / agg->interval);
}

static int64_t bucket_step(const struct kdm_agg *agg, uint32_t bucket)
{
    return (int64_t)(agg->keys[bucket] ^ (uint64_t)1 << 63);
}

/* A step of a histogram that is answered; `bucket` UINT32_MAX: no document is in it. */
struct step {
    int64_t begin;
    uint32_t bucket;
};

struct steps {
    struct step *items;
    uint32_t count, room;
};

/* false: there are more than can be answered. */
static bool add_step(struct kdm_agg_render *render, struct steps *steps, int64_t begin,
                     uint32_t bucket)
{
    if (!kdm_agg_answer_one(render))
        return false;
    if (steps->count == steps->room) {
        steps->room = steps->room == 0 ? 64 : 2 * steps->room;
        steps->items = kdm_realloc(steps->items, steps->room * sizeof(*steps->items));
    }
    steps->items[steps->count++] = (struct step){ begin, bucket };
    return true;
}

/* All steps from the first to the last, those without documents too. `buckets` by key. */
static void add_every_step(struct kdm_agg_render *render, const struct kdm_agg *agg,
                           const uint32_t *buckets, uint32_t count, struct steps *steps)
{
    int64_t step = count > 0 ? bucket_step(agg, buckets[0]) : 0, last;
    uint32_t at = 0;

    last = count > 0 ? bucket_step(agg, buckets[count - 1]) : -1;
    if (count == 0 && (isnan(agg->bound_low) || isnan(agg->bound_high)))
        return;
    if (!isnan(agg->bound_low) && (count == 0 || step_of(agg, agg->bound_low) < step))
        step = step_of(agg, agg->bound_low);
    if (!isnan(agg->bound_high) && (count == 0 || step_of(agg, agg->bound_high) > last))
        last = step_of(agg, agg->bound_high);
    while (step <= last) {
        bool has = at < count && bucket_step(agg, buckets[at]) == step;

        if (!add_step(render, steps, step, has ? buckets[at++] : UINT32_MAX))
            return;
        step = next_step(agg, step);
        /* A day on which a clock is changed may end otherwise than it was stepped to. */
        if (at < count && bucket_step(agg, buckets[at]) < step)
            step = bucket_step(agg, buckets[at]);
    }
}

static int compare_numbers(const void *left, const void *right, void *ctx)
{
    return kdm_agg_compare_keys(ctx, *(const uint32_t *)left, *(const uint32_t *)right);
}

static int compare_steps(const void *left, const void *right, void *ctx)
{
    const struct kdm_agg *agg = ctx;
    const struct step *a = left, *b = right;

    for (uint32_t i = 0; i < agg->order_count; i++) {
        const struct kdm_agg_order *order = &agg->orders[i];
        int cmp = order->by_key ? (a->begin > b->begin) - (a->begin < b->begin)
                                : kdm_agg_compare_by(agg, order, a->bucket, b->bucket);

        if (cmp != 0)
            return order->by_key && order->descending ? -cmp : cmp;
    }
    return (a->begin > b->begin) - (a->begin < b->begin);
}

static void put_step(struct kdm_agg_render *render, struct kdm_agg *agg, const struct step *step,
                     bool first)
{
    struct kdm_buf *buf = render->buf;
    double key = histogram_key(agg, step->begin);

    if (!first)
        kdm_buf_char(buf, ',');
    if (agg->keyed) {
        kdm_json_put_str(buf, text_of(render, agg, key));
        kdm_buf_char(buf, ':');
    }
    kdm_buf_char(buf, '{');
    if (kdm_agg_has_text(agg)) {
        kdm_buf_lit(buf, "\"key_as_string\":");
        kdm_json_put_str(buf, text_of(render, agg, key));
        kdm_buf_char(buf, ',');
    }
    kdm_buf_lit(buf, "\"key\":");
    kdm_json_put_double(buf, key);
    kdm_buf_char(buf, ',');
    put_count(render, agg, step->bucket);
    kdm_buf_char(buf, '}');
}

static void put_histogram(struct kdm_agg_render *render, struct kdm_agg *agg, uint32_t owner)
{
    uint32_t count, *buckets = kdm_agg_buckets(agg, owner, &count);
    struct steps steps = { .items = NULL };

    kdm_buf_put(render->buf, agg->keyed ? KDM_STR("{\"buckets\":{") : KDM_STR("{\"buckets\":["));
    if (count > 0 && agg->min_doc_count > 1)
        count = keep_large(agg, buckets, count, agg->min_doc_count);
    if (count > 0)
        qsort_r(buckets, count, sizeof(*buckets), compare_numbers, agg);
    if (agg->min_doc_count == 0)
        add_every_step(render, agg, buckets, count, &steps);
    for (uint32_t i = 0; agg->min_doc_count > 0 && i < count; i++)
        if (!add_step(render, &steps, bucket_step(agg, buckets[i]), buckets[i]))
            break;
    if (steps.count > 0 && agg->order_count > 0)
        qsort_r(steps.items, steps.count, sizeof(*steps.items), compare_steps, agg);
    for (uint32_t i = 0; i < steps.count && render->run->result == KDM_PROJECTION_OK; i++)
        put_step(render, agg, &steps.items[i], i == 0);
    free(steps.items);
    kdm_buf_char(render->buf, agg->keyed ? '}' : ']');
}

/* --- metrics
 * --------------------------------------------------------------------------------------------- */

static void put_number_or_null(struct kdm_buf *buf, bool has, double value)
{
    if (has)
        kdm_json_put_double(buf, value);
    else
        kdm_buf_lit(buf, "null");
}

static void put_member(struct kdm_buf *buf, const char *name, bool has, double value)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    put_number_or_null(buf, has, value);
}

static void put_value(struct kdm_agg_render *render, const struct kdm_agg *agg, uint32_t owner)
{
    double value = kdm_agg_property(agg, owner, KDM_STR("value"));
    bool has = isfinite(value);

    kdm_buf_lit(render->buf, "{\"value\":");
    put_number_or_null(render->buf, has, value);
    if (has && agg->kind <= KDM_AGG_SUM)
        put_as_string(render, agg, "value", value);
}

struct named_value {
    const char *name;
    bool has; /* else it is null, or no number as text */
    double value;
};

static void put_named(struct kdm_agg_render *render, const struct named_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_member(render->buf, values[i].name, values[i].has, values[i].value);
}

static void put_named_texts(struct kdm_agg_render *render, const struct kdm_agg *agg,
                            const struct named_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i].has)
            put_as_string(render, agg, values[i].name, values[i].value);
}

static void put_bounds(struct kdm_agg_render *render, const struct kdm_agg *agg,
                       const struct named_value *bounds, size_t count)
{
    struct kdm_buf *buf = render->buf;

    kdm_buf_lit(buf, ",\"std_deviation_bounds\":{");
    put_named(render, bounds, count);
    kdm_buf_char(buf, '}');
    if (!bounds[0].has || !kdm_agg_has_text(agg))
        return;
    kdm_buf_lit(buf, ",\"std_deviation_bounds_as_string\":{");
    for (size_t i = 0; i < count; i++)
        if (bounds[i].has) {
            kdm_json_put_name(buf, kdm_str_of(bounds[i].name));
            kdm_json_put_str(buf, text_of(render, agg, bounds[i].value));
        }
    kdm_buf_char(buf, '}');
}

static void put_deviations(struct kdm_agg_render *render, const struct kdm_agg *agg,
                           const struct kdm_agg_stats *stats)
{
    bool has = stats->count > 0, more = stats->count > 1;
    double count = (double)stats->count, average = has ? stats->sum / count : 0;
    double variance = has ? kdm_agg_variance(stats) : 0, deviation = sqrt(variance);
    double sampling = more ? variance * count / (count - 1) : 0, of_sample = sqrt(sampling);
    const struct named_value values[] = {
        { "sum_of_squares", has, stats->squares },
        { "variance", has, variance },
        { "variance_population", has, variance },
        { "variance_sampling", more, sampling },
        { "std_deviation", has, deviation },
        { "std_deviation_population", has, deviation },
        { "std_deviation_sampling", more, of_sample },
    };
    const struct named_value bounds[] = {
        { "upper", has, average + agg->sigma * deviation },
        { "lower", has, average - agg->sigma * deviation },
        { "upper_population", has, average + agg->sigma * deviation },
        { "lower_population", has, average - agg->sigma * deviation },
        { "upper_sampling", more, average + agg->sigma * of_sample },
        { "lower_sampling", more, average - agg->sigma * of_sample },
    };

    put_named(render, values, sizeof(values) / sizeof(values[0]));
    put_named_texts(render, agg, values, sizeof(values) / sizeof(values[0]));
    put_bounds(render, agg, bounds, sizeof(bounds) / sizeof(bounds[0]));
}

static void put_stats(struct kdm_agg_render *render, const struct kdm_agg *agg, uint32_t owner)
{
    static const struct kdm_agg_stats none;
    const struct kdm_agg_stats *stats =
        owner < agg->owner_count && agg->stats != NULL ? &agg->stats[owner] : &none;
    bool has = stats->count > 0;
    const struct named_value values[] = {
        { "min", has, stats->min },
        { "max", has, stats->max },
        { "avg", has, has ? stats->sum / (double)stats->count : 0 },
        { "sum", true, stats->sum },
    };

    kdm_buf_printf(render->buf, "{\"count\":%llu", (unsigned long long)stats->count);
    put_named(render, values, sizeof(values) / sizeof(values[0]));
    if (has)
        put_named_texts(render, agg, values, sizeof(values) / sizeof(values[0]));
    if (agg->kind == KDM_AGG_EXTENDED_STATS)
        put_deviations(render, agg, stats);
}

static int compare_values(const void *left, const void *right)
{
    const struct kdm_agg_value *a = left, *b = right;

    if (a->owner != b->owner)
        return a->owner < b->owner ? -1 : 1;
    return (a->word > b->word) - (a->word < b->word);
}

/* The owner's values, sorted; all are sorted at the first call. */
static const struct kdm_agg_value *values_of(struct kdm_agg *agg, uint32_t owner,
                                             uint64_t *ret_count)
{
    uint64_t low = 0, high = agg->value_count;

    if (agg->first_of == NULL && agg->value_count > 0) {
        qsort(agg->values, agg->value_count, sizeof(*agg->values), compare_values);
        agg->first_of = kdm_malloc(sizeof(*agg->first_of));
    }
    while (low < high) {
        uint64_t middle = (low + high) / 2;

        if (agg->values[middle].owner < owner)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_count = owner < agg->owner_count && agg->stats != NULL ? agg->stats[owner].count : 0;
    return *ret_count == 0 ? NULL : &agg->values[low];
}

static double percentile(const struct kdm_agg *agg, const struct kdm_agg_value *values,
                         uint64_t count, double percent)
{
    double rank = percent / 100 * (double)(count - 1);
    uint64_t at = (uint64_t)rank;
    double low = kdm_agg_number(agg, values[at].word);

    if (at + 1 >= count)
        return low;
    return low + (rank - (double)at) * (kdm_agg_number(agg, values[at + 1].word) - low);
}

/* "50.0":3,"50.0_as_string":"3.00" */
static void put_keyed_percentile(struct kdm_agg_render *render, const struct kdm_agg *agg,
                                 double percent, bool has, double value)
{
    struct kdm_buf *buf = render->buf;

    kdm_buf_char(buf, '"');
    put_key_number(buf, percent);
    kdm_buf_lit(buf, "\":");
    put_number_or_null(buf, has, value);
    if (!has || !kdm_agg_has_text(agg))
        return;
    kdm_buf_lit(buf, ",\"");
    put_key_number(buf, percent);
    kdm_buf_lit(buf, "_as_string\":");
    kdm_json_put_str(buf, text_of(render, agg, value));
}

static void put_listed_percentile(struct kdm_agg_render *render, const struct kdm_agg *agg,
                                  double percent, bool has, double value)
{
    struct kdm_buf *buf = render->buf;

    kdm_buf_lit(buf, "{\"key\":");
    put_key_number(buf, percent);
    kdm_buf_lit(buf, ",\"value\":");
    put_number_or_null(buf, has, value);
    if (has)
        put_as_string(render, agg, "value", value);
    kdm_buf_char(buf, '}');
}

static void put_percentiles(struct kdm_agg_render *render, struct kdm_agg *agg, uint32_t owner)
{
    uint64_t count;
    const struct kdm_agg_value *values = values_of(agg, owner, &count);
    struct kdm_buf *buf = render->buf;

    kdm_buf_put(buf, agg->keyed ? KDM_STR("{\"values\":{") : KDM_STR("{\"values\":["));
    for (uint32_t i = 0; i < agg->percent_count; i++) {
        double percent = agg->percents[i];
        double value = count == 0 ? 0 : percentile(agg, values, count, percent);

        if (i > 0)
            kdm_buf_char(buf, ',');
        if (agg->keyed)
            put_keyed_percentile(render, agg, percent, count > 0, value);
        else
            put_listed_percentile(render, agg, percent, count > 0, value);
    }
    kdm_buf_char(buf, agg->keyed ? '}' : ']');
}

static void put_geo_bounds(struct kdm_agg_render *render, const struct kdm_agg *agg, uint32_t owner)
{
    const struct kdm_agg_stats *stats;

    kdm_buf_char(render->buf, '{');
    if (owner >= agg->owner_count || agg->stats == NULL || agg->stats[owner].count == 0)
        return;
    stats = &agg->stats[owner];
    kdm_buf_lit(render->buf, "\"bounds\":{\"top_left\":{");
    put_member(render->buf, "lat", true, stats->high.lat);
    put_member(render->buf, "lon", true, stats->low.lon);
    kdm_buf_lit(render->buf, "},\"bottom_right\":{");
    put_member(render->buf, "lat", true, stats->low.lat);
    put_member(render->buf, "lon", true, stats->high.lon);
    kdm_buf_lit(render->buf, "}}");
}

/* --- the switch
 * -------------------------------------------------------------------------------------------
 */

static void put_body(struct kdm_agg_render *render, struct kdm_agg *agg, uint32_t owner)
{
    switch (agg->kind) {
    case KDM_AGG_TERMS:
        put_terms(render, agg, owner);
        break;
    case KDM_AGG_RANGE:
    case KDM_AGG_DATE_RANGE:
        put_ranges(render, agg, owner);
        break;
    case KDM_AGG_HISTOGRAM:
    case KDM_AGG_DATE_HISTOGRAM:
        put_histogram(render, agg, owner);
        break;
    case KDM_AGG_FILTER:
    case KDM_AGG_MISSING:
        kdm_buf_char(render->buf, '{');
        put_count(render, agg, kdm_agg_find_bucket(agg, owner, 0));
        break;
    case KDM_AGG_NESTED:
        kdm_buf_printf(render->buf, "{\"doc_count\":%llu",
                       (unsigned long long)kdm_agg_nested_count(agg, owner));
        put_children(render, agg, owner);
        break;
    case KDM_AGG_FILTERS:
        put_filters(render, agg, owner);
        break;
    case KDM_AGG_STATS:
    case KDM_AGG_EXTENDED_STATS:
        put_stats(render, agg, owner);
        break;
    case KDM_AGG_PERCENTILES:
        put_percentiles(render, agg, owner);
        break;
    case KDM_AGG_TOP_HITS:
        kdm_agg_put_hits(render, agg, owner);
        break;
    case KDM_AGG_GEO_BOUNDS:
        put_geo_bounds(render, agg, owner);
        break;
    default:
        put_value(render, agg, owner);
    }
}

static void put_agg(struct kdm_agg_render *render, struct kdm_agg *agg, uint32_t owner)
{
    if (render->run->result != KDM_PROJECTION_OK)
        return;
    put_body(render, agg, owner);
    if (!kdm_str_none(agg->meta)) {
        kdm_json_put_name(render->buf, KDM_STR("meta"));
        kdm_buf_put(render->buf, agg->meta);
    }
    kdm_buf_char(render->buf, '}');
}

/* Does a document have the term? */
static bool is_used(const struct kdm_agg *agg, uint32_t term)
{
    if (agg->own_names != NULL)
        return ((const struct kdm_agg_name *)kdm_names_item(agg->own_names, term))->used;
    return kdm_terms_at(agg->column->terms, term)->count > 0;
}

/* Terms of the dictionary that no bucket has, for aggregations that show them. */
static void add_empty(struct kdm_run *run, struct kdm_agg *agg, uint32_t owners)
{
    const struct kdm_names *names =
        agg->kind == KDM_AGG_TERMS && agg->min_doc_count == 0 ? agg->names : NULL;

    for (uint32_t owner = 0; names != NULL && owner < owners; owner++)
        for (uint32_t term = 1; term < names->count; term++)
            if (run->result == KDM_PROJECTION_OK && is_used(agg, term))
                kdm_agg_bucket(run, agg, owner, term);
    for (uint32_t i = 0; agg->kind != KDM_AGG_NESTED && i < agg->child_count; i++)
        add_empty(run, agg->children[i], agg->bucket_count);
}

void kdm_aggs_render(struct kdm_run *run, struct kdm_aggs *aggs)
{
    struct kdm_buf buf, text;
    struct kdm_agg_render render = { run, aggs, kdm_agg_source(run), &buf, &text };

    for (uint32_t i = 0; i < aggs->count; i++)
        add_empty(run, aggs->items[i], 1);
    kdm_buf_init(&buf, run->arena, 1024);
    kdm_buf_init(&text, run->arena, 64);
    kdm_buf_char(&buf, '{');
    for (uint32_t i = 0; i < aggs->count; i++) {
        kdm_json_put_name(&buf, aggs->items[i]->name);
        put_agg(&render, aggs->items[i], 0);
    }
    kdm_buf_char(&buf, '}');
    if (run->result == KDM_PROJECTION_OK)
        aggs->text = kdm_buf_str(&buf);
}

struct kdm_str kdm_aggs_text(const struct kdm_aggs *aggs)
{
    return aggs->text;
}
