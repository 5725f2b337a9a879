/* bare.c - see bare.h. */
#include "net/bare.h"

#include "json/json.h"

static void put_props(struct kdm_buf *buf, const struct kdm_failure *failure)
{
    kdm_buf_char(buf, '[');
    for (uint32_t i = 0; i < failure->prop_count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        kdm_json_put_str(buf, failure->props[i]);
    }
    kdm_buf_char(buf, ']');
}

void kdm_bare_put(struct kdm_buf *buf, const struct kdm_failure *failure)
{
    const struct kdm_err_row *row = kdm_err_row(failure->err);

    kdm_buf_char(buf, '{');
    if (row->id != NULL) {
        kdm_buf_lit(buf, "\"code\":");
        kdm_buf_int(buf, row->code);
        kdm_buf_lit(buf, ",\"id\":");
        kdm_json_put_str(buf, kdm_str_of(row->id));
        kdm_buf_lit(buf, ",\"props\":");
        put_props(buf, failure);
        kdm_buf_char(buf, ',');
    }
    kdm_buf_lit(buf, "\"message\":");
    kdm_json_put_str(buf, failure->message);
    kdm_buf_lit(buf, ",\"status\":");
    kdm_buf_int(buf, failure->status);
    kdm_buf_char(buf, '}');
}

void kdm_bare_put_reply(struct kdm_buf *buf, const struct kdm_failure *failure,
                        struct kdm_str request_id, struct kdm_str node)
{
    kdm_buf_lit(buf, "{\"action\":null,\"controller\":null,\"error\":");
    kdm_bare_put(buf, failure);
    kdm_buf_lit(buf, ",\"headers\":{},\"node\":");
    kdm_json_put_str(buf, node);
    kdm_buf_lit(buf, ",\"requestId\":");
    kdm_json_put_str(buf, request_id);
    kdm_buf_lit(buf, ",\"result\":null,\"status\":");
    kdm_buf_int(buf, failure->status);
    kdm_buf_lit(buf, ",\"volatile\":null}");
}
