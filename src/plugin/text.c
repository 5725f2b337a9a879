/* text.c - JSON at the border: checking what plugins hand over, and a little help for those that
 * have no JSON library.
 */
#include "plugin/internal.h"
#include "json/json.h"
#include <stdlib.h>

char *kdm_plugin_copy(struct kdm_str s)
{
    char *copy = kdm_malloc(s.len + 1);

    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

struct kdm_str kdm_plugin_check_json(struct kdm_arena *arena, struct kdm_str text,
                                     struct kdm_str *ret_reason)
{
    struct kdm_json_error error;
    struct kdm_json doc;

    if (!kdm_json_scan(arena, text, &doc, &error)) {
        *ret_reason = kdm_arena_printf(arena, "it returned what is no JSON: %s at byte %zu",
                                       error.reason, error.at);
        return KDM_STR_NONE;
    }
    return kdm_json_canonical(arena, kdm_json_root(&doc));
}

/* The scan looks at that anyway, so it is asked. */
static struct kdm_str quote(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_json doc;
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, text.len + 2);
    kdm_json_put_str(&buf, text);
    return kdm_json_scan(arena, kdm_buf_str(&buf), &doc, NULL) ? kdm_buf_str(&buf) : KDM_STR_NONE;
}

bool kdm_plugin_is_utf8(struct kdm_arena *arena, struct kdm_str text)
{
    return !kdm_str_none(quote(arena, text));
}

/* NULL for none. */
static char *copy_if_any(struct kdm_str s)
{
    return kdm_str_none(s) ? NULL : kdm_plugin_copy(s);
}

static struct kdm_str get(struct kdm_arena *arena, const char *json, const char *path)
{
    struct kdm_str text;
    struct kdm_json doc;
    struct kdm_val val;

    if (!kdm_json_scan(arena, kdm_str_of(json), &doc, NULL))
        return KDM_STR_NONE;
    val = kdm_val_path(kdm_json_root(&doc), kdm_str_of(path));
    if (kdm_val_type(val) != KDM_JSON_STRING)
        return kdm_val_text(val);
    text = kdm_val_str(arena, val);
    return memchr(text.ptr, '\0', text.len) == NULL ? text : KDM_STR_NONE;
}

static struct kdm_str set(struct kdm_arena *arena, const char *json, const char *path,
                          const char *value)
{
    struct kdm_str at = kdm_str_of(path), text;
    struct kdm_json object, doc;
    struct kdm_val root;

    if (!kdm_json_scan(arena, kdm_str_of(json), &object, NULL))
        return KDM_STR_NONE;
    root = kdm_json_root(&object);
    if (kdm_val_type(root) != KDM_JSON_OBJECT)
        return KDM_STR_NONE;
    if (value == NULL)
        return kdm_json_without_paths(arena, root, &at, 1);
    text = kdm_str_of(value);
    if (!kdm_json_scan(arena, text, &doc, NULL))
        return KDM_STR_NONE;
    return kdm_json_set_path(arena, root, at, kdm_json_canonical(arena, kdm_json_root(&doc)));
}

char *kdm_host_json_get(const char *json, const char *path)
{
    struct kdm_arena arena;
    char *found;

    kdm_arena_init(&arena, 4096);
    found = copy_if_any(get(&arena, json, path));
    kdm_arena_fini(&arena);
    return found;
}

char *kdm_host_json_set(const char *json, const char *path, const char *value)
{
    struct kdm_arena arena;
    char *changed;

    kdm_arena_init(&arena, 4096);
    changed = copy_if_any(set(&arena, json, path, value));
    kdm_arena_fini(&arena);
    return changed;
}

char *kdm_host_json_quote(const char *text)
{
    struct kdm_arena arena;
    char *quoted;

    kdm_arena_init(&arena, 1024);
    quoted = copy_if_any(quote(&arena, kdm_str_of(text)));
    kdm_arena_fini(&arena);
    return quoted;
}
