/* search_reply.c - see search_reply.h. */
#include "action/kuzzle/search_reply.h"

enum kdm_outcome kdm_search_reply(struct kdm_tx *tx, struct kdm_find_request *request,
                                  struct kdm_val body, struct kdm_str scope, int64_t scroll_ms)
{
    const struct kdm_found *found;
    struct kdm_str scroll_id;
    struct kdm_buf buf;

    request->all = scroll_ms > 0;
    request->pages = scroll_ms > 0 ? kdm_scroll_page_text : NULL;
    request->aggregates = true;
    if (!kdm_tx_find(tx, KDM_STR("search"), false, request, &found))
        return KDM_WAIT;
    if (scroll_ms > 0 && found->parts[0].search->collapse != NULL)
        return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                           KDM_PROPS(KDM_STR("[collapse] can't be used with a scroll")));
    if (scroll_ms > 0
        && !kdm_scroll_open(tx, scope, found, body, request->lang, scroll_ms, &scroll_id))
        return KDM_WAIT;
    kdm_buf_init(&buf, kdm_tx_arena(tx),
                 kdm_search_hits_size(found) + found->aggregations.len + 256);
    kdm_buf_lit(&buf, "{\"hits\":[");
    kdm_search_put_hits(tx, &buf, found);
    kdm_buf_char(&buf, ']');
    kdm_search_put_aggregations(&buf, found);
    if (scroll_ms > 0) {
        kdm_buf_printf(&buf,
                       ",\"remaining\":%zu,\"scrollId\":", found->hit_count - found->page_count);
        kdm_json_put_str(&buf, scroll_id);
    }
    kdm_buf_printf(&buf, ",\"total\":%llu}", (unsigned long long)found->total);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}
