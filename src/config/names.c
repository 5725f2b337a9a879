/* names.c - what a name in a configuration stands for.
 * Besides our own options there are other spellings of them and names that only Kuzzle has a
 * use for; a typo in either is found the same way, by the smallest distance.
 */
#include "config/options.h"

struct alias {
    const char *path, *of;
};

/* security.jwt is Kuzzle's own old name; http.* and websocket.* are what its documentation of
 * protocols uses. */
static const struct alias aliases[] = {
    { "security.jwt.algorithm", "security.authToken.algorithm" },
    { "security.jwt.expiresIn", "security.authToken.expiresIn" },
    { "security.jwt.gracePeriod", "security.authToken.gracePeriod" },
    { "security.jwt.maxTTL", "security.authToken.maxTTL" },
    { "security.jwt.secret", "security.authToken.secret" },
    { "http.allowCompression", "server.protocols.http.allowCompression" },
    { "http.maxEncodingLayers", "server.protocols.http.maxEncodingLayers" },
    { "websocket.idleTimeout", "server.protocols.websocket.idleTimeout" },
    { "websocket.rateLimit", "server.protocols.websocket.rateLimit" },
    { "websocket.compression", "server.protocols.websocket.compression" },
    { "services.storageEngine.scrollTTL", "services.storageEngine.defaults.scrollTTL" },
};

struct ignored {
    const char *path; /* it and all below it */
    const char *why;  /* where a user would expect an effect */
};

static const struct ignored ignored[] = {
    { "application", NULL },
    { "cluster", NULL },
    { "controllers", NULL },
    { "dump.dateFormat", NULL },
    { "dump.enabled", "only admin:dump makes dumps" },
    { "dump.gcore", NULL },
    { "dump.handledErrors", NULL },
    { "dump.history.coredump", NULL },
    { "http.routes", "routes come from protocol/" },
    { "internal", NULL },
    { "plugins.common", NULL },
    { "realtime", NULL },
    { "repositories", NULL },
    { "security.debug", NULL },
    { "server.appLogs", "see kdm.logLevel" },
    { "server.logs", "see kdm.logLevel" },
    { "server.protocols.http.enabled", "HTTP and WebSocket share one port and are both on" },
    { "server.protocols.http.maxFormFileSize", "server.maxRequestSize bounds forms too" },
    { "server.protocols.mqtt", "MQTT is not served" },
    { "server.protocols.websocket.enabled", "HTTP and WebSocket share one port and are both on" },
    { "server.protocols.websocket.realtimeNotifications", NULL },
    { "server.protocols.websocket.resetIdleTimeoutOnSend", NULL },
    { "server.protocols.websocket.sendPingsAutomatically", NULL },
    { "services.common", NULL },
    { "services.internalCache", "see kdm.redis" },
    { "services.internalIndex", NULL },
    { "services.memoryStorage", "see kdm.redis" },
    { "services.storageEngine.aliases", NULL },
    { "services.storageEngine.backend", NULL },
    { "services.storageEngine.client", "documents are kept in Redis, see kdm.redis" },
    { "services.storageEngine.defaultSettings", NULL },
    { "services.storageEngine.defaults.onUpdateConflictRetries", "lost races are tried again until the request's deadline" },
    { "services.storageEngine.generateMissingAliases", NULL },
    { "services.storageEngine.internalIndex", NULL },
    { "services.storageEngine.majorVersion", NULL },
    { "validation", NULL },
    { "version", NULL },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* All known names in one row: options, aliases, ignored. NULL behind the last. */
static const char *name_at(size_t i)
{
    if (i < kdm_option_count)
        return kdm_options[i].path;
    i -= kdm_option_count;
    if (i < COUNT(aliases))
        return aliases[i].path;
    i -= COUNT(aliases);
    return i < COUNT(ignored) ? ignored[i].path : NULL;
}

/* Is `path` the beginning of `name`, up to a dot? */
static bool begins(const char *name, const char *path)
{
    size_t len = strlen(path);

    return strncmp(name, path, len) == 0 && name[len] == '.';
}

static const struct kdm_option *option_by_path(const char *path)
{
    for (size_t i = 0; i < kdm_option_count; i++) {
        if (strcmp(kdm_options[i].path, path) == 0)
            return &kdm_options[i];
    }
    return NULL;
}

static bool is_section(const char *path)
{
    const char *name;

    for (size_t i = 0; (name = name_at(i)) != NULL; i++) {
        if (begins(name, path))
            return true;
    }
    return false;
}

/* Any name may be a plugin's; but one that is a slip away from device-manager is taken for a slip.
 */
static bool is_other_plugin(const char *path)
{
    const char *name = path + strlen("plugins.");

    return begins(path, "plugins") && !begins(path, "plugins.device-manager")
           && kdm_str_distance(kdm_str_of(name), KDM_STR("device-manager")) > 2;
}

enum kdm_option_kind kdm_option_find(const char *path, const struct kdm_option **ret_option,
                                     const char **ret_why)
{
    if ((*ret_option = option_by_path(path)) != NULL)
        return KDM_OPTION_KNOWN;
    for (size_t i = 0; i < COUNT(aliases); i++) {
        if (strcmp(aliases[i].path, path) == 0) {
            *ret_option = option_by_path(aliases[i].of);
            return KDM_OPTION_ALIAS;
        }
    }
    for (size_t i = 0; i < COUNT(ignored); i++) {
        if (strcmp(ignored[i].path, path) == 0 || begins(path, ignored[i].path)) {
            *ret_why = ignored[i].why;
            return KDM_OPTION_IGNORED;
        }
    }
    if (is_section(path))
        return KDM_OPTION_SECTION;
    return is_other_plugin(path) ? KDM_OPTION_PLUGIN : KDM_OPTION_UNKNOWN;
}

const struct kdm_option *kdm_option_by_flag(const char *flag)
{
    for (size_t i = 0; i < kdm_option_count; i++) {
        if (kdm_options[i].flag != NULL && strcmp(kdm_options[i].flag, flag) == 0)
            return &kdm_options[i];
    }
    return NULL;
}

const struct kdm_option *kdm_option_by_env(const char *env)
{
    for (size_t i = 0; i < kdm_option_count; i++) {
        if (kdm_options[i].env != NULL && strcmp(kdm_options[i].env, env) == 0)
            return &kdm_options[i];
    }
    return NULL;
}

/* --- near names ------------------------------------------------------------------------ */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static const char *last_part(struct kdm_str path)
{
    const char *dot = memrchr(path.ptr, '.', path.len);

    return dot == NULL ? path.ptr : dot + 1;
}

/* An option written in the wrong section ("port" for "server.port") is nearer than any typo of two
 * characters. */
static unsigned name_distance(struct kdm_str path, struct kdm_str name)
{
    const char *path_last = last_part(path), *name_last = last_part(name);
    size_t path_len = (size_t)(path.ptr + path.len - path_last);
    size_t name_len = (size_t)(name.ptr + name.len - name_last);
    unsigned distance = kdm_str_distance(path, name);

    if (path_len == name_len && memcmp(path_last, name_last, name_len) == 0)
        return least(distance, 2);
    return distance;
}

struct kdm_str kdm_option_nearest(const char *path)
{
    struct kdm_str nearest = KDM_STR_NONE, asked = kdm_str_of(path);
    unsigned nearest_distance = ~0u;
    const char *name;

    for (size_t i = 0; (name = name_at(i)) != NULL; i++) {
        struct kdm_str whole = kdm_str_of(name);

        /* The name, and each section that it stands in. */
        for (size_t len = 1; len <= whole.len; len++) {
            struct kdm_str part = { .ptr = name, .len = len };
            unsigned distance;

            if (len < whole.len && name[len] != '.')
                continue;
            distance = name_distance(asked, part);
            if (distance < nearest_distance) {
                nearest_distance = distance;
                nearest = part;
            }
        }
    }
    return nearest;
}

static void keep_nearer(const char *asked, const char *name, const char **nearest,
                        unsigned *distance)
{
    unsigned other = name == NULL ? ~0u : kdm_str_distance(kdm_str_of(asked), kdm_str_of(name));

    if (other < *distance) {
        *distance = other;
        *nearest = name;
    }
}

const char *kdm_option_nearest_flag(const char *flag)
{
    const char *nearest = "--help";
    unsigned distance = kdm_str_distance(kdm_str_of(flag), kdm_str_of(nearest));

    keep_nearer(flag, "--config", &nearest, &distance);
    keep_nearer(flag, "--version", &nearest, &distance);
    for (size_t i = 0; i < kdm_option_count; i++)
        keep_nearer(flag, kdm_options[i].flag, &nearest, &distance);
    return nearest;
}

const char *kdm_option_nearest_env(const char *env)
{
    const char *nearest = "KDM_CONFIG";
    unsigned distance = kdm_str_distance(kdm_str_of(env), kdm_str_of(nearest));

    for (size_t i = 0; i < kdm_option_count; i++)
        keep_nearer(env, kdm_options[i].env, &nearest, &distance);
    return nearest;
}
