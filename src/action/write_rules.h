/* write_rules.h - what the server itself demands of documents that clients write with document:*.
 * Some collections mean something to a part of the server: the models of the device manager shape
 * the mappings of all tenants. The actions of the controller `document` ask here, inside their own
 * transaction, so that what a decision rests on is checked by the commit that stores the document;
 * which part has a say is not their business. What comes through bulk:* is not looked at: that is
 * what bulk is for. Loop thread only.
 */
#ifndef KDM_ACTION_WRITE_RULES_H
#define KDM_ACTION_WRITE_RULES_H

#include "tx/tx.h"

/* A document that is about to be stored. */
struct kdm_write_item {
    struct kdm_str id;
    struct kdm_val sent;   /* what the client sent: the document, or its changes */
    struct kdm_str stored; /* JSON text of the document as it will be */
};

/* Has anybody a say in writes into the collection? Spares making items where nobody has. */
bool kdm_write_ruled(struct kdm_tx *tx, const struct kdm_collection *collection);

/* May all of these be stored, one after the other? false: wait, or the transaction has failed with
 * what is wrong. */
bool kdm_write_allowed(struct kdm_tx *tx, const struct kdm_collection *collection,
                       const struct kdm_write_item *items, size_t count);

/* Stages what follows from changed documents (update, upsert, deleteFields and their m* forms; not
 * create and replace); it is to be committed with them by kdm_tx_commit(). Does anything follow? */
bool kdm_write_follow(struct kdm_tx *tx, const struct kdm_collection *collection);

/* The id of a new document that comes without one; `name` tells apart several in one action. */
struct kdm_str kdm_write_new_id(struct kdm_tx *tx, struct kdm_str collection, struct kdm_val source,
                                struct kdm_str name);

#endif
