/* options.c - the table of everything that can be configured.
 * Names, limits and defaults of Kuzzle's options are those of reference kuzzle-protocol.md 11 and
 * device-manager.md 2. To add an option: a field in config.h and a row here; help, variables,
 * checks and server:getConfig follow from the row.
 */
#include "config/options.h"
#include <stddef.h>

#define FIELD(name) .field = offsetof(struct kdm_config, name)
#define NO_FIELD    .field = KDM_OPTION_NO_FIELD
#define LARGEST     9007199254740992 /* 2^53 */

#define BOOL          .type = KDM_OPTION_BOOL
#define INT(low, top) .type = KDM_OPTION_INT, .min = (low), .max = (top)
#define SIZE(low)     .type = KDM_OPTION_SIZE, .min = (low), .max = LARGEST
#define DURATION(low) .type = KDM_OPTION_DURATION, .min = (low), .max = LARGEST
#define STRING        .type = KDM_OPTION_STRING
#define OBJECT        .type = KDM_OPTION_OBJECT, .initial = "{}"

static const char *const durabilities[] = { "always", "everysec", "no", NULL };
static const char *const levels[] = { "debug", "info", "warn", "error", NULL };
static const char *const dynamics[] = { "true", "false", "strict", NULL };
static const char *const algorithms[] = { "HS256", "HS384", "HS512", NULL };

_Static_assert(KDM_DURABILITY_ALWAYS == 0 && KDM_DURABILITY_EVERYSEC == 1 && KDM_DURABILITY_NO == 2,
               "durabilities[] follows enum kdm_durability");
_Static_assert(KDM_LOG_DEBUG == 0 && KDM_LOG_INFO == 1 && KDM_LOG_WARN == 2 && KDM_LOG_ERROR == 3,
               "levels[] follows enum kdm_log_level");

/* Collection names of the device manager are fixed: the option is there because a copied
 * configuration holds it, and takes only the name that it has anyway. */
#define FIXED(fixed) .words = (const char *const[]){ fixed, NULL }, .initial = "\"" fixed "\""
#define COLLECTION(section, fixed, what)                                                           \
    { "plugins.device-manager." section ".name", STRING, FIXED(fixed), NO_FIELD,                   \
      .help = "fixed name of the collection of " what },                                           \
        COLLECTION_REST(section, what)
#define COLLECTION_REST(section, what)                                                             \
    { "plugins.device-manager." section ".mappings", OBJECT, NO_FIELD,                             \
      .help = "base mappings of " what },                                                          \
    {                                                                                              \
        "plugins.device-manager." section ".settings", OBJECT, NO_FIELD,                           \
            .help = "settings of the collection of " what                                          \
    }

#define ALLOW_ALL "{\"controllers\":{\"*\":{\"actions\":{\"*\":true}}}}"

/* clang-format off: one option a paragraph reads better than what it makes of macros in braces */
const struct kdm_option kdm_options[] = {
    { "server.port", INT(0, 65535), .initial = "7512", FIELD(port), .group = "Listening",
      .flag = "--port", .env = "KDM_PORT", .arg = "PORT",
      .help = "port for WebSocket and HTTP; 0: any free one" },
    /* Like Kuzzle, so that a container or a second machine needs no option; whoever wants less says
       127.0.0.1. */
    { "kdm.host", STRING, .optional = true, .initial = "null", FIELD(host), .flag = "--host",
      .env = "KDM_HOST", .arg = "ADDRESS",
      .help = "address to listen on; default: all, IPv4 and IPv6" },
    { "kdm.tls.cert", STRING, .optional = true, .secret = true, .initial = "null", FIELD(tls_cert),
      .flag = "--tls-cert", .env = "KDM_TLS_CERT", .arg = "FILE",
      .help = "PEM file with certificate and chain: https and wss; read again on SIGHUP" },
    { "kdm.tls.key", STRING, .optional = true, .secret = true, .initial = "null", FIELD(tls_key),
      .flag = "--tls-key", .env = "KDM_TLS_KEY", .arg = "FILE", .help = "PEM file with its key" },

    { "kdm.iKnow", BOOL, .initial = "false", FIELD(i_know), .flag = "--i-know", .env = "KDM_I_KNOW",
      .help = "no warning that anybody who reaches the server may do everything" },

    { "kdm.data", STRING, .initial = "\"./data\"", FIELD(data_dir), .group = "Storage",
      .flag = "--data", .env = "KDM_DATA", .arg = "DIR", .help = "directory of kdmd's own Redis" },
    { "kdm.redis", STRING, .optional = true, .secret = true, .initial = "null", FIELD(redis_url),
      .flag = "--redis", .env = "KDM_REDIS", .arg = "URL",
      .help = "use this Redis (redis://[:password@]host:port[/db] or unix:/path) instead of an own "
              "one" },
    { "kdm.durability", .type = KDM_OPTION_ENUM, .words = durabilities, .initial = "\"always\"",
      FIELD(durability), .flag = "--durability", .env = "KDM_DURABILITY",
      .arg = "always|everysec|no",
      .help = "when own Redis syncs its file: before each answer, each second (a crash of the "
              "machine may lose two), "
              "when the system likes" },

    { "kdm.logLevel", .type = KDM_OPTION_ENUM, .words = levels, .initial = "\"info\"",
      FIELD(log_level), .group = "Running", .flag = "--log-level", .env = "KDM_LOG_LEVEL",
      .arg = "debug|info|warn|error", .help = "least level that is logged" },
    { "kdm.requestTimeout", DURATION(1), .initial = "10000", FIELD(request_timeout_ms),
      .flag = "--request-timeout", .env = "KDM_REQUEST_TIMEOUT", .arg = "MS",
      .help = "deadline of one request" },
    { "kdm.plugins", .type = KDM_OPTION_STRINGS, .initial = "[]", FIELD(plugins),
      .flag = "--plugin", .env = "KDM_PLUGIN", .arg = "FILE.so",
      .help = "native plugin to load; may be given several times, or with commas in the variable" },

    { "kdm.maxQueuedBytes", SIZE(65536), .initial = "8388608", FIELD(max_queued_bytes),
      .group = "kdm",
      .help =
          "bytes that may wait for a client that does not read, before it is closed with 1013" },
    { "kdm.maxConnectionRequests", INT(1, 1000000), .initial = "1000",
      FIELD(max_connection_requests),
      .help = "in flight of one connection; it is not read while there are more" },
    { "kdm.maxConnections", INT(1, 1000000), .initial = "50000", FIELD(max_connections),
      .help = "connections at once" },
    { "kdm.feed.maxBytes", SIZE(65536), .initial = "16777216", FIELD(feed_max_bytes),
      .help = "bytes of the change feed kept per index" },
    { "kdm.feed.maxAge", DURATION(1000), .initial = "3600000", FIELD(feed_max_age_ms),
      .help = "age up to which changes are kept in the feed" },

    { "server.maxRequestSize", SIZE(1), .initial = "1048576", FIELD(max_request_size),
      .group = "server", .help = "largest message or HTTP body" },
    { "server.strictSdkVersion", BOOL, .initial = "true", FIELD(strict_sdk_version),
      .help = "refuse SDKs of another major version" },
    { "server.protocols.http.allowCompression", BOOL, .initial = "true", FIELD(allow_compression),
      .help = "compressed HTTP bodies, both ways" },
    { "server.protocols.http.maxEncodingLayers", INT(1, 100), .initial = "3",
      FIELD(max_encoding_layers), .help = "most encodings on top of each other" },
    { "server.protocols.http.additionalContentTypes", .type = KDM_OPTION_STRINGS, .initial = "[]",
      FIELD(content_types), .help = "accepted besides JSON and the two form types" },
    { "server.protocols.websocket.idleTimeout", DURATION(0), .initial = "60000",
      FIELD(idle_timeout_ms),
      .help = "close a connection from which nothing came for so long; 0: never" },
    { "server.protocols.websocket.rateLimit", INT(0, 1000000000), .initial = "0", FIELD(rate_limit),
      .help = "messages a second and connection; 0: no limit" },
    { "server.protocols.websocket.compression", BOOL, .initial = "false",
      FIELD(websocket_compression), .help = "permessage-deflate" },

    { "http.accessControlAllowOrigin", .type = KDM_OPTION_ORIGINS, .initial = "\"*\"",
      FIELD(allow_origin), .group = "http",
      .help = "origins that may ask: \"*\", a comma list or an array" },
    { "http.accessControlAllowOriginUseRegExp", BOOL, .initial = "false",
      FIELD(allow_origin_regexp), .help = "those are regular expressions" },
    { "http.accessControlAllowHeaders", STRING, .optional = true, .initial = "null",
      FIELD(allow_headers), .help = "default: the headers that SDKs send" },
    { "http.accessControlAllowMethods", STRING, .optional = true, .initial = "null",
      FIELD(allow_methods), .help = "default: all that are routed" },
    { "http.cookieAuthentication", BOOL, .initial = "true", FIELD(cookie_authentication),
      .help = "tokens in cookies" },

    { "limits.concurrentRequests", INT(1, 1000000), .initial = "100", FIELD(concurrent_requests),
      .group = "limits", .help = "requests worked on at once" },
    { "limits.requestsBufferSize", INT(1, 100000000), .initial = "50000", FIELD(requests_buffer),
      .help = "requests that may wait for their turn" },
    { "limits.requestsBufferWarningThreshold", INT(1, 100000000), .initial = "5000",
      FIELD(requests_buffer_warning), .help = "say so when so many wait" },
    { "limits.documentsFetchCount", INT(1, 100000000), .initial = "10000", FIELD(documents_fetch),
      .help = "documents in one page or m* read" },
    { "limits.documentsWriteCount", INT(1, 100000000), .initial = "200", FIELD(documents_write),
      .help = "documents in one m* or by-query write" },
    { "limits.loginsPerSecond", INT(1, 1000000), .initial = "1", FIELD(logins_per_second),
      .help = "auth:login per connection" },
    { "limits.subscriptionConditionsCount", INT(1, 1000000), .initial = "100",
      FIELD(subscription_conditions), .help = "conditions in one filter" },
    { "limits.subscriptionMinterms", INT(0, 1000000000), .initial = "0",
      FIELD(subscription_minterms), .help = "minterms of one filter; 0: no limit" },
    { "limits.subscriptionRooms", INT(0, 1000000000), .initial = "1000000",
      FIELD(subscription_rooms), .help = "rooms at once; 0: no limit" },
    { "limits.subscriptionDocumentTTL", DURATION(0), .initial = "259200000",
      FIELD(subscription_document_ttl_ms),
      .help = "how long it is remembered which rooms a document matched" },

    { "services.storageEngine.commonMapping.dynamic", STRING, .words = dynamics,
      .initial = "\"false\"", FIELD(common_dynamic), .group = "services",
      .help = "dynamic of a collection that says nothing" },
    { "services.storageEngine.commonMapping.properties", .type = KDM_OPTION_OBJECT,
      FIELD(common_properties),
      .initial =
          "{\"_kuzzle_info\":{\"properties\":{\"author\":{\"type\":\"keyword\"},\"createdAt\":{"
          "\"type\":"
          "\"date\"},\"updater\":{\"type\":\"keyword\"},\"updatedAt\":{\"type\":\"date\"}}}}",
      .help = "fields of every collection" },
    { "services.storageEngine.defaults.scrollTTL", DURATION(1), .initial = "15000",
      FIELD(scroll_ttl_ms), .help = "life of a scroll that says nothing" },
    { "services.storageEngine.maxScrollDuration", DURATION(1), .initial = "60000",
      FIELD(max_scroll_ms), .help = "longest life of a scroll" },

    { "security.authToken.algorithm", STRING, .words = algorithms, .initial = "\"HS256\"",
      FIELD(token_algorithm), .group = "security", .help = "signature of tokens" },
    { "security.authToken.expiresIn", DURATION(-1), .initial = "3600000", FIELD(token_expires_ms),
      .help = "life of a token; -1: no end" },
    { "security.authToken.gracePeriod", DURATION(0), .initial = "1000", FIELD(token_grace_ms),
      .help = "how long a refreshed token still works" },
    { "security.authToken.maxTTL", DURATION(-1), .initial = "-1", FIELD(token_max_ttl_ms),
      .help = "longest life of a token; -1: no limit" },
    { "security.authToken.secret", STRING, .optional = true, .secret = true, .initial = "null",
      FIELD(token_secret), .help = "what tokens are signed with; default: made once and stored" },
    { "security.apiKey.maxTTL", DURATION(-1), .initial = "-1", FIELD(api_key_max_ttl_ms),
      .help = "longest life of an API key; -1: no limit" },
    { "security.strictTenants", BOOL, .initial = "false", FIELD(strict_tenants),
      .help = "what restricts a profile to indexes holds for engineId too" },
    { "security.restrictedProfileIds", .type = KDM_OPTION_STRINGS, .initial = "[\"default\"]",
      FIELD(restricted_profiles),
      .help = "profiles of users made by security:createRestrictedUser" },
    { "security.default.role", .type = KDM_OPTION_OBJECT, .initial = ALLOW_ALL, FIELD(default_role),
      .help = "role of everybody before the first admin" },
    { "security.standard.roles", .type = KDM_OPTION_OBJECT, FIELD(standard_roles),
      .initial = "{\"admin\":" ALLOW_ALL ","
                 "\"default\":{\"controllers\":{\"auth\":{\"actions\":{\"checkToken\":true,"
                 "\"getCurrentUser\":true,"
                 "\"getMyRights\":true,\"logout\":true,\"updateSelf\":true}},\"server\":{"
                 "\"actions\":{\"publicApi\":"
                 "true}}}},"
                 "\"anonymous\":{\"controllers\":{\"auth\":{\"actions\":{\"checkToken\":true,"
                 "\"getCurrentUser\":true,"
                 "\"getMyRights\":true,\"login\":true}},\"server\":{\"actions\":{\"publicApi\":"
                 "true,\"openapi\":true"
                 "}}}}}",
      .help = "roles after createFirstAdmin with reset" },
    { "security.standard.profiles", .type = KDM_OPTION_OBJECT, FIELD(standard_profiles),
      .initial = "{\"admin\":{\"rateLimit\":0,\"policies\":[{\"roleId\":\"admin\"}]},"
                 "\"default\":{\"rateLimit\":10,\"policies\":[{\"roleId\":\"default\"}]},"
                 "\"anonymous\":{\"rateLimit\":200,\"policies\":[{\"roleId\":\"anonymous\"}]}}",
      .help = "profiles after createFirstAdmin with reset" },

    { "dump.path", STRING, .initial = "\"./dump\"", FIELD(dump_path), .group = "dump",
      .help = "directory of the files that admin:dump writes" },
    { "dump.history.reports", INT(1, 1000), .initial = "5", FIELD(dump_count),
      .help = "so many of them are kept" },

    { "stats.enabled", BOOL, .initial = "true", FIELD(stats), .group = "stats",
      .help = "keep statistics" },
    { "stats.ttl", INT(1, 31536000), .initial = "3600", FIELD(stats_ttl_s),
      .help = "for so many seconds" },
    { "stats.statsInterval", INT(1, 86400), .initial = "10", FIELD(stats_interval_s),
      .help = "seconds of one frame" },

    { "dialects.actionhub", .type = KDM_OPTION_OBJECT, .secret = true, .initial = "{}",
      FIELD(actionhub), .group = "other vendors' APIs",
      .help = "ActionHub: {enabled, prefix, keys: [{key, programs, admin}]}" },
    { "dialects.enos", .type = KDM_OPTION_OBJECT, .secret = true, .initial = "{}", FIELD(enos),
      .help = "EnOS: {enabled, prefix, apps: [{accessKey, secretKey, orgs}]}" },
    { "dialects.mindsphere", .type = KDM_OPTION_OBJECT, .secret = true, .initial = "{}",
      FIELD(mindsphere),
      .help = "MindSphere: {enabled, prefix, defaultTenant, tokens: [{token, tenant}]}" },

    { "plugins.device-manager.adminIndex", STRING, .initial = "\"device-manager\"",
      FIELD(dm_admin_index), .group = "device manager", .help = "index of the platform" },
    { "plugins.device-manager.ignoreStartupErrors", BOOL, .initial = "false",
      FIELD(dm_ignore_startup_errors),
      .help = "log, and go on, when its collections can't be made" },
    { "plugins.device-manager.assetsHistorizesMeasures", BOOL, .initial = "false",
      FIELD(dm_historizes_measures), .help = "history entries for changes that measures make" },
    { "plugins.device-manager.engine.autoUpdate", BOOL, .initial = "true", FIELD(dm_auto_update),
      .help = "apply mappings to all engines at start" },
    { "plugins.device-manager.adminCollections.config.name", STRING, .initial = "\"config\"",
      FIELD(dm_config_collection), .help = "name of the collection of its configuration" },
    COLLECTION_REST("adminCollections.config", "its configuration"),
    COLLECTION("adminCollections.devices", "devices", "devices of the platform"),
    COLLECTION("adminCollections.payloads", "payloads", "payloads"),
    COLLECTION("engineCollections.config", "config", "an engine's configuration"),
    COLLECTION("engineCollections.asset", "assets", "assets"),
    COLLECTION("engineCollections.assetGroups", "assets-groups", "groups of assets"),
    COLLECTION("engineCollections.assetHistory", "assets-history", "histories of assets"),
    COLLECTION("engineCollections.device", "devices", "devices"),
    COLLECTION("engineCollections.measures", "measures", "measures"),
};
/* clang-format on */

const size_t kdm_option_count = sizeof(kdm_options) / sizeof(kdm_options[0]);
