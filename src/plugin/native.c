/* native.c - loading shared objects, and unloading them.
 * RTLD_NOW, so that a plugin which needs what this kdmd has not is refused at start and not in the
 * middle of a request; RTLD_LOCAL, so that two plugins may have names in common.
 */
#include "plugin/native.h"
#include "base/arena.h"
#include "base/log.h"
#include "plugin/internal.h"
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct kdm_native *kdm_native_create(uv_loop_t *loop, struct kdm_bus *bus,
                                     const struct kdm_plugin_services *services)
{
    struct kdm_native *native = kdm_zalloc(sizeof(*native));

    native->loop = loop;
    native->bus = bus;
    native->services = *services;
    TAILQ_INIT(&native->hosts);
    TAILQ_INIT(&native->refused);
    if (!kdm_plugin_start_posts(native)) {
        free(native);
        return NULL;
    }
    return native;
}

/* Writes the one line; returns false, for `return refuse(..)`. */
static bool __attribute__((format(printf, 3, 4)))
refuse(const struct kdm_host *host, char **ret_error, const char *format, ...)
{
    char text[1024], *line = NULL;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (asprintf(&line, "plugin %s: %s", host->path, text) < 0)
        kdm_oom(sizeof(text));
    *ret_error = line;
    return false;
}

/* What dlopen() says begins with the path, which our line has already. */
static const char *without_path(const char *text, const char *path)
{
    size_t len = strlen(path);

    return strncmp(text, path, len) == 0 && strncmp(text + len, ": ", 2) == 0 ? text + len + 2
                                                                              : text;
}

/* The whole path is resolved first: a bare name would be looked for among the system's libraries.
 */
static bool open_module(struct kdm_host *host, char **ret_error)
{
    char *path = realpath(host->path, NULL);
    bool opened = true;

    if (path == NULL)
        return refuse(host, ret_error, "%s", strerror(errno));
    host->module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (host->module == NULL)
        opened = refuse(host, ret_error, "%s", without_path(dlerror(), path));
    free(path);
    return opened;
}

static bool is_name(const char *name)
{
    return name != NULL && name[0] != '\0' && strlen(name) <= 64
           && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name);
}

static const struct kdm_host *host_by_name(const struct kdm_native *native, const char *name)
{
    const struct kdm_host *host;

    TAILQ_FOREACH(host, &native->hosts, link)
    {
        if (strcmp(host->name, name) == 0)
            return host;
    }
    return NULL;
}

/* Looks at the plugin's row. */
static bool find_plugin(struct kdm_host *host, char **ret_error)
{
    const struct kdm_plugin *plugin = dlsym(host->module, "kdm_plugin");
    const struct kdm_host *other;

    if (plugin == NULL)
        return refuse(host, ret_error, "no plugin: it has no KDM_PLUGIN(..) row");
    if (plugin->abi != KDM_PLUGIN_ABI)
        return refuse(host, ret_error, "built for plugin interface %d, this kdmd has %d",
                      plugin->abi, KDM_PLUGIN_ABI);
    if (!is_name(plugin->name))
        return refuse(host, ret_error,
                      "its name must be 1 to 64 lower case letters, digits and dashes");
    if (plugin->load == NULL)
        return refuse(host, ret_error, "its row has no load function");
    other = host_by_name(host->native, plugin->name);
    if (other != NULL)
        return refuse(host, ret_error, "there is already a plugin \"%s\", from %s", plugin->name,
                      other->path);
    host->plugin = plugin;
    host->name = kdm_plugin_copy(kdm_str_of(plugin->name));
    return true;
}

static char *config_text(const json_t *configs, const char *name)
{
    const json_t *config = json_object_get(configs, name);
    char *text = config == NULL ? NULL : json_dumps(config, JSON_COMPACT | JSON_ENCODE_ANY);

    return text != NULL ? text : kdm_plugin_copy(KDM_STR("{}"));
}

static bool run_load(struct kdm_host *host, char **ret_error)
{
    int code = host->plugin->load(host, host->config, &host->self);
    const char *bad;

    if (code != 0)
        return refuse(host, ret_error, "\"%s\" refused to load (%d)", host->name, code);
    bad = kdm_plugin_bad_pattern(host);
    if (bad != NULL && host->plugin->unload != NULL)
        host->plugin->unload(host->self);
    if (bad != NULL)
        return refuse(host, ret_error, "\"%s\" listens to \"%s\", which is no event pattern",
                      host->name, bad);
    return true;
}

/* Nothing of it is called any more from here on. */
static void close_module(struct kdm_host *host)
{
    host->state = HOST_GONE;
    kdm_plugin_cancel_timers(host);
    if (host->module != NULL)
        dlclose(host->module);
    host->module = NULL;
    host->plugin = NULL;
}

bool kdm_native_load(struct kdm_native *native, const char *path, const json_t *configs,
                     char **ret_error)
{
    struct kdm_host *host = kdm_plugin_host_create(native, path);

    if (!open_module(host, ret_error) || !find_plugin(host, ret_error))
        goto refused;
    host->config = config_text(configs, host->name);
    if (!run_load(host, ret_error))
        goto refused;
    host->state = HOST_RUNNING;
    kdm_plugin_listen(host);
    TAILQ_INSERT_TAIL(&native->hosts, host, link);
    kdm_log_info("plugin %s: loaded from %s", host->name, path);
    return true;
refused:
    close_module(host);
    TAILQ_INSERT_TAIL(&native->refused, host, link);
    return false;
}

const char *kdm_native_name(const struct kdm_native *native, size_t i)
{
    const struct kdm_host *host = TAILQ_FIRST(&native->hosts);

    for (; host != NULL && i > 0; i--)
        host = TAILQ_NEXT(host, link);
    return host == NULL ? NULL : host->name;
}

static void unload(struct kdm_host *host)
{
    kdm_plugin_end_requests(host);
    if (host->plugin->unload != NULL)
        host->plugin->unload(host->self);
    close_module(host);
}

void kdm_native_stop(struct kdm_native *native)
{
    struct kdm_host *host;

    kdm_plugin_run_posts(native);
    TAILQ_FOREACH_REVERSE(host, &native->hosts, host_list, link)
    {
        if (host->state != HOST_GONE)
            unload(host);
    }
    kdm_plugin_stop_posts(native);
}

static void free_hosts(struct host_list *hosts)
{
    struct kdm_host *host;

    while ((host = TAILQ_FIRST(hosts)) != NULL) {
        TAILQ_REMOVE(hosts, host, link);
        kdm_plugin_host_destroy(host);
    }
}

void kdm_native_destroy(struct kdm_native *native)
{
    if (native == NULL)
        return;
    kdm_native_stop(native);
    free_hosts(&native->hosts);
    free_hosts(&native->refused);
    uv_mutex_destroy(&native->lock);
    free(native);
}
