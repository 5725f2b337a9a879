/* action.h - the row of the action table, and how an action reads its arguments.
 * Rows are generated from protocol/ (scripts/generate); an action that is declared there and
 * not implemented has run == NULL and answers 501. Arguments are checked against the row before
 * the action runs, so no action checks types. Loop thread only.
 */
#ifndef KDM_API_ACTION_H
#define KDM_API_ACTION_H

#include "args.gen.h" /* enum kdm_arg: KDM_ARG_INDEX, KDM_ARG__ID, KDM_ARG_BODY_METADATA, ... */
#include "tx/tx.h"

enum kdm_arg_type {
    KDM_ARG_TYPE_STRING,
    KDM_ARG_TYPE_INTEGER, /* safe integer, also from numeric text */
    KDM_ARG_TYPE_NUMBER,  /* also from numeric text */
    KDM_ARG_TYPE_BOOLEAN, /* WebSocket: true or false; HTTP: presence */
    KDM_ARG_TYPE_ARRAY,   /* HTTP: also text that holds a JSON array */
    KDM_ARG_TYPE_OBJECT,  /* HTTP: also text that holds a JSON object */
    KDM_ARG_TYPE_STRINGS, /* array of strings, or "a,b" */
    KDM_ARG_TYPE_REFRESH, /* "wait_for" or "false", strict (kuzzle-core-api.json _about.refresh) */
    KDM_ARG_TYPE_REFRESH_LENIENT,
    KDM_ARG_TYPE_ENUM, /* one of row->values */
    KDM_ARG_TYPE_ANY
};

#define KDM_ARG_REQUIRED 1u
#define KDM_ARG_BODY     2u /* a member of the body: strict typing, named body.x in errors */

struct kdm_arg_row {
    enum kdm_arg id;
    const char *name; /* "index"; "body.metadata" */
    uint8_t type;     /* enum kdm_arg_type */
    uint8_t flags;
    const char *const *values; /* ENUM: NULL-terminated */
    const char *alias;         /* another name it is also taken from when absent ("index" for engineId), or NULL */
    const char *expected;      /* fills "expected" in the error's text */
};

#define KDM_ACTION_WRITE     1u  /* changes something */
#define KDM_ACTION_BODY      2u  /* a body is required (api.assert.body_required) */
#define KDM_ACTION_HTTP_ONLY 4u
#define KDM_ACTION_RAW       8u  /* the result is the whole reply (server:openapi) */
#define KDM_ACTION_VOID      16u /* no result member in the reply */
#define KDM_ACTION_BODY_ANY  32u /* body may be an array */

struct kdm_args;
typedef enum kdm_outcome kdm_action_fn(struct kdm_tx *tx, const struct kdm_args *args);

struct kdm_action {
    const char *controller, *action; /* as replies show them: an alias row shows its target's here */
    const char *asked_controller, *asked_action; /* as requests name it; differs for aliases */
    const char *summary;
    kdm_action_fn *run; /* NULL: not implemented yet */
    const struct kdm_arg_row *args;
    uint16_t arg_count;
    uint16_t flags;
    uint16_t number; /* its place in kdm_actions[] */
};

/* Sorted by asked controller, then asked action; behind these kdm_action_count rows others up to kdm_action_rows
 * that no request can name: routes of Kuzzle that lead nowhere. */
extern const struct kdm_action kdm_actions[];
extern const size_t kdm_action_count, kdm_action_rows;

/* The row for a request's controller and action, by a perfect or seeded hash; NULL when there is none.
 * *ret_controller_known tells which of the two 404s it is. */
const struct kdm_action *kdm_action_find(struct kdm_str controller, struct kdm_str action,
                                         bool *ret_controller_known);

/* A HTTP route: verb and path of segments; ":name" is a parameter. Literal segments win over parameters
 * without backtracking (kuzzle-protocol.md 5.3). */
struct kdm_route {
    const char *verb, *path;
    uint16_t action; /* number in kdm_actions[] */
};
extern const struct kdm_route kdm_routes[];
extern const size_t kdm_route_count;

/* The tables above as one value, for kdm_api_create(): api/ itself names no table, since actions stand behind it
 * in link order and tests bring tables of their own. */
struct kdm_protocol {
    const struct kdm_action *actions;
    size_t action_count, action_rows;
    const struct kdm_action *(*find)(struct kdm_str controller, struct kdm_str action,
                                     bool *ret_controller_known);
    const struct kdm_route *routes;
    size_t route_count;
};

/* What scripts/generate made: struct kdm_protocol protocol = KDM_PROTOCOL_GENERATED; */
#define KDM_PROTOCOL_GENERATED                                                                     \
    {                                                                                              \
        .actions = kdm_actions, .action_count = kdm_action_count, .action_rows = kdm_action_rows,  \
        .find = kdm_action_find,                                                                   \
        .routes = kdm_routes, .route_count = kdm_route_count                                       \
    }

#define KDM_ARGS_MAX 24

/* A request's checked arguments. values[i] belongs to action->args[i]; NONE when absent or null. */
struct kdm_args {
    const struct kdm_action *action;
    struct kdm_arena *arena;
    struct kdm_val envelope; /* the whole request; over HTTP: path and query arguments, without the body */
    struct kdm_val body;     /* NONE: there is none */
    bool http;               /* plain HTTP request (not POST /_query) */
    const struct kdm_door_call *call; /* behind a door, whose operations have no checked arguments; else NULL */
    struct kdm_val values[KDM_ARGS_MAX];
};

/* The value of an argument of this action's row, NONE when absent; asking for one that the row does not have is
 * our bug (asserted). */
struct kdm_val kdm_args_val(const struct kdm_args *args, enum kdm_arg id);
bool kdm_args_has(const struct kdm_args *args, enum kdm_arg id);
/* None when absent. */
struct kdm_str kdm_args_str(const struct kdm_args *args, enum kdm_arg id);
bool kdm_args_bool(const struct kdm_args *args, enum kdm_arg id);
int64_t kdm_args_int(const struct kdm_args *args, enum kdm_arg id, int64_t absent);
double kdm_args_double(const struct kdm_args *args, enum kdm_arg id, double absent);
/* A STRINGS argument, in the arena. */
struct kdm_str_list kdm_args_strings(const struct kdm_args *args, enum kdm_arg id);

/* Generated documents, as JSON text. */
extern const struct kdm_str kdm_public_api;      /* result of server:publicApi */
extern const struct kdm_str kdm_openapi_kuzzle;  /* server:openapi scope kuzzle */
extern const struct kdm_str kdm_openapi_app;     /* scope app */

#endif
