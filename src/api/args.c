/* args.c - arguments: found, typed, handed out.
 * index, collection and _id were met by the decoder; only an action that reads more, of a request
 * that has more, costs a second walk over the members.
 */
#include "api/args.h"
#include <stdlib.h>

/* The greatest integer a client's number holds exactly. */
#define SAFE_INTEGER 9007199254740991.0

/* --- finding ------------------------------------------------------------------------------ */

static struct kdm_val body_member(struct kdm_val body, const char *path)
{
    if (kdm_val_type(body) != KDM_JSON_OBJECT)
        return KDM_VAL_NONE;
    return kdm_val_path(body, kdm_str_of(path));
}

static bool in_body(const char *name)
{
    return strncmp(name, "body.", 5) == 0;
}

/* By any name, for aliases. */
static struct kdm_val named_value(const struct kdm_args *args, const char *name)
{
    return in_body(name) ? body_member(args->body, name + 5)
                         : kdm_val_get(args->envelope, kdm_str_of(name));
}

static bool named(const struct kdm_arg_row *row, struct kdm_str name)
{
    return name.len > 0 && row->name[0] == name.ptr[0]
           && strnlen(row->name, name.len + 1) == name.len
           && memcmp(row->name, name.ptr, name.len) == 0;
}

static void walk_members(struct kdm_args *args)
{
    const struct kdm_action *action = args->action;
    struct kdm_val_iter it;
    struct kdm_val name, value;

    for (kdm_members(&it, args->envelope); kdm_member_next(&it, &name, &value);) {
        struct kdm_str key = kdm_val_str(args->arena, name);

        for (size_t i = 0; i < action->arg_count; i++) {
            if ((action->args[i].flags & KDM_ARG_BODY) == 0 && named(&action->args[i], key))
                args->values[i] = value;
        }
    }
}

/* Puts into values[] what the request has, still unchecked. */
static void find_values(struct kdm_args *args, const struct kdm_ask *ask)
{
    const struct kdm_action *action = args->action;
    bool walk = false;

    for (size_t i = 0; i < action->arg_count; i++) {
        const struct kdm_arg_row *row = &action->args[i];

        args->values[i] = KDM_VAL_NONE;
        if (row->flags & KDM_ARG_BODY)
            args->values[i] =
                body_member(args->body, in_body(row->name) ? row->name + 5 : row->name);
        else if (row->id == KDM_ARG_INDEX)
            args->values[i] = ask->index;
        else if (row->id == KDM_ARG_COLLECTION)
            args->values[i] = ask->collection;
        else if (row->id == KDM_ARG__ID)
            args->values[i] = ask->id;
        else
            walk = true;
    }
    if (walk && ask->more)
        walk_members(args);
}

/* --- typing ------------------------------------------------------------------------------- */

enum verdict { FITS, ABSENT, WRONG_TYPE, WRONG_VALUE, WRONG_REFRESH };

/* A number written as text, as a whole. Only decimal: strtod would also take hex, inf and nan. */
static bool number_of_text(struct kdm_str s, double *ret_number)
{
    char copy[64], *end;

    if (s.len == 0 || s.len >= sizeof(copy))
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (strchr("0123456789+-.eE", s.ptr[i]) == NULL || s.ptr[i] == '\0')
            return false;
    }
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    *ret_number = strtod(copy, &end);
    return end == copy + s.len && *ret_number <= 1.7976931348623157e308
           && *ret_number >= -1.7976931348623157e308;
}

static bool number_of(struct kdm_arena *arena, struct kdm_val val, double *ret_number)
{
    if (kdm_val_type(val) == KDM_JSON_STRING)
        return number_of_text(kdm_val_str(arena, val), ret_number);
    return kdm_val_double(val, ret_number);
}

static bool safe_integer(double number)
{
    return number >= -SAFE_INTEGER && number <= SAFE_INTEGER && number == (double)(int64_t)number;
}

static enum verdict check_number(const struct kdm_args *args, struct kdm_val val, bool integer)
{
    double number;

    if (!number_of(args->arena, val, &number) || (integer && !safe_integer(number)))
        return WRONG_TYPE;
    return FITS;
}

/* index, collection and _id are often sent empty or null by SDKs that have nothing to say. */
static bool empty_means_absent(const struct kdm_arg_row *row)
{
    return row->id == KDM_ARG_INDEX || row->id == KDM_ARG_COLLECTION || row->id == KDM_ARG__ID;
}

static enum verdict check_string(const struct kdm_arg_row *row, struct kdm_val val)
{
    if (kdm_val_type(val) == KDM_JSON_NULL && empty_means_absent(row))
        return ABSENT;
    if (kdm_val_type(val) != KDM_JSON_STRING)
        return WRONG_TYPE;
    return kdm_val_node(val)->len == 2 && empty_means_absent(row) ? ABSENT : FITS;
}

static bool all_strings(struct kdm_val array)
{
    struct kdm_val_iter it;
    struct kdm_val element;

    for (kdm_elements(&it, array); kdm_element_next(&it, &element);) {
        if (kdm_val_type(element) != KDM_JSON_STRING)
            return false;
    }
    return true;
}

/* Over HTTP, text that holds JSON of this type stands for it. */
static bool read_json_text(struct kdm_args *args, enum kdm_json_type type, struct kdm_val *val)
{
    struct kdm_json *doc;

    if (!args->http || kdm_val_type(*val) != KDM_JSON_STRING)
        return false;
    doc = kdm_arena_alloc(args->arena, sizeof(*doc));
    if (!kdm_json_scan(args->arena, kdm_val_str(args->arena, *val), doc, NULL)
        || kdm_val_type(kdm_json_root(doc)) != type)
        return false;
    *val = kdm_json_root(doc);
    return true;
}

static enum verdict check_container(struct kdm_args *args, bool body, enum kdm_json_type type,
                                    struct kdm_val *val)
{
    if (kdm_val_type(*val) == type || (!body && read_json_text(args, type, val)))
        return FITS;
    return WRONG_TYPE;
}

static enum verdict check_strings(struct kdm_args *args, bool body, struct kdm_val *val)
{
    if (!body && kdm_val_type(*val) == KDM_JSON_STRING) {
        (void)read_json_text(args, KDM_JSON_ARRAY, val);
        if (kdm_val_type(*val) == KDM_JSON_STRING)
            return FITS;
    }
    return kdm_val_type(*val) == KDM_JSON_ARRAY && all_strings(*val) ? FITS : WRONG_TYPE;
}

static enum verdict check_boolean(const struct kdm_args *args, bool body, struct kdm_val val)
{
    if (args->http && !body)
        return FITS; /* a flag: it is there */
    return kdm_val_type(val) == KDM_JSON_TRUE || kdm_val_type(val) == KDM_JSON_FALSE ? FITS
                                                                                     : WRONG_TYPE;
}

static enum verdict check_refresh(struct kdm_val val)
{
    if (kdm_val_type(val) != KDM_JSON_STRING)
        return WRONG_TYPE;
    return kdm_val_str_eq(val, KDM_STR("wait_for")) || kdm_val_str_eq(val, KDM_STR("false"))
               ? FITS
               : WRONG_REFRESH;
}

static enum verdict check_enum(const struct kdm_arg_row *row, struct kdm_val val)
{
    if (kdm_val_type(val) != KDM_JSON_STRING)
        return WRONG_TYPE;
    for (const char *const *value = row->values; *value != NULL; value++) {
        if (kdm_val_str_eq(val, kdm_str_of(*value)))
            return FITS;
    }
    return WRONG_VALUE;
}

/* A null text is an error on the wire, any other null is as good as nothing. */
static bool reads_null(const struct kdm_arg_row *row)
{
    return row->type == KDM_ARG_TYPE_STRING || row->type == KDM_ARG_TYPE_REFRESH
           || row->type == KDM_ARG_TYPE_ENUM;
}

static enum verdict check_value(struct kdm_args *args, const struct kdm_arg_row *row,
                                struct kdm_val *val)
{
    bool body = (row->flags & KDM_ARG_BODY) != 0;

    if (kdm_val_none(*val) || (kdm_val_type(*val) == KDM_JSON_NULL && !reads_null(row)))
        return ABSENT;
    switch ((enum kdm_arg_type)row->type) {
    case KDM_ARG_TYPE_STRING:
        return check_string(row, *val);
    case KDM_ARG_TYPE_INTEGER:
        return check_number(args, *val, true);
    case KDM_ARG_TYPE_NUMBER:
        return check_number(args, *val, false);
    case KDM_ARG_TYPE_BOOLEAN:
        return check_boolean(args, body, *val);
    case KDM_ARG_TYPE_ARRAY:
        return check_container(args, body, KDM_JSON_ARRAY, val);
    case KDM_ARG_TYPE_OBJECT:
        return check_container(args, body, KDM_JSON_OBJECT, val);
    case KDM_ARG_TYPE_STRINGS:
        return check_strings(args, body, val);
    case KDM_ARG_TYPE_REFRESH:
        return check_refresh(*val);
    case KDM_ARG_TYPE_ENUM:
        return check_enum(row, *val);
    case KDM_ARG_TYPE_REFRESH_LENIENT:
    case KDM_ARG_TYPE_ANY:
        break;
    }
    return FITS;
}

/* --- refusing ----------------------------------------------------------------------------- */

static struct kdm_str expected_values(struct kdm_arena *arena, const struct kdm_arg_row *row)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 64);
    for (const char *const *value = row->values; *value != NULL; value++) {
        if (buf.len > 0)
            kdm_buf_lit(&buf, ", ");
        kdm_buf_put(&buf, kdm_str_of(*value));
    }
    return kdm_buf_str(&buf);
}

static struct kdm_str expected_type(const struct kdm_arg_row *row)
{
    static const char *const names[] = {
        [KDM_ARG_TYPE_STRING] = "string",
        [KDM_ARG_TYPE_INTEGER] = "integer",
        [KDM_ARG_TYPE_NUMBER] = "number",
        [KDM_ARG_TYPE_BOOLEAN] = "boolean",
        [KDM_ARG_TYPE_ARRAY] = "array",
        [KDM_ARG_TYPE_OBJECT] = "object",
        [KDM_ARG_TYPE_STRINGS] = "array",
        [KDM_ARG_TYPE_REFRESH] = "string",
        [KDM_ARG_TYPE_REFRESH_LENIENT] = "string",
        [KDM_ARG_TYPE_ENUM] = "string",
        [KDM_ARG_TYPE_ANY] = "any",
    };

    return kdm_str_of(row->expected != NULL ? row->expected : names[row->type]);
}

static bool refuse(struct kdm_args *args, const struct kdm_arg_row *row, enum verdict verdict,
                   struct kdm_failure *ret_failure)
{
    struct kdm_arena *arena = args->arena;
    struct kdm_str name = kdm_str_of(row->name);

    if (verdict == WRONG_TYPE)
        kdm_failure_set(ret_failure, arena, KDM_ERR_API_ASSERT_INVALID_TYPE,
                        KDM_PROPS(name, expected_type(row)));
    else if (verdict == WRONG_REFRESH)
        kdm_failure_set(ret_failure, arena, KDM_ERR_SERVICES_STORAGE_INVALID_ARGUMENT,
                        KDM_PROPS(name, KDM_STR("\"wait_for\", \"false\"")));
    else if (verdict == WRONG_VALUE)
        kdm_failure_set(ret_failure, arena, KDM_ERR_API_ASSERT_INVALID_ARGUMENT,
                        KDM_PROPS(name, row->expected != NULL ? kdm_str_of(row->expected)
                                                              : expected_values(arena, row)));
    else
        kdm_failure_set(ret_failure, arena, KDM_ERR_API_ASSERT_MISSING_ARGUMENT, KDM_PROPS(name));
    return false;
}

static bool refuse_body(struct kdm_args *args, struct kdm_failure *ret_failure)
{
    kdm_failure_set(ret_failure, args->arena, KDM_ERR_API_ASSERT_BODY_REQUIRED, NULL, 0);
    return false;
}

static bool check_argument(struct kdm_args *args, size_t i, struct kdm_failure *ret_failure)
{
    const struct kdm_arg_row *row = &args->action->args[i];
    enum verdict verdict = check_value(args, row, &args->values[i]);

    if (verdict == ABSENT && row->alias != NULL) {
        args->values[i] = named_value(args, row->alias);
        verdict = check_value(args, row, &args->values[i]);
    }
    if (verdict == FITS)
        return true;
    if (verdict != ABSENT)
        return refuse(args, row, verdict, ret_failure);
    args->values[i] = KDM_VAL_NONE;
    if ((row->flags & KDM_ARG_REQUIRED) == 0)
        return true;
    if ((row->flags & KDM_ARG_BODY) && kdm_val_none(args->body))
        return refuse_body(args, ret_failure);
    return refuse(args, row, ABSENT, ret_failure);
}

/* An array where the action reads an object, or no body where it needs one. */
static bool check_body(struct kdm_args *args, struct kdm_failure *ret_failure)
{
    if (kdm_val_none(args->body))
        return (args->action->flags & KDM_ACTION_BODY) == 0 || refuse_body(args, ret_failure);
    if (kdm_val_type(args->body) == KDM_JSON_OBJECT || (args->action->flags & KDM_ACTION_BODY_ANY)
        || (args->action->flags & KDM_ACTION_BODY) == 0)
        return true;
    kdm_failure_set(ret_failure, args->arena, KDM_ERR_API_ASSERT_INVALID_TYPE,
                    KDM_PROPS(KDM_STR("body"), KDM_STR("object")));
    return false;
}

bool kdm_args_check(struct kdm_args *args, const struct kdm_ask *ask,
                    struct kdm_failure *ret_failure)
{
    const struct kdm_action *action = args->action;

    KDM_ASSERT(action->arg_count <= KDM_ARGS_MAX);
    args->envelope = ask->payload;
    args->body = ask->body;
    find_values(args, ask);
    for (size_t i = 0; i < action->arg_count; i++) {
        if (!check_argument(args, i, ret_failure))
            return false;
    }
    return check_body(args, ret_failure);
}

/* --- handing out -------------------------------------------------------------------------- */

struct kdm_val kdm_args_val(const struct kdm_args *args, enum kdm_arg id)
{
    const struct kdm_action *action = args->action;
    size_t i = 0;

    while (i < action->arg_count && action->args[i].id != id)
        i++;
    KDM_ASSERT(i < action->arg_count);
    return args->values[i];
}

bool kdm_args_has(const struct kdm_args *args, enum kdm_arg id)
{
    return !kdm_val_none(kdm_args_val(args, id));
}

struct kdm_str kdm_args_str(const struct kdm_args *args, enum kdm_arg id)
{
    return kdm_val_str(args->arena, kdm_args_val(args, id));
}

bool kdm_args_bool(const struct kdm_args *args, enum kdm_arg id)
{
    enum kdm_json_type type = kdm_val_type(kdm_args_val(args, id));

    return type == KDM_JSON_TRUE || (type != KDM_JSON_NONE && type != KDM_JSON_FALSE && args->http);
}

int64_t kdm_args_int(const struct kdm_args *args, enum kdm_arg id, int64_t absent)
{
    double number;

    if (!number_of(args->arena, kdm_args_val(args, id), &number) || number < -SAFE_INTEGER
        || number > SAFE_INTEGER)
        return absent;
    return (int64_t)number;
}

double kdm_args_double(const struct kdm_args *args, enum kdm_arg id, double absent)
{
    double number;

    return number_of(args->arena, kdm_args_val(args, id), &number) ? number : absent;
}

static struct kdm_str_list strings_of_array(struct kdm_arena *arena, struct kdm_val array)
{
    struct kdm_str_list list = { .count = 0 };
    struct kdm_val_iter it;
    struct kdm_val element;

    list.items = kdm_arena_alloc(arena, (kdm_val_count(array) + 1) * sizeof(*list.items));
    for (kdm_elements(&it, array); kdm_element_next(&it, &element);)
        list.items[list.count++] = kdm_val_str(arena, element);
    return list;
}

static struct kdm_str_list strings_of_text(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_str_list list = { .count = 0 };
    size_t commas = 0;

    for (size_t i = 0; i < text.len; i++)
        commas += text.ptr[i] == ',';
    list.items = kdm_arena_alloc(arena, (commas + 1) * sizeof(*list.items));
    while (text.len > 0) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t len = comma == NULL ? text.len : (size_t)(comma - text.ptr);

        list.items[list.count++] = (struct kdm_str){ .ptr = text.ptr, .len = len };
        text = kdm_str_from(text, comma == NULL ? len : len + 1);
    }
    return list;
}

struct kdm_str_list kdm_args_strings(const struct kdm_args *args, enum kdm_arg id)
{
    struct kdm_val val = kdm_args_val(args, id);

    if (kdm_val_type(val) == KDM_JSON_ARRAY)
        return strings_of_array(args->arena, val);
    return strings_of_text(args->arena, kdm_val_str(args->arena, val));
}
