/* native.h - native plugins: shared objects that take part in events (include/kdm/plugin.h).
 * Here are the loader and kdmd's side of that interface. Plugins are trusted like kdmd itself, they
 * share its memory; but what is likely to go wrong in one (a call ended twice or never, text that
 * is no JSON) costs one operation and a log line, not the server. Loop thread only.
 */
#ifndef KDM_PLUGIN_NATIVE_H
#define KDM_PLUGIN_NATIVE_H

#include "base/str.h"
#include <jansson.h>
#include <uv.h>

struct kdm_bus;
struct kdm_event_call;
struct kdm_native; /* all native plugins of this process */

/* `reply_json` is lent. */
typedef void kdm_plugin_reply_fn(void *done_ctx, struct kdm_str reply_json);

/* What plugins need from the API, so that plugin/ knows nothing of its insides. */
struct kdm_plugin_services {
    void *ctx;
    /* Runs an internal request (no user; API events only with "triggerEvents"). `parent`: the pipe
     * it is made within, or NULL; it may have ended meanwhile (kdm_call_origin() is NULL then).
     * `request_json` is lent for the call and may be anything. Calls done exactly once, at once or
     * later, also when the API shuts down. */
    void (*request)(void *ctx, struct kdm_event_call *parent, struct kdm_str request_json,
                    kdm_plugin_reply_fn *done, void *done_ctx);
};

/* Borrows all three; copies what `services` points to. NULL when the loop has no more file
 * descriptors. */
struct kdm_native *kdm_native_create(uv_loop_t *loop, struct kdm_bus *bus,
                                     const struct kdm_plugin_services *services);

/* Loads one file and lets it register. `configs`: an object with one member a plugin, or NULL.
 * false: *ret_error is one line, free() it; nothing of the plugin is left. */
bool kdm_native_load(struct kdm_native *native, const char *path, const json_t *configs,
                     char **ret_error);

/* Names in order of loading; NULL behind the last. */
const char *kdm_native_name(const struct kdm_native *native, size_t i);

/* Unloads all plugins, last loaded first. From here on events pass them by, late replies are
 * dropped. Not from inside a plugin's function. Doing it again does nothing. */
void kdm_native_stop(struct kdm_native *native);

/* Stops, then frees. Only when the bus triggers no more and all requests have been answered. Its
 * handles are closed while the loop runs on. NULL is fine. */
void kdm_native_destroy(struct kdm_native *native);

#endif
