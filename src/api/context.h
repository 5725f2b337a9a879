/* context.h - what actions may need of the server as a whole: kdm_tx_context(tx).
 * Filled by main() before the first request and not changed after. All is lent and outlives every
 * request.
 */
#ifndef KDM_API_CONTEXT_H
#define KDM_API_CONTEXT_H

#include "api/stats.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

struct kdm_api;
struct kdm_hub;
struct kdm_projector;
struct kdm_protocol;
struct kdm_security;
struct kdm_store;
struct kdm_tx_engine;

/* limits.* of the configuration, and others that actions check themselves. */
struct kdm_context_limits {
    int64_t documents_fetch; /* limits.documentsFetchCount */
    int64_t documents_write; /* limits.documentsWriteCount */
    int64_t scroll_ttl_ms, max_scroll_ms;
};

/* The device manager's part of the configuration. */
struct kdm_context_device_manager {
    struct kdm_str admin_index;       /* "device-manager" */
    struct kdm_str config_collection; /* "config" */
    struct kdm_str
        engine_collections; /* JSON object: what the configuration adds to theirs, by name */
    struct kdm_str admin_collections; /* likewise */
    bool historizes_measures;         /* assetsHistorizesMeasures */
    bool auto_update;                 /* engine.autoUpdate */
};

/* security.* of the configuration, as JSON. */
struct kdm_context_security {
    struct kdm_str default_role;        /* role of everybody before rights are restricted */
    struct kdm_str standard_roles;      /* {id: role}: those of restricted rights */
    struct kdm_str standard_profiles;   /* {id: profile} */
    struct kdm_str restricted_profiles; /* ["default"]: of security:createRestrictedUser */
};

struct kdm_context {
    struct kdm_str version;     /* kdm's own */
    struct kdm_str node;        /* this node's id */
    int64_t started_ms;         /* wall clock */
    struct kdm_str config_json; /* what server:getConfig shows */
    struct kdm_context_limits limits;
    struct kdm_str common_dynamic;    /* commonMapping.dynamic: "false", "true", "strict" */
    struct kdm_str common_properties; /* commonMapping.properties, a JSON object */
    struct kdm_context_device_manager device_manager;
    struct kdm_context_security security;

    const struct kdm_protocol *protocol; /* the tables: controllers, actions, routes */
    struct kdm_store *store;
    struct kdm_tx_engine *engine;
    struct kdm_hub *hub;
    struct kdm_projector *projector;
    struct kdm_api *api;     /* set by kdm_api_create() */
    struct kdm_stats *stats; /* set by kdm_api_create() */
    struct kdm_security *guard; /* security/security.h; NULL in tests that have none */

    /* Connections now; NULL: unknown. net/ stands behind actions in link order. */
    void (*connections)(void *ctx, struct kdm_stats_connections *ret_connections);
    void *connections_ctx;

    struct kdm_str dump_path; /* directory of admin:dump */
    int64_t dump_count;       /* so many dumps are kept */

    /* Ends the process once what runs has ended, this request included; being asked again changes
     * nothing. */
    void (*stop)(void *ctx);
    void *stop_ctx;

    struct kdm_str plugins_json; /* server:info's and server:capabilities' plugins: {name: {version, ..}} */
};

#endif
