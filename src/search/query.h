/* query.h - the query tree: what both query languages parse into, and what one evaluator answers.
 * A node's field is resolved and its values are typed when it is made, so evaluating reads no query
 * text. A tree lives in the arena it was made in and borrows the mapping and, for Koncorde's
 * leaves, the scanned query; both must outlive it. Nodes named KDM_QUERY_K_ compare as Koncorde
 * does: strictly, by path, without looking at the mapping (reference koncorde.md); the others as
 * Elasticsearch does.
 */
#ifndef KDM_SEARCH_QUERY_H
#define KDM_SEARCH_QUERY_H

#include "search/analysis.h"
#include "search/fuzzy.h"
#include "search/pattern.h"
#include "store/mapping_value.h"

#define KDM_QUERY_MAX_CLAUSES 1024
#define KDM_QUERY_MAX_TERMS   65536

enum kdm_query_kind {
    KDM_QUERY_ALL,
    KDM_QUERY_NONE,
    KDM_QUERY_BOOL,
    KDM_QUERY_CONSTANT, /* child's matches, each scored `boost` */
    KDM_QUERY_BOOSTING, /* child's matches; those of `negative` score `factor` times as much */
    KDM_QUERY_NESTED,
    KDM_QUERY_TERMS, /* any of `keys`, sorted */
    KDM_QUERY_RANGE,
    KDM_QUERY_EXISTS,
    KDM_QUERY_PREFIX,
    KDM_QUERY_WILDCARD,
    KDM_QUERY_REGEXP,
    KDM_QUERY_FUZZY,
    KDM_QUERY_MATCH,  /* at least `minimum` of `tokens` */
    KDM_QUERY_PHRASE, /* all tokens, next to each other or within `slop` */
    KDM_QUERY_GEO_DISTANCE,
    KDM_QUERY_GEO_BOX,
    KDM_QUERY_GEO_POLYGON,
    KDM_QUERY_GEO_SHAPE, /* boxes around shapes, in `relation` to the one of `points` */
    KDM_QUERY_K_EQUALS,
    KDM_QUERY_K_EXISTS,
    KDM_QUERY_K_CONTAINS, /* an array with that scalar */
    KDM_QUERY_K_RANGE,
    KDM_QUERY_K_REGEXP,
    KDM_QUERY_K_MATCH,
    KDM_QUERY_K_SELECT,
    KDM_QUERY_K_GEO_DISTANCE, /* from `near` to `far` metres */
    KDM_QUERY_K_GEO_BOX,
    KDM_QUERY_K_GEO_POLYGON,
};

enum kdm_shape_relation {
    KDM_SHAPE_INTERSECTS,
    KDM_SHAPE_DISJOINT, /* from all shapes of the document */
    KDM_SHAPE_WITHIN,   /* all are */
    KDM_SHAPE_CONTAINS, /* one does */
};

/* What a document scores for its objects that match. */
enum kdm_nested_mode {
    KDM_NESTED_AVG,
    KDM_NESTED_SUM,
    KDM_NESTED_MIN,
    KDM_NESTED_MAX,
    KDM_NESTED_NONE, /* nothing */
};

struct kdm_query_list {
    struct kdm_query **items;
    size_t count;
};

struct kdm_query {
    uint8_t kind;             /* enum kdm_query_kind */
    uint8_t relation;         /* GEO_SHAPE: enum kdm_shape_relation */
    uint8_t mode;             /* NESTED: enum kdm_nested_mode */
    bool negated;             /* K_ leaves: "not" of them, by Koncorde's rules */
    bool elements;            /* K_ leaves in a search: any element of an array may match */
    bool fold;                /* letters match in either case */
    bool open_low, open_high; /* ranges: the bound itself is outside */
    bool last_is_prefix;      /* PHRASE: of the last token */
    bool weighed;             /* TERMS of one word: the rarer it is, the more it scores */
    bool best_only;           /* BOOL: the best clause scores, the others `factor` times as much */
    float boost, factor;
    const struct kdm_field *field; /* NULL where there is none; &kdm_query_id for _id */
    struct kdm_str path;           /* K_ leaves */
    struct kdm_str text;           /* PREFIX, WILDCARD; K_REGEXP: the pattern */
    struct kdm_str flags;          /* K_REGEXP: as given */
    struct kdm_key *keys;          /* TERMS; RANGE: low, high */
    size_t key_count;
    bool has_low, has_high;
    struct kdm_regexp *regexp;
    const struct kdm_fuzzy *fuzzy;
    struct kdm_tokens tokens;
    uint32_t slop;                                        /* PHRASE */
    size_t minimum;                                       /* MATCH: tokens; BOOL: should clauses */
    struct kdm_query_list must, filter, should, must_not; /* BOOL */
    struct kdm_query *child;                              /* CONSTANT, BOOSTING, NESTED, K_SELECT */
    struct kdm_query *negative;                           /* BOOSTING */
    struct kdm_val value;                                 /* K_EQUALS, K_CONTAINS, K_MATCH */
    int64_t index;                                        /* K_SELECT */
    struct kdm_point *points; /* one, or top left and bottom right, or a polygon */
    size_t point_count;
    double near, far; /* metres */
};

/* Stands for the document's id as a keyword. */
extern const struct kdm_field kdm_query_id;

/* A field as all of them have it. */
struct kdm_peer_field {
    struct kdm_str name;
    const struct kdm_field *field; /* of the first that has it; NULL: none does */
    bool alike;                    /* those that have it have values of one kind */
    bool real;                     /* one at least has numbers that are no whole ones */
    struct kdm_peer_field *next;
};

/* Collections that are searched together: each is parsed for by itself, and must mean the same. */
struct kdm_peers {
    const struct kdm_mapping *const *mappings;
    size_t count;
    struct kdm_peer_field *fields; /* that were asked for so far, in the parser's arena */
};

/* What parsing shares. */
struct kdm_query_parser {
    struct kdm_arena *arena;
    const struct kdm_mapping *mapping; /* NULL: none (realtime filters) */
    struct kdm_peers *peers; /* collections that are searched together; NULL: one is alone */
    struct kdm_failure *failure;
    int64_t now_ms;                /* what "now" means in dates */
    size_t clauses;                /* so far */
    bool own;                      /* the server's own query, not a client's */
    struct kdm_nested_list *inner; /* takes "inner_hits" of nested queries; NULL: not allowed */
};

/* Elasticsearch's DSL: the value of "query". NONE, null and {} are match_all. NULL with the failure
 * filled: unknown_query_keyword, or unexpected_bad_request naming the clause. */
struct kdm_query *kdm_query_parse_dsl(struct kdm_query_parser *parser, struct kdm_val query);

/* A Koncorde filter for a search: what Elasticsearch has is translated (kuzzle-semantics.md 3.7),
 * the rest compares as Koncorde does. NULL: koncorde_restricted_keyword, unknown_query_keyword,
 * elastic_translation_error. */
struct kdm_query *kdm_query_parse_koncorde(struct kdm_query_parser *parser, struct kdm_val filter);

/* A Koncorde filter as realtime means it: every leaf is a K_ node, no mapping is needed. NULL:
 * koncorde_dsl_error whose text begins with the path. At most `max_conditions` leaves. */
struct kdm_query *kdm_query_parse_filter(struct kdm_query_parser *parser, struct kdm_val filter,
                                         size_t max_conditions);

/* Does a node that asks something of single values (TERMS, RANGE, PREFIX, WILDCARD, REGEXP, FUZZY)
 * want this text? `scratch` for letters' cases. */
enum kdm_regexp_result kdm_query_text_fits(const struct kdm_query *query, struct kdm_arena *scratch,
                                           struct kdm_str text);

/* Does a GEO_ node's area hold the point? */
bool kdm_query_place(const struct kdm_query *query, struct kdm_point point);

/* How the boxes of a document's shapes lie to a GEO_SHAPE node's; zeroed at first. */
struct kdm_shape_tally {
    size_t count, meets, within, around;
};
void kdm_query_shape_add(const struct kdm_query *query, struct kdm_shape_tally *tally,
                         const struct kdm_point box[2]);
bool kdm_query_shapes(const struct kdm_query *query, const struct kdm_shape_tally *tally);

/* A document as the evaluator sees it. */
struct kdm_query_document {
    struct kdm_str id;
    struct kdm_val source; /* an object */
};

/* Does the document match? *ret_score (not NULL) gets the sum of what matched: 1 times boost a
 * clause, for text 1 a token; filters count nothing. BM25 needs the whole collection and belongs to
 * the projection. `scratch` holds what had to be unescaped or split; the caller resets it between
 * documents. *too_costly is set when a regular expression ran into its limit (then the result means
 * nothing). */
bool kdm_query_match(const struct kdm_query *query, struct kdm_arena *scratch,
                     const struct kdm_query_document *document, float *ret_score,
                     const struct kdm_query **too_costly);

/* What a word of a TERMS (weighed), FUZZY, MATCH or PHRASE node weighs; without one all are 1. */
struct kdm_weigher {
    float (*weigh)(void *ctx, const struct kdm_query *leaf, size_t word);
    void *ctx;
};

/* What a document scores for a NESTED node, before its boost; 0 when it does not match. */
float kdm_query_objects_score(const struct kdm_query *nested, struct kdm_arena *scratch,
                              const struct kdm_query_document *document,
                              const struct kdm_weigher *weigher);

/* Calls fn for each object of the document that a NESTED node's query matches, in their order. */
typedef void kdm_object_fn(void *ctx, struct kdm_val object, float score);
void kdm_query_objects(const struct kdm_query *nested, struct kdm_arena *scratch,
                       const struct kdm_query_document *document, kdm_object_fn *fn, void *ctx);

#endif
