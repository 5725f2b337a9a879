/* names.h - which names, ids and durations are accepted (reference kuzzle-semantics.md 1 and 2.2,
 * kuzzle-protocol.md 11). Pure functions, any thread.
 */
#ifndef KDM_STORE_NAMES_H
#define KDM_STORE_NAMES_H

#include "base/err.h"

#define KDM_NAME_MAX   126 /* bytes of an index's or a collection's name */
#define KDM_DOC_ID_MAX 512 /* bytes of a document's id */

/* Can an index or a collection have this name? */
bool kdm_name_valid(struct kdm_str name);

/* KDM_OK, invalid_index_name. */
enum kdm_err kdm_name_check_index(struct kdm_str name);

/* KDM_OK, invalid_collection_name, or collection_reserved for "_kuzzle_keep". */
enum kdm_err kdm_name_check_collection(struct kdm_str name);

/* What tables of collections have as key, written to `space`: neither name may hold a NUL once it
 * exists, so two can't share a key. none: no names are that long. */
#define KDM_NAMES_KEY_MAX 600
struct kdm_str kdm_names_key(char space[KDM_NAMES_KEY_MAX], struct kdm_str index,
                             struct kdm_str collection);

/* An id under which a document may be stored or asked for. false with *ret_failure filled:
 * "_search" is search_as_an_id, empty and too long ones are unexpected_bad_request. */
bool kdm_doc_id_check(struct kdm_arena *arena, struct kdm_str id, struct kdm_failure *ret_failure);

/* Could `name` mean more than one index or collection (a wildcard, a list, "_all")? Such names are
 * refused in searches with an error of their own. */
bool kdm_name_is_pattern(struct kdm_str name);

/* "1500", "1.5s", "1m", "2 hours", "-1": milliseconds, rounded. A number without a unit is ms. Case
 * does not matter; a month is not a unit, a year has 365.25 days. false when `text` is none, or
 * beyond 2^53. */
bool kdm_duration_parse(struct kdm_str text, int64_t *ret_ms);

#endif
