/* decode.c - one walk over the payload's members, then the checks in the order of the wire.
 * The walk comes first and as a whole: an error's reply must carry the requestId wherever in the
 * payload it stands. A member's name picks its slot by length and bytes, which costs less than one
 * lookup for each.
 */
#include "api/decode.h"

struct members {
    struct kdm_val controller, action, request_id, jwt, volatile_data, body;
    struct kdm_val index, collection, id, targets, timestamp, cookie_auth;
    bool more;
};

static bool is(struct kdm_str name, const char *literal)
{
    return memcmp(name.ptr, literal, name.len) == 0;
}

/* The slot of an envelope member, NULL for an argument. The lengths below are the literals'. */
static struct kdm_val *slot_of(struct members *members, struct kdm_str name)
{
    switch (name.len) {
    case 3:
        return is(name, "jwt") ? &members->jwt : is(name, "_id") ? &members->id : NULL;
    case 4:
        return is(name, "body") ? &members->body : NULL;
    case 5:
        return is(name, "index") ? &members->index : NULL;
    case 6:
        return is(name, "action") ? &members->action : NULL;
    case 8:
        return is(name, "volatile") ? &members->volatile_data : NULL;
    case 9:
        return is(name, "requestId") ? &members->request_id : NULL;
    case 10:
        return is(name, "controller")   ? &members->controller
               : is(name, "collection") ? &members->collection
                                        : NULL;
    default:
        return NULL;
    }
}

/* Members that the envelope reads and actions may read too. */
static void note_argument(struct members *members, struct kdm_str name, struct kdm_val value)
{
    if (name.len == 7 && is(name, "targets"))
        members->targets = value;
    else if (name.len == 9 && is(name, "timestamp"))
        members->timestamp = value;
    else if (name.len == 10 && is(name, "cookieAuth"))
        members->cookie_auth = value;
    members->more = true;
}

/* A later member of the same name wins, as it does in what is stored. */
static void collect(struct kdm_arena *arena, struct kdm_val object, struct members *ret_members)
{
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, object); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(arena, name);
        struct kdm_val *slot = slot_of(ret_members, key);

        if (slot != NULL)
            *slot = value;
        else
            note_argument(ret_members, key, value);
    }
}

static bool refuse_type(struct kdm_arena *arena, struct kdm_failure *ret_failure,
                        const char *member, const char *expected)
{
    kdm_failure_set(ret_failure, arena, KDM_ERR_API_ASSERT_ENVELOPE_TYPE,
                    KDM_PROPS(kdm_str_of(member), kdm_str_of(expected)));
    return false;
}

/* null, false, "" and 0 mean "make one". */
static bool falsy(struct kdm_val val)
{
    double number;

    switch (kdm_val_type(val)) {
    case KDM_JSON_NONE:
    case KDM_JSON_NULL:
    case KDM_JSON_FALSE:
        return true;
    case KDM_JSON_STRING:
        return kdm_val_node(val)->len == 2;
    case KDM_JSON_NUMBER:
        return kdm_val_double(val, &number) && number == 0;
    default:
        return false;
    }
}

/* false: it has the wrong type. */
static bool take_request_id(struct kdm_arena *arena, const struct kdm_payload *payload,
                            struct kdm_val given, struct kdm_ask *ask)
{
    if (!kdm_str_none(payload->request_id)) {
        ask->request_id = payload->request_id;
        ask->request_id_json = kdm_json_quoted(arena, payload->request_id);
        return true;
    }
    if (falsy(given))
        return true;
    if (kdm_val_type(given) != KDM_JSON_STRING)
        return false;
    ask->request_id = kdm_val_str(arena, given);
    ask->request_id_json = kdm_val_text(given);
    return true;
}

/* A string or nothing; false: it has the wrong type. Empty counts as nothing. */
static bool take_string(struct kdm_arena *arena, struct kdm_val val, struct kdm_str *ret_text)
{
    if (kdm_val_null(val))
        return true;
    if (kdm_val_type(val) != KDM_JSON_STRING)
        return false;
    if (kdm_val_node(val)->len > 2)
        *ret_text = kdm_val_str(arena, val);
    return true;
}

/* An object (or, when `array`, an array) or nothing; false: it has the wrong type. */
static bool take_value(struct kdm_val val, bool array, struct kdm_val *ret_val)
{
    enum kdm_json_type type = kdm_val_type(val);

    if (type <= KDM_JSON_NULL)
        return true;
    if (type != KDM_JSON_OBJECT && !(array && type == KDM_JSON_ARRAY))
        return false;
    *ret_val = val;
    return true;
}

static bool check_types(struct kdm_arena *arena, const struct members *members,
                        bool request_id_fits, struct kdm_ask *ask, struct kdm_failure *ret_failure)
{
    if (!request_id_fits)
        return refuse_type(arena, ret_failure, "requestId", "string");
    if (!take_string(arena, members->jwt, &ask->jwt))
        return refuse_type(arena, ret_failure, "jwt", "string");
    if (!take_value(members->volatile_data, false, &ask->volatile_data))
        return refuse_type(arena, ret_failure, "volatile", "object");
    if (!take_value(members->body, true, &ask->body))
        return refuse_type(arena, ret_failure, "body", "object or array");
    if (!take_string(arena, members->controller, &ask->controller))
        return refuse_type(arena, ret_failure, "controller", "string");
    if (!take_string(arena, members->action, &ask->action))
        return refuse_type(arena, ret_failure, "action", "string");
    return true;
}

static bool refuse_missing(struct kdm_arena *arena, struct kdm_failure *ret_failure,
                           const char *name)
{
    kdm_failure_set(ret_failure, arena, KDM_ERR_API_ASSERT_MISSING_ARGUMENT,
                    KDM_PROPS(kdm_str_of(name)));
    return false;
}

/* Over HTTP the targets come as text; any text but an empty one counts. */
static bool has_targets(struct kdm_val targets)
{
    return kdm_val_type(targets) == KDM_JSON_STRING ? kdm_val_node(targets)->len > 2
                                                    : kdm_val_count(targets) > 0;
}

static bool check_presence(struct kdm_arena *arena, const struct members *members,
                           const struct kdm_ask *ask, struct kdm_failure *ret_failure)
{
    const char *other;

    if (kdm_str_none(ask->controller))
        return refuse_missing(arena, ret_failure, "controller");
    if (kdm_str_none(ask->action))
        return refuse_missing(arena, ret_failure, "action");
    if (!has_targets(members->targets))
        return true;
    other = !kdm_val_null(ask->index)        ? "index"
            : !kdm_val_null(ask->collection) ? "collection"
                                             : NULL;
    if (other == NULL)
        return true;
    kdm_failure_set(ret_failure, arena, KDM_ERR_API_ASSERT_MUTUALLY_EXCLUSIVE,
                    KDM_PROPS(KDM_STR("targets"), kdm_str_of(other)));
    return false;
}

/* Over HTTP a flag counts by its presence, and arrives as a string. */
static bool flag_set(struct kdm_val flag)
{
    return kdm_val_type(flag) == KDM_JSON_TRUE || kdm_val_type(flag) == KDM_JSON_STRING;
}

static void take_arguments(const struct members *members, struct kdm_ask *ask)
{
    ask->index = members->index;
    ask->collection = members->collection;
    ask->id = members->id;
    ask->targets = members->targets;
    ask->cookie_auth = flag_set(members->cookie_auth);
    ask->more = members->more;
}

bool kdm_decode(struct kdm_arena *arena, const struct kdm_payload *payload, struct kdm_ask *ret_ask,
                struct kdm_failure *ret_failure)
{
    struct members members = { 0 };
    bool request_id_fits;

    memset(ret_ask, 0, sizeof(*ret_ask));
    ret_ask->payload = payload->root;
    collect(arena, payload->root, &members);
    request_id_fits = take_request_id(arena, payload, members.request_id, ret_ask);
    if (kdm_val_type(payload->root) != KDM_JSON_OBJECT) {
        kdm_failure_set(ret_failure, arena, KDM_ERR_API_ASSERT_ENVELOPE_NOT_OBJECT, NULL, 0);
        return false;
    }
    if (!kdm_val_none(payload->volatile_data))
        members.volatile_data = payload->volatile_data;
    if (!kdm_val_none(payload->body))
        members.body = payload->body;
    take_arguments(&members, ret_ask);
    (void)kdm_val_int64(members.timestamp, &ret_ask->timestamp);
    if (!check_types(arena, &members, request_id_fits, ret_ask, ret_failure))
        return false;
    if (!kdm_str_none(payload->jwt))
        ret_ask->jwt = payload->jwt;
    return check_presence(arena, &members, ret_ask, ret_failure);
}

void kdm_decode_arguments(struct kdm_arena *arena, struct kdm_val args, struct kdm_val body,
                          struct kdm_ask *ask)
{
    struct members members = { 0 };

    collect(arena, args, &members);
    take_arguments(&members, ask);
    ask->payload = args;
    ask->body = kdm_val_null(body) ? KDM_VAL_NONE : body;
}
