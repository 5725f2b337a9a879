/* document.h - what the actions of the controller `document` share.
 *   document_source.c   what may be stored, and how it is told
 *   document_read.c     get, exists, mGet, mExists
 *   document_write.c    create, createOrReplace, replace, delete
 *   document_update.c   update, upsert, deleteFields
 *   document_multi*.c   mCreate, mCreateOrReplace, mReplace, mUpdate, mUpsert, mDelete
 *   document_search.c   search, scroll, count
 *   document_by_query.c deleteByQuery, updateByQuery
 *   document_export.c   export
 * Documents stay text from the request to Redis and back (design section 5). Loop thread only.
 */
#ifndef KDM_ACTION_KUZZLE_DOCUMENT_H
#define KDM_ACTION_KUZZLE_DOCUMENT_H

#include "action/kuzzle/target.h"
#include "base/hash.h"

/* --- what may be stored -------------------------------------------------------------------- */

/* May `source` be a document of the collection, under `mapping` (the collection's, or one that
 * grows while an m* action walks its items)? *ret_additions: what a dynamic mapping takes up, or
 * none. Pure. */
bool kdm_source_check(struct kdm_arena *arena, const struct kdm_collection *collection,
                      const struct kdm_mapping *mapping, struct kdm_val source,
                      struct kdm_str *ret_additions, struct kdm_failure *ret_failure);

/* The same for `changes` merged into a stored document, which gives `merged`. Only what changes is
 * looked at: what was stored under an earlier mapping may stay, and most updates are small. Changes
 * that mean something only together with what was there (half a geo point) are judged by the whole.
 */
bool kdm_source_check_change(struct kdm_arena *arena, const struct kdm_collection *collection,
                             const struct kdm_mapping *mapping, struct kdm_val changes,
                             struct kdm_str merged, struct kdm_str *ret_additions,
                             struct kdm_failure *ret_failure);

/* Stages the collection with this mapping in place of its own; part of the commit that stores the
 * documents which need it. */
void kdm_source_set_mapping(struct kdm_tx *tx, struct kdm_collection *collection,
                            struct kdm_str mapping_text);

/* The same with `additions` merged into its mapping; none: nothing to do. false: the transaction
 * has failed. */
bool kdm_source_extend_mapping(struct kdm_tx *tx, struct kdm_collection *collection,
                               struct kdm_str additions);

/* The mapping with `additions` in place of the one at *mapping, whose reference is taken; for
 * requests that decide on many documents before they store the first. */
bool kdm_source_grow_mapping(struct kdm_arena *arena, struct kdm_mapping **mapping,
                             struct kdm_str additions, struct kdm_failure *ret_failure);

/* A secret of this transaction, the same in every replay. */
void kdm_source_hash_seed(struct kdm_tx *tx, struct kdm_hash_seed *ret_seed);

/* The dotted paths of a change, as a JSON array: what `_updatedFields` tells. */
struct kdm_str kdm_source_changed(struct kdm_arena *arena, struct kdm_val changes);

/* `changes` merged into `base`, which gets `info`. */
struct kdm_merged {
    struct kdm_str shown; /* the changes as they were sent, with the complete _kuzzle_info */
    struct kdm_str text;  /* the whole document */
};
struct kdm_merged kdm_source_merge(struct kdm_tx *tx, struct kdm_val base, struct kdm_val changes,
                                   struct kdm_str info);

/* --- telling it ---------------------------------------------------------------------------- */

/* {"_id":..,"_source":..,"_version":.. without the closing brace; a none source and a version of 0
 * are left out. */
void kdm_document_open(struct kdm_buf *buf, struct kdm_str id, struct kdm_str source,
                       int64_t version);

/* The same as a whole reply. */
enum kdm_outcome kdm_document_reply(struct kdm_tx *tx, struct kdm_str id, struct kdm_str source,
                                    int64_t version);
/* With `created`. */
enum kdm_outcome kdm_document_reply_created(struct kdm_tx *tx, struct kdm_str id,
                                            struct kdm_str source, int64_t version, bool created);

enum kdm_outcome kdm_document_not_found(struct kdm_tx *tx, const struct kdm_collection *collection,
                                        struct kdm_str id);

/* The request's `_id`; false when it can't be one: the transaction has failed. */
bool kdm_document_id(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_str *ret_id);

/* KDM_WRITE_SILENT as the request's `silent` says. */
unsigned kdm_document_flags(const struct kdm_args *args);

/* The same for bulk:*, where nobody is told unless `notify` says so. */
unsigned kdm_bulk_flags(const struct kdm_args *args);

/* --- many at once -------------------------------------------------------------------------- */

/* {"errors":[..],"successes":[..]}, or 400 incomplete_multiple_request when the request is strict
 * and `error_count` is not 0. Both texts are the lists' elements with commas. Called when
 * everything is committed: what succeeded stays. */
enum kdm_outcome kdm_multi_reply(struct kdm_tx *tx, const struct kdm_args *args,
                                 struct kdm_str errors, size_t error_count,
                                 struct kdm_str successes);

/* false when `count` is above limits.documentsWriteCount: the transaction has failed. */
bool kdm_multi_may_write(struct kdm_tx *tx, size_t count);

#endif
