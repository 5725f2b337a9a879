/* mindsphere_variable.c - variables of types: what may be in a body, what is stored, what is told
 * (reference dialects.md 4.2 and 4.4). Pure functions.
 */
#include "action/device_manager/foreign.h"
#include "dialect/mindsphere.h"
#include "store/unicode.h"
#include <ctype.h>

#define NAME_LONGEST   64
#define UNIT_LONGEST   32
#define STRING_LONGEST 255
#define BIG_LONGEST    100000

/* A variable of a body while it is read. */
struct reader {
    struct kdm_ms_errors *errors;
    struct kdm_ms_index all, before, above; /* of the body, as they are stored, inherited */
    struct kdm_val given, old;              /* old: as it is stored; NONE: it is new */
    enum kdm_ms_place place;
    size_t number;
    struct kdm_str name, type;
    bool growing; /* what is stored stays as it is, only more comes, and texts get longer */
};

/* --- names ----------------------------------------------------------------------------------- */

static bool is_reserved(struct kdm_str name)
{
    static const char *const names[] = { "id",      "name",      "description", "tenant",
                                         "etag",    "scope",     "properties",  "propertySets",
                                         "extends", "variables", "aspects",     "parentTypeId" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (kdm_str_eq(name, kdm_str_of(names[i])))
            return true;
    }
    return false;
}

bool kdm_ms_is_name(struct kdm_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!isalnum((unsigned char)name.ptr[i]) && name.ptr[i] != '_')
            return false;
    }
    return name.len >= 1 && name.len <= NAME_LONGEST && !is_reserved(name);
}

/* --- values ---------------------------------------------------------------------------------- */

static bool is_digits(struct kdm_str text, size_t at, size_t count)
{
    if (at + count > text.len)
        return false;
    for (size_t i = at; i < at + count; i++) {
        if (!isdigit((unsigned char)text.ptr[i]))
            return false;
    }
    return true;
}

/* 1970-01-01T09:00:00[.000](Z|+00:00) */
static bool is_timestamp(struct kdm_str text)
{
    size_t at = 19;

    if (text.len < 20 || !is_digits(text, 0, 4) || text.ptr[4] != '-' || !is_digits(text, 5, 2)
        || text.ptr[7] != '-' || !is_digits(text, 8, 2) || text.ptr[10] != 'T'
        || !is_digits(text, 11, 2) || text.ptr[13] != ':' || !is_digits(text, 14, 2)
        || text.ptr[16] != ':' || !is_digits(text, 17, 2))
        return false;
    if (text.ptr[at] == '.') {
        at++;
        while (at < text.len && isdigit((unsigned char)text.ptr[at]))
            at++;
    }
    if (at + 1 == text.len)
        return text.ptr[at] == 'Z';
    return at + 6 == text.len && (text.ptr[at] == '+' || text.ptr[at] == '-')
           && is_digits(text, at + 1, 2) && text.ptr[at + 3] == ':' && is_digits(text, at + 4, 2);
}

/* As a JSON value of its own; none when it is none. */
static struct kdm_val scanned(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_json *doc = kdm_arena_alloc(arena, sizeof(*doc));

    return kdm_json_scan(arena, text, doc, NULL) ? kdm_json_root(doc) : KDM_VAL_NONE;
}

static bool fits(struct kdm_arena *arena, struct kdm_str type, struct kdm_str text, int64_t length)
{
    struct kdm_val val;
    int64_t whole;
    double number;

    if (kdm_str_eq(type, KDM_STR("BOOLEAN")))
        return kdm_str_eq(text, KDM_STR("true")) || kdm_str_eq(text, KDM_STR("false"));
    if (kdm_str_eq(type, KDM_STR("TIMESTAMP")))
        return is_timestamp(text);
    if (kdm_str_eq(type, KDM_STR("STRING")) || kdm_str_eq(type, KDM_STR("BIG_STRING")))
        return kdm_utf8_count(text) <= (size_t)length;
    val = scanned(arena, text);
    if (kdm_str_eq(type, KDM_STR("DOUBLE")))
        return kdm_val_double(val, &number);
    return kdm_val_int64(val, &whole)
           && (!kdm_str_eq(type, KDM_STR("INT")) || (whole >= INT32_MIN && whole <= INT32_MAX));
}

static bool is_text_type(struct kdm_str type)
{
    return kdm_str_eq(type, KDM_STR("STRING")) || kdm_str_eq(type, KDM_STR("BIG_STRING"))
           || kdm_str_eq(type, KDM_STR("TIMESTAMP"));
}

/* What a default stands for in an asset, as JSON text; none: there is none. */
static struct kdm_str default_of(struct kdm_arena *arena, struct kdm_val variable)
{
    struct kdm_val val = kdm_val_get(variable, KDM_STR("defaultValue"));
    struct kdm_str type = kdm_val_str(arena, kdm_val_get(variable, KDM_STR("dataType")));

    if (kdm_val_type(val) != KDM_JSON_STRING)
        return KDM_STR_NONE;
    return is_text_type(type) ? kdm_val_text(val) : kdm_val_str(arena, val);
}

/* A scalar as the text that it is on this door; none for others. */
static struct kdm_str text_of(struct kdm_arena *arena, struct kdm_val val)
{
    if (kdm_val_type(val) == KDM_JSON_STRING)
        return kdm_val_str(arena, val);
    return kdm_val_null(val) || kdm_val_type(val) > KDM_JSON_STRING ? KDM_STR_NONE
                                                                    : kdm_val_text(val);
}

struct kdm_str kdm_ms_value(struct kdm_arena *arena, struct kdm_val variable, struct kdm_val given)
{
    struct kdm_str type = kdm_val_str(arena, kdm_val_get(variable, KDM_STR("dataType")));
    struct kdm_str text = text_of(arena, given);
    int64_t length = STRING_LONGEST;

    kdm_val_int64(kdm_val_get(variable, KDM_STR("length")), &length);
    if (kdm_str_none(text) || !fits(arena, type, text, length))
        return KDM_STR_NONE;
    return is_text_type(type) ? kdm_json_quoted(arena, text) : text;
}

void kdm_ms_put_value(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val value)
{
    struct kdm_str text = text_of(arena, value);

    kdm_json_put_str(buf, kdm_str_none(text) ? kdm_val_text(value) : text);
}

/* --- reading --------------------------------------------------------------------------------- */

static void refuse(const struct reader *reader, const char *member, const char *expected)
{
    kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY, "variables[%zu].%s: %s", reader->number,
                 member, expected);
}

static struct kdm_val member(const struct reader *reader, const char *name)
{
    return kdm_val_get(reader->given, kdm_str_of(name));
}

static struct kdm_val stored(const struct reader *reader, const char *name)
{
    return kdm_val_get(reader->old, kdm_str_of(name));
}

static void need(const struct reader *reader, const char *member)
{
    kdm_ms_error(reader->errors, KDM_MS_MISSING_BODY, "variables[%zu].%s: it is needed",
                 reader->number, member);
}

static bool is_data_type(const struct reader *reader)
{
    return !kdm_str_none(reader->type) && !kdm_str_none(kdm_dm_mapping_type(reader->type))
           && (!kdm_str_eq(reader->type, KDM_STR("BIG_STRING"))
               || reader->place == KDM_MS_DYNAMIC_VARIABLE);
}

/* Both are looked at: what is wrong is told all at once. */
static bool read_name_and_type(struct reader *reader)
{
    struct kdm_arena *arena = reader->errors->arena;
    struct kdm_val name = member(reader, "name"), type = member(reader, "dataType");
    bool named, typed;

    reader->name = kdm_val_str(arena, name);
    reader->type = kdm_val_str(arena, type);
    named = !kdm_str_none(reader->name) && kdm_ms_is_name(reader->name);
    typed = is_data_type(reader);
    if (kdm_val_null(name))
        need(reader, "name");
    else if (!named)
        refuse(reader, "name", "1 to 64 letters, digits and _ are expected, no reserved word");
    if (kdm_val_null(type))
        need(reader, "dataType");
    else if (!typed)
        refuse(reader, "dataType",
               "BOOLEAN, INT, LONG, DOUBLE, STRING or TIMESTAMP is expected, BIG_STRING in dynamic "
               "aspect types only");
    return named && typed;
}

/* A member of a variable that only grows is what is stored when it is not given. */
static struct kdm_val given_or_stored(const struct reader *reader, const char *name)
{
    struct kdm_val given = member(reader, name);

    return reader->growing && kdm_val_none(given) ? stored(reader, name) : given;
}

/* Such a member may be given, but as it is. `text`: what it comes to; none: null. */
static void check_fixed(const struct reader *reader, const char *name, struct kdm_str text)
{
    struct kdm_str old = kdm_val_str(reader->errors->arena, stored(reader, name));

    if (reader->growing && !kdm_val_none(reader->old) && !kdm_str_eq(old, text))
        refuse(reader, name, "it can not be changed");
}

static void put_unit(const struct reader *reader, struct kdm_buf *buf)
{
    struct kdm_val unit = given_or_stored(reader, "unit");
    struct kdm_str text = kdm_val_str(reader->errors->arena, unit);

    if (!kdm_val_null(unit) && (kdm_str_none(text) || kdm_utf8_count(text) > UNIT_LONGEST))
        refuse(reader, "unit", "a text of at most 32 characters is expected");
    else
        check_fixed(reader, "unit", text);
    kdm_buf_lit(buf, ",\"unit\":");
    kdm_buf_put(buf, kdm_val_null(unit) ? KDM_STR("null") : kdm_val_text(unit));
}

/* A flag that can't change once it is stored. */
static void put_flag(const struct reader *reader, const char *name, struct kdm_buf *buf)
{
    struct kdm_val given = member(reader, name), old = stored(reader, name);
    bool is_true = kdm_val_type(given) == KDM_JSON_TRUE;

    if (!kdm_val_null(given) && !is_true && kdm_val_type(given) != KDM_JSON_FALSE)
        refuse(reader, name, "true or false is expected");
    else if (!kdm_val_none(old) && !kdm_val_null(given)
             && is_true != (kdm_val_type(old) == KDM_JSON_TRUE))
        refuse(reader, name, "it can not be changed");
    if (kdm_val_null(given))
        is_true = kdm_val_type(old) == KDM_JSON_TRUE;
    kdm_buf_printf(buf, ",\"%s\":%s", name, is_true ? "true" : "false");
}

/* The length of texts, 0 for others. */
static int64_t put_length(const struct reader *reader, struct kdm_buf *buf)
{
    bool big = kdm_str_eq(reader->type, KDM_STR("BIG_STRING"));
    bool text = big || kdm_str_eq(reader->type, KDM_STR("STRING"));
    int64_t most = big ? BIG_LONGEST : STRING_LONGEST, length = most, before = 0;
    struct kdm_val given = member(reader, "length");

    kdm_val_int64(stored(reader, "length"), &before);
    if (!text) {
        if (!kdm_val_null(given))
            refuse(reader, "length", "only texts have one");
        kdm_buf_lit(buf, ",\"length\":null");
        return 0;
    }
    if (kdm_val_null(given))
        length = before > 0 ? before : most;
    else if (!kdm_val_int64(given, &length) || length < 1 || length > most)
        refuse(reader, "length", big ? "1 to 100000 is expected" : "1 to 255 is expected");
    else if (length < before)
        refuse(reader, "length", "it can not be decreased");
    else if (before > 0 && length > before && reader->place == KDM_MS_DYNAMIC_VARIABLE)
        refuse(reader, "length", "it can not be changed");
    kdm_buf_printf(buf, ",\"length\":%lld", (long long)length);
    return length;
}

static void put_default(const struct reader *reader, int64_t length, struct kdm_buf *buf)
{
    struct kdm_val given = given_or_stored(reader, "defaultValue");
    struct kdm_str text = text_of(reader->errors->arena, given);

    if (!kdm_val_null(given) && reader->place == KDM_MS_DYNAMIC_VARIABLE)
        refuse(reader, "defaultValue", "only static variables have one");
    else if (!kdm_val_null(given)
             && (kdm_str_none(text) || !fits(reader->errors->arena, reader->type, text, length)))
        refuse(reader, "defaultValue", "a value of the dataType is expected");
    else
        check_fixed(reader, "defaultValue", text);
    kdm_buf_lit(buf, ",\"defaultValue\":");
    if (kdm_str_none(text))
        kdm_buf_lit(buf, "null");
    else
        kdm_json_put_str(buf, text);
}

static void check_old(const struct reader *reader)
{
    if (!kdm_val_none(reader->old) && !kdm_val_str_eq(stored(reader, "dataType"), reader->type))
        refuse(reader, "dataType", "it can not be changed");
}

static void read_variable(struct reader *reader, struct kdm_buf *buf)
{
    int64_t length;

    check_old(reader);
    if (buf->len > 1)
        kdm_buf_char(buf, ',');
    kdm_buf_lit(buf, "{\"name\":");
    kdm_json_put_str(buf, reader->name);
    kdm_buf_lit(buf, ",\"dataType\":");
    kdm_json_put_str(buf, reader->type);
    put_unit(reader, buf);
    put_flag(reader, "searchable", buf);
    length = put_length(reader, buf);
    put_default(reader, length, buf);
    if (reader->place != KDM_MS_TYPE_VARIABLE)
        put_flag(reader, "qualityCode", buf);
    kdm_buf_char(buf, '}');
}

/* Is it a copy of an inherited one, as an exploded answer holds it? */
static bool is_inherited(const struct reader *reader, struct kdm_val given)
{
    return kdm_ms_has_origin(given)
           && !kdm_val_none(kdm_ms_index_get(&reader->above, reader->name));
}

/* Has one that stands before it the same name? */
static bool is_repeated(const struct reader *reader)
{
    size_t count;
    const struct kdm_ms_entry *entry = kdm_ms_index_find(&reader->all, reader->name, &count);

    while (count > 0 && is_inherited(reader, entry->val))
        entry++, count--;
    return count > 0 && entry->at < reader->number;
}

/* Aspect types only grow. */
static void check_none_missing(const struct reader *reader, struct kdm_val old)
{
    struct kdm_val_iter it;
    struct kdm_val variable;

    for (kdm_elements(&it, old); kdm_element_next(&it, &variable);) {
        struct kdm_str name =
            kdm_val_str(reader->errors->arena, kdm_val_get(variable, KDM_STR("name")));

        if (kdm_val_none(kdm_ms_index_get(&reader->all, name)))
            kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY,
                         "variables: " KDM_FMT " can not be removed", KDM_ARG(name));
    }
}

static void read_entry(struct reader *reader, struct kdm_buf *buf)
{
    if (kdm_val_type(reader->given) != KDM_JSON_OBJECT) {
        kdm_ms_error(reader->errors, KDM_MS_INVALID_BODY, "variables[%zu]: an object is expected",
                     reader->number);
        return;
    }
    if (!read_name_and_type(reader) || is_inherited(reader, reader->given))
        return;
    if (is_repeated(reader))
        refuse(reader, "name", "it is there already");
    reader->old = kdm_ms_index_get(&reader->before, reader->name);
    read_variable(reader, buf);
}

struct kdm_str kdm_ms_read_variables(struct kdm_ms_errors *errors, struct kdm_val given,
                                     struct kdm_val old, struct kdm_val inherited,
                                     enum kdm_ms_place place, bool growing)
{
    struct reader reader = { .errors = errors, .place = place, .growing = growing };
    struct kdm_val_iter it;
    struct kdm_buf buf;

    kdm_ms_index(errors->arena, &given, 1, "name", &reader.all);
    kdm_ms_index(errors->arena, &old, 1, "name", &reader.before);
    kdm_ms_index(errors->arena, &inherited, 1, "name", &reader.above);
    kdm_buf_init(&buf, errors->arena, kdm_val_text(given).len + 256);
    kdm_buf_char(&buf, '[');
    for (kdm_ms_entries(&it, errors, "variables", given, KDM_MS_MOST_VARIABLES);
         kdm_element_next(&it, &reader.given); reader.number++)
        read_entry(&reader, &buf);
    kdm_buf_char(&buf, ']');
    if (growing && kdm_val_type(given) == KDM_JSON_ARRAY)
        check_none_missing(&reader, old);
    return kdm_buf_str(&buf);
}

/* --- telling --------------------------------------------------------------------------------- */

static void put_member(struct kdm_buf *buf, struct kdm_val variable, const char *name,
                       const char *absent)
{
    struct kdm_val val = kdm_val_get(variable, kdm_str_of(name));

    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_put(buf, kdm_val_none(val) ? kdm_str_of(absent) : kdm_val_text(val));
}

void kdm_ms_put_variable(struct kdm_buf *buf, struct kdm_val variable, enum kdm_ms_place place,
                         struct kdm_str origin)
{
    kdm_buf_char(buf, '{');
    put_member(buf, variable, "name", "\"\"");
    put_member(buf, variable, "dataType", "\"STRING\"");
    put_member(buf, variable, "unit", "null");
    put_member(buf, variable, "searchable", "false");
    put_member(buf, variable, "length", "null");
    put_member(buf, variable, "defaultValue", "null");
    if (place != KDM_MS_TYPE_VARIABLE)
        put_member(buf, variable, "qualityCode", "false");
    if (!kdm_str_none(origin)) {
        kdm_buf_lit(buf, ",\"_links\":{\"origin\":{\"href\":");
        kdm_json_put_str(buf, origin);
        kdm_buf_lit(buf, "}}");
    }
    kdm_buf_char(buf, '}');
}

/* --- as the core has them ----------------------------------------------------------------------
 */

void kdm_ms_put_mappings(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val variables)
{
    struct kdm_val_iter it;
    struct kdm_val variable;

    for (kdm_elements(&it, variables); kdm_element_next(&it, &variable);) {
        struct kdm_str type = kdm_val_str(arena, kdm_val_get(variable, KDM_STR("dataType")));

        kdm_json_put_name(buf, kdm_val_str(arena, kdm_val_get(variable, KDM_STR("name"))));
        kdm_buf_printf(buf, "{\"type\":\"" KDM_FMT "\"}", KDM_ARG(kdm_dm_mapping_type(type)));
    }
}

void kdm_ms_put_defaults(struct kdm_arena *arena, struct kdm_buf *buf, struct kdm_val variables)
{
    struct kdm_val_iter it;
    struct kdm_val variable;

    for (kdm_elements(&it, variables); kdm_element_next(&it, &variable);) {
        struct kdm_str value = default_of(arena, variable);

        if (kdm_str_none(value))
            continue;
        kdm_json_put_name(buf, kdm_val_str(arena, kdm_val_get(variable, KDM_STR("name"))));
        kdm_buf_put(buf, value);
    }
}
