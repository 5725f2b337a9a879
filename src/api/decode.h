/* decode.h - what a payload asks for: the checks every request meets before its action is known.
 * The rules are those of the wire (reference kuzzle-protocol.md 2, 2.1 and 2.2). Pure functions
 * over an arena, any thread.
 */
#ifndef KDM_API_DECODE_H
#define KDM_API_DECODE_H

#include "base/err.h"
#include "json/json.h"

/* A payload, and what the transport puts in place of its members (HTTP headers and body). */
struct kdm_payload {
    struct kdm_val root;          /* any JSON value */
    struct kdm_str request_id;    /* none: the payload's own */
    struct kdm_str jwt;           /* likewise */
    struct kdm_val volatile_data; /* NONE: likewise */
    struct kdm_val body;          /* likewise */
};

/* Texts and values are slices of the payload or of the arena. */
struct kdm_ask {
    struct kdm_val payload;            /* the object itself */
    struct kdm_str controller, action; /* none: absent */
    struct kdm_str request_id;         /* none: one must be made */
    struct kdm_str request_id_json;    /* the same as a JSON string */
    struct kdm_str jwt;                /* none: not given */
    struct kdm_val volatile_data, body, index, collection, id;
    struct kdm_val targets; /* of a search; over HTTP a string that holds them. NONE: absent */
    int64_t timestamp; /* 0: not given */
    bool cookie_auth;
    bool more; /* has members that are not named here: arguments */
};

/* Reads the payload. On failure *ret_failure is set and *ret_ask holds what could be read all the
 * same, so that the error can name the request; request_id then never comes from a member of the
 * wrong type. */
bool kdm_decode(struct kdm_arena *arena, const struct kdm_payload *payload, struct kdm_ask *ret_ask,
                struct kdm_failure *ret_failure);

/* Puts other arguments in place: what a pipe made of them. `args` is an object without envelope
 * members. */
void kdm_decode_arguments(struct kdm_arena *arena, struct kdm_val args, struct kdm_val body,
                          struct kdm_ask *ask);

#endif
