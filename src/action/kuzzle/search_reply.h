/* search_reply.h - what a search is answered with: its first page. */
#ifndef KDM_ACTION_KUZZLE_SEARCH_REPLY_H
#define KDM_ACTION_KUZZLE_SEARCH_REPLY_H

#include "action/kuzzle/search_scroll.h"

/* Looks, and replies {"hits":[..],"aggregations"?,"remaining"?,"scrollId"?,"total"}. The request is one of
 * kdm_search_request(), complete; `body` is its body; scope as for kdm_scroll_open(); scroll_ms 0: no
 * cursor is wanted. */
enum kdm_outcome kdm_search_reply(struct kdm_tx *tx, struct kdm_find_request *request,
                                  struct kdm_val body, struct kdm_str scope, int64_t scroll_ms);

#endif
