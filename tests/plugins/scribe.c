/* scribe.c - a plugin for tests: writes into the log what events bring, and changes it as it is
 * told. Its configuration holds rules, r0, r1, ..:
 *
 *   "r0": { "event": "document:beforeCreate", "path": "input.body.seen", "value": "true" }
 *
 * Each call is logged as "EVENT ATTEMPT PAYLOAD", as it came. Then the rule of that event, if it
 * has a path, puts its value (JSON text) there, or takes out what is there when it has none.
 * "event" may be a pattern; then, and as a hook with "hook": true, a rule only logs.
 */
#include <kdm/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 16

struct rule {
    char *event, *path, *value;
};

struct scribe {
    struct kdm_host *host;
    struct rule rules[RULES_MAX];
    int count;
};

/* The rule that names this very event, or NULL. */
static const struct rule *rule_of(const struct scribe *scribe, const char *event)
{
    for (int i = 0; i < scribe->count; i++) {
        if (strcmp(scribe->rules[i].event, event) == 0)
            return &scribe->rules[i];
    }
    return NULL;
}

static void write_down(struct scribe *scribe, struct kdm_event_call *call)
{
    kdm_host_log(scribe->host, KDM_HOST_INFO, "%s %d %s", kdm_host_event(call),
                 kdm_host_attempt(call), kdm_host_payload(call));
}

static void on_told(void *self, struct kdm_event_call *call)
{
    write_down(self, call);
}

static void on_event(void *self, struct kdm_event_call *call)
{
    struct scribe *scribe = self;
    const struct rule *rule = rule_of(scribe, kdm_host_event(call));
    char *changed = NULL;

    write_down(scribe, call);
    if (rule != NULL && rule->path != NULL)
        changed = kdm_host_json_set(kdm_host_payload(call), rule->path, rule->value);
    kdm_host_next(call, changed);
    free(changed);
}

static char *rule_member(const char *config, int number, const char *member)
{
    char path[32];

    snprintf(path, sizeof(path), "r%d.%s", number, member);
    return kdm_host_json_get(config, path);
}

/* Takes `hook`, NULL for a pipe. */
static void listen(struct kdm_host *host, const struct rule *rule, char *hook)
{
    if (hook == NULL)
        kdm_host_pipe(host, rule->event, on_event);
    else
        kdm_host_hook(host, rule->event, on_told);
    free(hook);
}

static void unload(void *self)
{
    struct scribe *scribe = self;

    for (int i = 0; i < scribe->count; i++) {
        free(scribe->rules[i].event);
        free(scribe->rules[i].path);
        free(scribe->rules[i].value);
    }
    free(scribe);
}

static int load(struct kdm_host *host, const char *config, void **ret_self)
{
    struct scribe *scribe = calloc(1, sizeof(*scribe));

    if (scribe == NULL)
        return -1;
    scribe->host = host;
    for (int i = 0; i < RULES_MAX; i++) {
        struct rule rule = { .event = rule_member(config, i, "event") };

        if (rule.event == NULL)
            break;
        rule.path = rule_member(config, i, "path");
        rule.value = rule_member(config, i, "value");
        scribe->rules[scribe->count++] = rule;
        listen(host, &rule, rule_member(config, i, "hook"));
    }
    *ret_self = scribe;
    return 0;
}

KDM_PLUGIN(.name = "scribe", .load = load, .unload = unload);
