/* matcher.h - which filters does a document match?
 * Holds the filters of this node's rooms, each once however many want it, and finds those that a
 * document matches by an index over their conditions: what it costs grows with what matches, not
 * with how many subscribe (design section 7). Works on the scanned text of the document, looks up
 * only paths that some filter names, builds no tree, and takes memory only from the arena it is
 * given, except when it has learnt of a better way to find a filter. Loop thread only.
 */
#ifndef KDM_REALTIME_MATCHER_H
#define KDM_REALTIME_MATCHER_H

#include "base/hash.h"
#include "realtime/filter.h"

struct kdm_matcher;

/* One filter and what its owner knows it by. Its first members are read by the owner; the rest is
 * the matcher's. Lives while it has a reference. */
struct kdm_matcher_entry {
    char id[KDM_ROOM_ID_LEN]; /* the filter's; lower-case hex, no NUL */
    struct kdm_str index, collection;
    struct kdm_str text; /* the filter, canonical (filter.h) */
    void *owner;         /* the caller's, NULL at first; the matcher never looks at it */
};

struct kdm_matcher *kdm_matcher_create(const struct kdm_hash_seed *seed);
/* Frees the entries too, referenced or not; NULL is fine. */
void kdm_matcher_destroy(struct kdm_matcher *matcher);

/* The entry of that filter with one more reference, made when there was none. Copies `filter`. */
struct kdm_matcher_entry *kdm_matcher_add(struct kdm_matcher *matcher,
                                          const struct kdm_filter *filter);

/* The entry with that id, or NULL; takes no reference. */
struct kdm_matcher_entry *kdm_matcher_find(const struct kdm_matcher *matcher, struct kdm_str id);

/* One reference less; the last one removes the filter and frees the entry. */
void kdm_matcher_unref(struct kdm_matcher *matcher, struct kdm_matcher_entry *entry);

/* How many entries there are. */
size_t kdm_matcher_count(const struct kdm_matcher *matcher);

struct kdm_matches {
    struct kdm_matcher_entry **items; /* each once, in no particular order */
    size_t count;
};

/* The entries that the document matches. `id` none: it has none (a published message); `source` an
 * object. The list and all working memory are in `arena`; valid until an entry is removed. */
struct kdm_matches kdm_matcher_match(struct kdm_matcher *matcher, struct kdm_arena *arena,
                                     struct kdm_str index, struct kdm_str collection,
                                     struct kdm_str id, struct kdm_val source);

#endif
