/* search.h - a search request: query, order, page and what is shown of each hit.
 * Made once from the request's body, then asked document by document (the plain scan) and at the
 * end for the ordered page. Everything is in the arena it was made in and borrows body and mapping.
 * Pure functions; one search belongs to one thread at a time (regular expressions keep their match
 * data in it).
 */
#ifndef KDM_SEARCH_SEARCH_H
#define KDM_SEARCH_SEARCH_H

#include "search/query.h"

#define KDM_SEARCH_WINDOW    10000 /* from + size */
#define KDM_SEARCH_MAX_SORTS 32
#define KDM_SEARCH_MAX_INNER 8   /* inner_hits of a collapse */
#define KDM_SEARCH_INNER     100 /* from + size of inner_hits */

enum kdm_search_lang { KDM_LANG_ELASTICSEARCH, KDM_LANG_KONCORDE };

enum kdm_sort_kind {
    KDM_SORT_FIELD,
    KDM_SORT_ID,
    KDM_SORT_SCORE,
    KDM_SORT_DOC,
    KDM_SORT_DISTANCE, /* of a geo_point field from `points` */
};

enum kdm_sort_mode { KDM_MODE_MIN, KDM_MODE_MAX, KDM_MODE_SUM, KDM_MODE_AVG, KDM_MODE_MEDIAN };

struct kdm_aggs;

struct kdm_sort {
    enum kdm_sort_kind kind;
    const struct kdm_field *field; /* FIELD, DISTANCE; NULL: unmapped but allowed, always missing */
    const struct kdm_field *nested; /* the objects whose field it is; NULL: the document's own */
    bool descending;
    bool missing_first;
    const struct kdm_key *missing; /* counts instead of a missing value; NULL: none does */
    enum kdm_sort_mode mode;       /* which value of several */
    struct kdm_point *points;      /* DISTANCE */
    size_t point_count;
    double unit; /* metres of what distances are told in */
};

/* A hit's value for one sort key. */
struct kdm_sort_value {
    bool missing;
    struct kdm_key key;
};

struct kdm_source_filter {
    bool none;                           /* "_source": false */
    struct kdm_str *includes, *excludes; /* dotted patterns */
    size_t include_count, exclude_count;
    struct kdm_str base; /* the path of the object that is shown; none: it is the whole document */
};

struct kdm_search {
    struct kdm_query *query;
    struct kdm_sort *sorts;
    size_t sort_count;
    bool by_score; /* _score is shown: no sort, or one that names it */
    int64_t from, size;
    const struct kdm_sort_value *after; /* search_after, sort_count of them; NULL: none */
    struct kdm_source_filter source;
    const struct kdm_sort *collapse;    /* hits with the same value of it are one; NULL: none are */
    const struct kdm_inner_hits *inner; /* what else is shown of each group of `collapse` */
    size_t inner_count;
    struct kdm_nested_hits *const *nested; /* what is shown of each hit's objects */
    size_t nested_count;
    const struct kdm_highlight *highlight; /* NULL: none was asked for */
    struct kdm_aggs *aggs;                 /* see aggs.h; NULL: none were asked for */
    /* Narrows hits and total, not the aggregations. NULL: there is none, or no aggregation, and
     * then it is part of `query`. */
    const struct kdm_query *post_filter;
};

/* "inner_hits" of collapse. */
struct kdm_inner_hits {
    struct kdm_str name;
    struct kdm_search order; /* sorts, from, size, source; no query */
};

/* The same of a nested query: the objects that it matches. */
struct kdm_nested_hits {
    struct kdm_inner_hits inner;
    const struct kdm_query *query; /* NESTED */
};

struct kdm_search_request {
    struct kdm_val body; /* NONE, null and {}: everything */
    enum kdm_search_lang lang;
    int64_t from, size; /* of the arguments; -1: not given, then the body's, then 0 and 10 */
    int64_t now_ms;
    int64_t window;  /* of the server's own search: what from + size may come to, and patterns may
                      * be long; 0: it is a client's */
    bool aggregates; /* the caller answers aggregations; else they are refused */
    /* All collections that are searched together, this one too, in the same arena; NULL: it is
     * alone. What is asked of a field must then suit it in all of them, and one that lacks it has
     * no values. */
    struct kdm_peers *peers;
};

/* NULL with *ret_failure: invalid_search_query for unknown members of the body,
 * invalid_query_keyword for scripts, unknown_query_keyword, unexpected_bad_request (also for what
 * is not built yet), and Koncorde's. */
struct kdm_search *kdm_search_create(struct kdm_arena *arena, const struct kdm_mapping *mapping,
                                     const struct kdm_search_request *request,
                                     struct kdm_failure *ret_failure);

/* The same for actions whose body has only a query (count, deleteByQuery, security searches):
 * `query` is the clause itself. */
struct kdm_query *kdm_search_query(struct kdm_arena *arena, const struct kdm_mapping *mapping,
                                   struct kdm_val query, enum kdm_search_lang lang, int64_t now_ms,
                                   struct kdm_failure *ret_failure);

/* Everything that `collapse` makes one with a hit of this value. */
struct kdm_query *kdm_search_group(struct kdm_arena *arena, const struct kdm_sort *collapse,
                                   const struct kdm_sort_value *value);

/* Both must match; the second scores nothing. */
struct kdm_query *kdm_search_narrow(struct kdm_arena *arena, struct kdm_query *query,
                                    struct kdm_query *filter);

/* Does the document match? false with *ret_failure filled (its err is KDM_OK otherwise; its texts
 * are in `arena`) when a regular expression costs too much: the search is to be given up. `scratch`
 * may be reset afterwards. *ret_score may be NULL; see kdm_query_match(). */
bool kdm_search_matches(const struct kdm_query *query, struct kdm_arena *arena,
                        struct kdm_arena *scratch, struct kdm_str id, struct kdm_val source,
                        float *ret_score, struct kdm_failure *ret_failure);

/* Hits of the group that a hit stands for, as one of the search's `inner` wants them. */
struct kdm_hit_group {
    struct kdm_hit *hits;
    size_t count;
};

/* A document that matched. */
struct kdm_hit {
    struct kdm_str id;
    struct kdm_str source; /* its text, the caller's */
    void *owner;           /* the caller's */
    uint64_t sequence;     /* of the write that was searched; of the projection */
    float score;
    /* Of kdm_search_values(): one for each sort key, then that of `collapse` if there is one. */
    const struct kdm_sort_value *values;
    struct kdm_hit_group *groups; /* as many as the search's `inner`; NULL: none */
};

/* Reads what `hit` is sorted by from its document, into `arena`, where they stay; `scratch` as
 * above. */
void kdm_search_values(const struct kdm_search *search, struct kdm_arena *arena,
                       struct kdm_arena *scratch, struct kdm_val source, struct kdm_hit *hit);

/* Puts the hits in order (equal ones keep theirs), leaves the first of each value to collapse on,
 * and tells which of them are the page: *ret_first and how many. Works in place. */
size_t kdm_search_page(const struct kdm_search *search, struct kdm_hit *hits, size_t count,
                       size_t *ret_first);

/* A hit's _source as the request wants it; writes nothing and returns false when it wants none. */
bool kdm_search_source(const struct kdm_search *search, struct kdm_arena *scratch,
                       struct kdm_val source, struct kdm_buf *buf);

/* {"field":["..<em>word</em>..",..],..}: the parts of a hit's texts that its query is about. Writes
 * nothing and returns false when none was asked for or nothing is to be shown. For the hits of a
 * page only: each text is read again. */
bool kdm_search_highlight(const struct kdm_search *search, struct kdm_val source,
                          struct kdm_buf *buf);

/* The objects of a hit's document that are shown, in order, each a hit with the document's id; in
 * `arena`, with sources borrowed from the hit's. Returns how many. */
size_t kdm_search_objects(const struct kdm_nested_hits *nested, struct kdm_arena *arena,
                          const struct kdm_hit *hit, struct kdm_hit **ret_hits);

/* The distance by which a document with these points is sorted; `count` > 0. */
double kdm_sort_distance(const struct kdm_sort *sort, const struct kdm_point *points, size_t count);

#endif
