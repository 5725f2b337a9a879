/* enrich.c - a sample plugin: who edited an asset last, and a trace of each edit.
 * Before an asset is updated it adds a member to the metadata; after the update it stores a
 * document that tells of it. Configuration, all of it optional: "plugins": { "enrich": { "member":
 * "lastEditor", "value": "enrich", "index": "tenant-a", "collection": "edits" } } Without index and
 * collection no trace is stored. Uses no library but the C one.
 */
#include <kdm/plugin.h>
#include <stdlib.h>
#include <string.h>

struct enrich {
    struct kdm_host *host;
    char *path;  /* "metadata.lastEditor" */
    char *value; /* JSON text */
    char *index, *collection;
};

/* Adds the member to what the client wants to write. */
static void before_update(void *self, struct kdm_event_call *call)
{
    struct enrich *enrich = self;
    char *payload = kdm_host_json_set(kdm_host_payload(call), enrich->path, enrich->value);

    kdm_host_next(call, payload);
    free(payload);
}

/* A trace on its way into the store. */
struct trace {
    struct enrich *enrich;
    struct kdm_event_call *call;
};

/* Stored or not, the update goes on. */
static void on_stored(void *arg, const char *reply)
{
    struct trace *trace = arg;
    char *status = kdm_host_json_get(reply, "status");
    char *message = kdm_host_json_get(reply, "error.message");

    if (status == NULL || strcmp(status, "200") != 0)
        kdm_host_log(trace->enrich->host, KDM_HOST_WARN, "no trace of an edit: %s",
                     message == NULL ? reply : message);
    kdm_host_next(trace->call, NULL);
    free(status);
    free(message);
    free(trace);
}

/* Sets *json's value at `path` to `value`, either JSON text or, when `is_text`, characters. */
static void put(char **json, const char *path, const char *value, int is_text)
{
    char *quoted = is_text && value != NULL ? kdm_host_json_quote(value) : NULL;
    char *changed = kdm_host_json_set(*json, path, is_text ? quoted : value);

    free(quoted);
    if (changed == NULL)
        return;
    free(*json);
    *json = changed;
}

/* {"controller":"document","action":"create",..}; free() it. */
static char *trace_request(const struct enrich *enrich, const struct kdm_event_call *call)
{
    char *request = strdup("{\"controller\":\"document\",\"action\":\"create\",\"body\":{}}");
    char *asset = kdm_host_json_get(kdm_host_payload(call), "asset._id");
    char *metadata = kdm_host_json_get(kdm_host_payload(call), "metadata");

    put(&request, "index", enrich->index, 1);
    put(&request, "collection", enrich->collection, 1);
    put(&request, "body.assetId", asset, 1);
    put(&request, "body.metadata", metadata, 0);
    put(&request, "body.eventId", kdm_host_event_id(call), 1);
    free(asset);
    free(metadata);
    return request;
}

/* The client's reply waits for the trace, so that who has it also finds the trace. */
static void after_update(void *self, struct kdm_event_call *call)
{
    struct enrich *enrich = self;
    struct trace *trace = malloc(sizeof(*trace));
    char *request;

    if (enrich->index == NULL || enrich->collection == NULL || trace == NULL) {
        kdm_host_next(call, NULL);
        free(trace);
        return;
    }
    *trace = (struct trace){ .enrich = enrich, .call = call };
    request = trace_request(enrich, call);
    kdm_host_request(enrich->host, call, request, on_stored, trace);
    free(request);
}

static void unload(void *self)
{
    struct enrich *enrich = self;

    free(enrich->path);
    free(enrich->value);
    free(enrich->index);
    free(enrich->collection);
    free(enrich);
}

/* "metadata." and the configured member. */
static char *metadata_path(const char *config)
{
    char *member = kdm_host_json_get(config, "member");
    const char *name = member == NULL ? "lastEditor" : member;
    size_t len = strlen(name);
    char *path = malloc(sizeof("metadata.") + len);

    if (path != NULL) {
        memcpy(path, "metadata.", sizeof("metadata.") - 1);
        memcpy(path + sizeof("metadata.") - 1, name, len + 1);
    }
    free(member);
    return path;
}

static int load(struct kdm_host *host, const char *config, void **ret_self)
{
    struct enrich *enrich = calloc(1, sizeof(*enrich));
    char *value = kdm_host_json_get(config, "value");

    if (enrich == NULL)
        return -1;
    enrich->host = host;
    enrich->path = metadata_path(config);
    enrich->value = kdm_host_json_quote(value == NULL ? "enrich" : value);
    enrich->index = kdm_host_json_get(config, "index");
    enrich->collection = kdm_host_json_get(config, "collection");
    free(value);
    kdm_host_pipe(host, "device-manager:asset:update:before", before_update);
    kdm_host_pipe(host, "device-manager:asset:update:after", after_update);
    *ret_self = enrich;
    return 0;
}

KDM_PLUGIN(.name = "enrich", .load = load, .unload = unload);
