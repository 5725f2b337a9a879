/* environment.c - options from variables.
 * Two forms: KDM_PORT for what has a flag too, and kuzzle_server__port, Kuzzle's form of any name
 * ("__" is the dot). An unknown kuzzle_ name is an error like in a file. An unknown KDM_ one is
 * only a warning: scripts around kdmd have variables of their own.
 */
#include "config/loader.h"
#include "config/value.h"

#define OWN_PREFIX    "KDM_"
#define KUZZLE_PREFIX "kuzzle_"
#define SEPARATOR     "__"

static bool has_prefix(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

const char *kdm_environment_get(char *const *envp, const char *name)
{
    size_t len = strlen(name);

    for (; envp != NULL && *envp != NULL; envp++) {
        if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=' && (*envp)[len + 1] != '\0')
            return *envp + len + 1;
    }
    return NULL;
}

static bool set_own(struct kdm_loader *loader, const char *name, const char *text)
{
    const struct kdm_option *option = kdm_option_by_env(name);
    struct kdm_origin origin = { .what = "environment", .name = name };
    json_t *value;
    bool ok;

    if (strcmp(name, "KDM_CONFIG") == 0 || text[0] == '\0') /* an empty variable is an unset one */
        return true;
    if (option == NULL) {
        kdm_loader_note(loader, KDM_LOG_WARN,
                        "%s (environment) is no variable of kdmd, the nearest one is %s", name,
                        kdm_option_nearest_env(name));
        return true;
    }
    value = json_string(text);
    if (value == NULL)
        return kdm_loader_fail(loader, "%s (environment): is not valid UTF-8", name);
    ok = kdm_loader_set(loader, option, value, &origin);
    json_decref(value);
    return ok;
}

/* "limits.documentsWriteCount" of limits__documentsWriteCount. */
static const char *dotted(struct kdm_arena *arena, const char *name)
{
    char *path = (char *)kdm_arena_copy(arena, kdm_str_of(name)).ptr, *to = path;

    for (const char *from = path; *from != '\0'; to++) {
        bool separator = has_prefix(from, SEPARATOR);

        *to = separator ? '.' : *from;
        from += separator ? strlen(SEPARATOR) : 1;
    }
    *to = '\0';
    return path;
}

static bool set_kuzzle(struct kdm_loader *loader, const char *name, const char *text)
{
    const char *rest = name + strlen(KUZZLE_PREFIX);
    struct kdm_origin origin = { .what = "environment",
                                 .name = name,
                                 .path = dotted(&loader->config->arena, rest) };
    json_t *tree;
    bool ok;

    if (strcmp(rest, "config") == 0) /* names the file, see config.c */
        return true;
    tree = kdm_loader_nest(rest, SEPARATOR, kdm_value_of_text(text));
    if (tree == NULL)
        return kdm_loader_fail(loader, "%s (environment): holds no valid text or JSON", name);
    ok = kdm_loader_set_tree(loader, tree, &origin);
    json_decref(tree);
    return ok;
}

/* Both forms in the order given; Kuzzle's first, so that our own ones win. */
static bool set_all(struct kdm_loader *loader, char *const *envp, const char *prefix,
                    bool (*set)(struct kdm_loader *loader, const char *name, const char *text))
{
    for (; *envp != NULL; envp++) {
        const char *equals = strchr(*envp, '=');
        struct kdm_str name;

        if (equals == NULL || !has_prefix(*envp, prefix))
            continue;
        name = kdm_arena_copy(&loader->config->arena,
                              (struct kdm_str){ *envp, (size_t)(equals - *envp) });
        if (!set(loader, name.ptr, equals + 1))
            return false;
    }
    return true;
}

bool kdm_source_environment(struct kdm_loader *loader, char *const *envp)
{
    if (envp == NULL)
        return true;
    return set_all(loader, envp, KUZZLE_PREFIX, set_kuzzle)
           && set_all(loader, envp, OWN_PREFIX, set_own);
}
