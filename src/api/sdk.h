/* sdk.h - is the client's SDK recent enough (strictSdkVersion). Pure, any thread. */
#ifndef KDM_API_SDK_H
#define KDM_API_SDK_H

#include "base/err.h"
#include "json/json.h"

/* `volatile_data`: the request's. false with *ret_failure set when it names an SDK that is too old
 * (reference kuzzle-protocol.md 6). */
bool kdm_sdk_check(struct kdm_arena *arena, struct kdm_val volatile_data,
                   struct kdm_failure *ret_failure);

#endif
