/* projection_query.h - a search in progress; private to projection_*.c and aggs*.c.
 * A query becomes a plan: its fields are columns, its values are terms of dictionaries or spans of
 * numbers. A plan is evaluated chunk by chunk into two sets: documents that certainly match, and
 * those that may. Negation swaps them, so whatever a leaf can't prove stays correct through any
 * combination, and only the documents between the two are looked at themselves.
 */
#ifndef KDM_SEARCH_PROJECTION_QUERY_H
#define KDM_SEARCH_PROJECTION_QUERY_H

#include "search/projection_internal.h"

enum kdm_plan_kind {
    KDM_PLAN_ALL,
    KDM_PLAN_NONE,
    KDM_PLAN_BOOL,
    KDM_PLAN_CONSTANT,
    KDM_PLAN_BOOSTING,
    KDM_PLAN_NESTED,  /* `child` with the values of all objects together: may match */
    KDM_PLAN_TERMS,   /* any of the terms of sets[0] */
    KDM_PLAN_NUMBERS, /* a number in any of the spans */
    KDM_PLAN_EXISTS,
    KDM_PLAN_IDS,     /* these ordinals */
    KDM_PLAN_ID_TEST, /* the query's own test on each id */
    KDM_PLAN_WORDS,   /* at least `minimum` of the sets */
    KDM_PLAN_PHRASE,  /* the sets, next to each other */
    KDM_PLAN_PLACE,
    KDM_PLAN_MAYBE, /* nothing is known */
};

/* Terms of a column that a query is about. */
struct kdm_term_set {
    const struct kdm_column *column;
    const struct kdm_query *query;
    struct kdm_str word; /* of PLAN_WORDS and PHRASE; none: the query's own test */
    bool prefix;         /* the word is only the beginning */
    uint32_t *terms;
    uint32_t count, room;
    uint64_t documents;  /* of all terms, at most */
    uint64_t *bits;      /* by term, made when it pays; NULL: not yet */
    uint32_t bits_count; /* terms below this have a bit */
    float *likeness;     /* of FUZZY, by term, made when it is scored; NULL: not yet */
    uint32_t likeness_count;
    uint32_t commonest; /* how many documents have the term of it that most have */
    float weight;       /* what a word of it scores within nested objects */
    uint64_t fresh;     /* how many of the column's fresh terms have been looked at */
    struct kdm_term_set *next;
};

struct kdm_plan_list {
    struct kdm_plan **items; /* smallest first */
    uint32_t count;
};

struct kdm_plan {
    enum kdm_plan_kind kind;
    const struct kdm_query *query;
    const struct kdm_column *column;
    bool maybe; /* what it finds is not certain */
    bool exact; /* nothing in it is uncertain */
    uint64_t estimate;
    struct kdm_term_set *sets;
    uint32_t set_count;
    struct kdm_span *spans;
    uint32_t span_count;
    uint32_t *ordinals; /* sorted */
    uint32_t ordinal_count;
    struct kdm_point low, high; /* PLACE: nothing outside of this box is inside */
    size_t minimum;
    struct kdm_plan_list must, should, must_not; /* must: filters too */
    struct kdm_plan_list scoring;                /* the clauses of must that score */
    struct kdm_plan *child, *negative;
};

struct kdm_bits_pool;

struct kdm_run {
    struct kdm_projection *projection; /* NULL: what several collected is put together */
    struct kdm_arena *arena, *scratch;
    const struct kdm_projection_search *request;
    struct kdm_ticket ticket;
    uint64_t epoch;            /* of the writer, as of the last look at fresh terms */
    struct kdm_term_set *sets; /* all of them */
    uint32_t chunk, words;     /* the one being worked on */
    struct kdm_bits **bits;    /* spare ones */
    uint32_t bits_count, bits_room;
    enum kdm_projection_result result; /* not OK: give up */
    uint64_t verified;
    int64_t held_since_us, held_us;
};

/* --- plan ------------------------------------------------------------------------------------- */

/* The caller reads (kdm_gate_read); may let go in between. Check run->result. */
struct kdm_plan *kdm_plan_create(struct kdm_run *run, const struct kdm_query *query);
/* Takes terms that came since into the sets. */
void kdm_plan_refresh(struct kdm_run *run);
/* Lets a waiting writer in. */
void kdm_run_pause(struct kdm_run *run);
/* Nothing is held between the two. Without a projection neither does anything. */
void kdm_run_let_go(struct kdm_run *run);
void kdm_run_take_back(struct kdm_run *run);
/* Holding begins, or ends here for a moment. */
void kdm_run_hold(struct kdm_run *run);
void kdm_run_held(struct kdm_run *run);

/* The column of a field to order or count by, which takes all of it: run->result tells when it is
 * not filled yet. NULL: no document has a value. */
const struct kdm_column *kdm_run_column(struct kdm_run *run, const struct kdm_field *field);

/* --- match ------------------------------------------------------------------------------------ */

/* A set to work with, not cleared; give it back. */
struct kdm_bits *kdm_run_bits(struct kdm_run *run);
void kdm_run_give(struct kdm_run *run, struct kdm_bits *bits);

/* The rows of the chunk within `within` that match for certain, and those that may. `low` is not
 * written when the plan is exact: then they are the same. */
void kdm_plan_match(struct kdm_run *run, const struct kdm_plan *plan, const struct kdm_bits *within,
                    struct kdm_bits *low, struct kdm_bits *high);

void kdm_term_set_match(struct kdm_run *run, struct kdm_term_set *set,
                        const struct kdm_bits *within, struct kdm_bits *out);
/* How often the phrase stands in a document's terms; `first_only`: whether it does. Uses scratch
 * when the phrase has a slop; the caller resets it. */
size_t kdm_plan_phrases(struct kdm_run *run, const struct kdm_plan *plan, const uint32_t *terms,
                        uint32_t count, bool first_only);
bool kdm_term_set_has(const struct kdm_term_set *set, uint32_t term);

/* Tells the texts of rows of the chunk, as many at once as one round trip brings; those that are
 * gone are left out. Lets go of the projection meanwhile, so `fn` may not look at it; scratch is
 * reset. Check run->result. */
typedef void kdm_row_fn(void *ctx, struct kdm_run *run, uint32_t row,
                        const struct kdm_query_document *document);
void kdm_run_texts(struct kdm_run *run, const struct kdm_bits *rows, kdm_row_fn *fn, void *ctx);

/* Which of `within` match; looks at texts where it must, and lets go meanwhile. */
void kdm_run_resolve(struct kdm_run *run, const struct kdm_plan *plan,
                     const struct kdm_query *query, const struct kdm_bits *within,
                     struct kdm_bits *out);

/* --- score ------------------------------------------------------------------------------------ */

/* Do documents that match differ in score? If not, *ret_score is it. */
bool kdm_plan_varies(const struct kdm_plan *plan, float *ret_score);
/* Does the score depend on the words of a field that is not filled yet? */
bool kdm_plan_unfilled(const struct kdm_projection *projection, const struct kdm_plan *plan);
/* Adds the score of each row of `matched` to scores[row]. */
void kdm_plan_score(struct kdm_run *run, const struct kdm_plan *plan,
                    const struct kdm_bits *matched, float weight, float *scores);

/* Whether some of the rows of `matched` can't score above `least`: then *out has only the others.
 */
bool kdm_plan_promising(struct kdm_run *run, const struct kdm_plan *plan, float least,
                        const struct kdm_bits *matched, struct kdm_bits *out);

/* --- order ------------------------------------------------------------------------------------ */

struct kdm_sorter;

/* Keeps the first `limit` of what it is given, in the order of `search`. */
struct kdm_sorter *kdm_sorter_create(struct kdm_run *run, const struct kdm_search *search,
                                     size_t limit);
void kdm_sorter_destroy(struct kdm_sorter *sorter);
/* Which chunk to look at first: writes all their numbers. */
void kdm_sorter_chunks(struct kdm_sorter *sorter, uint32_t *ret_chunks, uint32_t count);
/* scores NULL: all the same, `score`. */
void kdm_sorter_add(struct kdm_sorter *sorter, const struct kdm_bits *matched, const float *scores,
                    float score);
/* In the order of scores, what a hit must be better than; false: nothing yet. */
bool kdm_sorter_least(const struct kdm_sorter *sorter, float *ret_score);
/* One row of the run's chunk. */
void kdm_sorter_add_row(struct kdm_sorter *sorter, uint32_t row, float score);
/* Hits from `from` on, with ids and sort values, in the run's arena. */
struct kdm_hit *kdm_sorter_hits(struct kdm_sorter *sorter, size_t from, size_t *ret_count);

#endif
