/* door.h - another vendor's HTTP API beside Kuzzle's.
 * A door is a set of routes of its own (protocol/dialects/) below a prefix, looked at before
 * Kuzzle's. What comes in by one meets the same order of things as any request - origin, overload,
 * deadline, events, transaction - but not what is Kuzzle's alone: tokens, rights and checked
 * arguments. Its operation is an action like others that reads the call below; what it replies is
 * the body as it stands, and what fails is told in the door's own words. Loop thread only.
 */
#ifndef KDM_API_DOOR_H
#define KDM_API_DOOR_H

#include "api/action.h"
#include "api/peer.h"
#include "api/query.h"
#include "api/route.h"

/* Another vendor's API as protocol/dialects/ has it; paths are below its prefix. Generated:
 * doors.gen.h. */
struct kdm_door_table {
    const char *name;                 /* "mindsphere" */
    const struct kdm_action *actions; /* numbered on from those of kdm_actions[], over all tables */
    size_t action_count;
    const struct kdm_route *routes; /* their action is the place in `actions` */
    size_t route_count;
};

/* A request as an operation behind a door sees it. All texts are of the request's arena; those of
 * the path and the query are UTF-8, those of headers any bytes. */
struct kdm_door_call {
    const struct kdm_door *door;
    struct kdm_str verb;
    size_t param_count;
    struct kdm_str names[KDM_ROUTE_PARAMS_MAX], values[KDM_ROUTE_PARAMS_MAX];
    struct kdm_query_args query; /* decoded */
    struct kdm_str content_type;
    struct kdm_str body;       /* empty: none */
    struct kdm_str request_id; /* of this request, unique on the node */
    bool routed; /* false: no route was found, or it was refused before; of the others only door
                  * and request_id may be filled in */
    const struct kdm_http_header *headers;
    size_t header_count;
};

/* One line about a request that ended with this status, when that is an error's: the id is what the
 * vendor's client was told to ask us with. `operation`: its name, or what refused it. */
void kdm_door_log(const struct kdm_door_call *call, const char *operation, int status);

/* What a failure says, without the words that Kuzzle's clients know: for doors to tell it. Lent. */
struct kdm_str kdm_door_reason(const struct kdm_failure *failure);

/* The value of a header, its name in any case; none when absent. */
struct kdm_str kdm_door_header(const struct kdm_door_call *call, struct kdm_str name);
/* Is the body JSON by its type, whatever its parameters? A type that is not given counts as it. */
bool kdm_door_is_json(const struct kdm_door_call *call);
/* A parameter of the route; none when the route has no such one. */
struct kdm_str kdm_door_param(const struct kdm_door_call *call, struct kdm_str name);

struct kdm_door {
    const struct kdm_door_table *table;
    const void *config;    /* the vendor's own, for its operations */
    struct kdm_str prefix; /* "/api/x", or empty */
    bool open;             /* no credentials are configured: it answers everybody */
    bool owns_prefix;      /* a path below it that has no route is a failure of this door */
    /* The body that tells a failure, and its status. */
    void (*put_failure)(const struct kdm_door_call *call, const struct kdm_failure *failure,
                        struct kdm_arena *arena, struct kdm_buf *body, int *ret_status);
};

struct kdm_doors;

/* Borrows the doors, which outlive it. */
struct kdm_doors *kdm_doors_create(const struct kdm_door *doors, size_t count);
/* NULL is fine. */
void kdm_doors_destroy(struct kdm_doors *doors);

/* The door that answers this request; NULL: it is Kuzzle's. A path that the door owns and has no
 * route for leaves ret_match->route NULL. */
const struct kdm_door *kdm_doors_find(const struct kdm_doors *doors, struct kdm_arena *arena,
                                      struct kdm_str verb, struct kdm_str path,
                                      struct kdm_route_match *ret_match);

/* The door that has routes for this path, by whatever verb, and those verbs ("GET, POST"); NULL:
 * none has. */
const struct kdm_door *kdm_doors_of_path(const struct kdm_doors *doors, struct kdm_arena *arena,
                                         struct kdm_str path, struct kdm_str *ret_verbs);

/* What `call` keeps of the request, copied into the arena. Returns NULL, or what is wrong: more
 * query arguments than KDM_QUERY_MAX, or a path or a query that is no UTF-8. */
const char *kdm_door_read(struct kdm_arena *arena, const struct kdm_door *door,
                          const struct kdm_route_match *match,
                          const struct kdm_http_request *request, struct kdm_door_call *ret_call);

#endif
