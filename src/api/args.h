/* args.h - checking a request's arguments against its action's row.
 * The typing is that of reference kuzzle-protocol.md 5.4; HTTP, where all arguments are text, is
 * read more leniently. Errors come in the order of the row. Pure functions over an arena, any
 * thread.
 */
#ifndef KDM_API_ARGS_H
#define KDM_API_ARGS_H

#include "api/action.h"
#include "api/decode.h"

/* Fills args->values and args->body from `ask`. args->action, ->arena and ->http are set by the
 * caller. */
bool kdm_args_check(struct kdm_args *args, const struct kdm_ask *ask,
                    struct kdm_failure *ret_failure);

#endif
