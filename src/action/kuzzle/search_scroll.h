/* search_scroll.h - searches whose hits are fetched page by page.
 * The search freezes which documents were found and their order; each page shows them as they are
 * when it is fetched and leaves out those that have gone. The cursor is kept in Redis
 * (store/scroll.h), so any node can go on with it. Loop thread only.
 */
#ifndef KDM_ACTION_KUZZLE_SEARCH_SCROLL_H
#define KDM_ACTION_KUZZLE_SEARCH_SCROLL_H

#include "action/kuzzle/target.h"
#include "action/search.h"

/* How long the request wants the cursor to live; `absent_ms` when it does not say. false: the
 * transaction has failed: no duration, or one above maxScrollDuration. */
bool kdm_scroll_duration(struct kdm_tx *tx, const struct kdm_args *args, int64_t absent_ms,
                         int64_t *ret_ms);

/* What is kept of a page: for kdm_find_request.pages of a search whose hits are to be scrolled. */
kdm_found_page_fn kdm_scroll_page_text;

/* Opens a cursor over the hits behind the page (all were asked for, and their pages). `scope` tells
 * whose cursors they are: those of one action are unknown to another. `body` and `lang` are the
 * search's. false: wait, or failed. */
bool kdm_scroll_open(struct kdm_tx *tx, struct kdm_str scope, const struct kdm_found *found,
                     struct kdm_val body, enum kdm_search_lang lang, int64_t ttl_ms,
                     struct kdm_str *ret_id);

/* Replies with the next page of the cursor that the request names: 404 unknown_scroll_id. */
enum kdm_outcome kdm_scroll_reply(struct kdm_tx *tx, const struct kdm_args *args,
                                  struct kdm_str scope);

#endif
