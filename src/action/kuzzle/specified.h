/* specified.h - the specifications of a collection as a transaction meets them.
 * They are a document of the server's own, read and checked at the commit like any other, so no
 * document gets in under specifications that were changed meanwhile. Most collections have none:
 * that is noted in the collection's definition, which every commit checks anyway, so it costs
 * nothing. Without the note they are looked for; who sets them takes it away in the same commit.
 * Loop thread only.
 */
#ifndef KDM_ACTION_KUZZLE_SPECIFIED_H
#define KDM_ACTION_KUZZLE_SPECIFIED_H

#include "action/kuzzle/specification.h"
#include "action/kuzzle/target.h"

/* The stored document {index, collection, validation}; NULL: there are no specifications. */
bool kdm_specified_document(struct kdm_tx *tx, struct kdm_str index, struct kdm_str collection,
                            struct kdm_doc **ret_doc);

/* Asks for it without waiting: it then comes with whatever else is read. */
void kdm_specified_want(struct kdm_tx *tx, const struct kdm_collection *collection);

/* The id of that document, in the transaction's arena. */
struct kdm_str kdm_specified_id(struct kdm_tx *tx, struct kdm_str index, struct kdm_str collection);

/* What documents of the collection must be like; NULL: anything. */
bool kdm_specified_rules(struct kdm_tx *tx, struct kdm_str index, struct kdm_str collection,
                         const struct kdm_spec **ret_spec);

/* Stages the note that there are none, when that turned out; for a commit that changes nothing else
 * of the collection. */
void kdm_specified_note_none(struct kdm_tx *tx, struct kdm_collection *collection);

/* The definition with that note, or without. */
struct kdm_str kdm_specified_definition(struct kdm_arena *arena, struct kdm_str definition,
                                        bool unspecified);

/* `source` checked, and with the defaults filled in; the same when there is nothing to check.
 * false: wait, or the transaction has failed with what is wrong. */
bool kdm_specified_source(struct kdm_tx *tx, const struct kdm_collection *collection,
                          struct kdm_str id, struct kdm_val source, struct kdm_val *ret_source);

/* The same by the names of a collection, of which there need be none. */
bool kdm_specified_check(struct kdm_tx *tx, struct kdm_str index, struct kdm_str collection,
                         struct kdm_str id, struct kdm_val source, struct kdm_val *ret_source);

#endif
