/* notify.c - the texts of notifications (reference kuzzle-protocol.md 8.2 and 8.3).
 * Each is written as far as all channels have it in common: up to the value of "room", which is put
 * behind it for each channel (deliver.c).
 */
#include "realtime/hub_private.h"

/* What a feed entry's envelope says of the request behind it, as JSON texts. */
struct author {
    struct kdm_str controller, action, request_id, protocol, timestamp, volatile_data;
};

static struct kdm_str member(struct kdm_val envelope, const char *name, const char *absent)
{
    struct kdm_val value = kdm_val_get(envelope, kdm_str_of(name));

    return kdm_val_none(value) ? kdm_str_of(absent) : kdm_val_text(value);
}

static struct author author_of(struct kdm_hub *hub, const struct kdm_feed_change *change)
{
    struct kdm_val envelope = kdm_json_parse(&hub->scratch, change->envelope);

    return (struct author){
        .controller = member(envelope, "controller", "\"document\""),
        .action = member(envelope, "action", "\"\""),
        .request_id = member(envelope, "requestId", "null"),
        .protocol = member(envelope, "protocol", "null"),
        .timestamp = member(envelope, "timestamp", "0"),
        .volatile_data = member(envelope, "volatile", "null"),
    };
}

static void put(struct kdm_buf *buf, struct kdm_str name, struct kdm_str json)
{
    kdm_json_put_name(buf, name);
    kdm_buf_put(buf, json);
}

static void put_text(struct kdm_buf *buf, struct kdm_str name, struct kdm_str text)
{
    kdm_json_put_name(buf, name);
    kdm_json_put_str(buf, text);
}

/* What every notification has. `type` with its name, as JSON. */
static struct kdm_buf *begin(const struct kdm_target *target, struct kdm_str type,
                             const struct author *author)
{
    struct kdm_buf *buf = &target->hub->text;

    buf->len = 0;
    kdm_buf_put(buf, kdm_buf_str(&target->head));
    kdm_buf_put(buf, type);
    kdm_buf_lit(buf, ",\"protocol\":");
    kdm_buf_put(buf, author->protocol);
    kdm_buf_lit(buf, ",\"timestamp\":");
    kdm_buf_put(buf, author->timestamp);
    return buf;
}

static void put_change_id(struct kdm_buf *buf, const struct kdm_feed_change *change)
{
    char space[KDM_CHANGE_ID_MAX];

    kdm_buf_lit(buf, ",\"changeId\":\"");
    kdm_buf_put(buf, kdm_change_id_write(space, &(struct kdm_feed_place){
                                                    .sequence = change->sequence,
                                                    .part = change->last ? 0 : change->number + 1,
                                                    .digest = change->digest }));
    kdm_buf_char(buf, '"');
}

static void end(struct kdm_buf *buf)
{
    kdm_buf_lit(buf, ",\"room\":\"");
}

/* --- documents ------------------------------------------------------------------------------- */

static struct kdm_str action_name(char what)
{
    switch (what) {
    case KDM_CHANGE_CREATE:
        return KDM_STR("\"create\"");
    case KDM_CHANGE_REPLACE:
        return KDM_STR("\"replace\"");
    case KDM_CHANGE_UPDATE:
        return KDM_STR("\"update\"");
    default:
        return KDM_STR("\"delete\"");
    }
}

/* Notifications of documents name the controller that wrote the document. What the device manager
 * and other plugins write, they write by way of the document controller. */
static struct kdm_str controller_of(const struct author *author)
{
    if (kdm_str_eq(author->controller, KDM_STR("\"bulk\"")))
        return author->controller;
    return KDM_STR("\"document\"");
}

static bool is_multiple(const struct author *author)
{
    return kdm_str_starts(author->action, KDM_STR("\"m")) && author->action.len > 2
           && author->action.ptr[2] >= 'A' && author->action.ptr[2] <= 'Z';
}

static bool tells_created(const struct author *author)
{
    return is_multiple(author) || kdm_str_eq(author->action, KDM_STR("\"createOrReplace\""))
           || kdm_str_eq(author->action, KDM_STR("\"write\""));
}

/* What the response to that action says of a document that was written whole. */
static void put_written(struct kdm_buf *buf, const struct kdm_feed_change *change,
                        const struct author *author)
{
    bool created = change->what == KDM_CHANGE_CREATE;

    put(buf, KDM_STR("_source"), change->text);
    kdm_json_put_name(buf, KDM_STR("_version"));
    kdm_buf_int(buf, change->version);
    if (tells_created(author))
        put(buf, KDM_STR("created"), created ? KDM_STR("true") : KDM_STR("false"));
    if (!is_multiple(author))
        return;
    put(buf, KDM_STR("result"), created ? KDM_STR("\"created\"") : KDM_STR("\"updated\""));
    put(buf, KDM_STR("status"), created ? KDM_STR("201") : KDM_STR("200"));
}

/* document:replace shows what was asked for, without the server's own part. */
static void put_replaced(struct kdm_hub *hub, struct kdm_buf *buf,
                         const struct kdm_feed_change *change)
{
    struct kdm_str info = KDM_STR("_kuzzle_info");

    kdm_buf_lit(buf, ",\"_source\":{");
    kdm_json_put_members_except(buf, kdm_json_parse(&hub->scratch, change->text), &info, 1);
    kdm_buf_char(buf, '}');
}

static void put_deleted(struct kdm_buf *buf, const struct kdm_feed_change *change)
{
    struct kdm_stored stored;

    if (kdm_str_none(change->previous) || !kdm_stored_parse(change->previous, &stored))
        return;
    put(buf, KDM_STR("_source"), stored.text);
    kdm_json_put_name(buf, KDM_STR("_version"));
    kdm_buf_int(buf, stored.version);
}

static void put_result(struct kdm_hub *hub, struct kdm_buf *buf,
                       const struct kdm_feed_change *change, const struct author *author)
{
    kdm_buf_lit(buf, ",\"result\":{\"_id\":");
    kdm_json_put_str(buf, change->id);
    if (change->what == KDM_CHANGE_DELETE) {
        put_deleted(buf, change);
    } else if (change->what == KDM_CHANGE_UPDATE) {
        put(buf, KDM_STR("_source"), change->text);
        if (!kdm_str_none(change->changed)
            && !kdm_str_eq(author->action, KDM_STR("\"deleteFields\"")))
            put(buf, KDM_STR("_updatedFields"), change->changed);
    } else if (change->what == KDM_CHANGE_REPLACE
               && kdm_str_eq(author->action, KDM_STR("\"replace\""))) {
        put_replaced(hub, buf, change);
    } else {
        put_written(buf, change, author);
    }
    kdm_buf_char(buf, '}');
}

void kdm_notify_document(const struct kdm_target *target, const struct kdm_feed_change *change,
                         bool in)
{
    struct author author = author_of(target->hub, change);
    struct kdm_buf *buf = begin(target, KDM_STR(",\"type\":\"document\""), &author);

    put(buf, KDM_STR("controller"), controller_of(&author));
    put(buf, KDM_STR("action"), action_name(change->what));
    put(buf, KDM_STR("event"),
        change->what == KDM_CHANGE_DELETE ? KDM_STR("\"delete\"") : KDM_STR("\"write\""));
    put(buf, KDM_STR("scope"), in ? KDM_STR("\"in\"") : KDM_STR("\"out\""));
    put(buf, KDM_STR("requestId"), author.request_id);
    put(buf, KDM_STR("volatile"), author.volatile_data);
    put_change_id(buf, change);
    put_result(target->hub, buf, change, &author);
    end(buf);
}

/* --- messages -------------------------------------------------------------------------------- */

void kdm_notify_message(const struct kdm_target *target, const struct kdm_feed_change *change)
{
    struct author author = author_of(target->hub, change);
    struct kdm_buf *buf = begin(target, KDM_STR(",\"type\":\"document\""), &author);

    put(buf, KDM_STR("controller"), author.controller);
    kdm_buf_lit(buf, ",\"action\":\"publish\",\"event\":\"publish\",\"scope\":\"in\"");
    put(buf, KDM_STR("requestId"), author.request_id);
    put(buf, KDM_STR("volatile"), author.volatile_data);
    put_change_id(buf, change);
    kdm_buf_lit(buf, ",\"result\":{\"_source\":");
    kdm_buf_put(buf, change->text);
    if (!kdm_str_none(change->id))
        put_text(buf, KDM_STR("_id"), change->id);
    kdm_buf_char(buf, '}');
    end(buf);
}

/* --- users ----------------------------------------------------------------------------------- */

void kdm_notify_user(const struct kdm_target *target, const struct kdm_feed_change *change,
                     struct kdm_val event)
{
    struct author author = author_of(target->hub, change);
    struct kdm_buf *buf = begin(target, KDM_STR(",\"type\":\"user\""), &author);

    put(buf, KDM_STR("controller"), KDM_STR("\"realtime\""));
    put(buf, KDM_STR("action"), author.action);
    put(buf, KDM_STR("user"), member(event, "user", "null"));
    put(buf, KDM_STR("volatile"), member(event, "volatile", "null"));
    kdm_buf_lit(buf, ",\"result\":{\"count\":");
    kdm_buf_put(buf, member(event, "count", "0"));
    kdm_buf_char(buf, '}');
    end(buf);
}
