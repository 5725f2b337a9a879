/* config.c - see config.h. */
#include "dialect/config.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 2, 3))) static void refuse(struct kdm_dialect_reader *reader,
                                                         const char *format, ...)
{
    va_list args;

    if (reader->error != NULL)
        return;
    va_start(args, format);
    if (vasprintf(&reader->error, format, args) < 0)
        reader->error = NULL;
    va_end(args);
}

bool kdm_dialect_members(struct kdm_dialect_reader *reader, const char *where, const json_t *object,
                         const char *const *known)
{
    const char *name;
    json_t *value;

    if (object == NULL)
        return true;
    if (!json_is_object(object)) {
        refuse(reader, "%s must be an object", where);
        return false;
    }
    json_object_foreach((json_t *)object, name, value)
    {
        size_t i = 0;

        while (known[i] != NULL && strcmp(known[i], name) != 0)
            i++;
        if (known[i] == NULL)
            refuse(reader, "%s has no member \"%s\"", where, name);
    }
    return reader->error == NULL;
}

bool kdm_dialect_bool(struct kdm_dialect_reader *reader, const char *where, const json_t *object,
                      const char *name, bool absent)
{
    const json_t *value = json_object_get(object, name);

    if (value == NULL)
        return absent;
    if (!json_is_boolean(value))
        refuse(reader, "%s.%s must be true or false", where, name);
    return json_is_true(value);
}

static struct kdm_str copy(struct kdm_dialect_reader *reader, const json_t *string)
{
    return kdm_arena_copy(reader->arena, (struct kdm_str){ .ptr = json_string_value(string),
                                                           .len = json_string_length(string) });
}

struct kdm_str kdm_dialect_text(struct kdm_dialect_reader *reader, const char *where,
                                const json_t *object, const char *name, const char *absent)
{
    const json_t *value = json_object_get(object, name);

    if (value == NULL && absent != NULL)
        return kdm_str_of(absent);
    if (!json_is_string(value) || (absent == NULL && json_string_length(value) == 0)) {
        refuse(reader, "%s.%s must be a text", where, name);
        return KDM_STR("");
    }
    return copy(reader, value);
}

struct kdm_dialect_texts kdm_dialect_texts(struct kdm_dialect_reader *reader, const char *where,
                                           const json_t *object, const char *name)
{
    const json_t *array = json_object_get(object, name);
    struct kdm_dialect_texts texts = { 0 };
    json_t *value;
    size_t i;

    if (array != NULL && !json_is_array(array))
        refuse(reader, "%s.%s must be an array of texts", where, name);
    texts.items =
        kdm_arena_alloc(reader->arena, (json_array_size(array) + 1) * sizeof(struct kdm_str));
    json_array_foreach(array, i, value)
    {
        if (!json_is_string(value)) {
            refuse(reader, "%s.%s must be an array of texts", where, name);
            break;
        }
        texts.items[texts.count++] = copy(reader, value);
    }
    return texts;
}

const json_t *kdm_dialect_list(struct kdm_dialect_reader *reader, const char *where,
                               const json_t *object, const char *name)
{
    const json_t *array = json_object_get(object, name);

    if (array != NULL && !json_is_array(array))
        refuse(reader, "%s.%s must be an array of objects", where, name);
    return json_is_array(array) ? array : NULL;
}

/* "" or "/a/b". */
static struct kdm_str read_prefix(struct kdm_dialect_reader *reader, const char *where,
                                  const json_t *object, const char *absent)
{
    struct kdm_str prefix = kdm_dialect_text(reader, where, object, "prefix", absent);

    if (prefix.len > 0
        && (prefix.ptr[0] != '/' || prefix.ptr[prefix.len - 1] == '/'
            || memchr(prefix.ptr, '?', prefix.len) != NULL))
        refuse(reader, "%s.prefix must be empty or a path like \"/api/x\"", where);
    return prefix;
}

bool kdm_dialect_mount(struct kdm_dialect_reader *reader, const char *where, const json_t *object,
                       const char *prefix, struct kdm_door *door)
{
    door->prefix = read_prefix(reader, where, object, prefix);
    door->owns_prefix = door->prefix.len > 0;
    return kdm_dialect_bool(reader, where, object, "enabled", true);
}

bool kdm_dialect_has(const struct kdm_dialect_texts *texts, struct kdm_str text)
{
    for (size_t i = 0; i < texts->count; i++) {
        if (kdm_str_eq(texts->items[i], text))
            return true;
    }
    return false;
}
