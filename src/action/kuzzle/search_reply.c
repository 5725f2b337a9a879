/* search_reply.c - see search_reply.h. */
#include "action/kuzzle/search_reply.h"

static void put_hits(struct kdm_tx *tx, struct kdm_buf *buf, const struct kdm_ranking *ranking)
{
    kdm_buf_lit(buf, "{\"hits\":[");
    for (size_t i = 0; i < ranking->count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        kdm_plan_put_hit(tx, buf, &ranking->hits[ranking->first + i]);
    }
    kdm_buf_char(buf, ']');
}

enum kdm_outcome kdm_search_reply(struct kdm_tx *tx, struct kdm_plan *plan, struct kdm_val body,
                                  struct kdm_str scope, int64_t scroll_ms)
{
    struct kdm_ranking ranking;
    struct kdm_str scroll_id;
    struct kdm_buf buf;

    if (scroll_ms > 0 && plan->parts[0].search->collapse != NULL)
        return kdm_tx_fail(tx, KDM_ERR_SERVICES_STORAGE_UNEXPECTED_BAD_REQUEST,
                           KDM_PROPS(KDM_STR("[collapse] can't be used with a scroll")));
    if (!kdm_plan_find(tx, plan) || !kdm_plan_rank(tx, plan, &ranking)
        || (scroll_ms > 0
            && !kdm_scroll_open(tx, scope, plan, body, &ranking, scroll_ms, &scroll_id)))
        return KDM_WAIT;
    kdm_buf_init(&buf, kdm_tx_arena(tx), 1024);
    put_hits(tx, &buf, &ranking);
    if (scroll_ms > 0) {
        kdm_buf_printf(&buf, ",\"remaining\":%zu,\"scrollId\":", ranking.total - ranking.count);
        kdm_json_put_str(&buf, scroll_id);
    }
    kdm_buf_printf(&buf, ",\"total\":%zu}", ranking.total);
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}
