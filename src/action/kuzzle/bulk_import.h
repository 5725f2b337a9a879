/* bulk_import.h - an import: a list of orders in Elasticsearch's notation, each done or refused by
 * itself. Of one collection, or of several in one transaction (admin:loadFixtures).
 * In this order: read and decide (kept over replays until a race is lost), stage,
 * kdm_tx_commit_each(), put. Loop thread only.
 */
#ifndef KDM_ACTION_KUZZLE_BULK_IMPORT_H
#define KDM_ACTION_KUZZLE_BULK_IMPORT_H

#include "tx/tx.h"

struct kdm_import;

/* Reads the orders, an array; `name` tells apart the imports of a transaction. In the transaction's
 * arena; borrows data. NULL: the transaction has failed with what is no order. */
struct kdm_import *kdm_import_read(struct kdm_tx *tx, struct kdm_str name, struct kdm_val data);

/* Decides all orders; once. false: wait. */
bool kdm_import_decide(struct kdm_import *import, struct kdm_collection *collection);

/* A write for each document that changes, and the mapping with what they add: that goes with the
 * first, since a document is found only under a mapping that knows its fields. */
void kdm_import_stage(struct kdm_import *import, struct kdm_collection *collection);

/* After the commit: what became of the orders, as elements of arrays. Returns how many were
 * refused. */
size_t kdm_import_put(struct kdm_import *import, struct kdm_buf *errors, struct kdm_buf *successes);

#endif
