/* loader.c - names to options, and clear lines for what is wrong. */
#include "config/loader.h"
#include "config/value.h"
#include <stdarg.h>
#include <stdio.h>

#define SHOWN_MAX 80 /* bytes of a wrong value that an error line shows */

bool kdm_loader_fail(struct kdm_loader *loader, const char *format, ...)
{
    va_list args;

    if (loader->error != NULL)
        return false;
    va_start(args, format);
    if (vasprintf(&loader->error, format, args) < 0)
        kdm_oom(0);
    va_end(args);
    return false;
}

void kdm_loader_note(struct kdm_loader *loader, enum kdm_log_level level, const char *format, ...)
{
    struct kdm_config *config = loader->config;
    char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        kdm_oom(0);
    va_end(args);
    config->notes = kdm_realloc(config->notes, (config->note_count + 1) * sizeof(*config->notes));
    config->notes[config->note_count++] = (struct kdm_config_note){
        .level = level,
        .text = kdm_arena_copy(&config->arena, kdm_str_of(text)).ptr,
    };
    free(text);
}

/* A value as an error line shows it: short, and not at all when it is a secret. */
static void put_shown(struct kdm_buf *buf, const struct kdm_option *option, const json_t *value)
{
    char *text = option->secret ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    if (text == NULL)
        kdm_buf_lit(buf, "this value");
    else if (strlen(text) > SHOWN_MAX)
        kdm_buf_printf(buf, "%.*s...", SHOWN_MAX, text);
    else
        kdm_buf_printf(buf, "%s", text);
    free(text);
}

static bool fail_value(struct kdm_loader *loader, const struct kdm_option *option,
                       const json_t *value, const struct kdm_origin *origin)
{
    const char *name = origin->name == NULL ? option->path : origin->name;
    struct kdm_buf line;

    kdm_buf_init(&line, NULL, 128);
    put_shown(&line, option, value);
    kdm_buf_lit(&line, " is not valid, expected ");
    kdm_value_expected(&line, option);
    kdm_loader_fail(loader, "%s (%s): " KDM_FMT, name, origin->what, KDM_ARG(kdm_buf_str(&line)));
    kdm_buf_fini(&line);
    return false;
}

bool kdm_loader_set(struct kdm_loader *loader, const struct kdm_option *option, const json_t *value,
                    const struct kdm_origin *origin)
{
    json_t *normal, *before = json_object_get(loader->values, option->path);

    if (loader->error != NULL)
        return false;
    if (json_is_null(
            value)) /* "as if it was not there" is what null means in Kuzzle's own defaults */
        return true;
    normal = kdm_value_normal(option, value);
    if (normal == NULL)
        return fail_value(loader, option, value, origin);
    if (option->type == KDM_OPTION_OBJECT) {
        json_object_update_recursive(before, normal);
        json_decref(normal);
    } else {
        json_object_set_new(loader->values, option->path, normal);
    }
    return true;
}

static bool set_member(struct kdm_loader *loader, const char *path, const json_t *value,
                       const struct kdm_origin *origin);

static bool set_section(struct kdm_loader *loader, const char *path, const json_t *value,
                        const struct kdm_origin *origin)
{
    const char *name;
    json_t *member;

    if (json_is_null(value))
        return true;
    if (!json_is_object(value) && path[0] == '\0')
        return kdm_loader_fail(loader, "the configuration (%s) must be an object", origin->what);
    if (!json_is_object(value))
        return kdm_loader_fail(loader, "%s (%s): is a section, expected an object",
                               origin->name == NULL ? path : origin->name, origin->what);
    json_object_foreach((json_t *)value, name, member)
    {
        struct kdm_str whole = path[0] == '\0'
                                   ? kdm_str_of(name)
                                   : kdm_arena_printf(&loader->config->arena, "%s.%s", path, name);

        if (!set_member(loader, whole.ptr, member, origin))
            return false;
    }
    return true;
}

static bool set_alias(struct kdm_loader *loader, const char *path, const struct kdm_option *option,
                      const json_t *value, const struct kdm_origin *origin)
{
    struct kdm_origin shown = *origin;

    if (shown.name == NULL)
        shown.name = path;
    kdm_loader_note(loader, KDM_LOG_INFO, "%s (%s) is another name of %s", path, origin->what,
                    option->path);
    return kdm_loader_set(loader, option, value, &shown);
}

/* A plugin's own section is merged, not understood. */
static void set_plugin(struct kdm_loader *loader, const char *path, const json_t *value)
{
    const char *name = path + strlen("plugins.");
    json_t *all = loader->config->plugin_trees, *copy = json_deep_copy(value);
    json_t *before = json_object_get(all, name);

    if (json_is_object(before) && json_is_object(copy)) {
        json_object_update_recursive(before, copy);
        json_decref(copy);
        return;
    }
    json_object_set_new(all, name, copy);
}

static bool set_member(struct kdm_loader *loader, const char *path, const json_t *value,
                       const struct kdm_origin *origin)
{
    const struct kdm_option *option;
    const char *why;
    struct kdm_str nearest;

    switch (kdm_option_find(path, &option, &why)) {
    case KDM_OPTION_KNOWN:
        return kdm_loader_set(loader, option, value, origin);
    case KDM_OPTION_ALIAS:
        return set_alias(loader, path, option, value, origin);
    case KDM_OPTION_SECTION:
        return set_section(loader, path, value, origin);
    case KDM_OPTION_IGNORED:
        kdm_loader_note(loader, KDM_LOG_INFO, "%s (%s) is ignored: %s", path, origin->what,
                        why == NULL ? "Kuzzle's, of no use here" : why);
        return true;
    case KDM_OPTION_PLUGIN:
        set_plugin(loader, path, value);
        return true;
    case KDM_OPTION_UNKNOWN:
        break;
    }
    nearest = kdm_option_nearest(origin->path == NULL ? path : origin->path);
    return kdm_loader_fail(loader, "%s (%s): unknown option, the nearest known one is " KDM_FMT,
                           origin->name == NULL ? path : origin->name, origin->what,
                           KDM_ARG(nearest));
}

bool kdm_loader_set_tree(struct kdm_loader *loader, const json_t *tree,
                         const struct kdm_origin *origin)
{
    return loader->error == NULL && set_section(loader, "", tree, origin);
}

json_t *kdm_loader_nest(const char *name, const char *separator, json_t *value)
{
    const char *end = strstr(name, separator);
    size_t len = end == NULL ? strlen(name) : (size_t)(end - name);
    json_t *object = json_object();

    if (end != NULL)
        value = kdm_loader_nest(end + strlen(separator), separator, value);
    if (json_object_setn_new(object, name, len, value) == 0)
        return object;
    json_decref(object);
    return NULL;
}
