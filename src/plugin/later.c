/* later.c - timers, and the way back to the loop from other threads.
 * One queue and one uv_async serve all plugins. Posts are run in the order they came; those that
 * are posted meanwhile wait for the loop's next turn, so that a plugin can't keep it.
 */
#include "base/arena.h"
#include "plugin/internal.h"
#include <stdlib.h>

struct kdm_host_timer {
    uv_timer_t uv;
    LIST_ENTRY(kdm_host_timer) link;
    kdm_host_fn *fn;
    void *arg;
};

static void free_timer(uv_handle_t *handle)
{
    free(handle->data);
}

void kdm_host_cancel(struct kdm_host_timer *timer)
{
    if (timer == NULL)
        return;
    LIST_REMOVE(timer, link);
    uv_close((uv_handle_t *)&timer->uv, free_timer);
}

static void on_timer(uv_timer_t *uv)
{
    struct kdm_host_timer *timer = uv->data;
    kdm_host_fn *fn = timer->fn;
    void *arg = timer->arg;

    kdm_host_cancel(timer); /* freed only when the loop turns */
    fn(arg);
}

struct kdm_host_timer *kdm_host_after(struct kdm_host *host, unsigned ms, kdm_host_fn *fn,
                                      void *arg)
{
    struct kdm_host_timer *timer = kdm_zalloc(sizeof(*timer));

    timer->fn = fn;
    timer->arg = arg;
    timer->uv.data = timer;
    uv_timer_init(host->native->loop, &timer->uv);
    uv_timer_start(&timer->uv, on_timer, ms, 0);
    LIST_INSERT_HEAD(&host->timers, timer, link);
    return timer;
}

void kdm_plugin_cancel_timers(struct kdm_host *host)
{
    struct kdm_host_timer *timer;

    while ((timer = LIST_FIRST(&host->timers)) != NULL)
        kdm_host_cancel(timer);
}

void kdm_plugin_run_posts(struct kdm_native *native)
{
    struct post_list posts = STAILQ_HEAD_INITIALIZER(posts);
    struct post *post;

    uv_mutex_lock(&native->lock);
    STAILQ_CONCAT(&posts, &native->posts);
    uv_mutex_unlock(&native->lock);
    while ((post = STAILQ_FIRST(&posts)) != NULL) {
        STAILQ_REMOVE_HEAD(&posts, link);
        if (post->host == NULL || post->host->state != HOST_GONE)
            post->fn(post->arg);
        free(post);
    }
}

static void on_wake(uv_async_t *wake)
{
    kdm_plugin_run_posts(wake->data);
}

void kdm_plugin_post(struct kdm_native *native, struct kdm_host *host, kdm_host_fn *fn, void *arg)
{
    struct post *post = kdm_malloc(sizeof(*post));

    *post = (struct post){ .host = host, .fn = fn, .arg = arg };
    uv_mutex_lock(&native->lock);
    STAILQ_INSERT_TAIL(&native->posts, post, link);
    if (native->wake != NULL)
        uv_async_send(native->wake); /* under the lock: it may not be closed meanwhile */
    uv_mutex_unlock(&native->lock);
}

void kdm_host_post(struct kdm_host *host, kdm_host_fn *fn, void *arg)
{
    kdm_plugin_post(host->native, host, fn, arg);
}

bool kdm_plugin_start_posts(struct kdm_native *native)
{
    uv_async_t *wake = kdm_zalloc(sizeof(*wake));

    STAILQ_INIT(&native->posts);
    if (uv_async_init(native->loop, wake, on_wake) != 0) {
        free(wake);
        return false;
    }
    uv_mutex_init(&native->lock);
    wake->data = native;
    native->wake = wake;
    return true;
}

static void free_wake(uv_handle_t *handle)
{
    free(handle);
}

void kdm_plugin_stop_posts(struct kdm_native *native)
{
    uv_async_t *wake;

    uv_mutex_lock(&native->lock);
    wake = native->wake;
    native->wake = NULL;
    uv_mutex_unlock(&native->lock);
    if (wake != NULL)
        uv_close((uv_handle_t *)wake, free_wake);
    kdm_plugin_run_posts(native);
}
