/* matcher_internal.h - how the matcher is made; private to realtime/.
 *
 * A filter's tree is kept as an array of steps whose leaves are conditions. A condition ("a equals
 * 1") is kept once for all filters that name it. Each filter watches a few of its conditions, such
 * that it can't match unless one of these holds: of an "and" the one that holds most rarely (by
 * what is known: guesses at first, then counts), of an "or" one for each operand. A watched
 * condition stands in an index at its path: a hash table for values, a tree of intervals for
 * ranges, a grid for places, ... So a document finds the watched conditions that hold, these wake
 * their filters, and only the filters that are awake look at the rest of their tree; what they ask
 * of a condition is answered once for a document. No disjunctive form is needed, so none can blow
 * up.
 */
#ifndef KDM_REALTIME_MATCHER_INTERNAL_H
#define KDM_REALTIME_MATCHER_INTERNAL_H

#include "realtime/matcher.h"
#include "realtime/slots.h"
#include "search/koncorde.h"

/* --- a document being matched -------------------------------------------------------------- */

struct kdm_entry;

struct kdm_matching {
    struct kdm_matcher *matcher;
    struct kdm_arena *arena;
    uint64_t turn; /* which document: marks what was found out about it */
    struct kdm_path *touched;
    bool collided; /* two members have one path: what is implied by the text may not hold */
    struct kdm_matcher_entry **found;
    uint32_t count, room;
    struct kdm_entry *restless; /* that are to look for something better to watch */
};

/* A value that is no array and no object, read for comparing. */
struct kdm_scalar {
    uint8_t type; /* enum kdm_json_type; NONE: it is something else */
    uint64_t hash;
    struct kdm_number number; /* NUMBER */
    struct kdm_str text;      /* STRING, unescaped */
};

void kdm_matching_found(struct kdm_matching *run, struct kdm_entry *entry);

void kdm_scalar_read(const struct kdm_hash_seed *seed, struct kdm_arena *arena,
                     struct kdm_val value, struct kdm_scalar *ret_scalar);
bool kdm_scalar_same(const struct kdm_scalar *a, const struct kdm_scalar *b);

/* --- entries -------------------------------------------------------------------------------- */

struct kdm_step {
    struct kdm_condition *condition; /* LEAF */
    uint32_t end;                    /* the step behind it and all it holds */
    uint8_t op;                      /* enum kdm_filter_op */
};

struct kdm_watch {
    struct kdm_condition *condition;
    uint32_t place; /* among its watchers */
};

struct kdm_entry {
    struct kdm_matcher_entry base;
    struct kdm_space *space;
    size_t refs;
    uint64_t turn; /* of the last document that woke it */
    struct kdm_watch *watches;
    struct kdm_step *steps;
    uint32_t watch_count, step_count;
    uint32_t vain;     /* how often it woke and did not match, since it chose its watches */
    uint32_t patience; /* how often that may be before it chooses again */
    struct kdm_entry *next_restless;
    uint32_t place; /* in the space's list, when it is in one */
    bool always;    /* .. in space->always */
    bool implied;   /* .. in space->implied: it watches what its leaves imply, not the leaves */
};

/* Made from the filter, watching; its conditions are shared with others of the space. */
struct kdm_entry *kdm_entry_create(struct kdm_matcher *matcher, struct kdm_space *space,
                                   const struct kdm_filter *filter);
void kdm_entry_destroy(struct kdm_entry *entry);

/* Chooses what it watches by what has been learnt of its conditions meanwhile. */
void kdm_entry_choose_again(struct kdm_entry *entry);

/* Adds it to what was found if its tree holds; once a turn. */
void kdm_entry_wake(struct kdm_matching *run, struct kdm_entry *entry);

struct kdm_entry_list {
    struct kdm_entry **items;
    uint32_t count, room;
};

/* --- conditions ----------------------------------------------------------------------------- */

struct kdm_watcher {
    struct kdm_entry *entry;
    uint32_t watch; /* which of the entry's watches this is */
    bool sure;      /* when the condition holds, the entry matches, and nothing else wakes it */
};

/* One leaf. Which of the structs below it is follows from its kind. */
struct kdm_condition {
    uint64_t digest[2]; /* of its text: what it is known by */
    struct kdm_path *path;
    uint64_t known; /* turn << 1 | does it hold */
    uint64_t woken; /* turn of the last document for which its watchers woke */
    struct kdm_watcher *watchers;
    uint32_t watcher_count, watcher_room;
    uint64_t watched_from; /* space->documents when its first watcher came */
    uint32_t wakes;        /* documents since then for which it held */
    uint32_t asked, held;  /* of documents for which it was asked one by one */
    uint32_t refs;         /* steps and watches */
    uint32_t place;        /* in its path's list of conditions, when it is in one */
    uint8_t kind;          /* enum kdm_query_kind */
    bool negated;
};

/* K_EQUALS, K_CONTAINS */
struct kdm_value_condition {
    struct kdm_condition base;
    struct kdm_scalar value;
    char text[];
};

/* K_RANGE; a node of its path's tree of intervals when it is watched and not negated */
struct kdm_range_condition {
    struct kdm_condition base;
    struct kdm_number low, high;
    bool has_low, has_high, open_low, open_high;
    uint32_t priority;
    struct kdm_range_condition *left, *right;
    struct kdm_range_condition *furthest; /* of its subtree: the one that reaches highest */
};

/* K_REGEXP, K_MATCH, K_SELECT, K_GEO_*: compared by the leaf that the text is parsed into again */
struct kdm_leaf_condition {
    struct kdm_condition base;
    struct kdm_arena arena;
    const struct kdm_query *leaf;
    uint32_t gram;          /* K_REGEXP: under what it is filed; 0: it is asked of every text */
    struct kdm_str literal; /* .. and more that must stand in the text; none: nothing is known */
};

struct kdm_condition_list {
    struct kdm_condition **items;
    uint32_t count, room;
};

/* The space's condition for the leaf, with one more reference. `text`: the leaf's canonical one. */
struct kdm_condition *kdm_condition_get(struct kdm_matcher *matcher, struct kdm_space *space,
                                        const struct kdm_query *leaf, struct kdm_str text);
void kdm_condition_unref(struct kdm_space *space, struct kdm_condition *condition);

/* The entry's watch with that number; its place is filled in. */
void kdm_condition_watch(struct kdm_space *space, struct kdm_condition *condition,
                         struct kdm_entry *entry, uint32_t watch, bool sure);
void kdm_condition_unwatch(struct kdm_space *space, struct kdm_condition *condition,
                           uint32_t place);

/* Does it hold for the document? */
bool kdm_condition_holds(struct kdm_matching *run, struct kdm_condition *condition);

/* It does: its watchers wake, once a document. */
void kdm_condition_wake(struct kdm_matching *run, struct kdm_condition *condition);

void kdm_condition_list_add(struct kdm_condition_list *list, struct kdm_condition *condition);
void kdm_condition_list_remove(struct kdm_condition_list *list, struct kdm_condition *condition);

/* How likely it is to hold, as far as one can tell: from 0 to 1. */
double kdm_condition_likelihood(const struct kdm_space *space,
                                const struct kdm_condition *condition);

/* --- ranges --------------------------------------------------------------------------------- */

void kdm_ranges_add(struct kdm_range_condition **root, struct kdm_range_condition *range);
void kdm_ranges_remove(struct kdm_range_condition **root, struct kdm_range_condition *range);
/* Wakes all that hold for the number. */
void kdm_ranges_wake(struct kdm_matching *run, struct kdm_range_condition *root,
                     struct kdm_number number);
bool kdm_range_holds(const struct kdm_range_condition *range, struct kdm_number number);

/* --- regular expressions -------------------------------------------------------------------- */

struct kdm_patterns;

void kdm_patterns_add(struct kdm_patterns **patterns, struct kdm_leaf_condition *condition);
void kdm_patterns_remove(struct kdm_patterns **patterns, struct kdm_leaf_condition *condition);
void kdm_patterns_wake(struct kdm_matching *run, struct kdm_patterns *patterns,
                       struct kdm_str text);

/* --- places --------------------------------------------------------------------------------- */

struct kdm_places;

void kdm_places_add(struct kdm_places **places, struct kdm_leaf_condition *condition);
void kdm_places_remove(struct kdm_places **places, struct kdm_leaf_condition *condition);
void kdm_places_wake(struct kdm_matching *run, struct kdm_places *places, struct kdm_point point);

/* --- paths ---------------------------------------------------------------------------------- */

enum kdm_path_point { KDM_PATH_POINT_UNREAD, KDM_PATH_POINT_BAD, KDM_PATH_POINT_READ };

/* A name in the tree of paths that filters name; the root has none. */
struct kdm_path {
    struct kdm_path *parent;
    struct kdm_slots children;     /* by kdm_json_hash() of the name */
    uint32_t refs;                 /* conditions and children */
    uint32_t place;                /* in space->absent, when it is there */
    uint32_t values, array_values; /* how many K_EQUALS and K_CONTAINS there are, watched or not */

    /* What the document of `turn` has there. */
    uint64_t turn;
    struct kdm_val value;
    struct kdm_scalar scalar;
    bool scalar_read;
    uint8_t point_read; /* enum kdm_path_point */
    struct kdm_point point;
    struct kdm_path *next_touched;

    /* Watched conditions. */
    struct kdm_condition *exists, *missing;
    struct kdm_slots equals, elements; /* kdm_value_condition by hash */
    struct kdm_range_condition *ranges;
    struct kdm_patterns *patterns;
    struct kdm_places *places;
    struct kdm_condition_list others;  /* that need a value, asked one by one */
    struct kdm_condition_list negated; /* that hold without a value, else asked one by one */

    size_t name_len;
    char name[];
};

struct kdm_path *kdm_path_create_root(void);
/* The path, with one more reference. */
struct kdm_path *kdm_path_get(struct kdm_path *root, struct kdm_str path);
void kdm_path_unref(struct kdm_path *path);

/* Notes the values that the document has at the paths of the tree. */
void kdm_path_collect(struct kdm_matching *run, struct kdm_path *root, struct kdm_str id,
                      struct kdm_val source);

static inline bool kdm_path_here(const struct kdm_matching *run, const struct kdm_path *path)
{
    return path->turn == run->turn;
}

/* What stands there; type NONE when it is no scalar. The path must be here. */
const struct kdm_scalar *kdm_path_scalar(const struct kdm_matching *run, struct kdm_path *path);
/* NULL when it is no point. The path must be here. */
const struct kdm_point *kdm_path_place(const struct kdm_matching *run, struct kdm_path *path);
/* Is it what JavaScript takes for false: no value, null, false, 0, ""? */
bool kdm_path_falsy(const struct kdm_matching *run, struct kdm_path *path);

/* Puts a condition into the index at its path, or out of it. */
void kdm_path_file(struct kdm_space *space, struct kdm_condition *condition);
void kdm_path_unfile(struct kdm_space *space, struct kdm_condition *condition);

/* Wakes what holds for the value that is here, or for there being none. */
void kdm_path_wake(struct kdm_matching *run, struct kdm_path *path);
void kdm_path_wake_absent(struct kdm_matching *run, struct kdm_path *path);

/* --- spaces --------------------------------------------------------------------------------- */

/* What is listened to in one collection. */
struct kdm_space {
    struct kdm_str key, index, collection;
    size_t entries;
    uint64_t documents; /* matched so far */
    struct kdm_path *root;
    struct kdm_slots conditions;   /* by digest */
    struct kdm_entry_list always;  /* that match every document */
    struct kdm_entry_list implied; /* see kdm_matching.collided */
    struct kdm_path **absent;      /* paths where conditions hold that need no value */
    uint32_t absent_count, absent_room;
};

struct kdm_matcher {
    struct kdm_hash_seed seed, second; /* two digests of a text make its name */
    uint64_t turn;
    struct kdm_slots entries; /* by the hash of the id */
    struct kdm_slots spaces;
};

#endif
