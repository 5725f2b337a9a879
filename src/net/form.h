/* form.h - HTML form bodies as JSON text (kuzzle-protocol.md 5.1, step 5). Pure functions, any
 * thread. */
#ifndef KDM_NET_FORM_H
#define KDM_NET_FORM_H

#include "base/buf.h"

/* More fields than this are refused: telling repeated names apart takes a look at all of them. */
#define KDM_FORM_FIELDS_MAX 1000

/* application/x-www-form-urlencoded as an object of strings, a repeated name as an array of them.
 * Appends to `json`; false with *ret_reason (static) when refused. What is left half-written is in
 * `json`. */
bool kdm_form_urlencoded(struct kdm_arena *arena, struct kdm_str body, struct kdm_buf *json,
                         const char **ret_reason);

/* multipart/form-data: plain fields are strings, files {"filename":..,"encoding":<media
 * type>,"file":<base64>}. `content_type` holds the boundary. Likewise. */
bool kdm_form_multipart(struct kdm_arena *arena, struct kdm_str content_type, struct kdm_str body,
                        struct kdm_buf *json, const char **ret_reason);

#endif
