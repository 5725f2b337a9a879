/* host.c - a plugin's side of kdmd: what it registers, and its log lines.
 * Registrations are only noted while load() runs and reach the bus afterwards. So a plugin that
 * refuses leaves nothing behind, and need not check what each registration says.
 */
#include "base/log.h"
#include "event/bus.h"
#include "plugin/internal.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct kdm_host *kdm_plugin_host_create(struct kdm_native *native, const char *path)
{
    struct kdm_host *host = kdm_zalloc(sizeof(*host));

    host->native = native;
    host->state = HOST_LOADING;
    host->path = kdm_plugin_copy(kdm_str_of(path));
    STAILQ_INIT(&host->listeners);
    LIST_INIT(&host->timers);
    LIST_INIT(&host->asks);
    return host;
}

void kdm_plugin_host_destroy(struct kdm_host *host)
{
    struct listener *listener;

    if (host == NULL)
        return;
    while ((listener = STAILQ_FIRST(&host->listeners)) != NULL) {
        STAILQ_REMOVE_HEAD(&host->listeners, link);
        free(listener->pattern);
        free(listener);
    }
    free(host->path);
    free(host->name);
    free(host->config);
    free(host);
}

static void note(struct kdm_host *host, const char *pattern, bool is_pipe,
                 kdm_host_handler *handler)
{
    struct listener *listener;

    if (host->state != HOST_LOADING) {
        kdm_log_error("plugin %s: listens to %s after its load; ignored", host->name, pattern);
        return;
    }
    listener = kdm_zalloc(sizeof(*listener));
    listener->host = host;
    listener->pattern = kdm_plugin_copy(kdm_str_of(pattern));
    listener->is_pipe = is_pipe;
    listener->handler = handler;
    STAILQ_INSERT_TAIL(&host->listeners, listener, link);
}

void kdm_host_pipe(struct kdm_host *host, const char *pattern, kdm_host_handler *handler)
{
    note(host, pattern, true, handler);
}

void kdm_host_hook(struct kdm_host *host, const char *pattern, kdm_host_handler *handler)
{
    note(host, pattern, false, handler);
}

const char *kdm_plugin_bad_pattern(const struct kdm_host *host)
{
    const struct listener *listener;

    STAILQ_FOREACH(listener, &host->listeners, link)
    {
        if (!kdm_bus_is_pattern(kdm_str_of(listener->pattern)))
            return listener->pattern;
    }
    return NULL;
}

void kdm_plugin_listen(struct kdm_host *host)
{
    struct kdm_bus *bus = host->native->bus;
    struct listener *listener;

    STAILQ_FOREACH(listener, &host->listeners, link)
    {
        struct kdm_str pattern = kdm_str_of(listener->pattern);

        if (listener->is_pipe)
            kdm_bus_on_pipe(bus, pattern, kdm_plugin_on_call, listener, host->name);
        else
            kdm_bus_on_hook(bus, pattern, kdm_plugin_on_call, listener, host->name);
    }
}

void kdm_host_log(struct kdm_host *host, enum kdm_host_level level, const char *format, ...)
{
    static const enum kdm_log_level levels[] = { KDM_LOG_DEBUG, KDM_LOG_INFO, KDM_LOG_WARN,
                                                 KDM_LOG_ERROR };
    char text[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    kdm_log_write((unsigned)level <= KDM_HOST_ERROR ? levels[level] : KDM_LOG_ERROR,
                  "plugin %s: %s", host->name, text);
}
