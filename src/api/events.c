/* events.c - see events.h. */
#include "api/events.h"
#include "api/args.h"
#include "api/envelope.h"
#include "api/request.h"
#include <ctype.h>
#include <stdlib.h>

/* --- the events of each action -------------------------------------------------------------- */

static struct kdm_event *action_event(struct kdm_bus *bus, struct kdm_arena *arena,
                                      const struct kdm_action *action, const char *when)
{
    return kdm_bus_event(bus,
                         kdm_arena_printf(arena, "%s:%s%c%s", action->controller, when,
                                          toupper((unsigned char)action->action[0]),
                                          action->action[0] == '\0' ? "" : action->action + 1));
}

static void add_actions(struct kdm_events *events, struct kdm_arena *names,
                        const struct kdm_action *actions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct kdm_action_events *row = &events->actions[actions[i].number];

        row->before = action_event(events->bus, names, &actions[i], "before");
        row->after = action_event(events->bus, names, &actions[i], "after");
        row->error = action_event(events->bus, names, &actions[i], "error");
    }
}

struct kdm_events *kdm_events_create(struct kdm_bus *bus, const struct kdm_api_options *options)
{
    struct kdm_events *events = kdm_zalloc(sizeof(*events));
    struct kdm_arena names;

    kdm_arena_init(&names, 4096);
    events->bus = bus;
    events->actions = kdm_zalloc(kdm_api_row_count(options) * sizeof(*events->actions));
    add_actions(events, &names, options->protocol->actions, options->protocol->action_count);
    for (size_t i = 0; i < options->door_count; i++)
        add_actions(events, &names, options->doors[i].table->actions,
                    options->doors[i].table->action_count);
    events->authorized = kdm_bus_event(bus, KDM_STR("request:onAuthorized"));
    events->unauthorized = kdm_bus_event(bus, KDM_STR("request:onUnauthorized"));
    events->success = kdm_bus_event(bus, KDM_STR("request:onSuccess"));
    events->error = kdm_bus_event(bus, KDM_STR("request:onError"));
    kdm_arena_fini(&names);
    return events;
}

void kdm_events_destroy(struct kdm_events *events)
{
    if (events == NULL)
        return;
    free(events->actions);
    free(events);
}

/* --- the request as listeners see it --------------------------------------------------------- */

static void put_text(struct kdm_buf *buf, const char *name, struct kdm_str text)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    if (kdm_str_none(text))
        kdm_buf_lit(buf, "null");
    else
        kdm_json_put_str(buf, text);
}

/* `json` none becomes null. */
static void put_json(struct kdm_buf *buf, const char *name, struct kdm_str json)
{
    kdm_json_put_name(buf, kdm_str_of(name));
    kdm_buf_put(buf, kdm_str_none(json) ? KDM_STR("null") : json);
}

static void put_input(struct kdm_buf *buf, const struct kdm_request *request)
{
    const struct kdm_str envelope[] = {
        KDM_STR("controller"), KDM_STR("action"), KDM_STR("requestId"),
        KDM_STR("jwt"),        KDM_STR("body"),   KDM_STR("volatile"),
    };

    kdm_buf_lit(buf, ",\"input\":{");
    put_text(buf, "controller", request->ask.controller);
    put_text(buf, "action", request->ask.action);
    kdm_buf_lit(buf, ",\"args\":{");
    kdm_json_put_members_except(buf, request->ask.payload, envelope,
                                sizeof(envelope) / sizeof(envelope[0]));
    kdm_buf_char(buf, '}');
    put_json(buf, "body", kdm_val_text(request->ask.body));
    put_json(buf, "volatile", kdm_val_text(request->ask.volatile_data));
    kdm_buf_char(buf, '}');
}

static void put_outcome(struct kdm_buf *buf, const struct kdm_request *request)
{
    bool failed = request->failure.err != KDM_OK;

    kdm_buf_lit(buf, ",\"status\":");
    kdm_buf_int(buf, failed ? request->failure.status : request->acted ? request->status : 102);
    kdm_buf_lit(buf, ",\"error\":");
    if (failed)
        kdm_failure_write(buf, &request->failure);
    else
        kdm_buf_lit(buf, "null");
    put_json(buf, "result", request->result);
}

static struct kdm_str describe(struct kdm_request *request)
{
    struct kdm_buf buf;

    kdm_buf_init(&buf, &request->arena, request->text.len + request->result.len + 512);
    kdm_buf_lit(&buf, "{\"id\":");
    kdm_buf_put(&buf, request->ask.request_id_json);
    kdm_buf_lit(&buf, ",\"timestamp\":");
    kdm_buf_int(&buf, request->timestamp);
    put_outcome(&buf, request);
    put_input(&buf, request);
    kdm_buf_lit(&buf, ",\"context\":{\"connection\":{");
    put_text(&buf, "id", (struct kdm_str){ .ptr = request->peer->id, .len = KDM_UUID_LEN });
    put_text(&buf, "protocol", kdm_str_of(request->peer->protocol));
    kdm_buf_lit(&buf, "},\"user\":{");
    put_text(&buf, "_id", request->user.id);
    kdm_buf_lit(&buf, "}}}");
    return kdm_buf_str(&buf);
}

/* --- what pipes made of it ------------------------------------------------------------------- */

/* An error that a pipe ended with: with an id of its own, or bare. */
static void take_failure(struct kdm_request *request, const struct kdm_event_result *result)
{
    request->failure = (struct kdm_failure){
        .err = KDM_ERR_PLUGIN_RUNTIME_UNEXPECTED_ERROR,
        .status = (uint16_t)result->status,
        .id = kdm_arena_copy(&request->arena, result->id),
        .message = kdm_arena_copy(&request->arena, result->message),
        .bare = kdm_str_none(result->id),
    };
}

static struct kdm_val scanned(struct kdm_arena *arena, struct kdm_str text)
{
    struct kdm_json *doc = kdm_arena_alloc(arena, sizeof(*doc));

    if (!kdm_json_scan(arena, kdm_arena_copy(arena, text), doc, NULL))
        return KDM_VAL_NONE;
    return kdm_json_root(doc);
}

/* The arguments that a before pipe returned; they are checked again, as a client's are. */
static bool take_input(struct kdm_request *request, struct kdm_val payload)
{
    struct kdm_val input = kdm_val_get(payload, KDM_STR("input"));
    struct kdm_val args = kdm_val_get(input, KDM_STR("args"));

    if (kdm_val_type(args) != KDM_JSON_OBJECT)
        return true;
    kdm_decode_arguments(&request->arena, args, kdm_val_get(input, KDM_STR("body")), &request->ask);
    return kdm_args_check(&request->args, &request->ask, &request->failure);
}

static void take_result(struct kdm_request *request, struct kdm_val payload)
{
    struct kdm_val result = kdm_val_get(payload, KDM_STR("result"));
    int64_t status;

    if (!kdm_val_none(result) && !(kdm_val_null(result) && kdm_str_none(request->result)))
        request->result = kdm_val_text(result);
    if (kdm_val_int64(kdm_val_get(payload, KDM_STR("status")), &status) && status >= 200
        && status <= 599)
        request->status = (int)status;
}

static enum kdm_step_result take_payload(struct kdm_request *request, struct kdm_str text)
{
    struct kdm_val payload = scanned(&request->arena, text);

    if (kdm_val_type(payload) != KDM_JSON_OBJECT) {
        kdm_failure_set(&request->failure, &request->arena, KDM_ERR_PLUGIN_RUNTIME_UNEXPECTED_ERROR,
                        KDM_PROPS(KDM_STR("a pipe returned something else than the request")));
        return KDM_STEP_DONE;
    }
    if (request->acted)
        take_result(request, payload);
    else if (!take_input(request, payload))
        return KDM_STEP_DONE;
    return KDM_STEP_NEXT;
}

static void on_pipes_done(void *ctx, const struct kdm_event_result *result)
{
    struct kdm_request *request = ctx;

    request->event_run = NULL;
    if (result->failed) {
        take_failure(request, result);
        kdm_request_resume(request, KDM_STEP_DONE);
    } else if (kdm_str_none(result->payload) || kdm_str_eq(result->payload, request->told)) {
        kdm_request_resume(request, KDM_STEP_NEXT);
    } else {
        kdm_request_resume(request, take_payload(request, result->payload));
    }
}

enum kdm_step_result kdm_events_pipe(struct kdm_request *request, struct kdm_event *event)
{
    struct kdm_event_run *run;

    if (event == NULL || request->silent)
        return KDM_STEP_NEXT;
    if (!kdm_event_has_pipes(event)) {
        kdm_events_hook(request, event);
        return KDM_STEP_NEXT;
    }
    request->told = describe(request);
    request->woken = KDM_STEP_WAIT;
    run = kdm_bus_pipe(request->api->bus, event, request->told, request->ask.request_id, 1, NULL,
                       request->deadline_ms, on_pipes_done, request);
    if (request->woken == KDM_STEP_WAIT)
        request->event_run = run;
    return (enum kdm_step_result)request->woken;
}

void kdm_events_hook(struct kdm_request *request, struct kdm_event *event)
{
    if (event != NULL && !request->silent && kdm_event_has_hooks(event))
        kdm_bus_hook(request->api->bus, event, describe(request), request->ask.request_id, NULL);
}
