/* server_info.c - what the server consists of and how its parts are. The only service behind it is
 * Redis; it stands under each of the names by which Kuzzle knows its storages and caches.
 */
#include "action/kuzzle/server.h"
#include "base/clock.h"
#include "projector/projector.h"
#include "redis/reply.h"
#include <uv.h>

/* --- info ------------------------------------------------------------------------------------- */

/* A line of Redis's INFO, empty when there is none. */
static struct kdm_str figure(struct kdm_str info, const char *name)
{
    struct kdm_str value = kdm_redis_info_field(info, name);

    return kdm_str_none(value) ? KDM_STR("") : value;
}

static void put_figure(struct kdm_buf *buf, const char *name, struct kdm_str info,
                       const char *redis_name)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_json_put_str(buf, figure(info, redis_name));
}

static void put_cache(struct kdm_buf *buf, const char *name, struct kdm_str info)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_lit(buf, "{\"type\":\"redis\"");
    put_figure(buf, "version", info, "redis_version");
    put_figure(buf, "mode", info, "redis_mode");
    put_figure(buf, "memoryUsed", info, "used_memory_human");
    put_figure(buf, "memoryPeak", info, "used_memory_peak_human");
    kdm_buf_char(buf, '}');
}

/* What tools know of a storage is Elasticsearch, whose queries this one takes. */
static void put_storage(struct kdm_buf *buf, const char *name, struct kdm_str info)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_lit(buf, "{\"type\":\"elasticsearch\",\"version\":\"" KDM_STORAGE_VERSION
                     "\",\"lucene\":null,\"status\":");
    kdm_json_put_str(buf, info.len > 0 ? KDM_STR("green") : KDM_STR("red"));
    put_figure(buf, "spaceUsed", info, "used_memory_human");
    kdm_buf_lit(buf, ",\"nodes\":1}");
}

static void put_cpus(struct kdm_buf *buf)
{
    uv_cpu_info_t *cpus = NULL;
    int count = 0;

    kdm_buf_lit(buf, "\"cpus\":[");
    if (uv_cpu_info(&cpus, &count) == 0) {
        for (int i = 0; i < count; i++) {
            kdm_buf_put(buf, i > 0 ? KDM_STR(",{\"model\":") : KDM_STR("{\"model\":"));
            kdm_json_put_str(buf, kdm_str_of(cpus[i].model));
            kdm_buf_printf(buf, ",\"speed\":%d}", cpus[i].speed);
        }
        uv_free_cpu_info(cpus, count);
    }
    kdm_buf_char(buf, ']');
}

void kdm_put_process(struct kdm_buf *buf, const struct kdm_context *server)
{
    size_t resident = 0;

    uv_resident_set_memory(&resident);
    kdm_buf_lit(buf, "\"application\":{\"name\":\"kdm\",\"version\":");
    kdm_json_put_str(buf, server->version);
    kdm_buf_printf(buf, ",\"commit\":null},\"memoryUsed\":%zu", resident);
    kdm_buf_lit(buf, ",\"nodeVersion\":\"kdm\",\"plugins\":");
    kdm_buf_put(buf, server->plugins_json);
    kdm_buf_lit(buf, ",\"system\":{");
    put_cpus(buf);
    kdm_buf_printf(buf, ",\"memory\":{\"free\":%llu,\"total\":%llu}}",
                   (unsigned long long)uv_get_free_memory(),
                   (unsigned long long)uv_get_total_memory());
    kdm_buf_printf(buf, ",\"uptime\":\"%llds\",\"version\":\"" KDM_KUZZLE_VERSION "\"",
                   (long long)(kdm_clock_ms() - server->started_ms) / 1000);
}

/* Redis's INFO; the transaction has it already. */
static struct kdm_str redis_info(struct kdm_tx *tx)
{
    struct kdm_str info = KDM_STR_NONE;

    return kdm_tx_redis_info(tx, &info) && !kdm_str_none(info) ? info : KDM_STR("");
}

static void put_info(struct kdm_tx *tx, const struct kdm_args *args, struct kdm_buf *buf)
{
    struct kdm_str redis = redis_info(tx);

    (void)args;
    kdm_buf_lit(buf, "{\"serverInfo\":{\"kuzzle\":{\"api\":{\"routes\":");
    kdm_buf_put(buf, kdm_public_api);
    kdm_buf_lit(buf, "},");
    kdm_put_process(buf, kdm_server_of(tx));
    kdm_buf_lit(buf, "},\"services\":{");
    put_cache(buf, "internalCache", redis);
    put_cache(buf, "memoryStorage", redis);
    put_storage(buf, "internalStorage", redis);
    put_storage(buf, "publicStorage", redis);
    kdm_buf_lit(buf, "}}}");
}

enum kdm_outcome kdm_server_info(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str info;

    return kdm_tx_redis_info(tx, &info) ? kdm_reply_snapshot(tx, args, put_info) : KDM_WAIT;
}

/* --- capabilities ----------------------------------------------------------------------------- */

static void put_service(struct kdm_buf *buf, const char *name, struct kdm_str backend,
                        struct kdm_str version)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_lit(buf, "{\"backend\":");
    kdm_json_put_str(buf, backend);
    kdm_buf_lit(buf, ",\"version\":");
    kdm_json_put_str(buf, version);
    kdm_buf_char(buf, '}');
}

enum kdm_outcome kdm_server_capabilities(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_val config = kdm_json_parse(args->arena, kdm_server_of(tx)->config_json);
    struct kdm_val limits = kdm_val_get(config, KDM_STR("limits"));
    const struct kdm_str search = KDM_STR("elasticsearch"),
                         search_version = KDM_STR(KDM_STORAGE_VERSION);
    struct kdm_str info, redis_version;
    struct kdm_buf buf;

    if (!kdm_tx_redis_info(tx, &info))
        return KDM_WAIT;
    redis_version = figure(info, "redis_version");
    kdm_buf_init(&buf, args->arena, kdm_public_api.len + 1024);
    kdm_buf_lit(&buf, "{\"limits\":");
    kdm_buf_put(&buf, kdm_val_none(limits) ? KDM_STR("{}") : kdm_val_text(limits));
    kdm_buf_lit(&buf, ",\"plugins\":");
    kdm_buf_put(&buf, kdm_server_of(tx)->plugins_json);
    kdm_buf_lit(&buf, ",\"routes\":");
    kdm_buf_put(&buf, kdm_public_api);
    kdm_buf_lit(&buf, ",\"services\":{");
    put_service(&buf, "internalCache", KDM_STR("redis"), redis_version);
    put_service(&buf, "memoryStorage", KDM_STR("redis"), redis_version);
    put_service(&buf, "internalStorage", search, search_version);
    put_service(&buf, "publicStorage", search, search_version);
    kdm_buf_lit(&buf, "},\"version\":\"" KDM_KUZZLE_VERSION "\"}");
    return kdm_tx_reply(tx, kdm_buf_str(&buf));
}

/* --- healthCheck ------------------------------------------------------------------------------ */

#define STORAGE_ENGINE 2 /* its place among the services */

static bool asked_for(const struct kdm_str_list *services, struct kdm_str name)
{
    for (size_t i = 0; i < services->count; i++)
        if (kdm_str_eq(services->items[i], name))
            return true;
    return false;
}

/* `storage` of the storage engine, `colour` of everything else. */
static void put_health(struct kdm_buf *buf, const struct kdm_args *args, struct kdm_str colour,
                       struct kdm_str storage)
{
    static const struct kdm_str names[] = { KDM_STR("internalCache"), KDM_STR("memoryStorage"),
                                            [STORAGE_ENGINE] = KDM_STR("storageEngine") };
    bool all = !kdm_args_has(args, KDM_ARG_SERVICES);
    struct kdm_str_list asked = { .count = 0 };

    if (!all)
        asked = kdm_args_strings(args, KDM_ARG_SERVICES);
    kdm_buf_lit(buf, "{\"services\":{");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!all && !asked_for(&asked, names[i]))
            continue;
        kdm_json_put_name(buf, names[i]);
        kdm_json_put_str(buf, i == STORAGE_ENGINE ? storage : colour);
    }
    kdm_buf_lit(buf, "},\"status\":");
    kdm_json_put_str(buf, storage);
    kdm_buf_char(buf, '}');
}

/* Red has both a result and an error. Yellow: searches in some collection have to wait, because what
 * they need is still being read; all else is well. */
enum kdm_outcome kdm_server_health_check(struct kdm_tx *tx, const struct kdm_args *args)
{
    struct kdm_str info;
    struct kdm_buf buf;

    if (!kdm_tx_redis_info(tx, &info))
        return KDM_WAIT;
    kdm_buf_init(&buf, args->arena, 256);
    if (kdm_str_none(info))
        put_health(&buf, args, KDM_STR("red"), KDM_STR("red"));
    else
        put_health(&buf, args, KDM_STR("green"),
                   kdm_projector_ready(kdm_server_of(tx)->projector) ? KDM_STR("green")
                                                                    : KDM_STR("yellow"));
    kdm_tx_reply(tx, kdm_buf_str(&buf));
    if (!kdm_str_none(info))
        return KDM_DONE;
    return kdm_tx_fail(tx, KDM_ERR_CORE_FATAL_SERVICE_UNAVAILABLE, KDM_PROPS(KDM_STR("Redis")));
}
