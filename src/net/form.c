/* form.c - see form.h. */
#include "net/form.h"
#include "base/hex.h"

#include "net/head.h"
#include "json/json.h"

struct field {
    struct kdm_str name, value;
    struct kdm_str filename, type; /* filename none: a plain field */
    bool written;
};

struct form {
    struct field *fields;
    uint32_t count, room;
    struct kdm_arena *arena;
};

/* NULL when there are too many. */
static struct field *add_field(struct form *form)
{
    if (form->count == KDM_FORM_FIELDS_MAX)
        return NULL;
    if (form->count == form->room)
        form->fields = kdm_arena_double(form->arena, form->fields, &form->room, 16,
                                        sizeof(*form->fields));
    form->fields[form->count] = (struct field){ .written = false };
    return &form->fields[form->count++];
}

/* --- writing --------------------------------------------------------------------------- */

static void put_base64(struct kdm_buf *json, struct kdm_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *at = kdm_buf_room(json, (bytes.len + 2) / 3 * 4);

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t bits = (uint32_t)(unsigned char)bytes.ptr[i] << 16;

        if (left > 1)
            bits |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
        if (left > 2)
            bits |= (uint32_t)(unsigned char)bytes.ptr[i + 2];
        *at++ = digits[bits >> 18];
        *at++ = digits[bits >> 12 & 63];
        *at++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[bits & 63] : '=';
    }
    json->len += (bytes.len + 2) / 3 * 4;
}

static void put_value(struct kdm_buf *json, const struct field *field)
{
    if (kdm_str_none(field->filename)) {
        kdm_json_put_str(json, field->value);
        return;
    }
    kdm_buf_lit(json, "{\"filename\":");
    kdm_json_put_str(json, field->filename);
    kdm_buf_lit(json, ",\"encoding\":");
    kdm_json_put_str(json, field->type.len == 0 ? KDM_STR("text/plain") : field->type);
    kdm_buf_lit(json, ",\"file\":\"");
    put_base64(json, field->value);
    kdm_buf_lit(json, "\"}");
}

/* The values of all fields called like fields[first], as an array if there are several. */
static void put_named(struct kdm_buf *json, struct form *form, size_t first)
{
    struct kdm_str name = form->fields[first].name;
    size_t open = json->len, count = 0;

    kdm_buf_char(json, '[');
    for (size_t i = first; i < form->count; i++) {
        if (form->fields[i].written || !kdm_str_eq(form->fields[i].name, name))
            continue;
        if (count++ > 0)
            kdm_buf_char(json, ',');
        put_value(json, &form->fields[i]);
        form->fields[i].written = true;
    }
    if (count > 1)
        kdm_buf_char(json, ']');
    else
        json->ptr[open] = ' '; /* just one: no array after all; blanks mean nothing in JSON */
}

static void put_form(struct kdm_buf *json, struct form *form)
{
    size_t names = 0;

    kdm_buf_char(json, '{');
    for (size_t i = 0; i < form->count; i++) {
        if (form->fields[i].written)
            continue;
        if (names++ > 0)
            kdm_buf_char(json, ',');
        kdm_json_put_str(json, form->fields[i].name);
        kdm_buf_char(json, ':');
        put_named(json, form, i);
    }
    kdm_buf_char(json, '}');
}

/* --- urlencoded ------------------------------------------------------------------------ */

/* '+' is a blank; a '%' without two hex digits stands for itself, as browsers have it. */
static struct kdm_str url_decode(struct kdm_arena *arena, struct kdm_str s)
{
    char *plain = kdm_arena_alloc(arena, s.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (c == '+') {
            c = ' ';
        } else if (c == '%' && i + 2 < s.len && kdm_hex_digit(s.ptr[i + 1]) >= 0
                   && kdm_hex_digit(s.ptr[i + 2]) >= 0) {
            c = (char)(kdm_hex_digit(s.ptr[i + 1]) << 4 | kdm_hex_digit(s.ptr[i + 2]));
            i += 2;
        }
        plain[len++] = c;
    }
    return (struct kdm_str){ .ptr = plain, .len = len };
}

/* Cuts off and returns what stands before `mark`, or everything. */
static struct kdm_str cut_at(struct kdm_str *rest, char mark)
{
    struct kdm_str part = *rest;
    const char *end = rest->len == 0 ? NULL : memchr(rest->ptr, mark, rest->len);

    if (end != NULL)
        part.len = (size_t)(end - rest->ptr);
    *rest = kdm_str_from(*rest, end != NULL ? part.len + 1 : part.len);
    return part;
}

bool kdm_form_urlencoded(struct kdm_arena *arena, struct kdm_str body, struct kdm_buf *json,
                         const char **ret_reason)
{
    struct form form = { .arena = arena };

    while (body.len > 0) {
        struct kdm_str rest = cut_at(&body, '&');
        struct field *field;

        if (rest.len == 0)
            continue;
        field = add_field(&form);
        if (field == NULL) {
            *ret_reason = "too many form fields";
            return false;
        }
        field->name = url_decode(arena, cut_at(&rest, '='));
        field->value = url_decode(arena, rest);
    }
    put_form(json, &form);
    return true;
}

/* --- multipart ------------------------------------------------------------------------- */

static const char *find(struct kdm_str in, struct kdm_str what)
{
    return in.len == 0 ? NULL : memmem(in.ptr, in.len, what.ptr, what.len);
}

/* Reads the header lines of a part up to the empty line; false when there is no such line. */
static bool read_part_head(struct kdm_arena *arena, struct kdm_str *rest, struct field *field)
{
    for (;;) {
        const char *end = find(*rest, KDM_STR("\r\n"));
        struct kdm_str line = { .ptr = rest->ptr,
                                .len = end == NULL ? 0 : (size_t)(end - rest->ptr) };
        struct kdm_str name;

        if (end == NULL)
            return false;
        *rest = kdm_str_from(*rest, line.len + 2);
        if (line.len == 0)
            return true;
        name = cut_at(&line, ':');
        if (kdm_str_eq_nocase(name, KDM_STR("content-disposition"))) {
            field->name = kdm_head_parameter(arena, line, KDM_STR("name"));
            field->filename = kdm_head_parameter(arena, line, KDM_STR("filename"));
        } else if (kdm_str_eq_nocase(name, KDM_STR("content-type"))) {
            field->type = kdm_head_main(line);
        }
    }
}

/* "\r\n--<boundary>"; none when the header has no usable boundary. */
static struct kdm_str delimiter_of(struct kdm_arena *arena, struct kdm_str content_type)
{
    struct kdm_str boundary = kdm_head_parameter(arena, content_type, KDM_STR("boundary"));

    if (boundary.len == 0 || boundary.len > 70) /* RFC 2046 */
        return KDM_STR_NONE;
    return kdm_arena_printf(arena, "\r\n--" KDM_FMT, KDM_ARG(boundary));
}

/* Reads one part, of which `rest` starts right behind the delimiter; moves it behind the next one.
 */
static const char *read_part(struct form *form, struct kdm_str delimiter, struct kdm_str *rest)
{
    struct field *field = add_field(form);
    const char *end;

    if (field == NULL)
        return "too many form fields";
    if (!kdm_str_starts(*rest, KDM_STR("\r\n")))
        return "malformed multipart body";
    *rest = kdm_str_from(*rest, 2);
    if (!read_part_head(form->arena, rest, field) || kdm_str_none(field->name))
        return "malformed part in multipart body";
    /* The line end before the delimiter belongs to it; an empty part has just the one of its head.
     */
    rest->ptr -= 2;
    rest->len += 2;
    end = find(*rest, delimiter);
    if (end == NULL)
        return "multipart body ends too early";
    field->value.ptr = rest->ptr + 2;
    field->value.len = end == rest->ptr ? 0 : (size_t)(end - field->value.ptr);
    *rest = kdm_str_from(*rest, (size_t)(end - rest->ptr) + delimiter.len);
    return NULL;
}

bool kdm_form_multipart(struct kdm_arena *arena, struct kdm_str content_type, struct kdm_str body,
                        struct kdm_buf *json, const char **ret_reason)
{
    struct form form = { .arena = arena };
    struct kdm_str delimiter = delimiter_of(arena, content_type);
    const char *start;

    *ret_reason = "multipart body without a boundary";
    if (kdm_str_none(delimiter))
        return false;
    if (kdm_str_starts(
            body, kdm_str_from(delimiter, 2))) /* at the very beginning: no line end before it */
        body = kdm_str_from(body, delimiter.len - 2);
    else if ((start = find(body, delimiter)) != NULL)
        body = kdm_str_from(body, (size_t)(start - body.ptr) + delimiter.len);
    else
        return false;
    while (!kdm_str_starts(body, KDM_STR("--"))) {
        *ret_reason = read_part(&form, delimiter, &body);
        if (*ret_reason != NULL)
            return false;
    }
    put_form(json, &form);
    return true;
}
