/* awkward.c - a plugin for tests: does what plugins should not, and what they may but seldom do.
 * It listens to "device-manager:asset:update:before" and is told what to do by a text in the
 * metadata (member "awkward", which it takes out again) or, without one, by its configuration:
 *   "plugins": { "awkward": { "do": "delay 100", "member": "awkward", "event": "scope:name" } }
 *
 *   delay N        goes on after N ms
 *   thread         goes on from another thread
 *   refuse         fails: 403 "awkward.refused"
 *   scrawl         fails with bytes that are no text
 *   nothing        returns nothing
 *   garbage        returns what is no JSON
 *   twice          ends its call twice
 *   late N         ends it at once, and again after N ms
 *   forget         never ends its call
 *   listen         listens to more, too late
 *   nested ENGINE  updates the same asset first, with the configured "nested" as metadata
 *                  ({"nested":true}), then goes on
 *
 * With "hook": "scope:name" it also asks the API for server:now whenever that event is told.
 */
#include <kdm/plugin.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct awkward {
    struct kdm_host *host;
    char *path; /* of the order in the payload */
    char *standing_order;
    char *nested_metadata; /* JSON text, or NULL */
    int nested; /* nested updates that run; they trigger the event too and are let pass */
};

/* One call on its way. */
struct job {
    struct awkward *self;
    struct kdm_event_call *call;
    char *payload; /* without the order */
    pthread_t thread;
};

static void go_on(void *arg)
{
    struct job *job = arg;

    kdm_host_next(job->call, job->payload);
    free(job->payload);
    free(job);
}

static unsigned number_behind(const char *order)
{
    const char *blank = strchr(order, ' ');

    return blank == NULL ? 0 : (unsigned)strtoul(blank + 1, NULL, 10);
}

static void delay(struct job *job, const char *order)
{
    kdm_host_after(job->self->host, number_behind(order), go_on, job);
}

static void refuse(struct job *job, const char *order)
{
    (void)order;
    kdm_host_fail(job->call, 403, "awkward.refused", "The awkward plugin refuses.");
    free(job->payload);
    free(job);
}

static void nothing(struct job *job, const char *order)
{
    (void)order;
    free(job->payload);
    job->payload = NULL;
    go_on(job);
}

static void garbage(struct job *job, const char *order)
{
    (void)order;
    free(job->payload);
    job->payload = strdup("{\"asset\": oops");
    go_on(job);
}

static void twice(struct job *job, const char *order)
{
    kdm_host_next(job->call, job->payload);
    refuse(job, order);
}

static void late(struct job *job, const char *order)
{
    kdm_host_next(job->call, job->payload);
    kdm_host_after(job->self->host, number_behind(order), go_on, job);
}

static void forget(struct job *job, const char *order)
{
    (void)order;
    free(job->payload);
    free(job);
}

static void scrawl(struct job *job, const char *order)
{
    (void)order;
    kdm_host_fail(job->call, 400, NULL, "\xff\xfe");
    free(job->payload);
    free(job);
}

static void on_event(void *arg, struct kdm_event_call *call);

static void listen_late(struct job *job, const char *order)
{
    (void)order;
    kdm_host_pipe(job->self->host, "*", on_event);
    go_on(job);
}

static void join_and_go_on(void *arg)
{
    struct job *job = arg;

    pthread_join(job->thread, NULL);
    go_on(job);
}

static void *work(void *arg)
{
    struct job *job = arg;

    kdm_host_log(job->self->host, KDM_HOST_DEBUG, "working elsewhere");
    kdm_host_post(job->self->host, join_and_go_on, job);
    return NULL;
}

static void on_thread(struct job *job, const char *order)
{
    (void)order;
    if (pthread_create(&job->thread, NULL, work, job) != 0)
        go_on(job);
}

static void on_nested_reply(void *arg, const char *reply)
{
    struct job *job = arg;
    char *status = kdm_host_json_get(reply, "status");
    struct awkward *self = job->self;

    self->nested--;
    if (status == NULL || strcmp(status, "200") != 0)
        kdm_host_log(self->host, KDM_HOST_WARN, "nested update: %s", reply);
    free(status);
    go_on(job);
}

/* Sets the member to this JSON text; frees what it was made from. */
static char *with(char *json, const char *path, const char *value)
{
    char *changed = kdm_host_json_set(json, path, value);

    free(json);
    return changed;
}

/* The same with characters. */
static char *with_text(char *json, const char *path, const char *text)
{
    char *quoted = kdm_host_json_quote(text);

    json = with(json, path, quoted);
    free(quoted);
    return json;
}

static void nested(struct job *job, const char *order)
{
    const char *engine = strchr(order, ' ');
    char *asset = kdm_host_json_get(job->payload, "asset._id");
    char *request = strdup("{\"controller\":\"device-manager/assets\",\"action\":\"update\"}");

    request = with_text(request, "engineId", engine == NULL ? "" : engine + 1);
    request = with_text(request, "_id", asset == NULL ? "" : asset);
    request =
        with(request, "body.metadata",
             job->self->nested_metadata == NULL ? "{\"nested\":true}" : job->self->nested_metadata);
    job->self->nested++;
    kdm_host_request(job->self->host, job->call, request, on_nested_reply, job);
    free(request);
    free(asset);
}

static const struct {
    const char *word;
    void (*run)(struct job *job, const char *order);
} orders[] = { { "delay", delay },     { "refuse", refuse },     { "nothing", nothing },
               { "garbage", garbage }, { "twice", twice },       { "late", late },
               { "forget", forget },   { "thread", on_thread },  { "nested", nested },
               { "scrawl", scrawl },   { "listen", listen_late } };

/* Does as it is told; goes on when it does not understand. Takes the job. */
static void obey(struct job *job, const char *order)
{
    size_t len = strcspn(order, " ");

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        if (strlen(orders[i].word) == len && strncmp(orders[i].word, order, len) == 0) {
            orders[i].run(job, order);
            return;
        }
    }
    go_on(job);
}

static void on_event(void *arg, struct kdm_event_call *call)
{
    struct awkward *self = arg;
    char *order = kdm_host_json_get(kdm_host_payload(call), self->path);
    const char *told = order != NULL ? order : self->standing_order;
    struct job *job;

    if (self->nested > 0 || told == NULL) {
        kdm_host_next(call, NULL);
        free(order);
        return;
    }
    job = calloc(1, sizeof(*job));
    if (job == NULL)
        abort();
    job->self = self;
    job->call = call;
    job->payload = kdm_host_json_set(kdm_host_payload(call), self->path, NULL);
    obey(job, told);
    free(order);
}

static void on_told(void *arg, struct kdm_event_call *call)
{
    struct awkward *self = arg;
    char *request = strdup("{\"controller\":\"server\",\"action\":\"now\"}");

    request = with_text(request, "volatile.event", kdm_host_event(call));
    if (kdm_host_attempt(call) != 1)
        request = with_text(request, "volatile.again", kdm_host_event_id(call));
    kdm_host_request(self->host, call, request, NULL, NULL);
    free(request);
}

static void unload(void *arg)
{
    struct awkward *self = arg;

    free(self->path);
    free(self->standing_order);
    free(self->nested_metadata);
    free(self);
}

static char *order_path(const char *config)
{
    char *member = kdm_host_json_get(config, "member");
    const char *name = member == NULL ? "awkward" : member;
    size_t size = sizeof("metadata.") + strlen(name);
    char *path = malloc(size);

    if (path == NULL)
        abort();
    memcpy(path, "metadata.", sizeof("metadata.") - 1);
    memcpy(path + sizeof("metadata.") - 1, name, strlen(name) + 1);
    free(member);
    return path;
}

static int load(struct kdm_host *host, const char *config, void **ret_self)
{
    struct awkward *self = calloc(1, sizeof(*self));
    char *event = kdm_host_json_get(config, "event");
    char *hook = kdm_host_json_get(config, "hook");

    if (self == NULL)
        abort();
    self->host = host;
    self->path = order_path(config);
    self->standing_order = kdm_host_json_get(config, "do");
    self->nested_metadata = kdm_host_json_get(config, "nested");
    kdm_host_pipe(host, event == NULL ? "device-manager:asset:update:before" : event, on_event);
    if (hook != NULL)
        kdm_host_hook(host, hook, on_told);
    free(event);
    free(hook);
    *ret_self = self;
    return 0;
}

KDM_PLUGIN(.name = "awkward", .load = load, .unload = unload);
