/* config.h - what kdmd was told: defaults < file < environment < command line.
 * The options are one table (options.c) that carries for each its name, type, default,
 * limits, flag, variable and help text. Names are Kuzzle's wherever kdm has the same
 * option ("limits.documentsWriteCount"), so that a Kuzzle user brings a .kuzzlerc; what is
 * kdm's own is below "kdm.". A name that nobody knows is an error, a name that only Kuzzle
 * has a use for is said in a note. Nothing here logs or opens anything but the file: the
 * log level is only known afterwards. Any thread; read-only once loaded.
 */
#ifndef KDM_CONFIG_CONFIG_H
#define KDM_CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/log.h"
#include "redis/own.h" /* enum kdm_durability */
#include <jansson.h>
#include <stdint.h>

/* One line for the log, once the level is set. */
struct kdm_config_note {
    enum kdm_log_level level;
    const char *text;
};

/* NULL-terminated or counted, always both. */
struct kdm_config_list {
    const char *const *items;
    size_t count;
};

/* Durations are milliseconds and sizes bytes unless said otherwise. Texts live as long as
 * the configuration. */
struct kdm_config {
    /* Listening */
    const char *host; /* kdm.host; NULL: every address of the machine, IPv4 and IPv6 */
    int64_t port;     /* server.port; 0: any free one */
    const char *tls_cert, *tls_key; /* kdm.tls.*: PEM files; both or neither (NULL) */
    int64_t max_request_size;
    int64_t max_connection_requests; /* kdm.maxConnectionRequests: in flight of one connection */
    int64_t max_queued_bytes; /* kdm.maxQueuedBytes: waiting for a client that does not read */
    int64_t max_connections;  /* kdm.maxConnections */
    int64_t idle_timeout_ms;  /* server.protocols.websocket.idleTimeout; 0: never closed */
    int64_t rate_limit;       /* messages a second and WebSocket connection; 0: no limit */
    int64_t max_encoding_layers;
    bool allow_compression;     /* of HTTP replies */
    bool websocket_compression; /* permessage-deflate */
    const char *allow_origin;   /* "*" or a comma list */
    bool allow_origin_regexp;   /* the entries of allow_origin are regular expressions */
    const char *allow_headers;  /* NULL: kuzzle-protocol.md 5.5 */
    const char *allow_methods;  /* NULL: kuzzle-protocol.md 5.5 */
    bool cookie_authentication;
    struct kdm_config_list content_types; /* accepted besides the three of kuzzle-protocol.md 5.1 */
    bool strict_sdk_version;

    /* Storage */
    const char *data_dir;  /* kdm.data: of the Redis that kdmd starts itself */
    const char *redis_url; /* kdm.redis; NULL: our own one in data_dir */
    enum kdm_durability durability;
    int64_t feed_max_bytes;          /* kdm.feed.maxBytes, per index */
    int64_t feed_max_age_ms;         /* kdm.feed.maxAge */
    const char *common_dynamic;      /* services.storageEngine.commonMapping.dynamic */
    const json_t *common_properties; /* lent object; commonMapping.properties */
    int64_t scroll_ttl_ms;
    int64_t max_scroll_ms;

    /* Running */
    enum kdm_log_level log_level;
    int64_t request_timeout_ms;
    struct kdm_config_list plugins; /* kdm.plugins: files */

    /* Limits; see kuzzle-protocol.md 11 */
    int64_t concurrent_requests, requests_buffer, requests_buffer_warning;
    int64_t documents_fetch, documents_write;
    int64_t logins_per_second;
    int64_t subscription_conditions; /* in one filter */
    int64_t subscription_minterms;   /* 0: no limit */
    int64_t subscription_rooms;      /* 0: no limit */
    int64_t subscription_document_ttl_ms;

    /* Security */
    const char *token_algorithm;
    int64_t token_expires_ms; /* -1: never */
    int64_t token_grace_ms;
    int64_t token_max_ttl_ms;   /* -1: no limit */
    int64_t api_key_max_ttl_ms; /* -1: no limit */
    bool i_know;                /* kdm.iKnow: no warning of an open server */
    bool strict_tenants;        /* kdm's own: security.strictTenants */
    const char *token_secret;   /* NULL: made once and kept in the store */
    struct kdm_config_list restricted_profiles;
    const json_t *default_role, *standard_roles, *standard_profiles; /* objects, lent */

    /* admin:dump */
    const char *dump_path;
    int64_t dump_count; /* dump.history.reports */

    /* Statistics */
    bool stats;
    int64_t stats_ttl_s, stats_interval_s;

    /* Device manager */
    const char *dm_admin_index;
    const char *dm_config_collection; /* adminCollections.config.name; the other names are fixed */
    bool dm_ignore_startup_errors;
    bool dm_historizes_measures; /* assetsHistorizesMeasures */
    bool dm_auto_update;         /* engine.autoUpdate */
    /* Lent objects: {"asset":{"name":..,"mappings":{..},"settings":{..}},..}; mappings and settings
     * only where they were given. */
    const json_t *dm_engine_collections, *dm_admin_collections;

    /* Other vendors' APIs: dialects.*; objects, lent */
    const json_t *actionhub, *enos, *mindsphere;

    /* What server:getConfig shows: the effective configuration without "security", without secrets
     * and without sections that belong to plugins we do not know. The action adds "version". */
    json_t *tree;
    /* All that was given below "plugins.<name>" for other plugins, as it was given: a plugin's own
     * configuration, passed to it and shown to nobody. */
    json_t *plugin_trees;

    struct kdm_config_note *notes; /* in the order to be logged */
    size_t note_count;

    struct kdm_arena arena; /* holds the texts above */
    json_t *values;         /* holds the lent objects */
};

/* Reads the configuration. `argv` and `envp` as main() has them; borrowed for the call.
 * 0: *ret_config is there, free it with kdm_config_destroy().
 * 1: help or version was printed to stdout, nothing else is to be done.
 * -1: *ret_error is one line that names the option, the value and what is expected; free() it. */
int kdm_config_load(int argc, char *const *argv, char *const *envp, struct kdm_config **ret_config,
                    char **ret_error);

/* NULL is fine. */
void kdm_config_destroy(struct kdm_config *config);

#endif
