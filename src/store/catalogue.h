/* catalogue.h - indexes and collections, as this process knows them.
 * An entry is immutable and reference-counted; a change makes a new one. It may be out of date: other
 * nodes change the catalogue too. That is harmless, because every commit checks incarnation and mapping
 * version in Redis, and a document that an entry's incarnation does not hold is looked for again under a
 * fresh entry before anybody is told that it is absent. Loop thread only.
 */
#ifndef KDM_STORE_CATALOGUE_H
#define KDM_STORE_CATALOGUE_H

#include "store/mapping.h"
#include <stdint.h>

/* Redis keys of one index share the tag {digest}; names are never part of a key, so no name can reach
 * another's key (design section 4). */
#define KDM_INDEX_TAG_LEN 34 /* "{" 32 hex digits "}" */

struct kdm_followed;

struct kdm_index {
    int refs;
    struct kdm_str name;
    char tag[KDM_INDEX_TAG_LEN];
    struct kdm_str meta_key, catalogue_key, feed_key; /* "kdm:{tag}:m", ":k", ":f" */

    /* The store's own: commit ids that may be used again, and how large a feed entry is. */
    struct {
        uint32_t *free;
        uint32_t free_count, next;
    } slots;
    struct kdm_followed *followed; /* feed.c's; NULL: not followed */
    uint32_t entry_bytes;    /* moving average of what a commit adds to the feed */
    uint32_t scan_doc_bytes; /* of a document of the last page that was scanned; 0: not known */
};

struct kdm_collection {
    int refs;
    struct kdm_index *index;
    struct kdm_str name;
    struct kdm_str incarnation;   /* a name's one life: deleted and made again, it differs */
    struct kdm_str check;         /* "<incarnation> <mapping version>": what a commit compares */
    struct kdm_str check_field;   /* "c:<name>" in the index's meta hash */
    struct kdm_str counter_field; /* "w:<name>": sequence of the collection's last write */
    struct kdm_str docs_key;      /* "kdm:{tag}:d:<incarnation>" */
    int64_t mapping_version;
    struct kdm_str definition;    /* JSON text: {"mappings":{..},"settings":{..},"unspecified"?:true} */
    bool unspecified;             /* it is known that no specifications hold for its documents */
    struct kdm_mapping *mapping;  /* parsed, with _kuzzle_info */
};

struct kdm_index *kdm_index_ref(struct kdm_index *index);
void kdm_index_unref(struct kdm_index *index);
struct kdm_collection *kdm_collection_ref(struct kdm_collection *collection);
void kdm_collection_unref(struct kdm_collection *collection);

/* settings of its definition; NONE when it has none. In the arena. */
struct kdm_str kdm_collection_settings(struct kdm_arena *arena, const struct kdm_collection *collection);

#endif
