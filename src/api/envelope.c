/* envelope.c - see envelope.h. The members most clients look for first (requestId, status, error)
 * come first. */
#include "api/envelope.h"
#include "json/json.h"

static void put_props(struct kdm_buf *buf, const struct kdm_failure *failure)
{
    kdm_buf_lit(buf, ",\"props\":[");
    for (uint32_t i = 0; i < failure->prop_count; i++) {
        if (i > 0)
            kdm_buf_char(buf, ',');
        if (i < 32 && (failure->raw_props >> i & 1) != 0)
            kdm_buf_put(buf, failure->props[i]);
        else
            kdm_json_put_str(buf, failure->props[i]);
    }
    kdm_buf_char(buf, ']');
}

/* id and code; a plugin's own id has a code only when it is one of the table. */
static void put_identity(struct kdm_buf *buf, const struct kdm_failure *failure,
                         const struct kdm_err_row *row)
{
    struct kdm_str id = kdm_str_none(failure->id) ? kdm_str_of(row->id) : failure->id;
    uint32_t code = row->code;

    if (!kdm_str_none(failure->id)) {
        enum kdm_err known = kdm_err_by_id(failure->id);

        code = known == KDM_OK ? 0 : kdm_err_row(known)->code;
    }
    kdm_buf_lit(buf, ",\"id\":");
    kdm_json_put_str(buf, id);
    if (code != 0) {
        kdm_buf_lit(buf, ",\"code\":");
        kdm_buf_int(buf, code);
    }
}

void kdm_failure_write(struct kdm_buf *buf, const struct kdm_failure *failure)
{
    const struct kdm_err_row *row = kdm_err_row(failure->err);

    kdm_buf_lit(buf, "{\"message\":");
    kdm_json_put_str(buf, failure->message);
    kdm_buf_lit(buf, ",\"status\":");
    kdm_buf_int(buf, failure->status);
    if (!failure->bare && (row->id != NULL || !kdm_str_none(failure->id))) {
        put_identity(buf, failure, row);
        put_props(buf, failure);
    }
    if (failure->extra.len > 0) {
        kdm_buf_char(buf, ',');
        kdm_buf_put(buf, failure->extra);
    }
    kdm_buf_char(buf, '}');
}

static void put_outcome(struct kdm_buf *buf, const struct kdm_reply *reply)
{
    kdm_buf_lit(buf, ",\"status\":");
    if (reply->failure == NULL) {
        kdm_buf_int(buf, reply->status);
        kdm_buf_lit(buf, ",\"error\":null");
    } else {
        kdm_buf_int(buf, reply->failure->status);
        kdm_buf_lit(buf, ",\"error\":");
        kdm_failure_write(buf, reply->failure);
    }
    if (!kdm_str_none(reply->result)) {
        kdm_buf_lit(buf, ",\"result\":");
        kdm_buf_put(buf, reply->result);
    } else if (reply->failure != NULL) {
        kdm_buf_lit(buf, ",\"result\":null");
    }
}

static void put_target(struct kdm_buf *buf, const struct kdm_reply *reply)
{
    if (!kdm_str_none(reply->index)) {
        kdm_buf_lit(buf, ",\"index\":");
        kdm_buf_put(buf, reply->index);
    }
    if (!kdm_str_none(reply->collection)) {
        kdm_buf_lit(buf, ",\"collection\":");
        kdm_buf_put(buf, reply->collection);
    }
}

void kdm_reply_write(struct kdm_buf *buf, const struct kdm_reply *reply)
{
    kdm_buf_lit(buf, "{\"requestId\":");
    kdm_buf_put(buf, reply->request_id);
    if (reply->room) {
        kdm_buf_lit(buf, ",\"room\":");
        kdm_buf_put(buf, reply->request_id);
    }
    put_outcome(buf, reply);
    kdm_buf_char(buf, ',');
    kdm_buf_put(buf, reply->names);
    put_target(buf, reply);
    kdm_buf_lit(buf, ",\"headers\":");
    kdm_buf_put(buf, kdm_str_none(reply->headers) ? KDM_STR("{}") : reply->headers);
    kdm_buf_lit(buf, ",\"node\":");
    kdm_buf_put(buf, reply->node);
    kdm_buf_lit(buf, ",\"volatile\":");
    if (kdm_str_none(reply->volatile_data))
        kdm_buf_lit(buf, "null");
    else
        kdm_buf_put(buf, reply->volatile_data);
    kdm_buf_char(buf, '}');
}

static void put_name_or_null(struct kdm_buf *buf, struct kdm_str name)
{
    if (kdm_str_none(name))
        kdm_buf_lit(buf, "null");
    else
        kdm_json_put_str(buf, name);
}

void kdm_reply_names(struct kdm_buf *buf, struct kdm_str controller, struct kdm_str action)
{
    kdm_buf_lit(buf, "\"action\":");
    put_name_or_null(buf, action);
    kdm_buf_lit(buf, ",\"controller\":");
    put_name_or_null(buf, controller);
}

void kdm_reply_write_raw(struct kdm_buf *buf, struct kdm_str result, struct kdm_str request_id)
{
    if (result.len < 2 || result.ptr[0] != '{') {
        kdm_buf_put(buf, result);
        return;
    }
    kdm_buf_lit(buf, "{\"room\":");
    kdm_buf_put(buf, request_id);
    if (result.ptr[1] != '}')
        kdm_buf_char(buf, ',');
    kdm_buf_put(buf, kdm_str_from(result, 1));
}
