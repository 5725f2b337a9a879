/* aggs_internal.h - an aggregation, parsed and in progress; private to aggs_*.c.
 * Buckets of one aggregation are numbered through, whichever bucket above they belong to (their
 * owner), so collecting is a walk over pairs of row and owner, and metrics are arrays by owner.
 */
#ifndef KDM_SEARCH_AGGS_INTERNAL_H
#define KDM_SEARCH_AGGS_INTERNAL_H

#include "search/aggs.h"
#include "search/projection_query.h"
#include "search/zone.h"

enum kdm_agg_kind {
    KDM_AGG_TERMS,
    KDM_AGG_RANGE,
    KDM_AGG_DATE_RANGE,
    KDM_AGG_HISTOGRAM,
    KDM_AGG_DATE_HISTOGRAM,
    KDM_AGG_FILTER,
    KDM_AGG_FILTERS,
    KDM_AGG_MISSING,
    KDM_AGG_NESTED,
    KDM_AGG_MIN, /* from here on: metrics */
    KDM_AGG_MAX,
    KDM_AGG_AVG,
    KDM_AGG_SUM,
    KDM_AGG_STATS,
    KDM_AGG_EXTENDED_STATS,
    KDM_AGG_VALUE_COUNT,
    KDM_AGG_CARDINALITY,
    KDM_AGG_PERCENTILES,
    KDM_AGG_TOP_HITS,
    KDM_AGG_GEO_BOUNDS,
};

enum kdm_calendar {
    KDM_CALENDAR_NONE, /* fixed */
    KDM_CALENDAR_SECOND,
    KDM_CALENDAR_MINUTE,
    KDM_CALENDAR_HOUR,
    KDM_CALENDAR_DAY,
    KDM_CALENDAR_WEEK,
    KDM_CALENDAR_MONTH,
    KDM_CALENDAR_QUARTER,
    KDM_CALENDAR_YEAR,
};

struct kdm_agg_order {
    bool by_count, by_key, descending;
    /* Else by what stands below: a metric, or an aggregation of one bucket, whose documents count;
     * in further ones of one bucket. */
    struct kdm_agg *path[KDM_AGGS_MAX_DEPTH];
    uint32_t depth;
    struct kdm_str property; /* "avg" of stats */
};

/* Which keys of terms are wanted: those of a list, those that a pattern fits, or one part of all,
 * by chance. */
struct kdm_agg_choice {
    bool given;
    uint64_t part, parts;       /* 0: not by parts */
    struct kdm_regexp *pattern; /* NULL: the list */
    struct kdm_key *keys;       /* sorted */
    size_t count;
};

struct kdm_agg_range {
    struct kdm_str key; /* none: made of the bounds */
    bool has_from, has_to;
    double from, to;
};

struct kdm_agg_stats {
    uint64_t count;
    double sum, squares, min, max;
    struct kdm_point low, high; /* geo_bounds */
};

/* One kept value; percentiles sort them, cardinality has a set of them. */
struct kdm_agg_value {
    uint32_t owner;
    uint64_t word;
};

/* A document whose objects are to be read. */
struct kdm_agg_pending {
    uint32_t ordinal, owner;
};

/* The first hits of several collections, in order. */
struct kdm_agg_top {
    struct kdm_hit *hits;
    size_t count;
};

/* An item of a total's names. */
struct kdm_agg_name {
    struct kdm_name name;
    bool used; /* by a document; else it only stands for missing values */
};

/* Where a hit of top_hits comes from; its `owner`. */
struct kdm_agg_source {
    kdm_projection_fetch_fn *fetch; /* NULL: none */
    void *ctx;
    struct kdm_str index; /* none: untold */
};

#define KDM_AGG_BATCH 1024
#define KDM_AGG_TEXTS (128u << 20) /* bytes of objects that hold nested ones, of an aggregation */

struct kdm_agg {
    /* what was asked */
    struct kdm_str name;
    enum kdm_agg_kind kind;
    const struct kdm_field *field; /* NULL: not mapped, no document has a value */
    bool elsewhere; /* it is of another collection that is searched too: none has a value here */
    bool real;      /* numbers are doubles, in some collection at least */
    struct kdm_agg **children;
    uint32_t child_count;
    struct kdm_str meta; /* JSON text; none */
    bool has_missing;
    struct kdm_key missing;
    uint64_t size, min_doc_count;
    struct kdm_agg_order orders[4];
    uint32_t order_count;
    struct kdm_agg_choice include, exclude;
    bool keyed;
    bool show_error; /* terms: that counts are exact, in each bucket */
    double sigma;    /* extended_stats: how many deviations the bounds are away */
    double interval, offset;
    enum kdm_calendar calendar;
    const struct kdm_zone *zone;
    struct kdm_str format; /* of keys and values: of dates (none: ISO) or numbers (none: no text) */
    const struct kdm_date_format *dates; /* the request's own for dates; NULL: none */
    double bound_low, bound_high;        /* extended_bounds; no number: there is none */
    bool limited;
    double limit_low, limit_high; /* hard_bounds, of buckets' keys */
    struct kdm_agg_range *ranges;
    uint32_t range_count;
    struct kdm_query **filters;
    struct kdm_str *filter_names; /* NULL: an array was given */
    uint32_t filter_count;
    bool others; /* what no filter matches has a bucket, behind theirs */
    struct kdm_str others_name;
    struct kdm_search *hits; /* top_hits: order, from, size */
    double *percents;
    uint32_t percent_count;

    /* in progress */
    const struct kdm_column *column; /* NULL: no values */
    const struct kdm_names *names;   /* texts that keys are numbers of; NULL: keys are words */
    struct kdm_names *own_names;     /* the same, of a total */
    struct kdm_plan **plans;         /* of filters */
    struct kdm_bits **matched;       /* of filters, this chunk */
    uint32_t missing_term;
    uint32_t bucket_count, bucket_room;
    uint32_t *owners;
    uint64_t *keys;
    uint64_t *counts;
    uint32_t *slots; /* hash of (owner, key) -> bucket + 1 */
    uint32_t slot_count;
    uint32_t *direct; /* terms, one owner: by term -> bucket + 1; dates: by day */
    uint32_t direct_count;
    int64_t direct_first;
    uint32_t owner_count, owner_room; /* metrics */
    struct kdm_agg_stats *stats;
    struct kdm_sorter **sorters; /* top_hits, while they are collected.. */
    struct kdm_agg_top *tops;    /* ..and in a total */
    struct kdm_agg_value *values;
    uint64_t value_count, value_room;
    uint32_t *batch_rows, *batch_owners; /* for the children */
    uint32_t batch_count;
    struct kdm_projection *objects; /* nested: one document an object */
    uint32_t *object_owners;        /* by ordinal less one */
    uint32_t object_count, object_room;
    struct kdm_str *object_texts; /* the same, of those that are read once more; NULL */
    struct kdm_arena *texts;      /* holds them */
    size_t text_bytes;
    struct kdm_agg_pending *pending; /* of this chunk */
    uint32_t pending_count, pending_room;
    uint32_t *by_owner, *first_of; /* buckets of each owner, once collected */
};

struct kdm_aggs {
    struct kdm_agg **items;
    uint32_t count;
    uint64_t collected, kept, answered;
    struct kdm_str text;
    struct kdm_slab *slab;        /* of a total: of its names */
    const struct kdm_agg *nested; /* whose objects these run over; NULL: over documents */
    bool by_score;                /* hits are shown with their scores */
    const float *scores; /* by row of the chunk that is collected; NULL: they are all `score` */
    float score;
};

static inline bool kdm_agg_has_buckets(const struct kdm_agg *agg)
{
    return agg->kind < KDM_AGG_MIN;
}

/* --- numbers as words: order and identity ----------------------------------------------------- */

uint64_t kdm_agg_word(const struct kdm_agg *agg, union kdm_value value);
double kdm_agg_number(const struct kdm_agg *agg, uint64_t word);

/* --- collecting: kdm_projection_search() calls these ------------------------------------------ */

/* Resolves fields; the caller reads. */
void kdm_aggs_begin(struct kdm_run *run, struct kdm_aggs *aggs);
/* Answers the filters of all aggregations for this chunk; may let go of the projection. */
void kdm_aggs_filter(struct kdm_run *run, struct kdm_aggs *aggs, const struct kdm_bits *matched);
/* Takes the chunk's documents in. */
void kdm_aggs_add(struct kdm_run *run, struct kdm_aggs *aggs, const struct kdm_bits *matched);
/* Rows of the run's chunk with their owners. */
void kdm_aggs_collect(struct kdm_run *run, struct kdm_aggs *aggs, const uint32_t *rows,
                      const uint32_t *owners, uint32_t count);
/* Reads the nested objects of the chunk's documents; lets go of the projection meanwhile. */
void kdm_aggs_fetch(struct kdm_run *run, struct kdm_aggs *aggs);
/* Runs those below nested ones, over their objects. */
void kdm_aggs_run_nested(struct kdm_run *run, struct kdm_aggs *aggs);
/* Answers, or gives what was collected to the request's total; the caller reads. */
void kdm_aggs_end(struct kdm_run *run, struct kdm_aggs *aggs);
/* Frees what is not in the arena. */
void kdm_aggs_fini(struct kdm_aggs *aggs);

/* One more bucket, or the one that is there; UINT32_MAX with run->result set when there are too
 * many. */
uint32_t kdm_agg_bucket(struct kdm_run *run, struct kdm_agg *agg, uint32_t owner, uint64_t key);
#define KDM_AGG_NO_BUCKET UINT32_MAX

/* The metric's figures of an owner, zeroed at first. Lent until the next call. */
struct kdm_agg_stats *kdm_agg_stats(struct kdm_agg *agg, uint32_t owner);
/* One more value of percentiles, or of cardinality: kept once an owner. Sets run->result when there
 * are too many. */
void kdm_agg_keep(struct kdm_run *run, struct kdm_agg *agg, uint32_t owner, uint64_t word);
void kdm_agg_keep_distinct(struct kdm_run *run, struct kdm_agg *agg, uint32_t owner, uint64_t word);
/* Counts `more` as collected buckets; false with run->result set when that is too much. */
bool kdm_agg_can_collect(struct kdm_run *run, uint64_t more);

/* --- order (aggs_order.c); once all is collected ------------------------------------------------
 */

/* The owner's buckets, in no order; lent, to be put into one. NULL: none. */
uint32_t *kdm_agg_buckets(struct kdm_agg *agg, uint32_t owner, uint32_t *ret_count);
/* UINT32_MAX: the owner has none with this key. */
uint32_t kdm_agg_find_bucket(struct kdm_agg *agg, uint32_t owner, uint64_t key);
/* No number when there are no values. */
double kdm_agg_variance(const struct kdm_agg_stats *stats);
/* "value", or "avg" of stats; of no values what Elasticsearch orders by: no number, but for least,
 * greatest and sums. */
double kdm_agg_property(const struct kdm_agg *agg, uint32_t owner, struct kdm_str property);
/* Below 0: the key of `a` is less. */
int kdm_agg_compare_keys(const struct kdm_agg *agg, uint32_t a, uint32_t b);
/* Below 0: bucket `a` comes first. What is no number, as the average of nothing, comes last either
 * way. UINT32_MAX is a bucket without documents, but not by key. */
int kdm_agg_compare_by(const struct kdm_agg *agg, const struct kdm_agg_order *order, uint32_t a,
                       uint32_t b);
/* Of two numbers of buckets, by all the orders of `ctx`, a struct kdm_agg; for qsort_r(). */
int kdm_agg_compare(const void *left, const void *right, void *ctx);

/* --- answering (aggs_render.c) ---------------------------------------------------------------- */

/* Makes the text. The caller reads the run's projection; a total's has none. */
void kdm_aggs_render(struct kdm_run *run, struct kdm_aggs *aggs);
/* An answer that is being written. */
struct kdm_agg_render {
    struct kdm_run *run;
    struct kdm_aggs *aggs;
    const struct kdm_agg_source *source; /* of hits; a total's have their own */
    struct kdm_buf *buf, *text;          /* the answer; a text on its way there */
};

/* Counts a bucket, or a hit; false with the run's result set when there are too many. */
bool kdm_agg_answer_one(struct kdm_agg_render *render);
/* The text that a key of terms stands for. */
struct kdm_str kdm_agg_term_text(const struct kdm_agg *agg, uint64_t key);
/* --- hits (aggs_hits.c) ------------------------------------------------------------------------
 */

/* Of the run's hits; in its arena. */
const struct kdm_agg_source *kdm_agg_source(struct kdm_run *run);
/* The owner's hits from place `from` on. Lent. */
struct kdm_hit *kdm_agg_hits(const struct kdm_agg *agg, uint32_t owner, size_t from,
                             const struct kdm_agg_source *source, size_t *ret_count);
/* {"hits":{..}, without its end. */
void kdm_agg_put_hits(struct kdm_agg_render *render, const struct kdm_agg *agg, uint32_t owner);

/* --- several collections (aggs_merge.c) ------------------------------------------------------- */

/* Adds what was collected of the run's projection, which the caller reads, to run->request->total.
 */
void kdm_aggs_merge(struct kdm_run *run, const struct kdm_aggs *aggs);

/* --- nested objects (aggs_nested.c) ----------------------------------------------------------- */

void kdm_agg_nested_begin(struct kdm_run *run, struct kdm_agg *agg);
void kdm_agg_nested_collect(struct kdm_run *run, struct kdm_agg *agg, const uint32_t *rows,
                            const uint32_t *owners, uint32_t count);
/* Runs the aggregations below over the objects. */
void kdm_agg_nested_end(struct kdm_run *run, struct kdm_agg *agg);
void kdm_agg_nested_add(struct kdm_agg *agg, uint32_t owner, uint64_t objects);
uint64_t kdm_agg_nested_count(const struct kdm_agg *agg, uint32_t owner);
void kdm_agg_nested_fini(struct kdm_agg *agg);

/* --- dates (aggs_date.c) ---------------------------------------------------------------------- */

/* The beginning of the interval that `ms` lies in, and that of the next one. */
int64_t kdm_agg_floor(const struct kdm_agg *agg, int64_t ms);
int64_t kdm_agg_next(const struct kdm_agg *agg, int64_t begin);
/* "1d", "90s": fixed; "month", "1M": calendar. */
bool kdm_agg_fixed_interval(struct kdm_str text, double *ret_ms);
bool kdm_agg_calendar_interval(struct kdm_str text, enum kdm_calendar *ret_calendar);
/* Is it a pattern of kdm_date_format_pattern() that kdm_agg_put_date() can write? */
bool kdm_agg_date_pattern(struct kdm_str pattern);
/* A date as text that is not JSON yet; `pattern` none: ISO. */
void kdm_agg_put_date(struct kdm_buf *buf, struct kdm_str pattern, int64_t ms,
                      const struct kdm_zone *zone);

/* --- keys and values as text (aggs_format.c) -------------------------------------------------- */

/* Is it one of Java's DecimalFormat, as "#,##0.00", without exponents and a form for negative
 * numbers? */
bool kdm_agg_number_pattern(struct kdm_str pattern);
/* Has the answer "key_as_string" and the like? That of dates and booleans, and of whatever has a
 * format. */
bool kdm_agg_has_text(const struct kdm_agg *agg);
/* The text of a finite number, not JSON yet; only of what has one. */
void kdm_agg_put_text(struct kdm_buf *buf, const struct kdm_agg *agg, double value);

#endif
