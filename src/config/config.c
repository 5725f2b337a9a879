/* config.c - from the sources to the configuration. */
#include "config/config.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/loader.h"
#include "config/value.h"
#include <stdio.h>
#include <unistd.h>

#define KUZZLE_FILE "./.kuzzlerc"

static void set_defaults(struct kdm_loader *loader)
{
    for (size_t i = 0; i < kdm_option_count; i++) {
        json_t *value = json_loads(kdm_options[i].initial, JSON_DECODE_ANY, NULL);

        KDM_ASSERT(value != NULL);
        json_object_set_new(loader->values, kdm_options[i].path, value);
    }
}

/* The file that was asked for, else a Kuzzle user's own one. */
static bool load_file(struct kdm_loader *loader, const char *asked, char *const *envp)
{
    if (asked == NULL)
        asked = kdm_environment_get(envp, "KDM_CONFIG");
    if (asked == NULL)
        asked = kdm_environment_get(envp, "kuzzle_config");
    if (asked == NULL && access(KUZZLE_FILE, F_OK) == 0)
        asked = KUZZLE_FILE;
    if (asked == NULL)
        return true;
    kdm_loader_note(loader, KDM_LOG_INFO, "configuration from %s", asked);
    return kdm_source_file(loader, asked);
}

/* What no single option can tell; the same rules as Kuzzle's. */
static bool check_together(struct kdm_loader *loader)
{
    const struct kdm_config *config = loader->config;

    if (config->concurrent_requests >= config->requests_buffer)
        return kdm_loader_fail(loader,
                               "limits.concurrentRequests: %lld is not valid, expected less than "
                               "limits.requestsBufferSize (%lld)",
                               (long long)config->concurrent_requests,
                               (long long)config->requests_buffer);
    if (config->requests_buffer_warning < config->concurrent_requests
        || config->requests_buffer_warning > config->requests_buffer)
        return kdm_loader_fail(
            loader,
            "limits.requestsBufferWarningThreshold: %lld is not valid, expected "
            "limits.concurrentRequests to limits.requestsBufferSize (%lld to %lld)",
            (long long)config->requests_buffer_warning, (long long)config->concurrent_requests,
            (long long)config->requests_buffer);
    if (config->scroll_ttl_ms > config->max_scroll_ms)
        return kdm_loader_fail(
            loader,
            "services.storageEngine.defaults.scrollTTL: %lld ms is not valid, expected at "
            "most services.storageEngine.maxScrollDuration (%lld ms)",
            (long long)config->scroll_ttl_ms, (long long)config->max_scroll_ms);
    if ((config->tls_cert == NULL) != (config->tls_key == NULL))
        return kdm_loader_fail(
            loader, "kdm.tls.%s (--tls-%s) is missing: TLS needs both, cert and key",
            config->tls_cert == NULL ? "cert" : "key", config->tls_cert == NULL ? "cert" : "key");
    return true;
}

/* Puts `value` at a dotted path, making sections on the way. */
static void set_path(json_t *tree, const char *path, json_t *value)
{
    const char *dot;

    for (; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        json_t *section = json_object_getn(tree, path, (size_t)(dot - path));

        if (section == NULL) {
            section = json_object();
            json_object_setn_new(tree, path, (size_t)(dot - path), section);
        }
        tree = section;
    }
    json_object_set(tree, path, value);
}

static json_t *get_path(const json_t *tree, const char *path)
{
    const char *dot;

    for (; (dot = strchr(path, '.')) != NULL; path = dot + 1)
        tree = json_object_getn(tree, path, (size_t)(dot - path));
    return json_object_get(tree, path);
}

/* What server:getConfig shows. Several kdmd on one Redis are what Kuzzle calls a cluster. */
static json_t *public_tree(const json_t *values, bool cluster)
{
    json_t *tree = json_object(), *enabled = json_boolean(cluster);

    for (size_t i = 0; i < kdm_option_count; i++) {
        const struct kdm_option *option = &kdm_options[i];
        json_t *value = json_object_get(values, option->path);

        if (option->secret || strncmp(option->path, "security.", 9) == 0)
            continue;
        if (option->type == KDM_OPTION_OBJECT && json_object_size(value) == 0)
            continue;
        set_path(tree, option->path, value);
    }
    set_path(tree, "cluster.enabled", enabled); /* json_boolean is a constant: nothing to free */
    return tree;
}

static void fill(struct kdm_loader *loader)
{
    struct kdm_config *config = loader->config;

    for (size_t i = 0; i < kdm_option_count; i++)
        kdm_value_store(&kdm_options[i], json_object_get(loader->values, kdm_options[i].path),
                        config);
    config->values = json_incref(loader->values);
    config->tree = public_tree(loader->values, config->redis_url != NULL);
    config->dm_engine_collections =
        get_path(config->tree, "plugins.device-manager.engineCollections");
    config->dm_admin_collections =
        get_path(config->tree, "plugins.device-manager.adminCollections");
}

static bool load_sources(struct kdm_loader *loader, const char *file, int argc, char *const *argv,
                         char *const *envp)
{
    set_defaults(loader);
    if (!load_file(loader, file, envp) || !kdm_source_environment(loader, envp)
        || !kdm_source_command_line(loader, argc, argv))
        return false;
    fill(loader);
    return check_together(loader);
}

static int print_help(bool version)
{
    struct kdm_buf text;

    kdm_buf_init(&text, NULL, 8192);
    if (version)
        kdm_buf_lit(&text, "kdmd " KDM_VERSION "\n");
    else
        kdm_help_put(&text);
    fwrite(text.ptr, 1, text.len, stdout);
    fflush(stdout);
    kdm_buf_fini(&text);
    return 1;
}

/* One line, whatever a name or a parser's message brought along. */
static char *one_line(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = ' ';
    }
    return text;
}

int kdm_config_load(int argc, char *const *argv, char *const *envp, struct kdm_config **ret_config,
                    char **ret_error)
{
    struct kdm_config *config = kdm_zalloc(sizeof(*config));
    struct kdm_loader loader = { .config = config, .values = json_object() };
    struct kdm_command_line line;
    int result = -1;

    kdm_arena_init(&config->arena, 4096);
    config->plugin_trees = json_object();
    if (!kdm_command_line_scan(&loader, argc, argv, &line)) {
        result = -1;
    } else if (line.help || line.version) {
        result = print_help(!line.help);
    } else if (load_sources(&loader, line.file, argc, argv, envp)) {
        *ret_config = config;
        config = NULL; /* the caller's from here on */
        result = 0;
    }
    if (result < 0)
        *ret_error = one_line(loader.error);
    kdm_config_destroy(config);
    json_decref(loader.values);
    return result;
}

void kdm_config_destroy(struct kdm_config *config)
{
    if (config == NULL)
        return;
    json_decref(config->tree);
    json_decref(config->plugin_trees);
    json_decref(config->values);
    free(config->notes);
    kdm_arena_fini(&config->arena);
    free(config);
}
