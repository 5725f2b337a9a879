/* internal.h - what the files of plugin/ share.
 * native.c: loading and unloading; host.c: registration and log; call.c: events; ask.c: requests;
 * later.c: timers and posts; text.c: JSON at the border.
 */
#ifndef KDM_PLUGIN_INTERNAL_H
#define KDM_PLUGIN_INTERNAL_H

#include "base/err.h"
#include "kdm/plugin.h"
#include "plugin/native.h"
#include <sys/queue.h>

/* The handlers that load() named; they reach the bus when it has said yes. */
struct listener {
    STAILQ_ENTRY(listener) link;
    struct kdm_host *host;
    char *pattern;
    bool is_pipe;
    kdm_host_handler *handler;
};

enum host_state {
    HOST_LOADING,
    HOST_RUNNING,
    HOST_GONE, /* its code may not be called any more */
};

LIST_HEAD(kdm_plugin_asks, kdm_plugin_ask);

struct kdm_host {
    TAILQ_ENTRY(kdm_host) link;
    struct kdm_native *native;
    enum host_state state;
    char *path;                      /* as it was given */
    void *module;                    /* of dlopen(), or NULL */
    const struct kdm_plugin *plugin; /* inside the module */
    char *name;
    void *self;
    char *config; /* JSON text */
    STAILQ_HEAD(, listener) listeners;
    LIST_HEAD(, kdm_host_timer) timers;
    struct kdm_plugin_asks asks; /* requests without reply yet */
};

/* Something to be done on the loop. */
struct post {
    STAILQ_ENTRY(post) link;
    struct kdm_host *host; /* whose code it is; NULL: ours, to be called in any case */
    kdm_host_fn *fn;
    void *arg;
};
STAILQ_HEAD(post_list, post);

TAILQ_HEAD(host_list, kdm_host);

struct kdm_native {
    uv_loop_t *loop;
    struct kdm_bus *bus;
    struct kdm_plugin_services services;
    struct host_list hosts;   /* in order of loading */
    struct host_list refused; /* kept for replies and posts that are still on their way */
    uv_mutex_t lock;          /* of what follows */
    uv_async_t *wake;         /* NULL: stopped, nothing is posted any more */
    struct post_list posts;
};

struct kdm_host *kdm_plugin_host_create(struct kdm_native *native, const char *path);
void kdm_plugin_host_destroy(struct kdm_host *host);

/* The first pattern of load() that is none, or NULL. */
const char *kdm_plugin_bad_pattern(const struct kdm_host *host);
/* Hands what load() registered to the bus. */
void kdm_plugin_listen(struct kdm_host *host);

/* The bus's handler for all listeners: `self` is a struct listener. */
void kdm_plugin_on_call(void *self, struct kdm_event_call *call);

/* Tells the plugin of each request that is on its way that kdmd ends. */
void kdm_plugin_end_requests(struct kdm_host *host);

bool kdm_plugin_start_posts(struct kdm_native *native);
/* Does what was posted until now. */
void kdm_plugin_run_posts(struct kdm_native *native);
/* The same for the last time, and wakes no loop any more. */
void kdm_plugin_stop_posts(struct kdm_native *native);
void kdm_plugin_post(struct kdm_native *native, struct kdm_host *host, kdm_host_fn *fn, void *arg);
void kdm_plugin_cancel_timers(struct kdm_host *host);

/* `text` checked and canonical, in the arena; none when it is no JSON: *ret_reason then says why.
 */
struct kdm_str kdm_plugin_check_json(struct kdm_arena *arena, struct kdm_str text,
                                     struct kdm_str *ret_reason);
bool kdm_plugin_is_utf8(struct kdm_arena *arena, struct kdm_str text);
/* A copy on the heap, with a NUL behind it. */
char *kdm_plugin_copy(struct kdm_str s);

#endif
