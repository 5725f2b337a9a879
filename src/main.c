/* main.c - kdmd: puts the parts together, runs the loop, takes them apart.
 * The order of starting is the order in which things rest on each other; stopping goes the other way.
 * Everything that can fail at the start ends it with one line and exit 1.
 */
#include "action/start.h"
#include "api/api.h"
#include "api/subscriber.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "dialect/dialect.h"
#include "exposure.h"
#include "net/net.h"
#include "plugin/native.h"
#include "plugin/requests.h"
#include "projector/projector.h"
#include "redis/own.h"
#include "security/security.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define READY_WAIT_MS   10000 /* how long the start waits for a Redis that is given */
#define DRAIN_WAIT_MS   3000  /* how long the stop waits for running requests */
#define REDIS_STOP_MS   1500
#define WATCH_MS        20

struct server {
    uv_loop_t loop;
    struct kdm_config *config;
    struct kdm_random random;
    struct kdm_arena arena; /* texts that live as long as the server */
    struct kdm_protocol protocol;
    struct kdm_context context;
    struct kdm_own_redis *own_redis;
    struct kdm_store *store;
    struct kdm_hub *hub;
    struct kdm_projector *projector;
    struct kdm_bus *bus;
    struct kdm_tx_engine *engine;
    struct kdm_security *security;
    struct kdm_api *api;
    struct kdm_plugin_requests *plugin_requests;
    struct kdm_start *starting; /* NULL: not yet, or done */
    struct kdm_native *plugins;
    struct kdm_dialects *dialects;
    struct kdm_net *net;
    uv_signal_t on_term, on_int, on_hup;
    uv_timer_t watch;
    int64_t watch_until;
    bool stopping, started, start_failed;
};

/* --- what actions know of the server ------------------------------------------------------------ */

static struct kdm_str json_text(struct kdm_arena *arena, const json_t *tree)
{
    return tree == NULL ? KDM_STR("{}") : kdm_json_of_tree(arena, tree);
}

static struct kdm_str list_text(struct kdm_arena *arena, const struct kdm_config_list *list)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, arena, 64);
    kdm_buf_char(&buf, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            kdm_buf_char(&buf, ',');
        kdm_json_put_str(&buf, kdm_str_of(list->items[i]));
    }
    kdm_buf_char(&buf, ']');
    return kdm_buf_str(&buf);
}

static void count_connections(void *ctx, struct kdm_stats_connections *ret_connections)
{
    struct server *server = ctx;
    struct kdm_net_counts counts = { 0 };

    if (server->net != NULL)
        kdm_net_counts(server->net, &counts);
    ret_connections->websocket = counts.websocket;
    ret_connections->http = counts.http;
}

static void stop_soon(void *ctx);

static void fill_context(struct server *server)
{
    const struct kdm_config *config = server->config;
    struct kdm_arena *arena = &server->arena;

    server->protocol = (struct kdm_protocol)KDM_PROTOCOL_GENERATED;
    server->context = (struct kdm_context){
        .version = KDM_STR(KDM_VERSION),
        .node = kdm_friendly_id(&server->random, arena, "knode"),
        .started_ms = kdm_clock_ms(),
        .config_json = json_text(arena, config->tree),
        .limits = { .documents_fetch = config->documents_fetch,
                    .documents_write = config->documents_write,
                    .scroll_ttl_ms = config->scroll_ttl_ms,
                    .max_scroll_ms = config->max_scroll_ms },
        .common_dynamic = kdm_str_of(config->common_dynamic),
        .common_properties = json_text(arena, config->common_properties),
        .device_manager = { .admin_index = kdm_str_of(config->dm_admin_index),
                            .config_collection = kdm_str_of(config->dm_config_collection),
                            .engine_collections = json_text(arena, config->dm_engine_collections),
                            .admin_collections = json_text(arena, config->dm_admin_collections),
                            .historizes_measures = config->dm_historizes_measures,
                            .auto_update = config->dm_auto_update },
        .security = { .default_role = json_text(arena, config->default_role),
                      .standard_roles = json_text(arena, config->standard_roles),
                      .standard_profiles = json_text(arena, config->standard_profiles),
                      .restricted_profiles = list_text(arena, &config->restricted_profiles) },
        .protocol = &server->protocol,
        .connections = count_connections,
        .connections_ctx = server,
        .dump_path = kdm_str_of(config->dump_path),
        .dump_count = config->dump_count,
        .stop = stop_soon,
        .stop_ctx = server,
    };
}

/* --- starting ------------------------------------------------------------------------------------ */

static bool start_hub(struct server *server, const char *redis_url, char **ret_error)
{
    const struct kdm_config *config = server->config;
    struct kdm_hub_options options = {
        .loop = &server->loop,
        .store = server->store,
        .redis_url = redis_url,
        .node = server->context.node,
        .limits = { .conditions = (size_t)config->subscription_conditions,
                    .minterms = (size_t)config->subscription_minterms },
        .max_rooms = (size_t)config->subscription_rooms,
        .send = kdm_subscriber_send,
        .queued = kdm_subscriber_queued,
    };

    server->hub = kdm_hub_create(&options, ret_error);
    return server->hub != NULL;
}

static bool start_store(struct server *server, char **ret_error)
{
    const struct kdm_config *config = server->config;
    struct kdm_store_options options = { .redis_url = config->redis_url,
                                         .node = server->context.node,
                                         .feed_max_bytes = (size_t)config->feed_max_bytes,
                                         .feed_max_age_ms = config->feed_max_age_ms };

    if (config->redis_url == NULL) {
        server->own_redis =
            kdm_own_redis_start(&server->loop, config->data_dir, config->durability, ret_error);
        if (server->own_redis == NULL)
            return false;
        options.redis_url = kdm_own_redis_url(server->own_redis);
    }
    server->store = kdm_store_open(&server->loop, &options, &server->random, ret_error);
    return server->store != NULL && start_hub(server, options.redis_url, ret_error);
}

static bool store_ready(void *ctx)
{
    return kdm_store_ready(((struct server *)ctx)->store);
}

/* What a connection has subscribed to ends with its token. */
static void on_token_end(void *ctx, struct kdm_peer *peer, enum kdm_token_end why)
{
    (void)ctx;
    if (peer->member == NULL)
        return;
    if (why == KDM_TOKEN_EXPIRED)
        kdm_hub_token_expired(peer->member);
    else
        kdm_hub_token_revoked(peer->member);
}

static bool start_security(struct server *server, char **ret_error)
{
    const struct kdm_config *config = server->config;
    struct kdm_security_options options = {
        .protocol = &server->protocol,
        .strict_tenants = config->strict_tenants,
        .logins_per_second = config->logins_per_second,
        .token_algorithm = config->token_algorithm,
        .token_secret = kdm_str_of(config->token_secret),
        .token_ttl_ms = config->token_expires_ms,
        .token_max_ttl_ms = config->token_max_ttl_ms,
        .token_grace_ms = config->token_grace_ms,
        .api_key_max_ttl_ms = config->api_key_max_ttl_ms,
        .cookies = config->cookie_authentication,
        .local = json_object_get(config->plugin_trees, "kuzzle-plugin-auth-passport-local"),
    };

    server->security =
        kdm_security_create(&server->loop, server->engine, server->store, &options, ret_error);
    server->context.guard = server->security;
    if (server->security == NULL)
        return false;
    kdm_security_on_token_end(server->security, on_token_end, server);
    return true;
}

static bool read_dialects(struct server *server, char **ret_error)
{
    const struct kdm_dialect_options options = { .actionhub = server->config->actionhub,
                                                 .enos = server->config->enos,
                                                 .mindsphere = server->config->mindsphere };

    server->dialects = kdm_dialects_create(&options, ret_error);
    return server->dialects != NULL;
}

static void start_engine(struct server *server)
{
    struct kdm_hash_seed seed;

    kdm_random_fill(&server->random, &seed, sizeof(seed));
    server->bus = kdm_bus_create(&seed);
    server->engine = kdm_tx_engine_create(&server->loop, server->store, server->bus, &server->context);
    server->projector = kdm_projector_create(&server->loop, server->store);
    kdm_tx_search_with(server->engine, server->projector);
    server->context.projector = server->projector;
    server->context.store = server->store;
    server->context.engine = server->engine;
    server->context.hub = server->hub;
}

static void start_api(struct server *server)
{
    const struct kdm_config *config = server->config;
    size_t door_count;
    struct kdm_api_options options = {
        .protocol = &server->protocol,
        .context = &server->context,
        .node = server->context.node,
        .max_in_flight = (size_t)config->requests_buffer,
        .request_timeout_ms = config->request_timeout_ms,
        .allow_origin = config->allow_origin,
        .allow_origin_regexp = config->allow_origin_regexp,
        .doors = kdm_dialects_doors(server->dialects, &door_count),
        .strict_sdk_version = config->strict_sdk_version,
        .cookie_authentication = config->cookie_authentication,
        .stats = config->stats,
        .stats_interval_ms = config->stats_interval_s * 1000,
        .stats_ttl_ms = config->stats_ttl_s * 1000,
        .guard = kdm_security_guard(server->security),
        .ready = store_ready,
        .ready_ctx = server,
    };

    options.door_count = door_count;
    server->api = kdm_api_create(&server->loop, server->engine, server->bus, &options);
}

/* The device manager is part of kdm; it is listed with the version of the plugin whose API it has, because
 * clients look for it here. */
static struct kdm_str plugins_text(struct server *server)
{
    const char *name;
    struct kdm_buf buf;

    kdm_buf_init(&buf, &server->arena, 128);
    kdm_buf_lit(&buf, "{\"device-manager\":{\"version\":\"2.10.1\"}");
    for (size_t i = 0; (name = kdm_native_name(server->plugins, i)) != NULL; i++) {
        kdm_json_put_name(&buf, kdm_str_of(name));
        kdm_buf_lit(&buf, "{\"version\":\"native\"}");
    }
    kdm_buf_char(&buf, '}');
    return kdm_buf_str(&buf);
}

static bool start_plugins(struct server *server, char **ret_error)
{
    struct kdm_plugin_services services;

    server->plugin_requests = kdm_plugin_requests_create(server->api, server->engine, &services);
    server->plugins = kdm_native_create(&server->loop, server->bus, &services);
    if (server->plugins == NULL)
        return false;
    for (size_t i = 0; i < server->config->plugins.count; i++) {
        if (!kdm_native_load(server->plugins, server->config->plugins.items[i],
                             server->config->plugin_trees, ret_error))
            return false;
    }
    server->context.plugins_json = plugins_text(server);
    return true;
}

static bool start_net(struct server *server, char **ret_error)
{
    const struct kdm_config *config = server->config;
    struct kdm_net_options options = {
        .host = config->host,
        .port = (int)config->port,
        .max_message = (size_t)config->max_request_size,
        .max_queued = (size_t)config->max_queued_bytes,
        .max_requests = (size_t)config->max_connection_requests,
        .idle_timeout_ms = (int)config->idle_timeout_ms,
        .rate_limit = (int)config->rate_limit,
        .max_encoding_layers = (int)config->max_encoding_layers,
        .max_connections = (size_t)config->max_connections,
        .allow_compression = config->allow_compression,
        .websocket_compression = config->websocket_compression,
        /* The edge knows no regular expressions: it lets the API refuse and only echoes the origin. */
        .allow_origin = config->allow_origin_regexp ? "*" : config->allow_origin,
        .allow_headers = config->allow_headers,
        .allow_methods = config->allow_methods,
        .cookies = config->cookie_authentication,
        .tls_cert = config->tls_cert,
        .tls_key = config->tls_key,
        .node = server->context.node,
    };

    server->net = kdm_net_open(&server->loop, server->api, &options, ret_error);
    return server->net != NULL;
}

/* --- stopping ------------------------------------------------------------------------------------- */

static void on_watch_drain(uv_timer_t *timer)
{
    struct server *server = timer->data;
    bool drained = kdm_api_running(server->api) == 0 && kdm_net_queued(server->net) == 0;

    if (drained || kdm_clock_monotonic_ms() >= server->watch_until)
        uv_stop(&server->loop);
}

static void stop(struct server *server)
{
    if (server->stopping)
        return;
    server->stopping = true;
    kdm_log_info("stopping: %zu requests are still running", kdm_api_running(server->api));
    kdm_net_stop_accepting(server->net);
    kdm_hub_withdraw(server->hub);
    kdm_api_drain(server->api);
    server->watch_until = kdm_clock_monotonic_ms() + DRAIN_WAIT_MS;
    uv_timer_start(&server->watch, on_watch_drain, 0, WATCH_MS);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    stop(handle->data);
}

static void on_stop_asked(uv_timer_t *timer)
{
    stop(timer->data);
}

/* admin:shutdown: not from inside a request. */
static void stop_soon(void *ctx)
{
    struct server *server = ctx;

    if (!server->stopping)
        uv_timer_start(&server->watch, on_stop_asked, 0, 0);
}

/* What certbot and the like send when the certificate's files are new. */
static void on_reload(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;
    char *error = NULL;

    (void)number;
    if (server->net == NULL || server->stopping || server->config->tls_cert == NULL)
        kdm_log_info("SIGHUP: there is no certificate to read again");
    else if (kdm_net_reload_tls(server->net, &error))
        kdm_log_info("SIGHUP: new connections get the certificate in %s", server->config->tls_cert);
    else
        kdm_log_error("SIGHUP: the old certificate stays: %s", error);
    free(error);
}

static void on_closed(uv_handle_t *handle)
{
    (void)handle;
}

/* Lets closed handles have their last turn. The watchers of signals stay open, and the loop with
 * them: to close the last watcher of a signal gives the signal its default action back, and a
 * second SIGTERM would then kill what is about to end well. */
static void settle(struct server *server)
{
    for (int turn = 0; turn < 100 && uv_run(&server->loop, UV_RUN_NOWAIT) != 0; turn++)
        ;
}

/* A client may have left while his password was being hashed: some milliseconds more. */
static void await_workers(struct server *server)
{
    struct kdm_tx_counts counts;

    for (int turn = 0; turn < 200 && server->engine != NULL; turn++) {
        kdm_tx_counts(server->engine, &counts);
        if (counts.working == 0)
            return;
        usleep(2000);
        uv_run(&server->loop, UV_RUN_NOWAIT);
    }
}

static void take_apart(struct server *server)
{
    server->stopping = true;       /* also after a start that failed: a signal finds nothing to stop */
    uv_timer_stop(&server->watch); /* it looks at what is taken apart here */
    if (server->plugins != NULL)
        kdm_native_stop(server->plugins);
    kdm_actions_stop(server->starting);
    kdm_plugin_requests_stop(server->plugin_requests);
    kdm_net_close(server->net);
    kdm_api_destroy(server->api);
    kdm_dialects_destroy(server->dialects);
    kdm_plugin_requests_destroy(server->plugin_requests);
    await_workers(server);
    kdm_security_destroy(server->security);
    kdm_tx_engine_destroy(server->engine);
    kdm_hub_destroy(server->hub);
    kdm_projector_stop(server->projector);
    kdm_store_close(server->store);
    kdm_projector_destroy(server->projector);
    kdm_bus_destroy(server->bus);
    kdm_native_destroy(server->plugins); /* the bus knew its listeners until now */
    uv_close((uv_handle_t *)&server->watch, on_closed);
    settle(server);
    kdm_own_redis_stop(server->own_redis, REDIS_STOP_MS);
    settle(server);
    kdm_arena_fini(&server->arena);
    kdm_config_destroy(server->config);
    if (uv_loop_alive(&server->loop))
        kdm_log_debug("the loop still has handles at the end");
}

/* --- running -------------------------------------------------------------------------------------- */

/* Told once all works: a start that fails says one line. */
static void write_notes(const struct kdm_config *config)
{
    for (size_t i = 0; i < config->note_count; i++)
        kdm_log_write(config->notes[i].level, "%s", config->notes[i].text);
}

static void warn_of_exposure(const struct server *server, const struct kdm_security_state *state)
{
    const struct kdm_exposure exposure = { .config = server->config,
                                           .dialects = server->dialects,
                                           .security = state,
                                           .port = kdm_net_port(server->net) };

    kdm_exposure_warn(&exposure);
}

static void fail_start(struct server *server, const char *error)
{
    kdm_log_error("can't start: %s", error);
    server->start_failed = true;
    uv_stop(&server->loop);
}

static void on_prepared(void *ctx, const struct kdm_security_state *state)
{
    struct server *server = ctx;
    const char *secure = server->config->tls_cert != NULL ? "s" : "";

    if (state->error != NULL) {
        fail_start(server, state->error);
        return;
    }
    server->started = true;
    uv_timer_stop(&server->watch);
    kdm_projector_warm_up(server->projector);
    kdm_jobs_resume(server->engine, server->own_redis != NULL);
    write_notes(server->config);
    warn_of_exposure(server, state);
    kdm_log_info("kdmd listening on http%s://%s:%d (ws%s and http%s)", secure,
                 server->config->host != NULL ? server->config->host : "0.0.0.0",
                 kdm_net_port(server->net), secure, secure);
}

static void on_started(void *ctx, const char *error)
{
    struct server *server = ctx;

    server->starting = NULL;
    if (error != NULL && !server->config->dm_ignore_startup_errors) {
        fail_start(server, error);
        return;
    }
    if (error != NULL)
        kdm_log_warn("plugins.device-manager.ignoreStartupErrors: started all the same: %s", error);
    kdm_security_prepare(server->security, on_prepared, server);
}

/* The start waits for Redis, then makes the collections that the server itself needs. */
static void on_watch_start(uv_timer_t *timer)
{
    struct server *server = timer->data;
    const char *error = kdm_store_last_error(server->store);

    if (kdm_store_ready(server->store)) {
        uv_timer_stop(&server->watch);
        server->starting = kdm_actions_start(server->engine, on_started, server);
    } else if (kdm_store_refused(server->store) || kdm_clock_monotonic_ms() >= server->watch_until) {
        kdm_log_error("can't start: Redis can't be used: %s", error != NULL ? error : "no answer");
        server->start_failed = true;
        uv_stop(&server->loop);
    }
}

/* A connection is a file descriptor: as many as the system lets us have. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void watch_signals(struct server *server)
{
    uv_signal_init(&server->loop, &server->on_term);
    uv_signal_init(&server->loop, &server->on_int);
    uv_signal_init(&server->loop, &server->on_hup);
    uv_timer_init(&server->loop, &server->watch);
    server->on_term.data = server->on_int.data = server->on_hup.data = server->watch.data = server;
    uv_signal_start(&server->on_term, on_signal, SIGTERM);
    uv_signal_start(&server->on_int, on_signal, SIGINT);
    uv_signal_start(&server->on_hup, on_reload, SIGHUP);
    /* They alone do not keep the loop alive. */
    uv_unref((uv_handle_t *)&server->on_term);
    uv_unref((uv_handle_t *)&server->on_int);
    uv_unref((uv_handle_t *)&server->on_hup);
}

static bool start(struct server *server)
{
    char *error = NULL;

    fill_context(server);
    if (read_dialects(server, &error) && start_store(server, &error)) {
        start_engine(server);
        if (start_security(server, &error))
            start_api(server);
        if (server->api != NULL && start_plugins(server, &error) && start_net(server, &error))
            return true;
    }
    kdm_log_error("can't start: %s", error != NULL ? error : "out of resources");
    free(error);
    return false;
}

static int run(struct server *server)
{
    server->watch_until =
        kdm_clock_monotonic_ms() + (server->own_redis != NULL ? 10 * READY_WAIT_MS : READY_WAIT_MS / 2);
    uv_timer_start(&server->watch, on_watch_start, 0, WATCH_MS);
    uv_run(&server->loop, UV_RUN_DEFAULT);
    return server->start_failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    static struct server server; /* large: the random buffer; only main() names it */
    char *error = NULL;
    int status = kdm_config_load(argc, argv, environ, &server.config, &error);
    uint64_t seed[2];

    if (status != 0) {
        if (error != NULL)
            fprintf(stderr, "kdmd: %s\n", error);
        free(error);
        return status < 0 ? 1 : 0;
    }
    signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    kdm_log_set_level(server.config->log_level);
    kdm_random_fill(&server.random, seed, sizeof(seed));
    kdm_json_seed(seed[0], seed[1]);
    kdm_arena_init(&server.arena, 65536);
    uv_loop_init(&server.loop);
    watch_signals(&server);
    status = start(&server) ? run(&server) : 1;
    take_apart(&server);
    return status;
}
