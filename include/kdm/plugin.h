/* plugin.h - all that a native plugin of kdmd includes.
 * A plugin is a shared object with one row, KDM_PLUGIN(...). Its load() says which events it takes
 * part in: as a pipe, which is waited for and may change the payload or refuse the operation, or as
 * a hook, which hears of what happened. An event is named like "device-manager:asset:update:before"
 * or "document:beforeCreate"; "scope:before*", "scope:after*" and "scope:*" stand for many.
 *
 * Everything runs on kdmd's one loop thread, handlers too: a handler must not block. It may return
 * and end its call later, from a timer, a reply or what another thread posts. Only kdm_host_post()
 * and kdm_host_log() may be called from other threads.
 *
 * All texts are UTF-8 with a NUL at the end; JSON texts hold no raw NUL, so nothing is lost.
 * Handlers are at-least-once: a transaction that lost a race may trigger the same event again, with
 * the same event id and a higher attempt.
 */
#ifndef KDM_PLUGIN_H
#define KDM_PLUGIN_H

#ifdef __cplusplus
extern "C" {
#define KDM_PLUGIN_LINKAGE extern "C"
#else
#define KDM_PLUGIN_LINKAGE extern
#endif

/* Goes up when a plugin that was built before could not work any more. */
#define KDM_PLUGIN_ABI 1

struct kdm_host;       /* this plugin's side of kdmd, from load() until unload() has returned */
struct kdm_event_call; /* one pipe or hook being run */
struct kdm_host_timer;

/* The one row that a plugin exports. */
struct kdm_plugin {
    int abi;
    const char *name; /* lower case letters, digits, dashes; also the key of its configuration */
    /* `config`: what stands below "plugins.<name>" in kdmd's configuration as JSON text, "{}" when
     * nothing does; lent until unload() returns. *ret_self is given to all handlers. Anything but 0
     * refuses: kdmd says so and does not start; log the reason. */
    int (*load)(struct kdm_host *host, const char *config, void **ret_self);
    /* At the end; may be NULL. The plugin's own threads must have ended when it returns. Timers,
     * replies and posts that are still to come are dropped. */
    void (*unload)(void *self);
};

/* At file level: KDM_PLUGIN(.name = "quota", .load = load, .unload = unload); */
#define KDM_PLUGIN(...)                                                                            \
    KDM_PLUGIN_LINKAGE __attribute__((visibility("default"))) const struct kdm_plugin kdm_plugin;  \
    const struct kdm_plugin kdm_plugin = { .abi = KDM_PLUGIN_ABI, __VA_ARGS__ }

/* --- taking part ----------------------------------------------------------------------------- */

typedef void kdm_host_handler(void *self, struct kdm_event_call *call);

/* In load() only; `pattern` is copied. One that is no pattern makes the loading fail, with a clear
 * line. A pipe must end each call exactly once; a hook's call ends when its handler returns. */
void kdm_host_pipe(struct kdm_host *host, const char *pattern, kdm_host_handler *handler);
void kdm_host_hook(struct kdm_host *host, const char *pattern, kdm_host_handler *handler);

/* What a call is about. Texts are lent until the call is ended; afterwards these are "" and 0. */
const char *kdm_host_event(const struct kdm_event_call *call);    /* the event's whole name */
const char *kdm_host_payload(const struct kdm_event_call *call);  /* JSON text */
const char *kdm_host_event_id(const struct kdm_event_call *call); /* the same in each attempt */
int kdm_host_attempt(const struct kdm_event_call *call);          /* 1, 2, .. */

/* Ends a pipe's call; the operation goes on with `payload` (copied), or with what it was when NULL.
 * What is no JSON fails the operation with a 500. After the call's deadline this does nothing. */
void kdm_host_next(struct kdm_event_call *call, const char *payload);

/* Ends a pipe's call and the whole operation with this error. `status`: 400 to 599; `id`: on the
 * wire, or NULL; `message`: for people. */
void kdm_host_fail(struct kdm_event_call *call, int status, const char *id, const char *message);

/* --- asking the API -------------------------------------------------------------------------- */

/* `reply`: a whole reply as a client would get it, {"status":200,"error":null,"result":..}; lent.
 */
typedef void kdm_host_reply(void *arg, const char *reply);

/* Makes an API request with the server's own rights, {"controller":"document","action":"get",..}
 * (copied). It triggers API events only with "triggerEvents":true. `call`: made within this pipe,
 * whose operation then sees what the request has written; NULL: by itself. The reply comes exactly
 * once, never from inside. */
void kdm_host_request(struct kdm_host *host, struct kdm_event_call *call, const char *request,
                      kdm_host_reply *on_reply, void *arg);

/* --- later ----------------------------------------------------------------------------------- */

typedef void kdm_host_fn(void *arg);

/* Calls fn once, in `ms` milliseconds. The timer is gone when it calls. */
struct kdm_host_timer *kdm_host_after(struct kdm_host *host, unsigned ms, kdm_host_fn *fn,
                                      void *arg);
/* Not any more. Never after it has called. NULL is fine. */
void kdm_host_cancel(struct kdm_host_timer *timer);

/* Any thread: has the loop thread call fn soon. Those of one thread come in order. */
void kdm_host_post(struct kdm_host *host, kdm_host_fn *fn, void *arg);

enum kdm_host_level { KDM_HOST_DEBUG, KDM_HOST_INFO, KDM_HOST_WARN, KDM_HOST_ERROR };

/* Any thread: a line in kdmd's log, with the plugin's name before it. No secrets. */
void kdm_host_log(struct kdm_host *host, enum kdm_host_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- a little JSON --------------------------------------------------------------------------- */
/* For plugins without a JSON library of their own. Results are the caller's to free(). */

/* What stands at a dotted path, "asset._source.model": the characters of a string, else the value's
 * JSON text. NULL when there is nothing or `json` is none; a string that holds U+0000 counts as
 * nothing. */
char *kdm_host_json_get(const char *json, const char *path);
/* `json`, an object, with the JSON text `value` at that path, or with nothing there when value is
 * NULL. Objects on the way are made. NULL when one of the two is not as said. */
char *kdm_host_json_set(const char *json, const char *path, const char *value);
/* `text` as a JSON string, with quotes. NULL when it is not UTF-8. */
char *kdm_host_json_quote(const char *text);

#ifdef __cplusplus
}
#endif

#endif
