/* steps.c - the way of every request, from its text to its reply.
 * The order is the wire's (reference kuzzle-protocol.md 6): who has no rights is told so before it
 * is told whether the action exists.
 */
#include "api/args.h"
#include "api/request.h"
#include "api/sdk.h"
#include "base/clock.h"
#include "base/log.h"
#include <stddef.h>

static enum kdm_step_result fail(struct kdm_request *request, enum kdm_err err,
                                 const struct kdm_str *props, size_t count)
{
    kdm_failure_set(&request->failure, &request->arena, err, props, count);
    return KDM_STEP_DONE;
}

/* --- decode ------------------------------------------------------------------------------- */

/* An id of our own for a request that has none. */
static void make_request_id(struct kdm_request *request)
{
    char *text = kdm_arena_alloc(&request->arena, KDM_UUID_LEN + 2);

    text[0] = text[KDM_UUID_LEN + 1] = '"';
    kdm_uuid(&request->api->random, text + 1);
    request->ask.request_id = (struct kdm_str){ .ptr = text + 1, .len = KDM_UUID_LEN };
    request->ask.request_id_json = (struct kdm_str){ .ptr = text, .len = KDM_UUID_LEN + 2 };
}

/* What an envelope echoes although nothing could be decoded. */
static void take_http_id(struct kdm_request *request)
{
    request->ask.request_id = request->http.payload.request_id;
    request->ask.request_id_json = kdm_json_quoted(&request->arena, request->ask.request_id);
}

/* The request that asks does not count itself. */
static bool ready_for_others(struct kdm_api *api)
{
    bool ready;

    api->in_flight--;
    ready = kdm_api_ready(api);
    api->in_flight++;
    return ready;
}

/* What the steps of every request need of one that names no controller, action or arguments. */
static void ask_operation(struct kdm_request *request, const struct kdm_action *operation)
{
    struct kdm_ask *ask = &request->ask;

    request->action = operation;
    request->args = (struct kdm_args){
        .action = operation, .arena = &request->arena, .http = true, .call = request->call
    };
    ask->payload = kdm_json_parse(&request->arena, KDM_STR("{}"));
    ask->controller = kdm_str_of(operation->controller);
    ask->action = kdm_str_of(operation->action);
}

static struct kdm_door_call *make_call(struct kdm_request *request)
{
    struct kdm_door_call *call = kdm_arena_zalloc(&request->arena, sizeof(*call));

    make_request_id(request);
    request->user.id = KDM_STR("-1");
    call->door = request->door;
    call->request_id = request->ask.request_id;
    request->call = call;
    return call;
}

/* The door has no route: not by this verb, or not at all. */
static enum kdm_step_result refuse_route(struct kdm_request *request)
{
    const struct kdm_http_request *http = request->http_request;
    struct kdm_str verbs;

    if (kdm_doors_of_path(request->api->doors, &request->arena, http->path, &verbs)
        != request->door)
        return fail(request, KDM_ERR_NETWORK_HTTP_URL_NOT_FOUND, KDM_PROPS(KDM_STR("this path")));
    request->allow = verbs;
    return fail(request, KDM_ERR_NETWORK_HTTP_WRONG_VERB, KDM_PROPS(http->verb, verbs));
}

static enum kdm_step_result enter_door(struct kdm_request *request,
                                       const struct kdm_route_match *match)
{
    struct kdm_door_call *call = make_call(request);
    const char *wrong;

    if (match->route == NULL)
        return refuse_route(request);
    wrong = kdm_door_read(&request->arena, request->door, match, request->http_request, call);
    if (wrong != NULL)
        return fail(request, KDM_ERR_NETWORK_HTTP_UNEXPECTED_ERROR, KDM_PROPS(kdm_str_of(wrong)));
    ask_operation(request, &request->door->table->actions[match->route->action]);
    return KDM_STEP_NEXT;
}

/* Does it come in by another vendor's API? */
static bool finds_door(struct kdm_request *request, struct kdm_route_match *ret_match)
{
    const struct kdm_http_request *http = request->http_request;

    request->door =
        kdm_doors_find(request->api->doors, &request->arena, http->verb, http->path, ret_match);
    return request->door != NULL;
}

/* What Kuzzle has no route for either may be a path of a door, by another verb. */
static bool finds_path(struct kdm_request *request)
{
    const struct kdm_http_request *http = request->http_request;
    struct kdm_route_match match;
    struct kdm_str verbs;

    if (!kdm_router_find(request->api->router, &request->arena, http->verb, http->path, &match))
        request->door = kdm_doors_of_path(request->api->doors, &request->arena, http->path, &verbs);
    return request->door != NULL;
}

static enum kdm_step_result decode_http(struct kdm_request *request)
{
    struct kdm_api *api = request->api;
    struct kdm_http_ask *http = &request->http;
    bool decoded = kdm_http_decode(
        &request->arena, api->router, api->options.protocol->actions, request->http_request,
        (struct kdm_str){ .ptr = request->peer->id, .len = KDM_UUID_LEN }, http, &request->failure);

    if (!decoded && finds_path(request)) {
        http->bare = false; /* which a malformed body makes Kuzzle's error */
        make_call(request);
        return refuse_route(request);
    }
    if (!decoded || http->kind == KDM_HTTP_HEALTH || http->kind == KDM_HTTP_READY) {
        take_http_id(request);
        if (decoded && http->kind == KDM_HTTP_READY && !ready_for_others(api))
            request->status = 503;
        return KDM_STEP_DONE;
    }
    return kdm_decode(&request->arena, &http->payload, &request->ask, &request->failure)
               ? KDM_STEP_NEXT
               : KDM_STEP_DONE;
}

/* Means nothing over the network: see kdm_api_message_nested(). */
static bool triggers_events(struct kdm_val root)
{
    return kdm_val_type(root) == KDM_JSON_OBJECT
           && kdm_val_type(kdm_val_get(root, KDM_STR("triggerEvents"))) == KDM_JSON_TRUE;
}

/* Of a text that is no request, so that whoever waits for its answer is told. */
static void salvage_request_id(struct kdm_request *request)
{
    struct kdm_val id = kdm_json_salvage(&request->arena, request->text, KDM_STR("requestId"));

    request->named = !kdm_val_none(id) && kdm_val_text(id).len > 2;
    if (!request->named) {
        make_request_id(request);
        return;
    }
    request->ask.request_id = kdm_val_str(&request->arena, id);
    request->ask.request_id_json = kdm_val_text(id);
}

static enum kdm_step_result decode_message(struct kdm_request *request)
{
    struct kdm_payload payload = { 0 };
    struct kdm_json_error error;

    if (!kdm_json_scan(&request->arena, request->text, &request->doc, &error)) {
        salvage_request_id(request);
        return fail(
            request, KDM_ERR_NETWORK_WEBSOCKET_UNEXPECTED_ERROR,
            KDM_PROPS(kdm_arena_printf(&request->arena, "%s at byte %zu", error.reason, error.at)));
    }
    payload.root = kdm_json_root(&request->doc);
    request->named = kdm_decode(&request->arena, &payload, &request->ask, &request->failure);
    request->silent = request->nested && !triggers_events(payload.root);
    if (!kdm_str_none(request->ask.request_id))
        request->named = true;
    else
        make_request_id(request);
    return request->failure.err == KDM_OK ? KDM_STEP_NEXT : KDM_STEP_DONE;
}

/* A value that is a string is echoed as it was written. */
static struct kdm_str echo(struct kdm_val val)
{
    return kdm_val_type(val) == KDM_JSON_STRING ? kdm_val_text(val) : KDM_STR_NONE;
}

static enum kdm_step_result decode(struct kdm_request *request)
{
    enum kdm_step_result result;
    struct kdm_route_match match;

    if (!request->is_http)
        result = decode_message(request);
    else if (finds_door(request, &match))
        result = enter_door(request, &match);
    else
        result = decode_http(request);
    request->http_request = NULL; /* lent for the call that started us */

    request->index = echo(request->ask.index);
    request->collection = echo(request->ask.collection);
    request->timestamp = request->ask.timestamp != 0 ? request->ask.timestamp : kdm_clock_ms();
    kdm_request_weigh(request);
    return result;
}

/* --- may it be done? ---------------------------------------------------------------------- */

static enum kdm_step_result check_origin(struct kdm_request *request)
{
    if (kdm_origins_allow(request->api->origins, request->peer->origin))
        return KDM_STEP_NEXT;
    return fail(request, KDM_ERR_API_PROCESS_UNAUTHORIZED_ORIGIN, KDM_PROPS(request->peer->origin));
}

static void note_overload(struct kdm_api *api, bool overloaded)
{
    if (api->overloaded == overloaded)
        return;
    api->overloaded = overloaded;
    if (overloaded)
        kdm_log_warn("overloaded: %zu requests with %zu MiB are running, new ones are refused",
                     api->in_flight, api->bytes_in_flight >> 20);
    else
        kdm_log_info("no longer overloaded");
}

/* What runs already may wait for a nested request, so that one is always let in. */
static enum kdm_step_result admit(struct kdm_request *request)
{
    struct kdm_api *api = request->api;
    bool overloaded = api->in_flight > api->options.max_in_flight
                      || api->bytes_in_flight > api->options.max_bytes_in_flight;

    note_overload(api, overloaded);
    if (request->nested)
        return KDM_STEP_NEXT;
    if (api->draining)
        return fail(request, KDM_ERR_API_PROCESS_SHUTTING_DOWN, NULL, 0);
    if (overloaded)
        return fail(request, KDM_ERR_API_PROCESS_OVERLOADED, NULL, 0);
    return KDM_STEP_NEXT;
}

static enum kdm_step_result refuse_user(struct kdm_request *request)
{
    kdm_events_hook(request, request->api->events->unauthorized);
    return KDM_STEP_DONE;
}

static void on_authenticated(struct kdm_auth_call *call, bool good)
{
    struct kdm_request *request =
        (struct kdm_request *)((char *)call - offsetof(struct kdm_request, auth));

    request->identified = good;
    kdm_request_resume(request, good ? KDM_STEP_NEXT : refuse_user(request));
}

/* A connection lasts; what is over HTTP or a plugin's is there for one request. */
static bool peer_lasts(const struct kdm_request *request)
{
    return !request->is_http && !request->nested;
}

/* What watches the server must see it when Redis is away. */
static bool is_harmless(const struct kdm_ask *ask)
{
    return kdm_str_eq(ask->controller, KDM_STR("server"));
}

static enum kdm_step_result ask_guard(struct kdm_request *request, struct kdm_str token)
{
    const struct kdm_guard *guard = request->api->options.guard;

    request->user.peer = peer_lasts(request) ? request->peer : NULL;
    request->auth = (struct kdm_auth_call){ .token = token,
                                            .harmless = is_harmless(&request->ask),
                                            .arena = &request->arena,
                                            .deadline_ms = request->deadline_ms,
                                            .user = &request->user,
                                            .failure = &request->failure,
                                            .done = on_authenticated };
    switch (guard->authenticate(guard->self, &request->auth)) {
    case KDM_AUTH_GOOD:
        request->identified = true;
        return KDM_STEP_NEXT;
    case KDM_AUTH_WAIT:
        return KDM_STEP_WAIT;
    case KDM_AUTH_BAD:
        break;
    }
    return refuse_user(request);
}

/* A plugin that brings no token asks in its own name: it may do everything, like the server it is
 * part of. */
static bool is_trusted(const struct kdm_request *request, const struct kdm_auth_token *token)
{
    return request->api->options.guard == NULL || (request->nested && kdm_str_none(token->text));
}

static enum kdm_step_result authenticate(struct kdm_request *request)
{
    const struct kdm_credentials credentials = {
        .jwt = request->ask.jwt,
        .cookie = request->peer->cookie,
        .cookie_auth = request->ask.cookie_auth,
        .cookies_enabled = request->api->options.cookie_authentication,
        .controller = request->ask.controller,
        .action = request->ask.action,
    };
    struct kdm_auth_token token;

    request->user.id = KDM_STR("-1");
    if (!kdm_auth_token(&credentials, &request->arena, &token, &request->failure))
        return refuse_user(request);
    request->user.judged = token.judged;
    if (!is_trusted(request, &token))
        return ask_guard(request, token.text);
    if (!kdm_str_none(token.text))
        return fail(request, KDM_ERR_SECURITY_TOKEN_INVALID, NULL, 0);
    return KDM_STEP_NEXT;
}

static enum kdm_step_result authorise(struct kdm_request *request)
{
    const struct kdm_guard *guard = request->api->options.guard;
    const struct kdm_ask *ask = &request->ask;
    const struct kdm_auth_question question = {
        .action = request->api->options.protocol->find(ask->controller, ask->action,
                                                       &request->controller_known),
        .ask = ask,
        .arena = &request->arena,
    };

    if (request->identified
        && !guard->authorise(guard->self, &request->user, &question, &request->failure))
        return request->failure.status == 429 ? KDM_STEP_DONE : refuse_user(request);
    request->action = question.action;
    return KDM_STEP_NEXT;
}

static enum kdm_step_result check_action(struct kdm_request *request)
{
    const struct kdm_ask *ask = &request->ask;

    if (request->action == NULL && !request->controller_known)
        return fail(request, KDM_ERR_API_PROCESS_CONTROLLER_NOT_FOUND, KDM_PROPS(ask->controller));
    if (request->action == NULL)
        return fail(request, KDM_ERR_API_PROCESS_ACTION_NOT_FOUND,
                    KDM_PROPS(ask->controller, ask->action));
    if (request->action->run == NULL)
        return fail(request, KDM_ERR_API_PROCESS_NOT_IMPLEMENTED,
                    KDM_PROPS(ask->controller, ask->action));
    if ((request->action->flags & KDM_ACTION_HTTP_ONLY) && !request->is_http)
        return fail(
            request, KDM_ERR_API_ASSERT_UNSUPPORTED_PROTOCOL,
            KDM_PROPS(kdm_str_of(request->peer->protocol),
                      kdm_arena_printf(&request->arena, "%s:%s", request->action->controller,
                                       request->action->action)));
    return KDM_STEP_NEXT;
}

static enum kdm_step_result check_sdk(struct kdm_request *request)
{
    if (!request->api->options.strict_sdk_version
        || kdm_sdk_check(&request->arena, request->ask.volatile_data, &request->failure))
        return KDM_STEP_NEXT;
    return KDM_STEP_DONE;
}

static enum kdm_step_result check_arguments(struct kdm_request *request)
{
    request->args.action = request->action;
    request->args.arena = &request->arena;
    request->args.http = request->is_http && request->http.kind == KDM_HTTP_ACTION;
    return kdm_args_check(&request->args, &request->ask, &request->failure) ? KDM_STEP_NEXT
                                                                            : KDM_STEP_DONE;
}

/* --- the action and those who listen ------------------------------------------------------ */

static struct kdm_action_events *events_of(struct kdm_request *request)
{
    return &request->api->events->actions[request->action->number];
}

static enum kdm_step_result authorised_pipes(struct kdm_request *request)
{
    return kdm_events_pipe(request, request->api->events->authorized);
}

static enum kdm_step_result before_pipes(struct kdm_request *request)
{
    return kdm_events_pipe(request, events_of(request)->before);
}

static enum kdm_outcome run_action(struct kdm_tx *tx, void *ctx)
{
    struct kdm_request *request = ctx;

    return request->action->run(tx, &request->args);
}

/* An action that works on another collection than the request names says so in its reply. */
static void take_target(struct kdm_request *request, const struct kdm_tx *tx)
{
    struct kdm_str index = kdm_tx_target_index(tx), collection = kdm_tx_target_collection(tx);

    if (!kdm_str_none(index))
        request->index = kdm_json_quoted(&request->arena, index);
    if (!kdm_str_none(collection))
        request->collection = kdm_json_quoted(&request->arena, collection);
}

static void on_acted(struct kdm_tx *tx, void *ctx)
{
    struct kdm_request *request = ctx;
    const struct kdm_failure *failure = kdm_tx_failure(tx);

    request->tx = tx;
    request->acted = true;
    request->result = kdm_tx_result(tx);
    request->status = kdm_tx_status(tx);
    take_target(request, tx);
    if (failure->err == KDM_OK) {
        kdm_request_resume(request,
                           kdm_request_admit_stream(request) ? KDM_STEP_NEXT : KDM_STEP_DONE);
        return;
    }
    request->failure = *failure;
    if (failure->status == 500)
        kdm_log_error("%s:%s failed: %s", request->action->controller, request->action->action,
                      kdm_err_row(failure->err)->name);
    kdm_request_resume(request, KDM_STEP_DONE);
}

static enum kdm_step_result act(struct kdm_request *request)
{
    const struct kdm_ask *ask = &request->ask;
    const struct kdm_tx_start start = {
        .arena = &request->arena,
        .origin = {
            /* What a plugin writes has no author: it is the server itself. */
            .kuid = request->nested ? KDM_STR_NONE : request->user.id,
            .request_id = ask->request_id,
            .controller = ask->controller,
            .action = ask->action,
            .volatile_json = kdm_val_text(ask->volatile_data),
            .protocol = request->peer->protocol,
            .peer = request->peer,
            .user = &request->user,
            .timestamp = request->timestamp,
        },
        .deadline_ms = request->deadline_ms,
        .parent = request->parent,
        .fn = run_action,
        .done = on_acted,
        .ctx = request,
    };

    request->woken = KDM_STEP_WAIT;
    request->tx = kdm_tx_run(request->api->engine, &start);
    return (enum kdm_step_result)request->woken;
}

static enum kdm_step_result after_pipes(struct kdm_request *request)
{
    return kdm_events_pipe(request, events_of(request)->after);
}

/* --- closing ------------------------------------------------------------------------------ */

static enum kdm_step_result conclude(struct kdm_request *request)
{
    struct kdm_events *events = request->api->events;

    if (request->failure.err == KDM_OK)
        return request->action == NULL ? KDM_STEP_NEXT : kdm_events_pipe(request, events->success);
    if (request->action != NULL)
        kdm_events_hook(request, events_of(request)->error);
    kdm_events_hook(request, events->error);
    return KDM_STEP_NEXT;
}

static enum kdm_step_result reply(struct kdm_request *request)
{
    kdm_request_reply(request);
    if (request->acted && request->failure.err == KDM_OK && request->peer != NULL)
        kdm_tx_replied(request->tx);
    return KDM_STEP_NEXT;
}

/* What the reply has begun with is sent to its end. */
static enum kdm_step_result send_stream(struct kdm_request *request)
{
    return request->sending ? kdm_request_send_stream(request) : KDM_STEP_NEXT;
}

#define STEP(fn)                                                                                   \
    {                                                                                              \
#fn, fn, false, false                                                                      \
    }
#define KUZZLE_STEP(fn)                                                                            \
    {                                                                                              \
#fn, fn, true, false                                                                       \
    }
#define CLOSING_STEP(fn)                                                                           \
    {                                                                                              \
#fn, fn, false, true                                                                       \
    }

const struct kdm_step kdm_request_steps[] = {
    STEP(decode),
    STEP(check_origin),
    STEP(admit),
    KUZZLE_STEP(authenticate),
    KUZZLE_STEP(authorise),
    KUZZLE_STEP(check_action),
    KUZZLE_STEP(check_sdk),
    KUZZLE_STEP(check_arguments),
    STEP(authorised_pipes),
    STEP(before_pipes),
    STEP(act),
    STEP(after_pipes),
    CLOSING_STEP(conclude),
    CLOSING_STEP(reply),
    CLOSING_STEP(send_stream),
};
const size_t kdm_request_step_count = sizeof(kdm_request_steps) / sizeof(kdm_request_steps[0]);
